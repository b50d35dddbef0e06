"""`gemm`: exact sums, and every register of the library."""

import numpy
import pytest
from conftest import normal, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import dither
from dither import encode, gemm, quantize


def test_every_register_has_the_sums_and_codes_of_the_library(golden):
    a = quantize(normal("a", (5, 33), 1.0), "<4,8>")
    b = quantize(normal("b", (33, 7), 1.0), "<4,8>")
    assert len(golden["products"]) == 7
    for case in golden["products"]:
        how = {"accumulator": case["accumulator"], "seed": 7, "stream": "c"}
        sums = gemm(a, b, "<4,8>", **how)
        assert (sums * 2.0**16).astype(int).ravel().tolist() == case["sums"], case["accumulator"]
        how |= {"rounding": "stochastic"}
        codes = gemm(a, b, "<4,8>", "<5,3>", codes=True, **how)
        assert codes.dtype == numpy.int8 and codes.ravel().tolist() == case["codes"]
        values = gemm(a, b, "<4,8>", "<5,3>", **how)
        assert same_bits(values, (codes / 8).astype(numpy.float32))


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 40), st.integers(1, 8), st.integers(0, 2**32))
def test_sums_are_those_of_integers(rows, inner, columns, seed):
    random = numpy.random.default_rng(seed)
    a = random.integers(-2**15, 2**15, (rows, inner), dtype=numpy.int16)
    b = random.integers(-2**7, 2**7, (inner, columns), dtype=numpy.int8)
    bias = random.integers(-2**7, 2**7, columns, dtype=numpy.int8)
    formats = ("<8,8>", "<4,4>")
    sums = gemm(a, b, formats, bias=bias)
    exact = a.astype(object) @ b.astype(object) + bias.astype(object) * 2**8
    assert numpy.array_equal(sums * 2.0**12, exact.astype(float).reshape(rows, columns))
    values = gemm(a / 2.0**8, (b / 2.0**4).astype(numpy.float32), formats)
    assert values.dtype == numpy.float64
    assert numpy.array_equal(values, gemm(a, b, formats))
    turned = gemm(
        numpy.ascontiguousarray(a.T), numpy.ascontiguousarray(b.T), formats, transpose_a=True,
        transpose_b=True,
    )
    assert numpy.array_equal(turned, values)


@pytest.mark.parametrize("rounding", ["stochastic", "nearest-ties-down", "to-odd"])
def test_a_product_is_rounded_once(rounding):
    a = encode(normal("once", (9, 100), 0.5), "<2,6>")
    b = encode(normal("more", (100, 11), 0.5), "<2,6>")
    how = {"rounding": rounding, "seed": 3}
    sums = gemm(a, b, "<2,6>")
    expected = quantize(sums, "<4,4>", **how)
    assert numpy.array_equal(gemm(a, b, "<2,6>", "<4,4>", **how), expected)
    last = gemm(a[5:].copy(), b, "<2,6>", "<4,4>", first_row=5, **how)
    assert numpy.array_equal(last, expected[5:])


A = numpy.zeros((2, 3), numpy.float32)
B = numpy.zeros((3, 4), numpy.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: gemm(A, A, "<4,4>"), ValueError, "2 × 3 times 2 × 3: the inner lengths differ"),
        (lambda: gemm(A + 0.3, B, "<4,4>"), ValueError, "at [0, 0] is not in <4,4>; quantize it first"),
        (lambda: gemm(A, B.astype(float) + 0.3, "<4,4>"), ValueError, "b: 0.3 at [0, 0]"),
        (lambda: gemm(A, B * numpy.nan, "<4,4>"), ValueError, "b: NaN at [0, 0]"),
        (lambda: gemm(A[0], B, "<4,4>"), ValueError, "a: shape [3] is not (rows, inner)"),
        (lambda: gemm(A.T, B, "<4,4>"), ValueError, "a: is not in C order"),
        (lambda: gemm(A, B, "e4m3"), ValueError, "formats: e4m3 is no fixed-point format"),
        (lambda: gemm(A, B, "<4,4>", "bf16"), ValueError, "result: bf16 is no fixed-point format"),
        (lambda: gemm(A, B, "<4,4>", codes=True), ValueError, "codes: sums without a format"),
        (lambda: gemm(A, B, "<4,4>", accumulator="exactly"), ValueError, "accumulator: unknown variant"),
        (lambda: gemm(A, B, "<4,4>", accumulator={"saturating": {"bits": 64}}), ValueError, "outside 2..=63"),
        (lambda: gemm(A, B, "<4,4>", accumulator={"narrow": {"register": {"fixed": "<2,20>"},
            "rounding": "down", "schedule": "each-step"}}), ValueError, "cannot hold products"),
        (lambda: gemm(A, B, "<4,4>", accumulator={"narrow": {"register": {"float": "f16"},
            "rounding": "stochastic", "schedule": "each-step"}}), ValueError, "seed: a register that rounds"),
        (lambda: gemm(A, B, "<4,4>", "<4,4>", rounding="stochastic"), ValueError, "seed: a stochastic"),
        (lambda: gemm(A, B, "<4,4>", bias=numpy.zeros(3, numpy.float32)), ValueError, "bias: 3 numbers for 4"),
        (lambda: gemm(A, B, "<4,4>", bias=numpy.zeros(4), bias_format="<4,12>"), ValueError, "bias_format"),
        (lambda: gemm(numpy.full((1, 2**4), -2**31, numpy.int32), numpy.full((2**4, 1), -2**31, numpy.int32),
            "<16,16>"), ValueError, "64 bits"),
        (lambda: gemm(numpy.array([[100]], numpy.int8), numpy.array([[1]], numpy.int8), "<4,3>"), ValueError,
            "a: code 100 at index 0 lies outside <4,3>"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


def test_threads_do_not_matter():
    a = encode(normal("left", (150, 130), 0.5), "<2,14>")
    b = encode(normal("right", (130, 140), 0.5), "<2,14>")
    before, results = dither.threads(), []
    for count in (1, 2, 3):
        dither.set_threads(count)
        results.append(gemm(a, b, "<2,14>", "<2,14>", rounding="stochastic", seed=1))
    dither.set_threads(before)
    assert same_bits(results[0], results[1]) and same_bits(results[0], results[2])
