//! One nonideality raised at a time: the protocol of [Rasch23 Fig. 4].
//!
//! The paper prints one of its fifteen values, IR drop × 11.7. The others stand beside values of an
//! independent simulation of the same tile, found by bisection with a scatter of 5 to 10 %.

use crossbar::device::{DeviceConfig, Pcm};
use crossbar::{ReadNoise, SShape, TileConfig, UnitCell, WeightScale};

/// A nonideality at the strength at which the error of the product reaches about 20 %.
pub(super) struct Boost {
    /// Name in the record.
    pub(super) id: &'static str,
    /// What is raised, and to what.
    pub(super) what: &'static str,
    /// Error of the independent simulation there, in percent.
    pub(super) expected: f64,
    /// Raises it.
    pub(super) apply: fn(&mut TileConfig),
}

/// Row of [`BOOSTS`] without the conditions of the others: 1 h with drift compensation, weights cut
/// at ±1, both devices of a pair, read noise that shrinks with the conductance.
pub(super) const DRIFT: &str = "boost-drift";

/// The fifteen.
pub(super) const BOOSTS: [Boost; 15] = [
    boost("boost-ir-drop", "IR drop × 10.8", |c| c.ir_drop.scale = 10.8),
    boost("boost-output-noise", "output noise 0.33", |c| c.periphery.adc.noise = 0.33),
    boost("boost-read-noise", "short-term read noise 0.071 (× 4.1)", |c| {
        c.periphery.read_noise = ReadNoise::Pcm { sigma: 0.071 };
    }),
    boost("boost-adc", "ADC with 15 steps", |c| c.periphery.adc.steps = Some(15.0)),
    boost("boost-dac", "DAC with 7.2 steps", |c| c.periphery.dac.steps = Some(7.2)),
    boost("boost-programming", "programming error × 1.63", |c| {
        pcm(c).programming_noise_scale = 1.63;
    }),
    boost("boost-accumulated", "accumulated read noise × 1.84", |c| {
        pcm(c).read_noise_scale = 1.84;
    }),
    boost("boost-pcm", "both PCM noises × 1.39", |c| {
        pcm(c).programming_noise_scale = 1.39;
        pcm(c).read_noise_scale = 1.39;
    }),
    boost(DRIFT, "drift exponents × 2.4 (AIHWKit's devices, 1 h)", |c| {
        let device = Pcm { drift_scale: 2.4, ..Pcm::paper() };
        *c = crossbar::presets::standard_pcm();
        c.device = DeviceConfig::PcmAihwkit(device);
        c.mapping.scale = WeightScale::Unit;
        c.mapping.unit_cell = UnitCell::DifferentialPair;
    }),
    boost("boost-asymmetry", "polarity asymmetry 0.19", |c| {
        c.periphery.polarity_asymmetry = 0.19;
    }),
    boost("boost-stuck-reset", "1.9 % of devices stuck at reset", |c| {
        c.faults.stuck_at_reset = 0.019;
    }),
    boost("boost-stuck-max", "0.086 % of devices stuck at g_max", |c| {
        c.faults.stuck_at_g_max = 0.000_86;
    }),
    boost("boost-stuck-random", "0.33 % of devices stuck at random", |c| {
        c.faults.stuck_at_random = 0.003_3;
    }),
    boost("boost-input-noise", "input noise 0.078", |c| c.periphery.dac.noise = 0.078),
    Boost {
        id: "boost-s-shape",
        what: "S-shape of strength 1/4 without spread",
        expected: 21.9,
        apply: |c| {
            c.periphery.adc.s_shape = Some(SShape { strength: 0.25, spread: 0.0, slope: 0.5 });
        },
    },
];

const fn boost(id: &'static str, what: &'static str, apply: fn(&mut TileConfig)) -> Boost {
    Boost { id, what, expected: 20.0, apply }
}

/// The PCM device of the standard tile.
fn pcm(config: &mut TileConfig) -> &mut Pcm {
    match &mut config.device {
        DeviceConfig::Pcm(pcm) => pcm,
        other => panic!("the standard tile has PCM devices, not {other:?}"),
    }
}
