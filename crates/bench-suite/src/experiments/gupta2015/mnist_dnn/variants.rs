//! The seven arithmetics of Fig. 1, and how much is trained at a scale.

use std::fmt;

use numerics::Rounding;

use crate::measured::scale::Scale;

/// One of the seven arithmetics of Fig. 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    /// The curve's name in the paper's data.
    pub(super) curve: &'static str,
    /// Integer bits, fractional bits and rounding; `None` for f32.
    pub(super) fixed: Option<(i8, i8, Rounding)>,
    /// Index into the report's colours: one per format.
    pub(super) colour: usize,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

pub(super) const FLOAT: Variant = Variant { name: "float", curve: "float", fixed: None, colour: 0 };

const fn nearest(name: &'static str, curve: &'static str, il: i8, colour: usize) -> Variant {
    Variant { name, curve, fixed: Some((il, 16 - il, Rounding::NearestTiesDown)), colour }
}

const fn stochastic(name: &'static str, curve: &'static str, il: i8, colour: usize) -> Variant {
    Variant { name, curve, fixed: Some((il, 16 - il, Rounding::Stochastic)), colour }
}

pub(super) const NEAREST_8_8: Variant = nearest("nearest <8,8>", "RTN_FL8", 8, 1);
pub(super) const NEAREST_6_10: Variant = nearest("nearest <6,10>", "RTN_FL10", 6, 2);
pub(super) const NEAREST_2_14: Variant = nearest("nearest <2,14>", "RTN_FL14", 2, 3);
pub(super) const STOCHASTIC_8_8: Variant = stochastic("stochastic <8,8>", "SR_FL8", 8, 1);
pub(super) const STOCHASTIC_6_10: Variant = stochastic("stochastic <6,10>", "SR_FL10", 6, 2);
pub(super) const STOCHASTIC_2_14: Variant = stochastic("stochastic <2,14>", "SR_FL14", 2, 3);

/// In the order in which they are worth having: the paper's point first.
pub(super) const VARIANTS: [Variant; 7] = [
    FLOAT,
    NEAREST_8_8,
    STOCHASTIC_8_8,
    NEAREST_2_14,
    STOCHASTIC_2_14,
    NEAREST_6_10,
    STOCHASTIC_6_10,
];

/// Epochs, training images, test images and seeds at a scale.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) epochs: usize,
    pub(super) train_images: usize,
    pub(super) test_images: usize,
    pub(super) seeds: u64,
    /// Epochs at the end over which a result is averaged.
    pub(super) window: usize,
}

pub(super) const fn size(scale: Scale) -> Size {
    match scale {
        Scale::Smoke => {
            Size { epochs: 2, train_images: 6_000, test_images: 2_000, seeds: 1, window: 1 }
        }
        Scale::Desk => {
            Size { epochs: 5, train_images: 60_000, test_images: 10_000, seeds: 4, window: 3 }
        }
        Scale::Paper => {
            Size { epochs: 30, train_images: 60_000, test_images: 10_000, seeds: 1, window: 5 }
        }
    }
}
