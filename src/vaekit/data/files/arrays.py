"""Arrays in files: one in a .npy, or several by name in an .npz, a .mat or an HDF5 file.

A .npy file larger than 1 GiB is mapped, not read: the batches then come from the disk as they are
asked for. The others are read whole. Pickled objects are refused, because unpickling runs code.
"""

import re
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaekit.data.border import Channels
from vaekit.data.dataset import Dataset
from vaekit.data.files import hdf5, matlab
from vaekit.data.paths import cause, existing_file, sha256
from vaekit.data.recordings.arrays import array_set
from vaekit.errors import VaekitError, nearest
from vaekit.text import words

ARRAY_ENDINGS = (".npy", ".npz", ".mat", ".h5", ".hdf5")
_LARGE = 2**30
_IMAGES = ("images", "imgs", "x", "X", "data", "arr_0")
# Words in the name of images and in that of their labels: what else stands in the two agrees.
_IMAGE_WORDS = ("images", "image", "imgs", "img", "x", "data")
_LABEL_WORDS = ("labels", "label", "y", "targets", "target")
_HDF5 = b"\x89HDF\r\n\x1a\n"


def array(
    path: Path | str,
    key: str | None = None,
    mmap: bool | None = None,
    scale: float | None = None,
    layout: Channels = "auto",
    window: int | None = None,
    step: int | None = None,
) -> Dataset:
    """Load an array of a file: .npy, or with labels .npz, .mat, .h5; (N, C, H, W) or (N, D).

    `key` names the images where there are several arrays; `mmap` maps a .npy (None: if larger than
    1 GiB); `scale` divides the values; `layout` is nchw or nhwc, of signals nct or ntc. A recording
    (T,), (C, T) or (T, C) is cut into windows of `window` samples, one every `step`: where these
    overlap, whole stretches are held out (see `data.recordings`). Raises `VaekitError` for damaged
    files, pickled objects, an unclear key, and what `Dataset.from_array` and windows refuse.
    """
    file = existing_file(path, "the array")
    loaded, labels = read_array(file, key, mmap)
    made = array_set(loaded, labels, file.stem, scale, layout, window, step)
    return replace(made, files={file.name: sha256(file)})


def read_array(
    path: Path | str, key: str | None = None, mmap: bool | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the array of a file as it is, and the labels (N,) that stand beside it, or None.

    Raises `VaekitError` for damaged files, pickled objects, and an unclear key.
    """
    file = existing_file(path, "the array")
    mapped = file.stat().st_size > _LARGE if mmap is None else mmap
    loaded = _load_arrays(file, mapped and file.suffix.lower() == ".npy", key)
    if not isinstance(loaded, dict):
        if key is not None:
            raise VaekitError(f"{file} holds one array, which has no name: leave key= out")
        return loaded, None
    chosen = _choose(file, loaded, key)
    return loaded[chosen], _labels_beside(file, loaded, chosen)


def array_names(path: Path | str) -> list[str]:
    """List the arrays of a file; a .npy has none by name. Raises `VaekitError` as `read` does."""
    loaded = _load_arrays(existing_file(path, "the array"), mapped=False)
    return list(loaded) if isinstance(loaded, dict) else []


def _load_arrays(
    path: Path, mapped: bool, key: str | None = None
) -> np.ndarray | dict[str, np.ndarray]:
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
        return matlab.mat_arrays(path)
    arrays = hdf5.hdf5_arrays(path, key)
    # MATLAB writes the first index fastest, so its arrays stand in the file with axes reversed.
    return {name: each.T for name, each in arrays.items()} if of_matlab else arrays


def _choose(path: Path, arrays: dict[str, np.ndarray], key: str | None) -> str:
    if key is not None and key not in arrays:
        raise nearest(key, arrays, f"array in {path}")
    others = [name for name in arrays if not _says(name, _LABEL_WORDS)]
    # A row or column of numbers is labels, or the like, where there is more.
    others = [n for n in others if max(arrays[n].shape, default=1) < arrays[n].size] or others
    if key is not None or len(others) == 1:
        return key or others[0]
    usual = [name for name in _IMAGES if name in others]
    alike = (
        [name for name in others if arrays[name].shape == arrays[usual[0]].shape] if usual else []
    )
    if len(usual) != 1 or len(alike) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise VaekitError(
            f"which array of {path} holds the images? pass key=; it has {shapes or 'none'}"
        )
    return usual[0]


def _labels_beside(path: Path, arrays: dict[str, np.ndarray], images: str) -> np.ndarray | None:
    """Find the labels that stand beside images, whose names agree: `y_train` with `x_train`."""
    shape = arrays[images].shape
    n = shape[0] if shape else 0
    named = _named_alike(arrays, images) or _unnamed_labels(arrays, images, n)
    if not named:
        return None
    fitting = [name for name in named if arrays[name].size == n]
    if not fitting:
        raise _unfitting(shape, named[0], arrays[named[0]].size)
    labels = [_as_integers(arrays[name].reshape(-1)) for name in fitting]
    if any(not np.array_equal(labels[0], other) for other in labels[1:]):
        raise VaekitError(
            f"which array of {path} holds the labels of {images}? {', '.join(fitting)} differ: "
            "save the file with one of them"
        )
    return labels[0]


def _named_alike(arrays: dict[str, np.ndarray], images: str) -> list[str]:
    rest = _other_words(images, _IMAGE_WORDS)
    labels = [name for name in arrays if name != images and _says(name, _LABEL_WORDS)]
    named = [name for name in labels if _other_words(name, _LABEL_WORDS) == rest]
    if named or _says(images, _IMAGE_WORDS):
        return named
    return [name for name in labels if not _other_words(name, _LABEL_WORDS)]


def _unnamed_labels(arrays: dict[str, np.ndarray], images: str, n: int) -> list[str]:
    """List the arrays without a name, as np.savez numbers them, that can be labels."""
    return [
        name
        for name, each in arrays.items()
        if re.fullmatch(r"arr_\d+", name)
        and re.fullmatch(r"arr_\d+", images)
        and name != images
        and each.size == n == max(each.shape, default=0)
        and _as_integers(each).dtype.kind in "iub"
    ]


def _unfitting(shape: tuple[int, ...], name: str, labels: int) -> VaekitError:
    cure = "save one label for each image, or leave the labels out"
    if len(shape) > 1 and shape[-1] == labels:
        cure = "the images come last, move them to the front: np.moveaxis(x, -1, 0)"
        cure += ", or np.transpose(x, (3, 2, 0, 1)) of (H, W, C, N)" if len(shape) == 4 else ""
    n = shape[0] if shape else 0
    return VaekitError(f"{n} images but {labels} labels (array {name!r}): {cure}")


def _as_integers(labels: np.ndarray) -> np.ndarray:
    """Return whole numbers as such, which MATLAB saves as floats."""
    whole = labels.dtype.kind == "f" and bool((labels % 1 == 0).all())
    return labels.astype(np.int64) if whole else labels


def _name_words(name: str) -> list[str]:
    """Split the name of an array into words: «train/images», «x_train», «XTrain», «ytest»."""
    name = re.sub(r"(?i)^([xy])(?=train|test|val)", r"\1_", name)
    return words(name)


def _says(name: str, known: tuple[str, ...]) -> bool:
    return any(word in known for word in _name_words(name))


def _other_words(name: str, known: tuple[str, ...]) -> list[str]:
    return sorted(word for word in _name_words(name) if word not in known)
