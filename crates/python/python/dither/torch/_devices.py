"""A model on tiles, programmed into devices that age."""

from __future__ import annotations

from typing import Any

import torch

from .. import _dither
from ._layers import _Layer


def _on_tiles(model):
    layers = [m for m in model.modules() if isinstance(m, _Layer) and m._layer.input_ranges]
    if not layers:
        raise ValueError("the model has no layer on tiles; dither.torch.convert puts them there")
    return layers


def program(
    model: torch.nn.Module, *, seed: int | _dither.Seed = 0, tile: Any = None
) -> None:
    """Program every layer on tiles into devices; from then on the model, in evaluation, uses them.

    Args:
        model: a model with layers on tiles; it is set to evaluation.
        seed: a number or a `dither.Seed`, which names the errors of the devices.
        tile: another tile than that of training, which cuts matrices into the same parts.
    """
    root = seed if isinstance(seed, _dither.Seed) else _dither.Seed(seed)
    layers = _on_tiles(model)
    for layer in layers:
        layer._devices = None
        layer._settle()
    for index, layer in enumerate(layers):
        layer._devices = layer._layer.program(tile, root.child("devices").child(index))
    model.eval()


def age(model: torch.nn.Module, t_s: float, *, seed: int | _dither.Seed = 0) -> None:
    """Let the devices of a model age to that many seconds after programming; their drift is compensated.

    Args:
        model: a programmed model.
        t_s: seconds since programming, at least 0.
        seed: a number or a `dither.Seed`, of the noise of the read-out.
    """
    root = seed if isinstance(seed, _dither.Seed) else _dither.Seed(seed)
    for index, layer in enumerate(_on_tiles(model)):
        if layer._devices is None:
            raise ValueError("the model is not programmed; dither.torch.program does that")
        layer._devices.age(t_s, root.child("read-out").child(index))


def release(model: torch.nn.Module) -> None:
    """Let a model use its weights again, in training too."""
    for layer in _on_tiles(model):
        layer._devices = None
