"""CelebA: 202 599 aligned faces of celebrities, 178x218, with 40 yes/no attributes.

The public release, under an agreement for research, has the pictures in `img_align_celeba.zip` (or
that folder, 000001.jpg, …), `list_attr_celeba.txt` (the number of pictures, the names of the
attributes, then each picture's name with 1 or -1 for each attribute) and `list_eval_partition.txt`
(each picture's name with 0 for training, 1 for validation, 2 for test). They may lie side by side
or in the release's folders Img, Anno and Eval. The attributes are real vectors here, 0 for no and 1
for yes; one of them can be made the label.

The usual crop is the middle 148x148, from brow to chin, which leaves out most of the background.
All pictures at 64x64 are 2.5 GB as bytes: they are decoded into the cache once and mapped.

Z. Liu, P. Luo, X. Wang, X. Tang, "Deep learning face attributes in the wild", ICCV 2015.
"""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from vaekit.data.area import Box, averaged, box
from vaekit.data.dataset import Dataset
from vaekit.data.decoding import Pictures, mapped
from vaekit.data.files.pictures import pixels
from vaekit.data.paths import Home, check_count, reading, sha256
from vaekit.data.splits import Splits
from vaekit.errors import VaekitError, nearest

CELEBA = Home(
    "celeba",
    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (its licence asks for agreement)",
    ("CelebA",),
)
_PICTURE_SOURCES = ("img_align_celeba.zip", "img_align_celeba")
_ATTRIBUTES, _PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
_FACE_FILE = re.compile(r"(?:^|/)\d{6}\.jpg$")
_FACES = 202_599
_PART_NUMBERS = {"train": 0, "valid": 1, "test": 2}


def celeba(
    size: int | Sequence[int] = 64,
    crop: int | Sequence[int] | None = 148,
    label: str | None = None,
    test: Literal["test", "valid"] = "test",
    data_dir: Path | str | None = None,
    check: bool = True,
) -> Splits:
    """Load CelebA: 162 770 + 19 962 faces in colour, cropped and shrunk to 64x64, 40 attributes.

    `size` and `crop` are sides or [height, width] (crop=None: all of the picture that has the
    proportions of `size`); `label` is an attribute to take as the class; `test` says which official
    part is held out. `check=False` accepts another number of pictures. Raises `VaekitError` for
    missing, damaged or unexpected files.
    """
    if test not in ("test", "valid"):
        raise VaekitError(f"test must be test or valid, got {test!r}")
    sides, middle = box(size), None if crop is None else box(crop, "crop")
    where, attributes, partition = _find_lists(data_dir)
    names, columns, values = _read_attributes(attributes)
    part = _read_partition(partition, names)
    if check:
        check_count(attributes, "names of pictures", len(names), _FACES)
    labels, label_names = _attribute_label(label, columns, values)
    read = mapped(
        CELEBA.name, where, _FACE_FILE, _shrunk_face(sides, middle), f"size {sides} crop {middle}"
    )
    rows = _listed_rows(where, attributes, names, read)
    made = Dataset(
        read.images,
        None if labels is None else torch.from_numpy(labels[rows]),
        name=CELEBA.name,
        files={
            where.name: read.sha256,
            **{path.name: sha256(path) for path in (attributes, partition)},
        },
        label_names=label_names,
        attributes=torch.from_numpy(values[rows].astype(np.float32)),
    )
    return Splits(*(_faces_of(made, part[rows], name, partition) for name in ("train", test)))


def attribute_names(data_dir: Path | str | None = None) -> tuple[str, ...]:
    """List the names of the attributes, in the order of the columns of `Dataset.attributes`."""
    return _read_attributes(_find_lists(data_dir)[1])[1]


def _find_lists(data_dir: Path | str | None) -> tuple[Path, Path, Path]:
    """Find the pictures, the list of attributes and that of the parts."""
    wanted = {
        " or ".join(_PICTURE_SOURCES): (
            *_PICTURE_SOURCES,
            *(f"Img/{name}" for name in _PICTURE_SOURCES),
        ),
        _ATTRIBUTES: (_ATTRIBUTES, f"Anno/{_ATTRIBUTES}"),
        _PARTITION: (_PARTITION, f"Eval/{_PARTITION}"),
    }
    paths = [CELEBA.locate(names, data_dir) for names in wanted.values()]
    missing = [what for what, path in zip(wanted, paths, strict=True) if path is None]
    if missing:
        raise CELEBA.absent(" and ".join(missing), data_dir)
    pictures, attributes, partition = (path for path in paths if path is not None)
    return pictures, attributes, partition


def _shrunk_face(sides: Box, middle: Box | None) -> Any:
    return lambda content: averaged(pixels(content, 3), sides, middle)


def _text_lines(path: Path) -> list[str]:
    with reading(path, "a text file"):
        return path.read_text(encoding="utf-8").splitlines()


def _read_attributes(path: Path) -> tuple[list[str], tuple[str, ...], np.ndarray]:
    """Read the pictures' names (N,), those of the attributes (A,), and the values 0, 1 (N, A)."""
    lines = _text_lines(path)
    columns = tuple(lines[1].split()) if len(lines) > 1 else ()
    names, values = _read_list(path, lines[2:], len(columns))
    count = lines[0].strip() if lines else ""
    if not columns or not count.isdigit() or int(count) != len(names) or not names:
        raise VaekitError(
            f"{path} is no list of attributes, or is truncated: its first line promises "
            f"{count[:20]!r} pictures, and {len(names)} follow: get it again"
        )
    if not np.isin(values, (-1, 1)).all():
        raise VaekitError(f"{path} should hold 1 and -1 only: get it again")
    return names, columns, (values > 0).astype(np.uint8)


def _read_partition(path: Path, names: list[str]) -> np.ndarray:
    """Read the part (N,) of each of the pictures `names`, 0, 1 or 2."""
    listed, values = _read_list(path, _text_lines(path), 1)
    if not np.isin(values, (0, 1, 2)).all():
        raise VaekitError(f"{path} should hold 0, 1 and 2 only: get it again")
    if listed != names:
        raise VaekitError(
            f"{path} lists {len(listed)} pictures, which are not the {len(names)} of "
            f"{_ATTRIBUTES}: get both again, of one release"
        )
    return values[:, 0]


def _read_list(path: Path, lines: list[str], width: int) -> tuple[list[str], np.ndarray]:
    """Read lines of a name and `width` whole numbers as (N,) and (N, width)."""
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    names = [pair[0] for pair in pairs]
    text = " ".join(pair[1] for pair in pairs if len(pair) > 1)
    try:
        with warnings.catch_warnings():  # numpy 1 only warns of what it cannot read
            warnings.simplefilter("error")
            numbers = np.fromstring(text, dtype=np.int8, sep=" ") if text else np.empty(0, np.int8)
        return names, numbers.reshape(len(names), width)
    except (ValueError, DeprecationWarning) as error:
        raise VaekitError(
            f"{path} is damaged or truncated: each line should hold the name of a picture and "
            f"{width} whole numbers: get it again"
        ) from error


def _attribute_label(
    label: str | None, columns: tuple[str, ...], values: np.ndarray
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if label is None:
        return None, ()
    if label not in columns:
        raise nearest(label, columns, "attribute of CelebA")
    return values[:, columns.index(label)].astype(np.int64), (f"not {label}", label)


def _listed_rows(where: Path, attributes: Path, names: list[str], read: Pictures) -> np.ndarray:
    """Return the row in the lists of each decoded picture (N,)."""
    place = {name: row for row, name in enumerate(names)}
    there = [name.rsplit("/", maxsplit=1)[-1] for name in read.names]
    missing, more = sorted(place.keys() - set(there)), sorted(set(there) - place.keys())
    if missing or more:
        which = f"lacks {missing[0]}" if missing else f"has {more[0]}, which is not listed"
        raise VaekitError(
            f"{where} and {attributes} do not belong together: the one has {len(there)} pictures, "
            f"the other {len(names)}, and the first {which}: get them again"
        )
    if len(there) != len(place):
        raise VaekitError(f"{where} or {attributes} names pictures twice: get them again")
    return np.array([place[name] for name in there])


def _faces_of(data: Dataset, part: np.ndarray, name: str, partition: Path) -> Dataset:
    rows = np.flatnonzero(part == _PART_NUMBERS[name])
    if not len(rows):
        raise VaekitError(
            f"{partition} has no pictures for {name} ({_PART_NUMBERS[name]}): get it again"
        )
    return data.subset(rows)
