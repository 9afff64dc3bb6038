"""The Fréchet distance by closed forms, and its floor."""

import json

import numpy as np
import pytest
from scipy.linalg import sqrtm

from vaekit.errors import VaekitError
from vaekit.metrics import fid
from vaekit.metrics.frechet import distance

RNG = np.random.default_rng(0)


def exactly(mean, root, n=400):
    """Make n rows whose sample mean and covariance root·rootᵀ are exact."""
    plain = RNG.normal(size=(n, len(mean)))
    plain -= plain.mean(0)
    plain = plain @ np.linalg.inv(np.linalg.cholesky(np.cov(plain, rowvar=False))).T
    return plain @ np.asarray(root).T + mean


def test_equal_sets_are_at_distance_0():
    one = RNG.normal(size=(300, 5)) @ RNG.normal(size=(5, 5))
    assert fid(one, one) == pytest.approx(0, abs=1e-9) and fid(one, one) >= 0


def test_diagonal_gaussians():
    """FID = ‖m₁ − m₂‖² + Σ (s₁ − s₂)² where covariances commute."""
    one = exactly([0, 0, 0], np.diag([1.0, 2.0, 3.0]))
    two = exactly([1, 0, -2], np.diag([2.0, 2.0, 0.5]))
    found = fid(one, two)
    assert found == pytest.approx(5 + 1 + 2.5**2)
    assert found.parts["means"] == pytest.approx(5)
    assert found.parts["covariances"] == pytest.approx(7.25)
    assert fid(two, one) == pytest.approx(float(found))


@pytest.mark.parametrize("unit", [1e-100, 1e-60, 1e100])
def test_no_unit_of_the_features_is_too_large_or_too_small(unit):
    one, two = (RNG.normal(size=(300, 3)) * s for s in (1, 1.5))
    assert fid(one * unit, two * unit) / unit**2 == pytest.approx(float(fid(one, two)))


def test_squares_beyond_double_precision():
    one = RNG.normal(size=(300, 3))
    with pytest.raises(VaekitError, match="beyond double precision: divide both"):
        fid(one * 1e160, one)


@pytest.mark.parametrize("size", [2, 7])
def test_the_root_of_the_product(size):
    first, second = (RNG.normal(size=(size, size)) for _ in range(2))
    one, two = exactly(np.zeros(size), first), exactly(np.zeros(size), second)
    a, b = first @ first.T, second @ second.T
    formula = np.trace(a + b - 2 * sqrtm(a @ b)).real
    assert fid(one, two) == pytest.approx(formula, rel=1e-6)


def test_turning_both_changes_nothing_and_scale_squares():
    one, two = exactly([0, 0], [[1, 0], [0.5, 1]]), exactly([1, 2], [[2, 0], [0, 0.1]])
    plain, turn = float(fid(one, two)), np.array([[0.6, -0.8], [0.8, 0.6]])
    assert fid(one @ turn, two @ turn) == pytest.approx(plain)
    assert fid(3 * one, 3 * two) == pytest.approx(9 * plain)


def test_dead_features_are_no_harm():
    one, two = RNG.normal(size=(200, 4)), RNG.normal(1, 2, size=(300, 4))
    one[:, 1] = two[:, 1] = 0.0
    two[:, 2] = one[:200, 2].mean()
    alive = [0, 2, 3]
    assert fid(one, two) == pytest.approx(float(fid(one[:, alive], two[:, alive])), rel=1e-6)
    copied, others = one[:, [0, 0, 3, 3]], two[:, [0, 0, 3, 3]]
    assert fid(copied, others) == pytest.approx(2 * float(fid(one[:, [0, 3]], two[:, [0, 3]])))
    constant = np.full((50, 3), 2.0)
    assert fid(constant, constant) == 0.0 == fid(constant, constant).shuffled


def test_the_bias_falls_with_n_and_the_floor_shows_it():
    few, many = (
        np.mean([fid(RNG.normal(size=(n, 8)), RNG.normal(size=(n, 8))) for _ in range(10)])
        for n in (50, 400)
    )
    assert 5 < few / many < 12  # as 1/n
    score = fid(RNG.normal(size=(400, 8)), RNG.normal(3, 1, size=(400, 8)), shuffles=20)
    assert score.shuffled == pytest.approx(2 * many, rel=0.35)
    assert score > 70


def test_floor_and_settings():
    one, two = RNG.normal(size=(30, 20)), RNG.normal(size=(40, 20))
    found = fid(one, two)
    assert found.shuffled is None  # 15 of 20 features
    assert found.settings["n"] == 30 and found.settings["features"] == 20
    assert json.dumps(found.as_dict()) and fid(one, two).as_dict() == found.as_dict()
    assert fid(RNG.normal(size=(9, 1)), RNG.normal(size=(9, 1))) >= 0
    assert isinstance(distance(one, two)[1], float)


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        (np.zeros((9, 2)), np.zeros((9, 3)), "2 entries but others 3"),
        (np.ones((3, 3)), np.zeros((9, 3)), "3 examples of 3 features have a singular covariance"),
        (np.ones((9, 3)), np.zeros((2, 3)), "2 examples of 3 features"),
        (np.full((9, 3), np.nan), np.zeros((9, 3)), "NaN or infinite"),
        (np.zeros(9), np.zeros((9, 3)), "got shape .9,."),
    ],
)
def test_bad_input(one, two, message):
    with pytest.raises(VaekitError, match=message):
        fid(one, two)
