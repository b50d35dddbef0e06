//! The exact sums, by whichever way is fastest for the operands.
//!
//! Words of up to 16 bits are one limb; wider ones, up to 24 bits, are two:
//!
//! ```text
//! v = 2^12·v₁ + v₀,   −2^11 ≤ v₀ < 2^11,   |v₁| ≤ 2^11
//! A·B = Σ_pq 2^12(p+q) · A_p·B_q
//! ```
//!
//! so that every product of limbs runs through the 16-bit kernel.

use super::buffer::{Buffer, Sums};
use super::kernel;
use super::naive;
use super::pack::{Group, LeftPanels, RightPanels};
use crate::matrix::{CodesRef, FixedView};
use crate::par::Par;

const LIMB_BITS: u32 = 12;
/// Codes in two limbs have at most this magnitude.
const LIMIT: u32 = 1 << 23;

/// Two operands made ready for the sums of any block of rows.
pub(super) enum Exact<'a> {
    /// Limbs of A, and limbs of B packed.
    Packed { a: Limbs<'a>, b: Vec<RightPanels>, group: Group },
    /// Words too long for two limbs.
    Plain { a: FixedView<'a>, b: FixedView<'a> },
}

impl<'a> Exact<'a> {
    pub(super) fn new(a: FixedView<'a>, b: FixedView<'a>, par: Par) -> Self {
        let (Some(left), Some(right)) = (Limbs::of(a), Limbs::of(b)) else {
            return Self::Plain { a, b };
        };
        let bytes = |view: &FixedView<'_>| matches!(view.codes, CodesRef::I8(_));
        let quads = bytes(&a) && bytes(&b) && kernel::has_quads();
        let group = if quads { Group::Quad } else { Group::Pair };
        let packed = right.views().iter().map(|b| RightPanels::pack(b, group, par)).collect();
        Self::Packed { a: left, b: packed, group }
    }

    /// The sums of `rows` rows from `first_row` on, in 32 bits if they cannot exceed `limit` in
    /// magnitude.
    pub(super) fn sums_of_rows<'b>(
        &self,
        first_row: usize,
        rows: usize,
        limit: Option<u32>,
        buffer: &'b mut Buffer,
    ) -> Sums<'b> {
        match self {
            Self::Plain { a, b } => {
                let sums = buffer.wide(rows * b.ncols);
                sums.fill(0);
                naive::add_sums_of_rows(a, b, first_row, sums);
                Sums::Wide(sums)
            }
            Self::Packed { a, b, group } => {
                let views = a.views();
                let len = rows * b[0].lines;
                if let ([a], [right]) = (&views[..], &b[..]) {
                    let left = LeftPanels::pack(a, *group, first_row, rows);
                    if limit
                        .is_some_and(|limit| largest_sum_is_within(limit, &left, right, a.ncols))
                    {
                        let sums = buffer.narrow(len);
                        kernel::narrow_sums(&left, right, sums);
                        return Sums::Narrow(sums);
                    }
                    let sums = buffer.wide(len);
                    kernel::wide_sums(&left, right, 0, true, sums);
                    return Sums::Wide(sums);
                }
                let sums = buffer.wide(len);
                for (p, a) in views.iter().enumerate() {
                    let left = LeftPanels::pack(a, *group, first_row, rows);
                    for (q, right) in b.iter().enumerate() {
                        let shift = LIMB_BITS * (p + q) as u32;
                        kernel::wide_sums(&left, right, shift, p + q == 0, sums);
                    }
                }
                Sums::Wide(sums)
            }
        }
    }
}

/// Whether no sum of these panels exceeds `limit`: for pairs by Cauchy–Schwarz, for quads by the
/// largest product.
fn largest_sum_is_within(limit: u32, left: &LeftPanels, right: &RightPanels, inner: usize) -> bool {
    match left.group {
        Group::Pair => {
            let square = u128::from(left.largest_square()) * u128::from(right.largest_square());
            square <= u128::from(limit).pow(2)
        }
        Group::Quad => inner as u128 * (1 << 14) <= u128::from(limit),
    }
}

/// An operand as one or two matrices of at most 16-bit codes, least significant first.
pub(super) enum Limbs<'a> {
    One(FixedView<'a>),
    Two { view: FixedView<'a>, limbs: [Vec<i16>; 2] },
}

impl<'a> Limbs<'a> {
    /// `None` if a code is wider than two limbs.
    fn of(view: FixedView<'a>) -> Option<Self> {
        let CodesRef::I32(codes) = view.codes else { return Some(Self::One(view)) };
        if codes.iter().any(|code| code.unsigned_abs() > LIMIT) {
            return None;
        }
        let low = |code: i32| code << (32 - LIMB_BITS) >> (32 - LIMB_BITS);
        let limbs = [
            codes.iter().map(|&code| low(code) as i16).collect(),
            codes.iter().map(|&code| ((code - low(code)) >> LIMB_BITS) as i16).collect(),
        ];
        Some(Self::Two { view, limbs })
    }

    fn views(&self) -> Vec<FixedView<'_>> {
        match self {
            Self::One(view) => vec![*view],
            Self::Two { view, limbs } => {
                limbs.iter().map(|l| FixedView { codes: CodesRef::I16(l), ..*view }).collect()
            }
        }
    }
}
