//! [`Kept`]: what a forward product keeps for its backward product.

use std::borrow::Cow;
use std::ops::Range;

use super::sums::add_products;
use crate::periphery::{ClipMask, Saturation};
use crate::tiling::Cut;

/// What a forward product shall keep.
#[derive(Debug)]
pub enum Keep {
    /// Nothing: an evaluation.
    Nothing,
    /// Which outputs saturated: all that is needed if no scale is learned.
    Clipped,
    /// That, and α z for the gradient of the scales, in the memory of this buffer.
    Products(Vec<f32>),
}

/// What a forward product found and kept, see [`Keep`].
#[derive(Debug, Default)]
pub struct Kept {
    pub(super) input_range: f32,
    /// Whether the converters take no negative inputs.
    pub(super) unsigned: bool,
    /// Conversions of an output of a tile.
    pub(super) slices: usize,
    /// α z by block: \[tile\]\[sample\]\[output of the tile\].
    pub(super) products: Vec<f32>,
    /// Of every block, the masks of its tiles.
    pub(super) masks: Vec<Vec<ClipMask>>,
    pub(super) saturation: Saturation,
}

/// What devices give, which are not trained: nothing but how often converters saturated.
impl From<Saturation> for Kept {
    fn from(saturation: Saturation) -> Self {
        Self { saturation, ..Self::default() }
    }
}

/// Values that are looked at together: few are at the end of the range, most often none.
const STRETCH: usize = 64;

impl Kept {
    /// How often converters saturated.
    pub fn saturation(&self) -> Saturation {
        self.saturation
    }

    /// The input range α that was multiplied with.
    pub fn input_range(&self) -> f32 {
        self.input_range
    }

    /// Adds what a product of the samples after these kept, with the same input range; gives its buffer back.
    ///
    /// Each stops the errors that it would stop alone: none, if no output of it went beyond the bound.
    pub fn append(&mut self, mut other: Self) -> Vec<f32> {
        debug_assert_eq!(self.input_range, other.input_range, "one input range");
        for kept in [&mut *self, &mut other] {
            if kept.saturation.outputs == 0 {
                kept.masks.iter_mut().flatten().for_each(ClipMask::clear);
            }
        }
        self.products.extend_from_slice(&other.products);
        self.masks.extend(other.masks);
        self.saturation += other.saturation;
        other.products
    }

    /// Number of conversions by the ADCs of all tiles, 0 if nothing was kept.
    pub fn conversions(&self) -> usize {
        self.outputs() * self.slices
    }

    /// Number of outputs of all tiles, 0 if nothing was kept.
    pub(super) fn outputs(&self) -> usize {
        self.masks.iter().flatten().map(ClipMask::len).sum()
    }

    /// The buffer of [`Keep::Products`], to be used again.
    pub fn into_buffer(self) -> Vec<f32> {
        self.products
    }

    /// Sets the errors of saturated outputs to zero: δ_m from δ.
    ///
    /// # Shapes
    ///
    /// - `errors`: (batch, out)
    ///
    /// # Panics
    ///
    /// If the shape differs.
    #[track_caller]
    pub fn stop_saturated(&self, cut: &Cut, errors: &mut [f32]) {
        if self.saturation.outputs == 0 {
            return;
        }
        let outputs = cut.outputs();
        let mut rest = errors;
        for masks in &self.masks {
            let samples = masks.first().map_or(0, ClipMask::rows);
            let block = rest.split_off_mut(..samples * outputs).expect("errors are (batch, out)");
            for (part, mask) in cut.parts().iter().zip(masks) {
                mask.zero_clipped_columns(block, outputs, part.rows.start);
            }
        }
        assert!(rest.is_empty(), "errors are (batch, out)");
    }

    /// Whether α z was kept: see [`Keep::Products`].
    pub fn has_products(&self) -> bool {
        !self.products.is_empty()
    }

    /// Σ δ ⊙ α z of every scale over some samples of the batch, in their order: ∂L/∂γ, if they are all.
    /// Empty unless products were kept.
    ///
    /// # Shapes
    ///
    /// - `errors`: (samples, out), those of saturated outputs with the others
    /// - result: (scales)
    ///
    /// # Panics
    ///
    /// If the shape differs.
    #[track_caller]
    pub fn scale_gradient(&self, cut: &Cut, samples: Range<usize>, errors: &[f32]) -> Vec<f32> {
        if self.products.is_empty() {
            return Vec::new();
        }
        let outputs = cut.outputs();
        let mut sums = vec![0.0f32; cut.scales()];
        let (mut products, mut errors, mut first) = (&self.products[..], errors, 0);
        for masks in &self.masks {
            let count = masks.first().map_or(0, ClipMask::rows);
            // Those of the block that are meant.
            let [start, end] = [samples.start, samples.end].map(|s| s.clamp(first, first + count));
            let block = errors.split_off(..(end - start) * outputs);
            let block = block.expect("errors are (samples, out)");
            for part in cut.parts() {
                let height = part.rows.len();
                let z = products.split_off(..count * height).expect("α z of every block");
                let z = &z[(start - first) * height..(end - first) * height];
                add_products(z, block, outputs, part.rows.start, &mut sums[part.scales.clone()]);
            }
            first += count;
        }
        assert!(errors.is_empty(), "errors are (samples, out)");
        sums
    }

    /// What was multiplied instead of x: clamp(x, ±α), or clamp(x, 0, α) by unsigned converters, and 0
    /// instead of NaN. `buffer` gives memory for that many values where there is any difference.
    pub fn multiplied<'a>(
        &self,
        x: &'a [f32],
        buffer: impl FnOnce(usize) -> Vec<f32>,
    ) -> Cow<'a, [f32]> {
        let [low, high] = self.ends();
        let inside = |x: &f32| *x >= low && *x <= high;
        if !x.chunks(STRETCH).any(|x| x.iter().fold(false, |any, x| any | !inside(x))) {
            return Cow::Borrowed(x);
        }
        let clamped = |x: f32| if x.is_nan() { 0.0 } else { x.clamp(low, high) };
        let mut multiplied = buffer(x.len());
        multiplied.iter_mut().zip(x).for_each(|(out, &x)| *out = clamped(x));
        Cow::Owned(multiplied)
    }

    /// The ends of the inputs.
    fn ends(&self) -> [f32; 2] {
        let high = self.input_range;
        [if self.unsigned { 0.0 } else { -high }, high]
    }

    /// The indices of the inputs at an end of the range that is α or −α, or beyond, in their order: only
    /// their errors reach the input range.
    pub fn at_range(&self, x: &[f32]) -> impl Iterator<Item = usize> {
        let (range, unsigned) = (self.input_range, self.unsigned);
        let outside = move |x: &f32| *x >= range || *x <= -range && !unsigned;
        x.chunks(STRETCH)
            .enumerate()
            .filter(move |(_, x)| x.iter().fold(false, |any, x| any | outside(x)))
            .flat_map(move |(stretch, x)| {
                let found = x.iter().enumerate().filter(move |(_, x)| outside(x));
                found.map(move |(i, _)| stretch * STRETCH + i)
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(input_range: f32) -> Kept {
        Kept { input_range, ..Kept::default() }
    }

    fn unsigned(input_range: f32) -> Kept {
        Kept { unsigned: true, ..kept(input_range) }
    }

    proptest! {
        #[test]
        fn what_is_multiplied_and_what_is_at_the_range_are_told_value_by_value(
            x in proptest::collection::vec(
                prop_oneof![-1.0f32..1.0, Just(f32::NAN), Just(f32::INFINITY), Just(-0.5), -9.0f32..9.0],
                0..200,
            ),
            input_range in prop_oneof![Just(0.5f32), 0.1f32..2.0],
        ) {
            let kept = kept(input_range);
            let multiplied = kept.multiplied(&x, |len| vec![7.0; len]);
            for (&ours, &x) in multiplied.iter().zip(&x) {
                let naive = match x {
                    x if x.is_nan() => 0.0,
                    x if x > input_range => input_range,
                    x if x < -input_range => -input_range,
                    x => x,
                };
                prop_assert_eq!(ours, naive);
            }
            let at: Vec<usize> = (0..x.len()).filter(|&i| x[i].abs() >= input_range).collect();
            prop_assert_eq!(kept.at_range(&x).collect::<Vec<_>>(), at);
        }
    }

    #[test]
    fn unsigned_converters_multiply_nothing_negative_and_negative_inputs_do_not_reach_the_range() {
        let x = [-2.0, -0.0, 0.25, 0.5, 3.0, f32::NAN];
        let multiplied = unsigned(0.5).multiplied(&x, |len| vec![7.0; len]).into_owned();
        assert_eq!(multiplied, [0.0, 0.0, 0.25, 0.5, 0.5, 0.0]);
        assert!(unsigned(0.5).at_range(&x).eq([3, 4]));
        assert!(kept(0.5).at_range(&x).eq([0, 3, 4]));
    }

    #[test]
    fn inputs_within_the_range_are_not_copied() {
        let x = [0.5, -0.5, 0.25];
        let same = kept(0.5).multiplied(&x, |_| panic!("there is nothing to change"));
        assert!(matches!(same, Cow::Borrowed(_)));
    }
}
