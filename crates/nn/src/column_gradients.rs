//! How much the loss depends on each column of the layers on tiles.
//!
//! ```text
//! g_i = mean over mini-batches of mean_j |∂loss/∂w̆_ij|
//! ```
//!
//! A column is an output of a layer, over all of its tiles. The gradient is that of normalised
//! weights, which is what errors of devices act on.
//!
//! Source: \[Rasch23\] Supp. Tab. 8, "the most sensitive columns".
//!
//! Assumed: the gradient is that of normalised weights under the noise of training, and its magnitude
//! is taken mini-batch by mini-batch; the paper says none of it.

use std::collections::BTreeMap;

use crate::arithmetic::analog::binding::AnalogWeights;
use crate::arithmetic::analog::config::WeightStep;
use crate::data::batches;
use crate::parameters::Parameters;
use crate::pass::{Mode, Pass, Run};
use crate::step::Workspace;
use crate::task::Task;

/// g of every column of every layer on tiles, from `count` mini-batches of `batch` examples.
///
/// Each is a training pass with the noise that the network was trained with. Neither parameters nor
/// states change. Mini-batches are the first ones of an order drawn from the seed; where there are
/// fewer than `count`, all are used once.
///
/// # Panics
///
/// If the task has no examples or `batch` is 0.
pub fn column_gradients(
    task: &dyn Task,
    parameters: &Parameters,
    batch: usize,
    count: usize,
    run: Run,
) -> BTreeMap<String, Vec<f64>> {
    let order = batches(task.len(), batch, &run.seed.child("order"));
    assert!(!order.is_empty(), "gradients need examples");
    let count = count.min(order.len());
    // The backward pass writes gradients and states.
    let mut parameters = parameters.clone();
    parameters.clear_gradients();
    let mut work = Workspace::new();
    let mut sums: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (index, examples) in order.iter().take(count).enumerate() {
        let Run { seed, par } = run.child("batch").child(index);
        // The last of all steps: the noise has risen to its scale.
        let pass = Pass { seed, first_row: 0, step: u64::MAX, mode: Mode::Train, par };
        let outcome = task.forward(examples, &mut work.step(&parameters, pass));
        work.tape.backward(outcome.loss, 1.0, &mut parameters, pass);
        work.clear();
        for analog in parameters.analog() {
            let gradients = analog.column_gradients(&parameters);
            let sums =
                sums.entry(analog.name().to_owned()).or_insert_with(|| vec![0.0; gradients.len()]);
            sums.iter_mut().zip(gradients).for_each(|(sum, g)| *sum += g / count as f64);
        }
        parameters.clear_gradients();
    }
    sums
}

impl AnalogWeights {
    /// mean_j |∂loss/∂w̆_ij| of every output i; zeros if there is no gradient.
    fn column_gradients(&self, parameters: &Parameters) -> Vec<f64> {
        let mut means = vec![0.0; self.outputs];
        let Some(gradient) = parameters.get(self.weight).gradient() else { return means };
        let scales = self.scales(parameters);
        for (stretch, &scale) in self.cut.stretches().zip(&scales) {
            // What is kept is ∂loss/∂w/γ where steps act on logical weights.
            let factor = match self.config.training().step {
                WeightStep::Normalized => 1.0,
                WeightStep::Logical => f64::from(scale).powi(2),
            };
            let row = stretch.start / self.inputs;
            let sum: f64 = gradient[stretch].iter().map(|&g| f64::from(g).abs()).sum();
            means[row] += factor * sum / self.inputs as f64;
        }
        means
    }
}
