"""Where the files of sets are found, and how it is known that they are the right ones.

Three places are looked through in order: the `data_dir` of the caller, the folder named by the
environment variable VAEKIT_DATA, the user's cache; in each, the sub-folder of the set's name before
the folder itself. What is in none of them is downloaded from the set's public home into the cache.

A published checksum names content, and gzip wrappers differ between copies of the same content
(level, time stamp, file name). So MD5 sums as published are compared with the *unpacked* bytes; the
sha256 that goes into the run's record is that of the file as it lies on the disk.
"""

import gzip
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vaekit.errors import VaekitError
from vaekit.system.files import place

_VARIABLE = "VAEKIT_DATA"
_CURE = f"pass --data-dir (data_dir=), or set ${_VARIABLE}, to a folder that holds it"
UNCHECKED = "pass check=false to use it as it is"


@dataclass(frozen=True)
class Home:
    """Say where a public set `name` is at home: an address, to which names of files are appended.

    `folders` are the sub-folders that copies of it lie in, besides that of its name. Where the set
    is one `file`, `checksum` is the MD5 or sha256 of that.
    """

    name: str
    address: str
    folders: tuple[str, ...] = ()
    file: str = ""
    checksum: str = ""

    def get(self, path: Path | str | None, data_dir: Path | str | None, check: bool) -> Path:
        """Return the one file of the set: that at `path`, or the one found, or else downloaded.

        With `check` its checksum is compared. Raises `VaekitError` as `find` does, and for another
        file than the published one.
        """
        if path is None:
            file = self.find((self.file,), data_dir, self.checksum if check else "")
        else:
            file = existing_file(path, self.file)
        if check:
            check_sum(file, self.checksum)
        return file

    def locate(self, names: Sequence[str], data_dir: Path | str | None) -> Path | None:
        """Return the first of `names`, each a file or a folder, that is in the usual places.

        None if there is none. Raises `VaekitError` where `data_dir` is no folder.
        """
        return next((path for path in self._candidates(names, data_dir) if path.exists()), None)

    def find(self, names: Sequence[str], data_dir: Path | str | None, checksum: str = "") -> Path:
        """Return the first file of `names` that exists, or download `names[0]`.

        `checksum` is the MD5 or sha256 of that download. Raises `VaekitError` where `data_dir` is
        no folder, or the file is nowhere and cannot be had.
        """
        for path in self._candidates(names, data_dir):
            if path.is_file():
                return path
        return self._download(names[0], data_dir, checksum)

    def _candidates(self, names: Sequence[str], data_dir: Path | str | None) -> Iterator[Path]:
        for root in _data_folders(data_dir):
            for folder in (self.name, *self.folders, "."):
                yield from (root / folder / name for name in names)

    def absent(self, wanted: str, data_dir: Path | str | None) -> VaekitError:
        """Build the error for files that are in no place and cannot be downloaded from here."""
        return VaekitError(
            f"{self.name}: in none of {self._searched(data_dir)} is {wanted}.\n"
            f"It is not downloaded: get it from {self.address}, and {_CURE}."
        )

    def _searched(self, data_dir: Path | str | None) -> str:
        return ", ".join(str(place / self.name) for place in _data_folders(data_dir))

    def _download(self, name: str, data_dir: Path | str | None, checksum: str) -> Path:
        import pooch

        expected = f"{_checksum_kind(checksum)}:{checksum}" if checksum else None
        try:
            folder = cache() / self.name
            return Path(pooch.retrieve(self.address + name, expected, fname=name, path=folder))
        except (OSError, ValueError) as error:
            raise VaekitError(
                f"{self.name}: {name} is not in {self._searched(data_dir)}, and the download from "
                f"{self.address} failed ({cause(error)}).\n"
                f"To provide the file, {_CURE}."
            ) from error


def cache() -> Path:
    """Return the folder of the user's cache, which need not exist yet."""
    import pooch

    return Path(pooch.os_cache("vaekit"))


def _data_folders(data_dir: Path | str | None) -> list[Path]:
    own = [] if data_dir is None else [place(data_dir, "the data folder")]
    if own and not own[0].is_dir():
        raise no_folder(own[0])
    shared = os.environ.get(_VARIABLE)
    return [*own, *([Path(shared).expanduser()] if shared else []), cache()]


def no_folder(data_dir: Path | str) -> VaekitError:
    """Build the error for a folder of data that is not there."""
    return VaekitError(f"the data folder {data_dir} does not exist: correct --data-dir (data_dir=)")


# ---- paths that a user names


def existing(path: Path | str, what: str) -> Path:
    """Expand the path of a file or folder; raise `VaekitError` where there is neither."""
    expanded = place(path, what)
    if not expanded.exists():
        raise VaekitError(f"there is no file or folder {expanded}: correct the path of {what}")
    return expanded


def existing_file(path: Path | str, what: str) -> Path:
    """Expand the path of a file; raise `VaekitError` where there is none."""
    expanded = place(path, what)
    if expanded.is_dir():
        raise VaekitError(f"{expanded} is a folder, not {what}: name the file in it")
    if not expanded.is_file():
        raise VaekitError(f"there is no file {expanded}: correct the path of {what}")
    return expanded


# ---- content


@contextmanager
def reading(
    path: Path | str,
    kind: str,
    cure: str = "get it again",
    errors: tuple[type[Exception], ...] = (Exception,),
) -> Iterator[None]:
    """Raise `VaekitError` for the errors that damaged content leads a reader inside to.

    `kind` says what the file should be, «an HDF5 file», and `cure` what can be done.
    """
    try:
        yield
    except (VaekitError, MemoryError):
        raise
    except errors as error:
        raise VaekitError(f"cannot read {path} as {kind} ({cause(error)}): {cure}") from error


def cause(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def unpacked(path: Path) -> bytes:
    """Read the content of a file, which a gzip wrapper may surround.

    Raises `VaekitError` where it cannot be read or unpacked.
    """
    with reading(path, "a whole gzip file"):
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def sha256(path: Path) -> str:
    """Compute the sha256 of a file, as 64 hex digits, without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(path: Path) -> str:
    """Tell one state of a file from another by its size and times, without reading it."""
    try:
        about = path.stat()
    except OSError as error:
        return cause(error)
    return f"{about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"


def files_state(paths: Iterable[Path]) -> str:
    """Tell one state of files from another by their places too, as 64 hex digits."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path}\0{file_state(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def check_sum(path: Path, expected: str, content: bytes | None = None) -> None:
    """Compare a file, or its unpacked content, with its published MD5 or sha256.

    Raises `VaekitError` with both where they differ.
    """
    kind = _checksum_kind(expected)
    with path.open("rb") if content is None else io.BytesIO(content) as file:
        digest = hashlib.file_digest(file, kind).hexdigest()
    if digest != expected.lower():
        raise VaekitError(
            f"{path} is not the published file: its {kind} is {digest}, expected {expected}.\n"
            f"Get it again (delete it where it was downloaded), or {UNCHECKED}."
        )


def _checksum_kind(checksum: str) -> str:
    return "md5" if len(checksum) == 32 else "sha256"


def check_count(path: Path, what: str, count: int, published: int) -> None:
    """Raise `VaekitError` where a copy does not hold as many of `what` as the published set."""
    if count != published:
        raise VaekitError(
            f"{path} holds {count} {what}, the published set {published}: get it again, or "
            f"{UNCHECKED}"
        )
