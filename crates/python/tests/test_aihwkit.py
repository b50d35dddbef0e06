"""Tiles against AIHWKit 1.1.0, where it is installed: what is deterministic in both.

Tiles of AIHWKit cannot be seeded, so their noise is set to nothing: converters, wires, devices and their drift
remain.
"""

import warnings

import numpy
import pytest
from conftest import normal

import dither

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
with warnings.catch_warnings():
    # What it says of its own parts while it is imported.
    warnings.simplefilter("ignore")
    pytest.importorskip("aihwkit", reason="AIHWKit is not installed")
    from aihwkit.inference.noise import pcm
    from aihwkit.simulator.configs import InferenceRPUConfig
    from aihwkit.simulator.parameters import enums
    from aihwkit.simulator.tiles.inference import InferenceTile

OUTPUTS, INPUTS = 24, 200
STEPS, BOUND = 254, 10.0


def weights():
    """In every row the largest is 1, so that neither scales them."""
    w = numpy.clip(normal("w", (OUTPUTS, INPUTS), 0.3), -1.0, 1.0)
    w[:, 0] = 1.0
    return w


def theirs(w, x, *, phases, dac, adc, wires):
    """A product of AIHWKit."""
    config = InferenceRPUConfig()
    forward = config.forward
    forward.mv_type = [enums.AnalogMVType.ONE_PASS, enums.AnalogMVType.POS_NEG_SEPARATE][phases - 1]
    forward.inp_res, forward.inp_bound = (1 / STEPS if dac else -1), 1.0
    forward.out_res, forward.out_bound = (1 / STEPS if adc else -1), (BOUND if adc else 1e6)
    forward.out_noise = forward.w_noise = 0.0
    forward.ir_drop, forward.ir_drop_g_ratio = wires, 1 / (0.35 * 5e-6)
    forward.noise_management = enums.NoiseManagementType.NONE
    forward.bound_management = enums.BoundManagementType.NONE
    config.mapping.weight_scaling_omega = 0.0
    config.mapping.max_input_size = config.mapping.max_output_size = 0
    tile = InferenceTile(*w.shape, config)
    tile.set_weights(torch.from_numpy(w))
    return tile.tile.forward(torch.from_numpy(x), False, False, False, True).detach().numpy()


def ours(w, x, *, phases, dac, adc, wires):
    """The same product on a tile of ours; an asymmetry too small to show makes two phases of it."""
    config = {
        "base": "ideal",
        "ir_drop": {"scale": wires},
        "periphery": {"adc": {"noise": 0.0}, "dac": {}},
    }
    if phases == 2:
        config["periphery"]["polarity_asymmetry"] = 1e-12
    without = [name for name, there in [("dac", dac), ("adc", adc)] if not there]
    config["without"] = [f"periphery.{name}.steps" for name in without]
    if not adc:
        config["without"].append("periphery.adc.bound")
    return dither.Tile.program(w, config, seed=1).mvm(x)


@pytest.mark.parametrize("wires", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("dac", [False, True])
@pytest.mark.parametrize("phases", [1, 2])
def test_products_are_those_of_aihwkit(phases, dac, wires):
    w, x = weights(), 2 * dither.Seed(1).child("x").stream().uniform(0, 40 * INPUTS).reshape(40, INPUTS) - 1
    options = {"phases": phases, "dac": dac, "wires": wires}
    a, b = theirs(w, x, adc=False, **options), ours(w, x, adc=False, **options)
    # Sums of 200 products of 1 in float32, and a drop of up to 20 times as much.
    assert numpy.abs(a - b).max() < 200 * 4 * 2**-23, numpy.abs(a - b).max()
    exact = x.astype(float) @ w.T.astype(float)
    assert (numpy.abs(b - exact).max() > 1e-3) == (dac or wires > 0.0)


@pytest.mark.parametrize("phases", [1, 2])
def test_conversions_are_those_of_aihwkit(phases):
    w, x = weights(), 2 * dither.Seed(1).child("x").stream().uniform(0, 40 * INPUTS).reshape(40, INPUTS) - 1
    options = {"phases": phases, "dac": True, "adc": True, "wires": 1.0}
    a, b, step = theirs(w, x, **options), ours(w, x, **options), 2 * BOUND / STEPS
    apart = numpy.abs(a - b) / step
    # The two sums differ in their last bits: close to a tie the two codes may.
    unrounded = ours(w, x, **{**options, "adc": False}) / step
    tie = numpy.abs(unrounded - numpy.floor(unrounded) - 0.5) < 1e-3
    assert (apart[~tie] < 1e-4).all() and (apart < 1 + 1e-4).all(), apart.max()
    assert tie.mean() < 0.01 and len(numpy.unique(numpy.round(b / step))) > 50


@pytest.mark.parametrize("t", [20.0, 3600.0, 86_400.0, 31_536_000.0])
def test_the_mean_drift_of_its_devices_is_that_of_aihwkit(t, monkeypatch):
    monkeypatch.setattr(pcm, "randn_like", torch.zeros_like)
    w = weights()
    model = pcm.PCMLikeNoiseModel(prog_noise_scale=0.0, read_noise_scale=0.0)
    aged = model.apply_noise(torch.from_numpy(w), t).numpy()
    config = {
        "base": "aihwkit-pcm",
        "device": {"programming_noise_scale": 0.0, "read_noise_scale": 0.0, "drift_spread_scale": 0.0},
    }
    tile = dither.Tile.program(w, config, seed=1)
    tile.age(t)
    assert numpy.abs(tile.weights() - aged).max() < 1e-5
