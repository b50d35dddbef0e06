//! Linear maps and the loss against finite differences, fixed-point maps against the float one.

mod common;

use common::{check, gaussian, pass};
use nn::layers::{Builder, Init, Linear, Readout};
use nn::{
    AnyArithmetic, FixedPoint, Model, Parameters, Pass, Policy, Tensor, Workspace, models, ops,
};
use numerics::{Par, Rounding, Seed};

#[test]
fn softmax_cross_entropy_has_its_gradient() {
    check(&[&[4, 5]], |s, x| ops::softmax_cross_entropy(s, x[0], &[0, 4, 2, 2]));
}

/// Loss and gradients (x, W, b) of linear → ReLU (if `kinks`) → linear → cross-entropy.
fn two_layers(
    arithmetic: &AnyArithmetic,
    pass: Pass,
    x: &[f32],
    kinks: bool,
    perturb: impl Fn(&mut [Vec<f32>]),
) -> (f32, Vec<Vec<f32>>) {
    let (batch, widths) = (6, [8, 10, 4]);
    let mut parameters = Parameters::new();
    let policy = Policy::uniform(arithmetic.clone());
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let init = Init::Normal { std_dev: 0.4 };
    let first = Linear::new(&mut builder, "first", widths[0], widths[1], init, Readout::Layer);
    let last = Linear::new(&mut builder, "last", widths[1], widths[2], init, Readout::Wide);
    let mut values: Vec<Vec<f32>> = parameters.iter().map(nn::Parameter::values).collect();
    perturb(&mut values);
    // A gradient of −Δ applied with rate 1 sets the parameters without reaching inside them.
    for (parameter, target) in parameters.iter_mut().zip(&values) {
        let present = parameter.values();
        parameter.accumulate(|g, _| {
            g.iter_mut().zip(target).zip(&present).for_each(|((g, t), p)| *g = t - p)
        });
        parameter.apply(false, &Seed::new(0), |g, _, _| g);
    }
    let mut work = Workspace::new();
    let x = work.tape.variable(Tensor::new(&[batch, widths[0]], x.to_vec()));
    let mut step = work.step(&parameters, pass);
    let hidden = first.forward(x, &mut step);
    let hidden = if kinks { ops::relu(&mut step, hidden) } else { hidden };
    let logits = last.forward(hidden, &mut step);
    let loss =
        ops::softmax_cross_entropy(&mut work.step(&parameters, pass), logits, &[0, 1, 2, 3, 0, 1]);
    let value = work.tape.value(loss).item();
    let gradients = work.tape.backward(loss, batch as f32, &mut parameters, pass);
    let mut all = vec![gradients.of(x).unwrap().to_vec()];
    all.extend(parameters.iter().map(|p| p.gradient().unwrap().to_vec()));
    (value * batch as f32, all)
}

/// Without ReLU, whose kinks a finite step may cross.
#[test]
fn linear_has_its_gradients() {
    let x = gaussian("x", 48);
    let (_, gradients) = two_layers(&AnyArithmetic::Float32, pass(), &x, false, |_| ());
    let h = 1e-2f32;
    for parameter in 0..4 {
        for i in 0..gradients[parameter + 1].len() {
            let at = |d: f32| {
                two_layers(&AnyArithmetic::Float32, pass(), &x, false, |values| {
                    values[parameter][i] += d
                })
                .0
            };
            let numeric = (at(h) - at(-h)) / (2.0 * h);
            let tape = gradients[parameter + 1][i];
            // The loss is a sum over six rows, hence six times the bound of `check`.
            assert!(
                (numeric - tape).abs() < 6e-3,
                "parameter {parameter}, element {i}: {numeric} against {tape}"
            );
        }
    }
}

fn fixed(format: &str, rounding: Rounding) -> AnyArithmetic {
    AnyArithmetic::FixedPoint(FixedPoint::uniform(format.parse().unwrap(), rounding).unwrap())
}

/// With 20 fractional bits every rounding is below 2^−20, and so is the distance to f32 but for
/// the few dozen terms and two layers that add up.
#[test]
fn many_bits_approach_f32() {
    let x = gaussian("x", 48);
    let (loss, gradients) = two_layers(&AnyArithmetic::Float32, pass(), &x, true, |_| ());
    for rounding in [Rounding::NearestTiesDown, Rounding::Stochastic] {
        let (fixed_loss, fixed_gradients) =
            two_layers(&fixed("<4,20>", rounding), pass(), &x, true, |_| ());
        assert!((loss - fixed_loss).abs() < 1e-3, "{loss} in f32, {fixed_loss} in fixed point");
        for (a, b) in gradients.iter().flatten().zip(fixed_gradients.iter().flatten()) {
            assert!((a - b).abs() < 1e-3, "{a} in f32, {b} in fixed point");
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = gaussian("x", 48);
    for arithmetic in [AnyArithmetic::Float32, fixed("<4,12>", Rounding::Stochastic)] {
        let sequential = two_layers(&arithmetic, pass(), &x, true, |_| ());
        let threaded =
            two_layers(&arithmetic, Pass { par: Par::Rayon, ..pass() }, &x, true, |_| ());
        assert_eq!(sequential, threaded);
    }
}

/// A convolutional network in <4,20> against f32: the same losses and gradients but for the
/// rounding of 2^−20 in every element.
#[test]
fn convolutions_with_many_bits_approach_f32() {
    let run = |arithmetic: &AnyArithmetic| {
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(arithmetic.clone());
        let mut builder =
            Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
        let model = models::gupta_mnist_cnn(&mut builder, 2, Init::Normal { std_dev: 0.1 });
        let mut work = Workspace::new();
        let x = work.tape.variable(Tensor::new(&[3, 28, 28, 1], gaussian("x", 3 * 784)));
        let mut step = work.step(&parameters, pass());
        let logits = model.forward(x, &mut step);
        let loss =
            ops::softmax_cross_entropy(&mut work.step(&parameters, pass()), logits, &[0, 1, 2]);
        let value = work.tape.value(loss).item();
        let gradients = work.tape.backward(loss, 3.0, &mut parameters, pass());
        let mut all = gradients.of(x).unwrap().to_vec();
        parameters.iter().for_each(|p| all.extend(p.gradient().unwrap()));
        (value, all)
    };
    let (loss, gradients) = run(&AnyArithmetic::Float32);
    let (fixed_loss, fixed_gradients) = run(&fixed("<4,20>", Rounding::Stochastic));
    assert!((loss - fixed_loss).abs() < 1e-3, "{loss} in f32, {fixed_loss} in fixed point");
    for (a, b) in gradients.iter().zip(&fixed_gradients) {
        assert!((a - b).abs() < 2e-3 * a.abs().max(1.0), "{a} in f32, {b} in fixed point");
    }
}

/// Rounding bits belong to positions: a batch in two parts gives what it gives whole.
#[test]
fn a_split_batch_of_images_draws_the_same_bits() {
    let run = |first_row: u64, x: &[f32]| {
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(fixed("<4,6>", Rounding::Stochastic));
        let mut builder =
            Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
        let model = models::gupta_mnist_cnn(&mut builder, 0, Init::Normal { std_dev: 0.1 });
        let mut work = Workspace::new();
        let x = work.tape.constant(Tensor::new(&[x.len() / 784, 28, 28, 1], x.to_vec()));
        let pass = Pass { first_row, ..pass() };
        let logits = model.forward(x, &mut work.step(&parameters, pass));
        work.tape.value(logits).data().to_vec()
    };
    let x = gaussian("x", 5 * 784);
    let whole = run(0, &x);
    assert_eq!(run(0, &x[..2 * 784]), whole[..20]);
    assert_eq!(run(2, &x[2 * 784..]), whole[20..]);
}
