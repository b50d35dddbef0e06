//! What holds weights: f32, a format, or the numbers of the operand.

use numerics::Rounding;

use super::config::FloatOperand;
use crate::arithmetic::float32::storage::Floats;
use crate::arithmetic::layer::{Layer, NewLayer};
use crate::arithmetic::rounded::config::{Master, Products};
use crate::arithmetic::rounded::storage::{OperandGrid, RoundedWeights};
use crate::storage::Storage;

/// Adds the parameters of a layer; and says what holds its weights.
pub(super) fn store(products: &Products<FloatOperand>, new: &mut NewLayer<'_>) -> (Layer, String) {
    let values = new.weight.to_vec();
    match (products.master, products.forward.weight) {
        (Master::Float(quantizer), _) => keep(new, RoundedWeights::new(values, quantizer)),
        (Master::Operand(rounding), Some(operand)) => {
            let (outputs, inputs) = (new.outputs(), new.inputs());
            let update = FloatOperand { rounding, ..operand };
            let initial = FloatOperand { rounding: Rounding::NearestTiesEven, ..operand };
            let name = operand.format.to_string();
            keep(
                new,
                RoundedWeights::new(values, OperandGrid { update, initial, outputs, inputs, name }),
            )
        }
        _ => keep(new, Floats::new(values)),
    }
}

fn keep(new: &mut NewLayer<'_>, weights: impl Storage) -> (Layer, String) {
    let describe = weights.describe();
    (new.store(weights, Floats::new), describe)
}
