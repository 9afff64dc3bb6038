"""The scores of a model's codes, for a set whose factors are known.

All read the mean codes of one choice of examples; `correlation` reads drawn codes too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaekit import metrics
from vaekit.apply import condition_of, encode_set, sample_rows
from vaekit.data import Dataset, Factors
from vaekit.errors import VaekitError, nearest
from vaekit.metrics import Score
from vaekit.model import Model

SHARE = "in [0, 1]"
Progress = Callable[[str, int, int], None]
Rows = dict[str, tuple[Score | float, str]]


@dataclass(frozen=True)
class _View:
    """Hold what the scores read: mean and drawn codes (n, H), levels (n, K), names, bins, seed."""

    mean: np.ndarray
    drawn: np.ndarray | None
    levels: np.ndarray
    names: tuple[str, ...]
    bins: int
    seed: int

    def votes(self, by: Callable[..., Score]) -> Score:
        """Score by votes, on a set whose images are the codes."""
        factors = Factors.of(self.names, list(self.levels.T))
        codes = Dataset(torch.from_numpy(self.mean), factors=factors)
        return by(lambda z: z, codes, seed=self.seed)


def score(
    model: Model,
    data: Dataset,
    names: tuple[str, ...] = (),
    n: int = 10_000,
    bins: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Score up to `n` examples of a set by the scores in `names`, all where there are none.

    Returns name → value, estimator, n, shuffled, parts and so on as `evaluate` does; a value that
    is infinite is None. `progress` gets each name with its place and their number. Raises
    `VaekitError` for an unknown name, n < 1, and a set without factors.
    """
    wanted = names or tuple(SCORES)
    for name in wanted:
        if name not in SCORES:
            raise nearest(name, SCORES, "score")
    view, found = _view(model, data, n, bins, seed, wanted), dict[str, Any]()
    for done, name in enumerate(wanted):
        if progress is not None:
            progress(name, done, len(wanted))
        for row, (value, unit) in SCORES[name](view).items():
            found[row] = _row(value, unit, view)
    return found


def chosen(text: str) -> tuple[str, ...]:
    """Read names of scores with commas between, or `all`; raises `VaekitError` as `score` does."""
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    if "all" in names:
        return tuple(SCORES)
    for name in names:
        if name not in SCORES:
            raise nearest(name, [*SCORES, "all"], "score")
    return tuple(dict.fromkeys(names))


def _view(
    model: Model, data: Dataset, n: int, bins: int, seed: int, wanted: tuple[str, ...]
) -> _View:
    if n < 1:
        raise VaekitError(f"n must be ≥ 1, got n={n}")
    rows = sample_rows(len(data), n)
    levels, names = data.levels(rows), data.factors.names if data.factors is not None else ()
    if levels is None and set(wanted) != {"correlation"}:
        raise VaekitError(
            f"{data.name} has no factors, which these scores need: use a set that has, such as "
            "sprites or dsprites, or ask for the score `correlation` alone"
        )
    told = condition_of(model, data, rows)
    codes = encode_set(model, data.subset(rows), told, draw=True, seed=seed)
    drawn = None if codes.std is None else codes.code.numpy()
    if levels is None:
        levels = np.zeros((len(rows), 0), int)
    return _View(codes.mean.numpy(), drawn, levels, names, bins, seed)


def _row(value: Score | float, unit: str, view: _View) -> dict[str, Any]:
    said = value.as_dict() if isinstance(value, Score) else {"value": value, "n": len(view.mean)}
    said["value"] = said["value"] if math.isfinite(said["value"]) else None
    found = {"estimator": "exact", "se": None, "unit": unit, "direction": "consistent", **said}
    return {**found, "factors": list(view.names)}


def _mig(view: _View) -> Rows:
    return {"mig": (metrics.mig(view.mean, view.levels, view.bins), "share of the entropy")}


def _by_neighbours(view: _View) -> Rows:
    found = metrics.mig_by_neighbours(view.mean, view.levels, seed=view.seed)
    return {"mig_by_neighbours": (found, "share of the entropy")}


def _dci(view: _View) -> Rows:
    found = metrics.dci(view.mean, view.levels, seed=view.seed)
    more = {f"dci_{k}": (found.parts[k], SHARE) for k in ("completeness", "informativeness")}
    return {"dci_disentanglement": (found, SHARE), **more}


def _dci_es(view: _View) -> Rows:
    found = metrics.dci_es(view.mean, view.levels, seed=view.seed)
    size = found.parts["size"], "factors by latents"
    return {"dci_explicitness": (found, "at most 1"), "dci_size": size}


def _sap(view: _View) -> Rows:
    r2 = metrics.sap(view.mean, view.levels, "r2", seed=view.seed)
    svm = metrics.sap(view.mean, view.levels, "svm", seed=view.seed)
    return {"sap_r2": (r2, SHARE), "sap_svm": (svm, SHARE)}


def _modularity(view: _View) -> Rows:
    found = metrics.modularity_explicitness(view.mean, view.levels, view.bins, seed=view.seed)
    return {"modularity": (found, SHARE), "explicitness": (found.parts["explicitness"], SHARE)}


def _irs(view: _View) -> Rows:
    return {"irs": (metrics.irs(view.mean, view.levels, seed=view.seed), SHARE)}


def _beta_vae(view: _View) -> Rows:
    return {"beta_vae_score": (view.votes(metrics.beta_vae_score), "share of votes")}


def _factor_vae(view: _View) -> Rows:
    return {"factor_vae_score": (view.votes(metrics.factor_vae_score), "share of votes")}


def _infomec(view: _View) -> Rows:
    found = metrics.infomec(view.mean, view.levels, view.bins, seed=view.seed)
    more = {f"info_{k}": (found.parts[k], SHARE) for k in ("explicitness", "compactness")}
    return {"info_modularity": (found, SHARE), **more}


def _correlation(view: _View) -> Rows:
    found: Rows = {}
    for of, codes in (("mean", view.mean), ("drawn", view.drawn)):
        if codes is not None:
            total = metrics.gaussian_total_correlation(codes, seed=view.seed)
            found[f"gaussian_tc_{of}"] = total, "nats"
            distance = metrics.wasserstein_correlation(codes, seed=view.seed)
            found[f"wasserstein_{of}"] = distance, "share of the variance"
    return found


SCORES: dict[str, Callable[[_View], Rows]] = {
    "mig": _mig,
    "mig_by_neighbours": _by_neighbours,
    "dci": _dci,
    "dci_es": _dci_es,
    "sap": _sap,
    "modularity": _modularity,
    "irs": _irs,
    "beta_vae": _beta_vae,
    "factor_vae": _factor_vae,
    "infomec": _infomec,
    "correlation": _correlation,
}
