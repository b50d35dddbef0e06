//! [`SurveyedAdc`]: the energy of an output conversion as published converters take it.
//!
//! ```text
//! E(N, f, T) = w 2^N (max(T, 28 nm)/65 nm)^2.5 (1 + f/f_c) + 10^((6.02 N + 1.76 − S)/10)/2
//!
//! w = 7 fJ    f_c = 85 MHz    S = 178 dB    N effective bits, f samples per second, T technology
//! ```
//!
//! Few bits take a constant energy per conversion step (the figure of merit of Walden), which shrinks
//! with the technology and grows with the rate beyond a corner; many bits take four times the
//! energy for each, as their thermal noise asks (the figure of merit of Schreier, S), in any
//! technology. The range is that of the quartiles: half of the converters lie inside, within 0.5
//! and 2.9 times the nominal value, and nine in ten within 0.12 and 12 times.
//!
//! Source: \[Murmann23\]; the two figures of merit are its own. Assumed: the coefficients, and the
//! form of the corner. They are the least absolute deviations of ln E over the 215 converters of
//! the survey, 1997 to 2023, whose area is known. Below 28 nm the survey has no converters that
//! take less. The medians of what is left lie between 0.8 and 1.4 times the nominal value over
//! resolutions and technologies, and between 0.6 (below 10 MS/s) and 2.1 (10 to 100 MS/s) over rates.
//!
//! These are converters that were published for being good, each alone. One in the pitch of a bit
//! line, with what holds the line at its voltage, takes more.

use serde::{Deserialize, Serialize};

use super::range::Range;
use crate::error::TileError;

/// w in pJ.
const STEP_PJ: f64 = 7e-3;
/// Technology of w in nm, the least that still gives something, and the power by which it does.
const TECHNOLOGY_NM: f64 = 65.0;
const LEAST_NM: f64 = 28.0;
const SHRINKING: f64 = 2.5;
/// f_c in samples per second.
const CORNER: f64 = 85e6;
/// S in dB.
const SCHREIER_DB: f64 = 178.0;
/// Quartiles of what is published over the nominal value.
const QUARTILES: [f64; 2] = [0.5, 2.9];
/// Samples per second beyond what any converter has.
const FASTEST: f64 = 1e12;

/// A converter that takes what surveyed ones do; see the [module](self).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyedAdc {
    /// Technology in nm.
    pub technology_nm: f64,
    /// Conversions per second; one in each conversion time of the figures if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples_per_s: Option<f64>,
    /// Bits that are not effective.
    #[serde(default)]
    pub lost_bits: f64,
}

/// Energy of one conversion in pJ, of `enob` effective bits at a rate in a technology.
///
/// # Examples
///
/// ```
/// use crossbar::cost::survey::conversion_pj;
///
/// // 8 bits at 85 MS/s in 65 nm: 256 · 7 fJ, twice for the corner; the noise takes 0.08 pJ.
/// let pj = conversion_pj(8.0, 85e6, 65.0);
/// assert!((pj.nominal - 3.584 - 0.078).abs() < 1e-3);
/// assert!((pj.low - 0.5 * pj.nominal).abs() < 1e-12);
/// // 16 bits at 1 MS/s: the noise takes nine tenths of it.
/// assert!((5000.0..6000.0).contains(&conversion_pj(16.0, 1e6, 65.0).nominal));
/// ```
pub fn conversion_pj(enob: f64, samples_per_s: f64, technology_nm: f64) -> Range {
    let technology = libm::pow(technology_nm.max(LEAST_NM) / TECHNOLOGY_NM, SHRINKING);
    let steps = STEP_PJ * libm::exp2(enob) * technology * (1.0 + samples_per_s / CORNER);
    // 1 J = 10¹² pJ; the figure of merit takes half of the rate for the bandwidth.
    let noise = 0.5e12 * libm::pow(10.0, (6.02 * enob + 1.76 - SCHREIER_DB) / 10.0);
    let nominal = steps + noise;
    Range { low: QUARTILES[0] * nominal, nominal, high: QUARTILES[1] * nominal }
}

impl SurveyedAdc {
    /// Energy of a conversion in pJ of `bits` in `ns`.
    pub(super) fn pj(&self, bits: f64, ns: f64) -> Range {
        let rate = self.samples_per_s.unwrap_or_else(|| (1e9 / ns).min(FASTEST));
        conversion_pj(bits - self.lost_bits, rate, self.technology_nm)
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        TileError::check_within("adc_survey.technology_nm", self.technology_nm, 1.0..=10_000.0)?;
        let rate = self.samples_per_s.unwrap_or(1.0);
        TileError::check_within("adc_survey.samples_per_s", rate, 1.0..=FASTEST)?;
        TileError::check_within("adc_survey.lost_bits", self.lost_bits, 0.0..=24.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Converters of the survey that are known by themselves: samples per second, nm, dB, pJ.
    #[test]
    fn published_converters_lie_in_the_range_or_near_it() {
        for (rate, nm, sndr_db, pj) in [
            (1e6, 65.0, 54.4, 1.9),    // charge-redistribution SAR, 10 bits at 1 MS/s
            (1.2e9, 32.0, 39.3, 2.55), // asynchronous SAR, 8 bits at 1.2 GS/s
            (90e9, 32.0, 33.0, 7.41),  // 64 of them interleaved
            (24e9, 90.0, 22.83, 50.0), // flash and SAR, interleaved
        ] {
            let Range { low, nominal, high } = conversion_pj((sndr_db - 1.76) / 6.02, rate, nm);
            assert!(0.1 * low < pj && pj < 3.0 * high, "{pj} pJ, {low} to {nominal} to {high}");
        }
    }

    #[test]
    fn more_bits_more_speed_and_older_technology_cost_more() {
        let pj = |n, f, t| conversion_pj(n, f, t).nominal;
        for bits in 3..16 {
            let n = f64::from(bits);
            // Twice the energy for a bit where steps count, four times where noise does.
            let ratio = pj(n + 1.0, 1e6, 65.0) / pj(n, 1e6, 65.0);
            assert!((2.0..4.1).contains(&ratio), "{bits} bits: {ratio}");
            assert!(pj(n, 1e9, 65.0) > pj(n, 1e8, 65.0));
            assert!(pj(n, 1e8, 130.0) > pj(n, 1e8, 65.0));
            assert_eq!(pj(n, 1e8, 28.0), pj(n, 1e8, 7.0));
        }
        assert!(pj(4.0, 1e6, 65.0) / pj(3.0, 1e6, 65.0) < 2.01);
        assert!(pj(17.0, 1e6, 65.0) / pj(16.0, 1e6, 65.0) > 3.8);
    }
}
