//! Measures, experiments, claims and the report.
//!
//! ```text
//!   Experiment ──points──▶ Runner ──records──▶ Store ──▶ claims, figures, tables ──▶ Report
//!                            │                   ▲
//!                            └── Measure(seed, data): a pure function
//! ```
//!
//! A [`Point`](measured::point::Point) is what can run on its own: a
//! [`Measure`](measured::measure::Measure) and a seed. Its
//! [`Record`](record::Record) is written once, under the hash of everything that made it, so a
//! killed run goes on where it was and points may run on any number of threads or machines.

#![forbid(unsafe_code)]

pub mod bench;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod device_fit;
pub mod experiment;
pub mod experiments;
pub mod fault;
pub mod fetch;
pub mod findings;
pub mod measured;
pub mod merge;
pub mod opened;
pub mod output;
pub mod paper;
pub mod program;
pub mod progress;
pub mod provenance;
pub mod record;
pub mod report;
pub mod request;
pub mod runner;
pub mod signals;
pub mod stop;
pub mod store;
#[cfg(test)]
#[path = "../../datasets/src/testing.rs"]
mod testing;

pub use measured::error::Error;

/// `docs/hardware-aware.md`, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/hardware-aware.md")]
pub struct HardwareAwareTutorial;

/// The README, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
