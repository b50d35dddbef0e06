//! [`Layer`]: the name, shape and parameters of a linear map, whatever its arithmetic.

use numerics::Seed;

use crate::column_sums::add_rows;
use crate::parameters::{ParameterId, Parameters, Role};
use crate::pass::Pass;
use crate::storage::Storage;
use crate::tape::Backward;

/// What leaves a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// The output of a layer, in the arithmetic's output numbers.
    Layer,
    /// Logits: the sums before their rounding, for a softmax in f32.
    ///
    /// Assumed: \[Gupta15\] counts the softmax's probabilities as the last layer's Y. Rounding the
    /// logits to ⟨2, 14⟩ would clip them to [−2, 2) and training would fail.
    Wide,
}

/// A linear map that is being built: what an arithmetic makes storage and products of.
#[derive(Debug)]
pub struct NewLayer<'a> {
    /// Receives the parameters.
    pub parameters: &'a mut Parameters,
    /// The layer's name.
    pub name: &'a str,
    /// The first axis is the output, all others together are the input.
    pub shape: &'a [usize],
    /// Initial weights, row-major.
    pub weight: &'a [f32],
    /// Whether there is a bias, zero at first.
    pub bias: bool,
    /// What leaves the map.
    pub readout: Readout,
}

impl NewLayer<'_> {
    /// Length of y.
    pub fn outputs(&self) -> usize {
        self.shape[0]
    }

    /// Length of x.
    pub fn inputs(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// Adds W, and b if there is one, in those storages: `bias` is given its initial values.
    ///
    /// # Panics
    ///
    /// If the names are taken.
    #[track_caller]
    pub fn store<B: Storage>(
        &mut self,
        weight: impl Storage,
        bias: impl FnOnce(Vec<f32>) -> B,
    ) -> Layer {
        let (name, outputs, inputs) = (self.name.to_owned(), self.outputs(), self.inputs());
        let parameters = &mut *self.parameters;
        let weight = parameters.add(format!("{name}.weight"), Role::Weight, self.shape, weight);
        let bias = self.bias.then(|| {
            let values = bias(vec![0.0; outputs]);
            parameters.add(format!("{name}.bias"), Role::Bias, &[outputs], values)
        });
        Layer { name, outputs, inputs, weight, bias, readout: self.readout }
    }
}

/// The name, shape and parameters of a linear map.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Length of y.
    pub outputs: usize,
    /// Length of x.
    pub inputs: usize,
    /// W, (out, in).
    pub weight: ParameterId,
    /// b, (out).
    pub bias: Option<ParameterId>,
    /// What leaves it.
    pub readout: Readout,
}

impl Layer {
    /// The seed of one of its signals in a pass.
    pub fn seed(&self, pass: &Pass, signal: &str) -> Seed {
        pass.seed.child(&self.name).child(signal)
    }

    /// Adds Σδ to the gradient of b, row after row.
    ///
    /// # Shapes
    ///
    /// - `errors`: δ, (rows, out)
    pub fn accumulate_bias(&self, errors: &[f32], context: &mut Backward<'_>) {
        let Some(bias) = self.bias else { return };
        let outputs = self.outputs;
        context.accumulate_rows(bias, errors.len() / outputs.max(1), |rows, sums, add| {
            if !add {
                sums.fill(0.0);
            }
            add_rows(&errors[rows.start * outputs..rows.end * outputs], sums);
        });
    }
}
