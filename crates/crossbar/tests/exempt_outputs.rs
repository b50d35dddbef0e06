//! Outputs that are exempted from the errors of their devices.

use crossbar::{AnalogMatrix, AnalogTile, TileConfig, presets};
use numerics::{Par, Seed};

const INPUTS: usize = 40;
const OUTPUTS: usize = 24;

fn weights() -> Vec<f32> {
    let mut w = vec![0.0; OUTPUTS * INPUTS];
    Seed::new(1).stream().fill_gaussian(0, &mut w);
    w.iter().map(|w| (w * 0.246).clamp(-1.0, 1.0)).collect()
}

fn flags() -> Vec<bool> {
    (0..OUTPUTS).map(|output| output % 3 == 0).collect()
}

/// Programmed, some outputs exempted, after an hour and with drift compensated.
fn aged(config: &TileConfig, exempt: &[bool]) -> AnalogTile {
    let mut tile =
        AnalogTile::program(config, &weights(), INPUTS, &Seed::new(2), Par::Seq).unwrap();
    tile.exempt_outputs(exempt, Par::Seq);
    tile.age_to(3600.0, Par::Seq).unwrap();
    tile.compensate_drift(&Seed::new(3));
    tile
}

/// Exempted outputs have their weights to the rounding of the mapping, on one device per weight, on
/// pairs, and with every device stuck; the devices of the others are those of a tile without
/// exemptions.
#[test]
fn exempted_outputs_are_exact_and_the_others_as_before() {
    let mut stuck = presets::standard_pcm();
    stuck.faults.stuck_at_random = 1.0;
    let pair = TileConfig::load("reram-wan").unwrap();
    for config in [presets::standard_pcm(), stuck, pair] {
        let tile = aged(&config, &flags());
        let plain = aged(&config, &[false; OUTPUTS]);
        let (found, wanted) = (tile.weights(), weights());
        let rows = found.chunks_exact(INPUTS).zip(wanted.chunks_exact(INPUTS));
        for (output, (found, wanted)) in rows.enumerate() {
            let error = |found: &[f32]| {
                found.iter().zip(wanted).map(|(f, w)| (f - w).abs()).fold(0.0, f32::max)
            };
            if output % 3 == 0 {
                assert!(error(found) < 1e-6, "output {output} errs by {}", error(found));
            } else {
                assert!(error(found) > 1e-3, "output {output} errs by {}", error(found));
            }
        }
        for (found, plain) in tile.conductances_us().zip(plain.conductances_us()) {
            let rows = found.chunks_exact(INPUTS).zip(plain.chunks_exact(INPUTS));
            for (output, (found, plain)) in rows.enumerate() {
                assert_eq!(found == plain, output % 3 != 0, "output {output}");
            }
        }
    }
}

/// The factor of the drift is that of the devices that drift: were the exempted ones in the
/// read-out, it would be nearer to 1.
#[test]
fn compensation_leaves_exempted_outputs_out() {
    let tile = aged(&presets::standard_pcm(), &flags());
    for (output, &factor) in tile.compensation().iter().enumerate() {
        if output % 3 == 0 {
            assert_eq!(factor, 1.0, "output {output}");
        } else {
            // 181^0.049 = 1.29 to 181^0.06 = 1.37, less the accumulated noise.
            assert!((1.22..1.40).contains(&factor), "output {output}: {factor}");
        }
    }
    let all = aged(&presets::standard_pcm(), &[true; OUTPUTS]);
    assert!(all.compensation().iter().all(|&factor| factor == 1.0));
}

#[test]
fn an_output_is_exempted_on_all_of_its_tiles() {
    let mut config = presets::standard_pcm();
    (config.mapping.max_inputs, config.mapping.max_outputs) = (15, Some(10));
    let mut matrix =
        AnalogMatrix::program(&config, &weights(), INPUTS, &Seed::new(2), Par::Seq).unwrap();
    matrix.exempt_outputs(&flags(), Par::Seq);
    matrix.age_to(3600.0, Par::Seq).unwrap();
    matrix.compensate_drift(&Seed::new(3));
    let (found, wanted) = (matrix.weights(), weights());
    let rows = found.chunks_exact(INPUTS).zip(wanted.chunks_exact(INPUTS));
    for (output, (found, wanted)) in rows.enumerate() {
        let exact = found.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 1e-6);
        assert_eq!(exact, output % 3 == 0, "output {output}");
    }
}

#[test]
#[should_panic(expected = "outputs are exempted after programming, not at 5 s")]
fn an_aged_tile_cannot_be_exempted() {
    let config = presets::standard_pcm();
    let mut tile =
        AnalogTile::program(&config, &weights(), INPUTS, &Seed::new(2), Par::Seq).unwrap();
    tile.age_to(5.0, Par::Seq).unwrap();
    tile.exempt_outputs(&[true; OUTPUTS], Par::Seq);
}
