"""Codes and conditions that users bring in files: arrays and tables."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.data.files import arrays, tables
from vaekit.errors import VaekitError, shortened
from vaekit.system import files

if TYPE_CHECKING:
    from vaekit.runs.folder import Run


def codes_in(given: Any) -> tuple[np.ndarray, list[str] | None]:
    """Read codes (N, H) and, where `encode` kept them, the names of their pictures.

    Takes a .npy, an .npz or .csv of `encode`, or another table of numbers, also as a data frame:
    columns named z0, z1, … in any order, or else all columns as they stand. Raises `VaekitError`
    where there are no codes.
    """
    if tables.is_frame(given):
        file, ending = given, None
    else:
        file = files.place(given, "the codes")
        ending = file.suffix.lower()
        if file.is_file() and ending not in (*arrays.ARRAY_ENDINGS, *tables.TABLE_ENDINGS):
            raise VaekitError(f"{file} holds no codes: use .npy, .npz, .csv or .parquet")
    if ending is None or ending in tables.TABLE_ENDINGS:
        whole = tables.read_table(file, plain=True)
        names = whole.words("name") if "name" in whole.frame.columns else None
        used = _code_columns(whole.frame.columns, whole.what)
        z = whole.numbers(used, cure="Repair those codes, or remove them")[0]
    else:
        names = arrays.read_array(file, "name")[0] if _first_name(file, ("name",)) else None
        z = arrays.read_array(file, _first_name(file, ("code", "mean", "z")))[0]
    return z, None if names is None else [str(name) for name in names]


def _first_name(path: Path, keys: tuple[str, ...]) -> str | None:
    """Return the first of these names that an .npz has, or None."""
    held = arrays.array_names(path) if path.suffix.lower() == ".npz" else []
    return next((key for key in keys if key in held), None)


def _code_columns(names: list[str], what: str) -> list[str]:
    own = [name for name in names if re.fullmatch(r"z\d+", name)]
    wanted = [f"z{h}" for h in range(len(own))]
    if set(own) != set(wanted):
        raise VaekitError(
            f"{what} has the columns {shortened(own)}, but {len(own)} codes are named "
            f"{shortened(wanted)}: add those that are missing, or name the columns otherwise to "
            "have them taken as they stand"
        )
    return wanted or [name for name in names if name not in ("name", "row")]


def condition_in(text: str | None, run: "Run") -> str | np.ndarray | None:
    """Read --condition: text as it is, or one condition for each row of a .npy, .npz or table.

    Raises `VaekitError` for a file that cannot be read.
    """
    if text is None or run.condition is None:
        return text  # what is not asked for is refused where it is read
    path = Path(text).expanduser()
    if path.suffix.lower() in arrays.ARRAY_ENDINGS:
        return arrays.read_array(path, _first_name(path, ("condition",)))[0]
    if path.suffix.lower() not in tables.TABLE_ENDINGS:
        return text
    whole = tables.read_table(path, plain=True)
    names = [name for name in whole.frame.columns if name not in ("name", "row")]
    factors = list(run.schema.factors or ())
    kind, width = run.condition.kind, run.condition.width
    used = factors if kind == "factors" and set(factors) <= set(names) else names
    if len(used) == 1 and kind == "labels":
        return whole.words(used[0]).astype(str)  # as on the command line, a name before all
    if len(used) not in (width, len(factors)):
        taken = {
            "labels": "one column, of classes",
            "factors": f"a column of levels for each factor, {', '.join(factors)}",
        }
        raise VaekitError(
            f"{path} has the columns {shortened(used)}, but as conditions a file has "
            f"{taken.get(kind, f'{width} columns, the attributes')}: leave all others out of it"
        )
    return whole.numbers(used, cure="Repair those conditions")[0]
