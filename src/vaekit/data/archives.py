"""Files as they are passed around: in a folder, a zip, or a tar under any compression.

Nothing is unpacked on the disk, so that a member named ../../x does no harm. A compressed tar can
only be read from its start, so all that is wanted of it is taken into memory in one pass; a zip and
a folder are read file by file. Names come in natural order, s2 before s10, whatever the packing:
the same files give the same rows.
"""

import hashlib
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vaekit.data.paths import files_state, reading, sha256

ARCHIVE_ENDINGS = (".zip", ".tar.xz", ".tar.gz", ".tar")


class FileSource:
    """Hold the names of the wanted files under `path`, and the way to the bytes of one."""

    def __init__(self, path: Path, names: Iterable[str], read: Callable[[str], bytes]):
        self.path, self.names = path, tuple(sorted(names, key=natural))
        self._read, self._digest = read, hashlib.sha256()

    def read(self, name: str) -> bytes:
        """Return the content of a file; raise `VaekitError` where it is damaged."""
        with _reading_archive(self.path):
            content = self._read(name)
        self._digest.update(name.encode() + b"\0" + content)
        return content

    def sha256(self) -> str:
        """Return that of an archive, or of the names and contents that were read of a folder."""
        return self._digest.hexdigest() if self.path.is_dir() else sha256(self.path)


@contextmanager
def open_files(path: Path, wanted: re.Pattern[str]) -> Iterator[FileSource]:
    """Open a folder or archive for the files whose names hold the pattern `wanted`.

    Names are relative, with forward slashes. Raises `VaekitError` for what is neither, and, here
    or in reading, for what is damaged.
    """
    if path.is_dir():
        yield FileSource(path, _wanted(path, wanted), lambda name: (path / name).read_bytes())
    elif zipfile.is_zipfile(path):
        with _reading_archive(path):
            archive = zipfile.ZipFile(path)
        with archive:
            yield FileSource(path, filter(wanted.search, archive.namelist()), archive.read)
    else:
        contents = _tar(path, wanted)
        yield FileSource(path, contents, contents.__getitem__)


def stamp(path: Path, wanted: re.Pattern[str]) -> str:
    """Tell one state of a folder or archive from another, as 64 hex digits.

    For an archive it is the sha256. The wanted files of a folder are not read, which can take
    minutes where they are many: their names, sizes and times tell whether one was changed.
    """
    if not path.is_dir():
        return sha256(path)
    root = path.resolve()
    return files_state(root / name for name in sorted(_wanted(root, wanted)))


def natural(name: str) -> list[str | int]:
    """Return a key that sorts names by the numbers in them: s2 before s10."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"([0-9]+)", name))]


def _wanted(root: Path, wanted: re.Pattern[str]) -> Iterator[str]:
    for folder, _, files in os.walk(root):
        below = Path(folder).relative_to(root)
        yield from filter(wanted.search, ((below / name).as_posix() for name in files))


def _tar(path: Path, wanted: re.Pattern[str]) -> dict[str, bytes]:
    contents = {}
    with _reading_archive(path), tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if wanted.search(member.name) else None
            if file is not None:  # no folder
                contents[member.name] = file.read()
        assert archive.fileobj is not None
        if archive.fileobj.tell() < archive.offset + tarfile.BLOCKSIZE:  # not said by tarfile
            raise tarfile.ReadError("it ends before its end mark")
    return contents


def _reading_archive(path: Path):
    return reading(path, "a folder, .zip, .tar, .tar.gz or .tar.xz")
