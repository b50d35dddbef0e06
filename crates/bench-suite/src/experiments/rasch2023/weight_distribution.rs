//! The MVM error against the shape of the weight distribution: [Rasch23 Fig. 6].

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells, number};

use crate::experiment::{About, Experiment, Results, StandIns};
use crate::experiments::runs::alone;
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::measured::error::Error;
use crate::measured::measures::weight_distribution::{self as measured, ByShape};
use crate::measured::point::Run;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct WeightDistribution;

/// Shapes β, 1 being the Laplace and 2 the normal distribution.
///
/// Assumed: the paper's grid is not printed.
const SHAPES: [f64; 8] = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

/// Numbers by shape.
type Series = fn(&ByShape) -> &[f64];

const ERROR_PERCENT: Series = |by_shape| &by_shape.error_percent;
const EXCESS_KURTOSIS: Series = |by_shape| &by_shape.excess_kurtosis;

/// Input vectors of each product, and seeds.
const fn size(scale: Scale) -> (usize, u64) {
    scale.of([(64, 1), (300, 5), (1000, 20), (1000, 20)])
}

impl Experiment for WeightDistribution {
    type Measure = measured::WeightDistribution;

    const ABOUT: About = About {
        id: "rasch2023/weight-distribution",
        title: "MVM error against the distribution of the weights",
        source: Paper::Rasch2023.at(&[Part::Figure("6")]),
        stand_ins: StandIns::Never,
    };

    fn describe(&self, scale: Scale) -> String {
        let (samples, seeds) = size(scale);
        format!(
            "512 × 512 tiles after 1 h, {samples} input vectors, {} shapes, {}",
            SHAPES.len(),
            seeds_in_words(seeds)
        )
    }

    fn runs(&self, request: &Request, _: &mut Networks) -> Result<Vec<Run<Self::Measure>>, Error> {
        let (samples, seeds) = size(request.scale);
        let shapes = SHAPES.to_vec();
        let measure = measured::WeightDistribution { samples, shapes };
        Ok(alone(request, seeds, measure, samples as u64))
    }

    fn findings(&self, results: &Results<Self::Measure>) -> Findings {
        let series = |of: Series, i: usize| -> Vec<f64> {
            results.outcomes().filter_map(|by_shape| of(by_shape).get(i).copied()).collect()
        };
        let mean = |of: Series, i: usize| Estimate::of(&series(of, i)).map(|e| e.mean);
        let place = |shape: f64| SHAPES.iter().position(|&s| s == shape).unwrap_or_default();
        // Differences of errors, seed by seed.
        let differences = |from: f64, to: f64| -> Vec<f64> {
            let (from, to) = (series(ERROR_PERCENT, place(from)), series(ERROR_PERCENT, place(to)));
            from.iter().zip(&to).map(|(a, b)| a - b).collect()
        };
        let steepness: Vec<f64> = differences(0.5, 1.0)
            .iter()
            .zip(differences(1.0, 2.0))
            .map(|(low, high)| low - high)
            .collect();
        let claim = |id, statement, words: &str, paper: &str, differences: &[f64]| {
            Statement::new(id, Paper::Rasch2023.at(&[Part::Figure("6")]), statement)
                .test(words, Test::Above(0.0))
                .unit(" points")
                .paper(paper)
                .judge(Estimate::of(differences))
        };
        let claims = [
            claim(
                "falls-with-shape",
                "The MVM error falls as the tails of the weights get lighter.",
                "error at β = 1 less that at β = 3 is above {limit}",
                "falls",
                &differences(1.0, 3.0),
            ),
            claim(
                "steep-below-one",
                "The error rises steeply for β ≤ 1.",
                "rise from β = 1 to 0.5 less that from β = 2 to 1 is above {limit}",
                "steep",
                &steepness,
            ),
        ];
        let curve = |x: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
            (0..SHAPES.len()).filter_map(|i| Some((x(i)?, mean(ERROR_PERCENT, i)?))).collect()
        };
        let panel = |title: &str, x: &str, points| {
            Panel::new(title, x, "MVM error (%)").curves([Curve::line(
                "PCM, 1 h",
                0,
                LineStyle::Ours,
                points,
            )])
        };
        Findings::default()
            .claims(claims)
            .figures([Figure::new(
                "MVM error against the shape β of the weight distribution and against \
                 its excess kurtosis, as in Fig. 6.",
                [
                    panel("Shape", "β", curve(&|i| Some(SHAPES[i]))),
                    panel(
                        "Kurtosis",
                        "log₁₀(excess kurtosis + 3)",
                        curve(&|i| Some((mean(EXCESS_KURTOSIS, i)? + 3.0).log10())),
                    ),
                ],
            )])
            .tables([Table::new("Means over seeds.", ["β", "excess kurtosis", "MVM error (%)"])
                .rows((0..SHAPES.len()).map(|i| {
                    cells![
                        SHAPES[i].to_string(),
                        number(mean(EXCESS_KURTOSIS, i), 2),
                        number(mean(ERROR_PERCENT, i), 2)
                    ]
                }))])
            .notes(["One scale for the whole matrix: its largest weight is mapped to g_max."])
    }
}
