//! Rows of `crossbar`: the analog product, programming, and the circuit.
//!
//! Everything runs on one thread, ours and the baseline, so that a row compares kernels.

use std::time::Instant;

use crossbar::wires::{Circuit, IrDropConfig, LineResistance};
use crossbar::{
    AnalogTile, ArrayWeights, Batch, ConverterRounding, DacRange, Digital, InputEncoding, Inputs,
    MvmNoise, Out, Periphery, PeripheryConfig, ReadNoise, Windows, presets,
};
use faer::sparse::{SparseColMat, Triplet};
use faer::{MatMut, MatRef, prelude::Solve};
use numerics::{Par, Seed};

use crate::bench::row::{Measured, Row, Unmeasured, alternate};

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "analog_forward_512x512_b1024",
        what: "all of Supplementary Table 1 on, against the f32 product of the same shapes (faer)",
        target: 1.0 / 3.0,
        measure: || analog_forward(true),
    },
    Row {
        name: "analog_forward_512x512_b1024_no_ir_drop_no_read_noise",
        what: "converters and output noise, against the f32 product of the same shapes (faer)",
        target: 1.0 / 1.5,
        measure: || analog_forward(false),
    },
    Row {
        name: "analog_bit_serial_512x512_b1024",
        what: "unsigned 8-bit inputs bit by bit, an ADC of 6 bits that rounds down, against one product of the standard tile",
        target: 1.0 / 8.0,
        measure: analog_bit_serial,
    },
    Row {
        name: "analog_convolution_16x32_3x3",
        what: "all of Supplementary Table 1 on, 64 images of 16 × 16, against the f32 product of patches (faer)",
        target: 1.0 / 3.0,
        measure: analog_convolution,
    },
    Row {
        name: "program_pcm_512x512",
        what: "map and program a matrix with its drift reference off, against the bound of 15 ms",
        target: 1.0,
        measure: program_pcm,
    },
    Row {
        name: "circuit_solve_256x256_weak",
        what: "1 Ω segments, up to 100 µS: factor and solve, against faer's sparse LU",
        target: 2.0,
        measure: || circuit_256(1.0),
    },
    Row {
        name: "circuit_solve_256x256_strong",
        what: "100 Ω segments, up to 100 µS: factor and solve, against faer's sparse LU",
        target: 2.0,
        measure: || circuit_256(100.0),
    },
    Row {
        name: "circuit_solve_512x512",
        what: "100 Ω segments, up to 100 µS: factor and solve, against the bound of 10 s",
        target: 1.0,
        measure: circuit_512,
    },
];

const N: usize = 512;
const BATCH: usize = 1024;

/// w ~ N(0, 0.246) cut at ±1, as in [Rasch23 §"MVM error"].
fn weights() -> Vec<f32> {
    let mut w = vec![0.0; N * N];
    Seed::new(1).stream().fill_gaussian(0, &mut w);
    w.iter().map(|w| (w * 0.246).clamp(-1.0, 1.0)).collect()
}

fn analog_forward(full: bool) -> Result<Measured, Unmeasured> {
    let tile = presets::standard_pcm();
    let (mut config, mut wires): (PeripheryConfig, IrDropConfig) = (tile.periphery, tile.ir_drop);
    if !full {
        config.read_noise = ReadNoise::None;
        wires.scale = 0.0;
    }
    let w = weights();
    let mut x = vec![0.0; BATCH * N];
    Seed::new(2).stream().fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    let periphery =
        Periphery::new(&config, &wires, N, N, &Seed::new(3)).map_err(|error| error.to_string())?;
    let packed = ArrayWeights::pack(&w, N, N);
    let scale = vec![1.0; N];
    let noise = MvmNoise { seed: Seed::new(4), first_sample: 0 };
    let analog = |y: &mut [f32]| {
        let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
        let batch = Batch::rows(&x, &noise);
        periphery.forward(&packed, batch, digital, Par::Seq, Out::replace(y));
    };
    let digital = |y: &mut [f32]| {
        faer::linalg::matmul::matmul(
            MatMut::from_row_major_slice_mut(y, BATCH, N),
            faer::Accum::Replace,
            MatRef::from_row_major_slice(&x, BATCH, N),
            MatRef::from_row_major_slice(&w, N, N).transpose(),
            1.0,
            faer::Par::Seq,
        );
    };
    let (mut ours, mut theirs) = (vec![0.0; BATCH * N], vec![0.0; BATCH * N]);
    analog(&mut ours);
    digital(&mut theirs);
    // Without the devices' own errors the product is 2 to 5 % off [Rasch23 Fig. 3].
    let error = crossbar::mvm_error(&theirs, &ours, N);
    if !(0.005..0.08).contains(&error) {
        return Err(Unmeasured::Wrong(format!("MVM error {error} of the product")));
    }
    Ok(alternate(15, || analog(&mut ours), || digital(&mut theirs)))
}

/// Eight products and conversions in the place of one.
fn analog_bit_serial() -> Result<Measured, Unmeasured> {
    let tile = presets::standard_pcm();
    let mut serial = tile.periphery.clone();
    serial.dac.range = DacRange::Unsigned;
    serial.dac.steps = Some(255.0);
    serial.dac.encoding = InputEncoding::BitSerial { bits_per_slice: 1 };
    serial.adc.steps = Some(62.0);
    serial.adc.rounding = ConverterRounding::Floor;
    let packed = ArrayWeights::pack(&weights(), N, N);
    let mut x = vec![0.0; BATCH * N];
    Seed::new(2).stream().fill_uniform(0, &mut x);
    let scale = vec![1.0; N];
    let noise = MvmNoise { seed: Seed::new(4), first_sample: 0 };
    let product = |config: &PeripheryConfig| {
        let periphery = Periphery::new(config, &tile.ir_drop, N, N, &Seed::new(3))
            .map_err(|error| error.to_string())?;
        let (x, packed, scale) = (&x, &packed, &scale);
        Ok::<_, String>(move |y: &mut [f32]| {
            let digital = Digital { input_range: 1.0, scale, bias: &[] };
            let batch = Batch::rows(x, &noise);
            periphery.forward(packed, batch, digital, Par::Seq, Out::replace(y));
        })
    };
    let (ours, whole) = (product(&serial)?, product(&tile.periphery)?);
    let [mut y, mut of_whole] = [vec![0.0; BATCH * N], vec![0.0; BATCH * N]];
    ours(&mut y);
    whole(&mut of_whole);
    // Half a step of 10/31 downwards in every slice, and noise, on outputs of about 3: 7 %.
    let error = crossbar::mvm_error(&of_whole, &y, N);
    if !(0.01..0.3).contains(&error) {
        return Err(Unmeasured::Wrong(format!("MVM error {error} of the product")));
    }
    Ok(alternate(5, || ours(&mut y), || whole(&mut of_whole)))
}

/// 16 to 32 channels over windows of 3 × 3 pixels. The baseline finds its patches gathered.
fn analog_convolution() -> Result<Measured, Unmeasured> {
    const IMAGES: usize = 64;
    const SIZE: usize = 16;
    const CHANNELS: usize = 16;
    const OUTPUTS: usize = 32;
    const LINE: usize = (SIZE + 2) * CHANNELS;
    const INPUTS: usize = 9 * CHANNELS;
    let tile = presets::standard_pcm();
    let periphery = Periphery::new(&tile.periphery, &tile.ir_drop, INPUTS, OUTPUTS, &Seed::new(3))
        .map_err(|error| error.to_string())?;
    let w = &weights()[..OUTPUTS * INPUTS];
    let packed = ArrayWeights::pack(w, OUTPUTS, INPUTS);
    let image_len = (SIZE + 2) * LINE;
    let mut images = vec![0.0; IMAGES * image_len];
    Seed::new(2).stream().fill_uniform(0, &mut images);
    images.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    let place = |y, x| y * LINE + x * CHANNELS;
    let starts: Vec<usize> = (0..SIZE).flat_map(|y| (0..SIZE).map(move |x| place(y, x))).collect();
    let runs: Vec<_> = (0..3).map(|y| y * LINE..y * LINE + 3 * CHANNELS).collect();
    let patches: Vec<f32> = images
        .chunks(image_len)
        .flat_map(|image| starts.iter().map(move |start| &image[*start..]))
        .flat_map(|window| runs.iter().flat_map(move |run| &window[run.clone()]))
        .copied()
        .collect();
    let rows = IMAGES * starts.len();
    let scale = vec![1.0; OUTPUTS];
    let noise = MvmNoise { seed: Seed::new(4), first_sample: 0 };
    let (mut ours, mut theirs) = (vec![0.0; rows * OUTPUTS], vec![0.0; rows * OUTPUTS]);
    let analog = |y: &mut [f32]| {
        let digital = Digital { input_range: 1.0, scale: &scale, bias: &[] };
        // A few images at a time, as layers do.
        let per_block = 2;
        let blocks = images.chunks(per_block * image_len);
        for (block, (images, y)) in
            blocks.zip(y.chunks_mut(per_block * starts.len() * OUTPUTS)).enumerate()
        {
            let windows = Windows { images, image_len, starts: &starts, runs: &runs };
            let first_sample = (block * per_block * starts.len()) as u64;
            let noise = MvmNoise { first_sample, ..noise };
            let batch = Batch { inputs: Inputs::Windows(windows), noise };
            periphery.forward(&packed, batch, digital, Par::Seq, Out::replace(y));
        }
    };
    let digital = |y: &mut [f32]| {
        faer::linalg::matmul::matmul(
            MatMut::from_row_major_slice_mut(y, rows, OUTPUTS),
            faer::Accum::Replace,
            MatRef::from_row_major_slice(&patches, rows, INPUTS),
            MatRef::from_row_major_slice(w, OUTPUTS, INPUTS).transpose(),
            1.0,
            faer::Par::Seq,
        );
    };
    analog(&mut ours);
    digital(&mut theirs);
    let error = crossbar::mvm_error(&theirs, &ours, OUTPUTS);
    if !(0.005..0.08).contains(&error) {
        return Err(Unmeasured::Wrong(format!("MVM error {error} of the product")));
    }
    Ok(alternate(15, || analog(&mut ours), || digital(&mut theirs)))
}

fn program_pcm() -> Result<Measured, Unmeasured> {
    const BOUND_MS: f64 = 15.0;
    let mut config = presets::standard_pcm();
    config.compensation.scope = crossbar::compensation::CompensationScope::None;
    let w = weights();
    let program = || AnalogTile::program(&config, &w, N, &Seed::new(1), Par::Seq);
    let tile = program().map_err(|error| error.to_string())?;
    let error: f64 =
        w.iter().zip(tile.weights()).map(|(w, g)| f64::from(w - g).powi(2)).sum::<f64>().sqrt()
            / w.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
    if !(0.05..0.25).contains(&error) {
        return Err(Unmeasured::Wrong(format!("relative error {error} of the programmed weights")));
    }
    let times = alternate(9, || drop(program()), || ());
    Ok(Measured { baseline_ms: BOUND_MS, ..times })
}

fn devices(n: usize) -> Vec<f64> {
    let mut u = vec![0.0; n * n];
    Seed::new(5).stream().fill_uniform(0, &mut u);
    u.iter().map(|&u| 100e-6 * f64::from(u)).collect()
}

/// The equations of the circuit, written down once more for the baseline.
fn equations(g: &[f64], n: usize, segment_s: f64) -> Result<SparseColMat<usize, f64>, String> {
    let nodes = 2 * n * n;
    let mut diagonal = vec![0.0; nodes];
    let mut entries = Vec::new();
    let mut connect = |a: usize, b: usize, g: f64, diagonal: &mut [f64]| {
        diagonal[a] += g;
        diagonal[b] += g;
        entries.extend([Triplet::new(a, b, -g), Triplet::new(b, a, -g)]);
    };
    for i in 0..n {
        for j in 0..n {
            let (word, bit) = (i * n + j, n * n + i * n + j);
            connect(word, bit, g[word], &mut diagonal);
            if j + 1 < n {
                connect(word, word + 1, segment_s, &mut diagonal);
            }
            if i + 1 < n {
                connect(bit, bit + n, segment_s, &mut diagonal);
            }
        }
        diagonal[i * n] += segment_s;
        diagonal[n * n + (n - 1) * n + i] += segment_s;
    }
    entries.extend(diagonal.iter().enumerate().map(|(k, &d)| Triplet::new(k, k, d)));
    SparseColMat::try_new_from_triplets(nodes, nodes, &entries).map_err(|e| format!("{e:?}"))
}

fn circuit_256(segment_ohm: f64) -> Result<Measured, Unmeasured> {
    let n = 256;
    let g = devices(n);
    let v = vec![0.2; n];
    let lines = LineResistance { word_ohm: segment_ohm, bit_ohm: segment_ohm };
    let ours = || -> Result<Vec<f64>, String> {
        let circuit = Circuit::new(&g, n, n, lines).map_err(|error| error.to_string())?;
        Ok(circuit.solve(&v).map_err(|error| error.to_string())?.outputs_a)
    };
    let baseline = || -> Result<Vec<f64>, String> {
        let matrix = equations(&g, n, 1.0 / segment_ohm)?;
        let lu = matrix.sp_lu().map_err(|error| format!("{error:?}"))?;
        let mut b = faer::Mat::<f64>::zeros(2 * n * n, 1);
        for i in 0..n {
            b[(i * n, 0)] = 0.2 / segment_ohm;
        }
        lu.solve_in_place(&mut b);
        Ok((0..n).map(|j| b[(n * n + (n - 1) * n + j, 0)] / segment_ohm).collect())
    };
    let (a, b) = (ours()?, baseline()?);
    let worst = a.iter().zip(&b).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
    if worst.is_nan() || worst > 1e-9 {
        return Err(Unmeasured::Wrong(format!(
            "currents differ from those of the LU by {worst:.1e}"
        )));
    }
    // The LU takes seconds: one round each after the check.
    let time = |work: &dyn Fn() -> Result<Vec<f64>, String>| -> Result<f64, String> {
        let start = Instant::now();
        work()?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    Ok(Measured { ours_ms: time(&ours)?, baseline_ms: time(&baseline)? })
}

fn circuit_512() -> Result<Measured, Unmeasured> {
    const BOUND_MS: f64 = 10_000.0;
    let n = 512;
    let g = devices(n);
    let lines = LineResistance { word_ohm: 100.0, bit_ohm: 100.0 };
    let start = Instant::now();
    let circuit = Circuit::new(&g, n, n, lines).map_err(|error| error.to_string())?;
    let solution = circuit.solve(&vec![0.2; n]).map_err(|error| error.to_string())?;
    let ours_ms = start.elapsed().as_secs_f64() * 1e3;
    if solution.residual > 1e-10 {
        return Err(Unmeasured::Wrong(format!("residual {:.1e}", solution.residual)));
    }
    Ok(Measured { ours_ms, baseline_ms: BOUND_MS })
}
