//! Functions along axes: softmax, means and sums, normalisations of examples.

use nn::{Step, Tensor, Var, ops};

use super::{Worked, output};
use crate::error::Reason;
use crate::graph::Node;
use crate::ops::binary::{Binary, binary};
use crate::ops::unary::{Unary, unary};
use crate::tensor::axis;

/// Runs a node of this kind.
pub(super) fn run(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let x = worked.plain(node.input(0)?, step)?;
    let y = match &*node.operator {
        "Softmax" | "LogSoftmax" => softmax(node, x, step)?,
        "InstanceNormalization" => {
            let groups = *step.tape.value(x).shape().get(1).ok_or("no channels")?;
            let epsilon = node.attributes.float("epsilon", 1e-5);
            let y = grouped(x, groups, epsilon, step)?;
            affine(node, y, worked, step)?
        }
        "GroupNormalization" => {
            let groups = usize::try_from(node.attributes.integer("num_groups", 0)).unwrap_or(0);
            let epsilon = node.attributes.float("epsilon", 1e-5);
            let y = grouped(x, groups, epsilon, step)?;
            affine(node, y, worked, step)?
        }
        "RMSNormalization" => {
            let square = binary(step, x, x, Binary::Mul)?;
            let rank = step.tape.value(x).shape().len();
            let first = axis(node.attributes.integer("axis", -1), rank)?;
            let axes: Vec<usize> = (first..rank).collect();
            let mean = reduce(step, square, &axes, true, true);
            let y = over_root(step, x, mean, node.attributes.float("epsilon", 1e-5))?;
            let scale = worked.plain(node.input(1)?, step)?;
            binary(step, y, scale, Binary::Mul)?
        }
        _ => reduction(node, x, worked, step)?,
    };
    worked.set_plain(output(node)?, y);
    Ok(())
}

fn softmax(node: &Node, x: Var, step: &mut Step<'_>) -> Reason<Var> {
    let rank = step.tape.value(x).shape().len();
    let of = axis(node.attributes.integer("axis", -1), rank)?;
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(of, rank - 1);
    let last = of == rank - 1;
    let x = if last { x } else { ops::permute(step, x, &order) };
    let y = match &*node.operator {
        "Softmax" => ops::softmax(step, x),
        _ => ops::log_softmax(step, x),
    };
    Ok(if last { y } else { ops::permute(step, y, &order) })
}

fn reduction(node: &Node, x: Var, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<Var> {
    let rank = step.tape.value(x).shape().len();
    let given = match (node.attributes.integers("axes"), node.inputs.get(1).copied().flatten()) {
        (Some(axes), _) => Some(axes.to_vec()),
        (None, Some(value)) => {
            let axes = worked.host(value).ok_or("axes that depend on the data")?;
            Some(axes.integers()?.to_vec())
        }
        _ => None,
    };
    let given = given.filter(|axes| !axes.is_empty());
    if given.is_none() && node.attributes.integer("noop_with_empty_axes", 0) != 0 {
        return Ok(x);
    }
    let mut axes: Vec<usize> = match given {
        Some(axes) => axes.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    axes.sort_unstable();
    axes.dedup();
    let keep = node.attributes.integer("keepdims", 1) != 0;
    Ok(match &*node.operator {
        "ReduceMean" => reduce(step, x, &axes, true, keep),
        "ReduceSum" => reduce(step, x, &axes, false, keep),
        _ => {
            let square = binary(step, x, x, Binary::Mul)?;
            let sum = reduce(step, square, &axes, false, keep);
            if node.operator == "ReduceL2" { unary(step, sum, Unary::Sqrt) } else { sum }
        }
    })
}

/// The sum or mean over some axes, which stay with length 1 if they are kept.
fn reduce(step: &mut Step<'_>, x: Var, axes: &[usize], mean: bool, keep: bool) -> Var {
    let shape = step.tape.value(x).shape().to_vec();
    if axes.is_empty() {
        return x;
    }
    let neighbours = axes.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let (x, range) = if neighbours {
        (x, axes[0]..axes[axes.len() - 1] + 1)
    } else {
        let others = (0..shape.len()).filter(|i| !axes.contains(i));
        let order: Vec<usize> = others.chain(axes.iter().copied()).collect();
        (ops::permute(step, x, &order), shape.len() - axes.len()..shape.len())
    };
    let y = match mean {
        true => ops::mean_axes(step, x, range),
        false => ops::sum_axes(step, x, range),
    };
    let kept = shape
        .iter()
        .enumerate()
        .filter_map(|(i, &n)| if axes.contains(&i) { keep.then_some(1) } else { Some(n) });
    let kept: Vec<usize> = kept.collect();
    ops::reshape(step, y, &kept)
}

/// Each group of channels of each example with mean 0 and variance 1.
fn grouped(x: Var, groups: usize, epsilon: f32, step: &mut Step<'_>) -> Reason<Var> {
    let shape = step.tape.value(x).shape().to_vec();
    let len: usize = shape.iter().product();
    if shape.len() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) || len == 0 {
        return Err(format!("{shape:?} in {groups} groups of channels"));
    }
    let rows = shape[0] * groups;
    let x = ops::reshape(step, x, &[rows, len / rows]);
    let mean = reduce(step, x, &[1], true, true);
    let centred = binary(step, x, mean, Binary::Sub)?;
    let square = binary(step, centred, centred, Binary::Mul)?;
    let variance = reduce(step, square, &[1], true, true);
    let y = over_root(step, centred, variance, epsilon)?;
    Ok(ops::reshape(step, y, &shape))
}

/// x / √(square + ε).
fn over_root(step: &mut Step<'_>, x: Var, square: Var, epsilon: f32) -> Reason<Var> {
    let epsilon = step.tape.constant(Tensor::new(&[1], vec![epsilon]));
    let sum = binary(step, square, epsilon, Binary::Add)?;
    let root = unary(step, sum, Unary::Sqrt);
    binary(step, x, root, Binary::Div)
}

/// Gain and shift of channels; those of a group hold for each of its channels.
fn affine(node: &Node, y: Var, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<Var> {
    let shape = step.tape.value(y).shape().to_vec();
    let mut y = y;
    for (input, function) in [(1, Binary::Mul), (2, Binary::Add)] {
        let given = worked.plain(node.input(input)?, step)?;
        let count = step.tape.value(given).data().len();
        let channels = shape[1];
        let indices: Vec<u32> = (0..channels).map(|i| (i * count / channels) as u32).collect();
        let mut to = vec![1; shape.len() - 1];
        to[0] = channels;
        let of_channels = crate::ops::pick::pick(step, given, &to, indices);
        y = binary(step, y, of_channels, function)?;
    }
    Ok(y)
}
