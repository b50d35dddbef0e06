//! [`Range`]: a number with the range in which it is believed to lie.

use serde::{Deserialize, Serialize};

use crate::error::TileError;

/// Largest figure in any of the units: what is beyond is a slip.
const LARGEST: f64 = 1e12;

/// A number with the range in which it is believed to lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Lower end.
    pub low: f64,
    /// Nominal value.
    pub nominal: f64,
    /// Upper end.
    pub high: f64,
}

impl Range {
    /// A number that is known.
    pub fn exactly(nominal: f64) -> Self {
        Self { low: nominal, nominal, high: nominal }
    }

    /// Checks a figure of that name.
    pub(super) fn check(self, field: &'static str) -> Result<(), TileError> {
        let Self { low, nominal, high } = self;
        let ordered = low >= 0.0 && low <= nominal && nominal <= high && high <= LARGEST;
        TileError::check(ordered, field, nominal, "is not in 0 ≤ low ≤ nominal ≤ high ≤ 10^12")
    }

    pub(super) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        Self { low: f(self.low), nominal: f(self.nominal), high: f(self.high) }
    }

    /// End by end with another range.
    pub(super) fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            low: f(self.low, other.low),
            nominal: f(self.nominal, other.nominal),
            high: f(self.high, other.high),
        }
    }

    pub(super) fn scaled(self, factor: f64) -> Self {
        self.map(|x| x * factor)
    }
}

impl std::ops::Add for Range {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}
