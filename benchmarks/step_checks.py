"""What the checks of a training step cost.

    python benchmarks/step_checks.py                    # the checks alone, beside a step
    python benchmarks/step_checks.py --within --turns 150   # a step with them, to one without
    python benchmarks/step_checks.py OTHER/src [--turns 12] [--seconds 1]   # two trees

The first says how many microseconds the checks of shapes take in a step, and looking at a batch of
a loader, beside a pass and its gradient: a share that is too small for the second to resolve. That
one races two trees. Two processes that live long take turns of about a second, so that a slow time
of the machine meets both, and change who begins. Where memory came to lie makes one of two alike
processes faster by a percent or two, so that several pairs are started. Times are the processor's
for the one thread, which others on the machine do not lengthen by keeping it waiting. Reported:
the median ratio of steps per second, this tree's to the other's, with its quartiles and the
standard error of the mean of the pairs' medians; .99 says that a step takes one percent longer.
Give the tree itself as the other one to see what the machine's noise is.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
JOBS = ("mlp from a Dataset", "mlp from a DataLoader", "conv from a Dataset", "conv from a loader")


def main() -> None:
    """Print a row for each job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, nargs="?", help="another source tree, with vaekit/")
    parser.add_argument("--within", action="store_true", help="checks off and on in one process")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--turns", type=int, default=12, help="of each pair")
    parser.add_argument("--jobs", nargs="+", default=list(JOBS))
    parser.add_argument("--seconds", type=float, default=1.0)
    asked = parser.parse_args()
    if asked.within:
        return _print_within(asked.jobs, asked.turns)
    if asked.other is None:
        return _print_costs()
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
    from torch.utils.data import DataLoader, TensorDataset

    from vaekit.data import Dataset
    from vaekit.training import Training, fit

    model, objective, x = _parts(job)
    x = x.repeat_interleave(64, 0)
    data = Dataset.from_array(x)
    if "oader" in job:
        data = DataLoader(TensorDataset(x), batch_size=len(x) // 64, shuffle=True)
    training = Training(epochs=10**6, batch=len(x) // 64, device="cpu")
    return iter(fit(model, objective, data, training))


def _print_costs() -> None:
    print("| job | checks of shapes | a loader's batch | forward and backward | share |")
    print("|---|---|---|---|---|")
    for job in ("mlp", "conv"):
        shapes, look, step = _costs(job)
        share = f"{shapes / step:.2%}, {(shapes + look) / step:.2%} with a loader"
        micro = f"{1e6 * shapes:.0f} µs | {1e6 * look:.0f} µs"
        print(f"| {job} | {micro} | {1e3 * step:.2f} ms | {share} |")


def _costs(job: str) -> tuple[float, float, float]:
    """Time the checks of shapes of a step, looking at a batch, and a pass with its gradient."""
    import torch

    from vaekit import shapes
    from vaekit.training.shown import Shown

    model, objective, x = _parts(job)
    run, shown = model(x), Shown(model, torch.device("cpu"))
    features, count, latent = torch.rand(len(x), 2), len(x), model.posterior.latent

    def check() -> None:
        with shapes.explaining(x.shape[1:]):
            shapes.check_examples(x)
            shapes.float_output(features, "the encoder")
            shapes.check_posterior(run.q, count, latent)
            shapes.check_codes(run.z, (1, count, latent))
            shapes.check_prior(run.prior, count, latent)
            shapes.float_output(features, "the decoder")
            shapes.check_decoded(run.p, run.z.shape[:-1], x.shape)

    def step() -> None:
        sum(objective.values(model(x))).backward()  # pyright: ignore[reportAttributeAccessIssue]
        model.zero_grad()

    def best(do: Callable[[], object], times: int) -> float:
        return min(timeit.repeat(do, number=times, repeat=7)) / times

    shown.look(x, "a batch")  # the first of a kind is looked at in full
    return best(check, 2000), best(lambda: shown.look(x, "a batch"), 200), best(step, 10)


def _print_within(jobs: list[str], turns: int) -> None:
    """Print the ratio of steps per second with the checks to without, in turns of one process."""
    print("| job | ms a step | ratio of steps/s | quartiles | mean |")
    print("|---|---|---|---|---|")
    for job in jobs:
        walk, many = _walk(job), 20 if job.startswith("mlp") else 5
        times: list[list[float]] = [[], []]
        for turn in range(-2, turns):
            for on in (0, 1) if turn % 2 else (1, 0):
                _switch(bool(on))
                begin = time.thread_time()
                for _ in itertools.islice(walk, many):
                    pass
                times[on].append((time.thread_time() - begin) / many)
        ratios = [off / on for off, on in zip(*times, strict=True)][2:]
        low, middle, high = statistics.quantiles(ratios, n=4)
        mean = (
            f"{statistics.mean(ratios):.4f} ± {statistics.stdev(ratios) / len(ratios) ** 0.5:.4f}"
        )
        ms = f"{1e3 * statistics.median(times[1]):.2f}"
        print(f"| {job} | {ms} | {middle:.4f} | {low:.3f} to {high:.3f} | {mean} |", flush=True)


def _switch(on: bool) -> None:
    """Put the checks of shapes and batches in their places, or nothing in place of them."""
    from vaekit import shapes
    from vaekit.distributions import divergences
    from vaekit.training.shown import Shown

    names = ("examples", "codes", "posterior", "prior", "decoded")
    if not _CHECKS:
        _CHECKS.update({f"check_{name}": getattr(shapes, f"check_{name}") for name in names})
        _CHECKS.update(log_prob=shapes.log_prob, look=Shown.look)
    for name in names:
        setattr(shapes, f"check_{name}", _CHECKS[f"check_{name}"] if on else lambda *_: None)
    shapes.log_prob = _CHECKS["log_prob"] if on else lambda p, x, *_: p.log_prob(x)
    divergences.log_prob = shapes.log_prob
    Shown.look = _CHECKS["look"] if on else lambda self, x, _: x.to(self.device).float()


_CHECKS: dict[str, Any] = {}


def _parts(job: str) -> tuple[Any, Any, Any]:
    """Make the model and objective of a job, and a batch."""
    import torch

    from vaekit.recipes import vae

    torch.set_num_threads(1)
    torch.manual_seed(0)
    mlp = job.startswith("mlp")
    x = torch.rand(100 if mlp else 64, *((1, 28, 28) if mlp else (3, 32, 32)))
    return *vae(tuple(x.shape[1:]), 16, "mlp(512)" if mlp else "conv(32, 32, 64)"), x


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
    else:
        main()
