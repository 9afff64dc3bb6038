"""Rows of decodings as a picture with names, a moving one, an array, a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaekit import pictures
from vaekit.data import Schema
from vaekit.errors import VaekitError
from vaekit.faces import face
from vaekit.system import files
from vaekit.system.npy import save_rows

_NAMED = 8  # latents, examples and runs whose names are said


@dataclass(frozen=True)
class MovedRow:
    """Hold decodings x (steps, *shape) of an example whose latent `moved` has these `values`.

    `moved` is z3, the name of a one-hot, whose `values` are its categories, or condition;
    `at` says where a plane is; `original` (*shape) is the example. Tables keep their own units.
    """

    run: str
    example: str
    moved: str
    values: Sequence[float] | Sequence[str]
    x: np.ndarray
    original: np.ndarray
    at: str = ""
    label: str = ""


@dataclass(frozen=True)
class Traversal:
    """Hold the rows of all runs and examples, those of one latent below one another."""

    rows: Sequence[MovedRow]
    schema: Schema

    def __repr__(self) -> str:
        first = self.rows[0]
        moved = ", ".join(dict.fromkeys(row.moved for row in self.rows))
        return f"Traversal({len(self.rows)} rows of {len(first.x)}, {moved})"

    def _repr_html_(self) -> str:
        title = repr(self)
        if len(self.schema.shape) != 3:
            return face(title, [f"{row.run} {row.example}: {row.moved}" for row in self.rows])
        return face(title, picture=pictures.data_uri(self.sheet()), what=title)

    def said(self) -> str:
        """Say in a line what moved, of which examples and runs."""
        parts = [f"{len(self.rows)} rows"]
        if len(self.schema.shape) != 3:  # whose file has a line for each value
            lengths = dict.fromkeys(str(len(row.x)) for row in self.rows)
            parts = [f"{len(self.rows)} moves of {' or '.join(lengths)} values"]
        for what, several in (("moved", "latents"), ("example", "examples"), ("run", "runs")):
            names = list(dict.fromkeys(getattr(row, what) for row in self.rows))
            if what == "moved" and self.rows[0].at:
                names = [f"the plane of {names[0]} and {self.rows[0].at.partition(' ')[0]}"]
            parts.append(", ".join(names) if len(names) <= _NAMED else f"{len(names)} {several}")
        return "{}: {} of {} in {}".format(*parts)

    def save(self, path: Path | str) -> Path:
        """Write the rows to a file by its ending, and return its path.

        A picture has a row each, the original first, and a moving one a frame for each value; .npy
        is (rows, steps, *shape); a .csv says run, example, what moved and its value beside each
        decoding. Raises `VaekitError` for another ending, for rows of different length in .npy,
        and where the file cannot be written.
        """
        path = files.place(path, "a file to write")
        ending = path.suffix.lower()
        if ending not in row_endings(self.schema):
            raise VaekitError(
                f"{path}: an ending {ending or '(none)'} does not serve here, the file may be "
                f"{', '.join(row_endings(self.schema))}"
            )
        if ending == ".npy":
            if len({len(row.x) for row in self.rows}) > 1:
                raise VaekitError(
                    "rows of latents and of categories differ in length, and one array cannot "
                    "hold both: name either with --on (on=)"
                )
            whole = np.stack([row.x for row in self.rows])
            files.write_file(path, lambda part: save_rows(part, [whole]))
        elif ending == ".csv":
            files.write_csv(path, self._table_rows())
        elif ending == ".png":
            pictures.save_picture(self.sheet(), path, pictures.READABLE)
        else:
            self._save_moving(path)
        return path

    # ---- pictures

    def _tiles(self, x: np.ndarray) -> np.ndarray:
        return pictures.tiles(torch.from_numpy(x), *self.schema.levels)

    def sheet(self) -> np.ndarray:
        """Lay out a row each, with name and original, and values above where they change."""
        lines, before = list[pictures.Line](), None
        for row in self.rows:
            tiles, heads = self._tiles(row.x), [three_digits(value) for value in row.values]
            if not row.at:
                tiles = np.concatenate([self._tiles(row.original[None]), tiles])
                heads = ["original", *heads]
            above, before = (heads if heads != before else ()), heads
            lines.append(pictures.Line(self._name(row), tiles, above, apart=0 if row.at else 1))
        return pictures.labelled(lines)

    def _name(self, row: MovedRow) -> str:
        """Name a row by its latent, and by run and example where there are several."""
        return "\n".join([row.at or row.label or row.moved, *self._several(row, "run", "example")])

    def _several(self, row: MovedRow, *whose: str) -> list[str]:
        """Name run or example of a row, where there are several."""
        return [
            getattr(row, what)
            for what in whose
            if len({getattr(each, what) for each in self.rows}) > 1
        ]

    def _save_moving(self, path: Path) -> None:
        """Show a value after the other: latents and runs below one another, examples beside."""
        if any(row.at for row in self.rows):
            raise VaekitError("a plane is seen at once: save it as .png")
        steps = max(len(row.x) for row in self.rows)
        blocks = [list(rows) for _, rows in groupby(self.rows, lambda row: (row.moved, row.run))]
        heads = [name for row in blocks[0] for name in self._several(row, "example")]

        def name(row: MovedRow) -> str:
            return "\n".join([row.label or row.moved, *self._several(row, "run")])

        def frame(step: int) -> np.ndarray:
            now = [
                np.stack([self._tiles(row.x[[step * len(row.x) // steps]])[0] for row in rows])
                for rows in blocks
            ]
            lines = [
                pictures.Line(name(rows[0]), tiles, () if place else heads)
                for place, (rows, tiles) in enumerate(zip(blocks, now, strict=True))
            ]
            return pictures.labelled(lines)

        pictures.save_moving([frame(step) for step in range(steps)], path, pictures.READABLE)

    # ---- numbers

    def _table_rows(self) -> Iterator[list[Any]]:
        columns = self.schema.columns
        yield ["run", "example", "moved", "value", *self.schema.table_names]
        for row in self.rows:
            moved = f"{row.moved}, {row.at}" if row.at else row.moved
            x = row.x.reshape(len(row.x), -1)
            cells = columns.typed(x).rows() if columns else x
            for value, cell in zip(row.values, cells, strict=True):
                yield [row.run, row.example, moved, value, *cell]


def row_endings(schema: Schema) -> tuple[str, ...]:
    """List the endings of files that rows can be saved to, the usual one first."""
    if len(schema.shape) != 3:
        return (".csv", ".npy")
    return (".png", ".npy", ".csv", *pictures.MOVING)


def three_digits(value: float | str) -> str:
    """Write a value in three digits, with a real minus."""
    return value if isinstance(value, str) else f"{value:.3g}".replace("-", "−")
