"""Train a run folder: the loop with a curve, checkpoints, a bar and a clean end.

A checkpoint is due after so many minutes or steps and is written at the next row of the history,
so the curve and the weights always end at the same step. Ctrl-C ends at the next row as well, with
weights that can be judged and a checkpoint that can be resumed; a second Ctrl-C stops at once.
A new run that fails before its first row leaves nothing, so that its folder is free for the next.
"""

import platform
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch

import vaekit
from vaekit import files, recipes
from vaekit.data import Schema, Splits
from vaekit.errors import VaekitError, warn
from vaekit.runs import config as configs
from vaekit.runs import history
from vaekit.runs.config import Config
from vaekit.runs.folder import CHECKPOINT, Run, save_weights
from vaekit.runs.show import Watcher
from vaekit.train import Fit, NotFinite, checkpoint
from vaekit.train.fabric import pick
from vaekit.train.loop import CHECK_EVERY, check_support


@dataclass(frozen=True)
class Saving:
    """Say how often to write a checkpoint: every so many minutes, or steps where given."""

    minutes: float = 5.0
    steps: int | None = None

    def __post_init__(self):
        if self.minutes <= 0 or (self.steps is not None and self.steps < 1):
            raise VaekitError("checkpoints need an interval > 0")


def train(
    config: Config,
    folder: Path,
    resume: bool = False,
    saving: Saving | None = None,
    watcher: "Watcher | None" = None,
) -> Run:
    """Train what `config` says into `folder` and return the run.

    Raises `VaekitError` for a folder that holds a run already (with `resume`: another run), for
    data and settings that do not fit, and `NotFinite` for a loss that is no number; what was
    written before stays usable.
    """
    pick(config.training.device)
    folder = Path(folder)
    _check_folder(folder, resume)
    splits = config.load_data()
    config = _described(config, splits)
    if resume and _finished(folder, config):
        return Run(folder)
    system = config.build(splits.train.shape)
    check_support(splits.train, system.model)
    fit = Fit(system.model, system.objective, splits.train, config.training)
    if resume and (folder / CHECKPOINT).exists():
        checkpoint.load(fit, folder / CHECKPOINT)
    stood, new = folder.exists(), not (folder / "run.yaml").exists()
    if fit.fabric.global_rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        _write_config(folder, config, state="unfinished")
        history.start(folder / "history.csv", fit.step)
        # Weights of an interrupted run grow stale from here on; its checkpoint has the same.
        (folder / "model.safetensors").unlink(missing_ok=True)
    fit.fabric.barrier()  # the others look into the folder that the first process makes
    run = Run(folder, config.data_dir)
    run.data = splits  # else judging the run would read, check and hold the data a second time
    try:
        _run(fit, run, saving or Saving(), watcher)
    except BaseException:
        if new and fit.fabric.global_rank == 0:
            _withdraw(folder, stood)
        raise
    _finish(fit, run, config)
    return run


def _check_folder(folder: Path, resume: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise VaekitError(f"{folder} is a file: choose another folder with --out")
    # A process that was killed may leave a half-written .part: that alone is no content.
    occupied = folder.exists() and any(p.suffix != ".part" for p in folder.iterdir())
    if occupied and not (folder / "run.yaml").exists():
        raise VaekitError(f"{folder} is not empty and no run: choose another folder with --out")
    if occupied and not resume:
        raise VaekitError(
            f"{folder} holds a run already: choose another folder with --out, "
            "or continue it with --resume"
        )


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
    return found.notes.get("state") == "finished"


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
    arguments = recipes.find(config.recipe).complete(config.arguments, train)
    notes |= Schema.of(train).notes()
    return replace(config, arguments=arguments, data_checksum=train.checksum(), notes=notes)


def _write_config(folder: Path, config: Config, **notes: object) -> None:
    whole = replace(config, notes={**config.notes, **notes})
    files.write_text(folder / "run.yaml", whole.to_yaml())


def _withdraw(folder: Path, stood: bool) -> None:
    """Take back a new run that recorded nothing, and its folder unless that stood before."""
    kept = (CHECKPOINT, "history.csv", "model.safetensors")
    if not any((folder / name).exists() for name in kept):
        (folder / "run.yaml").unlink(missing_ok=True)
        if not stood:
            shutil.rmtree(folder)


def _run(fit: Fit, run: Run, saving: Saving, watcher: "Watcher | None") -> None:
    every = max(1, min(CHECK_EVERY, fit.steps // 200, saving.steps or CHECK_EVERY))
    recorder = _Recorder(fit, run, watcher)
    with _interrupts() as interrupted:
        try:
            for now in fit:
                if now.step % every == 0 or now.step == now.steps:
                    recorder.record()
                    stopped = _agreed(fit, bool(interrupted))
                    if recorder.due(saving) or stopped:
                        checkpoint.save(fit, run.checkpoint)
                    if stopped:
                        break
        except NotFinite as error:
            raise _with_rescue(error, run) from None


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


def _agreed(fit: Fit, wish: bool) -> bool:
    """Return the first process's wish, so that all processes do the same."""
    return fit.fabric.broadcast(wish) if fit.fabric.world_size > 1 else wish


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list in place of raising; a second one raises as usual."""
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # not in the main thread, where no Ctrl-C arrives
        yield seen
        return
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _with_rescue(error: NotFinite, run: Run) -> NotFinite:
    saved = f"The checkpoint in {run.checkpoint.parent} is from before and usable."
    error.args = (f"{error}. {saved if run.checkpoint.exists() else 'No checkpoint was due yet.'}",)
    return error


def _finish(fit: Fit, run: Run, config: Config) -> None:
    if fit.fabric.global_rank:
        return
    save_weights(fit.parts.model, run.folder / "model.safetensors")
    state = "finished" if fit.step == fit.steps else "interrupted"
    _write_config(run.folder, config, state=state, step=fit.step, steps=fit.steps)
    if state == "finished":  # and said so: killed in between, the run is not trained once more
        shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
