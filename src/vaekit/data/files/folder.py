"""A folder of pictures, in whatever raster formats Pillow reads itself (see `pictures`).

Sub-folders name classes, `pics/cat/1.png` is of class "cat", and folders `train` and `test` are a
set with its own split (see `layout`). Pictures have one channel if all of them are grey, else
three. Sizes that differ are never made equal unasked; with `size=` each picture is cropped to the
right proportions about its middle and resampled with antialiasing. Turned photographs are set
upright (EXIF). With `mmap=true` they are decoded once into a file of the cache, which is mapped.
"""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vaekit.data.area import box as sides
from vaekit.data.cache import cached, checking, store
from vaekit.data.dataset import Dataset
from vaekit.data.decoding import MANY_PICTURES
from vaekit.data.files.folder_reader import FolderReader
from vaekit.data.files.layout import File, arranged, existing_folder, list_pictures  # noqa: F401 (for `encode`)
from vaekit.data.files.pictures import Form, Ground
from vaekit.data.paths import files_state
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError, VaekitWarning, shortened, warn

_LARGEST_SIDE = 8192  # pixels, far beyond what a network takes


def folder(
    path: Path | str,
    size: int | Sequence[int] | None = None,
    gray: bool = False,
    ground: Ground = "white",
    skip: bool = False,
    mmap: bool = False,
) -> Dataset | Splits:
    """Load the pictures of a folder and its sub-folders, which name the classes.

    `size` is the side, or (height, width), to bring them to; `gray` drops colour; `ground` is what
    transparent pictures are laid on, white or black; `skip` passes over those that cannot be read,
    and says which. `mmap` decodes them once into a file of the cache and maps it, for more than
    memory holds. Raises `VaekitError` for no pictures, damaged ones, differing sizes without
    `size`, and a cache that cannot be written.
    """
    root, shape = existing_folder(path), None if size is None else sides(size)
    form = Form(1 if gray else None, shape, ground)
    if ground not in ("white", "black"):
        raise VaekitError(f"ground must be white or black, got {ground!r}")
    if form.size is not None and max(form.size) > _LARGEST_SIDE:
        raise VaekitError(
            f"size must be at most {_LARGEST_SIDE} pixels a side, got {size}: "
            "networks take 32 to 512"
        )
    parts = arranged(root)
    train = load_pictures(parts[0], root, form, skip, mmap=mmap)
    if len(parts) == 1:
        return train
    test = load_pictures(parts[1], root, form, skip, classes=train.label_names, mmap=mmap)
    return Splits(train, _agreeing(test, train, root))


def _agreeing(test: Dataset, train: Dataset, root: Path) -> Dataset:
    """Return the part to test on with classes as the other part has them, or none."""
    if train.shape != test.shape:
        cure = "gray=true makes both grey" if train.shape[0] != test.shape[0] else ""
        cure = cure or f"size={min(*train.shape[1:], *test.shape[1:])} makes them equal"
        raise VaekitError(
            f"train and test differ: images {train.shape} and {test.shape} (C, H, W): {cure}"
        )
    if train.labels is None or test.labels is None:
        if (train.labels is None) != (test.labels is None):
            bare, other = ("test", "train") if test.labels is None else ("train", "test")
            warn(
                f"{root}: the pictures of {bare} lie in no folders of classes, those of {other} "
                "do: those to test on are read without classes, and serve no model that is "
                "conditioned on them"
            )
        return replace(test, labels=None, label_names=())
    if unknown := [name for name in test.label_names if name not in train.label_names]:
        raise VaekitError(
            f"train and test differ: classes {shortened(train.label_names)} and "
            f"{shortened(test.label_names)}: add pictures of {shortened(unknown, 3)} to train, "
            "take them out of test, or load one of the two folders by itself"
        )
    seen = set(test.labels.tolist())
    if absent := [name for k, name in enumerate(train.label_names) if k not in seen]:
        warn(f"{root}: test has no pictures of the classes {shortened(absent)}")
    return test


def load_pictures(
    files: Sequence[File],
    root: Path,
    form: Form,
    skip: bool = False,
    like: str = "",
    classes: Sequence[str] = (),
    mmap: bool = False,
) -> Dataset:
    """Load these pictures of a folder in the form that is asked for, in this order.

    Where the form is that of another set, `like` says of which, for a note on pictures that differ.
    Classes get their numbers in `classes`, where all of them stand there. Raises `VaekitError` as
    `folder` does.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of files that are refused here, or sound
        if mmap:
            return _mapped(files, root, form, skip, like, classes)
        pictures = FolderReader(files, root, form, skip, like)
        images = pictures.stacked()
    return _dataset(root, torch.from_numpy(images), pictures.record(classes))


def _mapped(
    files: Sequence[File], root: Path, form: Form, skip: bool, like: str, known: Sequence[str]
) -> Dataset:
    """Map the decoded pictures of the cache, where they are put if they are not there yet."""
    before = files_state(file.path for file in files)

    def make(place: Path) -> None:
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", VaekitWarning)
            pictures = FolderReader(files, root, form, skip, like)

            def record() -> dict[str, Any]:
                made = pictures.record(known)
                if files_state(file.path for file in files) != before:
                    raise VaekitError(
                        f"the pictures in {root} changed while they were read: load them again "
                        "once nothing is written there any more"
                    )
                said = [str(n.message) for n in notes if issubclass(n.category, VaekitWarning)]
                return {**made, "of": str(root.resolve()), "notes": said}

            count = len(pictures.pages)
            about = f"decoding {count} pictures of {root}" if count > MANY_PICTURES else ""
            pieces = (pixels[None] for pixels in pictures.decoded())
            store(place, count, pieces, record, about)

    places = sorted({str(root.resolve()), *(str(file.base) for file in files)})
    state = f"1 {places} {before} {form} {skip} {like} {tuple(known)}"
    key = f"decoded-{hashlib.sha256(state.encode()).hexdigest()[:16]}"
    images, record, place = cached("folder", key, make)
    with checking(place):
        if len(images) != len(record["names"]):
            raise ValueError(f"{len(record['names'])} names, images {tuple(images.shape)}")
        data = _dataset(root, images, record)
    for note in record["notes"]:
        warn(note)
    return data


def _dataset(root: Path, images: torch.Tensor, record: Mapping[str, Any]) -> Dataset:
    labels = record["labels"]
    return Dataset(
        images,
        None if labels is None else torch.tensor(labels),
        name=root.name,
        files={root.name: record["sha256"]},
        label_names=tuple(record["label_names"]),
        names=tuple(record["names"]),
    )
