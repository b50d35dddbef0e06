//! From readings of a laboratory to a device of a tile.
//!
//! ```text
//! files ──read──▶ Readings ──fit──▶ DeviceFit ──measured()──▶ MeasuredConfig, Faults
//! ```
//!
//! Every device i, programmed to the target ĝ, was read at times t:
//!
//! ```text
//! g_i(t) = max(a_i ((t + t₀)/t₀)^−ν_i + σ_read(ĝ) s(t) ξ, 0)
//! a_i = max(mean(ĝ) + std(ĝ) ξ′, 0),   ν_i = ν_mean(ĝ) + ν_std(ĝ) ξ″,   corr(ξ′, ξ″) = ρ
//! ```
//!
//! with s(t) = √ln((t + t_read)/2t_read) if a duration of one read is given and 1 otherwise; where the read noise is a
//! share of the drifted conductance, times ((t + t₀)/t₀)^−ν, too: the model of
//! [`Measured`](crate::device::Measured). A fit goes by these steps.
//!
//! 1. For every device a_i and ν_i by least squares, with what they would err for σ_read = 1; σ_read of a state from
//!    what is left over. A reading that no noise explains is left out.
//! 2. Devices far from the others of their state are stuck: at the lowest conductance, at the highest, or between.
//! 3. Mean and spread of a_i and ν_i over the devices of a state. What the estimates of one device err by
//!    is subtracted from their scatter, so that noisy readings do not look like different devices. Devices at 0
//!    are the cut tail of a normal distribution.
//! 4. Intervals by resampling whole devices.
//! 5. A test on devices that were held out: what the device of the fit, programmed, aged and read as a tile
//!    does it, says of them.
//!
//! States are the targets as they stand where these are few, and otherwise ranges of targets with as many
//! devices each.
//!
//! Assumed: all of it but the model; nothing in the papers says how their authors fitted.

mod checks;
mod column;
mod curve;
mod error;
mod held_out;
mod interval;
mod level;
mod moments;
mod outcome;
mod readings;
mod robust;
mod shape;
mod stuck;
mod text;

pub use error::FitError;
pub use held_out::{Coverage, HeldOut};
pub use interval::Interval;
pub use level::Level;
pub use outcome::{DeviceFit, FitOptions, FittedDevice, StuckShares};
pub use readings::{DeviceReadings, Readings, State};
