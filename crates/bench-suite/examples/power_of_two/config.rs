//! [`PowerOfTwo`]: which powers of two a weight may be, and how a number becomes one.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::fmt;

use nn::LinearMap;
use nn::arithmetic::{Arithmetic, Floats, NewLayer};

use super::multiply::Shifts;
use super::storage::PowersOfTwo;

/// Weights 0 and ±2^e, e from `least` to `most`; their codes are 0, ±1 for 2^least, ±2 for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PowerOfTwo {
    least: i32,
    most: i32,
}

impl PowerOfTwo {
    /// Exponents of f32, and no more of them than codes of 8 bits can name.
    pub(crate) fn new(least: i32, most: i32) -> Result<Self, String> {
        if least < -126 || most > 127 || !(0..127).contains(&(most - least)) {
            return Err(format!(
                "least = {least}, most = {most} are not exponents of f32 and 8 bits"
            ));
        }
        Ok(Self { least, most })
    }

    /// The code of 2^most.
    pub(crate) fn largest(self) -> i8 {
        (self.most - self.least + 1) as i8
    }

    pub(crate) fn decode(self, code: i8) -> f32 {
        match i32::from(code.unsigned_abs()) {
            0 => 0.0,
            steps => 2f32.powi(self.least + steps - 1).copysign(code.into()),
        }
    }

    /// sign(w) · 2^round(log2 |w|): 2^most above it, 0 below 2^least.
    pub(crate) fn nearest(self, w: f32) -> i8 {
        let middle = |code| if code == 0 { FRAC_1_SQRT_2 } else { SQRT_2 - 1.0 };
        self.round(w, |below, share| share > middle(below))
    }

    /// One of the two neighbours, at random so that the mean is w: `uniform` is from [0, 1).
    pub(crate) fn stochastic(self, w: f32, uniform: f32) -> i8 {
        self.round(w, |_, share| uniform < share)
    }

    /// `up` is told the code below |w| and how far |w| is on the way to the next, from 0 to 1.
    fn round(self, w: f32, up: impl FnOnce(i8, f32) -> bool) -> i8 {
        let size = w.abs().min(self.decode(self.largest()));
        let exponent = (size.to_bits() >> 23) as i32 - 127;
        let below = (exponent - self.least + 1).max(0) as i8;
        let share = match below {
            0 => size / self.decode(1),
            _ => size / self.decode(below) - 1.0,
        };
        let code = below + i8::from(up(below, share));
        if w < 0.0 { -code } else { code }
    }
}

impl fmt::Display for PowerOfTwo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "powers of two 2^{}..2^{}", self.least, self.most)
    }
}

impl Arithmetic for PowerOfTwo {
    fn linear_map(&self, mut new: NewLayer<'_>) -> LinearMap {
        let layer = new.store(PowersOfTwo::new(*self, new.weight), Floats::new);
        LinearMap::new(layer.clone(), Shifts { layer, format: *self })
    }
}
