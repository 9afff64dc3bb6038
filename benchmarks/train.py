"""Measure training speed beside Pythae's, interleaved on one machine in one run.

    python benchmarks/train.py --data-dir DATA [--rounds 3] [--epochs 1]

Two jobs: the MLP 784-512-16 on MNIST at batch 100, and the 32-32-64-64 convolutions at batch 64 on
its digits in the middle of 64 × 64; Bernoulli likelihood and Adam 1e-3 in both libraries. In a
round all contestants start from the same weights and meet the same batches and the same noise, so
that their ELBOs can be compared pair by pair; rounds differ in their seed. The convolutions start
from weights of two epochs: before, they leave a plateau (the mean image) sooner or later by chance.

A round trains every contestant for --epochs, each in a process of its own with all cores. They
take turns of a few seconds, one after the other, so that a slow time of the machine meets all, and
a ratio compares the turns of one go. (Turns of one second would measure cold caches: who waits
loses them.) Reported: median samples/s, the median ratio to Pythae with its quartiles, the share of
the attainable matrix rate, where a step's time goes, the final ELBO on test images, and how far it
lies from Pythae's, mean ± standard error over the rounds. Pythae is installed into an environment
of its own beside this script (.venv-pythae).

`plain` is the loop that a good engineer writes without a library. Words in a contestant's name say
how it runs: `vaekit-bf16`, `plain-last` (channels last), `vaekit-threads1`, `vaekit-spin1000`
(GOMP_SPINCOUNT), `vaekit-waitpassive` (OMP_WAIT_POLICY). With `--base plain` Pythae is not needed.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TURNS = {"mlp": (150, 4), "conv": (75, 12)}  # steps in a turn, turns in an epoch
WARM = {"mlp": 0, "conv": 2}  # epochs before the race
CONTESTANTS = (
    "pythae",
    "plain",
    "plain-bf16",
    "vaekit",
    "vaekit-bf16",
    "vaekit-compile",
    "vaekit-bf16-compile",
)


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="folder with mnist/")
    parser.add_argument("--rounds", type=int, default=3, help="seeds")
    parser.add_argument("--epochs", type=int, default=1, help="epochs of each round")
    parser.add_argument("--warm", type=int, help="epochs before the race; default: 0 mlp, 2 conv")
    parser.add_argument("--jobs", nargs="+", default=["mlp", "conv"])
    parser.add_argument("--contestants", nargs="+", default=list(CONTESTANTS))
    parser.add_argument("--base", default="pythae", help="contestant that ratios are taken to")
    parser.add_argument("--busy", type=int, default=0, help="other processes that compute")
    parser.add_argument(
        "--pythae-python", help="a Python that has pythae, in place of a new environment"
    )
    asked = parser.parse_args()
    if asked.base not in asked.contestants:
        parser.error(f"--base {asked.base} is not among the contestants")
    pythae = asked.pythae_python or (_pythae() if "pythae" in asked.contestants else "")
    with tempfile.TemporaryDirectory() as folder:
        for job in asked.jobs:
            _prepare(job, asked.data_dir, Path(folder))
            with _busy(asked.busy):
                results = _rounds(job, asked, pythae, Path(folder))
            _print(job, results, asked.base)


def _pythae() -> str:
    """Install Pythae into an environment of its own; return its Python."""
    home = ROOT / ".venv-pythae"
    python = home / "bin" / "python"
    if not python.exists():
        venv.create(home, with_pip=True)
        pin = str(ROOT / "constraints.txt")
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "-c", pin, "torch", "pythae"], check=True
        )
    return str(python)


def _prepare(job: str, data_dir: str, folder: Path) -> None:
    """Write the job's images once, so that both libraries read the same."""
    import numpy as np

    from vaekit.data import load

    count, held, border = (60_000, 10_000, 0) if job == "mlp" else (60_000, 2_000, 18)
    for part, data, n in zip(
        ("train", "test"), load("mnist", data_dir), (count, held), strict=True
    ):
        padded = np.pad(data.images[:n].numpy(), [(0, 0), (0, 0), (border,) * 2, (border,) * 2])
        np.save(folder / f"{job}-{part}.npy", padded)


def _same_start(job: str, folder: Path, seed: int, turns: int, warm: int) -> None:
    """Write the weights that all start from, and vaekit's order of the images under this seed."""
    import numpy as np
    import torch

    from vaekit.data import Dataset
    from vaekit.training import Training, fit
    from vaekit.training.batches import FromDataset

    sys.path.insert(0, str(HERE))
    from contestant_vaekit import make

    data = Dataset.from_array(np.load(folder / f"{job}-train.npy"))
    model, objective, batch = make(job, data.shape, seed)
    if warm:
        settings = {"batch": batch, "seed": seed + 1000, "device": "cpu"}
        for _ in fit(model, objective, data, Training(epochs=warm, **settings)):
            pass
    weights = [p.detach().numpy() for p in model.parameters()]
    np.savez(folder / f"{job}-start.npz", *weights)
    numbers = Dataset.from_array(np.arange(60_000, dtype=np.float32)[:, None])
    batches = FromDataset(numbers, batch, seed, torch.device("cpu"))
    steps, rows = TURNS[job][0] * turns, []
    for epoch in range(1 + steps // batches.per_epoch):
        rows += [x[:, 0].numpy().astype(int) for x, _ in batches.epoch(epoch, 0)]
    np.save(folder / f"{job}-order.npy", np.concatenate(rows[:steps]))


def _rounds(
    job: str, asked: argparse.Namespace, pythae: str, folder: Path
) -> dict[str, list[dict]]:
    """Return for every contestant what it said at the end of each round, with its turns' rates."""
    results: dict[str, list[dict]] = {name: [] for name in asked.contestants}
    for number in range(asked.rounds):
        turns = TURNS[job][1] * asked.epochs
        warm = WARM[job] if asked.warm is None else asked.warm
        _same_start(job, folder, number, turns, warm)
        racers = {
            name: _start(name, job, pythae, folder, number, turns) for name in asked.contestants
        }
        rates: dict[str, list[float]] = {name: [] for name in racers}
        for _ in range(turns):
            for name, racer in racers.items():
                rates[name].append(_ask(racer, folder / f"{name}.log")["rate"])
        for name, racer in racers.items():
            end = _ask(racer, folder / f"{name}.log")
            results[name].append(end | {"rates": rates[name]})
            racer.wait()
        said = ", ".join(f"{n} {statistics.median(r):,.0f}/s" for n, r in rates.items())
        print(f"  round {number + 1}: {said}", file=sys.stderr)
    return results


def _start(
    name: str, job: str, pythae: str, folder: Path, seed: int, turns: int
) -> subprocess.Popen:
    python = pythae if name == "pythae" else sys.executable
    script = HERE / f"contestant_{name.partition('-')[0]}.py"
    words = [python, script, job, folder, TURNS[job][0], turns, seed, name]
    pipe, env = subprocess.PIPE, {**os.environ, **_environment(name)}
    log = (folder / f"{name}.log").open("w")  # Pythae's bars
    return subprocess.Popen(
        [str(w) for w in words], stdin=pipe, stdout=pipe, stderr=log, text=True, env=env
    )


def _environment(name: str) -> dict[str, str]:
    """Return the variables that the words of a contestant's name stand for."""
    variables = {"threads": "OMP_NUM_THREADS", "spin": "GOMP_SPINCOUNT", "wait": "OMP_WAIT_POLICY"}
    asked = (re.fullmatch(r"(threads|spin|wait)(\w+)", word) for word in name.split("-"))
    return {variables[each[1]]: each[2] for each in asked if each}


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Have so many other processes compute meanwhile."""
    endless = [sys.executable, "-c", "while True: sum(range(10000))"]
    others = [subprocess.Popen(endless) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()


def _ask(racer: subprocess.Popen, log: Path) -> dict:
    """Let a contestant have its turn; return what it says of it."""
    assert racer.stdin and racer.stdout
    racer.stdin.write("\n")
    racer.stdin.flush()
    for line in racer.stdout:
        if line.startswith("{"):
            return json.loads(line)
    sys.exit(log.read_text()[-2000:])


def _print(job: str, results: dict[str, list[dict]], base: str) -> None:
    rates = {name: [r for row in rows for r in row["rates"]] for name, rows in results.items()}
    seeds = len(next(iter(results.values())))
    turns = len(rates[next(iter(rates))]) // seeds
    print(f"\n{job}: {seeds} rounds of {turns} turns of {TURNS[job][0]} steps")
    print(
        "| contestant | samples/s | ratio (quartiles) | ELBO (nats) "
        f"| less {base}'s "
        "| share of matrix rate | per step (ms) |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, rows in results.items():
        rate = statistics.median(rates[name])
        elbos = [r["elbo"] for r in rows]
        elbo = f"{statistics.mean(elbos):.2f}"
        if seeds > 1:
            elbo += f" ± {statistics.stdev(elbos) / seeds**0.5:.2f}"
        apart = _apart(elbos, [r["elbo"] for r in results[base]])
        ratio = _ratio(rates[name], rates[base])
        share = (
            f"{statistics.median(r['share'] for r in rows) * rate:.0%}"
            if "share" in rows[0]
            else ""
        )
        where = ", ".join(f"{k} {v:.2f}" for k, v in rows[-1].get("parts", {}).items())
        print(f"| {name} | {rate:,.0f} | {ratio} | {elbo} | {apart} | {share} | {where} |")


def _apart(elbos: list[float], base: list[float]) -> str:
    apart = [a - b for a, b in zip(elbos, base, strict=True)]
    error = f" ± {statistics.stdev(apart) / len(apart) ** 0.5:.2f}" if len(apart) > 1 else ""
    return f"{statistics.mean(apart):+.2f}{error}"


def _ratio(rates: list[float], base: list[float]) -> str:
    ratios = [a / b for a, b in zip(rates, base, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
