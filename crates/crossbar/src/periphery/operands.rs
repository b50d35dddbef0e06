//! What a product is given and what it gives beside its results.

use numerics::Seed;

use super::accum::Accum;
use super::clip_mask::ClipMask;
use super::windows::Inputs;

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

/// How often a converter saturated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saturation {
    /// Inputs beyond the input range, and NaN, which counts as 0.
    pub inputs: u64,
    /// Outputs beyond the output bound.
    pub outputs: u64,
    /// Outputs whose current lies beyond the range of the IR-drop estimate
    /// ([`wires::estimate::RANGE`](crate::wires::estimate::RANGE)), which is held at its end there: each phase and
    /// slice of a product by itself, and of repetitions with halved inputs all.
    pub drops: u64,
}

/// The inputs of one product, and the name of its noise.
#[derive(Clone, Copy, Debug)]
pub struct Batch<I> {
    /// Rows or windows; for matrices on tiles also whatever gives them block by block.
    pub inputs: I,
    /// Sample s draws its noise at `first_sample + s`.
    pub noise: MvmNoise,
}

impl<'a> Batch<Inputs<'a>> {
    /// Rows of a matrix, (batch, in).
    pub fn rows(x: &'a [f32], noise: &MvmNoise) -> Self {
        Self { inputs: Inputs::Rows(x), noise: *noise }
    }
}

/// Where results go, and what is kept beside them.
#[derive(Debug)]
pub struct Out<'a> {
    /// (batch, out)
    pub y: &'a mut [f32],
    /// What becomes of what is in `y`.
    pub accum: Accum,
    /// α z, (batch, out): what the ADC gave, before γ and β. If it is kept, γ is multiplied with it,
    /// and not with α first.
    pub products: Option<&'a mut [f32]>,
    /// (batch, in): inputs beyond the input range, and NaN; as many as [`Saturation::inputs`]. It is
    /// made to fit.
    pub clipped_inputs: Option<&'a mut ClipMask>,
    /// (batch, out): outputs that came out at the bound of the ADC, |z| ≥ 0.999 b, clipped or
    /// rounded to it. It is made to fit. Source: AIHWKit 1.1.0, which stops gradients there.
    pub clipped_outputs: Option<&'a mut ClipMask>,
}

impl<'a> Out<'a> {
    /// Results that replace what is in `y`; nothing is kept beside them.
    pub fn replace(y: &'a mut [f32]) -> Self {
        let accum = Accum::Replace;
        Self { y, accum, products: None, clipped_inputs: None, clipped_outputs: None }
    }

    /// Results that are added to what is in `y`; nothing is kept beside them.
    pub fn add(y: &'a mut [f32]) -> Self {
        Self { accum: Accum::Add, ..Self::replace(y) }
    }
}

impl std::ops::AddAssign for Saturation {
    fn add_assign(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.outputs += other.outputs;
        self.drops += other.drops;
    }
}
