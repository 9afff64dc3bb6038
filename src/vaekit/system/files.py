"""Write files so that a reader finds the old content or the new, and never half of either.

A file is written beside its place, named by host and process (`.NAME.HOST.PID-N.part`), and swapped
in. What a killed process left of this is removed by the next write into the folder.
"""

import csv
import errno
import os
import platform
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

from vaekit.arguments import expect
from vaekit.errors import VaekitError
from vaekit.system import system_error, writing

_PART_NAME = re.compile(r"\..*\.(?P<host>[\w-]+)\.(?P<pid>\d+)-\d+\.part")
_LONGEST = 40  # letters of a name that are kept in that of its part, so that this is none too long
_FILE_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_numbers, _writing = count(), set[Path]()
_changed = dict[Path, int]()  # when this process last changed a folder


def write_file(path: Path, writer: Callable[[Path], object]) -> None:
    """Let `writer` fill a temporary file beside `path`, bring it to the disk, and swap it in.

    A link stays and its target is written. Raises `VaekitError` where `check_file` does, and where
    the disk is full or refuses; what stood at `path` before is then untouched.
    """
    with writing(path):
        target = _linked_target(path)
        with _beside(target) as temporary:
            temporary.touch(exist_ok=False)
            mode = stat.S_IMODE(temporary.stat().st_mode)
            writer(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.chmod(mode)  # safetensors makes files that only their owner reads
            temporary.replace(target)
        _changed[target.parent] = target.parent.stat().st_mtime_ns


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path`, which is gone afterwards, whatever happens inside.

    Raises `VaekitError` where the disk is full or refuses.
    """
    with writing(path), _beside(path) as temporary:
        yield temporary


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_left(target.parent)
    name = f".{target.name[:_LONGEST]}.{_host()}.{os.getpid()}-{next(_numbers)}.part"
    temporary = target.with_name(name)
    _writing.add(temporary)
    try:
        yield temporary
    finally:
        _writing.discard(temporary)
        try:
            _remove(temporary)
        except BaseException:  # a signal that came just here
            _remove(temporary)
            raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as `write_file` does, letters that UTF-8 lacks as their numbers."""
    content = text.encode("utf-8", "backslashreplace")
    write_file(path, lambda temporary: temporary.write_bytes(content))


def write_csv(
    path: Path,
    rows: Iterable[Sequence[Any]],
    separator: str = ",",
    line_end: str = "\n",
    encoding: str = "utf-8",
) -> None:
    """Write rows of cells to `path` as `write_file` does."""

    def writer(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding=encoding) as file:
            csv.writer(file, delimiter=separator, lineterminator=line_end).writerows(rows)

    write_file(path, writer)


# ---- places


def place(path: Any, what: str) -> Path:
    """Return the path of `what` that a user names, ~ written out, and .. after what is missing.

    Raises `VaekitError` for what is no path, an empty one, one that holds NUL, an unknown ~, and
    where the system cannot look, as for a name that is too long.
    """
    expect(path, str | Path, f"{what} by its path")
    if not str(path) or "\0" in str(path):
        raise VaekitError(f"{str(path)!r} names nothing: give {what} by its path, . is this folder")
    try:
        expanded = Path(path).expanduser()
    except RuntimeError:
        raise VaekitError(f"{path}: there is no such home folder, correct the path") from None
    try:
        expanded.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise system_error(error) or error from None
    astray = ".." in expanded.parts and not os.path.lexists(expanded.parent)
    return Path(os.path.realpath(expanded)) if astray else expanded


def check_file(path: Path) -> None:
    """Raise `VaekitError` where no file can be written: a folder, a device, a place that refuses.

    Nothing is left behind, so a command asks before it computes what it will write.
    """
    with writing(path):
        _check_parents(_linked_target(path))


def check_folder(path: Path) -> None:
    """Raise `VaekitError` where there is no folder `path` and none can be made."""
    with writing(path):
        if path.exists() and not path.is_dir():
            raise VaekitError(
                f"{path} is {_file_type(path)}, no folder: choose another one with --out"
            )
        _check_parents(path / "file")


def _linked_target(path: Path) -> Path:
    """Return the place that `path` leads to; raise `VaekitError` where that is no file."""
    if path.exists() and not path.is_file():
        raise VaekitError(f"cannot write {path}: it is {_file_type(path)}, name a file")
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return target


def _file_type(path: Path) -> str:
    return _FILE_TYPES.get(stat.S_IFMT(path.stat().st_mode), "a file")


def _check_parents(path: Path) -> None:
    """Make a nameless file in the first folder that is there, which says what may refuse."""
    there = next(p for p in path.absolute().parents if os.path.lexists(p))
    if not there.is_dir():
        raise VaekitError(f"cannot write {path}: {there} is no folder, correct the path")
    with tempfile.TemporaryFile(dir=there):
        pass


# ---- what is left


def remove_parts(folder: Path) -> None:
    """Remove all parts from a folder, of whatever host, but those that are being written here."""
    for path in folder.glob(".*.part"):
        if not _alive(path):
            path.unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"[^\w-]", "-", platform.node())[:_LONGEST] or "host"


def _remove_left(folder: Path) -> None:
    """Remove parts of dead processes of this host, unless nobody else has changed the folder."""
    if _changed.get(folder) == folder.stat().st_mtime_ns:
        return
    for path in folder.glob(".*.part"):
        match = _PART_NAME.fullmatch(path.name)
        if match and match["host"] == _host() and not _alive(path):
            path.unlink(missing_ok=True)


def _alive(part: Path) -> bool:
    """Say whether a process of this host is writing a part."""
    match = _PART_NAME.fullmatch(part.name)
    if match is None or match["host"] != _host():
        return False
    number = int(match["pid"])
    return part in _writing if number == os.getpid() else _runs(number)


def _runs(process: int) -> bool:
    if os.name == "nt":  # where a signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # of another user
        return True
    return True
