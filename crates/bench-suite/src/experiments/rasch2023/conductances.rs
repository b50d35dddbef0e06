//! How conductances are distributed before and after training on tiles: [Rasch23 Fig. 6].

use report::Number;
use report::table::{HeatCell, HeatMap};

use super::evaluated::{Evaluated, differences, missing};
use super::networks::{SMOKE, names, points_of_networks, trained};
use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::conductances::{
    Conductances, FLOAT_COLUMNS, FLOAT_ONE_SCALE, HARDWARE_AWARE, WEIGHTS,
};
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::record::Record;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct ConductanceDistribution;

/// Series with their headings, in the order of the paper's argument.
const CASES: [(&str, &str); 3] = [
    (FLOAT_ONE_SCALE, "float, one scale"),
    (FLOAT_COLUMNS, "float, column scales"),
    (HARDWARE_AWARE, "hardware-aware"),
];

/// Training runs and networks.
fn size(scale: Scale) -> (u64, Vec<&'static str>) {
    match scale {
        Scale::Smoke => (1, SMOKE.to_vec()),
        Scale::Desk => (1, names().collect()),
        Scale::Paper => (3, names().collect()),
    }
}

/// Mean over the layers of a network, each counting as many times as it has weights.
fn mean_kurtosis(record: &Record, series: &str) -> Option<f64> {
    let (layers, weights) = (record.series(series), record.series(WEIGHTS));
    let total: f64 = weights.iter().sum();
    let sum: f64 = layers.iter().zip(weights).map(|(kurtosis, n)| kurtosis * n).sum();
    (total > 0.0).then(|| sum / total)
}

/// That mean for every seed of a network.
fn kurtoses(network: &Evaluated<'_>, series: &str) -> Vec<f64> {
    network.records.iter().filter_map(|record| mean_kurtosis(record, series)).collect()
}

/// The share of networks that fall, any share being as likely before: mean and standard deviation of
/// Beta(k + 1, n − k + 1). None of no networks.
fn share(falls: &[bool]) -> Option<Estimate> {
    let n = falls.len() as f64;
    let k = falls.iter().filter(|falls| **falls).count() as f64;
    let mean = (k + 1.0) / (n + 2.0);
    let standard_error = (mean * (1.0 - mean) / (n + 3.0)).sqrt();
    // Not estimated from a scatter.
    (n > 0.0).then_some(Estimate::known(mean, standard_error))
}

/// Before and after, network by network.
fn heat_map(networks: &[Evaluated<'_>]) -> HeatMap {
    let map = HeatMap::new(
        "Excess kurtosis of conductances, mean over the layers of a network by number of weights; 0 \
         is that of normal weights, and less has lighter tails. Colours and bars show it beside the \
         largest of its row. The paper shows bars without numbers.",
        CASES.map(|(_, heading)| heading),
        ("0 or less", "largest of the row"),
    );
    networks.iter().fold(map, |map, network| {
        let all = CASES.map(|(series, _)| Estimate::of(&kurtoses(network, series)));
        let most =
            all.iter().flatten().fold(f64::MIN_POSITIVE, |most, excess| most.max(excess.mean));
        let cell =
            |excess: Estimate| HeatCell::new(Number::new(excess.mean, 2), excess.mean / most);
        map.row(network.id, all.map(|excess| excess.map(cell)))
    })
}

impl Experiment for ConductanceDistribution {
    fn id(&self) -> &'static str {
        "rasch2023/conductances"
    }

    fn title(&self) -> &'static str {
        "How conductances are distributed before and after hardware-aware training"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Figure("6")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (_, networks) = size(scale);
        format!("every layer on tiles of {} networks", networks.len())
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, networks) = size(request.scale);
        points_of_networks(self.id(), opened, seeds, &networks, |network, workload| {
            let trained = trained(network, request.scale)?;
            let work = trained.work(workload);
            Ok(vec![(network.to_owned(), Conductances { trained }, work)])
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Conductances::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let networks = Evaluated::present(results, |_| true);
        // A share of the networks, for their kurtoses differ by two orders of magnitude.
        let falls = |from: &str| {
            let falls = |network: &Evaluated<'_>| {
                let pairs =
                    differences(&kurtoses(network, from), &kurtoses(network, HARDWARE_AWARE));
                Some(Estimate::of(&pairs)?.mean > 0.0)
            };
            share(&networks.iter().filter_map(falls).collect::<Vec<_>>())
        };
        let claim = |id, statement, from: &str, what: &str| {
            let words = format!(
                "share of networks whose kurtosis is lower after training than that of {what}, with \
                 a uniform prior, > ½"
            );
            Statement::new(id, Paper::Rasch2023.at(&[Part::Figure("6C")]), statement)
                .test_in_words(words, Test::Above(0.5))
                .paper("lower")
                .tested_from(Scale::Desk, results.scale)
                .judge(falls(from))
        };
        Findings::default()
            .claims([
                claim(
                    "kurtosis-one-scale",
                    "Training for the hardware with column scales makes conductances less \
                     heavy-tailed than float weights under one scale.",
                    FLOAT_ONE_SCALE,
                    "float weights under one scale per layer",
                ),
                claim(
                    "kurtosis-columns",
                    "… and less than column scales alone do.",
                    FLOAT_COLUMNS,
                    "float weights under column scales",
                ),
            ])
            .heat_maps((!networks.is_empty()).then(|| heat_map(&networks)))
            .left_out(missing(results, &size(results.scale).1))
    }
}
