//! [`TileError`]: what can be wrong with weights, times, tables and configurations.

use std::ops::RangeInclusive;

/// Largest factor, noise or exponent of a configuration: far beyond what any device has, and far
/// below what overflows in a product of several of them.
const LARGE: f64 = 1e6;
/// Conductances in µS that a memory device may have.
pub(crate) const CONDUCTANCES_US: RangeInclusive<f32> = 1e-3..=1e5;

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
    /// A digital number of an output is NaN or infinite.
    #[error("{what} {value} of output {output} is not finite")]
    DigitalNotFinite {
        /// Which number.
        what: &'static str,
        /// The number.
        value: f32,
        /// The output.
        output: usize,
    },
    /// The drive of a line, or the derivative by its current, is NaN or infinite.
    #[error("{what} {value} of {line} {index} is not finite")]
    DriveNotFinite {
        /// What drives the line.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Which kind of line.
        line: &'static str,
        /// Its number.
        index: usize,
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
        /// Row of the table, the first one being 1.
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
        problem: String,
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
        if ok {
            return Ok(());
        }
        Err(Self::Config { field, value: value.into(), problem: problem.to_owned() })
    }

    /// Checks that a field lies between two limits, themselves included. NaN does not.
    pub(crate) fn check_within(
        field: &'static str,
        value: impl Into<f64>,
        limits: RangeInclusive<f64>,
    ) -> Result<(), Self> {
        let (value, low, high) = (value.into(), limits.start(), limits.end());
        if limits.contains(&value) {
            return Ok(());
        }
        Err(Self::Config { field, value, problem: format!("lies outside [{low}, {high}]") })
    }

    /// Checks a whole number.
    pub(crate) fn check_count(
        field: &'static str,
        count: usize,
        limits: RangeInclusive<usize>,
    ) -> Result<(), Self> {
        Self::check_within(field, count as f64, *limits.start() as f64..=*limits.end() as f64)
    }

    /// Checks a conductance that is not 0. What no memory device has is in another unit.
    pub(crate) fn check_conductance_us(field: &'static str, value: f32) -> Result<(), Self> {
        let plausible = CONDUCTANCES_US.contains(&value);
        Self::check(plausible, field, value, "lies outside [0.001, 100000]: is it in µS?")
    }

    /// Checks a duration in seconds that is not 0.
    pub(crate) fn check_duration_s(field: &'static str, value: f64) -> Result<(), Self> {
        Self::check_within(field, value, 1e-15..=1e15)
    }

    /// Checks that the digital numbers of rows of `outputs` are finite.
    pub(crate) fn check_digital(
        what: &'static str,
        values: &[f32],
        outputs: usize,
    ) -> Result<(), Self> {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (value, output) = (values[at], at % outputs);
                Err(Self::DigitalNotFinite { what, value, output })
            }
        }
    }

    /// Checks what drives the lines of one kind, one number each, drive after drive.
    pub(crate) fn check_drives(
        what: &'static str,
        line: &'static str,
        values: &[f64],
        lines: usize,
    ) -> Result<(), Self> {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => {
                let (value, index) = (values[at], at % lines);
                Err(Self::DriveNotFinite { what, value, line, index })
            }
        }
    }

    /// Checks a number ≥ 0 that is of the order of 1 in its unit: a factor, a noise, an exponent.
    pub(crate) fn check_size(field: &'static str, value: f32) -> Result<(), Self> {
        Self::check_within(field, value, 0.0..=LARGE)
    }

    /// Checks that a field is a finite number > 0.
    pub(crate) fn check_positive(field: &'static str, value: f32) -> Result<(), Self> {
        Self::check(value.is_finite() && value > 0.0, field, value, "is not finite and > 0")
    }
}
