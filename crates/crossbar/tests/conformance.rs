//! The conformance check itself: right files of any seed pass, wrong values fail, and what is no
//! file of golden values is refused with its place.
//!
//! Right values come from formulas in f64 that use nothing of the simulator: with analytic moments
//! from the oracle of the golden vectors, and with the scatter of as many draws as other simulators
//! make from the functions below.

#[path = "../examples/conformance/check.rs"]
mod check;
#[path = "../examples/make_vectors/products.rs"]
mod oracle;

use numerics::{Seed, Stream};
use serde_json::{Value, json};

/// The quantities that fail, with their errors.
fn failures(file: &Value) -> Vec<String> {
    let rows = check::check(&file.to_string()).unwrap_or_else(|error| panic!("{error}"));
    let failed = rows.into_iter().filter(|row| !row.ok());
    failed.map(|row| format!("{}: {:.2e} of {}", row.quantity, row.worst, row.values)).collect()
}

#[test]
fn products_of_other_weights_and_inputs_pass() {
    for case in 1..=6 {
        let shape = [(3, 8), (5, 61), (4, 200), (1, 1), (2, 17), (6, 520)][case - 1];
        let file = json!({ "mvm": [oracle::product(shape, case)] });
        assert_eq!(failures(&file), [""; 0], "case {case}");
    }
}

/// Numbers of a stream, one after another.
struct Random {
    stream: Stream,
    at: u64,
}

impl Random {
    fn normal(&mut self) -> f64 {
        let mut one = [0.0];
        self.stream.fill_gaussian(self.at, &mut one);
        self.at += 1;
        f64::from(one[0])
    }

    fn uniform(&mut self) -> f64 {
        let mut one = [0.0];
        self.stream.fill_uniform(self.at, &mut one);
        self.at += 1;
        f64::from(one[0])
    }

    fn stochastic(&mut self, y: f64, step: f64) -> f64 {
        let low = (y / step).floor();
        step * (low + if self.uniform() < y / step - low { 1.0 } else { 0.0 })
    }
}

fn mean_std(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    (mean, (samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
}

/// As others print them.
fn seven_digits(x: f64) -> f64 {
    format!("{x:.6e}").parse().expect("a number")
}

/// A case whose moments are those of 4000 draws: outputs near a step and near half of one, an output
/// that is always clipped, and one that is clipped now and then.
fn sampled_product(seed: u64) -> Value {
    const REPEATS: usize = 4000;
    let mut random = Random { stream: Seed::new(seed).stream(), at: 0 };
    let (step, inputs) = (20.0 / 62.0, 12);
    let x: Vec<f64> =
        (0..inputs).map(|j| seven_digits(oracle::number(j + 100 * seed as usize))).collect();
    let length: f64 = x.iter().map(|x| x * x).sum();
    // Weights along x: their product is chosen.
    let products = [0.5 * step, 3.5 * step, 2.0 * step + 1e-4, 1.7 * step, 9.9, 10.4, -0.3];
    let w: Vec<Vec<f64>> =
        products.map(|y| x.iter().map(|x| f64::from((y * x / length) as f32)).collect()).into();
    let exact: Vec<f64> =
        w.iter().map(|w| w.iter().zip(&x).map(|(w, x)| w * f64::from(*x as f32)).sum()).collect();
    let mut outputs = serde_json::Map::new();
    let mut add = |name: &str, draw: &mut dyn FnMut(usize) -> f64| {
        let moments: Vec<(f64, f64)> = (0..w.len())
            .map(|i| {
                let samples: Vec<f64> = (0..REPEATS).map(|_| draw(i).clamp(-10.0, 10.0)).collect();
                mean_std(&samples)
            })
            .collect();
        let column = |of: fn(&(f64, f64)) -> f64| {
            moments.iter().map(|m| seven_digits(of(m))).collect::<Vec<f64>>()
        };
        outputs.insert(format!("{name}_mean"), json!(column(|m| m.0)));
        outputs.insert(format!("{name}_std"), json!(column(|m| m.1)));
    };
    let row = |i: usize| w[i].iter().zip(&x);
    add("out_noise", &mut |i| exact[i] + 0.04 * random.normal());
    add("adc6_stochastic", &mut |i| random.stochastic(exact[i], step));
    add("dac4_stochastic", &mut |i| {
        row(i).map(|(w, &x)| w * random.stochastic(x, 2.0 / 14.0).clamp(-1.0, 1.0)).sum()
    });
    add("input_noise", &mut |i| row(i).map(|(w, x)| w * (x + 0.1 * random.normal())).sum());
    add("read_noise", &mut |i| {
        let variance: f64 = row(i).map(|(w, x)| w.abs() * x * x).sum();
        exact[i] + 0.0175 * variance.sqrt() * random.normal()
    });
    json!({ "weights": w, "inputs": [x], "outputs": outputs })
}

#[test]
fn sampled_moments_of_other_seeds_pass() {
    for seed in 1..=5 {
        assert_eq!(failures(&json!({ "mvm": [sampled_product(seed)] })), [""; 0], "seed {seed}");
    }
}

/// AIHWKit's PCM, 20,000 draws, down to a conductance of 0 and after ten years, where a few devices
/// make up the whole standard deviation.
fn sampled_device(seed: u64, t_s: f64) -> Value {
    let mut random = Random { stream: Seed::new(seed).child("device").stream(), at: 0 };
    let targets = [0.0, 1e-3, 0.7, 12.5, 25.0];
    let line = |[slope, offset, low, high]: [f64; 4], r: f64| {
        (slope * r.max(1e-7).ln() + offset).clamp(low, high)
    };
    let growth = ((t_s + 20.0 + 250e-9) / 500e-9f64).ln().max(0.0).sqrt();
    let mut columns = vec![Vec::new(); 6];
    for target in targets {
        let r = target / 25.0;
        let mut samples = [const { Vec::new() }; 3];
        for _ in 0..20_000 {
            let sigma = 0.26348 + 1.9650 * r - 1.1731 * r * r;
            let programmed = (target + sigma * random.normal()).max(0.0);
            let nu = line([-0.0155, 0.0244, 0.049, 0.1], r)
                + line([-0.0125, -0.0059, 0.008, 0.045], r) * random.normal();
            let drifted = programmed * ((t_s + 20.0) / 20.0).powf(-nu.abs());
            let q = (0.0088 * (programmed / 25.0).max(1e-7).powf(-0.65)).min(0.2);
            let read = (drifted + drifted * q * growth * random.normal()).max(0.0);
            [programmed, nu.abs(), read].into_iter().zip(&mut samples).for_each(|(x, s)| s.push(x));
        }
        for (stage, samples) in samples.iter().enumerate() {
            let (mean, std) = mean_std(samples);
            columns[2 * stage].push(seven_digits(mean));
            columns[2 * stage + 1].push(seven_digits(std));
        }
    }
    json!({
        "model": "pcm", "t_s": t_s, "g_target_uS": targets,
        "programmed_mean": columns[0], "programmed_std": columns[1],
        "nu_mean": columns[2], "nu_std": columns[3],
        "read_mean": columns[4], "read_std": columns[5],
    })
}

#[test]
fn sampled_devices_of_other_seeds_pass() {
    for seed in 1..=2 {
        let device: Vec<Value> =
            [1.0, 31_536_000.0, 315_360_000.0].map(|t_s| sampled_device(seed, t_s)).into();
        assert_eq!(failures(&json!({ "device": device })), [""; 0], "seed {seed}");
    }
}

/// A file, the quantity that must fail, and no other.
fn assert_only(file: &Value, quantity: &str) {
    let failed = failures(file);
    assert!(failed.len() == 1 && failed[0].contains(quantity), "{quantity}: {failed:?}");
}

/// Changes a number of a case by `change`.
fn changed(mut case: Value, path: &str, change: impl Fn(f64) -> f64) -> Value {
    let number = case.pointer_mut(path).unwrap_or_else(|| panic!("no {path}"));
    *number = json!(change(number.as_f64().expect("a number")));
    json!({ "mvm": [case] })
}

#[test]
fn a_value_that_is_wrong_by_more_than_rounding_or_by_a_step_fails() {
    let case = || {
        let mut case = oracle::product((5, 61), 3);
        let outputs = case["outputs"].as_object_mut().expect("outputs by key");
        outputs.retain(|key, _| !key.ends_with("_mean") && !key.ends_with("_std"));
        case
    };
    let size: f64 = 61.0 * 0.25; // about Σ |w| |x|
    assert_only(&changed(case(), "/outputs/ideal/1/2", |y| y + 1e-5 * size), " ideal:");
    assert_only(&changed(case(), "/outputs/ir_drop_x10/0/4", |y| y - 1e-5 * size), " ir_drop_x10:");
    let steps =
        [("adc8", 20.0 / 254.0), ("adc6", 20.0 / 62.0), ("dac8_ir_drop_adc8", 20.0 / 254.0)];
    for (name, step) in steps {
        for by in [-1.0, -0.5, 0.01, 1.0] {
            let path = format!("/outputs/{name}/0/3");
            assert_only(&changed(case(), &path, |y| y + by * step), &format!(" {name}:"));
        }
    }
    // A DAC that gives one input a step more.
    let w = case()["weights"][2][7].as_f64().expect("a weight");
    assert_only(&changed(case(), "/outputs/dac8/0/2", |y| y + w * 2.0 / 254.0), " dac8:");
    assert_only(&changed(case(), "/outputs/s_shape/0/0", |y| y * 1.0001), " s_shape:");
    assert_only(&changed(case(), "/outputs/managed/1/1", |y| -y), " managed:");
    assert_only(&changed(case(), "/outputs/bound_0_5/0/0", |_| f64::from(f32::MAX)), " bound_0_5:");
}

/// Ten standard errors of the golden moment: five pass, its own scatter may take four back, and ours
/// adds a twentieth.
#[test]
fn a_moment_that_is_wrong_by_ten_standard_errors_fails() {
    for name in ["out_noise", "read_noise", "dac4_stochastic", "input_noise"] {
        let case = || sampled_product(9);
        let std = case()["outputs"][format!("{name}_std")][6].as_f64().expect("a number");
        let of_mean = 10.0 * std / 4000f64.sqrt();
        let row = format!("{name} mean, std");
        for sign in [1.0, -1.0] {
            let path = format!("/outputs/{name}_mean/6");
            assert_only(&changed(case(), &path, |y| y + sign * of_mean), &row);
            let path = format!("/outputs/{name}_std/6");
            let of_std = 10.0 / 8000f64.sqrt();
            assert_only(&changed(case(), &path, |s| s * (1.0 + sign * of_std)), &row);
        }
    }
    let mut device = sampled_device(9, 86_400.0);
    let std = device["read_std"][3].as_f64().expect("a number");
    let mean = device["read_mean"][3].as_f64().expect("a number");
    device["read_mean"][3] = json!(mean + 10.0 * std / 20_000f64.sqrt());
    assert_only(&json!({ "device": [device] }), "pcm read");
}

/// A tenth of the standard deviation of a converter that rounds stochastically, in whatever place of
/// the step the output lies.
#[test]
fn a_wrong_spread_of_two_values_fails() {
    for output in [0, 1, 3] {
        let path = format!("/outputs/adc6_stochastic_std/{output}");
        for factor in [0.9, 1.1] {
            let file = changed(sampled_product(9), &path, |s| s * factor);
            assert_only(&file, "adc6_stochastic mean, std");
        }
    }
}

#[test]
fn what_is_no_file_of_golden_values_is_refused_with_its_place() {
    let mvm = |outputs: &str| {
        format!(r#"{{"mvm":[{{"weights":[[1,0.5]],"inputs":[[1,1]],"outputs":{outputs}}}]}}"#)
    };
    let device = |rest: &str| {
        format!(r#"{{"device":[{{"model":"pcm","t_s":1,"g_target_uS":[1,2]{rest}}}]}}"#)
    };
    let circuit = |r: &str, v: &str, i: &str| {
        format!(
            r#"{{"cases":{{"a":{{"R_ohm":{r},"V_applied":{v},"I_output":{i},"r_i_word_line":1,"r_i_bit_line":1}}}}}}"#
        )
    };
    for (text, message) in [
        (r#"{"cases":{}}"#.to_owned(), "nothing can be checked"),
        (r#"{"mvm":[]}"#.to_owned(), "nothing can be checked"),
        (r#"{"mvms":[]}"#.to_owned(), "the file: unknown key 'mvms'"),
        (r#"[1]"#.to_owned(), "the file is not an object"),
        (r#"{"mvm":{}}"#.to_owned(), "mvm is not a list"),
        (mvm("{}"), "mvm[0].outputs has nothing to be checked"),
        (mvm(r#"{"ideal_std":[1]}"#), "mvm[0].outputs.ideal_std: 'ideal' has values, and no std"),
        (mvm(r#"{"out_noise_std":[1]}"#), "mvm[0].outputs has no out_noise_mean"),
        (mvm(r#"{"out_noise_mean":[1]}"#), "mvm[0].outputs has no out_noise_std"),
        (mvm(r#"{"out_noise":[[1]]}"#), "mvm[0].outputs.out_noise: 'out_noise' has moments"),
        (mvm(r#"{"idael":[[1]]}"#), "mvm[0].outputs.idael: 'idael' is not known"),
        (mvm(r#"{"ideal":[[1,2]]}"#), "mvm[0].outputs.ideal[0] has 2 numbers, not 1"),
        (mvm(r#"{"ideal":[[1],[2]]}"#), "mvm[0].outputs.ideal has 2 rows, not 1"),
        (mvm(r#"{"ideal":[["x"]]}"#), "mvm[0].outputs.ideal[0][0]: \"x\" is not a number"),
        (device(""), "device[0] has no moment to be checked"),
        (device(r#","Read_mean":[1,2]"#), "device[0]: unknown key 'Read_mean'"),
        (device(r#","read_mean":[1]"#), "device[0].read_mean has 1 numbers, not 2"),
        (device(r#","read_mean":[1,2],"analytic":1"#), "device[0].analytic: 1 is neither"),
        (circuit("[[1,2],[1]]", "[[1],[1]]", "[[1,1]]"), "cases.a.R_ohm[1] has 1 numbers, not 2"),
        (circuit("[[1,2]]", "[[1],[1]]", "[[1,1]]"), "cases.a.V_applied has 2 rows, not 1"),
        (circuit("[[1,2],[3,4]]", "[[1,1],[1]]", "[[1,1]]"), "cases.a.V_applied[1] has 1 numbers"),
        (circuit("[[1,2]]", "[[1]]", "[[0.001]]"), "cases.a.I_output[0] has 1 numbers, not 2"),
        (circuit("[[1,2]]", "[[1,1]]", "[[1,1]]"), "cases.a.I_output has 1 rows, not 2"),
        (circuit("[]", "[]", "[]"), "cases.a.R_ohm has no numbers"),
        (circuit("[[-1,2]]", "[[1]]", "[[1,1]]"), "cases.a: conductance -1 S"),
        ("{".to_owned(), "EOF"),
    ] {
        let error = check::check(&text).expect_err(&text);
        assert!(error.starts_with(message), "{error}\nfor {text}");
    }
}
