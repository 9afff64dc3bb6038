"""Time the steps of several trainings in turns, for a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Mapping

from vaekit.data import Dataset
from vaekit.recipes import System
from vaekit.training import Fit, Training


def compare(
    title: str,
    trainings: Mapping[str, tuple[System, Dataset, Training]],
    turns: int = 15,
    steps: int = 4,
) -> None:
    """Print the median ratio of each one's time for a step to the first one's."""
    walks = {n: iter(Fit(*system, data, how)) for n, (system, data, how) in trainings.items()}
    times: dict[str, list[float]] = {name: [] for name in walks}
    for walk in walks.values():
        next(walk)
    for _ in range(turns):
        for name, walk in walks.items():
            begin = time.perf_counter()
            for _ in range(steps):
                next(walk)
            times[name].append((time.perf_counter() - begin) / steps)
    first = next(iter(times))
    print(f"{title}: median of {turns} ratios to {first}")
    for name, each in times.items():
        ratio = statistics.median(a / b for a, b in zip(each, times[first], strict=True))
        print(
            f"  {name:<30}{ratio:.2f}   {1e3 * statistics.median(each):.1f} ms a step", flush=True
        )
