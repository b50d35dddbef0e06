//! The accelerator of [Gupta15 §5]: its wave, its throughput, its cells and its energy.
//!
//! Peak numbers and the resource table are the paper's; sustained numbers are ours, since the paper
//! gives none.

mod figures;
mod tables;

use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Test};
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
        Findings {
            claims: claims(&found),
            figures: vec![
                figures::wave(&found),
                figures::throughput(&found),
                figures::roofline(&found),
                figures::lfsr(&found),
            ],
            tables: vec![
                tables::wave(&found),
                tables::resources(&found),
                tables::parts(&found),
                tables::energy(&found),
                tables::products(&found),
            ],
            notes: NOTES.iter().map(|&note| note.to_owned()).collect(),
            ..Findings::default()
        }
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
    fn text(&self, point: &str, name: &str, digits: usize) -> String {
        self.value(point, name).map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    }
}

/// Cycles that T tiles back to back take by the paper's formulas.
fn formula(n: usize, k: usize, tiles: usize) -> usize {
    k + (tiles - 1) * k.max(n) + 2 * n - 2
}

fn claims(found: &Found<'_>) -> Vec<Claim> {
    let exact = Estimate::exact;
    let claim = |id, source, statement, test: &str, paper: &str| {
        Claim::new(id, source, statement, test.to_owned(), paper.to_owned())
    };
    let kintex = |name| found.value("card Kintex-7 325T", name).map(exact);
    let excess: Option<Vec<f64>> = WAVES
        .iter()
        .map(|&(name, n, k, tiles)| {
            Some(found.value(name, "wave_cycles")? - formula(n, k, tiles) as f64)
        })
        .collect();
    let excess = excess.map(|all| exact(all.into_iter().fold(0.0, |a, b| a.max(b.abs()))));
    vec![
        claim(
            "wave-cycles",
            Paper::Gupta2015.at(&[Part::Section("5.2")]),
            "The last cell of the array finishes after k + 2n − 2 cycles, and tiles follow each other without a gap.",
            "largest difference between the model's cycles and k + (T − 1) · max(k, n) + 2n − 2 over the waves shown is 0",
            "0 cycles",
        )
        .judge(excess, Test::Between(-0.5, 0.5), " cycles"),
        claim(
            "dsp-units",
            Paper::Gupta2015.at(&[Part::Section("5.3"), Part::Table("1")]),
            "28 × 28 cells and 28 rounding units take 812 of 840 DSP slices.",
            "slices of the largest array that fits = 812",
            "812",
        )
        .judge(kintex("dsp_units"), Test::Between(811.5, 812.5), ""),
        claim(
            "peak",
            Paper::Gupta2015.at(&[Part::Section("5.3")]),
            "The card computes 260 G-ops/s.",
            "peak 2 · n² · clock between 259.5 and 260.5 G-ops/s",
            "260 G-ops/s",
        )
        .judge(kintex("peak_gops"), Test::Between(259.5, 260.5), " G-ops/s"),
        claim(
            "efficiency",
            Paper::Gupta2015.at(&[Part::Section("5.3")]),
            "At 7 W that is 37 G-ops/s/W.",
            "peak per watt between 36.5 and 37.5 G-ops/s/W",
            "37 G-ops/s/W",
        )
        .judge(kintex("peak_gops_per_w"), Test::Between(36.5, 37.5), " G-ops/s/W"),
        claim(
            "better-than-processors",
            Paper::Gupta2015.at(&[Part::Section("5.3")]),
            "That is far above the 1 to 5 G-ops/s/W of processors and graphics cards.",
            "sustained rate per watt over an epoch of the MNIST DNN > 5 G-ops/s/W",
            "37 at the peak",
        )
        .judge(
            found
                .value("card Kintex-7 325T", "MNIST DNN: gops")
                .zip(found.value("card Kintex-7 325T", "power_w"))
                .map(|(gops, watts)| exact(gops / watts)),
            Test::Above(5.0),
            " G-ops/s/W",
        ),
        claim(
            "rounding-overhead",
            Paper::Gupta2015.at(&[Part::Section("5.2")]),
            "Stochastic rounding costs less than 4 % of the hardware.",
            "rounding units over cells, each one DSP slice, < 4 %",
            "< 4 %",
        )
        .judge(
            found.value("cells", "overhead: dsp").map(exact),
            Test::Below(4.0),
            " %",
        ),
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
