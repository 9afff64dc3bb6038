"""What a page is made of: sections, and the view of a run that they show.

A section of a run's page is a module of `vaekit.report.sections` with one function,
`sections(view)`, which yields what it has to show of a run, nothing where the run has no such part.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from vaekit import pictures
from vaekit.apply import CHUNK, decode, sample_rows
from vaekit.data import Dataset
from vaekit.model import Model
from vaekit.objectives import Objective
from vaekit.report.codes import ItemCodes
from vaekit.report.rendering import scrolled
from vaekit.runs import Run
from vaekit.values import squares

BROAD = 320  # points from which a plot is too fine to be shrunk to a narrow screen
JUDGED, ENTRIES = 1500, 30_000_000  # items whose reconstructions are held, numbers in all of them
Strip = tuple[str, np.ndarray]  # a label, and pictures (H, W, 4) in a row


@dataclass(frozen=True)
class Section:
    """Hold a part of the page: a title, what is seen and how it was computed, and the figures."""

    key: str
    title: str
    caption: str
    figures: list[Markup] = field(default_factory=list)


@dataclass(frozen=True)
class View:
    """Hold what sections show: a run's system, its test items with their codes.

    Pictures also go to `folder`, as files. `objective` and `run` are None in a view of a model
    alone, of which the sections of training and results have nothing to show. `tsne` asks for t-SNE
    in the map of codes.
    """

    model: Model
    data: Dataset
    codes: ItemCodes
    folder: Path
    objective: Objective | None = None
    run: Run | None = None
    tsne: bool = False

    @property
    def image(self) -> bool:
        """Say whether examples are images, (C, H, W), and not vectors."""
        return len(self.data.shape) == 3

    @cached_property
    def judged(self) -> np.ndarray:
        """Choose items to judge one by one, their places (n,) in `codes`, always the same ones."""
        limit = min(JUDGED, max(ENTRIES // math.prod(self.data.shape), 1))
        return sample_rows(len(self.codes.rows), limit).numpy()

    @cached_property
    def reconstructions(self) -> Tensor:
        """Return the mean of p(x|z) at the mean code of each of these, (n, *shape)."""
        z = torch.from_numpy(self.codes.means[self.judged]).float()
        return decode(self.model, z, self.codes.condition(self.judged))

    @cached_property
    def errors(self) -> np.ndarray:
        """Return the squared error ‖x − x̂‖² of each of these, (n,), x̂ its reconstruction."""
        parts = []
        for some in torch.arange(len(self.judged)).split(CHUNK):
            x = self.data.batch(self.codes.rows[self.judged[some]]).cpu()
            parts.append(squares(x, self.reconstructions[some]).flatten(1).sum(1))
        return torch.cat(parts).double().numpy()

    def item(self, place: int) -> str:
        """Name the item at `place` in `codes` with its class: `test 12, class 7`."""
        row = self.codes.rows[[place]]
        (name,), labels = self.names([place]), self.data.batch_labels(row)
        return name if labels is None else f"{name}, {self.class_name(int(labels))}"

    def names(self, places: Any) -> list[str]:
        """Name the items at `places` in `codes`: by their files, or as explorer and traversals do.

        These count within the test part, `test 9`; where it was split off a whole, the row there,
        which tables of codes and scores have, is said too: `test 9 (row 86)`.
        """
        rows = self.codes.rows[places]
        known = self.data.names_of(rows)
        if self.data.names:
            return known
        return [
            f"test {k}" + (f" (row {row})" if row != str(k) else "")
            for k, row in zip(rows.tolist(), known, strict=True)
        ]

    def class_name(self, label: int) -> str:
        """Name a class, by its number where the set does not."""
        names = self.data.label_names
        return names[label] if label < len(names) else f"class {label}"

    def own(self, rows: np.ndarray) -> np.ndarray:
        """Bring rows (n, D) of a table back to its own units; other vectors stay as they are."""
        return rows if self.data.columns is None else self.data.columns.own(rows)

    def tiles(self, images: Tensor) -> np.ndarray:
        """Turn images of the set's range into bytes (n, H, W, 3)."""
        return pictures.tiles(images, *self.data.range)

    def decoded(self, z: Tensor, c: Tensor | None = None) -> np.ndarray:
        """Return the means of p(x|z, c) as bytes (n, H, W, 3)."""
        return self.tiles(decode(self.model, z, c))

    def strips(self, name: str, rows: Sequence[Strip], heads: Sequence[str] = ()) -> Markup:
        """Show rows of pictures with their labels, and save them as `name`.png."""
        self.save(name, [sheet for _, sheet in rows])
        return strips(rows, heads)

    def save(self, name: str, sheets: Sequence[np.ndarray]) -> None:
        """Write RGBA sheets below one another to `name`.png in the folder of pictures."""
        if sheets:
            sheet = pictures.stack_sheets(pictures.aligned(sheets))
            pictures.save_picture(sheet, self.folder / f"{name}.png", min(self.data.shape[1:]))


def figure(svg: str, number: str = "") -> Markup:
    """Wrap an SVG made here, which needs no escaping; a broad one scrolls on a narrow screen.

    `number` names what is drawn, where the page lets its reader choose.
    """
    of = Markup(' data-number="{}"').format(number) if number else ""
    width = re.search(r'width="([\d.]+)pt"', svg)
    if width is None or float(width[1]) < BROAD:
        return Markup('<div class="plot"{}>{}</div>').format(of, Markup(svg))
    label = re.search(r'aria-label="([^"]*)"', svg)
    about = Markup(label[1]) if label else "Plot"
    html = '<div class="plot broad wide" role="region" tabindex="0" aria-label="{}"{}>{}</div>'
    return Markup(html).format(about, of, Markup(svg))


def picture(sheet: np.ndarray, what: str, times: int) -> Markup:
    """Show an RGBA sheet enlarged `times`, described by `what` for those who cannot see it."""
    html = '<img class="pixels" src="{}" alt="{}" width="{}" height="{}">'
    height, width = sheet.shape[:2]
    return Markup(html).format(pictures.data_uri(sheet), what, width * times, height * times)


def strips(rows: Sequence[Strip], heads: Sequence[str] = (), places: Sequence[int] = ()) -> Markup:
    """Show rows of pictures, each with its label before it, below the heads of their columns.

    The last rows are of the runs at `places`, where the page lets its reader choose.
    """
    of = [""] * (len(rows) - len(places))
    of += [Markup(' data-runs="{}"').format(place) for place in places]
    cells = Markup("").join(Markup("<span>{}</span>").format(head) for head in heads)
    html = Markup('<div class="strips">')
    if heads:
        html += Markup('<span></span><div class="heads">{}</div>').format(cells)
    for (label, sheet), run in zip(rows, of, strict=True):
        row = '<span class="label"{2}>{0}</span><img class="pixels" src="{1}" alt="{0}"{2}>'
        html += Markup(row).format(label, pictures.data_uri(sheet), run)
    return html + Markup("</div>")


def short(value: float) -> str:
    """Write a number to three digits, for a place below a picture."""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
    return digits.replace("-", "−")


@dataclass(frozen=True)
class Captioned:
    """Hold a picture (H, W, 3 or 4), the words below it, and those for who cannot see it."""

    pixels: np.ndarray
    caption: str
    what: str


def gallery(rows: Sequence[tuple[str, Sequence[Captioned]]]) -> Markup:
    """Show rows of pictures, each row below its name and each picture above its caption."""
    html = Markup('<div class="gallery">')
    for name, tiles in rows:
        html += Markup("<h3>{}</h3><div>").format(name)
        for tile in tiles:
            image = '<img class="pixels" src="{}" alt="{}"><figcaption>{}</figcaption>'
            shown = Markup(image).format(pictures.data_uri(tile.pixels), tile.what, tile.caption)
            html += Markup("<figure>{}</figure>").format(shown)
        html += Markup("</div>")
    return html + Markup("</div>")


def text_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Show rows of text as a table that readers can sort: a name, then numbers."""
    head = _table_row('<th scope="col">{}</th>', '<th scope="col" class="right">{}</th>', heads)
    body = [_table_row('<th scope="row">{}</th>', '<td class="value">{}</td>', row) for row in rows]
    whole = '<table class="numbers fixed"><thead>{}</thead><tbody>{}</tbody></table>'
    return scrolled(Markup(whole).format(head, Markup("").join(body)), ", ".join(heads))


def _table_row(first: str, other: str, cells: Sequence[str]) -> Markup:
    html = [Markup(other if i else first).format(cell) for i, cell in enumerate(cells)]
    return Markup("<tr>{}</tr>").format(Markup("").join(html))
