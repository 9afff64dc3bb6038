"""Boosting is scikit-learn's: the same importances, the same answers."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from vaekit.errors import VaekitError
from vaekit.metrics import boosting, dci
from vaekit.metrics.boosting import boost


def problem(size: int, rows: int = 900, seed: int = 0):
    """Codes of 60 values each, of which the first two tell of the level; 600 rows to learn from."""
    rng = np.random.default_rng(seed)
    column = rng.integers(0, size, rows)
    codes = rng.normal(size=(rows, 4))
    codes[:, 0] += column
    codes[:, 1] -= 0.5 * (column == 1)
    return np.round(codes, 1).clip(-3, 3), column, np.arange(rows) < 600


@pytest.mark.parametrize("size", [2, 3, 6])
def test_equals_sklearn(size):
    """Exactly but for ties, which both break at random: compare means over seeds."""
    codes, column, learnt = problem(size)
    ours = [boost(codes, column, learnt, np.random.default_rng(s)) for s in range(4)]
    theirs = [
        GradientBoostingClassifier(random_state=s).fit(codes[learnt], column[learnt])
        for s in range(4)
    ]
    found = np.mean([one.importance for one in ours], axis=0)
    wanted = np.mean([one.feature_importances_ for one in theirs], axis=0)
    assert found == pytest.approx(wanted, abs=0.012)
    assert found.sum() == pytest.approx(1, abs=1e-6)
    same = [
        (one.answers == two.predict(codes)).mean() for one, two in zip(ours, theirs, strict=True)
    ]
    assert min(same) > 0.9


@pytest.mark.parametrize("size", [2, 5])
def test_equals_sklearn_without_ties(size, monkeypatch):
    """Two rounds of stumps on codes whose first splits are not alike agree to float32."""
    codes, column, learnt = problem(size, seed=3)
    monkeypatch.setattr(boosting, "ROUNDS", 3)
    monkeypatch.setattr(boosting, "DEPTH", 1)
    found = boost(codes, column, learnt, np.random.default_rng(0))
    model = GradientBoostingClassifier(n_estimators=3, max_depth=1, random_state=0)
    model.fit(codes[learnt], column[learnt])
    assert found.importance == pytest.approx(model.feature_importances_, abs=1e-5)
    assert (found.answers == model.predict(codes)).all()


def test_bins_of_equal_mass_come_close():
    codes, column, learnt = problem(4, rows=3000)
    learnt = np.arange(3000) < 2000
    codes = codes + 0.04 * np.random.default_rng(1).random(codes.shape)
    model = GradientBoostingClassifier(random_state=0).fit(codes[learnt], column[learnt])
    found = boost(codes, column, learnt, np.random.default_rng(0))
    assert found.importance == pytest.approx(model.feature_importances_, abs=0.05)


def test_enough_bins_try_every_split():
    """Codes of 600 different values; the two learners differ by ties only."""
    codes, column, learnt = problem(3)
    codes = codes + 1e-3 * np.random.default_rng(1).random(codes.shape)
    model = GradientBoostingClassifier(random_state=0).fit(codes[learnt], column[learnt])
    few, all_of_them = (
        abs(
            boost(codes, column, learnt, np.random.default_rng(0), bins).importance
            - model.feature_importances_
        ).max()
        for bins in (16, 600)
    )
    assert all_of_them < 0.012 < few
    with pytest.raises(VaekitError, match="bins must lie between 2 and 65536, got 1"):
        dci(codes, column[:, None], 1)


def test_a_copy_gets_half():
    codes, column, learnt = problem(3)
    twice = np.hstack([codes, -codes[:, :1]])
    one = boost(codes, column, learnt, np.random.default_rng(0)).importance
    two = boost(twice, column, learnt, np.random.default_rng(0)).importance
    assert two[[0, 4]].sum() == pytest.approx(one[0], abs=0.02)
    assert abs(two[0] - two[4]) < 0.15


def test_levels_need_no_order_and_may_be_missing():
    codes, column, learnt = problem(4)
    names = np.array([7, -3, 100, 0])
    found = boost(codes, names[column], learnt, np.random.default_rng(0))
    assert set(found.answers) <= set(names.tolist())
    learnt = learnt & (column != 3)  # one level is never seen
    assert set(boost(codes, column, learnt, np.random.default_rng(0)).answers) == {0, 1, 2}


@pytest.mark.parametrize("codes", [np.zeros((9, 2)), np.full((9, 1), 1e300)])
def test_constant_codes_say_the_most_frequent(codes):
    column = np.array([1, 1, 1, 0, 0, 2, 2, 0, 0])
    found = boost(codes, column, np.arange(9) < 6, np.random.default_rng(0))
    assert not found.importance.any() and (found.answers == 1).all()


def test_parts_of_dci(monkeypatch):
    """D, C and the weights follow from the importances as the paper says."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 3, (600, 2))
    codes = levels @ rng.normal(size=(2, 3)) + 0.3 * rng.normal(size=(600, 3))
    score = dci(codes, levels, shuffles=0)
    r = score.parts["importance"]
    assert r.shape == (3, 2) and r.sum(axis=0) == pytest.approx([1, 1], abs=1e-5)
    p, q = r / r.sum(axis=1, keepdims=True), r / r.sum(axis=0)
    by_latent = 1 + (p * np.log(p)).sum(axis=1) / np.log(2)
    by_factor = 1 + (q * np.log(q)).sum(axis=0) / np.log(3)
    assert score.parts["by_latent"] == pytest.approx(by_latent)
    assert score.parts["by_factor"] == pytest.approx(by_factor)
    assert float(score) == pytest.approx((r.sum(axis=1) / r.sum()) @ by_latent)
    assert score.parts["completeness"] == pytest.approx(by_factor.mean())
    wrong, guess = 1 - score.parts["accuracy"], 1 - score.parts["majority"]
    assert score.parts["informativeness"] == pytest.approx((1 - wrong / guess).mean())
    assert score.shuffled is None


def test_constant_latents_raise_no_part_of_dci():
    """Completeness is in units of the logarithm of the latents that vary."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 3, (600, 2))
    codes = levels @ rng.normal(size=(2, 3)) + 0.3 * rng.normal(size=(600, 3))
    plain = dci(codes, levels, shuffles=0)
    wide = dci(np.hstack([codes, np.full((600, 5), 0.7)]), levels, shuffles=0)
    assert float(wide) == pytest.approx(float(plain), abs=2e-3)  # ties are broken at random
    for part in ("completeness", "informativeness", "by_factor", "accuracy"):
        assert wide.parts[part] == pytest.approx(plain.parts[part], abs=2e-3), part
    assert 0.1 < plain.parts["completeness"] < 0.3  # in units of ln 8 above .5
    alone = dci(np.hstack([codes[:, :1], np.zeros((600, 5))]), levels, shuffles=0)
    assert alone.parts["completeness"] == 1
