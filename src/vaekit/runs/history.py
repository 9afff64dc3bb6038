"""The curve of a run as a CSV file, one row for each look at the terms."""

import csv
import io
from pathlib import Path

from vaekit import files


def start(path: Path, step: int) -> None:
    """Keep the rows up to `step`, which a resumed run goes on from."""
    rows = [row for row in read(path) if row["step"] <= step]
    if rows:
        files.write_text(path, _text(rows, header=True))
    else:
        path.unlink(missing_ok=True)


def append(path: Path, row: dict[str, float]) -> None:
    """Add one row; the first one writes the header."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(_text([row], header=file.tell() == 0))
    except OSError as error:
        raise files.cannot_write(path, error) from error


def read(path: Path) -> list[dict[str, float]]:
    """Return all whole rows; lines cut short or damaged by a crash are left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "")
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        try:
            rows.append({k: float(v) for k, v in row.items()})
        except (TypeError, ValueError):
            continue
    return [row for row in rows if "step" in row]


def _text(rows: list[dict[str, float]], header: bool) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
