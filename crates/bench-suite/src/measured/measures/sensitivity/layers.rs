//! What the tiles of every layer do to real inputs: error of the product, clipping, use, cost.
//!
//! ```text
//! ε_M = Σ_k ‖y_k − ỹ_k‖ / Σ_k ‖y_k‖        over all products k of a layer
//! ```
//!
//! ỹ is what the tiles gave and y the exact product of the same inputs with the weights that were to
//! be programmed, both without bias. The inputs are those of the layer in the network on tiles: what
//! the layers before it did to them is not counted again.
//!
//! Test examples pass one by one, so that no product is one of padding.
//!
//! Source: [Rasch23 Eq. 20].

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use crossbar::cost::{CostFigures, Range};
use crossbar::{Saturation, mvm_lengths};
use nn::{Devices, Mode, Observer, Parameters, Pass, TileProduct, Workspace};
use numerics::Seed;

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::product::exact_product;
use crate::measured::networks::workload::Instance;

/// Rows of every layer and example that are kept for an estimate of the array's energy.
const KEPT_ROWS: usize = 16;

/// What is known of a layer after an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerQuantity {
    /// ε_M in %.
    MvmError,
    /// Inputs beyond the range of the DAC, in % of its conversions.
    InputsClipped,
    /// Outputs at the bound of the ADC, in % of its conversions.
    OutputsClipped,
    /// The input range α.
    InputRange,
    /// The largest magnitude among the inputs.
    LargestInput,
    /// Rows of the matrix.
    Outputs,
    /// Columns of the matrix.
    Inputs,
    /// Tiles.
    Tiles,
    /// Weights in % of the places of a square array as wide as a tile.
    Utilisation,
    /// Products of the matrix with a vector, per example.
    Products,
    /// Nominal energy per example in nJ.
    Energy,
    /// Nominal time of one product in ns.
    Latency,
}

impl LayerQuantity {
    const ALL: [(Self, &'static str); 12] = [
        (Self::MvmError, "mvm-error-percent"),
        (Self::InputsClipped, "inputs-clipped-percent"),
        (Self::OutputsClipped, "outputs-clipped-percent"),
        (Self::InputRange, "input-range"),
        (Self::LargestInput, "largest-input"),
        (Self::Outputs, "outputs"),
        (Self::Inputs, "inputs"),
        (Self::Tiles, "tiles"),
        (Self::Utilisation, "utilisation-percent"),
        (Self::Products, "products"),
        (Self::Energy, "energy-nj"),
        (Self::Latency, "latency-ns"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(quantity, _)| *quantity == self).map_or("", |(_, name)| name)
    }
}

/// The value of a record about a layer.
pub fn layer_value(measured: &Measurements, layer: &str, quantity: LayerQuantity) -> Option<f64> {
    let found = measured.values.iter().find(|(key, _)| {
        split_key(key).is_some_and(|(_, l, q)| l == layer && q == quantity.name())
    });
    found.map(|(_, &value)| value)
}

/// The layers of a record, in the network's order.
pub fn layers_of(measured: &Measurements) -> Vec<String> {
    let tiles = LayerQuantity::Tiles.name();
    let mut layers: Vec<(usize, &str)> = (measured.values.keys())
        .filter_map(|key| split_key(key))
        .filter(|(.., quantity)| *quantity == tiles)
        .map(|(index, layer, _)| (index, layer))
        .collect();
    layers.sort_unstable();
    layers.into_iter().map(|(_, layer)| layer.to_owned()).collect()
}

/// The name of a value in a record: position of the layer, layer, quantity.
fn key(index: usize, layer: &str, quantity: LayerQuantity) -> String {
    format!("layer {index} {layer} {}", quantity.name())
}

fn split_key(key: &str) -> Option<(usize, &str, &str)> {
    let (index, rest) = key.strip_prefix("layer ")?.split_once(' ')?;
    let (layer, quantity) = rest.rsplit_once(' ')?;
    Some((usize::from_str(index).ok()?, layer, quantity))
}

/// The matrix that a layer should multiply by.
#[derive(Debug)]
struct Exact {
    outputs: usize,
    inputs: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// Inputs beyond it are clipped.
    range: f32,
    /// Conversions of one product: inputs over all tiles, outputs over all tiles.
    conversions: [u64; 2],
}

/// Sums over the products of a layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) products: u64,
    error: f64,
    size: f64,
    clipped: Saturation,
    conversions: [u64; 2],
    largest: f32,
    /// Some rows of its inputs.
    rows: Vec<f32>,
    kept: usize,
}

/// All layers after some examples.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    pub(super) examples: usize,
    pub(super) layers: BTreeMap<String, Seen>,
}

/// Compares every product with the exact one.
#[derive(Debug)]
struct Comparison {
    exact: Arc<BTreeMap<String, Exact>>,
    layers: BTreeMap<String, Seen>,
}

impl Observer for Comparison {
    fn see(&mut self, product: &TileProduct<'_>) {
        let exact = &self.exact[product.layer()];
        let Exact { outputs, inputs, .. } = *exact;
        let (rows, count) = (product.rows(), product.count());
        let y = exact_product(&rows, &exact.weights, inputs);
        let mut analog = product.output().to_vec();
        if !exact.bias.is_empty() {
            for row in analog.chunks_exact_mut(outputs) {
                row.iter_mut().zip(&exact.bias).for_each(|(y, b)| *y -= b);
            }
        }
        let (error, size) = mvm_lengths(&y, &analog, outputs);
        let seen = self.layers.entry(product.layer().to_owned()).or_default();
        seen.products += count as u64;
        seen.error += error;
        seen.size += size;
        // From the rows, for products of images convert a value once for all windows that read it.
        let beyond = rows.iter().filter(|x| x.abs() > exact.range).count() as u64;
        seen.clipped += Saturation {
            inputs: beyond * exact.conversions[0] / inputs as u64,
            outputs: product.saturation().outputs,
        };
        for (sum, per_product) in seen.conversions.iter_mut().zip(exact.conversions) {
            *sum += count as u64 * per_product;
        }
        seen.largest = rows.iter().fold(seen.largest, |max, x| max.max(x.abs()));
        // Evenly over the rows of this product.
        let wanted = KEPT_ROWS.saturating_sub(seen.kept).min(count);
        for k in 0..wanted {
            seen.rows.extend_from_slice(&rows[k * count / wanted * inputs..][..inputs]);
        }
        seen.kept += wanted;
    }
}

/// Passes test examples, spread evenly over the set, through the programmed network.
///
/// # Errors
///
/// [`Error::Interrupted`].
pub(super) fn observe(
    instance: &Instance<'_>,
    devices: &Devices<'_>,
    examples: usize,
    seed: u64,
    context: &Context<'_>,
) -> Result<Observed, Error> {
    let seed = Seed::new(seed).child("observed");
    let parameters = devices.parameters();
    let len = instance.test.len();
    let count = examples.min(len);
    let mut comparison =
        Comparison { exact: Arc::new(exact_layers(parameters)), layers: BTreeMap::new() };
    let mut work = Workspace::new();
    for k in 0..count {
        if context.progress.stopped() {
            return Err(Error::Interrupted);
        }
        let example = (k * len / count) as u32;
        comparison.layers.values_mut().for_each(|seen| seen.kept = 0);
        work.observe(comparison);
        let first_row = u64::from(example);
        let pass = Pass { seed, first_row, step: 0, mode: Mode::Eval, par: context.par };
        instance.test.forward(&[example], &mut work.step(devices, pass));
        work.clear();
        comparison = work.observed().expect("the observer that was set");
        context.progress.advance(1);
    }
    Ok(Observed { examples: count, layers: comparison.layers })
}

fn exact_layers(parameters: &Parameters) -> BTreeMap<String, Exact> {
    let layers = parameters.analog().map(|analog| {
        let (outputs, inputs) = analog.shape();
        let bias = format!("{}.bias", analog.name());
        let bias = parameters.iter().find(|p| p.name() == bias);
        let planes = analog.config().tile().mapping.unit_cell.planes() as u64;
        let mut conversions = [0; 2];
        for part in analog.cut().parts() {
            conversions[0] += part.columns.len() as u64 * planes;
            conversions[1] += part.rows.len() as u64 * planes;
        }
        let exact = Exact {
            outputs,
            inputs,
            weights: analog.logical(parameters),
            bias: bias.map(|bias| bias.values()).unwrap_or_default(),
            range: analog.input_range(parameters) * analog.config().tile().periphery.dac.bound,
            conversions,
        };
        (analog.name().to_owned(), exact)
    });
    layers.collect()
}

/// Energy in nJ and time in µs of an example, from the layers that were observed.
///
/// Products of a layer follow one another on its tiles, and layers follow one another; tiles of a
/// matrix work at the same time.
pub(super) fn cost(
    devices: &Devices<'_>,
    observed: &Observed,
    figures: &CostFigures,
) -> (Range, Range) {
    let (mut energy, mut latency) = (Range::default(), Range::default());
    for (analog, seen) in used(devices.parameters(), observed) {
        let Some(matrix) = devices.layer(analog.name()) else { continue };
        let cost = figures.matrix(matrix, &seen.rows);
        let products = seen.products as f64 / observed.examples as f64;
        let scaled = |range: Range, by: f64| Range {
            low: range.low * by,
            nominal: range.nominal * by,
            high: range.high * by,
        };
        energy = energy + scaled(cost.energy.total_pj(), 1e-3 * products);
        latency = latency + scaled(cost.latency_ns, 1e-3 * products);
    }
    (energy, latency)
}

/// The layers that were used, in the network's order.
fn used<'a>(
    parameters: &'a Parameters,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a nn::AnalogWeights, &'a Seen)> {
    let layers = parameters.analog();
    layers.filter_map(|analog| Some((analog, observed.layers.get(analog.name())?)))
}

/// Writes what is known of every layer.
pub(super) fn report(devices: &Devices<'_>, observed: &Observed, measured: &mut Measurements) {
    let parameters = devices.parameters();
    let figures = CostFigures::standard();
    for (index, (analog, seen)) in used(parameters, observed).enumerate() {
        let (outputs, inputs) = analog.shape();
        let tiles = analog.cut().parts().len();
        let mapping = &analog.config().tile().mapping;
        let height = mapping.max_outputs.unwrap_or(mapping.max_inputs);
        let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        let products = seen.products as f64 / observed.examples as f64;
        let matrix = devices.layer(analog.name());
        let cost = matrix.map(|matrix| figures.matrix(matrix, &seen.rows));
        let energy = cost.map_or(0.0, |cost| 1e-3 * cost.energy.total_pj().nominal * products);
        for (quantity, value) in [
            (LayerQuantity::MvmError, 100.0 * seen.error / seen.size.max(f64::MIN_POSITIVE)),
            (LayerQuantity::InputsClipped, percent(seen.clipped.inputs, seen.conversions[0])),
            (LayerQuantity::OutputsClipped, percent(seen.clipped.outputs, seen.conversions[1])),
            (LayerQuantity::InputRange, f64::from(analog.input_range(parameters))),
            (LayerQuantity::LargestInput, f64::from(seen.largest)),
            (LayerQuantity::Outputs, outputs as f64),
            (LayerQuantity::Inputs, inputs as f64),
            (LayerQuantity::Tiles, tiles as f64),
            (
                LayerQuantity::Utilisation,
                percent((outputs * inputs) as u64, (tiles * mapping.max_inputs * height) as u64),
            ),
            (LayerQuantity::Products, products),
            (LayerQuantity::Energy, energy),
            (LayerQuantity::Latency, cost.map_or(0.0, |cost| cost.latency_ns.nominal)),
        ] {
            measured.values.insert(key(index, analog.name(), quantity), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_keep_their_order_and_their_names() {
        let mut measured = Measurements::default();
        for (index, layer) in ["b", "a.0 x", "c"].into_iter().enumerate() {
            let index = index * 6;
            measured.values.insert(key(index, layer, LayerQuantity::Tiles), index as f64);
            measured.values.insert(key(index, layer, LayerQuantity::Energy), 0.5);
        }
        assert_eq!(layers_of(&measured), ["b", "a.0 x", "c"]);
        assert_eq!(layer_value(&measured, "c", LayerQuantity::Tiles), Some(12.0));
        assert_eq!(layer_value(&measured, "c", LayerQuantity::Products), None);
    }
}
