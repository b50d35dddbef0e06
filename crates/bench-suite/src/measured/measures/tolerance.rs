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
use crate::measured::measure::Measure;

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

/// What was found, beside the error by chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Error by chance in %.
    pub chance_error_percent: f64,
    /// What was found.
    #[serde(flatten)]
    pub bearing: Bearing,
}

/// How much of the nonideality the network bears.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bearing {
    /// x*: the median of what is believed of it, cut to the interval of the search.
    #[serde(rename = "tolerance")]
    pub x: f64,
    /// The end of the 90 % interval of x* with less of the nonideality.
    #[serde(rename = "tolerance_least")]
    pub least: f64,
    /// The end with more.
    #[serde(rename = "tolerance_most")]
    pub most: f64,
    /// Probability that x* lies beyond the interval of the search, where there is more.
    #[serde(rename = "tolerance_beyond")]
    pub beyond: f64,
    /// Probability that it lies before the interval.
    #[serde(rename = "tolerance_below")]
    pub below: f64,
    /// Error on the standard tile in %.
    pub standard_error_percent: f64,
    /// Standard error of one evaluation, in points.
    pub noise_points: f64,
    /// The values at which was evaluated, the standard one first.
    #[serde(rename = "x")]
    pub values: Vec<f64>,
    /// The errors there in %, means over programmings.
    pub error_percent: Vec<f64>,
}

impl Measure for Tolerance {
    type Outcome = Found;

    /// Searches.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Found, Error> {
        let workload = self.trained.open(context)?;
        let mut trial = Trial::new(&self.trained, &*workload, self.repeats, seed, context)?;
        let chance_error_percent = trial.chance_percent();
        Ok(Found { chance_error_percent, bearing: self.search(&mut trial, context)? })
    }
}

impl Tolerance {
    /// Searches with a network that is there already.
    ///
    /// # Errors
    ///
    /// As [`Self::run`].
    pub fn search(&self, trial: &mut Trial<'_>, context: &Context<'_>) -> Result<Bearing, Error> {
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
        let bearing = self.bearing(&search);
        context.progress.say(&format!(
            "{}: {} ({} to {}) after {} evaluations",
            axis.words,
            axis.text(bearing.x),
            axis.text(bearing.least),
            axis.text(bearing.most),
            search.observations().len()
        ));
        Ok(bearing)
    }

    fn bearing(&self, search: &Search) -> Bearing {
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
        Bearing {
            x: x(median),
            least: x(least),
            most: x(most),
            beyond,
            below,
            standard_error_percent: errors[0],
            noise_points: noise,
            values: observations.iter().map(|o| axis.at_excess(o.ln_excess.exp())).collect(),
            error_percent: errors,
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
