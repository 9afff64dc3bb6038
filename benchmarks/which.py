"""Every recipe on MNIST with its own defaults: what the pages of the recipes and their table show.

    python benchmarks/which.py train --data-dir DATA --studies FOLDER [--seeds 2] [--epochs 3]
    python benchmarks/which.py show --data-dir DATA --studies FOLDER [--out docs]

`train` is one study, so it may be stopped and goes on. `show` writes measured/mnist.csv, means over
the seeds with their standard errors, and a picture of each recipe: originals, reconstructions and
samples of seed 0.
"""

import argparse
from contextlib import suppress
from pathlib import Path

import polars as pl
import torch

from vaekit import pictures
from vaekit.errors import VaekitError
from vaekit.recipes import RECIPES
from vaekit.runs import Run
from vaekit.study import Processes, results, run_study
from vaekit.study.analysis import summary

WIDE = ("sparse_ae", "k_sparse_ae", "contractive_ae", "denoising_ae")  # their own, wide codes
NUMBERS = ("squared_error", "rate", "elbo", "active_units", "probe", "train_seconds")
COLUMNS = 14


def train(asked) -> None:
    usual = [name for name in RECIPES if name not in (*WIDE, "compose")]
    run_study(
        {
            "data": "mnist",
            "seeds": f"0:{asked.seeds}",
            "settings": {"epochs": asked.epochs, "data_dir": asked.data_dir},
            "runs": [
                {"recipes": usual, "settings": {"latent": 16}},
                {"recipes": list(WIDE)},
            ],
            "evaluate": {"metrics": ["probe"]},
        },
        Path(asked.studies) / "which",
        Processes(asked.workers),
    )


def show(asked) -> None:
    folder, out = Path(asked.studies) / "which", Path(asked.out)
    _table(results(folder), out / "measured" / "mnist.csv")
    for run in sorted((folder / "runs").iterdir()):
        recipe, _, rest = run.name.partition(" ")
        if run.name.endswith("seed=0"):
            _picture(Run(run), out / "pictures" / "recipes" / f"{recipe}.png")
            print(recipe, rest, flush=True)


def _table(table: pl.DataFrame, path: Path) -> None:
    there = [name for name in NUMBERS if name in table.columns]
    wide = summary(table, there).pivot("number", index=["recipe", "n"], values=["mean", "se"])
    path.parent.mkdir(parents=True, exist_ok=True)
    wide.write_csv(path, float_precision=4)


def _picture(run: Run, path: Path) -> None:
    x = run.data.test.subset(range(COLUMNS)).batch(range(COLUMNS))
    rows = [x, run.reconstruct(x.numpy())]
    with suppress(VaekitError):  # of no prior
        rows.append(run.sample(COLUMNS))
    sheets = [pictures.grid(pictures.tiles(torch.as_tensor(row)), COLUMNS) for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.save_picture(pictures.stack_sheets(sheets), path, 28)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["train", "show"])
    parser.add_argument("--data-dir")
    parser.add_argument("--studies", required=True)
    parser.add_argument("--out", default="docs")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    {"train": train, "show": show}[asked.what](asked)


if __name__ == "__main__":
    main()
