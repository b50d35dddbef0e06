//! Tasks: what they count, that padding and the cut into batches change nothing, that they learn.

mod common;

use std::ops::ControlFlow;

use common::{check, check_at, gaussian};
use nn::decode::transducer_greedy;
use nn::layers::{Activation, Builder, Cell, EncoderConfig, Init, RecurrentConfig};
use nn::models::{
    AcousticConfig, LanguageModel, LanguageModelConfig, Mlp, RnnTransducer, TextEncoderConfig,
    TransducerConfig, acoustic_model, lstm_language_model, mlp, rnn_transducer, text_classifier,
    text_encoder,
};
use nn::ops::{Distillation, Pairing};
use nn::{
    Adam, AnyArithmetic, Augmentation, Classification, Distilled, Images, LanguageModelling, Mode,
    Model, Optimizer, Parameters, Pass, Pixels, Policy, Progress, Recipe, Run, Schedule,
    SentenceSimilarity, SequenceClassification, SequenceLabels, Sequences, Step, Task, Tensor,
    TextClassification, Transduction, Var, Workspace, evaluate, ops, train_epoch,
};
use numerics::{Par, Seed};
use proptest::prelude::*;

fn build<M>(build: impl FnOnce(&mut Builder<'_>) -> M) -> (Parameters, M) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let model = build(&mut builder);
    (parameters, model)
}

fn pass(mode: Mode) -> Pass {
    Pass { seed: Seed::new(2), first_row: 0, step: 0, mode, par: Par::Seq }
}

/// (loss, units, wrong) of some examples.
fn outcome(task: &dyn Task, parameters: &Parameters, examples: &[u32]) -> (f32, usize, usize) {
    let mut work = Workspace::new();
    let mut step = work.step(parameters, pass(Mode::Eval));
    let outcome = task.forward(examples, &mut step);
    let wrong = outcome.wrong.unwrap();
    assert_eq!(wrong.len(), examples.len());
    let wrong = wrong.iter().map(|&wrong| wrong as usize).sum();
    (work.tape.value(outcome.loss).item(), outcome.units, wrong)
}

/// Loss before and after some epochs of Adam.
fn train(task: &dyn Task, parameters: &mut Parameters, epochs: usize) -> (f64, f64) {
    let recipe = Recipe {
        batch: 4,
        epochs,
        learning_rate: 0.02,
        schedule: Schedule::default(),
        optimizer: Optimizer::Adam(Adam::default()),
        groups: Vec::new(),
        clip_norm: Some(5.0),
        drop_last: false,
        leaves: 1,
    };
    let (seed, mut progress) = (Seed::new(3), Progress::default());
    let before = evaluate(task, &*parameters, Run::new(&seed, Par::Seq)).loss;
    for _ in 0..epochs {
        let on_step = |_: &Progress, _| ControlFlow::Continue(());
        train_epoch(task, parameters, &recipe, &mut progress, Run::new(&seed, Par::Seq), on_step)
            .unwrap();
    }
    (before, evaluate(task, &*parameters, Run::new(&seed, Par::Seq)).loss)
}

#[test]
fn the_cosine_has_its_value_and_its_gradient() {
    check(&[&[3, 4], &[3, 4]], |s, x| ops::cosine_similarity(s, x[0], x[1]));
    // A zero vector has no angle, and so no gradient; this one stays zero for the differences.
    let (zero, row) = (vec![0.0; 2], vec![3.0, -4.0]);
    check_at(&[&[1, 2]], std::slice::from_ref(&row), |s, x| {
        let zero = s.tape.constant(Tensor::new(&[1, 2], zero.clone()));
        ops::cosine_similarity(s, x[0], zero)
    });
    let mut work = Workspace::new();
    let a = work.tape.constant(Tensor::new(&[3, 2], [&row[..], &[1.0, 0.0, 0.0, 0.0]].concat()));
    let b = work.tape.constant(Tensor::new(&[3, 2], vec![6.0, -8.0, 0.0, 2.0, 1.0, 1.0]));
    let parameters = Parameters::new();
    let cosine = ops::cosine_similarity(&mut work.step(&parameters, pass(Mode::Eval)), a, b);
    let expected = [1.0, 0.0, 0.0];
    for (found, expected) in work.tape.value(cosine).data().iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }
    let none = work.tape.constant(Tensor::new(&[0, 2], Vec::new()));
    let nothing = ops::cosine_similarity(&mut work.step(&parameters, pass(Mode::Eval)), none, none);
    assert_eq!(work.tape.value(nothing).shape(), [0]);
}

const VOCABULARY: usize = 7;

fn language_model() -> (Parameters, LanguageModel) {
    let config = LanguageModelConfig {
        vocabulary: VOCABULARY,
        width: 5,
        layers: 2,
        dropout: 0.0,
        embedding: Init::Normal { std_dev: 1.0 },
    };
    build(|builder| lstm_language_model(builder, config))
}

fn text(len: usize) -> Vec<u32> {
    let stream = Seed::new(4).stream();
    (0..len as u64).map(|i| stream.below(i, VOCABULARY as u32)).collect()
}

proptest! {
    #[test]
    fn windows_predict_every_word_but_the_first_once(
        len in 0usize..60,
        window in 1usize..12,
        context in 0usize..12,
    ) {
        let ((parameters, model), words) = (language_model(), text(len));
        let task = LanguageModelling { model, words: &words, window, context };
        let all: Vec<u32> = (0..task.len() as u32).collect();
        let units: usize = all.iter().map(|&i| outcome(&task, &parameters, &[i]).1).sum();
        prop_assert_eq!(units, len.saturating_sub(1));
        if len > 1 {
            // A batch pads its shorter windows; each alone is not padded.
            let (loss, units, wrong) = outcome(&task, &parameters, &all);
            let (mut sum, mut wrongs) = (0.0, 0);
            for &i in &all {
                let (loss, units, wrong) = outcome(&task, &parameters, &[i]);
                sum += loss * units as f32;
                wrongs += wrong;
            }
            prop_assert!((loss - sum / units as f32).abs() < 1e-5);
            prop_assert_eq!(wrong, wrongs);
        }
    }
}

/// With a context that reaches to the beginning, windows say what one pass over the text says.
#[test]
fn a_long_context_carries_the_states() {
    let ((mut parameters, model), words) = (language_model(), text(40));
    let whole = LanguageModelling { model, words: &words, window: 39, context: 0 };
    // Initial weights are so small that all words are nearly as likely.
    train(&whole, &mut parameters, 20);
    let cut = LanguageModelling { window: 6, context: 39, ..whole.clone() };
    let none = LanguageModelling { context: 0, ..cut.clone() };
    let [whole, cut, none] = [&whole, &cut, &none]
        .map(|task| evaluate(task, &parameters, Run::new(&Seed::new(0), Par::Seq)));
    assert!((whole.loss - cut.loss).abs() < 1e-5, "{whole:?} {cut:?}");
    assert_eq!(whole.error_rate, cut.error_rate);
    assert!((whole.loss - none.loss).abs() > 1e-3, "{whole:?} {none:?}");
}

#[test]
fn a_language_model_learns_a_rhyme() {
    let (mut parameters, model) = language_model();
    let words: Vec<u32> = [1, 4, 2, 6, 3].repeat(20);
    let task = LanguageModelling { model, words: &words, window: 10, context: 2 };
    let (before, after) = train(&task, &mut parameters, 60);
    assert!(after < before / 3.0, "{before}, then {after}");
}

fn recurrent(inputs: usize, bidirectional: bool) -> RecurrentConfig {
    RecurrentConfig { cell: Cell::Lstm, inputs, width: 6, layers: 1, bidirectional, dropout: 0.0 }
}

/// Sequences of 3 to 7 vectors of 4.
fn sequences(count: usize) -> Sequences {
    let mut sequences = Sequences::new(4);
    for i in 0..count {
        sequences.push(&gaussian(&format!("sequence {i}"), 4 * (3 + i % 5)));
    }
    sequences
}

#[test]
fn padding_does_not_change_what_a_sequence_is() {
    let config = AcousticConfig { lstm: recurrent(4, true), bottleneck: 5, classes: 3 };
    let (mut parameters, model) = build(|builder| acoustic_model(builder, config));
    let sequences = sequences(6);
    let whole = [0, 1, 2, 0, 1, 2];
    let each: Vec<Vec<u32>> = (0..6u32)
        .map(|i| (0..sequences.get(i as usize).len() as u32 / 4).map(|t| (t + i) % 3).collect())
        .collect();
    for labels in [SequenceLabels::Whole(&whole), SequenceLabels::Each(&each)] {
        let task = SequenceClassification { model: model.clone(), sequences: &sequences, labels };
        let (loss, units, wrong) = outcome(&task, &parameters, &[0, 1, 2, 3, 4, 5]);
        let (mut frames, mut sum, mut units_alone, mut wrong_alone) = (0, 0.0, 0, 0);
        for i in 0..6 {
            let (loss, units, wrong) = outcome(&task, &parameters, &[i]);
            let length = sequences.get(i as usize).len() / 4;
            (frames, sum) = (frames + length, sum + loss * length as f32);
            (units_alone, wrong_alone) = (units_alone + units, wrong_alone + wrong);
        }
        assert!((loss - sum / frames as f32).abs() < 1e-5, "{loss}, {}", sum / frames as f32);
        assert_eq!((units, wrong), (units_alone, wrong_alone));
    }
    let labels = SequenceLabels::Whole(&whole);
    let task = SequenceClassification { model, sequences: &sequences, labels };
    let (before, after) = train(&task, &mut parameters, 30);
    assert!(after < before / 3.0, "{before}, then {after}");
}

fn transducer() -> (Parameters, RnnTransducer) {
    let predictor = RecurrentConfig { inputs: 3, ..recurrent(3, false) };
    let config = TransducerConfig {
        encoder: recurrent(4, true),
        predictor,
        joint: 5,
        pairing: Pairing::Sum,
        classes: 4,
    };
    build(|builder| rnn_transducer(builder, config))
}

/// Against the search for one utterance that asks the whole predictor again for every label.
#[test]
fn the_greedy_search_of_a_batch_is_that_of_each() {
    let (parameters, model) = transducer();
    let (sequences, lengths) = (sequences(5), [3usize, 4, 5, 6, 7]);
    let mut found = 0;
    for per_time in [1, 2, 5] {
        let mut frames = vec![0.0; 5 * 7 * 4];
        for (i, row) in frames.chunks_exact_mut(7 * 4).enumerate() {
            row[..sequences.get(i).len()].copy_from_slice(sequences.get(i));
        }
        let mut work = Workspace::new();
        let mut step = work.step(&parameters, pass(Mode::Eval));
        let x = step.tape.constant(Tensor::new(&[5, 7, 4], frames));
        let encoding = model.encode(x, Some(&lengths), &mut step);
        let batch = model.greedy(encoding, &lengths, per_time, &mut step);
        for (i, &length) in lengths.iter().enumerate() {
            let own = ops::slice(&mut step, encoding, 0, i..i + 1);
            let alone = transducer_greedy(length, 0, per_time, |t, labels| {
                let frame = ops::slice(&mut step, own, 1, t..t + 1);
                let prediction = model.predict(&[labels.to_vec()], &mut step);
                let last = ops::slice(&mut step, prediction, 1, labels.len()..labels.len() + 1);
                let logits = model.join(frame, last, &mut step);
                step.tape.value(logits).data().to_vec()
            });
            assert_eq!(batch[i], alone, "utterance {i}, {per_time} labels per time");
            found += alone.len();
        }
    }
    assert!(found > 0, "the untrained network says nothing, so nothing was compared");
}

#[test]
fn a_transducer_learns_labels() {
    let (mut parameters, model) = transducer();
    let sequences = sequences(8);
    let labels: Vec<Vec<u32>> = (0..8u32).map(|i| vec![1 + i % 3, 1 + (i + 1) % 2]).collect();
    let task = Transduction {
        model,
        sequences: &sequences,
        labels: &labels,
        labels_per_time: 2,
        separator: None,
    };
    let (before, after) = train(&task, &mut parameters, 60);
    assert!(after < before / 3.0, "{before}, then {after}");
    let stats = evaluate(&task, &parameters, Run::new(&Seed::new(0), Par::Seq));
    assert!(stats.error_rate.unwrap() < 0.3, "{stats:?}");
}

fn encoder_config() -> TextEncoderConfig {
    let block = EncoderConfig {
        width: 8,
        heads: 2,
        inner: 16,
        activation: Activation::Gelu,
        pre_norm: false,
        dropout: 0.0,
        epsilon: 1e-12,
    };
    TextEncoderConfig {
        vocabulary: 10,
        positions: 8,
        embedding: 8,
        layers: 1,
        shared: false,
        block,
    }
}

/// Sentences of 1 to 6 tokens.
fn sentences(count: u32) -> Vec<Vec<u32>> {
    (0..count).map(|i| (0..=i % 6).map(|t| (3 * i + 5 * t) % 10).collect()).collect()
}

#[test]
fn sentences_are_classified() {
    let (mut parameters, model) = build(|builder| text_classifier(builder, encoder_config(), 2));
    let sentences = sentences(8);
    let labels: Vec<u32> = sentences.iter().map(|s| s[0] % 2).collect();
    let task = TextClassification { model, sentences: &sentences, segments: None, labels: &labels };
    let (batch, units, wrong) = outcome(&task, &parameters, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let alone: Vec<_> = (0..8).map(|i| outcome(&task, &parameters, &[i])).collect();
    let mean = alone.iter().map(|(loss, ..)| loss).sum::<f32>() / 8.0;
    assert!((batch - mean).abs() < 1e-5, "{batch}, {mean}");
    assert_eq!((units, wrong), (8, alone.iter().map(|(.., wrong)| wrong).sum()));
    let (before, after) = train(&task, &mut parameters, 40);
    assert!(after < before / 3.0, "{before}, then {after}");
}

#[test]
fn similarities_are_learned() {
    let (mut parameters, encoder) = build(|builder| text_encoder(builder, encoder_config()));
    let pairs: Vec<[Vec<u32>; 2]> = sentences(8)
        .into_iter()
        .zip(sentences(9).into_iter().skip(1))
        .map(|(first, second)| [first, second])
        .collect();
    let similarities: Vec<f32> = (0..8u8).map(|i| f32::from(i) / 8.0).collect();
    let task = SentenceSimilarity { encoder, pairs: &pairs, similarities: &similarities };
    // The order within a pair and the company of other pairs change nothing.
    let mut work = Workspace::new();
    let mut step = work.step(&parameters, pass(Mode::Eval));
    let batch = task.similarity(&[0, 3, 5], &mut step);
    let swapped: Vec<[Vec<u32>; 2]> = pairs.iter().map(|[a, b]| [b.clone(), a.clone()]).collect();
    let other = SentenceSimilarity { pairs: &swapped, ..task.clone() };
    for (row, example) in [0, 3, 5].into_iter().enumerate() {
        let alone = other.similarity(&[example], &mut step);
        let (batch, alone) = (step.tape.value(batch).data()[row], step.tape.value(alone).item());
        assert!((batch - alone).abs() < 1e-5, "{batch}, {alone}");
    }
    let (before, after) = train(&task, &mut parameters, 40);
    assert!(after < before / 3.0, "{before}, then {after}");
}

const ALL_TEACHER: Distillation = Distillation { temperature: 2.0, mix: 1.0 };

/// The fraction of units in which a network says what `labels` are.
fn error(task: &dyn Task, parameters: &Parameters) -> f64 {
    evaluate(task, parameters, Run::new(&Seed::new(0), Par::Seq)).error_rate.unwrap()
}

/// A student whose labels are wrong says what its teacher says, who learned the right ones.
#[test]
fn a_student_follows_its_teacher() {
    let ((mut taught, model), (mut student, own)) = (
        build(|builder| text_classifier(builder, encoder_config(), 2)),
        build(|builder| text_classifier(builder, encoder_config(), 2)),
    );
    let sentences = sentences(12);
    let labels: Vec<u32> = sentences.iter().map(|s| s[0] % 2).collect();
    let wrong: Vec<u32> = labels.iter().map(|label| 1 - label).collect();
    let task =
        |model, labels| TextClassification { model, sentences: &sentences, segments: None, labels };
    let teacher = task(model, &labels);
    train(&teacher, &mut taught, 40);
    assert_eq!(error(&teacher, &taught), 0.0, "the teacher knows");
    let pupil = task(own.clone(), &wrong);
    let distilled = Distilled::new(&pupil, (&teacher, &taught), ALL_TEACHER).unwrap();
    train(&distilled, &mut student, 40);
    assert_eq!(error(&task(own, &labels), &student), 0.0, "the student knows, too");
    assert_eq!(error(&distilled, &student), 1.0, "outside training it is the task itself");
}

/// A perceptron of images.
#[derive(Debug)]
struct Flat(Mlp);

impl Model for Flat {
    fn forward(&self, x: Var, step: &mut Step<'_>) -> Var {
        let images = step.tape.value(x).shape()[0];
        let x = ops::reshape(step, x, &[images, 64]);
        self.0.forward(x, step)
    }
}

/// The loss to a teacher with the same parameters is zero where both see the same: the same crops
/// of images, without padding of sequences, of windows of words.
#[test]
fn a_teacher_sees_what_its_student_sees() {
    let loss = |task: &dyn Task, parameters: &Parameters, examples: &[u32]| {
        let distilled = Distilled::new(task, (task, parameters), ALL_TEACHER).unwrap();
        let mut work = Workspace::new();
        let mut step = work.step(parameters, pass(Mode::Train));
        let outcome = distilled.forward(examples, &mut step);
        work.tape.value(outcome.loss).item()
    };
    let (parameters, model) = build(|builder| Flat(mlp(builder, &[64, 5, 3], Init::XavierNormal)));
    let pixels: Vec<u8> = (0..4 * 64u32).map(|i| (37 * i % 251) as u8).collect();
    let images = Images::new(&[8, 8, 1], pixels, vec![0, 1, 2, 0]);
    let task = Classification {
        model: &model,
        images: &images,
        pixels: &Pixels::unit(&AnyArithmetic::Float32),
        augmentation: Some(Augmentation { pad_and_crop: 2, mirror: true, cut_out: 0 }),
    };
    assert!(loss(&task, &parameters, &[0, 1, 2, 3]).abs() < 1e-6);

    let config = AcousticConfig { lstm: recurrent(4, true), bottleneck: 5, classes: 3 };
    let (parameters, model) = build(|builder| acoustic_model(builder, config));
    let (sequences, whole) = (sequences(6), [0, 1, 2, 0, 1, 2]);
    let labels = SequenceLabels::Whole(&whole);
    let task = SequenceClassification { model, sequences: &sequences, labels };
    assert!(loss(&task, &parameters, &[0, 3, 5]).abs() < 1e-6);

    let ((parameters, model), words) = (language_model(), text(20));
    let task = LanguageModelling { model, words: &words, window: 6, context: 2 };
    assert!(loss(&task, &parameters, &[0, 2, 3]).abs() < 1e-6);
}

#[test]
fn distillation_needs_logits_and_sound_options() {
    let (parameters, model) = transducer();
    let sequences = sequences(1);
    let task = Transduction {
        model,
        sequences: &sequences,
        labels: &[vec![1]],
        labels_per_time: 1,
        separator: None,
    };
    let error = Distilled::new(&task, (&task, &parameters), ALL_TEACHER).unwrap_err();
    assert_eq!(
        error.to_string(),
        "distillation needs a network whose loss is a cross-entropy of logits"
    );
    for (options, expected) in [
        (
            Distillation { temperature: 0.0, mix: 0.5 },
            "temperature = 0 must be positive and finite",
        ),
        (Distillation { temperature: 1.0, mix: 1.5 }, "mix = 1.5 is not a share"),
    ] {
        let error = Distilled::new(&task, (&task, &parameters), options).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
