"""Frames for sliders: codes that a page shows decoded, of which the model is not there any more.

Of each start, an item of the set, there is a list of frames: its own code, each latent moved alone
through its steps, each one-hot set to each category, and each class as the condition. Beside it
stands a grid of frames, in which the two latents that carry most move together.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaekit.apply import device_of, evaluating
from vaekit.data import one_hot
from vaekit.report.codes import (
    ItemCodes,
    each_category,
    informative,
    path,
    spread,
    sweep,
    typical,
)
from vaekit.report.section import View

SLIDERS, SLIDER_STEPS, GRID_STEPS, BUTTONS = 8, 25, 11, 40


@dataclass(frozen=True)
class ButtonChoice:
    """Name what one of several buttons sets (a one-hot, the condition) and each button."""

    name: str
    labels: list[str]


@dataclass(frozen=True)
class Frames:
    """Hold what sliders move: `latents`, the most informative first, and the `choices`.

    `starts` are the places in the codes of the items whose code is moved, `carried` (C, H) the code
    of each under each of the classes, without entries where the condition is no class.
    """

    codes: ItemCodes
    latents: list[int]
    choices: list[ButtonChoice]
    starts: list[int]
    carried: list[Tensor]

    def own(self, start: int) -> np.ndarray:
        """Return the values of the latents in the code of the start itself, (L,)."""
        return self.codes.means[start, self.latents]

    def values(self, start: int, steps: int = SLIDER_STEPS) -> np.ndarray:
        """Return the values that each latent is moved to, (L, steps)."""
        return np.array([sweep(self.codes, latent, steps, start) for latent in self.latents])

    def of(self, start: int) -> tuple[Tensor, Tensor | None]:
        """Return the codes (F, H) of a start's frames, and their conditions (F, width) or None."""
        codes, carried = self.codes, self.carried[self.starts.index(start)]
        parts = [torch.from_numpy(codes.means[start]).float()[None]]
        parts += [path(codes, latent, start, SLIDER_STEPS) for latent in self.latents]
        parts += [each_category(codes, where, start) for where in codes.categories.values()]
        z = torch.cat([*parts, carried])
        c = codes.condition(np.full(len(z), start))
        if c is not None and len(carried):
            c[-len(carried) :] = one_hot(torch.arange(len(carried)), c.shape[1])
        return z, c

    def grid(self, start: int) -> tuple[Tensor, Tensor | None]:
        """Return codes and conditions of the grid, row by row from above: (GRID_STEPS², H).

        The first latent grows to the right, the second upwards.
        """
        across, upwards = torch.from_numpy(self.values(start, GRID_STEPS)[:2]).float()
        z = torch.from_numpy(self.codes.means[start]).float().repeat(GRID_STEPS**2, 1)
        z[:, self.latents[0]] = across.repeat(GRID_STEPS)
        z[:, self.latents[1]] = upwards.flip(0).repeat_interleave(GRID_STEPS)
        return z, self.codes.condition(np.full(len(z), start))


def frames_of(view: View) -> Frames:
    """Choose the latents and choices of a run, and three items whose codes are moved.

    These are the item nearest to the average code, and those at a quarter and three quarters of
    the set.
    """
    codes = view.codes
    starts = list(dict.fromkeys([typical(codes), *map(int, spread(codes, 5)[1:4:2])]))
    choices = [
        ButtonChoice(name or "category", [str(k) for k in range(where.stop - where.start)])
        for name, where in codes.categories.items()
    ]
    condition, classes = view.model.condition, 0
    if condition is not None and condition.kind == "labels":
        classes = min(condition.width, BUTTONS)
        names = view.data.label_names if len(view.data.label_names) == condition.width else ()
        choices.append(
            ButtonChoice("class c", [*names[:classes]] or [str(k) for k in range(classes)])
        )
    carried = [_carried(view, start, classes) for start in starts]
    return Frames(codes, informative(codes)[:SLIDERS], choices, starts, carried)


@torch.no_grad()
def _carried(view: View, start: int, classes: int) -> Tensor:
    """Carry the code of an item to each of the first classes, (classes, H).

    Under a prior p(z|c) it keeps its distance from the mean, in standard deviations; under one that
    knows no class it stays as it is.
    """
    z = torch.from_numpy(view.codes.means[start]).float().repeat(classes, 1)
    if view.codes.priors is None or not classes:
        return z
    c = view.codes.condition(start)
    assert c is not None
    like = z.to(device_of(view.model))
    with evaluating(view.model):
        p = view.model.expect(like, one_hot(torch.arange(classes), c.shape[1]).to(like.device))
    mean, sd = torch.from_numpy(view.codes.priors[:, start]).float()
    return p.mean.cpu() + (z - mean) / sd * p.variance.sqrt().cpu()
