"""Two processes at one run folder: one trains at a time, readers go on, and nothing is lost.

    VAEKIT_ROUNDS=20 python -m pytest tests/test_processes.py

repeats each meeting as often; the moment at which the second comes is drawn anew each time.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import same
from safetensors.torch import load_file
from workers import Worker, command, fork, leftovers

from vaekit import cli, information
from vaekit.report import plots
from vaekit.runs import Run, history
from vaekit.runs import place as places
from vaekit.system import locks

ROUNDS = int(os.environ.get("VAEKIT_ROUNDS", "2"))
SHORT = ("--network", "mlp(8)", "--latent", "2", "--batch", "10", "--device", "cpu")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Draw nothing, which is most of a page's time, and run on one thread, as forks must."""
    monkeypatch.setattr(plots, "_svg", lambda figure: "<svg></svg>")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(path, np.random.default_rng(0).random((60, 1, 4, 4), np.float32))
    return path


@pytest.fixture(scope="module")
def train(data):
    """Return the words of a training of some epochs, 5 steps each."""

    def words(folder: Path, epochs: int, *more: str) -> tuple[str, ...]:
        given = ("--data", str(data), *SHORT, "--epochs", str(epochs), "--checkpoint-steps", "25")
        return "train", "vae", *given, "--out", str(folder), *more

    return words


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory) -> dict[int, Path]:
    """Train undisturbed, and once in this process, so that forked ones are warm."""
    found = {epochs: tmp_path_factory.mktemp("whole") / "run" for epochs in (60, 200)}
    for epochs, folder in found.items():
        cli.main(train(folder, epochs))
    cli.main(["report", str(found[60])])
    return found


def rounds(tmp_path: Path):
    """Yield for each round a folder for a run, a file for what is said, and a random generator."""
    for number in range(ROUNDS):
        folder = tmp_path / f"round{number}"
        folder.mkdir()
        yield folder / "run", folder, random.Random(number)


def assert_whole(folder: Path, expected: Path) -> None:
    """Check that a run is that of one undisturbed training, and that nothing is left."""
    assert same(load_file(folder / "model.safetensors"), load_file(expected / "model.safetensors"))
    steps = [row["step"] for row in history.read(folder / "history.csv")]
    assert steps == [row["step"] for row in history.read(expected / "history.csv")]
    assert Run(folder).config.notes["state"] == "finished"
    assert not leftovers(folder)


def going(worker: Worker, folder: Path, steps: int) -> None:
    """Wait until a training has got so far."""
    end = time.monotonic() + 60
    while not (rows := history.read(folder / "history.csv")) or rows[-1]["step"] < steps:
        assert time.monotonic() < end, worker.said
        time.sleep(0.002)


def assert_refused(worker: Worker, said: str) -> None:
    assert worker.wait() == 2, worker.said
    assert said in worker.said and "Traceback" not in worker.said
    assert len([line for line in worker.said.splitlines() if line.startswith("vaekit: ")]) == 1


# ---- train × train


def test_of_two_trainings_at_once_one_is_refused(train, whole, tmp_path):
    for folder, place, chance in rounds(tmp_path):
        words = train(folder, 60)
        two = [command(*words, log=place / "0")]
        time.sleep(chance.uniform(0, 0.3))
        two.append(command(*words, log=place / "1"))
        ends = [worker.wait() for worker in two]
        assert sorted(ends) == [0, 2], [worker.said for worker in two]
        refused = two[ends.index(2)].said
        assert "another training (process" in refused or "holds a run already" in refused
        assert_whole(folder, whole[60])


def test_a_training_is_not_resumed_while_it_runs(train, whole, tmp_path):
    for folder, place, chance in rounds(tmp_path):
        first = command(*train(folder, 200), log=place / "0")
        going(first, folder, chance.randrange(1, 400))
        second = command(*train(folder, 200, "--resume"), log=place / "1")
        assert_refused(second, f"another training (process {first.pid}")
        third = command(*train(folder, 200), log=place / "2")
        assert_refused(third, "holds a run already")
        assert first.wait() == 0, first.said
        assert_whole(folder, whole[200])


def test_a_killed_training_blocks_nobody(train, whole, tmp_path):
    for folder, place, chance in rounds(tmp_path):
        first = command(*train(folder, 200), log=place / "0")
        going(first, folder, chance.randrange(1, 400))
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert (folder / ".lock").exists()
        two = [command(*train(folder, 200, "--resume"), log=place / str(k)) for k in (1, 2)]
        ends = [worker.wait() for worker in two]
        said = [worker.said for worker in two]
        # The second was refused, or came so late that the first was done.
        assert sorted(ends) == [0, 2] or "this run is finished" in "".join(said), said
        assert_whole(folder, whole[200])


def test_trainings_without_a_folder_take_different_ones(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("train", "vae", "--data", str(data), *SHORT, "--epochs", "1")
    count = 2 * ROUNDS
    several = [command(*words, log=tmp_path / f"log{k}") for k in range(count)]
    assert [worker.wait() for worker in several] == [0] * count, [w.said for w in several]
    assert {path.name for path in Path("runs").iterdir()} == {
        f"vae-x-{n}" for n in range(1, count + 1)
    }
    assert not leftovers(tmp_path / "runs")


def test_a_training_that_fails_leaves_its_folder_to_the_other(train, whole, tmp_path):
    """One gives the folder up and removes it while the other comes: the other has it then."""
    for folder, place, chance in rounds(tmp_path):
        bad = command(*train(folder, 1, "--batch", "1000"), log=place / "0")
        time.sleep(chance.uniform(0, 0.1))
        good = command(*train(folder, 60), log=place / "1")
        assert bad.wait() == 2, bad.said
        if good.wait() == 2:
            assert "another training" in good.said and not folder.exists()
        else:
            assert_whole(folder, whole[60])


# ---- train × readers


def read_again_and_again(work, log: Path) -> None:
    """Read until a file `log`.stop is there; say how often."""
    count = 0
    while not log.with_suffix(".stop").exists():
        work()
        count += 1
    print(f"read {count} times")


def in_python(folder: Path) -> None:
    run = Run(folder)
    assert run.config.recipe == "vae"
    rows = run.history
    assert all(row.keys() == rows[0].keys() for row in rows)
    assert run.encode(run.data.test).shape == (6, 2)
    assert isinstance(run.metrics, dict)


def shell(*words: str):
    return lambda folder: cli.main([word.replace("RUN", str(folder)) for word in words])


READERS = {
    "report": shell("report", "RUN"),
    "evaluate": shell("evaluate", "RUN", "--n", "6"),
    "ledger": shell("ledger", "RUN", "--samples", "2"),
    "encode": shell("encode", "RUN", "--force"),
    "compare": shell("compare", "RUN", "RUN-other", "--out", "RUN.html"),
    "python": in_python,
}


@pytest.mark.parametrize("name", READERS)
def test_readers_go_on_while_a_run_is_resumed(name, train, whole, tmp_path):
    """An interrupted run has weights that resuming removes, and a checkpoint that its end does."""
    for folder, place, chance in rounds(tmp_path):
        begun = command(*train(folder, 200), log=place / "0")
        going(begun, folder, chance.randrange(30, 300))
        os.kill(begun.pid, signal.SIGINT)
        assert begun.wait() == 130, begun.said
        cli.main(train(place / "run-other", 1, "--seed", "1"))
        reader = fork(
            lambda folder=folder, log=place / "1": read_again_and_again(
                lambda: READERS[name](folder), log
            ),
            place / "1",
        )
        resumed = command(*train(folder, 200, "--resume"), log=place / "2")
        assert resumed.wait() == 0, resumed.said
        (place / "1.stop").touch()
        assert reader.wait() == 0, reader.said
        assert "Traceback" not in reader.said and "damaged" not in reader.said, reader.said
        assert_whole(folder, whole[200])
        step = int(history.read(folder / "history.csv")[-1]["step"])
        found = Run(folder).metrics
        assert found and all(number["step"] == step for number in found.values()), found


def later(folder: Path, train) -> None:
    """Train on, which judges the run anew."""
    cli.main(train(folder, 200, "--resume"))


def anew(folder: Path, train) -> None:
    """Remove the run and train another, of fewer steps, in its place."""
    shutil.rmtree(folder)
    cli.main(train(folder, 1, "--seed", "1"))


@pytest.mark.parametrize("meanwhile", [later, anew])
def test_a_late_judge_overwrites_no_newer_numbers(meanwhile, train, tmp_path, monkeypatch, capsys):
    folder, judge = tmp_path / "run", information.evaluate
    worker = command(*train(folder, 200), log=tmp_path / "log")
    going(worker, folder, 50)
    os.kill(worker.pid, signal.SIGINT)
    assert worker.wait() == 130, worker.said

    def slow(*given, **named):
        found = judge(*given, **named)
        monkeypatch.setattr(information, "evaluate", judge)
        meanwhile(folder, train)
        return found

    monkeypatch.setattr(information, "evaluate", slow)
    capsys.readouterr()
    cli.main(["evaluate", str(folder)])
    said = capsys.readouterr().err
    assert said.count("not written: ") == 1
    assert Run(folder).judged()


def test_judges_at_once_lose_nothing(whole, tmp_path):
    for folder, place, _ in rounds(tmp_path):
        shutil.copytree(whole[60], folder)
        (folder / "metrics.json").unlink()
        metrics = "correlation", "match", "mig"
        several = [
            command("evaluate", str(folder), "--metrics", name, log=place / name)
            for name in metrics[:2]
        ]
        several.append(command("evaluate", str(folder), "--information", log=place / "3"))
        several.append(command("refit", str(folder), "--noise", "gaussian", log=place / "4"))
        several.append(command("refit", str(folder), "--noise", "mixture(2)", log=place / "5"))
        assert [worker.wait() for worker in several] == [0] * 5, [w.said for w in several]
        found = Run(folder).metrics
        assert {"elbo", "gaussian_tc_mean", "mmd", "information"} <= found.keys()
        refits = (folder / "refits.json").read_text()
        assert "gaussian" in refits and "mixture(2)" in refits
        assert not leftovers(folder)


# ---- locks


def test_one_holds_a_lock_at_a_time(tmp_path):
    """Many processes take and remove one lock file: never two hold it, whoever removed it last."""
    path, seen = tmp_path / ".lock", tmp_path / "inside"

    def work() -> None:
        for _ in range(100 * ROUNDS):
            with locks.locked(path, wait=60):
                seen.mkdir()  # fails where another is inside
                seen.rmdir()

    several = [fork(work, tmp_path / f"log{k}") for k in range(4)]
    assert [worker.wait() for worker in several] == [0] * 4, [w.said for w in several]
    assert not path.exists()


def test_a_lock_on_a_removed_file_is_none(tmp_path, monkeypatch):
    """Its holder may remove the file after another process has opened it, and before this locks."""
    path, lock = tmp_path / ".lock", locks._lock
    removals = iter([path.unlink, lambda: (path.unlink(), path.touch())])

    def late(file: int) -> bool:
        next(removals, lambda: None)()
        return lock(file)

    monkeypatch.setattr(locks, "_lock", late)
    with locks.locked(path):
        assert not list(removals)
        with pytest.raises(locks.Taken), locks.locked(path):
            pass
    assert not path.exists()


def test_a_held_lock_is_refused_with_its_holder(tmp_path):
    def work() -> None:
        with locks.locked(tmp_path / ".lock"):
            (tmp_path / "held").touch()
            while not (tmp_path / "stop").exists():
                time.sleep(0.002)

    worker = fork(work, tmp_path / "log")
    while not (tmp_path / "held").exists():
        time.sleep(0.002)
    with (
        pytest.raises(locks.Taken, match=f"process {worker.pid} on "),
        locks.locked(tmp_path / ".lock"),
    ):
        pass
    locks.discard(tmp_path / ".lock")
    assert (tmp_path / ".lock").exists()
    (tmp_path / "stop").touch()
    assert worker.wait() == 0
    assert not (tmp_path / ".lock").exists()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    import errno

    def refuse(file: int) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", refuse)
    with pytest.warns(UserWarning, match="no locks here"), locks.locked(tmp_path / ".lock"):
        pass


# ---- the command line itself


def test_two_commands_into_one_folder(train, tmp_path):
    words = [sys.executable, "-m", "vaekit", *train(tmp_path / "run", 600)]
    two = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ends = [(process.communicate(timeout=120), process.returncode) for process in two]
    assert sorted(status for _, status in ends) == [0, 2], ends
    (refused,) = (said for (_, said), status in ends if status == 2)
    assert len(refused.strip().splitlines()) == 1 and "--out" in refused


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_an_import(number, tmp_path):
    """Modules say what they have come to; one that was broken off would say less."""
    kill = f"import os, time; os.kill(os.getpid(), {int(number)}); time.sleep(0.1)"
    (tmp_path / "slow.py").write_text(f"{kill}\nprint('whole', flush=True)")
    code = "from vaekit import cli; cli.COMMANDS['list'] = lambda words: __import__('slow') and"
    code += " __import__('time').sleep(60); cli.main(['list'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (128 + number, "whole\n")
    assert done.stderr == "vaekit: stopped\n"


def test_a_signal_between_a_lock_and_its_holder_leaves_nothing(tmp_path, monkeypatch):
    is_at = locks._is_at

    def stopped(*words) -> bool:
        monkeypatch.setattr(locks, "_is_at", is_at)
        raise KeyboardInterrupt

    monkeypatch.setattr(locks, "_is_at", stopped)
    with pytest.raises(KeyboardInterrupt), places.held([tmp_path / "new" / "run"], False):
        pass
    assert not list(tmp_path.iterdir())
