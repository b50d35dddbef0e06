//! [`Periphery::forward`]: a batch through DAC, array and ADC.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use numerics::Par;

use super::accum::Accum;
use super::chunk::{CHUNK, Pass};
use super::clip_mask::ClipMask;
use super::codes::{ConverterRounding, InputCodes};
use super::dac::{BoundManagement, NoiseManagement};
use super::encoding::{Bits, Digits};
use super::inputs::{Convert, SumKind};
use super::operands::{Batch, Digital, Out, Saturation};
use super::pack::ArrayWeights;
use super::results::{PaddedColumns, Written};
use super::set_up::Periphery;
use super::simd::dispatch;
use super::windows::{Converted, Inputs, SLACK, Source, Windows};

impl Periphery {
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
    /// The results of windows are those of the rows that they stand for, bit for bit. Inputs that
    /// saturate are counted once, however many windows read them, unless the converter draws for
    /// each of them anew or their mask is kept.
    ///
    /// A straight-through gradient, with δ = ∂L/∂y and W̃ the weights that were multiplied, is
    ///
    /// ```text
    /// δ_z = mask_out(δ) ⊙ γ,      ∂L/∂x = δ_z · W̃,      ∂L/∂W̃ = δ_zᵀ x,
    /// ∂L/∂α ∝ Σ_{x ≥ α} min(∂L/∂x, 0) − Σ_{x ≤ −α} max(∂L/∂x, 0)        over clipped inputs
    /// ```
    ///
    /// Inputs that come in [slices](super::InputEncoding::BitSerial) take a conversion for each, and the results
    /// are added up with their weights.
    ///
    /// With bound management the outputs that are kept are those of the last attempt.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in)
    /// - `batch.inputs`: (batch, in)
    /// - `digital.scale`: (out); `digital.bias`: (out) or empty
    /// - `out.y`, `out.products`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs, a window leaves its image, or the input range is not finite and positive.
    ///
    /// Source: [Rasch23 Eq. 1–2; Methods, "input range"]; AIHWKit 1.1.0, `periphery.py`.
    #[track_caller]
    pub fn forward(
        &self,
        weights: &ArrayWeights,
        batch: Batch<Inputs<'_>>,
        digital: Digital<'_>,
        par: Par,
        out: Out<'_>,
    ) -> Saturation {
        let Some(slices) = &self.slices else {
            return self.convert(weights, batch, digital, par, out, None);
        };
        let Out { y, accum, mut products, mut clipped_inputs, mut clipped_outputs } = out;
        let mut saturation = Saturation::default();
        for slice in 0..slices.factors.len() {
            // Inputs saturate, and the bias is added, once.
            let first = slice == 0;
            let out = Out {
                y: &mut *y,
                accum: if first { accum } else { Accum::Add },
                products: products.as_deref_mut(),
                clipped_inputs: clipped_inputs.take(),
                clipped_outputs: clipped_outputs.as_deref_mut(),
            };
            let digital = Digital { bias: if first { digital.bias } else { &[] }, ..digital };
            let seen = self.convert(weights, batch, digital, par, out, Some(slice));
            saturation.outputs += seen.outputs;
            saturation.drops += seen.drops;
            saturation.inputs += if first { seen.inputs } else { 0 };
        }
        saturation
    }

    /// The results of one slice alone, or of whole inputs.
    #[track_caller]
    pub(crate) fn convert_slice(
        &self,
        weights: &ArrayWeights,
        batch: Batch<Inputs<'_>>,
        digital: Digital<'_>,
        par: Par,
        y: &mut [f32],
        slice: usize,
    ) {
        let slice = self.slices.is_some().then_some(slice);
        self.convert(weights, batch, digital, par, Out::replace(y), slice);
    }

    /// [`Self::forward`] for whole inputs, or for one slice of them; the first one replaces what is kept
    /// beside the results, and the others are added to it.
    #[track_caller]
    fn convert(
        &self,
        weights: &ArrayWeights,
        batch: Batch<Inputs<'_>>,
        digital: Digital<'_>,
        par: Par,
        out: Out<'_>,
        slice: Option<usize>,
    ) -> Saturation {
        let Batch { inputs: x, noise } = batch;
        let Out { y, accum, products, clipped_inputs, clipped_outputs } = out;
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert_eq!(
            (weights.outputs(), weights.inputs()),
            (outputs, inputs),
            "(out, in) of the weights is not that of the periphery"
        );
        let batch = x.samples(inputs);
        assert_eq!(y.len(), batch * outputs, "{} outputs for {batch} × {outputs}", y.len());
        let room = products.as_ref().map_or(y.len(), |products| products.len());
        assert_eq!(room, y.len(), "products are kept as (batch, out)");
        assert_eq!(digital.scale.len(), outputs, "scales are not one per output");
        let bias = digital.bias.len();
        assert!(bias == 0 || bias == outputs, "{bias} biases for {outputs} outputs");
        let range = digital.input_range;
        assert!(range > 0.0 && range.is_finite(), "input range {range} is not finite and > 0");

        let padded = PaddedColumns::new(&self.columns, &digital);
        let joins = slice.is_some_and(|slice| slice > 0);
        let (seed, bits, factor) = match (slice, &self.slices) {
            (Some(slice), Some(slices)) => {
                let seed = noise.seed.child("slice").child(slice);
                (seed, Some(slices.bits(slice)), slices.factors[slice])
            }
            _ => (noise.seed, None, 1.0),
        };
        let mut streams = self.streams(&seed);
        if slice.is_some() {
            // All slices are those of one code.
            streams.input_rounding = self.streams(&noise.seed).input_rounding;
        }
        let mut images = CONVERTED.take();
        let converted = match &x {
            Inputs::Windows(windows) if self.shares_codes() && clipped_inputs.is_none() => {
                Some(self.convert_images(windows, digital.input_range, weights, bits, &mut images))
            }
            _ => None,
        };
        let in_count = AtomicU64::new(converted.unwrap_or(0));
        let (out_count, drop_count) = (AtomicU64::new(0), AtomicU64::new(0));

        let words = |mask: Option<_>, columns| {
            mask.map(|mask: &mut ClipMask| {
                if !joins {
                    mask.reset(batch, columns);
                }
                mask.chunks_mut(CHUNK)
            })
        };
        let mut input_words = words(clipped_inputs, inputs);
        let mut output_words = words(clipped_outputs, outputs);
        let mut products = products.map(|products| products.chunks_mut(CHUNK * outputs));
        let units = y.chunks_mut(CHUNK * outputs).map(|y| Written {
            y,
            products: products.as_mut().and_then(Iterator::next),
            clipped_inputs: input_words.as_mut().and_then(Iterator::next),
            clipped_outputs: output_words.as_mut().and_then(Iterator::next),
            joins,
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
                    seed,
                    first_sample: noise.first_sample + first as u64,
                    panels: panels.clone(),
                    bits,
                    factor,
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
                drop_count.fetch_add(seen.drops, Ordering::Relaxed);
            })
        });
        CONVERTED.set(images);
        Saturation {
            inputs: in_count.into_inner(),
            outputs: out_count.into_inner(),
            drops: drop_count.into_inner(),
        }
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
            && dac.rounding != ConverterRounding::Stochastic
            && dac.noise_management == NoiseManagement::None
            && dac.bound_management == BoundManagement::None
    }

    /// Converts all values of the images and returns how many of them saturated.
    fn convert_images(
        &self,
        windows: &Windows<'_>,
        range: f32,
        weights: &ArrayWeights,
        bits: Option<Bits>,
        images: &mut Converted,
    ) -> u64 {
        let dac = &self.config.dac;
        let InputCodes { unit, low, high } = self.codes;
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
            low,
            high,
            stepped: dac.steps.is_some(),
            floor: dac.steps.is_some() && dac.rounding == ConverterRounding::Floor,
            uniform: &[],
            codes: &mut *codes,
            saturated: &mut saturated,
        });
        if let Some(bits) = bits {
            dispatch(Digits { bits, codes });
        }
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
