"""Where a result goes: whether it may be written there is settled before anything is computed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vaekit import pictures
from vaekit.data import Schema
from vaekit.errors import VaekitError
from vaekit.system import files

CODE_FILES = (".npz", ".npy", ".csv")
MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class Target:
    """Name the place of a result: a file of a known ending, or without one a folder of pictures.

    Raises `VaekitError` for an ending that is not among `endings`, for a place that is taken
    unless `force`, and always for files that are being read, or are the run's data by `is_data`.
    """

    path: Path
    endings: tuple[str, ...]
    force: bool = False
    reads: tuple[Path, ...] = ()
    is_data: Callable[[Path], bool] = lambda path: False

    def __post_init__(self) -> None:
        if self.ending not in self.endings:
            known = ", ".join(end or "a folder of pictures" for end in self.endings)
            said = f"an ending {self.path.suffix}" if self.ending else "a folder"
            raise VaekitError(f"{self.path}: {said} does not serve here, --out may be {known}")
        if any(_within(self.path, read) for read in self.reads):
            raise VaekitError(f"{self.path} is what is read here: choose another --out")
        if self.is_data(self.path):
            raise VaekitError(f"{self.path} is of the run's own data: choose another --out")
        if self.path.name == "history.csv" and (self.path.parent / "run.yaml").exists():
            raise VaekitError(f"{self.path} is a place of the run itself: choose another --out")
        if self.path.is_dir() if self.ending else self.path.is_file():
            raise VaekitError(f"{self.path} is a {'folder' if self.ending else 'file'} already")
        (files.check_file if self.ending else files.check_folder)(self.path)
        taken = any(self.path.iterdir()) if self.path.is_dir() else self.path.exists()
        if taken and not self.force:
            raise VaekitError(
                f"{self.path} exists: choose another --out, or overwrite with --force"
            )

    @property
    def ending(self) -> str:
        """Return the ending in small letters, empty for a folder."""
        return "" if self.path.is_dir() else self.path.suffix.lower()


def endings(schema: Schema) -> tuple[str, ...]:
    """List the endings that examples of a run can be written with, the usual one first."""
    if len(schema.shape) != 3:
        return (".csv", ".npy") if schema.columns is not None else (".npy", ".csv")
    folder = ("",) if schema.shape[0] in MODES else ()
    return (".png", ".npy", *folder, *pictures.MOVING)


def _within(path: Path, read: Path) -> bool:
    path, read = path.resolve(), read.resolve()
    return path == read or (read.is_dir() and read in path.parents)
