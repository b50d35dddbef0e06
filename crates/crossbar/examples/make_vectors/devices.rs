//! Moments of the device models: integrals over the normal density.

use std::f64::consts::PI;

use serde_json::{Value, json};

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

/// Every model at two times.
pub(crate) fn devices() -> Vec<Value> {
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
