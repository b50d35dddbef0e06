//! The array as it is drawn: every word in a register, every register moved at every edge.
//!
//! The oracle of the delay lines in `src/array.rs`. It is written from the wiring alone: a cell
//! sees its neighbours' registers, and no cycle numbers.

use std::collections::VecDeque;

use numerics::Lfsr;
use systolic::{ArrayConfig, Beat, ColumnRounding, DspRound, Edge, Output};

#[derive(Clone, Copy, Default)]
struct Cell {
    a: i64,
    b: i64,
    last: bool,
    acc: i64,
    result: i64,
}

pub(crate) struct Registers {
    n: usize,
    edge_depth: usize,
    output_depth: usize,
    cells: Vec<Cell>,
    fifo_a: Vec<VecDeque<(i64, bool)>>,
    fifo_b: Vec<VecDeque<i64>>,
    /// Rows and columns from 1 on that take a word at this edge.
    tokens: Vec<bool>,
    gap: usize,
    /// `drain[j][i]`: register i of column j moves; i = n is the rounding unit.
    drain: Vec<Vec<bool>>,
    round: DspRound,
    lfsrs: Vec<Lfsr>,
    rounded: Vec<Option<Output>>,
    fifo_out: Vec<VecDeque<Output>>,
}

impl Registers {
    pub(crate) fn new(config: &ArrayConfig) -> Self {
        let n = config.n;
        let drop = (config.a.fl() + config.b.fl() - config.out.fl()) as u32;
        let lfsrs = match &config.rounding {
            ColumnRounding::Stochastic(lfsrs) => lfsrs.registers().unwrap(),
            ColumnRounding::NearestTiesDown => Vec::new(),
        };
        Self {
            n,
            edge_depth: config.edge_depth,
            output_depth: config.output_depth,
            cells: vec![Cell::default(); n * n],
            fifo_a: vec![VecDeque::new(); n],
            fifo_b: vec![VecDeque::new(); n],
            tokens: vec![false; n],
            gap: 0,
            drain: vec![vec![false; n + 1]; n],
            round: DspRound { drop, format: config.out },
            lfsrs,
            rounded: vec![None; n],
            fifo_out: vec![VecDeque::new(); n],
        }
    }

    pub(crate) fn clock(
        &mut self,
        beat: Option<Beat<'_>>,
        out_ready: bool,
        sink: &mut impl FnMut(Output),
    ) -> Edge {
        let n = self.n;
        let accepted = beat.is_some() && self.fifo_a[n - 1].len() < self.edge_depth;
        let frozen = (0..n)
            .any(|j| self.rounded[j].is_some() && self.fifo_out[j].len() == self.output_depth);
        if out_ready {
            self.fifo_out.iter_mut().filter_map(VecDeque::pop_front).for_each(sink);
        }
        let (mut issued, mut done) = (false, false);
        if !frozen {
            done = self.cells[n * n - 1].last;
            issued = self.edge();
        }
        if let Some(beat) = beat.filter(|_| accepted) {
            for i in 0..n {
                self.fifo_a[i].push_back((i64::from(beat.a[i]), beat.last));
                self.fifo_b[i].push_back(i64::from(beat.b[i]));
            }
        }
        Edge { accepted, issued, frozen, done }
    }

    fn edge(&mut self) -> bool {
        let n = self.n;
        let old = self.cells.clone();
        for (fifo, rounded) in self.fifo_out.iter_mut().zip(&mut self.rounded) {
            fifo.extend(rounded.take());
        }

        // Who takes a word from its edge FIFO.
        self.tokens[0] = match self.fifo_a[0].front() {
            Some(&(_, last)) => !(last && self.gap > 0),
            None => false,
        };
        let mut heads = vec![(0, 0, false); n];
        for i in (0..n).filter(|&i| self.tokens[i]) {
            let (a, last) = self.fifo_a[i].pop_front().expect("a token finds its word");
            let b = self.fifo_b[i].pop_front().expect("a token finds its word");
            heads[i] = (a, b, last);
        }
        let issued = self.tokens[0];
        self.gap = if heads[0].2 { n - 1 } else { self.gap.saturating_sub(1) };

        for i in 0..n {
            for j in 0..n {
                let at = i * n + j;
                let (a, last) = match j {
                    0 => (heads[i].0, heads[i].2),
                    _ => (old[at - 1].a, old[at - 1].last),
                };
                let b = if i == 0 { heads[j].1 } else { old[at - n].b };
                let cell = &mut self.cells[at];
                if old[at].last {
                    cell.result = old[at].acc;
                    cell.acc = 0;
                } else if i > 0 && self.drain[j][i] {
                    cell.result = old[at - n].result;
                }
                cell.acc += a * b;
                (cell.a, cell.b, cell.last) = (a, b, last);
            }
        }
        for j in 0..n {
            let bottom = &old[(n - 1) * n + j];
            if self.drain[j][n] {
                let r = match self.lfsrs.get_mut(j) {
                    Some(_) if self.round.drop == 0 => 0,
                    Some(lfsr) => lfsr.next_bits(self.round.drop),
                    None => self.round.nearest_ties_down(),
                };
                let (code, saturation) = self.round.round(bottom.result, r);
                self.rounded[j] = Some(Output { column: j, code, saturation });
            }
            if bottom.last {
                self.drain[j] = vec![true; n + 1];
                self.drain[j][0] = false;
            } else {
                self.drain[j].rotate_right(1);
                self.drain[j][0] = false;
            }
        }
        self.tokens.rotate_right(1);
        issued
    }
}
