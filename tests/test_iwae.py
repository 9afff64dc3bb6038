"""The importance-weighted bound: its value by hand, its order in K, and what it is held against."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import distributions as td
from torch import nn

from vaekit import information, recipes
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, StandardNormal
from vaekit.distributions.divergences import log_ratio
from vaekit.errors import VaekitError
from vaekit.likelihoods import Gaussian as GaussianNoise
from vaekit.model import Model, Pass
from vaekit.objectives import KL, Distortion, ImportanceWeighted
from vaekit.posteriors import Gaussian, Posterior
from vaekit.priors import Normal
from vaekit.training import Training, fit

X = torch.rand(64, 6, generator=torch.Generator().manual_seed(0))


def small(latent: int = 2) -> Model:
    torch.manual_seed(1)
    return recipes.iwae((6,), latent=latent, network="mlp(16)").model


@torch.no_grad()
def bound(model: Model, samples: int, repeat: int = 1) -> tuple[float, float]:
    """Return the mean of the term over fresh codes, and its standard error."""
    values = [float(ImportanceWeighted(samples)(model(X, samples=samples))) for _ in range(repeat)]
    return float(np.mean(values)), float(np.std(values) / math.sqrt(repeat))


def test_the_value_by_hand():
    """Weights from scipy and PyTorch's own densities, example by example."""
    model = small()
    with torch.no_grad():
        run = model(X, samples=7)
        q = td.Independent(td.Normal(run.q.mean, run.q.variance.sqrt()), 1)
        logits = model.likelihood.decode(run.z, None)
        grey = -nn.functional.binary_cross_entropy_with_logits(
            logits, X.expand_as(logits), reduction="none"
        ).sum(-1)
        prior = td.Independent(td.Normal(torch.zeros(2), 1.0), 1)
        logs = (grey + prior.log_prob(run.z) - q.log_prob(run.z)).double().numpy()
    want = np.mean(math.log(7) - logsumexp(logs, axis=0))
    assert float(ImportanceWeighted(7)(run)) == pytest.approx(want, rel=1e-5)


def test_one_code_is_the_elbo():
    model = small()
    with torch.no_grad():
        run = model(X)
        elbo = Distortion()(run) + KL(analytic=False)(run)
        assert float(ImportanceWeighted(1)(run)) == pytest.approx(float(elbo), rel=1e-5)


def test_the_bound_falls_with_the_number_of_codes():
    """Their Theorem 1; each step is held against the error of what it was measured with."""
    model = small()
    found = [bound(model, k, repeat=200) for k in (1, 2, 5, 20, 100)]
    for (more, error), (less, other) in itertools.pairwise(found):
        assert more - less > 2 * math.hypot(error, other)


def test_it_tends_to_the_true_density():
    """Where p(x) is known: x = a z + noise, both Gaussian, with a posterior that is off."""
    a, sigma = 1.5, 0.5
    encoder, decoder = nn.Linear(1, 2), nn.Linear(1, 1)
    with torch.no_grad():
        encoder.weight.copy_(torch.tensor([[0.4], [0.0]]))
        encoder.bias.copy_(torch.tensor([0.1, math.log(0.3)]))
        decoder.weight.fill_(a)
        decoder.bias.fill_(0.0)
    model = Model(Gaussian(encoder, 1), GaussianNoise(decoder, sigma=sigma), Normal(1))
    x = torch.randn(200, 1, generator=torch.Generator().manual_seed(0)) * math.hypot(a, sigma)
    true = float(-td.Normal(0.0, math.hypot(a, sigma)).log_prob(x).mean())
    with torch.no_grad():
        values = {k: float(ImportanceWeighted(k)(model(x, samples=k))) for k in (1, 10, 5000)}
    assert values[1] > values[10] > true
    assert values[5000] == pytest.approx(true, abs=0.02)


def test_it_agrees_with_what_judges_trained_models():
    model = small().eval()
    judged = information.log_likelihood(model, Dataset.from_array(X), samples=50)
    mean, error = bound(model, 50, repeat=50)
    assert -judged.mean == pytest.approx(mean, abs=5 * error + 0.02)


def test_it_trains_to_a_better_bound_than_the_elbo():
    """On two modes of z for each x, which no Gaussian posterior covers."""
    torch.manual_seed(0)
    z = torch.randn(600, 1)
    data = Dataset.from_array((z.abs() + 0.1 * torch.randn(600, 1)).clamp(0, 4) / 4)

    def reached(samples: int) -> float:
        torch.manual_seed(3)
        made = recipes.iwae((1,), 1, samples, network="mlp(32)", likelihood="gaussian(sigma=0.05)")
        for _ in fit(*made, data, Training(epochs=60, batch=100, lr=5e-3, device="cpu")):
            pass
        return information.log_likelihood(made.model, data, samples=500).mean

    assert reached(20) > reached(1) + 0.02


# ---- the doubly reparameterised gradient


def linear(n: int, samples: int) -> Pass:
    """Pass n copies of one x = 1.5 z + noise by a posterior that is off, each with its own φ."""
    decoder = nn.Linear(1, 1)
    with torch.no_grad():
        decoder.weight.fill_(1.5)
        decoder.bias.fill_(0.2)
    model = Model(Gaussian(nn.Identity(), 1), GaussianNoise(decoder, sigma=0.5), Normal(1))
    phi = torch.tensor([0.1, -0.6]).repeat(n, 1).requires_grad_()
    x, q = torch.ones(n, 1), DiagonalGaussian(phi[:, :1], phi[:, 1:])
    z = q.rsample((samples,))
    prior = StandardNormal(torch.zeros(1))
    return Pass(model, x, q, z, model.decode(z, None, x.shape), prior, None, {"phi": phi})


def gradients(term: ImportanceWeighted, run: Pass) -> torch.Tensor:
    """Return the gradient in φ of each copy, (n, 2)."""
    (found,) = torch.autograd.grad(term(run) * len(run.x), run._found["phi"], retain_graph=True)
    return found.double()


def test_doubly_reparameterised_is_the_same_in_the_mean_with_less_noise():
    torch.manual_seed(0)
    n, samples = 8000, 64
    run = linear(n, samples)
    usual, doubly = ImportanceWeighted(samples), ImportanceWeighted(samples, gradient="doubly")
    torch.testing.assert_close(usual(run), doubly(run), rtol=0, atol=1e-6)
    one, other = gradients(usual, run), gradients(doubly, run)
    error = ((one.var(0) + other.var(0)) / n).sqrt()
    assert torch.all((one.mean(0) - other.mean(0)).abs() < 4 * error)
    assert torch.all(other.var(0) < 0.1 * one.var(0))
    # Weighed once, by w̃ for w̃²: φ in ln q held still, and no more.
    log = run.log_likelihood - log_ratio(run.q, run.prior, run.z, path=True)  # pyright: ignore
    wrong = (-log.logsumexp(0)).sum()
    (once,) = torch.autograd.grad(wrong, run._found["phi"], retain_graph=True)
    apart = (once.double().mean(0) - other.mean(0)).abs()
    assert torch.all(apart > 20 * ((once.double().var(0) + other.var(0)) / n).sqrt())


def test_doubly_reparameterised_leaves_the_decoder_its_gradient():
    run = linear(50, 5)
    weights = list(run.model.likelihood.parameters())
    terms = ImportanceWeighted(5), ImportanceWeighted(5, gradient="doubly")
    one, other = (torch.autograd.grad(t(run), weights, retain_graph=True) for t in terms)
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


def test_one_code_has_the_path_derivative():
    run = linear(50, 1)
    (path,) = torch.autograd.grad(
        (Distortion()(run) + KL(analytic=False, path=True)(run)) * 50,
        run._found["phi"],
        retain_graph=True,
    )
    found = gradients(ImportanceWeighted(1, gradient="doubly"), run)
    torch.testing.assert_close(found.float(), path)


class Tied(Posterior):
    """Give a normal law with correlations, of which vaekit knows no parameters."""

    def __init__(self, network: nn.Module, latent: int):
        super().__init__()
        self.network, self.latent = network, latent

    def forward(self, x: torch.Tensor, c: torch.Tensor | None = None) -> td.Distribution:
        return td.MultivariateNormal(self.features(x, c), torch.eye(self.latent))


def test_several_bounds_and_a_share_of_the_elbo():
    torch.manual_seed(0)
    model, x = recipes.find("vae").make((6,), latent=2, network="mlp(8)").model, torch.rand(5, 6)
    run = model(x, samples=12)
    assert run.prior is not None
    weights = run.log_likelihood - log_ratio(run.q, run.prior, run.z)
    of_each = [math.log(4) - w.logsumexp(0) for w in weights.split(4)]
    several = ImportanceWeighted(4, bounds=3)
    assert several.samples == 12
    torch.testing.assert_close(several(run), torch.stack(of_each).mean())
    one = ImportanceWeighted(12)(run)
    torch.testing.assert_close(
        ImportanceWeighted(12, elbo=0.3)(run), 0.7 * one - 0.3 * weights.mean()
    )
    torch.testing.assert_close(ImportanceWeighted(12, elbo=1.0)(run), -weights.mean())
    assert one < several(run) < -weights.mean()  # the more codes in one, the tighter
    slope = torch.autograd.grad(ImportanceWeighted(4, "doubly", bounds=3)(run), run.z)[0]
    alone = []
    for part in range(3):  # of each bound by itself, a third of it
        z = run.z[4 * part : 4 * part + 4]
        some = Pass(model, x, run.q, z, model.decode(z, None, x.shape), run.prior)
        alone.append(torch.autograd.grad(ImportanceWeighted(4, "doubly")(some), some.z)[0] / 3)
    torch.testing.assert_close(slope, torch.cat(alone))
    with pytest.raises(VaekitError, match="make no 5 bounds"):
        ImportanceWeighted(2, bounds=5)(run)
    with pytest.raises(VaekitError, match="of the bound alone"):
        ImportanceWeighted(2, "doubly", elbo=0.5)
    with pytest.raises(VaekitError, match="share of the ELBO"):
        ImportanceWeighted(2, elbo=2)
    with pytest.raises(VaekitError, match="bounds must be"):
        ImportanceWeighted(2, bounds=0)


def test_doubly_reparameterised_needs_the_parameters_of_the_posterior():
    with pytest.raises(VaekitError, match="does not show its parameters"):
        recipes.compose(
            (6,), 2, posterior=Tied, objective="importance_weighted(3, gradient=doubly)"
        )
    recipes.compose((6,), 2, posterior=Tied, objective="importance_weighted(3)")
    with pytest.raises(VaekitError, match="unknown gradient 'dreg'"):
        ImportanceWeighted(3, gradient="dreg")


@pytest.mark.parametrize("samples", [0, -1, 2.5, "5", True])
def test_what_is_no_number_of_codes(samples):
    with pytest.raises(VaekitError, match="samples must be a whole number"):
        ImportanceWeighted(samples)
    with pytest.raises(VaekitError, match="samples must be"):
        recipes.iwae((6,), samples=samples)


@pytest.mark.parametrize("name", ["ae", "joint_vae"])
def test_codes_that_have_no_weights(name):
    model = recipes.find(name).make((6,), network="mlp(4)").model
    with pytest.raises(VaekitError, match="weighing codes needs a"):
        next(iter(fit(model, ImportanceWeighted(2), Dataset.from_array(X), Training(batch=8))))
