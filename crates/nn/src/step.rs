//! [`Step`]: the one handle of an operation, and [`Workspace`]: what is kept from step to step.

use std::any::Any;
use std::panic::Location;

use crate::arithmetic::analog::devices::{Devices, Weights};
use crate::arithmetic::input::Input;
use crate::arithmetic::multiply::{Forward, OfStep, Used};
use crate::leaves::Leaves;
use crate::linear_map::LinearMap;
use crate::observer::{MapUse, Observer, TileProduct};
use crate::parameters::{Parameters, StateId};
use crate::pass::Pass;
use crate::rows::Rows;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// What is kept from one step to the next: the tape with its buffers, the memory of weights that
/// are made once per step, and who watches.
#[derive(Debug)]
pub struct Workspace {
    /// Where operations are recorded.
    pub tape: Tape,
    of_step: OfStep,
    watch: Watch,
}

/// Who sees what linear maps do.
#[derive(Debug)]
struct Watch {
    observer: Option<Box<dyn Observer>>,
    survey: Option<Vec<MapUse>>,
    place: &'static Location<'static>,
}

impl Default for Workspace {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// An empty one. It remembers the caller's line, for messages about what a step is given.
    #[track_caller]
    pub fn new() -> Self {
        let watch = Watch { observer: None, survey: None, place: Location::caller() };
        Self { tape: Tape::new(), of_step: OfStep::default(), watch }
    }

    /// Begins a pass over `weights`: [`Parameters`], or [`Devices`] with theirs.
    pub fn step<'a, 'w: 'a>(&'a mut self, weights: impl Into<Weights<'w>>, pass: Pass) -> Step<'a> {
        let weights: Weights<'a> = weights.into();
        let Self { tape, of_step, watch } = self;
        let (parameters, devices) = (weights.parameters(), weights.devices());
        Step { tape, parameters, pass, devices, of_step, watch }
    }

    /// Forgets the step and keeps its memory.
    pub fn clear(&mut self) {
        self.tape.clear();
        self.of_step.clear();
    }

    /// Lets `observer` see every product of tiles from here on.
    pub fn observe(&mut self, observer: impl Observer) {
        self.watch.observer = Some(Box::new(observer));
    }

    /// The observer of [`Self::observe`], which sees nothing more; `None` if there is none, or of
    /// another type.
    pub fn observed<T: Observer>(&mut self) -> Option<T> {
        let observer: Box<dyn Any> = self.watch.observer.take()?;
        observer.downcast().ok().map(|observer| *observer)
    }

    /// From here on linear maps do not multiply: each gives zeros, and its use is noted. So a
    /// forward pass tells what a network asks of its hardware at little cost.
    pub fn survey(&mut self) {
        self.watch.survey = Some(Vec::new());
    }

    /// The uses of linear maps since [`Self::survey`], in their order.
    pub fn surveyed(&mut self) -> Vec<MapUse> {
        self.watch.survey.take().unwrap_or_default()
    }
}

/// Everything that a layer or an operation needs to add itself to a pass.
#[derive(Debug)]
pub struct Step<'a> {
    /// Where operations are recorded.
    pub tape: &'a mut Tape,
    /// The weights.
    pub parameters: &'a Parameters,
    /// Randomness, mode, threads.
    pub pass: Pass,
    devices: Option<&'a Devices<'a>>,
    of_step: &'a mut OfStep,
    watch: &'a mut Watch,
}

/// What a linear map multiplies.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Var(Var),
    Values(&'a [f32]),
}

impl Step<'_> {
    /// The same step under another pass: another seed, for example.
    pub fn with_pass(&mut self, pass: Pass) -> Step<'_> {
        let Self { parameters, devices, .. } = *self;
        Step {
            tape: self.tape,
            parameters,
            pass,
            devices,
            of_step: self.of_step,
            watch: self.watch,
        }
    }

    /// The value of a variable.
    pub fn value(&self, var: Var) -> &Tensor {
        self.tape.value(var)
    }

    /// How the batch is cut: sums, means and maxima over its rows are taken by it.
    pub fn leaves(&self) -> &Leaves {
        self.tape.leaves()
    }

    /// A buffer of `len` values to be overwritten: it may hold those of earlier steps.
    pub fn scratch(&mut self, len: usize) -> Vec<f32> {
        self.tape.scratch(len)
    }

    /// Proposes new values for a state (running statistics). They are written when the step is run
    /// backwards, so a forward pass alone changes nothing.
    pub fn set_state(&mut self, id: StateId, values: Vec<f32>) {
        self.tape.propose_state(id, values);
    }

    /// Notes a use of a map; whether the step only surveys, and nothing is to be multiplied.
    ///
    /// # Panics
    ///
    /// If the parameters are not those of the map's network.
    pub(crate) fn surveys(&mut self, map: &LinearMap, rows: &Rows) -> bool {
        let Some(uses) = &mut self.watch.survey else {
            map.assert_own(self.parameters, self.watch.place);
            return false;
        };
        let (layer, outputs, inputs) = (map.name().to_owned(), map.outputs(), map.inputs());
        uses.push(MapUse { layer, outputs, inputs, taps: rows.taps(), rows: rows.count() });
        true
    }

    /// Writes y = x·Wᵀ + b, and gives what its backward pass needs.
    pub(crate) fn multiply(
        &mut self,
        map: &LinearMap,
        x: Source<'_>,
        rows: &Rows,
        y: &mut [f32],
        pass: Pass,
    ) -> Used {
        let observer = &mut self.watch.observer;
        let (var, values) = match x {
            Source::Var(x) => (Some(x), &[][..]),
            Source::Values(values) => (None, values),
        };
        let (value, pool, states, leaves) = self.tape.parts(var);
        let values = value.map_or(values, Tensor::data);
        let mut context = Forward {
            parameters: self.parameters,
            pass,
            devices: self.devices,
            pool,
            states,
            leaves,
            of_step: self.of_step,
            calibrating: observer.as_ref().is_some_and(|observer| observer.calibrates()),
        };
        let in_leaves = leaves.is_cut();
        let used = map.forward(&Input { values, rows: *rows, in_leaves }, y, &mut context);
        if let (Some(observer), Some(saturation)) = (observer, map.saturation(&used)) {
            let layer = map.name();
            observer.see(&TileProduct { layer, input: values, rows, output: y, saturation });
        }
        used
    }
}
