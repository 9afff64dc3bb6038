"""The SAP score: how much better the best latent predicts a factor than the next.

    SAP = mean_k (S_(1)k − S_(2)k)       (Kumar et al. 2018, §3)

There are two S, and they are two scores: on the same codes SAP was .067 by one and .955 by the
other, so the name says which.

`r2`: S_jk = Cov(z_j, v_k)² / Var z_j Var v_k, for factors whose levels are in an order. Ideal codes
that follow their factors linearly score 1. It has no held-out rows, as it fits two numbers only.

`svm`: S_jk is the balanced accuracy, on rows not learnt from, of a linear support vector machine
that reads the level from z_j alone, one against the rest (C = .01, squared hinge, z_j
standardised). One number cut by lines tells the ends of a factor from its middle and little more:
ideal codes of a factor with two levels score 1/2, since guessing has 1/2, and with many levels far
less. A latent that does not vary has the accuracy 1/S of a guess among S levels, and the second
best of all is at least a guess.

Both are unmoved by the order of latents and by linear rescaling, but not by other monotone
rescaling. Duplicated latents score 0, constant ones 0.
"""

import warnings
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vaekit.errors import VaekitError
from vaekit.metrics.checks import checked, held_out, mean_of, standardised, varying
from vaekit.metrics.record import Row, Subject, Values, metric
from vaekit.metrics.score import Score, scored

SapKind = Literal["r2", "svm"]
_SEPARATIONS = {
    "r2": "squared correlation of one latent with the level",
    "svm": "held-out balanced accuracy of a linear SVM on one latent, C = 0.01",
}


def sap(
    codes: npt.ArrayLike,
    factors: npt.ArrayLike,
    kind: SapKind = "r2",
    *,
    holdout: float = 0.25,
    shuffles: int = 1,
    seed: int = 0,
) -> Score:
    """Score the gap between the two latents that predict a factor best, in [0, 1].

    Takes codes (N, H) and factors (N, K). `parts` holds `predicted` (H, K), the S of `kind`; `gap`
    (K,); `latent` (K,), the best; `constant`, the factors left out. Raises `VaekitError` as `mig`
    does, for an unknown kind, and by `svm` for too few examples to hold any out.
    """
    if kind not in _SEPARATIONS:
        raise VaekitError(f"unknown kind {kind!r} of SAP: use 'r2' or 'svm'")
    values, levels = checked(codes, factors)
    rng = np.random.default_rng(seed)
    learnt = np.ones(len(values), bool) if kind == "r2" else held_out(len(values), holdout, rng)
    values = standardised(values, learnt)

    def measure(levels: np.ndarray) -> dict[str, Any]:
        if kind == "r2":
            predicted, guess = _correlated(values, levels), np.zeros(levels.shape[1])
        else:
            predicted, guess = _separated(values, levels, learnt)
        return _gaps(predicted, guess, levels)

    settings = {"estimator": _SEPARATIONS[kind], "n": len(values), "kind": kind, "seed": seed}
    return scored(measure, levels, ("gap_of_best",), settings, shuffles, seed)


@metric(
    "sap",
    Row("sap_r2", "does one latent alone follow each factor, by a line?", title="SAP by R²"),
    Row(
        "sap_svm",
        "… by a linear SVM of one latent?",
        title="SAP by SVM",
        ideal="less than 1",
        mind="sees the ends of a factor only",
    ),
)
def _sap(subject: Subject) -> Values:
    given = {"codes": subject.mean, "factors": subject.levels, "seed": subject.seed}
    return {"sap_r2": sap(kind="r2", **given), "sap_svm": sap(kind="svm", **given)}


def _gaps(predicted: np.ndarray, guess: np.ndarray, levels: np.ndarray) -> dict[str, Any]:
    ordered = np.sort(np.vstack([predicted, guess]), axis=0)
    gap = ordered[-1] - ordered[-2]
    return {
        "gap_of_best": mean_of(gap, varying(levels)),
        "predicted": predicted,
        "gap": gap,
        "latent": predicted.argmax(axis=0),
    }


def _correlated(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return squared correlations (H, K), 0 for what is constant; values are standardised."""
    known = levels - levels.mean(axis=0)
    scale = np.sqrt((known**2).mean(axis=0))
    correlation = values.T @ known / len(values) / np.where(scale > 0, scale, 1.0)
    return np.minimum(correlation**2, 1.0)


def _separated(
    values: np.ndarray, levels: np.ndarray, learnt: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return balanced accuracies (H, K), and those of a guess (K,)."""
    from sklearn.svm import LinearSVC

    factors, latents = levels.shape[1], values.shape[1]
    guess = np.array([1 / len(np.unique(levels[~learnt, k])) for k in range(factors)])
    predicted = np.tile(guess, (latents, 1))
    for k in varying(levels[learnt]):
        truth = levels[~learnt, k]
        for j in np.flatnonzero(np.ptp(values[learnt], axis=0) > 0):
            machine = LinearSVC(C=0.01, class_weight="balanced", dual="auto")
            with warnings.catch_warnings():
                # A factor of many levels has few rows of each, which is said each time.
                warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
                machine.fit(values[learnt, j : j + 1], levels[learnt, k])
            right = machine.predict(values[~learnt, j : j + 1]) == truth
            each, count = np.bincount(truth, right), np.bincount(truth)
            predicted[j, k] = (each[count > 0] / count[count > 0]).mean()
    return predicted, guess
