//! [`Elements`]: the numbers of an array, no larger than they came.

/// Numbers of one type, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Bytes, such as pixels, and truth values as 0 and 1.
    U8(Vec<u8>),
    /// Real numbers; those of other widths are rounded to them.
    F32(Vec<f32>),
    /// Integers of all other widths.
    I64(Vec<i64>),
}

impl Elements {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    /// Lengths of its axes.
    pub(crate) shape: Vec<usize>,
    /// As many elements as the shape says.
    pub(crate) elements: Elements,
}

/// Little-endian values of N bytes each; none if the last one is cut off.
pub(crate) fn each<const N: usize, T>(bytes: &[u8], of: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (whole, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| whole.iter().map(|&bytes| of(bytes)).collect())
}

/// Unsigned integers of 64 bits.
///
/// # Errors
///
/// A clause, if one is no i64.
pub(crate) fn from_u64(bytes: &[u8]) -> Option<Result<Vec<i64>, String>> {
    let values = each(bytes, u64::from_le_bytes)?;
    let signed = |value: u64| i64::try_from(value).map_err(|_| format!("{value} is too large"));
    Some(values.into_iter().map(signed).collect())
}
