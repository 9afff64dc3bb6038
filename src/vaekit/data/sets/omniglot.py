"""Omniglot: characters of many alphabets, each drawn once by 20 people, black strokes on white.

The files are the archives as published, of 1-bit PNG pictures of 105 x 105, named
ALPHABET/characterNN/IIII_DD.png with the drawer DD from 01 to 20:

    small1       2 720 pictures, 136 characters of 5 alphabets
    small2       3 120 pictures, 156 characters of 5 alphabets: Greek and Latin are in both
    background  19 280 pictures, 964 characters of 30 alphabets, all of small1 and small2 in it
    evaluation  13 180 pictures, 659 characters of 20 other alphabets

A picture that two archives share counts once, so that `small`, the default, has 4 840 pictures of
242 characters; small2 is no held-out set for small1. What is held out are drawers: the last `held`
of every character, so that each character is in both parts. With 5 drawers held out and
`rotations`, which add every picture turned by 90, 180 and 270 degrees (Vinyals et al. 2016), a
character has 60 pictures to train on and 20 to test on, as in [vimae] §5.3. For characters that
were never seen, take some `alphabets` to train on and others to test on.

Values are ink: 1 in the strokes, 0 on the paper. B. Lake, R. Salakhutdinov, J. Tenenbaum,
"Human-level concept learning through probabilistic program induction", Science 350, 2015.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vaekit.data.area import averaged, box
from vaekit.data.dataset import Dataset, Splits
from vaekit.data.decoding import mapped
from vaekit.data.files.pictures import pixels
from vaekit.data.paths import Home, check_count
from vaekit.errors import VaekitError, nearest

_NAME = re.compile(r"(?:^|/)([^/.][^/]*/character\d\d)/\d{4}_(\d\d)\.png$")
_HOME = Home("omniglot", "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/")
_DRAWERS = 20


class _Archive(NamedTuple):
    total: int
    sha256: str | None = None  # of the published .zip, where known


_ARCHIVES = {
    "small1": _Archive(2720, "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4"),
    "small2": _Archive(3120, "3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f"),
    "background": _Archive(19_280),
    "evaluation": _Archive(13_180),
}
_PARTS = {
    "small": ("small1", "small2"),
    **{name: (name,) for name in _ARCHIVES},
    "all": ("background", "evaluation"),
}


class _Drawn(NamedTuple):
    """Hold pictures (N, 1, S, S) of ink, the character and the drawer of each."""

    images: np.ndarray
    characters: np.ndarray
    drawers: np.ndarray


def omniglot(
    size: int = 28,
    part: str = "small",
    alphabets: str | Sequence[str] | None = None,
    rotations: bool = False,
    held: int = 5,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Splits:
    """Load Omniglot: 4 840 (all: 32 460) drawn characters, shrunk to 28x28 grey, ink is 1.

    Labels are the characters, named ALPHABET/characterNN. `part` is small, small1, small2,
    background, evaluation or all; `alphabets` keeps those alone; `rotations` adds three turned
    copies of each picture; the last `held` of 20 drawers are the test part; `size` up to 105
    shrinks by averaging areas; `check=False` accepts another number of pictures. The decoded
    pictures are stored in the cache. Raises `VaekitError` for missing, damaged or unexpected files,
    and for a part, an alphabet, a size or a number of drawers that there is not.
    """
    if part not in _PARTS:
        raise nearest(str(part), _PARTS, "part of omniglot")
    if not 1 <= held < _DRAWERS:
        raise VaekitError(f"omniglot holds out 1 to {_DRAWERS - 1} of its drawers, got held={held}")
    sides = box(size)
    if sides is None or sides[0] != sides[1]:
        raise VaekitError(f"omniglot needs one size for both sides, up to 105, got {size!r}")
    files, drawn = {}, []
    for name in _PARTS[part]:
        path = _place(name, data_dir, check)
        pictures, files[path.name] = _read(path, sides, _ARCHIVES[name].total if check else None)
        drawn.append(pictures)
    return _parted(_chosen(_joined(drawn), alphabets), files, rotations, held)


def _place(name: str, data_dir: Path | str | None, check: bool) -> Path:
    stem = f"images_background_{name}" if name.startswith("small") else f"images_{name}"
    unpacked = _HOME.locate((stem,), data_dir)
    known = _ARCHIVES[name].sha256 if check else None
    return unpacked or _HOME.find((f"{stem}.zip",), data_dir, known)


def _read(path: Path, sides: tuple[int, int], total: int | None) -> tuple[_Drawn, str]:
    """Read a folder or archive, and the sha256 of it."""

    def ink(content: bytes) -> np.ndarray:
        return averaged(255 - pixels(content, 1), sides)

    read = mapped(_HOME.name, path, _NAME, ink, f"ink of {sides[0]}")
    if total is not None:
        check_count(path, "pictures", len(read.names), total)
    characters, drawers = np.array(read.parts(_NAME)).T
    return _Drawn(read.images.numpy(), characters, drawers.astype(np.int64)), read.sha256


def _joined(drawn: list[_Drawn]) -> _Drawn:
    """Join archives, in order of characters and drawers, with what they share once."""
    images, characters, drawers = (np.concatenate(each) for each in zip(*drawn, strict=True))
    pairs = np.array([f"{c}_{d:02d}" for c, d in zip(characters, drawers, strict=True)])
    _, first, where = np.unique(pairs, return_index=True, return_inverse=True)
    if not (images == images[first][where]).all():
        raise VaekitError(
            "the archives of omniglot disagree on pictures of one name: get them anew"
        )
    return _Drawn(images[first], characters[first], drawers[first])


def _chosen(drawn: _Drawn, alphabets: str | Sequence[str] | None) -> _Drawn:
    if alphabets is None:
        return drawn
    own = np.array([character.split("/")[0] for character in drawn.characters])
    wanted = [alphabets] if isinstance(alphabets, str) else list(alphabets)
    for name in wanted:
        if name not in own:
            raise nearest(str(name), np.unique(own).tolist(), "alphabet")
    if not wanted:
        raise VaekitError("alphabets=[] leaves none: name some, or leave alphabets out")
    chosen = np.isin(own, wanted)
    return _Drawn(*(each[chosen] for each in drawn))


def _parted(drawn: _Drawn, files: dict[str, str], rotations: bool, held: int) -> Splits:
    """Lay the turns of a picture side by side, and part the drawers."""
    turns = range(4 if rotations else 1)
    images = np.stack([np.rot90(drawn.images, k, (2, 3)) for k in turns], 1)
    names, labels = np.unique(drawn.characters, return_inverse=True)
    whole = Dataset(
        torch.from_numpy(images.reshape(-1, *drawn.images.shape[1:])),
        torch.from_numpy(labels.astype(np.int64).repeat(len(turns))),
        name=_HOME.name,
        files=files,
        label_names=tuple(names.tolist()),
    )
    late = (drawn.drawers > _DRAWERS - held).repeat(len(turns))
    return Splits(whole.subset(np.flatnonzero(~late)), whole.subset(np.flatnonzero(late)))
