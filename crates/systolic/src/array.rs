//! [`Wavefront`]: the n × n array with its FIFOs and rounding units, clock edge by clock edge.
//!
//! The registers are those of `rtl/accelerator.sv`, and every method returns what its ports show:
//!
//! ```text
//!             edge FIFOs of B: n columns
//!                  │  │  │  │
//!   edge FIFOs  ─▶ ┌──┬──┬──┬──┐
//!   of A:       ─▶ │  │  │  │  │   cell (i, j) multiplies beat t in cycle t + i + j
//!   n rows      ─▶ ├──┼──┼──┼──┤
//!               ─▶ └──┴──┴──┴──┘
//!                  ROUND per column, output FIFO per column
//! ```
//!
//! - An empty edge FIFO lets a bubble enter; the wave behind and before it moves on.
//! - The last beat of a tile waits until n cycles after that of the tile before, since a column
//!   needs n cycles to drain through its rounding unit. A tile so takes max(k, n) cycles.
//! - A full output FIFO stops everything between the FIFOs.
//!
//! Differs: [Gupta15 Fig. 6] cascades the results up the columns. The wave reaches the top row
//! first, so results that move up and leave at full rate need a second register per cell, or
//! k ≥ 2n − 1. Moving down they need one, and k ≥ n.
//!
//! How it is computed: registers that only hand a word on are delay lines, so the model moves an
//! index, not the words. Accumulators are `f64`, exact for the 48 bits that a sum can have; baseline
//! x86-64 multiplies two of them at once and has no such instruction for 64-bit integers.
//! `tests/registers.rs` holds the model against one that moves every word.

use std::collections::VecDeque;

use numerics::{FixedFormat, Lfsr};
use serde::{Deserialize, Serialize};

use crate::dsp::{ACCUMULATOR_BITS, DspRound, MULTIPLIER_BITS, Saturation, accumulator_bits};
use crate::{ArrayError, ColumnRounding};

/// Most rows and columns, and words of a FIFO: what is simulated is held whole.
const MOST_COLUMNS: usize = 1024;
const DEEPEST_FIFO: usize = 65_536;
/// Most steps of a register for each sample: more than its bits mix nothing further.
const MOST_STEPS: usize = 4096;

/// What defines an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayConfig {
    /// Rows and columns.
    pub n: usize,
    /// The format of A, which enters from the left.
    pub a: FixedFormat,
    /// The format of B, which enters from the top.
    pub b: FixedFormat,
    /// The format of the results.
    pub out: FixedFormat,
    /// What the rounding units add below the cut.
    pub rounding: ColumnRounding,
    /// Words that each edge FIFO holds; more than n keep the array busy.
    pub edge_depth: usize,
    /// Words that each output FIFO holds.
    pub output_depth: usize,
    /// p: tiles in a block of rows of A that is kept on chip while B streams by.
    pub row_tiles: usize,
}

impl ArrayConfig {
    /// An n × n array for operands and results in one format, with FIFOs deep enough to keep it
    /// busy, and one row of tiles per block.
    pub fn new(n: usize, format: FixedFormat, rounding: ColumnRounding) -> Self {
        let depth = n.saturating_add(1).checked_next_power_of_two().unwrap_or(n);
        Self {
            n,
            a: format,
            b: format,
            out: format,
            rounding,
            edge_depth: depth,
            output_depth: depth,
            row_tiles: 1,
        }
    }

    /// Bits that the rounding units drop: FL of A + FL of B − FL of the result.
    ///
    /// # Errors
    ///
    /// [`ArrayError::Cut`] unless that is in 0..=32.
    pub fn dropped_bits(&self) -> Result<u32, ArrayError> {
        let Self { a, b, out, .. } = *self;
        let drop = a.fl() + b.fl() - out.fl();
        match u32::try_from(drop) {
            Ok(bits) if bits <= 32 => Ok(bits),
            _ => Err(ArrayError::Cut { a, b, out, drop }),
        }
    }

    /// Checks that sums of `k` products fit the accumulators.
    ///
    /// # Errors
    ///
    /// [`ArrayError::Zero`] if `k` is 0, [`ArrayError::AccumulatorWidth`] if they do not fit.
    pub fn check_k(&self, k: usize) -> Result<(), ArrayError> {
        if k == 0 {
            return Err(ArrayError::Zero("k, the length of the inner products,"));
        }
        let bits = accumulator_bits(k, self.a, self.b, self.dropped_bits()?);
        if bits > ACCUMULATOR_BITS {
            return Err(ArrayError::AccumulatorWidth { k, a: self.a, b: self.b, bits });
        }
        Ok(())
    }

    /// Checks everything that does not depend on a product.
    ///
    /// # Errors
    ///
    /// [`ArrayError`] naming the first thing that is impossible.
    pub fn check(&self) -> Result<(), ArrayError> {
        for (what, size) in [
            ("n, the number of rows and columns,", self.n),
            ("the depth of the edge FIFOs", self.edge_depth),
            ("the depth of the output FIFOs", self.output_depth),
            ("p, the number of row tiles in a block,", self.row_tiles),
        ] {
            if size == 0 {
                return Err(ArrayError::Zero(what));
            }
        }
        for (what, value, limit) in [
            ("n, the number of rows and columns,", self.n, MOST_COLUMNS),
            ("the depth of the edge FIFOs", self.edge_depth, DEEPEST_FIFO),
            ("the depth of the output FIFOs", self.output_depth, DEEPEST_FIFO),
        ] {
            if value > limit {
                return Err(ArrayError::TooLarge { what, value, limit });
            }
        }
        for (operand, format) in [('A', self.a), ('B', self.b)] {
            if format.word_length() > MULTIPLIER_BITS {
                return Err(ArrayError::MultiplierWidth { operand, format });
            }
        }
        let drop = self.dropped_bits()?;
        if let ColumnRounding::Stochastic(lfsrs) = &self.rounding {
            let (value, limit) = (lfsrs.steps_per_sample as usize, MOST_STEPS);
            if value > limit {
                let what = "the number of steps of a register for each sample";
                return Err(ArrayError::TooLarge { what, value, limit });
            }
            if lfsrs.seeds.len() != self.n {
                return Err(ArrayError::Seeds { seeds: lfsrs.seeds.len(), n: self.n });
            }
            lfsrs.registers()?;
            if lfsrs.width < drop {
                return Err(ArrayError::NarrowLfsr { width: lfsrs.width, drop });
            }
        }
        Ok(())
    }
}

/// One step of the inner products of a tile: a word for each row and a word for each column.
#[derive(Clone, Copy, Debug)]
pub struct Beat<'a> {
    /// a_i of the n rows.
    pub a: &'a [i32],
    /// b_j of the n columns.
    pub b: &'a [i32],
    /// Whether this is the last beat of its tile.
    pub last: bool,
}

/// A word that leaves an output FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// The column that it comes from.
    pub column: usize,
    /// The code.
    pub code: i32,
    /// Whether the rounded sum was outside the format.
    pub saturation: Saturation,
}

/// What happened at one clock edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// The beat offered was taken into the edge FIFOs.
    pub accepted: bool,
    /// A beat left the first edge FIFO for the array.
    pub issued: bool,
    /// Back-pressure: everything between the FIFOs stood still.
    pub frozen: bool,
    /// The last cell completed a tile at the edge before.
    pub done: bool,
}

/// Positions that a delay line of A moves through before its live end is copied back.
const SPAN: usize = 512;

/// The state of the array.
#[derive(Clone, Debug)]
pub struct Wavefront {
    n: usize,
    edge_depth: usize,
    output_depth: usize,
    round: DspRound,
    /// One per column; empty if a constant is added instead.
    lfsrs: Vec<Lfsr>,

    /// The beats in the edge FIFOs, a ring of `edge_depth` entries of n words.
    fifo_a: Vec<f64>,
    fifo_b: Vec<f64>,
    fifo_last: Vec<bool>,
    /// Beats that entered the FIFOs, left the first and left the last one.
    pushed: u64,
    issued: u64,
    retired: u64,
    /// `tokens[t mod n]`: the beat that row 0 took in cycle t.
    tokens: Vec<Option<u64>>,
    /// Cycles in which no tile may end.
    gap: usize,

    /// Cycles in which the array moved.
    time: u64,
    /// Row i: the words of A fed to it, newest at `newest`, older ones above: cell j sees j on.
    lines: Vec<f64>,
    newest: usize,
    /// `tops[t mod n]`: the words of B fed to the columns in cycle t; row i sees those of t − i.
    tops: Vec<f64>,
    acc: Vec<f64>,
    draining: VecDeque<TileSums>,
    spare: Vec<Vec<i64>>,
    /// The output registers of the rounding units.
    rounded: Vec<Option<Output>>,
    fifo_out: Vec<VecDeque<Output>>,
    /// Words in all output FIFOs.
    waiting: usize,
}

/// The local result registers as one tile fills and empties them.
#[derive(Clone, Debug)]
struct TileSums {
    /// The cycle in which row 0 took the last beat.
    end: u64,
    /// Column by column.
    sums: Vec<i64>,
}

impl Wavefront {
    /// The array after reset.
    ///
    /// # Errors
    ///
    /// [`ArrayError`] if the configuration is impossible.
    pub fn new(config: &ArrayConfig) -> Result<Self, ArrayError> {
        config.check()?;
        let n = config.n;
        let lfsrs = match &config.rounding {
            ColumnRounding::Stochastic(lfsrs) => lfsrs.registers()?,
            ColumnRounding::NearestTiesDown => Vec::new(),
        };
        Ok(Self {
            n,
            edge_depth: config.edge_depth,
            output_depth: config.output_depth,
            round: DspRound { drop: config.dropped_bits()?, format: config.out },
            lfsrs,
            fifo_a: vec![0.0; config.edge_depth * n],
            fifo_b: vec![0.0; config.edge_depth * n],
            fifo_last: vec![false; config.edge_depth],
            pushed: 0,
            issued: 0,
            retired: 0,
            tokens: vec![None; n],
            gap: 0,
            time: 0,
            lines: vec![0.0; n * (SPAN + n)],
            newest: SPAN,
            tops: vec![0.0; n * n],
            acc: vec![0.0; n * n],
            draining: VecDeque::new(),
            spare: Vec::new(),
            rounded: vec![None; n],
            fifo_out: vec![VecDeque::with_capacity(config.output_depth); n],
            waiting: 0,
        })
    }

    /// The registers of the columns as they stand; empty if nothing is drawn.
    pub fn lfsrs(&self) -> &[Lfsr] {
        &self.lfsrs
    }

    /// Bits that the rounding units drop.
    pub fn dropped_bits(&self) -> u32 {
        self.round.drop
    }

    /// The sum in the accumulator of cell (`row`, `column`) as it stands.
    ///
    /// # Panics
    ///
    /// If there is no such cell.
    #[track_caller]
    pub fn accumulator(&self, row: usize, column: usize) -> i64 {
        let n = self.n;
        assert!(row < n && column < n, "({row}, {column}) lies outside {n} × {n}");
        self.acc[row * n + column] as i64
    }

    /// Whether a beat offered now is taken.
    pub fn ready(&self) -> bool {
        self.pushed - self.retired < self.edge_depth as u64
    }

    /// One clock edge: a beat is offered or not, and the outputs are taken or not.
    ///
    /// Words that leave the output FIFOs are handed to `sink`, column by column. The caller keeps
    /// codes within their formats and tiles within [`ArrayConfig::check_k`]; beyond that hardware
    /// would wrap where the model does not.
    ///
    /// # Panics
    ///
    /// If the beat does not have n words of A and n of B.
    #[track_caller]
    pub fn clock(
        &mut self,
        beat: Option<Beat<'_>>,
        out_ready: bool,
        mut sink: impl FnMut(Output),
    ) -> Edge {
        // Everything that the ports show is decided by the state before the edge.
        let accepted = beat.is_some() && self.ready();
        let full = |j: usize| self.fifo_out[j].len() == self.output_depth;
        let frozen = (0..self.n).any(|j| self.rounded[j].is_some() && full(j));

        if out_ready && self.waiting > 0 {
            for fifo in &mut self.fifo_out {
                if let Some(output) = fifo.pop_front() {
                    self.waiting -= 1;
                    sink(output);
                }
            }
        }
        let (mut issued, mut done) = (false, false);
        if !frozen {
            for (fifo, rounded) in self.fifo_out.iter_mut().zip(&mut self.rounded) {
                if let Some(output) = rounded.take() {
                    self.waiting += 1;
                    fifo.push_back(output);
                }
            }
            self.drain();
            done = self.capture();
            issued = self.issue();
            self.multiply_accumulate();
            self.time += 1;
        }
        if let Some(beat) = beat.filter(|_| accepted) {
            self.push(beat);
        }
        Edge { accepted, issued, frozen, done }
    }

    #[track_caller]
    fn push(&mut self, Beat { a, b, last }: Beat<'_>) {
        let n = self.n;
        assert!(
            a.len() == n && b.len() == n,
            "a beat of an array of {n} rows and columns has {} words of A and {} of B",
            a.len(),
            b.len()
        );
        let slot = self.slot(self.pushed);
        let at = slot * n..(slot + 1) * n;
        self.fifo_a[at.clone()].iter_mut().zip(a).for_each(|(to, &a)| *to = f64::from(a));
        self.fifo_b[at].iter_mut().zip(b).for_each(|(to, &b)| *to = f64::from(b));
        self.fifo_last[slot] = last;
        self.pushed += 1;
    }

    fn slot(&self, beat: u64) -> usize {
        (beat % self.edge_depth as u64) as usize
    }

    /// Each rounding unit takes the sum at the bottom of its column.
    ///
    /// Column j's top sum is in its register from cycle end + 1 + j on and the bottom one n − 1
    /// cycles later; then n sums leave, the bottom one first.
    fn drain(&mut self) {
        let n = self.n as u64;
        for tile in &self.draining {
            let Some(since) = self.time.checked_sub(tile.end + 1 + n) else { continue };
            for j in (since + 1).saturating_sub(n)..=since.min(n - 1) {
                let (j, row) = (j as usize, (n - 1 - (since - j)) as usize);
                let z = tile.sums[j * self.n + row];
                let r = match self.lfsrs.get_mut(j) {
                    Some(_) if self.round.drop == 0 => 0,
                    Some(lfsr) => lfsr.next_bits(self.round.drop),
                    None => self.round.nearest_ties_down(),
                };
                let (code, saturation) = self.round.round(z, r);
                self.rounded[j] = Some(Output { column: j, code, saturation });
            }
        }
        if self.draining.front().is_some_and(|tile| self.time == tile.end + 1 + n + 2 * n - 2) {
            self.spare.extend(self.draining.pop_front().map(|tile| tile.sums));
        }
    }

    /// Sums whose last product was added at the edge before move to the local registers: an
    /// anti-diagonal of cells for each tile that is being completed.
    fn capture(&mut self) -> bool {
        let n = self.n;
        let mut done = false;
        for tile in &mut self.draining {
            // A tile is captured for 2n − 1 cycles and then waits to be drained.
            let Some(diagonal) = self.time.checked_sub(tile.end + 1) else { continue };
            let Some(diagonal) = usize::try_from(diagonal).ok().filter(|&d| d <= 2 * n - 2) else {
                continue;
            };
            done |= diagonal == 2 * n - 2;
            for i in (diagonal + 1).saturating_sub(n)..=diagonal.min(n - 1) {
                let j = diagonal - i;
                let acc = &mut self.acc[i * n + j];
                tile.sums[j * n + i] = *acc as i64;
                *acc = 0.0;
            }
        }
        done
    }

    /// Row 0 takes a beat, or a bubble; every other row the beat that is due.
    fn issue(&mut self) -> bool {
        let n = self.n;
        let now = (self.time % n as u64) as usize;
        let retiring = self.tokens[(now + 1) % n];
        let head = (self.issued < self.pushed).then_some(self.issued);
        let last = head.is_some_and(|beat| self.fifo_last[self.slot(beat)]);
        let token = head.filter(|_| !(last && self.gap > 0));
        self.tokens[now] = token;
        self.gap = self.gap.saturating_sub(1);
        if token.is_some() {
            self.issued += 1;
            if last {
                self.gap = n - 1;
                let sums = self.spare.pop().unwrap_or_else(|| vec![0; n * n]);
                self.draining.push_back(TileSums { end: self.time, sums });
            }
        }

        if self.newest == 0 {
            for line in self.lines.chunks_exact_mut(SPAN + n) {
                line.copy_within(0..n - 1, SPAN + 1);
            }
            self.newest = SPAN + 1;
        }
        self.newest -= 1;
        for i in 0..n {
            let slot = self.tokens[(now + n - i) % n].map(|beat| self.slot(beat));
            let (a, b) = match slot {
                Some(slot) => (self.fifo_a[slot * n + i], self.fifo_b[slot * n + i]),
                None => (0.0, 0.0),
            };
            self.lines[i * (SPAN + n) + self.newest] = a;
            self.tops[now * n + i] = b;
        }
        // The beat leaves the FIFOs of row and column n − 1 in this cycle.
        let retiring = if n == 1 { token } else { retiring };
        self.retired += u64::from(retiring.is_some());
        token.is_some()
    }

    fn multiply_accumulate(&mut self) {
        let n = self.n;
        let now = (self.time % n as u64) as usize;
        for (i, acc) in self.acc.chunks_exact_mut(n).enumerate() {
            let from = i * (SPAN + n) + self.newest;
            let a = &self.lines[from..from + n];
            let top = (now + n - i) % n;
            let b = &self.tops[top * n..(top + 1) * n];
            for ((acc, &a), &b) in acc.iter_mut().zip(a).zip(b) {
                *acc += a * b;
            }
        }
    }
}
