"""Read a run file: `run.yaml` as YAML, held against what it may hold, as a `Config`."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from vaekit import recipes
from vaekit.data.tables import dates
from vaekit.data.tables.mixed import Field
from vaekit.errors import VaekitError
from vaekit.runs.config import Config
from vaekit.system import forms, own_code
from vaekit.system.yaml_file import read_yaml

_FIELD = {
    **{"name": str, "law": str, "levels": [forms.ANY], "decimals": int | None},
    **{"low": float, "high": float, "date?": str},
}
_COLUMNS = {
    "fields?": [_FIELD],
    "names": [str],
    "shift": [float],
    "width": [float],
    "fill?": forms.Maybe([float]),
    "scale?": str,
    "missing?": str,
    "*": forms.ANY,
}
_KNOWN = {
    "range": [float],
    "label_names": [str],
    "factors": forms.Maybe({"*": int}),
    "columns": forms.Maybe(_COLUMNS),
    "*": forms.ANY,
}
_NOTES = {
    "shape?": [int],
    "train?": int,
    "test?": int,
    "files?": {"*": str},
    "sums?": {"*": str},
    "known?": _KNOWN,
    "classes?": [int],
    "imports?": [str],
    "state?": str,
    "step?": int,
    "steps?": int,
    "*": forms.ANY,
}
_FORM = {
    "recipe": str,
    "data?": str | None,
    "holdout?": float,
    "validation?": float | str,
    **dict.fromkeys(("start?", "start_parts?", "freeze?"), str),
    "data_dir?": str | None,
    "data_checksum?": str | None,
    "notes?": forms.Maybe(_NOTES),
    "*": forms.ANY,
}


def read_config(path: Path) -> Config:
    """Read a `run.yaml`; raise `VaekitError` where it is missing, damaged, or no run file."""
    found = read_yaml(path, "run file", "repair it, or train anew")
    try:
        return from_mapping(found, path)
    except VaekitError as error:
        if str(path) in str(error):
            raise
        raise VaekitError(f"{path}: {error}") from None


def from_mapping(found: Any, path: Path) -> Config:
    """Build a config from what a YAML file held; raise `VaekitError` for what it may not hold."""
    if not isinstance(found, dict) or "recipe" not in found:
        raise VaekitError(f"{path} is not a run file: it needs at least `recipe: NAME`")
    known = {f.name for f in fields(Config)}
    if found.keys() - known:
        unknown = sorted(map(str, found.keys() - known))
        raise VaekitError(
            f"{path} has unknown keys {unknown}: known are {', '.join(sorted(known))}"
        )
    try:
        forms.check_form(found, _FORM)
        _check_notes(found.get("notes") or {})
    except forms.Damaged as error:
        raise VaekitError(f"{path} is damaged: {error}. Repair it, or train anew") from None
    hint = own_code.missing_imports((found.get("notes") or {}).get("imports", ()))
    if hint and found["recipe"] not in recipes.RECIPES:
        raise VaekitError(f"{path}: there is no recipe {found['recipe']!r} here{hint}")
    given = {"arguments": {}, **found}
    return Config(**{**given, "data": found.get("data") or "", "notes": found.get("notes") or {}})


def _check_notes(notes: Mapping[str, Any]) -> None:
    """Raise `Damaged` where notes do not agree with each other."""
    shape, known = notes.get("shape", [1]), notes.get("known", {})
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise forms.Damaged(f"notes.shape should be [C, H, W] or [D], got {shape}")
    if len(known.get("range", (0, 1))) != 2:
        raise forms.Damaged("notes.known.range should be two numbers")
    columns = dict(known.get("columns") or {})
    mixed = columns.pop("fields", [])
    if odd := {field.get("date", "") for field in mixed} - {"", *dates.TYPES, *dates.FORMS}:
        raise forms.Damaged(
            f"notes.known.columns.fields has a form of dates unknown, {odd.pop()!r}"
        )
    sizes = {len(each) for each in columns.values() if isinstance(each, list)}
    sizes |= {sum(Field.from_plain(field).width for field in mixed)} if mixed else set()
    if sizes - {shape[0]}:
        raise forms.Damaged(f"notes.known.columns should be of {shape[0]} columns")
