//! The extension module behind the Python package `dither`: what the crates of this workspace do, for
//! NumPy arrays.
//!
//! Python's half is `python/dither`: it takes tensors of PyTorch for arrays and back, and has the
//! layers of `dither.torch`. Here arguments become those of the library and results arrays. Nothing is
//! computed here, so that the bits are the library's.
//!
//! - Arrays are borrowed as they lie in memory; what is not in C order is refused in one line.
//! - Work is done without the interpreter's lock (`work::detached`).
//! - What the library refuses is a `ValueError` with the same words, what the system refuses an
//!   `OSError`, and a panic a `RuntimeError`: nothing ends the interpreter.

#![deny(unsafe_code)]

mod arrays;
mod circuit;
mod config;
mod convert;
mod gemm;
mod layer;
mod seed;
mod study;
mod threads;
mod tile;
mod work;

use pyo3::prelude::pymodule;

/// What `dither` is built on; see there.
#[pymodule]
mod _dither {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::circuit::{Circuit, CircuitSolution};
    #[pymodule_export]
    use crate::convert::{BlockCodes, block_size, canonical_format, decode, encode, quantize};
    #[pymodule_export]
    use crate::gemm::gemm;
    #[pymodule_export]
    use crate::layer::{Layer, Programmed, Recorded, arithmetics, paper_noise, tile_json};
    #[pymodule_export]
    use crate::seed::{Seed, Stream};
    #[pymodule_export]
    use crate::study::{check_network, main};
    #[pymodule_export]
    use crate::threads::{set_threads, threads};
    #[pymodule_export]
    use crate::tile::{Tile, mvm_error, preset, presets};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::work::keep_panics_quiet();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
