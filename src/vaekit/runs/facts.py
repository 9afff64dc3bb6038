"""What a run remembers of its training data, and the border it makes for data that come later.

A model alone does not know that its table was standardised, which values its pixels had, or which
classes it has seen; run.yaml does, under notes: known. New data are checked against it here, once.

Images enter as the training data did: uint8 v means v/255, floats are taken as they are, and the
black and white of a picture are the `levels`: 0 and 1 where the training data lay within, else
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

from vaekit.data import Columns, Dataset
from vaekit.data.scale import black_white, check_scale
from vaekit.errors import VaekitError


@dataclass(frozen=True)
class Facts:
    """Hold what is known of the training data: `shape` (C, H, W) or (D,), lowest and highest value.

    `classes` are those seen (None: not labelled), `label_names` their names by number, `factors`
    the size of each factor by name, `columns` the scaling of a table.
    """

    shape: tuple[int, ...]
    range: tuple[float, float]
    classes: tuple[int, ...] | None = None
    label_names: tuple[str, ...] = ()
    factors: Mapping[str, int] | None = None
    columns: Columns | None = None

    @classmethod
    def of(cls, data: Dataset) -> "Facts":
        """Gather the facts of a training set."""
        classes = None
        if data.labels is not None:
            seen = data.labels if data.rows is None else data.labels[data.rows]
            classes = tuple(seen.unique().tolist())
        grid = data.factors
        factors = None if grid is None else dict(zip(grid.names, grid.sizes, strict=True))
        return cls(data.shape, data.range, classes, data.label_names, factors, data.columns)

    @classmethod
    def read(cls, notes: Mapping[str, Any]) -> "Facts | None":
        """Read the facts from a run's notes, or None where an older version made the run."""
        known = notes.get("known")
        if not isinstance(known, Mapping):
            return None
        columns, classes = known["columns"], notes.get("classes")
        if columns is not None:
            shift, width = (np.asarray(columns[key], np.float64) for key in ("shift", "width"))
            columns = Columns(tuple(columns["names"]), shift, width)
        return cls(
            tuple(notes["shape"]),
            tuple(known["range"]),
            None if classes is None else tuple(classes),
            tuple(known["label_names"]),
            known["factors"],
            columns,
        )

    def notes(self) -> dict[str, Any]:
        """Return the facts as entries of a run's notes, in plain types."""
        columns = self.columns and {
            "names": list(self.columns.names),
            "shift": self.columns.shift.tolist(),
            "width": self.columns.width.tolist(),
        }
        known = {
            "range": list(self.range),
            "label_names": list(self.label_names),
            "factors": None if self.factors is None else dict(self.factors),
            "columns": columns,
        }
        classes = {} if self.classes is None else {"classes": list(self.classes)}
        return {"known": known, **classes}

    @cached_property
    def levels(self) -> tuple[float, float]:
        """Tell the values of black and white."""
        return black_white(*self.range)

    def admitted(self, x: np.ndarray | Tensor | Dataset) -> Dataset:
        """Check examples (N, *shape) and return them as a set on the model's own scale.

        Raises `VaekitError` for another shape, NaN, and values that the run cannot have meant.
        """
        if isinstance(x, Dataset):
            data = x if self.columns is None or x.columns is None else self._rescaled(x)
            self._check_shape((len(data), *data.shape))
        elif self.columns is not None:
            data = self._of_rows(_numbers(x))
        else:
            array = x if isinstance(x, Tensor) else np.asarray(x)
            self._check_shape(tuple(array.shape))
            data = Dataset.from_array(array, layout="nchw")
        if self.columns is None:
            check_scale(data, self.range, "the run")
        return data

    def own(self, x: Tensor) -> np.ndarray:
        """Return examples (N, *shape) as the user has them: rows of a table in its own units."""
        found = x.numpy()
        return found if self.columns is None else self.columns.own(found.astype(np.float64))

    def _rescaled(self, data: Dataset) -> Dataset:
        """Undo the scaling that another table was given, and apply that of the run."""
        assert data.columns is not None and self.columns is not None
        missing = [name for name in self.columns.names if name not in data.columns.names]
        if missing:
            raise VaekitError(
                f"the run was trained on a column {missing[0]!r}, which {data.name} does not have: "
                f"it has {', '.join(data.columns.names)}"
            )
        if data.columns is self.columns or _same(data.columns, self.columns):
            return data
        rows = torch.arange(len(data))
        own = data.columns.own(data.batch(rows).cpu().numpy().astype(np.float64))
        place = [data.columns.names.index(name) for name in self.columns.names]
        labels = {"labels": data.batch_labels(rows), "label_names": data.label_names}
        return replace(self._of_rows(own[:, place]), **labels)

    def _of_rows(self, own: np.ndarray) -> Dataset:
        assert self.columns is not None
        return replace(Dataset.from_array(self.columns.scaled(own)), columns=self.columns)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        want = self.shape
        if shape[1:] == want or (len(want) == 3 and want[0] == 1 and shape[1:] == want[1:]):
            return
        expected = " × ".join(map(str, want))
        got = " × ".join(map(str, shape[1:])) or "single numbers"
        raise VaekitError(
            f"expected examples of {expected}{_axes(want)}, as the run was trained on, got {got}"
            f"{_axes(shape[1:])}: {_cure(shape, want)}"
        )


def _same(one: Columns, other: Columns) -> bool:
    return (
        one.names == other.names
        and np.array_equal(one.shift, other.shift)
        and np.array_equal(one.width, other.width)
    )


def _numbers(x: np.ndarray | Tensor) -> np.ndarray:
    array = x.detach().cpu().numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "iufb":
        raise VaekitError(f"expected numbers, got an array of type {array.dtype}")
    return array.astype(np.float64)


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
        how = " (pictures: \"folder('FOLDER', gray=true)\")" if want[0] == 1 else ""
        return f"these are {names[one[0]]}, the run's are {names[want[0]]}; convert them first{how}"
    if len(want) == 3 and len(one) >= 2:
        return "resize them first; for a folder: \"folder('FOLDER', size=[H, W])\""
    return "bring them to this shape first"
