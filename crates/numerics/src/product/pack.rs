//! Operands rearranged into panels of k-pairs, the order in which the kernel reads them.
//!
//! ```text
//! left panel:   MR rows,     for each pair k, k+1:  a_0k a_0k+1  a_1k a_1k+1 …
//! right panel:  NR columns,  for each pair k, k+1:  b_k0 b_k+10  b_k1 b_k+11 …
//! ```
//!
//! The inner dimension is cut into chunks of [`KC`]; rows, columns and the last pair are padded
//! with zeros. For every chunk of every panel the largest Σ x² of its lines is kept.

use crate::matrix::CodesRef;
use crate::{Code, FixedView, Par};

/// Rows of a left panel.
pub(super) const MR: usize = 6;
/// Columns of a right panel.
pub(super) const NR: usize = 16;
/// Inner elements per chunk: two full-scale 16-bit by 8-bit chunks cannot overflow 32 bits.
pub(super) const KC: usize = 256;

/// Whether the operand's codes are 16-bit words, which the fast kernel takes.
pub(super) fn packable(view: &FixedView<'_>) -> bool {
    !matches!(view.codes, CodesRef::I32(_))
}

/// Lines (rows of A or columns of B) in panels of `W`.
pub(super) struct Panels<const W: usize> {
    /// Pairs of the inner dimension, the last one padded.
    pub(super) pairs: usize,
    /// Number of lines that are not padding.
    pub(super) lines: usize,
    /// `[panel][pair][line][2]`.
    data: Vec<i16>,
    /// `[panel][chunk]`: the largest sum of squares of a line.
    squares: Vec<u64>,
    chunks: usize,
}

pub(super) type LeftPanels = Panels<MR>;
pub(super) type RightPanels = Panels<NR>;

impl LeftPanels {
    /// Packs `rows` rows of A from `first_row` on.
    pub(super) fn pack(a: &FixedView<'_>, first_row: usize, rows: usize) -> Self {
        let lines = Lines {
            view: *a,
            line_stride: a.row_stride,
            inner_stride: a.col_stride,
            inner: a.ncols,
        };
        Self::pack_lines(&lines, first_row, rows, Par::Seq)
    }
}

impl RightPanels {
    /// Packs all columns of B.
    pub(super) fn pack(b: &FixedView<'_>, par: Par) -> Self {
        let lines = Lines {
            view: *b,
            line_stride: b.col_stride,
            inner_stride: b.row_stride,
            inner: b.nrows,
        };
        Self::pack_lines(&lines, 0, b.ncols, par)
    }
}

/// An operand seen as lines along the inner dimension.
struct Lines<'a> {
    view: FixedView<'a>,
    line_stride: usize,
    inner_stride: usize,
    inner: usize,
}

impl<const W: usize> Panels<W> {
    fn pack_lines(lines: &Lines<'_>, first: usize, count: usize, par: Par) -> Self {
        let pairs = lines.inner.div_ceil(2).max(1);
        let chunks = lines.inner.div_ceil(KC).max(1);
        let panels = count.div_ceil(W);
        let mut data = vec![0; panels * pairs * W * 2];
        par.for_each_chunk(&mut data, pairs * W * 2, |panel, out| {
            let start = panel * W;
            let width = W.min(count - start);
            match lines.view.codes {
                CodesRef::I8(v) => pack_panel::<W, i8>(v, lines, first + start, width, out),
                CodesRef::I16(v) => pack_panel::<W, i16>(v, lines, first + start, width, out),
                CodesRef::I32(_) => unreachable!("words over 16 bits take the other path"),
            }
        });
        let mut squares = vec![0; panels * chunks];
        par.for_each_chunk(&mut squares, chunks, |panel, out| {
            let panel = &data[panel * pairs * W * 2..][..pairs * W * 2];
            for (chunk, out) in panel.chunks(KC * W).zip(out) {
                *out = largest_square_sum::<W>(chunk);
            }
        });
        Self { pairs, lines: count, data, squares, chunks }
    }

    /// Number of panels.
    pub(super) fn panels(&self) -> usize {
        self.lines.div_ceil(W)
    }

    /// `[pair][line][2]` of one panel.
    pub(super) fn panel(&self, panel: usize) -> &[i16] {
        &self.data[panel * self.pairs * W * 2..][..self.pairs * W * 2]
    }

    /// The largest Σ x² of a line, chunk by chunk.
    pub(super) fn squares(&self, panel: usize) -> &[u64] {
        &self.squares[panel * self.chunks..][..self.chunks]
    }
}

fn pack_panel<const W: usize, C: Code>(
    codes: &[C],
    lines: &Lines<'_>,
    first: usize,
    width: usize,
    out: &mut [i16],
) {
    let code = |c: C| c.to_i32() as i16;
    if lines.inner_stride == 1 {
        // Lines are contiguous: copy pair by pair, one line after the other.
        for line in 0..width {
            let source = &codes[(first + line) * lines.line_stride..][..lines.inner];
            let mut pairs = source.chunks_exact(2);
            for (pair, out) in (&mut pairs).zip(out.chunks_exact_mut(2 * W)) {
                out[2 * line] = code(pair[0]);
                out[2 * line + 1] = code(pair[1]);
            }
            if let [last] = pairs.remainder() {
                out[(lines.inner - 1) * W + 2 * line] = code(*last);
            }
        }
    } else {
        // The elements of one inner position are contiguous: interleave two such runs.
        for (pair, out) in out.chunks_exact_mut(2 * W).enumerate() {
            for half in 0..2.min(lines.inner.saturating_sub(2 * pair)) {
                let source = &codes[(2 * pair + half) * lines.inner_stride + first..][..width];
                for (line, &c) in source.iter().enumerate() {
                    out[2 * line + half] = code(c);
                }
            }
        }
    }
}

/// The largest Σ x² over the lines of a chunk `[pair][line][2]`.
fn largest_square_sum<const W: usize>(chunk: &[i16]) -> u64 {
    let mut sums = [0u64; W];
    for pair in chunk.chunks_exact(2 * W) {
        for (sum, x) in sums.iter_mut().zip(pair.chunks_exact(2)) {
            let (x0, x1) = (i64::from(x[0]), i64::from(x[1]));
            *sum += (x0 * x0 + x1 * x1) as u64;
        }
    }
    sums.into_iter().max().unwrap_or(0)
}
