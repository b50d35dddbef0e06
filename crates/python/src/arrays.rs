//! Arrays of NumPy, and tensors of PyTorch in the same memory, as slices; and why one is refused.

use numpy::{
    Element, PyArray, PyArrayDyn, PyReadonlyArrayDyn, PyUntypedArray, PyUntypedArrayMethods,
};
use numpy::{IxDyn, PyArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// An array of floats in C order, borrowed.
pub(crate) enum Floats<'py> {
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
}

impl<'py> Floats<'py> {
    /// The argument `name`, an array of float32 or float64.
    pub(crate) fn take(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let value = &array_of(name, value)?;
        if let Ok(array) = value.cast::<PyArrayDyn<f32>>() {
            return Ok(Self::F32(in_c_order(name, array)?));
        }
        if let Ok(array) = value.cast::<PyArrayDyn<f64>>() {
            return Ok(Self::F64(in_c_order(name, array)?));
        }
        Err(of_another_type(name, value, "float32 or float64"))
    }

    pub(crate) fn shape(&self) -> &[usize] {
        match self {
            Self::F32(array) => array.shape(),
            Self::F64(array) => array.shape(),
        }
    }
}

/// The argument `name`, an array of one type in C order.
pub(crate) fn take<'py, T: Element>(
    name: &str,
    value: &Bound<'py, PyAny>,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let value = &array_of(name, value)?;
    match value.cast::<PyArrayDyn<T>>() {
        Ok(array) => in_c_order(name, array),
        Err(_) => {
            let wanted = T::get_dtype(value.py()).to_string();
            Err(of_another_type(name, value, &wanted))
        }
    }
}

/// The elements of a borrowed array, which lie in C order.
pub(crate) fn slice<'a, T: Element>(array: &'a PyReadonlyArrayDyn<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The argument `name`, an array of one type in C order with that many axes.
pub(crate) fn take_axes<'py, T: Element>(
    name: &str,
    value: &Bound<'py, PyAny>,
    axes: usize,
    meaning: &str,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    let array = take(name, value)?;
    check_axes(name, array.shape(), axes, meaning)?;
    Ok(array)
}

/// Refuses an array that does not have so many axes, which mean that.
pub(crate) fn check_axes(name: &str, shape: &[usize], axes: usize, meaning: &str) -> PyResult<()> {
    if shape.len() == axes {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{name}: shape {shape:?} is not {meaning}")))
}

/// What is needed of PyTorch, once it is there: whoever has a tensor has imported it.
struct Torch {
    tensor: Py<PyAny>,
    from_numpy: Py<PyAny>,
    is_grad_enabled: Py<PyAny>,
}

fn torch(py: Python<'_>) -> PyResult<Option<&'static Torch>> {
    static TORCH: PyOnceLock<Torch> = PyOnceLock::new();
    if let Some(torch) = TORCH.get(py) {
        return Ok(Some(torch));
    }
    let modules = py.import("sys")?.getattr("modules")?;
    let Ok(module) = modules.get_item("torch") else { return Ok(None) };
    // While it is being imported it may lack them.
    let part = |name: &str| module.getattr(name).map(Bound::unbind);
    let (Ok(tensor), Ok(from_numpy), Ok(is_grad_enabled)) =
        (part("Tensor"), part("from_numpy"), part("is_grad_enabled"))
    else {
        return Ok(None);
    };
    Ok(Some(TORCH.get_or_init(py, || Torch { tensor, from_numpy, is_grad_enabled })))
}

/// PyTorch, if an argument is one of its tensors.
fn of_tensor(value: &Bound<'_, PyAny>) -> PyResult<Option<&'static Torch>> {
    let py = value.py();
    if value.cast::<PyUntypedArray>().is_ok() {
        return Ok(None);
    }
    let Some(torch) = torch(py)? else { return Ok(None) };
    Ok(value.is_instance(torch.tensor.bind(py))?.then_some(torch))
}

/// An array as it is, a tensor as an array in the same memory, anything else as it is, to be refused.
pub(crate) fn array_of<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let Some(torch) = of_tensor(value)? else { return Ok(value.clone()) };
    let py = value.py();
    let is = |property: &str| value.getattr(property)?.is_truthy();
    if !is("is_cpu")? {
        let device = value.getattr("device")?;
        let problem = format!("{name}: a tensor on {device} is not in this memory; use .cpu()");
        return Err(PyValueError::new_err(problem));
    }
    let plain = if is("requires_grad")? {
        if torch.is_grad_enabled.bind(py).call0()?.is_truthy()? {
            return Err(PyValueError::new_err(format!(
                "{name}: a tensor that requires a gradient gets none here; use .detach(), or dither.torch"
            )));
        }
        value.call_method0("detach")?
    } else {
        value.clone()
    };
    plain.call_method0("numpy").map_err(|error| {
        PyTypeError::new_err(format!("{name}: a tensor without an array: {}", error.value(py)))
    })
}

/// A result: an array, or a tensor in the same memory if `like` is one.
pub(crate) fn returned<'py, T: Element>(
    like: &Bound<'py, PyAny>,
    shape: &[usize],
    elements: Vec<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let array = array(like.py(), shape, elements)?;
    in_kind(like, array.into_any())
}

/// A result whose elements `write` writes over zeros, in memory of NumPy's, which asks for large pages
/// where there are many: a page that is new costs more than the rounding of its numbers.
pub(crate) fn written<'py, T: Element>(
    like: &Bound<'py, PyAny>,
    shape: &[usize],
    write: impl FnOnce(&mut [T]) -> PyResult<()>,
) -> PyResult<Bound<'py, PyAny>> {
    let array = PyArrayDyn::<T>::zeros(like.py(), IxDyn(shape), false);
    let mut borrowed = array.readwrite();
    let elements = borrowed.as_slice_mut();
    write(elements.map_err(|error| PyValueError::new_err(error.to_string()))?)?;
    drop(borrowed);
    in_kind(like, array.into_any())
}

/// An array as it is, or as a tensor in the same memory if `like` is one.
fn in_kind<'py>(like: &Bound<'py, PyAny>, array: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match of_tensor(like)? {
        Some(torch) => torch.from_numpy.bind(like.py()).call1((array,)),
        None => Ok(array),
    }
}

/// A new array of that shape with these elements.
pub(crate) fn array<'py, T: Element>(
    py: Python<'py>,
    shape: &[usize],
    elements: Vec<T>,
) -> PyResult<Bound<'py, PyArrayDyn<T>>> {
    PyArray::from_vec(py, elements).reshape(IxDyn(shape))
}

fn in_c_order<'py, T: Element>(
    name: &str,
    array: &Bound<'py, PyArrayDyn<T>>,
) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    if !array.is_c_contiguous() {
        return Err(PyValueError::new_err(format!(
            "{name}: is not in C order (shape {:?}, strides {:?}); numpy.ascontiguousarray copies it",
            array.shape(),
            array.strides()
        )));
    }
    array.try_readonly().map_err(|_| {
        PyValueError::new_err(format!("{name}: another call is writing to this array"))
    })
}

fn of_another_type(name: &str, value: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let found = match value.cast::<PyUntypedArray>() {
        Ok(array) => array.dtype().to_string(),
        Err(_) => match value.get_type().name() {
            Ok(name) => name.to_string(),
            Err(error) => return error,
        },
    };
    PyTypeError::new_err(format!("{name}: an array or a tensor of {wanted} is wanted, not {found}"))
}
