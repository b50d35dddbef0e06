//! Figures and tables: training by epoch, the end of training by choice, every variant in numbers.

use numerics::{ScaleRule, StochasticVariant};
use report::figure::{Curve, Figure, Panel};
use report::table::{NONE, Table, cells, measured, number, rounded};

use super::variants::{
    BLOCKS, GRADIENTS, MXFP8, MXFP8_STOCHASTIC, NEAREST, OPERANDS, RANDOM_BITS, STOCHASTIC,
    Stochastic, TRANSFORMS, Way,
};
use super::{Model, Variant};
use crate::experiments::training_runs::{Series, TEST_ERROR, TRAIN_LOSS, TrainingRuns};
use crate::findings::estimate::of_estimates;
use crate::measured::statistics::Estimate;

/// The curves of every network, with their colours.
const CURVES: [(Way, usize); 5] =
    [(Way::Float, 0), (NEAREST, 1), (GRADIENTS, 2), (STOCHASTIC, 3), (Way::Nvfp4, 4)];

/// Training by epoch, as Fig. 1 of \[Gupta15\] at four bits.
pub(super) fn curves(runs: &TrainingRuns<'_, Variant>) -> Figure {
    let panel = |model: Model, y: &str, series: Series| {
        let curve = |&(way, colour): &(Way, usize)| Curve {
            label: way.to_string(),
            ..runs.curve(Variant { model, way }, colour, series)
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
fn over_float(runs: &TrainingRuns<'_, Variant>, way: Way) -> Option<Estimate> {
    let [ours, float] = [way, Way::Float].map(|way| Variant { model: Model::Mlp, way });
    runs.loss_ratio(ours, float)
}

/// The end of training by block length, random bits and length of the transform.
pub(super) fn choices(runs: &TrainingRuns<'_, Variant>) -> Figure {
    let curve = |label: &str, colour, ways: &[(f64, Way)]| {
        let found = ways.iter().filter_map(|&(x, way)| Some((x, over_float(runs, way)?)));
        of_estimates(label, colour, found)
    };
    let level =
        |label: &str, colour, way: Way, xs: [f64; 2]| curve(label, colour, &xs.map(|x| (x, way)));
    let panel = |title: &str, x: &str, curves: Vec<Curve>| {
        Panel::new(title, x, "training loss / f32’s")
            .curves(curves.into_iter().filter(|curve| !curve.points.is_empty()))
    };
    let log = |n: usize| (n as f64).log2();
    let blocks = BLOCKS.map(|n| (log(n), Way::Blocks(n)));
    let powers = [(4.0, Way::PowersOf16), (5.0, Way::Rule(ScaleRule::Rceil))];
    let bits = RANDOM_BITS.map(|n| (f64::from(n), Way::RandomBits(n, StochasticVariant::A)));
    let transforms = TRANSFORMS.map(|n| (log(n), Way::Transform(n)));
    let [few, many] = [RANDOM_BITS[0], RANDOM_BITS[RANDOM_BITS.len() - 1]].map(f64::from);
    let [short, long] = [TRANSFORMS[0], TRANSFORMS[TRANSFORMS.len() - 1]].map(log);
    let panels = [
        panel(
            "blocks",
            "log₂ of the block length",
            vec![curve("E4M3 scales", 0, &blocks), curve("powers of two", 1, &powers)],
        ),
        panel(
            "random bits of δ",
            "random bits",
            vec![
                curve("rule A", 0, &bits),
                level("all bits", 2, Way::Nvfp4, [few, many]),
                level("nearest", 1, Way::NearestTransformed, [few, many]),
            ],
        ),
        panel(
            "transforms of ∂W",
            "log₂ of the length",
            vec![
                curve("random signs", 0, &transforms),
                level("NVIDIA’s signs, 16", 2, Way::Nvfp4, [short, long]),
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
pub(super) fn operands(runs: &TrainingRuns<'_, Variant>) -> Table {
    let cells = |way: Way, reference: Way| {
        let [variant, nearest] = [way, reference].map(|way| Variant { model: Model::Mlp, way });
        [
            measured(runs.loss_ratio(variant, nearest), "×"),
            measured(runs.difference(variant, nearest), ""),
        ]
    };
    let mut rows = Vec::new();
    let mut row = |what: &str, four: Way, eight: Option<Way>| {
        let [loss, error] = cells(four, NEAREST);
        let [loss_8, error_8] =
            eight.map_or([NONE, NONE].map(Into::into), |eight| cells(eight, MXFP8));
        rows.push(cells![what, loss, error, loss_8, error_8]);
    };
    for (operand, what) in OPERANDS.iter().enumerate() {
        let one = Stochastic::One(operand);
        row(what, Way::Plain(one), Some(Way::Mxfp8(one)));
    }
    row("δ of both", GRADIENTS, None);
    row("all", STOCHASTIC, Some(MXFP8_STOCHASTIC));
    Table::new(
        "The MLP with some operands stochastic and the others to nearest, beside all to \
         nearest, seed by seed, without transform. ± is half of a 90 % interval over seeds.",
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
pub(super) fn table(runs: &TrainingRuns<'_, Variant>) -> Table {
    let mut rows = Vec::new();
    for model in Model::ALL {
        let ways = if model == Model::Mlp { Way::all() } else { Way::COMMON.to_vec() };
        for way in ways {
            let [variant, float] = [way, Way::Float].map(|way| Variant { model, way });
            let seeds = runs.seeds(variant);
            if seeds == 0 {
                continue;
            }
            let to_float = |estimate: Option<Estimate>, unit| {
                measured(estimate.filter(|_| way != Way::Float), unit)
            };
            rows.push(cells![
                variant.to_string(),
                rounded(runs.error(variant), 2),
                to_float(runs.difference(variant, float), ""),
                number(runs.loss(variant), 4),
                to_float(runs.loss_ratio(variant, float), "×"),
                seeds
            ]);
        }
    }
    Table::new(
        "After the last epoch. ± is half of a 90 % interval over seeds.",
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
