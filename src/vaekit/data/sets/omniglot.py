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
character has 60 pictures to train on and 20 to test on. With `unseen` alphabets the test part is
all pictures of theirs, and what is trained on all of the others: characters that were never seen,
as in [vimae] §5.2.

Values are ink: 1 in the strokes, 0 on the paper. B. Lake, R. Salakhutdinov, J. Tenenbaum,
"Human-level concept learning through probabilistic program induction", Science 350, 2015.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vaekit.data.area import averaged, box
from vaekit.data.dataset import Dataset
from vaekit.data.decoding import mapped
from vaekit.data.files.pictures import pixels
from vaekit.data.paths import Home, check_count
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError, nearest

_DRAWING_FILE = re.compile(r"(?:^|/)([^/.][^/]*/character\d\d)/\d{4}_(\d\d)\.png$")
OMNIGLOT = Home("omniglot", "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/")
_DRAWERS = 20


# For each archive its number of pictures, and the sha256 of the published .zip, where known.
_CHARACTER_ARCHIVES = {
    "small1": (2720, "f38eb80f801274ac2b4dff5b24289016bfaba4a7d5bb50deebf27104ad6cb8a4"),
    "small2": (3120, "3ccaa407515a8778e5d0861875af38b17e418f301ad5bb3b5a6b65d901a41c7f"),
    "background": (19_280, ""),
    "evaluation": (13_180, ""),
}
_ARCHIVES_OF = {
    "small": ("small1", "small2"),
    **{name: (name,) for name in _CHARACTER_ARCHIVES},
    "all": ("background", "evaluation"),
}


class _Characters(NamedTuple):
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
    unseen: str | Sequence[str] | None = None,
    characters: int | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Splits:
    """Load Omniglot: 4 840 (all: 32 460) drawn characters, shrunk to 28x28 grey, ink is 1.

    Labels are the characters, named ALPHABET/characterNN. `part` is small, small1, small2,
    background, evaluation or all; `alphabets` keeps those alone; `rotations` adds three turned
    copies of each picture; the last `held` of 20 drawers are the test part, or with `unseen` all
    drawers of these alphabets, or of those of an archive (evaluation), of which `characters` keeps
    the first so many; `size` up to 105 shrinks by averaging areas; `check=False` accepts another
    number of pictures. The decoded pictures are stored in the cache. Raises `VaekitError` for
    missing, damaged or unexpected files, and for a part, an alphabet, a size, a number of drawers
    or of characters that there is not.
    """
    if part not in _ARCHIVES_OF:
        raise nearest(str(part), _ARCHIVES_OF, "part of omniglot")
    if not 1 <= held < _DRAWERS:
        raise VaekitError(f"omniglot holds out 1 to {_DRAWERS - 1} of its drawers, got held={held}")
    sides = box(size)
    if sides[0] != sides[1]:
        raise VaekitError(f"omniglot needs one size for both sides, up to 105, got {size!r}")
    files, drawn = {}, []
    for name in _ARCHIVES_OF[part]:
        path = _find_archive(name, data_dir, check)
        total = _CHARACTER_ARCHIVES[name][0] if check else None
        pictures, files[path.name] = _read_characters(path, sides, total)
        drawn.append(pictures)
    whole = _without_shared(drawn)
    seen = _of_alphabets(whole, alphabets)
    if unseen is not None:
        archives = dict(zip(_ARCHIVES_OF[part], drawn, strict=True))
        names = _alphabets_of(archives, unseen)
        return _by_alphabets(whole, seen, names, characters, files, rotations)
    if characters is not None:
        raise VaekitError("characters is of the unseen alphabets: name these, unseen=[Tagalog]")
    late = seen.drawers > _DRAWERS - held
    return _with_turns(seen, files, rotations, late)


def _find_archive(name: str, data_dir: Path | str | None, check: bool) -> Path:
    stem = f"images_background_{name}" if name.startswith("small") else f"images_{name}"
    unpacked = OMNIGLOT.locate((stem,), data_dir)
    known = _CHARACTER_ARCHIVES[name][1] if check else ""
    return unpacked or OMNIGLOT.find((f"{stem}.zip",), data_dir, known)


def _read_characters(
    path: Path, sides: tuple[int, int], total: int | None
) -> tuple[_Characters, str]:
    """Read a folder or archive, and the sha256 of it."""

    def ink(content: bytes) -> np.ndarray:
        return averaged(255 - pixels(content, 1), sides)

    read = mapped(OMNIGLOT.name, path, _DRAWING_FILE, ink, f"ink of {sides[0]}")
    if total is not None:
        check_count(path, "pictures", len(read.names), total)
    characters, drawers = np.array(read.parts(_DRAWING_FILE)).T
    return _Characters(read.images.numpy(), characters, drawers.astype(np.int64)), read.sha256


def _without_shared(drawn: list[_Characters]) -> _Characters:
    """Join archives, in order of characters and drawers, with what they share once."""
    images, characters, drawers = (np.concatenate(each) for each in zip(*drawn, strict=True))
    pairs = np.array([f"{c}_{d:02d}" for c, d in zip(characters, drawers, strict=True)])
    _, first, where = np.unique(pairs, return_index=True, return_inverse=True)
    if not (images == images[first][where]).all():
        raise VaekitError(
            "the archives of omniglot disagree on pictures of one name: get them anew"
        )
    return _Characters(images[first], characters[first], drawers[first])


def _alphabet_list(alphabets: str | Sequence[str]) -> list[str]:
    return [alphabets] if isinstance(alphabets, str) else [str(name) for name in alphabets]


def _of_alphabets(
    drawn: _Characters, alphabets: str | Sequence[str] | None, what: str = "alphabets"
) -> _Characters:
    if alphabets is None:
        return drawn
    own = _alphabet_of(drawn)
    for name in _alphabet_list(alphabets):
        if name not in own:
            raise nearest(name, np.unique(own).tolist(), "alphabet")
    if not _alphabet_list(alphabets):
        raise VaekitError(f"{what}=[] leaves none: name some, or leave {what} out")
    return _pictures_at(drawn, np.isin(own, _alphabet_list(alphabets)))


def _alphabets_of(archives: Mapping[str, _Characters], named: str | Sequence[str]) -> list[str]:
    """List alphabets by name, or those of one of the archives."""
    if isinstance(named, str) and named in archives:
        return np.unique(_alphabet_of(archives[named])).tolist()
    return _alphabet_list(named)


def _alphabet_of(drawn: _Characters) -> np.ndarray:
    return np.array([character.split("/")[0] for character in drawn.characters])


def _pictures_at(drawn: _Characters, chosen: np.ndarray) -> _Characters:
    return _Characters(*(each[chosen] for each in drawn))


def _by_alphabets(
    whole: _Characters,
    seen: _Characters,
    unseen: list[str],
    count: int | None,
    files: dict[str, str],
    rotations: bool,
) -> Splits:
    """Part alphabets: those of `seen` that are not in `unseen` to train on, these to test on."""
    test = _of_alphabets(whole, unseen, "unseen")
    train = _pictures_at(seen, ~np.isin(_alphabet_of(seen), unseen))
    if not len(train.characters):
        raise VaekitError("unseen names all alphabets: leave one out, to train on")
    names = np.unique(test.characters)
    if count is not None and not 1 <= count <= len(names):
        raise VaekitError(f"characters is 1 to {len(names)}, those of {unseen}; got {count}")
    test = _pictures_at(test, np.isin(test.characters, names[:count]))
    both = _Characters(*(np.concatenate(pair) for pair in zip(train, test, strict=True)))
    return _with_turns(both, files, rotations, np.arange(len(both.drawers)) >= len(train.drawers))


def _with_turns(
    drawn: _Characters, files: dict[str, str], rotations: bool, late: np.ndarray
) -> Splits:
    """Lay the turns of a picture side by side; pictures are `late` (N,) where they test."""
    turns = range(4 if rotations else 1)
    images = np.stack([np.rot90(drawn.images, k, (2, 3)) for k in turns], 1)
    names, labels = np.unique(drawn.characters, return_inverse=True)
    whole = Dataset(
        torch.from_numpy(images.reshape(-1, *drawn.images.shape[1:])),
        torch.from_numpy(labels.astype(np.int64).repeat(len(turns))),
        name=OMNIGLOT.name,
        files=files,
        label_names=tuple(names.tolist()),
    )
    tests = late.repeat(len(turns))
    return Splits(whole.subset(np.flatnonzero(~tests)), whole.subset(np.flatnonzero(tests)))
