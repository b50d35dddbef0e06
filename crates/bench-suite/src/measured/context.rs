//! [`Context`]: what a running point may use.

use datasets::DataSum;
use nn::Processes;
use numerics::Par;

use crate::measured::checkpoint::Checkpoint;
use crate::measured::models::Models;
use crate::measured::networks::subject::Sources;
use crate::measured::progress::PointProgress;

/// What a running point may use.
#[derive(Debug)]
pub struct Context<'a> {
    /// Where networks and data sets are found.
    pub sources: Sources<'a>,
    /// The data sets of the point: what is read must have these checksums.
    pub sums: &'a [DataSum],
    /// Whether kernels may use threads of the current pool.
    pub par: Par,
    /// Those that run the point together with this process: they share its trainings.
    pub processes: &'a Processes,
    /// Where the point says how far it is, and learns that it shall stop.
    pub progress: &'a dyn PointProgress,
    /// Where a long point saves itself.
    pub checkpoint: &'a Checkpoint,
    /// Trained networks that points share.
    pub models: &'a Models,
}
