"""Tables larger than memory, block by block: CSV by records, Parquet by row groups, part files.

Each block is a `Table` of its own, read as the whole file would be: separator, decimals and header
are those of the first lines, and a column is numbers where all of its cells are. A column of
classes stays text until all of it is seen. Of Parquet a row group is the least that is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vaekit.data.files.cells import cleaned
from vaekit.data.files.csv import Text, text_in
from vaekit.data.files.frames import FILL, Missing, Table, checked_table, warn_of_dropped
from vaekit.data.files.reading import (
    differing_columns,
    read_parquet,
    read_text,
    text_column,
)
from vaekit.data.foreign import record_end, unix_lines, utf8_chunks
from vaekit.data.tables.laws import fields_of
from vaekit.data.tables.mixed import Field, entries_of
from vaekit.errors import VaekitError
from vaekit.system.progress import steps

if TYPE_CHECKING:
    import polars as pl

TEXT, CELLS = 2**24, 2**23  # bytes of text, and cells of Parquet, in a block
_CLASSES = 100_000  # more of them are no classes


class How(NamedTuple):
    """Say how text is written, as the options of `table` do; None is found out."""

    separator: str | None = None
    decimal: str | None = None
    header: bool | None = None
    encoding: str | None = None


def table_blocks(files: list[Path], how: How, label: str | None = None) -> Iterator[Table]:
    """Yield the blocks of files that are parts of one table, in order; `label` stays text.

    Raises `VaekitError` as `read_table` does, and where files differ in their columns.
    """
    start, names = 0, list[str]()
    for path in files:
        parquet = path.suffix.lower() == ".parquet"
        for frame, decimal in _parquet(path) if parquet else _text_blocks(path, how, label):
            if not len(frame):
                continue
            last = start + len(frame) - 1
            what = f"{path}, rows {start} to {last}" if start or len(files) > 1 else str(path)
            block = checked_table(frame, what, "", {}, decimal, first=not start)
            names = names or block.frame.columns
            if block.frame.columns != names:
                raise differing_columns(files[0], path, names, block.frame.columns)
            yield replace(block, start=start)
            start += len(frame)
    if not start:
        raise VaekitError(f"{files[0]} has a header and no rows below it: export it with its rows")


def _parquet(path: Path) -> "Iterator[tuple[pl.DataFrame, str]]":
    start, frame = 0, read_parquet(path, 0, 1)
    step = max(1, CELLS // max(1, frame.width))
    while len(frame):
        frame = read_parquet(path, start, step)
        yield frame, "."
        start += len(frame)


def _text_blocks(path: Path, how: How, label: str | None) -> "Iterator[tuple[pl.DataFrame, str]]":
    for text in _records(path, how):
        content, frame = read_text(path, text)
        if label in text.names:
            column = text_column(content, text, text.names.index(label))
            frame = frame.with_columns(column.alias(label))
        yield frame, text.decimal


def _records(path: Path, how: How) -> Iterator[Text]:
    """Cut a file into blocks of whole records, of which the first alone has the header."""
    chunks = utf8_chunks(path, how.encoding, TEXT)
    text = text_in(path, next(chunks, b""), *how)
    rest = text.content
    for chunk in map(unix_lines, chunks):
        if (end := record_end(rest)) > 0:
            yield replace(text, content=rest[:end])
            text, rest = replace(text, header=False), rest[end:]
        rest += chunk
    yield replace(text, content=rest)


# ---- what blocks hold


class TableNumbers(NamedTuple):
    """Hold the numbers of a table: `values` (N, D) float64, NaN where missing, and what they are.

    `rows` (N,) are the rows of the table that they are, `used` names the columns, `labels` (N,) are
    classes by number. `integers` are columns whose type is that, `eps` (D,) the rounding of each.
    """

    values: np.ndarray
    rows: np.ndarray
    used: list[str]
    labels: np.ndarray | None
    label_names: tuple[str, ...]
    integers: frozenset[str]
    eps: np.ndarray
    what: str


def numbers_of(
    whole: Table, columns: Any, label: str | None, missing: Missing | None
) -> TableNumbers:
    """Return the numbers of a table in memory; raise `VaekitError` as `Table.numbers` does."""
    used = whole.used(columns, label)
    values, rows = whole.numbers(used, label, missing)
    labels, names = (None, ()) if label is None else whole.classes(label, rows)
    kinds = whole.frame.schema
    integers = frozenset(name for name in used if kinds[name].is_integer())
    return TableNumbers(values, rows, used, labels, names, integers, whole.eps(used), whole.what)


def mixed_numbers(
    whole: Table,
    columns: Any,
    label: str | None,
    missing: Missing | None,
    laws: Mapping[str, str] | None,
) -> tuple[TableNumbers, tuple[Field, ...]]:
    """Return the entries of mixed columns of a table in memory, and what the columns are.

    With `missing="drop"` rows are left out where something is missing. Raises `VaekitError` as
    `fields_of` and `entries_of` do.
    """
    used = whole.used(columns, label)
    rows = np.arange(len(whole.frame))
    if missing == "drop":
        there = whole.complete([*used, *([] if label is None else [label])])
        warn_of_dropped(whole.what, int((~there).sum()), len(there))
        whole, rows = replace(whole, frame=whole.frame.filter(there)), rows[there]
    fields = fields_of(whole, used, laws)
    values = entries_of(whole, fields)
    labels, names = (None, ()) if label is None else whole.classes(label)
    kinds = whole.frame.schema
    integers = frozenset(name for name in used if kinds[name].is_integer())
    eps = np.repeat(whole.eps(used), [field.width for field in fields])
    entries = [name for field in fields for name in field.entry_names()]
    return TableNumbers(values, rows, entries, labels, names, integers, eps, whole.what), fields


def stage(
    targets: tuple[Path, Path],
    files: list[Path],
    how: How,
    columns: Any,
    label: str | None,
    missing: Any,
    what: str,
    cure: str | None = None,
) -> TableNumbers:
    """Write the numbers of all blocks and their rows to `targets`, and map them.

    `TableNumbers` are as in memory.
    Raises `VaekitError` as `table` does.
    """
    used, integers, eps, dropped, count = list[str](), frozenset[str](), np.empty(0), 0, 0
    classes = _Classes(label)
    with targets[0].open("wb") as file, targets[1].open("wb") as rows:
        for block in steps(
            table_blocks(files, how, label), "rows read", lambda one: len(one.frame)
        ):
            if not used:
                used = block.used(columns, label)
                eps, integers = block.eps(used), frozenset(used)
            values, own = block.numbers(used, label, missing, cure or FILL, said=False)
            integers &= {n for n in used if block.frame.schema[n].is_integer()}
            file.write(np.ascontiguousarray(values).data)
            count, dropped = count + len(own), dropped + len(block.frame) - len(own)
            rows.write(np.ascontiguousarray(own, np.int64).data)
            classes.add(block, own - block.start)
    if dropped:
        warn_of_dropped(what, dropped, dropped + count)
    labels, names = classes.numbers()
    values = np.memmap(targets[0], np.float64, "r", shape=(count, len(used)))
    numbers = np.memmap(targets[1], np.int64, "r", shape=(count,))
    return TableNumbers(values, numbers, used, labels, names, integers, eps, what)


class _Classes:
    """Gather a column of classes block by block, each by its number in the order of coming."""

    def __init__(self, label: str | None):
        self.label, self.places = label, dict[Any, int]()
        self.parts = list[np.ndarray]()
        self.block: Table | None = None

    def add(self, block: Table, rows: np.ndarray) -> None:
        """Take `rows` (n,) of a block; raise `VaekitError` for missing classes and real numbers."""
        if self.label is None:
            return
        import polars as pl

        values = block.frame[self.label][rows]
        if values.null_count() or values.dtype.is_float() or values.dtype.is_nested():
            numbers, names = block.classes(self.label, rows + block.start)
            values = pl.Series(np.array([int(name) for name in names])[numbers])
        for value in values.unique().to_list():
            self.places.setdefault(value, len(self.places))
        if len(self.places) > _CLASSES:
            raise VaekitError(
                f"the label column {self.label!r} of {block.what} holds more than {_CLASSES} "
                "different values, which are no classes: name another column"
            )
        old, new = list(self.places), list(self.places.values())
        self.parts.append(values.replace_strict(old, new, return_dtype=pl.Int64).to_numpy())
        self.block = block

    def numbers(self) -> tuple[np.ndarray | None, tuple[str, ...]]:
        """Return the class of each row by its number in the order of their names, and the names."""
        if self.label is None or self.block is None:
            return None, ()
        import polars as pl

        values = pl.Series(self.label, list(self.places))
        frame = cleaned(values.to_frame(), self.block.decimal)
        if values.dtype == pl.String and set(values) <= {"true", "false"}:
            frame = (values == "true").to_frame()
        numbers, names = replace(self.block, frame=frame, start=0).classes(self.label)
        return numbers[np.concatenate(self.parts)], names
