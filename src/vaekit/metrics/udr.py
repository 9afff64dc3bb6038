"""UDR: whether models that differ in their seed alone find the same latents. It needs no factors.

Disentangled codes should agree up to order and sign, others need not. For models i and j,
R_ab ≥ 0 says how alike latent a of i is to latent b of j. With the informative latents only, d_i
and d_j of them, and r_a = max_b R_ab, r_b = max_a R_ab (Duan et al. 2020, §4.2),

    UDR_ij = 1/(d_i + d_j) (Σ_b r_b² / Σ_a R_ab + Σ_a r_a² / Σ_b R_ab),   UDR_i = median_j UDR_ij

Each term is 1 where a latent is like one other wholly and like the rest not at all.

`spearman`: |rank correlation|. No monotone rescaling of a latent changes it. Equal models of
independent latents score 1.
`lasso`: the |weights| of a regression of latent b on all of model i, with penalty α = .1, both
standardised. It counts joint dependence, and is unmoved by linear rescaling only. The penalty takes
α of every weight, so that equal models of independent latents score 1 − α.

Copies of a latent are alike to each other too: two copies of each, in both models, score ½ by
rank. Turned codes of *one* rotation agree with themselves, 1; of different ones they do not. Models
without an informative latent score 0.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from vaekit.arguments import check_counts
from vaekit.errors import VaekitError
from vaekit.metrics.checks import checked_codes, narrowed
from vaekit.metrics.score import Score

Likeness = Literal["spearman", "lasso"]
ACTIVE = 0.01  # variance from which on a latent counts, at the scale of a prior of variance 1
PENALTY = 0.1
_UDR_KINDS = {
    "spearman": "|rank correlation|",
    "lasso": f"|weights| of a lasso, penalty {PENALTY}, on standardised codes",
}


def udr(
    list_of_codes: Sequence[npt.ArrayLike],
    kind: Likeness = "spearman",
    informative: Sequence[npt.ArrayLike] | None = None,
    *,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score how far models agree, in [0, 1]: the mean over models of UDR_i.

    Takes for each of M ≥ 2 models the codes (N, H_i) of the same N examples in the same order.
    `informative` says for each model which latents count, (H_i,) bool; the paper takes those with
    KL(q(z_h|x)‖p) > .01 nats. Without it they are those of variance > .01, which suits mean codes
    of models with a prior of variance 1. `parts` holds `scores` (M,), the UDR_i; `pairs` (M, M);
    `best`, the model that agrees most; `informative` (M,), how many latents count. `shuffled` has
    the examples of each model shuffled. Raises `VaekitError` for fewer than two models, codes that
    are not finite or not of the same examples, masks that do not fit, and an unknown kind.
    """
    if kind not in _UDR_KINDS:
        raise VaekitError(f"unknown kind {kind!r} of UDR: use 'spearman' or 'lasso'")
    check_counts(shuffles=shuffles)
    models = _models(list_of_codes, informative)
    n, rng = len(models[0]), np.random.default_rng(seed)
    ready = [_prepared(codes, kind) for codes in models]
    pairs = _agreements(ready, kind)
    scores = _medians(pairs)
    again = [
        _medians(_agreements([rng.permutation(codes) for codes in ready], kind)).mean()
        for _ in range(shuffles)
    ]
    parts = {
        "scores": scores,
        "pairs": pairs,
        "best": int(scores.argmax()),
        "informative": np.array([codes.shape[1] for codes in models]),
    }
    about = {"n": n, "models": len(models), "kind": kind, "seed": seed}
    settings = {"estimator": _UDR_KINDS[kind], **about}
    return Score(scores.mean(), parts, settings, float(np.mean(again)) if again else None)


def _models(
    list_of_codes: Sequence[npt.ArrayLike], informative: Sequence[npt.ArrayLike] | None
) -> list[np.ndarray]:
    """Return the informative latents of each model, checked."""
    models = [checked_codes(codes) for codes in list_of_codes]
    if len(models) < 2 or len({len(codes) for codes in models}) > 1:
        raise VaekitError(
            "UDR compares the codes of the same examples by two models or more, got "
            f"{len(models)} of {[len(codes) for codes in models]} examples"
        )
    if len(models[0]) < 2:
        raise VaekitError("one example shows no agreement: pass the codes of several")
    if informative is None:
        masks = [_unit_deviation(codes) > math.sqrt(ACTIVE) for codes in models]
    else:
        masks = [np.asarray(mask) for mask in informative]
    shapes = [mask.shape for mask in masks]
    wanted = [(codes.shape[1],) for codes in models]
    if shapes != wanted or any(mask.dtype != bool for mask in masks):
        raise VaekitError(
            f"informative must hold a mask of booleans for each model, of shapes {wanted}, "
            f"got {shapes} of {[str(mask.dtype) for mask in masks]}"
        )
    live = [mask & (np.ptp(codes, axis=0) > 0) for codes, mask in zip(models, masks, strict=True)]
    return [codes[:, mask] for codes, mask in zip(models, live, strict=True)]


def _unit_deviation(codes: np.ndarray) -> np.ndarray:
    scaled, width = narrowed(codes)
    return scaled.std(axis=0) * width


def _prepared(codes: np.ndarray, kind: Likeness) -> np.ndarray:
    """Standardise codes, or their ranks, so that means of products are correlations."""
    from scipy.stats import rankdata

    values = rankdata(codes, axis=0) if kind == "spearman" and codes.size else codes
    values = narrowed(values)[0] if values.size else values
    centred = values - values.mean(axis=0)
    return centred / np.sqrt((centred**2).mean(axis=0))


def _agreements(ready: list[np.ndarray], kind: Likeness) -> np.ndarray:
    pairs = np.zeros((len(ready), len(ready)))
    for i, one in enumerate(ready):
        for j, other in enumerate(ready):
            if i != j and one.shape[1] and other.shape[1]:
                alike = _ranked(one, other) if kind == "spearman" else _regressed(one, other)
                pairs[i, j] = agreement(alike)
    return pairs


def _medians(pairs: np.ndarray) -> np.ndarray:
    """Return the median of each row over the other models."""
    others = ~np.eye(len(pairs), dtype=bool)
    return np.median(pairs[others].reshape(len(pairs), -1), axis=1)


def _ranked(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.minimum(np.abs(one.T @ other) / len(one), 1.0)


def _regressed(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import Lasso

    fit = Lasso(alpha=PENALTY, fit_intercept=False, max_iter=10_000).fit(one, other)
    return np.abs(fit.coef_).reshape(other.shape[1], one.shape[1]).T


def agreement(alike: np.ndarray) -> float:
    """Return UDR_ij of a matrix R (d_i, d_j)."""
    terms = 0.0
    for axis in (0, 1):
        total = alike.sum(axis=axis)
        terms += float((alike.max(axis=axis) ** 2 / np.where(total > 0, total, 1.0)).sum())
    return terms / sum(alike.shape)
