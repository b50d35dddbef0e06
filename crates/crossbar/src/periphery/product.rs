//! The four sums of an analog product, for 16 outputs and a group of samples at a time.
//!
//! With input codes k_j (the DAC output in steps) and weights w_ij, an output needs
//!
//! ```text
//! y = Σ w k           the product
//! z = Σ w k p_j       its IR drop, p_j = 1 − (1 − j/n)²
//! a = Σ |w| |k|       the current of the bit line
//! v = Σ |w| k²        the variance of the read noise
//! ```
//!
//! Four products of matrices would take four times the time of one. Two observations halve it:
//!
//! 1. p is quadratic in j, so z follows from the running sums S₁ = Σ y and S₂ = Σ S₁ of the
//!    partial sums of y: with d = n − j, Σ d² w k = 2 S₂ − S₁. Two additions replace a fused
//!    multiplication, and processors add and multiply on different units. With S₂ formed at every
//!    fourth input only, 8 S₂ = Σ (d² + 4d + 4r − r²) w k, r = j mod 4, and with 2 for 4r − r²
//!    (which is 0, 3, 4 or 3) one addition and a quarter are left.
//! 2. a and v correct y by a few percent and set the size of a noise. With an 8-bit DAC k and k²
//!    are integers, so two 16-bit products of integers compute them, |w| being rounded to 2^15 (a)
//!    and 2^8 (v) levels of the largest weight of the output:
//!
//! ```text
//! |â − a| ≤ 2^−16 w_max Σ|k|,      |v̂ − v| ≤ (2^−9 + 2^−15) w_max Σ k²,
//! |ẑ − z| ≤ 2 n^−2 Σ|w k|
//! ```
//!
//! All bounds are tested; the last one changes an output by at most γ Σ|w x| times the mean of
//! |w x|, γ being 1.75·10^−6 in the paper. Where codes are not small integers (input noise, more than 8 bits, more
//! than [`INTEGER_INPUTS`] inputs, wires so bad that z must be exact) a and v are f32 sums like y.
//!
//! Every output is one chain of operations over j in order, whatever its place in a batch, a
//! panel or a thread: hence the same bits.

use std::ops::Range;

use super::forward::Accum;
use super::simd::{Kernel, dispatch};

/// Outputs of one panel.
pub(super) const LANES: usize = 16;
/// Inputs per pass over the panels: what one pass reads stays in the first-level cache.
pub(super) const DEPTH: usize = 256;
/// Most inputs of the integer sums: 32767 · 127 · 516 and 256 · 127² · 516 are below 2^31.
pub(super) const INTEGER_INPUTS: usize = 516;
/// Largest code of the integer sums.
pub(super) const INTEGER_CODE: f32 = 127.0;
/// Largest drop γ, multiplier included, with which the integer sums are used: z's error then stays
/// below 2^−15 Σ|w x| in an output.
pub(super) const INTEGER_DROP: f32 = 1.0 / 32_768.0;
/// Samples of a group in the plain product.
pub(super) const PLAIN_GROUP: usize = 6;
/// Samples of a group where all four sums are formed.
pub(super) const FULL_GROUP: usize = 5;

pub(super) type Lanes = [f32; LANES];

/// a and v of one sample in f32: the lanes of a, then those of v.
pub(super) type FloatMagnitudes = [Lanes; 2];
/// a and v of one sample as integers, side by side in each lane.
pub(super) type IntegerMagnitudes = [[i32; 2]; LANES];

/// Running sums of one panel and one group of full sums; T holds a and v of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running<T> {
    pub(super) y: [Lanes; FULL_GROUP],
    pub(super) s1: [Lanes; FULL_GROUP],
    pub(super) s2: [Lanes; FULL_GROUP],
    pub(super) magnitudes: [T; FULL_GROUP],
}

impl<T: Copy> Running<T> {
    fn new(zero: T) -> Self {
        let lanes = [[0.0; LANES]; FULL_GROUP];
        Self { y: lanes, s1: lanes, s2: lanes, magnitudes: [zero; FULL_GROUP] }
    }
}

impl Running<FloatMagnitudes> {
    pub(super) fn float() -> Self {
        Self::new([[0.0; LANES]; 2])
    }
}

impl Running<IntegerMagnitudes> {
    pub(super) fn integer() -> Self {
        Self::new([[0; 2]; LANES])
    }
}

/// The sums of one sample and one panel, in units of one code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    pub(super) y: Lanes,
    pub(super) z: Lanes,
    pub(super) current: Lanes,
    pub(super) variance: Lanes,
}

impl Sums {
    pub(super) const ZERO: Self =
        Self { y: [0.0; LANES], z: [0.0; LANES], current: [0.0; LANES], variance: [0.0; LANES] };

    /// Replaces these sums by `other` or adds it to them.
    #[inline(always)]
    pub(super) fn take(&mut self, other: Self, accum: Accum) {
        if accum == Accum::Replace {
            *self = other;
            return;
        }
        for i in 0..LANES {
            self.y[i] += other.y[i];
            self.z[i] += other.z[i];
            self.current[i] += other.current[i];
            self.variance[i] += other.variance[i];
        }
    }
}

/// Rounds a number of 15 bits to 8 bits: the weight that the variance is computed with.
#[inline(always)]
pub(super) const fn to_8_bits(q: i16) -> i16 {
    ((q as i32 + 64) >> 7) as i16
}

/// y += w k over a stretch of inputs.
struct Plain<'a> {
    panel: &'a [f32],
    codes: &'a [f32],
    y: &'a mut [Lanes; PLAIN_GROUP],
}

impl Kernel for Plain<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut y = *self.y;
        let panel = self.panel.as_chunks::<LANES>().0;
        let codes = self.codes.as_chunks::<PLAIN_GROUP>().0;
        for (w, k) in panel.iter().zip(codes) {
            for s in 0..PLAIN_GROUP {
                for i in 0..LANES {
                    y[s][i] = multiply_add::<FMA>(w[i], k[s], y[s][i]);
                }
            }
        }
        *self.y = y;
    }
}

/// All four sums with f32 accumulators.
struct FloatSums<'a> {
    panel: &'a [f32],
    codes: &'a [f32],
    running: &'a mut Running<FloatMagnitudes>,
}

impl Kernel for FloatSums<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Running { mut y, mut s1, mut s2, magnitudes } = *self.running;
        let (mut a, mut v) = (magnitudes.map(|[a, _]| a), magnitudes.map(|[_, v]| v));
        let panel = self.panel.as_chunks::<LANES>().0;
        let codes = self.codes.as_chunks::<FULL_GROUP>().0;
        for (w, k) in panel.iter().zip(codes) {
            for s in 0..FULL_GROUP {
                let (size, square) = (k[s].abs(), k[s] * k[s]);
                for i in 0..LANES {
                    y[s][i] = multiply_add::<FMA>(w[i], k[s], y[s][i]);
                    a[s][i] = multiply_add::<FMA>(w[i].abs(), size, a[s][i]);
                    v[s][i] = multiply_add::<FMA>(w[i].abs(), square, v[s][i]);
                    s1[s][i] += y[s][i];
                    s2[s][i] += s1[s][i];
                }
            }
        }
        let magnitudes = std::array::from_fn(|s| [a[s], v[s]]);
        *self.running = Running { y, s1, s2, magnitudes };
    }
}

/// Codes of four inputs, and the [`powers`] of each two of them: what the magnitudes are multiplied
/// by.
pub(super) type FourCodes = [f32; 4];
pub(super) type FourPowers = [u64; 2];

/// |k₀|, |k₁|, k₀², k₁² as four numbers of 16 bits, the first one lowest. Codes are integers of at
/// most [`INTEGER_CODE`].
#[inline(always)]
pub(super) fn powers([k0, k1]: [f32; 2]) -> u64 {
    // Behind 2^23 the mantissa is the integer, without a conversion that looks for NaN.
    let integer = |k: f32| u64::from((k + 8_388_608.0).to_bits() & 0xffff);
    let [a0, a1] = [k0.abs(), k1.abs()];
    integer(a0) | integer(a1) << 16 | integer(k0 * k0) << 32 | integer(k1 * k1) << 48
}

/// All four sums over all inputs, filled up to 4 m, a and v as integers: the portable twin of the
/// vector kernels. At most [`INTEGER_INPUTS`] inputs are one pass, so sums are written, not added to.
///
/// The inputs of a sample are read where they lie, in fours: those at `starts[s] + run`, for every
/// run, one after another.
pub(super) struct IntegerSums<'a> {
    pub(super) panel: &'a [f32],
    /// [q₀, q₁, q′₀, q′₁] of two inputs.
    pub(super) magnitudes: &'a [[i16; 4]],
    pub(super) codes: &'a [FourCodes],
    pub(super) powers: &'a [FourPowers],
    pub(super) starts: [usize; FULL_GROUP],
    pub(super) runs: &'a [Range<usize>],
    pub(super) running: &'a mut Running<IntegerMagnitudes>,
}

/// What four inputs are multiplied by in a panel.
pub(super) type FourWeights = [Lanes; 4];
pub(super) type FourMagnitudes = [[[i16; 4]; LANES]; 2];

/// One run: weights, magnitudes, and for `N` samples codes and powers, all of one length.
pub(super) struct Run<'a, const N: usize> {
    pub(super) weights: &'a [FourWeights],
    pub(super) magnitudes: &'a [FourMagnitudes],
    pub(super) codes: [&'a [FourCodes]; N],
    pub(super) powers: [&'a [FourPowers]; N],
}

impl<'a> IntegerSums<'a> {
    /// The runs, for the samples `FIRST..FIRST + N` of the group.
    #[inline(always)]
    pub(super) fn runs<const FIRST: usize, const N: usize>(
        &self,
    ) -> impl Iterator<Item = Run<'a, N>> {
        let Self { panel, magnitudes, codes, powers, starts, runs, .. } = *self;
        let mut weights = panel.as_chunks::<LANES>().0.as_chunks::<4>().0;
        let mut magnitudes = magnitudes.as_chunks::<LANES>().0.as_chunks::<2>().0;
        runs.iter().map(move |run| {
            let len = run.len();
            let starts: [usize; N] = std::array::from_fn(|s| starts[FIRST + s] + run.start);
            Run {
                weights: weights.split_off(..len).expect("weights for every input"),
                magnitudes: magnitudes.split_off(..len).expect("magnitudes for every input"),
                codes: starts.map(|start| &codes[start..start + len]),
                powers: starts.map(|start| &powers[start..start + len]),
            }
        })
    }
}

impl Kernel for IntegerSums<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Running { mut y, mut s1, mut s2, mut magnitudes } = Running::integer();
        for run in self.runs::<0, FULL_GROUP>() {
            let Run { weights, magnitudes: q, codes, powers } = run;
            for (at, (w, q)) in weights.iter().zip(q).enumerate() {
                for s in 0..FULL_GROUP {
                    let (k, p) = (codes[s][at], powers[s][at]);
                    for i in 0..LANES {
                        for r in 0..4 {
                            y[s][i] = multiply_add::<FMA>(w[r][i], k[r], y[s][i]);
                            s1[s][i] += y[s][i];
                            let product = |at: usize| {
                                let power = (p[r / 2] >> (16 * at)) as u16;
                                i32::from(q[r / 2][i][at]) * i32::from(power)
                            };
                            magnitudes[s][i][0] += product(r % 2);
                            magnitudes[s][i][1] += product(2 + r % 2);
                        }
                        s2[s][i] += s1[s][i];
                    }
                }
            }
        }
        *self.running = Running { y, s1, s2, magnitudes };
    }
}

#[inline(always)]
fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    // Without the instruction, `mul_add` is a slow library call.
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Adds a stretch of inputs to the plain product.
pub(super) fn add_plain(panel: &[f32], codes: &[f32], y: &mut [Lanes; PLAIN_GROUP]) {
    dispatch(Plain { panel, codes, y });
}

/// Adds a stretch of inputs to all four sums.
pub(super) fn add_float(panel: &[f32], codes: &[f32], running: &mut Running<FloatMagnitudes>) {
    dispatch(FloatSums { panel, codes, running });
}

#[cfg(test)]
mod tests {
    use super::super::simd::integer_sums;
    use super::*;
    use numerics::Seed;

    const N: usize = 512;

    struct Case {
        panel: Vec<f32>,
        magnitudes: Vec<[i16; 4]>,
        /// Rows of `N` codes, in fours.
        codes: Vec<FourCodes>,
        powers: Vec<FourPowers>,
        starts: [usize; FULL_GROUP],
        runs: Vec<Range<usize>>,
    }

    impl Case {
        /// The samples' codes, one after another.
        fn codes_of(&self, s: usize) -> Vec<f32> {
            let start = self.starts[s];
            self.runs
                .iter()
                .flat_map(|run| &self.codes[start + run.start..start + run.end])
                .flatten()
                .copied()
                .collect()
        }
    }

    fn case() -> Case {
        let mut panel = vec![0.0; N * LANES];
        Seed::new(1).stream().fill_gaussian(0, &mut panel);
        let max = crate::mapping::largest_magnitude(&panel);
        let mut codes = vec![0.0; N * FULL_GROUP];
        Seed::new(2).stream().fill_uniform(0, &mut codes);
        for k in &mut codes {
            *k = (*k * 254.0 - 127.0).round();
        }
        let mut magnitudes = vec![[0; 4]; N / 2 * LANES];
        for (at, w) in panel.iter().enumerate() {
            let (j, lane) = (at / LANES, at % LANES);
            let q = (w.abs() / max * 32_767.0 + 0.5) as i16;
            magnitudes[j / 2 * LANES + lane][j % 2] = q;
            magnitudes[j / 2 * LANES + lane][2 + j % 2] = to_8_bits(q);
        }
        let codes = codes.as_chunks::<4>().0.to_vec();
        let powers = codes.iter().map(|&[a, b, c, d]| [powers([a, b]), powers([c, d])]).collect();
        // Rows that overlap, cut into runs with gaps between them.
        let starts = [0, 7, 100, 30, 60];
        let runs = vec![0..1, 3..64, 70..136];
        Case { panel, magnitudes, codes, powers, starts, runs }
    }

    fn integer(case: &Case) -> IntegerSums<'_> {
        // Leaked in a test: the borrow must outlive the case's own.
        let running = Box::leak(Box::new(Running::integer()));
        let Case { panel, magnitudes, codes, powers, starts, runs } = case;
        IntegerSums { panel, magnitudes, codes, powers, starts: *starts, runs, running }
    }

    #[test]
    fn the_vector_kernels_have_the_bits_of_their_portable_twin() {
        type Kernel = fn(IntegerSums<'_>) -> bool;
        let case = case();
        let result = |kernel: Kernel| -> Option<Running<IntegerMagnitudes>> {
            let mut running = Running::integer();
            let sums = integer(&case);
            kernel(IntegerSums { running: &mut running, ..sums }).then_some(running)
        };
        let portable = result(|sums| {
            sums.run::<true>();
            true
        });
        let portable = portable.expect("the portable kernel runs everywhere");
        let dispatched = result(|sums| {
            integer_sums(sums);
            true
        });
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut, reason = "one kernel only"))]
        let mut vectors: Vec<Running<IntegerMagnitudes>> = dispatched.into_iter().collect();
        #[cfg(target_arch = "x86_64")]
        vectors.extend(result(super::super::simd::integer_sums_avx2));
        for vector in vectors {
            assert_eq!(vector.y, portable.y);
            assert_eq!(vector.s1, portable.s1);
            assert_eq!(vector.s2, portable.s2);
            assert_eq!(vector.magnitudes, portable.magnitudes);
        }
    }

    #[test]
    fn powers_are_four_numbers() {
        for [a, b] in [[0.0, -127.0], [127.0, 1.0], [-3.0, 5.0]] {
            let packed = powers([a, b]);
            let parts: [f32; 4] = std::array::from_fn(|i| f32::from((packed >> (16 * i)) as u16));
            assert_eq!(parts, [a.abs(), b.abs(), a * a, b * b]);
        }
    }

    #[test]
    fn integer_sums_keep_their_error_bounds() {
        let case = case();
        let max = f64::from(crate::mapping::largest_magnitude(&case.panel));
        let mut running = Running::integer();
        let sums = integer(&case);
        integer_sums(IntegerSums { running: &mut running, ..sums });
        for s in 0..FULL_GROUP {
            let codes = case.codes_of(s);
            assert_eq!(codes.len(), N);
            for i in 0..LANES {
                let term = |j: usize| {
                    let w = f64::from(case.panel[j * LANES + i]).abs();
                    (w, f64::from(codes[j]).abs())
                };
                let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
                    (0..N).map(term).map(|(w, k)| f(w, k)).sum()
                };
                let [a, v] = running.magnitudes[s][i].map(f64::from);
                let (a, v) = (a * max / 32_767.0, v * 128.0 * max / 32_767.0);
                // The unit of f32 in q and in 32767 adds a part in 2^−23 of the sum.
                let a_bound = max * sum(&|_, k| k) * (2f64.powi(-16) + 2f64.powi(-20));
                let v_bound = max * sum(&|_, k| k * k) * (2f64.powi(-9) + 2f64.powi(-15));
                assert!((a - sum(&|w, k| w * k)).abs() <= a_bound);
                assert!((v - sum(&|w, k| w * k * k)).abs() <= v_bound);
            }
        }
    }

    /// Weights and codes are small integers here, so that every sum is exact.
    #[test]
    fn every_fourth_running_sum_gives_the_second_moment() {
        let mut case = case();
        case.panel.iter_mut().for_each(|w| *w = w.round());
        case.codes.as_flattened_mut().iter_mut().for_each(|k| *k = (*k / 64.0).round());
        // 8 inputs: an eighth of the square of the distance is far above any rounding.
        case.panel.truncate(8 * LANES);
        case.runs = vec![1..2, 5..6];
        let mut running = Running::integer();
        let sums = integer(&case);
        integer_sums(IntegerSums { running: &mut running, ..sums });
        for s in 0..FULL_GROUP {
            let codes = case.codes_of(s);
            for i in 0..LANES {
                let moment = |f: fn(i32, i32) -> i32| -> f32 {
                    (0..8)
                        .map(|j| {
                            let term = case.panel[j * LANES + i] * codes[j];
                            f(8 - j as i32, j as i32 % 4) as f32 * term
                        })
                        .sum()
                };
                assert_eq!(running.s1[s][i], moment(|d, _| d));
                let squares = moment(|d, r| d * d + 4 * d + 4 * r - r * r);
                assert_eq!(8.0 * running.s2[s][i], squares);
            }
        }
    }

    #[test]
    fn the_integer_sums_cannot_overflow() {
        let n = INTEGER_INPUTS as i64;
        assert!(32_767 * 127 * n < 1 << 31);
        assert!(i64::from(to_8_bits(32_767)) * 127 * 127 * n < 1 << 31);
    }
}
