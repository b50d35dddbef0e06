//! [`Trial`]: a network trained on tiles, tested on tiles that are worse in one way.

use crossbar::TileConfig;
use nn::{Analog, AnalogWeights, Devices, Run};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::nonideality::{Nonideality, Stage};
use super::trained::Trained;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::networks::workload::{Instance, Workload};

/// How often and when a network is tested.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeats {
    /// How often the network is programmed. Each programming is tested on a share of the test
    /// examples of its own, so that together they test each once.
    pub programmings: u64,
    /// Seconds after programming.
    pub t_s: f64,
}

/// A network with the draws that all of its tests share.
#[derive(Debug)]
pub struct Trial<'a> {
    workload: &'a dyn Workload,
    trained: &'a Trained,
    repeats: Repeats,
    instance: Instance<'a>,
    seed: Seed,
    context: &'a Context<'a>,
}

impl<'a> Trial<'a> {
    /// Loads the network, or trains it where the store does not have it.
    ///
    /// Devices, read-outs, products and shares of the test examples depend on `seed` and the
    /// programming only: two tests differ by what their tiles make of the same draws.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`], or what is wrong with data or model.
    pub fn new(
        trained: &'a Trained,
        workload: &'a dyn Workload,
        repeats: Repeats,
        seed: u64,
        context: &'a Context<'a>,
    ) -> Result<Self, Error> {
        let instance = trained.hardware_aware(workload, seed, context)?.instance;
        Ok(Self::of(instance, trained, workload, repeats, seed, context))
    }

    /// The trial of a network that is there already.
    pub fn of(
        instance: Instance<'a>,
        trained: &'a Trained,
        workload: &'a dyn Workload,
        repeats: Repeats,
        seed: u64,
        context: &'a Context<'a>,
    ) -> Self {
        let seed = Seed::new(seed).child("trial");
        Self { workload, trained, repeats, instance, seed, context }
    }

    /// Error of a network that knows nothing, in %.
    pub fn chance_percent(&self) -> f64 {
        100.0 * self.workload.chance_error()
    }

    /// Test examples of one programming, about.
    pub fn share(&self) -> f64 {
        self.instance.test.len() as f64 / self.repeats.programmings as f64
    }

    /// Test errors in %, one per programming, on its tiles with one nonideality at `x`.
    ///
    /// A nonideality of the layout maps the matrices anew, at its standard value too: a column of a
    /// new tile has its own scale and fills the range of its devices.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if the tile has no such nonideality.
    pub fn errors(&mut self, nonideality: Nonideality, x: f64) -> Result<Vec<f64>, Error> {
        let mut tile = self.trained.recipe.analog.tile().clone();
        nonideality.apply(&mut tile, x)?;
        let (seed, context) = (&self.seed, self.context);
        if nonideality.axis().stage == Stage::Layout {
            let mapped = self.mapped_anew(&tile)?;
            return test(&mapped, &|_| tile.clone(), self.repeats, seed, context);
        }
        self.errors_on(|_| tile.clone())
    }

    /// Test errors in %, one per programming, with these tiles under the layers. They cut matrices
    /// as those of the network do.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if a tile cannot be programmed.
    pub fn errors_on(
        &mut self,
        tile: impl Fn(&AnalogWeights) -> TileConfig,
    ) -> Result<Vec<f64>, Error> {
        test(&self.instance, &tile, self.repeats, &self.seed, self.context)
    }

    /// The network with such tiles under all layers, programmed and aged as in the first programming
    /// of a test.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the tile cannot be programmed.
    pub fn programmed(&self, tile: &TileConfig) -> Result<Devices<'_>, Error> {
        let seed = self.seed.child(0u64);
        program(&self.instance, &|_| tile.clone(), self.repeats.t_s, &seed, self.context)
    }

    /// The network.
    pub fn instance(&self) -> &Instance<'a> {
        &self.instance
    }

    /// The network with its logical weights, states and input ranges on other tiles.
    fn mapped_anew(&self, tile: &TileConfig) -> Result<Instance<'a>, Error> {
        let mut training = *self.trained.recipe.analog.training();
        // A converter without a range has none that was learned.
        training.adc_bound =
            training.adc_bound.filter(|_| tile.periphery.adc.full_scale().is_some());
        let analog =
            Analog::new(tile.clone(), training).map_err(|error| Error::Usage(error.to_string()))?;
        let policy = self.trained.policy(self.workload, &analog)?;
        let mut mapped = self.workload.instance(&policy, &self.seed);
        let parameters = &self.instance.parameters;
        mapped.parameters.convert_from(parameters);
        for layer in parameters.analog() {
            mapped.parameters.set_input_range(layer.name(), layer.input_range(parameters));
            let there = mapped.parameters.analog().find(|there| there.name() == layer.name());
            let Some(mut factors) = there.and_then(|there| there.adc_factors(&mapped.parameters))
            else {
                continue;
            };
            if let Some(learned) = layer.adc_factors(parameters) {
                if there.is_some_and(|there| there.cut() == layer.cut()) {
                    factors = learned;
                } else {
                    // Assumed: on tiles that are cut otherwise every range has the geometric mean of those learned.
                    let sum: f32 = learned.iter().map(|factor| factor.ln()).sum();
                    factors.fill((sum / learned.len() as f32).exp());
                }
            }
            mapped.parameters.set_adc_factors(layer.name(), &factors);
        }
        Ok(mapped)
    }
}

/// What a layer's matrix is programmed into.
type TileOf<'a> = dyn Fn(&AnalogWeights) -> TileConfig + 'a;

fn program<'p>(
    instance: &'p Instance<'_>,
    tile: &TileOf<'_>,
    t_s: f64,
    seed: &Seed,
    context: &Context<'_>,
) -> Result<Devices<'p>, Error> {
    let run = Run::new(seed, context.par);
    let mut devices = Devices::program(&instance.parameters, tile, run.child("devices"))?;
    devices.age_to(t_s, run.child("read-out"))?;
    Ok(devices)
}

/// Test errors in %, one per programming.
fn test(
    instance: &Instance<'_>,
    tile: &TileOf<'_>,
    Repeats { programmings, t_s }: Repeats,
    seed: &Seed,
    context: &Context<'_>,
) -> Result<Vec<f64>, Error> {
    let mut errors = Vec::new();
    for programming in 0..programmings {
        if context.progress.stopped() {
            return Err(Error::Interrupted);
        }
        let seed = seed.child(programming);
        let devices = program(instance, tile, t_s, &seed, context)?;
        let share = (programming as usize, programmings as usize);
        let run = Run::new(&seed.child("test"), context.par);
        errors.push(100.0 * instance.test_error_of(&devices, share, run));
    }
    context.progress.advance(instance.test.len() as u64);
    Ok(errors)
}
