//! The input side of a pass: codes, their layout for the kernels, and the sums of a panel.

use std::ops::Range;

use super::accum::Accum;
use super::clip_mask::is_beyond;
use super::codes::{floor, round_stochastically};
use super::integer::powers;
use super::layout::{LANES, Lanes, padded};
use super::pack::ArrayWeights;
use super::product::{DEPTH, add_float, add_plain};
use super::simd::{Kernel, dispatch, integer_sums};
use super::sums::{
    FULL_GROUP, FloatMagnitudes, IntegerMagnitudes, IntegerSums, PLAIN_GROUP, Running, Sums,
};
use crate::limits::clip_between;

/// With so many samples or fewer the weights of a panel are used up before the next ones have come
/// from memory: these are then fetched ahead.
const FEW: usize = 40;

/// Which sums the configuration needs; see `product`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SumKind {
    Plain,
    Float,
    Integer,
}

/// Inputs as one phase of the array sees them.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// For integer sums as they were given, a multiple of four; otherwise
    /// \[group\]\[input\]\[sample of the group\].
    pub(super) codes: Vec<f32>,
    /// Of every two codes, for integer sums only.
    powers: Vec<u64>,
}

/// Where the samples of a chunk find their inputs in a [`Phase`] for integer sums, in fours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    pub(super) starts: &'a [usize],
    pub(super) runs: &'a [Range<usize>],
}

/// Inputs to codes: divide, round, clip.
pub(super) struct Convert<'a> {
    pub(super) x: &'a [f32],
    pub(super) scale: f32,
    pub(super) low: f32,
    pub(super) high: f32,
    pub(super) stepped: bool,
    /// Whether it is the step below.
    pub(super) floor: bool,
    /// Uniform numbers in [0, 1) of stochastic rounding, or none for the nearest step.
    pub(super) uniform: &'a [f32],
    pub(super) codes: &'a mut [f32],
    pub(super) saturated: &'a mut u64,
}

impl Kernel for Convert<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut saturated = 0u32;
        if !self.uniform.is_empty() {
            for ((&x, code), &u) in self.x.iter().zip(self.codes).zip(self.uniform) {
                let k = x * self.scale;
                saturated += u32::from(is_beyond(k, self.low, self.high));
                let k = if k.is_nan() { 0.0 } else { k };
                *code = clip_between(round_stochastically(k, u), self.low, self.high);
            }
            *self.saturated += u64::from(saturated);
            return;
        }
        if self.floor {
            for (&x, code) in self.x.iter().zip(self.codes) {
                let k = x * self.scale;
                saturated += u32::from(is_beyond(k, self.low, self.high));
                let k = if k.is_nan() { 0.0 } else { k };
                *code = clip_between(floor(k), self.low, self.high);
            }
            *self.saturated += u64::from(saturated);
            return;
        }
        for (&x, code) in self.x.iter().zip(self.codes) {
            let k = x * self.scale;
            saturated += u32::from(is_beyond(k, self.low, self.high));
            let k = if k.is_nan() { 0.0 } else { k };
            let k = if self.stepped { k.round_ties_even() } else { k };
            *code = clip_between(k, self.low, self.high);
        }
        *self.saturated += u64::from(saturated);
    }
}

/// Codes to their powers, two by two.
struct Powers<'a> {
    codes: &'a [f32],
    powers: &'a mut [u64],
}

impl Kernel for Powers<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (&two, out) in self.codes.as_chunks::<2>().0.iter().zip(self.powers) {
            *out = powers(two);
        }
    }
}

impl Phase {
    /// Takes rows of `inputs` codes; `part` selects what this phase sees.
    pub(super) fn fill(
        &mut self,
        codes: &[f32],
        inputs: usize,
        sums: SumKind,
        part: impl Fn(f32) -> f32,
    ) {
        match sums {
            SumKind::Plain => self.fill_codes::<PLAIN_GROUP>(codes, inputs, part),
            SumKind::Float => self.fill_codes::<FULL_GROUP>(codes, inputs, part),
            SumKind::Integer => {
                self.codes.clear();
                self.codes.extend(codes.iter().map(|&k| part(k)));
                self.fill_powers();
            }
        }
    }

    /// Forms the powers of the codes, whose number is a multiple of four.
    pub(super) fn fill_powers(&mut self) {
        self.powers.resize(self.codes.len() / 2, 0);
        dispatch(Powers { codes: &self.codes, powers: &mut self.powers });
    }

    fn fill_codes<const GROUP: usize>(
        &mut self,
        codes: &[f32],
        inputs: usize,
        part: impl Fn(f32) -> f32,
    ) {
        let (filled, samples) = (padded(inputs), codes.len() / inputs);
        self.codes.resize(samples.div_ceil(GROUP) * GROUP * filled, 0.0);
        let packed = self.codes.as_chunks_mut::<GROUP>().0;
        for (rows, packed) in codes.chunks(GROUP * inputs).zip(packed.chunks_exact_mut(filled)) {
            if rows.len() < GROUP * inputs {
                packed.fill([0.0; GROUP]);
            }
            let (packed, padding) = packed.split_at_mut(inputs);
            padding.fill([0.0; GROUP]);
            for (s, row) in rows.chunks_exact(inputs).enumerate() {
                for (&k, packed) in row.iter().zip(&mut *packed) {
                    packed[s] = part(k);
                }
            }
        }
    }

    pub(super) fn plain_sums(
        &self,
        weights: &ArrayWeights,
        panel: usize,
        plain: &mut Vec<[Lanes; PLAIN_GROUP]>,
        accum: Accum,
        sums: &mut [Sums],
    ) {
        let panel = weights.panel(panel);
        let filled = 4 * panel.len();
        plain.clear();
        plain.resize(sums.len().div_ceil(PLAIN_GROUP), [[0.0; LANES]; PLAIN_GROUP]);
        for depth in (0..filled).step_by(DEPTH) {
            let len = DEPTH.min(filled - depth);
            let panel = &panel[depth / 4..][..len / 4];
            for (group, y) in plain.iter_mut().enumerate() {
                let at = (group * filled + depth) * PLAIN_GROUP;
                add_plain(panel, &self.codes[at..][..len * PLAIN_GROUP], y);
            }
        }
        dispatch(FinishPlain { plain, accum, sums });
    }

    pub(super) fn float_sums(
        &self,
        weights: &ArrayWeights,
        panel: usize,
        running: &mut Vec<Running<FloatMagnitudes>>,
        accum: Accum,
        sums: &mut [Sums],
    ) {
        let panel = weights.panel(panel);
        let filled = 4 * panel.len();
        running.clear();
        running.resize(sums.len().div_ceil(FULL_GROUP), Running::float());
        for depth in (0..filled).step_by(DEPTH) {
            let len = DEPTH.min(filled - depth);
            let panel = &panel[depth / 4..][..len / 4];
            for (group, running) in running.iter_mut().enumerate() {
                let at = (group * filled + depth) * FULL_GROUP;
                add_float(panel, &self.codes[at..][..len * FULL_GROUP], running);
            }
        }
        let inputs = weights.inputs();
        dispatch(FinishFloat { running, moments: Moments::new(inputs, filled), accum, sums });
    }

    pub(super) fn integer_sums(
        &self,
        weights: &ArrayWeights,
        panel: usize,
        places: Places<'_>,
        accum: Accum,
        sums: &mut [Sums],
    ) {
        let unit = weights.magnitude_unit(panel);
        let next = panel + 1;
        let next = (next < weights.panels() && sums.len() <= FEW).then(|| weights.panel(next));
        let panel = weights.panel(panel);
        let moments = Moments::new(weights.inputs(), 4 * panel.len());
        let codes = self.codes.as_chunks().0;
        let powers = self.powers.as_chunks().0;
        let running = &mut Running::integer();
        let groups = sums.chunks_mut(FULL_GROUP).zip(places.starts.chunks(FULL_GROUP));
        for (group, (sums, starts)) in groups.enumerate() {
            // A short group repeats its last sample, whose sums are then not used.
            let starts = std::array::from_fn(|s| starts[s.min(starts.len() - 1)]);
            let runs = places.runs;
            // Each of the first four groups fetches a quarter.
            let ahead =
                next.and_then(|next| next.get(next.len() / 4 * group..).filter(|_| group < 4));
            integer_sums(IntegerSums { panel, codes, powers, starts, runs, ahead, running });
            dispatch(FinishInteger { running, unit, moments, accum, sums });
        }
    }
}

/// From running sums to Σ w k p_j.
#[derive(Clone, Copy)]
struct Moments {
    /// δ = n′ − n, the inputs that fill up to n′.
    padding: f32,
    /// n^−2
    inverse: f32,
}

impl Moments {
    fn new(inputs: usize, filled: usize) -> Self {
        let n = inputs as f32;
        Self { padding: (filled - inputs) as f32, inverse: 1.0 / (n * n) }
    }

    /// z from Σ d² w k over the distances d = n′ − j, with Σ (n − j)² = Σ (d − δ)².
    #[inline(always)]
    fn drop(self, y: f32, s1: f32, squares: f32) -> f32 {
        let Self { padding, inverse } = self;
        y - (squares - padding * (2.0 * s1 - padding * y)) * inverse
    }
}

/// Sums of one panel from running sums; they replace or add to those of another phase.
struct FinishFloat<'a> {
    running: &'a [Running<FloatMagnitudes>],
    moments: Moments,
    accum: Accum,
    sums: &'a mut [Sums],
}

impl Kernel for FinishFloat<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (slot, sums) in self.sums.iter_mut().enumerate() {
            let (running, s) = (&self.running[slot / FULL_GROUP], slot % FULL_GROUP);
            let (mut z, y) = ([0.0; LANES], running.y[s]);
            for i in 0..LANES {
                let (s1, s2) = (running.s1[s][i], running.s2[s][i]);
                z[i] = self.moments.drop(y[i], s1, 2.0 * s2 - s1);
            }
            let [current, variance] = running.magnitudes[s];
            sums.take(Sums { y, z, current, variance }, self.accum);
        }
    }
}

/// Likewise from the integer sums of one group.
struct FinishInteger<'a> {
    running: &'a Running<IntegerMagnitudes>,
    unit: &'a Lanes,
    moments: Moments,
    accum: Accum,
    sums: &'a mut [Sums],
}

impl Kernel for FinishInteger<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let running = self.running;
        for (s, sums) in self.sums.iter_mut().enumerate() {
            let (mut z, y) = ([0.0; LANES], running.y[s]);
            let (mut current, mut variance) = ([0.0; LANES], [0.0; LANES]);
            for i in 0..LANES {
                let (s1, s2) = (running.s1[s][i], running.s2[s][i]);
                z[i] = self.moments.drop(y[i], s1, 8.0 * s2 - 4.0 * s1 - 2.0 * y[i]);
                let [a, v] = running.magnitudes[s][i];
                current[i] = a as f32 * self.unit[i];
                variance[i] = v as f32 * (128.0 * self.unit[i]);
            }
            sums.take(Sums { y, z, current, variance }, self.accum);
        }
    }
}

/// Plain sums of one panel; they replace or add to those of another phase.
struct FinishPlain<'a> {
    plain: &'a [[Lanes; PLAIN_GROUP]],
    accum: Accum,
    sums: &'a mut [Sums],
}

impl Kernel for FinishPlain<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (sums, &y) in self.sums.iter_mut().zip(self.plain.iter().flatten()) {
            sums.take(Sums { y, ..Sums::ZERO }, self.accum);
        }
    }
}
