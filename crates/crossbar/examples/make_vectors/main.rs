//! Makes the crate's own golden vectors, from the formulas alone.
//!
//! ```text
//! cargo run --release -p crossbar --example make_vectors -- crates/crossbar/vectors
//! ```
//!
//! writes `products_and_devices.json` and `circuits.json` in the formats of the conformance
//! command. Nothing of the simulator is used: products are f64 sums, moments are integrals over
//! the normal density, circuits are solved by dense elimination.

#![expect(clippy::print_stdout, reason = "a command prints its result")]

use std::f64::consts::PI;

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("usage: make_vectors DIRECTORY")?;
    let directory = std::path::Path::new(&directory);
    for (name, value) in
        [("products_and_devices.json", products_and_devices()), ("circuits.json", circuits())]
    {
        let path = directory.join(name);
        std::fs::write(&path, serde_json::to_string(&value)? + "\n")?;
        println!("{}", path.display());
    }
    Ok(())
}

/// A fixed, irregular number in (−1, 1).
fn number(index: usize) -> f64 {
    let x = (index as f64 * 0.754_877_666_246_692_7 + 0.3).fract() * 2.0 - 1.0;
    // What the file prints is what everybody reads: few digits, exact in f32 after rounding.
    f64::from((x * 0.99) as f32)
}

fn products_and_devices() -> Value {
    let mvm: Vec<Value> = [(3, 8), (5, 61), (4, 200)].into_iter().map(product).collect();
    json!({
        "source": "formulas of the crossbar crate in f64, by its example make_vectors",
        "mvm": mvm,
        "device": devices(),
    })
}

fn product((outputs, inputs): (usize, usize)) -> Value {
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

/// Standard normal density.
fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// E f(ξ) for standard normal ξ: the trapezoid rule, which converges faster than any power here.
fn expectation(f: impl Fn(f64) -> f64) -> f64 {
    const POINTS: usize = 1201;
    const END: f64 = 8.5;
    let width = 2.0 * END / (POINTS - 1) as f64;
    (0..POINTS).map(|k| k as f64 * width - END).map(|x| width * density(x) * f(x)).sum()
}

/// First and second moment of max(m + s ξ, 0).
fn rectified(m: f64, s: f64) -> [f64; 2] {
    if s <= 0.0 {
        return [m.max(0.0), m.max(0.0).powi(2)];
    }
    let z = m / s;
    let mass = 0.5 * libm::erfc(-z / std::f64::consts::SQRT_2);
    [m * mass + s * density(z), (m * m + s * s) * mass + m * s * density(z)]
}

fn mean_std([first, second]: [f64; 2]) -> (f64, f64) {
    (first, (second - first * first).max(0.0).sqrt())
}

/// How a device of the drifting family behaves at one target.
struct Drifting {
    programming: f64,
    nu: [f64; 2],
    folded: bool,
    t0: f64,
    /// Standard deviation of the read noise from (programmed, drifted) conductance.
    read: Box<dyn Fn(f64, f64) -> f64>,
}

impl Drifting {
    /// Means and standard deviations of g_P, ν and g(t).
    fn moments(&self, mean: f64, t: f64) -> Value {
        let programmed = mean_std(rectified(mean, self.programming));
        let [mu, sigma] = self.nu;
        let nu_of = |xi: f64| {
            let nu = mu + sigma * xi;
            if self.folded { nu.abs() } else { nu }
        };
        let nu = mean_std([expectation(nu_of), expectation(|xi| nu_of(xi).powi(2))]);
        let log_ratio = ((t + self.t0) / self.t0).ln();
        let both = |k: usize| {
            expectation(|p| {
                let g = (mean + self.programming * p).max(0.0);
                expectation(|xi| {
                    let drifted = g * (-nu_of(xi) * log_ratio).exp();
                    rectified(drifted, (self.read)(g, drifted))[k]
                })
            })
        };
        let read = mean_std([both(0), both(1)]);
        json!([programmed, nu, read])
    }
}

fn growth(t: f64, t_read: f64) -> f64 {
    ((t + t_read) / (2.0 * t_read)).ln().max(0.0).sqrt()
}

fn line([slope, offset, low, high]: [f64; 4], r: f64) -> f64 {
    (slope * r.max(1e-7).ln() + offset).clamp(low, high)
}

fn polynomial(c: &[f64], r: f64) -> f64 {
    c.iter().enumerate().map(|(k, c)| c * r.powi(k as i32)).sum()
}

fn pcm(r: f64, t: f64, aihwkit: bool) -> Drifting {
    let q = |r: f64| (0.0088 * r.max(1e-7).powf(-0.65)).min(0.2);
    let amplitude = 25.0 * r * q(r) * growth(t, 250e-9);
    let late = growth(t + 20.0, 250e-9);
    Drifting {
        programming: polynomial(&[0.263_48, 1.965, -1.173_1], r),
        nu: [line([-0.0155, 0.0244, 0.049, 0.1], r), line([-0.0125, -0.0059, 0.008, 0.045], r)],
        folded: aihwkit,
        t0: 20.0,
        read: if aihwkit {
            Box::new(move |g, drifted| drifted * q(g / 25.0) * late)
        } else {
            Box::new(move |_, _| amplitude)
        },
    }
}

fn hermes(r: f64, t: f64, two: bool) -> Drifting {
    let piece = |limit: f64, l: [f64; 4], c: &[f64], r: f64| {
        if r < limit { line(l, r) } else { polynomial(c, r) }
    };
    let (g_max, t0) = if two { (20.7, 300.0) } else { (10.35, 200.0) };
    let late = growth(t + t0, 512e-9);
    let programming: &[f64] = if two {
        &[0.166_032_22, 4.718_064_68, -8.481_012_52, 4.689_614_19]
    } else {
        &[0.157_818_17, 2.324_439_16, -2.163_108_39, 0.688_418_18]
    };
    let nu_std = if two {
        piece(0.3055, [-0.0117, -0.0057, 0.0091, 0.04], &[0.0073, 0.0093, -0.0118], r)
    } else {
        piece(0.3039, [-0.0120, -0.0023, 0.0124, 0.04], &[0.0104, 0.0116, -0.0165], r)
    };
    Drifting {
        programming: polynomial(programming, r),
        nu: [
            piece(0.0945, [-0.0387, -0.0182, 0.072, 0.13], &[0.0736, -0.0126, -0.0436], r),
            nu_std,
        ],
        folded: true,
        t0,
        read: Box::new(move |g, drifted| {
            let r = g / g_max;
            let q = if two {
                piece(0.16, [-0.0117, -0.0069, 0.015, 0.04], &[0.0123, 0.0211, -0.028, 0.0069], r)
            } else {
                piece(
                    0.1591,
                    [-0.0078, 0.0038, 0.0179, 0.04],
                    &[0.0088, 0.0768, -0.1352, 0.0664],
                    r,
                )
            };
            drifted * q * late
        }),
    }
}

fn devices() -> Vec<Value> {
    let mut all = Vec::new();
    for t in [1.0, 86_400.0] {
        let mut entry = |model: &str, g_max: f64, make: &dyn Fn(f64) -> Drifting| {
            let targets = [0.1, 0.4, 0.9].map(|r| r * g_max);
            let moments: Vec<Value> =
                targets.iter().map(|&g| make(g / g_max).moments(g, t)).collect();
            all.push(drifting_entry(model, &targets, t, &moments));
        };
        entry("pcm-paper", 25.0, &|r| pcm(r, t, false));
        entry("pcm-aihwkit", 25.0, &|r| pcm(r, t, true));
        entry("hermes-one", 10.35, &|r| hermes(r, t, false));
        entry("hermes-two", 20.7, &|r| hermes(r, t, true));
        entry("state-independent", 25.0, &|_| {
            let late = growth(t + 20.0, 250e-9);
            Drifting {
                programming: 0.2,
                nu: [0.1, 0.05],
                folded: true,
                t0: 20.0,
                read: Box::new(move |_, drifted| drifted / 25.0 * late),
            }
        });
        all.push(wan(t));
        all.push(cmo(t, "reram-cmo-narrow", [0.001_068_79, 0.000_811_07]));
        all.push(cmo(t, "reram-cmo-wide", [0.011_290_274_18, 0.011_218_539_1]));
        all.push(measured(t));
    }
    all
}

fn drifting_entry(model: &str, targets: &[f64], t: f64, moments: &[Value]) -> Value {
    let column = |stage: usize, moment: usize| -> Vec<Value> {
        moments.iter().map(|m| m[stage][moment].clone()).collect()
    };
    json!({
        "model": model, "analytic": true, "g_target_uS": targets, "t_s": t,
        "programmed_mean": column(0, 0), "programmed_std": column(0, 1),
        "nu_mean": column(1, 0), "nu_std": column(1, 1),
        "read_mean": column(2, 0), "read_std": column(2, 1),
    })
}

fn wan(t: f64) -> Value {
    let at = |c: [f64; 5], r: f64| mean_std(rectified(40.0 * r, polynomial(&c, r)));
    let second = [0.348, 16.030, -43.853, 45.393, -16.815];
    let now = if t == 1.0 { second } else { [0.701, 22.086, -50.773, 47.095, -16.458] };
    let targets = [4.0, 16.0, 36.0];
    let moments = |c: [f64; 5]| targets.map(|g| at(c, g / 40.0));
    let (programmed, read) = (moments(second), moments(now));
    json!({
        "model": "reram-wan", "analytic": true, "g_target_uS": targets, "t_s": t,
        "programmed_mean": programmed.map(|m| m.0), "programmed_std": programmed.map(|m| m.1),
        "read_mean": read.map(|m| m.0), "read_std": read.map(|m| m.1),
    })
}

/// Far from the ends of the range, where nothing is cut off.
fn cmo(t: f64, model: &str, [slope, offset]: [f64; 2]) -> Value {
    let targets = [30.0, 50.0, 70.0];
    let programmed = targets.map(|g| slope * g + offset);
    let (mean, spread) = (-0.089_002_06 * t.ln(), 0.042_011_37 * t.ln() + 0.411_833_42);
    let late = growth(t, 1e-6);
    let read = targets.map(|g| {
        // g_D = ĝ + mean + s ξ, s² = σ_P² + spread²; then K log₁₀ g_D · late of noise on top.
        let s = (slope * g + offset).hypot(spread);
        let noise =
            expectation(|xi| (0.027_731_648_3 * (g + mean + s * xi).log10() * late).powi(2));
        (g + mean, (s * s + noise).sqrt())
    });
    json!({
        "model": model, "analytic": true, "g_target_uS": targets, "t_s": t,
        "programmed_mean": targets, "programmed_std": programmed,
        "read_mean": read.map(|m| m.0), "read_std": read.map(|m| m.1),
    })
}

fn measured(t: f64) -> Value {
    let csv = "g_target_us,g_mean_us,g_std_us,nu_mean,nu_std,read_std_us\n\
               0,0.5,0.3,0.1,0.02,0.05\n10,9.5,0.7,0.06,0.01,0.1\n20,18.5,0.9,0.05,0.01,0.15\n";
    let late = growth(t, 250e-9);
    // Half-way between the rows, and a row itself.
    let rows = [
        (5.0, 5.0, 0.5, [0.08, 0.015], 0.075),
        (10.0, 9.5, 0.7, [0.06, 0.01], 0.1),
        (15.0, 14.0, 0.8, [0.055, 0.01], 0.125),
    ];
    let moments: Vec<Value> = rows
        .iter()
        .map(|&(_, mean, programming, nu, read)| {
            let device = Drifting {
                programming,
                nu,
                folded: false,
                t0: 20.0,
                read: Box::new(move |_, _| read * late),
            };
            device.moments(mean, t)
        })
        .collect();
    let mut entry = drifting_entry("measured", &rows.map(|row| row.0), t, &moments);
    entry["table_csv"] = json!(csv);
    entry["t0_s"] = json!(20.0);
    entry["t_read_s"] = json!(250e-9);
    entry
}

fn circuits() -> Value {
    let mut cases = serde_json::Map::new();
    for (rows, columns, word, bit) in
        [(6, 4, 1.0, 2.0), (8, 8, 200.0, 50.0), (3, 9, 0.5, 1000.0), (12, 10, 1e4, 1e4)]
    {
        let r: Vec<Vec<f64>> = (0..rows)
            .map(|i| (0..columns).map(|j| 1e4 * (2.0 + number(i * columns + j))).collect())
            .collect();
        let v: Vec<f64> = (0..rows).map(|i| 0.2 * number(500 + i)).collect();
        let (word_v, bit_v, outputs) = dense(&r, &v, word, bit);
        let applied: Vec<Vec<f64>> = v.iter().map(|&v| vec![v]).collect();
        cases.insert(
            format!("{rows}x{columns}-{word}-{bit}"),
            json!({
                "R_ohm": r, "V_applied": applied, "r_i_word_line": word, "r_i_bit_line": bit,
                "I_output": [outputs], "V_word_line": word_v, "V_bit_line": bit_v,
            }),
        );
    }
    json!({
        "source": "dense elimination in f64, by the crossbar crate's example make_vectors",
        "cases": cases,
    })
}

type Matrix = Vec<Vec<f64>>;

/// Potentials of word and bit lines and output currents, by Gaussian elimination.
fn dense(r: &[Vec<f64>], v: &[f64], word: f64, bit: f64) -> (Matrix, Matrix, Vec<f64>) {
    let (rows, columns) = (r.len(), r[0].len());
    let n = rows * columns;
    let mut a = vec![vec![0.0; 2 * n + 1]; 2 * n];
    let tie = |a: &mut Matrix, p: usize, q: usize, g: f64| {
        a[p][p] += g;
        a[q][q] += g;
        a[p][q] -= g;
        a[q][p] -= g;
    };
    for (i, r) in r.iter().enumerate() {
        for (j, r) in r.iter().enumerate() {
            let k = i * columns + j;
            tie(&mut a, k, n + k, 1.0 / r);
            if j + 1 < columns {
                tie(&mut a, k, k + 1, 1.0 / word);
            }
            if i + 1 < rows {
                tie(&mut a, n + k, n + k + columns, 1.0 / bit);
            }
        }
        a[i * columns][i * columns] += 1.0 / word;
        a[i * columns][2 * n] += v[i] / word;
    }
    for j in 0..columns {
        let k = n + (rows - 1) * columns + j;
        a[k][k] += 1.0 / bit;
    }
    // Positive definite: no pivoting is needed.
    for k in 0..2 * n {
        let pivot = a[k].clone();
        for row in a.iter_mut().skip(k + 1) {
            let factor = row[k] / pivot[k];
            row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
        }
    }
    let mut x = vec![0.0; 2 * n];
    for k in (0..2 * n).rev() {
        let known: f64 = (k + 1..2 * n).map(|j| a[k][j] * x[j]).sum();
        x[k] = (a[k][2 * n] - known) / a[k][k];
    }
    let matrix = |x: &[f64]| x.chunks(columns).map(<[f64]>::to_vec).collect::<Matrix>();
    let outputs = x[2 * n - columns..].iter().map(|v| v / bit).collect();
    (matrix(&x[..n]), matrix(&x[n..]), outputs)
}
