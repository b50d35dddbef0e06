//! [`TileConfig`]: everything that describes a tile, as data.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::compensation::config::CompensationConfig;
use crate::device::{DeviceConfig, Faults};
use crate::error::TileError;
use crate::mapping::MappingConfig;
use crate::periphery::PeripheryConfig;
use crate::presets;
use crate::wires::IrDropConfig;

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
    /// The drop along the bit lines.
    pub ir_drop: IrDropConfig,
    /// Converters and noise.
    pub periphery: PeripheryConfig,
    /// What is done against drift.
    pub compensation: CompensationConfig,
}

impl TileConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] with line and key for text that is no configuration; the error of the
    /// field that is out of range.
    pub fn from_toml(text: &str) -> Result<Self, TileError> {
        let config: Self = toml::from_str(text).map_err(|e| TileError::Syntax(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Reads a configuration from a file, or the preset of that name.
    ///
    /// # Errors
    ///
    /// [`TileError::Syntax`] if there is neither, and as [`Self::from_toml`].
    pub fn load(preset_or_path: &str) -> Result<Self, TileError> {
        if let Some(text) = presets::text(preset_or_path) {
            return Self::from_toml(text);
        }
        let text = std::fs::read_to_string(Path::new(preset_or_path)).map_err(|error| {
            let names = presets::names().collect::<Vec<_>>().join(", ");
            TileError::Syntax(format!(
                "'{preset_or_path}' is neither a preset ({names}) nor a readable file: {error}"
            ))
        })?;
        Self::from_toml(&text)
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
        self.periphery.check()?;
        self.compensation.check()
    }
}
