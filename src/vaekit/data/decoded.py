"""Sets of many compressed pictures, decoded once and then mapped from the disk.

Decoding takes seconds to minutes, and all pictures of a large set may not fit the memory. So they
are decoded side by side in threads and written one after the other to a .npy file (N, C, H, W)
uint8 in the cache; from then on that file is mapped, and a batch costs the reading of its rows.
What the .npy was made from is part of its folder's name, so that other files, another size or
another version of this module make another one. A list of the pictures' names, written last, says
that it is whole. Two processes that decode at once write the same bytes and swap them in.
"""

import hashlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.files import cache, cause
from vaekit.data.packed import Source, opened, stamp
from vaekit.errors import VaekitError
from vaekit.files import write, write_text

_VERSION = 1  # of what is written: a change makes older caches unused
_CHUNK = 1024  # pictures held at once: enough to keep the threads busy, some MB of memory
_TASK = 32  # pictures handed to a thread at once: handing over costs as much as a small JPEG
_MANY = 10_000  # pictures whose decoding takes long enough to be announced
_ARRAY, _RECORD = "images.npy", "source.json"
Decode = Callable[[bytes], np.ndarray]


class Pictures(NamedTuple):
    """Hold images (N, C, H, W) uint8, the name of each, and the sha256 of what was read."""

    images: Tensor
    names: tuple[str, ...]
    sha256: str


def pixels(content: bytes, mode: str) -> np.ndarray:
    """Decode a picture as (C, H, W) uint8 in Pillow's mode L or RGB."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        if image.mode.split(";")[0] in ("I", "F"):
            raise ValueError("more than 8 bits for a channel")
        array = np.asarray(image.convert(mode))
    return array[None] if mode == "L" else np.moveaxis(array, -1, 0)


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
    folder = cache() / what / f"decoded-{key}"
    if not (folder / _RECORD).is_file():
        _decode(folder, path, wanted, decode, None if path.is_dir() else state)
    return _map(folder)


def _decode(
    folder: Path, path: Path, wanted: re.Pattern[str], decode: Decode, known: str | None
) -> None:
    digest = hashlib.sha256()
    with opened(path, wanted) as source:
        if len(source.names) > _MANY:
            about = f"{len(source.names)} pictures of {path.name} into {folder}"
            print(f"decoding {about}: this is done once", file=sys.stderr)
        write(folder / _ARRAY, lambda target: _save(target, source, decode, digest))
    record = {"sha256": known or digest.hexdigest(), "names": source.names}
    write_text(folder / _RECORD, json.dumps(record))


def _save(target: Path, source: Source, decode: Decode, digest: Any) -> None:
    """Write through a file: on a full disk it raises, where a mapping would end the process."""
    with target.open("wb") as file:
        for row, picture in enumerate(_all(source, decode, digest)):
            if not row:
                shape = (len(source.names), *picture.shape)
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(picture.tobytes())


def _map(folder: Path) -> Pictures:
    try:
        # "c" keeps changes in memory: the file is only read, and torch need not warn of that.
        images = np.load(folder / _ARRAY, mmap_mode="c", allow_pickle=False)
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        names, known = tuple(record["names"]), str(record["sha256"])
        if images.ndim != 4 or images.dtype != np.uint8 or len(images) != len(names):
            raise ValueError(f"{len(names)} names, images {images.shape} {images.dtype}")
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise VaekitError(
            f"the decoded pictures in {folder} are damaged ({cause(error)}): "
            "delete that folder, and they are decoded anew"
        ) from error
    return Pictures(torch.from_numpy(images), names, known)


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
    from PIL import Image

    try:
        return decode(content)
    except VaekitError as error:
        raise VaekitError(f"{name} in {path}: {error}") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise VaekitError(
            f"cannot read the picture {name} in {path} ({cause(error)}): get it again"
        ) from error


def _check(picture: np.ndarray, shape: tuple[int, ...], source: Source, name: str) -> None:
    if picture.shape != shape:
        (h, w), (h0, w0) = picture.shape[1:], shape[1:]
        raise VaekitError(
            f"pictures in {source.path} differ in size: {source.names[0]} is {w0}x{h0}, "
            f"{name} is {w}x{h} (width x height): get them again as published"
        )
