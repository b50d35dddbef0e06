//! The four sums with a and v as integers; see [`product`](super::product).

use std::ops::Range;

use super::layout::{FourInputs, LANES};
use super::simd::Kernel;
use super::sums::{FULL_GROUP, IntegerSums, Running, multiply_add};

/// Rounds a number of 15 bits to 8 bits: the weight that the variance is computed with.
#[inline(always)]
pub(super) const fn to_8_bits(q: i16) -> i16 {
    ((q as i32 + 64) >> 7) as i16
}

/// ⌊x⌋ for 0 ≤ x < 2^22, and 0 for NaN: behind 2^23 the mantissa is the integer. A conversion looks
/// at one number at a time, for those that no integer can hold.
#[inline(always)]
pub(crate) fn small_integer(x: f32) -> i32 {
    ((x.floor() + 8_388_608.0).to_bits() & 0x3f_ffff) as i32
}

/// |k₀|, |k₁|, k₀², k₁² as four numbers of 16 bits, the first one lowest. Codes are integers of at
/// most [`INTEGER_CODE`](super::product::INTEGER_CODE).
#[inline(always)]
pub(super) fn powers([k0, k1]: [f32; 2]) -> u64 {
    // Behind 2^23 the mantissa is the integer, without a conversion that looks for NaN.
    let integer = |k: f32| u64::from((k + 8_388_608.0).to_bits() & 0xffff);
    let [a0, a1] = [k0.abs(), k1.abs()];
    integer(a0) | integer(a1) << 16 | integer(k0 * k0) << 32 | integer(k1 * k1) << 48
}

impl Kernel for IntegerSums<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Running { mut y, mut s1, mut s2, mut magnitudes } = Running::integer();
        let places = self.runs.iter().flat_map(Range::clone);
        for (FourInputs { weights: w, magnitudes: q }, at) in self.panel.iter().zip(places) {
            for s in 0..FULL_GROUP {
                let (k, p) = (self.codes[self.starts[s] + at], self.powers[self.starts[s] + at]);
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
        *self.running = Running { y, s1, s2, magnitudes };
    }
}

#[cfg(test)]
mod tests {
    use super::super::layout::{FourCodes, FourPowers};
    use super::super::pack::ArrayWeights;
    use super::super::product::INTEGER_INPUTS;
    use super::super::simd::integer_sums;
    use super::super::sums::IntegerMagnitudes;
    use super::*;
    use numerics::Seed;

    const N: usize = 512;

    struct Case {
        panel: Vec<FourInputs>,
        /// Rows of `N` codes, in fours.
        codes: Vec<FourCodes>,
        powers: Vec<FourPowers>,
        starts: [usize; FULL_GROUP],
        runs: Vec<Range<usize>>,
    }

    impl Case {
        fn weight(&self, input: usize, lane: usize) -> f32 {
            self.panel[input / 4].weights[input % 4][lane]
        }

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
        let mut weights = vec![0.0; LANES * N];
        Seed::new(1).stream().fill_gaussian(0, &mut weights);
        let mut codes = vec![0.0; N * FULL_GROUP];
        Seed::new(2).stream().fill_uniform(0, &mut codes);
        for k in &mut codes {
            *k = (*k * 254.0 - 127.0).round();
        }
        let panel = ArrayWeights::pack(&weights, LANES, N).panel(0).to_vec();
        let codes = codes.as_chunks::<4>().0.to_vec();
        let powers = codes.iter().map(|&[a, b, c, d]| [powers([a, b]), powers([c, d])]).collect();
        // Rows that overlap, cut into runs with gaps between them.
        let starts = [0, 7, 100, 30, 60];
        let runs = vec![0..1, 3..64, 70..136];
        Case { panel, codes, powers, starts, runs }
    }

    fn integer(case: &Case) -> IntegerSums<'_> {
        // Leaked in a test: the borrow must outlive the case's own.
        let running = Box::leak(Box::new(Running::integer()));
        let Case { panel, codes, powers, starts, runs } = case;
        IntegerSums { panel, codes, powers, starts: *starts, runs, ahead: None, running }
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
        let mut running = Running::integer();
        let sums = integer(&case);
        integer_sums(IntegerSums { running: &mut running, ..sums });
        for s in 0..FULL_GROUP {
            let codes = case.codes_of(s);
            assert_eq!(codes.len(), N);
            for i in 0..LANES {
                let w = |j: usize| f64::from(case.weight(j, i)).abs();
                let max = (0..N).map(w).fold(0.0, f64::max);
                let term = |j: usize| (w(j), f64::from(codes[j]).abs());
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
        let weights = case.panel.iter_mut().flat_map(|four| four.weights.as_flattened_mut());
        weights.for_each(|w| *w = w.round());
        case.codes.as_flattened_mut().iter_mut().for_each(|k| *k = (*k / 64.0).round());
        // 8 inputs: an eighth of the square of the distance is far above any rounding.
        case.panel.truncate(2);
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
                            let term = case.weight(j, i) * codes[j];
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
