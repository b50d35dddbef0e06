//! The MVM error against the shape of the weight distribution: [Rasch23 Fig. 6].
//!
//! Weights from a generalised normal distribution, p(w) ∝ exp(−|w|^β), the largest one mapped to
//! g_max; inputs from U(−1, 1); 1 h after programming with drift compensation.

use crossbar::{WeightScale, excess_kurtosis, presets};
use numerics::Seed;
use serde::{Deserialize, Serialize};

use super::{Product, uniform};
use crate::Error;
use crate::claim::{Claim, Test, Verdict};
use crate::experiment::{Context, Experiment, Findings, Point, Request, Results, Scale};
use crate::record::Measurements;
use crate::report::{Curve, Figure, LineStyle, Panel, Table};
use crate::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct WeightDistribution;

/// Inputs and outputs of the tile.
const SIZE: usize = 512;
/// Shapes β, 1 being the Laplace and 2 the normal distribution.
///
/// Assumed: the paper's grid is not printed.
const SHAPES: [f64; 8] = [0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    samples: usize,
    shapes: Vec<f64>,
}

const fn size(scale: Scale) -> (usize, u64) {
    match scale {
        Scale::Smoke => (64, 1),
        Scale::Desk => (300, 5),
        Scale::Paper => (1000, 20),
    }
}

/// Draws from p(w) ∝ exp(−|w|^β) by inverting its distribution function on a grid.
///
/// The grid runs over w for β ≥ 1 and over w^β for β < 1: there the density is smooth.
fn generalised_normal(shape: f64, seed: &Seed, len: usize) -> Vec<f32> {
    const CELLS: usize = 16_384;
    // exp(−40) of the mass lies beyond.
    const LAST: f64 = 40.0;
    let over_power = shape < 1.0;
    let end = if over_power { LAST } else { LAST.powf(1.0 / shape) };
    let width = end / CELLS as f64;
    let density = |u: f64| {
        if over_power { u.powf(1.0 / shape - 1.0) * (-u).exp() } else { (-u.powf(shape)).exp() }
    };
    let mut mass = Vec::with_capacity(CELLS + 1);
    mass.push(0.0);
    for cell in 0..CELLS {
        mass.push(mass[cell] + density((cell as f64 + 0.5) * width));
    }
    let total = mass[CELLS];
    let mut draws = vec![0.0; len];
    seed.stream().fill_uniform(0, &mut draws);
    let value = |draw: f32| {
        // The sign is the half of the interval, the magnitude the place in it.
        let signed = 2.0 * f64::from(draw) - 1.0;
        let wanted = signed.abs() * total;
        let cell = mass.partition_point(|&m| m <= wanted).clamp(1, CELLS) - 1;
        let share = ((wanted - mass[cell]) / (mass[cell + 1] - mass[cell])).clamp(0.0, 1.0);
        let u = (cell as f64 + share) * width;
        let magnitude = if over_power { u.powf(1.0 / shape) } else { u };
        magnitude.copysign(signed) as f32
    };
    draws.into_iter().map(value).collect()
}

impl Experiment for WeightDistribution {
    fn id(&self) -> &'static str {
        "rasch2023/weight-distribution"
    }

    fn title(&self) -> &'static str {
        "MVM error against the distribution of the weights"
    }

    fn source(&self) -> &'static str {
        "Rasch et al. 2023, Fig. 6"
    }

    fn describe(&self, scale: Scale) -> String {
        let (samples, seeds) = size(scale);
        format!(
            "512 × 512 tiles after 1 h, {samples} input vectors, {} shapes, {seeds} seeds",
            SHAPES.len()
        )
    }

    fn points(&self, request: &Request) -> Result<Vec<Point>, Error> {
        let (samples, seeds) = size(request.scale);
        let seeds = request.seed..request.seed + request.seeds.unwrap_or(seeds);
        let config = Config { samples, shapes: SHAPES.to_vec() };
        let config = serde_json::to_value(config).expect("plain data");
        Ok(seeds
            .map(|seed| Point {
                experiment: self.id(),
                name: format!("seed {seed}"),
                config: config.clone(),
                seed,
                data: Vec::new(),
                work: samples as u64,
            })
            .collect())
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        let config: Config = serde_json::from_value(point.config.clone())
            .map_err(|error| Error::Usage(error.to_string()))?;
        let seed = Seed::new(point.seed).child(self.id());
        let x = uniform(&seed.child("inputs"), config.samples * SIZE);
        let mut tile = presets::standard_pcm();
        tile.mapping.scale = WeightScale::Matrix;
        let (mut errors, mut kurtoses) = (Vec::new(), Vec::new());
        for (index, &shape) in config.shapes.iter().enumerate() {
            let seed = seed.child(index);
            let weights = generalised_normal(shape, &seed.child("weights"), SIZE * SIZE);
            kurtoses.push(excess_kurtosis(&weights));
            // ε_M is a ratio, so the scale of the weights does not matter.
            let product = Product {
                config: &tile,
                weights: &weights,
                inputs: SIZE,
                x: &x,
                input_range: 1.0,
                t_s: Some(3600.0),
            };
            errors.push(product.error_percent(&seed, context.par)?);
        }
        let mut measured = Measurements::default();
        measured.series.insert("error_percent".to_owned(), errors);
        measured.series.insert("excess_kurtosis".to_owned(), kurtoses);
        Ok(measured)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let records = || results.points.iter().filter_map(|(_, record)| record.as_ref());
        let series = |name: &str, i: usize| -> Vec<f64> {
            records().filter_map(|r| r.series(name).get(i).copied()).collect()
        };
        let mean = |name: &str, i: usize| Estimate::of(&series(name, i), 0.3).map(|e| e.mean);
        let place = |shape: f64| SHAPES.iter().position(|&s| s == shape).unwrap_or_default();
        // Differences of errors, seed by seed.
        let differences = |from: f64, to: f64| -> Vec<f64> {
            let (from, to) =
                (series("error_percent", place(from)), series("error_percent", place(to)));
            from.iter().zip(&to).map(|(a, b)| a - b).collect()
        };
        let steepness: Vec<f64> = differences(0.5, 1.0)
            .iter()
            .zip(differences(1.0, 2.0))
            .map(|(low, high)| low - high)
            .collect();
        let claim = |id, statement, test: &str| Claim {
            id,
            source: "Fig. 6",
            statement,
            test: test.to_owned(),
            paper: "falls".to_owned(),
            measured: String::new(),
            verdict: Verdict::NotRun,
        };
        let claims = vec![
            claim(
                "falls-with-shape",
                "The MVM error falls as the tails of the weights get lighter.",
                "error at β = 1 less that at β = 3 is above 0",
            )
            .judge(
                Estimate::of(&differences(1.0, 3.0), 0.3),
                Test::Above(0.0),
                " points",
            ),
            Claim {
                paper: "steep".to_owned(),
                ..claim(
                    "steep-below-one",
                    "The error rises steeply for β ≤ 1.",
                    "rise from β = 1 to 0.5 less that from β = 2 to 1 is above 0",
                )
            }
            .judge(Estimate::of(&steepness, 0.3), Test::Above(0.0), " points"),
        ];
        let curve = |x: &dyn Fn(usize) -> Option<f64>| -> Vec<(f64, f64)> {
            (0..SHAPES.len()).filter_map(|i| Some((x(i)?, mean("error_percent", i)?))).collect()
        };
        let panel = |title: &str, x: &str, points| Panel {
            title: title.to_owned(),
            x: x.to_owned(),
            y: "MVM error (%)".to_owned(),
            curves: vec![Curve::line("PCM, 1 h", 0, LineStyle::Ours, points)],
            ..Panel::default()
        };
        let number = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{x:.2}"));
        Findings {
            claims,
            figures: vec![Figure {
                caption: "MVM error against the shape β of the weight distribution and against \
                          its excess kurtosis, as in Fig. 6."
                    .to_owned(),
                panels: vec![
                    panel("Shape", "β", curve(&|i| Some(SHAPES[i]))),
                    panel(
                        "Kurtosis",
                        "log₁₀(excess kurtosis + 3)",
                        curve(&|i| Some((mean("excess_kurtosis", i)? + 3.0).log10())),
                    ),
                ],
            }],
            tables: vec![Table {
                caption: "Means over seeds.".to_owned(),
                header: ["β", "excess kurtosis", "MVM error (%)"].map(str::to_owned).to_vec(),
                rows: (0..SHAPES.len())
                    .map(|i| {
                        vec![
                            format!("{}", SHAPES[i]),
                            number(mean("excess_kurtosis", i)),
                            number(mean("error_percent", i)),
                        ]
                    })
                    .collect(),
            }],
            notes: vec![
                "One scale for the whole matrix: its largest weight is mapped to g_max.".to_owned(),
            ],
            ..Findings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_kurtosis_of_their_shape() {
        // Γ(5/β) Γ(1/β) / Γ(3/β)² − 3: 3 for Laplace, 0 for normal, −1.2 in the limit.
        let n = 400_000;
        for (shape, expected, tolerance) in
            [(1.0, 3.0, 0.25), (2.0, 0.0, 0.04), (10.0, -1.116, 0.02)]
        {
            let w = generalised_normal(shape, &Seed::new(1), n);
            let kurtosis = excess_kurtosis(&w);
            // About four standard errors of a fourth moment: false alarm 6·10⁻⁵ per shape.
            assert!((kurtosis - expected).abs() < tolerance, "β = {shape}: {kurtosis}");
        }
    }
}
