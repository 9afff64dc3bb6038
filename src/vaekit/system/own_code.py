"""Code of a user's own that a command is told to import: it enters parts and recipes by name.

A run folder never imports anything: it names the files, and who reads it says whether to.
Installed packages with an entry point of the group `vaekit.plugins` are imported by themselves once
recipes are, or a set is asked for by name.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from vaekit.errors import VaekitError, warn

IMPORTED: list[str] = []
GROUP = "vaekit.plugins"
_looked: list[bool] = []  # whether installed packages were looked through


def take(name: str) -> None:
    """Import a Python file by its path, or a module by its name.

    Raises `VaekitError` where there is none, or it fails, with the line.
    """
    path = Path(name).expanduser()
    is_file = path.suffix == ".py" or path.exists()
    try:
        if is_file:
            _run_file(path)
        else:
            import_module(name)
    except FileNotFoundError:
        raise VaekitError(f"--import {name}: there is no such file") from None
    except VaekitError as error:
        raise VaekitError(f"--import {name}: {error}") from error
    except Exception as error:
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        if not is_file and absent == name.partition(".")[0]:
            raise VaekitError(f"--import {name}: {error}; name a file, my_parts.py") from error
        line = error.lineno if isinstance(error, SyntaxError) else _line_of_error(error, path)
        at = f", line {line}" if line else ""
        raise VaekitError(f"--import {name}{at}: {type(error).__name__}: {error}") from error
    IMPORTED.append(str(path.resolve()) if is_file else name)


def take_plugins() -> None:
    """Import what installed packages have to enter, once; warn of what fails, and go on."""
    from importlib.metadata import entry_points

    if _looked:
        return
    _looked.append(True)
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except (Exception, SystemExit) as error:
            why = " ".join(f"{type(error).__name__}: {error}".split())
            warn(f"the plugin {point.name} ({point.value}) is left out, it fails: {why}")
        else:
            IMPORTED.append(point.module)


def _run_file(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(path)
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise VaekitError("it is no Python file")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module  # so that what it defines can be pickled, and found by workers
    spec.loader.exec_module(module)


def _line_of_error(error: BaseException, path: Path) -> int | None:
    """Return the last line of the file that the error passed through."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def missing_imports(wanted: Sequence[str]) -> str:
    """Say which imports a run was made with and this process has not made; else nothing."""
    lacking = [name for name in wanted if name not in IMPORTED]
    flags = " ".join(f"--import {name}" for name in lacking)
    return f"; the run was made with {flags}: give that again" if lacking else ""


@contextmanager
def named(wanted: Sequence[str]) -> Iterator[None]:
    """Add to an error which imports a run was made with, where they have not been made here."""
    try:
        yield
    except VaekitError as error:
        hint = missing_imports(wanted)
        if not hint:
            raise
        raise VaekitError(f"{str(error).rstrip('.')}{hint}") from None
