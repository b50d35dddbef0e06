//! [`PointProgress`]: where a running point says how far it is, and learns that it shall stop.

use std::fmt::Debug;

/// The progress of one point, whoever shows it.
pub trait PointProgress: Debug + Sync {
    /// Whether the run shall stop.
    fn stopped(&self) -> bool;

    /// Counts units of work as done.
    fn advance(&self, units: u64);

    /// Counts all units up to `units` as done.
    fn reach(&self, units: u64);

    /// Says a line that stays.
    fn warn(&self, line: &str);

    /// Says how far the point is.
    fn say(&self, message: &str);
}
