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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

import vaekit
from vaekit import recipes
from vaekit.data import Dataset, Schema, Splits
from vaekit.errors import VaekitError, warn
from vaekit.model import Condition
from vaekit.runs import history, place, trackers
from vaekit.runs.begin import begin, freeze, note_longer
from vaekit.runs.config import Config
from vaekit.runs.folder import CHECKPOINT, MODEL, Run
from vaekit.runs.recorder import Recorder, Saving, agreed
from vaekit.runs.run_file import read_config
from vaekit.runs.show import Watcher
from vaekit.runs.use.conditions import matched
from vaekit.runs.use.inputs import Described, examples, first_split
from vaekit.system import files, own_code, weights
from vaekit.system.stopping import Stopped, on_signals
from vaekit.training import Fit, NotFinite, Training, checkpoint
from vaekit.training.fabric import launched, pick
from vaekit.training.means import CHECK_EVERY
from vaekit.training.state import save_weights

_RANKS = ("RANK", "SLURM_PROCID", "LOCAL_RANK")  # of processes that train together


def train_config(
    config: Config,
    given: Path | None,
    resume: bool,
    saving: Saving,
    watcher: "Watcher | None",
    log: Sequence[str] = (),
    data: tuple[Splits, str] | None = None,
) -> Run:
    """Train what `config` says into the folder `given`, or the first of some that is free.

    `data` are those of the config where they have been read already, with their checksum.
    """
    pick(config.training.device)
    launched(config.training.processes)
    if not resume:  # before data are read, or rendered
        recipes.find(config.recipe).try_out(**config.arguments)
    if not is_first(config.training):  # the first process holds the folder, and tells which it is
        return _train(config, given or Path(), resume, saving, watcher, log, data)
    folders = place.numbered_folders(config) if given is None else [given]
    with place.held(folders, resume) as free:
        return _train(config, free, resume, saving, watcher, log, data)


def is_first(training: Training) -> bool:
    """Say whether this process writes: it is the only one, or the first of several."""
    return training.processes == 1 or all(os.environ.get(name, "0") == "0" for name in _RANKS)


def _train(
    config: Config,
    folder: Path,
    resume: bool,
    saving: Saving,
    watcher: "Watcher | None",
    log: Sequence[str],
    data: tuple[Splits, str] | None,
) -> Run:
    whole, checksum = data or (config.load_data(), None)
    splits, held_out = config.parted(whole)
    checksum = checksum or whole.train.checksum()
    config = _described(config, checksum, splits)
    before = _before(folder, config) if resume else None
    if before == "finished":
        if not saving.keep and read_config(folder / "run.yaml").notes.get("checkpoint") != "kept":
            place.forget_checkpoint(folder)  # killed before it could
        return _opened(folder, config, whole)
    system = config.build(splits.train.shape)
    if not (folder / CHECKPOINT).exists():
        begin(system.model, config)
    freeze(system.model, config)
    held_out = held_out or _named_set(config, splits, system.model.condition)
    if held_out is not None:
        config = replace(config, notes={**config.notes, "validation": len(held_out)})
    fit = Fit(system.model, system.objective, splits.train, config.training, held_out)
    folder = Path(agreed(fit, str(folder)))
    if before == "begun" and _ended(folder / MODEL, fit):  # whatever the notes of run.yaml say
        if fit.fabric.global_rank == 0:
            _conclude(folder, config, fit, saving)
        return _opened(folder, config, whole)
    if resume and (folder / CHECKPOINT).exists():
        _load(fit, folder / CHECKPOINT)
        if before == "longer":
            note_longer(fit, folder)
    following = trackers.following(None, (), folder, fit, splits.test)
    if fit.fabric.global_rank == 0:
        history.start(folder / "history.csv", fit.step)
        _write_config(folder, config, state="unfinished")
        # Weights of an interrupted run grow stale from here on; its checkpoint has the same.
        (folder / MODEL).unlink(missing_ok=True)
        following = trackers.following(watcher, log, folder, fit, splits.test)
        following.begin(config)
    fit.fabric.barrier()  # the others look into what the first process has written
    run = _opened(folder, config, whole)
    state = "failed"
    with _interrupts() as interrupted:
        try:
            _run(fit, run, saving, following, interrupted)
            _finish(fit, run, config, saving, interrupted)
            state = "finished" if fit.ended else "interrupted"
        except NotFinite as error:
            state = "diverged"
            if fit.fabric.global_rank == 0:
                _write_config(folder, config, state="diverged", step=fit.step, steps=fit.steps)
            raise _with_rescue(error, run) from None
        finally:
            following.end(state)
    return run


def _named_set(config: Config, splits: Splits, condition: Condition | None) -> Dataset | None:
    """Return the validation set that is named, read as the run's data are; None where none is."""
    named = config.validation
    if not isinstance(named, str):
        return None
    like = Described(config, Schema.of(splits.train), splits, condition)
    return matched(examples(like, named, split=first_split(named)).data, condition, like.schema)


def _opened(folder: Path, config: Config, splits: Splits) -> Run:
    """Open a run with the data at hand, else judging it would read and hold them a second time."""
    run = Run(folder, config.data_dir)
    run.splits = splits
    return run


def _before(folder: Path, config: Config) -> str | None:
    """Say of the run in a folder that it is "finished", "begun", or to be made "longer".

    None where there is none. Raises `VaekitError` for another run, and for one that cannot be made
    longer.
    """
    if not (folder / "run.yaml").exists():
        return None
    there = read_config(folder / "run.yaml")
    if there.is_longer(config):
        if (folder / CHECKPOINT).exists():
            return "longer"
        raise VaekitError(
            f"{folder} has no checkpoint any more to train on from: train another run from its "
            f"weights, --start {folder} (start=), and next time keep it, --keep-checkpoint"
        )
    changed = there.differences(config)
    if changed:
        raise VaekitError(
            f"{folder} is another run, it cannot be resumed with {'; '.join(changed[:3])}: "
            "repeat the original arguments, or choose another folder with --out"
        )
    finished = there.notes.get("state") == "finished"
    if finished and not (folder / MODEL).exists():
        warn(f"{folder} was finished, but {MODEL} is gone: it is trained once more")
        return "begun"
    return "finished" if finished else "begun"


def _ended(path: Path, fit: Fit) -> bool:
    """Say whether a file of weights is what the whole training ended with."""
    try:
        about = weights.read_tensors(path)[1]
    except VaekitError:
        return False
    return "ended" in about or weights.step_of(about) == fit.steps


def _load(fit: Fit, path: Path) -> None:
    checkpoint.load_checkpoint(fit, path)
    if not 0 < fit.step <= fit.steps:
        raise VaekitError(
            f"{path} is damaged, it is of step {fit.step} of {fit.steps}: bring back a whole one, "
            "or remove it, and --resume trains from the start"
        )


def _described(config: Config, checksum: str, splits: Splits) -> Config:
    """Return the config with what the data turned out to be, and where it is run."""
    if config.data_checksum not in (None, checksum):
        warn(f"the data {config.data} differ from those of the run that is made again")
    train, test = splits
    notes = {
        "shape": list(train.shape),
        "train": len(train),
        "test": len(test),
        "files": dict(train.files),
        "sums": splits.sums(),
        "vaekit": vaekit.__version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        **({"imports": own_code.IMPORTED[:]} if own_code.IMPORTED else {}),
        "machine": f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} threads",
    }
    recipe = recipes.find(config.recipe)
    arguments = recipe.complete(config.arguments, train)
    recipe.complete(arguments, test)  # what it is conditioned on, it is judged on as well
    notes |= Schema.of(train).notes()
    return replace(config, arguments=arguments, data_checksum=checksum, notes=notes)


def _write_config(folder: Path, config: Config, **notes: object) -> None:
    whole = replace(config, notes={**config.notes, **notes})
    files.write_text(folder / "run.yaml", whole.to_yaml())


def _run(fit: Fit, run: Run, saving: Saving, watcher: Watcher, interrupted: list[int]) -> None:
    every = max(1, min(CHECK_EVERY, fit.steps // 200, saving.steps or CHECK_EVERY))
    recorder = Recorder(fit, run, watcher)
    for now in fit:
        if now.step % every == 0 or now.judged or now.step == now.steps:
            recorder.record()
            stopped = agreed(fit, bool(interrupted) or watcher.stop)
            if recorder.due(saving) or stopped or (saving.keep and now.ended):
                checkpoint.save_checkpoint(fit, run.checkpoint)
            if stopped:
                break


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


def _finish(fit: Fit, run: Run, config: Config, saving: Saving, interrupted: list[int]) -> None:
    checkpoint.check_finite(fit)
    fit.settle()
    if fit.fabric.global_rank:
        return
    ended, best = fit.ended, fit.chosen.best
    about = {"ended": "yes"} if ended and fit.step < fit.steps else {}
    about |= {} if best is None else {"best_step": str(best)}
    save_weights(fit.parts.model, run.folder / MODEL, fit.step, about)
    if ended:
        _conclude(run.folder, config, fit, saving)
        return
    by = {"stopped_by": signal.Signals(interrupted[0]).name} if interrupted else {}
    state = {"state": "interrupted", "step": fit.step, "steps": fit.steps}
    _write_config(run.folder, config, **state, **by)


def _conclude(folder: Path, config: Config, fit: Fit, saving: Saving) -> None:
    about = weights.read_tensors(folder / MODEL)[1]
    best = {"best_step": int(about["best_step"])} if "best_step" in about else {}
    step = weights.step_of(about)
    kept = {"checkpoint": "kept"} if saving.keep and (folder / CHECKPOINT).exists() else {}
    _write_config(folder, config, state="finished", step=step, steps=fit.steps, **best, **kept)
    if not kept:
        place.forget_checkpoint(folder)
