"""`vaekit.train`: a run from one call, its arguments named as on the command line."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from vaekit import recipes
from vaekit.arguments import check, expect
from vaekit.data import resolved
from vaekit.errors import VaekitError, nearest
from vaekit.runs import trackers
from vaekit.runs.config import Config, data_text
from vaekit.runs.folder import Run
from vaekit.runs.make import train_config
from vaekit.runs.recorder import MINUTES, Saving
from vaekit.runs.run_file import read_config
from vaekit.runs.show import Bar, Curve, Watcher, in_notebook
from vaekit.system import files
from vaekit.system.progress import shown_bars
from vaekit.training import Training

OF_DATA = ("data", "data_dir", "holdout", "validation")
OF_START = ("start", "start_parts", "freeze")
OF_RUN = (
    "out",
    "resume",
    "checkpoint_minutes",
    "checkpoint_steps",
    "keep_checkpoint",
    "log",
    "watcher",
    "verbose",
)


def train(
    what: str | Path | Config,
    out: Path | str | None = None,
    resume: bool = False,
    *,
    checkpoint_minutes: float = MINUTES,
    checkpoint_steps: int | None = None,
    keep_checkpoint: bool = False,
    log: str | Sequence[str] = "",
    watcher: Watcher | None = None,
    verbose: bool = True,
    **settings: Any,
) -> Run:
    """Train a recipe into a run folder and return the run, as `vaekit train` does.

        run = vaekit.train("beta_vae", data="mnist", beta=4, epochs=20, out="runs/b")

    The same settings give the same weights as there. No other training may write into the folder
    meanwhile; readers may read.

    Args:
        what: a recipe by name, a run file or run folder whose settings are taken, or a `Config`
        out: the run folder; None: the first of runs/RECIPE-DATA-N that is free
        resume: continue the run in `out`, to the weights that it would have had uninterrupted;
            with more epochs also a finished one that kept its checkpoint
        checkpoint_minutes: time between checkpoints
        checkpoint_steps: steps between checkpoints, in place of minutes
        keep_checkpoint: keep the last checkpoint of a finished run, to train on from there
        log: trackers that follow the training: tensorboard, mlflow, wandb; film, which draws it
        watcher: follows the training row by row, in place of the bar
        verbose: show a bar on a terminal, the curve in a notebook, a line an epoch elsewhere
        settings: `data` by name or path, `data_dir`, `holdout`; `validation`, a share of the
            training part or a set by name or path; `start`, a run, its checkpoint or an
            estimator's file whose weights to begin with, `start_parts` of them and parts to
            `freeze`, by name; the recipe's own arguments; those of `Training`. They are numbers
            and text, which is what a run folder holds.

    Raises `VaekitError` for a setting that is unknown, with the nearest name, or does not fit; for
    a folder that is in use or holds a run already (with `resume`: another run); for data that do
    not fit; and `NotFinite` for a loss or weights that are no numbers. What was written before
    stays usable.
    """
    check("resume", resume, bool, False)
    check("verbose", verbose, bool, True)
    check("log", log, str | Sequence[str], "tensorboard")
    expect(watcher, Watcher | None, "a Watcher")
    config = configured(what, settings)
    saving = Saving(checkpoint_minutes, checkpoint_steps, keep_checkpoint)
    folder = folder_of(what, out, resume)
    with ExitStack() as stack:
        if watcher is None and verbose:
            title = f"{config.recipe} on {config.data}"
            watcher = Curve(title) if in_notebook() else stack.enter_context(Bar(title))
            stack.enter_context(shown_bars(False))
        return train_config(config, folder, resume, saving, watcher, trackers.listed(log))


def configured(what: str | Path | Config, settings: Mapping[str, Any]) -> Config:
    """Return what decides a run: `what` as in `train`, with `settings` in place of its own."""
    base = base_of(what)
    recipe = recipes.find(base.recipe if base else str(what))
    known = inspect.signature(recipe.make).parameters
    own = {name: each.default for name, each in known.items() if name != "shape"}
    trained = [each.name for each in fields(Training)]
    for name in settings:
        if name not in (*own, *trained, *OF_DATA, *OF_START):
            raise nearest(
                name, [*own, *trained, *OF_DATA, *OF_START, *OF_RUN], f"argument of {recipe.name}"
            )
    whole = {**base.arguments, **asdict(base.training)} if base else {}
    whole |= {name: getattr(base, name) for name in (*OF_DATA, *OF_START)} if base else {}
    whole |= settings
    data, folder = whole.get("data"), whole.get("data_dir")
    as_then = base and all(whole[k] == getattr(base, k) for k in ("data", "data_dir", "holdout"))
    if data is None or not data_text(data):
        raise VaekitError(
            "say what to train on with --data (data=...): `vaekit list` shows what there is"
        )
    return Config(
        recipe.name,
        {name: whole.get(name, default) for name, default in own.items()},
        resolved(str(data)),
        {name: whole[name] for name in trained if name in whole},  # pyright: ignore[reportArgumentType]
        whole.get("holdout", 0.1),
        folder and str(files.place(folder, "the data folder").resolve()),
        data_checksum=base.data_checksum if base and as_then else None,
        validation=whole.get("validation", 0.0),
        **{name: whole.get(name, "") for name in OF_START},
    )


def base_of(what: str | Path | Config) -> Config | None:
    """Return the config that is named or given, None for a recipe."""
    if isinstance(what, Config):
        return what
    path = run_file(what)
    return read_config(path) if path else None


def run_file(what: str | Path) -> Path | None:
    """Return the run file that is named, by itself or by its folder; None for a recipe.

    A recipe wins over a folder of its name: ./vae is the folder.
    """
    cure = "such as 'vae', 'runs/a/run.yaml', or Config(recipe, arguments, data, Training(...))"
    expect(what, str | Path, "what to train", [(object, cure)])
    path = files.place(what, "the run file")
    if str(what) not in recipes.RECIPES and path.is_dir():
        return path / "run.yaml"
    return path if path.suffix in (".yaml", ".yml") else None


def folder_of(what: str | Path | Config, out: Path | str | None, resume: bool) -> Path | None:
    """Return the run folder that is named, None where any will do."""
    if out is not None:
        return files.place(out, "a run folder")
    if not resume:
        return None
    path = None if isinstance(what, Config) else run_file(what)
    if path and path.name == "run.yaml":
        return path.parent
    raise VaekitError("--resume needs --out RUN (out=...), the folder of the run to continue")
