//! Sums over the samples of products, output by output.

/// Adds Σ_s a\[s\] ⊙ b\[s\] to `out`, in the order of the samples.
///
/// # Shapes
///
/// - `a`: (samples, `out.len()`)
/// - `b`: (samples, `width`), of which the columns from `column` on are used
pub(super) fn add_products(a: &[f32], b: &[f32], width: usize, column: usize, out: &mut [f32]) {
    let columns = out.len();
    for (a, b) in a.chunks(SAMPLES * columns).zip(b.chunks(SAMPLES * width)) {
        let mut first = 0;
        while first < columns {
            let operands = Operands { a, columns, first, b, width, column };
            let out = &mut out[first..];
            first += match out.len() {
                64.. => operands.add::<64>(out),
                16.. => operands.add::<16>(out),
                8.. => operands.add::<8>(out),
                4.. => operands.add::<4>(out),
                _ => operands.add::<1>(out),
            };
        }
    }
}

/// Samples that are summed over before the next ones: as many streams as memory delivers well.
const SAMPLES: usize = 16;

/// The operands of a few columns from `first` on.
struct Operands<'a> {
    a: &'a [f32],
    columns: usize,
    first: usize,
    b: &'a [f32],
    width: usize,
    column: usize,
}

impl Operands<'_> {
    /// Adds to `N` sums, which stay in registers; returns `N`.
    fn add<const N: usize>(&self, out: &mut [f32]) -> usize {
        let out: &mut [f32; N] = out.first_chunk_mut().expect("as many columns");
        let part = |row: &[f32], first: usize| -> [f32; N] {
            *row[first..].first_chunk().expect("rows of one length")
        };
        let mut sums = *out;
        let rows = self.a.chunks_exact(self.columns).zip(self.b.chunks_exact(self.width));
        for (a, b) in rows {
            let (a, b) = (part(a, self.first), part(b, self.column + self.first));
            for i in 0..N {
                sums[i] += a[i] * b[i];
            }
        }
        *out = sums;
        N
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_summed_in_the_order_of_the_samples() {
        let value = |i: usize| (i * 7919 % 101) as f32 / 7.0 - 5.0;
        for columns in [1, 3, 4, 10, 28, 131] {
            let (samples, width, column) = (2 * SAMPLES + 3, columns + 5, 2);
            let a: Vec<f32> = (0..samples * columns).map(value).collect();
            let b: Vec<f32> = (3..samples * width + 3).map(value).collect();
            let start: Vec<f32> = (9..columns + 9).map(value).collect();
            let mut sums = start.clone();
            add_products(&a, &b, width, column, &mut sums);
            for i in 0..columns {
                let product = |s: usize| a[s * columns + i] * b[s * width + column + i];
                let naive = (0..samples).fold(start[i], |sum, s| sum + product(s));
                assert_eq!(sums[i], naive);
            }
        }
    }
}
