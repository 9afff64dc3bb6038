"""What comes out: codes as .npy, .npz or .csv; examples as arrays, tables, pictures or a sheet.

Whether a result may be written where it should go is settled by `Target` before anything is
computed. Files are swapped in whole; what stands there already stays unless `force` says otherwise.
A sheet is for looking at, enlarged and with gaps, as are moving pictures, a frame an example; the
pictures of a folder are pixel for pixel.
"""

import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from math import ceil, prod, sqrt
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import Tensor

from vaekit import pictures
from vaekit.data import RowNames, Schema
from vaekit.errors import VaekitError
from vaekit.system import files
from vaekit.system.npy import row_file, save_rows

CODE_FILES = (".npz", ".npy", ".csv")
MOST_PICTURES = 256  # pictures on one sheet
PAIRS = 64  # originals with reconstructions on one that nobody said the size of
_ABREAST = 16  # at most, side by side
_NAMES = 100_000  # rows whose names go to a file at once
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Target:
    """Name the place of a result: a file of a known ending, or without one a folder of pictures.

    Raises `VaekitError` for an ending that is not among `endings`, for a place that is taken
    unless `force`, and always for files that are being read, or are the run's data by `is_data`.
    """

    path: Path
    endings: tuple[str, ...]
    force: bool = False
    reads: tuple[Path, ...] = ()
    is_data: Callable[[Path], bool] = lambda path: False

    def __post_init__(self) -> None:
        if self.ending not in self.endings:
            known = ", ".join(end or "a folder of pictures" for end in self.endings)
            said = f"an ending {self.path.suffix}" if self.ending else "a folder"
            raise VaekitError(f"{self.path}: {said} does not serve here, --out may be {known}")
        if any(_within(self.path, read) for read in self.reads):
            raise VaekitError(f"{self.path} is what is read here: choose another --out")
        if self.is_data(self.path):
            raise VaekitError(f"{self.path} is of the run's own data: choose another --out")
        if self.path.name == "history.csv" and (self.path.parent / "run.yaml").exists():
            raise VaekitError(f"{self.path} is a place of the run itself: choose another --out")
        if self.path.is_dir() if self.ending else self.path.is_file():
            raise VaekitError(f"{self.path} is a {'folder' if self.ending else 'file'} already")
        (files.check_file if self.ending else files.check_folder)(self.path)
        taken = any(self.path.iterdir()) if self.path.is_dir() else self.path.exists()
        if taken and not self.force:
            raise VaekitError(
                f"{self.path} exists: choose another --out, or overwrite with --force"
            )

    @property
    def ending(self) -> str:
        """Return the ending in small letters, empty for a folder."""
        return "" if self.path.is_dir() else self.path.suffix.lower()


def endings(schema: Schema) -> tuple[str, ...]:
    """List the endings that examples of a run can be written with, the usual one first."""
    if len(schema.shape) != 3:
        return (".csv", ".npy") if schema.columns is not None else (".npy", ".csv")
    folder = ("",) if schema.shape[0] in _MODES else ()
    return (".png", ".npy", *folder, *pictures.MOVING)


def _within(path: Path, read: Path) -> bool:
    path, read = path.resolve(), read.resolve()
    return path == read or (read.is_dir() and read in path.parents)


# ---- codes


def write_codes(
    target: Target, parts: Iterable[Sequence[Tensor]], names: Sequence[str], named: bool
) -> None:
    """Write batches of code, mean and deviation (n, H) in the order of the input.

    An .npz has `code`, `mean`, `std` where q(z|x) has a width, and `name` (files) or `row`; a .csv
    name or row, z0, z1, …; a .npy the codes alone.
    """
    label = "name" if named else "row"
    if target.ending == ".npz":
        files.write_file(target.path, lambda file: _write_npz(file, parts, label, names))
    elif target.ending == ".npy":
        files.write_file(target.path, lambda file: save_rows(file, (p[0].numpy() for p in parts)))
    else:
        files.write_csv(target.path, _code_rows(parts, label, names))


def _code_rows(
    parts: Iterable[Sequence[Tensor]], label: str, names: Sequence[str]
) -> Iterator[Sequence[str]]:
    """Yield the header, and a row for each code."""
    start = 0
    for code, *_ in parts:
        if not start:
            yield [label, *(f"z{h}" for h in range(code.shape[1]))]
        for name, row in zip(names[start : start + len(code)], code.numpy(), strict=True):
            yield [name, *map(str, row)]
        start += len(code)


def _write_npz(
    target: Path, parts: Iterable[Sequence[Tensor]], label: str, names: Sequence[str]
) -> None:
    """Write arrays side by side into files of their own, and these into one."""
    with ExitStack() as stack:
        members = ("code", "mean", "std", label)
        code, mean, std, called = (
            stack.enter_context(files.scratch(target.with_name(name))) for name in members
        )
        drawn = wide = False
        with row_file(code) as codes, row_file(mean) as means, row_file(std) as widths:
            for z, middle, width in parts:
                drawn, wide = drawn or z is not middle, wide or bool(width.any())
                for add, each in ((codes, z), (means, middle), (widths, width)):
                    add(each.numpy())
        save_rows(called, _name_arrays(names, label == "name"))
        made = {"code": code, "mean": mean if drawn else code, "std": std, label: called}
        with zipfile.ZipFile(target, "w") as packed:
            for name, path in made.items():
                if name == "std" and not wide:
                    continue
                with (
                    packed.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as into,
                    path.open("rb") as file,
                ):
                    shutil.copyfileobj(file, into, 2**20)


def _name_arrays(names: Sequence[str], named: bool) -> Iterator[np.ndarray]:
    longest = max(map(len, names)) if named else 0
    for start in range(0, len(names), _NAMES):
        some = names[start : start + _NAMES]
        if isinstance(some, RowNames):
            yield np.asarray(some.numbers)
        elif named:
            yield np.array(some, dtype=f"<U{longest}")
        else:
            yield np.array([int(name) for name in some])


def write_frames(target: Target, tables: Iterable[pl.DataFrame], *how: str) -> None:
    """Write tables of the same columns one below the other, as `files.write_csv` does."""

    def rows() -> Iterator[Sequence[str]]:
        for number, table in enumerate(tables):
            if not number:
                yield table.columns
            yield from (["" if v is None else str(v) for v in row] for row in table.iter_rows())

    files.write_csv(target.path, rows(), *how)


# ---- examples


def write_examples(
    target: Target,
    parts: Iterable[np.ndarray],
    schema: Schema,
    names: Sequence[str] | int,
    originals: np.ndarray | None = None,
) -> None:
    """Write batches of examples (n, *shape) in the form that the target's ending asks for.

    `names` are those of the pictures of a folder, or their number; `originals` (n, C, H, W) stand
    above them on a sheet, which takes up to `MOST_PICTURES`, and on each frame of a moving picture.
    """
    if target.ending == ".npy":
        files.write_file(target.path, lambda file: save_rows(file, parts))
    elif target.ending == ".csv":
        columns = schema.columns
        if columns is not None and columns.fields:
            return write_frames(target, map(columns.typed, parts))
        own = columns.names if columns else [f"x{d}" for d in range(prod(schema.shape))]
        rows = (list(map(str, row)) for part in parts for row in part.reshape(len(part), -1))
        files.write_csv(target.path, chain([own], rows))
    elif target.ending in pictures.MOVING:
        _write_moving(target.path, _first_examples(parts, MOST_PICTURES), schema, originals)
    elif target.ending == ".png":
        _write_sheet(target.path, _first_examples(parts, MOST_PICTURES), schema, originals)
    else:
        _write_folder(target.path, parts, schema, names)


def _first_examples(parts: Iterable[np.ndarray], most: int) -> np.ndarray:
    some, count = list[np.ndarray](), 0
    for part in parts:
        some.append(part)
        count += len(part)
        if count >= most:
            break
    return np.concatenate(some)[:most]


def _write_sheet(path: Path, x: np.ndarray, schema: Schema, originals: np.ndarray | None) -> None:
    after = pictures.tiles(torch.from_numpy(x), *schema.levels)
    if originals is None:
        sheet = pictures.grid(after, _column_count(len(after)))
    else:
        before = pictures.tiles(torch.from_numpy(originals[:MOST_PICTURES]), *schema.levels)
        sheet = _pair_sheet(before, after)
    pictures.save_picture(sheet, path, min(after.shape[1:3]))


def _write_moving(path: Path, x: np.ndarray, schema: Schema, originals: np.ndarray | None) -> None:
    """Show one example after the other, each below its original where there is one."""
    both = [x] if originals is None else [originals[:MOST_PICTURES], x]
    rows = [pictures.tiles(torch.from_numpy(each), *schema.levels) for each in both]
    frames = [
        pictures.stack_sheets([pictures.grid(tile[None], 1) for tile in tiles])
        for tiles in zip(*rows, strict=True)
    ]
    pictures.save_moving(frames, path, min(rows[0].shape[1:3]), back=originals is None)


def _column_count(n: int) -> int:
    """Choose a number of columns: one row for a few, else near a square, full rows if they can."""
    if n <= 8:
        return n
    least = ceil(sqrt(n))
    return min(_ABREAST, next((c for c in range(least, 2 * least) if n % c == 0), least))


def _pair_sheet(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Lay out rows of originals, each with the row of reconstructions right below it."""
    columns = min(_ABREAST, len(before))
    sheets = []
    for start in range(0, len(before), columns):
        part = slice(start, start + columns)
        both = pictures.stack_sheets([pictures.grid(p[part], columns) for p in (before, after)])
        sheets += [both, np.zeros((2 * pictures.GAP, both.shape[1], 4), np.uint8)]
    return np.concatenate(sheets[:-1])


def _write_folder(
    path: Path, parts: Iterable[np.ndarray], schema: Schema, names: Sequence[str] | int
) -> None:
    low, high = schema.levels
    places = iter(_png_names(names))
    for x in parts:
        pixels = ((x - low) / ((high - low) or 1.0)).clip(0, 1) * 255
        pixels = np.moveaxis(pixels.round().astype(np.uint8), 1, -1)
        mode = _MODES[pixels.shape[-1]]
        for name, picture in zip(islice(places, len(x)), pixels, strict=True):
            image = Image.fromarray(picture[..., 0] if mode == "L" else picture)
            files.write_file(path / name, lambda part, image=image: image.save(part, "PNG"))


def _png_names(names: Sequence[str] | int) -> list[str]:
    """Name pictures: as named with ending .png, by number where they are rows or have no name.

    Names may come from a table that somebody wrote: one that leads out of the folder, or that two
    pictures share, names no file.
    """
    n = names if isinstance(names, int) else len(names)
    numbered = [f"{number:06d}.png" for number in range(n)]
    if isinstance(names, int):
        return numbered
    if all(name.isdecimal() for name in names):
        pngs = [f"{int(name):06d}.png" for name in names]
    else:
        paths = [path for name in names if (path := PurePosixPath(name)).name]
        pngs = [str(path.with_suffix(".png")) for path in paths]
        if len(set(pngs)) < n:  # a.jpg and a.png: then every name keeps its own ending before .png
            pngs = [f"{name}.png" for name in names]
    inside = all(".." not in (p := PurePosixPath(name)).parts and not p.root for name in pngs)
    return pngs if inside and len(set(pngs)) == n else numbered
