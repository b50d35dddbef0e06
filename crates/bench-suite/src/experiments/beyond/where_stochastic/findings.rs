//! What the ablation says: claims of our own, figures and tables.

use numerics::StochasticVariant;
use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells, measured, number};

use super::{
    ALL, ALL_BUT_UPDATES, BITS, FEW_BIT_RULES, NEAREST, PLACES, REGISTERS, UPDATES_ONLY, Way, ways,
};
use crate::experiments::training_runs::{
    Series, TEST_ERROR, TRAIN_LOSS, TrainingRuns, ZERO_UPDATES,
};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::estimate::of_estimates;
use crate::findings::source::NOT_IN_THE_PAPER;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// A training loss within a fifth of the reference's counts as the same, one twice as high as lost.
const SAME_LOSS: f64 = 1.2;
const LOST: f64 = 2.0;

pub(super) fn findings(runs: &TrainingRuns<'_, Way>) -> Findings {
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

fn claims(runs: &TrainingRuns<'_, Way>) -> Vec<Claim> {
    let claim = |id, text, variant: Way, test| {
        Statement::new(id, NOT_IN_THE_PAPER, text)
            .test(format!("training loss of “{variant}” / “{ALL}”"), test)
            .unit("×")
            .paper("not shown")
            // A small network after few steps says nothing about training.
            .tested_from(Scale::Desk, runs.scale)
            .judge(runs.loss_ratio(variant, ALL))
    };
    let same = |id, text, variant: Way| claim(id, text, variant, Test::Below(SAME_LOSS));
    let lost = |id, text, variant: Way| claim(id, text, variant, Test::Above(LOST));
    vec![
        lost(
            "nearest-loses",
            "With every rounding to nearest, this network stagnates too.",
            NEAREST,
        ),
        same(
            "updates-suffice",
            "Stochastic rounding of the updates alone is enough.",
            UPDATES_ONLY,
        ),
        same(
            "lfsr-as-good",
            "The bits of a shift register are as good as a cipher's.",
            REGISTERS[0],
        ),
        same(
            "four-bits-suffice",
            "Four random bits suffice if the rule makes them unbiased.",
            Way::FewBits(4, StochasticVariant::C),
        ),
        lost(
            "biased-bits-fail",
            "Four random bits do not suffice if the rule only truncates.",
            Way::FewBits(4, StochasticVariant::A),
        ),
        lost(
            "updates-are-needed",
            "Stochastic rounding everywhere but in the updates is of no use.",
            ALL_BUT_UPDATES,
        ),
    ]
}

fn by_epoch(title: &str, y: &str, curves: Vec<Curve>) -> Panel {
    Panel::new(title, "epoch", y).curves(curves)
}

fn places(runs: &TrainingRuns<'_, Way>) -> Figure {
    let curves = |of: &[usize], series: Series| {
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

fn bits(runs: &TrainingRuns<'_, Way>) -> Figure {
    let of = |variant: Way, quantity: fn(&TrainingRuns<'_, Way>, Way) -> Option<Estimate>| {
        quantity(runs, variant)
    };
    let curves = |quantity: fn(&TrainingRuns<'_, Way>, Way) -> Option<Estimate>| {
        let mut curves: Vec<Curve> = FEW_BIT_RULES
            .iter()
            .enumerate()
            .map(|(colour, &rule)| {
                let found: Vec<(f64, Estimate)> = BITS
                    .iter()
                    .filter_map(|&n| Some((f64::from(n), of(Way::FewBits(n, rule), quantity)?)))
                    .collect();
                of_estimates(format!("rule {rule:?}"), colour + 2, found)
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

fn registers(runs: &TrainingRuns<'_, Way>) -> Figure {
    let curves = |series: Series| {
        let mut curves = vec![runs.curve(ALL, 0, series), runs.curve(NEAREST, 1, series)];
        let registers = REGISTERS.iter().enumerate();
        curves.extend(registers.map(|(i, register)| runs.curve(register, i + 2, series)));
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

fn last_loss(runs: &TrainingRuns<'_, Way>, variant: Way) -> Option<Estimate> {
    let ends: Vec<f64> = runs
        .series(variant, TRAIN_LOSS)
        .iter()
        .filter_map(|series| series.last().copied())
        .collect();
    Estimate::of(&ends)
}

fn table(runs: &TrainingRuns<'_, Way>) -> Table {
    let rows = ways().map(|way| {
        let to_all = |estimate: Option<Estimate>, unit: &str| {
            measured(estimate.filter(|_| way != ALL), unit)
        };
        cells![
            way.to_string(),
            measured(runs.error(way), ""),
            to_all(runs.difference(way, ALL), ""),
            number(runs.loss(way), 4),
            to_all(runs.loss_ratio(way, ALL), "×"),
            measured(runs.mean(way, ZERO_UPDATES), ""),
            runs.seeds(way)
        ]
    });
    Table::new(
        "After the last epoch. ± is half of a 90 % interval over seeds.",
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
