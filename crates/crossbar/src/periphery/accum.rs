//! [`Accum`]: whether results replace or add.

/// Whether results replace what is in the output or add to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accum {
    /// y = result
    Replace,
    /// y += result: partial sums over tiles and bit slices.
    Add,
}

impl Accum {
    #[inline(always)]
    pub(crate) fn write(self, result: &[f32], y: &mut [f32]) {
        match self {
            Self::Replace => y.copy_from_slice(result),
            Self::Add => y.iter_mut().zip(result).for_each(|(y, result)| *y += result),
        }
    }
}
