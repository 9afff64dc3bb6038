"""Runs are interrupted at any moment, and end as if they had not been."""

import dataclasses
import errno
import inspect
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import workers
from parts import same, vae
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import vaekit
from vaekit import cli, data, recipes
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.information import evaluate
from vaekit.runs import Config, Run, Watcher, history, make, recorder, train
from vaekit.runs.run_file import read_config
from vaekit.schedules import Linear
from vaekit.system import files, weights
from vaekit.training import Fit, NotFinite, Training

GUIDE = Path(__file__).parents[1] / "docs" / "guide.md"

BASE = ["--data", "digits", "--network", "mlp(32)", "--batch", "50", "--checkpoint-steps", "7"]


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "vaekit", *words]


def start(*words: str) -> subprocess.Popen:
    return subprocess.Popen(
        command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*words: str) -> subprocess.CompletedProcess:
    done = subprocess.run(command(*words), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done


def curve(folder: Path) -> list[dict[str, float]]:
    rows = history.read(folder / "history.csv")
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]


def assert_equal_runs(a: Path, b: Path) -> None:
    assert same(load_file(a / "model.safetensors"), load_file(b / "model.safetensors"))
    assert curve(a) == curve(b)
    assert len(curve(a)) > 10
    for folder in (a, b):
        assert Run(folder).config.notes["state"] == "finished"
        assert not (folder / "checkpoint").exists()
        assert not list(folder.glob(".*"))


def wait_for(what, process: subprocess.Popen | None = None, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the run does not get going"
        time.sleep(0.01)


def config(**changed) -> Config:
    training = {"epochs": 4, "batch": 50, "device": "cpu", **changed.pop("training", {})}
    arguments = {"latent": 2, "network": "mlp(16)", **changed.pop("arguments", {})}
    return Config("vae", arguments, "digits", Training(**training), **changed)


# ---- in this process


def test_a_run_folder_holds_all_of_the_run(tmp_path):
    made = train(config(), tmp_path / "a")
    assert {p.name for p in made.folder.iterdir()} == {
        "run.yaml",
        "history.csv",
        "model.safetensors",
    }
    again = Run(made.folder)
    assert again.config.notes["state"] == "finished"
    assert again.config.notes["step"] == again.config.notes["steps"] == 4 * (1617 // 50)
    assert again.config.data_checksum == again.data.train.checksum()
    assert again.history[-1]["step"] == 128
    assert not again.model.training
    numbers = evaluate(again.model, again.data.test)
    again.save_metrics(numbers)
    assert Run(made.folder).metrics == numbers
    assert Run(made.folder, data_dir=tmp_path).config.data_dir == str(tmp_path)


def test_the_row_of_a_schedule(tmp_path):
    made = config()
    arguments = {**made.arguments, "beta": "linear(0, 4, epochs=2)"}
    beta = Config("beta_vae", arguments, "digits", made.training)
    rows, before = train(beta, tmp_path / "a").history, 0
    for row in rows:
        used = [min(4.0, 4 * step / 64) for step in range(before, int(row["step"]))]
        assert row["weight_kl"] == pytest.approx(sum(used) / len(used))
        if used[0] == used[-1]:
            whole = row["distortion"] + row["weight_kl"] * row["kl"]
            assert row["objective"] == pytest.approx(whole)
        before = int(row["step"])
        assert row["epoch"] == pytest.approx(row["step"] / 32, abs=1e-4)


class Stop(Watcher):
    """Break off a run at a step, as a crash would."""

    def __init__(self, at: int, how=RuntimeError):
        self.at, self.how = at, how

    def look(self, step, steps, epoch, row):
        if step == self.at:
            raise self.how("stopped here")


@pytest.mark.parametrize("at", [1, 7, 8, 31, 32, 33, 64, 127])
def test_a_crash_at_any_row(tmp_path, at):
    beta = Config(
        "beta_vae",
        {"latent": 2, "beta": "cosine(0, 2, epochs=3)", "network": "mlp(16)"},
        "digits",
        Training(epochs=4, batch=50, device="cpu"),
    )
    train(beta, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped here"):
        train(beta, tmp_path / "cut", checkpoint_steps=1, watcher=Stop(at))
    assert Run(tmp_path / "cut").config.notes["state"] == "unfinished"
    train(beta, tmp_path / "cut", resume=True, checkpoint_steps=1)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")


def test_resuming_a_finished_run_leaves_it_alone(tmp_path):
    train(config(), tmp_path / "a")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    train(config(), tmp_path / "a", resume=True)
    assert before == {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}


def test_killed_between_its_last_two_deeds_a_run_is_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(config(), tmp_path / "a", checkpoint_steps=7)
    monkeypatch.undo()
    assert Run(tmp_path / "a").config.notes["state"] == "finished"
    before = (tmp_path / "a" / "model.safetensors").stat().st_mtime_ns
    train(config(), tmp_path / "a", resume=True)
    assert (tmp_path / "a" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"arguments": {"latent": 3}}, "arguments.latent: 2 → 3"),
        ({"training": {"lr": 0.002}}, "training.lr: 0.001 → 0.002"),
        ({"training": {"epochs": 3}}, "training.epochs: 4 → 3"),
        ({"training": {"processes": 2}}, "training.processes: 1 → 2"),
        ({"holdout": 0.2}, "holdout: 0.1 → 0.2"),
    ],
    ids=str,
)
def test_a_run_is_resumed_as_it_was_made(tmp_path, changed, said):
    with pytest.raises(RuntimeError):
        train(config(), tmp_path / "a", watcher=Stop(40))
    with pytest.raises(VaekitError, match="another run") as caught:
        train(config(**changed), tmp_path / "a", resume=True)
    assert said in str(caught.value)


def test_the_history_is_cut_back_to_the_checkpoint(tmp_path):
    path = tmp_path / "history.csv"
    rows = [{"step": float(s), "kl": s / 3} for s in range(1, 6)]
    for row in rows:
        history.append(path, row)
    with path.open("a") as file:
        file.write("6,1.2")  # a whole number of cells, and no end of line
    with path.open("a") as file:
        file.write("\n7,")
    history.start(path, 3)
    assert history.read(path) == rows[:3]
    history.append(path, rows[3])
    assert history.read(path) == rows[:4]
    history.start(path, 0)
    assert not path.exists()


def test_not_finite_leaves_what_was_written(tmp_path):
    wild = config(training={"lr": 1e-3, "epochs": 8})
    bad = Stop(7, lambda said: NotFinite(8, "kl", float("nan"), said))
    with pytest.raises(NotFinite, match="No checkpoint was due yet"):
        train(wild, tmp_path / "a", watcher=bad)
    assert Run(tmp_path / "a").config.notes["state"] == "diverged"
    with pytest.raises(VaekitError, match="holds a run already"):
        train(wild, tmp_path / "a")


def test_weights_that_the_last_step_ruins_are_no_result(tmp_path, monkeypatch):
    """No loss has seen them: the last one that is computed is of the weights before."""
    train(config(), tmp_path / "whole")
    advance = Fit._advance

    def ruin(fit, *batch):
        advance(fit, *batch)
        if fit.step == fit.steps:
            next(fit.parts.parameters()).detach().view(-1)[0] = float("inf")

    with monkeypatch.context() as patched:
        patched.setattr(Fit, "_advance", ruin)
        with pytest.raises(NotFinite, match=r"a weight is nan at step 128.*before and usable"):
            train(config(), tmp_path / "cut", checkpoint_steps=50)
    assert Run(tmp_path / "cut").config.notes["state"] == "diverged"
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    train(config(), tmp_path / "cut", resume=True)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")


def fail(*_):
    raise NotFinite(1, "kl", float("nan"))


@pytest.mark.parametrize("stood", [True, False])
def test_a_run_that_fails_at_its_first_step_leaves_its_folder_free(tmp_path, stood, monkeypatch):
    if stood:
        (tmp_path / "a").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(Fit, "_advance", fail)
        with pytest.raises(NotFinite, match="No checkpoint was due yet"):
            train(config(), tmp_path / "a")
    assert list(tmp_path.rglob("*")) == [tmp_path / "a"] * stood
    train(config(training={"epochs": 1}), tmp_path / "a")
    assert Run(tmp_path / "a").config.notes["state"] == "finished"


def test_what_a_killed_run_left_is_not_taken_back(tmp_path, monkeypatch):
    """Killed before its first row it left run.yaml alone, with which it can be resumed."""
    train(config(training={"epochs": 1}), tmp_path / "a")
    text = (tmp_path / "a" / "run.yaml").read_text().replace("finished", "unfinished")
    shutil.rmtree(tmp_path / "a")
    files.write_text(tmp_path / "a" / "run.yaml", text)
    with pytest.raises(VaekitError, match="holds a run already"):
        train(config(), tmp_path / "a")
    monkeypatch.setattr(Fit, "_advance", fail)
    with pytest.raises(NotFinite):
        train(config(training={"epochs": 1}), tmp_path / "a", resume=True)
    assert (tmp_path / "a" / "run.yaml").exists()


def test_a_run_that_is_finished_keeps_its_numbers(tmp_path, capsys):
    """--resume says so and shows them; without numbers of these weights it judges the run."""
    words = [
        "train",
        "vae",
        *BASE,
        "--epochs",
        "1",
        "--device",
        "cpu",
        "--out",
        str(tmp_path / "a"),
    ]
    cli.main(words)
    capsys.readouterr()
    numbers = tmp_path / "a" / "metrics.json"
    cli.main(["evaluate", str(tmp_path / "a"), "--samples", "3", "--metrics", "match"])
    kept, table = numbers.read_bytes(), capsys.readouterr().out.partition("test set of")[2]
    cli.main([*words, "--resume"])
    said = capsys.readouterr().out
    assert "this run is finished: nothing was trained" in said
    assert numbers.read_bytes() == kept
    assert all(line in said for line in table.splitlines())
    numbers.unlink()
    cli.main([*words, "--resume"])
    assert "3 sample" not in numbers.read_text() and "elbo" in Run(tmp_path / "a").metrics


def test_numbers_of_other_weights_are_not_shown_as_these(tmp_path, capsys):
    """Trained on without judging: report and resume judge anew."""
    with pytest.raises(RuntimeError):
        train(config(), tmp_path / "a", checkpoint_steps=1, watcher=Stop(40))
    cli.main(["evaluate", str(tmp_path / "a")])
    assert Run(tmp_path / "a").judged()
    train(config(), tmp_path / "a", resume=True)
    run = Run(tmp_path / "a")
    assert not run.judged() and run.metrics["elbo"]["step"] == 39
    capsys.readouterr()
    cli.main(["train", str(tmp_path / "a"), "--resume"])
    assert run.judged() and {each["step"] for each in run.metrics.values()} == {128}


def test_whoever_judges_says_the_same(tmp_path, capsys):
    """Numbers of the same settings agree in every word, so that comparisons take them for one."""
    made = "sprites(scales=2, rotations=3, positions=5, size=32)"
    words = ["--data", made, "--network", "mlp(16)", "--epochs", "1", "--device", "cpu"]
    for seed in ("0", "1"):
        out = ["--seed", seed, "--out", str(tmp_path / seed)]
        cli.main(["train", "beta_vae", *words, *out])
    run, other = tmp_path / "0", str(tmp_path / "1")
    first = Run(run).metrics
    assert "mig" in first
    for judging in (
        ["evaluate", str(run)],
        ["evaluate", str(run), "--metrics", "mig", "--information"],
        ["report", str(run)],
        ["compare", str(run), other, "--out", str(tmp_path / "c.html")],
        ["train", str(run), "--resume"],
    ):
        (run / "metrics.json").unlink()
        cli.main(judging)
        again = Run(run).metrics
        assert {name: again[name] for name in first} == first, judging


# ---- a disk that fills up


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    from vaekit.training import checkpoint

    train(config(), tmp_path / "whole")

    class Fill(Watcher):
        def look(self, step, steps, epoch, row):
            if step == 60:
                monkeypatch.setattr(checkpoint, "save_file", half)

    def half(tensors, path, metadata):
        Path(path).write_bytes(b"half a checkp")
        full()

    with pytest.raises(VaekitError, match=r"no space left on the disk.*--resume"):
        train(config(), tmp_path / "cut", checkpoint_steps=7, watcher=Fill())
    monkeypatch.undo()
    left = list((tmp_path / "cut" / "checkpoint").iterdir())
    assert [p.name for p in left] == ["last.safetensors"]
    _, about = weights.read_tensors(left[0])
    assert 50 < int(about["step"]) < 60
    train(config(), tmp_path / "cut", resume=True)
    assert_equal_runs(tmp_path / "whole", tmp_path / "cut")


def test_a_full_disk_under_the_history(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(VaekitError, match=r"history.csv: no space left.*--resume"):
        history.append(path, {"step": 1.0})


@pytest.mark.parametrize("written", ["", "step,epo", "step,epoch\n1.0,"])
def test_a_disk_that_is_full_at_the_first_row_leaves_the_folder_free(
    tmp_path, monkeypatch, written
):
    def append(path, row, names=()):
        path.write_text(written)
        raise VaekitError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(history, "append", append)
        with pytest.raises(VaekitError, match="no space left"):
            train(config(), tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())
    train(config(training={"epochs": 1}), tmp_path / "a" / "b")


def test_a_device_that_is_full():
    """What a true full device says: the writer's error reaches the user as cause and cure."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(VaekitError, match="no space left"):
        history.append(Path("/dev/full"), {"step": 1.0})


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VaekitError, match="cannot write"):
        files.write_text(tmp_path / "file" / "under", "text")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    files.write_text(path, "old")

    def break_off(temporary: Path) -> None:
        temporary.write_text("ne")
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        files.write_file(path, break_off)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


# ---- evaluation


def test_numbers_carry_how_they_were_got():
    model, splits = vae(entries=64), data.load("digits")
    flat = data.Dataset.from_array(splits.test.batch(torch.arange(180)).flatten(1))
    found = evaluate(model, flat, samples=2)
    for name in ("elbo", "rate", "distortion", "squared_error"):
        number = found[name]
        assert (number["n"], bool(number["estimator"])) == (180, True)
        assert 0 < number["se"] < 10
    assert found["elbo"]["value"] == pytest.approx(
        -found["distortion"]["value"] - found["rate"]["value"]
    )
    assert "lower bound" in found["elbo"]["estimator"]
    assert "analytic" in found["rate"]["estimator"]
    assert "2 sample" in found["distortion"]["estimator"]
    assert found["active_units"]["n"] == 180
    json.dumps(found)


@pytest.mark.parametrize("n", [1, 3, 250, 600])
def test_ragged_chunks_weigh_examples_alike(n, monkeypatch):
    from vaekit.information import rates

    model = vae()
    x = torch.rand(600, 6)
    x[400:] = 0  # the last chunk differs from the others
    found = {}
    for chunk in (7, 500, 10_000):
        monkeypatch.setattr(rates, "CHUNK", chunk)
        found[chunk] = evaluate(model, data.Dataset.from_array(x), n=n)
    with torch.no_grad():
        rows = torch.arange(600) if n == 600 else None
        if rows is not None:
            q = model.posterior(x)
            exact = 0.5 * (q.mean**2 + q.variance - 1 - q.variance.log()).sum(-1)
            assert found[7]["rate"]["value"] == pytest.approx(float(exact.mean()), rel=1e-5)
            error = float(exact.std() / 600**0.5)
            assert found[7]["rate"]["se"] == pytest.approx(error, rel=1e-4)
    for chunk in (500, 10_000):
        assert found[chunk]["rate"]["value"] == pytest.approx(found[7]["rate"]["value"], rel=1e-6)
        assert found[chunk]["rate"]["n"] == n


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_leaves_no_trace(training):
    model = vae().train(training)
    x = data.Dataset.from_array(torch.rand(50, 6))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = evaluate(model, x)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training is training
    torch.rand(3)
    assert evaluate(model, x) == first
    assert evaluate(model, x, seed=1) != first
    assert all(p.grad is None for p in model.parameters())


def test_evaluation_that_asks_for_nothing():
    for wrong in ({"n": 0}, {"samples": 0}):
        with pytest.raises(VaekitError, match="must be ≥ 1"):
            evaluate(vae(), data.Dataset.from_array(torch.rand(5, 6)), **wrong)


# ---- killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    cli.main(["train", "vae", *BASE, "--epochs", "30", "--out", str(folder)])
    return folder


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path, whole):
    folder, moments, killed = tmp_path / "run", random.Random(4), 0
    words = ["train", "vae", *BASE, "--epochs", "30", "--out", str(folder), "--resume"]
    for _ in range(6):
        worker = workers.command(*words, log=tmp_path / "said")
        step = len(history.read(folder / "history.csv"))
        if moments.random() < 0.7:  # in training; else anywhere from the start on
            wait_for(lambda had=step: len(history.read(folder / "history.csv")) != had)
            time.sleep(moments.uniform(0, 0.15))
        else:
            time.sleep(moments.uniform(0, 0.5))
        killed += worker.end() == -signal.SIGKILL
    assert killed >= 3
    cli.main(words)
    assert_equal_runs(whole, folder)


def test_killed_before_the_folder_was_a_run(tmp_path):
    """A half-written run.yaml is no content: the same command begins anew."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".run.yaml.123.part").write_text("recipe: v")
    train(config(training={"epochs": 1}), folder, resume=True)
    assert Run(folder).config.notes["state"] == "finished"


def test_ctrl_c_ends_well_and_resumes(tmp_path, whole, capsys):
    folder = tmp_path / "run"
    words = ["train", "vae", *BASE, "--epochs", "30", "--out", str(folder)]
    process = start(*words)
    wait_for(lambda: len(history.read(folder / "history.csv")) > 3, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "continue with --resume" in out
    assert "Traceback" not in err
    assert Run(folder).config.notes["state"] == "interrupted"
    cli.main(["evaluate", str(folder)])
    assert "elbo" in capsys.readouterr().out
    cli.main([*words, "--resume"])
    assert_equal_runs(whole, folder)


# ---- two processes


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("processes")
    words = ["train", "ae", *BASE, "--epochs", "2", "--device", "cpu", "--processes"]
    cli.main([*words, "1", "--out", str(folder / "1")])
    run(*words, "2", "--out", str(folder / "2"))
    return folder / "1", folder / "2"


def test_two_processes_agree_with_one(one_and_two):
    one, two = one_and_two
    a, b = (load_file(f / "model.safetensors") for f in one_and_two)
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4)
    for mine, theirs in zip(curve(one), curve(two), strict=True):
        assert mine == pytest.approx(theirs, rel=1e-4)


@pytest.mark.slow
def test_two_processes_are_interrupted_and_resumed(tmp_path):
    words = ["train", "vae", *BASE, "--processes", "2", "--device", "cpu", "--batch", "200"]
    words += ["--validation", "0.2", "--keep", "best", "--ema", "0.9", "--clip", "10"]
    run(*words, "--epochs", "12", "--out", str(tmp_path / "whole"))
    folder = tmp_path / "cut"
    process = start(*words, "--epochs", "12", "--out", str(folder))
    wait_for(lambda: len(history.read(folder / "history.csv")) > 3, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (0, 130), err
    if Run(folder).config.notes["state"] == "finished":
        pytest.skip("this machine was too fast: the run ended before the Ctrl-C")
    run(*words, "--epochs", "12", "--out", str(folder), "--resume")
    assert_equal_runs(tmp_path / "whole", folder)


REPLICAS = """
import sys, torch
from vaekit import data
from vaekit.recipes import vae
from vaekit.training import Training, fit
torch.manual_seed(0)
model, objective = vae((1, 8, 8), latent=2, network="mlp(8)")
going = fit(model, objective, data.load("digits").train, Training(
    epochs=1, batch=200, device="cpu", processes=2))
for now in going:
    pass
flat = torch.cat([p.detach().flatten() for p in model.parameters()])
both = going.fabric.all_gather(flat)
noise = going.fabric.all_gather(torch.rand(5))
if going.fabric.global_rank == 0:
    print(torch.equal(both[0], both[1]), torch.equal(noise[0], noise[1]), len(both))
"""


EVERY_RECIPE = """
import math, sys, torch
sys.path.insert(0, sys.argv[1])
from parts import small_arguments
from vaekit import recipes
from vaekit.data import Dataset
from vaekit.training import Fit, Training
from vaekit.training.fabric import make_fabric
torch.manual_seed(0)
x, y = torch.rand(40, 6), torch.arange(40) % 4
training = Training(epochs=2, batch=20, device="cpu", processes=2)
fabric = make_fabric(training)
for name in recipes.RECIPES:
    data, recipe = Dataset.from_array(x, y), recipes.find(name)
    torch.manual_seed(0)
    arguments = recipe.complete(small_arguments(name, latent=3, network="mlp(8)"), data)
    model, objective = recipe.make((6,), **arguments)
    going = Fit(model, objective, data, training, data, fabric)
    for now in going:
        pass
    flat = torch.cat([v.flatten().float() for v in going.parts.state_dict().values()])
    both, means = fabric.all_gather(flat), going.means()
    if fabric.global_rank == 0:
        finite = all(map(math.isfinite, [*means.values(), *going.judged.values()]))
        print(name, torch.equal(both[0], both[1]) and finite)
"""


@pytest.mark.slow
def test_every_recipe_trains_in_two_processes(tmp_path):
    """Also those with a critic, whose weights are stepped beside the model's, or with EM."""
    script = tmp_path / "script.py"
    script.write_text(EVERY_RECIPE)
    said = subprocess.run(
        [sys.executable, str(script), str(Path(__file__).parent)],
        **{"capture_output": True, "text": True, "timeout": 600},
    )
    assert said.returncode == 0, said.stderr[-2000:]
    assert said.stdout.splitlines() == [f"{name} True" for name in recipes.RECIPES]


def test_both_processes_keep_the_same_weights_and_their_own_noise(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(REPLICAS)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["True", "False", "2"], done.stderr


# ---- one call


FLAT = {"beta": 4.0, "latent": 2, "network": "mlp(16)", "epochs": 2, "batch": 50, "device": "cpu"}


def call(out, **changed):
    return vaekit.train("beta_vae", out=out, verbose=False, **{"data": "digits", **FLAT, **changed})


def test_one_call_trains_what_the_command_line_does(tmp_path):
    words = [part for name, value in FLAT.items() for part in (f"--{name}", str(value))]
    cli.main(["train", "beta_vae", "--data", "digits", *words, "--out", str(tmp_path / "a")])
    made = call(tmp_path / "b")
    assert_equal_runs(tmp_path / "a", tmp_path / "b")
    assert made.config == Run(tmp_path / "a").config


def test_one_call_goes_on_and_repeats_and_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = call(None)
    assert made.folder == Path("runs/beta_vae-digits-1")
    assert vaekit.train(made.folder, resume=True, verbose=False).folder == made.folder
    again = vaekit.train(made.folder, "again", verbose=False)
    assert_equal_runs(made.folder, again.folder)
    more = vaekit.train(again.folder / "run.yaml", "more", epochs=3, verbose=False).config
    assert (more.training.epochs, more.training.batch, more.arguments["latent"]) == (3, 50, 2)


def test_one_call_takes_a_schedule_and_numbers_of_numpy(tmp_path):
    made = call(tmp_path / "a", beta=Linear(0, 4, epochs=1), epochs=np.int64(1), latent=np.int8(2))
    again = call(tmp_path / "b", beta="linear(0, 4, epochs=1)", epochs=1)
    assert made.config.arguments["beta"] == "linear(start=0, end=4, epochs=1)"
    assert same(load_file(made.weights), load_file(again.weights))


def test_one_call_shows_how_it_goes(tmp_path, capsys):
    vaekit.train("beta_vae", tmp_path / "a", data="digits", **{**FLAT, "epochs": 1})
    about, first = capsys.readouterr().err.splitlines()
    assert about.startswith("examples: 1,617 to train on, 180 held out to test; each is an image")
    assert first.startswith("epoch 1  distortion")


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"latnet": 2}, "unknown argument of beta_vae 'latnet'. Did you mean 'latent'"),
        ({"epoch": 2}, "Did you mean 'epochs'"),
        ({"datadir": "x"}, "Did you mean 'data_dir'"),
        ({"checkpoint_step": 2}, "Did you mean 'checkpoint_steps'"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"latent": "3"}, "latent must be a whole number, as in latent=3"),
        ({"prior": torch.nn.Identity()}, "write the text that names it"),
        ({"data": np.zeros((20, 4))}, "np.save.* writes an array"),
        ({"data": pl.DataFrame({"a": [1.0]})}, "to_parquet.* writes it"),
        ({"data": data.Splits}, "write a file and name it, or train without a folder"),
        ({"data": ""}, "say what to train on"),
        ({"data": "nowhere"}, "nowhere"),
        ({"resume": True, "out": None}, "resume needs --out"),
        ({"what": 3}, "what to train"),
        ({"what": "betavae"}, "Did you mean 'beta_vae'"),
        ({"what": "none/run.yaml"}, "no run file"),
    ],
)
def test_one_call_that_does_not_fit(changed, cause, tmp_path):
    given = {"what": "beta_vae", "data": "digits", "out": tmp_path / "a", "verbose": False}
    with pytest.raises(VaekitError, match=cause):
        vaekit.train(**{**given, **changed})
    assert not any(tmp_path.iterdir())


# ---- what decides a run


def test_a_config_knows_the_settings_of_its_recipe():
    assert Config("factor_vae", {}, "digits").training.batch == 64
    changed = Config("factor_vae", {}, "digits", {"epochs": 2}).training
    assert (changed.batch, changed.epochs) == (64, 2)
    assert Config("factor_vae", {}, "digits", Training()).training.batch == 100


def test_a_config_is_written_in_plain_numbers(tmp_path):
    arguments = {"latent": np.int64(3), "beta": np.float32(0.5), "network": Path("mlp(4)")}
    training = Training(epochs=np.int64(1), lr=np.float64(0.1), compile=False)
    made = Config("beta_vae", arguments, tmp_path, training, np.float64(0.2), tmp_path)  # pyright: ignore[reportArgumentType]
    (tmp_path / "run.yaml").write_text(made.to_yaml())
    assert read_config(tmp_path / "run.yaml") == made
    assert made.arguments == {"latent": 3, "beta": 0.5, "network": "mlp(4)"}


@pytest.mark.parametrize(
    "given",
    [
        ("vae", {"latent": np.ones(3)}, "digits"),
        ("vae", {"latent": None}, "digits"),
        ("vae", {"network": lambda: 0}, "digits"),
        ("vae", [], "digits"),
        ("vae", {}, None),
        ("vae", {}, np.ones((3, 4))),
        ("vae", {}, data.Splits),
        ("vae", {}, "digits", 3),
        ("vae", {}, "digits", {"epoch": 3}),
        ("vae", {}, "digits", {"epochs": "x"}),
        ("vae", {}, "digits", None, "x"),
        ("vae", {}, "digits", None, 0.1, 3),
        (3, {}, "digits"),
    ],
)
def test_what_decides_no_run(given):
    with pytest.raises(VaekitError):
        Config(*given)


def test_slips_are_named(tmp_path):
    run = train(config(training={"epochs": 1}), tmp_path / "run")
    for act in (
        lambda: run.sample("3"),  # pyright: ignore[reportArgumentType]
        lambda: run.sample(None),  # pyright: ignore[reportArgumentType]
        lambda: run.sample(2, seed=None),  # pyright: ignore[reportArgumentType]
        lambda: run.encode(run.data.test, draw="no"),  # pyright: ignore[reportArgumentType]
        lambda: run.encode(run.data.test, seed="0"),  # pyright: ignore[reportArgumentType]
        lambda: train(config(), 3),  # pyright: ignore[reportArgumentType]
        lambda: train(config(), b"x"),  # pyright: ignore[reportArgumentType]
        lambda: train(config(), "x\0y"),
        lambda: train(config(), tmp_path / "x", resume="x"),  # pyright: ignore[reportArgumentType]
        lambda: train(config(), tmp_path / "x", checkpoint_steps="3"),  # pyright: ignore[reportArgumentType]
        lambda: train(config(), tmp_path / "x", checkpoint_minutes="5"),  # pyright: ignore[reportArgumentType]
        lambda: data.load("digits", data_dir=3),  # pyright: ignore[reportArgumentType]
        lambda: data.load(""),
    ):
        with pytest.raises(VaekitError):
            act()
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


# ---- runs that end otherwise


def test_a_folder_by_way_of_one_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(config(training={"epochs": 1}), "missing/../up")
    assert [path.name for path in tmp_path.iterdir()] == ["up"]


def test_weights_that_are_gone_are_trained_once_more(tmp_path):
    first = load_file(train(config(), tmp_path / "a").weights)
    (tmp_path / "a" / "model.safetensors").unlink()
    with pytest.raises(VaekitError, match="has no weights any more: bring"):
        _ = Run(tmp_path / "a").weights
    with pytest.warns(VaekitWarning, match="was finished, but"):
        train(config(), tmp_path / "a", resume=True)
    assert same(load_file(tmp_path / "a" / "model.safetensors"), first)


def test_a_diverged_run_without_weights_says_so(tmp_path):
    train(config(training={"epochs": 1}), tmp_path / "a")
    (tmp_path / "a" / "model.safetensors").unlink()
    path = tmp_path / "a" / "run.yaml"
    path.write_text(path.read_text().replace("state: finished", "state: diverged"))
    with pytest.raises(VaekitError, match="it diverged at step"):
        _ = Run(tmp_path / "a").weights


@pytest.mark.parametrize("state", ["foo", None])
def test_a_finished_run_is_known_by_its_weights(state, tmp_path):
    made = train(config(), tmp_path / "a")
    path, before = tmp_path / "a" / "run.yaml", made.weights.stat().st_mtime_ns
    text = path.read_text()
    path.write_text(
        text.replace("state: finished", f"state: {state}") if state else text.split("notes:")[0]
    )
    train(config(), tmp_path / "a", resume=True)
    assert made.weights.stat().st_mtime_ns == before
    assert Run(tmp_path / "a").config.notes["state"] == "finished"


def test_the_lines_of_a_history_stay_as_they_were_written(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("step,objective\n4,0.50\n8,1.0\n")
    history.start(path, 4)
    assert path.read_text() == "step,objective\n4,0.50\n"


@pytest.mark.parametrize("step", ["-1", "0", "100000"])
def test_a_checkpoint_of_no_step_of_the_run(step, tmp_path):
    with pytest.raises(RuntimeError):
        train(config(), tmp_path / "a", checkpoint_steps=5, watcher=Stop(at=20))
    path = tmp_path / "a" / "checkpoint" / "last.safetensors"
    with safe_open(path, "pt") as file:
        about = file.metadata()
    save_file(load_file(path), path, about | {"step": step})
    with pytest.raises(VaekitError, match=f"is damaged, it is of step {step} of"):
        train(config(), tmp_path / "a", resume=True)


def test_by_default_a_checkpoint_is_due_every_five_minutes(tmp_path, monkeypatch):
    """By a clock that goes on by 100 seconds with each of 16 rows."""
    now, saved = [0.0], list[float]()

    class Clock(Watcher):
        def look(self, step, steps, epoch, row):
            now[0] += 100

    monkeypatch.setattr(recorder.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(make.checkpoint, "save_checkpoint", lambda fit, path: saved.append(now[0]))
    own = {"latent": 2, "network": "mlp(4)", "epochs": 1, "batch": 100, "device": "cpu"}
    vaekit.train("vae", tmp_path / "run", data="digits", watcher=Clock(), **own)
    assert saved == [300, 600, 900, 1200, 1500]
    assert "--checkpoint-minutes` (5)" in GUIDE.read_text(encoding="utf-8")
    flags = {f.name: f.default for f in dataclasses.fields(recorder.Saving)}
    assert (
        flags["minutes"] == inspect.signature(train).parameters["checkpoint_minutes"].default == 5
    )
