//! [`Storage`]: the numbers that hold a parameter, how an increment enters them, how they are saved.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::{AddAssign, Range};

use numerics::{Codes, FixedFormat, Seed};
use serde::{Deserialize, Serialize};

/// Turns increments into their successors: `propose(range, w, Δ)` is given the values of the
/// weights of that range and their previous increments (zeros if none are kept), and writes the new
/// increments over those.
pub type Propose<'a> = dyn FnMut(Range<usize>, &[f32], &mut [f32]) + 'a;

/// The numbers that hold one parameter. Each arithmetic has its own.
pub trait Storage: Any + Debug + Send + Sync {
    /// What the numbers are, for messages: `f32`, `fixed point <2,14>`.
    fn describe(&self) -> String;

    /// The values as f32, row-major.
    fn values(&self) -> Cow<'_, [f32]>;

    /// Replaces the values, rounded as initial values are, and forgets the previous increment.
    /// There are as many as before.
    fn set_values(&mut self, values: &[f32]);

    /// The previous increment as f32, if an optimiser with momentum has left one.
    fn increment(&self) -> Option<Cow<'_, [f32]>>;

    /// Replaces the previous increment, rounded to nearest.
    fn set_increment(&mut self, increment: Option<&[f32]>);

    /// w ← w + Δ in these numbers, Δ as [`Propose`] makes it. `keep` says whether the next step
    /// needs the increment; what is rounded at random draws from `seed`.
    fn update(&mut self, keep: bool, seed: &Seed, propose: &mut Propose<'_>) -> Rounded;

    /// The values as a checkpoint holds them.
    fn save(&self) -> Saved;

    /// Takes what [`Self::save`] gave.
    ///
    /// # Errors
    ///
    /// A clause that names the tensor, if the numbers are of another kind, or cannot be.
    fn restore(&mut self, saved: &Saved) -> Result<(), String>;

    /// The first value that is not finite.
    fn not_finite(&self) -> Option<f32> {
        self.values().iter().copied().find(|x| !x.is_finite())
    }

    /// A copy.
    fn boxed(&self) -> Box<dyn Storage>;
}

impl Clone for Box<dyn Storage> {
    fn clone(&self) -> Self {
        self.as_ref().boxed()
    }
}

impl PartialEq for dyn Storage {
    /// Whether a checkpoint could not tell them apart.
    fn eq(&self, other: &Self) -> bool {
        self.save() == other.save()
    }
}

/// A parameter as a checkpoint holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The values.
    pub values: Numbers,
    /// The previous increment, if there is one.
    pub increment: Option<Numbers>,
}

/// The numbers of one tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers {
    /// The tensor's name, for messages; empty before it has one.
    pub name: String,
    /// The numbers.
    pub digits: Digits,
    /// Their format, if the type does not say it.
    pub format: Option<String>,
}

/// Numbers of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Digits {
    /// f32 values.
    Float(Vec<f32>),
    /// Integer codes.
    Codes(Codes),
}

impl Numbers {
    /// Values of f32.
    pub fn float(values: &[f32]) -> Self {
        Self { name: String::new(), digits: Digits::Float(values.to_vec()), format: None }
    }

    /// Values of f32 on the grid of a format.
    pub fn float_in(values: &[f32], format: String) -> Self {
        Self { format: Some(format), ..Self::float(values) }
    }

    /// Codes of a format.
    pub fn codes(codes: &Codes, format: FixedFormat) -> Self {
        let digits = Digits::Codes(codes.clone());
        Self { name: String::new(), digits, format: Some(format.to_string()) }
    }

    /// The values of f32, all finite.
    ///
    /// # Errors
    ///
    /// A clause that names the tensor, if it holds something else.
    pub fn to_float(&self) -> Result<Vec<f32>, String> {
        let Self { name, digits, .. } = self;
        match digits {
            Digits::Float(values) => match values.iter().position(|x| !x.is_finite()) {
                Some(i) => Err(format!("{name} holds {} at {i}", values[i])),
                None => Ok(values.clone()),
            },
            Digits::Codes(codes) => Err(format!("{name} holds I{}, not f32", codes.bits())),
        }
    }

    /// The values of f32, all finite and said to be in that format.
    ///
    /// # Errors
    ///
    /// A clause that names the tensor, if it holds something else.
    pub fn to_float_in(&self, format: &str) -> Result<Vec<f32>, String> {
        self.assert_format(format)?;
        self.to_float()
    }

    /// The codes of that format.
    ///
    /// # Errors
    ///
    /// A clause that names the tensor, if it holds something else, or a code is out of range.
    pub fn to_codes(&self, format: FixedFormat) -> Result<Codes, String> {
        self.assert_format(&format.to_string())?;
        let name = &self.name;
        match &self.digits {
            Digits::Float(_) => Err(format!("{name} holds no integer codes")),
            Digits::Codes(codes) => {
                Codes::from_i32(format, &codes.to_i32()).map_err(|error| format!("{name}: {error}"))
            }
        }
    }

    fn assert_format(&self, format: &str) -> Result<(), String> {
        match &self.format {
            Some(found) if found == format => Ok(()),
            found => {
                let found = found.as_deref().unwrap_or("no format");
                Err(format!("{} has {found}, not {format}", self.name))
            }
        }
    }
}

/// How many increments were rounded, and how many of them to zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rounded {
    /// Increments that were rounded at all.
    pub total: usize,
    /// Increments that were rounded to zero, and so lost.
    pub to_zero: usize,
}

impl AddAssign for Rounded {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.to_zero += other.to_zero;
    }
}
