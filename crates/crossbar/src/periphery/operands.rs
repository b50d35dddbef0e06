//! What a product is given and what it gives beside its results.

use numerics::Seed;

use super::clip_mask::ClipMask;

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

impl MvmNoise {
    /// That of the samples from `sample` on.
    pub(crate) fn after(self, sample: usize) -> Self {
        Self { first_sample: self.first_sample + sample as u64, ..self }
    }

    /// That of one of several products with the same samples.
    pub(crate) fn child(self, index: usize) -> Self {
        Self { seed: self.seed.child(index), ..self }
    }
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

/// What a product of training keeps beside its results, each if it is wanted.
#[derive(Debug, Default)]
pub struct Kept<'a> {
    /// (batch, out): outputs at the bound of the ADC, as in [`ClipMasks::outputs`](super::ClipMasks::outputs).
    pub clipped: Option<&'a mut ClipMask>,
    /// α z, (batch, out): what the ADC gave, before γ and β.
    pub products: Option<&'a mut [f32]>,
}

impl std::ops::AddAssign for Saturation {
    fn add_assign(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.outputs += other.outputs;
    }
}
