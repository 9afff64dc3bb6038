"""Kill a study again and again, and hold what comes out against one that was left alone.

    python benchmarks/study_kills.py ENGINE OUT [--runs 40] [--kills 10] [--seed 0] [--epochs 6]

ENGINE is here, processes or dask. A study of `--runs` runs on digits is started as a command and
killed with kill -9 `--kills` times at random moments: the driver, a worker, and for Dask the
scheduler, in turn; then it is started again where the driver or scheduler was hit. In the end every
run must have one row, and the same weights as in a study that nobody killed.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

ADDRESS = "tcp://127.0.0.1:8797"


def main() -> None:
    """Run both studies and compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["here", "processes", "dask"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(asked.seed)
    cluster = Cluster(asked.out) if asked.engine == "dask" else None
    whole, hit = asked.out / "whole", asked.out / "hit"
    try:
        begin = time.monotonic()
        if _study(asked, whole, cluster).wait():
            sys.exit("the study that is left alone failed")
        alone = time.monotonic() - begin
        print(f"left alone: {alone:.0f} s", flush=True)
        _with_kills(asked, hit, cluster, chance, alone)
    finally:
        if cluster is not None:
            cluster.close()
    _compare(whole, hit, asked.runs)


def _with_kills(asked, out: Path, cluster, chance: random.Random, alone: float) -> None:
    victims = {"here": ["driver"], "processes": ["driver", "worker"]}.get(
        asked.engine, ["driver", "worker", "scheduler"]
    )
    process, kills = _study(asked, out, cluster), 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.3, 1.0) * 1.2 * alone / asked.kills)
        if process.poll() == 0:
            print(f"finished after {kills} kills", flush=True)
            return
        if kills < asked.kills and process.poll() is None:
            victim = victims[kills % len(victims)]
            if victim == "driver":
                process.kill()
            elif victim == "scheduler":
                cluster.kill_scheduler()
            else:
                hit = cluster.workers if cluster else _workers(process.pid)
                if not hit:
                    continue
                os.kill(chance.choice(hit), signal.SIGKILL)
            kills += 1
            print(f"kill {kills}: {victim}, {_rows(out)} rows", flush=True)
        if cluster is not None:
            cluster.mend()
        try:
            process.wait(2 if kills < asked.kills else 600)
        except subprocess.TimeoutExpired:
            continue
        if process.returncode:
            process = _study(asked, out, cluster)


def _study(asked, out: Path, cluster) -> subprocess.Popen:
    words = ["study", "beta_vae", "vae", "--data", "digits", "--latent", "4", "--out", str(out)]
    words += ["--epochs", str(asked.epochs), "--seeds", f"0:{asked.runs // 4}"]
    words += ["--grid", "beta=1,2,4", "--evaluate", "n=200"]
    if asked.engine == "dask":
        words += ["--scheduler", ADDRESS]
    else:
        words += ["--workers", "1" if asked.engine == "here" else "2"]
    log = (out.parent / f"{out.name}.log").open("a")
    words += ["--checkpoint-minutes", "0.01"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "vaekit", *words]
    return subprocess.Popen(command, stderr=log, stdout=log, env=env)


def _workers(driver: int) -> list[int]:
    children = psutil.Process(driver).children()
    return [child.pid for child in children if "popen_loky" in " ".join(child.cmdline())]


def _rows(out: Path) -> int:
    path = out / "rows.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


class Cluster:
    """Hold a scheduler and two workers on this machine; `mend` brings back what is dead."""

    def __init__(self, out: Path):
        self.out, self.parts = out, {}
        self.mend()

    def mend(self) -> None:
        """Start what is not alive."""
        dask = str(Path(sys.executable).with_name("dask"))
        scheduler = [dask, "scheduler", "--port", ADDRESS.rpartition(":")[2], "--no-dashboard"]
        worker = [dask, "worker", ADDRESS, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        for name, words in (("scheduler", scheduler), ("1", worker), ("2", worker)):
            part = self.parts.get(name)
            if part is None or part.poll() is not None:
                log = (self.out / f"{name}.log").open("a")
                env = {**os.environ, "OMP_NUM_THREADS": "1"}
                self.parts[name] = subprocess.Popen(words, stdout=log, stderr=log, env=env)
                time.sleep(2)

    @property
    def workers(self) -> list[int]:
        """Return the processes of the workers."""
        return [part.pid for name, part in self.parts.items() if name != "scheduler"]

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        self.parts["scheduler"].kill()

    def close(self) -> None:
        """End all."""
        for part in self.parts.values():
            part.kill()


def _compare(whole: Path, hit: Path, runs: int) -> None:
    from vaekit.study import results

    table = results(hit)
    names = sorted(path.name for path in (whole / "runs").iterdir())
    equal = sum(_weights(whole / "runs" / name) == _weights(hit / "runs" / name) for name in names)
    lines = [json.loads(line) for line in (hit / "rows.jsonl").read_text().splitlines() if line]
    states = table["state"].value_counts().to_dicts()
    print(f"{len(table)} rows of {runs}, {table['run'].n_unique()} names, states {states}")
    print(f"{len(lines)} lines in the log; equal weights: {equal} of {len(names)}")
    if not (len(table) == table["run"].n_unique() == runs == equal):
        sys.exit("not as it should be")


def _weights(run: Path) -> dict[str, bytes]:
    from safetensors.numpy import load_file

    return {name: each.tobytes() for name, each in load_file(run / "model.safetensors").items()}


if __name__ == "__main__":
    main()
