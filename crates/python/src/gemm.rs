//! `gemm`: products of fixed-point matrices with exact sums, or with the register of one's choice.

use numerics::{
    Accumulator, Code, Codes, Draw, FixedFormat, FixedView, Format, Narrow, Overflow, Par, Product,
    Quantizer, Rounding,
};
use numpy::{Element, PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arrays::{self, Floats, check_axes};
use crate::config::read_or;
use crate::seed::{Bits, Given};
use crate::work::{detached, refused, wrong};

/// Multiply two fixed-point matrices: every sum is exact, and rounded once.
///
/// ::
///
///     z_ij = bias_j + Σ_k a_ik · b_kj     exact, of 64 bits
///     c_ij = Convert(z_ij)                one rounding, one saturation
///
/// Operands are values that lie on the grid of their format, or codes as `encode` gives them; nothing is
/// rounded on the way in.
///
/// Args:
///     a: (rows, inner), float32, float64 or codes, in C order.
///     b: (inner, columns), likewise.
///     formats: the fixed-point format of both, or a pair.
///     result: the format of the product; None for the sums as they are, as the nearest float64.
///     rounding: of the result, as in `quantize`.
///     overflow: ``"saturate"`` or ``"wrap"``.
///     accumulator: ``"exact"``; ``{"saturating": {"bits": 16}}``; ``{"wrapping": {"bits": 16}}``;
///         ``"float-gemm"``, f32 sums; or a narrow register, ``{"narrow": {"register": {"fixed": "<8,8>"},
///         "rounding": "stochastic", "schedule": "each-step"}}``, in place of ``fixed`` also ``float``, and
///         as schedule also ``{"each-chunk": 64}`` or ``{"chunk-based": 64}``.
///     bias: (columns,) values or codes that are added inside the sums.
///     bias_format: the format of the bias; that of b if not given.
///     seed: a number, a `Seed` or a `Stream`; element (i, j) of the result has the bits at i · columns + j.
///         A register that rounds at random draws from the seed's child "accumulator".
///     stream: a name, or a tuple of names, of a child of the seed.
///     first_row: which row of a larger product row 0 is; so a product may be cut into blocks of rows.
///     codes: whether the result is codes.
///     transpose_a, transpose_b: whether an operand is (inner, rows) or (columns, inner).
///
/// Returns:
///     (rows, columns): values, float64 if an operand or the result needs it, else float32; or codes.
///
/// Raises:
///     ValueError: if a value is not on its grid, shapes do not fit, sums may not fit 64 bits, or the
///         register cannot hold such sums.
#[pyfunction]
#[pyo3(signature = (a, b, formats, result=None, *, rounding=None, overflow=None, accumulator=None,
                    bias=None, bias_format=None, seed=None, stream=None, first_row=0, codes=false,
                    transpose_a=false, transpose_b=false))]
#[expect(clippy::too_many_arguments, reason = "they have names")]
pub(crate) fn gemm<'py>(
    a: &Bound<'py, PyAny>,
    b: &Bound<'py, PyAny>,
    formats: &Bound<'py, PyAny>,
    result: Option<&str>,
    rounding: Option<&Bound<'py, PyAny>>,
    overflow: Option<&Bound<'py, PyAny>>,
    accumulator: Option<&Bound<'py, PyAny>>,
    bias: Option<&Bound<'py, PyAny>>,
    bias_format: Option<&str>,
    seed: Option<&Bound<'py, PyAny>>,
    stream: Option<&Bound<'py, PyAny>>,
    first_row: u64,
    codes: bool,
    transpose_a: bool,
    transpose_b: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, like) = (a.py(), a);
    let (a_format, b_format) = match formats.cast::<PyString>() {
        Ok(both) => (fixed("formats", both.to_str()?)?, fixed("formats", both.to_str()?)?),
        Err(_) => {
            let (a, b): (String, String) = formats.extract()?;
            (fixed("formats", &a)?, fixed("formats", &b)?)
        }
    };
    let a = Operand::take("a", a, a_format, 2, "(rows, inner)")?;
    let b = Operand::take("b", b, b_format, 2, "(inner, columns)")?;
    let (a_view, b_view) = (a.view(transpose_a), b.view(transpose_b));
    if a_view.ncols() != b_view.nrows() {
        return Err(wrong(format!(
            "a, b: {} × {} times {} × {}: the inner lengths differ",
            a_view.nrows(),
            a_view.ncols(),
            b_view.nrows(),
            b_view.ncols()
        )));
    }
    let (rows, columns) = (a_view.nrows(), b_view.ncols());
    let bias = match bias {
        None => None,
        Some(bias) => {
            let format = bias_format.map_or(Ok(b_format), |text| fixed("bias_format", text))?;
            let bias = Operand::take("bias", bias, format, 1, "(columns,)")?;
            if bias.shape[0] != columns {
                let problem = format!("{} numbers for {columns} columns", bias.shape[0]);
                return Err(refused("bias", problem));
            }
            Some(bias)
        }
    };
    let rounding = read_or("rounding", rounding, Rounding::NearestTiesEven)?;
    let overflow = read_or("overflow", overflow, Overflow::default())?;
    let accumulator = read_or("accumulator", accumulator, Accumulator::Exact)?;
    let draws = Draws::take(
        &Given::take(seed, stream)?,
        result.is_some().then_some(rounding),
        accumulator,
    )?;
    let quantizer = match result {
        None if codes => return Err(refused("codes", "sums without a format have none")),
        None => None,
        Some(text) => {
            let quantizer = Quantizer::new(fixed("result", text)?, rounding).overflow(overflow);
            quantizer.check().map_err(wrong)?;
            Some(quantizer)
        }
    };

    let mut product = Product::new(a_view, b_view).first_row(first_row);
    product.check_accumulator(accumulator).map_err(|error| refused("accumulator", error))?;
    if let Some(bias) = &bias {
        let shift = product.fraction_bits() - bias.format.fl();
        if !(0..=31).contains(&shift) {
            let (format, bits) = (bias.format, product.fraction_bits());
            let problem = format!("{format} does not go inside sums with {bits} fractional bits");
            return Err(refused("bias_format", problem));
        }
        product = product.bias(&bias.codes, bias.format);
    }
    let size = rows.saturating_mul(columns).saturating_mul(a_view.ncols());
    let wide = a.wide || b.wide || quantizer.is_some_and(|q| q.format.word_length() > 24);
    let draws = &draws;
    let shape = [rows, columns];
    let multiply =
        |par: Par| product.accumulator(accumulator, Draw::new(&draws.register, 0)).par(par);
    let Some(quantizer) = quantizer else {
        let sums = refusing(py, size, |par| {
            let product = multiply(par);
            let mut sums = vec![0i64; rows * columns];
            product.wide(&mut sums);
            let unit = 2f64.powi(-product.fraction_bits());
            sums.into_iter().map(|z| z as f64 * unit).collect::<Vec<f64>>()
        })?;
        return arrays::returned(like, &shape, sums);
    };
    let matrix =
        refusing(py, size, |par| multiply(par).convert(quantizer, Draw::new(&draws.result, 0)))?;
    if codes {
        return match matrix.codes().clone() {
            Codes::I8(codes) => arrays::returned(like, &shape, codes),
            Codes::I16(codes) => arrays::returned(like, &shape, codes),
            Codes::I32(codes) => arrays::returned(like, &shape, codes),
        };
    }
    if wide {
        let codes = matrix.codes().to_i32();
        let values = codes.into_iter().map(|code| quantizer.format.value(code)).collect();
        return arrays::returned::<f64>(like, &shape, values);
    }
    arrays::returned(like, &shape, matrix.to_f32())
}

/// As [`detached`]; what the library refuses by a panic, sums that may not fit, is a `ValueError`.
fn refusing<T: Send>(
    py: Python<'_>,
    size: usize,
    work: impl FnOnce(Par) -> T + Send,
) -> PyResult<T> {
    detached(py, size, |par| Ok::<_, String>(work(par))).map_err(|error| {
        if error.is_instance_of::<PyRuntimeError>(py) {
            return PyValueError::new_err(error.value(py).to_string());
        }
        error
    })
}

fn fixed(argument: &str, text: &str) -> PyResult<FixedFormat> {
    match crate::convert::format(argument, text)? {
        Format::Fixed(format) => Ok(format),
        other => Err(refused(argument, format!("{other} is no fixed-point format"))),
    }
}

/// A matrix or a row of codes.
struct Operand {
    format: FixedFormat,
    shape: Vec<usize>,
    codes: Codes,
    /// Whether its values came as float64.
    wide: bool,
}

impl Operand {
    fn take(
        name: &str,
        value: &Bound<'_, PyAny>,
        format: FixedFormat,
        axes: usize,
        meaning: &str,
    ) -> PyResult<Self> {
        if let Some((shape, codes)) = given_codes(name, value, format)? {
            check_axes(name, &shape, axes, meaning)?;
            return Ok(Self { format, shape, codes, wide: false });
        }
        let array = Floats::take(name, value)?;
        let shape = array.shape().to_vec();
        check_axes(name, &shape, axes, meaning)?;
        let nearest = Quantizer::new(format, Rounding::NearestTiesEven);
        let off_grid = |at: usize, value: f64| {
            let index: Vec<usize> = match *shape {
                [_, columns] => vec![at / columns, at % columns],
                _ => vec![at],
            };
            refused(name, format!("{value} at {index:?} is not in {format}; quantize it first"))
        };
        let (codes, wide) = match &array {
            Floats::F32(array) => {
                let x = arrays::slice(array)?;
                let mut codes = Codes::zeros(format, x.len());
                let exact = match &mut codes {
                    Codes::I8(codes) => nearest.quantize_exact(x, codes),
                    Codes::I16(codes) => nearest.quantize_exact(x, codes),
                    Codes::I32(codes) => nearest.quantize_exact(x, codes),
                };
                if !exact {
                    let off = |x: &f32| !nearest.is_exact(std::slice::from_ref(x));
                    let at = x.iter().position(off).unwrap_or(0);
                    return Err(off_grid(at, f64::from(x[at])));
                }
                (codes, false)
            }
            Floats::F64(array) => {
                let x = arrays::slice(array)?;
                let code = |x: f64| nearest.code(x, Draw::none());
                if let Some(at) = x.iter().position(|&x| format.value(code(x)) != x) {
                    return Err(off_grid(at, x[at]));
                }
                let codes: Vec<i32> = x.iter().map(|&x| code(x)).collect();
                (Codes::from_i32(format, &codes).map_err(wrong)?, true)
            }
        };
        Ok(Self { format, shape, codes, wide })
    }

    fn view(&self, transposed: bool) -> FixedView<'_> {
        let view = FixedView::new(self.codes.as_ref(), self.format, self.shape[0], self.shape[1]);
        if transposed { view.t() } else { view }
    }
}

/// The codes of an array of integers, of the type that holds the format's words.
fn given_codes(
    name: &str,
    value: &Bound<'_, PyAny>,
    format: FixedFormat,
) -> PyResult<Option<(Vec<usize>, Codes)>> {
    fn of<C: Code + Element>(
        name: &str,
        value: &Bound<'_, PyAny>,
        format: FixedFormat,
    ) -> PyResult<Option<(Vec<usize>, Codes)>> {
        let value = &arrays::array_of(name, value)?;
        if value.cast::<PyArrayDyn<C>>().is_err() {
            return Ok(None);
        }
        let array: PyReadonlyArrayDyn<'_, C> = arrays::take(name, value)?;
        let codes: Vec<i32> = arrays::slice(&array)?.iter().map(|code| code.to_i32()).collect();
        let codes = Codes::from_i32(format, &codes).map_err(|error| refused(name, error))?;
        Ok(Some((array.shape().to_vec(), codes)))
    }
    match format.word_length() {
        0..=8 => of::<i8>(name, value, format),
        9..=16 => of::<i16>(name, value, format),
        _ => of::<i32>(name, value, format),
    }
}

/// The random bits of the result and of the register.
struct Draws {
    result: Bits,
    register: Bits,
}

impl Draws {
    fn take(given: &Given, rounding: Option<Rounding>, accumulator: Accumulator) -> PyResult<Self> {
        let result = rounding.map_or(Ok(Bits::None), |rounding| given.bits_for(rounding))?;
        let register = match (accumulator, given) {
            (Accumulator::Narrow(Narrow { rounding, .. }), given) if rounding.is_stochastic() => {
                let Given::Seed(seed) = given else {
                    let problem = "a register that rounds at random draws from a child of the seed; \
                                   give a number or a Seed";
                    return Err(refused("seed", problem));
                };
                Bits::Stream(seed.child("accumulator").stream())
            }
            _ => Bits::None,
        };
        Ok(Self { result, register })
    }
}
