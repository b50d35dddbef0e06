//! Optimisers against their formulas, step by step, in f64.

use nn::arithmetic::Floats;
use nn::optim::{Group, Update, Velocity};
use nn::{Adam, Optimizer, Parameters, Role, Sgd};
use numerics::Seed;

const GRADIENTS: [f32; 5] = [0.5, -0.25, 2.0, 0.0, -1.0];
const CONSTANT: [f32; 5] = [0.1; 5];
/// A rate that falls, which tells the two kinds of velocity apart.
const FALLING: [f32; 5] = [0.1, 0.1, 0.01, 0.01, 0.002];

/// Parameters of the roles, one value each.
fn parameters(roles: &[(&str, Role)]) -> Parameters {
    let mut parameters = Parameters::new();
    for (name, role) in roles {
        let storage = Floats::new(vec![0.75]);
        parameters.add((*name).to_owned(), *role, &[1], storage);
    }
    parameters
}

fn values(parameters: &Parameters) -> Vec<f32> {
    parameters.iter().map(|parameter| parameter.values()[0]).collect()
}

/// The values after each update.
fn trace(
    optimizer: Optimizer,
    rates: [f32; 5],
    groups: &[Group],
    parameters: &mut Parameters,
) -> Vec<Vec<f32>> {
    let mut trace = Vec::new();
    for (t, (gradient, learning_rate)) in GRADIENTS.into_iter().zip(rates).enumerate() {
        for parameter in parameters.iter_mut() {
            // Twice the gradient with half the scale.
            parameter.accumulate(|g, _| g[0] = 2.0 * gradient);
        }
        let (step, seed) = (t as u64 + 1, Seed::new(0));
        let update = Update { learning_rate, gradient_scale: 0.5, step, seed, groups };
        optimizer.step(parameters, &update);
        trace.push(values(parameters));
    }
    trace
}

fn run(optimizer: Optimizer, rates: [f32; 5]) -> Vec<f32> {
    let mut parameters = parameters(&[("w", Role::Weight)]);
    trace(optimizer, rates, &[], &mut parameters).concat()
}

/// The values of the formula `next(η, gradient with decay, weight) → increment`.
fn formula(rates: [f32; 5], mut next: impl FnMut(f64, f64) -> f64) -> Vec<f64> {
    let mut w = 0.75;
    let steps = GRADIENTS.into_iter().zip(rates);
    steps
        .map(|(g, rate)| {
            w += next(f64::from(rate), f64::from(g) + 0.01 * w);
            w
        })
        .collect()
}

fn sgd(nesterov: bool, velocity: Velocity) -> Optimizer {
    Optimizer::Sgd(Sgd { momentum: 0.9, weight_decay: 0.01, nesterov, velocity })
}

fn assert_close(ours: &[f32], expected: &[f64]) {
    assert_eq!(ours.len(), expected.len());
    for (ours, expected) in ours.iter().zip(expected) {
        assert!((f64::from(*ours) - expected).abs() < 1e-6, "{ours} is not {expected}");
    }
}

#[test]
fn a_velocity_of_gradients_is_that_of_pytorch() {
    let mut velocity = 0.0;
    let expected = formula(FALLING, |rate, g| {
        velocity = 0.9 * velocity + g;
        -rate * velocity
    });
    assert_close(&run(sgd(false, Velocity::Gradients), FALLING), &expected);
    let mut velocity = 0.0;
    let expected = formula(FALLING, |rate, g| {
        velocity = 0.9 * velocity + g;
        -rate * (g + 0.9 * velocity)
    });
    assert_close(&run(sgd(true, Velocity::Gradients), FALLING), &expected);
    assert_eq!(Sgd::default().velocity, Velocity::Gradients);
}

#[test]
fn a_velocity_of_increments_keeps_the_last_increment() {
    let mut increment = 0.0;
    let expected = formula(FALLING, |rate, g| {
        increment = 0.9 * increment - rate * g;
        increment
    });
    assert_close(&run(sgd(false, Velocity::Increments), FALLING), &expected);
}

#[test]
fn at_a_constant_rate_both_velocities_are_the_same() {
    for nesterov in [false, true] {
        let of = |velocity| run(sgd(nesterov, velocity), CONSTANT);
        let expected: Vec<f64> = of(Velocity::Increments).into_iter().map(f64::from).collect();
        assert_close(&of(Velocity::Gradients), &expected);
        assert_ne!(
            run(sgd(nesterov, Velocity::Gradients), FALLING),
            run(sgd(nesterov, Velocity::Increments), FALLING)
        );
    }
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
    for velocity in [Velocity::Gradients, Velocity::Increments] {
        assert_close(&run(sgd(true, velocity), CONSTANT), &expected);
    }
}

#[test]
fn scales_and_ranges_do_not_decay() {
    let roles = [
        ("fc.weight", Role::Weight),
        ("fc.bias", Role::Bias),
        ("fc.scale", Role::Scale),
        ("fc.input_range", Role::InputRange),
    ];
    let adam = |decoupled| Adam { weight_decay: 0.01, decoupled, ..Adam::default() };
    let adams = [false, true].map(|decoupled| Optimizer::Adam(adam(decoupled)));
    for optimizer in [adams[0], adams[1], sgd(false, Velocity::Gradients)] {
        let mut with = parameters(&roles);
        trace(optimizer, CONSTANT, &[], &mut with);
        let without = match optimizer {
            Optimizer::Sgd(sgd) => Optimizer::Sgd(Sgd { weight_decay: 0.0, ..sgd }),
            Optimizer::Adam(adam) => Optimizer::Adam(Adam { weight_decay: 0.0, ..adam }),
        };
        let mut plain = parameters(&roles);
        trace(without, CONSTANT, &[], &mut plain);
        let (with, plain) = (values(&with), values(&plain));
        assert_ne!(with[..2], plain[..2]);
        assert_eq!(with[2..], plain[2..], "{optimizer:?}");
    }
}

#[test]
fn a_group_has_its_own_rate_and_decay() {
    let roles =
        [("fc.weight", Role::Weight), ("fc.bias", Role::Bias), ("head.weight", Role::Weight)];
    let group = |roles: &[Role], layers: &[&str], learning_rate, weight_decay| Group {
        roles: roles.to_vec(),
        layers: layers.iter().map(|layer| (*layer).to_owned()).collect(),
        learning_rate,
        weight_decay,
    };
    let groups = [group(&[Role::Bias], &[], 1.0, 0.0), group(&[], &["head"], 0.5, 3.0)];
    let mut grouped = parameters(&roles);
    trace(sgd(false, Velocity::Gradients), CONSTANT, &groups, &mut grouped);
    let alone = |rate: f32, decay: f32| {
        let sgd = Sgd { momentum: 0.9, weight_decay: decay, ..Sgd::default() };
        *run(Optimizer::Sgd(sgd), [0.1 * rate; 5]).last().unwrap()
    };
    assert_eq!(values(&grouped), [alone(1.0, 0.01), alone(1.0, 0.0), alone(0.5, 0.03)]);
    // A rate of zero leaves a layer as it is.
    let mut still = parameters(&roles);
    let groups = [group(&[], &["head"], 0.0, 1.0)];
    trace(sgd(false, Velocity::Gradients), CONSTANT, &groups, &mut still);
    assert_eq!(values(&still)[2], 0.75);
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
        let ours = run(Optimizer::Adam(adam), CONSTANT);
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((f64::from(*ours) - expected).abs() < 1e-5, "{ours} is not {expected}");
        }
    }
}

#[test]
fn impossible_numbers_are_refused() {
    let sgd = Sgd { momentum: 1.0, ..Sgd::default() };
    let message = Optimizer::Sgd(sgd).check().unwrap_err();
    assert_eq!(message, "momentum = 1 must be at least 0 and less than 1");
    let adam = Adam { epsilon: -1.0, ..Adam::default() };
    let message = Optimizer::Adam(adam).check().unwrap_err();
    assert_eq!(message, "epsilon = -1 must be finite and not negative");
    let group = Group { learning_rate: f32::NAN, ..Group::default() };
    let message = group.check().unwrap_err();
    assert_eq!(message, "groups.learning_rate = NaN must be finite and not negative");
}
