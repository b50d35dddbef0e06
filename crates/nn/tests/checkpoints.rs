//! Saved and restored networks continue as if nothing had happened.

use std::ops::ControlFlow;

use nn::layers::{Builder, Init};
use nn::optim::{Decay, Schedule, Velocity};
use nn::{
    Adam, AnyArithmetic, Classification, EpochStats, FixedPoint, Images, Optimizer, Parameters,
    Pixels, Policy, Progress, Recipe, Run, Sgd, Stopped, checkpoint, models, train_epoch,
};
use numerics::{Par, Rounding, Seed};

/// 120 images of 12 pixels; the class is the brightest third.
fn images() -> Images {
    let mut words = vec![0; 120 * 12];
    Seed::new(2).stream().fill_words(0, &mut words);
    let labels: Vec<u8> = (0..120).map(|i| (i % 3) as u8).collect();
    let bright = |i: usize| (i % 12) / 4 == usize::from(labels[i / 12]);
    let pixels = words.iter().enumerate().map(|(i, w)| (w >> 25) as u8 + 100 * u8::from(bright(i)));
    Images::new(&[12], pixels.collect(), labels.clone())
}

fn arithmetics() -> [AnyArithmetic; 3] {
    let fixed = |format: &str| {
        let config = FixedPoint::uniform(format.parse().unwrap(), Rounding::Stochastic);
        AnyArithmetic::FixedPoint(config.unwrap())
    };
    [AnyArithmetic::Float32, fixed("<4,12>"), fixed("<4,16>")]
}

fn network(arithmetic: &AnyArithmetic) -> (Parameters, models::Mlp) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(arithmetic.clone());
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(3) };
    let mlp = models::mlp(&mut builder, &[12, 20, 3], Init::Normal { std_dev: 0.2 });
    (parameters, mlp)
}

fn recipe(optimizer: Optimizer) -> Recipe {
    Recipe {
        batch: 10,
        epochs: 4,
        learning_rate: 0.1,
        schedule: Schedule::default(),
        optimizer,
        groups: Vec::new(),
        clip_norm: None,
        drop_last: false,
        leaves: 1,
    }
}

const PLAIN: Optimizer = Optimizer::Sgd(Sgd {
    momentum: 0.0,
    weight_decay: 0.0,
    nesterov: false,
    velocity: Velocity::Gradients,
});

/// Trains to the end of an epoch, or until `stop_at` steps of it are done.
fn train(
    model: &models::Mlp,
    parameters: &mut Parameters,
    arithmetic: &AnyArithmetic,
    recipe: &Recipe,
    progress: &mut Progress,
    (par, stop_at): (Par, usize),
) -> Result<EpochStats, Stopped> {
    let images = images();
    let task = Classification {
        model,
        images: &images,
        pixels: &Pixels::unit(arithmetic),
        augmentation: None,
    };
    train_epoch(&task, parameters, recipe, progress, Run::new(&Seed::new(4), par), |progress, _| {
        if progress.step == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

fn assert_same(a: &Parameters, b: &Parameters) {
    for (a, b) in a.iter().zip(b.iter()) {
        assert_eq!((a.storage(), a.moments()), (b.storage(), b.moments()), "{}", a.name());
    }
}

#[test]
fn a_run_stopped_at_any_step_ends_with_the_same_bits() {
    let sgd = |nesterov, velocity| {
        Optimizer::Sgd(Sgd { momentum: 0.5, weight_decay: 1e-3, nesterov, velocity })
    };
    let adam = Optimizer::Adam(Adam { weight_decay: 0.01, decoupled: true, ..Adam::default() });
    let decays = [
        Decay::Plateau { factor: 0.5, patience: 0 },
        Decay::Cosine,
        Decay::Step { epochs: vec![1], factor: 0.1 },
        Decay::Constant,
    ];
    let optimizers = [
        sgd(false, Velocity::Increments),
        sgd(true, Velocity::Increments),
        adam,
        sgd(false, Velocity::Gradients),
    ];
    for arithmetic in arithmetics() {
        for (optimizer, decay) in optimizers.into_iter().zip(&decays) {
            let recipe = Recipe {
                schedule: Schedule { warm_up_steps: 3, decay: decay.clone() },
                clip_norm: Some(0.5),
                ..recipe(optimizer)
            };
            let (mut through, model) = network(&arithmetic);
            let mut progress = Progress::default();
            let mut stats = Vec::new();
            for _ in 0..3 {
                let run = (Par::Seq, usize::MAX);
                let epoch =
                    train(&model, &mut through, &arithmetic, &recipe, &mut progress, run).unwrap();
                progress.observe(&recipe, epoch.loss);
                stats.push(epoch);
            }

            // Stopped in the middle of the second epoch and continued from the file.
            let (mut stopped, model) = network(&arithmetic);
            let mut progress = Progress::default();
            let run = (Par::Rayon, usize::MAX);
            let epoch =
                train(&model, &mut stopped, &arithmetic, &recipe, &mut progress, run).unwrap();
            progress.observe(&recipe, epoch.loss);
            train(&model, &mut stopped, &arithmetic, &recipe, &mut progress, (Par::Seq, 7))
                .unwrap_err();
            assert_eq!((progress.epoch, progress.step), (1, 7));
            let note = serde_json::to_string(&progress).unwrap();
            let bytes = checkpoint::save(&stopped, &note);

            let (mut resumed, model) = network(&arithmetic);
            let note = checkpoint::load(&mut resumed, &bytes).unwrap();
            let mut progress: Progress = serde_json::from_str(&note).unwrap();
            assert_same(&stopped, &resumed);
            for expected in &stats[1..] {
                let run = (Par::Seq, usize::MAX);
                let epoch =
                    train(&model, &mut resumed, &arithmetic, &recipe, &mut progress, run).unwrap();
                assert_eq!(epoch, *expected);
                progress.observe(&recipe, epoch.loss);
            }
            assert_same(&through, &resumed);
        }
    }
}

#[test]
fn training_learns_under_every_arithmetic_and_optimizer() {
    let adam = Optimizer::Adam(Adam::default());
    for arithmetic in arithmetics() {
        for (optimizer, learning_rate) in [(PLAIN, 0.1), (adam, 0.01)] {
            let (mut parameters, model) = network(&arithmetic);
            let recipe = Recipe { learning_rate, epochs: 20, ..recipe(optimizer) };
            let mut progress = Progress::default();
            let mut stats = None;
            for _ in 0..20 {
                let run = (Par::Seq, usize::MAX);
                stats =
                    train(&model, &mut parameters, &arithmetic, &recipe, &mut progress, run).ok();
            }
            let stats = stats.unwrap();
            assert!(
                stats.error_rate.unwrap() < 0.1 && stats.loss < 0.5,
                "{arithmetic:?} by {optimizer:?} ends at {stats:?}"
            );
        }
    }
}

#[test]
fn a_wider_format_takes_over_weights_and_momentum_unchanged() {
    let [_, narrow, wide] = arithmetics();
    let velocity = Velocity::Increments;
    let momentum = Optimizer::Sgd(Sgd { momentum: 0.9, velocity, ..Sgd::default() });
    let (mut before, model) = network(&narrow);
    let run = (Par::Seq, usize::MAX);
    train(&model, &mut before, &narrow, &recipe(momentum), &mut Progress::default(), run).unwrap();
    let (mut after, _) = network(&wide);
    after.copy_from(&before);
    for (a, b) in before.iter().zip(after.iter()) {
        assert_eq!(a.values(), b.values(), "{}", a.name());
    }
    // And back: nothing was lost on the way.
    let (mut back, _) = network(&narrow);
    back.copy_from(&after);
    assert_same(&before, &back);
}

#[test]
fn states_are_saved_and_checked() {
    let mut saved = Parameters::new();
    let id = saved.add_state("bn.running_mean".to_owned(), vec![1.5, -2.0]);
    let bytes = checkpoint::save(&saved, "");
    saved.set_state(id, vec![0.0; 2]);
    checkpoint::load(&mut saved, &bytes).unwrap();
    assert_eq!(saved.state(id), [1.5, -2.0]);
    let mut other = Parameters::new();
    other.add_state("bn.running_mean".to_owned(), vec![0.0; 3]);
    other.add_state("bn.running_var".to_owned(), vec![0.0; 3]);
    assert_eq!(
        checkpoint::load(&mut other, &bytes).unwrap_err().to_string(),
        "the checkpoint does not fit the network: bn.running_mean holds F32 of shape [2], not 3 \
         values of f32; bn.running_var is missing"
    );
}

#[test]
fn a_checkpoint_of_another_network_is_refused_in_one_list() {
    let [float, fixed, wide] = arithmetics();
    let bytes = checkpoint::save(&network(&fixed).0, "");
    let message =
        |arithmetic| checkpoint::load(&mut network(arithmetic).0, &bytes).unwrap_err().to_string();
    assert_eq!(
        message(&float),
        "the checkpoint does not fit the network: fc1.weight holds I16, not f32; fc1.bias holds \
         I16, not f32; fc2.weight holds I16, not f32; fc2.bias holds I16, not f32"
    );
    assert!(message(&wide).contains("fc1.weight has <4,12>, not <4,16>"));
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(fixed.clone());
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(3) };
    models::mlp(&mut builder, &[12, 9, 9, 3], Init::Normal { std_dev: 0.2 });
    let message = checkpoint::load(&mut parameters, &bytes).unwrap_err().to_string();
    assert!(message.contains("fc1.weight has shape [20, 12], not [9, 12]"), "{message}");
    assert!(message.contains("fc3.weight is missing"), "{message}");
    let error = checkpoint::load(&mut network(&fixed).0, &bytes[..bytes.len() - 5]).unwrap_err();
    assert!(error.to_string().starts_with("not a readable checkpoint"), "{error}");
}
