//! [`ProgrammingFigures`]: what it takes to write the weights, once.
//!
//! ```text
//! energy = devices · iterations · (E_pulse + E_verify)
//! time   = ⌈devices / devices_at_once⌉ · iterations · t_iteration
//! ```
//!
//! Devices are written by iterations, a pulse and a reading each, until they conduct what they
//! shall. Every device of a pair is written: the one that stays at reset is brought there.

use serde::{Deserialize, Serialize};

use super::range::Range;
use crate::error::TileError;

/// What it takes to write a device; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgrammingFigures {
    /// Iterations of writing and verifying.
    pub iterations: Range,
    /// Energy of a pulse in pJ.
    pub pulse_pj: Range,
    /// Energy of a verification in pJ, its conversion included.
    pub verify_pj: Range,
    /// Time of an iteration in ns.
    pub iteration_ns: Range,
    /// Devices that a tile writes at the same time, at least 1.
    pub devices_at_once: usize,
}

/// Energy and time of writing all weights once.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Programming {
    /// Energy in pJ.
    pub energy_pj: Range,
    /// Time in ns. Tiles are written at the same time.
    pub time_ns: Range,
}

impl ProgrammingFigures {
    /// Of one tile.
    pub(super) fn of(&self, devices: usize) -> Programming {
        let each = (self.pulse_pj + self.verify_pj).zip(self.iterations, |pj, n| pj * n);
        let groups = devices.div_ceil(self.devices_at_once);
        let time = self.iteration_ns.zip(self.iterations, |ns, n| ns * n);
        Programming { energy_pj: each.scaled(devices as f64), time_ns: time.scaled(groups as f64) }
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        self.iterations.check("programming.iterations")?;
        self.pulse_pj.check("programming.pulse_pj")?;
        self.verify_pj.check("programming.verify_pj")?;
        self.iteration_ns.check("programming.iteration_ns")?;
        let count = self.devices_at_once as f64;
        let field = "programming.devices_at_once";
        TileError::check(self.devices_at_once > 0, field, count, "is not ≥ 1")
    }
}
