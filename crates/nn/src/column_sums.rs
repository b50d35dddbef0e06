//! Sums over the rows of a matrix, column by column, each in the order of the rows.

/// Adds Σ_r a\[r\] to `out`.
///
/// # Shapes
///
/// - `a`: (rows, `out.len()`)
pub(crate) fn add_rows(a: &[f32], out: &mut [f32]) {
    add_products(a, &[], 0, 0, out);
}

/// Adds Σ_r a\[r\] ⊙ b\[r\] to `out`, or Σ_r a\[r\] if `b` is empty.
///
/// # Shapes
///
/// - `a`: (rows, `out.len()`)
/// - `b`: (rows, `width`), of which the columns from `column` on are used
pub(crate) fn add_products(a: &[f32], b: &[f32], width: usize, column: usize, out: &mut [f32]) {
    let columns = out.len();
    let mut products = b.chunks(ROWS * width.max(1));
    for a in a.chunks(ROWS * columns.max(1)) {
        let b = products.next().unwrap_or_default();
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

/// Rows that are summed over before the next ones: as many streams as memory delivers well.
const ROWS: usize = 16;

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
        let rows = self.a.chunks_exact(self.columns);
        if self.b.is_empty() {
            for a in rows {
                let a = part(a, self.first);
                for i in 0..N {
                    sums[i] += a[i];
                }
            }
        } else {
            for (a, b) in rows.zip(self.b.chunks_exact(self.width)) {
                let (a, b) = (part(a, self.first), part(b, self.column + self.first));
                for i in 0..N {
                    sums[i] += a[i] * b[i];
                }
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
    fn columns_are_summed_in_the_order_of_the_rows() {
        let value = |i: usize| (i * 7919 % 101) as f32 / 7.0 - 5.0;
        for columns in [1, 3, 4, 10, 28, 131] {
            let (rows, width, column) = (2 * ROWS + 3, columns + 5, 2);
            let a: Vec<f32> = (0..rows * columns).map(value).collect();
            let b: Vec<f32> = (3..rows * width + 3).map(value).collect();
            let start: Vec<f32> = (9..columns + 9).map(value).collect();
            let (mut plain, mut products) = (start.clone(), start.clone());
            add_rows(&a, &mut plain);
            add_products(&a, &b, width, column, &mut products);
            for i in 0..columns {
                let a = |r: usize| a[r * columns + i];
                let b = |r: usize| b[r * width + column + i];
                assert_eq!(plain[i], (0..rows).fold(start[i], |sum, r| sum + a(r)));
                assert_eq!(products[i], (0..rows).fold(start[i], |sum, r| sum + a(r) * b(r)));
            }
        }
    }
}
