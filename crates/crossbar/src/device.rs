//! [`Device`]: what a memory device does to the conductance that it should hold.
//!
//! ```text
//! target ĝ ──program──▶ g_P ──drift to t──▶ g_D(t) ──read──▶ g(t)
//!             once per         deterministic         once per evaluation:
//!             programming      given its exponent    accumulated 1/f noise
//! ```
//!
//! Conductances are in µS, times in seconds since the end of programming. Every random number has
//! a position, so the conductance of device i does not depend on how the array is cut up.

mod config;
pub mod fault;
pub mod hermes;
pub mod ideal;
pub mod measured;
mod model;
pub mod pcm;
pub mod pcm_aihwkit;
pub mod reram_cmo;
pub mod reram_wan;
pub mod state_independent;

pub use config::{DeviceConfig, OwnDevice};
pub use fault::{Faults, Stuck, StuckDevices};
pub use hermes::{Hermes, HermesDevices};
pub use ideal::Ideal;
pub use measured::{ErrorShape, Measured, MeasuredConfig, MeasuredTable, Retention};
pub(crate) use model::one_over_f_growth;
pub use model::{Device, Draws, Programmed};
pub use pcm::{
    Pcm, ReadNoiseOf, drift_exponent_mean, drift_exponent_std, programming_std_us,
    read_noise_coefficient,
};
pub use pcm_aihwkit::PcmAihwkit;
pub use reram_cmo::{AcceptanceRange, ReRamCmo};
pub use reram_wan::ReRamWan;
pub use state_independent::StateIndependent;
