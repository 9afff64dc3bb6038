"""Write files so that a reader finds the old content or the new, and never half of either."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vaekit.errors import VaekitError


def write(path: Path, writer: Callable[[Path], object]) -> None:
    """Let `writer` fill a temporary file beside `path`, bring it to the disk, and swap it in.

    Raises `VaekitError` where the disk is full or the place cannot be written; what stood at
    `path` before is then untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writer(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # safetensors makes files that only their owner reads
        temporary.replace(path)
    except Exception as error:
        with suppress(OSError):  # the place itself may be the trouble
            temporary.unlink(missing_ok=True)
        if is_full(error) or isinstance(error, OSError):
            raise cannot_write(path, error) from error
        raise


def _umask() -> int:
    """Return the mask of new files, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as `write` does."""
    write(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def is_full(error: BaseException) -> bool:
    """Say whether an error means that there is no space left."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "os error 28" in str(
        error
    )


def cannot_write(path: Path, error: BaseException) -> VaekitError:
    """Build the error for a place that cannot be written."""
    if is_full(error):
        return VaekitError(
            f"no space left on the disk of {path}. Nothing written before is lost: "
            "free some space and continue with --resume"
        )
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return VaekitError(f"cannot write {path}: {reason}")
