"""Print the tables of `infomax.py` and draw its figures."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from infomax_scores import codes, known, matched
from spread import spread
from torch import Tensor

from vaekit.apply import decode, sample
from vaekit.data import Dataset
from vaekit.runs import Run

Rows = dict[str, list[dict[str, Any]]]  # scores by model and seed
PLACES = {"mmd": 4, "300 labels": 1, "active_units": 1, "slope": 4, "nll": 1, "fid": 1, "fid 2": 1}
GAP = 2  # pixels between images


class Table(NamedTuple):
    """Say what the tables of a task show: published accuracies, columns, others published."""

    heading: str
    accuracies: dict[str, tuple[int, ...]]
    columns: tuple[str, ...]
    others: Mapping[str, dict[str, int]] = MappingProxyType({})


def tables(table: Table, noises: tuple[str, ...], rows: Rows) -> None:
    """Print all tables of a task; the rate of VIMAEs is that of the noise on their input."""
    for how in ("drawn", "means", "noisy reader"):
        said = ", in brackets [vimae]" * (how == "drawn")
        print(f"\n{table.heading}: accuracy in %, {how}{said}")
        line(["model", "seeds", *noises])
        line(["---"] * (2 + len(noises)))
        for model, found in rows.items():
            cells = [over([100 * r[how][i] for r in found], 1) for i in range(len(noises))]
            if how == "drawn":
                theirs = table.accuracies.get(model, "–" * len(noises))
                cells = [f"{a} [{b}]" for a, b in zip(cells, theirs, strict=True)]
            line([model, str(len(found)), *cells])
    print(f"\n{table.heading}: what the models keep, and their samples")
    line(["model", *table.columns])
    line(["---"] * (1 + len(table.columns)))
    for model, found in rows.items():
        known_as = table.others.get(model, {})
        line([model, *(str(known_as.get(c) or column(found, c)) for c in table.columns)])


def column(found: list[dict[str, Any]], name: str) -> str:
    """Write a score of all seeds."""
    return over([scores.get(name) for scores in found], PLACES.get(name, 2))


def line(cells: list[str]) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |")


def over(values: list[float | None], digits: int) -> str:
    """Write the mean over seeds and its standard error."""
    found = [v for v in values if v is not None]
    return spread(found, digits) if found else "–"


def titled(model: str) -> str:
    """Write a model's name for a picture."""
    return model.replace("_H", "$_H$").replace("_A", "$_A$")


def plane(runs: dict[str, list[Run]], picture: Path) -> None:
    """Draw the codes of the plane, with their MMD from the prior and their entropy."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(11, 3), layout="constrained", dpi=90, facecolor="white")
    panels = drawn.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False)[0]
    line(["model", "MMD(q(z), p(z))", "entropy of q(z)", "of the prior", "squared error"])
    line(["---"] * 5)
    for (model, made), axes in zip(runs.items(), panels, strict=True):
        axes.set(title=titled(model), xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), aspect="equal")
        found = [matched(run.model, run.data.test) for run in made]
        error = [run.metrics["squared_error"]["value"] for run in made]
        shown = {"mmd": 4, "entropy": 2, "prior's": 2}
        line([model, *(over([f[k] for f in found], d) for k, d in shown.items()), over(error, 1)])
        test = made[0].data.test.subset(range(2500))
        z, _ = codes(made[0].model, test)
        axes.scatter(*z.T, c=known(test), cmap="tab10", s=2.5, linewidths=0)
        own, prior = found[0]["entropy"], found[0]["prior's"]
        axes.set_xlabel(f"MMD {found[0]['mmd']:.3f}\nentropy {own:.2f}, prior's {prior:.2f}")
    drawn.savefig(picture)


def photographs(runs: dict[str, list[Run]], picture: Path, count: int = 10) -> None:
    """Draw test images and what a drawn code of each model keeps of them; beside it, its samples.

    The images are the first of each class; above the samples stand as many training images.
    """
    from matplotlib.figure import Figure

    data = next(iter(runs.values()))[0].data
    test, train = one_of_each(data.test, count), one_of_each(data.train, count)
    left, right = [test], [train]
    for made in runs.values():
        model = made[0].model
        z, _ = codes(model, Dataset.from_array(test))
        left.append(decode(model, torch.as_tensor(z)))
        right.append(sample(model, count))
    sides = [np.concatenate([strip(images) for images in rows]) for rows in (left, right)]
    high, wide = (2 * size for size in sides[0].shape[:2])  # a pixel is 2 x 2, which packs well
    margin, top, dpi = 120, 30, 180
    width, height = margin + 2 * wide + 30, high + top
    drawn = Figure(figsize=(width / dpi, height / dpi), dpi=dpi, facecolor="white")
    titles = "test images, and reconstructions", "training images, and samples"
    for k, (side, title) in enumerate(zip(sides, titles, strict=True)):
        start = (margin + k * (wide + 30)) / width
        axes = drawn.add_axes((start, 0, wide / width, high / height))
        axes.imshow(side, interpolation="nearest", aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=8, pad=3)
        axes.spines[:].set_visible(False)
        if k == 0:
            each = test.shape[-2] + GAP
            middles = [each * row + each / 2 for row in range(len(left))]
            axes.set_yticks(middles, ["images", *map(titled, runs)], fontsize=8)
            axes.tick_params(length=0)
    drawn.savefig(picture, pil_kwargs={"optimize": True})


def one_of_each(data: Dataset, count: int) -> Tensor:
    """Return the first image of each class, in turn, until there are `count`."""
    labels = known(data)
    rows = [np.flatnonzero(labels == k % (labels.max() + 1))[k // 10] for k in range(count)]
    return data.batch(torch.as_tensor(np.array(rows)))


def strip(images: Tensor) -> np.ndarray:
    """Lay images (n, C, H, W) side by side with white between and below them, (H′, W′, C)."""
    coarse = (images.clamp(0, 1) * 63).round() / 63  # not to be seen, and a third of the file
    padded = torch.nn.functional.pad(coarse, (0, GAP, 0, GAP), value=1.0)
    return np.concatenate(list(padded.permute(0, 2, 3, 1).numpy()), 1)
