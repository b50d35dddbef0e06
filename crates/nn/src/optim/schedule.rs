//! [`Schedule`]: the learning rate over a training run.

use serde::{Deserialize, Serialize};

use crate::checked::checked_on_reading;

/// The learning rate as a factor of its base value: warm-up, then decay.
///
/// ```text
/// η(t) = η₀ · min(1, t / warm_up_steps) · decay(epoch)          t = 1, 2, … counts updates
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Schedule {
    /// Updates over which η rises linearly from 0.
    #[serde(default)]
    pub warm_up_steps: u64,
    /// What happens over the epochs.
    #[serde(default)]
    pub decay: Decay,
}

checked_on_reading!(Schedule);

/// How the learning rate falls with the epoch e = 0, 1, …
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Decay {
    /// 1.
    #[default]
    Constant,
    /// `factor` to the number of `epochs` that are over: one entry per fall.
    Step {
        /// After how many epochs the rate falls, ascending.
        epochs: Vec<usize>,
        /// By what factor.
        factor: f32,
    },
    /// `factor`^e.
    Exponential {
        /// The factor per epoch.
        factor: f32,
    },
    /// ½·(1 + cos(π·t/T)), over all T updates of the run, step by step.
    Cosine,
    /// 1 − t/T, over all T updates of the run, step by step.
    Linear,
    /// `factor` to the number of times that a metric stopped falling: see [`Plateau`].
    Plateau {
        /// By what factor.
        factor: f32,
        /// Epochs without improvement that are still waited for.
        patience: u32,
    },
}

/// What the plateau rule remembers.
///
/// An epoch counts as bad if its metric is not at least 10⁻⁴ (relative) below the best one; after
/// more than `patience` bad epochs in a row the rate falls and counting starts again.
///
/// Assumed: the threshold, which is the default of common libraries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    best: Option<f64>,
    bad_epochs: u32,
    falls: u32,
}

impl Plateau {
    const THRESHOLD: f64 = 1e-4;

    /// Takes the metric of an epoch, which is better when it is smaller.
    pub fn observe(&mut self, metric: f64, patience: u32) {
        if self.best.is_none_or(|best| metric < best * (1.0 - Self::THRESHOLD)) {
            self.best = Some(metric);
            self.bad_epochs = 0;
        } else {
            self.bad_epochs += 1;
            if self.bad_epochs > patience {
                self.falls += 1;
                self.bad_epochs = 0;
            }
        }
    }
}

impl Schedule {
    /// The factor of η₀ in update `step` (from 0) of epoch `epoch` (from 0), of `epochs` epochs of
    /// `steps` updates each.
    pub fn factor(
        &self,
        (epoch, epochs): (usize, usize),
        (step, steps): (usize, usize),
        plateau: &Plateau,
    ) -> f32 {
        let done = epoch as f64 * steps as f64 + step as f64;
        let fraction = done / (epochs as f64 * steps as f64);
        let warm_up = match self.warm_up_steps {
            0 => 1.0,
            over => ((done + 1.0) / over as f64).min(1.0),
        };
        let decay = match &self.decay {
            Decay::Constant => 1.0,
            Decay::Step { epochs, factor } => {
                f64::from(*factor).powf(epochs.iter().filter(|&&at| at <= epoch).count() as f64)
            }
            Decay::Exponential { factor } => f64::from(*factor).powf(epoch as f64),
            Decay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * fraction).cos()),
            Decay::Linear => 1.0 - fraction,
            Decay::Plateau { factor, .. } => f64::from(*factor).powf(f64::from(plateau.falls)),
        };
        (warm_up * decay) as f32
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the field and its value.
    pub fn check(&self) -> Result<(), String> {
        match &self.decay {
            Decay::Step { epochs, .. } if !epochs.is_sorted() => {
                Err(format!("decay.step.epochs = {epochs:?} must ascend"))
            }
            Decay::Step { factor, .. }
            | Decay::Exponential { factor }
            | Decay::Plateau { factor, .. }
                if !(*factor > 0.0 && *factor <= 1.0) =>
            {
                Err(format!("a decay factor of {factor} must be in (0, 1]"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(decay: Decay, epochs: usize) -> Vec<f32> {
        let schedule = Schedule { warm_up_steps: 0, decay };
        (0..epochs).map(|e| schedule.factor((e, epochs), (0, 10), &Plateau::default())).collect()
    }

    #[test]
    fn each_decay_follows_its_formula() {
        assert_eq!(factors(Decay::Constant, 2), [1.0, 1.0]);
        let step = Decay::Step { epochs: vec![1, 3], factor: 0.5 };
        assert_eq!(factors(step, 4), [1.0, 0.5, 0.5, 0.25]);
        assert_eq!(factors(Decay::Exponential { factor: 0.5 }, 3), [1.0, 0.5, 0.25]);
        assert_eq!(factors(Decay::Linear, 4), [1.0, 0.75, 0.5, 0.25]);
        let cosine = factors(Decay::Cosine, 2);
        assert_eq!(cosine[0], 1.0);
        assert!((cosine[1] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn warm_up_rises_by_the_update() {
        let schedule = Schedule { warm_up_steps: 4, decay: Decay::Constant };
        let factors: Vec<f32> =
            (0..6).map(|step| schedule.factor((0, 1), (step, 6), &Plateau::default())).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_plateau_is_waited_out_and_then_acted_on() {
        let schedule =
            Schedule { warm_up_steps: 0, decay: Decay::Plateau { factor: 0.5, patience: 1 } };
        let mut plateau = Plateau::default();
        let mut seen = Vec::new();
        for metric in [1.0, 0.9, 0.9, 0.9, 0.89, 0.89, 0.89] {
            plateau.observe(metric, 1);
            seen.push(schedule.factor((0, 1), (0, 1), &plateau));
        }
        assert_eq!(seen, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn impossible_schedules_are_refused() {
        let check = |decay| Schedule { warm_up_steps: 0, decay }.check().unwrap_err();
        let message = check(Decay::Step { epochs: vec![3, 1], factor: 0.5 });
        assert_eq!(message, "decay.step.epochs = [3, 1] must ascend");
        let message = check(Decay::Exponential { factor: f32::NAN });
        assert_eq!(message, "a decay factor of NaN must be in (0, 1]");
    }
}
