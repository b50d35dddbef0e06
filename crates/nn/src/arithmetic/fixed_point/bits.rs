//! [`ResultBits`]: where the roundings of results and updates take their random bits from.

use std::fmt::Debug;

use numerics::{BitSource, NamedBits, RandomBits, Seed};

/// Where the roundings of whole matrices take their random bits from: those of a product's result,
/// and those of an update.
///
/// [`RandomBits`] look only at names and positions. Hardware also looks at the shape, for which of its
/// generators serves an element, and when, follows from how it cuts the matrix.
pub trait ResultBits: Clone + Debug + Send + Sync + 'static {
    /// The bits of one matrix.
    type Source: BitSource + Sync;

    /// The bits of a matrix of that name: element i, row by row, has those of position `first` + i.
    ///
    /// A name may cover several matrices, one for each part of a batch; then `first` is the number of
    /// elements in the parts before.
    fn of_matrix(&self, name: &Seed, first: u64, shape: (usize, usize)) -> Self::Source;
}

impl ResultBits for RandomBits {
    type Source = NamedBits;

    fn of_matrix(&self, name: &Seed, _: u64, _: (usize, usize)) -> NamedBits {
        self.of(name)
    }
}
