//! The random numbers of one chunk: for every sample and output by position.

use std::ops::Range;

use numerics::{Seed, Stream};

use super::epilogue::{Chain, Drawn};
use super::product::LANES;

/// The streams of one pass, named once.
pub(super) struct Streams {
    pub(super) input: Stream,
    read: Stream,
    output: Stream,
    pub(super) input_rounding: Stream,
    output_rounding: Stream,
}

impl Streams {
    pub(super) fn new(seed: &Seed) -> Self {
        let stream = |name: &str| seed.child(name).stream();
        Self {
            input: stream("input-noise"),
            read: stream("read-noise"),
            output: stream("output-noise"),
            input_rounding: stream("input-rounding"),
            output_rounding: stream("output-rounding"),
        }
    }
}

/// What the conversion of the outputs of a chunk draws, kept between calls for its memory.
#[derive(Debug, Default)]
pub(super) struct Draws {
    /// Normal numbers of the read-out and of the devices, uniform ones of the ADC's rounding;
    /// empty where none are needed.
    pub(super) output: Rows,
    pub(super) read: Rows,
    pub(super) rounding: Rows,
}

/// The numbers that are drawn: samples of a chunk, the first of which has the position
/// `first_sample`, and some of the outputs.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) todo: &'a [usize],
    pub(super) first_sample: u64,
    pub(super) outputs: usize,
    pub(super) columns: Range<usize>,
}

/// Rows of numbers, one for each sample, and a panel of anything behind them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    values: Vec<f32>,
    width: usize,
}

impl Rows {
    /// The numbers of the panel with that number among those of the columns; with `halves`, two
    /// samples share it.
    pub(super) fn panel(&self, panel: usize, halves: bool) -> Drawn<'_> {
        if self.values.is_empty() {
            return Drawn { values: &[0.0; LANES], stride: 0 };
        }
        let stride = if halves { 2 * self.width } else { self.width };
        Drawn { values: &self.values[panel * LANES..], stride }
    }

    /// Fills a row for each sample from the positions of its stream. Samples that follow one
    /// another are one stretch of positions if all columns are wanted: rows may be short, and it is
    /// long stretches that are drawn fast.
    fn fill(&mut self, needed: bool, wanted: &Wanted<'_>, fill: impl Fn(u64, &mut [f32])) {
        let Wanted { todo, first_sample, outputs, ref columns } = *wanted;
        let width = columns.len();
        self.width = width;
        self.values.resize(if needed { todo.len() * width + LANES } else { 0 }, 0.0);
        if !needed {
            return;
        }
        let mut rest = &mut self.values[..];
        let whole = width == outputs;
        for run in todo.chunk_by(|a, b| whole && a + 1 == *b) {
            let first = (first_sample + run[0] as u64) * outputs as u64 + columns.start as u64;
            fill(first, rest.split_off_mut(..run.len() * width).expect("a row for each sample"));
        }
    }
}

impl Draws {
    /// Draws what the chain needs.
    pub(super) fn draw(&mut self, chain: &Chain, streams: &Streams, wanted: &Wanted<'_>) {
        let noisy_devices = chain.pcm_variance + chain.constant_variance > 0.0;
        let at_output = chain.output_noise > 0.0 || noisy_devices && !chain.s_shape;
        let at_devices = noisy_devices && chain.s_shape;
        let Self { output, read, rounding } = self;
        output.fill(at_output, wanted, |at, out| streams.output.fill_gaussian(at, out));
        read.fill(at_devices, wanted, |at, out| streams.read.fill_gaussian(at, out));
        rounding.fill(chain.stochastic, wanted, |at, out| {
            streams.output_rounding.fill_uniform(at, out);
        });
    }
}
