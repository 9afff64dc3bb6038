"""What a conditional model is told, as users say it: a class, levels of factors, attributes.

    labels      7, "seven", or one for each example           → one-hots of the class
    factors     {"shape": 1, "scale": 0}, or levels (N, K)    → a one-hot for each factor
    attributes  [0.3, 1.2], or (N, A)                         → as they are

Text means the same: `7`, `seven`, `shape=1,scale=0`, `0.3,1.2`. Vectors (N, width) of a kind's own
width pass as they are. Nothing that was not there in training is accepted in silence.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.brief import brief
from vaekit.data import Dataset, Schema, one_hot, one_hots
from vaekit.data.border import pieces
from vaekit.errors import VaekitError, nearest
from vaekit.model import Condition
from vaekit.values import check_values, unmasked


def vectors(value: Any, n: int, wanted: Condition, schema: Schema) -> Tensor:
    """Read a condition as vectors (n, width); one value serves all n examples.

    Raises `VaekitError` for classes, factors and levels that training did not have, another width,
    NaN, and another number of conditions than of examples.
    """
    read = {"labels": _labels, "factors": _factor_levels, "attributes": _attributes}[wanted.kind]
    c = read(value.detach().cpu().numpy() if isinstance(value, Tensor) else value, wanted, schema)
    if not bool(torch.isfinite(c).all()):
        raise VaekitError("the condition holds NaN or infinite values: repair it")
    if len(c) not in (1, n):
        raise VaekitError(
            f"{len(c)} conditions for {n} examples: give one for all, or one for each"
        )
    return c.expand(n, -1)


def matched(data: Dataset, wanted: Condition | None, schema: Schema) -> Dataset:
    """Return a set whose classes have the numbers of training, by their names.

    Raises `VaekitError` where the set does not say what the model is conditioned on (`wanted`), or
    says what training did not have.
    """
    if wanted is None:
        return data
    if getattr(data, wanted.kind) is None:
        raise VaekitError(
            f"this model is conditioned on {wanted.kind}, which {data.name} does not have: "
            "say what to condition on with --condition (condition=)"
        )
    if wanted.kind == "labels":
        return _renumbered(data, wanted, schema)
    if wanted.kind == "factors" and data.factors is not None and schema.factors is not None:
        sizes = dict(zip(data.factors.names, data.factors.sizes, strict=True))
        if sizes != dict(schema.factors):
            raise VaekitError(
                f"{data.name} has the factors {sizes}, the run was trained on "
                f"{dict(schema.factors)}: give levels of these with --condition (condition=)"
            )
    if data.attributes is not None and wanted.kind == "attributes":
        for part in pieces(len(data), data.attributes[0].nbytes):
            rows = torch.arange(part.start, part.stop)
            check_values(data.condition(rows, wanted.kind, wanted.width), "the condition")
    return data


def _renumbered(data: Dataset, wanted: Condition, schema: Schema) -> Dataset:
    seen, known = data.seen_classes(), schema
    assert data.labels is not None and seen is not None
    if data.label_names:  # a run of before may not have kept them
        known = replace(schema, label_names=schema.label_names or data.label_names)
    new = [_class(_called(data, k), known, wanted.width) for k in seen]
    low, high = (int(end) for end in torch.aminmax(data.labels))
    if list(seen) == new and low >= 0 and high < wanted.width:
        return replace(data, label_names=schema.label_names)
    # Labels of rows outside of this view may be others, and become any.
    places = torch.searchsorted(torch.tensor(seen), data.labels.cpu().long())
    labels = torch.tensor(new)[places.clamp(max=len(new) - 1)].to(data.labels.device)
    return replace(data, labels=labels, label_names=schema.label_names)


def _called(data: Dataset, number: int) -> str | int:
    return data.label_names[number] if data.label_names else number


# ---- classes


def _labels(value: Any, wanted: Condition, schema: Schema) -> Tensor:
    if isinstance(value, str) and value not in schema.label_names:
        value = [part.strip() for part in value.split(",")]
    if isinstance(value, Mapping):
        raise VaekitError(f"a class goes by its name alone, got {brief(dict(value))}")
    array = unmasked(value)
    if array.ndim == 2 and array.shape[1] == wanted.width and array.dtype.kind in "fiub":
        c = torch.from_numpy(array.astype(np.float32))
        names = dict(enumerate(schema.label_names))
        for number in torch.nonzero(c.any(0))[:, 0].tolist():
            _class(names.get(number, number), schema, wanted.width)
        return c
    if array.ndim > 1 and array.size != len(array):
        raise VaekitError(f"expected one class for each example, got shape {array.shape}")
    asked = dict.fromkeys(array.reshape(-1).tolist())
    known = {item: _class(item, schema, wanted.width) for item in asked}
    return one_hot(torch.tensor([known[i] for i in array.reshape(-1).tolist()]), wanted.width)


def _class(item: Any, schema: Schema, width: int) -> int:
    """Return the number of a class said by number or name, where training had it.

    Where the names are whole numbers themselves, 1, 2 and 6 say, a number is a name too.
    """
    seen, names = range(width) if schema.classes is None else schema.classes, schema.label_names
    numbers = {int(name): k for k, name in enumerate(names) if _whole_or_none(name) is not None}
    by_name = len(numbers) == len(names) > 0
    whole = _whole_or_none(item)
    if item in names:
        number = names.index(item)
    elif whole is None:
        number = -1
    else:
        number = numbers.get(whole, -1) if by_name else whole
    if number in seen:
        return number
    known = [
        names[k] if by_name else f"{k} ({names[k]})" if k < len(names) else f"{k}" for k in seen
    ]
    raise VaekitError(f"no class {item!r} was seen in training; seen were {', '.join(known)}")


def _whole_or_none(item: Any) -> int | None:
    """Return the whole number that an item is or spells, None where it is another thing."""
    try:
        return int(item) if float(item) == int(item) else None
    except (TypeError, ValueError, OverflowError):
        return None


# ---- levels of factors


def _factor_levels(value: Any, wanted: Condition, schema: Schema) -> Tensor:
    sizes = dict(schema.factors or {})
    if isinstance(value, str):
        value = _factor_pairs(value, sizes)
    if isinstance(value, Mapping):
        value = [[_named_value(value, name, sizes) for name in sizes]]
    array = np.atleast_2d(_attribute_numbers(value))
    if array.shape[1:] == (wanted.width,) and len(sizes) != wanted.width:
        return torch.from_numpy(array.astype(np.float32))
    if array.shape[1:] != (len(sizes),) or (array != np.floor(array)).any():
        raise VaekitError(f"expected a level for each of {_ranges(sizes)}; got {value!r}")
    for column, (name, size) in zip(array.T, sizes.items(), strict=True):
        if column.min() < 0 or column.max() >= size:
            wrong = column.min() if column.min() < 0 else column.max()
            raise VaekitError(f"factor {name!r} has levels 0 to {size - 1}, got {wrong:g}")
    return one_hots(torch.from_numpy(array.astype(np.int64)), list(sizes.values()))


def _factor_pairs(text: str, sizes: Mapping[str, int]) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(equals for _, equals, _ in pairs):
        raise VaekitError(f"say factor=level, comma between, for {_ranges(sizes)}; got {text!r}")
    if len({name.strip() for name, _, _ in pairs}) < len(pairs):
        raise VaekitError(f"{text!r} names a factor twice: leave one out")
    return {name.strip(): level.strip() for name, _, level in pairs}


def _named_value(value: Mapping[str, Any], name: str, sizes: Mapping[str, int]) -> float:
    for other in value:
        if other not in sizes:
            raise nearest(other, sizes, "factor")
    if name not in value:
        raise VaekitError(f"the condition lacks the factor {name!r}: it takes {_ranges(sizes)}")
    return float(_attribute_numbers(value[name]))


def _ranges(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} (0 to {size - 1})" for name, size in sizes.items())


# ---- attributes


def _attributes(value: Any, wanted: Condition, schema: Schema) -> Tensor:
    array = _attribute_numbers(value.split(",") if isinstance(value, str) else value)
    if array.ndim < 2:
        array = array.reshape(-1, 1) if wanted.width == 1 else array.reshape(1, -1)
    if array.shape[1:] != (wanted.width,):
        raise VaekitError(
            f"expected {wanted.width} attributes, as in training, got {array.shape[-1]}"
        )
    return torch.from_numpy(array.astype(np.float32))


def _attribute_numbers(value: Any) -> np.ndarray:
    try:
        return unmasked(value).astype(np.float64)
    except (TypeError, ValueError):
        raise VaekitError(f"the condition should be numbers, got {value!r}") from None
