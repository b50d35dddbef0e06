//! Optimisers against their formulas, step by step, in f64.

use nn::{Adam, Optimizer, Parameters, Sgd, Storage, optim::Update};
use numerics::Seed;

const GRADIENTS: [f32; 5] = [0.5, -0.25, 2.0, 0.0, -1.0];

fn run(optimizer: Optimizer) -> Vec<f32> {
    let mut parameters = Parameters::new();
    let storage = Storage::Float { values: vec![0.75], increment: None };
    let id = parameters.add("w".to_owned(), &[1], storage);
    let mut values = Vec::new();
    for (t, gradient) in GRADIENTS.into_iter().enumerate() {
        // Twice the gradient with half the scale.
        parameters.get_mut(id).accumulate(|g, _| g[0] = 2.0 * gradient);
        let update = Update {
            learning_rate: 0.1,
            gradient_scale: 0.5,
            step: t as u64 + 1,
            seed: Seed::new(0),
        };
        optimizer.step(&mut parameters, &update);
        values.push(parameters.get(id).values()[0]);
    }
    values
}

fn assert_close(ours: &[f32], expected: &[f64]) {
    assert_eq!(ours.len(), expected.len());
    for (ours, expected) in ours.iter().zip(expected) {
        assert!((f64::from(*ours) - expected).abs() < 1e-6, "{ours} is not {expected}");
    }
}

#[test]
fn momentum_keeps_the_last_increment() {
    let (mut w, mut increment) = (0.75, 0.0);
    let expected = GRADIENTS.map(|g| {
        increment = 0.9 * increment - 0.1 * (f64::from(g) + 0.01 * w);
        w += increment;
        w
    });
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.01, nesterov: false };
    assert_close(&run(Optimizer::Sgd(sgd)), &expected);
}

/// In the form of two variables: a step with the momentum, the gradient there, and back. The stored
/// weight is the one after the step with the momentum.
#[test]
fn nesterov_takes_the_gradient_ahead() {
    let (mut w, mut velocity) = (0.75, 0.0);
    let expected = GRADIENTS.map(|g| {
        let ahead = w + 0.9 * velocity;
        velocity = 0.9 * velocity - 0.1 * (f64::from(g) + 0.01 * ahead);
        w += velocity;
        w + 0.9 * velocity
    });
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.01, nesterov: true };
    assert_close(&run(Optimizer::Sgd(sgd)), &expected);
}

#[test]
fn adam_follows_its_paper_with_either_decay() {
    for decoupled in [false, true] {
        let (mut w, mut m, mut v) = (0.75, 0.0, 0.0);
        let mut t = 0;
        let expected = GRADIENTS.map(|g| {
            t += 1;
            let g = f64::from(g) + if decoupled { 0.0 } else { 0.01 * w };
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m, v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            let decay = if decoupled { 0.01 * w } else { 0.0 };
            w -= 0.1 * (m / (v.sqrt() + 1e-8) + decay);
            w
        });
        let adam = Adam { weight_decay: 0.01, decoupled, ..Adam::default() };
        // 1 − 0.999 is not exact in f32: relative error 1e-5 in v̂.
        let ours = run(Optimizer::Adam(adam));
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((f64::from(*ours) - expected).abs() < 1e-5, "{ours} is not {expected}");
        }
    }
}

#[test]
fn impossible_numbers_are_refused() {
    let sgd = Sgd { momentum: 1.0, weight_decay: 0.0, nesterov: false };
    let message = Optimizer::Sgd(sgd).check().unwrap_err();
    assert_eq!(message, "momentum = 1 must be at least 0 and less than 1");
    let adam = Adam { epsilon: -1.0, ..Adam::default() };
    let message = Optimizer::Adam(adam).check().unwrap_err();
    assert_eq!(message, "epsilon = -1 must be finite and not negative");
}
