import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vaekit.data import Factors
from vaekit.errors import VaekitError


def grid(*sizes: int) -> Factors:
    names = tuple("abcdef"[: len(sizes)])
    return Factors(names, sizes, tuple(np.arange(size) for size in sizes))


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_codes_and_index_are_inverse_and_the_last_varies_fastest(sizes):
    factors = grid(*sizes)
    everything = np.arange(len(factors))
    codes = factors.codes(everything)
    assert codes.dtype == np.int64 and codes.shape == (np.prod(sizes), len(sizes))
    assert np.array_equal(factors.index(codes), everything)
    assert np.array_equal(codes, np.array(list(np.ndindex(*sizes))).reshape(codes.shape))


def test_sample_is_uniform_and_holds_what_is_fixed(rng):
    factors = grid(3, 4, 5)
    levels = factors.sample(12_000, rng, b=2)
    assert levels.shape == (12_000, 3) and (levels[:, 1] == 2).all()
    counts = np.bincount(levels[:, 2], minlength=5)
    assert ((counts - 2400) ** 2 / 2400).sum() < 18.5  # chi², 4 degrees: p = .001
    assert np.array_equal(levels, factors.sample(12_000, np.random.default_rng(0), b=2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, g: f.sample(3, g, a=3), "factor 'a' has levels 0 to 2, got 3"),
        (lambda f, g: f.sample(3, g, b=-1), "factor 'b' has levels 0 to 3, got -1"),
        (lambda f, g: f.sample(3, g, bb=0), "Did you mean 'b'"),
        (lambda f, g: f.sample(0, g), "at least 1"),
        (lambda f, g: f.codes([12]), "from 0 to 11"),
        (lambda f, g: f.codes([-1]), "from 0 to 11"),
        (lambda f, g: f.index([[0, 4]]), "factor 'b' has levels 0 to 3, got 4"),
        (lambda f, g: f.index([[0, 0, 0]]), r"expected levels \(n, 2\)"),
    ],
)
def test_errors(call, message, rng):
    with pytest.raises(VaekitError, match=message):
        call(grid(3, 4), rng)


@pytest.mark.parametrize(
    "parts",
    [((), (), ()), (("a",), (2, 3), ([0, 1],)), (("a",), (3,), ([0, 1],)), (("a",), (0,), ([],))],
)
def test_parts_must_fit(parts):
    with pytest.raises(VaekitError, match=r"factor"):
        Factors(*parts)
