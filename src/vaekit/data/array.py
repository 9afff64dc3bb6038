"""Arrays in files: one in a .npy, or several by name in an .npz, a .mat or an HDF5 file.

A .npy file larger than 1 GiB is mapped, not read: the batches then come from the disk as they are
asked for. The others are read whole. Pickled objects are refused, because unpickling runs code.
"""

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.data import hdf5, matlab
from vaekit.data.border import Layout
from vaekit.data.dataset import Dataset
from vaekit.data.files import cause, readable, sha256
from vaekit.errors import VaekitError, nearest

ENDINGS = (".npy", ".npz", ".mat", ".h5", ".hdf5")
_LARGE = 2**30
_IMAGES = ("images", "imgs", "x", "X", "data", "arr_0")
_LABELS = ("labels", "label", "y", "Y", "targets")
_HDF5 = b"\x89HDF\r\n\x1a\n"


def array(
    path: Path | str,
    key: str | None = None,
    mmap: bool | None = None,
    scale: float | None = None,
    layout: Layout = "auto",
) -> Dataset:
    """Load an array of a file: .npy, or with labels .npz, .mat, .h5; (N, C, H, W) or (N, D).

    `key` names the images where there are several arrays; `mmap` maps a .npy (None: if larger than
    1 GiB); `scale` divides the values; `layout` is nchw or nhwc. Raises `VaekitError` for damaged
    files, pickled objects, an unclear key, and what `Dataset.from_array` refuses.
    """
    found = readable(path, "the array")
    loaded, labels = read(found, key, mmap)
    made = Dataset.from_array(loaded, labels, found.stem, scale, layout)
    return replace(made, files={found.name: sha256(found)})


def read(
    path: Path | str, key: str | None = None, mmap: bool | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the array of a file as it is, and the labels (N,) that stand beside it, or None.

    Raises `VaekitError` for damaged files, pickled objects, and an unclear key.
    """
    found = readable(path, "the array")
    mapped = found.stat().st_size > _LARGE if mmap is None else mmap
    loaded = _load(found, mapped and found.suffix.lower() == ".npy", key)
    if not isinstance(loaded, dict):
        if key is not None:
            raise VaekitError(f"{found} holds one array, which has no name: leave key= out")
        return loaded, None
    chosen = _choose(found, loaded, key)
    return loaded[chosen], _labels(loaded, chosen)


def names(path: Path | str) -> list[str]:
    """List the arrays of a file; a .npy has none by name. Raises `VaekitError` as `read` does."""
    loaded = _load(readable(path, "the array"), mapped=False)
    return list(loaded) if isinstance(loaded, dict) else []


def _load(path: Path, mapped: bool, key: str | None = None) -> np.ndarray | dict[str, np.ndarray]:
    ending = path.suffix.lower()
    if ending in (".mat", ".h5", ".hdf5"):
        return _by_name(path, ending == ".mat", key)
    try:
        if mapped:
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            loaded: Any = np.load(file, allow_pickle=False)
            keyed = not isinstance(loaded, np.ndarray)
            return {name: loaded[name] for name in loaded.files} if keyed else loaded
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise VaekitError(
            f"cannot read {path} as a numpy array ({cause(error)}): "
            "save it again with np.save or np.savez, numbers only"
        ) from error


def _by_name(path: Path, of_matlab: bool, key: str | None) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        is_hdf5 = file.read(len(_HDF5)) == _HDF5 or (file.seek(512), file.read(8))[1] == _HDF5
    if of_matlab and not is_hdf5:
        return matlab.arrays(path)
    held = hdf5.arrays(path, key)
    # MATLAB writes the first index fastest, so its arrays stand in the file with axes reversed.
    return {name: each.T for name, each in held.items()} if of_matlab else held


def _choose(path: Path, arrays: dict[str, np.ndarray], key: str | None) -> str:
    if key is not None and key not in arrays:
        raise nearest(key, arrays, f"array in {path}")
    others = [name for name in arrays if name not in _LABELS]
    if key is not None or len(others) == 1:
        return key or others[0]
    usual = [name for name in _IMAGES if name in others]
    if len(usual) != 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise VaekitError(
            f"which array of {path} holds the images? pass key=; it has {shapes or 'none'}"
        )
    return usual[0]


def _labels(arrays: dict[str, np.ndarray], images: str) -> np.ndarray | None:
    named = [name for name in _LABELS if name in arrays and name != images]
    if not named:
        return None
    found, n = arrays[named[0]], len(arrays[images]) if arrays[images].ndim else 0
    if found.size != n:
        raise VaekitError(
            f"{n} images but {found.size} labels (array {named[0]!r}): "
            "save one label for each image, or leave the labels out"
        )
    whole = found.dtype.kind == "f" and bool((found % 1 == 0).all())  # as MATLAB saves them
    return found.reshape(-1).astype(np.int64) if whole else found.reshape(-1)
