"""Text with separators: which sign parts the columns, which the decimals, is there a header.

UTF-8 and, with its mark at the start, UTF-16 are told from the file; another encoding is said.
Above the table may stand lines that begin with #, and Excel's `sep=;`: both are passed over.

The first lines are read with each separator that comes into question. The right one gives every
line the same number of fields, and numbers where there are some. Comma, semicolon, tab, bar, space
and runs of blanks, which align columns of numbers, are tried, as programs and countries write them.
What stays open is asked for and not guessed: a first line that holds a number, and commas that
could be of thousands.
"""

import io
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vaekit.data.foreign import no_text, unix_lines, utf8_chunks
from vaekit.errors import VaekitError, shortened

# What stands for a missing value everywhere, and what does among numbers: a class may be «none».
MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "NAN", "null", "NULL", "Null")
AMONG_NUMBERS = (*MISSING, "None", "none", "na", "-", "--", ".", "-nan")
_ALIGNED = "  "  # runs of blanks
_SEPARATORS = (",", ";", "\t", "|", " ", _ALIGNED)
_QUOTED_OR_BLANK = re.compile(rb'("(?:[^"]|"")*")|[ \t]+')
_SEPARATOR_WORDS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "bar": "|",
    "space": " ",
}
_PLAIN_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
_DOTTED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+,\d+")
_LINES, _LENGTH = 20, 2**18  # read to find out: so many lines, or three where they are long
_MOST_NUMBERS = 0.5  # of cells below a title: words may have spaces
_SEP = re.compile(r'"?sep=(\\t|.)"?', re.IGNORECASE)
# A quoted field that the end of the line does not end.
_OPEN = re.compile(r'(?:^|[,;\t|])\s*"(?:[^"]|"")*$')


@dataclass(frozen=True)
class Text:
    """Hold the text of a table in UTF-8, and how it is written: separator, decimal sign, header.

    `names` are those of the columns, numbers from 1 on where there is no header.
    """

    content: bytes
    separator: str
    decimal: str
    header: bool
    names: tuple[str, ...]
    aligned: bool = False

    def parted(self) -> "Text":
        """Return the text with a single blank where runs of them align its columns."""
        return replace(self, content=_unaligned(self.content)) if self.aligned else self

    def without_blank_lines(self) -> bytes:
        """Return the content without blank lines, which are no rows of missing values."""
        return b"\n".join(line for line in self.content.splitlines() if line.strip())


def text_of(
    path: Path,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    plain: bool = False,
) -> Text:
    """Read a file, and find how it is written; what is not None is taken as it is.

    With `plain` a first line of nothing but numbers is no header, without a question. Raises
    `VaekitError` for what is no text, and where the header or the decimals stay open.
    """
    return text_in(
        path, b"".join(utf8_chunks(path, encoding)), separator, decimal, header, encoding, plain
    )


def text_in(
    path: Path,
    content: bytes,
    separator: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    plain: bool = False,
) -> Text:
    """Find how the content of a file, or its beginning, is written, as `text_of` does."""
    content = unix_lines(content)
    above, lines = _first_lines(path, content)
    if not lines:
        raise VaekitError(f"cannot read the table {path} (it is empty): export it again")
    marks = [m[1].replace("\\t", "\t") for line in above if (m := _SEP.fullmatch(line))]
    mark = next(iter(marks), None) if separator is None else separator
    sign = _separator(lines) if mark is None else _separator_asked(mark, lines)
    rows = [_fields(line, sign) for line in lines]
    _check_widths(path, rows, sign)
    point = _decimal(path, sign, rows) if decimal is None else decimal
    if point not in (".", ","):
        raise VaekitError(f"decimal must be '.' or ',', got {decimal!r}")
    if plain and all(_is_numeric(cell, ".,") for cell in rows[0]):
        header = False
    named = [] if header is False else _names_in(above[-1:], sign, rows[0])
    first = named or rows[0]
    titled = bool(named) or _has_header(path, first, point) if header is None else header
    names = first if titled else [str(k + 1) for k in range(len(first))]
    skipped = len(above) - bool(named) if any(above) else 0
    below = content.split(b"\n", skipped)[-1] if skipped else content
    below = below.lstrip().removeprefix(b"# ") if named and not sign.strip(" ") else below
    aligned = sign == _ALIGNED
    return Text(below, " " if aligned else sign, point, titled, tuple(names), aligned)


# ---- its lines


def _first_lines(path: Path, content: bytes) -> tuple[list[str], list[str]]:
    """Return the lines above a table, blank ones too, and its first that are not blank.

    Lines that a quoted line break parts are joined; one that stays open at the end is left out.
    """
    above: list[str] = []
    lines: list[str] = []
    size = 0
    try:
        file = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")
        for line in file:
            bare = line.strip(" \r\n")
            is_sep = _SEP.fullmatch(bare) is not None and not any(above)
            if bare and not is_sep and not bare.startswith("#"):
                file = itertools.chain([line], file)
                break
            above.append(bare)
        for line in file:
            size += len(line)
            lines += [line.rstrip("\r\n")] if line.strip() else []
            if len(lines) >= _LINES or (size > _LENGTH and len(lines) >= 3):
                break
    except UnicodeError:
        raise no_text(path) from None
    if any("\0" in line for line in (*above, *lines)):
        raise VaekitError(
            f"{path} is no text in UTF-8, for it holds a NUL byte: remove such bytes, or say "
            "encoding=utf16 if that is what it is written in"
        )
    return above, _joined_records(lines)


def _joined_records(lines: Iterable[str]) -> list[str]:
    records: list[str] = []
    open_: list[str] = []
    for line in lines:
        open_.append(line)
        joined = "\n".join(open_)
        if '"' not in joined or _OPEN.search(joined) is None:
            records.append(joined)
            open_ = []
    return records or open_


# ---- its fields


def _separator_asked(separator: str, lines: Sequence[str]) -> str:
    sign = _SEPARATOR_WORDS.get(separator, separator)
    if len(sign.encode()) != 1 or sign in '"\n\r' or sign.isalnum():
        raise VaekitError(
            f"separator must be one character, such as ';', or {', '.join(_SEPARATOR_WORDS)}, "
            f"got {separator!r}"
        )
    return _separator(lines, (" ", _ALIGNED)) if sign == " " else sign


def _unaligned(content: bytes) -> bytes:
    one = _QUOTED_OR_BLANK.sub(lambda match: match[1] or b" ", content)
    return re.sub(rb"(?m)^ | (?=\r?$)", b"", one)


def _separator(lines: Sequence[str], among: Sequence[str] = _SEPARATORS) -> str:
    """Find what parts all lines alike, or those of numbers below a first that is something else."""

    def merit(separator: str, first: int = 0) -> tuple[float, int]:
        rows = [_fields(line, separator) for line in lines[first:]]
        width = len(rows[0])
        unequal = width < 2 or any(len(row) != width for row in rows)
        if unequal or (separator == " " and not all(map(any, zip(*rows, strict=True)))):
            return -1.0, 0
        cells = [cell for row in rows[1:] for cell in row] or rows[0]
        signs = ".," if separator != "," else "."
        numbers = sum(_is_numeric(cell, signs) or cell in AMONG_NUMBERS for cell in cells)
        share = numbers / len(cells)
        words = separator == _ALIGNED and among is _SEPARATORS and share <= _MOST_NUMBERS
        return (-1.0, 0) if words else (share, width)

    best = max(among, key=merit)
    if merit(best)[0] < 0 and len(lines) > 1:
        below = max(among, key=lambda separator: merit(separator, 1))
        return below if merit(below, 1)[0] > _MOST_NUMBERS else best
    return best


def _check_widths(path: Path, rows: Sequence[Sequence[str]], separator: str) -> None:
    """Raise `VaekitError` where the first line has fewer fields than all others have."""
    widths = {len(row) for row in rows[1:]}
    if len(widths) == 1 and len(rows[0]) < (width := widths.pop()):
        raise VaekitError(
            f"cannot read the table {path}: its first line ({shortened(rows[0], 3)}) has "
            f"{len(rows[0])} of the {width} fields that those below have with the separator "
            f"{separator!r}: say separator= if it is another, remove a title, or name row names "
            "too (in R: write.csv)"
        )


def _fields(line: str, separator: str) -> list[str]:
    """Cut a line into its fields, without the quotes and spaces around them."""
    if separator == _ALIGNED:
        line, separator = _unaligned(line.encode()).decode(), " "
    if '"' not in line:
        return [field.strip() for field in line.split(separator)]
    mark = re.escape(separator)
    gap = r"[^\S\t]*" if separator == "\t" else r"\s*"  # tabs part empty fields
    fields = re.findall(rf'(?:^|{mark}){gap}("(?:[^"]|"")*"|[^{mark}]*)', line)
    bare = [re.sub(r'^"(.*)"$', r"\1", field.strip(), flags=re.DOTALL) for field in fields]
    return [field.replace('""', '"').strip() for field in bare]


def _is_numeric(cell: str, signs: str) -> bool:
    plain = _PLAIN_NUMBER.fullmatch(cell) is not None
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


def _names_in(above: Sequence[str], separator: str, first: Sequence[str]) -> list[str]:
    """Return the names that a line with # right above numbers holds, none where it is a comment."""
    hash_ = "" if separator.strip(" ") else "# "  # which blanks part from the first name
    marked = [line.removeprefix(hash_) for line in above if line.startswith("#")]
    names = [name for line in marked for name in _fields(line, separator)]
    fit = 2 <= len(names) == len(first) and any(_is_numeric(cell, ".,") for cell in first)
    return names if fit else []


def _has_header(path: Path, first: Sequence[str], decimal: str) -> bool:
    numbers = [cell for cell in first if _is_numeric(cell, decimal)]
    missing = all(cell in AMONG_NUMBERS for cell in first) and any(first)
    if numbers or missing:
        kind, cells = ("numbers", numbers) if numbers else ("missing values", first)
        raise VaekitError(
            f"{path} has no header row, or {kind} in it ({shortened(cells, 3)}): say "
            "header=false if the first line is data (columns are then named 1, 2, …), header=true "
            "if these are names"
        )
    return True
