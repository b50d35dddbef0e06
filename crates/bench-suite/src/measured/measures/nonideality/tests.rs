//! Every axis leaves the standard tile as it is, and hurts in its direction.

use crossbar::{AnalogTile, presets};
use numerics::{Par, Seed};

use super::*;
use crate::measured::measures::product::{Product, gaussian, uniform};

/// Inputs and outputs of the tile of these tests.
const SIZE: usize = 64;

fn standard() -> TileConfig {
    let mut tile = presets::standard_pcm();
    // A part of the axis of tile sizes cuts even this small tile.
    tile.mapping.scale = crossbar::WeightScale::Matrix;
    tile
}

#[test]
fn every_nonideality_has_one_axis_with_a_name_of_its_own() {
    for (index, axis) in AXES.iter().enumerate() {
        assert!(std::ptr::eq(axis.nonideality.axis(), axis), "{:?}", axis.nonideality);
        let id = serde_json::to_value(axis.nonideality).unwrap();
        assert_eq!(serde_json::from_value::<Nonideality>(id).unwrap(), axis.nonideality);
        assert!(AXES[..index].iter().all(|other| other.words != axis.words), "{}", axis.words);
        assert!(!axis.words.is_empty() && !axis.unit.is_empty() && !axis.source.is_empty());
    }
}

#[test]
fn the_standard_value_gives_the_standard_tile_bit_for_bit() {
    for axis in &AXES {
        let mut tile = presets::standard_pcm();
        axis.nonideality.apply(&mut tile, axis.standard).unwrap();
        assert_eq!(tile, presets::standard_pcm(), "{}", axis.words);
    }
}

#[test]
fn excess_is_zero_at_the_standard_value_and_grows_over_the_interval() {
    for axis in &AXES {
        assert_eq!(axis.excess(axis.standard), 0.0, "{}", axis.words);
        let [low, high] = axis.log_interval();
        assert!(low < high, "{}: ln e from {low} to {high}", axis.words);
        for step in 0..=20 {
            let excess = (low + f64::from(step) / 20.0 * (high - low)).exp();
            let back = axis.excess(axis.at_excess(excess));
            // Whole numbers come back as the nearest of them; the others lose a difference of
            // numbers near one.
            let same = (back - excess).abs() <= 1e-9 * excess.max(1.0);
            assert!(axis.whole || same, "{}: {excess} became {back}", axis.words);
        }
    }
}

/// The error of a product with the same draws at every value.
fn errors(axis: &Axis, excesses: &[f64]) -> Vec<f64> {
    let seed = Seed::new(1);
    let weights = gaussian(&seed.child("weights"), 0.246, SIZE * SIZE);
    let x = uniform(&seed.child("inputs"), 60 * SIZE);
    let error = |excess: &f64| {
        let mut config = standard();
        axis.nonideality.apply(&mut config, axis.at_excess(*excess)).unwrap();
        let product = Product {
            config: &config,
            weights: &weights,
            inputs: SIZE,
            x: &x,
            input_range: 1.0,
            t_s: Some(3600.0),
        };
        product.error_percent(&seed.child("product"), Par::Seq).unwrap()
    };
    excesses.iter().map(error).collect()
}

#[test]
fn more_of_it_raises_the_error_of_a_product() {
    for axis in &AXES {
        let [low, high] = axis.log_interval();
        let steps = (0..=6).map(|step| (low + f64::from(step) / 6.0 * (high - low)).exp());
        let excesses: Vec<f64> = std::iter::once(0.0).chain(steps).collect();
        let errors = errors(axis, &excesses);
        let what = format!("{}: {errors:.2?}", axis.words);
        let (first, last) = (errors[0], errors[errors.len() - 1]);
        assert!(last > 1.2 * first, "{what}");
        if axis.not_monotone.is_none() {
            // The draws are the same, but what is rounded or cut differs: a fiftieth of the error.
            assert!(errors.windows(2).all(|pair| pair[1] >= 0.98 * pair[0]), "{what}");
        }
    }
}

#[test]
fn what_is_in_the_periphery_leaves_the_devices_alone() {
    let weights = gaussian(&Seed::new(2), 0.2, SIZE * SIZE);
    let devices = |config: &TileConfig| -> Vec<f32> {
        let seed = Seed::new(3);
        let mut tile = AnalogTile::program(config, &weights, SIZE, &seed, Par::Seq).unwrap();
        tile.age_to(3600.0, Par::Seq).unwrap();
        tile.conductances_us().flatten().copied().collect()
    };
    for axis in AXES.iter().filter(|axis| axis.stage != Stage::Layout) {
        let mut tile = standard();
        axis.nonideality.apply(&mut tile, axis.interval[1]).unwrap();
        let same = devices(&tile) == devices(&standard());
        assert_eq!(same, axis.stage == Stage::Periphery, "{}", axis.words);
    }
}

#[test]
fn what_a_tile_does_not_have_is_an_error() {
    let mut tile = TileConfig::load("ideal").unwrap();
    let error = Nonideality::Drift.apply(&mut tile, 2.0).unwrap_err();
    assert_eq!(error.to_string(), "the device of the tile has no scale of its drift");
    let error = Nonideality::StuckMax.apply(&mut tile, 200.0).unwrap_err();
    assert_eq!(error.to_string(), "stuck_at_g_max = 2 lies outside [0, 1]");
}

#[test]
fn values_are_written_with_three_digits() {
    assert_eq!(Nonideality::Pcm.axis().text(1.2345), "×1.23");
    assert_eq!(Nonideality::StuckReset.axis().text(0.42), "0.420 %");
    assert_eq!(Nonideality::DacBits.axis().text(5.04), "5.0");
    assert_eq!(Nonideality::TileSize.axis().text(64.0), "64");
}
