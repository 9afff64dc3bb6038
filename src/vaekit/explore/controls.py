"""What can be moved in a run: sliders for latents and attributes, choices for one-hots.

Latents stand in the order of the report, the most informative first; those that it shows are shown
at once, and move over the values of its traversals (`vaekit.report.codes.sweep`). The K entries of
a one-hot are one choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaekit.data import Schema
from vaekit.model import Condition
from vaekit.report.codes import ItemCodes, sweep
from vaekit.report.sections.images import informative
from vaekit.shapes import spans

FIRST_SLIDERS = 10  # sliders at most that are shown at once
_RANGE = (-3.0, 3.0)


@dataclass(frozen=True)
class Slider:
    """Move `entry` of a code or condition from `low` to `high`; `first`: among those shown."""

    entry: int
    label: str
    low: float
    high: float
    first: bool = True


@dataclass(frozen=True)
class Choice:
    """Set the entries from `start` to `stop` to a one-hot, at an entry with its label."""

    label: str
    start: int
    stop: int
    options: Sequence[tuple[int, str]]


def latent_sliders(width: int, codes: ItemCodes | None) -> list[Slider]:
    """List the sliders of a code of `width`, in order; without codes of a set by number."""
    if codes is None:
        return [Slider(h, f"z{h}", *_RANGE, first=h < FIRST_SLIDERS) for h in range(width)]
    shown = informative(codes)[:FIRST_SLIDERS]
    return [Slider(h, codes.label(h), *_ends(codes, h), h in shown) for h in codes.order.tolist()]


def _ends(codes: ItemCodes, latent: int) -> tuple[float, float]:
    """Return the lowest and the highest value that a traversal shows, of any item."""
    if codes.priors is None:
        low, high = sweep(codes, latent, 2)
    else:
        mean, sd = codes.priors[:, :, latent]
        low, high = (mean - 3 * sd).min(), (mean + 3 * sd).max()
    return (float(low), float(high)) if high > low else (float(low) - 1, float(low) + 1)


def category_choices(codes: ItemCodes | None) -> list[Choice]:
    """List the choices of the one-hots in a code."""
    return [
        Choice(
            name or "category", where.start, where.stop, _entries_numbered(where.start, where.stop)
        )
        for name, where in ({} if codes is None else codes.categories).items()
    ]


def condition_controls(
    condition: Condition | None, schema: Schema, codes: ItemCodes | None
) -> list[Choice | Slider]:
    """List what moves a condition: its class, a level of each factor, or its attributes."""
    if condition is None:
        return []
    if condition.kind == "labels":
        return [Choice("class", 0, condition.width, _classes(schema, condition.width))]
    if condition.kind == "factors":
        return _factors(schema)
    known = None if codes is None or codes.conditions is None else codes.conditions.numpy()
    return [
        Slider(i, f"attribute {i}", *_span(None if known is None else known[:, i]))
        for i in range(condition.width)
    ]


def _classes(schema: Schema, width: int) -> list[tuple[int, str]]:
    """Name the classes that training had, by number where they have no names."""
    seen, names = range(width) if schema.classes is None else schema.classes, schema.label_names
    return [(k, names[k] if k < len(names) else str(k)) for k in seen]


def _factors(schema: Schema) -> list[Choice | Slider]:
    factors = schema.factors or {}
    return [
        Choice(name, at.start, at.stop, _entries_numbered(at.start, at.stop))
        for name, at in zip(factors, spans(factors.values()), strict=True)
    ]


def _entries_numbered(start: int, stop: int) -> list[tuple[int, str]]:
    return [(entry, str(entry - start)) for entry in range(start, stop)]


def _span(values: np.ndarray | None) -> tuple[float, float]:
    if values is None or values.min() == values.max():
        return _RANGE
    return float(values.min()), float(values.max())
