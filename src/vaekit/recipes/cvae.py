"""The conditional VAE: told what to show, the code keeps what the condition leaves open."""

from torch import nn

from vaekit.errors import VaekitError, nearest
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Condition, Model
from vaekit.networks import Joined, Shape, networks, stack
from vaekit.objectives import KL, Distortion
from vaekit.posteriors import Gaussian
from vaekit.priors import Conditional, Normal
from vaekit.recipes.base import System, recipe
from vaekit.schedules import weight


@recipe(paper="Sohn, Lee & Yan 2015; [survey] §4.3")
def cvae(
    shape: Shape,
    latent: int = 20,
    condition: str = "labels",
    width: int | None = None,
    prior: str = "conditional",
    beta: float | str = 1.0,
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
) -> System:
    """Conditional VAE: encoder, decoder and prior are given a condition c, such as the class.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        condition: what is known of each example: `labels`, `factors` or `attributes`
        width: size of the condition as a vector; by default what the data have
        prior: `conditional`, p(z|c), or `normal`, the same for every c
        beta: weight of the rate, a number or a schedule such as `linear(0, 1, epochs=10)`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
    """
    if width is None or width < 1:
        raise VaekitError(f"cvae needs the width of its condition, ≥ 1, got width={width}")
    if prior not in ("conditional", "normal"):
        raise nearest(prior, ("conditional", "normal"), "prior")
    nets = networks(network)
    own = nn.Sequential(*stack((width, 128, 2 * latent), "relu"))
    model = Model(
        Gaussian(Joined(nets, shape, width, 2 * latent), latent),
        likelihood_of(likelihood, nets, latent + width, shape),
        Conditional(own, latent) if prior == "conditional" else Normal(latent),
        condition=Condition(condition, width),
    )
    return System(model, Distortion() + weight(beta) * KL())
