//! [`TileConfig`]: everything that describes a tile, as data.

mod base;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compensation::config::CompensationConfig;
use crate::device::{DeviceConfig, Faults};
use crate::error::TileError;
use crate::mapping::MappingConfig;
use crate::periphery::PeripheryConfig;
use crate::presets;
use crate::wires::{IrDropConfig, LineConfig};

/// A tile: devices, mapping, wires, periphery, compensation. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TileConfig {
    /// The memory device.
    pub device: DeviceConfig,
    /// Devices that do not work.
    #[serde(default)]
    pub faults: Faults,
    /// Weights to conductances and matrices to tiles.
    pub mapping: MappingConfig,
    /// The drop along the bit lines, estimated in every product; in training only where there are `lines`.
    pub ir_drop: IrDropConfig,
    /// Word and bit lines by their circuit, from the conductances of the tile's own devices: what
    /// [`AnalogTile::weights`](crate::AnalogTile::weights) gives has them in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineConfig>,
    /// Converters and noise.
    pub periphery: PeripheryConfig,
    /// What is done against drift.
    pub compensation: CompensationConfig,
}

impl TileConfig {
    /// Reads a configuration, which may name a preset as its `base`.
    ///
    /// ```toml
    /// base = "standard-pcm"        # taken over; a `[device]` of another model replaces that of the base
    /// without = ["periphery.adc.s_shape"]   # but for these keys
    ///
    /// [periphery.adc]              # and for what is said here
    /// noise = 0.02
    /// ```
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] with line and key for text that is no configuration, and for one that names a
    /// file: [`Self::load`] reads those. The error of the field that is out of range.
    pub fn from_toml(text: &str) -> Result<Self, TileError> {
        Self::read(text, None)
    }

    /// Reads a configuration from a file, or the preset of that name. Its `base` may be another file, and the `table`
    /// of a measured device one with comma-separated values
    /// ([`MeasuredTable::from_csv`](crate::device::MeasuredTable::from_csv)), both beside it.
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] if there is neither, and as [`Self::from_toml`].
    pub fn load(preset_or_path: &str) -> Result<Self, TileError> {
        if let Some(text) = presets::text(preset_or_path) {
            return Self::from_toml(text);
        }
        let path = Path::new(preset_or_path);
        let text = std::fs::read_to_string(path).map_err(|error| {
            let names = presets::names().collect::<Vec<_>>().join(", ");
            TileError::Syntax(format!(
                "'{preset_or_path}' is neither a preset ({names}) nor a readable file: {error}"
            ))
        })?;
        Self::read(&text, path.parent())
    }

    fn read(text: &str, folder: Option<&Path>) -> Result<Self, TileError> {
        let syntax = |error: toml::de::Error| TileError::Syntax(error.to_string());
        let table: toml::Table = text.parse().map_err(syntax)?;
        // Read from a text either way, for the lines in its errors.
        let config: Self = if base::is_whole(&table) {
            toml::from_str(text).map_err(syntax)?
        } else {
            let whole = toml::to_string(&base::resolve(table, folder)?)
                .map_err(|error| TileError::Syntax(error.to_string()))?;
            toml::from_str(&whole)
                .map_err(|error| TileError::Syntax(format!("completed, it is no tile: {error}")))?
        };
        config.check()?;
        Ok(config)
    }

    /// The configuration as TOML.
    ///
    /// # Panics
    ///
    /// Never: every configuration can be written.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is made of tables, numbers and strings")
    }

    /// Checks every field.
    ///
    /// # Errors
    ///
    /// The error of the first field that is out of range.
    pub fn check(&self) -> Result<(), TileError> {
        self.device.build()?;
        self.faults.check()?;
        self.mapping.check()?;
        self.ir_drop.check()?;
        self.lines.iter().try_for_each(LineConfig::check)?;
        self.periphery.check()?;
        self.compensation.check()
    }
}
