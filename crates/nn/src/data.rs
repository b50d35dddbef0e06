//! Examples: [`Images`] and how they become values; [`Sequences`] of vectors; [`batches`]: their
//! order in an epoch.

pub(crate) mod augmentation;
pub(crate) mod images;
pub(crate) mod pixels;
pub(crate) mod sequences;

use numerics::Seed;

pub use augmentation::{Augmentation, Rearrangement};
pub use images::Images;
pub use pixels::{Normalization, PixelError, Pixels};
pub use sequences::Sequences;

/// The batches of one epoch: a random order of 0..`len`, cut into pieces of `batch` (the last one
/// may be shorter). It depends on `seed` only.
///
/// # Panics
///
/// If `batch` is zero.
#[track_caller]
pub fn batches(len: usize, batch: usize, seed: &Seed) -> Vec<Vec<u32>> {
    assert!(batch > 0, "a batch of no examples");
    seed.stream().permutation(len).chunks(batch).map(<[u32]>::to_vec).collect()
}
