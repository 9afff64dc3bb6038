"""What a study costs beside its runs, and what two workers do beside one.

    python benchmarks/study.py overhead [--tasks 2000]
    python benchmarks/study.py rate --data-dir DATA [--seeds 16] [--epochs 1] [--rounds 3]

`overhead`: tasks that do nothing, on each engine, milliseconds each, start of the workers apart.
`rate`: the MLP beta-VAE on MNIST, in float32 and bf16, as a study of so many seeds: with two
workers of one thread, with one worker of one thread, and one after the other with two threads.
Images/s with start and judging; engines take turns in each round, and ratios are of one round.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from vaekit.runs import Config
from vaekit.study import Follower, Here, Processes, run_study
from vaekit.study.task import Row, Task


def nothing(task: Task) -> Row:
    return {"run": task.name, "state": "finished", "reason": ""}


def _tasks(count: int):
    config = Config("vae", {}, "digits")
    return (Task(f"t{k}", f"/nowhere/runs/t{k}", config) for k in range(count))


def overhead(count: int) -> None:
    engines = {"in this process": Here, "two processes": lambda: Processes(2)}
    try:
        from vaekit.study.engines.cluster import Dask

        engines["Dask, two workers"] = lambda: Dask(cluster={"kind": "local", "jobs": 2})
    except ImportError:
        print("Dask is missing")
    for name, make in engines.items():
        begin = time.monotonic()
        with make() as engine:
            list(engine.run(_tasks(4), nothing))
            started = time.monotonic()
            list(engine.run((t for t in _tasks(count)), nothing))
            each = (time.monotonic() - started) / count
        print(f"{name}: {1e3 * each:.2f} ms a task, {started - begin:.1f} s to start", flush=True)


class Starts(Follower):
    """Keep how long each run took before its training, in a process that is warm."""

    def __init__(self):
        self.rows = []

    def ended(self, row):
        self.rows.append(row)


def rate(asked) -> None:
    engines = {
        "one worker, one thread": lambda: Processes(1),
        "two workers, one thread each": lambda: Processes(2),
        "one after the other, two threads": Here,
    }
    for precision in asked.precisions:
        rates: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(asked.rounds):
            for name, make in engines.items():
                with tempfile.TemporaryDirectory() as folder:
                    rates[name].append(_rate(asked, precision, make, Path(folder)))
        base = rates["one worker, one thread"]
        for name, each in rates.items():
            ratio = statistics.median(a / b for a, b in zip(each, base, strict=True))
            print(f"{precision}, {name}: {statistics.median(each):,.0f} images/s, {ratio:.2f}")


def _rate(asked, precision: str, make, folder: Path) -> float:
    settings = {"epochs": asked.epochs, "latent": 16, "network": "mlp(512)", "batch": 100}
    settings |= {"data_dir": asked.data_dir, "precision": precision, "device": "cpu"}
    spec = {"recipes": "beta_vae", "data": "mnist", "seeds": f"0:{asked.seeds}"}
    told = Starts()
    begin = time.monotonic()
    run_study({**spec, "settings": settings}, folder / "s", make(), follower=told)
    seconds = time.monotonic() - begin
    warm = [r["seconds"] - r["train_seconds"] - r["judge_seconds"] for r in told.rows[2:]]
    print(f"  {precision} {make}: {seconds:.1f} s; before training {statistics.median(warm):.3f} s")
    return asked.seeds * asked.epochs * 60_000 / seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["overhead", "rate"])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bf16"])
    asked = parser.parse_args()
    if asked.what == "overhead":
        overhead(asked.tasks)
    else:
        rate(asked)


if __name__ == "__main__":
    main()
