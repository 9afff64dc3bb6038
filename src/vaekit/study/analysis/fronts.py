"""Trade-offs: which settings no other beats in both of two numbers.

A setting is on the front where no other has means that are as good in both numbers and better in
one. Means of few seeds are uncertain, and so is the front: beside it stands in how many of the
bootstrap's resamples, of the seeds of every setting, a setting is on it.
"""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vaekit.errors import VaekitError
from vaekit.report import tables
from vaekit.report.comparison.groups import over_runs
from vaekit.study.analysis.layout import (
    by_data,
    needs_labels,
    number_names,
    obstacle,
    repeats,
    values_of,
    with_settings,
)
from vaekit.study.analysis.summaries import RESAMPLES, resampled_counts

if TYPE_CHECKING:
    import polars as pl

Way = Literal["higher", "lower"]
_ENTRIES_AT_ONCE = 2**22  # entries compared at a time


def on_front(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Say which of points with coordinates (..., G), lower is better, are on the Pareto front.

    Points that coincide are on it together; a NaN is on none.
    """
    known = np.isfinite(x) & np.isfinite(y)
    as_good = (x[..., None] <= x[..., None, :]) & (y[..., None] <= y[..., None, :])
    better = (x[..., None] < x[..., None, :]) | (y[..., None] < y[..., None, :])
    return known & ~(as_good & better).any(-2)


def way_of(name: str) -> Way:
    """Return which way a number is better; a rate is a cost. Raises where it is no merit."""
    better = "lower" if name == "rate" else tables.better(name)
    if not better:
        raise VaekitError(f"{name} is no merit in itself, so it has no trade-off")
    return "higher" if better == "higher" else "lower"


def usual_pair(table: "pl.DataFrame") -> tuple[str, str] | None:
    """Choose two numbers to trade: a score of labels for distortion, else error for rate, (y, x).

    Squared error stands in where distortions have no common scale. None where too few are there.
    """
    names = number_names(table)
    rows = np.arange(len(table))
    of_noise = [n for n in ("distortion", "squared_error") if n in names]
    fit = [n for n in of_noise if not obstacle(table, n, rows)]
    score = next((name for name in names if needs_labels(name)), None)
    if score is not None and fit:
        return score, fit[0]
    error = next((n for n in ("squared_error", "distortion", "elbo") if n in names), None)
    return (error, "rate") if error is not None and "rate" in names else None


def front(
    table: "pl.DataFrame", y: str, x: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> "pl.DataFrame":
    """Find the settings that no other beats in both numbers: a row for each data set and setting.

    Columns: `data`, `recipe`, `setting`, `strength`, `x`, `x_se`, `y`, `y_se` (means over the runs
    that have both, and standard errors), `n`, `on_front`, and `support`, the share of resamples in
    which it is on the front. Raises as `summary` does, and for a number that is no merit in itself.
    """
    import polars as pl

    table = with_settings(table)
    every = [values_of(table, name) for name in (x, y)]
    signs = [1 if way_of(name) == "lower" else -1 for name in (x, y)]
    if x == y:
        raise VaekitError(f"a trade-off is of two numbers, and {x} is named twice")
    errors = [
        values_of(table, f"{n}.se") if f"{n}.se" in table.columns else np.full(len(table), np.nan)
        for n in (x, y)
    ]
    both = np.isfinite(every[0]) & np.isfinite(every[1])
    rng, rows = np.random.default_rng(seed), list[dict[str, Any]]()
    for part in by_data(repeats(table)).values():
        drawn = np.full((2, resamples, len(part)), np.nan)
        means = np.full((2, len(part)), np.nan)
        own_rows = []
        for i, group in enumerate(part):
            own = group.rows[both[group.rows]]
            about: dict[str, Any] = {"data": group.data, "recipe": group.recipe}
            about |= {"setting": group.setting, "strength": group.strength, "n": len(own)}
            if len(own):
                counts = resampled_counts(len(own), resamples, rng)
                for k, name in enumerate(("x", "y")):
                    value = over_runs(every[k][own].tolist(), errors[k][own].tolist())
                    assert value is not None
                    about |= {name: value.value, f"{name}_se": value.se}
                    means[k, i] = signs[k] * value.value
                    drawn[k, :, i] = signs[k] * (counts @ every[k][own] / len(own))
            own_rows.append(about)
        exact = on_front(*means)
        step = max(1, _ENTRIES_AT_ONCE // len(part) ** 2)
        share = np.concatenate(
            [on_front(*drawn[:, first : first + step]) for first in range(0, resamples, step)]
        ).mean(0)
        for about, yes, support in zip(own_rows, exact, share, strict=True):
            rows.append({**about, "on_front": bool(yes), "support": float(support)})
    numbers = ("strength", "x", "x_se", "y", "y_se", "support")
    text = dict.fromkeys(("data", "recipe", "setting"), pl.String)
    kinds = {**text, **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(rows, schema={**kinds, "n": pl.Int64, "on_front": pl.Boolean})
