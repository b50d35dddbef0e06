//! A run as the array job of a cluster.
//!
//! ```text
//!   points without a record ──times──▶ costs ──pack──▶ Plan: elements of points ──script──▶ scheduler
//!
//!   element K   the same command with --plan FILE --shard K/N, in the same store as all others
//!   merge       the same command with --collect, after all elements have ended, however they did
//! ```
//!
//! What is done is what lies in the store. No signal, no exit code and no word of the scheduler is
//! needed to go on: an element that is killed, requeued or submitted again runs what has no record,
//! from its last checkpoint.

pub mod pack;
pub mod plan;
pub mod profile;
pub mod queue;
pub mod scheduler;
pub mod script;
pub mod shell;
pub mod status;
pub mod submission;
pub mod times;
