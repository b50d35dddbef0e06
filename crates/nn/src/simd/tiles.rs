//! Products of patches that are read in place, in tiles that stay in registers.
//!
//! ```text
//! multiply      y[r, j] = b[j] + Σ_k p_r[k] · w[k, j]       tile: rows r × columns j, k runs
//! accumulate    g[k, j] += Σ_r p_r[k] · δ[r, j]             tile: k × columns j, r runs
//! ```
//!
//! p_r is the patch of row r (see [`Plan`]), j the columns of a *panel*: up to 16 outputs, whose
//! weights lie together as w[k][j], padded with zeros to 8 or 16. A tile of 6 × 16 (or 12 × 8) sums
//! fills 12 of the 16 vector registers; each step loads the panel's line and broadcasts one value
//! per row.

#[cfg(target_arch = "x86_64")]
use numerics::simd::{Instructions, Level};

use crate::rows::plan::{Plan, Run};

/// Columns of a vector register.
const LANES: usize = 8;
/// Rows whose errors are packed together.
pub(crate) const BLOCK: usize = 256;

/// A panel of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panel {
    /// The first output.
    pub(crate) column: usize,
    /// Outputs that are not padding.
    pub(crate) width: usize,
    /// Outputs with padding: 8 or 16.
    pub(crate) padded: usize,
    /// Where its part of packed weights begins, per element of the inner dimension.
    start: usize,
}

/// The panels of that many outputs.
pub(crate) fn panels(outputs: usize) -> Vec<Panel> {
    let mut panels = Vec::new();
    let (mut column, mut start) = (0, 0);
    while column < outputs {
        let width = (outputs - column).min(2 * LANES);
        let padded = width.next_multiple_of(LANES);
        panels.push(Panel { column, width, padded, start });
        column += width;
        start += padded;
    }
    panels
}

impl Panel {
    /// Its part of packed weights or gradients with that inner dimension.
    pub(crate) fn part(&self, inner: usize) -> std::ops::Range<usize> {
        self.start * inner..(self.start + self.padded) * inner
    }
}

/// Packs W, row-major (out, inputs), as \[panel\]\[k\]\[j\] for the runs of a plan.
pub(crate) fn pack(plan: &Plan, w: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut packed = Vec::new();
    for panel in panels(outputs) {
        for run in &plan.runs {
            for k in run.weight..run.weight + run.len {
                let line = packed.len();
                packed.extend((0..panel.width).map(|j| w[(panel.column + j) * inputs + k]));
                packed.resize(line + panel.padded, 0.0);
            }
        }
    }
    packed
}

/// Writes the rows of a plan, for one panel: `w` is the panel's part of the packed weights, and
/// `bias` its biases.
///
/// # Panics
///
/// If a run leaves `a`, a row leaves `y`, or `w` is not a panel of the plan.
pub(crate) fn multiply(
    plan: &Plan,
    a: &[f32],
    w: &[f32],
    bias: &[f32; 2 * LANES],
    y: &mut [f32],
    outputs: usize,
    panel: &Panel,
) {
    assert!(plan.extent() <= a.len(), "a patch leaves the image");
    assert_eq!(w.len(), plan.inner() * panel.padded, "weights of another plan");
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2 and FMA")]
        // SAFETY: the processor has both, as its level says. Every patch lies in `a` and `w`
        // holds a line for each of its elements, as was just asserted.
        unsafe {
            match panel.padded {
                LANES => avx2::multiply::<12, 1>(plan, a, w, bias, y, outputs, panel),
                _ => avx2::multiply::<6, 2>(plan, a, w, bias, y, outputs, panel),
            }
        }
        return;
    }
    portable::multiply(plan, a, w, bias, y, outputs, panel);
}

/// Adds to `sums`, one panel \[k\]\[j\], the products of patches with the errors of the plan's rows
/// `first..first + rows`, which `errors` holds as \[row\]\[j\], padded as the panel is.
///
/// # Panics
///
/// If a run leaves `a`, or the lengths do not agree.
pub(crate) fn accumulate(
    plan: &Plan,
    first: usize,
    rows: usize,
    a: &[f32],
    errors: &[f32],
    sums: &mut [f32],
    padded: usize,
) {
    assert!(plan.extent() <= a.len(), "a patch leaves the image");
    assert_eq!(errors.len(), rows * padded, "errors of other rows");
    assert_eq!(sums.len(), plan.inner() * padded, "sums of another plan");
    let bases = &plan.bases[first..first + rows];
    #[cfg(target_arch = "x86_64")]
    if Level::detect().has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2 and FMA")]
        // SAFETY: the processor has both, as its level says. Every patch lies in `a`, `errors`
        // holds a line for every base and `sums` one for every element of a patch, as was just
        // asserted.
        unsafe {
            match padded {
                LANES => avx2::accumulate::<1>(bases, &plan.runs, a, errors, sums),
                _ => avx2::accumulate::<2>(bases, &plan.runs, a, errors, sums),
            }
        }
        return;
    }
    portable::accumulate(bases, &plan.runs, a, errors, sums, padded);
}

impl Plan {
    /// One past the last element that a patch reads.
    pub(super) fn extent(&self) -> usize {
        let base = self.bases.iter().max();
        let run = self.runs.iter().map(|run| run.source + run.len).max();
        base.zip(run).map_or(0, |(base, run)| base + run)
    }
}

/// The definition, one row after another.
mod portable {
    use super::*;

    pub(super) fn multiply(
        plan: &Plan,
        a: &[f32],
        w: &[f32],
        bias: &[f32; 2 * LANES],
        y: &mut [f32],
        outputs: usize,
        panel: &Panel,
    ) {
        for (&base, &row) in plan.bases.iter().zip(&plan.rows) {
            let mut sums = *bias;
            let mut lines = w.chunks_exact(panel.padded);
            for run in &plan.runs {
                for (&x, line) in a[base + run.source..][..run.len].iter().zip(&mut lines) {
                    sums.iter_mut().zip(line).for_each(|(sum, w)| *sum += x * w);
                }
            }
            y[row * outputs + panel.column..][..panel.width].copy_from_slice(&sums[..panel.width]);
        }
    }

    pub(super) fn accumulate(
        bases: &[usize],
        runs: &[Run],
        a: &[f32],
        errors: &[f32],
        sums: &mut [f32],
        padded: usize,
    ) {
        for (&base, errors) in bases.iter().zip(errors.chunks_exact(padded)) {
            let mut lines = sums.chunks_exact_mut(padded);
            for run in runs {
                for (&x, line) in a[base + run.source..][..run.len].iter().zip(&mut lines) {
                    line.iter_mut().zip(errors).for_each(|(sum, d)| *sum += x * d);
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
        __m256, _mm256_add_ps, _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_setzero_ps, _mm256_storeu_ps,
    };

    use super::*;

    /// # Safety
    ///
    /// AVX2 and FMA; every patch of `plan` lies in `a`, and `w` has V · 8 values for each of its
    /// elements.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn multiply<const R: usize, const V: usize>(
        plan: &Plan,
        a: &[f32],
        w: &[f32],
        bias: &[f32; 2 * LANES],
        y: &mut [f32],
        outputs: usize,
        panel: &Panel,
    ) {
        let rows = plan.bases.chunks(R).zip(plan.rows.chunks(R));
        let mut out = [[0.0f32; 2 * LANES]; R];
        for (bases, rows) in rows {
            // A short tile repeats its last row, whose sums are then not stored.
            let start: [*const f32; R] = std::array::from_fn(|i| {
                let base = bases[i.min(bases.len() - 1)];
                // SAFETY: a base lies in `a`.
                unsafe { a.as_ptr().add(base) }
            });
            // SAFETY: `bias` holds two vectors.
            let initial: [__m256; V] =
                std::array::from_fn(|v| unsafe { _mm256_loadu_ps(bias.as_ptr().add(v * LANES)) });
            let mut sums = [initial; R];
            let mut line = w.as_ptr();
            for run in &plan.runs {
                for k in run.source..run.source + run.len {
                    // SAFETY: base + k lies in `a` for every base and run; there are as many lines
                    // of V vectors in `w` as elements in the runs.
                    unsafe {
                        let weights: [__m256; V] =
                            std::array::from_fn(|v| _mm256_loadu_ps(line.add(v * LANES)));
                        line = line.add(V * LANES);
                        for i in 0..R {
                            let x = _mm256_broadcast_ss(&*start[i].add(k));
                            for v in 0..V {
                                sums[i][v] = _mm256_fmadd_ps(x, weights[v], sums[i][v]);
                            }
                        }
                    }
                }
            }
            for i in 0..R {
                for v in 0..V {
                    // SAFETY: a line of `out` holds two vectors.
                    unsafe { _mm256_storeu_ps(out[i].as_mut_ptr().add(v * LANES), sums[i][v]) };
                }
            }
            for (&row, out) in rows.iter().zip(&out) {
                y[row * outputs + panel.column..][..panel.width]
                    .copy_from_slice(&out[..panel.width]);
            }
        }
    }

    /// # Safety
    ///
    /// AVX2 and FMA; every patch of these bases and runs lies in `a`; `errors` has V · 8 values for
    /// every base, `sums` as many for every element of a patch.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn accumulate<const V: usize>(
        bases: &[usize],
        runs: &[Run],
        a: &[f32],
        errors: &[f32],
        sums: &mut [f32],
    ) {
        let mut line = sums.as_mut_ptr();
        for run in runs {
            let mut k = 0;
            while k < run.len {
                let left = run.len - k;
                // SAFETY: elements k .. k + K of the run lie in `a` for every base, and their
                // lines in `sums`; the rest is as the caller vouches.
                unsafe {
                    let a = a.as_ptr().add(run.source + k);
                    let done = match (V, left) {
                        (1, 12..) => tile::<12, V>(bases, a, errors, line),
                        (_, 6..) => tile::<6, V>(bases, a, errors, line),
                        (_, 5) => tile::<5, V>(bases, a, errors, line),
                        (_, 4) => tile::<4, V>(bases, a, errors, line),
                        (_, 3) => tile::<3, V>(bases, a, errors, line),
                        (_, 2) => tile::<2, V>(bases, a, errors, line),
                        _ => tile::<1, V>(bases, a, errors, line),
                    };
                    k += done;
                    line = line.add(done * V * LANES);
                }
            }
        }
    }

    /// Adds K lines of sums; returns K.
    ///
    /// # Safety
    ///
    /// AVX2 and FMA; `a` has K values behind every base, `errors` V vectors for every base, and
    /// `lines` K · V vectors.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn tile<const K: usize, const V: usize>(
        bases: &[usize],
        a: *const f32,
        errors: &[f32],
        lines: *mut f32,
    ) -> usize {
        let mut sums = [[_mm256_setzero_ps(); V]; K];
        let mut error = errors.as_ptr();
        for &base in bases {
            // SAFETY: as the caller vouches.
            unsafe {
                let d: [__m256; V] = std::array::from_fn(|v| _mm256_loadu_ps(error.add(v * LANES)));
                error = error.add(V * LANES);
                let a = a.add(base);
                for i in 0..K {
                    let x = _mm256_broadcast_ss(&*a.add(i));
                    for v in 0..V {
                        sums[i][v] = _mm256_fmadd_ps(x, d[v], sums[i][v]);
                    }
                }
            }
        }
        for i in 0..K {
            for v in 0..V {
                // SAFETY: as the caller vouches.
                unsafe {
                    let line = lines.add((i * V + v) * LANES);
                    _mm256_storeu_ps(line, _mm256_add_ps(_mm256_loadu_ps(line), sums[i][v]));
                }
            }
        }
        K
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(len: usize, salt: usize) -> Vec<f32> {
        (0..len).map(|i| ((i * 7919 + salt * 31) % 101) as f32 / 50.0 - 1.0).collect()
    }

    fn close(a: &[f32], b: &[f32]) {
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!((a - b).abs() < 1e-4, "element {i}: {a}, not {b}");
        }
    }

    /// Both functions against their twins, for every width of a panel and ragged numbers of rows.
    #[test]
    fn kernels_equal_their_twins() {
        let runs = vec![
            Run { source: 0, weight: 0, len: 15 },
            Run { source: 40, weight: 15, len: 7 },
            Run { source: 60, weight: 22, len: 1 },
        ];
        for rows in [1, 5, 6, 7, 12, 13, 40] {
            let plan = Plan {
                bases: (0..rows).map(|r| 3 * r).collect(),
                rows: (0..rows).rev().collect(),
                runs: runs.clone(),
            };
            let a = values(plan.extent(), 1);
            for outputs in [1, 8, 9, 16, 17, 28, 40] {
                let w = values(outputs * plan.inner(), 2);
                let packed = pack(&plan, &w, plan.inner(), outputs);
                let bias: [f32; 16] = values(16, 3).try_into().unwrap();
                for panel in panels(outputs) {
                    let w = &packed[panel.part(plan.inner())];
                    let mut fast = vec![7.0; rows * outputs];
                    let mut twin = fast.clone();
                    multiply(&plan, &a, w, &bias, &mut fast, outputs, &panel);
                    portable::multiply(&plan, &a, w, &bias, &mut twin, outputs, &panel);
                    close(&fast, &twin);

                    let errors = values((rows - 1) * panel.padded, 4);
                    let mut fast = values(plan.inner() * panel.padded, 5);
                    let mut twin = fast.clone();
                    accumulate(&plan, 1, rows - 1, &a, &errors, &mut fast, panel.padded);
                    let bases = &plan.bases[1..];
                    portable::accumulate(bases, &runs, &a, &errors, &mut twin, panel.padded);
                    close(&fast, &twin);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "a patch leaves the image")]
    fn a_patch_outside_is_refused() {
        let runs = vec![Run { source: 0, weight: 0, len: 4 }];
        let plan = Plan { bases: vec![0, 3], rows: vec![0, 1], runs };
        let panel = panels(8)[0];
        multiply(&plan, &[0.0; 6], &[0.0; 32], &[0.0; 16], &mut [0.0; 16], 8, &panel);
    }
}
