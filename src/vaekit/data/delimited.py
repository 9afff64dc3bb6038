"""Text with separators: which sign parts the columns, which the decimals, is there a header.

The first lines are read with each separator that comes into question. The right one gives every
line the same number of fields, and numbers where there are some. Comma, semicolon, tab, bar and
space are tried, as programs and countries write them. What stays open is asked for and not guessed:
a first line that holds a number, and commas that could be of thousands.
"""

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from vaekit.data.files import cause
from vaekit.errors import VaekitError, shortened

# What stands for a missing value everywhere, and what does among numbers: a class may be «none».
MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "NAN", "null", "NULL", "Null")
AMONG_NUMBERS = (*MISSING, "None", "none", "na", "-", "--", ".", "-nan")
_SEPARATORS = (",", ";", "\t", "|", " ")
_WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "space": " "}
_LINES, _BYTES = 20, 2**18  # read to find out: so many lines, or three where they are long
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Format:
    """Say how lines are read: their separator, the decimal sign, the names on the first line.

    `names` are numbers from 1 on where there is no header.
    """

    separator: str
    decimal: str
    header: bool
    names: tuple[str, ...]


def format_of(
    path: Path, separator: str | None, decimal: str | None, header: bool | None
) -> Format:
    """Find how a file is read, from its first lines; what is not None is taken as it is.

    Raises `VaekitError` for what is no text, and where the header or the decimals stay open.
    """
    lines = _head(path)
    if not lines:
        raise VaekitError(f"cannot read the table {path} (it is empty): export it again")
    chosen = _separator(lines) if separator is None else _asked(separator)
    rows = [_fields(line, chosen) for line in lines]
    sign = _decimal(path, chosen, rows) if decimal is None else decimal
    if sign not in (".", ","):
        raise VaekitError(f"decimal must be '.' or ',', got {decimal!r}")
    named = _has_header(path, rows[0], sign) if header is None else header
    names = rows[0] if named else [str(k + 1) for k in range(len(rows[0]))]
    return Format(chosen, sign, named, tuple(names))


def without_blank_lines(path: Path) -> bytes:
    """Read a whole file without its blank lines, which are no rows of missing values."""
    packed = path.suffix.lower() == ".gz"
    content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    return b"\n".join(line for line in content.splitlines() if line.strip())


def _asked(separator: str) -> str:
    found = _WORDS.get(separator, separator)
    if len(found.encode()) != 1 or found in '"\n\r' or found.isalnum():
        raise VaekitError(
            f"separator must be one character, such as ';', or {', '.join(_WORDS)}, "
            f"got {separator!r}"
        )
    return found


def _head(path: Path) -> list[str]:
    """Read the first lines that are not blank."""
    lines, size = [], 0
    try:
        with _opened(path) as file:
            for line in file:
                if line.strip():
                    lines.append(line.rstrip("\r\n"))
                size += len(line)
                if len(lines) >= _LINES or (size > _BYTES and len(lines) >= 3):
                    break
    except UnicodeDecodeError:
        raise _no_text(path) from None
    except (OSError, EOFError, zlib.error) as error:
        raise VaekitError(
            f"cannot read the table {path} ({cause(error)}): repair or export it again"
        ) from error
    if any("\0" in line for line in lines):
        raise _no_text(path)
    return lines


def _no_text(path: Path) -> VaekitError:
    return VaekitError(f"{path} is no text in UTF-8: save it as «CSV UTF-8», or as Parquet")


def _opened(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8-sig"))
    return path.open(encoding="utf-8-sig")


def _fields(line: str, separator: str) -> list[str]:
    """Cut a line into its fields, without the quotes and spaces around them."""
    if '"' not in line:
        return [field.strip() for field in line.split(separator)]
    mark = re.escape(separator)
    found = re.findall(rf'(?:^|{mark})\s*("(?:[^"]|"")*"|[^{mark}]*)', line)
    return [re.sub(r'^"(.*)"$', r"\1", f.strip()).replace('""', '"').strip() for f in found]


def _separator(lines: Sequence[str]) -> str:
    def merit(separator: str) -> tuple[float, int]:
        rows = [_fields(line, separator) for line in lines]
        width = len(rows[0])
        if width < 2 or any(len(row) != width for row in rows):
            return -1.0, 0
        cells = [cell for row in rows[1:] for cell in row] or rows[0]
        signs = ".," if separator != "," else "."
        return sum(_is_number(cell, signs) or cell in AMONG_NUMBERS for cell in cells) / len(
            cells
        ), width

    return max(_SEPARATORS, key=merit)


def _is_number(cell: str, signs: str) -> bool:
    plain = _NUMBER.fullmatch(cell) is not None
    return plain or ("," in signs and _COMMA.fullmatch(cell) is not None)


def _decimal(path: Path, separator: str, rows: Sequence[Sequence[str]]) -> str:
    cells = [cell for row in rows for cell in row if _COMMA.fullmatch(cell)]
    if separator == "," or not cells:
        return "."
    if all(_THOUSANDS.fullmatch(cell) for cell in cells):
        raise VaekitError(
            f"{path} has numbers such as {cells[0]!r}: say decimal=',' if the comma is the decimal "
            "sign; if it parts thousands export them without it"
        )
    return ","


def _has_header(path: Path, first: Sequence[str], decimal: str) -> bool:
    numbers = [cell for cell in first if _is_number(cell, decimal)]
    if numbers:
        raise VaekitError(
            f"{path} has no header row, or numbers in it ({shortened(numbers, 3)}): say "
            "header=false if the first line is data (columns are then named 1, 2, …), header=true "
            "if these are names"
        )
    return True
