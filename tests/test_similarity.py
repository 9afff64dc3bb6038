"""Distances that are no likelihoods: MS-SSIM by hand, features of a network that stays."""

import math

import numpy as np
import pytest
import torch
from parts import POSTERIORS, small
from scipy.ndimage import correlate1d
from torch import nn

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.likelihoods import likelihood
from vaekit.model import Model
from vaekit.objectives import FeatureDistance, StructuralSimilarity
from vaekit.objectives.similarity import SIGMA, WEIGHTS, WINDOW, ms_ssim
from vaekit.training import Training, fit

SHAPE = (1, 24, 24)


def pictures(n: int = 3, side: int = 48, channels: int = 2, seed: int = 0):
    """Return smooth pictures and noisy ones, (n, C, side, side) each."""
    torch.manual_seed(seed)
    x = torch.nn.functional.interpolate(torch.rand(n, channels, 6, 6), side, mode="bilinear")
    return x, (x + 0.1 * torch.randn_like(x)).clamp(0, 1)


def by_scipy(x: np.ndarray, y: np.ndarray) -> float:
    """Return MS-SSIM of two pictures (C, H, W) in float64, window by window."""
    line = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    line, inner = line / line.sum(), slice(WINDOW // 2, -(WINDOW // 2))

    def mean(t):
        return correlate1d(correlate1d(t, line, -1), line, -2)[:, inner, inner]

    scales, found = 0, []
    while min(x.shape[1:]) >= WINDOW and scales < len(WEIGHTS):
        a, b = mean(x), mean(y)
        va, vb, ab = mean(x * x) - a * a, mean(y * y) - b * b, mean(x * y) - a * b
        found.append(
            ((2 * a * b + 1e-4) / (a * a + b * b + 1e-4), (2 * ab + 9e-4) / (va + vb + 9e-4))
        )
        scales += 1
        halved = [
            t.reshape(len(t), t.shape[1] // 2, 2, t.shape[2] // 2, 2).mean((2, 4)) for t in (x, y)
        ]
        x, y = halved
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    each = [cs.mean() for _, cs in found[:-1]] + [(found[-1][0] * found[-1][1]).mean()]
    return float(np.prod(np.array(each) ** weights))


def test_ms_ssim_by_hand():
    x, y = pictures()
    wanted = [by_scipy(a, b) for a, b in zip(x.double().numpy(), y.double().numpy(), strict=True)]
    np.testing.assert_allclose(ms_ssim(x, y), wanted, rtol=2e-4)
    assert max(wanted) < 0.97  # one scale alone, which is often taken for it, says another number
    assert abs(float(ms_ssim(x[..., :20, :20], y[..., :20, :20])[0]) - wanted[0]) > 0.02
    torch.testing.assert_close(ms_ssim(x, x), torch.ones(len(x)))
    torch.testing.assert_close(ms_ssim(255 * x, 255 * y, 255), ms_ssim(x, y), rtol=1e-3, atol=1e-4)


def test_its_gradient_is_a_number_where_pictures_have_nothing_in_common():
    x = torch.zeros(2, 1, 24, 24)
    y = torch.rand(2, 1, 24, 24, requires_grad=True)
    ms_ssim(x, y).sum().backward()
    assert y.grad is not None and y.grad.isfinite().all()


@pytest.mark.parametrize("posterior", ["gaussian", "dirac"])
def test_a_model_trains_on_it_alone(posterior):
    x, _ = pictures(60, 24, 1)
    q = POSTERIORS[posterior].on(small(), SHAPE, 2)
    model = Model(q, likelihood("bernoulli", small(), 2, SHAPE))
    term = StructuralSimilarity()
    with torch.no_grad():
        first = float(term(model(x)))
    for _ in fit(model, term, Dataset(x), Training(epochs=60, batch=20, lr=1e-2)):
        pass
    with torch.no_grad():
        assert 0 <= float(term(model(x))) < 0.9 * first


def test_features_get_no_gradient_and_no_place_among_the_weights():
    network = nn.Sequential(nn.Flatten(), nn.Linear(576, 3))
    system = recipes.find("vae").make(SHAPE, latent=2, network="mlp(8)")
    term = FeatureDistance(network)
    x, _ = pictures(4, 24, 1)
    run = system.model(x, samples=2)
    value = term(run)
    with torch.no_grad():
        by_hand = [(network(run.p.mean[k]) - network(x)).square().sum(1).mean() for k in range(2)]
    torch.testing.assert_close(value, torch.stack(by_hand).mean())
    value.backward()
    assert all(weight.grad is None for weight in network.parameters())
    assert all(w.grad is not None for w in system.model.likelihood.parameters())


def test_what_they_cannot_compare_is_refused():
    with pytest.raises(VaekitError, match="11 pixels or more"):
        ms_ssim(torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8))
    with pytest.raises(VaekitError, match="11 pixels or more"):
        ms_ssim(torch.rand(2, 8), torch.rand(2, 8))
    for span in (0, math.inf, "a", None):
        with pytest.raises(VaekitError, match="span > 0"):
            StructuralSimilarity(span)  # pyright: ignore
    run = recipes.find("vae").make(SHAPE, latent=2, network="mlp(8)").model(torch.rand(4, *SHAPE))
    for features in (lambda x: x.mean(0, keepdim=True), lambda x: x[:2], lambda x: x.sum()):
        with pytest.raises(VaekitError, match="let it keep the first axis"):
            FeatureDistance(features)(run)
    with pytest.raises(VaekitError, match="needs a network"):
        FeatureDistance("vgg")
