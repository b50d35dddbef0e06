//! The codes of a converter: rounding, and where they end.

use serde::{Deserialize, Serialize};

/// Which code of a converter a value gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConverterRounding {
    /// The nearest; a tie goes to the even step.
    #[default]
    Nearest,
    /// The upper one with the probability of the distance to the lower one, so that the mean is the
    /// value. AIHWKit: `inp_sto_round`, `out_sto_round`.
    Stochastic,
    /// The code below: what a counter of pulses gives, such as an ADC on a current-controlled
    /// oscillator.
    ///
    /// ```text
    /// k = ⌊t⌋, clipped to the codes          t: the value in steps
    /// ```
    ///
    /// It goes below for negative values too: −0.3 steps become −1, so that codes are half a step
    /// below their values on the average. The highest code stands for the values from the end of the
    /// range on, and what lies less than a step below the lowest one counts as beyond it. A
    /// value within 2^−21 of itself below a step lies on it: f32 would put some of those that are on
    /// a step below, an input at the end of its range among them.
    ///
    /// Assumed: a counter that is given the sign apart would cut towards zero. Chips convert the two
    /// polarities with converters of their own; those are unsigned, where both are the same.
    Floor,
}

/// Share of a value that may lie between it and the step above, which it then gets.
const ON_STEP: f32 = 1.0 / 2_097_152.0;

/// The code below, or the one above for what f32 can hardly tell from it.
#[inline(always)]
pub(super) fn floor(t: f32) -> f32 {
    on_step(t).floor()
}

/// A little more than `t`: on or above the step if it is hardly below.
#[inline(always)]
pub(super) fn on_step(t: f32) -> f32 {
    t + t.abs() * ON_STEP
}

/// ⌊k⌋ or ⌈k⌉, the latter with the probability k − ⌊k⌋; an integer stays what it is.
#[inline(always)]
pub(super) fn round_stochastically(k: f32, u: f32) -> f32 {
    let low = k.floor();
    low + if u < k - low { 1.0 } else { 0.0 }
}

/// The codes of the inputs, whole or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct InputCodes {
    /// Value of one code.
    pub(super) unit: f32,
    pub(super) low: f32,
    pub(super) high: f32,
}

/// The codes of the outputs: code k of a column has the value u (k + origin), u being its unit.
///
/// Without steps a code is any number, and the unit is 1 or what the column's range is multiplied by.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutputCodes {
    pub(super) first: f32,
    pub(super) last: f32,
    pub(super) origin: f32,
    /// Codes from which on an output counts as clipped for a gradient, before they are clipped.
    pub(super) at_first: f32,
    pub(super) at_last: f32,
}

/// Share of the bound from which on an output counts as clipped for a gradient.
/// Source: AIHWKit 1.1.0, `rpu_forward_backward_pass.cpp`.
pub(super) const AT_BOUND: f32 = 0.999;

impl OutputCodes {
    /// The codes between two ends, themselves codes, in steps from a value of 0.
    ///
    /// Assumed: a range that ends at 0 stops gradients only beyond it. Half of what comes out at 0
    /// lies inside, and an array of small outputs would learn nothing.
    pub(super) fn between(first: f32, last: f32, origin: f32) -> Self {
        let near = |end: f32, beyond: f32| {
            if end + origin == 0.0 { beyond } else { AT_BOUND * (end + origin) - origin }
        };
        let at_first = near(first, first.next_down());
        let at_last = near(last, last.next_up());
        Self { first, last, origin, at_first, at_last }
    }

    /// Whether a code lies beyond the ends; that of NaN does not.
    #[inline(always)]
    pub(super) fn are_left_by(&self, code: f32) -> bool {
        code < self.first || code > self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floor_is_the_code_below_and_what_is_on_a_step_stays() {
        for (t, code) in [(0.3, 0.0), (-0.3, -1.0), (2.0, 2.0), (-2.0, -2.0), (2.999, 2.0)] {
            assert_eq!(floor(t), code, "{t}");
        }
        for k in 1..=4096 {
            let k = k as f32;
            assert_eq!([floor(k.next_down()), floor(-k.next_up())], [k, -k], "{k}");
            assert_eq!([floor(k - 0.01), floor(-k - 0.01)], [k - 1.0, -k - 1.0], "{k}");
        }
        assert!(floor(f32::NAN).is_nan());
    }

    #[test]
    fn gradients_stop_at_the_ends_but_not_at_zero() {
        let codes = OutputCodes::between(-31.0, 31.0, 0.0);
        assert_eq!([codes.at_first, codes.at_last], [-0.999 * 31.0, 0.999 * 31.0]);
        let codes = OutputCodes::between(0.0, 63.0, 0.0);
        assert!(codes.at_first < 0.0 && codes.at_first > -1e-40 && codes.at_last < 63.0);
        // [−2, 10] in 60 steps of 0.2.
        let codes = OutputCodes::between(0.0, 60.0, -10.0);
        assert!((codes.at_first - 0.01).abs() < 1e-5 && (codes.at_last - 59.95).abs() < 1e-4);
        assert!(codes.are_left_by(-1.0) && codes.are_left_by(61.0) && !codes.are_left_by(60.0));
    }
}
