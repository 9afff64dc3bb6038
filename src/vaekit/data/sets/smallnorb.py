"""Small NORB: photographs of 50 toys, each from all sides and heights and under six lights.

Two parts, of five toys each for five categories (four-legged animals, human figures, airplanes,
trucks, cars): other toys in training than in test. A part has three files of N = 24 300 rows in
random order: `dat` (N, 2, 96, 96) uint8, the pictures of a left and a right camera, `cat` (N,) the
category, and `info` (N, 4): the toy's number in its category, the elevation (0 to 8: 30° to 70°),
the azimuth (0 to 34: tens of degrees, even) and the light (0 to 5).

Both together are a full grid, and are sorted into it. As other loaders do, one camera is taken and
the pictures are shrunk to 64 x 64. The published checksums are of the unpacked matrices; the
download is checked by those of the packed files.

A matrix is a header of little-endian int32, and the entries, the last index fastest. The header
has a magic number for their type, the number K of dimensions, and max(K, 3) sizes, of which those
beyond K do not count.

Y. LeCun, F. Huang, L. Bottou, "Learning methods for generic object recognition with invariance to
pose and lighting", CVPR 2004, https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vaekit.data.area import Box, averaged, box
from vaekit.data.border import pieces
from vaekit.data.cache import cached_grid, store
from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.data.paths import Home, check_sum, sha256, unpacked
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError

CATEGORIES = ("animal", "human", "airplane", "truck", "car")
TOY_FACTORS = ("category", "instance", "elevation", "azimuth", "lighting")
SMALLNORB = Home(
    "smallnorb",
    "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    ("small_norb", "small-norb", "norb"),
)


# For each file the MD5 of the matrix, as two lines of public loaders have it, and the sha256 of the
# .gz of the home, from TensorFlow Datasets.
_SUMS = {
    "5x46789x9x18x6x2x96x96-training-dat": (
        "8138a0902307b32dfa0025a36dfa45ec",
        "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
    ),
    "5x46789x9x18x6x2x96x96-training-cat": (
        "fd5120d3f770ad57ebe620eb61a0b633",
        "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
    ),
    "5x46789x9x18x6x2x96x96-training-info": (
        "19faee774120001fc7e17980d6960451",
        "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
    ),
    "5x01235x9x18x6x2x96x96-testing-dat": (
        "e9920b7f7b2869a8f1a12e945b2c166c",
        "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
    ),
    "5x01235x9x18x6x2x96x96-testing-cat": (
        "fd5120d3f770ad57ebe620eb61a0b633",
        "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
    ),
    "5x01235x9x18x6x2x96x96-testing-info": (
        "7c5b871cc69dcadec1bf6a18141f5edc",
        "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
    ),
}
NORB_FILES = tuple(f"smallnorb-{name}.mat" for name in _SUMS)
_NORB_TYPES = {0x1E3D4C54: np.dtype("<i4"), 0x1E3D4C55: np.dtype("u1")}
_DIMENSIONS = 4  # of the pictures, the most


def smallnorb(
    size: int | Sequence[int] = 64,
    camera: int = 0,
    official: bool = False,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Dataset | Splits:
    """Load small NORB: 48 600 grey toys, shrunk to 64x64, with 5 factors, labelled by category.

    `size` is a side, up to 96, or [height, width]; `camera` 0 is the left one, 1 the right;
    `official` parts the set as published, with other toys in test than in training. The images are
    stored in the cache. `check=False` accepts other files of the same layout. Raises `VaekitError`
    for missing, damaged or unexpected files, and those that are not a full grid.
    """
    sides = box(size)
    if camera not in (0, 1):
        raise VaekitError(f"smallnorb: camera must be 0 or 1, got {camera!r}")
    paths = [
        SMALLNORB.find((f"{file}.gz", file), data_dir, sums[1] if check else "")
        for file, sums in zip(NORB_FILES, _SUMS.values(), strict=True)
    ]
    files = {path.name: sha256(path) for path in paths}
    state = hashlib.sha256(" ".join(files.values()).encode()).hexdigest()[:16]
    key = f"sorted-1-{state}-{sides[0]}x{sides[1]}-camera{camera}"
    key = key if check else f"{key}-unchecked"
    made, factors = cached_grid(
        SMALLNORB.name,
        key,
        TOY_FACTORS,
        partial(_sort_pictures, paths, sides=sides, camera=camera, check=check),
    )
    levels = factors.codes(np.arange(len(factors)))
    labels = torch.from_numpy(levels[:, 0].copy())
    data = Dataset(made.images, labels, factors, SMALLNORB.name, files, label_names=CATEGORIES)
    if not official:
        return data
    toy = factors.values[1][levels[:, 1]]
    parts = made.record["toys"]
    return Splits(*(data.subset(np.flatnonzero(np.isin(toy, part))) for part in parts))


def _sort_pictures(paths: list[Path], folder: Path, sides: Box, camera: int, check: bool) -> None:
    """Store both parts in the order of the grid."""
    read = [_read_toys(paths[start : start + 3], start, sides, camera, check) for start in (0, 3)]
    pictures, parts = zip(*read, strict=True)
    try:
        factors, rows = Factors.grid(TOY_FACTORS, list(np.concatenate(parts).T))
    except VaekitError as error:
        raise VaekitError(f"{paths[0].parent}: {error}: get the six files again") from error
    images = np.concatenate(pictures)
    record = {
        "values": [values.tolist() for values in factors.values],
        "toys": [np.unique(part[:, 1]).tolist() for part in parts],
    }
    sorted_pieces = (images[rows[k]] for k in pieces(len(rows), images[0].nbytes))
    store(folder, len(rows), sorted_pieces, lambda: record, f"sorting {len(rows)} pictures")


def _read_toys(
    paths: list[Path], first: int, sides: Box, camera: int, check: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Read a part: pictures (N, 1, *sides) of one camera, and a value of each factor (N, 5)."""
    arrays = []
    for path, (md5, _) in zip(paths, list(_SUMS.values())[first : first + 3], strict=True):
        content = unpacked(path)
        if check:
            check_sum(path, md5, content)
        arrays.append(norb_matrix(content, path))
    dat, cat, info = arrays
    count = len(dat)
    for path, array, shape, fits in (
        (paths[0], dat, "(N, 2, H, W) uint8", dat.ndim == 4 and dat.dtype == np.uint8),
        (paths[0], dat, "two cameras", dat.ndim == 4 and dat.shape[1] == 2),
        (paths[1], cat, f"({count},) whole numbers 0 to 4", _are_levels(cat, (count,), 4)),
        (paths[2], info, f"({count}, 4) whole numbers 0 to 34", _are_levels(info, (count, 4), 34)),
    ):
        if not fits or not count:
            raise VaekitError(
                f"{path}: expected {shape}, got {array.shape} {array.dtype}: get it again"
            )
    toy, elevation, azimuth, light = info.T
    values = np.stack([cat, toy, 30 + 5 * elevation, 10 * azimuth, light], axis=1)
    return averaged(dat[:, camera], sides)[:, None], values


def _are_levels(array: np.ndarray, shape: tuple[int, ...], most: int) -> bool:
    fits = array.shape == shape and array.dtype.kind == "i" and array.size > 0
    return fits and array.min() >= 0 and array.max() <= most


def norb_matrix(content: bytes, path: Path) -> np.ndarray:
    """Read a matrix without a copy; `path` is said in errors.

    Raises `VaekitError` for another format, and where the length is not that of the header.
    """
    if len(content) < 20 or (magic := int.from_bytes(content[:4], "little")) not in _NORB_TYPES:
        raise VaekitError(f"{path} is no matrix in NORB's binary format: get it again")
    kind, dimensions = _NORB_TYPES[magic], int(np.frombuffer(content, "<i4", 1, 4)[0])
    start = 8 + 4 * max(dimensions, 3)
    if not 1 <= dimensions <= _DIMENSIONS or len(content) < start:
        raise VaekitError(f"{path} is damaged: its header says {dimensions} dimensions")
    sizes = np.frombuffer(content, "<i4", dimensions, 8).tolist()
    expected = start + math.prod(sizes) * kind.itemsize
    if min(sizes) < 0 or len(content) != expected:
        raise VaekitError(
            f"{path} is damaged or truncated: a matrix {tuple(sizes)} takes {expected} bytes, but "
            f"it has {len(content)}: get it again"
        )
    return np.frombuffer(content, kind, offset=start).reshape(sizes)
