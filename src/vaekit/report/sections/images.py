"""Pictures of an image model: what it gives back, what it dreams up, what each latent does."""

from collections.abc import Iterator

import numpy as np
import torch

from vaekit import pictures
from vaekit.apply import sample
from vaekit.information.aggregated.categories import other_entries
from vaekit.information.aggregated.indicators import INFLUENTIAL
from vaekit.information.scores.match import unsampled
from vaekit.report.codes import (
    ENOUGH,
    MOST,
    ItemCodes,
    each_category,
    informative,
    path,
    spread,
    typical,
)
from vaekit.report.section import Section, Strip, View, picture, strips
from vaekit.report.touch.explorer import explorer

PAIRS, SIDE, STEPS = 16, 8, 13
_SMALL = 32  # pixels: 16 such pictures fit into one row of the page


def sections(view: View) -> Iterator[Section]:
    """Yield what an image model gives back, dreams up, and what each latent does."""
    if view.image:
        yield from (reconstructions(view), samples(view), traversals(view))


def reconstructions(view: View) -> Section:
    """Show test images beside the mean of p(x|z) at their mean code."""
    codes = view.codes
    places = spread(codes, PAIRS)
    before = view.tiles(view.data.batch(codes.rows[places]))
    z = torch.from_numpy(codes.means[places]).float()
    after = view.decoded(z, codes.condition(places))
    columns = PAIRS if before.shape[2] <= _SMALL else SIDE
    rows = []
    for start in range(0, len(places), columns):
        part = slice(start, start + columns)
        rows.append(("original", pictures.grid(before[part], columns)))
        rows.append(("reconstruction", pictures.grid(after[part], columns)))
    caption = (
        f"{len(places)} images at equal distances through the test set, and below each the mean of "
        "p(x|z) at the mean of q(z|x)."
    )
    return Section(
        "reconstructions", "Reconstructions", caption, [view.strips("reconstructions", rows)]
    )


def samples(view: View) -> Section:
    """Show the mean of p(x|z) for codes drawn from the prior, or say why there are none."""
    if none := no_samples(view):
        return none
    c = view.codes.condition(np.resize(spread(view.codes, SIDE * SIDE), SIDE * SIDE))
    sheet = pictures.grid(view.tiles(sample(view.model, SIDE * SIDE, c)), SIDE)
    view.save("samples", [sheet])
    times = max(1, round(560 / sheet.shape[1]))
    caption = (
        f"The mean of p(x|z) for {SIDE * SIDE} codes z drawn from the prior p(z), seed 0, "
        "none left out."
    )
    if c is not None:
        caption += " Each has the condition of a test item, at equal distances through the set."
    return Section("samples", "Samples", caption, [picture(sheet, "samples from the prior", times)])


def no_samples(view: View) -> Section | None:
    """Say why a model has no samples; None where it has."""
    if not (why := unsampled(view.model, view.data)):
        return None
    return Section("samples", "Samples", f"None: {why}, so there is nothing to draw codes from.")


def traversals(view: View) -> Section:
    """Show what the decoder makes of each informative latent, moved alone from one image's code."""
    codes = view.codes
    shown, centre = informative(codes), typical(codes)

    def row(label: str, z: torch.Tensor) -> Strip:
        images = view.decoded(z, codes.condition(np.full(len(z), centre)))
        return label, pictures.grid(images, len(z))

    rows = [row(codes.label(latent), path(codes, latent, centre, STEPS)) for latent in shown]
    figures = [explorer(view)]
    figures += [strips(rows, column_heads(codes))] if rows else []
    for name, where in codes.categories.items():
        z = each_category(codes, where, centre)
        rows.append(row(category_label(codes, name), z))
        figures.append(strips(rows[-1:], [str(k) for k in range(len(z))]))
    view.save("traversals", [sheet for _, sheet in rows])
    caption = (
        "Each row moves one latent and keeps the others at the mean code of one test image, the "
        "one nearest to the average code; pictures are the mean of p(x|z). "
        f"{order_text(codes, shown) if shown else ''}{categories_text(codes)}"
    )
    return Section("traversals", "Latent traversals", caption, figures)


def category_label(codes: ItemCodes, name: str) -> str:
    """Name a block of one-hots with its rate, where it is known: `class · 2.20 nats`."""
    where, name = codes.categories[name], name or "category"
    return f"{name} · {codes.share[where].sum():.2f} nats" if codes.nats else name


def categories_text(codes: ItemCodes) -> str:
    """Say how one-hots are shown, or nothing where there are none."""
    if not codes.categories:
        return ""
    return " The entries of a one-hot make one row, in which each category is set in turn."


def column_heads(codes: ItemCodes) -> list[str]:
    """Name the columns of a traversal: values of the latent, or standard deviations."""
    span = np.linspace(-3, 3, STEPS)
    unit = "" if codes.nats and codes.priors is None else " sd"
    return [f"{v:g}{unit}".replace("-", "−") if i % 2 == 0 else "" for i, v in enumerate(span)]


def order_text(codes: ItemCodes, shown: list[int]) -> str:
    """Say by what the rows are ordered, and how many latents were left out."""
    how = f"{codes.measure} over the test set"
    how += (
        ", in nats"
        if codes.nats
        else ", and moved by ±3 standard deviations, not beyond the codes seen"
    )
    if codes.priors is not None:
        how += ", and moved by ±3 standard deviations of p(z|c) about its mean"
    every = len(other_entries(len(codes.share), codes.categories))
    left = every - len(shown)
    text = f"Latents are ordered by {how}. "
    if not left:
        return text + "All latents are shown."
    below = codes.nats and len(shown) < MOST
    if codes.information is not None and below:
        why = f"each of which tells less than {INFLUENTIAL} nats"
    else:
        why = f"below {ENOUGH} nats" if below else "carrying less than those shown"
    return text + f"{left} of {every} latents are left out, {why}."
