"""JEMMIG (Do & Tran 2020): by hand, by its other form, and its laws."""

import numpy as np
import pytest
from cases import CODES, GRID, HADAMARD, LEVELS

from vaekit.errors import VaekitError
from vaekit.metrics import jemmig, mig

LOG2 = np.log(2)


def test_by_hand():
    """Of (z, v) = 00, 01, 11, 11: H(z, v) = 3/2 ln 2, H(z) = ln 2, H(v) = 2 ln 2 − 3/4 ln 3."""
    z, v = np.array([[0.0], [0], [1], [1]]), np.array([[0], [1], [1], [1]])
    of_v = 2 * LOG2 - 0.75 * np.log(3)
    told = LOG2 + of_v - 1.5 * LOG2
    alone = jemmig(z, v, bins=2)
    assert alone == pytest.approx(1.5 * LOG2 - told)
    assert alone.parts["normalised"] == pytest.approx(1 - (1.5 * LOG2 - told) / (of_v + LOG2))
    both = jemmig(np.hstack([z, v]), v, bins=2)  # v itself is the best, z the next
    assert both == pytest.approx(told) and both.parts["latent"] == [1]
    assert both.parts["normalised"] == pytest.approx(1 - told / (of_v + LOG2))


def test_it_is_what_each_lacks_of_the_other():
    """H(z|v) + H(v|z) + I(z°; v), from counts."""
    rng = np.random.default_rng(0)
    v = rng.integers(0, 3, 500)
    z = np.stack([v + rng.integers(0, 2, 500), rng.integers(0, 4, 500)], axis=1)
    table = np.histogram2d(z[:, 0], v, (4, 3))[0] / 500

    def entropy(p):
        return -(p[p > 0] * np.log(p[p > 0])).sum()

    whole = entropy(table)
    lacks = 2 * whole - entropy(table.sum(0)) - entropy(table.sum(1))
    score = jemmig(z.astype(float), v[:, None], bins=4)
    assert score == pytest.approx(lacks + score.parts["mutual_information"][1, 0])


def test_a_latent_of_two_factors_costs_what_the_mig_does_not_see():
    """One latent numbers the cells of v0 and v1: all of both is told, and ln 4, ln 3 besides."""
    codes = (GRID[:, :1] * 4 + GRID[:, 1:2]).astype(float)
    assert mig(codes, GRID[:, :2], bins=12) == pytest.approx(1)
    score = jemmig(codes, GRID[:, :2], bins=12)
    assert score.parts["by_factor"] == pytest.approx([np.log(4), np.log(3)])


@pytest.mark.parametrize("angle", [10, 30, 45])
def test_a_turned_code_pays(angle):
    a = np.deg2rad(angle)
    turned = LEVELS[:, :2] @ [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    straight, other = jemmig(CODES["ideal"], LEVELS[:, :2]), jemmig(turned, LEVELS[:, :2])
    assert straight == pytest.approx(0, abs=1e-9) and other > 0.5
    assert other.parts["normalised"] < straight.parts["normalised"] == pytest.approx(1)


def test_bounds():
    rng = np.random.default_rng(1)
    for size, bins in ((30, 2), (200, 20), (2000, 5)):
        codes, factors = rng.uniform(size=(size, 3)), rng.integers(0, 4, (size, 2))
        codes[:, 0] += factors @ HADAMARD[0]
        score = jemmig(codes, factors, bins, shuffles=0)
        most = score.parts["entropy"] + np.log(bins)
        assert ((score.parts["by_factor"] >= 0) & (score.parts["by_factor"] <= most)).all()
        assert 0 <= score.parts["normalised"] <= 1 and score.shuffled is None


def test_noise_that_fills_all_bins_is_the_worst_and_a_constant_code_is_not():
    rng = np.random.default_rng(2)
    v = rng.integers(0, 4, (20_000, 1))
    noise = jemmig(rng.uniform(size=(20_000, 2)), v)
    assert noise == pytest.approx(np.log(4) + np.log(20), abs=0.02)
    assert noise.parts["normalised"] == pytest.approx(0, abs=0.005)
    assert jemmig(np.zeros((20_000, 2)), v).parts["normalised"] == pytest.approx(0.684, abs=0.001)


def test_latents_that_tell_alike_in_any_order():
    """Nothing is told by any; the one that holds least besides is taken."""
    codes = np.stack([GRID[:, 2], 0 * GRID[:, 2], GRID[:, 1]], axis=1).astype(float)
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        assert jemmig(codes[:, order], GRID[:, :1]) == pytest.approx(np.log(3))


def test_it_raises_as_the_mig():
    with pytest.raises(VaekitError, match="bins must be ≥ 2"):
        jemmig(CODES["ideal"], LEVELS, 1)
    with pytest.raises(VaekitError, match="unknown binning"):
        jemmig(CODES["ideal"], LEVELS, binning="mass")  # pyright: ignore[reportArgumentType]
