"""What a study costs beside its runs, and what two workers do beside one.

    python benchmarks/study.py overhead [--tasks 2000]
    python benchmarks/study.py rate --data-dir DATA [--seeds 16] [--epochs 1] [--rounds 3]
    python benchmarks/study.py start --data-dir DATA [--seeds 16]

`overhead`: tasks that do nothing, on each engine, milliseconds each, start of the workers apart.
`rate`: the MLP beta-VAE on MNIST, in float32 and bf16, as a study of so many seeds: with two
workers of one thread, with one worker of one thread, and one after the other with two threads.
Images/s with start and judging; engines take turns in each round, and ratios are of one round.
`start`: seconds from a task's arrival in a worker to its first step, on MNIST, and its memory.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from vaekit.runs import Config
from vaekit.runs.make import train_config
from vaekit.runs.recorder import Saving
from vaekit.runs.show import Watcher
from vaekit.study import Here, Processes, run_study
from vaekit.study.task import Task, TaskRow, sets_of
from vaekit.training import Training


def nothing(task: Task) -> TaskRow:
    return {"run": task.name, "state": "finished", "reason": ""}


def _tasks(count: int):
    config = Config("vae", {}, "digits")
    return (Task(f"t{k}", f"/nowhere/runs/t{k}", config) for k in range(count))


def overhead(asked) -> None:
    count = asked.tasks
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
                print(f"  {precision}, {name}: {rates[name][-1]:,.0f} images/s", flush=True)
        base = rates["one worker, one thread"]
        for name, each in rates.items():
            ratio = statistics.median(a / b for a, b in zip(each, base, strict=True))
            print(f"{precision}, {name}: {statistics.median(each):,.0f} images/s, {ratio:.2f}")


def _rate(asked, precision: str, make, folder: Path) -> float:
    settings = {"epochs": asked.epochs, "latent": 16, "network": "mlp(512)", "batch": 100}
    settings |= {"data_dir": asked.data_dir, "precision": precision, "device": "cpu"}
    spec = {"recipes": "beta_vae", "data": "mnist", "seeds": f"0:{asked.seeds}"}
    begin = time.monotonic()
    run_study({**spec, "settings": settings}, folder / "s", make())
    return asked.seeds * asked.epochs * 60_000 / (time.monotonic() - begin)


class Begin(Watcher):
    """Note when the first step begins, and end the run at its first row."""

    time = float("nan")

    def begin(self, config: Config) -> None:
        """Note the time."""
        self.time = time.monotonic()

    def look(self, step: int, steps: int, epoch: float, row: dict[str, float]) -> None:
        """End the run."""
        self.stop = True


def until_first_step(task: Task) -> TaskRow:
    """Train a run as a study does, to its first step."""
    begin, watcher = time.monotonic(), Begin()
    data = sets_of(task.config)
    loaded = time.monotonic() - begin
    train_config(task.config, Path(task.folder), True, Saving(), watcher, (), data)
    return {
        "run": task.name,
        "worker": os.getpid(),
        "loaded": loaded,
        "first_step": watcher.time - begin,
        "memory": _own_memory(),
    }


def _own_memory() -> float:
    """Return the MiB that this process alone holds, or NaN where the system does not say."""
    try:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    except OSError:
        return float("nan")
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def start(asked) -> None:
    settings = {"latent": 16, "network": "mlp(512)"}
    with tempfile.TemporaryDirectory() as folder, Processes(2) as engine:
        tasks = []
        for seed in range(asked.seeds):
            training = Training(epochs=1, batch=100, seed=seed, device="cpu")
            config = Config("beta_vae", settings, "mnist", training, data_dir=asked.data_dir)
            tasks.append(Task(f"s{seed}", f"{folder}/s{seed}", config))
        rows = [row for _, row in engine.run(iter(tasks), until_first_step)]
    workers: dict[int, list[TaskRow]] = {}
    for row in rows:
        workers.setdefault(row["worker"], []).append(row)
    cold = [own[0] for own in workers.values()]
    warm = [row for own in workers.values() for row in own[1:]]
    for name, some in {"first run of a worker": cold, "the others": warm}.items():
        for key in ("loaded", "first_step", "memory"):
            values = sorted(row[key] for row in some)
            middle = statistics.median(values)
            print(f"{name}: {key} {middle:.3f} ({values[0]:.3f} to {values[-1]:.3f})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["overhead", "rate", "start"])
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--data-dir")
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precisions", nargs="+", default=["float32", "bf16"])
    asked = parser.parse_args()
    what = {"overhead": overhead, "rate": rate, "start": start}
    what[asked.what](asked)


if __name__ == "__main__":
    main()
