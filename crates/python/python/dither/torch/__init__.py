"""Layers of PyTorch in fixed point, small floats, blocks, or on analog tiles.

::

    model = dither.torch.convert(model, "<8,8>")            # stochastic fixed point, weights included
    model = dither.torch.convert(model, tiles("standard-pcm", weight_noise=3.0))

and the training loop stays as it is. A converted layer is one of `torch.nn` with its parameters, state
dicts and repr; forward and backward products are those of the Rust library, on the CPU. What the optimiser
changes in a weight enters the numbers of the arithmetic when the layer is used next: in fixed point as
W ← saturate(W + Convert(ΔW)), so that no finer copy is left.

Results are functions of seeds and of the number of updates; threads do not matter. A pass can be run
backwards once.
"""

from ._arithmetic import arithmetic, block, fixed_point, low_float, tiles
from ._convert import calibrate, convert
from ._devices import age, program, release
from ._layers import GRU, LSTM, Conv2d, Linear
from ._quantize import quantize

__all__ = [
    "GRU",
    "LSTM",
    "Conv2d",
    "Linear",
    "age",
    "arithmetic",
    "block",
    "calibrate",
    "convert",
    "fixed_point",
    "low_float",
    "program",
    "quantize",
    "release",
    "tiles",
]
