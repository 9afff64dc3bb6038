"""Measure what learned noise buys, beside the tables and figures of [noise].

    python benchmarks/noise.py train mnist --data-dir DATA --out FOLDER [--epochs 20]
    python benchmarks/noise.py judge mnist --data-dir DATA --out FOLDER
    python benchmarks/noise.py train yale  --data-dir DATA --out FOLDER [--epochs 100]
    python benchmarks/noise.py judge yale  --data-dir DATA --out FOLDER
    python benchmarks/noise.py cost

`train` makes what is missing, one model after the other; `judge` prints a Markdown table of all
that are there, and draws. The networks are the paper's, 128 latents, Adam and batches of 100.

mnist: 42 000 digits, indicators on 10 000 others (Figures 4, 5 and 8). Expected: at equal β·σ² the
learned noise has the higher EVLB, since there σ² is the best for its residuals, and a fixed σ² is
not; the KL(q*‖p) and the counts should then agree, because the optimum of networks and posterior
depends on β·σ² alone ([noise] footnote 4), against the paper's claim of a lower KL.

yale: faces of 192 × 168 (Table 1). Expected: Network > MoG-2 > G > Network(MoG-2) at β = 1.

cost: the step of each noise model beside that of the fixed Gaussian, in turns.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from turns import compare

from vaekit import recipes
from vaekit.data import Dataset, load
from vaekit.information import evaluate, indicators, refit
from vaekit.model import Model
from vaekit.recipes import System
from vaekit.report.codes import encode_items
from vaekit.report.section import View
from vaekit.report.sections import noise
from vaekit.system import weights
from vaekit.training import Training, fit
from vaekit.training.state import save_weights

FIXED = [0.001, 0.003, 0.006, 0.01, 0.03, 0.06, 0.1]
LEARNED = [0.5, 1, 2, 4, 8, 12, 18]


def jobs(name: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """List the models of a table: name → recipe and its arguments."""
    if name == "mnist":
        common: dict[str, Any] = {"latent": 128, "network": "noise_small"}
        fixed = {
            f"fixed {v:g}": (
                "beta_vae",
                common | {"beta": 1.0, "likelihood": f"gaussian({v**0.5})"},
            )
            for v in FIXED
        }
        learned = {f"learned {b:g}": ("noise_vae", common | {"beta": float(b)}) for b in LEARNED}
        return fixed | learned
    common = {"latent": 128, "network": "noise_large"}
    return {
        "MoG-2, β = 1": ("mog_vae", common | {"beta": 1.0}),
        "Network, β = 1": ("network_noise_vae", common | {"beta": 1.0}),
        "G, β = 1": ("noise_vae", common | {"beta": 1.0}),
        "MoG-2, β = 40": ("mog_vae", common | {"beta": 40.0}),
    }


def sets(name: str, data_dir: str) -> tuple[Dataset, Dataset]:
    """Load the training and test images."""
    if name == "mnist":
        train, test = load("mnist", data_dir)
        return train.subset(torch.arange(42_000)), test
    whole = load("yale-b", data_dir).train
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
    return whole.subset(order[400:].sort().values), whole.subset(order[:400].sort().values)


def make(job: tuple[str, dict[str, Any]], data: Dataset) -> System:
    """Build a model."""
    torch.manual_seed(0)
    return recipes.find(job[0]).make(data.shape, **job[1])


def train(asked: argparse.Namespace) -> None:
    """Train what is missing."""
    data, _ = sets(asked.data, asked.data_dir)
    for name, job in jobs(asked.data).items():
        path = asked.out / f"{asked.data} {name}.safetensors"
        if path.exists() or (asked.only and asked.only != name):
            continue
        model, objective = make(job, data)
        settings = Training(
            epochs=asked.epochs, batch=asked.batch, lr=asked.lr, precision=asked.precision
        )
        begin = time.perf_counter()
        for now in fit(model, objective, data, settings):
            if now.step % now.batches.per_epoch == 0 and round(now.epoch) % 5 == 0:
                print(name, round(now.epoch), now.means(), model.likelihood.noise(), flush=True)
        save_weights(model, path)
        print(f"{name}: {time.perf_counter() - begin:.0f} s", flush=True)


def trained(asked: argparse.Namespace, name: str, data: Dataset) -> System | None:
    """Read a model back, None where it was not trained yet."""
    path = asked.out / f"{asked.data} {name}.safetensors"
    if not path.exists():
        return None
    system = make(jobs(asked.data)[name], data)
    tensors, _ = weights.read_tensors(path)
    state = {k.removeprefix("model.model."): v for k, v in tensors.items()}
    system.model.load_state_dict(state)
    system.model.eval()
    return system


def judge(asked: argparse.Namespace) -> None:
    """Print the table of what is there."""
    data, test = sets(asked.data, asked.data_dir)
    rows, residuals = [], {}
    for name, (_, arguments) in jobs(asked.data).items():
        system = trained(asked, name, data)
        if system is None:
            print(f"{name}: not trained")
            continue
        rows.append(row(name, system.model, test, arguments["beta"]))
        residuals[name] = residual(system.model, test)
        if name == "Network, β = 1":
            for text, said in (("mixture(2)", "MoG-2"), ("gaussian", "G")):
                again = refit(system.model, data, text)
                rows.append(row(f"Network({said}), β = 1", again, test, 1.0))
    head = [
        "model",
        "noise",
        "β·σ²",
        "EVLB",
        "squared error",
        "rate",
        "KL(q*‖p)",
        "v ≥ .8",
        "I > .5",
    ]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for r in rows:
        print("| " + " | ".join(str(r[h]) for h in head) + " |")
    (asked.out / f"{asked.data}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    if asked.data == "mnist":
        draw(rows, residuals, asked.out / "noise-mnist.png")
    elif (system := trained(asked, "MoG-2, β = 1", data)) is not None:
        list(noise.sections(View(system.model, test, encode_items(system.model, test), asked.out)))
        print(asked.out / "noise.png")


def row(name: str, model: Model, test: Dataset, beta: float) -> dict[str, Any]:
    """Measure a model: what the table shows, and numbers for the picture."""
    judged, found = evaluate(model, test), indicators(model, test)
    apart = float(found.aggregate_kl.sum())
    wide, many = int(found.normal_variance.sum()), int(found.influential.sum())
    learned = model.likelihood.noise()
    one = learned.get("noise_variance")
    said = ", ".join(f"{k.removeprefix('noise_')} {v:.3g}" for k, v in learned.items())
    return {
        "model": name,
        "noise": said or "σ²(z)",
        "β·σ²": f"{beta * one:.4g}" if one else "",
        "EVLB": f"{judged['elbo']['value']:.1f} ± {judged['elbo']['se']:.1f}",
        "squared error": f"{judged['squared_error']['value']:.2f}",
        "rate": f"{judged['rate']['value']:.2f}",
        "KL(q*‖p)": f"{apart:.2f}",
        "v ≥ .8": wide,
        "I > .5": many,
        "points": [beta * one if one else None, judged["elbo"]["value"], apart, wide, many],
    }


@torch.no_grad()
def residual(model: Model, test: Dataset) -> torch.Tensor:
    """Return x − E[x|z] of the first test image at its mean code, (H, W)."""
    x = test.batch(torch.arange(1))
    return (x - model.likelihood(model.posterior(x).mean[None]).mean[0])[0, 0]


def draw(rows: list[dict[str, Any]], residuals: dict[str, torch.Tensor], path: Path) -> None:
    """Plot EVLB, KL(q*‖p) and the counts against the normalised variance (Figures 4, 5 and 8)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[3, 1.25])
    above, below = parts
    titles = ["EVLB (nats)", "KL(q*‖p) (nats)", "factors with v ≥ .8", "factors with Ĩ > .5"]
    kinds = {
        kind: sorted((r["points"], r["model"]) for r in rows if r["model"].startswith(kind))
        for kind in ("fixed", "learned")
    }
    for column, (axes, title) in enumerate(zip(above.subplots(2, 2).flat, titles, strict=True), 1):
        for (kind, found), style in zip(kinds.items(), ("o-", "s--"), strict=True):
            x, y = [p[0] for p, _ in found], [p[column] for p, _ in found]
            axes.plot(x, y, style, label=f"{kind} noise")
        axes.set(title=title, xlabel="normalised variance β·σ²", xscale="log")
        axes.grid(alpha=0.3)
        axes.legend()
    below.suptitle("residuals x − E[x|z] of one test digit, from −1 (black) to 1 (white)")
    cells = below.subplots(2, max(map(len, kinds.values())), squeeze=False)
    for line, (kind, found) in zip(cells, kinds.items(), strict=True):
        for axes, (points, name) in zip(line, found, strict=False):
            axes.imshow(residuals[name], "gray", vmin=-1, vmax=1)
            axes.set_title(f"{kind}, {points[0]:.2g}", fontsize=9)
        for axes in line:
            axes.axis("off")
    figure.savefig(path, dpi=100)
    print(path)


def cost(asked: argparse.Namespace) -> None:
    """Time steps in turns of 20: learned noise beside the fixed Gaussian."""
    kinds = {
        "fixed": "gaussian(sigma=0.1)",
        "gaussian(learned=average)": "gaussian(learned=average)",
        "mixture(2)": "mixture(2)",
        "mixture(2, learned=gradient)": "mixture(2, learned=gradient)",
        "network_gaussian": "network_gaussian",
    }
    for network, shape, batch in (
        ("mlp(512)", (1, 28, 28), 100),
        ("noise_small", (1, 28, 28), 100),
        ("noise_large", (1, 192, 168), 20),
    ):
        torch.manual_seed(0)
        data = Dataset.from_array(torch.randint(0, 256, (200, *shape), dtype=torch.uint8).numpy())
        how = Training(epochs=10**6, batch=batch)
        made = {n: recipes.beta_vae(shape, 128, 1.0, network, text) for n, text in kinds.items()}
        turns, steps = (60, 20) if batch == 100 else (12, 2)
        title = f"{network}, {shape}, batch {batch}"
        compare(title, {n: (system, data, how) for n, system in made.items()}, turns, steps)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["train", "judge", "cost"])
    parser.add_argument("data", choices=["mnist", "yale"], nargs="?", default="mnist")
    parser.add_argument("--data-dir")
    parser.add_argument("--out", type=Path, default=Path("noise"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--only", help="train one model of the table")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    {"train": train, "judge": judge, "cost": cost}[asked.what](asked)


if __name__ == "__main__":
    main()
