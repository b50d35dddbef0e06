//! Every operation against finite differences, and the fixed-point maps against the float one.

use nn::layers::{Builder, Init, Linear, Readout};
use nn::{Arithmetic, FixedPoint, Mode, Parameters, Pass, Policy, Step, Tape, Tensor, Var, ops};
use numerics::{Par, Rounding, Seed};

fn pass() -> Pass {
    Pass { seed: Seed::new(11), first_row: 0, mode: Mode::Train, par: Par::Seq }
}

fn gaussian(name: &str, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Seed::new(12).child(name).stream().fill_gaussian(0, &mut x);
    x
}

/// d loss / d x by central differences against the tape. With step h the truncation error is
/// O(h²) and the rounding error ε·|loss|/h; h = 1e-2 keeps both below 1e-3 for these losses.
fn check(shape: &[usize], loss: impl Fn(&mut Tape, Var) -> Var) {
    let x = gaussian("x", shape.iter().product());
    let run = |x: &[f32]| {
        let mut tape = Tape::new();
        let x = tape.variable(Tensor::new(shape, x.to_vec()));
        let loss = loss(&mut tape, x);
        let value = tape.value(loss).item();
        (value, tape.backward(loss, 1.0, &mut Parameters::new(), pass()).of(x).unwrap().to_vec())
    };
    let (_, gradient) = run(&x);
    let h = 1e-2f32;
    for i in 0..x.len() {
        let at = |dx: f32| {
            let mut x = x.clone();
            x[i] += dx;
            run(&x).0
        };
        let numeric = (at(h) - at(-h)) / (2.0 * h);
        assert!(
            (numeric - gradient[i]).abs() < 1e-3,
            "d/dx_{i}: {numeric} by differences, {} by tape",
            gradient[i]
        );
    }
}

#[test]
fn softmax_cross_entropy_has_its_gradient() {
    check(&[4, 5], |tape, x| ops::softmax_cross_entropy(tape, x, &[0, 4, 2, 2]));
}

#[test]
fn relu_has_its_gradient() {
    // A step of h must not cross zero, where ReLU has no derivative.
    assert!(gaussian("x", 12).iter().all(|x| x.abs() > 1e-2), "choose another seed");
    check(&[3, 4], |tape, x| {
        let y = ops::relu(tape, x);
        ops::softmax_cross_entropy(tape, y, &[1, 0, 3])
    });
}

/// Loss and gradients (x, W, b) of linear → ReLU (if `kinks`) → linear → cross-entropy.
fn two_layers(
    arithmetic: &Arithmetic,
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
        parameter.apply(false, &Seed::new(0).stream(), |g, _, _| g);
    }
    let mut tape = Tape::new();
    let x = tape.variable(Tensor::new(&[batch, widths[0]], x.to_vec()));
    let mut step = Step { tape: &mut tape, parameters: &parameters, pass };
    let hidden = first.forward(x, &mut step);
    let hidden = if kinks { ops::relu(step.tape, hidden) } else { hidden };
    let logits = last.forward(hidden, &mut step);
    let loss = ops::softmax_cross_entropy(&mut tape, logits, &[0, 1, 2, 3, 0, 1]);
    let value = tape.value(loss).item();
    let gradients = tape.backward(loss, batch as f32, &mut parameters, pass);
    let mut all = vec![gradients.of(x).unwrap().to_vec()];
    all.extend(parameters.iter().map(|p| p.gradient().unwrap().to_vec()));
    (value * batch as f32, all)
}

/// Without ReLU, whose kinks a finite step may cross.
#[test]
fn linear_has_its_gradients() {
    let x = gaussian("x", 48);
    let (_, gradients) = two_layers(&Arithmetic::Float32, pass(), &x, false, |_| ());
    let h = 1e-2f32;
    for parameter in 0..4 {
        for i in 0..gradients[parameter + 1].len() {
            let at = |d: f32| {
                two_layers(&Arithmetic::Float32, pass(), &x, false, |values| {
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

fn fixed(format: &str, rounding: Rounding) -> Arithmetic {
    Arithmetic::FixedPoint(FixedPoint::uniform(format.parse().unwrap(), rounding).unwrap())
}

/// With 20 fractional bits every rounding is below 2^−20, and so is the distance to f32 but for
/// the few dozen terms and two layers that add up.
#[test]
fn many_bits_approach_f32() {
    let x = gaussian("x", 48);
    let (loss, gradients) = two_layers(&Arithmetic::Float32, pass(), &x, true, |_| ());
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
    for arithmetic in [Arithmetic::Float32, fixed("<4,12>", Rounding::Stochastic)] {
        let sequential = two_layers(&arithmetic, pass(), &x, true, |_| ());
        let threaded =
            two_layers(&arithmetic, Pass { par: Par::Rayon, ..pass() }, &x, true, |_| ());
        assert_eq!(sequential, threaded);
    }
}
