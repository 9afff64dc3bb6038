"""What coordinates of a code do to the decoded image: how far it goes, and pictures of it."""

import io
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from spread import mean_error
from torch import Tensor

from vaekit.data import Dataset
from vaekit.model import Model
from vaekit.pictures import tiles

NATS = {
    "two rate": ("C3v--", "the most they tell of the original: rate"),
    "two of x": ("C1^-", "the least they tell of the original"),
    "two drawn": ("C0o-", "the least they tell of a drawn image"),
    "two seen": ("C9s:", "… of its mean, as in training"),
}
EFFECTS = {
    "two effect": ("C0o-", "the two"),
    "largest effect": ("C2D--", "two others, of the largest rate"),
    "others effect": ("C7s:", "all 30 others"),
}


@torch.no_grad()
def moved(model: Model, codes: Tensor, on: list[int], values: Tensor) -> Tensor:
    """Decode codes (n, H) with coordinates `on` at each of values (m, on) → (n, m, *shape)."""
    z = codes[:, None].repeat(1, len(values), 1)
    z[..., on] = values
    return model.likelihood(z.flatten(0, 1)[None]).mean[0].unflatten(0, z.shape[:2])


@torch.no_grad()
def effects(model: Model, data: Dataset, far: float | Tensor = 2.0, n: int = 500) -> Tensor:
    """Return how far images go while each coordinate goes from −far to far, (H,).

    The root of the mean square over pixels, averaged over the mean codes of n images.
    """
    codes = model.posterior(data.batch(torch.arange(n))).mean
    found = []
    for h, end in enumerate(torch.as_tensor(far).expand(codes.shape[-1])):
        ends = moved(model, codes, [h], torch.stack([-end, end])[:, None]).flatten(2)
        found.append((ends[:, 1] - ends[:, 0]).square().mean(-1).sqrt().mean())
    return torch.stack(found)


def picture(
    found: dict[float, list[dict[str, float]]],
    bands: dict[str, tuple[float, float]],
    models: dict[float, Model],
    data: Dataset,
    pair: list[int],
) -> Image.Image:
    """Draw scores over seeds against λ, and below what a pair does in models of some λ."""
    sheet = Figure(figsize=(11, 8.3), layout="constrained")
    both: Any = sheet.subfigures(2, 1, height_ratios=[1, 1.15])
    above, below = both
    panels: Any = above.subplots(1, 2)
    curves(panels[0], NATS, found, bands)
    curves(panels[1], EFFECTS, found, bands)
    panels[0].set_title("what the two coordinates tell, nats", pad=22)
    panels[1].legend(frameon=False, loc="center left", bbox_to_anchor=(0, 0.66))
    panels[1].set_title("how far −2 to 2 moves the image, RMS over pixels", pad=22)
    grid: Any = below.subplots(2, len(models), height_ratios=[1, 0.46])
    for column, (strength, model) in zip(grid.T, models.items(), strict=True):
        for axes, image in zip(column, traversals(model, data, pair), strict=True):
            axes.imshow(tiles(1 - image[None, None])[0])
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        column[0].set_title(f"λ = {strength:g}")
    grid[0, 0].set_ylabel(f"z{pair[0]} down, z{pair[1]} across, −3 to 3")
    grid[1, 0].set_ylabel(f"image, z{pair[0]} −5 to 5")
    sheet.savefig(drawn := io.BytesIO(), dpi=110)
    return Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)


def curves(
    panel: Any,
    names: dict[str, tuple[str, str]],
    found: dict[float, list[dict[str, float]]],
    bands: dict[str, tuple[float, float]],
) -> None:
    """Draw scores against λ, with their standard errors over seeds, and bands of λ."""
    for name, (style, said) in names.items():
        points = [mean_error([row[name] for row in rows]) for rows in found.values()]
        means, errors = zip(*points, strict=True)
        panel.errorbar(list(found), means, errors, fmt=style, capsize=3, ms=4, label=said)
    for said, (first, last) in bands.items():
        panel.axvspan(first / 1.15, last * 1.15, color="k", alpha=0.06, lw=0)
        at = panel.get_xaxis_transform()
        panel.text((first * last) ** 0.5, 1.01, said, ha="center", transform=at)
    panel.set_xscale("symlog", linthresh=0.001, linscale=0.4)
    panel.set_xticks(list(found), [f"{x:g}" for x in found], rotation=45)
    panel.set_xticks([], minor=True)
    panel.set_xlim(-0.0002, 11)
    panel.set_xlabel("λ, nats an image", labelpad=0)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False)


@torch.no_grad()
def traversals(model: Model, data: Dataset, pair: list[int], lines: int = 5) -> tuple[Tensor, ...]:
    """Return the plane of two coordinates for one image, and lines of the first for others."""
    x = data.batch(torch.arange(lines))
    codes = model.posterior(x).mean
    steps = torch.linspace(-3, 3, 7)
    plane = moved(model, codes[:1], pair, torch.cartesian_prod(steps, steps))[0, :, 0]
    plane = torch.cat(list(plane.unflatten(0, (7, 7)).unbind(1)), -1)  # (7, H, 7 W)
    line = moved(model, codes, pair[:1], torch.linspace(-5, 5, 10)[:, None])[:, :, 0]
    rows = torch.cat([x[:, 0], torch.zeros_like(x[:, 0, :, :6]), *line.unbind(1)], -1)
    return plane.flatten(0, 1), rows.flatten(0, 1)
