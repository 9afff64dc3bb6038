"""Text with separators: which sign parts the columns, which the decimals, is there a header.

The first lines are read with each separator that comes into question. The right one gives every
line the same number of fields, and numbers where there are some. Comma, semicolon, tab, bar and
space are tried, as programs and countries write them. What stays open is asked for and not guessed:
a first line that holds a number, and commas that could be of thousands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vaekit.data.files.lines import Head, head
from vaekit.errors import VaekitError, shortened

# What stands for a missing value everywhere, and what does among numbers: a class may be «none».
MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "NAN", "null", "NULL", "Null")
AMONG_NUMBERS = (*MISSING, "None", "none", "na", "-", "--", ".", "-nan")
_SEPARATORS = (",", ";", "\t", "|", " ")
_WORDS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "bar": "|", "space": " "}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_DOTTED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+")


@dataclass(frozen=True)
class Format:
    """Say how lines are read: their separator, the decimal sign, the names on the first line.

    `names` are numbers from 1 on where there is no header. The table begins below `above` lines.
    """

    separator: str
    decimal: str
    header: bool
    names: tuple[str, ...]
    encoding: str
    above: int


def format_of(
    path: Path,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> Format:
    """Find how a file is read, from its first lines; what is not None is taken as it is.

    Raises `VaekitError` for what is no text, and where the header or the decimals stay open.
    """
    found = _not_empty(path, head(path, encoding))
    chosen = _chosen(found, separator)
    rows = [_fields(line, chosen) for line in found.lines]
    sign = _decimal(path, chosen, rows) if decimal is None else decimal
    if sign not in (".", ","):
        raise VaekitError(f"decimal must be '.' or ',', got {decimal!r}")
    named = () if header is False else _names_above(found, chosen, rows[0])
    above = found.above - bool(named)
    first = named or rows[0]
    titled = bool(named) or _has_header(path, first, sign) if header is None else header
    names = first if titled else [str(k + 1) for k in range(len(first))]
    return Format(chosen, sign, titled, tuple(names), found.encoding, above)


def is_bare(path: Path) -> bool:
    """Tell whether the first line holds numbers and nothing else, and so no names."""
    found = _not_empty(path, head(path))
    first = _fields(found.lines[0], _chosen(found, None))
    return all(_is_number(cell, ".,") for cell in first)


def _not_empty(path: Path, found: Head) -> Head:
    if not found.lines:
        raise VaekitError(f"cannot read the table {path} (it is empty): export it again")
    return found


def _chosen(found: Head, separator: str | None) -> str:
    asked = found.separator if separator is None else separator
    return _separator(found.lines) if asked is None else _asked(asked)


def _names_above(found: Head, separator: str, first: Sequence[str]) -> list[str]:
    """Return the names that a line with # right above numbers holds, none where it is a comment."""
    names = [] if found.comment is None else _fields(found.comment, separator)
    fit = 2 <= len(names) == len(first) and any(_is_number(cell, ".,") for cell in first)
    return names if fit else []


def _asked(separator: str) -> str:
    found = _WORDS.get(separator, separator)
    if len(found.encode()) != 1 or found in '"\n\r' or found.isalnum():
        raise VaekitError(
            f"separator must be one character, such as ';', or {', '.join(_WORDS)}, "
            f"got {separator!r}"
        )
    return found


def _fields(line: str, separator: str) -> list[str]:
    """Cut a line into its fields, without the quotes and spaces around them."""
    if '"' not in line:
        return [field.strip() for field in line.split(separator)]
    mark = re.escape(separator)
    found = re.findall(rf'(?:^|{mark})\s*("(?:[^"]|"")*"|[^{mark}]*)', line)
    bare = [re.sub(r'^"(.*)"$', r"\1", field.strip(), flags=re.DOTALL) for field in found]
    return [field.replace('""', '"').strip() for field in bare]


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
        dotted = any(_DOTTED.fullmatch(cell) for row in rows for cell in row)
        return "," if dotted and separator != "," else "."
    if all(_THOUSANDS.fullmatch(cell) for cell in cells):
        raise VaekitError(
            f"{path} has numbers such as {cells[0]!r}: say decimal=',' if the comma is the decimal "
            "sign; if it parts thousands export them without it"
        )
    return ","


def _has_header(path: Path, first: Sequence[str], decimal: str) -> bool:
    numbers = [cell for cell in first if _is_number(cell, decimal)]
    missing = all(cell in AMONG_NUMBERS for cell in first) and any(first)
    if numbers or missing:
        kind, cells = ("numbers", numbers) if numbers else ("missing values", first)
        raise VaekitError(
            f"{path} has no header row, or {kind} in it ({shortened(cells, 3)}): say "
            "header=false if the first line is data (columns are then named 1, 2, …), header=true "
            "if these are names"
        )
    return True
