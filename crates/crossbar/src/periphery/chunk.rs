//! One chunk of a batch on one thread: from inputs over codes and sums to digital numbers.

use std::cell::RefCell;
use std::ops::Range;

use numerics::Seed;

use super::accum::Accum;
use super::clip_mask::Beyond;
use super::codes::{ConverterRounding, InputCodes};
use super::dac::{BoundManagement, NoiseManagement};
use super::draw::{Draws, Streams, Wanted};
use super::encoding::{Bits, Digits};
use super::epilogue::{Epilogue, convert};
use super::inputs::{Convert, Phase, Places, SumKind};
use super::layout::{HALF, LANES, Lanes, padded};
use super::operands::Saturation;
use super::pack::ArrayWeights;
use super::results::{PaddedColumns, Place, Results, Written, join_halves};
use super::set_up::Periphery;
use super::simd::dispatch;
use super::sums::{FloatMagnitudes, PLAIN_GROUP, Running, Sums};
use super::windows::Source;

/// Samples of one chunk: a multiple of both group sizes, so that groups are full.
pub(super) const CHUNK: usize = 60;

/// Buffers of one thread, kept between calls.
#[derive(Debug, Default)]
struct Scratch {
    codes: Vec<f32>,
    noise: Vec<f32>,
    phases: [Phase; 2],
    starts: Vec<usize>,
    squares: Vec<f32>,
    draws: Draws,
    float: Vec<Running<FloatMagnitudes>>,
    plain: Vec<[Lanes; PLAIN_GROUP]>,
    sums: Vec<Sums>,
    out: Vec<Lanes>,
    products: Vec<Lanes>,
    bits: Vec<u32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The samples of a chunk that are multiplied.
struct Samples<'a> {
    /// Those of the whole chunk.
    source: Source<'a>,
    todo: Vec<usize>,
    /// Input range of every sample of the chunk.
    ranges: Vec<f32>,
}

/// The noise of the conversion of a sample.
struct Drawing<'a> {
    streams: &'a Streams,
    /// Position of the first value.
    place: u64,
    buffer: &'a mut Vec<f32>,
}

/// What one multiplication of a chunk found out.
struct Seen {
    inputs: u64,
    outputs: u64,
    drops: u64,
    /// By sample of the chunk, whether an output saturated that a smaller input might bring back.
    saturated: Vec<bool>,
}

/// The pass of one chunk of samples on one thread.
pub(super) struct Pass<'a> {
    pub(super) periphery: &'a Periphery,
    pub(super) weights: &'a ArrayWeights,
    pub(super) padded: &'a PaddedColumns<'a>,
    /// The streams of `seed`.
    pub(super) streams: &'a Streams,
    /// Seed of the whole pass, from which repetitions with halved inputs get streams of their own.
    pub(super) seed: Seed,
    pub(super) first_sample: u64,
    /// The panels of outputs that this pass forms.
    pub(super) panels: Range<usize>,
    /// The bits of the codes that are multiplied, if these come in slices, and what results are
    /// multiplied by.
    pub(super) bits: Option<Bits>,
    pub(super) factor: f32,
}

impl Pass<'_> {
    /// Multiplies the chunk, then what saturated again with halved inputs if bound management says so.
    pub(super) fn run(
        &self,
        source: Source<'_>,
        input_range: f32,
        accum: Accum,
        written: &mut Written<'_>,
    ) -> Saturation {
        let samples = written.y.len() / self.periphery.outputs;
        let ranges = self.ranges(source, samples, input_range);
        let mut of = Samples { source, todo: (0..samples).collect(), ranges };
        let max_halvings = match self.periphery.config.dac.bound_management {
            BoundManagement::None => 0,
            BoundManagement::Iterative { max_halvings } => u64::from(max_halvings),
        };
        let seen = SCRATCH.with_borrow_mut(|scratch| {
            let streams = self.streams;
            if max_halvings == 0 {
                return self.multiply(&of, streams, scratch, accum, written);
            }
            // Rows are written again and again, so they are added to `y` at the end only.
            let mut rows = vec![0.0; written.y.len()];
            let once = Accum::Replace;
            let first = &mut written.with(&mut rows);
            let mut seen = self.multiply(&of, streams, scratch, once, first);
            // Inputs were clipped, or not, before any halving.
            let kept = written.clipped_inputs.as_ref().map(|words| words.to_vec());
            for halving in 1..=max_halvings {
                of.todo.retain(|&s| seen.saturated[s]);
                if of.todo.is_empty() {
                    break;
                }
                of.todo.iter().for_each(|&s| of.ranges[s] *= 2.0);
                let streams = self.periphery.streams(&self.seed.child("halving").child(halving));
                let again = &mut written.with(&mut rows);
                let again = self.multiply(&of, &streams, scratch, once, again);
                seen = Seen { inputs: seen.inputs, drops: seen.drops + again.drops, ..again };
            }
            if let (Some(words), Some(kept)) = (&mut written.clipped_inputs, kept) {
                words.copy_from_slice(&kept);
            }
            accum.write(&rows, written.y);
            seen
        });
        Saturation { inputs: seen.inputs, outputs: seen.outputs, drops: seen.drops }
    }

    /// Input range of every sample.
    fn ranges(&self, source: Source<'_>, samples: usize, input_range: f32) -> Vec<f32> {
        let dac = &self.periphery.config.dac;
        match (dac.noise_management, source) {
            (NoiseManagement::AbsMax, Source::Rows(x)) => x
                .chunks_exact(self.periphery.inputs)
                .map(|row| dac.range_of(row, input_range))
                .collect(),
            _ => vec![input_range; samples],
        }
    }

    /// Multiplies the samples `todo` of the chunk and writes their rows of `y`.
    fn multiply(
        &self,
        of: &Samples<'_>,
        streams: &Streams,
        scratch: &mut Scratch,
        accum: Accum,
        written: &mut Written<'_>,
    ) -> Seen {
        let Periphery { outputs, chain, .. } = *self.periphery;
        let Samples { source, ref todo, ref ranges } = *of;
        let samples = written.y.len() / outputs;
        let mut seen = Seen { inputs: 0, outputs: 0, drops: 0, saturated: vec![false; samples] };
        seen.inputs = self.convert_inputs(of, streams, scratch);
        if let (Some(words), Source::Rows(x)) = (&mut written.clipped_inputs, source) {
            self.mask_inputs(x, of, words);
        }
        let columns = self.panels.start * LANES..outputs.min(self.panels.end * LANES);
        let first_sample = self.first_sample;
        scratch.draws.draw(streams, &Wanted { todo, first_sample, outputs, columns });
        let of_todo: Vec<f32> = todo.iter().map(|&s| ranges[s] * self.factor).collect();
        let keeps = written.products.is_some();
        let halves = self.shares_panels();
        for panel in self.panels.clone() {
            seen.drops += self.panel_sums(source, panel, todo.len(), scratch);
            let Scratch { out, products, bits, sums, squares, draws, .. } = scratch;
            let sums = if halves { join_halves(sums) } else { &sums[..] };
            out.resize(sums.len(), [0.0; LANES]);
            products.resize(if keeps { sums.len() } else { 0 }, [0.0; LANES]);
            bits.resize(sums.len(), 0);
            let number = panel - self.panels.start;
            convert(Epilogue {
                chain,
                columns: self.padded.panel(panel),
                sums,
                input_squares: squares,
                ranges: &of_todo,
                output_noise: draws.output.panel(number, halves),
                read_noise: draws.read.panel(number, halves),
                rounding: draws.rounding.panel(number, halves),
                out: &mut *out,
                products: keeps.then_some(&mut *products),
                saturated: &mut *bits,
                beyond_drop: &mut seen.drops,
            });
            let place = Place { todo, halves, outputs, panel };
            let results = Results { out, products, saturated: bits };
            let beyond_help = self.periphery.beyond_help[panel];
            place.write(&results, accum, written, |s, beyond| {
                seen.outputs += u64::from(beyond.count_ones());
                seen.saturated[s] |= beyond & !beyond_help != 0;
            });
        }
        seen
    }

    /// Whether two samples share a panel: nothing may differ between them but what a lane has of
    /// its own.
    fn shares_panels(&self) -> bool {
        let Periphery { outputs, chain, config, .. } = self.periphery;
        *outputs == HALF
            && chain.constant_variance == 0.0
            && config.dac.noise_management == NoiseManagement::None
            && config.dac.bound_management == BoundManagement::None
    }

    /// Says which inputs of the samples were clipped.
    fn mask_inputs(&self, x: &[f32], of: &Samples<'_>, words: &mut [u16]) {
        let Periphery { inputs, codes, .. } = *self.periphery;
        let stride = inputs.div_ceil(LANES);
        for &s in &of.todo {
            dispatch(Beyond {
                x: &x[s * inputs..][..inputs],
                scale: 1.0 / (of.ranges[s] * codes.unit),
                low: codes.low,
                high: codes.high,
                words: &mut words[s * stride..][..stride],
            });
        }
    }

    /// Fills the phases with codes, unless they are read in place, and returns how many inputs
    /// saturated.
    fn convert_inputs(&self, of: &Samples<'_>, streams: &Streams, scratch: &mut Scratch) -> u64 {
        let Samples { source, ref todo, ref ranges } = *of;
        let Periphery { inputs, sums, chain, .. } = *self.periphery;
        source.starts(todo.len(), inputs, &mut scratch.starts);
        scratch.squares.clear();
        scratch.squares.resize(todo.len(), 0.0);
        if source.in_place().is_some() {
            return 0;
        }
        let two_phases = self.weights.negative().is_some();
        let integer = sums == SumKind::Integer;
        let stride = if integer { padded(inputs) } else { inputs };
        // A single phase of integers is what it is given.
        let mut codes = if integer && !two_phases {
            std::mem::take(&mut scratch.phases[0].codes)
        } else {
            std::mem::take(&mut scratch.codes)
        };
        let saturated = match source {
            Source::Converted { images, windows, first } => {
                windows.gather(&images.codes, first..first + todo.len(), stride, &mut codes);
                0
            }
            Source::Rows(x) => {
                codes.resize(todo.len() * stride, 0.0);
                let mut saturated = 0;
                for (&s, codes) in todo.iter().zip(codes.chunks_exact_mut(stride)) {
                    let (codes, padding) = codes.split_at_mut(inputs);
                    padding.fill(0.0);
                    let x = &x[s * inputs..][..inputs];
                    let noise = Drawing {
                        streams,
                        place: (self.first_sample + s as u64) * inputs as u64,
                        buffer: &mut scratch.noise,
                    };
                    saturated += self.convert(x, ranges[s], noise, codes);
                }
                saturated
            }
        };
        if chain.constant_variance > 0.0 {
            for (squares, codes) in scratch.squares.iter_mut().zip(codes.chunks_exact(stride)) {
                *squares = codes.iter().map(|k| k * k).sum();
            }
        }
        let [positive, negative] = &mut scratch.phases;
        match (two_phases, integer) {
            (true, _) => {
                positive.fill(&codes, stride, sums, |k| k.max(0.0));
                negative.fill(&codes, stride, sums, |k| k.min(0.0));
            }
            (false, false) => positive.fill(&codes, stride, sums, |k| k),
            (false, true) => {
                positive.codes = codes;
                positive.fill_powers();
                return saturated;
            }
        }
        scratch.codes = codes;
        saturated
    }

    /// Converts the values of a sample and returns how many saturated.
    fn convert(&self, x: &[f32], range: f32, noise: Drawing<'_>, codes: &mut [f32]) -> u64 {
        let Drawing { streams, place, buffer: noise } = noise;
        let dac = &self.periphery.config.dac;
        let InputCodes { unit, low, high } = self.periphery.codes;
        let stepped = dac.steps.is_some();
        noise.resize(x.len(), 0.0);
        let uniform: &[f32] = match &streams.input_rounding {
            Some(stream) => {
                stream.fill_uniform(place, noise);
                noise
            }
            None => &[],
        };
        let mut saturated = 0;
        dispatch(Convert {
            x,
            scale: 1.0 / (range * unit),
            low,
            high,
            stepped,
            floor: stepped && dac.rounding == ConverterRounding::Floor,
            uniform,
            codes: &mut *codes,
            saturated: &mut saturated,
        });
        if let Some(bits) = self.bits {
            dispatch(Digits { bits, codes: &mut *codes });
        }
        if let Some(stream) = &streams.input {
            stream.fill_gaussian(place, noise);
            let std = dac.noise / self.periphery.chain.unit;
            codes.iter_mut().zip(&*noise).for_each(|(code, xi)| *code += std * xi);
        }
        saturated
    }

    /// Writes the sums of one panel for all samples into `scratch.sums`. Of two phases each has had its own IR drop;
    /// returns at how many outputs that left its range.
    fn panel_sums(
        &self,
        source: Source<'_>,
        panel: usize,
        samples: usize,
        scratch: &mut Scratch,
    ) -> u64 {
        let drop = self.periphery.chain.drop;
        let Some(negative) = self.weights.negative() else {
            self.phase_sums(source, panel, samples, scratch, [(self.weights, 0, Accum::Replace)]);
            return 0;
        };
        let [first, second] = [(self.weights, 0, Accum::Replace), (negative, 1, Accum::Add)];
        if !drop.is_some() {
            self.phase_sums(source, panel, samples, scratch, [first, second]);
            return 0;
        }
        let mut settled = |phase: (&ArrayWeights, usize, Accum)| {
            let phase = (phase.0, phase.1, Accum::Replace);
            self.phase_sums(source, panel, samples, scratch, [phase]);
            let sums = scratch.sums.iter_mut();
            let beyond: u64 = sums.map(|sums| drop.settle(sums)).sum();
            (scratch.sums.clone(), beyond)
        };
        let (mut sums, beyond) = settled(first);
        let (more, beyond_too) = settled(second);
        for (sums, more) in sums.iter_mut().zip(more) {
            sums.take(more, Accum::Add);
        }
        scratch.sums = sums;
        beyond + beyond_too
    }

    /// Writes the sums of some phases, each of which has weights, codes and what becomes of sums before.
    fn phase_sums<const N: usize>(
        &self,
        source: Source<'_>,
        panel: usize,
        samples: usize,
        scratch: &mut Scratch,
        wanted: [(&ArrayWeights, usize, Accum); N],
    ) {
        scratch.sums.resize(samples, Sums::ZERO);
        let Scratch { phases, starts, float, plain, sums, .. } = scratch;
        let row = 0..padded(self.periphery.inputs) / 4;
        let rows: &[Range<usize>] = &[row];
        let (phases, runs) = source.in_place().unwrap_or((phases, rows));
        for (weights, phase, accum) in wanted {
            let phase = &phases[phase];
            match self.periphery.sums {
                SumKind::Plain => phase.plain_sums(weights, panel, plain, accum, sums),
                SumKind::Float => phase.float_sums(weights, panel, float, accum, sums),
                SumKind::Integer => {
                    phase.integer_sums(weights, panel, Places { starts, runs }, accum, sums);
                }
            }
        }
    }
}
