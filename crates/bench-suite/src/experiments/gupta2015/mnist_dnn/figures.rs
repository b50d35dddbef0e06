//! Fig. 1 with the paper's curves, and what became of the updates.

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Cell, number};

use super::{
    FLOAT, NEAREST_2_14, NEAREST_6_10, NEAREST_8_8, STOCHASTIC_2_14, STOCHASTIC_6_10,
    STOCHASTIC_8_8,
};
use crate::experiments::gupta2015::arithmetics::Curves;
use crate::experiments::gupta2015::learning::{Learned, OURS, Quantity};
use crate::experiments::training_runs::ZERO_UPDATES;
use crate::measured::scale::Scale;

/// Training loss and test error with either rounding: the four panels of Fig. 1.
pub(super) fn learning(learned: &Learned<'_>) -> Figure {
    let scale = learned.runs.scale;
    // The paper's axis; over fewer epochs it would cut off most of nearest ⟨8, 8⟩.
    let range = (scale >= Scale::Long).then_some((1.0, 5.0));
    let training = |title, curves: &[Curves]| learned.panel(title, Quantity::TrainLoss, curves);
    let test =
        |title, curves: &[Curves]| learned.panel(title, Quantity::TestError, curves).y_range(range);
    let nearest = [NEAREST_8_8, NEAREST_6_10, NEAREST_2_14, FLOAT];
    let stochastic = [STOCHASTIC_8_8, STOCHASTIC_6_10, STOCHASTIC_2_14, FLOAT];
    let theirs = match scale {
        Scale::Smoke => "The paper’s are not drawn: a tenth of its images is not comparable.",
        Scale::Desk => "Dashed: the paper’s curves, which it cuts off above 5 %.",
        Scale::Long | Scale::Paper => {
            "Dashed: the paper’s. Errors above 5 % are cut off, as in the paper."
        }
    };
    Figure::new(
        format!(
            "Training loss and test error of the fully connected network on MNIST, with rounding to \
             nearest and with stochastic rounding (the paper’s Fig. 1). {OURS} {theirs}"
        ),
        [
            training("(a) nearest, training", &nearest),
            test("(b) nearest, test", &nearest),
            training("(c) stochastic, training", &stochastic),
            test("(d) stochastic, test", &stochastic),
        ],
    )
}

/// Room below and above the curves, in % of test error.
const ROOM: f64 = 0.5;

/// The test errors of Fig. 1, which the first screen of the report shows; none before anything has run.
pub(super) fn headline(learned: &Learned<'_>) -> Option<Figure> {
    let caption = "Test error of the fully connected network on MNIST as it learns, in float and in \
                   words of 16 bits ⟨IL, FL⟩, FL of them fractional. The paper’s finding: rounded to \
                   nearest, eight are not enough; rounded stochastically, they are as good as float \
                   (Fig. 1b and 1d).";
    let mut figure = learning(learned);
    figure.caption = match learned.comparable {
        true => caption.to_owned(),
        false => format!("{caption} The paper’s curves are of ten times as many images."),
    };
    figure.panels.retain(|panel| panel.y.starts_with("test"));
    // One range for both, so that they can be compared; the paper's if that is asked for.
    let errors = || figure.panels.iter().flat_map(|p| &p.curves).flat_map(|curve| &curve.points);
    let low = errors().map(|point| point.1).fold(f64::INFINITY, f64::min);
    let high = errors().map(|point| point.1).fold(f64::NEG_INFINITY, f64::max);
    for (panel, title) in
        figure.panels.iter_mut().zip(["Rounded to nearest", "Rounded stochastically"])
    {
        title.clone_into(&mut panel.title);
        for curve in &mut panel.curves {
            // The panel says which rounding it is.
            let format =
                curve.label.trim_start_matches("nearest ").trim_start_matches("stochastic ");
            curve.label = format.replace('<', "⟨").replace('>', "⟩");
        }
        panel.y_range = panel.y_range.or(Some((low - ROOM, high + ROOM)));
    }
    let ours = |panel: &Panel| {
        let ours = |curve: &&Curve| curve.style == LineStyle::Ours;
        panel.curves.iter().filter(ours).any(|curve| !curve.points.is_empty())
    };
    figure.panels.iter().any(ours).then_some(figure)
}

/// How many updates each rounding loses.
pub(super) fn zero_updates(learned: &Learned<'_>) -> Figure {
    let panel = |title: &str, shown: [Curves; 3]| {
        let curves = shown.map(|one| learned.runs.curve(one, one.colour, ZERO_UPDATES));
        Panel::new(title, "epoch", "updates rounded to zero (%)")
            .y_range((0.0, 100.0))
            .curves(curves)
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

/// A loss as the table has it: they span four decades, so three significant digits, whatever its size.
pub(super) fn loss(x: Option<f64>) -> Cell {
    match x {
        Some(x) if x < 0.01 => format!("{x:.2e}").into(),
        x => number(x, 4),
    }
}
