//! Input ranges that follow every sample instead of learned ones: [Rasch23 Supp., "dynamic input
//! scaling"].

use crossbar::{BoundManagement, NoiseManagement};
use report::table::{Table, cells, rounded};
use serde::{Deserialize, Serialize};

use super::evaluated::{SECOND, about, differences, over_networks};
use super::paper::Family;
use super::study::{NetworkStudy, Outcome, Outcomes, Study, all_networks, at};
use crate::experiment::About;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::networks::NetworkId;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct DynamicInput;

/// Which range the inputs of a sample have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// The learned one.
    Learned,
    /// The sample's own.
    Dynamic,
}

/// What all networks but the transformers gain at most in points of A*. [Rasch23 Supp.]
const GAIN: f64 = 0.1;

/// Most halvings of a sample whose outputs saturate.
///
/// Assumed: as many as AIHWKit's factor of at most 1000 allows.
const HALVINGS: u32 = 10;

impl Study for DynamicInput {
    type Way = Range;

    const ABOUT: About = about(
        "rasch2023/dynamic-input",
        "Input ranges of every sample instead of learned ones",
        &[Part::Supplement("\"dynamic input scaling\"")],
    );

    fn study(scale: Scale) -> NetworkStudy<Range> {
        let programmings = scale.of([1, 3, 10, 10]);
        NetworkStudy::new(all_networks(scale), [1, programmings], &[SECOND])
            .trained_as_ever()
            .tested(Range::Learned)
            .tested_on(Range::Dynamic, |tile| {
                let dac = &mut tile.periphery.dac;
                dac.noise_management = NoiseManagement::AbsMax;
                dac.bound_management = BoundManagement::Iterative { max_halvings: HALVINGS };
            })
    }

    fn describe(study: &NetworkStudy<Range>) -> String {
        let networks = study.networks.len();
        format!("{networks} trained networks with learned and with dynamic input ranges")
    }

    fn findings(outcomes: &Outcomes<'_, Range>) -> Findings {
        let networks = outcomes.present();
        let with_stsb = networks.iter().any(|network| network.id == NetworkId::BertStsb);
        let at_desk = "Ranges were learned in a short training, so that some networks gain more by \
                       dynamic ones than the paper's. A dynamic range is that of the largest input: \
                       in bert-stsb a few features are ten times the others, which its learned range \
                       cuts off and a dynamic one lets drown the rest in the noise of the outputs.";
        Findings::default()
            .claims(claims(&networks, outcomes.scale))
            .reasons(REASONS.iter().filter(|_| outcomes.scale == Scale::Desk))
            .reasons(STSB.iter().filter(|_| outcomes.scale == Scale::Desk && with_stsb))
            .tables([table(&networks)])
            .notes([
                "Every sample is divided by its own largest input in place of the input range, and \
                 multiplied again with halved inputs while an output saturates.",
            ])
            .notes((outcomes.scale < Scale::Paper).then_some(at_desk))
    }
}

/// Why claims do not hold at desk scale.
const REASONS: [(&str, &str); 1] = [(
    "little",
    "Ranges are learned in a short training at this scale, so that some networks gain more by dynamic \
     ones than the paper's.",
)];
/// The same where bert-stsb is one of the networks.
const STSB: [(&str, &str); 1] = [(
    "transformers",
    "In bert-stsb a few features are ten times the others: the learned range cuts them off, and a \
     dynamic one lets them drown the rest in the noise of the outputs.",
)];

/// A* at 1 s in points, dynamic − learned, programming by programming.
fn gains(network: &Outcome<'_, Range>) -> Vec<f64> {
    let of = |range| network.accuracies(at(range, SECOND));
    differences(&of(Range::Dynamic), &of(Range::Learned))
}

fn claims(networks: &[Outcome<'_, Range>], scale: Scale) -> [Claim; 2] {
    let of = |transformers: bool| {
        let networks = networks
            .iter()
            .filter(move |n| (n.paper.family == Family::Transformer) == transformers);
        Estimate::of(&over_networks(networks, gains))
    };
    let source = Paper::Rasch2023.at(&[Part::Supplement("dynamic input scaling")]);
    [
        Statement::new(
            "little",
            source,
            "Learned input ranges are as good as dynamic ones.",
        )
        .test(
            "mean over networks but the transformers of A* at 1 s, dynamic − learned, {test} points",
            Test::Below(GAIN),
        )
        .unit(" points")
        .paper("< 0.1 points")
        .tested_from(Scale::Desk, scale)
        .judge(of(false)),
        Statement::new("transformers", source, "Transformers gain a little by dynamic ranges.")
            .test(
                "mean over transformers of A* at 1 s, dynamic − learned,",
                Test::Above(0.0),
            )
            .unit(" points")
            .paper("about 1 point")
            .tested_from(Scale::Desk, scale)
            .judge(of(true)),
    ]
}

fn table(networks: &[Outcome<'_, Range>]) -> Table {
    let rows = networks.iter().map(|network| {
        let error = |range| rounded(network.error(at(range, SECOND)), 2);
        cells![
            network.id,
            rounded(network.float(), 2),
            error(Range::Learned),
            error(Range::Dynamic),
            rounded(Estimate::of(&gains(network)), 2),
            match network.paper.family {
                Family::Transformer => "about 1",
                _ => "< 0.1",
            },
        ]
    });
    Table::new(
        "Test error in % (± is half of a 90 % interval over programmings) 1 s after programming, and what dynamic ranges gain \
         of A*.",
        ["network", "float", "learned range", "dynamic range", "A* gained (points)", "paper"],
    )
    .rows(rows)
}
