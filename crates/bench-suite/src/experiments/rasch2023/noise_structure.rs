//! Which structure the noise of training has: [Rasch23 Supp. Tab. 5, Supp. Fig. 1C–F].
//!
//! Assumed: noises of different structure are equally strong if their mean squares over normal
//! weights are equal; the paper tries several strengths of each and does not say which.
//! Differs: PCM's noise is that of the recipes, programming error and 20 s of read noise; the
//! paper's is programming error alone, of which the other is 1.2 times as much by its footnote.

use std::collections::BTreeMap;

use crossbar::device::ReRamWan;
use crossbar::{TileConfig, WeightNoiseConfig, WeightNoiseModel};
use nn::Analog;
use report::number::points;
use report::table::{Cell, Table, cells, number, rounded};

use super::evaluated::{DAY, Evaluated, ONE_TRAINING, missing, over_networks};
use super::networks::{points_of_networks, trained};
use super::paper::TIMES_S;
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
pub struct NoiseStructure;

/// A structure of the noise that is injected.
pub(super) struct Structure {
    name: &'static str,
    /// The model, given the one of the recipe.
    model: fn(WeightNoiseModel) -> WeightNoiseModel,
}

const CONSTANT: usize = 0;
const PCM: usize = 1;
const RERAM: usize = 2;

/// In the paper's order.
pub(super) const STRUCTURES: [Structure; 3] = [
    Structure { name: "constant", model: |_| WeightNoiseModel::Constant { sigma: 0.05 } },
    // The recipe's own.
    Structure { name: "PCM", model: |recipe| recipe },
    Structure {
        name: "ReRAM",
        model: |_| WeightNoiseModel::ReramWan { device: ReRamWan::paper(), t_s: 1.0 },
    },
];

/// Devices that the networks are tested on: name of the series and in words.
const DEVICES: [(&str, &str); 2] = [("pcm", "PCM"), ("reram", "ReRAM")];

/// Test errors in % at 1 day on PCM and on ReRAM by structure. [Rasch23 Supp. Tab. 5]
const PAPER: [(&str, [[f64; 3]; 2]); 4] = [
    ("ResNet-32 CIFAR-10", [[7.45, 7.38, 7.68], [8.06, 7.93, 8.21]]),
    ("WideResNet-16 CIFAR-100", [[20.04, 20.06, 20.18], [20.45, 20.60, 20.76]]),
    ("ALBERT-base MRPC", [[15.49, 14.72, 15.30], [17.25, 16.49, 16.89]]),
    ("LSTM PTB", [[72.96, 72.93, 72.95], [72.99, 72.95, 72.97]]),
];

/// Mean A* in % at 1 day, on PCM and on ReRAM by structure. [Rasch23 Supp. Tab. 5]
const PAPER_MEAN: [[f64; 3]; 2] = [[99.24, 99.67, 99.23], [98.04, 98.43, 98.09]];

/// Standard deviation of the normalised weights over which strengths are matched: those of the
/// paper's standard product. [Rasch23 Methods, "MVM error"]
const WEIGHT_STD: f32 = 0.246;

/// Strengths relative to the recipe's. The paper takes the best of several for each structure.
pub(super) fn strengths(scale: Scale) -> &'static [f32] {
    match scale {
        Scale::Smoke | Scale::Desk => &[1.0],
        Scale::Paper => &[0.75, 1.0, 1.25],
    }
}

/// Training runs, programmings of each, and networks.
pub(super) fn size(scale: Scale) -> (u64, u64, &'static [&'static str]) {
    match scale {
        Scale::Smoke => (1, 1, &["lstm-japanese-vowels"]),
        Scale::Desk => (1, 4, &["lstm-japanese-vowels", "resnet18", "bert-sentiment"]),
        Scale::Paper => {
            (3, 10, &["resnet-cifar10", "wide-resnet", "albert-sentiment", "lstm-language"])
        }
    }
}

/// √⟨σ(|w|)²⟩ over normal weights within [−1, 1].
fn strength(model: &WeightNoiseModel) -> f32 {
    const STEPS: usize = 4096;
    let (mut sum, mut density_sum) = (0.0f64, 0.0f64);
    for step in 0..STEPS {
        let r = (step as f32 + 0.5) / STEPS as f32;
        let density = f64::from((-0.5 * (r / WEIGHT_STD).powi(2)).exp());
        sum += density * f64::from(model.std(r)).powi(2);
        density_sum += density;
    }
    (sum / density_sum).sqrt() as f32
}

/// The noise of another structure, on average as strong as the recipe's times a factor.
fn restructured(
    noise: &WeightNoiseConfig,
    structure: &Structure,
    factor: f32,
) -> WeightNoiseConfig {
    let model = (structure.model)(noise.model);
    let scale = noise.scale * factor * strength(&noise.model) / strength(&model);
    WeightNoiseConfig { model, scale, ..*noise }
}

/// The points of one structure and strength.
fn name(structure: &Structure, factor: f32) -> String {
    format!("{} noise × {factor}", structure.name)
}

impl Experiment for NoiseStructure {
    fn id(&self) -> &'static str {
        "rasch2023/noise-structure"
    }

    fn title(&self) -> &'static str {
        "Which structure the noise of training should have"
    }

    fn source(&self) -> Source {
        Paper::Rasch2023.at(&[Part::SupplementaryTable("5"), Part::SupplementaryFigure("1")])
    }

    fn describe(&self, scale: Scale) -> String {
        let (seeds, programmings, networks) = size(scale);
        let seeds = crate::experiments::training_runs::seeds_in_words(seeds);
        let strengths = match strengths(scale) {
            [_] => "one strength".to_owned(),
            several => format!("the best of {} strengths", several.len()),
        };
        format!(
            "{} trained with constant, PCM's and ReRAM's noise, {strengths}, {seeds}, tested on \
             both devices, programmings: {programmings}",
            networks.join(", ")
        )
    }

    fn has_stand_ins(&self, scale: Scale) -> bool {
        scale < Scale::Paper
    }

    fn points(&self, request: &Request, opened: &mut Networks) -> Result<Vec<Point>, Error> {
        let (seeds, programmings, networks) = size(request.scale);
        let wrong = |error: crossbar::TileError| Error::Usage(error.to_string());
        let reram = TileConfig::load("reram-wan").map_err(wrong)?;
        points_of_networks(self.id(), opened, seeds, networks, |network, workload| {
            let recipe = trained(network, request.scale)?;
            let aging = |tile| Aging { tile, times_s: vec![TIMES_S[DAY]], programmings };
            let variants = BTreeMap::from([
                (DEVICES[0].0.to_owned(), aging(None)),
                (DEVICES[1].0.to_owned(), aging(Some(reram.clone()))),
            ]);
            let mut runs = Vec::new();
            for structure in &STRUCTURES {
                for &factor in strengths(request.scale) {
                    let mut trained = recipe.clone();
                    let analog = &mut trained.recipe.analog;
                    let mut training = *analog.training();
                    training.weight_noise =
                        training.weight_noise.map(|noise| restructured(&noise, structure, factor));
                    *analog = Analog::new(analog.tile().clone(), training)
                        .map_err(|error| Error::Usage(error.to_string()))?;
                    let (method, variants) = (Method::HardwareAware, variants.clone());
                    let config = Comparison { trained, method, variants };
                    let work = config.work(workload);
                    runs.push((format!("{network}, {}", name(structure, factor)), config, work));
                }
            }
            Ok(runs)
        })
    }

    fn run(&self, point: &Point, context: &Context<'_>) -> Result<Measurements, Error> {
        Comparison::run_point(point, context)
    }

    fn findings(&self, results: &Results<'_>) -> Findings {
        let trials = Trials::new(results);
        let mut notes = vec![
            format!(
                "Constant and ReRAM's noise have the strength of the recipe's, that of PCM: the \
                 same root mean square over normal weights of standard deviation {WEIGHT_STD}. \
                 PCM's is that of programming and 20 s of reading."
            ),
            match strengths(results.scale) {
                [_] => "The paper took the best of several strengths for each structure; here \
                        there is one."
                    .to_owned(),
                _ => "Of the strengths of a structure the one with the best mean A* on a device \
                      is shown."
                    .to_owned(),
            },
        ];
        let (seeds, ..) = size(results.scale);
        if seeds == 1 {
            notes.push(ONE_TRAINING.to_owned());
        }
        let mut left_out = missing(results, size(results.scale).2);
        if results.scale == Scale::Desk {
            left_out.push(
                "The paper's networks but ALBERT's family: each would be trained three times more; \
                 three that are trained fast stand in for its four."
                    .to_owned(),
            );
        }
        Findings::default()
            .claims(trials.claims(results.scale))
            .tables([trials.table()])
            .notes(notes)
            .left_out(left_out)
    }
}

/// The records by structure and strength.
struct Trials<'a> {
    /// \[structure\]\[strength\]: all networks in the order of Table 1.
    networks: Vec<Vec<Vec<Evaluated<'a>>>>,
}

impl<'a> Trials<'a> {
    fn new(results: &Results<'a>) -> Self {
        let of = |structure: &Structure, factor: f32| {
            let name = format!("{}, seed ", name(structure, factor));
            Evaluated::all(results, |point| point.name.contains(&name))
        };
        let factors = strengths(results.scale);
        let networks = STRUCTURES
            .iter()
            .map(|structure| factors.iter().map(|&factor| of(structure, factor)).collect())
            .collect();
        Self { networks }
    }

    /// The records of a network for a structure, of the strength that serves best on a device.
    fn best(&self, structure: usize, network: usize, device: usize) -> &Evaluated<'a> {
        let series = series(DEVICES[device].0, TIMES_S[DAY]);
        let accuracy = |n: &&Evaluated<'_>| {
            n.accuracy(&series).map_or(f64::NEG_INFINITY, |estimate| estimate.mean)
        };
        let all = self.networks[structure].iter().map(|networks| &networks[network]);
        all.max_by(|a, b| accuracy(a).total_cmp(&accuracy(b))).expect("there is a strength")
    }

    /// Networks with a record of every structure.
    fn complete(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.networks[0][0].len()).filter(|&network| {
            (0..STRUCTURES.len()).all(|s| !self.best(s, network, 0).records.is_empty())
        })
    }

    fn claims(&self, scale: Scale) -> [Claim; 3] {
        let claim = |id, statement, device: usize, better: usize, than: usize| {
            let name = series(DEVICES[device].0, TIMES_S[DAY]);
            let gains = over_networks(self.complete(), |network| {
                let than = self.best(than, network, device);
                self.best(better, network, device).gains(&name, than, &name)
            });
            let printed = PAPER_MEAN[device][better] - PAPER_MEAN[device][than];
            let words = format!(
                "mean over networks of A* on {} at 1 day, trained with {} noise − with {} noise,",
                DEVICES[device].1, STRUCTURES[better].name, STRUCTURES[than].name
            );
            Statement::new(id, Paper::Rasch2023.at(&[Part::SupplementaryTable("5")]), statement)
                .test(words, Test::Above(0.0))
                .unit(" points")
                .paper(points(printed, 2))
                .tested_from(Scale::Desk, scale)
                .judge(Estimate::of(&gains))
        };
        [
            claim("own-pcm", "On PCM its own noise serves better than constant.", 0, PCM, CONSTANT),
            claim("pcm-on-reram", "On ReRAM, too, PCM's noise does.", 1, PCM, CONSTANT),
            claim("not-reram", "… and better than ReRAM's own.", 1, PCM, RERAM),
        ]
    }

    fn table(&self) -> Table {
        let columns = DEVICES.iter().flat_map(|(_, device)| {
            STRUCTURES.iter().map(move |structure| format!("{device}: {}", structure.name))
        });
        // By device and structure, as the columns.
        let cells = |of: &dyn Fn(usize, usize) -> Vec<f64>| -> Vec<Cell> {
            let all = (0..DEVICES.len()).flat_map(|d| (0..STRUCTURES.len()).map(move |s| (d, s)));
            all.map(|(device, structure)| rounded(Estimate::of(&of(device, structure)), 2))
                .collect()
        };
        let name = |device: usize| series(DEVICES[device].0, TIMES_S[DAY]);
        let ours = self.complete().map(|network| {
            let first = self.best(0, network, 0);
            let errors = cells(&|d, s| self.best(s, network, d).errors(&name(d)));
            cells![first.id, rounded(first.value(FLOAT_ERROR), 2)].into_iter().chain(errors)
        });
        let means = cells(&|d, s| {
            over_networks(self.complete(), |network| self.best(s, network, d).accuracies(&name(d)))
        });
        let printed = |name: String, numbers: [[f64; 3]; 2]| {
            let numbers = numbers.into_iter().flatten().map(|x| number(x, 2));
            cells![name, ""].into_iter().chain(numbers)
        };
        Table::new(
            "Test error in % (± over programmings) 1 day after programming, by the device that is \
             tested on and the structure of the noise in training.",
            ["network", "float"].map(str::to_owned).into_iter().chain(columns),
        )
        .rows(ours)
        .row(cells!["mean A* (%)", ""].into_iter().chain(means))
        .rows(PAPER.map(|(name, errors)| printed(format!("paper: {name}"), errors)))
        .row(printed("paper: mean A* (%)".to_owned(), PAPER_MEAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_are_equally_strong() {
        let recipe = WeightNoiseConfig::paper(3.0, 0.01);
        let wanted = 3.0 * strength(&recipe.model);
        for structure in &STRUCTURES {
            let noise = restructured(&recipe, structure, 1.0);
            let found = noise.scale * strength(&noise.model);
            assert!((found / wanted - 1.0).abs() < 1e-5, "{}: {found}", structure.name);
            assert_eq!(noise.drop_connect, 0.01);
        }
        assert_eq!(restructured(&recipe, &STRUCTURES[PCM], 1.0), recipe);
    }

    /// A constant σ of 0.05 is its own strength; a weight distribution has no part in it.
    #[test]
    fn the_strength_of_constant_noise_is_its_deviation() {
        let model = WeightNoiseModel::Constant { sigma: 0.05 };
        assert!((strength(&model) - 0.05).abs() < 1e-6);
    }
}
