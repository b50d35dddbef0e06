//! The vectors in `conformance/`: inputs, random bits and outputs that any simulator can replay.

use std::path::Path;

use numerics::{
    Accumulator, BitSource, BlockFormat, BlockQuantizer, Codes, FixedFormat, FixedMatrix,
    FloatFormat, FloatQuantizer, Fraction, GivenBits, Lfsr, LfsrConfig, Narrow, Overflow, Product,
    Quantizer, Register, Rounding, Schedule, Seed, Specials, StochasticBits, StochasticVariant,
};
use serde_json::{Value, json};

/// Where the vectors lie.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance"))
}

/// One vector a line, so that a change shows as the lines that changed.
pub(crate) fn text(vectors: &[Value]) -> String {
    let lines: Vec<String> = vectors.iter().map(Value::to_string).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

/// Every file and its vectors.
pub(crate) fn files() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("fixed.json", fixed()),
        ("float.json", float()),
        ("blocks.json", blocks()),
        ("products.json", products()),
        ("streams.json", streams()),
        ("lfsr.json", lfsrs()),
    ]
}

fn roundings() -> Vec<Rounding> {
    let mut all = vec![
        Rounding::NearestTiesDown,
        Rounding::NearestTiesEven,
        Rounding::NearestTiesAway,
        Rounding::TowardZero,
        Rounding::Down,
        Rounding::Up,
        Rounding::ToOdd,
        Rounding::Stochastic,
    ];
    for variant in [StochasticVariant::A, StochasticVariant::B, StochasticVariant::C] {
        for fraction in [Fraction::TwosComplement, Fraction::SignMagnitude] {
            all.push(Rounding::StochasticBits(StochasticBits { bits: 3, variant, fraction }));
        }
    }
    all
}

/// A random word for each vector; its leading bits are the ones that a rule uses.
const WORDS: [u32; 4] = [0, 0x3fff_ffff, 0xa000_0000, u32::MAX];

/// JSON has no name for what is not finite.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { json!(x.to_string()) }
}

fn fixed() -> Vec<Value> {
    let mut vectors = Vec::new();
    for (il, fl) in [(4, 4), (2, 14), (8, 8), (-2, 10)] {
        let format = FixedFormat::new(il, fl).expect("a possible format");
        for rounding in roundings() {
            for scaled in [0.0, 0.25, -0.25, 0.5, -0.5, 1.5, -1.5, 2.8125, -2.8125, 1e9, -1e9] {
                let x = scaled * format.epsilon();
                for word in WORDS {
                    let quantizer = Quantizer::new(format, rounding);
                    let bits = GivenBits(std::slice::from_ref(&word));
                    let code = |overflow| quantizer.overflow(overflow).code(x, bits.at(0));
                    vectors.push(json!({
                        "format": format, "rounding": rounding, "x": x, "word": word,
                        "saturate": code(Overflow::Saturate), "wrap": code(Overflow::Wrap),
                    }));
                    if !rounding.is_stochastic() {
                        break;
                    }
                }
            }
        }
    }
    vectors
}

fn float() -> Vec<Value> {
    let formats = [
        ("f16", FloatFormat::F16),
        ("bf16", FloatFormat::BF16),
        ("e4m3", FloatFormat::E4M3),
        ("e5m2", FloatFormat::E5M2),
        ("e3m2", FloatFormat::E3M2),
        ("e2m3", FloatFormat::E2M3),
        ("e2m1", FloatFormat::E2M1),
        ("binary8p1", FloatFormat::p3109(8, 1).expect("a P3109 format")),
        ("e4m3fnuz", FloatFormat::E4M3FNUZ),
        ("binary8p4sf", FloatFormat::new(4, 3, 8, Specials::P3109Finite).expect("a format")),
        ("binary8p3", FloatFormat::p3109(8, 3).expect("a P3109 format")),
        ("binary8p4", FloatFormat::p3109(8, 4).expect("a P3109 format")),
    ];
    let mut vectors = Vec::new();
    for (name, format) in formats {
        vectors.push(json!({ "name": name, "format": format }));
        let (max, min) = (format.max(), format.min_positive());
        let inputs =
            [0.0, -0.0, 0.4 * min, -1.5 * min, 1.1, -1.3, 1.0 + 0.5 * max, 1.04 * max, 1e30, -1e30];
        for rounding in roundings() {
            for x in inputs.into_iter().chain([f64::INFINITY, f64::NAN]) {
                for word in WORDS {
                    let bits = GivenBits(std::slice::from_ref(&word));
                    let code = |overflow| {
                        FloatQuantizer { format, rounding, overflow }.code(x, bits.at(0))
                    };
                    let saturate = code(Overflow::Saturate);
                    vectors.push(json!({
                        "name": name, "rounding": rounding, "x": number(x), "word": word, "value": number(format.decode(saturate)),
                        "saturate": saturate, "saturate-finite": code(Overflow::SaturateFinite),
                        "propagate": code(Overflow::Propagate),
                    }));
                    if !rounding.is_stochastic() {
                        break;
                    }
                }
            }
        }
    }
    vectors
}

fn blocks() -> Vec<Value> {
    let formats = [
        ("MXFP8_E4M3", BlockFormat::MXFP8_E4M3),
        ("MXFP8_E5M2", BlockFormat::MXFP8_E5M2),
        ("MXFP6_E3M2", BlockFormat::MXFP6_E3M2),
        ("MXFP6_E2M3", BlockFormat::MXFP6_E2M3),
        ("MXFP4", BlockFormat::MXFP4),
        ("MXINT8", BlockFormat::MXINT8),
        ("NVFP4", BlockFormat::NVFP4),
    ];
    let mut x = vec![0.0; 40];
    Seed::new(1).stream().fill_gaussian(0, &mut x);
    let mut words = vec![0; x.len()];
    Seed::new(2).stream().fill_words(0, &mut words);
    let mut vectors = Vec::new();
    for (name, format) in formats {
        for rounding in [Rounding::NearestTiesEven, Rounding::Stochastic] {
            let tensor =
                BlockQuantizer::new(format, rounding).quantize(&x, GivenBits(&words).at(0));
            vectors.push(json!({
                "name": name, "format": format, "rounding": rounding, "x": x, "words": words,
                "tensor_scale": tensor.tensor_scale(), "scales": tensor.scales(),
                "codes": tensor.codes(),
            }));
        }
    }
    vectors
}

fn products() -> Vec<Value> {
    let (rows, inner, cols) = (2, 70, 3);
    let format = FixedFormat::new(2, 14).expect("a possible format");
    let matrix = |name: &str, rows: usize, cols: usize| {
        let mut words = vec![0; rows * cols];
        Seed::new(3).child(name).stream().fill_words(0, &mut words);
        let codes: Vec<i32> = words.iter().map(|&w| w as i32 >> 16).collect();
        FixedMatrix::from_codes(format, rows, cols, &codes).expect("16-bit codes")
    };
    let (a, b) = (matrix("a", rows, inner), matrix("b", inner, cols));
    let bias = Codes::from_i32(format, &[-5000, 0, 32767]).expect("codes of the format");
    let register =
        |register, rounding, schedule| Accumulator::Narrow(Narrow { register, rounding, schedule });
    let fixed = Register::Fixed(FixedFormat::new(4, 12).expect("a possible format"));
    let float = Register::Float(FloatFormat::FP16_E6M9);
    let even = Rounding::NearestTiesEven;
    let accumulators = [
        Accumulator::Exact,
        Accumulator::Saturating { bits: 30 },
        Accumulator::Wrapping { bits: 30 },
        Accumulator::FloatGemm,
        register(fixed, even, Schedule::EachStep),
        register(fixed, Rounding::Stochastic, Schedule::EachChunk(16)),
        register(fixed, Rounding::Stochastic, Schedule::ChunkBased(16)),
        register(float, even, Schedule::EachStep),
        register(float, even, Schedule::ChunkBased(64)),
    ];
    // Enough words for every rounding of the longest schedule; those after them convert the sums.
    let register_words = rows * cols * (inner + 5);
    let mut words = vec![0; register_words + rows * cols];
    Seed::new(4).stream().fill_words(0, &mut words);
    let bits = GivenBits(&words);
    let quantizer = Quantizer::new(format, Rounding::Stochastic);
    let mut vectors = Vec::new();
    for accumulator in accumulators {
        let (register, conversion) = bits.at(0).split_at(register_words as u64);
        let product =
            Product::new(a.view(), b.view()).bias(&bias, format).accumulator(accumulator, register);
        let mut sums = vec![0; rows * cols];
        product.wide(&mut sums);
        vectors.push(json!({
            "rows": rows, "inner": inner, "cols": cols, "format": format,
            "a": a.codes().to_i32(), "b": b.codes().to_i32(), "bias": bias.to_i32(),
            "accumulator": accumulator, "words": words, "sums": sums,
            "rounding": quantizer.rounding,
            "converted": product.convert(quantizer, conversion).codes().to_i32(),
        }));
    }
    vectors
}

fn streams() -> Vec<Value> {
    let mut vectors = Vec::new();
    for (root, names) in [(0, vec![]), (2015, vec!["layer1", "update"]), (u64::MAX, vec![""])] {
        let seed = names.iter().fold(Seed::new(root), |seed, name| seed.child(*name)).child(42);
        let stream = seed.stream();
        for first in [0u64, 1000, 1 << 36] {
            let (mut words, mut normal, mut uniform) = ([0; 8], [0.0; 8], [0.0; 8]);
            stream.fill_words(first, &mut words);
            stream.fill_gaussian(first, &mut normal);
            stream.fill_uniform(first, &mut uniform);
            let second = [0u64, 1, 2].map(|i| BitSource::word(&stream, first + i, 1));
            vectors.push(json!({
                "seed": root, "children": names, "index": 42, "first": first, "words": words,
                "normal": normal.map(f32::to_bits), "uniform": uniform.map(f32::to_bits),
                "second_words": second,
            }));
        }
    }
    vectors
}

fn lfsrs() -> Vec<Value> {
    let mut vectors = Vec::new();
    for (width, steps) in [(4, 1), (14, 1), (14, 14), (16, 16), (32, 14), (64, 32)] {
        let config = LfsrConfig::maximal(width, 1, steps).expect("a listed width");
        let mut lfsr = Lfsr::new(config).expect("a possible register");
        let bits = width.min(16);
        let samples: Vec<u64> = (0..20).map(|_| lfsr.next_bits(bits)).collect();
        vectors.push(json!({ "config": config, "bits": bits, "samples": samples }));
    }
    vectors
}
