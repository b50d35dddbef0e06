//! [`Overflow`]: what becomes of a value beyond the range of its format.

#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// What becomes of a value beyond the range of its format.
///
/// | policy | fixed point | floating point: finite overflow | infinities | IEEE P3109 |
/// |---|---|---|---|---|
/// | `Saturate` | extremal code | extremal finite number | kept if the format has them | SatPropagate |
/// | `SaturateFinite` | extremal code | extremal finite number | extremal finite number | SatFinite |
/// | `Propagate` | impossible | away from zero: ∞, NaN or extremal; else extremal | ∞, NaN or extremal | SatNone, in earlier drafts OvfInf |
/// | `Wrap` | low bits, modulo 2^WL | impossible | impossible | |
///
/// Rounding comes first, on a format with the same grid and no upper bound, then the policy. "∞, NaN
/// or extremal" is what the format has for the purpose ([`Specials`](crate::Specials)): the infinity
/// of the sign; else NaN, in `NanOnly` and `Fnuz`; else the extremal finite number. Under
/// `Propagate` a directed rounding leads there only if its direction does: toward zero, down from a
/// positive number and up from a negative one end at the extremal finite number.
///
/// In fixed point NaN becomes 0; under `Wrap`, so do the infinities, which have no low bits. In a
/// floating format without NaN, NaN becomes 0.
///
/// A configuration may use the names of P3109, `"SatPropagate"` and so on.
///
/// Source: IEEE 754-2019 §7.4; IEEE P3109 interim report 4.0 §4.7.5 (saturation).
/// Assumed: the finite domain of P3109 as of the interim report 4.0, where overflow is the extremal
/// number; the draft D1 of July 2026 makes it NaN, as `Fnuz` does. The extremal number for `None` and
/// the two rules for NaN, where a format has no code for what the policy asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize), serde(rename_all = "kebab-case"))]
pub enum Overflow {
    /// The extremal number of the same sign; infinities stay where the format has them.
    #[default]
    #[cfg_attr(feature = "serde", serde(alias = "SatPropagate"))]
    Saturate,
    /// The extremal finite number of the same sign, for infinities too.
    #[cfg_attr(feature = "serde", serde(alias = "SatFinite"))]
    SaturateFinite,
    /// Infinity of the same sign where the format has it, else NaN, unless the rounding's direction
    /// is another.
    #[cfg_attr(feature = "serde", serde(alias = "SatNone", alias = "OvfInf"))]
    Propagate,
    /// The low bits, as an adder without overflow logic leaves them. Fixed point only.
    Wrap,
}

#[cfg(feature = "serde")]
impl Overflow {
    /// Whether a configuration file may leave the policy out.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
