"""The curve of a run as a CSV file, one row for each look at the terms."""

import csv
import io
import math
from pathlib import Path

from vaekit import files
from vaekit.errors import warn
from vaekit.system import telling

Row = dict[str, float]


def start(path: Path, step: int) -> None:
    """Keep the rows up to `step`, which a resumed run goes on from."""
    whole, damaged = _read(path)
    rows = [row for row in whole if row["step"] <= step]
    if damaged:
        warn(f"{path} had {damaged} damaged line(s), which are left out")
    if rows:
        files.write_text(path, _text(rows, header=True))
    else:
        path.unlink(missing_ok=True)


def append(path: Path, row: Row) -> None:
    """Add one row; the first one writes the header."""
    with telling(path), path.open("a", encoding="utf-8") as file:
        file.write(_text([row], header=file.tell() == 0))


def read(path: Path) -> list[Row]:
    """Return all whole rows; lines cut short or damaged by a crash are left out."""
    return _read(path)[0]


def _read(path: Path) -> tuple[list[Row], int]:
    """Return the whole rows and the number of lines that are none.

    What has no end of line is still being written, or was cut short.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return [], 0
    lines = text.replace("\0", "").split("\n")[:-1]
    if not lines:
        return [], 0
    names, *cells = map(_cells, lines)  # line by line: a stray quote spoils no other
    found = [_row(names, each) for each in cells]
    rows = [row for row in found if row is not None]
    return rows, len(found) - len(rows)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # a line without end
        return []


def _row(names: list[str], cells: list[str]) -> Row | None:
    """Return a row where it has a finite number for each name, and a step."""
    try:
        row = {name: float(cell) for name, cell in zip(names, cells, strict=True)}
    except ValueError:
        return None
    whole = len(row) == len(cells) and row.get("step", -1) >= 0
    return row if whole and all(map(math.isfinite, row.values())) else None


def _text(rows: list[Row], header: bool) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
