//! Running a node: known numbers by [`host::evaluate`], layers by nn, the rest on the tape.

mod images;
mod layers;
mod norms;

use std::collections::BTreeMap;

use nn::{ParameterId, Step, Tensor, Var, ops};

use crate::arrange::{self, arrange, order};
use crate::error::Reason;
use crate::graph::{Node, Value};
use crate::host;
use crate::layers::Layer;
use crate::ops::binary::{Binary, binary, repeat, select};
use crate::ops::parameter::parameter;
use crate::ops::pick::pick;
use crate::ops::unary::{Unary, unary};
use crate::tensor::{Host, axis, broadcast_shape, repeated};

/// A value while a network runs.
#[derive(Clone, Debug)]
enum Known {
    Host(Host),
    /// In the order of the file.
    Plain(Var),
    /// Images or sequences with their channels last: the second axis of the file is the last one.
    Last(Var),
}

/// Values so far.
pub(crate) struct Worked<'a> {
    constants: &'a BTreeMap<Value, Host>,
    parameters: &'a BTreeMap<Value, ParameterId>,
    values: BTreeMap<Value, Known>,
}

impl<'a> Worked<'a> {
    pub(crate) fn new(
        constants: &'a BTreeMap<Value, Host>,
        parameters: &'a BTreeMap<Value, ParameterId>,
    ) -> Self {
        Self { constants, parameters, values: BTreeMap::new() }
    }

    pub(crate) fn set_plain(&mut self, value: Value, var: Var) {
        self.values.insert(value, Known::Plain(var));
    }

    fn set_last(&mut self, value: Value, var: Var) {
        self.values.insert(value, Known::Last(var));
    }

    pub(crate) fn set_host(&mut self, value: Value, host: Host) {
        self.values.insert(value, Known::Host(host));
    }

    /// The numbers of a value that are known.
    fn host(&self, value: Value) -> Option<&Host> {
        match self.values.get(&value) {
            Some(Known::Host(host)) => Some(host),
            Some(_) => None,
            None => self.constants.get(&value),
        }
    }

    /// Whether a value depends on nothing but known numbers, and is no weight.
    fn is_known(&self, value: Value) -> bool {
        self.host(value).is_some() && !self.parameters.contains_key(&value)
    }

    /// A value on the tape, in the order of the file.
    pub(crate) fn plain(&mut self, value: Value, step: &mut Step<'_>) -> Reason<Var> {
        let var = match self.values.get(&value) {
            Some(Known::Plain(var)) => return Ok(*var),
            Some(Known::Last(var)) => {
                let rank = step.tape.value(*var).shape().len();
                let order: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
                ops::permute(step, *var, &order)
            }
            Some(Known::Host(host)) => {
                step.tape.constant(Tensor::new(host.shape(), host.to_floats()))
            }
            None => match (self.parameters.get(&value), self.constants.get(&value)) {
                (Some(&id), _) => parameter(step, id),
                (None, Some(host)) => {
                    step.tape.constant(Tensor::new(host.shape(), host.to_floats()))
                }
                (None, None) => return Err("a value that nothing makes".to_owned()),
            },
        };
        if !matches!(self.values.get(&value), Some(Known::Host(_))) {
            self.values.insert(value, Known::Plain(var));
        }
        Ok(var)
    }

    /// A value of at least three axes on the tape, its channels last.
    fn last(&mut self, value: Value, step: &mut Step<'_>) -> Reason<Var> {
        if let Some(Known::Last(var)) = self.values.get(&value) {
            return Ok(*var);
        }
        let var = self.plain(value, step)?;
        let rank = step.tape.value(var).shape().len();
        if rank < 3 {
            return Err(format!("{:?} are no images or sequences", step.tape.value(var).shape()));
        }
        let order: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
        Ok(ops::permute(step, var, &order))
    }

    /// Whether a value lies with its channels last.
    fn is_last(&self, value: Value) -> bool {
        matches!(self.values.get(&value), Some(Known::Last(_)))
    }
}

/// Runs a node.
pub(crate) fn node(
    node: &Node,
    layer: Option<&Layer>,
    worked: &mut Worked<'_>,
    step: &mut Step<'_>,
) -> Reason<()> {
    if let Some(layer) = layer {
        return layers::run(node, layer, worked, step);
    }
    let known = node.inputs.iter().flatten().all(|&value| worked.is_known(value));
    if known && host::computes(&node.operator) {
        let inputs: Vec<Option<&Host>> =
            node.inputs.iter().map(|input| worked.host((*input)?)).collect();
        let results = host::evaluate(node, &inputs)?;
        for (output, host) in node.outputs.iter().zip(results) {
            if let Some(output) = output {
                worked.set_host(*output, host);
            }
        }
        return Ok(());
    }
    match &*node.operator {
        "Shape" => {
            let x = worked.plain(node.input(0)?, step)?;
            let shape = host::shape_of(node, step.tape.value(x).shape())?;
            worked.set_host(output(node)?, shape);
            Ok(())
        }
        "Size" => {
            let x = worked.plain(node.input(0)?, step)?;
            let count = step.tape.value(x).data().len() as i64;
            let size = Host::list(vec![count]).reshaped(vec![])?;
            worked.set_host(output(node)?, size);
            Ok(())
        }
        "Concat" => concatenate(node, worked, step),
        "Split" => split(node, worked, step),
        "Where" => choose(node, worked, step),
        "MatMul" => product(node, worked, step),
        "Gemm" => general_product(node, worked, step),
        "Clip" => clip(node, worked, step),
        "PRelu" => parametric_relu(node, worked, step),
        "MaxPool" | "AveragePool" | "GlobalAveragePool" | "Resize" => {
            images::run(node, worked, step)
        }
        "Softmax"
        | "LogSoftmax"
        | "ReduceMean"
        | "ReduceSum"
        | "ReduceL2"
        | "ReduceSumSquare"
        | "InstanceNormalization"
        | "GroupNormalization"
        | "RMSNormalization" => norms::run(node, worked, step),
        operator if arrange::OPERATORS.contains(&operator) => rearrange(node, worked, step),
        operator if Binary::of(operator).is_some() => pairs(node, worked, step),
        _ => each(node, worked, step),
    }
}

fn output(node: &Node) -> Reason<Value> {
    node.outputs.first().copied().flatten().ok_or_else(|| "it has no output".to_owned())
}

/// Numbers that move.
fn rearrange(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let input = node.input(0)?;
    let same = ["Identity", "Dropout", "Cast"].contains(&&*node.operator);
    if node.operator == "Cast" && !host::is_real(node)? {
        return Err("real numbers that depend on the data, as integers or truth values".to_owned());
    }
    if same && worked.is_last(input) {
        let x = worked.last(input, step)?;
        worked.set_last(output(node)?, x);
        return Ok(());
    }
    let x = worked.plain(input, step)?;
    let shape = step.tape.value(x).shape().to_vec();
    if node.operator == "Transpose" {
        let order = order(node, shape.len())?;
        let y = ops::permute(step, x, &order);
        worked.set_plain(output(node)?, y);
        return Ok(());
    }
    let known: Vec<Option<&Host>> =
        node.inputs.iter().map(|input| worked.host((*input)?)).collect();
    let arrangement = arrange(node, &shape, &known)?;
    let y = match arrangement.indices {
        None if same => x,
        None => ops::reshape(step, x, &arrangement.shape),
        Some(indices) => pick(step, x, &arrangement.shape, indices),
    };
    worked.set_plain(output(node)?, y);
    Ok(())
}

fn concatenate(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let values: Vec<Value> = node.inputs.iter().flatten().copied().collect();
    let all_last = values.iter().all(|&value| worked.is_last(value));
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        parts.push(if all_last { worked.last(value, step)? } else { worked.plain(value, step)? });
    }
    let first = step.tape.value(*parts.first().ok_or("nothing to concatenate")?).shape().to_vec();
    let rank = first.len();
    let of = axis(node.attributes.integer("axis", 0), rank)?;
    let of = match (all_last, of) {
        (false, of) => of,
        (true, 0) => 0,
        (true, 1) => rank - 1,
        (true, of) => of - 1,
    };
    for part in &parts {
        let shape = step.tape.value(*part).shape();
        if shape.len() != rank || (0..rank).any(|i| i != of && shape[i] != first[i]) {
            return Err(format!("shapes {first:?} and {shape:?} side by side"));
        }
    }
    let y = ops::concatenate(step, &parts, of);
    match all_last {
        true => worked.set_last(output(node)?, y),
        false => worked.set_plain(output(node)?, y),
    }
    Ok(())
}

fn split(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let x = worked.plain(node.input(0)?, step)?;
    let shape = step.tape.value(x).shape().to_vec();
    let given = node.inputs.get(1).copied().flatten().and_then(|value| worked.host(value));
    let (of, sizes) = host::split_sizes(node, &shape, given)?;
    let mut start = 0;
    for (size, output) in sizes.into_iter().zip(&node.outputs) {
        if let Some(output) = output {
            let part = ops::slice(step, x, of, start..start + size);
            worked.set_plain(*output, part);
        }
        start += size;
    }
    Ok(())
}

fn choose(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let condition = worked.host(node.input(0)?).cloned();
    let condition = condition.ok_or("a condition that depends on real numbers")?;
    let a = worked.plain(node.input(1)?, step)?;
    let b = worked.plain(node.input(2)?, step)?;
    let of_both = broadcast_shape(step.tape.value(a).shape(), step.tape.value(b).shape())?;
    let shape = broadcast_shape(condition.shape(), &of_both)?;
    let (a, b) = (repeat(step, a, &shape), repeat(step, b, &shape));
    let condition =
        condition.picked(shape.clone(), &repeated(condition.shape(), &shape)).booleans()?;
    let y = select(step, condition, a, b);
    worked.set_plain(output(node)?, y);
    Ok(())
}

/// A product of two matrices that both depend on data, or of stacks of them.
fn product(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let a = worked.plain(node.input(0)?, step)?;
    let b = worked.plain(node.input(1)?, step)?;
    let y = matmul(step, a, b)?;
    worked.set_plain(output(node)?, y);
    Ok(())
}

/// As `numpy.matmul`: vectors are matrices of one row or column, leading axes are repeated.
fn matmul(step: &mut Step<'_>, a: Var, b: Var) -> Reason<Var> {
    let (mut a_shape, mut b_shape) =
        (step.tape.value(a).shape().to_vec(), step.tape.value(b).shape().to_vec());
    let (a_vector, b_vector) = (a_shape.len() == 1, b_shape.len() == 1);
    if a_vector {
        a_shape.insert(0, 1);
    }
    if b_vector {
        b_shape.push(1);
    }
    let (&[.., rows, inner], &[.., other, columns]) = (&a_shape[..], &b_shape[..]) else {
        return Err("a product with a number".to_owned());
    };
    if inner != other {
        return Err(format!("a product of {a_shape:?} and {b_shape:?}"));
    }
    let (a_leading, b_leading) = (&a_shape[..a_shape.len() - 2], &b_shape[..b_shape.len() - 2]);
    let leading = broadcast_shape(a_leading, b_leading)?;
    let to = |last: [usize; 2]| [&leading[..], &last].concat();
    let (a, b) = (ops::reshape(step, a, &a_shape), ops::reshape(step, b, &b_shape));
    let a = repeat(step, a, &to([rows, inner]));
    let b = if b_leading.is_empty() { b } else { repeat(step, b, &to([inner, columns])) };
    let y = ops::matmul(step, a, b);
    let mut shape = leading.clone();
    if !a_vector {
        shape.push(rows);
    }
    if !b_vector {
        shape.push(columns);
    }
    Ok(ops::reshape(step, y, &shape))
}

/// αA·B + βC without constant weights.
fn general_product(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let mut a = worked.plain(node.input(0)?, step)?;
    let mut b = worked.plain(node.input(1)?, step)?;
    if node.attributes.integer("transA", 0) != 0 {
        a = ops::transpose(step, a);
    }
    if node.attributes.integer("transB", 0) != 0 {
        b = ops::transpose(step, b);
    }
    let mut y = matmul(step, a, b)?;
    y = ops::scale(step, y, node.attributes.float("alpha", 1.0));
    if let Some(value) = node.inputs.get(2).copied().flatten() {
        let c = worked.plain(value, step)?;
        let c = ops::scale(step, c, node.attributes.float("beta", 1.0));
        y = binary(step, y, c, Binary::Add)?;
    }
    worked.set_plain(output(node)?, y);
    Ok(())
}

/// Two or more tensors, element by element.
fn pairs(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let function = Binary::of(&node.operator).ok_or("no function of two numbers")?;
    let values: Vec<Value> = node.inputs.iter().flatten().copied().collect();
    let (&first, rest) = values.split_first().ok_or("nothing to compute of")?;
    let last = |worked: &Worked<'_>, value| worked.is_last(value);
    // Images of one shape stay as they lie; so do those that are scaled by one number.
    let mut all_last = values.iter().any(|&value| last(worked, value));
    for &value in &values {
        let single = worked.host(value).is_some_and(|host| host.data().len() == 1);
        all_last = all_last && (last(worked, value) || single);
    }
    let mut ranks = Vec::new();
    for &value in values.iter().filter(|&&value| last(worked, value)).collect::<Vec<_>>() {
        let x = worked.last(value, step)?;
        ranks.push(step.tape.value(x).shape().len());
    }
    all_last = all_last && ranks.windows(2).all(|pair| pair[0] == pair[1]);
    let of = |worked: &mut Worked<'_>, step: &mut Step<'_>, value| {
        if all_last && last(worked, value) {
            worked.last(value, step)
        } else {
            worked.plain(value, step)
        }
    };
    let mut y = of(worked, step, first)?;
    for &value in rest {
        let x = of(worked, step, value)?;
        y = binary(step, y, x, function)?;
    }
    match all_last {
        true => worked.set_last(output(node)?, y),
        false => worked.set_plain(output(node)?, y),
    }
    Ok(())
}

/// A function of each element.
fn each(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let input = node.input(0)?;
    let last = worked.is_last(input);
    let x = if last { worked.last(input, step)? } else { worked.plain(input, step)? };
    let y = match &*node.operator {
        "Relu" => ops::relu(step, x),
        "Sigmoid" => ops::sigmoid(step, x),
        "Tanh" => ops::tanh(step, x),
        operator => match Unary::of(operator, &node.attributes)? {
            Some(function) => unary(step, x, function),
            None if operator == "Gelu" => ops::gelu(step, x),
            None => return Err("of inputs that depend on the data".to_owned()),
        },
    };
    match last {
        true => worked.set_last(output(node)?, y),
        false => worked.set_plain(output(node)?, y),
    }
    Ok(())
}

fn clip(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let limit = |index: usize, name: &str, default: f32| -> Reason<f32> {
        match node.inputs.get(index).copied().flatten() {
            Some(value) => {
                let host = worked.host(value).ok_or("limits that depend on the data")?;
                host.to_floats()
                    .first()
                    .copied()
                    .ok_or_else(|| "a limit without a number".to_owned())
            }
            None => Ok(node.attributes.float(name, default)),
        }
    };
    let (min, max) = (limit(1, "min", f32::NEG_INFINITY)?, limit(2, "max", f32::INFINITY)?);
    let input = node.input(0)?;
    let last = worked.is_last(input);
    let x = if last { worked.last(input, step)? } else { worked.plain(input, step)? };
    let y = unary(step, x, Unary::Clip { min, max });
    match last {
        true => worked.set_last(output(node)?, y),
        false => worked.set_plain(output(node)?, y),
    }
    Ok(())
}

/// x, and below 0 slope · x.
fn parametric_relu(node: &Node, worked: &mut Worked<'_>, step: &mut Step<'_>) -> Reason<()> {
    let x = worked.plain(node.input(0)?, step)?;
    let slope = worked.plain(node.input(1)?, step)?;
    let negative = ops::scale(step, x, -1.0);
    let (positive, negative) = (ops::relu(step, x), ops::relu(step, negative));
    let below = binary(step, negative, slope, Binary::Mul)?;
    let y = binary(step, positive, below, Binary::Sub)?;
    worked.set_plain(output(node)?, y);
    Ok(())
}
