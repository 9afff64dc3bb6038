"""A flow that is fitted to the codes of a trained model, as the prior to sample it from.

    z = m + s f⁻¹(e),  e ~ N(0, I),    ln p(z) = ln N(f((z − m)/s); 0, I) + ln |det f′| − Σ ln s

m and s are mean and standard deviation of the codes, f an autoregressive flow of splines (Durkan et
al. 2019, eq. 6). It is trained by maximum likelihood on nine tenths of the codes, and keeps the
weights that were best on the last tenth. A mixture is fitted in seconds and bends little; a flow
follows any shape, wants thousands of codes, and takes a minute.
"""

from copy import deepcopy

import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from vaekit.distributions import StandardNormal
from vaekit.distributions.flowed import Flowed
from vaekit.errors import VaekitError
from vaekit.priors import Flow, Prior

_LEAST_CODES = 20  # to fit to, two of them to choose by
_STEPS, _BATCH = 1000, 500
_RATE = 5e-3  # of Adam, falling to 0 by half a cosine
_EVERY = 50  # steps between looks at the codes that are kept back
_ROUGHNESS = 0.001  # of codes in a step, in units of their own: constant ones keep a density


class CodeFlow(Prior):
    """Give the law of centre + spread · z, for z of a flow, and centre and spread (H,)."""

    centre: Tensor
    spread: Tensor

    def __init__(self, flow: Flow, centre: Tensor, spread: Tensor):
        super().__init__()
        self.latent, self.flow = flow.latent, flow
        for name, value in (("centre", centre), ("spread", spread)):
            self.register_buffer(name, value.float())

    def forward(self, c: Tensor | None = None) -> Flowed:
        """Return p(z), for any c."""
        inner, widened = self.flow(c), self.spread.log().sum()

        def outward(e: Tensor) -> tuple[Tensor, Tensor]:
            z, stretched = inner.outward(e)
            return self.centre + self.spread * z, stretched + widened

        def inward(z: Tensor) -> tuple[Tensor, Tensor]:
            e, stretched = inner.inward((z - self.centre) / self.spread)
            return e, stretched - widened

        return Flowed(StandardNormal(self.flow.zeros), outward, inward, inner.even)


def fitted_flow(z: Tensor, centre: Tensor, spread: Tensor) -> CodeFlow:
    """Fit a flow to codes z (N, H); centre and spread (H,) are their unit.

    It draws from PyTorch's generator of the processor. Raises `VaekitError` for fewer than 20 codes
    and without the package: pip install "vaekit[flows]".
    """
    if len(z) < _LEAST_CODES:
        raise VaekitError(f"a flow needs {_LEAST_CODES} codes to be fitted to, here are {len(z)}")
    flow = Flow(z.shape[1], kind="nsf")
    unit = ((z - centre) / spread).float()[torch.randperm(len(z))]
    held, learn = unit.tensor_split([max(len(unit) // 10, 2)])
    optimiser = Adam(flow.parameters(), _RATE)
    falling = CosineAnnealingLR(optimiser, _STEPS)
    best, kept = float("inf"), flow.state_dict()
    for step in range(1, _STEPS + 1):
        some = learn[torch.randint(len(learn), (_BATCH,))]
        optimiser.zero_grad()
        rough = some + _ROUGHNESS * torch.randn_like(some)
        (-flow().log_prob(rough).mean()).backward()
        optimiser.step()
        falling.step()
        if step % _EVERY == 0:
            with torch.no_grad():
                missed = -float(flow().log_prob(held).mean())
            if missed < best:
                best, kept = missed, deepcopy(flow.state_dict())
    flow.load_state_dict(kept)
    return CodeFlow(flow.requires_grad_(False).eval(), centre, spread)
