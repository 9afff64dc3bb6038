"""Information by definition, and on linear-Gaussian models whose answers have closed forms.

With x ~ N(0, I), μ(x) = A x and one s for all x, q(z) = N(0, Σ), Σ = A Aᵀ + diag s²:

    I(x; z) = ½ ln det Σ − Σ_h ln s_h      TC = ½ Σ_h ln Σ_hh − ½ ln det Σ
    KL(q(z)‖p(z)) = ½ (tr Σ − H − ln det Σ)

The data are whitened, so that Σ is exactly that of the examples; what differs is Monte Carlo.
"""

import json
import math
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch
from parts import layer, white
from torch import Tensor, nn
from torch import distributions as td

from vaekit.cli import main
from vaekit.data import Dataset, Splits
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.information import (
    aggregate,
    evaluate,
    importance,
    indicators,
    log_likelihood,
    refit,
    residuals,
    summarise,
    summary,
)
from vaekit.information.aggregated import posterior as aggregated
from vaekit.information.aggregated.pairs import aggregate_of_any, aggregate_of_gaussians
from vaekit.information.encoding import drawing, encoded
from vaekit.likelihoods import Gaussian as GaussianLikelihood
from vaekit.model import Model
from vaekit.posteriors import Dirac, Gaussian, Posterior
from vaekit.priors import Normal, Prior
from vaekit.recipes import cvae, vae
from vaekit.runs import Config, Run, train
from vaekit.training import Training
from vaekit.training.state import save_weights


def linear(a: Tensor, s: Tensor, w: Tensor | None = None, sigma: float = 0.5) -> Model:
    """Make q(z|x) = N(A x, diag s²) for A (H, D) and p(x|z) = N(W z, σ² I)."""
    latent, width = a.shape
    encoder = layer(torch.cat([a, 0 * a]), torch.cat([0 * s, 2 * s.log()]))
    decoder = layer(a.T if w is None else w, torch.zeros(width))
    likelihood = GaussianLikelihood(decoder, sigma)
    return Model(Gaussian(encoder, latent), likelihood, Normal(latent)).eval()


def correlated(rho: float = 0.9, s: float = 0.3) -> Model:
    """Make an aggregate of two standard normal coordinates with correlation ρ."""
    sigma = torch.tensor([[1.0, rho], [rho, 1.0]])
    return linear(torch.linalg.cholesky(sigma - s**2 * torch.eye(2)), torch.full((2,), s))


class Fixed(Posterior):
    """Give what a function of x gives."""

    def __init__(self, make, latent: int):
        super().__init__()
        self.make, self.latent, self.network = make, latent, nn.Identity()

    def forward(self, x, c=None):
        return self.make(x)


class FullNormal(Prior):
    """Give N(0, covariance), which knows no density by coordinate."""

    def __init__(self, covariance: Tensor):
        super().__init__()
        self.covariance, self.latent = covariance, len(covariance)

    def forward(self, c=None):
        return td.MultivariateNormal(torch.zeros(self.latent), self.covariance)


def with_parts(model: Model, posterior=None, prior="own") -> Model:
    return Model(
        posterior or model.posterior,
        model.likelihood,
        model.prior if prior == "own" else prior,
    ).eval()


def deterministic() -> Model:
    model = correlated()
    return with_parts(model, Dirac(nn.Linear(2, 2), 2), None)


def small_vae(latent: int = 5) -> Model:
    torch.manual_seed(1)
    model = vae((6,), latent=latent, network="mlp(16)", likelihood="squared_error").model
    nn.init.normal_(model.posterior.network[-1].weight, std=0.5)
    return model.eval()


# ---- indicators: Definitions 1–7


def test_the_definitions_hold_together():
    found = indicators(small_vae(), white(700, 6))
    assert found.v.dtype == torch.float64 and found.v.shape == (5,)
    rate, information = found.rate.sum(), found.information.sum()
    assert float(found.difference.sum()) == pytest.approx(float(rate - information), rel=1e-9)
    assert float(found.difference.sum()) == pytest.approx(float(found.aggregate_kl.sum()), rel=1e-6)
    torch.testing.assert_close(found.difference, found.aggregate_kl, rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(found.remainder, found.information, rtol=1e-6, atol=1e-12)
    assert float(found.rates.mean()) == pytest.approx(float(rate), rel=1e-9)
    assert float(found.informations.mean()) == pytest.approx(float(information), rel=1e-9)
    assert float(found.aggregate_kl.sum()) > 0.05  # or the equality would say nothing


def test_the_definitions_by_hand():
    model, data = small_vae(), white(700, 6)
    with torch.no_grad():
        q = model.posterior(data.images)
        mean, std = q.mean.double(), q.log_std.double().exp()
    found = indicators(model, data)
    star = (mean**2 + std**2).mean(0).sqrt()
    torch.testing.assert_close(found.v, star**2)
    each, normal = td.Normal(mean, std), td.Normal(torch.zeros(5).double(), star)
    torch.testing.assert_close(found.information, td.kl_divergence(each, normal).mean(0))
    unit = td.Normal(torch.zeros(5).double(), torch.ones(5).double())
    torch.testing.assert_close(found.rate, td.kl_divergence(each, unit).mean(0))
    torch.testing.assert_close(found.aggregate_kl, td.kl_divergence(normal, unit))


def test_no_other_variance_is_nearer():
    """The closed form is where eq. 28 has its minimum."""
    model, data = small_vae(), white(300, 6)
    found = indicators(model, data)
    with torch.no_grad():
        q = model.posterior(data.images)
        each = td.Normal(q.mean.double(), q.log_std.double().exp())
    for factor in (0.9, 0.99, 1.01, 1.1):
        other = td.Normal(torch.zeros(5).double(), (factor * found.v).sqrt())
        assert (td.kl_divergence(each, other).mean(0) > found.information).all()


def test_counts_and_order():
    s = torch.tensor([0.1, 1.0, 0.5, 0.5])
    a = torch.diag(torch.tensor([math.sqrt(0.99), 0.0, math.sqrt(0.75), math.sqrt(0.35)]))
    found = indicators(linear(a, s), white(400, 4))
    torch.testing.assert_close(found.v, torch.tensor([1.0, 1.0, 1.0, 0.6]).double())
    assert found.normal_variance.tolist() == [True, True, True, False]
    assert found.influential.tolist() == [True, False, True, False]  # ½ ln(v/s²)
    assert found.order.tolist() == [0, 2, 3, 1]
    numbers = found.numbers()
    assert numbers["normal_variance_units"].value == 3 and numbers["influential_units"].value == 2
    direct = evaluate(linear(a, s), white(400, 4))["normal_variance_units"]
    assert direct["value"] == 3


def test_dead_coordinates_tell_nothing():
    a = torch.zeros(3, 3)
    a[0, 0] = 0.9
    model, data = linear(a, torch.tensor([0.3, 1.0, 1.0])), white(500, 3)
    found, pairs = indicators(model, data), aggregate(model, data)
    for values in (found.information, found.remainder, found.aggregate_kl, found.rate):
        torch.testing.assert_close(values[1:], torch.zeros(2).double(), atol=1e-6, rtol=0)
    assert pairs.informations is not None and pairs.dimension_wise_kls is not None
    for values in (pairs.informations[1:], pairs.dimension_wise_kls[1:]):
        torch.testing.assert_close(values, torch.zeros(2).double(), atol=1e-6, rtol=0)
    collapsed = linear(torch.zeros(2, 3), torch.ones(2))
    numbers = summarise(collapsed, data, samples=2)
    for name in ("information", "total_correlation", "aggregate_kl", "information_gaussian"):
        assert numbers[name]["value"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_a_shift_of_the_code_tells_nothing(shift):
    """Def. 2 counts it, with q* of mean zero; the centred bound does not, and is the nearest."""
    model, data = correlated(rho=0.0), white(2000, 2)
    with torch.no_grad():
        model.posterior.network.bias[:2] += torch.tensor([shift, 0.0])
    found = indicators(model, data)
    truth = torch.full((2,), -math.log(0.3)).double()
    torch.testing.assert_close(found.centred, truth, rtol=1e-4, atol=0)
    extra = torch.tensor([0.5 * math.log(1 + shift**2), 0.0]).double()
    torch.testing.assert_close(found.information - found.centred, extra, rtol=1e-4, atol=1e-6)
    share = torch.tensor([shift**2 / (1 + shift**2), 0.0]).double()
    torch.testing.assert_close(found.shift, share, atol=1e-6, rtol=1e-5)
    numbers = found.numbers()
    assert numbers["information_gaussian_centred"].value == pytest.approx(float(truth.sum()), 1e-4)
    with torch.no_grad():
        q = model.posterior(data.images)
    each = td.Normal(q.mean.double(), q.log_std.double().exp())
    best = td.Normal(q.mean.double().mean(0), found.spread.sqrt())
    torch.testing.assert_close(td.kl_divergence(each, best).mean(0), found.centred)


# ---- the aggregate posterior


@pytest.mark.parametrize("strength", [0.8, 0.95])
def test_a_total_correlation_far_from_zero_is_found(strength):
    """Four coordinates that share what they tell, and a q(z) that is no N(0, I)."""
    common = torch.tensor([1.0, -1.0, 1.0, 1.0])
    sigma = (1 - strength) * torch.eye(4) + strength * torch.outer(common, common)
    sigma = sigma * torch.outer(*[torch.tensor([1.0, 0.7, 1.3, 1.0])] * 2)
    s = torch.tensor([0.3, 0.2, 0.35, 0.3]) * (1 if strength < 0.9 else 0.5)
    model = linear(torch.linalg.cholesky(sigma - torch.diag(s**2)), s)
    found = aggregate(model, white(20_000, 4), n=20_000)
    truth = 0.5 * float(sigma.diagonal().log().sum() - torch.logdet(sigma))
    assert truth > 1.5
    assert found.total_correlation == pytest.approx(truth, rel=0.02)
    information = 0.5 * float(torch.logdet(sigma)) - float(s.log().sum())
    assert found.information == pytest.approx(information, rel=0.02)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_a_gaussian_aggregate_has_its_closed_forms(rho):
    model, data = correlated(rho), white(20_000, 2)
    found, bound = aggregate(model, data, n=20_000), indicators(model, data, n=20_000)
    log_det = math.log(1 - rho**2)
    information, correlation = 0.5 * log_det - 2 * math.log(0.3), -0.5 * log_det
    assert found.information == pytest.approx(information, rel=0.02)
    # At ρ = 0.9 the truth is 0.8304, at ρ = 0 it is 0.
    assert found.total_correlation == pytest.approx(correlation, rel=0.02, abs=0.005)
    assert found.aggregate_kl == pytest.approx(correlation, rel=0.02, abs=0.01)
    assert found.dimension_wise_kl == pytest.approx(0, abs=0.01)
    # Ĩ exceeds I by the correlations that q* lacks, and what is left of the rate falls short.
    assert float(bound.information.sum()) == pytest.approx(information + correlation, rel=1e-3)
    assert float(bound.aggregate_kl.sum()) == pytest.approx(0, abs=1e-6)
    assert found.informations is not None
    torch.testing.assert_close(
        found.informations, torch.full((2,), -math.log(0.3)).double(), rtol=0.02, atol=0
    )
    assert not found.saturated


def test_the_rate_falls_into_its_parts_exactly():
    model, data = small_vae(), white(900, 6)
    found = aggregate(model, data)
    assert found.rate is not None and found.aggregate_kl is not None
    assert found.total_correlation is not None and found.dimension_wise_kl is not None
    parts = found.information + found.total_correlation + found.dimension_wise_kl
    assert found.rate == pytest.approx(parts, rel=1e-12)
    assert found.rate == pytest.approx(found.information + found.aggregate_kl, rel=1e-12)
    assert found.dimension_wise_kls is not None
    assert float(found.dimension_wise_kls.sum()) == pytest.approx(found.dimension_wise_kl)
    exact = evaluate(model, data)["rate"]
    spread = float((found.own - found.prior).std()) / 30
    assert found.rate == pytest.approx(exact["value"], abs=4 * spread)


def test_bounds_lie_around_the_truth():
    """The estimate from all pairs is below I, Def. 2 above, and both within the rate."""
    model, data = correlated(s=0.25), white(2000, 2)
    truth = 0.5 * math.log(0.19) - 2 * math.log(0.25)
    upper = float(indicators(model, data).information.sum())
    for n in (20, 100, 2000):
        found = aggregate(model, data, n=n)
        assert found.information < min(truth + 0.05, math.log(n) + 1e-9)
    assert truth < upper <= evaluate(model, data)["rate"]["value"] + 1e-5


@pytest.mark.parametrize("s", [1e-3, 1e-6])
def test_information_of_n_examples_is_at_most_their_logarithm(s):
    model, data = linear(torch.eye(3), torch.full((3,), s)), white(300, 3)
    found = aggregate(model, data)
    assert found.information == pytest.approx(math.log(300), abs=1e-4)
    assert found.saturated and math.isfinite(found.total_correlation or math.nan)
    numbers = found.numbers()
    assert "much larger" in numbers["information"].estimator
    assert "mostly error" in numbers["total_correlation"].estimator


def mixture(n: int = 300, latent: int = 4, low: float = -3.0) -> tuple[Tensor, DiagonalGaussian]:
    seeded_by = torch.Generator().manual_seed(2)
    mean = 2 * torch.randn(n, latent, generator=seeded_by).double()
    log_std = low * torch.rand(n, latent, generator=seeded_by).double()
    noise = torch.randn(n, latent, generator=seeded_by).double()
    return mean + log_std.exp() * noise, DiagonalGaussian(mean, log_std)


@pytest.mark.parametrize("low", [-3.0, -7.0, -14.0])
def test_the_density_of_the_mixture_against_another(low):
    z, q = mixture(low=low)
    whole, alone = aggregate_of_gaussians(z, q)
    equal = td.Categorical(torch.ones(len(z)).double())
    joint = td.MixtureSameFamily(equal, td.Independent(td.Normal(q.mean, q.std), 1))
    torch.testing.assert_close(whole, joint.log_prob(z), atol=2e-4, rtol=0)
    for h in range(z.shape[1]):
        one = td.MixtureSameFamily(equal, td.Normal(q.mean[:, h], q.std[:, h]))
        torch.testing.assert_close(alone[:, h], one.log_prob(z[:, h]), atol=2e-4, rtol=0)


def test_tiles_and_chunks_change_nothing(monkeypatch):
    z, q = mixture()
    whole, alone = aggregate_of_gaussians(z, q)
    for tile in ((1, 300), (300, 1), (7, 11), (1000, 1000)):
        other = aggregate_of_gaussians(z, q, tile)
        torch.testing.assert_close(other[0], whole, atol=1e-5, rtol=0)
        torch.testing.assert_close(other[1], alone, atol=1e-5, rtol=0)
    parts = [DiagonalGaussian(q.mean[i : i + 90], q.log_std[i : i + 90]) for i in range(0, 300, 90)]
    general, by_coordinate = aggregate_of_any(z, list(parts))
    torch.testing.assert_close(general, whole, atol=1e-4, rtol=0)
    torch.testing.assert_close(by_coordinate, alone, atol=1e-4, rtol=0)
    model, data = small_vae(), white(300, 6)
    once = aggregate(model, data)
    monkeypatch.setattr(aggregated, "encoded", partial(encoded, size=7))
    assert aggregate(model, data).information == pytest.approx(once.information, abs=1e-5)


def test_the_same_seed_gives_the_same_and_leaves_no_trace():
    model, data = small_vae().train(), white(200, 6)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = summarise(model, data, n=150, samples=3)
    assert first == summarise(model, data, n=150, samples=3)
    assert first != summarise(model, data, n=150, samples=3, seed=1)
    assert torch.equal(before, torch.get_rng_state()) and model.training
    assert {number["n"] for number in first.values()} == {150}
    assert all(p.grad is None for p in model.parameters())


# ---- other priors and posteriors


def test_a_prior_that_ties_coordinates_together():
    covariance = torch.tensor([[1.0, 0.9], [0.9, 1.0]])
    model, data = with_parts(correlated(), prior=FullNormal(covariance)), white(4000, 2)
    found = aggregate(model, data)
    assert found.aggregate_kl == pytest.approx(0, abs=0.02)  # this prior is the aggregate
    assert found.dimension_wise_kl == pytest.approx(-0.8304, abs=0.04)  # so it takes back the TC
    assert found.dimension_wise_kls is None and found.total_correlation is not None
    parts = found.information + found.total_correlation + (found.dimension_wise_kl or 0)
    assert found.rate == pytest.approx(parts, rel=1e-12)
    with pytest.raises(VaekitError, match="standard normal prior"):
        indicators(model, data)
    numbers = summarise(model, data, n=200, samples=2)
    assert "information_gaussian" not in numbers and "log_likelihood" in numbers


def test_a_posterior_without_densities_by_coordinate():
    covariance = 0.09 * torch.eye(2)
    base = correlated()
    full = Fixed(lambda x: td.MultivariateNormal(base.posterior(x).mean, covariance), 2)
    model, data = with_parts(base, full), white(1200, 2)
    found, diagonal = aggregate(model, data), aggregate(base, data)
    assert found.total_correlation is None and found.informations is None
    assert found.information == pytest.approx(diagonal.information, abs=0.05)
    assert set(found.numbers()) == {"information", "aggregate_kl"}


def test_a_model_without_a_prior_still_has_information():
    model, data = with_parts(correlated(), prior=None), white(500, 2)
    assert set(summarise(model, data)) == {"information", "total_correlation"}
    with pytest.raises(VaekitError, match="needs a prior"):
        log_likelihood(model, data)


def test_deterministic_codes_have_no_density():
    for function in (aggregate, indicators, summarise):
        with pytest.raises(VaekitError, match="deterministic"):
            function(deterministic(), white(50, 2))
    with pytest.raises(VaekitError, match="deterministic"):
        log_likelihood(with_parts(deterministic(), prior=Normal(2)), white(50, 2))


JUDGES = (aggregate, indicators, log_likelihood, evaluate)


def test_broken_codes_and_counts():
    model = correlated()
    with torch.no_grad():
        model.posterior.network.bias[0] = math.nan
    for function in (aggregate, indicators, log_likelihood):
        with pytest.raises(VaekitError, match="NaN or infinite"):
            function(model, white(50, 2))
    for function in JUDGES:
        for n in (0, 2.5, "all", True, None):
            with pytest.raises(VaekitError, match=f"must be ≥ 1, a whole number, got {n!r}"):
                function(correlated(), white(50, 2), n=n)
    for function in (log_likelihood, evaluate):
        for samples in (0, 2.5):
            with pytest.raises(VaekitError, match=f"samples must be .*got {samples}"):
                function(correlated(), white(50, 2), samples=samples)


def test_a_broken_decoder():
    model = correlated()
    with torch.no_grad():
        model.likelihood.network.bias[0] = math.nan
    for function in (log_likelihood, evaluate, partial(refit, noise="gaussian"), residuals):
        with pytest.raises(VaekitError, match=r"of row 0 of white.*model is broken"):
            function(model, white(50, 2))
    assert math.isfinite(aggregate(model, white(50, 2)).information)  # does not decode


def test_what_is_no_set_or_another():
    for function in (*JUDGES, residuals):
        with pytest.raises(VaekitError, match=r"got ndarray .*use data.Dataset.from_array"):
            function(correlated(), white(50, 2).images.numpy())
        with pytest.raises(VaekitError, match=r"its .train or its .test"):
            function(correlated(), Splits(white(50, 2), white(50, 2)))
        with pytest.raises(VaekitError, match=r"shapes do not fit .* examples have shape \(3,\)"):
            function(correlated(), white(50, 3))
    # One entry would be broadcast to two.
    wide = with_parts(correlated(), Fixed(correlated().posterior.__call__, 2))
    wide.posterior.make = lambda x: correlated().posterior(x.expand(-1, 2))
    for function in (log_likelihood, evaluate, residuals):
        with pytest.raises(VaekitError, match=r"have shape \(1,\), but p\(x\|z\) .* over \(2,\)"):
            function(wide, Dataset(torch.randn(50, 1), name="narrow"))


@pytest.mark.parametrize("noise", [None, 3, "bernoulli"])
def test_a_refit_needs_a_noise(noise):
    with pytest.raises(VaekitError, match="name gaussian or mixture"):
        refit(correlated(), white(50, 2), noise)


def test_one_example_is_enough():
    numbers = summarise(correlated(), white(50, 2), n=1, samples=2)
    assert numbers["information"]["value"] == pytest.approx(0, abs=1e-6)
    assert numbers["information"]["se"] is None


def labelled(n: int = 200) -> Dataset:
    data = white(n, 6)
    return Dataset(data.images, labels=torch.arange(n) % 3, name="labelled")


def conditional(prior: str) -> Model:
    torch.manual_seed(0)
    model = cvae(
        (6,), latent=2, width=3, prior=prior, network="mlp(8)", likelihood="squared_error"
    ).model
    return model.eval()


def test_a_conditional_prior_is_no_prior_of_the_aggregate():
    model, data = conditional("conditional"), labelled()
    found = aggregate(model, data)
    assert found.prior is None and found.aggregate_kl is None and found.rate is None
    with pytest.raises(VaekitError, match="one standard normal prior for all"):
        indicators(model, data)
    numbers = summarise(model, data, samples=5)
    assert set(numbers) == {"information", "total_correlation", "log_likelihood"}
    assert "I(x; z|c)" in evaluate(model, data)["rate"]["estimator"]


def test_a_conditional_model_with_one_prior_has_them_all():
    numbers = summarise(conditional("normal"), labelled(), samples=5)
    assert {"information_gaussian", "aggregate_kl", "log_likelihood"} <= set(numbers)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_narrow_codes_are_widened(kind):
    base, data = correlated(), white(400, 2)

    def rounded(x: Tensor, back: bool) -> DiagonalGaussian:
        q = base.posterior(x)
        mean, log_std = q.mean.to(kind), q.log_std.to(kind)
        return (
            DiagonalGaussian(mean.float(), log_std.float())
            if back
            else DiagonalGaussian(mean, log_std)
        )

    narrow = with_parts(base, Fixed(partial(rounded, back=False), 2))
    wide = with_parts(base, Fixed(partial(rounded, back=True), 2))
    assert summarise(narrow, data, samples=3) == summarise(wide, data, samples=3)


# ---- log p(x)


def factor_model(orthogonal: bool) -> tuple[Model, td.MultivariateNormal]:
    """Make x = W z + noise with its best diagonal posterior, and the exact p(x)."""
    w = torch.linalg.qr(torch.randn(6, 2, generator=torch.Generator().manual_seed(4))).Q
    w = w * torch.tensor([1.5, 0.8])
    if not orthogonal:
        w = w @ torch.tensor([[1.0, 0.6], [0.0, 0.8]])
    sigma = 0.5
    precision = torch.eye(2) + w.T @ w / sigma**2
    model = linear(torch.linalg.solve(precision, w.T) / sigma**2, precision.diagonal().rsqrt(), w)
    return model, td.MultivariateNormal(torch.zeros(6), w @ w.T + sigma**2 * torch.eye(6))


def test_with_the_exact_posterior_every_weight_is_the_likelihood(monkeypatch):
    model, exact = factor_model(orthogonal=True)
    data = Dataset(exact.sample((300,)), name="drawn")
    known = exact.log_prob(data.images).double()
    for samples, chunk in ((1, 500), (7, 500), (7, 3), (30, 11), (600, 500)):
        monkeypatch.setattr(importance, "CHUNK", chunk)
        found = log_likelihood(model, data, n=300, samples=samples)
        torch.testing.assert_close(found.values, known, atol=2e-5, rtol=1e-5)
        assert found.samples == samples


def test_the_bound_rises_with_samples_to_the_likelihood():
    model, exact = factor_model(orthogonal=False)
    with drawing(0):
        data = Dataset(exact.sample((1000,)), name="drawn")
    known = float(exact.log_prob(data.images).mean())
    bounds = [log_likelihood(model, data, samples=k).mean for k in (1, 5, 50, 500)]
    assert bounds == sorted(bounds) and bounds[-1] < known + 0.01
    assert bounds[0] < 1.01 * known  # the ELBO is loose here, or nothing would be shown
    assert bounds[-1] == pytest.approx(known, rel=0.02)
    assert known - bounds[-1] < 0.25 * (known - bounds[0])


def test_one_sample_is_the_elbo():
    model, _ = factor_model(orthogonal=False)
    data = white(1000, 6)
    found = log_likelihood(model, data, samples=1)
    with torch.no_grad(), drawing(0):
        values = []
        for part in data.images.split(500):
            run = model(part)
            q = td.Independent(td.Normal(run.q.mean, run.q.variance.sqrt()), 1)
            unit = td.Independent(td.Normal(torch.zeros(2), torch.ones(2)), 1)
            values.append(run.p.log_prob(part) + unit.log_prob(run.z) - q.log_prob(run.z))
    torch.testing.assert_close(found.values, torch.cat(values, 1)[0].double(), atol=1e-4, rtol=1e-5)
    elbo, number = evaluate(model, data)["elbo"], found.numbers()["log_likelihood"]
    assert number.value == pytest.approx(elbo["value"], abs=4 * (number.se or 0))


@pytest.mark.parametrize("samples", [1, 4, 1100])
def test_as_many_codes_are_decoded_as_were_asked_for(samples, monkeypatch):
    model, decoded = correlated(), []
    decode = model.likelihood.decode
    monkeypatch.setattr(
        model.likelihood,
        "decode",
        lambda z, c: decoded.append(z.shape[0] * z.shape[1]) or decode(z, c),
    )
    log_likelihood(model, white(13, 2), samples=samples)
    asked, *decoded = decoded  # for the shape of an example
    assert asked == 1
    assert sum(decoded) == 13 * samples and max(decoded) <= importance.CHUNK


def test_the_mean_over_samples_stands_inside_the_logarithm():
    model, data = small_vae(2), white(20, 6)
    many = log_likelihood(model, data, samples=400)
    with torch.no_grad(), drawing(0):
        run = next(iter(encoded(model, data, torch.arange(20))))
        z = run.q.rsample((400,))
        logs = model.likelihood(z).log_prob(run.x) + run.prior.log_prob(z) - run.q.log_prob(z)
    inside, outside = (logs.logsumexp(0) - math.log(400)).mean(), logs.mean()
    assert many.mean == pytest.approx(float(inside), abs=0.3)
    assert abs(many.mean - float(outside)) > 2 * abs(many.mean - float(inside))


# ---- what numbers say of themselves, and the command


def test_numbers_say_which_way_they_err():
    data = white(200, 6)
    found = evaluate(small_vae(), data) | summarise(small_vae(), data, samples=4)
    assert {n["direction"] for n in found.values()} == {
        "lower bound",
        "upper bound",
        "consistent",
        "exact",
    }
    lower = {name for name, n in found.items() if n["direction"] == "lower bound"}
    assert lower == {"elbo", "information", "aggregate_kl_gaussian", "log_likelihood"}
    upper = {name for name, n in found.items() if n["direction"] == "upper bound"}
    gaussian = {"information_gaussian", "information_gaussian_centred"}
    assert upper == {"rate", "dimension_wise_kl", "aggregate_kl"} | gaussian
    for name in lower | upper:
        assert f"{found[name]['direction']} on" in found[name]["estimator"]
    json.dumps(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    there = tmp_path_factory.mktemp("information") / "run"
    config = Config("vae", {"latent": 3}, "digits", Training(epochs=1, device="cpu"))
    train(config, there)
    return there


def test_the_command(folder, capsys):
    words = ["evaluate", str(folder), "--information", "--importance-samples", "7", "--n", "150"]
    main(words)
    out = capsys.readouterr().out
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    for name in (
        "information_gaussian",
        "total_correlation",
        "influential_units",
        "log_likelihood",
    ):
        assert metrics[name]["n"] == 150 and metrics[name]["split"] == "test"
        assert name in out
    assert "7 codes" in metrics["log_likelihood"]["estimator"]
    (line,) = [line for line in out.splitlines() if line.strip().startswith("information ")]
    assert "lower bound" in line and "ln N = 5.01" in line
    main(["report", str(folder)])


def saved(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_numbers_of_the_same_weights_and_examples_stay(folder, capsys):
    main(["evaluate", str(folder), "--information", "--importance-samples", "2", "--n", "90"])
    before = saved(folder)
    main(["evaluate", str(folder), "--n", "90", "--samples", "2"])
    out, after = capsys.readouterr().out, saved(folder)
    assert "kept from before: information_gaussian, " in out
    assert after.keys() == before.keys() and after["information"] == before["information"]
    assert "2 sample" in after["distortion"]["estimator"]
    for words in (["--n", "80"], ["--n", "80", "--train-split"]):
        main(["evaluate", str(folder), "--n", "90", "--information", "--importance-samples", "2"])
        capsys.readouterr()
        main(["evaluate", str(folder), *words])
        out, after = capsys.readouterr().out, saved(folder)
        assert "dropped, as of other weights or examples: information_gaussian, " in out
        assert "information" not in after and after["elbo"]["n"] == 80


@pytest.mark.parametrize("changed", ["step", "weights"])
def test_numbers_of_weights_that_went_on_are_dropped(changed, folder, tmp_path, capsys):
    run = Run(shutil.copytree(folder, tmp_path / "run"))
    main(["evaluate", str(run.folder), "--information", "--importance-samples", "2"])
    step = run.stamp.step
    if changed == "weights":
        next(run.model.parameters()).detach().view(-1)[0] += 1e-3
    save_weights(run.model, run.weights, step + (changed == "step"))
    main(["evaluate", str(run.folder)])
    assert "dropped" in capsys.readouterr().out and "information" not in saved(run.folder)


def test_each_number_names_its_examples(folder, capsys, monkeypatch):
    monkeypatch.setattr(summary, "EXAMPLES", 40)
    main(["evaluate", str(folder), "--information", "--importance-samples", "2", "--n", "90"])
    out = capsys.readouterr().out
    assert ", n = 90\n" in out
    (line,) = [line for line in out.splitlines() if "log_likelihood" in line]
    assert "; n = 40" in line and out.count("; n = ") == 1


def test_importance_samples_need_information(folder, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", str(folder), "--importance-samples", "5"])
    assert "give --information too" in capsys.readouterr().err
