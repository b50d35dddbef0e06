//! How much of each nonideality the networks bear: [Rasch23 Fig. 5].

mod claims;
mod findings;

use super::evaluated::about;
use super::sensitivity::{Grid, runs};
use crate::experiment::{About, Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::source::Part;
use crate::measured::error::Error;
use crate::measured::measures::aging::HOUR_S;
use crate::measured::measures::nonideality::{AXES, Nonideality};
use crate::measured::measures::tolerance as measured;
use crate::measured::measures::trial::Repeats;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Tolerance;

/// Loss that defines the tolerance, in % of the accuracy above chance. [Rasch23 Fig. 5]
const LOSS_PERCENT: f64 = 1.0;
fn axes(scale: Scale) -> Vec<Nonideality> {
    if scale == Scale::Smoke {
        return vec![Nonideality::Pcm, Nonideality::DacBits, Nonideality::TileSize];
    }
    AXES.iter().map(|axis| axis.nonideality).collect()
}

/// Seeds, programmings of an evaluation, most evaluations.
pub(super) const fn size(scale: Scale) -> (u64, u64, u64) {
    scale.of([(1, 2, 2), (1, 4, 6), (1, 8, 8), (3, 24, 10)])
}

impl Experiment for Tolerance {
    type Measure = measured::Tolerance;

    const ABOUT: About = about(
        "rasch2023/tolerance",
        "How much of each nonideality every network bears",
        &[Part::Figure("5")],
    );

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings, evaluations) = size(scale);
        format!(
            "the value of each nonideality at which {LOSS_PERCENT} % of the accuracy is lost, in \
             at most {evaluations} evaluations of {programmings} programmings, {}",
            seeds_in_words(seeds)
        )
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (seeds, programmings, evaluations) = size(request.scale);
        let tests = evaluations + 1;
        runs(opened, seeds, &axes(request.scale), tests, |trained, nonideality| {
            measured::Tolerance {
                trained,
                nonideality,
                loss_percent: LOSS_PERCENT,
                evaluations,
                repeats: Repeats { programmings, t_s: HOUR_S },
            }
        })
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        findings::findings(&Grid::new(results), results.scale)
    }
}
