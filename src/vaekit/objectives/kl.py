"""The rate, KL(q(z|x)‖p(z))."""

from torch import Tensor

from vaekit.divergences import kl, kl_by_samples
from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term


class KL(Term):
    """Return KL(q(z|x)‖p(z)), averaged over the batch: analytic where known, else Monte Carlo.

    `analytic=False` asks for the Monte-Carlo form everywhere. Raises `VaekitError` for a model
    without a prior and for a deterministic posterior.
    """

    name = "kl"

    def __init__(self, analytic: bool = True):
        self.analytic = analytic

    def __call__(self, run: Pass) -> Tensor:
        """Return the rate in nats for one example."""
        if run.prior is None:
            raise VaekitError(
                "KL needs a prior: give the model one, for example prior=Normal(latent)"
            )
        divergence = kl if self.analytic else kl_by_samples
        return divergence(run.q, run.prior, run.z).mean()
