"""Likelihoods of one law for every entry: densities by SciPy, draws by goodness of fit."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from parts import COUNTS, small
from scipy import integrate, stats
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import vaekit
from vaekit.data import Dataset
from vaekit.distributions.counts import Overdispersed, Rare
from vaekit.errors import VaekitError
from vaekit.likelihoods import (
    LIKELIHOODS,
    ContinuousBernoulli,
    DiscretisedLogistic,
    Entrywise,
    Laplace,
    NegativeBinomial,
    Poisson,
    StudentT,
    ZeroInflatedNegativeBinomial,
    likelihood,
)
from vaekit.likelihoods.continuous_bernoulli import GreyValues
from vaekit.training import Training, fit

HEADS = [(-1.5, 0.3, -0.4), (0.2, 1.1, 0.8), (2.5, -0.7, 0.1)]
COUNTED = np.arange(60)


class Given(nn.Module):
    """Give the same heads for every code, as channels: (n, heads)."""

    def __init__(self, *heads: float):
        super().__init__()
        self.heads = torch.tensor(heads, dtype=torch.float32)

    def forward(self, z):
        return self.heads.expand(len(z), -1)


def law(kind, heads, **settings):
    """Return p(x|z) of one entry under given heads."""
    return kind(Given(*heads[: kind.heads]), **settings)(torch.zeros(1, 1, 1))


def logs(p, values) -> np.ndarray:
    x = torch.tensor(np.asarray(values), dtype=torch.float32)[:, None, None]
    return np.array([float(p.log_prob(each[None])) for each in x])


def continuous(name: str, heads) -> tuple:
    if name == "laplace":
        return law(Laplace, heads, scale=0.4, learned=False), stats.laplace(heads[0], 0.4)
    made = law(StudentT, heads, df=5.0, scale=0.4, learned=False)
    return made, stats.t(5, heads[0], 0.4)


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("name", ["laplace", "student_t"])
def test_noise_by_scipy(name, heads):
    p, other = continuous(name, heads)
    values = np.linspace(-4, 4, 17)
    assert logs(p, values) == pytest.approx(other.logpdf(values), abs=1e-5)
    assert float(p.mean) == pytest.approx(other.mean(), abs=1e-6)
    assert float(p.variance) == pytest.approx(other.var(), rel=1e-5)
    torch.manual_seed(0)
    drawn = p.sample((4000,)).flatten().numpy()
    assert stats.kstest(drawn, other.cdf).pvalue > 1e-3


def counts(name: str, heads) -> tuple:
    mean, theta = math.exp(heads[0]), math.exp(heads[1])
    if name == "poisson":
        return law(Poisson, heads), stats.poisson(mean).pmf
    plain = stats.nbinom(theta, theta / (theta + mean)).pmf
    if name == "negative_binomial":
        return law(NegativeBinomial, heads), plain
    drop = 1 / (1 + math.exp(-heads[2]))
    mixed = law(ZeroInflatedNegativeBinomial, heads)
    return mixed, lambda x: drop * (np.asarray(x) == 0) + (1 - drop) * plain(x)


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("name", COUNTS)
def test_counts_by_scipy(name, heads):
    p, mass = counts(name, heads)
    assert np.exp(logs(p, COUNTED)) == pytest.approx(mass(COUNTED), rel=1e-4, abs=1e-9)
    many = np.arange(5000)
    mean = float((many * mass(many)).sum())
    assert float(p.mean) == pytest.approx(mean, rel=1e-4)
    spread = float(((many - mean) ** 2 * mass(many)).sum())
    assert float(p.variance) == pytest.approx(spread, rel=1e-3)
    torch.manual_seed(1)
    drawn = p.sample((4000,)).flatten().numpy()
    top = int(np.searchsorted(np.cumsum(mass(COUNTED)), 0.98))
    seen = np.array([*(np.count_nonzero(drawn == k) for k in range(top)), (drawn >= top).sum()])
    wanted = 4000 * np.array([*mass(np.arange(top)), 1 - mass(np.arange(top)).sum()])
    assert stats.chisquare(seen, wanted * seen.sum() / wanted.sum()).pvalue > 1e-3


@pytest.mark.parametrize("logit", [-60.0, -16, -6, -0.98, -1e-2, 0, 1e-4, 0.5, 2, 9, 45])
def test_grey_values_are_a_density(logit):
    p = law(ContinuousBernoulli, (logit,))
    ends = [0, 1 / abs(logit), 1 - 1 / abs(logit), 1] if abs(logit) > 3 else [0, 1]

    def whole(power: int) -> float:
        """E x^power of the density ∝ e^(s (x − 1 or 0)), which does not overflow."""
        top = max(logit, 0.0)
        parts = [
            integrate.quad(lambda x: x**power * math.exp(logit * x - top), *each, epsabs=1e-14)[0]
            for each in zip(sorted(ends), sorted(ends)[1:], strict=False)
        ]
        return sum(parts)

    values = np.linspace(0, 1, 9)
    wanted = values * logit - max(logit, 0.0) - math.log(whole(0))
    assert logs(p, values) == pytest.approx(wanted, abs=2e-5)
    mean, square = whole(1) / whole(0), whole(2) / whole(0)
    assert float(p.mean) == pytest.approx(mean, abs=1e-6)
    assert float(p.variance) == pytest.approx(square - mean**2, rel=1e-4, abs=1e-7)
    # The known wrong form: a Bernoulli's logarithm without the constant, off by ln 2 at 0.
    plain = values * logit - np.logaddexp(0, logit)
    if abs(logit) < 1:
        assert np.abs(logs(p, values) - plain).max() > 0.5
    torch.manual_seed(0)
    drawn = p.rsample((6000,)).flatten().double().numpy()
    assert drawn.min() >= 0 and drawn.max() <= 1
    spread = math.sqrt((square - mean**2) / 6000)
    assert drawn.mean() == pytest.approx(mean, abs=4.5 * spread + 1e-6)


def test_the_gradient_of_grey_values_is_that_of_the_density():
    """∂ ln p/∂s = x − E x, far out too, where a clamped λ would have none for the constant."""
    s = torch.tensor([-50.0, -17.0, -1.0, -0.3, 0.0, 0.7, 1.2, 20.0, 64.0], requires_grad=True)
    p = GreyValues(s)
    (slope,) = torch.autograd.grad(p.log_prob(torch.full_like(s, 0.3)).sum(), s)
    torch.testing.assert_close(slope, 0.3 - p.mean.detach(), rtol=1e-4, atol=1e-5)
    (drift,) = torch.autograd.grad(p.mean.sum(), s)
    torch.testing.assert_close(drift, p.variance.detach(), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("log_theta", [-3.0, 3.3, 3.5, 8.0, 13.0, 20.0])
def test_overdispersed_counts_keep_their_digits(log_theta):
    """Against float64 by SciPy, up to the Poisson law, which it is for θ → ∞."""
    mean, theta = 3.0, math.exp(log_theta)
    p = law(NegativeBinomial, (math.log(mean), log_theta))
    x = np.arange(40)
    wanted = (
        stats.poisson(mean).logpmf(x)
        if log_theta > 15
        else stats.nbinom(theta, theta / (theta + mean)).logpmf(x)
    )
    assert logs(p, x) == pytest.approx(wanted, rel=2e-5, abs=2e-4)
    head = torch.tensor(log_theta, requires_grad=True)
    value = Overdispersed(torch.tensor(math.log(mean)), head).log_prob(torch.tensor(5.0))
    (slope,) = torch.autograd.grad(value, head)
    near = [
        stats.nbinom(t, t / (t + mean)).logpmf(5)
        for t in (theta * math.exp(d) for d in (-0.01, 0.01))
    ]
    wanted = 0.0 if log_theta > 12 else (near[1] - near[0]) / 0.02
    assert float(slope) == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize("theta", [1e-3, 2.0, 1e6, math.inf])
@pytest.mark.parametrize("mean", [0.5, 1e3, 1e6])
def test_large_counts_keep_their_digits(mean, theta):
    """By SciPy in float64; x ln μ − μ − ln x! in float32 is off by 1 nat at 10⁶, others by 7."""
    log_mean = torch.tensor(math.log(mean))
    p = Rare(log_mean) if theta == math.inf else Overdispersed(log_mean, torch.tensor(theta).log())
    torch.manual_seed(0)
    x = torch.cat([p.sample((300,)), mean * torch.arange(4)]).floor()
    exact = math.exp(float(log_mean))
    other = (
        stats.poisson(exact) if theta == math.inf else stats.nbinom(theta, theta / (theta + exact))
    )
    np.testing.assert_allclose(p.log_prob(x).numpy(), other.logpmf(x.numpy()), rtol=1e-5, atol=3e-3)


def test_counts_of_millions_train():
    """With raw counts as the encoder's input the first objective was NaN."""
    torch.manual_seed(0)
    x = torch.poisson(torch.rand(200, 4) * 2e6 + 1e6)
    model, objective = vaekit.recipes.vae((4,), latent=1, network="mlp(8)", likelihood="poisson")
    for _ in fit(model, objective, Dataset(x), Training(epochs=2, batch=50)):
        pass
    assert bool(model(x).log_likelihood.isfinite().all())
    assert float(model.likelihood.shown(x).max()) < 16


def test_a_network_begins_at_the_level_of_counts():
    """From a mean of 1 on, 400 steps led to a mean of 3."""
    torch.manual_seed(0)
    rate = 1572 * torch.exp(0.5 * torch.randn(800, 1) * torch.tensor([1.0, -1.0, 0.5]))
    x = torch.poisson(torch.distributions.Gamma(5.0, 5.0 / rate).sample())
    given = {"latent": 1, "network": "mlp(32)", "likelihood": "negative_binomial"}
    model, objective = vaekit.recipes.vae((3,), **given)
    training = Training(epochs=40, batch=80, device="cpu")
    for _ in fit(model, objective, Dataset(x), training):
        pass
    drawn = vaekit.apply.sample(model.eval(), 2000, draw=True)
    torch.testing.assert_close(drawn.mean(0), x.mean(0), rtol=0.15, atol=0)
    level: Any = model.likelihood.level
    kept = level.clone()
    next(iter(fit(model, objective, Dataset(x // 100), training)))
    assert torch.equal(level, kept)  # it went on from weights that know it
    with pytest.raises(VaekitError, match=r"whole numbers from 0 to 4·10⁸"):
        next(iter(fit(model, objective, Dataset(x * 1e6), training)))


@pytest.mark.parametrize("levels", [2, 16, 256])
@pytest.mark.parametrize(("location", "scale"), [(0.3, 0.1), (-0.5, 0.02), (1.0, 0.003), (0.5, 3)])
def test_levels_sum_to_one_and_have_the_logistic_masses(levels, location, scale):
    p = law(DiscretisedLogistic, (location,), levels=levels, scale=scale, learned=False)
    k = np.arange(levels)
    got = np.exp(logs(p, k / (levels - 1)).astype(np.float64))
    assert got.sum() == pytest.approx(1, abs=1e-4)
    inner = (k[1:] - 0.5) / (levels - 1)
    cdf = np.array([0, *stats.logistic(location, scale).cdf(inner), 1])
    assert got == pytest.approx(np.diff(cdf), abs=1e-5)
    mean = (np.diff(cdf) * k).sum() / (levels - 1)
    assert float(p.mean) == pytest.approx(mean, abs=1e-4)
    spread = (np.diff(cdf) * (k / (levels - 1) - mean) ** 2).sum()
    assert float(p.variance) == pytest.approx(spread, abs=1e-4)
    torch.manual_seed(0)
    drawn = p.sample((3000,)).flatten().numpy() * (levels - 1)
    assert drawn.mean() / (levels - 1) == pytest.approx(
        mean, abs=4 * math.sqrt(spread / 3000) + 1e-4
    )


def test_no_tail_is_lost():
    p = law(DiscretisedLogistic, (0.0,), scale=0.002, learned=False)
    far = logs(p, [0.5, 0.9])
    assert np.isfinite(far).all() and far[1] == pytest.approx(far[0] - 0.4 / 0.002, rel=1e-3)


@pytest.mark.parametrize("name", ["laplace", "student_t", "discretised_logistic"])
def test_a_learned_scale_finds_its_best(name):
    torch.manual_seed(0)
    data = torch.distributions.Laplace(0.5, 0.07).sample((4000, 1)).clamp(0, 1)
    made = LIKELIHOODS[name](Given(0.5), scale=0.5)
    assert isinstance(made, Entrywise) and made.learns
    optimiser = torch.optim.Adam(made.parameters(), lr=0.05)
    for _ in range(200):
        loss = -made(torch.zeros(1, len(data), 1)).log_prob(data).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    best = made.noise()["noise_scale"]

    def cost(scale: float) -> float:
        fixed = LIKELIHOODS[name](Given(0.5), scale=scale, learned=False)
        return -float(fixed(torch.zeros(1, len(data), 1)).log_prob(data).mean())

    assert cost(best) <= min(cost(best * 0.9), cost(best * 1.1))


@pytest.mark.parametrize("name", COUNTS)
def test_counts_train_and_what_is_no_count_is_refused(name):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(size=(300, 1)) + np.array([1.0, 0.0, 2.0, -1.0]))
    x = rng.poisson(rates).astype("float32")
    model, objective = vaekit.recipes.vae((4,), latent=1, network="mlp(16)", likelihood=name)
    for _ in fit(model, objective, Dataset.from_array(x), Training(epochs=5, batch=50)):
        pass
    assert bool(model(torch.from_numpy(x)).log_likelihood.isfinite().all())
    with pytest.raises(
        VaekitError, match=r"of counts, whole numbers, but row \d+ of .* holds \d+\.5"
    ):
        next(iter(fit(model, objective, Dataset.from_array(x + 0.5), Training(batch=50))))
    with pytest.raises(VaekitError, match=r"is of counts, and .* spans \[-4, "):
        next(iter(fit(model, objective, Dataset.from_array(x - 4), Training(batch=50))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("laplace(scale=0)", "finite scale > 0"),
        ("laplace(learned=3)", "learned"),
        ("laplace(scale=1e-4)", "begins above its floor"),
        ("student_t(df=2)", "df > 2"),
        ("student_t(floor=-1)", "finite floor > 0"),
        ("discretised_logistic(levels=1)", "whole number from 2"),
        ("discretised_logistic(levels=2.5)", "levels"),
        ("poison", "Did you mean 'poisson'"),
    ],
)
def test_impossible_settings(text, message):
    with pytest.raises(VaekitError, match=message):
        likelihood(text, small(), 3, (7,))


def test_from_the_command_line_to_the_page(tmp_path):
    """Learned noise of these kinds stands in history, numbers and comparison; nothing breaks."""
    small_run = {"network": "mlp(16)", "epochs": 1, "device": "cpu", "verbose": False}
    runs = [
        vaekit.train("vae", data="digits", out=tmp_path / name, likelihood=name, **small_run)
        for name in ("laplace", "continuous_bernoulli", "discretised_logistic")
    ]
    for run in runs:
        numbers, page = run.evaluate(n=50), run.report().read_text()
        assert "elbo" in numbers and "Reconstruction" in page
        assert run.sample(3).shape == (3, 1, 8, 8)
    assert runs[0].history[-1]["noise_scale"] > 0
    assert runs[0].metrics["noise_scale"]["unit"] == "units of x"
    rows = runs[2].refit(["gaussian"])
    assert "probability" in next(iter(rows.values()))["note"]
    page = vaekit.report.compare(runs, tmp_path / "c.html").read_text()
    assert "probability of 256 levels" in page and "density of x" in page
    said = "\n".join(sentence.text for sentence in runs[0].summary())
    assert "a noise of scale" in said


def test_a_loader_of_no_counts_is_refused():
    model, objective = vaekit.recipes.vae((4,), latent=1, network="mlp(8)", likelihood="poisson")
    loader = DataLoader(TensorDataset(torch.randint(4, (40, 4)) + 0.5), batch_size=10)
    with pytest.raises(VaekitError, match=r"counts, whole numbers, but batch 1 .* holds \d\.5"):
        next(iter(fit(model, objective, loader, Training())))


@pytest.mark.parametrize("df", [3.5, 1e4, 1e6])
def test_student_t_keeps_its_digits_where_it_is_nearly_a_gaussian(df):
    made = LIKELIHOODS["student_t"](Given(0.5), df=df, scale=0.1, learned=False)
    x = torch.tensor([[0.5], [0.53], [0.9]])
    found = made(torch.zeros(1, 3, 1)).log_prob(x)[0]
    np.testing.assert_allclose(found, stats.t.logpdf(x[:, 0], df, 0.5, 0.1), atol=2e-5)
    with pytest.raises(VaekitError, match=r"up to 1,000,000, beyond which it is gaussian"):
        LIKELIHOODS["student_t"](Given(0.5), df=1e8)
