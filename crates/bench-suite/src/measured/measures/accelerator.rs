//! Measurements on the systolic accelerator: its wave, its cards, its random bits, its cells.

use numerics::{FixedFormat, Lfsr, LfsrConfig};
use serde::{Deserialize, Serialize};
use systolic::networks::TrainedNetwork;
use systolic::resources::{RoundingOverhead, extrapolate};
use systolic::synthesis::Synthesis;
use systolic::{
    ArrayConfig, Beat, Card, ColumnRounding, GemmShape, Throughput, Wavefront, dsp_units,
};

use crate::measured::error::Error;
use crate::measured::measurements::Measurements;

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

impl Accelerator {
    /// Measures.
    ///
    /// # Errors
    ///
    /// [`Error::Usage`] with what the array or the card says of an impossible size.
    pub fn run(&self) -> Result<Measurements, Error> {
        match self {
            &Self::Wave { n, k, tiles } => wave(n, k, tiles),
            Self::Card { card, sizes } => on_card(&card.card(), sizes),
            &Self::Lfsr { widest, most_steps, samples } => lfsr(widest, most_steps, samples),
            Self::Resources => Ok(resources()),
        }
    }
}

fn usage(error: impl std::error::Error) -> Error {
    Error::Usage(error.to_string())
}

/// Beats whose every product changes the accumulator that takes it, so that a cell at work can be
/// told from one that waits: b = 1, and a single a is smaller than a sum of two.
fn wave(n: usize, k: usize, tiles: usize) -> Result<Measurements, Error> {
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
    let mut measurements = Measurements::default();
    measurements.values.insert("wave_cycles".to_owned(), wave as f64);
    measurements.values.insert("products".to_owned(), busy.iter().sum());
    let first = first.into_iter().map(|cycle| cycle.unwrap_or(f64::NAN)).collect();
    for (name, series) in [("busy", busy), ("first", first), ("last", last)] {
        measurements.series.insert(name.to_owned(), series);
    }
    Ok(measurements)
}

fn on_card(card: &Card, sizes: &[usize]) -> Result<Measurements, Error> {
    let mut measurements = Measurements::default();
    let n = card.design().n;
    for (name, value) in [
        ("n", n as f64),
        ("dsp_units", dsp_units(n) as f64),
        ("largest_array", card.board().largest_array() as f64),
        ("peak_gops", card.peak_ops_per_s() / 1e9),
        ("peak_gops_per_w", card.peak_ops_per_joule() / 1e9),
        ("bandwidth_gb_per_s", card.board().bandwidth_bytes_per_s / 1e9),
        ("power_w", card.design().power_w),
    ] {
        measurements.values.insert(name.to_owned(), value);
    }
    let squares = sizes
        .iter()
        .map(|&size| card.throughput(GemmShape { l: size, k: size, m: size }))
        .collect::<Result<Vec<Throughput>, _>>()
        .map_err(usage)?;
    let mut series = |name: &str, of: &dyn Fn(&Throughput) -> f64| {
        measurements.series.insert(name.to_owned(), squares.iter().map(of).collect());
    };
    series("gops", &|speed| speed.ops_per_s() / 1e9);
    series("ops_per_byte", &Throughput::intensity);
    series("roof_gops", &|speed| card.attainable_ops_per_s(speed.intensity()) / 1e9);
    series("pj_per_op", &|speed| 1e12 * speed.joules_per_op());
    for network in TrainedNetwork::of_the_paper() {
        let epoch = network.epoch(card).map_err(usage)?;
        let bytes: u64 = epoch.products.iter().map(|(_, speed)| speed.bytes).sum();
        let minibatch_ops: u64 = epoch.products.iter().map(|(p, _)| p.shape.ops()).sum();
        for (name, value) in [
            ("gops", epoch.ops_per_s() / 1e9),
            ("operations", epoch.ops as f64),
            ("seconds", epoch.seconds),
            ("update_seconds", epoch.update_seconds),
            ("joules", epoch.joules),
            ("pj_per_op", 1e12 * epoch.joules_per_op()),
            ("ops_per_byte", minibatch_ops as f64 / bytes as f64),
        ] {
            measurements.values.insert(format!("{}: {name}", network.name), value);
        }
        for (product, speed) in &epoch.products {
            let name = format!("{}: {} {:?}", network.name, product.layer.name, product.kind);
            let GemmShape { l, k, m } = product.shape;
            let bandwidth_bound = f64::from(u8::from(speed.bound == systolic::Bound::Bandwidth));
            measurements.series.insert(
                name,
                vec![l as f64, k as f64, m as f64, 100.0 * speed.utilisation, bandwidth_bound],
            );
        }
    }
    Ok(measurements)
}

fn lfsr(widest: u32, most_steps: u32, samples: usize) -> Result<Measurements, Error> {
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
    let mut measurements = Measurements::default();
    measurements.series.insert("bias_ulp".to_owned(), bias);
    measurements.series.insert("serial_correlation".to_owned(), correlation);
    Ok(measurements)
}

fn resources() -> Measurements {
    let synthesis = Synthesis::xc7();
    let mut measurements = Measurements::default();
    let mut put = |name: &str, cells: Option<systolic::synthesis::Cells>| {
        let Some(cells) = cells else { return };
        for (resource, count) in
            [("dsp", cells.dsp), ("lut", cells.luts()), ("ff", cells.ff), ("carry4", cells.carry4)]
        {
            measurements.values.insert(format!("{name}: {resource}"), count as f64);
        }
    };
    put("cell", synthesis.cells("mac_cell", 1, true));
    put("LFSR", synthesis.cells("lfsr", 1, true));
    put("rounding unit, stochastic", synthesis.cells("round_unit", 1, true));
    put("rounding unit, nearest", synthesis.cells("round_unit", 1, false));
    put("28 × 28 array, stochastic", synthesis.cells("systolic_array", 28, true));
    put("28 × 28 array, nearest", synthesis.cells("systolic_array", 28, false));
    put("28 × 28 from cell and unit", extrapolate(&synthesis, 28, true));
    put("28 × 28 with FIFOs", synthesis.cells("accelerator", 28, true));
    if let Some(overhead) = RoundingOverhead::of(&synthesis, 28) {
        for (name, value) in [
            ("overhead: dsp", overhead.dsp),
            ("overhead: dsp of all", overhead.dsp_of_all),
            ("overhead: lut", overhead.lut),
            ("overhead: ff", overhead.ff),
        ] {
            measurements.values.insert(name.to_owned(), 100.0 * value);
        }
    }
    measurements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_takes_k_plus_2n_minus_2_cycles_and_every_product_is_seen() {
        for (n, k, tiles) in [(4, 6, 1), (3, 2, 5), (5, 1, 3), (1, 4, 2), (8, 16, 3)] {
            let measured = Accelerator::Wave { n, k, tiles }.run().unwrap();
            let cycles = k + (tiles - 1) * k.max(n) + 2 * n - 2;
            assert_eq!(measured.values["wave_cycles"], cycles as f64, "n = {n}, k = {k}");
            assert_eq!(measured.values["products"], (tiles * k * n * n) as f64, "n = {n}, k = {k}");
        }
    }

    #[test]
    fn cells_start_one_cycle_after_their_neighbours() {
        let measured = Accelerator::Wave { n: 4, k: 6, tiles: 1 }.run().unwrap();
        for cell in 0..16 {
            let start = (cell / 4 + cell % 4) as f64;
            assert_eq!(measured.series["first"][cell], start);
            assert_eq!(measured.series["last"][cell], start + 5.0);
        }
    }

    #[test]
    fn configurations_survive_their_files() {
        let config = Accelerator::Card { card: CardName::Kintex325t, sizes: vec![28, 100] };
        let value = serde_json::to_value(&config).unwrap();
        assert_eq!(serde_json::from_value::<Accelerator>(value).unwrap(), config);
    }
}
