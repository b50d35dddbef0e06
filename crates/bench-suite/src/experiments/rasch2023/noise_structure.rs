//! Which structure the noise of training has: [Rasch23 Supp. Tab. 5, Supp. Fig. 1C–F].
//!
//! Assumed: noises of different structure are equally strong if their mean squares over normal
//! weights are equal; the paper tries several strengths of each and does not say which.
//! Differs: PCM's noise is that of the recipes, programming error and 20 s of read noise; the
//! paper's is programming error alone, of which the other is 1.2 times as much by its footnote.

use crossbar::device::ReRamWan;
use crossbar::{WeightNoiseConfig, WeightNoiseModel};
use report::number::points;
use report::table::{Cell, Table, cells, number, rounded};

use super::evaluated::{DAY, about, over_networks};
use super::reram::{Device, reram};
use super::study::{NetworkStudy, Outcome, Outcomes, Study, at};
use crate::experiment::About;
use crate::experiments::training_runs::seeds_in_words;
use crate::findings::Findings;
use crate::findings::claim::{Claim, Statement, Test};
use crate::findings::source::{Paper, Part};
use crate::findings::words::names;
use crate::measured::measures::equal_error::WEIGHT_STD;
use crate::measured::networks::NetworkId;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;
use crate::measured::statistics::Estimate;

/// The experiment.
#[derive(Debug)]
pub struct NoiseStructure;

/// A structure of the noise that is injected.
struct Structure {
    name: &'static str,
    /// The model, given the one of the recipe.
    model: fn(WeightNoiseModel) -> WeightNoiseModel,
}

const CONSTANT: usize = 0;
const PCM: usize = 1;
const RERAM: usize = 2;

/// In the paper's order.
const STRUCTURES: [Structure; 3] = [
    Structure { name: "constant", model: |_| WeightNoiseModel::Constant { sigma: 0.05 } },
    // The recipe's own.
    Structure { name: "PCM", model: |recipe| recipe },
    Structure {
        name: "ReRAM",
        model: |_| WeightNoiseModel::ReramWan { device: ReRamWan::paper(), t_s: 1.0 },
    },
];

/// Test errors in % at 1 day on PCM and on ReRAM by structure. [Rasch23 Supp. Tab. 5]
const PAPER: [(PaperRow, [[f64; 3]; 2]); 4] = [
    (PaperRow::ResNet32, [[7.45, 7.38, 7.68], [8.06, 7.93, 8.21]]),
    (PaperRow::WideResNet16, [[20.04, 20.06, 20.18], [20.45, 20.60, 20.76]]),
    (PaperRow::Albert, [[15.49, 14.72, 15.30], [17.25, 16.49, 16.89]]),
    (PaperRow::Language, [[72.96, 72.93, 72.95], [72.99, 72.95, 72.97]]),
];

/// Mean A* in % at 1 day, on PCM and on ReRAM by structure. [Rasch23 Supp. Tab. 5]
const PAPER_MEAN: [[f64; 3]; 2] = [[99.24, 99.67, 99.23], [98.04, 98.43, 98.09]];

/// Strengths relative to the recipe's. The paper takes the best of several for each structure.
fn strengths(scale: Scale) -> &'static [f32] {
    match scale {
        Scale::Smoke | Scale::Desk | Scale::Long => &[1.0],
        Scale::Paper => &[0.75, 1.0, 1.25],
    }
}

/// √⟨σ(|w|)²⟩ over normal weights within [−1, 1], of the deviation of the paper's standard product.
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

/// The paper chose among strengths, which the scales below its own do not.
const ONE_STRENGTH: &str = "Not known. The paper took the best of several strengths of each noise, and here there is one; it \
     would take paper scale.";

/// Why claims do not hold where there is one strength.
const REASONS: &[(&str, &str)] =
    &[("own-pcm", ONE_STRENGTH), ("pcm-on-reram", ONE_STRENGTH), ("not-reram", ONE_STRENGTH)];

impl Study for NoiseStructure {
    type Way = Device;

    const ABOUT: About = about(
        "rasch2023/noise-structure",
        "Which structure the noise of training should have",
        &[Part::SupplementaryTable("5"), Part::SupplementaryFigure("1")],
    );

    const LEFT_OUT_AT_DESK: Option<&'static str> = Some(
        "The paper's networks but ALBERT's family: each would be trained three times more; three \
         that are trained fast stand in for its four.",
    );

    fn study(scale: Scale) -> NetworkStudy<Device> {
        use NetworkId::{
            AlbertSentiment, BertSentiment, LstmJapaneseVowels, LstmLanguage, ResNet18,
            ResNetCifar10, WideResNet,
        };
        let networks: &[NetworkId] = match scale {
            Scale::Smoke => &[LstmJapaneseVowels],
            Scale::Desk | Scale::Long => &[LstmJapaneseVowels, ResNet18, BertSentiment],
            Scale::Paper => &[ResNetCifar10, WideResNet, AlbertSentiment, LstmLanguage],
        };
        let mut study =
            NetworkStudy::new(networks, scale.of([[1, 1], [1, 4], [3, 10], [3, 10]]), &[DAY])
                .tested(Device::Pcm)
                .tested_on(Device::Reram, reram);
        for structure in &STRUCTURES {
            for &factor in strengths(scale) {
                let label = format!("{} noise × {factor}", structure.name);
                study = study.trained(label, move |_, training| {
                    training.weight_noise =
                        training.weight_noise.map(|noise| restructured(&noise, structure, factor));
                });
            }
        }
        study
    }

    fn describe(study: &NetworkStudy<Device>) -> String {
        let strengths = match study.trainings.len() / STRUCTURES.len() {
            1 => "one strength".to_owned(),
            several => format!("the best of {several} strengths"),
        };
        format!(
            "{} trained with constant, PCM's and ReRAM's noise, {strengths}, {}, tested on both \
             devices",
            names(&study.networks, ", "),
            seeds_in_words(study.seeds)
        )
    }

    fn findings(outcomes: &Outcomes<'_, Device>) -> Findings {
        let strengths = strengths(outcomes.scale).len();
        let of_strengths = match strengths {
            1 => {
                "The paper took the best of several strengths for each structure; here there is one."
            }
            _ => {
                "Of the strengths of a structure the one with the best mean A* on a device is shown."
            }
        };
        let trials = Trials { outcomes, strengths };
        Findings::default()
            .claims(trials.claims(outcomes.scale))
            .reasons(REASONS.iter().filter(|_| strengths == 1))
            .tables([trials.table()])
            .notes([format!(
                "Constant and ReRAM's noise have the strength of the recipe's, that of PCM: the \
                 same root mean square over normal weights of standard deviation {WEIGHT_STD}. \
                 PCM's is that of programming and 20 s of reading."
            )])
            .notes([of_strengths])
    }
}

/// The outcomes by structure, each of which was trained in some strengths one after the other.
struct Trials<'a> {
    outcomes: &'a Outcomes<'a, Device>,
    strengths: usize,
}

impl Trials<'_> {
    /// The outcomes of a network for a structure, of the strength that serves best on a device.
    fn best(&self, structure: usize, network: usize, device: Device) -> Outcome<'_, Device> {
        let accuracy = |n: &Outcome<'_, Device>| {
            n.accuracy(at(device, DAY)).map_or(f64::NEG_INFINITY, |estimate| estimate.mean)
        };
        let mut structures = self.outcomes.networks[network].chunks(self.strengths);
        let of_strengths = structures.nth(structure).expect("all structures were trained").iter();
        of_strengths
            .max_by(|a, b| accuracy(a).total_cmp(&accuracy(b)))
            .expect("there is a strength")
    }

    /// Networks with an outcome of every structure.
    fn complete(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.outcomes.networks.len()).filter(|&network| {
            (0..STRUCTURES.len()).all(|s| !self.best(s, network, Device::Pcm).done.is_empty())
        })
    }

    fn claims(&self, scale: Scale) -> [Claim; 3] {
        let claim = |id, statement, device: Device, better: usize, than: usize| {
            let gains = over_networks(self.complete(), |network| {
                let than = self.best(than, network, device);
                self.best(better, network, device).gains(than, at(device, DAY))
            });
            let printed = PAPER_MEAN[device as usize][better] - PAPER_MEAN[device as usize][than];
            let words = format!(
                "mean over networks of A* on {} at 1 day, trained with {} noise − with {} noise,",
                device.words(),
                STRUCTURES[better].name,
                STRUCTURES[than].name
            );
            Statement::new(id, Paper::Rasch2023.at(&[Part::SupplementaryTable("5")]), statement)
                .test(words, Test::Above(0.0))
                .unit(" points")
                .paper(points(printed, 2))
                .tested_from(Scale::Desk, scale)
                .judge(Estimate::of(&gains))
        };
        [
            claim(
                "own-pcm",
                "On PCM its own noise serves better than constant.",
                Device::Pcm,
                PCM,
                CONSTANT,
            ),
            claim("pcm-on-reram", "On ReRAM, too, PCM's noise does.", Device::Reram, PCM, CONSTANT),
            claim("not-reram", "… and better than ReRAM's own.", Device::Reram, PCM, RERAM),
        ]
    }

    fn table(&self) -> Table {
        let columns = Device::ALL.into_iter().flat_map(|device| {
            let device = device.words();
            STRUCTURES.iter().map(move |structure| format!("{device}: {}", structure.name))
        });
        // By device and structure, as the columns.
        let cells = |of: &dyn Fn(Device, usize) -> Vec<f64>| -> Vec<Cell> {
            let all =
                Device::ALL.into_iter().flat_map(|d| (0..STRUCTURES.len()).map(move |s| (d, s)));
            all.map(|(device, structure)| rounded(Estimate::of(&of(device, structure)), 2))
                .collect()
        };
        let ours = self.complete().map(|network| {
            let first = self.best(0, network, Device::Pcm);
            let errors = cells(&|d, s| self.best(s, network, d).errors(at(d, DAY)));
            cells![first.id, rounded(first.float(), 2)].into_iter().chain(errors)
        });
        let means = cells(&|d, s| {
            over_networks(self.complete(), |network| {
                self.best(s, network, d).accuracies(at(d, DAY))
            })
        });
        let printed = |name: String, numbers: [[f64; 3]; 2]| {
            let numbers = numbers.into_iter().flatten().map(|x| number(x, 2));
            cells![name, ""].into_iter().chain(numbers)
        };
        Table::new(
            "Test error in % 1 day after programming, by the device that is tested on and the structure of \
             the noise in training (± is half of a 90 % interval over programmings; of means over networks, \
             over networks).",
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
