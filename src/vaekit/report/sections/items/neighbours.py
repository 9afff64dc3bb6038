"""Which items lie nearest to each other in the code: what the model takes for alike."""

from collections.abc import Iterator

import numpy as np
from markupsafe import Markup

from vaekit.report import columns
from vaekit.report.codes import compared_entries, compared_text, spread
from vaekit.report.section import Captioned, Section, View, gallery, short, text_table
from vaekit.report.tables import text

ASKED, ASKED_ROWS, NEIGHBOURS, FIRST_COLUMNS = 5, 3, 6, 6


def sections(view: View) -> Iterator[Section]:
    """Yield test items with those nearest to them in code, where there are enough."""
    if len(view.codes.rows) > NEIGHBOURS:
        yield neighbours(view)


def neighbours(view: View) -> Section:
    """Show some test items, each beside the six others with the nearest codes."""
    asked = spread(view.codes, ASKED if view.image else ASKED_ROWS)
    z = view.codes.means[:, compared_entries(view.codes)]
    near, distances = nearest_codes(z, asked, NEIGHBOURS)
    caption = (
        f"{len(asked)} test items at equal distances through the set, each before the {NEIGHBOURS} "
        f"of {len(view.codes.rows):,} whose codes lie nearest, by the Euclidean distance of mean "
        f"codes over {compared_text(view.codes)}."
    )
    rows = [
        (view.item(place), [place, *others], row)
        for place, others, row in zip(asked.tolist(), near.tolist(), distances, strict=True)
    ]
    if view.image:
        figures = [gallery([(name, _tiles(view, places, row)) for name, places, row in rows])]
    else:
        figures = [_neighbour_table(view, name, places, row) for name, places, row in rows]
        caption += columns.units(view.data, cells=True)
    return Section("neighbours", "Nearest neighbours in code", caption, figures)


def nearest_codes(
    codes: np.ndarray, asked: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the `count` rows of codes (n, H) nearest to each of the rows `asked` (m,), not itself.

    Returns their numbers and Euclidean distances, both (m, count), the nearest first.
    """
    distances = np.stack([np.linalg.norm(codes - codes[place], axis=1) for place in asked])
    distances[np.arange(len(asked)), asked] = np.inf
    near = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return near, np.take_along_axis(distances, near, 1)


def _tiles(view: View, places: list[int], distances: np.ndarray) -> list[Captioned]:
    """Draw an item, then its neighbours with their distance below."""
    images = view.tiles(view.data.batch(view.codes.rows[places]))
    tiles = [Captioned(images[0], "itself", view.item(places[0]))]
    for place, distance, image in zip(places[1:], distances, images[1:], strict=True):
        said = short(distance)
        tiles.append(Captioned(image, said, f"{view.item(place)}, distance {said}"))
    return tiles


def _neighbour_table(view: View, name: str, places: list[int], distances: np.ndarray) -> Markup:
    """List an item and its neighbours with their first columns, in the table's own units."""
    whole = view.own(view.data.batch(view.codes.rows[places]).cpu().numpy())
    heads, cells = columns.cells(view.data, whole, FIRST_COLUMNS)
    names = ["itself", *map(view.item, places[1:])]
    rows = [
        (each, short(distance), *(v if isinstance(v, str) else text(v) for v in values))
        for each, distance, values in zip(names, [0.0, *distances], cells, strict=True)
    ]
    listed = text_table(["item", "distance", *heads], rows)
    return Markup("<h3>{}</h3>{}").format(name, listed)
