//! [`Lifetime`]: what becomes of one network on its tiles as they age, and what an inference takes.

use crossbar::TileError;
use crossbar::cost::{CostFigures, Pipeline, Range};
use nn::{AnyArithmetic, Devices, Policy, age_and_test};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::comparison::Method;
use super::errors::Errors;
use super::sensitivity::layers;
use super::trained::{Baseline, Network, Trained};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::name_of;
use crate::measured::networks::workload::{Instance, Workload};

/// A network that is programmed again and again and tested as it ages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifetime {
    /// The network, its recipe, and which of its layers are where.
    pub trained: Trained,
    /// How it comes onto tiles.
    pub method: Method,
    /// Seconds after programming.
    pub times_s: Vec<f64>,
    /// How often it is programmed. Each programming is tested on a share of the test examples of its own,
    /// so that together they test each once.
    pub programmings: u64,
    /// Test examples that energy and latency are estimated of.
    pub examples: usize,
}

/// What is known of the network, its cost, and its test errors by time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lived {
    /// What was known before.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// Energy and time of an inference.
    #[serde(flatten)]
    pub cost: Cost,
    /// The errors.
    #[serde(flatten)]
    pub errors: Errors<Method>,
}

/// What an inference takes; the least and the most that published converters and arrays need beside what
/// they need mostly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Tiles.
    pub tiles: usize,
    /// Least energy in nJ.
    pub energy_low_nj: f64,
    /// Energy in nJ.
    pub energy_nj: f64,
    /// Most energy in nJ.
    pub energy_high_nj: f64,
    /// Least time in µs.
    pub latency_low_us: f64,
    /// Time in µs.
    pub latency_us: f64,
    /// Most time in µs.
    pub latency_high_us: f64,
    /// Area of the tiles in mm².
    pub area_mm2: f64,
    /// Least time from an inference to the next in µs, where layers work on several at a time.
    pub interval_low_us: f64,
    /// Time from an inference to the next in µs.
    pub interval_us: f64,
    /// Most time from an inference to the next in µs.
    pub interval_high_us: f64,
    /// The same with copies of the busiest layers, in twice the area.
    pub doubled_interval_us: f64,
}

impl Measure for Lifetime {
    type Outcome = Lived;

    /// Trains or maps the network, unless that was done, programs it and tests it.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Lived, Error> {
        let workload = self.trained.open(context)?;
        let Network { instance, baseline } = match self.method {
            Method::Direct => self.trained.direct(&*workload, seed, context)?,
            Method::HardwareAware => self.trained.hardware_aware(&*workload, seed, context)?,
        };
        let baseline = Baseline { hwa_train_loss: Vec::new(), ..baseline };
        // Both methods see the same draws of devices, read-outs and products.
        let root = Seed::new(seed).child("lifetime");
        let mut errors = Errors::default();
        let found = self.test(&instance, &root, context)?;
        errors.add(self.method, &self.times_s, found);
        let of_cost = root.child("cost");
        let devices = program(&instance, nn::Run::new(&of_cost, context.par))?;
        let seen = layers::observe(&instance, &devices, self.examples, seed, context)?;
        let figures = CostFigures::standard();
        let (energy, latency) = layers::cost(&devices, &seen, &figures);
        let at = |end: fn(Range) -> f64| layers::pipeline(&devices, &seen, &figures, end);
        let interval_us = |layers: Option<Pipeline>| {
            layers.map_or(0.0, |layers| 1e-3 * layers.single().interval_ns)
        };
        let nominal = at(|range| range.nominal);
        let area_um2 = nominal.as_ref().map_or(0.0, |layers| layers.single().area_um2);
        let doubled =
            nominal.as_ref().map(|layers| layers.with(&layers.copies_within(2.0 * area_um2)));
        let tiles = instance.parameters.analog().map(|analog| analog.cut().parts().len());
        let cost = Cost {
            tiles: tiles.sum(),
            energy_low_nj: energy.low,
            energy_nj: energy.nominal,
            energy_high_nj: energy.high,
            latency_low_us: latency.low,
            latency_us: latency.nominal,
            latency_high_us: latency.high,
            area_mm2: 1e-6 * area_um2,
            interval_low_us: interval_us(at(|range| range.low)),
            interval_us: interval_us(nominal),
            interval_high_us: interval_us(at(|range| range.high)),
            doubled_interval_us: 1e-3 * doubled.map_or(0.0, |copied| copied.interval_ns),
        };
        let method = name_of(&self.method);
        let said =
            format!("{method}: {:.1} nJ and {:.1} µs an example", cost.energy_nj, cost.latency_us);
        context.progress.say(&said);
        Ok(Lived { baseline, cost, errors })
    }
}

/// The network on devices of the tiles that its layers have.
fn program<'p>(instance: &'p Instance<'_>, run: nn::Run) -> Result<Devices<'p>, TileError> {
    let tile = |layer: &nn::AnalogWeights| layer.config().tile().clone();
    Devices::program(&instance.parameters, tile, run)
}

impl Lifetime {
    /// Test errors in %: for every time one of each programming.
    fn test(
        &self,
        instance: &Instance<'_>,
        root: &Seed,
        context: &Context<'_>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let mut errors = vec![Vec::new(); self.times_s.len()];
        for programming in 0..self.programmings {
            let seed = root.child("programming").child(programming);
            let share = (programming as usize, self.programmings as usize);
            let test = |devices: &Devices<'_>, run: nn::Run| {
                if context.progress.stopped() {
                    return Err(Error::Interrupted);
                }
                let error = 100.0 * instance.test_error_of(devices, share, run);
                context.progress.advance(instance.test.len() as u64 / self.programmings);
                Ok(error)
            };
            let run = nn::Run::new(&seed, context.par);
            let curve = age_and_test(|run| program(instance, run), &self.times_s, run, test)?;
            errors.iter_mut().zip(curve).for_each(|(errors, error)| errors.push(error));
        }
        Ok(errors)
    }

    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let float = Policy::uniform(AnyArithmetic::Float32);
        let instance = workload.instance(&float, &Seed::new(0));
        let tests = instance.test.len() as u64 * self.times_s.len() as u64;
        let training = match self.method {
            Method::Direct => 0,
            Method::HardwareAware => self.trained.work(workload),
        };
        training + tests + self.examples as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measurements::Measurements;

    #[test]
    fn a_record_of_a_life_is_read_as_it_was_written() {
        let mut errors = Errors::default();
        errors.add(Method::Direct, &[1.0, 60.0], vec![vec![1.5, 2.5], vec![3.5, 4.5]]);
        let cost = Cost {
            tiles: 5,
            energy_low_nj: 1.0,
            energy_nj: 2.0,
            energy_high_nj: 3.0,
            latency_low_us: 4.0,
            latency_us: 5.0,
            latency_high_us: 6.0,
            area_mm2: 7.0,
            interval_low_us: 8.0,
            interval_us: 9.0,
            interval_high_us: 10.0,
            doubled_interval_us: 11.0,
        };
        let baseline = Baseline {
            float_error_percent: 1.0,
            chance_error_percent: 90.0,
            ..Baseline::default()
        };
        let lived = Lived { baseline, cost, errors };
        assert_eq!(Measurements::of(&lived).read::<Lived>().unwrap(), lived);
    }
}
