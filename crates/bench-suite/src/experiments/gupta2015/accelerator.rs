//! The accelerator of [Gupta15 §5]: its wave, its throughput, its cells and its energy.
//!
//! Peak numbers and the resource table are the paper's; sustained numbers are ours, since the paper
//! gives none.

mod figures;
mod tables;

use systolic::networks::TrainedNetwork;

use crate::experiment::{About, Experiment, Results, StandIns};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::accelerator::{
    Accelerator, CardName, Known, OnCard, Resources, Wave, Words,
};
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
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
    type Measure = Accelerator;

    const ABOUT: About = About {
        id: "gupta2015/accelerator",
        title: "The systolic accelerator with stochastic rounding",
        source: Paper::Gupta2015.at(&[Part::Section("5"), Part::Table("1")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, _: Scale) -> String {
        "The 28 × 28 array cycle by cycle, the card as a model of memory and clock, the cells as \
         Yosys maps the RTL; the same at every scale"
            .to_owned()
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
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
            // Nothing here is drawn: one run serves every seed.
            .map(|(label, measure)| Run {
                label,
                measure,
                seed: request.seed,
                data: Vec::new(),
                work: 1,
            })
            .collect())
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
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

/// The outcomes, asked by what was measured.
struct Found<'a> {
    results: &'a Results<Accelerator>,
}

impl<'a> Found<'a> {
    fn known(&self, wanted: impl Fn(&Accelerator) -> bool) -> Option<&'a Known> {
        self.results.of(wanted).next().map(|done| &done.outcome)
    }

    /// A wave by n, k and tiles.
    fn wave(&self, of: (usize, usize, usize)) -> Option<&'a Wave> {
        let wanted = |measure: &Accelerator| matches!(measure, &Accelerator::Wave { n, k, tiles } if (n, k, tiles) == of);
        match self.known(wanted)? {
            Known::Wave(wave) => Some(wave),
            _ => None,
        }
    }

    fn card(&self, name: CardName) -> Option<&'a OnCard> {
        let wanted = |measure: &Accelerator| matches!(measure, Accelerator::Card { card, .. } if *card == name);
        match self.known(wanted)? {
            Known::Card(card) => Some(card),
            _ => None,
        }
    }

    fn words(&self) -> Option<&'a Words> {
        match self.known(|measure| matches!(measure, Accelerator::Lfsr { .. }))? {
            Known::Lfsr(words) => Some(words),
            _ => None,
        }
    }

    fn resources(&self) -> Option<&'a Resources> {
        match self.known(|measure| *measure == Accelerator::Resources)? {
            Known::Resources(resources) => Some(resources),
            _ => None,
        }
    }

    /// The most by which the cycles of a wave differ from the paper's formulas.
    fn excess_cycles(&self) -> Option<Estimate> {
        let excess: Option<Vec<f64>> = WAVES
            .iter()
            .map(|&(_, n, k, tiles)| {
                let cycles = self.wave((n, k, tiles))?.wave_cycles;
                Some(cycles as f64 - formula(n, k, tiles) as f64)
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
    let overhead = found.resources().and_then(|resources| resources.overhead);
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
        .judge(overhead.map(|overhead| Estimate::exact(overhead.dsp))),
    );
    // Counts of cycles and slices, and formulas.
    claims.into_iter().map(Claim::by_construction).collect()
}

/// What the paper says of its card.
fn of_the_card(found: &Found<'_>) -> [Claim; 4] {
    let kintex = found.card(CardName::Kintex325t);
    let of_card = |of: fn(&OnCard) -> f64| kintex.map(|card| Estimate::exact(of(card)));
    let sustained = kintex.and_then(|card| {
        let epoch = card.epochs.0.get(TrainedNetwork::mnist_dnn().name)?;
        Some(Estimate::exact(epoch.gops / card.power_w))
    });
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
        .judge(of_card(|card| card.dsp_units as f64)),
        claim(
            "peak",
            &[Part::Section("5.3")],
            "The card computes 260 G-ops/s.",
            "peak 2 · n² · clock {test} G-ops/s",
            Test::Between(259.5, 260.5),
        )
        .unit(" G-ops/s")
        .paper("260 G-ops/s")
        .judge(of_card(|card| card.peak_gops)),
        claim(
            "efficiency",
            &[Part::Section("5.3")],
            "At 7 W that is 37 G-ops/s/W.",
            "peak per watt {test} G-ops/s/W",
            Test::Between(36.5, 37.5),
        )
        .unit(" G-ops/s/W")
        .paper("37 G-ops/s/W")
        .judge(of_card(|card| card.peak_gops_per_w)),
        claim(
            "better-than-processors",
            &[Part::Section("5.3")],
            "That is far above the 1 to 5 G-ops/s/W of processors and graphics cards.",
            "sustained rate per watt over an epoch of the MNIST DNN {test} G-ops/s/W",
            Test::Above(5.0),
        )
        .unit(" G-ops/s/W")
        .paper("37 at the peak")
        .judge(sustained),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Done;
    use crate::findings::claim::Verdict;
    use datasets::DataFolder;

    fn findings() -> Findings {
        let request =
            Request { scale: Scale::Smoke, seed: 0, seeds: None, data: DataFolder::new(None) };
        let runs = AcceleratorModel.runs(&request, &mut Networks::of(&request)).unwrap();
        let done = runs.into_iter().map(|Run { measure, seed, .. }| {
            let outcome = measure.known().unwrap();
            Done { measure, seed, data: Vec::new(), outcome }
        });
        let results = Results { scale: Scale::Smoke, data: Vec::new(), done: done.collect() };
        AcceleratorModel.findings(&results)
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
