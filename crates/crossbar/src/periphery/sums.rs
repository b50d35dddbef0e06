//! The sums of a panel while they are formed, and when they are; see [`product`](super::product).

use std::ops::Range;

use super::accum::Accum;
use super::layout::{FourCodes, FourInputs, FourPowers, LANES, Lanes};

/// Samples of a group in the plain product.
pub(super) const PLAIN_GROUP: usize = 6;
/// Samples of a group where all four sums are formed.
pub(super) const FULL_GROUP: usize = 5;

/// a and v of one sample in f32: the lanes of a, then those of v.
pub(super) type FloatMagnitudes = [Lanes; 2];
/// a and v of one sample as integers, side by side in each lane.
pub(super) type IntegerMagnitudes = [[i32; 2]; LANES];

/// Running sums of one panel and one group of full sums; T holds a and v of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running<T> {
    pub(super) y: [Lanes; FULL_GROUP],
    pub(super) s1: [Lanes; FULL_GROUP],
    pub(super) s2: [Lanes; FULL_GROUP],
    pub(super) magnitudes: [T; FULL_GROUP],
}

impl<T: Copy> Running<T> {
    fn new(zero: T) -> Self {
        let lanes = [[0.0; LANES]; FULL_GROUP];
        Self { y: lanes, s1: lanes, s2: lanes, magnitudes: [zero; FULL_GROUP] }
    }
}

impl Running<FloatMagnitudes> {
    pub(super) fn float() -> Self {
        Self::new([[0.0; LANES]; 2])
    }
}

impl Running<IntegerMagnitudes> {
    pub(super) fn integer() -> Self {
        Self::new([[0; 2]; LANES])
    }
}

/// The sums of one sample and one panel, in units of one code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) y: Lanes,
    pub(super) z: Lanes,
    pub(super) current: Lanes,
    pub(super) variance: Lanes,
}

impl Sums {
    pub(super) const ZERO: Self =
        Self { y: [0.0; LANES], z: [0.0; LANES], current: [0.0; LANES], variance: [0.0; LANES] };

    /// Replaces these sums by `other` or adds it to them.
    #[inline(always)]
    pub(super) fn take(&mut self, other: Self, accum: Accum) {
        if accum == Accum::Replace {
            *self = other;
            return;
        }
        for i in 0..LANES {
            self.y[i] += other.y[i];
            self.z[i] += other.z[i];
            self.current[i] += other.current[i];
            self.variance[i] += other.variance[i];
        }
    }
}

/// All four sums over all inputs, filled up to 4 m, a and v as integers: what the portable
/// kernel and its vector twins are given. At most [`INTEGER_INPUTS`](super::product::INTEGER_INPUTS) inputs are one pass, so sums are written, not added to.
///
/// The inputs of a sample are read where they lie, in fours: those at `starts[s] + run`, for every
/// run, one after another.
pub(super) struct IntegerSums<'a> {
    pub(super) panel: &'a [FourInputs],
    pub(super) codes: &'a [FourCodes],
    pub(super) powers: &'a [FourPowers],
    pub(super) starts: [usize; FULL_GROUP],
    pub(super) runs: &'a [Range<usize>],
    /// What to fetch into the cache meanwhile, two lines for every four inputs.
    pub(super) ahead: Option<&'a [FourInputs]>,
    pub(super) running: &'a mut Running<IntegerMagnitudes>,
}

impl IntegerSums<'_> {
    /// # Panics
    ///
    /// If a run leaves the codes or powers, or there are not weights for all runs.
    #[inline(always)]
    pub(super) fn check(&self) {
        let inputs: usize = self.runs.iter().map(Range::len).sum();
        assert!(inputs <= self.panel.len(), "weights for every input");
        let end = self.runs.iter().map(|run| run.end).max().unwrap_or(0);
        let start = self.starts.iter().max().map_or(0, |start| *start);
        let have = self.codes.len().min(self.powers.len());
        assert!(start <= have && end <= have - start, "a run leaves the inputs");
    }
}

#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction, `mul_add` is a slow library call.
    if FMA { a.mul_add(b, c) } else { a * b + c }
}
