"""What comes out: codes as .npy, .npz or .csv; examples as arrays, tables, pictures or a sheet.

Whether a result may be written where it should go was settled by its `Target`. Files are swapped in
whole; what stands there already stays unless `force` says otherwise. A sheet is for looking at,
enlarged and with gaps, as are moving pictures, a frame an example; the pictures of a folder are
pixel for pixel.
"""

import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from math import ceil, sqrt
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image
from torch import Tensor

from vaekit import pictures
from vaekit.cli.examples.target import MODES, Target
from vaekit.data import RowNames, Schema
from vaekit.errors import shortened, warn
from vaekit.system import files
from vaekit.system.npy import row_file, save_rows

MOST_PICTURES = 256  # pictures on one sheet
PAIRS = 64  # originals with reconstructions on one that nobody said the size of
_ABREAST = 16  # at most, side by side
_NAMES = 100_000  # rows whose names go to a file at once


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

    def rows() -> Iterator[Sequence[Any]]:
        for number, table in enumerate(tables):
            if not number:
                yield table.columns
            yield from table.iter_rows()

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
        files.write_csv(target.path, _example_rows(parts, schema, names))
    elif target.ending in pictures.MOVING:
        _write_moving(target.path, _first_examples(parts, MOST_PICTURES), schema, originals)
    elif target.ending == ".png":
        _write_sheet(target.path, _first_examples(parts, MOST_PICTURES), schema, originals)
    else:
        _write_folder(target.path, parts, schema, names)


def _example_rows(
    parts: Iterable[np.ndarray], schema: Schema, names: Sequence[str] | int
) -> Iterator[list[Any]]:
    """Yield the header and each row, with its number where these are not 0, 1, … to the last."""
    numbers = [] if isinstance(names, int) else list(names)
    if numbers == list(map(str, range(len(numbers)))):
        numbers = []
    columns, start = schema.columns, 0
    typed = columns.typed if columns is not None and columns.fields else None
    yield [*(["row"] if numbers else []), *schema.table_names]
    for part in parts:
        rows = part.reshape(len(part), -1) if typed is None else typed(part).rows()
        for k, row in enumerate(rows, start):
            yield [*numbers[k : k + 1], *row]
        start += len(part)


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
    pngs = _png_names(names)
    others = {each.relative_to(path) for each in path.rglob("*.png")} - set(map(Path, pngs))
    if others:
        warn(f"{path} holds pictures of before as well: {shortened(sorted(map(str, others)))}")
    places = iter(pngs)
    for x in parts:
        pixels = ((x - low) / ((high - low) or 1.0)).clip(0, 1) * 255
        pixels = np.moveaxis(pixels.round().astype(np.uint8), 1, -1)
        mode = MODES[pixels.shape[-1]]
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
