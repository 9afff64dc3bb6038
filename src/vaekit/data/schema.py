"""What is known of training data, and the border that it makes for data that come later.

A model alone does not know that its table was standardised, which values its pixels had, or which
classes it has seen. Fed 0 to 255 where it was trained on 0 to 1, it gives codes all the same, and
none of them means anything. So new data are held against the schema here, once.

Images enter as the training data did: whole numbers mean v/255, floats are taken as they are, and
the black and white of a picture are the `levels`: 0 and 1 where the training data lay within, else
their lowest and highest value. Rows of a table enter and leave in the table's own units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.data.border import pieces
from vaekit.data.dataset import Dataset
from vaekit.data.files.frames import Table
from vaekit.data.files.tables import is_frame, read_table
from vaekit.data.recordings.arrays import fitted, longer
from vaekit.data.tables.columns import TableColumns
from vaekit.data.tables.mixed import Field, entries_of
from vaekit.errors import VaekitError, warn
from vaekit.values import as_numpy


@dataclass(frozen=True)
class Schema:
    """Hold what is known of training data: `shape` (C, H, W) or (D,), lowest and highest value.

    `classes` are those seen (None: not labelled), `label_names` their names by number, `factors`
    the size of each factor by name, `columns` the scaling of a table. `who` was trained on them, in
    errors.
    """

    shape: tuple[int, ...]
    range: tuple[float, float]
    classes: tuple[int, ...] | None = None
    label_names: tuple[str, ...] = ()
    factors: Mapping[str, int] | None = None
    columns: TableColumns | None = None
    who: str = "the run"

    @classmethod
    def of(cls, data: Dataset, who: str = "the run") -> "Schema":
        """Gather the schema of a training set."""
        grid = data.factors
        factors = None if grid is None else dict(zip(grid.names, grid.sizes, strict=True))
        known = data.label_names, factors, data.columns
        return cls(data.shape, data.range, data.seen_classes(), *known, who)

    @classmethod
    def read(cls, notes: Mapping[str, Any]) -> "Schema | None":
        """Read the schema from a run's notes, or None where an older version made the run."""
        known = notes.get("known")
        if not isinstance(known, Mapping):
            return None
        columns, classes = known["columns"], notes.get("classes")
        return cls(
            tuple(notes["shape"]),
            tuple(known["range"]),
            None if classes is None else tuple(classes),
            tuple(known["label_names"]),
            known["factors"],
            None if columns is None else TableColumns.from_plain(columns),
        )

    def notes(self) -> dict[str, Any]:
        """Return the schema as entries of a run's notes, in plain types."""
        known = {
            "range": list(self.range),
            "label_names": list(self.label_names),
            "factors": None if self.factors is None else dict(self.factors),
            "columns": None if self.columns is None else self.columns.plain(),
        }
        classes = {} if self.classes is None else {"classes": list(self.classes)}
        return {"known": known, **classes}

    @property
    def fields(self) -> tuple[Field, ...]:
        """Tell the columns of a table of mixed columns, none of other data."""
        return () if self.columns is None else self.columns.fields

    @property
    def table_names(self) -> list[str]:
        """Name the columns of a table as it has them, those of an array x0, x1, …."""
        if self.columns is None:
            return [f"x{d}" for d in range(prod(self.shape))]
        return [field.name for field in self.fields] or list(self.columns.names)

    @cached_property
    def levels(self) -> tuple[float, float]:
        """Tell the values of black and white."""
        low, high = self.range
        return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)

    def admitted(self, x: Any, rows: np.ndarray | None = None) -> Dataset:
        """Check examples (N, *shape), an array, a frame or a set, and return them on this scale.

        `rows` (N,) are the numbers of rows of a table in errors, where they are not 0, 1, ….
        Raises `VaekitError` for another shape, NaN, and values that cannot have been meant.
        """
        if isinstance(x, Dataset):
            data = longer(x, self.shape) if self.columns is None else self._rescaled(x)
            self._check_shape((len(data), *data.shape))
        elif self.columns is not None:
            data = self._of_rows(self._own_numbers(x), rows)
        else:
            array = as_numpy(x)
            data = fitted(array, self.shape)
            if data is None:
                self._check_shape(array.shape)
                data = Dataset.from_array(array, layout="nchw")
        if self.columns is None:
            self.check_scale(data)
        return data

    def own(self, x: Tensor) -> np.ndarray:
        """Return examples (N, *shape) as the user has them: rows of a table in its own units."""
        array = x.numpy()
        return array if self.columns is None else self.columns.own(array.astype(np.float64))

    def check_scale(self, data: Dataset) -> None:
        """Raise `VaekitError` for examples on another scale than those of the training.

        Bytes mean v/255, and are refused where the training data lay outside [0, 1]. Floats may
        leave their range by as much as it is wide, but [0, 1] by a tenth: −1 to 1 is another scale.
        Where half of the examples or fewer go further, these are outliers, and are warned of.
        """
        (low, high), (start, end) = data.range, self.levels
        unit = (start, end) == (0.0, 1.0)
        if data.images.dtype == torch.uint8 and not unit:
            raise VaekitError(
                f"{self.who} was trained on numbers from {start:g} to {end:g}, but these are whole "
                "numbers or bytes, which would mean v/255: convert them to float32 on that scale"
            )
        room = 0.1 if unit else end - start
        least, most = start - room, end + room
        if low >= least and high <= most:
            return
        blocks = pieces(len(data), data.images[0].nbytes)
        parts = (data.batch(torch.arange(one.start, one.stop)).flatten(1) for one in blocks)
        out = torch.cat([((x < least) | (x > most)).any(1) for x in parts])
        known = f"{self.who} was trained on values from {start:g} to {end:g}"
        if 2 * int(out.sum()) > len(out):
            raise VaekitError(
                f"values lie from {low:g} to {high:g}, but {known}: scale them as the training "
                "data were (0 to 255: uint8)"
            )
        first = data.all_names()[int(out.byte().argmax())]
        warn(
            f"{int(out.sum())} of {len(out):,} examples, the first is {first}, hold values far "
            f"outside, from {low:g} to {high:g}, and {known}: they are taken as they are"
        )

    def _own_numbers(self, x: Any) -> np.ndarray:
        """Return rows in their own units, those of a frame by the names of the columns."""
        assert self.columns is not None
        if is_frame(x) or isinstance(x, Table):
            table = x if isinstance(x, Table) else read_table(x, words=bool(self.fields))
            if self.fields:
                return entries_of(table, self.fields)
            return table.numbers(self.columns.names, missing="mean")[0]
        array = as_numpy(x)
        return array if array.dtype == np.float32 else array.astype(np.float64)

    def _rescaled(self, data: Dataset) -> Dataset:
        """Undo the scaling that another table was given, and apply that of the training.

        A set that knows no columns is in the table's own units, as an array is.
        """
        assert self.columns is not None
        if data.columns is None:
            return self._scaled(data, data.batch())
        if data.columns is self.columns or data.columns.same(self.columns):
            return data
        own = data.columns.own(data.batch().cpu().numpy().astype(np.float64))
        if self.fields:  # by what cells mean: classes may be others, in another order
            table = Table(data.columns.typed(own), data.name, data.name, {})
            return self._scaled(data, entries_of(table, self.fields))
        place = {name: k for k, name in enumerate(data.columns.names)}
        missing = [name for name in self.columns.names if name not in place]
        if missing:
            raise VaekitError(
                f"{self.who} was trained on a column {missing[0]!r}, which {data.name} does not "
                f"have: it has {data.columns.listed()}"
            )
        return self._scaled(data, own[:, [place[name] for name in self.columns.names]])

    def _scaled(self, data: Dataset, own: Any) -> Dataset:
        """Return the set with rows (N, D) in their own units scaled, and all else that it has."""
        labels = data.batch_labels()
        made = self._of_rows(np.asarray(own, np.float64))
        return replace(
            made, labels=labels, label_names=data.label_names, attributes=data.attributes
        )

    def _of_rows(self, own: np.ndarray, rows: np.ndarray | None = None) -> Dataset:
        assert self.columns is not None
        scaled = self.columns.scaled_floats(own, rows)
        if self.fields:
            return Dataset(torch.from_numpy(scaled), columns=self.columns)
        return replace(Dataset.from_array(scaled), columns=self.columns)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        want = self.shape
        if shape[1:] == want or (len(want) == 3 and want[0] == 1 and shape[1:] == want[1:]):
            return
        expected = " × ".join(map(str, want))
        got = " × ".join(map(str, shape[1:])) or "single numbers"
        raise VaekitError(
            f"expected examples of {expected}{_axes(want)}, as {self.who} was trained on, got {got}"
            f"{_axes(shape[1:])}: {_cure(shape, want)}"
        )


def _axes(shape: tuple[int, ...]) -> str:
    return " (C×H×W)" if len(shape) == 3 else ""


def _cure(shape: tuple[int, ...], want: tuple[int, ...]) -> str:
    """Say what to do about the shape of many examples, or of one without the first axis."""
    one = shape[1:]
    if shape == want or (want[0] == 1 and shape == want[1:]):
        return "for one example add a first axis, x[None]"
    if len(want) == 3 and len(one) == 3 and (one[2], *one[:2]) == want:
        return "the channels come last, move them: np.moveaxis(x, -1, 1)"
    if prod(one) == prod(want):
        return f"reshape them to (N, {', '.join(map(str, want))})"
    if len(one) == len(want) == 3 and one[0] != want[0] and {one[0], want[0]} <= {1, 3, 4}:
        names = {1: "grey", 3: "colour", 4: "colour with transparency"}
        return f"these are {names[one[0]]}, the run's are {names[want[0]]}: convert them first"
    cure = "bring them to this shape first"
    if len(want) == 3 and want[1] == 1:  # signals
        cure = f"bring recordings of {want[0]} channels that are at least {want[2]} long"
    elif len(want) == 3 and len(one) >= 2:
        cure = "resize them first, or give the folder of the pictures, which are then fitted"
    return cure
