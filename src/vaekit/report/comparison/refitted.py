"""Other noise models on the networks of each group, as `vaekit refit` found them ([noise] Table 1).

A row is a noise on the networks of a group: its bound and its gain over the noise as trained, over
runs where there are several, and σ², π of the first of them. Below stand the components of the best
mixture of each group, of the same items ([noise] Fig. 15).
"""

from collections.abc import Mapping, Sequence

import torch

from vaekit import pictures
from vaekit.apply import condition_of, device_of, encode
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import with_noise
from vaekit.report.comparison.groups import Entry, Group, over_runs
from vaekit.report.refits import (
    BOUNDS,
    RefitLine,
    WithError,
    fullest,
    line_of,
    membership_rows,
    refits_table,
)
from vaekit.report.section import Section, Strip, strips
from vaekit.runs import results
from vaekit.runs.results import Results

PICTURED = 6  # groups at most


def refits_section(
    groups: Sequence[Group], labels: Sequence[str], items: Dataset | None
) -> Section | None:
    """Show the refits of all groups that have some, and what belongs to their components."""
    lines, rows, heads = list[RefitLine](), list[Strip](), list[str]()
    for i, group in enumerate(groups):
        saved = [_refits_of(entry) for entry in group.entries]
        if not any(saved):
            continue
        name = f"{i + 1} · {labels[i]}"
        lines += _refit_lines(name, saved)
        if items is not None and len(heads) < PICTURED and saved[0]:
            mine = _component_pictures(group.first, saved[0], items)
            rows += [(f"{name}: {label}", sheet) for label, sheet in mine]
            heads += [name] if mine else []
    if not lines:
        return None
    caption = (
        "The networks stay, another noise is fitted to the residuals of the training data. A gain "
        "is the bound less that of the noise as trained, with the error of the difference at "
        "common codes. Errors are over seeds where there are several, else over items; σ² stand "
        "with their π, those of the first seed. Chosen are the fewest components within a standard "
        "error of the best."
    )
    figures = [refits_table(lines, "run")]
    if rows and items is not None:
        x = items.batch()
        own = ("original", pictures.grid(pictures.tiles(x, *items.range), len(x)))
        figures.append(strips([own, *rows]))
        caption += (
            " Below, which pixels belong to which component of the best mixture of each, white "
            "where it is certain; the rest belongs to the most frequent one."
        )
    return Section("refits", "Other noise models", caption, figures)


def _refits_of(entry: Entry) -> Results:
    """Return what refits.json of a run holds of the weights that it has now."""
    saved = results.read_results(entry.run.folder / results.REFITS)
    stamp = entry.run.stamp
    return {
        name: row
        for name, row in saved.items()
        if not results.of_others(next(row[key] for key in BOUNDS if key in row), stamp)
    }


def _refit_lines(owner: str, saved: Sequence[Results]) -> list[RefitLine]:
    """Average the rows of a noise over the runs of a group."""
    lines = []
    for noise in dict.fromkeys(name for rows in saved for name in rows):
        each = [line_of(owner, noise, rows[noise]) for rows in saved if noise in rows]
        bound, gain = (
            _averaged([line.bound for line in each]),
            _averaged([one.gain for one in each]),
        )
        count = sum(bool(line.chosen) for line in each)
        chosen = "chosen" + (f" in {count} of {len(each)}" if len(each) > 1 else "")
        key, parameters = each[0].key, each[0].parameters
        lines.append(RefitLine(owner, noise, key, bound, gain, parameters, chosen if count else ""))
    return lines


def _averaged(pairs: Sequence[WithError]) -> WithError:
    known = [(value, se) for value, se in pairs if value is not None]
    mean = over_runs([value for value, _ in known], [se for _, se in known])
    return (None, None) if mean is None else (mean.value, mean.se)


def _component_pictures(entry: Entry, saved: Mapping[str, Results], items: Dataset) -> list[Strip]:
    """Draw the components of the best mixture of a run over the items, where they fit."""
    name = fullest(saved)
    if name is None:
        return []
    try:
        model = with_noise(entry.run.model, saved[name]["noise"])
        x = items.batch().to(device_of(model))
        c = condition_of(model, items, torch.arange(len(items)))
        with torch.no_grad():
            z = encode(model, x, c).to(x.device)
            p = model.decode(z[None], c, x.shape)
        return membership_rows(x, p)
    except VaekitError:
        return []
    finally:
        entry.run.__dict__.pop("system", None)
