"""The distortion, −E_q log p(x|z)."""

from torch import Tensor

from vaekit.model import Pass
from vaekit.objectives.base import Term, check_samples


class Distortion(Term):
    """Return −log p(x|z), summed over entries, averaged over `samples` codes and the batch.

    Raises `VaekitError` for samples below 1.
    """

    name = "distortion"

    def __init__(self, samples: int = 1):
        check_samples(samples)
        self.samples = samples

    def __call__(self, run: Pass) -> Tensor:
        """Return the distortion in nats for one example."""
        return -run.log_likelihood.mean()
