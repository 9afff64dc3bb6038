"""The lines of a text file that holds a table: their encoding, and what stands above the table.

UTF-8 and, with its mark at the start, UTF-16 are told from the file; another encoding is said.
Above the table may stand lines that begin with #, and Excel's `sep=;`: both are passed over.
"""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from vaekit.data.paths import cause
from vaekit.errors import VaekitError

_LINES, _BYTES = 20, 2**18  # read to find out: so many lines, or three where they are long
_UTF8 = "utf-8-sig"
_SEP = re.compile(r'"?sep=(\\t|.)"?', re.IGNORECASE)
# A quoted field that the end of the line does not end.
_OPEN = re.compile(r'(?:^|[,;\t|])\s*"(?:[^"]|"")*$')


@dataclass(frozen=True)
class Head:
    """Hold the first lines of a table that are not blank, and how many lines stand above them.

    `comment` is the last line above that begins with #, where nothing is between; `separator` the
    one that a line `sep=;` names.
    """

    lines: list[str]
    above: int
    encoding: str
    comment: str | None = None
    separator: str | None = None


def head(path: Path, encoding: str | None = None) -> Head:
    """Read the first lines of a table; raise `VaekitError` for what is no text."""
    try:
        known = _encoding(path) if encoding is None else _asked(encoding)
        with _opened(path, known) as file:
            top, first = _top(file)
            lines = _records(_first(first, file))
    except UnicodeError:
        raise no_text(path, encoding) from None
    except (OSError, EOFError, zlib.error) as error:
        raise VaekitError(
            f"cannot read the table {path} ({cause(error)}): repair or export it again"
        ) from error
    if any("\0" in line for line in (*top, *lines)):
        raise no_text(path, encoding)
    comment = top[-1] if top and top[-1].startswith("#") else None
    named = [m[1].replace("\\t", "\t") for line in top if (m := _SEP.fullmatch(line))]
    return Head(lines, len(top) if any(top) else 0, known, comment, named[0] if named else None)


def content(path: Path, encoding: str, above: int) -> Path | bytes:
    """Return what a reader of UTF-8 is given: the file where it is that, else its text as such.

    The text begins below the first lines, as many as `above`. Raises `VaekitError` for what is no
    text.
    """
    if encoding == _UTF8 and not above:
        return path
    try:
        with _opened(path, encoding) as file:
            for _ in range(above):
                next(file)
            return file.read().encode()
    except UnicodeError:
        raise no_text(path, encoding) from None


def without_blank_lines(source: Path | bytes) -> bytes:
    """Read it all without its blank lines, which are no rows of missing values."""
    held = source if isinstance(source, bytes) else source.read_bytes()
    if not isinstance(source, bytes) and _is_packed(source):
        held = gzip.decompress(held)
    return b"\n".join(line for line in held.splitlines() if line.strip())


def no_text(path: Path, encoding: str | None = None) -> VaekitError:
    """Build the error for a file that is no text, or text in an encoding that nobody said."""
    if encoding not in (None, _UTF8):
        return VaekitError(
            f"{path} is no text in {encoding}: say its own encoding=, or leave it out"
        )
    return VaekitError(
        f"{path} is no text in UTF-8: save it as «CSV UTF-8», or as Parquet, or say encoding=, "
        "often encoding=latin1 or encoding=cp1252 (Windows), in table(…)"
    )


def _asked(encoding: str) -> str:
    try:
        found = codecs.lookup(encoding).name
        "a".encode(found)
    except (LookupError, TypeError):
        raise VaekitError(
            f"unknown encoding {encoding!r}: say utf8, utf16, latin1, cp1252 or another one"
        ) from None
    return _UTF8 if found == "utf-8" else found


def _encoding(path: Path) -> str:
    with gzip.open(path) if _is_packed(path) else path.open("rb") as file:
        mark = file.read(2)
    return "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _UTF8


def _opened(path: Path, encoding: str) -> IO[str]:
    if _is_packed(path):
        return cast(IO[str], gzip.open(path, "rt", encoding=encoding))
    return path.open(encoding=encoding)


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _top(file: IO[str]) -> tuple[list[str], str]:
    """Read the lines above the table, blank ones too, and the first that is not above it."""
    above: list[str] = []
    for line in file:
        plain = line.strip(" \r\n")
        is_sep = _SEP.fullmatch(plain) is not None and not any(above)
        if plain and not is_sep and not plain.startswith("#"):
            return above, line
        above.append(plain)
    return above, ""


def _first(first: str, file: IO[str]) -> Iterator[str]:
    """Yield lines that are not blank, as many as it takes to see how they are written."""
    size = count = 0
    for line in _after(first, file):
        size += len(line)
        if line.strip():
            count += 1
            yield line.rstrip("\r\n")
        if count >= _LINES or (size > _BYTES and count >= 3):
            return


def _after(first: str, file: IO[str]) -> Iterator[str]:
    yield first
    yield from file


def _records(lines: Iterator[str]) -> list[str]:
    """Join lines that a quoted line break parts; one that stays open at the end is left out."""
    found: list[str] = []
    open_: list[str] = []
    for line in lines:
        open_.append(line)
        joined = "\n".join(open_)
        if '"' not in joined or _OPEN.search(joined) is None:
            found.append(joined)
            open_ = []
    return found or open_
