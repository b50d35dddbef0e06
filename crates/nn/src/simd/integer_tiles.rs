//! Exact products of 16-bit patches that are read in place, in tiles that stay in registers.
//!
//! ```text
//! z[r, j] = Σ_k p_r[k] · w[k, j]      |p|max · max_j Σ_k |w[k, j]| < 2^31, so no 32-bit sum overflows
//! ```
//!
//! As in `tiles`, but in pairs of neighbours: one instruction multiplies two 16-bit values each and
//! adds the products. A run of odd length reads one value more, whose weight is zero.

use super::tiles::{Panel, panels};
use crate::linear_map::Plan;

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

/// Whether no 32-bit sum of products of `a` with rows of W can overflow.
pub(crate) fn sums_fit(a: &[i16], w: &[i16], inputs: usize) -> bool {
    let largest = a.iter().map(|x| x.unsigned_abs()).max().unwrap_or(0);
    let row = |w: &[i16]| w.iter().map(|w| u64::from(w.unsigned_abs())).sum::<u64>();
    let weights = w.chunks_exact(inputs.max(1)).map(row).max().unwrap_or(0);
    u64::from(largest) * weights < 1 << 31
}

/// Writes the sums of the rows of a plan, for one panel.
///
/// # Panics
///
/// If a run, or the element behind one, leaves `a`, or a row leaves `sums`.
pub(crate) fn multiply(
    plan: &Plan,
    a: &[i16],
    w: &Weights,
    sums: &mut [i32],
    outputs: usize,
    panel: &Panel,
) {
    assert!(plan.extent() < a.len(), "a patch leaves the image");
    let w = w.panel(panel);
    #[cfg(target_arch = "x86_64")]
    if super::avx2() {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2")]
        // SAFETY: the processor has AVX2, as was just detected. Every patch lies in `a` with one
        // more element, as was just asserted, and `w` was packed for the runs.
        unsafe {
            match panel.padded {
                LANES => avx2::multiply::<12, 1>(plan, a, w, sums, outputs, panel),
                _ => avx2::multiply::<6, 2>(plan, a, w, sums, outputs, panel),
            }
        }
        return;
    }
    portable(plan, a, w, sums, outputs, panel);
}

/// The definition, one row after another.
fn portable(plan: &Plan, a: &[i16], w: &[i16], sums: &mut [i32], outputs: usize, panel: &Panel) {
    for (&base, &row) in plan.bases.iter().zip(&plan.rows) {
        let out = &mut sums[row * outputs + panel.column..][..panel.width];
        out.fill(0);
        let mut lines = w.chunks_exact(2 * panel.padded);
        for run in &plan.runs {
            let pairs = (0..run.len).step_by(2).zip(&mut lines);
            for (k, line) in pairs {
                let pair = &a[base + run.source + k..][..2];
                for (sum, w) in out.iter_mut().zip(line.as_chunks::<2>().0) {
                    let product = |i: usize| i32::from(pair[i]) * i32::from(w[i]);
                    *sum += product(0) + product(1);
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "loads and stores of vectors through pointers")]
#[expect(clippy::needless_range_loop, reason = "registers are named by row and vector")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_set1_epi32,
        _mm256_setzero_si256, _mm256_storeu_si256,
    };

    use super::*;

    /// # Safety
    ///
    /// AVX2; every patch of `plan` lies in `a` with one more element behind each run, and `w` has
    /// V · 8 pairs for each pair of its elements.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn multiply<const R: usize, const V: usize>(
        plan: &Plan,
        a: &[i16],
        w: &[i16],
        sums: &mut [i32],
        outputs: usize,
        panel: &Panel,
    ) {
        let mut out = [[0i32; 2 * LANES]; R];
        for (bases, rows) in plan.bases.chunks(R).zip(plan.rows.chunks(R)) {
            // A short tile repeats its last row, whose sums are then not stored.
            let start: [*const i16; R] = std::array::from_fn(|i| {
                let base = bases[i.min(bases.len() - 1)];
                // SAFETY: a base lies in `a`.
                unsafe { a.as_ptr().add(base) }
            });
            let mut tile = [[_mm256_setzero_si256(); V]; R];
            let mut line = w.as_ptr().cast::<__m256i>();
            for run in &plan.runs {
                for k in (run.source..run.source + run.len).step_by(2) {
                    // SAFETY: base + k and the element behind it lie in `a` for every base and
                    // run; there are as many lines of V vectors in `w` as pairs in the runs.
                    unsafe {
                        let weights: [__m256i; V] =
                            std::array::from_fn(|v| _mm256_loadu_si256(line.add(v)));
                        line = line.add(V);
                        for i in 0..R {
                            let pair = start[i].add(k).cast::<i32>().read_unaligned();
                            let pair = _mm256_set1_epi32(pair);
                            for v in 0..V {
                                let products = _mm256_madd_epi16(pair, weights[v]);
                                tile[i][v] = _mm256_add_epi32(tile[i][v], products);
                            }
                        }
                    }
                }
            }
            for i in 0..R {
                for v in 0..V {
                    // SAFETY: a line of `out` holds two vectors.
                    unsafe {
                        _mm256_storeu_si256(
                            out[i].as_mut_ptr().cast::<__m256i>().add(v),
                            tile[i][v],
                        );
                    }
                }
            }
            for (&row, out) in rows.iter().zip(&out) {
                sums[row * outputs + panel.column..][..panel.width]
                    .copy_from_slice(&out[..panel.width]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear_map::Run;

    fn values(len: usize, salt: usize, range: i32) -> Vec<i16> {
        (0..len).map(|i| ((i * 7919 + salt * 31) as i32 % (2 * range + 1) - range) as i16).collect()
    }

    #[test]
    fn kernels_equal_the_definition() {
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
            for outputs in [1, 8, 9, 16, 17, 28, 40] {
                let w = values(outputs * inputs, 2, 900);
                assert!(sums_fit(&a, &w, inputs));
                let packed = Weights::pack(&plan, &w, inputs, outputs);
                let mut fast = vec![7; rows * outputs];
                let mut twin = fast.clone();
                for panel in panels(outputs) {
                    multiply(&plan, &a, &packed, &mut fast, outputs, &panel);
                    portable(&plan, &a, packed.panel(&panel), &mut twin, outputs, &panel);
                }
                assert_eq!(fast, twin);
                let row = |r: usize, o: usize| -> i64 {
                    let elements = runs.iter().flat_map(|run| {
                        (0..run.len).map(move |k| (run.source + k, run.weight + k))
                    });
                    elements
                        .map(|(s, k)| i64::from(a[3 * r + s]) * i64::from(w[o * inputs + k]))
                        .sum()
                };
                for (i, &sum) in fast.iter().enumerate() {
                    let (r, o) = (rows - 1 - i / outputs, i % outputs);
                    assert_eq!(i64::from(sum), row(r, o));
                }
            }
        }
    }

    #[test]
    fn sums_that_may_overflow_are_noticed() {
        assert!(sums_fit(&[-32768], &[32767, 32767], 1));
        assert!(sums_fit(&[-32768], &[32767, 32767], 2));
        assert!(!sums_fit(&[-32768], &[32767, 32767, 2], 3));
        assert!(!sums_fit(&[-32768], &[-32768, -32768], 2));
    }
}
