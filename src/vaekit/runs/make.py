"""Train a run folder: the loop with a curve, checkpoints, a bar and a clean end.

A checkpoint is due after so many minutes or steps and is written at the next row of the history,
so the curve and the weights always end at the same step. Ctrl-C and SIGTERM end at the next row as
well, with weights that can be judged and a checkpoint that can be resumed; a second one stops at
once.
A new run that fails before its first row leaves nothing, so that its folder is free for the next.
The folder is held against other trainings all the while (`place`).
"""

import os
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch

import vaekit
from vaekit import recipes
from vaekit.arguments import check
from vaekit.data import Schema, Splits
from vaekit.errors import VaekitError, warn
from vaekit.runs import config as configs
from vaekit.runs import history, place
from vaekit.runs.config import Config
from vaekit.runs.folder import CHECKPOINT, MODEL, Run, save_weights
from vaekit.runs.show import Watcher
from vaekit.system import files, weights
from vaekit.system.stopping import Stopped, on_signals
from vaekit.training import Fit, NotFinite, Training, checkpoint
from vaekit.training.fabric import pick
from vaekit.training.loop import CHECK_EVERY

_RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # of processes that train together
_Wish = TypeVar("_Wish", bool, str)


MINUTES = 5.0  # between checkpoints


@dataclass(frozen=True)
class Saving:
    """Say how often to write a checkpoint: every so many minutes, or steps where given."""

    minutes: float = MINUTES
    steps: int | None = None

    def __post_init__(self):
        check("checkpoint_minutes", self.minutes, float, MINUTES)
        check("checkpoint_steps", self.steps, int | None)
        if not self.minutes > 0 or (self.steps is not None and self.steps < 1):
            raise VaekitError("checkpoints need an interval > 0")


def train_config(
    config: Config, given: Path | None, resume: bool, saving: Saving, watcher: "Watcher | None"
) -> Run:
    """Train what `config` says into the folder `given`, or the first of some that is free."""
    pick(config.training.device)
    if not is_first(config.training):  # the first process holds the folder, and tells which it is
        return _train(config, given or Path(), resume, saving, watcher)
    folders = place.numbered(config) if given is None else [given]
    with place.held(folders, resume) as free:
        return _train(config, free, resume, saving, watcher)


def is_first(training: Training) -> bool:
    """Say whether this process writes: it is the only one, or the first of several."""
    return training.processes == 1 or all(os.environ.get(name, "0") == "0" for name in _RANKS)


def _train(
    config: Config, folder: Path, resume: bool, saving: Saving, watcher: "Watcher | None"
) -> Run:
    splits = config.load_data()
    config = _described(config, splits)
    if resume and _finished(folder, config):
        place.forget_checkpoint(folder)  # killed before it could, the run is not trained once more
        return _opened(folder, config, splits)
    system = config.build(splits.train.shape)
    fit = Fit(system.model, system.objective, splits.train, config.training)
    folder = Path(_agreed(fit, str(folder)))
    if resume and _step_of(folder / MODEL) == fit.steps:  # whatever the notes of run.yaml say
        if fit.fabric.global_rank == 0:
            _conclude(folder, config, fit)
        return _opened(folder, config, splits)
    if resume and (folder / CHECKPOINT).exists():
        _load(fit, folder / CHECKPOINT)
    if fit.fabric.global_rank == 0:
        history.start(folder / "history.csv", fit.step)
        _write_config(folder, config, state="unfinished")
        # Weights of an interrupted run grow stale from here on; its checkpoint has the same.
        (folder / MODEL).unlink(missing_ok=True)
        if watcher:
            watcher.begin(config)
    fit.fabric.barrier()  # the others look into what the first process has written
    run = _opened(folder, config, splits)
    with _interrupts() as interrupted:
        try:
            _run(fit, run, saving, watcher, interrupted)
            _finish(fit, run, config, interrupted)
        except NotFinite as error:
            if fit.fabric.global_rank == 0:
                _write_config(folder, config, state="diverged", step=fit.step, steps=fit.steps)
            raise _with_rescue(error, run) from None
    return run


def _opened(folder: Path, config: Config, splits: Splits) -> Run:
    """Open a run with the data at hand, else judging it would read and hold them a second time."""
    run = Run(folder, config.data_dir)
    run.data = splits
    return run


def _finished(folder: Path, config: Config) -> bool:
    if not (folder / "run.yaml").exists():
        return False
    found = configs.read(folder / "run.yaml")
    changed = found.differences(config)
    if changed:
        raise VaekitError(
            f"{folder} is another run, it cannot be resumed with {'; '.join(changed[:3])}: "
            "repeat the original arguments, or choose another folder with --out"
        )
    finished = found.notes.get("state") == "finished"
    if finished and not (folder / MODEL).exists():
        warn(f"{folder} was finished, but {MODEL} is gone: it is trained once more")
        return False
    return finished


def _step_of(path: Path) -> int | None:
    """Return the step that a file of weights says it is of; None where it says none."""
    try:
        return weights.step_of(weights.read_tensors(path)[1])
    except VaekitError:
        return None


def _load(fit: Fit, path: Path) -> None:
    checkpoint.load(fit, path)
    if not 0 < fit.step <= fit.steps:
        raise VaekitError(
            f"{path} is damaged, it is of step {fit.step} of {fit.steps}: bring back a whole one, "
            "or remove it, and --resume trains from the start"
        )


def _described(config: Config, splits: Splits) -> Config:
    """Return the config with what the data turned out to be, and where it is run."""
    train, test = splits
    notes = {
        "shape": list(train.shape),
        "train": len(train),
        "test": len(test),
        "files": dict(train.files),
        "vaekit": vaekit.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
    }
    recipe = recipes.find(config.recipe)
    arguments = recipe.complete(config.arguments, train)
    recipe.complete(arguments, test)  # what it is conditioned on, it is judged on as well
    notes |= Schema.of(train).notes()
    return replace(config, arguments=arguments, data_checksum=train.checksum(), notes=notes)


def _write_config(folder: Path, config: Config, **notes: object) -> None:
    whole = replace(config, notes={**config.notes, **notes})
    files.write_text(folder / "run.yaml", whole.to_yaml())


def _run(
    fit: Fit, run: Run, saving: Saving, watcher: "Watcher | None", interrupted: list[int]
) -> None:
    every = max(1, min(CHECK_EVERY, fit.steps // 200, saving.steps or CHECK_EVERY))
    recorder = _Recorder(fit, run, watcher)
    for now in fit:
        if now.step % every == 0 or now.step == now.steps:
            recorder.record()
            stopped = _agreed(fit, bool(interrupted))
            if recorder.due(saving) or stopped:
                checkpoint.save(fit, run.checkpoint)
            if stopped:
                break


class _Recorder:
    """Write and show the rows of the history, and know when the next checkpoint is due."""

    def __init__(self, fit: Fit, run: Run, watcher: "Watcher | None"):
        self.fit, self.path, self.watcher = fit, run.folder / "history.csv", watcher
        self.step, self.clock = fit.step, time.monotonic()
        self.saved_step, self.saved_clock = self.step, self.clock
        self.warned = False

    def record(self) -> None:
        fit, now = self.fit, time.monotonic()
        means, weights, total = fit.interval()
        rate = (fit.step - self.step) * fit.batches.images_per_step / max(now - self.clock, 1e-9)
        row = {"step": fit.step, "epoch": round(fit.epoch, 4), "objective": total, **means}
        row |= {f"weight_{name}": w for name, w in weights.items()}
        row |= self._noise()
        row["images_per_second"] = round(rate, 1)
        self.step, self.clock = fit.step, now
        if fit.fabric.global_rank == 0:
            history.append(self.path, row)
            if self.watcher:
                self.watcher.look(fit.step, fit.steps, fit.epoch, row)

    def _noise(self) -> dict[str, float]:
        noise = self.fit.parts.model.likelihood
        if noise.warning() and not self.warned:
            self.warned = True
            warn(f"at step {self.fit.step}: {noise.warning()}")
        return noise.noise() if noise.learns else {}

    def due(self, saving: Saving) -> bool:
        late = time.monotonic() - self.saved_clock >= 60 * saving.minutes
        if saving.steps:
            late = self.step - self.saved_step >= saving.steps
        if not _agreed(self.fit, late):
            return False
        self.saved_step, self.saved_clock = self.step, time.monotonic()
        return True


def _agreed(fit: Fit, wish: _Wish) -> _Wish:
    """Return the first process's wish, so that all processes do the same."""
    return fit.fabric.broadcast(wish) if fit.fabric.world_size > 1 else wish


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM in a list in place of raising; a second one raises as usual."""
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        if seen:
            raise Stopped(number)
        seen.append(number)

    with on_signals(note):
        yield seen


def _with_rescue(error: NotFinite, run: Run) -> NotFinite:
    saved = f"The checkpoint in {run.checkpoint.parent} is from before and usable."
    error.args = (f"{error}. {saved if run.checkpoint.exists() else 'No checkpoint was due yet.'}",)
    return error


def _finish(fit: Fit, run: Run, config: Config, interrupted: list[int]) -> None:
    checkpoint.check_finite(fit)
    if fit.fabric.global_rank:
        return
    save_weights(fit.parts.model, run.folder / MODEL, fit.step)
    if fit.step == fit.steps:
        _conclude(run.folder, config, fit)
        return
    by = signal.Signals(interrupted[0]).name
    state = {"state": "interrupted", "step": fit.step, "steps": fit.steps, "stopped_by": by}
    _write_config(run.folder, config, **state)


def _conclude(folder: Path, config: Config, fit: Fit) -> None:
    _write_config(folder, config, state="finished", step=fit.steps, steps=fit.steps)
    place.forget_checkpoint(folder)
