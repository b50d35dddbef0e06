//! [`FixedMatrix::update`]: the weight update of training, with whatever rule proposes it.

use std::ops::Range;

use crate::code::{Code, Codes, each_width};
use crate::draw::{BitSource, Draw};
use crate::format::FixedFormat;
use crate::matrix::FixedMatrix;
use crate::quantizer::Quantizer;

/// Elements per chunk: all buffers of one chunk stay in the first-level cache.
const CHUNK: usize = 1024;

impl FixedMatrix {
    /// W ← saturate(W + ΔW), elementwise and in place: exact but for saturation.
    ///
    /// Source: [Gupta15 §3]; the two share their grid, so the sum needs no rounding.
    ///
    /// # Panics
    ///
    /// If the numbers of fractional bits or of elements differ.
    #[track_caller]
    pub fn add_saturating(&mut self, update: &Codes, update_format: FixedFormat) {
        let format = self.format();
        assert_eq!(
            format.fl(),
            update_format.fl(),
            "an update in {update_format} is off the grid of {format}"
        );
        assert_eq!(
            self.codes().len(),
            update.len(),
            "{} updates for {} weights",
            update.len(),
            self.codes().len()
        );
        each_width!(self.codes_mut(), w => each_width!(update, d => crate::slice::add_saturating(w, d, format)));
    }

    /// W ← saturate(W + ΔW) with ΔW = Convert(Δ); returns how many ΔW are zero.
    ///
    /// The matrix is taken in chunks. For each, `propose(range, w, previous, delta)` is given the
    /// values of the weights and of their previous increments, and writes Δ into `delta`. If
    /// `kept` is given it holds the previous increments, in the update's format, and receives the
    /// new ones; otherwise `previous` is zero.
    ///
    /// W + ΔW is exact, because update and weight share their grid.
    ///
    /// Source: [Gupta15 §3].
    ///
    /// # Panics
    ///
    /// If the update has other fractional bits than the weights, or `kept` another length or codes
    /// too short for the update's words.
    ///
    /// # Examples
    ///
    /// ```
    /// use numerics::{Draw, FixedMatrix, Quantizer, Rounding};
    ///
    /// let update = Quantizer::new("<2,6>".parse()?, Rounding::NearestTiesDown);
    /// let mut w = FixedMatrix::from_codes(update.format, 1, 3, &[10, 127, -1]).unwrap();
    /// let gradient = [0.25, -1.0, 0.001];
    /// let zeros = w.update(update, Draw::none(), None, |range, _, _, delta| {
    ///     delta.iter_mut().zip(&gradient[range]).for_each(|(d, g)| *d = -0.5 * g);
    /// });
    /// assert_eq!((w.codes().to_i32(), zeros), (vec![2, 127, -1], 1));
    /// # Ok::<(), numerics::FormatError>(())
    /// ```
    #[track_caller]
    pub fn update(
        &mut self,
        quantizer: Quantizer,
        bits: Draw<impl BitSource>,
        mut kept: Option<&mut Codes>,
        mut propose: impl FnMut(Range<usize>, &[f32], &[f32], &mut [f32]),
    ) -> usize {
        let format = self.format();
        let len = self.codes().len();
        assert_eq!(
            format.fl(),
            quantizer.format.fl(),
            "an update in {} is off the grid of {format}",
            quantizer.format
        );
        if let Some(kept) = &kept {
            assert_eq!(kept.len(), len, "{} kept increments for {len} weights", kept.len());
            assert!(
                quantizer.format.word_length() <= kept.bits(),
                "kept increments in {}-bit codes do not hold words of {}",
                kept.bits(),
                quantizer.format
            );
        }
        let (source, first) = bits.serve(quantizer.rounding, len);
        let [mut w, mut previous, mut delta] = [[0.0f32; CHUNK]; 3];
        let mut codes = [0i32; CHUNK];
        let mut zeros = 0;
        for start in (0..len).step_by(CHUNK) {
            let range = start..len.min(start + CHUNK);
            let n = range.len();
            let (w, previous) = (&mut w[..n], &mut previous[..n]);
            let (delta, codes) = (&mut delta[..n], &mut codes[..n]);
            each_width!(self.codes(), v => crate::slice::dequantize_slice(&v[range.clone()], format, w));
            if let Some(kept) = &kept {
                each_width!(&**kept, v => {
                    crate::slice::dequantize_slice(&v[range.clone()], quantizer.format, previous);
                });
            }
            propose(range.clone(), w, previous, delta);
            quantizer.quantize(delta, source.at(first + start as u64), codes);
            zeros += crate::slice::count_zeros(codes);
            each_width!(self.codes_mut(), v => {
                crate::slice::add_saturating(&mut v[range.clone()], codes, format);
            });
            if let Some(kept) = &mut kept {
                each_width!(&mut **kept, v => {
                    v[range].iter_mut().zip(&*codes).for_each(|(k, &c)| *k = Code::from_i32(c));
                });
            }
        }
        zeros
    }
}

#[cfg(test)]
mod tests {
    use crate::{BitSource, Codes, Draw, FixedMatrix, Quantizer, Rounding, Seed};

    /// Whole-matrix steps, one after the other: what `update` does chunk by chunk.
    #[test]
    fn chunks_equal_the_steps_they_are_made_of() {
        let format = "<3,9>".parse().unwrap();
        let quantizer = Quantizer::new("<2,9>".parse().unwrap(), Rounding::Stochastic);
        let (rows, cols) = (7, 500);
        let mut values = vec![0.0; rows * cols];
        Seed::new(1).stream().fill_gaussian(0, &mut values);
        let nearest = Quantizer::new(format, Rounding::NearestTiesEven);
        let mut fast = FixedMatrix::quantize(&values, rows, cols, nearest, Draw::none());
        let mut slow = fast.clone();
        let mut kept = Codes::zeros(quantizer.format, rows * cols);
        let mut slow_kept = kept.clone();
        for step in 0..3 {
            let stream = Seed::new(2).child(step).stream();
            let zeros = fast.update(
                quantizer,
                stream.at(0),
                Some(&mut kept),
                |range, w, previous, delta| {
                    for (i, at) in range.enumerate() {
                        delta[i] = 0.5 * previous[i] - 0.01 * (values[at] + w[i]);
                    }
                },
            );
            let mut previous = vec![0.0; values.len()];
            crate::dequantize(&slow_kept, quantizer.format, &mut previous);
            let delta: Vec<f32> = (slow.to_f32().iter().zip(&previous).zip(&values))
                .map(|((w, previous), x)| 0.5 * previous - 0.01 * (x + w))
                .collect();
            slow_kept = quantizer.quantize_vec(&delta, stream.at(0));
            slow.add_saturating(&slow_kept, quantizer.format);
            assert_eq!((&fast, &kept), (&slow, &slow_kept), "step {step}");
            assert_eq!(zeros, kept.to_i32().iter().filter(|&&c| c == 0).count());
        }
    }

    #[test]
    #[should_panic(expected = "kept increments in 8-bit codes do not hold words of <8,8>")]
    fn increments_are_kept_in_codes_that_hold_them() {
        let quantizer = Quantizer::new("<8,8>".parse().unwrap(), Rounding::NearestTiesEven);
        let mut w = FixedMatrix::zeros(quantizer.format, 1, 1);
        let mut kept = Codes::I8(vec![0]);
        w.update(quantizer, Draw::none(), Some(&mut kept), |_, _, _, d| d.fill(1.0));
    }
}
