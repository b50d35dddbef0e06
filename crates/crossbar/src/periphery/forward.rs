//! [`Periphery::forward`]: a batch through DAC, array and ADC.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use numerics::{Par, Seed};

use super::adc::Columns;
use super::chunk::{CHUNK, Pass, Written};
use super::clip_mask::{ClipMask, ClipMasks};
use super::draw::Streams;
use super::epilogue::Chain;
use super::inputs::{Convert, SumKind};
use super::operands::{Accum, Digital, Kept, MvmNoise, Saturation};
use super::pack::ArrayWeights;
use super::product::{INTEGER_CODE, INTEGER_DROP, INTEGER_INPUTS, LANES};
use super::results::PaddedColumns;
use super::simd::dispatch;
use super::windows::{Converted, Inputs, SLACK, Source, Windows};
use super::{BoundManagement, ConverterRounding, NoiseManagement, PeripheryConfig, ReadNoise};
use crate::TileError;
use crate::wires::IrDropConfig;

/// The periphery of one array: converters with their column errors, ready to multiply.
#[derive(Clone, Debug)]
pub struct Periphery {
    pub(super) config: PeripheryConfig,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) chain: Chain,
    columns: Columns,
    /// By panel, a bit for each output that its converter saturates without any input.
    pub(super) beyond_help: Vec<u32>,
    pub(super) sums: SumKind,
}

impl Periphery {
    /// The periphery of an array; `seed` draws what differs between its columns.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a field of a configuration is out of range.
    ///
    /// # Panics
    ///
    /// If there are no inputs or no outputs.
    #[track_caller]
    pub fn new(
        config: &PeripheryConfig,
        wires: &IrDropConfig,
        inputs: usize,
        outputs: usize,
        seed: &Seed,
    ) -> Result<Self, TileError> {
        assert!(inputs > 0 && outputs > 0, "an array of {outputs} × {inputs} has no weights");
        config.check()?;
        wires.check()?;
        let PeripheryConfig { dac, read_noise, adc, .. } = config;
        let columns = adc.columns(outputs, seed);
        let beyond_help = (columns.offset.chunks(LANES))
            .map(|offsets| {
                let bit = |(lane, &offset)| u32::from(adc.is_saturated_by(offset)) << lane;
                offsets.iter().enumerate().map(bit).sum()
            })
            .collect();
        let (pcm, constant) = match *read_noise {
            ReadNoise::None => (0.0, 0.0),
            ReadNoise::Pcm { sigma } => (sigma * sigma, 0.0),
            ReadNoise::Constant { sigma } => (0.0, sigma * sigma),
        };
        let chain = Chain {
            unit: dac.step().unwrap_or(1.0),
            drop_gain: wires.gamma() * inputs as f32,
            drop_scale: wires.scale,
            pcm_variance: pcm,
            constant_variance: constant,
            output_noise: adc.noise,
            s_shape: adc.s_shape.is_some(),
            prefactor: columns.prefactor,
            step: adc.step().unwrap_or(0.0),
            bound: adc.bound.unwrap_or(f32::INFINITY),
            stochastic: adc.steps.is_some() && adc.rounding == ConverterRounding::Stochastic,
        };
        // With an odd or broken number of steps the codes at the bounds are no integers.
        let small_codes = dac.steps.is_some_and(|steps| {
            let largest = 0.5 * steps;
            largest <= INTEGER_CODE && largest.fract() == 0.0
        });
        let small_drop = wires.scale * wires.gamma() <= INTEGER_DROP;
        let sums = if wires.scale * wires.gamma() == 0.0 && pcm == 0.0 {
            SumKind::Plain
        } else if small_codes && small_drop && dac.noise == 0.0 && inputs <= INTEGER_INPUTS {
            SumKind::Integer
        } else {
            SumKind::Float
        };
        let config = *config;
        Ok(Self { config, inputs, outputs, chain, columns, beyond_help, sums })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &PeripheryConfig {
        &self.config
    }

    /// Multiplies a batch by the weights of an array.
    ///
    /// ```text
    /// y = β + α γ ⊙ ADC( W̃ · DAC(x/α) )
    /// ```
    ///
    /// with every nonideality of the configuration in the order of the [module](super). Noise is
    /// drawn anew for every sample and output; sample s and output i use position
    /// (`first_sample` + s) · out + i of their stream. Without an S-shape read noise and output
    /// noise are drawn as one normal number with the sum of their variances.
    ///
    /// Results have the same bits for every number of threads and every split of the batch.
    ///
    /// An input that is NaN counts as 0 and an infinite one as the end of the range; both are counted
    /// as saturated. An output with a weight that is NaN or infinite is NaN for every input.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in)
    /// - `x`: (batch, in)
    /// - `digital.scale`: (out); `digital.bias`: (out) or empty
    /// - `y`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs, or the input range is not finite and positive.
    ///
    /// Source: [Rasch23 Eq. 1–2].
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and a result")]
    pub fn forward(
        &self,
        weights: &ArrayWeights,
        x: &[f32],
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
    ) -> Saturation {
        let x = Inputs::Rows(x);
        self.forward_into(weights, x, digital, noise, accum, par, y, Kept::default(), None)
    }

    /// [`Self::forward`] for rows or windows, which keeps what the gradients of digital scales and
    /// of saturated outputs need. Where α z is kept, γ is multiplied with it, and not with α first.
    ///
    /// The results of windows are those of the rows that they stand for, bit for bit. Inputs that
    /// saturate are counted once, however many windows read them.
    ///
    /// # Shapes
    ///
    /// As [`Self::forward`]; `kept.products`: (batch, out). The mask is made to fit.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`], or if a window leaves its image.
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
    pub fn forward_kept(
        &self,
        weights: &ArrayWeights,
        x: Inputs<'_>,
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
        kept: Kept<'_>,
    ) -> Saturation {
        self.forward_into(weights, x, digital, noise, accum, par, y, kept, None)
    }

    /// [`Self::forward`], which also says which inputs and outputs were clipped.
    ///
    /// Results, noise and saturation are those of [`Self::forward`], bit for bit. A straight-through
    /// gradient then is, with δ = ∂L/∂y and W̃ the weights that were multiplied,
    ///
    /// ```text
    /// δ_z = mask_out(δ) ⊙ γ,      ∂L/∂x = δ_z · W̃,      ∂L/∂W̃ = δ_zᵀ x,
    /// ∂L/∂α ∝ Σ_{x ≥ α} min(∂L/∂x, 0) − Σ_{x ≤ −α} max(∂L/∂x, 0)        over clipped inputs
    /// ```
    ///
    /// `masks` is made to fit; its memory is reused from call to call. With bound management the
    /// outputs are those of the last attempt.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    ///
    /// Source: [Rasch23 Methods, "input range"]; AIHWKit 1.1.0, `periphery.py`.
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
    pub fn forward_with_masks(
        &self,
        weights: &ArrayWeights,
        x: &[f32],
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
        masks: &mut ClipMasks,
    ) -> Saturation {
        let kept = Kept { clipped: Some(&mut masks.outputs), products: None };
        let (x, inputs) = (Inputs::Rows(x), Some(&mut masks.inputs));
        self.forward_into(weights, x, digital, noise, accum, par, y, kept, inputs)
    }

    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
    fn forward_into(
        &self,
        weights: &ArrayWeights,
        x: Inputs<'_>,
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
        kept: Kept<'_>,
        clipped_inputs: Option<&mut ClipMask>,
    ) -> Saturation {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert_eq!(
            (weights.outputs(), weights.inputs()),
            (outputs, inputs),
            "(out, in) of the weights is not that of the periphery"
        );
        let batch = x.samples(inputs);
        assert_eq!(y.len(), batch * outputs, "{} outputs for {batch} × {outputs}", y.len());
        let products = kept.products.as_ref().map_or(y.len(), |products| products.len());
        assert_eq!(products, y.len(), "products are kept as (batch, out)");
        assert_eq!(digital.scale.len(), outputs, "scales are not one per output");
        let bias = digital.bias.len();
        assert!(bias == 0 || bias == outputs, "{bias} biases for {outputs} outputs");
        let range = digital.input_range;
        assert!(range > 0.0 && range.is_finite(), "input range {range} is not finite and > 0");

        let padded = PaddedColumns::new(&self.columns, &digital);
        let streams = self.streams(&noise.seed);
        let mut images = CONVERTED.take();
        let converted = match &x {
            Inputs::Windows(windows) if self.shares_codes() => {
                Some(self.convert_images(windows, digital.input_range, weights, &mut images))
            }
            _ => None,
        };
        let (in_count, out_count) = (AtomicU64::new(converted.unwrap_or(0)), AtomicU64::new(0));

        let words = |mask: Option<_>, columns| {
            mask.map(|mask: &mut ClipMask| {
                mask.reset(batch, columns);
                mask.chunks_mut(CHUNK)
            })
        };
        let mut input_words = words(clipped_inputs, inputs);
        let mut output_words = words(kept.clipped, outputs);
        let mut products = kept.products.map(|products| products.chunks_mut(CHUNK * outputs));
        let units = y.chunks_mut(CHUNK * outputs).map(|y| Written {
            y,
            products: products.as_mut().and_then(Iterator::next),
            clipped_inputs: input_words.as_mut().and_then(Iterator::next),
            clipped_outputs: output_words.as_mut().and_then(Iterator::next),
        });
        let mut units: Vec<Written<'_>> = units.collect();
        let strips = self.strips(weights.panels());
        strips.iter().for_each(|panels| {
            par.for_each_chunk(&mut units, 1, |chunk, unit| {
                let written = &mut unit[0];
                let samples = written.y.len() / outputs;
                let first = chunk * CHUNK;
                let pass = Pass {
                    periphery: self,
                    weights,
                    padded: &padded,
                    streams: &streams,
                    seed: noise.seed,
                    first_sample: noise.first_sample + first as u64,
                    panels: panels.clone(),
                };
                let range = digital.input_range;
                let seen = match (&x, converted) {
                    (Inputs::Rows(x), _) => {
                        let rows = &x[first * inputs..(first + samples) * inputs];
                        pass.run(Source::Rows(rows), range, accum, written)
                    }
                    (Inputs::Windows(windows), Some(_)) => {
                        let source = Source::Converted { images: &images, windows, first };
                        pass.run(source, range, accum, written)
                    }
                    (Inputs::Windows(windows), None) => {
                        let mut rows = GATHERED.take();
                        windows.gather(windows.images, first..first + samples, inputs, &mut rows);
                        let seen = pass.run(Source::Rows(&rows), range, accum, written);
                        GATHERED.set(rows);
                        seen
                    }
                };
                // Integer sums do not depend on the order of the threads. Each strip sees all inputs.
                if panels.start == 0 {
                    in_count.fetch_add(seen.inputs, Ordering::Relaxed);
                }
                out_count.fetch_add(seen.outputs, Ordering::Relaxed);
            })
        });
        CONVERTED.set(images);
        Saturation { inputs: in_count.into_inner(), outputs: out_count.into_inner() }
    }

    /// The streams of a pass.
    pub(super) fn streams(&self, seed: &Seed) -> Streams {
        Streams::new(seed, &self.config.dac, &self.chain)
    }

    /// The panels in strips. Bound management looks at all outputs of a sample at once.
    fn strips(&self, panels: usize) -> Vec<Range<usize>> {
        let strip = match self.config.dac.bound_management {
            BoundManagement::None => STRIP,
            BoundManagement::Iterative { .. } => panels,
        };
        (0..panels).step_by(strip).map(|first| first..panels.min(first + strip)).collect()
    }

    /// Whether the converter does the same to a value in every window.
    fn shares_codes(&self) -> bool {
        let dac = &self.config.dac;
        dac.noise == 0.0
            && dac.rounding == ConverterRounding::Nearest
            && dac.noise_management == NoiseManagement::None
            && dac.bound_management == BoundManagement::None
    }

    /// Converts all values of the images and returns how many of them saturated.
    fn convert_images(
        &self,
        windows: &Windows<'_>,
        range: f32,
        weights: &ArrayWeights,
        images: &mut Converted,
    ) -> u64 {
        let (dac, unit) = (&self.config.dac, self.chain.unit);
        // The squares of constant noise are summed over rows.
        let in_place = self.sums == SumKind::Integer && self.chain.constant_variance == 0.0;
        let two_phases = weights.negative().is_some();
        images.begin(windows, in_place);
        let codes = images.codes_mut(two_phases);
        codes.resize(windows.images.len().next_multiple_of(4) + SLACK, 0.0);
        let mut saturated = 0;
        dispatch(Convert {
            x: windows.images,
            scale: 1.0 / (range * unit),
            bound: dac.bound / unit,
            stepped: dac.steps.is_some(),
            uniform: &[],
            codes,
            saturated: &mut saturated,
        });
        images.finish(two_phases);
        saturated
    }
}

/// Panels of outputs that are formed for all samples before the next ones, so that their weights
/// are read from a cache.
const STRIP: usize = 32;

thread_local! {
    /// Codes of images, for the memory.
    static CONVERTED: RefCell<Converted> = RefCell::default();
    /// Rows of windows, for the memory.
    static GATHERED: RefCell<Vec<f32>> = RefCell::default();
}
