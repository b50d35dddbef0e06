//! Error of the estimate and of the ladders of wires against the exact circuits, by load.
//!
//! ```text
//! cargo run --release -p crossbar --example ir_drop_error
//! ```
//!
//! prints one line per load a = γ n Σ|w||x| (averaged over columns): the relative length of the
//! drop itself and of the error that the estimate leaves, against the exact bit line (ideal word
//! lines) and against the full circuit (word lines of the same resistance); then what the full circuit
//! drops, and the error that the two ladders of `LineConfig` leave against it. Weights are positive and
//! uniform, one device each; inputs uniform in [0, 1].

#![expect(clippy::print_stdout, reason = "a command prints its result")]

use crossbar::wires::{
    Circuit, IrDropConfig, Layout, LineConfig, LineResistance, ir_drop_estimate,
};
use numerics::{Par, Seed};

const N: usize = 128;

fn main() -> Result<(), crossbar::TileError> {
    let uniform = |name: &str, len: usize| {
        let mut u = vec![0.0; len];
        Seed::new(1).child(name).stream().fill_uniform(0, &mut u);
        u
    };
    // (column, row): a column's weights in order from the read-out.
    let w = uniform("weights", N * N);
    let x = uniform("inputs", N);
    let (g_max_us, volts) = (5.0f32, 0.2);
    println!(
        "{:>10} {:>12} {:>14} {:>14} {:>12} {:>14}",
        "load a", "drop", "bit line", "full circuit", "full drop", "ladders"
    );
    for decade in -4..=8 {
        let segment_ohm = 0.35 * 10f32.powf(decade as f32 * 0.5);
        let config = IrDropConfig { segment_ohm, g_max_us, scale: 1.0 };
        // The circuit ends below its last row; weight 0 of a column is next to the read-out.
        let at = |row: usize, column: usize| w[column * N + (N - 1 - row)];
        let g: Vec<f64> =
            (0..N * N).map(|k| f64::from(at(k / N, k % N)) * f64::from(g_max_us) * 1e-6).collect();
        let v: Vec<f64> = x.iter().rev().map(|&x| volts * f64::from(x)).collect();
        let unit = volts * f64::from(g_max_us) * 1e-6;
        let solve = |word_ohm: f64| -> Result<Vec<f64>, crossbar::TileError> {
            let lines = LineResistance { word_ohm, bit_ohm: f64::from(segment_ohm) };
            Ok(Circuit::new(&g, N, N, lines)?
                .solve(&v)?
                .outputs_a
                .iter()
                .map(|i| i / unit)
                .collect())
        };
        let (ladder, full) = (solve(0.0)?, solve(f64::from(segment_ohm))?);
        let columns = || w.chunks_exact(N);
        let ideal: Vec<f64> = columns()
            .map(|w| w.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum())
            .collect();
        let estimate: Vec<f64> =
            columns().zip(&ideal).map(|(w, y)| y + ir_drop_estimate(w, &x, &config)).collect();
        let mut seen: Vec<f32> = w.iter().map(|w| w * g_max_us).collect();
        let lines = LineConfig {
            word_ohm: segment_ohm,
            bit_ohm: segment_ohm,
            source_ohm: 0.0,
            ground_ohm: 0.0,
        };
        let layout = Layout { lines: 1, polarities: 1, outputs: N, inputs: N };
        lines.attenuate(&mut seen, layout, Par::Seq);
        let current = |g: &[f32]| -> f64 {
            g.iter().zip(&x).map(|(g, x)| f64::from(*g) * f64::from(*x)).sum()
        };
        let ladders: Vec<f64> =
            seen.chunks_exact(N).map(|g| current(g) / f64::from(g_max_us)).collect();
        let load = f64::from(config.gamma()) * N as f64 * ideal.iter().sum::<f64>() / N as f64;
        let far = |a: &[f64], b: &[f64]| {
            let length = |v: f64| v.sqrt();
            let error = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            length(error) / length(b.iter().map(|b| b * b).sum::<f64>())
        };
        println!(
            "{load:>10.2e} {:>11.3} % {:>12.3} % {:>12.3} % {:>10.3} % {:>12.4} %",
            100.0 * far(&ideal, &ladder),
            100.0 * far(&estimate, &ladder),
            100.0 * far(&estimate, &full),
            100.0 * far(&ideal, &full),
            100.0 * far(&ladders, &full)
        );
    }
    Ok(())
}
