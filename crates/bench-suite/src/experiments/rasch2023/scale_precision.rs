//! Digital scales of few levels: [Rasch23 Supp., "scale precision"].
//!
//! ```text
//! q_i = a_N ⌈γ_i / a_N⌉,   a_N = max γ / N,   w̆_ij ← w̆_ij γ_i / q_i
//! ```
//!
//! It is done to trained networks before they are programmed; max γ is that of each tile.

use report::Number;
use report::number::points;
use report::table::{HeatCell, HeatMap, Table, named, rounded};
use serde::{Deserialize, Serialize};

use super::evaluated::{DAY, about, differences, over_networks, paper_mean};
use super::paper::{Family, normalized_accuracy, printed};
use super::study::{NetworkStudy, Outcome, Outcomes, Study, all_networks, at};
use crate::experiment::About;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct ScalePrecision;

/// Numbers of levels N.
const LEVELS: [u32; 5] = [1, 2, 4, 8, 16];

/// Loss of accuracy in % at 1 day for each number of levels. [Rasch23 Supp., "scale precision"]
const PAPER: [(PaperRow, [f64; 5]); 11] = [
    (PaperRow::ResNet32, [0.4, 0.5, 0.3, 0.2, 0.2]),
    (PaperRow::WideResNet16, [1.7, 0.9, 0.3, 0.2, 0.1]),
    (PaperRow::ResNet18, [11.8, 2.4, 1.2, 0.5, 0.2]),
    (PaperRow::ResNet50, [68.8, 7.9, 2.1, 1.0, 0.4]),
    (PaperRow::DenseNet121, [26.8, 4.6, 1.8, 0.8, 0.4]),
    (PaperRow::WideResNet50, [95.4, 11.2, 2.7, 1.2, 0.7]),
    (PaperRow::Bert, [100.0, 100.0, 31.1, 2.2, 0.5]),
    (PaperRow::Albert, [99.0, 23.5, 4.7, 1.5, 0.7]),
    (PaperRow::Acoustic, [3.1, 0.4, 0.1, 0.0, 0.0]),
    (PaperRow::Language, [4.0, 0.7, 0.3, 0.1, 0.1]),
    (PaperRow::Transducer, [26.3, 2.0, 0.4, 0.2, 0.1]),
];

/// What the digital scales are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Scales {
    /// As they are.
    Full,
    /// Of so many levels.
    Levels(u32),
}

impl From<Scales> for String {
    fn from(scales: Scales) -> Self {
        match scales {
            Scales::Full => "full".to_owned(),
            Scales::Levels(levels) => format!("levels_{levels}"),
        }
    }
}

impl TryFrom<String> for Scales {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let levels = || name.strip_prefix("levels_")?.parse().ok().map(Self::Levels);
        match name.as_str() {
            "full" => Ok(Self::Full),
            _ => levels().ok_or_else(|| format!("there are no scales '{name}'")),
        }
    }
}

/// What 16 levels may cost of the accuracy in %. [Rasch23 Supp., "scale precision"]
const SIXTEEN: f64 = 1.0;

impl Study for ScalePrecision {
    type Way = Scales;

    const ABOUT: About = about(
        "rasch2023/scale-precision",
        "How many levels the digital scales need",
        &[Part::Supplement("\"scale precision\"")],
    );

    fn study(scale: Scale) -> NetworkStudy<Scales> {
        let programmings = scale.of([1, 3, 10, 10]);
        let study = NetworkStudy::new(all_networks(scale), [1, programmings], &[DAY])
            .trained_as_ever()
            .tested_on(Scales::Full, |tile| tile.mapping.scale_levels = None);
        LEVELS.into_iter().fold(study, |study, levels| {
            study.tested_on(Scales::Levels(levels), move |tile| {
                tile.mapping.scale_levels = Some(levels);
            })
        })
    }

    fn describe(study: &NetworkStudy<Scales>) -> String {
        format!("{} trained networks with scales of 1 to 16 levels", study.networks.len())
    }

    fn findings(outcomes: &Outcomes<'_, Scales>) -> Findings {
        let networks = outcomes.present();
        Findings::default()
            .claims(claims(&networks, outcomes.scale))
            .heat_maps((!networks.is_empty()).then(|| heat_map(&networks)))
            .tables([table(&networks)])
            .notes([
                "The loss is that of A = 1 − (ε − ε_full)/(ε_chance − ε_full), ε_full being the \
                 error of the same programming with scales as they are; so it may be negative by \
                 chance.",
            ])
    }
}

/// Loss of A in %, programming by programming.
fn losses(network: &Outcome<'_, Scales>, levels: u32) -> Vec<f64> {
    let chance = network.chance().map_or(100.0, |chance| chance.mean);
    let full = network.errors(at(Scales::Full, DAY));
    let few = network.errors(at(Scales::Levels(levels), DAY));
    let pairs = few.iter().zip(&full);
    pairs.map(|(few, full)| 100.0 - normalized_accuracy(*few, *full, chance)).collect()
}

fn claims(networks: &[Outcome<'_, Scales>], scale: Scale) -> [Claim; 2] {
    let loss = |network, levels| Estimate::of(&losses(network, levels));
    let most = networks
        .iter()
        .filter_map(|network| loss(network, 16))
        .max_by(|a, b| a.mean.total_cmp(&b.mean));
    let saved = over_networks(networks, |n| differences(&losses(n, 1), &losses(n, 16)));
    let source = Paper::Rasch2023.at(&[Part::Supplement("scale precision")]);
    let worst = PAPER.iter().map(|row| row.1[4]).fold(0.0, f64::max);
    let difference = paper_mean(&Family::ALL, |row| {
        let losses = printed(&PAPER, row.network);
        losses[0] - losses[4]
    });
    [
        Statement::new("sixteen", source, "With 16 levels no network loses more than 1 %.")
            .test(
                "loss of A at 1 day of the network that loses most {test} %",
                Test::Below(SIXTEEN),
            )
            .unit(" %")
            .paper(format!("{} %", Number::new(worst, 1)))
            .tested_from(Scale::Desk, scale)
            .judge(most),
        Statement::new("one", source, "A single level costs much.")
            .test(
                "mean over networks of the loss of A at 1 day, 1 level − 16 levels,",
                Test::Above(SIXTEEN),
            )
            .unit(" points")
            .paper(points(difference, 1))
            .tested_from(Scale::Desk, scale)
            .judge(Estimate::of(&saved)),
    ]
}

/// Losses of 0.1 % and less have the colour of 0, of 100 % that of 1, decades equal steps.
fn colour(loss: f64) -> f64 {
    (loss.max(0.1).log10() + 1.0) / 3.0
}

/// Ours above, the paper's below.
fn heat_map(networks: &[Outcome<'_, Scales>]) -> HeatMap {
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

fn table(networks: &[Outcome<'_, Scales>]) -> Table {
    let rows = networks.iter().map(|network| {
        named(network.id, LEVELS.map(|n| rounded(Estimate::of(&losses(network, n)), 1)))
    });
    let levels = LEVELS.map(|n| format!("N = {n}"));
    Table::new(
        "Ours; ± is half of a 90 % interval over programmings.",
        ["network".to_owned()].into_iter().chain(levels),
    )
    .rows(rows)
}
