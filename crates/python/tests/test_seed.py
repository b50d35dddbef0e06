"""`Seed` and `Stream`: the bits of the Rust library, by name and position."""

import pickle

import numpy
import pytest
from conftest import floats, same_bits
from hypothesis import given
from hypothesis import strategies as st

from dither import Seed


def test_streams_have_the_bits_of_the_library(golden):
    stream = Seed(2015).child("layer1").child(7).stream()
    words = golden["words"]
    assert stream.words(1000, 8).tolist() == words["words"]
    assert same_bits(stream.uniform(1000, 8), floats(words["uniform"]))
    assert same_bits(stream.normal(1000, 8), floats(words["normal"]))
    assert stream.permutation(20).tolist() == words["permutation"]


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**9), st.integers(0, 300), st.integers(0, 300))
def test_a_word_depends_on_its_position_alone(root, first, skip, count):
    stream = Seed(root).stream()
    assert same_bits(stream.words(first, skip + count)[skip:], stream.words(first + skip, count))


names = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 2**64 - 1)), max_size=4)


@given(st.integers(0, 2**64 - 1), names)
def test_a_seed_is_what_its_path_says(root, path):
    seed = Seed(root)
    for name in path:
        seed = seed.child(name)
    copy = pickle.loads(pickle.dumps(seed))
    assert copy == seed and hash(copy) == hash(seed) and repr(copy) == repr(seed)
    assert same_bits(copy.stream().words(0, 4), seed.stream().words(0, 4))
    assert seed.child("1") != seed.child(1)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Seed(-1), ValueError, "seed: -1 is outside 0..2^64"),
        (lambda: Seed(2**64), ValueError, "outside 0..2^64"),
        (lambda: Seed("a"), TypeError, "seed: a number is wanted, not str"),
        (lambda: Seed(1).child(1.5), TypeError, "name: a text or a number is wanted, not float"),
        (lambda: Seed(1).child(-1), ValueError, "name: -1 is outside"),
        (lambda: Seed(1).stream().words(2**64 - 1, 2), ValueError, "end beyond 2^64"),
    ],
)
def test_what_is_no_seed_is_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)


def test_numbers_of_numpy_are_numbers():
    assert Seed(numpy.int64(3)) == Seed(3)
    assert Seed(3).child(numpy.uint8(4)) == Seed(3).child(4)
