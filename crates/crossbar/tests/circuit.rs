//! The circuit against the laws that it solves.

use crossbar::TileError;
use crossbar::wires::{Circuit, CircuitSolution, LineResistance};
use numerics::Seed;
use proptest::prelude::*;

/// Uniform conductances up to `g_max`, some of them open.
fn devices(seed: u64, count: usize, g_max: f64) -> Vec<f64> {
    let mut u = vec![0.0; count];
    Seed::new(seed).stream().fill_uniform(0, &mut u);
    u.iter().map(|&u| (f64::from(u) * 1.1 - 0.1).max(0.0) * g_max).collect()
}

fn drives(seed: u64, count: usize) -> Vec<f64> {
    let mut u = vec![0.0; count];
    Seed::new(seed).child("drive").stream().fill_uniform(0, &mut u);
    u.iter().map(|&u| 0.4 * f64::from(u) - 0.2).collect()
}

/// Largest imbalance of the currents of any node beyond the rounding of its potentials, relative
/// to the currents that meet there.
fn imbalance(
    g: &[f64],
    (rows, columns): (usize, usize),
    lines: LineResistance,
    inputs: &[f64],
    solution: &CircuitSolution,
) -> f64 {
    let (w, b) = (&solution.word_v, &solution.bit_v);
    let at = |i: usize, j: usize| i * columns + j;
    let mut worst = 0.0f64;
    for i in 0..rows {
        for j in 0..columns {
            let device = g[at(i, j)] * (w[at(i, j)] - b[at(i, j)]);
            let left = if j == 0 { inputs[i] } else { w[at(i, j - 1)] };
            let from_left = (left - w[at(i, j)]) / lines.word_ohm;
            let to_right = if j + 1 < columns {
                (w[at(i, j)] - w[at(i, j + 1)]) / lines.word_ohm
            } else {
                0.0
            };
            let from_above =
                if i > 0 { (b[at(i - 1, j)] - b[at(i, j)]) / lines.bit_ohm } else { 0.0 };
            let below = if i + 1 < rows { b[at(i + 1, j)] } else { 0.0 };
            let to_below = (b[at(i, j)] - below) / lines.bit_ohm;
            for (sum, parts) in [
                (from_left - to_right - device, [from_left, to_right, device]),
                (from_above + device - to_below, [from_above, to_below, device]),
            ] {
                let size = parts.iter().fold(0.0f64, |max, x| max.max(x.abs()));
                // Potentials up to 0.2 V are stored to their last place, and the segments and the
                // device of a node turn that into current.
                let resolution =
                    4.0 * f64::EPSILON * 0.2 * (2.0 / lines.word_ohm.min(lines.bit_ohm) + 1e-4);
                let beyond = (sum.abs() - resolution).max(0.0);
                worst = worst.max(beyond / size.max(f64::MIN_POSITIVE));
            }
        }
    }
    worst
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Currents balance at every node, from a weak to a very strong drop.
    #[test]
    fn currents_balance_at_every_node(
        rows in 1usize..65,
        columns in 1usize..65,
        seed in 0u64..1000,
        word_decade in -2i32..4,
        bit_decade in -2i32..4,
    ) {
        let lines = LineResistance {
            word_ohm: 10f64.powi(word_decade),
            bit_ohm: 10f64.powi(bit_decade),
        };
        let g = devices(seed, rows * columns, 100e-6);
        let v = drives(seed, rows);
        let solution = Circuit::new(&g, rows, columns, lines).unwrap().solve(&v).unwrap();
        prop_assert!(solution.residual <= 1e-10, "residual {}", solution.residual);
        let worst = imbalance(&g, (rows, columns), lines, &v, &solution);
        prop_assert!(worst <= 1e-10, "imbalance {}", worst);
    }

    /// What flows into the array flows out of it.
    #[test]
    fn currents_in_and_out_of_the_array_are_equal(
        rows in 1usize..30,
        columns in 1usize..30,
        seed in 0u64..1000,
    ) {
        let lines = LineResistance { word_ohm: 50.0, bit_ohm: 20.0 };
        let g = devices(seed, rows * columns, 1e-3);
        let v = drives(seed, rows);
        let solution = Circuit::new(&g, rows, columns, lines).unwrap().solve(&v).unwrap();
        let into: Vec<f64> =
            (0..rows).map(|i| (v[i] - solution.word_v[i * columns]) / 50.0).collect();
        let (total_in, total_out): (f64, f64) =
            (into.iter().sum(), solution.outputs_a.iter().sum());
        let size: f64 = into.iter().map(|x| x.abs()).sum();
        // One rounding of the potentials per word line and bit line, through its segment.
        let resolution = (rows as f64 / 50.0 + columns as f64 / 20.0) * 0.2 * 1e-13;
        prop_assert!((total_in - total_out).abs() <= 1e-10 * size + resolution);
    }
}

#[test]
fn ideal_lines_are_the_limit_of_small_resistances() {
    let (rows, columns) = (20, 12);
    let g = devices(3, rows * columns, 100e-6);
    let v = drives(3, rows);
    let solve = |word_ohm, bit_ohm| {
        let lines = LineResistance { word_ohm, bit_ohm };
        Circuit::new(&g, rows, columns, lines).unwrap().solve(&v).unwrap().outputs_a
    };
    let exact: Vec<f64> =
        (0..columns).map(|j| (0..rows).map(|i| g[i * columns + j] * v[i]).sum()).collect();
    let largest = exact.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    let far = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
    };
    assert!(far(&solve(0.0, 0.0), &exact) < 1e-14);
    // The drop is at most r g n² per line: 1e-3 Ω · 100 µS · 20² = 4e-5.
    for (word, bit, ideal) in [
        (1e-3, 0.0, [0.0, 0.0]),
        (0.0, 1e-3, [0.0, 0.0]),
        (1e-3, 5.0, [0.0, 5.0]),
        (5.0, 1e-3, [5.0, 0.0]),
    ] {
        let difference = far(&solve(word, bit), &solve(ideal[0], ideal[1]));
        assert!(difference > 0.0 && difference < 1e-4, "{word} Ω, {bit} Ω: {difference}");
    }
}

#[test]
fn gradients_equal_finite_differences() {
    let (rows, columns) = (7, 5);
    let v = drives(4, rows);
    let weights: Vec<f64> = (0..columns).map(|j| 1.0 - 0.4 * j as f64).collect();
    for (word_ohm, bit_ohm) in [(100.0, 300.0), (0.0, 300.0), (100.0, 0.0), (0.0, 0.0)] {
        let lines = LineResistance { word_ohm, bit_ohm };
        let g = devices(4, rows * columns, 1e-3);
        let loss = |g: &[f64], v: &[f64]| -> f64 {
            let solution = Circuit::new(g, rows, columns, lines).unwrap().solve(v).unwrap();
            solution.outputs_a.iter().zip(&weights).map(|(i, w)| i * w).sum()
        };
        let circuit = Circuit::new(&g, rows, columns, lines).unwrap();
        let solution = circuit.solve(&v).unwrap();
        let gradients = circuit.gradients(&solution, &weights).unwrap();
        // Central differences: error h² L‴/6, and ε L/h from rounding; both far below 1e-6.
        let close = |ours: f64, plus: f64, minus: f64, h: f64, size: f64| {
            let difference = (plus - minus) / (2.0 * h);
            assert!((ours - difference).abs() <= 1e-6 * size, "{ours} and {difference}");
        };
        let size = |x: &[f64]| x.iter().fold(0.0f64, |max, x| max.max(x.abs()));
        for i in 0..rows {
            let moved = |h: f64| {
                let mut v = v.clone();
                v[i] += h;
                loss(&g, &v)
            };
            close(gradients.inputs[i], moved(1e-4), moved(-1e-4), 1e-4, size(&gradients.inputs));
        }
        for at in (0..rows * columns).filter(|&at| g[at] > 1e-6) {
            let h = 1e-7;
            let moved = |h: f64| {
                let mut g = g.clone();
                g[at] += h;
                loss(&g, &v)
            };
            let size = size(&gradients.conductances);
            close(gradients.conductances[at], moved(h), moved(-h), h, size);
        }
    }
}

#[test]
fn a_batch_equals_its_solutions_one_by_one() {
    let (rows, columns) = (16, 9);
    let lines = LineResistance { word_ohm: 10.0, bit_ohm: 10.0 };
    let circuit = Circuit::new(&devices(5, rows * columns, 1e-4), rows, columns, lines).unwrap();
    let v = drives(6, 3 * rows);
    let batch = circuit.solve_batch(&v).unwrap();
    for (v, together) in v.chunks_exact(rows).zip(batch) {
        let alone = circuit.solve(v).unwrap();
        for (a, b) in alone.outputs_a.iter().zip(&together.outputs_a) {
            assert!((a - b).abs() <= 1e-12 * a.abs().max(1e-9));
        }
    }
}

#[test]
fn impossible_circuits_are_refused_with_their_place() {
    let lines = LineResistance { word_ohm: 1.0, bit_ohm: 1.0 };
    let error = |g: &[f64], lines| Circuit::new(g, 2, 2, lines).unwrap_err().to_string();
    assert_eq!(
        error(&[0.1, 0.1, -1.0, 0.1], lines),
        "conductance -1 S at (row 1, column 0) is not finite and ≥ 0"
    );
    assert!(error(&[0.1, f64::INFINITY, 0.1, 0.1], lines).contains("(row 0, column 1)"));
    let negative = LineResistance { word_ohm: -2.0, ..lines };
    assert_eq!(error(&[0.1; 4], negative), "word line resistance -2 Ω is not finite and ≥ 0");
    let nan = LineResistance { bit_ohm: f64::NAN, ..lines };
    assert!(matches!(
        Circuit::new(&[0.1; 4], 2, 2, nan),
        Err(TileError::WireResistance { wire: "bit line", .. })
    ));
}

#[test]
fn drives_that_are_not_finite_are_refused_with_their_line() {
    // Lines that both resist, one kind that does, and none.
    for (word_ohm, bit_ohm) in [(1.0, 2.0), (0.0, 2.0), (1.0, 0.0), (0.0, 0.0)] {
        let circuit = Circuit::new(&[0.1; 6], 2, 3, LineResistance { word_ohm, bit_ohm }).unwrap();
        let solution = circuit.solve(&[1.0, -1.0]).unwrap();
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = circuit.solve(&[1.0, bad]).unwrap_err().to_string();
            assert_eq!(error, format!("drive {bad} of word line 1 is not finite"));
            let error = circuit.solve_batch(&[1.0, 1.0, bad, 1.0]).unwrap_err().to_string();
            assert_eq!(error, format!("drive {bad} of word line 0 is not finite"));
            let error = circuit.gradients(&solution, &[0.0, 1.0, bad]).unwrap_err().to_string();
            assert_eq!(error, format!("derivative {bad} of bit line 2 is not finite"));
        }
    }
    let error = crossbar::wires::bit_line_currents(&[0.1], &[0.0], &[f64::NAN], 2.0).unwrap_err();
    assert_eq!(error.to_string(), "input NaN of word line 0 is not finite");
}

/// The equations are linear, so a power of two changes no other bit; squares of such currents would
/// overflow, or vanish and leave nothing to certify.
#[test]
fn drives_of_any_size_are_certified() {
    let g = devices(3, 30, 1e-4);
    for (word_ohm, bit_ohm) in [(1.0, 2.0), (0.0, 2.0), (1.0, 0.0)] {
        let circuit = Circuit::new(&g, 5, 6, LineResistance { word_ohm, bit_ohm }).unwrap();
        let drive = drives(1, 5);
        let one = circuit.solve(&drive).unwrap();
        assert!(one.residual > 0.0 && one.residual <= 1e-10);
        for power in [-900, -600, 600, 1000] {
            let scale = 2f64.powi(power);
            let scaled: Vec<f64> = drive.iter().map(|v| v * scale).collect();
            let other = circuit.solve(&scaled).unwrap();
            assert_eq!(other.residual, one.residual);
            for (one, other) in one.word_v.iter().zip(other.word_v) {
                assert_eq!(one * scale, other);
            }
        }
        assert_eq!(circuit.solve(&[0.0; 5]).unwrap().residual, 0.0);
    }
}
