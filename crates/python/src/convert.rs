//! `quantize`, `encode` and `decode`: arrays into a format of any kind and back.

mod codes;
mod conversion;

use numerics::{Format, Overflow, Rounding};
use pyo3::prelude::*;

use crate::arrays::{self, Floats};
use crate::config::{read, read_or};
use crate::seed::Given;
use crate::work::{detached, refused, wrong};

pub(crate) use codes::{BlockCodes, decode, encode};
pub(crate) use conversion::Conversion;
use conversion::{Blocks, Source};

/// The format of that name, which all functions here have as an argument.
pub(crate) fn format(argument: &str, text: &str) -> PyResult<Format> {
    text.parse().map_err(|error| refused(argument, error))
}

/// The name under which a format is printed, such as ``Binary8p3se`` of ``p3109:8:3``.
#[pyfunction]
pub(crate) fn canonical_format(format: &str) -> PyResult<String> {
    self::format("format", format).map(|format| format.to_string())
}

/// How many elements of a block format share a scale.
///
/// Raises:
///     ValueError: if it is no block format.
#[pyfunction]
pub(crate) fn block_size(format: &str) -> PyResult<usize> {
    match self::format("format", format)? {
        Format::Block(format) => Ok(format.block),
        other => Err(refused("format", format!("{other} has no blocks"))),
    }
}

/// Arguments that `quantize` and `encode` share.
pub(crate) struct Asked<'a, 'py> {
    pub(crate) format: &'a str,
    pub(crate) rounding: Option<&'a Bound<'py, PyAny>>,
    pub(crate) overflow: Option<&'a Bound<'py, PyAny>>,
    pub(crate) seed: Option<&'a Bound<'py, PyAny>>,
    pub(crate) stream: Option<&'a Bound<'py, PyAny>>,
    pub(crate) first: u64,
    pub(crate) blocks: Option<&'a Bound<'py, PyAny>>,
    pub(crate) scale_rule: Option<&'a Bound<'py, PyAny>>,
    pub(crate) tensor_scale: Option<bool>,
    pub(crate) top: Option<&'a Bound<'py, PyAny>>,
}

impl Asked<'_, '_> {
    /// The conversion of an array of that shape, and the random bits of its elements.
    pub(crate) fn conversion(&self, shape: &[usize]) -> PyResult<(Conversion, Source)> {
        let format = format("format", self.format)?;
        let rounding = read_or("rounding", self.rounding, Rounding::NearestTiesEven)?;
        let overflow = read_or("overflow", self.overflow, Overflow::default())?;
        let blocks = Blocks {
            shape: read_or("blocks", self.blocks, numerics::BlockShape::AlongRows)?,
            scale_rule: self.scale_rule.map(|rule| read("scale_rule", rule)).transpose()?,
            tensor_scale: self.tensor_scale,
            top: self.top.map(|top| read("top", top)).transpose()?,
        };
        let conversion =
            Conversion::new(format, rounding, overflow, &blocks, shape).map_err(wrong)?;
        let bits = Given::take(self.seed, self.stream)?.bits_for(rounding)?;
        let elements = shape.iter().product::<usize>() as u64;
        if self.first.checked_add(elements).is_none() {
            let problem = format!("{elements} positions from {} end beyond 2^64", self.first);
            return Err(refused("first", problem));
        }
        Ok((conversion, Source { bits, first: self.first }))
    }
}

/// Round an array to the numbers of a format.
///
/// Element i in C order has the random bits at position ``first + i`` of its stream, so the result
/// does not depend on how an array is cut or on threads. The bits are those of the Rust library.
///
/// Args:
///     x: array or CPU tensor of float32 or float64 in C order, of any shape; a block format takes
///         float32, since its scales follow from float32 magnitudes.
///     format: fixed point ``"<IL,FL>"``; floating point ``"e4m3"``, ``"bf16"``, ``"Binary8p3se"``, …;
///         blocks ``"mxfp4"``, ``"nvfp4"``, ….
///     rounding: ``"nearest-ties-even"``, ``"nearest-ties-down"``, ``"nearest-ties-away"``,
///         ``"toward-zero"``, ``"down"``, ``"up"``, ``"to-odd"``, ``"stochastic"``, or
///         ``{"stochastic-bits": {"bits": 8, "variant": "c", "fraction": "sign-magnitude"}}``.
///     overflow: ``"saturate"``, ``"saturate-finite"``, ``"propagate"`` or, in fixed point, ``"wrap"``.
///     seed: a number, a `Seed` or a `Stream`; needed by stochastic roundings.
///     stream: a name, or a tuple of names, of a child of the seed.
///     first: position of the first element in the stream.
///     blocks: of a block format, ``"along-rows"`` (the last axis), ``"along-columns"`` or ``"square"``;
///         the latter two of a matrix.
///     scale_rule: of a block format, how the scale of a block follows from its largest magnitude.
///     tensor_scale: of NVFP4, whether the tensor has a scale of its own.
///     top: of NVFP4, what the largest magnitude of a block becomes.
///
/// Returns:
///     An array of the same shape and type, or a tensor if x is one.
///
/// Raises:
///     ValueError: if the format, the rounding or their combination is impossible, or the array is not
///         in C order.
///     TypeError: if the array is of another type.
#[pyfunction]
#[pyo3(signature = (x, format, *, rounding=None, overflow=None, seed=None, stream=None, first=0,
                    blocks=None, scale_rule=None, tensor_scale=None, top=None))]
#[expect(clippy::too_many_arguments, reason = "they have names")]
pub(crate) fn quantize<'py>(
    x: &Bound<'py, PyAny>,
    format: &str,
    rounding: Option<&Bound<'py, PyAny>>,
    overflow: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    stream: Option<&Bound<'py, PyAny>>,
    first: u64,
    blocks: Option<&Bound<'py, PyAny>>,
    scale_rule: Option<&Bound<'py, PyAny>>,
    tensor_scale: Option<bool>,
    top: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, like) = (x.py(), x);
    let x = Floats::take("x", x)?;
    let asked = Asked {
        format,
        rounding,
        overflow,
        seed,
        stream,
        first,
        blocks,
        scale_rule,
        tensor_scale,
        top,
    };
    let (conversion, source) = asked.conversion(x.shape())?;
    match &x {
        Floats::F32(array) => {
            conversion.check_f32().map_err(wrong)?;
            let values = arrays::slice(array)?;
            arrays::written(like, x.shape(), |out| {
                detached(py, values.len(), |par| {
                    conversion.values_f32(values, &source, par, out);
                    Ok::<_, String>(())
                })
            })
        }
        Floats::F64(array) => {
            conversion.check_f64().map_err(wrong)?;
            let values = arrays::slice(array)?;
            arrays::written(like, x.shape(), |out| {
                detached(py, values.len(), |par| {
                    conversion.values_f64(values, &source, par, out);
                    Ok::<_, String>(())
                })
            })
        }
    }
}
