//! [`BlockTally`]: what a conversion into blocks lost, counted on request.

use std::ops::AddAssign;

use super::quantizer::BlockQuantizer;
use super::quantizer::largest_of;
use super::shape::BlockLayout;

/// Counts over the elements of a conversion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockTally {
    /// Elements.
    pub count: u64,
    /// Nonzero elements that became 0.
    pub zeroed: u64,
    /// Elements beyond the largest one of their block's scale, before rounding.
    pub clipped: u64,
    /// Elements of blocks that became NaN.
    pub nan: u64,
}

impl AddAssign for BlockTally {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.zeroed += other.zeroed;
        self.clipped += other.clipped;
        self.nan += other.nan;
    }
}

impl BlockQuantizer {
    /// Counts what became of `x` as [`Self::decode_into`] wrote it into `decoded` and returned the
    /// tensor scale. Conversions that nobody counts cost nothing.
    ///
    /// # Shapes
    ///
    /// - `x`, `decoded`: that of `layout`, row by row
    ///
    /// # Panics
    ///
    /// If the quantizer cannot work ([`Self::check`]) or the lengths are not those of the layout.
    #[track_caller]
    pub fn tally(
        &self,
        x: &[f32],
        layout: BlockLayout,
        decoded: &[f32],
        tensor_scale: f32,
    ) -> BlockTally {
        self.assert_possible();
        layout.assert_holds(x.len());
        layout.assert_holds(decoded.len());
        let largest = self.format.element.largest();
        let mut tally = BlockTally { count: x.len() as u64, ..BlockTally::default() };
        for block in layout.blocks(self.format.block) {
            let elements = layout.elements(&block);
            let code = self.scale_code(largest_of(elements.clone().map(|at| x[at])), tensor_scale);
            let scale = self.format.scale.decode(code);
            for at in elements {
                let element = self.element(x[at], scale, tensor_scale);
                tally.nan += u64::from(scale.is_nan());
                tally.zeroed += u64::from(x[at] != 0.0 && decoded[at] == 0.0);
                tally.clipped += u64::from(element.abs() > largest);
            }
        }
        tally
    }
}
