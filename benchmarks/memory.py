"""Measure the memory of training on the full sprites set: 737 280 images, 3.0 GB of uint8.

    python benchmarks/memory.py [--steps 300]

It trains a β-VAE as `vaekit train` does (the split, the checksum, the steps, the evaluation) and
prints the peak resident memory of the process. Raises where it is above the promised 4.5 GiB.
"""

import argparse
import resource

import torch

from vaekit.data import load
from vaekit.information import evaluate
from vaekit.recipes import beta_vae
from vaekit.training import Training, fit

PROMISED = 4.5


def main() -> None:
    """Train for some steps and print the peak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    steps = parser.parse_args().steps
    train, test = load("sprites")
    train.checksum()
    torch.manual_seed(0)
    model, objective = beta_vae(train.shape, network="mlp(400)")
    for progress in fit(model, objective, train, Training(epochs=1, batch=128, device="cpu")):
        if progress.step >= steps:
            break
    elbo = evaluate(model, test)["elbo"]["value"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{len(train):,} images, {steps} steps, ELBO {elbo:.1f}: peak {peak:.2f} GiB resident")
    if peak > PROMISED:
        raise SystemExit(f"above the promised {PROMISED} GiB")


if __name__ == "__main__":
    main()
