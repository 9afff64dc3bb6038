"""Train every recipe on MNIST, Fashion-MNIST and a table, from its estimator and the command line.

    python benchmarks/everywhere.py [--data-dir DATA] [--out FOLDER]

It prints the estimator's score on its training data and the sections of the command's report. An
option that a recipe has not (the likelihood of those that learn their noise) is left out.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from vaekit.data import load
from vaekit.estimators import ESTIMATORS
from vaekit.recipes import RECIPES


def wine(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write scikit-learn's wine table as CSV; return its standardised columns and classes."""
    found = load_wine()
    rows = [",".join([*(f"x{i}" for i in range(13)), "kind"])]
    rows += [
        ",".join([*map(str, x), f"k{y}"]) for x, y in zip(found.data, found.target, strict=True)
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return StandardScaler().fit_transform(found.data), found.target


def main() -> None:
    """Train everything once and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-dir", default=None, help="folder with mnist/ and fashion-mnist/")
    parser.add_argument("--out", default="runs/everywhere", help="folder for the runs")
    asked = parser.parse_args()
    out = Path(asked.out)
    out.mkdir(parents=True)
    x, y = wine(out / "wine.csv")
    settings = {"epochs": 20, "batch": 32, "likelihood": "squared_error"}
    jobs = {f"table('{out / 'wine.csv'}', label=kind)": (x, y, settings)}
    for name in ("mnist", "fashion-mnist"):
        train, _ = load(name, asked.data_dir)
        some = torch.arange(5000)
        labels = train.batch_labels(some)
        assert labels is not None
        jobs[name] = train.batch(some).flatten(1).numpy(), labels.numpy(), {"epochs": 1}
    for data, (x, y, options) in jobs.items():
        for (title, kind), recipe in zip(ESTIMATORS.items(), RECIPES, strict=True):
            known = kind().get_params()
            chosen = {key: value for key, value in options.items() if key in known}
            score = kind(**chosen).fit(x, y).score(x, y)
            folder = out / f"{recipe}-{data.split('(')[0]}"
            words = [f"--{key}={value}" for key, value in chosen.items()]
            words += ["--data-dir", asked.data_dir] if asked.data_dir else []
            vaekit = [sys.executable, "-m", "vaekit"]
            train = [*vaekit, "train", recipe, "--data", data, *words, "--out", str(folder)]
            for command in (train, [*vaekit, "report", str(folder)]):
                subprocess.run(command, check=True, capture_output=True)
            page = (folder / "report.html").read_text(encoding="utf-8")
            sections = " ".join(re.findall(r'section id="([a-z-]+)"', page))
            print(f"{title} on {data}: {score:.2f} | {sections}", flush=True)


if __name__ == "__main__":
    main()
