"""Classifiers that read a class from codes, those of scikit-learn, and the transductive machine."""

from collections.abc import Callable
from typing import Any

import numpy as np

ROUNDS = 10  # guesses at full weight


def transduced(machine: Any, inputs: np.ndarray, truth: np.ndarray, others: np.ndarray) -> Any:
    """Return the machine that learnt from labelled inputs, and from its own guesses of others."""
    machine.fit(inputs, truth)
    if not len(others):
        return machine
    both, guessed = np.concatenate([inputs, others]), machine.predict(others)
    for weight in (*2.0 ** np.arange(-6, 0), *[1.0] * ROUNDS):
        weights = np.concatenate([np.ones(len(inputs)), np.full(len(others), weight)])
        machine.fit(both, np.concatenate([truth, guessed]), sample_weight=weights)
        before, guessed = guessed, machine.predict(others)
        if weight == 1 and (before == guessed).all():
            break
    return machine


def _svm_of(width: int) -> Any:
    from sklearn import svm

    make: Any = svm.SVC
    return make(C=1.0, kernel="rbf", gamma=1 / width)


def _planes_of(width: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1.0, max_iter=10_000)


_KERNELS = "SVM with Gaussian kernels, C = 1, γ = 1/H"
READERS: dict[str, tuple[Callable[[int], Any], str]] = {
    "svm": (_svm_of, f"an {_KERNELS}"),
    "tsvm": (_svm_of, f"a transductive {_KERNELS}"),
    "linear": (_planes_of, "logistic regression, C = 1"),
}
