//! Weights on the way back: under the names and in the layouts that a file has.
//!
//! ```text
//! tensors of the file ─ moved, cut, joined by nodes and by layers ─▶ parameters      building
//! tensors of the file ◀─────────── element by element ────────────── parameters      weights
//! ```
//!
//! Where an element of a parameter comes from is not written down a second time: the network is built
//! once more of the numbers of its elements instead of their values ([`Trace`]). Tensors whose names
//! say nothing, such as `onnx::MatMul_7`, are called and laid out as PyTorch does: (out, in), and the
//! parts of recurrent layers `weight_ih_l0` and so on.

pub(crate) mod file;
pub(crate) mod load;
mod names;
mod plan;
mod trace;

use nn::Parameters;

use crate::error::Error;
use crate::network::Network;

use self::plan::{Own, Plan};

/// A tensor of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Weight {
    /// Its name.
    pub name: String,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// Its elements, row by row.
    pub values: Vec<f32>,
}

impl Network {
    /// The weights and running statistics in f32, as the file has them: by its names, in its layouts,
    /// in its order. On tiles they are γ ⊙ w̆, in fixed point and formats of few bits what the codes
    /// mean.
    ///
    /// A tensor that several parameters were made of holds the values of the first of them. The others
    /// are there too, by their own names: always where exporters wrote equal tensors of several layers
    /// once, as they do, and else where their values are different. What no parameter was made
    /// of, such as the rest of a table that is cut, has the values of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Input`] if the parameters are not those of this network.
    pub fn weights(&self, parameters: &Parameters) -> Result<Vec<Weight>, Error> {
        let plan = Plan::of(self)?;
        let values = plan.values(parameters)?;
        // Tensors of the file, and which of their elements a parameter has.
        let mut tensors: Vec<Option<(Weight, Vec<bool>)>> = vec![None; plan.roots()];
        let mut own = Vec::new();
        for (item, values) in plan.order.iter().map(|&at| (&plan.items[at], &values[at])) {
            let mut is_own = match item.own {
                Own::Always | Own::Also => true,
                Own::IfOther => false,
                Own::IfChanged => {
                    let of_file = item.ids.iter().map(|&id| item.of_file(plan.value(id)));
                    !of_file.eq(values.iter().copied())
                }
            };
            let of_file = if item.is_apart() { &[][..] } else { &item.ids };
            for (&id, &value) in of_file.iter().zip(values) {
                let Some((root, at)) = plan.place(id) else {
                    is_own |= value != 0.0;
                    continue;
                };
                let (tensor, written) = tensors[root].get_or_insert_with(|| {
                    let tensor = plan.tensor(root);
                    let written = vec![false; tensor.values.len()];
                    (tensor, written)
                });
                let present = &mut tensor.values[at];
                let value = item.to_file(value, *present);
                if !std::mem::replace(&mut written[at], true) {
                    *present = value;
                }
                is_own |= present.to_bits() != value.to_bits();
            }
            if is_own {
                let (name, shape) = (item.own_name.clone(), item.own_shape());
                own.push(Weight { name, shape, values: item.laid_out(values) });
            }
        }
        let of_file = tensors.into_iter().flatten().map(|(tensor, _)| tensor);
        Ok(of_file.chain(own).collect())
    }
}
