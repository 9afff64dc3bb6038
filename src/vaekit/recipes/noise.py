"""VAEs that learn the noise of their data ([noise]): one variance, several, or one for each entry.

With learned noise the rate has its natural weight at β = 1, whatever the scale of the data: no σ
has to be guessed. Larger β still trades likelihood for fewer factors, and the noise follows.
"""

from vaekit.networks import Shape
from vaekit.recipes.base import System, recipe
from vaekit.recipes.vae import beta_vae

PAPER = "Fitting Data Noise in Variational Autoencoder"


@recipe(paper=f"{PAPER}, §3.3.1")
def noise_vae(
    shape: Shape,
    latent: int = 20,
    beta: float | str = 1.0,
    network: str = "mlp(400)",
    sigma: float = 0.1,
    learned: str = "average",
    decay: float = 0.9,
    floor: float = 1e-4,
    prior: str = "normal",
) -> System:
    """VAE that learns the variance σ² of its noise, one for all entries.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        beta: weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `noise_small`
        sigma: σ to begin with, for `gradient`
        learned: how, `average` (closed form, averaged over batches), `batch` or `gradient`
        decay: by how much the weight of a batch falls with every next one, for `average`
        floor: least σ²
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    noise = f"gaussian({sigma}, learned={learned}, decay={decay}, floor={floor})"
    return beta_vae(shape, latent, beta, network, noise, prior)


@recipe(paper=f"{PAPER}, §3.3.2")
def mog_vae(
    shape: Shape,
    latent: int = 20,
    beta: float | str = 1.0,
    network: str = "mlp(400)",
    components: int = 2,
    sigma: float = 0.1,
    learned: str = "em",
    decay: float = 0.9,
    floor: float = 1e-4,
    prior: str = "normal",
) -> System:
    """VAE whose noise is a mixture of Gaussians, learned by expectation and maximisation.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        beta: weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `noise_small`
        components: number of Gaussians K
        sigma: middle of the σ_k to begin with
        learned: how, `em` (one step a batch) or `gradient`
        decay: by how much the weight of a batch falls with every next one, for `em`
        floor: least σ_k²
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    noise = f"mixture({components}, {sigma}, learned={learned}, decay={decay}, floor={floor})"
    return beta_vae(shape, latent, beta, network, noise, prior)


@recipe(paper=f"{PAPER}, §3.3.3")
def network_noise_vae(
    shape: Shape,
    latent: int = 20,
    beta: float | str = 1.0,
    network: str = "mlp(400)",
    sigma: float = 0.1,
    floor: float = 1e-4,
    prior: str = "normal",
) -> System:
    """VAE whose decoder also predicts the variance σ²(z) of each entry's noise.

    Args:
        shape: shape of one example, (C, H, W) or (D,)
        latent: size of the code
        beta: weight of the rate, a number or a schedule such as `linear(0, 4, epochs=10)`
        network: networks by name, `mlp(512, 256, activation=tanh)`, `conv(32, 64)`, `noise_small`
        sigma: σ(z) to begin with, about the size of the residuals
        floor: least σ²(z); without one training is unstable
        prior: prior by name, `normal`, `logistic`, `isa(p=2.2, size=4)`, `mixture(10)`, `vamp(50)`
    """
    noise = f"network_gaussian({sigma}, floor={floor})"
    return beta_vae(shape, latent, beta, network, noise, prior)
