//! [`Host`]: tensors of known numbers, as weights, constants and shapes are.

use crate::error::Reason;

/// Numbers of one type, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Real numbers; f16, bf16 and f64 are read into them.
    F32(Vec<f32>),
    /// Integers of any width.
    I64(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
}

/// A tensor whose numbers are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    shape: Vec<usize>,
    data: Data,
}

/// Calls `$f` with the vector of whatever type the data have, and keeps the type.
macro_rules! each {
    ($data:expr, $v:ident => $f:expr) => {
        match $data {
            Data::F32($v) => Data::F32($f),
            Data::I64($v) => Data::I64($f),
            Data::Bool($v) => Data::Bool($f),
        }
    };
}

impl Data {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Bool(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the elements are, in words.
    fn kind(&self) -> &'static str {
        match self {
            Self::F32(_) => "real numbers",
            Self::I64(_) => "integers",
            Self::Bool(_) => "truth values",
        }
    }
}

impl Host {
    /// A tensor.
    ///
    /// # Errors
    ///
    /// If the shape has another number of elements.
    pub fn new(shape: Vec<usize>, data: Data) -> Result<Self, String> {
        if elements(&shape)? == data.len() {
            Ok(Self { shape, data })
        } else {
            Err(format!("{} numbers in shape {shape:?}", data.len()))
        }
    }

    /// A list of integers.
    pub(crate) fn list(values: Vec<i64>) -> Self {
        Self { shape: vec![values.len()], data: Data::I64(values) }
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements as real numbers.
    pub(crate) fn floats(&self) -> Reason<&[f32]> {
        match &self.data {
            Data::F32(values) => Ok(values),
            other => Err(format!("{} where real numbers should be", other.kind())),
        }
    }

    /// The elements as integers.
    pub(crate) fn integers(&self) -> Reason<&[i64]> {
        match &self.data {
            Data::I64(values) => Ok(values),
            other => Err(format!("{} where integers should be", other.kind())),
        }
    }

    /// The elements as truth values.
    pub(crate) fn booleans(&self) -> Reason<Vec<bool>> {
        match &self.data {
            Data::Bool(values) => Ok(values.clone()),
            Data::I64(values) => Ok(values.iter().map(|&x| x != 0).collect()),
            Data::F32(values) => Ok(values.iter().map(|&x| x != 0.0).collect()),
        }
    }

    /// Real numbers, whatever the type.
    pub(crate) fn to_floats(&self) -> Vec<f32> {
        match &self.data {
            Data::F32(values) => values.clone(),
            Data::I64(values) => values.iter().map(|&x| x as f32).collect(),
            Data::Bool(values) => values.iter().map(|&x| f32::from(u8::from(x))).collect(),
        }
    }

    /// Integers, whatever the type: real numbers towards zero.
    pub(crate) fn to_integers(&self) -> Vec<i64> {
        match &self.data {
            Data::F32(values) => values.iter().map(|&x| x as i64).collect(),
            Data::I64(values) => values.clone(),
            Data::Bool(values) => values.iter().map(|&x| i64::from(x)).collect(),
        }
    }

    /// The same elements in another shape of as many.
    pub(crate) fn reshaped(&self, shape: Vec<usize>) -> Reason<Self> {
        Self::new(shape, self.data.clone())
    }

    /// The elements at these indices; [`NOTHING`] gives a zero.
    pub(crate) fn picked(&self, shape: Vec<usize>, indices: &[u32]) -> Self {
        fn pick<T: Copy + Default>(values: &[T], indices: &[u32]) -> Vec<T> {
            let at = |&i: &u32| values.get(i as usize).copied().unwrap_or_default();
            indices.iter().map(at).collect()
        }
        Self { shape, data: each!(&self.data, v => pick(v, indices)) }
    }
}

/// The index of no element, whose value is zero.
pub(crate) const NOTHING: u32 = u32::MAX;

/// The number of elements of a shape, which must be one that memory can hold.
pub(crate) fn elements(shape: &[usize]) -> Reason<usize> {
    /// More than any network has, and fewer than [`NOTHING`].
    const MOST: usize = 1 << 31;
    let product = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    product
        .filter(|&n| n <= MOST)
        .ok_or_else(|| format!("a tensor of shape {shape:?} is too large"))
}

/// As [`elements`], of a tensor that a network makes of nothing but its shape: a file of a few bytes must
/// not fill the memory.
pub(crate) fn made(shape: &[usize]) -> Reason<usize> {
    const MOST: usize = 1 << 28;
    let count = elements(shape)?;
    if count <= MOST { Ok(count) } else { Err(format!("a tensor of shape {shape:?} is too large")) }
}

/// Distances of neighbours along each axis.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// An axis that may count from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Reason<usize> {
    let from_front = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_front)
        .ok()
        .filter(|&axis| axis < rank)
        .ok_or_else(|| format!("there is no axis {axis} of {rank}"))
}

/// The shape that both repeat to, axes counted from the last.
pub(crate) fn broadcast_shape(a: &[usize], b: &[usize]) -> Reason<Vec<usize>> {
    let rank = a.len().max(b.len());
    let of =
        |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |i| shape[i]);
    let lengths = (0..rank).map(|i| match (of(a, i), of(b, i)) {
        (x, y) if x == y => Ok(x),
        (1, y) => Ok(y),
        (x, 1) => Ok(x),
        _ => Err(format!("shapes {a:?} and {b:?} do not repeat to one")),
    });
    let shape = lengths.collect::<Reason<Vec<usize>>>()?;
    // The larger operand is there already.
    if elements(&shape)? > elements(a)?.max(elements(b)?) {
        made(&shape)?;
    }
    Ok(shape)
}

/// For each element of `to`, the index of the one of `from` that is repeated there.
pub(crate) fn repeated(from: &[usize], to: &[usize]) -> Vec<u32> {
    let own = strides(from);
    let missing = to.len() - from.len();
    let steps: Vec<usize> = (0..to.len())
        .map(|i| match i.checked_sub(missing) {
            Some(i) if from[i] != 1 => own[i],
            _ => 0,
        })
        .collect();
    walked(to, &steps, 0)
}

/// The indices `first` + Σ i · step over all index tuples of a shape.
pub(crate) fn walked(shape: &[usize], steps: &[usize], first: usize) -> Vec<u32> {
    let mut indices = vec![first as u32];
    for (&len, &step) in shape.iter().zip(steps) {
        let next = |&start: &u32| (0..len).map(move |i| start + (i * step) as u32);
        indices = indices.iter().flat_map(next).collect();
    }
    indices
}
