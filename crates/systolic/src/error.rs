//! What can be wrong with an array, with a product that it is given, or with a board.

use numerics::{FixedFormat, LfsrError};

use crate::dsp::{ACCUMULATOR_BITS, MULTIPLIER_BITS};

/// An array that cannot be built, or a product that it cannot compute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// A size that must be at least 1 is 0.
    #[error("{0} is 0")]
    Zero(&'static str),
    /// A size is far beyond what can be built.
    #[error("{what} is {value}, above {limit}")]
    TooLarge {
        /// The size.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The largest one that is taken.
        limit: usize,
    },
    /// An operand is wider than the inputs of the multiplier.
    #[error(
        "operand {operand} in {format} has {} bits, but the multipliers take {MULTIPLIER_BITS}",
        format.word_length()
    )]
    MultiplierWidth {
        /// `A` or `B`.
        operand: char,
        /// The format of the operand.
        format: FixedFormat,
    },
    /// The sum of `k` products of extreme codes does not fit the accumulator.
    #[error(
        "k = {k} products of {a} and {b} need {bits} bits, but the accumulators have {ACCUMULATOR_BITS}"
    )]
    AccumulatorWidth {
        /// Length of the inner products.
        k: usize,
        /// The format of the left operand.
        a: FixedFormat,
        /// The format of the right operand.
        b: FixedFormat,
        /// Bits that the largest sum plus the rounding bits needs.
        bits: u32,
    },
    /// The rounding unit would have to drop fewer than 0 or more than 32 bits.
    #[error("from products of {a} and {b} to {out}, {drop} bits would be dropped, outside 0..=32")]
    Cut {
        /// The format of the left operand.
        a: FixedFormat,
        /// The format of the right operand.
        b: FixedFormat,
        /// The format of the result.
        out: FixedFormat,
        /// FL of `a` + FL of `b` − FL of `out`.
        drop: i32,
    },
    /// The registers hold fewer bits than are dropped.
    #[error("an LFSR of {width} bits cannot fill the {drop} bits that are dropped")]
    NarrowLfsr {
        /// Bits of each register.
        width: u32,
        /// Bits below the cut.
        drop: u32,
    },
    /// There is not one LFSR seed per column.
    #[error("{seeds} LFSR seeds for {n} columns")]
    Seeds {
        /// Number of seeds given.
        seeds: usize,
        /// Number of columns.
        n: usize,
    },
    /// A register that cannot work.
    #[error(transparent)]
    Lfsr(#[from] LfsrError),
    /// An operand is not in the format that the array was built for.
    #[error("operand {operand} is in {given}, but the array was built for {expected}")]
    OperandFormat {
        /// `A` or `B`.
        operand: char,
        /// The format that the array was built for.
        expected: FixedFormat,
        /// The format of the operand.
        given: FixedFormat,
    },
}

/// A board that cannot hold the array, or that does not describe one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoardError {
    /// A size that must be at least 1 is 0.
    #[error("{0} is 0")]
    Zero(&'static str),
    /// The board has fewer units of a resource than the array needs.
    #[error("a {n} × {n} array needs {needed} {resource}, but {board} has {available}")]
    TooSmall {
        /// Name of the board.
        board: String,
        /// Rows and columns of the array.
        n: usize,
        /// The resource that runs out.
        resource: &'static str,
        /// Units needed.
        needed: u64,
        /// Units that the board has.
        available: u64,
    },
    /// A quantity that must be positive and finite is not.
    #[error("{key} = {value} is not a positive number")]
    NotPositive {
        /// The key of the quantity.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// A quantity is far beyond what any board has: a slip of its unit, or of its digits.
    #[error("{key} = {value} is above {limit:e}")]
    TooLarge {
        /// The key of the quantity.
        key: &'static str,
        /// Its value.
        value: f64,
        /// The largest one that is taken.
        limit: f64,
    },
    /// The text is not a board.
    #[error("not a board: {0}")]
    Toml(#[from] toml::de::Error),
}
