//! Pools and sizes of images.

use nn::{Step, Tensor, Var, Window, ops};

use super::layers::{back, images, surround};
use super::{Worked, output};
use crate::error::Reason;
use crate::graph::Node;
use crate::ops::binary::{Binary, binary};
use crate::ops::pick::pick;
use crate::tensor::{Host, made, walked};
use crate::windows::Geometry;

/// Runs a pool, or a change of size.
pub(super) fn run(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    if node.operator == "Resize" {
        return resize(node, worked, step);
    }
    let x = worked.last(node.input(0)?, step)?;
    if node.outputs.iter().skip(1).any(Option::is_some) {
        return Err("indices of largest elements".to_owned());
    }
    let (x, line) = images(step, x)?;
    let [_, rows, columns, _] = step.tape.value(x).image_shape();
    let y = match &*node.operator {
        "GlobalAveragePool" => {
            let [batch, _, _, channels] = step.tape.value(x).image_shape();
            let mean = ops::global_average_pool(step, x);
            ops::reshape(step, mean, &[batch, 1, 1, channels])
        }
        "MaxPool" => {
            let geometry = Geometry::of_pool(node)?;
            let (window, extra) = geometry.at([rows, columns]);
            if extra != [0; 4] {
                return Err("sides of a maximum that are padded differently".to_owned());
            }
            fits(&window, [rows, columns])?;
            ops::max_pool(step, x, &window)
        }
        _ => average(node, x, step)?,
    };
    let y = back(step, y, line);
    worked.set_last(output(node)?, y);
    Ok(())
}

/// Whether a window lies in images of a size.
pub(super) fn fits(window: &Window, size: [usize; 2]) -> Reason<()> {
    let Window { kernel, padding, dilation, .. } = window;
    for i in 0..2 {
        let reach = (kernel[i] - 1) * dilation[i] + 1;
        if reach > size[i] + 2 * padding[i] {
            return Err(format!("{reach} pixels of a window in {}", size[i] + 2 * padding[i]));
        }
    }
    Ok(())
}

/// Means over windows; where what is outside does not count, sums are divided by the pixels inside.
fn average(node: &Node, x: Var, step: &mut Step<'_>) -> Reason<Var> {
    let geometry = Geometry::of_pool(node)?;
    let [_, rows, columns, _] = step.tape.value(x).image_shape();
    let (window, extra) = geometry.at([rows, columns]);
    let counts_outside = node.attributes.integer("count_include_pad", 0) != 0;
    let padded = window.padding != [0; 2] || extra != [0; 4] || window.ceil;
    let x = surround(step, x, extra);
    let [_, rows, columns, _] = step.tape.value(x).image_shape();
    fits(&window, [rows, columns])?;
    let y = ops::average_pool(step, x, &window);
    if counts_outside || !padded {
        return Ok(y);
    }
    let [above, left, below, right] = extra;
    let inside = |i: usize| {
        let (y, x) = (i / columns, i % columns);
        (above..rows - below).contains(&y) && (left..columns - right).contains(&x)
    };
    let ones = (0..rows * columns).map(|i| f32::from(u8::from(inside(i)))).collect();
    let ones = step.tape.constant(Tensor::new(&[1, rows, columns, 1], ones));
    let share = ops::average_pool(step, ones, &window);
    binary(step, y, share, Binary::Div)
}

/// Images of another size, axis by axis: the nearest pixel, or a mean of the two beside.
fn resize(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let x = worked.plain(node.input(0)?, step)?;
    let from = step.tape.value(x).shape().to_vec();
    let host = |index: usize| -> Option<&Host> {
        let value = node.inputs.get(index).copied().flatten()?;
        worked.host(value).filter(|host| !host.data().is_empty())
    };
    let (scales, to): (Vec<f32>, Vec<usize>) = match (host(2), host(3)) {
        (_, Some(sizes)) => {
            let to: Vec<usize> = sizes.integers()?.iter().map(|&n| n.max(0) as usize).collect();
            (to.iter().zip(&from).map(|(&to, &from)| to as f32 / from as f32).collect(), to)
        }
        (Some(scales), None) => {
            let scales = scales.to_floats();
            let to = from.iter().zip(&scales).map(|(&n, s)| (n as f32 * s).floor() as usize);
            (scales.clone(), to.collect())
        }
        _ => return Err("no size, or one that depends on the data".to_owned()),
    };
    if to.len() != from.len() {
        return Err(format!("a size of {} axes for {from:?}", to.len()));
    }
    made(&to)?;
    let mut y = x;
    for axis in 0..from.len() {
        if to[axis] != from[axis] || scales[axis] != 1.0 {
            y = resize_axis(node, y, axis, (to[axis], scales[axis]), step)?;
        }
    }
    worked.set_plain(output(node)?, y);
    Ok(())
}

fn resize_axis(
    node: &Node,
    x: Var,
    axis: usize,
    (to, scale): (usize, f32),
    step: &mut Step<'_>,
) -> Reason<Var> {
    let shape = step.tape.value(x).shape().to_vec();
    let from = shape[axis];
    let rule = node.attributes.text("coordinate_transformation_mode", "half_pixel");
    let place = |i: usize| -> Reason<f32> {
        let i = i as f32;
        Ok(match rule {
            "asymmetric" => i / scale,
            "half_pixel" => (i + 0.5) / scale - 0.5,
            "pytorch_half_pixel" => {
                if to > 1 {
                    (i + 0.5) / scale - 0.5
                } else {
                    0.0
                }
            }
            "align_corners" if to > 1 => i * (from - 1) as f32 / (to - 1) as f32,
            "align_corners" => 0.0,
            other => return Err(format!("places by {other}")),
        })
    };
    let places = (0..to).map(place).collect::<Result<Vec<f32>, _>>()?;
    let within = |i: f32| i.clamp(0.0, (from - 1) as f32) as usize;
    match node.attributes.text("mode", "nearest") {
        "nearest" => {
            let nearest: Vec<usize> = match node
                .attributes
                .text("nearest_mode", "round_prefer_floor")
            {
                "floor" => places.iter().map(|x| within(x.floor())).collect(),
                "ceil" => places.iter().map(|x| within(x.ceil())).collect(),
                "round_prefer_ceil" => places.iter().map(|x| within((x + 0.5).floor())).collect(),
                _ => places.iter().map(|x| within((x - 0.5).ceil())).collect(),
            };
            Ok(rows(step, x, axis, &nearest))
        }
        "linear" => {
            let places: Vec<f32> =
                places.into_iter().map(|x| x.clamp(0.0, (from - 1) as f32)).collect();
            let low: Vec<usize> = places.iter().map(|x| within(x.floor())).collect();
            let high: Vec<usize> = places.iter().map(|x| within(x.floor() + 1.0)).collect();
            let mut weights_shape = vec![1; shape.len()];
            weights_shape[axis] = to;
            let share: Vec<f32> = places.iter().map(|x| x - x.floor()).collect();
            let rest = share.iter().map(|share| 1.0 - share).collect();
            let (low, high) = (rows(step, x, axis, &low), rows(step, x, axis, &high));
            let share = step.tape.constant(Tensor::new(&weights_shape, share));
            let rest = step.tape.constant(Tensor::new(&weights_shape, rest));
            let low = binary(step, low, rest, Binary::Mul)?;
            let high = binary(step, high, share, Binary::Mul)?;
            binary(step, low, high, Binary::Add)
        }
        other => Err(format!("sizes by {other}")),
    }
}

/// The elements with these indices along an axis.
fn rows(step: &mut Step<'_>, x: Var, axis: usize, indices: &[usize]) -> Var {
    let shape = step.tape.value(x).shape().to_vec();
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let mut picked = Vec::with_capacity(outer * indices.len() * inner);
    for block in 0..outer {
        for &i in indices {
            picked.extend(walked(&[inner], &[1], (block * shape[axis] + i) * inner));
        }
    }
    let mut to = shape;
    to[axis] = indices.len();
    pick(step, x, &to, picked)
}
