//! [`DeviceConfig`]: a device as a configuration file writes it.

use serde::de::{DeserializeOwned, Deserializer, Error};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::hermes::Hermes;
use super::ideal::Ideal;
use super::measured::{Measured, MeasuredTable};
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
    Measured(MeasuredConfig),
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
            "measured" => read(table).map(Self::Measured),
            _ => {
                let models = MODELS.join(", ");
                Err(D::Error::custom(format!("model = \"{model}\" is none of {models}")))
            }
        }
    }
}

/// A [`Measured`] device as a configuration file writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredConfig {
    /// Reference time of the drift in seconds.
    pub t0_s: f64,
    /// Duration of one read in seconds, if the read noise grows as 1/f noise does.
    #[serde(default)]
    pub t_read_s: Option<f64>,
    /// The measurements.
    pub table: MeasuredTable,
}

impl DeviceConfig {
    /// The device.
    ///
    /// # Errors
    ///
    /// [`TileError`] if a value is out of range or the table is malformed.
    pub fn build(&self) -> Result<Box<dyn Device>, TileError> {
        Ok(match self {
            Self::Ideal(ideal) => {
                TileError::check_conductance_us("g_max_us", ideal.g_max_us)?;
                Box::new(*ideal)
            }
            Self::Pcm(pcm) => {
                pcm.check()?;
                Box::new(*pcm)
            }
            Self::PcmAihwkit(pcm) => {
                pcm.check()?;
                Box::new(PcmAihwkit(*pcm))
            }
            Self::Hermes(hermes) => {
                hermes.check()?;
                Box::new(*hermes)
            }
            Self::ReramWan(reram) => {
                reram.check()?;
                Box::new(*reram)
            }
            Self::ReramCmo(reram) => {
                reram.check()?;
                Box::new(*reram)
            }
            Self::StateIndependent(device) => {
                device.check()?;
                Box::new(*device)
            }
            Self::Measured(MeasuredConfig { t0_s, t_read_s, table }) => {
                Box::new(Measured::new(table.clone(), *t0_s, *t_read_s)?)
            }
        })
    }
}
