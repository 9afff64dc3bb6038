"""Other axes of a trained code: all nats stay, and a code that was turned is found back."""

import numpy as np
import pytest
import torch
from parts import PRIORS, layer, vae
from torch import nn

from vaekit import information
from vaekit.data import Dataset, Factors
from vaekit.errors import VaekitError
from vaekit.likelihoods import likelihood
from vaekit.model import Model
from vaekit.networks import networks
from vaekit.posteriors import Dirac, Gaussian
from vaekit.priors import Normal


def random_axes(size: int, seed: int = 0) -> torch.Tensor:
    made = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(seed)))
    return made[0]


def test_the_same_model_in_other_axes():
    model, axes = vae(3), random_axes(3)
    other, x = information.with_axes(model, axes), torch.rand(5, 6)
    z = torch.randn(4, 5, 3)
    with torch.no_grad():
        q, turned = model.encode(x), other.encode(x)
        torch.testing.assert_close(turned.log_prob(z @ axes.T), q.log_prob(z))
        torch.testing.assert_close(turned.mean, q.mean @ axes.T)
        a, b = model.likelihood(z).log_prob(x), other.likelihood(z @ axes.T).log_prob(x)
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
        drawn = turned.sample((20_000,))
    torch.testing.assert_close(drawn.var(0), turned.variance, rtol=0.1, atol=1e-3)
    data = Dataset(torch.rand(200, 6))
    one, two = (information.evaluate(m, data, samples=200) for m in (model, other))
    for name in ("rate", "distortion"):  # the rate is in closed form of one, drawn of the other
        assert one[name]["value"] == pytest.approx(two[name]["value"], abs=0.02)
    one, two = (information.log_likelihood(m, data, 200, 500) for m in (model, other))
    assert one.mean == pytest.approx(two.mean, abs=0.02)


def mixed_code(axes: np.ndarray) -> tuple[Model, Dataset]:
    """Return a model whose means are four factors that `axes` turn, and its set."""
    sizes = (4, 5, 3, 6)
    grid = Factors(("a", "b", "c", "d"), sizes, tuple(map(np.arange, sizes)))
    levels = grid.codes(np.arange(len(grid)))
    widths = (np.array(sizes) ** 2 - 1) / 12
    x = (levels - (np.array(sizes) - 1) / 2) / np.sqrt(widths)
    weight = np.concatenate([axes, np.zeros((4, 4))])
    encoder = layer(torch.tensor(weight).float(), torch.tensor([0.0] * 4 + [-6.0] * 4))
    nets = networks("mlp(4)")
    model = Model(Gaussian(encoder, 4), likelihood("squared_error", nets, 4, (4,)), Normal(4))
    return model, Dataset(torch.tensor(x).float(), factors=grid)


def test_independent_axes_find_a_turned_code_back():
    model, data = mixed_code(random_axes(4, seed=3).double().numpy())
    found = information.score(model, data, ("mig", "dci"), codes=("mean", "ica", "pca"))
    assert found["mig"]["value"] < 0.3 and found["mig [ica]"]["value"] > 0.9
    assert found["dci_disentanglement [ica]"]["value"] > found["dci_disentanglement"]["value"] + 0.2
    assert "axes by ica" in found["mig [ica]"]["estimator"]
    axes = information.find_axes(model, data, "ica")
    torch.testing.assert_close(axes @ axes.T, torch.eye(4), rtol=0, atol=1e-5)
    assert found["mig [pca]"]["value"] < 0.5  # all variances are 1: it has nothing to go by


def test_principal_axes_are_those_of_the_covariance():
    model, data = mixed_code(np.diag([3.0, 0.5, 2.0, 1.0]) @ random_axes(4).double().numpy())
    axes = information.find_axes(model, data, "pca").double()
    means = model.encode(data.images).mean.detach().double()
    turned = torch.cov((means @ axes.T).T, correction=0)
    assert (turned - torch.diag(turned.diagonal())).abs().max() < 1e-4 * turned.max()
    assert (turned.diagonal().diff() < 0).all()


def test_latents_out_of_use_keep_their_axes():
    model, data = mixed_code(np.diag([1.0, 1.0, 1.0, 0.0]) @ random_axes(4).double().numpy())
    axes = information.find_axes(model, data, "ica")
    torch.testing.assert_close(axes[3], torch.tensor([0.0, 0, 0, 1]))


def test_codes_without_that_freedom_are_refused():
    model, data = mixed_code(np.eye(4))
    model.prior = PRIORS["logistic"].make(4, 0)
    with pytest.raises(VaekitError, match="not the same in all directions"):
        information.find_axes(model, data)
    free = Model(Dirac(nn.Linear(4, 4), 4), model.likelihood)
    assert information.find_axes(free, data).shape == (4, 4)
    with pytest.raises(VaekitError, match="way to choose axes"):
        information.find_axes(free, data, "varimax")
    with pytest.raises(VaekitError, match="orthogonal matrix"):
        information.with_axes(free, 2 * torch.eye(4))


def test_only_what_is_the_same_in_all_axes_is_turned():
    axes = random_axes(3)
    for prior in ("logistic", "student_t"):
        other = vae(3).with_parts(prior=PRIORS[prior].make(3, 0))
        with pytest.raises(VaekitError, match="not the same in all directions"):
            information.with_axes(other, axes)
    model, data = vae(3), Dataset(torch.rand(40, 6))
    by_numpy = information.with_axes(model, axes.numpy())
    means = [each.encode(data.images).mean for each in (by_numpy, model)]
    torch.testing.assert_close(means[0], means[1] @ axes.T)
    for wrong in (torch.full((3, 3), torch.nan), torch.eye(2), [[1.0]], None):
        with pytest.raises(VaekitError, match="an orthogonal matrix"):
            information.with_axes(model, wrong)  # pyright: ignore
    wrong = ({"n": 0}, "n must be"), ({"n": 2.5}, "n must be"), ({"seed": "a"}, "seed")
    for asked, cause in wrong:
        with pytest.raises(VaekitError, match=cause):
            information.find_axes(model, data, **asked)
    with pytest.raises(VaekitError, match="by ica need more examples than 3"):
        information.find_axes(model, data, "ica", n=3)
    with pytest.raises(VaekitError, match="expected a Model"):
        information.find_axes(data, model)  # pyright: ignore


def test_scores_that_read_no_codes_are_given_whatever_codes_are_read():
    model, data = vae(2), Dataset(torch.rand(60, 6))
    for codes in (("pca",), ("drawn", "ica"), ("mean", "pca")):
        found = information.score(model, data, ("match",), codes=codes)
        assert "mmd" in found and not any("[" in name for name in found), codes
