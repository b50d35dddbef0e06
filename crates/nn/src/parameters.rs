//! [`Parameters`]: the weights of a network with their gradients and optimiser state.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use numerics::Seed;
use serde::{Deserialize, Serialize};

use crate::storage::{Rounded, Storage};

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
    /// Factors ρ of the ranges of the ADCs of tiles.
    AdcBound,
}

impl Role {
    /// Whether it is beside the parameters of a float network.
    fn is_of_tiles(self) -> bool {
        matches!(self, Self::Scale | Self::InputRange | Self::AdcBound)
    }

    /// Whether weight decay acts on it.
    pub(crate) fn decays(self) -> bool {
        !self.is_of_tiles()
    }
}

/// One weight matrix or bias vector.
#[derive(Clone, Debug)]
pub struct Parameter {
    name: String,
    role: Role,
    shape: Vec<usize>,
    storage: Box<dyn Storage>,
    moments: Vec<Vec<f32>>,
    gradient: Vec<f32>,
    has_gradient: bool,
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
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    list: Vec<Parameter>,
    states: Vec<State>,
    /// Names of the linear maps: the layers that a [`Policy`](crate::Policy) may name.
    maps: Vec<String>,
    bindings: Vec<Arc<dyn Binding>>,
    /// Whether a backward pass adds up gradients leaf by leaf.
    in_leaves: bool,
}

/// What holds several parameters together: weights in one unit with their scales, for example.
pub trait Binding: Any + Debug + Send + Sync {
    /// The parameter that the others serve.
    fn weight(&self) -> ParameterId;

    /// The values of [`Self::weight`] as a float network would have them.
    fn logical(&self, parameters: &Parameters) -> Vec<f32>;

    /// Sets the parameters to those values of a float network.
    ///
    /// # Errors
    ///
    /// A clause that names the layer, if they cannot be held.
    fn assign(&self, parameters: &mut Parameters, logical: &[f32]) -> Result<(), String>;

    /// What follows an update of the optimiser, whose number is `step`, counted from 1.
    fn after_update(&self, parameters: &mut Parameters, step: u64);

    /// What the numbers are multiples of, as key and value of a checkpoint's metadata: only where it
    /// is the same do the same numbers make the same weights.
    fn unit(&self) -> (String, String);
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
        storage: impl Storage,
    ) -> ParameterId {
        self.assert_new(&name);
        let gradient = vec![0.0; shape.iter().product()];
        self.list.push(Parameter {
            name,
            role,
            shape: shape.to_vec(),
            storage: Box::new(storage),
            moments: Vec::new(),
            gradient,
            has_gradient: false,
            frozen: false,
        });
        ParameterId(self.list.len() - 1)
    }

    /// Notes a linear map of that name.
    pub(crate) fn add_map(&mut self, name: &str) {
        self.maps.push(name.to_owned());
    }

    /// Holds parameters together from here on.
    pub fn bind(&mut self, binding: Arc<dyn Binding>) {
        self.bindings.push(binding);
    }

    /// What holds parameters together, of one kind, in the order in which the model made them.
    pub(crate) fn bound_by<T: Binding>(&self) -> impl Iterator<Item = &T> {
        self.bindings.iter().filter_map(|binding| {
            let binding: &dyn Any = &**binding;
            binding.downcast_ref()
        })
    }

    /// What holds parameters together, in the order in which the model made them.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = &dyn Binding> {
        self.bindings.iter().map(|binding| &**binding)
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

    /// The parameter of that id, to be changed.
    pub fn get_mut(&mut self, id: ParameterId) -> &mut Parameter {
        &mut self.list[id.0]
    }

    /// Lets `write` add to the gradient of a parameter. It is told whether the buffer holds an
    /// earlier share to add to; if not, it overwrites.
    ///
    /// # Panics
    ///
    /// In the backward pass of a batch that is cut into leaves: see
    /// [`Backward::accumulate_rows`](crate::Backward::accumulate_rows).
    #[track_caller]
    pub fn accumulate(&mut self, id: ParameterId, write: impl FnOnce(&mut [f32], bool)) {
        let parameter = &mut self.list[id.0];
        assert!(!self.in_leaves, "the gradient of {} is not added up by leaves", parameter.name);
        parameter.accumulate(write);
    }

    /// Whether gradients are those of a batch that is cut into leaves.
    pub(crate) fn expect_leaves(&mut self, in_leaves: bool) {
        self.in_leaves = in_leaves;
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.list.iter()
    }

    /// All parameters, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.list.iter_mut()
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.list.iter().map(|p| p.gradient.len()).sum()
    }

    /// The first parameter or state, by name, that holds a value that is not finite, and the value.
    pub fn not_finite(&self) -> Option<(&str, f32)> {
        let first = |values: &[f32]| values.iter().copied().find(|x| !x.is_finite());
        let parameters = self.list.iter().map(|p| (&*p.name, p.storage.not_finite()));
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
            to.storage.set_values(&from.storage.values());
            to.storage.set_increment(from.storage.increment().as_deref());
            to.moments.clone_from(&from.moments);
        }
        assert!(
            self.states().map(|(name, _)| name).eq(other.states().map(|(name, _)| name)),
            "networks of different states"
        );
        self.states.clone_from(&other.states);
    }

    /// Takes the weights and states of the same network, in whatever arithmetic, as initial values:
    /// a trained float network goes onto tiles, or back from them.
    ///
    /// What holds weights in a unit of its own, as tiles do, is set from the weights of the float
    /// network; input ranges stay as they are. Optimiser state is not taken.
    ///
    /// # Panics
    ///
    /// If the networks differ in the name or shape of a layer's parameters, or a weight cannot be
    /// held.
    #[track_caller]
    pub fn convert_from(&mut self, other: &Self) {
        let of_network = |of: &Self| of.of_float_network().map(|(id, _)| id).collect::<Vec<_>>();
        let (ours, theirs) = (of_network(self), of_network(other));
        assert_eq!(ours.len(), theirs.len(), "networks of different layers");
        for (to, from) in ours.into_iter().zip(theirs) {
            let (target, source) = (self.get(to), other.get(from));
            assert_eq!(
                (&target.name, &target.shape),
                (&source.name, &source.shape),
                "different parameters"
            );
            let values = other.logical(from);
            self.assign(to, &values).unwrap_or_else(|problem| panic!("{problem}"));
        }
        assert!(
            self.states().map(|(name, _)| name).eq(other.states().map(|(name, _)| name)),
            "networks of different states"
        );
        self.states.clone_from(&other.states);
    }

    /// The parameters that a float network has: all but scales and ranges of tiles.
    pub fn of_float_network(&self) -> impl Iterator<Item = (ParameterId, &Parameter)> {
        let all = self.list.iter().enumerate();
        all.filter(|(_, p)| !p.role.is_of_tiles()).map(|(i, p)| (ParameterId(i), p))
    }

    /// The values of a parameter as a float network has them: on tiles γ ⊙ w̆.
    ///
    /// # Panics
    ///
    /// If there is no such parameter, because the id is of another network.
    #[track_caller]
    pub fn logical(&self, id: ParameterId) -> Vec<f32> {
        match self.binding_of(id) {
            Some(binding) => binding.logical(self),
            None => self.get(id).values(),
        }
    }

    /// Sets a parameter to the values of a float network, rounded as initial values are; on tiles the
    /// scales with it. The optimiser's state is forgotten.
    ///
    /// # Errors
    ///
    /// A clause that names the layer, if they cannot be held.
    ///
    /// # Panics
    ///
    /// If their number changes, or there is no such parameter.
    #[track_caller]
    pub fn assign(&mut self, id: ParameterId, values: &[f32]) -> Result<(), String> {
        match self.binding_of(id).cloned() {
            Some(binding) => binding.assign(self, values),
            None => {
                self.get_mut(id).set_values(values);
                Ok(())
            }
        }
    }

    fn binding_of(&self, weight: ParameterId) -> Option<&Arc<dyn Binding>> {
        self.bindings.iter().find(|binding| binding.weight() == weight)
    }

    /// What follows an update of the optimiser.
    pub(crate) fn after_update(&mut self, step: u64) {
        for index in 0..self.bindings.len() {
            Arc::clone(&self.bindings[index]).after_update(self, step);
        }
    }

    /// Forgets what optimisers remember, previous increments and moments: for a network whose
    /// training is over.
    pub fn forget_optimizer(&mut self) {
        for parameter in &mut self.list {
            parameter.storage.set_increment(None);
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
    pub fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// The numbers that hold it, of that type.
    ///
    /// # Panics
    ///
    /// If they are of another one: a linear map and its storage come from the same arithmetic.
    #[track_caller]
    pub fn stored<T: Storage>(&self) -> &T {
        let storage: &dyn Any = &*self.storage;
        let Some(storage) = storage.downcast_ref() else {
            panic!("{} is stored as {}", self.name, self.storage.describe())
        };
        storage
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
    pub(crate) fn restore(&mut self, storage: Box<dyn Storage>, moments: Vec<Vec<f32>>) {
        self.storage = storage;
        self.moments = moments;
    }

    /// The values as f32.
    pub fn values(&self) -> Vec<f32> {
        self.storage.values().into_owned()
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
        self.storage.set_values(values);
        self.moments.clear();
    }

    /// The values of a parameter whose numbers are f32, on whatever grid.
    ///
    /// # Panics
    ///
    /// If they are others.
    #[track_caller]
    pub fn float(&self) -> &[f32] {
        match self.storage.values() {
            Cow::Borrowed(values) => values,
            Cow::Owned(_) => panic!("{} is stored as {}", self.name, self.storage.describe()),
        }
    }

    /// Brings values into another unit, and what optimisers remember with them:
    /// `scale(values, power)` is given the values and the previous increment with the power 1, and
    /// the k-th moment with k.
    pub(crate) fn rescale(&mut self, scale: impl Fn(&mut [f32], i32)) {
        let mut values = self.storage.values().into_owned();
        let mut increment = self.storage.increment().map(|increment| increment.into_owned());
        scale(&mut values, 1);
        increment.iter_mut().for_each(|increment| scale(increment, 1));
        self.storage.set_values(&values);
        self.storage.set_increment(increment.as_deref());
        (1..).zip(&mut self.moments).for_each(|(power, moment)| scale(moment, power));
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.gradient.len()
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
    /// Δ = propose(G, Δ_prev, w),   w ← w + Δ in the storage's numbers
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
        let gradient = &self.gradient;
        self.storage.update(keep, seed, &mut |range, w, delta| {
            let from = gradient[range].iter().zip(w);
            for (delta, (&g, &w)) in delta.iter_mut().zip(from) {
                *delta = propose(g, *delta, w);
            }
        })
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
        self.storage.update(false, seed, &mut |range, w, delta| {
            for (i, at) in range.enumerate() {
                let present = std::array::from_fn(|k| moments[k][at]);
                let (proposed, next) = propose(gradient[at], w[i], present);
                moments.iter_mut().zip(next).for_each(|(m, next)| m[at] = next);
                delta[i] = proposed;
            }
        })
    }
}
