//! [`evaluate`]: operators on numbers that are known, as the shape arithmetic of exporters.

use crate::arrange::{self, Known, arrange};
use crate::error::Reason;
use crate::file::{Kind, kind};
use crate::graph::Node;
use crate::ops::binary::Binary;
use crate::ops::unary::Unary;
use crate::tensor::{Data, Host, axis, broadcast_shape, elements, made, repeated, walked};

/// The operators that only known numbers have.
pub(crate) const OPERATORS: [&str; 15] = [
    "And",
    "Constant",
    "ConstantOfShape",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Mod",
    "Not",
    "Or",
    "Range",
    "ReduceProd",
    "Shape",
    "Size",
];

/// The results of a node all of whose inputs are known.
pub(crate) fn evaluate(node: &Node, known: Known<'_>) -> Reason<Vec<Host>> {
    let input = |index: usize| -> Reason<&Host> {
        known.get(index).copied().flatten().ok_or_else(|| format!("input {index} is missing"))
    };
    let one = |host: Host| Ok(vec![host]);
    match &*node.operator {
        "Constant" => one(node.attributes.constant()?),
        "ConstantOfShape" => one(constant_of_shape(node, input(0)?)?),
        "Shape" => one(shape_of(node, input(0)?.shape())?),
        "Size" => one(Host::new(vec![], Data::I64(vec![elements(input(0)?.shape())? as i64]))?),
        "Range" => one(range(input(0)?, input(1)?, input(2)?)?),
        "Cast" => one(cast(node, input(0)?)?),
        "Concat" => {
            let parts = known.iter().copied().flatten().collect::<Vec<_>>();
            one(concatenated(&parts, node.attributes.integer("axis", 0))?)
        }
        "Split" => {
            let (of, sizes) =
                split_sizes(node, input(0)?.shape(), known.get(1).copied().flatten())?;
            let mut start = 0;
            let part = |&size: &usize| {
                start += size;
                slice(input(0)?, of, start - size, size)
            };
            sizes.iter().map(part).collect()
        }
        "Where" => one(select(input(0)?, input(1)?, input(2)?)?),
        "Not" => {
            let values = input(0)?.booleans()?.into_iter().map(|x| !x).collect();
            one(Host::new(input(0)?.shape().to_vec(), Data::Bool(values))?)
        }
        "ReduceProd" => {
            let product = input(0)?.integers()?.iter().try_fold(1i64, |p, &x| p.checked_mul(x));
            one(Host::new(vec![], Data::I64(vec![product.ok_or("a product too large")?]))?)
        }
        operator if arrange::OPERATORS.contains(&operator) => {
            one(arrange(node, input(0)?.shape(), known)?.of(input(0)?)?)
        }
        operator => {
            if let Some(function) = Unary::of(operator, &node.attributes)? {
                let values = input(0)?.to_floats().into_iter().map(|x| function.value(x));
                let values = match input(0)?.data() {
                    Data::F32(_) => Data::F32(values.collect()),
                    _ => Data::I64(values.map(|x| x as i64).collect()),
                };
                return one(Host::new(input(0)?.shape().to_vec(), values)?);
            }
            if let Some(compare) = comparison(operator) {
                return one(compared(input(0)?, input(1)?, compare)?);
            }
            let mut result = input(0)?.clone();
            for other in known.iter().skip(1).copied().flatten() {
                result = pairs(operator, &result, other)?;
            }
            one(result)
        }
    }
}

fn constant_of_shape(node: &Node, shape: &Host) -> Reason<Host> {
    let length = |&n: &i64| usize::try_from(n).map_err(|_| format!("a length of {n}"));
    let shape: Vec<usize> = shape.integers()?.iter().map(length).collect::<Result<_, _>>()?;
    let count = made(&shape)?;
    let data = match node.attributes.tensor("value").map(Host::data) {
        None => Data::F32(vec![0.0; count]),
        Some(Data::F32(v)) => Data::F32(vec![*v.first().ok_or("no value")?; count]),
        Some(Data::I64(v)) => Data::I64(vec![*v.first().ok_or("no value")?; count]),
        Some(Data::Bool(v)) => Data::Bool(vec![*v.first().ok_or("no value")?; count]),
    };
    Host::new(shape, data)
}

/// The lengths of some axes.
pub(crate) fn shape_of(node: &Node, shape: &[usize]) -> Reason<Host> {
    let rank = shape.len() as i64;
    let clamp = |i: i64| if i < 0 { i + rank } else { i }.clamp(0, rank) as usize;
    let start = clamp(node.attributes.integer("start", 0));
    let end = clamp(node.attributes.integer("end", rank));
    Ok(Host::list(shape[start.min(end)..end].iter().map(|&n| n as i64).collect()))
}

fn range(start: &Host, end: &Host, step: &Host) -> Reason<Host> {
    /// More than any sequence has.
    const MOST: f64 = 1e8;
    let first = |host: &Host| -> Reason<f64> {
        match host.data() {
            Data::I64(v) => v.first().map(|&x| x as f64),
            _ => host.to_floats().first().map(|&x| f64::from(x)),
        }
        .ok_or_else(|| "a range without an end".to_owned())
    };
    let (from, to, by) = (first(start)?, first(end)?, first(step)?);
    let count = ((to - from) / by).ceil();
    if by == 0.0 || !count.is_finite() || count > MOST {
        return Err(format!("a range from {from} to {to} in steps of {by}"));
    }
    let values = (0..count.max(0.0) as usize).map(|i| from + i as f64 * by);
    Ok(match start.data() {
        Data::I64(_) => Host::list(values.map(|x| x as i64).collect()),
        _ => {
            let values: Vec<f32> = values.map(|x| x as f32).collect();
            Host::new(vec![values.len()], Data::F32(values))?
        }
    })
}

/// Whether a `Cast` gives real numbers.
pub(crate) fn is_real(node: &Node) -> Reason<bool> {
    Ok(kind_of_cast(node)? == Kind::Real)
}

fn kind_of_cast(node: &Node) -> Reason<Kind> {
    let to = i32::try_from(node.attributes.integer("to", 1)).map_err(|_| "a type too large")?;
    kind(to)
}

fn cast(node: &Node, host: &Host) -> Reason<Host> {
    let data = match kind_of_cast(node)? {
        Kind::Real => Data::F32(host.to_floats()),
        Kind::Integer => Data::I64(host.to_integers()),
        Kind::Truth => Data::Bool(host.booleans()?),
    };
    Host::new(host.shape().to_vec(), data)
}

fn slice(host: &Host, of: usize, start: usize, len: usize) -> Reason<Host> {
    let shape = host.shape();
    let own = crate::tensor::strides(shape);
    let mut to = shape.to_vec();
    to[of] = len;
    let indices = walked(&to, &own, start * own[of]);
    Ok(host.picked(to, &indices))
}

/// The axis and the parts of a `Split`.
pub(crate) fn split_sizes(
    node: &Node,
    shape: &[usize],
    given: Option<&Host>,
) -> Reason<(usize, Vec<usize>)> {
    let of = axis(node.attributes.integer("axis", 0), shape.len())?;
    let given = match (node.attributes.integers("split"), given) {
        (Some(sizes), _) => Some(sizes),
        (None, Some(host)) => Some(host.integers()?),
        _ => None,
    };
    let sizes: Vec<usize> = match given {
        Some(sizes) => sizes.iter().map(|&n| n.max(0) as usize).collect(),
        None => {
            let parts = node.outputs.len().max(1);
            let size = shape[of].div_ceil(parts);
            (0..parts).map(|i| size.min(shape[of].saturating_sub(i * size))).collect()
        }
    };
    if sizes.iter().sum::<usize>() != shape[of] || sizes.len() != node.outputs.len() {
        return Err(format!("{sizes:?} are no parts of {} in {}", shape[of], node.outputs.len()));
    }
    Ok((of, sizes))
}

fn concatenated(parts: &[&Host], along: i64) -> Reason<Host> {
    let first = parts.first().ok_or("nothing to concatenate")?;
    let of = axis(along, first.shape().len())?;
    let mut shape = first.shape().to_vec();
    let same = |host: &&&Host| {
        host.shape().len() == shape.len()
            && (0..shape.len()).all(|i| i == of || host.shape()[i] == first.shape()[i])
    };
    if let Some(other) = parts.iter().find(|host| !same(host)) {
        return Err(format!("shapes {:?} and {:?} side by side", first.shape(), other.shape()));
    }
    let outer: usize = shape[..of].iter().product();
    shape[of] = parts.iter().map(|host| host.shape()[of]).sum();
    // By type: integers stay integers.
    let data = if parts.iter().all(|host| matches!(host.data(), Data::I64(_))) {
        let values: Vec<Vec<i64>> = parts.iter().map(|host| host.to_integers()).collect();
        Data::I64(side_by_side(&values, outer))
    } else {
        let values: Vec<Vec<f32>> = parts.iter().map(|host| host.to_floats()).collect();
        Data::F32(side_by_side(&values, outer))
    };
    Host::new(shape, data)
}

/// Rows of all parts, one beside the other.
fn side_by_side<T: Copy>(parts: &[Vec<T>], rows: usize) -> Vec<T> {
    let mut all = Vec::new();
    for row in 0..rows {
        for part in parts {
            let len = part.len() / rows;
            all.extend_from_slice(&part[row * len..][..len]);
        }
    }
    all
}

/// Both operands repeated to one shape.
fn alike(a: &Host, b: &Host) -> Reason<(Vec<usize>, Host, Host)> {
    let shape = broadcast_shape(a.shape(), b.shape())?;
    let to = |host: &Host| host.picked(shape.clone(), &repeated(host.shape(), &shape));
    Ok((shape.clone(), to(a), to(b)))
}

fn select(condition: &Host, a: &Host, b: &Host) -> Reason<Host> {
    let shape = broadcast_shape(condition.shape(), &broadcast_shape(a.shape(), b.shape())?)?;
    let to = |host: &Host| host.picked(shape.clone(), &repeated(host.shape(), &shape));
    let (condition, a, b) = (to(condition).booleans()?, to(a), to(b));
    let data = match (a.data(), b.data()) {
        (Data::I64(a), Data::I64(b)) => Data::I64(
            condition.iter().enumerate().map(|(i, &c)| if c { a[i] } else { b[i] }).collect(),
        ),
        (Data::Bool(a), Data::Bool(b)) => Data::Bool(
            condition.iter().enumerate().map(|(i, &c)| if c { a[i] } else { b[i] }).collect(),
        ),
        _ => {
            let (a, b) = (a.to_floats(), b.to_floats());
            Data::F32(
                condition.iter().enumerate().map(|(i, &c)| if c { a[i] } else { b[i] }).collect(),
            )
        }
    };
    Host::new(shape, data)
}

type Comparison = fn(f64, f64) -> bool;

fn comparison(operator: &str) -> Option<Comparison> {
    Some(match operator {
        "Equal" => |a, b| a == b,
        "Greater" => |a, b| a > b,
        "GreaterOrEqual" => |a, b| a >= b,
        "Less" => |a, b| a < b,
        "LessOrEqual" => |a, b| a <= b,
        "And" => |a, b| a != 0.0 && b != 0.0,
        "Or" => |a, b| a != 0.0 || b != 0.0,
        _ => return None,
    })
}

fn compared(a: &Host, b: &Host, compare: Comparison) -> Reason<Host> {
    let (shape, a, b) = alike(a, b)?;
    // Integers of shapes and indices are exact in f64.
    let numbers = |host: &Host| -> Vec<f64> {
        match host.data() {
            Data::I64(v) => v.iter().map(|&x| x as f64).collect(),
            _ => host.to_floats().into_iter().map(f64::from).collect(),
        }
    };
    let values = numbers(&a).into_iter().zip(numbers(&b)).map(|(a, b)| compare(a, b));
    Host::new(shape, Data::Bool(values.collect()))
}

fn pairs(operator: &str, a: &Host, b: &Host) -> Reason<Host> {
    let (shape, a, b) = alike(a, b)?;
    let data = match (a.data(), b.data(), operator) {
        (Data::I64(a), Data::I64(b), "Mod") => {
            let of = |(&a, &b): (&i64, &i64)| a.checked_rem_euclid(b).ok_or("a remainder of 0");
            Data::I64(a.iter().zip(b).map(of).collect::<Result<_, _>>()?)
        }
        (Data::I64(a), Data::I64(b), _) => {
            let function = Binary::of(operator).ok_or_else(|| format!("{operator} of integers"))?;
            let of = |(&a, &b): (&i64, &i64)| function.integer(a, b);
            Data::I64(a.iter().zip(b).map(of).collect::<Result<_, _>>()?)
        }
        _ => {
            let function =
                Binary::of(operator).ok_or_else(|| format!("{operator} of known numbers"))?;
            let (a, b) = (a.to_floats(), b.to_floats());
            Data::F32(a.iter().zip(&b).map(|(&a, &b)| function.real(a, b)).collect())
        }
    };
    Host::new(shape, data)
}

/// Whether an operator can be computed of known numbers.
pub(crate) fn computes(operator: &str) -> bool {
    let pointwise = Binary::of(operator).is_some()
        || comparison(operator).is_some()
        || matches!(Unary::of(operator, &Default::default()), Ok(Some(_)));
    let others = ["Concat", "Split", "Where"].contains(&operator);
    pointwise || others || OPERATORS.contains(&operator) || arrange::OPERATORS.contains(&operator)
}
