//! The input side of a pass: codes, their layout for the kernels, and the sums of a panel.

use super::pack::ArrayWeights;
use super::product::{
    DEPTH, FULL_GROUP, IntegerSums, LANES, Lanes, PLAIN_GROUP, Running, Sums, add_float,
    add_integer, add_plain,
};
use super::simd::{Kernel, dispatch};

/// Which sums the configuration needs; see `product`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SumKind {
    Plain,
    Float,
    Integer,
}

/// Inputs of a chunk as one phase of the array sees them.
#[derive(Debug, Default)]
pub(super) struct Phase {
    /// [group][input][sample of the group]
    codes: Vec<f32>,
    /// [group][input / 2][sample of the group], |k| and k²
    sizes: Vec<[i16; 2]>,
    squares: Vec<[i16; 2]>,
}

/// Inputs to codes: divide, round, clip.
pub(super) struct Convert<'a> {
    pub(super) x: &'a [f32],
    pub(super) scale: f32,
    pub(super) bound: f32,
    pub(super) stepped: bool,
    pub(super) codes: &'a mut [f32],
    pub(super) saturated: &'a mut u64,
}

impl Kernel for Convert<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut saturated = 0u32;
        for (&x, code) in self.x.iter().zip(self.codes) {
            let k = x * self.scale;
            // Division may round an input at the end of the range one place beyond it.
            let beyond = k.abs() > self.bound * (1.0 + f32::EPSILON);
            saturated += u32::from(beyond) | u32::from(k.is_nan());
            let k = if k.is_nan() { 0.0 } else { k };
            let k = if self.stepped { k.round_ties_even() } else { k };
            *code = k.max(-self.bound).min(self.bound);
        }
        *self.saturated += u64::from(saturated);
    }
}

impl Phase {
    /// Interleaves codes by groups of samples; `part` selects what this phase sees.
    pub(super) fn fill(
        &mut self,
        codes: &[f32],
        inputs: usize,
        sums: SumKind,
        part: impl Fn(f32) -> f32,
    ) {
        let group = if sums == SumKind::Plain { PLAIN_GROUP } else { FULL_GROUP };
        let (even, samples) = (inputs.next_multiple_of(2), codes.len() / inputs);
        let groups = samples.div_ceil(group);
        self.codes.clear();
        self.codes.resize(groups * group * even, 0.0);
        for (rows, packed) in
            codes.chunks(group * inputs).zip(self.codes.chunks_exact_mut(group * even))
        {
            for (s, row) in rows.chunks_exact(inputs).enumerate() {
                for (&k, packed) in row.iter().zip(packed[s..].iter_mut().step_by(group)) {
                    *packed = part(k);
                }
            }
        }
        if sums == SumKind::Integer {
            self.sizes.clear();
            self.squares.clear();
            for two in self.codes.as_chunks::<{ 2 * FULL_GROUP }>().0 {
                for s in 0..FULL_GROUP {
                    let pair = [two[s], two[FULL_GROUP + s]].map(|k| k.abs() as i16);
                    self.sizes.push(pair);
                    self.squares.push(pair.map(|k| k * k));
                }
            }
        }
    }

    pub(super) fn plain_sums(
        &self,
        weights: &ArrayWeights,
        panel: usize,
        plain: &mut Vec<[Lanes; PLAIN_GROUP]>,
        sums: &mut [Sums],
    ) {
        let panel = weights.panel(panel);
        let even = panel.len() / LANES;
        plain.clear();
        plain.resize(sums.len().div_ceil(PLAIN_GROUP), [[0.0; LANES]; PLAIN_GROUP]);
        for depth in (0..even).step_by(DEPTH) {
            let len = DEPTH.min(even - depth);
            let panel = &panel[depth * LANES..][..len * LANES];
            for (group, y) in plain.iter_mut().enumerate() {
                let at = (group * even + depth) * PLAIN_GROUP;
                add_plain(panel, &self.codes[at..][..len * PLAIN_GROUP], y);
            }
        }
        dispatch(FinishPlain { plain, sums });
    }

    pub(super) fn full_sums(
        &self,
        weights: &ArrayWeights,
        panel: usize,
        kind: SumKind,
        running: &mut Vec<Running>,
        sums: &mut [Sums],
    ) {
        let (w, q, unit) =
            (weights.panel(panel), weights.pair_panel(panel), weights.pair_unit(panel));
        let (even, inputs) = (w.len() / LANES, weights.inputs());
        running.clear();
        running.resize(sums.len().div_ceil(FULL_GROUP), Running::ZERO);
        for depth in (0..even).step_by(DEPTH) {
            let len = DEPTH.min(even - depth);
            let panel = &w[depth * LANES..][..len * LANES];
            let pairs = &q[depth * LANES..][..len * LANES];
            for (group, running) in running.iter_mut().enumerate() {
                let at = (group * even + depth) * FULL_GROUP;
                let codes = &self.codes[at..][..len * FULL_GROUP];
                if kind == SumKind::Integer {
                    let (at, len) = (at / 2, len * FULL_GROUP / 2);
                    let (sizes, squares) = (&self.sizes[at..][..len], &self.squares[at..][..len]);
                    add_integer(IntegerSums { panel, pairs, codes, sizes, squares, running });
                } else {
                    add_float(panel, codes, running);
                }
            }
        }
        dispatch(Finish { running, unit, inputs, even, kind, sums });
    }
}

/// Sums of one panel from running sums, added to what another phase left there.
struct Finish<'a> {
    running: &'a [Running],
    unit: &'a Lanes,
    inputs: usize,
    /// Inputs filled up to pairs.
    even: usize,
    kind: SumKind,
    sums: &'a mut [Sums],
}

impl Kernel for Finish<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        // Σ (n − j)² w k from the running sums over the padded n′ = n + δ inputs.
        let padding = (self.even - self.inputs) as f32;
        let inverse = 1.0 / (self.inputs as f32 * self.inputs as f32);
        for (slot, sums) in self.sums.iter_mut().enumerate() {
            let (running, s) = (&self.running[slot / FULL_GROUP], slot % FULL_GROUP);
            for i in 0..LANES {
                let (y, s1, s2) = (running.y[s][i], running.s1[s][i], running.s2[s][i]);
                let squares = (2.0 * s2 - s1) - padding * (2.0 * s1 - padding * y);
                sums.y[i] += y;
                sums.z[i] += y - squares * inverse;
            }
            if self.kind == SumKind::Integer {
                for i in 0..LANES {
                    sums.current[i] += running.current[s][i] as f32 * self.unit[i];
                    sums.variance[i] += running.variance[s][i] as f32 * (128.0 * self.unit[i]);
                }
            } else {
                for i in 0..LANES {
                    sums.current[i] += running.float_current[s][i];
                    sums.variance[i] += running.float_variance[s][i];
                }
            }
        }
    }
}

/// Plain sums of one panel, added to what another phase left there.
struct FinishPlain<'a> {
    plain: &'a [[Lanes; PLAIN_GROUP]],
    sums: &'a mut [Sums],
}

impl Kernel for FinishPlain<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (sums, y) in self.sums.iter_mut().zip(self.plain.iter().flatten()) {
            for (sum, y) in sums.y.iter_mut().zip(y) {
                *sum += y;
            }
        }
    }
}
