"""`quantize`, `encode` and `decode` against the Rust library, other libraries, and what must hold."""

import pickle

import numpy
import pytest
from conftest import floats, normal, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import dither
from dither import Seed, decode, encode, quantize

FIXED = ["<8,8>", "<2,6>", "<-2,14>", "<4,18>"]
FLOATING = ["e4m3", "e5m2", "e4m3fnuz", "e2m1", "bf16", "f16", "tf32", "p3109:8:3", "Binary9p4uf"]
BLOCKS = ["mxfp8-e4m3", "mxfp6-e2m3", "mxfp4", "mxint8", "nvfp4"]
NEAREST = ["nearest-ties-even", "nearest-ties-down", "nearest-ties-away"]
DIRECTED = ["toward-zero", "down", "up", "to-odd"]
FEW = {"stochastic-bits": {"bits": 8, "variant": "c", "fraction": "sign-magnitude"}}


def test_every_format_and_rounding_has_the_bits_of_the_library(golden):
    x, bits = normal("x", (3, 40), 3.0), Seed(7).child("bits")
    assert len(golden["conversions"]) == 13 * 6
    for case in golden["conversions"]:
        how = {"rounding": case["rounding"], "seed": bits, "first": case["first"]}
        y = quantize(x, case["format"], **how)
        assert same_bits(y.ravel(), floats(case["y"])), case["format"]
        codes = encode(x, case["format"], **how)
        assert same_bits(decode(codes, case["format"], dtype="float32"), y), case["format"]
        named = quantize(x, case["format"], **{**how, "seed": 7, "stream": "bits"})
        assert same_bits(named, y)
        assert same_bits(quantize(x, case["format"], **{**how, "seed": bits.stream()}), y)


def finite(dtype, limit=1e6):
    elements = st.floats(-limit, limit, width=8 * numpy.dtype(dtype).itemsize)
    return arrays.arrays(dtype, arrays.array_shapes(max_dims=3, max_side=40), elements=elements)


@settings(deadline=None)
@given(finite(numpy.float32), st.sampled_from(FIXED + FLOATING + BLOCKS), st.sampled_from(NEAREST + DIRECTED))
def test_what_is_in_the_format_stays(x, format, rounding):
    once = quantize(x, format, rounding="nearest-ties-even")
    if format in BLOCKS and format != "mxint8":
        # The scale of a block may be another one once its largest element is rounded.
        rule = "nearest" if format == "nvfp4" else "rceil"
        once = quantize(once, format, scale_rule=rule)
        again = quantize(once, format, scale_rule=rule, rounding=rounding)
        assert again.shape == x.shape
        return
    assert same_bits(quantize(once, format, rounding=rounding), once)
    assert same_bits(quantize(once, format, rounding="stochastic", seed=1), once)


@settings(deadline=None)
@given(finite(numpy.float64), st.sampled_from(FIXED + FLOATING), st.sampled_from(["stochastic", *NEAREST, *DIRECTED]))
def test_float64_and_float32_agree_where_the_numbers_do(x, format, rounding):
    x = x.astype(numpy.float32)
    how = {"rounding": rounding, "seed": 5, "first": 3}
    narrow, wide = quantize(x, format, **how), quantize(x.astype(numpy.float64), format, **how)
    assert wide.dtype == numpy.float64
    assert numpy.array_equal(wide, narrow)
    assert numpy.array_equal(encode(x, format, **how), encode(x.astype(numpy.float64), format, **how))


@settings(deadline=None)
@given(finite(numpy.float32, 100.0), st.sampled_from(FIXED), st.integers(0, 2**40))
def test_stochastic_rounding_goes_to_a_neighbour(x, format, first):
    down, up = (quantize(x, format, rounding=r) for r in ("down", "up"))
    y = quantize(x, format, rounding="stochastic", seed=9, first=first)
    assert numpy.all((y == down) | (y == up))


@pytest.mark.parametrize("format", FIXED + FLOATING)
@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float64])
@pytest.mark.parametrize("rounding", ["stochastic", FEW])
def test_an_array_is_rounded_like_its_parts(format, dtype, rounding):
    x = normal("parts", (70_000,), 1.0).astype(dtype)
    whole = quantize(x, format, rounding=rounding, seed=2)
    for start, end in [(0, 7), (4000, 4200), (65_530, 65_545), (69_999, 70_000)]:
        part = quantize(x[start:end].copy(), format, rounding=rounding, seed=2, first=start)
        assert same_bits(part, whole[start:end])


@pytest.mark.parametrize("format", ["<8,8>", "e4m3", "mxfp4", "nvfp4"])
def test_threads_do_not_matter(format):
    x = normal("threads", (300, 1000), 1.0)
    before, results = dither.threads(), []
    for count in (1, 2, 3):
        dither.set_threads(count)
        results.append(quantize(x, format, rounding="stochastic", seed=4))
    dither.set_threads(before)
    assert same_bits(results[0], results[1]) and same_bits(results[0], results[2])


def test_stochastic_rounding_is_unbiased():
    x = numpy.full(400_000, 0.3, numpy.float32)
    up = (quantize(x, "<4,0>", rounding="stochastic", seed=1) == 1).mean()
    # Five standard deviations of the mean of so many draws.
    assert abs(up - numpy.float32(0.3)) < 5 * (0.3 * 0.7 / len(x)) ** 0.5


def test_codes_of_fixed_point_count_units():
    x = numpy.array([0.5, -1.0, 127.0, 1e9, -1e9, numpy.nan, numpy.inf])
    codes = encode(x, "<8,8>")
    assert codes.dtype == numpy.int16
    assert codes.tolist() == [128, -256, 127 * 256, 32767, -32768, 0, 32767]
    assert encode(x, "<4,3>").dtype == numpy.int8 and encode(x, "<20,12>").dtype == numpy.int32
    assert decode(codes, "<8,8>").dtype == numpy.float32
    assert decode(encode(x, "<20,12>"), "<20,12>").dtype == numpy.float64
    assert quantize(numpy.array([129.0]), "<8,8>", overflow="wrap") == -127.0


@pytest.mark.parametrize("format", FLOATING)
def test_every_code_is_encoded_as_itself(format):
    width = {"bf16": 16, "f16": 16, "tf32": 19, "Binary9p4uf": 9, "e2m1": 4}.get(format, 8)
    codes = numpy.arange(2**width, dtype=encode(numpy.zeros(1), format).dtype)
    values = decode(codes, format)
    again = encode(values, format, overflow="saturate")
    numbers = ~numpy.isnan(values)
    assert numpy.array_equal(again[numbers], codes[numbers])


def test_blocks_have_codes_scales_and_a_factor():
    x = normal("blocks", (2, 3, 40), 1.0)
    codes = encode(x, "nvfp4")
    assert codes.codes.shape == (2, 3, 40) and codes.scales.shape == (2, 3, 3)
    assert codes.tensor_scale > 0 and codes.format == "nvfp4" and codes.blocks == "along-rows"
    assert same_bits(codes.values(), quantize(x, "nvfp4"))
    assert pickle.loads(pickle.dumps(codes)) == codes
    square = encode(x[0], "mxfp4", blocks="square")
    assert square.scales.shape == (1, 2)
    transposed = encode(numpy.ascontiguousarray(x[0].T), "mxfp4", blocks="square")
    assert same_bits(transposed.values(), square.values().T)


# What other libraries say.


@pytest.mark.parametrize(
    ("format", "type"),
    [
        ("bf16", "bfloat16"),
        ("e4m3", "float8_e4m3fn"),
        ("e5m2", "float8_e5m2"),
        ("e4m3fnuz", "float8_e4m3fnuz"),
        ("e5m2fnuz", "float8_e5m2fnuz"),
        ("e2m3", "float6_e2m3fn"),
        ("e3m2", "float6_e3m2fn"),
        ("e2m1", "float4_e2m1fn"),
    ],
)
def test_conversions_are_those_of_ml_dtypes(format, type):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    theirs = getattr(ml_dtypes, type)
    half = numpy.arange(2**16, dtype=numpy.uint16).view(numpy.float16).astype(numpy.float32)
    largest = float(ml_dtypes.finfo(theirs).max)
    x = half[numpy.isfinite(half) & (abs(half) <= largest)]
    expected = x.astype(theirs)
    assert numpy.array_equal(quantize(x, format), expected.astype(numpy.float32))
    codes = expected.view(numpy.uint16 if format == "bf16" else numpy.uint8)
    assert numpy.array_equal(encode(x, format), codes)


@pytest.mark.parametrize(
    ("format", "name"),
    [("e4m3", "ocp_e4m3"), ("e5m2", "ocp_e5m2"), ("e2m3", "ocp_e2m3"), ("e2m1", "ocp_e2m1"), ("bf16", "bfloat16")],
)
@pytest.mark.parametrize(
    ("rounding", "mode"),
    [("nearest-ties-even", "TiesToEven"), ("toward-zero", "TowardZero"), ("down", "TowardNegative"),
     ("up", "TowardPositive"), ("nearest-ties-away", "TiesToAway")],
)
def test_roundings_are_those_of_gfloat(format, name, rounding, mode):
    gfloat = pytest.importorskip("gfloat", reason="gfloat is not installed")
    info = getattr(pytest.importorskip("gfloat.formats"), f"format_info_{name}")
    x = normal("gfloat", (4000,), 2.0).astype(numpy.float64)
    x = x[abs(x) <= info.max]
    expected = gfloat.round_ndarray(info, x, getattr(gfloat.RoundMode, mode), sat=True)
    assert numpy.array_equal(quantize(x, format, rounding=rounding), expected)


# What is refused.

X = numpy.zeros((4, 6), numpy.float32)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: quantize(X, "<8;8>"), ValueError, "format: '<8;8>' is not a fixed-point format"),
        (lambda: quantize(X, "<20,20>"), ValueError, "word length 40"),
        (lambda: quantize(X, "fp5"), ValueError, "format: 'fp5' is no format"),
        (lambda: quantize(X, "e4m3", rounding="up-ish"), ValueError, "rounding: unknown variant `up-ish`"),
        (lambda: quantize(X, "e4m3", rounding=3.5), ValueError, "rounding: "),
        (lambda: quantize(X, "e4m3", rounding=object()), TypeError, "rounding: a name, or a dictionary"),
        (lambda: quantize(X, "e4m3", rounding="stochastic"), ValueError, "seed: a stochastic rounding"),
        (lambda: quantize(X, "e4m3", stream="a"), ValueError, "stream: is a name below a seed"),
        (lambda: quantize(X, "e4m3", seed=Seed(1).stream(), stream="a"), ValueError, "stream: a Stream"),
        (lambda: quantize(X, "e4m3", seed=1.5), TypeError, "seed: a number or a Seed"),
        (lambda: quantize(X, "e4m3", overflow="wrap"), ValueError, "`overflow`: floating-point numbers"),
        (lambda: quantize(X, "<8,8>", overflow="propagate"), ValueError, "neither infinities nor NaN"),
        (lambda: quantize(X, "e2m1", overflow="propagate"), ValueError, "neither infinities nor NaN"),
        (lambda: quantize(X, "mxfp4", overflow="wrap"), ValueError, "elements of blocks saturate"),
        (lambda: quantize(X, "e4m3", blocks="square"), ValueError, "blocks: e4m3 has no blocks"),
        (lambda: quantize(X[0], "mxfp4", blocks="square"), ValueError, "cannot be cut"),
        (lambda: quantize(X, "mxfp4", scale_rule="nearest"), ValueError, "`scale_rule`"),
        (lambda: quantize(X, "mxfp4", tensor_scale=True), ValueError, "`tensor_scale`"),
        (lambda: quantize(X, "e4m3", rounding={"stochastic-bits": {"bits": 40, "variant": "a",
            "fraction": "sign-magnitude"}}, seed=1), ValueError, "1 to 31 random bits, not 40"),
        (lambda: quantize(X.T, "e4m3"), ValueError, "x: is not in C order (shape [6, 4]"),
        (lambda: quantize(X[:, ::2], "e4m3"), ValueError, "numpy.ascontiguousarray copies it"),
        (lambda: quantize(X.astype(int), "e4m3"), TypeError, "float32 or float64 is wanted, not int64"),
        (lambda: quantize(X.astype(numpy.float16), "e4m3"), TypeError, "not float16"),
        (lambda: quantize([0.5], "e4m3"), TypeError, "x: an array or a tensor of float32"),
        (lambda: quantize(X.astype(float), "mxfp4"), ValueError, "follow from float32 magnitudes"),
        (lambda: quantize(X, "<16,16>"), ValueError, "float32 does not hold the words of <16,16>"),
        (lambda: quantize(X, "Binary16p5se"), ValueError, "float32 does not hold"),
        (lambda: quantize(X, "e4m3", seed=1, first=2**64 - 3), ValueError, "first: 24 positions"),
        (lambda: quantize(X, "e4m3", first=-1), (OverflowError, ValueError), ""),
        (lambda: decode(numpy.array([300], numpy.int16), "<4,4>"), TypeError, "codes: "),
        (lambda: decode(numpy.array([100], numpy.int8), "<4,3>"), ValueError, "lies outside <4,3>"),
        (lambda: decode(numpy.array([200], numpy.uint8), "e2m1"), ValueError, "more than the 4 bits"),
        (lambda: decode(numpy.array([1], numpy.int16), "<8,8>", dtype="int8"), ValueError, "dtype: "),
        (lambda: decode(numpy.array([1], numpy.uint8), "mxfp4"), ValueError, "a BlockCodes"),
        (lambda: decode(numpy.array([1], numpy.uint8)), ValueError, "format: codes in an array"),
        (lambda: dither.set_threads(0), ValueError, "at least one thread"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_arrays_and_single_numbers_are_arrays():
    for format in ["<8,8>", "e4m3", "mxfp4"]:
        assert quantize(numpy.zeros((0, 5), numpy.float32), format).shape == (0, 5)
    assert quantize(numpy.array(0.3), "<8,8>").shape == ()
    with pytest.raises(ValueError, match="cannot be cut"):
        quantize(numpy.array(0.3, numpy.float32), "mxfp4")


def test_nan_is_nan_where_the_format_has_it():
    x = numpy.array([numpy.nan, numpy.inf, -numpy.inf, 1.0], numpy.float32)
    assert quantize(x, "<8,8>").tolist() == [0.0, 127.99609375, -128.0, 1.0]
    assert numpy.isnan(quantize(x, "bf16")[0]) and quantize(x, "bf16")[1] == numpy.inf
    assert quantize(x, "e2m1").tolist() == [0.0, 6.0, -6.0, 1.0]
    assert numpy.isnan(quantize(x, "mxfp4")).all()
