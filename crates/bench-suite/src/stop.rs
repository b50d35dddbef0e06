//! [`Stop`]: the wish that a run ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The wish that a run ends: its points stop at their next step. All clones are one wish.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for the end; whether someone had asked before.
    pub fn ask(&self) -> bool {
        self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether someone has asked for the end.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
