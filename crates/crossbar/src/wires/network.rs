//! Node potentials of a crossbar by Kirchhoff's current law.
//!
//! ```text
//!          r_w      r_w      r_w
//! v_i ●───▭───┬───▭───┬───▭───┬──      word line i, driven at the left
//!            ▯ g      ▯ g      ▯ g      devices
//!             │        │        │
//!             ▭ r_b    ▭ r_b    ▭ r_b   bit lines, to u_j below the last row
//! ```
//!
//! The unknowns obey A x = b with a symmetric positive definite A. With both resistances positive
//! A is factorised by sparse Cholesky in the order of [`super::ordering`]; an ideal line leaves
//! ladders of the other kind, which are tridiagonal; two ideal lines leave nothing to solve.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::linalg::cholesky::{
    CholeskySymbolicParams, LltRef, SymbolicCholesky, SymmetricOrdering,
    factorize_symbolic_cholesky,
};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side};

use super::ladder::{ladder, ladder_residual};
use super::ordering::nested_dissection;
use crate::error::TileError;

/// Conductances of devices and of segments in siemens.
#[derive(Clone, Debug)]
pub(super) struct Network {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// (rows, columns) row-major.
    pub(super) devices: Vec<f64>,
    /// Conductance of one segment; infinite for an ideal line.
    pub(super) word: f64,
    pub(super) bit: f64,
}

/// Potentials of all nodes in volts, (rows, columns) row-major each.
#[derive(Clone, Debug)]
pub(super) struct Potentials {
    pub(super) word: Vec<f64>,
    pub(super) bit: Vec<f64>,
}

/// What is computed once for an array.
pub(super) enum Solver {
    /// Ladders, or nothing: cheaper to solve than to prepare.
    Ladders,
    /// The Cholesky factor of the whole network.
    Cholesky(Box<Cholesky>),
}

impl std::fmt::Debug for Solver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ladders => f.write_str("Ladders"),
            Self::Cholesky(c) => write!(f, "Cholesky({} numbers)", c.values.len()),
        }
    }
}

pub(super) struct Cholesky {
    symbolic: SymbolicCholesky<u32>,
    values: Vec<f64>,
    /// Node at each place of the order of elimination.
    order: Vec<u32>,
}

impl Network {
    fn crossings(&self) -> usize {
        self.rows * self.columns
    }

    /// Neighbours of a node inside the network with the conductance between, and the conductance
    /// to the outside.
    fn neighbours(&self, node: usize) -> ([Option<(usize, f64)>; 3], f64) {
        let (n, columns) = (self.crossings(), self.columns);
        if node < n {
            let column = node % columns;
            let left = (column > 0).then(|| (node - 1, self.word));
            let right = (column + 1 < columns).then(|| (node + 1, self.word));
            let outside = if column == 0 { self.word } else { 0.0 };
            ([left, right, Some((node + n, self.devices[node]))], outside)
        } else {
            let crossing = node - n;
            let row = crossing / columns;
            let up = (row > 0).then(|| (node - columns, self.bit));
            let down = (row + 1 < self.rows).then(|| (node + columns, self.bit));
            let outside = if row + 1 == self.rows { self.bit } else { 0.0 };
            ([up, down, Some((crossing, self.devices[crossing]))], outside)
        }
    }

    /// Σ of currents that leave a node through its neighbours and to an outside at 0 V: (A x)_node.
    fn leaving(&self, x: &[f64], node: usize) -> f64 {
        let (neighbours, outside) = self.neighbours(node);
        neighbours.iter().flatten().map(|&(k, g)| g * (x[node] - x[k])).sum::<f64>()
            + outside * x[node]
    }

    /// Currents that sources at the word lines and potentials below the bit lines drive into the
    /// network: b.
    fn driven(&self, sources: &[f64], sinks: &[f64]) -> Vec<f64> {
        let n = self.crossings();
        let mut b = vec![0.0; 2 * n];
        for (row, source) in sources.iter().enumerate() {
            b[row * self.columns] = self.word * source;
        }
        let last = n + (self.rows - 1) * self.columns;
        for (b, sink) in b[last..].iter_mut().zip(sinks) {
            *b = self.bit * sink;
        }
        b
    }

    /// Prepares solves.
    pub(super) fn prepare(&self) -> Result<Solver, TileError> {
        if self.word.is_infinite() || self.bit.is_infinite() {
            return Ok(Solver::Ladders);
        }
        let order = nested_dissection(self.rows, self.columns);
        let mut place = vec![0u32; order.len()];
        for (at, &node) in order.iter().enumerate() {
            place[node as usize] = at as u32;
        }
        // The upper triangle in the order of elimination, column by column: without a permutation
        // of its own, faer's symbolic factorisation reads that one.
        let mut starts = Vec::with_capacity(order.len() + 1);
        let (mut row_indices, mut values) = (Vec::new(), Vec::new());
        starts.push(0);
        for (at, &node) in order.iter().enumerate() {
            let (neighbours, outside) = self.neighbours(node as usize);
            let diagonal = neighbours.iter().flatten().map(|&(_, g)| g).sum::<f64>() + outside;
            let mut above: Vec<(u32, f64)> = (neighbours.iter().flatten())
                .map(|&(k, g)| (place[k], -g))
                .filter(|&(k, _)| k < at as u32)
                .collect();
            above.sort_unstable_by_key(|&(k, _)| k);
            for (k, value) in above {
                row_indices.push(k);
                values.push(value);
            }
            row_indices.push(at as u32);
            values.push(diagonal);
            starts.push(row_indices.len() as u32);
        }
        let size = order.len();
        let pattern = SymbolicSparseColMatRef::new_checked(size, size, &starts, None, &row_indices);
        let matrix = SparseColMatRef::new(pattern, &values);
        let failed = |message: String| TileError::Factorisation(message);
        let symbolic = factorize_symbolic_cholesky(
            pattern,
            Side::Upper,
            SymmetricOrdering::Identity,
            CholeskySymbolicParams::default(),
        )
        .map_err(|error| failed(error.to_string()))?;
        let mut factor = vec![0.0; symbolic.len_val()];
        let scratch = symbolic.factorize_numeric_llt_scratch::<f64>(Par::Seq, Default::default());
        let mut memory = MemBuffer::try_new(scratch).map_err(|error| failed(error.to_string()))?;
        symbolic
            .factorize_numeric_llt(
                &mut factor,
                matrix,
                Side::Upper,
                Default::default(),
                Par::Seq,
                MemStack::new(&mut memory),
                Default::default(),
            )
            .map_err(|error| failed(error.to_string()))?;
        Ok(Solver::Cholesky(Box::new(Cholesky { symbolic, values: factor, order })))
    }

    /// Potentials for several drives at once, and the relative residual of each.
    ///
    /// `sources` are the potentials at the left of the word lines, `sinks` those below the bit
    /// lines, one after the other for every drive; all of them finite.
    ///
    /// Every drive is brought near 1 by a power of two first, so that squares in the residual
    /// neither overflow nor vanish; no other bit changes.
    pub(super) fn potentials(
        &self,
        solver: &Solver,
        sources: &[f64],
        sinks: &[f64],
        tolerance: f64,
    ) -> Result<Vec<(Potentials, f64)>, TileError> {
        let drives = sources.chunks_exact(self.rows).zip(sinks.chunks_exact(self.columns));
        let scales: Vec<f64> = drives.clone().map(|(v, u)| power_of_two(v, u)).collect();
        let drives = drives.zip(&scales).map(|((v, u), scale)| {
            let scaled = |x: &[f64]| x.iter().map(|x| x / scale).collect::<Vec<f64>>();
            (scaled(v), scaled(u))
        });
        let mut solved = match solver {
            Solver::Ladders => drives.map(|(v, u)| self.ladders(&v, &u)).collect(),
            Solver::Cholesky(cholesky) => {
                let b: Vec<Vec<f64>> = drives.map(|(v, u)| self.driven(&v, &u)).collect();
                cholesky.solve(self, &b, tolerance)?
            }
        };
        for ((potentials, residual), scale) in solved.iter_mut().zip(scales) {
            let residual = *residual;
            if residual.is_nan() || residual > tolerance {
                return Err(TileError::Residual { residual, tolerance });
            }
            let Potentials { word, bit } = potentials;
            word.iter_mut().chain(bit).for_each(|v| *v *= scale);
        }
        Ok(solved)
    }

    /// Lines of which at least one kind is ideal.
    fn ladders(&self, sources: &[f64], sinks: &[f64]) -> (Potentials, f64) {
        let (rows, columns) = (self.rows, self.columns);
        let at = |row: usize, column: usize| row * columns + column;
        let mut word = vec![0.0; self.crossings()];
        let mut bit = vec![0.0; self.crossings()];
        let (mut error, mut drive) = (0.0f64, 0.0f64);
        let lines = word.chunks_exact_mut(columns).zip(bit.chunks_exact_mut(columns));
        for ((word, bit), &source) in lines.zip(sources) {
            word.fill(source);
            bit.copy_from_slice(sinks);
        }
        let mut settle = |chain: &[usize], line: f64, end: f64, x: &mut [f64], far: &[f64]| {
            let devices: Vec<f64> = chain.iter().map(|&k| self.devices[k]).collect();
            let far: Vec<f64> = chain.iter().map(|&k| far[k]).collect();
            let settled = ladder(line, end, &devices, &far);
            let (r, b) = ladder_residual(line, end, &devices, &far, &settled);
            error += r;
            drive += b;
            chain.iter().zip(settled).for_each(|(&k, v)| x[k] = v);
        };
        if self.word.is_finite() {
            for (row, &source) in sources.iter().enumerate() {
                let chain: Vec<usize> = (0..columns).map(|column| at(row, column)).collect();
                settle(&chain, self.word, source, &mut word, &bit);
            }
        } else if self.bit.is_finite() {
            for (column, &sink) in sinks.iter().enumerate() {
                let chain: Vec<usize> = (0..rows).rev().map(|row| at(row, column)).collect();
                settle(&chain, self.bit, sink, &mut bit, &word);
            }
        }
        let residual = if drive == 0.0 { 0.0 } else { (error / drive).sqrt() };
        (Potentials { word, bit }, residual)
    }
}

impl Cholesky {
    /// Solves for all right-hand sides, refines, and returns the residual ‖b − A x‖ / ‖b‖.
    fn solve(
        &self,
        network: &Network,
        b: &[Vec<f64>],
        tolerance: f64,
    ) -> Result<Vec<(Potentials, f64)>, TileError> {
        /// Rounds of iterative refinement after the first solve.
        const REFINEMENTS: usize = 2;
        let size = self.order.len();
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut x: Vec<Vec<f64>> = vec![vec![0.0; size]; b.len()];
        let mut residuals = vec![0.0; b.len()];
        let mut remaining: Vec<Vec<f64>> = b.to_vec();
        for round in 0..=REFINEMENTS {
            let corrections = self.apply(&remaining)?;
            for (((x, d), b), (r, residual)) in
                x.iter_mut().zip(corrections).zip(b).zip(remaining.iter_mut().zip(&mut residuals))
            {
                x.iter_mut().zip(d).for_each(|(x, d)| *x += d);
                for (node, r) in r.iter_mut().enumerate() {
                    *r = b[node] - network.leaving(x, node);
                }
                let size = norm(b);
                *residual = if size == 0.0 { 0.0 } else { norm(r) / size };
            }
            // One refinement is always made: it costs a fraction of the factorisation.
            if round > 0 && residuals.iter().all(|&r| r <= tolerance) {
                break;
            }
        }
        let crossings = network.crossings();
        let split = |mut x: Vec<f64>| {
            let bit = x.split_off(crossings);
            Potentials { word: x, bit }
        };
        Ok(x.into_iter().map(split).zip(residuals).collect())
    }

    /// One solve with the factor.
    fn apply(&self, b: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, TileError> {
        let (size, count) = (self.order.len(), b.len());
        let mut columns: Vec<f64> =
            b.iter().flat_map(|b| self.order.iter().map(|&node| b[node as usize])).collect();
        let scratch = self.symbolic.solve_in_place_scratch::<f64>(count, Par::Seq);
        let mut memory = MemBuffer::try_new(scratch)
            .map_err(|error| TileError::Factorisation(error.to_string()))?;
        LltRef::new(&self.symbolic, &self.values).solve_in_place_with_conj(
            Conj::No,
            MatMut::from_column_major_slice_mut(&mut columns, size, count),
            Par::Seq,
            MemStack::new(&mut memory),
        );
        Ok(columns
            .chunks_exact(size)
            .map(|column| {
                let mut x = vec![0.0; size];
                for (&node, &value) in self.order.iter().zip(column) {
                    x[node as usize] = value;
                }
                x
            })
            .collect())
    }
}

/// The power of two just below the largest of some potentials, or 1 if all are 0.
fn power_of_two(sources: &[f64], sinks: &[f64]) -> f64 {
    let largest = sources.iter().chain(sinks).fold(0.0f64, |max, v| max.max(v.abs()));
    // Without its mantissa; of a subnormal number nothing would be left.
    let power = f64::from_bits(largest.to_bits() & !((1 << 52) - 1));
    if largest == 0.0 { 1.0 } else { power.max(f64::MIN_POSITIVE) }
}
