"""Choosing a model: without labels, beside what labels would have chosen.

Of the finished runs of a data set, a criterion chooses the one that it puts first. What that run
has in a score with labels is compared with the best of all runs and with a run chosen at random,
whose score is the mean m over runs:

    regret = |best − chosen|,    regret of chance = |best − m|.

Where a criterion puts several runs first, the score is the mean over them. A score chooses itself
without regret; how well it chooses for *another* score is what its row says. The best is of the
same runs, so it is optimistic: it includes their luck.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.report import tables
from vaekit.study.analysis.layout import (
    by_data,
    needs_labels,
    number_names,
    obstacle,
    repeats,
    values_of,
    with_settings,
)

if TYPE_CHECKING:
    import polars as pl


def choices(table: "pl.DataFrame", udr: Mapping[str, float] | None = None) -> "pl.DataFrame":
    """Choose a run of each data set by each criterion, and say what it gets in scores of labels.

    Criteria are `udr` (by run, where it is given), `elbo`, and each score with labels. A row for
    each data set, criterion and score: `data`, `criterion`, `labels` (whether it needs them), `run`
    and `setting` chosen, `ties` (runs put first), `candidates`, `score`, `value`, `best`, `random`,
    `regret`, `random_regret`, `why` where a criterion can choose none, its `run` then null. Where
    there are no scores with labels, `score` is null, one row a criterion. Raises as `summary` does.
    """
    import polars as pl

    table = with_settings(table)
    names = number_names(table)
    scores = [name for name in names if needs_labels(name)]
    runs = table["run"].to_list()
    criteria = {n: (values_of(table, n), _direction(n)) for n in ("elbo", *scores) if n in names}
    if udr:
        values = np.array([float(udr.get(run, np.nan)) for run in runs])
        finished = (table["state"] == "finished").fill_null(False).to_numpy()
        criteria = {"udr": (np.where(finished, values, np.nan), 1), **criteria}
    rows: list[dict[str, Any]] = []
    for data, part in by_data(repeats(table)).items():
        place = np.concatenate([group.rows for group in part])
        setting = {int(row): group.setting for group in part for row in group.rows}
        for criterion, (values, sign) in criteria.items():
            own = place[np.isfinite(values[place])]
            why = (
                "none has it"
                if not len(own)
                else obstacle(table, criterion, own)
                if criterion != "udr"
                else ""
            )
            first = own if why else own[sign * values[own] == (sign * values[own]).max()]
            about = {
                **{"data": data, "criterion": criterion, "labels": criterion in scores},
                "run": None if why else runs[first[0]],
                "setting": None if why else setting[int(first[0])],
                **{"ties": 0 if why else len(first), "candidates": len(own), "why": why},
            }
            for score in scores or [None]:
                got = {} if score is None or why else _regret(criteria[score], first, place)
                rows.append({**about, "score": score, **got})
    text = ("data", "criterion", "run", "setting", "why", "score")
    numbers = ("value", "best", "random", "regret", "random_regret")
    kinds: dict[str, Any] = {**dict.fromkeys(text, pl.String), "labels": pl.Boolean}
    kinds |= {"ties": pl.Int64, "candidates": pl.Int64, **dict.fromkeys(numbers, pl.Float64)}
    return pl.DataFrame(rows, schema=kinds)


def _direction(name: str) -> int:
    return 1 if tables.better(name) == "higher" else -1


def _regret(score: tuple[np.ndarray, int], chosen: np.ndarray, place: np.ndarray) -> dict[str, Any]:
    """Return what runs get in a score, beside the best and the mean of all that have it."""
    values, sign = score
    known, own = values[place], values[chosen]
    known, own = known[np.isfinite(known)], own[np.isfinite(own)]
    if not len(known):
        return {}
    best, mean = sign * float((sign * known).max()), float(known.mean())
    about = {"best": best, "random": mean, "random_regret": abs(best - mean)}
    value = float(own.mean()) if len(own) else None
    return {**about, "value": value, "regret": None if value is None else abs(best - value)}
