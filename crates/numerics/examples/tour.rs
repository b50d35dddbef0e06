//! The crate in one page: formats, rounding, products, accumulators, streams.
//!
//! `cargo run -p numerics --example tour`

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use numerics::{
    Accumulator, BitSource, BlockFormat, BlockQuantizer, Draw, FixedFormat, FixedMatrix,
    FloatFormat, FloatQuantizer, Lfsr, LfsrConfig, Narrow, Overflow, Product, Quantizer, Register,
    Rounding, Schedule, Seed,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seed = Seed::new(2015);

    // Fixed point: ⟨8,8⟩ has ε = 2^−8. Nearest loses a quarter of ε, stochastic rounding keeps it
    // on average.
    let format: FixedFormat = "<8,8>".parse()?;
    let tiny = vec![format.epsilon() as f32 / 4.0; 10_000];
    for rounding in [Rounding::NearestTiesDown, Rounding::Stochastic] {
        let quantizer = Quantizer::new(format, rounding);
        let mut codes = vec![0i16; tiny.len()];
        quantizer.quantize(&tiny, seed.child("tiny").draw(), &mut codes);
        let tally = quantizer.tally(&tiny, &codes);
        println!(
            "{rounding:?}: {} of 10000 rounded up, bias {:+.3} ulp",
            tally.rounded_up,
            tally.bias()
        );
    }

    // Floating point as data, and what becomes of 1000 in eight bits.
    for (name, format) in [
        ("E4M3", FloatFormat::E4M3),
        ("E5M2", FloatFormat::E5M2),
        ("binary8p4", FloatFormat::p3109(8, 4)?),
    ] {
        let convert = |overflow| {
            let rounding = Rounding::NearestTiesEven;
            FloatQuantizer { format, rounding, overflow }.convert(1000.0, Draw::none())
        };
        println!("{name}: {} or {}", convert(Overflow::Saturate), convert(Overflow::Propagate));
    }

    // Blocks that share a scale.
    let mut x = vec![0.0; 64];
    seed.child("x").stream().fill_gaussian(0, &mut x);
    for (name, format) in [("MXFP4", BlockFormat::MXFP4), ("NVFP4", BlockFormat::NVFP4)] {
        let rounding = Rounding::NearestTiesEven;
        let y = BlockQuantizer::new(format, rounding).quantize(&x, Draw::none()).to_f32();
        let error: f32 = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum();
        let power: f32 = x.iter().map(|x| x.powi(2)).sum();
        println!("{name}: {:.1} dB", 10.0 * (power / error).log10());
    }

    // A product adds up exactly and rounds once, or in the register of your choice.
    let nearest = Quantizer::new("<2,14>".parse()?, Rounding::NearestTiesDown);
    let a = FixedMatrix::quantize(&x, 1, 64, nearest, Draw::none());
    let b = FixedMatrix::quantize(&x, 64, 1, nearest, Draw::none());
    let narrow = Narrow {
        register: Register::Float(FloatFormat::FP16_E6M9),
        rounding: Rounding::NearestTiesEven,
        schedule: Schedule::EachStep,
    };
    for accumulator in [
        Accumulator::Exact,
        Accumulator::FloatGemm,
        Accumulator::Saturating { bits: 32 },
        Accumulator::Narrow(narrow),
    ] {
        let mut sum = [0.0];
        Product::new(a.view(), b.view()).accumulator(accumulator, Draw::none()).wide_f32(&mut sum);
        println!("{accumulator:?}: {}", sum[0]);
    }

    // Random bits by name and position: a stream, or the shift register of a chip. A draw is used
    // once, so that no two results share their bits.
    let lfsr = Lfsr::new(LfsrConfig::maximal(32, 1, 14).ok_or("no such width")?)?;
    let stochastic = Quantizer::new(format, Rounding::Stochastic);
    let product = Product::new(a.view(), b.view());
    let from_stream = product.convert(stochastic, seed.child("product").draw());
    let from_lfsr = product.convert(stochastic, lfsr.at(0));
    println!("{} from a stream, {} from an LFSR", from_stream.get(0, 0), from_lfsr.get(0, 0));
    Ok(())
}
