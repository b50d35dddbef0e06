//! The MVM error against the shape of the weight distribution: [Rasch23 Fig. 6].

use report::figure::{Curve, Figure, LineStyle, Panel};
use report::table::{Table, cells, number};

use super::point_per_seed;
use crate::experiment::{Experiment, Results};
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Statement, Test};
use crate::findings::source::{Paper, Part, Source};
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::weight_distribution::{
    ERROR_PERCENT, EXCESS_KURTOSIS, WeightDistribution as Run,
};
use crate::measured::point::Point;
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

/// Input vectors of each product, and seeds.
const fn size(scale: Scale) -> (usize, u64) {
    match scale {
        Scale::Smoke => (64, 1),
        Scale::Desk => (300, 5),
        Scale::Paper => (1000, 20),
    }
}

impl Experiment for WeightDistribution {
    fn id(&self) -> &'static str {
        "rasch2023/weight-distribution"
    }

    fn title(&self) -> &'static str {
        "MVM error against the distribution of the weights"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::Figure("6")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (samples, seeds) = size(scale);
        format!(
            "512 × 512 tiles after 1 h, {samples} input vectors, {} shapes, {}",
            SHAPES.len(),
            seeds_in_words(seeds)
        )
    }

    fn points(&self, request: &Request, _: &mut Networks) -> Result<Vec<Point>, Error> {
        let (samples, seeds) = size(request.scale);
        let run = Run { samples, shapes: SHAPES.to_vec() };
        Ok(point_per_seed(self.id(), request, seeds, &run, samples as u64))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Run::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let records = || results.points.iter().filter_map(|(_, record)| record.as_ref());
        let series = |name: &str, i: usize| -> Vec<f64> {
            records().filter_map(|r| r.series(name).get(i).copied()).collect()
        };
        let mean = |name: &str, i: usize| Estimate::of(&series(name, i)).map(|e| e.mean);
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
