//! The accelerator of [Gupta15 §5]: its wave, its throughput, its cells and its energy.
//!
//! Peak numbers and the resource table are the paper's; sustained numbers are ours, since the paper
//! gives none.

mod figures;
mod tables;

use report::table::{Cell, number};

use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::accelerator::{Accelerator, CardName};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::record::Record;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct AcceleratorModel;

/// (name, n, k, tiles) of the waves: the drawn one, then those whose cells are counted.
const WAVES: [(&str, usize, usize, usize); 5] = [
    ("wave, one tile, drawn", 4, 6, 1),
    ("wave, one tile", 8, 16, 1),
    ("wave, back to back", 8, 16, 4),
    ("wave, drain-limited", 8, 4, 8),
    ("wave, the paper's array", 28, 784, 3),
];

const CARDS: [(&str, CardName); 2] =
    [("Kintex-7 325T", CardName::Kintex325t), ("Alveo U280", CardName::AlveoU280)];

/// Sizes of the square products.
fn sizes() -> Vec<usize> {
    (1..=60).map(|i| 28 * i).chain((61..=180).step_by(7).map(|i| 28 * i)).collect()
}

const WIDEST: u32 = 14;
const MOST_STEPS: u32 = 20;

impl Experiment for AcceleratorModel {
    fn id(&self) -> &'static str {
        "gupta2015/accelerator"
    }

    fn title(&self) -> &'static str {
        "The systolic accelerator with stochastic rounding"
    }

    fn source(&self) -> Source {
        Paper::Gupta2015.at(&[Part::Section("5"), Part::Table("1")])
    }

    fn describe(&self, _: Scale) -> String {
        "The 28 × 28 array cycle by cycle, the card as a model of memory and clock, the cells as \
         Yosys maps the RTL; the same at every scale"
            .to_owned()
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let waves = WAVES
            .iter()
            .map(|&(name, n, k, tiles)| (name.to_owned(), Accelerator::Wave { n, k, tiles }));
        let cards = CARDS.iter().map(|&(name, card)| {
            (format!("card {name}"), Accelerator::Card { card, sizes: sizes() })
        });
        let others = [
            (
                "random bits".to_owned(),
                Accelerator::Lfsr { widest: WIDEST, most_steps: MOST_STEPS, samples: 100_000 },
            ),
            ("cells".to_owned(), Accelerator::Resources),
        ];
        Ok(waves
            .chain(cards)
            .chain(others)
            .map(|(name, config)| Point {
                experiment: self.id(),
                name,
                config: serde_json::to_value(config).expect("a configuration is plain data"),
                // Nothing here is drawn: one point serves every seed.
                seed: request.seed,
                data: Vec::new(),
                work: 1,
            })
            .collect())
    }

    fn run(&self, point: &Point, _: &Context<'_>) -> Result<Measurements, Error> {
        let config: Accelerator = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(format!("configuration of '{}': {error}", point.name)))?;
        config.run()
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let found = Found { results };
        let figures = [figures::wave, figures::throughput, figures::roofline, figures::lfsr];
        let tables =
            [tables::wave, tables::resources, tables::parts, tables::energy, tables::products];
        Findings::default()
            .claims(claims(&found))
            .figures(figures.map(|figure| figure(&found)))
            .tables(tables.map(|table| table(&found)))
            .notes(NOTES)
    }
}

const NOTES: [&str; 7] = [
    "Clock (166 MHz) and power (7 W) of the paper's card are estimates of the vendor's tool, as \
     the paper says. 260 G-ops/s is the peak 2 · n² · clock. The paper gives no sustained \
     throughput, for no size: those here are ours.",
    "L2 takes the block RAMs that the paper uses less half a block for each FIFO. Long inner \
     products leave room for fewer rows of A: from k = 3560 on only one tile of rows fits, and the \
     memory is the limit again.",
    "The results move down the columns, not up as in the paper's figure: the wave reaches the top \
     row first, so one register per cell suffices for full rate at k ≥ n.",
    "Minibatches of the two convolutional networks (100), their padding, and the size of the pooled \
     maps are not stated; patches lie expanded in memory; updates stream past the array at the \
     memory's bandwidth.",
    "LFSR width, polynomial, seeds and steps per sample are not stated. The default here: 48 bits, \
     32 steps per sample, columns spread evenly over the cycle.",
    "The paper's table is for the whole design after place and route by the vendor's tool: array, \
     L2, memory and host interfaces, control. Ours is the array with its FIFOs after mapping by \
     Yosys. It has no DSP slice in the rounding units, since an adder without a multiplier is not \
     mapped to one and the RTL names no vendor primitive; it has no block RAM, since its FIFOs are \
     small enough for look-up tables.",
    "The Alveo card's clock and power are assumed, not taken from a design: its numbers say what \
     scales, not what was built.",
];

/// The records, asked by point.
struct Found<'a> {
    results: &'a Results<'a>,
}

impl Found<'_> {
    fn record(&self, name: &str) -> Option<&Record> {
        let found = self.results.points.iter().find(|(point, _)| point.name == name);
        found.and_then(|(_, record)| record.as_ref())
    }

    fn value(&self, point: &str, name: &str) -> Option<f64> {
        self.record(point)?.measurements.values.get(name).copied()
    }

    fn series(&self, point: &str, name: &str) -> &[f64] {
        self.record(point).map_or(&[], |record| record.series(name))
    }

    /// A value as text; a dash if it is not there.
    fn text(&self, point: &str, name: &str, digits: usize) -> Cell {
        number(self.value(point, name), digits)
    }

    /// The most by which the cycles of a wave differ from the paper's formulas.
    fn excess_cycles(&self) -> Option<Estimate> {
        let excess: Option<Vec<f64>> = WAVES
            .iter()
            .map(|&(name, n, k, tiles)| {
                Some(self.value(name, "wave_cycles")? - formula(n, k, tiles) as f64)
            })
            .collect();
        Some(Estimate::exact(excess?.into_iter().fold(0.0, |a, b| a.max(b.abs()))))
    }
}

/// Cycles that T tiles back to back take by the paper's formulas.
fn formula(n: usize, k: usize, tiles: usize) -> usize {
    k + (tiles - 1) * k.max(n) + 2 * n - 2
}

fn claims(found: &Found<'_>) -> Vec<Claim> {
    let mut claims = vec![
        Statement::new(
            "wave-cycles",
            Paper::Gupta2015.at(&[Part::Section("5.2")]),
            "The last cell of the array finishes after k + 2n − 2 cycles, and tiles follow each other without a gap.",
        )
        .test_in_words(
            "largest difference between the model's cycles and k + (T − 1) · max(k, n) + 2n − 2 over the waves shown is 0",
            Test::Between(-0.5, 0.5),
        )
        .unit(" cycles")
        .paper("0 cycles")
        .judge(found.excess_cycles()),
    ];
    claims.extend(of_the_card(found));
    claims.push(
        Statement::new(
            "rounding-overhead",
            Paper::Gupta2015.at(&[Part::Section("5.2")]),
            "Stochastic rounding costs less than 4 % of the hardware.",
        )
        .test("rounding units over cells, each one DSP slice, {test} %", Test::Below(4.0))
        .unit(" %")
        .paper("< 4 %")
        .judge(found.value("cells", "overhead: dsp").map(Estimate::exact)),
    );
    claims
}

/// What the paper says of its card.
fn of_the_card(found: &Found<'_>) -> [Claim; 4] {
    let kintex = |name| found.value("card Kintex-7 325T", name);
    let sustained = kintex("MNIST DNN: gops").zip(kintex("power_w"));
    let claim = |id, parts, text, words: &str, test| {
        Statement::new(id, Paper::Gupta2015.at(parts), text).test(words, test)
    };
    [
        Statement::new(
            "dsp-units",
            Paper::Gupta2015.at(&[Part::Section("5.3"), Part::Table("1")]),
            "28 × 28 cells and 28 rounding units take 812 of 840 DSP slices.",
        )
        .test_in_words("slices of the largest array that fits = 812", Test::Between(811.5, 812.5))
        .paper("812")
        .judge(kintex("dsp_units").map(Estimate::exact)),
        claim(
            "peak",
            &[Part::Section("5.3")],
            "The card computes 260 G-ops/s.",
            "peak 2 · n² · clock {test} G-ops/s",
            Test::Between(259.5, 260.5),
        )
        .unit(" G-ops/s")
        .paper("260 G-ops/s")
        .judge(kintex("peak_gops").map(Estimate::exact)),
        claim(
            "efficiency",
            &[Part::Section("5.3")],
            "At 7 W that is 37 G-ops/s/W.",
            "peak per watt {test} G-ops/s/W",
            Test::Between(36.5, 37.5),
        )
        .unit(" G-ops/s/W")
        .paper("37 G-ops/s/W")
        .judge(kintex("peak_gops_per_w").map(Estimate::exact)),
        claim(
            "better-than-processors",
            &[Part::Section("5.3")],
            "That is far above the 1 to 5 G-ops/s/W of processors and graphics cards.",
            "sustained rate per watt over an epoch of the MNIST DNN {test} G-ops/s/W",
            Test::Above(5.0),
        )
        .unit(" G-ops/s/W")
        .paper("37 at the peak")
        .judge(sustained.map(|(gops, watts)| Estimate::exact(gops / watts))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::claim::Verdict;
    use datasets::DataFolder;

    fn findings() -> Findings {
        let request =
            Request { scale: Scale::Smoke, seed: 0, seeds: None, data: DataFolder::new(None) };
        let points: Vec<(Point, Option<Record>)> = AcceleratorModel
            .points(&request, &mut Networks::of(&request))
            .unwrap()
            .into_iter()
            .map(|point| {
                let config: Accelerator = serde_json::from_value(point.config.clone()).unwrap();
                let record = Record::new(&point, config.run().unwrap());
                (point, Some(record))
            })
            .collect();
        AcceleratorModel.findings(&Results { scale: Scale::Smoke, points: &points })
    }

    #[test]
    fn every_claim_of_the_hardware_section_holds() {
        for claim in findings().claims {
            assert_eq!(claim.verdict, Verdict::Holds, "{}: {}", claim.id, claim.measured);
        }
    }

    #[test]
    fn no_cell_of_a_table_is_left_empty() {
        for table in findings().tables {
            for row in table.rows {
                assert_eq!(row.len(), table.header.len(), "{row:?}");
                assert!(row[1..].iter().filter(|cell| *cell == "–").count() <= 1, "{row:?}");
            }
        }
    }
}
