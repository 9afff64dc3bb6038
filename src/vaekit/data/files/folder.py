"""A folder of pictures, in whatever raster formats Pillow reads itself (see `pictures`).

Sub-folders name classes, `pics/cat/1.png` is of class "cat", and folders `train` and `test` are a
set with its own split (see `layout`). Pictures have one channel if all of them are grey, else
three. Sizes that differ are never made equal unasked; with `size=` each picture is cropped to the
right proportions about its middle and resampled with antialiasing. Turned photographs are set
upright (EXIF).
"""

import hashlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from vaekit.data.area import box as sides
from vaekit.data.dataset import Dataset
from vaekit.data.files.layout import File, arranged, existing_folder, list_pictures  # noqa: F401 (for `encode`)
from vaekit.data.files.pictures import (
    Form,
    Ground,
    Look,
    decode_page,
    differing_sizes,
    inspect_picture,
)
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError, shortened, warn

Item = TypeVar("Item")
Made = TypeVar("Made")
_LARGEST_SIDE = 8192  # pixels, far beyond what a network takes


class Page(NamedTuple):
    """Name a page of a picture file, `name` where it has several: «stack.tif#3»."""

    file: File
    number: int
    name: str


def folder(
    path: Path | str,
    size: int | Sequence[int] | None = None,
    gray: bool = False,
    ground: Ground = "white",
    skip: bool = False,
) -> Dataset | Splits:
    """Load the pictures of a folder and its sub-folders, which name the classes.

    `size` is the side, or (height, width), to bring them to; `gray` drops colour; `ground` is what
    transparent pictures are laid on, white or black; `skip` passes over those that cannot be read,
    and says which. Raises `VaekitError` for no pictures, damaged ones, and differing sizes without
    `size`.
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
    train = load_pictures(parts[0], root, form, skip)
    if len(parts) == 1:
        return train
    test = load_pictures(parts[1], root, form, skip, classes=train.label_names)
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
) -> Dataset:
    """Load these pictures of a folder in the form that is asked for, in this order.

    Where the form is that of another set, `like` says of which, for a note on pictures that differ.
    Classes get their numbers in `classes`, where all of them stand there. Raises `VaekitError` as
    `folder` does.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of files that are refused here, or sound
        return _load_quietly(files, root, form, skip, like, classes)


def _load_quietly(
    files: Sequence[File], root: Path, form: Form, skip: bool, like: str, known: Sequence[str]
) -> Dataset:
    broken: dict[File, str] = {}
    looks = dict(_readable(files, lambda file: inspect_picture(file.path), broken, skip))
    form = replace(
        form,
        channels=form.channels or (1 if all(seen.gray for seen in looks.values()) else 3),
        deep=any(seen.deep for seen in looks.values()),
    )
    others = [s for s in looks.values() if s.size != form.size or s.gray != (form.channels == 1)]
    if like and others and form.size is not None:
        colour = "grey" if form.channels == 1 else "colour"
        size = f"{form.size[0]} x {form.size[1]} (h x w), {like}"
        warn(f"{root}: {len(others)} of {len(looks)} pictures are brought to {colour}, {size}")
    if cut := [file for file, seen in looks.items() if seen.cut]:
        name = cut[0].path.relative_to(root).as_posix()
        warn(
            f"{root}: {len(cut)} of {len(looks)} pictures have 16 bits in colour or with "
            f"transparency, and 8 of them are read: {name} is the first"
        )
    images, pages = _decode_pages(_pages(looks, root), root, form, broken, skip)
    if broken:
        said = [f"{file.path.relative_to(root)} ({why})" for file, why in broken.items()]
        warn(f"{root}: {len(said)} of {len(files)} pictures are skipped: {shortened(said, 3)}")
    parts = [page.file.path.relative_to(page.file.base).parts for page in pages]
    labels, classes = _folder_labels(parts, known)
    return Dataset(
        torch.from_numpy(images),
        labels,
        name=root.name,
        files={root.name: _sealed(pages, root)},
        label_names=classes,
        names=tuple(page.name for page in pages),
    )


def _sealed(pages: Sequence[Page], root: Path) -> str:
    """Return the sha256 of the names and bytes of all files."""
    digest = hashlib.sha256()
    for path in dict.fromkeys(page.file.path for page in pages):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


# ---- what is read of it


def _readable(
    items: Iterable[Item], read: Callable[[Item], Made], broken: dict[File, str], skip: bool
) -> Iterator[tuple[Item, Made]]:
    """Yield what is read of each item; with `skip` gather those that cannot be read."""
    for item in items:
        try:
            yield item, read(item)
        except VaekitError as error:
            if not skip:
                raise VaekitError(
                    f"{error}: repair or remove it, or pass over such files with skip=true"
                ) from error
            file: Any = item.file if isinstance(item, Page) else item
            broken[file] = str(error).partition(f"{file.path} (")[2].removesuffix(")")


def _pages(looks: Mapping[File, Look], root: Path) -> list[Page]:
    pages = []
    for file, seen in looks.items():
        name = file.path.relative_to(root).as_posix()
        several = seen.pages > 1
        pages += [Page(file, k, f"{name}#{k}" if several else name) for k in range(seen.pages)]
    return pages


def _decode_pages(
    pages: Sequence[Page], root: Path, form: Form, broken: dict[File, str], skip: bool
) -> tuple[np.ndarray, list[Page]]:
    """Decode pages into one array (N, C, H, W), and list those that it holds."""
    images, decoded = np.empty(0), list[Page]()
    read = lambda page: decode_page(page.file.path, form, page.number)  # noqa: E731
    for page, pixels in _readable(pages, read, broken, skip):
        if not decoded:
            images = _room((len(pages), *pixels.shape), pixels.dtype)
        elif pixels.shape != images.shape[1:]:
            raise _differing(root, {decoded[0].name: images.shape[1:], page.name: pixels.shape})
        images[len(decoded)] = pixels
        decoded.append(page)
    if not decoded:
        raise VaekitError(
            f"none of {len(broken)} pictures can be read: {next(iter(broken.values()))}"
        )
    return images[: len(decoded)], decoded


def _room(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        height, width = shape[2:]
        raise VaekitError(
            f"{shape[0]} pictures of {height} x {width} (h x w) do not fit into memory: choose a "
            "smaller size="
        ) from error


def _differing(root: Path, shapes: Mapping[str, tuple[int, ...]]) -> VaekitError:
    size = min(side for shape in shapes.values() for side in shape[1:])
    return differing_sizes(root, shapes, f"make them equal with \"folder('{root}', size={size})\"")


def _folder_labels(
    parts: list[tuple[str, ...]], known: Sequence[str]
) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    if any(len(part) == 1 for part in parts):
        return None, ()
    own = {part[0] for part in parts}
    names = tuple(known) if own <= set(known) else tuple(sorted(own))
    place = {name: number for number, name in enumerate(names)}
    return torch.tensor([place[part[0]] for part in parts]), names
