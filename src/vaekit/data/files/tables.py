"""Tables of measurements: each row an example, each column a dimension.

They come as CSV and its kin (see `csv`), as Parquet, or as a data frame; part files of one table
lie in a folder. A network wants columns of like size. `standard` subtracts the mean and divides by
the standard deviation of each column, `minmax` maps each to [0, 1] (what a Bernoulli likelihood
needs), `none` keeps the numbers. A constant column becomes 0. Scaling and the values for missing
ones are learned from the rows to train on, and kept as the set's `columns`, for rows that come
later.

With `mmap=true` the files are read once, block by block (see `blocks`): their numbers are written
to a file beside the cache's own, the scaling is learned from it in passes over pieces, and what is
scaled is mapped from then on. All but the reading is the same code as in memory.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vaekit.data.border import class_numbers, warn_of_rounding
from vaekit.data.cache import cached, checking, store
from vaekit.data.dataset import Dataset
from vaekit.data.files.blocks import (
    How,
    TableNumbers,
    mixed_numbers,
    numbers_of,
    stage,
    table_blocks,
)
from vaekit.data.files.frames import ChosenColumns, Missing, chosen_columns
from vaekit.data.files.reading import (
    TABLE_ENDINGS,  # noqa: F401 (for those who read tables)
    is_frame,
    read_table,
    table_files,
    table_name,
)
from vaekit.data.parting import random_parts
from vaekit.data.paths import files_state, sha256
from vaekit.data.splits import Splits
from vaekit.data.tables.columns import TableColumns
from vaekit.data.tables.doubts import warn_of_numbering
from vaekit.data.tables.mixed import Field
from vaekit.data.tables.row_names import RowNames
from vaekit.errors import VaekitError, VaekitWarning, warn
from vaekit.system.files import scratch
from vaekit.system.memory import warn_of_memory

_MANY_CELLS = 10**7  # cells whose reading takes long enough to be announced
_MEMORY_TIMES = 4  # the memory that reading takes, by the size of the files


def table(
    source: Any,
    columns: Sequence[str | int] | None = None,
    label: str | int | None = None,
    scale: Literal["standard", "minmax", "none"] | None = "standard",
    missing: Missing | None = None,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    holdout: float = 0.0,
    seed: int = 0,
    mmap: bool = False,
    without: Sequence[str | int] | str | int | None = None,
    mixed: bool = False,
    laws: Mapping[str, str] | None = None,
) -> Dataset | Splits:
    """Load the numbers of a table as vectors (N, D): CSV or Parquet, or a data frame.

    A folder holds the part files of one table, in natural order of their names.

    `columns` are the ones to use (None: all but the label), `without` those to leave out in place
    of that, `label` a column of classes. `missing` says what to do about missing values: drop their
    rows, or fill in the mean or median of the column. `separator`, `decimal` and `encoding` are
    found where they are not given; `header=false` names the columns 1, 2, …. With a `holdout` > 0 a
    share is held out, and no part in what is learned. `mmap` reads the files block by block into a
    file of the cache and maps it, for more than memory holds.

    `mixed` takes text, classes and counts beside numbers, each column by a law of its own, which
    `laws` says for some (see `data.tables`), and leaves what is missing out of the likelihood.
    Raises `VaekitError` for text, missing or infinite values, unknown columns, damaged files, and a
    cache that cannot be written.
    """
    scale = scale or "none"  # which is what the bare word means in text
    if scale not in ("standard", "minmax", "none"):
        raise VaekitError(f"scale must be standard, minmax or none, got {scale!r}")
    if missing not in (None, "drop", "mean", "median"):
        raise VaekitError(f"missing must be drop, mean or median, got {missing!r}")
    how, label = How(separator, decimal, header, encoding), None if label is None else str(label)
    chosen = chosen_columns(columns, without)
    mixed = _mixed_asked(mixed, laws, mmap, missing)
    if mmap:
        made = mapped_table(source, how, chosen, label, missing, scale, (holdout, seed))
    else:
        _warn_of_size(source)
        whole = read_table(source, *how, words=mixed)
        if mixed:
            numbers, fields = mixed_numbers(whole, chosen, label, missing, laws)
        else:
            numbers, fields = numbers_of(whole, chosen, label, missing), ()
        scaling = _scaling(numbers, scale, missing, _train_rows(numbers, holdout, seed), fields)
        scaled = torch.from_numpy(scaling.scaled_floats(numbers.values, numbers.rows))
        classes = class_numbers(numbers.labels, len(scaled)) if numbers.labels is not None else None
        made = Dataset(scaled, classes, name=whole.name)
        names = () if len(numbers.rows) == len(whole.frame) else tuple(map(str, numbers.rows))
        more = {"label_names": numbers.label_names, "columns": scaling, "names": names}
        made = replace(made, files=whole.files, **more)
    if not holdout:
        return made
    train, test = random_parts(len(made), holdout, seed)
    return Splits(made.subset(train), made.subset(test))


def mapped_table(
    source: Any,
    how: How,
    columns: ChosenColumns,
    label: str | None,
    missing: Missing | None,
    scale: str | TableColumns,
    held_out: tuple[float, int] = (0.0, 0),
    cure: str | None = None,
) -> Dataset:
    """Map the scaled rows of a table from the cache, where they are put if needed.

    `scale` is the scaling to learn, without the rows that a share and a seed hold out, or one that
    was learned. Raises `VaekitError` as `table` does.
    """
    if is_frame(source):
        raise VaekitError("a data frame is in memory already: leave mmap out")
    files, what = table_files(source), str(Path(source).expanduser())
    places = [path.resolve() for path in files]
    before = files_state(places)

    def make(place: Path) -> None:
        with (
            warnings.catch_warnings(record=True) as notes,
            scratch(place / "numbers") as target,
            scratch(place / "rows") as beside,
        ):
            warnings.simplefilter("always", VaekitWarning)
            numbers = stage((target, beside), files, how, columns, label, missing, what, cure)
            scaling = scale
            if isinstance(scaling, str):
                scaling = _scaling(numbers, scaling, missing, _train_rows(numbers, *held_out))
            count, rows, labels = len(numbers.values), numbers.rows, numbers.labels
            arrays = {} if labels is None else {"labels": labels}
            arrays |= {"rows": rows} if len(rows) and rows[-1] >= count else {}

            def record() -> dict[str, Any]:
                sums = {path.name: sha256(path) for path in files}
                if files_state(places) != before:
                    raise VaekitError(
                        f"{what} changed while it was read: load it again once nothing is written "
                        "there any more"
                    )
                said = [str(n.message) for n in notes if issubclass(n.category, VaekitWarning)]
                made = {"of": what, "files": sums, "label_names": numbers.label_names}
                return {**made, "columns": scaling.plain(), "notes": said}

            pieces = (p.astype(np.float32) for p in scaling.scaled_pieces(numbers.values, rows))
            about = f"writing {count} rows of {what}" if numbers.values.size > _MANY_CELLS else ""
            store(place, count, pieces, record, about, lambda: arrays)

    asked = scale if isinstance(scale, str) else scale.plain()
    state = f"1 {before} {tuple(how)} {columns} {label} {missing} {asked} {held_out}"
    key = f"read-{hashlib.sha256(state.encode()).hexdigest()[:16]}"
    made = cached("table", key, make)
    with checking(made.folder):
        record, labels, rows = made.record, made.array("labels"), made.array("rows")
        data = Dataset(
            made.images,
            labels,
            name=table_name(source),
            files=record["files"],
            label_names=tuple(record["label_names"]),
            columns=TableColumns.from_plain(record["columns"]) if isinstance(scale, str) else scale,
            names=() if rows is None else RowNames(rows),
        )
    for note in record["notes"]:
        warn(note)
    return data


def column_names(source: Path | str, how: How) -> list[str]:
    """Return the names of the columns of a table's files, of which the beginning is read."""
    return next(table_blocks(table_files(source), how)).frame.columns


def _warn_of_size(source: Any) -> None:
    if not is_frame(source):
        size = sum(path.stat().st_size for path in table_files(source))
        cure = f"map it, \"table('{source}', mmap=true)\""
        warn_of_memory(f"{source}", _MEMORY_TIMES * size, cure)


def _train_rows(numbers: TableNumbers, holdout: float, seed: int) -> np.ndarray | None:
    """Return the rows to learn from, None for all."""
    return random_parts(len(numbers.rows), holdout, seed)[0].numpy() if holdout else None


def _scaling(
    numbers: TableNumbers,
    scale: str,
    missing: str | None,
    train: np.ndarray | None,
    fields: tuple[Field, ...] = (),
) -> TableColumns:
    """Learn the scaling from the rows to train on, and warn of columns that serve badly."""
    used, values = tuple(numbers.used), numbers.values
    scaling = TableColumns.of(used, values, scale, missing or "", numbers.eps, train, fields)
    warn_of_numbering(numbers)
    if scale == "none":
        warn_of_rounding(numbers.what, values, used, "scale=standard keeps them apart")
    return scaling


def _mixed_asked(mixed: Any, laws: Any, mmap: bool, missing: str | None) -> bool:
    """Tell whether columns are mixed; raise `VaekitError` for what does not go with it."""
    if not isinstance(mixed, bool) or not (laws is None or isinstance(laws, Mapping)):
        raise VaekitError(
            "write mixed=true, and laws by the name of their column, laws={income: student_t}"
        )
    if laws and not mixed:
        raise VaekitError("laws= says the laws of mixed columns: say mixed=true as well")
    if mixed and mmap:
        raise VaekitError("mixed columns are read into memory: leave mmap out")
    if mixed and missing in ("mean", "median"):
        raise VaekitError(
            "the model itself deals with what is missing in mixed columns: leave missing= out, or "
            "say missing=drop"
        )
    return mixed
