"""CIFAR-10: 60 000 photographs in colour, 32x32, of ten kinds of things.

The binary version has six files of records, each a byte for the class and 3 072 for the pixels:
red, then green, then blue, row by row. Only its length says how many there are. The checksum known
is that of the archive; unpacked files are checked by their length and the count of each class,
5 000 in training and 1 000 in test.

The version "for Python" is a pickle. Unpickling runs code, so it is refused and never opened.

Copies as pictures, train/CLASS/*.png and test/CLASS/*.png, are common, mostly as JPEG: those are
*other pixels*, good to train on, wrong for bits per dimension or any number to be compared with a
published one. They are loaded only when asked for, as the set "cifar10-pictures".

A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

import math
import re
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vaekit.data.archives import ARCHIVE_ENDINGS, open_files, stamp
from vaekit.data.dataset import Dataset
from vaekit.data.decoding import mapped
from vaekit.data.files.pictures import pixels
from vaekit.data.paths import UNCHECKED, Home, check_sum, existing, sha256
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError

CIFAR_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR10 = Home(
    "cifar10",
    "https://www.cs.toronto.edu/~kriz/",
    ("cifar-10",),
    "cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
)
_BATCHES = ("cifar-10-batches-bin", "data_batch_1.bin", CIFAR10.file)
_PICKLES = ("cifar-10-batches-py", "cifar-10-python.tar.gz")
_COPY_NAMES = ("cifar10-pictures", "cifar10-jpeg", "cifar10-png", "CIFAR-10-images")
_COPIES = Home("cifar10-pictures", "", (*_COPY_NAMES[1:], CIFAR10.name, *CIFAR10.folders))
_BATCH = re.compile(r"(?:^|/)(data_batch_[1-5]|test_batch)\.bin$")
_PICKLED = re.compile(r"(?:^|/)(data_batch_1|test_batch|batches\.meta)$")
_COPY_FILE = re.compile(
    rf"(?:^|/)(train|test)/({'|'.join(CIFAR_CLASSES)})/[^./][^/]*\.(?:png|jpe?g)$"
)
_CIFAR_SHAPE, _PER_FILE = (3, 32, 32), 10_000
_TRAIN = tuple(f"data_batch_{k}" for k in range(1, 6))


def cifar10(
    pictures: bool = False,
    path: Path | str | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Splits:
    """Load CIFAR-10: 50 000 + 10 000 photographs in colour, 32x32, 10 classes.

    `pictures` takes a copy as PNG or JPEG files, of which JPEGs are not the original pixels; `path`
    names the folder or archive itself; `check=False` accepts other counts and another archive.
    Raises `VaekitError` for missing, damaged or unexpected files, and for pickles.
    """
    if pictures:
        return _of_copy(_copy(path, data_dir), check)
    where = existing(path, CIFAR10.name) if path is not None else _find_batches(data_dir, check)
    return _of_batches(where, check)


def _find_batches(data_dir: Path | str | None, check: bool) -> Path:
    """Find the binary version, or download it; refuse the pickles where only they are there."""
    where = CIFAR10.locate(_BATCHES, data_dir)
    if where is not None:
        return where.parent if where.name == _BATCHES[1] else where
    pickled = CIFAR10.locate((*_PICKLES, "batches.meta"), data_dir)
    if pickled is not None:
        raise _refused_pickle(pickled)
    try:
        return CIFAR10.get(None, data_dir, check)
    except VaekitError as error:
        copy = _find_copy(data_dir)
        hint = f'\nA copy as pictures is in {copy}: "cifar10(pictures=true)" loads it.'
        raise VaekitError(f"{error}{hint if copy else ''}") from error


def _refused_pickle(path: Path) -> VaekitError:
    return VaekitError(
        f"{path} is CIFAR-10 as a Python pickle, which is never opened, because unpickling runs "
        f"code: get the binary version, {CIFAR10.address}{CIFAR10.file}, and put it beside it"
    )


def _of_batches(path: Path, check: bool) -> Splits:
    if path.name in _PICKLES:
        raise _refused_pickle(path)
    if check and path.is_file() and path.name == CIFAR10.file:
        check_sum(path, CIFAR10.checksum)
    with open_files(path, re.compile(f"{_BATCH.pattern}|{_PICKLED.pattern}")) as source:
        names = {match[1]: name for name in source.names if (match := _BATCH.search(name))}
        if not names and source.names:
            raise _refused_pickle(path)
        missing = [stem for stem in (*_TRAIN, "test_batch") if stem not in names]
        if missing:
            raise VaekitError(
                f"{path} has no {missing[0]}.bin, which belongs to CIFAR-10: get it again, or "
                "pass pictures=true where it holds pictures"
            )
        train = [_batch_records(path, names[k], source.read(names[k]), check) for k in _TRAIN]
        test = _batch_records(path, names["test_batch"], source.read(names["test_batch"]), check)
    files = {path.name: stamp(path, _BATCH)} if path.is_file() else {}
    parts = []
    for stems, records in ((_TRAIN, np.concatenate(train)), (("test_batch",), test)):
        labels = records[:, 0].astype(np.int64)
        _check_classes(path, labels, check, len(stems) * _PER_FILE // 10)
        images = np.ascontiguousarray(records[:, 1:]).reshape(-1, *_CIFAR_SHAPE)
        own = files or {f"{stem}.bin": sha256(path / names[stem]) for stem in stems}
        parts.append(_part_of_batches(images, labels, own))
    return Splits(*parts)


def _batch_records(path: Path, name: str, content: bytes, check: bool) -> np.ndarray:
    """Cut the content of a batch into records (n, 3073)."""
    width = 1 + math.prod(_CIFAR_SHAPE)
    if not content or len(content) % width or (check and len(content) != _PER_FILE * width):
        raise VaekitError(
            f"{name} in {path} should hold {_PER_FILE * width} bytes, {_PER_FILE} records of "
            f"{width}, but has {len(content)}: get it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, width)
    if records[:, 0].max() >= len(CIFAR_CLASSES):
        raise VaekitError(
            f"{name} in {path} has the class {records[:, 0].max()}, but CIFAR-10 has 0 to 9: "
            "it is damaged or another set (CIFAR-100?)"
        )
    return records


def _check_classes(path: Path, labels: np.ndarray, check: bool, each: int) -> None:
    counts = np.bincount(labels, minlength=len(CIFAR_CLASSES))
    if check and (counts != each).any():
        raise VaekitError(
            f"{path} is not the published set: its classes have {counts.min()} to "
            f"{counts.max()} images where each should have {each}: get it again, or {UNCHECKED}"
        )


def _part_of_batches(images: np.ndarray, labels: np.ndarray, files: dict[str, str]) -> Dataset:
    return Dataset(
        torch.from_numpy(images),
        torch.from_numpy(labels),
        name=CIFAR10.name,
        files=files,
        label_names=CIFAR_CLASSES,
    )


# ---- copies as pictures


def _find_copy(data_dir: Path | str | None) -> Path | None:
    """Find an archive of pictures, or a folder with the parts train and test."""
    archives = tuple(name + ending for name in _COPY_NAMES for ending in ARCHIVE_ENDINGS)
    where = _COPIES.locate((*archives, "train/airplane"), data_dir)
    return where.parent.parent if where is not None and where.name == "airplane" else where


def _copy(path: Path | str | None, data_dir: Path | str | None) -> Path:
    where = existing(path, CIFAR10.name) if path is not None else _find_copy(data_dir)
    if where is None:
        raise VaekitError(
            "cifar10(pictures=true): there is no folder with train/airplane/… and no archive "
            f"{_COPY_NAMES[1]}.tar.xz in the data folder: name it, "
            "\"cifar10(pictures=true, path='FOLDER')\""
        )
    return where


def _of_copy(path: Path, check: bool) -> Splits:
    read = mapped(CIFAR10.name, path, _COPY_FILE, partial(pixels, channels=3))
    if tuple(read.images.shape[1:]) != _CIFAR_SHAPE:
        raise VaekitError(
            f"the pictures in {path} are {tuple(read.images.shape[1:])}, but those of CIFAR-10 "
            f"{_CIFAR_SHAPE}: load others with \"folder('{path}')\""
        )
    parts, kinds = np.array(read.parts(_COPY_FILE)).T
    labels = np.array([CIFAR_CLASSES.index(kind) for kind in kinds])
    made = Dataset(
        read.images,
        torch.from_numpy(labels),
        name="cifar10-pictures",
        files={path.name: read.sha256},
        label_names=CIFAR_CLASSES,
    )
    split = []
    for part, each in (("train", 5000), ("test", 1000)):
        rows = np.flatnonzero(parts == part)
        if not len(rows):
            raise VaekitError(f"{path} has no pictures in {part}: get it again")
        _check_classes(path, labels[rows], check, each)
        split.append(made.subset(rows))
    return Splits(*split)
