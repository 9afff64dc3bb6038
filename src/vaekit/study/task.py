"""One run of a study, in whatever process it is made: train, judge, and say so in one row.

A worker keeps the sets that it has read, their pixels mapped from one file on each machine, so that
a run starts at once and memory grows with the data and not with the workers. Runs use the random
generator of their process, so a process makes one at a time.
"""

import json
import os
import platform
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import vaekit
from vaekit import information, recipes
from vaekit.data import Dataset, Splits
from vaekit.data.cache import cached, is_mapped, store
from vaekit.data.paths import cache
from vaekit.errors import VaekitWarning
from vaekit.runs import Config, Run, Watcher
from vaekit.runs.history import VALIDATION
from vaekit.runs.make import train_config
from vaekit.runs.recorder import Saving
from vaekit.system import files, locks, own_code, system_error
from vaekit.training import NotFinite

TaskRow = dict[str, Any]
AT_WORK = threading.Lock()  # held while a run is made
_WAIT_FOR_FOLDER = 1.0  # seconds between looks at a folder that another process still writes
_SETS = 4  # that a worker keeps
_MAPPED = 2**24  # bytes from which pixels are mapped
_SHARED = "shared"  # their folder in the cache
VALIDATED = "validation."  # begins the names of what validation gave at the weights that are kept
_sets: dict[tuple[Any, ...], tuple[Splits, str]] = {}


@dataclass(frozen=True)
class Task:
    """Say what to run, where, and how to judge it; it travels to a worker."""

    name: str
    folder: str
    config: Config
    evaluate: Mapping[str, Any] = field(default_factory=dict)
    minutes: float = 5.0
    imports: Sequence[str] = ()
    threads: int | None = None
    leash: "Leash | None" = None

    def named(self) -> TaskRow:
        """Return the beginning of a row."""
        return {"run": self.name, "state": "failed", "reason": "", "folder": self.folder}

    def row(self) -> TaskRow:
        """Return what is known of the run before it is made; own code is imported by then."""
        judging = {"evaluate": judging_text(self.evaluate)}
        return {**self.named(), **_settings(self.config), **judging}


def run_task(task: Task) -> TaskRow:
    """Train and judge a run, or what is left of it, and return its row; trouble is in the row.

    The state is finished, interrupted or pruned (a checkpoint is there), diverged, or failed with a
    reason.
    """
    with AT_WORK:
        if task.threads:
            torch.set_num_threads(task.threads)
        row = task.named()
        begin = time.time()
        notes: list[str] = []
        try:
            for name in task.imports:
                if name not in own_code.IMPORTED:
                    own_code.take(name)
            row |= task.row()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", VaekitWarning)
                row |= _made_run(task)
            notes = [str(each.message) for each in caught if each.category is VaekitWarning]
        except NotFinite as error:
            row |= {"state": "diverged", "reason": str(error)}
        except Exception as error:
            known = system_error(error)
            said = str(known) if known else f"{type(error).__name__}: {error}"
            row |= {"reason": " ".join(said.split())}
            if known is None:
                _write_trace(task)
        row |= {"notes": "; ".join(notes), "begun": begin, "seconds": time.time() - begin}
        return row | _machine()


def _made_run(task: Task) -> TaskRow:
    begin = time.time()
    config = task.config
    data = sets_of(config)
    check_scores(task.evaluate, config, data[0])
    loaded = time.time()
    while True:
        try:
            saving = Saving(task.minutes)
            run = train_config(config, Path(task.folder), True, saving, task.leash, (), data)
            break
        except locks.Taken:  # a worker whose master is gone ends at its next row
            time.sleep(_WAIT_FOR_FOLDER)
    trained = time.time()
    row: TaskRow = {"load_seconds": loaded - begin, "train_seconds": trained - loaded}
    notes = run.config.notes
    pruned = task.leash is not None and task.leash.pruned and notes["state"] == "interrupted"
    row |= {
        "state": "pruned" if pruned else notes["state"],
        "step": notes.get("step"),
        "steps": notes.get("steps"),
    }
    row |= {"best_step": notes.get("best_step")}
    row |= {"images_per_second": rows[-1]["images_per_second"]} if (rows := run.history) else {}
    row |= _validated(rows, row["best_step"])
    if row["state"] == "finished":
        row |= _numbers(_judged_numbers(run, task.evaluate))
        row |= {f"noise.{name}": value for name, value in run.model.likelihood.noise().items()}
        row |= {"judge_seconds": time.time() - trained}
        row |= {"data_sha256": run.config.data_checksum}
    return row


def _validated(rows: Sequence[Mapping[str, float]], best_step: int | None) -> TaskRow:
    """Return what the validation set gave at the best step, else at the last look."""
    looks = [row for row in rows if any(name.startswith(VALIDATION) for name in row)]
    at = [row for row in looks if best_step in (None, row["step"])]
    last = at[-1] if at else {}
    return {
        VALIDATED + name.removeprefix(VALIDATION): number
        for name, number in last.items()
        if name.startswith(VALIDATION)
    }


def check_scores(evaluate: Mapping[str, Any], config: Config, splits: Splits) -> None:
    """Raise `VaekitError` where none of the scores that are asked for applies to such a run."""
    names = information.chosen(evaluate.get("metrics") or "")
    if names:
        train, test = config.parted(splits)[0]
        arguments = recipes.find(config.recipe).complete(config.arguments, train)
        model = replace(config, arguments=arguments).build(train.shape).model
        information.applying(model, test, names, train)


def _judged_numbers(run: Run, evaluate: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a run's numbers; those that are there already where judging has no options."""
    return run.metrics if run.judged() and not evaluate else run.evaluate(**evaluate)


def judging_text(evaluate: Mapping[str, Any]) -> str:
    """Write the options of judging, by which rows are told apart."""
    return json.dumps(evaluate, sort_keys=True, default=str) if evaluate else ""


def _settings(config: Config) -> TaskRow:
    training = asdict(config.training)
    row = {"recipe": config.recipe, "data": config.data, "seed": training.pop("seed")}
    rest = {**training, "holdout": config.holdout, "validation": config.validation}
    rest |= {name: getattr(config, name) for name in ("start", "start_parts", "freeze")}
    return row | {**rest, **config.completed()}


def _numbers(metrics: Mapping[str, Any]) -> TaskRow:
    row: TaskRow = {}
    for name, number in metrics.items():
        row[name] = number.get("value")
        row |= {
            f"{name}.{k}": number[k] for k in ("se", "shuffled", "estimator", "n") if k in number
        }
    return row


def _machine() -> TaskRow:
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {
        "vaekit": vaekit.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": device,
        "host": platform.node(),
        "threads_used": torch.get_num_threads(),
    }


def _write_trace(task: Task) -> None:
    path = Path(task.folder).parent.parent / "failures" / f"{task.name}.txt"
    files.write_text(path, traceback.format_exc())


@dataclass
class Leash(Watcher):
    """End a run at its next row once the file `stop` is there, or the process `master` is gone."""

    stop_file: str = ""
    master: int | None = None
    pruned: bool = False

    @property
    def pulled(self) -> bool:
        """Say whether to end."""
        gone = self.master is not None and os.getppid() != self.master
        return gone or bool(self.stop_file and Path(self.stop_file).exists())

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """Look whether to end."""
        self.stop = self.pulled


def on_leash(task: Task, stop_file: str, master: int | None = None) -> Task:
    """Return a task whose run ends with `master`, or once `stop_file` is there."""
    leash = replace(task.leash or Leash(), stop_file=stop_file, master=master)
    return replace(task, leash=leash)


# ---- data


def sets_of(config: Config) -> tuple[Splits, str]:
    """Return the sets of a config with their checksum, read once by a process.

    Pixels are shared on a machine, where one process reads at a time: not all hold a set at once.
    """
    key = (config.data, config.data_dir, config.holdout)
    if key not in _sets:
        while len(_sets) >= _SETS:
            _sets.pop(next(iter(_sets)))
        shared = cache() / _SHARED
        shared.mkdir(parents=True, exist_ok=True)
        with locks.locked(shared / "reading.lock", wait=float("inf")):
            splits = _mapped_splits(config.load_data())
        _sets[key] = splits, splits.train.checksum()
    return _sets[key]


def _mapped_splits(splits: Splits) -> Splits:
    """Return the same sets, large pixels mapped from a file that all processes share."""
    pixels = {id(part.images): _shared_pixels(part) for part in splits}
    train, test = (replace(part, images=pixels[id(part.images)]) for part in splits)
    return Splits(train, train if splits.test is splits.train else test)


def _shared_pixels(data: Dataset) -> Tensor:
    if data.images.nbytes < _MAPPED or is_mapped(data.images):
        return data.images
    whole = replace(data, rows=None)

    def make(folder: Path) -> None:
        store(folder, len(whole), (piece.numpy() for piece in whole.pieces()))

    return cached(_SHARED, whole.checksum(), make).images
