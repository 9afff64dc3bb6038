"""What the system refuses, told with cause and cure: files, disks, memory.

Errors come from Python (`OSError`), from safetensors, which writes by itself and says "os error
28", and from numpy and PyTorch, which lack memory in words of their own. `system_error` knows them
all, and is the one place that does. It imports none of these, for the command line starts without
them.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaekit.errors import VaekitError

_AGAIN = "and repeat the command, a training with --resume; nothing written before is lost"
_ELSEWHERE = "choose another place, such as another --out"
_CAUSES = {
    "ENOSPC": ("no space left on the disk", f"free some space {_AGAIN}"),
    "EDQUOT": ("your quota on this disk is used up", f"free some space {_AGAIN}"),
    "EFBIG": ("larger than a file may be here", f"raise the limit (ulimit -f) {_AGAIN}"),
    "EACCES": ("no permission", f"change the permissions, or {_ELSEWHERE}"),
    "EPERM": ("no permission", f"change the permissions, or {_ELSEWHERE}"),
    "EROFS": ("the file system is read-only", _ELSEWHERE),
    "ENXIO": ("there is no such device", f"see that the disk is attached, or {_ELSEWHERE}"),
    "ENODEV": ("there is no such device", f"see that the disk is attached, or {_ELSEWHERE}"),
    "EIO": ("the disk reports an error", f"see that it is sound, or {_ELSEWHERE}"),
    "ESTALE": ("the network disk has lost it", "repeat the command"),
    "ENOENT": ("there is no such file or folder", "correct the path"),
    "ENOTDIR": ("a part of this path is a file, no folder", "correct the path"),
    "EISDIR": ("this is a folder", "name a file in it"),
    "EEXIST": ("something of this name is there already", _ELSEWHERE),
    "ELOOP": ("its links lead in a circle", "correct the path"),
    "ENAMETOOLONG": ("the name is too long", "choose a shorter one"),
    "EMFILE": ("too many files are open", "raise the limit (ulimit -n)"),
    "ENFILE": ("too many files are open", "close other programs"),
}
_CAUSE_OF = {getattr(errno, name): said for name, said in _CAUSES.items() if hasattr(errno, name)}
# numpy says MemoryError and two ValueErrors, PyTorch RuntimeErrors; what exceeds 64 bits overflows.
_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|[Ss]torage size calculation overflowed"
    r"|array is too big|Maximum allowed dimension exceeded|[Oo]verflow when unpacking"
    r"|int too large to convert"
)
_LESS = "choose a smaller network, code (--latent) or batch, or fewer examples"


def system_error(error: BaseException, path: Path | str | None = None) -> VaekitError | None:
    """Return the error as cause and cure, of the file `path` where it was being written.

    None where it is not the system's.
    """
    if isinstance(error, VaekitError):
        return error
    number = _number_of(error)
    if number == errno.ENOMEM or _of_memory(error):
        return VaekitError(f"this takes more memory than there is{_much(error)}: {_LESS}")
    if number is None:
        return None
    cause, cure = _CAUSE_OF.get(
        number, (_reason(error, number), "repeat the command, or " + _ELSEWHERE)
    )
    named = path or getattr(error, "filename", None)
    where = f"cannot write {path}: " if path else f"{os.fsdecode(named)}: " if named else ""
    return VaekitError(f"{where}{cause}: {cure}")


def _number_of(error: BaseException) -> int | None:
    """Return the system's number of an error, which safetensors has in its text only."""
    if isinstance(error, OSError):
        return error.errno or 0
    match = re.search(r"\(os error (\d+)\)", str(error))
    return int(match[1]) if match else None


def _of_memory(error: BaseException) -> bool:
    kinds = RuntimeError | ValueError | TypeError | OverflowError
    said = isinstance(error, kinds) and _MEMORY.search(str(error))
    return isinstance(error, MemoryError) or bool(said)


def _much(error: BaseException) -> str:
    """Return in brackets what an error says of the memory that is missing."""
    text = " ".join(str(error).split())
    match = _MEMORY.search(text)
    said = (text[match.start() :] if match else text).split(". ")[0]
    return f" ({said[:100]})" if said else ""


def _reason(error: BaseException, number: int) -> str:
    return os.strerror(number).lower() if number else " ".join(str(error).split())


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Raise what the system refuses inside as a `VaekitError` of the file that is being written."""
    try:
        yield
    except Exception as error:
        known = system_error(error, path)
        if known is None or known is error:
            raise
        raise known from error
