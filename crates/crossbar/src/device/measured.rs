//! [`Measured`]: a device described by a table of measurements.
//!
//! Each row belongs to one target conductance ĝ; between rows every column is linear in ĝ.
//!
//! | column | unit | meaning |
//! | --- | --- | --- |
//! | `g_target_us` | µS | target, strictly increasing; first and last are g_min and g_max |
//! | `g_mean_us` | µS | mean conductance after programming, not decreasing |
//! | `g_std_us` | µS | its standard deviation over devices |
//! | `nu_mean` | – | mean drift exponent |
//! | `nu_std` | – | its standard deviation over devices |
//! | `read_std_us` | µS | standard deviation over reads of one device |
//!
//! ```text
//! g_P    = max(mean(ĝ) + std(ĝ) ξ, 0)                    or another shape: see ErrorShape
//! g_D(t) = g_P ((t + t₀)/t₀)^−ν,     ν = ν_mean(ĝ) + ν_std(ĝ) ξ′,   corr(ξ, ξ′) = ρ
//! g(t)   = max(g_D + σ_read(ĝ) s(t) ξ″, 0)
//! ```
//!
//! s(t) = √ln((t + t_read)/2t_read) if a `t_read_s` is given (1/f noise, `read_std_us` being its
//! amplitude where s = 1), and 1 otherwise. Where a [`Retention`] is given, it stands in the place of the power
//! law. σ_read(ĝ) is the amplitude at the target; with `read_noise_of = "drifted"` it is σ_read(ĝ) g_D/ĝ.
//!
//! # Examples
//!
//! ```
//! use crossbar::device::{Measured, MeasuredTable};
//!
//! let table = MeasuredTable::from_csv(
//!     "g_target_us,g_mean_us,g_std_us,nu_mean,nu_std,read_std_us\n\
//!      0.0,         0.4,      0.2,     0.09,   0.02,  0.05\n\
//!      10.0,        9.8,      0.6,     0.06,   0.01,  0.10\n\
//!      20.0,        19.0,     0.7,     0.05,   0.01,  0.15\n",
//! )?;
//! let device = Measured::new(table, 20.0, None)?;
//! assert_eq!(device.table().g_mean_us[1], 9.8);
//! # Ok::<(), crossbar::TileError>(())
//! ```

mod retention;
mod shape;
mod table;

use serde::{Deserialize, Serialize};

use super::model::{
    Device, Draws, Programmed, assert_same_len, one_over_f_growth, power_law_drift,
};
use super::pcm::{ReadNoiseOf, add_read_noise};
use crate::error::TileError;
use crate::limits::at_least;

pub use retention::Retention;
pub use shape::ErrorShape;
pub use table::MeasuredTable;

/// A [`Measured`] device as a configuration file writes it. Where a file is read by
/// [`TileConfig::load`](crate::TileConfig::load), `table` may be the path of one with comma-separated values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredConfig {
    /// Reference time of the drift in seconds.
    pub t0_s: f64,
    /// Duration of one read in seconds, if the read noise grows as 1/f noise does.
    #[serde(default)]
    pub t_read_s: Option<f64>,
    /// Correlation ρ of the programming error and the drift exponent of a device.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub error_drift_correlation: f32,
    /// Which conductance the amplitude of the read noise is a share of.
    #[serde(default, skip_serializing_if = "ReadNoiseOf::is_target")]
    pub read_noise_of: ReadNoiseOf,
    /// How the programming error is distributed.
    #[serde(default, skip_serializing_if = "ErrorShape::is_normal")]
    pub error_shape: ErrorShape,
    /// The measurements.
    pub table: MeasuredTable,
    /// What is left of a conductance after a time, in the place of the power law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(x: &f32) -> bool {
    *x == 0.0
}

impl MeasuredConfig {
    /// A device with normal, uncorrelated errors and a power law.
    pub fn new(table: MeasuredTable, t0_s: f64, t_read_s: Option<f64>) -> Self {
        Self {
            t0_s,
            t_read_s,
            error_drift_correlation: 0.0,
            read_noise_of: ReadNoiseOf::Target,
            error_shape: ErrorShape::Normal,
            table,
            retention: None,
        }
    }

    fn check(&self) -> Result<(), TileError> {
        self.table.check()?;
        TileError::check_duration_s("t0_s", self.t0_s)?;
        if let Some(t_read_s) = self.t_read_s {
            TileError::check_duration_s("t_read_s", t_read_s)?;
        }
        self.error_shape.check()?;
        TileError::check_within(
            "error_drift_correlation",
            self.error_drift_correlation,
            -1.0..=1.0,
        )?;
        let Some(retention) = &self.retention else { return Ok(()) };
        retention.check()?;
        match self.table.nu_mean.iter().chain(&self.table.nu_std).find(|&&nu| nu != 0.0) {
            None => Ok(()),
            Some(&nu) => TileError::check(
                false,
                "table: drift exponent",
                nu,
                "stands beside a retention table, which is in the place of drift: it must be 0",
            ),
        }
    }
}

/// A device known by its measurements; see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    config: MeasuredConfig,
}

impl Measured {
    /// A device with reference time `t0_s` of the drift and, for 1/f noise, a read time; its errors are normal.
    ///
    /// # Errors
    ///
    /// [`TileError::Table`] or [`TileError::TableSyntax`] if the table is not as the
    /// [module](self) says; [`TileError::Config`] for times that are not positive.
    pub fn new(table: MeasuredTable, t0_s: f64, t_read_s: Option<f64>) -> Result<Self, TileError> {
        Self::of(MeasuredConfig::new(table, t0_s, t_read_s))
    }

    /// The device of a configuration.
    ///
    /// # Errors
    ///
    /// As [`Self::new`], and [`TileError::Config`] for what else is out of range.
    pub fn of(config: MeasuredConfig) -> Result<Self, TileError> {
        config.check()?;
        Ok(Self { config })
    }

    /// The measurements.
    pub fn table(&self) -> &MeasuredTable {
        &self.config.table
    }
}

fn between(column: &[f32], (row, share): (usize, f32)) -> f32 {
    column[row] + share * (column[row + 1] - column[row])
}

impl Device for Measured {
    fn g_min_us(&self) -> f32 {
        self.table().g_target_us[0]
    }

    fn g_max_us(&self) -> f32 {
        self.table().g_target_us[self.table().g_target_us.len() - 1]
    }

    fn program(
        &self,
        target_us: &[f32],
        draws: &Draws,
        programmed_us: &mut [f32],
        parameter: &mut [f32],
    ) {
        assert_same_len(target_us.len(), programmed_us.len());
        assert_same_len(target_us.len(), parameter.len());
        draws.gaussian("programming", programmed_us);
        draws.gaussian("drift", parameter);
        let MeasuredConfig { table, error_shape, error_drift_correlation: rho, retention, .. } =
            &self.config;
        let own = (1.0 - rho * rho).sqrt();
        for ((&target, g), parameter) in target_us.iter().zip(programmed_us).zip(parameter) {
            let place = table.place(target);
            let xi = *g;
            let (mean, std) = (between(&table.g_mean_us, place), between(&table.g_std_us, place));
            *g = at_least(error_shape.value(mean, std, xi), 0.0);
            let together = rho * xi + own * *parameter;
            *parameter = match retention {
                Some(_) => together,
                None => between(&table.nu_mean, place) + between(&table.nu_std, place) * together,
            };
        }
    }

    fn drift(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        match &self.config.retention {
            Some(retention) => retention.apply(devices, t_s, g_us),
            None => power_law_drift(devices, t_s, self.config.t0_s, g_us),
        }
    }

    fn read(&self, devices: Programmed<'_>, t_s: f64, draws: &Draws, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        let t_read_s = self.config.t_read_s;
        let growth = t_read_s.map_or(1.0, |t_read_s| one_over_f_growth(t_s, t_read_s) as f32);
        let table = self.table();
        add_read_noise(g_us, draws, |i, drifted| {
            let target = devices.target_us[i];
            let share = match self.config.read_noise_of {
                ReadNoiseOf::Drifted if target > 0.0 => drifted / target,
                _ => 1.0,
            };
            growth * share * between(&table.read_std_us, table.place(target))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::Seed;

    fn table() -> MeasuredTable {
        MeasuredTable {
            g_target_us: vec![1.0, 10.0, 20.0],
            g_mean_us: vec![1.5, 9.5, 18.0],
            g_std_us: vec![0.0; 3],
            nu_mean: vec![0.1, 0.05, 0.05],
            nu_std: vec![0.0; 3],
            read_std_us: vec![0.0; 3],
        }
    }

    fn programmed(device: &Measured, target: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut g, mut nu) = (vec![0.0; target.len()], vec![0.0; target.len()]);
        device.program(target, &Draws::new(Seed::new(1), 0), &mut g, &mut nu);
        (g, nu)
    }

    #[test]
    fn without_spread_the_table_is_interpolated() {
        let device = Measured::new(table(), 20.0, None).unwrap();
        let (g, nu) = programmed(&device, &[1.0, 5.5, 10.0, 15.0, 20.0]);
        assert_eq!(g, [1.5, 5.5, 9.5, 13.75, 18.0]);
        assert_eq!(nu, [0.1, 0.075, 0.05, 0.05, 0.05]);
        assert_eq!((device.g_min_us(), device.g_max_us()), (1.0, 20.0));
    }

    /// 40,000 devices: the correlation of both errors is what it is said to be, and leaves each as it was.
    #[test]
    fn errors_and_exponents_are_correlated_as_asked() {
        let mut spread = table();
        spread.g_std_us = vec![0.5; 3];
        spread.nu_std = vec![0.01; 3];
        let target = vec![10.0; 40_000];
        let drawn = |rho| {
            let config = MeasuredConfig {
                error_drift_correlation: rho,
                ..MeasuredConfig::new(spread.clone(), 20.0, None)
            };
            programmed(&Measured::of(config).unwrap(), &target)
        };
        for rho in [0.0, -0.7, 1.0] {
            let (g, nu) = drawn(rho);
            let n = g.len() as f64;
            let z: Vec<(f64, f64)> = g
                .iter()
                .zip(&nu)
                .map(|(g, nu)| ((f64::from(*g) - 9.5) / 0.5, (f64::from(*nu) - 0.05) / 0.01))
                .collect();
            let mean = |of: fn(&(f64, f64)) -> f64| z.iter().map(of).sum::<f64>() / n;
            // Five standard errors, 1/√n each and √2/√n.
            assert!((mean(|z| z.0 * z.1) - f64::from(rho)).abs() < 0.036, "{rho}");
            assert!((mean(|z| z.1 * z.1) - 1.0).abs() < 0.036, "{rho}");
        }
        assert_eq!(drawn(0.0).0, drawn(0.9).0);
    }

    #[test]
    fn a_retention_table_takes_the_place_of_drift() {
        let retention = Retention {
            t_s: vec![1.0, 100.0],
            ratio_mean: vec![0.9, 0.5],
            ratio_std: vec![0.0; 2],
        };
        let mut config = MeasuredConfig::new(table(), 20.0, None);
        config.retention = Some(retention);
        let error = Measured::of(config.clone()).unwrap_err().to_string();
        assert!(error.starts_with("table: drift exponent = 0.1"), "{error}");
        config.table.nu_mean = vec![0.0; 3];
        let device = Measured::of(config).unwrap();
        let (g, parameter) = programmed(&device, &[20.0]);
        let devices = Programmed { target_us: &[20.0], programmed_us: &g, parameter: &parameter };
        let mut later = [0.0];
        device.drift(devices, 10.0, &mut later);
        assert!((later[0] - 0.7 * 18.0).abs() < 1e-5, "{later:?}");
    }
}
