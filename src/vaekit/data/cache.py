"""Images that take long to make: written into the cache once, mapped from the disk from then on.

They go piece by piece to a .npy file, pictures (N, C, H, W) or rows (N, D), uint8 or float32, so
that they need not fit the memory while they are made; mapped, a batch costs the reading of its
rows. Further arrays, such as labels, may lie beside. What they were made from is part of
the name of their folder, so that other files, another size or another version of the code make
others. A small record, written last, says that the array is whole. Two processes that make the same
images at once write the same bytes and swap them in.
"""

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.factors import Factors
from vaekit.data.paths import cache, reading
from vaekit.errors import VaekitError
from vaekit.system.files import write_file, write_text
from vaekit.system.npy import save_rows
from vaekit.system.progress import steps

_ARRAY, _RECORD = "images.npy", "source.json"


class Cached(NamedTuple):
    """Hold mapped images (N, C, H, W) or rows (N, D), and what is recorded of their making."""

    images: Tensor
    record: dict[str, Any]
    folder: Path

    def array(self, name: str) -> Tensor | None:
        """Map another array that was stored beside them, None where there is none of that name."""
        path = self.folder / f"{name}.npy"
        return torch.from_numpy(_map_array(path)) if path.exists() else None


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
        images = _map_array(folder / _ARRAY)
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        known = images.ndim in (2, 4) and images.dtype in (np.uint8, np.float32)
        if not known or not isinstance(record, dict):
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
    arrays: Callable[[], Mapping[str, np.ndarray]] = dict,
) -> None:
    """Write up to `count` images, in pieces (n, …) that follow one another, to a folder.

    `arrays` to lie beside them and the `record` are asked for once all are written; `about` is said
    where it takes long. Raises `VaekitError` where the folder cannot be written or has no room;
    nothing is then left behind.
    """
    if about:
        print(f"{about} into {folder}: this is done once", file=sys.stderr)
    try:
        whole = _with_room(folder, count, pieces)
        write_file(folder / _ARRAY, lambda target: save_rows(target, whole))
        for name, array in arrays().items():
            write_file(folder / f"{name}.npy", partial(save_rows, pieces=[array]))
        write_text(folder / _RECORD, json.dumps(record()))
    except BaseException:
        if not _is_whole(folder):
            with suppress(OSError):  # of folders that hold something else, and places that are none
                for path in folder.glob("*.npy"):
                    path.unlink()
                folder.rmdir()
                folder.parent.rmdir()
        raise


def is_mapped(values: Tensor) -> bool:
    """Say whether values lie in a file that is mapped, as far as the system tells (Linux does)."""
    maps, place = Path("/proc/self/maps"), values.data_ptr()
    for line in maps.read_text(errors="replace").splitlines() if maps.exists() else ():
        bounds, *_, name = line.split(maxsplit=5)
        low, high = (int(bound, 16) for bound in bounds.split("-"))
        if low <= place < high:
            return name.startswith("/")
    return False


def _is_whole(folder: Path) -> bool:
    return (folder / _RECORD).is_file()


def _map_array(path: Path) -> np.ndarray:
    # "c" keeps changes in memory: the file is only read, and torch need not warn of that.
    return np.load(path, mmap_mode="c", allow_pickle=False)


def _with_room(folder: Path, count: int, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    for number, piece in enumerate(steps(pieces, "examples written", len, count)):
        if not number:
            _check_room(folder, count * piece[0].nbytes)
        yield piece


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise VaekitError(
            f"{folder} needs {needed / 2**30:.1f} GiB, but {free / 2**30:.1f} GiB are free there: "
            "make room, or move the cache to another disk (XDG_CACHE_HOME on Linux)"
        )
