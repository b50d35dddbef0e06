//! Every operation against finite differences and against its definition.

mod common;

use common::{check, check_at, gaussian, pass};
use nn::layers::{Builder, Conv1d, Conv2d, ConvConfig, Init};
use nn::{
    AnyArithmetic, Mode, Parameters, Pass, Policy, Step, Tensor, Var, Window, Workspace, ops,
};
use numerics::{Par, Seed};

#[test]
fn elementwise_operations_have_their_gradients() {
    for b in [&[2, 3, 4][..], &[3, 4], &[4], &[]] {
        check(&[&[2, 3, 4], b], |s, x| ops::add(s, x[0], x[1]));
        check(&[&[2, 3, 4], b], |s, x| ops::sub(s, x[0], x[1]));
        check(&[&[2, 3, 4], b], |s, x| ops::mul(s, x[0], x[1]));
    }
    check(&[&[5]], |s, x| ops::mul(s, x[0], x[0]));
    check(&[&[2, 3]], |s, x| ops::scale(s, x[0], -2.5));
}

#[test]
fn activations_have_their_gradients() {
    check(&[&[3, 4]], |s, x| ops::gelu(s, x[0]));
    check(&[&[3, 4]], |s, x| ops::tanh(s, x[0]));
    check(&[&[3, 4]], |s, x| ops::sigmoid(s, x[0]));
    // A step of h must not cross zero, where ReLU has no derivative.
    assert!(gaussian("x0", 12).iter().all(|x| x.abs() > 1e-2), "choose another seed");
    check(&[&[3, 4]], |s, x| ops::relu(s, x[0]));
}

#[test]
fn activations_have_their_values() {
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[5], vec![-20.0, -1.0, 0.0, 1.0, 20.0]));
    // Φ(1) = 0.841344746, tanh(1) = 0.761594156, σ(1) = 0.731058579
    type Function = fn(&mut Step<'_>, Var) -> Var;
    let parameters = Parameters::new();
    let cases: [(Function, [f32; 5]); 4] = [
        (ops::relu, [0.0, 0.0, 0.0, 1.0, 20.0]),
        (ops::gelu, [0.0, -0.158_655_26, 0.0, 0.841_344_7, 20.0]),
        (ops::tanh, [-1.0, -0.761_594_2, 0.0, 0.761_594_2, 1.0]),
        (ops::sigmoid, [2.061_153_6e-9, 0.268_941_4, 0.5, 0.731_058_6, 1.0]),
    ];
    for (f, expected) in cases {
        let y = f(&mut work.step(&parameters, pass()), x);
        for (y, expected) in work.tape.value(y).data().iter().zip(expected) {
            assert!((y - expected).abs() < 1e-6 * expected.abs().max(1e-3), "{y}, not {expected}");
        }
    }
}

#[test]
fn reductions_have_their_gradients() {
    check(&[&[2, 3, 4]], |s, x| ops::sum(s, x[0]));
    check(&[&[2, 3, 4]], |s, x| ops::mean(s, x[0]));
    for axes in [0..1, 1..2, 1..3, 2..3, 0..3, 1..1] {
        check(&[&[2, 3, 4]], |s, x| ops::sum_axes(s, x[0], axes.clone()));
        check(&[&[2, 3, 4]], |s, x| ops::mean_axes(s, x[0], axes.clone()));
    }
}

#[test]
fn changes_of_shape_have_their_gradients() {
    check(&[&[2, 3, 4]], |s, x| ops::reshape(s, x[0], &[4, 6]));
    check(&[&[2, 3, 4]], |s, x| ops::flatten(s, x[0]));
    check(&[&[2, 3, 4]], |s, x| ops::transpose(s, x[0]));
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]] {
        check(&[&[2, 3, 4]], |s, x| ops::permute(s, x[0], &order));
    }
    for axis in 0..3 {
        check(&[&[2, 3, 4], &[2, 3, 4]], |s, x| ops::concatenate(s, x, axis));
        check(&[&[3, 3, 3]], |s, x| ops::slice(s, x[0], axis, 1..3));
        check(&[&[3, 3, 3]], |s, x| ops::slice(s, x[0], axis, 2..2));
    }
}

#[test]
fn permuted_elements_are_where_they_belong() {
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[2, 3, 4], (0..24).map(|i| i as f32).collect()));
    let parameters = Parameters::new();
    let y = ops::permute(&mut work.step(&parameters, pass()), x, &[2, 0, 1]);
    assert_eq!(work.tape.value(y).shape(), [4, 2, 3]);
    for (i, y) in work.tape.value(y).data().iter().enumerate() {
        let (a, b, c) = (i / 6, i / 3 % 2, i % 3);
        assert_eq!(*y as usize, b * 12 + c * 4 + a);
    }
    let parts: Vec<Var> =
        (0..4).map(|i| ops::slice(&mut work.step(&parameters, pass()), y, 0, i..i + 1)).collect();
    let joined = ops::concatenate(&mut work.step(&parameters, pass()), &parts, 0);
    assert_eq!(work.tape.value(joined), work.tape.value(y));
}

#[test]
fn dropout_keeps_the_mean_and_depends_on_the_position_only() {
    let run = |first_row: u64, rows: usize, mode: Mode| {
        let mut work = Workspace::new();
        let x = work.tape.constant(Tensor::new(&[rows, 100], vec![1.0; rows * 100]));
        let parameters = Parameters::new();
        let pass = Pass { first_row, mode, ..pass() };
        let mut step = work.step(&parameters, pass);
        let y = ops::dropout(&mut step, "drop", x, 0.25);
        work.tape.value(y).data().to_vec()
    };
    let whole = run(0, 100, Mode::Train);
    assert_eq!(run(40, 20, Mode::Train), whole[4000..6000]);
    assert_eq!(run(0, 3, Mode::Eval), vec![1.0; 300]);
    // Of 10,000 elements 2500 ± 43 are dropped; the bound is five standard deviations.
    let dropped = whole.iter().filter(|y| **y == 0.0).count();
    assert!((2284..2716).contains(&dropped), "{dropped} of 10000 were dropped");
    assert!(whole.iter().all(|y| *y == 0.0 || *y == 1.0 / 0.75));
    check(&[&[4, 5]], |s, x| ops::dropout(s, "drop", x[0], 0.5));
}

fn windows() -> Vec<Window> {
    vec![
        Window::square(1),
        Window::square(2).stride(2),
        Window::square(3).padding(1),
        Window::square(3).stride(2).padding(1),
        Window::square(2).stride(2).ceil(),
        Window { kernel: [3, 2], stride: [1, 2], padding: [1, 0], ..Window::square(1) },
    ]
}

#[test]
fn pools_have_their_gradients() {
    let shape = [2, 5, 4, 3];
    // Values 1/8 apart, so that a step of h changes no maximum.
    let order = Seed::new(1).stream().permutation(shape.iter().product());
    let x = vec![order.iter().map(|&i| i as f32 / 8.0 - 7.0).collect()];
    for window in windows() {
        check_at(&[&shape], &x, |s, x| ops::max_pool(s, x[0], &window));
        check(&[&shape], |s, x| ops::average_pool(s, x[0], &window));
    }
    for size in [[1, 1], [2, 3], [5, 4], [7, 1]] {
        check(&[&shape], |s, x| ops::adaptive_average_pool(s, x[0], size));
    }
    check(&[&shape], |s, x| ops::global_average_pool(s, x[0]));
}

#[test]
fn pools_have_their_values() {
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[1, 3, 3, 1], (1..=9).map(|i| i as f32).collect()));
    let parameters = Parameters::new();
    let mut values = |f: &dyn Fn(&mut Step<'_>) -> Var| {
        let y = f(&mut work.step(&parameters, pass()));
        work.tape.value(y).data().to_vec()
    };
    let two = Window::square(2).stride(2);
    assert_eq!(values(&|s| ops::max_pool(s, x, &two)), [5.0]);
    assert_eq!(values(&|s| ops::max_pool(s, x, &two.ceil())), [5.0, 6.0, 8.0, 9.0]);
    assert_eq!(values(&|s| ops::max_pool(s, x, &two.padding(1))), [1.0, 3.0, 7.0, 9.0]);
    assert_eq!(values(&|s| ops::average_pool(s, x, &two)), [3.0]);
    assert_eq!(values(&|s| ops::average_pool(s, x, &two.ceil())), [3.0, 4.5, 7.5, 9.0]);
    assert_eq!(values(&|s| ops::average_pool(s, x, &two.padding(1))), [0.25, 1.25, 2.75, 7.0]);
    assert_eq!(values(&|s| ops::adaptive_average_pool(s, x, [2, 1])), [3.5, 6.5]);
    assert_eq!(values(&|s| ops::global_average_pool(s, x)), [5.0]);
}

/// The gradients of x, and of every parameter, for a layer on f32.
fn check_layer(
    shape: &[usize],
    build: impl Fn(&mut Builder<'_>) -> Box<dyn Fn(Var, &mut Step<'_>) -> Var>,
) {
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let (mut parameters, seed) = (Parameters::new(), Seed::new(1));
    let layer = build(&mut Builder { parameters: &mut parameters, policy: &policy, seed });
    let run = |parameters: &mut Parameters, x: &[f32]| {
        let mut work = Workspace::new();
        let x = work.tape.variable(Tensor::new(shape, x.to_vec()));
        let y = layer(x, &mut work.step(&*parameters, pass()));
        let shape = work.tape.value(y).shape().to_vec();
        let weights = gaussian("weights", shape.iter().product());
        let value: f64 = (work.tape.value(y).data().iter().zip(&weights))
            .map(|(y, w)| f64::from(*y) * f64::from(*w))
            .sum();
        let weights = work.tape.constant(Tensor::new(&shape, weights));
        let weighted = ops::mul(&mut work.step(&*parameters, pass()), y, weights);
        let loss = ops::sum(&mut work.step(&*parameters, pass()), weighted);
        let gradients = work.tape.backward(loss, 1.0, parameters, pass());
        (value, gradients.of(x).unwrap().to_vec())
    };
    let h = 1e-2f32;
    let compare = |numeric: f64, tape: f32, what: &str| {
        assert!(
            (numeric - f64::from(tape)).abs() < 2e-3 * numeric.abs().max(1.0),
            "{what}: {numeric} by differences, {tape} by tape"
        );
    };
    let x = gaussian("x", shape.iter().product());
    let (_, dx) = run(&mut parameters.clone(), &x);
    for i in 0..x.len() {
        let at = |d: f32| {
            let mut x = x.clone();
            x[i] += d;
            run(&mut parameters.clone(), &x).0
        };
        compare((at(h) - at(-h)) / f64::from(2.0 * h), dx[i], &format!("x[{i}]"));
    }
    let mut after = parameters.clone();
    run(&mut after, &x);
    for (index, parameter) in after.iter().enumerate() {
        for (i, gradient) in parameter.gradient().unwrap().iter().enumerate() {
            let at = |d: f32| {
                let mut moved = parameters.clone();
                let parameter = moved.iter_mut().nth(index).unwrap();
                // An increment of d for one element, without reaching inside.
                parameter.accumulate(|g, _| {
                    g.fill(0.0);
                    g[i] = d;
                });
                parameter.apply(false, &Seed::new(0), |g, _, _| g);
                run(&mut moved, &x).0
            };
            let numeric = (at(h) - at(-h)) / f64::from(2.0 * h);
            compare(numeric, *gradient, &format!("{}[{i}]", parameter.name()));
        }
    }
}

#[test]
fn convolutions_have_their_gradients() {
    let init = Init::Normal { std_dev: 0.5 };
    for (window, groups) in [
        (Window::square(1), 1),
        (Window::square(1).stride(2), 1),
        (Window::square(3).padding(1), 1),
        (Window::square(3).stride(2).padding(1), 2),
        (Window::square(2).dilation(2).padding(1), 1),
        (Window { kernel: [1, 3], stride: [1, 2], padding: [0, 2], ..Window::square(1) }, 2),
    ] {
        check_layer(&[2, 5, 4, 2], |builder| {
            let config = ConvConfig::new(window, init).groups(groups);
            let conv = Conv2d::new(builder, "conv", 2, 4, config);
            Box::new(move |x, step| conv.forward(x, step))
        });
    }
    check_layer(&[2, 7, 3], |builder| {
        let config = ConvConfig::new(Window::line(3).stride(2).padding(1), init);
        let conv = Conv1d::new(builder, "conv", 3, 2, config);
        Box::new(move |x, step| conv.forward(x, step))
    });
}

#[test]
fn threads_do_not_change_a_bit_of_a_convolution() {
    let run = |arithmetic: &AnyArithmetic, par: Par| {
        let mut parameters = Parameters::new();
        let policy = Policy::uniform(arithmetic.clone());
        let mut builder =
            Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
        let config = ConvConfig::new(Window::square(3).padding(1), Init::HeNormal);
        let conv = Conv2d::new(&mut builder, "conv", 3, 5, config);
        let mut work = Workspace::new();
        let x = gaussian("x", 6 * 17 * 19 * 3);
        let x = work.tape.variable(Tensor::new(&[6, 17, 19, 3], x));
        let pass = Pass { par, ..pass() };
        let y = conv.forward(x, &mut work.step(&parameters, pass));
        let y = ops::mul(&mut work.step(&parameters, pass), y, y);
        let loss = ops::mean(&mut work.step(&parameters, pass), y);
        let gradients = work.tape.backward(loss, 64.0, &mut parameters, pass);
        let dx = gradients.of(x).unwrap().to_vec();
        let all: Vec<Vec<f32>> =
            parameters.iter().map(|p| p.gradient().unwrap().to_vec()).collect();
        (dx, all)
    };
    let fixed = nn::FixedPoint::uniform("<8,8>".parse().unwrap(), numerics::Rounding::Stochastic);
    for arithmetic in [AnyArithmetic::Float32, AnyArithmetic::FixedPoint(fixed.unwrap())] {
        assert_eq!(run(&arithmetic, Par::Seq), run(&arithmetic, Par::Rayon));
    }
}

/// Also where images and rows do not divide into the parts that threads take.
#[test]
fn threads_do_not_change_a_bit_of_normalised_and_pooled_images() {
    for (shape, window) in [
        ([37, 17, 19, 5], Window::square(3).stride(2).padding(1)),
        ([67, 16, 16, 3], Window::square(2).stride(2)),
        ([3, 40, 40, 16], Window::square(3).stride(2).ceil()),
        ([2, 1, 1, 1], Window::square(1)),
    ] {
        let run = |par: Par| {
            let mut parameters = Parameters::new();
            let policy = Policy::uniform(AnyArithmetic::Float32);
            let mut builder =
                Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
            let norm = nn::layers::BatchNorm::new(&mut builder, "bn", shape[3]);
            let mut work = Workspace::new();
            let x = gaussian("x", shape.iter().product());
            let x = work.tape.variable(Tensor::new(&shape, x));
            let pass = Pass { par, ..pass() };
            let mut step = work.step(&parameters, pass);
            let y = norm.forward_add_relu(x, x, &mut step);
            let y = ops::max_pool(&mut step, y, &window);
            let y = ops::mul(&mut work.step(&parameters, pass), y, y);
            let value = work.tape.value(y).data().to_vec();
            let loss = ops::mean(&mut work.step(&parameters, pass), y);
            let gradients = work.tape.backward(loss, 64.0, &mut parameters, pass);
            let dx = gradients.of(x).unwrap().to_vec();
            let all: Vec<Vec<f32>> =
                parameters.iter().map(|p| p.gradient().unwrap().to_vec()).collect();
            let states: Vec<Vec<f32>> = parameters.states().map(|(_, s)| s.to_vec()).collect();
            (value, dx, all, states)
        };
        assert_eq!(run(Par::Seq), run(Par::Rayon), "{shape:?}");
    }
}

#[test]
fn batch_normalisation_has_its_gradients() {
    for mode in 0..4 {
        check_layer(&[2, 3, 2, 3], |builder| {
            let norm = nn::layers::BatchNorm::new(builder, "bn", 3);
            Box::new(move |x, step| match mode {
                0 => norm.forward(x, step),
                // Shifted away from the kink of ReLU but for a few elements far from it.
                1 => {
                    let y = norm.forward_relu(x, step);
                    ops::mul(step, y, y)
                }
                2 => {
                    let y = norm.forward_add_relu(x, x, step);
                    ops::mul(step, y, y)
                }
                _ => {
                    let pass = Pass { mode: Mode::Eval, ..step.pass };
                    let mut step = step.with_pass(pass);
                    norm.forward(x, &mut step)
                }
            })
        });
    }
}

#[test]
fn batch_normalisation_keeps_running_statistics() {
    let (mut parameters, seed) = (Parameters::new(), Seed::new(1));
    let policy = Policy::uniform(AnyArithmetic::Float32);
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed };
    let norm = nn::layers::BatchNorm::new(&mut builder, "bn", 2);
    let mut work = Workspace::new();
    let x = work.tape.constant(Tensor::new(&[4, 2], vec![1.0, 0.0, 2.0, 0.0, 3.0, 4.0, 6.0, 4.0]));
    let y = norm.forward(x, &mut work.step(&parameters, pass()));
    // Means 3 and 2; variances 14/4 and 4, unbiased 14/3 and 16/3.
    let root = 3.5f32.sqrt();
    for (y, expected) in work.tape.value(y).data().iter().step_by(2).zip([-2.0, -1.0, 0.0, 3.0]) {
        assert!((y - expected / root).abs() < 1e-5, "{y}, not {}", expected / root);
    }
    let loss = ops::sum(&mut work.step(&parameters, pass()), y);
    work.tape.backward(loss, 1.0, &mut parameters, pass());
    let states: Vec<(String, Vec<f32>)> =
        parameters.states().map(|(name, values)| (name.to_owned(), values.to_vec())).collect();
    assert_eq!(states[0].0, "bn.running_mean");
    let close = |a: &[f32], b: [f32; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(close(&states[0].1, [0.3, 0.2]), "{states:?}");
    assert!(close(&states[1].1, [0.9 + 0.1 * 14.0 / 3.0, 0.9 + 1.6 / 3.0]), "{states:?}");
}

/// The mean of equal values is that value, to the last bit, for every code of 16 bits and windows of
/// any size: a sum that is exact, and one division.
#[test]
fn the_mean_of_a_constant_is_the_constant() {
    let codes: Vec<f32> =
        (1..4096).chain((1 << 15) - 64..1 << 15).map(|c| c as f32 / 256.0).collect();
    let channels = codes.len();
    for side in 2..=7 {
        let image: Vec<f32> = codes.repeat(side * side);
        let mut work = Workspace::new();
        let x = work.tape.constant(Tensor::new(&[1, side, side, channels], image));
        let (window, parameters) = (Window::square(side), Parameters::new());
        let means = [
            ops::average_pool(&mut work.step(&parameters, pass()), x, &window),
            ops::adaptive_average_pool(&mut work.step(&parameters, pass()), x, [1, 1]),
            ops::global_average_pool(&mut work.step(&parameters, pass()), x),
        ];
        for (kind, y) in means.into_iter().enumerate() {
            assert_eq!(work.tape.value(y).data(), codes, "kind {kind}, {side} × {side}");
        }
    }
}

#[test]
#[should_panic(expected = "a batch of 1 rows has no variance")]
fn batch_normalisation_does_not_train_on_one_row() {
    let (mut parameters, policy) = (Parameters::new(), Policy::uniform(AnyArithmetic::Float32));
    let mut builder = Builder { parameters: &mut parameters, policy: &policy, seed: Seed::new(1) };
    let norm = nn::layers::BatchNorm::new(&mut builder, "bn", 3);
    let mut work = Workspace::new();
    let x = work.tape.variable(Tensor::new(&[1, 3], vec![1.0, 2.0, 3.0]));
    norm.forward(x, &mut work.step(&parameters, pass()));
}
