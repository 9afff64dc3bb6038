"""What a model is shown in training: which batches are read, and which values are refused.

A `Dataset` knows the ends of its values before training. Of a loader's batches each is looked at:
in full where it is the first of its kind, a shape of examples and a type of numbers; later by its
lowest and highest value, which stay on the device until the loop asks for its terms.
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.data.border import evenly_spaced, warn_of_rounding
from vaekit.errors import VaekitError
from vaekit.faults import check_counts_are_whole, check_whole
from vaekit.model import Model
from vaekit.values import (
    are_pixels,
    as_floats,
    check_bytes,
    check_values,
    check_within,
    outside,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric


_LOOKED = 1000  # examples of a set that are looked at for whole numbers

# ---- ranges


def check_support(data: Dataset, model: Model) -> None:
    """Raise `VaekitError` where the data leave the range that the parts are defined on."""
    low, high = data.range
    table = "; of a table write \"table('FILE', scale=minmax)\"" if len(data.shape) == 1 else ""
    check_ends(model, low, high, data.name, table)
    if data.fields and not model.likelihood.missing:
        raise VaekitError(
            f"{data.name} has mixed columns, each with a law of its own: leave the likelihood out, "
            "or say columns(); a recipe with a noise of its own, as noise_vae, does not serve"
        )
    if model.likelihood.whole:
        some = evenly_spaced(len(data), _LOOKED)
        check_whole(model, data, some, data.batch(some))
    told = model.condition
    if told is not None and told.kind == "attributes" and data.attributes is not None:
        attributes = data.condition(torch.arange(len(data)), told.kind, told.width)
        check_values(attributes, f"the attributes of {data.name}")


def check_ends(model: Model, low: float, high: float, what: str, cure: str = "") -> None:
    """Raise `VaekitError` where values from `low` to `high` are not what the parts can do with.

    These are the likelihood's support, and what corruption and prior mean; NaN and infinity are
    nobody's. `what` names the data, `cure` adds to what can be done.
    """
    counts = model.likelihood.whole
    check_within(model.likelihood.support, low, high, what, cure, counts)
    for part in (model.corruption, model.prior):
        if part is not None:
            part.check(low, high)


# ---- batches


class _Noted(NamedTuple):
    """Hold of a batch which it is, of what `kind`, and its lowest and highest value, scalars."""

    where: str
    kind: str
    low: Tensor
    high: Tensor


class Shown:
    """Hold the values of a loader's batches against what the parts of a model can do with."""

    def __init__(self, model: Model, device: torch.device):
        self.model, self.device = model, device
        self._seen: set[Any] = set()
        self._noted: list[_Noted] = []

    def look(self, x: Tensor, where: str) -> Tensor:
        """Return a batch as float32 on the device; `where` says which it is.

        Raises `VaekitError` for values of the first batch of a kind; those of others are noted.
        """
        shape, kind = (x.dtype, x.shape[1:]), _kind(x)
        first = shape not in self._seen
        if first:
            check_values(x, where)
            if x.ndim == 2 and x.itemsize > 2:  # NumPy knows no bfloat16
                warn_of_rounding(where, x.numpy(force=True))
            self._seen.add(shape)
        found = as_floats(x.to(self.device, non_blocking=True))
        if kind == _BYTES:  # what its type allows is known, and so is all that will come
            if first:
                check_ends(self.model, 0.0, 1.0, where)
            return found
        noted = _Noted(where, kind, *torch.aminmax(found))
        self._noted.append(noted)
        if first:
            self._check(noted, noted.low.item(), noted.high.item())
            check_counts_are_whole(self.model, found, where)
        return found

    def check(self, fabric: "Fabric") -> None:
        """Raise `VaekitError` for the first batch, of those noted, with values to be refused.

        Where there are several processes, `fabric` joins what all were shown.
        """
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        apart = [torch.stack([-each.low for each in noted]), torch.stack([e.high for e in noted])]
        # A maximum over processes may lose NaN, and infinity it keeps.
        ends: Any = torch.stack(apart).nan_to_num(math.inf, math.inf, -math.inf)
        if fabric.world_size > 1:
            ends = fabric.all_reduce(ends, reduce_op="max")
        ends[0].neg_()
        for each, low, high in zip(noted, *ends.tolist(), strict=True):
            self._check(each, low, high)

    def _check(self, noted: _Noted, low: float, high: float) -> None:
        if noted.kind == _PIXELS and outside(low, high, (0.0, 1.0)):
            cure = f"give floats, such as (x / {255 * high:g}).float()"
            check_bytes(255 * low, 255 * high, noted.where, cure)
        cure = _AS_THEY_ARE if noted.kind == _TABLE else ""
        check_ends(self.model, low, high, noted.where, cure)


_BYTES, _PIXELS, _TABLE = "bytes", "pixels", "table"
_AS_THEY_ARE = (
    " (whole numbers of a table (B, D) are taken as they are: write x / 255 for pixels, or make "
    "them pictures (B, C, H, W))"
)


def _kind(x: Tensor) -> str:
    """Tell bytes, other whole numbers of pictures and those of tables; nothing for floats."""
    if x.dtype == torch.bool or (x.dtype == torch.uint8 and are_pixels(x)):
        return _BYTES
    if x.is_floating_point():
        return ""
    return _PIXELS if are_pixels(x) else _TABLE
