//! [`Normalization`]: which value a number of the files becomes.

use serde::{Deserialize, Serialize};

/// What is done to the numbers of an input before a network is given them:
///
/// ```text
/// x ← (x · scale − mean[c]) / std[c]
/// ```
///
/// in f32. c is the channel: the first axis of an image (channels, height, width), the last axis of
/// anything else. One mean and one deviation are those of all channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// What numbers are multiplied by; 1/255 brings pixels to 0 … 1.
    #[serde(default = "one")]
    pub scale: f32,
    /// Mean per channel, after scaling.
    #[serde(default = "zeros")]
    pub mean: Vec<f32>,
    /// Standard deviation per channel, after scaling; positive.
    #[serde(default = "ones")]
    pub std: Vec<f32>,
}

fn one() -> f32 {
    1.0
}

fn zeros() -> Vec<f32> {
    vec![0.0]
}

fn ones() -> Vec<f32> {
    vec![1.0]
}

impl Normalization {
    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the key.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { scale, mean, std } = self;
        if !(scale.is_finite() && *scale != 0.0) {
            return Err(format!("normalization.scale is {scale}"));
        }
        if let Some(mean) = mean.iter().find(|mean| !mean.is_finite()) {
            return Err(format!("normalization.mean has {mean}"));
        }
        if let Some(std) = std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            return Err(format!("normalization.std has {std}, which is not positive"));
        }
        if mean.is_empty() || std.is_empty() {
            return Err("normalization.mean and std have at least one number each".to_owned());
        }
        Ok(())
    }

    /// Whether it has a mean and a deviation for each of so many channels.
    ///
    /// # Errors
    ///
    /// A clause.
    pub(super) fn fits(&self, channels: usize) -> Result<(), String> {
        for (key, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            let found = numbers.len();
            if found != 1 && found != channels {
                return Err(format!(
                    "normalization.{key} has {found} numbers for {channels} channels"
                ));
            }
        }
        Ok(())
    }

    /// The value of a number of a channel.
    pub(super) fn value(&self, channel: usize, x: f32) -> f32 {
        let of = |numbers: &[f32]| numbers[if numbers.len() == 1 { 0 } else { channel }];
        (x * self.scale - of(&self.mean)) / of(&self.std)
    }
}
