"""Missing cells of a table filled in by a run, and how well: on cells hidden on purpose."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from vaekit.arguments import check, fits
from vaekit.corruptions import Hidden
from vaekit.data import Dataset
from vaekit.data.files.reading import AsWritten, WrittenTable
from vaekit.data.files.tables import is_frame, read_table
from vaekit.data.tables.dates import dates_like
from vaekit.data.tables.mixed import Field, places, plain_cells
from vaekit.errors import VaekitError, warn
from vaekit.information.encoding import drawing
from vaekit.information.missing import ROW_CODES, imputed
from vaekit.runs.use.coding import prepared, read_examples, warn_of_far_rows
from vaekit.runs.use.mixed import columns_of

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

RARE = 20  # hidden cells of a column: of fewer an error says little


class Filled(NamedTuple):
    """Hold a table with its missing cells filled in, and how many these were of each column.

    Where the table is a file of text, `written` has the cells that were there as they stand in it.
    """

    table: pl.DataFrame
    cells: dict[str, int]
    written: WrittenTable | None


def impute(
    run: "Run",
    x: Any = None,
    condition: Any = None,
    samples: int = ROW_CODES,
    draw: bool = False,
    seed: int = 0,
) -> pl.DataFrame:
    """Return a table with the missing cells of the run's columns filled in, all else as it is.

    x is a file or a frame with the run's columns, and others that stay; None: the run's own test
    part. A cell is filled with its mean given what is known of its row, or the likeliest class, by
    `samples` weighed codes; with `draw` by one draw, so that several seeds show what is uncertain.
    Raises `VaekitError` for a run of other data, and for rows that do not fit.
    """
    return fill_in(run, x, condition, samples, draw, seed).table


def fill_in(run: "Run", x: Any, condition: Any, samples: int, draw: bool, seed: int) -> Filled:
    """Return what `impute` does, and how many cells were filled in."""
    check("draw", draw, bool, False)
    columns = columns_of(run)
    given, own, as_written = _read(run, x)
    data, c = prepared(run, given, condition)
    assert isinstance(data, Dataset)
    if own is None:
        own = columns.typed(run.schema.own(data.batch()))
    made = columns.typed(run.schema.own(imputed(run.model, data, samples, draw, seed, c)))
    gone = {field.name: _gone(own[field.name]) for field in columns.fields}
    filled = own.with_columns(_filled(f, own[f.name], made[f.name]) for f in columns.fields)
    empty = sum(filled.select(list(gone)).null_count().row(0))
    if empty:
        warn(
            f"{empty} cells stay empty, for the model gives no finite number there: look for "
            "values far outside the training data in their rows"
        )
    written = None if as_written is None else as_written()
    if written is not None:
        cells = written.cells.with_columns(
            _filled_text(f, written.cells[f.name], own[f.name], made[f.name], written.decimal)
            for f in columns.fields
        )
        written = written._replace(cells=cells)
    return Filled(filled, {name: int(each.sum()) for name, each in gone.items()}, written)


def _gone(own: pl.Series) -> pl.Series:
    gone = own.is_nan() | own.is_null() if own.dtype.is_float() else own.is_null()
    return gone.fill_null(True)


def _filled(field: Field, own: pl.Series, made: pl.Series) -> pl.Series:
    """Fill in a column where its cells are missing, in its own form, and type if that holds it.

    Bytes and objects become text.
    """
    own = plain_cells(own) if own.dtype in (pl.Binary, pl.Object) else own
    gone = _gone(own)
    if not gone.any():
        return own
    made = _like(field, own, made)
    if own.dtype.is_float() and made.dtype.is_integer() and _are_whole(own.filter(~gone)):
        own = own.fill_nan(None).cast(pl.Int64)  # floats for their holes alone
    elif own.dtype.is_integer() and made.dtype.is_float():
        own = own.cast(pl.Float64)
    if own.dtype != pl.Null:
        cast = made.cast(own.dtype, strict=False)
        if not (gone & cast.is_null() & made.is_not_null()).any():
            return own.zip_with(~gone, cast)
    cells = zip(own.to_list(), made.to_list(), gone.to_list(), strict=True)
    return pl.Series(own.name, [new if empty else old for old, new, empty in cells], strict=False)


def _filled_text(
    field: Field, cells: pl.Series, own: pl.Series, made: pl.Series, decimal: str
) -> pl.Series:
    """Fill in a column as it stands in a file, numbers with its decimal sign."""
    gone = _gone(own)
    if not gone.any():
        return cells
    like = _like(field, cells.str.strip_chars() if field.levels else own, made)
    words = ["" if v is None else str(v) for v in like.to_list()]
    if made.dtype.is_float():
        words = [word.replace(".", decimal) for word in words]
    return cells.zip_with(~gone, pl.Series(cells.name, words, pl.String))


def _like(field: Field, own: pl.Series, made: pl.Series) -> pl.Series:
    """Return what was made in the form of a column: its dates, and its words for classes."""
    if field.date:
        return dates_like(own, made, field.date)
    if not field.levels or own.dtype.is_numeric():
        return made
    known = dict(zip(field.words(own.to_list()), own.to_list(), strict=True))
    levels = zip(field.words(made.to_list()), made.to_list(), strict=True)
    return pl.Series(made.name, [known.get(word, level) for word, level in levels], strict=False)


def _are_whole(numbers: pl.Series) -> bool:
    return bool(((numbers % 1 == 0) & (numbers.abs() <= 2**53)).all())


def _read(run: "Run", x: Any) -> tuple[Dataset, pl.DataFrame | None, AsWritten | None]:
    """Return rows on the run's scale, the table that they stand in, and what reads its text."""
    if is_frame(x):
        table = read_table(x, words=True)
        data = run.schema.admitted(table)
        warn_of_far_rows(run, data)
        return data, table.frame, None
    if not (x is None or isinstance(x, str | Path)):
        raise VaekitError(
            "what is missing is filled in in a table: give a file or a data frame, got "
            f"{type(x).__name__}"
        )
    given = read_examples(run, x)
    return given.data, given.table, given.as_written


class Imputation(NamedTuple):
    """Hold how well `hidden` cells of a column were filled in, and how well without a model.

    Errors are as `Field.error` says; `baseline` is that of the mean of the cells that were left, or
    of the commonest class, NaN where none was left.
    """

    field: Field
    hidden: int
    error: float
    baseline: float


def imputation_errors(
    run: "Run",
    x: Any = None,
    condition: Any = None,
    hide: float = 0.2,
    samples: int = ROW_CODES,
    seed: int = 0,
) -> list[Imputation]:
    """Hide a share of the known cells at random, fill them in, and compare, column by column.

    Raises `VaekitError` for a share that is not within (0, 1), and as `impute` does.
    """
    columns = columns_of(run)
    if not (fits(hide, float) and 0 < hide < 1):
        raise VaekitError(f"hide is a share of the cells between 0 and 1, got {hide!r}")
    data = _read(run, x)[0]
    data, c = prepared(run, data, condition)
    assert isinstance(data, Dataset)
    whole = data.batch()
    fields = columns.fields
    with drawing(seed):
        seen = Hidden(hide, [field.width for field in fields])(whole)
    every = Dataset(seen, data.batch_labels(), columns=columns)
    made = run.schema.own(imputed(run.model, every, samples, False, seed, c))
    true, kept = run.schema.own(whole), run.schema.own(seen)
    found = list[Imputation]()
    for field, part in places(fields):
        seen_here = ~np.isnan(kept[:, part]).any(1)
        known = ~seen_here & ~np.isnan(true[:, part]).any(1)
        if known.any():
            left = kept[seen_here, part]
            error = field.error(true[known, part], made[known, part])
            base = field.error(true[known, part], left.mean(0)) if len(left) else float("nan")
            found.append(Imputation(field, int(known.sum()), error, base))
    if not found:
        raise VaekitError(
            f"no known cell was hidden, for hide={hide:g} is too small a share of these: give a "
            "larger one, such as hide=0.2, or more rows"
        )
    few = [each.field.name for each in found if each.hidden < RARE]
    if few:
        warn(f"fewer than {RARE} cells were hidden of {', '.join(few)}: give more rows")
    return found
