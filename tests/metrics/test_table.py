"""Every score on every code whose score is known, and the laws that all scores keep."""

import json

import numpy as np
import pytest
from cases import CODES, LEVELS, OF_FACTORS, SCORES, SIZES, square

from vaekit.errors import VaekitError
from vaekit.metrics import Score, dci, sap

INF, THIRD = float("inf"), 1 / 3
# Explicitness of ideal codes: mean over factors of 2 AUC − 1, AUC_s = max(s, S − 1 − s) / (S − 1).
PLAIN = np.mean([np.mean([2 * max(s, n - 1 - s) / (n - 1) - 1 for s in range(n)]) for n in SIZES])
# Completeness of two copies: each factor's importance in two of six latents.
TWO = 1 - np.log(2) / np.log(6)
# One row a score, one column a code: value and tolerance. Parts are written as "score.part".
COLUMNS = ["ideal", "permuted", "dead", "duplicated", "useless", "constant"]
EXACT, LOOSE = 1e-9, 0.06
# JEMMIG of constant codes: the mean entropy of the factors; normalised by that and 20 bins.
HELD = np.mean(np.log(SIZES))
HALF = np.mean(np.log(20) / (np.log(SIZES) + np.log(20)))
TABLE = {
    "mig": [(1, EXACT), (1, EXACT), (1, EXACT), (0, EXACT), (0, 0.02), (0, 0)],
    "mig_by_neighbours": [(1, 1e-3), (1, 1e-3), (1, 1e-3), (0, EXACT), (0, 0.03), (0, 0)],
    "dci": [(1, 1e-3), (1, 1e-3), (1, 1e-3), (1, 1e-3), (0, 0.02), (0, 0)],
    "dci.completeness": [(1, 1e-3), (1, 1e-3), (1, 1e-3), (TWO, 0.02), (0, 0.02), (0, 0)],
    "dci.informativeness": [(1, 1e-9), (1, 1e-9), (1, 1e-9), (1, 1e-9), (0, 0.06), (0, 0)],
    "dci.disentanglement_weighted": [*[(1, 1e-3)] * 4, (0, 0), (0, 0)],
    "dci.completeness_weighted": [*[(1, 1e-3)] * 3, (TWO, 0.02), (0, 0), (0, 0)],
    "dci_es": [(1, 1e-3), (1, 1e-3), (1, 1e-3), (1, 1e-3), (0, 0), (0, 0)],
    "dci_es.size": [(1, 0), (1, 0), (3 / 5, EXACT), (1 / 2, 0), (3 / 5, EXACT), (1, 0)],
    "sap r2": [(1, EXACT), (1, EXACT), (1, EXACT), (0, EXACT), (0, 0.02), (0, 0)],
    "sap svm": [(0.55, LOOSE), (0.55, LOOSE), (0.55, LOOSE), (0, EXACT), (0, 0.06), (0, 0)],
    "modularity": [(1, EXACT), (1, EXACT), (1, EXACT), (1, EXACT), (0.5, 0.3), (0, 0)],
    "modularity.explicitness": [
        *[(PLAIN, 0.04)] * 4,
        (0, 0.06),
        (0, EXACT),
    ],
    "irs": [(1, EXACT), (1, EXACT), (1, EXACT), (1, EXACT), (0.3, 0.1), (0, 0)],
    "irs by quantiles": [(1, EXACT), (1, EXACT), (1, EXACT), (1, EXACT), (0, 0.3), (0, 0)],
    "β-vae": [(1, 0), (1, 0), (1, 0), (1, 0), (THIRD, 0.07), (THIRD, EXACT)],
    "factor-vae": [(1, 0), (1, 0), (1, 0), (1, 0), (THIRD, 0.07), (THIRD, EXACT)],
    "infomec": [(1, EXACT), (1, EXACT), (1, EXACT), (1, EXACT), (0, 0), (0, 0)],
    "infomec.compactness": [(1, EXACT), (1, EXACT), (1, EXACT), (0.4, EXACT), (0, 0), (0, 0)],
    "infomec.explicitness": [*[(1, 0.02)] * 4, (0, 0.03), (0, 0)],
    "jemmig": [*[(0, EXACT)] * 3, (HELD, EXACT), (HELD + 2.5, 0.3), (HELD, EXACT)],
    "jemmig.normalised": [*[(1, EXACT)] * 3, (HALF, EXACT), (0.1, 0.05), (HALF, EXACT)],
    "gaussian tc": [(0, EXACT), (0, EXACT), (0, EXACT), (INF, 0), (0, 0.02), (0, 0)],
    "wasserstein": [(0, EXACT), (0, EXACT), (0, EXACT), (2 - 2**0.5, 1e-6), (0, 0.02), (0, 0)],
    # Models that agree: noise that two models share is agreement too.
    "udr": [(1, EXACT), (1, EXACT), (1, EXACT), (0.5, EXACT), (1, 0.15), (0, 0)],
    "udr lasso": [*[(0.9, EXACT)] * 3, (0.9, 0.45), (0.9, 0.05), (0, 0)],
}
_FOUND: dict[tuple[str, str], Score] = {}


def found(name: str, code: str) -> Score:
    if (name, code) not in _FOUND:
        _FOUND[name, code] = SCORES[name](CODES[code], LEVELS)
    return _FOUND[name, code]


@pytest.mark.parametrize("code", COLUMNS)
@pytest.mark.parametrize("row", TABLE)
def test_known_value(row, code):
    name, _, part = row.partition(".")
    score = found(name, code)
    value, tolerance = TABLE[row][COLUMNS.index(code)]
    got = float(score.parts[part] if part else score)
    assert got == value if np.isinf(value) else abs(got - value) <= tolerance


@pytest.mark.parametrize("code", COLUMNS)
@pytest.mark.parametrize("name", SCORES)
def test_a_score_says_how_it_came_about(name, code):
    score = found(name, code)
    assert isinstance(score, Score) and not np.isnan(score)
    assert score.settings["n"] > 0 and score.settings["estimator"]
    assert score.shuffled is not None and np.isfinite(score.shuffled)
    written = json.dumps(score.as_dict())
    assert "NaN" not in written and (json.loads(written)["value"] == float(score))
    for part in score.parts.values():
        if isinstance(part, Score):
            assert part.shuffled is not None and part.settings == score.settings
        elif isinstance(part, np.ndarray) and part.dtype.kind == "f":
            assert np.isfinite(part).all()


# Scores whose shuffled value tells nothing of the code; the others say so themselves.
OF_SPREAD = {"modularity", "irs", "irs by quantiles", "jemmig", "β-vae", "factor-vae"}
UNBIASED = [name for name in OF_FACTORS if name not in OF_SPREAD]


@pytest.mark.parametrize("name", UNBIASED)
def test_shuffled_factors_score_what_useless_codes_do(name):
    assert found(name, "ideal").shuffled < 0.1
    assert abs(found(name, "useless") - found(name, "useless").shuffled) < 0.06


@pytest.mark.parametrize("name", OF_FACTORS)
def test_constant_factors_are_left_out_and_named(name):
    more = np.insert(LEVELS, 1, 5, axis=1)
    score = SCORES[name](CODES["ideal"], more)
    plain = found(name, "ideal")
    assert float(score) == pytest.approx(float(plain), abs=0.02)
    assert list(score.parts["constant"]) in ([1], ["v1"])


@pytest.mark.parametrize("name", [n for n in OF_FACTORS if "vae" not in n])
def test_a_set_without_varying_factors_scores_nothing(name):
    none = SCORES[name](CODES["useless"], np.full((len(LEVELS), 2), 4))
    assert none == 0.0 == none.shuffled
    assert list(none.parts["constant"]) == [0, 1]


# Which scores a rescaling of single latents moves: "linear" by none, "monotone" by some.
MOVED_BY_SCALE = {"irs", "irs by quantiles", "wasserstein"}
MOVED_BY_CURVE = {
    "mig", "mig_by_neighbours", "dci_es", "sap r2", "sap svm", "modularity", "irs",
    "irs by quantiles", "β-vae", "factor-vae", "infomec", "jemmig", "gaussian tc", "wasserstein",
}  # fmt: skip


@pytest.fixture(scope="module")
def mixed() -> np.ndarray:
    """Codes that hold something of each factor, on few values so that no bins can move."""
    rng = np.random.default_rng(5)
    turn = np.array([[1.0, 0.3, 0.1, 0.5], [0.2, 1.0, 0.3, 0.5], [0.1, 0.2, 1.0, 0.5]])
    return np.round(LEVELS @ turn + rng.normal(size=(len(LEVELS), 4)), 1)


@pytest.mark.parametrize("name", SCORES)
def test_order_of_latents(name, mixed):
    one, other = SCORES[name](mixed, LEVELS), SCORES[name](mixed[:, [2, 0, 3, 1]], LEVELS)
    # Random features of DCI-ES meet other latents; ties in boosting fall otherwise.
    assert float(other) == pytest.approx(
        float(one), abs={"dci": 0.01, "dci_es": 0.1}.get(name, 1e-3)
    )


@pytest.mark.parametrize("name", SCORES)
def test_scale_of_a_latent(name, mixed):
    one, other = SCORES[name](mixed, LEVELS), SCORES[name](mixed * [1, 1, 30, 1], LEVELS)
    moved = abs(float(one) - float(other))
    assert moved > 0.005 if name in MOVED_BY_SCALE else moved < 0.005


@pytest.mark.parametrize("name", [n for n in SCORES if n != "udr lasso"])
def test_monotone_rescaling_of_a_latent(name, mixed):
    curved = mixed.copy()
    curved[:, 0] = np.exp(1.5 * mixed[:, 0])
    moved = abs(float(SCORES[name](mixed, LEVELS)) - float(SCORES[name](curved, LEVELS)))
    if name in MOVED_BY_CURVE - {"mig_by_neighbours", "infomec"}:
        assert moved > 1e-3
    else:
        assert moved < (0.03 if name == "mig_by_neighbours" else 0.005)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("mig", 0, 0.05), ("mig_by_neighbours", 0, 0.05), ("dci", 0, 0.06), ("sap r2", 0, 0.05),
        ("irs", 0.4, 0.55), ("irs by quantiles", 0.45, 0.55), ("β-vae", 0.4, 0.6),
        ("factor-vae", 0.4, 0.6), ("infomec", 0, 0.05),
        ("jemmig", 4, 5.3), ("modularity", 0, 0.05), ("dci_es", 0.98, 1), ("gaussian tc", 0, 0.01),
    ],
)  # fmt: skip
def test_codes_turned_by_45_degrees(name, low, high):
    """Each latent holds half of each factor; a linear reader loses nothing."""
    assert low <= SCORES[name](*square()) <= high


BAD = [
    (np.zeros((4, 2)), np.zeros((3, 1), int), "4 codes but 3 rows"),
    (np.zeros((4, 2)), np.zeros((4, 1)), "factors must be integer levels, got float64"),
    (np.full((4, 2), np.nan), np.zeros((4, 1), int), r"latents \[0, 1\] hold NaN"),
    (np.zeros(4), np.zeros((4, 1), int), r"codes \(N, H\)"),
    (np.zeros((4, 2)), np.zeros(4, int), r"factors \(N, K\)"),
    (np.array([["a"]]), np.zeros((1, 1), int), "of numbers"),
]


@pytest.mark.parametrize(("codes", "factors", "message"), BAD)
@pytest.mark.parametrize("name", [n for n in OF_FACTORS if "vae" not in n])
def test_bad_input(name, codes, factors, message):
    with pytest.raises(VaekitError, match=message):
        SCORES[name](codes, factors)


@pytest.mark.parametrize("name", ["dci", "dci_es", "sap svm", "modularity", "infomec"])
def test_one_example_cannot_be_held_out(name):
    with pytest.raises(VaekitError, match=r"holding out 0\.25 of 1 examples"):
        SCORES[name]([[1.0, 2.0]], [[3]])


@pytest.mark.parametrize("name", ["mig", "mig_by_neighbours", "sap r2", "irs", "irs by quantiles"])
def test_one_example_tells_nothing(name):
    assert SCORES[name]([[1.0, 2.0]], [[3]]) == 0.0


@pytest.mark.parametrize("name", OF_FACTORS)
def test_a_single_latent(name):
    score = SCORES[name](LEVELS[:, :1] * 1.0, LEVELS)
    assert 0 <= score <= (HELD + np.log(20) if name == "jemmig" else 1)


@pytest.mark.parametrize("name", SCORES)
def test_few_examples_end_in_numbers(name):
    rng = np.random.default_rng(0)
    score = SCORES[name](rng.normal(size=(12, 3)), rng.integers(0, 4, (12, 2)))
    assert not np.isnan(score) and not np.isnan(score.shuffled)


@pytest.mark.parametrize("name", SCORES)
def test_same_seed_same_score(name, mixed):
    assert SCORES[name](mixed, LEVELS).as_dict() == SCORES[name](mixed, LEVELS).as_dict()


def test_two_saps_are_two_scores():
    """Many levels in order: R² sees one line, a linear machine only the ends."""
    levels = np.random.default_rng(0).integers(0, 32, (4000, 2))
    codes = np.arctan(levels / 10) + 0.02 * np.random.default_rng(1).normal(size=levels.shape)
    r2, svm = sap(codes, levels), sap(codes, levels, "svm")
    assert r2 > 0.85 and svm < 0.12
    assert r2.settings["kind"] == "r2" and svm.settings["kind"] == "svm"
    with pytest.raises(VaekitError, match="unknown kind 'rbf' of SAP"):
        sap(codes, levels, "rbf")


def test_one_outlier_spoils_width_only():
    codes = CODES["ideal"].copy()
    codes[0] = 1e6
    assert SCORES["mig"](codes, LEVELS) < 0.05
    assert SCORES["mig_by_neighbours"](codes, LEVELS) > 0.95
    assert SCORES["infomec"](codes, LEVELS) > 0.95 and dci(codes, LEVELS) > 0.95
    for name in ("irs by quantiles", "sap r2", "modularity"):
        assert SCORES[name](codes, LEVELS) < 0.9, name
    assert SCORES["irs"](codes, LEVELS) > 0.99  # all distances are small beside that one


def test_informativeness_is_held_out_and_no_accuracy():
    """Nothing is learnt of useless codes, whatever share the most frequent level has."""
    rng = np.random.default_rng(0)
    levels = (rng.random((2000, 1)) < 0.1).astype(int)
    score = dci(rng.normal(size=(2000, 4)), levels)
    assert score.parts["accuracy"][0] > 0.85 and score.parts["informativeness"] < 0.03
    assert score.settings["judged"] == 500
