"""What long-running programs need: no leak, no lock held, no harm from forks and threads."""

import gc
import multiprocessing
import resource
import sys
import threading
import time

import numpy
import pytest

import dither


def resident():
    """Pages of this process that are in memory, in KiB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_hundred_thousand_calls_keep_memory_flat():
    x = numpy.linspace(-3, 3, 64, dtype=numpy.float32)
    seed = dither.Seed(1)
    tile = dither.Tile.program(x.reshape(4, 16), "ideal", seed=1)

    def calls(count):
        for first in range(count):
            dither.quantize(x, "<8,8>", rounding="stochastic", seed=seed, first=64 * first)
            dither.encode(x, "nvfp4").values()
            tile.mvm(x[:16])
            seed.child(first).stream().words(0, 4)
            for wrong in ("fp5", "<8,8>"):
                try:
                    dither.quantize(x[::2], wrong)
                except ValueError:
                    pass

    calls(2_000)
    gc.collect()
    before = resident()
    calls(100_000 // 6)
    gc.collect()
    # 100 KiB are one byte a call; a leaked array would be 256.
    assert resident() - before < 1_000


def test_long_calls_let_other_threads_run():
    x = numpy.zeros(20_000_000, numpy.float32)
    dither.set_threads(1)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    started = time.monotonic()
    dither.quantize(x, "<8,8>", rounding="stochastic", seed=1)
    ended = time.monotonic()
    done.set()
    thread.join()
    during = [t for t in ticks if started < t < ended]
    assert len(during) >= 3


def _in_child(queue):
    x = numpy.linspace(-3, 3, 1_000_000, dtype=numpy.float32)
    queue.put(dither.quantize(x, "<8,8>", rounding="stochastic", seed=1).tobytes())


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_has_threads_of_its_own():
    dither.set_threads(2)
    x = numpy.linspace(-3, 3, 1_000_000, dtype=numpy.float32)
    ours = dither.quantize(x, "<8,8>", rounding="stochastic", seed=1).tobytes()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_in_child, args=(queue,))
    child.start()
    assert queue.get() == ours
    child.join()


def test_threads_share_what_is_immutable():
    tile = dither.Tile.program(numpy.full((50, 60), 0.1, numpy.float32), seed=1)
    x = numpy.full((20, 60), 0.5, numpy.float32)
    expected, results = tile.mvm(x).tobytes(), []

    def work():
        for _ in range(20):
            results.append(tile.mvm(x).tobytes() == expected)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 80 and all(results)


def test_names_have_documentation_and_stubs():
    import pathlib

    stub = (pathlib.Path(dither.__file__).parent / "_dither.pyi").read_text(encoding="utf-8")
    for name in dither.__all__:
        found = getattr(dither, name)
        assert found.__doc__ and found.__doc__.strip(), name
        if found.__module__ == "dither" or not hasattr(found, "__code__"):
            assert f"def {name}(" in stub or f"class {name}" in stub, name
