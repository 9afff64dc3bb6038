"""What differs between runs: their settings, compared by what they mean and not by spelling.

A setting that only some recipes have, and that stands at its default wherever it exists, follows
from the recipe, so it tells nothing that the recipe does not.
"""

import inspect
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vaekit import recipes
from vaekit.report import tables
from vaekit.report.rendering import data_name
from vaekit.runs import Run

RunSettings = dict[str, Any]


def settings(run: Run, data: str = "") -> RunSettings:
    """Return all that decides a run but its seed and device, by name; `data` tells sets apart."""
    config = run.config
    training = asdict(config.training)
    del training["seed"], training["device"]
    own = config.completed()
    clash = {f"training {k}" if k in own else k: v for k, v in training.items()}
    given = {"data": data_name(config.data), "data sha256": data[:8], "holdout": config.holdout}
    every = {"recipe": config.recipe, **own, **given, **clash, "state": tables.state(config)}
    return {name.replace("_", " "): value for name, value in every.items()}


def identity(given: RunSettings) -> tuple[Any, ...]:
    """Return settings as something to compare: equal for 4, 4.0 and '4', whatever the order."""
    return tuple(sorted((name, repr(as_number(value))) for name, value in given.items()))


def as_number(value: Any) -> Any:
    """Read a number, also one written as text, as a float; leave other values as they are."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    try:
        return float(value)
    except ValueError:
        return " ".join(value.split()) if isinstance(value, str) else value


def differing(every: Sequence[RunSettings]) -> list[str]:
    """Name the settings that differ, but those that follow from the recipe."""
    varied = []
    for name in dict.fromkeys(name for each in every for name in each):
        having = [each for each in every if name in each]
        values = {repr(as_number(each[name])) for each in having}
        chosen = len(having) < len(every) and not all(_at_default(each, name) for each in having)
        if len(values) > 1 or chosen:
            varied.append(name)
    names = {each["data"] for each in every}
    shas = {(each["data"], each["data sha256"]) for each in every}
    if len(shas) == len(names) and "data sha256" in varied:  # the name alone tells sets apart
        varied.remove("data sha256")
    return varied


def _at_default(given: RunSettings, name: str) -> bool:
    known = inspect.signature(recipes.find(given["recipe"]).make).parameters
    own = known.get(name.replace(" ", "_"))
    return own is not None and repr(as_number(own.default)) == repr(as_number(given[name]))


def own(every: Sequence[RunSettings]) -> dict[str, RunSettings]:
    """Return by recipe the settings that follow from it, which not all have."""
    told, by_recipe = set(differing(every)), dict[str, RunSettings]()
    for each in every:
        lone = {
            name: value
            for name, value in each.items()
            if name not in told and any(name not in other for other in every)
        }
        by_recipe |= {str(each["recipe"]): lone} if lone else {}
    return by_recipe


def common(every: Sequence[RunSettings]) -> RunSettings:
    """Return the settings that all have and share."""
    told = {*differing(every), "data sha256"}
    shared = set.intersection(*(set(each) for each in every)) - told
    return {name: value for name, value in every[0].items() if name in shared}


def labels(settings: Sequence[RunSettings], keys: Sequence[str]) -> list[str]:
    """Name each of several settings apart from the others, in as few words as that takes.

    Of the `keys` in which they differ, recipe and data are always said, then what tells most apart.
    """
    told = [key for key in ("recipe", "data") if key in keys]
    rows = [{key: repr(as_number(given.get(key))) for key in keys} for given in settings]

    def apart(chosen: Sequence[str]) -> int:
        return len({tuple(row[key] for key in chosen) for row in rows})

    while apart(told) < apart(keys):
        told.append(max((k for k in keys if k not in told), key=lambda k: apart([*told, k])))
    ordered = [key for key in keys if key in told]
    return [label(given, ordered) for given in settings]


def label(given: RunSettings, keys: Sequence[str]) -> str:
    """Say a group in the words of what differs: `beta_vae · beta 4 · latent 10`."""
    bare = ("recipe", "data", "state", "network", "likelihood")
    parts = [
        tables.text(given[key]) if key in bare else f"{key} {tables.text(given[key])}"
        for key in keys
        if key in given
    ]
    return " · ".join(parts)
