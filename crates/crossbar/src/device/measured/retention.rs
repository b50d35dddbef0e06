//! [`Retention`]: conductance against time as it was measured.

use serde::{Deserialize, Serialize};

use crate::device::model::{Programmed, assert_same_len};
use crate::error::TileError;
use crate::limits::at_least;

/// What is left of a programmed conductance after a time.
///
/// ```text
/// g_D(t) = g_P max(m(t) + d(t) ξ, 0)                    ξ of a device the same at all times
/// ```
///
/// m and d are linear in ln t between the rows; before the first row they are linear in t, from 1 and 0
/// at the time 0; beyond the last row both go on as between the last two, d not below 0.
///
/// Assumed: what is beyond the last row; a year that was not measured is a guess whoever makes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Times in seconds since programming, above 0 and increasing.
    pub t_s: Vec<f64>,
    /// Mean m over devices of g(t)/g_P.
    pub ratio_mean: Vec<f32>,
    /// Its standard deviation d over devices.
    pub ratio_std: Vec<f32>,
}

impl Retention {
    pub(super) fn check(&self) -> Result<(), TileError> {
        let Self { t_s, ratio_mean, ratio_std } = self;
        TileError::check_count("retention: number of times", t_s.len(), 2..=100_000)?;
        for (field, column) in [("ratio_mean", ratio_mean), ("ratio_std", ratio_std)] {
            if column.len() != t_s.len() {
                let (found, times) = (column.len(), t_s.len());
                return Err(TileError::TableSyntax(format!(
                    "retention: {field} has {found} values, t_s {times}"
                )));
            }
        }
        for &t in t_s {
            TileError::check_duration_s("retention: t_s", t)?;
        }
        if let Some(pair) = t_s.windows(2).find(|pair| pair[1] <= pair[0]) {
            return TileError::check(
                false,
                "retention: t_s",
                pair[1],
                "does not exceed the one before",
            );
        }
        for &ratio in ratio_mean {
            TileError::check_within("retention: ratio_mean", ratio, 0.0..=1e3)?;
        }
        for &ratio in ratio_std {
            TileError::check_within("retention: ratio_std", ratio, 0.0..=1e3)?;
        }
        Ok(())
    }

    /// (m, d) of a time.
    pub fn at(&self, t_s: f64) -> (f32, f32) {
        let Self { t_s: times, ratio_mean, ratio_std } = self;
        if t_s < times[0] {
            let share = (t_s / times[0]) as f32;
            return (1.0 + share * (ratio_mean[0] - 1.0), share * ratio_std[0]);
        }
        let row = times.partition_point(|&t| t <= t_s).clamp(1, times.len() - 1) - 1;
        let share = (libm::log(t_s / times[row]) / libm::log(times[row + 1] / times[row])) as f32;
        let between = |column: &[f32]| column[row] + share * (column[row + 1] - column[row]);
        (between(ratio_mean), at_least(between(ratio_std), 0.0))
    }

    pub(super) fn apply(&self, devices: Programmed<'_>, t_s: f64, g_us: &mut [f32]) {
        assert_same_len(devices.target_us.len(), g_us.len());
        let (mean, std) = self.at(t_s);
        for ((g, &programmed), &xi) in
            g_us.iter_mut().zip(devices.programmed_us).zip(devices.parameter)
        {
            *g = programmed * at_least(mean + std * xi, 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Retention {
        Retention {
            t_s: vec![1.0, 100.0, 10_000.0],
            ratio_mean: vec![0.9, 0.8, 0.6],
            ratio_std: vec![0.01, 0.02, 0.01],
        }
    }

    #[test]
    fn ratios_lie_between_and_beyond_the_rows() {
        let at = |t_s| table().at(t_s);
        let close = |(m, d): (f32, f32), (mean, std): (f32, f32)| {
            assert!(
                (m - mean).abs() < 1e-6 && (d - std).abs() < 1e-6,
                "({m}, {d}), not ({mean}, {std})"
            );
        };
        close(at(0.0), (1.0, 0.0));
        close(at(0.5), (0.95, 0.005));
        close(at(1.0), (0.9, 0.01));
        close(at(10.0), (0.85, 0.015));
        close(at(10_000.0), (0.6, 0.01));
        close(at(1e6), (0.4, 0.0));
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        for (change, message) in [
            ((|t| t.t_s[0] = 0.0) as fn(&mut Retention), "retention: t_s = 0"),
            (|t| t.t_s[2] = 50.0, "retention: t_s = 50 does not exceed the one before"),
            (|t| t.ratio_std.truncate(1), "ratio_std has 1 values, t_s 3"),
            (|t| t.ratio_mean[1] = -0.5, "retention: ratio_mean = -0.5"),
        ] {
            let mut table = table();
            change(&mut table);
            let error = table.check().unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
