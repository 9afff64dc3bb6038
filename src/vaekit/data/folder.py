"""A folder of pictures, in whatever raster formats Pillow reads itself (see `pictures`).

Sub-folders name classes when every picture lies in one: `pics/cat/1.png` is of class "cat". Folders
`train` and `test` (or `val`, in any usual spelling) are a set with its own split, whatever else
lies beside them. A folder that only wraps such folders is looked through, links are followed,
hidden files are passed over. Pictures have one channel if all of them are grey, else three. Sizes
that differ are never made equal unasked; with `size=` each picture is cropped to the right
proportions about its middle and resampled with antialiasing. Turned photographs are set upright
(EXIF).
"""

import hashlib
import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

from vaekit.data.area import box as sides
from vaekit.data.dataset import Dataset, Splits
from vaekit.data.pictures import ENDINGS, OTHERS, Form, Ground, Look, look, picture
from vaekit.errors import VaekitError, shortened, warn

Item = TypeVar("Item")
Made = TypeVar("Made")
_PARTS = {
    "train": {"train", "training", "trn"},
    "test": {"test", "testing", "tst"},
    "val": {"val", "valid", "validation", "dev"},
}


class File(NamedTuple):
    """Name a picture file, and the folder below which sub-folders are classes."""

    path: Path
    base: Path


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
    root, form = existing(path), Form(1 if gray else None, sides(size), ground)
    if ground not in ("white", "black"):
        raise VaekitError(f"ground must be white or black, got {ground!r}")
    parts = split(root)
    if parts is None:
        return load(listed(root), root, form, skip)
    train, test = (load(_below(part), root, form, skip) for part in parts)
    if train.shape != test.shape or train.label_names != test.label_names:
        raise VaekitError(
            f"train and test differ: images {train.shape} and {test.shape}, classes "
            f"{shortened(train.label_names)} and {shortened(test.label_names)}"
        )
    return Splits(train, test)


def existing(path: Path | str) -> Path:
    """Return the folder that a user named; raise `VaekitError` where there is none."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise VaekitError(f"there is no folder {root}: correct the path")
    return root


def listed(root: Path) -> list[File]:
    """List all pictures of a folder, those of its parts too, in the order in which they are loaded.

    Raises `VaekitError` where there are none.
    """
    return [file for part in split(root) or (_unwrapped(root),) for file in _below(part)]


def split(root: Path) -> tuple[Path, Path] | None:
    """Find the folders to train on and to test on, None where the folder has no such parts."""
    inner, found = _unwrapped(root), dict[str, Path]()
    for child in _folders(inner):
        part = _part(child.name)
        if part and any(_walk(child)):
            found.setdefault(part, child)
    test = found.get("test", found.get("val"))
    if "train" not in found or test is None:
        return None
    parts = found["train"], test
    left = [file for file in _walk(inner) if not any(part in file.parents for part in parts)]
    if left:
        names = dict.fromkeys(file.relative_to(inner).parts[0] for file in left)
        warn(
            f"{root}: {len(left)} pictures beside {parts[0].name} and {parts[1].name} are left "
            f"out: {shortened(list(names))}"
        )
    return parts


def load(
    files: Sequence[File], root: Path, form: Form, skip: bool = False, like: str = ""
) -> Dataset:
    """Load these pictures of a folder in the form that is asked for, in this order.

    Where the form is that of another set, `like` says of which, for a note on pictures that differ.
    Raises `VaekitError` as `folder` does.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # of files that are refused here, or sound
        return _load(files, root, form, skip, like)


def _load(files: Sequence[File], root: Path, form: Form, skip: bool, like: str) -> Dataset:
    broken: dict[File, str] = {}
    looks = dict(_readable(files, lambda file: look(file.path), broken, skip))
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
    images, pages = _decoded(_pages(looks, root), form, broken, skip)
    if broken:
        said = [f"{file.path.relative_to(root)} ({why})" for file, why in broken.items()]
        warn(f"{root}: {len(said)} of {len(files)} pictures are skipped: {shortened(said, 3)}")
    labels, classes = _labels([page.file.path.relative_to(page.file.base).parts for page in pages])
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


# ---- what lies in a folder


def _folders(root: Path) -> list[Path]:
    """List the folders in a folder that somebody put there to be seen."""
    return [p for p in sorted(root.iterdir()) if p.is_dir() and not _is_hidden(p.name)]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _unwrapped(root: Path) -> Path:
    """Go into folders that hold one folder of folders and no pictures, as archives leave them."""
    seen = set[Path]()  # a link may lead back
    while root.resolve() not in seen:
        seen.add(root.resolve())
        inner = _folders(root)
        bare = not any(is_picture(p) for p in root.iterdir())
        if len(inner) != 1 or not bare or not _folders(inner[0]):
            break
        root = inner[0]
    return root


def _part(name: str) -> str | None:
    """Tell which part of a set a folder of this name holds, as in «Training_Set» or «val2017»."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    plain = re.sub(r"(set|data|images?|imgs?|pictures|split)$", "", plain)
    return next((part for part, names in _PARTS.items() if plain in names), None)


def is_picture(path: Path) -> bool:
    """Tell a picture by its name; a link that leads nowhere is one that cannot be read."""
    return path.suffix.lower() in ENDINGS and not _is_hidden(path.name) and not path.is_dir()


def _walk(root: Path) -> Iterator[Path]:
    """Yield the pictures below a folder; links are followed, but not in circles."""
    yield from (path for path in _files(root) if is_picture(path))


def _files(root: Path) -> Iterator[Path]:
    seen = set[str]()
    for folder, inner, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        inner[:] = [] if real in seen else sorted(n for n in inner if not _is_hidden(n))
        yield from (Path(folder) / name for name in names if real not in seen)
        seen.add(real)


def _below(base: Path) -> list[File]:
    """List the pictures below a folder in order; name what looks like pictures and is skipped."""
    paths = sorted(_walk(base))
    others = Counter(p.suffix.lower() for p in _files(base) if p.suffix.lower() in OTHERS)
    said = shortened([f"{count} {ending}" for ending, count in others.most_common()])
    if not paths:
        besides = f"; there are {said}, which are not read" if others else ""
        raise VaekitError(f"no pictures in {base}: it needs {', '.join(sorted(ENDINGS))}{besides}")
    if others:
        warn(f"{base}: {said} are left out, convert what is meant to be read to .png or .jpg")
    return [File(path, base) for path in paths]


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
    found = []
    for file, seen in looks.items():
        name = file.path.relative_to(root).as_posix()
        several = seen.pages > 1
        found += [Page(file, k, f"{name}#{k}" if several else name) for k in range(seen.pages)]
    return found


def _decoded(
    pages: Sequence[Page], form: Form, broken: dict[File, str], skip: bool
) -> tuple[np.ndarray, list[Page]]:
    """Decode pages into one array (N, C, H, W), and list those that it holds."""
    images, held = np.empty(0), list[Page]()
    read = lambda page: picture(page.file.path, form, page.number)  # noqa: E731
    for page, pixels in _readable(pages, read, broken, skip):
        if not held:
            images = np.empty((len(pages), *pixels.shape), pixels.dtype)
        elif pixels.shape != images.shape[1:]:
            raise _differing(images.shape[2:], held[0].name, pixels.shape[1:], page.name)
        images[len(held)] = pixels
        held.append(page)
    if not held:
        raise VaekitError(
            f"none of {len(broken)} pictures can be read: {next(iter(broken.values()))}"
        )
    return images[: len(held)], held


def _differing(first: tuple[int, ...], other: str, size: tuple[int, ...], name: str) -> VaekitError:
    (h0, w0), (h, w) = first, size
    return VaekitError(
        f"pictures differ in size: {other} is {w0}x{h0}, {name} is {w}x{h} (width x height): "
        f"make them equal with \"folder('FOLDER', size={min(h, w, h0, w0)})\""
    )


def _labels(parts: list[tuple[str, ...]]) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    if any(len(part) == 1 for part in parts):
        return None, ()
    names = sorted({part[0] for part in parts})
    place = {name: number for number, name in enumerate(names)}
    return torch.tensor([place[part[0]] for part in parts]), tuple(names)
