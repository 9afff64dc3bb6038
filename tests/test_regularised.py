"""Regularised autoencoders: the terms by hand, and the page for those who come from Pythae."""

import re
import shlex
from pathlib import Path

import pytest
import torch
from test_information import linear
from torch import nn

from vaekit.errors import VaekitError
from vaekit.likelihoods import Bernoulli, Gaussian
from vaekit.model import Model
from vaekit.objectives import CodeNorm, DecoderNorm, DecoderSlope
from vaekit.posteriors import Dirac
from vaekit.recipes import RECIPES, find

PYTHAE = (
    *("AE", "VAE", "BetaVAE", "VAE_LinNF", "VAE_IAF", "DisentangledBetaVAE", "FactorVAE", "IWAE"),
    *("BetaTCVAE", "MIWAE", "PIWAE", "CIWAE", "WAE_MMD", "INFOVAE_MMD", "VAMP", "SVAE"),
    *("PoincareVAE", "Adversarial_AE", "VAEGAN", "VQVAE", "HVAE", "RAE_GP", "RAE_L2", "RHVAE"),
    "MSSSIM_VAE",
)
PAGE = Path(__file__).parents[1] / "docs" / "peers.md"


def plain(decoder: nn.Module, latent: int = 3, kind=Gaussian) -> Model:
    return Model(Dirac(nn.Linear(5, latent), latent), kind(decoder))


def test_norms_by_hand():
    torch.manual_seed(0)
    model = plain(nn.Linear(3, 5))
    run = model(torch.rand(7, 5))
    torch.testing.assert_close(CodeNorm()(run), 0.5 * (run.z[0] ** 2).sum(1).mean())
    network = model.likelihood.network
    weights = 0.5 * ((network.weight**2).sum() + (network.bias**2).sum())
    torch.testing.assert_close(DecoderNorm()(run), weights)
    noisy = plain(network, kind=lambda decoder: Gaussian(decoder, learned="gradient"))
    torch.testing.assert_close(DecoderNorm()(noisy(torch.rand(7, 5))), weights)
    network.requires_grad_(False)
    with pytest.raises(VaekitError, match="weights that are trained"):
        DecoderNorm()(run)
    with pytest.raises(VaekitError, match="draws must be a whole number"):
        DecoderSlope(0)


def test_the_slope_of_a_linear_decoder_is_its_norm():
    """Of a linear decoder J = W at every code; of noisy codes too."""
    torch.manual_seed(0)
    model = plain(nn.Linear(3, 5))
    run = model(torch.rand(2000, 5))
    with torch.no_grad():
        wanted = float((model.likelihood.network.weight**2).sum())
        assert float(DecoderSlope(draws=4)(run)) == pytest.approx(wanted, rel=0.03)
        noisy = linear(torch.randn(2, 4), torch.full((2,), 0.3))
        (weight,) = (w for w in noisy.likelihood.parameters() if w.ndim == 2)
        slope = DecoderSlope(draws=4)(noisy(torch.rand(2000, 4)))
        assert float(slope) == pytest.approx(float((weight**2).sum()), rel=0.05)


def test_the_slope_by_the_whole_jacobian():
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 5))
    model = plain(decoder, kind=Bernoulli)
    run = model(torch.rand(4, 5))

    def mean(z):
        return torch.sigmoid(decoder(z))

    each = [torch.autograd.functional.jacobian(mean, z) for z in run.z[0]]
    wanted = float(torch.stack([(j**2).sum() for j in each]).mean())
    assert float(DecoderSlope(draws=4000)(run).detach()) == pytest.approx(wanted, rel=0.05)
    slope = DecoderSlope()(run)
    slope.backward()
    assert decoder[0].weight.grad is not None and float(decoder[0].weight.grad.abs().sum()) > 0
    with torch.no_grad():  # in validation there is no gradient to go on with
        assert not DecoderSlope()(model(torch.rand(4, 5))).isnan()


def lines() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"`(vaekit train [a-z_]+ [^`]+)`", text)


@pytest.mark.parametrize("line", lines())
def test_compositions_of_the_page_are_systems(line):
    words = shlex.split(line)[2:]
    given = dict(zip([word[2:] for word in words[1::2]], words[2::2], strict=True))
    given = {name: None if value == "none" else value for name, value in given.items()}
    torch.manual_seed(0)
    model, objective = find(words[0]).make((1, 12, 12), network="mlp(8)", latent=3, **given)
    x = torch.rand(4, 1, 12, 12)
    values = objective.values(model(x, samples=objective.samples))
    assert all(value.isfinite() for value in values)


def test_the_page_names_every_model_and_recipes_that_are():
    text = PAGE.read_text(encoding="utf-8")
    for name in PYTHAE:
        assert f"`{name}`" in text, name
    rows = re.findall(r"^\| `[^|]+\| `([a-z_]+)` \|", text, flags=re.M)
    assert len(rows) >= 10 and set(rows) <= set(RECIPES)
