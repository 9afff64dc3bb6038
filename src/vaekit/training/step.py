"""What is computed of one batch."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vaekit.model import Model, Pass
from vaekit.objectives.base import Objective


class Step(nn.Module):
    """Compute the terms of one batch: the unit that is wrapped for precision and processes.

    `critics`, where it is set, steps the critics on a pass before the terms ask them, and returns
    their losses.
    """

    critics: Callable[[Objective, Pass], list[Tensor]] | None = None

    def __init__(self, model: Model, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective
        # Terms with networks of their own are registered so that they move and train with the rest.
        self.parts = nn.ModuleList(t for _, t in objective.parts if isinstance(t, nn.Module))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the values of all terms, (terms,), under the best noise where it is learned."""
        run = self.model(x, c, self.objective.samples)
        if self.training:
            self.model.posterior.adapt(run.q)
        if self.training and self.model.likelihood.training:
            self.model.likelihood.maximise(run.x, run.p)
        losses = None if self.critics is None else self.critics(self.objective, run)
        values = torch.stack(self.objective.values(run, losses))
        if self.training:
            self.objective.adapt(run)
        return values


def hold_still(parts: nn.Module) -> None:
    """Keep the statistics of frozen parts: batch norm's, and the noise of a frozen likelihood."""
    for part in parts.modules():
        weights = list(part.parameters())
        if weights and not any(weight.requires_grad for weight in weights):
            for module in part.modules():
                if any(True for _ in module.buffers(recurse=False)):
                    module.eval()
