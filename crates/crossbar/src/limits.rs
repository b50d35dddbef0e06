//! Limits that let NaN through, so that what has diverged is not taken for what has saturated.

/// `x` within ±`bound`. NaN stays NaN, where [`f32::max`] and [`f32::min`] would give the bound.
#[inline(always)]
pub(crate) fn clip(x: f32, bound: f32) -> f32 {
    clip_between(x, -bound, bound)
}

/// `x` within two limits. NaN stays NaN.
#[inline(always)]
pub(crate) fn clip_between(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// `x`, or `low` if it lies below. NaN stays NaN.
#[inline(always)]
pub(crate) fn at_least(x: f32, low: f32) -> f32 {
    if x < low { low } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_let_nan_through() {
        let x = [-f32::INFINITY, -2.0, -0.5, 0.5, 2.0, f32::INFINITY];
        assert_eq!(x.map(|x| clip(x, 1.0)), [-1.0, -1.0, -0.5, 0.5, 1.0, 1.0]);
        assert_eq!(x.map(|x| at_least(x, 0.0)), [0.0, 0.0, 0.0, 0.5, 2.0, f32::INFINITY]);
        assert_eq!(x.map(|x| clip(x, f32::INFINITY)), x);
        assert!(clip(f32::NAN, 1.0).is_nan() && at_least(f32::NAN, 0.0).is_nan());
    }
}
