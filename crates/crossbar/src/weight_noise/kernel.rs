//! The kernels: σ by a table, noise of one row, drop-connect.

use crate::periphery::integer::small_integer;
use crate::periphery::simd::Kernel;

/// Intervals of the table of σ.
const INTERVALS: usize = 2048;

/// σ over r^¼: its value at the start of each interval, and what it gains over the interval.
#[derive(Clone, Debug)]
pub(super) struct Table(pub(super) [[f32; 2]; INTERVALS]);

impl Table {
    pub(super) fn new(std: impl Fn(f32) -> f32) -> Box<Self> {
        let at = |k: usize| std((k as f32 / INTERVALS as f32).powi(4));
        let mut table = Box::new(Self([[0.0; 2]; INTERVALS]));
        for (k, entry) in table.0.iter_mut().enumerate() {
            *entry = [at(k), at(k + 1) - at(k)];
        }
        table
    }

    /// r^¼ in intervals.
    #[inline(always)]
    pub(super) fn position(r: f32) -> f32 {
        r.min(1.0).sqrt().sqrt() * INTERVALS as f32
    }

    /// The interval of a position.
    #[inline(always)]
    pub(super) fn interval(u: f32) -> i32 {
        small_integer(u).min(INTERVALS as i32 - 1)
    }

    /// σ at a position, from the value and the gain of its interval.
    #[inline(always)]
    pub(super) fn between([value, gain]: [f32; 2], u: f32, interval: i32) -> f32 {
        value + (u - interval as f32) * gain
    }

    /// Values and gains of some intervals. Not compiled for wide vectors, whose instructions for this
    /// are slower than loads and stores.
    #[inline(never)]
    fn look_up(&self, intervals: &[i32; STAGE], values: &mut Stage, gains: &mut Stage) {
        for i in 0..STAGE {
            [values[i], gains[i]] = self.0[intervals[i] as usize % INTERVALS];
        }
    }
}

/// Weights that go through each step of [`Perturb`] together.
const STAGE: usize = 64;

type Stage = [f32; STAGE];

/// One row: `out` holds ξ and receives w̃.
pub(super) struct Perturb<'a> {
    pub(super) weights: &'a [f32],
    pub(super) table: &'a Table,
    pub(super) largest: f32,
    pub(super) factor: f32,
    pub(super) of_device: bool,
    pub(super) out: &'a mut [f32],
}

impl Kernel for Perturb<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { weights, table, largest, factor, of_device, out } = self;
        let size = factor * largest;
        if !of_device {
            let sigma = size * table.0[0][0];
            for (&w, out) in weights.iter().zip(out) {
                *out = w + sigma * *out;
            }
            return;
        }
        let inverse = if largest > 0.0 { 1.0 / largest } else { 0.0 };
        let (stages, rest) = weights.as_chunks();
        let (stages_out, rest_out) = out.as_chunks_mut();
        for (weights, out) in stages.iter().zip(stages_out) {
            perturb_stage(weights, table, inverse, size, out);
        }
        let (mut weights, mut out) = ([0.0; STAGE], [0.0; STAGE]);
        weights[..rest.len()].copy_from_slice(rest);
        out[..rest.len()].copy_from_slice(rest_out);
        perturb_stage(&weights, table, inverse, size, &mut out);
        rest_out.copy_from_slice(&out[..rest.len()]);
    }
}

/// Step by step, since only the one that looks up has to go weight by weight.
#[inline(always)]
fn perturb_stage(weights: &Stage, table: &Table, inverse: f32, size: f32, out: &mut Stage) {
    let mut positions = [0.0; STAGE];
    let mut intervals = [0; STAGE];
    for i in 0..STAGE {
        positions[i] = Table::position(weights[i].abs() * inverse);
        intervals[i] = Table::interval(positions[i]);
    }
    let [mut values, mut gains] = [[0.0; STAGE]; 2];
    table.look_up(&intervals, &mut values, &mut gains);
    for i in 0..STAGE {
        let std = Table::between([values[i], gains[i]], positions[i], intervals[i]);
        let magnitude = (weights[i].abs() + size * std * out[i]).abs();
        out[i] = if weights[i] == 0.0 { 0.0 } else { magnitude.copysign(weights[i]) };
    }
}

/// Drop-connect: zeros where the word is at most `last`.
pub(super) struct DropConnect<'a> {
    pub(super) words: &'a [u32],
    pub(super) last: u32,
    pub(super) out: &'a mut [f32],
}

impl Kernel for DropConnect<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (w, &word) in self.out.iter_mut().zip(self.words) {
            *w = if word <= self.last { 0.0 } else { *w };
        }
    }
}
