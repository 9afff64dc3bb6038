"""What a page is made of."""

from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup

from vaekit.report.pictures import data_uri


@dataclass(frozen=True)
class Section:
    """Hold a part of the page: a title, what is seen and how it was computed, and the figures."""

    key: str
    title: str
    caption: str
    figures: list[Markup] = field(default_factory=list)


def figure(svg: str) -> Markup:
    """Wrap an SVG made here, which needs no escaping."""
    return Markup('<div class="plot">{}</div>').format(Markup(svg))


def picture(sheet: np.ndarray, what: str, times: int) -> Markup:
    """Show an RGBA sheet enlarged `times`, described by `what` for those who cannot see it."""
    html = '<img class="pixels" src="{}" alt="{}" width="{}" height="{}">'
    height, width = sheet.shape[:2]
    return Markup(html).format(data_uri(sheet), what, width * times, height * times)


def strips(rows: list[tuple[str, np.ndarray]], heads: list[str]) -> Markup:
    """Show rows of pictures, each with its label before it, below the heads of their columns."""
    cells = Markup("").join(Markup("<span>{}</span>").format(head) for head in heads)
    html = Markup('<div class="strips">')
    if heads:
        html += Markup('<span></span><div class="heads">{}</div>').format(cells)
    for label, sheet in rows:
        row = '<span class="label">{0}</span><img class="pixels" src="{1}" alt="{0}">'
        html += Markup(row).format(label, data_uri(sheet))
    return html + Markup("</div>")
