//! [`PowersOfTwo`]: the codes that hold weights, how an increment enters them, how they are saved.

use std::borrow::Cow;

use nn::storage::{Digits, Numbers, Propose, Rounded, Saved, Storage};
use numerics::{Codes, Seed};

use super::config::PowerOfTwo;

/// Weights as codes, with no float copy behind them.
#[derive(Clone, Debug)]
pub(crate) struct PowersOfTwo {
    format: PowerOfTwo,
    codes: Vec<i8>,
    increment: Option<Vec<f32>>,
}

impl PowersOfTwo {
    pub(crate) fn new(format: PowerOfTwo, values: &[f32]) -> Self {
        let codes = values.iter().map(|&w| format.nearest(w)).collect();
        Self { format, codes, increment: None }
    }

    pub(crate) fn decoded(&self) -> Vec<f32> {
        self.codes.iter().map(|&code| self.format.decode(code)).collect()
    }
}

impl Storage for PowersOfTwo {
    fn describe(&self) -> String {
        self.format.to_string()
    }

    fn values(&self) -> Cow<'_, [f32]> {
        self.decoded().into()
    }

    fn set_values(&mut self, values: &[f32]) {
        *self = Self::new(self.format, values);
    }

    fn increment(&self) -> Option<Cow<'_, [f32]>> {
        self.increment.as_deref().map(Cow::Borrowed)
    }

    fn set_increment(&mut self, increment: Option<&[f32]>) {
        self.increment = increment.map(<[f32]>::to_vec);
    }

    /// w ← round(w + Δ): the random number of a weight is that at its position.
    fn update(&mut self, keep: bool, seed: &Seed, propose: &mut Propose<'_>) -> Rounded {
        let (weights, total) = (self.decoded(), self.codes.len());
        let mut delta = self.increment.take().unwrap_or_else(|| vec![0.0; total]);
        propose(0..total, &weights, &mut delta);
        let mut uniform = vec![0.0; total];
        seed.stream().fill_uniform(0, &mut uniform);
        let mut to_zero = 0;
        for (i, code) in self.codes.iter_mut().enumerate() {
            let next = self.format.stochastic(weights[i] + delta[i], uniform[i]);
            to_zero += usize::from(next == *code);
            *code = next;
        }
        self.increment = keep.then_some(delta);
        Rounded { total, to_zero }
    }

    fn save(&self) -> Saved {
        let digits = Digits::Codes(Codes::I8(self.codes.clone()));
        let values = Numbers { name: String::new(), digits, format: Some(self.describe()) };
        Saved { values, increment: self.increment.as_deref().map(Numbers::float) }
    }

    fn restore(&mut self, saved: &Saved) -> Result<(), String> {
        let Numbers { name, digits, format } = &saved.values;
        let codes = match digits {
            Digits::Codes(Codes::I8(codes)) if format.as_ref() == Some(&self.describe()) => codes,
            _ => return Err(format!("{name} does not hold {}", self.describe())),
        };
        let largest = self.format.largest().unsigned_abs();
        if let Some(code) = codes.iter().find(|code| code.unsigned_abs() > largest) {
            return Err(format!("{name} holds the code {code}, beyond {largest}"));
        }
        self.increment = saved.increment.as_ref().map(Numbers::to_float).transpose()?;
        self.codes.clone_from(codes);
        Ok(())
    }

    fn boxed(&self) -> Box<dyn Storage> {
        Box::new(self.clone())
    }
}
