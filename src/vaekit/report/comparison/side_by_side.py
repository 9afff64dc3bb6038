"""The same test items through several models: what each gives back, and what it leaves.

Residuals are x − G(z) at the mean code z, all on one scale, so that a darker or lighter row is one
of larger errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaekit import pictures
from vaekit.data import Dataset
from vaekit.report.section import Section, strips

ITEMS, ROWS = 8, 60


@dataclass(frozen=True)
class Residuals:
    """Hold test items (n, *shape), their reconstructions by group, and the residuals' scale."""

    items: Tensor
    images: Mapping[int, Tensor]
    limit: float

    def tiles(self, place: int) -> np.ndarray:
        """Draw the residuals of a group, bytes (n, H, W, 3): black at −limit, white at limit."""
        return pictures.tiles(self.items - self.images[place], -self.limit, self.limit)


def common_residuals(items: Dataset, images: Mapping[int, Tensor]) -> Residuals | None:
    """Put the residuals of all groups on one scale, up to which 99 in 100 of them lie."""
    if not images:
        return None
    x = items.batch()
    sizes = torch.stack([(x - made).abs().flatten() for made in images.values()]).flatten()
    limit = float(np.quantile(sizes.numpy(), 0.99))
    return Residuals(x, images, limit or 1.0)


def images_section(
    scale: Residuals,
    items: Dataset,
    labels: Sequence[str],
    repeated: bool,
    strangers: Sequence[int],
    absent: Mapping[int, str],
) -> Section:
    """Show originals, and of each group a row of reconstructions with their residuals beside it.

    `repeated` says that a group has several runs; `strangers` are groups that were trained on
    other data, `absent` those without pictures and why.
    """
    low, high = items.range
    blank = np.zeros_like(pictures.tiles(scale.items, low, high))
    rows = [("original", _lay_row(pictures.tiles(scale.items, low, high), blank, hidden=True))]
    places = list(scale.images)
    for place in places[:ROWS]:
        made = pictures.tiles(scale.images[place], low, high)
        rows.append((labels[place], _lay_row(made, scale.tiles(place))))
    caption = (
        f"{len(scale.items)} test items of {items.name} at equal distances through the set; left "
        "the mean of p(x|z) at the mean of q(z|x), right the residual x − E[x|z], from "
        f"−{scale.limit:.2g} (black) to {scale.limit:.2g} (white) in all rows."
    )
    if repeated:
        caption += " Of several seeds the least is shown."
    if len(places) > ROWS:
        caption += f" Of {len(places)} the first {ROWS} are shown."
    if strangers:
        caption += (
            f" Trained on other data, and new to these items: {ranges([i + 1 for i in strangers])}."
        )
    for why in dict.fromkeys(absent.values()):
        names = ranges([i + 1 for i, reason in absent.items() if reason == why])
        caption += f" Not shown: {names} ({why})."
    return Section("pictures", "The same items", caption, [strips(rows, [], places[:ROWS])])


def _lay_row(left: np.ndarray, right: np.ndarray, hidden: bool = False) -> np.ndarray:
    """Lay two halves out in one row, a wide gap between; the right one may stay empty."""
    a, b = pictures.grid(left, len(left)), pictures.grid(right, len(right))
    if hidden:
        b[:] = 0
    gap = np.zeros((len(a), left.shape[2] // 2, 4), np.uint8)
    return np.concatenate([a, gap, b], 1)


def ranges(ranks: Sequence[int]) -> str:
    """Write ranks, in order, with neighbours as ranges: 2–4, 7."""
    runs: list[list[int]] = []
    for rank in ranks:
        if runs and rank == runs[-1][-1] + 1:
            runs[-1].append(rank)
        else:
            runs.append([rank])
    return ", ".join(str(r[0]) if len(r) == 1 else f"{r[0]}–{r[-1]}" for r in runs)
