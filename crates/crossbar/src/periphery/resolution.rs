//! The resolution of a converter as a file gives it: bits, levels or steps.

use crate::error::TileError;

/// Most steps of a converter, 24 bits: an f32 tells no more codes apart.
const MAX_STEPS: f32 = 16_777_215.0;
/// Most bits of a converter.
const MAX_BITS: u32 = 24;

/// The keys of one converter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    pub(super) bits: &'static str,
    pub(super) levels: &'static str,
    pub(super) steps: &'static str,
}

/// The resolution of one converter, given in at most one way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolution {
    pub(super) keys: Keys,
    pub(super) bits: Option<u32>,
    pub(super) levels: Option<u32>,
    pub(super) steps: Option<f32>,
}

impl Resolution {
    /// The number of steps, one less than levels, if there are any.
    ///
    /// ```text
    /// symmetric     2^bits − 2      one code dropped, so that 0 is one and both ends are
    /// others        2^bits − 1
    /// ```
    pub(super) fn into_steps(self, symmetric: bool) -> Result<Option<f32>, TileError> {
        let Self { keys, bits, levels, steps } = self;
        let number = f64::from;
        let given = [
            (keys.bits, bits.map(number)),
            (keys.levels, levels.map(number)),
            (keys.steps, steps.map(f64::from)),
        ];
        let mut given = given.into_iter().filter_map(|(key, value)| Some((key, value?)));
        if let (Some((field, value)), Some((other, _))) = (given.next(), given.next()) {
            let problem = format!("stands beside {other}: a resolution is given once");
            return Err(TileError::Config { field, value, problem });
        }
        if let Some(bits) = bits {
            TileError::check_within(keys.bits, bits, 1.0..=f64::from(MAX_BITS))?;
            let dropped = if symmetric { 2 } else { 1 };
            let one = "is one level on a symmetric range, which has 0 among its levels";
            TileError::check(!symmetric || bits > 1, keys.bits, bits, one)?;
            return Ok(Some(((1u32 << bits) - dropped) as f32));
        }
        if let Some(levels) = levels {
            TileError::check_within(keys.levels, levels, 2.0..=f64::from(MAX_STEPS) + 1.0)?;
            let even =
                "is even: a symmetric range has 0 among its levels and as many on both sides";
            TileError::check(!symmetric || levels % 2 == 1, keys.levels, levels, even)?;
            return Ok(Some((levels - 1) as f32));
        }
        Ok(steps)
    }
}

/// Checks a number of steps.
pub(super) fn check_steps(
    field: &'static str,
    steps: Option<f32>,
    symmetric: bool,
) -> Result<(), TileError> {
    let Some(steps) = steps else { return Ok(()) };
    // The codes of a single step would be ±½, which the nearest one turns to 0.
    let enough = steps > 1.0 || !symmetric;
    TileError::check(enough, field, steps, "is not above 1: there would be no code but 0")?;
    TileError::check_within(field, steps, 1.0..=f64::from(MAX_STEPS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys { bits: "adc.bits", levels: "adc.levels", steps: "adc.steps" };

    fn steps(
        bits: Option<u32>,
        levels: Option<u32>,
        steps: Option<f32>,
        symmetric: bool,
    ) -> Result<Option<f32>, String> {
        let resolution = Resolution { keys: KEYS, bits, levels, steps };
        resolution.into_steps(symmetric).map_err(|error| error.to_string())
    }

    #[test]
    fn bits_and_levels_are_steps() {
        assert_eq!(steps(Some(8), None, None, true), Ok(Some(254.0)));
        assert_eq!(steps(Some(8), None, None, false), Ok(Some(255.0)));
        assert_eq!(steps(Some(1), None, None, false), Ok(Some(1.0)));
        assert_eq!(steps(None, Some(255), None, true), Ok(Some(254.0)));
        assert_eq!(steps(None, Some(256), None, false), Ok(Some(255.0)));
        assert_eq!(steps(None, None, Some(7.2), true), Ok(Some(7.2)));
        assert_eq!(steps(None, None, None, true), Ok(None));
    }

    #[test]
    fn what_is_no_resolution_is_refused_with_the_reason() {
        for (bits, levels, given, symmetric, message) in [
            (Some(8), None, Some(254.0), true, "adc.bits = 8 stands beside adc.steps"),
            (None, Some(255), Some(254.0), true, "adc.levels = 255 stands beside adc.steps"),
            (Some(8), Some(255), None, true, "adc.bits = 8 stands beside adc.levels"),
            (Some(1), None, None, true, "adc.bits = 1 is one level on a symmetric range"),
            (Some(0), None, None, false, "adc.bits = 0 lies outside [1, 24]"),
            (Some(25), None, None, true, "adc.bits = 25 lies outside [1, 24]"),
            (None, Some(256), None, true, "adc.levels = 256 is even: a symmetric range"),
            (None, Some(1), None, false, "adc.levels = 1 lies outside [2, "),
        ] {
            let error = steps(bits, levels, given, symmetric).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
        let one = |symmetric| check_steps("adc.steps", Some(1.0), symmetric);
        assert_eq!(one(false), Ok(()));
        let error = one(true).unwrap_err().to_string();
        assert_eq!(error, "adc.steps = 1 is not above 1: there would be no code but 0");
    }
}
