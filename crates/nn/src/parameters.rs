//! [`Parameters`]: the weights of a network with their gradients and optimiser state.

mod analog;

use numerics::{BitSource, Codes, Draw, FixedMatrix, Quantizer, RandomBits, Rounding, Seed};
use serde::{Deserialize, Serialize};

pub use analog::AnalogWeights;

/// Which numbers hold a parameter, and how an increment enters it.
#[derive(Clone, Debug, PartialEq)]
pub enum Storage {
    /// f32 values; increments are added in f32.
    Float {
        /// The values, row-major.
        values: Vec<f32>,
        /// The previous increment, once an optimiser with momentum has made one.
        increment: Option<Vec<f32>>,
    },
    /// Fixed-point codes, with no float copy behind them.
    Fixed {
        /// The codes, row-major, as (out, in) or (1, out).
        codes: FixedMatrix,
        /// Convert(ΔW): the format and rounding of an increment.
        update: Quantizer,
        /// Where its random bits come from.
        bits: RandomBits,
        /// The previous increment, in the increment's format.
        increment: Option<Codes>,
    },
}

impl Storage {
    /// The values as f32.
    fn values(&self) -> Vec<f32> {
        match self {
            Self::Float { values, .. } => values.clone(),
            Self::Fixed { codes, .. } => codes.to_f32(),
        }
    }

    /// The previous increment as f32.
    fn increment(&self) -> Option<Vec<f32>> {
        match self {
            Self::Float { increment, .. } => increment.clone(),
            Self::Fixed { update, increment, .. } => increment.as_ref().map(|codes| {
                let mut values = vec![0.0; codes.len()];
                numerics::dequantize(codes, update.format, &mut values);
                values
            }),
        }
    }

    fn copy_from(&mut self, other: &Self) {
        match self {
            Self::Float { values, increment } => {
                *values = other.values();
                *increment = other.increment();
            }
            Self::Fixed { codes, update, increment, .. } => {
                // Assumed: to nearest, as initial values are.
                let nearest = |format| Quantizer::new(format, Rounding::NearestTiesDown);
                let (rows, cols) = (codes.nrows(), codes.ncols());
                *codes = FixedMatrix::quantize(
                    &other.values(),
                    rows,
                    cols,
                    nearest(codes.format()),
                    Draw::none(),
                );
                *increment = other
                    .increment()
                    .map(|values| nearest(update.format).quantize_vec(&values, Draw::none()));
            }
        }
    }
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The matrix of a linear map; on tiles w̆.
    Weight,
    /// What is added to a linear map's output.
    Bias,
    /// Gain or shift of a normalisation.
    Normalization,
    /// The rows of a look-up table.
    Embedding,
    /// A digital scale of tiles, γ̃ or κ.
    Scale,
    /// The input range α of tiles.
    InputRange,
}

impl Role {
    /// Whether weight decay acts on it.
    pub(crate) fn decays(self) -> bool {
        !matches!(self, Self::Scale | Self::InputRange)
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

impl std::ops::AddAssign for Rounded {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.to_zero += other.to_zero;
    }
}

/// One weight matrix or bias vector.
#[derive(Clone, Debug)]
pub struct Parameter {
    name: String,
    role: Role,
    shape: Vec<usize>,
    storage: Storage,
    moments: Vec<Vec<f32>>,
    gradient: Vec<f32>,
    has_gradient: bool,
    /// Values are clipped to ± this after every update.
    bound: Option<f32>,
    frozen: bool,
}

/// The index of a [`Parameter`] in its [`Parameters`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParameterId(usize);

/// The index of a state in its [`Parameters`]: see [`Parameters::add_state`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateId(usize);

/// A vector that belongs to a network but that no gradient changes.
#[derive(Clone, Debug)]
struct State {
    name: String,
    values: Vec<f32>,
}

/// All parameters of a network, in the order in which the model made them, and its states.
///
/// Matrices on tiles may be programmed into devices ([`Self::program`]), which evaluation then
/// multiplies by. Devices are of the parameters as they were: whatever can change a parameter
/// erases them all, so that no evaluation sees devices of other weights.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    list: Vec<Parameter>,
    states: Vec<State>,
    analog: Vec<AnalogWeights>,
    /// Names of the linear maps: the layers that a [`Policy`](crate::Policy) may name.
    maps: Vec<String>,
}

impl Parameters {
    /// No parameters yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a parameter, named `layer.part`.
    ///
    /// # Panics
    ///
    /// If the name is taken.
    #[track_caller]
    pub fn add(
        &mut self,
        name: String,
        role: Role,
        shape: &[usize],
        storage: Storage,
    ) -> ParameterId {
        self.assert_new(&name);
        let gradient = vec![0.0; shape.iter().product()];
        self.list.push(Parameter {
            name,
            role,
            shape: shape.to_vec(),
            storage,
            moments: Vec::new(),
            gradient,
            has_gradient: false,
            bound: None,
            frozen: false,
        });
        ParameterId(self.list.len() - 1)
    }

    /// Notes a linear map of that name.
    pub(crate) fn add_map(&mut self, name: &str) {
        self.maps.push(name.to_owned());
    }

    /// The names of the linear maps, in the order in which the model made them.
    pub fn maps(&self) -> impl Iterator<Item = &str> {
        self.maps.iter().map(String::as_str)
    }

    /// Adds a state: values that a layer keeps from step to step and no optimiser changes, such as
    /// running means. It is saved with the parameters and not counted as trainable.
    ///
    /// A forward pass reads it by [`Self::state`] and proposes new values by
    /// [`Step::set_state`](crate::Step::set_state).
    ///
    /// # Panics
    ///
    /// If the name is taken.
    #[track_caller]
    pub fn add_state(&mut self, name: String, values: Vec<f32>) -> StateId {
        self.assert_new(&name);
        self.states.push(State { name, values });
        StateId(self.states.len() - 1)
    }

    #[track_caller]
    fn assert_new(&self, name: &str) {
        let mut taken =
            self.list.iter().map(|p| &p.name).chain(self.states.iter().map(|s| &s.name));
        assert!(taken.all(|other| other != name), "two parameters are named {name}");
    }

    /// The values of a state.
    pub fn state(&self, id: StateId) -> &[f32] {
        &self.states[id.0].values
    }

    /// Replaces the values of a state.
    ///
    /// # Panics
    ///
    /// If their number changes.
    #[track_caller]
    pub fn set_state(&mut self, id: StateId, values: Vec<f32>) {
        let State { name, values: present } = &mut self.states[id.0];
        assert_eq!(values.len(), present.len(), "{name} does not have {} values", values.len());
        *present = values;
    }

    /// Names and values of all states.
    pub fn states(&self) -> impl Iterator<Item = (&str, &[f32])> {
        self.states.iter().map(|state| (&*state.name, &*state.values))
    }

    /// The state of that name, to be changed in place.
    pub fn state_mut(&mut self, name: &str) -> Option<&mut [f32]> {
        self.states.iter_mut().find(|s| s.name == name).map(|s| &mut *s.values)
    }

    /// The parameter of that id.
    ///
    /// # Panics
    ///
    /// If there is none, because the id is of another network.
    #[track_caller]
    pub fn get(&self, id: ParameterId) -> &Parameter {
        &self.list[id.0]
    }

    /// The parameter of that id, if these parameters have so many.
    pub(crate) fn find(&self, id: ParameterId) -> Option<&Parameter> {
        self.list.get(id.0)
    }

    /// The parameter of that id, to be changed. Devices hold what it was, so they are erased.
    pub fn get_mut(&mut self, id: ParameterId) -> &mut Parameter {
        self.erase();
        &mut self.list[id.0]
    }

    /// Lets `write` add to the gradient of a parameter. It is told whether the buffer holds an
    /// earlier share to add to; if not, it overwrites.
    pub fn accumulate(&mut self, id: ParameterId, write: impl FnOnce(&mut [f32], bool)) {
        self.list[id.0].accumulate(write);
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.list.iter()
    }

    /// All parameters, to be changed. Devices hold what they were, so they are erased.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.erase();
        self.list.iter_mut()
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.list.iter().map(|p| p.gradient.len()).sum()
    }

    /// The first parameter or state, by name, that holds a value that is not finite, and the value.
    pub fn not_finite(&self) -> Option<(&str, f32)> {
        let first = |values: &[f32]| values.iter().copied().find(|x| !x.is_finite());
        let of_parameter = |p: &'_ Parameter| match &p.storage {
            Storage::Float { values, .. } => first(values),
            Storage::Fixed { .. } => None,
        };
        let parameters = self.list.iter().map(|p| (&*p.name, of_parameter(p)));
        let states = self.states.iter().map(|s| (&*s.name, first(&s.values)));
        parameters.chain(states).find_map(|(name, value)| Some((name, value?)))
    }

    /// The Euclidean norm of all gradients together.
    pub fn gradient_norm(&self) -> f64 {
        let squares = self.list.iter().filter_map(Parameter::gradient).flatten();
        squares.map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt()
    }

    /// Takes values, states and optimiser state from the same network under other arithmetics.
    ///
    /// What the new numbers cannot express is rounded as initial values are, and saturates. From a
    /// fixed-point format to a wider one of the same fraction or a finer one nothing changes.
    ///
    /// # Panics
    ///
    /// If the networks differ in a name or a shape.
    #[track_caller]
    pub fn copy_from(&mut self, other: &Self) {
        assert_eq!(self.list.len(), other.list.len(), "networks of different layers");
        for (to, from) in self.iter_mut().zip(&other.list) {
            assert_eq!((&to.name, &to.shape), (&from.name, &from.shape), "different parameters");
            to.storage.copy_from(&from.storage);
            to.moments.clone_from(&from.moments);
        }
        assert!(
            self.states().map(|(name, _)| name).eq(other.states().map(|(name, _)| name)),
            "networks of different states"
        );
        self.states.clone_from(&other.states);
    }

    /// Forgets what optimisers remember, previous increments and moments: for a network whose
    /// training is over.
    pub fn forget_optimizer(&mut self) {
        // No weight changes, so devices stay.
        for parameter in &mut self.list {
            match &mut parameter.storage {
                Storage::Float { increment, .. } => *increment = None,
                Storage::Fixed { increment, .. } => *increment = None,
            }
            parameter.moments.clear();
        }
    }

    /// Forgets all gradients.
    pub fn clear_gradients(&mut self) {
        self.list.iter_mut().for_each(|p| p.has_gradient = false);
    }
}

impl Parameter {
    /// The name, `layer.weight` or `layer.bias`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The layer's name, which is that before the last point.
    pub fn layer(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(layer, _)| layer)
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The shape: (out, in) for weights, (out) for biases.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The numbers that hold it.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The moments that [`Self::apply_with_moments`] keeps; none before its first call.
    pub fn moments(&self) -> &[Vec<f32>] {
        &self.moments
    }

    /// Whether updates leave it alone.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Lets updates leave it alone, or not.
    pub fn set_frozen(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// Replaces numbers and moments, as a checkpoint does.
    pub(crate) fn restore(&mut self, storage: Storage, moments: Vec<Vec<f32>>) {
        self.storage = storage;
        self.moments = moments;
    }

    /// The values as f32.
    pub fn values(&self) -> Vec<f32> {
        self.storage.values()
    }

    /// Replaces the values, rounded as initial values are, and forgets the optimiser's state.
    ///
    /// # Panics
    ///
    /// If their number changes.
    #[track_caller]
    pub fn set_values(&mut self, values: &[f32]) {
        let (name, len) = (&self.name, self.gradient.len());
        assert_eq!(values.len(), len, "{} values for {name}, which has {len}", values.len());
        self.storage.copy_from(&Storage::Float { values: values.to_vec(), increment: None });
        self.moments.clear();
    }

    /// The f32 values of a parameter that is stored so.
    ///
    /// # Panics
    ///
    /// If it is stored otherwise: a linear map and its storage come from the same arithmetic.
    pub(crate) fn float(&self) -> &[f32] {
        match &self.storage {
            Storage::Float { values, .. } => values,
            Storage::Fixed { .. } => panic!("{} is not stored as f32", self.name),
        }
    }

    /// Brings f32 values into another unit, and what optimisers remember with them:
    /// `scale(values, power)` is given the values and the previous increment with the power 1, and
    /// the k-th moment with k.
    ///
    /// # Panics
    ///
    /// If it is stored otherwise.
    fn rescale(&mut self, scale: impl Fn(&mut [f32], i32)) {
        let Storage::Float { values, increment } = &mut self.storage else {
            panic!("{} is not stored as f32", self.name)
        };
        scale(values, 1);
        increment.iter_mut().for_each(|increment| scale(increment, 1));
        (1..).zip(&mut self.moments).for_each(|(power, moment)| scale(moment, power));
    }

    /// The codes of a parameter that is stored so.
    ///
    /// # Panics
    ///
    /// If it is stored otherwise: a linear map and its storage come from the same arithmetic.
    pub(crate) fn fixed(&self) -> &FixedMatrix {
        match &self.storage {
            Storage::Fixed { codes, .. } => codes,
            Storage::Float { .. } => panic!("{} is not stored in fixed point", self.name),
        }
    }

    /// The gradient accumulated since [`Parameters::clear_gradients`], if there was any.
    pub fn gradient(&self) -> Option<&[f32]> {
        self.has_gradient.then_some(&*self.gradient)
    }

    /// As [`Parameters::accumulate`].
    pub fn accumulate(&mut self, write: impl FnOnce(&mut [f32], bool)) {
        write(&mut self.gradient, self.has_gradient);
        self.has_gradient = true;
    }

    /// Applies the increment that `propose` makes of (gradient, previous increment, value).
    ///
    /// ```text
    /// Δ = propose(G, Δ_prev, w)
    /// float:   w ← w + Δ
    /// fixed:   Δ ← Convert(Δ),  w ← saturate(w + Δ)
    /// ```
    ///
    /// `keep` says whether the increment is needed by the next step. A parameter without a
    /// gradient does not change. Returns how many increments were rounded, and to zero.
    pub fn apply(
        &mut self,
        keep: bool,
        seed: &Seed,
        propose: impl Fn(f32, f32, f32) -> f32,
    ) -> Rounded {
        if !self.take_gradient() {
            return Rounded::default();
        }
        let gradient = &mut self.gradient;
        match &mut self.storage {
            Storage::Float { values, increment } => {
                if keep {
                    let increment = increment.get_or_insert_with(|| vec![0.0; values.len()]);
                    for ((w, d), &g) in values.iter_mut().zip(increment).zip(&*gradient) {
                        *d = propose(g, *d, *w);
                        *w += *d;
                    }
                } else {
                    values.iter_mut().zip(&*gradient).for_each(|(w, &g)| *w += propose(g, 0.0, *w));
                }
                clip(values, self.bound);
            }
            Storage::Fixed { codes, update, bits, increment } => {
                let source = bits.of(seed);
                if keep && increment.is_none() {
                    *increment = Some(Codes::zeros(update.format, gradient.len()));
                }
                let to_zero = codes.update(
                    *update,
                    source.at(0),
                    increment.as_mut(),
                    |range, w, d, delta| {
                        let from = gradient[range].iter().zip(d).zip(w);
                        for (delta, ((&g, &d), &w)) in delta.iter_mut().zip(from) {
                            *delta = propose(g, d, w);
                        }
                    },
                );
                return Rounded { total: gradient.len(), to_zero };
            }
        }
        Rounded::default()
    }

    /// Whether there is a gradient to be applied; it counts as used from here on.
    fn take_gradient(&mut self) -> bool {
        std::mem::take(&mut self.has_gradient) && !self.frozen
    }

    /// As [`Self::apply`] for rules that keep K numbers of f32 per value, zero at first:
    ///
    /// ```text
    /// (Δ, moments) ← propose(G, w, moments)
    /// ```
    pub fn apply_with_moments<const K: usize>(
        &mut self,
        seed: &Seed,
        propose: impl Fn(f32, f32, [f32; K]) -> (f32, [f32; K]),
    ) -> Rounded {
        if !self.take_gradient() {
            return Rounded::default();
        }
        let gradient = &self.gradient;
        self.moments.resize_with(K, || vec![0.0; gradient.len()]);
        let moments: &mut [Vec<f32>; K] =
            self.moments.as_mut_slice().try_into().expect("resized to K");
        let mut moments = moments.each_mut().map(|m| &mut **m);
        let mut propose_at = |i: usize, w: f32| {
            let present = std::array::from_fn(|k| moments[k][i]);
            let (delta, next) = propose(gradient[i], w, present);
            moments.iter_mut().zip(next).for_each(|(m, next)| m[i] = next);
            delta
        };
        match &mut self.storage {
            Storage::Float { values, .. } => {
                values.iter_mut().enumerate().for_each(|(i, w)| *w += propose_at(i, *w));
                clip(values, self.bound);
                Rounded::default()
            }
            Storage::Fixed { codes, update, bits, .. } => {
                let source = bits.of(seed);
                let to_zero = codes.update(*update, source.at(0), None, |range, w, _, delta| {
                    for (i, at) in range.enumerate() {
                        delta[i] = propose_at(at, w[i]);
                    }
                });
                Rounded { total: gradient.len(), to_zero }
            }
        }
    }
}

fn clip(values: &mut [f32], bound: Option<f32>) {
    if let Some(bound) = bound {
        values.iter_mut().for_each(|w| *w = w.clamp(-bound, bound));
    }
}
