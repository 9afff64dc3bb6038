"""What comes in: tables, rows of pixels and images become pixels, labels become a condition.

A 2-D X is a table of numbers and is taken as it is, as everywhere in scikit-learn. Images are 3-D
or 4-D arrays, or rows with `image_shape`; whole numbers in them mean v/255, as everywhere in
vaekit.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data
from torch import Tensor

from vaekit.data import Dataset
from vaekit.data.border import admit
from vaekit.errors import VaekitError
from vaekit.model import Model

CHANNELS = (1, 3, 4)


def as_array(X: Any) -> Any:
    """Return tensors and nested lists of images as numpy arrays, all else as it is."""
    if isinstance(X, Tensor):
        return X.detach().cpu().numpy()
    nested = isinstance(X, list | tuple) and len(X) and isinstance(X[0], list | tuple | np.ndarray)
    return np.asarray(X) if nested else X


def are_images(X: Any) -> bool:
    """Say whether X is an array (n, H, W) or (n, C, H, W)."""
    return getattr(X, "ndim", None) in (3, 4)


def images(X: np.ndarray) -> Tensor:
    """Return images (n, H, W) or (n, C, H, W) as (n, C, H, W), uint8 or float32.

    Raises `VaekitError` for channels that come last, NaN, no images, and other types.
    """
    if X.ndim == 4 and X.shape[-1] in CHANNELS and X.shape[1] not in CHANNELS:
        raise VaekitError(
            f"expected images (n, H, W) or (n, C, H, W), got shape {X.shape}, which looks like "
            "(n, H, W, C): use np.moveaxis(X, -1, 1)"
        )
    return admit(X, layout="nchw")


def rows(estimator: BaseEstimator, X: Any, image_shape: Any, reset: bool) -> Tensor:
    """Return a table (n, D) as float32, or the images (n, C, H, W) that its rows hold.

    With `reset` the estimator learns its `n_features_in_` and the columns' names; without, X is
    held against them. Raises `ValueError` for NaN, infinity and shapes that do not fit.
    """
    if image_shape is None:
        # A copy where the caller's array is read-only, of which PyTorch makes no tensor in silence.
        table: Any = validate_data(estimator, X, reset=reset, dtype=np.float32, order="C")
        return torch.from_numpy(table if table.flags.writeable else table.copy())
    pixels = getattr(X, "dtype", None) in (np.uint8, np.bool_)
    table: Any = validate_data(estimator, X, reset=reset, dtype=None if pixels else np.float32)
    return admit(table.reshape(len(table), *_channels(image_shape, table.shape[1])))


def _channels(image_shape: Any, width: int) -> tuple[int, ...]:
    """Return `image_shape` with its channels, (C, H, W), checked against the width of a row."""
    shape = tuple(int(side) for side in np.ravel(image_shape))
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise VaekitError(f"image_shape must be (H, W) or (C, H, W), got {image_shape!r}")
    if prod(shape) != width:
        raise VaekitError(
            f"image_shape={image_shape!r} needs rows of {prod(shape)} entries, got {width}"
        )
    return shape if len(shape) == 3 else (1, *shape)


def check_range(data: Dataset, model: Model) -> None:
    """Raise `VaekitError` where X leaves the range that the model's likelihood is defined on."""
    support = model.likelihood.support
    if support and (data.range[0] < support[0] or data.range[1] > support[1]):
        raise VaekitError(
            f"the likelihood needs X in [{support[0]:g}, {support[1]:g}], but X spans "
            f"[{data.range[0]:.4g}, {data.range[1]:.4g}]: scale it, as with "
            "MinMaxScaler(clip=True), or choose likelihood='squared_error'"
        )


def labels_of(y: Any, n: int) -> np.ndarray:
    """Return the labels of n examples, (n,); raise `ValueError` for other shapes, NaN, reals."""
    labels = column_or_1d(y)
    check_consistent_length(np.empty(n), labels)
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
        if (labels != np.floor(labels)).any():
            raise VaekitError(
                "y holds real numbers, which are no classes: use condition='attributes'"
            )
    return labels


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
            f"{_listed(classes.tolist())}"
        )
    return torch.tensor(codes, dtype=torch.int64)


def attributes_of(y: Any, n: int) -> Tensor:
    """Return the attributes of n examples as float32 (n, A), from (n, A) or (n,).

    Raises `ValueError` for NaN and for what is no array of numbers.
    """
    found = check_array(y, dtype="float32", ensure_2d=False, input_name="y")
    check_consistent_length(np.empty(n), found)
    return torch.tensor(found.reshape(n, -1))


def _listed(values: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, values[:10]))
    return shown + (f", … ({len(values)} in all)" if len(values) > 10 else "")


def seed_of(random_state: Any) -> int:
    """Return an int as it is, one drawn from a RandomState, or a fresh one for None.

    numpy's global generator is left alone. Raises `VaekitError` for anything else.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if isinstance(random_state, int | np.integer) and random_state >= 0:
        return int(random_state)
    raise VaekitError(
        f"random_state must be an int ≥ 0, a numpy RandomState or None, got {random_state!r}"
    )
