"""Images that take long to make: written into the cache once, mapped from the disk from then on.

They go piece by piece to a .npy file (N, C, H, W) uint8, so that they need not fit the memory while
they are made; mapped, a batch costs the reading of its rows. What they were made from is part of
the name of their folder, so that other files, another size or another version of the code make
others. A small record, written last, says that the array is whole. Two processes that make the same
images at once write the same bytes and swap them in.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.factors import Factors
from vaekit.data.paths import cache, reading
from vaekit.system.files import write_file, write_text

_ARRAY, _RECORD = "images.npy", "source.json"


class Cached(NamedTuple):
    """Hold mapped images (N, C, H, W) uint8, and the record of what they were made from."""

    images: Tensor
    record: dict[str, Any]
    folder: Path


def cached(what: str, key: str, make: Callable[[Path], None]) -> Cached:
    """Map the images of the set `what` that `key` tells apart; `make` fills their folder first.

    It does so by `store`, where they are not there yet. A key has the version of what is made in
    it: another version makes older images unused. Raises `VaekitError` where images are damaged,
    or cannot be written.
    """
    folder = cache() / what / key
    if not _is_whole(folder):
        make(folder)
    with checking(folder):
        # "c" keeps changes in memory: the file is only read, and torch need not warn of that.
        images = np.load(folder / _ARRAY, mmap_mode="c", allow_pickle=False)
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        if images.ndim != 4 or images.dtype != np.uint8 or not isinstance(record, dict):
            raise ValueError(f"images {images.shape} {images.dtype}")
    return Cached(torch.from_numpy(images), record, folder)


def cached_grid(
    what: str, key: str, names: Sequence[str], make: Callable[[Path], None]
) -> tuple[Cached, Factors]:
    """Map images as `cached` does, and read their factors from the `values` of the record."""
    made = cached(what, key, make)
    with checking(made.folder):
        values = tuple(np.array(levels) for levels in made.record["values"])
        sizes = tuple(map(len, values))
        if len(sizes) != len(names) or math.prod(sizes) != len(made.images):
            raise ValueError(f"{len(made.images)} images for a grid of {sizes}")
    return made, Factors(tuple(names), sizes, values)


@contextmanager
def checking(folder: Path):
    """Raise `VaekitError` where a folder of the cache does not hold what is read of it inside."""
    with reading(folder, "images of the cache", "delete that folder, and they are made anew"):
        yield


def store(
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
        write_file(folder / _ARRAY, lambda target: _save_pieces(target, count, pieces))
        write_text(folder / _RECORD, json.dumps(record()))
    except BaseException:
        if not _is_whole(folder):
            with suppress(OSError):  # of folders that hold something else, and places that are none
                (folder / _ARRAY).unlink(missing_ok=True)
                folder.rmdir()
                folder.parent.rmdir()
        raise


def _is_whole(folder: Path) -> bool:
    return (folder / _RECORD).is_file()


def _save_pieces(target: Path, count: int, pieces: Iterable[np.ndarray]) -> None:
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
