"""VAEs that learn the noise of their data ([noise]): one variance, several, or one for each entry.

With learned noise the rate has its natural weight at β = 1, whatever the scale of the data: no σ
has to be guessed. Larger β still trades likelihood for fewer factors, and the noise follows.
"""

from typing import Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written

NOISE_PAPER = "Fitting Data Noise in Variational Autoencoder"


@recipe(paper=f"{NOISE_PAPER}, §3.3.1", without=["likelihood"])
def noise_vae(
    shape: Shape,
    latent: int = 20,
    beta: Weight = 1.0,
    sigma: float = 0.1,
    learned: str = "average",
    decay: float = 0.9,
    floor: float = 1e-4,
    **parts: Unpack[Parts],
) -> Composition:
    """VAE that learns the variance σ² of its noise, one for all entries.

    Args:
        sigma: σ to begin with, for `gradient`
        learned: how, `average` (closed form, averaged over batches), `batch` or `gradient`
        decay: by how much the weight of a batch falls with every next one, for `average`
        floor: least σ²
    """
    settings = {"sigma": sigma, "learned": learned, "decay": decay, "floor": floor}
    parts["likelihood"] = Written("gaussian", **settings)
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts)


@recipe(paper=f"{NOISE_PAPER}, §3.3.2", without=["likelihood"])
def mog_vae(
    shape: Shape,
    latent: int = 20,
    beta: Weight = 1.0,
    components: int = 2,
    sigma: float = 0.1,
    learned: str = "em",
    decay: float = 0.9,
    floor: float = 1e-4,
    **parts: Unpack[Parts],
) -> Composition:
    """VAE whose noise is a mixture of Gaussians, learned by expectation and maximisation.

    Args:
        components: number of Gaussians K
        sigma: middle of the σ_k to begin with
        learned: how, `em` (one step a batch) or `gradient`
        decay: by how much the weight of a batch falls with every next one, for `em`
        floor: least σ_k²
    """
    settings = {"sigma": sigma, "learned": learned, "decay": decay, "floor": floor}
    parts["likelihood"] = Written("mixture", components=components, **settings)
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts)


@recipe(paper=f"{NOISE_PAPER}, §3.3.3", without=["likelihood"])
def network_noise_vae(
    shape: Shape,
    latent: int = 20,
    beta: Weight = 1.0,
    sigma: float = 0.1,
    floor: float = 1e-4,
    **parts: Unpack[Parts],
) -> Composition:
    """VAE whose decoder also predicts the variance σ²(z) of each entry's noise.

    Args:
        sigma: σ(z) to begin with, about the size of the residuals
        floor: least σ²(z); without one training is unstable
    """
    parts["likelihood"] = Written("network_gaussian", sigma=sigma, floor=floor)
    return Composition(shape, latent, {"distortion": 1, "kl": beta}, **parts)
