"""What a comparison reads from the model of a run, beyond its metrics.json."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.apply import condition_of, reconstruct
from vaekit.data import Dataset
from vaekit.data.border import evenly_spaced
from vaekit.errors import VaekitError
from vaekit.information import indicators
from vaekit.information.noise import noise_of, rate_weight
from vaekit.model import Model
from vaekit.recipes import System
from vaekit.report.comparison.groups import Entry

INDICATORS = ("aggregate_kl_gaussian", "normal_variance_units", "influential_units")
MOST_ITEMS = 10_000


@dataclass(frozen=True)
class Reading:
    """Hold what the model of one run says, each part None where it has no such thing.

    `measure` says what its log-likelihoods are of, `noise` the kind of Gaussian noise, `normalised`
    is β·σ²; `indicators` are value and standard error by name; `images` (n, *shape)
    the mean of p(x|z) at the mean codes of the test items that were asked for. `trouble` says why
    there are none.
    """

    measure: str | None = None
    noise: str | None = None
    normalised: float | None = None
    indicators: dict[str, tuple[float, float | None]] | None = None
    images: Tensor | None = None
    trouble: str = ""


def read_model(entry: Entry, items: Dataset | None) -> Reading:
    """Read the model of a run, and what it makes of test items of its shape."""
    loaded = "system" in entry.run.__dict__
    try:
        system = entry.run.system
        noise, normalised = _noise(system)
        return Reading(
            _measure_name(system.model),
            noise,
            normalised,
            None if normalised is None else _indicators(system, entry),
            *_images(system, items),
        )
    except VaekitError as error:
        return Reading(trouble=str(error))
    finally:
        if not loaded:  # forty models are not held at once
            entry.run.__dict__.pop("system", None)


def _measure_name(model: Model) -> str:
    of = model.likelihood.measure
    of = f"{of} of x" if of == "density" else of
    return of if model.condition is None else f"{of} given c"


# ---- noise


def _noise(system: System) -> tuple[str | None, float | None]:
    kind, variance = noise_of(system.model.likelihood)
    beta = rate_weight(system.objective)
    return kind, None if variance is None or beta is None else beta * variance


def _indicators(system: System, entry: Entry) -> dict[str, tuple[float, float | None]] | None:
    told = {name: entry.numbers.get(name, {}) for name in INDICATORS}
    if all(each.get("split") == "test" and each.get("value") is not None for each in told.values()):
        return {name: (float(each["value"]), each.get("se")) for name, each in told.items()}
    if entry.test is None:
        return None
    try:
        numbers = indicators(system.model, entry.test, MOST_ITEMS).numbers()
    except VaekitError:  # no Gaussian code, or another prior
        return None
    return {name: (float(numbers[name].value), numbers[name].se) for name in INDICATORS}


# ---- pictures


def items_of(test: Dataset, count: int) -> Dataset:
    """Choose up to `count` items of a set, at equal distances through it."""
    return test.subset(evenly_spaced(len(test), count))


def _images(system: System, items: Dataset | None) -> tuple[Tensor | None, str]:
    if items is None:
        return None, "other shapes"
    model, rows = system.model, torch.arange(len(items))
    try:
        return reconstruct(model, items.batch(rows), condition_of(model, items, rows)), ""
    except VaekitError as error:
        return None, str(error)
