"""Each score by its definition: hand-made numbers, closed forms, other implementations."""

import numpy as np
import pytest
from cases import CODES, GRID, LEVELS, by_votes
from sklearn.feature_selection import mutual_info_classif
from sklearn.metrics import roc_auc_score

from vaekit.data import Dataset, Factors
from vaekit.errors import VaekitError
from vaekit.metrics import (
    dci_es,
    entropy,
    factor_vae_score,
    gaussian_total_correlation,
    infomec,
    irs,
    mig,
    mig_by_neighbours,
    modularity_explicitness,
    mutual_information,
    mutual_information_by_neighbours,
    sap,
    udr,
    wasserstein_correlation,
)
from vaekit.metrics.factors.dci_es import explicitness
from vaekit.metrics.factors.infomec import concentration
from vaekit.metrics.factors.modularity import area, modular
from vaekit.metrics.udr import agreement


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# ---- neighbours


def test_neighbours_equal_sklearn(rng):
    """Its noise of 1e-10 breaks no ties here, as there are none."""
    levels = rng.integers(0, [2, 5], (400, 2))
    codes = levels @ rng.normal(size=(2, 3)) + rng.normal(size=(400, 3))
    for k in (1, 3, 7):
        wanted = [
            mutual_info_classif(codes, column, n_neighbors=k, random_state=0) for column in levels.T
        ]
        found = mutual_information_by_neighbours(codes, levels, k)
        assert found == pytest.approx(np.stack(wanted, axis=1), abs=1e-6)


def test_neighbours_estimate_the_truth(rng):
    """z = v + N(0, s²), two levels: I = ln 2 − E ln(1 + exp(−(…))) by quadrature."""
    s, n = 0.5, 20_000
    levels = rng.integers(0, 2, (n, 1))
    codes = levels + s * rng.normal(size=(n, 1))
    z = np.linspace(-4, 5, 20_001)
    p = [np.exp(-((z - v) ** 2) / 2 / s**2) / s / np.sqrt(2 * np.pi) for v in (0, 1)]
    whole = (p[0] + p[1]) / 2
    truth = sum(0.5 * each * np.log(np.maximum(each, 1e-300) / whole) for each in p)
    truth = truth.sum() * (z[1] - z[0])
    assert mutual_information_by_neighbours(codes, levels) == pytest.approx(truth, abs=0.02)
    # Shuffled factors have no information, and bins believe in some.
    mixed = rng.permutation(levels)
    assert mutual_information_by_neighbours(codes[:500], mixed[:500]) < 0.03
    many = mutual_information(codes[:500], mixed[:500], bins=200)
    assert many > 0.1


def test_codes_with_equal_values_have_no_less_information():
    """The form that supposes distinct codes is far off where codes equal their levels."""
    found = mutual_information_by_neighbours(CODES["ideal"], LEVELS)
    assert np.diag(found) == pytest.approx(entropy(LEVELS), abs=2e-3)
    assert found[~np.eye(3, dtype=bool)] == pytest.approx(0, abs=1e-9)


def test_lonely_levels_are_left_out(rng):
    levels = np.arange(30)[:, None]
    assert mutual_information_by_neighbours(rng.normal(size=(30, 2)), levels).tolist() == [[0], [0]]
    levels = np.minimum(levels, 25)
    assert np.isfinite(mutual_information_by_neighbours(rng.normal(size=(30, 2)), levels)).all()
    with pytest.raises(VaekitError, match="neighbours must be ≥ 1"):
        mig_by_neighbours(CODES["ideal"], LEVELS, 0)


# ---- SAP


def test_r2_is_the_squared_correlation(rng):
    levels = rng.integers(0, 5, (300, 2))
    codes = levels @ rng.normal(size=(2, 3)) + rng.normal(size=(300, 3))
    wanted = np.corrcoef(codes.T, levels.T)[:3, 3:] ** 2
    score = sap(codes, levels)
    assert score.parts["predicted"] == pytest.approx(wanted)
    ordered = np.sort(wanted, axis=0)
    assert score == pytest.approx((ordered[-1] - ordered[-2]).mean())


def test_a_linear_machine_has_half_of_two_levels_to_gain(rng):
    levels = rng.integers(0, 2, (1000, 2))
    assert sap(levels * 1.0, levels, "svm") == pytest.approx(0.5, abs=0.04)
    # A share of nine tenths for one level is no merit of the code.
    rare = (rng.random((1000, 1)) < 0.1).astype(int)
    score = sap(rng.normal(size=(1000, 2)), rare, "svm")
    assert score.parts["predicted"] == pytest.approx(0.5, abs=0.15)
    assert sap(np.zeros((1000, 2)), rare, "svm").parts["predicted"].tolist() == [[0.5], [0.5]]


# ---- modularity and explicitness


def test_modularity_by_hand():
    known = np.array([[1.0, 0.5, 0], [0, 2, 0], [0.3, 0.3, 0.3], [0, 0, 0]])
    assert modular(known) == pytest.approx([1 - 0.25 / 2, 1, 0, 0])
    assert modular(np.array([[0.7], [0.0]])) == pytest.approx([1, 0])


def test_area_is_that_under_the_curve(rng):
    height, positive = np.round(rng.normal(size=200), 1), rng.random(200) < 0.3
    assert area(height, positive) == pytest.approx(roc_auc_score(positive, height))
    assert area(height, np.ones(200, bool)) is None


def test_explicitness_of_levels_that_planes_cut_off(rng):
    """One-hot codes are wholly explicit; the same level as a number is so at its ends only."""
    levels = rng.integers(0, 3, (1200, 1))
    hot = np.eye(3)[levels[:, 0]]
    assert modularity_explicitness(hot, levels).parts["explicitness"] == pytest.approx(1)
    number = modularity_explicitness(levels * 1.0, levels).parts["explicitness"]
    assert number == pytest.approx(2 / 3, abs=0.02)


# ---- IRS


def irs_of_the_authors(codes, factors, quantile=0.99):
    """Follow the definition of Suter et al. (2019) and their code, step by step."""
    largest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    scores = np.zeros((codes.shape[1], factors.shape[1]))
    for j in range(codes.shape[1]):
        for k in range(factors.shape[1]):
            far = []
            for level in sorted(set(factors[:, k])):
                here = codes[factors[:, k] == level, j]
                far.append(np.percentile(np.abs(here - here.mean()), 100 * quantile))
            scores[j, k] = 1 - np.mean(far) / largest[j]
    return np.average(scores.max(axis=1), weights=largest)


@pytest.mark.parametrize("seed", range(5))
def test_irs_is_the_authors(seed):
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.choice(n, 400, p=p) for n, p in ((3, [0.6, 0.3, 0.1]), (5, None))], 1)
    codes = factors @ rng.normal(size=(2, 4)) + 0.3 * rng.standard_t(3, size=(400, 4))
    assert irs(codes, factors) == pytest.approx(irs_of_the_authors(codes, factors), abs=1e-12)


def test_irs_of_an_equal_mixture_is_a_half():
    grid = np.stack(np.unravel_index(np.arange(81), (9, 9)), axis=1)
    for reach in ("largest", "quantile"):
        score = irs(grid.sum(axis=1, keepdims=True) * 1.0, grid, quantile=1, reach=reach)
        assert score.parts["robustness"] == pytest.approx(np.array([[0.5, 0.5]]))
        assert score == pytest.approx(0.5)


def test_irs_weighs_by_reach():
    codes = np.hstack([GRID[:, :1], 3.0 * GRID[:, 1:2] * (1 + GRID[:, 2:3])])
    score = irs(codes, GRID)
    reach = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    assert score.parts["weight"] == pytest.approx(reach / reach.sum())
    assert score == pytest.approx(score.parts["weight"] @ score.parts["by_latent"])
    assert score.parts["by_latent"][0] == pytest.approx(1)
    assert score.parts["by_latent"][1] < 0.9


def test_irs_by_quantiles_averages_what_no_factor_does(rng):
    """Noise of the code is no nuisance where levels repeat."""
    noisy = CODES["ideal"] + 0.3 * rng.normal(size=LEVELS.shape)
    assert irs(noisy, LEVELS, reach="quantile") > 0.85
    assert irs(noisy[:60], LEVELS[:60], reach="quantile") < 0.75
    with pytest.raises(VaekitError, match="quantile must lie in"):
        irs(noisy, LEVELS, quantile=1.5)
    with pytest.raises(VaekitError, match="reach of irs"):
        irs(noisy, LEVELS, reach="far")


# ---- FactorVAE


def grid_of(*sizes: int) -> Dataset:
    import torch

    names = tuple(f"v{k}" for k in range(len(sizes)))
    factors = Factors(names, sizes, tuple(np.arange(s) for s in sizes))
    levels = factors.codes(np.arange(len(factors)))
    return Dataset(torch.from_numpy(levels).float(), factors=factors)


def test_each_image_is_encoded_once_however_ragged_the_chunks():
    data, sizes = grid_of(6, 7, 5), []

    def encode(x):
        sizes.append(len(x))
        return x @ x.new_tensor([[1.0, 0.4, 0], [0.9, 0.5, 0], [0.2, 1.0, 1]])

    found = [factor_vae_score(encode, data, train=600, test=300, chunk=c) for c in (210, 37)]
    assert sum(sizes) == 2 * len(data) and found[0].settings["encoded"] == len(data)
    # Batches of other sizes round otherwise, and an image weighs the same in each.
    assert float(found[0]) == pytest.approx(float(found[1]), abs=0.01)
    assert found[0].settings["n"] == 300 and found[0].settings["images"] == 64


def test_the_spread_of_the_set_takes_the_scale_away():
    """Without it the latent of the smallest scale wins every vote."""
    data = grid_of(6, 7, 5)
    assert (
        factor_vae_score(lambda x: x * x.new_tensor([1e3, 1, 1e-3]), data, train=300, test=300) == 1
    )


def test_two_factors_in_one_latent_of_the_votes():
    """z = v0 + 100 v1 is stilled by v1 alone; v0 leaves its mark nowhere else."""
    data = grid_of(6, 7)
    score = factor_vae_score(lambda x: x[:, :1] + 100 * x[:, 1:], data, train=300, test=300)
    assert score == pytest.approx(0.5) and score.parts["votes"].sum() == 300


def test_continuous_factors():
    score = factor_vae_score(
        lambda y: y, lambda n, rng: rng.normal(size=(n, 2)), train=200, test=200
    )
    assert score == 1.0 and score.parts["deviation"] == pytest.approx([1, 1], abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"images": 1}, "images ≥ 2"), ({"train": 0}, "must be ≥ 1"), ({"shuffles": -1}, "≥ 0")],
)
def test_wrong_counts(options, message):
    with pytest.raises(VaekitError, match=message):
        factor_vae_score(lambda x: x, grid_of(3, 4), **options)


def test_a_set_with_one_factor_has_nothing_to_tell_apart():
    with pytest.raises(VaekitError, match="FactorVAE score tells factors apart, but 1 of 2"):
        factor_vae_score(lambda x: x, grid_of(1, 5))
    with pytest.raises(VaekitError, match="NaN or infinite"):
        by_votes(factor_vae_score)(np.full((60, 2), np.nan), GRID)


# ---- Gaussian codes


def test_total_correlation_of_a_pair(rng):
    """−½ ln(1 − ρ²) = .8304 at ρ = .9, whatever the scales."""
    codes = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 200_000) * [1, 40]
    assert gaussian_total_correlation(codes) == pytest.approx(0.8304, abs=0.01)
    assert gaussian_total_correlation(codes, shuffles=0).shuffled is None


def test_bias_of_the_total_correlation(rng):
    """H (H − 1) / 4N for independent latents."""
    score = gaussian_total_correlation(rng.normal(size=(500, 20)), shuffles=20)
    assert float(score) == pytest.approx(20 * 19 / 2000, rel=0.25)
    assert score.shuffled == pytest.approx(20 * 19 / 2000, rel=0.1)


def test_wasserstein_by_matrix_roots(rng):
    from scipy.linalg import sqrtm

    codes = rng.normal(size=(1000, 4)) @ rng.normal(size=(4, 4))
    cov = np.cov(codes.T, bias=True)
    half = np.diag(np.sqrt(np.diag(cov)))
    wanted = 2 - 2 * np.trace(np.real(sqrtm(half @ cov @ half))) / np.trace(cov)
    assert wasserstein_correlation(codes) == pytest.approx(wanted)


def test_one_latent_is_independent_of_none(rng):
    for score in (gaussian_total_correlation, wasserstein_correlation):
        assert score(rng.normal(size=(50, 1))) == pytest.approx(0, abs=1e-12)
        with pytest.raises(VaekitError, match="one code has no covariance"):
            score([[1.0, 2.0]])
        with pytest.raises(VaekitError, match="NaN or infinite"):
            score([[1.0, np.nan], [0, 0]])


# ---- DCI-ES


def test_explicitness_of_curves():
    capacity = np.array([0.0, 1, 2, 4])
    assert explicitness(capacity, np.array([0.2, 0.2, 0.2, 0.2])) == 1
    assert explicitness(capacity, 1 - 0.2 * capacity) == pytest.approx(0)  # the straight line
    assert explicitness(capacity, np.array([1, 1, 1, 0.0])) == pytest.approx(-0.5)
    assert explicitness(capacity, np.array([1, 0.995, 1, 1])) == 0
    # A reader that does worse than a smaller one does not lengthen the way.
    assert explicitness(capacity, np.array([0.1, 0.5, 0.1, 0.3])) == 1


def test_curved_codes_are_less_explicit_than_turned_ones(rng):
    levels = rng.integers(0, 12, (3000, 2))
    codes = (levels - 5.5) / 4
    turned = codes @ np.array([[0.8, -0.6], [0.6, 0.8]])
    curved = np.stack([np.cos(2 * codes[:, 0]), np.sin(2 * codes[:, 0]), codes[:, 1]], axis=1)
    assert dci_es(turned, levels) == pytest.approx(1, abs=1e-3)
    assert dci_es(curved, levels) < 0.95
    assert dci_es(curved, levels).parts["size"] == pytest.approx(2 / 3)


# ---- InfoMEC


def test_concentration_by_hand():
    assert concentration(np.array([[1.0, 0], [0, 0.2]])) == 1
    assert concentration(np.array([[0.5, 0.5]])) == 0
    assert concentration(np.array([[0.75, 0.25]])) == pytest.approx(0.5)
    assert concentration(np.array([[0.4]])) == 1
    assert concentration(np.zeros((0, 3))) == 0 == concentration(np.zeros((2, 3)))


def test_latents_of_noise_do_not_count(rng):
    more = np.hstack([CODES["ideal"], 1e-3 * rng.normal(size=(len(LEVELS), 4))])
    score = infomec(more, LEVELS)
    assert score.parts["active"].tolist() == [0, 1, 2]
    assert score > 0.99 and score.parts["compactness"] > 0.99
    for seed in range(10):  # none of them by luck
        assert not len(infomec(more[:, 3:], LEVELS, seed=seed, shuffles=0).parts["active"])


def test_quantised_codes_are_taken_as_they_are():
    score = infomec(CODES["ideal"], LEVELS)
    assert score.parts["information"] == pytest.approx(np.eye(3), abs=1e-9)


# ---- UDR


def test_agreement_by_hand():
    assert agreement(np.eye(3)) == 1
    assert agreement(np.ones((2, 2))) == pytest.approx(0.5)
    assert agreement(np.zeros((2, 3))) == 0
    assert agreement(np.array([[1.0, 0, 0.5]])) == pytest.approx((1 / 1.5 + 1 + 0 + 0.5) / 4)


def test_models_that_found_the_same_agree(rng):
    codes = rng.normal(size=(2000, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    models = [codes, codes[:, [2, 0, 1]] * [1, -1, 2], codes @ turn]
    for kind, most in (("spearman", 1.0), ("lasso", 0.9)):
        score = udr(models, kind)
        assert score.parts["pairs"][0, 1] == pytest.approx(most, abs=0.05)
        assert score.parts["scores"][2] < score.parts["scores"][0]
        assert score.parts["best"] in (0, 1) and score.shuffled < 0.1
        assert score == pytest.approx(score.parts["scores"].mean())


def test_ranks_see_no_monotone_rescaling_and_the_lasso_does(rng):
    codes = rng.normal(size=(1500, 2))
    for kind in ("spearman", "lasso"):
        one = udr([codes, codes], kind)
        other = udr([codes, np.exp(2 * codes)], kind)
        moved = abs(one - other)
        assert moved < 1e-9 if kind == "spearman" else moved > 0.05


def test_only_informative_latents_count(rng):
    codes = rng.normal(size=(1000, 2))
    models = [np.hstack([codes, 1e-3 * rng.normal(size=(1000, 3))]) for _ in range(2)]
    assert udr(models) == pytest.approx(1, abs=0.05)
    assert udr(models).parts["informative"].tolist() == [2, 2]
    every = [np.ones(5, bool)] * 2
    assert udr(models, informative=every) < 0.6
    assert udr([codes * 0, codes * 0]) == 0


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([np.zeros((4, 2))], {}, "two models or more"),
        ([np.zeros((4, 2)), np.zeros((5, 2))], {}, r"of \[4, 5\] examples"),
        ([np.zeros((1, 2)), np.zeros((1, 2))], {}, "one example shows no agreement"),
        ([np.zeros((4, 2))] * 2, {"kind": "pearson"}, "unknown kind 'pearson' of UDR"),
        ([np.zeros((4, 2))] * 2, {"informative": [np.ones(3, bool)] * 2}, "mask of booleans"),
        ([np.zeros((4, 2))] * 2, {"informative": [np.ones(2)] * 2}, "mask of booleans"),
        ([np.full((4, 2), np.nan)] * 2, {}, "NaN or infinite"),
    ],
)
def test_udr_errors(models, options, message):
    with pytest.raises(VaekitError, match=message):
        udr(models, **options)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-170])
@pytest.mark.parametrize("score", [wasserstein_correlation, gaussian_total_correlation])
def test_codes_of_any_scale_are_correlated(score, scale):
    rng = np.random.default_rng(2)
    codes = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 3))
    assert score(codes * scale) == pytest.approx(score(codes), rel=1e-9)
    agree, seen = udr([codes, codes[:, ::-1]]), [np.ones(3, bool)] * 2
    assert udr([codes * scale, codes[:, ::-1] * scale], informative=seen) == pytest.approx(agree)
    if scale > 1:
        assert udr([codes * scale, codes * scale]).parts["informative"].tolist() == [3, 3]


@pytest.mark.parametrize("kind", [np.uint64, np.int64])
def test_levels_far_apart_are_levels(kind):
    rng = np.random.default_rng(2)
    levels = rng.integers(0, 3, (400, 2))
    codes = levels @ rng.normal(size=(2, 3)) + 0.1 * rng.normal(size=(400, 3))
    wide = levels.astype(kind) * kind(2**62) if kind is np.uint64 else (levels - 1) * 2**62
    for score in (mig, dci_es, sap, modularity_explicitness):
        assert score(codes, wide) == score(codes, levels)


def test_a_reader_worse_than_the_mean_is_not_asked():
    capacity = np.log([5.0, 20.0, 70.0, 260.0])
    assert explicitness(capacity, np.array([90.0, 40, 1, 0.1])) == pytest.approx(
        explicitness(capacity, np.array([1.0, 1, 1, 0.1]))
    )
    for last in (0.0, 0.5, 0.9):
        assert -1 < explicitness(capacity, np.array([1e9, 1e9, 1e9, last])) < 0


def test_many_levels_raise_no_warning():
    rng = np.random.default_rng(2)
    levels = rng.integers(0, 60, (100, 1))
    assert sap(rng.normal(size=(100, 2)), levels, "svm") < 0.1
