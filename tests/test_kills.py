"""A command may be killed at any operation on files: the next one goes on, and nothing is left.

The process counts the operations that Python reports (opening to write, renaming, removing, making
folders, changing modes) below the run folder, and kills itself at the k-th, for every k.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import same
from safetensors.torch import load_file
from workers import fork, leftovers

from vaekit import cli
from vaekit.report import plots
from vaekit.runs import Run

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def killed(
    folder: Path, at: int, words: tuple[str, ...], log: Path, by: int = signal.SIGKILL
) -> int:
    """Run a command that kills itself before its operation number `at`; return its exit status."""
    count = 0

    def watch(event: str, given: tuple) -> None:
        nonlocal count
        changes = event in CHANGES or event.startswith("shutil.")
        changes |= event == "open" and bool((given[2] or 0) & WRITING)
        if not changes or not any(_below(place, folder) for place in given[:2]):
            return
        count += 1
        if count == at + 1:
            print("now", flush=True)
            os.kill(os.getpid(), by)

    def work() -> None:
        sys.addaudithook(watch)
        cli.main(words)

    return fork(work, log).wait()


def _below(place: object, folder: Path) -> bool:
    if not isinstance(place, str | os.PathLike):
        return False
    path = Path.cwd() / place
    return path == folder or folder in path.parents


def every_kill(
    start: Path | None, words: tuple[str, ...], after: Callable[[Path], None], tmp_path: Path
) -> int:
    """Kill a command at each operation, on a fresh copy of a folder; return how many there were."""
    for at in range(1000):
        folder, log = tmp_path / "run", tmp_path / "log"
        shutil.rmtree(folder, ignore_errors=True)
        if start:
            shutil.copytree(start, folder)
        status = killed(folder, at, words, log)
        said = log.read_text()
        assert status in (0, -signal.SIGKILL), said
        after(folder)
        assert not leftovers(folder), (at, leftovers(folder))
        if not status:
            return at
    raise AssertionError("it never ended")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(path, np.random.default_rng(0).random((60, 1, 4, 4), np.float32))
    return path


CHOSEN = (
    *("--validation", "0.2", "--keep", "best", "--patience", "9", "--validate-every", "1"),
    *("--lr", "one_cycle(0, 0, peak=0.01)", "--clip", "1", "--ema", "0.9", "--optimiser", "adamw"),
    *("--critics", "first", "--discriminator", "mlp(4)"),
)


def training(data: Path, folder: Path, recipe: str = "vae") -> tuple[str, ...]:
    small = ["--network", "mlp(4)", "--latent", "2", "--epochs", "2", "--batch", "27"]
    often = ["--checkpoint-steps", "2", "--device", "cpu", "--out", str(folder)]
    return "train", recipe, "--data", str(data), *small, *often


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    cli.main(training(data, folder / "run"))  # in this process, so that forked ones are warm
    assert not leftovers(folder / "run")
    return folder / "run"


@pytest.mark.parametrize("chosen", [(), CHOSEN], ids=["last", "best"])
def test_train_killed_anywhere_is_resumed(chosen, data, whole, tmp_path):
    recipe = "factor_vae" if chosen else "vae"  # one with a critic
    words = (*training(data, tmp_path / "run", recipe), *chosen)
    if chosen:
        whole = tmp_path / "whole"
        cli.main((*training(data, whole, recipe), *chosen))
    weights = load_file(whole / "model.safetensors")

    def after(folder: Path) -> None:
        cli.main([*words, "--resume"])
        assert same(load_file(folder / "model.safetensors"), weights)
        assert Run(folder).metrics.keys() == Run(whole).metrics.keys()
        assert {p.name for p in folder.iterdir()} == {p.name for p in whole.iterdir()}

    assert every_kill(None, words, after, tmp_path) > 30


def test_a_resumed_training_killed_anywhere_is_resumed(data, whole, tmp_path):
    weights, begun = load_file(whole / "model.safetensors"), tmp_path / "begun"
    words = (*training(data, tmp_path / "run"), "--resume")
    assert killed(begun, 22, training(data, begun), tmp_path / "log") == -signal.SIGKILL
    assert (begun / "checkpoint" / "last.safetensors").exists()

    def after(folder: Path) -> None:
        cli.main(words)
        assert same(load_file(folder / "model.safetensors"), weights)

    assert every_kill(begun, words, after, tmp_path) > 20


def test_report_killed_anywhere_is_repeated(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "_svg", lambda figure: "<svg></svg>")  # most of a page's time
    start = tmp_path / "start"
    shutil.copytree(whole, start)
    (start / "metrics.json").unlink()  # so that the run is judged too
    page = tmp_path / "page"

    def after(folder: Path) -> None:
        cli.main(["report", str(folder)])
        text = (folder / "report.html").read_text(encoding="utf-8")
        assert text == (page.read_text(encoding="utf-8") if page.exists() else text)
        page.write_text(text, encoding="utf-8")

    assert every_kill(start, ("report", str(tmp_path / "run")), after, tmp_path) > 15


def test_encode_killed_anywhere_is_repeated(whole, tmp_path):
    words = ("encode", str(tmp_path / "run"), "--force")

    def after(folder: Path) -> None:
        cli.main(words)
        assert np.load(folder / "codes.npz")["code"].shape == (6, 2)

    assert every_kill(whole, words, after, tmp_path) > 3


def test_evaluate_killed_anywhere_is_repeated(whole, tmp_path):
    words = ("evaluate", str(tmp_path / "run"), "--n", "5")

    def after(folder: Path) -> None:
        assert Run(folder).metrics["elbo"]["n"] in (5, 6)
        cli.main(words)
        assert Run(folder).metrics["elbo"]["n"] == 5

    assert every_kill(whole, words, after, tmp_path) > 5


# ---- Ctrl-C and SIGTERM, which leave nothing to clean


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["train", "report", "encode", "evaluate", "compare"])
def test_stopped_anywhere_it_leaves_nothing(command, by, data, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "_svg", lambda figure: "<svg></svg>")
    folder, other, log = tmp_path / "run", tmp_path / "other", tmp_path / "log"
    cli.main([*training(data, other), "--seed", "1"])
    words = {
        "train": training(data, folder),
        "compare": ("compare", str(folder), str(other), "--out", str(folder / "compare.html")),
    }.get(command, (command, str(folder), *["--force"] * (command == "encode")))
    ends, left = set(), []
    for at in range(0, 1000, 1 if by == signal.SIGINT else 5):
        shutil.rmtree(folder, ignore_errors=True)
        if command != "train":
            shutil.copytree(whole, folder)
        status = killed(folder, at, words, log, by)
        ends.add(status)
        said = log.read_text()
        assert "Traceback" not in said, said
        left += leftovers(folder)
        if command == "train" and folder.exists():
            notes = Run(folder).config.notes
            assert (notes["state"], notes.get("stopped_by")) in (
                ("interrupted", by.name),
                ("finished", None),
            )
        if "now" not in said.split():
            break
    # What is broken off may be the removal of the lock itself, whose file blocks nobody.
    assert sorted(set(left)) == sorted(left) and set(left) <= {".lock", ".results.lock"}
    assert ends <= {0, 128 + by} and 128 + by in ends
