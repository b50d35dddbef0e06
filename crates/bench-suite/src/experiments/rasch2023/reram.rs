//! The networks trained for phase-change memory on resistive RAM: [Rasch23 Supp. Tab. 4].

use std::collections::BTreeMap;

use crossbar::TileConfig;
use report::Number;
use report::figure::{Curve, Figure, Panel};
use report::table::{Table, cells, number, rounded};

use super::evaluated::{
    DAY, Evaluated, SECOND, differences, figure, missing, over_networks, paper_mean,
};
use super::networks::{SMOKE, names, points_of_networks, trained};
use super::paper::{Family, ROWS, Row, TIMES_S, normalized_accuracy};
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
use crate::measured::measures::trained::FLOAT_ERROR;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::{Estimate, spearman};
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Reram;

/// Test errors in % at 1 s and 1 day on resistive RAM. [Rasch23 Supp. Tab. 4]
const PAPER: [(&str, [f64; 2]); 11] = [
    ("ResNet-32 CIFAR-10", [6.73, 8.09]),
    ("WideResNet-16 CIFAR-100", [19.76, 20.62]),
    ("ResNet-18 ImageNet", [31.74, 34.92]),
    ("ResNet-50 ImageNet", [25.00, 27.64]),
    ("DenseNet-121 ImageNet", [26.97, 31.23]),
    ("WideResNet-50 ImageNet", [23.74, 25.29]),
    ("BERT-base MRPC", [13.94, 15.10]),
    ("ALBERT-base MRPC", [15.30, 17.54]),
    ("Speech SWB300 (LSTM-HMM)", [14.26, 14.47]),
    ("LSTM PTB", [72.97, 73.05]),
    ("RNN-T SWB300", [12.37, 13.48]),
];

/// The same of the two transformers on PCM, tested on MRPC as on ReRAM; with these the printed rank
/// correlation comes out. [Rasch23 Supp. Tab. 7]
const PCM_MRPC: [(&str, [f64; 2]); 2] =
    [("BERT-base MRPC", [13.95, 14.47]), ("ALBERT-base MRPC", [15.13, 15.57])];

const PCM: &str = "pcm";
const RERAM: &str = "reram";

/// What may be lost to PCM in points of A*: the mean of the paper's networks is 2.0, and half as much
/// again is left to ours.
const LOSS: f64 = 3.0;
/// A rank correlation that [`ENOUGH`] networks have by chance in one of twenty cases; more of them
/// have it in fewer.
const BY_CHANCE: f64 = 0.536;
/// Networks for a statement about their order.
const ENOUGH: usize = 11;

/// The paper's float error, errors at 1 s and 1 day on PCM and on ReRAM, and chance, in %.
fn paper(row: &Row) -> (f64, [[f64; 2]; 2], f64) {
    let of = |table: &[(&str, [f64; 2])]| {
        table.iter().find(|(name, _)| *name == row.name).map(|(_, errors)| *errors)
    };
    let reram = of(&PAPER).expect("every row is printed");
    // Table 2 has the transformers on MRPC.
    let (float, _, chance) = row.direct;
    let pcm = of(&PCM_MRPC).unwrap_or([row.hwa.1[SECOND], row.hwa.1[DAY]]);
    (float, [pcm, reram], chance)
}

/// A* in % after a day on ReRAM, as printed there.
const PAPER_DAY: [f64; 11] = [97.3, 99.2, 93.6, 95.0, 92.4, 95.2, 99.0, 95.2, 99.5, 99.5, 98.1];

fn printed_day(row: &Row) -> f64 {
    let at = ROWS.iter().position(|known| known.name == row.name);
    PAPER_DAY[at.expect("a row of the paper")]
}

/// A* in % at 1 day on both devices.
fn paper_day(row: &Row) -> [f64; 2] {
    let (float, errors, chance) = paper(row);
    errors.map(|[_, day]| normalized_accuracy(day, float, chance))
}

/// Training runs, programmings of each, and networks.
fn size(scale: Scale) -> (u64, u64, Vec<&'static str>) {
    match scale {
        Scale::Smoke => (1, 1, SMOKE.to_vec()),
        // A test of the published transformer takes as long as those of all others.
        Scale::Desk => (1, 3, names().filter(|name| *name != "bert-stsb").collect()),
        Scale::Paper => (3, 25, names().collect()),
    }
}

impl Experiment for Reram {
    fn id(&self) -> &'static str {
        "rasch2023/reram"
    }

    fn title(&self) -> &'static str {
        "Networks trained for phase-change memory on resistive RAM"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::SupplementaryTable("4")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (_, programmings, networks) = size(scale);
        format!(
            "{} networks trained as ever, programmed into both devices, programmings: \
             {programmings}",
            networks.len()
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings, networks) = size(request.scale);
        let wrong = |error: crossbar::TileError| Error::Usage(error.to_string());
        let reram = TileConfig::load("reram-wan").map_err(wrong)?;
        points_of_networks(self.id(), opened, seeds, &networks, |network, workload| {
            let aging = |tile| Aging {
                tile,
                times_s: match request.scale {
                    Scale::Smoke => vec![TIMES_S[DAY]],
                    _ => vec![TIMES_S[SECOND], TIMES_S[DAY]],
                },
                programmings,
            };
            let config = Comparison {
                trained: trained(network, request.scale)?,
                method: Method::HardwareAware,
                variants: BTreeMap::from([
                    (PCM.to_owned(), aging(None)),
                    (RERAM.to_owned(), aging(Some(reram.clone()))),
                ]),
            };
            let work = config.work(workload);
            Ok(vec![(network.to_owned(), config, work)])
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Comparison::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let networks = Evaluated::present(results, |_| true);
        let mut left_out = missing(results, &size(results.scale).2);
        if results.scale == Scale::Desk {
            left_out.push(
                "bert-stsb, whose tests take as long as those of all other networks together."
                    .to_owned(),
            );
        }
        let notes = vec![
            "ReRAM has no drift, so nothing is compensated there; a pair of devices holds a \
             weight, and both err."
                .to_owned(),
        ];
        Findings::default()
            .claims(claims(&networks, results.scale))
            .figures(figures(&networks))
            .tables([table(&networks)])
            .notes(notes)
            .left_out(left_out)
    }
}

/// The series of a device at one of the paper's times.
fn at(device: &str, time: usize) -> String {
    series(device, TIMES_S[time])
}

fn claims(networks: &[Evaluated<'_>], scale: Scale) -> [Claim; 2] {
    let day = |device, network: &Evaluated<'_>| network.accuracies(&at(device, DAY));
    let loss = over_networks(networks, |n| differences(&day(PCM, n), &day(RERAM, n)));
    let all = [Family::Convolutional, Family::Transformer, Family::Recurrent];
    let printed = paper_mean(&all, |row| paper_day(row)[0] - paper_day(row)[1]);
    // The correlation of each programming: what a single one scatters by lowers it.
    let pairs: Vec<[Vec<f64>; 2]> = networks
        .iter()
        .map(|network| [day(PCM, network), day(RERAM, network)])
        .filter(|pair| !pair[0].is_empty())
        .collect();
    let count = pairs.iter().map(|pair| pair[0].len()).min().unwrap_or(0);
    let correlations: Vec<f64> = (0..count)
        .filter_map(|i| {
            let of = |device: usize| pairs.iter().map(|p| p[device][i]).collect::<Vec<f64>>();
            spearman(&of(0), &of(1))
        })
        .collect();
    let source = Paper::Rasch2023.at(&[Part::SupplementaryTable("4")]);
    [
        Statement::new(
            "same-networks",
            source,
            "Networks trained for one device serve on another.",
        )
        .test("mean over networks of A* at 1 day, PCM − ReRAM, {test} points", Test::Below(LOSS))
        .unit(" points")
        .paper(format!("{} points", Number::new(printed, 1)))
        .tested_from(Scale::Desk, scale)
        .judge(Estimate::of(&loss)),
        Statement::new(
            "same-order",
            source,
            "What is robust on one device is robust on the other.",
        )
        .test(
            "rank correlation over networks of A* at 1 day on PCM and on ReRAM {test} (chance at the \
             level of 5 %)",
            Test::Above(BY_CHANCE),
        )
        .paper("0.81")
        .tested_from(Scale::Desk, scale)
        .judge(Estimate::of(&correlations).filter(|_| pairs.len() >= ENOUGH)),
    ]
}

fn table(networks: &[Evaluated<'_>]) -> Table {
    let header = [
        "network",
        "float",
        "PCM, 1 s",
        "PCM, 1 day",
        "A* 1 day",
        "ReRAM, 1 s",
        "ReRAM, 1 day",
        "A* 1 day",
    ];
    let mut table = Table::new(
        "Networks trained with the noise of PCM: test error in % (± over programmings) on both \
         devices, and A*. The paper's transformers are tested on MRPC.",
        header,
    );
    for network in networks {
        let mut row = cells![network.id, rounded(network.value(FLOAT_ERROR), 2)];
        for device in [PCM, RERAM] {
            let error = |time| rounded(Estimate::of(&network.errors(&at(device, time))), 2);
            row.extend([SECOND, DAY].map(error));
            row.push(rounded(network.accuracy(&at(device, DAY)), 1));
        }
        table.push(row);
        let (float, errors, chance) = paper(network.paper);
        let mut row = cells![format!("paper: {}", network.paper.name), number(float, 2)];
        let accuracies =
            [normalized_accuracy(errors[0][1], float, chance), printed_day(network.paper)];
        for (errors, accuracy) in errors.into_iter().zip(accuracies) {
            row.extend(errors.map(|error| number(error, 2)));
            row.push(number(accuracy, 1));
        }
        table.push(row);
    }
    table
}

fn figures(networks: &[Evaluated<'_>]) -> Option<Figure> {
    let ours = networks.iter().filter_map(|network| {
        let [pcm, reram] = [PCM, RERAM].map(|device| network.accuracy(&at(device, DAY)));
        Some(((pcm?.mean, reram?.mean), network.id.to_owned()))
    });
    let paper = ROWS.iter().map(|row| {
        let [pcm, reram] = paper_day(row);
        ((pcm, reram), row.name.split(' ').next().unwrap_or_default().to_owned())
    });
    let panel = |title: &str, colour: usize, points: Vec<((f64, f64), String)>| {
        Panel::new(title, "A* on PCM (%)", "A* on ReRAM (%)")
            .curves([Curve::scatter(title, colour, points)])
    };
    let panels = vec![panel("ours", 3, ours.collect()), panel("paper", 0, paper.collect())];
    let caption = "A* 1 day after programming on both devices, the same networks.";
    figure(caption, if networks.is_empty() { Vec::new() } else { panels })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The printed A* at 1 day on ReRAM, and the printed rank correlation.
    #[test]
    fn the_papers_numbers_are_the_printed_ones() {
        for (row, printed) in ROWS.iter().zip(PAPER_DAY) {
            let [_, ours] = paper_day(row);
            assert!((ours - printed).abs() < 0.11, "{}: {ours}, not {printed}", row.name);
        }
        let [pcm, reram] =
            [0, 1].map(|d| ROWS.iter().map(|row| paper_day(row)[d]).collect::<Vec<_>>());
        let correlation = spearman(&pcm, &reram).unwrap();
        assert!((correlation - 0.81).abs() < 0.005, "{correlation}");
    }
}
