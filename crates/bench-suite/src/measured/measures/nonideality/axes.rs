//! The table of axes.

use super::{Axis, Class, Growth, Nonideality, Stage};

/// An axis of the periphery that the paper has; the others say what they have instead.
const PERIPHERY: Axis = Axis {
    nonideality: Nonideality::OutputNoise,
    words: "",
    unit: "",
    class: Class::InputOutput,
    source: "",
    in_paper: true,
    standard: 0.0,
    interval: [0.0; 2],
    growth: Growth::Amplitude,
    stage: Stage::Periphery,
    whole: false,
    not_monotone: None,
};

/// An axis of the devices that the paper has.
const DEVICES: Axis = Axis {
    unit: "×",
    class: Class::Weight,
    standard: 1.0,
    growth: Growth::Deviation,
    stage: Stage::Devices,
    ..PERIPHERY
};

/// A fraction of the devices.
const STUCK: Axis = Axis {
    unit: "%",
    source: "[Rasch23 Methods, \"yield\"]",
    standard: 0.0,
    growth: Growth::Fraction,
    ..DEVICES
};

/// Every axis, in the order in which it is worth having.
///
/// Assumed: the ends of all intervals. They hold what any network here tolerates at desk scale, or
/// end where nothing of the signal is left.
pub static AXES: [Axis; 22] = [
    Axis {
        nonideality: Nonideality::Pcm,
        words: "total PCM noise",
        source: "[Rasch23 Eq. 7, 10; Fig. 5]: programming and accumulated read noise together",
        interval: [1.02, 30.0],
        ..DEVICES
    },
    Axis {
        nonideality: Nonideality::DacBits,
        words: "DAC resolution",
        unit: "bits",
        source: "[Rasch23 Eq. 5, Supp. Tab. 1]",
        standard: 8.0,
        interval: [7.8, 1.6],
        growth: Growth::Bits,
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::OutputNoise,
        words: "output noise",
        unit: "σ of a full input on a full weight",
        source: "[Rasch23 Eq. 2, Supp. Tab. 1]",
        standard: 0.04,
        interval: [0.042, 10.0],
        growth: Growth::Deviation,
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::ReadNoise,
        words: "short-term read noise",
        unit: "×",
        class: Class::Weight,
        source: "[Rasch23 Eq. 14, Supp. Tab. 1]",
        standard: 1.0,
        interval: [1.05, 100.0],
        growth: Growth::Deviation,
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::IrDrop,
        words: "IR drop",
        unit: "×",
        class: Class::WeightLike,
        source: "[Rasch23 Eq. 16–18, Supp. Tab. 1]",
        standard: 1.0,
        interval: [1.2, 3000.0],
        not_monotone: Some(
            "a drop of more than the whole product turns its sign, which a tile of few inputs and \
             saturating converters may hide",
        ),
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::StuckReset,
        words: "devices stuck at reset",
        interval: [0.01, 90.0],
        ..STUCK
    },
    Axis {
        nonideality: Nonideality::AdcBits,
        words: "ADC resolution",
        unit: "bits",
        source: "[Rasch23 Eq. 5, Supp. Tab. 1]",
        standard: 8.0,
        interval: [7.8, 1.6],
        growth: Growth::Bits,
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::Programming,
        words: "programming error",
        source: "[Rasch23 Eq. 7]",
        interval: [1.02, 30.0],
        ..DEVICES
    },
    Axis {
        nonideality: Nonideality::AccumulatedNoise,
        words: "accumulated read noise",
        source: "[Rasch23 Eq. 10–11]",
        interval: [1.02, 60.0],
        ..DEVICES
    },
    Axis {
        nonideality: Nonideality::StuckRandom,
        words: "devices stuck at random",
        interval: [0.003, 90.0],
        ..STUCK
    },
    Axis {
        nonideality: Nonideality::StuckMax,
        words: "devices stuck at g_max",
        interval: [0.003, 90.0],
        ..STUCK
    },
    Axis {
        nonideality: Nonideality::Asymmetry,
        words: "polarity asymmetry",
        unit: "σ_a",
        class: Class::Weight,
        source: "[Rasch23 Methods, \"weight asymmetry\"]",
        interval: [0.01, 10.0],
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::SShape,
        words: "S-shape",
        unit: "μ_ζ",
        source: "[Rasch23 Eq. 19] without spread",
        in_paper: false,
        interval: [0.003, 3.0],
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::SShapeSpread,
        words: "S-shape spread",
        unit: "σ_ζ at μ_ζ = 1/4",
        source: "[Rasch23 Eq. 19]",
        interval: [0.02, 10.0],
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::Drift,
        words: "drift exponents",
        source: "[Rasch23 Eq. 8–9]",
        in_paper: false,
        interval: [1.05, 12.0],
        ..DEVICES
    },
    Axis {
        nonideality: Nonideality::DriftSpread,
        words: "drift variability",
        source: "[Rasch23 Eq. 9]",
        interval: [1.05, 60.0],
        ..DEVICES
    },
    Axis {
        nonideality: Nonideality::InputNoise,
        words: "input noise",
        unit: "σ of a full input",
        source: "AIHWKit 1.1.0, `forward.inp_noise`",
        in_paper: false,
        interval: [0.001, 3.0],
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::AdcOffset,
        words: "converter offset spread",
        unit: "σ of a full input on a full weight",
        source: "Assumed: constant over inputs, normal over columns",
        in_paper: false,
        interval: [0.005, 10.0],
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::AdcGain,
        words: "converter gain spread",
        unit: "σ",
        source: "Assumed: normal over columns",
        in_paper: false,
        interval: [0.003, 3.0],
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::AdcRange,
        words: "ADC range",
        unit: "full inputs on full weights",
        source: "[Rasch23 Supp. Tab. 1], \"output bound\"",
        in_paper: false,
        standard: 10.0,
        interval: [9.5, 0.05],
        growth: Growth::Size,
        not_monotone: Some("steps of a smaller range are finer as long as nothing saturates"),
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::TileSize,
        words: "tile size",
        unit: "inputs",
        source: "[Rasch23 Supp. Tab. 1], \"max tile size\"",
        in_paper: false,
        standard: 512.0,
        interval: [448.0, 2.0],
        growth: Growth::Size,
        stage: Stage::Layout,
        whole: true,
        not_monotone: Some("the wires of a smaller tile are shorter"),
        ..PERIPHERY
    },
    Axis {
        nonideality: Nonideality::WeightBits,
        words: "bits of a sliced weight",
        unit: "bits, sign included; 17: not sliced",
        class: Class::Weight,
        source: "AIHWKit 1.1.0, `NPairConductanceConverter`; here with a conversion per slice",
        in_paper: false,
        standard: 17.0,
        interval: [9.0, 2.0],
        growth: Growth::Bits,
        whole: true,
        not_monotone: Some(
            "a device that holds one bit is written more exactly than an analog one",
        ),
        ..DEVICES
    },
];
