//! [`DspRound`]: from an exact sum to a word, in the steps of one DSP slice; and what a slice holds.
//!
//! ```text
//!   z     ssss…siiiiiiii.ffffffffffffff      48 bits, `drop` of them below the cut
//! + R                   .rrrrrrrrrrrrrr      bits of the column's LFSR
//!   ─────────────────────────────────
//!   ⌊(z + R) / 2^drop⌋                       the low bits are dropped
//!   excess bits all 0 or all 1?              the pattern detector
//!        yes: the low WL bits        no: 2^(WL−1) − 1 or −2^(WL−1), by the sign
//! ```
//!
//! With R uniform on 0..2^drop this is Convert with stochastic rounding, exactly.
//!
//! Source: [Gupta15 §5.2].

use numerics::FixedFormat;

/// Bits of the multiplier inputs that the array uses.
///
/// Assumed: the DSP48E1's inputs have 25 and 18 bits; the array treats both operands alike, as the
/// paper's "18-bit inputs" do [Gupta15 §3.2].
pub const MULTIPLIER_BITS: u32 = 18;

/// Bits of the accumulator. Source: [Gupta15 §3.2].
pub const ACCUMULATOR_BITS: u32 = 48;

/// Whether a result left the range of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saturation {
    /// The word is the rounded sum.
    None,
    /// The word is the largest code; the rounded sum lies above it.
    High,
    /// The word is the smallest code; the rounded sum lies below it.
    Low,
}

/// The rounding unit of a column: drops `drop` low bits of a sum and saturates to `format`.
///
/// # Examples
///
/// ```
/// use systolic::{DspRound, Saturation};
///
/// let unit = DspRound { drop: 14, format: "<2,14>".parse()? };
/// let half = 1 << 13; // half a unit in the last place of the result
/// assert_eq!(unit.round(half, 0), (0, Saturation::None));
/// assert_eq!(unit.round(half, half as u64), (1, Saturation::None));
/// assert_eq!(unit.round(1 << 40, 0), (32767, Saturation::High));
/// # Ok::<(), numerics::FormatError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DspRound {
    /// Number of bits below the cut.
    pub drop: u32,
    /// The format of the result.
    pub format: FixedFormat,
}

impl DspRound {
    /// Adds `r` to the sum `z`, drops the low bits and saturates.
    pub fn round(&self, z: i64, r: u64) -> (i32, Saturation) {
        let kept = (z + r as i64) >> self.drop;
        let excess = kept >> (self.format.word_length() - 1);
        match excess {
            0 | -1 => (kept as i32, Saturation::None),
            1.. => (self.format.max_code(), Saturation::High),
            _ => (self.format.min_code(), Saturation::Low),
        }
    }

    /// The constant in place of random bits that rounds to nearest, ties toward −∞:
    /// 2^(drop − 1) − 1.
    pub fn nearest_ties_down(&self) -> u64 {
        if self.drop == 0 { 0 } else { (1 << (self.drop - 1)) - 1 }
    }
}

/// Bits that a sum of `k` products needs, the addition below the cut included.
pub(crate) fn accumulator_bits(k: usize, a: FixedFormat, b: FixedFormat, drop: u32) -> u32 {
    let product = 1i128 << (a.word_length() + b.word_length() - 2);
    let largest = k as i128 * product + ((1i128 << drop) - 1);
    // The largest positive sum decides: −2^(WL−1) squared has no negative twin of its size.
    129 - largest.leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use numerics::{Draw, Quantizer, Rounding, round_stochastic};

    fn units() -> impl Iterator<Item = DspRound> {
        [(2, 14), (4, 4), (1, 1), (6, 2)].into_iter().flat_map(|(il, fl)| {
            [0, 1, 3, 8].map(|drop| DspRound { drop, format: FixedFormat::new(il, fl).unwrap() })
        })
    }

    #[test]
    fn every_sum_and_every_random_word_give_convert_with_stochastic_rounding() {
        for unit in units() {
            for z in (-40_000..40_000).step_by(97) {
                for r in 0..1u64 << unit.drop {
                    let word = if unit.drop == 0 { 0 } else { (r as u32) << (32 - unit.drop) };
                    let expected = unit.format.saturate(round_stochastic(z, unit.drop, word));
                    assert_eq!(unit.round(z, r).0, expected, "{unit:?}, z = {z}, r = {r}");
                }
            }
        }
    }

    #[test]
    fn the_constant_rounds_to_nearest_with_ties_down() {
        for unit in units() {
            let quantizer = Quantizer::new(unit.format, Rounding::NearestTiesDown);
            for z in -40_000..40_000 {
                let fraction_bits = unit.format.fl() + unit.drop as i32;
                let expected = quantizer.code_of_sum(z, fraction_bits, Draw::none());
                assert_eq!(unit.round(z, unit.nearest_ties_down()).0, expected, "{unit:?}, {z}");
            }
        }
    }

    #[test]
    fn the_widest_sums_are_counted_to_the_bit() {
        let format = FixedFormat::new(2, 14).unwrap();
        // 2^17 products of 2^30 make 2^47, one more than a 48-bit register holds.
        assert_eq!(accumulator_bits((1 << 17) - 1, format, format, 14), 48);
        assert_eq!(accumulator_bits(1 << 17, format, format, 14), 49);
        let wide = FixedFormat::new(2, 16).unwrap();
        assert_eq!(accumulator_bits((1 << 13) - 1, wide, wide, 16), 48);
        assert_eq!(accumulator_bits(1 << 13, wide, wide, 16), 49);
        assert_eq!(accumulator_bits(1, FixedFormat::new(1, 1).unwrap(), format, 0), 18);
    }
}
