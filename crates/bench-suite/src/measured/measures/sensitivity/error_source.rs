//! [`ErrorSource`]: one cause of the errors of a tile, which can be taken away or left alone.

use crossbar::device::{DeviceConfig, MeasuredConfig};
use crossbar::{AdcRange, BoundPer, DacRange, InputEncoding, TileConfig};
use serde::{Deserialize, Serialize};

/// A cause of errors. What a tile does against errors (drift compensation, management of noise and
/// bounds) is none of them, and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorSource {
    /// Conductances that are not what they were programmed to.
    Programming,
    /// Read noise that has accumulated at the time of inference.
    AccumulatedReadNoise,
    /// Drift of conductances.
    Drift,
    /// Devices that are stuck.
    StuckDevices,
    /// Read noise of every product.
    ShortTermReadNoise,
    /// The drop along the bit lines.
    IrDrop,
    /// Steps and range of the input converters.
    Dac,
    /// Noise of the inputs.
    InputNoise,
    /// Weights that differ between positive and negative inputs.
    PolarityAsymmetry,
    /// Steps and bound of the output converters.
    Adc,
    /// Noise of the outputs.
    OutputNoise,
    /// Gain and offset that differ between columns.
    ColumnErrors,
    /// The curved characteristic of the read-out.
    SShape,
}

/// A DAC bound that no input reaches, in units of the input range.
const UNBOUNDED: f32 = 1e6;

impl ErrorSource {
    /// All, from devices to outputs.
    pub const ALL: [Self; 13] = [
        Self::Programming,
        Self::AccumulatedReadNoise,
        Self::Drift,
        Self::StuckDevices,
        Self::ShortTermReadNoise,
        Self::IrDrop,
        Self::Dac,
        Self::InputNoise,
        Self::PolarityAsymmetry,
        Self::Adc,
        Self::OutputNoise,
        Self::ColumnErrors,
        Self::SShape,
    ];

    /// The name in tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Programming => "programming error",
            Self::AccumulatedReadNoise => "accumulated read noise",
            Self::Drift => "drift",
            Self::StuckDevices => "stuck devices",
            Self::ShortTermReadNoise => "short-term read noise",
            Self::IrDrop => "IR drop",
            Self::Dac => "DAC (steps, range)",
            Self::InputNoise => "input noise",
            Self::PolarityAsymmetry => "polarity asymmetry",
            Self::Adc => "ADC (steps, bound)",
            Self::OutputNoise => "output noise",
            Self::ColumnErrors => "gain and offset of columns",
            Self::SShape => "S-shape",
        }
    }

    /// Those that a tile has.
    pub fn of(tile: &TileConfig) -> Vec<Self> {
        let ideal = Self::none(tile);
        Self::ALL.into_iter().filter(|source| source.alone(tile) != ideal).collect()
    }

    /// The tile without any.
    pub fn none(tile: &TileConfig) -> TileConfig {
        let mut ideal = tile.clone();
        // The S-shape first: while it is there the ADC keeps its bound.
        Self::ALL.into_iter().rev().for_each(|source| source.remove(&mut ideal));
        ideal
    }

    /// The tile with this one only.
    #[must_use]
    pub fn alone(self, tile: &TileConfig) -> TileConfig {
        let mut alone = Self::none(tile);
        self.copy(tile, &mut alone);
        alone
    }

    /// The tile with all but this one.
    #[must_use]
    pub fn without(self, tile: &TileConfig) -> TileConfig {
        let mut without = tile.clone();
        self.remove(&mut without);
        without
    }

    fn remove(self, tile: &mut TileConfig) {
        let periphery = &mut tile.periphery;
        match self {
            Self::Programming | Self::AccumulatedReadNoise | Self::Drift => {
                self.remove_from_device(&mut tile.device);
                if self == Self::Programming {
                    tile.mapping.levels = None;
                }
            }
            Self::StuckDevices => tile.faults = crossbar::device::Faults::default(),
            Self::ShortTermReadNoise => periphery.read_noise = crossbar::ReadNoise::None,
            Self::IrDrop => (tile.ir_drop.scale, tile.lines) = (0.0, None),
            Self::Dac => {
                periphery.dac.steps = None;
                periphery.dac.bound = UNBOUNDED;
                periphery.dac.range = DacRange::Symmetric;
                // Without steps there are no bits; the conversions that these take go with them.
                periphery.dac.encoding = InputEncoding::Whole;
            }
            Self::InputNoise => periphery.dac.noise = 0.0,
            Self::PolarityAsymmetry => periphery.polarity_asymmetry = 0.0,
            Self::Adc => {
                periphery.adc.steps = None;
                if periphery.adc.s_shape.is_none() {
                    periphery.adc.bound = None;
                    periphery.adc.range = AdcRange::Symmetric;
                    periphery.adc.bound_per = BoundPer::Tile;
                }
                (periphery.adc.inl, periphery.adc.dnl_std) = (Vec::new(), 0.0);
            }
            Self::OutputNoise => periphery.adc.noise = 0.0,
            Self::ColumnErrors => {
                periphery.adc.gain_std = 0.0;
                periphery.adc.offset_std = 0.0;
            }
            Self::SShape => periphery.adc.s_shape = None,
        }
    }

    /// Gives `to`, which is `from` without some sources, this one of `from`.
    fn copy(self, from: &TileConfig, to: &mut TileConfig) {
        let (adc, there) = (&mut to.periphery.adc, &from.periphery.adc);
        match self {
            Self::Programming | Self::AccumulatedReadNoise | Self::Drift => {
                let mut device = from.device.clone();
                for other in [Self::Programming, Self::AccumulatedReadNoise, Self::Drift] {
                    if other != self {
                        other.remove_from_device(&mut device);
                    }
                }
                to.device = device;
                if self == Self::Programming {
                    to.mapping.levels = from.mapping.levels;
                }
            }
            Self::StuckDevices => to.faults = from.faults,
            Self::ShortTermReadNoise => to.periphery.read_noise = from.periphery.read_noise,
            Self::IrDrop => (to.ir_drop.scale, to.lines) = (from.ir_drop.scale, from.lines),
            Self::Dac => {
                to.periphery.dac.steps = from.periphery.dac.steps;
                to.periphery.dac.bound = from.periphery.dac.bound;
                to.periphery.dac.range = from.periphery.dac.range;
                to.periphery.dac.encoding = from.periphery.dac.encoding;
            }
            Self::InputNoise => to.periphery.dac.noise = from.periphery.dac.noise,
            Self::PolarityAsymmetry => {
                to.periphery.polarity_asymmetry = from.periphery.polarity_asymmetry;
            }
            Self::Adc => {
                adc.steps = there.steps;
                (adc.bound, adc.range) = (there.bound, there.range);
                adc.bound_per = there.bound_per;
                (adc.inl, adc.dnl_std) = (there.inl.clone(), there.dnl_std);
            }
            Self::OutputNoise => adc.noise = there.noise,
            Self::ColumnErrors => {
                adc.gain_std = there.gain_std;
                adc.offset_std = there.offset_std;
            }
            Self::SShape => {
                adc.s_shape = there.s_shape;
                if adc.s_shape.is_some() {
                    (adc.bound, adc.range) = (there.bound, there.range);
                }
            }
        }
    }

    fn remove_from_device(self, device: &mut DeviceConfig) {
        let off = match self {
            Self::Programming => [true, false, false],
            Self::AccumulatedReadNoise => [false, true, false],
            Self::Drift => [false, false, true],
            _ => return,
        };
        let scale = |scales: [&mut f32; 3]| {
            for (scale, off) in scales.into_iter().zip(off) {
                if off {
                    *scale = 0.0;
                }
            }
        };
        match device {
            DeviceConfig::Pcm(d) | DeviceConfig::PcmAihwkit(d) => {
                scale([&mut d.programming_noise_scale, &mut d.read_noise_scale, &mut d.drift_scale])
            }
            DeviceConfig::Hermes(d) => {
                scale([&mut d.programming_noise_scale, &mut d.read_noise_scale, &mut d.drift_scale])
            }
            DeviceConfig::ReramCmo(d) => {
                scale([&mut d.programming_noise_scale, &mut d.read_noise_scale, &mut d.drift_scale])
            }
            // All of its error is one, and grows with time.
            DeviceConfig::ReramWan(d) => scale([&mut d.noise_scale, &mut 0.0, &mut 0.0]),
            DeviceConfig::StateIndependent(d) => {
                scale([&mut d.programming_std_us, &mut d.read_std_us, &mut d.nu_mean]);
                scale([&mut 0.0, &mut 0.0, &mut d.nu_std]);
            }
            DeviceConfig::Measured(measured) => {
                let MeasuredConfig { table, retention, .. } = measured.as_mut();
                if off[2] {
                    *retention = None;
                }
                if off[0] {
                    table.g_mean_us.clone_from(&table.g_target_us);
                }
                for i in 0..table.g_target_us.len() {
                    let (std, read) = (&mut table.g_std_us[i], &mut table.read_std_us[i]);
                    scale([std, read, &mut table.nu_mean[i]]);
                    scale([&mut 0.0, &mut 0.0, &mut table.nu_std[i]]);
                }
            }
            // A device without errors, or one that came later and has none that are known here.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESETS: [&str; 9] = [
        "standard-pcm",
        "aihwkit-pcm",
        "hermes-one",
        "hermes-two",
        "measured-example",
        "reram-cmo",
        "reram-wan",
        "state-independent",
        "ideal",
    ];

    #[test]
    fn every_tile_can_be_without_errors() {
        for preset in PRESETS {
            let mut tile = TileConfig::load(preset).unwrap();
            tile.periphery.adc.s_shape =
                Some(crossbar::SShape { strength: 0.25, spread: 0.1, slope: 0.5 });
            let ideal = ErrorSource::none(&tile);
            ideal.check().unwrap();
            assert_eq!(ErrorSource::of(&ideal), [], "{preset}");
            for source in ErrorSource::of(&tile) {
                let (alone, without) = (source.alone(&tile), source.without(&tile));
                alone.check().unwrap();
                without.check().unwrap();
                // An S-shape needs a bound, which the ADC has.
                let first = ErrorSource::of(&alone).into_iter().next_back();
                assert_eq!(first, Some(source), "{preset}");
                assert_ne!(without, tile, "{preset}: {source:?}");
            }
        }
    }

    /// Taking all that a tile has away one after another leaves the tile without any.
    #[test]
    fn the_sources_are_all_there_is() {
        let tile = crossbar::presets::standard_pcm();
        let sources = ErrorSource::of(&tile);
        assert_eq!(sources.len(), 8, "{sources:?}");
        let rest = sources.iter().fold(tile.clone(), |rest, source| source.without(&rest));
        assert_eq!(rest, ErrorSource::none(&tile));
    }
}
