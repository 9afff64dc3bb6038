"""What the training of a run has settled of how files like its own are read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vaekit.data import TableColumns
from vaekit.data.catalogue import FILES, DataSource, source
from vaekit.errors import VaekitError

if TYPE_CHECKING:
    from vaekit.runs.folder import Run
    from vaekit.runs.use.inputs import Described


def reading_options(run: "Run | Described", origin: DataSource) -> dict[str, Any]:
    """Return how own files are read: as the run's were, where those were alike, or as is asked."""
    trained = run.config.data
    named = trained.partition("(")[0].strip() in FILES
    before = source(trained) if named else DataSource("")
    own = before.options if before.loader == origin.loader else {}
    if origin.loader == "table" and run.schema.columns is not None:
        _check_settled(run.schema.columns, own, origin.options)
    return own | origin.options


def _check_settled(columns: TableColumns, own: dict[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise `VaekitError` for options of a table that its training settled otherwise."""
    mixed = bool(columns.fields)
    known = {"scale": columns.scale, "mixed": mixed, "columns": list(columns.names)} | own
    settled = ("columns", "without", "scale", "mixed", "laws", *(["missing"] if mixed else []))
    if others := [
        name
        for name in settled
        if name in asked and _in_order(asked[name]) != _in_order(known.get(name))
    ]:
        raise VaekitError(
            f"{', '.join(others)} cannot be chosen here: columns, their laws and scaling are those "
            f"of the run's training, so leave {'it' if len(others) == 1 else 'them'} out"
        )


def _in_order(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, list | tuple) else value


def windows_like(run: "Run | Described", asked: dict[str, Any]) -> dict[str, Any]:
    """Return how windows are cut, with as many samples as the run's have."""
    shape = run.schema.shape
    if len(shape) != 3 or shape[1] != 1:
        raise VaekitError(f"the run was trained on examples of {shape}, which no windows have")
    if asked.get("window", shape[2]) != shape[2]:
        raise VaekitError(f"the run's windows have {shape[2]} samples: leave window= out")
    return {**asked, "window": shape[2]}
