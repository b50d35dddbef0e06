//! At which value one nonideality alone brings the error of the standard product to 20 %: the paper
//! prints one of them, the IR drop; the others stand beside an independent simulation of the same
//! tile, found by bisection with a scatter of 5 to 10 %.

use crate::measured::measures::nonideality::Nonideality;

/// Values of x at an error of 20 %.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) nonideality: Nonideality,
    /// Weights divided by the matrix maximum, the active device only, no drift: as here.
    pub(super) simulated: Option<f64>,
    /// Weights cut at ±1, noise on both devices of a pair, 1 h with drift compensation.
    pub(super) simulated_hour: Option<f64>,
    /// As the paper prints it.
    pub(super) paper: Option<f64>,
}

/// How far a value may be from the independent one, as a share of it: twice the scatter of either.
pub(super) const SCATTER: f64 = 0.2;

const fn known(nonideality: Nonideality, simulated: f64, simulated_hour: f64) -> Known {
    let (simulated, simulated_hour) = (Some(simulated), Some(simulated_hour));
    Known { nonideality, simulated, simulated_hour, paper: None }
}

/// All that is known. Converters are given in bits: 15 and 18.7 steps of the ADC, 7.2 and 7.8 of the
/// DAC. The independent simulation's S-shape of strength 1/4 is beyond 20 % without any spread.
pub(super) const KNOWN: [Known; 14] = [
    Known { paper: Some(11.7), ..known(Nonideality::IrDrop, 10.8, 11.2) },
    known(Nonideality::OutputNoise, 0.33, 0.31),
    known(Nonideality::ReadNoise, 4.1, 3.7),
    known(Nonideality::AdcBits, 4.09, 4.37),
    known(Nonideality::DacBits, 3.20, 3.29),
    known(Nonideality::Programming, 1.63, 1.57),
    known(Nonideality::AccumulatedNoise, 1.84, 1.66),
    known(Nonideality::Pcm, 1.39, 1.33),
    Known { simulated: None, ..known(Nonideality::Drift, 0.0, 2.4) },
    known(Nonideality::Asymmetry, 0.19, 0.18),
    known(Nonideality::StuckReset, 1.9, 1.6),
    known(Nonideality::StuckMax, 0.086, 0.11),
    known(Nonideality::StuckRandom, 0.33, 0.48),
    known(Nonideality::InputNoise, 0.078, 0.072),
];

/// What is known of a nonideality.
pub(super) fn of(nonideality: Nonideality) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.nonideality == nonideality)
}
