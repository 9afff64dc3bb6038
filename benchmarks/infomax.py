"""Compare VAEs of three strengths with the InfoMax autoencoders, beside the tables of [vimae].

    python benchmarks/infomax.py train  --out FOLDER --data-dir DATA [--only mnist] [--shard 0/2]
    python benchmarks/infomax.py judge  --out FOLDER --data-dir DATA [--only mnist]
    python benchmarks/infomax.py figure --out FOLDER --data-dir DATA [--only cifar10]

`train` makes the runs that are missing, one after another, as run folders, and goes on with those
that were interrupted; `judge` scores those that are there, keeps the scores in their folders and
prints Markdown tables, means ± standard errors over seeds; `figure` draws Figure 1, or what the
models of `cifar10` make of its test images and of draws of the prior, as Figures 3 and 5.

The paper: a DCGAN of 128 to 1024 channels (`vimae_small`, 600 times the multiplications), 80
epochs, λ = β_H = 10, β_A = .2, 8 latents, squared error, Adam 1e-3 (β1 = .5), batch 100. Here all
but networks and epochs is the same: conv(16, 32, 64) with batch norm, 5 epochs of MNIST's 60 000
digits, 15 of 10 980 pictures of Omniglot: 183 characters of six alphabets by 15 drawers in four
rotations. What is judged of Omniglot are the 59 characters of two others, Sanskrit and Tagalog (the
paper, too, tests on alphabets never seen). `figure` has networks of three layers of 256 and 2
latents, 5 epochs of MNIST.

`cifar10` is CIFAR-10 **re-compressed as JPEG**, other pixels than the published set's, so that what
is published stands beside accuracies alone, and of the FID the order of the models is compared, in
the features of two networks (the second was added when the first had been seen). The paper: λ = β_H
= 100, β_A = .4, 64 latents, 5 × 5 filters, 60 epochs. Here the same but for the network, the small
one of above, and 6 epochs of 50 000, a minute and a half of a core for a run. CelebA, the other
half of Table 5, is not to be had and is left out.

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
8. (Before any accuracy was seen.) A collapsed unit has a posterior as wide as the prior, but its
   mean still moves a little with x. Codes are drawn, as in the paper; read from the means, which
   are then standardised, even β_H tells the digits far better than chance, though no code does.
9. (Added after the first seed, in which the VIMAEs stood the masks best.) It is not the noise of
   .01: without it VIMAE-n, then a WAE, scores the same within two standard errors.
10. (Before any Jacobian was seen.) The rate of a VIMAE, whose encoder is random by the noise of .01
   on its input, to first order (the paper: twice that of β_A): 30 to 60 nats on MNIST.

Of `cifar10`, from the eigenvalues λ_i of the pixels' covariance (55.5, 21.2, 12.8, …; 24.5 in sum
after the 64th), after an epoch of VAE and VIMAE-l for timing and before the first run. A linear
VAE has a squared error of Σ min(λ_i, β/2) and a rate of Σ ½ ln(2λ_i/β) over λ_i > β/2.

11. β_H = 100 keeps what varies by more than 50, one direction, at .05 nats: at most one unit, a
   squared error of 184 to 190, drawn codes at chance (the paper: 29 %, as good as the others).
12. Squared error, units and rate are near the linear ones: VAE 53, 37, 23 nats; β_A 37, 64, 48;
   VIMAE 25 to 30 and, by ½ Σ ln(λ_i/Var ε), 250 to 350 nats, many times the rate of β_A, not twice.
13. Clean accuracy, all but β_H: 30 to 40 %, by drawn codes VAE < β_A < VIMAE, within 4 points.
14. Corrupted: no model gains by noise (the paper: VIMAE-l, +2); all but β_H lose up to 12 points,
   the VIMAEs not fewer than β_A's means; VIMAE-l and VIMAE-n agree within two standard errors.
15. FID: VIMAE < β_A < VAE < β_H; the paper has β_A behind the VAE, by 6.
16. MMD(q(z), p(z)): β_H < VAE < VIMAE < β_A.
17. Parzen windows on 3 072 pixels prefer blur: some model beats as many training images.
18. Five neighbours of 5 000 draws miss the entropy of the prior, 90.8 nats, by more than 5. The
   normal of the codes' covariance is an upper bound: for VAE and β_A it is below the prior's.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from infomax_scores import (
    NOISES,
    Judging,
    Lesson,
    characters,
    digits,
    images,
    judged_on,
    like,
    score,
)
from infomax_shown import Table, photographs, plane, tables

from vaekit.data import load
from vaekit.information import FeatureNetwork, evaluate, feature_network
from vaekit.recipes import find
from vaekit.runs import Run
from vaekit.runs.config import Config
from vaekit.runs.make import train as train_run

Models = dict[str, tuple[str, dict[str, Any]]]
VAE: dict[str, Any] = {"likelihood": "squared_error"}
SEEN = ["Balinese", "Early_Aramaic", "Greek", "Japanese_(katakana)", "Korean", "Latin"]
UNSEEN = ["Sanskrit", "Tagalog"]
CONV = "conv(16, 32, 64, hidden=[], batch_norm=true)"
PICTURES = "cifar10(pictures=true)"  # of JPEG files


def rivals(high: float, low: float) -> Models:
    """List the five models for β_H = λ = `high` and β_A = `low`: recipe and arguments."""
    return {
        "VAE": ("beta_vae", VAE | {"beta": 1.0}),
        f"β_H = {high:g}": ("beta_vae", VAE | {"beta": high}),
        f"β_A = {low:g}": ("beta_vae", VAE | {"beta": low}),
        "VIMAE-n": ("vimae_n", {"match": high}),
        "VIMAE-l": ("vimae_l", {"match": high}),
    }


class Task(NamedTuple):
    """Say what is trained."""

    data: str
    network: str
    latent: int
    epochs: int
    models: Models


FEW, MANY = rivals(10.0, 0.2), rivals(100.0, 0.4)
NO_NOISE: Models = {"VIMAE-n, no noise": ("wae_mmd", {"match": 10.0})}
TASKS = {
    "mnist": Task("mnist", CONV, 8, 5, FEW | NO_NOISE),
    "omniglot": Task(f"omniglot(rotations=true, alphabets={SEEN})", CONV, 8, 15, FEW),
    "plane": Task("mnist", "vimae_plane", 2, 5, FEW),
    "cifar10": Task(PICTURES, CONV, 64, 6, MANY),
}
NATURAL = {"clean": None, "Gauss .3": "gaussian(sigma=0.3)", "mask .2": "masking(p=0.2)"}
JUDGED = {
    "mnist": Judging("mnist", digits, NOISES, lessons=(Lesson(),)),
    "omniglot": Judging(
        f"omniglot(rotations=true, alphabets={UNSEEN})", characters, NOISES, unseen=True
    ),
    "cifar10": Judging(
        *(PICTURES, digits, NATURAL, 5000, 10_000),
        lessons=(Lesson("conv(32, 64, 128, hidden=[], batch_norm=true)", 8), Lesson(seed=1)),
        neighbours=False,
    ),
}
KEPT = ("squared_error", "rate", "active_units", "slope", "mmd")
NEAR = (*KEPT, "entropy", "prior's", "nll")
TABLES = {
    "mnist": Table(
        "Table 3, MNIST",
        {
            "VAE": (80, 77, 70, 72, 52),
            "β_H = 10": (92, 86, 82, 91, 84),
            "β_A = 0.2": (93, 66, 13, 85, 65),
            "VIMAE-n": (93, 92, 86, 92, 86),
            "VIMAE-l": (93, 92, 88, 92, 87),
        },
        (*NEAR, "fid", "floor"),
    ),
    "omniglot": Table(
        "Table 4, Omniglot",
        {
            "VAE": (22, 22, 17, 22, 16),
            "β_H = 10": (21, 21, 22, 19, 17),
            "β_A = 0.2": (22, 22, 21, 21, 24),
            "VIMAE-n": (22, 23, 24, 22, 22),
            "VIMAE-l": (24, 23, 20, 23, 22),
        },
        (*NEAR, "300 labels", "[vimae] NLL"),
        {
            "VAE": {"[vimae] NLL": 1224},
            "β_H = 10": {"[vimae] NLL": 1254},
            "β_A = 0.2": {"[vimae] NLL": 1228},
            "VIMAE-n": {"[vimae] NLL": 1190},
            "VIMAE-l": {"[vimae] NLL": 1223},
        },
    ),
    "cifar10": Table(
        "Table 2, CIFAR-10 as JPEG",
        {
            "VAE": (30, 25, 16),
            "β_H = 100": (29, 26, 19),
            "β_A = 0.4": (31, 31, 18),
            "VIMAE-n": (29, 28, 23),
            "VIMAE-l": (32, 34, 23),
        },
        (*KEPT, "entropy ≤", "prior's h", "nll", "fid", "floor", "fid 2", "floor 2"),
    ),
}


def folder(asked: argparse.Namespace, task: str, model: str, seed: int) -> Path:
    """Name a run."""
    return asked.out / f"{task}-{model.replace(' ', '').replace(',', '-')}-{seed}"


def train(asked: argparse.Namespace) -> None:
    """Train what is missing, all models and tasks of a seed before the next seed."""
    shard, shards = map(int, asked.shard.split("/"))
    tasks = [asked.only] if asked.only else list(TASKS)
    jobs = [(t, m, s) for s in range(asked.seeds) for t in tasks for m in TASKS[t].models]
    jobs = [job for job in jobs if job[0] != "plane" or job[2] < asked.planes]
    for task, model, seed in jobs[shard::shards]:
        path = folder(asked, task, model, seed)
        if (path / "metrics.json").exists():
            continue
        begin = time.perf_counter(), time.process_time()
        text, network, latent, epochs, known = TASKS[task]
        recipe, arguments = known[model]
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


def features(asked: argparse.Namespace, task: str) -> list[FeatureNetwork]:
    """Return the networks that FID reads, each trained once."""
    found, how = [], JUDGED[task]
    for k, (network, epochs, seed) in enumerate(how.lessons):
        path = asked.out / f"features-{task}{f'-{k + 1}' if k else ''}.safetensors"
        if not path.exists():
            seen = load(how.data, asked.data_dir).train
            feature_network(seen, epochs, seed, network=network).save(path)
        found.append(FeatureNetwork.load(path))
    return found


def judge(asked: argparse.Namespace) -> None:
    """Score what is there and not scored yet; print the tables."""
    for task, how in JUDGED.items():
        if asked.only not in (None, task):
            continue
        rows: dict[str, list[dict[str, Any]]] = {}
        for model, path in runs(asked, task):
            kept = path / "judged.json"
            if not kept.exists():
                made = score(Run(path, asked.data_dir), how, features(asked, task))
                kept.write_text(json.dumps(made), encoding="utf-8")
            rows.setdefault(model, []).append(json.loads(kept.read_text("utf-8")))
        if rows:
            tables(TABLES[task], tuple(how.noises), rows)
            references(asked, task)


def references(asked: argparse.Namespace, task: str) -> None:
    """Print what the networks of FID are, and what training images score in place of samples."""
    networks = features(asked, task)
    if not networks:
        return
    train, test = judged_on(JUDGED[task], asked.data_dir)
    found = like(images(train), test, networks)
    print("\nFID reads", *(network.said for network in networks), sep="\n- ")
    shown = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
    print(f"Training images in place of samples: {shown}")


def runs(asked: argparse.Namespace, task: str) -> list[tuple[str, Path]]:
    """List the finished runs of a task, by model and seed."""
    found = [(m, folder(asked, task, m, s)) for m in TASKS[task].models for s in range(asked.seeds)]
    return [(model, path) for model, path in found if (path / "metrics.json").exists()]


def figure(asked: argparse.Namespace) -> None:
    """Draw the codes of the plane, or what the models make of photographs."""
    task = asked.only or "plane"
    draw, name = {"plane": (plane, "codes"), "cifar10": (photographs, "cifar10")}[task]
    made: dict[str, list[Run]] = {}
    for model, path in runs(asked, task):
        made.setdefault(model, []).append(Run(path, asked.data_dir))
    picture = asked.picture or Path(f"vimae-{name}.png")
    draw(made, picture)
    print(picture)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["train", "judge", "figure"])
    parser.add_argument("--out", type=Path, default=Path("infomax"))
    parser.add_argument("--data-dir")
    parser.add_argument("--only", choices=TASKS, help="one task (figure: plane)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--planes", type=int, default=1, help="seeds of the figure's models")
    parser.add_argument("--epochs", type=int, help="epochs in place of the task's own")
    parser.add_argument("--shard", default="0/1", help="i/n: every n-th run from the i-th on")
    parser.add_argument("--picture", type=Path, help="file of the figure")
    asked = parser.parse_args()
    {"train": train, "judge": judge, "figure": figure}[asked.what](asked)


if __name__ == "__main__":
    main()
