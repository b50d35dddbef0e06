//! Direct mapping with one digital scale per tile instead of one per column: [Rasch23 Supp. Tab. 6].
//! It is the largest weight of the matrix, so that all tiles of a matrix have the same.

use crossbar::{TileConfig, WeightScale};
use nn::AnalogTraining;
use nn::arithmetic::LearnedScales;
use report::figure::Figure;
use report::number::points;
use report::table::{Table, number, rounded};

use super::evaluated::{
    HOUR, YEAR, about, figure, largest, least, over_networks, over_time, paper_curve, paper_mean,
    paper_times,
};
use super::paper::{Family, Row, TIMES, normalized_accuracy, printed};
use super::study::{NetworkStudy, Outcome, Outcomes, Study, all_networks, at};
use crate::experiment::About;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::measures::comparison::{Method, Tested};
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct ColumnScales;

/// Test errors in % at the four times with one scale per tile. [Rasch23 Supp. Tab. 6]
///
/// The transformers' rows are those of eight tasks of GLUE; ALBERT's errors, though, are the ones
/// that Table 2 has for MRPC.
const PAPER: [(PaperRow, [f64; 4]); 11] = [
    (PaperRow::ResNet32, [13.35, 15.89, 17.54, 30.00]),
    (PaperRow::WideResNet16, [25.73, 28.02, 32.32, 63.93]),
    (PaperRow::ResNet18, [47.35, 57.15, 69.78, 95.06]),
    (PaperRow::ResNet50, [51.87, 82.09, 98.24, 99.85]),
    (PaperRow::DenseNet121, [54.83, 76.63, 95.81, 99.80]),
    (PaperRow::WideResNet50, [48.36, 92.89, 99.66, 99.89]),
    (PaperRow::Bert, [33.45, 33.77, 33.32, 32.85]),
    (PaperRow::Albert, [32.00, 32.00, 31.25, 31.50]),
    (PaperRow::Acoustic, [15.36, 17.63, 22.03, 53.26]),
    (PaperRow::Language, [73.94, 74.82, 76.49, 82.11]),
    (PaperRow::Transducer, [13.83, 17.67, 43.74, 91.65]),
];

/// A* in % at 1 h with one scale per tile, as printed there.
const PAPER_HOUR: [f64; 11] = [88.0, 89.8, 61.6, 23.4, 31.3, 8.9, 65.3, 72.2, 95.8, 92.9, 93.3];

/// Float error, errors at the four times with one scale per tile, and chance, in %. The float error
/// and chance are those of Table 3, whose tasks the transformers have here.
fn paper_tile(row: &Row) -> (f64, [f64; 4], f64) {
    (row.hwa.0, printed(&PAPER, row.network), row.hwa.2)
}

/// A* in % at a time.
fn paper_accuracy((float, errors, chance): (f64, [f64; 4], f64), time: usize) -> f64 {
    normalized_accuracy(errors[time], float, chance)
}

pub(super) const COLUMN: &str = "one scale per column";
pub(super) const TILE: &str = "one scale per tile";

/// One digital scale per tile, the largest weight of the tile or of the matrix: as the weights are
/// mapped, and in what is learned.
pub(super) fn tile_wise(
    largest: WeightScale,
) -> impl Fn(&mut TileConfig, &mut AnalogTraining) + 'static {
    move |tile, training| {
        tile.mapping.scale = largest;
        training.learned_scales = match training.learned_scales {
            LearnedScales::None => LearnedScales::None,
            _ => LearnedScales::Tile,
        };
        // It would give every column a scale of its own again.
        training.remap_every = None;
    }
}

/// A network with scales of columns and of tiles.
type Pair<'a> = [Outcome<'a, Method>; 2];

/// Errors at a time.
fn errors(tested: &Tested<Method>, t_s: f64) -> &[f64] {
    tested.errors.at(Method::Direct, t_s)
}

impl Study for ColumnScales {
    type Way = Method;

    const ABOUT: About = about(
        "rasch2023/column-scales",
        "Direct mapping with one digital scale per tile",
        &[Part::SupplementaryTable("6")],
    );

    fn study(scale: Scale) -> NetworkStudy<Method> {
        let times: &[usize] = if scale == Scale::Smoke { &[HOUR] } else { &[0, 1, 2, 3] };
        // [Rasch23 Tab. 2]
        let programmings = scale.of([1, 3, 10, 24]);
        NetworkStudy::new(all_networks(scale), [1, programmings], times)
            .mapped_directly()
            .trained(COLUMN, |_, _| ())
            .trained(TILE, tile_wise(WeightScale::Matrix))
            .tested(Method::Direct)
    }

    fn describe(study: &NetworkStudy<Method>) -> String {
        let networks = study.networks.len();
        format!("{networks} networks mapped with {COLUMN} and with one per tile")
    }

    fn findings(outcomes: &Outcomes<'_, Method>) -> Findings {
        let pairs = outcomes.complete();
        Findings::default()
            .claims(claims(&pairs, outcomes.scale))
            .figures(figures(&pairs))
            .tables([table(&pairs)])
            .notes(notes(outcomes.scale))
    }
}

const TABLES: Source = Paper::Rasch2023.at(&[Part::Table("2"), Part::SupplementaryTable("6")]);

fn claims(pairs: &[Pair<'_>], scale: Scale) -> Vec<Claim> {
    let gain = |[column, tile]: &Pair<'_>, time| column.gains(tile, at(Method::Direct, time));
    let printed = |row: &Row, time: usize| {
        paper_accuracy(row.direct, time) - paper_accuracy(paper_tile(row), time)
    };
    let claim = |id, text, words: String, test, printed: f64, gains: Option<Estimate>| {
        Statement::new(id, TABLES, text)
            .test(words, test)
            .unit(" points")
            .paper(points(printed, 1))
            .tested_from(Scale::Desk, scale)
            .judge(gains)
    };
    let after = |id, text, time: usize| {
        let words = format!(
            "mean over networks of A* at {}, one scale per column − one per tile,",
            TIMES[time]
        );
        let printed = paper_mean(&Family::ALL, |row| printed(row, time));
        let gains = over_networks(pairs, |pair| gain(pair, time));
        claim(id, text, words, Test::Above(0.0), printed, Estimate::of(&gains))
    };
    let of = |family: Family| {
        let pairs = pairs.iter().filter(move |[network, _]| network.paper.family == family);
        over_networks(pairs, |pair| gain(pair, HOUR))
    };
    let [convolutional, transformers, recurrent] = Family::ALL.map(of);
    let rivals = largest([transformers.clone(), recurrent.clone()]);
    let most = Estimate::difference(&convolutional, &rivals);
    let rest = Estimate::difference(&recurrent, &least([convolutional, transformers]));
    let families = Family::ALL.map(|family| vec![paper_mean(&[family], |row| printed(row, HOUR))]);
    let [convolutional, transformers, recurrent] = families;
    let printed_most = convolutional[0] - largest([transformers.clone(), recurrent.clone()])[0];
    let printed_rest = recurrent[0] - least([convolutional, transformers])[0];
    let gained = |of: &str| format!("what scales of columns gain of A* at 1 h, {of},");
    vec![
        after("hour", "Scales of columns are essential for direct mapping.", HOUR),
        after("year", "… and after a year.", YEAR),
        claim(
            "convolutional",
            "Convolutional networks need scales of columns most.",
            gained("convolutional networks − the more needy of transformers and recurrent ones"),
            Test::Above(0.0),
            printed_most,
            most,
        ),
        claim(
            "recurrent",
            "Recurrent networks need scales of columns least.",
            gained("recurrent networks − the less needy of the two others"),
            Test::Below(0.0),
            printed_rest,
            rest,
        ),
    ]
}

fn notes(scale: Scale) -> Vec<String> {
    vec![
        match scale {
            Scale::Paper => "Nothing is trained on tiles here but what direct mapping tunes.",
            _ => "Nothing is trained on tiles here: direct mapping calibrates input ranges.",
        }
        .to_owned(),
        "The paper's transformers are two tasks here: MRPC with scales of columns, eight tasks of \
         GLUE with one per tile, each against its own float error."
            .to_owned(),
    ]
}

fn table(pairs: &[Pair<'_>]) -> Table {
    let header = ["network", "scales", "float"].into_iter().chain(TIMES).chain(["A* 1 h"]);
    let mut table = Table::new(
        "Direct mapping: test error in % (± is half of a 90 % interval over programmings) after each time, and A* at 1 h.",
        header,
    );
    for [column, tile] in pairs {
        for (network, way) in [(column, "per column"), (tile, "per tile")] {
            let mut row = network.times(way, errors);
            row.push(rounded(network.accuracy(at(Method::Direct, HOUR)), 1));
            table.push(row);
        }
        let row = column.paper;
        let by_column = (row.direct, row.direct_accuracies[0]);
        let by_tile = (paper_tile(row), PAPER_HOUR[row.network as usize]);
        for (way, ((float, errors, _), hour)) in [("per column", by_column), ("per tile", by_tile)]
        {
            let mut row = paper_times(row.network, way, float, errors);
            row.push(number(hour, 1));
            table.push(row);
        }
    }
    table
}

fn figures(pairs: &[Pair<'_>]) -> Option<Figure> {
    let panels = pairs.iter().map(|[column, tile]| {
        let curves = vec![
            column.curve(errors, "per column", 3),
            tile.curve(errors, "per tile", 1),
            paper_curve(column.paper.direct, "per column, paper", 3),
            paper_curve(paper_tile(column.paper), "per tile, paper", 1),
        ];
        over_time(column.id.name(), "A* (%)", curves)
    });
    figure(
        "Direct mapping: A* over time with one digital scale per column and with one per tile; \
         dashed, the paper's network of the same family.",
        panels.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::rasch2023::paper::ROWS;

    /// The printed A* at 1 h.
    #[test]
    fn normalised_accuracies_are_the_printed_ones() {
        for (row, printed) in ROWS.iter().zip(PAPER_HOUR) {
            let ours = paper_accuracy(paper_tile(row), HOUR);
            assert!((ours - printed).abs() < 0.11, "{}: {ours}, not {printed}", row.network);
        }
    }
}
