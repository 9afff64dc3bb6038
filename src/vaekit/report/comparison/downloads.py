"""The tables of a comparison as values, for the files that its page holds."""

from collections.abc import Sequence
from typing import Any

from vaekit.report.comparison.groups import Group

PARTS = ("", " standard error", " runs", " shuffled")


def runs_table(groups: Sequence[Group], keys: Sequence[str]) -> list[list[Any]]:
    """List every run with the row that it belongs to and the settings that differ."""
    rows = [
        [i + 1, *(entry.settings.get(key) for key in keys), entry.seed, entry.run.folder]
        for i, group in enumerate(groups)
        for entry in group.entries
    ]
    return [["row", *keys, "seed", "folder"], *rows]


def numbers_table(
    groups: Sequence[Group], labels: Sequence[str], names: Sequence[str]
) -> list[list[Any]]:
    """List numbers by group: each with its standard error, the runs averaged, and its bias."""
    rows = []
    for label, group in zip(labels, groups, strict=True):
        cells: list[Any] = [label]
        for name in names:
            mean, bias = group.number(name), group.shuffled(name)
            cells += [None] * 3 if mean is None else [mean.value, mean.se, mean.n]
            cells.append(None if bias is None else bias.value)
        rows.append(cells)
    return [["setting", *(f"{name}{part}" for name in names for part in PARTS)], *rows]
