"""What a study will take: its runs in a table, and time and disk from one timed run of a recipe."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean

from vaekit import information, recipes
from vaekit.errors import VaekitError
from vaekit.study import store
from vaekit.study.names import DIGITS
from vaekit.study.plan import Plan, Planned, setting_of
from vaekit.study.task import check_scores, sets_of
from vaekit.study.words import axis_in_words
from vaekit.system import files
from vaekit.training import Fit
from vaekit.training.fabric import threads
from vaekit.training.state import save_weights

_MOST_ROWS = 20  # rows of the list
_WARM, _TIMED = 5, 2.0  # steps before the clock, seconds on it
_BESIDE_WEIGHTS = 60_000  # bytes of a run beside its weights: curve, numbers, what decides it


def listed_runs(plan: Plan) -> str:
    """Return the runs of a plan as a table: what varies, and how many seeds of each."""
    if plan.search:
        space = {name: axis_in_words(axis) for name, axis in plan.search.space.items()}
        axes = {"setting": "searched in", **space}
        return "\n".join(f"{name:<{max(map(len, axes))}}  {axis}" for name, axis in axes.items())
    names = [name for name in plan.varied if name != "seed"]
    counts = Counter(tuple(str(setting_of(run, name)) for name in names) for run in plan.runs)
    rows = [(*names, "runs"), *((*values, str(count)) for values, count in counts.items())]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)) for row in rows]
    more = [f"... and {len(lines) - 1 - _MOST_ROWS} more"] if len(lines) - 1 > _MOST_ROWS else []
    return "\n".join([line.rstrip() for line in lines[: _MOST_ROWS + 1]] + more)


def cost(plan: Plan, slots: int, out: Path | str | None) -> Iterator[str]:
    """Yield lines that say what is left of a plan and what it takes, one run of each recipe timed.

    Raises `VaekitError` where such a run cannot be trained.
    """
    folder = None if out is None else files.place(out, "the folder of a study")
    rows = store.rows(folder) if folder is not None and store.is_study(folder) else {}
    done = {name[-DIGITS:] for name, row in rows.items() if row["state"] == "finished"}
    left = [run for run in plan.runs if run.mark not in done]
    recipes_left = Counter(run.config.recipe for run in left)
    if plan.search:  # whose trials are runs like the one that is planned
        left = list(plan.runs)
        recipes_left = Counter({left[0].config.recipe: max(0, plan.count - len(done))})
    yield f"{plan.count} runs, {recipes_left.total()} of them left"
    seconds, size = 0.0, 0
    for recipe, count in (+recipes_left).items():
        of = [run for run in left if run.config.recipe == recipe]
        check_scores(plan.evaluate, of[0].config, sets_of(of[0].config)[0])
        step, judging, weights, steps = _timed(of[0])
        scale = mean(run.config.training.epochs for run in of) / of[0].config.training.epochs
        each = step * steps * scale + judging
        seconds, size = seconds + each * count, size + (weights + _BESIDE_WEIGHTS) * count
        yield f"{recipe}: {each:.0f} s a run ({1e3 * step:.1f} ms a step, judging {judging:.0f} s)"
    if recipes_left.total():
        hours = seconds / max(1, min(slots, recipes_left.total()))
        yield f"about {time_in_words(hours)} on {slots} workers, {size / 2**20:,.0f} MiB of disk"


def _timed(run: Planned) -> tuple[float, float, int, int]:
    """Return seconds of a step and of judging, bytes of the weights, and steps of a run."""
    config = run.config
    try:
        train, test = config.parted(sets_of(config)[0])[0]
        arguments = recipes.find(config.recipe).complete(config.arguments, train)
        system = replace(config, arguments=arguments).build(train.shape)
        settings = replace(config.training, validate_every=None, patience=None, keep="last")
        settings = replace(settings, watch="objective", threads=settings.threads or 1)
        fit = Fit(system.model, system.objective, train, settings)
        walk = iter(fit)
        for _ in islice(walk, _WARM):
            pass
        begin, steps = time.perf_counter(), 0
        while time.perf_counter() - begin < _TIMED and next(walk, None) is not None:
            steps += 1
        step = (time.perf_counter() - begin) / max(1, steps)
    except VaekitError as error:
        raise VaekitError(f"{run.name}: {error}") from None
    with threads(1):
        begin = time.perf_counter()
        information.evaluate(system.model.eval(), test, 10_000)
        judging = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights"
        save_weights(system.model, path, 0, {})
        return step, judging, path.stat().st_size, fit.steps


def time_in_words(seconds: float) -> str:
    """Say a time as people do: 40 s, 12 min, 3.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
