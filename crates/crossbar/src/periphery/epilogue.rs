//! From the sums of the array to ADC codes and digital numbers, for one panel and one sample.

use super::inputs::round_stochastically;
use super::product::{LANES, Lanes, Sums};
use super::simd::Kernel;
use crate::wires::DROP;

/// Share of the bound from which on an output counts as clipped for a gradient.
/// Source: AIHWKit 1.1.0, `rpu_forward_backward_pass.cpp`.
const AT_BOUND: f32 = 0.999;

/// What is the same for every output.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// Value of one input code.
    pub(super) unit: f32,
    /// γ n of the IR-drop estimate, and its multiplier.
    pub(super) drop_gain: f32,
    pub(super) drop_scale: f32,
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
    /// Whether the ADC rounds stochastically.
    pub(super) stochastic: bool,
}

/// What differs between outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'a> {
    pub(super) curvature: &'a Lanes,
    pub(super) gain: &'a Lanes,
    pub(super) offset: &'a Lanes,
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
    /// Standard normal numbers, rows of `noise_stride` numbers that start at the panel: noise of
    /// the read-out, and of the devices before a nonlinearity.
    pub(super) output_noise: &'a [f32],
    pub(super) read_noise: &'a [f32],
    /// Uniform numbers of the ADC's stochastic rounding, likewise.
    pub(super) rounding: &'a [f32],
    pub(super) noise_stride: usize,
    pub(super) out: &'a mut [Lanes],
    /// Bit i is set where output i went beyond the bound, bit 16 + i where it came out there.
    pub(super) saturated: &'a mut [u32],
}

impl Kernel for Epilogue<'_> {
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for (slot, (sums, out)) in self.sums.iter().zip(self.out).enumerate() {
            let at = slot * self.noise_stride;
            let noise = [&self.output_noise[at..], &self.read_noise[at..], &self.rounding[at..]]
                .map(|row| row.first_chunk().expect("rows are padded to whole panels"));
            let sample = Sample {
                input_squares: self.input_squares[slot],
                range: self.ranges[slot],
                output_noise: noise[0],
                read_noise: noise[1],
                rounding: noise[2],
            };
            self.saturated[slot] = sample.convert(&self.chain, &self.columns, sums, out);
        }
    }
}

/// What differs between samples.
struct Sample<'a> {
    input_squares: f32,
    range: f32,
    output_noise: &'a Lanes,
    read_noise: &'a Lanes,
    rounding: &'a Lanes,
}

impl Sample<'_> {
    /// Writes the digital numbers and returns which outputs went beyond the bound or came out there.
    #[inline(always)]
    fn convert(&self, chain: &Chain, columns: &Column<'_>, sums: &Sums, out: &mut Lanes) -> u32 {
        let mut clipped = [0u32; LANES];
        let constant = chain.constant_variance * self.input_squares;
        let unit_squared = chain.unit * chain.unit;
        let [c3, c2, c1] = DROP;
        for i in 0..LANES {
            let a = chain.drop_gain * chain.unit * sums.current[i];
            let c = ((c3 * a + c2) * a + c1) * a;
            let mut y = chain.unit * (sums.y[i] - chain.drop_scale * c * sums.z[i]);
            let variance = unit_squared * (chain.pcm_variance * sums.variance[i] + constant);
            if chain.s_shape {
                y += variance.sqrt() * self.read_noise[i];
                y = chain.prefactor * y / (1.0 + columns.curvature[i] * y.abs());
                y += chain.output_noise * self.output_noise[i];
            } else {
                // Two independent normal numbers add up to one of the summed variance.
                let std = (variance + chain.output_noise * chain.output_noise).sqrt();
                y += std * self.output_noise[i];
            }
            y = columns.gain[i] * y + columns.offset[i];
            if chain.step > 0.0 {
                let z = y / chain.step;
                let z = if chain.stochastic {
                    round_stochastically(z, self.rounding[i])
                } else {
                    z.round_ties_even()
                };
                y = z * chain.step;
            }
            let beyond = u32::from(y.abs() > chain.bound);
            let there = u32::from(y.abs() >= AT_BOUND * chain.bound);
            clipped[i] = (beyond | there << LANES) << i;
            let y = y.max(-chain.bound).min(chain.bound);
            out[i] = self.range * columns.scale[i] * y + columns.bias[i];
        }
        clipped.iter().fold(0, |bits, clipped| bits | clipped)
    }
}
