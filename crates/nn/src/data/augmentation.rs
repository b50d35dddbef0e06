//! [`Augmentation`]: random crops, mirroring and cut-outs of training images.

use std::ops::Range;

use numerics::Stream;
use serde::{Deserialize, Serialize};

use super::Pixels;

/// What is done at random to a training image, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Pixels of black added on each side before a crop of the original size.
    #[serde(default)]
    pub pad_and_crop: u32,
    /// Mirrored left to right with probability ½.
    #[serde(default)]
    pub mirror: bool,
    /// Side of a square of zeros, whose centre is anywhere in the image; 0 for none.
    ///
    /// Source: `DeVries` and Taylor 2017; zeros are after normalisation.
    #[serde(default)]
    pub cut_out: u32,
}

/// Random words that one image takes.
const WORDS: u64 = 4;

/// What is done to one image: where its pixels come from, and which become zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rearrangement {
    size: [usize; 2],
    pad: usize,
    /// Where the crop begins in the padded image.
    corner: [usize; 2],
    mirror: bool,
    /// Side and centre of a square of zeros.
    hole: Option<(usize, [usize; 2])>,
}

impl Augmentation {
    /// What is done to the image of (height, width) at position `row` of a stream.
    pub fn draw(&self, [height, width]: [usize; 2], stream: &Stream, row: u64) -> Rearrangement {
        let mut words = [0; WORDS as usize];
        stream.fill_words(row * WORDS, &mut words);
        let pad = self.pad_and_crop as usize;
        let centre = || [below(words[3] & 0xffff_0000, height), below(words[3] << 16, width)];
        Rearrangement {
            size: [height, width],
            pad,
            corner: [words[0], words[1]].map(|word| below(word, 2 * pad + 1)),
            mirror: self.mirror && words[2] & 1 == 1,
            hole: (self.cut_out > 0).then(|| (self.cut_out as usize, centre())),
        }
    }

    /// Writes the values of an augmented image; `row` is its position in the stream.
    pub(super) fn apply(
        &self,
        image: &[u8],
        [height, width, channels]: [usize; 3],
        pixels: &Pixels,
        (stream, row): (&Stream, u64),
        out: &mut [f32],
    ) {
        let drawn = self.draw([height, width], stream, row);
        for y in 0..height {
            for x in 0..width {
                let from = drawn.source(y, x);
                for c in 0..channels {
                    let pixel = from.map_or(0, |(y, x)| image[(y * width + x) * channels + c]);
                    out[(y * width + x) * channels + c] = pixels.value(c, pixel);
                }
            }
        }
        if let Some([ys, xs]) = drawn.hole() {
            for y in ys {
                out[(y * width + xs.start) * channels..(y * width + xs.end) * channels].fill(0.0);
            }
        }
    }
}

impl Rearrangement {
    /// The pixel (y, x) of the image that comes to (y, x) of the result; none where that is black,
    /// which is 0 before normalisation.
    pub fn source(&self, y: usize, x: usize) -> Option<(usize, usize)> {
        let Self { size: [height, width], pad, corner: [top, left], mirror, .. } = *self;
        let x = if mirror { width - 1 - x } else { x };
        // Wraps around, and so out of the image, in the padding.
        let (y, x) = ((y + top).wrapping_sub(pad), (x + left).wrapping_sub(pad));
        (y < height && x < width).then_some((y, x))
    }

    /// The rows and columns of the result that are 0 after normalisation.
    pub fn hole(&self) -> Option<[Range<usize>; 2]> {
        let (side, centre) = self.hole?;
        let range = |i: usize| {
            let (centre, len): (usize, usize) = (centre[i], self.size[i]);
            centre.saturating_sub(side / 2)..(centre + side.div_ceil(2)).min(len)
        };
        Some([range(0), range(1)])
    }
}

/// A number below `n`, each as likely but for 2⁻¹⁶ (the cut-out's centre) or 2⁻³².
fn below(word: u32, n: usize) -> usize {
    ((u64::from(word) * n as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use numerics::Seed;

    use super::*;
    use crate::arithmetic::any::AnyArithmetic;

    /// A 3 × 4 image of two channels, all pixels different and none 0.
    const SHAPE: [usize; 3] = [3, 4, 2];

    fn augmented(augmentation: &Augmentation, row: u64) -> Vec<f32> {
        let image: Vec<u8> = (1..=24).collect();
        let stream = Seed::new(1).stream();
        let mut out = vec![f32::NAN; 24];
        let pixels = Pixels::unit(&AnyArithmetic::Float32);
        augmentation.apply(&image, SHAPE, &pixels, (&stream, row), &mut out);
        out.iter().map(|x| (x * 255.0).round()).collect()
    }

    fn distinct(augmentation: &Augmentation) -> BTreeSet<Vec<i32>> {
        (0..2000)
            .map(|row| augmented(augmentation, row).into_iter().map(|x| x as i32).collect())
            .collect()
    }

    #[test]
    fn without_any_of_them_the_image_stays() {
        let all = distinct(&Augmentation::default());
        assert_eq!(all, BTreeSet::from([(1..=24).collect()]));
    }

    #[test]
    fn crops_are_all_shifts_of_the_padded_image() {
        let all = distinct(&Augmentation { pad_and_crop: 1, ..Augmentation::default() });
        let mut expected = BTreeSet::new();
        for dy in -1..=1 {
            for dx in -1..=1 {
                let mut image = Vec::new();
                for y in 0..3 {
                    for x in 0..4 {
                        for c in 0..2 {
                            let (sy, sx) = (y + dy, x + dx);
                            let inside = (0..3).contains(&sy) && (0..4).contains(&sx);
                            image.push(if inside { (sy * 4 + sx) * 2 + c + 1 } else { 0 });
                        }
                    }
                }
                expected.insert(image);
            }
        }
        assert_eq!(all, expected);
    }

    #[test]
    fn half_of_the_images_are_mirrored() {
        let augmentation = Augmentation { mirror: true, ..Augmentation::default() };
        let mirrored = (0..2000).filter(|&row| augmented(&augmentation, row)[0] == 7.0).count();
        // Four standard deviations of a binomial count.
        assert!(mirrored.abs_diff(1000) < 90, "{mirrored} of 2000");
        assert_eq!(distinct(&augmentation).len(), 2);
    }

    #[test]
    fn a_cut_out_is_one_square_of_zeros_anywhere() {
        let all = distinct(&Augmentation { cut_out: 2, ..Augmentation::default() });
        // A centre in each of 12 places; the square reaches from one before it to itself.
        assert_eq!(all.len(), 12);
        for image in all {
            let zeros = image.iter().filter(|&&x| x == 0).count();
            assert!([2, 4, 8].contains(&zeros), "{zeros} zeros");
        }
    }
}
