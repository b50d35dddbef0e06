//! [`Tolerance`]: how much of one nonideality a network bears.
//!
//! x* is the value at which the accuracy at t has fallen by a share λ of what it has above chance on
//! the standard tile, found by a [`Search`] with common random numbers.
//!
//! Source: [Rasch23 Fig. 5]: λ = 1 %, t = 1 h, by linear interpolation of a sweep.
//!
//! Differs: the sweep is adaptive, and the tolerance comes with an interval.

pub mod search;

use serde::{Deserialize, Serialize};

use self::search::{Belief, Observation, Search};
use super::nonideality::Nonideality;
use super::trained::Trained;
use super::trial::{Repeats, Trial};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::point::Point;

/// A network and what is raised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The network, trained for its hardware.
    pub trained: Trained,
    /// What is raised.
    pub nonideality: Nonideality,
    /// λ in %.
    pub loss_percent: f64,
    /// Most evaluations beyond that of the standard tile.
    pub evaluations: u64,
    /// How an evaluation is made.
    pub repeats: Repeats,
}

/// x*: the median of what is believed of it, cut to the interval of the search.
pub const TOLERANCE: &str = "tolerance";
/// The end of the 90 % interval of x* with less of the nonideality.
pub const TOLERANCE_LEAST: &str = "tolerance_least";
/// The end with more.
pub const TOLERANCE_MOST: &str = "tolerance_most";
/// Probability that x* lies beyond the interval of the search, where there is more.
pub const BEYOND: &str = "tolerance_beyond";
/// Probability that it lies before the interval.
pub const BELOW: &str = "tolerance_below";
/// Error on the standard tile in %.
pub const STANDARD_ERROR: &str = "standard_error_percent";
/// Error by chance in %.
pub const CHANCE_ERROR: &str = "chance_error_percent";
/// Standard error of one evaluation, in points.
pub const NOISE: &str = "noise_points";
/// The series of values at which was evaluated, the standard one first.
pub const VALUES: &str = "x";
/// The series of errors there in %, means over programmings.
pub const ERRORS: &str = "error_percent";

impl Tolerance {
    /// Runs the point whose configuration this is.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] if the configuration is not one of these; and as [`Self::run`].
    pub fn run_point(point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let config: Self = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        config.run(point.seed, context)
    }

    /// Searches.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`]; [`Error::Usage`] if the tile has no such nonideality; what is wrong
    /// with data or model.
    pub fn run(&self, seed: u64, context: &Context<'_>) -> Result<Measurements, Error> {
        let workload = self.trained.open(context)?;
        let mut trial = Trial::new(&self.trained, &*workload, self.repeats, seed, context)?;
        self.search(&mut trial, context)
    }

    /// Searches with a network that is there already.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub fn search(
        &self,
        trial: &mut Trial<'_>,
        context: &Context<'_>,
    ) -> Result<Measurements, Error> {
        let (axis, chance) = (self.nonideality.axis(), trial.chance_percent());
        let standard = trial.errors(self.nonideality, axis.standard)?;
        let guess = spread_of(&standard, trial.share());
        let limit = 0.01 * self.loss_percent;
        let mut search = Search::new(axis.log_interval(), limit, chance, guess, standard);
        let place = |ln_excess: f64| axis.excess(axis.at_excess(ln_excess.exp())).ln();
        for _ in 0..self.evaluations {
            let Some(ln_excess) = search.next(place) else { break };
            let errors = trial.errors(self.nonideality, axis.at_excess(ln_excess.exp()))?;
            search.observe(Observation { ln_excess, errors });
        }
        let measured = self.measurements(&search, chance);
        let value = |name: &str| axis.text(measured.values[name]);
        context.progress.say(&format!(
            "{}: {} ({} to {}) after {} evaluations",
            axis.words,
            value(TOLERANCE),
            value(TOLERANCE_LEAST),
            value(TOLERANCE_MOST),
            search.observations().len()
        ));
        Ok(measured)
    }

    fn measurements(&self, search: &Search, chance: f64) -> Measurements {
        let axis = self.nonideality.axis();
        let [low, high] = axis.log_interval();
        let x = |ln_excess: f64| {
            // A tolerance lies between whole numbers, even if nothing can be measured there.
            let excess = ln_excess.clamp(low, high).exp();
            axis.between(excess)
        };
        let Belief { median, low: least, high: most, beyond, below, noise } = search.belief();
        let observations = search.observations();
        let mean = |o: &Observation| o.errors.iter().sum::<f64>() / o.errors.len() as f64;
        let errors: Vec<f64> = observations.iter().map(mean).collect();
        let values = [
            (TOLERANCE, x(median)),
            (TOLERANCE_LEAST, x(least)),
            (TOLERANCE_MOST, x(most)),
            (BEYOND, beyond),
            (BELOW, below),
            (STANDARD_ERROR, errors[0]),
            (CHANCE_ERROR, chance),
            (NOISE, noise),
        ];
        let evaluated = observations.iter().map(|o| axis.at_excess(o.ln_excess.exp())).collect();
        let series = [(VALUES, evaluated), (ERRORS, errors)];
        Measurements {
            values: values.map(|(name, value)| (name.to_owned(), value)).into(),
            series: series.map(|(name, series)| (name.to_owned(), series)).into(),
        }
    }
}

/// What the error of one programming may scatter by as a variance in %², before the programmings
/// have shown it: half of what so many independent examples have, for the draws are common.
fn spread_of(errors: &[f64], examples: f64) -> f64 {
    let wrong = errors.iter().sum::<f64>() / errors.len() as f64 / 100.0 * examples;
    // One wrong and one right more, so that a network without errors is not certain of that.
    let share = (wrong + 1.0) / (examples + 2.0);
    0.5 * 100.0 * 100.0 * share * (1.0 - share) / examples
}
