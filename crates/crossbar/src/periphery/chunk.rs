//! One chunk of a batch on one thread: from inputs over codes and sums to digital numbers.

use std::cell::RefCell;

use numerics::{Seed, Stream};

use super::adc::Columns;
use super::clip_mask::Beyond;
use super::epilogue::{Column, Epilogue};
use super::forward::{Accum, Digital, Periphery, Saturation};
use super::inputs::{Convert, Phase, SumKind};
use super::pack::ArrayWeights;
use super::product::{
    FloatMagnitudes, IntegerMagnitudes, LANES, Lanes, PLAIN_GROUP, Running, Sums,
};
use super::simd::dispatch;
use super::{BoundManagement, ConverterRounding, NoiseManagement};

/// Samples of one chunk: a multiple of both group sizes, so that groups are full.
pub(super) const CHUNK: usize = 60;

/// What one unit of work writes.
pub(super) struct Written<'a> {
    /// (samples, out)
    pub(super) y: &'a mut [f32],
    /// Words of the masks, if they are wanted.
    pub(super) clipped: Option<Words<'a>>,
}

/// Rows of the two masks.
pub(super) struct Words<'a> {
    pub(super) inputs: &'a mut [u16],
    pub(super) outputs: &'a mut [u16],
}

impl Written<'_> {
    /// The same masks with other results.
    fn with<'a>(&'a mut self, y: &'a mut [f32]) -> Written<'a> {
        let words = |w: &'a mut Words<'_>| Words { inputs: w.inputs, outputs: w.outputs };
        Written { y, clipped: self.clipped.as_mut().map(words) }
    }
}

/// The streams of one pass, named once.
pub(super) struct Streams {
    input: Stream,
    read: Stream,
    output: Stream,
    input_rounding: Stream,
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

/// Buffers of one thread, kept between calls.
#[derive(Debug, Default)]
struct Scratch {
    codes: Vec<f32>,
    noise: Vec<f32>,
    phases: [Phase; 2],
    squares: Vec<f32>,
    read: Vec<f32>,
    output: Vec<f32>,
    rounding: Vec<f32>,
    float: Vec<Running<FloatMagnitudes>>,
    integer: Vec<Running<IntegerMagnitudes>>,
    plain: Vec<[Lanes; PLAIN_GROUP]>,
    sums: Vec<Sums>,
    out: Vec<Lanes>,
    bits: Vec<u32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Vectors over outputs, filled up to whole panels.
pub(super) struct PaddedColumns {
    curvature: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl PaddedColumns {
    pub(super) fn new(columns: &Columns, digital: &Digital<'_>) -> Self {
        let outputs = digital.scale.len();
        let pad = |values: &[f32]| {
            let mut padded = values.to_vec();
            padded.resize(outputs.next_multiple_of(LANES), 0.0);
            padded
        };
        Self {
            curvature: pad(&columns.curvature),
            gain: pad(&columns.gain),
            offset: pad(&columns.offset),
            scale: pad(digital.scale),
            bias: pad(digital.bias),
        }
    }

    fn panel(&self, index: usize) -> Column<'_> {
        Column {
            curvature: lanes_of(&self.curvature, index),
            gain: lanes_of(&self.gain, index),
            offset: lanes_of(&self.offset, index),
            scale: lanes_of(&self.scale, index),
            bias: lanes_of(&self.bias, index),
        }
    }
}

fn lanes_of(values: &[f32], panel: usize) -> &Lanes {
    values[panel * LANES..].first_chunk().expect("vectors are padded to whole panels")
}

/// What one multiplication of a chunk found out.
struct Seen {
    inputs: u64,
    outputs: u64,
    /// By sample of the chunk, whether an output saturated.
    saturated: Vec<bool>,
}

/// The pass of one chunk of samples on one thread.
pub(super) struct Pass<'a> {
    pub(super) periphery: &'a Periphery,
    pub(super) weights: &'a ArrayWeights,
    pub(super) padded: &'a PaddedColumns,
    /// The streams of `seed`.
    pub(super) streams: &'a Streams,
    /// Seed of the whole pass, from which repetitions with halved inputs get streams of their own.
    pub(super) seed: Seed,
    pub(super) first_sample: u64,
}

impl Pass<'_> {
    /// Multiplies the chunk, then what saturated again with halved inputs if bound management says so.
    pub(super) fn run(
        &self,
        x: &[f32],
        input_range: f32,
        accum: Accum,
        written: &mut Written<'_>,
    ) -> Saturation {
        let mut ranges = self.ranges(x, input_range);
        let mut todo: Vec<usize> = (0..ranges.len()).collect();
        let max_halvings = match self.periphery.config.dac.bound_management {
            BoundManagement::None => 0,
            BoundManagement::Iterative { max_halvings } => u64::from(max_halvings),
        };
        let seen = SCRATCH.with_borrow_mut(|scratch| {
            if max_halvings == 0 {
                return self.multiply(x, &todo, &ranges, self.streams, scratch, accum, written);
            }
            // Rows are written again and again, so they are added to `y` at the end only.
            let mut rows = vec![0.0; written.y.len()];
            let replace = Accum::Replace;
            let first = &mut written.with(&mut rows);
            let mut seen = self.multiply(x, &todo, &ranges, self.streams, scratch, replace, first);
            // Inputs were clipped, or not, before any halving.
            let kept = written.clipped.as_ref().map(|words| words.inputs.to_vec());
            for halving in 1..=max_halvings {
                todo.retain(|&s| seen.saturated[s]);
                if todo.is_empty() {
                    break;
                }
                todo.iter().for_each(|&s| ranges[s] *= 2.0);
                let streams = Streams::new(&self.seed.child("halving").child(halving));
                let again = &mut written.with(&mut rows);
                let again = self.multiply(x, &todo, &ranges, &streams, scratch, replace, again);
                seen = Seen { inputs: seen.inputs, ..again };
            }
            if let (Some(words), Some(kept)) = (&mut written.clipped, kept) {
                words.inputs.copy_from_slice(&kept);
            }
            accum.write(&rows, written.y);
            seen
        });
        Saturation { inputs: seen.inputs, outputs: seen.outputs }
    }

    /// Input range of every sample.
    fn ranges(&self, x: &[f32], input_range: f32) -> Vec<f32> {
        let rows = x.chunks_exact(self.periphery.inputs);
        match self.periphery.config.dac.noise_management {
            NoiseManagement::None => vec![input_range; rows.len()],
            NoiseManagement::AbsMax => rows
                .map(|row| match crate::mapping::largest_magnitude(row) {
                    max if max > 0.0 && max.is_finite() => max,
                    _ => 1.0,
                })
                .collect(),
        }
    }

    /// Multiplies the samples `todo` of the chunk and writes their rows of `y`.
    #[expect(clippy::too_many_arguments, reason = "the buffers belong to the thread")]
    fn multiply(
        &self,
        x: &[f32],
        todo: &[usize],
        ranges: &[f32],
        streams: &Streams,
        scratch: &mut Scratch,
        accum: Accum,
        written: &mut Written<'_>,
    ) -> Seen {
        let Periphery { inputs, outputs, chain, .. } = *self.periphery;
        let samples = written.y.len() / outputs;
        let mut seen = Seen { inputs: 0, outputs: 0, saturated: vec![false; samples] };
        seen.inputs = self.convert_inputs(x, todo, ranges, streams, scratch);
        if let Some(Words { inputs: words, .. }) = &mut written.clipped {
            let stride = inputs.div_ceil(LANES);
            for &s in todo {
                dispatch(Beyond {
                    x: &x[s * inputs..][..inputs],
                    scale: 1.0 / (ranges[s] * chain.unit),
                    bound: self.periphery.config.dac.bound / chain.unit,
                    words: &mut words[s * stride..][..stride],
                });
            }
        }
        self.draw(todo, streams, scratch);
        let padded = outputs.next_multiple_of(LANES);
        let of_todo: Vec<f32> = todo.iter().map(|&s| ranges[s]).collect();
        for panel in 0..self.weights.panels() {
            self.panel_sums(panel, todo.len(), scratch);
            let columns = self.padded.panel(panel);
            let width = LANES.min(outputs - panel * LANES);
            let first = panel * LANES;
            let Scratch { out, bits, sums, squares, output, read, rounding, .. } = scratch;
            out.resize(todo.len(), [0.0; LANES]);
            bits.resize(todo.len(), 0);
            dispatch(Epilogue {
                chain,
                columns,
                sums,
                input_squares: squares,
                ranges: &of_todo,
                output_noise: &output[first..],
                read_noise: &read[first..],
                rounding: &rounding[first..],
                noise_stride: padded,
                out,
                saturated: bits,
            });
            for ((&s, out), bits) in todo.iter().zip(&*out).zip(&*bits) {
                let lanes = (1u32 << width) - 1;
                let count = (bits & lanes).count_ones();
                seen.outputs += u64::from(count);
                seen.saturated[s] |= count > 0;
                if let Some(Words { outputs: words, .. }) = &mut written.clipped {
                    words[s * self.weights.panels() + panel] = (bits >> LANES & lanes) as u16;
                }
                let y = &mut written.y[s * outputs + first..][..width];
                // A whole panel is a copy of known length, without a call.
                match y.as_mut_array::<LANES>() {
                    Some(y) => accum.write(out, y),
                    None => accum.write(&out[..width], y),
                }
            }
        }
        seen
    }

    /// Fills the phases with codes and returns how many inputs saturated.
    fn convert_inputs(
        &self,
        x: &[f32],
        todo: &[usize],
        ranges: &[f32],
        streams: &Streams,
        scratch: &mut Scratch,
    ) -> u64 {
        let Periphery { inputs, chain, sums, config, .. } = *self.periphery;
        let stepped = config.dac.steps.is_some();
        let stochastic = stepped && config.dac.rounding == ConverterRounding::Stochastic;
        scratch.codes.resize(todo.len() * inputs, 0.0);
        scratch.squares.clear();
        let mut saturated = 0;
        for (&s, codes) in todo.iter().zip(scratch.codes.chunks_exact_mut(inputs)) {
            let x = &x[s * inputs..][..inputs];
            let scale = 1.0 / (ranges[s] * chain.unit);
            let bound = config.dac.bound / chain.unit;
            let first = (self.first_sample + s as u64) * inputs as u64;
            let uniform: &[f32] = if stochastic {
                scratch.noise.resize(inputs, 0.0);
                streams.input_rounding.fill_uniform(first, &mut scratch.noise);
                &scratch.noise
            } else {
                &[]
            };
            let saturated = &mut saturated;
            dispatch(Convert { x, scale, bound, stepped, uniform, codes, saturated });
            if config.dac.noise > 0.0 {
                scratch.noise.resize(inputs, 0.0);
                streams.input.fill_gaussian(first, &mut scratch.noise);
                let std = config.dac.noise / chain.unit;
                for (code, xi) in codes.iter_mut().zip(&scratch.noise) {
                    *code += std * xi;
                }
            }
            let squares =
                if chain.constant_variance > 0.0 { codes.iter().map(|k| k * k).sum() } else { 0.0 };
            scratch.squares.push(squares);
        }
        let codes = &scratch.codes;
        if self.weights.negative().is_some() {
            let [positive, negative] = &mut scratch.phases;
            positive.fill(codes, inputs, sums, |k| k.max(0.0));
            negative.fill(codes, inputs, sums, |k| k.min(0.0));
        } else {
            scratch.phases[0].fill(codes, inputs, sums, |k| k);
        }
        saturated
    }

    /// Draws the noise of every output of the samples, in rows filled up to whole panels.
    fn draw(&self, todo: &[usize], streams: &Streams, scratch: &mut Scratch) {
        let Periphery { chain, .. } = *self.periphery;
        let noisy_devices = chain.pcm_variance + chain.constant_variance > 0.0;
        let at_output = chain.output_noise > 0.0 || noisy_devices && !chain.s_shape;
        let at_devices = noisy_devices && chain.s_shape;
        let Scratch { noise, output, read, rounding, .. } = scratch;
        self.fill_rows(todo, at_output, output, noise, |first, out| {
            streams.output.fill_gaussian(first, out);
        });
        self.fill_rows(todo, at_devices, read, noise, |first, out| {
            streams.read.fill_gaussian(first, out);
        });
        self.fill_rows(todo, chain.stochastic, rounding, noise, |first, out| {
            streams.output_rounding.fill_uniform(first, out);
        });
    }

    /// Fills a row of outputs for each sample from the positions of its stream, or with zeros.
    /// Samples that follow one another are one stretch of positions: rows may be short, and it is
    /// long stretches that are drawn fast.
    fn fill_rows(
        &self,
        todo: &[usize],
        needed: bool,
        rows: &mut Vec<f32>,
        drawn: &mut Vec<f32>,
        fill: impl Fn(u64, &mut [f32]),
    ) {
        let outputs = self.periphery.outputs;
        let padded = outputs.next_multiple_of(LANES);
        rows.resize(todo.len() * padded, 0.0);
        if !needed {
            rows.fill(0.0);
            return;
        }
        let mut rest = &mut rows[..];
        for run in todo.chunk_by(|a, b| a + 1 == *b) {
            let first = (self.first_sample + run[0] as u64) * outputs as u64;
            let rows = rest.split_off_mut(..run.len() * padded).expect("a row for each sample");
            if padded == outputs {
                fill(first, rows);
                continue;
            }
            drawn.resize(run.len() * outputs, 0.0);
            fill(first, drawn);
            for (row, drawn) in rows.chunks_exact_mut(padded).zip(drawn.chunks_exact(outputs)) {
                row[..outputs].copy_from_slice(drawn);
            }
        }
    }

    /// Writes the sums of one panel for all samples into `scratch.sums`.
    fn panel_sums(&self, panel: usize, samples: usize, scratch: &mut Scratch) {
        scratch.sums.resize(samples, Sums::ZERO);
        let phases = std::iter::once((self.weights, Accum::Replace))
            .chain(self.weights.negative().map(|weights| (weights, Accum::Add)));
        let Scratch { phases: inputs, float, integer, plain, sums, .. } = scratch;
        for ((weights, accum), phase) in phases.zip(inputs) {
            match self.periphery.sums {
                SumKind::Plain => phase.plain_sums(weights, panel, plain, accum, sums),
                SumKind::Float => phase.float_sums(weights, panel, float, accum, sums),
                SumKind::Integer => phase.integer_sums(weights, panel, integer, accum, sums),
            }
        }
    }
}
