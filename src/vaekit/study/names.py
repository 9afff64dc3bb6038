"""Names of runs: what people read, and an end by which a study finds a run again."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vaekit.arguments import fits
from vaekit.runs import Config
from vaekit.training import Training

ADDED = ("critics",)  # settings of the training that came after the first marks
DIGITS = 10  # letters at the end of a name, by which runs are told apart
_LONGEST_NAME = 80  # letters of the part that people read


def mark_of(config: Config) -> str:
    """Return letters that tell runs apart, of all that decides one.

    A setting of `ADDED` at its default is left out, so that studies of before find their runs.
    """
    decisive = config.identity()
    defaults = Training()
    for name in ADDED:
        if decisive["training"][name] == getattr(defaults, name):
            del decisive["training"][name]
    text = json.dumps(_as_real(decisive), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _as_real(value: Any) -> Any:
    """Return whole numbers as real ones, for 1 and 1.0 decide the same run."""
    if isinstance(value, Mapping):
        return {name: _as_real(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_real(each) for each in value]
    return float(value) if fits(value, float) else value


def readable_name(recipe: str, common: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return recipe, data, own settings and seed of a run as letters that a folder may have."""
    data = str(common.get("data", "")).partition("(")[0]
    words = [recipe, Path(data).stem]
    words += [f"{name}={_short(value)}" for name, value in given.items() if name != "seed"]
    words += [f"s{given['seed']}"] if "seed" in given else []
    return "-".join(re.sub(r"[^\w.=+,-]+", "_", word).strip("_") for word in words if word)[
        :_LONGEST_NAME
    ]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
