//! Figures and tables: training by epoch, the end of training by choice, every variant in numbers.

use report::figure::{Curve, Figure, Panel};
use report::table::{NONE, Table, cells, measured, number, rounded};

use super::Model;
use super::variants::*;
use crate::experiments::training_runs::{TEST_ERROR, TRAIN_LOSS, TrainingRuns};
use crate::findings::estimate::of_estimates;
use crate::measured::statistics::Estimate;

/// The curves of every network, with their colours.
const CURVES: [(&str, usize); 5] =
    [(FLOAT, 0), (NEAREST, 1), (GRADIENTS, 2), (STOCHASTIC, 3), (NVFP4, 4)];

/// Training by epoch, as Fig. 1 of \[Gupta15\] at four bits.
pub(super) fn curves(runs: &TrainingRuns<'_>) -> Figure {
    let panel = |model: Model, y: &str, series: &str| {
        let curve = |&(name, colour): &(&str, usize)| Curve {
            label: name.to_owned(),
            ..runs.curve(&model.variant(name), colour, series)
        };
        let curves = CURVES.iter().map(curve).filter(|curve| !curve.points.is_empty());
        Panel::new(model.name(), "epoch", y).curves(curves)
    };
    let losses = Model::ALL.map(|model| panel(model, "training loss (nats)", TRAIN_LOSS).log_y());
    let errors = Model::ALL.map(|model| panel(model, "test error (%)", TEST_ERROR));
    let panels = losses.into_iter().chain(errors);
    Figure::new(
        "Training in four bits, the last layer in f32; mean over seeds, the band is its \
         90 % interval.",
        panels.filter(|panel| !panel.curves.is_empty()),
    )
}

/// The training loss over that of f32, of the MLP.
fn over_float(runs: &TrainingRuns<'_>, name: &str) -> Option<Estimate> {
    runs.loss_ratio(&Model::Mlp.variant(name), &Model::Mlp.variant(FLOAT))
}

/// The end of training by block length, random bits and length of the transform.
pub(super) fn choices(runs: &TrainingRuns<'_>) -> Figure {
    let curve = |label: &str, colour, names: Vec<(f64, String)>| {
        let found = names.into_iter();
        let found = found.filter_map(|(x, name)| Some((x, over_float(runs, &name)?)));
        of_estimates(label, colour, found)
    };
    let level = |label: &str, colour, name: &str, xs: [f64; 2]| {
        curve(label, colour, xs.map(|x| (x, name.to_owned())).to_vec())
    };
    let panel = |title: &str, x: &str, curves: Vec<Curve>| {
        Panel::new(title, x, "training loss / f32’s")
            .curves(curves.into_iter().filter(|curve| !curve.points.is_empty()))
    };
    let log = |n: usize| (n as f64).log2();
    let blocks = BLOCKS.map(|n| (log(n), blocks_name(n))).to_vec();
    let powers = vec![(4.0, POWERS_OF_16.to_owned()), (5.0, rule_name("rceil"))];
    let bits = RANDOM_BITS.map(|n| (f64::from(n), bits_name(n, "A"))).to_vec();
    let transforms = TRANSFORMS.map(|n| (log(n), transform_name(n))).to_vec();
    let [few, many] = [RANDOM_BITS[0], RANDOM_BITS[RANDOM_BITS.len() - 1]].map(f64::from);
    let [short, long] = [TRANSFORMS[0], TRANSFORMS[TRANSFORMS.len() - 1]].map(log);
    let panels = [
        panel(
            "blocks",
            "log₂ of the block length",
            vec![curve("E4M3 scales", 0, blocks), curve("powers of two", 1, powers)],
        ),
        panel(
            "random bits of δ",
            "random bits",
            vec![
                curve("rule A", 0, bits),
                level("all bits", 2, NVFP4, [few, many]),
                level("nearest", 1, NEAREST_TRANSFORMED, [few, many]),
            ],
        ),
        panel(
            "transforms of ∂W",
            "log₂ of the length",
            vec![
                curve("random signs", 0, transforms),
                level("NVIDIA’s signs, 16", 2, NVFP4, [short, long]),
                level("no transform", 1, GRADIENTS, [short, long]),
            ],
        ),
    ];
    Figure::new(
        "The MLP at the end of training; mean over seeds, the band is its 90 % interval.",
        panels.into_iter().filter(|panel| !panel.curves.is_empty()),
    )
}

/// Which operand needs stochastic rounding, at four and at eight bits.
pub(super) fn operands(runs: &TrainingRuns<'_>) -> Table {
    let cells = |name: &str, reference: &str| {
        let [variant, nearest] = [name, reference].map(|name| Model::Mlp.variant(name));
        let of = |estimate: Option<Estimate>, unit| {
            measured(estimate.filter(|_| name != reference), unit)
        };
        [of(runs.loss_ratio(&variant, &nearest), "×"), of(runs.difference(&variant, &nearest), "")]
    };
    let mut rows = Vec::new();
    let mut row = |what: &str, four: &str, eight: Option<&str>| {
        let [loss, error] = cells(four, NEAREST);
        let [loss_8, error_8] =
            eight.map_or([NONE, NONE].map(Into::into), |eight| cells(eight, MXFP8));
        rows.push(cells![what, loss, error, loss_8, error_8]);
    };
    for (operand, what) in OPERANDS.iter().enumerate() {
        let [four, eight] = ["NVFP4", "MXFP8"].map(|format| one_stochastic(format, operand));
        row(what, &four, Some(&eight));
    }
    row("δ of both", GRADIENTS, None);
    row("all", STOCHASTIC, Some(MXFP8_STOCHASTIC));
    Table::new(
        "The MLP with some operands stochastic and the others to nearest, beside all to \
         nearest, seed by seed, without transform. ± is half a 90 % interval over seeds.",
        [
            "stochastic",
            "NVFP4: training loss",
            "test error (points)",
            "MXFP8: training loss",
            "test error (points)",
        ],
    )
    .rows(rows)
}

/// Every variant.
pub(super) fn table(runs: &TrainingRuns<'_>) -> Table {
    let mut rows = Vec::new();
    for model in Model::ALL {
        let [first, last] = model.ends();
        for (name, _) in policies(first, last, model == Model::Mlp) {
            let [variant, float] = [&name, FLOAT].map(|name| model.variant(name));
            let seeds = runs.records(&variant).count();
            if seeds == 0 {
                continue;
            }
            let to_float = |estimate: Option<Estimate>, unit| {
                measured(estimate.filter(|_| name != FLOAT), unit)
            };
            rows.push(cells![
                variant.as_str(),
                rounded(runs.error(&variant), 2),
                to_float(runs.difference(&variant, &float), ""),
                number(runs.loss(&variant), 4),
                to_float(runs.loss_ratio(&variant, &float), "×"),
                seeds
            ]);
        }
    }
    Table::new(
        "After the last epoch. ± is half a 90 % interval over seeds.",
        [
            "variant",
            "test error (%)",
            "to float (points)",
            "training loss",
            "over float’s",
            "seeds",
        ],
    )
    .rows(rows)
}
