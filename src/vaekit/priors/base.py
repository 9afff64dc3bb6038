"""What a prior is."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.distributions import Distribution

from vaekit.errors import VaekitError


class Prior(nn.Module, ABC):
    """Give the distribution p(z) that codes are held against and drawn from.

    To write one: set `latent` (H), and return from `forward` a distribution with event shape (H,):
    one of PyTorch, such as `Independent(Laplace(m, b), 1)`, or a `vaekit.distributions.Density`.
    Tensors that it is made of are parameters or buffers, so that they move with the model. Name its
    independent blocks, where it has some, in `blocks`. Register its KL from the posteriors in
    `vaekit.distributions.divergences` where a closed form exists that PyTorch does not know;
    without one KL is Monte Carlo.
    """

    latent: int

    @abstractmethod
    def forward(self, c: Tensor | None = None) -> Distribution:
        """Return p(z|c) for c (batch, width), p(z) for None."""

    def check(self, low: float, high: float) -> None:
        """Raise `VaekitError` where the prior cannot do with data in [low, high]; most can."""

    @property
    def blocks(self) -> dict[str, slice]:
        """Return the parts of z that have a name: name → slice of the last dimension."""
        return {}

    def learned_numbers(self) -> dict[str, float]:
        """Return the parameters that are learned and few enough to stand in a history, by name."""
        return {}


@contextmanager
def sampling(what: str) -> Iterator[None]:
    """Raise `VaekitError` for a prior that is drawn from inside and cannot be, for `what`."""
    try:
        yield
    except NotImplementedError:
        raise VaekitError(
            f"this prior cannot be sampled, which {what} needs: give its distribution `sample`"
        ) from None
