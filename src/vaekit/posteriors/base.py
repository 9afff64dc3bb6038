"""What a posterior is."""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.errors import VaekitError
from vaekit.shapes import float_output


class Posterior(nn.Module, ABC):
    """Turn the features of its network into a distribution q(z|x).

    To write one: take the encoder network in `__init__`, set `latent` (H, the size of z), read
    the network with `self.features(x, c)`, and return from `forward` a distribution with `rsample`,
    `mean` and event shape (H,): one of PyTorch, such as `Independent(Laplace(m, b), 1)`, or a
    `vaekit.distributions.Density`. Set `heads` where several features belong to each entry of z,
    `extra` where some belong to the whole of it, `own_prior` where the prior of a block of its kind
    is another than the normal, and `sphere` where codes are of length 1. What it keeps of the
    training, a buffer, it changes in `adapt`, which asks the device nothing.
    """

    heads: int = 1
    extra: int = 0
    own_prior: str = "normal"
    sphere: bool = False
    latent: int
    network: nn.Module

    @abstractmethod
    def forward(self, x: Tensor, c: Tensor | None = None) -> Distribution:
        """Return q(z|x, c) with batch shape (batch,) for x (batch, *shape), c (batch, width)."""

    def adapt(self, q: Distribution) -> None:
        """Change what is its own and has no gradient, by q(z|x) of a batch of training."""

    @property
    def width(self) -> int:
        """Return the number of features that the network is to give."""
        return self.heads * self.latent + self.extra

    @property
    def blocks(self) -> dict[str, slice]:
        """Return the parts of z that have a name: name → slice of the last dimension."""
        return {}

    def features(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Return the network's output in float32: under bf16 it has three digits only.

        Raises `VaekitError` where the network gives no tensor of floats, drops or mixes the first
        axis of x, or gives another number of features.
        """
        values = float_output(self.network(x) if c is None else self.network(x, c), "the encoder")
        if values.ndim != 2 or values.shape[0] != x.shape[0]:
            raise VaekitError(
                f"the encoder gives shape {tuple(values.shape)} for {len(x)} examples, expected "
                f"({len(x)}, {self.width}): let it keep the first axis and flatten the others"
            )
        if values.shape[-1] != self.width:
            raise VaekitError(
                f"the encoder gives {values.shape[-1]} features, but {type(self).__name__} of "
                f"{self.latent} latents reads {self.width}: build it with as many"
            )
        return values
