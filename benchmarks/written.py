"""Train as the papers write it: critics before the model, a bound on the rate by a multiplier.

    python benchmarks/written.py critics [--data-dir DATA] [--seeds 3]
    python benchmarks/written.py rate [--data-dir DATA] [--seeds 3]

`critics` trains recipes with a critic in both settings and prints the means of the last epoch, test
numbers, and a step's time in turns. `rate` holds the rate by `constrained_vae`, and gives the same
rate to `rate_target_vae`, and the β that was found to `beta_vae`.

Expected, written before the first run:

1. critics first costs 1.00 to 1.05 of a step: the same pass, and the launches of a second step.
2. The critic's loss, which both take before its step, is the same within two standard errors over
   seeds. The term is larger where the critic has just learned on the codes that it is asked of: by
   a few percent where its rate is 1e-3 (AAE), by less than 1 % at 1e-4 (FactorVAE).
3. Test numbers are the same within two standard errors: one step's lag is nothing beside hundreds.
4. The constrained rate ends within 2 % of δ on training data. At δ the three have the same
   distortion on test data within two standard errors, and so has a β-VAE at the β that was found.
5. A bound above the VAE's rate at β = .001 is slack: the multiplier ends at its floor .001.
"""

import argparse
import statistics
from typing import Any

import torch
import turns
from spread import spread

from vaekit import recipes
from vaekit.data import Dataset, Splits, load
from vaekit.information import evaluate
from vaekit.training import Fit, Training

SPRITES = "sprites(scales=2, rotations=4, positions=8)"
# recipe, and what is special: its data, arguments, epochs
CRITICS: dict[str, tuple[str, dict[str, Any], int]] = {
    "factor_vae": (SPRITES, {"network": "mlp(256)", "discriminator": "mlp(256, 256)"}, 20),
    "aae": ("digits", {"network": "mlp(256)", "discriminator": "mlp(128, 128)"}, 60),
    "vmi_vae": ("digits", {"information": 0.784, "latent": 16, "network": "mlp(256)"}, 60),
    "vmi_vae, λ = .1": ("digits", {"information": 0.1, "latent": 16, "network": "mlp(256)"}, 30),
}
SMALL = {"latent": 10, "network": "mlp(256)"}
BATCH, EPOCHS = 50, 60


def trained(system: recipes.System, sets: Splits, training: Training) -> dict[str, float]:
    """Train; return means of the last epoch of training, and test numbers behind `test `."""
    going = Fit(*system, sets.train, training)
    last = going.steps - going.batches.per_epoch
    for now in going:
        if now.step == last:
            now.means()
    judged = evaluate(going.parts.model, sets.test, samples=5)
    numbers = {name: number["value"] for name, number in judged.items()}
    return going.means() | {f"test {name}": value for name, value in numbers.items()}


def show(title: str, found: dict[str, list[dict[str, float]]]) -> None:
    """Print a table: a row for each number, a column for each setting."""
    print(f"\n{title}\n| | " + " | ".join(found) + " |\n|" + "---|" * (len(found) + 1))
    columns = list(found.values())
    for name in dict.fromkeys(name for column in columns for name in column[0]):
        cells = [
            spread([run[name] for run in column], 3) if name in column[0] else "–"
            for column in columns
        ]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def critics(asked: argparse.Namespace) -> None:
    """Compare critics together with the model, and first."""
    for name, (source, arguments, epochs) in CRITICS.items():
        sets = load(source, asked.data_dir)

        def made(seed: int, name: str = name, given: Any = arguments, like: Dataset = sets.train):
            torch.manual_seed(seed)
            return recipes.find(name.partition(",")[0]).make(like.shape, **given)

        found: dict[str, list[dict[str, float]]] = {}
        settings = {
            how: Training(epochs, BATCH, critics=how, device="cpu")  # pyright: ignore
            for how in ("together", "first")
        }
        for how, training in settings.items():
            found[how] = [
                trained(made(seed), sets, Training(**{**vars(training), "seed": seed}))
                for seed in range(asked.seeds)
            ]
        show(name, found)
        walks = {how: (made(0), sets.train, training) for how, training in settings.items()}
        turns.compare(name, walks, turns=31)


def rate(asked: argparse.Namespace) -> None:
    """Hold the rate in three ways."""
    sets = load("digits", asked.data_dir)
    for bound in (5.0, 10.0, 100.0):
        found: dict[str, list[dict[str, float]]] = {}
        for seed in range(asked.seeds):
            training = Training(EPOCHS, BATCH, seed=seed, device="cpu")

            def run(name: str, training: Training = training, into: Any = found, **own: Any):
                torch.manual_seed(training.seed)
                system = recipes.find(name).make(sets.train.shape, **SMALL, **own)
                into.setdefault(name, []).append(trained(system, sets, training))
                return into[name][-1]

            beta = run("constrained_vae", rate=bound)["multiplier"]
            run("beta_vae", beta=beta)
            if bound < 50:
                run("rate_target_vae", rate=bound)
        multipliers = [each["multiplier"] for each in found["constrained_vae"]]
        show(f"δ = {bound:g}, multipliers {statistics.mean(multipliers):.3f}", found)


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("job", choices=["critics", "rate"])
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    {"critics": critics, "rate": rate}[asked.job](asked)


if __name__ == "__main__":
    main()
