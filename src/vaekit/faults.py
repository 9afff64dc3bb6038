"""Which example is at fault where a number of it is not finite, and its values or the model.

A model with weights that are NaN is broken, whatever it is shown. One with sound weights fails for
what lies far outside of what it was trained on, such as a 9999 that stands for a missing value: its
example is named as its owner counts it, by the row of the set, with the entry that is farthest from
what other examples have there.
"""

import math

import torch
from torch import Tensor, nn

from vaekit.data import Dataset, TableColumns
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.values import AS_COUNTS, bad_entry, check_within, outside, said_of

FAR = 10.0  # times the width of what nine tenths of other examples have in an entry
_OTHERS, _ENTRIES = 500, 1 << 24  # examples that one is compared with, entries of them at most


def name_of(data: Dataset, row: int) -> str:
    """Name the example at a position of a set by its row in the whole that the set is a part of."""
    if data.rows is None:
        return f"row {row} of {data.name}"
    return f"row {int(data.rows[row])} of {data.name} (counted in the whole of it)"


def check_numbers(data: Dataset, rows: Tensor, x: Tensor) -> None:
    """Raise `VaekitError` where x, the examples at `rows`, holds NaN or infinity."""
    if (bad := bad_entry(x)) is not None:
        name = name_of(data, int(rows[bad[0]]))
        raise VaekitError(f"{name} holds {said_of(x[bad].item())}: remove or repair such examples")


def check_range(model: Model, data: Dataset, rows: Tensor, x: Tensor) -> None:
    """Raise `VaekitError` where x, the examples at `rows`, leaves the likelihood's support.

    So it does for NaN and infinity, and for what are no counts where the likelihood is of counts.
    """
    x = model.likelihood.known(x)
    check_numbers(data, rows, x)
    check_whole(model, data, rows, x)
    support = model.likelihood.support
    if support is None or not x.numel():
        return
    low, high = torch.stack(torch.aminmax(x)).tolist()
    if outside(low, high, support):
        off = torch.maximum(support[0] - x, x - support[1]).flatten(1)
        row, entry = divmod(int(off.argmax()), off.shape[1])
        if model.likelihood.whole:
            check_within(support, low, high, name_of(data, int(rows[row])), counts=True)
        raise VaekitError(
            f"the likelihood needs data in [{support[0]:g}, {support[1]:g}], but "
            f"{name_of(data, int(rows[row]))} holds {x[row].flatten()[entry].item():.4g}: scale "
            "the data as for training, or judge a model of squared_error or gaussian likelihood"
        )


def check_whole(model: Model, data: Dataset, rows: Tensor, x: Tensor) -> None:
    """Raise `VaekitError` where the likelihood is of counts and x, at `rows`, holds others."""
    if model.likelihood.whole and len(off := (x != x.round()).flatten(1).any(1).nonzero()):
        row = int(off[0])
        check_counts_are_whole(model, x[row : row + 1], name_of(data, int(rows[row])))


def check_counts_are_whole(model: Model, x: Tensor, what: str) -> None:
    """Raise `VaekitError` where the likelihood is of counts and x (batch, …) holds others."""
    if not model.likelihood.whole:
        return
    off = x[x != x.round()]
    if len(off):
        raise VaekitError(
            f"the likelihood is of counts, whole numbers, but {what} holds {off[0].item():.4g}"
            f" (missing=mean fills in such): {AS_COUNTS}"
        )


def check_finite_values(
    model: Model, data: Dataset, rows: Tensor, what: str, *values: Tensor | None
) -> None:
    """Raise `VaekitError` for the first of `rows` of which one of `values` (n, …) is not finite.

    `what` says in the error what they are.
    """
    for each in values:
        bad = None if each is None else bad_entry(each)
        if bad is not None:
            row = int(rows[bad[0]])
            x = data.batch(torch.tensor([row]))[0]
            others = data.batch(beside(row, len(data), x.numel()))
            raise at_fault(model, what, name_of(data, row), x, others, data.columns)


def is_broken(model: nn.Module) -> bool:
    """Say whether a model has weights that are NaN or infinite."""
    weights = [*model.parameters(), *model.buffers()]
    return any(bad_entry(w.detach()) is not None for w in weights if w.is_floating_point())


def at_fault(
    model: nn.Module,
    what: str,
    name: str,
    x: Tensor,
    others: Tensor,
    columns: TableColumns | None = None,
) -> VaekitError:
    """Build the error for `what` of an example x (*shape) that is not finite, beside others.

    Entries of a table are named by their `columns`, and said in its own units.
    """
    said = f"{what} of {name} is not finite"
    if is_broken(model):
        return VaekitError(
            f"{said}: the model is broken, its weights hold NaN or infinite values, so use a sound "
            "one"
        )
    far = _farthest(x.flatten().cpu(), others.flatten(1).cpu())
    if far is not None:
        entry, *ends = far
        which = f"entry {entry}"
        if columns is not None:
            which = columns.names[entry]
            ends = [columns.own_value(entry, end) for end in ends]
        value, low, high = ends
        return VaekitError(
            f"{said}: its {which} is {value:.6g}, where others have {low:.3g} to {high:.3g}, "
            "far outside of what the model was trained on: remove or mend such examples"
        )
    known = x[~x.isnan()]
    low, high = torch.stack(torch.aminmax(known)).tolist() if len(known) else (math.nan, math.nan)
    return VaekitError(
        f"{said}, though the weights are; its values go from {low:.4g} to {high:.4g}: bring the "
        "data to the scale of the training, or look at what the networks return"
    )


def beside(row: int, count: int, entries: int) -> Tensor:
    """Choose other rows of `count`, up to 500 at equal distances, to hold one of `entries` to."""
    others = torch.arange(count)[torch.arange(count) != row]
    most = max(1, min(_OTHERS, _ENTRIES // max(1, entries)))
    return others[:: -(-max(1, count) // most)]


def _farthest(x: Tensor, others: Tensor) -> tuple[int, float, float, float] | None:
    """Return the entry of x (D,) farthest from those of others (n, D), if it is far at all.

    With its value and the ends of what nine tenths of the others have there.
    """
    if not len(others):
        return None
    others = torch.where(others.isnan(), others.nanmedian(0).values, others)
    cut = len(others) // 20
    ordered = others.sort(0).values
    low, high = ordered[cut], ordered[len(others) - 1 - cut]
    width = (high - low).clamp_min(1e-3 * float((high.max() - low.min()).clamp_min(1e-12)))
    apart = (torch.maximum(low - x, x - high) / width).nan_to_num(-math.inf, math.inf)
    entry = int(apart.argmax())
    if not apart[entry] > FAR:
        return None
    return entry, float(x[entry]), float(low[entry]), float(high[entry])
