"""Faces under many lights and in small: Extended Yale B (cropped) and the ORL faces.

**Extended Yale B.** 38 people, each photographed under 64 flashes at known places: the name of a
file, yaleB01_P00A+035E-20.pgm, gives the subject, and the light's azimuth (positive: to the right
of the subject, on the left of the picture) and elevation in degrees. They are the factors. They are
no full grid: 64 directions are not all pairs of their azimuths and elevations, and 18 images that
the authors found corrupt (.pgm.bad) are missing from the 38 · 64. The ambient images, which have no
direction, and all else in the folders are passed over by their names.

An azimuth means little near the pole, and degrees are large numbers for a network. So the
`attributes`, for a model that is told the light, are the unit vector towards it,

    (cos e · sin a, sin e, cos e · cos a)    to the subject's right, upwards, to the camera,

in which the brightness of a matt surface is linear, ρ max(0, n · s).

A. Georghiades, P. Belhumeur, D. Kriegman, "From few to many: illumination cone models for face
recognition under variable lighting and pose", PAMI 2001; K. Lee, J. Ho, D. Kriegman, "Acquiring
linear subspaces for face recognition under variable lighting", PAMI 2005.

**ORL.** 40 people with 10 pictures each, sR/K.pgm. F. Samaria, A. Harter, "Parameterisation of a
stochastic model for human face identification", 1994.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from vaekit.data.area import Box, averaged, box
from vaekit.data.border import pieces
from vaekit.data.dataset import Dataset
from vaekit.data.decoding import Pictures, mapped, stacked
from vaekit.data.factors import Factors
from vaekit.data.files.pictures import pixels
from vaekit.data.paths import absent, locate, named
from vaekit.errors import VaekitError


class _Set(NamedTuple):
    name: str
    folders: tuple[str, ...]
    stem: str  # of the folder or archive as published
    first: str  # a folder that shows that its parent is the set
    pattern: re.Pattern[str]
    total: int
    home: str


_YALE = _Set(
    "yale-b",
    ("yale-b", "extended-yale-b-cropped"),
    "CroppedYale",
    "yaleB01",
    re.compile(r"(?:^|/)yaleB(\d\d)_P00A([+-]\d{3})E([+-]\d{2})\.pgm$"),
    2414,
    "http://vision.ucsd.edu/~leekc/ExtYaleDatabase/ExtYaleB.html",
)
_ORL = _Set(
    "orl-faces",
    ("orl-faces",),
    "att_faces",
    "s1",
    re.compile(r"(?:^|/)s(\d{1,2})/(\d{1,2})\.pgm$"),
    400,
    "https://cam-orl.co.uk/facedatabase.html",
)
_ARCHIVES = (".zip", ".tar.xz", ".tar.gz", ".tar")
_gray = partial(pixels, channels=1)


def yale_b(
    size: int | Sequence[int] | None = None,
    path: Path | str | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Dataset:
    """Load Extended Yale B, cropped: 2 414 grey faces, 192x168, of 38 people under 64 lights.

    Labels are the people; factors subject, azimuth and elevation; attributes the direction of the
    light (N, 3). `size`, a side or [height, width], shrinks by averaging areas; `path` names the
    folder or archive itself; `check=False` accepts another number of images. The decoded images
    are kept in the cache. Raises `VaekitError` for missing, damaged or unexpected files.
    """
    sides = box(size)
    found = _place(_YALE, path, data_dir)
    read = mapped(_YALE.name, found, _YALE.pattern, _gray)
    subjects, azimuth, elevation = np.array(_about(_YALE, found, read, check)).T
    factors = Factors.of(("subject", "azimuth", "elevation"), (subjects, azimuth, elevation))
    return Dataset(
        _sized(read.images, sides),
        torch.from_numpy(factors.codes(np.arange(len(factors)))[:, 0].copy()),
        factors,
        name=_YALE.name,
        files={found.name: read.sha256},
        label_names=tuple(f"yaleB{subject:02d}" for subject in factors.values[0]),
        attributes=_light(azimuth, elevation),
    )


def orl_faces(
    size: int | Sequence[int] | None = None,
    path: Path | str | None = None,
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Dataset:
    """Load the ORL (AT&T) faces: 400 grey faces, 112x92, 10 of each of 40 people.

    Labels are the people. `size`, a side or [height, width], shrinks by averaging areas; `path`
    names the folder or archive itself; `check=False` accepts another number of images. Raises
    `VaekitError` for missing, damaged or unexpected files.
    """
    sides = box(size)
    found = _place(_ORL, path, data_dir)
    read = stacked(found, _ORL.pattern, _gray)
    about = np.array(_about(_ORL, found, read, check))
    people, labels = np.unique(about[:, 0], return_inverse=True)
    return Dataset(
        _sized(read.images, sides),
        torch.from_numpy(labels.astype(np.int64)),
        name=_ORL.name,
        files={found.name: read.sha256},
        label_names=tuple(f"s{person}" for person in people),
    )


def _light(azimuth: np.ndarray, elevation: np.ndarray) -> Tensor:
    a, e = np.radians(azimuth), np.radians(elevation)
    light = np.stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], axis=1)
    return torch.from_numpy(light.astype(np.float32))


def _sized(images: Tensor, sides: Box | None) -> Tensor:
    if sides is None:
        return images
    parts = pieces(len(images), 4 * images[0].nbytes)  # each is averaged as float32
    return torch.from_numpy(
        np.concatenate([averaged(images[part].numpy(), sides) for part in parts])
    )


def _place(chosen: _Set, path: Path | str | None, data_dir: Path | str | None) -> Path:
    """Find the folder or the archive of a set."""
    if path is not None:
        return named(path, chosen.name)
    archives = tuple(chosen.stem + ending for ending in _ARCHIVES)
    found = locate((chosen.stem, *archives, chosen.first), data_dir, chosen.folders)
    if found is None:
        wanted = f"the folder {chosen.stem}, or {', '.join(archives)}"
        raise absent(chosen.name, wanted, data_dir, chosen.folders, chosen.home)
    return found.parent if found.name == chosen.first else found


def _about(chosen: _Set, path: Path, read: Pictures, check: bool) -> list[tuple[int, ...]]:
    """Read the numbers in the pictures' names, one row each, after a check that none is missing."""
    matches = (chosen.pattern.search(name) for name in read.names)
    about = [tuple(int(part) for part in match.groups()) for match in matches if match]
    twice = len(about) - len(set(about))
    if twice:
        raise VaekitError(
            f"{path} holds {twice} pictures twice, in different folders: "
            f"name the right one, \"{chosen.name}(path='FOLDER')\""
        )
    if check and len(about) != chosen.total:
        raise VaekitError(
            f"{path} holds {len(about)} pictures of {chosen.name}, the published set "
            f"{chosen.total}: get it again, or pass check=false to use it as it is"
        )
    return about
