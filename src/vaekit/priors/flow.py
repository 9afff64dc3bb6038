"""A learned prior of any shape: a masked autoregressive flow (Papamakarios et al. 2017, eq. 1-3).

    z = f⁻¹(e), e ~ N(0, I),    ln p(z) = ln N(f(z); 0, I) + ln |det f′(z)|

A density takes one pass, which is what training asks for; a draw takes one for each latent.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from vaekit.arguments import check_latent
from vaekit.distributions import StandardNormal
from vaekit.distributions.flowed import Flowed, Steps
from vaekit.priors.base import Prior


class Flow(Prior):
    """Learn `transforms` steps between p(z) and the normal, from which they begin near.

    `kind` is maf, affine steps, or nsf, splines; `hidden` are the widths of the network of each.
    Raises `VaekitError` for latent < 1, other kinds, numbers < 1, and without the package:
    pip install "vaekit[flows]".
    """

    def __init__(
        self,
        latent: int,
        kind: str = "maf",
        transforms: int = 3,
        hidden: Sequence[int] = (64, 64),
    ):
        super().__init__()
        self.latent = check_latent(latent)
        self.steps = Steps(latent, 0, kind, transforms, hidden)
        self.register_buffer("zeros", torch.zeros(latent), persistent=False)
        self.zeros: Tensor

    def forward(self, c: Tensor | None = None) -> Flowed:
        """Return p(z), for any c."""
        inward, outward = self.steps()
        return Flowed(StandardNormal(self.zeros), outward, inward, self.steps.even)
