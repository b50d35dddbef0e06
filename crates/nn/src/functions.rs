//! exp, tanh, the logistic function and the normal distribution in f32, without branches, so that a
//! loop over a slice becomes vector code; and the sums and maxima that go with them.
//!
//! | function | error against the exact value | range |
//! | --- | --- | --- |
//! | [`exp`] | 2·10⁻⁷ relative | results above the smallest normal number |
//! | [`tanh`] | 4·10⁻⁷ relative | all |
//! | [`sigmoid`] | 4·10⁻⁷ relative | x > −87 |
//! | [`normal_cdf`] | 7·10⁻⁷ relative for x > −1, 8·10⁻⁷ + 6·10⁻⁸ x² below | x > −12.9 |
//!
//! Outside those ranges results are off by less than the smallest normal number. NaN gives NaN. The
//! unit tests hold these bounds against f64 over all exponents.
//!
//! There are no fused multiply-adds and every sum has a fixed order, so results are the same on
//! every processor; only their speed depends on it.

/// Number of partial sums of [`sum`] and [`dot`].
const LANES: usize = 16;

/// Evaluates an expression, compiled for AVX2 where this processor has it.
///
/// It is a macro because the expression is compiled twice: as two closures with one caller each,
/// which the compiler then inlines into code for that processor. One closure with two callers stays
/// a function of its own, for any processor.
macro_rules! vectorised {
    ($body:expr) => {
        match numerics::simd::Avx2::detect() {
            Some(avx2) => avx2.run(|| $body),
            None => $body,
        }
    };
}
pub(crate) use vectorised;

/// p₀ + p₁x + p₂x² + …
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    let mut sum = 0.0;
    for c in coefficients.into_iter().rev() {
        sum = sum * x + c;
    }
    sum
}

/// eˣ.
///
/// ```text
/// x = n·ln 2 + r,  |r| ≤ ½ ln 2;    eˣ = 2ⁿ · (1 + r + r²·P(r)),  P of degree 4
/// ```
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to an integer, which then stands in the low bits of the sum.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has 15 zero bits at its end, so that n times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Below −104 the result is 0, above 88.8 it is infinite. A NaN passes both comparisons.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 88.8 { 88.8 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let p =
        polynomial(r, [0.499_999_94, 0.166_665_2, 0.041_668_39, 0.008_368_717, 0.001_381_459_9]);
    let mantissa = 1.0 + (r + r * r * p);
    // n may be anything in −150..=128: two factors, each of which is a normal number.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    mantissa * power(half) * power(n.wrapping_sub(half))
}

/// tanh x.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let square = x * x;
    let small = x + x * square * polynomial(square, TANH);
    let a = x.abs();
    let e = exp(a + a);
    // e may be infinite, then this is 1.
    let large = (1.0 - 2.0 / (e + 1.0)).copysign(x);
    if a < 0.6 { small } else { large }
}

/// (tanh x − x) / x³ as a polynomial of x², for |x| < 0.6.
const TANH: [f32; 5] = [-0.333_333, 0.133_319_24, -0.053_783_83, 0.020_795_97, -0.005_895_158];

/// The logistic function 1 / (1 + e⁻ˣ).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Φ(x) and φ(x), the distribution function and the density of the standard normal distribution.
///
/// ```text
/// Φ(−a) = exp(−a²/2) · P(1 / (1 + 0.33·a)),  a ≥ 0, P of degree 9;    Φ(x) = 1 − Φ(−x)
/// ```
#[inline(always)]
pub fn normal(x: f32) -> (f32, f32) {
    const INVERSE_SQRT_TAU: f32 = 0.398_942_3;
    let a = x.abs();
    let e = exp(-0.5 * a * a);
    let tail = e * polynomial(1.0 / (1.0 + 0.33 * a), NORMAL_TAIL);
    (if x < 0.0 { tail } else { 1.0 - tail }, e * INVERSE_SQRT_TAU)
}

const NORMAL_TAIL: [f32; 10] = [
    6.339_59e-6,
    0.131_478_6,
    0.133_679_99,
    0.103_721_39,
    0.145_839_04,
    -0.106_579_21,
    0.291_248_92,
    -0.321_950_2,
    0.148_384_51,
    -0.025_829_492,
];

/// Φ(x), the distribution function of the standard normal distribution.
#[inline(always)]
pub fn normal_cdf(x: f32) -> f32 {
    normal(x).0
}

/// Σ x, in [`LANES`] partial sums.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    fold(x, 0.0, |sum, x| sum + x, |a, b| a + b)
}

/// Σ x·y, in [`LANES`] partial sums.
#[inline(always)]
pub(crate) fn dot(x: &[f32], y: &[f32]) -> f32 {
    let y = &y[..x.len()];
    let mut lanes = [0.0; LANES];
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (y, y_rest) = y.as_chunks::<LANES>();
    for (x, y) in x.iter().zip(y) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    for (i, (&x, &y)) in x_rest.iter().zip(y_rest).enumerate() {
        lanes[i] += x * y;
    }
    join(lanes, |a, b| a + b)
}

/// The largest x; −∞ if there is none. NaN is passed over.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    fold(x, f32::NEG_INFINITY, larger, larger)
}

/// Σ exp(x − shift), in [`LANES`] partial sums.
#[inline(always)]
pub(crate) fn sum_exp(x: &[f32], shift: f32) -> f32 {
    fold(x, 0.0, |sum, x| sum + exp(x - shift), |a, b| a + b)
}

/// ln Σ eˣ.
#[inline(always)]
pub(crate) fn log_sum_exp(x: &[f32]) -> f32 {
    let shift = max(x);
    if shift == f32::NEG_INFINITY {
        // A sum of nothing, unless there is a NaN among it.
        return shift + sum(x);
    }
    shift + sum_exp(x, shift).ln()
}

/// Writes the softmax of `x` over it.
#[inline(always)]
pub(crate) fn softmax(x: &mut [f32]) {
    let shift = max(x);
    x.iter_mut().for_each(|x| *x = exp(*x - shift));
    let scale = 1.0 / sum(x);
    x.iter_mut().for_each(|x| *x *= scale);
}

#[inline(always)]
fn fold(
    x: &[f32],
    start: f32,
    step: impl Fn(f32, f32) -> f32,
    both: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = step(*lane, x);
    }
    join(lanes, both)
}

/// Pairs of lanes, then pairs of pairs, and so on.
#[inline(always)]
fn join(mut lanes: [f32; LANES], both: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = both(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every 211th bit pattern from `low` up to `high`, both positive, and their negatives.
    fn dense(low: f32, high: f32) -> impl Iterator<Item = f32> {
        (low.to_bits()..=high.to_bits()).step_by(211).flat_map(|b| {
            let x = f32::from_bits(b);
            [x, -x]
        })
    }

    #[track_caller]
    fn assert_relative(name: &str, x: f32, found: f32, exact: f64, bound: f64) {
        let error = (f64::from(found) - exact).abs();
        assert!(
            error <= bound * exact.abs() + f64::from(f32::MIN_POSITIVE),
            "{name}({x:e}) is {exact:e}, not {found:e}: off by {:e}",
            error / exact.abs()
        );
    }

    #[test]
    fn exp_is_within_its_bound() {
        for x in dense(1e-10, 88.722) {
            assert_relative("exp", x, exp(x), f64::from(x).exp(), 2e-7);
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(89.0), f32::INFINITY);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_is_within_its_bound() {
        for x in dense(1e-30, 100.0) {
            assert_relative("tanh", x, tanh(x), f64::from(x).tanh(), 4e-7);
        }
        assert_eq!(tanh(0.0), 0.0);
        assert_eq!(tanh(f32::NEG_INFINITY), -1.0);
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_is_within_its_bound() {
        for x in dense(1e-10, 87.0) {
            assert_relative("sigmoid", x, sigmoid(x), 1.0 / (1.0 + (-f64::from(x)).exp()), 4e-7);
        }
        assert_eq!(sigmoid(f32::NEG_INFINITY), 0.0);
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert!(sigmoid(f32::NAN).is_nan());
    }

    #[test]
    fn normal_cdf_is_within_its_bound() {
        for x in dense(1e-10, 12.9) {
            let exact = 0.5 * libm::erfc(-f64::from(x) / std::f64::consts::SQRT_2);
            let bound = if x > -1.0 { 7e-7 } else { 8e-7 + 6e-8 * f64::from(x * x) };
            assert_relative("Φ", x, normal_cdf(x), exact, bound);
        }
        assert_eq!(normal_cdf(f32::NEG_INFINITY), 0.0);
        assert_eq!(normal_cdf(f32::INFINITY), 1.0);
        assert!(normal_cdf(f32::NAN).is_nan());
    }

    #[test]
    fn sums_of_any_length_are_sums() {
        let x: Vec<f32> = (0..100).map(|i| ((i * 37) % 64) as f32 / 8.0).collect();
        for len in [0, 1, 15, 16, 17, 31, 32, 33, 100] {
            // Multiples of 1/64 below 2¹⁶: every order of summation is exact.
            let x = &x[..len];
            assert_eq!(sum(x), x.iter().sum::<f32>());
            assert_eq!(dot(x, x), x.iter().map(|x| x * x).sum::<f32>());
            assert_eq!(max(x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
        assert!((log_sum_exp(&[1000.0, 1000.0]) - 1000.0 - 2f32.ln()).abs() < 1e-4);
        assert!(log_sum_exp(&[f32::NAN]).is_nan());
    }
}
