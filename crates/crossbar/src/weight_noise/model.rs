//! [`WeightNoiseConfig`]: the noise of weights in training as data, and its standard deviation.

use serde::{Deserialize, Serialize};

use crate::device::{Pcm, ReRamWan, one_over_f_growth, programming_std_us, read_noise_coefficient};
use crate::error::TileError;
use crate::mapping::WeightScale;

/// Noise of the weights in training, as data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeightNoiseConfig {
    /// σ(r).
    pub model: WeightNoiseModel,
    /// s, which multiplies the noise. Source: [Rasch23 Supp. Tab. 3], 1 to 5.
    pub scale: f32,
    /// Probability p that a weight is dropped. Source: [Rasch23 Supp. Tab. 3], 0.1 to 1 %.
    #[serde(default)]
    pub drop_connect: f32,
    /// What m is: 1 (`unit`), the largest magnitude of each output (`column`) or of all weights
    /// given (`tile`, `matrix`).
    pub relative_to: WeightScale,
}

/// The standard deviation of a weight's error, relative to g_max.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a table with its kind: none, constant, pcm or reram-wan")]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum WeightNoiseModel {
    /// None: drop-connect alone, if anything.
    None,
    /// The same for every weight, zeros included; the sign may change.
    Constant {
        /// σ.
        sigma: f32,
    },
    /// Programming error and accumulated read noise of phase-change memory.
    Pcm {
        /// The device; its drift does not matter.
        device: Pcm,
        /// t in seconds. Source: [Rasch23 Methods], 20 s.
        t_s: f64,
    },
    /// The error of [`ReRamWan`].
    ReramWan {
        /// The device.
        device: ReRamWan,
        /// t in seconds. Source: [Rasch23 Supp. Tab. 5], 1 s.
        t_s: f64,
    },
}

impl WeightNoiseConfig {
    /// The paper's: PCM at 20 s, weights in [−1, 1].
    pub fn paper(scale: f32, drop_connect: f32) -> Self {
        let model = WeightNoiseModel::Pcm { device: Pcm::paper(), t_s: 20.0 };
        Self { model, scale, drop_connect, relative_to: WeightScale::Unit }
    }
}

impl WeightNoiseModel {
    /// σ(r), r = |w|/m.
    ///
    /// # Examples
    ///
    /// ```
    /// use crossbar::{WeightNoiseModel, device::Pcm};
    ///
    /// let programming = WeightNoiseModel::Pcm { device: Pcm::paper(), t_s: 0.0 };
    /// assert!((programming.std(1.0) - 1.05538 / 25.0).abs() < 1e-7);
    /// ```
    pub fn std(&self, r: f32) -> f32 {
        match *self {
            Self::None => 0.0,
            Self::Constant { sigma } => sigma,
            Self::Pcm { device, t_s } => {
                let programming = device.programming_noise_scale
                    * programming_std_us(r, device.g_max_us)
                    / device.g_max_us;
                let growth = one_over_f_growth(t_s, device.t_read_s) as f32;
                let read = device.read_noise_scale * growth * r * read_noise_coefficient(r);
                programming.hypot(read)
            }
            Self::ReramWan { device, t_s } => {
                device.error_std_us(r, t_s).max(0.0) / device.g_max_us
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), TileError> {
        let time = |t_s: f64| {
            if t_s.is_finite() && t_s >= 0.0 { Ok(()) } else { Err(TileError::Time { t_s }) }
        };
        match *self {
            Self::None => Ok(()),
            Self::Constant { sigma } => TileError::check_size("sigma", sigma),
            Self::Pcm { device, t_s } => device.check().and_then(|()| time(t_s)),
            Self::ReramWan { device, t_s } => device.check().and_then(|()| time(t_s)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// σ in µS over g_max; devices of twice the range err twice as much.
    #[test]
    fn the_noise_is_that_of_the_devices_relative_to_their_range() {
        for r in [0.0, 0.1, 0.5, 1.0] {
            for t_s in [1.0, 60.0, 1e5] {
                let of = |device: ReRamWan| WeightNoiseModel::ReramWan { device, t_s }.std(r);
                let paper = ReRamWan::paper();
                let sigma = paper.error_std_us(r, t_s) / 40.0;
                assert!(sigma > 0.0 && (of(paper) / sigma - 1.0).abs() < 1e-6, "{r}, {t_s} s");
                let twice = ReRamWan { g_max_us: 80.0, ..paper };
                assert!((of(twice) / sigma - 1.0).abs() < 1e-6, "{r}, {t_s} s");
                let pcm = |device: Pcm| WeightNoiseModel::Pcm { device, t_s }.std(r);
                let twice = Pcm { g_max_us: 50.0, ..Pcm::paper() };
                assert!((pcm(twice) / pcm(Pcm::paper()) - 1.0).abs() < 1e-6, "{r}, {t_s} s");
            }
        }
    }
}
