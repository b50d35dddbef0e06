//! [`Periphery::forward`]: a batch through DAC, array and ADC.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use numerics::{Par, Seed, Stream};

use super::adc::Columns;
use super::clip_mask::{Beyond, ClipMasks};
use super::epilogue::{Chain, Column, Epilogue};
use super::inputs::{Convert, Phase, SumKind};
use super::pack::ArrayWeights;
use super::product::{
    FloatMagnitudes, INTEGER_CODE, INTEGER_DROP, INTEGER_INPUTS, IntegerMagnitudes, LANES, Lanes,
    PLAIN_GROUP, Running, Sums,
};
use super::simd::dispatch;
use super::{BoundManagement, ConverterRounding, NoiseManagement, PeripheryConfig, ReadNoise};
use crate::TileError;
use crate::wires::IrDropConfig;

/// Samples of one unit of work: a multiple of both group sizes, so that groups are full.
const CHUNK: usize = 60;

/// The periphery of one array: converters with their column errors, ready to multiply.
#[derive(Clone, Debug)]
pub struct Periphery {
    config: PeripheryConfig,
    inputs: usize,
    outputs: usize,
    chain: Chain,
    columns: Columns,
    sums: SumKind,
}

/// Digital scale and bias of every output.
#[derive(Clone, Copy, Debug)]
pub struct Digital<'a> {
    /// Input range α: the input that drives the DAC to 1.
    pub input_range: f32,
    /// Scale γ_i of every output, drift compensation included.
    pub scale: &'a [f32],
    /// Bias β_i of every output, or empty for none.
    pub bias: &'a [f32],
}

/// Names the noise of a batch: sample s of a call is sample `first_sample + s` of the seed.
#[derive(Clone, Copy, Debug)]
pub struct MvmNoise {
    /// Node of the tree of streams; a fresh one for every pass that shall see fresh noise.
    pub seed: Seed,
    /// Position of the first sample, so that a batch may be split.
    pub first_sample: u64,
}

/// Whether results replace what is in the output or add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accum {
    /// y = result
    Replace,
    /// y += result: partial sums over tiles and bit slices.
    Add,
}

impl Accum {
    #[inline(always)]
    fn write(self, result: &[f32], y: &mut [f32]) {
        match self {
            Self::Replace => y.copy_from_slice(result),
            Self::Add => y.iter_mut().zip(result).for_each(|(y, result)| *y += result),
        }
    }
}

/// How often a converter saturated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saturation {
    /// Inputs beyond the input range, and NaN, which counts as 0.
    pub inputs: u64,
    /// Outputs beyond the output bound.
    pub outputs: u64,
}

impl std::ops::AddAssign for Saturation {
    fn add_assign(&mut self, other: Self) {
        self.inputs += other.inputs;
        self.outputs += other.outputs;
    }
}

/// What one unit of work writes.
struct Written<'a> {
    /// (samples, out)
    y: &'a mut [f32],
    /// Words of the masks, if they are wanted.
    clipped: Option<Words<'a>>,
}

/// Rows of the two masks.
struct Words<'a> {
    inputs: &'a mut [u16],
    outputs: &'a mut [u16],
}

impl Written<'_> {
    /// The same masks with other results.
    fn with<'a>(&'a mut self, y: &'a mut [f32]) -> Written<'a> {
        let words = |w: &'a mut Words<'_>| Words { inputs: w.inputs, outputs: w.outputs };
        Written { y, clipped: self.clipped.as_mut().map(words) }
    }
}

/// The streams of one pass, named once.
struct Streams {
    input: Stream,
    read: Stream,
    output: Stream,
    input_rounding: Stream,
    output_rounding: Stream,
}

impl Streams {
    fn new(seed: &Seed) -> Self {
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

impl Periphery {
    /// The periphery of an array; `seed` draws what differs between its columns.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a field of a configuration is out of range.
    ///
    /// # Panics
    ///
    /// If there are no inputs or no outputs.
    #[track_caller]
    pub fn new(
        config: &PeripheryConfig,
        wires: &IrDropConfig,
        inputs: usize,
        outputs: usize,
        seed: &Seed,
    ) -> Result<Self, TileError> {
        assert!(inputs > 0 && outputs > 0, "an array of {outputs} × {inputs} has no weights");
        config.check()?;
        wires.check()?;
        let PeripheryConfig { dac, read_noise, adc, .. } = config;
        let columns = adc.columns(outputs, seed);
        let (pcm, constant) = match *read_noise {
            ReadNoise::None => (0.0, 0.0),
            ReadNoise::Pcm { sigma } => (sigma * sigma, 0.0),
            ReadNoise::Constant { sigma } => (0.0, sigma * sigma),
        };
        let chain = Chain {
            unit: dac.step().unwrap_or(1.0),
            drop_gain: wires.gamma() * inputs as f32,
            drop_scale: wires.scale,
            pcm_variance: pcm,
            constant_variance: constant,
            output_noise: adc.noise,
            s_shape: adc.s_shape.is_some(),
            prefactor: columns.prefactor,
            step: adc.step().unwrap_or(0.0),
            bound: adc.bound.unwrap_or(f32::INFINITY),
            stochastic: adc.steps.is_some() && adc.rounding == ConverterRounding::Stochastic,
        };
        let small_codes = dac.steps.is_some_and(|steps| 0.5 * steps <= INTEGER_CODE);
        let small_drop = wires.scale * wires.gamma() <= INTEGER_DROP;
        let sums = if wires.scale * wires.gamma() == 0.0 && pcm == 0.0 {
            SumKind::Plain
        } else if small_codes && small_drop && dac.noise == 0.0 && inputs <= INTEGER_INPUTS {
            SumKind::Integer
        } else {
            SumKind::Float
        };
        let config = *config;
        Ok(Self { config, inputs, outputs, chain, columns, sums })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &PeripheryConfig {
        &self.config
    }

    /// Multiplies a batch by the weights of an array.
    ///
    /// ```text
    /// y = β + α γ ⊙ ADC( W̃ · DAC(x/α) )
    /// ```
    ///
    /// with every nonideality of the configuration in the order of the [module](super). Noise is
    /// drawn anew for every sample and output; sample s and output i use position
    /// (`first_sample` + s) · out + i of their stream. Without an S-shape read noise and output
    /// noise are drawn as one normal number with the sum of their variances.
    ///
    /// Results have the same bits for every number of threads and every split of the batch.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in)
    /// - `x`: (batch, in)
    /// - `digital.scale`: (out); `digital.bias`: (out) or empty
    /// - `y`: (batch, out)
    ///
    /// # Panics
    ///
    /// If a shape differs, or the input range is not positive.
    ///
    /// Source: [Rasch23 Eq. 1–2].
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and a result")]
    pub fn forward(
        &self,
        weights: &ArrayWeights,
        x: &[f32],
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
    ) -> Saturation {
        self.forward_into(weights, x, digital, noise, accum, par, y, None)
    }

    /// [`Self::forward`], which also says which inputs and outputs were clipped: the forward product
    /// of hardware-aware training.
    ///
    /// Results, noise and saturation are those of [`Self::forward`], bit for bit. A straight-through
    /// gradient then is, with δ = ∂L/∂y and W̃ the weights that were multiplied,
    ///
    /// ```text
    /// δ_z = mask_out(δ) ⊙ γ,      ∂L/∂x = δ_z · W̃,      ∂L/∂W̃ = δ_zᵀ x,
    /// ∂L/∂α ∝ Σ_{x ≥ α} min(∂L/∂x, 0) − Σ_{x ≤ −α} max(∂L/∂x, 0)        over clipped inputs
    /// ```
    ///
    /// `masks` is made to fit; its memory is reused from call to call. With bound management the
    /// outputs are those of the last attempt.
    ///
    /// # Panics
    ///
    /// As [`Self::forward`].
    ///
    /// Source: [Rasch23 Methods, "input range"]; AIHWKit 1.1.0, `periphery.py`.
    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
    pub fn forward_with_masks(
        &self,
        weights: &ArrayWeights,
        x: &[f32],
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
        masks: &mut ClipMasks,
    ) -> Saturation {
        self.forward_into(weights, x, digital, noise, accum, par, y, Some(masks))
    }

    #[track_caller]
    #[expect(clippy::too_many_arguments, reason = "a product has operands, noise and results")]
    fn forward_into(
        &self,
        weights: &ArrayWeights,
        x: &[f32],
        digital: Digital<'_>,
        noise: &MvmNoise,
        accum: Accum,
        par: Par,
        y: &mut [f32],
        masks: Option<&mut ClipMasks>,
    ) -> Saturation {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert_eq!(
            (weights.outputs(), weights.inputs()),
            (outputs, inputs),
            "(out, in) of the weights is not that of the periphery"
        );
        assert_eq!(x.len() % inputs, 0, "{} inputs are not rows of {inputs}", x.len());
        let batch = x.len() / inputs;
        assert_eq!(y.len(), batch * outputs, "{} outputs for {batch} × {outputs}", y.len());
        assert_eq!(digital.scale.len(), outputs, "scales are not one per output");
        let bias = digital.bias.len();
        assert!(bias == 0 || bias == outputs, "{bias} biases for {outputs} outputs");
        assert!(digital.input_range > 0.0, "input range {} is not > 0", digital.input_range);

        let padded = PaddedColumns::new(&self.columns, &digital);
        let (in_count, out_count) = (AtomicU64::new(0), AtomicU64::new(0));
        let streams = Streams::new(&noise.seed);
        let mut units: Vec<Written<'_>> = match masks {
            None => y.chunks_mut(CHUNK * outputs).map(|y| Written { y, clipped: None }).collect(),
            Some(masks) => {
                masks.inputs.reset(batch, inputs);
                masks.outputs.reset(batch, outputs);
                let words = masks.inputs.chunks_mut(CHUNK).zip(masks.outputs.chunks_mut(CHUNK));
                let words = words.map(|(inputs, outputs)| Some(Words { inputs, outputs }));
                y.chunks_mut(CHUNK * outputs)
                    .zip(words)
                    .map(|(y, clipped)| Written { y, clipped })
                    .collect()
            }
        };
        par.for_each_chunk(&mut units, 1, |chunk, unit| {
            let written = &mut unit[0];
            let samples = written.y.len() / outputs;
            let first = chunk * CHUNK;
            let pass = Pass {
                periphery: self,
                weights,
                padded: &padded,
                first_sample: noise.first_sample + first as u64,
            };
            let x = &x[first * inputs..(first + samples) * inputs];
            let seen = SCRATCH.with_borrow_mut(|scratch| {
                let mut ranges = pass.ranges(x, digital.input_range);
                let todo: Vec<usize> = (0..samples).collect();
                if self.max_halvings() == 0 {
                    return pass.run(x, &todo, &ranges, &streams, scratch, accum, written);
                }
                // Rows are written again and again, so they are added to `y` at the end only.
                let mut rows = vec![0.0; written.y.len()];
                let mut todo = todo;
                let replace = Accum::Replace;
                let first = &mut written.with(&mut rows);
                let mut seen = pass.run(x, &todo, &ranges, &streams, scratch, replace, first);
                // Inputs were clipped, or not, before any halving.
                let kept = written.clipped.as_ref().map(|words| words.inputs.to_vec());
                for halving in 1..=u64::from(self.max_halvings()) {
                    todo.retain(|&s| seen.saturated[s]);
                    if todo.is_empty() {
                        break;
                    }
                    todo.iter().for_each(|&s| ranges[s] *= 2.0);
                    let streams = Streams::new(&noise.seed.child("halving").child(halving));
                    let again = &mut written.with(&mut rows);
                    let again = pass.run(x, &todo, &ranges, &streams, scratch, replace, again);
                    seen = Seen { inputs: seen.inputs, ..again };
                }
                if let (Some(words), Some(kept)) = (&mut written.clipped, kept) {
                    words.inputs.copy_from_slice(&kept);
                }
                accum.write(&rows, written.y);
                seen
            });
            // Integer sums do not depend on the order of the threads.
            in_count.fetch_add(seen.inputs, Ordering::Relaxed);
            out_count.fetch_add(seen.outputs, Ordering::Relaxed);
        });
        Saturation { inputs: in_count.into_inner(), outputs: out_count.into_inner() }
    }

    fn max_halvings(&self) -> u32 {
        match self.config.dac.bound_management {
            BoundManagement::None => 0,
            BoundManagement::Iterative { max_halvings } => max_halvings,
        }
    }
}

/// Vectors over outputs, filled up to whole panels.
struct PaddedColumns {
    curvature: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl PaddedColumns {
    fn new(columns: &Columns, digital: &Digital<'_>) -> Self {
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

/// What a chunk found out.
struct Seen {
    inputs: u64,
    outputs: u64,
    /// By sample of the chunk, whether an output saturated.
    saturated: Vec<bool>,
}

/// One chunk of samples on one thread.
struct Pass<'a> {
    periphery: &'a Periphery,
    weights: &'a ArrayWeights,
    padded: &'a PaddedColumns,
    first_sample: u64,
}

impl Pass<'_> {
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
    fn run(
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
        let Periphery { outputs, chain, .. } = *self.periphery;
        let padded = outputs.next_multiple_of(LANES);
        let noisy_devices = chain.pcm_variance + chain.constant_variance > 0.0;
        let fill = |stream: &Stream, needed: bool, rows: &mut Vec<f32>| {
            rows.resize(todo.len() * padded, 0.0);
            for (&s, row) in todo.iter().zip(rows.chunks_exact_mut(padded)) {
                if needed {
                    let first = (self.first_sample + s as u64) * outputs as u64;
                    stream.fill_gaussian(first, &mut row[..outputs]);
                } else {
                    row.fill(0.0);
                }
            }
        };
        let at_output = chain.output_noise > 0.0 || noisy_devices && !chain.s_shape;
        fill(&streams.output, at_output, &mut scratch.output);
        fill(&streams.read, chain.s_shape && noisy_devices, &mut scratch.read);
        scratch.rounding.resize(todo.len() * padded, 0.0);
        if chain.stochastic {
            for (&s, row) in todo.iter().zip(scratch.rounding.chunks_exact_mut(padded)) {
                let first = (self.first_sample + s as u64) * outputs as u64;
                streams.output_rounding.fill_uniform(first, &mut row[..outputs]);
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
