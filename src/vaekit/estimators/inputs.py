"""What comes in: tables, rows of pixels and images become pixels.

A 2-D X is a table of numbers and is taken as it is, as everywhere in scikit-learn, whose checks it
passes; a data frame that holds text or classes, or that meets `likelihood="columns"` or `laws`, is
one of mixed columns, which may have missing entries (see `data.tables.mixed`). All else means what
it means everywhere in vaekit (see `data.border`): images are 3-D or 4-D arrays, or rows with
`image_shape`, and whole numbers in them mean v/255.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data
from torch import Tensor

from vaekit.arguments import fits
from vaekit.brief import brief
from vaekit.data import Dataset, Schema
from vaekit.data.border import admit, channels_last
from vaekit.data.files.tables import is_frame, read_table
from vaekit.data.tables.columns import TableColumns
from vaekit.data.tables.laws import fields_of
from vaekit.data.tables.mixed import entries_of
from vaekit.errors import VaekitError, shortened
from vaekit.values import as_numpy, check_holds_array


def as_array(X: Any) -> Any:
    """Return tensors and nested lists of images as numpy arrays, all else as it is."""
    if isinstance(X, Tensor | np.ma.MaskedArray):
        return as_numpy(X)
    check_holds_array(X)
    _check_names(X)
    nested = isinstance(X, list | tuple) and len(X) and isinstance(X[0], list | tuple | np.ndarray)
    return np.asarray(X) if nested else X


def _check_names(X: Any) -> None:
    """Raise `VaekitError` for a frame with names that are text, and others that are none."""
    names = list(X.columns) if is_frame(X) else []
    text = [name for name in names if isinstance(name, str)]
    if 0 < len(text) < len(names):
        other = next(name for name in names if not isinstance(name, str))
        raise VaekitError(
            f"X has columns named by text, {text[0]!r}, and otherwise, {other!r}: make all text, "
            "X.columns = X.columns.astype(str)"
        )


def read_pixels(estimator: Any, X: Any, reset: bool) -> Tensor:
    """Return what X holds as (n, D) float32 or images (n, C, H, W), uint8 or float32.

    With `reset` the estimator learns its form; without, X is held against it. Raises `ValueError`
    for NaN, infinity, other types, and shapes that do not fit.
    """
    if is_frame(X) and {"String", "object", "str", "string"} & set(map(str, X.dtypes)):
        X = read_table(X).frame  # of numbers that were text
    X, image_shape = as_array(X), estimator.get_params()["image_shape"]
    given = tuple(X.shape[1:]) if getattr(X, "ndim", None) in (3, 4) else None
    if given:  # (C, H, W) said beforehand settles what comes first
        settled = image_shape is not None and tuple(np.ravel(image_shape).tolist()) == given
        found = admit(X, layout="nchw" if settled or not reset else "auto")
    else:
        found = _rows_of_table(estimator, X, image_shape, reset)
    shape = tuple(found.shape[1:])
    if reset:
        estimator.shape_, estimator.n_features_in_ = shape, prod(shape)
        estimator.input_shape_ = given or (prod(shape),)
        if given:
            vars(estimator).pop("feature_names_in_", None)
    elif shape != estimator.shape_:
        raise VaekitError(
            f"X has examples of shape {shape}, but {type(estimator).__name__} was fitted to "
            f"{estimator.shape_}" + ("" if given else ": set image_shape to read rows as images")
        )
    return found


def read_codes(estimator: Any, Z: Any) -> Tensor:
    """Return codes (n, latent) as float32; columns of a frame go by the names of `transform`.

    Columns of other names are taken as they stand. Raises `ValueError` where some of the names
    are there and others lack, for NaN, infinity and other types.
    """
    if is_frame(Z):
        names, own = list(estimator.get_feature_names_out()), list(Z.columns)
        if set(names) & set(own):
            if lacking := [name for name in names if name not in own]:
                raise VaekitError(f"Z lacks the codes {shortened(lacking)}: give all of them")
            Z = Z[names]
    return torch.tensor(np.ascontiguousarray(check_array(Z, dtype="float32", input_name="Z")))


def read_mixed(estimator: Any, X: Any, reset: bool) -> Dataset | None:
    """Return the rows of a frame of mixed columns, scaled, None where X is none.

    With `reset` the estimator learns the columns. Raises `ValueError` for other columns than those
    it was fitted to, and as `fields_of` and `entries_of` do.
    """
    _check_names(X)
    asked = estimator.get_params()
    if not reset and estimator.columns_ is None:
        return None
    laws = asked["laws"]
    if reset:
        estimator.columns_ = None
        if not isinstance(laws, Mapping | None):
            raise VaekitError(
                "laws are by the names of columns, laws={'income': 'student_t'}, "
                f"got {brief(laws)}"
            )
        if laws and not (is_frame(X) and asked["image_shape"] is None):
            raise VaekitError(
                f"laws={dict(laws)} names columns: give X as a data frame, without image_shape"
            )
        if asked["image_shape"] is not None:
            return None
    table = read_table(X, words=True) if is_frame(X) else None
    if reset and (table is None or not _taken_as_mixed(X, table.frame, asked)):
        return None
    name = type(estimator).__name__
    if table is None:
        raise VaekitError(f"{name} was fitted to a data frame of mixed columns: give such a frame")
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if reset:
        fields = fields_of(table, table.frame.columns, laws)
        names = tuple(entry for field in fields for entry in field.entry_names())
        own = entries_of(table, fields)
        estimator.columns_ = TableColumns.of(names, own, "standard", fields=fields)
        estimator.shape_ = estimator.input_shape_ = (len(names),)
    known = Schema(estimator.shape_, (0.0, 1.0), columns=estimator.columns_, who=name)
    return known.admitted(table)


def is_mixed(X: Any, asked: Mapping[str, Any]) -> bool:
    """Tell whether X is a data frame that an estimator of these parameters takes as mixed."""
    return is_frame(X) and _is_mixed(X, read_table(X, words=True).frame, asked)


def _is_mixed(X: Any, table: pl.DataFrame, asked: Mapping[str, Any]) -> bool:
    """Tell whether a frame has columns of text, classes or dates, or laws are asked for."""
    if asked.get("laws") or str(asked.get("likelihood")).strip() in ("columns", "columns()"):
        return True
    words = pl.String, pl.Categorical, pl.Enum, pl.Object, pl.Binary
    kinds = table.schema.values()
    return "category" in map(str, X.dtypes) or any(k in words or k.is_temporal() for k in kinds)


def _taken_as_mixed(X: Any, table: pl.DataFrame, asked: Mapping[str, Any]) -> bool:
    """Do as `_is_mixed`; raise `VaekitError` for missing entries where it is not."""
    if _is_mixed(X, table, asked):
        return True
    gone = [name for name in table.columns if _has_holes(table[name])]
    if gone and "likelihood" in asked:
        raise VaekitError(
            f"Input X contains NaN, in the columns {shortened(gone)}: likelihood='columns' gives "
            "each column a law of its own and leaves missing entries out, or fill them in before"
        )
    return False


def _has_holes(column: pl.Series) -> bool:
    return bool(column.null_count() or (column.dtype.is_float() and column.is_nan().any()))


def _rows_of_table(estimator: Any, X: Any, image_shape: Any, reset: bool) -> Tensor:
    """Return a table (n, D) as float32, or the images (n, C, H, W) that its rows hold."""
    if image_shape is None:
        try:
            return admit(validate_data(estimator, X, reset=reset, order="C"))
        except np.exceptions.DTypePromotionError as error:
            raise VaekitError(
                "X has columns that are no numbers, or of kinds that do not mix, such as dates: "
                "leave them out or encode them, as with OrdinalEncoder"
            ) from error
    # Frames and lists are read before they are asked what they hold: whole numbers mean v/255.
    table: Any = validate_data(estimator, X, reset=reset, dtype=None)
    if table.dtype.kind not in "uib":
        table = check_array(table, dtype="float32", input_name="X")
    return admit(table.reshape(len(table), *_channels(image_shape, table.shape[1])), layout="nchw")


def _channels(image_shape: Any, width: int) -> tuple[int, ...]:
    """Return `image_shape` with its channels, (C, H, W), checked against the width of a row."""
    sides = np.ravel(image_shape)
    shape = tuple(sides.tolist())
    if sides.dtype.kind not in "iu" or len(shape) not in (2, 3) or min(shape) < 1:
        raise VaekitError(
            f"image_shape must be whole numbers (H, W) or (C, H, W), got {image_shape!r}"
        )
    if len(shape) == 3 and channels_last(*shape):
        raise VaekitError(
            f"image_shape={image_shape!r} looks like (H, W, C), channels last: write (C, H, W), "
            "and move the channels of each row, np.moveaxis(x.reshape(-1, H, W, C), -1, 1)"
        )
    if prod(shape) != width:
        raise VaekitError(
            f"image_shape={image_shape!r} needs rows of {prod(shape)} entries, got {width}"
        )
    return shape if len(shape) == 3 else (1, *shape)


def check_scale(estimator: Any, data: Dataset) -> None:
    """Raise `VaekitError` for images on another scale than those that the estimator was fitted to.

    Rows of floats are left alone: a step before scaled each column by itself, and what it makes of
    held-out rows may lie anywhere.
    """
    floats = data.images.is_floating_point() and not estimator.whole_
    if len(data.shape) == 3 and not (floats and len(estimator.input_shape_) == 1):
        known = Schema(estimator.shape_, estimator.range_, who=type(estimator).__name__)
        known.check_scale(data)


def seed_of(random_state: Any) -> int:
    """Return an int as it is, one drawn from a RandomState, or a fresh one for None.

    numpy's global generator is left alone. Raises `VaekitError` for anything else, and for ints
    that numpy's generators do not take either.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    if fits(random_state, int) and 0 <= random_state < 2**32:
        return int(random_state)
    raise VaekitError(
        "random_state must be an int from 0 to below 2^32, a numpy RandomState or None, "
        f"got {random_state!r}"
    )
