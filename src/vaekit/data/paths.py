"""Where the files of public sets are found, and how it is known that they are the right ones.

Three places are looked through in order: the `data_dir` of the caller, the folder named by the
environment variable VAEKIT_DATA, the user's cache; in each, the sub-folder of the set's name before
the folder itself. What is in none of them is downloaded from the set's public home into the cache.

A published checksum names content, and gzip wrappers differ between copies of the same content
(level, time stamp, file name). So MD5 sums as published are compared with the *unpacked* bytes; the
sha256 that goes into the run's record is that of the file as it lies on the disk.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from vaekit.errors import VaekitError

_VARIABLE = "VAEKIT_DATA"
_CURE = f"pass --data-dir (data_dir=), or set ${_VARIABLE}, to a folder that holds it"


def find(
    what: str,
    names: Sequence[str],
    data_dir: Path | str | None,
    home: str,
    checksum: str | None = None,
    folders: Sequence[str] = (),
) -> Path:
    """Find the file of set `what` under the first of `names` that exists, or download `names[0]`.

    `home` is the address that `names[0]` is appended to, `checksum` the MD5 or sha256 of that
    download, `folders` are sub-folders to look through besides that of the set's name. Raises
    `VaekitError` where `data_dir` is no folder, or the file is nowhere and cannot be had.
    """
    for path in _candidates(names, data_dir, (what, *folders)):
        if path.is_file():
            return path
    return _download(what, names[0], home, checksum, _places(data_dir))


def locate(
    names: Sequence[str], data_dir: Path | str | None, folders: Sequence[str]
) -> Path | None:
    """Find the first of `names`, each a file or a folder, in the usual places; None if in none.

    `folders` are the sub-folders that are looked through before the place itself. Raises
    `VaekitError` where `data_dir` is no folder.
    """
    return next((path for path in _candidates(names, data_dir, folders) if path.exists()), None)


def absent(
    what: str, wanted: str, data_dir: Path | str | None, folders: Sequence[str], home: str
) -> VaekitError:
    """Build the error for files that are in no place and cannot be downloaded from here."""
    looked = ", ".join(str(place / name) for place in _places(data_dir) for name in folders)
    return VaekitError(
        f"{what}: in none of {looked} is {wanted}.\n"
        f"It is not downloaded: get it from {home}, and {_CURE}."
    )


def cache() -> Path:
    """Return the folder of the user's cache, which need not exist yet."""
    import pooch

    return Path(pooch.os_cache("vaekit"))


def _candidates(
    names: Sequence[str], data_dir: Path | str | None, folders: Sequence[str]
) -> Iterator[Path]:
    for place in _places(data_dir):
        for folder in (*(place / name for name in folders), place):
            yield from (folder / name for name in names)


def _places(data_dir: Path | str | None) -> list[Path]:
    given = [] if data_dir is None else [Path(data_dir).expanduser()]
    if given and not given[0].is_dir():
        raise no_folder(given[0])
    shared = os.environ.get(_VARIABLE)
    return [*given, *([Path(shared).expanduser()] if shared else []), cache()]


def no_folder(data_dir: Path | str) -> VaekitError:
    """Build the error for a folder of data that is not there."""
    return VaekitError(f"the data folder {data_dir} does not exist: correct --data-dir (data_dir=)")


def _download(what: str, name: str, home: str, checksum: str | None, places: list[Path]) -> Path:
    import pooch

    kind = "md5" if checksum is not None and len(checksum) == 32 else "sha256"
    known = None if checksum is None else f"{kind}:{checksum}"
    try:
        return Path(pooch.retrieve(home + name, known, fname=name, path=places[-1] / what))
    except (OSError, ValueError) as error:
        looked = ", ".join(str(place / what) for place in places)
        raise VaekitError(
            f"{what}: {name} is not in {looked}, and the download from {home} failed "
            f"({cause(error)}).\n"
            f"To provide the file, {_CURE}."
        ) from error


def named(path: Path | str, what: str) -> Path:
    """Expand the path of a file or folder that the user named.

    Raises `VaekitError` where there is neither.
    """
    found = Path(path).expanduser()
    if not found.exists():
        raise VaekitError(f"there is no file or folder {found}: correct the path of {what}")
    return found


def readable(path: Path | str, what: str) -> Path:
    """Expand the path of a file that the user named.

    Raises `VaekitError` where there is no such file.
    """
    found = Path(path).expanduser()
    if found.is_dir():
        raise VaekitError(f"{found} is a folder, not {what}: name the file in it")
    if not found.is_file():
        raise VaekitError(f"there is no file {found}: correct the path of {what}")
    return found


def cause(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def sha256(path: Path) -> str:
    """Compute the sha256 of a file, as 64 hex digits, without holding it in memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_md5(path: Path, content: bytes | bytearray, expected: str) -> None:
    """Compare unpacked content with its published MD5.

    Raises `VaekitError` with both where they differ.
    """
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise VaekitError(
            f"{path} is not the published file: its content has MD5 {found}, expected {expected}.\n"
            "Delete it to download it anew, or pass check=false to use it as it is."
        )


def check_sha256(path: Path, expected: str | None) -> str:
    """Compute the sha256 of a file, and compare it with the expected one where there is one.

    Raises `VaekitError` with both where they differ.
    """
    found = sha256(path)
    if expected is not None and found != expected.lower():
        raise VaekitError(
            f"{path} is not the file that is meant: it has sha256 {found}, expected {expected}.\n"
            "Get it again, or pass check=false to use it as it is."
        )
    return found
