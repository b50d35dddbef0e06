//! Concatenation and slicing along an axis.

use std::ops::Range;

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the tensors one after another along `axis`.
///
/// # Panics
///
/// If there are none, or their shapes differ on another axis.
#[track_caller]
pub fn concatenate(step: &mut Step<'_>, parts: &[Var], axis: usize) -> Var {
    let first = step.tape.value(*parts.first().expect("nothing to concatenate")).shape();
    let mut shape = first.to_vec();
    assert!(axis < shape.len(), "a tensor of shape {shape:?} has no axis {axis}");
    shape[axis] = 0;
    let mut widths = Vec::with_capacity(parts.len());
    let inner: usize = shape[axis + 1..].iter().product();
    for &part in parts {
        let other = step.tape.value(part).shape();
        let fits = other.len() == shape.len()
            && (0..shape.len()).all(|i| i == axis || other[i] == shape[i]);
        assert!(fits, "tensors of shapes {first:?} and {other:?} do not join along axis {axis}");
        shape[axis] += other[axis];
        widths.push(other[axis] * inner);
    }
    let row = shape[axis] * inner;
    let mut out = step.tape.scratch(shape.iter().product());
    let mut at = 0;
    for (&part, &width) in parts.iter().zip(&widths) {
        let rows =
            out.chunks_mut(row.max(1)).zip(step.tape.value(part).data().chunks(width.max(1)));
        rows.for_each(|(out, x)| out[at..at + width].copy_from_slice(x));
        at += width;
    }
    let needs_gradient = parts.iter().any(|&part| step.tape.needs_gradient(part));
    let operation = Concatenate { parts: parts.to_vec(), widths, row };
    step.tape.record(Tensor::new(&shape, out), needs_gradient, operation)
}

#[derive(Debug)]
struct Concatenate {
    parts: Vec<Var>,
    widths: Vec<usize>,
    row: usize,
}

impl Operation for Concatenate {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        let mut at = 0;
        for (&part, &width) in self.parts.iter().zip(&self.widths) {
            context.accumulate(part, |dx, _| {
                let rows = dx.chunks_mut(width.max(1)).zip(gradient.chunks(self.row.max(1)));
                for (dx, dy) in rows {
                    dx.iter_mut().zip(&dy[at..]).for_each(|(dx, dy)| *dx += dy);
                }
            });
            at += width;
        }
    }
}

/// Records the part of x that lies in `range` along `axis`.
///
/// # Panics
///
/// If `x` has no such part.
#[track_caller]
pub fn slice(step: &mut Step<'_>, x: Var, axis: usize, range: Range<usize>) -> Var {
    let mut shape = step.tape.value(x).shape().to_vec();
    assert!(
        axis < shape.len() && range.start <= range.end && range.end <= shape[axis],
        "a tensor of shape {shape:?} has no part {range:?} along axis {axis}"
    );
    let inner: usize = shape[axis + 1..].iter().product();
    let row = shape[axis] * inner;
    shape[axis] = range.len();
    let part = range.start * inner..range.end * inner;
    let mut out = step.tape.scratch(shape.iter().product());
    let rows = out.chunks_mut(part.len().max(1)).zip(step.tape.value(x).data().chunks(row.max(1)));
    rows.for_each(|(out, x)| out.copy_from_slice(&x[part.clone()]));
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(Tensor::new(&shape, out), needs_gradient, Slice { x, part, row })
}

#[derive(Debug)]
struct Slice {
    x: Var,
    part: Range<usize>,
    row: usize,
}

impl Operation for Slice {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate(self.x, |dx, _| {
            let rows = dx.chunks_mut(self.row.max(1)).zip(gradient.chunks(self.part.len().max(1)));
            for (dx, dy) in rows {
                dx[self.part.clone()].iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
            }
        });
    }
}
