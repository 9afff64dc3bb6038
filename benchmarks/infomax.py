"""Compare VAEs of three strengths with the InfoMax autoencoders, beside the tables of [vimae].

    python benchmarks/infomax.py train  --out FOLDER --data-dir DATA [--only mnist] [--shard 0/2]
    python benchmarks/infomax.py judge  --out FOLDER --data-dir DATA
    python benchmarks/infomax.py figure --out FOLDER --data-dir DATA [--picture FILE]

`train` makes the runs that are missing, one after another, as run folders, and goes on with those
that were interrupted; `judge` scores those that are there, keeps the scores in their folders and
prints Markdown tables, means ± standard errors over seeds; `figure` draws Figure 1.

The paper: a DCGAN of 128 to 1024 channels (`vimae_small`, 600 times the multiplications), 80
epochs, λ = β_H = 10, β_A = .2, 8 latents, squared error, Adam 1e-3 (β1 = .5), batch 100. Here all
but networks and epochs is the same: conv(16, 32, 64) with batch norm, 5 epochs of MNIST's 60 000
digits, 15 of 10 980 pictures of Omniglot: 183 characters of six alphabets by 15 drawers in four
rotations. What is judged of Omniglot are the 59 characters of two others, Sanskrit and Tagalog (the
paper, too, tests on alphabets never seen). `figure` has networks of three layers of 256 and 2
latents, 5 epochs of MNIST.

`cifar10` is CIFAR-10 **re-compressed as JPEG**, other pixels than the published set's, so that what
is published stands beside accuracies alone, and of the FID the order of the models is compared. The
paper: λ = β_H = 100, β_A = .4, 64 latents, 5 × 5 filters, 60 epochs. Here the same but for the
network, the small one of above, and 10 epochs of 50 000, which is what 50 minutes of a core allow
for 15 runs. CelebA, the other half of Table 5, is not to be had and is left out.

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
from typing import Any

from infomax_scores import NOISES, codes, known, matched, score
from spread import spread

from vaekit.data import load
from vaekit.information import FeatureNetwork, evaluate, feature_network
from vaekit.recipes import find
from vaekit.runs import Run
from vaekit.runs.config import Config
from vaekit.runs.make import train as train_run

VAE: dict[str, Any] = {"likelihood": "squared_error"}


def rivals(high: float, low: float) -> dict[str, tuple[str, dict[str, Any]]]:
    """List the five models for β_H = λ = `high` and β_A = `low`: recipe and arguments."""
    return {
        "VAE": ("beta_vae", VAE | {"beta": 1.0}),
        f"β_H = {high:g}": ("beta_vae", VAE | {"beta": high}),
        f"β_A = {low:g}": ("beta_vae", VAE | {"beta": low}),
        "VIMAE-n": ("vimae_n", {"match": high}),
        "VIMAE-l": ("vimae_l", {"match": high}),
    }


FEW = rivals(10.0, 0.2)
MODELS = {
    "mnist": FEW | {"VIMAE-n, no noise": ("wae_mmd", {"match": 10.0})},
    "omniglot": FEW,
    "plane": FEW,
    "cifar10": rivals(100.0, 0.4),
}
SEEN = ["Balinese", "Early_Aramaic", "Greek", "Japanese_(katakana)", "Korean", "Latin"]
UNSEEN = ["Sanskrit", "Tagalog"]
CONV = "conv(16, 32, 64, hidden=[], batch_norm=true)"
# What is trained: data, network, latents, epochs.
TASKS: dict[str, tuple[str, str, int, int]] = {
    "mnist": ("mnist", CONV, 8, 5),
    "omniglot": (f"omniglot(rotations=true, alphabets={SEEN})", CONV, 8, 15),
    "plane": ("mnist", "vimae_plane", 2, 5),
    "cifar10": ("cifar10(pictures=true)", CONV, 64, 10),
}

PUBLISHED = {
    "mnist": {
        "VAE": (80, 77, 70, 72, 52),
        "β_H = 10": (92, 86, 82, 91, 84),
        "β_A = 0.2": (93, 66, 13, 85, 65),
        "VIMAE-n": (93, 92, 86, 92, 86),
        "VIMAE-l": (93, 92, 88, 92, 87),
    },
    "omniglot": {
        "VAE": (22, 22, 17, 22, 16),
        "β_H = 10": (21, 21, 22, 19, 17),
        "β_A = 0.2": (22, 22, 21, 21, 24),
        "VIMAE-n": (22, 23, 24, 22, 22),
        "VIMAE-l": (24, 23, 20, 23, 22),
    },
}
NLL = {"VAE": 1224, "β_H = 10": 1254, "β_A = 0.2": 1228, "VIMAE-n": 1190, "VIMAE-l": 1223}


def folder(asked: argparse.Namespace, task: str, model: str, seed: int) -> Path:
    """Name a run."""
    return asked.out / f"{task}-{model.replace(' ', '').replace(',', '-')}-{seed}"


def train(asked: argparse.Namespace) -> None:
    """Train what is missing, all models and tasks of a seed before the next seed."""
    shard, shards = map(int, asked.shard.split("/"))
    tasks = [asked.only] if asked.only else list(TASKS)
    jobs = [(t, m, s) for s in range(asked.seeds) for t in tasks for m in MODELS[t]]
    jobs = [job for job in jobs if job[0] != "plane" or job[2] < asked.planes]
    for task, model, seed in jobs[shard::shards]:
        path = folder(asked, task, model, seed)
        if (path / "metrics.json").exists():
            continue
        begin = time.perf_counter(), time.process_time()
        text, network, latent, epochs = TASKS[task]
        recipe, arguments = MODELS[task][model]
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


# ---- tables


def features(asked: argparse.Namespace) -> FeatureNetwork:
    """Return the network that FID reads, trained once."""
    path = asked.out / "features.safetensors"
    if not path.exists():
        feature_network(load("mnist", asked.data_dir).train).save(path)
    return FeatureNetwork.load(path)


def judge(asked: argparse.Namespace) -> None:
    """Score what is there and not scored yet; print the tables."""
    network = features(asked)
    print(f"FID reads {network.said}")
    for task in ("mnist", "omniglot"):
        rows: dict[str, list[dict[str, Any]]] = {}
        for model in MODELS[task]:
            for seed in range(asked.seeds):
                path = folder(asked, task, model, seed)
                if not (path / "metrics.json").exists():
                    continue
                kept = path / "judged.json"
                if not kept.exists():
                    made = score(
                        Run(path, asked.data_dir), UNSEEN if task == "omniglot" else None, network
                    )
                    kept.write_text(json.dumps(made), encoding="utf-8")
                rows.setdefault(model, []).append(json.loads(kept.read_text("utf-8")))
        if rows:
            tables(task, rows)


def tables(task: str, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Print all tables of a task; the rate of VIMAEs is that of the noise on their input."""
    table = "Table 3, MNIST" if task == "mnist" else "Table 4, Omniglot"
    for how in ("drawn", "means", "noisy reader"):
        print(f"\n{table}: accuracy in %, {how}" + (", in brackets [vimae]" * (how == "drawn")))
        line(["model", "seeds", *NOISES])
        line(["---"] * (2 + len(NOISES)))
        for model, found in rows.items():
            cells = [over([100 * r[how][i] for r in found], 1) for i in range(len(NOISES))]
            if how == "drawn":
                both = zip(cells, PUBLISHED[task].get(model, "–––––"), strict=True)
                cells = [f"{ours} [{theirs}]" for ours, theirs in both]
            line([model, str(len(found)), *cells])
    names = ["squared_error", "rate", "active_units", "slope", "mmd", "entropy", "prior's", "nll"]
    names += ["fid", "floor"] if task == "mnist" else ["300 labels"]
    print(f"\nWhat the models keep, and their samples, {task}")
    line(["model", *names, *(["[vimae] NLL"] if task == "omniglot" else [])])
    line(["---"] * (1 + len(names) + (task == "omniglot")))
    places = {"mmd": 4, "300 labels": 1, "active_units": 1, "slope": 4, "nll": 1, "fid": 1}
    for model, found in rows.items():
        cells = [over([r[name] for r in found], places.get(name, 2)) for name in names]
        line([model, *cells, *([str(NLL[model])] if task == "omniglot" else [])])


def line(cells: list[str]) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(cells) + " |")


def over(values: list[float | None], digits: int) -> str:
    """Write the mean over seeds and its standard error."""
    found = [v for v in values if v is not None]
    return spread(found, digits) if found else "–"


def figure(asked: argparse.Namespace) -> None:
    """Draw the codes of the plane, with their MMD from the prior and their entropy."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(11, 3), layout="constrained", dpi=90, facecolor="white")
    panels = drawn.subplots(1, len(FEW), sharex=True, sharey=True)
    line(["model", "MMD(q(z), p(z))", "entropy of q(z)", "of the prior", "squared error"])
    line(["---"] * 5)
    for model, axes in zip(FEW, panels, strict=True):
        title = model.replace("_H", "$_H$").replace("_A", "$_A$")
        axes.set(title=title, xlim=(-4.5, 4.5), ylim=(-4.5, 4.5), aspect="equal")
        runs = [folder(asked, "plane", model, seed) for seed in range(asked.seeds)]
        made = [Run(p, asked.data_dir) for p in runs if (p / "metrics.json").exists()]
        if not made:
            continue
        found = [matched(run.model, run.data.test) for run in made]
        error = [run.metrics["squared_error"]["value"] for run in made]
        cells = [over([f[k] for f in found], d) for k, d in zip(found[0], (4, 2, 2), strict=True)]
        line([model, *cells, over(error, 1)])
        test = made[0].data.test.subset(range(2500))
        z, _ = codes(made[0].model, test)
        axes.scatter(*z.T, c=known(test), cmap="tab10", s=2.5, linewidths=0)
        own, prior = found[0]["entropy"], found[0]["prior's"]
        axes.set_xlabel(f"MMD {found[0]['mmd']:.3f}\nentropy {own:.2f}, prior's {prior:.2f}")
    drawn.savefig(asked.picture)
    print(asked.picture)


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
    parser.add_argument("--planes", type=int, default=1, help="seeds of the figure's models")
    parser.add_argument("--epochs", type=int, help="epochs in place of the task's own")
    parser.add_argument("--shard", default="0/1", help="i/n: every n-th run from the i-th on")
    parser.add_argument("--picture", type=Path, default=Path("vimae-codes.png"))
    asked = parser.parse_args()
    {"train": train, "judge": judge, "figure": figure}[asked.what](asked)


if __name__ == "__main__":
    main()
