"""What is given back well and what is not: items of images, columns of tables."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from vaekit import pictures
from vaekit.report import columns
from vaekit.report.section import Captioned, Section, View, gallery, short, text_table
from vaekit.report.tables import text

EACH, NAMED_COLUMNS = 8, 500


def sections(view: View) -> Iterator[Section]:
    """Yield the best, typical and worst items of an image model, or the error of each column."""
    if view.image:
        yield best_and_worst(view)
    elif not view.data.fields:  # of which `mixed` shows them
        yield column_errors(view)


def best_and_worst(view: View) -> Section:
    """Show the items with the least, the middle and the largest squared error."""
    order = torch.from_numpy(view.errors).argsort(stable=True)
    count = min(EACH, len(order))
    middle = (len(order) - count) // 2
    groups = {
        "Best": order[:count],
        "Typical": order[middle : middle + count],
        "Worst": order.flip(0)[:count],
    }
    caption = (
        f"Of {len(order):,} test items those with the least, the middle and the largest squared "
        "error ‖x − x̂‖², summed over entries; x̂ is the mean of p(x|z) at the mean of q(z|x). Each "
        "item stands above its x̂, with its name and its error below."
    )
    if not view.data.names:
        caption += " Items are named by their number in the test part, as `vaekit traverse --of` "
        caption += "takes it; a row is that in the whole set."
    rows = [(name, _item_pairs(view, some)) for name, some in groups.items()]
    return Section("errors", "Best, typical and worst", caption, [gallery(rows)])


def _item_pairs(view: View, some: Tensor) -> list[Captioned]:
    """Draw some of the judged items, each above its reconstruction."""
    before = view.tiles(view.data.batch(view.codes.rows[view.judged[some]]))
    after = view.tiles(view.reconstructions[some])
    tiles = []
    for i, above, below in zip(some.tolist(), before, after, strict=True):
        error, name = short(float(view.errors[i])), view.item(int(view.judged[i]))
        what = f"{name}, above its reconstruction, squared error {error}"
        tiles.append(
            Captioned(pictures.grid(np.stack([above, below]), 1), f"{name}: {error}", what)
        )
    return tiles


def column_errors(view: View) -> Section:
    """List the error of each column in the table's own units, and the share that it explains."""
    real = view.own(view.data.batch(view.codes.rows[view.judged]).cpu().double().numpy())
    made = view.own(view.reconstructions.double().numpy())
    rmse, sd = np.sqrt(np.square(real - made).mean(0)), real.std(0)
    names = columns.names(view.data, len(rmse))
    rows = [
        (name, text(float(error)), text(float(width)), explained(error, width))
        for name, error, width in zip(names, rmse, sd, strict=True)
    ]
    caption = (
        f"Over {len(real):,} test items, in the table's own units: the root mean squared error of "
        "the mean of p(x|z) at the mean of q(z|x), the standard deviation, and R² = 1 − MSE / "
        "variance, the share of the variance that is given back: 1 at best, 0 or less where the "
        "mean of the column would do as well."
    )
    if len(rows) > NAMED_COLUMNS:
        caption += f" Listed are the first {NAMED_COLUMNS} of {len(rows):,} columns."
    rows = rows[:NAMED_COLUMNS]
    heads = ("column", "RMSE", "standard deviation", "R²")
    return Section("errors", "Error by column", caption, [text_table(heads, rows)])


def explained(rmse: float, sd: float) -> str:
    """Write R² = 1 − MSE / variance to three decimals, a dash for a column that does not vary."""
    return "–" if sd == 0 else f"{1 - (rmse / sd) ** 2:.3f}".replace("-", "−")
