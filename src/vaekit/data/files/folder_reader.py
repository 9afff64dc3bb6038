"""The pictures of a folder, looked at and decoded one after the other."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from vaekit.data.files.layout import File
from vaekit.data.files.pictures import Form, Look, decode_page, differing_sizes, inspect_picture
from vaekit.errors import VaekitError, shortened, warn
from vaekit.system.memory import warn_of_memory
from vaekit.system.progress import steps
from vaekit.system.threads import in_threads

PageItem = TypeVar("PageItem")
PageMade = TypeVar("PageMade")
_TOGETHER = 2**20  # pixels decoded by a thread at once


class PicturePage(NamedTuple):
    """Name a page of a picture file, `name` where it has several: «stack.tif#3»."""

    file: File
    number: int
    name: str


class FolderReader:
    """Look at the pictures of a folder, and decode them one after the other.

    `pages` are all that seem readable; once `decoded` has ended, those that were.
    """

    def __init__(self, files: Sequence[File], root: Path, form: Form, skip: bool, like: str):
        self.root, self.skip, self.count = root, skip, len(files)
        self.broken: dict[File, str] = {}
        look = lambda file: inspect_picture(file.path)  # noqa: E731
        looks = dict(self._readable(files, look, "pictures looked at"))
        self.form = replace(
            form,
            channels=form.channels or (1 if all(seen.gray for seen in looks.values()) else 3),
            deep=any(seen.deep for seen in looks.values()),
        )
        self._warn_of_changes(looks, like)
        self.pages = _pages(looks, root)
        largest = max((h * w for h, w in (seen.size for seen in looks.values())), default=1)
        self.together = max(1, min(32, _TOGETHER // largest))

    def decoded(self) -> Iterator[np.ndarray]:
        """Yield the pages that can be read as (C, H, W); raise `VaekitError` where none can."""
        kept, shape = list[PicturePage](), ()
        read = lambda page: decode_page(page.file.path, self.form, page.number)  # noqa: E731
        for page, pixels in self._readable(self.pages, read, "pictures decoded", self.together):
            shape = shape or pixels.shape
            if pixels.shape != shape:
                raise _differing(self.root, {kept[0].name: shape, page.name: pixels.shape})
            kept.append(page)
            yield pixels
        self.pages, broken = kept, self.broken
        if not kept:
            raise VaekitError(
                f"none of {len(broken)} pictures can be read: {next(iter(broken.values()))}"
            )
        if broken:
            said = [f"{file.path.relative_to(self.root)} ({why})" for file, why in broken.items()]
            warn(
                f"{self.root}: {len(said)} of {self.count} pictures are skipped: "
                f"{shortened(said, 3)}"
            )

    def stacked(self) -> np.ndarray:
        """Decode all pages into one array (N, C, H, W)."""
        images, count = np.empty(0), 0
        for pixels in self.decoded():
            if not count:
                images = _room(self.root, (len(self.pages), *pixels.shape), pixels.dtype)
            images[count] = pixels
            count += 1
        return images[:count]

    def record(self, known: Sequence[str]) -> dict[str, Any]:
        """Return names, labels and checksum of what was decoded, as JSON holds them."""
        parts = [page.file.path.relative_to(page.file.base).parts for page in self.pages]
        labels, label_names = _folder_labels(parts, known)
        names = [page.name for page in self.pages]
        sha256 = _sealed(self.pages, self.root)
        return {"names": names, "labels": labels, "label_names": label_names, "sha256": sha256}

    def _warn_of_changes(self, looks: Mapping[File, Look], like: str) -> None:
        form, root = self.form, self.root
        gray = form.channels == 1
        others = [s for s in looks.values() if s.size != form.size or s.gray != gray]
        if like and others and form.size is not None:
            size = f"{form.size[0]} x {form.size[1]} (h x w), {like}"
            warn(
                f"{root}: {len(others)} of {len(looks)} pictures are brought to "
                f"{'grey' if gray else 'colour'}, {size}"
            )
        if cut := [file for file, seen in looks.items() if seen.cut]:
            name = cut[0].path.relative_to(root).as_posix()
            warn(
                f"{root}: {len(cut)} of {len(looks)} pictures have 16 bits in colour or with "
                f"transparency, and 8 of them are read: {name} is the first"
            )

    def _readable(
        self,
        items: Sequence[PageItem],
        read: Callable[[PageItem], PageMade],
        what: str,
        together: int = 32,
    ) -> Iterator[tuple[PageItem, PageMade]]:
        """Yield what is read of each item; with `skip` gather those that cannot be read."""

        def attempt(item: PageItem) -> tuple[PageItem, PageMade | VaekitError]:
            try:
                return item, read(item)
            except VaekitError as error:
                return item, error

        for item, made in steps(in_threads(attempt, items, together), what, 1, len(items)):
            if not isinstance(made, VaekitError):
                yield item, made
                continue
            if not self.skip:
                raise VaekitError(
                    f"{made}: repair or remove it, or pass over such files with skip=true: "
                    f"\"folder('{self.root}', skip=true)\", beside the options that you gave"
                ) from made
            file: Any = item.file if isinstance(item, PicturePage) else item
            self.broken[file] = str(made).partition(f"{file.path} (")[2].removesuffix(")")


def _sealed(pages: Sequence[PicturePage], root: Path) -> str:
    """Return the sha256 of the names and bytes of all files."""
    digest = hashlib.sha256()
    for path in steps(dict.fromkeys(page.file.path for page in pages), "checksums of files"):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _pages(looks: Mapping[File, Look], root: Path) -> list[PicturePage]:
    pages = []
    for file, seen in looks.items():
        name = file.path.relative_to(root).as_posix()
        several = seen.pages > 1
        pages += [
            PicturePage(file, k, f"{name}#{k}" if several else name) for k in range(seen.pages)
        ]
    return pages


def _room(root: Path, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    cure = f"map them, \"folder('{root}', mmap=true)\", or choose a smaller size="
    what = f"{root}: {shape[0]} pictures of {shape[2]} x {shape[3]} (h x w)"
    warn_of_memory(what, math.prod(shape) * dtype.itemsize, cure)
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:
        raise VaekitError(f"{what} do not fit into memory: {cure}") from error


def _differing(root: Path, shapes: Mapping[str, tuple[int, ...]]) -> VaekitError:
    size = min(side for shape in shapes.values() for side in shape[1:])
    return differing_sizes(root, shapes, f"make them equal with \"folder('{root}', size={size})\"")


def _folder_labels(
    parts: list[tuple[str, ...]], known: Sequence[str]
) -> tuple[list[int] | None, tuple[str, ...]]:
    if any(len(part) == 1 for part in parts):
        return None, ()
    own = {part[0] for part in parts}
    names = tuple(known) if own <= set(known) else tuple(sorted(own))
    place = {name: number for number, name in enumerate(names)}
    return [place[part[0]] for part in parts], names
