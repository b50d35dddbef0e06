//! Exact products of 16-bit patches that are read in place, in tiles that stay in registers.
//!
//! ```text
//! multiply      z[r, j] = Σ_k p_r[k] · w[k, j]       |p|max · max_j Σ_k |w[k, j]| < 2^31
//! accumulate    g[k, j] += Σ_r p_r[k] · δ[r, j]      |p|max · max_j Σ_r |δ[r, j]| < 2^31
//! ```
//!
//! so no 32-bit sum overflows. As in `tiles`, but in pairs: one instruction multiplies two 16-bit
//! values each and adds the products. `multiply` pairs neighbours of a patch; a run of odd length
//! reads one value more, whose weight is zero. `accumulate` pairs rows whose patches lie one step
//! apart: an image that holds each value beside the one a step behind it gives both at once.

mod kernels;

use numerics::simd::Level;

use super::tiles::{Panel, panels};
use crate::rows::plan::{Plan, Run};

/// Columns of a vector register.
const LANES: usize = 8;

/// Weights packed for one plan, as \[panel\]\[pair\]\[j\]\[2\].
#[derive(Debug)]
pub(crate) struct Weights {
    packed: Vec<i16>,
    pairs: usize,
}

impl Weights {
    /// Packs W, row-major (out, inputs).
    pub(crate) fn pack(plan: &Plan, w: &[i16], inputs: usize, outputs: usize) -> Self {
        let pairs = plan.runs.iter().map(|run| run.len.div_ceil(2)).sum();
        let mut packed = Vec::new();
        for panel in panels(outputs) {
            for run in &plan.runs {
                for k in (0..run.len).step_by(2) {
                    for j in 0..panel.padded {
                        let at = |k: usize| {
                            let inside = j < panel.width && k < run.len;
                            if inside { w[(panel.column + j) * inputs + run.weight + k] } else { 0 }
                        };
                        packed.extend([at(k), at(k + 1)]);
                    }
                }
            }
        }
        Self { packed, pairs }
    }

    fn panel(&self, panel: &Panel) -> &[i16] {
        let part = panel.part(2 * self.pairs);
        &self.packed[part]
    }
}

/// Whether no 32-bit sum of a bias and products of `a` with a row of W can overflow.
pub(crate) fn sums_fit(a: &[i16], w: &[i16], inputs: usize, bias: &[i64]) -> bool {
    let row = |w: &[i16]| w.iter().map(|w| u64::from(w.unsigned_abs())).sum::<u64>();
    let weights = w.chunks_exact(inputs.max(1)).map(row).max().unwrap_or(0);
    let bias = bias.iter().map(|b| b.unsigned_abs()).max().unwrap_or(0);
    (largest_magnitude(a) * weights).saturating_add(bias) < 1 << 31
}

/// The largest |x|; 0 without any.
pub(crate) fn largest_magnitude(x: &[i16]) -> u64 {
    let (least, most) = x.iter().fold((0, 0), |(least, most), &x| (x.min(least), x.max(most)));
    u64::from(least.unsigned_abs().max(most.unsigned_abs()))
}

/// Writes the sums of the rows of a plan, for one panel, each begun at its column's `initial` sum.
/// Sums are added modulo 2^32.
///
/// # Panics
///
/// If a run, or the element behind one, leaves `a`, or a row leaves `sums`.
pub(crate) fn multiply(
    plan: &Plan,
    a: &[i16],
    w: &Weights,
    initial: &[i32; 2 * LANES],
    sums: &mut [i32],
    outputs: usize,
    panel: &Panel,
) {
    let w = w.panel(panel);
    kernels::multiply(Level::detect(), plan, a, w, initial, sums, outputs, panel);
}

/// Two values in one word, the first below.
#[inline(always)]
fn pair(first: i16, second: i16) -> i32 {
    i32::from(second) << 16 | i32::from(first.cast_unsigned())
}

/// Two rows whose patches lie one step apart, or one row alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowPair {
    /// Where the first row's patch starts.
    pub(crate) base: usize,
    pub(crate) first: usize,
    pub(crate) second: Option<usize>,
}

/// The rows of a plan in pairs, and the step within a pair.
pub(crate) fn row_pairs(plan: &Plan) -> (Vec<RowPair>, usize) {
    let step = match plan.bases[..] {
        [first, second, ..] => second.saturating_sub(first),
        _ => 0,
    };
    let mut pairs: Vec<RowPair> = Vec::with_capacity(plan.rows.len().div_ceil(2));
    for (&base, &row) in plan.bases.iter().zip(&plan.rows) {
        match pairs.last_mut() {
            Some(pair) if pair.second.is_none() && step > 0 && pair.base + step == base => {
                pair.second = Some(row);
            }
            _ => pairs.push(RowPair { base, first: row, second: None }),
        }
    }
    (pairs, step)
}

/// Pairs each value of `a` with the one `step` behind it.
///
/// # Panics
///
/// If `step` leaves `a`.
pub(crate) fn pair_values(a: &[i16], step: usize, out: &mut Vec<i32>) {
    out.resize(a.len() - step, 0);
    super::dispatch(PairValues { first: a, second: &a[step..], out });
}

struct PairValues<'a> {
    first: &'a [i16],
    second: &'a [i16],
    out: &'a mut [i32],
}

impl super::Kernel for PairValues<'_> {
    #[inline(always)]
    fn run(self) {
        let Self { first, second, out } = self;
        for ((out, &first), &second) in out.iter_mut().zip(first).zip(second) {
            *out = pair(first, second);
        }
    }
}

/// Errors of pairs of rows in one panel, packed as \[pair\]\[j\]\[2\].
#[derive(Debug, Default)]
pub(crate) struct Errors {
    packed: Vec<i32>,
    bases: Vec<usize>,
}

impl Errors {
    /// Packs the errors of these rows, row-major (row, outputs); returns max_j Σ_r |δ\[r, j\]|.
    ///
    /// # Panics
    ///
    /// If a row leaves `errors`, or there are over 2^15 pairs.
    pub(crate) fn pack(
        &mut self,
        pairs: &[RowPair],
        errors: &[i16],
        outputs: usize,
        panel: &Panel,
    ) -> u64 {
        assert!(pairs.len() <= 1 << 15, "sums of {} pairs of magnitudes", pairs.len());
        self.bases.clear();
        self.bases.extend(pairs.iter().map(|pair| pair.base));
        self.packed.resize(pairs.len() * panel.padded, 0);
        let mut magnitudes = [0; 2 * LANES];
        let (packed, magnitudes_of) = (&mut self.packed[..], &mut magnitudes);
        match panel.padded {
            LANES => super::dispatch(PackErrors::<LANES> {
                pairs,
                errors,
                outputs,
                panel,
                packed,
                magnitudes: magnitudes_of.first_chunk_mut().expect("at least 8"),
            }),
            _ => super::dispatch(PackErrors::<{ 2 * LANES }> {
                pairs,
                errors,
                outputs,
                panel,
                packed,
                magnitudes: magnitudes_of,
            }),
        }
        magnitudes.into_iter().max().map_or(0, u64::from)
    }
}

struct PackErrors<'a, const N: usize> {
    pairs: &'a [RowPair],
    errors: &'a [i16],
    outputs: usize,
    panel: &'a Panel,
    packed: &'a mut [i32],
    /// Σ |δ| of each column.
    magnitudes: &'a mut [u32; N],
}

impl<const N: usize> super::Kernel for PackErrors<'_, N> {
    #[inline(always)]
    fn run(self) {
        let Self { pairs, errors, outputs, panel, packed, magnitudes } = self;
        let line = |row: usize| -> [i16; N] {
            let errors = &errors[row * outputs + panel.column..][..panel.width];
            match errors.first_chunk() {
                Some(line) => *line,
                None => {
                    let mut line = [0; N];
                    line[..errors.len()].copy_from_slice(errors);
                    line
                }
            }
        };
        let mut sums = [0u32; N];
        for (rows, out) in pairs.iter().zip(packed.as_chunks_mut::<N>().0) {
            let first = line(rows.first);
            let second = rows.second.map_or([0; N], line);
            for j in 0..N {
                out[j] = pair(first[j], second[j]);
                let magnitude = |error: i16| i32::from(error).unsigned_abs();
                sums[j] += magnitude(first[j]) + magnitude(second[j]);
            }
        }
        *magnitudes = sums;
    }
}

/// Adds to `sums`, one panel \[k\]\[j\], the products of patches with the packed errors: `a` holds the
/// values in pairs, as [`pair_values`] gives them. Sums are added modulo 2^32.
///
/// # Panics
///
/// If a run leaves `a`, or `sums` is not a panel of these runs.
pub(crate) fn accumulate(
    runs: &[Run],
    a: &[i32],
    errors: &Errors,
    sums: &mut [i32],
    padded: usize,
) {
    kernels::accumulate(Level::detect(), &errors.bases, runs, a, &errors.packed, sums, padded);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(len: usize, salt: usize, range: i32) -> Vec<i16> {
        (0..len).map(|i| ((i * 7919 + salt * 31) as i32 % (2 * range + 1) - range) as i16).collect()
    }

    #[test]
    fn products_equal_the_definition() {
        let runs = vec![
            Run { source: 0, weight: 0, len: 15 },
            Run { source: 40, weight: 15, len: 8 },
            Run { source: 60, weight: 23, len: 1 },
        ];
        for rows in [1, 5, 6, 7, 12, 13, 40] {
            let plan = Plan {
                bases: (0..rows).map(|r| 3 * r).collect(),
                rows: (0..rows).rev().collect(),
                runs: runs.clone(),
            };
            let inputs = plan.inner();
            let a = values(plan.extent() + 1, 1, 32767);
            let initial: [i32; 2 * LANES] = std::array::from_fn(|j| 100 * j as i32 - 700);
            for outputs in [1, 8, 9, 16, 17, 28, 40] {
                let w = values(outputs * inputs, 2, 900);
                assert!(sums_fit(&a, &w, inputs, &initial.map(i64::from)));
                let packed = Weights::pack(&plan, &w, inputs, outputs);
                let mut sums = vec![7; rows * outputs];
                for panel in panels(outputs) {
                    multiply(&plan, &a, &packed, &initial, &mut sums, outputs, &panel);
                }
                let row = |r: usize, o: usize| -> i64 {
                    let elements = runs.iter().flat_map(|run| {
                        (0..run.len).map(move |k| (run.source + k, run.weight + k))
                    });
                    let products = elements
                        .map(|(s, k)| i64::from(a[3 * r + s]) * i64::from(w[o * inputs + k]));
                    i64::from(initial[o % 16]) + products.sum::<i64>()
                };
                for (i, &sum) in sums.iter().enumerate() {
                    let (r, o) = (rows - 1 - i / outputs, i % outputs);
                    assert_eq!(i64::from(sum), row(r, o));
                }
            }
        }
    }

    /// Every width of a panel, odd numbers of rows, lines of odd length that leave rows alone.
    #[test]
    fn accumulated_products_equal_the_definition() {
        let runs = vec![
            Run { source: 0, weight: 0, len: 15 },
            Run { source: 40, weight: 15, len: 11 },
            Run { source: 60, weight: 26, len: 1 },
        ];
        for (lines, rows) in [(1, 1), (1, 5), (2, 3), (3, 4), (2, 7)] {
            let count = lines * rows;
            let plan = Plan {
                bases: (0..count).map(|r| 90 * (r / rows) + 3 * (r % rows)).collect(),
                rows: (0..count).rev().collect(),
                runs: runs.clone(),
            };
            let (pairs, step) = row_pairs(&plan);
            assert_eq!(step, if rows > 1 { 3 } else { 0 });
            assert_eq!(pairs.len(), lines * rows.div_ceil(2));
            let inner = plan.inner();
            let a = values(plan.extent() + step, 1, 900);
            let mut paired = Vec::new();
            pair_values(&a, step, &mut paired);
            for outputs in [1, 8, 9, 16, 17, 28, 40] {
                let errors = values(count * outputs, 2, 32767);
                let mut packed = Errors::default();
                for panel in panels(outputs) {
                    let largest = packed.pack(&pairs, &errors, outputs, &panel);
                    let columns = panel.column..panel.column + panel.width;
                    let magnitude = |j: usize| -> u64 {
                        let column = errors.iter().skip(j).step_by(outputs);
                        column.map(|d| u64::from(d.unsigned_abs())).sum()
                    };
                    assert_eq!(largest, columns.clone().map(magnitude).max().unwrap());
                    let mut sums = vec![7; inner * panel.padded];
                    accumulate(&runs, &paired, &packed, &mut sums, panel.padded);
                    let sources = runs.iter().flat_map(|run| run.source..run.source + run.len);
                    for (k, source) in sources.enumerate() {
                        for (j, column) in columns.clone().enumerate() {
                            let terms = plan.bases.iter().zip(&plan.rows).map(|(base, row)| {
                                i64::from(a[base + source])
                                    * i64::from(errors[row * outputs + column])
                            });
                            let expected = 7 + terms.sum::<i64>();
                            assert_eq!(i64::from(sums[k * panel.padded + j]), expected);
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "a patch leaves the image")]
    fn a_patch_outside_is_refused() {
        let runs = vec![Run { source: 0, weight: 0, len: 4 }];
        let plan = Plan { bases: vec![0, 3], rows: vec![0, 1], runs: runs.clone() };
        let mut errors = Errors::default();
        errors.pack(&row_pairs(&plan).0, &[1; 16], 8, &panels(8)[0]);
        accumulate(&runs, &[0; 3], &errors, &mut [0; 32], 8);
    }

    #[test]
    fn sums_that_may_overflow_are_noticed() {
        assert!(sums_fit(&[-32768], &[32767, 32767], 1, &[0; 2]));
        assert!(sums_fit(&[-32768], &[32767, 32767], 2, &[65535]));
        assert!(!sums_fit(&[-32768], &[32767, 32767], 2, &[-65536]));
        assert!(!sums_fit(&[-32768], &[32767, 32767, 2], 3, &[0]));
        assert!(!sums_fit(&[-32768], &[-32768, -32768], 2, &[0]));
        assert!(!sums_fit(&[0], &[0], 1, &[i64::MIN]));
    }
}
