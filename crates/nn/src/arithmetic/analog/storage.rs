//! [`Normalized`]: weights of tiles, between −1 and 1.

use std::borrow::Cow;

use numerics::Seed;

use crate::arithmetic::float32::storage::Floats;
use crate::storage::{Propose, Rounded, Saved, Storage};

/// Normalised weights w̆ in f32: after every update they are clipped to ± 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Normalized(Floats);

impl Normalized {
    /// These values.
    pub(super) fn new(values: Vec<f32>) -> Self {
        Self(Floats::new(values))
    }
}

impl Storage for Normalized {
    fn describe(&self) -> String {
        "tiles".to_owned()
    }

    fn values(&self) -> Cow<'_, [f32]> {
        self.0.values()
    }

    fn set_values(&mut self, values: &[f32]) {
        self.0.set_values(values);
    }

    fn increment(&self) -> Option<Cow<'_, [f32]>> {
        self.0.increment()
    }

    fn set_increment(&mut self, increment: Option<&[f32]>) {
        self.0.set_increment(increment);
    }

    fn update(&mut self, keep: bool, _: &Seed, propose: &mut Propose<'_>) -> Rounded {
        self.0.update_with(keep, propose, |values| {
            values.iter_mut().for_each(|w| *w = w.clamp(-1.0, 1.0));
        });
        Rounded::default()
    }

    fn save(&self) -> Saved {
        self.0.save()
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), String> {
        self.0.restore(saved)
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}
