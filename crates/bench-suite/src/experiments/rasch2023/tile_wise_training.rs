//! Training on tiles with one digital scale per tile: [Rasch23 Supp. Tab. 7].

use crossbar::WeightScale;
use report::figure::{Curve, Figure, LineStyle};
use report::number::points;
use report::table::Table;

use super::column_scales::{COLUMN, TILE, tile_wise};
use super::evaluated::{HOUR, about, figure, mean_of, over_networks, over_time, paper_times};
use super::paper::{TIMES, TIMES_S, normalized_accuracy, row};
use super::study::{NetworkStudy, Outcome, Outcomes, Study};
use crate::experiment::About;
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::estimate::of_estimates;
use crate::findings::source::{Paper, Part};
use crate::findings::words::names;
use crate::measured::measures::comparison::{Method, Tested};
use crate::measured::networks::NetworkId;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct TileWiseTraining;

/// Test errors in % on MRPC at the four times: trained with scales of tiles and of columns.
/// [Rasch23 Supp. Tab. 7]
const PAPER: [(PaperRow, [f64; 4], [f64; 4]); 2] = [
    (PaperRow::Bert, [14.27, 14.62, 14.58, 15.92], [13.95, 14.15, 14.47, 15.40]),
    (PaperRow::Albert, [14.61, 15.28, 15.40, 16.76], [15.13, 15.42, 15.57, 16.33]),
];

/// The paper's mean over networks and times of A*, scales of columns − of tiles.
fn paper_gain() -> f64 {
    let gains = PAPER.iter().flat_map(|(network, tile, column)| {
        let (float, _, chance) = row(*network).direct;
        let accuracy = move |error: &f64| normalized_accuracy(*error, float, chance);
        column.iter().zip(tile).map(move |(c, t)| accuracy(c) - accuracy(t))
    });
    let gains: Vec<f64> = gains.collect();
    gains.iter().sum::<f64>() / gains.len() as f64
}

/// What scales of columns may lose in points of A*: what the paper calls as accurate as before.
const NO_WORSE: f64 = 1.0;

/// A network with scales of tiles and of columns.
type Pair<'a> = [Outcome<'a, Method>; 2];

/// Errors at a time.
fn errors(tested: &Tested<Method>, t_s: f64) -> &[f64] {
    tested.errors.at(Method::HardwareAware, t_s)
}

impl Study for TileWiseTraining {
    type Way = Method;

    const ABOUT: About = about(
        "rasch2023/tile-wise-training",
        "Transformers trained with one digital scale per tile",
        &[Part::SupplementaryTable("7")],
    );

    const LEFT_OUT_AT_DESK: Option<&'static str> =
        Some("albert-sentiment, whose training takes minutes.");

    fn study(scale: Scale) -> NetworkStudy<Method> {
        let networks: &[NetworkId] = match scale {
            // ALBERT would take ten minutes of training.
            Scale::Smoke | Scale::Desk => &[NetworkId::BertSentiment],
            Scale::Long => &[NetworkId::BertSentiment, NetworkId::AlbertSentiment],
            Scale::Paper => &[NetworkId::BertStsb, NetworkId::AlbertSentiment],
        };
        let times: &[usize] = if scale == Scale::Smoke { &[HOUR] } else { &[0, 1, 2, 3] };
        // [Rasch23 Tab. 3]
        NetworkStudy::new(networks, scale.of([[1, 1], [1, 4], [3, 10], [3, 25]]), times)
            .trained(TILE, tile_wise(WeightScale::Tile))
            .trained(COLUMN, |_, _| ())
            .tested(Method::HardwareAware)
    }

    fn describe(study: &NetworkStudy<Method>) -> String {
        format!(
            "{}, trained on tiles with {COLUMN} and with one per tile, {}",
            names(&study.networks, " and "),
            seeds_in_words(study.seeds)
        )
    }

    fn findings(outcomes: &Outcomes<'_, Method>) -> Findings {
        let pairs = outcomes.complete();
        Findings::default()
            .claims([no_worse(&pairs, outcomes.scale)])
            .figures(figures(&pairs))
            .tables([table(&pairs)])
            .notes([
                "The paper chose each of its tile-wise results from 72 and 234 settings of \
                 hyper-parameters, the column-wise ones from 4 and 6; here both are trained with one \
                 and the same recipe. A scale of a tile begins at the largest weight of the tile and \
                 is learned as κ.",
            ])
    }
}

fn no_worse(pairs: &[Pair<'_>], scale: Scale) -> Claim {
    // The mean over times of one programming is one sample.
    let gain = over_networks(pairs, |[tile, column]| {
        mean_of(TIMES_S.map(|t| column.gains(tile, |tested| errors(tested, t))))
    });
    Statement::new(
        "no-worse",
        Paper::Rasch2023.at(&[Part::SupplementaryTable("7")]),
        "With scales of columns transformers are trained no worse than with scales of tiles.",
    )
    .test(
        "mean over times of A*, scales of columns − of tiles, {test} points",
        Test::Above(-NO_WORSE),
    )
    .unit(" points")
    .paper(points(paper_gain(), 1))
    .tested_from(Scale::Desk, scale)
    .judge(Estimate::of(&gain))
}

fn table(pairs: &[Pair<'_>]) -> Table {
    let mut table = Table::new(
        "Hardware-aware training with one digital scale per tile and with one per column: test error \
         in % (± is half of a 90 % interval over programmings) after each time.",
        ["network", "scales", "float"].into_iter().chain(TIMES),
    );
    for [tile, column] in pairs {
        table.push(tile.times("per tile", errors));
        table.push(column.times("per column", errors));
        let row = column.paper;
        for (network, tile, by_column) in PAPER.iter().filter(|(name, ..)| *name == row.network) {
            for (way, errors) in [("per tile", tile), ("per column", by_column)] {
                table.push(paper_times(*network, way, row.direct.0, *errors));
            }
        }
    }
    table
}

fn figures(pairs: &[Pair<'_>]) -> Option<Figure> {
    let panels = pairs.iter().map(|[tile, column]| {
        let ours = |network: &Outcome<'_, Method>, label: &str, colour: usize| {
            let at = |t: f64| Some((t, network.error(|tested| errors(tested, t))?));
            of_estimates(label, colour, TIMES_S.into_iter().filter_map(at))
        };
        let mut curves = vec![ours(tile, "per tile", 1), ours(column, "per column", 3)];
        for (_, tile, by_column) in PAPER.iter().filter(|row| row.0 == column.paper.network) {
            for (label, colour, errors) in
                [("per tile, paper", 1, tile), ("per column, paper", 3, by_column)]
            {
                let points = TIMES_S.iter().zip(errors).map(|(t, e)| (*t, *e)).collect();
                curves.push(Curve::line(label, colour, LineStyle::Paper, points));
            }
        }
        over_time(column.id.name(), "test error (%)", curves)
    });
    figure(
        "Test error over time by the scales that were trained; dashed, the paper's network of the \
         same family.",
        panels.collect(),
    )
}
