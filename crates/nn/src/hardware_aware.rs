//! The steps around hardware-aware training: onto tiles, and from devices to a drift curve.
//!
//! ```text
//! float ── map_onto_tiles ──▶ tiles ── train ──▶ tiles ── drift_curve ──▶ errors at t₁, t₂, …
//! ```
//!
//! Source: \[Rasch23\] Methods, "hardware-aware training" and "AIMC evaluation".

use crossbar::TileError;
use numerics::{Par, Seed};

use crate::{EpochStats, Parameters, RangeStatistic, Task, calibrate_input_ranges, evaluate};

/// How input ranges begin: see [`calibrate_input_ranges`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// What of the inputs becomes the range.
    pub statistic: RangeStatistic,
    /// Examples in a mini-batch.
    pub batch: usize,
    /// Mini-batches that are observed.
    pub batches: usize,
}

impl Default for Calibration {
    /// Assumed: 20 mini-batches of 20, for small networks; \[Rasch23\] has 500.
    fn default() -> Self {
        Self { statistic: RangeStatistic::default(), batch: 20, batches: 20 }
    }
}

/// Takes the weights and states of a trained network, in whatever arithmetic, and sets the input
/// range of every layer on tiles from the task's examples.
///
/// # Panics
///
/// As [`Parameters::convert_from`] and [`calibrate_input_ranges`].
#[track_caller]
pub fn map_onto_tiles(
    task: &dyn Task,
    parameters: &mut Parameters,
    trained: &Parameters,
    calibration: Calibration,
    (seed, par): (&Seed, Par),
) {
    let Calibration { statistic, batch, batches } = calibration;
    parameters.convert_from(trained);
    calibrate_input_ranges(task, parameters, statistic, (batch, batches), seed, par);
}

/// Programs the network into devices of the tiles it was trained on, lets them age, and evaluates
/// the task at each of `times_s`, in seconds after programming and ascending. The devices are
/// erased at the end.
///
/// # Errors
///
/// [`TileError`] if a time is negative or not finite.
pub fn drift_curve(
    task: &dyn Task,
    parameters: &mut Parameters,
    times_s: &[f64],
    (seed, par): (&Seed, Par),
) -> Result<Vec<EpochStats>, TileError> {
    let program = |parameters: &mut Parameters, seed: &Seed| {
        parameters.program(|layer| layer.config().tile().clone(), seed, par)
    };
    age_and_test(parameters, program, times_s, (seed, par), |parameters, seed| {
        Ok(evaluate(task, parameters, seed, par))
    })
}

/// As [`drift_curve`], with any devices and any test: `program(parameters, seed)` puts devices in
/// place, mostly by [`Parameters::program`], and `test(parameters, seed)` is asked at each time and
/// may end the curve with an error.
///
/// Devices draw from `seed`'s child `devices`, read-outs from `read-out`, and a test at time t is
/// given the child `test`, t. So two networks with the same seed see the same draws.
///
/// # Errors
///
/// [`TileError`] if a time is negative or not finite, and what `program` and `test` say.
pub fn age_and_test<T, E: From<TileError>>(
    parameters: &mut Parameters,
    program: impl FnOnce(&mut Parameters, &Seed) -> Result<(), TileError>,
    times_s: &[f64],
    (seed, par): (&Seed, Par),
    mut test: impl FnMut(&Parameters, &Seed) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    let read_out = seed.child("read-out");
    let errors = match program(parameters, &seed.child("devices")) {
        Err(error) => Err(error.into()),
        Ok(()) => {
            let at = |&t_s: &f64| {
                parameters.age_to(t_s, &read_out, par)?;
                test(parameters, &seed.child("test").child(t_s.to_bits()))
            };
            times_s.iter().map(at).collect()
        }
    };
    parameters.erase();
    errors
}
