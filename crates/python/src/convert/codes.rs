//! `encode` and `decode`: the integers that stand for the numbers of a format.

use numerics::{
    BlockMatrix, BlockShape, Code, FixedFormat, FloatCode, FloatFormat, FloatQuantizer, Format,
    Par, Quantizer, dequantize_slice,
};
use numpy::{Element, PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::conversion::{Conversion, Source, each_f64};
use super::{Asked, format};
use crate::arrays::{self, Floats};
use crate::config::{read, read_or};
use crate::work::{detached, refused, wrong};

/// Codes and scales of an array in a block format.
///
/// ``codes`` has the shape of the array, ``scales`` one code for each block (the last axis cut into
/// blocks, unless the blocks are those of a matrix), ``tensor_scale`` the factor of all.
#[pyclass(frozen, module = "dither")]
#[derive(Debug)]
pub(crate) struct BlockCodes {
    matrix: BlockMatrix,
    shape: Vec<usize>,
}

#[pymethods]
impl BlockCodes {
    /// The codes of an earlier encoding, from its parts.
    ///
    /// Raises:
    ///     ValueError: if a code is none of the format, or there are more or fewer than the shape says.
    #[new]
    #[pyo3(signature = (codes, scales, tensor_scale, format, *, blocks=None))]
    fn new(
        codes: &Bound<'_, PyAny>,
        scales: &Bound<'_, PyAny>,
        tensor_scale: f32,
        format: &str,
        blocks: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let Format::Block(block_format) = self::format("format", format)? else {
            return Err(refused("format", format!("{format} has no blocks")));
        };
        let blocks: BlockShape = read_or("blocks", blocks, BlockShape::AlongRows)?;
        let codes: PyReadonlyArrayDyn<'_, u8> = arrays::take("codes", codes)?;
        let scales: PyReadonlyArrayDyn<'_, u8> = arrays::take("scales", scales)?;
        let shape = codes.shape().to_vec();
        let matrix = shape.len() == 2 || blocks == BlockShape::AlongRows;
        let Some((&cols, leading)) = shape.split_last().filter(|_| matrix) else {
            return Err(refused(
                "codes",
                format!("shape {shape:?} cannot be cut into such blocks"),
            ));
        };
        let layout = blocks.of(leading.iter().product(), cols);
        let (scales, codes) = (arrays::slice(&scales)?.to_vec(), arrays::slice(&codes)?.to_vec());
        let matrix = BlockMatrix::from_parts(block_format, layout, tensor_scale, scales, codes)
            .map_err(wrong)?;
        Ok(Self { matrix, shape })
    }

    /// uint8, of the shape of the array.
    #[getter]
    fn codes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
        arrays::array(py, &self.shape, self.matrix.codes().to_vec())
    }

    /// uint8, one for each block.
    #[getter]
    fn scales<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<u8>>> {
        let (rows, cols) = self.matrix.layout().grid(self.matrix.format().block);
        let shape: Vec<usize> = match self.matrix.layout().shape {
            BlockShape::AlongRows => {
                let leading = &self.shape[..self.shape.len() - 1];
                leading.iter().copied().chain([cols]).collect()
            }
            _ => vec![rows, cols],
        };
        arrays::array(py, &shape, self.matrix.scales().to_vec())
    }

    /// The factor of all blocks.
    #[getter]
    fn tensor_scale(&self) -> f32 {
        self.matrix.tensor_scale()
    }

    /// The name of the format.
    #[getter]
    fn format(&self) -> String {
        self.matrix.format().to_string()
    }

    /// ``"along-rows"``, ``"along-columns"`` or ``"square"``.
    #[getter]
    fn blocks(&self) -> &'static str {
        match self.matrix.layout().shape {
            BlockShape::AlongRows => "along-rows",
            BlockShape::AlongColumns => "along-columns",
            BlockShape::Square => "square",
        }
    }

    /// The values that the codes stand for, float32.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArrayDyn<f32>>> {
        let size = self.matrix.codes().len();
        let values = detached(py, size, |_| Ok::<_, String>(self.matrix.to_f32()))?;
        arrays::array(py, &self.shape, values)
    }

    fn __repr__(&self) -> String {
        format!("BlockCodes({}, shape {:?})", self.matrix.format(), self.shape)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let other = other.cast::<Self>();
        other
            .is_ok_and(|other| other.get().matrix == self.matrix && other.get().shape == self.shape)
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let parts = PyDict::new(py);
        parts.set_item("codes", self.codes(py)?)?;
        parts.set_item("scales", self.scales(py)?)?;
        parts.set_item("tensor_scale", self.tensor_scale())?;
        parts.set_item("format", self.format())?;
        parts.set_item("blocks", self.blocks())?;
        Ok((py.get_type::<Self>().getattr("_from_parts")?, (parts,)))
    }

    #[staticmethod]
    fn _from_parts<'py>(
        py: Python<'py>,
        parts: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyAny>> {
        py.get_type::<Self>().call((), Some(parts))
    }
}

/// Round an array to a format and give the codes of its numbers.
///
/// The arguments are those of `quantize`; ``decode(encode(x, …), format)`` has its values.
///
/// Returns:
///     Fixed point: int8, int16 or int32, the value of a code being code · 2**-FL. Floating point: uint8,
///     uint16 or uint32. Blocks: a `BlockCodes`.
#[pyfunction]
#[pyo3(signature = (x, format, *, rounding=None, overflow=None, seed=None, stream=None, first=0,
                    blocks=None, scale_rule=None, tensor_scale=None, top=None))]
#[expect(clippy::too_many_arguments, reason = "they have names")]
pub(crate) fn encode<'py>(
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
    let source = &source;
    match conversion {
        Conversion::Fixed(quantizer) => match quantizer.format.word_length() {
            0..=8 => fixed_codes::<i8>(like, &x, quantizer, source),
            9..=16 => fixed_codes::<i16>(like, &x, quantizer, source),
            _ => fixed_codes::<i32>(like, &x, quantizer, source),
        },
        Conversion::Float(quantizer) => match quantizer.format.width() {
            0..=8 => float_codes::<u8>(like, &x, quantizer, source),
            9..=16 => float_codes::<u16>(like, &x, quantizer, source),
            _ => float_codes::<u32>(like, &x, quantizer, source),
        },
        Conversion::Block(quantizer, layout) => {
            conversion.check_f32().map_err(wrong)?;
            let Floats::F32(array) = &x else {
                return Err(conversion
                    .check_f64()
                    .map_err(wrong)
                    .expect_err("blocks are of float32"));
            };
            let values = arrays::slice(array)?;
            let matrix = detached(py, values.len(), |_| {
                Ok::<_, String>(quantizer.quantize_matrix(values, layout, source.draw(0)))
            })?;
            let codes = BlockCodes { matrix, shape: x.shape().to_vec() };
            Ok(Bound::new(py, codes)?.into_any())
        }
    }
}

/// Elements that a thread encodes at a time.
const TASK: usize = 1 << 16;

fn fixed_codes<'py, C: Code + Element>(
    like: &Bound<'py, PyAny>,
    x: &Floats<'py>,
    quantizer: Quantizer,
    source: &Source,
) -> PyResult<Bound<'py, PyAny>> {
    codes_of(
        like,
        x,
        C::default(),
        |x, par, out| {
            par.for_each_chunk(out, TASK, |task, out| {
                let first = task * TASK;
                quantizer.quantize(&x[first..first + out.len()], source.draw(first), out);
            });
        },
        |x, par, out| {
            each_f64(x, out, source, quantizer.rounding, par, |x, bits| {
                C::from_i32(quantizer.code(x, bits))
            });
        },
    )
}

/// A type of codes of floating-point numbers, by a number that fits.
trait Narrow: FloatCode + Element + Default {
    fn narrow(code: u32) -> Self;
}

macro_rules! narrow {
    ($($t:ty)*) => {$(
        impl Narrow for $t {
            fn narrow(code: u32) -> Self {
                code as Self
            }
        }
    )*};
}
narrow!(u8 u16 u32);

fn float_codes<'py, C: Narrow>(
    like: &Bound<'py, PyAny>,
    x: &Floats<'py>,
    quantizer: FloatQuantizer,
    source: &Source,
) -> PyResult<Bound<'py, PyAny>> {
    codes_of(
        like,
        x,
        C::default(),
        |x, par, out| {
            par.for_each_chunk(out, TASK, |task, out| {
                let first = task * TASK;
                quantizer.quantize(&x[first..first + out.len()], source.draw(first), out);
            });
        },
        |x, par, out| {
            each_f64(x, out, source, quantizer.rounding, par, |x, bits| {
                C::narrow(quantizer.code(x, bits))
            });
        },
    )
}

/// The codes of an array of either type.
fn codes_of<'py, C: Element + Copy>(
    like: &Bound<'py, PyAny>,
    x: &Floats<'py>,
    zero: C,
    of_f32: impl FnOnce(&[f32], Par, &mut [C]) + Send,
    of_f64: impl FnOnce(&[f64], Par, &mut [C]) + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let py = like.py();
    let codes = match x {
        Floats::F32(array) => {
            let x = arrays::slice(array)?;
            detached(py, x.len(), |par| {
                let mut out = vec![zero; x.len()];
                of_f32(x, par, &mut out);
                Ok::<_, String>(out)
            })?
        }
        Floats::F64(array) => {
            let x = arrays::slice(array)?;
            detached(py, x.len(), |par| {
                let mut out = vec![zero; x.len()];
                of_f64(x, par, &mut out);
                Ok::<_, String>(out)
            })?
        }
    };
    arrays::returned(like, x.shape(), codes)
}

/// The values of codes.
///
/// Args:
///     codes: what `encode` gives: an array of the type of the format's codes, or a `BlockCodes`.
///     format: the format; a `BlockCodes` knows its own.
///     dtype: ``"float32"`` or ``"float64"``; float32 if that holds every number of the format.
///
/// Returns:
///     An array of the same shape.
///
/// Raises:
///     ValueError: if a code is none of the format, or the type does not hold its numbers.
#[pyfunction]
#[pyo3(signature = (codes, format=None, *, dtype=None))]
pub(crate) fn decode<'py>(
    codes: &Bound<'py, PyAny>,
    format: Option<&str>,
    dtype: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = codes.py();
    let wide = dtype.map(|dtype| read::<Type>("dtype", dtype)).transpose()?;
    if let Ok(blocks) = codes.cast::<BlockCodes>() {
        let blocks = blocks.get();
        if let Some(text) = format
            && self::format("format", text)? != Format::Block(blocks.matrix.format())
        {
            return Err(refused("format", format!("the codes are those of {}", blocks.format())));
        }
        if wide == Some(Type::Float64) {
            return Err(refused("dtype", "the values of blocks are float32"));
        }
        return Ok(blocks.values(py)?.into_any());
    }
    let Some(format) = format else {
        return Err(refused("format", "codes in an array need the name of their format"));
    };
    match self::format("format", format)? {
        Format::Fixed(format) => {
            let wide = chosen(wide, format.word_length() <= 24, format)?;
            match format.word_length() {
                0..=8 => fixed_values::<i8>(codes, format, wide),
                9..=16 => fixed_values::<i16>(codes, format, wide),
                _ => fixed_values::<i32>(codes, format, wide),
            }
        }
        Format::Float(format) => {
            let wide = chosen(wide, format.fits_f32(), format)?;
            if !format.fits_f64() {
                return Err(refused("format", format!("float64 does not hold {format}")));
            }
            match format.width() {
                0..=8 => float_values::<u8>(codes, format, wide),
                9..=16 => float_values::<u16>(codes, format, wide),
                _ => float_values::<u32>(codes, format, wide),
            }
        }
        Format::Block(format) => {
            Err(refused("codes", format!("those of {format} are a BlockCodes")))
        }
    }
}

/// A type of values.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Float32,
    Float64,
}

/// The type that was asked for, or the smallest that holds every number.
fn chosen(asked: Option<Type>, fits_f32: bool, format: impl std::fmt::Display) -> PyResult<Type> {
    match asked {
        Some(Type::Float32) if !fits_f32 => {
            Err(refused("dtype", format!("float32 does not hold the numbers of {format}")))
        }
        Some(asked) => Ok(asked),
        None => Ok(if fits_f32 { Type::Float32 } else { Type::Float64 }),
    }
}

fn fixed_values<'py, C: Code + Element>(
    codes: &Bound<'py, PyAny>,
    format: FixedFormat,
    wide: Type,
) -> PyResult<Bound<'py, PyAny>> {
    let array: PyReadonlyArrayDyn<'py, C> = arrays::take("codes", codes)?;
    let (like, shape, codes) = (codes, array.shape(), arrays::slice(&array)?);
    if let Some(at) = codes.iter().position(|code| !format.contains(code.to_i32())) {
        let code = codes[at].to_i32();
        let error = numerics::CodeError { code, index: at, format };
        return Err(refused("codes", error));
    }
    match wide {
        Type::Float32 => {
            let mut values = vec![0.0f32; codes.len()];
            dequantize_slice(codes, format, &mut values);
            arrays::returned(like, shape, values)
        }
        Type::Float64 => {
            let values: Vec<f64> = codes.iter().map(|code| format.value(code.to_i32())).collect();
            arrays::returned(like, shape, values)
        }
    }
}

fn float_values<'py, C: Narrow>(
    codes: &Bound<'py, PyAny>,
    format: FloatFormat,
    wide: Type,
) -> PyResult<Bound<'py, PyAny>> {
    let array: PyReadonlyArrayDyn<'py, C> = arrays::take("codes", codes)?;
    let (like, shape, codes) = (codes, array.shape(), arrays::slice(&array)?);
    if let Some(at) = codes.iter().position(|&code| code.into() >> format.width() != 0) {
        let code: u32 = codes[at].into();
        return Err(refused(
            "codes",
            format!(
                "code {code:#x} at index {at} has more than the {} bits of {format}",
                format.width()
            ),
        ));
    }
    let values = codes.iter().map(|&code| format.decode(code.into()));
    match wide {
        Type::Float32 => {
            let values: Vec<f32> = values.map(|value| value as f32).collect();
            arrays::returned(like, shape, values)
        }
        Type::Float64 => arrays::returned(like, shape, values.collect::<Vec<f64>>()),
    }
}
