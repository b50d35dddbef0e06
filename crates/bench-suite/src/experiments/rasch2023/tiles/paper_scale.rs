//! `docs/paper-scale.md`: what the paper's own sizes cost, from the networks, their recipes and the
//! measured throughput. To write the page again:
//!
//! ```console
//! $ DITHER_UPDATE=1 cargo test -p bench-suite --lib paper_scale
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::TILE;
use crate::experiments::rasch2023::networks::{recipe, repeats};
use crate::experiments::rasch2023::noise_structure::NoiseStructure;
use crate::experiments::rasch2023::paper::TIMES_S;
use crate::experiments::rasch2023::study::Study;
use crate::experiments::rasch2023::tile_wise_training::TileWiseTraining;
use crate::experiments::rasch2023::{ablation, tolerance};
use crate::findings::words::names;
use crate::measured::measures::nonideality::AXES;
use crate::measured::measures::survey::HardwareUse;
use crate::measured::networks::NetworkId;
use crate::measured::networks::original::Original;
use crate::measured::networks::paper_row::PaperRow;
use crate::measured::scale::Scale;

/// `docs/paper-scale.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    date: String,
    machine: String,
    /// Core-seconds of a network of `rasch2023/networks` at desk scale, and where they are from.
    desk_s: f64,
    desk_source: String,
    /// 32-bit numbers that training keeps per output of a linear map.
    tape: f64,
    forward_ms: BTreeMap<PaperRow, Forward>,
}

/// One input through a network, on one thread.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Forward {
    tiles: f64,
    float: f64,
}

/// How often an input passes through a network.
struct Work {
    /// Of Table 1.
    network: PaperRow,
    /// The network with its recipe.
    recipe: NetworkId,
    /// Inputs of Table 1's length in the training and in the test set.
    inputs: [f64; 2],
    /// Epochs in f32; none where published weights are taken.
    float_epochs: f64,
    /// Size of the data set on disk in GB.
    data_gb: f64,
}

/// Hours of Switchboard's training set, and of its test set (Hub5 2000).
const SPEECH_H: [f64; 2] = [262.0, 3.7];

/// Frames of `step_s` seconds cut into inputs of `frames`.
const fn speech(step_s: f64, frames: f64) -> [f64; 2] {
    let inputs = 3600.0 / step_s / frames;
    [SPEECH_H[0] * inputs, SPEECH_H[1] * inputs]
}

const CIFAR: [f64; 2] = [50_000.0, 10_000.0];
const IMAGENET: [f64; 2] = [1_281_167.0, 50_000.0];
/// Pairs of MRPC, training and development set.
const MRPC: [f64; 2] = [3_668.0, 408.0];
/// Words of the Penn Treebank, 26 to an input.
const WORDS: [f64; 2] = [929_589.0 / 26.0, 82_430.0 / 26.0];

/// The epochs in f32 are those of the workloads at paper scale.
#[rustfmt::skip]
const WORK: [Work; 11] = [
    Work { network: PaperRow::ResNet32, recipe: NetworkId::ResNetCifar10, inputs: CIFAR, float_epochs: 600.0, data_gb: 0.2 },
    Work { network: PaperRow::WideResNet16, recipe: NetworkId::WideResNet, inputs: CIFAR, float_epochs: 200.0, data_gb: 0.2 },
    Work { network: PaperRow::ResNet18, recipe: NetworkId::ResNet18, inputs: IMAGENET, float_epochs: 0.0, data_gb: 144.0 },
    Work { network: PaperRow::ResNet50, recipe: NetworkId::ResNet50, inputs: IMAGENET, float_epochs: 0.0, data_gb: 0.0 },
    Work { network: PaperRow::DenseNet121, recipe: NetworkId::DenseNet, inputs: IMAGENET, float_epochs: 0.0, data_gb: 0.0 },
    Work { network: PaperRow::WideResNet50, recipe: NetworkId::WideResNet50, inputs: IMAGENET, float_epochs: 0.0, data_gb: 0.0 },
    Work { network: PaperRow::Bert, recipe: NetworkId::BertStsb, inputs: MRPC, float_epochs: 4.0, data_gb: 0.0 },
    Work { network: PaperRow::Albert, recipe: NetworkId::AlbertSentiment, inputs: MRPC, float_epochs: 4.0, data_gb: 0.0 },
    Work { network: PaperRow::Acoustic, recipe: NetworkId::LstmSpokenDigits, inputs: speech(0.01, 21.0), float_epochs: 30.0, data_gb: 53.0 },
    Work { network: PaperRow::Language, recipe: NetworkId::LstmLanguage, inputs: WORDS, float_epochs: 39.0, data_gb: 0.0 },
    Work { network: PaperRow::Transducer, recipe: NetworkId::RnnT, inputs: speech(0.02, 500.0), float_epochs: 20.0, data_gb: 64.0 },
];

/// Training runs and programmings of each, as the experiment has them.
fn runs() -> [f64; 2] {
    let (seeds, programmings) = repeats(Scale::Paper);
    [seeds as f64, programmings as f64]
}

/// Passes over the test set for a network of Fig. 5: every evaluation of a search, and the one on the
/// standard tile, share the test set among their programmings.
fn passes_of_fig_5() -> f64 {
    let (seeds, _, evaluations) = tolerance::size(Scale::Paper);
    AXES.len() as f64 * (evaluations + 1) as f64 * seeds as f64
}

/// Experiments that train other networks on tiles than those of the tables: how often each network.
fn other_trainings() -> [(&'static str, Vec<NetworkId>, f64); 3] {
    let noise = NoiseStructure::study(Scale::Paper);
    let structures = noise.trainings.len() as u64 * noise.seeds;
    let (ablated, _) = ablation::repeats(Scale::Paper);
    let methods = ablation::METHODS.len() as u64 * ablated;
    // Training with scales of columns is that of the tables.
    let tile_wise = TileWiseTraining::study(Scale::Paper);
    [
        ("rasch2023/noise-structure", noise.networks, structures as f64),
        ("rasch2023/ablation", vec![NetworkId::ResNetCifar10], methods as f64),
        ("rasch2023/tile-wise-training", tile_wise.networks, tile_wise.seeds as f64),
    ]
}

/// Passes over the test set of a network in a sweep: four programmings at four times.
const SWEEP: f64 = 16.0;
/// Cores of one machine of a cluster.
const NODE: f64 = 64.0;

/// What one network costs.
struct Cost {
    macs: f64,
    forward: Forward,
    /// Core-hours of one run: training in f32, on tiles, testing both methods.
    float_h: f64,
    tiles_h: f64,
    test_h: f64,
    /// Core-hours of a row of Fig. 5.
    search_h: f64,
    /// Core-hours of training on tiles once and testing a little.
    sweep_h: f64,
    memory_gib: f64,
    models_gb: f64,
}

impl Cost {
    fn of(work: &Work, measured: &Measured) -> Self {
        let network = Original::of(work.network);
        let used = HardwareUse::of(network, TILE);
        let forward = measured.forward_ms[&work.network];
        let recipe = recipe(work.recipe, Scale::Paper).expect("a recipe that is tested");
        let (epochs, batch) = (recipe.training.epochs as f64, recipe.training.batch as f64);
        let calibration = (recipe.calibration.batches + recipe.calibration.tuning) as f64;
        let [train, test] = work.inputs;
        let hours = |inputs: f64, ms: f64| inputs * ms / 3.6e6;
        // The backward pass is two products of the forward one's size, in f32 on tiles too.
        let (float_step, tiles_step) = (3.0 * forward.float, forward.tiles + 2.0 * forward.float);
        let tiles_h = hours(epochs * train, tiles_step);
        let passes = hours(test, forward.tiles);
        let [_, programmings] = runs();
        let parameters = used.parameters as f64;
        Self {
            macs: used.macs as f64,
            forward,
            float_h: hours(work.float_epochs * train, float_step),
            tiles_h: tiles_h + hours(calibration * batch, tiles_step),
            test_h: 2.0 * programmings * TIMES_S.len() as f64 * passes,
            search_h: passes_of_fig_5() * passes,
            sweep_h: tiles_h + SWEEP * passes,
            // Weight, gradient, velocity, noisy weight, and the copy that a checkpoint is made of.
            memory_gib: 4.0 * (5.0 * parameters + measured.tape * batch * used.outputs as f64)
                / f64::from(1 << 30),
            // Weight and velocity, after training in f32 and on tiles.
            models_gb: 2.0 * 8.0 * parameters / 1e9,
        }
    }

    fn run_h(&self) -> f64 {
        self.float_h + self.tiles_h + self.test_h
    }
}

/// No more than three digits that mean something, and thousands set off.
fn number(x: f64) -> String {
    if x >= 1000.0 {
        let step = 10f64.powi(x.log10().floor() as i32 - 2);
        let digits = format!("{:.0}", (x / step).round() * step);
        let mut text = String::new();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    } else if x >= 10.0 {
        format!("{x:.0}")
    } else {
        format!("{x:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// What the page is about.
struct Page<'a> {
    measured: &'a Measured,
    costs: Vec<(&'static Work, Cost)>,
    seeds: f64,
    programmings: f64,
}

impl Page<'_> {
    fn sum(&self, of: &dyn Fn(&Cost) -> f64) -> f64 {
        self.costs.iter().map(|(_, cost)| of(cost)).sum()
    }

    /// The network whose run takes longest, with its core-hours.
    fn longest(&self) -> (&'static str, f64) {
        let longest = self.costs.iter().max_by(|a, b| a.1.run_h().total_cmp(&b.1.run_h()));
        longest.map(|(work, cost)| (work.network.name(), cost.run_h())).expect("there are networks")
    }

    /// Core-hours of the trainings of other experiments.
    fn others_h(&self) -> f64 {
        let trainings = other_trainings();
        let hours = trainings.iter().flat_map(|(_, networks, count)| {
            let trained = self.costs.iter().filter(|(work, _)| networks.contains(&work.recipe));
            trained.map(move |(_, cost)| count * cost.tiles_h)
        });
        hours.sum()
    }

    /// What all of it takes.
    fn introduction(&self, say: &mut dyn FnMut(String)) {
        let (longest, most) = self.longest();
        say("# Paper scale\n".to_owned());
        say(format!(
            "What `cargo xtask reproduce rasch2023/networks --scale paper` costs: **{} core-hours**, \
             {} more for the tolerances of Fig. 5, and {} for the trainings of other experiments. Of these {} are three trainings of one network, \
             {longest}. Computed by a test from the networks, their recipes and the throughput of one core; \
             nobody has run it.\n",
            number(self.seeds * self.sum(&Cost::run_h)),
            number(self.sum(&|c| c.search_h)),
            number(self.others_h()),
            number(self.seeds * most)
        ));
    }

    /// How fast one core is.
    fn throughput(&self, say: &mut dyn FnMut(String)) {
        say("## Throughput\n".to_owned());
        say(format!(
            "Measured on {} ({}), one thread, one input of Table 1's length: `cargo xtask bench --only \
             paper_`. The numbers are in [paper-scale.toml](paper-scale.toml). They are times of the processor \
             on a shared machine; two runs differ by up to a third. Only the LSTMs were timed in batches: \
             small networks are up to twice as fast in theirs.\n",
            self.measured.date, self.measured.machine
        ));
        say("| network | multiplications (10⁹) | f32 (ms) | on tiles (ms) | 10⁹ per second, f32 | on tiles |".to_owned());
        say("| --- | --- | --- | --- | --- | --- |".to_owned());
        for (work, cost) in &self.costs {
            let Forward { tiles, float } = cost.forward;
            say(format!(
                "| {} | {} | {} | {} | {} | {} |",
                work.network,
                number(cost.macs / 1e9),
                number(float),
                number(tiles),
                number(cost.macs / float / 1e6),
                number(cost.macs / tiles / 1e6)
            ));
        }
    }

    /// What the networks take, one by one.
    fn core_hours(&self, say: &mut dyn FnMut(String)) {
        let Self { seeds, programmings, .. } = self;
        say("\n## Core-hours\n".to_owned());
        say(format!(
            "A step in f32 counts as three forward passes, one on tiles as a forward pass on tiles and two \
             in f32. One run trains in f32 (where no published weights are taken), trains on tiles, and \
             tests direct mapping and hardware-aware training with {programmings} programmings at {} times \
             each; the paper has {seeds} runs.\n",
            TIMES_S.len()
        ));
        say("| network | inputs per epoch | epochs f32, tiles | training f32 | on tiles | testing | three runs | Fig. 5 |".to_owned());
        say("| --- | --- | --- | --- | --- | --- | --- | --- |".to_owned());
        for (work, cost) in &self.costs {
            let recipe = recipe(work.recipe, Scale::Paper).expect("a recipe that is tested");
            say(format!(
                "| {} | {} | {}, {} | {} | {} | {} | {} | {} |",
                work.network,
                number(work.inputs[0]),
                work.float_epochs,
                recipe.training.epochs,
                number(cost.float_h),
                number(cost.tiles_h),
                number(cost.test_h),
                number(self.seeds * cost.run_h()),
                number(cost.search_h)
            ));
        }
        say(format!(
            "| **all** | | | {} | {} | {} | **{}** | **{}** |\n",
            number(self.sum(&|c| c.float_h)),
            number(self.sum(&|c| c.tiles_h)),
            number(self.sum(&|c| c.test_h)),
            number(self.seeds * self.sum(&Cost::run_h)),
            number(self.sum(&|c| c.search_h))
        ));
        say(format!(
            "Fig. 5 is a search for every network and nonideality that tests the trained network again and \
             again: {} passes over the test set ({} nonidealities, up to {} evaluations and the standard \
             tile, {} runs; the programmings of an evaluation share the test set). Assumed: Switchboard has \
             {} hours in frames of 10 ms (HMM, 21 to an input) and 20 ms (RNN-T, 500 to an input), its test \
             set {} hours.\n",
            passes_of_fig_5(),
            AXES.len(),
            tolerance::size(Scale::Paper).2,
            tolerance::size(Scale::Paper).0,
            SPEECH_H[0],
            SPEECH_H[1]
        ));
    }

    /// What is trained elsewhere.
    fn other_experiments(&self, say: &mut dyn FnMut(String)) {
        say("Other experiments train networks of their own:\n".to_owned());
        say("| experiment | networks | trainings of each | core-hours |".to_owned());
        say("| --- | --- | --- | --- |".to_owned());
        for (experiment, networks, count) in other_trainings() {
            let trained = self.costs.iter().filter(|(work, _)| networks.contains(&work.recipe));
            say(format!(
                "| `{experiment}` | {} | {} | {} |",
                names(&networks, ", "),
                number(count),
                number(count * trained.map(|(_, cost)| cost.tiles_h).sum::<f64>())
            ));
        }
        say(
            "\nThe remaining ones test the networks of the tables again, on other tiles or with other \
             devices; each costs about a column \u{201c}testing\u{201d}.\n"
                .to_owned(),
        );
    }

    /// Memory and storage.
    fn memory(&self, say: &mut dyn FnMut(String)) {
        say("## Memory and storage\n".to_owned());
        say(format!(
            "Memory of one training run: five numbers per parameter (weight, gradient, velocity, noisy \
             weight, checkpoint) and {} per output of a linear map and example of the batch, as measured on \
             ResNet-20. Models: weight and velocity after both trainings. A record has a few kilobytes.\n",
            self.measured.tape
        ));
        say("| network | batch | memory (GiB) | models of three runs (GB) |".to_owned());
        say("| --- | --- | --- | --- |".to_owned());
        for (work, cost) in &self.costs {
            let recipe = recipe(work.recipe, Scale::Paper).expect("a recipe that is tested");
            say(format!(
                "| {} | {} | {} | {} |",
                work.network,
                recipe.training.batch,
                number(cost.memory_gib),
                number(self.seeds * cost.models_gb)
            ));
        }
        say(format!(
            "\nAll models together take {} GB, the data sets about {} GB (ImageNet as JPEG files, \
             Switchboard's features as 32-bit numbers, computed from its hours).\n",
            number(self.seeds * self.sum(&|c| c.models_gb)),
            number(WORK.iter().map(|work| work.data_gb).sum())
        ));
    }

    /// What many trainings take.
    fn sweep(&self, say: &mut dyn FnMut(String)) {
        say("## A sweep of a thousand networks\n".to_owned());
        say(format!(
            "A thousand trainings on tiles, each tested with four programmings at four times. At desk scale \
             a network takes {} core-minutes ({}): a thousand take {} core-hours, {} hours on two cores. At \
             paper scale:\n",
            number(self.measured.desk_s / 60.0),
            self.measured.desk_source,
            number(1000.0 * self.measured.desk_s / 3600.0),
            number(500.0 * self.measured.desk_s / 3600.0)
        ));
        say(format!("| network | core-hours | days on 16 machines of {NODE} cores |"));
        say("| --- | --- | --- |".to_owned());
        for (work, cost) in &self.costs {
            let hours = 1000.0 * cost.sweep_h;
            say(format!(
                "| {} | {} | {} |",
                work.network,
                number(hours),
                number(hours / (16.0 * NODE) / 24.0)
            ));
        }
    }

    /// What cannot be spread over machines.
    fn limits(&self, say: &mut dyn FnMut(String)) {
        let (longest, most) = self.longest();
        say("\n## What limits it\n".to_owned());
        say(format!(
            "- **Processors.** All of the time is products in f32 and the noise of tiles; the ImageNet \
             networks are {} % of it.\n\
             - **One training is one process.** Points are independent: {} trainings and their tests run \
             side by side on as many machines (`--shard`, `merge`), without a word between them. But the \
             steps of one training follow each other, and are spread over the cores of one machine only. \
             {longest} takes at best {} days on {NODE} cores, however large the cluster; that is the \
             shortest time for the whole.\n\
             - **Memory** does not limit: the largest run needs {} GiB, and a machine of {NODE} cores that \
             runs one training at a time has more. Where a run for every core is wanted, it does.\n\
             - **Storage** does not limit beyond ImageNet and Switchboard themselves. All machines read the \
             same images: a copy on each spares the network.\n\
             - **Interruptions** do not limit: a training saves itself after every epoch, which is at most \
             {} hours of work on {NODE} cores.",
            number(
                100.0 * self.costs[2..6].iter().map(|(_, c)| c.run_h()).sum::<f64>()
                    / self.sum(&Cost::run_h)
            ),
            number(self.seeds * self.costs.len() as f64),
            number(most / NODE / 24.0),
            number(self.costs.iter().map(|(_, c)| c.memory_gib).fold(0.0, f64::max)),
            number(
                self.costs
                    .iter()
                    .map(|(work, c)| {
                        let recipe =
                            recipe(work.recipe, Scale::Paper).expect("a recipe that is tested");
                        c.tiles_h / recipe.training.epochs as f64 / NODE
                    })
                    .fold(0.0, f64::max)
            )
        ));
    }
}

fn page(measured: &Measured) -> String {
    let costs = WORK.iter().map(|work| (work, Cost::of(work, measured))).collect();
    let [seeds, programmings] = runs();
    let page = Page { measured, costs, seeds, programmings };
    let mut text = String::new();
    let mut say =
        |line: String| writeln!(text, "{line}").expect("writing into a string cannot fail");
    page.introduction(&mut say);
    page.throughput(&mut say);
    page.core_hours(&mut say);
    page.other_experiments(&mut say);
    page.memory(&mut say);
    page.sweep(&mut say);
    page.limits(&mut say);
    text
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)
}

#[test]
fn the_page_is_up_to_date() {
    let measured = std::fs::read_to_string(docs("paper-scale.toml")).unwrap();
    let page = page(&toml::from_str(&measured).unwrap());
    let path = docs("paper-scale.md");
    if std::env::var_os("DITHER_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/paper-scale.md is not up to date; see the head of this file");
}

#[test]
fn numbers_are_short() {
    assert_eq!(
        [0.034, 9.5, 61.7, 12_345.0, 1_281_167.0].map(number),
        ["0.03", "9.5", "62", "12,300", "1,280,000"]
    );
}

/// Epochs, training-set sizes and Table 1 agree with what is known of the networks.
#[test]
fn multiplications_are_half_of_the_papers_operations() {
    // FLOPs of Table 1 in 10⁹ for the networks whose input length is known.
    for (name, flops) in [
        (PaperRow::WideResNet16, 3.1),
        (PaperRow::ResNet18, 3.4),
        (PaperRow::ResNet50, 7.9),
        (PaperRow::DenseNet121, 5.4),
        (PaperRow::WideResNet50, 22.6),
        (PaperRow::Bert, 21.8),
        (PaperRow::Albert, 21.8),
    ] {
        let ours = 2e-9 * HardwareUse::of(Original::of(name), TILE).macs as f64;
        assert!((ours / flops - 1.0).abs() < 0.07, "{name}: {ours} against {flops}");
    }
}
