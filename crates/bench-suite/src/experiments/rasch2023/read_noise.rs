//! What a year does, by the conductance that the read noise is a share of: [Rasch23 Eq. 10, Tab. 2].
//!
//! Printed is the target; the program that the authors ran takes the drifted conductance. Networks that
//! are mapped directly tell which of them the printed errors over time come from: nothing is trained on tiles
//! there, so only the devices differ.

use crossbar::TileConfig;
use crossbar::device::{DeviceConfig, ReadNoiseOf};
use report::figure::Figure;
use report::table::{Cell, Table, cells, number, rounded};
use serde::{Deserialize, Serialize};

use super::evaluated::{HOUR, YEAR, about, figure, over_networks, over_time, paper_curve};
use super::networks::SMOKE;
use super::paper::{Family, Row, TIMES, normalized_accuracy};
use super::study::{NetworkStudy, Outcome, Outcomes, Study, at};
use crate::experiment::About;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Part, Source};
use crate::measured::measures::comparison::Tested;
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct ReadNoise;

/// Which conductance the read noise is a share of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// The target.
    Target,
    /// The drifted one.
    Drifted,
}

impl Share {
    const ALL: [Self; 2] = [Self::Target, Self::Drifted];

    const fn words(self) -> &'static str {
        match self {
            Self::Target => "of the target",
            Self::Drifted => "of the drifted conductance",
        }
    }

    /// The tile with such devices.
    fn set(self, tile: &mut TileConfig) {
        if let DeviceConfig::Pcm(pcm) = &mut tile.device {
            pcm.read_noise_of = match self {
                Self::Target => ReadNoiseOf::Target,
                Self::Drifted => ReadNoiseOf::Drifted,
            };
        }
    }
}

impl Study for ReadNoise {
    type Way = Share;

    const ABOUT: About = about(
        "rasch2023/read-noise",
        "What a year does, by what the read noise is a share of",
        &[Part::Equation("10"), Part::Table("2")],
    );

    fn study(scale: Scale) -> NetworkStudy<Share> {
        // Recurrent networks and transformers lose too little, or more by converters than by devices.
        let networks: Vec<NetworkId> = match scale {
            Scale::Smoke => SMOKE.into_iter().filter(convolutional).collect(),
            _ => NetworkId::ALL.iter().copied().filter(convolutional).collect(),
        };
        let times: &[usize] = if scale == Scale::Smoke { &[HOUR, YEAR] } else { &[0, 1, 2, 3] };
        NetworkStudy::new(networks, scale.of([[1, 1], [1, 4], [3, 10], [3, 24]]), times)
            .mapped_directly()
            .trained_as_ever()
            .tested_on(Share::Target, |tile| Share::Target.set(tile))
            .tested_on(Share::Drifted, |tile| Share::Drifted.set(tile))
    }

    fn describe(study: &NetworkStudy<Share>) -> String {
        let networks = study.networks.len();
        format!("{networks} convolutional networks, mapped directly, with both read noises")
    }

    fn findings(outcomes: &Outcomes<'_, Share>) -> Findings {
        let networks = outcomes.present();
        Findings::default()
            .claims([nearer(&networks, outcomes.scale)])
            .figures(over_the_year(&networks))
            .tables([table(&networks)])
            .notes([
                "The growth of the loss is (100 % − A* at 1 year) / (100 % − A* at 1 h): small networks \
                 lose less than the paper's at any time, but devices that grow worse by the same factor \
                 cost both so much more.",
                "Every other claim about time is tested on the standard tile, whose read noise is a share of \
                 the drifted conductance (`read_noise_of` of its device), unless it names another tile.",
            ])
    }
}

fn convolutional(id: &NetworkId) -> bool {
    super::paper::row(id.paper()).family == Family::Convolutional
}

/// (100 % − A* at 1 year) / (100 % − A* at 1 h), programming by programming.
fn growths(network: &Outcome<'_, Share>, share: Share) -> Vec<f64> {
    let loss = |time| network.accuracies(at(share, time)).into_iter().map(|a| 100.0 - a);
    loss(YEAR).zip(loss(HOUR)).map(|(year, hour)| year / hour).collect()
}

/// The same of the paper's network.
fn printed(row: &Row) -> f64 {
    let (float, errors, chance) = row.direct;
    let [year, hour] =
        [YEAR, HOUR].map(|time| 100.0 - normalized_accuracy(errors[time], float, chance));
    year / hour
}

/// Which of both is nearer to the paper: the difference of |ln(ours / paper's)|.
fn nearer(networks: &[Outcome<'_, Share>], scale: Scale) -> Claim {
    let distances = |network: &Outcome<'_, Share>| {
        let of = |share| {
            let printed = printed(network.paper);
            growths(network, share).into_iter().map(move |growth| (growth / printed).ln().abs())
        };
        let both = of(Share::Target).zip(of(Share::Drifted));
        both.map(|(target, drifted)| target - drifted).filter(|d| d.is_finite()).collect()
    };
    let source = Source::ours(&[Part::Passage("not in the paper"), Part::Passage("after Tab. 2")]);
    Statement::new(
        "nearer",
        source,
        "The paper's errors over a year are those of a read noise that is a share of the drifted \
         conductance.",
    )
    .test(
        "mean over networks of |ln| of the growth of the loss over the paper's, share of the target − of \
         the drifted conductance,",
        Test::Above(0.0),
    )
    .tested_from(Scale::Desk, scale)
    .judge(Estimate::of(&over_networks(networks, distances)))
}

fn errors(share: Share) -> impl Fn(&Tested<Share>, f64) -> &[f64] {
    move |tested, t_s| tested.errors.at(share, t_s)
}

fn over_the_year(networks: &[Outcome<'_, Share>]) -> Option<Figure> {
    let panels = networks.iter().map(|network| {
        let curves = vec![
            network.curve(errors(Share::Target), Share::Target.words(), 1),
            network.curve(errors(Share::Drifted), Share::Drifted.words(), 3),
            paper_curve(network.paper.direct, "paper", 0),
        ];
        over_time(network.id.name(), "A* (%)", curves)
    });
    figure(
        "A* of directly mapped networks over time, with a read noise whose amplitude is a share of the \
         target or of the drifted conductance; dashed, the paper's network of the same family.",
        panels.collect(),
    )
}

fn table(networks: &[Outcome<'_, Share>]) -> Table {
    let header = ["network", "read noise", "float"].into_iter().chain(TIMES).chain(["growth"]);
    let mut table = Table::new(
        "Direct mapping: test error in % (± over programmings) after each time, and the growth of the \
         loss of A* from 1 h to 1 year.",
        header,
    );
    for network in networks {
        for share in Share::ALL {
            let growth = Estimate::of(&growths(network, share));
            let mut row = network.times(share.words(), errors(share));
            row.push(rounded(growth, 2));
            table.push(row);
        }
        let (float, errors, _) = network.paper.direct;
        let mut row: Vec<Cell> =
            cells![format!("paper: {}", network.paper.network), "", number(float, 2)];
        row.extend(errors.map(|error| number(error, 2)));
        row.push(number(printed(network.paper), 2));
        table.push(row);
    }
    table
}
