"""What the numbers of examples mean, whatever brought them, and which mean nothing.

    shape                     numbers                      meaning
    (N, C, H, W), (N, H, W)   whole numbers, 0 to 255      pictures, v means v/255
    (N, C, H, W), (N, H, W)   floats                       pictures, as they are
    (N, D)                    whole numbers or floats      a table, as they are
    any of these              bool                         0 and 1

The table stands here once. `data.border` admits whole sets by it, to be kept; what is shown to a
model, batch by batch, on any device, is read by the functions here.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from vaekit.arguments import told
from vaekit.errors import VaekitError

_OF_COUNTS = 1e6  # the width of a support from which it is of counts, which have no rounding
ROOM = 1e-5  # of a support's width: what rounding adds where pictures are turned or scaled


def as_numpy(x: Any) -> np.ndarray:
    """Return an array of numbers or bools in the type that it has.

    Raises `VaekitError` for anything else, and for arrays that hide some of their values.
    """
    array = _of_tensor(x) if isinstance(x, Tensor) else _of_others(x)
    if array.dtype.kind not in "biuf":
        raise VaekitError(
            f"cannot read numbers of type {array.dtype}: pass whole numbers, floats or bool, as "
            "x.astype('float32') where they are numbers"
        )
    return array


def check_holds_array(x: Any) -> None:
    """Raise `VaekitError` for things that hold examples and are no array, with what makes one."""
    if cure := array_from(x):
        kind = "a sparse matrix" if hasattr(x, "toarray") else f"{type(x).__name__} as an array"
        raise VaekitError(f"cannot read {kind}: pass {cure}")


def array_from(x: Any) -> str:
    """Say what makes an array or a frame of a thing that holds examples, "" for any other."""
    rows = "torch.stack([x[k][0] for k in range(len(x))])"
    cures = (
        (hasattr(x, "toarray"), "x.toarray()"),
        (hasattr(x, "collect"), "x.collect()"),
        (isinstance(x, Mapping), "an array in it, or of columns a data frame, pandas.DataFrame(x)"),
        (isinstance(x, DataLoader), "torch.cat([batch[0] for batch in x]), or it to fit or encode"),
        (isinstance(x, TorchDataset), f"a DataLoader of it to fit or encode, or {rows}"),
        (hasattr(x, "train") and hasattr(x, "test"), "its .train or its .test"),
        (hasattr(x, "batch_labels"), "its examples, x.batch()"),
    )
    return next((cure for is_so, cure in cures if is_so), "")


def tensor_of(x: Any, what: str) -> Tensor:
    """Return a tensor or a numpy array of numbers as a dense tensor without a gradient.

    Raises `VaekitError` for anything else; `what` says what is expected.
    """
    if isinstance(x, np.ndarray):
        array = as_numpy(x)
        wide = array.dtype.kind == "f" and array.dtype.itemsize > 8
        kind = np.float64 if wide else array.dtype.newbyteorder("=")
        plain = array.astype(kind, copy=not array.flags.writeable)
        return torch.from_numpy(np.ascontiguousarray(plain))
    if not isinstance(x, Tensor):
        raise VaekitError(f"expected {what}, a tensor or a numpy array, got {told(x)}")
    return _dense(x)


def _dense(x: Tensor) -> Tensor:
    kinds = {
        "complex": (x.is_complex(), "its parts, as torch.view_as_real(x)"),
        "quantised": (x.is_quantized, "x.dequantize()"),
        "nested": (x.is_nested, "tensors of one shape, as x.to_padded_tensor(0.0)"),
        "sparse": (x.layout != torch.strided, "dense numbers, as x.to_dense()"),
        "meta": (x.is_meta, "one with data"),
    }
    for kind, (is_so, cure) in kinds.items():
        if is_so:
            raise VaekitError(f"cannot read a {kind} tensor: pass {cure}")
    return (x.detach() if x.requires_grad else x).resolve_neg()


def _of_tensor(x: Tensor) -> np.ndarray:
    tensor = _dense(x).cpu()
    known = (torch.float16, torch.float32, torch.float64)
    return (tensor if not x.is_floating_point() or x.dtype in known else tensor.float()).numpy()


def _check_unmasked(x: Any) -> None:
    if isinstance(x, np.ma.MaskedArray) and np.ma.getmaskarray(x).any():
        raise VaekitError("the array has masked values: fill them in, as x.filled(0)")


def unmasked(x: Any) -> np.ndarray:
    """Return x as an array; raise `VaekitError` where it hides some of its values."""
    _check_unmasked(x)
    return np.asarray(x)


def _of_others(x: Any) -> np.ndarray:
    _check_unmasked(x)
    check_holds_array(x)
    try:
        array = x if type(x) in (np.ndarray, np.memmap) else np.asarray(x)
        # Of objects what they are: whole numbers among them are to stay whole.
        return np.asarray(array.tolist()) if array.dtype == object else array
    except (ValueError, TypeError, OverflowError):
        raise VaekitError(
            f"cannot read {type(x).__name__} as an array: its rows differ in length or kind"
        ) from None


def are_pixels(x: Tensor) -> bool:
    """Tell whether the numbers of x (n, …) are bytes of pictures, of which v means v/255."""
    return x.ndim > 2 and x.dtype != torch.bool and not x.is_floating_point()


def as_floats(x: Tensor) -> Tensor:
    """Return examples (n, …) as float32 by what their type means; their values are not asked."""
    return x.float().div_(255) if are_pixels(x) else x.float()


def squares(x: Tensor, mean: Tensor) -> Tensor:
    """Return (x − mean)² of every entry, 0 where x is NaN, which stands for what is missing."""
    return torch.where(x.isnan(), 0.0, x - mean).square()


def bad_entry(x: Tensor) -> tuple[int, ...] | None:
    """Return the place of the first value that is NaN or infinite, None where there is none."""
    if not x.numel() or all(math.isfinite(end) for end in torch.stack(torch.aminmax(x)).tolist()):
        return None
    return tuple((~torch.isfinite(x)).nonzero()[0].tolist())


def check_values(x: Tensor, where: str) -> None:
    """Raise `VaekitError` for values of examples (n, …) that mean nothing, all of them looked at.

    These are NaN, infinity and what is beyond float32, and in pictures whole numbers that are no
    bytes, or that are 0 and 1 alone.
    """
    if are_pixels(x) and x.numel():
        _check_bytes(x, where)
    elif (bad := bad_entry(x.float())) is not None:
        example, *entry = bad
        value = x[bad].item()
        kind = "a value beyond float32" if math.isfinite(value) else said_of(value)
        place = f" in entry {entry[0] if len(entry) == 1 else tuple(entry)}" if entry else ""
        raise VaekitError(
            f"{where}: example {example} holds {kind}{place}: remove or repair such examples"
        )


def _check_bytes(x: Tensor, where: str) -> None:
    low, high = (int(end) for end in torch.aminmax(x.double()))
    check_bytes(low, high, where, f"give floats, such as (x / {max(high, 1)}).float()")


def check_bytes(low: float, high: float, where: str, cure: str) -> None:
    """Raise `VaekitError` for whole numbers in pictures that mean no bytes: `cure` says what to do.

    `low` and `high` are the ends of them all.
    """
    if low < 0 or high > 255:
        raise VaekitError(
            f"{where}: whole numbers in pictures must lie in 0 to 255, where v means v/255, got "
            f"{low:g} to {high:g}: {cure}"
        )
    if high == 1:
        raise VaekitError(
            f"{where}: the pictures are whole numbers, 0 and 1 alone, and 1 would mean 1/255: "
            f"pass bool for black and white; or {cure}"
        )


def outside(low: float, high: float, support: tuple[float, float]) -> bool:
    """Tell whether values from `low` to `high` leave a support by more than rounding."""
    width = support[1] - support[0]
    room = ROOM * (width if width <= _OF_COUNTS else 1.0)
    return not (support[0] - room <= low and high <= support[1] + room)


AS_COUNTS = (
    "counts are whole numbers from 0 to 4·10⁸ and stay as they are (a table is standardised unless "
    "it is table('FILE', scale=none), whole numbers of an array mean v/255 unless it is "
    "array('FILE', scale=1)); of other data use another likelihood"
)


def check_within(
    support: tuple[float, float] | None,
    low: float,
    high: float,
    what: str,
    cure: str = "",
    counts: bool = False,
) -> None:
    """Raise `VaekitError` where values from `low` to `high` leave a likelihood's support.

    NaN and infinity are nobody's. `what` names the data, `cure` adds to what can be done; `counts`
    are whole numbers, for which no scaling is a cure.
    """
    if not (math.isfinite(low) and math.isfinite(high)):
        raise VaekitError(
            f"{what} holds NaN or infinite values (or beyond float32): remove or repair such "
            "examples"
        )
    if support is not None and counts and outside(low, high, support):
        raise VaekitError(
            f"the likelihood is of counts, and {what} spans [{low:.4g}, {high:.4g}]: {AS_COUNTS}"
        )
    if support is not None and outside(low, high, support):
        raise VaekitError(
            f"the likelihood needs data in [{support[0]:g}, {support[1]:g}], but {what} spans "
            f"[{low:.4g}, {high:.4g}]: use likelihood=squared_error or gaussian, or scale the data"
            + cure
        )


def said_of(value: float) -> str:
    """Name a number that is none."""
    return "NaN" if math.isnan(value) else "an infinite value"
