//! [`Sum`]: the integers that hold exact sums: `i64`, or `i32` where that is sure to suffice.

use std::ops::{Add, BitAnd, Shl, Shr};

/// An integer type that holds sums of products.
pub(crate) trait Sum:
    Copy
    + Default
    + Ord
    + Send
    + Sync
    + Add<Output = Self>
    + BitAnd<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
{
    const BITS: u32;

    /// The most bits below a cut that a kernel drops in this type.
    const MAX_SHIFT: u32;

    /// The value, or the end of the range that it lies beyond.
    fn saturated(z: i64) -> Self;

    /// The value modulo 2^[`Self::BITS`].
    fn wrapped(z: i64) -> Self;

    fn to_i64(self) -> i64;

    /// The low 32 bits.
    fn low(self) -> i32;

    fn wrapping_add(self, other: Self) -> Self;

    /// The leading `shift` bits of a random word, `shift` in 1..=[`Self::MAX_SHIFT`].
    fn leading(word: u32, shift: u32) -> Self;
}

impl Sum for i64 {
    const BITS: u32 = 64;
    const MAX_SHIFT: u32 = 32;

    #[inline(always)]
    fn saturated(z: i64) -> Self {
        z
    }

    #[inline(always)]
    fn wrapped(z: i64) -> Self {
        z
    }

    #[inline(always)]
    fn to_i64(self) -> i64 {
        self
    }

    #[inline(always)]
    fn low(self) -> i32 {
        self as i32
    }

    #[inline(always)]
    fn wrapping_add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn leading(word: u32, shift: u32) -> Self {
        ((u64::from(word) << shift) >> 32) as Self
    }
}

impl Sum for i32 {
    const BITS: u32 = 32;
    const MAX_SHIFT: u32 = 30;

    #[inline(always)]
    fn saturated(z: i64) -> Self {
        z.clamp(i64::from(Self::MIN), i64::from(Self::MAX)) as Self
    }

    #[inline(always)]
    fn wrapped(z: i64) -> Self {
        z as Self
    }

    #[inline(always)]
    fn to_i64(self) -> i64 {
        i64::from(self)
    }

    #[inline(always)]
    fn low(self) -> i32 {
        self
    }

    #[inline(always)]
    fn wrapping_add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn leading(word: u32, shift: u32) -> Self {
        (word >> (32 - shift)) as Self
    }
}
