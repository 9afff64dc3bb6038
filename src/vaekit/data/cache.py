"""Images that take long to make: written into the cache once, mapped from the disk from then on.

They go piece by piece to a .npy file (N, C, H, W) uint8, so that they need not fit the memory while
they are made; mapped, a batch costs the reading of its rows. What they were made from is part of
the name of their folder, so that other files, another size or another version of the code make
others. A small record, written last, says that the array is whole. Two processes that make the same
images at once write the same bytes and swap them in.
"""

import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.paths import cache, cause
from vaekit.errors import VaekitError
from vaekit.files import write, write_text

_ARRAY, _RECORD = "images.npy", "source.json"


class Kept(NamedTuple):
    """Hold mapped images (N, C, H, W) uint8, and the record of what they were made from."""

    images: Tensor
    record: dict[str, Any]


def place(what: str, key: str) -> Path:
    """Return the folder of the cache for the images of the set `what` that `key` tells apart."""
    return cache() / what / key


def whole(folder: Path) -> bool:
    """Say whether the images of a folder are there and complete."""
    return (folder / _RECORD).is_file()


def keep(
    folder: Path,
    count: int,
    pieces: Iterable[np.ndarray],
    record: Callable[[], dict[str, Any]] = dict,
    about: str = "",
) -> None:
    """Write `count` images, in pieces (n, C, H, W) uint8 that follow one another, to a folder.

    `record` is asked once all are written; `about` is said where it takes long. Raises
    `VaekitError` where the folder cannot be written; nothing is then left behind.
    """
    if about:
        print(f"{about} into {folder}: this is done once", file=sys.stderr)
    try:
        write(folder / _ARRAY, lambda target: _save(target, count, pieces))
        write_text(folder / _RECORD, json.dumps(record()))
    except BaseException:
        if not whole(folder):
            with suppress(OSError):  # of folders that hold something else, and places that are none
                (folder / _ARRAY).unlink(missing_ok=True)
                folder.rmdir()
                folder.parent.rmdir()
        raise


def _save(target: Path, count: int, pieces: Iterable[np.ndarray]) -> None:
    """Write through a file: on a full disk it raises, where a mapping would end the process."""
    written = 0
    with target.open("wb") as file:
        for piece in pieces:
            if not written:
                shape = (count, *piece.shape[1:])
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(piece.tobytes())
            written += len(piece)
    assert written == count, f"{written} images of {count}"


def read(folder: Path) -> Kept:
    """Map the images of a folder.

    Raises `VaekitError` where they are damaged.
    """
    try:
        # "c" keeps changes in memory: the file is only read, and torch need not warn of that.
        images = np.load(folder / _ARRAY, mmap_mode="c", allow_pickle=False)
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if images.ndim != 4 or images.dtype != np.uint8 or not isinstance(record, dict):
            raise ValueError(f"images {images.shape} {images.dtype}")
    except (OSError, EOFError, ValueError) as error:
        raise damaged(folder, error) from error
    return Kept(torch.from_numpy(images), record)


def damaged(folder: Path, error: BaseException) -> VaekitError:
    """Build the error for a folder of the cache that does not hold what it should."""
    return VaekitError(
        f"the images in {folder} are damaged ({cause(error)}): "
        "delete that folder, and they are made anew"
    )
