"""What a conditional model is told: y becomes labels by number, or attributes.

y is (n,) of labels of any kind, or with `condition="attributes"` real numbers (n, A) or (n,).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.model import Condition
from vaekit.values import unmasked


def kind_of(condition: Any) -> str:
    """Return what an estimator is conditioned on, where it is one of the two that y can say."""
    if condition not in ("labels", "attributes"):
        raise VaekitError(
            f"an estimator takes condition='labels' or 'attributes', got {condition!r}"
        )
    return condition


def missing(who: str, kind: str) -> VaekitError:
    """Build the error for a y that was not given."""
    return VaekitError(
        f"{who} requires y to be passed, but the target y is None: its model is conditioned on "
        f"{kind}, which it needs of every example"
    )


def repeated(y: Any, n: int, told: Condition | None) -> Any:
    """Return a y that is one condition for all as one for each of n; any other as it is.

    One is a label, a list of one, or of as many attributes as there were, unless there was one.
    """
    if y is None or told is None:
        return y
    array = unmasked(y)
    single = array.ndim == (told.kind == "attributes" and told.width > 1)
    array = array[None] if single else array
    return np.repeat(array, n, axis=0) if array.ndim and len(array) == 1 else y


def labels_of(y: Any, n: int) -> np.ndarray:
    """Return the labels of n examples, (n,); raise `ValueError` for other shapes, NaN, reals."""
    labels = column_or_1d(unmasked(y))
    check_consistent_length(np.empty(n), labels)
    if labels.dtype.kind not in "biuf":  # numpy makes the word «nan» of NaN in a list
        cells = y if isinstance(y, list | tuple) else labels
        gone = [k for k, label in enumerate(cells) if _is_missing(label)]
        if gone:
            raise VaekitError(
                f"y misses {len(gone)} of {n} classes, the first in row {gone[0]} (from 0): leave "
                "such rows out, or make a class of them"
            )
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
        if (labels != np.floor(labels)).any():
            raise VaekitError(
                "y holds real numbers, which are no classes: use condition='attributes'"
            )
    return labels


def _is_missing(label: Any) -> bool:
    if type(label).__name__ in ("NoneType", "NAType", "NaTType"):
        return True
    kinds = float, np.floating, np.datetime64
    return isinstance(label, kinds) and bool(np.isnan(label))


def classes_of(labels: np.ndarray) -> np.ndarray:
    """Return the sorted classes that labels hold; raise `VaekitError` where they have no order."""
    try:
        return np.unique(labels)
    except TypeError:
        raise VaekitError(
            "y mixes labels of different kinds: make them all numbers or all text"
        ) from None


def codes_of(labels: np.ndarray, classes: np.ndarray) -> Tensor:
    """Number labels (n,) by their place in `classes`; raise `VaekitError` for unknown ones."""
    place = {value: code for code, value in enumerate(classes.tolist())}
    codes = [place.get(label, -1) for label in labels.tolist()]
    if -1 in codes:
        unknown = labels.tolist()[codes.index(-1)]
        raise VaekitError(
            f"y holds the class {unknown!r}, which was not seen in training: the model knows "
            f"{_shown_values(classes.tolist())}"
        )
    return torch.tensor(codes, dtype=torch.int64)


def attributes_of(y: Any, n: int) -> Tensor:
    """Return the attributes of n examples as float32 (n, A), from (n, A) or (n,).

    Raises `ValueError` for NaN and for what is no array of numbers.
    """
    found = check_array(unmasked(y), dtype="float32", ensure_2d=False, input_name="y")
    check_consistent_length(np.empty(n), found)
    return torch.tensor(found.reshape(n, -1))


def _shown_values(values: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, values[:10]))
    return shown + (f", … ({len(values)} in all)" if len(values) > 10 else "")
