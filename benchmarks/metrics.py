"""Time the scores, and compare gradient boosting with its alternatives.

    python benchmarks/metrics.py scores [--n 10000] [--repeats 5]
    python benchmarks/metrics.py boosting [--n 2000]

The codes are 10 mixtures of 5 factors of 3, 6, 40, 32 and 32 levels with some noise. `scores`
prints seconds of the processor and of the clock, the least of `--repeats` each, and the former in
units of the MIG without its bias. `boosting` compares the importances with scikit-learn's own, and
with LightGBM's gains where that is installed. Expected on two idle cores: MIG below 5 ms, DCI below
12 s.
"""

import argparse
import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from vaekit import metrics
from vaekit.data import Dataset, Factors
from vaekit.metrics.boosting import boost
from vaekit.metrics.factors.dci import shares

SIZES = np.array([3, 6, 40, 32, 32])


def problem(n: int, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Draw codes (n, 10) and factors (n, 5)."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, SIZES, (n, 5))
    mixing = np.where(rng.random((5, 10)) < 0.4, rng.normal(size=(5, 10)), 0.0)
    return factors / SIZES @ mixing + 0.05 * rng.normal(size=(n, 10)), factors


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Return the least processor time, the least time by the clock, and what the work gave."""
    cpu, wall, found = [], [], None
    for _ in range(repeats):
        start = time.process_time(), time.perf_counter()
        found = work()
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    return min(cpu), min(wall), found


def scores(n: int, repeats: int) -> None:
    codes, factors = problem(n)
    data = Dataset(
        torch.from_numpy(codes).float(), factors=Factors.of(tuple("abcde"), list(factors.T))
    )
    work: dict[str, Callable[[], metrics.Score]] = {
        "MIG, no bias": lambda: metrics.mig(codes, factors, shuffles=0),
        "MIG": lambda: metrics.mig(codes, factors),
        "MIG by neighbours": lambda: metrics.mig_by_neighbours(codes, factors),
        "SAP by R²": lambda: metrics.sap(codes, factors),
        "SAP by SVM": lambda: metrics.sap(codes, factors, "svm"),
        "modularity, explicitness": lambda: metrics.modularity_explicitness(codes, factors),
        "IRS": lambda: metrics.irs(codes, factors),
        "FactorVAE": lambda: metrics.factor_vae_score(lambda z: z, data),
        "β-VAE": lambda: metrics.beta_vae_score(lambda z: z, data),
        "InfoMEC": lambda: metrics.infomec(codes, factors),
        "DCI-ES": lambda: metrics.dci_es(codes, factors),
        "total correlation": lambda: metrics.gaussian_total_correlation(codes),
        "Wasserstein": lambda: metrics.wasserstein_correlation(codes),
        "UDR of 5": lambda: metrics.udr([codes] * 5),
        "UDR of 5, lasso": lambda: metrics.udr([codes] * 5, "lasso"),
        "DCI, no bias": lambda: metrics.dci(codes, factors, shuffles=0),
        "DCI": lambda: metrics.dci(codes, factors),
    }
    unit = 0.0
    print(f"n = {n}, {torch.get_num_threads()} threads, least of {repeats} (DCI: 1)")
    print(f"{'':26}{'score':>8}{'shuffled':>10}{'cpu s':>10}{'wall s':>10}{'× MIG':>9}")
    for name, run in work.items():
        cpu, wall, found = timed(run, 1 if name.startswith("DCI") else repeats)
        unit = unit or cpu
        bias = "" if found.shuffled is None else f"{found.shuffled:.4f}"
        print(
            f"{name:26}{float(found):8.4f}{bias:>10}{cpu:10.4f}{wall:10.4f}{cpu / unit:9.1f}",
            flush=True,
        )


def boosting(n: int) -> None:
    from sklearn.ensemble import GradientBoostingClassifier

    codes, factors = problem(n)
    learnt = np.random.default_rng(0).permutation(n) >= n // 4

    def ours(column: np.ndarray) -> np.ndarray:
        return boost(codes, column, learnt, np.random.default_rng(0)).importance

    def sklearn(column: np.ndarray) -> np.ndarray:
        model = GradientBoostingClassifier(random_state=0)
        return np.asarray(model.fit(codes[learnt], column[learnt]).feature_importances_)

    learners = {"vaekit": ours, "scikit-learn": sklearn}
    try:
        lightgbm = importlib.import_module("lightgbm")
    except ImportError:
        print("LightGBM is not installed: left out")
    else:

        def light(column: np.ndarray) -> np.ndarray:
            options = {"max_depth": 3, "n_estimators": 100, "min_child_samples": 1, "verbose": -1}
            model = lightgbm.LGBMClassifier(importance_type="gain", n_jobs=1, **options)
            gain = model.fit(codes[learnt], column[learnt]).feature_importances_
            return gain / gain.sum()

        learners["LightGBM, gains"] = light
    found: dict[str, np.ndarray] = {}
    print(f"n = {n}, 3/4 to learn from")
    print(f"{'':18}{'cpu s':>9}{'ratio':>8}{'D':>8}{'C':>8}   largest difference to vaekit")
    first = 0.0
    for name, learn in learners.items():
        cpu, _, columns = timed(lambda learn=learn: [learn(c) for c in factors.T], 1)
        found[name] = np.stack(columns, axis=1)
        first = first or cpu
        r = found[name]
        d = r.sum(axis=1) / r.sum() @ shares(r, axis=1)
        apart = "" if name == "vaekit" else f"{abs(r - found['vaekit']).max():.3f}"
        c = shares(r, axis=0).mean()
        print(f"{name:18}{cpu:9.2f}{cpu / first:8.1f}{d:8.3f}{c:8.3f}   {apart}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["scores", "boosting"])
    parser.add_argument("--n", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    found = parser.parse_args()
    if found.what == "scores":
        scores(found.n or 10_000, found.repeats)
    else:
        boosting(found.n or 2_000)


if __name__ == "__main__":
    main()
