"""Files as they are passed around: in a folder, a zip, or a tar under any compression.

Nothing is unpacked on the disk, so that a member named ../../x does no harm. A compressed tar can
only be read from its start, so all that is wanted of it is taken into memory in one pass; a zip and
a folder are read file by file. Names come in natural order, s2 before s10, whatever the packing:
the same files give the same rows.
"""

import hashlib
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vaekit.data.paths import cause, sha256
from vaekit.errors import VaekitError

_DAMAGE = (
    *(OSError, EOFError, RuntimeError, NotImplementedError),
    *(tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error),
)


@dataclass(frozen=True)
class Source:
    """Hold the names of the wanted files under `path`, and the way to the bytes of one."""

    path: Path
    names: tuple[str, ...]
    read: Callable[[str], bytes]


@contextmanager
def opened(path: Path, wanted: re.Pattern[str]) -> Iterator[Source]:
    """Open a folder or archive for the files whose names hold the pattern `wanted`.

    Names are relative, with forward slashes. Raises `VaekitError` for what is neither, and, here
    or in reading, for what is damaged.
    """
    if path.is_dir():
        found = [name for name in _walk(path) if wanted.search(name)]
        yield _source(path, found, lambda name: (path / name).read_bytes())
    elif zipfile.is_zipfile(path):
        with _reading(path):
            archive = zipfile.ZipFile(path)
        with archive:
            found = [name for name in archive.namelist() if wanted.search(name)]
            yield _source(path, found, archive.read)
    else:
        contents = _tar(path, wanted)
        yield _source(path, contents, contents.__getitem__)


def stamp(path: Path, wanted: re.Pattern[str]) -> str:
    """Tell one state of a folder or archive from another, as 64 hex digits.

    For an archive it is the sha256. The wanted files of a folder are not read, which can take
    minutes where they are many: their names, sizes and times tell whether one was changed.
    """
    if not path.is_dir():
        return sha256(path)
    digest = hashlib.sha256(str(path.resolve()).encode())
    for name in sorted(name for name in _walk(path) if wanted.search(name)):
        about = (path / name).stat()
        state = f"{name}\0{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}\n"
        digest.update(state.encode())
    return digest.hexdigest()


def natural(name: str) -> list[str | int]:
    """Return a key that sorts names by the numbers in them: s2 before s10."""
    return [int(part) if k % 2 else part for k, part in enumerate(re.split(r"([0-9]+)", name))]


def _source(path: Path, names: Iterable[str], read: Callable[[str], bytes]) -> Source:
    def safely(name: str) -> bytes:
        with _reading(path):
            return read(name)

    return Source(path, tuple(sorted(names, key=natural)), safely)


def _walk(root: Path) -> Iterator[str]:
    for folder, _, files in os.walk(root):
        below = Path(folder).relative_to(root)
        yield from ((below / name).as_posix() for name in files)


def _tar(path: Path, wanted: re.Pattern[str]) -> dict[str, bytes]:
    contents = {}
    with _reading(path), tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if wanted.search(member.name) else None
            if file is not None:  # no folder
                contents[member.name] = file.read()
        assert archive.fileobj is not None
        if archive.fileobj.tell() < archive.offset + tarfile.BLOCKSIZE:  # not said by tarfile
            raise tarfile.ReadError("it ends before its end mark")
    return contents


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise VaekitError(
            f"cannot read {path} ({cause(error)}): if it is damaged get it again; "
            "what is read are folders, .zip, .tar, .tar.gz and .tar.xz"
        ) from error
