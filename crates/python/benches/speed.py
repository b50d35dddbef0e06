"""Times `dither` against the packages that are installed, on one thread: best of several, in turn.

    python crates/python/benches/speed.py

It knows QPyTorch (qtorch 0.3.0), gfloat (0.5), and AIHWKit (1.1.0, with torch 2.10.0); what is not installed is
said and left out. Nothing else should run meanwhile.
"""

import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy

import dither

dither.set_threads(1)


def best(work, rounds=7):
    """Seconds of the fastest of some calls, after one that warms up."""
    work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def say(what, ours, theirs=None, target=None):
    line = f"{what:58} {ours:10.3f}"
    if theirs is not None:
        line += f" {theirs:12.3f} {theirs / ours:8.1f} ×"
        line += "" if target is None else f"  (at least {target} ×)"
    print(line, flush=True)


def imported(name, *parts):
    try:
        module = __import__(name)
        for part in parts:
            __import__(f"{name}.{part}")
        return module
    except Exception as error:  # a package may be there and not load
        print(f"{name} is left out: {error!r}"[:120])
        return None


def elements():
    """Nanoseconds an element of 4 million float32."""
    x = numpy.random.default_rng(0).standard_normal(4_000_000, dtype=numpy.float32)
    ns = 1e9 / len(x)
    formats = [("<8,8>", "stochastic"), ("<8,8>", "nearest-ties-even"), ("e4m3", "stochastic"),
               ("e4m3", "nearest-ties-even"), ("bf16", "nearest-ties-even"), ("mxfp4", "stochastic"),
               ("nvfp4", "nearest-ties-even")]
    ours = {}
    for format, rounding in formats:
        ours[format, rounding] = best(lambda: dither.quantize(x, format, rounding=rounding, seed=1)) * ns
        say(f"quantize {format} {rounding}, ns an element", ours[format, rounding])
    torch, qtorch = imported("torch"), imported("qtorch", "quant")
    if torch and qtorch:
        torch.set_num_threads(1)
        tensor = torch.from_numpy(x)
        quant = qtorch.quant
        for (format, rounding), call in {
            ("<8,8>", "stochastic"): lambda: quant.fixed_point_quantize(tensor, 16, 8, rounding="stochastic"),
            ("<8,8>", "nearest-ties-even"): lambda: quant.fixed_point_quantize(tensor, 16, 8, rounding="nearest"),
            ("e4m3", "stochastic"): lambda: quant.float_quantize(tensor, 4, 3, rounding="stochastic"),
            ("e4m3", "nearest-ties-even"): lambda: quant.float_quantize(tensor, 4, 3, rounding="nearest"),
        }.items():
            say(f"QPyTorch, {format} {rounding}", ours[format, rounding], best(call, 3) * ns, 20)
    gfloat = imported("gfloat", "formats")
    if gfloat:
        wide, mode = x[:200_000].astype(numpy.float64), gfloat.RoundMode.TiesToEven
        for format, info in [("e4m3", gfloat.formats.format_info_ocp_e4m3), ("bf16", gfloat.formats.format_info_bfloat16)]:
            theirs = best(lambda: gfloat.round_ndarray(info, wide, mode, sat=True), 3) * 1e9 / len(wide)
            say(f"gfloat, {format} nearest-ties-even", ours[format, "nearest-ties-even"], theirs, 50)


def overhead():
    """Microseconds of a call on 8 elements."""
    x, seed, count = numpy.zeros(8, numpy.float32), dither.Seed(1), 20_000

    def calls():
        for _ in range(count):
            dither.quantize(x, "e4m3")

    def stochastic():
        for _ in range(count):
            dither.quantize(x, "<8,8>", rounding="stochastic", seed=seed)

    say("a call of quantize, µs (at most 5)", best(calls, 3) * 1e6 / count)
    say("a stochastic one with a Seed, µs (at most 5)", best(stochastic, 3) * 1e6 / count)
    torch = imported("torch")
    if torch:
        tensor = torch.zeros(8)

        def tensors():
            for _ in range(count):
                dither.quantize(tensor, "e4m3")

        say("one of a tensor, µs", best(tensors, 3) * 1e6 / count)


def layers():
    """Milliseconds of an analog linear layer 512 × 512, batch 1024, forward and backward."""
    torch = imported("torch")
    if not torch:
        return
    import dither.torch as dt

    torch.manual_seed(0)
    x = 0.3 * torch.randn(1024, 512)

    def step(layer):
        def run():
            rows = x.clone().requires_grad_()
            layer.zero_grad()
            layer(rows).square().mean().backward()

        return run

    plain = best(step(torch.nn.Linear(512, 512))) * 1e3
    say("torch.nn.Linear 512 × 512, batch 1024, ms", plain)
    for name in ("float32", "<8,8>", "e4m3", "mxfp8"):
        ms = best(step(dt.Linear(512, 512, arithmetic=name))) * 1e3
        say(f"dither.torch.Linear in {name}, ms", ms, plain)
    ours = best(step(dt.Linear(512, 512, arithmetic=dt.tiles(weight_noise=3.0)))) * 1e3
    say("dither.torch.Linear on tiles, weight noise, ms", ours)
    aihwkit = imported("aihwkit", "nn", "simulator.presets", "simulator.parameters.enums")
    if aihwkit:
        config = aihwkit.simulator.presets.StandardHWATrainingPreset()
        # PCM_NOISE is only for GPUs there.
        kind = aihwkit.simulator.parameters.enums.WeightModifierType.ADD_NORMAL
        config.modifier.type, config.modifier.std_dev = kind, 0.06
        theirs = aihwkit.nn.AnalogLinear(512, 512, rpu_config=config)
        say("AIHWKit, StandardHWATrainingPreset", ours, best(step(theirs), 3) * 1e3, 15)


print(f"{'':58} {'dither':>10} {'the other':>12} {'ratio':>10}")
overhead()
elements()
layers()
