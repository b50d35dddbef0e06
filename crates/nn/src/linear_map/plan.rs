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

use std::borrow::Cow;

use super::rows::{Axis, Patches};

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
    let mut found: Vec<(Vec<(usize, isize)>, Vec<(usize, isize)>)> = Vec::new();
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
    pub(crate) fn around<'a>(&self, image: &'a [f32], buffer: &'a mut Vec<f32>) -> Cow<'a, [f32]> {
        if self.framed_lines == self.lines && self.framed_line_len == self.line_len {
            return Cow::Borrowed(image);
        }
        buffer.resize(self.framed_lines * self.framed_line_len, 0.0);
        let framed = buffer.chunks_exact_mut(self.framed_line_len.max(1)).skip(self.before[0]);
        for (framed, line) in framed.zip(image.chunks_exact(self.line_len.max(1))) {
            framed[self.before[1]..][..self.line_len].copy_from_slice(line);
        }
        Cow::Borrowed(buffer)
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
    use super::super::rows::tests::windows;
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
                let mut expected = vec![0.0; patches.rows_per_image() * patches.taps() * patches.channels()];
                patches.gather(&image, 0, &mut expected);
                prop_assert_eq!(by_plans(&patches, &image), expected);
            }
        }
    }
}
