"""What came of the runs of a study: one row a run, in a log that grows, and tables made of it.

study.yaml        what the study is, as it was given
runs/NAME/        the runs
rows.jsonl        one line for each end of a run; of several of one run the last counts
results.parquet   the rows as a table, and results.csv
failures/NAME.txt where an error that is not the user's came from
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import vaekit
from vaekit.errors import VaekitError, warn
from vaekit.study.plan import check_spec
from vaekit.system import files, writing
from vaekit.system.yaml_file import read_yaml

if TYPE_CHECKING:
    import polars as pl

STUDY_FORMAT = 1  # of study.yaml and the tables
STUDY, ROWS, TABLE, SHEET = "study.yaml", "rows.jsonl", "results.parquet", "results.csv"
FIRST_COLUMNS = ("run", "state", "reason", "recipe", "data", "seed")
StudyRow = dict[str, Any]


def is_study(folder: Path) -> bool:
    """Say whether a folder holds a study."""
    return (folder / STUDY).is_file()


def read_spec(folder: Path) -> dict[str, Any]:
    """Return what a study in a folder is.

    Raises `VaekitError` where there is none, and for one of another version.
    """
    if not is_study(folder):
        raise VaekitError(f"{folder} is no study: it has no {STUDY}")
    there = read_yaml(folder / STUDY, "study", "repair it, or begin another study")
    if not isinstance(there, Mapping) or there.get("format") != STUDY_FORMAT:
        if not isinstance(there, Mapping):
            raise VaekitError(f"{folder / STUDY} holds no study: repair it, or begin another")
        version = there.get("vaekit", "another version")
        raise VaekitError(
            f"{folder} was made by vaekit {version} in another form than this one "
            f"({vaekit.__version__}) reads: use that, or begin another study with --out"
        )
    spec = there.get("study") or {}
    check_spec(spec, str(folder / STUDY))
    return dict(spec)


def write_spec(folder: Path, spec: Mapping[str, Any]) -> None:
    """Write what a study is."""
    whole = {"format": STUDY_FORMAT, "vaekit": vaekit.__version__, "study": dict(spec)}
    text = yaml.safe_dump(json.loads(json.dumps(whole, default=str)), sort_keys=False)
    files.write_text(folder / STUDY, text)


def append_row(folder: Path, row: StudyRow) -> None:
    """Add the row of a run that has ended."""
    path = folder / ROWS
    line = json.dumps(_finite_row(row), default=str)
    with writing(path), path.open("a+b") as file:
        if file.tell():  # a killed process may have left half a line
            file.seek(-1, 2)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        file.write(f"{line}\n".encode("utf-8", "backslashreplace"))


def _finite_row(row: StudyRow) -> StudyRow:
    return {k: None if isinstance(v, float) and v * 0 != 0 else v for k, v in row.items()}


def rows(folder: Path) -> dict[str, StudyRow]:
    """Return the last row of each run by its name; half a line is left out with a warning."""
    known: dict[str, StudyRow] = {}
    path = folder / ROWS
    if not path.exists():
        return known
    damaged = 0
    with path.open("rb") as file:
        for line in file:
            row = None
            with suppress(ValueError):
                row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("run"), str) and "state" in row:
                known.pop(row["run"], None)
                known[row["run"]] = row
            else:
                damaged += bool(line.strip())
    if damaged:
        warn(f"{path}: {damaged} damaged lines are left out; their runs are looked at again")
    return known


def write_tables(folder: Path, known: Mapping[str, StudyRow]) -> "pl.DataFrame":
    """Write the rows as results.parquet and results.csv, and return them."""
    table = table_of(known)
    files.write_file(folder / TABLE, table.write_parquet)
    files.write_file(folder / SHEET, table.write_csv)
    return table


def table_of(known: Mapping[str, StudyRow]) -> "pl.DataFrame":
    """Return rows as a table, in the order of their names, what identifies a run first.

    A column of lists or of several types is text.
    """
    import polars as pl

    every = [known[name] for name in sorted(known)]
    names = dict.fromkeys((*FIRST_COLUMNS, *(name for row in every for name in row)))
    columns = {name: _column([row.get(name) for row in every]) for name in names}
    return pl.DataFrame(columns, strict=False)


def _column(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1 or kinds & {list, dict}:
        return [None if value is None else str(value) for value in values]
    return values


def results(folder: Path | str) -> "pl.DataFrame":
    """Return one row for each run of a study that has ended, as a table of polars.

    Columns are the settings, every number with its `.se`, `.estimator` and `.n`, times and the
    machine. `.to_pandas()` makes one of pandas, with pyarrow. Raises `VaekitError` where the folder
    is no study.
    """
    folder = files.place(folder, "a study")
    read_spec(folder)
    return table_of(rows(folder))
