//! [`Spare`]: memory of codes, from step to step.

use std::sync::{Mutex, PoisonError};

use numerics::{Codes, FixedFormat};

/// Codes that are no longer needed, for those that are made next.
///
/// Those of a layer are as large as its tensors: given back to the system in every step they would cost
/// more to get again than to fill.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<Vec<Codes>>);

impl Spare {
    /// Codes to be overwritten: the last that were given back, if they are of the format's type.
    pub(super) fn take(&self, format: FixedFormat, len: usize) -> Codes {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let none = Codes::zeros(format, 0);
        match (spare, none) {
            (Some(Codes::I8(codes)), Codes::I8(_)) => Codes::I8(resized(codes, len)),
            (Some(Codes::I16(codes)), Codes::I16(_)) => Codes::I16(resized(codes, len)),
            (Some(Codes::I32(codes)), Codes::I32(_)) => Codes::I32(resized(codes, len)),
            _ => Codes::zeros(format, len),
        }
    }

    /// Takes codes back.
    pub(super) fn give(&self, codes: Codes) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(codes);
    }
}

fn resized<C: Copy + Default>(mut codes: Vec<C>, len: usize) -> Vec<C> {
    if codes.capacity() < len {
        return vec![C::default(); len];
    }
    codes.resize(len, C::default());
    codes
}
