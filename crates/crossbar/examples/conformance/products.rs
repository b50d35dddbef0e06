//! Analog products with one nonideality at a time.

use crossbar::wires::IrDropConfig;
use crossbar::{
    Adc, AdcRange, ArrayWeights, Batch, BoundManagement, BoundPer, ConverterRounding, Dac,
    DacRange, Digital, InputEncoding, MvmNoise, NoiseManagement, Out, Periphery, PeripheryConfig,
    ReadNoise, SShape, Saturation,
};
use numerics::{Par, Seed};
use serde_json::{Map, Value};

use super::moments::{Golden, MOMENT, Moments};
use super::reading::{draws, list, matrix, object, required};
use super::{Row, nan_max};

/// Repeats of the first input in a file of aihwkit.
const GOLDEN_REPEATS: f64 = 4000.0;
/// Repeats of ours: enough that the golden values' scatter dominates.
const REPEATS: usize = 40_000;
/// Tiles of ours where the error is drawn once per tile.
const TILES: usize = 8000;

/// Errors of deterministic products are in units of what f32 may do to them: see [`Sample::rounding`].
pub(crate) const EXACT: f64 = 1.0;

const IDEAL: PeripheryConfig = PeripheryConfig {
    dac: Dac {
        steps: None,
        rounding: ConverterRounding::Nearest,
        bound: 1.0,
        noise: 0.0,
        noise_management: NoiseManagement::None,
        bound_management: BoundManagement::None,
        range: DacRange::Symmetric,
        encoding: InputEncoding::Whole,
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
        range: AdcRange::Symmetric,
        bound_per: BoundPer::Tile,
        inl: Vec::new(),
        dnl_std: 0.0,
    },
};
const NO_DROP: IrDropConfig = IrDropConfig { segment_ohm: 0.35, g_max_us: 5.0, scale: 0.0 };

/// What is compared of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The values.
    Exact,
    /// Moments over products.
    Products,
    /// Moments over tiles.
    Tiles,
}

const NAMES: [(&str, Kind); 23] = [
    ("ideal", Kind::Exact),
    ("dac8", Kind::Exact),
    ("dac4", Kind::Exact),
    ("adc8", Kind::Exact),
    ("adc6", Kind::Exact),
    ("ir_drop", Kind::Exact),
    ("ir_drop_x10", Kind::Exact),
    ("dac8_ir_drop_adc8", Kind::Exact),
    ("abs_max_dac8", Kind::Exact),
    ("bound_0_5", Kind::Exact),
    ("bound_0_5_halving", Kind::Exact),
    ("managed", Kind::Exact),
    ("s_shape", Kind::Exact),
    ("dac4_stochastic", Kind::Products),
    ("adc6_stochastic", Kind::Products),
    ("read_noise", Kind::Products),
    ("constant_noise", Kind::Products),
    ("input_noise", Kind::Products),
    ("out_noise", Kind::Products),
    ("all_noise", Kind::Products),
    ("adc_gain", Kind::Tiles),
    ("adc_offset", Kind::Tiles),
    ("polarity_asymmetry", Kind::Tiles),
];

/// Periphery and wires of a name.
fn configuration(name: &str) -> (PeripheryConfig, IrDropConfig) {
    let (mut config, mut wires) = (IDEAL, NO_DROP);
    let halved = BoundManagement::Iterative { max_halvings: 10 };
    match name {
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
            config.dac.bound_management = halved;
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
            config.dac.bound_management = halved;
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
        _ => {}
    }
    (config, wires)
}

struct Case {
    weights: Vec<f32>,
    inputs: Vec<Vec<f32>>,
    width: usize,
    outputs: usize,
}

impl Case {
    /// Products of rows for an input range, on the array that `seed` draws.
    fn forward(
        &self,
        (config, wires): &(PeripheryConfig, IrDropConfig),
        x: &[f32],
        input_range: f32,
        seed: &Seed,
    ) -> Result<(Vec<f64>, Saturation), String> {
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
        let digital = Digital { input_range, scale: &scale, bias: &[] };
        let noise = MvmNoise { seed: seed.child("noise"), first_sample: 0 };
        let (batch, out) = (Batch::rows(x, &noise), Out::replace(&mut y));
        let seen = periphery.forward(&weights, batch, digital, Par::Seq, out);
        Ok((y.into_iter().map(f64::from).collect(), seen))
    }

    /// What f32 may do to an output of a sample in that range: sums of n terms, rounded one by one,
    /// and 16 roundings of the result on its way and into print.
    ///
    /// ```text
    /// 2^−24 ((4 + √n) S + 16 |y|) + γ S²/n + Σ_t |w_ij| s,        S = Σ_j |w_ij| |x_j|
    /// ```
    ///
    /// The second term is the error of the IR drop where the integer sums compute it
    /// (`periphery::product`); the third one counts the inputs t that lie so close to a tie between
    /// two steps s of the DAC that f32 may take either.
    fn rounding(
        &self,
        (config, wires): &(PeripheryConfig, IrDropConfig),
        x: &[f32],
        input_range: f32,
        output: usize,
        y: f64,
    ) -> f64 {
        let unit = 2f64.powi(-24);
        let (n, range) = (self.width as f64, f64::from(input_range));
        let weights = &self.weights[output * self.width..][..self.width];
        let terms = || weights.iter().zip(x).map(|(&w, &x)| (f64::from(w).abs(), f64::from(x)));
        let size: f64 = terms().map(|(w, x)| w * x.abs().min(range)).sum();
        let mut rounding = unit * ((4.0 + n.sqrt()) * size + 16.0 * y.abs());
        if let Some(step) = config.dac.step() {
            rounding += f64::from(wires.scale * wires.gamma()) * size * size / (n * range);
            let step = range * f64::from(step);
            let tied = |x: f64| {
                let code = (x / step).abs();
                ((code - code.floor()) - 0.5).abs() <= 4.0 * unit * code
            };
            rounding += terms().filter(|&(_, x)| tied(x)).map(|(w, _)| w * step).sum::<f64>();
        }
        rounding
    }

    /// The input range that a sample is multiplied with in the end, after all halvings, and what the
    /// ADC is then given.
    fn before_adc(
        &self,
        (config, wires): &(PeripheryConfig, IrDropConfig),
        x: &[f32],
    ) -> Result<(f32, Vec<f64>), String> {
        let mut range = match config.dac.noise_management {
            NoiseManagement::None => 1.0,
            NoiseManagement::AbsMax => x.iter().fold(0.0f32, |max, x| max.max(x.abs())),
        };
        let (mut once, wires) = (config.clone(), *wires);
        once.dac.noise_management = NoiseManagement::None;
        once.dac.bound_management = BoundManagement::None;
        let seed = Seed::new(1);
        if let BoundManagement::Iterative { max_halvings } = config.dac.bound_management {
            for _ in 0..max_halvings {
                if self.forward(&(once.clone(), wires), x, range, &seed)?.1.outputs == 0 {
                    break;
                }
                range *= 2.0;
            }
        }
        // The bound stays: an S-shape refers to it.
        once.adc.steps = None;
        Ok((range, self.forward(&(once, wires), x, range, &seed)?.0))
    }

    /// The largest error of golden values of one sample, in units of [`Self::rounding`].
    ///
    /// Where the ADC has steps, the right value is a step that is nearest to what it is given, within
    /// rounding: of two where that lies at a tie.
    fn exact_error(
        &self,
        configured: &(PeripheryConfig, IrDropConfig),
        x: &[f32],
        golden: &[f64],
    ) -> Result<f64, String> {
        let (ours, _) = self.forward(configured, x, 1.0, &Seed::new(1))?;
        let (range, before) = self.before_adc(configured, x)?;
        let adc = &configured.0.adc;
        let mut worst = 0.0;
        for (output, ((&ours, &golden), &before)) in
            ours.iter().zip(golden).zip(&before).enumerate()
        {
            let rounding = self.rounding(configured, x, range, output, golden);
            let distance = |right: f64| ((golden - right).abs(), (ours - right).abs());
            let (of_golden, of_ours) = match (adc.step(), adc.bound) {
                (Some(step), Some(bound)) => {
                    let (step, bound) =
                        [step, bound].map(|x| f64::from(range) * f64::from(x)).into();
                    let nearest = (before / step).round();
                    let right = [nearest - 1.0, nearest, nearest + 1.0].map(|code| code * step);
                    let right =
                        right.into_iter().filter(|y| (y - before).abs() <= 0.5 * step + rounding);
                    let distances = right.map(|y| distance(y.clamp(-bound, bound)));
                    distances.fold((f64::INFINITY, f64::INFINITY), |(a, b), (golden, ours)| {
                        (a.min(golden), b.min(ours))
                    })
                }
                _ => distance(ours),
            };
            let error = nan_max(of_golden, of_ours);
            worst = nan_max(worst, if error == 0.0 { 0.0 } else { error / rounding });
        }
        Ok(worst)
    }
}

pub(super) fn check(index: usize, case: &Value, rows: &mut Vec<Row>) -> Result<(), String> {
    let place = format!("mvm[{index}]");
    let case = object(case, &place, &["weights", "inputs", "outputs", "analytic", "draws"])?;
    let any = [None, None];
    let weights = matrix(required(case, "weights", &place)?, &format!("{place}.weights"), any)?;
    let (outputs, width) = (weights.len(), weights[0].len());
    let shape = [None, Some(width)];
    let inputs = matrix(required(case, "inputs", &place)?, &format!("{place}.inputs"), shape)?;
    let to_f32 = |row: Vec<f64>| row.into_iter().map(|x| x as f32).collect::<Vec<f32>>();
    let data = Case {
        weights: to_f32(weights.concat()),
        inputs: inputs.into_iter().map(to_f32).collect(),
        width,
        outputs,
    };
    let repeats = draws(case, &place, GOLDEN_REPEATS)?;
    let place = format!("{place}.outputs");
    let golden = required(case, "outputs", &place)?;
    let golden = golden.as_object().ok_or_else(|| format!("{place} is not an object"))?;
    if golden.is_empty() {
        return Err(format!("{place} has nothing to be checked"));
    }
    for (key, value) in golden {
        let quantity = |what: &str| format!("mvm[{index}] {outputs}x{width} {what}");
        let (name, kind, moment) = meaning(key).map_err(|error| format!("{place}.{error}"))?;
        match (kind, moment) {
            (Kind::Exact, _) => {
                let shape = [Some(data.inputs.len()), Some(outputs)];
                let values = matrix(value, &format!("{place}.{key}"), shape)?;
                let configured = configuration(name);
                let mut worst = 0.0;
                for (x, golden) in data.inputs.iter().zip(&values) {
                    worst = nan_max(worst, data.exact_error(&configured, x, golden)?);
                }
                let values = values.len() * outputs;
                rows.push(Row { quantity: quantity(name), values, worst, tolerance: EXACT });
            }
            (_, "mean") => {
                let quantity = quantity(&format!("{name} mean, std"));
                rows.push(noise_row(&data, (name, kind), golden, &place, (quantity, repeats))?);
            }
            // With the mean.
            _ => {
                required(golden, &format!("{name}_mean"), &place)?;
            }
        }
    }
    Ok(())
}

/// The name in a key, what is compared of it, and which moment the key is.
fn meaning(key: &str) -> Result<(&str, Kind, &str), String> {
    let parts = [("_mean", "mean"), ("_std", "std")];
    let (name, moment) = (parts.into_iter())
        .find_map(|(end, moment)| Some((key.strip_suffix(end)?, moment)))
        .unwrap_or((key, ""));
    let Some(&(name, kind)) = NAMES.iter().find(|(known, _)| *known == name) else {
        let known = NAMES.map(|(name, _)| name).join(", ");
        return Err(format!("{key}: '{name}' is not known; known are {known}"));
    };
    match (kind, moment) {
        (Kind::Exact, "") => Ok((name, kind, moment)),
        (Kind::Exact, _) => Err(format!("{key}: '{name}' has values, and no {moment}")),
        (_, "") => Err(format!("{key}: '{name}' has moments, {name}_mean and {name}_std")),
        _ => Ok((name, kind, moment)),
    }
}

/// Mean and standard deviation over repeats of the first input.
fn noise_row(
    case: &Case,
    (name, kind): (&str, Kind),
    golden: &Map<String, Value>,
    place: &str,
    (quantity, draws): (String, f64),
) -> Result<Row, String> {
    let column = |moment: &str| {
        let key = format!("{name}_{moment}");
        list(required(golden, &key, place)?, &format!("{place}.{key}"), Some(case.outputs))
    };
    let (mean, std) = (column("mean")?, column("std")?);
    let configured = configuration(name);
    let x = &case.inputs[0];
    let seed = Seed::new(2).child(name);
    let samples: Vec<f64> = if kind == Kind::Tiles {
        let mut samples = Vec::new();
        for tile in 0..TILES {
            samples.extend(case.forward(&configured, x, 1.0, &seed.child(tile))?.0);
        }
        samples
    } else {
        case.forward(&configured, &x.repeat(REPEATS), 1.0, &seed)?.0
    };
    let mut worst = 0.0;
    for output in 0..case.outputs {
        let ours = Moments::of(samples.iter().skip(output).step_by(case.outputs).copied());
        let golden = Golden { mean: Some(mean[output]), std: Some(std[output]), draws };
        let floor = case.rounding(&configured, x, 1.0, output, ours.mean);
        worst = nan_max(worst, golden.standard_errors(&ours, floor));
    }
    Ok(Row { quantity, values: 2 * case.outputs, worst, tolerance: MOMENT })
}
