//! Products with one nonideality at a time, from the formulas in f64, with analytic moments. Nothing
//! of the simulator is used.

use serde_json::{Value, json};

/// A fixed, irregular number in (−1, 1).
pub(crate) fn number(index: usize) -> f64 {
    let x = (index as f64 * 0.754_877_666_246_692_7 + 0.3).fract() * 2.0 - 1.0;
    // What the file prints is what everybody reads: few digits, exact in f32 after rounding.
    f64::from((x * 0.99) as f32)
}

/// A case of that shape, (outputs, inputs), with all keys; another number, other weights and inputs.
pub(crate) fn product((outputs, inputs): (usize, usize), case: usize) -> Value {
    let number = |index: usize| number(7919 * case + index);
    let w: Vec<Vec<f64>> = (0..outputs)
        .map(|i| {
            (0..inputs)
                .map(|j| number(i * inputs + j) * (8.0 / inputs.max(12) as f64))
                .map(|w| f64::from(w as f32))
                .collect()
        })
        .collect();
    let x: Vec<Vec<f64>> =
        (0..2).map(|s| (0..inputs).map(|j| number(1000 + s * inputs + j)).collect()).collect();
    let round = |z: f64, steps: f64, bound: f64| {
        let step = 2.0 * bound / steps;
        ((z / step).round_ties_even() * step).clamp(-bound, bound)
    };
    let drop = |w: &[f64], x: &[f64], scale: f64| {
        let n = w.len() as f64;
        let a = 0.35 * 5e-6 * n * w.iter().zip(x).map(|(w, x)| (w * x).abs()).sum::<f64>();
        let c = 0.05 * a.powi(3) - 0.2 * a.powi(2) + 0.5 * a;
        let profile = |j: usize| 1.0 - (1.0 - j as f64 / n).powi(2);
        -scale * c * w.iter().zip(x).enumerate().map(|(j, (w, x))| w * x * profile(j)).sum::<f64>()
    };
    let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let clip = |y: f64, bound: f64| y.clamp(-bound, bound);
    let each = |f: &dyn Fn(&[f64], &[f64]) -> f64| -> Vec<Vec<f64>> {
        x.iter().map(|x| w.iter().map(|w| f(w, x)).collect()).collect()
    };
    let dac = |x: &[f64], steps: f64| x.iter().map(|&x| round(x, steps, 1.0)).collect::<Vec<_>>();
    let abs_max = |x: &[f64]| x.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let first = |f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> { w.iter().map(|w| f(w)).collect() };
    let x0 = &x[0];
    let ideal = first(&|w| dot(w, x0));
    let pcm =
        |w: &[f64]| 0.0175 * w.iter().zip(x0).map(|(w, x)| w.abs() * x * x).sum::<f64>().sqrt();
    let norm = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let negative = |w: &[f64]| {
        w.iter()
            .zip(x0)
            .filter(|(_, x)| **x < 0.0)
            .map(|(w, x)| (w * x).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    // K = (1 + (0.25/10) · 0.5 · 10)².
    let s_shape = |y: f64| 1.125f64.powi(2) * y / (1.0 + 0.025 * y.abs());
    json!({
        "weights": w,
        "inputs": x,
        "analytic": true,
        "outputs": {
            "ideal": each(&dot),
            "dac8": each(&|w, x| dot(w, &dac(x, 254.0))),
            "dac4": each(&|w, x| dot(w, &dac(x, 14.0))),
            "adc8": each(&|w, x| round(dot(w, x), 254.0, 10.0)),
            "adc6": each(&|w, x| round(dot(w, x), 62.0, 10.0)),
            "ir_drop": each(&|w, x| dot(w, x) + drop(w, x, 1.0)),
            "ir_drop_x10": each(&|w, x| dot(w, x) + drop(w, x, 10.0)),
            "dac8_ir_drop_adc8": each(&|w, x| {
                let x = dac(x, 254.0);
                round(dot(w, &x) + drop(w, &x, 1.0), 254.0, 10.0)
            }),
            "abs_max_dac8": each(&|w, x| {
                let max = abs_max(x);
                let scaled: Vec<f64> = x.iter().map(|x| x / max).collect();
                max * dot(w, &dac(&scaled, 254.0))
            }),
            "bound_0_5_halving": each_halved(&x, &w, &|w, x| dot(w, x), 0.5),
            "managed": x.iter().map(|x| {
                let max = abs_max(x);
                let scaled: Vec<f64> = x.iter().map(|x| x / max).collect();
                let row = |x: &[f64]| {
                    let x = dac(x, 254.0);
                    w.iter().map(|w| dot(w, &x)).collect::<Vec<f64>>()
                };
                halved(&scaled, &row, 0.5, |y| round(y, 254.0, 0.5))
                    .into_iter()
                    .map(|y| max * y)
                    .collect()
            }).collect::<Vec<Vec<f64>>>(),
            "bound_0_5": each(&|w, x| clip(dot(w, x), 0.5)),
            "s_shape": each(&|w, x| clip(s_shape(dot(w, x)), 10.0)),
            "read_noise_mean": ideal, "read_noise_std": first(&pcm),
            "constant_noise_mean": ideal, "constant_noise_std": first(&|_| 0.01 * norm(x0)),
            "input_noise_mean": ideal, "input_noise_std": first(&|w| 0.1 * norm(w)),
            "dac4_stochastic_mean": ideal, "dac4_stochastic_std": first(&|w| {
                let step = 2.0 / 14.0;
                let variance = |x: f64| {
                    let share = x / step - (x / step).floor();
                    share * (1.0 - share) * step * step
                };
                w.iter().zip(x0).map(|(w, x)| w * w * variance(*x)).sum::<f64>().sqrt()
            }),
            "adc6_stochastic_mean": ideal, "adc6_stochastic_std": first(&|w| {
                let step = 20.0 / 62.0;
                let share = (dot(w, x0) / step).rem_euclid(1.0);
                (share * (1.0 - share)).sqrt() * step
            }),
            "out_noise_mean": ideal, "out_noise_std": first(&|_| 0.04),
            "adc_gain_mean": ideal, "adc_gain_std": first(&|w| 0.05 * dot(w, x0).abs()),
            "adc_offset_mean": ideal, "adc_offset_std": first(&|_| 0.02),
            "polarity_asymmetry_mean": ideal,
            "polarity_asymmetry_std": first(&|w| 0.1 * negative(w)),
        },
    })
}

/// Bound management of one sample: halved until no output lies beyond the bound, then doubled.
fn halved(
    x: &[f64],
    product: &dyn Fn(&[f64]) -> Vec<f64>,
    bound: f64,
    convert: impl Fn(f64) -> f64,
) -> Vec<f64> {
    for halving in 0..=10 {
        let factor = 2f64.powi(halving);
        let scaled: Vec<f64> = x.iter().map(|x| x / factor).collect();
        let y: Vec<f64> = product(&scaled).into_iter().map(&convert).collect();
        // A clipped output lies on the bound itself; one that only reaches it is not halved again.
        let beyond = product(&scaled).iter().any(|y| y.abs() > bound * (1.0 + 1e-12));
        if !beyond || halving == 10 {
            return y.into_iter().map(|y| factor * y).collect();
        }
    }
    unreachable!("the last halving returns")
}

fn each_halved(
    x: &[Vec<f64>],
    w: &[Vec<f64>],
    dot: &dyn Fn(&[f64], &[f64]) -> f64,
    bound: f64,
) -> Vec<Vec<f64>> {
    let row = |x: &[f64]| w.iter().map(|w| dot(w, x)).collect::<Vec<f64>>();
    x.iter().map(|x| halved(x, &row, bound, |y| y.clamp(-bound, bound))).collect()
}
