//! Rows of `numerics`: exact products against float ones, kernels against what bounds them.
//!
//! Rows are single-threaded unless their name ends in `_two_threads`; then both sides run on the
//! same pool of two.

use std::hint::black_box;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par as FaerPar};
use numerics::{
    Accumulator, BitSource, BlockFormat, BlockQuantizer, BlockShape, Draw, FixedFormat,
    FixedMatrix, Narrow, Par, Product, Quantizer, Register, Rounding, ScaleRule, Schedule, Seed,
    Stream,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

use crate::bench::row::{Measured, Row, Unmeasured, alternate};

/// The rows, in the order of the products first.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "gemm_i16_1024",
        what: "16-bit product, |x| ≤ 2^11, stochastic epilogue, against faer f32, 1024³",
        target: 1.5,
        measure: || gemm(FixedFormat::new(4, 12), 11, Threads::One),
    },
    Row {
        name: "gemm_i16_1024_full_scale",
        what: "16-bit product of full-range operands against faer f32, 1024³",
        target: 0.9,
        measure: || gemm(FixedFormat::new(4, 12), 15, Threads::One),
    },
    Row {
        name: "gemm_i8_1024",
        what: "8-bit product of full-range operands against faer f32, 1024³",
        target: 2.0,
        measure: || gemm(FixedFormat::new(2, 6), 7, Threads::One),
    },
    Row {
        name: "quantize_f32_i16_stochastic",
        what: "f32 to 16-bit codes, stochastic, against a copy of the f32, 4 M elements",
        target: 0.3,
        measure: || quantize(Threads::One),
    },
    Row {
        name: "update_axpy_stochastic",
        what: "w += SR(α·x) on 16-bit codes against w += α·x in f32, 4 M elements",
        target: 0.3,
        measure: || update(Threads::One),
    },
    Row {
        name: "quantize_mxfp8_stochastic",
        what: "f32 to values of MXFP8 E4M3 (RCEIL), stochastic, along rows, against 300 M elements/s, 4 M",
        target: 1.0,
        measure: || quantize_blocks(&mxfp8()),
    },
    Row {
        name: "quantize_nvfp4_stochastic",
        what: "f32 to values of NVFP4 (two levels), stochastic, along rows, against 300 M elements/s, 4 M",
        target: 1.0,
        measure: || quantize_blocks(&BlockQuantizer::new(BlockFormat::NVFP4, Rounding::Stochastic)),
    },
    Row {
        name: "gaussian_fill",
        what: "normal f32 samples against rand_distr's StandardNormal over ChaCha8, 4 M samples",
        target: 3.0,
        measure: gaussian,
    },
    Row {
        name: "gemm_narrow_accumulator",
        what: "16-bit register rounded each step in chunks of 64, against its definition, 128·512·128",
        target: 10.0,
        measure: narrow,
    },
    Row {
        name: "gemm_i16_1024_two_threads",
        what: "as gemm_i16_1024, both on two threads",
        target: 1.5,
        measure: || gemm(FixedFormat::new(4, 12), 11, Threads::Two),
    },
    Row {
        name: "gemm_i16_1024_full_scale_two_threads",
        what: "as gemm_i16_1024_full_scale, both on two threads",
        target: 0.9,
        measure: || gemm(FixedFormat::new(4, 12), 15, Threads::Two),
    },
    Row {
        name: "gemm_i8_1024_two_threads",
        what: "as gemm_i8_1024, both on two threads",
        target: 2.0,
        measure: || gemm(FixedFormat::new(2, 6), 7, Threads::Two),
    },
    Row {
        name: "quantize_f32_i16_stochastic_two_threads",
        what: "as quantize_f32_i16_stochastic, both on two threads",
        target: 0.3,
        measure: || quantize(Threads::Two),
    },
    Row {
        name: "update_axpy_stochastic_two_threads",
        what: "as update_axpy_stochastic, both on two threads",
        target: 0.3,
        measure: || update(Threads::Two),
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Threads {
    One,
    Two,
}

impl Threads {
    fn par(self) -> Par {
        if self == Self::One { Par::Seq } else { Par::Rayon }
    }

    fn faer(self) -> FaerPar {
        if self == Self::One { FaerPar::Seq } else { FaerPar::rayon(2) }
    }

    /// Runs `work` inside a pool of that many threads.
    fn install<T: Send>(self, work: impl FnOnce() -> T + Send) -> Result<T, String> {
        let threads = if self == Self::One { 1 } else { 2 };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(pool.map_err(|error| error.to_string())?.install(work))
    }
}

/// Elements of the elementwise rows.
const LEN: usize = 4_000_000;
/// Elements that a thread takes at a time.
const CHUNK: usize = 1 << 16;

fn stream(name: &str) -> Stream {
    Seed::new(2015).child("bench").child(name).stream()
}

fn ensure(holds: bool, what: impl Fn() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Codes uniform in ±2^`bits`.
fn matrix(format: FixedFormat, rows: usize, cols: usize, bits: u32, name: &str) -> FixedMatrix {
    let mut words = vec![0; rows * cols];
    stream(name).fill_words(0, &mut words);
    let codes: Vec<i32> = words.iter().map(|&word| word as i32 >> (31 - bits)).collect();
    FixedMatrix::from_codes(format, rows, cols, &codes).expect("codes of the format")
}

fn gemm(
    format: Result<FixedFormat, numerics::FormatError>,
    bits: u32,
    threads: Threads,
) -> Result<Measured, Unmeasured> {
    const N: usize = 1024;
    let format = format.map_err(|error| error.to_string())?;
    let (a, b) = (matrix(format, N, N, bits, "a"), matrix(format, N, N, bits, "b"));
    // Sums grow by √N: five more integer bits keep most of them in range.
    let (il, fl) = (format.il() as i8 + 5, format.fl() as i8 - 5);
    let format = FixedFormat::new(il, fl).map_err(|error| error.to_string())?;
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    let epilogue = stream("epilogue");
    let product = Product::new(a.view(), b.view()).par(threads.par());

    let c = product.convert(quantizer, epilogue.at(0));
    for i in (0..N * N).step_by(4099) {
        let (row, col) = (i / N, i % N);
        let z: i64 = (0..N).map(|k| i64::from(a.get(row, k)) * i64::from(b.get(k, col))).sum();
        let code = quantizer.code_of_sum(z, product.fraction_bits(), epilogue.at(i as u64));
        ensure(c.get(row, col) == code, || format!("element ({row}, {col})"))?;
    }

    let float = |m: &FixedMatrix| {
        let values = m.to_f32();
        Mat::<f32>::from_fn(N, N, |i, j| values[i * N + j])
    };
    let (x, y, mut z) = (float(&a), float(&b), Mat::<f32>::zeros(N, N));
    Ok(threads.install(|| {
        alternate(
            15,
            || {
                black_box(product.convert(quantizer, epilogue.at(0)));
            },
            || matmul(z.as_mut(), Accum::Replace, x.as_ref(), y.as_ref(), 1.0, threads.faer()),
        )
    })?)
}

fn gradient() -> Vec<f32> {
    let mut x = vec![0.0; LEN];
    stream("gradient").fill_gaussian(0, &mut x);
    x
}

fn quantize(threads: Threads) -> Result<Measured, Unmeasured> {
    let format = FixedFormat::new(8, 8).map_err(|error| error.to_string())?;
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    let (x, bits) = (gradient(), stream("quantize"));
    let (mut codes, mut copy) = (vec![0i16; LEN], vec![0f32; LEN]);
    let par = threads.par();
    let convert = |codes: &mut [i16]| {
        par.for_each_chunk(codes, CHUNK, |i, codes| {
            let start = i * CHUNK;
            quantizer.quantize(&x[start..start + codes.len()], bits.at(start as u64), codes);
        });
    };
    convert(&mut codes);
    for i in (0..LEN).step_by(97) {
        let code = quantizer.code(f64::from(x[i]), bits.at(i as u64));
        ensure(i32::from(codes[i]) == code, || format!("element {i}"))?;
    }
    Ok(threads.install(|| {
        alternate(
            21,
            || convert(black_box(&mut codes)),
            || {
                par.for_each_chunk(black_box(&mut copy), CHUNK, |i, copy| {
                    copy.copy_from_slice(&x[i * CHUNK..i * CHUNK + copy.len()]);
                });
            },
        )
    })?)
}

fn mxfp8() -> BlockQuantizer {
    let scale_rule = ScaleRule::Rceil;
    BlockQuantizer {
        scale_rule,
        ..BlockQuantizer::new(BlockFormat::MXFP8_E4M3, Rounding::Stochastic)
    }
}

/// Against a bound: elements in a second that one core shall convert, random bits included.
fn quantize_blocks(quantizer: &BlockQuantizer) -> Result<Measured, Unmeasured> {
    const ELEMENTS_PER_MS: f64 = 300_000.0;
    const COLS: usize = 4000;
    let (x, bits) = (gradient(), stream("blocks"));
    let layout = |len: usize| BlockShape::AlongRows.of(len / COLS, COLS);
    let mut values = vec![0.0; LEN];
    let convert =
        |values: &mut [f32]| quantizer.decode_into(&x, layout(LEN), bits.at(0), Par::Seq, values);
    let tensor_scale = convert(&mut values);
    let checked = 40 * COLS;
    let defined = quantizer
        .quantize_matrix_scaled(&x[..checked], layout(checked), tensor_scale, bits.at(0))
        .to_scaled_f32();
    ensure(values[..checked] == defined, || "values are not those of the codes".to_owned())?;
    let ours = alternate(21, || _ = convert(black_box(&mut values)), || {});
    Ok(Measured { baseline_ms: LEN as f64 / ELEMENTS_PER_MS, ..ours })
}

fn update(threads: Threads) -> Result<Measured, Unmeasured> {
    let format = FixedFormat::new(4, 12).map_err(|error| error.to_string())?;
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    const ALPHA: f32 = -0.01;
    let (x, bits) = (gradient(), stream("update"));
    let (mut codes, mut floats) = (vec![0i16; LEN], vec![0f32; LEN]);
    let par = threads.par();
    let step = |codes: &mut [i16]| {
        par.for_each_chunk(codes, CHUNK, |i, codes| {
            let start = i * CHUNK;
            quantizer.axpy(ALPHA, &x[start..start + codes.len()], bits.at(start as u64), codes);
        });
    };
    step(&mut codes);
    for i in (0..LEN).step_by(97) {
        let code = quantizer.code(f64::from(ALPHA * x[i]), bits.at(i as u64));
        ensure(i32::from(codes[i]) == code, || format!("element {i}"))?;
    }
    Ok(threads.install(|| {
        alternate(
            21,
            || step(black_box(&mut codes)),
            || {
                par.for_each_chunk(black_box(&mut floats), CHUNK, |i, floats| {
                    for (w, &x) in floats.iter_mut().zip(&x[i * CHUNK..]) {
                        *w += ALPHA * x;
                    }
                });
            },
        )
    })?)
}

fn gaussian() -> Result<Measured, Unmeasured> {
    let bits = stream("gaussian");
    let (mut ours, mut theirs) = (vec![0.0; LEN], vec![0.0; LEN]);
    bits.fill_gaussian(0, &mut ours);
    // The variance of 4 M squares of normal numbers is 1 ± 7·10^−4: five deviations.
    let variance = ours.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / LEN as f64;
    ensure((variance - 1.0).abs() < 0.0036, || format!("variance {variance}"))?;
    let mut rng = ChaCha8Rng::seed_from_u64(2015);
    Ok(alternate(
        21,
        || bits.fill_gaussian(0, black_box(&mut ours)),
        || {
            for x in black_box(&mut theirs) {
                *x = StandardNormal.sample(&mut rng);
            }
        },
    ))
}

fn narrow() -> Result<Measured, Unmeasured> {
    let format = FixedFormat::new(2, 14).map_err(|error| error.to_string())?;
    let register = FixedFormat::new(6, 10).map_err(|error| error.to_string())?;
    let (a, b) = (matrix(format, 128, 512, 13, "a"), matrix(format, 512, 128, 13, "b"));
    let narrow = Narrow {
        register: Register::Fixed(register),
        rounding: Rounding::NearestTiesEven,
        schedule: Schedule::ChunkBased(64),
    };
    let product =
        Product::new(a.view(), b.view()).accumulator(Accumulator::Narrow(narrow), Draw::none());
    let mut sums = vec![0; 128 * 128];
    product.wide(&mut sums);
    let rounding = Quantizer::new(register, narrow.rounding);
    ensure(sums == chunk_based(&a, &b, rounding, 64), || "the register's sums".to_owned())?;
    Ok(alternate(
        9,
        || product.wide(black_box(&mut sums)),
        || {
            black_box(chunk_based(&a, &b, rounding, 64));
        },
    ))
}

/// The sums of A·B in a register that is rounded after every step, chunk by chunk, one element after
/// another.
fn chunk_based(a: &FixedMatrix, b: &FixedMatrix, register: Quantizer, chunk: usize) -> Vec<i64> {
    let fraction_bits = a.format().fl() + b.format().fl();
    let dropped = fraction_bits - register.format.fl();
    let wide = |code: i32| i64::from(code) << dropped;
    let add = |code: i32, z: i64| register.code_of_sum(wide(code) + z, fraction_bits, Draw::none());
    let element = |i: usize, j: usize| {
        let product = |k: usize| i64::from(a.get(i, k)) * i64::from(b.get(k, j));
        let chunks = (0..a.ncols()).step_by(chunk).map(|start| {
            (start..a.ncols().min(start + chunk)).fold(0, |code, k| add(code, product(k)))
        });
        wide(chunks.fold(0, |code, inside| add(code, wide(inside))))
    };
    (0..a.nrows()).flat_map(|i| (0..b.ncols()).map(move |j| element(i, j))).collect()
}
