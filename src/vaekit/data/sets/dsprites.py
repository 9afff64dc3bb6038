"""dSprites itself, read from the file that its authors published.

The archive holds `imgs` (N, 64, 64) of 0 and 1, `latents_classes` and `latents_values` (N, 6) with
columns colour, shape, scale, orientation, position x and y, and `metadata`, a pickle. The names of
the columns stand only in that pickle, which is never opened: nothing is unpickled here. Colour has
a single level and is left out. Members of a zip carry a CRC each, so a damaged file does not pass
even with `check=False`.

M. Matthey, I. Higgins, D. Hassabis, A. Lerchner, "dSprites: Disentanglement testing sprites
dataset", 2017, https://github.com/deepmind/dsprites-dataset.
"""

from pathlib import Path

import numpy as np
import torch

from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.data.paths import Home, reading, sha256
from vaekit.errors import VaekitError

DSPRITES = Home(
    "dsprites",
    "https://github.com/google-deepmind/dsprites-dataset/raw/master/",
    file="dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
    checksum="7da33b31b13a06f4b04a70402ce90c2e",  # as eight independent public loaders have it
)
_LATENTS = ("color", "shape", "scale", "orientation", "posX", "posY")
_KEYS = ("imgs", "latents_classes", "latents_values")


def dsprites(
    path: Path | str | None = None, data_dir: Path | str | None = None, check: bool = True
) -> Dataset:
    """Load dSprites: 737 280 black and white sprites, 64x64, with 5 factors, labelled by shape.

    `path` names the .npz itself; without it the file is looked for and else downloaded (26 MB).
    `check=False` accepts another file of the same layout. Raises `VaekitError` for a file that is
    missing, damaged, not the published one, or not a full grid.
    """
    file = DSPRITES.get(path, data_dir, check)
    images, classes, values = _read_npz(file)
    factors, shape = _latent_factors(file, classes, values)
    pixels = torch.from_numpy(_black_and_white(file, images, len(factors)))[:, None]
    names = ("square", "ellipse", "heart")[: int(shape.max()) + 1]
    files = {file.name: sha256(file)}
    return Dataset(
        pixels, torch.from_numpy(shape), factors, DSPRITES.name, files, label_names=names
    )


def _read_npz(path: Path) -> list[np.ndarray]:
    with (
        reading(path, "an .npz archive"),
        path.open("rb") as file,
        np.load(file, allow_pickle=False) as archive,
    ):
        if missing := [key for key in _KEYS if key not in archive.files]:
            raise VaekitError(f"{path} has no array {missing[0]}: it needs {', '.join(_KEYS)}")
        return [archive[key] for key in _KEYS]


def _latent_factors(
    path: Path, classes: np.ndarray, values: np.ndarray
) -> tuple[Factors, np.ndarray]:
    width = len(_LATENTS)
    if classes.ndim != 2 or classes.shape[1] != width or classes.shape != values.shape:
        raise VaekitError(
            f"{path}: expected latents (N, {width}), got {classes.shape}, {values.shape}"
        )
    if not len(classes):
        raise VaekitError(f"{path} holds no images: get it again")
    sizes = classes.max(axis=0).astype(int) + 1
    full = np.prod(sizes) == len(classes)
    if not full or (classes != np.stack(np.unravel_index(np.arange(len(classes)), sizes), 1)).any():
        raise VaekitError(f"{path}: latents_classes is not a full grid in order, sizes {sizes}")
    used = [k for k, name in enumerate(_LATENTS) if name != "color" or sizes[k] > 1]
    first = [np.argmax(classes[:, k, None] == np.arange(sizes[k]), axis=0) for k in used]
    levels = tuple(values[rows, k] for rows, k in zip(first, used, strict=True))
    for k, level in zip(used, levels, strict=True):
        if level.dtype.kind not in "fiu" or len(np.unique(level[np.isfinite(level)])) < len(level):
            raise VaekitError(
                f"{path}: latents_values should hold a number of its own for each level of "
                f"{_LATENTS[k]}, got {level[:4].tolist()}: get it again"
            )
    counts = tuple(int(sizes[k]) for k in used)
    factors = Factors(tuple(_LATENTS[k] for k in used), counts, levels)
    return factors, classes[:, 1].astype(np.int64)


def _black_and_white(path: Path, images: np.ndarray, count: int) -> np.ndarray:
    if images.ndim != 3 or images.dtype != np.uint8 or len(images) != count:
        raise VaekitError(
            f"{path}: expected imgs ({count}, H, W) uint8, got {images.shape} {images.dtype}"
        )
    if images.max() > 1:
        raise VaekitError(f"{path}: imgs should hold 0 and 1 only, got {images.max()}")
    images *= 255  # in place: the set takes 3 GB
    return images
