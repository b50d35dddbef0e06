//! Fig. 1 with the paper's curves, what became of the updates, and the table.

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells, measured, number};

use super::runs::{Quantity, Runs};
use super::variants::{
    FLOAT, NEAREST_2_14, NEAREST_6_10, NEAREST_8_8, STOCHASTIC_2_14, STOCHASTIC_6_10,
    STOCHASTIC_8_8, Size, VARIANTS, Variant,
};
use crate::experiments::training_runs::ZERO_UPDATES;
use crate::measured::scale::Scale;

/// Training loss and test error with either rounding: the four panels of Fig. 1.
pub(super) fn learning(runs: &Runs<'_>) -> Figure {
    let scale = runs.results.scale;
    let panel = |title: &str, quantity: Quantity, variants: [Variant; 4]| {
        let mut curves = Vec::new();
        for variant in variants {
            curves.push(runs.runs.curve(variant.name, variant.colour, quantity.series()));
            // The paper counts epochs from 0, we from 1.
            let points: Vec<(f64, f64)> = runs
                .paper_curve(variant, quantity)
                .into_iter()
                .map(|(epoch, y)| (epoch + 1.0, y))
                .filter(|(epoch, _)| *epoch <= runs.size.epochs as f64)
                .collect();
            let label = format!("{}, paper", variant.name);
            curves.push(Curve::line(label, variant.colour, LineStyle::Paper, points));
        }
        let training = quantity == Quantity::TrainLoss;
        if training {
            return Panel::new(title, "epoch", "training loss (nats)").log_y().curves(curves);
        }
        // The paper's axis; over fewer epochs it would cut off most of nearest ⟨8, 8⟩.
        let range = (scale == Scale::Paper).then_some((1.0, 5.0));
        Panel::new(title, "epoch", "test error (%)").y_range(range).curves(curves)
    };
    let nearest = [NEAREST_8_8, NEAREST_6_10, NEAREST_2_14, FLOAT];
    let stochastic = [STOCHASTIC_8_8, STOCHASTIC_6_10, STOCHASTIC_2_14, FLOAT];
    let ours = "Training loss and test error of the fully connected network on MNIST, with \
                rounding to nearest and with stochastic rounding (the paper’s Fig. 1). \
                Solid with markers: ours, mean over seeds, the band is its 90 % interval.";
    let theirs = match scale {
        Scale::Smoke => "The paper’s are not drawn: a tenth of its images is not comparable.",
        Scale::Desk => "Dashed: the paper’s curves, which it cuts off above 5 %.",
        Scale::Paper => "Dashed: the paper’s. Errors above 5 % are cut off, as in the paper.",
    };
    Figure::new(
        format!("{ours} {theirs}"),
        [
            panel("(a) nearest, training", Quantity::TrainLoss, nearest),
            panel("(b) nearest, test", Quantity::TestError, nearest),
            panel("(c) stochastic, training", Quantity::TrainLoss, stochastic),
            panel("(d) stochastic, test", Quantity::TestError, stochastic),
        ],
    )
}

/// How many updates each rounding loses.
pub(super) fn zero_updates(runs: &Runs<'_>) -> Figure {
    let panel = |title: &str, variants: [Variant; 3]| {
        Panel::new(title, "epoch", "updates rounded to zero (%)").y_range((0.0, 100.0)).curves(
            variants.map(|variant| runs.runs.curve(variant.name, variant.colour, ZERO_UPDATES)),
        )
    };
    Figure::new(
        "Weight updates that are rounded to zero (not drawn in the paper, which says \
         that most are). Rounding to nearest loses them. Stochastic rounding makes \
         nearly as many zero, but the few that remain are larger by as much, and \
         nothing is lost on average.",
        [
            panel("nearest", [NEAREST_8_8, NEAREST_6_10, NEAREST_2_14]),
            panel("stochastic", [STOCHASTIC_8_8, STOCHASTIC_6_10, STOCHASTIC_2_14]),
        ],
    )
}

/// All arithmetics side by side at the end of training.
pub(super) fn table(runs: &Runs<'_>) -> Table {
    let Size { epochs, window, .. } = runs.size;
    // Losses span four decades: three significant digits, whatever their size.
    let loss = |x: Option<f64>| match x {
        Some(x) if x < 0.01 => format!("{x:.2e}").into(),
        x => number(x, 4),
    };
    let rows = VARIANTS.map(|variant| {
        cells![
            variant.name,
            measured(runs.error(variant), ""),
            number(runs.paper_end(variant, Quantity::TestError), 2),
            loss(runs.loss(variant)),
            loss(runs.paper_end(variant, Quantity::TrainLoss)),
            number(runs.zero_updates(variant).map(|e| e.mean), 1),
            runs.runs.records(variant.name).count(),
        ]
    });
    let over = if window == 1 {
        format!("Values of epoch {epochs}")
    } else {
        format!("Means over epochs {} to {epochs}", epochs - window + 1)
    };
    let header = [
        "arithmetic",
        "test error (%)",
        "paper’s",
        "training loss",
        "paper’s",
        "updates to zero (%)",
        "seeds",
    ];
    let caption = format!(
        "{over}; the paper’s are read off its curves at the same epochs. ± is half of a 90 % \
         interval over seeds."
    );
    Table::new(caption, header).rows(rows)
}
