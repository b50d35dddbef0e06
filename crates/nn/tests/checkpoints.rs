//! Saved and restored networks continue as if nothing had happened.

use std::ops::ControlFlow;

use nn::layers::{Builder, Init};
use nn::{
    Arithmetic, FixedPoint, Images, Optimizer, Parameters, Policy, Sgd, TrainConfig, checkpoint,
    models, train_epoch,
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

fn arithmetics() -> [Arithmetic; 3] {
    let fixed = |format: &str| {
        let config = FixedPoint::uniform(format.parse().unwrap(), Rounding::Stochastic);
        Arithmetic::FixedPoint(config.unwrap())
    };
    [Arithmetic::Float32, fixed("<4,12>"), fixed("<4,16>")]
}

fn network(arithmetic: &Arithmetic) -> (Parameters, models::Mlp) {
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(arithmetic.clone());
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(3) };
    let mlp = models::mlp(&mut builder, &[12, 20, 3], Init::Normal { std_dev: 0.2 });
    (parameters, mlp)
}

fn train(
    model: &models::Mlp,
    parameters: &mut Parameters,
    optimizer: &dyn Optimizer,
    arithmetic: &Arithmetic,
    epoch: u64,
    par: Par,
) -> nn::EpochStats {
    let seed = Seed::new(4).child(epoch);
    let config = TrainConfig { batch: 10, learning_rate: 0.1, input: arithmetic, seed, par };
    train_epoch(model, parameters, optimizer, &images(), &config, |_, _| ControlFlow::Continue(()))
        .unwrap()
}

#[test]
fn a_restored_run_gives_the_same_bits() {
    let sgd = Sgd { momentum: 0.5, weight_decay: 1e-3 };
    for arithmetic in arithmetics() {
        let (mut through, model) = network(&arithmetic);
        for epoch in 0..4 {
            train(&model, &mut through, &sgd, &arithmetic, epoch, Par::Seq);
        }
        let (mut first, model) = network(&arithmetic);
        for epoch in 0..2 {
            train(&model, &mut first, &sgd, &arithmetic, epoch, Par::Rayon);
        }
        let bytes = checkpoint::save(&first, "two epochs");
        let (mut second, model) = network(&arithmetic);
        assert_eq!(checkpoint::load(&mut second, &bytes).unwrap(), "two epochs");
        for epoch in 2..4 {
            train(&model, &mut second, &sgd, &arithmetic, epoch, Par::Seq);
        }
        for (a, b) in through.iter().zip(second.iter()) {
            assert_eq!(a.storage(), b.storage(), "{}", a.name());
        }
    }
}

#[test]
fn training_learns_under_every_arithmetic() {
    for arithmetic in arithmetics() {
        let (mut parameters, model) = network(&arithmetic);
        let sgd = Sgd { momentum: 0.0, weight_decay: 0.0 };
        let mut stats = None;
        for epoch in 0..20 {
            stats = Some(train(&model, &mut parameters, &sgd, &arithmetic, epoch, Par::Seq));
        }
        let stats = stats.unwrap();
        assert!(stats.error_rate < 0.05 && stats.loss < 0.3, "{arithmetic:?} ends at {stats:?}");
    }
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
