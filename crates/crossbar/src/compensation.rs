//! Drift compensation: one digital factor, or one per column, from a read-out with known inputs.
//!
//! ```text
//! s_ref after programming, s_t at the time of inference:    γ_i ← γ_i · s_ref / s_t
//! ```
//!
//! Source: [Rasch23 Methods, "global drift compensation"]; AIHWKit 1.1.0,
//! `inference/compensation/drift.py`.

pub(crate) mod config;
pub(crate) mod reference;

pub use config::{CompensationConfig, CompensationReference, CompensationScope, ReadoutInputs};
pub use reference::{DriftReadout, DriftReference};
