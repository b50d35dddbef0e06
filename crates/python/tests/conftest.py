"""What the tests have in common."""

import json
import pathlib

import numpy
import pytest

import dither

GOLDEN = pathlib.Path(__file__).with_name("golden.json")


@pytest.fixture(scope="session")
def golden():
    """The numbers of the Rust library, written by golden.rs."""
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def normal(name, shape, factor):
    """The normal numbers of that name in golden.rs."""
    count = int(numpy.prod(shape))
    x = dither.Seed(7).child(name).stream().normal(0, count)
    return (x * numpy.float32(factor)).reshape(shape)


def floats(bits):
    """Numbers from their bits."""
    return numpy.array(bits, numpy.uint32).view(numpy.float32)


def same_bits(a, b):
    """Whether two arrays have the same bits."""
    a, b = numpy.ascontiguousarray(a), numpy.ascontiguousarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
