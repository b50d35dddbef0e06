//! Workloads, data sets, experiments, claims and the report.
//!
//! ```text
//!   Experiment ──points──▶ Runner ──records──▶ Store ──▶ claims, figures, tables ──▶ Report
//!                            │                   ▲
//!                            └── workload(config, seed, data): a pure function
//! ```
//!
//! A [`Point`](experiment::Point) is what can run on its own: a configuration and a seed. Its
//! [`Record`](record::Record) is written once, under the hash of everything that made it, so a
//! killed run goes on where it was and points may run on any number of threads or machines.

#![forbid(unsafe_code)]

pub mod bench;
pub mod claim;
pub mod cli;
pub mod datasets;
mod error;
pub mod experiment;
pub mod experiments;
pub mod fault;
mod files;
pub mod merge;
pub mod output;
pub mod paper;
pub mod progress;
pub mod provenance;
pub mod record;
pub mod report;
pub mod runner;
pub mod signals;
pub mod statistics;
pub mod store;
#[cfg(test)]
mod testing;
pub mod workloads;

pub use error::Error;

/// `docs/hardware-aware.md`, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/hardware-aware.md")]
pub struct HardwareAwareTutorial;

/// The README, whose code the documentation tests run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
