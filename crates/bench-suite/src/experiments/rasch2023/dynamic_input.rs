//! Input ranges that follow every sample instead of learned ones: [Rasch23 Supp., "dynamic input
//! scaling"].

use std::collections::BTreeMap;

use crossbar::{BoundManagement, NoiseManagement};
use report::table::{Table, cells, rounded};

use super::evaluated::{Evaluated, SECOND, differences, missing, over_networks};
use super::networks::{SMOKE, names, points_of_networks, trained};
use super::paper::{Family, TIMES_S};
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
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct DynamicInput;

const LEARNED: &str = "learned";
const DYNAMIC: &str = "dynamic";

/// What all networks but the transformers gain at most in points of A*. [Rasch23 Supp.]
const GAIN: f64 = 0.1;

/// Most halvings of a sample whose outputs saturate.
///
/// Assumed: as many as AIHWKit's factor of at most 1000 allows.
const HALVINGS: u32 = 10;

/// Training runs, programmings of each, and networks.
fn size(scale: Scale) -> (u64, u64, Vec<&'static str>) {
    match scale {
        Scale::Smoke => (1, 1, SMOKE.to_vec()),
        Scale::Desk => (1, 3, names().collect()),
        Scale::Paper => (1, 10, names().collect()),
    }
}

impl Experiment for DynamicInput {
    fn id(&self) -> &'static str {
        "rasch2023/dynamic-input"
    }

    fn title(&self) -> &'static str {
        "Input ranges of every sample instead of learned ones"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Supplement("\"dynamic input scaling\"")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (_, programmings, networks) = size(scale);
        format!(
            "{} trained networks with learned and with dynamic input ranges, programmings: \
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
            let trained = trained(network, request.scale)?;
            let aging = |tile| Aging { tile, times_s: vec![TIMES_S[SECOND]], programmings };
            let mut tile = trained.recipe.analog.tile().clone();
            tile.periphery.dac.noise_management = NoiseManagement::AbsMax;
            tile.periphery.dac.bound_management =
                BoundManagement::Iterative { max_halvings: HALVINGS };
            let variants = BTreeMap::from([
                (LEARNED.to_owned(), aging(None)),
                (DYNAMIC.to_owned(), aging(Some(tile))),
            ]);
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
        let mut notes = vec![
            "Every sample is divided by its own largest input in place of the input range, and \
             multiplied again with halved inputs while an output saturates."
                .to_owned(),
        ];
        if results.scale == Scale::Desk {
            notes.push(
                "Ranges were learned in a short training, so that some networks gain more by dynamic \
                 ones than the paper's. A dynamic range is that of the largest input: in bert-stsb a \
                 few features are ten times the others, which its learned range cuts off and a \
                 dynamic one lets drown the rest in the noise of the outputs."
                    .to_owned(),
            );
        }
        Findings::default()
            .claims(claims(&networks, results.scale))
            .tables([table(&networks)])
            .notes(notes)
            .left_out(missing(results, &size(results.scale).2))
    }
}

/// A* at 1 s in points, dynamic − learned, programming by programming.
fn gains(network: &Evaluated<'_>) -> Vec<f64> {
    let at = |way| network.accuracies(&series(way, TIMES_S[SECOND]));
    differences(&at(DYNAMIC), &at(LEARNED))
}

fn claims(networks: &[Evaluated<'_>], scale: Scale) -> [Claim; 2] {
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

fn table(networks: &[Evaluated<'_>]) -> Table {
    let rows = networks.iter().map(|network| {
        let error = |way| {
            let errors = network.errors(&series(way, TIMES_S[SECOND]));
            rounded(Estimate::of(&errors), 2)
        };
        cells![
            network.id,
            rounded(network.value(FLOAT_ERROR), 2),
            error(LEARNED),
            error(DYNAMIC),
            rounded(Estimate::of(&gains(network)), 2),
            match network.paper.family {
                Family::Transformer => "about 1",
                _ => "< 0.1",
            },
        ]
    });
    Table::new(
        "Test error in % (± over programmings) 1 s after programming, and what dynamic ranges gain \
         of A*.",
        ["network", "float", "learned range", "dynamic range", "A* gained (points)", "paper"],
    )
    .rows(rows)
}
