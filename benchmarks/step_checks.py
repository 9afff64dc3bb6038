"""Time training steps of this source tree and of another in turns, on one thread each.

    python benchmarks/step_checks.py OTHER/src [--turns 40] [--seconds 1]

Two processes that live long take turns of about a second, so that a slow time of the machine meets
both, and change who begins. Where memory came to lie makes one of two alike processes faster by a
percent or two, so that several pairs are started. Times are the processor's for the one thread,
which others on the machine do not lengthen by keeping it waiting. Reported: the median ratio of
steps per second, this tree's to the other's, with its quartiles and the standard error of the mean
of the pairs' medians; .99 says that a step takes one percent longer. Give the tree itself as the
other one to see what the machine's noise is.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve()
JOBS = ("mlp from a Dataset", "mlp from a DataLoader", "conv from a Dataset", "conv from a loader")


def main() -> None:
    """Print a row for each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="the other source tree, the folder of vaekit/")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--turns", type=int, default=12, help="of each pair")
    parser.add_argument("--jobs", nargs="+", default=list(JOBS))
    parser.add_argument("--seconds", type=float, default=1.0)
    asked = parser.parse_args()
    trees = asked.other.resolve(), HERE.parent.parent / "src"
    print("| job | ms a step, other | this | ratio of steps/s | quartiles | pairs |")
    print("|---|---|---|---|---|---|")
    for job in asked.jobs:
        races = [_race(job, trees, asked.turns, asked.seconds, k) for k in range(asked.pairs)]
        _print(job, races)


def _print(job: str, races: list[list[list[float]]]) -> None:
    ratios = [[a / b for a, b in zip(other, this, strict=True)] for other, this in races]
    low, middle, high = statistics.quantiles(itertools.chain(*ratios), n=4)
    times = [statistics.median(itertools.chain(*each)) for each in zip(*races, strict=True)]
    medians = [statistics.median(each) for each in ratios]
    error = statistics.stdev(medians) / len(medians) ** 0.5 if len(medians) > 1 else float("nan")
    mean = f"{statistics.mean(medians):.4f} ± {error:.4f}"
    said = " | ".join(f"{1e3 * t:.2f}" for t in times)
    print(f"| {job} | {said} | {middle:.4f} | {low:.3f} to {high:.3f} | {mean} |", flush=True)


def _race(
    job: str, trees: tuple[Path, Path], turns: int, seconds: float, number: int
) -> list[list[float]]:
    """Return the processor's seconds a step that each tree took in each turn."""
    order = (0, 1) if number % 2 else (1, 0)
    racers = {k: _start(job, trees[k]) for k in order}
    many = max(1, round(seconds / max(_ask(racer, 30) for racer in racers.values())))
    times: list[list[float]] = [[], []]
    for turn in range(turns):
        for k in (0, 1) if turn % 2 else (1, 0):
            times[k].append(_ask(racers[k], many))
    for racer in racers.values():
        racer.communicate()
    return times


def _start(job: str, tree: Path) -> subprocess.Popen:
    found = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, str(HERE), "--work", job]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=found)


def _ask(racer: subprocess.Popen, steps: int) -> float:
    assert racer.stdin and racer.stdout
    racer.stdin.write(f"{steps}\n")
    racer.stdin.flush()
    return float(racer.stdout.readline())


def work(job: str) -> None:
    """Take as many steps as each line of the standard input says, and print seconds a step."""
    walk = _walk(job)
    for line in sys.stdin:
        begin = time.process_time()
        for _ in itertools.islice(walk, int(line)):
            pass
        print((time.process_time() - begin) / int(line), flush=True)


def _walk(job: str) -> Iterator[object]:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from vaekit.data import Dataset
    from vaekit.recipes import vae
    from vaekit.train import Training, fit

    torch.set_num_threads(1)
    torch.manual_seed(0)
    mlp = job.startswith("mlp")
    x = torch.rand(6400, *((1, 28, 28) if mlp else (3, 32, 32)))
    model, objective = vae(tuple(x.shape[1:]), 16, "mlp(512)" if mlp else "conv(32, 32, 64)")
    batch = 100 if mlp else 64
    data = Dataset.from_array(x)
    if "oader" in job:
        data = DataLoader(TensorDataset(x), batch_size=batch, shuffle=True)
    return iter(fit(model, objective, data, Training(epochs=10**6, batch=batch, device="cpu")))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
    else:
        main()
