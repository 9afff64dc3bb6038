"""The rows of a run's history, and when a checkpoint is due."""

import math
import time
from dataclasses import dataclass
from typing import TypeVar

import torch

from vaekit.arguments import check
from vaekit.errors import VaekitError, warn
from vaekit.runs import history
from vaekit.runs.folder import Run
from vaekit.runs.show import Watcher
from vaekit.schedules import Schedule
from vaekit.system.load import Crowding
from vaekit.training import Fit

_Wish = TypeVar("_Wish", bool, str)
MINUTES = 5.0  # between checkpoints


@dataclass(frozen=True)
class Saving:
    """Say how often to write a checkpoint: every so many minutes, or steps where given.

    `keep` also keeps the last one when training has ended.
    """

    minutes: float = MINUTES
    steps: int | None = None
    keep: bool = False

    def __post_init__(self):
        check("checkpoint_minutes", self.minutes, float, MINUTES)
        check("checkpoint_steps", self.steps, int | None)
        check("keep_checkpoint", self.keep, bool, False)
        if not self.minutes > 0 or (self.steps is not None and self.steps < 1):
            raise VaekitError("checkpoints need an interval > 0")


class Recorder:
    """Write and show the rows of the history, and know when the next checkpoint is due."""

    def __init__(self, fit: Fit, run: Run, watcher: Watcher):
        self.fit, self.path, self.watcher = fit, run.folder / "history.csv", watcher
        self.step, self.clock = fit.step, time.monotonic()
        self.saved_step, self.saved_clock = self.step, self.clock
        self.warned = self.crowded = False
        self.crowding = Crowding(fit.training.threads or torch.get_num_threads())

    def record(self) -> None:
        """Write and show the row of the steps since the last one."""
        fit, now = self.fit, time.monotonic()
        means, weights, total = fit.interval()
        rate = (fit.step - self.step) * fit.batches.images_per_step / max(now - self.clock, 1e-9)
        row = {"step": fit.step, "epoch": round(fit.epoch, 4), "objective": total, **means}
        row |= {f"weight_{name}": w for name, w in weights.items()}
        row |= self._noise()
        row |= {} if fit.parts.model.prior is None else fit.parts.model.prior.learned_numbers()
        if isinstance(fit.training.rate, Schedule):
            row["lr"] = fit.training.rate(fit.progress)
        row |= {} if fit.clipped is None else {"clipped": fit.clipped}
        row["images_per_second"] = round(rate, 1)
        judged = {history.VALIDATION + name: value for name, value in fit.judged.items()}
        row |= {name: value for name, value in judged.items() if math.isfinite(value)}
        self.step, self.clock = fit.step, now
        if fit.fabric.global_rank == 0:
            self._look_around()
            history.append(self.path, row, self._names(row))
            self.watcher.look(fit.step, fit.steps, fit.epoch, row)

    def _look_around(self) -> None:
        """Say once where other processes take the cores that this one computes on."""
        share = self.crowding.share() if self.fit.fabric.device.type == "cpu" else None
        if share is not None and not self.crowded:
            self.crowded = True
            warn(
                f"other processes keep this machine busy: {self.crowding.threads} threads got "
                f"{share:.0%} of their cores. Threads that wait for each other lose most of it, so "
                "--threads 1 (threads=1) may be faster now"
            )

    def _names(self, row: history.HistoryRow) -> list[str]:
        """Return the columns, those of validation also where the set was not looked at."""
        looked = self.fit.validation.names if self.fit.validation else ()
        return list(dict.fromkeys([*row, *(history.VALIDATION + name for name in looked)]))

    def _noise(self) -> dict[str, float]:
        noise = self.fit.parts.model.likelihood
        if noise.warning() and not self.warned:
            self.warned = True
            warn(f"at step {self.fit.step}: {noise.warning()}")
        return noise.noise() if noise.learns else {}

    def due(self, saving: Saving) -> bool:
        """Say whether a checkpoint is due, and take it as written where it is."""
        late = time.monotonic() - self.saved_clock >= 60 * saving.minutes
        if saving.steps:
            late = self.step - self.saved_step >= saving.steps
        if not agreed(self.fit, late):
            return False
        self.saved_step, self.saved_clock = self.step, time.monotonic()
        return True


def agreed(fit: Fit, wish: _Wish) -> _Wish:
    """Return the first process's wish, so that all processes do the same."""
    return fit.fabric.broadcast(wish) if fit.fabric.world_size > 1 else wish
