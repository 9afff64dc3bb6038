"""Every recipe on MNIST with its own defaults: what the pages of the recipes and their table show.

    python benchmarks/which.py train --data-dir DATA --studies FOLDER [--seeds 2] [--epochs 3]
    python benchmarks/which.py cost --data-dir DATA [--out docs]
    python benchmarks/which.py show --data-dir DATA --studies FOLDER [--out docs]

`train` is one study, so it may be stopped and goes on. `cost` times steps of 100 digits, in five
rounds, and writes measured/cost.csv, each as a ratio to the VAE's of its round. `show` writes
measured/mnist.csv, means over the seeds with their standard errors, and a picture of each recipe:
originals, reconstructions and samples of seed 0.
"""

import argparse
import statistics
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path

import polars as pl
import torch

from vaekit import data, pictures
from vaekit.apply import condition_of
from vaekit.errors import VaekitError
from vaekit.recipes import RECIPES
from vaekit.runs import Run
from vaekit.study import Processes, results, run_study
from vaekit.study.analysis import summary
from vaekit.training import fit

WIDE = ("sparse_ae", "k_sparse_ae", "contractive_ae", "denoising_ae")  # their own, wide codes
NUMBERS = ("squared_error", "rate", "elbo", "active_units", "probe_accuracy")
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


def cost(asked) -> None:
    """Time steps of all recipes in turns, and write them as ratios to the VAE's of the round."""
    train, _ = data.load("mnist", asked.data_dir)
    rounds: list[dict[str, float]] = []
    for _ in range(5):
        rounds.append({})
        for name in RECIPES:
            if name != "compose":
                rounds[-1][name] = _step(name, train)
        print(len(rounds), flush=True)
    path = Path(asked.out) / "measured" / "cost.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = [
        {"recipe": name, "step": statistics.median(each[name] / each["vae"] for each in rounds)}
        for name in rounds[0]
    ]
    pl.DataFrame(table).write_csv(path, float_precision=2)


def _step(name: str, train: data.Dataset) -> float:
    """Return the seconds of a step of 100 digits, of 25 after five."""
    torch.manual_seed(0)
    recipe = RECIPES[name]
    own = {} if name in WIDE or "latent" not in recipe.arguments else {"latent": 16}
    known = recipe.complete(own, train)
    steps = fit(*recipe.make(train.shape, **known), train, recipe.defaults(epochs=1, batch=100))
    for _ in islice(steps, 5):
        pass
    begin = time.perf_counter()
    for _ in islice(steps, 25):
        pass
    return (time.perf_counter() - begin) / 25


def show(asked) -> None:
    folder, out = Path(asked.studies) / "which", Path(asked.out)
    _table(results(folder), out / "measured" / "mnist.csv")
    for each in sorted((folder / "runs").iterdir()):
        run = Run(each, asked.data_dir)
        if run.config.training.seed == 0 and run.config.notes.get("state") == "finished":
            _picture(run, out / "pictures" / "recipes" / f"{run.config.recipe}.png")


def _table(table: pl.DataFrame, path: Path) -> None:
    there = [name for name in NUMBERS if name in table.columns]
    whole = summary(table, there).filter(pl.col("n") > 0)
    wide = whole.pivot("number", index="recipe", values=["mean", "se"])
    path.parent.mkdir(parents=True, exist_ok=True)
    wide.write_csv(path, float_precision=4)


def _picture(run: Run, path: Path) -> None:
    part = run.data.test.subset(range(COLUMNS))
    c = condition_of(run.model, part, torch.arange(COLUMNS))
    rows = [part.batch(range(COLUMNS)), run.reconstruct(part)]
    with suppress(VaekitError):  # of no prior
        rows.append(run.sample(COLUMNS, None if c is None else c.numpy()))
    sheet = pictures.stacked([torch.as_tensor(row) for row in rows], COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.save_picture(sheet, path, 28)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["train", "cost", "show"])
    parser.add_argument("--data-dir")
    parser.add_argument("--studies", default="studies")
    parser.add_argument("--out", default="docs")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    {"train": train, "cost": cost, "show": show}[asked.what](asked)


if __name__ == "__main__":
    main()
