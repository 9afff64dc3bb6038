"""VAEs whose code can be read from what the decoder makes of it ([vmi])."""

from collections.abc import Sequence

from torch import nn

from vaekit.corruption import corruption as corruption_of
from vaekit.errors import VaekitError
from vaekit.latents import Latents
from vaekit.likelihoods import likelihood as likelihood_of
from vaekit.model import Model
from vaekit.networks import Shape, networks
from vaekit.networks.held import Trunk
from vaekit.objectives import KL, Distortion, MutualInformation, Objective, RateTarget
from vaekit.recipes.base import System, critic_rate, recipe
from vaekit.recipes.vae import gaussian_model
from vaekit.schedules import weight

PAPER = "Variational Mutual Information Maximization Framework for VAE Latent Codes"


@recipe(paper=f"{PAPER}, §4.3.1, eq. 4.14")
def vmi_vae(
    shape: Shape,
    latent: int = 32,
    on: int = 2,
    information: float | str = 0.01,
    beta: float | str = 1.0,
    entropy: str = "aggregate",
    reader: str = "mlp(400)",
    critic_lr: float = 1e-3,
    share: float = 1.0,
    network: str = "mlp(400)",
    likelihood: str = "bernoulli",
) -> System:
    """VMI-VAE: the first coordinates of the code are to be read from the decoder's image.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        on: number of coordinates to be read, from the first
        information: weight λ of the information bound, a number or a schedule
        beta: weight of the rate, a number or a schedule
        entropy: entropy in the bound, `aggregate` or `prior` (the thesis')
        reader: hidden layers of the reader, or `shared`: those of the encoder and one of its own
        critic_lr: learning rate of the reader
        share: of each batch, the share of images that the reader sees; less of it costs less
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
    """
    if not 1 <= on <= latent:
        raise VaekitError(f"on, the coordinates to be read, must be 1 to latent={latent}, got {on}")
    model = gaussian_model(shape, latent, network, likelihood)
    term = _information(model, range(on), 2 * on, shape, reader, entropy, critic_lr, share)
    return System(model, Distortion() + weight(beta) * KL() + weight(information) * term)


@recipe(paper=f"{PAPER}, §4.3.2, eq. 4.19; Dupont 2018")
def joint_vae(
    shape: Shape,
    style: int = 16,
    categories: int = 10,
    beta: float | str = 1.0,
    class_beta: float | str = 1.0,
    capacity: float | str | None = None,
    temperature: float | str = 0.67,
    network: str = "mlp(512, 512)",
    likelihood: str = "bernoulli",
    corruption: str | None = None,
) -> System:
    """Joint VAE: a code of Gaussian style and one of K categories.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        style: size of the Gaussian block
        categories: number of categories K
        beta: weight of the style's rate, a number or a schedule
        class_beta: weight of the category's rate, a number or a schedule
        capacity: nats at which to hold the style's rate, a number or a schedule, `linear(0, 20)`
        temperature: of the relaxed one-hot, a number or a falling schedule, `linear(1, 0.5)`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        corruption: what the encoder's input undergoes in training, `affine`, `gaussian(sigma=0.6)`
    """
    model = _joint_model(shape, style, categories, temperature, network, likelihood, corruption)
    return System(model, _joint_objective(beta, class_beta, capacity))


@recipe(paper=f"{PAPER}, §4.3.2, eq. 4.22")
def vmi_joint_vae(
    shape: Shape,
    style: int = 16,
    categories: int = 10,
    information: float | str = 20.0,
    beta: float | str = 1.0,
    class_beta: float | str = 1.0,
    capacity: float | str | None = None,
    entropy: str = "aggregate",
    temperature: float | str = 0.67,
    reader: str = "mlp(512)",
    critic_lr: float = 1e-3,
    share: float = 1.0,
    network: str = "mlp(512, 512)",
    likelihood: str = "bernoulli",
    corruption: str | None = None,
) -> System:
    """VMI joint VAE: style and a category, and the category is to be read from the image.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
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
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`
        likelihood: noise model by name, `bernoulli`, `squared_error` or `gaussian(sigma=0.1)`
        corruption: what the encoder's input undergoes in training, `affine`, `gaussian(sigma=0.6)`
    """
    model = _joint_model(shape, style, categories, temperature, network, likelihood, corruption)
    term = _information(model, "class", categories, shape, reader, entropy, critic_lr, share)
    objective = _joint_objective(beta, class_beta, capacity) + weight(information) * term
    return System(model, objective)


def _joint_model(
    shape: Shape,
    style: int,
    categories: int,
    temperature: float | str,
    network: str,
    likelihood: str,
    corruption: str | None,
) -> Model:
    one_hot = f"relaxed_one_hot(temperature='{temperature}')"
    z = Latents({"style": ["gaussian", style], "class": [one_hot, categories]})
    nets = networks(network)
    noise = likelihood_of(likelihood, nets, z.latent, shape)
    unclean = None if corruption is None else corruption_of(corruption)
    return Model(z.posterior(nets.encoder(shape, z.width)), noise, z.prior(), unclean)


def _joint_objective(
    beta: float | str, class_beta: float | str, capacity: float | str | None
) -> Objective:
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
