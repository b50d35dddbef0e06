//! How a tensor becomes floats of few bits under one scale.

use numerics::{BitSource, Par};

use super::config::{FloatOperand, Scaling};
use crate::arithmetic::rounded::operand::{Bits, Matrix, Operand};

/// Elements that a thread converts at a time.
const CHUNK: usize = 16 << 10;

impl Operand for FloatOperand {
    const ELEMENTWISE: bool = true;

    fn window(&self) -> Option<usize> {
        match self.scaling {
            Scaling::Delayed { window, .. } => Some(window),
            Scaling::None | Scaling::Current => None,
        }
    }

    /// A tensor has no blocks, but its random bits differ.
    fn same_both_ways(&self) -> bool {
        !self.rounding.is_stochastic()
    }

    fn unit(&self) -> usize {
        1
    }

    fn scale(&self, largest: impl FnOnce() -> f32, past: Option<f32>) -> f32 {
        match self.scaling {
            Scaling::None => 1.0,
            Scaling::Current => self.scale_of(largest(), 0),
            Scaling::Delayed { margin, .. } => past.map_or(1.0, |past| self.scale_of(past, margin)),
        }
    }

    fn factor(&self, scale: f32) -> f32 {
        1.0 / scale
    }

    fn round(&self, matrix: Matrix<'_>, scale: f32, bits: Bits<'_>, par: Par, out: &mut [f32]) {
        let (quantizer, source) = (self.quantizer(), bits.name.stream());
        par.for_each_chunk(out, CHUNK, |index, out| {
            let first = index * CHUNK;
            let from = &matrix.values[first..first + out.len()];
            out.iter_mut().zip(from).for_each(|(out, x)| *out = scale * x);
            quantizer.convert_slice(out, source.at(bits.first + first as u64));
        });
    }
}

impl FloatOperand {
    /// M / max / 2^margin in f32, finite and not zero.
    ///
    /// Source: Transformer Engine, `compute_scale_from_amax`.
    fn scale_of(&self, max: f32, margin: u8) -> f32 {
        if max == 0.0 {
            return 1.0;
        }
        let scale = self.format.max() as f32 / max * 2f32.powi(-i32::from(margin));
        // So that 1/s is a normal number too.
        scale.clamp(f32::MIN_POSITIVE, 1.0 / f32::MIN_POSITIVE)
    }
}
