"""Arithmetics of a layer, as the configuration files of the library write them."""

from __future__ import annotations

import json
import os
from typing import Any

from .. import _dither

_Arithmetic = str | dict[str, Any]


def arithmetic(value: _Arithmetic | os.PathLike) -> _Arithmetic:
    """What a layer is to run on, by a short name or in full.

    Args:
        value: ``"float32"`` or a preset of the library (``"mxfp8"``, ``"nvfp4"``, ``"fp8"``,
            ``"fp8-delayed"``, ``"mxfp4-sr-rht"``, ``"bf16"``); a tile's preset or TOML file (`tiles`); a
            fixed-point format (`fixed_point`); the name of another format (`low_float`, `block`); or a
            dictionary as these functions give it.

    Returns:
        A name or a dictionary.

    Raises:
        ValueError: if there is nothing of that name.
    """
    if isinstance(value, dict):
        return value
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"arithmetic: a name or a dictionary is wanted, not {type(value).__name__}")
    text = os.fspath(value)
    if text in _dither.arithmetics():
        return text
    if text in _dither.presets() or text.endswith(".toml"):
        return tiles(text)
    if text.lstrip().startswith(("<", "⟨")):
        return fixed_point(text)
    try:
        _dither.block_size(text)
    except ValueError:
        pass
    else:
        return block(text)
    try:
        return low_float(text)
    except ValueError as error:
        names = ", ".join([*_dither.arithmetics(), *_dither.presets()])
        raise ValueError(f"arithmetic: {error}; or one of {names}") from None


def fixed_point(format: str, rounding: Any = "stochastic") -> dict[str, Any]:
    """One fixed-point format for weights, biases, outputs, errors and updates.

    Sums are exact and rounded once. Initial values are rounded to nearest.

    Args:
        format: ``"<IL,FL>"`` of at most 24 bits.
        rounding: of outputs, errors and updates, as in `dither.quantize`.

    Source: Gupta et al. 2015, §3 and §4.
    """
    format = _dither.canonical_format(format)
    stored = {"format": format, "rounding": "nearest-ties-down"}
    signal = {"format": format, "rounding": rounding}
    signals = ("output", "error", "weight_update", "bias_update")
    return {"fixed-point": {"weight": stored, "bias": stored, **dict.fromkeys(signals, signal)}}


def _products(operand):
    """The same operand in all three products."""
    return {
        "forward": {"input": operand, "weight": operand},
        "input_gradient": {"error": operand, "weight": operand},
        "weight_gradient": {"error": operand, "input": operand},
    }


def low_float(
    format: str, rounding: Any = "nearest-ties-even", scaling: Any = "none"
) -> dict[str, Any]:
    """Operands of all products in a floating-point format; sums and weights in float32.

    Args:
        format: ``"e4m3"``, ``"bf16"``, ``"Binary8p3se"``, ….
        rounding: as in `dither.quantize`.
        scaling: what a tensor is multiplied by before: ``"none"``, ``"current"`` (so that its largest
            magnitude is that of the format), or ``{"delayed": {"window": 16}}``.
    """
    operand = {"format": _dither.canonical_format(format), "rounding": rounding, "scaling": scaling}
    return {"low-float": _products(operand)}


def block(format: str, rounding: Any = "nearest-ties-even") -> dict[str, Any]:
    """Operands of all products in blocks along the dimension that is summed over; sums in float32.

    Args:
        format: ``"mxfp4"``, ``"mxfp8-e4m3"``, ``"nvfp4"``, ….
        rounding: of the elements, as in `dither.quantize`.
    """
    format = _dither.canonical_format(format)
    return {"block": _products({"format": format, "rounding": rounding})}


def tiles(
    tile: Any = "standard-pcm",
    *,
    weight_noise: float | dict[str, Any] | None = None,
    drop_connect: float = 0.0,
    ramp: int = 0,
    ir_drop: bool = True,
    input_range: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Weights on analog tiles, trained so that they survive there.

    Args:
        tile: as in `dither.Tile.program`.
        weight_noise: s, which scales the noise of phase-change memory at 20 s that perturbs the weights in
            every pass of training, 1 to 5 in the paper; or a dictionary as configuration files have it.
            None trains without.
        drop_connect: share of weights that are dropped in a pass.
        ramp: mini-batches over which the noise rises to its scale.
        ir_drop: whether the drop along the wires acts in training.
        input_range: how the input range is learned, a dictionary; by default as AIHWKit does it.

    Source: Rasch et al. 2023, Methods, "hardware-aware training".
    Assumed: scales follow from the weights of a column at every update, where the paper learns them.
    """
    if weight_noise is not None and not isinstance(weight_noise, dict):
        weight_noise = json.loads(_dither.paper_noise(weight_noise, drop_connect))
    training = {"ramp": ramp, "ir_drop": ir_drop}
    if weight_noise is not None:
        training["weight_noise"] = weight_noise
    if input_range is not None:
        training["input_range"] = input_range
    return {"analog": {"tile": json.loads(_dither.tile_json(tile)), "training": training}}
