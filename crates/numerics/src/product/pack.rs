//! Operands rearranged into panels of groups, the order in which the kernel reads them.
//!
//! ```text
//! group:        the neighbours k, k+1 (or k … k+3) of a line, in one 32-bit word
//! left panel:   MR rows of A,     step by step:  MR groups
//! right panel:  NR columns of B,  step by step:  NR groups
//! ```
//!
//! A pair holds two 16-bit values; a quad holds four 8-bit ones, those of A shifted into the
//! unsigned range by +128 (the kernel multiplies unsigned by signed bytes and corrects with the
//! column sums). Lines and the last group are padded. For every chunk of [`KC`] of every panel of
//! pairs the largest Σ x² of its lines is kept.

use std::sync::OnceLock;

use crate::matrix::CodesRef;
use crate::simd::{Kernel, dispatch};
use crate::{Code, FixedView, Par};

/// Rows of a left panel.
pub(super) const MR: usize = 6;
/// Columns of a right panel.
pub(super) const NR: usize = 16;
/// Inner elements per chunk: a chunk of a right panel stays in the first-level cache.
pub(super) const KC: usize = 512;

/// How many neighbours share a 32-bit word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Two 16-bit values.
    Pair,
    /// Four 8-bit values.
    Quad,
}

impl Group {
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Pair => 2,
            Self::Quad => 4,
        }
    }
}

/// Lines (rows of A or columns of B) in panels of `W`.
pub(super) struct Panels<const W: usize> {
    pub(super) group: Group,
    /// Groups along the inner dimension, the last one padded.
    steps: usize,
    /// Number of lines that are not padding.
    pub(super) lines: usize,
    /// `[panel][step][line]`.
    data: Vec<u32>,
    /// `[panel][chunk]`: the largest sum of squares of a line (pairs only).
    squares: Vec<u64>,
    /// The low and high bytes of each panel, made when first needed.
    halves: Vec<OnceLock<[Vec<u32>; 2]>>,
    /// Sum of each line (quads only), panel by panel.
    line_sums: Vec<i64>,
}

pub(super) type LeftPanels = Panels<MR>;
pub(super) type RightPanels = Panels<NR>;

impl LeftPanels {
    /// Packs `rows` rows of A from `first_row` on.
    pub(super) fn pack(a: &FixedView<'_>, group: Group, first_row: usize, rows: usize) -> Self {
        let lines = Lines {
            codes: a.codes,
            line_stride: a.row_stride,
            inner_stride: a.col_stride,
            inner: a.ncols,
        };
        Self::pack_lines(&lines, group, true, first_row, rows, Par::Seq)
    }
}

impl RightPanels {
    /// Packs all columns of B.
    pub(super) fn pack(b: &FixedView<'_>, group: Group, par: Par) -> Self {
        let lines = Lines {
            codes: b.codes,
            line_stride: b.col_stride,
            inner_stride: b.row_stride,
            inner: b.nrows,
        };
        Self::pack_lines(&lines, group, false, 0, b.ncols, par)
    }

    /// b = 256·high + low of one panel of pairs, with −128 ≤ low ≤ 127 and −128 ≤ high ≤ 128.
    pub(super) fn halves(&self, panel: usize) -> &[Vec<u32>; 2] {
        self.halves[panel].get_or_init(|| {
            let mut halves = [vec![0; self.steps * NR], vec![0; self.steps * NR]];
            let [low, high] = &mut halves;
            dispatch(SplitBytes { pairs: self.panel(panel), low, high });
            halves
        })
    }
}

/// An operand seen as lines along the inner dimension.
#[derive(Clone, Copy)]
struct Lines<'a> {
    codes: CodesRef<'a>,
    line_stride: usize,
    inner_stride: usize,
    inner: usize,
}

impl<const W: usize> Panels<W> {
    fn pack_lines(
        lines: &Lines<'_>,
        group: Group,
        left: bool,
        first: usize,
        count: usize,
        par: Par,
    ) -> Self {
        let steps = lines.inner.div_ceil(group.len());
        let panels = count.div_ceil(W);
        let mut data = vec![0; panels * steps * W];
        par.for_each_chunk(&mut data, (steps * W).max(1), |panel, out| {
            let (first, width) = (first + panel * W, W.min(count - panel * W));
            let quad_offset = if left { 0x80 } else { 0 };
            match (group, lines.codes) {
                (Group::Pair, CodesRef::I8(v)) => {
                    dispatch(Pack::<i8, W, 2> { v, lines: *lines, first, width, flip: 0, out });
                }
                (Group::Pair, CodesRef::I16(v)) => {
                    dispatch(Pack::<i16, W, 2> { v, lines: *lines, first, width, flip: 0, out });
                }
                (Group::Quad, CodesRef::I8(v)) => {
                    let flip = quad_offset;
                    dispatch(Pack::<i8, W, 4> { v, lines: *lines, first, width, flip, out });
                }
                _ => unreachable!("wider words are split into 16-bit limbs first"),
            }
        });
        let chunk = KC / group.len() * W;
        let chunks = (steps * W).div_ceil(chunk).max(1);
        let mut squares = Vec::new();
        let mut line_sums = Vec::new();
        let panel_of = |panel: usize| &data[panel * steps * W..][..steps * W];
        match group {
            Group::Pair => {
                squares = vec![0; panels * chunks];
                par.for_each_chunk(&mut squares, chunks, |panel, out| {
                    for (chunk, out) in panel_of(panel).chunks(chunk).zip(out) {
                        dispatch(LargestSquareSum::<W> { chunk, out });
                    }
                });
            }
            Group::Quad if !left => {
                line_sums = vec![0; panels * W];
                par.for_each_chunk(&mut line_sums, W, |panel, out| {
                    dispatch(LineSums { panel: panel_of(panel), out });
                });
            }
            Group::Quad => {}
        }
        let halves = (0..panels).map(|_| OnceLock::new()).collect();
        Self { group, steps, lines: count, data, squares, halves, line_sums }
    }

    /// Number of panels.
    pub(super) fn panels(&self) -> usize {
        self.lines.div_ceil(W)
    }

    /// `[step][line]` of one panel.
    pub(super) fn panel(&self, panel: usize) -> &[u32] {
        &self.data[panel * self.steps * W..][..self.steps * W]
    }

    /// Number of chunks of [`KC`] inner elements, at least one.
    pub(super) fn chunks(&self) -> usize {
        self.steps.div_ceil(KC / self.group.len()).max(1)
    }

    /// The largest Σ x² of a line in one chunk of a panel of pairs.
    pub(super) fn square(&self, panel: usize, chunk: usize) -> u64 {
        self.squares[panel * self.chunks() + chunk]
    }

    /// The sums of the lines of one panel of quads.
    pub(super) fn line_sums(&self, panel: usize) -> &[i64] {
        &self.line_sums[panel * W..][..W]
    }
}

/// The range of one chunk in a panel of `width` lines.
pub(super) fn chunk_range(group: Group, chunk: usize, width: usize, len: usize) -> (usize, usize) {
    let chunk_len = KC / group.len() * width;
    let start = (chunk * chunk_len).min(len);
    (start, len.min(start + chunk_len))
}

/// Fills the groups of `G` neighbours of one panel.
struct Pack<'a, C, const W: usize, const G: usize> {
    v: &'a [C],
    lines: Lines<'a>,
    first: usize,
    width: usize,
    /// Exclusive-or of every value: 0x80 turns a signed byte into an unsigned one plus 128.
    flip: u32,
    out: &'a mut [u32],
}

impl<C: Code, const W: usize, const G: usize> Kernel for Pack<'_, C, W, G> {
    #[inline(always)]
    fn run(self) {
        let Self { v, lines, first, width, flip, out } = self;
        let bits = 32 / G as u32;
        let place = |c: C, i: usize| {
            (((c.to_i32() as u32) ^ flip) & (u32::MAX >> (32 - bits))) << (bits * i as u32)
        };
        if lines.inner_stride == 1 {
            // Lines are contiguous: copy group by group, one line after the other.
            for line in 0..width {
                let source = &v[(first + line) * lines.line_stride..][..lines.inner];
                let (groups, rest) = source.as_chunks::<G>();
                for (group, out) in groups.iter().zip(out.chunks_exact_mut(W)) {
                    let mut word = 0;
                    for (i, &c) in group.iter().enumerate() {
                        word |= place(c, i);
                    }
                    out[line] = word;
                }
                if !rest.is_empty() {
                    let last = &mut out[groups.len() * W + line];
                    *last = rest.iter().enumerate().fold(0, |word, (i, &c)| word | place(c, i));
                }
            }
        } else {
            // The elements of one inner position are contiguous: interleave G such runs.
            for (step, out) in out.chunks_exact_mut(W).enumerate() {
                for i in 0..G.min(lines.inner - step * G) {
                    let source = &v[(step * G + i) * lines.inner_stride + first..][..width];
                    if let (Some(source), Some(out)) =
                        (source.first_chunk::<W>(), out.first_chunk_mut::<W>())
                    {
                        for (out, &c) in out.iter_mut().zip(source) {
                            *out |= place(c, i);
                        }
                    } else {
                        for (out, &c) in out.iter_mut().zip(source) {
                            *out |= place(c, i);
                        }
                    }
                }
            }
        }
    }
}

/// The two values of a pair.
#[inline(always)]
pub(super) fn pair(word: u32) -> [i32; 2] {
    [i32::from(word as i16), (word as i32) >> 16]
}

/// The largest Σ x² over the lines of a chunk `[step][line]`.
struct LargestSquareSum<'a, const W: usize> {
    chunk: &'a [u32],
    out: &'a mut u64,
}

impl<const W: usize> Kernel for LargestSquareSum<'_, W> {
    #[inline(always)]
    fn run(self) {
        let mut sums = [0u64; W];
        for step in self.chunk.as_chunks::<W>().0 {
            for (sum, &word) in sums.iter_mut().zip(step) {
                // Two squares of at most 2^30 each: their sum needs the unsigned 32 bits.
                let [x0, x1] = pair(word);
                *sum += u64::from((x0 * x0) as u32 + (x1 * x1) as u32);
            }
        }
        *self.out = sums.into_iter().max().unwrap_or(0);
    }
}

/// The sums of the lines of a panel of quads.
struct LineSums<'a> {
    panel: &'a [u32],
    out: &'a mut [i64],
}

impl Kernel for LineSums<'_> {
    #[inline(always)]
    fn run(self) {
        for step in self.panel.chunks_exact(self.out.len()) {
            for (sum, &word) in self.out.iter_mut().zip(step) {
                let bytes = [word as i8, (word >> 8) as i8, (word >> 16) as i8, (word >> 24) as i8];
                *sum += i64::from(bytes.into_iter().map(i32::from).sum::<i32>());
            }
        }
    }
}

struct SplitBytes<'a> {
    pairs: &'a [u32],
    low: &'a mut [u32],
    high: &'a mut [u32],
}

impl Kernel for SplitBytes<'_> {
    #[inline(always)]
    fn run(self) {
        let join = |x: [i32; 2]| (x[0] as u32 & 0xffff) | (x[1] as u32) << 16;
        for ((&word, low), high) in self.pairs.iter().zip(self.low).zip(self.high) {
            let b = pair(word);
            let l = b.map(|b| b << 24 >> 24);
            *low = join(l);
            *high = join([(b[0] - l[0]) >> 8, (b[1] - l[1]) >> 8]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedFormat, FixedMatrix};

    #[test]
    fn halves_make_up_the_whole() {
        let codes: Vec<i32> = (-32768..=32767).collect();
        let format = FixedFormat::new(8, 8).unwrap();
        let b = FixedMatrix::from_codes(format, 4096, 16, &codes).unwrap();
        let panels = RightPanels::pack(&b.view(), Group::Pair, Par::Seq);
        let [low, high] = panels.halves(0);
        for ((&word, &low), &high) in panels.panel(0).iter().zip(low).zip(high) {
            for ((b, low), high) in pair(word).into_iter().zip(pair(low)).zip(pair(high)) {
                assert_eq!(b, 256 * high + low);
                assert!((-128..128).contains(&low) && (-128..=128).contains(&high), "{b}");
            }
        }
    }

    #[test]
    fn squares_of_extreme_codes_do_not_overflow() {
        let format = FixedFormat::new(2, 14).unwrap();
        let a = FixedMatrix::from_codes(format, 1, 1024, &[-32768; 1024]).unwrap();
        let panels = LeftPanels::pack(&a.view(), Group::Pair, 0, 1);
        assert_eq!([panels.square(0, 0), panels.square(0, 1)], [512 << 30; 2]);
    }
}
