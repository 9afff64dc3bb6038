"""Trackers that follow a run: TensorBoard, MLflow, Weights & Biases, and a film of its pictures.

Each is an extra (`pip install 'vaekit[tensorboard]'`) and writes what stands in the history, by its
names, and what decided the run. Without an account or a server all of it stays on this machine. A
resumed run goes on in the same curve: its identity stands in the run's folder, in `logs/`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaekit import apply, pictures
from vaekit.apply import condition_of
from vaekit.data import Dataset
from vaekit.data.border import evenly_spaced
from vaekit.errors import VaekitError, nearest, warn
from vaekit.runs.config import Config, flat
from vaekit.runs.show import Watcher
from vaekit.system import files
from vaekit.system.extras import needed
from vaekit.training import Fit

LOGS = "logs"
_SCENES, _FRAMES, _HOLD = 10, 60, 12  # pictures side by side, frames at most or so, the last one


class Tracker(Watcher):
    """Follow a run of this folder, from the step on where its training is; `test` is held out.

    `extra` says that it needs a package, which has the tracker's name.
    """

    extra = True

    def __init__(self, folder: Path, fit: Fit, test: Dataset):
        self.folder, self.step = folder, fit.step
        self.model, self.test = fit.parts.model, test
        self.logs = folder / LOGS
        self.logs.mkdir(exist_ok=True)

    def known(self, name: str) -> str | None:
        """Return the identity that a tracker gave this run before, None for a new one."""
        path = self.logs / name
        return path.read_text(encoding="utf-8").strip() if self.step and path.is_file() else None

    def keep(self, name: str, identity: str) -> None:
        """Keep the identity for when the run is resumed."""
        files.write_text(self.logs / name, identity)


class TensorBoard(Tracker):
    """Write event files into logs/, for `tensorboard --logdir runs`."""

    def begin(self, config: Config) -> None:
        """Open the file, and write what decided the run as text."""
        module: Any = _package("torch.utils.tensorboard", "tensorboard")
        self._writer = module.SummaryWriter(str(self.logs), purge_step=self.step or None)
        rows = "\n".join(f"| {name} | {value} |" for name, value in flat_settings(config).items())
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", self.step)

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Write each number of the row."""
        for name, value in _without_step(row).items():
            self._writer.add_scalar(name, value, step)

    def end(self, state: str) -> None:
        """Close the file."""
        self._writer.close()


class MLflow(Tracker):
    """Write to MLflow's store: MLFLOW_TRACKING_URI, or its own default in this folder."""

    def begin(self, config: Config) -> None:
        """Start the run under the folder's name in the experiment `vaekit`, or go on with it."""
        self._mlflow = _package("mlflow", "mlflow")
        before = self.known("mlflow-run")
        if not os.environ.get("MLFLOW_EXPERIMENT_NAME"):
            self._mlflow.set_experiment("vaekit")
        run = self._mlflow.start_run(run_id=before, run_name=None if before else self.folder.name)
        self.keep("mlflow-run", run.info.run_id)
        if before is None:
            shown = {name: str(value)[:500] for name, value in flat_settings(config).items()}
            self._mlflow.log_params(shown)

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Write the row."""
        self._mlflow.log_metrics(_without_step(row), step=step)

    def end(self, state: str) -> None:
        """End the run."""
        self._mlflow.end_run("FINISHED" if state == "finished" else "KILLED")


class WandB(Tracker):
    """Write to Weights & Biases: online where one is logged in, else offline into logs/."""

    def begin(self, config: Config) -> None:
        """Start the run under the folder's name in the project `vaekit`, or go on with it."""
        wandb: Any = _package("wandb", "wandb")
        told = os.environ.get("WANDB_MODE")
        mode = told or ("online" if wandb.api.api_key else "offline")  # it would ask for a key
        before = self.known("wandb-run")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "vaekit"),
            name=self.folder.name,
            id=before,
            resume="allow" if before else None,
            dir=str(self.logs),
            mode=mode,
            config=flat_settings(config),
        )
        self.keep("wandb-run", self._run.id)

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Write the row."""
        self._run.log(_without_step(row), step=step)

    def end(self, state: str) -> None:
        """End the run."""
        self._run.finish(exit_code=0 if state in ("finished", "interrupted") else 1)


class Film(Tracker):
    """Draw test pictures, how they are given back, and samples while training: pictures/film.gif.

    Frames are kept in logs/film/, so that a resumed run goes on with them.
    """

    extra = False

    def begin(self, config: Config) -> None:
        """Choose what is shown; raise `VaekitError` for examples that are no pictures."""
        if len(self.test.shape) != 3:
            raise VaekitError("film draws pictures, and the examples here are rows of a table")
        self._shown = self.test.subset(evenly_spaced(len(self.test), _SCENES))
        self._next = 0
        self._frames = self.logs / "film"
        self._frames.mkdir(exist_ok=True)
        for frame in self._frames.glob("*.npy"):  # of steps that are made anew
            if int(frame.stem) > self.step:
                frame.unlink()
        if not self.step:
            self._draw(0)

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Draw a frame where one is due."""
        if self._next <= step or step == steps:
            self._next = step + steps // _FRAMES
            self._draw(step)

    def _draw(self, step: int) -> None:
        n, places = len(self._shown), torch.arange(len(self._shown))
        x, c = self._shown.batch(places), condition_of(self.model, self._shown, places)
        rows = [x, apply.reconstruct(self.model, x, c)]
        if self.model.prior is not None:
            rows.append(apply.sample(self.model, n, c))
        frame = pictures.stacked(rows, n, *self._shown.range)
        np.save(self._frames / f"{step:010d}.npy", frame)

    def end(self, state: str) -> None:
        """Write the film."""
        frames = [np.load(path) for path in sorted(self._frames.glob("*.npy"))]
        if frames:
            (self.folder / "pictures").mkdir(exist_ok=True)
            out, cell = self.folder / "pictures" / "film.gif", min(self.test.shape[1:])
            last = [frames[-1]] * _HOLD
            pictures.save_moving([*frames, *last], out, cell, back=False)


TRACKERS: dict[str, type[Tracker]] = {
    "film": Film,
    "tensorboard": TensorBoard,
    "mlflow": MLflow,
    "wandb": WandB,
}


class Several(Watcher):
    """Let several watchers follow one run. A tracker that fails is left behind, with a warning."""

    def __init__(self, watchers: Sequence[Watcher]):
        self.watchers = list(watchers)

    @property
    def stop(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Say whether one wants the run to end."""
        return any(each.stop for each in self.watchers)

    def begin(self, config: Config) -> None:
        """Tell all; raise `VaekitError` where a tracker cannot begin."""
        for each in self.watchers:
            try:
                each.begin(config)
            except Exception as error:
                if isinstance(error, VaekitError) or not isinstance(each, Tracker):
                    raise
                raise VaekitError(
                    f"the tracker {_tracker_name(each)} cannot begin: {error}"
                ) from error

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Show the row to all."""
        self._tell(lambda each: each.look(step, steps, epoch, row))

    def end(self, state: str) -> None:
        """Tell all."""
        self._tell(lambda each: each.end(state))

    def _tell(self, call: Callable[[Watcher], None]) -> None:
        for each in self.watchers[:]:
            try:
                call(each)
            except Exception as error:
                if not isinstance(each, Tracker):
                    raise
                self.watchers.remove(each)
                warn(
                    f"the tracker {_tracker_name(each)} follows no longer, training goes on: "
                    f"{error}"
                )


def _tracker_name(tracker: Watcher) -> str:
    return type(tracker).__name__


def following(
    watcher: Watcher | None, log: Sequence[str], folder: Path, fit: Fit, test: Dataset
) -> Several:
    """Return who follows a run of this folder from where its training is."""
    own = [] if watcher is None else [watcher]
    return Several([*own, *(TRACKERS[name](folder, fit, test) for name in log)])


def listed(given: str | Sequence[str]) -> list[str]:
    """Return trackers by name, of text with commas between or a list.

    Raises `VaekitError` for an unknown name, and where a package is missing.
    """
    words = given.split(",") if isinstance(given, str) else list(given)
    names = [str(word).strip() for word in words if str(word).strip()]
    for name in names:
        if name not in TRACKERS:
            raise nearest(name, TRACKERS, "tracker")
        if TRACKERS[name].extra:
            _package(name, name)
    return names


def flat_settings(config: Config) -> dict[str, Any]:
    """Return what decided a run as a flat table of names and values."""
    return {name: value for name, value in flat(config.identity()).items() if value is not None}


def _without_step(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step"}


def _package(module: str, name: str) -> Any:
    return needed(module, name, f"--log {name}")
