//! A tile with the converters of a chip, against its definition in f64: unsigned inputs bit by bit, an
//! ADC of six bits that rounds down, a calibrated range for every column.

use crossbar::training::{Keep, MatrixWeights, PerturbedMatrix, TrainingTiles};
use crossbar::{
    AdcRange, AnalogMatrix, AnalogTile, ArrayWeights, Batch, BoundManagement, BoundPer, ClipMask,
    ConverterRounding, Dac, DacRange, Digital, InputEncoding, Inputs, MvmNoise, Out, Periphery,
    ReadNoise, TileConfig, UnitCell, WeightScale, Windows, presets,
};
use numerics::{Par, Seed};
use proptest::prelude::*;

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

fn normal(seed: &Seed, name: &str, first: u64, len: usize) -> Vec<f64> {
    let mut values = vec![0.0; len];
    seed.child(name).stream().fill_gaussian(first, &mut values);
    values.into_iter().map(f64::from).collect()
}

/// Six bits that round down, eight bits that come one by one, a range for every column.
fn chip() -> TileConfig {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.scale = WeightScale::Unit;
    config.ir_drop.scale = 0.0;
    config.periphery.read_noise = ReadNoise::None;
    let dac = &mut config.periphery.dac;
    (dac.range, dac.steps) = (DacRange::Unsigned, Some(255.0));
    dac.encoding = InputEncoding::BitSerial { bits_per_slice: 1 };
    let adc = &mut config.periphery.adc;
    (adc.range, adc.steps, adc.bound) = (AdcRange::Unsigned, Some(63.0), Some(4.0));
    (adc.rounding, adc.bound_per) = (ConverterRounding::Floor, BoundPer::Column);
    adc.noise = 0.0;
    config
}

const SLICED: UnitCell = UnitCell::BitSliced { bits_per_cell: 2, cells: 2 };

/// Weights that are whole fifteenths: two digits to the base 4, which ideal devices hold exactly.
fn weights(seed: u64, len: usize) -> Vec<f32> {
    uniform(seed, len).iter().map(|w| (w * 15.0).round() / 15.0).collect()
}

/// The weights of every slice with their significances.
fn planes(weights: &[f32], cell: &UnitCell) -> Vec<(f64, Vec<f64>)> {
    let exact: Vec<f64> = weights.iter().map(|&w| (f64::from(w) * 15.0).round()).collect();
    if *cell != SLICED {
        return vec![(1.0, exact.iter().map(|w| w / 15.0).collect())];
    }
    let digit =
        |place: f64| move |w: &f64| w.signum() * (w.abs() / place).floor().rem_euclid(4.0) / 3.0;
    let of = |place: f64| exact.iter().map(digit(place)).collect();
    vec![(3.0 / 15.0, of(1.0)), (12.0 / 15.0, of(4.0))]
}

/// One output by the definition: every conversion by itself.
struct Reference<'a> {
    config: &'a TileConfig,
    planes: Vec<(f64, Vec<f64>)>,
    inputs: usize,
    outputs: usize,
    gain: Vec<f64>,
    offset: Vec<f64>,
    range: f64,
}

/// What the ADC is given in one conversion, and what its code is multiplied by.
struct Given {
    z: f64,
    factor: f64,
}

impl Reference<'_> {
    fn new<'a>(
        config: &'a TileConfig,
        weights: &[f32],
        inputs: usize,
        range: f32,
        seed: &Seed,
    ) -> Reference<'a> {
        let outputs = weights.len() / inputs;
        let columns = seed.child("columns");
        let adc = &config.periphery.adc;
        let drawn = |name: &str, mean: f64, std: f32| {
            let draws = normal(&columns, name, 0, outputs);
            draws.into_iter().map(|xi| mean + f64::from(std) * xi).collect()
        };
        Reference {
            config,
            planes: planes(weights, &config.mapping.unit_cell),
            inputs,
            outputs,
            gain: drawn("adc-gain", 1.0, adc.gain_std),
            offset: drawn("adc-offset", 0.0, adc.offset_std),
            range: f64::from(range),
        }
    }

    /// The code of an input and its largest value.
    fn code(&self, x: f32) -> (f64, f64) {
        let dac = &self.config.periphery.dac;
        let steps = f64::from(dac.steps.unwrap());
        let (low, high) = match dac.range {
            DacRange::Unsigned => (0.0, steps),
            DacRange::Symmetric => (-steps / 2.0, steps / 2.0),
        };
        let step = f64::from(dac.bound) / high;
        ((f64::from(x) / self.range / step).round_ties_even().clamp(low, high), high)
    }

    /// Every conversion of every output of a sample, \[output\]\[conversion\].
    fn given(&self, x: &[f32], sample: u64, noise: &Seed) -> Vec<Vec<Given>> {
        let (dac, adc) = (&self.config.periphery.dac, &self.config.periphery.adc);
        let bound = f64::from(dac.bound);
        let codes: Vec<(f64, f64)> = x.iter().map(|&x| self.code(x)).collect();
        let largest = codes[0].1;
        let mut all: Vec<Vec<Given>> = (0..self.outputs).map(|_| Vec::new()).collect();
        for (p, (significance, weights)) in self.planes.iter().enumerate() {
            let seed = if p == 0 { *noise } else { noise.child(p) };
            let slices: Vec<(Vec<f64>, f64, Seed)> = match dac.encoding {
                InputEncoding::Whole => {
                    let step = bound / largest;
                    vec![(codes.iter().map(|(k, _)| k * step).collect(), 1.0, seed)]
                }
                InputEncoding::BitSerial { bits_per_slice } => {
                    let base = 1u32 << bits_per_slice;
                    let full = f64::from(base - 1);
                    let mut place = 1.0;
                    let mut slices = Vec::new();
                    while place <= largest {
                        let digit =
                            |k: f64| (k.abs() / place).floor().rem_euclid(base.into()) * k.signum();
                        let x = codes.iter().map(|&(k, _)| bound * digit(k) / full).collect();
                        let seed = seed.child("slice").child(slices.len());
                        slices.push((x, place * full / largest, seed));
                        place *= f64::from(base);
                    }
                    slices
                }
            };
            for (x, factor, seed) in slices {
                let first = sample * self.outputs as u64;
                let xi = normal(&seed, "output-noise", first, self.outputs);
                for (i, w) in weights.chunks(self.inputs).enumerate() {
                    let sum: f64 = w.iter().zip(&x).map(|(w, x)| w * x).sum();
                    let z = self.gain[i] * (sum + f64::from(adc.noise) * xi[i]) + self.offset[i];
                    all[i].push(Given { z, factor: factor * significance });
                }
            }
        }
        all
    }

    /// The value of an output before scale and bias, how far it may be off by codes that lie at a
    /// change, and whether a conversion came out clipped.
    fn convert(&self, given: &[Given], bound: f32) -> (f64, f64, bool) {
        let adc = &self.config.periphery.adc;
        let bound = f64::from(bound);
        let steps = f64::from(adc.steps.unwrap());
        let of_bound = |end: f32| bound * f64::from(end) / f64::from(adc.full_scale().unwrap());
        let [low, high] = adc.ends().map(of_bound);
        let step = (high - low) / steps;
        // Codes are steps from 0, or from the lower of two ends.
        let origin = if matches!(adc.range, AdcRange::Between { .. }) { low } else { 0.0 };
        let (mut value, mut open, mut clipped) = (0.0, 0.0, false);
        for Given { z, factor } in given {
            let t = (z - origin) / step;
            let (code, change) = match adc.rounding {
                ConverterRounding::Floor => (t.floor(), t),
                _ => (t.round_ties_even(), t + 0.5),
            };
            if (change - change.round()).abs() < 1e-3 {
                open += factor * step;
            }
            let ideal = origin + code * step;
            let at = |end: f64| end != 0.0 && (ideal - end) * end.signum() >= -1e-3 * end.abs();
            clipped |=
                ideal > high + 0.25 * step || ideal < low - 0.25 * step || at(low) || at(high);
            value += factor * ideal.clamp(low, high);
        }
        (value, open, clipped)
    }
}

fn configurations() -> impl Strategy<Value = TileConfig> {
    let dac = (3u32..=8, any::<bool>(), 1u32..=4, 0.5f32..1.5);
    let range = prop::sample::select(vec![
        (AdcRange::Unsigned, Some(4.0f32), 63.0f32),
        (AdcRange::Symmetric, Some(4.0), 62.0),
        (AdcRange::Between { low: -1.0, high: 3.0 }, None, 63.0),
    ]);
    let adc = (range, any::<bool>(), prop::sample::select(vec![0.0f32, 0.05]), any::<bool>());
    (dac, adc, any::<bool>()).prop_map(|((bits, unsigned, per_slice, bound), adc, sliced)| {
        let mut config = chip();
        let dac = &mut config.periphery.dac;
        let steps = f32::exp2(bits as f32);
        (dac.range, dac.steps) = match unsigned {
            true => (DacRange::Unsigned, Some(steps - 1.0)),
            false => (DacRange::Symmetric, Some(steps - 2.0)),
        };
        let bits_per_slice = per_slice.min(bits - u32::from(!unsigned));
        (dac.encoding, dac.bound) = (InputEncoding::BitSerial { bits_per_slice }, bound);
        let ((range, bound, steps), floor, noise, errors) = adc;
        let adc = &mut config.periphery.adc;
        (adc.range, adc.bound, adc.steps, adc.noise) = (range, bound, Some(steps), noise);
        if !floor {
            adc.rounding = ConverterRounding::Nearest;
        }
        if errors {
            (adc.gain_std, adc.offset_std) = (0.1, 0.05);
        }
        if sliced {
            config.mapping.unit_cell = SLICED;
        }
        config
    })
}

/// Inputs of which none is near a value where its code changes.
fn off_ties(x: &[f32], dac: &Dac, range: f32) -> Vec<f32> {
    let step = dac.step().unwrap() * range;
    let near = |x: f32| (x / step - (x / step).floor() - 0.5).abs() < 0.02;
    x.iter().map(|&x| if near(x) { x + 0.1 * step } else { x }).collect()
}

fn noise(first_sample: u64) -> MvmNoise {
    MvmNoise { seed: Seed::new(8), first_sample }
}

fn close(ours: f32, exact: f64, open: f64) -> bool {
    (f64::from(ours) - exact).abs() < 2e-5 + 1.01 * open
}

/// A tile, calibrated, whose outputs are those of the definition, code for code.
fn compare(config: &TileConfig, outputs: usize, inputs: usize, batch: usize, seed: u64) {
    let range = 0.8;
    let w = weights(seed, outputs * inputs);
    let x: Vec<f32> = uniform(seed + 1, batch * inputs).iter().map(|x| 0.9 * x).collect();
    let x = off_ties(&x, &config.periphery.dac, range);
    let tile_seed = Seed::new(seed + 2);
    let mut tile = AnalogTile::program(config, &w, inputs, &tile_seed, Par::Seq).unwrap();
    tile.set_input_range(range).unwrap();
    let scale: Vec<f32> = (0..outputs).map(|i| 0.5 + 0.01 * i as f32).collect();
    tile.set_scale(&scale).unwrap();
    tile.set_bias(&vec![0.25; outputs]).unwrap();
    let reference = Reference::new(config, &w, inputs, range, &tile_seed);
    let given: Vec<Vec<Vec<Given>>> = (x.chunks(inputs).zip(5..))
        .map(|(x, sample)| reference.given(x, sample, &noise(0).seed))
        .collect();
    assert_eq!(given[0][0].len(), tile.conversions());

    // The bound is the largest output of any conversion.
    tile.calibrate_adc(&x, 1.0, &noise(5), Par::Seq).unwrap();
    let full = f64::from(config.periphery.adc.full_scale().unwrap());
    for i in 0..outputs {
        let needed = given.iter().flat_map(|outputs| &outputs[i]).map(|given| {
            let side = |end: f32| {
                if f64::from(end) * given.z > 0.0 { given.z / f64::from(end) } else { 0.0 }
            };
            config.periphery.adc.ends().map(side).into_iter().fold(0.0, f64::max) * full
        });
        let needed = needed.fold(0.0, f64::max);
        let bound = f64::from(tile.adc_bounds()[i]);
        let kept = needed < 2e-6 && bound == full;
        assert!(kept || (bound - needed).abs() < 2e-5, "bound {bound}, not {needed}");
    }

    // A smaller range, so that outputs saturate, too.
    let bounds: Vec<f32> = tile.adc_bounds().iter().map(|bound| 0.8 * bound + 0.01).collect();
    tile.set_adc_bounds(&bounds).unwrap();
    let mut y = vec![0.0; batch * outputs];
    tile.forward(&x, &noise(5), Par::Seq, &mut y);
    let mut unclear = 0;
    for (y, given) in y.chunks(outputs).zip(&given) {
        for i in 0..outputs {
            let (value, open, _) = reference.convert(&given[i], bounds[i]);
            unclear += usize::from(open > 0.0);
            let factor = f64::from(range) * f64::from(scale[i]);
            let exact = factor * value + 0.25;
            assert!(close(y[i], exact, factor * open), "output {i}: {}, not {exact}", y[i]);
        }
    }
    // 16 conversions with a chance of 0.2 % each; sums of fifteenths alone often lie at a change.
    let errors = config.periphery.adc.offset_std > 0.0;
    assert!(!errors || unclear <= 5 + y.len() / 10, "{unclear} of {} are unclear", y.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Every conversion is compared: a code of the lowest slice that is another one moves the output by
    /// more than the tolerance, unless what is converted lies within 10⁻³ of a step of a change of code.
    #[test]
    fn a_tile_of_any_converters_is_its_definition(
        config in configurations(),
        outputs in prop_oneof![Just(8usize), 1usize..40],
        inputs in 1usize..80,
        batch in 1usize..5,
        seed in 0u64..1000,
    ) {
        compare(&config, outputs, inputs, batch, seed);
    }

    /// The one that chips have: six bits down, eight bits one by one.
    #[test]
    fn the_tile_of_a_chip_is_its_definition(
        outputs in 1usize..40,
        inputs in 1usize..150,
        batch in 1usize..4,
        seed in 0u64..1000,
        sliced in any::<bool>(),
    ) {
        let mut config = chip();
        if sliced {
            config.mapping.unit_cell = SLICED;
        }
        (config.periphery.adc.gain_std, config.periphery.adc.offset_std) = (0.1, 0.05);
        compare(&config, outputs, inputs, batch, seed);
    }

    #[test]
    fn threads_and_splits_change_no_bit(config in configurations(), outputs in 1usize..40, dac_noise in any::<bool>()) {
        let (inputs, batch) = (30, 130);
        let mut config = config;
        config.periphery.dac.rounding = ConverterRounding::Stochastic;
        config.periphery.read_noise = ReadNoise::Pcm { sigma: 0.02 };
        config.periphery.dac.noise = if dac_noise { 0.01 } else { 0.0 };
        let (w, x) = (weights(1, outputs * inputs), uniform(2, batch * inputs));
        let mut tile = AnalogTile::program(&config, &w, inputs, &Seed::new(3), Par::Seq).unwrap();
        tile.calibrate_adc(&x, 0.9, &noise(0), Par::Seq).unwrap();
        let run = |x: &[f32], first: u64, par: Par| {
            let mut y = vec![0.0; x.len() / inputs * outputs];
            tile.forward(x, &noise(first), par, &mut y);
            y
        };
        let whole = run(&x, 0, Par::Seq);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        prop_assert_eq!(&whole, &pool.install(|| run(&x, 0, Par::Rayon)));
        for cut in [1, 60, 77] {
            let (left, right) = x.split_at(cut * inputs);
            let parts = [run(left, 0, Par::Seq), run(right, cut as u64, Par::Seq)].concat();
            prop_assert_eq!(&whole, &parts);
        }
    }
}

/// Without an ADC the slices add up to the product of the whole code.
#[test]
fn slices_add_up_to_the_product() {
    let (outputs, inputs, batch) = (17, 40, 7);
    let (w, x) = (weights(1, outputs * inputs), uniform(2, batch * inputs));
    let run = |encoding, range, steps| {
        let mut config = chip();
        (config.periphery.adc.steps, config.periphery.adc.bound) = (None, None);
        (config.periphery.adc.range, config.periphery.adc.bound_per) = Default::default();
        let dac = &mut config.periphery.dac;
        (dac.encoding, dac.range, dac.steps) = (encoding, range, Some(steps));
        let tile = AnalogTile::program(&config, &w, inputs, &Seed::new(3), Par::Seq).unwrap();
        let mut y = vec![0.0; batch * outputs];
        let seen = tile.forward(&x, &noise(0), Par::Seq, &mut y);
        (y, seen)
    };
    for (range, steps) in [(DacRange::Symmetric, 254.0), (DacRange::Unsigned, 255.0)] {
        let (whole, seen) = run(InputEncoding::Whole, range, steps);
        for bits_per_slice in 1..=7 {
            let (sum, again) = run(InputEncoding::BitSerial { bits_per_slice }, range, steps);
            assert_eq!(seen, again, "inputs saturate once");
            for (sum, whole) in sum.iter().zip(&whole) {
                assert!((sum - whole).abs() < 2e-5, "{bits_per_slice} bits: {sum}, not {whole}");
            }
        }
    }
}

/// The noise of slice s has the standard deviation f_s σ, and slices are independent.
#[test]
fn slices_have_noise_of_their_own() {
    let samples = 40_000;
    let mut config = chip();
    (config.periphery.adc.steps, config.periphery.adc.bound) = (None, None);
    (config.periphery.adc.range, config.periphery.adc.bound_per) = Default::default();
    config.periphery.dac.steps = Some(15.0);
    for (place, of_slice) in [("output", 0.1), ("read", 0.1), ("input", 0.1)] {
        let mut config = config.clone();
        match place {
            "output" => config.periphery.adc.noise = of_slice,
            "read" => config.periphery.read_noise = ReadNoise::Constant { sigma: of_slice },
            _ => config.periphery.dac.noise = of_slice,
        }
        let tile = AnalogTile::program(&config, &[1.0], 1, &Seed::new(1), Par::Seq).unwrap();
        let mut y = vec![0.0; samples];
        // 15 of 15: every slice is full.
        tile.forward(&vec![1.0; samples], &noise(0), Par::Seq, &mut y);
        let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / samples as f64;
        let variance =
            y.iter().map(|&y| (f64::from(y) - mean).powi(2)).sum::<f64>() / samples as f64;
        // Four standard errors of the variance of a normal sample.
        let expected = 0.01 * (1.0 + 4.0 + 16.0 + 64.0) / 225.0;
        let bound = 4.0 * expected * (2.0 / samples as f64).sqrt();
        assert!((variance - expected).abs() < bound, "{place}: {variance}, not {expected}");
    }
}

/// Windows of images, masks and products kept beside the results, through `Periphery` alone.
#[test]
fn windows_masks_and_products_are_those_of_all_slices() {
    let (outputs, inputs, image_len) = (20, 12, 40);
    let mut config = chip();
    config.periphery.adc.range = AdcRange::Between { low: -1.5, high: 2.0 };
    config.periphery.adc.bound = None;
    // Sums of fifteenths would lie at changes of code.
    (config.periphery.adc.gain_std, config.periphery.adc.offset_std) = (0.1, 0.05);
    let w = weights(1, outputs * inputs);
    let packed = ArrayWeights::pack(&w, outputs, inputs);
    let images = uniform(2, 30 * image_len);
    let (starts, runs) = ([0, 4, 8, 24], [0..4, 8..16]);
    let windows = Windows { images: &images, image_len, starts: &starts, runs: &runs };
    let samples = windows.count();
    let mut x = Vec::new();
    for image in images.chunks(image_len) {
        for start in starts {
            runs.iter().for_each(|run| x.extend(&image[start + run.start..start + run.end]));
        }
    }
    let wires = config.ir_drop;
    let (scale, bias) = (vec![0.5; outputs], vec![0.25; outputs]);
    let digital = Digital { input_range: 1.0, scale: &scale, bias: &bias };
    let columns = Seed::new(7).child("columns");
    let periphery = Periphery::new(&config.periphery, &wires, inputs, outputs, &columns).unwrap();
    let run = |inputs: Inputs<'_>| {
        let mut y = vec![1.0; samples * outputs];
        let batch = Batch { inputs, noise: noise(3) };
        let seen = periphery.forward(&packed, batch, digital, Par::Seq, Out::add(&mut y));
        (y, seen.outputs)
    };
    let (y, saturated) = run(Inputs::Rows(&x));
    assert_eq!((&y, saturated), (&run(Inputs::Windows(windows)).0, saturated));
    let [mut clipped_inputs, mut clipped_outputs] = [ClipMask::default(), ClipMask::default()];
    let (mut again, mut products) = (vec![0.0; y.len()], vec![0.0; y.len()]);
    let out = Out {
        products: Some(&mut products),
        clipped_inputs: Some(&mut clipped_inputs),
        clipped_outputs: Some(&mut clipped_outputs),
        ..Out::replace(&mut again)
    };
    let seen = periphery.forward(&packed, Batch::rows(&x, &noise(3)), digital, Par::Seq, out);
    assert_eq!(seen.outputs, saturated);
    assert_eq!(seen.inputs, clipped_inputs.count());
    assert_eq!(seen.inputs, x.iter().filter(|&&x| x < 0.0).count() as u64);
    let reference = Reference::new(&config, &w, inputs, 1.0, &Seed::new(7));
    let (mut both, mut unclear) = ([0, 0], 0);
    for (s, x) in x.chunks(inputs).enumerate() {
        let given = reference.given(x, 0, &noise(3).seed);
        for (i, given) in given.iter().enumerate() {
            let at = s * outputs + i;
            assert!((products[at] * 0.5 + 0.25 - again[at]).abs() < 1e-6);
            assert!((again[at] + 1.0 - y[at]).abs() < 1e-6, "added to what was there");
            let (value, open, clipped) = reference.convert(given, 2.0);
            assert!(close(products[at], value, open), "{} for {value}", products[at]);
            if open > 0.0 {
                unclear += 1;
                continue;
            }
            assert_eq!(clipped_outputs.is_clipped(s, i), clipped, "output {i} of sample {s}");
            both[usize::from(clipped)] += 1;
        }
    }
    assert!(both[0] > 100 && both[1] > 100 && unclear < both[0], "{both:?} and {unclear}");
}

/// Errors stop where a conversion of the output came out at an end of a lopsided range, of which one
/// at 0 counts only beyond it; inputs below 0 are not multiplied.
#[test]
fn gradients_of_training_stop_where_these_converters_clip() {
    let (outputs, inputs, samples) = (11, 9, 40);
    for (encoding, conversions) in
        [(InputEncoding::Whole, 1), (InputEncoding::BitSerial { bits_per_slice: 2 }, 4)]
    {
        for range in [AdcRange::Unsigned, AdcRange::Between { low: -0.4, high: 1.0 }] {
            let mut config = chip();
            config.periphery.dac.encoding = encoding;
            let adc = &mut config.periphery.adc;
            (adc.range, adc.bound_per) = (range, BoundPer::Tile);
            adc.bound = (range == AdcRange::Unsigned).then_some(1.0);
            let seed = Seed::new(3);
            let tiles = TrainingTiles::new(&config, outputs, inputs, &seed).unwrap();
            let w = weights(1, outputs * inputs);
            let x = off_ties(&uniform(2, samples * inputs), &config.periphery.dac, 1.0);
            let scales = vec![1.0; outputs];
            let learned = MatrixWeights { weights: &w, scales: &scales, bias: &[] };
            let mut matrix = PerturbedMatrix::zeros(&tiles);
            matrix.perturb(learned, None, Par::Seq);
            let mut y = vec![0.0; samples * outputs];
            let keep = Keep::Products(Vec::new());
            let kept = matrix.forward(Batch::rows(&x, &noise(0)), 1.0, keep, Par::Seq, &mut y);
            assert_eq!(kept.conversions(), samples * outputs * conversions);
            let errors = vec![1.0; samples * outputs];
            let mut stopped = errors.clone();
            kept.stop_saturated(tiles.cut(), &mut stopped);
            let gradients = matrix.backward(&kept, &x, &errors, Par::Seq);
            let reference = Reference::new(&config, &w, inputs, 1.0, &seed);
            let (mut counts, mut of_weights) = ([0, 0], vec![0.0f64; outputs * inputs]);
            for (s, x) in x.chunks(inputs).enumerate() {
                let given = reference.given(x, 0, &noise(0).seed);
                for i in 0..outputs {
                    let (_, open, clipped) = reference.convert(&given[i], 1.0);
                    let passed = stopped[s * outputs + i];
                    if open == 0.0 {
                        assert_eq!(passed, f32::from(!clipped), "output {i} of sample {s}");
                    }
                    counts[usize::from(passed == 0.0)] += 1;
                    for (sum, &x) in of_weights[i * inputs..].iter_mut().zip(x) {
                        *sum += f64::from(passed) * f64::from(x.clamp(0.0, 1.0));
                    }
                }
            }
            assert!(counts[0] > 50 && counts[1] > 50, "{counts:?}");
            for (ours, exact) in gradients.weights.iter().zip(&of_weights) {
                assert!((f64::from(*ours) - exact).abs() < 1e-4, "{ours}, not {exact}");
            }
        }
    }
}

/// Tiles of a matrix, each with its own ranges, add up to the matrix.
#[test]
fn a_matrix_of_such_tiles_is_the_product_to_within_its_steps() {
    let mut config = chip();
    config.periphery.adc.range = AdcRange::Symmetric;
    config.periphery.adc.steps = Some(1022.0);
    config.periphery.adc.rounding = ConverterRounding::Nearest;
    (config.mapping.max_inputs, config.mapping.max_outputs) = (20, Some(7));
    let (outputs, inputs, batch) = (17, 50, 6);
    let w = weights(1, outputs * inputs);
    let x: Vec<f32> = uniform(2, batch * inputs).iter().map(|x| x.abs()).collect();
    let mut matrix = AnalogMatrix::program(&config, &w, inputs, &Seed::new(1), Par::Seq).unwrap();
    matrix.calibrate_adc(&x, 1.0, &noise(0), Par::Seq).unwrap();
    let mut y = vec![0.0; batch * outputs];
    assert_eq!(matrix.forward(&x, &noise(0), Par::Seq, &mut y).outputs, 0);
    for (x, y) in x.chunks(inputs).zip(y.chunks(outputs)) {
        for (i, (w, y)) in w.chunks(inputs).zip(y).enumerate() {
            let exact: f64 = w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
            let bounds = matrix.tiles().filter(|(rows, ..)| rows.contains(&i));
            // Half a step of every conversion, the slices' shares adding up to 1, and of every input.
            let steps: f32 =
                bounds.map(|(rows, _, tile)| tile.adc_bounds()[i - rows.start] / 1022.0).sum();
            let bound = f64::from(steps) + 0.5 / 255.0 * inputs as f64 + 1e-5;
            assert!((f64::from(*y) - exact).abs() < bound, "{y} for {exact} within {bound}");
        }
    }
}

#[test]
fn encodings_are_read_from_files_or_refused_by_their_key() {
    let text = presets::text("standard-pcm").unwrap();
    let read = |to: &str| {
        let config = TileConfig::from_toml(&text.replacen("steps = 254.0", to, 1));
        config.map_err(|error| error.to_string())
    };
    let config = read("bits = 8\nencoding = { bit-serial = { bits_per_slice = 2 } }").unwrap();
    let encoding = InputEncoding::BitSerial { bits_per_slice: 2 };
    assert_eq!(config.periphery.dac.encoding, encoding);
    assert_eq!(config.periphery.conversions(), 4);
    assert_eq!(TileConfig::from_toml(&config.to_toml()).unwrap(), config);
    let standard = presets::standard_pcm();
    assert!(!standard.to_toml().contains("encoding"));
    assert_eq!(standard.periphery.conversions(), 1);
    let serial =
        |bits: &str| format!("encoding = {{ bit-serial = {{ bits_per_slice = {bits} }} }}");
    for (to, message) in [
        (
            format!("bits = 8\n{}", serial("0")),
            "dac.encoding.bits_per_slice = 0 lies outside [1, 7]",
        ),
        (
            format!("bits = 8\n{}", serial("8")),
            "dac.encoding.bits_per_slice = 8 lies outside [1, 7]",
        ),
        (serial("1"), "dac.encoding.bits_per_slice = 1 needs codes that are whole numbers"),
        (format!("steps = 15.0\n{}", serial("1")), "dac.encoding.bits_per_slice = 1 needs codes"),
        ("encoding = { bit-serial = { bits = 8 } }".to_owned(), "unexpected keys in table: bits"),
    ] {
        let error = read(&to).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
    }
    let mut managed = config;
    managed.periphery.dac.bound_management = BoundManagement::Iterative { max_halvings: 3 };
    let error = managed.check().unwrap_err().to_string();
    assert!(error.contains("stands beside dac.bound_management"), "{error}");
}
