//! What each nonideality costs the networks at an equal error of the product: [Rasch23 Fig. 4].

mod findings;

use super::evaluated::about;
use super::sensitivity::{Grid, runs};
use crate::experiment::{About, Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::source::Part;
use crate::measured::error::Error;
use crate::measured::measures::aging::HOUR_S;
use crate::measured::measures::equal_error as measured;
use crate::measured::measures::nonideality::{AXES, Nonideality, Stage};
use crate::measured::measures::trial::Repeats;
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct EqualError;

/// Error of the product to which each nonideality is raised, in %. [Rasch23 Fig. 4]
const ERROR_PERCENT: f64 = 20.0;
/// Those that can be raised without changing the layout: they have values for every error.
fn axes(scale: Scale) -> Vec<Nonideality> {
    use Nonideality::{DacBits, ReadNoise, StuckReset};
    if scale == Scale::Smoke {
        return vec![DacBits, ReadNoise, StuckReset];
    }
    let raised = AXES.iter().filter(|axis| axis.stage != Stage::Layout && !axis.whole);
    raised.map(|axis| axis.nonideality).collect()
}

/// Seeds, programmings of each, input vectors of the product.
const fn size(scale: Scale) -> (u64, u64, usize) {
    scale.of([(1, 2, 30), (1, 4, 100), (1, 8, 400), (3, 24, 400)])
}

impl Experiment for EqualError {
    type Measure = measured::EqualError;

    const ABOUT: About = about(
        "rasch2023/equal-error",
        "Which nonideality hurts which network at an equal error of the product",
        &[Part::Figure("4")],
    );

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings, samples) = size(scale);
        format!(
            "one nonideality at a time raised to a product error of {ERROR_PERCENT} % ({samples} \
             input vectors), each network trained for its hardware and programmed {programmings} \
             times, {}",
            seeds_in_words(seeds)
        )
    }

    fn runs(
        &self,
        request: &Request,
        opened: &mut Networks,
    ) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (seeds, programmings, samples) = size(request.scale);
        runs(opened, seeds, &axes(request.scale), 2, |trained, nonideality| measured::EqualError {
            trained,
            nonideality,
            error_percent: ERROR_PERCENT,
            samples,
            repeats: Repeats { programmings, t_s: HOUR_S },
        })
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        findings::findings(&Grid::new(results), results.scale)
    }
}
