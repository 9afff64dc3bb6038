"""Sparse codes: a penalty on mean activations, or only the k largest of a linear code."""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written


@recipe(
    paper="Ng 2011, Sparse autoencoder; [survey] §3.2",
    without=["prior", "posterior"],
    network="mlp(activation=sigmoid)",
    likelihood="squared_error",
)
def sparse_ae(
    shape: Shape,
    latent: int = 200,
    rho: float = 0.05,
    beta: Weight = 3.0,
    layers: str = "code",
    **parts: Unpack[Parts],
) -> Composition:
    """Sparse autoencoder: sigmoid units, each on average active ρ of the time.

    Args:
        latent: size of the code, sigmoid units
        rho: wanted mean activation of every unit, in (0, 1)
        beta: weight of the penalty, a number or a schedule such as `linear(0, 3, epochs=5)`
        layers: `code` penalises the code, `all` every layer of sigmoids in the encoder
        network: networks by name; `mlp(500, activation=sigmoid)` has a hidden layer of sigmoids
    """
    parts["posterior"] = "dirac(activation=sigmoid)"
    penalty = Written("sparsity", rho=rho, layers=layers)
    return Composition(shape, latent, {"distortion": 1, penalty: beta}, **parts)


@recipe(
    paper="Makhzani & Frey 2014, k-Sparse autoencoders; [survey] §3.3",
    without=["prior", "posterior"],
    network="tied()",
    likelihood="squared_error",
)
def k_sparse_ae(
    shape: Shape,
    latent: int = 1000,
    k: int | str = 25,
    alpha: float = 1.0,
    **parts: Unpack[Parts],
) -> Composition:
    """k-sparse autoencoder: a linear code of which only the k largest entries pass.

    Args:
        latent: size of the code, hidden units
        k: entries that pass, a number or a schedule such as `linear(200, 25, epochs=5)`
        alpha: at test time α·k entries pass, ≥ 1
        network: networks by name; `tied()` is one matrix, as in the paper, `mlp()` two
    """
    parts["posterior"] = Written("top_k", k, alpha=alpha)
    return Composition(shape, latent, "distortion", **parts)
