//! Models of language, speech and text: published sizes, shapes, and that all of them takes part.

use nn::layers::{Builder, RecurrentConfig};
use nn::models::{
    AcousticConfig, LanguageModelConfig, SpeechTransformerConfig, TextEncoderConfig, Tokens,
    TransducerConfig, acoustic_model, lstm_language_model, rnn_transducer, speech_transformer,
    text_classifier, text_encoder,
};
use nn::ops::{CrossEntropy, CtcTargets, TransducerTargets};
use nn::{
    AnyArithmetic, FixedPoint, Mode, Parameters, Pass, Policy, Step, Tensor, Var, Workspace, ops,
};
use numerics::{Par, Rounding, Seed};

fn build<M>(
    arithmetic: AnyArithmetic,
    build: impl FnOnce(&mut Builder<'_>) -> M,
) -> (Parameters, M) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(arithmetic);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let model = build(&mut builder);
    (parameters, model)
}

fn count<M>(model: impl FnOnce(&mut Builder<'_>) -> M) -> usize {
    build(AnyArithmetic::Float32, model).0.count()
}

/// Number of parameters: the published one, and the exact one that follows from the shapes.
#[test]
fn parameter_counts_are_the_published_ones() {
    let cases = [
        // [Rasch23, Table 1]: 19.8 M, 13.3 M of them mapped (all but the embedding of 6.5 M).
        (
            "LSTM PTB",
            19.8e6,
            0.05e6,
            19_780_400,
            count(|b| lstm_language_model(b, LanguageModelConfig::penn_treebank())),
        ),
        // [Rasch23, Table 1]: 30 M.
        (
            "Speech SWB300",
            30e6,
            0.5e6,
            30_064_128,
            count(|b| acoustic_model(b, AcousticConfig::switchboard())),
        ),
        // [Rasch23, Table 1]: 57 M.
        (
            "RNN-T SWB300",
            57e6,
            0.5e6,
            57_164_282,
            count(|b| rnn_transducer(b, TransducerConfig::switchboard())),
        ),
        // [Rasch23, Table 1]: 108 M, with the two classes of MRPC.
        (
            "BERT-base MRPC",
            108e6,
            0.5e6,
            108_311_810,
            count(|b| text_classifier(b, TextEncoderConfig::bert_base(), 2)),
        ),
        // Lan et al., ICLR 2020, Table 1: 12 M; Hugging Face's albert-base-v2: 11,683,584.
        (
            "ALBERT-base",
            12e6,
            0.5e6,
            11_683_584,
            count(|b| text_encoder(b, TextEncoderConfig::albert_base())),
        ),
        // The file of all-MiniLM-L6-v2: 22.7 M values.
        (
            "MiniLM-L6",
            22.7e6,
            0.05e6,
            22_713_216,
            count(|b| text_encoder(b, TextEncoderConfig::minilm_l6())),
        ),
        // Karita et al., ASRU 2019 give no count of the encoder; this is the sum of its shapes:
        // convolutions 592,640, input 1,310,976, blocks 12 · 1,315,072, norm 512, output 7,710.
        (
            "speech transformer",
            17.7e6,
            0.05e6,
            17_692_702,
            count(|b| speech_transformer(b, SpeechTransformerConfig::small(30))),
        ),
    ];
    for (name, published, digits, exact, found) in cases {
        assert_eq!(found, exact, "{name}");
        assert!((found as f64 - published).abs() <= digits, "{name}: {found}, not {published}");
    }
}

/// Runs a model once, in f32 and in fixed point, in training and in evaluation: a finite loss, and
/// a
/// gradient for every parameter.
fn check<M>(model: impl Fn(&mut Builder<'_>) -> M, loss: impl Fn(&M, &mut Step<'_>) -> Var) {
    let fixed = FixedPoint::uniform("<6,16>".parse().unwrap(), Rounding::Stochastic).unwrap();
    let mut losses = Vec::new();
    for arithmetic in [AnyArithmetic::Float32, AnyArithmetic::FixedPoint(fixed)] {
        let float = arithmetic == AnyArithmetic::Float32;
        let (mut parameters, model) = build(arithmetic, &model);
        for mode in [Mode::Eval, Mode::Train] {
            let pass = Pass { seed: Seed::new(4), first_row: 0, step: 0, mode, par: Par::Seq };
            let mut work = Workspace::new();
            let mut step = work.step(&parameters, pass);
            let loss = loss(&model, &mut step);
            let value = work.tape.value(loss).item();
            assert!(value.is_finite(), "the loss is {value}");
            if mode == Mode::Eval {
                losses.push(value);
                continue;
            }
            // A scale that keeps errors above the grid of the fixed-point arithmetic.
            work.tape.backward(loss, 64.0, &mut parameters, pass);
            for parameter in parameters.iter() {
                let gradient = parameter.gradient().unwrap_or_default();
                // Errors below the grid of the fixed-point arithmetic may all be lost.
                let moves = gradient.iter().any(|&g| g != 0.0);
                let name = parameter.name();
                assert!(!gradient.is_empty(), "{name} does not take part");
                assert!(moves || !float, "the gradient of {name} is zero");
            }
        }
    }
    assert!((losses[0] - losses[1]).abs() < 0.02, "f32 and ⟨6, 16⟩ give {losses:?}");
}

fn features(shape: &[usize]) -> Tensor {
    let mut x = vec![0.0; shape.iter().product()];
    Seed::new(5).stream().fill_gaussian(0, &mut x);
    Tensor::new(shape, x)
}

#[test]
fn the_language_model_runs() {
    let paper = LanguageModelConfig::penn_treebank();
    let config = LanguageModelConfig { vocabulary: 11, width: 8, dropout: 0.2, ..paper };
    let run = |model: &nn::models::LanguageModel, step: &mut Step<'_>| {
        let words = [0, 3, 10, 2, 2, 5];
        let (_, states) = model.forward(&words, [2, 3], None, step);
        let (logits, _) = model.forward(&words, [2, 3], Some(&states), step);
        assert_eq!(step.tape.value(logits).shape(), [2, 3, 11]);
        ops::cross_entropy(step, logits, &[3, 10, 2, 2, 5, 1], CrossEntropy::default())
    };
    check(|builder| lstm_language_model(builder, config), run);
}

fn recurrent(inputs: usize, width: usize, layers: usize, bidirectional: bool) -> RecurrentConfig {
    let cell = nn::layers::Cell::Lstm;
    RecurrentConfig { cell, inputs, width, layers, bidirectional, dropout: 0.1 }
}

#[test]
fn the_acoustic_model_runs() {
    let config = AcousticConfig { lstm: recurrent(5, 6, 2, true), bottleneck: 4, classes: 7 };
    let run = |model: &nn::models::AcousticModel, step: &mut Step<'_>| {
        let frames = step.tape.constant(features(&[2, 4, 5]));
        let logits = model.forward(frames, Some(&[4, 2]), step);
        assert_eq!(step.tape.value(logits).shape(), [2, 4, 7]);
        let options = CrossEntropy { ignore: Some(99), ..CrossEntropy::default() };
        ops::cross_entropy(step, logits, &[0, 1, 2, 3, 4, 5, 99, 99], options)
    };
    check(|builder| acoustic_model(builder, config), run);
}

#[test]
fn the_transducer_runs() {
    let config = TransducerConfig {
        encoder: recurrent(5, 6, 2, true),
        predictor: recurrent(3, 4, 1, false),
        joint: 6,
        pairing: ops::Pairing::Product,
        classes: 5,
    };
    let run = |model: &nn::models::RnnTransducer, step: &mut Step<'_>| {
        let frames = step.tape.constant(features(&[2, 4, 5]));
        let labels = [vec![1, 3], vec![4]];
        let lengths = Some(&[4, 3][..]);
        let logits = model.forward(frames, lengths, &labels, step);
        assert_eq!(step.tape.value(logits).shape(), [2, 4, 3, 5]);
        ops::transducer(step, logits, &TransducerTargets { labels: &labels, lengths, blank: 0 })
    };
    check(|builder| rnn_transducer(builder, config), run);
}

#[test]
fn the_speech_transformer_runs() {
    let mut config = SpeechTransformerConfig::small(6);
    (config.features, config.layers) = (8, 2);
    (config.block.width, config.block.heads, config.block.inner) = (8, 2, 16);
    let run = |model: &nn::models::SpeechTransformer, step: &mut Step<'_>| {
        let frames = step.tape.constant(features(&[2, 19, 8]));
        let (logits, lengths) = model.forward(frames, &[19, 15], step);
        assert_eq!(step.tape.value(logits).shape(), [2, 4, 6]);
        assert_eq!(lengths, [4, 3]);
        let labels = [vec![1, 3], vec![4]];
        let lengths = Some(&lengths[..]);
        let targets = CtcTargets { labels: &labels, lengths, blank: 0, zero_infinity: false };
        ops::ctc(step, logits, &targets)
    };
    check(|builder| speech_transformer(builder, config), run);
}

fn small(config: TextEncoderConfig) -> TextEncoderConfig {
    let mut config = config;
    (config.vocabulary, config.positions, config.layers) = (13, 5, 2);
    config.embedding = if config.shared { 4 } else { 8 };
    (config.block.width, config.block.heads, config.block.inner) = (8, 2, 16);
    config
}

#[test]
fn text_classifiers_run() {
    for config in [TextEncoderConfig::bert_base(), TextEncoderConfig::albert_base()] {
        let run = |model: &nn::models::TextClassifier, step: &mut Step<'_>| {
            let ids = [1, 4, 12, 0, 7, 3];
            let segments = Some(&[0, 0, 1, 0, 1, 1][..]);
            let tokens = Tokens { ids: &ids, segments, shape: [2, 3], lengths: Some(&[3, 2]) };
            let logits = model.forward(&tokens, step);
            assert_eq!(step.tape.value(logits).shape(), [2, 1]);
            // A regression, away from what the network gives.
            ops::mean_squared_error(step, logits, &[2.0, -1.0])
        };
        check(|builder| text_classifier(builder, small(config), 1), run);
    }
}

#[test]
fn padding_does_not_change_a_sentence() {
    let config = small(TextEncoderConfig::minilm_l6());
    let (parameters, encoder) =
        build(AnyArithmetic::Float32, |builder| text_encoder(builder, config));
    let embed = |ids: &[u32], lengths: &[usize]| {
        let pass =
            Pass { seed: Seed::new(4), first_row: 0, step: 0, mode: Mode::Eval, par: Par::Seq };
        let mut work = Workspace::new();
        let mut step = work.step(&parameters, pass);
        let shape = [lengths.len(), ids.len() / lengths.len()];
        let tokens = Tokens { ids, segments: None, shape, lengths: Some(lengths) };
        let x = encoder.forward(&tokens, &mut step);
        let mean = encoder.mean_pooled(x, lengths, &mut step);
        work.tape.value(mean).data()[..8].to_vec()
    };
    let alone = embed(&[3, 1, 2], &[3]);
    let padded = embed(&[3, 1, 2, 0, 0, 5, 6, 7, 8, 9], &[3, 5]);
    for (a, b) in alone.iter().zip(&padded) {
        assert!((a - b).abs() < 1e-6, "{a} alone, {b} padded");
    }
}

#[test]
fn two_convolutions_leave_a_quarter_of_a_length() {
    let one = |length: usize| (length - 3) / 2 + 1;
    for length in 7..200 {
        let subsampled = SpeechTransformerConfig::subsampled(length);
        assert_eq!(subsampled, one(one(length)), "{length}");
    }
}
