//! The results of a panel: from its sums to rows of `y`, and to what is kept beside them.
//!
//! A panel has 16 outputs. Where an array has eight, two samples share a panel from the sums on:
//! their numbers lie one after another, in the random numbers and in `y` too.

use std::ops::Range;

use super::accum::Accum;
use super::adc::Columns;
use super::epilogue::Column;
use super::layout::{HALF, LANES, Lanes};
use super::nonlinearity::Transitions;
use super::operands::Digital;
use super::sums::Sums;

/// What one unit of work writes.
pub(super) struct Written<'a> {
    /// (samples, out)
    pub(super) y: &'a mut [f32],
    /// α z, (samples, out), if it is kept.
    pub(super) products: Option<&'a mut [f32]>,
    /// Words of the masks that are wanted.
    pub(super) clipped_inputs: Option<&'a mut [u16]>,
    pub(super) clipped_outputs: Option<&'a mut [u16]>,
    /// Whether products and clipped outputs are added to those of slices before.
    pub(super) joins: bool,
}

impl Written<'_> {
    /// The same with other results.
    pub(super) fn with<'a>(&'a mut self, y: &'a mut [f32]) -> Written<'a> {
        Written {
            y,
            products: self.products.as_deref_mut(),
            clipped_inputs: self.clipped_inputs.as_deref_mut(),
            clipped_outputs: self.clipped_outputs.as_deref_mut(),
            joins: self.joins,
        }
    }
}

/// Vectors over outputs, filled up to whole panels.
pub(super) struct PaddedColumns<'a> {
    outputs: usize,
    curvature: Vec<f32>,
    gain: Vec<f32>,
    offset: Vec<f32>,
    unit: Vec<f32>,
    transitions: Option<&'a Transitions>,
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl<'a> PaddedColumns<'a> {
    pub(super) fn new(columns: &'a Columns, digital: &Digital<'_>) -> Self {
        let outputs = digital.scale.len();
        let pad = |values: &[f32]| {
            let mut padded = values.to_vec();
            if values.len() == HALF {
                padded.extend_from_slice(values); // for a second sample in the panel
            }
            padded.resize(outputs.next_multiple_of(LANES), 0.0);
            padded
        };
        Self {
            outputs,
            curvature: pad(&columns.curvature),
            gain: pad(&columns.gain),
            offset: pad(&columns.offset),
            unit: pad(&columns.unit),
            transitions: columns.transitions.as_ref(),
            scale: pad(digital.scale),
            bias: pad(digital.bias),
        }
    }

    pub(super) fn panel(&self, index: usize) -> Column<'_> {
        Column {
            curvature: lanes_of(&self.curvature, index),
            gain: lanes_of(&self.gain, index),
            offset: lanes_of(&self.offset, index),
            unit: lanes_of(&self.unit, index),
            transitions: self.transitions,
            first: index * LANES,
            outputs: self.outputs,
            scale: lanes_of(&self.scale, index),
            bias: lanes_of(&self.bias, index),
        }
    }
}

fn lanes_of(values: &[f32], panel: usize) -> &Lanes {
    values[panel * LANES..].first_chunk().expect("vectors are padded to whole panels")
}

/// Brings the sums of two samples into the two halves of a panel each, and returns these.
pub(super) fn join_halves(sums: &mut [Sums]) -> &[Sums] {
    let panels = sums.len().div_ceil(2);
    for panel in 0..panels {
        let (before, from) = sums.split_at_mut(2 * panel);
        match (before.get_mut(panel), from) {
            (None, [first, second, ..]) => copy_half(first, HALF, second),
            (None, _) => {}
            (Some(to), [first, second, ..]) => {
                copy_half(to, 0, first);
                copy_half(to, HALF, second);
            }
            (Some(to), from) => *to = from[0],
        }
    }
    &sums[..panels]
}

/// Copies the first half of a panel to `at` in another.
#[inline(always)]
fn copy_half(to: &mut Sums, at: usize, from: &Sums) {
    to.y[at..at + HALF].copy_from_slice(&from.y[..HALF]);
    to.z[at..at + HALF].copy_from_slice(&from.z[..HALF]);
    to.current[at..at + HALF].copy_from_slice(&from.current[..HALF]);
    to.variance[at..at + HALF].copy_from_slice(&from.variance[..HALF]);
}

/// Where the results of a panel go.
pub(super) struct Place<'a> {
    /// The samples, in their order.
    pub(super) todo: &'a [usize],
    /// Whether two of them share a panel; they are all samples then.
    pub(super) halves: bool,
    pub(super) outputs: usize,
    pub(super) panel: usize,
}

/// What a panel gave, by slot: a sample, or two that share it.
pub(super) struct Results<'a> {
    pub(super) out: &'a [Lanes],
    pub(super) products: &'a [Lanes],
    /// Bit i is set where output i went beyond the bound, bit 16 + i where it came out there.
    pub(super) saturated: &'a [u32],
}

impl Place<'_> {
    fn columns(&self) -> Range<usize> {
        let first = self.panel * LANES;
        first..self.outputs.min(first + LANES)
    }

    /// Writes results; `beyond` hears of every sample which of its outputs went beyond the bound, a
    /// bit for each.
    pub(super) fn write(
        &self,
        results: &Results<'_>,
        accum: Accum,
        written: &mut Written<'_>,
        mut beyond: impl FnMut(usize, u32),
    ) {
        let width = self.columns().len();
        let lanes = (1u32 << width) - 1;
        let stride = self.outputs.div_ceil(LANES);
        let per_slot = if self.halves { 2 } else { 1 };
        for (samples, bits) in self.todo.chunks(per_slot).zip(results.saturated) {
            for (half, &s) in samples.iter().enumerate() {
                let bits = bits >> (half * HALF);
                beyond(s, bits & lanes);
                if let Some(words) = &mut written.clipped_outputs {
                    let word = &mut words[s * stride + self.panel];
                    let before = if written.joins { *word } else { 0 };
                    *word = before | (bits >> LANES & lanes) as u16;
                }
            }
        }
        self.write_rows(accum, results.out, written.y);
        if let Some(products) = &mut written.products {
            let accum = if written.joins { Accum::Add } else { Accum::Replace };
            self.write_rows(accum, results.products, products);
        }
    }

    /// Writes lanes into rows of `y`, (samples, out).
    fn write_rows(&self, accum: Accum, results: &[Lanes], y: &mut [f32]) {
        if self.halves {
            y.chunks_mut(LANES).zip(results).for_each(|(y, result)| write(accum, result, y));
            return;
        }
        let columns = self.columns();
        for (&s, result) in self.todo.iter().zip(results) {
            write(accum, result, &mut y[s * self.outputs..][columns.clone()]);
        }
    }
}

/// Writes as many lanes as there is room for. A whole panel, or half of one, is a copy of known
/// length, without a call.
#[inline(always)]
fn write(accum: Accum, result: &Lanes, y: &mut [f32]) {
    if let Some(y) = y.as_mut_array::<LANES>() {
        accum.write(result, y);
    } else if let Some(y) = y.as_mut_array::<HALF>() {
        accum.write(&result[..HALF], y);
    } else {
        accum.write(&result[..y.len()], y);
    }
}
