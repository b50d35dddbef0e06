//! Measurements on the systolic accelerator: its wave, its cards, its random bits, its cells.

use std::collections::BTreeMap;

use numerics::{FixedFormat, Lfsr, LfsrConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use systolic::networks::{TrainedNetwork, TrainingProduct};
use systolic::resources::{RoundingOverhead, extrapolate};
use systolic::synthesis::Synthesis;
use systolic::{
    ArrayConfig, Beat, Card, ColumnRounding, GemmShape, Throughput, Wavefront, dsp_units,
};

use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measure::Measure;
use crate::measured::measurements::{name_of, named, read_groups, write_groups};

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Accelerator {
    /// Tiles back to back on the model: which cells multiply in which cycle.
    Wave {
        /// Rows and columns.
        n: usize,
        /// Length of the inner products.
        k: usize,
        /// Number of tiles.
        tiles: usize,
    },
    /// Square products and the paper's networks on a card.
    Card {
        /// Which card.
        card: CardName,
        /// Sizes of the square products.
        sizes: Vec<usize>,
    },
    /// Bias and serial correlation of the words of an LFSR.
    Lfsr {
        /// Registers of 2 to this many bits are run through their whole period.
        widest: u32,
        /// A register of 48 bits is read with 1 to this many steps per sample.
        most_steps: u32,
        /// Samples per correlation.
        samples: usize,
    },
    /// The cells that synthesis counted.
    Resources,
}

/// The cards that are described in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardName {
    /// The paper's.
    #[serde(rename = "kintex-325t")]
    Kintex325t,
    /// A present-day one.
    #[serde(rename = "alveo-u280")]
    AlveoU280,
}

impl CardName {
    /// The card.
    pub fn card(self) -> Card {
        match self {
            Self::Kintex325t => Card::kintex_325t(),
            Self::AlveoU280 => Card::alveo_u280(),
        }
    }
}

/// What an [`Accelerator`] gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Known {
    /// Of [`Accelerator::Wave`].
    Wave(Wave),
    /// Of [`Accelerator::Card`].
    Card(Box<OnCard>),
    /// Of [`Accelerator::Lfsr`].
    Lfsr(Words),
    /// Of [`Accelerator::Resources`].
    Resources(Resources),
}

/// Which cells multiply when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wave {
    /// Cycles from the first product to the last.
    pub wave_cycles: usize,
    /// Number of products.
    pub products: usize,
    /// Cells that multiply, by cycle.
    pub busy: Vec<f64>,
    /// The cycle of the first product of every cell; NaN if it has none.
    pub first: Vec<f64>,
    /// The cycle of the last product of every cell.
    pub last: Vec<f64>,
}

/// What a card is, and what it sustains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnCard {
    /// Rows and columns of its array.
    pub n: usize,
    /// DSP units of the array.
    pub dsp_units: u64,
    /// Rows and columns of the largest array that fits.
    pub largest_array: usize,
    /// Peak rate.
    pub peak_gops: f64,
    /// Peak rate per watt.
    pub peak_gops_per_w: f64,
    /// Bandwidth of the memory.
    pub bandwidth_gb_per_s: f64,
    /// Power.
    pub power_w: f64,
    /// Sustained rate of square products, by size.
    #[serde(rename = "gops")]
    pub squares_gops: Vec<f64>,
    /// Their operations per byte.
    #[serde(rename = "ops_per_byte")]
    pub squares_ops_per_byte: Vec<f64>,
    /// What the roofline allows them.
    pub roof_gops: Vec<f64>,
    /// Their energy per operation.
    pub pj_per_op: Vec<f64>,
    /// Epochs of the paper's networks, by name.
    #[serde(flatten)]
    pub epochs: Epochs,
}

/// Epochs by network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Epochs(pub BTreeMap<String, OnCardEpoch>);

/// An epoch of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnCardEpoch {
    /// Sustained rate.
    pub gops: f64,
    /// Number of operations.
    pub operations: f64,
    /// Time.
    pub seconds: f64,
    /// Of it that of the updates.
    pub update_seconds: f64,
    /// Energy.
    pub joules: f64,
    /// Energy per operation.
    pub pj_per_op: f64,
    /// Operations of a minibatch per byte.
    pub ops_per_byte: f64,
    /// Every product of a minibatch, by [`product_name`].
    #[serde(flatten)]
    pub products: BTreeMap<String, OnCardProduct>,
}

/// A product of a minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 5]", into = "[f64; 5]")]
pub struct OnCardProduct {
    /// l, k and m.
    pub shape: [f64; 3],
    /// Share of the peak rate that it sustains, in %.
    pub utilisation_percent: f64,
    /// Whether the memory is what limits it.
    pub bandwidth_bound: bool,
}

impl From<[f64; 5]> for OnCardProduct {
    fn from([l, k, m, utilisation_percent, bound]: [f64; 5]) -> Self {
        Self { shape: [l, k, m], utilisation_percent, bandwidth_bound: bound > 0.0 }
    }
}

impl From<OnCardProduct> for [f64; 5] {
    fn from(product: OnCardProduct) -> Self {
        let [l, k, m] = product.shape;
        let bound = f64::from(u8::from(product.bandwidth_bound));
        [l, k, m, product.utilisation_percent, bound]
    }
}

/// The name of a product of a minibatch.
pub fn product_name(product: &TrainingProduct) -> String {
    format!("{} {:?}", product.layer.name, product.kind)
}

impl Serialize for Epochs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_groups(&self.0, |network, field| format!("{network}: {field}"), to)
    }
}

impl<'de> Deserialize<'de> for Epochs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_groups(from, before_colon).map(Self)
    }
}

/// A name and that of a field, with a colon between.
fn before_colon<K: DeserializeOwned>(name: &str) -> Option<(K, String)> {
    let (key, field) = name.split_once(": ")?;
    Some((named::<K, serde::de::value::Error>(key).ok()?, field.to_owned()))
}

/// What an LFSR leaves of uniform bits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Words {
    /// Bias in ulp of the result, by width from 2.
    pub bias_ulp: Vec<f64>,
    /// Correlation of words with the ones before them, by steps per sample from 1.
    pub serial_correlation: Vec<f64>,
}

/// Cells of the parts of the array.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// What stochastic rounding adds.
    #[serde(flatten)]
    pub overhead: Option<Overhead>,
    /// The cells.
    #[serde(flatten)]
    pub parts: Parts,
}

/// What stochastic rounding adds to the array, in %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// Rounding units over cells, each one DSP slice.
    #[serde(rename = "overhead: dsp")]
    pub dsp: f64,
    /// Rounding units over all DSP slices of the array.
    #[serde(rename = "overhead: dsp of all")]
    pub dsp_of_all: f64,
    /// Look-up tables.
    #[serde(rename = "overhead: lut")]
    pub lut: f64,
    /// Flip-flops.
    #[serde(rename = "overhead: ff")]
    pub ff: f64,
}

/// Cells by part.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts(pub BTreeMap<Part, CellCounts>);

impl Serialize for Parts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        write_groups(&self.0, |part, field| format!("{}: {field}", part.words()), to)
    }
}

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_groups(from, before_colon).map(Self)
    }
}

/// A part whose cells are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// A cell of the array.
    #[serde(rename = "cell")]
    Cell,
    /// A register of random bits.
    #[serde(rename = "LFSR")]
    Lfsr,
    /// A unit that rounds stochastically.
    #[serde(rename = "rounding unit, stochastic")]
    StochasticUnit,
    /// A unit that rounds to nearest.
    #[serde(rename = "rounding unit, nearest")]
    NearestUnit,
    /// The array with stochastic rounding.
    #[serde(rename = "28 × 28 array, stochastic")]
    StochasticArray,
    /// The array with rounding to nearest.
    #[serde(rename = "28 × 28 array, nearest")]
    NearestArray,
    /// The array, extrapolated from cell and unit.
    #[serde(rename = "28 × 28 from cell and unit")]
    Extrapolated,
    /// The array with its FIFOs.
    #[serde(rename = "28 × 28 with FIFOs")]
    WithFifos,
}

impl Part {
    /// Its name for people.
    pub fn words(self) -> String {
        name_of(&self)
    }
}

/// Cells as Yosys maps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellCounts {
    /// DSP slices.
    pub dsp: u64,
    /// Look-up tables.
    pub lut: u64,
    /// Flip-flops.
    pub ff: u64,
    /// Carry chains.
    pub carry4: u64,
}

impl Measure for Accelerator {
    type Outcome = Known;

    /// Measures: [`Error::Usage`] with what the array or the card says of an impossible size.
    fn run(&self, _: u64, _: &Context<'_>) -> Result<Known, Error> {
        self.known()
    }
}

impl Accelerator {
    /// Measures: nothing is drawn.
    ///
    /// # Errors
    ///
    /// As [`Measure::run`].
    pub fn known(&self) -> Result<Known, Error> {
        Ok(match self {
            &Self::Wave { n, k, tiles } => Known::Wave(wave(n, k, tiles)?),
            Self::Card { card, sizes } => Known::Card(Box::new(on_card(&card.card(), sizes)?)),
            &Self::Lfsr { widest, most_steps, samples } => {
                Known::Lfsr(lfsr(widest, most_steps, samples)?)
            }
            Self::Resources => Known::Resources(resources()),
        })
    }
}

fn usage(error: impl std::error::Error) -> Error {
    Error::Usage(error.to_string())
}

/// Beats whose every product changes the accumulator that takes it, so that a cell at work can be
/// told from one that waits: b = 1, and a single a is smaller than a sum of two.
fn wave(n: usize, k: usize, tiles: usize) -> Result<Wave, Error> {
    let format = FixedFormat::new(2, 14).map_err(usage)?;
    let config = ArrayConfig::new(n, format, ColumnRounding::NearestTiesDown);
    config.check_k(k).map_err(usage)?;
    let mut array = Wavefront::new(&config).map_err(usage)?;
    let beats = k * tiles;
    let (mut next, mut received) = (0, 0);
    let mut busy = Vec::new();
    let mut first = vec![None; n * n];
    let mut last = vec![0.0; n * n];
    let mut issued_at = None;
    let mut cycles = 0;
    while received < tiles * n * n {
        let cells = |array: &Wavefront| -> Vec<i64> {
            (0..n * n).map(|cell| array.accumulator(cell / n, cell % n)).collect()
        };
        let before = cells(&array);
        let a = vec![1000 + (7 * next as i32) % 900; n];
        let b = vec![1; n];
        let last_beat = (next + 1) % k == 0;
        let beat = (next < beats).then_some(Beat { a: &a, b: &b, last: last_beat });
        let edge = array.clock(beat, true, |_| received += 1);
        next += usize::from(edge.accepted);
        if edge.issued && issued_at.is_none() {
            issued_at = Some(cycles);
        }
        if let Some(start) = issued_at {
            // A sum that moves to its local register leaves a 0 behind: not a product.
            let worked = |(old, new): (&i64, &i64)| *new != *old && *new != 0;
            let now = cells(&array);
            let at = (cycles - start) as f64;
            for (cell, pair) in before.iter().zip(&now).enumerate() {
                if worked(pair) {
                    first[cell].get_or_insert(at);
                    last[cell] = at;
                }
            }
            busy.push(before.iter().zip(&now).filter(|&pair| worked(pair)).count() as f64);
        }
        cycles += 1;
    }
    let wave = busy.iter().rposition(|&cells| cells > 0.0).map_or(0, |cycle| cycle + 1);
    busy.truncate(wave);
    Ok(Wave {
        wave_cycles: wave,
        products: busy.iter().sum::<f64>() as usize,
        busy,
        first: first.into_iter().map(|cycle| cycle.unwrap_or(f64::NAN)).collect(),
        last,
    })
}

fn on_card(card: &Card, sizes: &[usize]) -> Result<OnCard, Error> {
    let squares = sizes
        .iter()
        .map(|&size| card.throughput(GemmShape { l: size, k: size, m: size }))
        .collect::<Result<Vec<Throughput>, _>>()
        .map_err(usage)?;
    let series = |of: &dyn Fn(&Throughput) -> f64| squares.iter().map(of).collect();
    let mut epochs = Epochs::default();
    for network in TrainedNetwork::of_the_paper() {
        epochs.0.insert(network.name.to_owned(), epoch(&network, card)?);
    }
    let n = card.design().n;
    Ok(OnCard {
        n,
        dsp_units: dsp_units(n),
        largest_array: card.board().largest_array(),
        peak_gops: card.peak_ops_per_s() / 1e9,
        peak_gops_per_w: card.peak_ops_per_joule() / 1e9,
        bandwidth_gb_per_s: card.board().bandwidth_bytes_per_s / 1e9,
        power_w: card.design().power_w,
        squares_gops: series(&|speed| speed.ops_per_s() / 1e9),
        squares_ops_per_byte: series(&Throughput::intensity),
        roof_gops: series(&|speed| card.attainable_ops_per_s(speed.intensity()) / 1e9),
        pj_per_op: series(&|speed| 1e12 * speed.joules_per_op()),
        epochs,
    })
}

fn epoch(network: &TrainedNetwork, card: &Card) -> Result<OnCardEpoch, Error> {
    let epoch = network.epoch(card).map_err(usage)?;
    let bytes: u64 = epoch.products.iter().map(|(_, speed)| speed.bytes).sum();
    let minibatch_ops: u64 = epoch.products.iter().map(|(p, _)| p.shape.ops()).sum();
    let products = epoch.products.iter().map(|(product, speed)| {
        let GemmShape { l, k, m } = product.shape;
        let on_card = OnCardProduct {
            shape: [l, k, m].map(|n| n as f64),
            utilisation_percent: 100.0 * speed.utilisation,
            bandwidth_bound: speed.bound == systolic::Bound::Bandwidth,
        };
        (product_name(product), on_card)
    });
    Ok(OnCardEpoch {
        gops: epoch.ops_per_s() / 1e9,
        operations: epoch.ops as f64,
        seconds: epoch.seconds,
        update_seconds: epoch.update_seconds,
        joules: epoch.joules,
        pj_per_op: 1e12 * epoch.joules_per_op(),
        ops_per_byte: minibatch_ops as f64 / bytes as f64,
        products: products.collect(),
    })
}

fn lfsr(widest: u32, most_steps: u32, samples: usize) -> Result<Words, Error> {
    let register = |width, seed, steps| -> Result<Lfsr, Error> {
        let config = LfsrConfig::maximal(width, seed, steps)
            .ok_or_else(|| Error::Usage(format!("no polynomial of degree {width} is listed")))?;
        Lfsr::new(config).map_err(usage)
    };
    // The mean of R / 2^N over a period against that of uniform words, (2^N − 1) / 2^(N+1), is the
    // bias of a sum whose dropped bits are uniform, in ulp of the result.
    let mut bias = Vec::new();
    for width in 2..=widest {
        let mut lfsr = register(width, 1, 1)?;
        let states = (1u64 << width) - 1;
        let sum: u64 = (0..states).map(|_| lfsr.next_bits(width)).sum();
        bias.push((sum as f64 / states as f64 - states as f64 / 2.0) / (states + 1) as f64);
    }
    let mut correlation = Vec::new();
    for steps in 1..=most_steps {
        let mut lfsr = register(48, 0x5EED_0000_2015, steps)?;
        let words: Vec<f64> = (0..samples).map(|_| lfsr.next_bits(14) as f64).collect();
        let mean = words.iter().sum::<f64>() / samples as f64;
        let covariance: f64 = words.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
        correlation.push(covariance / words.iter().map(|w| (w - mean).powi(2)).sum::<f64>());
    }
    Ok(Words { bias_ulp: bias, serial_correlation: correlation })
}

fn resources() -> Resources {
    let synthesis = Synthesis::xc7();
    let parts = [
        (Part::Cell, synthesis.cells("mac_cell", 1, true)),
        (Part::Lfsr, synthesis.cells("lfsr", 1, true)),
        (Part::StochasticUnit, synthesis.cells("round_unit", 1, true)),
        (Part::NearestUnit, synthesis.cells("round_unit", 1, false)),
        (Part::StochasticArray, synthesis.cells("systolic_array", 28, true)),
        (Part::NearestArray, synthesis.cells("systolic_array", 28, false)),
        (Part::Extrapolated, extrapolate(&synthesis, 28, true)),
        (Part::WithFifos, synthesis.cells("accelerator", 28, true)),
    ];
    let parts = parts.into_iter().filter_map(|(part, cells)| {
        let cells = cells?;
        let (dsp, lut, ff, carry4) = (cells.dsp, cells.luts(), cells.ff, cells.carry4);
        Some((part, CellCounts { dsp, lut, ff, carry4 }))
    });
    let overhead = RoundingOverhead::of(&synthesis, 28).map(|overhead| Overhead {
        dsp: 100.0 * overhead.dsp,
        dsp_of_all: 100.0 * overhead.dsp_of_all,
        lut: 100.0 * overhead.lut,
        ff: 100.0 * overhead.ff,
    });
    Resources { overhead, parts: Parts(parts.collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::measurements::Measurements;

    fn measured(n: usize, k: usize, tiles: usize) -> Wave {
        wave(n, k, tiles).unwrap()
    }

    #[test]
    fn the_wave_takes_k_plus_2n_minus_2_cycles_and_every_product_is_seen() {
        for (n, k, tiles) in [(4, 6, 1), (3, 2, 5), (5, 1, 3), (1, 4, 2), (8, 16, 3)] {
            let measured = measured(n, k, tiles);
            let cycles = k + (tiles - 1) * k.max(n) + 2 * n - 2;
            assert_eq!(measured.wave_cycles, cycles, "n = {n}, k = {k}");
            assert_eq!(measured.products, tiles * k * n * n, "n = {n}, k = {k}");
        }
    }

    #[test]
    fn cells_start_one_cycle_after_their_neighbours() {
        let measured = measured(4, 6, 1);
        for cell in 0..16 {
            let start = (cell / 4 + cell % 4) as f64;
            assert_eq!(measured.first[cell], start);
            assert_eq!(measured.last[cell], start + 5.0);
        }
    }

    #[test]
    fn configurations_and_outcomes_survive_their_files() {
        let cards = [CardName::Kintex325t, CardName::AlveoU280];
        let cards = cards.map(|card| Accelerator::Card { card, sizes: vec![28, 100] });
        let others = [
            Accelerator::Wave { n: 2, k: 3, tiles: 1 },
            Accelerator::Lfsr { widest: 3, most_steps: 2, samples: 10 },
            Accelerator::Resources,
        ];
        for config in cards.into_iter().chain(others) {
            let value = serde_json::to_value(&config).unwrap();
            assert_eq!(serde_json::from_value::<Accelerator>(value).unwrap(), config);
            let known = config.known().unwrap();
            assert_eq!(Measurements::of(&known).read::<Known>().unwrap(), known);
        }
    }
}
