"""Pictures on the page of an item: what the runs of its rows show, each kind by its name.

samples, reconstructions, traversals, planes, codes, memberships, categories: of the first seed of
each row. exponents are those of all runs of a row, a course is drawn for all rows on one plot.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes

from vaekit import pictures
from vaekit.errors import VaekitError
from vaekit.information import with_noise
from vaekit.metrics import cluster_accuracy
from vaekit.priors import LpNested
from vaekit.report import tables
from vaekit.report.codes import encode_items
from vaekit.report.plots import SERIES, Plot
from vaekit.report.section import Section, View, figure, picture, strips
from vaekit.report.sections.categories import category_usage, count_table
from vaekit.report.sections.noise import noise_pictures
from vaekit.report.sections.plane import drawn
from vaekit.report.sections.priors import exponents
from vaekit.reproduce.items import ItemRow
from vaekit.reproduce.make import Made
from vaekit.runs import Run, results

_POINTS = 800  # codes in a plane
_NOISE_ITEMS = 1000  # examples that pictures of the noise choose from
_WIDE = 900  # points of a sheet of pictures

About = Mapping[str, Any]


def illustrated(made: Made) -> Iterator[Section]:
    """Yield a section for each kind of picture that the item asks for."""
    for kind, how in made.item.pictures.items():
        about = how or {}
        named = about.get("rows") or made.runs
        rows = [row for row in made.item.rows if row.name in named and made.runs[row.name]]
        if kind == "course":
            yield Section(kind, "Course", _CAPTIONS[kind], [_course(made, rows, about["of"])])
            continue
        figures, troubles = [], []
        for row in rows:
            try:
                figures.append(_framed(row.name, _KINDS[kind](row, made.runs[row.name], about)))
            except VaekitError as error:
                troubles.append(f"{row.name}: {error}")
        caption = _CAPTIONS[kind]
        caption += "" if kind == "exponents" else f" Of each row the run {_of_whom(made)}."
        caption += f" Left out: {'; '.join(troubles)}." if troubles else ""
        if figures:
            yield Section(kind, kind.capitalize(), caption, figures)


def _of_whom(made: Made) -> str:
    """Say which run of a row is pictured."""
    numbers = made.item.representative
    if not numbers:
        return "of the first seed"
    by = [tables.title(name) for name in numbers]
    return f"nearest to the mean {' and '.join(by)} of the half with the largest {by[0]}"


def _framed(name: str, shown: Markup) -> Markup:
    return Markup("<h3>{}</h3>{}").format(name, shown)


def _samples(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    count = int(about.get("count", 16))
    return _grid(runs[0], [torch.from_numpy(runs[0].sample(count))], count)


def _reconstructions(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    data = runs[0].data.test
    part = data.subset(range(min(int(about.get("count", 12)), len(data))))
    x = torch.from_numpy(runs[0].reconstruct(part))
    return _grid(runs[0], [part.batch(range(len(part))), x], len(part))


def _grid(run: Run, rows: list[torch.Tensor], columns: int) -> Markup:
    sheet = pictures.stacked(rows, columns, *run.schema.levels)
    return picture(sheet, "pictures in rows", max(1, round(_WIDE / sheet.shape[1])))


def _decoded_moves(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    moved = runs[0].traverse(**{"of": 0, **{k: v for k, v in about.items() if k != "rows"}})
    return picture(moved.sheet(), repr(moved), 1)


def _codes_drawn(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    model, data = runs[0].model, runs[0].data.test
    if model.posterior.latent != 2 or model.prior is None:
        raise VaekitError("codes are drawn where there are two latents and a prior")
    return figure(drawn(model, data, encode_items(model, data, _POINTS))[0])


def _memberships(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    run = runs[0]
    model = run.model
    if row.refit:  # whose numbers the table has already
        saved = results.read_results(run.folder / results.REFITS)
        model = with_noise(model, saved[row.refit]["noise"])
    view = View(model, run.data.test, encode_items(model, run.data.test, _NOISE_ITEMS), run.folder)
    shown, said = noise_pictures(view)
    return Markup('<p class="caption">{}</p>{}').format(said.strip(), strips(shown))


def _category_pictures(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    data = runs[0].data.test
    codes, html = encode_items(runs[0].model, data), Markup("")
    labels = data.batch_labels(codes.rows)
    for where in codes.categories.values():
        p = codes.means[:, where]
        html += figure(category_usage(p))
        if labels is not None:
            score = cluster_accuracy(p.argmax(1), labels.cpu().numpy(), categories=p.shape[1])
            html += figure(count_table(score, data.label_names))
    return html


def _exponents(row: ItemRow, runs: Sequence[Run], about: About) -> Markup:
    found = [prior for run in runs if isinstance(prior := run.model.prior, LpNested)]
    if len(found) < len(runs) or found[0].learned == "no":
        raise VaekitError("exponents are drawn where they are learned")
    p = np.stack([prior.exponents(torch.float64).detach().numpy() for prior in found])
    with Plot(6.6, 2.6) as plot:
        exponents(plot.axes[0, 0], p[:, 1:], p0=float(p[0, 0]) if np.ptp(p[:, 0]) == 0 else 0)
    return figure(plot.svg)


def _course(made: Made, rows: Sequence[ItemRow], names: Sequence[str]) -> Markup:
    """Draw columns of history.csv by epoch, the lines of each run in the colour of its row.

    A name also stands for the columns of a family, exponent for exponent_1 and so on.
    """
    with Plot(9.6, 2.6, 1, len(names)) as plot:
        for name, axes in zip(names, plot.axes.flat, strict=True):
            for i, row in enumerate(rows):
                for run in made.runs[row.name]:
                    _draw_history_columns(
                        axes, run, name, color=SERIES[i % len(SERIES)], label=row.name
                    )
            axes.set(title=name.replace("_", " "), xlabel="epoch")
        handles, labels = plot.axes.flat[0].get_legend_handles_labels()
        named = dict(zip(labels, handles, strict=True))  # of many lines of a row one
        if named:
            plot.axes.flat[0].legend(list(named.values()), list(named))
    return figure(plot.svg)


def _draw_history_columns(axes: Axes, run: Run, name: str, **style: Any) -> None:
    history = run.history
    for column in dict.fromkeys(known for row in history for known in row):
        if column == name or column.removeprefix(f"{name}_").isdigit():
            rows = [row for row in history if column in row]
            x, y = [row["epoch"] for row in rows], [row[column] for row in rows]
            axes.plot(x, y, linewidth=1.1, **style)


_KINDS = {
    "samples": _samples,
    "reconstructions": _reconstructions,
    "traversals": _decoded_moves,
    "planes": _decoded_moves,
    "codes": _codes_drawn,
    "memberships": _memberships,
    "categories": _category_pictures,
    "exponents": _exponents,
}
_CAPTIONS = {
    "samples": "The mean of p(x|z) for codes drawn from the prior, seed 0.",
    "reconstructions": "Test examples, below them the mean of p(x|z) at their mean codes.",
    "traversals": "Decodings with one latent, category or condition changed, the original first.",
    "planes": "Decodings with two latents changed together.",
    "codes": "Codes of test examples, drawn from q(z|x), beside the prior.",
    "memberships": "Which component of the noise explains which pixel.",
    "categories": (
        "How sure a test example is of its category and how often each category is used; below, "
        "where there are classes, how many examples of each class it takes, framed by the best "
        "one-to-one assignment."
    ),
    "exponents": "Exponents that were learned, of all runs, sorted in each.",
    "course": "The course of training by epoch; runs have the colour of their row.",
}
