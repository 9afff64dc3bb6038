"""What draws an encoder to its codebook (van den Oord et al. 2017, the last term of eq. 3)."""

import torch
from torch import Tensor

from vaekit.distributions import Quantised
from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term


class Commitment(Term):
    """Return ‖z_e(x) − e‖², e the nearest vectors held still, averaged over the batch.

    Without it the outputs may grow away from vectors that follow them. Raises `VaekitError` for a
    code that has no codebook.
    """

    name = "commitment"

    def __call__(self, run: Pass) -> Tensor:
        """Return the squared distance of the encoder's outputs from their vectors."""
        parts = [part for part in run.q.parts if isinstance(part, Quantised)]
        if not parts:
            raise VaekitError(
                "commitment needs a posterior with a codebook, but this one has none: "
                'use posterior "vector_quantised(codes=64, groups=8)"'
            )
        each = [(part.encoded - part.nearest.detach()).square().sum(-1) for part in parts]
        return torch.stack(each).sum(0).mean()
