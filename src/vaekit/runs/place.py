"""The place of a run: a folder that one training holds while it writes there.

Readers need no lock, for all files but history.csv are swapped in whole. A process that was killed
may leave a lock file, parts of files and empty folders: they are no content.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from vaekit.data import source
from vaekit.errors import VaekitError
from vaekit.runs import history, results
from vaekit.runs.config import Config
from vaekit.runs.folder import CHECKPOINT, MODEL
from vaekit.runs.trackers import LOGS
from vaekit.system import files, locks, writing

LOCK = ".lock"
_TRIES = 20


class Occupied(VaekitError):
    """Report a folder that holds something already."""


@contextmanager
def held(folders: Iterable[Path], resume: bool) -> Iterator[Path]:
    """Hold the first of some folders that is free, or with `resume` holds a run, and return it.

    A new run that fails inside and has recorded nothing leaves no trace. Raises `Occupied` or
    `Taken` where no folder is free, and `VaekitError` where none can be made.
    """
    with ExitStack() as stack:
        yield _first(stack, folders, resume)


def _first(stack: ExitStack, folders: Iterable[Path], resume: bool) -> Path:
    why = Occupied("there is no folder to train into: name one with --out")
    for folder in folders:
        try:
            with writing(folder):
                return _entered(stack, folder, resume)
        except (Occupied, locks.Taken) as error:
            why = error
    raise why


def _entered(stack: ExitStack, folder: Path, resume: bool) -> Path:
    """Enter a folder, again where a process that gave it up has just removed it."""
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            return stack.enter_context(_held(folder, resume))
    return stack.enter_context(_held(folder, resume))


@contextmanager
def _held(folder: Path, resume: bool) -> Iterator[Path]:
    _check_folder(folder, resume)
    said = (
        f"another training ({{holder}}) is writing {folder}: wait until it has ended, "
        "or choose another folder with --out"
    )
    with _made(folder), locks.locked(folder / LOCK, said=said):
        _check_folder(folder, resume)  # once more: another training may have ended in between
        _remove_leftovers(folder)
        new = not (folder / "run.yaml").exists()
        try:
            yield folder
        except BaseException:
            if new and not _recorded(folder):
                for name in ("history.csv", "run.yaml"):
                    (folder / name).unlink(missing_ok=True)
                shutil.rmtree(folder / LOGS, ignore_errors=True)
            raise


def _recorded(folder: Path) -> bool:
    """Say whether a run has left anything that it can be resumed from or judged by."""
    kept = (folder / CHECKPOINT, folder / MODEL)
    return any(path.exists() for path in kept) or bool(history.look(folder / "history.csv").rows)


def numbered_folders(config: Config) -> Iterator[Path]:
    """List the folders runs/RECIPE-DATA-N in the order of N."""
    origin = source(config.data)
    data = origin.path.name.split(".")[0] if origin.path else origin.loader
    return (Path("runs") / f"{config.recipe}-{data}-{n}" for n in count(1))


def _check_folder(folder: Path, resume: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise Occupied(f"{folder} is a file, no folder: choose another one with --out")
    occupied = folder.is_dir() and any(not _left(path) for path in folder.iterdir())
    if occupied and not (folder / "run.yaml").exists():
        raise Occupied(f"{folder} is not empty and no run: choose another folder with --out")
    if occupied and not resume:
        raise Occupied(
            f"{folder} holds a run already: choose another folder with --out, "
            "or continue it with --resume"
        )
    files.check_folder(folder)


def _left(path: Path) -> bool:
    """Say whether a path may be what a killed process left of a run that was none yet."""
    return path.suffix == ".part" or path.name in (LOCK, results.RESULTS_LOCK)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left."""
    for place in (folder, folder / CHECKPOINT.parent):
        files.remove_parts(place)
    locks.discard(folder / results.RESULTS_LOCK)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder; remove it, and those that were made for it, where they stay empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        if folder in missing:  # a signal may come between a lock's file and its holder
            locks.discard(folder / LOCK)
        for path in missing:
            with suppress(OSError):
                path.rmdir()


def forget_checkpoint(folder: Path) -> None:
    """Remove the checkpoint of a run that is finished."""
    shutil.rmtree((folder / CHECKPOINT).parent, ignore_errors=True)
