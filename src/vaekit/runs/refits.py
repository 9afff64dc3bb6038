"""Refit a run: other noise models on its networks, their bounds into refits.json.

What a noise gains is its bound less that of the noise as trained, of the same held-out examples;
its error is that of the difference at common codes. How many components a mixture needs is read
there too: the fewest that lie within a standard error of the best.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vaekit import information as measure
from vaekit.arguments import check
from vaekit.errors import VaekitError
from vaekit.information.rates import mean_number
from vaekit.likelihoods.mixture import MOST_COMPONENTS
from vaekit.runs import results
from vaekit.runs.results import Results, Say, silent

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

_MASS = (
    "this likelihood is a probability (a Bernoulli's of black or white, of a grey the mean of its "
    "log), the others are densities, which can exceed 1: the two are not comparable"
)
_ALIKE = 0.01  # nats, by which EM may end apart
_GAIN = "its bound less that of the noise as trained, error of the difference at common codes"


def refit_run(
    run: "Run",
    noise: Sequence[str] = ("gaussian", "mixture(2)"),
    n: int = 10_000,
    verbose: bool = False,
    components: int | None = None,
) -> Results:
    """Fit other noise models to the run's residuals, write refits.json, and return the bounds.

    The networks stay, the noise is fitted to the residuals of the training data. Returns, by the
    name of the noise and first for that of the training, the ELBO on up to `n` held-out examples
    in nats, or the distortion of a model without a prior, the parameters of the noise, and what it
    gains. `chosen` is true of the fewest components within a standard error of the best, earlier
    refits of the same weights and examples among them. With `components` mixtures of 2 up to so
    many are fitted too. `verbose` prints what is dropped of earlier refits. Raises `VaekitError`
    for components < 2, and as `information.refit` does.
    """
    noise = [*([noise] if isinstance(noise, str) else noise), *_up_to(components)]
    own = f"{run.config.arguments.get('likelihood', run.config.recipe)} (as trained)"
    models = {own: run.model}
    for name in dict.fromkeys(noise):
        models[name] = measure.refit(run.model, run.data.train, name)
    rows: Results = {}
    for name, model in models.items():
        numbers = measure.evaluate(model, run.data.test, n)
        key = bound_of(numbers)
        bound = {**numbers[key], **run.stamp.as_dict()}
        rows[name] = {key: bound, "noise": model.likelihood.noise()}
        note = "; ".join(filter(None, (model.likelihood.settled, model.likelihood.warning())))
        if name != own and note:
            rows[name]["note"] = note
    path = run.folder / results.REFITS
    before = _comparable(results.read_results(path), own, rows, silent)
    earlier = {
        name: row
        for name, row in before.items()
        if name not in rows and row["noise"] and None not in row["noise"].values()
    }
    models |= {name: measure.with_noise(run.model, row["noise"]) for name, row in earlier.items()}
    gains = measure.noise_gains(run.model, models, run.data.test, n)
    if run.model.likelihood.measure != "density":
        rows[own]["note"] = _MASS
    else:
        _add_gains(rows, own, gains)
    best = _fewest({name: gain for name, gain in gains.items() if name != own}, models)
    if best is not None:
        rows[best] = {**(rows | earlier)[best], "chosen": True}
    say = print if verbose else silent
    results.merge(path, rows, lambda old: _comparable(old, own, rows, say))
    return rows


def _add_gains(rows: Results, own: str, gains: dict[str, Tensor]) -> None:
    """Add to every row but that of the training what it gains, with the error of the difference."""
    key = bound_of(rows[own])
    sign = 1 if key == "elbo" else -1
    for name in rows.keys() - {own}:
        number = asdict(mean_number(gains[name], _GAIN))
        values = rows[name][key]["value"], rows[own][key]["value"]
        if None not in values:
            number["value"] = sign * (values[0] - values[1])
        rows[name]["gain"] = number


def _up_to(components: int | None) -> list[str]:
    if components is None:
        return []
    check("components", components, int, 5)
    if not 2 <= components <= MOST_COMPONENTS:
        raise VaekitError(
            f"components, of the largest mixture, must be 2 to {MOST_COMPONENTS}, got {components}"
        )
    return [f"mixture({k})" for k in range(2, components + 1)]


def _fewest(gains: dict[str, Tensor], models: dict[str, Any]) -> str | None:
    """Name the noise of the fewest components within a standard error of the best; None for one."""
    if len(gains) < 2:
        return None
    best = max(gains, key=lambda name: float(gains[name].mean()))

    def near(name: str) -> bool:
        lost = gains[best] - gains[name]
        error = float(lost.std()) / math.sqrt(len(lost)) if len(lost) > 1 else 0.0
        return float(lost.mean()) <= max(error, _ALIKE)

    return min(
        (name for name in gains if near(name)),
        key=lambda name: getattr(models[name].likelihood, "components", 1),
    )


def bound_of(row: Results) -> str:
    """Name the number that noise models are compared by: the ELBO, without a prior distortion."""
    return "elbo" if "elbo" in row else "distortion"


def _comparable(old: Results, own: str, rows: Results, say: Say) -> Results:
    """Return earlier rows where they are of the same weights and examples; say what is dropped."""
    names = [name for name in old if name not in rows]
    if not names:
        return {}
    if results.agree(old.get(own, {}), rows[own], bound_of(rows[own])):
        return {name: {k: v for k, v in row.items() if k != "chosen"} for name, row in old.items()}
    say(f"dropped, as of other weights or examples: {', '.join(names)}")
    return {}
