//! [`DeviceConfig`]: a device as a configuration file writes it, or one of the caller's.

use std::sync::Arc;

use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::ser::{SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::hermes::Hermes;
use super::ideal::Ideal;
use super::measured::{Measured, MeasuredConfig};
use super::model::Device;
use super::pcm::Pcm;
use super::pcm_aihwkit::PcmAihwkit;
use super::reram_cmo::ReRamCmo;
use super::reram_wan::ReRamWan;
use super::state_independent::StateIndependent;
use crate::error::TileError;

/// Which device, by its `model` key.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DeviceConfig {
    /// [`Ideal`].
    Ideal(Ideal),
    /// [`Pcm`], as in the paper.
    Pcm(Pcm),
    /// [`PcmAihwkit`], as in AIHWKit.
    PcmAihwkit(Pcm),
    /// [`Hermes`].
    Hermes(Hermes),
    /// [`ReRamWan`].
    ReramWan(ReRamWan),
    /// [`ReRamCmo`].
    ReramCmo(ReRamCmo),
    /// [`StateIndependent`].
    StateIndependent(StateIndependent),
    /// [`Measured`].
    Measured(Box<MeasuredConfig>),
    /// One that is defined elsewhere: files cannot name it.
    Own(OwnDevice),
}

/// A device of the caller's, equal to itself alone. Where a configuration is written, its `Debug` text stands for
/// it, so that tiles of devices that print otherwise are told apart.
#[derive(Clone, Debug)]
pub struct OwnDevice(Arc<dyn Device>);

impl PartialEq for OwnDevice {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Serialize for OwnDevice {
    fn serialize<S: Serializer>(&self, target: S) -> Result<S::Ok, S::Error> {
        let mut device = target.serialize_struct("OwnDevice", 1)?;
        device.serialize_field("device", &format!("{:?}", self.0))?;
        device.end()
    }
}

const MODELS: [&str; 8] = [
    "ideal",
    "pcm",
    "pcm-aihwkit",
    "hermes",
    "reram-wan",
    "reram-cmo",
    "state-independent",
    "measured",
];

/// By hand, because the derived one forgets which key an error is of.
impl<'de> Deserialize<'de> for DeviceConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn read<T: DeserializeOwned, E: Error>(table: Table) -> Result<T, E> {
            Value::Table(table).try_into().map_err(E::custom)
        }
        let mut table = Table::deserialize(deserializer)?;
        let model = table.remove("model").ok_or_else(|| D::Error::missing_field("model"))?;
        let Value::String(model) = model else {
            return Err(D::Error::custom(format!("model = {model} is not a text")));
        };
        match model.as_str() {
            "ideal" => read(table).map(Self::Ideal),
            "pcm" => read(table).map(Self::Pcm),
            "pcm-aihwkit" => read(table).map(Self::PcmAihwkit),
            "hermes" => read(table).map(Self::Hermes),
            "reram-wan" => read(table).map(Self::ReramWan),
            "reram-cmo" => read(table).map(Self::ReramCmo),
            "state-independent" => read(table).map(Self::StateIndependent),
            "measured" => match table.get("table") {
                Some(Value::String(path)) => Err(D::Error::custom(format!(
                    "device.table = \"{path}\" is a path, which is read only where a tile is a file of its own"
                ))),
                _ => read(table).map(Self::Measured),
            },
            "own" => Err(D::Error::custom(
                "model = \"own\" is a device of a program, which no file describes",
            )),
            _ => {
                let models = MODELS.join(", ");
                Err(D::Error::custom(format!("model = \"{model}\" is none of {models}")))
            }
        }
    }
}

impl From<MeasuredConfig> for DeviceConfig {
    fn from(measured: MeasuredConfig) -> Self {
        Self::Measured(Box::new(measured))
    }
}

impl DeviceConfig {
    /// A device that is defined elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use crossbar::device::{Device, DeviceConfig, Draws, Programmed};
    /// use crossbar::{AnalogTile, TileConfig};
    /// use numerics::{Par, Seed};
    ///
    /// /// Every device errs by one per cent of its target, and stays as it is.
    /// #[derive(Debug)]
    /// struct OnePerCent;
    ///
    /// impl Device for OnePerCent {
    ///     fn g_max_us(&self) -> f32 {
    ///         50.0
    ///     }
    ///
    ///     fn program(&self, target_us: &[f32], draws: &Draws, g_us: &mut [f32], parameter: &mut [f32]) {
    ///         draws.gaussian("programming", g_us);
    ///         g_us.iter_mut().zip(target_us).for_each(|(g, target)| *g = target * (1.0 + 0.01 * *g));
    ///         parameter.fill(0.0);
    ///     }
    ///
    ///     fn drift(&self, devices: Programmed<'_>, _: f64, g_us: &mut [f32]) {
    ///         g_us.copy_from_slice(devices.programmed_us);
    ///     }
    ///
    ///     fn read(&self, _: Programmed<'_>, _: f64, _: &Draws, _: &mut [f32]) {}
    /// }
    ///
    /// let mut config = TileConfig::load("standard-pcm")?;
    /// config.device = DeviceConfig::own(OnePerCent);
    /// let tile = AnalogTile::program(&config, &[0.5, -1.0], 2, &Seed::new(1), Par::Seq)?;
    /// assert!(tile.weights().iter().zip([0.5, -1.0]).all(|(w, to)| (w - to).abs() < 0.05));
    /// # Ok::<(), crossbar::TileError>(())
    /// ```
    pub fn own(device: impl Device + 'static) -> Self {
        Self::Own(OwnDevice(Arc::new(device)))
    }

    /// The device.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a value is out of range or the table is malformed.
    pub fn build(&self) -> Result<Arc<dyn Device>, TileError> {
        Ok(match self {
            Self::Own(own) => {
                let range = [own.0.g_min_us(), own.0.g_max_us()];
                TileError::check_conductance_us("g_max_us of the own device", range[1])?;
                let below = range[0] >= 0.0 && range[0] < range[1];
                TileError::check(
                    below,
                    "g_min_us of the own device",
                    range[0],
                    "does not lie in [0, g_max_us)",
                )?;
                Arc::clone(&own.0)
            }
            Self::Ideal(ideal) => {
                TileError::check_conductance_us("g_max_us", ideal.g_max_us)?;
                Arc::new(*ideal)
            }
            Self::Pcm(pcm) => {
                pcm.check()?;
                Arc::new(*pcm)
            }
            Self::PcmAihwkit(pcm) => {
                pcm.check()?;
                Arc::new(PcmAihwkit(*pcm))
            }
            Self::Hermes(hermes) => {
                hermes.check()?;
                Arc::new(*hermes)
            }
            Self::ReramWan(reram) => {
                reram.check()?;
                Arc::new(*reram)
            }
            Self::ReramCmo(reram) => {
                reram.check()?;
                Arc::new(*reram)
            }
            Self::StateIndependent(device) => {
                device.check()?;
                Arc::new(*device)
            }
            Self::Measured(measured) => Arc::new(Measured::of((**measured).clone())?),
        })
    }
}
