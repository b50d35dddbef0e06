//! How much of each nonideality the networks bear: [Rasch23 Fig. 5].

mod claims;
mod findings;

use super::sensitivity::{Grid, points};
use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::nonideality::{AXES, Nonideality};
use crate::measured::measures::tolerance::Tolerance as Run;
use crate::measured::measures::trial::Repeats;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Tolerance;

/// Loss that defines the tolerance, in % of the accuracy above chance. [Rasch23 Fig. 5]
const LOSS_PERCENT: f64 = 1.0;
/// Seconds after programming. [Rasch23 Fig. 5]
const HOUR_S: f64 = 3600.0;

fn axes(scale: Scale) -> Vec<Nonideality> {
    if scale == Scale::Smoke {
        return vec![Nonideality::Pcm, Nonideality::DacBits, Nonideality::TileSize];
    }
    AXES.iter().map(|axis| axis.nonideality).collect()
}

/// Seeds, programmings of an evaluation, most evaluations.
pub(super) const fn size(scale: Scale) -> (u64, u64, u64) {
    match scale {
        Scale::Smoke => (1, 2, 2),
        Scale::Desk => (1, 4, 6),
        Scale::Paper => (3, 24, 10),
    }
}

impl Experiment for Tolerance {
    fn id(&self) -> &'static str {
        "rasch2023/tolerance"
    }

    fn title(&self) -> &'static str {
        "How much of each nonideality every network bears"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Figure("5")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings, evaluations) = size(scale);
        format!(
            "the value of each nonideality at which {LOSS_PERCENT} % of the accuracy is lost, in \
             at most {evaluations} evaluations of {programmings} programmings, {}",
            seeds_in_words(seeds)
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings, evaluations) = size(request.scale);
        let tests = evaluations + 1;
        points(self.id(), opened, seeds, &axes(request.scale), tests, |trained, nonideality| Run {
            trained,
            nonideality,
            loss_percent: LOSS_PERCENT,
            evaluations,
            repeats: Repeats { programmings, t_s: HOUR_S },
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Run::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        findings::findings(&Grid::new(results), results.scale)
    }
}
