//! The networks trained for phase-change memory on resistive RAM: [Rasch23 Supp. Tab. 4].

use crossbar::TileConfig;
use report::Number;
use report::figure::{Curve, Figure, Panel};
use report::table::{Table, cells, number, rounded};
use serde::{Deserialize, Serialize};

use super::evaluated::{DAY, SECOND, about, differences, figure, over_networks, paper_mean};
use super::networks::{SMOKE, all};
use super::paper::{Family, ROWS, Row, normalized_accuracy, printed};
use super::study::{NetworkStudy, Outcome, Outcomes, Study, at};
use crate::experiment::About;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::networks::NetworkId;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;
use crate::measured::statistics::{Estimate, spearman};

/// The experiment.
#[derive(Debug)]
pub struct Reram;

/// Test errors in % at 1 s and 1 day on resistive RAM. [Rasch23 Supp. Tab. 4]
const PAPER: [(PaperRow, [f64; 2]); 11] = [
    (PaperRow::ResNet32, [6.73, 8.09]),
    (PaperRow::WideResNet16, [19.76, 20.62]),
    (PaperRow::ResNet18, [31.74, 34.92]),
    (PaperRow::ResNet50, [25.00, 27.64]),
    (PaperRow::DenseNet121, [26.97, 31.23]),
    (PaperRow::WideResNet50, [23.74, 25.29]),
    (PaperRow::Bert, [13.94, 15.10]),
    (PaperRow::Albert, [15.30, 17.54]),
    (PaperRow::Acoustic, [14.26, 14.47]),
    (PaperRow::Language, [72.97, 73.05]),
    (PaperRow::Transducer, [12.37, 13.48]),
];

/// The same of the two transformers on Device::Pcm, tested on MRPC as on ReRAM; with these the printed rank
/// correlation comes out. [Rasch23 Supp. Tab. 7]
const PCM_MRPC: [(PaperRow, [f64; 2]); 2] =
    [(PaperRow::Bert, [13.95, 14.47]), (PaperRow::Albert, [15.13, 15.57])];

/// Which devices a network is programmed into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Device {
    /// Phase-change memory, for which it was trained.
    Pcm,
    /// Resistive RAM.
    Reram,
}

impl Device {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Pcm, Self::Reram];

    /// Its name for people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Pcm => "PCM",
            Self::Reram => "ReRAM",
        }
    }
}

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
    // Table 2 has the transformers on MRPC.
    let (float, _, chance) = row.direct;
    let on_mrpc = PCM_MRPC.iter().find(|(network, _)| *network == row.network);
    let pcm = on_mrpc.map_or([row.hwa.1[SECOND], row.hwa.1[DAY]], |(_, errors)| *errors);
    (float, [pcm, printed(&PAPER, row.network)], chance)
}

/// A* in % after a day on ReRAM, as printed there.
const PAPER_DAY: [f64; 11] = [97.3, 99.2, 93.6, 95.0, 92.4, 95.2, 99.0, 95.2, 99.5, 99.5, 98.1];

/// A* in % at 1 day on both devices.
fn paper_day(row: &Row) -> [f64; 2] {
    let (float, errors, chance) = paper(row);
    errors.map(|[_, day]| normalized_accuracy(day, float, chance))
}

/// The devices of `reram-wan`. Nothing else differs in the paper, so wires stay those of the standard tile.
pub(super) fn reram(tile: &mut TileConfig) {
    let reram = TileConfig::load("reram-wan").expect("a preset");
    *tile = TileConfig { ir_drop: tile.ir_drop, ..reram };
}

impl Study for Reram {
    type Way = Device;

    const ABOUT: About = about(
        "rasch2023/reram",
        "Networks trained for phase-change memory on resistive RAM",
        &[Part::SupplementaryTable("4")],
    );

    const LEFT_OUT_AT_DESK: Option<&'static str> =
        Some("bert-stsb, whose tests take as long as those of all other networks together.");

    fn study(scale: Scale) -> NetworkStudy<Device> {
        let networks: Vec<NetworkId> = match scale {
            Scale::Smoke => SMOKE.to_vec(),
            // A test of the published transformer takes as long as those of all others.
            Scale::Desk | Scale::Long => all().filter(|id| *id != NetworkId::BertStsb).collect(),
            Scale::Paper => all().collect(),
        };
        let times: &[usize] = if scale == Scale::Smoke { &[DAY] } else { &[SECOND, DAY] };
        NetworkStudy::new(networks, scale.of([[1, 1], [1, 3], [3, 10], [3, 25]]), times)
            .trained_as_ever()
            .tested(Device::Pcm)
            .tested_on(Device::Reram, reram)
    }

    fn describe(study: &NetworkStudy<Device>) -> String {
        let networks = study.networks.len();
        format!("{networks} networks trained as ever, programmed into both devices")
    }

    fn findings(outcomes: &Outcomes<'_, Device>) -> Findings {
        let networks = outcomes.present();
        Findings::default()
            .claims(claims(&networks, outcomes.scale))
            .figures(figures(&networks))
            .tables([table(&networks)])
            .notes([
                "ReRAM has no drift, so nothing is compensated there; a pair of devices holds a \
                 weight, and both err.",
            ])
    }
}

fn claims(networks: &[Outcome<'_, Device>], scale: Scale) -> [Claim; 2] {
    let day = |device, network: &Outcome<'_, Device>| network.accuracies(at(device, DAY));
    let loss =
        over_networks(networks, |n| differences(&day(Device::Pcm, n), &day(Device::Reram, n)));
    let printed = paper_mean(&Family::ALL, |row| paper_day(row)[0] - paper_day(row)[1]);
    // The correlation of each programming: what a single one scatters by lowers it.
    let pairs: Vec<[Vec<f64>; 2]> = networks
        .iter()
        .map(|network| [day(Device::Pcm, network), day(Device::Reram, network)])
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

fn table(networks: &[Outcome<'_, Device>]) -> Table {
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
        "Networks trained with the noise of PCM: test error in % (± is half of a 90 % interval over programmings) on both \
         devices, and A*. The paper's transformers are tested on MRPC.",
        header,
    );
    for network in networks {
        let mut row = cells![network.id, rounded(network.float(), 2)];
        for device in Device::ALL {
            let error = |time| rounded(network.error(at(device, time)), 2);
            row.extend([SECOND, DAY].map(error));
            row.push(rounded(network.accuracy(at(device, DAY)), 1));
        }
        table.push(row);
        let (float, errors, chance) = paper(network.paper);
        let mut row = cells![format!("paper: {}", network.paper.network), number(float, 2)];
        let accuracies = [
            normalized_accuracy(errors[0][1], float, chance),
            PAPER_DAY[network.paper.network as usize],
        ];
        for (errors, accuracy) in errors.into_iter().zip(accuracies) {
            row.extend(errors.map(|error| number(error, 2)));
            row.push(number(accuracy, 1));
        }
        table.push(row);
    }
    table
}

fn figures(networks: &[Outcome<'_, Device>]) -> Option<Figure> {
    let ours = networks.iter().filter_map(|network| {
        let [pcm, reram] = Device::ALL.map(|device| network.accuracy(at(device, DAY)));
        Some(((pcm?.mean, reram?.mean), network.id.to_string()))
    });
    let paper = ROWS.iter().map(|row| {
        let [pcm, reram] = paper_day(row);
        ((pcm, reram), row.network.name().split(' ').next().unwrap_or_default().to_owned())
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
            assert!((ours - printed).abs() < 0.11, "{}: {ours}, not {printed}", row.network);
        }
        let [pcm, reram] =
            [0, 1].map(|d| ROWS.iter().map(|row| paper_day(row)[d]).collect::<Vec<_>>());
        let correlation = spearman(&pcm, &reram).unwrap();
        assert!((correlation - 0.81).abs() < 0.005, "{correlation}");
    }
}
