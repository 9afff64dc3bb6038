"""How a loss changes weights: its gradient, the length of that, a step of the optimiser.

Only what a loss reaches changes. So critics can step before the model ([vmi] Algorithm 1; Makhzani
et al. 2016): their losses are detached from the model, and the model's terms see critics with their
weights held. Both steps are of one pass: the codes are drawn once, statistics of batch norms count
once, and the noise of a likelihood is set once, before the critics.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaekit.averages import over_processes
from vaekit.model import Pass
from vaekit.objectives.base import Objective
from vaekit.training.optimisers import Adam
from vaekit.training.settings import Training

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Update:
    """Change weights by the gradient of a loss; `optimiser` holds all that may change."""

    def __init__(self, optimiser: torch.optim.Optimizer, training: Training, fabric: "Fabric"):
        self.optimiser, self.fabric, self.clip = optimiser, fabric, training.clip
        quick = isinstance(optimiser, Adam)
        self._clear = optimiser.clear if quick else optimiser.zero_grad
        self._change = optimiser.advance if quick else optimiser.step

    def __call__(self, loss: Tensor) -> Tensor | None:
        """Step on a loss, a scalar; return the norm of the model's gradient where it is clipped."""
        self._clear()
        if loss.requires_grad:  # it has none where all is frozen that it reaches
            self.fabric.backward(loss)
        return self._stepped()

    def _stepped(self) -> Tensor | None:
        norm = self._clipped()
        self._change()
        return norm

    def _clipped(self) -> Tensor | None:
        """Shorten the gradient where it is too long, that of a critic apart; return the norm."""
        if self.clip is None:
            return None
        groups = self.optimiser.param_groups
        norms = [torch.nn.utils.clip_grad_norm_(group["params"], self.clip) for group in groups]
        return norms[0]

    def critics(self, objective: Objective, run: Pass) -> list[Tensor]:
        """Step the critics on a pass; return their losses before the step, detached."""
        losses = objective.losses(run)
        total = torch.stack(losses).sum()
        free = [w for critic in objective.critics for w in critic.parameters() if w.requires_grad]
        self._clear()
        if free and total.requires_grad:
            with torch.autocast(total.device.type, enabled=False):
                found = torch.autograd.grad(total, free, allow_unused=True)
            for weights, gradient in zip(free, found, strict=True):
                # No wrapper joins it over processes: that of this pass is for the model's.
                weights.grad = None if gradient is None else over_processes(gradient)
            self._stepped()
        return [loss.detach() for loss in losses]
