//! [`TileError`]: what can be wrong with weights, times, tables and configurations.

/// Data that no tile can be built from. Messages name the value and its place.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TileError {
    /// A weight is NaN or infinite.
    #[error("weight {value} at (output {output}, input {input}) is not finite")]
    WeightNotFinite {
        /// The weight.
        value: f32,
        /// Its row.
        output: usize,
        /// Its column.
        input: usize,
    },
    /// A weight exceeds what the largest conductance can represent.
    #[error("weight {value} at (output {output}, input {input}) lies outside [−{limit}, {limit}]")]
    WeightRange {
        /// The weight.
        value: f32,
        /// Its row.
        output: usize,
        /// Its column.
        input: usize,
        /// The largest magnitude that can be mapped.
        limit: f32,
    },
    /// A conductance is negative, NaN or infinite.
    #[error("conductance {value} S at (row {row}, column {column}) is not finite and ≥ 0")]
    Conductance {
        /// The conductance in siemens.
        value: f64,
        /// Word line.
        row: usize,
        /// Bit line.
        column: usize,
    },
    /// A wire segment has a negative or non-finite resistance. Zero is an ideal wire.
    #[error("{wire} resistance {value} Ω is not finite and ≥ 0")]
    WireResistance {
        /// Which wire.
        wire: &'static str,
        /// The resistance of one segment in ohms.
        value: f64,
    },
    /// A time before programming, or not a number.
    #[error("time {t_s} s lies before programming (0 s) or is not finite")]
    Time {
        /// Seconds since programming.
        t_s: f64,
    },
    /// A value of a table breaks the order or the range of its column.
    #[error("table column {column}, row {row}: {value} {problem}")]
    Table {
        /// Name of the column.
        column: &'static str,
        /// Row, counted from 0 below the header.
        row: usize,
        /// The value.
        value: f64,
        /// The violated condition.
        problem: &'static str,
    },
    /// A table whose shape or text cannot be read.
    #[error("table: {0}")]
    TableSyntax(String),
    /// A field of a configuration is out of range.
    #[error("{field} = {value} {problem}")]
    Config {
        /// Name of the field.
        field: &'static str,
        /// The value.
        value: f64,
        /// The violated condition.
        problem: &'static str,
    },
    /// A configuration file that cannot be read or parsed.
    #[error("{0}")]
    Syntax(String),
    /// The circuit equations could not be solved to the certified residual.
    #[error("circuit residual {residual:.1e} stays above {tolerance:.1e}")]
    Residual {
        /// Relative residual that was reached.
        residual: f64,
        /// Relative residual that is certified.
        tolerance: f64,
    },
    /// The sparse factorisation ran out of memory or met a matrix that is not positive definite.
    #[error("sparse factorisation: {0}")]
    Factorisation(String),
}

impl TileError {
    /// Checks a field of a configuration.
    pub(crate) fn check(
        ok: bool,
        field: &'static str,
        value: impl Into<f64>,
        problem: &'static str,
    ) -> Result<(), Self> {
        if ok { Ok(()) } else { Err(Self::Config { field, value: value.into(), problem }) }
    }

    /// Checks that a field is a finite number ≥ 0.
    pub(crate) fn check_not_negative(field: &'static str, value: f32) -> Result<(), Self> {
        Self::check(value.is_finite() && value >= 0.0, field, value, "is not finite and ≥ 0")
    }

    /// Checks that a field is a finite number > 0.
    pub(crate) fn check_positive(field: &'static str, value: f32) -> Result<(), Self> {
        Self::check(value.is_finite() && value > 0.0, field, value, "is not finite and > 0")
    }
}
