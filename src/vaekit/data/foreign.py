"""Files in forms that are not read: what they are, by their first bytes or ending, and the cure."""

import zipfile
from pathlib import Path

_PACKED = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
}
_TABLES = {  # by their endings, with what of pandas reads them
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
    if form not in _TABLES:
        return ""
    kind, reader = _TABLES[form]
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
