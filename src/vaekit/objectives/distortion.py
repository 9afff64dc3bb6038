"""The distortion, −E_q log p(x|z)."""

from torch import Tensor

from vaekit.model import Pass
from vaekit.objectives.base import Term


class Distortion(Term):
    """Return −log p(x|z), summed over entries, averaged over samples and batch."""

    name = "distortion"

    def __call__(self, run: Pass) -> Tensor:
        """Return the distortion in nats for one example."""
        return -run.log_likelihood.mean()
