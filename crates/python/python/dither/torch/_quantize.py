"""Rounding as an operation of autograd."""

from __future__ import annotations

from typing import Any

import torch

from .. import _dither


class _StraightThrough(torch.autograd.Function):
    """Round forward; backward the gradient as it is."""

    @staticmethod
    def forward(ctx, x, format, options):
        return _dither.quantize(x.detach(), format, **options)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None, None


def quantize(x: torch.Tensor, format: str, **options: Any) -> torch.Tensor:
    """`dither.quantize` of a tensor, through which the gradient passes as if nothing was rounded."""
    return _StraightThrough.apply(x, format, options)
