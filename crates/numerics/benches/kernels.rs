//! Day-to-day timings: quantisation, updates, random fills and products.
//!
//! `cargo bench -p numerics`; the rows that are compared with a baseline are in `cargo xtask bench`.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use numerics::{
    Accumulator, BitSource, FixedFormat, FixedMatrix, Narrow, Product, Quantizer, Register,
    Rounding, Schedule, Seed,
};

const LEN: usize = 1 << 16;

fn elementwise(c: &mut Criterion) {
    let stream = Seed::new(1).stream();
    let mut x = vec![0.0; LEN];
    let mut group = c.benchmark_group("elementwise");
    group.throughput(Throughput::Elements(LEN as u64));
    group.bench_function("fill_gaussian", |b| b.iter(|| stream.fill_gaussian(0, &mut x)));
    let mut uniform = vec![0.0; LEN];
    group.bench_function("fill_uniform", |b| b.iter(|| stream.fill_uniform(0, &mut uniform)));
    let format = FixedFormat::new(8, 8).expect("a possible format");
    let mut codes = vec![0i16; LEN];
    for rounding in [Rounding::NearestTiesDown, Rounding::NearestTiesEven, Rounding::Stochastic] {
        let quantizer = Quantizer::new(format, rounding);
        group.bench_function(BenchmarkId::new("quantize", format!("{rounding:?}")), |b| {
            b.iter(|| quantizer.quantize(&x, stream.at(0), &mut codes));
        });
        group.bench_function(BenchmarkId::new("axpy", format!("{rounding:?}")), |b| {
            b.iter(|| quantizer.axpy(-0.01, &x, stream.at(0), &mut codes));
        });
    }
    group.finish();
}

fn matrix(il: i8, fl: i8, n: usize, bits: u32, seed: u64) -> FixedMatrix {
    let mut words = vec![0; n * n];
    Seed::new(seed).stream().fill_words(0, &mut words);
    let codes: Vec<i32> = words.iter().map(|&w| w as i32 >> (31 - bits)).collect();
    let format = FixedFormat::new(il, fl).expect("a possible format");
    FixedMatrix::from_codes(format, n, n, &codes).expect("codes of the format")
}

fn products(c: &mut Criterion) {
    const N: usize = 256;
    let stream = Seed::new(2).stream();
    let mut group = c.benchmark_group("product_256");
    group.throughput(Throughput::Elements((N * N * N) as u64));
    for (name, il, fl, bits) in [
        ("i8", 2, 6, 7),
        ("i16_11_bits", 4, 12, 11),
        ("i16_full", 4, 12, 15),
        ("i32_24_bits", 8, 16, 23),
    ] {
        let (x, y) = (matrix(il, fl, N, bits, 1), matrix(il, fl, N, bits, 2));
        let mut sums = vec![0; N * N];
        group.bench_function(name, |b| {
            b.iter(|| Product::new(x.view(), y.view()).wide(&mut sums));
        });
    }
    let (x, y) = (matrix(2, 14, N, 13, 1), matrix(2, 14, N, 13, 2));
    let mut sums = vec![0; N * N];
    for schedule in [Schedule::EachStep, Schedule::EachChunk(64), Schedule::ChunkBased(64)] {
        let narrow = Narrow {
            register: Register::Fixed(FixedFormat::new(6, 10).expect("a possible format")),
            rounding: Rounding::NearestTiesEven,
            schedule,
        };
        group.bench_function(BenchmarkId::new("narrow", format!("{schedule:?}")), |b| {
            b.iter(|| {
                Product::new(x.view(), y.view())
                    .accumulator(Accumulator::Narrow(narrow), stream.at(0))
                    .wide(&mut sums);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, elementwise, products);
criterion_main!(benches);
