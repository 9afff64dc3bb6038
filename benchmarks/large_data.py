"""Train, judge and encode on sets larger than memory, and measure how much memory that takes.

A folder of small pictures and a table in part files are made in a temporary folder, each is mapped
(`mmap=true`), trained on for one epoch, evaluated and encoded, in a process of its own. Its memory
is what it holds itself (RssAnon of /proc/PID/status, 20 times a second): pages of mapped files
count as resident too, but the system takes them back whenever it needs them. Linux only.

    python benchmarks/large_data.py --pictures 1000000 --rows 50000000 --columns 50 --place /tmp
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
import sys, time
import vaekit
what, likelihood, out = sys.argv[1:]
start = time.perf_counter()
def said(stage):
    print(stage, round(time.perf_counter() - start, 1), flush=True)
vaekit.data.load(what)
said("loaded (decoded)")
vaekit.data.load(what)
said("loaded (mapped)")
options = {"network": "mlp(64)", "likelihood": likelihood, "latent": 8, "batch": 500}
run = vaekit.train("vae", data=what, epochs=1, out=out, **options)
said("trained")
numbers = run.evaluate()
said("evaluated")
codes = run.encode(run.splits.joined())
said(f"encoded {codes.shape}")
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


def measured(what: str, likelihood: str, place: Path) -> None:
    """Train, evaluate and encode in a process with its cache in `place`; print its peak."""
    words = [sys.executable, "-c", CHILD, what, likelihood, str(place / "run")]
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
    options.add_argument("--columns", type=int, default=50)
    options.add_argument("--place", type=Path, default=None, help="a folder on a disk with room")
    given = options.parse_args()
    print(_processor(), os.cpu_count(), "cores", flush=True)
    with tempfile.TemporaryDirectory(dir=given.place) as name:
        place = Path(name)
        jobs = [
            (make_pictures, (given.pictures,), "folder('{}', mmap=true)", "bernoulli"),
            (make_table, (given.rows, given.columns), "table('{}', mmap=true)", "squared_error"),
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
            measured(text.format(home / "data"), likelihood, home)
            print(f"the cache holds {_size_of(home / 'cache'):.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
