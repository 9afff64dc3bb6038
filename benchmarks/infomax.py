"""Compare VAEs of three strengths with the InfoMax autoencoders, beside the tables of [vimae].

    python benchmarks/infomax.py train  --out FOLDER --data-dir DATA [--only mnist] [--shard 0/2]
    python benchmarks/infomax.py judge  --out FOLDER --data-dir DATA
    python benchmarks/infomax.py figure --out FOLDER --data-dir DATA [--picture FILE]

`train` makes the runs that are missing, one after another, as run folders, and goes on with those
that were interrupted. The paper: DCGAN of 128 to 1024 channels (`vimae_small`, 250 times the work),
80 epochs, its own noise, λ = β_H = 10, β_A = .2, 8 latents, squared error, Adam 1e-3 (β1 = .5),
batch 100. Here all but the networks and epochs is the same: conv(16, 32, 64) with batch norm, 5
epochs of MNIST's 60 000 digits, 15 of 10 980 pictures of Omniglot: 183 characters of six alphabets
by 15 drawers in four rotations. What is judged of Omniglot are the 59 characters of two others,
Sanskrit and Tagalog (the paper, too, tests on alphabets never seen). `figure` has networks of three
layers of 256 and 2 latents, 5 epochs of MNIST.

Expected, written before the first run was made:

1. β_H = 10. Under the squared error σ² = ½, so a direction of the data survives where its variance
   is above β σ² = 5; MNIST has one such principal direction (5.1), Omniglot none. So β_H keeps at
   most 3 units on MNIST, none on Omniglot, its accuracy is below the VAE's (the paper: 92 over 80).
2. Clean MNIST: VAE, β_A and both VIMAEs between 88 and 96 %, within 4 points of each other.
3. Corrupted MNIST: noise of .01 teaches no robustness to noise of .2; β_A does not fall to 13 % at
   σ = .4 unless the VIMAEs fall too. VIMAE-l and VIMAE-n agree within two standard errors.
4. Omniglot, 5 characters: a score of 100 pictures has a standard error of 4 points, so that all of
   the published 16 to 24 % are chance. With 300 labels all but β_H come above 35 %.
5. Squared error: VIMAE ≤ β_A < VAE < β_H. MMD(q(z), p(z)): VIMAE below β_A; VAE small as well.
6. FID and Parzen NLL: β_A and VIMAE better than VAE, β_H worst.
7. The entropy of q(z) in two dimensions: no ELBO model far above that of the prior (the paper: ≫).
"""

import argparse
import time
from pathlib import Path
from typing import Any

from vaekit.information import evaluate
from vaekit.recipes import find
from vaekit.runs.config import Config
from vaekit.runs.make import train as train_run

VAE: dict[str, Any] = {"likelihood": "squared_error"}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "VAE": ("beta_vae", VAE | {"beta": 1.0}),
    "β_H = 10": ("beta_vae", VAE | {"beta": 10.0}),
    "β_A = 0.2": ("beta_vae", VAE | {"beta": 0.2}),
    "VIMAE-n": ("vimae_n", {"match": 10.0}),
    "VIMAE-l": ("vimae_l", {"match": 10.0}),
}
SEEN = ["Balinese", "Early_Aramaic", "Greek", "Japanese_(katakana)", "Korean", "Latin"]
UNSEEN = ["Sanskrit", "Tagalog"]
CONV = "conv(16, 32, 64, hidden=[], batch_norm=true)"
# What is trained: data, network, latents, epochs.
TASKS: dict[str, tuple[str, str, int, int]] = {
    "mnist": ("mnist", CONV, 8, 5),
    "omniglot": (f"omniglot(rotations=true, alphabets={SEEN})", CONV, 8, 15),
    "plane": ("mnist", "vimae_plane", 2, 5),
}


def folder(asked: argparse.Namespace, task: str, model: str, seed: int) -> Path:
    """Name a run."""
    return asked.out / f"{task}-{model.replace(' ', '')}-{seed}"


def train(asked: argparse.Namespace) -> None:
    """Train what is missing, all models and tasks of a seed before the next seed."""
    shard, shards = map(int, asked.shard.split("/"))
    tasks = [asked.only] if asked.only else list(TASKS)
    jobs = [(t, m, s) for s in range(asked.seeds) for t in tasks for m in MODELS]
    for task, model, seed in jobs[shard::shards]:
        path = folder(asked, task, model, seed)
        if (path / "metrics.json").exists():
            continue
        begin = time.perf_counter(), time.process_time()
        text, network, latent, epochs = TASKS[task]
        recipe, arguments = MODELS[model]
        settings = find(recipe).defaults(
            epochs=asked.epochs or epochs, batch=100, lr=1e-3, beta1=0.5, seed=seed, device="cpu"
        )
        made = arguments | {"latent": latent, "network": network}
        config = Config(recipe, made, text, settings, data_dir=asked.data_dir)
        run = train_run(config, path, resume=path.exists())
        if run.config.notes["state"] != "finished":  # Ctrl-C: the same command goes on
            break
        run.save_metrics(evaluate(run.model, run.data.test))
        wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        print(f"{path.name}: {wall:.0f} s, {cpu:.0f} s of a core", flush=True)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["train", "judge", "figure"])
    parser.add_argument("--out", type=Path, default=Path("infomax"))
    parser.add_argument("--data-dir")
    parser.add_argument("--only", choices=TASKS, help="train one task")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="epochs in place of the task's own")
    parser.add_argument("--shard", default="0/1", help="i/n: every n-th run from the i-th on")
    asked = parser.parse_args()
    {"train": train}[asked.what](asked)


if __name__ == "__main__":
    main()
