"""Runs side by side: which of them repeat one experiment, and what differs between experiments.

Runs are repeats where all that decides them is equal but the seed. A group of n repeats has

    mean              m = Σ_i x_i / n
    standard error    √(Σ_i (x_i − m)² / (n − 1)) / √n      over seeds

With n = 1 the standard error is that of the one run, over its examples or draws (of accuracies from
few labels over draws of those too), which says nothing of what another seed would have given.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.report.comparison.differences import (
    RunSettings,
    as_number,
    differing,
    identity,
    settings,
)
from vaekit.report.rendering import data_name
from vaekit.runs import Run

FIRST = ("elbo", "rate", "distortion", "squared_error", "active_units", "normal_variance_units")


@dataclass(frozen=True)
class Value:
    """Hold a mean over `n` runs with its standard error: over runs, or over examples for n = 1."""

    value: float
    se: float | None
    n: int


@dataclass(frozen=True)
class Entry:
    """Hold a run with its settings, all but the seed, and the numbers of its metrics.json.

    `data` names the test items: equal for runs that were judged on the same ones. `test` holds
    them, None where they could not be read.
    """

    run: Run
    settings: RunSettings
    numbers: Mapping[str, Mapping[str, Any]]
    data: str
    test: Dataset | None

    @property
    def seed(self) -> int:
        """Return the seed of the training."""
        return self.run.config.training.seed


@dataclass(frozen=True)
class Group:
    """Hold runs that differ in nothing but the seed, in the order of their seeds."""

    entries: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        """Return the run of the least seed, which stands for all in pictures."""
        return self.entries[0]

    @property
    def settings(self) -> RunSettings:
        """Return what the runs share."""
        return self.first.settings

    def number(self, name: str) -> Value | None:
        """Average a number of metrics.json over the runs that have it; None where none has."""
        kept = self._finite(name, "value")
        errors = [each.get("se") for each in kept]
        return over_runs([float(each["value"]) for each in kept], errors)

    def shuffled(self, name: str) -> Value | None:
        """Average what a score is of shuffled factors, its bias; None where that is not known."""
        kept = self._finite(name, "shuffled")
        return over_runs([float(each["shuffled"]) for each in kept], [None] * len(kept))

    def _finite(self, name: str, key: str) -> list[Mapping[str, Any]]:
        numbers = [entry.numbers[name] for entry in self.entries if name in entry.numbers]
        return [each for each in numbers if _is_finite(each.get(key))]

    @cached_property
    def names(self) -> list[str]:
        """Name the numbers that any of the runs has, in the order of metrics.json."""
        return list(dict.fromkeys(name for entry in self.entries for name in entry.numbers))


def names_of(groups: Sequence[Group]) -> list[str]:
    """Name the numbers that any group has, the usual ones first."""
    every = dict.fromkeys(name for group in groups for name in group.names)
    return [*(n for n in FIRST if n in every), *(n for n in every if n not in FIRST)]


def over_runs(values: Sequence[float], errors: Sequence[Any]) -> Value | None:
    """Average values over runs; `errors` over examples serve where there is one run only."""
    n = len(values)
    if not n:
        return None
    if n > 1:
        return Value(float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(n)), n)
    return Value(values[0], float(errors[0]) if _is_finite(errors[0]) else None, 1)


def _is_finite(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)


# ---- reading runs


def gather(runs: Sequence[Run]) -> tuple[list[Entry], list[str]]:
    """Read what the table needs of each run, and say in notes what was left out and why.

    Left out are folders given twice, copies (equal settings and seed) and runs without weights.
    Raises `VaekitError` where a run.yaml is damaged.
    """
    shelf, notes = Shelf(), list[str]()
    entries: dict[Any, list[Entry]] = {}
    folders: set[Any] = set()
    for run in runs:
        where = run.folder.resolve()
        if where in folders:
            notes.append(f"{run.folder} was given twice and counts once.")
            continue
        folders.add(where)
        try:
            _ = run.weights
        except VaekitError as error:
            notes.append(f"Left out: {error}.")
            continue
        entry = _entry(run, shelf)
        entries.setdefault((identity(entry.settings), entry.seed), []).append(entry)
    kept = [
        next(filter(_sound, some), some[0]) if some[1:] else some[0] for some in entries.values()
    ]
    for one, some in zip(kept, entries.values(), strict=True):
        notes += [
            f"{entry.run.folder} has the settings and the seed of {one.run.folder}: the two are "
            "one run and count once."
            for entry in some
            if entry is not one
        ]
    return kept, [*notes, *shelf.notes]


def _sound(entry: Entry) -> bool:
    """Say whether a run's weights can be read; generators are left as they were."""
    try:
        with torch.random.fork_rng(range(torch.cuda.device_count())):
            _ = Run(entry.run.folder).system
    except VaekitError:
        return False
    return True


def _entry(run: Run, shelf: "Shelf") -> Entry:
    test, key = shelf.test(run)
    return Entry(run, settings(run, key), run.metrics, key, test)


class Shelf:
    """Load each data set once, however many runs share it, and hand it to all of them."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._seen: dict[Any, tuple[Any, str, str]] = {}

    def test(self, run: Run) -> tuple[Dataset | None, str]:
        """Return the run's test items and a key that equal items share.

        Where they cannot be read a note says why, and the key is what run.yaml says of them.
        """
        config = run.config
        said = f"{config.data} {config.holdout} {config.data_checksum}"
        place = config.data, config.holdout, config.data_dir
        if place not in self._seen:
            self._seen[place] = self._load(run)
        splits, checksum, key = self._seen[place]
        if splits is None or config.data_checksum not in (None, checksum):
            self._note(run, key if splits is None else "they have changed since it was trained")
            return None, said
        run.splits = splits
        return splits.test, key

    def _load(self, run: Run) -> tuple[Any, str, str]:
        try:
            splits = run.__dict__.get("splits") or run.config.load_data()
        except VaekitError as error:
            return None, "", str(error)
        return splits, splits.train.checksum(), splits.test.checksum()

    def _note(self, run: Run, why: str) -> None:
        name = data_name(run.config.data)
        note = f"The data {name} are not at hand, so pictures of their runs are left out: {why}."
        if note not in self.notes:
            self.notes.append(note)


# ---- grouping


def grouped(entries: Sequence[Entry]) -> list[Group]:
    """Group repeats; groups follow recipes as they came, within one the values of what differs."""
    alike: dict[Any, list[Entry]] = {}
    for entry in entries:
        alike.setdefault(identity(entry.settings), []).append(entry)
    groups = [Group(tuple(sorted(each, key=lambda e: e.seed))) for each in alike.values()]
    recipes = list(dict.fromkeys(group.settings["recipe"] for group in groups))
    keys = [key for key in differing([group.settings for group in groups]) if key != "recipe"]

    def place(group: Group) -> Any:
        values = [_rank(group.settings.get(key)) for key in keys]
        return recipes.index(group.settings["recipe"]), values

    return sorted(groups, key=place)


def _rank(value: Any) -> tuple[int, float, str]:
    known = as_number(value)
    return (0, known, "") if isinstance(known, float) else (1, 0.0, str(known))
