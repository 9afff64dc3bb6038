"""Total correlation told by an adversary (Kim & Mnih 2018, "Disentangling by factorising").

A discriminator D learns to tell codes z from codes whose coordinates were each shuffled over the
batch, which are samples of Π_h q(z_h). Its logit then estimates their log density ratio, so

    TC = KL(q(z)‖Π_h q(z_h)) ≈ E_{q(z)} [logit D(z)]                         (their eq. 3)

It is neither an upper nor a lower bound: it is as good as the discriminator. Each coordinate is
permuted on its own and over the batch; shuffling the entries of one example would say nothing.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.model import Model, Pass
from vaekit.networks import networks
from vaekit.objectives.base import Adversarial, adam_settings, critic_rate


def permuted(z: Tensor) -> Tensor:
    """Shuffle each coordinate of z (n, H) over the n examples, independently."""
    order = torch.rand_like(z).argsort(0)
    return z.gather(0, order)


class AdversarialTC(Adversarial):
    """Estimate the total correlation by the logit of a `network` (n, H) → (n, 1), in nats.

    The network's loss is ½ E softplus(−logit D(z)) + ½ E softplus(logit D(z permuted)), that of a
    balanced logistic regression (their algorithm 2). Raises `VaekitError` for another output size,
    and numbers that Adam cannot take.
    """

    name = "total_correlation_adversarial"

    def __init__(
        self, network: nn.Module, lr: float = 1e-4, betas: tuple[float, float] = (0.5, 0.9)
    ):
        super().__init__()
        self.network = network
        self.adam = adam_settings(lr, betas)

    def forward(self, run: Pass) -> Tensor:
        """Return the mean logit of the codes, whose gradient reaches the encoder alone."""
        z = run.z.flatten(0, -2)
        return self.judged(self.still(z), len(z)).mean()

    def loss(self, run: Pass) -> Tensor:
        """Return the discriminator's loss, whose gradient reaches the discriminator alone."""
        z = run.z.detach().flatten(0, -2)
        both = self.judged(self.network(torch.cat([z, permuted(z)])), 2 * len(z))
        joint, product = both.chunk(2)
        return 0.5 * (F.softplus(-joint).mean() + F.softplus(product).mean())


def adversarial_total_correlation(
    model: Model,
    discriminator: str = "mlp(1000, 1000, 1000, 1000, 1000, 1000, activation=leaky_relu)",
    critic_lr: float = 1e-4,
) -> AdversarialTC:
    """Build the term with a discriminator of the model's codes, by the text of its hidden layers.

    Raises `VaekitError` as `networks` does, and for a learning rate that is none.
    """
    critic = networks(discriminator).encoder((model.posterior.latent,), 1)
    return AdversarialTC(critic, critic_rate(critic_lr))
