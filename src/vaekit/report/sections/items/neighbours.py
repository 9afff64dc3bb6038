"""Which items lie nearest to each other in the code: what the model takes for alike."""

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from vaekit.report import columns
from vaekit.report.codes import compared, compared_text, spread
from vaekit.report.section import Section, Tile, View, gallery, short, table
from vaekit.report.tables import text

ASKED, NEIGHBOURS, FIRST_COLUMNS = 5, 6, 6


def sections(view: View) -> Iterator[Section]:
    """Yield test items with those nearest to them in code, where there are enough."""
    if len(view.codes.rows) > NEIGHBOURS:
        yield neighbours(view)


def neighbours(view: View) -> Section:
    """Show some test items, each beside the six others with the nearest codes."""
    asked = spread(view.codes, ASKED)
    near, distances = nearest(view.codes.means[:, compared(view.codes)], asked, NEIGHBOURS)
    caption = (
        f"{len(asked)} test items at equal distances through the set, each before the {NEIGHBOURS} "
        f"of {len(view.codes.rows):,} whose codes lie nearest, by the Euclidean distance of mean "
        f"codes over {compared_text(view.codes)}."
    )
    if view.image:
        rows = [
            (view.item(place), _tiles(view, [place, *others], row))
            for place, others, row in zip(asked, near, distances, strict=True)
        ]
        drawn = gallery(rows)
    else:
        drawn = _table(view, asked, near, distances)
    return Section("neighbours", "Nearest neighbours in code", caption, [drawn])


def nearest(
    codes: np.ndarray, asked: Sequence[int] | np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the `count` rows of codes (n, H) nearest to each of the rows `asked` (m,), not itself.

    Returns their numbers and Euclidean distances, both (m, count), the nearest first.
    """
    distances = np.stack([np.linalg.norm(codes - codes[place], axis=1) for place in asked])
    distances[np.arange(len(asked)), asked] = np.inf
    near = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return near, np.take_along_axis(distances, near, 1)


def _tiles(view: View, places: Sequence[int], distances: np.ndarray) -> list[Tile]:
    """Draw an item, then its neighbours with distance and class below."""
    images = view.tiles(view.data.batch(view.codes.rows[list(places)]))
    said = ["itself", *(short(each) for each in distances)]
    return [
        Tile(image, each, f"{view.item(int(place))}, distance {each}" if i else view.item(place))
        for i, (place, each, image) in enumerate(zip(places, said, images, strict=True))
    ]


def _table(view: View, asked: np.ndarray, near: np.ndarray, distances: np.ndarray) -> Markup:
    """List items and their neighbours with their first columns, in the table's own units."""
    count = min(FIRST_COLUMNS, view.data.shape[0])
    rows = []
    for place, others, row in zip(asked, near, distances, strict=True):
        whole = view.own(view.data.batch(view.codes.rows[[place, *others]]).cpu().numpy())
        for each, distance, values in zip([place, *others], [0.0, *row], whole, strict=True):
            name = view.item(place) if each == place else f"→ {view.item(each)}"
            numbers = [text(float(f"{value:.4g}")) for value in values[:count]]
            rows.append((name, short(distance), *numbers))
    return table(["item", "distance", *columns.names(view.data, count)], rows)
