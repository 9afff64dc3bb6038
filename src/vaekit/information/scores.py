"""The scores of a model's codes, by name: of factors where they are known, of labels, of samples.

The scores of factors read the mean codes of one choice of examples, `correlation` drawn codes too.
The others are those of `vaekit.information.worth`, and `match` those of
`vaekit.information.match`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaekit import metrics
from vaekit.apply import condition_of, encode_set, sample_rows
from vaekit.arguments import check
from vaekit.corruption import corruption
from vaekit.data import Dataset, Factors
from vaekit.errors import VaekitError, nearest
from vaekit.given import check_counts, check_seed
from vaekit.information.categories import categories, other_entries
from vaekit.information.encoding import check_subject
from vaekit.information.features import Features
from vaekit.information.match import match, unmatched
from vaekit.information.rates import row_of
from vaekit.information.worth import JUDGES, Subject, parted
from vaekit.metrics import Score
from vaekit.model import Model

SHARE = "in [0, 1]"
Progress = Callable[[str, int, int], None]
Rows = dict[str, tuple[Score | float, str]]


@dataclass(frozen=True)
class _View:
    """Hold what the scores read: mean and drawn codes (n, H), levels (n, K), names, bins, seed.

    `free` are the entries of the code that are no one-hots'.
    """

    mean: np.ndarray
    drawn: np.ndarray | None
    levels: np.ndarray
    names: tuple[str, ...]
    bins: int
    seed: int
    free: list[int]

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
    *,
    train: Dataset | None = None,
    corruptions: Sequence[str] = (),
    network: Features | None = None,
) -> dict[str, dict[str, Any]]:
    """Score up to `n` examples of a set by the scores in `names`, `all` or none for what applies.

    What learns from labels does so on `train`, or on a half of the set where there is none; the
    accuracies are given for clean inputs and under each of `corruptions`, such as
    `masking(p=0.5)`. `network` maps images to features for `fid`; without one `feature_network`
    is trained. Returns name → value, estimator, n, shuffled, parts and so on as `evaluate` does; a
    value that is infinite is None. `progress` gets each name with its place and their number.
    Raises `VaekitError` for an unknown name, n < 1, what a set or a model lacks for a score that is
    named, and corruptions that no score is asked under.
    """
    check_counts(n=n, bins=bins)
    check_seed(seed)
    check("names", names, Sequence[str], ("mig", "dci"))
    check("corruptions", corruptions, Sequence[str], ("masking(p=0.5)",))
    acts = {text: corruption(text) for text in corruptions}
    wanted, _ = applying(model, data, names, train, network)
    if acts and not {"svm", "probe", "clusters"} & set(wanted):
        raise VaekitError(
            "a corruption is for scores of labels from corrupted inputs: ask for svm, probe or "
            "clusters too"
        )
    learn, held = (train, data) if train is not None else (data, data)
    if train is None and set(wanted) & JUDGES.keys():
        learn, held = parted(data, seed)
    subject = Subject(model, held, learn, n, seed, acts, network)
    view = _view(model, data, n, bins, seed) if set(wanted) & SCORES.keys() else None
    found = dict[str, Any]()
    for done, name in enumerate(wanted):
        if progress is not None:
            progress(name, done, len(wanted))
        if view is not None and name in SCORES:
            rows, told = SCORES[name](view), {"factors": list(view.names)}
        else:
            judged = match(model, data, n, seed) if name == "match" else JUDGES[name][0](subject)
            rows, told = judged, {}
        for row, (value, unit) in rows.items():
            found[row] = row_of(value, unit, n if view is None else len(view.mean)) | told
    return found


def applying(
    model: Model,
    data: Dataset,
    names: tuple[str, ...] = (),
    train: Dataset | None = None,
    network: Features | None = None,
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the scores that are meant by `names`, and of those left out of `all` the reasons.

    Raises `VaekitError` for an unknown name, where one that is named does not apply, and for what
    is no model or no set of its examples.
    """
    check_subject(model, data)
    if train is not None:
        check_subject(model, train)
    subject = Subject(model, data, train or data, network=network)
    named = [name for name in names if name != "all"]
    for name in named:
        if name not in NAMES:
            raise nearest(name, [*NAMES, "all"], "score")
        if lacks := _lacks(name, subject):
            raise VaekitError(
                f"{lacks}, which the score {name!r} needs: leave it out, or ask for all that apply"
            )
    if named and "all" not in names:
        return tuple(dict.fromkeys(named)), {}
    why = {name: _lacks(name, subject) or COSTLY.get(name, "") for name in NAMES}
    wanted = tuple(name for name in NAMES if name in named or not why[name])
    return wanted, {name: why[name] for name in NAMES if name not in wanted}


def _lacks(name: str, subject: Subject) -> str:
    if name in JUDGES:
        return JUDGES[name][1](subject)
    if name == "match":
        return unmatched(subject.model, subject.held)
    size = subject.model.posterior.latent
    if name == "correlation" and not other_entries(size, subject.places):
        return "this model's code is one category and has no latents to correlate"
    bare = subject.held.factors is None and name != "correlation"
    return f"{subject.held.name} has no factors" if bare else ""


def chosen(text: str) -> tuple[str, ...]:
    """Read names of scores with commas between, or `all`; raises `VaekitError` as `score` does."""
    names = tuple(word.strip() for word in text.split(",") if word.strip())
    for name in names:
        if name not in (*NAMES, "all"):
            raise nearest(name, [*NAMES, "all"], "score")
    return tuple(dict.fromkeys(names))


def _view(model: Model, data: Dataset, n: int, bins: int, seed: int) -> _View:
    rows = sample_rows(len(data), n)
    levels, names = data.levels(rows), data.factors.names if data.factors is not None else ()
    told = condition_of(model, data, rows)
    codes = encode_set(model, data.subset(rows), told, draw=True, seed=seed)
    drawn = None if codes.std is None else codes.code.numpy()
    if levels is None:
        levels = np.zeros((len(rows), 0), int)
    free = other_entries(codes.mean.shape[1], categories(model, data))
    return _View(codes.mean.numpy(), drawn, levels, names, bins, seed, free)


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
            free = codes[:, view.free]  # the entries of a one-hot sum to 1
            total = metrics.gaussian_total_correlation(free, seed=view.seed)
            found[f"gaussian_tc_{of}"] = total, "nats"
            distance = metrics.wasserstein_correlation(free, seed=view.seed)
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
COSTLY = {
    "fid": "takes a minute, name it",
    "parzen": "takes a minute, name it",
}
NAMES = (*SCORES, *JUDGES, "match")
