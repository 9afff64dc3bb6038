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
from vaekit.errors import VaekitError
from vaekit.likelihoods import Gaussian as GaussianNoise
from vaekit.model import Model
from vaekit.objectives import KL, Distortion, ImportanceWeighted
from vaekit.posteriors import Gaussian
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
