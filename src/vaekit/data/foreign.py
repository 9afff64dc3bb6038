"""Files that are not read as they stand: other forms, by first bytes or ending, other encodings."""

import codecs
import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from vaekit.data.paths import reading
from vaekit.errors import VaekitError

_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
_READERS = {  # by their endings, with what of pandas reads them
    ".xlsx": ("an Excel workbook", "read_excel({})"),
    ".xls": ("an Excel workbook", "read_excel({})"),
    ".ods": ("a spreadsheet", "read_excel({})"),
    ".json": ("JSON", "read_json({})"),
    ".jsonl": ("JSON in lines", "read_json({}, lines=True)"),
    ".feather": ("a Feather file", "read_feather({})"),
    ".dta": ("a file of Stata", "read_stata({})"),
    ".sav": ("a file of SPSS", "read_spss({})"),
}


def foreign(path: Path) -> str:
    """Say what a file is that is not read as it stands, and what to do; "" for any other."""
    with path.open("rb") as file:
        start = file.read(100)
    form = _spreadsheet(path, start)
    for mark, kind in _PACKED.items():
        if start.startswith(mark) and not form:
            return f"is {kind}: unpack it"
    if start.startswith(b"\x1f\x8b") and path.suffix.lower() != ".gz":
        return f"is packed with gzip: name it {path.name}.gz, or unpack it"
    if start.startswith(b"PAR1"):
        return "is a Parquet file: name it .parquet"
    form = form or path.suffix.lower()
    if form not in _READERS:
        return ""
    kind, reader = _READERS[form]
    call = reader.format(repr(str(path)))
    return f"is {kind}, which is not read: save it as CSV, or in Python pass pandas.{call}"


def _spreadsheet(path: Path, start: bytes) -> str:
    """Return the ending that a spreadsheet has, whatever its name, "" for another file."""
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        return ".xls"
    if b"opendocument.spreadsheet" in start:
        return ".ods"
    if not (start.startswith(b"PK") and zipfile.is_zipfile(path)):
        return ""
    with zipfile.ZipFile(path) as archive:
        return ".xlsx" if any(name.startswith("xl/") for name in archive.namelist()) else ""


# ---- text in other encodings


def encoding_of(start: bytes, asked: str | None) -> tuple[str, bytes]:
    """Tell the encoding of a file by its first bytes, and which mark of UTF-8 stands there."""
    if asked is None:
        utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        name = "utf-16" if utf16 else "utf-8"
    else:
        name = _codec(asked)
    marked = name == "utf-8" and start.startswith(codecs.BOM_UTF8)
    return name, codecs.BOM_UTF8 if marked else b""


def _codec(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
        "a".encode(name)
    except (LookupError, TypeError):
        raise VaekitError(
            f"unknown encoding {encoding!r}: say utf8, utf16, latin1, cp1252 or another one"
        ) from None
    return name


def no_text(path: Path, encoding: str | None = None) -> VaekitError:
    """Build the error for a file that is no text, or text in an encoding that nobody said."""
    if encoding is not None and _codec(encoding) != "utf-8":
        return VaekitError(
            f"{path} is no text in {encoding}: say its own encoding=, or leave it out"
        )
    if said := foreign(path):
        return VaekitError(f"{path} {said}")
    return VaekitError(
        f"{path} is no text in UTF-8: save it as «CSV UTF-8», or as Parquet, or say encoding=, "
        "often encoding=latin1 or encoding=cp1252 (Windows), in table(…)"
    )


# ---- text


def utf8_chunks(path: Path, encoding: str | None, size: int = -1) -> Iterator[bytes]:
    """Read a file, packed or not, as text in UTF-8 without its mark, `size` bytes at a time."""
    packed = path.suffix.lower() == ".gz"
    with (
        reading(f"the table {path}", "text", "repair or export it again"),
        gzip.open(path) if packed else path.open("rb") as file,
    ):
        name, mark = encoding_of(file.read(4), encoding)
        file.seek(len(mark))
        if name == "utf-8":
            while chunk := file.read(size):
                yield chunk
            return
        text = io.TextIOWrapper(cast("IO[bytes]", file), name, newline="")
        with text:
            try:
                while words := text.read(size):
                    yield words.encode()
            except UnicodeError:
                raise no_text(path, encoding) from None


def unix_lines(content: bytes) -> bytes:
    """Return text whose lines end in CR alone, as old Macs write it, with LF in place of it."""
    return content if b"\n" in content else content.replace(b"\r", b"\n")


def record_end(content: bytes) -> int:
    """Return where the last whole record ends: after a line break outside of quotes, else 0."""
    end = content.rfind(b"\n") + 1
    while end and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end
