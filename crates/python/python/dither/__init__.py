"""Exact number formats and seeded analog tiles for NumPy and PyTorch.

Three things to begin with:

- `quantize`, `encode`, `decode` and `gemm`: arrays in fixed point, small floats and blocks, with every
  rounding rule, exact sums and random bits that have a name (`Seed`);
- `Tile` and `Circuit`: matrices in the devices of analog tiles, and the wires between them;
- `dither.torch`: the layers of a PyTorch model on either, trained as before.

Arrays are NumPy's, or tensors of PyTorch on the CPU, whose memory is shared both ways. Every result is a
function of its arguments: the same seed gives the same bits, on any number of threads.
"""

from ._dither import (
    BlockCodes,
    Circuit,
    CircuitSolution,
    Seed,
    Stream,
    __version__,
    canonical_format,
    preset,
    presets,
    set_threads,
    threads,
)
from ._dither import Tile, decode, encode, gemm, mvm_error, quantize
from ._studies import check, records, sensitivity

__all__ = [
    "BlockCodes",
    "Circuit",
    "CircuitSolution",
    "Seed",
    "Stream",
    "Tile",
    "canonical_format",
    "check",
    "decode",
    "encode",
    "gemm",
    "mvm_error",
    "preset",
    "presets",
    "quantize",
    "records",
    "sensitivity",
    "set_threads",
    "threads",
]
