"""IWAE and VAE on binarised MNIST beside the published bounds.

    python benchmarks/binarised_mnist.py --data-dir DIR --out DIR [--epochs 400] [--more 280 80]

The model of Burda, Grosse & Salakhutdinov (2016), table 1, one stochastic layer: pixels drawn black
or white with their grey values as probabilities, anew in every step; two layers of 200 tanh units
on each side, 50 latents; the decoder's bias begins at the log odds of the mean picture. The paper
takes 3 280 epochs in batches of 20; here 400 in batches of 100, and `--more` in batches of 20, each
time with half of the learning rate before, which falls by a half cosine. Every 40 epochs the
weights are kept, so that the command goes on where it was stopped, and the bound is taken on 1 000
test pictures, drawn once; in the end on all 10 000, with 5 000 codes each, as in the paper.
"""

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vaekit import data, information, recipes
from vaekit.data import Dataset
from vaekit.model import Model
from vaekit.networks import Mlp
from vaekit.training import Training, fit

PART = 40
PUBLISHED = {("vae", 1): -86.76, ("vae", 5): -86.47, ("iwae", 5): -85.54, ("iwae", 50): -84.78}


class Drawn(Dataset):
    """Pixels black or white, drawn anew whenever they are read."""

    def batch(self, indices: Tensor | Sequence[int]) -> Tensor:
        """Gather the pictures at `indices` and draw their pixels."""
        return torch.bernoulli(super().batch(indices))


def main() -> None:
    """Train the stages that are still to come, then write the bound on the whole test set."""
    parser = argparse.ArgumentParser(description="IWAE on binarised MNIST")
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=5, help="1 is the VAE")
    parser.add_argument("--epochs", type=int, default=400, help="a multiple of 40")
    parser.add_argument("--more", type=int, nargs="*", default=[], help="others in batches of 20")
    parser.add_argument("--lr", type=float, default=0.002, help="half of it for each of --more")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    parts = data.load("mnist", data_dir=asked.data_dir)
    train = Drawn(parts.train.images)
    drawn = torch.Generator().manual_seed(1)
    test = Dataset(torch.bernoulli(parts.test.images.float() / 255, generator=drawn))
    torch.manual_seed(asked.seed)
    network = Mlp(200, 200, activation="tanh")
    made = recipes.iwae(train.shape, latent=50, samples=asked.samples, network=network)
    share = (train.images.float().mean(0) / 255).clamp(1e-3, 1 - 1e-3)
    last = [m for m in made.model.likelihood.modules() if isinstance(m, torch.nn.Linear)][-1]
    last.bias.data = share.logit().flatten()
    asked.out.mkdir(parents=True, exist_ok=True)
    stages, done = [asked.epochs, *asked.more], 0
    for number, epochs in enumerate(stages):
        for epoch in range(0, epochs, PART):
            start, end = (
                asked.lr / 2**number * falling(each / epochs) for each in (epoch, epoch + PART)
            )
            seed = 10_000 * asked.seed + done
            done += PART
            kept = asked.out / f"k{asked.samples}-s{asked.seed}-{done}.safetensors"
            if kept.is_file():
                made.model.load_state_dict(load_file(kept))
                continue
            lr, batch = f"linear({start}, {end})", 20 if number else 100
            begun = time.time()
            for _ in fit(
                made.model, made.objective, train, Training(PART, batch, lr, seed=seed, threads=1)
            ):
                pass
            save_file(made.model.state_dict(), kept)
            report(asked, made.model, test, done, 1_000, 500, time.time() - begun)
    report(asked, made.model, test, done, len(test), 5_000, 0)


def falling(share: float) -> float:
    """Return half a cosine from 1 to a hundredth."""
    return 0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2


def report(
    asked: argparse.Namespace,
    model: Model,
    test: Dataset,
    epoch: int,
    n: int,
    k: int,
    took: float,
) -> None:
    """Print one line of JSON: the bound of `n` test pictures by `k` codes each."""
    bound = information.log_likelihood(model, test, n=n, samples=k).numbers()["log_likelihood"]
    row = {
        "samples": asked.samples,
        "seed": asked.seed,
        "epochs": epoch,
        "log_likelihood": round(bound.value, 2),
        "error": round(bound.se or 0, 2),
        "pictures": n,
        "codes": k,
        "published": PUBLISHED.get(("vae" if asked.samples == 1 else "iwae", asked.samples)),
        "seconds": round(took),
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
