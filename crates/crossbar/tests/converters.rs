//! What the converters of the columns do, against their formulas.

use crossbar::wires::IrDropConfig;
use crossbar::{
    AnalogTile, ArrayWeights, Batch, BoundManagement, DacRange, Digital, MvmNoise, Out, Periphery,
    PeripheryConfig, ReadNoise, SShape, Saturation, TileConfig, UnitCell, WeightScale, presets,
};
use numerics::{Par, Seed};

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

/// Nothing but bounds: continuous converters without noise behind ideal wires.
fn exact() -> (PeripheryConfig, IrDropConfig) {
    let TileConfig { mut periphery, ir_drop, .. } = presets::standard_pcm();
    periphery.read_noise = ReadNoise::None;
    (periphery.dac.steps, periphery.adc.steps, periphery.adc.noise) = (None, None, 0.0);
    (periphery, IrDropConfig { scale: 0.0, ..ir_drop })
}

fn forward(
    (config, wires): &(PeripheryConfig, IrDropConfig),
    weights: &[f32],
    inputs: usize,
    x: &[f32],
    seed: &Seed,
) -> (Vec<f32>, Saturation) {
    let outputs = weights.len() / inputs;
    let periphery = Periphery::new(config, wires, inputs, outputs, seed).unwrap();
    let packed = ArrayWeights::pack(weights, outputs, inputs);
    let scale = vec![1.0; outputs];
    let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
    let noise = MvmNoise { seed: Seed::new(8), first_sample: 0 };
    let mut y = vec![0.0; x.len() / inputs * outputs];
    let (batch, out) = (Batch::rows(x, &noise), Out::replace(&mut y));
    let seen = periphery.forward(&packed, batch, digital, Par::Seq, out);
    (y, seen)
}

/// Normal numbers by the name of what draws them.
fn normal(seed: &Seed, name: &str, len: usize) -> Vec<f64> {
    let mut values = vec![0.0; len];
    seed.child(name).stream().fill_gaussian(0, &mut values);
    values.into_iter().map(f64::from).collect()
}

/// ```text
/// z = (1 + δ_i) f_i(Σ w x) + o_i,    f_i(y) = K y / (1 + n_i |y|), clipped to ±b
/// ```
///
/// with all four of them at once: an offset that is amplified, or an order that is another, shows.
#[test]
fn gain_offset_and_s_shape_follow_their_formula_together() {
    let (outputs, inputs, batch) = (37, 50, 6);
    let w = uniform(1, outputs * inputs);
    let x = uniform(2, batch * inputs);
    let seed = Seed::new(7);
    for shape in [None, Some(SShape { strength: 0.25, spread: 0.3, slope: 0.5 })] {
        let mut config = exact();
        let bound = 5.0;
        config.0.adc.bound = Some(bound as f32);
        (config.0.adc.gain_std, config.0.adc.offset_std) = (0.3, 0.7);
        config.0.adc.s_shape = shape;
        let (gain, offset) =
            (normal(&seed, "adc-gain", outputs), normal(&seed, "adc-offset", outputs));
        let curvature: Vec<f64> = match shape {
            None => vec![0.0; outputs],
            Some(SShape { strength, spread, .. }) => normal(&seed, "s-shape", outputs)
                .into_iter()
                .map(|xi| (f64::from(strength) / bound * (1.0 + f64::from(spread) * xi)).abs())
                .collect(),
        };
        let mean = curvature.iter().sum::<f64>() / outputs as f64;
        let slope = shape.map_or(0.0, |shape| f64::from(shape.slope));
        let prefactor = (1.0 + mean * slope * bound).powi(2);
        let (y, _) = forward(&config, &w, inputs, &x, &seed);
        let mut clipped = 0;
        for (x, y) in x.chunks(inputs).zip(y.chunks(outputs)) {
            for (i, (w, &y)) in w.chunks(inputs).zip(y).enumerate() {
                let dot: f64 = w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                let shaped = prefactor * dot / (1.0 + curvature[i] * dot.abs());
                let exact = (1.0 + 0.3 * gain[i]) * shaped + 0.7 * offset[i];
                clipped += usize::from(exact.abs() > bound);
                let exact = exact.clamp(-bound, bound);
                // Fifty terms of up to 1 in f32, and ten operations on numbers of up to 10.
                assert!((f64::from(y) - exact).abs() < 3e-5, "output {i}: {y}, not {exact}");
            }
        }
        assert!(clipped > 0, "the test has outputs on both sides of the bound");
    }
}

/// The offset of the first column is far beyond the bound, whatever the inputs are.
#[test]
fn an_offset_beyond_the_bound_does_not_halve_the_inputs_of_all() {
    let (outputs, inputs) = (40, 64);
    let mut config = presets::standard_pcm();
    config.periphery.read_noise = ReadNoise::None;
    config.periphery.adc.noise = 0.0;
    config.periphery.adc.offset_std = 100.0;
    config.periphery.dac.bound_management = BoundManagement::Iterative { max_halvings: 30 };
    config.ir_drop.scale = 0.0;
    let (seed, x) = (Seed::new(7), vec![0.25; inputs]);
    let offset = normal(&seed, "adc-offset", outputs);
    let w = vec![1.0; outputs * inputs];
    let (y, seen) = forward(&(config.periphery, config.ir_drop), &w, inputs, &x, &seed);
    let beyond = offset.iter().filter(|o| 100.0 * o.abs() > 10.05).count();
    assert!(beyond > 20 && beyond < outputs, "{beyond} of the offsets lie beyond the bound");
    assert_eq!(seen.outputs, beyond as u64);
    // 16 and an offset below 10 need two halvings, perhaps three or so with an offset near the bound.
    for (i, (&y, offset)) in y.iter().zip(offset).enumerate() {
        let offset = 100.0 * offset;
        if offset.abs() > 10.05 {
            assert!(y.abs() <= 10.0 * 64.0, "output {i} is {y}");
        } else {
            assert!(y.abs() < 1e3 && y.is_finite(), "output {i} is {y}");
        }
    }
}

/// Two slices of two bits with the significances 1/5 and 4/5: the variance of the sum is
/// (1/25 + 16/25) σ² of one slice if their noise is independent, and σ² if it is one draw.
#[test]
fn the_slices_of_a_weight_have_noise_of_their_own() {
    let samples = 40_000;
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.unit_cell = UnitCell::BitSliced { bits_per_cell: 2, cells: 2 };
    config.mapping.scale = WeightScale::Unit;
    (config.periphery.dac.steps, config.periphery.adc.steps) = (None, None);
    config.ir_drop.scale = 0.0;
    for noise in ["output", "read", "input"] {
        let mut config = config.clone();
        config.periphery.read_noise = ReadNoise::None;
        config.periphery.adc.noise = 0.0;
        match noise {
            "output" => config.periphery.adc.noise = 0.1,
            "read" => config.periphery.read_noise = ReadNoise::Constant { sigma: 0.1 },
            _ => config.periphery.dac.noise = 0.1,
        }
        // Both digits are full, so that each slice is 1.
        let tile = AnalogTile::program(&config, &[1.0], 1, &Seed::new(1), Par::Seq).unwrap();
        let mut y = vec![0.0; samples];
        let noise_of = MvmNoise { seed: Seed::new(2), first_sample: 0 };
        tile.forward(&vec![1.0; samples], &noise_of, Par::Seq, &mut y);
        let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / samples as f64;
        let variance =
            y.iter().map(|&y| (f64::from(y) - mean).powi(2)).sum::<f64>() / samples as f64;
        // Four standard errors of the variance of a normal sample.
        let expected = 0.01 * (1.0 + 16.0) / 25.0;
        let bound = 4.0 * expected * (2.0 / samples as f64).sqrt();
        assert!((variance - expected).abs() < bound, "{noise}: {variance}, not {expected}");
    }
}

/// An even number of steps reaches the end of the range, and no code lies beyond it.
#[test]
fn the_end_of_the_range_is_a_code_of_an_even_number_of_steps() {
    let mut config = exact();
    for steps in [2.0, 14.0, 62.0, 254.0, 1022.0] {
        config.0.dac.steps = Some(steps);
        let (y, _) = forward(&config, &[1.0], 1, &[1.0, -1.0, 0.0, 7.0], &Seed::new(1));
        assert_eq!(y, [1.0, -1.0, 0.0, 1.0], "{steps} steps");
    }
}

/// The mean over batches of the largest magnitude, at most 10; nothing tells the range of zeros.
#[test]
fn the_input_range_is_calibrated_from_batches() {
    let config = TileConfig::load("ideal").unwrap();
    let mut tile = AnalogTile::program(&config, &[0.5, -0.5], 2, &Seed::new(1), Par::Seq).unwrap();
    assert_eq!(tile.input_range(), 1.0);
    tile.calibrate_input_range([&[0.5f32, -3.0][..], &[1.0, 0.25]]);
    assert_eq!(tile.input_range(), 2.0);
    tile.calibrate_input_range([&[0.0f32; 4][..]]);
    assert_eq!(tile.input_range(), 2.0, "zeros leave it");
    tile.calibrate_input_range([&[100.0f32][..]]);
    assert_eq!(tile.input_range(), 10.0);

    let mut config = config;
    config.periphery.dac.range = DacRange::Unsigned;
    config.periphery.dac.steps = Some(255.0);
    let mut tile = AnalogTile::program(&config, &[0.5, -0.5], 2, &Seed::new(1), Par::Seq).unwrap();
    tile.calibrate_input_range([&[0.5f32, -3.0][..], &[1.0, 0.25]]);
    assert_eq!(tile.input_range(), 0.75, "what becomes 0 has no range");
}
