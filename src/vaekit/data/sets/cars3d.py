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

import re
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from vaekit.data.archives import FileSource, open_files, stamp
from vaekit.data.area import Box, averaged, box
from vaekit.data.cache import cached_grid, store
from vaekit.data.dataset import Dataset
from vaekit.data.files.matlab import mat_array
from vaekit.data.paths import Home, check_count, check_sum, existing
from vaekit.errors import VaekitError

CARS3D = Home(
    "cars3d",
    "http://www.scottreed.info/files/",
    ("3dcars",),
    "nips2015-analogy-data.tar.gz",
    "4e866a7919c1beedf53964e6f7a23686",  # as two independent public loaders have it
)
CAR_FACTORS = ("object", "elevation", "azimuth")
_CAR_FILE = re.compile(r"(?:^|/)car_(\d+)_mesh\.mat$")
_CARS, _CAR_SHAPE = 183, (128, 128, 3, 24, 4)


def cars3d(
    size: int | Sequence[int] = 64,
    path: Path | str | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Dataset:
    """Load 3D Cars: 17 568 cars in colour, shrunk to 64x64, with 3 factors, labelled by model.

    `size` is a side, up to 128, or [height, width]; `path` names the archive, or a folder that has
    its .mat files; without it they are looked for, and the archive is else downloaded. The images
    are stored in the cache. `check=False` accepts another archive and number of models. Raises
    `VaekitError` for missing, damaged or unexpected files.
    """
    sides = box(size)
    where = existing(path, CARS3D.name) if path is not None else _cars_folder(data_dir, check)
    key = f"converted-2-{stamp(where, _CAR_FILE)[:16]}-{sides[0]}x{sides[1]}"
    make = partial(_convert, where, sides=sides, check=check)
    made, factors = cached_grid(
        CARS3D.name, key if check else f"{key}-unchecked", CAR_FACTORS, make
    )
    cars = factors.values[0]
    labels = torch.arange(len(cars)).repeat_interleave(len(factors) // len(cars))
    names = tuple(f"car {number}" for number in cars)
    files = {where.name: str(made.record.get("sha256"))}
    return Dataset(made.images, labels, factors, CARS3D.name, files, label_names=names)


def _cars_folder(data_dir: Path | str | None, check: bool) -> Path:
    """Find the unpacked folder `cars`, or the archive, or download that."""
    unpacked = CARS3D.locate(("data/cars", "cars"), data_dir)
    if unpacked is not None and unpacked.is_dir():
        return unpacked
    return CARS3D.get(None, data_dir, check)


def _convert(path: Path, folder: Path, sides: Box, check: bool) -> None:
    """Store the views of all cars."""
    if check and path.name == CARS3D.file:
        check_sum(path, CARS3D.checksum)
    with open_files(path, _CAR_FILE) as source:
        if check or not source.names:
            check_count(path, "models of cars (car_NNN_mesh.mat)", len(source.names), _CARS)
        matches = (_CAR_FILE.search(name) for name in source.names)
        numbers = [int(match[1]) for match in matches if match]
        if len(set(numbers)) != len(numbers):
            raise VaekitError(f"{path} has cars twice, in different folders: name one of them")
        cars = _cars(source, _CAR_SHAPE if check else None)
        first = next(cars)
        turns, heights = first.shape[-2:]
        pieces = (
            averaged(views, sides)  # (azimuths, 3, H, W), of one elevation
            for car in chain([first], cars)
            for views in car.transpose(4, 3, 2, 0, 1)
        )
        angles = [turn * 360 / turns for turn in range(turns)]
        store(
            folder,
            len(numbers) * turns * heights,
            pieces,
            lambda: {"values": [numbers, list(range(heights)), angles], "sha256": source.sha256()},
            f"converting {len(numbers)} cars",
        )


def _cars(source: FileSource, shape: tuple[int, ...] | None) -> Iterator[np.ndarray]:
    """Yield the views of each car (height, width, 3, azimuths, elevations) uint8, all alike."""
    for name in source.names:
        where = f"{name} in {source.path}"
        views = mat_array(source.read(name), "im", where)
        fits = views.ndim == len(_CAR_SHAPE) and views.shape[2] == 3 and views.dtype == np.uint8
        if not fits or views.shape != (shape or views.shape):
            expected = shape or "(height, width, 3, azimuths, elevations)"
            raise VaekitError(
                f"{where}: expected im {expected} uint8, got {views.shape} {views.dtype}: "
                "get it again"
            )
        shape = views.shape
        yield views
