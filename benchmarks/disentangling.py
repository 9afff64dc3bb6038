"""Compare priors and objectives for independent codes, beside the tables and figures of [isa].

    python benchmarks/disentangling.py train --out FOLDER [--seeds 5] [--only isa_vae] [--shard 0/2]
    python benchmarks/disentangling.py judge --out FOLDER
    python benchmarks/disentangling.py figure --out FOLDER
    python benchmarks/disentangling.py cost

`train` makes the runs that are missing, one after another (`--shard` shares them between several
processes), as run folders, so that `vaekit compare FOLDER/*` shows them too. `judge` prints a
Markdown table over seeds. The models are those of Figures 5 and 6: β-VAE, β-TCVAE, ISA-VAE,
ISA-TCVAE at β = 1, 2, 4 and FactorVAE at γ = 1, 2, 4; the ISA prior has p0 = 2.1, p = 2.2 and
subspaces of 4, scale 1, as in the paper. The paper: dSprites, 737 280 images, 20 latents, batch
2048, 20 epochs (7 200 steps), 50 seeds, networks of 1200 units. Here, by default, a coarser grid of
rendered sprites, smaller networks and fewer steps: see the arguments.

Expected: at β = 1 the ISA prior has a higher MIG than the normal one, since it singles out a basis
where the normal has none; at higher β the methods come closer; distortion rises with β in all.

`cost` times steps in turns at batch 256: isa_vae and beta_tcvae beside beta_vae.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from spread import mean_error, spread
from turns import compare

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.information import evaluate, score
from vaekit.runs import Run
from vaekit.runs.config import Config
from vaekit.runs.make import train as train_run
from vaekit.training import Training

STRENGTHS = [1, 2, 4]
MODELS = {
    "beta_vae": "beta",
    "beta_tcvae": "beta",
    "isa_vae": "beta",
    "isa_tcvae": "beta",
    "factor_vae": "gamma",
}
SCORES = ("mig", "dci", "factor_vae", "sap")
COLUMNS = ("mig", "dci_disentanglement", "factor_vae_score", "sap_r2")
# MIG and log p(x|z) of typical models of the upper half by MIG (Figures 8 to 15; β = 3 left out).
PUBLISHED = {
    ("beta_vae", 1): (0.14, -21.99),
    ("isa_vae", 1): (0.20, -20.93),
    ("beta_vae", 2): (0.28, -29.40),
    ("beta_tcvae", 2): (0.30, -27.15),
    ("isa_vae", 2): (0.41, -25.86),
}


def arguments(model: str, strength: float, asked: argparse.Namespace) -> dict[str, Any]:
    """Return what a recipe is made with."""
    common = {"latent": asked.latent, "network": asked.network, MODELS[model]: float(strength)}
    if model == "factor_vae":
        common |= {"discriminator": f"mlp({asked.critic}, activation=leaky_relu)"}
    return common


def folder(asked: argparse.Namespace, model: str, strength: float, seed: int) -> Path:
    """Name a run."""
    return asked.out / f"{model}-{strength:g}-{seed}"


def train(asked: argparse.Namespace) -> None:
    """Train and judge what is missing, all models of a seed before the next seed."""
    shard, shards = map(int, asked.shard.split("/"))
    jobs = [(m, s, seed) for seed in range(asked.seeds) for s in STRENGTHS for m in MODELS]
    for model, strength, seed in jobs[shard::shards]:
        path = folder(asked, model, strength, seed)
        if (path / "metrics.json").exists() or (asked.only and asked.only != model):
            continue
        begin = time.perf_counter()
        settings = Training(epochs=asked.epochs, batch=asked.batch, lr=asked.lr, seed=seed)
        config = Config(model, arguments(model, strength, asked), asked.set, settings)
        run = train_run(config, path, resume=path.exists())
        if run.config.notes["state"] != "finished":  # Ctrl-C: the same command goes on
            break
        found = evaluate(run.model, run.data.train)
        run.save_metrics(found | score(run.model, run.data.train, SCORES))
        print(f"{path.name}: {time.perf_counter() - begin:.0f} s", flush=True)


def judge(asked: argparse.Namespace) -> None:
    """Print the table of what is there: means ± standard errors over seeds."""
    print(f"{asked.set}, {asked.network}, {asked.latent} latents, {asked.epochs} epochs\n")
    head = ["model", "strength", "seeds", "log p(x given z)", "rate", *COLUMNS, "MIG, shuffled"]
    head += ["best MIG", "[isa] MIG, log p"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for model in MODELS:
        for strength in STRENGTHS:
            paths = [folder(asked, model, strength, seed) for seed in range(asked.seeds)]
            found = [Run(p).metrics for p in paths if (p / "metrics.json").exists()]
            if found:
                said = ", ".join(map(str, PUBLISHED.get((model, strength), ())))
                cells = [model, f"{strength:g}", str(len(found)), *row(found), said]
                print("| " + " | ".join(cells) + " |")
    differences(asked)


def differences(asked: argparse.Namespace) -> None:
    """Print what every model has over the β-VAE of the same strength, seed by seed."""
    print("\nover beta_vae at equal strength, same seeds: mean ± standard error\n")
    print("| model | strength | seeds | MIG | DCI | log p(x given z) |\n|---|---|---|---|---|---|")
    for model in list(MODELS)[1:]:
        for strength in STRENGTHS:
            pairs = []
            for seed in range(asked.seeds):
                paths = [folder(asked, each, strength, seed) for each in (model, "beta_vae")]
                if all((path / "metrics.json").exists() for path in paths):
                    pairs.append([Run(path).metrics for path in paths])
            if len(pairs) > 1:
                cells = [model, f"{strength:g}", str(len(pairs))]
                for name, sign, digits in (
                    ("mig", 1, 3),
                    ("dci_disentanglement", 1, 3),
                    ("distortion", -1, 2),
                ):
                    gains = [sign * (a[name]["value"] - b[name]["value"]) for a, b in pairs]
                    cells.append(spread(gains, digits))
                print("| " + " | ".join(cells) + " |")


def figure(asked: argparse.Namespace) -> None:
    """Draw the scores against the reconstruction as in Figures 5 and 6, mean ± standard error."""
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(11, 4.4), layout="constrained")
    for axes, score_name in zip(sheet.subplots(1, 2), COLUMNS, strict=False):
        for model, colour in zip(MODELS, ("C0", "C1", "C2", "C3", "C4"), strict=True):
            points = []
            for strength in STRENGTHS:
                paths = [folder(asked, model, strength, seed) for seed in range(asked.seeds)]
                runs = [Run(p).metrics for p in paths if (p / "metrics.json").exists()]
                x = [-m["distortion"]["value"] for m in runs]
                y = [m[score_name]["value"] for m in runs]
                axes.plot(x, y, ".", color=colour, alpha=0.25, ms=4)
                points.append([*mean_error(x), *mean_error(y)])
            x, xerr, y, yerr = zip(*points, strict=True)
            axes.errorbar(x, y, yerr, xerr, "o-", color=colour, capsize=2, label=model)
            for place, strength in zip(zip(x, y, strict=True), STRENGTHS, strict=True):
                axes.annotate(f"{strength:g}", place, xytext=(4, 4), textcoords="offset points")
        axes.set(xlabel="log p(x|z), nats", ylabel=score_name.replace("_", " "))
        axes.grid(alpha=0.3)
    sheet.axes[0].legend()
    target = asked.out / "disentangling.png"
    sheet.savefig(target, dpi=90)
    print(target)


def row(found: list[dict[str, Any]]) -> list[str]:
    """Write the cells of a row."""
    cells = [spread([-m["distortion"]["value"] for m in found], 2)]
    cells += [spread([m["rate"]["value"] for m in found], 2)]
    cells += [spread([m[name]["value"] for m in found], 3) for name in COLUMNS]
    best = max(m["mig"]["value"] for m in found)
    shuffled = statistics.mean(m["mig"]["shuffled"] for m in found)
    return [*cells, f"{shuffled:.3f}", f"{best:.2f}"]


def cost(asked: argparse.Namespace) -> None:
    """Time steps in turns beside those of the β-VAE, on 64 × 64 images at batch 256."""
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "beta_vae": ("beta_vae", {}),
        "isa_vae": ("isa_vae", {}),
        "isa_vae, learned exponents": ("isa_vae", {"learned": "inner"}),
        "isa_vae, path derivative": ("isa_vae", {"path": True}),
        "beta_tcvae, stratified": ("beta_tcvae", {}),
        "beta_tcvae, weighted": ("beta_tcvae", {"sampling": "weighted"}),
        "dip_vae_ii": ("dip_vae_ii", {}),
        "factor_vae, 1000": ("factor_vae", {"discriminator": "mlp(1000)"}),
    }
    shape, data = (1, 64, 64), torch.randint(0, 256, (512, 1, 64, 64), dtype=torch.uint8)
    for network in asked.networks.split(";"):
        trainings = {}
        for name, (recipe, more) in kinds.items():
            torch.manual_seed(0)
            made = recipes.find(recipe).make(shape, latent=20, network=network, **more)
            settings = Training(epochs=10**6, batch=256)
            trainings[name] = made, Dataset.from_array(data.numpy()), settings
        compare(f"{network}, 20 latents, batch 256", trainings, asked.turns)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["train", "judge", "figure", "cost"])
    parser.add_argument("--out", type=Path, default=Path("disentangling"))
    parser.add_argument("--set", default="sprites(scales=3, rotations=8, positions=12)")
    parser.add_argument("--network", default="mlp(256, 256, decoder_activation=tanh)")
    parser.add_argument("--critic", type=int, default=256, help="units of FactorVAE's critic")
    parser.add_argument("--latent", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=MODELS, help="train one model")
    parser.add_argument("--shard", default="0/1", help="i/n: every n-th run from the i-th on")
    parser.add_argument("--networks", default="isa;conv();mlp(256)", help="for cost")
    parser.add_argument("--turns", type=int, default=15)
    asked = parser.parse_args()
    tasks = {"train": train, "judge": judge, "figure": figure, "cost": cost}
    tasks[asked.what](asked)


if __name__ == "__main__":
    main()
