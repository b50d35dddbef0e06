//! Products of 16-bit patches that are read in place, in 32-bit sums where those suffice.
//!
//! The kernels are those of `simd::integer_tiles`; the bits are those of a [`Product`] of gathered
//! patches.
//!
//! [`Product`]: numerics::Product

use std::ops::Range;

use numerics::{BitSource, Par, Quantizer, dequantize_sums};

use crate::rows::Patches;
use crate::rows::plan::Plan;
use crate::simd::integer_tiles::{self, Errors, RowPair, Weights};
use crate::simd::tiles::{BLOCK, Panel, panels};

/// What becomes of exact sums.
pub(super) struct Conversion<'a, S> {
    /// How they are rounded, if they are.
    pub(super) quantizer: Option<Quantizer>,
    /// Fractional bits of the sums.
    pub(super) fraction_bits: i32,
    pub(super) source: &'a S,
    /// Position of the first element.
    pub(super) first: u64,
}

impl<S: BitSource> Conversion<'_, S> {
    /// Converts sums, the first of which has that index.
    fn run(&self, index: usize, sums: &[i32], y: &mut [f32]) {
        let bits = self.fraction_bits;
        match self.quantizer {
            Some(quantizer) => {
                let first = self.first + index as u64;
                quantizer.convert_narrow_sums(sums, bits, self.source.at(first), y);
            }
            None => {
                let sums: Vec<i64> = sums.iter().map(|&sum| i64::from(sum)).collect();
                dequantize_sums(&sums, bits, y);
            }
        }
    }
}

/// Writes y = Convert(patches(x)·wᵀ + b) image by image, if no 32-bit sum can overflow; says
/// whether it has. Biases are in units of the sums, and may be left out.
#[expect(
    clippy::too_many_arguments,
    reason = "a product is its operands, its rounding, its result"
)]
pub(super) fn convolve(
    patches: &Patches,
    x: &[i16],
    w: &[i16],
    bias: &[i64],
    outputs: usize,
    conversion: &Conversion<'_, impl BitSource + Sync>,
    y: &mut [f32],
    par: Par,
) -> bool {
    let inputs = patches.taps() * patches.channels();
    if !integer_tiles::sums_fit(x, w, inputs, bias) {
        return false;
    }
    let (frame, plans) = patches.plans();
    let packed: Vec<Weights> =
        plans.iter().map(|plan| Weights::pack(plan, w, inputs, outputs)).collect();
    let panels = panels(outputs);
    let (image_len, result_len) = (patches.image_len(), patches.rows_per_image() * outputs);
    // A few images at a time, so that buffers are made rarely.
    let images = 4;
    par.for_each_chunk(y, (images * result_len).max(1), |chunk, y| {
        let (mut framed, mut sums) = (Vec::new(), vec![0i32; result_len]);
        for (i, y) in y.chunks_exact_mut(result_len).enumerate() {
            let image = chunk * images + i;
            // One element of slack: pairs read one behind a run of odd length.
            frame.fill(&x[image * image_len..][..image_len], &mut framed, 1);
            for panel in &panels {
                let mut initial = [0; 16];
                for (initial, &b) in initial.iter_mut().zip(bias.iter().skip(panel.column)) {
                    *initial = b as i32;
                }
                for (plan, w) in plans.iter().zip(&packed) {
                    integer_tiles::multiply(plan, &framed, w, &initial, &mut sums, outputs, panel);
                }
            }
            conversion.run(image * result_len, &sums, y);
        }
    });
    true
}

/// The exact sums δᵀ·patches(x), row-major (out, inputs).
///
/// The images are cut into a few stretches for the threads.
pub(super) fn gradient_product(
    patches: &Patches,
    x: &[i16],
    errors: &[i16],
    outputs: usize,
    par: Par,
) -> Vec<i64> {
    const STRETCHES: usize = 8;
    let (frame, plans) = patches.plans();
    let inputs = patches.taps() * patches.channels();
    let panels = panels(outputs);
    let stretch = patches.batch.div_ceil(STRETCHES).max(1);
    let (image_len, result_len) = (patches.image_len(), patches.rows_per_image() * outputs);
    let len = panels.last().map_or(0, |panel| panel.part(inputs).end);
    let mut totals = vec![0i64; len * patches.batch.div_ceil(stretch)];
    par.for_each_chunk(&mut totals, len.max(1), |index, totals| {
        let images = index * stretch..((index + 1) * stretch).min(patches.batch);
        let x_of = |images: Range<usize>| &x[images.start * image_len..images.end * image_len];
        let largest = integer_tiles::largest_magnitude(x_of(images.clone()));
        let mut sums: Vec<PanelSums<'_>> =
            panels.iter().map(|panel| PanelSums::new(panel, inputs, largest)).collect();
        let rows: Vec<_> = plans.iter().map(integer_tiles::row_pairs).collect();
        let (mut framed, mut paired, mut packed) = (Vec::new(), Vec::new(), Errors::default());
        for image in images {
            let errors = &errors[image * result_len..][..result_len];
            for (plan, (pairs, step)) in plans.iter().zip(&rows) {
                frame.fill(x_of(image..image + 1), &mut framed, *step);
                integer_tiles::pair_values(&framed, *step, &mut paired);
                let operands = Operands { plan, step: *step, paired: &paired, errors, outputs };
                for pairs in pairs.chunks(BLOCK / 2) {
                    for sums in &mut sums {
                        sums.add(&operands, pairs, &mut packed, totals);
                    }
                }
            }
        }
        sums.iter_mut().for_each(|sums| sums.flush(totals));
    });
    let mut gradient = vec![0; inputs * outputs];
    for totals in totals.chunks_exact(len.max(1)) {
        for panel in &panels {
            let lines = totals[panel.part(inputs)].chunks_exact(panel.padded);
            for (k, line) in lines.enumerate() {
                for (j, sum) in line[..panel.width].iter().enumerate() {
                    gradient[(panel.column + j) * inputs + k] += sum;
                }
            }
        }
    }
    gradient
}

/// What the gradient of one image is made of.
struct Operands<'a> {
    plan: &'a Plan,
    step: usize,
    /// The image in pairs of values a step apart.
    paired: &'a [i32],
    errors: &'a [i16],
    outputs: usize,
}

/// The sums of one panel in 32 bits, for as long as those are sure to hold them.
struct PanelSums<'a> {
    panel: &'a Panel,
    inputs: usize,
    /// The largest |x|.
    largest: u64,
    sums: Vec<i32>,
    /// No sum is larger in magnitude.
    bound: u64,
}

impl<'a> PanelSums<'a> {
    fn new(panel: &'a Panel, inputs: usize, largest: u64) -> Self {
        Self { panel, inputs, largest, sums: vec![0; inputs * panel.padded], bound: 0 }
    }

    /// Adds the products of some rows, in parts if even their own sums might be too large.
    fn add(
        &mut self,
        operands: &Operands<'_>,
        pairs: &[RowPair],
        packed: &mut Errors,
        totals: &mut [i64],
    ) {
        const LIMIT: u64 = 1 << 31;
        let Operands { plan, step, paired, errors, outputs } = *operands;
        let share = self.largest * packed.pack(pairs, errors, outputs, self.panel);
        if share >= LIMIT {
            if let &[RowPair { base, first, second: Some(second) }] = pairs {
                // The product of two values is at most 2^30.
                for (base, first) in [(base, first), (base + step, second)] {
                    self.add(operands, &[RowPair { base, first, second: None }], packed, totals);
                }
            } else {
                let (front, back) = pairs.split_at(pairs.len() / 2);
                self.add(operands, front, packed, totals);
                self.add(operands, back, packed, totals);
            }
            return;
        }
        if self.bound + share >= LIMIT {
            self.flush(totals);
        }
        self.bound += share;
        integer_tiles::accumulate(&plan.runs, paired, packed, &mut self.sums, self.panel.padded);
    }

    /// Adds the sums to the totals and begins again at zero.
    fn flush(&mut self, totals: &mut [i64]) {
        let totals = &mut totals[self.panel.part(self.inputs)];
        for (total, sum) in totals.iter_mut().zip(&mut self.sums) {
            *total += i64::from(std::mem::take(sum));
        }
        self.bound = 0;
    }
}

#[cfg(test)]
mod tests {
    use numerics::{Codes, CodesRef, FixedView, Overflow, Product, RandomBits, Rounding, Seed};
    use proptest::prelude::*;

    use super::*;
    use crate::rows::tests::{gather, windows};

    proptest! {
        /// Whatever the values, sums that leave 32 bits included, and for any number of threads.
        #[test]
        fn gradients_are_the_exact_sums(
            (window, shape) in windows(), outputs in 1..40usize, bits in 1..17u32, seed in 0..99u64,
        ) {
            let patches = Patches::new(&window, shape);
            let inputs = patches.taps() * patches.channels();
            let count = patches.batch * patches.rows_per_image();
            let values = |name: &str, len: usize| -> Vec<i16> {
                let mut words = vec![0; len];
                Seed::new(seed).child(name).stream().fill_words(0, &mut words);
                // The largest magnitudes now and then.
                let value = |word: u32| if word % 7 < 3 { 1 << 31 } else { word as i32 };
                words.into_iter().map(|word| (value(word) >> (32 - bits)) as i16).collect()
            };
            let x = values("x", patches.batch * patches.image_len());
            let errors = values("errors", count * outputs);
            let gathered = gather(&patches, &x);
            let format = "<6,10>".parse().unwrap();
            let a = FixedView::new(CodesRef::I16(&errors), format, count, outputs).t();
            let b = FixedView::new(CodesRef::I16(&gathered), format, count, inputs);
            let mut expected = vec![0; outputs * inputs];
            Product::new(a, b).wide(&mut expected);
            for par in [Par::Seq, Par::Rayon] {
                prop_assert_eq!(&gradient_product(&patches, &x, &errors, outputs, par), &expected);
            }
        }

        /// In place or gathered: the same bits, forwards and for the gradient of the image.
        #[test]
        fn both_ways_give_the_same_bits((window, shape) in windows(), outputs in 1..20usize, wraps: bool) {
            let format = "<6,10>".parse().unwrap();
            let overflow = if wraps { Overflow::Wrap } else { Overflow::Saturate };
            let quantizer = Quantizer::new(format, Rounding::Stochastic).overflow(overflow);
            let source = RandomBits::default().of(&Seed::new(5));
            let forward = Patches::new(&window, shape);
            for patches in [forward, forward.transposed(3)] {
                let value = |i: usize| (i * 7919 % 4001) as i16 - 2000;
                let len = patches.batch * patches.image_len();
                let x: Vec<i16> = (0..len).map(value).collect();
                let inputs = patches.taps() * patches.channels();
                let w: Vec<i16> = (0..outputs * inputs).map(|i| value(i + 77)).collect();
                let bias: Vec<i16> = (0..outputs).map(|i| value(i + 3)).collect();
                let count = patches.batch * patches.rows_per_image();
                let mut fast = vec![0.0; count * outputs];
                let wide: Vec<i64> = bias.iter().map(|&b| i64::from(b) << 10).collect();
                let first = 1000;
                let conversion =
                    Conversion { quantizer: Some(quantizer), fraction_bits: 20, source: &source, first };
                prop_assert!(convolve(
                    &patches, &x, &w, &wide, outputs, &conversion, &mut fast, Par::Seq,
                ));
                let gathered = gather(&patches, &x);
                let a = FixedView::new(CodesRef::I16(&gathered), format, count, inputs);
                let b = FixedView::new(CodesRef::I16(&w), format, outputs, inputs).t();
                let mut slow = vec![0.0; count * outputs];
                Product::new(a, b)
                    .bias(&Codes::I16(bias), format)
                    .convert_to_f32(quantizer, source.at(first), &mut slow);
                prop_assert_eq!(fast, slow);
            }
        }
    }
}
