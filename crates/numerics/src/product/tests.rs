//! Products against their definitions, which only tests see.

mod accumulators;
mod products;

use crate::Par;

/// Several threads, where the crate is built with them.
#[cfg(feature = "rayon")]
const THREADS: Par = Par::Rayon;
#[cfg(not(feature = "rayon"))]
const THREADS: Par = Par::Seq;
