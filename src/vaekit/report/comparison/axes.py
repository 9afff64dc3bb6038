"""Settings as axes: the number that a setting holds, and the series of groups along it.

A setting is a number, a schedule (which counts as its end), or the text of a part in which one
number differs: `gaussian(sigma=0.1)` beside `gaussian(sigma=0.3)` is an axis of sigma.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vaekit.errors import VaekitError
from vaekit.report.comparison.differences import as_number, labels
from vaekit.report.comparison.groups import Group
from vaekit.schedules import Schedule, weight
from vaekit.text import parse


@dataclass(frozen=True)
class Series:
    """Hold groups that differ in one setting only, by their places, with their values of it."""

    name: str
    places: list[int]
    values: list[float]


@dataclass(frozen=True)
class Axis:
    """Hold a setting that varies, and its series: those of two values or more come first."""

    name: str
    series: list[Series]


def axes_of(groups: Sequence[Group], keys: Sequence[str]) -> list[Axis]:
    """Find the settings among `keys` along which groups differ in nothing else."""
    axes = []
    for key in keys:
        read = as_numbers([group.settings.get(key) for group in groups])
        if read is None:
            continue
        suffix, values = read
        series = series_of(groups, values, [k for k in keys if k != key])
        if any(len(set(each.values)) > 1 for each in series):
            axes.append(Axis(key + suffix, series))
    return axes


def series_of(
    groups: Sequence[Group], values: Sequence[float | None], rest: Sequence[str]
) -> list[Series]:
    """Gather groups that agree in `rest` into series, each in the order of their values."""
    alike: dict[Any, list[int]] = {}
    for place, group in enumerate(groups):
        if values[place] is not None:
            same = tuple(repr(as_number(group.settings.get(key))) for key in rest)
            alike.setdefault(same, []).append(place)
    series = []
    names = labels([groups[places[0]].settings for places in alike.values()], rest)
    for name, places in zip(names, alike.values(), strict=True):
        ordered = sorted(places, key=lambda i: values[i] or 0.0)
        series.append(Series(name, ordered, [float(values[i] or 0.0) for i in ordered]))
    return sorted(series, key=lambda each: len(set(each.values)) < 2)


def as_numbers(settings: Sequence[Any]) -> tuple[str, list[float | None]] | None:
    """Read settings as numbers, None where there is none; or None where they are no numbers.

    What comes before the numbers is the part of a text that they were read from: " sigma".
    """
    given = [value for value in settings if value is not None]
    ends = [_end(value) for value in given]
    if given and None not in ends:
        return "", [None if value is None else _end(value) for value in settings]
    parts = [_arguments(value) for value in given]
    if not parts or any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if len({part["name"] for part in known}) > 1 or len({tuple(part) for part in known}) > 1:
        return None
    differing = [key for key in known[0] if len({repr(part[key]) for part in known}) > 1]
    if len(differing) != 1 or not all(_is_number(part[differing[0]]) for part in known):
        return None
    told = iter(float(part[differing[0]]) for part in known)
    suffix = "" if differing[0].isdigit() else f" {differing[0]}"
    return suffix, [None if value is None else next(told) for value in settings]


def _end(value: Any) -> float | None:
    number = as_number(value)
    if isinstance(number, float):
        return number
    try:
        made = weight(value) if isinstance(value, str) else None
    except VaekitError:
        return None
    return made.end if isinstance(made, Schedule) else made


def _arguments(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, str):
        return None
    try:
        name, positional, named = parse(value)
    except VaekitError:
        return None
    return {"name": name, **{str(i): v for i, v in enumerate(positional)}, **named}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
