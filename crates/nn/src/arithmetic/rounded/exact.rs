//! [`matmul`]: sums of products without any rounding but the last one.
//!
//! ```text
//! out[i, j] = nearest f32 of Σ_k a[i, k] · b[k, j]
//! ```
//!
//! A product of two f32 is exact in f64. Where all products of a matrix lie within the 53 bits of an
//! f64, their sums are exact in any order; elsewhere each sum is kept as an expansion of f64 that do
//! not overlap, and rounded to odd, so that the nearest f32 of it is that of the sum.
//!
//! Sources: Shewchuk, Discrete Comput. Geom. 18 (1997) 305, GROW-EXPANSION; Boldo and Melquiond, IEEE
//! Trans. Comput. 57 (2008) 462, rounding to odd.

use faer::linalg::matmul::matmul as faer_matmul;
use faer::{Accum, MatMut, MatRef};
use numerics::Par;

/// Rows of the result that are computed together.
const BLOCK_ROWS: usize = 64;

/// A matrix of f64 by its strides.
#[derive(Clone, Debug)]
pub(crate) struct Exact {
    values: Vec<f64>,
    rows: usize,
    cols: usize,
    transposed: bool,
}

impl Exact {
    /// The row-major matrix `values` with `rows` rows.
    pub(crate) fn new(values: &[f32], rows: usize, cols: usize) -> Self {
        assert_eq!(values.len(), rows * cols, "{} values, not {rows} × {cols}", values.len());
        let values = values.iter().map(|&x| f64::from(x)).collect();
        Self { values, rows, cols, transposed: false }
    }

    /// The transpose.
    pub(crate) fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    fn view(&self) -> MatRef<'_, f64> {
        let view = MatRef::from_row_major_slice(&self.values, self.rows, self.cols);
        if self.transposed { view.transpose() } else { view }
    }

    /// Exponents of the largest magnitude and of the last bit of any value; `None` if all are zero,
    /// or one is not finite.
    fn span(&self) -> Option<(i32, i32)> {
        let mut span: Option<(i32, i32)> = None;
        for &x in &self.values {
            if !x.is_finite() {
                return None;
            }
            if x == 0.0 {
                continue;
            }
            // An f32 as f64 is a normal number.
            let bits = x.to_bits();
            let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
            let last = exponent - 52 + bits.trailing_zeros().min(52) as i32;
            let (high, low) = span.unwrap_or((exponent, last));
            span = Some((high.max(exponent), low.min(last)));
        }
        span
    }
}

/// Writes A·B into the row-major `out`, or adds it, as one more rounding, if `add` is set.
///
/// # Panics
///
/// If the inner dimensions differ or `out` does not hold the product.
pub(crate) fn matmul(out: &mut [f32], a: &Exact, b: &Exact, add: bool, par: Par) {
    let (left, right) = (a.view(), b.view());
    let (rows, cols, inner) = (left.nrows(), right.ncols(), left.ncols());
    assert_eq!(inner, right.nrows(), "the inner dimensions of an exact product");
    assert_eq!(out.len(), rows * cols, "the size of an exact product");
    if out.is_empty() {
        return;
    }
    let bits = |inner: usize| (usize::BITS - inner.leading_zeros()) as i32;
    let narrow = match (a.span(), b.span()) {
        (Some((high_a, low_a)), Some((high_b, low_b))) => {
            high_a + 1 + high_b + 1 + bits(inner) - (low_a + low_b) <= 53
        }
        // Zeros, or something that is not finite: what f64 makes of it.
        _ => true,
    };
    par.for_each_chunk(out, BLOCK_ROWS * cols, |block, out| {
        let count = out.len() / cols;
        let left = left.subrows(block * BLOCK_ROWS, count);
        let mut sums = vec![0.0f64; out.len()];
        if narrow {
            let sums = MatMut::from_row_major_slice_mut(&mut sums, count, cols);
            faer_matmul(sums, Accum::Replace, left, right, 1.0, faer::Par::Seq);
        } else {
            let mut expansion = Vec::new();
            for (i, sum) in sums.iter_mut().enumerate() {
                let (row, col) = (i / cols, i % cols);
                expansion.clear();
                (0..inner).for_each(|k| grow(&mut expansion, left[(row, k)] * right[(k, col)]));
                *sum = to_odd(&expansion);
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = if add { *out + sum as f32 } else { sum as f32 };
        }
    });
}

/// a + b as the nearest f64 and what it lacks, exactly.
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// Adds x to an expansion, whose terms do not overlap and grow.
fn grow(expansion: &mut Vec<f64>, x: f64) {
    let mut rest = x;
    let mut kept = 0;
    for i in 0..expansion.len() {
        let (sum, lack) = two_sum(rest, expansion[i]);
        if lack != 0.0 {
            expansion[kept] = lack;
            kept += 1;
        }
        rest = sum;
    }
    expansion.truncate(kept);
    if rest != 0.0 {
        expansion.push(rest);
    }
}

/// The sum of an expansion, rounded to odd: where it is not an f64 itself, the neighbour whose last
/// bit is set.
fn to_odd(expansion: &[f64]) -> f64 {
    let mut terms = expansion.iter().rev();
    let Some(&first) = terms.next() else { return 0.0 };
    // Terms do not overlap, but the largest may be less than the rounded sum: take them from the top.
    let (mut high, mut lack) = (first, 0.0);
    for &term in terms {
        if lack == 0.0 {
            (high, lack) = two_sum(high, term);
        } else {
            // What is left lies below the last bit of `lack`, so only its sign counts.
            break;
        }
    }
    if lack == 0.0 || high.to_bits() & 1 == 1 {
        return high;
    }
    // The neighbour on the side of the rest.
    if (lack > 0.0) == (high > 0.0) {
        f64::from_bits(high.to_bits() + 1)
    } else {
        f64::from_bits(high.to_bits() - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Σ in integers of 2^−300: f32 lie within 2^±149, and so do few-bit products within 2^±298.
    fn by_integers(terms: &[(f32, f32)]) -> f32 {
        // As i128 of a common last bit, for values of a narrow range.
        let sum: i128 = (terms.iter())
            .map(|&(a, b)| (f64::from(a) * f64::from(b) * 2f64.powi(60)) as i128)
            .sum();
        let negative = sum < 0;
        let magnitude = sum.unsigned_abs();
        let bits = 128 - magnitude.leading_zeros();
        if bits <= 24 {
            return sum as f32 * 2f32.powi(-60);
        }
        let drop = bits - 24;
        let (kept, rest) = (magnitude >> drop, magnitude & ((1 << drop) - 1));
        let half = 1u128 << (drop - 1);
        let up = rest > half || rest == half && kept & 1 == 1;
        let value = (kept + u128::from(up)) as f64 * 2f64.powi(drop as i32 - 60);
        (if negative { -value } else { value }) as f32
    }

    proptest! {
        /// Numbers of few bits that are far apart, so that f64 sums would round.
        #[test]
        fn sums_are_the_nearest_of_the_exact_ones(
            terms in prop::collection::vec(
                ((-15i32..16, -25i32..20), (-15i32..16, -25i32..20)), 1..40),
        ) {
            let value = |(m, e): (i32, i32)| m as f32 * 2f32.powi(e);
            let pairs: Vec<(f32, f32)> =
                terms.iter().map(|&(a, b)| (value(a), value(b))).collect();
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let mut out = [0.0];
            matmul(
                &mut out,
                &Exact::new(&a, 1, a.len()),
                &Exact::new(&b, b.len(), 1),
                false,
                Par::Seq,
            );
            prop_assert_eq!(out[0], by_integers(&pairs));
        }
    }

    #[test]
    fn a_sum_is_exact_whatever_cancels() {
        let a = [2f32.powi(60), 1.0, -2f32.powi(60), 2f32.powi(-40)];
        let b = [1.0; 4];
        let mut out = [0.0];
        matmul(&mut out, &Exact::new(&a, 1, 4), &Exact::new(&b, 1, 4).t(), false, Par::Seq);
        assert_eq!(out[0], 1.0);
        // One bit below the middle between two f32 decides.
        let a = [1.0, 2f32.powi(-24), 2f32.powi(-100)];
        matmul(&mut out, &Exact::new(&a, 1, 3), &Exact::new(&b[..3], 3, 1), false, Par::Seq);
        assert_eq!(out[0], 1.0 + f32::EPSILON);
    }
}
