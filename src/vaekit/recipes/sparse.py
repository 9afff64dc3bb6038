"""Sparse codes: a penalty on mean activations, or only the k largest of a linear code."""

from torch import nn

from vaekit.errors import nearest
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.objectives import Distortion, Sparsity
from vaekit.posteriors import Dirac, TopK
from vaekit.recipes.base import System, recipe
from vaekit.schedules import weight


@recipe(paper="Ng 2011, Sparse autoencoder; [survey] §3.1")
def sparse_ae(
    shape: Shape,
    latent: int = 200,
    rho: float = 0.05,
    beta: float | str = 3.0,
    layers: str = "code",
    network: str = "mlp(activation=sigmoid)",
    likelihood: str = "squared_error",
) -> System:
    """Sparse autoencoder: sigmoid units, each on average active ρ of the time.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code, sigmoid units
        rho: wanted mean activation of every unit, in (0, 1)
        beta: weight of the penalty, a number or a schedule such as `linear(0, 3, epochs=5)`
        layers: `code` penalises the code, `all` every layer of sigmoids in the encoder
        network: networks by name; `mlp(500, activation=sigmoid)` has a hidden layer of sigmoids
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
    """
    if layers not in ("code", "all"):
        raise nearest(layers, ("code", "all"), "choice of layers")
    nets = networks(network)
    encoder = nn.Sequential(nets.encoder(shape, latent), nn.Sigmoid())
    sigmoids = [m for m in encoder.modules() if isinstance(m, nn.Sigmoid)]
    penalty = Sparsity(rho, sigmoids if layers == "all" else sigmoids[-1:])
    noise = likelihood_of(likelihood, nets, latent, shape)
    return System(Model(Dirac(encoder, latent), noise), Distortion() + weight(beta) * penalty)


@recipe(paper="Makhzani & Frey 2014, k-Sparse autoencoders; [survey] §3.2")
def k_sparse_ae(
    shape: Shape,
    latent: int = 1000,
    k: int | str = 25,
    alpha: float = 1.0,
    network: str = "tied()",
    likelihood: str = "squared_error",
) -> System:
    """k-sparse autoencoder: a linear code of which only the k largest entries pass.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code, hidden units
        k: entries that pass, a number or a schedule such as `linear(200, 25, epochs=5)`
        alpha: at test time α·k entries pass, ≥ 1
        network: networks by name; `tied()` is one matrix, as in the paper, `mlp()` two
        likelihood: noise model by name, `squared_error`, `bernoulli` or `gaussian(sigma=0.1)`
    """
    nets = networks(network)
    posterior = TopK(nets.encoder(shape, latent), latent, k, alpha)
    noise = likelihood_of(likelihood, nets, latent, shape)
    return System(Model(posterior, noise), 1.0 * Distortion())
