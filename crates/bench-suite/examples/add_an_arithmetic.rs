//! An arithmetic of one's own, whose weights are powers of two, trains a network on digits.
#![expect(clippy::print_stdout, reason = "an example shows its results")]

pub(crate) mod power_of_two;

use datasets::DataFolder;
use datasets::mnist::Mnist;
use nn::layers::{Init, build};
use nn::models::{Mlp, mlp};
use nn::{AnyArithmetic, Classification, Float32, Parameters, Pixels, Policy, Recipe, Run};
use nn::{evaluate, train};
use numerics::{Par, Seed};
use power_of_two::config::PowerOfTwo;

pub(crate) type Error = Box<dyn std::error::Error>;

pub(crate) fn main() -> Result<(), Error> {
    // 0 and ±2^−7 to ±2^−1: 15 codes, weights of 4 bits.
    let four_bits = AnyArithmetic::own(PowerOfTwo::new(-7, -1)?);
    for (name, on) in [("f32", Float32.into()), ("powers of two", four_bits)] {
        let (_, wrong) = train_on_digits(&on, Par::Rayon)?;
        println!("{name}: {:.1} % of unseen digits wrong", 100.0 * wrong);
    }
    Ok(())
}

pub(crate) fn network(on: &AnyArithmetic, with: Run) -> (Parameters, Mlp) {
    build(&Policy::uniform(on.clone()), with.seed, |builder| {
        mlp(builder, &[784, 64, 10], Init::XavierNormal)
    })
}

/// The trained network, and the share of 1000 unseen digits that it gets wrong.
pub(crate) fn train_on_digits(on: &AnyArithmetic, par: Par) -> Result<(Parameters, f64), Error> {
    let mnist = Mnist::open(&DataFolder::new(None))?;
    let (digits, unseen) = (mnist.train.first(4000), mnist.test.first(1000));
    let (pixels, with) = (Pixels::unit(on), Run::new(&Seed::new(0), par));
    let (mut parameters, model) = network(on, with);
    let task = Classification::new(&model, &digits, &pixels);
    train(&task, &mut parameters, &Recipe::sgd(20, 5, 0.02), with)?;
    let test = evaluate(&Classification { images: &unseen, ..task }, &parameters, with);
    Ok((parameters, test.error_rate.ok_or("a classification counts errors")?))
}
