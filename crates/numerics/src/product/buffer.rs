//! [`Sums`]: the sums of whole rows of a product, and [`Buffer`], their memory.

/// The sums of whole rows, in 32 bits where those are sure to hold them.
pub(super) enum Sums<'a> {
    Narrow(&'a mut [i32]),
    Wide(&'a mut [i64]),
}

impl Sums<'_> {
    /// The sums, widened.
    pub(super) fn to_i64(&self) -> impl Iterator<Item = i64> {
        let (narrow, wide): (&[i32], &[i64]) = match self {
            Self::Narrow(sums) => (sums, &[]),
            Self::Wide(sums) => (&[], sums),
        };
        narrow.iter().map(|&z| i64::from(z)).chain(wide.iter().copied())
    }
}

/// Memory for the sums of one block, used again for the next one.
#[derive(Default)]
pub(super) struct Buffer {
    narrow: Vec<i32>,
    wide: Vec<i64>,
}

impl Buffer {
    /// Room for `len` sums of 32 bits, with anything in it.
    pub(super) fn narrow(&mut self, len: usize) -> &mut [i32] {
        self.narrow.resize(len.max(self.narrow.len()), 0);
        &mut self.narrow[..len]
    }

    /// Room for `len` sums of 64 bits, with anything in it.
    pub(super) fn wide(&mut self, len: usize) -> &mut [i64] {
        self.wide.resize(len.max(self.wide.len()), 0);
        &mut self.wide[..len]
    }
}
