//! [`DeviceConfig`]: a device as a configuration file writes it.

use serde::{Deserialize, Serialize};

use super::{
    Device, Hermes, Ideal, Measured, MeasuredTable, Pcm, PcmAihwkit, ReRamCmo, ReRamWan,
    StateIndependent,
};
use crate::TileError;

/// Which device, by its `model` key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    expecting = "a table with its model: ideal, pcm, pcm-aihwkit, hermes, reram-wan, reram-cmo, state-independent or measured"
)]
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
                TileError::check_positive("g_max_us", ideal.g_max_us)?;
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
