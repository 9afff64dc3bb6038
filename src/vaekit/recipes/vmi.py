"""VAEs whose code can be read from what the decoder makes of it ([vmi])."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

from torch import nn

from vaekit.errors import VaekitError
from vaekit.latents import Latents
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.networks.frozen import Trunk
from vaekit.objectives import KL, Distortion, MutualInformation, Objective, RateTarget
from vaekit.posteriors import Gaussian, RelaxedOneHot
from vaekit.recipes.assembly import Parts, assembled
from vaekit.recipes.base import System, critic_rate, recipe
from vaekit.schedules import Weight, weight

PAPER = "Variational Mutual Information Maximization Framework for VAE Latent Codes"
JOINT: dict[str, Any] = {"without": ["posterior", "prior"], "network": "mlp(512, 512)"}


@recipe(paper=f"{PAPER}, §4.3.1, eq. 4.14")
def vmi_vae(
    shape: Shape,
    latent: int = 32,
    on: int = 2,
    information: Weight = 0.01,
    beta: Weight = 1.0,
    entropy: str = "aggregate",
    reader: str = "mlp(400)",
    critic_lr: float = 1e-3,
    share: float = 1.0,
    **parts: Unpack[Parts],
) -> System:
    """VMI-VAE: the first coordinates of the code are to be read from the decoder's image.

    Args:
        on: number of coordinates to be read, from the first
        information: weight λ of the information bound, a number or a schedule
        beta: weight of the rate, a number or a schedule
        entropy: entropy in the bound, `aggregate` or `prior` (the thesis')
        reader: hidden layers of the reader, or `shared`: those of the encoder and one of its own
        critic_lr: learning rate of the reader
        share: of each batch, the share of images that the reader sees; less of it costs less
    """
    if not 1 <= on <= latent:
        raise VaekitError(f"on, the coordinates to be read, must be 1 to latent={latent}, got {on}")
    model = assembled(shape, latent, **parts)
    term = _information(model, range(on), 2 * on, shape, reader, entropy, critic_lr, share)
    return System(model, Distortion() + weight(beta) * KL() + weight(information) * term)


@recipe(paper=f"{PAPER}, §4.3.2, eq. 4.19; Dupont 2018", **JOINT)
def joint_vae(
    shape: Shape,
    style: int = 16,
    categories: int = 10,
    beta: Weight = 1.0,
    class_beta: Weight = 1.0,
    capacity: Weight | None = None,
    temperature: Weight = 0.67,
    **parts: Unpack[Parts],
) -> System:
    """Joint VAE: a code of Gaussian style and one of K categories.

    Args:
        style: size of the Gaussian block
        categories: number of categories K
        beta: weight of the style's rate, a number or a schedule
        class_beta: weight of the category's rate, a number or a schedule
        capacity: nats at which to hold the style's rate, a number or a schedule, `linear(0, 20)`
        temperature: of the relaxed one-hot, a number or a falling schedule, `linear(1, 0.5)`
        corruption: what the encoder's input undergoes in training, `affine`, `gaussian(sigma=0.6)`
    """
    model = _joint_model(shape, style, categories, temperature, **parts)
    return System(model, _joint_objective(beta, class_beta, capacity))


@recipe(paper=f"{PAPER}, §4.3.2, eq. 4.22", **JOINT)
def vmi_joint_vae(
    shape: Shape,
    style: int = 16,
    categories: int = 10,
    information: Weight = 20.0,
    beta: Weight = 1.0,
    class_beta: Weight = 1.0,
    capacity: Weight | None = None,
    entropy: str = "aggregate",
    temperature: Weight = 0.67,
    reader: str = "mlp(512)",
    critic_lr: float = 1e-3,
    share: float = 1.0,
    **parts: Unpack[Parts],
) -> System:
    """VMI joint VAE: style and a category, and the category is to be read from the image.

    Args:
        style: size of the Gaussian block
        categories: number of categories K
        information: weight λ of the information bound, a number or a schedule
        beta: weight of the style's rate, a number or a schedule
        class_beta: weight of the category's rate, a number or a schedule
        capacity: nats at which to hold the style's rate, a number or a schedule, `linear(0, 20)`
        entropy: entropy in the bound, `aggregate` or `prior` (the thesis', which rewards collapse)
        temperature: of the relaxed one-hot, a number or a falling schedule, `linear(1, 0.5)`
        reader: hidden layers of the reader, or `shared`: those of the encoder and one of its own
        critic_lr: learning rate of the reader
        share: of each batch, the share of images that the reader sees; less of it costs less
        corruption: what the encoder's input undergoes in training, `affine`, `gaussian(sigma=0.6)`
    """
    model = _joint_model(shape, style, categories, temperature, **parts)
    term = _information(model, "class", categories, shape, reader, entropy, critic_lr, share)
    objective = _joint_objective(beta, class_beta, capacity) + weight(information) * term
    return System(model, objective)


def _joint_model(
    shape: Shape,
    style: int,
    categories: int,
    temperature: Weight,
    **parts: Unpack[Parts],
) -> Model:
    one_hot = partial(RelaxedOneHot, temperature=temperature)
    z = Latents({"style": [Gaussian, style], "class": [one_hot, categories]})
    nets = networks(parts.get("network", ""))
    noise = likelihood_of(parts.get("likelihood", ""), nets, z.latent, shape)
    posterior = z.posterior(nets.encoder(shape, z.width))
    return Model(posterior, noise, z.prior(), parts.get("corruption"))


def _joint_objective(beta: Weight, class_beta: Weight, capacity: Weight | None) -> Objective:
    style = KL(on="style") if capacity is None else RateTarget(capacity, on="style")
    return Distortion() + weight(beta) * style + weight(class_beta) * KL(on="class")


def _information(
    model: Model,
    on: str | Sequence[int],
    answers: int,
    shape: Shape,
    reader: str,
    entropy: str,
    critic_lr: float,
    share: float,
) -> MutualInformation:
    rate = critic_rate(critic_lr)
    if reader == "shared":
        trunk = Trunk(model.posterior.network)
        head = nn.Linear(trunk.width, answers)
        return MutualInformation(head, on, entropy, lr=rate, trunk=trunk, share=share)
    network = networks(reader).encoder(shape, answers)
    return MutualInformation(network, on, entropy, lr=rate, share=share)
