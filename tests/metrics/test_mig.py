"""The MIG on codes whose score is known: ideal, useless, duplicated, rotated, constant."""

import copy
import json
import pickle
import time

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from vaekit.errors import VaekitError
from vaekit.metrics import Score, entropy, mig, mutual_information

SIZES = (3, 4, 8)


@pytest.fixture
def levels() -> np.ndarray:
    """A full grid of three factors, 20 times over."""
    grid = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1)
    return np.tile(grid, (20, 1))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("binning", ["width", "quantile"])
def test_ideal_codes_score_one(levels, binning):
    score = mig(-2.5 * levels + 7, levels, binning=binning)
    assert score == pytest.approx(1, abs=1e-9)
    assert score.parts["latent"].tolist() == [0, 1, 2]
    assert score.parts["gap"] == pytest.approx(1)


def test_useless_codes_score_their_bias(levels, rng):
    score = mig(rng.normal(size=(len(levels), 5)), levels, shuffles=20)
    assert 0 <= score < 0.05 and score == pytest.approx(score.shuffled, abs=0.02)
    assert score.shuffled > 0


def test_duplicated_codes_score_zero(levels):
    assert mig(np.hstack([levels, levels]), levels) == pytest.approx(0, abs=1e-12)


def test_rotated_codes_score_less(rng):
    levels = rng.integers(0, 10, (20_000, 2))
    codes = levels - 4.5
    turned = codes @ np.array([[1, -1], [1, 1]]) / np.sqrt(2)
    assert mig(codes, levels) == pytest.approx(1, abs=1e-3)
    assert mig(turned, levels) < 0.05


def test_order_of_latents_does_not_matter(levels, rng):
    codes = levels @ rng.normal(size=(3, 6)) + rng.normal(size=(len(levels), 6))
    order = rng.permutation(6)
    one, other = mig(codes, levels), mig(codes[:, order], levels)
    assert one == pytest.approx(other, abs=1e-12)
    assert np.array_equal(order[other.parts["latent"]], one.parts["latent"])


def test_constant_codes_know_nothing(levels):
    dead = np.full((len(levels), 1), 0.3)
    for binning in ("width", "quantile"):
        known = mutual_information(np.hstack([dead, levels]), levels, binning=binning)
        assert (known[0] == 0).all()
        assert mig(dead, levels, binning=binning) == 0.0
    assert mig(np.hstack([dead, levels]), levels) == pytest.approx(1)


def test_constant_factors_are_left_out_and_named(levels):
    more = np.insert(levels, 1, 5, axis=1)
    score = mig(levels, more)
    assert score == pytest.approx(1)
    assert score.parts["constant"].tolist() == [1] and score.parts["gap"][1] == 0
    none = mig(levels, np.full((len(levels), 2), -3))
    assert none == 0.0 == none.shuffled and none.parts["constant"].tolist() == [0, 1]


def test_a_single_latent_has_no_second(levels):
    score = mig(levels[:, :1], levels)
    assert score.parts["gap"] == pytest.approx([1, 0, 0], abs=1e-9)
    assert score == pytest.approx(1 / 3)


def test_single_example():
    assert mig([[1.0, 2.0]], [[3]]) == 0.0


def test_outlier_spoils_equal_width_and_not_equal_mass(levels):
    codes = levels.astype(float)
    codes[0] = 1e6
    assert mig(codes, levels) < 0.05
    assert mig(codes, levels, binning="quantile") > 0.95


@pytest.mark.parametrize("curve", [np.exp, np.arctan, lambda z: z**3, lambda z: 5 - z])
def test_equal_mass_sees_no_monotone_rescaling(levels, rng, curve):
    codes = np.round(levels + 0.5 * rng.normal(size=levels.shape), 2)  # with ties
    before = mutual_information(codes, levels, bins=7, binning="quantile")
    after = mutual_information(curve(codes), levels, bins=7, binning="quantile")
    assert after == pytest.approx(before, abs=1e-9 if curve(1) > curve(0) else 0.02)


@pytest.mark.parametrize("far", [0, -40, 10**9])
def test_equals_sklearn(rng, far):
    codes = rng.normal(size=(500, 4)).astype(np.float32)
    levels = rng.integers(0, [2, 5, 30], (500, 3)) * (1 + 3 * (far > 0)) + far
    levels[0] += 10 * far
    low, width = codes.min(0), np.ptp(codes, axis=0).astype(float)
    binned = np.minimum((codes.astype(float) - low) / width * 20, 19).astype(int)
    expected = [[mutual_info_score(b, v) for v in levels.T] for b in binned.T]
    assert mutual_information(codes, levels) == pytest.approx(np.array(expected), abs=1e-12)
    own = [mutual_info_score(v, v) for v in levels.T]
    assert entropy(levels) == pytest.approx(own, abs=1e-12)


def test_entropy_of_uniform_levels(levels):
    assert entropy(levels) == pytest.approx(np.log(SIZES))
    assert entropy(np.zeros((9, 1), int)).tolist() == [0.0]


def test_quick(rng):
    codes, levels = rng.normal(size=(10_000, 10)), rng.integers(0, [3, 6, 40, 32, 32], (10_000, 5))
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        mutual_information(codes, levels)
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.03  # 3 ms on an idle core


@pytest.mark.parametrize(
    ("codes", "factors", "options", "message"),
    [
        (np.zeros((4, 2)), np.zeros((3, 1), int), {}, "4 codes but 3 rows"),
        (np.zeros((4, 2)), np.zeros((4, 1)), {}, "factors must be integer levels, got float64"),
        (np.full((4, 2), np.nan), np.zeros((4, 1), int), {}, r"latents \[0, 1\] hold NaN"),
        (np.zeros((4, 2)), np.zeros((4, 1), int), {"bins": 1}, "bins must be ≥ 2"),
        (np.zeros((4, 2)), np.zeros((4, 1), int), {"binning": "log"}, "unknown binning 'log'"),
        (np.zeros(4), np.zeros((4, 1), int), {}, r"codes \(N, H\)"),
        (np.zeros((4, 2)), np.zeros(4, int), {}, r"factors \(N, K\)"),
        (np.zeros((0, 2)), np.zeros((0, 1), int), {}, "expected factors"),
        (np.array([["a"]]), np.zeros((1, 1), int), {}, "of numbers"),
    ],
)
def test_errors(codes, factors, options, message):
    with pytest.raises(VaekitError, match=message):
        mig(codes, factors, **options)


def test_a_score_is_its_float_and_says_how_it_came_about(levels):
    score = mig(levels, levels, bins=15, seed=3)
    assert isinstance(score, Score) and score + 1 == pytest.approx(2) and f"{score:.2f}" == "1.00"
    found = json.loads(json.dumps(score.as_dict()))
    assert found["n"] == len(levels) and found["bins"] == 15 and found["binning"] == "width"
    assert found["estimator"] == "plug-in, 15 bins of equal width"
    assert found["parts"]["latent"] == [0, 1, 2] and found["shuffled"] == score.shuffled
    for twin in (copy.deepcopy(score), pickle.loads(pickle.dumps(score))):
        assert twin == score and twin.as_dict() == score.as_dict()
    assert mig(levels, levels, seed=3, bins=15).as_dict() == score.as_dict()
    assert mig(levels, levels, shuffles=0).shuffled is None


def test_parts_may_nest():
    score = Score(0.5, {"by_name": {"x": np.float32(0.25)}, "pair": (np.int64(1), 2)})
    assert json.loads(json.dumps(score.as_dict()["parts"])) == {
        "by_name": {"x": 0.25},
        "pair": [1, 2],
    }
