//! LSTM and GRU over whole sequences: one node of the tape per layer and direction.
//!
//! ```text
//! LSTM   i, f, g, o = σ, σ, tanh, σ of (a_t + W_h·h + b_h)
//!        c ← f∘c + i∘g,   h ← o∘tanh c
//! GRU    r, z = σ of (a_t + W_h·h + b_h);   n = tanh(a_t,n + r∘(W_h·h + b_h)_n)
//!        h ← (1 − z)∘n + z∘h
//! ```
//!
//! a_t = W_x·x_t + b_x is computed for all times in one product before. Where nothing is rounded
//! from use to use, the gradient of W_h is also one product over all times.
//!
//! Sources: Hochreiter and Schmidhuber, Neural Computation 9 (1997) 1735, with the forget gate of
//! Gers et al. (2000); Cho et al., EMNLP 2014. Order of gates and place of the reset gate as in
//! PyTorch.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arithmetic::input::Input;
use crate::arithmetic::multiply::Used;
use crate::functions::{sigmoid, tanh, vectorised};
use crate::linear_map::LinearMap;
use crate::pass::Pass;
use crate::rows::Rows;
use crate::step::{Source, Step};
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// What happens at each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// Long short-term memory: gates i, f, g, o; states h and c.
    Lstm,
    /// Gated recurrent unit: gates r, z, n; state h.
    Gru,
}

impl Cell {
    /// Number of gates, each as wide as the state.
    pub fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }
}

/// How a sequence is run through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recurrence<'a> {
    /// From the last time to the first.
    pub reverse: bool,
    /// The length of each sequence of the batch; all have the full length if not given. Beyond its
    /// length a sequence gives zeros and leaves its state alone.
    pub lengths: Option<&'a [usize]>,
    /// h and, for an LSTM, c before the first step, each (batch, width); zeros if not given.
    pub initial: Option<(Var, Option<Var>)>,
}

/// h and c after the last step, as values: no gradient flows back through them.
///
/// Differs: PyTorch differentiates through the final cell state. Truncated back-propagation
/// detaches it anyway, and the final h is also in the output.
#[derive(Clone, Debug)]
pub struct FinalState {
    /// h, (batch, width).
    pub hidden: Tensor,
    /// c, (batch, width); empty for a GRU.
    pub cell: Tensor,
}

/// Records the outputs h of a recurrent layer in one direction.
///
/// `map` is W_h, b_h. At the time t it draws its random bits from the child t of the pass.
///
/// # Shapes
///
/// - `input`: (batch, time, gates · width), the input's share of the gates
/// - result: (batch, time, width)
///
/// # Panics
///
/// If the shapes do not agree with each other or with `map`.
#[track_caller]
pub fn recurrent(
    step: &mut Step<'_>,
    cell: Cell,
    map: &Arc<LinearMap>,
    input: Var,
    recurrence: &Recurrence<'_>,
) -> (Var, FinalState) {
    let &[batch, time, columns] = step.tape.value(input).shape() else {
        panic!("a sequence is (batch, time, …), not {:?}", step.tape.value(input).shape());
    };
    let width = map.inputs();
    assert!(
        columns == cell.gates() * width && map.outputs() == columns,
        "{} is {} × {}, which does not fit {columns} columns of gates",
        map.name(),
        map.outputs(),
        map.inputs()
    );
    let lengths = match recurrence.lengths {
        Some(lengths) => {
            assert!(
                lengths.len() == batch && lengths.iter().all(|&l| l <= time),
                "lengths {lengths:?} do not fit a batch of {batch} with {time} times"
            );
            lengths.to_vec()
        }
        None => vec![time; batch],
    };
    let size = batch * width;
    let mut hidden = step.tape.scratch((time + 1) * size);
    let cells = if cell == Cell::Lstm { (time + 1) * size } else { 0 };
    let mut cells = step.tape.scratch(cells);
    let (initial_hidden, initial_cell) =
        recurrence.initial.map_or((None, None), |(h, c)| (Some(h), c));
    for (state, initial) in [(&mut hidden, initial_hidden), (&mut cells, initial_cell)] {
        let Some(state) = state.get_mut(..size) else { continue };
        match initial {
            Some(var) => {
                let value = step.tape.value(var);
                assert_eq!(value.shape(), [batch, width], "the shape of an initial state");
                state.copy_from_slice(value.data());
            }
            None => state.fill(0.0),
        }
    }
    let mut output = step.tape.scratch(time * size);
    let mut saved = step.tape.scratch(time * size * 4);
    let mut projected = step.tape.scratch(size * cell.gates());
    let mut uses = Vec::with_capacity(time);
    let sequence = Sequence { cell, batch, time, width, reverse: recurrence.reverse, lengths };
    let rows = sequence.rows();
    for s in 0..time {
        let t = sequence.time_of(s);
        let (before, after) = hidden.split_at_mut((s + 1) * size);
        let before = &before[s * size..];
        if step.surveys(map, &rows) {
            output.fill(0.0);
            continue;
        }
        let pass = use_pass(&step.pass, t);
        uses.push(step.multiply(map, Source::Values(before), &rows, &mut projected, pass));
        let gates = step.tape.value(input).data();
        let (cell_before, cell_after) = match cell {
            Cell::Lstm => {
                let (before, after) = cells.split_at_mut((s + 1) * size);
                (&before[s * size..], &mut after[..size])
            }
            Cell::Gru => (&[][..], &mut [][..]),
        };
        for b in 0..batch {
            let row = b * width..(b + 1) * width;
            let out = &mut output[(b * time + t) * width..][..width];
            let after = &mut after[row.clone()];
            if t >= sequence.lengths[b] {
                out.fill(0.0);
                after.copy_from_slice(&before[row.clone()]);
                if cell == Cell::Lstm {
                    cell_after[row.clone()].copy_from_slice(&cell_before[row]);
                }
                continue;
            }
            let a = &gates[(b * time + t) * columns..][..columns];
            let p = &projected[b * columns..][..columns];
            let saved = &mut saved[(s * size + b * width) * 4..][..width * 4];
            match cell {
                Cell::Lstm => vectorised!({
                    lstm(a, p, &cell_before[row.clone()], saved, &mut cell_after[row], after);
                }),
                Cell::Gru => vectorised!(gru(a, p, &before[row], saved, after)),
            }
            out.copy_from_slice(after);
        }
    }
    let last = |states: &[f32]| {
        states.len().checked_sub(size).map_or_else(Tensor::default, |first| {
            Tensor::new(&[batch, width], states[first..].to_vec())
        })
    };
    let state = FinalState { hidden: last(&hidden), cell: last(&cells) };
    let operation = Recurrent {
        map: Arc::clone(map),
        input,
        initial: [initial_hidden, initial_cell],
        sequence,
        saved,
        hidden,
        cells,
        uses,
    };
    let value = Tensor::new(&[batch, time, width], output);
    (step.tape.record(value, true, operation), state)
}

/// The pass of one use of the map.
fn use_pass(pass: &Pass, t: usize) -> Pass {
    Pass { seed: pass.seed.child(t), ..*pass }
}

#[derive(Debug)]
struct Sequence {
    cell: Cell,
    batch: usize,
    time: usize,
    width: usize,
    reverse: bool,
    lengths: Vec<usize>,
}

impl Sequence {
    fn time_of(&self, s: usize) -> usize {
        if self.reverse { self.time - 1 - s } else { s }
    }

    fn rows(&self) -> Rows {
        Rows::Matrix { batch: self.batch, rows: self.batch, inputs: self.width }
    }
}

/// `saved` and the states are in the order of steps, (time, batch, …).
#[derive(Debug)]
struct Recurrent {
    map: Arc<LinearMap>,
    input: Var,
    initial: [Option<Var>; 2],
    sequence: Sequence,
    /// The gates after their functions, and for a GRU the projected part of n as the fourth.
    saved: Vec<f32>,
    /// h before each step, and the last.
    hidden: Vec<f32>,
    /// c before each step, and the last.
    cells: Vec<f32>,
    uses: Vec<Used>,
}

impl Operation for Recurrent {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let Sequence { cell, batch, time, width, .. } = self.sequence;
        let (size, columns) = (batch * width, cell.gates() * width);
        let rows = self.sequence.rows();
        let leaves = context.leaves();
        let in_leaves = leaves.is_cut();
        let mut d_input = context.scratch(batch * time * columns);
        let mut d_projected = context.scratch(time * batch * columns);
        // ∂loss/∂h and ∂loss/∂c after the step at hand.
        let mut dh = context.scratch(size);
        let mut dc = context.scratch(size);
        let mut propagated = context.scratch(size);
        dh.fill(0.0);
        dc.fill(0.0);
        for s in (0..time).rev() {
            let t = self.sequence.time_of(s);
            let d_projected = &mut d_projected[s * batch * columns..][..batch * columns];
            for b in 0..batch {
                let row = b * width..(b + 1) * width;
                let da = &mut d_input[(b * time + t) * columns..][..columns];
                let dp = &mut d_projected[b * columns..][..columns];
                if t >= self.sequence.lengths[b] {
                    da.fill(0.0);
                    dp.fill(0.0);
                    continue;
                }
                let dy = &gradient[(b * time + t) * width..][..width];
                let saved = &self.saved[(s * size + b * width) * 4..][..width * 4];
                let at = s * size + b * width;
                let dh = &mut dh[row.clone()];
                match cell {
                    Cell::Lstm => {
                        let before = &self.cells[at..][..width];
                        let after = &self.cells[at + size..][..width];
                        let dc = &mut dc[row];
                        vectorised!(lstm_backward(dy, saved, before, after, dh, dc, dp));
                        da.copy_from_slice(dp);
                    }
                    Cell::Gru => {
                        let before = &self.hidden[at..][..width];
                        vectorised!(gru_backward(dy, saved, before, dh, da, dp));
                    }
                }
            }
            let x = Input { values: &self.hidden[s * size..][..size], rows, in_leaves };
            let (used, dx) = (&mut self.uses[s], Some(&mut propagated[..]));
            self.map.propagate(used, &x, d_projected, dx, context);
            dh.iter_mut().zip(&propagated).for_each(|(dh, p)| *dh += p);
        }
        // Use after use; where the batch is cut, those of one leaf after those of another.
        let items = if in_leaves { batch } else { time * batch };
        let rows = Rows::Matrix { batch: items, rows: time * batch, inputs: width };
        let mut hidden = context.scratch(if in_leaves { time * size } else { 0 });
        if in_leaves {
            let leaves = leaves.rows(batch);
            by_leaves(&self.hidden, (batch, width), &leaves, &mut hidden);
            let by_use =
                std::mem::replace(&mut d_projected, context.scratch(time * batch * columns));
            by_leaves(&by_use, (batch, columns), &leaves, &mut d_projected);
            context.recycle(by_use);
        }
        let values = if in_leaves { &hidden[..] } else { &self.hidden[..time * size] };
        let x = Input { values, rows, in_leaves };
        self.map.accumulate(&mut self.uses, &x, &d_projected, context);
        context.recycle(hidden);
        context.recycle(d_projected);
        context.recycle(propagated);
        for (var, share) in
            [(Some(self.input), d_input), (self.initial[0], dh), (self.initial[1], dc)]
        {
            match var {
                Some(var) if context.needs_gradient(var) => context.give(var, share),
                _ => context.recycle(share),
            }
        }
    }

    fn recycle(self: Box<Self>, spare: &mut Vec<Vec<f32>>) {
        spare.extend([self.saved, self.hidden, self.cells]);
        self.uses.into_iter().for_each(|used| self.map.recycle(used, spare));
    }
}

/// Rearranges rows from (time, batch, width) to (leaf, time, items of the leaf, width).
fn by_leaves(
    rows: &[f32],
    (batch, width): (usize, usize),
    leaves: &[Range<usize>],
    out: &mut [f32],
) {
    let times = out.len() / (batch * width).max(1);
    let mut rest = out;
    for leaf in leaves {
        for time in 0..times {
            let from = (time * batch + leaf.start) * width..(time * batch + leaf.end) * width;
            let out = rest.split_off_mut(..from.len()).expect("as many rows");
            out.copy_from_slice(&rows[from]);
        }
    }
}

/// c and h of one sequence at one time; `saved` receives i, f, g, o.
#[inline(always)]
fn lstm(a: &[f32], p: &[f32], before: &[f32], saved: &mut [f32], c: &mut [f32], h: &mut [f32]) {
    let n = h.len();
    let (a, p, before, saved, c) =
        (&a[..4 * n], &p[..4 * n], &before[..n], &mut saved[..4 * n], &mut c[..n]);
    for j in 0..2 * n {
        saved[j] = sigmoid(a[j] + p[j]);
    }
    for j in 2 * n..3 * n {
        saved[j] = tanh(a[j] + p[j]);
    }
    for j in 3 * n..4 * n {
        saved[j] = sigmoid(a[j] + p[j]);
    }
    let (i, rest) = saved.split_at(n);
    let (f, rest) = rest.split_at(n);
    let (g, o) = rest.split_at(n);
    for j in 0..n {
        c[j] = f[j] * before[j] + i[j] * g[j];
        h[j] = o[j] * tanh(c[j]);
    }
}

/// From ∂/∂h and ∂/∂c after a step to those before it (without the share through W_h), and to
/// the gates.
#[inline(always)]
fn lstm_backward(
    dy: &[f32],
    saved: &[f32],
    before: &[f32],
    after: &[f32],
    dh: &mut [f32],
    dc: &mut [f32],
    d_gates: &mut [f32],
) {
    let n = dy.len();
    let (i, rest) = saved.split_at(n);
    let (f, rest) = rest.split_at(n);
    let (g, o) = rest.split_at(n);
    let (di, rest) = d_gates.split_at_mut(n);
    let (df, rest) = rest.split_at_mut(n);
    let (dg, d_o) = rest.split_at_mut(n);
    let (o, d_o, dh, dc) = (&o[..n], &mut d_o[..n], &mut dh[..n], &mut dc[..n]);
    let (before, after) = (&before[..n], &after[..n]);
    for j in 0..n {
        let tanh_c = tanh(after[j]);
        let h = dh[j] + dy[j];
        let c = dc[j] + h * o[j] * (1.0 - tanh_c * tanh_c);
        di[j] = c * g[j] * i[j] * (1.0 - i[j]);
        df[j] = c * before[j] * f[j] * (1.0 - f[j]);
        dg[j] = c * i[j] * (1.0 - g[j] * g[j]);
        d_o[j] = h * tanh_c * o[j] * (1.0 - o[j]);
        dc[j] = c * f[j];
        dh[j] = 0.0;
    }
}

/// h of one sequence at one time; `saved` receives r, z, n and the projected part of n.
#[inline(always)]
fn gru(a: &[f32], p: &[f32], before: &[f32], saved: &mut [f32], h: &mut [f32]) {
    let w = h.len();
    let (a, p, before) = (&a[..3 * w], &p[..3 * w], &before[..w]);
    for j in 0..2 * w {
        saved[j] = sigmoid(a[j] + p[j]);
    }
    let (r, rest) = saved.split_at_mut(w);
    let (z, rest) = rest.split_at_mut(w);
    let (n, projected) = rest.split_at_mut(w);
    let (a, p, projected) = (&a[2 * w..], &p[2 * w..], &mut projected[..w]);
    for j in 0..w {
        projected[j] = p[j];
        n[j] = tanh(a[j] + r[j] * p[j]);
        h[j] = (1.0 - z[j]) * n[j] + z[j] * before[j];
    }
}

/// From ∂/∂h after a step to that before it (without the share through W_h), to the input's share
/// of the gates and to the projected one.
#[inline(always)]
fn gru_backward(
    dy: &[f32],
    saved: &[f32],
    before: &[f32],
    dh: &mut [f32],
    da: &mut [f32],
    dp: &mut [f32],
) {
    let w = dy.len();
    let (r, rest) = saved.split_at(w);
    let (z, rest) = rest.split_at(w);
    let (n, projected) = rest.split_at(w);
    let (projected, before, dh) = (&projected[..w], &before[..w], &mut dh[..w]);
    let (dr, rest) = da.split_at_mut(w);
    let (dz, dn) = rest.split_at_mut(w);
    let dn = &mut dn[..w];
    for j in 0..w {
        let h = dh[j] + dy[j];
        let d = h * (1.0 - z[j]) * (1.0 - n[j] * n[j]);
        dn[j] = d;
        dr[j] = d * projected[j] * r[j] * (1.0 - r[j]);
        dz[j] = h * (before[j] - n[j]) * z[j] * (1.0 - z[j]);
        dh[j] = h * z[j];
    }
    dp[..2 * w].copy_from_slice(&da[..2 * w]);
    for ((p, &d), &r) in dp[2 * w..].iter_mut().zip(&da[2 * w..]).zip(r) {
        *p = d * r;
    }
}
