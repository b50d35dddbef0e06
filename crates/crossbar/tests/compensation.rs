//! What compensation and recalibration do to a drifted tile.

use crossbar::compensation::CompensationScope;
use crossbar::{AnalogTile, MvmNoise, TileConfig, mvm_error, presets};
use numerics::{Par, Seed};

const N: usize = 256;

fn weights() -> Vec<f32> {
    let mut w = vec![0.0; N * N];
    Seed::new(1).stream().fill_gaussian(0, &mut w);
    w.iter().map(|w| (w * 0.246).clamp(-1.0, 1.0)).collect()
}

fn drifted(scope: CompensationScope, t_s: f64) -> AnalogTile {
    let mut config: TileConfig = presets::standard_pcm();
    config.compensation.scope = scope;
    let mut tile = AnalogTile::program(&config, &weights(), N, &Seed::new(2), Par::Seq).unwrap();
    tile.age_to(t_s, Par::Seq).unwrap();
    tile.compensate_drift(&Seed::new(3));
    tile
}

/// Inputs with their exact and their analog outputs.
fn outputs(tile: &AnalogTile) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let mut x = vec![0.0; 100 * N];
    Seed::new(4).stream().fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    let w = weights();
    let exact = x
        .chunks_exact(N)
        .flat_map(|x| w.chunks_exact(N).map(move |w| w.iter().zip(x).map(|(w, x)| w * x).sum()))
        .collect();
    let mut y = vec![0.0; 100 * N];
    let noise = MvmNoise { seed: Seed::new(5), first_sample: 0 };
    tile.forward(&x, &noise, Par::Seq, &mut y);
    (x, exact, y)
}

fn error(tile: &AnalogTile) -> f64 {
    let (_, exact, y) = outputs(tile);
    mvm_error(&exact, &y, N)
}

#[test]
fn the_global_factor_after_an_hour_is_that_of_the_mean_exponent() {
    let tile = drifted(CompensationScope::Global, 3600.0);
    let factor = tile.compensation()[0];
    // ν between 0.049 (large weights) and about 0.06: 181^0.049 = 1.29, 181^0.06 = 1.37; the
    // accumulated noise lowers the factor by up to 3 %.
    assert!((1.25..1.37).contains(&factor), "{factor}");
    assert!(tile.compensation().iter().all(|&f| f == factor));
}

#[test]
fn compensation_brings_most_of_the_error_of_a_year_back() {
    let year = 31_536_000.0;
    let [none, global, column] =
        [CompensationScope::None, CompensationScope::Global, CompensationScope::Column]
            .map(|scope| error(&drifted(scope, year)));
    assert!(none > 0.4 && global < 0.7 * none, "{none} without, {global} with compensation");
    // Columns of 256 random weights drift alike: a factor each is as good, to a tenth.
    assert!(column < 1.1 * global, "{column} by column, {global} globally");
}

#[test]
fn recalibration_never_leaves_a_larger_error_than_it_found() {
    let mut tile = drifted(CompensationScope::None, 86_400.0);
    let (x, exact, before) = outputs(&tile);
    let noise = MvmNoise { seed: Seed::new(6), first_sample: 0 };
    tile.recalibrate(&x, &exact, &noise, Par::Seq).unwrap();
    let (found, left) = (mvm_error(&exact, &before, N), error(&tile));
    assert!(left < 0.8 * found, "{found} before, {left} after");
}
