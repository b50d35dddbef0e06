//! What the ablation says: claims of our own, figures and tables.

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells, measured, number};

use super::{ALL, BITS, FEW_BIT_RULES, NEAREST, PLACES, REGISTERS, few_bits_name};
use crate::experiments::training_runs::{TEST_ERROR, TRAIN_LOSS, TrainingRuns, ZERO_UPDATES};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::estimate::of_estimates;
use crate::findings::source::NOT_IN_THE_PAPER;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// A training loss within a fifth of the reference's counts as the same, one twice as high as lost.
const SAME_LOSS: f64 = 1.2;
const LOST: f64 = 2.0;

pub(super) fn findings(runs: &TrainingRuns<'_>) -> Findings {
    Findings::default()
        .claims(claims(runs))
        .figures([places(runs), bits(runs), registers(runs)])
        .tables([table(runs)])
        .notes(NOTES)
}

const NOTES: [&str; 3] = [
    "A signal whose rounding is not stochastic is rounded to nearest. Y are activations, δ \
     back-propagated errors, ΔW the updates of weights and biases.",
    "With N random bits, rule A drops the fraction beyond N bits, B compares half a step further, C \
     rounds it to N bits first (IEEE P3109, interim report 4.0, §4.7.4). One bit of rule B or C still \
     rounds without a bias; of rule A it is a quarter ulp low on average.",
    "Samples of a register that makes fewer steps than it gives bits overlap. Every signal of every \
     step reads the register's cycle from a place drawn from its name; beyond/lfsr-training has the \
     registers of the accelerator's columns, in the order in which they are used there.",
];

fn claims(runs: &TrainingRuns<'_>) -> Vec<Claim> {
    let claim = |id, text, variant: &str, test| {
        Statement::new(id, NOT_IN_THE_PAPER, text)
            .test(format!("training loss of “{variant}” / “{ALL}”"), test)
            .unit("×")
            .paper("not shown")
            // A small network after few steps says nothing about training.
            .tested_from(Scale::Desk, runs.results.scale)
            .judge(runs.loss_ratio(variant, ALL))
    };
    let same = |id, text, variant: &str| claim(id, text, variant, Test::Below(SAME_LOSS));
    let lost = |id, text, variant: &str| claim(id, text, variant, Test::Above(LOST));
    vec![
        lost(
            "nearest-loses",
            "With every rounding to nearest, this network stagnates too.",
            NEAREST,
        ),
        same(
            "updates-suffice",
            "Stochastic rounding of the updates alone is enough.",
            "updates only",
        ),
        same(
            "lfsr-as-good",
            "The bits of a shift register are as good as a cipher's.",
            REGISTERS[0].0,
        ),
        same(
            "four-bits-suffice",
            "Four random bits suffice if the rule makes them unbiased.",
            &few_bits_name(4, "C"),
        ),
        lost(
            "biased-bits-fail",
            "Four random bits do not suffice if the rule only truncates.",
            &few_bits_name(4, "A"),
        ),
        lost(
            "updates-are-needed",
            "Stochastic rounding everywhere but in the updates is of no use.",
            "all but updates",
        ),
    ]
}

fn by_epoch(title: &str, y: &str, curves: Vec<Curve>) -> Panel {
    Panel::new(title, "epoch", y).curves(curves)
}

fn places(runs: &TrainingRuns<'_>) -> Figure {
    let curves = |of: &[usize], series: &str| {
        of.iter().map(|&i| runs.curve(PLACES[i].0, PLACES[i].1, series)).collect()
    };
    let (only, but) = ([0, 1, 2, 3, 4], [0, 1, 5, 6, 7]);
    Figure::new(
        "Training with stochastic rounding of some signals and nearest rounding of the \
         others, mean over seeds, the band is its 90 % interval.",
        [
            by_epoch("one signal stochastic", "training loss (nats)", curves(&only, TRAIN_LOSS))
                .log_y(),
            by_epoch("one signal to nearest", "training loss (nats)", curves(&but, TRAIN_LOSS))
                .log_y(),
            by_epoch("one signal stochastic", "test error (%)", curves(&only, TEST_ERROR)),
            by_epoch("one signal to nearest", "test error (%)", curves(&but, TEST_ERROR)),
        ],
    )
}

fn bits(runs: &TrainingRuns<'_>) -> Figure {
    let of = |variant: &str, quantity: fn(&TrainingRuns<'_>, &str) -> Option<Estimate>| {
        quantity(runs, variant)
    };
    let curves = |quantity: fn(&TrainingRuns<'_>, &str) -> Option<Estimate>| {
        let mut curves: Vec<Curve> = FEW_BIT_RULES
            .iter()
            .enumerate()
            .map(|(colour, (_, rule))| {
                let found: Vec<(f64, Estimate)> = BITS
                    .iter()
                    .filter_map(|&n| Some((f64::from(n), of(&few_bits_name(n, rule), quantity)?)))
                    .collect();
                of_estimates(format!("rule {rule}"), colour + 2, found)
            })
            .collect();
        for (label, variant, colour) in [("all bits", ALL, 0), ("nearest", NEAREST, 1)] {
            if let Some(level) = of(variant, quantity) {
                let ends = [BITS[0], BITS[BITS.len() - 1]];
                let points = ends.map(|n| (f64::from(n), level.mean)).to_vec();
                curves.push(Curve::line(label, colour, LineStyle::Ours, points));
            }
        }
        curves
    };
    let panel = |title: &str, y: &str, curves: Vec<Curve>| {
        Panel::new(title, "random bits", y).curves(curves)
    };
    Figure::new(
        "The end of training by number of random bits and rule, every signal rounded so; \
         mean over seeds, the band is its 90 % interval.",
        [
            panel("training", "training loss (nats)", curves(last_loss)).log_y(),
            panel("test", "test error (%)", curves(|runs, variant| runs.error(variant))),
        ],
    )
}

fn registers(runs: &TrainingRuns<'_>) -> Figure {
    let curves = |series: &str| {
        let mut curves = vec![runs.curve(ALL, 0, series), runs.curve(NEAREST, 1, series)];
        let registers = REGISTERS.iter().enumerate();
        curves.extend(registers.map(|(i, (name, ..))| runs.curve(name, i + 2, series)));
        curves
    };
    Figure::new(
        "Training with the bits of shift registers, mean over seeds, the band is its 90 % \
         interval. “stochastic” has ChaCha’s bits.",
        [
            by_epoch("training", "training loss (nats)", curves(TRAIN_LOSS)).log_y(),
            by_epoch("test", "test error (%)", curves(TEST_ERROR)),
        ],
    )
}

fn last_loss(runs: &TrainingRuns<'_>, variant: &str) -> Option<Estimate> {
    let ends: Vec<f64> = runs
        .series(variant, TRAIN_LOSS)
        .iter()
        .filter_map(|series| series.last().copied())
        .collect();
    Estimate::of(&ends)
}

fn table(runs: &TrainingRuns<'_>) -> Table {
    let few_bits = BITS
        .iter()
        .flat_map(|&bits| FEW_BIT_RULES.iter().map(move |(_, rule)| few_bits_name(bits, rule)));
    let names = PLACES.iter().map(|(name, ..)| (*name).to_owned()).chain(few_bits);
    let names = names.chain(REGISTERS.iter().map(|(name, ..)| (*name).to_owned()));
    let rows = names.map(|name| {
        let to_all = |estimate: Option<Estimate>, unit: &str| {
            measured(estimate.filter(|_| name != ALL), unit)
        };
        cells![
            name.as_str(),
            measured(runs.error(&name), ""),
            to_all(runs.difference(&name, ALL), ""),
            number(runs.loss(&name), 4),
            to_all(runs.loss_ratio(&name, ALL), "×"),
            measured(runs.mean(&name, ZERO_UPDATES), ""),
            runs.records(&name).count()
        ]
    });
    Table::new(
        "After the last epoch. ± is half a 90 % interval over seeds.",
        [
            "stochastic",
            "test error (%)",
            "to all (points)",
            "training loss",
            "over all’s",
            "updates to zero (%)",
            "seeds",
        ],
    )
    .rows(rows)
}
