"""A folder of pictures, in whatever formats Pillow reads.

Sub-folders name classes when every picture lies in one: `pics/cat/1.png` is of class "cat". A
folder that holds nothing but `train` and `test` is a set with its own split. Pictures are stored as
uint8, with one channel if all of them are grey, else as RGB. Differing sizes are never made equal
unasked; with `size=` each picture is cropped to the right proportions about its middle and
resampled with antialiasing. Turned photographs are set upright (EXIF); transparency is dropped.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from vaekit.data.area import box as sides
from vaekit.data.dataset import Dataset, Splits
from vaekit.errors import VaekitError

ENDINGS = frozenset(
    ".png .jpg .jpeg .bmp .gif .pgm .ppm .pbm .pnm .tif .tiff .webp".split()  # noqa: SIM905
)
_GRAY = ("1", "L", "LA")
_DEEP = ("I", "F")


def folder(
    path: Path | str, size: int | Sequence[int] | None = None, gray: bool = False
) -> Dataset | Splits:
    """Load the pictures of a folder and its sub-folders, which name the classes.

    `size` is the side, or (height, width), to bring them to; `gray` drops colour. Raises
    `VaekitError` for no pictures, damaged ones, more than 8 bits, or differing sizes without
    `size`.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise VaekitError(f"there is no folder {root}: correct the path")
    box = sides(size)
    parts = {child.name: child for child in root.iterdir() if not child.name.startswith(".")}
    if set(parts) != {"train", "test"} or not all(child.is_dir() for child in parts.values()):
        return _one(root, box, gray)
    return _both(_one(parts["train"], box, gray), _one(parts["test"], box, gray))


def _both(train: Dataset, test: Dataset) -> Splits:
    if train.shape != test.shape or train.label_names != test.label_names:
        raise VaekitError(
            f"train and test differ: images {train.shape} and {test.shape}, classes "
            f"{', '.join(train.label_names)} and {', '.join(test.label_names)}"
        )
    return Splits(train, test)


def listed(root: Path) -> list[Path]:
    """List the pictures of a folder and its sub-folders, in the order in which they are loaded.

    Raises `VaekitError` where there are none.
    """
    paths = [path for path in sorted(root.rglob("*")) if _is_picture(path, root)]
    if not paths:
        raise VaekitError(f"no pictures in {root}: it needs files {', '.join(sorted(ENDINGS))}")
    return paths


def pictures(
    paths: Sequence[Path],
    root: Path,
    size: int | Sequence[int] | None = None,
    gray: bool = False,
) -> Dataset:
    """Load these pictures of a folder, in this order; arguments and errors as in `folder`."""
    return _load(paths, root, sides(size), gray)


def _one(root: Path, box: tuple[int, int] | None, gray: bool) -> Dataset:
    return _load(listed(root), root, box, gray)


def _load(paths: Sequence[Path], root: Path, box: tuple[int, int] | None, gray: bool) -> Dataset:
    mode = "L" if gray or all(_mode(path) in _GRAY for path in paths) else "RGB"
    digest = hashlib.sha256()
    first = _picture(paths[0], mode, box)
    images = np.empty((len(paths), *first.shape), np.uint8)
    for row, path in enumerate(paths):
        images[row] = _fitting(_picture(path, mode, box), first, path, paths[0])
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    labels, names = _labels([path.relative_to(root).parts for path in paths])
    files = {root.name: digest.hexdigest()}
    return Dataset(torch.from_numpy(images), labels, None, root.name, files, label_names=names)


def _is_picture(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in ENDINGS and not hidden and path.is_file()


def _mode(path: Path) -> str:
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode = image.mode
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error
    if mode.split(";")[0] in _DEEP:
        raise VaekitError(
            f"{path} has more than 8 bits for a channel: convert it to 8, or use .npy"
        )
    return mode


def _picture(path: Path, mode: str, box: tuple[int, int] | None) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            shown = ImageOps.exif_transpose(image).convert(mode)
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error
    if box is not None and shown.size != (box[1], box[0]):
        shown = ImageOps.fit(shown, (box[1], box[0]))
    pixels = np.asarray(shown)
    return pixels[None] if mode == "L" else np.moveaxis(pixels, -1, 0)


def _damaged(path: Path, error: Exception) -> VaekitError:
    return VaekitError(f"cannot read the picture {path} ({error}): repair or remove it")


def _fitting(picture: np.ndarray, first: np.ndarray, path: Path, other: Path) -> np.ndarray:
    if picture.shape != first.shape:
        (h, w), (h0, w0) = picture.shape[1:], first.shape[1:]
        raise VaekitError(
            f"pictures differ in size: {other} is {w0}x{h0}, {path} is {w}x{h} (width x height): "
            f"make them equal with \"folder('FOLDER', size={min(h, w, h0, w0)})\""
        )
    return picture


def _labels(parts: list[tuple[str, ...]]) -> tuple[torch.Tensor | None, tuple[str, ...]]:
    if any(len(part) == 1 for part in parts):
        return None, ()
    names = sorted({part[0] for part in parts})
    return torch.tensor([names.index(part[0]) for part in parts]), tuple(names)
