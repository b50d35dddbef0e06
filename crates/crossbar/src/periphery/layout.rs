//! How arrays lie in memory: panels of 16 outputs, inputs in fours.

/// Outputs of one panel.
pub(super) const LANES: usize = 16;

/// Outputs of an array of which two samples share a panel.
pub(super) const HALF: usize = LANES / 2;

/// One number for each output of a panel.
pub(super) type Lanes = [f32; LANES];

/// What four inputs are multiplied by in a panel, in whole lines of the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
pub(super) struct FourInputs {
    pub(super) weights: [Lanes; 4],
    /// [q₀, q₁, q′₀, q′₁] of every two inputs.
    pub(super) magnitudes: [[[i16; 4]; LANES]; 2],
}

impl FourInputs {
    pub(super) const ZERO: Self =
        Self { weights: [[0.0; LANES]; 4], magnitudes: [[[0; 4]; LANES]; 2] };
}

/// Inputs with their padding: the kernels take four at a time.
pub(super) fn padded(inputs: usize) -> usize {
    inputs.next_multiple_of(4)
}

/// Codes of four inputs, and the powers of each two of them: what weights and magnitudes are
/// multiplied by.
pub(super) type FourCodes = [f32; 4];
pub(super) type FourPowers = [u64; 2];
