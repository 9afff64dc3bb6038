"""3D Shapes: rendered rooms in colour, each with one thing in it, on a full grid of six factors.

`3dshapes.h5` holds `images` (N, 64, 64, 3) uint8 and `labels` (N, 6), the values of the factors:
the hues of floor, wall and thing (10 each, from 0 below 1), its scale (8, .75 to 1.25), its shape
(4: 0 to 3) and the angle of the room (15, −30° to 30°).

A batch from HDF5 unpacks whole chunks for each image. So the pixels are copied once, channels
first, into a .npy in the cache, 5.9 GB, which is then mapped. Only that copy needs h5py.

C. Burgess, H. Kim, "3D Shapes dataset", 2018, https://github.com/google-deepmind/3d-shapes.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaekit.data.cache import cached_grid, store
from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.data.files import hdf5
from vaekit.data.paths import Home, reading, sha256
from vaekit.errors import VaekitError

SHAPES3D = Home(
    "shapes3d",
    "https://storage.googleapis.com/3d-shapes/",
    ("3dshapes", "3d-shapes"),
    "3dshapes.h5",
    # As TensorFlow Datasets and others have it, for 267 573 662 bytes.
    "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
)
ROOM_FACTORS = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
_COPIED = 2000  # images copied at once: 25 MB


def shapes3d(
    path: Path | str | None = None, data_dir: Path | str | None = None, check: bool = True
) -> Dataset:
    """Load 3D Shapes: 480 000 rooms in colour, 64x64, with 6 factors, labelled by shape.

    `path` names the .h5 itself; without it the file is looked for and else downloaded (268 MB). The
    pixels are stored in the cache, 5.9 GB. `check=False` accepts another file of the same layout.
    Raises `VaekitError` for a file that is missing, damaged, not the published one, or not a full
    grid, and where h5py is missing.
    """
    file = SHAPES3D.get(path, data_dir, check)
    digest = sha256(file)
    make = partial(_copy_pixels, file)
    made, factors = cached_grid(SHAPES3D.name, f"copied-1-{digest[:16]}", ROOM_FACTORS, make)
    labels = torch.from_numpy(
        factors.codes(np.arange(len(factors)))[:, ROOM_FACTORS.index("shape")]
    )
    return Dataset(made.images, labels.contiguous(), factors, SHAPES3D.name, {file.name: digest})


def _copy_pixels(path: Path, folder: Path) -> None:
    with hdf5.open_hdf5(path) as file:
        images, labels = _checked_arrays(path, file)
        try:
            factors, rows = Factors.grid(ROOM_FACTORS, labels[()].T)
        except VaekitError as error:
            raise VaekitError(f"{path}: {error}: get it again") from error
        if (rows != np.arange(len(rows))).any():
            raise VaekitError(f"{path}: the images are not in the order of their labels' grid")
        record = {"values": [values.tolist() for values in factors.values]}
        about = f"copying the images of {path.name}"
        store(folder, len(images), _channels_first(path, images), lambda: record, about)


def _channels_first(path: Path, images: Any) -> Iterator[np.ndarray]:
    """Read the images piece by piece, channels first."""
    for start in range(0, len(images), _COPIED):
        with reading(path, hdf5.KIND):  # the error is not one of the file that is being written
            piece = images[start : start + _COPIED]
        yield np.moveaxis(piece, -1, 1)


def _checked_arrays(path: Path, file: Any) -> tuple[Any, Any]:
    """Return the two arrays of the file, after a check of their shapes and types."""
    images, labels = (hdf5.hdf5_array(file, path, name) for name in ("images", "labels"))
    count = images.shape[0] if images.ndim else 0
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise VaekitError(
            f"{path}: expected images (N, H, W, 3) uint8, got {images.shape} {images.dtype}"
        )
    if labels.shape != (count, len(ROOM_FACTORS)) or not count:
        raise VaekitError(
            f"{path}: expected labels ({count}, {len(ROOM_FACTORS)}), got {labels.shape}"
        )
    if labels.dtype.kind not in "fiu" or not np.isfinite(labels[()]).all():
        raise VaekitError(
            f"{path}: expected labels that are finite numbers, got {labels.dtype} "
            "with others: get it again"
        )
    return images, labels
