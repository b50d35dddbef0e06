//! One small network in four arithmetics; a checkpoint; and devices that age.

#![expect(clippy::print_stdout, reason = "an example shows its results")]

use crossbar::{TileConfig, WeightNoiseConfig};
use nn::arithmetic::{Block, BlockOperand, Products};
use nn::layers::{Init, build};
use nn::models::{Mlp, mlp};
use nn::{
    Analog, AnalogTraining, AnyArithmetic, Calibration, Classification, Devices, FixedPoint,
    Float32, Images, Parameters, Pixels, Policy, Recipe, Run, checkpoint, evaluate, map_onto_tiles,
    train,
};
use numerics::{BlockFormat, BlockQuantizer, Par, Rounding, Seed};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let (images, unseen) = (bars("training", 600), bars("test", 300));
    let with = Run::new(&Seed::new(1), Par::Rayon);
    let recipe = Recipe::sgd(10, 10, 0.05); // batch, epochs, learning rate

    // Images go in as each arithmetic reads them; nothing else of a task depends on it.
    let wrong = |on: &AnyArithmetic, model: &Mlp, parameters: &Parameters| {
        let pixels = Pixels::unit(on);
        let test = evaluate(&Classification::new(model, &unseen, &pixels), parameters, with);
        100.0 * test.error_rate.expect("a classification counts errors")
    };
    let mut in_f32 = None;
    for (name, on) in [
        ("f32", AnyArithmetic::from(Float32)),
        ("fixed point ⟨8,8⟩, rounded at random", fixed_point()?),
        ("MXFP8", mxfp8()?),
        ("tiles of phase-change memory", tiles()?),
    ] {
        let (mut parameters, model) = network(&on, with);
        let pixels = Pixels::unit(&on);
        let task = Classification::new(&model, &images, &pixels);
        let epochs = train(&task, &mut parameters, &recipe, with)?;
        let wrong = wrong(&on, &model, &parameters);
        let loss = epochs.last().map_or(f64::NAN, |epoch| epoch.loss);
        println!("{name}: loss {loss:.3} in training, {wrong:.1} % of the test wrong");
        in_f32.get_or_insert(parameters);
    }

    // A checkpoint is bytes with a note of yours; it goes back where its numbers mean the same.
    let float = in_f32.expect("f32 is the first");
    let bytes = checkpoint::save(&float, r#"{"epochs": 10}"#);
    let (mut restored, model) = network(&Float32.into(), with);
    let note = checkpoint::load(&mut restored, &bytes)?;
    println!("\n{} bytes with the note {note}:", bytes.len());
    println!("{:.1} % of the test wrong", wrong(&Float32.into(), &model, &restored));
    let (mut other, _) = network(&fixed_point()?, with);
    let refused = checkpoint::load(&mut other, &bytes).expect_err("other numbers");
    println!("in ⟨8,8⟩: {}", refused.to_string().split(';').next().unwrap_or_default());

    // The float network put on tiles as it is, programmed into devices, and tested as they age.
    let on = tiles()?;
    let (mut parameters, model) = network(&on, with);
    let pixels = Pixels::unit(&on);
    let task = Classification::new(&model, &images, &pixels);
    map_onto_tiles(&task, &mut parameters, &float, Calibration::default(), with);
    let test = Classification { images: &unseen, ..task };
    let mut devices = Devices::program(&parameters, |layer| layer.config().tile().clone(), with)?;
    println!();
    for (when, t_s) in [("a second", 1.0), ("a day", 86_400.0), ("a year", 31_536_000.0)] {
        devices.age_to(t_s, with)?;
        let wrong = evaluate(&test, &devices, with).error_rate;
        let wrong = 100.0 * wrong.expect("a classification counts errors");
        println!("{when} after programming: {wrong:.1} % of the test wrong");
    }
    Ok(())
}

/// 64 inputs, 32 hidden, 4 classes: the same code and the same seed for every arithmetic.
fn network(on: &AnyArithmetic, with: Run) -> (Parameters, Mlp) {
    build(&Policy::uniform(on.clone()), with.seed, |builder| {
        mlp(builder, &[64, 32, 4], Init::XavierNormal)
    })
}

/// 16-bit words, half of them fraction; every conversion is rounded at random.
fn fixed_point() -> Result<AnyArithmetic, Error> {
    Ok(FixedPoint::uniform("<8,8>".parse()?, Rounding::Stochastic)?.into())
}

/// Blocks of 32 numbers of 8 bits under one scale, in all three products.
fn mxfp8() -> Result<AnyArithmetic, Error> {
    let quantizer = BlockQuantizer::new(BlockFormat::MXFP8_E4M3, Rounding::NearestTiesEven);
    Ok(Block::new(Products::uniform(BlockOperand::along(quantizer)))?.into())
}

/// The tile of Rasch et al. 2023, with noise on the weights in training.
fn tiles() -> Result<AnyArithmetic, Error> {
    let weight_noise = Some(WeightNoiseConfig::paper(3.0, 0.0));
    let training = AnalogTraining { weight_noise, ..AnalogTraining::default() };
    Ok(Analog::new(TileConfig::load("standard-pcm")?, training)?.into())
}

/// Noisy images of 8 × 8 pixels; the class is the bar of two rows that is brighter.
fn bars(name: &str, count: usize) -> Images {
    let mut noise = vec![0; count * 64];
    Seed::new(2).child(name).stream().fill_words(0, &mut noise);
    let bright = |i: usize| (i % 64) / 16 == (i / 64) % 4;
    let pixels = noise.iter().enumerate().map(|(i, w)| (w >> 25) as u8 + 30 * u8::from(bright(i)));
    Images::new(&[64], pixels.collect(), (0..count).map(|i| (i % 4) as u8).collect())
}
