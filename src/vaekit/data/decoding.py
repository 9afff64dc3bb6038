"""Sets of many compressed pictures, decoded once and then mapped from the disk.

Decoding takes seconds to minutes, and all pictures of a large set may not fit the memory. So they
are decoded side by side in threads and stored in the cache, one after the other (see `cache`). What
they were decoded from is part of their folder's name, so that other files, another size or another
version of this module make another one.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from vaekit.data.archives import FileSource, open_files, stamp
from vaekit.data.cache import cached, checking, store
from vaekit.data.files.pictures import differing_sizes
from vaekit.errors import VaekitError
from vaekit.system.progress import steps
from vaekit.system.threads import in_threads

MANY_PICTURES = 10_000  # pictures whose decoding takes long enough to be announced
Decode = Callable[[bytes], np.ndarray]


class Pictures(NamedTuple):
    """Hold images (N, C, H, W) uint8, the name of each, and the sha256 of what was read."""

    images: Tensor
    names: tuple[str, ...]
    sha256: str

    def parts(self, pattern: re.Pattern[str]) -> list[tuple[str, ...]]:
        """Return what the groups of a pattern find in the name of each picture."""
        return [match.groups() for name in self.names if (match := pattern.search(name))]


def mapped(
    what: str, path: Path, wanted: re.Pattern[str], decode: Decode, how: str = ""
) -> Pictures:
    """Map the decoded pictures of a folder or archive from the cache, where they are put if needed.

    They are in natural order of names, and belong to the set `what`; `how` tells apart different
    ways of decoding. Raises `VaekitError` for none, damaged ones, differing sizes, and where the
    cache cannot be written.
    """

    def make(folder: Path) -> None:
        with open_files(path, wanted) as source:
            count = len(source.names)
            about = f"decoding {count} pictures of {path.name}" if count > MANY_PICTURES else ""
            pieces = (picture[None] for picture in _decoded_pictures(source, decode))
            record = lambda: {"names": source.names, "sha256": source.sha256()}  # noqa: E731
            store(folder, count, pieces, record, about)

    state = f"1 {stamp(path, wanted)} {wanted.pattern} {how}"
    images, record, folder = cached(
        what, f"decoded-{hashlib.sha256(state.encode()).hexdigest()[:16]}", make
    )
    with checking(folder):
        names = tuple(record["names"])
        if len(images) != len(names):
            raise ValueError(f"{len(names)} names, images {tuple(images.shape)}")
        return Pictures(images, names, str(record["sha256"]))


def _decoded_pictures(source: FileSource, decode: Decode) -> Iterator[np.ndarray]:
    """Yield the decoded pictures of a source in order."""
    if not source.names:
        raise VaekitError(f"{source.path} holds none of the pictures that are looked for in it")
    contents = ((name, source.read(name)) for name in source.names)
    first = None
    decoded = in_threads(lambda one: _decode_one(source.path, *one, decode), contents)
    pairs = zip(source.names, decoded, strict=True)
    for name, picture in steps(pairs, "pictures decoded", 1, len(source.names)):
        first = picture if first is None else first
        if picture.shape != first.shape:
            shapes = {source.names[0]: first.shape, name: picture.shape}
            raise differing_sizes(source.path, shapes, "get them again as published")
        yield picture


def _decode_one(path: Path, name: str, content: bytes, decode: Decode) -> np.ndarray:
    try:
        return decode(content)
    except VaekitError as error:
        raise VaekitError(f"{name} in {path}: {error}") from error
