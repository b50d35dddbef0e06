//! Training on tiles with one digital scale per tile: [Rasch23 Supp. Tab. 7].

use std::collections::BTreeMap;

use crossbar::WeightScale;
use report::figure::{Curve, Figure, LineStyle};
use report::number::points;
use report::table::{Table, cells, number, rounded};

use super::column_scales::tile_wise;
use super::evaluated::{Evaluated, HOUR, ONE_TRAINING, figure, missing, over_networks, over_time};
use super::networks::{points_of_networks, trained};
use super::paper::{TIMES, TIMES_S, normalized_accuracy, row};
use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::estimate::of_estimates;
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::aging::Aging;
use crate::measured::measures::comparison::{Comparison, Method};
use crate::measured::measures::hardware_aware::series;
use crate::measured::measures::trained::FLOAT_ERROR;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct TileWiseTraining;

/// Test errors in % on MRPC at the four times: trained with scales of tiles and of columns.
/// [Rasch23 Supp. Tab. 7]
const PAPER: [(&str, [f64; 4], [f64; 4]); 2] = [
    ("BERT-base MRPC", [14.27, 14.62, 14.58, 15.92], [13.95, 14.15, 14.47, 15.40]),
    ("ALBERT-base MRPC", [14.61, 15.28, 15.40, 16.76], [15.13, 15.42, 15.57, 16.33]),
];

/// The paper's mean over networks and times of A*, scales of columns − of tiles.
fn paper_gain() -> f64 {
    let gains = PAPER.iter().flat_map(|(name, tile, column)| {
        let (float, _, chance) = row(name).expect("a row of the paper").direct;
        let accuracy = move |error: &f64| normalized_accuracy(*error, float, chance);
        column.iter().zip(tile).map(move |(c, t)| accuracy(c) - accuracy(t))
    });
    let gains: Vec<f64> = gains.collect();
    gains.iter().sum::<f64>() / gains.len() as f64
}

const COLUMN: &str = "one scale per column";
const TILE: &str = "one scale per tile";
/// The name of the series.
const HWA: &str = "hwa";

/// What scales of columns may lose in points of A*: what the paper calls as accurate as before.
const NO_WORSE: f64 = 1.0;

/// Training runs, programmings of each, and networks.
pub(super) fn size(scale: Scale) -> (u64, u64, &'static [&'static str]) {
    match scale {
        Scale::Smoke => (1, 1, &["bert-sentiment"]),
        // ALBERT would take ten minutes of training.
        Scale::Desk => (1, 4, &["bert-sentiment"]),
        // [Rasch23 Tab. 3]
        Scale::Paper => (3, 25, &["bert-stsb", "albert-sentiment"]),
    }
}

/// The points of one of the two ways.
fn is(way: &'static str) -> impl Fn(&Point) -> bool {
    move |point| point.name.contains(way)
}

impl Experiment for TileWiseTraining {
    fn id(&self) -> &'static str {
        "rasch2023/tile-wise-training"
    }

    fn title(&self) -> &'static str {
        "Transformers trained with one digital scale per tile"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::SupplementaryTable("7")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings, networks) = size(scale);
        let seeds = crate::experiments::training_runs::seeds_in_words(seeds);
        format!(
            "{}, trained on tiles with one scale per column and with one per tile, {seeds}, \
             programmings: {programmings}",
            networks.join(" and ")
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings, networks) = size(request.scale);
        points_of_networks(self.id(), opened, seeds, networks, |network, workload| {
            let times_s = match request.scale {
                Scale::Smoke => vec![TIMES_S[HOUR]],
                _ => TIMES_S.to_vec(),
            };
            let aging = Aging { tile: None, times_s, programmings };
            let column = trained(network, request.scale)?;
            let mut tile = column.clone();
            tile.recipe = tile_wise(&column.recipe, WeightScale::Tile)?;
            let run = |(way, trained)| {
                let variants = BTreeMap::from([(HWA.to_owned(), aging.clone())]);
                let config = Comparison { trained, method: Method::HardwareAware, variants };
                let work = config.work(workload);
                Ok((format!("{network}, {way}"), config, work))
            };
            [(TILE, tile), (COLUMN, column)].into_iter().map(run).collect()
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
        // The mean over times of one programming is one sample.
        let gain = over_networks(&pairs, |(column, tile)| {
            over_networks(TIMES_S, |t| column.gains(&series(HWA, t), tile, &series(HWA, t)))
        });
        let claim = Statement::new(
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
        .tested_from(Scale::Desk, results.scale)
        .judge(Estimate::of(&gain));
        let mut left_out = missing(results, size(results.scale).2);
        if results.scale == Scale::Desk {
            left_out.push("albert-sentiment, whose training takes minutes.".to_owned());
        }
        let mut notes = vec![
            "The paper chose each of its tile-wise results from 72 and 234 settings of \
             hyper-parameters, the column-wise ones from 4 and 6; here both are trained with one and \
             the same recipe. A scale of a tile begins at the largest weight of the tile and is \
             learned as κ."
                .to_owned(),
        ];
        if size(results.scale).0 == 1 {
            notes.push(ONE_TRAINING.to_owned());
        }
        Findings::default()
            .claims([claim])
            .figures(figures(&pairs))
            .tables([table(&pairs)])
            .notes(notes)
            .left_out(left_out)
    }
}

fn table(pairs: &[(&Evaluated<'_>, &Evaluated<'_>)]) -> Table {
    let mut table = Table::new(
        "Hardware-aware training with one digital scale per tile and with one per column: test error \
         in % (± over programmings) after each time.",
        ["network", "scales", "float"].into_iter().chain(TIMES),
    );
    for (column, tile) in pairs {
        for (network, way) in [(tile, "per tile"), (column, "per column")] {
            let error = |t| rounded(Estimate::of(&network.errors(&series(HWA, t))), 2);
            let mut row = cells![network.id, way, rounded(network.value(FLOAT_ERROR), 2)];
            row.extend(TIMES_S.map(error));
            table.push(row);
        }
        for (_, tile, by_column) in PAPER.iter().filter(|row| row.0 == column.paper.name) {
            for (way, errors) in [("per tile", tile), ("per column", by_column)] {
                let name = format!("paper: {}", column.paper.name);
                let mut row = cells![name, way, number(column.paper.direct.0, 2)];
                row.extend(errors.map(|error| number(error, 2)));
                table.push(row);
            }
        }
    }
    table
}

fn figures(pairs: &[(&Evaluated<'_>, &Evaluated<'_>)]) -> Option<Figure> {
    let panels = pairs.iter().map(|(column, tile)| {
        let ours = |network: &Evaluated<'_>, label: &str, colour: usize| {
            let at = |t: f64| Some((t.log10(), Estimate::of(&network.errors(&series(HWA, t)))?));
            of_estimates(label, colour, TIMES_S.into_iter().filter_map(at))
        };
        let mut curves = vec![ours(tile, "per tile", 1), ours(column, "per column", 3)];
        for (_, tile, by_column) in PAPER.iter().filter(|row| row.0 == column.paper.name) {
            for (label, colour, errors) in
                [("per tile, paper", 1, tile), ("per column, paper", 3, by_column)]
            {
                let points = TIMES_S.iter().zip(errors).map(|(t, e)| (t.log10(), *e)).collect();
                curves.push(Curve::line(label, colour, LineStyle::Paper, points));
            }
        }
        over_time(column.id, "test error (%)", curves)
    });
    figure(
        "Test error over time by the scales that were trained; dashed, the paper's network of the \
         same family.",
        panels.collect(),
    )
}
