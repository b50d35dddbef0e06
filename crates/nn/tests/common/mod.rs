//! Gradients on the tape against finite differences.

#![allow(dead_code, reason = "each test file uses its own part")]

use nn::{Mode, Parameters, Pass, Step, Tensor, Var, Workspace, ops};
use numerics::{Par, Seed};

/// A training pass with its own seed, on one thread.
pub(crate) fn pass() -> Pass {
    Pass { seed: Seed::new(11), first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq }
}

/// Normal values that depend on the name.
pub(crate) fn gaussian(name: &str, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Seed::new(12).child(name).stream().fill_gaussian(0, &mut x);
    x
}

/// Compares the tape's gradients of a random weighted sum of f(x₀, x₁, …) with central
/// differences, for normal inputs of these shapes.
///
/// With step h the truncation error is O(h²) and the rounding error ε·|f|/h; h = 1e-2 keeps both
/// below 2e-3 for operations whose third derivatives are of order 1.
#[track_caller]
pub(crate) fn check(shapes: &[&[usize]], f: impl Fn(&mut Step<'_>, &[Var]) -> Var) {
    let inputs: Vec<Vec<f32>> = (shapes.iter().enumerate())
        .map(|(i, shape)| gaussian(&format!("x{i}"), shape.iter().product()))
        .collect();
    check_at(shapes, &inputs, f);
}

/// [`check`] at given inputs.
#[track_caller]
pub(crate) fn check_at(
    shapes: &[&[usize]],
    inputs: &[Vec<f32>],
    f: impl Fn(&mut Step<'_>, &[Var]) -> Var,
) {
    let run = |inputs: &[Vec<f32>]| {
        let (mut work, mut parameters) = (Workspace::new(), Parameters::new());
        let vars: Vec<Var> = (shapes.iter().zip(inputs))
            .map(|(shape, x)| work.tape.variable(Tensor::new(shape, x.clone())))
            .collect();
        let y = f(&mut work.step(&parameters, pass()), &vars);
        let shape = work.tape.value(y).shape().to_vec();
        let weights = gaussian("weights", shape.iter().product());
        // The sum in f64, so that differences of it lose nothing.
        let value: f64 = (work.tape.value(y).data().iter().zip(&weights))
            .map(|(y, w)| f64::from(*y) * f64::from(*w))
            .sum();
        let weights = work.tape.constant(Tensor::new(&shape, weights));
        let weighted = ops::mul(&mut work.step(&parameters, pass()), y, weights);
        let loss = ops::sum(&mut work.step(&parameters, pass()), weighted);
        let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass());
        let gradients: Vec<Vec<f32>> = (vars.iter().zip(inputs))
            .map(|(&x, values)| {
                gradients.of(x).map_or_else(|| vec![0.0; values.len()], <[f32]>::to_vec)
            })
            .collect();
        (value, gradients)
    };
    let (_, gradients) = run(inputs);
    let h = 1e-2f32;
    for (input, gradient) in gradients.iter().enumerate() {
        for (i, gradient) in gradient.iter().enumerate() {
            let at = |dx: f32| {
                let mut inputs = inputs.to_vec();
                inputs[input][i] += dx;
                run(&inputs).0
            };
            let numeric = (at(h) - at(-h)) / f64::from(2.0 * h);
            assert!(
                (numeric - f64::from(*gradient)).abs() < 2e-3 * numeric.abs().max(1.0),
                "d/dx{input}[{i}]: {numeric} by differences, {gradient} by tape"
            );
        }
    }
}
