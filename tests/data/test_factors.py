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


TABLE = np.array([[0, 1], [2, 3], [0, 0], [2, 3], [1, 1]], np.int32)


def partial() -> Factors:
    return Factors(("a", "b"), (3, 4), (np.arange(3), np.arange(4)), TABLE)


def test_sets_that_fill_no_grid(rng):
    factors = partial()
    assert len(factors) == 5
    assert np.array_equal(factors.codes([4, 0, 1]), TABLE[[4, 0, 1]])
    assert factors.codes([0]).dtype == np.int64
    assert factors.index(TABLE).tolist() == [0, 1, 2, 1, 4]  # the first of those alike
    drawn = factors.sample(9000, rng)
    cells, counts = np.unique(factors.index(drawn), return_counts=True)
    assert cells.tolist() == [0, 1, 2, 4]
    expected = np.array([1, 2, 1, 1]) * 1800  # every image alike
    assert ((counts - expected) ** 2 / expected).sum() < 16.3  # chi², 3 degrees: p = .001
    held = factors.sample(50, rng, a=0)
    assert (held[:, 0] == 0).all() and set(held[:, 1]) == {0, 1}


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_a_table_of_the_grid_is_the_grid(sizes):
    full = grid(*sizes)
    everything = np.arange(len(full))
    same = Factors(full.names, full.sizes, full.values, full.codes(everything))
    assert len(same) == len(full)
    assert np.array_equal(same.codes(everything), full.codes(everything))
    assert np.array_equal(same.index(full.codes(everything)), everything)


def test_factors_of_values():
    factors = Factors.of(("who", "angle"), [["b", "a", "b"], [10, -5, 90]])
    assert factors.sizes == (2, 3) and factors.values[1].tolist() == [-5, 10, 90]
    assert factors.values[0].tolist() == ["a", "b"]
    assert factors.codes([0, 1, 2]).tolist() == [[1, 1], [0, 0], [1, 2]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, g: f.codes([5]), "from 0 to 4"),
        (lambda f, g: f.index([[0, 1], [1, 0]]), "no image has the levels a=1, b=0"),
        (lambda f, g: f.index([[2, 2]]), "no image has the levels a=2, b=2"),
        (lambda f, g: f.index([[0, 4]]), "factor 'b' has levels 0 to 3, got 4"),
        (lambda f, g: f.sample(3, g, b=2), "no image has the levels b=2"),
        (lambda f, g: f.sample(3, g, a=0, b=3), "no image has the levels a=0, b=3"),
        (lambda f, g: f.sample(3, g, bb=0), "Did you mean 'b'"),
    ],
)
def test_levels_that_no_image_has(call, message, rng):
    with pytest.raises(VaekitError, match=message):
        call(partial(), rng)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.zeros(3, int), "expected a table"),
        (np.zeros((3, 2)), "expected a table"),
        (np.zeros((0, 2), int), "expected a table"),
        (np.zeros((3, 3), int), r"expected levels \(n, 2\)"),
        (np.array([[0, 4]]), "factor 'b' has levels 0 to 3, got 4"),
    ],
)
def test_tables_that_do_not_fit(table, message):
    with pytest.raises(VaekitError, match=message):
        Factors(("a", "b"), (3, 4), (np.arange(3), np.arange(4)), table)


def test_a_full_grid_in_any_order(rng):
    whole = np.array(list(np.ndindex(3, 1, 4)))
    shuffled = rng.permutation(len(whole))
    columns = (whole * [5, 1, -2] + [0, 7, 1])[shuffled].T
    found, rows = Factors.grid(("a", "b", "c"), columns)
    assert found.table is None and found.sizes == (3, 1, 4) and len(found) == 12
    assert [v.tolist() for v in found.values] == [[0, 5, 10], [7], [-5, -3, -1, 1]]
    for k, values in enumerate(found.values):
        assert np.array_equal(values[found.codes(np.arange(12))[:, k]], columns[k][rows])
    with pytest.raises(VaekitError, match=r"11 images .* of a 3 x b 1 x c 4 once: 1 are missing"):
        Factors.grid(("a", "b", "c"), columns[:, 1:])
    with pytest.raises(VaekitError, match=r"12 images .* 1 are missing and 1 are there more than"):
        Factors.grid(("a", "b", "c"), np.concatenate([columns[:, 1:], columns[:, 1:2]], axis=1))
