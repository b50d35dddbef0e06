//! What every product promises, whatever the configuration.

use crossbar::wires::{IrDropConfig, ir_drop_estimate};
use crossbar::{
    AnalogMatrix, AnalogTile, ArrayWeights, Batch, BoundManagement, ClipMask, ConverterRounding,
    Digital, MvmNoise, NoiseManagement, Out, Periphery, PeripheryConfig, ReadNoise, SShape,
    TileConfig, UnitCell, presets,
};
use numerics::{Par, Seed};
use proptest::prelude::*;

fn gaussian(seed: u64, len: usize, std: f32) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_gaussian(0, &mut values);
    values.iter().map(|x| (x * std).clamp(-1.0, 1.0)).collect()
}

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

fn standard() -> (PeripheryConfig, IrDropConfig) {
    let config = presets::standard_pcm();
    (config.periphery, config.ir_drop)
}

/// Periphery configurations that take every path of the kernels.
fn configurations() -> Vec<(&'static str, PeripheryConfig, IrDropConfig)> {
    let (full, wires) = standard();
    let off = IrDropConfig { scale: 0.0, ..wires };
    let mut plain = full.clone();
    plain.read_noise = ReadNoise::None;
    let mut float = full.clone();
    float.dac.noise = 0.02;
    let mut managed = full.clone();
    managed.dac.noise_management = NoiseManagement::AbsMax;
    managed.dac.bound_management = BoundManagement::Iterative { max_halvings: 4 };
    managed.adc.bound = Some(1.0);
    let mut shaped = full.clone();
    shaped.adc.s_shape = Some(SShape { strength: 0.25, spread: 0.1, slope: 0.5 });
    shaped.read_noise = ReadNoise::Constant { sigma: 0.01 };
    shaped.adc.gain_std = 0.02;
    shaped.adc.offset_std = 0.02;
    let mut stochastic = full.clone();
    stochastic.dac.rounding = ConverterRounding::Stochastic;
    stochastic.adc.rounding = ConverterRounding::Stochastic;
    vec![
        ("stochastic rounding", stochastic, wires),
        ("full", full, wires),
        ("plain", plain, off),
        ("float sums", float, wires),
        ("noise and bound management", managed, wires),
        ("S-shape and column errors", shaped, wires),
    ]
}

fn run(
    (config, wires): (&PeripheryConfig, &IrDropConfig),
    weights: &ArrayWeights,
    x: &[f32],
    first_sample: u64,
    par: Par,
) -> Vec<f32> {
    let (inputs, outputs) = (weights.inputs(), weights.outputs());
    let periphery = Periphery::new(config, wires, inputs, outputs, &Seed::new(7)).unwrap();
    let scale = vec![0.5; outputs];
    let bias = vec![0.25; outputs];
    let digital = Digital { input_range: 1.0, scale: &scale, bias: &bias };
    let noise = MvmNoise { seed: Seed::new(8), first_sample };
    let mut y = vec![0.0; x.len() / inputs * outputs];
    periphery.forward(weights, Batch::rows(x, &noise), digital, par, Out::replace(&mut y));
    y
}

#[test]
fn two_threads_give_the_bits_of_one() {
    let (outputs, inputs, batch) = (70, 131, 333);
    let weights = ArrayWeights::pack(&gaussian(1, outputs * inputs, 0.246), outputs, inputs);
    let x = uniform(2, batch * inputs);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (name, config, wires) in configurations() {
        let one = run((&config, &wires), &weights, &x, 0, Par::Seq);
        let two = pool.install(|| run((&config, &wires), &weights, &x, 0, Par::Rayon));
        assert_eq!(one, two, "{name}");
    }
}

#[test]
fn a_split_batch_gives_the_bits_of_the_whole() {
    let (inputs, batch) = (64, 137);
    let x = uniform(4, batch * inputs);
    // Two samples share a panel; whole panels; a panel with room; more than one strip of panels.
    for outputs in [8, 32, 33, 530] {
        let weights = ArrayWeights::pack(&gaussian(3, outputs * inputs, 0.246), outputs, inputs);
        for (name, config, wires) in configurations() {
            let part = |x: &[f32], first| run((&config, &wires), &weights, x, first, Par::Seq);
            let whole = part(&x, 0);
            for cut in [1, 5, 59, 60, 61, 136] {
                let (left, right) = x.split_at(cut * inputs);
                let parts = [part(left, 0), part(right, cut as u64)].concat();
                assert_eq!(whole, parts, "{name} cut at {cut}");
            }
            let samples: Vec<f32> =
                x.chunks(inputs).zip(0..).flat_map(|(x, first)| part(x, first)).collect();
            assert_eq!(whole, samples, "{name} sample by sample");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With dyadic weights and codes the exact sum fits into an f32, so nothing may differ.
    #[test]
    fn without_noise_a_tile_is_the_quantised_product_exactly(
        outputs in 1usize..40,
        inputs in 1usize..150,
        batch in 1usize..20,
        seed in 0u64..1000,
    ) {
        let (mut config, wires) = standard();
        config.read_noise = ReadNoise::None;
        config.adc.noise = 0.0;
        let wires = IrDropConfig { scale: 0.0, ..wires };
        // Multiples of 2^−7: at most 150 products of 7 + 7 bits.
        let w: Vec<f32> =
            uniform(seed, outputs * inputs).iter().map(|w| (w * 128.0).round() / 128.0).collect();
        let x = uniform(seed + 1, batch * inputs);
        let weights = ArrayWeights::pack(&w, outputs, inputs);
        let y = run((&config, &wires), &weights, &x, 0, Par::Seq);
        for (s, x) in x.chunks_exact(inputs).enumerate() {
            for (i, w) in w.chunks_exact(inputs).enumerate() {
                let sum: i32 = w
                    .iter()
                    .zip(x)
                    .map(|(w, x)| (w * 128.0) as i32 * (x * 127.0).round_ties_even() as i32)
                    .sum();
                let (dac, adc) = (2.0f32 / 254.0, 20.0f32 / 254.0);
                let analog = dac * (sum as f32 / 128.0);
                let code = (analog / adc).round_ties_even() * adc;
                let expected = 0.5 * code.clamp(-10.0, 10.0) + 0.25;
                prop_assert_eq!(y[s * outputs + i], expected, "sample {} output {}", s, i);
            }
        }
    }

    /// The fused sums against the formula, term by term in f64.
    #[test]
    fn the_ir_drop_is_the_papers_formula(
        outputs in 1usize..20,
        inputs in 1usize..600,
        seed in 0u64..1000,
        // With 7.2 steps the codes at the bounds are ± 3.6, which are no integers.
        steps in prop::sample::select(vec![None, Some(254.0f32), Some(7.2)]),
        scale in 0.5f32..40.0,
    ) {
        let (mut config, wires) = standard();
        config.read_noise = ReadNoise::None;
        config.adc = crossbar::Adc { steps: None, bound: None, noise: 0.0, ..config.adc };
        config.dac.steps = steps;
        let wires = IrDropConfig { scale, ..wires };
        let w = gaussian(seed, outputs * inputs, 0.4);
        let x: Vec<f32> = uniform(seed + 1, inputs)
            .iter()
            .map(|&x| match steps.map(|steps| 0.5 * steps) {
                Some(largest) => (x * largest).round().clamp(-largest, largest) / largest,
                None => x,
            })
            .collect();
        let weights = ArrayWeights::pack(&w, outputs, inputs);
        let y = run((&config, &wires), &weights, &x, 0, Par::Seq);
        for (i, w) in w.chunks_exact(inputs).enumerate() {
            let terms = || w.iter().zip(&x).map(|(&w, &x)| f64::from(w) * f64::from(x));
            let exact = terms().sum::<f64>() + ir_drop_estimate(w, &x, &wires);
            let size: f64 = terms().map(f64::abs).sum();
            let a = f64::from(wires.gamma()) * inputs as f64 * size;
            // Sums of n terms: n ε of their size, twice for the running sums; and the current
            // known to 2^−16 of the largest weight times Σ|x|, through dc/da ≤ 0.5 + 0.4 a.
            let largest = w.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            let input_size: f64 = x.iter().map(|x| f64::from(x.abs())).sum();
            let a_error = f64::from(wires.gamma())
                * inputs as f64
                * (2f64.powi(-15) * f64::from(largest) * input_size);
            let slope = 0.5 + 0.4 * a + 0.15 * a * a;
            // z known to 2 n^−2 Σ|w x|, times c ≤ slope · a.
            let z_error = 2.0 / (inputs * inputs) as f64 * size;
            let rounding = 3.0 * inputs as f64 * f64::from(f32::EPSILON) * size * (1.0 + f64::from(scale) * slope * a);
            let drop = slope * (a_error * size + a * z_error);
            let bound = rounding + f64::from(scale) * drop + 1e-6;
            let ours = (f64::from(y[i]) - 0.25) / 0.5;
            prop_assert!((ours - exact).abs() <= bound, "{} and {}, bound {}", ours, exact, bound);
        }
    }
}

#[test]
fn inputs_and_outputs_beyond_the_range_saturate_and_are_counted() {
    let (config, wires) = standard();
    let config = PeripheryConfig { read_noise: ReadNoise::None, ..config };
    let wires = IrDropConfig { scale: 0.0, ..wires };
    let periphery = Periphery::new(&config, &wires, 20, 2, &Seed::new(1)).unwrap();
    let mut w = vec![1.0; 20];
    w.extend([0.01; 20]);
    let weights = ArrayWeights::pack(&w, 2, 20);
    let mut x = vec![1.0; 20];
    x[3] = 7.0;
    x[4] = f32::NAN;
    let mut y = [0.0; 2];
    let digital = Digital { input_range: 1.0, scale: &[1.0, 1.0], bias: &[] };
    let noise = MvmNoise { seed: Seed::new(1), first_sample: 0 };
    let (batch, out) = (Batch::rows(&x, &noise), Out::replace(&mut y));
    let saturation = periphery.forward(&weights, batch, digital, Par::Seq, out);
    assert_eq!(y[0], 10.0);
    assert!(y[1].abs() < 1.0);
    assert_eq!((saturation.inputs, saturation.outputs), (2, 1));
}

#[test]
fn bound_management_halves_until_nothing_saturates() {
    let (mut config, wires) = standard();
    config.read_noise = ReadNoise::None;
    config.adc.noise = 0.0;
    config.dac.bound_management = BoundManagement::Iterative { max_halvings: 3 };
    let wires = IrDropConfig { scale: 0.0, ..wires };
    let periphery = Periphery::new(&config, &wires, 64, 1, &Seed::new(1)).unwrap();
    let weights = ArrayWeights::pack(&[1.0; 64], 1, 64);
    let mut y = [1.0];
    let digital = Digital { input_range: 1.0, scale: &[1.0], bias: &[] };
    let noise = MvmNoise { seed: Seed::new(1), first_sample: 0 };
    let x = [0.5; 64];
    let (batch, out) = (Batch::rows(&x, &noise), Out::add(&mut y));
    let saturation = periphery.forward(&weights, batch, digital, Par::Seq, out);
    // 32 needs two halvings for a bound of 10; inputs of 1/8 are 16 codes: 16/127 · 64 · 4.
    let exact = 1.0 + 64.0 * 16.0 / 127.0 * 4.0;
    assert!((y[0] - exact).abs() <= 4.0 * 0.5 * 20.0 / 254.0, "{} for {exact}", y[0]);
    assert_eq!(saturation.outputs, 0);
}

#[test]
fn a_matrix_on_many_tiles_is_the_sum_of_its_parts() {
    let mut config = TileConfig::load("ideal").unwrap();
    config.periphery.dac.steps = None;
    config.periphery.adc =
        crossbar::Adc { steps: None, bound: None, noise: 0.0, ..config.periphery.adc };
    config.ir_drop.scale = 0.0;
    config.mapping.max_inputs = 50;
    config.mapping.max_outputs = Some(7);
    let (outputs, inputs, batch) = (17, 123, 4);
    let w = gaussian(5, outputs * inputs, 0.3);
    let x = uniform(6, batch * inputs);
    for cell in [
        UnitCell::ActiveDevice,
        UnitCell::DifferentialPair,
        UnitCell::SingleDevice,
        UnitCell::Pairs { significances: vec![1.0, 4.0] },
        UnitCell::BitSliced { bits_per_cell: 4, cells: 4 },
    ] {
        config.mapping.unit_cell = cell;
        let mut matrix =
            AnalogMatrix::program(&config, &w, inputs, &Seed::new(1), Par::Seq).unwrap();
        matrix.set_bias(&vec![2.0; outputs]).unwrap();
        assert_eq!(matrix.tiles().count(), 9);
        let mut y = vec![0.0; batch * outputs];
        let noise = MvmNoise { seed: Seed::new(2), first_sample: 0 };
        matrix.forward(&x, &noise, Par::Seq, &mut y);
        // 16 bits of a weight below 1: half a step of 2^−16, over 123 inputs of at most 1.
        let tolerance = 123.0 * (0.5 / 65_535.0) + 1e-5;
        for (x, y) in x.chunks_exact(inputs).zip(y.chunks_exact(outputs)) {
            for (w, y) in w.chunks_exact(inputs).zip(y) {
                let exact: f64 = w.iter().zip(x).map(|(w, x)| f64::from(w * x)).sum();
                assert!((exact + 2.0 - f64::from(*y)).abs() < tolerance);
            }
        }
        for (w, back) in w.iter().zip(matrix.weights()) {
            assert!((w - back).abs() <= 0.5 / 65_535.0 + 1e-6, "{w} became {back}");
        }
    }
}

#[test]
fn programming_does_not_depend_on_threads_and_a_reading_repeats() {
    let config = presets::standard_pcm();
    let w = gaussian(9, 200 * 300, 0.3);
    let program = |par| AnalogTile::program(&config, &w, 300, &Seed::new(1), par).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let (mut one, mut two) = (program(Par::Seq), pool.install(|| program(Par::Rayon)));
    assert_eq!(one.weights(), two.weights());
    one.age_to(3600.0, Par::Seq).unwrap();
    pool.install(|| two.age_to(3600.0, Par::Rayon)).unwrap();
    assert_eq!(one.weights(), two.weights());
    let hour = one.weights();
    one.age_to_reading(3600.0, 1, Par::Seq).unwrap();
    assert_ne!(one.weights(), hour, "another reading is another draw");
    one.age_to(1.0, Par::Seq).unwrap();
    one.age_to(3600.0, Par::Seq).unwrap();
    assert_eq!(one.weights(), hour, "a reading is named by time and number only");
}

#[test]
fn a_time_before_programming_is_refused() {
    let mut tile =
        AnalogTile::program(&presets::standard_pcm(), &[1.0], 1, &Seed::new(1), Par::Seq).unwrap();
    let error = tile.age_to(-1.0, Par::Seq).unwrap_err();
    assert_eq!(error.to_string(), "time -1 s lies before programming (0 s) or is not finite");
    assert!(tile.age_to(f64::NAN, Par::Seq).is_err());
}

#[test]
fn masks_say_what_was_clipped_and_change_nothing_else() {
    masks_of(37);
    masks_of(8);
}

fn masks_of(outputs: usize) {
    let (inputs, batch) = (90, 131);
    // Weights so large that some outputs reach the bound.
    let weights = ArrayWeights::pack(&gaussian(21, outputs * inputs, 0.8), outputs, inputs);
    let mut x = uniform(22, batch * inputs);
    x[17] = f32::NAN;
    let range = 0.8;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (name, mut config, wires) in configurations() {
        config.adc.bound = Some(4.0);
        let periphery = Periphery::new(&config, &wires, inputs, outputs, &Seed::new(7)).unwrap();
        let (scale, bias) = (vec![0.5; outputs], vec![0.25; outputs]);
        let digital = Digital { input_range: range, scale: &scale, bias: &bias };
        let noise = MvmNoise { seed: Seed::new(8), first_sample: 5 };
        let (mut y, mut z) = (vec![0.0; batch * outputs], vec![0.0; batch * outputs]);
        let batch = Batch::rows(&x, &noise);
        let seen = periphery.forward(&weights, batch, digital, Par::Seq, Out::replace(&mut y));
        let masked = |par: Par, z: &mut [f32]| {
            let [mut inputs, mut outputs] = [ClipMask::default(), ClipMask::default()];
            let (clipped_inputs, clipped_outputs) = (Some(&mut inputs), Some(&mut outputs));
            let out = Out { clipped_inputs, clipped_outputs, ..Out::replace(z) };
            let seen = periphery.forward(&weights, batch, digital, par, out);
            (seen, inputs, outputs)
        };
        let (also, clipped_inputs, clipped_outputs) = masked(Par::Seq, &mut z);
        assert_eq!((&y, seen), (&z, also), "{name}");
        let again = pool.install(|| masked(Par::Rayon, &mut z));
        assert_eq!((also, &clipped_inputs, &clipped_outputs), (again.0, &again.1, &again.2));

        let managed = config.dac.noise_management == NoiseManagement::AbsMax;
        assert_eq!(clipped_inputs.count(), seen.inputs, "{name}");
        for (at, x) in x.iter().enumerate() {
            let clipped = x.is_nan() || !managed && x.abs() > range;
            assert_eq!(clipped_inputs.is_clipped(at / inputs, at % inputs), clipped, "{name}: {x}");
        }
        let mut reached = 0;
        for (at, y) in y.iter().enumerate() {
            let clipped = clipped_outputs.is_clipped(at / outputs, at % outputs);
            if managed {
                continue; // the range of the last attempt is not known here
            }
            let z = ((y - 0.25) / (0.5 * range)).abs();
            assert_eq!(clipped, z >= 0.999 * 4.0 - 1e-5, "{name}: {z}");
            reached += u64::from(clipped);
        }
        assert!(managed || reached > 10, "{name}: {reached} outputs at the bound");
        assert!(reached >= seen.outputs, "{name}: outputs are rounded to the bound, too");
    }
}

/// A converter with a step of 1/7 or 1/3.1 and a value between two steps.
#[test]
fn stochastic_rounding_keeps_the_mean_and_what_is_on_a_step() {
    let (full, wires) = standard();
    let wires = IrDropConfig { scale: 0.0, ..wires };
    let mut ideal = PeripheryConfig { read_noise: ReadNoise::None, ..full.clone() };
    ideal.dac.steps = None;
    ideal.adc = crossbar::Adc { steps: None, noise: 0.0, ..ideal.adc.clone() };
    let mut dac = ideal.clone();
    dac.dac.steps = Some(14.0);
    dac.dac.rounding = ConverterRounding::Stochastic;
    let mut adc = ideal.clone();
    adc.adc.steps = Some(62.0);
    adc.adc.rounding = ConverterRounding::Stochastic;
    let weights = ArrayWeights::pack(&[1.0], 1, 1);
    let n = 100_000usize;
    for (config, step) in [(dac, 1.0 / 7.0), (adc, 20.0 / 62.0)] {
        // Rows come out as 0.5 x + 0.25; positive and negative, on a step and between two.
        for (x, share) in [(1.3, 0.3), (-1.3, 0.7), (2.0, 0.0), (-2.0, 0.0), (0.0, 0.0)] {
            let x: f64 = x * step;
            let y = run((&config, &wires), &weights, &vec![x as f32; n], 0, Par::Seq);
            let z: Vec<f64> = y.iter().map(|y| (f64::from(*y) - 0.25) / 0.5).collect();
            let low = z.iter().fold(f64::INFINITY, |a, &b| a.min(b));
            let up = z.iter().filter(|&&z| z > low + 0.5 * step).count() as f64 / n as f64;
            let mean = z.iter().sum::<f64>() / n as f64;
            // Four standard errors: false alarm 6·10⁻⁵ for an unlucky seed; f32 rounds k itself.
            let error = 4.0 * (share * (1.0f64 - share) / n as f64).sqrt();
            assert!((up - share).abs() <= error, "{x}: {up} rounded up, not {share}");
            assert!((mean - x).abs() <= error * step + 1e-6, "{x} has the mean {mean}");
        }
    }
}
