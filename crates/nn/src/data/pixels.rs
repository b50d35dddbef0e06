//! [`Pixels`]: which value a pixel becomes.

use serde::{Deserialize, Serialize};

use crate::arithmetic::any::AnyArithmetic;

/// Mean and standard deviation of each channel, of values in [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// Mean per channel.
    pub mean: Vec<f32>,
    /// Standard deviation per channel, positive.
    pub std_dev: Vec<f32>,
}

/// A normalisation that does not fit the images.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PixelError {
    /// One entry per channel is needed.
    #[error("{means} means and {std_devs} standard deviations for images of {channels} channels")]
    Channels {
        /// Entries in `mean`.
        means: usize,
        /// Entries in `std_dev`.
        std_devs: usize,
        /// Channels of the images.
        channels: usize,
    },
    /// A mean that is not finite, or a deviation that is not positive.
    #[error(
        "channel {channel} cannot be normalised by mean {mean} and standard deviation {std_dev}"
    )]
    Value {
        /// The channel.
        channel: usize,
        /// Its mean.
        mean: String,
        /// Its standard deviation.
        std_dev: String,
    },
}

/// The value of every pixel of every channel, a table of 256 entries each.
///
/// ```text
/// value = input((p / 255 − mean) / std_dev)
/// ```
///
/// `input` is the arithmetic's [`Arithmetic::input`](crate::Arithmetic::input). Without normalisation
/// values lie in [0, 1], as in [Gupta15 §4].
#[derive(Clone, Debug)]
pub struct Pixels(Vec<[f32; 256]>);

impl Pixels {
    /// p / 255 in the numbers of `arithmetic`, for any number of channels.
    pub fn unit(arithmetic: &AnyArithmetic) -> Self {
        Self(vec![table(arithmetic, 0.0, 1.0)])
    }

    /// Normalised values in the numbers of `arithmetic`.
    ///
    /// # Errors
    ///
    /// [`PixelError`] if there is not one sensible entry for each of `channels`.
    pub fn normalized(
        normalization: &Normalization,
        channels: usize,
        arithmetic: &AnyArithmetic,
    ) -> Result<Self, PixelError> {
        let Normalization { mean, std_dev } = normalization;
        if mean.len() != channels || std_dev.len() != channels {
            let (means, std_devs) = (mean.len(), std_dev.len());
            return Err(PixelError::Channels { means, std_devs, channels });
        }
        let tables = mean.iter().zip(std_dev).enumerate().map(|(channel, (&mean, &std_dev))| {
            if mean.is_finite() && std_dev.is_finite() && std_dev > 0.0 {
                Ok(table(arithmetic, mean, std_dev))
            } else {
                let (mean, std_dev) = (mean.to_string(), std_dev.to_string());
                Err(PixelError::Value { channel, mean, std_dev })
            }
        });
        tables.collect::<Result<_, _>>().map(Self)
    }

    /// The values of an image.
    pub(super) fn values(&self, image: &[u8], out: &mut [f32]) {
        if let [table] = &*self.0 {
            out.iter_mut().zip(image).for_each(|(x, &p)| *x = table[usize::from(p)]);
        } else {
            let channels = self.0.len();
            for (out, image) in out.chunks_exact_mut(channels).zip(image.chunks_exact(channels)) {
                for ((x, &p), table) in out.iter_mut().zip(image).zip(&self.0) {
                    *x = table[usize::from(p)];
                }
            }
        }
    }

    /// The value of a pixel of a channel.
    pub(super) fn value(&self, channel: usize, pixel: u8) -> f32 {
        self.0[if self.0.len() == 1 { 0 } else { channel }][usize::from(pixel)]
    }
}

fn table(arithmetic: &AnyArithmetic, mean: f32, std_dev: f32) -> [f32; 256] {
    std::array::from_fn(|p| arithmetic.input((p as f32 / 255.0 - mean) / std_dev))
}
