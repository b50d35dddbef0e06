//! Draws readings from a tile's device, as a laboratory would write them: to see what a fit makes of devices whose
//! properties are known.
//!
//! ```console
//! cargo run --release -p crossbar --example draw_readings -- TILE DEVICES SEED > readings.csv
//! ```
//!
//! DEVICES of each of eleven targets from g_min to g_max are read after 1 s, 1 min, 1 h, 1 day and 1 week.

use std::io::Write;

use crossbar::TileConfig;
use crossbar::device::{Draws, Programmed};
use numerics::Seed;

const TIMES_S: [f64; 5] = [1.0, 60.0, 3600.0, 86_400.0, 604_800.0];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tile, devices, seed] = arguments.as_slice() else {
        return Err("usage: draw_readings TILE DEVICES SEED".into());
    };
    let device = TileConfig::load(tile)?.device.build()?;
    let (devices, seed): (usize, u64) = (devices.parse()?, seed.parse()?);
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "# drawn from the device of {tile}, seed {seed}")?;
    writeln!(out, "device,target (µS),time (s),conductance (µS)")?;
    let [low, high] = [device.g_min_us(), device.g_max_us()];
    for level in 0..11 {
        let seed = Seed::new(seed).child(level);
        let target = vec![low + (high - low) * level as f32 / 10.0; devices];
        let (mut programmed, mut parameter) = (vec![0.0; devices], vec![0.0; devices]);
        device.program(
            &target,
            &Draws::new(seed.child("programming"), 0),
            &mut programmed,
            &mut parameter,
        );
        let state =
            Programmed { target_us: &target, programmed_us: &programmed, parameter: &parameter };
        for (reading, t_s) in TIMES_S.into_iter().enumerate() {
            let mut g = vec![0.0; devices];
            device.drift(state, t_s, &mut g);
            device.read(state, t_s, &Draws::new(seed.child("read").child(reading), 0), &mut g);
            for (index, g) in g.into_iter().enumerate() {
                writeln!(out, "{level}-{index},{},{t_s},{g:.4}", target[index])?;
            }
        }
    }
    Ok(out.flush()?)
}
