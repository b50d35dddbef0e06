//! The arithmetic of `docs/add-an-arithmetic.md`: it trains, does what it says, and is quoted as it is.

#[path = "../examples/add_an_arithmetic.rs"]
mod example;

use std::path::Path;

use example::power_of_two::config::PowerOfTwo;
use example::power_of_two::storage::PowersOfTwo;
use example::{network, train_on_digits};
use nn::storage::{Digits, Storage};
use nn::{AnyArithmetic, Float32, Parameters, Run, checkpoint};
use numerics::{Codes, Par, Seed};
use proptest::prelude::*;

fn codes(format: PowerOfTwo) -> impl Iterator<Item = i8> {
    -format.largest()..=format.largest()
}

#[test]
fn a_value_that_is_there_is_its_own_neighbour() {
    for (least, most) in [(-7, -1), (0, 0), (-126, 0), (1, 127)] {
        let format = PowerOfTwo::new(least, most).unwrap();
        assert_eq!(f64::from(format.decode(1)), 2f64.powi(least));
        assert_eq!(f64::from(format.decode(format.largest())), 2f64.powi(most));
        for code in codes(format) {
            let w = format.decode(code);
            assert_eq!(format.decode(-code), -w);
            assert_eq!(format.nearest(w), code);
            for uniform in [0.0, 0.5, 1.0 - f32::EPSILON / 2.0] {
                assert_eq!(format.stochastic(w, uniform), code);
            }
        }
    }
    for (least, most) in [(1, 0), (-127, -100), (100, 128), (-100, 27), (i32::MIN, i32::MAX)] {
        let error = PowerOfTwo::new(least, most).unwrap_err();
        assert!(error.contains(&format!("least = {least}, most = {most}")), "{error}");
    }
}

proptest! {
    /// Against the definition in f64.
    #[test]
    fn the_nearest_is_that_of_the_logarithm(w in -1.5f32..1.5, scale in 0i32..12) {
        let w = w * 2f32.powi(-scale);
        let format = PowerOfTwo::new(-7, -1).unwrap();
        let exponent = f64::from(w.abs()).log2().round().min(-1.0);
        let expected = if exponent < -7.0 { 0.0 } else { 2f64.powf(exponent) };
        let expected = expected * f64::from(w).signum();
        prop_assert_eq!(f64::from(format.decode(format.nearest(w))), expected);
    }

    /// The mean over all random numbers of a grid is the weight, to the width of the grid.
    #[test]
    fn rounding_at_random_keeps_the_mean(w in -0.5f32..0.5, scale in 0i32..9) {
        const GRID: usize = 1 << 10;
        let w = w * 2f32.powi(-scale);
        let format = PowerOfTwo::new(-7, -1).unwrap();
        let round = |i: usize| {
            f64::from(format.decode(format.stochastic(w, i as f32 / GRID as f32)))
        };
        let mean = (0..GRID).map(round).sum::<f64>() / GRID as f64;
        let gap = f64::from(w.abs()).max(2f64.powi(-7));
        prop_assert!((mean - f64::from(w)).abs() <= gap / GRID as f64, "{} for {}", mean, w);
    }
}

fn four_bits() -> AnyArithmetic {
    AnyArithmetic::own(PowerOfTwo::new(-7, -1).unwrap())
}

#[test]
fn weights_of_four_bits_learn_digits_and_come_back_from_a_checkpoint() {
    let (on, float) = (four_bits(), Float32.into());
    let (trained, wrong) = train_on_digits(&on, Par::Rayon).unwrap();
    let (_, float_wrong) = train_on_digits(&float, Par::Rayon).unwrap();
    // Measured: 12.0 %, in f32 9.7 %; guessing is 90 %.
    assert!(wrong < 0.15, "{:.1} % wrong, in f32 {:.1} %", 100.0 * wrong, 100.0 * float_wrong);
    let (one_thread, _) = train_on_digits(&on, Par::Seq).unwrap();
    let stored = |parameters: &Parameters| -> Vec<_> {
        parameters.iter().map(|parameter| parameter.storage().save()).collect()
    };
    assert_eq!(stored(&trained), stored(&one_thread), "the same bits for any number of threads");
    let matrix = &stored(&trained)[0].values.digits;
    assert!(matches!(matrix, Digits::Codes(Codes::I8(codes)) if codes.len() == 784 * 64));

    let (bytes, with) = (checkpoint::save(&trained, "{}"), Run::new(&Seed::new(1), Par::Seq));
    let (mut restored, _) = network(&on, with);
    assert_ne!(stored(&restored), stored(&trained));
    checkpoint::load(&mut restored, &bytes).unwrap();
    assert_eq!(stored(&restored), stored(&trained));
    let others = [float, AnyArithmetic::own(PowerOfTwo::new(-8, -1).unwrap())];
    for (other, reason) in others.iter().zip(["I8, not f32", "does not hold powers of two 2^-8"]) {
        let error = checkpoint::load(&mut network(other, with).0, &bytes).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn codes_that_there_are_not_are_refused() {
    let mut storage = PowersOfTwo::new(PowerOfTwo::new(-7, -1).unwrap(), &[0.25, -0.5, 0.001]);
    assert_eq!(*storage.values(), [0.25, -0.5, 0.0]);
    for code in [8, -8, i8::MIN] {
        let mut saved = storage.save();
        saved.values.name = "fc1.weight".to_owned();
        saved.values.digits = Digits::Codes(Codes::I8(vec![6, code, 0]));
        let error = storage.restore(&saved).unwrap_err();
        assert_eq!(error, format!("fc1.weight holds the code {code}, beyond 7"));
    }
    assert_eq!(*storage.values(), [0.25, -0.5, 0.0], "as before");
}

#[test]
fn the_example_runs() {
    example::main().unwrap();
}

#[test]
fn the_page_quotes_the_files_and_counts_their_lines() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../../docs/add-an-arithmetic.md")).unwrap();
    let quote = |name: &str, text: &str| {
        // What stands below the heading of the file.
        let (_, section) = page.split_once(&format!("\n## `{name}`")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let quotes: Vec<&str> = section.split("```rust\n").skip(1).collect();
        assert!(!quotes.is_empty(), "nothing of {name} is quoted");
        for quote in quotes {
            let quote = quote.split("```").next().unwrap();
            assert!(text.contains(quote), "{name} has not:\n{quote}");
        }
    };
    let folder = root.join("examples/power_of_two");
    let (mut lines, mut code) = (0, 0);
    for name in ["config.rs", "storage.rs", "multiply.rs", "mod.rs"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        lines += text.lines().count();
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        code += text.lines().filter(is_code).count();
        if name != "mod.rs" {
            quote(name, &text);
        }
    }
    let example = root.join("examples/add_an_arithmetic.rs");
    quote("add_an_arithmetic.rs", &std::fs::read_to_string(example).unwrap());
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 4, "no other file is needed");
    assert!(code < 200, "{code} lines of code");
    let counted = format!("{code} lines of code, {lines} with comments and blank lines");
    assert!(page.contains(&counted), "{counted}");
}
