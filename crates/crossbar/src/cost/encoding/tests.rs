//! Tests of what inputs cost the array.

use numerics::{Par, Seed};
use proptest::prelude::*;

use super::*;
use crate::cost::figures::CostFigures;
use crate::cost::tests::ideal_tile;
use crate::mapping::UnitCell;
use crate::{AnalogTile, TileConfig};

/// Amplitudes come from converters of 2^bits units, and take the time of 8 bits.
#[test]
fn a_converter_of_amplitudes_takes_energy_for_its_resolution_and_no_time() {
    let figures =
        CostFigures { input_encoding: InputEncoding::Amplitude, ..CostFigures::standard() };
    let cost = |dac| figures.at_steps(dac, 254.0).tile(&ideal_tile(), &[1.0, 1.0, 0.0, 0.5]);
    let (eight, six) = (cost(254.0), cost(62.0));
    assert_eq!(4.0 * six.energy.dac_pj.nominal, eight.energy.dac_pj.nominal);
    assert_eq!(six.energy.array_pj, eight.energy.array_pj);
    assert_eq!(six.latency_ns, eight.latency_ns);
}

/// Every device of a pair by itself, in f64.
fn naive_array_pj(tile: &AnalogTile, x: &[f32], encoding: InputEncoding) -> f64 {
    let inputs = tile.inputs();
    let mut joules = 0.0;
    for array in tile.conductances_us() {
        for (place, &g) in array.iter().enumerate() {
            let x = f64::from(x[place % inputs]).clamp(-1.0, 1.0);
            let (v, s) = match encoding {
                InputEncoding::PulseWidth => (0.2, 128e-9 * x.abs()),
                InputEncoding::Amplitude => (0.2 * x, 128e-9),
            };
            joules += v * v * f64::from(g) * 1e-6 * s;
        }
    }
    joules * 1e12
}

const INPUTS: usize = 5;

fn tile(w: &[f32]) -> AnalogTile {
    let mut config = TileConfig::load("ideal").unwrap();
    config.mapping.unit_cell = UnitCell::DifferentialPair;
    AnalogTile::program(&config, w, INPUTS, &Seed::new(1), Par::Seq).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1e-9)
}

proptest! {
    #[test]
    fn the_array_pays_for_what_drives_it(
        w in proptest::collection::vec(-1.0f32..1.0, 4 * INPUTS),
        x in proptest::collection::vec(-1.5f32..1.5, INPUTS),
        factor in 0.0f32..1.0,
    ) {
        let tile = tile(&w);
        let pj = |encoding, x: &[f32]| {
            let figures = CostFigures { input_encoding: encoding, ..CostFigures::standard() };
            figures.tile(&tile, x).energy.array_pj.nominal
        };
        let mapped = |f: &dyn Fn(f32) -> f32| x.iter().map(|&x| f(x)).collect::<Vec<f32>>();
        for encoding in [InputEncoding::PulseWidth, InputEncoding::Amplitude] {
            prop_assert!(near(pj(encoding, &x), naive_array_pj(&tile, &x, encoding)));
            // Nothing for nothing, and the sign does not matter.
            prop_assert_eq!(pj(encoding, &[0.0; INPUTS]), 0.0);
            prop_assert_eq!(pj(encoding, &x), pj(encoding, &mapped(&|x| -x)));
            // Inputs add up, one by one.
            let alone = (0..INPUTS).map(|j| {
                let mut one = [0.0; INPUTS];
                one[j] = x[j];
                pj(encoding, &one)
            });
            prop_assert!(near(pj(encoding, &x), alone.sum()));
            // A batch costs its mean.
            let both = [mapped(&|x| x), vec![0.0; INPUTS]].concat();
            prop_assert!(near(pj(encoding, &both), 0.5 * pj(encoding, &x)));
        }
        // Half of an input is half of a width, and a quarter of a square.
        let within = mapped(&|x| x.clamp(-1.0, 1.0));
        let less: Vec<f32> = within.iter().map(|x| factor * x).collect();
        let share = f64::from(factor);
        let [widths, amplitudes] = [InputEncoding::PulseWidth, InputEncoding::Amplitude]
            .map(|encoding| (pj(encoding, &less), pj(encoding, &within)));
        prop_assert!(near(widths.0, share * widths.1));
        prop_assert!(near(amplitudes.0, share * share * amplitudes.1));
        // Widths never cost less, and as much for all or nothing.
        prop_assert!(amplitudes.1 <= widths.1 * (1.0 + 1e-6));
        let whole = mapped(&|x| x.clamp(-1.0, 1.0).round());
        prop_assert!(near(pj(InputEncoding::PulseWidth, &whole), pj(InputEncoding::Amplitude, &whole)));
    }
}
