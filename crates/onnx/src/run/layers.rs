//! Nodes with weights.

use std::sync::Arc;

use nn::ops::{self, Cell, Recurrence};
use nn::{LinearMap, Step, Var};

use super::{Worked, output};
use crate::error::Reason;
use crate::graph::Node;
use crate::layers::Layer;
use crate::ops::binary::{Binary, binary};
use crate::ops::parameter::parameter;
use crate::ops::pick::{pick, scatter};
use crate::tensor::{NOTHING, walked};
use crate::windows::{Geometry, Transposed};

/// Runs a layer.
pub(super) fn run(
    node: &Node,
    layer: &Layer,
    worked: &mut Worked<'_>,
    step: &mut Step<'_>,
) -> Reason<()> {
    match layer {
        Layer::Absorbed => {
            let computed = node.inputs.iter().flatten().find(|value| !worked.is_known(**value));
            let x = worked.plain(*computed.ok_or("nothing to pass on")?, step)?;
            worked.set_plain(output(node)?, x);
        }
        Layer::Linear(map) => {
            let x = worked.plain(node.input(0)?, step)?;
            let columns = step.tape.value(x).shape().last().copied();
            if columns != Some(map.inputs()) {
                return Err(format!("{columns:?} columns for {} inputs", map.inputs()));
            }
            let y = ops::linear(step, map, x);
            worked.set_plain(output(node)?, y);
        }
        Layer::Convolution { maps, geometry } => {
            let x = worked.last(node.input(0)?, step)?;
            let y = convolution(step, maps, geometry, x)?;
            worked.set_last(output(node)?, y);
        }
        Layer::Transposed { map, bias, geometry } => {
            let x = worked.last(node.input(0)?, step)?;
            let mut y = transposed(step, map, geometry, x)?;
            if let Some(bias) = bias {
                let bias = parameter(step, *bias);
                y = binary(step, y, bias, Binary::Add)?;
            }
            worked.set_last(output(node)?, y);
        }
        Layer::Recurrent { cell, directions, reverse_first } => {
            recurrent(node, (*cell, *reverse_first), directions, worked, step)?;
        }
        Layer::BatchNorm(state) => {
            let input = node.input(0)?;
            let x = worked.plain(input, step)?;
            if step.tape.value(x).shape().len() == 2 {
                let y = ops::batch_norm(step, state, x, None, false);
                worked.set_plain(output(node)?, y);
            } else {
                let x = worked.last(input, step)?;
                let y = ops::batch_norm(step, state, x, None, false);
                worked.set_last(output(node)?, y);
            }
        }
        Layer::Normalized { gamma, beta, epsilon, count } => {
            let x = worked.plain(node.input(0)?, step)?;
            let shape = step.tape.value(x).shape().to_vec();
            let len: usize = shape.iter().product();
            if !len.is_multiple_of(*count) {
                return Err(format!("{shape:?} in parts of {count}"));
            }
            let x = ops::reshape(step, x, &[len / count, *count]);
            let y = ops::layer_norm(step, x, *gamma, *beta, *epsilon);
            let y = ops::reshape(step, y, &shape);
            worked.set_plain(output(node)?, y);
        }
        Layer::Embedding(table) => {
            let indices = worked.host(node.input(1)?).ok_or("indices that depend on the data")?;
            let entries = step.parameters.get(*table).shape()[0];
            let rows = crate::arrange::in_range(indices.integers()?, entries)?;
            let rows: Vec<u32> = rows.into_iter().map(|i| i as u32).collect();
            let shape = indices.shape().to_vec();
            let y = ops::embedding(step, *table, &rows, &shape);
            worked.set_plain(output(node)?, y);
        }
    }
    Ok(())
}

/// Images (batch, rows, columns, channels) of sequences (batch, length, channels), and which they were.
pub(super) fn images(step: &mut Step<'_>, x: Var) -> Reason<(Var, bool)> {
    match *step.tape.value(x).shape() {
        [batch, length, channels] => {
            Ok((ops::reshape(step, x, &[batch, 1, length, channels]), true))
        }
        [_, _, _, _] => Ok((x, false)),
        ref other => Err(format!("{other:?}: there are lines and images")),
    }
}

/// What [`images`] got.
pub(super) fn back(step: &mut Step<'_>, y: Var, line: bool) -> Var {
    let [batch, rows, columns, channels] = step.tape.value(y).image_shape();
    if line { ops::reshape(step, y, &[batch, rows * columns, channels]) } else { y }
}

/// Images with further pixels of zeros: above, on the left, below, on the right.
pub(super) fn surround(step: &mut Step<'_>, x: Var, extra: [usize; 4]) -> Var {
    if extra == [0; 4] {
        return x;
    }
    let [batch, rows, columns, channels] = step.tape.value(x).image_shape();
    let [above, left, below, right] = extra;
    let to = [batch, above + rows + below, left + columns + right, channels];
    let mut indices = Vec::with_capacity(to.iter().product());
    for image in 0..batch {
        for y in 0..to[1] {
            for x in 0..to[2] {
                let inside =
                    (above..above + rows).contains(&y) && (left..left + columns).contains(&x);
                for channel in 0..channels {
                    indices.push(match inside {
                        true => {
                            let pixel = (image * rows + y - above) * columns + x - left;
                            (pixel * channels + channel) as u32
                        }
                        false => NOTHING,
                    });
                }
            }
        }
    }
    pick(step, x, &to, indices)
}

fn convolution(
    step: &mut Step<'_>,
    maps: &[Arc<LinearMap>],
    geometry: &Geometry,
    x: Var,
) -> Reason<Var> {
    let (x, line) = images(step, x)?;
    let [_, rows, columns, channels] = step.tape.value(x).image_shape();
    if channels != geometry.channels[1] {
        return Err(format!("{channels} channels for {} inputs", geometry.channels[1]));
    }
    let (window, extra) = geometry.at([rows, columns]);
    let x = surround(step, x, extra);
    let [_, rows, columns, _] = step.tape.value(x).image_shape();
    super::images::fits(&window, [rows, columns])?;
    let y = match maps {
        [map] => ops::convolution(step, map, &window, x),
        maps => {
            let width = channels / maps.len();
            let mut parts = Vec::with_capacity(maps.len());
            for (group, map) in maps.iter().enumerate() {
                let part = ops::slice(step, x, 3, group * width..(group + 1) * width);
                parts.push(ops::convolution(step, map, &window, part));
            }
            ops::concatenate(step, &parts, 3)
        }
    };
    Ok(back(step, y, line))
}

/// The shares of each pixel, added up where they meet.
fn transposed(step: &mut Step<'_>, map: &Arc<LinearMap>, of: &Transposed, x: Var) -> Reason<Var> {
    let (x, line) = images(step, x)?;
    let [batch, rows, columns, channels] = step.tape.value(x).image_shape();
    if channels != of.channels[0] {
        return Err(format!("{channels} channels for {} inputs", of.channels[0]));
    }
    let shares = ops::linear(step, map, x);
    let size = of.size([rows, columns])?;
    let (pixels, outputs) = (size[0] * size[1], of.channels[1]);
    let reached = of.reached([rows, columns], size);
    let mut indices = Vec::with_capacity(batch * reached.len() * outputs);
    for image in 0..batch {
        for to in &reached {
            let first = to.map(|to| (image * pixels + to) * outputs);
            indices.extend((0..outputs).map(|i| first.map_or(NOTHING, |first| (first + i) as u32)));
        }
    }
    let y = scatter(step, shares, &[batch, size[0], size[1], outputs], indices);
    Ok(back(step, y, line))
}

/// Sequences as ONNX has them, (time, batch, …), through one or two directions.
fn recurrent(
    node: &Node,
    (cell, reverse_first): (Cell, bool),
    directions: &[[Arc<LinearMap>; 2]],
    worked: &mut Worked<'_>,
    step: &mut Step<'_>,
) -> Reason<()> {
    let x = worked.plain(node.input(0)?, step)?;
    let &[time, batch, columns] = step.tape.value(x).shape() else {
        return Err(format!("{:?} are no sequences", step.tape.value(x).shape()));
    };
    let width = directions[0][1].inputs();
    if columns != directions[0][0].inputs() || time == 0 {
        return Err(format!("sequences of {time} × {columns} numbers"));
    }
    let lengths = match node.inputs.get(4).copied().flatten() {
        Some(value) => {
            let lengths = worked.host(value).ok_or("lengths that depend on the data")?;
            Some(crate::arrange::in_range(lengths.integers()?, time + 1)?)
        }
        None => None,
    };
    let mut initial =
        |index: usize, direction: usize, step: &mut Step<'_>| -> Reason<Option<Var>> {
            let Some(value) = node.inputs.get(index).copied().flatten() else { return Ok(None) };
            let state = worked.plain(value, step)?;
            if step.tape.value(state).shape() != [directions.len(), batch, width] {
                return Err(format!("states of shape {:?}", step.tape.value(state).shape()));
            }
            let state = ops::slice(step, state, 0, direction..direction + 1);
            Ok(Some(ops::reshape(step, state, &[batch, width])))
        };
    let mut starts = Vec::new();
    for direction in 0..directions.len() {
        starts.push((initial(5, direction, step)?, initial(6, direction, step)?));
    }
    let x = ops::permute(step, x, &[1, 0, 2]);
    let (mut all, mut hidden, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for (index, ([input, map], (h, c))) in directions.iter().zip(starts).enumerate() {
        let reverse = reverse_first || index == 1;
        let zeros = |step: &mut Step<'_>| {
            step.tape.constant(nn::Tensor::new(&[batch, width], vec![0.0; batch * width]))
        };
        let initial = match (h, c) {
            (None, None) => None,
            (h, c) => {
                let h = h.unwrap_or_else(|| zeros(step));
                let lstm = cell == Cell::Lstm;
                Some((h, lstm.then(|| c.unwrap_or_else(|| zeros(step)))))
            }
        };
        let gates = ops::linear(step, input, x);
        let recurrence = Recurrence { reverse, lengths: lengths.as_deref(), initial };
        let (y, state) = ops::recurrent(step, cell, map, gates, &recurrence);
        hidden.push(match &lengths {
            // What the last time has; a sequence that ended before keeps its state.
            None => {
                let at = if reverse { 0 } else { time - 1 };
                let last = ops::slice(step, y, 1, at..at + 1);
                ops::permute(step, last, &[1, 0, 2])
            }
            Some(lengths) => last_of(step, y, lengths, reverse),
        });
        if cell == Cell::Lstm {
            // Its gradient is that of the outputs: no network of the golden files reads it alone.
            let c = step.tape.constant(state.cell);
            cells.push(ops::reshape(step, c, &[1, batch, width]));
        }
        let y = ops::permute(step, y, &[1, 0, 2]);
        all.push(ops::reshape(step, y, &[time, 1, batch, width]));
    }
    let results = [(all, 1), (hidden, 0), (cells, 0)];
    for ((parts, axis), output) in results.into_iter().zip(&node.outputs) {
        let Some(output) = output else { continue };
        let joined = match &parts[..] {
            [] => return Err("a cell state of a GRU".to_owned()),
            [one] => *one,
            parts => ops::concatenate(step, parts, axis),
        };
        worked.set_plain(*output, joined);
    }
    Ok(())
}

/// The state after each sequence's own end, (1, batch, width).
fn last_of(step: &mut Step<'_>, y: Var, lengths: &[usize], reverse: bool) -> Var {
    let &[batch, time, width] = step.tape.value(y).shape() else {
        unreachable!("a recurrent layer gives sequences")
    };
    let mut indices = Vec::with_capacity(batch * width);
    for (sequence, &length) in lengths.iter().enumerate() {
        let at = if reverse { 0 } else { length.max(1) - 1 };
        indices.extend(walked(&[width], &[1], (sequence * time + at) * width));
    }
    pick(step, y, &[1, batch, width], indices)
}
