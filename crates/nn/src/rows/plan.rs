//! [`Plan`]: where in memory the patches of an image lie, so that a kernel reads them in place.
//!
//! ```text
//! patch of row r = the values at bases[r] + source .. + len, for every run, one after another
//! ```
//!
//! Inside an image with its border of zeros a patch is a few runs of neighbours: one per line of
//! taps, because channels come last. Where the source is spread (the gradient of an image under a
//! stride) rows that read different taps have plans of their own, and no product with the zeros
//! in between is computed.

use std::ops::Range;

use crossbar::{Inputs, Windows};

use super::{Axis, Patches, Rows};

/// Neighbouring values of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// From the base of a row to the first value.
    pub(crate) source: usize,
    /// The first value's index in a patch, and so in a row of W.
    pub(crate) weight: usize,
    pub(crate) len: usize,
}

/// Rows of one image that read the same taps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// For each row, where its patch starts in the framed image.
    pub(crate) bases: Vec<usize>,
    /// For each row, its index among the rows of the image.
    pub(crate) rows: Vec<usize>,
    pub(crate) runs: Vec<Run>,
}

/// An image's size with and without a border of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    lines: usize,
    line_len: usize,
    /// Lines above, elements before each line.
    before: [usize; 2],
    framed_lines: usize,
    framed_line_len: usize,
}

/// Rows along one axis that read the same taps.
struct Phase {
    /// (row, pixel of its first tap in the framed axis)
    rows: Vec<(usize, usize)>,
    /// (tap, pixels behind the first tap)
    taps: Vec<(usize, usize)>,
}

/// The rows of an axis in groups, and the pixels of zeros before and after it.
fn phases(axis: &Axis) -> (Vec<Phase>, usize, usize) {
    // (row or tap, pixel) of each group, before it is known how far patches reach outside.
    type Pixels = Vec<(usize, isize)>;
    let mut found: Vec<(Pixels, Pixels)> = Vec::new();
    for first in 0..axis.spread.unsigned_abs().min(axis.rows) {
        let spread =
            |tap: usize| first as isize * axis.step + tap as isize * axis.tap_step + axis.shift;
        let taps: Vec<(usize, isize)> = (0..axis.taps)
            .filter(|&tap| spread(tap).rem_euclid(axis.spread) == 0)
            .map(|tap| (tap, spread(tap).div_euclid(axis.spread)))
            .collect();
        let rows = (first..axis.rows)
            .step_by(axis.spread as usize)
            .map(|row| (row, (row - first) as isize * axis.step / axis.spread))
            .collect();
        found.push((rows, taps));
    }
    let pixels = || {
        found.iter().flat_map(|(rows, taps)| {
            let ends = [rows.first(), rows.last()].into_iter().flatten();
            ends.flat_map(|(_, at)| taps.iter().map(move |(_, offset)| at + offset))
        })
    };
    let before = pixels().min().unwrap_or(0).min(0).unsigned_abs();
    let after = (pixels().max().unwrap_or(0) + 1 - axis.len as isize).max(0) as usize;
    let phases = found
        .into_iter()
        .map(|(rows, taps)| {
            let lowest = taps.iter().map(|(_, offset)| *offset).min().unwrap_or(0);
            let base = |at: isize| (at + lowest + before as isize).max(0) as usize;
            Phase {
                rows: rows.into_iter().map(|(row, at)| (row, base(at))).collect(),
                taps: taps.into_iter().map(|(tap, o)| (tap, (o - lowest) as usize)).collect(),
            }
        })
        .collect();
    (phases, before, after)
}

impl Patches {
    /// The border that patches reach into, and the plans of all rows of an image.
    pub(crate) fn plans(&self) -> (Frame, Vec<Plan>) {
        let [vertical, horizontal] = &self.axes;
        let channels = self.channels;
        let (phases_y, above, below) = phases(vertical);
        let (phases_x, left, right) = phases(horizontal);
        let frame = Frame {
            lines: vertical.len,
            line_len: horizontal.len * channels,
            before: [above, left * channels],
            framed_lines: above + vertical.len + below,
            framed_line_len: (left + horizontal.len + right) * channels,
        };
        let line = frame.framed_line_len;
        let mut plans = Vec::new();
        for phase_y in &phases_y {
            for phase_x in &phases_x {
                let mut runs: Vec<Run> = Vec::new();
                for (tap_y, offset_y) in &phase_y.taps {
                    for (tap_x, offset_x) in &phase_x.taps {
                        let source = offset_y * line + offset_x * channels;
                        let weight = (tap_y * horizontal.taps + tap_x) * channels;
                        match runs.last_mut() {
                            Some(run)
                                if run.source + run.len == source
                                    && run.weight + run.len == weight =>
                            {
                                run.len += channels;
                            }
                            _ => runs.push(Run { source, weight, len: channels }),
                        }
                    }
                }
                let positions =
                    || phase_y.rows.iter().flat_map(|y| phase_x.rows.iter().map(move |x| (*y, *x)));
                plans.push(Plan {
                    bases: positions().map(|((_, y), (_, x))| y * line + x * channels).collect(),
                    rows: positions().map(|((y, _), (x, _))| y * horizontal.rows + x).collect(),
                    runs,
                });
            }
        }
        (frame, plans)
    }
}

impl Frame {
    /// The image with its border, in place if there is none. `buffer` must come from here again or
    /// be empty: its border stays zero.
    pub(crate) fn around<'a>(&self, image: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        if self.is_empty() {
            return image;
        }
        self.fill(image, buffer, 0);
        buffer
    }

    /// Copies the image into its border, with `slack` more elements behind it.
    pub(crate) fn fill<T: Copy + Default>(&self, image: &[T], buffer: &mut Vec<T>, slack: usize) {
        buffer.resize(self.framed_len() + slack, T::default());
        self.fill_one(image, buffer);
    }

    /// Copies an image into its border, which is there already.
    fn fill_one<T: Copy>(&self, image: &[T], framed: &mut [T]) {
        let framed = framed.chunks_exact_mut(self.framed_line_len.max(1)).skip(self.before[0]);
        for (framed, line) in framed.zip(image.chunks_exact(self.line_len.max(1))) {
            framed[self.before[1]..][..self.line_len].copy_from_slice(line);
        }
    }

    /// Elements of an image with its border.
    fn framed_len(&self) -> usize {
        self.framed_lines * self.framed_line_len
    }

    fn is_empty(&self) -> bool {
        self.framed_lines == self.lines && self.framed_line_len == self.line_len
    }
}

/// Elements that are copied at once when patches are gathered: a vector, or half of one for short runs.
const CHUNK: usize = 16;

impl Plan {
    /// Whether its rows are all rows of an image, in their order, with all their elements.
    fn is_whole(plans: &[Self], inputs: usize) -> bool {
        matches!(plans, [plan] if plan.inner() == inputs)
    }

    /// Gathers some rows of a plan that [`Self::is_whole`] from a frame into `out`; both have [`CHUNK`]
    /// elements of slack behind them.
    fn gather<T: Copy>(&self, rows: Range<usize>, framed: &[T], out: &mut [T]) {
        let runs = &self.runs[..];
        if runs.iter().all(|run| run.len <= CHUNK / 2) {
            gather_runs::<_, { CHUNK / 2 }>(&self.bases[rows], runs, framed, out);
        } else {
            gather_runs::<_, CHUNK>(&self.bases[rows], runs, framed, out);
        }
    }
}

/// Copies runs in whole chunks of N, the excess of one being overwritten by the next.
fn gather_runs<T: Copy, const N: usize>(
    bases: &[usize],
    runs: &[Run],
    framed: &[T],
    out: &mut [T],
) {
    let mut at = 0;
    for &base in bases {
        for run in runs {
            for k in (0..run.len).step_by(N) {
                let source = &framed[base + run.source + k..][..N];
                out[at + k..][..N].copy_from_slice(source);
            }
            at += run.len;
        }
    }
}

impl Patches {
    /// Gathers the rows of one image from its frame, whose plans leave some elements out.
    fn gather_sparse<T: Copy + Default>(
        plans: &[Plan],
        inputs: usize,
        framed: &[T],
        out: &mut [T],
    ) {
        out.fill(T::default());
        for plan in plans {
            for (base, row) in plan.bases.iter().zip(&plan.rows) {
                for run in &plan.runs {
                    out[row * inputs + run.weight..][..run.len]
                        .copy_from_slice(&framed[base + run.source..][..run.len]);
                }
            }
        }
    }
}

/// Reads rows: those of a matrix as they lie, patches gathered.
#[derive(Debug)]
pub(crate) struct Reader {
    rows: Rows,
    plans: Option<(Frame, Vec<Plan>)>,
}

/// What a [`Reader`] keeps from block to block.
#[derive(Debug, Default)]
pub(crate) struct Gathered<T> {
    framed: Vec<T>,
    block: Vec<T>,
}

/// Images with their borders, of one reader after another.
#[derive(Debug, Default)]
pub(crate) struct Framed {
    frame: Option<Frame>,
    images: Vec<f32>,
}

impl Reader {
    /// Calls `use_inputs` with the rows of that range, which must be whole images if they are
    /// patches: these are windows of the images with their borders.
    pub(crate) fn with_inputs<R>(
        &self,
        source: &[f32],
        range: Range<usize>,
        framed: &mut Framed,
        use_inputs: impl FnOnce(Inputs<'_>) -> R,
    ) -> R {
        let (Rows::Patches(patches), Some((frame, plans))) = (&self.rows, &self.plans) else {
            let inputs = self.rows.inputs();
            return use_inputs(Inputs::Rows(&source[range.start * inputs..range.end * inputs]));
        };
        let [plan] = &plans[..] else {
            unreachable!("all rows of a forward product read the same taps");
        };
        let (rows, len) = (patches.rows_per_image().max(1), patches.image_len());
        let images = &source[range.start / rows * len..range.end / rows * len];
        let images = if frame.is_empty() {
            images
        } else {
            if framed.frame != Some(*frame) {
                framed.images.clear();
                framed.frame = Some(*frame);
            }
            let framed_len = frame.framed_len();
            framed.images.resize(range.len() / rows * framed_len, 0.0);
            let framed_images = framed.images.chunks_exact_mut(framed_len);
            for (image, framed) in images.chunks_exact(len).zip(framed_images) {
                frame.fill_one(image, framed);
            }
            &framed.images
        };
        let runs: Vec<Range<usize>> =
            plan.runs.iter().map(|run| run.source..run.source + run.len).collect();
        let (image_len, starts) = (frame.framed_len(), &plan.bases[..]);
        use_inputs(Inputs::Windows(Windows { images, image_len, starts, runs: &runs }))
    }

    /// Calls `use_rows` with the elements of the rows of that range, which must be whole images if
    /// they are patches.
    pub(crate) fn with_rows<T: Copy + Default, R>(
        &self,
        source: &[T],
        range: Range<usize>,
        buffers: &mut Gathered<T>,
        use_rows: impl FnOnce(&[T]) -> R,
    ) -> R {
        match self.gather(source, range.clone(), buffers) {
            Some(rows) => use_rows(rows),
            None => {
                let inputs = self.rows.inputs();
                use_rows(&source[range.start * inputs..range.end * inputs])
            }
        }
    }

    /// The elements of those rows of patches; none of a matrix, where they lie in `source`. If rows
    /// of an image read different taps the range must be whole images.
    pub(crate) fn gather<'b, T: Copy + Default>(
        &self,
        source: &[T],
        range: Range<usize>,
        buffers: &'b mut Gathered<T>,
    ) -> Option<&'b mut [T]> {
        let (Rows::Patches(patches), Some((frame, plans))) = (&self.rows, &self.plans) else {
            return None;
        };
        let Gathered { framed, block } = buffers;
        let (inputs, per_image) = (self.rows.inputs(), patches.rows_per_image().max(1));
        let len = range.len() * inputs;
        // It only grows, so that little of it is cleared in vain.
        block.resize(block.len().max(len + CHUNK), T::default());
        let whole = Plan::is_whole(plans, inputs);
        let mut first = range.start;
        while first < range.end {
            let (image, row) = (first / per_image, first % per_image);
            let rows = row..per_image.min(row + range.end - first);
            let source = &source[image * patches.image_len()..][..patches.image_len()];
            frame.fill(source, framed, CHUNK);
            let out = &mut block[(first - range.start) * inputs..];
            if whole {
                plans[0].gather(rows.clone(), framed, out);
            } else {
                assert_eq!(rows.len(), per_image, "a part of an image");
                Patches::gather_sparse(plans, inputs, framed, &mut out[..per_image * inputs]);
            }
            first += rows.len();
        }
        Some(&mut block[..len])
    }
}

impl Rows {
    /// A reader of these rows.
    pub(crate) fn reader(&self) -> Reader {
        let plans = match self {
            Self::Matrix { .. } => None,
            Self::Patches(patches) => Some(patches.plans()),
        };
        Reader { rows: *self, plans }
    }

    /// About `target` rows: of patches a whole number of images, at least one.
    pub(crate) fn block_rows(&self, target: usize) -> usize {
        match self {
            Self::Matrix { .. } => target,
            Self::Patches(patches) => {
                let rows = patches.rows_per_image().max(1);
                (target / rows).max(1) * rows
            }
        }
    }

    /// Calls `use_block(rows, their elements)` for every block of rows of `source`, in order: all
    /// rows of a matrix, or the gathered patches of a few images that fit into the second-level
    /// cache. Blocks depend on shapes only.
    pub(crate) fn each_block<T: Copy + Default>(
        &self,
        source: &[T],
        mut use_block: impl FnMut(Range<usize>, &[T]),
    ) {
        const CACHE_BYTES: usize = 512 << 10;
        if self.is_matrix() {
            return use_block(0..self.count(), source);
        }
        let reader = self.reader();
        let mut buffers = Gathered::default();
        let rows = self.block_rows(CACHE_BYTES / (self.inputs() * size_of::<T>()).max(1));
        for first in (0..self.count()).step_by(rows) {
            let range = first..(first + rows).min(self.count());
            reader.with_rows(source, range.clone(), &mut buffers, |block| use_block(range, block));
        }
    }
}

impl Plan {
    /// Length of a patch as the runs have it.
    pub(crate) fn inner(&self) -> usize {
        self.runs.iter().map(|run| run.len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{gather, windows};
    use super::*;
    use proptest::prelude::*;

    /// The patch of every row as the plans have it, zeros where no run reaches.
    fn by_plans(patches: &Patches, image: &[f32]) -> Vec<f32> {
        let (frame, plans) = patches.plans();
        let mut buffer = Vec::new();
        let image = frame.around(image, &mut buffer);
        let inputs = patches.taps() * patches.channels();
        let mut out = vec![0.0; patches.rows_per_image() * inputs];
        for plan in &plans {
            for (base, row) in plan.bases.iter().zip(&plan.rows) {
                for run in &plan.runs {
                    out[row * inputs + run.weight..][..run.len]
                        .copy_from_slice(&image[base + run.source..][..run.len]);
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn plans_read_the_patches((window, shape) in windows(), outputs in 1..4usize) {
            let shape = [1, shape[1], shape[2], shape[3]];
            let forward = Patches::new(&window, shape);
            for patches in [forward, forward.transposed(outputs)] {
                let image: Vec<f32> = (0..patches.image_len()).map(|i| i as f32 + 1.0).collect();
                let expected = gather(&patches, &image);
                prop_assert_eq!(by_plans(&patches, &image), &*expected);
                // Gathered in blocks of a few images, too.
                let images = [&image[..], &image, &image].concat();
                let patches = Patches { batch: 3, ..patches };
                let mut gathered = Vec::new();
                Rows::Patches(patches).each_block(&images, |range, block| {
                    assert_eq!(range.start * patches.taps() * patches.channels(), gathered.len());
                    gathered.extend_from_slice(block);
                });
                prop_assert_eq!(gathered, [&expected[..], &expected, &expected].concat());
            }
        }
    }
}
