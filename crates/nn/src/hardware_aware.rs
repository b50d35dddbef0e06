//! The steps around hardware-aware training: onto tiles, and from devices to a drift curve.
//!
//! ```text
//! float ── map_onto_tiles ──▶ tiles ── train ──▶ tiles ── drift_curve ──▶ errors at t₁, t₂, …
//! ```
//!
//! Source: \[Rasch23\] Methods, "hardware-aware training" and "AIMC evaluation".

use crossbar::TileError;

use crate::arithmetic::analog::devices::Devices;
use crate::calibration::{Calibration, calibrate_input_ranges};
use crate::parameters::Parameters;
use crate::pass::Run;
use crate::task::Task;
use crate::train::{EpochStats, evaluate};

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
    run: Run,
) {
    parameters.convert_from(trained);
    calibrate_input_ranges(task, parameters, calibration, run);
}

/// Programs the network into devices of the tiles it was trained on, lets them age, and evaluates
/// the task at each of `times_s`, in seconds after programming and ascending.
///
/// # Errors
///
/// [`TileError`] if a time is negative or not finite.
pub fn drift_curve(
    task: &dyn Task,
    parameters: &Parameters,
    times_s: &[f64],
    run: Run,
) -> Result<Vec<EpochStats>, TileError> {
    let program = |run| Devices::program(parameters, |layer| layer.config().tile().clone(), run);
    age_and_test(program, times_s, run, |devices, run| Ok(evaluate(task, devices, run)))
}

/// As [`drift_curve`], with any devices and any test: `program` gives the devices, mostly by
/// [`Devices::program`], and `test` is asked at each time and may end the curve with an error.
///
/// Devices draw from the seed's child `devices`, read-outs from `read-out`, and a test at time t is
/// given the child `test`, t. So two networks with the same seed see the same draws.
///
/// # Errors
///
/// [`TileError`] if a time is negative or not finite, and what `program` and `test` say.
pub fn age_and_test<'p, T, E: From<TileError>>(
    program: impl FnOnce(Run) -> Result<Devices<'p>, TileError>,
    times_s: &[f64],
    run: Run,
    mut test: impl FnMut(&Devices<'p>, Run) -> Result<T, E>,
) -> Result<Vec<T>, E> {
    let mut devices = program(run.child("devices"))?;
    let at = |&t_s: &f64| {
        devices.age_to(t_s, run.child("read-out"))?;
        test(&devices, run.child("test").child(t_s.to_bits()))
    };
    times_s.iter().map(at).collect()
}
