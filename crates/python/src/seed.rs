//! `Seed` and `Stream`: random bits with a name and a position.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use numerics::{BitSource, NoBits, Rounding};
use numpy::PyArray1;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString, PyTuple};

use crate::work::{detached, refused};

/// Part of the path from a root to a seed.
#[derive(Clone, Debug, PartialEq, IntoPyObject)]
pub(crate) enum Name {
    Text(String),
    Index(u64),
}

impl Name {
    fn take(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            return Ok(Self::Text(text.to_str()?.to_owned()));
        }
        index(argument, value).map(Self::Index)
    }
}

/// A number in 0..2^64.
fn index(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    if !value.is_instance_of::<PyInt>() && !value.hasattr("__index__")? {
        let kind = value.get_type().name()?;
        let wanted = if argument == "name" { "a text or a number" } else { "a number" };
        return Err(PyTypeError::new_err(format!("{argument}: {wanted} is wanted, not {kind}")));
    }
    value.extract().map_err(|_| refused(argument, format!("{value} is outside 0..2^64")))
}

/// A node in a tree of random streams: the root is a number, a child has a name.
///
/// Nothing is drawn "next": a random number depends on the path of names and on the position of the
/// element that uses it, and on nothing else. The bits are those of the Rust library.
///
/// Args:
///     seed: the root's number, in 0..2**64.
///
/// Examples:
///     >>> import dither
///     >>> step = dither.Seed(2015).child("layer1").child(42)
///     >>> step
///     Seed(2015).child('layer1').child(42)
///     >>> bool(step.stream().words(7, 1)[0] == step.stream().words(0, 16)[7])
///     True
#[pyclass(frozen, module = "dither")]
#[derive(Debug)]
pub(crate) struct Seed {
    root: u64,
    path: Vec<Name>,
    pub(crate) seed: numerics::Seed,
}

impl Seed {
    pub(crate) fn new(root: u64) -> Self {
        Self { root, path: Vec::new(), seed: numerics::Seed::new(root) }
    }

    fn with(&self, name: Name) -> Self {
        let seed = match &name {
            Name::Text(text) => self.seed.child(text),
            Name::Index(index) => self.seed.child(*index),
        };
        let path = self.path.iter().cloned().chain([name]).collect();
        Self { root: self.root, path, seed }
    }
}

#[pymethods]
impl Seed {
    #[new]
    fn from_number(seed: &Bound<'_, PyAny>) -> PyResult<Self> {
        index("seed", seed).map(Self::new)
    }

    /// The child of that name: a text, or an index. ``"1"`` and ``1`` are two names.
    fn child(&self, name: &Bound<'_, PyAny>) -> PyResult<Self> {
        Name::take("name", name).map(|name| self.with(name))
    }

    /// The stream of random words that belongs to this node.
    fn stream(&self) -> Stream {
        Stream { stream: self.seed.stream() }
    }

    fn __repr__(&self) -> String {
        let names = self.path.iter().map(|name| match name {
            Name::Text(text) => format!(".child('{}')", text.escape_default()),
            Name::Index(index) => format!(".child({index})"),
        });
        format!("Seed({}){}", self.root, names.collect::<String>())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().seed == self.seed)
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.seed.hash(&mut hasher);
        hasher.finish()
    }

    #[expect(clippy::type_complexity, reason = "what pickle asks for")]
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (u64, Vec<Name>))> {
        let make = py.get_type::<Self>().getattr("_from_path")?;
        Ok((make, (self.root, self.path.clone())))
    }

    #[staticmethod]
    fn _from_path(root: u64, path: &Bound<'_, PyAny>) -> PyResult<Self> {
        path.try_iter()?.try_fold(Self::new(root), |seed, name| seed.child(&name?))
    }
}

/// An endless sequence of uniform 32-bit words, addressed by position.
#[pyclass(frozen, module = "dither")]
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) stream: numerics::Stream,
}

impl Stream {
    fn filled<'py, T: numpy::Element + Copy + Default>(
        &self,
        py: Python<'py>,
        first: u64,
        count: usize,
        fill: impl FnOnce(&numerics::Stream, u64, &mut [T]) + Send,
    ) -> PyResult<Bound<'py, PyArray1<T>>> {
        if u64::try_from(count).ok().and_then(|count| first.checked_add(count)).is_none() {
            return Err(refused(
                "count",
                format!("{count} positions from {first} end beyond 2^64"),
            ));
        }
        let drawn = detached(py, count, |_| {
            let mut out = vec![T::default(); count];
            fill(&self.stream, first, &mut out);
            Ok::<_, String>(out)
        });
        drawn.map(|drawn| PyArray1::from_vec(py, drawn))
    }
}

#[pymethods]
impl Stream {
    /// The words at ``first .. first + count``, uint32.
    #[pyo3(signature = (first, count))]
    fn words<'py>(
        &self,
        py: Python<'py>,
        first: u64,
        count: usize,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        self.filled(py, first, count, |stream, first, out| stream.fill_words(first, out))
    }

    /// Uniform numbers in [0, 1) at ``first .. first + count``, float32.
    #[pyo3(signature = (first, count))]
    fn uniform<'py>(
        &self,
        py: Python<'py>,
        first: u64,
        count: usize,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.filled(py, first, count, |stream, first, out| stream.fill_uniform(first, out))
    }

    /// Normal numbers of mean 0 and standard deviation 1 at ``first .. first + count``, float32.
    #[pyo3(signature = (first, count))]
    fn normal<'py>(
        &self,
        py: Python<'py>,
        first: u64,
        count: usize,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.filled(py, first, count, |stream, first, out| stream.fill_gaussian(first, out))
    }

    /// A uniformly random order of ``range(count)``, uint32.
    fn permutation<'py>(&self, py: Python<'py>, count: u32) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let order = detached(py, count as usize, |_| {
            Ok::<_, String>(self.stream.permutation(count as usize))
        });
        order.map(|order| PyArray1::from_vec(py, order))
    }
}

/// A seed given as a number or as a `Seed`.
pub(crate) fn seed(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<numerics::Seed> {
    match value.cast::<Seed>() {
        Ok(seed) => Ok(seed.get().seed),
        Err(_) if value.is_instance_of::<PyInt>() || value.hasattr("__index__")? => {
            index(argument, value).map(numerics::Seed::new)
        }
        Err(_) => {
            let kind = value.get_type().name()?;
            let problem = format!("{argument}: a number or a Seed is wanted, not {kind}");
            Err(PyTypeError::new_err(problem))
        }
    }
}

/// Where random bits come from, as arguments say it.
pub(crate) enum Given {
    /// Nowhere.
    Nothing,
    Seed(numerics::Seed),
    Stream(numerics::Stream),
}

impl Given {
    /// What `seed` (a number, a `Seed` or a `Stream`) and `stream` (a name, or a tuple of names, below
    /// it) stand for.
    pub(crate) fn take(
        from: Option<&Bound<'_, PyAny>>,
        below: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let Some(from) = from else {
            return match below {
                None => Ok(Self::Nothing),
                Some(_) => Err(refused("stream", "is a name below a seed, and there is no seed")),
            };
        };
        if let Ok(given) = from.cast::<Stream>() {
            return match below {
                None => Ok(Self::Stream(given.get().stream.clone())),
                Some(_) => Err(refused("stream", "a Stream as seed has no names below it")),
            };
        }
        let seed = seed("seed", from)?;
        let step = |seed: numerics::Seed, name: &Bound<'_, PyAny>| {
            Name::take("stream", name).map(|name| match name {
                Name::Text(text) => seed.child(&text),
                Name::Index(index) => seed.child(index),
            })
        };
        let Some(below) = below else { return Ok(Self::Seed(seed)) };
        match below.cast::<PyTuple>() {
            Ok(names) => names.iter().try_fold(seed, |seed, name| step(seed, &name)),
            Err(_) => step(seed, below),
        }
        .map(Self::Seed)
    }

    /// The bits of a conversion.
    pub(crate) fn bits(&self) -> Bits {
        match self {
            Self::Nothing => Bits::None,
            Self::Seed(seed) => Bits::Stream(seed.stream()),
            Self::Stream(stream) => Bits::Stream(stream.clone()),
        }
    }

    /// [`Self::bits`], which that rounding may draw.
    pub(crate) fn bits_for(&self, rounding: Rounding) -> PyResult<Bits> {
        match self {
            Self::Nothing if rounding.is_stochastic() => {
                Err(refused("seed", "a stochastic rounding draws random bits; give a seed"))
            }
            given => Ok(given.bits()),
        }
    }
}

/// Random bits, or none.
#[derive(Clone, Debug)]
pub(crate) enum Bits {
    None,
    Stream(numerics::Stream),
}

impl BitSource for Bits {
    fn word(&self, position: u64, depth: u32) -> u32 {
        match self {
            Self::None => NoBits.word(position, depth),
            Self::Stream(stream) => BitSource::word(stream, position, depth),
        }
    }

    fn fill(&self, first: u64, out: &mut [u32]) {
        match self {
            Self::None => NoBits.fill(first, out),
            Self::Stream(stream) => stream.fill(first, out),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }
}
