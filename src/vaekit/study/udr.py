"""UDR of the runs of a study, kept in udr.json: whether seeds of one setting find the same latents.

The codes of the same test examples by all finished runs of a setting are compared in pairs, latents
with a share of the rate above .01 nats (or of variance above .01 where a code has no rate) counting
as informative (Duan et al. 2020, §4.2; `vaekit.metrics.udr`, by rank correlation). A run's UDR is
the median over its partners. It needs two runs of a setting or more, with weights and the data.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaekit.errors import VaekitError, warn
from vaekit.metrics.udr import ACTIVE, udr
from vaekit.report.codes import encode_items
from vaekit.runs import Run
from vaekit.study.analysis.layout import Repeats, repeats
from vaekit.study.task import sets_of
from vaekit.system import files, forms, writing

if TYPE_CHECKING:
    import polars as pl

FILE, UDR_FORMAT, UDR_EXAMPLES = "udr.json", 1, 2000
LIKENESS = "spearman"
_RUN_FORM = {"udr": float, "partners": int, "n": int}
_UDR_FORM = {"format": int, "kind": str, "runs": {"*": _RUN_FORM}}
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Agreement:
    """Hold the UDR of a run, the number of runs it was compared with, and n examples."""

    udr: float
    partners: int
    n: int


def read_udr(folder: Path) -> dict[str, Agreement]:
    """Return what a study's udr.json holds by the names of runs, nothing where there is none.

    A damaged one, and one of another version, counts as none, with a warning.
    """
    path = folder / FILE
    try:
        there = forms.read_json(path, _UDR_FORM) or {"format": UDR_FORMAT, "runs": {}}
        if there["format"] != UDR_FORMAT:
            raise forms.Damaged("it is of another version")
    except forms.Damaged as error:
        warn(f"{path} counts as none ({error}): compute it anew with --udr")
        return {}
    return {name: Agreement(**each) for name, each in there["runs"].items()}


def compute_udr(
    folder: Path, table: "pl.DataFrame", examples: int = UDR_EXAMPLES, progress: Tell | None = None
) -> dict[str, Agreement]:
    """Compute UDR of every run with partners, write udr.json after each setting, and return all.

    A setting whose runs are in udr.json with the same partners is not computed again. What cannot
    be read (no weights, other data) is left out with a warning. `progress` is told what is done.
    """
    known = read_udr(folder)
    names = table["run"].to_list()
    groups = [group for group in repeats(table) if len(group.rows) > 1]
    every = {names[row] for group in groups for row in group.rows}
    known = {name: each for name, each in known.items() if name in every}
    left = [g for g in groups if not _is_known(known, [names[row] for row in g.rows])]
    for i, group in enumerate(left):
        if progress is not None:
            progress(f"UDR of {group.setting} on {group.data}, {i + 1} of {len(left)}")
        known |= _of_setting(folder, group, [names[row] for row in group.rows], examples)
        _write(folder, known)
    return known


def _is_known(known: Mapping[str, Agreement], runs: Sequence[str]) -> bool:
    return all(run in known and known[run].partners == len(runs) - 1 for run in runs)


def _of_setting(
    folder: Path, group: Repeats, runs: Sequence[str], examples: int
) -> dict[str, Agreement]:
    """Compare the codes of the runs of a setting; nothing where fewer than two can be read."""
    codes: dict[str, np.ndarray] = {}
    masks: dict[str, np.ndarray] = {}
    for name in runs:
        try:
            run = Run(folder / "runs" / name)
            splits = sets_of(run.config)[0]
            if run.config.data_checksum not in (None, splits.train.checksum()):
                raise VaekitError(f"the data {run.config.data} have changed since it was trained")
            run.splits = splits
            items = encode_items(run.model, run.data.test, examples)
        except VaekitError as error:
            warn(f"UDR without {name}: {error}")
            continue
        codes[name], masks[name] = items.means, items.share > ACTIVE
    if len(codes) < 2:
        return {}
    try:
        score = udr(list(codes.values()), LIKENESS, list(masks.values()), shuffles=0)
    except VaekitError as error:
        warn(f"no UDR of {group.setting} on {group.data}: {error}")
        return {}
    n, partners = len(next(iter(codes.values()))), len(codes) - 1
    scores = zip(codes, score.parts["scores"].tolist(), strict=True)
    return {name: Agreement(value, partners, n) for name, value in scores}


def _write(folder: Path, known: Mapping[str, Agreement]) -> None:
    runs = {name: asdict(each) for name, each in known.items()}
    text = json.dumps({"format": UDR_FORMAT, "kind": LIKENESS, "runs": runs}, indent=1)
    with writing(folder / FILE):
        files.write_text(folder / FILE, text)
