"""Measure training speed beside Pythae's, interleaved on one machine in one run.

    python benchmarks/train.py --data-dir DATA [--rounds 5] [--quick]

Two jobs: the MLP 784-512-16 on MNIST at batch 100, and the 32-32-64-64 convolutions at 64 × 64 on
sprites at batch 64; Bernoulli likelihood and Adam 1e-3 in both libraries. Each round trains every
contestant for one epoch in a process of its own (its threads: all cores), one after the other, so
that a slow minute of the machine meets all. Reported: median samples/s, the ratio to Pythae, the
share of the attainable matrix rate, where a step's time goes, and the final ELBO of both on test
images. Pythae is installed into an environment of its own beside this script (.venv-pythae).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CONTESTANTS = ("pythae", "vaekit", "vaekit-bf16", "vaekit-compile", "vaekit-bf16-compile")


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="folder with mnist/")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=1, help="epochs of each contestant and round")
    parser.add_argument("--jobs", nargs="+", default=["mlp", "conv"])
    parser.add_argument("--contestants", nargs="+", default=list(CONTESTANTS))
    parser.add_argument(
        "--pythae-python", help="a Python that has pythae, in place of a new environment"
    )
    asked = parser.parse_args()
    pythae = asked.pythae_python or _pythae()
    with tempfile.TemporaryDirectory() as folder:
        for job in asked.jobs:
            _prepare(job, asked.data_dir, Path(folder))
            results = _rounds(job, asked, pythae, Path(folder))
            _print(job, results)


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

    what = "mnist" if job == "mlp" else "sprites(scales=3, rotations=10, positions=16)"
    train, test = load(what, data_dir)
    every = slice(None) if job == "mlp" else train.rows[:: max(1, len(train) // 12800)][:12800]
    held = slice(None) if job == "mlp" else test.rows[:2000]
    np.save(folder / f"{job}-train.npy", train.images[every].numpy())
    np.save(folder / f"{job}-test.npy", test.images[held].numpy())


def _rounds(
    job: str, asked: argparse.Namespace, pythae: str, folder: Path
) -> dict[str, list[dict]]:
    results: dict[str, list[dict]] = {name: [] for name in asked.contestants}
    for number in range(asked.rounds):
        for name in asked.contestants:
            python = pythae if name == "pythae" else sys.executable
            script = "contestant_pythae.py" if name == "pythae" else "contestant_vaekit.py"
            words = [python, HERE / script, job, folder, asked.epochs, number, name]
            done = subprocess.run(
                [str(w) for w in words], capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stderr)
            results[name].append(json.loads(done.stdout.splitlines()[-1]))
            print(
                f"  round {number + 1} {name}: {results[name][-1]['rate']:,.0f}/s", file=sys.stderr
            )
    return results


def _print(job: str, results: dict[str, list[dict]]) -> None:
    base = statistics.median(r["rate"] for r in results["pythae"]) if "pythae" in results else None
    print(f"\n{job}: medians of {len(next(iter(results.values())))} interleaved rounds")
    print("| contestant | samples/s | ratio | ELBO (nats) | share of matrix rate | per step (ms) |")
    print("|---|---|---|---|---|---|")
    for name, rows in results.items():
        rate = statistics.median(r["rate"] for r in rows)
        elbo = statistics.mean(r["elbo"] for r in rows)
        ratio = f"{rate / base:.2f}" if base else "–"
        share = statistics.median(r.get("share", float("nan")) for r in rows)
        parts = rows[-1].get("parts", {})
        where = ", ".join(f"{k} {v:.2f}" for k, v in parts.items())
        print(f"| {name} | {rate:,.0f} | {ratio} | {elbo:.2f} | {share:.0%} | {where} |")


if __name__ == "__main__":
    main()
