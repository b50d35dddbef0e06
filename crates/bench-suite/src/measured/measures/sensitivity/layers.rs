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
use std::sync::Arc;

use crossbar::cost::{Cost, CostFigures, Passes, Pipeline, Range, Stage};
use crossbar::{Saturation, mvm_lengths};
use nn::{Devices, Mode, Observer, Parameters, Pass, TileProduct, Workspace};
use numerics::Seed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::{read_groups, write_groups};
use crate::measured::measures::product::exact_product;
use crate::measured::networks::workload::Instance;

/// Rows of every layer and example that are kept for an estimate of the array's energy.
const KEPT_ROWS: usize = 16;

/// What is known of a layer after an observation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layer {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// ε_M in %.
    pub mvm_error_percent: f64,
    /// Inputs beyond the range of the DAC, in % of its conversions.
    pub inputs_clipped_percent: f64,
    /// Outputs at the bound of the ADC, in % of its conversions.
    pub outputs_clipped_percent: f64,
    /// The input range α.
    pub input_range: f64,
    /// The largest magnitude among the inputs.
    pub largest_input: f64,
    /// Rows of the matrix.
    pub outputs: usize,
    /// Columns of the matrix.
    pub inputs: usize,
    /// Tiles.
    pub tiles: usize,
    /// Weights in % of the places of a square array as wide as a tile.
    pub utilisation_percent: f64,
    /// Products of the matrix with a vector, per example.
    pub products: f64,
    /// Nominal energy of its tiles per example in nJ.
    pub energy_nj: f64,
    /// Nominal energy per example in nJ with what stands around the tiles: buffers, network, control.
    pub chip_energy_nj: f64,
    /// Nominal time of one product in ns.
    pub latency_ns: f64,
    /// Nominal area of its tiles in µm².
    pub area_um2: f64,
}

/// Layers in the network's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layers(pub Vec<Layer>);

impl Serialize for Layers {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let layers = self.0.iter().enumerate();
        let layers = layers.map(|(index, layer)| ((index, &layer.name), layer));
        // Position of the layer, layer, quantity.
        write_groups(layers, |(index, name), field| format!("layer {index} {name} {field}"), to)
    }
}

impl<'de> Deserialize<'de> for Layers {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let split = |name: &str| {
            let (index, rest) = name.strip_prefix("layer ")?.split_once(' ')?;
            let (layer, field) = rest.rsplit_once(' ')?;
            Some(((index.parse::<usize>().ok()?, layer.to_owned()), field.to_owned()))
        };
        let layers: BTreeMap<(usize, String), Layer> = read_groups(from, split)?;
        let named = |((_, name), layer)| Layer { name, ..layer };
        Ok(Self(layers.into_iter().map(named).collect()))
    }
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
pub(crate) struct Seen {
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
pub(crate) struct Observed {
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
            ..product.saturation()
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
pub(crate) fn observe(
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
        let Passes { slices, planes } = Passes::of(analog.config().tile());
        let (slices, planes) = (slices as u64, planes as u64);
        let mut conversions = [0; 2];
        for part in analog.cut().parts() {
            conversions[0] += part.columns.len() as u64 * planes;
            conversions[1] += part.rows.len() as u64 * planes * slices;
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
pub(crate) fn cost(
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

/// The layers that were observed, one behind another; `None` if none has tiles. Of every figure that
/// end of its range is taken.
pub(crate) fn pipeline(
    devices: &Devices<'_>,
    observed: &Observed,
    figures: &CostFigures,
    end: fn(Range) -> f64,
) -> Option<Pipeline> {
    let stages = used(devices.parameters(), observed).filter_map(|(analog, seen)| {
        let cost = figures.matrix(devices.layer(analog.name())?, &seen.rows);
        Some(Stage {
            name: analog.name().to_owned(),
            tiles: analog.cut().parts().len(),
            products: seen.products as f64 / observed.examples as f64,
            latency_ns: end(cost.latency_ns),
            energy_pj: end(cost.energy.total_pj()),
            area_um2: end(cost.area_um2),
        })
    });
    Pipeline::new(stages.collect()).ok()
}

/// The layers that were used, in the network's order.
fn used<'a>(
    parameters: &'a Parameters,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a nn::AnalogWeights, &'a Seen)> {
    let layers = parameters.analog();
    layers.filter_map(|analog| Some((analog, observed.layers.get(analog.name())?)))
}

/// What is known of every layer.
pub(super) fn report(devices: &Devices<'_>, observed: &Observed) -> Layers {
    let parameters = devices.parameters();
    let (figures, chip) = (CostFigures::standard(), CostFigures::chip());
    let layer = |(analog, seen): (&nn::AnalogWeights, &Seen)| {
        let (outputs, inputs) = analog.shape();
        let tiles = analog.cut().parts().len();
        let mapping = &analog.config().tile().mapping;
        let height = mapping.max_outputs.unwrap_or(mapping.max_inputs);
        let percent = |part: u64, whole: u64| 100.0 * part as f64 / whole.max(1) as f64;
        let places = (tiles * mapping.max_inputs * height) as u64;
        let products = seen.products as f64 / observed.examples as f64;
        let matrix = devices.layer(analog.name());
        let of = |figures: &CostFigures| matrix.map(|matrix| figures.matrix(matrix, &seen.rows));
        let (cost, around) = (of(&figures), of(&chip));
        let energy = |cost: &Cost| 1e-3 * cost.energy.total_pj().nominal * products;
        Layer {
            name: analog.name().to_owned(),
            mvm_error_percent: 100.0 * seen.error / seen.size.max(f64::MIN_POSITIVE),
            inputs_clipped_percent: percent(seen.clipped.inputs, seen.conversions[0]),
            outputs_clipped_percent: percent(seen.clipped.outputs, seen.conversions[1]),
            input_range: f64::from(analog.input_range(parameters)),
            largest_input: f64::from(seen.largest),
            outputs,
            inputs,
            tiles,
            utilisation_percent: percent((outputs * inputs) as u64, places),
            products,
            energy_nj: cost.as_ref().map_or(0.0, energy),
            chip_energy_nj: around.as_ref().map_or(0.0, energy),
            latency_ns: cost.map_or(0.0, |cost| cost.latency_ns.nominal),
            area_um2: cost.map_or(0.0, |cost| cost.area_um2.nominal),
        }
    };
    Layers(used(parameters, observed).map(layer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measurements::Measurements;

    #[test]
    fn layers_keep_their_order_and_their_names() {
        let names = ["b", "a.0 x", "c", "d", "e", "f", "g", "h", "i", "j", "k"];
        let layers = names.iter().enumerate().map(|(tiles, name)| {
            let (name, energy_nj) = ((*name).to_owned(), 0.5);
            Layer { name, tiles, energy_nj, ..Layer::default() }
        });
        let layers = Layers(layers.collect());
        let measured = Measurements::of(&layers);
        assert_eq!(measured.values["layer 1 a.0 x energy-nj"], 0.5);
        assert_eq!(measured.read::<Layers>().unwrap(), layers);
    }
}
