//! Windows of images are the rows that they stand for, bit for bit.

use std::ops::Range;

use crossbar::{
    AnalogMatrix, ArrayWeights, Batch, BoundManagement, ClipMask, ConverterRounding, Digital,
    Inputs, MvmNoise, NoiseManagement, Out, Periphery, PeripheryConfig, ReadNoise, TileConfig,
    Windows, presets,
};
use numerics::{Par, Seed};

fn uniform(seed: u64, len: usize) -> Vec<f32> {
    let mut values = vec![0.0; len];
    Seed::new(seed).stream().fill_uniform(0, &mut values);
    values.iter().map(|x| 2.0 * x - 1.0).collect()
}

/// Images and their windows.
struct Case {
    images: Vec<f32>,
    image_len: usize,
    starts: Vec<usize>,
    runs: Vec<Range<usize>>,
}

impl Case {
    /// Windows of 3 × 3 pixels, all that fit into images of 9 × 8 pixels.
    fn new(images: usize, channels: usize) -> Self {
        let line = 8 * channels;
        let starts = (0..7).flat_map(|y| (0..6).map(move |x| y * line + x * channels)).collect();
        let runs = (0..3).map(|y| y * line..y * line + 3 * channels).collect();
        let mut values = uniform(3, images * 9 * line);
        values[5] = f32::NAN;
        Self { images: values, image_len: 9 * line, starts, runs }
    }

    fn windows(&self) -> Inputs<'_> {
        let Self { images, image_len, starts, runs } = self;
        Inputs::Windows(Windows { images, image_len: *image_len, starts, runs })
    }

    /// The windows one after another.
    fn rows(&self) -> Vec<f32> {
        let windows = self.images.chunks(self.image_len).flat_map(|image| {
            self.starts.iter().flat_map(move |start| {
                self.runs.iter().flat_map(move |run| &image[start + run.start..start + run.end])
            })
        });
        windows.copied().collect()
    }
}

/// Converters that see a value alike in every window, and converters that do not.
fn configurations() -> Vec<(&'static str, PeripheryConfig)> {
    let full = presets::standard_pcm().periphery;
    let change = |f: fn(&mut PeripheryConfig)| {
        let mut config = full.clone();
        f(&mut config);
        config
    };
    vec![
        ("full", full.clone()),
        ("plain", change(|c| c.read_noise = ReadNoise::None)),
        ("constant read noise", change(|c| c.read_noise = ReadNoise::Constant { sigma: 0.01 })),
        ("many steps", change(|c| c.dac.steps = Some(1022.0))),
        ("input noise", change(|c| c.dac.noise = 0.02)),
        ("stochastic", change(|c| c.dac.rounding = ConverterRounding::Stochastic)),
        ("own ranges", change(|c| c.dac.noise_management = NoiseManagement::AbsMax)),
        (
            "halved inputs",
            change(|c| {
                c.adc.bound = Some(1.0);
                c.dac.bound_management = BoundManagement::Iterative { max_halvings: 3 };
            }),
        ),
    ]
}

#[test]
fn windows_have_the_bits_of_their_rows() {
    let wires = presets::standard_pcm().ir_drop;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    for (name, config) in configurations() {
        for (channels, outputs) in [(1, 5), (3, 16), (4, 8), (12, 37)] {
            for two_phases in [false, true] {
                let case = Case::new(3, channels);
                let (rows, inputs) = (case.rows(), 9 * channels);
                let batch = rows.len() / inputs;
                let w = uniform(1, outputs * inputs);
                let mut weights = ArrayWeights::pack(&w, outputs, inputs);
                if two_phases {
                    weights.set_negative_phase(&uniform(2, outputs * inputs));
                }
                let periphery =
                    Periphery::new(&config, &wires, inputs, outputs, &Seed::new(7)).unwrap();
                let scale = uniform(4, outputs);
                let digital = Digital { input_range: 0.9, scale: &scale, bias: &scale };
                let noise = MvmNoise { seed: Seed::new(8), first_sample: 5 };
                let run = |x: Inputs<'_>, par: Par, keep: bool| {
                    let mut y = uniform(9, batch * outputs);
                    let mut products = vec![0.0; if keep { y.len() } else { 0 }];
                    let mut mask = ClipMask::default();
                    let out = Out {
                        clipped_outputs: keep.then_some(&mut mask),
                        products: keep.then_some(&mut products),
                        ..Out::add(&mut y)
                    };
                    let batch = Batch { inputs: x, noise };
                    let seen = periphery.forward(&weights, batch, digital, par, out);
                    (y, products, mask, seen.outputs)
                };
                for keep in [false, true] {
                    let expected = run(Inputs::Rows(&rows), Par::Seq, keep);
                    let case_name = format!("{name}, {channels} channels, keep {keep}");
                    assert_eq!(run(case.windows(), Par::Seq, keep), expected, "{case_name}");
                    let threads = pool.install(|| run(case.windows(), Par::Rayon, keep));
                    assert_eq!(threads, expected, "{case_name}, two threads");
                }
            }
        }
    }
}

#[test]
fn the_mask_of_the_inputs_of_windows_is_that_of_their_rows() {
    let preset = presets::standard_pcm();
    let case = Case::new(3, 4);
    let (inputs, outputs, rows) = (36, 5, case.rows());
    let periphery =
        Periphery::new(&preset.periphery, &preset.ir_drop, inputs, outputs, &Seed::new(7)).unwrap();
    let weights = ArrayWeights::pack(&uniform(1, outputs * inputs), outputs, inputs);
    let noise = MvmNoise { seed: Seed::new(8), first_sample: 0 };
    let run = |x: Inputs<'_>| {
        let (mut y, mut mask) = (vec![0.0; x.samples(inputs) * outputs], ClipMask::default());
        let digital = Digital { input_range: 0.7, scale: &[1.0; 5], bias: &[] };
        let out = Out { clipped_inputs: Some(&mut mask), ..Out::replace(&mut y) };
        let batch = Batch { inputs: x, noise };
        let seen = periphery.forward(&weights, batch, digital, Par::Seq, out);
        (y, mask, seen)
    };
    let (y, mask, seen) = run(case.windows());
    assert!(mask.count() > 0);
    assert_eq!(mask.count(), seen.inputs);
    assert_eq!((y, mask, seen), run(Inputs::Rows(&rows)));
}

#[test]
fn products_that_are_kept_give_the_results() {
    let preset = presets::standard_pcm();
    let (inputs, outputs, batch) = (30, 21, 70);
    let periphery =
        Periphery::new(&preset.periphery, &preset.ir_drop, inputs, outputs, &Seed::new(7)).unwrap();
    let weights = ArrayWeights::pack(&uniform(1, outputs * inputs), outputs, inputs);
    let (x, scale, bias) = (uniform(2, batch * inputs), uniform(3, outputs), uniform(4, outputs));
    let noise = MvmNoise { seed: Seed::new(8), first_sample: 0 };
    let mut y = vec![0.0; batch * outputs];
    let mut products = y.clone();
    let run = |scale: &[f32], bias: &[f32], products: Option<&mut [f32]>, y: &mut [f32]| {
        let digital = Digital { input_range: 0.7, scale, bias };
        let out = Out { products, ..Out::replace(y) };
        periphery.forward(&weights, Batch::rows(&x, &noise), digital, Par::Seq, out);
    };
    run(&scale, &bias, Some(&mut products), &mut y);
    let mut alone = y.clone();
    run(&[1.0; 21], &[], None, &mut alone);
    assert_eq!(products, alone);
    for (y, z) in y.chunks(outputs).zip(products.chunks(outputs)) {
        for i in 0..outputs {
            assert_eq!(y[i], scale[i] * z[i] + bias[i]);
        }
    }
}

#[test]
fn tiles_of_a_matrix_take_their_columns_of_the_windows() {
    let mut config = TileConfig::load("standard-pcm").unwrap();
    config.mapping.max_inputs = 50;
    config.mapping.max_outputs = Some(7);
    for channels in [3, 12] {
        let case = Case::new(2, channels);
        let (inputs, outputs) = (9 * channels, 17);
        let w = uniform(5, outputs * inputs);
        let matrix = AnalogMatrix::program(&config, &w, inputs, &Seed::new(1), Par::Seq).unwrap();
        let rows = case.rows();
        let noise = MvmNoise { seed: Seed::new(2), first_sample: 0 };
        let mut expected = vec![0.0; rows.len() / inputs * outputs];
        let mut y = expected.clone();
        matrix.forward(&rows, &noise, Par::Seq, &mut expected);
        let batch = Batch { inputs: case.windows(), noise };
        matrix.forward_batch(batch, Par::Seq, &mut y);
        assert_eq!(y, expected, "{channels} channels");
    }
}
