"""Sets of many compressed pictures, decoded once and then mapped from the disk.

Decoding takes seconds to minutes, and all pictures of a large set may not fit the memory. So they
are decoded side by side in threads and kept in the cache, one after the other (see `kept`). What
they were decoded from is part of their folder's name, so that other files, another size or another
version of this module make another one.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.archives import Source, opened, stamp
from vaekit.data.cache import damaged, keep, place, read, whole
from vaekit.errors import VaekitError

_VERSION = 1  # of what is written: a change makes older caches unused
_CHUNK = 1024  # pictures held at once: enough to keep the threads busy, some MB of memory
_TASK = 32  # pictures handed to a thread at once: handing over costs as much as a small JPEG
_MANY = 10_000  # pictures whose decoding takes long enough to be announced
Decode = Callable[[bytes], np.ndarray]


class Pictures(NamedTuple):
    """Hold images (N, C, H, W) uint8, the name of each, and the sha256 of what was read."""

    images: Tensor
    names: tuple[str, ...]
    sha256: str


def stacked(path: Path, wanted: re.Pattern[str], decode: Decode) -> Pictures:
    """Decode the pictures of a small folder or archive into memory, in natural order of names.

    Raises `VaekitError` for none, damaged ones, and differing sizes.
    """
    digest = hashlib.sha256()
    with opened(path, wanted) as source:
        images = np.stack(list(_all(source, decode, digest)))
    known = digest.hexdigest() if path.is_dir() else stamp(path, wanted)
    return Pictures(torch.from_numpy(images), source.names, known)


def mapped(
    what: str, path: Path, wanted: re.Pattern[str], decode: Decode, how: str = ""
) -> Pictures:
    """Map the decoded pictures of a folder or archive from the cache, where they are put if needed.

    They belong to the set `what`; `how` tells apart different ways of decoding. Raises
    `VaekitError` as `stacked` does, and where the cache cannot be written.
    """
    state = stamp(path, wanted)
    key = hashlib.sha256(f"{_VERSION} {state} {wanted.pattern} {how}".encode()).hexdigest()[:16]
    folder = place(what, f"decoded-{key}")
    if not whole(folder):
        _decode(folder, path, wanted, decode, None if path.is_dir() else state)
    return _map(folder)


def _decode(
    folder: Path, path: Path, wanted: re.Pattern[str], decode: Decode, known: str | None
) -> None:
    digest = hashlib.sha256()
    with opened(path, wanted) as source:
        count = len(source.names)
        about = f"decoding {count} pictures of {path.name}" if count > _MANY else ""
        pieces = (picture[None] for picture in _all(source, decode, digest))
        record = {"names": source.names}
        keep(folder, count, pieces, lambda: record | {"sha256": known or digest.hexdigest()}, about)


def _map(folder: Path) -> Pictures:
    images, record = read(folder)
    try:
        names, known = tuple(record["names"]), str(record["sha256"])
        if len(images) != len(names):
            raise ValueError(f"{len(names)} names, images {tuple(images.shape)}")
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(folder, error) from error
    return Pictures(images, names, known)


def _all(source: Source, decode: Decode, digest: Any) -> Iterator[np.ndarray]:
    """Yield the decoded pictures of a source in order; their names and bytes go into `digest`."""
    if not source.names:
        raise VaekitError(f"{source.path} holds none of the pictures that are looked for in it")
    shape = None
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for start in range(0, len(source.names), _CHUNK):
            names = source.names[start : start + _CHUNK]
            contents = [source.read(name) for name in names]
            pairs = list(zip(names, contents, strict=True))
            tasks = [
                pool.submit(_some, source.path, pairs[k : k + _TASK], decode)
                for k in range(0, len(pairs), _TASK)
            ]
            found = (picture for task in tasks for picture in task.result())
            for (name, content), picture in zip(pairs, found, strict=True):
                digest.update(name.encode() + b"\0" + content)
                shape = picture.shape if shape is None else shape
                _check(picture, shape, source, name)
                yield picture


def _some(path: Path, pairs: list[tuple[str, bytes]], decode: Decode) -> list[np.ndarray]:
    return [_one(path, name, content, decode) for name, content in pairs]


def _one(path: Path, name: str, content: bytes, decode: Decode) -> np.ndarray:
    try:
        return decode(content)
    except VaekitError as error:
        raise VaekitError(f"{name} in {path}: {error}") from error


def _check(picture: np.ndarray, shape: tuple[int, ...], source: Source, name: str) -> None:
    if picture.shape != shape:
        (h, w), (h0, w0) = picture.shape[1:], shape[1:]
        raise VaekitError(
            f"pictures in {source.path} differ in size: {source.names[0]} is {w0}x{h0}, "
            f"{name} is {w}x{h} (width x height): get them again as published"
        )
