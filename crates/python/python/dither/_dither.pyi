"""What `dither` is built on, in Rust."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar, final

import numpy
from numpy.typing import NDArray

__version__: str

# An array or, where PyTorch is, a tensor in its place; a tensor then comes back.
_Array = TypeVar("_Array")
_Fields = Mapping[str, Any]
_Rounding = (
    Literal[
        "nearest-ties-even",
        "nearest-ties-down",
        "nearest-ties-away",
        "toward-zero",
        "down",
        "up",
        "to-odd",
        "stochastic",
    ]
    | _Fields
)
_Overflow = Literal["saturate", "saturate-finite", "propagate", "wrap"]
_Name = str | int
_Blocks = Literal["along-rows", "along-columns", "square"]
_Tile = str | os.PathLike[str] | _Fields

@final
class Seed:
    def __init__(self, seed: int) -> None: ...
    def child(self, name: _Name) -> Seed: ...
    def stream(self) -> Stream: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Stream:
    def words(self, first: int, count: int) -> NDArray[numpy.uint32]: ...
    def uniform(self, first: int, count: int) -> NDArray[numpy.float32]: ...
    def normal(self, first: int, count: int) -> NDArray[numpy.float32]: ...
    def permutation(self, count: int) -> NDArray[numpy.uint32]: ...

@final
class BlockCodes:
    def __init__(
        self,
        codes: NDArray[numpy.uint8],
        scales: NDArray[numpy.uint8],
        tensor_scale: float,
        format: str,
        *,
        blocks: _Blocks | None = None,
    ) -> None: ...
    @property
    def codes(self) -> NDArray[numpy.uint8]: ...
    @property
    def scales(self) -> NDArray[numpy.uint8]: ...
    @property
    def tensor_scale(self) -> float: ...
    @property
    def format(self) -> str: ...
    @property
    def blocks(self) -> _Blocks: ...
    def values(self) -> NDArray[numpy.float32]: ...

def quantize(
    x: _Array,
    format: str,
    *,
    rounding: _Rounding | None = None,
    overflow: _Overflow | None = None,
    seed: int | Seed | Stream | None = None,
    stream: _Name | tuple[_Name, ...] | None = None,
    first: int = 0,
    blocks: _Blocks | None = None,
    scale_rule: str | None = None,
    tensor_scale: bool | None = None,
    top: str | None = None,
) -> _Array: ...
def encode(
    x: Any,
    format: str,
    *,
    rounding: _Rounding | None = None,
    overflow: _Overflow | None = None,
    seed: int | Seed | Stream | None = None,
    stream: _Name | tuple[_Name, ...] | None = None,
    first: int = 0,
    blocks: _Blocks | None = None,
    scale_rule: str | None = None,
    tensor_scale: bool | None = None,
    top: str | None = None,
) -> Any: ...
def decode(
    codes: Any,
    format: str | None = None,
    *,
    dtype: Literal["float32", "float64"] | None = None,
) -> Any: ...
def canonical_format(format: str) -> str: ...
def block_size(format: str) -> int: ...
def gemm(
    a: Any,
    b: Any,
    formats: str | tuple[str, str],
    result: str | None = None,
    *,
    rounding: _Rounding | None = None,
    overflow: _Overflow | None = None,
    accumulator: str | _Fields | None = None,
    bias: Any | None = None,
    bias_format: str | None = None,
    seed: int | Seed | Stream | None = None,
    stream: _Name | tuple[_Name, ...] | None = None,
    first_row: int = 0,
    codes: bool = False,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Any: ...

@final
class Tile:
    input_range: float
    @staticmethod
    def program(weights: Any, tile: _Tile | None = None, *, seed: int | Seed | None = None) -> Tile: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def tiles(self) -> int: ...
    @property
    def age_s(self) -> float: ...
    @property
    def config(self) -> str: ...
    def set_bias(self, bias: Any | None) -> None: ...
    def age(self, t_s: float) -> None: ...
    def compensate_drift(self, *, seed: int | Seed | None = None) -> None: ...
    def mvm(self, x: _Array, *, seed: int | Seed | None = None, first: int = 0) -> _Array: ...
    def weights(self) -> NDArray[numpy.float32]: ...
    def conductances_us(self) -> list[dict[str, Any]]: ...
    def mvm_error(
        self, weights: Any, x: Any, *, seed: int | Seed | None = None, first: int = 0
    ) -> float: ...
    def cost(self, x: Any, figures: str = "standard") -> dict[str, Any]: ...

def mvm_error(exact: Any, analog: Any) -> float: ...
def presets() -> list[str]: ...
def preset(name: str) -> str: ...

@final
class Circuit:
    def __init__(self, conductances_s: Any, word_ohm: float, bit_ohm: float) -> None: ...
    def solve(self, inputs_v: Any) -> CircuitSolution: ...
    def gradients(
        self, solution: CircuitSolution, output_gradients: Any
    ) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]: ...

@final
class CircuitSolution:
    @property
    def outputs_a(self) -> NDArray[numpy.float64]: ...
    @property
    def word_v(self) -> NDArray[numpy.float64]: ...
    @property
    def bit_v(self) -> NDArray[numpy.float64]: ...
    @property
    def residual(self) -> float: ...

def threads() -> int: ...
def set_threads(count: int) -> None: ...

# For `dither.torch` and the studies.

@final
class Layer:
    @staticmethod
    def linear(
        arithmetic: str | _Fields, inputs: int, outputs: int, bias: bool, wide: bool
    ) -> Layer: ...
    @staticmethod
    def conv2d(
        arithmetic: str | _Fields,
        inputs: int,
        outputs: int,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
        bias: bool,
    ) -> Layer: ...
    @staticmethod
    def recurrent(
        arithmetic: str | _Fields,
        cell: Literal["lstm", "gru"],
        inputs: int,
        width: int,
        layers: int,
        dropout: float,
        bidirectional: bool,
    ) -> Layer: ...
    @property
    def input_ranges(self) -> int: ...
    def parameters(self) -> list[tuple[str, list[int]]]: ...
    def settle(
        self,
        values: Sequence[NDArray[numpy.float32]],
        ranges: Sequence[float],
        seed: int | Seed,
        assign: bool,
    ) -> tuple[bool, list[NDArray[numpy.float32] | None]]: ...
    def forward(
        self, x: NDArray[numpy.float32], train: bool, wants_dx: bool, seed: int | Seed, step: int
    ) -> tuple[NDArray[numpy.float32], list[list[NDArray[numpy.float32]]], Recorded | None]: ...
    def program(self, tile: _Tile | None, seed: int | Seed) -> Programmed: ...

@final
class Recorded:
    def backward(
        self, errors: NDArray[numpy.float32]
    ) -> tuple[NDArray[numpy.float32] | None, list[NDArray[numpy.float32] | None], list[float]]: ...

@final
class Programmed:
    def age(self, t_s: float, seed: int | Seed) -> None: ...
    def forward(
        self, x: NDArray[numpy.float32], seed: int | Seed
    ) -> tuple[NDArray[numpy.float32], list[list[NDArray[numpy.float32]]]]: ...

def arithmetics() -> list[str]: ...
def paper_noise(scale: float, drop_connect: float) -> str: ...
def tile_json(tile: _Tile) -> str: ...
def check_network(
    model: str | os.PathLike[str],
    tile: str,
    expect: str | os.PathLike[str] | None,
    tolerance: float,
) -> tuple[str, tuple[bool, str] | None]: ...
def main(arguments: Sequence[str]) -> int: ...
