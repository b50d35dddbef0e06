//! Analog products with one nonideality at a time.

use crossbar::wires::IrDropConfig;
use crossbar::{
    Accum, Adc, ArrayWeights, BoundManagement, ConverterRounding, Dac, Digital, MvmNoise,
    NoiseManagement, Periphery, PeripheryConfig, ReadNoise, SShape,
};
use numerics::{Par, Seed};
use serde_json::Value;

use super::{DETERMINISTIC, MOMENT, Row, list, matrix, moment_error, moments, worst_relative};

/// Repeats of the first input in a file of aihwkit.
const GOLDEN_REPEATS: f64 = 4000.0;
/// Repeats of ours: enough that the golden values' scatter dominates.
const REPEATS: usize = 40_000;
/// Tiles of ours where the error is drawn once per tile.
const TILES: usize = 8000;

const IDEAL: PeripheryConfig = PeripheryConfig {
    dac: Dac {
        steps: None,
        rounding: ConverterRounding::Nearest,
        bound: 1.0,
        noise: 0.0,
        noise_management: NoiseManagement::None,
        bound_management: BoundManagement::None,
    },
    read_noise: ReadNoise::None,
    polarity_asymmetry: 0.0,
    adc: Adc {
        steps: None,
        rounding: ConverterRounding::Nearest,
        bound: Some(10.0),
        noise: 0.0,
        s_shape: None,
        gain_std: 0.0,
        offset_std: 0.0,
    },
};
const NO_DROP: IrDropConfig = IrDropConfig { segment_ohm: 0.35, g_max_us: 5.0, scale: 0.0 };

/// Periphery of a key of the file; `None` for a key that is not known.
fn configuration(key: &str) -> Option<(PeripheryConfig, IrDropConfig)> {
    let (mut config, mut wires) = (IDEAL, NO_DROP);
    match key {
        "ideal" => {}
        "dac8" => config.dac.steps = Some(254.0),
        "dac4" => config.dac.steps = Some(14.0),
        "adc8" => config.adc.steps = Some(254.0),
        "adc6" => config.adc.steps = Some(62.0),
        "ir_drop" => wires.scale = 1.0,
        "ir_drop_x10" => wires.scale = 10.0,
        "dac8_ir_drop_adc8" => {
            config.dac.steps = Some(254.0);
            config.adc.steps = Some(254.0);
            wires.scale = 1.0;
        }
        "dac4_stochastic" => {
            config.dac.steps = Some(14.0);
            config.dac.rounding = ConverterRounding::Stochastic;
        }
        "adc6_stochastic" => {
            config.adc.steps = Some(62.0);
            config.adc.rounding = ConverterRounding::Stochastic;
        }
        "managed" => {
            config.dac.steps = Some(254.0);
            config.dac.noise_management = NoiseManagement::AbsMax;
            config.dac.bound_management = BoundManagement::Iterative { max_halvings: 10 };
            config.adc.bound = Some(0.5);
            config.adc.steps = Some(254.0);
        }
        "abs_max_dac8" => {
            config.dac.steps = Some(254.0);
            config.dac.noise_management = NoiseManagement::AbsMax;
        }
        "bound_0_5" => config.adc.bound = Some(0.5),
        "bound_0_5_halving" => {
            config.adc.bound = Some(0.5);
            config.dac.bound_management = BoundManagement::Iterative { max_halvings: 10 };
        }
        "s_shape" => {
            config.adc.s_shape = Some(SShape { strength: 0.25, spread: 0.0, slope: 0.5 });
        }
        "read_noise" => config.read_noise = ReadNoise::Pcm { sigma: 0.0175 },
        "constant_noise" => config.read_noise = ReadNoise::Constant { sigma: 0.01 },
        "input_noise" => config.dac.noise = 0.1,
        "out_noise" => config.adc.noise = 0.04,
        "all_noise" => {
            config.dac.steps = Some(254.0);
            config.read_noise = ReadNoise::Pcm { sigma: 0.0175 };
            config.adc.noise = 0.04;
            wires.scale = 1.0;
        }
        "adc_gain" => config.adc.gain_std = 0.05,
        "adc_offset" => config.adc.offset_std = 0.02,
        "polarity_asymmetry" => config.polarity_asymmetry = 0.1,
        _ => return None,
    }
    Some((config, wires))
}

struct Case {
    weights: Vec<f32>,
    inputs: Vec<Vec<f64>>,
    width: usize,
    outputs: usize,
}

impl Case {
    fn forward(
        &self,
        (config, wires): &(PeripheryConfig, IrDropConfig),
        x: &[f32],
        seed: &Seed,
    ) -> Result<Vec<f64>, String> {
        let periphery = Periphery::new(config, wires, self.width, self.outputs, seed)
            .map_err(|error| error.to_string())?;
        let mut weights = ArrayWeights::pack(&self.weights, self.outputs, self.width);
        if config.polarity_asymmetry > 0.0 {
            let mut negative = vec![0.0; self.weights.len()];
            seed.child("polarity").stream().fill_gaussian(0, &mut negative);
            for (n, w) in negative.iter_mut().zip(&self.weights) {
                *n = w * (1.0 + config.polarity_asymmetry * *n);
            }
            weights.set_negative_phase(&negative);
        }
        let mut y = vec![0.0; x.len() / self.width * self.outputs];
        let scale = vec![1.0; self.outputs];
        let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
        let noise = MvmNoise { seed: seed.child("noise"), first_sample: 0 };
        periphery.forward(&weights, x, digital, &noise, Accum::Replace, Par::Seq, &mut y);
        Ok(y.into_iter().map(f64::from).collect())
    }
}

pub(super) fn check(index: usize, case: &Value, rows: &mut Vec<Row>) -> Result<(), String> {
    let place = format!("mvm[{index}]");
    let weights = matrix(&case["weights"], &format!("{place}.weights"))?;
    let inputs = matrix(&case["inputs"], &format!("{place}.inputs"))?;
    let (outputs, width) = (weights.len(), weights.first().map_or(0, Vec::len));
    if width == 0 || weights.iter().chain(&inputs).any(|row| row.len() != width) {
        return Err(format!("{place}: weights and inputs are not rows of one length"));
    }
    let weights = weights.into_iter().flatten().map(|w| w as f32).collect();
    let case_data = Case { weights, inputs, width, outputs };
    let analytic = case.get("analytic").and_then(Value::as_bool).unwrap_or(false);
    let golden_repeats = if analytic { f64::INFINITY } else { GOLDEN_REPEATS };
    let golden = case["outputs"].as_object().ok_or_else(|| format!("{place}: no outputs"))?;
    for (key, value) in golden {
        let quantity = format!("{place} {outputs}x{width} {key}");
        if let Some(name) = key.strip_suffix("_mean") {
            let std = golden.get(&format!("{name}_std"));
            let std = std.ok_or_else(|| format!("{quantity} without its standard deviation"))?;
            let (mean, std) = (list(value, &quantity)?, list(std, &quantity)?);
            let quantity = format!("{place} {outputs}x{width} {name} mean, std");
            rows.push(noise_row(&case_data, name, quantity, &mean, &std, golden_repeats)?);
        } else if !key.ends_with("_std") {
            let config = configuration(key).ok_or_else(|| format!("{quantity}: unknown"))?;
            let x: Vec<f32> = case_data.inputs.iter().flatten().map(|&x| x as f32).collect();
            let ours = case_data.forward(&config, &x, &Seed::new(1))?;
            let golden: Vec<f64> = matrix(value, &quantity)?.concat();
            if golden.len() != ours.len() {
                return Err(format!("{quantity}: {} values, not {}", golden.len(), ours.len()));
            }
            let worst = worst_relative(&ours, &golden);
            rows.push(Row { quantity, values: golden.len(), worst, tolerance: DETERMINISTIC });
        }
    }
    Ok(())
}

/// Mean and standard deviation over repeats of the first input.
fn noise_row(
    case: &Case,
    name: &str,
    quantity: String,
    mean: &[f64],
    std: &[f64],
    golden_repeats: f64,
) -> Result<Row, String> {
    let config = configuration(name).ok_or_else(|| format!("{quantity}: unknown"))?;
    let x: Vec<f32> = case.inputs[0].iter().map(|&x| x as f32).collect();
    let per_tile = matches!(name, "adc_gain" | "adc_offset" | "polarity_asymmetry");
    let seed = Seed::new(2).child(name);
    let samples: Vec<f64> = if per_tile {
        let mut samples = Vec::new();
        for tile in 0..TILES {
            samples.extend(case.forward(&config, &x, &seed.child(tile))?);
        }
        samples
    } else {
        case.forward(&config, &x.repeat(REPEATS), &seed)?
    };
    let repeats = samples.len() / case.outputs;
    let errors = (0..case.outputs).map(|i| {
        let ours = moments(samples.iter().skip(i).step_by(case.outputs).copied());
        moment_error(ours, (Some(mean[i]), Some(std[i])), repeats as f64, golden_repeats)
    });
    let worst = errors.fold(0.0, super::nan_max);
    Ok(Row { quantity, values: 2 * case.outputs, worst, tolerance: MOMENT })
}
