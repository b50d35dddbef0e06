//! How conductances are distributed before and after training on tiles: [Rasch23 Fig. 6].

use report::Number;
use report::table::{HeatCell, HeatMap};

use super::evaluated::{Evaluated, about, differences, missing};
use super::networks::{SMOKE, all, runs_of_networks, trained};
use crate::experiment::{About, Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::conductances::{Conductances, Kurtoses};
use crate::measured::networks::NetworkId;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct ConductanceDistribution;

/// One number per layer.
type Series = fn(&Kurtoses) -> &[f64];

const FLOAT_ONE_SCALE: Series = |kurtoses| &kurtoses.float_one_scale;
const FLOAT_COLUMNS: Series = |kurtoses| &kurtoses.float_columns;
const HARDWARE_AWARE: Series = |kurtoses| &kurtoses.hardware_aware;

/// With their headings, in the order of the paper's argument.
const CASES: [(Series, &str); 3] = [
    (FLOAT_ONE_SCALE, "float, one scale"),
    (FLOAT_COLUMNS, "float, column scales"),
    (HARDWARE_AWARE, "hardware-aware"),
];

/// Training runs and networks.
fn size(scale: Scale) -> (u64, Vec<NetworkId>) {
    match scale {
        Scale::Smoke => (1, SMOKE.to_vec()),
        Scale::Desk | Scale::Long => (1, all().collect()),
        Scale::Paper => (3, all().collect()),
    }
}

/// Mean over the layers of a network, each counting as many times as it has weights.
fn mean_kurtosis(kurtoses: &Kurtoses, series: Series) -> Option<f64> {
    let weights = kurtoses.weights.iter().map(|&n| n as f64);
    let total: f64 = weights.clone().sum();
    let sum: f64 = series(kurtoses).iter().zip(weights).map(|(kurtosis, n)| kurtosis * n).sum();
    (total > 0.0).then(|| sum / total)
}

/// That mean for every seed of a network.
fn kurtoses(network: &Evaluated<'_, Conductances>, series: Series) -> Vec<f64> {
    network.outcomes().filter_map(|outcome| mean_kurtosis(outcome, series)).collect()
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
fn heat_map(networks: &[Evaluated<'_, Conductances>]) -> HeatMap {
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
    type Measure = Conductances;

    const ABOUT: About = about(
        "rasch2023/conductances",
        "How conductances are distributed before and after hardware-aware training",
        &[Part::Figure("6")],
    );

    fn describe(&self, scale: Scale) -> String {
        let (_, networks) = size(scale);
        format!("every layer on tiles of {} networks", networks.len())
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (seeds, networks) = size(request.scale);
        runs_of_networks(opened, seeds, &networks, |network, workload| {
            let trained = trained(network, request.scale)?;
            let work = trained.work(workload);
            Ok(vec![(network.to_string(), Conductances { trained }, work)])
        })
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let networks = Evaluated::present(results);
        // A share of the networks, for their kurtoses differ by two orders of magnitude.
        let falls = |from: Series| {
            let falls = |network: &Evaluated<'_, Conductances>| {
                let pairs =
                    differences(&kurtoses(network, from), &kurtoses(network, HARDWARE_AWARE));
                Some(Estimate::of(&pairs)?.mean > 0.0)
            };
            share(&networks.iter().filter_map(falls).collect::<Vec<_>>())
        };
        let claim = |id, statement, from: Series, what: &str| {
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
