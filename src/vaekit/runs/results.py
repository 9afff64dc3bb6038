"""The results in a run's folder: metrics.json, refits.json, ledger.json.

Several commands may judge a run at once. Each reads what there is, adds its own and writes, and
holds a lock only for that. A damaged file is left out with a note, and made anew by the next write.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vaekit.errors import warn
from vaekit.system import files, forms, locks, writing

METRICS, REFITS, LEDGER = "metrics.json", "refits.json", "ledger.json"
RESULTS_LOCK = ".results.lock"
_WAIT = 60.0  # seconds; a merge takes milliseconds

Results = dict[str, Any]
Say = Callable[..., object]  # print, or nothing

_NUMBER = {
    "value": float | None,
    "estimator?": str,
    "n?": forms.Maybe(forms.Least(int)),
    "se?": forms.Maybe(forms.Least(float)),
    "unit?": str,
    "direction?": str,
    "split?": str,
    "step?": int | None,
    "weights?": str,
    "shuffled?": float | None,
    "*": forms.ANY,
}
_LINE = {
    **dict.fromkeys(("part", "key", "name", "estimator", "unit", "direction"), str),
    "relation?": str,
    "value": forms.REAL,
    "se": forms.Maybe(forms.Least(forms.REAL)),
    "n": forms.Least(int),
    "depth": int,
    "checks": [{"claim": str, "off": forms.REAL, "se": forms.REAL, "equal": bool, "holds?": bool}],
}
_REFIT = {
    "elbo?": _NUMBER,
    "distortion?": _NUMBER,
    "noise": {"*": float | None},
    "note?": str,
    "gain?": _NUMBER,
    "chosen?": bool,
}
_FORMS: dict[str, Any] = {
    METRICS: {"*": _NUMBER},
    REFITS: {"*": _REFIT},
    LEDGER: {
        "data": str,
        "split": str,
        "step": int | None,
        "weights?": str,
        "n": forms.Least(int),
        "rows": [_LINE],
        "parts": {"*": int},
        "notes": [str],
        "*": forms.ANY,
    },
}


def silent(*text: Any, **how: Any) -> None:
    """Print nothing."""


class Stamp(NamedTuple):
    """Tell weights: the `step` of training that they are of, and a `mark` of their values."""

    step: int | None
    mark: str

    def as_dict(self) -> Results:
        """Return what a number in a result file says of its weights."""
        return {"step": self.step, "weights": self.mark}


def read_results(path: Path) -> Results:
    """Return what a result file holds: nothing where there is none, or where it is damaged."""
    locks.discard(path.with_name(RESULTS_LOCK))  # which a killed process may have left
    try:
        return forms.read_json(path, _FORMS[path.name]) or {}
    except forms.Damaged as error:
        warn(f"{path} is damaged and left out ({error}): it is made anew when it is written next")
        return {}


def write_results(path: Path, content: Mapping[str, Any]) -> None:
    """Write a result file, with None for numbers that are not finite."""
    files.write_text(path, json.dumps(_json_value(content), indent=2) + "\n")


def merge(path: Path, new: Results, kept: Callable[[Results], Results | None]) -> None:
    """Add results to a file while no other process does; `kept` says what stays of those before.

    Where it says None the file is left as it is. Raises `VaekitError` where it cannot be written.
    """
    with writing(path), locks.locked(path.with_name(RESULTS_LOCK), _WAIT):
        before = kept(read_results(path))
        if before is not None:
            write_results(path, before | new)


def agree(old: Results, new: Results, by: str = "distortion") -> bool:
    """Say whether numbers are of the same weights and examples, as the one named `by` tells."""
    was, now = (each.get(by, {}) for each in (old, new))
    same = all(was.get(key) == now.get(key) for key in ("n", "split", "step"))
    return same and was.get("weights", now.get("weights")) == now.get("weights")


def are_of(numbers: Mapping[str, Any], stamp: Stamp) -> bool:
    """Say whether there are numbers and all are of these weights, as far as they tell."""
    told = {Stamp(each.get("step"), each.get("weights", stamp.mark)) for each in numbers.values()}
    return bool(told) and told <= {stamp, Stamp(None, stamp.mark)}


def of_others(result: Mapping[str, Any], stamp: Stamp) -> str:
    """Say of which other weights a result is; nothing where it is of these, as far as it tells."""
    older = "weights" not in result
    same = result.get("step") == stamp.step if older else result["weights"] == stamp.mark
    return "" if same else f"of step {result.get('step')}, other weights than these of {stamp.step}"


def _json_value(value: Any) -> Any:
    """Return what JSON can hold: None for a number that is not finite."""
    if isinstance(value, Mapping):
        return {name: _json_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
