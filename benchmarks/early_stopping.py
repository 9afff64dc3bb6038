"""What early stopping and the best weights are worth, on digits, MNIST, few images and a table.

    python benchmarks/early_stopping.py --seeds 5 --out early.json

Each training goes to its end with a tenth of the training part held out, and the ELBO of the test
part is taken of the last weights and of those that were best in validation. Where patience would
have stopped is read from the same curve. Rows are written as they come; what is there is not
trained again.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from spread import spread

from vaekit import recipes
from vaekit.data import Dataset, Splits, load
from vaekit.information import evaluate
from vaekit.training import Training, fit

PATIENCE = 10
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "digits": (
        {"latent": 16, "network": "mlp(256, 256)", "likelihood": "gaussian(sigma=0.1)"},
        {"epochs": 200, "batch": 50},
    ),
    "mnist, 10 000 images": (
        {"latent": 32, "network": "mlp(400)", "likelihood": "bernoulli"},
        {"epochs": 100, "batch": 100},
    ),
    "digits, 300 images, noise learned": (
        {"latent": 16, "network": "mlp(256, 256)", "likelihood": "gaussian(learned=batch)"},
        {"epochs": 300, "batch": 50},
    ),
    "breast cancer": (
        {"latent": 8, "network": "mlp(64, 64)", "likelihood": "gaussian(sigma=0.5)"},
        {"epochs": 400, "batch": 50},
    ),
}


def data_of(name: str) -> Splits:
    if name == "digits":
        return load("digits")
    if name.startswith("digits"):
        train, test = load("digits")
        return Splits(train.subset(torch.arange(300)), test)
    if name.startswith("mnist"):
        train, test = load("mnist")
        return Splits(train.subset(torch.arange(10_000)), test)
    x = load_breast_cancer(return_X_y=True)[0]
    train, test = Dataset.from_array(x.astype(np.float32)).split(0.3)
    rows = [each.batch(torch.arange(len(each))) for each in (train, test)]
    mean, sd = rows[0].mean(0), torch.from_numpy(x.std(0)).float()
    return Splits(*(Dataset.from_array((each - mean) / sd) for each in rows))


def row(name: str, seed: int) -> dict[str, Any]:
    arguments, settings = SETTINGS[name]
    train, test = data_of(name)
    train, held_out = train.split(0.1)
    torch.manual_seed(seed)
    model, objective = recipes.vae(train.shape, **arguments)
    training = Training(**settings, seed=seed, keep="best", device="cpu")
    fitted = fit(model, objective, train, training, held_out)
    for _ in fitted:
        pass
    chosen, per_epoch = fitted.chosen, fitted.batches.per_epoch
    found = {"best_elbo": _elbo(model, test)}
    last = {
        k.removeprefix("last."): v for k, v in chosen.tensors().items() if k.startswith("last.")
    }
    fitted.parts.load_state_dict(last)
    found["last_elbo"] = _elbo(model, test)
    stop = next(
        (
            i
            for i in range(len(chosen.judged))
            if i - int(np.argmin(chosen.judged[: i + 1])) >= PATIENCE
        ),
        len(chosen.judged) - 1,
    )
    found |= {
        "best_epoch": (chosen.best or 0) / per_epoch,
        "stopped_epoch": chosen.steps[stop] / per_epoch,
        "stopped_best_epoch": chosen.steps[int(np.argmin(chosen.judged[: stop + 1]))] / per_epoch,
        "epochs": settings["epochs"],
    }
    return {"data": name, "seed": seed, **found}


def _elbo(model: Any, test: Dataset) -> float:
    return evaluate(model, test, n=len(test), samples=10)["elbo"]["value"]


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--out", type=Path, required=True)
    options = made.parse_args()
    rows = json.loads(options.out.read_text()) if options.out.exists() else []
    for name in SETTINGS:
        for seed in range(options.seeds):
            if not any((each["data"], each["seed"]) == (name, seed) for each in rows):
                rows.append(row(name, seed))
                options.out.write_text(json.dumps(rows, indent=1))
                print(rows[-1], flush=True)
        own = [each for each in rows if each["data"] == name]
        gain = [each["best_elbo"] - each["last_elbo"] for each in own]
        print(f"{name}: best − last {spread(gain)} nats, ", end="")
        for key in ("best_epoch", "stopped_epoch", "best_elbo", "last_elbo"):
            print(f"{key} {spread([each[key] for each in own])}", end=", ")
        print(flush=True)


if __name__ == "__main__":
    main()
