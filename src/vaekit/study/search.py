"""Search for settings through Optuna, in place of a grid.

    search:
      trials: 50
      maximise: elbo                    or minimise
      space: {beta: {low: 0.1, high: 10, log: true}, latent: [4, 8, 16], lr: "1e-4:1e-2:log"}
      sampler: tpe                      or random
      prune: true                       stop trials that fall behind in validation
      seed: 0                           of the sampler

Each trial is a run as any other, with a row of its own. Where a validation set (validation=) gives
the number, trials are judged by that, and the test part has no say; else by the test part. What was
tried stands in DIR/search.db, which survives kill -9: the trials that were under way then go on
from their checkpoints. A trial is pruned where its best validation is below the median of the best
of others up to the same step.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from vaekit.arguments import fits
from vaekit.errors import nearest
from vaekit.runs import history
from vaekit.runs.history import VALIDATION
from vaekit.study.plan import Planned, annotation_of, plan_run
from vaekit.study.task import VALIDATED, Leash
from vaekit.study.words import SAMPLERS, Search
from vaekit.system.extras import needed

FEW = 5  # trials that none is pruned before
NAME = "vaekit"


class Trials:
    """Ask Optuna for runs, and tell it what came of them."""

    def __init__(self, search: Search, folder: Path, recipe: str, common: Mapping[str, Any]):
        self.optuna = needed("optuna", "search", "a search")
        self.search = search
        self.recipe, self.common = recipe, common
        self.optuna.logging.set_verbosity(self.optuna.logging.WARNING)
        self.storage = f"sqlite:///{folder / 'search.db'}"
        seed = search.seed + self._count()  # a search that goes on draws new settings
        self.study = self.optuna.create_study(
            storage=self.storage,
            study_name=NAME,
            load_if_exists=True,
            direction="maximize" if search.largest else "minimize",
            sampler=getattr(self.optuna.samplers, SAMPLERS[search.sampler])(seed=seed),
        )
        for trial in self.study.get_trials(states=(self._state("RUNNING"),)):  # of a killed study
            self.study.tell(trial.number, state=self._state("FAIL"))
            self.study.enqueue_trial(trial.params)
        self.open: dict[str, Any] = {}

    def _count(self) -> int:
        try:
            return len(self.optuna.load_study(study_name=NAME, storage=self.storage).trials)
        except KeyError:
            return 0

    def _state(self, name: str) -> Any:
        return getattr(self.optuna.trial.TrialState, name)

    @property
    def left(self) -> int:
        """Return how many trials are still to be asked for."""
        ended = (self._state("COMPLETE"), self._state("PRUNED"))
        done = len(self.study.get_trials(states=ended, deepcopy=False))
        failed = self.study.get_trials(states=(self._state("FAIL"),), deepcopy=False)
        done += sum("reason" in trial.user_attrs for trial in failed)
        return max(0, self.search.trials - done - len(self.open))

    def ask(self) -> Iterator[Planned]:
        """Yield the next runs to try, also such as have been tried before."""
        while self.left:
            trial = self.study.ask()
            given = {name: self._suggested(trial, name) for name in self.search.space}
            run = plan_run(self.recipe, self.common, given)
            if run.name in self.open:  # at work already: another answer would tell nothing new
                trial.set_user_attr("reason", f"the same as {run.name}")
                self.study.tell(trial, state=self._state("FAIL"))
                continue
            self.open[run.name] = trial
            yield run

    def pruning(self, run: Planned, folder: Path) -> "Pruning | None":
        """Return what ends a run that falls behind, None where it has no validation."""
        if not self.search.prune or not run.config.validation:
            return None
        return Pruning(target=self.search.target, sign=1 if self.search.largest else -1,
                       folder=str(folder))  # fmt: skip

    def _suggested(self, trial: Any, name: str) -> Any:
        axis = self.search.space[name]
        if isinstance(axis, list):
            kinds = bool | int | float | str  # that its storage holds
            choices = [each if isinstance(each, kinds) else str(each) for each in axis]
            return axis[choices.index(trial.suggest_categorical(name, choices))]
        whole = not fits(0.5, annotation_of(self.recipe, name))
        suggest = trial.suggest_int if whole else trial.suggest_float
        return suggest(name, axis["low"], axis["high"], log=bool(axis.get("log")))

    def tell(self, row: Mapping[str, Any]) -> None:
        """Take the row of a run that has ended."""
        trial = self.open.pop(row["run"], None)
        if trial is None:
            return
        target = self.search.target
        number = row.get(VALIDATED + target, row.get(target))
        if row["state"] == "finished" and number is None and target not in _number_names(row):
            raise nearest(target, _number_names(row), "number to search for")
        if row["state"] == "finished" and isinstance(number, int | float):
            self.study.tell(trial, number)
        elif row["state"] == "pruned":
            self.study.tell(trial, state=self._state("PRUNED"))
        else:
            why = row["reason"] or f"it has no {self.search.target}"
            trial.set_user_attr("reason", why)
            self.study.tell(trial, state=self._state("FAIL"))


def _number_names(row: Mapping[str, Any]) -> list[str]:
    """Name the numbers that a run was judged by: those that say how they were estimated."""
    return [name.removesuffix(".estimator") for name in row if name.endswith(".estimator")]


@dataclass
class Pruning(Leash):
    """End a run whose best validation is below the median of what others had by the same step.

    `sign` is 1 where a large `target` is wanted, else −1. Others are the runs beside it that have
    come so far; without `FEW` of them none is ended.
    """

    target: str = ""
    sign: int = 1
    folder: str = ""
    best: float = -math.inf

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Compare where this row has the number."""
        super().look(step, steps, epoch, row)
        number = row.get(VALIDATION + self.target)
        if number is None or step == steps:
            return
        self.best = max(self.best, self.sign * number)
        others = [best for path in self._others() if (best := self._best(path, step)) is not None]
        if len(others) >= FEW and self.best < median(others):
            self.stop = self.pruned = True

    def _others(self) -> Iterator[Path]:
        own = Path(self.folder)
        return (path for path in own.parent.glob("*/history.csv") if path.parent != own)

    def _best(self, path: Path, step: int) -> float | None:
        """Return the best number of a run up to a step, None where it has not come so far."""
        rows = history.look(path).rows
        seen = [self.sign * n for row in rows if row["step"] <= step
                and (n := row.get(VALIDATION + self.target)) is not None]  # fmt: skip
        return max(seen) if seen and rows[-1]["step"] >= step else None
