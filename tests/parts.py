"""The table of parts: a new part is one row here, and inherits every law of `laws.py`."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import distributions as td
from torch.distributions import Distribution

from vaekit.distributions import (
    BernoulliEntries,
    DiagonalGaussian,
    GaussianEntries,
    StandardNormal,
)
from vaekit.likelihoods import Likelihood, likelihood
from vaekit.model import Model
from vaekit.networks import Networks, Shape, networks
from vaekit.objectives import KL, Distortion, Term
from vaekit.posteriors import Dirac, Gaussian, Posterior
from vaekit.priors import Normal, Prior


@dataclass(frozen=True)
class Density:
    """A distribution of n entries, made from one tensor `theta` of (rows, *batch, n)."""

    rows: int
    make: Callable[[Tensor], Distribution]
    binary: bool = False
    reparameterised: bool = True


DENSITIES: dict[str, Density] = {
    "DiagonalGaussian": Density(2, lambda t: DiagonalGaussian(t[0], t[1])),
    "StandardNormal": Density(
        1, lambda t: StandardNormal(t.shape[-1], t[0]), reparameterised=False
    ),
    "GaussianEntries": Density(1, lambda t: GaussianEntries(t[0], torch.tensor(-0.3).to(t), 1)),
    "GaussianEntries, σ by entry": Density(2, lambda t: GaussianEntries(t[0], t[1], 1)),
    "BernoulliEntries": Density(
        1, lambda t: BernoulliEntries(t[0], 1), binary=True, reparameterised=False
    ),
}


@dataclass(frozen=True)
class Pair:
    """A closed-form KL: q from `theta` (rows, batch, n), p, and what they are held against."""

    rows: int
    q: Callable[[Tensor], Distribution]
    p: Callable[[Tensor], Distribution]
    reference: Callable[[Tensor], Tensor]  # (batch,)
    gradient: Callable[[Tensor], Tensor]  # hand-derived, of the sum, in theta's shape
    equal: Callable[[int], Tensor]  # n → theta (rows, 1, n) where q = p


PAIRS: dict[str, Pair] = {
    "DiagonalGaussian-StandardNormal": Pair(
        rows=2,
        q=lambda t: DiagonalGaussian(t[0], t[1]),
        p=lambda t: StandardNormal(t.shape[-1], t[0]),
        reference=lambda t: td.kl_divergence(
            td.Normal(t[0], t[1].exp()), td.Normal(torch.zeros_like(t[0]), torch.ones_like(t[0]))
        ).sum(-1),
        gradient=lambda t: torch.stack([t[0], (2 * t[1]).exp() - 1]),
        equal=lambda n: torch.zeros(2, 1, n, dtype=torch.float64),
    ),
}


@dataclass(frozen=True)
class Encoding:
    """A posterior on the encoder of some networks; `dense` where it has a density."""

    make: Callable[[Networks, Shape, int], Posterior]
    dense: bool = True


POSTERIORS: dict[str, Encoding] = {
    "dirac": Encoding(lambda nets, s, n: Dirac(nets.encoder(s, n), n), dense=False),
    "gaussian": Encoding(lambda nets, s, n: Gaussian(nets.encoder(s, 2 * n), n)),
}
PRIORS: dict[str, Callable[[int], Prior]] = {"normal": Normal}
LIKELIHOODS = ["bernoulli", "squared_error", "gaussian(sigma=0.3)"]


@dataclass(frozen=True)
class Measure:
    """A term, and whether it needs a posterior with a density."""

    make: Callable[[], Term]
    needs_density: bool = False


TERMS: dict[str, Measure] = {
    "distortion": Measure(Distortion),
    "kl": Measure(KL, needs_density=True),
    "kl by samples": Measure(lambda: KL(analytic=False), needs_density=True),
}


def noise_model(name: str, nets: Networks, shape: Shape, latent: int) -> Likelihood:
    """Build a likelihood by its text on the decoder of some networks."""
    return likelihood(name, nets.decoder(latent, shape))


def small() -> Networks:
    """Build networks that cost nothing."""
    return networks("mlp(16, activation=tanh)")


def theta(rows: int, *shape: int, seed: int = 0) -> Tensor:
    """Draw moderate parameters in float64, (rows, *shape)."""
    seeded = torch.Generator().manual_seed(seed)
    return 0.7 * torch.randn(rows, *shape, generator=seeded, dtype=torch.float64)


def vae(latent: int = 2, entries: int = 6, seed: int = 0, text: str = "bernoulli") -> Model:
    """Build a small VAE with the weights of that seed."""
    torch.manual_seed(seed)
    nets, shape = small(), (entries,)
    posterior = POSTERIORS["gaussian"].make(nets, shape, latent)
    return Model(posterior, noise_model(text, nets, shape, latent), Normal(latent))


def weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """Copy a model's state."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Say whether two states are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
