//! A network on tiles whose most sensitive layers, or columns, have devices without errors.
//!
//! ```text
//! rank:     errors of devices of one layer `ranking_scale` times as large, all other layers exact
//! layers:   the k most sensitive layers exact, all others as they are; k = 0, 1, …, and all
//! columns:  of the most sensitive layers the n columns of the largest gradients exact
//! ```
//!
//! Exact means: no programming error, no read noise, no drift. Wires, converters and the noise of
//! products stay.
//!
//! Source: [Rasch23 Results, "selective noise exemption"; Fig. 7; Supp. Tab. 8].
//!
//! Assumed: the scale of the ranking multiplies programming error and accumulated read noise, and
//! leaves the exponents of the drift as they are.

use std::collections::BTreeMap;

use crossbar::TileConfig;
use crossbar::device::DeviceConfig;
use nn::{AnalogWeights, AnyArithmetic, Devices, Policy, Run, column_gradients};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::aging::Aging;
use super::trained::{Baseline, Network, Trained};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::networks::workload::{Instance, Workload};

/// What is exempted, and how the rest is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// The network and its recipe.
    pub trained: Trained,
    /// Devices and time of the tests; there is one time.
    pub aging: Aging,
    /// What multiplies the errors of the layer whose sensitivity is measured.
    pub ranking_scale: f32,
    /// How often the network is programmed for that.
    pub ranking_programmings: u64,
    /// The largest number of layers that are exempted one after the other; then all are.
    pub layers: usize,
    /// The columns that are exempted.
    pub columns: Columns,
}

/// Columns that are exempted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// They belong to that many most sensitive layers.
    pub layers: usize,
    /// Mini-batches over which gradients are averaged.
    pub batches: usize,
    /// How many columns of the largest gradients; after these all of the layers.
    pub counts: Vec<usize>,
    /// How many columns of the smallest gradients, to compare with.
    pub smallest: usize,
}

/// What has exact devices in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Exact {
    /// So many of the most sensitive layers.
    Layers(usize),
    /// So many columns of the largest gradients.
    Columns(usize),
    /// The columns of the smallest gradients.
    SmallestColumns,
}

impl From<Exact> for String {
    fn from(exact: Exact) -> Self {
        match exact {
            Exact::Layers(count) => format!("layers_{count}_percent"),
            Exact::Columns(count) => format!("columns_{count}_percent"),
            Exact::SmallestColumns => "columns_smallest_percent".to_owned(),
        }
    }
}

impl TryFrom<String> for Exact {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let count = |text: &str| text.parse::<usize>().ok();
        let parts = name.strip_suffix("_percent").and_then(|name| name.split_once('_'));
        let exact = parts.and_then(|(what, which)| match (what, which) {
            ("layers", which) => count(which).map(Self::Layers),
            ("columns", "smallest") => Some(Self::SmallestColumns),
            ("columns", which) => count(which).map(Self::Columns),
            _ => None,
        });
        exact.ok_or_else(|| format!("unknown field `{name}`"))
    }
}

/// What is known of the network and its layers, and its test errors by what is exempted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exempted {
    /// What was known before.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// Layer by layer in the order of the network, the error in % with that layer's devices in error
    /// alone.
    pub layer_error_percent: Vec<f64>,
    /// … the number of weights.
    pub layer_weights: Vec<usize>,
    /// The layers' places in the network, the most sensitive first.
    pub order: Vec<usize>,
    /// Number of columns of the most sensitive layers.
    pub all_columns: usize,
    /// Test errors in %, one per programming.
    #[serde(flatten)]
    pub errors: BTreeMap<Exact, Vec<f64>>,
}

impl Exempted {
    /// Test errors in %, one per programming; none if it was not tested.
    pub fn with(&self, exact: Exact) -> &[f64] {
        self.errors.get(&exact).map_or(&[], Vec::as_slice)
    }
}

/// Columns without errors, by layer.
type Exempt = BTreeMap<String, Vec<bool>>;

impl Measure for Exemption {
    type Outcome = Exempted;

    /// Trains the network, unless that was done, ranks its layers and exempts layers and columns.
    fn run(&self, seed: u64, context: &Context<'_>) -> Result<Exempted, Error> {
        let workload = self.trained.open(context)?;
        let Network { instance, baseline } =
            self.trained.hardware_aware(&*workload, seed, context)?;
        let seed = Seed::new(seed);
        let mut errors = BTreeMap::new();

        let layers: Vec<(String, usize, usize)> = instance
            .parameters
            .analog()
            .map(|layer| (layer.name().to_owned(), layer.shape().0, layer.shape().1))
            .collect();
        let exempt = |chosen: &dyn Fn(usize) -> bool| -> Exempt {
            let chosen = layers.iter().enumerate().filter(|(index, _)| chosen(*index));
            chosen.map(|(_, (name, outputs, _))| (name.clone(), vec![true; *outputs])).collect()
        };

        // Which layer suffers most.
        let ranking = Aging { programmings: self.ranking_programmings, ..self.aging.clone() };
        let mut sensitivities = Vec::new();
        for (index, (name, ..)) in layers.iter().enumerate() {
            let others = exempt(&|other| other != index);
            let scale = |layer: &str| if layer == name { self.ranking_scale } else { 1.0 };
            let seed = seed.child("ranking");
            let errors = errors_with(&ranking, &instance, (&scale, &others), &seed, context)?;
            sensitivities.push(errors.iter().sum::<f64>() / errors.len() as f64);
        }
        let mut order: Vec<usize> = (0..layers.len()).collect();
        order.sort_by(|&a, &b| sensitivities[b].total_cmp(&sensitivities[a]));

        let hwa = seed.child("hwa");
        let test = |exempt: &Exempt| {
            errors_with(&self.aging, &instance, (&|_| 1.0, exempt), &hwa, context)
        };
        for count in (0..=self.layers.min(layers.len() - 1)).chain([layers.len()]) {
            let exempt = exempt(&|index| order[..count].contains(&index));
            errors.insert(Exact::Layers(count), test(&exempt)?);
        }

        // Single columns of the most sensitive layers, the largest gradient first.
        let Columns { layers: most, batches, counts, smallest } = &self.columns;
        let gradients = column_gradients(
            &*instance.train,
            &instance.parameters,
            self.trained.recipe.training.batch,
            *batches,
            Run::new(&seed.child("gradients"), context.par),
        );
        let mut columns: Vec<(f64, usize, usize)> = Vec::new();
        for &layer in &order[..(*most).min(order.len())] {
            let of_layer = gradients[&layers[layer].0].iter().enumerate();
            columns.extend(of_layer.map(|(column, &gradient)| (gradient, layer, column)));
        }
        columns.sort_by(|a, b| b.0.total_cmp(&a.0));
        let of = |columns: &[(f64, usize, usize)]| {
            let mut exempt = Exempt::new();
            for &(_, layer, column) in columns {
                let (name, outputs, _) = &layers[layer];
                exempt.entry(name.clone()).or_insert_with(|| vec![false; *outputs])[column] = true;
            }
            exempt
        };
        for count in counts.iter().copied().filter(|&count| count < columns.len()) {
            errors.insert(Exact::Columns(count), test(&of(&columns[..count]))?);
        }
        errors.insert(Exact::Columns(columns.len()), test(&of(&columns))?);
        let last = &columns[columns.len().saturating_sub(*smallest)..];
        errors.insert(Exact::SmallestColumns, test(&of(last))?);
        Ok(Exempted {
            baseline,
            layer_error_percent: sensitivities,
            layer_weights: layers.iter().map(|(_, outputs, inputs)| outputs * inputs).collect(),
            order,
            all_columns: columns.len(),
            errors,
        })
    }
}

impl Exemption {
    /// An amount of work in examples, one of training on tiles counting three.
    pub fn work(&self, workload: &dyn Workload) -> u64 {
        let instance = workload.instance(&Policy::uniform(AnyArithmetic::Float32), &Seed::new(0));
        // Every other parameter is a weight, more or less.
        let layers = (instance.parameters.iter().count() / 2) as u64;
        let tests = self.layers.min(layers as usize) as u64 + self.columns.counts.len() as u64 + 4;
        let tests = layers * self.ranking_programmings + tests * self.aging.programmings;
        let gradients = (self.columns.batches * self.trained.recipe.training.batch) as u64;
        let examples = instance.test.len() as u64;
        self.trained.work(workload) + examples * tests + 3 * gradients
    }
}

/// Errors in % at the one time, one per programming.
fn errors_with(
    aging: &Aging,
    instance: &Instance<'_>,
    (scale, exempt): (&dyn Fn(&str) -> f32, &Exempt),
    seed: &Seed,
    context: &Context<'_>,
) -> Result<Vec<f64>, Error> {
    let mut tiles = BTreeMap::new();
    for layer in instance.parameters.analog() {
        let tile = aging.tile.as_ref().unwrap_or_else(|| layer.config().tile());
        tiles.insert(layer.name().to_owned(), scaled(tile, scale(layer.name()))?);
    }
    let program = |run: Run| {
        let tile = |layer: &AnalogWeights| tiles[layer.name()].clone();
        let mut devices = Devices::program(&instance.parameters, tile, run)?;
        for (layer, exempt) in exempt {
            devices.exempt_columns(layer, exempt, run);
        }
        Ok(devices)
    };
    let errors = aging.errors_programmed(instance, seed, context, program)?;
    let count = errors.len();
    <[Vec<f64>; 1]>::try_from(errors)
        .map(|[errors]| errors)
        .map_err(|_| Error::Usage(format!("an exemption is tested at one time, not {count}")))
}

/// The tile with the errors of its devices multiplied.
fn scaled(tile: &TileConfig, scale: f32) -> Result<TileConfig, Error> {
    let mut tile = tile.clone();
    match &mut tile.device {
        DeviceConfig::Pcm(pcm) => {
            pcm.programming_noise_scale *= scale;
            pcm.read_noise_scale *= scale;
            Ok(tile)
        }
        _ => Err(Error::Usage("layers are ranked by the errors of phase-change memory".to_owned())),
    }
}
