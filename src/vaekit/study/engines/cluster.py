"""Runs on the workers of a Dask cluster, on as many machines as it has.

Every machine sees the folder of the study; data are read there and not sent. Workers may come and
go: a run whose worker is lost is given to another one, which goes on from its checkpoint. The
cluster is one that listens at an address, or one that is started here as `cluster` describes it:

    cluster: {kind: slurm, jobs: 20, queue: long, cores: 1, memory: 8GB, walltime: "12:00:00"}

`kind` is a class of dask-jobqueue (slurm, pbs, sge, lsf, oar, moab, htcondor), or local; `jobs`
how many of its jobs; all else are its arguments.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import vaekit
from vaekit.errors import VaekitError, nearest
from vaekit.study.engines.base import Engine, Work, lost
from vaekit.study.task import Task, TaskRow, on_leash
from vaekit.system.extras import needed

_CLUSTERS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
    "htcondor": "HTCondorCluster",
    "local": "LocalCluster",
}
_LOOK_EVERY = 2.0  # seconds between looks at how many workers there are
_ANSWER = 10.0  # seconds that a scheduler has to answer
STOP = ".stop"
_EXTRA = ("cluster", "a cluster")


class Dask(Engine):
    """Make runs on the workers of a scheduler, or of a cluster that is started for it."""

    def __init__(self, scheduler: str | None = None, cluster: Mapping[str, Any] | None = None):
        distributed = needed("distributed", *_EXTRA)
        self._cluster = None
        if scheduler is None:
            self._cluster = _started(dict(cluster or {}))
        elif cluster:
            raise VaekitError("give a --scheduler, or a cluster to start; not both")
        try:
            self._client = distributed.Client(self._cluster or scheduler, timeout=_ANSWER)
        except (OSError, ValueError, TypeError) as error:
            self._end_cluster()
            raise VaekitError(
                f"no Dask scheduler answers at {scheduler} ({' '.join(str(error).split())[:120]}): "
                "start one with `dask scheduler`, and workers with `dask worker ADDRESS "
                "--nthreads 1`"
            ) from None
        self._as_completed, self._stop = distributed.as_completed, Path()
        self._check_workers()

    @property
    def slots(self) -> int:
        """Return how many runs go on at once by now."""
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    @property
    def about(self) -> str:
        """Say where it is, and where to watch it."""
        count = len(self._client.scheduler_info(n_workers=-1)["workers"])
        waiting = "" if count else " (it waits for some: dask worker ADDRESS --nthreads 1)"
        address = self._client.scheduler_info()["address"]
        return f"{count} workers at {address}{waiting}; dashboard {self._client.dashboard_link}"

    def run(self, tasks: Iterator[Task], work: Work) -> Iterator[tuple[Task, TaskRow]]:
        """Yield each task with what `work` returns of it."""
        given: dict[str, Task] = {}
        room, looked = 0, -_LOOK_EVERY
        # With results, for each that is fetched by itself costs 20 ms.
        futures = self._as_completed([], with_results=True, raise_errors=False)

        def give() -> None:
            nonlocal room, looked
            if time.monotonic() - looked > _LOOK_EVERY:  # workers come and go
                room, looked = max(self.ahead, self.slots), time.monotonic()
            while len(given) < room:
                task = next(tasks, None)
                if task is None:
                    return
                self._stop = Path(task.folder).parent.parent / STOP
                self._stop.unlink(missing_ok=True)
                own = on_leash(replace(task, threads=task.threads or 1), str(self._stop))
                given[task.name] = task
                futures.add(self._client.submit(work, own, key=f"vaekit-{task.name}", pure=False))

        give()
        for future, result in futures:
            task = given.pop(future.key.removeprefix("vaekit-"))
            if future.status not in ("finished", "error"):
                raise VaekitError(
                    "the scheduler is gone, or has lost the runs: start it again, and the same "
                    "command goes on"
                )
            error = future.exception() if future.status == "error" else None
            if error is not None and type(error).__name__ != "KilledWorker":
                raise error
            yield task, lost(task) if error is not None else result
            give()

    def _check_workers(self) -> None:
        """Raise `VaekitError` where a worker has no vaekit, or another one than this process."""
        versions = self._client.run(_vaekit_version, on_error="return")
        wrong = {name: v for name, v in versions.items() if v != vaekit.__version__}
        if wrong:
            name, version = next(iter(wrong.items()))
            has = f"vaekit {version}" if isinstance(version, str) else f"no vaekit ({version})"
            raise VaekitError(
                f"the worker {name} has {has}, and here is {vaekit.__version__}: start the workers "
                "in the same environment"
            )

    def close(self) -> None:
        """Ask the runs that go on to end, and leave the cluster, or end it where it was started."""
        if self._stop.name == STOP and self._stop.parent.is_dir():
            self._stop.touch()
        with suppress(OSError):
            self._client.close()
        self._end_cluster()

    def _end_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster.close()


def _vaekit_version() -> str:
    return vaekit.__version__


def _started(about: dict[str, Any]) -> Any:
    """Start a cluster as it is described; raise `VaekitError` for what cannot be."""
    kind, jobs = about.pop("kind", None), about.pop("jobs", 1)
    if kind not in _CLUSTERS:
        raise nearest(str(kind), _CLUSTERS, "kind of cluster")
    module = needed("distributed" if kind == "local" else "dask_jobqueue", *_EXTRA)
    if kind == "local":
        about = {"n_workers": jobs, "threads_per_worker": 1, **about}
    try:
        made = getattr(module, _CLUSTERS[kind])(**about)
        if kind != "local":
            made.scale(jobs=jobs)
    except Exception as error:  # whatever the queue and its commands say
        said = " ".join(str(error).split())[:200]
        raise VaekitError(f"cluster {kind}: {type(error).__name__}: {said}") from error
    return made
