//! Input ranges from data: what enters the tiles of each layer, observed over some mini-batches.
//!
//! ```text
//! α = mean over mini-batches of max|x|, at most a cap        or        a factor · mean of std(x)
//! ```
//!
//! where an unsigned converter has the largest x above 0 in the place of max|x|.
//!
//! Sources: \[Rasch23\] Methods, "input range"; AIHWKit 1.1.0, `init_from_data`.

use std::collections::{BTreeMap, BTreeSet};

use crossbar::DacRange;
use serde::{Deserialize, Serialize};

use crate::checked::checked_on_reading;
use crate::data::batches;
use crate::observer::{Observer, TileProduct};
use crate::parameters::Parameters;
use crate::pass::{Mode, Pass, Run};
use crate::step::Workspace;
use crate::task::Task;

/// What of a layer's inputs becomes its range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a table with its kind: mean-abs-max with cap, or scaled-std with factor")]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
pub enum RangeStatistic {
    /// The mean over mini-batches of the largest magnitude.
    MeanAbsMax {
        /// No range is larger. Source: \[Rasch23\] Methods, 10.
        cap: f32,
    },
    /// The mean over mini-batches of the standard deviation, times a factor.
    ScaledStd {
        /// Source: AIHWKit 1.1.0, `init_std_alpha`, 3.
        factor: f32,
    },
}

checked_on_reading!(RangeStatistic);

impl RangeStatistic {
    /// Whether the numbers make sense.
    ///
    /// # Errors
    ///
    /// A clause that names the field and its value.
    pub fn check(&self) -> Result<(), String> {
        let (field, value) = match *self {
            Self::MeanAbsMax { cap } => ("cap", cap),
            Self::ScaledStd { factor } => ("factor", factor),
        };
        if value > 0.0 && value.is_finite() {
            Ok(())
        } else {
            Err(format!("{field} = {value} must be finite and positive"))
        }
    }
}

impl Default for RangeStatistic {
    fn default() -> Self {
        Self::MeanAbsMax { cap: 10.0 }
    }
}

/// How input ranges begin: see [`calibrate_input_ranges`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// What of the inputs becomes the range.
    pub statistic: RangeStatistic,
    /// Examples in a mini-batch.
    pub batch: usize,
    /// Mini-batches that are observed.
    pub batches: usize,
}

impl Default for Calibration {
    /// Assumed: 20 mini-batches of 20, for small networks; \[Rasch23\] has 500.
    fn default() -> Self {
        Self { statistic: RangeStatistic::default(), batch: 20, batches: 20 }
    }
}

/// Sees the inputs of analog layers; several uses of a layer in a mini-batch count as one.
#[derive(Debug, Default)]
struct Inputs {
    layers: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lowest: f32,
    highest: f32,
    sum: f64,
    squares: f64,
    count: usize,
}

impl Observer for Inputs {
    /// Adds an input of the layer to the mini-batch at hand.
    fn see(&mut self, product: &TileProduct<'_>) {
        let (layer, x) = (product.layer(), product.input());
        if !self.layers.contains_key(layer) {
            self.layers.insert(layer.to_owned(), Seen::default());
        }
        let Some(seen) = self.layers.get_mut(layer) else { return };
        for &x in x.iter().filter(|x| x.is_finite()) {
            seen.lowest = seen.lowest.min(x);
            seen.highest = seen.highest.max(x);
            seen.sum += f64::from(x);
            seen.squares += f64::from(x) * f64::from(x);
        }
        seen.count += x.len();
    }

    fn calibrates(&self) -> bool {
        true
    }
}

/// Sets the input range of every analog layer from the inputs of some mini-batches.
///
/// Inputs are those of a training pass on tiles without injected noise, in which every product
/// takes the range of its own input. A layer whose inputs were all zero keeps its range.
///
/// Mini-batches are the first ones of an order drawn from the seed; where there are fewer than asked
/// for, all are used once.
///
/// # Panics
///
/// If the task has no examples, the batch is 0, or [`RangeStatistic::check`] refuses the statistic.
#[track_caller]
pub fn calibrate_input_ranges(
    task: &dyn Task,
    parameters: &mut Parameters,
    calibration: Calibration,
    run: Run,
) {
    let Calibration { statistic, batch, batches: count } = calibration;
    let order = batches(task.len(), batch, &run.seed.child("order"));
    assert!(!order.is_empty(), "calibration needs examples");
    if let Err(problem) = statistic.check() {
        panic!("{problem}");
    }
    let unsigned: BTreeSet<String> = parameters
        .analog()
        .filter(|analog| analog.config().tile().periphery.dac.range == DacRange::Unsigned)
        .map(|analog| analog.name().to_owned())
        .collect();
    let mut work = Workspace::new();
    let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
    for (index, examples) in order.iter().take(count).enumerate() {
        work.observe(Inputs::default());
        let Run { seed, par } = run.child("batch").child(index);
        let pass = Pass { seed, first_row: 0, step: 0, mode: Mode::Train, par };
        task.forward(examples, &mut work.step(&*parameters, pass));
        work.clear();
        let inputs: Inputs = work.observed().unwrap_or_default();
        for (layer, seen) in inputs.layers {
            let n = seen.count.max(1) as f64;
            let value = match statistic {
                RangeStatistic::MeanAbsMax { .. } if unsigned.contains(&layer) => {
                    f64::from(seen.highest)
                }
                RangeStatistic::MeanAbsMax { .. } => f64::from(seen.highest.max(-seen.lowest)),
                RangeStatistic::ScaledStd { .. } => {
                    (seen.squares / n - (seen.sum / n).powi(2)).max(0.0).sqrt()
                }
            };
            if value > 0.0 {
                let (sum, batches) = sums.entry(layer).or_default();
                *sum += value;
                *batches += 1;
            }
        }
    }
    for (layer, (sum, batches)) in sums {
        let mean = (sum / batches as f64) as f32;
        let range = match statistic {
            RangeStatistic::MeanAbsMax { cap } => mean.min(cap),
            RangeStatistic::ScaledStd { factor } => factor * mean,
        };
        parameters.set_input_range(&layer, range);
    }
}
