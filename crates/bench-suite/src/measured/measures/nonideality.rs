//! [`Nonideality`]: what keeps a tile from being exact, one axis of a sweep each, as data.
//!
//! An axis has one number x with its value in the standard tile, the direction in which it hurts,
//! and an [excess](Axis::excess) e(x): how much of it there is beyond the standard tile, in
//! proportion to the variance that it adds to a product where that is known. Searches run over
//! ln e, so that one step is a factor in every unit.
//!
//! Source: [Rasch23 Results, "sensitivity"; Fig. 4, Fig. 5; Supp. Tab. 1].

mod axes;

use crossbar::device::DeviceConfig;
use crossbar::{ReadNoise, SShape, TileConfig, UnitCell};
use serde::{Deserialize, Serialize};

pub use axes::AXES;

use crate::measured::error::Error;

/// What is not ideal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nonideality {
    /// Resolution of the inputs.
    DacBits,
    /// Resolution of the outputs.
    AdcBits,
    /// Additive noise before the ADC.
    OutputNoise,
    /// Curvature of the ADC, the same for all columns.
    SShape,
    /// How much the curvature of 1/4 differs from column to column.
    SShapeSpread,
    /// Additive noise after the DAC.
    InputNoise,
    /// Offsets of the ADCs.
    AdcOffset,
    /// Gain errors of the ADCs.
    AdcGain,
    /// Largest output of the ADC.
    AdcRange,
    /// Drop along the bit lines.
    IrDrop,
    /// Short-term noise of the devices, drawn for every product.
    ReadNoise,
    /// Programming error and accumulated read noise together.
    Pcm,
    /// Error of programming.
    Programming,
    /// Read noise that has accumulated since programming.
    AccumulatedNoise,
    /// Drift exponents.
    Drift,
    /// How much the drift exponents of devices in the same state differ.
    DriftSpread,
    /// Devices stuck at reset.
    StuckReset,
    /// Devices stuck at the largest conductance.
    StuckMax,
    /// Devices stuck at a random conductance.
    StuckRandom,
    /// Difference between the weights of positive and of negative inputs.
    Asymmetry,
    /// Inputs of a tile.
    TileSize,
    /// Bits of a weight that is sliced into one-bit devices.
    WeightBits,
}

/// Where a nonideality enters a product, as the paper groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// At the inputs or outputs: as large for a small product as for a large one.
    InputOutput,
    /// Through the currents of the weights.
    WeightLike,
    /// In the weights: in proportion to the length of the input.
    Weight,
}

/// What differs between a tile and the standard one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The periphery or the wires: the same devices hold the same weights.
    Periphery,
    /// The devices, which must be programmed anew.
    Devices,
    /// The layout of a matrix on tiles, which must be mapped anew.
    Layout,
}

/// How the excess e follows from x and the standard value x₀.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// e = (x/x₀)² − 1: x is a standard deviation, or multiplies one.
    Deviation,
    /// e = (x − x₀)²: an amplitude that the standard tile has at x₀.
    Amplitude,
    /// e = x − x₀: a fraction of the devices.
    Fraction,
    /// e = ((2^x₀ − 2)/(2^x − 2))² − 1: the variance of rounding to x bits.
    Bits,
    /// e = x₀/x − 1: a size.
    Size,
}

/// One axis of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    /// Which nonideality.
    pub nonideality: Nonideality,
    /// Its name for people.
    pub words: &'static str,
    /// What x counts, with its unit.
    pub unit: &'static str,
    /// Where it enters.
    pub class: Class,
    /// Where it, or its standard value, is from.
    pub source: &'static str,
    /// Whether [Rasch23 Fig. 4 and 5] has it.
    pub in_paper: bool,
    /// x of the standard tile.
    pub standard: f64,
    /// Where a search looks: x from little to much of it. It hurts in this direction.
    pub interval: [f64; 2],
    /// From x to excess.
    pub growth: Growth,
    /// What has to be done again when x changes.
    pub stage: Stage,
    /// Whether x takes whole numbers only.
    pub whole: bool,
    /// Why the error of a product need not grow from the standard value on; none where it grows.
    pub not_monotone: Option<&'static str>,
}

impl Nonideality {
    /// Its axis.
    ///
    /// # Panics
    ///
    /// Never: a test looks for each.
    pub fn axis(self) -> &'static Axis {
        AXES.iter().find(|axis| axis.nonideality == self).expect("every nonideality has an axis")
    }

    /// The name that serde writes.
    pub fn id(self) -> String {
        let value = serde_json::to_value(self).expect("a name is plain data");
        value.as_str().expect("a name is a string").to_owned()
    }

    /// Brings a tile to the value `x` of this axis, everything else left as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the tile has nothing of the kind, such as the drift of a device that
    /// does not drift, or if `x` is out of range.
    pub fn apply(self, tile: &mut TileConfig, x: f64) -> Result<(), Error> {
        let value = x as f32;
        let periphery = &mut tile.periphery;
        match self {
            Self::DacBits => periphery.dac.steps = Some(steps(x)),
            Self::AdcBits => periphery.adc.steps = Some(steps(x)),
            Self::OutputNoise => periphery.adc.noise = value,
            Self::SShape => periphery.adc.s_shape = s_shape(x, 0.0),
            Self::SShapeSpread => {
                let strength = if x > 0.0 { S_SHAPE_STRENGTH } else { 0.0 };
                periphery.adc.s_shape = s_shape(strength, value);
            }
            Self::InputNoise => periphery.dac.noise = value,
            Self::AdcOffset => periphery.adc.offset_std = value,
            Self::AdcGain => periphery.adc.gain_std = value,
            Self::AdcRange => periphery.adc.bound = Some(value),
            Self::IrDrop => {
                tile.ir_drop.scale = value;
                tile.lines = tile.lines.map(|lines| lines.scaled(value));
            }
            Self::ReadNoise => {
                periphery.read_noise = ReadNoise::Pcm { sigma: (READ_NOISE * x) as f32 }
            }
            Self::Pcm => {
                set_scale(tile, Scale::Programming, value)?;
                set_scale(tile, Scale::Read, value)?;
            }
            Self::Programming => set_scale(tile, Scale::Programming, value)?,
            Self::AccumulatedNoise => set_scale(tile, Scale::Read, value)?,
            Self::Drift => set_scale(tile, Scale::Drift, value)?,
            Self::DriftSpread => set_scale(tile, Scale::DriftSpread, value)?,
            Self::StuckReset => tile.faults.stuck_at_reset = (0.01 * x) as f32,
            Self::StuckMax => tile.faults.stuck_at_g_max = (0.01 * x) as f32,
            Self::StuckRandom => tile.faults.stuck_at_random = (0.01 * x) as f32,
            Self::Asymmetry => periphery.polarity_asymmetry = value,
            Self::TileSize => tile.mapping.max_inputs = x.round().max(1.0) as usize,
            Self::WeightBits => {
                if x < self.axis().standard {
                    // Of x bits one is the sign.
                    let cells = (x.round() as u8).saturating_sub(1);
                    tile.mapping.unit_cell = UnitCell::BitSliced { bits_per_cell: 1, cells };
                }
            }
        }
        tile.check().map_err(|error| Error::Usage(error.to_string()))
    }
}

/// σ₀ of the standard tile. Source: [Rasch23 Supp. Tab. 1].
const READ_NOISE: f64 = 0.0175;
/// μ_ζ of the sensitivity study. Source: [Rasch23 Methods, "S-shaped nonlinearity"].
const S_SHAPE_STRENGTH: f64 = 0.25;
/// Share of the range at which the curve has the slope 1; see [`SShape`].
const S_SHAPE_SLOPE: f32 = 0.5;

/// 2^q − 2 steps of q bits, a real number of them between whole bits.
fn steps(bits: f64) -> f32 {
    (bits.exp2() - 2.0) as f32
}

fn s_shape(strength: f64, spread: f32) -> Option<SShape> {
    (strength > 0.0).then_some(SShape { strength: strength as f32, spread, slope: S_SHAPE_SLOPE })
}

/// What a multiplier of a device multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Programming,
    Read,
    Drift,
    DriftSpread,
}

/// Sets a multiplier of the tile's device.
fn set_scale(tile: &mut TileConfig, which: Scale, to: f32) -> Result<(), Error> {
    let scale = match (&mut tile.device, which) {
        (DeviceConfig::Pcm(pcm) | DeviceConfig::PcmAihwkit(pcm), _) => Some(match which {
            Scale::Programming => &mut pcm.programming_noise_scale,
            Scale::Read => &mut pcm.read_noise_scale,
            Scale::Drift => &mut pcm.drift_scale,
            Scale::DriftSpread => &mut pcm.drift_spread_scale,
        }),
        (DeviceConfig::Hermes(hermes), Scale::Programming) => {
            Some(&mut hermes.programming_noise_scale)
        }
        (DeviceConfig::Hermes(hermes), Scale::Read) => Some(&mut hermes.read_noise_scale),
        (DeviceConfig::Hermes(hermes), Scale::Drift) => Some(&mut hermes.drift_scale),
        (DeviceConfig::ReramCmo(reram), Scale::Programming) => {
            Some(&mut reram.programming_noise_scale)
        }
        (DeviceConfig::ReramCmo(reram), Scale::Read) => Some(&mut reram.read_noise_scale),
        (DeviceConfig::ReramCmo(reram), Scale::Drift) => Some(&mut reram.drift_scale),
        // One error stands for programming, relaxation and read noise.
        (DeviceConfig::ReramWan(reram), Scale::Programming) => Some(&mut reram.noise_scale),
        _ => None,
    };
    let what = match which {
        Scale::Programming => "programming error",
        Scale::Read => "accumulated read noise",
        Scale::Drift => "drift",
        Scale::DriftSpread => "drift variability",
    };
    let missing = || Error::Usage(format!("the device of the tile has no scale of its {what}"));
    *scale.ok_or_else(missing)? = to;
    Ok(())
}

impl Axis {
    /// Whether more of x is worse.
    pub fn rises(&self) -> bool {
        self.interval[1] > self.interval[0]
    }

    /// e(x): 0 at the standard value, and more the more it hurts.
    pub fn excess(&self, x: f64) -> f64 {
        let x0 = self.standard;
        match self.growth {
            Growth::Deviation => (x / x0).powi(2) - 1.0,
            Growth::Amplitude => (x - x0).powi(2),
            Growth::Fraction => x - x0,
            Growth::Bits => ((x0.exp2() - 2.0) / (x.exp2() - 2.0)).powi(2) - 1.0,
            Growth::Size => x0 / x - 1.0,
        }
    }

    /// The x of an excess: the inverse of [`Self::excess`], a whole number where x is one.
    pub fn at_excess(&self, excess: f64) -> f64 {
        let x = self.between(excess);
        if self.whole { x.round() } else { x }
    }

    /// [`Self::at_excess`] between whole numbers too.
    pub fn between(&self, excess: f64) -> f64 {
        let x0 = self.standard;
        match self.growth {
            Growth::Deviation => x0 * (1.0 + excess).sqrt(),
            Growth::Amplitude => x0 + excess.sqrt(),
            Growth::Fraction => x0 + excess,
            Growth::Bits => (2.0 + (x0.exp2() - 2.0) / (1.0 + excess).sqrt()).log2(),
            Growth::Size => x0 / (1.0 + excess),
        }
    }

    /// ln e at both ends of the search.
    pub fn log_interval(&self) -> [f64; 2] {
        self.interval.map(|x| self.excess(x).ln())
    }

    /// A value of x as text, with its unit where it has a short one.
    pub fn text(&self, x: f64) -> String {
        let digits =
            if x >= 100.0 || self.whole { 0 } else { (2 - x.log10().floor() as i32).clamp(0, 4) };
        let digits = if self.growth == Growth::Bits { 1 } else { digits.max(0) as usize };
        match self.unit {
            "×" => format!("×{x:.digits$}"),
            "%" => format!("{x:.digits$} %"),
            _ => format!("{x:.digits$}"),
        }
    }
}

#[cfg(test)]
mod tests;
