"""The 3-D faces: scans of people, rendered from the Basel Face Model under a grid of conditions.

They are an array (50, 21, 11, 11, 64, 64) uint8: identity, azimuth, elevation, lighting, and the
grey picture. It was made by the authors of the papers that use it, passed on by hand as
`basel_face_renders.pth`, and never published; nor is a checksum of it. What angles the levels stand
for is not recorded: values are the levels 0, 1, ….

A .pth is a pickle, which is not opened here. `.npy`, `.npz` and `.mat` (up to version 7.2) of the
same array are read, also flat, (N, 64, 64) or (N, 1, 64, 64). A .npy is mapped from the disk.

P. Paysan, R. Knothe, B. Amberg, S. Romdhani, T. Vetter, "A 3D face model for pose and illumination
invariant face recognition", AVSS 2009; R. Chen, X. Li, R. Grosse, D. Duvenaud, "Isolating sources
of disentanglement in variational autoencoders", NeurIPS 2018.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch

from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.data.files.matlab import mat_array
from vaekit.data.paths import Home, check_sum, existing_file, reading
from vaekit.data.paths import sha256 as digest_of
from vaekit.errors import VaekitError

FACE_FACTORS = ("identity", "azimuth", "elevation", "lighting")
_SIZES, _PICTURE = (50, 21, 11, 11), (64, 64)
_STEM, _KEY = "basel_face_renders", "images"
_ARRAY_ENDINGS = (".npy", ".npz", ".mat")
FACES3D = Home(
    "faces3d",
    "its makers (it was never published, for it shows the Basel Face Model, which is licensed for "
    "research at https://faces.dmi.unibas.ch/bfm/)",
    ("3dfaces",),
)


def faces3d(
    path: Path | str | None = None,
    sha256: str | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Dataset:
    """Load the 3-D faces (not public): 127 050 grey faces, 64x64, with 4 factors, by identity.

    `path` names the .npy, .npz or .mat; `sha256` is compared with that file's, which is else said;
    `check=False` accepts other sizes of the grid and the pictures. Raises `VaekitError` for a file
    that is missing, damaged, a pickle, another one, or of another layout.
    """
    file = _find_array(data_dir) if path is None else existing_file(path, "the array of 3-D faces")
    if file.suffix.lower() not in _ARRAY_ENDINGS:
        raise _refused_array(file)
    digest = digest_of(file)
    if sha256 is not None:
        check_sum(file, sha256)
    else:
        print(f"{file} has no published checksum; its sha256 is {digest}", file=sys.stderr)
    images = _read_array(file)
    sizes = _grid_sizes(file, images, check)
    pixels = torch.from_numpy(images).reshape(-1, 1, *images.shape[-2:])
    factors = Factors(FACE_FACTORS, sizes, tuple(np.arange(size) for size in sizes))
    labels = torch.arange(sizes[0]).repeat_interleave(len(factors) // sizes[0])
    return Dataset(pixels, labels, factors, FACES3D.name, {file.name: digest})


def _find_array(data_dir: Path | str | None) -> Path:
    names = [_STEM + ending for ending in _ARRAY_ENDINGS]
    where = FACES3D.locate([*names, f"{_STEM}.pth"], data_dir)
    if where is None:
        error = FACES3D.absent(", ".join(names), data_dir)
        raise VaekitError(f"{error}\nA free set with the same grid, of other pictures: heads.")
    return where


def _refused_array(path: Path) -> VaekitError:
    return VaekitError(
        f"{path} is none of {', '.join(_ARRAY_ENDINGS)}. A .pth is a pickle, which is not opened "
        "here, because unpickling runs code. Where you trust it, convert it once:\n"
        f"python -c \"import numpy, torch; numpy.save('{_STEM}.npy', "
        f"torch.load('{path.name}', weights_only=True).numpy())\""
    )


def _read_array(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".mat":
        return np.ascontiguousarray(mat_array(path.read_bytes(), _KEY, str(path)))
    with reading(path, "an array of numpy"):
        if path.suffix.lower() == ".npy":
            # "c" keeps changes in memory: the file is only read, and torch need not warn of that.
            return np.load(path, mmap_mode="c", allow_pickle=False)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = [_KEY] if _KEY in archive.files else archive.files
            if not names:
                raise VaekitError(f"{path} holds no array: it needs {_KEY!r}")
            return archive[names[0]]


def _grid_sizes(path: Path, images: np.ndarray, check: bool) -> tuple[int, ...]:
    """Return the sizes of the factors, after a check of the array's type and shape."""
    shape = images.shape
    whole = len(shape) == len(_SIZES) + 2 and 0 not in shape
    flat = shape in ((math.prod(_SIZES), *_PICTURE), (math.prod(_SIZES), 1, *_PICTURE))
    fits = flat or shape == (*_SIZES, *_PICTURE) or (whole and not check)
    if images.dtype != np.uint8 or not fits:
        raise VaekitError(
            f"{path}: expected images {(*_SIZES, *_PICTURE)} uint8, or flat, got {shape} "
            f"{images.dtype}" + ("; check=false takes another grid of that form" if whole else "")
        )
    return _SIZES if flat else shape[: len(_SIZES)]
