"""Make a study: what is left of its runs, on an engine, into one folder.

A run that is finished and judged as asked is skipped, one that was interrupted goes on from its
checkpoint, and one that failed stays as it is unless asked for again. So the same call goes on
where it was stopped or killed. One process at a time works in a folder.
"""

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.errors import VaekitError, warn
from vaekit.runs.place import LOCK
from vaekit.study import store
from vaekit.study.engines import Engine, Here
from vaekit.study.names import DIGITS
from vaekit.study.plan import Plan, Planned, anywhere, check_spec, planned, read_study
from vaekit.study.search import Trials
from vaekit.study.task import Task, TaskRow, judging_text, run_task
from vaekit.system import files, locks, own_code, writing
from vaekit.system.stopping import Stopped

if TYPE_CHECKING:
    import polars as pl

RUNS = "runs"
_REASON = 300  # letters of a reason in a warning
_TABLES = 10.0  # seconds at least between writings of the tables


class Follower:
    """Follow a study: override what is of use."""

    def begin(self, plan: Plan, left: int, engine: Engine) -> None:
        """Take what is planned, how many runs are left, and where they are made."""

    def ended(self, row: TaskRow) -> None:
        """Take the row of a run that has ended."""

    def known(self, row: TaskRow) -> None:
        """Take the row of a run that a search asked for once more."""

    def end(self, rows: Mapping[str, TaskRow]) -> None:
        """Take all rows when nothing is left; warns of runs that failed, now or before."""
        reasons = [row["reason"] for row in failures(rows)]
        if reasons:
            warn(
                f"{len(reasons)} of {len(rows)} runs failed, the first because of this: "
                f"{reasons[0][:_REASON]}. The column `reason` says why of each; again=True makes "
                "them anew"
            )


def failures(rows: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of the runs that failed, in the order in which they ended."""
    return [row for row in rows.values() if row["state"] in ("failed", "diverged")]


def run_study(
    spec: Mapping[str, Any] | Path | str,
    out: Path | str,
    engine: Engine | None = None,
    again: bool = False,
    follower: Follower | None = None,
) -> "pl.DataFrame":
    """Make the runs of a study that are left, and return the table of all that have ended.

        table = vaekit.study.run_study({"recipes": "beta_vae", "data": "digits", "seeds": "0:5",
                                  "grid": {"beta": [1, 4]}}, "studies/a")

    Args:
        spec: what the study is, as in `plan`: a mapping, or a file of YAML
        out: the folder of the study
        engine: where runs are made, `Here()`, `Processes(workers)` or `Dask(scheduler)`
        again: make runs once more that failed
        follower: is told of every run that ends; without one a warning names what failed

    Raises `VaekitError` for what is no study, settings that no recipe has, a folder that holds
    something else or another study, and one that another process works in.
    """
    with ExitStack() as stack:
        engine = stack.enter_context(engine or Here())  # closed also where the study is refused
        if isinstance(spec, str | Path):
            spec = read_study(files.place(spec, "a study file"))
        check_spec(spec, "the study")
        spec = _with_imports(spec)
        folder = files.place(out, "the folder of a study").absolute()
        plan, follower = planned(spec), follower or Follower()
        stack.enter_context(_held_study(folder, plan))
        stack.callback(engine.close)  # while the folder is held: runs that go on end first
        rows = store.rows(folder)
        plan = _as_named(plan, rows, folder)
        trials = _trials(plan, folder)
        store.write_spec(folder, anywhere(spec))
        if trials is None:
            left = [run for run in plan.runs if not _is_done(run, plan, rows, folder, again)]
            tasks = (task_of(run, plan, folder) for run in left)
            follower.begin(plan, len(left), engine)
        else:
            engine.ahead = 1
            tasks = _tried_runs(trials, plan, folder, rows, follower)
            follower.begin(plan, trials.left, engine)
        written = time.monotonic()
        try:
            for _, row in engine.run(tasks, run_task):
                if row["state"] == "interrupted":
                    raise Stopped(signal.SIGINT)
                store.append_row(folder, row)
                rows[row["run"]] = row
                if trials is not None:
                    trials.tell(row)
                follower.ended(row)
                if time.monotonic() - written > _TABLES:
                    store.write_tables(folder, rows)
                    written = time.monotonic()
        finally:
            table = store.write_tables(folder, rows)
        follower.end(rows)
    return table


def _with_imports(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a study is with the own code that was imported.

    Raises `VaekitError` where it was made with more of it.
    """
    wanted = spec.get("import") or ()
    names = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    lacking = own_code.missing_imports(names)
    if lacking:
        raise VaekitError(f"this study needs code of your own{lacking.replace('the run', 'it')}")
    return {**spec, **({"import": list(own_code.IMPORTED)} if own_code.IMPORTED else {})}


@contextmanager
def _held_study(folder: Path, plan: Plan) -> Iterator[None]:
    """Hold the folder of a study, which may be planned to be more than before.

    Raises `VaekitError` where it holds something else, or another process works there.
    """
    if folder.is_dir() and not store.is_study(folder):
        others = [path.name for path in folder.iterdir() if path.name != LOCK]
        if others:
            raise VaekitError(f"{folder} holds something else ({others[0]}): choose another --out")
    files.check_folder(folder)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    said = (
        f"another study ({{holder}}) works in {folder}: wait until it has ended, or choose another "
        "--out"
    )
    with locks.locked(folder / LOCK, said=said):
        if store.is_study(folder):
            _check_same(folder, plan)
        yield


def _check_same(folder: Path, plan: Plan) -> None:
    """Raise `VaekitError` where a folder holds a study that has other runs than the plan.

    A search goes on for the same number; Optuna takes other bounds of a setting, but no other
    values to choose from.
    """
    marks, before = {run.mark for run in plan.runs}, planned(store.read_spec(folder))
    if plan.search and before.search and (why := plan.search.other_than(before.search)):
        raise VaekitError(
            f"{folder} holds a search that {why}: keep to it, or choose another --out"
        )
    missing = [r.name for r in before.runs if r.mark not in marks]
    if missing:
        raise VaekitError(
            f"{folder} holds another study, of which {len(missing)} runs are not in this one, such "
            f"as {missing[0]}: choose another --out, or keep these and add to them"
        )


def _trials(plan: Plan, folder: Path) -> Trials | None:
    """Return what a study searches with, None where it has a grid alone."""
    if plan.search is None:
        return None
    run = plan.runs[0]
    if not run.config.validation:
        warn(
            "trials are judged by the test part, which then says too much of the best one: set "
            "a validation set apart, --validation 0.1 (validation=)"
        )
    return Trials(plan.search, folder, run.config.recipe, {**run.given, "data": run.config.data})


def _tried_runs(
    trials: Trials, plan: Plan, folder: Path, rows: Mapping[str, TaskRow], follower: Follower
) -> Iterator[Task]:
    """Yield the runs that a search asks for; what has ended before is answered from its row."""
    for run in trials.ask():
        if _is_done(run, plan, rows, folder, again=False):
            trials.tell(rows[run.name])
            follower.known(rows[run.name])
            continue
        task = task_of(run, plan, folder)
        yield replace(task, leash=trials.pruning(run, Path(task.folder)))


def _as_named(plan: Plan, rows: Mapping[str, TaskRow], folder: Path) -> Plan:
    """Return a plan whose runs have the names that they had before, by their marks."""
    begun = (folder / RUNS).iterdir() if (folder / RUNS).is_dir() else ()
    names = {name[-DIGITS:]: name for name in (*rows, *(path.name for path in begun))}
    runs = tuple(replace(run, name=names.get(run.mark, run.name)) for run in plan.runs)
    return replace(plan, runs=runs)


def _is_done(
    run: Planned, plan: Plan, rows: Mapping[str, TaskRow], folder: Path, again: bool
) -> bool:
    """Say whether nothing is left of a run."""
    row = rows.get(run.name)
    if row is None:
        return False
    if row["state"] != "finished":
        return not again
    there = (folder / RUNS / run.name / "run.yaml").exists()
    return there and row.get("evaluate") == judging_text(plan.evaluate)


def task_of(run: Planned, plan: Plan, folder: Path) -> Task:
    """Return what an engine is given of a run."""
    return Task(
        run.name,
        str(folder / RUNS / run.name),
        run.config,
        plan.evaluate,
        plan.checkpoint_minutes,
        tuple(own_code.IMPORTED),
    )
