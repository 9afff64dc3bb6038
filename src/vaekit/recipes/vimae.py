"""The Variational InfoMax Autoencoder: all that a code can tell, as much as its prior can hold.

Over encoders with q(z) = p(z) the information between data and code is bounded below by

    I(x; z) ≥ h(x) + E_{p(x)} E_{q(z|x)} log p(x|z)                             ([vimae] eq. 6)

so that the best reconstruction is the most informative code, and what limits the information is
no rate of single examples but the entropy of the prior. Relaxed, it maximises ([vimae] eq. 7)

    E_{p(x)} E_{q(z|x)} log p(x|z)  −  λ D(q(z)‖p(z))

with the MMD for D, a WAE. Two things are its own. The encoder is deterministic and made random by
a little noise on its input, Gaussian truncated at .01, the target stays clean. And the prior is
chosen for its entropy, at mean 0 and variance 1 in nats a coordinate: normal 1.419, logistic 1.405.

The paper's rivals are no recipes of their own. Its β_H-VAE (Higgins et al. 2017) and β_A-VAE, which
it trains in place of its eq. 4 (Alemi et al. 2018; `rate_target_vae`), are `beta_vae` with β = 10
and β = .2 (100 and .4 for natural images), all under the squared error:

    vaekit train beta_vae --beta 10  --latent 8 --likelihood squared_error --beta1 0.5
    vaekit train beta_vae --beta 0.2 --latent 8 --likelihood squared_error --beta1 0.5

Anonymous, "The Variational InfoMax AutoEncoder"; networks, λ and Adam in its appendix.
"""

from typing import Any, Unpack

from vaekit.networks import Shape
from vaekit.recipes.base import recipe
from vaekit.recipes.making.assembly import Parts
from vaekit.recipes.making.composition import Composition
from vaekit.schedules import Weight
from vaekit.text import Written

DEFAULTS: dict[str, Any] = {
    "without": ["prior"],
    "posterior": "dirac",
    "likelihood": "squared_error",
    "corruption": "truncated_gaussian(sigma=0.01)",
    "beta1": 0.5,
}


@recipe(paper="[vimae] eq. 7, with a normal prior", **DEFAULTS)
def vimae_n(
    shape: Shape,
    latent: int = 8,
    match: Weight = 10.0,
    kernel: str = "imq",
    **parts: Unpack[Parts],
) -> Composition:
    """VIMAE-n: a code of all information, matched as a whole to a normal prior.

    Args:
        latent: size of the code, 8 in the paper for small grey images, 64 for natural ones
        match: weight λ of the MMD, a number or a schedule; 10 in the paper, 100 for natural images
        kernel: kernel of the MMD, `imq` or `rbf`
        network: networks by name, `mlp(512, 256)`, `conv(32, 64)`, the paper's `vimae_small`
        corruption: noise on the encoder's input, `truncated_gaussian(sigma=0.01, bound=1)`
    """
    parts["prior"] = "normal"
    terms = {"distortion": 1, Written("mmd", kernel=kernel): match}
    return Composition(shape, latent, terms, **parts)


@recipe(paper="[vimae] eq. 7, with a logistic prior", **DEFAULTS)
def vimae_l(
    shape: Shape,
    latent: int = 8,
    match: Weight = 10.0,
    kernel: str = "imq",
    **parts: Unpack[Parts],
) -> Composition:
    """VIMAE-l: VIMAE-n with a logistic prior of variance 1, which has less entropy.

    Args:
        latent: size of the code, 8 in the paper for small grey images, 64 for natural ones
        match: weight λ of the MMD, a number or a schedule; 10 in the paper, 100 for natural images
        kernel: kernel of the MMD, `imq` or `rbf`
        network: networks by name, `mlp(512, 256)`, `conv(32, 64)`, the paper's `vimae_small`
        corruption: noise on the encoder's input, `truncated_gaussian(sigma=0.01, bound=1)`
    """
    parts["prior"] = "logistic"
    terms = {"distortion": 1, Written("mmd", kernel=kernel): match}
    return Composition(shape, latent, terms, **parts)
