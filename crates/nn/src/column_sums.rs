//! Sums over the rows of a matrix, column by column, each in the order of the rows.

/// Adds Σ_r a\[r\] to `out`.
///
/// # Shapes
///
/// - `a`: (rows, `out.len()`)
pub(crate) fn add_rows(a: &[f32], out: &mut [f32]) {
    let columns = out.len();
    for rows in a.chunks(ROWS * columns.max(1)) {
        let mut first = 0;
        while first < columns {
            let out = &mut out[first..];
            first += match out.len() {
                64.. => add::<64>(rows, columns, first, out),
                16.. => add::<16>(rows, columns, first, out),
                8.. => add::<8>(rows, columns, first, out),
                4.. => add::<4>(rows, columns, first, out),
                _ => add::<1>(rows, columns, first, out),
            };
        }
    }
}

/// Rows that are summed over before the next ones: as many streams as memory delivers well.
const ROWS: usize = 16;

/// Adds the columns from `first` on to `N` sums, which stay in registers; returns `N`.
fn add<const N: usize>(rows: &[f32], columns: usize, first: usize, out: &mut [f32]) -> usize {
    let out: &mut [f32; N] = out.first_chunk_mut().expect("as many columns");
    let mut sums = *out;
    for row in rows.chunks_exact(columns) {
        let row: &[f32; N] = row[first..].first_chunk().expect("rows of one length");
        for i in 0..N {
            sums[i] += row[i];
        }
    }
    *out = sums;
    N
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_summed_in_the_order_of_the_rows() {
        let value = |i: usize| (i * 7919 % 101) as f32 / 7.0 - 5.0;
        for columns in [1, 3, 4, 10, 28, 131] {
            let rows = 2 * ROWS + 3;
            let a: Vec<f32> = (0..rows * columns).map(value).collect();
            let start: Vec<f32> = (9..columns + 9).map(value).collect();
            let mut sums = start.clone();
            add_rows(&a, &mut sums);
            for i in 0..columns {
                assert_eq!(sums[i], (0..rows).fold(start[i], |sum, r| sum + a[r * columns + i]));
            }
        }
    }
}
