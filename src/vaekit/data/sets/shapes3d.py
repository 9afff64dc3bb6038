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
from vaekit.data.paths import Home, check_sha256, existing_file, reading
from vaekit.errors import VaekitError

FILE = "3dshapes.h5"
# The sha256 that TensorFlow Datasets and others give for the file of the home below, 267 573 662 B.
SHA256 = "0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785"
NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
_HOME = Home("shapes3d", "https://storage.googleapis.com/3d-shapes/", ("3dshapes", "3d-shapes"))
_VERSION = 1  # of what is stored
_CHUNK = 2000  # images copied at once: 25 MB


def shapes3d(
    path: Path | str | None = None, data_dir: Path | str | None = None, check: bool = True
) -> Dataset:
    """Load 3D Shapes: 480 000 rooms in colour, 64x64, with 6 factors, labelled by shape.

    `path` names the .h5 itself; without it the file is looked for and else downloaded (268 MB). The
    pixels are stored in the cache, 5.9 GB. `check=False` accepts another file of the same layout.
    Raises `VaekitError` for a file that is missing, damaged, not the published one, or not a full
    grid, and where h5py is missing.
    """
    if path is None:
        file = _HOME.find((FILE,), data_dir, SHA256 if check else None)
    else:
        file = existing_file(path, FILE)
    digest = check_sha256(file, SHA256 if check else None)
    key = f"copied-{_VERSION}-{digest[:16]}"
    made, factors = cached_grid(_HOME.name, key, NAMES, partial(_copy, file))
    labels = torch.from_numpy(factors.codes(np.arange(len(factors)))[:, NAMES.index("shape")])
    return Dataset(made.images, labels.contiguous(), factors, _HOME.name, {file.name: digest})


def _copy(path: Path, folder: Path) -> None:
    with hdf5.opened(path) as file:
        images, labels = _arrays(path, file)
        try:
            factors, rows = Factors.grid(NAMES, labels[()].T)
        except VaekitError as error:
            raise VaekitError(f"{path}: {error}: get it again") from error
        if (rows != np.arange(len(rows))).any():
            raise VaekitError(f"{path}: the images are not in the order of their labels' grid")
        record = {"values": [values.tolist() for values in factors.values]}
        about = f"copying the images of {path.name}"
        store(folder, len(images), _pieces(path, images), lambda: record, about)


def _pieces(path: Path, images: Any) -> Iterator[np.ndarray]:
    """Read the images piece by piece, channels first."""
    for start in range(0, len(images), _CHUNK):
        with reading(path, hdf5.KIND):  # the error is not one of the file that is being written
            piece = images[start : start + _CHUNK]
        yield np.moveaxis(piece, -1, 1)


def _arrays(path: Path, file: Any) -> tuple[Any, Any]:
    """Return the two arrays of the file, after a check of their shapes and types."""
    images, labels = (hdf5.array(file, path, name) for name in ("images", "labels"))
    count = images.shape[0] if images.ndim else 0
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise VaekitError(
            f"{path}: expected images (N, H, W, 3) uint8, got {images.shape} {images.dtype}"
        )
    if labels.shape != (count, len(NAMES)) or not count:
        raise VaekitError(f"{path}: expected labels ({count}, {len(NAMES)}), got {labels.shape}")
    if labels.dtype.kind not in "fiu" or not np.isfinite(labels[()]).all():
        raise VaekitError(
            f"{path}: expected labels that are finite numbers, got {labels.dtype} "
            "with others: get it again"
        )
    return images, labels
