//! [`Inputs`]: the inputs of a batch, as rows or as windows of images that overlap.
//!
//! The patches of a convolution share most of their values. Where the converter treats a value the
//! same in every window, an image is converted once and the kernels read the windows in place.

use std::ops::Range;

use super::inputs::{Phase, SumKind};
use super::layout::padded;
use crate::columns::columns_of;

/// The inputs of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// Rows of a matrix, (batch, in).
    Rows(&'a [f32]),
    /// Windows of images.
    Windows(Windows<'a>),
}

/// Windows of images: sample s are the values
///
/// ```text
/// images[⌊s/n⌋ · image_len + starts[s mod n] + run]      for every run, one after another
/// ```
///
/// with n = `starts.len()`.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// Images one after another, with the border of zeros that windows reach into.
    pub images: &'a [f32],
    /// Values of one image.
    pub image_len: usize,
    /// For every window of an image, where it starts.
    pub starts: &'a [usize],
    /// What lies behind a start, in parts.
    pub runs: &'a [Range<usize>],
}

impl Inputs<'_> {
    /// Number of samples of that many inputs.
    ///
    /// # Panics
    ///
    /// If rows or windows have another length, or a window leaves its image.
    #[track_caller]
    pub fn samples(&self, inputs: usize) -> usize {
        match self {
            Self::Rows(x) => {
                assert_eq!(x.len() % inputs, 0, "{} inputs are not rows of {inputs}", x.len());
                x.len() / inputs
            }
            Self::Windows(windows) => {
                windows.check(inputs);
                windows.count()
            }
        }
    }

    /// Calls `use_inputs` with some columns of samples that have `inputs` of them: what a tile sees
    /// that holds a part of a matrix.
    ///
    /// # Panics
    ///
    /// If the columns do not fit into a sample.
    #[track_caller]
    pub fn with_columns<R>(
        &self,
        inputs: usize,
        columns: &Range<usize>,
        use_inputs: impl FnOnce(Inputs<'_>) -> R,
    ) -> R {
        match self {
            Self::Rows(x) => use_inputs(Inputs::Rows(&columns_of(x, inputs, columns))),
            Self::Windows(windows) => {
                let runs = &windows.runs_of(columns);
                use_inputs(Inputs::Windows(Windows { runs, ..*windows }))
            }
        }
    }
}

impl Windows<'_> {
    /// Number of samples.
    pub fn count(&self) -> usize {
        self.images.len() / self.image_len.max(1) * self.starts.len()
    }

    /// Values of a sample.
    pub fn inputs(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// The runs of some columns of the samples.
    #[track_caller]
    fn runs_of(&self, columns: &Range<usize>) -> Vec<Range<usize>> {
        assert!(columns.end <= self.inputs(), "columns {columns:?} of {} inputs", self.inputs());
        let mut first = 0;
        let mut cut = Vec::new();
        for run in self.runs {
            let low = columns.start.max(first);
            let high = columns.end.min(first + run.len());
            if low < high {
                cut.push(run.start + low - first..run.start + high - first);
            }
            first += run.len();
        }
        cut
    }

    /// # Panics
    ///
    /// If a window leaves its image, or a sample has not that many inputs.
    #[track_caller]
    fn check(&self, inputs: usize) {
        let (have, len) = (self.inputs(), self.image_len);
        assert_eq!(have, inputs, "windows of {have} values for {inputs} inputs");
        assert_eq!(
            self.images.len() % len.max(1),
            0,
            "{} values of images of {len}",
            self.images.len()
        );
        let reach = self.runs.iter().map(|run| run.end).max().unwrap_or(0);
        let last = self.starts.iter().max().map_or(0, |start| start + reach);
        assert!(last <= len, "a window reaches {last} values into an image of {len}");
    }

    /// Where a sample starts.
    #[inline]
    fn start(&self, sample: usize) -> usize {
        let windows = self.starts.len();
        sample / windows * self.image_len + self.starts[sample % windows]
    }

    /// Copies samples from `source`, which has the shape of the images and perhaps more behind it,
    /// to rows of `stride` values, zeros behind the inputs. `stride` − in is at most [`CHUNK`].
    pub(super) fn gather(
        &self,
        source: &[f32],
        samples: Range<usize>,
        stride: usize,
        rows: &mut Vec<f32>,
    ) {
        let len = samples.len() * stride;
        rows.resize(len + CHUNK, 0.0);
        for (sample, first) in samples.zip((0..).step_by(stride)) {
            let start = self.start(sample);
            let mut at = first;
            for run in self.runs {
                copy(source, start + run.start, run.len(), &mut rows[at..]);
                at += run.len();
            }
            // The next row overwrites what lies behind its start.
            rows[at..][..CHUNK].fill(0.0);
        }
        rows.truncate(len);
    }
}

/// Values that are copied at once: a run is copied in whole chunks, the excess being overwritten.
const CHUNK: usize = 16;
/// Values behind images, of which windows are then copied in whole chunks to their end.
pub(super) const SLACK: usize = CHUNK;

#[inline(always)]
fn copy(source: &[f32], from: usize, len: usize, rows: &mut [f32]) {
    if len <= CHUNK
        && let Some(source) = source[from..].first_chunk::<CHUNK>()
        && let Some(row) = rows.first_chunk_mut::<CHUNK>()
    {
        *row = *source;
        return;
    }
    let whole = len.next_multiple_of(CHUNK);
    if from + whole > source.len() || whole > rows.len() {
        rows[..len].copy_from_slice(&source[from..from + len]);
        return;
    }
    let source = source[from..from + whole].as_chunks::<CHUNK>().0;
    for (chunk, source) in rows[..whole].as_chunks_mut::<CHUNK>().0.iter_mut().zip(source) {
        *chunk = *source;
    }
}

/// Images converted once for all of their windows.
#[derive(Debug, Default)]
pub(super) struct Converted {
    /// Codes of all values, unless the phases hold them.
    pub(super) codes: Vec<f32>,
    /// What the two phases of the array see, if windows are read in place.
    pub(super) phases: [Phase; 2],
    /// The runs in fours, if windows are read in place.
    runs: Option<Vec<Range<usize>>>,
}

impl Converted {
    /// Decides how the windows are read: in place if that is possible and everything lies at
    /// multiples of four.
    pub(super) fn begin(&mut self, windows: &Windows<'_>, possible: bool) {
        let fours = |n: usize| n.is_multiple_of(4);
        let aligned = possible
            && fours(windows.image_len)
            && windows.starts.iter().all(|&start| fours(start))
            && windows.runs.iter().all(|run| fours(run.start) && fours(run.end));
        self.runs =
            aligned.then(|| windows.runs.iter().map(|run| run.start / 4..run.end / 4).collect());
    }

    /// Whether the phases hold what the kernels read.
    pub(super) fn in_place(&self) -> bool {
        self.runs.is_some()
    }

    /// Where the codes of the images go that all samples share.
    pub(super) fn codes_mut(&mut self, two_phases: bool) -> &mut Vec<f32> {
        if self.in_place() && !two_phases { &mut self.phases[0].codes } else { &mut self.codes }
    }

    /// Fills the phases once the codes are there.
    pub(super) fn finish(&mut self, two_phases: bool) {
        if !self.in_place() {
            return;
        }
        let [positive, negative] = &mut self.phases;
        if two_phases {
            positive.fill(&self.codes, 1, SumKind::Integer, |k| k.max(0.0));
            negative.fill(&self.codes, 1, SumKind::Integer, |k| k.min(0.0));
        } else {
            positive.fill_powers();
        }
    }
}

/// The inputs of one chunk of samples.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// (samples, in), not yet converted.
    Rows(&'a [f32]),
    /// Samples from `first` on of images that are converted.
    Converted { images: &'a Converted, windows: &'a Windows<'a>, first: usize },
}

impl<'a> Source<'a> {
    /// The phases and the runs of samples that are read in place.
    pub(super) fn in_place(self) -> Option<(&'a [Phase; 2], &'a [Range<usize>])> {
        match self {
            Self::Converted { images, .. } => {
                images.runs.as_ref().map(|runs| (&images.phases, &runs[..]))
            }
            Self::Rows(_) => None,
        }
    }

    /// Where each sample starts in what the kernels of the integer sums read, in fours.
    pub(super) fn starts(self, samples: usize, inputs: usize, starts: &mut Vec<usize>) {
        starts.clear();
        match self {
            Self::Converted { images, windows, first } if images.in_place() => {
                starts.extend((first..first + samples).map(|s| windows.start(s) / 4));
            }
            _ => starts.extend((0..samples).map(|s| s * padded(inputs) / 4)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathered_rows_are_the_windows() {
        let images: Vec<f32> = (0..80).map(|i| i as f32 + 1.0).collect();
        let runs = [0..3, 10..27];
        let windows = Windows { images: &images, image_len: 40, starts: &[0, 3, 13], runs: &runs };
        windows.check(20);
        assert_eq!((windows.count(), windows.inputs()), (6, 20));
        let mut rows = vec![9.0; 3];
        windows.gather(&images, 1..6, 22, &mut rows);
        assert_eq!(rows.len(), 5 * 22);
        for (row, sample) in rows.chunks(22).zip(1..) {
            let start = sample / 3 * 40 + [0, 3, 13][sample % 3];
            let parts = [&images[start..start + 3], &images[start + 10..start + 27], &[0.0; 2]];
            assert_eq!(row, parts.concat());
        }
    }

    #[test]
    fn columns_are_parts_of_runs() {
        let runs = [0..4, 10..14, 20..24];
        let windows = Windows { images: &[], image_len: 30, starts: &[0], runs: &runs };
        assert_eq!(windows.runs_of(&(0..12)), runs);
        assert_eq!(windows.runs_of(&(3..9)), [3..4, 10..14, 20..21]);
        assert_eq!(windows.runs_of(&(7..12)), [13..14, 20..24]);
    }

    #[test]
    #[should_panic(expected = "a window reaches 41 values into an image of 40")]
    fn a_window_outside_is_refused() {
        let windows =
            Windows { images: &[0.0; 40], image_len: 40, starts: &[37], runs: &[0..2, 3..4] };
        windows.check(3);
    }
}
