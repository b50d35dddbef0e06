//! Digital scales of few levels: [Rasch23 Supp., "scale precision"].
//!
//! ```text
//! q_i = a_N ⌈γ_i / a_N⌉,   a_N = max γ / N,   w̆_ij ← w̆_ij γ_i / q_i
//! ```
//!
//! It is done to trained networks before they are programmed; max γ is that of each tile.

use std::collections::BTreeMap;

use report::Number;
use report::number::points;
use report::table::{HeatCell, HeatMap, Table, named, rounded};

use super::evaluated::{DAY, Evaluated, differences, missing, over_networks, paper_mean};
use super::networks::{SMOKE, names, points_of_networks, trained};
use super::paper::{Family, Row, TIMES_S, normalized_accuracy};
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
use crate::measured::measures::trained::CHANCE_ERROR;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct ScalePrecision;

/// Numbers of levels N.
const LEVELS: [u32; 5] = [1, 2, 4, 8, 16];

/// Loss of accuracy in % at 1 day for each number of levels. [Rasch23 Supp., "scale precision"]
const PAPER: [(&str, [f64; 5]); 11] = [
    ("ResNet-32 CIFAR-10", [0.4, 0.5, 0.3, 0.2, 0.2]),
    ("WideResNet-16 CIFAR-100", [1.7, 0.9, 0.3, 0.2, 0.1]),
    ("ResNet-18 ImageNet", [11.8, 2.4, 1.2, 0.5, 0.2]),
    ("ResNet-50 ImageNet", [68.8, 7.9, 2.1, 1.0, 0.4]),
    ("DenseNet-121 ImageNet", [26.8, 4.6, 1.8, 0.8, 0.4]),
    ("WideResNet-50 ImageNet", [95.4, 11.2, 2.7, 1.2, 0.7]),
    ("BERT-base MRPC", [100.0, 100.0, 31.1, 2.2, 0.5]),
    ("ALBERT-base MRPC", [99.0, 23.5, 4.7, 1.5, 0.7]),
    ("Speech SWB300 (LSTM-HMM)", [3.1, 0.4, 0.1, 0.0, 0.0]),
    ("LSTM PTB", [4.0, 0.7, 0.3, 0.1, 0.1]),
    ("RNN-T SWB300", [26.3, 2.0, 0.4, 0.2, 0.1]),
];

/// The name of the series with scales as they are.
const FULL: &str = "full";

/// What 16 levels may cost of the accuracy in %. [Rasch23 Supp., "scale precision"]
const SIXTEEN: f64 = 1.0;

fn name(levels: u32) -> String {
    format!("levels_{levels}")
}

fn paper(row: &Row) -> [f64; 5] {
    PAPER.iter().find(|(name, _)| *name == row.name).expect("every row is printed").1
}

/// Training runs, programmings of each, and networks.
fn size(scale: Scale) -> (u64, u64, Vec<&'static str>) {
    match scale {
        Scale::Smoke => (1, 1, SMOKE.to_vec()),
        Scale::Desk => (1, 3, names().collect()),
        Scale::Paper => (1, 10, names().collect()),
    }
}

impl Experiment for ScalePrecision {
    fn id(&self) -> &'static str {
        "rasch2023/scale-precision"
    }

    fn title(&self) -> &'static str {
        "How many levels the digital scales need"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Supplement("\"scale precision\"")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (_, programmings, networks) = size(scale);
        format!(
            "{} trained networks with scales of 1 to 16 levels, programmings: {programmings}",
            networks.len()
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings, networks) = size(request.scale);
        points_of_networks(self.id(), opened, seeds, &networks, |network, workload| {
            let trained = trained(network, request.scale)?;
            let aging = |levels| {
                let mut tile = trained.recipe.analog.tile().clone();
                tile.mapping.scale_levels = levels;
                Aging { tile: Some(tile), times_s: vec![TIMES_S[DAY]], programmings }
            };
            let mut variants = BTreeMap::from([(FULL.to_owned(), aging(None))]);
            variants.extend(LEVELS.map(|levels| (name(levels), aging(Some(levels)))));
            let config = Comparison { trained, method: Method::HardwareAware, variants };
            let work = config.work(workload);
            Ok(vec![(network.to_owned(), config, work)])
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Comparison::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let networks = Evaluated::present(results, |_| true);
        let notes = vec![
            "The loss is that of A = 1 − (ε − ε_full)/(ε_chance − ε_full), ε_full being the error \
             of the same programming with scales as they are; so it may be negative by chance."
                .to_owned(),
        ];
        Findings::default()
            .claims(claims(&networks, results.scale))
            .heat_maps((!networks.is_empty()).then(|| heat_map(&networks)))
            .tables([table(&networks)])
            .notes(notes)
            .left_out(missing(results, &size(results.scale).2))
    }
}

/// Loss of A in %, programming by programming.
fn losses(network: &Evaluated<'_>, levels: u32) -> Vec<f64> {
    let chance = network.value(CHANCE_ERROR).map_or(100.0, |chance| chance.mean);
    let full = network.errors(&series(FULL, TIMES_S[DAY]));
    let few = network.errors(&series(&name(levels), TIMES_S[DAY]));
    let pairs = few.iter().zip(&full);
    pairs.map(|(few, full)| 100.0 - normalized_accuracy(*few, *full, chance)).collect()
}

fn claims(networks: &[Evaluated<'_>], scale: Scale) -> [Claim; 2] {
    let loss = |network, levels| Estimate::of(&losses(network, levels));
    let most = networks
        .iter()
        .filter_map(|network| loss(network, 16))
        .max_by(|a, b| a.mean.total_cmp(&b.mean));
    let saved = over_networks(networks, |n| differences(&losses(n, 1), &losses(n, 16)));
    let all = [Family::Convolutional, Family::Transformer, Family::Recurrent];
    let source = Paper::Rasch2023.at(&[Part::Supplement("scale precision")]);
    let printed = PAPER.iter().map(|row| row.1[4]).fold(0.0, f64::max);
    [
        Statement::new("sixteen", source, "With 16 levels no network loses more than 1 %.")
            .test(
                "loss of A at 1 day of the network that loses most {test} %",
                Test::Below(SIXTEEN),
            )
            .unit(" %")
            .paper(format!("{} %", Number::new(printed, 1)))
            .tested_from(Scale::Desk, scale)
            .judge(most),
        Statement::new("one", source, "A single level costs much.")
            .test(
                "mean over networks of the loss of A at 1 day, 1 level − 16 levels,",
                Test::Above(SIXTEEN),
            )
            .unit(" points")
            .paper(points(paper_mean(&all, |row| paper(row)[0] - paper(row)[4]), 1))
            .tested_from(Scale::Desk, scale)
            .judge(Estimate::of(&saved)),
    ]
}

/// Losses of 0.1 % and less have the colour of 0, of 100 % that of 1, decades equal steps.
fn colour(loss: f64) -> f64 {
    (loss.max(0.1).log10() + 1.0) / 3.0
}

/// Ours above, the paper's below.
fn heat_map(networks: &[Evaluated<'_>]) -> HeatMap {
    let cell = |loss: f64| HeatCell::new(Number::new(loss, 1), colour(loss));
    let mut map = HeatMap::new(
        "Loss of accuracy in % 1 day after programming, by network and number of levels of the \
         digital scales; ours above, the paper's below.",
        LEVELS.map(|n| format!("N = {n}")),
        ("0.1 % or less", "100 %"),
    );
    for network in networks {
        let of = |n| Estimate::of(&losses(network, n)).map(|loss| cell(loss.mean));
        map = map.row(network.id, LEVELS.map(of));
    }
    for (name, losses) in PAPER {
        map = map.row(format!("paper: {name}"), losses.map(|loss| Some(cell(loss))));
    }
    map
}

fn table(networks: &[Evaluated<'_>]) -> Table {
    let rows = networks.iter().map(|network| {
        named(network.id, LEVELS.map(|n| rounded(Estimate::of(&losses(network, n)), 1)))
    });
    let levels = LEVELS.map(|n| format!("N = {n}"));
    Table::new("Ours, ± over programmings.", ["network".to_owned()].into_iter().chain(levels))
        .rows(rows)
}
