"""Train, judge, encode and score on sets larger than memory, and measure how much that takes.

A folder of small pictures, a table in part files and an array are made in a temporary folder, each
is mapped, trained on for one epoch (or so many steps), evaluated, encoded into a file and scored in
part, in a process of its own. Its memory is what it holds itself (RssAnon of /proc/PID/status, 20
times a second): pages of mapped files count as resident too, but the system takes them back
whenever it needs them. Linux only.

    python benchmarks/large_data.py --pictures 1000000 --rows 12000000 --columns 50 --place /tmp
    python benchmarks/large_data.py --pictures 0 --rows 0 --array 100000000 --steps 500
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SIDE, PER_FOLDER, PER_FILE = 32, 10_000, 1_000_000
CHILD = """
import os, signal, sys, time
from pathlib import Path
import vaekit
from vaekit.runs import Watcher
what, likelihood, out, most, scored = *sys.argv[1:4], *map(int, sys.argv[4:])
start = time.perf_counter()
def said(stage):
    own = Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]
    seconds = round(time.perf_counter() - start, 1)
    print(f"{stage}: {seconds} s, own memory now {int(own) / 2**20:.2f} GiB", flush=True)
class Until(Watcher):
    def look(self, step, steps, epoch, row):
        if most and step >= most:
            os.kill(os.getpid(), signal.SIGINT)  # ends at the next row, as Ctrl-C does
vaekit.data.load(what)
said("loaded (read once)")
vaekit.data.load(what)
said("loaded (mapped)")
options = {"network": "mlp(64)", "likelihood": likelihood, "latent": 8, "batch": 500}
run = vaekit.train("vae", data=what, epochs=1, out=out, watcher=Until(), **options)
said(f"trained {run.history[-1]['step']:.0f} steps")
numbers = run.evaluate()
said("evaluated")
whole = run.splits.joined()
codes = run.encode(whole, out=Path(out) / "codes.npy")
said(f"encoded {codes.shape}")
count = sum(len(part.names) for part in run.score_batches(whole.subset(range(scored))))
said(f"scored {count}")
print("elbo", numbers["elbo"]["value"])
"""


def make_pictures(root: Path, count: int) -> None:
    """Write pictures of a rectangle on a ground, 32 x 32 in colour, in folders of 10 000."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for first in range(0, count, PER_FOLDER):
        place = root / f"class {first // PER_FOLDER:03}"
        place.mkdir(parents=True)
        for k in range(first, min(count, first + PER_FOLDER)):
            colours = rng.integers(0, 256, (2, 3), dtype=np.uint8)
            x, y, width, height = rng.integers(2, SIDE // 2, 4)
            pixels = np.empty((SIDE, SIDE, 3), np.uint8)
            pixels[:] = colours[0]
            pixels[y : y + height, x : x + width] = colours[1]
            Image.fromarray(pixels).save(place / f"{k:07}.png", compress_level=1)


def make_table(root: Path, rows: int, columns: int) -> None:
    """Write Parquet files of a million rows: columns that depend on four numbers, and noise."""
    import polars as pl

    root.mkdir()
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((4, columns)).astype(np.float32)
    for number, first in enumerate(range(0, rows, PER_FILE)):
        n = min(PER_FILE, rows - first)
        x = rng.standard_normal((n, 4), dtype=np.float32) @ mixing
        x += 0.3 * rng.standard_normal((n, columns), dtype=np.float32)
        frame = pl.DataFrame({f"c{k}": x[:, k] for k in range(columns)})
        frame.write_parquet(root / f"part-{number:04}.parquet", row_group_size=100_000)


def make_array(root: Path, rows: int, columns: int) -> None:
    """Write one .npy of float32 rows as `make_table` draws them."""
    from numpy.lib.format import open_memmap

    root.mkdir()
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((4, columns)).astype(np.float32)
    array = open_memmap(root / "rows.npy", "w+", np.float32, (rows, columns))
    for first in range(0, rows, PER_FILE):
        n = min(PER_FILE, rows - first)
        x = rng.standard_normal((n, 4), dtype=np.float32) @ mixing
        x += rng.random((n, columns), dtype=np.float32)
        array[first : first + n] = x
    array.flush()


def measured(what: str, likelihood: str, place: Path, *counts: int) -> None:
    """Train, evaluate, … in a process with its cache in `place`; print its peak."""
    words = [sys.executable, "-c", CHILD, what, likelihood, str(place / "run"), *map(str, counts)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    peak, mapped, started = 0, 0, time.perf_counter()
    child = subprocess.Popen(words, env=environment)
    while child.poll() is None:
        sizes = dict(_sizes(child.pid))
        peak = max(peak, sizes.get("RssAnon", 0))
        mapped = max(mapped, sizes.get("VmHWM", 0))
        time.sleep(0.05)
    print(
        f"{what}: {time.perf_counter() - started:.0f} s, own memory at its peak {peak / 2**20:.2f} "
        f"GiB, with mapped pages {mapped / 2**20:.2f} GiB, exit code {child.returncode}",
        flush=True,
    )


def _sizes(process: int) -> Iterator[tuple[str, int]]:
    """Yield the sizes in /proc/PID/status, in KiB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    for name, _, value in (line.partition(":") for line in lines):
        if value.endswith("kB"):
            yield name, int(value.split()[0])


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _size_of(root: Path) -> float:
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) / 2**30


def main() -> None:
    """Make the sets, measure each, and remove them."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=int, default=100_000)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--array", type=int, default=0, help="rows of one .npy of float32")
    options.add_argument("--columns", type=int, default=50)
    options.add_argument("--steps", type=int, default=0, help="steps of training; 0: an epoch")
    options.add_argument("--score", type=int, default=20_000, help="examples to score")
    options.add_argument("--place", type=Path, default=None, help="a folder on a disk with room")
    given = options.parse_args()
    print(_processor(), os.cpu_count(), "cores", flush=True)
    with tempfile.TemporaryDirectory(dir=given.place) as name:
        place = Path(name)
        jobs = [
            (make_pictures, (given.pictures,), "folder('{}', mmap=true)", "bernoulli"),
            (make_table, (given.rows, given.columns), "table('{}', mmap=true)", "squared_error"),
            (make_array, (given.array, given.columns), "{}/rows.npy", "squared_error"),
        ]
        for make, sizes, text, likelihood in jobs:
            if not sizes[0]:
                continue
            home = place / make.__name__
            home.mkdir()
            started = time.perf_counter()
            make(home / "data", *sizes)
            seconds = time.perf_counter() - started
            print(f"{make.__name__} {sizes}: {_size_of(home):.2f} GiB, {seconds:.0f} s", flush=True)
            measured(text.format(home / "data"), likelihood, home, given.steps, given.score)
            print(f"the cache holds {_size_of(home / 'cache'):.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
