"""Time what is said of the results of a study as large as that of Locatello et al. 2019.

    python benchmarks/study_analysis.py [--seeds 50] [--repeats 3] [--out page.html]

The table is made up: 6 recipes x 6 strengths x 50 seeds on 7 data sets, 12 600 runs with 6 scores
of labels and 5 other numbers, 1 in 100 of the runs failed.
Objective, strength and seed add to the scores with standard deviations .05, .04 and .08. Printed
are the least seconds of the processor and of the clock for the numbers and for the page, and the
size of the page. Expected on one idle core: 20 s or less for both.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from vaekit.study import page, store

SETS = ("dsprites", "color", "noisy", "scream", "smallnorb", "cars3d", "shapes3d")
RECIPES = {
    "beta_vae": ("beta", (1, 2, 4, 6, 8, 16)),
    "factor_vae": ("gamma", (10, 20, 30, 40, 50, 100)),
    "beta_tcvae": ("beta", (1, 2, 4, 6, 8, 10)),
    "dip_vae_i": ("off_diagonal", (1, 2, 5, 10, 20, 50)),
    "dip_vae_ii": ("off_diagonal", (1, 2, 5, 10, 20, 50)),
    "capacity_vae": ("capacity", (5, 10, 25, 50, 75, 100)),
}
SCORES = ("mig", "sap_r2", "dci_disentanglement", "modularity", "factor_vae_score", "irs")


def made_up(seeds: int) -> pl.DataFrame:
    """Make the table of a study with known effects."""
    rng = np.random.default_rng(0)
    rows: dict[str, store.StudyRow] = {}
    for data in SETS:
        for recipe, (key, values) in RECIPES.items():
            objective = rng.normal(0, 0.05)
            for step, value in enumerate(values):
                strength = rng.normal(0, 0.04)
                for seed in range(seeds):
                    made = run(rng, objective + strength, step)
                    name = f"{recipe}-{data}-{key}={value}-s{seed}"
                    about = {"run": name, "recipe": recipe, "data": data, "seed": seed}
                    rows[name] = {**about, "reason": "", "likelihood": "bernoulli", key: value}
                    rows[name] |= made
    return store.table_of(rows)


def run(rng: np.random.Generator, effect: float, step: int) -> dict[str, Any]:
    """Make the numbers of a run, or its failure."""
    if rng.random() < 0.01:
        return {"state": "diverged", "reason": "the objective is not finite at step 120"}
    luck = rng.normal(0, 0.08)
    values = {n: float(np.clip(0.35 + effect + luck + rng.normal(0, 0.03), 0, 1)) for n in SCORES}
    rate, distortion = 25 - 2.5 * step + rng.normal(), 30 + 4 * step + rng.normal()
    values |= {"elbo": -rate - distortion, "rate": rate, "distortion": distortion}
    values |= {"squared_error": distortion / 5, "active_units": float(rng.integers(3, 11))}
    row: dict[str, Any] = {"state": "finished"}
    for name, value in values.items():
        row |= {name: value, f"{name}.se": 0.1, f"{name}.estimator": "made up", f"{name}.n": 10_000}
        row |= {f"{name}.shuffled": 0.01} if name in SCORES else {}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    table = made_up(options.seeds)
    print(f"{len(table):,} runs, {len(table.columns)} columns")
    took = []
    with TemporaryDirectory() as folder:
        path = options.out or Path(folder) / "page.html"
        for _ in range(options.repeats):
            marks = [(time.process_time(), time.perf_counter())]
            known = page.compared(table)
            marks.append((time.process_time(), time.perf_counter()))
            page.write_comparison(known, path)
            marks.append((time.process_time(), time.perf_counter()))
            took.append(np.diff(np.array(marks), axis=0))
        cpu, wall = np.min(took, axis=0).T
        for i, what in enumerate(("numbers", "page")):
            print(f"{what:8s} {cpu[i]:6.1f} s of the processor, {wall[i]:6.1f} s of the clock")
        print(f"page of {path.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
