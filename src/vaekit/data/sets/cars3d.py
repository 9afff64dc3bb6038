"""3D Cars: renderings of 183 models of cars from 24 sides and 4 heights.

The archive nips2015-analogy-data.tar.gz has, among other things, `data/cars/car_NNN_mesh.mat` for
each model: `im` (128, 128, 3, 24, 4) uint8, height, width, colour, azimuth, elevation. The numbers
NNN have gaps. The azimuths are 15° apart; what the elevations are is not said, they are 0 to 3.

The factors are object, elevation and azimuth, in that order: a file is a stretch of the grid.
Elsewhere the order is elevation, azimuth, object, and the images are shrunk to 64 x 64 with another
filter. The models are not turned alike, so that one azimuth shows several sides of cars.

S. Reed, Y. Zhang, Y. Zhang, H. Lee, "Deep visual analogy-making", NeurIPS 2015; the models are
those of S. Fidler, S. Dickinson, R. Urtasun, "3D object detection and viewpoint estimation with a
deformable 3D cuboid model", NeurIPS 2012.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaekit.data.archives import Source, opened, stamp
from vaekit.data.area import Box, averaged, box
from vaekit.data.cache import damaged, keep, place, read, whole
from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.data.files.matlab import array
from vaekit.data.paths import check_md5, find, locate, named
from vaekit.errors import VaekitError

ARCHIVE = "nips2015-analogy-data.tar.gz"
MD5 = (
    "4e866a7919c1beedf53964e6f7a23686"  # of the archive, as two independent public loaders have it
)
_NAME, _FOLDERS = "cars3d", ("cars3d", "3dcars")
_HOME = "http://www.scottreed.info/files/"
_WANTED = re.compile(r"(?:^|/)car_(\d+)_mesh\.mat$")
_COUNT, _SHAPE = 183, (128, 128, 3, 24, 4)
_VERSION = 1  # of what is kept


def cars3d(
    size: int | Sequence[int] = 64,
    path: Path | str | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Dataset:
    """Load 3D Cars: 17 568 cars in colour, shrunk to 64x64, with 3 factors, labelled by model.

    `size` is a side, up to 128, or [height, width]; `path` names the archive, or a folder that has
    its .mat files; without it they are looked for, and the archive is else downloaded. The images
    are kept in the cache. `check=False` accepts another archive and number of models. Raises
    `VaekitError` for missing, damaged or unexpected files.
    """
    sides = box(size)
    if sides is None:
        raise VaekitError("size must be a side in pixels, or [height, width], got none")
    found = named(path, _NAME) if path is not None else _place(data_dir, check)
    state = stamp(found, _WANTED)
    key = f"converted-{_VERSION}-{state[:16]}-{sides[0]}x{sides[1]}{'' if check else '-unchecked'}"
    folder = place(_NAME, key)
    if not whole(folder):
        if check and found.name == ARCHIVE:
            check_md5(found, found.read_bytes(), MD5)
        with opened(found, _WANTED) as source:
            _convert(source, folder, sides, check, None if found.is_dir() else state)
    images, record = read(folder)
    numbers, turns, heights = record.get("numbers", ()), *record.get("views", (0, 0))
    if len(images) != len(numbers) * turns * heights:
        raise damaged(folder, ValueError(f"{len(images)} images of {len(numbers)} models"))
    values = (np.array(numbers), np.arange(heights), np.arange(turns) * 360 / turns)
    sizes = (len(numbers), heights, turns)
    labels = torch.arange(len(numbers)).repeat_interleave(heights * turns)
    names = tuple(f"car {number}" for number in numbers)
    factors = Factors(("object", "elevation", "azimuth"), sizes, values)
    files = {found.name: str(record.get("sha256"))}
    return Dataset(images, labels, factors, _NAME, files, label_names=names)


def _place(data_dir: Path | str | None, check: bool) -> Path:
    """Find the unpacked folder `cars`, or the archive, or download that."""
    unpacked = locate(("data/cars", "cars"), data_dir, _FOLDERS)
    if unpacked is not None and unpacked.is_dir():
        return unpacked
    return find(_NAME, (ARCHIVE,), data_dir, _HOME, MD5 if check else None, _FOLDERS)


def _other(path: Path, count: int) -> VaekitError:
    return VaekitError(
        f"{path} has {count} models of cars (car_NNN_mesh.mat), the published set {_COUNT}: "
        "get it again, or pass check=false to use it as it is"
    )


def _convert(source: Source, folder: Path, sides: Box, check: bool, archive: str | None) -> None:
    """Keep the views of all cars; `archive` is the sha256 of an archive, None for a folder."""
    if not source.names or (check and len(source.names) != _COUNT):
        raise _other(source.path, len(source.names))
    matches = (_WANTED.search(name) for name in source.names)
    numbers = [int(match[1]) for match in matches if match]
    if len(set(numbers)) != len(numbers):
        raise VaekitError(f"{source.path} has cars twice, in different folders: name one of them")
    digest = hashlib.sha256()
    cars = _cars(source, _SHAPE if check else None, digest)
    first = next(cars)
    turns, heights = first.shape[-2:]
    pieces = (
        averaged(views, sides)  # (azimuths, 3, H, W), of one elevation
        for car in chain([first], cars)
        for views in car.transpose(4, 3, 2, 0, 1)
    )
    record = {"numbers": numbers, "views": (turns, heights)}
    count = len(numbers) * turns * heights
    keep(
        *(folder, count, pieces, lambda: record | {"sha256": archive or digest.hexdigest()}),
        f"converting {len(numbers)} cars",
    )


def _cars(source: Source, shape: tuple[int, ...] | None, digest: Any) -> Iterator[np.ndarray]:
    """Yield the views of each car (height, width, 3, azimuths, elevations) uint8, all alike.

    The names and bytes of the files go into `digest`.
    """
    for name in source.names:
        content = source.read(name)
        digest.update(name.encode() + b"\0" + content)
        where = f"{name} in {source.path}"
        found = array(content, "im", where)
        fits = found.ndim == len(_SHAPE) and found.shape[2] == 3 and found.dtype == np.uint8
        if not fits or found.shape != (shape or found.shape):
            expected = shape or "(height, width, 3, azimuths, elevations)"
            raise VaekitError(
                f"{where}: expected im {expected} uint8, got {found.shape} {found.dtype}: "
                "get it again"
            )
        shape = found.shape
        yield found
