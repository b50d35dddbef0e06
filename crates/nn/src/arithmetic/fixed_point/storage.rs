//! [`FixedWords`]: fixed-point codes, with no float copy behind them.

use std::borrow::Cow;

use numerics::{
    BitSource, Codes, Draw, FixedMatrix, Quantizer, RandomBits, Rounding, Seed, dequantize,
};

use super::bits::ResultBits;
use crate::storage::{Numbers, Propose, Rounded, Saved, Storage};

/// Fixed-point codes, (out, in) or (1, out), and what rounds their increments.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedWords<B = RandomBits> {
    codes: FixedMatrix,
    /// Convert(ΔW): the format and rounding of an increment.
    update: Quantizer,
    /// Where its random bits come from.
    bits: B,
    /// The previous increment, in the increment's format.
    increment: Option<Codes>,
}

impl<B> FixedWords<B> {
    /// Initial values as a (rows, cols) matrix, rounded by `initial`; increments by `update`.
    pub(super) fn new(
        values: &[f32],
        (rows, cols): (usize, usize),
        initial: Quantizer,
        update: Quantizer,
        bits: B,
    ) -> Self {
        // It serves a stochastic rounding of initial values, if a configuration asks for one.
        let draw = Seed::new(0).child("initial").draw();
        let codes = FixedMatrix::quantize(values, rows, cols, initial, draw);
        Self { codes, update, bits, increment: None }
    }

    /// The codes.
    pub fn codes(&self) -> &FixedMatrix {
        &self.codes
    }

    /// Assumed: to nearest, as initial values are.
    fn nearest(values: &[f32], format: numerics::FixedFormat) -> Codes {
        let quantizer = Quantizer::new(format, Rounding::NearestTiesDown);
        quantizer.quantize_vec(values, Draw::none())
    }
}

impl<B: ResultBits> Storage for FixedWords<B> {
    fn describe(&self) -> String {
        format!("fixed point {}", self.codes.format())
    }

    fn values(&self) -> Cow<'_, [f32]> {
        Cow::Owned(self.codes.to_f32())
    }

    fn set_values(&mut self, values: &[f32]) {
        let (format, rows, cols) = (self.codes.format(), self.codes.nrows(), self.codes.ncols());
        let nearest = Quantizer::new(format, Rounding::NearestTiesDown);
        self.codes = FixedMatrix::quantize(values, rows, cols, nearest, Draw::none());
        self.increment = None;
    }

    fn increment(&self) -> Option<Cow<'_, [f32]>> {
        let codes = self.increment.as_ref()?;
        let mut values = vec![0.0; codes.len()];
        dequantize(codes, self.update.format, &mut values);
        Some(Cow::Owned(values))
    }

    fn set_increment(&mut self, increment: Option<&[f32]>) {
        self.increment = increment.map(|values| Self::nearest(values, self.update.format));
    }

    fn update(&mut self, keep: bool, seed: &Seed, propose: &mut Propose<'_>) -> Rounded {
        let Self { codes, update, bits, increment } = self;
        let total = codes.codes().len();
        if keep && increment.is_none() {
            *increment = Some(Codes::zeros(update.format, total));
        }
        let kept = increment.as_mut().filter(|_| keep);
        let source = bits.of_matrix(seed, 0, (codes.nrows(), codes.ncols()));
        let to_zero = codes.update(*update, source.at(0), kept, |range, w, previous, delta| {
            delta.copy_from_slice(previous);
            propose(range, w, delta);
        });
        Rounded { total, to_zero }
    }

    fn save(&self) -> Saved {
        let increment = self.increment.as_ref();
        Saved {
            values: Numbers::codes(self.codes.codes(), self.codes.format()),
            increment: increment.map(|codes| Numbers::codes(codes, self.update.format)),
        }
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), String> {
        let (format, rows, cols) = (self.codes.format(), self.codes.nrows(), self.codes.ncols());
        let codes = saved.values.to_codes(format)?.to_i32();
        let increment = saved.increment.as_ref();
        let increment =
            increment.map(|numbers| numbers.to_codes(self.update.format)).transpose()?;
        self.codes = FixedMatrix::from_codes(format, rows, cols, &codes)
            .map_err(|error| format!("{}: {error}", saved.values.name))?;
        self.increment = increment;
        Ok(())
    }

    /// Codes have no other values.
    fn not_finite(&self) -> Option<f32> {
        None
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}
