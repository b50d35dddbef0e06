//! [`Trace`]: what a product did on the array, cycle by cycle, added up.

/// Counts of one product on the array.
///
/// # Examples
///
/// The wave of one full tile takes k + 2n − 2 cycles:
///
/// ```
/// use numerics::{FixedFormat, FixedMatrix};
/// use systolic::{ArrayConfig, ColumnRounding, SystolicArray};
///
/// let format = FixedFormat::new(2, 14)?;
/// let config = ArrayConfig::new(4, format, ColumnRounding::NearestTiesDown);
/// let mut array = SystolicArray::new(config)?;
/// let (a, b) = (FixedMatrix::zeros(format, 4, 10), FixedMatrix::zeros(format, 10, 4));
/// let (_, trace) = array.multiply(&a, &b)?;
/// assert_eq!(trace.wave_cycles, 10 + 2 * 4 - 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// n × n tiles, those that do not fill the array included.
    pub tiles: u64,
    /// Cycles from the first multiplication to the last one, both included.
    pub wave_cycles: u64,
    /// Cycles from the first word entering an edge FIFO to the last one leaving an output FIFO.
    pub total_cycles: u64,
    /// Cycles in which row 0 took a beat: a word for each row and each column.
    pub beats: u64,
    /// Cycles in which everything stood still because an output FIFO was full.
    pub frozen: u64,
    /// Multiply-accumulate operations of the product, l · k · m.
    pub macs: u64,
    /// Results above the largest code.
    pub saturated_high: u64,
    /// Results below the smallest code.
    pub saturated_low: u64,
}

impl Trace {
    /// The share of the n² multipliers that did useful work during the wave, in [0, 1].
    pub fn utilisation(&self, n: usize) -> f64 {
        self.macs as f64 / ((n * n) as f64 * self.wave_cycles as f64)
    }
}
