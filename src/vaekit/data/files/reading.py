"""Tables read whole: text with separators, Parquet, data frames, and part files in a folder."""

from codecs import BOM_UTF8
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vaekit.data.archives import natural
from vaekit.data.files.cells import ZEROS, cleaned
from vaekit.data.files.csv import MISSING, Text, text_of
from vaekit.data.files.frames import Table, check_columns, checked_table
from vaekit.data.foreign import no_text
from vaekit.data.paths import cause, existing, existing_file, sha256
from vaekit.errors import VaekitError

if TYPE_CHECKING:
    import polars as pl

TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
_SEEN = 1000  # rows from which the types of columns are told; all would take five times as long


def read_table(
    source: Any,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    *,
    plain: bool = False,
    words: bool = False,
) -> Table:
    """Read a file, or a data frame of polars or pandas, as a table.

    With `plain` a file whose first line holds nothing but numbers has no names. With `words` true
    and false, and codes with zeros in front, stay the words that they are as text. Raises
    `VaekitError` for what is no table, has no rows, or has two columns of one name.
    """
    if is_frame(source):
        return checked_table(_converted(source, words), "the data frame", "frame", {})
    import polars as pl

    files = table_files(source)
    sums = {path.name: sha256(path) for path in files}
    parts = list[pl.DataFrame]()
    sign = "."
    for path in files:
        if path.suffix.lower() == ".parquet":
            parts.append(read_parquet(path))
            continue
        text = text_of(path, separator, decimal, header, encoding, plain)
        parts.append(read_text(path, text, words)[1])
        sign = text.decimal
    whole = _joined_files(files, parts)
    return checked_table(whole, str(Path(source).expanduser()), table_name(source), sums, sign)


def table_files(source: Path | str) -> list[Path]:
    """List the files of a table: one, or the parts in a folder, in natural order of their names.

    Raises `VaekitError` where there is none.
    """
    path = existing(source, "the table")
    if not path.is_dir():
        return [existing_file(path, "the table")]
    files = [p for p in path.iterdir() if p.name.lower().endswith(TABLE_ENDINGS) and p.is_file()]
    files = [p for p in files if not p.name.startswith((".", "_"))]
    if not files:
        raise VaekitError(
            f"{path} is a folder, not the table, and holds no part files of one "
            f"({', '.join(TABLE_ENDINGS)}): name the file in it"
        )
    return sorted(files, key=lambda file: natural(file.name))


def table_name(source: Path | str) -> str:
    """Return the name of a table without the ending of its file."""
    name = Path(source).expanduser().name
    return name.removesuffix(".gz").rpartition(".")[0] or name


def differing_columns(
    one: Path, other: Path, names: Sequence[str], others: Sequence[str]
) -> VaekitError:
    """Build the error for part files whose columns differ."""
    odd = sorted(set(names) ^ set(others))
    where = f"column {odd[0]!r}" if odd else "the order of their columns"
    return VaekitError(
        f"{one.name} and {other.name} are to be parts of one table, but differ in {where}: give "
        "all of them the same columns, or name one file by itself"
    )


def _joined_files(files: Sequence[Path], parts: "list[pl.DataFrame]") -> "pl.DataFrame":
    import polars as pl

    for path, part in zip(files, parts, strict=True):
        if part.columns != parts[0].columns:
            raise differing_columns(files[0], path, parts[0].columns, part.columns)
    try:
        return pl.concat(parts, how="vertical_relaxed") if len(parts) > 1 else parts[0]
    except pl.exceptions.PolarsError as error:
        raise VaekitError(
            f"the parts of the table in {files[0].parent} do not fit together ({cause(error)}): "
            "write each column with one type in all"
        ) from error


def is_frame(x: Any) -> bool:
    """Tell whether x is a data frame, of polars or pandas."""
    return hasattr(type(x), "shape") and hasattr(x, "columns") and hasattr(x, "dtypes")


def _converted(frame: Any, words: bool) -> "pl.DataFrame":
    import polars as pl

    names = [str(name) for name in frame.columns]
    check_columns("the data frame", names)
    if isinstance(frame, pl.DataFrame):
        return cleaned(frame, ".", words)
    columns = {n: _pandas_column(frame[c]) for n, c in zip(names, frame.columns, strict=True)}
    return cleaned(pl.DataFrame(columns, strict=False), ".", words)


def _pandas_column(column: Any) -> Any:
    """Return a column of pandas as numbers, or as a list with None where a value is missing."""
    values = column.to_numpy()
    if values.dtype.kind in "biuf":
        return values
    if values.dtype.kind in "Mm":  # of polars' units, whatever its own is
        return values.astype(f"{values.dtype.kind}8[us]")
    gone = column.isna().to_numpy().tolist()
    return [None if none else v for v, none in zip(values.tolist(), gone, strict=True)]


def read_parquet(path: Path, start: int = 0, count: int | None = None) -> "pl.DataFrame":
    """Read rows of a Parquet file, `count` from `start` on (None: all)."""
    import polars as pl

    try:
        return pl.scan_parquet(path, glob=False).slice(start, count).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


class WrittenTable(NamedTuple):
    """Hold the cells of a text file as they stand there, and the signs that it is written with."""

    cells: "pl.DataFrame"
    separator: str
    decimal: str
    line_end: str = "\n"
    encoding: str = "utf-8"  # utf-8-sig with the mark that Excel writes


AsWritten = Callable[[], WrittenTable | None]


def written_cells(
    source: Path,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> WrittenTable | None:
    """Read all cells of a table of text as text, None for a table in another form."""
    import polars as pl

    files = table_files(source)
    if any(path.suffix.lower() == ".parquet" for path in files):
        return None
    texts = [text_of(path, separator, decimal, header, encoding) for path in files]
    parts = [
        _text_cells(read_text(path, text)[0], text) for path, text in zip(files, texts, strict=True)
    ]
    with files[0].open("rb") as file:
        marked = file.read(3) == BOM_UTF8
    ends = "\r\n" if b"\r\n" in texts[0].content else "\n"
    encoding = "utf-8-sig" if marked else "utf-8"
    return WrittenTable(pl.concat(parts), texts[0].separator, texts[0].decimal, ends, encoding)


def read_text(path: Path, text: Text, words: bool = False) -> "tuple[bytes, pl.DataFrame]":
    """Read text as a frame, columns of numbers as such; the content is returned as it was read.

    `words` is as in `read_table`.
    """
    import polars as pl

    check_columns(str(path), text.names)
    text = text.parted()
    content = text.content
    try:
        frame = _csv(content, text)
        blank = pl.all_horizontal(pl.all().is_null())
        if frame.to_series(0).null_count() and frame.filter(blank).height:
            content = text.without_blank_lines()
            frame = _csv(content, text)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        raise _unreadable(path, error, text) from error
    return content, _with_words(content, text, frame) if words else cleaned(frame, text.decimal)


def _with_words(content: bytes, how: Text, frame: "pl.DataFrame") -> "pl.DataFrame":
    """Make columns numbers where they are, but keep words for truth and codes with zeros."""
    import polars as pl

    text = _text_cells(content, how).select(pl.all().str.strip_chars())
    text = text.select(pl.when(~pl.all().is_in(MISSING)).then(pl.all()))
    numbers = cleaned(frame, how.decimal)
    return pl.DataFrame(
        [
            text[name]
            if numbers[name].dtype == pl.Boolean
            or (numbers[name].dtype.is_numeric() and text[name].str.contains(ZEROS).any())
            else numbers[name]
            for name in numbers.columns
        ]
    )


def _text_cells(content: bytes, how: Text) -> "pl.DataFrame":
    import polars as pl

    options = {"separator": how.separator, "has_header": how.header}
    cells = pl.read_csv(content, **options, infer_schema=False)
    cells.columns = list(how.names)
    return cells


def text_column(content: bytes, how: Text, place: int) -> "pl.Series":
    """Read one column as text, without the spaces around it, null where it is missing."""
    import polars as pl

    value = pl.first().str.strip_chars()
    options = {"separator": how.separator, "has_header": how.header, "null_values": list(MISSING)}
    frame = pl.read_csv(content, **options, infer_schema=False, columns=[place])
    words = frame.select(value).select(pl.when(~pl.first().is_in(MISSING)).then(pl.first()))
    return words.to_series()


def _csv(content: bytes, how: Text) -> "pl.DataFrame":
    import polars as pl

    options = {"separator": how.separator, "has_header": how.header, "null_values": list(MISSING)}
    try:
        frame = pl.read_csv(content, **options, infer_schema_length=_SEEN)
    except pl.exceptions.ComputeError:  # another type further down: all as text, then
        frame = pl.read_csv(content, **options, infer_schema=False)
    places = [k for k, kind in enumerate(frame.dtypes) if kind.is_float()]
    if how.decimal == "," and places:  # polars took dots for decimals: as text they can be told
        text = pl.read_csv(content, **options, infer_schema=False, columns=places).get_columns()
        own = frame.get_columns()
        for place, column in zip(places, text, strict=True):
            own[place] = column
        frame = pl.DataFrame(own)
    # As they stand in the file: polars makes names where there are none, and changes others.
    frame.columns = list(how.names)
    return frame


def _unreadable(path: Path, error: BaseException, how: Text | None = None) -> VaekitError:
    if "invalid utf-8" in str(error):
        return no_text(path)
    said = cause(error).split(" Consider")[0]
    if how is not None:
        said += f"; its first line has {len(how.names)} fields with the separator {how.separator!r}"
    advice = "repair it" if how is None else "say separator= if it is another, repair it"
    return VaekitError(f"cannot read the table {path} ({said}): {advice}, or export it again")
