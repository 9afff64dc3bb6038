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

from vaekit.data.archives import ARCHIVE_ENDINGS
from vaekit.data.area import averaged, box
from vaekit.data.dataset import Dataset
from vaekit.data.decoding import Pictures, mapped
from vaekit.data.factors import Factors
from vaekit.data.files.pictures import pixels
from vaekit.data.paths import Home, check_count, existing
from vaekit.errors import VaekitError


class _FaceSet(NamedTuple):
    home: Home
    stem: str  # of the folder or archive as published
    first: str  # a folder that shows that its parent is the set
    pattern: re.Pattern[str]
    total: int


_YALE = _FaceSet(
    Home(
        "yale-b",
        "http://vision.ucsd.edu/~leekc/ExtYaleDatabase/ExtYaleB.html",
        ("extended-yale-b-cropped",),
    ),
    "CroppedYale",
    "yaleB01",
    re.compile(r"(?:^|/)yaleB(\d\d)_P00A([+-]\d{3})E([+-]\d{2})\.pgm$"),
    2414,
)
_ORL = _FaceSet(
    Home("orl-faces", "https://cam-orl.co.uk/facedatabase.html"),
    "att_faces",
    "s1",
    re.compile(r"(?:^|/)s(\d{1,2})/(\d{1,2})\.pgm$"),
    400,
)
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
    are stored in the cache. Raises `VaekitError` for missing, damaged or unexpected files.
    """
    where = _find_faces(_YALE, path, data_dir)
    read = mapped(_YALE.home.name, where, _YALE.pattern, _gray)
    subjects, azimuth, elevation = _name_numbers(_YALE, where, read, check).T
    factors = Factors.of(("subject", "azimuth", "elevation"), (subjects, azimuth, elevation))
    return Dataset(
        _sized(read.images, size),
        torch.from_numpy(factors.codes(np.arange(len(factors)))[:, 0].copy()),
        factors,
        name=_YALE.home.name,
        files={where.name: read.sha256},
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
    names the folder or archive itself; `check=False` accepts another number of images. The decoded
    images are stored in the cache. Raises `VaekitError` for missing, damaged or unexpected files.
    """
    where = _find_faces(_ORL, path, data_dir)
    read = mapped(_ORL.home.name, where, _ORL.pattern, _gray)
    numbers = _name_numbers(_ORL, where, read, check)
    people, labels = np.unique(numbers[:, 0], return_inverse=True)
    return Dataset(
        _sized(read.images, size),
        torch.from_numpy(labels.astype(np.int64)),
        name=_ORL.home.name,
        files={where.name: read.sha256},
        label_names=tuple(f"s{person}" for person in people),
    )


def _light(azimuth: np.ndarray, elevation: np.ndarray) -> Tensor:
    a, e = np.radians(azimuth), np.radians(elevation)
    light = np.stack([np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)], axis=1)
    return torch.from_numpy(light.astype(np.float32))


def _sized(images: Tensor, size: int | Sequence[int] | None) -> Tensor:
    return images if size is None else torch.from_numpy(averaged(images.numpy(), box(size)))


def _find_faces(chosen: _FaceSet, path: Path | str | None, data_dir: Path | str | None) -> Path:
    """Find the folder or the archive of a set."""
    if path is not None:
        return existing(path, chosen.home.name)
    archives = tuple(chosen.stem + ending for ending in ARCHIVE_ENDINGS)
    where = chosen.home.locate((chosen.stem, *archives, chosen.first), data_dir)
    if where is None:
        wanted = f"the folder {chosen.stem}, or {', '.join(archives)}"
        raise chosen.home.absent(wanted, data_dir)
    return where.parent if where.name == chosen.first else where


def _name_numbers(chosen: _FaceSet, path: Path, read: Pictures, check: bool) -> np.ndarray:
    """Read the numbers in the pictures' names (N, K), after a check that none is missing."""
    rows = [tuple(map(int, parts)) for parts in read.parts(chosen.pattern)]
    twice = len(rows) - len(set(rows))
    if twice:
        raise VaekitError(
            f"{path} holds {twice} pictures twice, in different folders: "
            f"name the right one, \"{chosen.home.name}(path='FOLDER')\""
        )
    if check:
        check_count(path, f"pictures of {chosen.home.name}", len(rows), chosen.total)
    return np.array(rows)
