//! Operations on sequences, and their losses, against finite differences and naive twins.

use std::sync::Arc;

use nn::arithmetic::{Floats, NewLayer};
use nn::ops::{
    Cell, CrossEntropy, CtcTargets, Distillation, Factor, Mask, Recurrence, TransducerTargets,
};
use nn::{
    AnyArithmetic, LinearMap, Mode, ParameterId, Parameters, Pass, Role, Step, Tensor, Var,
    Workspace, ops,
};
use nn::{Backward, Operation};
use numerics::{Par, Seed};

fn pass() -> Pass {
    Pass { seed: Seed::new(11), first_row: 0, step: 0, mode: Mode::Train, par: Par::Seq }
}

fn gaussian(name: &str, len: usize) -> Vec<f32> {
    let mut x = vec![0.0; len];
    Seed::new(12).child(name).stream().fill_gaussian(0, &mut x);
    x
}

/// Σ w·y with random w, so that every element of y has a gradient of its own.
fn weigh(step: &mut Step<'_>, y: Var) -> Var {
    let w = gaussian("weigh", step.value(y).data().len());
    let sum: f64 =
        step.value(y).data().iter().zip(&w).map(|(y, w)| f64::from(*y) * f64::from(*w)).sum();
    let needs_gradient = step.tape.needs_gradient(y);
    step.tape.record(Tensor::new(&[], vec![sum as f32]), needs_gradient, Weigh { y, w })
}

#[derive(Debug)]
struct Weigh {
    y: Var,
    w: Vec<f32>,
}

impl Operation for Weigh {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.y, |dy, _| {
            dy.iter_mut().zip(&self.w).for_each(|(dy, w)| *dy += gradient[0] * w);
        });
    }
}

/// Parameters with random values.
fn parameters(shapes: &[&[usize]]) -> (Parameters, Vec<ParameterId>) {
    let mut parameters = Parameters::new();
    let ids = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| {
            let values = gaussian(&format!("p{i}"), shape.iter().product());
            parameters.add(format!("p{i}"), Role::Weight, shape, Floats::new(values))
        })
        .collect();
    (parameters, ids)
}

/// Gradients of `loss` with respect to its inputs and all parameters, by central differences and
/// by the tape. With a step of 1e-2 the truncation error is O(1e-4), the rounding error 1e-5.
#[track_caller]
fn check(
    shapes: &[&[usize]],
    parameters: &Parameters,
    loss: impl Fn(&mut Step<'_>, &[Var]) -> Var,
) {
    let inputs: Vec<Vec<f32>> = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| gaussian(&format!("x{i}"), shape.iter().product()))
        .collect();
    let run = |inputs: &[Vec<f32>], parameters: &Parameters| {
        let mut parameters = parameters.clone();
        let mut work = Workspace::new();
        let vars: Vec<Var> = shapes
            .iter()
            .zip(inputs)
            .map(|(shape, x)| work.tape.variable(Tensor::new(shape, x.clone())))
            .collect();
        let mut step = work.step(&parameters, pass());
        let loss = loss(&mut step, &vars);
        let value = work.tape.value(loss).item();
        let gradients = work.tape.backward(loss, 1.0, &mut parameters, pass());
        let gradients: Vec<Vec<f32>> =
            vars.iter().map(|&var| gradients.of(var).expect("a gradient").to_vec()).collect();
        let weights: Vec<Vec<f32>> =
            parameters.iter().map(|p| p.gradient().expect("a gradient").to_vec()).collect();
        (value, gradients, weights)
    };
    let (_, gradients, weights) = run(&inputs, parameters);
    assert!(gradients.iter().chain(&weights).flatten().any(|g| g.abs() > 0.05), "nothing to check");
    let h = 1e-2f32;
    let compare = |what: String, plus: f32, minus: f32, tape: f32| {
        let numeric = (plus - minus) / (2.0 * h);
        let bound = 2e-3 * tape.abs().max(1.0);
        assert!((numeric - tape).abs() < bound, "{what}: {numeric} by differences, {tape} by tape");
    };
    for (k, gradient) in gradients.iter().enumerate() {
        for (i, &tape) in gradient.iter().enumerate() {
            let at = |d: f32| {
                let mut inputs = inputs.clone();
                inputs[k][i] += d;
                run(&inputs, parameters).0
            };
            compare(format!("input {k}, element {i}"), at(h), at(-h), tape);
        }
    }
    for (k, gradient) in weights.iter().enumerate() {
        for (i, &tape) in gradient.iter().enumerate() {
            let at = |d: f32| {
                let mut parameters = parameters.clone();
                let parameter = parameters.iter_mut().nth(k).expect("the parameter");
                // An increment of d for one element changes it without reaching inside.
                parameter.accumulate(|g, _| {
                    g.fill(0.0);
                    g[i] = d;
                });
                parameter.apply(false, &Seed::new(0), |g, _, _| g);
                run(&inputs, &parameters).0
            };
            compare(format!("parameter {k}, element {i}"), at(h), at(-h), tape);
        }
    }
}

#[test]
fn matmul_has_its_gradients() {
    let none = Parameters::new();
    check(&[&[2, 3, 4], &[2, 4, 5]], &none, |step, x| {
        let y = ops::matmul(step, x[0], x[1]);
        weigh(step, y)
    });
    check(&[&[2, 4, 3], &[2, 5, 4]], &none, |step, x| {
        let y = ops::matmul(step, Factor::t(x[0]), Factor::t(x[1]));
        assert_eq!(step.tape.value(y).shape(), [2, 3, 5]);
        weigh(step, y)
    });
    check(&[&[2, 3, 4], &[5, 4]], &none, |step, x| {
        let y = ops::matmul(step, x[0], Factor::t(x[1]));
        weigh(step, y)
    });
    // A variable that is both factors.
    check(&[&[3, 4]], &none, |step, x| {
        let y = ops::matmul(step, x[0], Factor::t(x[0]));
        weigh(step, y)
    });
}

#[test]
fn softmax_and_its_logarithm_have_their_gradients() {
    for op in [ops::softmax, ops::log_softmax] {
        check(&[&[2, 2, 5]], &Parameters::new(), |step, x| {
            let y = op(step, x[0]);
            weigh(step, y)
        });
    }
}

#[test]
fn embedding_and_layer_norm_have_their_gradients() {
    let (table, ids) = parameters(&[&[4, 3]]);
    check(&[], &table, |step, _| {
        let y = ops::embedding(step, ids[0], &[1, 3, 1, 0], &[2, 2]);
        weigh(step, y)
    });
    let (norm, ids) = parameters(&[&[5], &[5]]);
    check(&[&[2, 2, 5]], &norm, |step, x| {
        let y = ops::layer_norm(step, x[0], ids[0], ids[1], 1e-5);
        weigh(step, y)
    });
}

#[test]
fn attention_has_its_gradients() {
    let masks = [
        Mask::default(),
        Mask { lengths: Some(&[3, 1]), causal: false },
        Mask { lengths: Some(&[3, 2]), causal: true },
    ];
    for mask in masks {
        for dropout in [0.0, 0.3] {
            check(&[&[2, 3, 4], &[2, 3, 4], &[2, 3, 4]], &Parameters::new(), |step, x| {
                let seed = step.pass.seed.child("attention");
                let y = ops::attention(step, [x[0], x[1], x[2]], 2, mask, (dropout, &seed));
                weigh(step, y)
            });
        }
    }
}

/// Attention by matmul and softmax, head by head through one head at a time.
#[test]
fn attention_is_softmax_of_scores_times_values() {
    let mut work = Workspace::new();
    let none = Parameters::new();
    let [q, k, v] =
        ["q", "k", "v"].map(|name| work.tape.variable(Tensor::new(&[2, 3, 4], gaussian(name, 24))));
    let mut step = work.step(&none, pass());
    let seed = Seed::new(0);
    let fused = ops::attention(&mut step, [q, k, v], 1, Mask::default(), (0.0, &seed));
    let scaled: Vec<f32> = step.tape.value(q).data().iter().map(|q| q / 2.0).collect();
    let q = step.tape.variable(Tensor::new(&[2, 3, 4], scaled));
    let scores = ops::matmul(&mut step, q, Factor::t(k));
    let p = ops::softmax(&mut step, scores);
    let plain = ops::matmul(&mut step, p, v);
    for (a, b) in work.tape.value(fused).data().iter().zip(work.tape.value(plain).data()) {
        assert!((a - b).abs() < 1e-5, "{a} fused, {b} in parts");
    }
}

#[test]
fn a_causal_query_ignores_what_is_later() {
    let run = |last: f32| {
        let mut work = Workspace::new();
        let none = Parameters::new();
        let mut x = gaussian("x", 12);
        x[8..].fill(last);
        let x = work.tape.variable(Tensor::new(&[1, 3, 4], x));
        let mut step = work.step(&none, pass());
        let mask = Mask { lengths: None, causal: true };
        let y = ops::attention(&mut step, [x, x, x], 2, mask, (0.0, &Seed::new(0)));
        work.tape.value(y).data()[..8].to_vec()
    };
    assert_eq!(run(1.0), run(-5.0));
}

fn recurrent_map(cell: Cell, width: usize) -> (Parameters, Arc<LinearMap>) {
    let mut parameters = Parameters::new();
    let outputs = cell.gates() * width;
    let weight: Vec<f32> = gaussian("weight", outputs * width).iter().map(|w| w * 0.5).collect();
    let map = AnyArithmetic::Float32.linear_map(NewLayer {
        parameters: &mut parameters,
        name: "hidden",
        shape: &[outputs, width],
        weight: &weight,
        bias: true,
        readout: nn::layers::Readout::Wide,
    });
    (parameters, Arc::new(map))
}

#[test]
fn recurrent_cells_have_their_gradients() {
    for cell in [Cell::Lstm, Cell::Gru] {
        for reverse in [false, true] {
            for lengths in [None, Some(&[4, 2][..])] {
                let (parameters, map) = recurrent_map(cell, 3);
                let gates = 3 * cell.gates();
                let shapes: &[&[usize]] = &[&[2, 4, gates], &[2, 3], &[2, 3]];
                let shapes = if cell == Cell::Lstm { shapes } else { &shapes[..2] };
                check(shapes, &parameters, |step, x| {
                    let initial = Some((x[1], x.get(2).copied()));
                    let recurrence = Recurrence { reverse, lengths, initial };
                    let (y, _) = ops::recurrent(step, cell, &map, x[0], &recurrence);
                    weigh(step, y)
                });
            }
        }
    }
}

/// A sequence in two parts, the state carried over, is the whole sequence.
#[test]
fn a_sequence_may_be_cut() {
    for cell in [Cell::Lstm, Cell::Gru] {
        let (parameters, map) = recurrent_map(cell, 3);
        let columns = 3 * cell.gates();
        let x = gaussian("x", 5 * columns);
        let mut work = Workspace::new();
        let mut step = work.step(&parameters, pass());
        let mut run = |x: &[f32], initial: Option<ops::FinalState>| {
            let time = x.len() / columns;
            let x = step.tape.constant(Tensor::new(&[1, time, columns], x.to_vec()));
            let initial = initial.map(|state| {
                let cell = (!state.cell.data().is_empty()).then(|| step.tape.constant(state.cell));
                (step.tape.constant(state.hidden), cell)
            });
            let recurrence = Recurrence { initial, ..Recurrence::default() };
            let (y, state) = ops::recurrent(&mut step, cell, &map, x, &recurrence);
            (step.tape.value(y).data().to_vec(), state)
        };
        let (whole, _) = run(&x, None);
        let (first, state) = run(&x[..2 * columns], None);
        let (second, _) = run(&x[2 * columns..], Some(state));
        assert_eq!(whole, [first, second].concat());
    }
}

#[test]
fn cross_entropy_has_its_gradient() {
    let options = [
        CrossEntropy::default(),
        CrossEntropy { label_smoothing: 0.1, ignore: None },
        CrossEntropy { label_smoothing: 0.2, ignore: Some(7) },
    ];
    for options in options {
        check(&[&[4, 5]], &Parameters::new(), |step, x| {
            let labels = if options.ignore.is_some() { [0, 7, 2, 4] } else { [0, 1, 2, 4] };
            ops::cross_entropy(step, x[0], &labels, options)
        });
    }
}

#[test]
fn cross_entropy_of_ignored_rows_is_zero() {
    let mut work = Workspace::new();
    let mut none = Parameters::new();
    let x = work.tape.variable(Tensor::new(&[2, 3], gaussian("x", 6)));
    let mut step = work.step(&none, pass());
    let options = CrossEntropy { ignore: Some(9), ..CrossEntropy::default() };
    let loss = ops::cross_entropy(&mut step, x, &[9, 9], options);
    assert_eq!(work.tape.value(loss).item(), 0.0);
    let gradients = work.tape.backward(loss, 1.0, &mut none, pass());
    assert_eq!(gradients.of(x), Some(&[0.0; 6][..]));
}

#[test]
fn binary_cross_entropy_is_that_of_two_classes_and_has_its_gradient() {
    let truths = [0.0, 1.0, 1.0, 0.0, 0.25, 1.0];
    check(&[&[2, 3]], &Parameters::new(), |step, x| ops::binary_cross_entropy(step, x[0], &truths));
    // Of a logit x against the classes 0 and 1 it is the cross-entropy of (0, x); far out it stays finite.
    let mut work = Workspace::new();
    let parameters = Parameters::new();
    for (x, label) in [(0.3, 1u32), (-2.0, 0), (5.0, 0), (-80.0, 1), (80.0, 1)] {
        let one = work.tape.constant(Tensor::new(&[1], vec![x]));
        let two = work.tape.constant(Tensor::new(&[1, 2], vec![0.0, x]));
        let mut step = work.step(&parameters, pass());
        let one = ops::binary_cross_entropy(&mut step, one, &[label as f32]);
        let two = ops::cross_entropy(&mut step, two, &[label], CrossEntropy::default());
        let [one, two] = [one, two].map(|loss| step.tape.value(loss).item());
        assert!((one - two).abs() < 1e-5 * two.max(1.0), "{x}: {one}, {two}");
        work.clear();
    }
}

#[test]
fn mean_squared_error_and_distillation_have_their_gradients() {
    let target = gaussian("target", 12);
    check(&[&[3, 4]], &Parameters::new(), |step, x| ops::mean_squared_error(step, x[0], &target));
    for mix in [0.0, 0.75, 1.0] {
        let options = Distillation { temperature: 3.0, mix };
        check(&[&[3, 4]], &Parameters::new(), |step, x| {
            ops::distillation(step, x[0], &target, &[0, 3, 1], None, options)
        });
        // As if the row that does not count were not there.
        check(&[&[3, 4]], &Parameters::new(), |step, x| {
            ops::distillation(step, x[0], &target, &[0, 9, 1], Some(9), options)
        });
        let counted = |labels: &[u32], rows: &[usize]| {
            let (mut work, all) = (Workspace::new(), gaussian("x", 12));
            let parameters = Parameters::new();
            let of = |from: &[f32]| -> Vec<f32> {
                rows.iter().flat_map(|row| from[4 * row..4 * row + 4].to_vec()).collect()
            };
            let x = work.tape.variable(Tensor::new(&[rows.len(), 4], of(&all)));
            let loss = ops::distillation(
                &mut work.step(&parameters, pass()),
                x,
                &of(&target),
                labels,
                Some(9),
                options,
            );
            work.tape.value(loss).item()
        };
        assert_eq!(counted(&[0, 9, 1], &[0, 1, 2]), counted(&[0, 1], &[0, 2]));
        assert_eq!(counted(&[9], &[0]), 0.0);
    }
}

#[test]
fn ctc_has_its_gradient() {
    check(&[&[2, 4, 3]], &Parameters::new(), |step, x| {
        let targets = CtcTargets {
            labels: &[vec![1, 1], vec![2]],
            lengths: Some(&[4, 3]),
            blank: 0,
            zero_infinity: false,
        };
        ops::ctc(step, x[0], &targets)
    });
}

#[test]
fn transducer_has_its_gradient() {
    check(&[&[2, 3, 3, 3]], &Parameters::new(), |step, x| {
        let targets =
            TransducerTargets { labels: &[vec![1, 2], vec![1]], lengths: Some(&[3, 2]), blank: 0 };
        ops::transducer(step, x[0], &targets)
    });
}

fn softmax_rows(x: &[f32], classes: usize) -> Vec<f64> {
    x.chunks_exact(classes)
        .flat_map(|row| {
            let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            row.iter().map(move |&x| f64::from(x).exp() / sum)
        })
        .collect()
}

/// All classes^time alignments: merge repeats, drop blanks, compare.
#[test]
fn ctc_sums_over_all_alignments() {
    let (time, classes) = (5, 3);
    let x = gaussian("ctc", time * classes);
    let p = softmax_rows(&x, classes);
    for labels in [vec![], vec![1], vec![1, 1], vec![1, 2], vec![2, 1, 2], vec![1, 1, 1]] {
        let mut likelihood = 0.0;
        for code in 0..classes.pow(time as u32) {
            let alignment: Vec<usize> =
                (0..time).map(|t| code / classes.pow(t as u32) % classes).collect();
            let mut merged = alignment.clone();
            merged.dedup();
            let said: Vec<u32> = merged.into_iter().filter(|&k| k != 0).map(|k| k as u32).collect();
            if said == labels {
                likelihood += (0..time).map(|t| p[t * classes + alignment[t]]).product::<f64>();
            }
        }
        let mut work = Workspace::new();
        let none = Parameters::new();
        let x = work.tape.constant(Tensor::new(&[1, time, classes], x.clone()));
        let mut step = work.step(&none, pass());
        let targets = CtcTargets {
            labels: std::slice::from_ref(&labels),
            lengths: None,
            blank: 0,
            zero_infinity: false,
        };
        let loss = ops::ctc(&mut step, x, &targets);
        let found = f64::from(work.tape.value(loss).item());
        assert!((found + likelihood.ln()).abs() < 1e-5, "{labels:?}: {found}, {likelihood}");
    }
}

#[test]
fn too_many_labels_for_ctc_are_impossible() {
    for (zero_infinity, expected) in [(false, f32::INFINITY), (true, 0.0)] {
        let mut work = Workspace::new();
        let mut none = Parameters::new();
        let x = work.tape.variable(Tensor::new(&[1, 2, 3], gaussian("x", 6)));
        let mut step = work.step(&none, pass());
        // A repeated label needs a blank between, so three times.
        let targets = CtcTargets { labels: &[vec![1, 1]], lengths: None, blank: 0, zero_infinity };
        let loss = ops::ctc(&mut step, x, &targets);
        assert_eq!(work.tape.value(loss).item(), expected);
        let gradients = work.tape.backward(loss, 1.0, &mut none, pass());
        assert_eq!(gradients.of(x), Some(&[0.0; 6][..]));
    }
}

/// All ways through the lattice, by recursion.
#[test]
fn the_transducer_sums_over_all_paths() {
    fn paths(
        p: &[f64],
        [time, nodes, classes]: [usize; 3],
        labels: &[u32],
        t: usize,
        u: usize,
    ) -> f64 {
        let at = |k: u32| p[(t * nodes + u) * classes + k as usize];
        let blank = if t + 1 < time {
            at(0) * paths(p, [time, nodes, classes], labels, t + 1, u)
        } else if u == labels.len() {
            at(0)
        } else {
            0.0
        };
        let label = if u < labels.len() {
            at(labels[u]) * paths(p, [time, nodes, classes], labels, t, u + 1)
        } else {
            0.0
        };
        blank + label
    }
    let size = [4, 3, 3];
    let x = gaussian("transducer", size.iter().product());
    let p = softmax_rows(&x, 3);
    for labels in [vec![], vec![2], vec![1, 1], vec![2, 1]] {
        let likelihood = paths(&p, size, &labels, 0, 0);
        let mut work = Workspace::new();
        let none = Parameters::new();
        let x = work.tape.constant(Tensor::new(&[1, 4, 3, 3], x.clone()));
        let mut step = work.step(&none, pass());
        let targets =
            TransducerTargets { labels: std::slice::from_ref(&labels), lengths: None, blank: 0 };
        let loss = ops::transducer(&mut step, x, &targets);
        let found = f64::from(work.tape.value(loss).item());
        assert!((found + likelihood.ln()).abs() < 1e-5, "{labels:?}: {found}, {likelihood}");
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let run = |par: Par| {
        let (mut parameters, map) = recurrent_map(Cell::Lstm, 8);
        let pass = Pass { par, ..pass() };
        let mut work = Workspace::new();
        let x = work.tape.variable(Tensor::new(&[5, 7, 32], gaussian("x", 1120)));
        let mut step = work.step(&parameters, pass);
        let (y, _) = ops::recurrent(&mut step, Cell::Lstm, &map, x, &Recurrence::default());
        let seed = Seed::new(3);
        let y = ops::attention(&mut step, [y, y, y], 2, Mask::default(), (0.1, &seed));
        let z = ops::matmul(&mut step, y, Factor::t(y));
        let labels: Vec<u32> = (0..35).map(|i| i % 7).collect();
        let first = ops::cross_entropy(&mut step, z, &labels, CrossEntropy::default());
        let value = work.tape.value(first).item();
        let gradients = work.tape.backward(first, 1.0, &mut parameters, pass);
        let weights: Vec<_> = parameters.iter().map(|p| p.gradient().unwrap().to_vec()).collect();
        (value, gradients.of(x).unwrap().to_vec(), weights)
    };
    assert_eq!(run(Par::Seq), run(Par::Rayon));
}

#[test]
fn pairwise_has_its_gradients() {
    for pairing in [ops::Pairing::Sum, ops::Pairing::Product] {
        check(&[&[2, 3, 4], &[2, 2, 4]], &Parameters::new(), |step, x| {
            let y = ops::pairwise(step, x[0], x[1], pairing);
            weigh(step, y)
        });
    }
}
