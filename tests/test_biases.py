"""What `examples/biases.py` computes and shows is so."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import approx_fprime, minimize
from scipy.stats import multivariate_normal, norm
from scipy.stats import t as student

from vaekit.errors import VaekitError

FOLDER = Path(__file__).parents[1] / "examples"
NAMES = ("biases", "biases_factors", "biases_components", "biases_pictures")
W = np.array([[1.1, -0.4], [0.3, 0.8]])
NOISE = np.array([0.3, 0.6])
MOMENT = np.array([[1.7, 0.4], [0.4, 1.2]])


@pytest.fixture(scope="module", autouse=True)
def _on_path():
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def biases():
    return import_module("biases")


@pytest.fixture(scope="module")
def factors():
    return import_module("biases_factors")


@pytest.fixture(scope="module")
def parts():
    return import_module("biases_components")


def plane(end=7.0, count=561):
    """Return points (count², 2) of a grid, and the area of each."""
    line = np.linspace(-end, end, count)
    points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, (line[1] - line[0]) ** 2


@pytest.mark.parametrize("beta", [1.0, 2.5])
def test_factor_analysis_against_a_grid(factors, beta):
    x = np.array([0.9, -1.3])
    z, area = plane()
    log_prior = norm.logpdf(z).sum(-1)
    log_noise = norm.logpdf(x, z @ W.T, np.sqrt(NOISE)).sum(-1)
    joint = np.exp(log_noise / beta + log_prior)
    evidence = joint.sum() * area
    posterior = joint * area / evidence
    mean = posterior @ z
    covariance = (z - mean).T @ ((z - mean) * posterior[:, None])
    a = factors.precision(W, NOISE, beta)
    assert covariance == pytest.approx(np.linalg.inv(a), abs=1e-9)
    if beta == 1:
        told = factors.log_likelihood(W, NOISE, np.outer(x, x))
        assert np.log(evidence) == pytest.approx(told, abs=1e-9)
    # q has the posterior's mean and the diagonal of its precision.
    log_q = norm.logpdf(z, mean, np.diag(a) ** -0.5).sum(-1)
    q = np.exp(log_q) * area
    free = q @ (log_noise / beta + log_prior - log_q)
    assert factors.free_energy(W, NOISE, np.outer(x, x), beta)[0] == pytest.approx(free, abs=1e-8)
    distance = q @ (log_q - np.log(posterior / area))
    assert factors.divergence(W, NOISE, beta) == pytest.approx(distance, abs=1e-8)
    assert np.log(evidence) - distance == pytest.approx(free, abs=1e-8)


@pytest.mark.parametrize("beta", [1.0, 5.0])
@pytest.mark.parametrize("latents", [1, 2, 3])
def test_the_mean_field_optimum_is_the_best_of_all(factors, latents, beta):
    rng = np.random.default_rng(latents)
    weights, x = rng.normal(size=(2, latents)), rng.normal(size=2)

    def loss(flat):
        mean, log_std = flat.reshape(2, -1)
        second = np.outer(mean, mean) + np.diag(np.exp(2 * log_std))
        square = x**2 - 2 * x * (weights @ mean) + np.diag(weights @ second @ weights.T)
        fit = -(np.log(2 * np.pi * NOISE) + square / NOISE).sum() / 2
        rate = (np.trace(second) - latents) / 2 - log_std.sum()
        return rate - fit / beta

    best = min(minimize(loss, rng.normal(size=2 * latents), tol=1e-12).fun for _ in range(3))
    told = factors.free_energy(weights, NOISE, np.outer(x, x), beta)[0]
    assert told == pytest.approx(-best, abs=1e-7)


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_the_gradient_of_the_free_energy(factors, beta):
    weights = np.random.default_rng(3).normal(size=(2, 3))
    slope = factors.free_energy(weights, NOISE, MOMENT, beta)[1]
    told = approx_fprime(
        weights.ravel(),
        lambda flat: factors.free_energy(flat.reshape(2, 3), NOISE, MOMENT, beta)[0],
        1e-7,
    )
    assert slope.ravel() == pytest.approx(told, abs=1e-6)


def test_a_turn_moves_the_free_energy_and_not_the_likelihood(factors):
    aligned = np.sqrt(NOISE)[:, None] * np.array([[1.2, 0.5], [-0.4, 1.5]])
    aligned[:, 1] -= (
        aligned[:, 0] * ((aligned / NOISE[:, None]).T @ aligned)[0, 1] / (1.2**2 + 0.4**2)
    )
    angles = np.arange(0, 360, 7.5)
    turns = [factors.turned(aligned, angle) for angle in angles]
    log_p = np.array([factors.log_likelihood(w, NOISE, MOMENT) for w in turns])
    free = np.array([factors.free_energy(w, NOISE, MOMENT)[0] for w in turns])
    gap = np.array([factors.divergence(w, NOISE) for w in turns])
    assert np.ptp(log_p) < 1e-9
    assert free == pytest.approx(log_p - gap, abs=1e-9)
    # ½ ln(1 + (a − b)²/4ab sin² 2θ), a and b the precisions of the aligned posterior.
    a, b = np.diag(factors.precision(aligned, NOISE))
    told = np.log1p((a - b) ** 2 / (4 * a * b) * np.sin(np.deg2rad(2 * angles)) ** 2) / 2
    assert gap == pytest.approx(told, abs=1e-9)
    assert set(angles[gap < 1e-9]) == {0, 90, 180, 270}
    # Turned from the left, as the paper prints it, another model results.
    other = factors.turned(aligned.T, 45).T
    assert abs(factors.log_likelihood(other, NOISE, MOMENT) - log_p[0]) > 1e-3


def test_learning_finds_the_axes_and_shortens_by_beta(biases, factors):
    moment = np.diag(biases.VARIANCES)
    start = factors.turned(biases.aligned(), 30)
    for beta in (1.0, 2.0, 5.0, 12.0):
        found, values = factors.climb(start, biases.SIGMA2, moment, beta)
        assert (np.diff(values) >= 0).all() and len(values) > 3
        told = np.sqrt(np.maximum(biases.VARIANCES - beta * 0.25, 0))
        assert biases.lengths(found) == pytest.approx(told, abs=2e-3), beta
        assert abs(found[0] * found[1]).max() < 1e-4  # each column on an axis
    # The paper's fluctuations fall with β; those of the β-VAE's own objective, β F, first grow.
    turned = factors.turned(biases.aligned(), 45)
    gaps = np.array([factors.divergence(turned, biases.SIGMA2, b) for b in biases.BETAS])
    assert (np.diff(gaps) < 0).all()
    assert 2 * gaps[biases.BETAS.index(2)] > gaps[0]


def test_the_pruned_model_has_the_highest_free_energy(factors):
    """Over all rotations of three latents, of one likelihood, none does better than two columns."""
    rng = np.random.default_rng(0)
    noise = np.array([0.2, 0.2])
    pruned = np.array([[1.0, 0.5, 0], [1.0, -0.5, 0]])
    moment = pruned @ pruned.T + np.diag(noise)
    best = factors.free_energy(pruned, noise, moment)[0]
    assert best == pytest.approx(factors.log_likelihood(pruned, noise, moment), abs=1e-12)
    for _ in range(50):
        turned = pruned @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
        told = factors.log_likelihood(turned, noise, moment)
        assert told == pytest.approx(best, abs=1e-9)
        assert factors.free_energy(turned, noise, moment)[0] < best - 1e-6
        found, values = factors.climb(turned, noise, moment)
        assert values[-1] == pytest.approx(best, abs=1e-6)
        assert np.sort(np.linalg.norm(found, axis=0))[0] < 0.01


@pytest.mark.parametrize(
    ("weights", "noise", "beta", "words"),
    [
        (W, np.ones(3), 1, "one variance for each"),
        (W.ravel(), NOISE, 1, "weights"),
        (W, np.array([0.3, 0.0]), 1, "> 0"),
        (W, np.array([0.3, np.nan]), 1, "> 0"),
        (W, NOISE, 0, "beta"),
        (W, NOISE, -2.0, "beta"),
        (W, NOISE, np.nan, "beta"),
    ],
)
def test_bad_factor_analysis(factors, weights, noise, beta, words):
    with pytest.raises(VaekitError, match=words):
        factors.precision(weights, noise, beta)


def test_climbing(factors):
    """A curved valley, with no value beyond it, is climbed without a step down."""

    def valley(v):
        if v[0] > 1.5:
            return np.nan, np.full(2, np.nan)
        value = -((1 - v[0]) ** 2) - 100 * (v[1] - v[0] ** 2) ** 2
        inner = 400 * v[0] * (v[1] - v[0] ** 2)
        return value, np.array([2 * (1 - v[0]) + inner, -200 * (v[1] - v[0] ** 2)])

    visited = []
    found = factors.ascend(lambda v: visited.append(v) or valley(v), np.array([-1.2, 1.0]))
    assert found.point == pytest.approx([1, 1], abs=1e-4)
    assert (np.diff(found.values) >= 0).all() and len(found.values) < 100
    few = factors.ascend(valley, np.array([-1.2, 1.0]), steps=3, reach=0.01)
    assert len(few.values) == 4 and np.abs(few.point - [-1.2, 1.0]).max() <= 0.03 + 1e-12
    with pytest.raises(VaekitError, match="no value at the start"):
        factors.ascend(valley, np.array([2.0, 1.0]))
    still = factors.ascend(valley, np.array([1.0, 1.0]))
    assert still.point == pytest.approx([1, 1]) and len(still.values) <= 7


@pytest.mark.parametrize(
    ("mean", "std", "nu", "error"),
    [(0, 1.2, 3.5, 1e-6), (2, 0.1, 3.5, 1e-12), (-5, 1.5, 3.5, 1e-6), (1, 2, 1.5, 1e-3)],
)
def test_expected_log_prior(parts, mean, std, nu, error):
    def exact(m, s):
        area = quad(
            lambda e: norm.pdf(e) * student.logpdf(m + s * e, nu), -12, 12, limit=300, epsabs=1e-12
        )
        return area[0]

    value, by_mean, by_std = parts.expected_log_prior(np.array([1.0 * mean]), np.array([std]), nu)
    assert value[0] == pytest.approx(exact(mean, std), abs=error)
    h = 1e-4
    slopes = (
        exact(mean + h, std) - exact(mean - h, std),
        exact(mean, std + h) - exact(mean, std - h),
    )
    assert [by_mean[0], by_std[0]] == pytest.approx(np.array(slopes) / 2 / h, abs=30 * error + 1e-6)


def draw(parts, points=40, noise=0.5, seed=0):
    biases = import_module("biases")
    return biases.truth(points, noise, 3.5, seed)


@pytest.mark.parametrize("beta", [1.0, 5.0])
def test_free_energy_of_components(parts, beta):
    x, weights, sources = draw(parts, 6)
    rng = np.random.default_rng(1)
    log_std = 0.4 * rng.normal(size=sources.shape) - 0.5
    value, *slopes = parts.components_free_energy((weights, sources, log_std), x, 0.25, 3.5, beta)
    # The same by samples of q.
    noise = rng.normal(size=(40_000, *sources.shape))
    z = sources + np.exp(log_std) * noise
    fit = norm.logpdf(x, z @ weights.T, 0.5).sum((-1, -2))
    log_q = norm.logpdf(z, sources, np.exp(log_std)).sum((-1, -2))
    each = fit / beta + student.logpdf(z, 3.5).sum((-1, -2)) - log_q
    assert abs(each.mean() - value) < 4.5 * each.std() / np.sqrt(len(each))
    start = [weights, sources, log_std]
    for place, slope in enumerate(slopes):

        def at(flat, place=place):
            moved = [*start]
            moved[place] = flat.reshape(moved[place].shape)
            return parts.components_free_energy(tuple(moved), x, 0.25, 3.5, beta)[0]

        told = approx_fprime(start[place].ravel(), at, 1e-6)
        assert slope.ravel() == pytest.approx(told, abs=2e-3, rel=1e-4)


def test_beta_is_a_larger_noise(parts):
    """F of β and σ² less F of 1 and βσ² is one number, whatever W and q."""
    x = draw(parts)[0]
    rng = np.random.default_rng(0)
    gaps = []
    for _ in range(4):
        fit = (rng.normal(size=(2, 3)), rng.normal(size=(40, 3)), rng.normal(size=(40, 3)))
        one, other = (
            parts.components_free_energy(fit, x, variance, 3.5, beta)[0]
            for variance, beta in ((0.2, 5.0), (1.0, 1.0))
        )
        gaps.append(one - other)
    assert np.ptp(gaps) < 1e-8


def test_the_characteristic_function(parts):
    table = parts.characteristic(3.5)
    for t in (0.0, 0.01, 0.7, 3.0):
        exact = 2 * quad(lambda z, t=t: student.pdf(z, 3.5) * np.cos(t * z), 0, 2000, limit=4000)[0]
        assert table(t) == pytest.approx(exact, abs=1e-7)


def test_the_likelihood_of_components(parts):
    x, weights, _ = draw(parts, 12)
    likelihood = parts.Likelihood(x, 0.25, 3.5)
    value, slope = likelihood(weights)
    rng = np.random.default_rng(2)
    z = rng.standard_t(3.5, (400_000, 3))
    each = np.exp(norm.logpdf(x[:, None], z @ weights.T, 0.5).sum(-1))
    mean, error = each.mean(1), each.std(1) / np.sqrt(len(z)) / each.mean(1)
    assert abs(np.log(mean).mean() - value) < 4.5 * np.sqrt((error**2).mean() / len(x)) + 1e-4
    told = approx_fprime(weights.ravel(), lambda flat: likelihood(flat.reshape(2, 3))[0], 1e-6)
    assert slope.ravel() == pytest.approx(told, abs=1e-5)


def test_the_density_of_components_has_mass_one(parts):
    points, area = plane(30, 121)
    weights = np.array([[1.0, 0.4, 0.0], [0.2, -0.7, 0.5]])
    likelihood = parts.Likelihood(points, 1.0, 3.5)
    each = likelihood.table(np.minimum(abs(np.tensordot(weights.T, likelihood.u, 1)), 40))
    density = likelihood.density(likelihood.share * each.prod(axis=0))
    assert density.min() > -1e-7 and density.sum() * area == pytest.approx(1, abs=2e-3)
    # Sources of no length leave the noise.
    near = points[(np.abs(points) < 2).all(axis=1)]
    value, _ = parts.Likelihood(near, 1.0, 3.5)(np.zeros((2, 3)))
    assert value == pytest.approx(multivariate_normal([0, 0]).logpdf(near).mean(), abs=1e-4)


def test_vi_drops_a_source_that_the_likelihood_keeps(biases, parts):
    learned = biases.learn(1000, 0.5, 2)
    assert biases.kept(learned.weights["ML"]) > 0.8
    assert biases.kept(learned.weights["VI"]) < 0.02
    assert biases.between(learned.weights["truth"]) == pytest.approx(60)
    assert biases.between(learned.weights["VI"]) > 85
    log_p, free = learned.log_likelihood, learned.free_energy
    assert log_p["ML"] > log_p["truth"] > log_p["VI"] + 0.01
    assert log_p["VI"] > free["VI"] > free["start"]  # F is a bound, and the climb went up
    assert log_p["truth"] > free["start"]


@pytest.mark.parametrize("beta", [1.0, 5.0])
def test_no_step_lowers_the_free_energy(biases, parts, beta):
    x, weights, sources = biases.truth(80, 0.5, 3.5, 1)
    fit = parts.fit_components(x, weights, sources, 0.25, 3.5, beta)
    assert (np.diff(fit.values) >= 0).all() and 3 < fit.held < len(fit.values) - 1
    ended = (fit.weights, fit.mean, fit.log_std)
    value, *slopes = parts.components_free_energy(ended, x, 0.25, 3.5, beta)
    assert value / 80 == pytest.approx(fit.values[-1], abs=1e-12)
    assert max(abs(slope).max() for slope in slopes) < 0.5  # a maximum but for slow directions
    width = -np.log1p((weights**2).sum(0) / 0.25 / beta) / 2 + 0 * sources
    first = parts.components_free_energy((weights, sources, width), x, 0.25, 3.5, beta)[0]
    assert fit.values[0] == pytest.approx(first / 80, abs=1e-12)
    # While W is held, each point's q goes to its own maximum.
    again = parts.fit_components(x[:20], weights, sources[:20], 0.25, 3.5, beta)
    rest = parts.fit_components(x[20:], weights, sources[20:], 0.25, 3.5, beta)
    both = 0.25 * again.values[again.held] + 0.75 * rest.values[rest.held]
    assert both == pytest.approx(fit.values[fit.held], abs=1e-3)


def test_bad_components(parts):
    x, weights, sources = draw(parts)
    for bad in (
        (x[:9], weights, sources),
        (x, weights[:, :2], sources),
        (x[:, :1], weights, sources),
    ):
        with pytest.raises(VaekitError, match="expected x"):
            parts.fit_components(*bad, 0.25, 3.5)
    for variance, nu, beta in ((0, 3.5, 1), (0.25, -1, 1), (0.25, np.nan, 1), (0.25, 3.5, 0)):
        with pytest.raises(VaekitError, match="> 0"):
            parts.fit_components(x, weights, sources, variance, nu, beta)
    with pytest.raises(VaekitError, match="in the plane"):
        parts.Likelihood(np.zeros((3, 3)), 0.25, 3.5)
    with pytest.raises(VaekitError, match="nu > 2"):
        parts.Likelihood(x, 0.25, 2)
    with pytest.raises(VaekitError, match="more noise"):
        parts.Likelihood(x, 1e-4, 3.5)


@pytest.mark.parametrize("points", [20, 100, 500])
def test_the_papers_two_numbers_leave_a_family(biases, factors, points):
    """For any number of points two variances give −17.82 and −57.16, whatever the noise."""
    variances = np.array(biases.implied(-17.82, -57.16, points))
    for part in (0.2, 0.9):
        noise = np.full(2, part * variances.min())
        weights = np.diag(np.sqrt(variances - noise))
        moment = np.diag(variances)
        at = [factors.turned(weights, angle) for angle in (0, 45)]
        found = [points * factors.free_energy(w, noise, moment)[0] for w in at]
        assert found == pytest.approx([-17.82, -57.16], abs=1e-6)
        told = points * factors.log_likelihood(at[1], noise, moment)
        assert told == pytest.approx(-17.82, abs=1e-6)


def test_measures(biases):
    weights = np.array([[2.0, 0.0, 0.3], [0.0, 1.0, 0.3]])
    assert biases.lengths(weights) == pytest.approx([2, 1, 0.3 * np.sqrt(2)])
    assert biases.kept(weights) == pytest.approx(0.3 * np.sqrt(2) / 2)
    assert biases.between(weights) == pytest.approx(90)
    assert biases.between(np.array([[1.0, -1.0], [0.0, 1e-9]])) == pytest.approx(0, abs=1e-4)
    assert biases.kept(np.zeros((2, 3))) == 0 and np.isfinite(biases.between(np.zeros((2, 3))))
    assert biases.folded([0, 44, 46, 91, -1, 180]) == pytest.approx([0, 44, 44, 1, 1, 0])


def test_the_command_prints_tables_and_draws(biases, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(biases, "TAILS", (2.5, 6.0))
    monkeypatch.setattr(biases, "LINES", ((0, 50, 110),))
    monkeypatch.setattr(biases, "NOISES", (0.5,))
    biases.main(["--out", str(tmp_path / "new"), "--seeds", "2", "--points", "60", "--wide"])
    shown = capsys.readouterr().out
    for word in (
        "expected",
        "found",
        "F at π/4",
        "-17.82",
        "β = 8",
        "likelihood:",
        "ν = 2.5",
        "of 9",
    ):
        assert word in shown
    assert "nan" not in shown
    drawn = {path.name for path in (tmp_path / "new").iterdir()}
    assert drawn == {f"biases-{name}.png" for name in PICTURES}
    page = (FOLDER.parent / "docs" / "biases.md").read_text(encoding="utf-8")
    assert all(f"(pictures/biases-{name}.png)" in page for name in PICTURES)


PICTURES = ("rotation", "pruning", "beta", "components", "tails")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--points", "3"], "--points"),
        (["--noise", "0"], "--noise"),
        (["--noise", "nan"], "--noise"),
        (["--noise", "much"], "--noise"),
        (["--noise", "0.001", "--seeds", "1", "--points", "20"], "more noise"),
        (["--out", __file__], "--out"),
    ],
)
def test_bad_arguments(biases, tmp_path, capsys, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        biases.main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
