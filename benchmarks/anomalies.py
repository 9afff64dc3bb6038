"""Outlier detectors beside PyOD's: AUROC, average precision, seconds to fit.

    python benchmarks/anomalies.py --pyod OTHER/bin/python --out anomalies.json

OTHER is an environment that has PyOD and PyTorch. Each table has a class held out as anomalies. By
seed, 60 % of the other rows train, and the rest of them is tested beside all anomalies. Everyone is
given the raw columns and standardises them as it does by default; one thread each.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import average_precision_score, roc_auc_score

from vaekit.estimators import ESTIMATORS, OutlierDetector

ISSUE = {"latent": 4, "network": "mlp(64, 32)", "epochs": 100, "likelihood": "squared_error"}
OURS = {
    "default": lambda seed: OutlierDetector(random_state=seed),
    "default, squared error": lambda seed: OutlierDetector(
        random_state=seed, criterion="squared_error"
    ),
    "AE 4, squared error": lambda seed: OutlierDetector(
        ESTIMATORS["AE"](**ISSUE, random_state=seed), criterion="squared_error"
    ),
}
Table = tuple[np.ndarray, np.ndarray]  # the normal rows, and the anomalies


TABLES = ("breast cancer", "wine", "digits 1", "digits 8")


def tables() -> dict[str, Table]:
    cancer, wine, digits = load_breast_cancer(), load_wine(), load_digits()
    held = {
        "breast cancer": (cancer, 0),
        "wine": (wine, 0),
        "digits 1": (digits, 1),
        "digits 8": (digits, 8),
    }
    return {
        name: (both.data[both.target != odd], both.data[both.target == odd])
        for name, (both, odd) in held.items()
    }


def parts(table: Table, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    normal, odd = table
    order = np.random.default_rng(seed).permutation(len(normal))
    cut = round(0.6 * len(normal))
    rest = normal[order[cut:]]
    truth = np.repeat([0, 1], [len(rest), len(odd)])
    return normal[order[:cut]], np.concatenate([rest, odd]), truth


def ours(name: str, train: np.ndarray, test: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    detector = OURS[name](seed)
    start = time.perf_counter()
    detector.fit(train)
    seconds = time.perf_counter() - start
    return -detector.score_samples(test), seconds


def theirs(
    python: str, kind: str, train: np.ndarray, test: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, train=train, test=test)
        script = Path(__file__).with_name("contestant_pyod.py")
        done = subprocess.run(
            [python, str(script), kind, str(seed), str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    return np.array(answer["scores"]), answer["seconds"]


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyod", help="the Python of an environment that has PyOD")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", help="of ours, this one alone; none: none of ours")
    parser.add_argument("--tables", default=",".join(TABLES), help="names of tables")
    parser.add_argument("--out", default="anomalies.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print(processor(), "| torch", torch.__version__, "| one thread", flush=True)
    for table_name in options.tables.split(","):
        table = tables()[table_name]
        contestants = [name for name in OURS if options.only in (None, name)]
        contestants += ["PyOD ae", "PyOD vae"] if options.pyod else []
        for name in contestants:
            numbers = []
            for seed in range(options.seeds):
                train, test, truth = parts(table, seed)
                if name.startswith("PyOD"):
                    scores, seconds = theirs(options.pyod, name[5:], train, test, seed)
                else:
                    scores, seconds = ours(name, train, test, seed)
                auroc = roc_auc_score(truth, scores)
                numbers.append((auroc, average_precision_score(truth, scores), seconds))
            rows.append({"table": table_name, "who": name, "numbers": numbers})
            _show(table_name, name, np.array(numbers))
            Path(options.out).write_text(json.dumps(rows))


def _show(table: str, name: str, numbers: np.ndarray) -> None:
    mean = numbers.mean(0)
    error = numbers.std(0, ddof=1) / np.sqrt(len(numbers)) if len(numbers) > 1 else np.zeros(3)
    said = [
        f"{what} {m:.3f} ± {e:.3f}"
        for what, m, e in zip(("AUROC", "AP", "seconds"), mean, error, strict=True)
    ]
    print(f"{table:<14} {name:<24} {'  '.join(said)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
