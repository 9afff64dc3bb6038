"""The map of codes: test items in a plane, of which a reader can see each.

Codes of two entries are their own plane. Of more, the plane is that of the two principal
components, in which distances are those of the codes as far as two axes can show them; and, as a
choice, t-SNE (van der Maaten & Hinton 2008), in which only neighbourhoods mean something.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from vaekit import pictures
from vaekit.report import columns
from vaekit.report.codes import compared_entries, compared_text
from vaekit.report.rendering import render
from vaekit.report.section import Section, View, short
from vaekit.report.tables import text
from vaekit.report.touch.projections import Projection, projections

COLOURED_CLASSES, RANGES = 20, 10
THUMB, ACROSS, ROW_COLUMNS = 32, 50, 8
WIDTH, HEIGHT, MARGIN = 1000, 640, 20  # units of the drawing


def sections(view: View) -> Iterator[Section]:
    """Yield the map of a code of two entries or more."""
    if len(compared_entries(view.codes)) > 1 and len(view.codes.rows) > 2:
        yield code_map(view)


@dataclass(frozen=True)
class Colouring:
    """Hold what items are coloured by: a level (n,) of each, and the labels of the levels.

    Levels are `ordered` or classes; `numbers` (n,) are the values themselves where levels are
    ranges of them. A field of too many classes is told of an item, and gives no colours.
    """

    name: str
    levels: np.ndarray
    labels: list[str]
    ordered: bool = True
    numbers: np.ndarray | None = None

    @property
    def coloured(self) -> bool:
        """Say whether readers can tell the colours apart."""
        return self.ordered or len(self.labels) <= COLOURED_CLASSES

    def plain(self) -> dict[str, Any]:
        """Return what the script of the page reads."""
        numbers = {} if self.numbers is None else {"numbers": columns.rounded(self.numbers, 3)}
        levels = {"values": self.levels.tolist(), "labels": self.labels}
        return {"name": self.name, **levels, "ordered": self.ordered, **numbers}


def code_map(view: View) -> Section:
    """Draw codes in the plane, coloured by class, factor or error."""
    planes, fields = projections(view.codes, view.judged, view.tsne), colourings_of(view)
    first = next(i for i, each in enumerate(fields) if each.coloured)
    over = compared_text(view.codes)
    caption = (
        f"Mean codes of {len(view.judged):,} test items over {over}, in the plane. The squared "
        "error of an item is that of its reconstruction, summed over entries."
    )
    return Section("map", "Map of codes", caption, [_draw_map(view, planes, fields, first)])


def colourings_of(view: View) -> list[Colouring]:
    """List what is known of items: class, factors, squared error."""
    rows, fields = view.codes.rows[view.judged], []
    labels, levels = view.data.batch_labels(rows), view.data.levels(rows)
    factors = view.data.factors
    if labels is not None:
        seen, numbered = np.unique(labels.cpu().numpy(), return_inverse=True)
        fields.append(
            Colouring("class", numbered, [view.class_name(k) for k in seen], ordered=False)
        )
    if levels is not None and factors is not None:
        for name, values, column in zip(factors.names, factors.values, levels.T, strict=True):
            same = fields and np.array_equal(fields[0].levels, column)
            if len(values) > 1 and not same:
                fields.append(Colouring(name, column, [text(value) for value in values.tolist()]))
    return [*fields, in_ranges("squared error", view.errors)]


def in_ranges(name: str, numbers: np.ndarray) -> Colouring:
    """Sort numbers (n,) into ranges of one width between their 2nd and 98th percentile."""
    low, high = np.percentile(numbers, [2, 98])
    levels = ((numbers - low) / ((high - low) or 1.0) * RANGES).astype(int).clip(0, RANGES - 1)
    labels = [short(float(value)) for value in np.linspace(low, high, RANGES)]
    return Colouring(name, levels, labels, numbers=numbers)


def placed(plane: np.ndarray) -> np.ndarray:
    """Bring points (n, 2) to whole units of the drawing, alike on both axes, y downwards.

    The middle 99 % fill it; what lies beyond is put on its edge.
    """
    low, high = np.percentile(plane, [0.5, 99.5], axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    scale = (room / np.where(high > low, high - low, 1.0)).min()
    x, y = ((plane - (low + high) / 2) * scale).T
    points = np.stack([WIDTH / 2 + x, HEIGHT / 2 - y], 1).round().astype(int)
    return points.clip(MARGIN // 2, np.array([WIDTH, HEIGHT]) - MARGIN // 2)


def colour(field: Colouring, level: int) -> str:
    """Name the colour of a level for style sheets, as the script of the page does."""
    if not field.ordered:
        return f"var(--class-{level})"
    share = round(100 * level / max(len(field.labels) - 1, 1))
    return f"color-mix(in oklch, var(--series-1) {share}%, var(--series-0))"


def _draw_map(view: View, planes: list[Projection], fields: list[Colouring], first: int) -> Markup:
    points = [placed(plane.points) for plane in planes]
    field = fields[first]
    dots = {
        colour(field, level): "".join(f"M{x} {y}h0" for x, y in points[0][field.levels == level])
        for level in np.unique(field.levels).tolist()
    }
    data: dict[str, Any] = {
        "points": [each.reshape(-1).tolist() for each in points],
        "axes": [plane.axes for plane in planes],
        "fields": [each.plain() for each in fields],
        "first": first,
        "names": view.names(view.judged),
    }
    heads = list[str]()
    if view.image:
        data |= _thumbnails(view)
    else:
        rows = view.own(view.data.batch(view.codes.rows[view.judged]).cpu().numpy())
        heads, data["rows"] = columns.cells(view.data, rows, ROW_COLUMNS)
    return Markup(
        render(
            "touch/map.html.jinja",
            box=(WIDTH, HEIGHT),
            dots=dots,
            field=field,
            legend=[(label, colour(field, k)) for k, label in enumerate(field.labels)],
            choices=[(i, each.name) for i, each in enumerate(fields) if each.coloured],
            first=first,
            planes=planes,
            columns=heads,
            data=data,
        )
    )


def _thumbnails(view: View) -> dict[str, Any]:
    """Lay out each item's picture and reconstruction, small, in one sheet."""
    given = view.data.batch(view.codes.rows[view.judged])
    both = [
        pictures.tiles(each, *view.data.range, largest=THUMB)
        for each in (given, view.reconstructions)
    ]
    tiles = np.stack(both, 1).reshape(-1, *both[0].shape[1:])
    sheet = pictures.data_uri(pictures.sheet(tiles, ACROSS))
    return {"sheet": sheet, "size": [tiles.shape[2], tiles.shape[1]], "across": ACROSS}
