//! Direct mapping with one digital scale per tile instead of one per column: [Rasch23 Supp. Tab. 6].
//! It is the largest weight of the matrix, so that all tiles of a matrix have the same.

use std::collections::BTreeMap;

use crossbar::WeightScale;
use nn::Analog;
use nn::arithmetic::LearnedScales;
use report::figure::Figure;
use report::number::points;
use report::table::{Table, cells, number, rounded};

use super::evaluated::{
    Evaluated, HOUR, YEAR, differences, figure, largest, least, missing, over_networks, over_time,
    paper_curve, paper_mean,
};
use super::networks::{SMOKE, names, points_of_networks, trained};
use super::paper::{Family, Row, TIMES, TIMES_S, normalized_accuracy};
use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::aging::Aging;
use crate::measured::measures::comparison::{Comparison, Method};
use crate::measured::measures::hardware_aware::series;
use crate::measured::measures::hwa_recipe::HwaRecipe;
use crate::measured::measures::trained::FLOAT_ERROR;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct ColumnScales;

/// Test errors in % at the four times with one scale per tile. [Rasch23 Supp. Tab. 6]
///
/// The transformers' rows are those of eight tasks of GLUE; ALBERT's errors, though, are the ones
/// that Table 2 has for MRPC.
const PAPER: [(&str, [f64; 4]); 11] = [
    ("ResNet-32 CIFAR-10", [13.35, 15.89, 17.54, 30.00]),
    ("WideResNet-16 CIFAR-100", [25.73, 28.02, 32.32, 63.93]),
    ("ResNet-18 ImageNet", [47.35, 57.15, 69.78, 95.06]),
    ("ResNet-50 ImageNet", [51.87, 82.09, 98.24, 99.85]),
    ("DenseNet-121 ImageNet", [54.83, 76.63, 95.81, 99.80]),
    ("WideResNet-50 ImageNet", [48.36, 92.89, 99.66, 99.89]),
    ("BERT-base MRPC", [33.45, 33.77, 33.32, 32.85]),
    ("ALBERT-base MRPC", [32.00, 32.00, 31.25, 31.50]),
    ("Speech SWB300 (LSTM-HMM)", [15.36, 17.63, 22.03, 53.26]),
    ("LSTM PTB", [73.94, 74.82, 76.49, 82.11]),
    ("RNN-T SWB300", [13.83, 17.67, 43.74, 91.65]),
];

/// A* in % at 1 h with one scale per tile, as printed there.
const PAPER_HOUR: [f64; 11] = [88.0, 89.8, 61.6, 23.4, 31.3, 8.9, 65.3, 72.2, 95.8, 92.9, 93.3];

/// A* in % at 1 h with scales of columns and of tiles, as printed.
fn printed_hour(row: &Row) -> [f64; 2] {
    let at = PAPER.iter().position(|(name, _)| *name == row.name);
    [row.direct_accuracies[0], PAPER_HOUR[at.expect("every row is printed")]]
}

/// Float error, errors at the four times with one scale per tile, and chance, in %. The float error
/// and chance are those of Table 3, whose tasks the transformers have here.
fn paper_tile(row: &Row) -> (f64, [f64; 4], f64) {
    let found = PAPER.iter().find(|(name, _)| *name == row.name);
    (row.hwa.0, found.expect("every row is printed").1, row.hwa.2)
}

/// A* in % at a time.
fn paper_accuracy((float, errors, chance): (f64, [f64; 4], f64), time: usize) -> f64 {
    normalized_accuracy(errors[time], float, chance)
}

const COLUMN: &str = "one scale per column";
const TILE: &str = "one scale per tile";
/// The name of the series.
const DIRECT: &str = "direct";

/// The recipe with one digital scale per tile, the largest weight of the tile or of the matrix: as the
/// weights are mapped, and in what is learned.
pub(super) fn tile_wise(recipe: &HwaRecipe, largest: WeightScale) -> Result<HwaRecipe, Error> {
    let mut recipe = recipe.clone();
    let (mut tile, mut training) = (recipe.analog.tile().clone(), *recipe.analog.training());
    tile.mapping.scale = largest;
    training.learned_scales = match training.learned_scales {
        LearnedScales::None => LearnedScales::None,
        _ => LearnedScales::Tile,
    };
    // It would give every column a scale of its own again.
    training.remap_every = None;
    recipe.analog = Analog::new(tile, training).map_err(|error| Error::Usage(error.to_string()))?;
    Ok(recipe)
}

/// Training runs, programmings of each, and networks.
fn size(scale: Scale) -> (u64, u64, Vec<&'static str>) {
    match scale {
        Scale::Smoke => (1, 1, SMOKE.to_vec()),
        Scale::Desk => (1, 3, names().collect()),
        // [Rasch23 Tab. 2]
        Scale::Paper => (1, 24, names().collect()),
    }
}

/// The points of one of the two ways.
fn is(way: &'static str) -> impl Fn(&Point) -> bool {
    move |point| point.name.contains(way)
}

impl Experiment for ColumnScales {
    fn id(&self) -> &'static str {
        "rasch2023/column-scales"
    }

    fn title(&self) -> &'static str {
        "Direct mapping with one digital scale per tile"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::SupplementaryTable("6")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (_, programmings, networks) = size(scale);
        format!(
            "{} networks mapped with one scale per column and with one per tile, programmings: \
             {programmings}",
            networks.len()
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings, networks) = size(request.scale);
        points_of_networks(self.id(), opened, seeds, &networks, |network, workload| {
            let aging = Aging {
                tile: None,
                times_s: match request.scale {
                    Scale::Smoke => vec![TIMES_S[HOUR]],
                    _ => TIMES_S.to_vec(),
                },
                programmings,
            };
            let column = trained(network, request.scale)?;
            let mut tile = column.clone();
            tile.recipe = tile_wise(&column.recipe, WeightScale::Matrix)?;
            let run = |(way, trained)| {
                let variants = BTreeMap::from([(DIRECT.to_owned(), aging.clone())]);
                let config = Comparison { trained, method: Method::Direct, variants };
                let work = config.work(workload);
                Ok((format!("{network}, {way}"), config, work))
            };
            [(COLUMN, column), (TILE, tile)].into_iter().map(run).collect()
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Comparison::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let columns = Evaluated::all(results, is(COLUMN));
        let tiles = Evaluated::all(results, is(TILE));
        let pairs: Vec<(&Evaluated<'_>, &Evaluated<'_>)> = columns
            .iter()
            .zip(&tiles)
            .filter(|(a, b)| !a.records.is_empty() && !b.records.is_empty())
            .collect();
        Findings::default()
            .claims(claims(&pairs, results.scale))
            .figures(figures(&pairs))
            .tables([table(&pairs)])
            .notes(notes(results.scale))
            .left_out(missing(results, &size(results.scale).2))
    }
}

const TABLES: Source = Paper::Rasch2023.at(&[Part::Table("2"), Part::SupplementaryTable("6")]);

fn claims(pairs: &[(&Evaluated<'_>, &Evaluated<'_>)], scale: Scale) -> Vec<Claim> {
    let gain = |(column, tile): &(&Evaluated<'_>, &Evaluated<'_>), time: usize| {
        let name = series(DIRECT, TIMES_S[time]);
        column.gains(&name, tile, &name)
    };
    let printed = |row: &Row, time: usize| {
        paper_accuracy(row.direct, time) - paper_accuracy(paper_tile(row), time)
    };
    let all = [Family::Convolutional, Family::Transformer, Family::Recurrent];
    let claim = |id, text, words: String, test, printed: f64, gains: &[f64]| {
        Statement::new(id, TABLES, text)
            .test(words, test)
            .unit(" points")
            .paper(points(printed, 1))
            .tested_from(Scale::Desk, scale)
            .judge(Estimate::of(gains))
    };
    let after = |id, text, time: usize| {
        let words = format!(
            "mean over networks of A* at {}, one scale per column − one per tile,",
            TIMES[time]
        );
        let printed = paper_mean(&all, |row| printed(row, time));
        let gains = over_networks(pairs, |pair| gain(pair, time));
        claim(id, text, words, Test::Above(0.0), printed, &gains)
    };
    let of = |family: Family| {
        let pairs = pairs.iter().filter(move |(network, _)| network.paper.family == family);
        over_networks(pairs, |pair| gain(pair, HOUR))
    };
    let [convolutional, transformers, recurrent] = all.map(of);
    let most = differences(&convolutional, &largest([transformers.clone(), recurrent.clone()]));
    let rest = differences(&recurrent, &least([convolutional, transformers]));
    let families = all.map(|family| vec![paper_mean(&[family], |row| printed(row, HOUR))]);
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
            &most,
        ),
        claim(
            "recurrent",
            "Recurrent networks need scales of columns least.",
            gained("recurrent networks − the less needy of the two others"),
            Test::Below(0.0),
            printed_rest,
            &rest,
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

fn table(pairs: &[(&Evaluated<'_>, &Evaluated<'_>)]) -> Table {
    let header = ["network", "scales", "float"].into_iter().chain(TIMES).chain(["A* 1 h"]);
    let mut table = Table::new(
        "Direct mapping: test error in % (± over programmings) after each time, and A* at 1 h.",
        header,
    );
    for (column, tile) in pairs {
        for (network, way) in [(column, "per column"), (tile, "per tile")] {
            let error = |t| rounded(Estimate::of(&network.errors(&series(DIRECT, t))), 2);
            let mut row = cells![network.id, way, rounded(network.value(FLOAT_ERROR), 2)];
            row.extend(TIMES_S.map(error));
            row.push(rounded(network.accuracy(&series(DIRECT, TIMES_S[HOUR])), 1));
            table.push(row);
        }
        let row = column.paper;
        let ways = [("per column", row.direct), ("per tile", paper_tile(row))];
        for ((way, (float, errors, _)), accuracy) in ways.into_iter().zip(printed_hour(row)) {
            let mut cells = cells![format!("paper: {}", row.name), way, number(float, 2)];
            cells.extend(errors.map(|error| number(error, 2)));
            cells.push(number(accuracy, 1));
            table.push(cells);
        }
    }
    table
}

fn figures(pairs: &[(&Evaluated<'_>, &Evaluated<'_>)]) -> Option<Figure> {
    let panels = pairs.iter().map(|(column, tile)| {
        let curves = vec![
            column.curve(DIRECT, "per column", 3),
            tile.curve(DIRECT, "per tile", 1),
            paper_curve(column.paper.direct, "per column, paper", 3),
            paper_curve(paper_tile(column.paper), "per tile, paper", 1),
        ];
        over_time(column.id, "A* (%)", curves)
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
            assert!((ours - printed).abs() < 0.11, "{}: {ours}, not {printed}", row.name);
        }
    }
}
