//! From the sums of the array to ADC codes and digital numbers, for one panel and one sample.

use super::codes::{AT_BOUND, OutputCodes, floor, on_step, round_stochastically};
use super::drop::Drop;
use super::layout::{HALF, LANES, Lanes};
use super::nonlinearity::Transitions;
use super::simd::{Kernel, dispatch};
use super::sums::Sums;
use crate::limits::{clip, clip_between};

/// What is the same for every output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// Value of one input code.
    pub(super) unit: f32,
    /// The IR drop of sums in input codes.
    pub(super) drop: Drop,
    /// σ₀² of PCM-like and of constant read noise.
    pub(super) pcm_variance: f32,
    pub(super) constant_variance: f32,
    /// σ_out.
    pub(super) output_noise: f32,
    /// Whether read noise and output noise pass through a nonlinearity between them.
    pub(super) s_shape: bool,
    pub(super) prefactor: f32,
    /// Step and bound of the ADC; infinite bound and zero step if there are none.
    pub(super) step: f32,
    pub(super) bound: f32,
    /// What no code within the range exceeds: the bound and a quarter of a step, for the value of the last code may
    /// come out a rounding above the bound.
    pub(super) beyond: f32,
    /// Whether the ADC rounds stochastically, to the nearest step, or down; if none of them, it has
    /// no steps.
    pub(super) stochastic: bool,
    pub(super) nearest: bool,
    pub(super) floor: bool,
    /// Whether outputs are converted by `codes`, with the unit of each column; otherwise by `step` and
    /// `bound`.
    pub(super) coded: bool,
    pub(super) codes: OutputCodes,
}

/// What differs between outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    pub(super) curvature: &'a Lanes,
    pub(super) gain: &'a Lanes,
    pub(super) offset: &'a Lanes,
    pub(super) unit: &'a Lanes,
    /// Where the codes of the columns change, those of this panel being `first` and so on of `outputs`.
    pub(super) transitions: Option<&'a Transitions>,
    pub(super) first: usize,
    pub(super) outputs: usize,
    pub(super) scale: &'a Lanes,
    pub(super) bias: &'a Lanes,
}

/// The samples of one panel.
pub(super) struct Epilogue<'a> {
    pub(super) chain: Chain,
    pub(super) columns: Column<'a>,
    /// By sample, as are all of the following.
    pub(super) sums: &'a [Sums],
    /// Σ_j k_j².
    pub(super) input_squares: &'a [f32],
    /// Input range.
    pub(super) ranges: &'a [f32],
    /// Standard normal numbers: noise of the read-out, and of the devices before a nonlinearity.
    pub(super) output_noise: Drawn<'a>,
    pub(super) read_noise: Drawn<'a>,
    /// Uniform numbers of the ADC's stochastic rounding.
    pub(super) rounding: Drawn<'a>,
    pub(super) out: &'a mut [Lanes],
    /// α z, if it is kept: then γ is applied to it, else to z and α together.
    pub(super) products: Option<&'a mut [Lanes]>,
    /// Bit i is set where output i went beyond the bound, bit 16 + i where it came out there.
    pub(super) saturated: &'a mut [u32],
    /// Is given how many outputs had a current beyond the range of the IR-drop estimate.
    pub(super) beyond_drop: &'a mut u64,
}

/// Random numbers of the samples of a panel, those of a sample `stride` behind those of the last.
/// Lanes beyond the last output have whatever follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

impl<'a> Drawn<'a> {
    #[inline(always)]
    fn of(self, slot: usize) -> &'a Lanes {
        self.values[slot * self.stride..].first_chunk().expect("a panel lies behind every place")
    }
}

/// Converts the samples of a panel.
pub(super) fn convert(epilogue: Epilogue<'_>) {
    let chain = &epilogue.chain;
    let is_plain = !chain.s_shape && !chain.stochastic && !chain.drop.is_guarded;
    if chain.coded && chain.floor && is_plain && epilogue.columns.transitions.is_none() {
        dispatch(Floored(epilogue));
    } else if chain.coded {
        dispatch(Coded(epilogue));
    } else if !is_plain {
        dispatch(General(epilogue));
    } else {
        dispatch(Simple(epilogue));
    }
}

/// Which of the parts of a chain are asked for in every lane.
const SIMPLE: u8 = 0;
const GENERAL: u8 = 1;
const CODED: u8 = 2;
const FLOORED: u8 = 3;

/// With everything that a chain may have.
struct Coded<'a>(Epilogue<'a>);

impl Kernel for Coded<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.0.run::<CODED>();
    }
}

/// With codes that are rounded down, and otherwise as [`Simple`].
struct Floored<'a>(Epilogue<'a>);

impl Kernel for Floored<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.0.run::<FLOORED>();
    }
}

/// With everything but codes.
struct General<'a>(Epilogue<'a>);

impl Kernel for General<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.0.run::<GENERAL>();
    }
}

/// Without S-shape, stochastic rounding and currents beyond the range of the IR-drop estimate, and without
/// asking for them in every lane.
struct Simple<'a>(Epilogue<'a>);

impl Kernel for Simple<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        self.0.run::<SIMPLE>();
    }
}

impl Epilogue<'_> {
    #[inline(always)]
    fn run<const KIND: u8>(self) {
        let Self { chain, columns, mut products, .. } = self;
        let Column { scale, bias, .. } = columns;
        for (slot, (sums, out)) in self.sums.iter().zip(self.out).enumerate() {
            let range = self.ranges[slot];
            let sample = Sample {
                input_squares: self.input_squares[slot],
                output_noise: self.output_noise.of(slot),
                read_noise: self.read_noise.of(slot),
                rounding: self.rounding.of(slot),
            };
            let mut z = [0.0; LANES];
            let left = &mut *self.beyond_drop;
            self.saturated[slot] = sample.convert::<KIND>(&chain, &columns, sums, &mut z, left);
            // Whole lanes at a time: written one by one they might be read as a scale or bias.
            let (mut kept, mut result) = ([0.0; LANES], [0.0; LANES]);
            if let Some(products) = &mut products {
                for i in 0..LANES {
                    kept[i] = range * z[i];
                    result[i] = scale[i] * kept[i] + bias[i];
                }
                products[slot] = kept;
            } else {
                for i in 0..LANES {
                    result[i] = range * scale[i] * z[i] + bias[i];
                }
            }
            *out = result;
        }
    }
}

/// What differs between samples.
struct Sample<'a> {
    input_squares: f32,
    output_noise: &'a Lanes,
    read_noise: &'a Lanes,
    rounding: &'a Lanes,
}

impl Sample<'_> {
    /// Writes what the ADC gives and returns which outputs went beyond the bound or came out there.
    #[inline(always)]
    fn convert<const KIND: u8>(
        &self,
        chain: &Chain,
        columns: &Column<'_>,
        sums: &Sums,
        z: &mut Lanes,
        beyond_drop: &mut u64,
    ) -> u32 {
        let mut clipped = [0u32; LANES];
        let constant = chain.constant_variance * self.input_squares;
        let unit_squared = chain.unit * chain.unit;
        // Kernels of what is simple ask for the rest at no output.
        let is_general = KIND == GENERAL || KIND == CODED;
        if is_general && chain.drop.is_guarded {
            *beyond_drop += chain.drop.beyond(sums);
        }
        for i in 0..LANES {
            let mut y = chain.unit * chain.drop.applied_to(sums, i, is_general);
            let variance = unit_squared * (chain.pcm_variance * sums.variance[i] + constant);
            if is_general && chain.s_shape {
                y += variance.sqrt() * self.read_noise[i];
                y = chain.prefactor * y / (1.0 + columns.curvature[i] * y.abs());
                y += chain.output_noise * self.output_noise[i];
            } else {
                // Two independent normal numbers add up to one of the summed variance.
                let std = (variance + chain.output_noise * chain.output_noise).sqrt();
                y += std * self.output_noise[i];
            }
            y = columns.gain[i] * y + columns.offset[i];
            if KIND == CODED || KIND == FLOORED {
                let code = if KIND == FLOORED {
                    floor(y / columns.unit[i] - chain.codes.origin)
                } else {
                    code_of(y, columns.unit[i], chain, self.rounding[i])
                };
                let beyond = u32::from(chain.codes.are_left_by(code));
                let kept = match columns.transitions {
                    Some(transitions) if KIND == CODED => columns.code_of(i, y, chain, transitions),
                    _ => clip_between(code, chain.codes.first, chain.codes.last),
                };
                let code = if beyond == 0 { kept } else { code };
                let there = code <= chain.codes.at_first || code >= chain.codes.at_last;
                clipped[i] = (beyond | u32::from(there) << LANES) << i;
                let code = kept;
                z[i] = (code + chain.codes.origin) * columns.unit[i];
                continue;
            }
            if chain.step > 0.0 {
                let code = y / chain.step;
                let code = if KIND == GENERAL && chain.stochastic {
                    round_stochastically(code, self.rounding[i])
                } else {
                    code.round_ties_even()
                };
                y = code * chain.step;
            }
            let beyond = u32::from(y.abs() > chain.beyond);
            let there = u32::from(y.abs() >= AT_BOUND * chain.bound);
            clipped[i] = (beyond | there << LANES) << i;
            z[i] = clip(y, chain.bound);
        }
        clipped.iter().fold(0, |bits, clipped| bits | clipped)
    }
}

impl Column<'_> {
    /// The code of a value by the nonlinearity of the lane's column. One lane at a time: a few
    /// comparisons for every output.
    #[inline]
    fn code_of(&self, lane: usize, y: f32, chain: &Chain, transitions: &Transitions) -> f32 {
        let at = self.first + lane;
        // Two samples share a panel of eight outputs; other lanes behind the last are not used.
        let column = if at < self.outputs { at } else { (lane % HALF).min(self.outputs - 1) };
        let t = y / self.unit[lane] - chain.codes.origin;
        let t = if chain.floor { on_step(t) } else { t };
        chain.codes.first + transitions.code(column, t - chain.codes.first)
    }
}

/// The code of a value, not clipped.
#[inline(always)]
fn code_of(y: f32, unit: f32, chain: &Chain, uniform: f32) -> f32 {
    let t = y / unit - chain.codes.origin;
    if chain.nearest {
        t.round_ties_even()
    } else if chain.floor {
        floor(t)
    } else if chain.stochastic {
        round_stochastically(t, uniform)
    } else {
        t
    }
}
