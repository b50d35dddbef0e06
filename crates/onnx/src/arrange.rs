//! [`arrange`]: operators that move numbers and change none, by the place that each comes from.
//!
//! They are the same for numbers that are known and for those on the tape, so they are written once.

use crate::error::Reason;
use crate::graph::Node;
use crate::tensor::{
    Host, NOTHING, axis, broadcast_shape, elements, made, repeated, strides, walked,
};

/// Where the elements of a result come from.
pub(crate) struct Arrangement {
    pub(crate) shape: Vec<usize>,
    /// For each element its index in the operand; none if all stay where they are.
    pub(crate) indices: Option<Vec<u32>>,
}

impl Arrangement {
    fn in_place(shape: Vec<usize>) -> Self {
        Self { shape, indices: None }
    }

    fn picked(shape: Vec<usize>, indices: Vec<u32>) -> Self {
        Self { shape, indices: Some(indices) }
    }

    /// The arrangement of known numbers.
    pub(crate) fn of(self, host: &Host) -> Reason<Host> {
        match self.indices {
            Some(indices) => Ok(host.picked(self.shape, &indices)),
            None => host.reshaped(self.shape),
        }
    }
}

/// Other inputs of a node, which must be known.
pub(crate) type Known<'a> = &'a [Option<&'a Host>];

/// The operators, for lists of what there is.
pub(crate) const OPERATORS: [&str; 16] = [
    "Cast",
    "DepthToSpace",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "GatherND",
    "Identity",
    "Pad",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Squeeze",
    "Tile",
    "Transpose",
    "Unsqueeze",
];

/// Where the result's elements come from in input 0 of that shape, if the operator is of this kind.
pub(crate) fn arrange(node: &Node, shape: &[usize], known: Known<'_>) -> Reason<Arrangement> {
    let arguments = Arguments { node, known };
    Ok(match &*node.operator {
        "Identity" | "Dropout" | "Cast" => Arrangement::in_place(shape.to_vec()),
        "Reshape" => Arrangement::in_place(reshaped(shape, &arguments)?),
        "Flatten" => {
            let split = node.attributes.integer("axis", 1);
            let at =
                if split == shape.len() as i64 { shape.len() } else { axis(split, shape.len())? };
            let (front, back) = shape.split_at(at);
            Arrangement::in_place(vec![elements(front)?, elements(back)?])
        }
        "Squeeze" => Arrangement::in_place(squeezed(shape, arguments.integers("axes", 1)?)?),
        "Unsqueeze" => Arrangement::in_place(unsqueezed(shape, arguments.integers("axes", 1)?)?),
        "Transpose" => transposed(shape, node.attributes.integers("perm"))?,
        "Slice" => sliced(shape, &arguments)?,
        "Gather" => gathered(shape, node.attributes.integer("axis", 0), arguments.host(1)?)?,
        "GatherND" => gathered_rows(shape, arguments.host(1)?)?,
        "Expand" => {
            let wanted = lengths(arguments.host(1)?.integers()?)?;
            let to = broadcast_shape(shape, &wanted)?;
            let indices = repeated(shape, &to);
            Arrangement::picked(to, indices)
        }
        "Tile" => tiled(shape, &lengths(arguments.host(1)?.integers()?)?)?,
        "Pad" => padded(shape, &arguments)?,
        "DepthToSpace" => depth_to_space(shape, node)?,
        "SpaceToDepth" => space_to_depth(shape, node)?,
        other => return Err(format!("{other} moves no numbers")),
    })
}

struct Arguments<'a> {
    node: &'a Node,
    known: Known<'a>,
}

impl Arguments<'_> {
    fn host(&self, index: usize) -> Reason<&Host> {
        let known = self.known.get(index).copied().flatten();
        known.ok_or_else(|| format!("input {index} is missing, or depends on the data"))
    }

    /// Integers of an attribute, as old files have them, or of an input.
    fn integers(&self, attribute: &str, input: usize) -> Reason<Option<Vec<i64>>> {
        if let Some(values) = self.node.attributes.integers(attribute) {
            return Ok(Some(values.to_vec()));
        }
        match self.node.inputs.get(input) {
            Some(Some(_)) => Ok(Some(self.host(input)?.integers()?.to_vec())),
            _ => Ok(None),
        }
    }
}

fn lengths(values: &[i64]) -> Reason<Vec<usize>> {
    let length = |&n: &i64| usize::try_from(n).map_err(|_| format!("a length of {n}"));
    values.iter().map(length).collect()
}

fn reshaped(shape: &[usize], arguments: &Arguments<'_>) -> Reason<Vec<usize>> {
    let wanted = arguments.integers("shape", 1)?.ok_or("it has no shape")?;
    let allow_zero = arguments.node.attributes.integer("allowzero", 0) != 0;
    let count = elements(shape)?;
    let mut known = Vec::with_capacity(wanted.len());
    for (i, &n) in wanted.iter().enumerate() {
        known.push(match n {
            0 if !allow_zero => *shape.get(i).ok_or("a 0 that stands for no axis")?,
            -1 => 1,
            n => lengths(&[n])?[0],
        });
    }
    if let Some(open) = wanted.iter().position(|&n| n == -1) {
        let rest = elements(&known)?.max(1);
        known[open] = count / rest;
    }
    if elements(&known)? == count {
        Ok(known)
    } else {
        Err(format!("shape {shape:?} does not become {wanted:?}"))
    }
}

fn squeezed(shape: &[usize], axes: Option<Vec<i64>>) -> Reason<Vec<usize>> {
    let axes: Vec<usize> = match axes {
        Some(axes) => axes.iter().map(|&a| axis(a, shape.len())).collect::<Result<_, _>>()?,
        None => (0..shape.len()).filter(|&i| shape[i] == 1).collect(),
    };
    if let Some(&long) = axes.iter().find(|&&i| shape[i] != 1) {
        return Err(format!("axis {long} of {shape:?} is no axis of length 1"));
    }
    Ok((0..shape.len()).filter(|i| !axes.contains(i)).map(|i| shape[i]).collect())
}

fn unsqueezed(shape: &[usize], axes: Option<Vec<i64>>) -> Reason<Vec<usize>> {
    let axes = axes.ok_or("it has no axes")?;
    let rank = shape.len() + axes.len();
    let axes: Vec<usize> = axes.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?;
    let mut rest = shape.iter();
    let mut out = Vec::with_capacity(rank);
    for i in 0..rank {
        let length = if axes.contains(&i) { Some(&1) } else { rest.next() };
        out.push(*length.ok_or("an axis that is named twice")?);
    }
    Ok(out)
}

fn transposed(shape: &[usize], order: Option<&[i64]>) -> Reason<Arrangement> {
    let order: Vec<usize> = match order {
        Some(order) => order.iter().map(|&a| axis(a, shape.len())).collect::<Result<_, _>>()?,
        None => (0..shape.len()).rev().collect(),
    };
    if order.len() != shape.len() || (0..shape.len()).any(|i| !order.contains(&i)) {
        return Err(format!("{order:?} is no order of the axes of {shape:?}"));
    }
    let own = strides(shape);
    let to: Vec<usize> = order.iter().map(|&i| shape[i]).collect();
    let steps: Vec<usize> = order.iter().map(|&i| own[i]).collect();
    let indices = walked(&to, &steps, 0);
    Ok(Arrangement::picked(to, indices))
}

/// The order of axes of a `Transpose`.
pub(crate) fn order(node: &Node, rank: usize) -> Reason<Vec<usize>> {
    match node.attributes.integers("perm") {
        Some(order) => order.iter().map(|&a| axis(a, rank)).collect(),
        None => Ok((0..rank).rev().collect()),
    }
}

fn sliced(shape: &[usize], arguments: &Arguments<'_>) -> Reason<Arrangement> {
    let starts = arguments.integers("starts", 1)?.ok_or("it has no starts")?;
    let ends = arguments.integers("ends", 2)?.ok_or("it has no ends")?;
    let axes = arguments.integers("axes", 3)?;
    let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = arguments.integers("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps are not as many".to_owned());
    }
    // The elements that stay, along each axis.
    let mut kept: Vec<Vec<usize>> = shape.iter().map(|&n| (0..n).collect()).collect();
    for (((start, end), of), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let of = axis(of, shape.len())?;
        kept[of] = range(shape[of] as i64, start, end, step)?;
    }
    Ok(taken(shape, &kept))
}

/// The indices of a slice, as Python counts them.
fn range(len: i64, start: i64, end: i64, step: i64) -> Reason<Vec<usize>> {
    let from_front = |i: i64| if i < 0 { i.saturating_add(len) } else { i };
    let indices: Vec<i64> = match step {
        1.. => {
            let (start, end) = (from_front(start).clamp(0, len), from_front(end).clamp(0, len));
            (start..end).step_by(step as usize).collect()
        }
        0 => return Err("a step of 0".to_owned()),
        _ => {
            let start = from_front(start).clamp(-1, len - 1);
            let end = if end < -len { -1 } else { from_front(end).clamp(-1, len - 1) };
            let step = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
            (end + 1..=start).rev().step_by(step).collect()
        }
    };
    Ok(indices.into_iter().map(|i| i as usize).collect())
}

/// The elements with these indices along each axis.
fn taken(shape: &[usize], kept: &[Vec<usize>]) -> Arrangement {
    let own = strides(shape);
    let mut indices = vec![0u32];
    for (kept, stride) in kept.iter().zip(own) {
        let next = |&at: &u32| kept.iter().map(move |&i| place(at, i, stride));
        indices = indices.iter().flat_map(next).collect();
    }
    Arrangement::picked(kept.iter().map(Vec::len).collect(), indices)
}

/// The place of index `i` along an axis; [`NOTHING`] stays nothing.
fn place(at: u32, i: usize, stride: usize) -> u32 {
    if at == NOTHING || i == usize::MAX { NOTHING } else { at + (i * stride) as u32 }
}

fn gathered(shape: &[usize], of: i64, indices: &Host) -> Reason<Arrangement> {
    let of = axis(of, shape.len())?;
    let mut kept: Vec<Vec<usize>> = shape.iter().map(|&n| (0..n).collect()).collect();
    kept[of] = in_range(indices.integers()?, shape[of])?;
    let Arrangement { indices: picked, .. } = taken(shape, &kept);
    let to = [&shape[..of], indices.shape(), &shape[of + 1..]].concat();
    Ok(Arrangement { shape: to, indices: picked })
}

/// Indices that may count from the end.
pub(crate) fn in_range(indices: &[i64], len: usize) -> Reason<Vec<usize>> {
    indices
        .iter()
        .map(|&i| axis(i, len).map_err(|_| format!("there is no element {i} of {len}")))
        .collect()
}

fn gathered_rows(shape: &[usize], indices: &Host) -> Reason<Arrangement> {
    let Some((&depth, outer)) = indices.shape().split_last() else {
        return Err("indices without an axis".to_owned());
    };
    if depth > shape.len() {
        return Err(format!("{depth} indices of {} axes", shape.len()));
    }
    let own = strides(shape);
    let inner = &shape[depth..];
    let size = elements(inner)?;
    let mut picked = Vec::new();
    for tuple in indices.integers()?.chunks(depth.max(1)) {
        let mut first = 0;
        for ((&i, &n), stride) in tuple.iter().zip(shape).zip(&own) {
            first += in_range(&[i], n)?[0] * stride;
        }
        picked.extend((first..first + size).map(|i| i as u32));
    }
    Ok(Arrangement::picked([outer, inner].concat(), picked))
}

fn tiled(shape: &[usize], repeats: &[usize]) -> Reason<Arrangement> {
    if repeats.len() != shape.len() {
        return Err(format!("{} repeats of {} axes", repeats.len(), shape.len()));
    }
    let again = |(&n, &times): (&usize, &usize)| (0..n).cycle().take(n * times).collect();
    let to: Vec<usize> =
        shape.iter().zip(repeats).map(|(n, times)| n.saturating_mul(*times)).collect();
    made(&to)?;
    let kept: Vec<Vec<usize>> = shape.iter().zip(repeats).map(again).collect();
    Ok(taken(shape, &kept))
}

fn padded(shape: &[usize], arguments: &Arguments<'_>) -> Reason<Arrangement> {
    let pads = arguments.integers("pads", 1)?.ok_or("it has no pads")?;
    if let Some(Some(_)) = arguments.node.inputs.get(2)
        && arguments.host(2)?.to_floats().iter().any(|&x| x != 0.0)
    {
        return Err("padding with something else than zeros".to_owned());
    }
    if arguments.node.attributes.float("value", 0.0) != 0.0 {
        return Err("padding with something else than zeros".to_owned());
    }
    let axes = match arguments.integers("", 3)? {
        Some(axes) => axes.iter().map(|&a| axis(a, shape.len())).collect::<Result<_, _>>()?,
        None => (0..shape.len()).collect::<Vec<_>>(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(format!("{} pads of {} axes", pads.len(), axes.len()));
    }
    let mode = arguments.node.attributes.text("mode", "constant");
    let mut kept: Vec<Vec<usize>> = shape.iter().map(|&n| (0..n).collect()).collect();
    for (i, &of) in axes.iter().enumerate() {
        kept[of] = padded_axis(shape[of] as i64, pads[i], pads[axes.len() + i], mode)?;
    }
    made(&kept.iter().map(Vec::len).collect::<Vec<_>>())?;
    Ok(taken(shape, &kept))
}

/// The elements along a padded axis; [`usize::MAX`] for none.
pub(crate) fn padded_axis(len: i64, before: i64, after: i64, mode: &str) -> Reason<Vec<usize>> {
    let inside = |i: i64| (0..len).contains(&i);
    let of = |i: i64| -> Reason<usize> {
        let from = match mode {
            "constant" => return Ok(if inside(i) { i as usize } else { usize::MAX }),
            "edge" => i.clamp(0, len - 1),
            "reflect" if i < 0 => -i,
            "reflect" if i >= len => 2 * (len - 1) - i,
            "wrap" => i.rem_euclid(len.max(1)),
            "reflect" => i,
            other => return Err(format!("padding by {other}")),
        };
        if inside(from) { Ok(from as usize) } else { Err("padding beyond a reflection".to_owned()) }
    };
    const FAR: i64 = 1 << 28;
    if before.max(after) > FAR || before.min(after) < -FAR {
        return Err(format!("pads of {before} and {after}"));
    }
    (-before..len + after).map(of).collect()
}

fn depth_to_space(shape: &[usize], node: &Node) -> Reason<Arrangement> {
    let (&[n, c, h, w], b) = (shape, block(node)?) else {
        return Err(format!("{shape:?} is no batch of images"));
    };
    if !c.is_multiple_of(b * b) {
        return Err(format!("{c} channels in blocks of {b}"));
    }
    let own = strides(shape);
    let out = c / (b * b);
    // (n, out, h, block, w, block) from channels (block, block, out) or (out, block, block).
    let [of_out, of_rows, of_columns] = match node.attributes.text("mode", "DCR") {
        "CRD" => [b * b * own[1], b * own[1], own[1]],
        _ => [own[1], b * out * own[1], out * own[1]],
    };
    let steps = [own[0], of_out, own[2], of_rows, own[3], of_columns];
    Ok(Arrangement::picked(vec![n, out, h * b, w * b], walked(&[n, out, h, b, w, b], &steps, 0)))
}

fn space_to_depth(shape: &[usize], node: &Node) -> Reason<Arrangement> {
    let (&[n, c, h, w], b) = (shape, block(node)?) else {
        return Err(format!("{shape:?} is no batch of images"));
    };
    if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
        return Err(format!("{h} × {w} pixels in blocks of {b}"));
    }
    let own = strides(shape);
    let steps = [own[0], own[2], own[3], own[1], b * own[2], b * own[3]];
    let indices = walked(&[n, b, b, c, h / b, w / b], &steps, 0);
    Ok(Arrangement::picked(vec![n, c * b * b, h / b, w / b], indices))
}

fn block(node: &Node) -> Reason<usize> {
    let block = node.attributes.integer("blocksize", 0);
    usize::try_from(block).ok().filter(|&b| b > 0).ok_or_else(|| format!("blocks of {block}"))
}
