//! How long the paper's networks take for one input, on tiles and in f32.

use crossbar::TileConfig;
use nn::{Analog, AnalogTraining, AnyArithmetic};

use crate::bench::{Measured, Unmeasured, alternate};
use crate::measured::measures::survey::network;

/// Times the forward pass of one input (a share of a batch in recurrent networks) through the
/// network of a row of Table 1 on one thread: on the standard tile as ours, in f32 as the baseline.
pub(crate) fn against_float(name: &str, rounds: usize) -> Result<Measured, Unmeasured> {
    let network = network(name).map_err(|error| error.to_string())?;
    let tile = TileConfig::load("standard-pcm").map_err(|error| error.to_string())?;
    let analog = Analog::new(tile, AnalogTraining::default()).map_err(|error| error.to_string())?;
    let mut tiles = network.build(AnyArithmetic::Analog(Box::new(analog)));
    let mut float = network.build(AnyArithmetic::Float32);
    let per_input = 1.0 / float.batch as f64;
    let Measured { ours_ms, baseline_ms } =
        alternate(rounds, || tiles.forward(), || float.forward());
    Ok(Measured { ours_ms: per_input * ours_ms, baseline_ms: per_input * baseline_ms })
}
