//! Hardware-aware products against their definitions.

use crossbar::training::{Gradients, Keep, MatrixWeights, PerturbedMatrix, TrainingTiles};
use crossbar::{
    AnalogMatrix, Batch, Inputs, MvmNoise, Normalized, TileConfig, UnitCell, WeightNoise,
    WeightNoiseConfig, Windows,
};
use numerics::{Par, Seed};
use proptest::prelude::*;

/// Tiles of at most 5 × 7 of that preset.
fn config(preset: &str) -> TileConfig {
    let mut config = TileConfig::load(preset).unwrap();
    (config.mapping.max_inputs, config.mapping.max_outputs) = (7, Some(5));
    config
}

fn gaussian(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_gaussian(0, &mut values);
    values
}

/// Everything that one product is made from.
struct Case {
    tiles: TrainingTiles,
    normalized: Normalized,
    bias: Vec<f32>,
    noise: WeightNoise,
}

impl Case {
    fn new(config: &TileConfig, outputs: usize, inputs: usize) -> Self {
        let tiles = TrainingTiles::new(config, outputs, inputs, &Seed::new(1)).unwrap();
        let weights = gaussian(2, outputs * inputs);
        let normalized = tiles.cut().normalize(&weights, &config.mapping).unwrap();
        let noise = WeightNoise::new(&WeightNoiseConfig::paper(3.0, 0.05)).unwrap();
        Self { tiles, normalized, bias: gaussian(3, outputs), noise }
    }

    fn weights(&self) -> MatrixWeights<'_> {
        let Normalized { weights, scales } = &self.normalized;
        MatrixWeights { weights, scales, bias: &self.bias }
    }

    fn perturbed(&self) -> PerturbedMatrix {
        let mut matrix = PerturbedMatrix::zeros(&self.tiles);
        let noise = self.noise.for_batch(0.7, &Seed::new(4));
        matrix.perturb(self.weights(), Some(noise), Par::Seq);
        matrix
    }
}

fn noise() -> MvmNoise {
    MvmNoise { seed: Seed::new(5), first_sample: 11 }
}

fn rows(x: &[f32]) -> Batch<Inputs<'_>> {
    Batch::rows(x, &noise())
}

/// Without converters and noise the product and its gradients are those of matrices.
fn exact() -> TileConfig {
    let mut config = config("ideal");
    config.periphery.dac.steps = None;
    config.periphery.adc.steps = None;
    config.periphery.adc.bound = None;
    config.periphery.adc.noise = 0.0;
    config.ir_drop.scale = 0.0;
    config
}

proptest! {
    #[test]
    fn without_errors_of_converters_it_is_the_product_of_matrices_and_its_gradients(
        outputs in 1..13usize,
        inputs in 1..20usize,
        samples in 1..6usize,
        range in 0.3f32..3.0,
    ) {
        let case = Case::new(&exact(), outputs, inputs);
        let matrix = case.perturbed();
        let (x, errors) = (gaussian(6, samples * inputs), gaussian(7, samples * outputs));
        let mut y = vec![0.0; samples * outputs];
        let kept = matrix.forward(rows(&x), range, Keep::Products(vec![]), Par::Seq, &mut y);
        let gradients = matrix.backward(&kept, &x, &errors, Par::Seq);

        let w = |i: usize, j: usize| f64::from(matrix.effective()[i * inputs + j]);
        let error = |s: usize, i: usize| f64::from(errors[s * outputs + i]);
        let clamped = |s: usize, j: usize| f64::from(x[s * inputs + j].clamp(-range, range));
        let near = |ours: f32, exact: f64, of: f64| (f64::from(ours) - exact).abs() <= 1e-5 * (1.0 + of);
        for (s, i) in (0..samples).flat_map(|s| (0..outputs).map(move |i| (s, i))) {
            let terms = |j: usize| w(i, j) * clamped(s, j);
            let exact = f64::from(case.bias[i]) + (0..inputs).map(terms).sum::<f64>();
            let size = (0..inputs).map(|j| terms(j).abs()).sum::<f64>() + exact.abs();
            prop_assert!(near(y[s * outputs + i], exact, size));
        }
        // A row of a tile, its scale, and the output that it is of.
        let cut = case.tiles.cut();
        let outputs_of_scales = cut.parts().iter().flat_map(|part| part.rows.clone());
        for (at, (stretch, i)) in cut.stretches().zip(outputs_of_scales).enumerate() {
            let scale = f64::from(case.normalized.scales[at]);
            let sum = |j: usize| (0..samples).map(|s| error(s, i) * clamped(s, j)).sum::<f64>();
            let columns = stretch.start % inputs..stretch.start % inputs + stretch.len();
            for (at, j) in stretch.zip(columns.clone()) {
                prop_assert!(near(gradients.weights[at], scale * sum(j), 30.0 * scale));
            }
            // α z γ = Σ γ w̃ x: linear in γ.
            let by_scale = columns.map(|j| w(i, j) / scale * sum(j)).sum::<f64>();
            prop_assert!(near(gradients.scales[at], by_scale, 100.0));
        }
        for i in 0..outputs {
            prop_assert!(near(gradients.bias[i], (0..samples).map(|s| error(s, i)).sum(), 10.0));
        }
        let mut by_range = 0.0;
        for (s, j) in (0..samples).flat_map(|s| (0..inputs).map(move |j| (s, j))) {
            let dx: f64 = (0..outputs).map(|i| error(s, i) * w(i, j)).sum();
            prop_assert!(near(gradients.inputs[s * inputs + j], dx, 30.0));
            let x = x[s * inputs + j];
            by_range += if x.abs() >= range { dx * f64::from(x.signum()) } else { 0.0 };
        }
        prop_assert!(near(gradients.input_range, by_range, 100.0));
    }
}

#[test]
fn gradients_are_slopes_of_the_loss() {
    let (outputs, inputs, samples) = (7, 9, 4);
    let mut case = Case::new(&exact(), outputs, inputs);
    let (mut x, errors) = (gaussian(6, samples * inputs), gaussian(7, samples * outputs));
    let loss = |case: &Case, x: &[f32], range: f32| -> f64 {
        let mut matrix = PerturbedMatrix::zeros(&case.tiles);
        matrix.perturb(case.weights(), None, Par::Seq);
        let mut y = vec![0.0; samples * outputs];
        matrix.forward(rows(x), range, Keep::Nothing, Par::Seq, &mut y);
        y.iter().zip(&errors).map(|(y, d)| f64::from(*y) * f64::from(*d)).sum()
    };
    let range = 1.0;
    let Gradients { weights, scales, bias, input_range, inputs: dx } = {
        let mut matrix = PerturbedMatrix::zeros(&case.tiles);
        matrix.perturb(case.weights(), None, Par::Seq);
        let mut y = vec![0.0; samples * outputs];
        let kept = matrix.forward(rows(&x), range, Keep::Products(vec![]), Par::Seq, &mut y);
        matrix.backward(&kept, &x, &errors, Par::Seq)
    };
    // The loss is linear in each of them; 2⁻⁸ times a slope is far above the rounding of y.
    const H: f32 = 1.0 / 256.0;
    let slope = |plus: f64, minus: f64| (plus - minus) / (2.0 * f64::from(H));
    let near = |ours: f32, slope: f64| (f64::from(ours) - slope).abs() < 2e-2;
    for at in [0, 8, 30, 62] {
        let mut at_weight = |h: f32| {
            case.normalized.weights[at] += h;
            let loss = loss(&case, &x, range);
            case.normalized.weights[at] -= h;
            loss
        };
        let slope = slope(at_weight(H), at_weight(-H));
        assert!(near(weights[at], slope), "weight {at}: {}, {slope}", weights[at]);
    }
    for at in [0, 6, 13] {
        let mut at_scale = |h: f32| {
            case.normalized.scales[at] += h;
            let loss = loss(&case, &x, range);
            case.normalized.scales[at] -= h;
            loss
        };
        let slope = slope(at_scale(H), at_scale(-H));
        assert!(near(scales[at], slope), "scale {at}: {}, {slope}", scales[at]);
    }
    let mut at_bias = |h: f32| {
        case.bias[3] += h;
        let loss = loss(&case, &x, range);
        case.bias[3] -= h;
        loss
    };
    let slope_of_bias = slope(at_bias(H), at_bias(-H));
    assert!(near(bias[3], slope_of_bias));
    let slope_of_range = slope(loss(&case, &x, range + H), loss(&case, &x, range - H));
    assert!(x.iter().all(|x| (x.abs() - range).abs() > H), "no kink in between");
    assert!(near(input_range, slope_of_range), "{input_range}, {slope_of_range}");
    let at = x.iter().position(|x| x.abs() < 0.9).unwrap();
    let mut at_input = |h: f32| {
        x[at] += h;
        let loss = loss(&case, &x, range);
        x[at] -= h;
        loss
    };
    let slope = slope(at_input(H), at_input(-H));
    assert!(near(dx[at], slope), "{}, {slope}", dx[at]);
}

#[test]
fn errors_stop_at_saturated_outputs_and_at_no_others() {
    let mut config = exact();
    config.periphery.adc.bound = Some(0.5);
    let (outputs, inputs, samples) = (8, 10, 30);
    let case = Case::new(&config, outputs, inputs);
    let matrix = case.perturbed();
    let x = gaussian(6, samples * inputs);
    let mut y = vec![0.0; samples * outputs];
    let kept = matrix.forward(rows(&x), 2.0, Keep::Clipped, Par::Seq, &mut y);
    let mut errors = vec![1.0; samples * outputs];
    kept.stop_saturated(case.tiles.cut(), &mut errors);
    let mut stopped = 0u64;
    for (at, error) in errors.iter().enumerate() {
        let (s, i) = (at / outputs, at % outputs);
        // Of the tiles that hold the output, does one reach 0.999 of the bound?
        let parts = case.tiles.cut().parts().iter().filter(|part| part.rows.contains(&i));
        let saturated = parts.clone().any(|part| {
            let scale = case.normalized.scales[part.scales.start + i - part.rows.start];
            let z = part.columns.clone().map(|j| {
                let w = matrix.effective()[i * inputs + j] / scale;
                w * x[s * inputs + j].clamp(-2.0, 2.0) / 2.0
            });
            z.sum::<f32>().abs() >= 0.5 * 0.999
        });
        assert_eq!(*error == 0.0, saturated, "sample {s}, output {i}");
        stopped += u64::from(saturated);
    }
    assert!(stopped > 20 && stopped < 200, "{stopped} of 240 stopped");
    assert!(kept.saturation().outputs >= stopped);
    assert_eq!(kept.conversions(), samples * case.tiles.cut().scales());
    assert!(kept.scale_gradient(case.tiles.cut(), 0..0, &[]).is_empty(), "no products were kept");
    // The gradients are those of the errors that are left, but for bias.
    let given = gaussian(7, samples * outputs);
    let left: Vec<f32> = given.iter().zip(&errors).map(|(given, left)| given * left).collect();
    let (all, some) =
        (matrix.backward(&kept, &x, &given, Par::Seq), matrix.backward(&kept, &x, &left, Par::Seq));
    assert_eq!((&all.weights, &all.inputs), (&some.weights, &some.inputs));
    assert_ne!(all.bias, some.bias);
}

#[test]
fn a_batch_in_blocks_and_on_threads_gives_the_bits_of_one_sample_at_a_time() {
    let mut config = config("standard-pcm");
    config.periphery.adc.bound = Some(1.0);
    let case = Case::new(&config, 12, 16);
    let matrix = case.perturbed();
    // More than two blocks.
    let samples = 1000;
    let x = gaussian(6, samples * 16);
    let errors = gaussian(7, samples * 12);
    let mut y = vec![0.0; samples * 12];
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let keep = Keep::Products(vec![9.0; 3]);
    let whole = pool.install(|| matrix.forward(rows(&x), 1.5, keep, Par::Rayon, &mut y));
    let mut single = vec![0.0; 12];
    for s in (0..samples).step_by(37) {
        let noise = MvmNoise { first_sample: noise().first_sample + s as u64, ..noise() };
        let batch = Batch::rows(&x[s * 16..][..16], &noise);
        matrix.forward(batch, 1.5, Keep::Products(vec![]), Par::Seq, &mut single);
        assert_eq!(single, y[s * 12..][..12]);
    }
    let mut again = vec![0.0; samples * 12];
    let kept = matrix.forward(rows(&x), 1.5, Keep::Products(vec![]), Par::Seq, &mut again);
    assert_eq!(y, again);
    assert!(whole.saturation().inputs > 0 && whole.saturation().outputs > 0);
    let gradients = matrix.backward(&kept, &x, &errors, Par::Seq);
    let again = pool.install(|| matrix.backward(&whole, &x, &errors, Par::Rayon));
    assert_eq!(again, gradients);
}

#[test]
fn windows_give_the_bits_of_their_rows() {
    let case = Case::new(&config("standard-pcm"), 6, 12);
    let matrix = case.perturbed();
    let images = gaussian(6, 300 * 40);
    let (starts, runs) = ([0, 4, 8], [0..8, 20..24]);
    let windows = Windows { images: &images, image_len: 40, starts: &starts, runs: &runs };
    let mut gathered = Vec::new();
    for image in images.chunks(40) {
        for start in starts {
            runs.iter().for_each(|run| gathered.extend(&image[start + run.start..start + run.end]));
        }
    }
    let (mut y, mut expected) = (vec![0.0; 900 * 6], vec![0.0; 900 * 6]);
    matrix.forward(rows(&gathered), 1.0, Keep::Clipped, Par::Seq, &mut expected);
    let batch = Batch { inputs: Inputs::Windows(windows), noise: noise() };
    matrix.forward(batch, 1.0, Keep::Clipped, Par::Seq, &mut y);
    assert_eq!(y, expected);
}

#[test]
fn weights_without_noise_multiply_like_perfect_devices() {
    let config = config("ideal");
    let mut case = Case::new(&config, 9, 17);
    case.bias.clear();
    let mut matrix = PerturbedMatrix::zeros(&case.tiles);
    matrix.set(case.weights(), Par::Seq);
    let weights = gaussian(2, 9 * 17);
    let programmed = AnalogMatrix::program(&config, &weights, 17, &Seed::new(1), Par::Seq).unwrap();
    let x = gaussian(6, 20 * 17);
    let (mut y, mut expected) = (vec![0.0; 20 * 9], vec![0.0; 20 * 9]);
    matrix.forward(rows(&x), 1.0, Keep::Nothing, Par::Seq, &mut y);
    programmed.forward(&x, &noise(), Par::Seq, &mut expected);
    for (y, expected) in y.iter().zip(expected) {
        // Conductances are rounded to f32, and so is every sum.
        assert!((y - expected).abs() < 1e-3, "{y}, {expected}");
    }
}

#[test]
fn memory_is_used_again_without_a_trace_of_what_was_in_it() {
    let case = Case::new(&config("standard-pcm"), 9, 17);
    let fresh = case.perturbed();
    let mut used = PerturbedMatrix::zeros(&case.tiles);
    let other = Case::new(&config("standard-pcm"), 9, 17);
    let noise = other.noise.for_batch(1.0, &Seed::new(8));
    used.perturb(MatrixWeights { bias: &[], ..other.weights() }, Some(noise), Par::Seq);
    used.set(other.weights(), Par::Seq);
    let noise = case.noise.for_batch(0.7, &Seed::new(4));
    used.perturb(case.weights(), Some(noise), Par::Seq);
    assert_eq!(used.effective(), fresh.effective());
    let x = gaussian(6, 20 * 17);
    let (mut y, mut expected) = (vec![0.0; 20 * 9], vec![0.0; 20 * 9]);
    used.forward(rows(&x), 1.0, Keep::Nothing, Par::Seq, &mut y);
    fresh.forward(rows(&x), 1.0, Keep::Nothing, Par::Seq, &mut expected);
    assert_eq!(y, expected);
}

#[test]
#[should_panic(expected = "weights of an evaluation have no backward product")]
fn an_evaluation_has_no_backward_product() {
    let case = Case::new(&config("ideal"), 2, 3);
    let mut matrix = PerturbedMatrix::zeros(&case.tiles);
    matrix.set(case.weights(), Par::Seq);
    matrix.effective();
}

/// What training multiplies by is what a tile would be programmed with, levels included, and noise comes after.
#[test]
fn training_sees_the_levels_that_devices_are_programmed_to() {
    for cell in [UnitCell::ActiveDevice, UnitCell::SingleDevice] {
        let mut config = config("ideal");
        config.mapping.unit_cell = cell;
        config.mapping.levels = Some(5);
        let case = Case::new(&config, 6, 10);
        let weights = gaussian(2, 60);
        let matrix = AnalogMatrix::program(&config, &weights, 10, &Seed::new(1), Par::Seq).unwrap();
        let mut trained = PerturbedMatrix::zeros(&case.tiles);
        trained.perturb(case.weights(), None, Par::Seq);
        for (trained, programmed) in trained.effective().iter().zip(matrix.weights()) {
            assert!((trained - programmed).abs() < 1e-5, "{trained} and {programmed}");
        }
        // 5 levels of a pair are 9 values; those of a single device are 5 values.
        let values: std::collections::BTreeSet<i64> = matrix
            .tiles()
            .flat_map(|(_, _, tile)| tile.target_weights().to_vec())
            .map(|w| (w * 1e4).round() as i64)
            .collect();
        let single = config.mapping.unit_cell == UnitCell::SingleDevice;
        assert!(values.len() <= if single { 5 } else { 9 }, "{values:?}");
        let noisy = case.perturbed();
        assert_ne!(noisy.effective(), trained.effective());
    }
}

#[test]
fn levels_that_cannot_be_are_refused_by_name() {
    for (cell, levels) in
        [(UnitCell::ActiveDevice, 1), (UnitCell::BitSliced { bits_per_cell: 2, cells: 4 }, 4)]
    {
        let mut config = config("ideal");
        (config.mapping.unit_cell, config.mapping.levels) = (cell, Some(levels));
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains("mapping.levels"), "{error}");
    }
}
