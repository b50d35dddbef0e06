//! The random numbers of one chunk: for every sample and output by position.

use std::ops::Range;

use numerics::{Seed, Stream};

use super::codes::ConverterRounding;
use super::dac::Dac;
use super::epilogue::{Chain, Drawn};
use super::layout::LANES;

/// The streams of one pass that its converters use, named once: naming costs as much as drawing a
/// few hundred numbers.
pub(super) struct Streams {
    pub(super) input: Option<Stream>,
    pub(super) input_rounding: Option<Stream>,
    read: Option<Stream>,
    output: Option<Stream>,
    output_rounding: Option<Stream>,
}

impl Streams {
    pub(super) fn new(seed: &Seed, dac: &Dac, chain: &Chain) -> Self {
        let stream = |needed: bool, name: &str| needed.then(|| seed.child(name).stream());
        let noisy_devices = chain.pcm_variance + chain.constant_variance > 0.0;
        let at_output = chain.output_noise > 0.0 || noisy_devices && !chain.s_shape;
        let stochastic = dac.steps.is_some() && dac.rounding == ConverterRounding::Stochastic;
        Self {
            input: stream(dac.noise > 0.0, "input-noise"),
            input_rounding: stream(stochastic, "input-rounding"),
            read: stream(noisy_devices && chain.s_shape, "read-noise"),
            output: stream(at_output, "output-noise"),
            output_rounding: stream(chain.stochastic, "output-rounding"),
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

/// Rows of numbers, one for each sample, and at least a panel of anything behind them.
#[derive(Debug, Default)]
pub(super) struct Rows {
    values: Vec<f32>,
    width: usize,
    drawn: bool,
}

impl Rows {
    /// The numbers of the panel with that number among those of the columns; with `halves`, two
    /// samples share it.
    pub(super) fn panel(&self, panel: usize, halves: bool) -> Drawn<'_> {
        if !self.drawn {
            return Drawn { values: &[0.0; LANES], stride: 0 };
        }
        let stride = if halves { 2 * self.width } else { self.width };
        Drawn { values: &self.values[panel * LANES..], stride }
    }

    /// Fills a row for each sample from the positions of its stream. Samples that follow one
    /// another are one stretch of positions if all columns are wanted: rows may be short, and it is
    /// long stretches that are drawn fast.
    fn fill(
        &mut self,
        stream: Option<&Stream>,
        wanted: &Wanted<'_>,
        fill: impl Fn(&Stream, u64, &mut [f32]),
    ) {
        let Wanted { todo, first_sample, outputs, ref columns } = *wanted;
        let width = columns.len();
        self.width = width;
        self.drawn = stream.is_some();
        let Some(stream) = stream else { return };
        let len = todo.len() * width + LANES;
        // Never shorter: what grows again is filled with zeros first.
        self.values.resize(len.max(self.values.len()), 0.0);
        let mut rest = &mut self.values[..];
        let whole = width == outputs;
        for run in todo.chunk_by(|a, b| whole && a + 1 == *b) {
            let first = (first_sample + run[0] as u64) * outputs as u64 + columns.start as u64;
            let rows = rest.split_off_mut(..run.len() * width).expect("a row for each sample");
            fill(stream, first, rows);
        }
    }
}

impl Draws {
    /// Draws from the streams that there are.
    pub(super) fn draw(&mut self, streams: &Streams, wanted: &Wanted<'_>) {
        let Self { output, read, rounding } = self;
        output.fill(streams.output.as_ref(), wanted, Stream::fill_gaussian);
        read.fill(streams.read.as_ref(), wanted, Stream::fill_gaussian);
        rounding.fill(streams.output_rounding.as_ref(), wanted, Stream::fill_uniform);
    }
}
