//! A batch that is cut into leaves: the same bits for any number of processes, threads and stops.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use common::gaussian;
use nn::arithmetic::{AdcBound, LearnedScales, presets};
use nn::layers::{
    Activation, BatchNorm, Builder, Cell, Conv2d, ConvConfig, EncoderConfig, Init, Linear, Readout,
    RecurrentConfig,
};
use nn::models::{
    AcousticConfig, LanguageModelConfig, TextEncoderConfig, TransducerConfig, acoustic_model,
    lstm_language_model, mlp, rnn_transducer, text_classifier,
};
use nn::ops::Pairing;
use nn::{
    Adam, Analog, AnalogTraining, AnyArithmetic, Augmentation, Classification, FixedPoint, Float32,
    Images, LanguageModelling, Model, Optimizer, Parameters, Pixels, Policy, Processes, Progress,
    Recipe, Run, SequenceClassification, SequenceLabels, Sequences, Step, Stopped, Task,
    TextClassification, Transduction, Var, Window, checkpoint, ops, threads, train_epoch_among,
};
use numerics::{Par, Rounding, Seed};

const BATCH: usize = 20;
const LEAVES: usize = 8;
const EPOCHS: usize = 2;

fn recipe(leaves: usize) -> Recipe {
    let optimizer = Optimizer::Adam(Adam::default());
    // Small enough that some gradients are clipped: the norm is that of the whole batch.
    Recipe { optimizer, leaves, clip_norm: Some(0.5), ..Recipe::sgd(BATCH, EPOCHS, 0.01) }
}

/// A network to be trained, from nothing.
type Trained<'a> = &'a (dyn Fn(&mut dyn FnMut(&dyn Task, &mut Parameters)) + Sync);

/// Trains from a checkpoint, or from nothing; stops after so many steps of all.
fn train_from(
    network: Trained<'_>,
    processes: &Processes,
    (leaves, par): (usize, Par),
    from: Option<&[u8]>,
    mut steps: usize,
) -> Vec<u8> {
    let mut saved = Vec::new();
    network(&mut |task, parameters| {
        let mut progress = Progress::default();
        if let Some(bytes) = from {
            progress = serde_json::from_str(&checkpoint::note(bytes).unwrap()).unwrap();
            checkpoint::load(parameters, bytes).unwrap();
        }
        let (recipe, run) = (recipe(leaves), Run::new(&Seed::new(7), par));
        while progress.epoch < EPOCHS && steps > 0 {
            // Only one of them is asked to stop.
            let on_step = |_: &Progress, _| {
                steps -= 1;
                let stops = steps == 0 && processes.index() + 1 == processes.count();
                if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            let ended = train_epoch_among(
                processes,
                task,
                parameters,
                &recipe,
                &mut progress,
                run,
                on_step,
            );
            assert!(matches!(ended, Ok(_) | Err(Stopped::Interrupted)), "{ended:?}");
        }
        saved = checkpoint::save(parameters, &serde_json::to_string(&progress).unwrap());
    });
    saved
}

/// What all of so many processes end with, which is one.
fn among(
    count: usize,
    network: Trained<'_>,
    how: (usize, Par),
    from: Option<&[u8]>,
    steps: usize,
) -> Vec<u8> {
    std::thread::scope(|scope| {
        let train = |one| move || train_from(network, &one, how, from, steps);
        let all: Vec<_> = threads(count).into_iter().map(|one| scope.spawn(train(one))).collect();
        let mut all: Vec<_> = all.into_iter().map(|thread| thread.join().unwrap()).collect();
        let first = content(&all[0]);
        assert!(all.iter().all(|one| content(one) == first), "{count} processes differ");
        all.remove(0)
    })
}

/// The tensors and the note of a checkpoint, whose other metadata has no order.
fn content(bytes: &[u8]) -> (BTreeMap<String, Vec<u8>>, String) {
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let tensors = tensors.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec()));
    (tensors.collect(), checkpoint::note(bytes).unwrap())
}

/// Whether checkpoints have the same bits.
#[track_caller]
fn assert_same(one: &[u8], other: &[u8], what: &str) {
    let ((one, note), (other, other_note)) = (content(one), content(other));
    for (name, values) in &one {
        assert!(other[name] == *values, "{what}: {name} differs");
    }
    assert_eq!(note, other_note, "{what}");
}

const ALL: usize = usize::MAX;

/// Checkpoints are equal for any number of processes and threads, and after a stop.
#[track_caller]
fn check(name: &str, network: Trained<'_>) {
    let alone = among(1, network, (LEAVES, Par::Seq), None, ALL);
    for count in [2, 3, 8] {
        let shared = among(count, network, (LEAVES, Par::Seq), None, ALL);
        assert_same(&shared, &alone, &format!("{name}: {count} processes"));
    }
    let threads = among(1, network, (LEAVES, Par::Rayon), None, ALL);
    assert_same(&threads, &alone, &format!("{name}: threads"));
    let stopped = among(4, network, (LEAVES, Par::Rayon), None, 2);
    assert!(content(&stopped) != content(&alone), "{name} was not stopped");
    let resumed = among(3, network, (LEAVES, Par::Seq), Some(&stopped), ALL);
    assert_same(&resumed, &alone, &format!("{name}: stopped with 4 processes, resumed with 3"));
}

fn build<M>(policy: &Policy, build: impl FnOnce(&mut Builder<'_>) -> M) -> (Parameters, M) {
    let mut parameters = Parameters::new();
    let mut builder = Builder { parameters: &mut parameters, policy, seed: Seed::new(1) };
    let model = build(&mut builder);
    (parameters, model)
}

fn stochastic() -> AnyArithmetic {
    FixedPoint::uniform("<8,8>".parse().unwrap(), Rounding::Stochastic).unwrap().into()
}

/// Tiles with everything that is learned there, ranges so small that inputs are clipped.
fn tiles() -> AnyArithmetic {
    let learned_scales = LearnedScales::Both;
    // Ranges so small that outputs leave them.
    let adc_bound = Some(AdcBound { decay: 0.01, inside: 0.95 });
    let training = AnalogTraining { learned_scales, adc_bound, ..AnalogTraining::default() };
    let mut tile = crossbar::presets::standard_pcm();
    tile.periphery.adc.bound = Some(2.0);
    tile.periphery.adc.bound_per = crossbar::BoundPer::Column;
    Analog::new(tile, training).unwrap().into()
}

fn arithmetics() -> Vec<(String, AnyArithmetic)> {
    let presets =
        presets::names().map(|name| (name.to_owned(), AnyArithmetic::named(name).unwrap()));
    let others = [("f32", Float32.into()), ("fixed", stochastic()), ("tiles", tiles())];
    others.into_iter().map(|(name, of)| (name.to_owned(), of)).chain(presets).collect()
}

/// 64 images of 6 × 6 pixels.
fn images() -> Images {
    let pixels: Vec<u8> = (0..64 * 36u32).map(|i| (i * 79 % 251) as u8).collect();
    Images::new(&[6, 6, 1], pixels, (0..64).map(|i| i % 7 % 3).collect())
}

/// Convolution, batch normalisation, and a layer on top.
#[derive(Debug)]
struct Small(Conv2d, BatchNorm, Linear);

impl Small {
    fn new(builder: &mut Builder<'_>) -> Self {
        let window = Window::square(3).padding(1).stride(2);
        let config = ConvConfig::new(window, Init::HeNormal);
        let conv = Conv2d::new(builder, "conv", 1, 5, config);
        let norm = BatchNorm::new(builder, "norm", 5);
        let head = Linear::new(builder, "head", 45, 3, Init::XavierNormal, Readout::Wide);
        Self(conv, norm, head)
    }
}

impl Model for Small {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let x = self.0.forward(x, step);
        let x = self.1.forward_relu(x, step);
        let images = step.value(x).shape()[0];
        let x = ops::reshape(step, x, &[images, 45]);
        let x = ops::dropout(step, "head", x, 0.2);
        self.2.forward(x, step)
    }
}

#[test]
fn images_in_every_arithmetic() {
    for (name, arithmetic) in arithmetics() {
        check(&name, &|train| {
            let policy = Policy::uniform(arithmetic.clone());
            let (mut parameters, model) = build(&policy, Small::new);
            let augmentation = Augmentation { pad_and_crop: 1, mirror: true, cut_out: 2 };
            let task = Classification {
                model: &model,
                images: &images().first(60),
                pixels: &Pixels::unit(&arithmetic),
                augmentation: Some(augmentation),
            };
            train(&task, &mut parameters);
        });
    }
}

#[test]
fn a_perceptron_in_every_arithmetic() {
    for (name, arithmetic) in arithmetics() {
        check(&name, &|train| {
            let policy = Policy::uniform(arithmetic.clone());
            let init = Init::Normal { std_dev: 0.3 };
            let (mut parameters, model) =
                build(&policy, |builder| mlp(builder, &[36, 30, 3], init));
            // The last batch of an epoch has 16 examples.
            let images = images().first(56).reshaped(&[36]);
            let pixels = Pixels::unit(&arithmetic);
            train(&Classification::new(&model, &images, &pixels), &mut parameters);
        });
    }
}

/// Sequences of 3 to 7 vectors of 4.
fn sequences(count: usize) -> Sequences {
    let mut sequences = Sequences::new(4);
    for i in 0..count {
        sequences.push(&gaussian(&format!("sequence {i}"), 4 * (3 + i * i % 5)));
    }
    sequences
}

fn recurrent(cell: Cell, inputs: usize, bidirectional: bool) -> RecurrentConfig {
    RecurrentConfig { cell, inputs, width: 6, layers: 1, bidirectional, dropout: 0.0 }
}

#[test]
fn recurrent_networks_in_every_arithmetic() {
    for (name, arithmetic) in arithmetics() {
        for cell in [Cell::Lstm, Cell::Gru] {
            check(&name, &|train| {
                let policy = Policy::uniform(arithmetic.clone());
                let lstm = recurrent(cell, 4, true);
                let config = AcousticConfig { lstm, bottleneck: 5, classes: 3 };
                let (mut parameters, model) =
                    build(&policy, |builder| acoustic_model(builder, config));
                let classes: Vec<u32> = (0..40).map(|i| i % 3).collect();
                let (sequences, labels) = (sequences(40), SequenceLabels::Whole(&classes));
                let task = SequenceClassification { model, sequences: &sequences, labels };
                train(&task, &mut parameters);
            });
        }
    }
}

#[test]
fn other_tasks() {
    let policy = &Policy::uniform(Float32);
    check("text", &|train| {
        let block = EncoderConfig {
            width: 8,
            heads: 2,
            inner: 16,
            activation: Activation::Gelu,
            pre_norm: false,
            dropout: 0.1,
            epsilon: 1e-12,
        };
        let config = TextEncoderConfig {
            vocabulary: 10,
            positions: 8,
            embedding: 6,
            layers: 2,
            shared: true,
            block,
        };
        let (mut parameters, model) = build(policy, |builder| text_classifier(builder, config, 2));
        let sentences: Vec<Vec<u32>> =
            (0..40).map(|i| (0..=i * i % 6).map(|t| (3 * i + 5 * t) % 10).collect()).collect();
        let labels: Vec<u32> = sentences.iter().map(|s| s[0] % 2).collect();
        let sentences = &sentences;
        train(
            &TextClassification { model, sentences, segments: None, labels: &labels },
            &mut parameters,
        );
    });
    check("language", &|train| {
        let config = LanguageModelConfig {
            vocabulary: 7,
            width: 5,
            layers: 2,
            dropout: 0.2,
            embedding: Init::Normal { std_dev: 1.0 },
        };
        let (mut parameters, model) = build(policy, |builder| lstm_language_model(builder, config));
        let words: Vec<u32> = (0..160u32).map(|i| i * i % 7).collect();
        let task = LanguageModelling { model, words: &words, window: 4, context: 3 };
        train(&task, &mut parameters);
    });
    check("transducer", &|train| {
        let predictor = RecurrentConfig { inputs: 3, ..recurrent(Cell::Lstm, 3, false) };
        let config = TransducerConfig {
            encoder: recurrent(Cell::Lstm, 4, true),
            predictor,
            joint: 5,
            pairing: Pairing::Sum,
            classes: 4,
        };
        let (mut parameters, model) = build(policy, |builder| rnn_transducer(builder, config));
        let sequences = sequences(40);
        let labels: Vec<Vec<u32>> =
            (0..40u32).map(|i| (0..=i % 3).map(|k| 1 + (i + k) % 3).collect()).collect();
        let task = Transduction {
            model,
            sequences: &sequences,
            labels: &labels,
            labels_per_time: 2,
            separator: None,
        };
        train(&task, &mut parameters);
    });
}

/// Exact integers need no order: with leaves and without them.
#[test]
fn fixed_point_does_not_see_its_leaves() {
    let train = |leaves: usize| {
        among(
            1,
            &|train| {
                let arithmetic = stochastic();
                let policy = Policy::uniform(arithmetic.clone());
                let init = Init::Normal { std_dev: 0.3 };
                let (mut parameters, model) =
                    build(&policy, |builder| mlp(builder, &[36, 30, 3], init));
                let (images, pixels) = (images().reshaped(&[36]), Pixels::unit(&arithmetic));
                let images = images.first(60);
                train(&Classification::new(&model, &images, &pixels), &mut parameters);
            },
            (leaves, Par::Seq),
            None,
            1,
        )
    };
    assert_eq!(content(&train(1)).0, content(&train(8)).0);
}

#[test]
fn what_cannot_be_shared_is_refused_by_name() {
    let processes = &threads(3)[0];
    let (parameters, model) =
        build(&Policy::uniform(Float32), |builder| mlp(builder, &[36, 3], Init::XavierNormal));
    let (images, pixels) = (images().reshaped(&[36]), Pixels::unit(&AnyArithmetic::Float32));
    let task = Classification::new(&model, &images, &pixels);
    for (recipe, examples, expected) in [
        (recipe(2), 64, "3 processes cannot share a recipe with leaves = 2"),
        (recipe(0), 64, "leaves must not be 0"),
        (recipe(21), 64, "leaves = 21, and a batch of 20 has not as many examples"),
        (
            recipe(8),
            67,
            "the last batch of an epoch has 7 of 67 examples, fewer than leaves = 8: leave it out \
             (drop_last)",
        ),
    ] {
        let checked = recipe.check_for(examples, &parameters);
        let checked = checked.and_then(|()| recipe.check_among(&task, processes.count()));
        assert_eq!(checked.unwrap_err(), expected);
    }
    let kept = toml::to_string(&recipe(1)).unwrap();
    assert!(!kept.contains("leaves"), "a recipe without leaves is written as ever: {kept}");
    let cut: Recipe = toml::from_str(&toml::to_string(&recipe(4)).unwrap()).unwrap();
    assert_eq!(cut.leaves, 4);
}
