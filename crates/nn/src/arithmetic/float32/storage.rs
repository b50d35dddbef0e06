//! [`Floats`]: values of f32.

use std::borrow::Cow;

use numerics::Seed;

use crate::storage::{Numbers, Propose, Rounded, Saved, Storage};

/// Values that are updated together: their increments stay in the first-level cache.
const CHUNK: usize = 2048;

/// Values of f32; increments are added in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Floats {
    values: Vec<f32>,
    increment: Option<Vec<f32>>,
}

impl Floats {
    /// These values, row-major.
    pub fn new(values: Vec<f32>) -> Self {
        Self { values, increment: None }
    }

    /// The values.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// The values, to be changed.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// As [`Storage::update`]; every new value is passed through `store`, chunk by chunk.
    pub(crate) fn update_with(
        &mut self,
        keep: bool,
        propose: &mut Propose<'_>,
        mut store: impl FnMut(&mut [f32]),
    ) {
        let len = self.values.len();
        let mut passing = [0.0; CHUNK];
        let mut kept = keep.then(|| self.increment.get_or_insert_with(|| vec![0.0; len]));
        for first in (0..len).step_by(CHUNK) {
            let range = first..len.min(first + CHUNK);
            let values = &mut self.values[range.clone()];
            let delta = match &mut kept {
                Some(kept) => &mut kept[range.clone()],
                None => {
                    let passing = &mut passing[..range.len()];
                    passing.fill(0.0);
                    passing
                }
            };
            propose(range, values, delta);
            values.iter_mut().zip(delta).for_each(|(w, d)| *w += *d);
            store(values);
        }
    }
}

impl Storage for Floats {
    fn describe(&self) -> String {
        "f32".to_owned()
    }

    fn values(&self) -> Cow<'_, [f32]> {
        Cow::Borrowed(&self.values)
    }

    fn set_values(&mut self, values: &[f32]) {
        self.values.copy_from_slice(values);
        self.increment = None;
    }

    fn increment(&self) -> Option<Cow<'_, [f32]>> {
        self.increment.as_deref().map(Cow::Borrowed)
    }

    fn set_increment(&mut self, increment: Option<&[f32]>) {
        self.increment = increment.map(<[f32]>::to_vec);
    }

    fn update(&mut self, keep: bool, _: &Seed, propose: &mut Propose<'_>) -> Rounded {
        self.update_with(keep, propose, |_| ());
        Rounded::default()
    }

    fn save(&self) -> Saved {
        let increment = self.increment.as_deref().map(Numbers::float);
        Saved { values: Numbers::float(&self.values), increment }
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), String> {
        let increment = saved.increment.as_ref().map(Numbers::to_float).transpose()?;
        self.values = saved.values.to_float()?;
        self.increment = increment;
        Ok(())
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}
