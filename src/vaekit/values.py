"""What the numbers of examples mean, whatever brought them, and which mean nothing.

(n, H, W), (n, C, H, W), …   whole numbers    pictures, v means v/255, v from 0 to 255
(n, D)                       whole numbers    a table, as they are
any                          bool             0 and 1
any                          floats           as they are, in float32
"""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.arguments import told
from vaekit.errors import VaekitError

ROOM = 1e-5  # of a support's width: what rounding adds where pictures are turned or scaled


def tensor_of(x: Any, what: str) -> Tensor:
    """Return a tensor or a numpy array of numbers as a dense tensor without a gradient.

    Raises `VaekitError` for anything else; `what` says what is expected.
    """
    if isinstance(x, np.ndarray):
        x = _from_numpy(x, what)
    if not isinstance(x, Tensor):
        raise VaekitError(f"expected {what}, a tensor or a numpy array, got {told(x)}")
    if x.is_nested or x.layout != torch.strided or x.is_quantized or x.is_complex():
        kind = "complex" if x.is_complex() else "quantised" if x.is_quantized else "sparse"
        raise VaekitError(f"expected {what}, got a {kind} tensor: give dense real numbers")
    return x.detach() if x.requires_grad else x


def _from_numpy(x: np.ndarray, what: str) -> Tensor:
    masked = isinstance(x, np.ma.MaskedArray)
    if masked or x.dtype.kind not in "biuf":
        kind = "masked values" if masked else f"values of type {x.dtype}"
        raise VaekitError(f"expected {what}, got an array with {kind}: give plain numbers")
    wide = x.dtype.kind == "f" and x.dtype.itemsize > 8
    plain = x.astype(np.float64 if wide else x.dtype.newbyteorder("="), copy=not x.flags.writeable)
    return torch.from_numpy(np.ascontiguousarray(plain))


def are_pixels(x: Tensor) -> bool:
    """Tell whether the numbers of x (n, …) are bytes of pictures, of which v means v/255."""
    return x.ndim > 2 and x.dtype != torch.bool and not x.is_floating_point()


def as_floats(x: Tensor) -> Tensor:
    """Return examples (n, …) as float32 by what their type means; their values are not asked."""
    return x.float().div_(255) if are_pixels(x) else x.float()


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
    if low < 0 or high > 255:
        raise VaekitError(no_bytes(where, low, high))
    if high == 1:
        raise VaekitError(
            f"{where}: the pictures are whole numbers, 0 and 1 alone, and 1 would mean 1/255: give "
            "bool for black and white, or floats"
        )


def no_bytes(where: str, low: float, high: float) -> str:
    """Say that whole numbers in pictures go from `low` to `high`, and what to do."""
    return (
        f"{where}: whole numbers in pictures must lie in 0 to 255, where v means v/255, got "
        f"{low:g} to {high:g}: give floats, such as (x / {max(high, 1):g}).float()"
    )


def outside(low: float, high: float, support: tuple[float, float]) -> bool:
    """Tell whether values from `low` to `high` leave a support by more than rounding."""
    width = support[1] - support[0]
    room = ROOM * (width if math.isfinite(width) else 1.0)
    return not (support[0] - room <= low and high <= support[1] + room)


def said_of(value: float) -> str:
    """Name a number that is none."""
    return "NaN" if math.isnan(value) else "an infinite value"
