"""The curve of a run as a CSV file, one row for each look at the terms."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vaekit.errors import VaekitError, warn
from vaekit.system import files, system_error, writing

HistoryRow = dict[str, float]
VALIDATION = "validation_"  # begins the names of what validation gave


def start(path: Path, step: int) -> None:
    """Keep the rows up to `step`, which a resumed run goes on from."""
    if path.is_dir():
        raise VaekitError(f"{path} is a folder, where training writes its curve: remove it")
    found = look(path)
    kept = [line for line, row in zip(found.lines, found.rows, strict=True) if row["step"] <= step]
    if found.trouble:
        warn(f"{path} {found.trouble}")
    if kept:
        files.write_text(path, "\n".join([found.head, *kept, ""]))
    else:
        path.unlink(missing_ok=True)


def append(path: Path, row: HistoryRow, names: Sequence[str] = ()) -> None:
    """Add one row; the first one writes the header.

    `names` are the columns where the row lacks some, which stay blank.
    """
    with writing(path), path.open("a", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names or list(row), lineterminator="\n")
        if not file.tell():
            writer.writeheader()
        writer.writerow(row)


class Found(NamedTuple):
    """Hold the whole rows of a file, each with its line, and say what else is there."""

    rows: list[HistoryRow]
    lines: Sequence[str] = ()
    head: str = ""
    trouble: str = ""


def read(path: Path) -> list[HistoryRow]:
    """Return all whole rows; damaged lines are left out with a warning."""
    found = look(path)
    if found.trouble:
        warn(f"{path} {found.trouble}")
    return found.rows


def look(path: Path) -> Found:
    """Return the whole rows, and what is damaged.

    What has no end of line is still being written, or was cut short.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Found([])
    except OSError as error:
        return Found([], trouble=f"cannot be read and is left out: {system_error(error)}")
    head, *lines = text.replace("\0", "").split("\n")
    names = _cells(head)  # line by line: a stray quote spoils no other
    found = [
        (line, row)
        for line in lines[:-1]
        if (row := _row_of_cells(names, _cells(line))) is not None
    ]
    damaged = len(lines[:-1]) - len(found)
    trouble = f"had {damaged} damaged line(s), which are left out" if damaged else ""
    if "step" not in names and text:
        trouble = "is damaged and left out: its first line should name columns, among them step"
    return Found([row for _, row in found], [line for line, _ in found], head, trouble)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # a line without end
        return []


def _row_of_cells(names: list[str], cells: list[str]) -> HistoryRow | None:
    """Return a row where it has a finite number for each name, and a step.

    Those of validation are blank where the set was not looked at.
    """
    cells_of = list(zip(names, cells, strict=False))
    filled = [(n, cell) for n, cell in cells_of if cell or not n.startswith(VALIDATION)]
    try:
        row = {name: float(cell) for name, cell in filled}
    except ValueError:
        return None
    whole = len(names) == len(cells) and len(row) == len(filled) and row.get("step", -1) >= 0
    return row if whole and all(map(math.isfinite, row.values())) else None
