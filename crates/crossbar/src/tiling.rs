//! [`Cut`]: which part of a matrix each tile holds.
//!
//! Source: [Rasch23 Methods, "tiles"]: as many tiles as needed, of roughly equal size; the first
//! ones take one more, as in AIHWKit 1.1.0, `tiles/array.py`.

mod normalized;

pub use normalized::Normalized;

use std::ops::Range;

use crate::mapping::MappingConfig;
use crate::periphery::Accum;

/// The cut of a matrix (out, in) into parts that tiles hold, those of the first outputs first.
///
/// Each output of each tile has a digital scale; these are numbered tile by tile.
///
/// # Examples
///
/// ```
/// use crossbar::{Cut, TileConfig};
///
/// let config = TileConfig::load("standard-pcm")?; // at most 512 inputs
/// let cut = Cut::new(10, 1000, &config.mapping);
/// assert_eq!(cut.parts()[1].columns, 500..1000);
/// assert_eq!(cut.parts()[1].scales, 10..20);
/// # Ok::<(), crossbar::TileError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    outputs: usize,
    inputs: usize,
    parts: Vec<Part>,
}

/// What one tile holds of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its outputs.
    pub rows: Range<usize>,
    /// Its inputs.
    pub columns: Range<usize>,
    /// Its digital scales among those of all tiles, one for each of its outputs.
    pub scales: Range<usize>,
}

impl Cut {
    /// Cuts a matrix by [`split`] into tiles of at most [`MappingConfig::max_outputs`] and
    /// [`MappingConfig::max_inputs`].
    ///
    /// # Panics
    ///
    /// If there are no outputs or no inputs, or the mapping allows none.
    #[track_caller]
    pub fn new(outputs: usize, inputs: usize, mapping: &MappingConfig) -> Self {
        let max_outputs = mapping.max_outputs.unwrap_or(outputs);
        Self::of_ranges(split(outputs, max_outputs), &split(inputs, mapping.max_inputs))
    }

    /// The matrix on one tile, however large.
    ///
    /// # Panics
    ///
    /// If there are no outputs or no inputs.
    #[track_caller]
    pub fn whole(outputs: usize, inputs: usize) -> Self {
        Self::of_ranges(split(outputs, outputs), &split(inputs, inputs))
    }

    fn of_ranges(rows: Vec<Range<usize>>, columns: &[Range<usize>]) -> Self {
        let end = |ranges: &[Range<usize>]| ranges.last().map_or(0, |range| range.end);
        let (outputs, inputs) = (end(&rows), end(columns));
        let mut parts = Vec::with_capacity(rows.len() * columns.len());
        let mut first = 0;
        for rows in rows {
            for columns in columns {
                let scales = first..first + rows.len();
                first = scales.end;
                parts.push(Part { rows: rows.clone(), columns: columns.clone(), scales });
            }
        }
        Self { outputs, inputs, parts }
    }

    /// Number of outputs of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Number of inputs of the matrix.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What each tile holds.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Number of digital scales: the outputs of all tiles.
    pub fn scales(&self) -> usize {
        self.parts.last().map_or(0, |part| part.scales.end)
    }

    /// For every digital scale, where its weights lie in the matrix: a row of a tile.
    ///
    /// ```text
    /// w[stretch] = γ w̆[stretch]      for every (stretch, γ) of cut.stretches().zip(scales)
    /// ```
    pub fn stretches(&self) -> impl Iterator<Item = Range<usize>> {
        self.parts.iter().flat_map(|part| {
            let columns = &part.columns;
            part.rows.clone().map(|row| {
                let first = row * self.inputs;
                first + columns.start..first + columns.end
            })
        })
    }

    /// Multiplies every row of every tile by its scale: w = γ ⊙ w̆.
    ///
    /// # Shapes
    ///
    /// - `weights`: (out, in)
    /// - `scales`: (scales)
    ///
    /// # Panics
    ///
    /// If a shape differs.
    #[track_caller]
    pub fn scale(&self, weights: &mut [f32], scales: &[f32]) {
        self.check_weights(weights);
        let (have, count) = (scales.len(), self.scales());
        assert_eq!(have, count, "{have} scales for {count} outputs of tiles");
        for (stretch, scale) in self.stretches().zip(scales) {
            weights[stretch].iter_mut().for_each(|w| *w *= scale);
        }
    }

    #[track_caller]
    pub(crate) fn check_weights(&self, weights: &[f32]) {
        let (have, Self { outputs, inputs, .. }) = (weights.len(), self);
        assert_eq!(have, outputs * inputs, "{have} weights for {outputs} × {inputs}");
    }
}

impl Part {
    /// Writes the part's outputs, (batch, its outputs), into their columns of `y`, (batch, `outputs`).
    pub(crate) fn write_outputs(&self, own: &[f32], accum: Accum, y: &mut [f32], outputs: usize) {
        for (y, own) in y.chunks_exact_mut(outputs).zip(own.chunks_exact(self.rows.len())) {
            accum.write(own, &mut y[self.rows.clone()]);
        }
    }

    /// The part's columns of some of its rows of a matrix (out, `inputs`), cut out into `buffer` if
    /// they do not lie together.
    pub(crate) fn rows_of<'a>(
        &self,
        matrix: &'a [f32],
        inputs: usize,
        rows: Range<usize>,
        buffer: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let rows = self.rows.start + rows.start..self.rows.start + rows.end;
        let rows = &matrix[rows.start * inputs..rows.end * inputs];
        if self.columns.len() == inputs {
            return rows;
        }
        buffer.clear();
        for row in rows.chunks_exact(inputs) {
            buffer.extend_from_slice(&row[self.columns.clone()]);
        }
        buffer
    }
}

/// Cuts 0..`size` into ⌈size/max⌉ ranges whose lengths differ by at most one.
///
/// # Examples
///
/// ```
/// assert_eq!(crossbar::split(1025, 512), [0..342, 342..684, 684..1025]);
/// assert_eq!(crossbar::split(512, 512), [0..512]);
/// ```
///
/// # Panics
///
/// If `size` or `max` is zero.
#[track_caller]
pub fn split(size: usize, max: usize) -> Vec<Range<usize>> {
    assert!(size > 0 && max > 0, "cannot cut {size} into parts of at most {max}");
    let parts = size.div_ceil(max);
    let (base, extra) = (size / parts, size % parts);
    let starts = (0..=parts).map(|i| i * base + i.min(extra));
    let starts: Vec<usize> = starts.collect();
    starts.windows(2).map(|w| w[0]..w[1]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_in_one_stretch_and_every_scale_in_one_part() {
        let mapping = crate::TileConfig::load("ideal").unwrap().mapping;
        for (outputs, inputs) in [(1, 1), (7, 30), (9, 31), (13, 64)] {
            let mapping = MappingConfig { max_inputs: 10, max_outputs: Some(4), ..mapping.clone() };
            let cut = Cut::new(outputs, inputs, &mapping);
            assert_eq!((cut.outputs(), cut.inputs()), (outputs, inputs));
            let mut seen = vec![0; outputs * inputs];
            let mut count = 0;
            for part in cut.parts() {
                assert!(part.rows.len() <= 4 && part.columns.len() <= 10);
                assert_eq!(part.scales, count..count + part.rows.len());
                let stretches = cut.stretches().skip(count).take(part.rows.len());
                for (row, stretch) in part.rows.clone().zip(stretches) {
                    assert_eq!(stretch.start, row * inputs + part.columns.start);
                    assert_eq!(stretch.len(), part.columns.len());
                    seen[stretch].iter_mut().for_each(|n| *n += 1);
                }
                count = part.scales.end;
            }
            assert_eq!((cut.scales(), cut.stretches().count()), (count, count));
            assert!(seen.iter().all(|&n| n == 1));
        }
    }

    #[test]
    fn parts_are_equal_up_to_one_and_cover_everything_once() {
        for size in 1..200 {
            for max in 1..70 {
                let parts = split(size, max);
                assert_eq!(parts.len(), size.div_ceil(max));
                assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, size));
                assert!(parts.windows(2).all(|p| p[0].end == p[1].start));
                let lengths: Vec<usize> = parts.iter().map(Range::len).collect();
                assert!(lengths.windows(2).all(|l| l[0] >= l[1]));
                assert!(lengths[0] <= max && lengths[0] - lengths[lengths.len() - 1] <= 1);
            }
        }
    }
}
