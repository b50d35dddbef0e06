//! What is injected in training: [Rasch23 Supp. Tab. 2].
//!
//! The same network is trained on tiles without one noise or another, and always tested on the
//! standard tile.

use nn::{Analog, AnalogTraining};
use report::figure::Figure;
use report::table::Table;

use super::evaluated::{ONE_TRAINING, curve, over_time};
use super::networks::{configuration, points_of};
use super::paper::{TIMES, TIMES_S};
use crate::experiment::{Experiment, Results};
use crate::findings::Findings;
use crate::findings::claim::{Claim, Test, rounded};
use crate::findings::source::{Paper, Part, Source};
use crate::findings::words::count;
use crate::measured::context::Context;
use crate::measured::error::Error;
use crate::measured::measurements::Measurements;
use crate::measured::measures::hardware_aware::{HardwareAware, series};
use crate::measured::measures::trained::FLOAT_ERROR;
use crate::measured::point::Point;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;
use crate::opened::Networks;
use crate::request::Request;

/// The experiment.
#[derive(Debug)]
pub struct Ablation;

/// The network: the paper's is its ResNet-32.
const NETWORK: &str = "resnet-cifar10";

/// A way of training, with the paper's errors in % at the four times.
pub(super) struct Method {
    name: &'static str,
    paper: [f64; 4],
    change: fn(&mut crossbar::TileConfig, &mut AnalogTraining),
}

const OURS: &str = "everything";

/// Half of the recipe's: there are four networks to train.
const DESK_EPOCHS: usize = 1;

/// Rows of the paper's that are not run here: direct mapping, which `rasch2023/networks` shows, and
/// Joshi et al.'s method, of which it is not said how it was adapted. [Rasch23 Supp. Tab. 2]
const NOT_OURS: [(&str, [f64; 4]); 2] = [
    ("paper: ResNet-32 mapped directly", [10.03, 11.94, 14.27, 22.63]),
    ("paper: ResNet-32 by Joshi et al.'s method", [6.79, 7.27, 7.80, 9.60]),
];

/// [Rasch23 Supp. Tab. 2]
pub(super) const METHODS: [Method; 4] = [
    Method { name: OURS, paper: [6.79, 7.08, 7.50, 8.36], change: |_, _| () },
    Method {
        name: "output noise alone",
        paper: [7.04, 7.40, 8.03, 10.33],
        change: |tile, training| {
            training.weight_noise = None;
            tile.periphery.read_noise = crossbar::ReadNoise::None;
        },
    },
    Method {
        name: "short-term noise alone",
        paper: [7.01, 7.62, 8.15, 10.47],
        change: |tile, training| {
            training.weight_noise = None;
            tile.periphery.adc.noise = 0.0;
        },
    },
    Method {
        name: "no noise",
        paper: [7.36, 8.04, 8.67, 11.38],
        change: |tile, training| {
            training.weight_noise = None;
            tile.periphery.read_noise = crossbar::ReadNoise::None;
            tile.periphery.adc.noise = 0.0;
        },
    },
];

/// Training runs, and programmings of each.
pub(super) fn repeats(scale: Scale) -> (u64, u64) {
    match scale {
        Scale::Smoke => (1, 1),
        Scale::Desk => (1, 4),
        Scale::Paper => (3, 25),
    }
}

impl Experiment for Ablation {
    fn id(&self) -> &'static str {
        "rasch2023/ablation"
    }

    fn title(&self) -> &'static str {
        "Which noise in training makes the network robust"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::SupplementaryTable("2")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings) = repeats(scale);
        let seeds = crate::experiments::training_runs::seeds_in_words(seeds);
        format!(
            "a residual network for CIFAR-10 trained in four ways, {seeds}, {}",
            count(programmings, "programming")
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings) = repeats(request.scale);
        let workload = opened.open(NETWORK)?;
        let mut runs = Vec::new();
        for method in &METHODS {
            let mut config = configuration(NETWORK, request.scale, programmings)?;
            let recipe = &mut config.trained.recipe;
            let standard = recipe.analog.tile().clone();
            let (mut tile, mut training) = (standard.clone(), *recipe.analog.training());
            (method.change)(&mut tile, &mut training);
            recipe.analog =
                Analog::new(tile, training).map_err(|error| Error::Usage(error.to_string()))?;
            if request.scale == Scale::Desk {
                recipe.training.epochs = DESK_EPOCHS;
            }
            config.aging.tile = Some(standard);
            config.direct = false;
            let work = config.work(&*workload);
            runs.push((method.name.to_owned(), config, workload.data(), work));
        }
        Ok(points_of(self.id(), request, seeds, runs))
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        HardwareAware::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        // By seed and programming, so that methods can be compared pair by pair.
        let errors = |method: &str, time: usize| -> Vec<f64> {
            let prefix = format!("{method}, seed ");
            results
                .points
                .iter()
                .filter(|(point, _)| point.name.starts_with(&prefix))
                .filter_map(|(_, record)| record.as_ref())
                .flat_map(|record| record.series(&series("hwa", TIMES_S[time])).to_vec())
                .collect()
        };
        let mean = |method: &str, time: usize| Estimate::of(&errors(method, time));
        let worse = |method: &str, than: &str, time: usize| {
            let pairs = errors(method, time).into_iter().zip(errors(than, time));
            Estimate::of(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>())
        };
        let tested = results.scale >= Scale::Desk;
        let claims = METHODS[1..].iter().zip(["output-noise", "short-term-noise", "no-noise"]);
        let claims = claims.map(|(method, id)| {
            let statement = match id {
                "output-noise" => "Output noise alone is not enough for a year.",
                "short-term-noise" => "Short-term weight noise alone is not enough for a year.",
                _ => "Without noise in training a year costs most.",
            };
            // What costs most is compared with the better of the two that inject one noise.
            let others: &[&Method] = match id {
                "no-noise" => &[&METHODS[1], &METHODS[2]],
                _ => &[&METHODS[0]],
            };
            let least = |of: &dyn Fn(&Method) -> f64| {
                others.iter().map(|method| of(method)).fold(f64::INFINITY, f64::min)
            };
            let paper = method.paper[3] - least(&|method| method.paper[3]);
            let worse = others
                .iter()
                .filter_map(|other| worse(method.name, other.name, 3))
                .min_by(|a, b| a.mean.total_cmp(&b.mean));
            let test = match id {
                "no-noise" => "test error after 1 year − that with either noise alone > 0",
                _ => "test error after 1 year − that with everything injected > 0",
            };
            Claim::new(
                id,
                Paper::Rasch2023.at(&[Part::SupplementaryTable("2")]),
                statement,
                test.to_owned(),
                format!("{paper:+.2} points"),
            )
            .judge(if tested { worse } else { None }, Test::Above(0.0), " points")
        });
        let float = results
            .points
            .iter()
            .filter_map(|(_, record)| {
                record.as_ref()?.measurements.values.get(FLOAT_ERROR).copied()
            })
            .next();
        let printed = |name: &str, errors: &[f64; 4]| {
            let errors = errors.iter().map(|e| format!("{e:.2}"));
            std::iter::once(name.to_owned()).chain(errors).collect::<Vec<_>>()
        };
        let rows = METHODS.iter().flat_map(|method| {
            let mut ours = vec![method.name.to_owned()];
            ours.extend((0..4).map(|t| rounded(mean(method.name, t), 2)));
            [ours, printed("paper: ResNet-32", &method.paper)]
        });
        let rows = rows.chain(NOT_OURS.map(|(name, errors)| printed(name, &errors)));
        let curves = METHODS.iter().enumerate().map(|(colour, method)| {
            let at = |t: usize| Some((TIMES_S[t].log10(), mean(method.name, t)?));
            curve(method.name, colour, (0..4).filter_map(at))
        });
        let header = ["injected in training"].into_iter().chain(TIMES).map(str::to_owned);
        Findings {
            claims: claims.collect(),
            figures: vec![Figure {
                caption: "Test error on the standard tile over time, by what was injected in \
                          training; bands are 90 % intervals over programmings."
                    .to_owned(),
                panels: vec![over_time("Noise in training", "test error (%)", curves.collect())],
            }],
            tables: vec![Table {
                caption: "Test error in % by what was injected in training, always tested on the \
                          standard tile."
                    .to_owned(),
                header: header.collect(),
                rows: rows.collect(),
            }],
            notes: notes(float, results.scale),
            ..Findings::default()
        }
    }
}
fn notes(float: Option<f64>, scale: Scale) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(float.map(|error| format!("The float network has a test error of {error:.2} %.")));
    if repeats(scale).0 == 1 {
        notes.push(ONE_TRAINING.to_owned());
    }
    if scale == Scale::Desk {
        notes.push(
            "Every way is trained for one epoch, half of what the network is trained for elsewhere: \
             \u{201c}everything\u{201d} is not the network of the other sections."
                .to_owned(),
        );
    }
    notes
}
