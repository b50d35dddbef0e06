//! Workloads, data sets, experiments, claims and the report.

pub mod bench;
