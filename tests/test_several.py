"""Processes that torchrun or SLURM started: one training, as with processes of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

import vaekit
from vaekit.errors import VaekitError
from vaekit.training import Training, fabric
from vaekit.training.fabric import Launched, launched

TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "vaekit")
TRAIN = [
    "train",
    "factor_vae",
    "--data",
    "digits",
    "--latent",
    "3",
    "--network",
    "mlp(8)",
    "--epochs",
    "1",
    "--batch",
    "200",
]
ALONE = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("SLURM_", "TORCHELASTIC_")) and name not in ("WORLD_SIZE", "RANK")
}


def command(*words: str, **more: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env={**ALONE, "OMP_NUM_THREADS": "1", **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def same(a: Path, b: Path) -> bool:
    one, other = (load_file(folder / "model.safetensors") for folder in (a, b))
    return one.keys() == other.keys() and all(one[k].equal(other[k]) for k in one)


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Path:
    """Train with two processes that the first one starts."""
    folder = tmp_path_factory.mktemp("several") / "own"
    done = command("vaekit", *TRAIN, "--processes", "2", "--device", "cpu", "--out", str(folder))
    _, said = done.communicate(timeout=300)
    assert done.returncode == 0, said
    return folder


def test_torchrun(own, tmp_path):
    """A model with a critic: the same weights as without torchrun; one process writes."""
    words = [*TRAIN, "--processes", "2", "--device", "cpu", "--out", str(tmp_path / "run")]
    done = command(*TORCHRUN, *words)
    printed, said = done.communicate(timeout=300)
    assert done.returncode == 0, said
    assert printed.count("page: vaekit report") == 1
    assert same(own, tmp_path / "run")


def test_torchrun_without_the_number(tmp_path):
    done = command(*TORCHRUN, *TRAIN, "--device", "cpu", "--out", str(tmp_path / "run"))
    _, said = done.communicate(timeout=300)
    assert done.returncode != 0
    assert "torchrun started 2 processes, but the training is of 1: say --processes 2" in said
    assert not (tmp_path / "run").exists()


def test_tasks_of_slurm(own, tmp_path):
    """What srun tells its tasks, on one machine."""
    said = {
        "SLURM_JOB_ID": "4217",
        "SLURM_JOB_NAME": "train",
        "SLURM_NODELIST": "localhost",
        "SLURM_NTASKS": "2",
        "SLURM_NTASKS_PER_NODE": "2",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NUM_NODES": "1",
    }
    words = [*TRAIN, "--processes", "2", "--device", "cpu", "--out", str(tmp_path / "run")]
    tasks = [
        command("vaekit", *words, **said, SLURM_PROCID=rank, SLURM_LOCALID=rank) for rank in "01"
    ]
    for task in tasks:
        error = task.communicate(timeout=300)[1]
        assert task.returncode == 0, error
    assert same(own, tmp_path / "run")


# ---- what is read of the environment


@pytest.fixture
def environment(monkeypatch):
    for name in os.environ:
        if name not in ALONE:
            monkeypatch.delenv(name)

    def say(**values: int | str):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return say


def elastic(world: int, here: int) -> dict[str, int | str]:
    return {"TORCHELASTIC_RUN_ID": "a", "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": here}


def test_processes_need_a_program_that_they_can_run(environment, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None, raising=False)
    for words in (["-c"], ["-"], [""], ["no such file.py"]):
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(VaekitError, match="which must be a file: write it into one"):
            fabric.make_fabric(Training(batch=10, processes=2, device="cpu"))


def test_who_starts_processes(environment):
    assert launched(2) == Launched(2, 1, "")
    environment(SLURM_NTASKS=4, SLURM_PROCID=0)  # of a script of sbatch without srun
    assert launched(4) == Launched(4, 1, "")
    environment(SLURM_STEP_NUM_TASKS=8, SLURM_STEP_NUM_NODES=2)
    assert launched(8) == Launched(4, 2, "srun")
    assert launched(1) == Launched(1, 1, "")  # each task a training of its own
    with pytest.raises(VaekitError, match="srun started 8 processes, but the training is of 4"):
        launched(4)
    environment(SLURM_STEP_NUM_NODES=3)
    with pytest.raises(VaekitError, match="not as many on each machine"):
        launched(8)
    environment(**elastic(8, 4))  # torchrun in tasks of SLURM
    assert launched(8) == Launched(4, 2, "torchrun")
    environment(**elastic(9, 4))
    with pytest.raises(VaekitError, match="not as many on each machine"):
        launched(9)


@pytest.mark.parametrize("count", [1, 4])
def test_another_number_is_said_before_anything_is_read(environment, tmp_path, count):
    environment(**elastic(2, 2))
    with pytest.raises(VaekitError, match=rf"torchrun started 2 .* is of {count}: say --proc"):
        vaekit.train("vae", data="digits", processes=count, out=tmp_path / "run", verbose=False)
    assert not (tmp_path / "run").exists()


def test_tasks_without_their_number_on_each_machine(environment):
    environment(SLURM_NTASKS=2, SLURM_STEP_NUM_TASKS=2, SLURM_STEP_NUM_NODES=1)
    environment(SLURM_JOB_NAME="train", SLURM_PROCID=0, SLURM_LOCALID=0, SLURM_NODEID=0)
    with pytest.raises(VaekitError, match=r"srun: .*--ntasks-per-node"):
        fabric.make_fabric(Training(processes=2, device="cpu"))
