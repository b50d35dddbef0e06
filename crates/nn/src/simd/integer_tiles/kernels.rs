//! The loops of integer tiles, for AVX2, for AVX-512 VNNI and portable. All sums are modulo 2^32.

#[cfg(target_arch = "x86_64")]
use numerics::simd::Instructions;
use numerics::simd::Level;

use super::super::tiles::Panel;
use super::LANES;
use crate::rows::plan::{Plan, Run};

/// Writes the sums of the rows of a plan, for one panel with packed weights `w`.
///
/// # Panics
///
/// If a run, or the element behind one, leaves `a`, a row leaves `sums`, or `w` is not a panel of
/// the plan.
#[expect(clippy::too_many_arguments, reason = "a product is its operands, its place, its result")]
pub(super) fn multiply(
    level: Level,
    plan: &Plan,
    a: &[i16],
    w: &[i16],
    initial: &[i32; 2 * LANES],
    sums: &mut [i32],
    outputs: usize,
    panel: &Panel,
) {
    let pairs: usize = plan.runs.iter().map(|run| run.len.div_ceil(2)).sum();
    assert!(plan.extent() < a.len(), "a patch leaves the image");
    assert_eq!(w.len(), 2 * pairs * panel.padded, "weights of another plan");
    #[cfg(target_arch = "x86_64")]
    if level.has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2 or VNNI")]
        // SAFETY: the processor has the instructions of its level, AVX2 at least. Every patch lies
        // in `a` with one more element, and `w` was packed for the runs, as was just asserted.
        unsafe {
            x86::multiply(level, plan, a, w, initial, sums, outputs, panel);
        }
        return;
    }
    let _ = level;
    portable::multiply(plan, a, w, initial, sums, outputs, panel);
}

/// Adds to `sums`, one panel \[k\]\[j\], the products of patches with errors, both in pairs.
///
/// # Panics
///
/// If a run leaves `a`, or the lengths do not agree.
pub(super) fn accumulate(
    level: Level,
    bases: &[usize],
    runs: &[Run],
    a: &[i32],
    errors: &[i32],
    sums: &mut [i32],
    padded: usize,
) {
    let inner: usize = runs.iter().map(|run| run.len).sum();
    let end = runs.iter().map(|run| run.source + run.len).max().unwrap_or(0);
    let base = bases.iter().max().map_or(0, |base| base + end);
    assert!(base <= a.len(), "a patch leaves the image");
    assert!(padded == LANES || padded == 2 * LANES, "a panel of {padded} columns");
    assert_eq!(errors.len(), bases.len() * padded, "errors of other rows");
    assert_eq!(sums.len(), inner * padded, "sums of other runs");
    #[cfg(target_arch = "x86_64")]
    if level.has(Instructions::Avx2) {
        #[expect(unsafe_code, reason = "calls code compiled for AVX2 or VNNI")]
        // SAFETY: the processor has the instructions of its level, AVX2 at least. Every patch lies
        // in `a`, `errors` holds a line for every base and `sums` one for every element of a patch,
        // as was just asserted.
        unsafe {
            x86::accumulate(level, bases, runs, a, errors, sums, padded);
        }
        return;
    }
    let _ = level;
    portable::accumulate(bases, runs, a, errors, sums, padded);
}

/// The definition, one row after another.
mod portable {
    use super::*;

    pub(super) fn multiply(
        plan: &Plan,
        a: &[i16],
        w: &[i16],
        initial: &[i32; 2 * LANES],
        sums: &mut [i32],
        outputs: usize,
        panel: &Panel,
    ) {
        for (&base, &row) in plan.bases.iter().zip(&plan.rows) {
            let out = &mut sums[row * outputs + panel.column..][..panel.width];
            out.copy_from_slice(&initial[..panel.width]);
            let mut lines = w.chunks_exact(2 * panel.padded);
            for run in &plan.runs {
                for (k, line) in (0..run.len).step_by(2).zip(&mut lines) {
                    let pair = &a[base + run.source + k..][..2];
                    for (sum, w) in out.iter_mut().zip(line.as_chunks::<2>().0) {
                        let product = |i: usize| i32::from(pair[i]) * i32::from(w[i]);
                        *sum = sum.wrapping_add(product(0).wrapping_add(product(1)));
                    }
                }
            }
        }
    }

    pub(super) fn accumulate(
        bases: &[usize],
        runs: &[Run],
        a: &[i32],
        errors: &[i32],
        sums: &mut [i32],
        padded: usize,
    ) {
        for (&base, errors) in bases.iter().zip(errors.chunks_exact(padded)) {
            let mut lines = sums.chunks_exact_mut(padded);
            for run in runs {
                for (&x, line) in a[base + run.source..][..run.len].iter().zip(&mut lines) {
                    for (sum, &d) in line.iter_mut().zip(errors) {
                        let low = i32::from(x as i16) * i32::from(d as i16);
                        let high = (x >> 16) * (d >> 16);
                        *sum = sum.wrapping_add(low.wrapping_add(high));
                    }
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "loads and stores of vectors through pointers")]
#[expect(clippy::needless_range_loop, reason = "registers are named by row and vector")]
mod x86 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi32, _mm256_dpwssd_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
    };

    use super::*;

    /// # Safety
    ///
    /// The level has AVX2; every patch of `plan` lies in `a` with one more element
    /// behind each run, and `w` has a panel's line of pairs for each pair of its elements.
    #[expect(clippy::too_many_arguments, reason = "as the function that calls it")]
    pub(super) unsafe fn multiply(
        level: Level,
        plan: &Plan,
        a: &[i16],
        w: &[i16],
        initial: &[i32; 2 * LANES],
        sums: &mut [i32],
        outputs: usize,
        panel: &Panel,
    ) {
        let task = (plan, a, w, initial, outputs, panel);
        // SAFETY: as the caller vouches.
        unsafe {
            match (level.instructions(), panel.padded) {
                (Instructions::Vnni, LANES) => vnni::multiply::<12, 1>(task, sums),
                (Instructions::Vnni, _) => vnni::multiply::<12, 2>(task, sums),
                (_, LANES) => avx2::multiply::<12, 1>(task, sums),
                _ => avx2::multiply::<6, 2>(task, sums),
            }
        }
    }

    /// # Safety
    ///
    /// The level has AVX2; every patch of these bases and runs lies in `a`;
    /// `errors` has a panel's line of pairs for every base, `sums` a line for every element of a
    /// patch.
    pub(super) unsafe fn accumulate(
        level: Level,
        bases: &[usize],
        runs: &[Run],
        a: &[i32],
        errors: &[i32],
        sums: &mut [i32],
        padded: usize,
    ) {
        let task = (bases, runs, a, errors);
        // SAFETY: as the caller vouches.
        unsafe {
            match (level.instructions(), padded) {
                (Instructions::Vnni, LANES) => vnni::accumulate::<12, 1>(task, sums),
                (Instructions::Vnni, _) => vnni::accumulate::<12, 2>(task, sums),
                (_, LANES) => avx2::accumulate::<12, 1>(task, sums),
                _ => avx2::accumulate::<6, 2>(task, sums),
            }
        }
    }

    /// Plan, values, weights, initial sums, outputs, panel.
    type Multiplication<'a> =
        (&'a Plan, &'a [i16], &'a [i16], &'a [i32; 2 * LANES], usize, &'a Panel);
    /// Bases, runs, values, errors.
    type Accumulation<'a> = (&'a [usize], &'a [Run], &'a [i32], &'a [i32]);

    /// The two loops, compiled for one instruction set. `$features` are what its functions need.
    macro_rules! compiled_for {
        ($name:ident, $features:literal, $multiply_add:expr) => {
            mod $name {
                use super::*;

                /// # Safety
                ///
                /// As [`multiply_tiles`]; the processor has what this module is compiled for.
                #[target_feature(enable = $features)]
                pub(super) unsafe fn multiply<const R: usize, const V: usize>(
                    task: Multiplication<'_>,
                    sums: &mut [i32],
                ) {
                    // SAFETY: as the caller vouches.
                    unsafe { multiply_tiles::<R, V>(task, sums, $multiply_add) }
                }

                /// # Safety
                ///
                /// As [`accumulate_runs`]; the processor has what this module is compiled for.
                #[target_feature(enable = $features)]
                pub(super) unsafe fn accumulate<const K: usize, const V: usize>(
                    task: Accumulation<'_>,
                    sums: &mut [i32],
                ) {
                    // SAFETY: as the caller vouches.
                    unsafe { accumulate_runs::<K, V>(task, sums, $multiply_add) }
                }
            }
        };
    }
    compiled_for!(avx2, "avx2", |sum, x, y| _mm256_add_epi32(sum, _mm256_madd_epi16(x, y)));
    compiled_for!(vnni, "avx2,avx512vl,avx512vnni", |sum, x, y| _mm256_dpwssd_epi32(sum, x, y));

    /// Tiles of R rows and V vectors; `multiply_add(sum, x, y)` adds the products of pairs.
    ///
    /// # Safety
    ///
    /// AVX2 in the function that this becomes a part of; every patch of the plan lies in `a` with
    /// one more element behind each run, and `w` has V · 8 pairs for each pair of its elements.
    #[inline(always)]
    unsafe fn multiply_tiles<const R: usize, const V: usize>(
        (plan, a, w, initial, outputs, panel): Multiplication<'_>,
        sums: &mut [i32],
        multiply_add: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
    ) {
        // SAFETY: `initial` holds two vectors.
        let initial: [__m256i; V] =
            std::array::from_fn(|v| unsafe { load(initial.as_ptr().add(v * LANES)) });
        for (bases, rows) in plan.bases.chunks(R).zip(plan.rows.chunks(R)) {
            // A short tile repeats its last row, whose sums are then not stored.
            let start: [*const i16; R] = std::array::from_fn(|i| {
                let base = bases[i.min(bases.len() - 1)];
                // SAFETY: a base lies in `a`.
                unsafe { a.as_ptr().add(base) }
            });
            let mut tile = [initial; R];
            let mut line = w.as_ptr().cast::<i32>();
            for run in &plan.runs {
                for k in (run.source..run.source + run.len).step_by(2) {
                    // SAFETY: base + k and the element behind it lie in `a` for every base and
                    // run; there are as many lines of V vectors in `w` as pairs in the runs.
                    unsafe {
                        let weights: [__m256i; V] =
                            std::array::from_fn(|v| load(line.add(v * LANES)));
                        line = line.add(V * LANES);
                        for i in 0..R {
                            let pair = start[i].add(k).cast::<i32>().read_unaligned();
                            let pair = _mm256_set1_epi32(pair);
                            for v in 0..V {
                                tile[i][v] = multiply_add(tile[i][v], pair, weights[v]);
                            }
                        }
                    }
                }
            }
            // By constant indices, so that the tile lives in registers.
            for i in 0..R {
                let Some(&row) = rows.get(i) else { break };
                let out = &mut sums[row * outputs + panel.column..][..panel.width];
                let mut line = [0; 2 * LANES];
                let full = out.len() == V * LANES;
                let to = if full { out.as_mut_ptr() } else { line.as_mut_ptr() };
                for v in 0..V {
                    // SAFETY: `line` holds two vectors, and `out` V if they are stored there.
                    unsafe { store(to.add(v * LANES), tile[i][v]) };
                }
                if !full {
                    out.copy_from_slice(&line[..out.len()]);
                }
            }
        }
    }

    /// Runs in tiles of up to K elements, which are as equal as can be.
    ///
    /// # Safety
    ///
    /// AVX2 in the function that this becomes a part of; every patch of these bases and runs lies
    /// in `a`; `errors` has V · 8 pairs for every base, `sums` V · 8 sums for every element of a
    /// patch.
    #[inline(always)]
    unsafe fn accumulate_runs<const K: usize, const V: usize>(
        (bases, runs, a, errors): Accumulation<'_>,
        sums: &mut [i32],
        multiply_add: impl Fn(__m256i, __m256i, __m256i) -> __m256i + Copy,
    ) {
        let mut line = sums.as_mut_ptr();
        for run in runs {
            let mut k = 0;
            while k < run.len {
                let left = run.len - k;
                let count = left.div_ceil(left.div_ceil(K));
                // SAFETY: elements k .. k + `count` of the run lie in `a` for every base, and
                // their lines in `sums`; the rest is as the caller vouches.
                unsafe {
                    let a = a.as_ptr().add(run.source + k);
                    macro_rules! tiles {
                        ($($n:literal)*) => {
                            match count {
                                $($n if $n <= K => {
                                    tile::<$n, V>(bases, a, errors, line, multiply_add);
                                })*
                                _ => unreachable!("a tile of {count} elements"),
                            }
                        };
                    }
                    tiles!(1 2 3 4 5 6 7 8 9 10 11 12);
                    line = line.add(count * V * LANES);
                }
                k += count;
            }
        }
    }

    /// Adds N lines of sums.
    ///
    /// # Safety
    ///
    /// AVX2 in the function that this becomes a part of; `a` has N pairs behind every base,
    /// `errors` V vectors for every base, and `lines` N · V vectors.
    #[inline(always)]
    unsafe fn tile<const N: usize, const V: usize>(
        bases: &[usize],
        a: *const i32,
        errors: &[i32],
        lines: *mut i32,
        multiply_add: impl Fn(__m256i, __m256i, __m256i) -> __m256i,
    ) {
        // SAFETY: as the caller vouches.
        unsafe {
            let mut sums = [[_mm256_setzero_si256(); V]; N];
            let mut error = errors.as_ptr();
            for &base in bases {
                let d: [__m256i; V] = std::array::from_fn(|v| load(error.add(v * LANES)));
                error = error.add(V * LANES);
                let a = a.add(base);
                for i in 0..N {
                    let x = _mm256_set1_epi32(*a.add(i));
                    for v in 0..V {
                        sums[i][v] = if N * V < 8 {
                            // So few sums would wait for themselves: the short addition alone
                            // depends on the last one.
                            _mm256_add_epi32(sums[i][v], _mm256_madd_epi16(x, d[v]))
                        } else {
                            multiply_add(sums[i][v], x, d[v])
                        };
                    }
                }
            }
            for i in 0..N {
                for v in 0..V {
                    let line = lines.add((i * V + v) * LANES);
                    store(line, _mm256_add_epi32(load(line), sums[i][v]));
                }
            }
        }
    }

    /// # Safety
    ///
    /// AVX2, and eight words at `from`.
    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m256i {
        // SAFETY: as the caller vouches; the load may be unaligned.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    /// # Safety
    ///
    /// AVX2, and eight words at `to`.
    #[inline(always)]
    unsafe fn store(to: *mut i32, vector: __m256i) {
        // SAFETY: as the caller vouches; the store may be unaligned.
        unsafe { _mm256_storeu_si256(to.cast(), vector) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tiles::panels;
    use super::*;

    fn words(len: usize, salt: u32) -> Vec<i32> {
        (0..len as u32).map(|i| ((i + salt).wrapping_mul(2_654_435_761) ^ salt) as i32).collect()
    }

    fn halves(len: usize, salt: u32) -> Vec<i16> {
        words(len, salt).into_iter().map(|word| (word >> 16) as i16).collect()
    }

    /// Sums that overflow included, for every width of a panel and ragged numbers of rows.
    #[test]
    fn all_instruction_sets_equal_the_portable_twin() {
        let lengths = [15, 8, 1, 27];
        let runs: Vec<Run> = (0..lengths.len())
            .map(|i| Run { source: 40 * i, weight: lengths[..i].iter().sum(), len: lengths[i] })
            .collect();
        let pairs: usize = lengths.iter().map(|len: &usize| len.div_ceil(2)).sum();
        for rows in [1, 5, 6, 7, 12, 13, 40] {
            let plan = Plan {
                bases: (0..rows).map(|r| 3 * r).collect(),
                rows: (0..rows).rev().collect(),
                runs: runs.clone(),
            };
            let a = halves(plan.extent() + 1, 1);
            let paired = words(plan.extent(), 2);
            let initial: [i32; 2 * LANES] = words(2 * LANES, 3).try_into().unwrap();
            for outputs in [1, 8, 9, 16, 17, 28, 40] {
                for panel in panels(outputs) {
                    let w = halves(2 * pairs * panel.padded, 4);
                    let errors = words(rows * panel.padded, 5);
                    let results = Level::all().map(|level| {
                        let mut sums = vec![7; rows * outputs];
                        multiply(level, &plan, &a, &w, &initial, &mut sums, outputs, &panel);
                        let mut gradient = words(plan.inner() * panel.padded, 6);
                        let (bases, padded) = (&plan.bases, panel.padded);
                        accumulate(level, bases, &runs, &paired, &errors, &mut gradient, padded);
                        (sums, gradient)
                    });
                    let results: Vec<_> = results.collect();
                    assert!(results.iter().all(|result| *result == results[0]));
                }
            }
        }
    }
}
