//! The MVM error of the standard tile, [Rasch23 Eq. 20 and Fig. 4].
//!
//! Convention: 512 × 512 weights from N(0, 0.246) divided by the largest of the matrix, inputs from
//! U(−1, 1), only the active device of a pair, programming error and 20 s of accumulated read noise
//! without drift.

use crossbar::compensation::CompensationScope;
use crossbar::device::DeviceConfig;
use crossbar::{AnalogTile, MvmNoise, TileConfig, WeightScale, mvm_error, presets};
use numerics::{Par, Seed};

const N: usize = 512;
const BATCH: usize = 100;

fn error_percent(change: impl Fn(&mut TileConfig), seed: u64) -> f64 {
    let mut config = presets::standard_pcm();
    config.mapping.scale = WeightScale::Matrix;
    config.compensation.scope = CompensationScope::None;
    if let DeviceConfig::Pcm(pcm) = &mut config.device {
        pcm.drift_scale = 0.0;
    }
    change(&mut config);
    let seed = Seed::new(seed);
    let mut w = vec![0.0; N * N];
    seed.child("w").stream().fill_gaussian(0, &mut w);
    w.iter_mut().for_each(|w| *w *= 0.246);
    let mut x = vec![0.0; BATCH * N];
    seed.child("x").stream().fill_uniform(0, &mut x);
    x.iter_mut().for_each(|x| *x = 2.0 * *x - 1.0);
    let mut tile = AnalogTile::program(&config, &w, N, &seed.child("tile"), Par::Seq).unwrap();
    tile.age_to(20.0, Par::Seq).unwrap();
    let mut y = vec![0.0; BATCH * N];
    let noise = MvmNoise { seed: seed.child("mvm"), first_sample: 0 };
    tile.forward(&x, &noise, Par::Seq, &mut y);
    let exact: Vec<f32> = x
        .chunks_exact(N)
        .flat_map(|x| {
            w.chunks_exact(N)
                .map(move |w| w.iter().zip(x).map(|(w, x)| f64::from(w * x)).sum::<f64>() as f32)
        })
        .collect();
    100.0 * mvm_error(&exact, &y, N)
}

/// The scatter of the cross-check is 5 to 10 % of each value; the matrix maximum adds as much.
fn mean(change: impl Fn(&mut TileConfig)) -> f64 {
    (0..3).map(|seed| error_percent(&change, seed)).sum::<f64>() / 3.0
}

#[test]
fn the_standard_tile_has_an_error_between_13_and_16_percent() {
    let error = mean(|_| ());
    assert!((13.0..16.0).contains(&error), "{error} %");
}

/// Each nonideality, raised alone to where a cross-check of the paper's setting found 20 %: the
/// value at the boost stays within 17 to 23 %, the cross-check's own scatter of 5 to 10 % per
/// parameter and the convention's 0.5 points each way.
#[test]
fn every_boost_brings_the_error_to_about_20_percent() {
    type Boost<'a> = (&'a str, &'a dyn Fn(&mut TileConfig));
    let boosts: [Boost<'_>; 6] = [
        ("IR drop 10.8", &|c| c.ir_drop.scale = 10.8),
        ("output noise 0.33", &|c| c.periphery.adc.noise = 0.33),
        ("read noise 0.071", &|c| {
            c.periphery.read_noise = crossbar::ReadNoise::Pcm { sigma: 0.071 }
        }),
        ("ADC 15 steps", &|c| c.periphery.adc.steps = Some(15.0)),
        ("DAC 7.2 steps", &|c| c.periphery.dac.steps = Some(7.2)),
        ("stuck at zero 1.9 %", &|c| c.faults.stuck_at_reset = 0.019),
    ];
    for (name, boost) in boosts {
        let error = mean(boost);
        assert!((17.0..23.0).contains(&error), "{name}: {error} %");
    }
}
