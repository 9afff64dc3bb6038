"""Draw what `vmi.py` trained: Figures 4.5 to 4.11 of [vmi], a column of panels for each model."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.model import Model
from vaekit.pictures import tiles


def column(
    axes: Any, name: str, images: Tensor, curve: list[dict[str, Any]], table: np.ndarray
) -> None:
    """Fill four panels: manipulated images, the bound, probabilities, the table of classes."""
    pictures, bound, shares, counts = axes
    pictures.imshow(tiles(images[None, None])[0])
    pictures.set_title(f"{name}: an image, and its style with each category")
    pictures.axis("off")
    epochs = range(1, len(curve) + 1)
    bound.plot(epochs, [c["bound"] for c in curve], label="I(c; x′), from below")
    bound.plot(epochs, [c["class rate"] for c in curve], "--", label="I(c; x), from above")
    bound.axhline(math.log(10), color="grey", lw=0.8, label="ln 10")
    bound.set(xlabel="epoch", ylabel="nats", ylim=(-0.1, 2.5), title="what the category tells")
    bound.legend(loc="center right")
    seen = np.array([c["histogram"] for c in curve], float).T
    shares.imshow(
        np.log10(seen / seen.sum(0) + 1e-4),
        origin="lower",
        aspect="auto",
        extent=(0.5, len(curve) + 0.5, 0, 1),
    )
    shares.set(xlabel="epoch", title="probabilities of categories (log of their share)")
    counts.imshow(table, cmap="Greys", aspect="auto")
    counts.set(xlabel="class", ylabel="category", title="images of a class in a category")
    counts.set_xticks(range(10))
    counts.set_yticks(range(10))


@torch.no_grad()
def manipulated(model: Model, data: Dataset, count: int = 10) -> Tensor:
    """Return one sheet: a test image of each class, and its style decoded with each category."""
    labels: Tensor = data.labels if data.rows is None else data.labels[data.rows]  # pyright: ignore
    rows = torch.stack([(labels == k).nonzero()[0, 0] for k in range(count)])
    x = data.batch(rows)
    style = model.posterior(x).mean[:, :-10]
    codes = torch.cat([style.repeat_interleave(10, 0), torch.eye(10).repeat(count, 1)], -1)
    made = model.likelihood(codes[None]).mean[0].unflatten(0, (count, 10))
    gap = torch.ones_like(x[:, None, :, :, :6])
    lines = torch.cat([x[:, None], made], 1)  # (count, 11, 1, H, W)
    sheet = torch.cat([lines[:, i] for i in range(1, 11)], -1)
    return torch.cat([torch.cat([x, gap[:, 0], sheet], -1)[i] for i in range(count)], -2)[0]
