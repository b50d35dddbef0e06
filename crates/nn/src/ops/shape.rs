//! The same elements in another shape or another order of axes.

use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records x with another shape and the same elements in the same row-major order.
///
/// # Panics
///
/// If the shape holds another number of elements.
#[track_caller]
pub fn reshape(step: &mut Step<'_>, x: Var, shape: &[usize]) -> Var {
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    out.copy_from_slice(step.tape.value(x).data());
    let value = Tensor::new(shape, out);
    let needs_gradient = step.tape.needs_gradient(x);
    step.tape.record(value, needs_gradient, Reshape { x })
}

/// Records x as (batch, everything else).
///
/// # Panics
///
/// If `x` has no axis, or no element.
#[track_caller]
pub fn flatten(step: &mut Step<'_>, x: Var) -> Var {
    let (batch, len) = (step.tape.value(x).shape()[0], step.tape.value(x).data().len());
    assert!(len > 0, "a tensor of shape {:?} has nothing to flatten", step.tape.value(x).shape());
    reshape(step, x, &[batch, len / batch])
}

#[derive(Debug)]
struct Reshape {
    x: Var,
}

impl Operation for Reshape {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        if context.needs_gradient(self.x) {
            let mut dx = context.scratch(gradient.len());
            dx.copy_from_slice(gradient);
            context.give(self.x, dx);
        }
    }
}

/// Records x with its axes in another order: axis i of the result is axis `order[i]` of x.
///
/// # Panics
///
/// Unless `order` names every axis once.
#[track_caller]
pub fn permute(step: &mut Step<'_>, x: Var, order: &[usize]) -> Var {
    let shape = step.tape.value(x).shape();
    let mut seen = order.to_vec();
    seen.sort_unstable();
    assert!(
        seen.iter().copied().eq(0..shape.len()),
        "{order:?} is no order of the axes of a tensor of shape {shape:?}"
    );
    let strides = strides(shape);
    let permuted: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let mut out = step.tape.scratch(step.tape.value(x).data().len());
    let data = step.tape.value(x).data();
    each_line(&permuted, &steps, |first, line, step| {
        let out = &mut out[line];
        if step == 1 {
            out.copy_from_slice(&data[first..first + out.len()]);
        } else {
            out.iter_mut().zip(data[first..].iter().step_by(step)).for_each(|(y, x)| *y = *x);
        }
    });
    let needs_gradient = step.tape.needs_gradient(x);
    let operation = Permute { x, permuted: permuted.clone(), steps };
    step.tape.record(Tensor::new(&permuted, out), needs_gradient, operation)
}

/// Records the transpose of the last two axes.
///
/// # Panics
///
/// If there are fewer than two.
#[track_caller]
pub fn transpose(step: &mut Step<'_>, x: Var) -> Var {
    let axes = step.tape.value(x).shape().len();
    assert!(axes >= 2, "a tensor of shape {:?} has no transpose", step.tape.value(x).shape());
    let mut order: Vec<usize> = (0..axes).collect();
    order.swap(axes - 2, axes - 1);
    permute(step, x, &order)
}

#[derive(Debug)]
struct Permute {
    x: Var,
    permuted: Vec<usize>,
    steps: Vec<usize>,
}

impl Operation for Permute {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        if !context.needs_gradient(self.x) {
            return;
        }
        let mut dx = context.scratch(gradient.len());
        each_line(&self.permuted, &self.steps, |first, line, step| {
            let dy = &gradient[line];
            if step == 1 {
                dx[first..first + dy.len()].copy_from_slice(dy);
            } else {
                dx[first..].iter_mut().step_by(step).zip(dy).for_each(|(dx, dy)| *dx = *dy);
            }
        });
        context.give(self.x, dx);
    }
}

/// Elements from one index to the next on each axis of a row-major tensor.
fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The fewest axes that lead through the same elements in the same order: without those of length 1, and
/// with neighbours as one where they are one in x, too.
fn joined(shape: &[usize], steps: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let (mut lengths, mut strides) = (Vec::new(), Vec::new());
    for (&len, &step) in shape.iter().zip(steps).filter(|(len, _)| **len != 1) {
        match (lengths.last_mut(), strides.last_mut()) {
            (Some(outer), Some(stride)) if *stride == len * step => {
                *outer *= len;
                *stride = step;
            }
            _ => {
                lengths.push(len);
                strides.push(step);
            }
        }
    }
    (lengths, strides)
}

/// Calls `f(first element in x, range in the result, step in x)` for every line along the last
/// axis of a result of that shape, whose axes advance by `steps` in x; neighbouring axes that are one in x
/// are one line.
fn each_line(
    shape: &[usize],
    steps: &[usize],
    mut f: impl FnMut(usize, std::ops::Range<usize>, usize),
) {
    let (shape, steps) = joined(shape, steps);
    let Some((&len, outer)) = shape.split_last() else { return f(0, 0..1, 1) };
    if shape.contains(&0) {
        return;
    }
    let mut index = vec![0; outer.len()];
    for line in 0..outer.iter().product() {
        let first = index.iter().zip(&steps).map(|(i, step)| i * step).sum();
        f(first, line * len..(line + 1) * len, steps[outer.len()]);
        for axis in (0..outer.len()).rev() {
            index[axis] += 1;
            if index[axis] < outer[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every order of shapes with axes of length 1 and none, element by element.
    #[test]
    fn lines_lead_through_every_element() {
        let shapes: [&[usize]; 7] =
            [&[], &[3], &[1, 1], &[2, 1, 3], &[2, 3, 4], &[1, 2, 2, 1], &[2, 0, 3]];
        for shape in shapes {
            let mut orders: Vec<Vec<usize>> = vec![vec![]];
            for axis in 0..shape.len() {
                let all = orders.into_iter();
                orders = all
                    .flat_map(|order| {
                        (0..=order.len()).map(move |at| {
                            let mut longer = order.clone();
                            longer.insert(at, axis);
                            longer
                        })
                    })
                    .collect();
            }
            for order in orders {
                let of_x = strides(shape);
                let permuted: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
                let steps: Vec<usize> = order.iter().map(|&axis| of_x[axis]).collect();
                let count = permuted.iter().product();
                let mut found = vec![usize::MAX; count];
                each_line(&permuted, &steps, |first, line, step| {
                    for (k, at) in line.enumerate() {
                        found[at] = first + k * step;
                    }
                });
                let of_result = strides(&permuted);
                let expected = (0..count).map(|at| -> usize {
                    let index = |i: usize| at / of_result[i] % permuted[i];
                    (0..permuted.len()).map(|i| index(i) * steps[i]).sum()
                });
                assert_eq!(found, expected.collect::<Vec<_>>(), "{shape:?} {order:?}");
            }
        }
    }
}
