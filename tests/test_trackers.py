"""Trackers follow a run: what they are told is what stands in the history."""

import sys
import types
from typing import Any

import numpy as np
import pytest
from parts import same
from PIL import Image

import vaekit
from vaekit import cli
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.runs import Watcher, trackers

SMALL = {
    **{"data": "digits", "network": "mlp(4)", "latent": 2, "epochs": 3, "batch": 500},
    **{"device": "cpu", "verbose": False},
}


def trained(folder, **changed) -> vaekit.Run:
    return vaekit.train("vae", out=folder, **{**SMALL, **changed})


@pytest.fixture
def mlflow(monkeypatch):
    """Stand in for MLflow by its calls, so that the test needs no server."""
    seen: dict[str, list[Any]] = {"runs": [], "params": [], "metrics": [], "ends": []}

    def start_run(run_id=None, run_name=None):
        seen["runs"].append((run_id, run_name))
        return types.SimpleNamespace(info=types.SimpleNamespace(run_id=run_id or "abc"))

    made: Any = types.ModuleType("mlflow")
    made.set_experiment = lambda name: None
    made.start_run = start_run
    made.log_params = seen["params"].append
    made.log_metrics = lambda row, step: seen["metrics"].append((step, row))
    made.end_run = seen["ends"].append
    monkeypatch.setitem(sys.modules, "mlflow", made)
    return seen


@pytest.fixture
def wandb(monkeypatch):
    seen: dict[str, list[Any]] = {"inits": [], "rows": [], "ends": []}

    class Running:
        id = "xyz"

        def log(self, row, step):
            seen["rows"].append((step, row))

        def finish(self, exit_code):
            seen["ends"].append(exit_code)

    made: Any = types.ModuleType("wandb")
    made.api = types.SimpleNamespace(api_key=None)

    def init(**given):
        seen["inits"].append(given)
        return Running()

    made.init = init
    monkeypatch.setitem(sys.modules, "wandb", made)
    return seen


def told(run: vaekit.Run) -> list[tuple[int, dict[str, float]]]:
    rows = []
    for row in run.history:
        rows.append((int(row["step"]), {k: v for k, v in row.items() if k != "step"}))
    return rows


def test_mlflow_is_told_what_the_history_holds(mlflow, tmp_path):
    run = trained(tmp_path / "run", log="mlflow", validation=0.2)
    assert [step for step, _ in mlflow["metrics"]] == [step for step, _ in told(run)]
    for (_, row), (_, kept) in zip(mlflow["metrics"], told(run), strict=True):
        assert row == pytest.approx(kept)
    assert mlflow["params"][0]["arguments.latent"] == "2"
    assert mlflow["params"][0]["training.lr"] == "0.001"
    assert (mlflow["runs"], mlflow["ends"]) == ([(None, "run")], ["FINISHED"])


def test_a_resumed_run_goes_on_in_the_same_curve(mlflow, wandb, tmp_path):
    both = {"log": ["mlflow", "wandb"], "keep_checkpoint": True}
    trained(tmp_path / "run", **both)
    run = trained(tmp_path / "run", **both, epochs=5, resume=True)
    assert mlflow["runs"] == [(None, "run"), ("abc", None)]
    assert len(mlflow["params"]) == 1
    assert [step for step, _ in mlflow["metrics"]] == [step for step, _ in told(run)]
    first, second = wandb["inits"]
    assert (first["id"], first["mode"], first["name"]) == (None, "offline", "run")
    assert (second["id"], second["resume"]) == ("xyz", "allow")
    assert [step for step, _ in wandb["rows"]] == [step for step, _ in told(run)]
    assert wandb["ends"] == [0, 0]


def test_tensorboard_writes_curves_that_it_reads(tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = trained(tmp_path / "run", log="tensorboard", validation=0.2, keep_checkpoint=True)
    events = EventAccumulator(str(tmp_path / "run" / "logs"))
    events.Reload()
    for name in ("objective", "kl", "validation_elbo"):
        kept = [(step, row[name]) for step, row in told(run) if name in row]
        assert [(e.step, e.value) for e in events.Scalars(name)] == [
            (step, pytest.approx(value, rel=1e-5)) for step, value in kept
        ]


def test_a_tracker_that_fails_does_not_stop_the_training(mlflow, tmp_path):
    def broken(row, step):
        if step > 3:
            raise ConnectionError("no server")

    sys.modules["mlflow"].log_metrics = broken  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.warns(VaekitWarning, match="MLflow follows no longer, training goes on: no server"):
        run = trained(tmp_path / "run", log="mlflow")
    assert run.config.notes["state"] == "finished"


def test_a_tracker_that_cannot_begin_stops_before_training(mlflow, tmp_path):
    def broken(**given):
        raise ConnectionError("no server")

    sys.modules["mlflow"].start_run = broken  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(VaekitError, match="the tracker MLflow cannot begin: no server"):
        trained(tmp_path / "run", log="mlflow")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("tensorbord", "unknown tracker 'tensorbord'. Did you mean 'tensorboard'"),
        ("wandb", r"--log wandb needs a package that is missing.*pip install 'vaekit\[wandb\]'"),
        (3, "log must be"),
    ],
)
def test_trackers_that_are_not_there(log, cause, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(VaekitError, match=cause):
        trained(tmp_path / "run", log=log)
    assert not (tmp_path / "run").exists()


class _Stops(Watcher):
    def look(self, step, steps, epoch, row):
        self.stop = step >= 4


@pytest.mark.parametrize("recipe", ["vae", "ae", "cvae", "joint_vae"])
def test_a_film_is_drawn_and_changes_no_weight(recipe, tmp_path):
    settings = {**SMALL, **({"latent": 2} if recipe != "joint_vae" else {"style": 2})}
    settings = {k: v for k, v in settings.items() if k != "latent" or recipe != "joint_vae"}
    bare = vaekit.train(recipe, out=tmp_path / "bare", **settings)
    drawn = vaekit.train(recipe, out=tmp_path / "drawn", log="film", **settings)
    assert same(bare.model.state_dict(), drawn.model.state_dict())
    frames = sorted((drawn.folder / "logs" / "film").glob("*.npy"))
    assert int(frames[0].stem) == 0 and int(frames[-1].stem) == drawn.config.notes["step"]
    with Image.open(drawn.folder / "pictures" / "film.gif") as film:
        rows = 2 if recipe == "ae" else 3
        assert film.size == (7 * (10 * 10 - 2), 7 * (10 * rows - 2))
        assert film.is_animated  # pyright: ignore[reportAttributeAccessIssue]


def test_a_resumed_film_goes_on(tmp_path):
    settings = {**SMALL, "log": "film"}
    vaekit.train("vae", out=tmp_path / "a", watcher=_Stops(), **settings)
    film = tmp_path / "a" / "logs" / "film"
    assert sorted(int(path.stem) for path in film.glob("*.npy")) == [0, 1, 2, 3, 4]
    for step in (7, 12):  # of a longer past, of which one is drawn anew
        np.save(film / f"{step:010d}.npy", np.zeros(3))
    vaekit.train("vae", out=tmp_path / "a", resume=True, **settings)
    assert sorted(int(path.stem) for path in film.glob("*.npy")) == list(range(10))
    assert np.load(film / "0000000007.npy").ndim == 3


def test_rows_of_a_table_make_no_film(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(40, 3)).astype("float32"))
    changed = {"data": str(tmp_path / "x.npy"), "likelihood": "gaussian", "batch": 20}
    with pytest.raises(VaekitError, match="film draws pictures"):
        trained(tmp_path / "a", log="film", **changed)


def test_ones_own_watcher_hears_how_it_ended(tmp_path):
    states: list[str] = []

    class Own(Watcher):
        def end(self, state):
            states.append(state)

    trained(tmp_path / "a", watcher=Own())
    with pytest.raises(VaekitError, match="training stopped"):
        trained(tmp_path / "b", watcher=Own(), lr=1e9, optimiser="sgd", epochs=50)
    assert states == ["finished", "diverged"]


def test_the_command_line_names_trackers(mlflow, tmp_path, capsys):
    words = ["--data", "digits", "--network", "mlp(4)", "--epochs", "1", "--batch", "500"]
    out = ["--out", str(tmp_path / "run")]
    cli.main(["train", "vae", *words, "--device", "cpu", "--log", "mlflow", *out])
    assert len(mlflow["metrics"]) == 3
    with pytest.raises(SystemExit):
        cli.main(["train", "vae", "--help"])
    assert ", ".join(trackers.TRACKERS) in capsys.readouterr().out
