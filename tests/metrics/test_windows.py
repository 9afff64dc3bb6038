"""Parzen windows by their definition."""

import json

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import logsumexp

from vaekit.errors import VaekitError
from vaekit.metrics import parzen, windows
from vaekit.metrics.windows import best_bandwidth, log_density

RNG = np.random.default_rng(0)


def by_definition(samples, held, sigma):
    size = samples.shape[1]
    squares = ((held[:, None] - samples[None]) ** 2).sum(-1)
    each = -squares / (2 * sigma**2) - size / 2 * np.log(2 * np.pi * sigma**2)
    return logsumexp(each, axis=1) - np.log(len(samples))


@pytest.mark.parametrize("sigma", [1e-3, 0.2, 5.0])
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_density_by_definition(sigma, shift):
    samples, held = RNG.normal(shift, 1, (50, 3)), RNG.normal(shift, 1, (20, 3))
    expected = by_definition(samples, held, sigma)
    score = parzen(samples, held, sigma)
    assert score.parts["log_density"] == pytest.approx(expected, rel=1e-6)
    assert score == pytest.approx(expected.mean(), rel=1e-6)
    nearest = ((held[:, None] - samples[None]) ** 2).sum(-1).min(1).mean()
    assert score.parts["nearest"] == pytest.approx(nearest, rel=1e-6)
    assert score.settings["se"] == pytest.approx(expected.std(ddof=1) / 20**0.5, rel=1e-5)


@pytest.mark.parametrize("sigma", [1e-200, 1e-155, 1e200])
def test_bandwidths_beyond_double_precision(sigma):
    with pytest.raises(VaekitError, match=r"windows of σ = .* give no finite density"):
        parzen(X, X + 1.0, sigma)
    assert np.isfinite(parzen(X, X + 1.0, 1e-140))


def test_samples_beyond_double_precision():
    with pytest.raises(VaekitError, match=r"samples reach .* beyond double precision"):
        parzen(np.full((3, 2), 1e160), np.ones((2, 2)), 1.0)


def test_it_is_a_density():
    samples = RNG.normal(size=(7, 1))
    line = np.linspace(-9, 9, 20_001)
    found = log_density(samples, line[:, None], 0.3)[0]
    assert trapezoid(np.exp(found), line) == pytest.approx(1, abs=1e-9)


def test_blocks_do_not_change_it(monkeypatch):
    samples, held = RNG.normal(size=(40, 2, 3)), RNG.normal(size=(30, 2, 3))
    whole = parzen(samples, held, None, held + 1)
    monkeypatch.setattr(windows, "_BLOCK", 90)
    parts = parzen(samples, held, None, held + 1)
    assert parts == pytest.approx(float(whole)) and parts.shuffled == pytest.approx(whole.shuffled)
    assert parts.parts["log_density"] == pytest.approx(whole.parts["log_density"])


def test_the_best_bandwidth_is_the_best():
    samples, tuned = RNG.normal(size=(500, 2)), RNG.normal(size=(300, 2))
    found = best_bandwidth(samples, tuned)
    best = by_definition(samples, tuned, found).mean()
    others = [by_definition(samples, tuned, s).mean() for s in np.geomspace(0.01, 5, 200)]
    assert best >= max(others) - 1e-5
    weights = np.exp(-((tuned[:, None] - samples[None]) ** 2).sum(-1) / (2 * found**2))
    weights /= weights.sum(1, keepdims=True)
    squares = ((tuned[:, None] - samples[None]) ** 2).sum(-1)
    assert found**2 == pytest.approx((weights * squares).sum(1).mean() / 2, rel=0.01)


def test_one_sample_is_a_gaussian():
    """σ² is then the mean square of the validation data, and the density the Gaussian's."""
    tuned = RNG.normal(2, 3, (4000, 5))
    score = parzen(np.full((1, 5), 2.0), tuned, None, tuned)
    assert score.settings["bandwidth"] ** 2 == pytest.approx(((tuned - 2) ** 2).mean())
    assert score == pytest.approx(-2.5 * (np.log(2 * np.pi * 9) + 1), abs=0.1)
    assert parzen(np.full((9, 5), 2.0), tuned, None, tuned) == pytest.approx(float(score))


def test_better_samples_have_a_higher_density_and_many_come_near_the_truth():
    held, tuned = RNG.normal(size=(500, 1)), RNG.normal(size=(500, 1))
    good = parzen(RNG.normal(size=(4000, 1)), held, validation=tuned)
    assert good == pytest.approx(-0.5 * (np.log(2 * np.pi) + 1), abs=0.06)
    assert good > parzen(RNG.normal(1, 1, (4000, 1)), held, validation=tuned) + 0.1
    assert good > parzen(RNG.normal(0, 4, (4000, 1)), held, validation=tuned) + 0.1


def test_shuffled_entries_lose_what_ties_them():
    line = RNG.normal(size=(900, 1)) * [1.0, 1.0] + 0.05 * RNG.normal(size=(900, 2))
    samples, held, tuned = np.split(line, 3)
    score = parzen(samples, held, validation=tuned)
    assert score.shuffled < score - 0.5
    free = parzen(*(RNG.normal(size=(300, 2)) for _ in range(2)), validation=held)
    assert abs(free - free.shuffled) < 0.1
    assert parzen(samples, held, 1.0, shuffles=0).shuffled is None


def test_settings():
    samples, held = RNG.normal(size=(20, 2)), RNG.normal(size=(1, 2))
    given = parzen(samples, held, 0.5)
    assert given.settings["bandwidth"] == 0.5 and "σ = 0.5" in given.settings["estimator"]
    assert given.settings["se"] is None and given.settings["n"] == 1
    tuned = parzen(samples, held, validation=RNG.normal(size=(30, 2)))
    assert "σ = the best for 30 other examples" in tuned.settings["estimator"]
    assert tuned.as_dict() == json.loads(json.dumps(tuned.as_dict()))


X = np.zeros((4, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, X), "needs a bandwidth"),
        ((X, X, 0.0), "finite number > 0, got 0"),
        ((X, X, np.nan), "finite number > 0"),
        ((X, X[:, :2], 1.0), "3 entries but held examples 2"),
        ((X, X, None, X[:, :1]), "3 entries but validation examples 1"),
        ((X, X + np.nan, 1.0), "held examples hold NaN"),
        ((X, np.zeros(3), 1.0), "expected held examples"),
        ((X, X, None, X), "all validation examples are among the samples"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(VaekitError, match=message):
        parzen(*arguments)
    copied = RNG.normal(7, 1, (20, 3))
    with pytest.raises(VaekitError, match="are among the samples"):
        parzen(copied, copied, None, copied[:5])
