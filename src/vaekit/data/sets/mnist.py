"""MNIST and the sets in its format: IDX files, plain or gzipped.

An IDX file is a header in big-endian order (two zero bytes, one for the type, one for the number of
dimensions, then each dimension as four bytes) and the values in row-major order. Images are of type
8 (uint8) with three dimensions, labels of type 8 with one. The header says how many bytes must
follow, so a truncated copy is told from a whole one even where no checksum is known.
"""

import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vaekit.data.dataset import Dataset
from vaekit.data.paths import Home, check_sum, sha256, unpacked
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError

_UINT8 = 8
_FILES = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
# For each file the MD5 of the published .gz (checks the download) and of its content (checks any
# copy). The contents' of Fashion-MNIST were computed from files whose .gz has the published MD5.
_MNIST_SUMS = (
    ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
    ("d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
    ("9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
    ("ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
)
_FASHION_SUMS = (
    ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    ("25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
    ("bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
    ("bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
)
_DIGITS = tuple("0123456789")
_CLOTHES = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)


class _IdxSet(NamedTuple):
    home: Home
    sums: tuple[tuple[str, str], ...]
    classes: tuple[str, ...]


_MNIST = _IdxSet(
    Home("mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/"), _MNIST_SUMS, _DIGITS
)
_FASHION = _IdxSet(
    Home("fashion-mnist", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
    _FASHION_SUMS,
    _CLOTHES,
)


def mnist(data_dir: Path | str | None = None, check: bool = True) -> Splits:
    """Load MNIST: 60 000 + 10 000 handwritten digits, 28x28 grey, 10 classes.

    `check=False` accepts other files of the same names. Raises `VaekitError` for missing, damaged
    or unexpected files.
    """
    return _load_parts(_MNIST, data_dir, check)


def fashion_mnist(data_dir: Path | str | None = None, check: bool = True) -> Splits:
    """Load Fashion-MNIST: 60 000 + 10 000 pictures of clothes, 28x28 grey, 10 classes.

    `check=False` accepts other files of the same names. Raises `VaekitError` for missing, damaged
    or unexpected files.
    """
    return _load_parts(_FASHION, data_dir, check)


def read_idx(path: Path, md5: str | None = None) -> np.ndarray:
    """Read a uint8 array from an IDX file, plain or gzipped, of any number of dimensions.

    Raises `VaekitError` where it is damaged, truncated, of another type, or (given the `md5` of the
    unpacked content) not the expected one.
    """
    content = unpacked(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise VaekitError(f"{path} is not an IDX file: it begins with {content[:4].hex(' ')}")
    if content[2] != _UINT8:
        raise VaekitError(f"{path} holds IDX type {content[2]:#04x}: only uint8 (0x08) is read")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise VaekitError(f"{path} is truncated within its header: get it again")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) != start + math.prod(shape):
        raise VaekitError(
            f"{path} should hold {start + math.prod(shape)} bytes for shape {shape}, but has "
            f"{len(content)}: get it again"
        )
    if md5 is not None:
        check_sum(path, md5, content)
    return np.frombuffer(bytearray(content), np.uint8, offset=start).reshape(shape)


def _load_parts(chosen: _IdxSet, data_dir: Path | str | None, check: bool) -> Splits:
    paths, arrays = [], []
    for stem, (packed, content) in zip(_FILES, chosen.sums, strict=True):
        names = (f"{stem}-ubyte.gz", f"{stem}-ubyte")
        paths.append(chosen.home.find(names, data_dir, packed if check else ""))
        arrays.append(read_idx(paths[-1], content if check else None))
    return Splits(
        _labelled(chosen, paths[:2], *arrays[:2]), _labelled(chosen, paths[2:], *arrays[2:])
    )


def _labelled(
    chosen: _IdxSet, paths: list[Path], images: np.ndarray, labels: np.ndarray
) -> Dataset:
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels) or not len(images):
        raise VaekitError(
            f"{paths[0]} {images.shape} and {paths[1]} {labels.shape} do not belong together: "
            "expected images (N, H, W) and labels (N,)"
        )
    return Dataset(
        torch.from_numpy(images)[:, None],
        torch.from_numpy(labels.astype(np.int64)),
        name=chosen.home.name,
        files={path.name: sha256(path) for path in paths},
        label_names=chosen.classes,
    )
