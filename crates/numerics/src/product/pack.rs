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

use crate::code::Code;
use crate::matrix::{CodesRef, FixedView};
use crate::par::Par;
use crate::simd::{Kernel, dispatch, transpose};

/// Rows of a left panel.
pub(super) const MR: usize = 6;
/// Columns of a right panel.
pub(super) const NR: usize = 16;
/// Inner elements per chunk: a chunk of a right panel stays in the first-level cache.
pub(super) const KC: usize = 512;

/// Inner elements per granule: the least over which the kernel takes sums of bytes.
pub(super) const GRANULE: usize = 128;
/// Panels that are packed together: where lines are not contiguous, whole cache lines are read.
const PANELS_PER_TASK: usize = 8;

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
    /// `[panel][chunk]` (pairs only).
    magnitudes: Vec<Magnitude>,
    /// The high bytes of each panel of pairs, made when first needed.
    high_bytes: Vec<OnceLock<HighBytes<W>>>,
    /// Whether A was packed.
    left: bool,
    /// Sum of each line (quads only), panel by panel.
    line_sums: Vec<i64>,
}

/// What the lines of one chunk of a panel of pairs can add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Magnitude {
    /// The largest Σ x² of a line.
    pub(super) square: u64,
    /// Whether a pair is twice −2^15: two such pairs multiply to 2^31, which 32 bits do not hold.
    pub(super) extreme: bool,
}

/// The high bytes of a panel of pairs, as quads: those of B are b₁ = ⌊b / 256⌋, those of A are
/// ⌊a / 256⌋ + 128.
pub(super) struct HighBytes<const W: usize> {
    /// `[step][line]`.
    pub(super) quads: Vec<u32>,
    /// `[granule][line]`: Σ b₁ of B, but Σ a of A.
    pub(super) sums: Vec<[i32; W]>,
    /// `[granule]`: the largest Σ x₀² of a line, x₀ the low byte less 128.
    pub(super) low_squares: Vec<u32>,
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
        let task = PANELS_PER_TASK * W;
        par.for_each_chunk(&mut data, (steps * task).max(1), |i, out| {
            let (first, width) = (first + i * task, task.min(count - i * task));
            let flip = if left && group == Group::Quad { 0x80 } else { 0 };
            match (group, lines.codes) {
                (Group::Pair, CodesRef::I8(v)) => {
                    Pack::<i8, W, 2> { v, lines: *lines, first, width, flip, out }.pack();
                }
                (Group::Pair, CodesRef::I16(v)) => {
                    Pack::<i16, W, 2> { v, lines: *lines, first, width, flip, out }.pack();
                }
                (Group::Quad, CodesRef::I8(v)) => {
                    Pack::<i8, W, 4> { v, lines: *lines, first, width, flip, out }.pack();
                }
                _ => unreachable!("wider words are split into 16-bit limbs first"),
            }
        });
        let chunk = KC / group.len() * W;
        let chunks = (steps * W).div_ceil(chunk).max(1);
        let mut magnitudes = Vec::new();
        let mut line_sums = Vec::new();
        let panel_of = |panel: usize| &data[panel * steps * W..][..steps * W];
        match group {
            Group::Pair => {
                magnitudes = vec![Magnitude::default(); panels * chunks];
                par.for_each_chunk(&mut magnitudes, chunks, |panel, out| {
                    for (chunk, out) in panel_of(panel).chunks(chunk).zip(out) {
                        dispatch(Measure::<W> { chunk, out });
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
        let high_bytes = (0..panels).map(|_| OnceLock::new()).collect();
        Self { group, steps, lines: count, data, magnitudes, high_bytes, left, line_sums }
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

    /// What the lines of one chunk of a panel of pairs can add up to.
    pub(super) fn magnitude(&self, panel: usize, chunk: usize) -> Magnitude {
        self.magnitudes[panel * self.chunks() + chunk]
    }

    /// At least the Σ x² of every line of pairs.
    pub(super) fn largest_square(&self) -> u64 {
        let of_panel = |chunks: &[Magnitude]| chunks.iter().map(|m| m.square).sum();
        self.magnitudes.chunks(self.chunks()).map(of_panel).max().unwrap_or(0)
    }

    /// The high bytes of one panel of pairs.
    pub(super) fn high_bytes(&self, panel: usize) -> &HighBytes<W> {
        self.high_bytes[panel].get_or_init(|| {
            let granules = self.steps.div_ceil(GRANULE / 2);
            let mut bytes = HighBytes {
                quads: vec![0; self.steps.div_ceil(2) * W],
                sums: vec![[0; W]; granules],
                low_squares: vec![0; granules],
            };
            let pairs = self.panel(panel);
            dispatch(TakeHighBytes { pairs, left: self.left, bytes: &mut bytes });
            bytes
        })
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

/// Fills the groups of `G` neighbours of some panels.
struct Pack<'a, C, const W: usize, const G: usize> {
    v: &'a [C],
    lines: Lines<'a>,
    first: usize,
    /// Lines that are not padding.
    width: usize,
    /// Exclusive-or of every value: 0x80 turns a signed byte into an unsigned one plus 128.
    flip: u32,
    out: &'a mut [u32],
}

impl<C: Code, const W: usize, const G: usize> Pack<'_, C, W, G> {
    fn pack(mut self) {
        if self.lines.inner_stride == 1 {
            let done = self.transpose_steps();
            dispatch(PackLines { pack: self, done });
        } else {
            dispatch(PackSteps(self));
        }
    }

    /// Packs contiguous lines as far as the vector code does, and returns up to which step.
    fn transpose_steps(&mut self) -> usize {
        const { assert!(W <= 2 * transpose::LINES) };
        let groups = self.lines.inner / G;
        // Eight bits in a group of two have to be widened.
        if C::BITS as usize * G != 32 || groups == 0 {
            return 0;
        }
        let panel_len = self.lines.inner.div_ceil(G) * W;
        let flip = self.flip * 0x0101_0101;
        let mut done = 0;
        for (panel, out) in self.out.chunks_exact_mut(panel_len).enumerate() {
            let width = W.min(self.width - panel * W);
            for at in (0..width).step_by(transpose::LINES) {
                let count = transpose::LINES.min(width - at);
                let first = self.first + panel * W + at;
                let lines: [&[u8]; transpose::LINES] = std::array::from_fn(|i| {
                    let start = (first + i.min(count - 1)) * self.lines.line_stride;
                    C::bytes(&self.v[start..][..groups * G])
                });
                done = transpose::words(lines, flip, &mut out[at..], W, count);
            }
        }
        done
    }

    #[inline(always)]
    fn place(&self, c: C, i: usize) -> u32 {
        let bits = 32 / G as u32;
        (((c.to_i32() as u32) ^ self.flip) & (u32::MAX >> (32 - bits))) << (bits * i as u32)
    }
}

/// Lines are contiguous: copy group by group, one line after the other.
struct PackLines<'a, C, const W: usize, const G: usize> {
    pack: Pack<'a, C, W, G>,
    /// Steps that are packed already.
    done: usize,
}

impl<C: Code, const W: usize, const G: usize> Kernel for PackLines<'_, C, W, G> {
    #[inline(always)]
    fn run(self) {
        let Self { pack, done } = self;
        let lines = pack.lines;
        let panel_len = lines.inner.div_ceil(G) * W;
        for line in 0..pack.width {
            let source = &pack.v[(pack.first + line) * lines.line_stride..][..lines.inner];
            for (step, group) in source.chunks(G).enumerate().skip(done) {
                let word = group.iter().enumerate().fold(0, |w, (i, &c)| w | pack.place(c, i));
                pack.out[line / W * panel_len + step * W + line % W] = word;
            }
        }
    }
}

/// The elements of one inner position are contiguous: interleave `G` such runs.
struct PackSteps<'a, C, const W: usize, const G: usize>(Pack<'a, C, W, G>);

impl<C: Code, const W: usize, const G: usize> Kernel for PackSteps<'_, C, W, G> {
    #[inline(always)]
    fn run(self) {
        let Self(mut pack) = self;
        let (lines, width) = (pack.lines, pack.width);
        let out = std::mem::take(&mut pack.out);
        let panel_len = lines.inner.div_ceil(G) * W;
        let run = |k: usize| &pack.v[k * lines.inner_stride + pack.first..][..width];
        let whole = lines.inner / G;
        for step in 0..whole {
            let runs: [&[C]; G] = std::array::from_fn(|i| run(step * G + i));
            for (panel, start) in (0..width).step_by(W).enumerate() {
                let out = &mut out[panel * panel_len + step * W..][..W];
                // A panel of full width has a length that the compiler knows.
                if let (true, Some(out)) = (start + W <= width, out.first_chunk_mut::<W>()) {
                    let mut words = [0; W];
                    for (i, run) in runs.iter().enumerate() {
                        for (word, &c) in words.iter_mut().zip(&run[start..start + W]) {
                            *word |= pack.place(c, i);
                        }
                    }
                    *out = words;
                } else {
                    for (line, out) in out[..width - start].iter_mut().enumerate() {
                        *out = (0..G).fold(0, |w, i| w | pack.place(runs[i][start + line], i));
                    }
                }
            }
        }
        for i in 0..lines.inner - whole * G {
            for (line, &c) in run(whole * G + i).iter().enumerate() {
                out[line / W * panel_len + whole * W + line % W] |= pack.place(c, i);
            }
        }
    }
}

/// The two values of a pair.
#[inline(always)]
pub(super) fn pair(word: u32) -> [i32; 2] {
    [i32::from(word as i16), (word as i32) >> 16]
}

/// Measures the lines of a chunk `[step][line]`.
struct Measure<'a, const W: usize> {
    chunk: &'a [u32],
    out: &'a mut Magnitude,
}

impl<const W: usize> Kernel for Measure<'_, W> {
    #[inline(always)]
    fn run(self) {
        let mut sums = [0u64; W];
        let mut largest = [0u32; W];
        for step in self.chunk.as_chunks::<W>().0 {
            for ((sum, largest), &word) in sums.iter_mut().zip(&mut largest).zip(step) {
                // Two squares of at most 2^30 each: their sum needs the unsigned 32 bits.
                let [x0, x1] = pair(word);
                let square = (x0 * x0) as u32 + (x1 * x1) as u32;
                *sum += u64::from(square);
                *largest = square.max(*largest);
            }
        }
        let square = sums.into_iter().max().unwrap_or(0);
        *self.out = Magnitude { square, extreme: largest.contains(&(1 << 31)) };
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

struct TakeHighBytes<'a, const W: usize> {
    pairs: &'a [u32],
    left: bool,
    bytes: &'a mut HighBytes<W>,
}

impl<const W: usize> Kernel for TakeHighBytes<'_, W> {
    #[inline(always)]
    fn run(self) {
        let Self { pairs, left, bytes: HighBytes { quads, sums, low_squares } } = self;
        let flip = if left { 0x8080_8080 } else { 0 };
        let granules = pairs.chunks(GRANULE / 2 * W).zip(quads.chunks_mut(GRANULE / 4 * W));
        for (((pairs, quads), sums), low_square) in granules.zip(sums).zip(low_squares) {
            let mut squares = [0; W];
            // A last odd step has no second half: zeros, whose products vanish.
            let whole = pairs.len() / (2 * W);
            let last = pairs.as_chunks::<W>().0.last().filter(|_| pairs.len() > whole * 2 * W);
            let halves = pairs.chunks_exact(2 * W).map(|two| two.split_at(W));
            let halves = halves.chain(last.map(|last| (&last[..], &[0; W][..])));
            for (quads, (low, high)) in quads.chunks_exact_mut(W).zip(halves) {
                let lines = quads.iter_mut().zip(&mut *sums).zip(&mut squares);
                for (((quad, sum), square), (&low, &high)) in lines.zip(low.iter().zip(high)) {
                    let bytes = |pair: u32| (pair >> 8 & 0xff) | (pair >> 16 & 0xff00);
                    *quad = (bytes(low) | bytes(high) << 16) ^ flip;
                    for x in [low, high] {
                        let [x0, x1] = pair(x);
                        *sum += if left { x0 + x1 } else { (x0 >> 8) + (x1 >> 8) };
                        let (x0, x1) = ((x0 & 0xff) - 128, (x1 & 0xff) - 128);
                        *square += (x0 * x0 + x1 * x1) as u32;
                    }
                }
            }
            *low_square = squares.into_iter().max().unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedFormat, FixedMatrix};

    #[test]
    fn high_bytes_are_those_of_the_pairs() {
        // All 16-bit values; the last granule and the last step are cut.
        let format = FixedFormat::new(8, 8).unwrap();
        let codes: Vec<i32> = (0..6553 * 20).map(|i| format.wrap(i * 40_503)).collect();
        let m = FixedMatrix::from_codes(format, 6553, 20, &codes).unwrap();
        let right = RightPanels::pack(&m.view(), Group::Pair, Par::Seq);
        let left = LeftPanels::pack(&m.t(), Group::Pair, 0, 20);
        for line in 0..20 {
            let code = |k: usize| if k < m.nrows() { m.get(k, line) } else { 0 };
            let (b, a) = (right.high_bytes(line / NR), left.high_bytes(line / MR));
            for step in 0..m.nrows().div_ceil(4) {
                let high = [0, 1, 2, 3].map(|i| (code(4 * step + i) >> 8) as i8);
                assert_eq!(b.quads[step * NR + line % NR].to_le_bytes().map(|x| x as i8), high);
                let shifted = high.map(|x| (i32::from(x) + 128) as u8);
                assert_eq!(a.quads[step * MR + line % MR].to_le_bytes(), shifted);
            }
            for granule in 0..m.nrows().div_ceil(GRANULE) {
                let ks = granule * GRANULE..m.nrows().min((granule + 1) * GRANULE);
                let sum = ks.clone().map(|k| code(k) >> 8).sum::<i32>();
                assert_eq!(b.sums[granule][line % NR], sum);
                assert_eq!(a.sums[granule][line % MR], ks.clone().map(code).sum::<i32>());
                let square = ks.map(|k| ((code(k) & 0xff) - 128).pow(2) as u32).sum::<u32>();
                // At least that of every line; padding to whole steps may add to it.
                assert!(a.low_squares[granule] >= square && b.low_squares[granule] >= square);
                assert!(a.low_squares[granule].max(b.low_squares[granule]) <= 128 << 14);
            }
        }
    }

    /// Contiguous lines and contiguous steps give the same panels.
    #[test]
    fn both_orders_pack_alike() {
        for (format, groups) in
            [((8, 8), &[Group::Pair][..]), ((4, 4), &[Group::Pair, Group::Quad])]
        {
            let format = FixedFormat::new(format.0, format.1).unwrap();
            for (inner, lines) in [(1, 1), (7, 5), (16, 16), (33, 17), (67, 70), (100, 90)] {
                let codes: Vec<i32> =
                    (0..inner * lines).map(|i| format.wrap(i as i64 * 40_503)).collect();
                let by_step = FixedMatrix::from_codes(format, inner, lines, &codes).unwrap();
                let codes: Vec<i32> = (0..lines)
                    .flat_map(|j| (0..inner).map(move |k| (k, j)))
                    .map(|(k, j)| by_step.get(k, j))
                    .collect();
                let by_line = FixedMatrix::from_codes(format, lines, inner, &codes).unwrap();
                for &group in groups {
                    let [one, other] = [by_step.view(), by_line.t()]
                        .map(|b| RightPanels::pack(&b, group, Par::Seq).data);
                    assert!(one == other, "right, {group:?}, {inner} × {lines}");
                    let [one, other] = [by_step.t(), by_line.view()]
                        .map(|a| LeftPanels::pack(&a, group, 0, lines).data);
                    assert!(one == other, "left, {group:?}, {inner} × {lines}");
                }
            }
        }
    }

    #[test]
    fn squares_of_extreme_codes_do_not_overflow() {
        let format = FixedFormat::new(2, 14).unwrap();
        let a = FixedMatrix::from_codes(format, 1, 1024, &[-32768; 1024]).unwrap();
        let panels = LeftPanels::pack(&a.view(), Group::Pair, 0, 1);
        let magnitude = Magnitude { square: 512 << 30, extreme: true };
        assert_eq!([panels.magnitude(0, 0), panels.magnitude(0, 1)], [magnitude; 2]);
        assert_eq!(panels.largest_square(), 1024 << 30);
    }
}
