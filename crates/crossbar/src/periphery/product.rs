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

use super::layout::{FourInputs, LANES, Lanes};
use super::simd::{Kernel, dispatch};
use super::sums::{FULL_GROUP, FloatMagnitudes, PLAIN_GROUP, Running, multiply_add};

/// Inputs per pass over the panels: what one pass reads stays in the first-level cache.
pub(super) const DEPTH: usize = 256;
/// Most inputs of the integer sums: 32767 · 127 · 516 and 256 · 127² · 516 are below 2^31.
pub(super) const INTEGER_INPUTS: usize = 516;
/// Largest code of the integer sums.
pub(super) const INTEGER_CODE: f32 = 127.0;
/// Largest drop γ, multiplier included, with which the integer sums are used: z's error then stays
/// below 2^−15 Σ|w x| in an output.
pub(super) const INTEGER_DROP: f32 = 1.0 / 32_768.0;
/// y += w k over a stretch of inputs.
struct Plain<'a> {
    panel: &'a [FourInputs],
    codes: &'a [f32],
    y: &'a mut [Lanes; PLAIN_GROUP],
}

impl Kernel for Plain<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let mut y = *self.y;
        let codes = self.codes.as_chunks::<PLAIN_GROUP>().0.as_chunks::<4>().0;
        for (four, codes) in self.panel.iter().zip(codes) {
            for (w, k) in four.weights.iter().zip(codes) {
                for s in 0..PLAIN_GROUP {
                    for i in 0..LANES {
                        y[s][i] = multiply_add::<FMA>(w[i], k[s], y[s][i]);
                    }
                }
            }
        }
        *self.y = y;
    }
}

/// All four sums with f32 accumulators.
struct FloatSums<'a> {
    panel: &'a [FourInputs],
    codes: &'a [f32],
    running: &'a mut Running<FloatMagnitudes>,
}

impl Kernel for FloatSums<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Running { mut y, mut s1, mut s2, magnitudes } = *self.running;
        let (mut a, mut v) = (magnitudes.map(|[a, _]| a), magnitudes.map(|[_, v]| v));
        let codes = self.codes.as_chunks::<FULL_GROUP>().0.as_chunks::<4>().0;
        for (four, codes) in self.panel.iter().zip(codes) {
            for (w, k) in four.weights.iter().zip(codes) {
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
        }
        let magnitudes = std::array::from_fn(|s| [a[s], v[s]]);
        *self.running = Running { y, s1, s2, magnitudes };
    }
}

/// Adds a stretch of inputs to the plain product.
pub(super) fn add_plain(panel: &[FourInputs], codes: &[f32], y: &mut [Lanes; PLAIN_GROUP]) {
    dispatch(Plain { panel, codes, y });
}

/// Adds a stretch of inputs to all four sums.
pub(super) fn add_float(
    panel: &[FourInputs],
    codes: &[f32],
    running: &mut Running<FloatMagnitudes>,
) {
    dispatch(FloatSums { panel, codes, running });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers, of which every sum is exact: fused or not, in vectors or one by one.
    #[test]
    fn kernels_give_the_same_sums_with_and_without_fused_multiplication() {
        const FOURS: usize = 9;
        let value = |i: usize| (i * 7919 % 23) as f32 - 11.0;
        let lanes = |first: usize| std::array::from_fn(|i| value(first + i));
        let four = |n: usize| FourInputs {
            weights: std::array::from_fn(|j| lanes(64 * n + 16 * j)),
            magnitudes: [[[0; 4]; LANES]; 2],
        };
        let panel: Vec<FourInputs> = (0..FOURS).map(four).collect();
        let codes: Vec<f32> = (5..5 + 4 * FOURS * PLAIN_GROUP).map(value).collect();
        let start: [Lanes; PLAIN_GROUP] = std::array::from_fn(|s| lanes(100 + s));
        let (mut scalar, mut fused) = (start, start);
        Plain { panel: &panel, codes: &codes, y: &mut scalar }.run::<false>();
        add_plain(&panel, &codes, &mut fused);
        assert_eq!(scalar, fused);
        // And what they are sums of.
        for (s, (y, start)) in fused.iter().zip(start).enumerate() {
            for i in 0..LANES {
                let terms = (0..4 * FOURS)
                    .map(|j| panel[j / 4].weights[j % 4][i] * codes[j * PLAIN_GROUP + s]);
                assert_eq!(y[i], start[i] + terms.sum::<f32>());
            }
        }
        let (mut scalar, mut fused) = (Running::float(), Running::float());
        FloatSums { panel: &panel, codes: &codes, running: &mut scalar }.run::<false>();
        add_float(&panel, &codes, &mut fused);
        for (scalar, fused) in [(scalar.y, fused.y), (scalar.s1, fused.s1), (scalar.s2, fused.s2)] {
            assert_eq!(scalar, fused);
        }
        assert_eq!(scalar.magnitudes, fused.magnitudes);
    }
}
