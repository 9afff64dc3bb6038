"""A posterior over one of K categories, relaxed while it is trained ([vmi] §4.3.2).

In training z is the relaxed one-hot (`RelaxedOneHots`), so that the distortion has a gradient. A
model that is judged or used draws one-hots: they are what p(z), the KL and the bound on log p(x)
speak of, while a decoder fed with mixtures of categories is told more than the KL pays for, up to
K − 1 real numbers.

The temperature falls, if it moves at all. One that starts where it ends, or below, never does what
it was asked for, and is refused.
"""

import torch
from torch import Tensor, nn

from vaekit.distributions.one_hots import Categories, OneHots, RelaxedOneHots
from vaekit.errors import VaekitError
from vaekit.posteriors.base import Posterior
from vaekit.schedules import Progress, Schedule, Weight, weight, weight_at


class RelaxedOneHot(Posterior):
    """Read the network's features (batch, K) as logits of π(x), K = `latent` categories.

    `temperature` is a number or a schedule, moved by the loop with `set_progress`, 2/3 as in
    Maddison et al. 2017; `straight_through` trains with one-hots. Raises `VaekitError` for K < 2, a
    temperature ≤ 0, and a schedule that does not fall.
    """

    own_prior = "categorical"

    def __init__(
        self,
        network: nn.Module,
        latent: int,
        temperature: Weight = 2 / 3,
        straight_through: bool = False,
    ):
        super().__init__()
        if latent < 2:
            raise VaekitError(f"a one-hot code needs 2 categories or more, got latent={latent}")
        self.network, self.latent = network, latent
        self.schedule, self.straight_through = weight(temperature), straight_through
        # A tensor, so that a compiled step reads it in place of being compiled for every value.
        last = torch.tensor(_last_temperature(self.schedule))
        self.register_buffer("temperature", last, persistent=False)
        self.temperature: Tensor

    def set_progress(self, progress: Progress) -> None:
        """Move the temperature to its value at this point of the training.

        Raises `VaekitError` for a schedule that would not finish within it.
        """
        if isinstance(self.schedule, Schedule):
            self.schedule.check(progress)
        self.temperature.fill_(weight_at(self.schedule, progress))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Categories:
        """Return the relaxed one-hot for x (batch, *shape), in evaluation the one-hot itself."""
        logits = self.features(x, c)
        if not self.training:
            return OneHots(logits)
        return RelaxedOneHots(logits, self.temperature, self.straight_through)


def _last_temperature(schedule: float | Schedule) -> float:
    """Return the temperature at the end; raise `VaekitError` where there can be none."""
    moves = isinstance(schedule, Schedule)
    last = float(schedule.end if moves else schedule)
    if not last > 0:
        raise VaekitError(f"a temperature must be > 0, got {schedule}: at 0 there is no gradient")
    if moves and schedule.start <= last:
        raise VaekitError(
            f"a temperature falls, but {schedule} does not: start it higher than it ends, as in "
            "linear(1, 0.5), or give a number"
        )
    return last
