//! [`Overflow`]: what becomes of a value beyond the range of its format.
//!
//! | policy | fixed point | floating point: finite overflow | infinities | IEEE P3109 |
//! |---|---|---|---|---|
//! | `Saturate` | extremal code | extremal finite number | kept if the format has them | SatPropagate |
//! | `SaturateFinite` | extremal code | extremal finite number | extremal finite number | SatFinite |
//! | `Propagate` | impossible | ±∞, else NaN, else extremal | kept, else NaN, else extremal | OvfInf |
//! | `Wrap` | low bits, modulo 2^WL | impossible | impossible | |
//!
//! Rounding comes first, on a format with the same grid and no upper bound, then the policy. In
//! fixed point NaN becomes 0; under `Wrap`, so do the infinities, which have no low bits. In a
//! floating format without NaN, NaN becomes 0.
//!
//! Source: IEEE P3109 interim report 4.0 §4.7 (projections).
//! Assumed: the last steps of `Propagate` and the two rules for NaN, where a format has no code
//! for what the policy asks for.

use serde::{Deserialize, Serialize};

/// What becomes of a value beyond the range of its format; the module has the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The extremal number of the same sign; infinities stay where the format has them.
    #[default]
    Saturate,
    /// The extremal finite number of the same sign, for infinities too.
    SaturateFinite,
    /// Infinity of the same sign where the format has it, else NaN.
    Propagate,
    /// The low bits, as an adder without overflow logic leaves them. Fixed point only.
    Wrap,
}
