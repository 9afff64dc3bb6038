"""Record weights, losses and scores of short seeded runs of every recipe, to hold a redesign to.

    python benchmarks/recorded.py before.json             # at the old commit
    python benchmarks/recorded.py after.json before.json  # at the new one, on the same machine

The runs go through the command line, so that inside all may change. Names of parameters may too:
of the weights the number, the sum and the sum of squares are held. Other processors round
otherwise; the two tables must be of one machine. Ends with status 1 where one number is apart by
more than 1e-6 of its size.
"""

import json
import math
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import torch
from safetensors.torch import load_file

from vaekit.cli import main
from vaekit.recipes import RECIPES

DATA = "sprites(scales=2, rotations=4, positions=5)"
RUNS = {name: [] for name in RECIPES} | {
    "k_sparse_ae": ["--k", "3"],
    "beta_vae mixture": ["--prior", "mixture(5)", "--beta", "linear(0, 2, epochs=1)"],
    "beta_vae vamp": ["--prior", "vamp(5)", "--likelihood", "gaussian(0.3)"],
    "isa_vae learned": ["--learned", "all", "--path", "true"],
    "vae conv": ["--network", "conv(4, 6, hidden=[8])"],
}
TRAINING = ["--epochs", "2", "--batch", "50", "--lr", "0.003", "--seed", "3", "--device", "cpu"]
INFORMATION, SCORES = ["--information", "--importance-samples", "5"], ["--metrics", "all"]
SMALL = {"network": "mlp(24)", "latent": "8", "discriminator": "mlp(16)", "reader": "mlp(16)"}


def call(*words: str, may_fail: bool = False) -> bool:
    """Run one command and say whether it went well; where it has to, stop with what it said."""
    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            main(words)
    except SystemExit as end:
        if end.code and not may_fail:
            sys.exit(f"vaekit {' '.join(words)}: {said.getvalue()}")
        return not end.code
    return True


def numbers(name: str, more: list[str], folder: Path) -> Iterator[tuple[str, float]]:
    """Train and judge one run; yield its numbers by name."""
    recipe = name.split(maxsplit=1)[0]
    known = RECIPES[recipe].make.__annotations__
    own = {key: value for key, value in SMALL.items() if key in known and f"--{key}" not in more}
    small = [word for key, value in own.items() for word in (f"--{key}", value)]
    call("train", recipe, "--data", DATA, *small, *more, *TRAINING, "--out", str(folder))
    judge = "evaluate", str(folder), "--n", "200"
    if not call(*judge, *INFORMATION, *SCORES, may_fail=True):  # of a code without a density
        call(*judge, *SCORES)
    weights = [v.double() for v in load_file(folder / "model.safetensors").values()]
    yield "weights", sum(v.numel() for v in weights)
    yield "weights sum", sum(v.sum().item() for v in weights)
    yield "weights squares", sum(v.square().sum().item() for v in weights)
    rows = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
    for i, row in enumerate(rows[1:]):
        for column, cell in zip(rows[0], row, strict=True):
            if column != "images_per_second":
                yield f"history {i} {column}", float(cell or "nan")
    for key, found in json.loads((folder / "metrics.json").read_text()).items():
        value = found["value"]
        yield f"metric {key}", math.nan if value is None else float(value)


def run(out: Path, before: Path | None) -> int:
    """Record all runs; return how many numbers differ from those of before."""
    torch.set_num_threads(1)
    table, old = {}, json.loads(before.read_text()) if before else {}
    wrong = 0
    for name, more in RUNS.items():
        with tempfile.TemporaryDirectory() as folder:
            table[name] = dict(numbers(name, more, Path(folder) / "run"))
        out.write_text(json.dumps(table, indent=1))
        apart = differences(old[name], table[name]) if name in old else []
        wrong += len(apart)
        print(f"{name}: {len(table[name])} numbers", *apart[:8], sep="\n    ", flush=True)
    print(f"{wrong} of {sum(map(len, table.values()))} numbers differ" if before else "recorded")
    return wrong


def differences(old: dict[str, float], new: dict[str, float]) -> list[str]:
    """Name the numbers that are missing, or apart by more than 1e-6 of their size."""
    lost = [f"{key}: was {value:.9g}, is gone" for key, value in old.items() if key not in new]
    apart = [
        f"{key}: was {value:.9g}, is {new[key]:.9g}"
        for key, value in old.items()
        if key in new
        and not (math.isclose(value, new[key], rel_tol=1e-6, abs_tol=1e-6) or math.isnan(value))
    ]
    return lost + apart


if __name__ == "__main__":
    paths = [Path(word) for word in sys.argv[1:]]
    sys.exit(min(1, run(paths[0], paths[1] if len(paths) > 1 else None)))
