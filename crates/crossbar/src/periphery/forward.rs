//! [`Periphery::forward`]: a batch through DAC, array and ADC.

use std::sync::atomic::{AtomicU64, Ordering};

use numerics::{Par, Seed};

use super::adc::Columns;
use super::chunk::{CHUNK, PaddedColumns, Pass, Streams, Words, Written};
use super::clip_mask::ClipMasks;
use super::epilogue::Chain;
use super::inputs::SumKind;
use super::pack::ArrayWeights;
use super::product::{INTEGER_CODE, INTEGER_DROP, INTEGER_INPUTS};
use super::{ConverterRounding, PeripheryConfig, ReadNoise};
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
    pub(super) sums: SumKind,
}

/// Digital scale and bias of every output.
#[derive(Clone, Copy, Debug)]
pub struct Digital<'a> {
    /// Input range α: the input that drives the DAC to 1.
    pub input_range: f32,
    /// Scale γ_i of every output, drift compensation included.
    pub scale: &'a [f32],
    /// Bias β_i of every output, or empty for none.
    pub bias: &'a [f32],
}

/// Names the noise of a batch: sample s of a call is sample `first_sample + s` of the seed.
#[derive(Clone, Copy, Debug)]
pub struct MvmNoise {
    /// Node of the tree of streams; a fresh one for every pass that shall see fresh noise.
    pub seed: Seed,
    /// Position of the first sample, so that a batch may be split.
    pub first_sample: u64,
}

/// Whether results replace what is in the output or add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accum {
    /// y = result
    Replace,
    /// y += result: partial sums over tiles and bit slices.
    Add,
}

impl Accum {
    #[inline(always)]
    pub(crate) fn write(self, result: &[f32], y: &mut [f32]) {
        match self {
            Self::Replace => y.copy_from_slice(result),
            Self::Add => y.iter_mut().zip(result).for_each(|(y, result)| *y += result),
        }
    }
}

/// How often a converter saturated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saturation {
    /// Inputs beyond the input range, and NaN, which counts as 0.
    pub inputs: u64,
    /// Outputs beyond the output bound.
    pub outputs: u64,
}

impl std::ops::AddAssign for Saturation {
    fn add_assign(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.outputs += other.outputs;
    }
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
        Ok(Self { config, inputs, outputs, chain, columns, sums })
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
    /// # Shapes
    ///
    /// - `weights`: (out, in)
    /// - `x`: (batch, in)
    /// - `digital.scale`: (out); `digital.bias`: (out) or empty
    /// - `y`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs, or the input range is not positive.
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
        self.forward_into(weights, x, digital, noise, accum, par, y, None)
    }

    /// [`Self::forward`], which also says which inputs and outputs were clipped: the forward product
    /// of hardware-aware training.
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
        self.forward_into(weights, x, digital, noise, accum, par, y, Some(masks))
    }

    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
    fn forward_into(
        &self,
        weights: &ArrayWeights,
        x: &[f32],
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
        masks: Option<&mut ClipMasks>,
    ) -> Saturation {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert_eq!(
            (weights.outputs(), weights.inputs()),
            (outputs, inputs),
            "(out, in) of the weights is not that of the periphery"
        );
        assert_eq!(x.len() % inputs, 0, "{} inputs are not rows of {inputs}", x.len());
        let batch = x.len() / inputs;
        assert_eq!(y.len(), batch * outputs, "{} outputs for {batch} × {outputs}", y.len());
        assert_eq!(digital.scale.len(), outputs, "scales are not one per output");
        let bias = digital.bias.len();
        assert!(bias == 0 || bias == outputs, "{bias} biases for {outputs} outputs");
        assert!(digital.input_range > 0.0, "input range {} is not > 0", digital.input_range);

        let padded = PaddedColumns::new(&self.columns, &digital);
        let (in_count, out_count) = (AtomicU64::new(0), AtomicU64::new(0));
        let streams = Streams::new(&noise.seed);
        let mut units: Vec<Written<'_>> = match masks {
            None => y.chunks_mut(CHUNK * outputs).map(|y| Written { y, clipped: None }).collect(),
            Some(masks) => {
                masks.inputs.reset(batch, inputs);
                masks.outputs.reset(batch, outputs);
                let words = masks.inputs.chunks_mut(CHUNK).zip(masks.outputs.chunks_mut(CHUNK));
                let words = words.map(|(inputs, outputs)| Some(Words { inputs, outputs }));
                y.chunks_mut(CHUNK * outputs)
                    .zip(words)
                    .map(|(y, clipped)| Written { y, clipped })
                    .collect()
            }
        };
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
            };
            let x = &x[first * inputs..(first + samples) * inputs];
            let seen = pass.run(x, digital.input_range, accum, written);
            // Integer sums do not depend on the order of the threads.
            in_count.fetch_add(seen.inputs, Ordering::Relaxed);
            out_count.fetch_add(seen.outputs, Ordering::Relaxed);
        });
        Saturation { inputs: in_count.into_inner(), outputs: out_count.into_inner() }
    }
}
