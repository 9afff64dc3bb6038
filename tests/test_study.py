"""Studies: what is planned, what comes of it, also where much goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl
import psutil
import pytest
import yaml
from safetensors.numpy import load_file

from vaekit import recipes
from vaekit.cli import main
from vaekit.cli.studying import Lines
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.runs import Config, Run
from vaekit.study import Follower, Here, Processes, planned, read_study, results, run_study, store
from vaekit.study.names import ADDED, mark_of
from vaekit.study.plan import check_spec, setting_of
from vaekit.study.words import seeds_of
from vaekit.training import Training

TINY = {"epochs": 1, "latent": 2, "network": "mlp(8)", "batch": 500}
SPEC = {
    "recipes": ["beta_vae", "ae"],
    "data": "digits",
    "seeds": "0:2",
    "settings": TINY,
    "grid": {"beta": [1, 4]},
    "evaluate": {"n": 50},
}


class Told(Follower):
    def __init__(self):
        self.rows, self.left = [], None

    def begin(self, plan, left, engine):
        self.left = left

    def ended(self, row):
        self.rows.append(row)


def weights(folder):
    return {name: each.tobytes() for name, each in load_file(folder / "model.safetensors").items()}


# ---- plans


def test_a_plan_has_each_run_once():
    plan = planned(SPEC)
    assert [(r.config.recipe, setting_of(r, "beta"), setting_of(r, "seed")) for r in plan.runs] == [
        ("beta_vae", 1, 0),
        ("beta_vae", 1, 1),
        ("beta_vae", 4, 0),
        ("beta_vae", 4, 1),
        ("ae", None, 0),
        ("ae", None, 1),
    ]
    assert len({run.name for run in plan.runs}) == 6
    assert plan.varied == ["recipe", "beta", "seed"]
    assert all(run.config.training.epochs == 1 for run in plan.runs)


def test_names_say_what_a_run_is_and_stay_when_more_is_planned():
    few = {run.name for run in planned({**SPEC, "grid": {"beta": [4]}, "seeds": [1]}).runs}
    assert any(name.startswith("beta_vae-digits-beta=4-s1-") for name in few)
    assert few <= {run.name for run in planned(SPEC).runs}


def test_blocks_points_and_own_recipes():
    spec = {
        "data": "digits",
        "settings": TINY,
        "runs": [
            {"recipes": "vae", "seeds": 3},
            {"recipes": ["beta_vae"], "points": [{"beta": 2, "latent": 3}, {"beta": 8}]},
        ],
    }
    plan = planned(spec)
    assert [(r.config.recipe, r.config.training.seed) for r in plan.runs] == [
        ("vae", 3),
        ("beta_vae", 0),
        ("beta_vae", 0),
    ]
    assert [setting_of(run, "latent") for run in plan.runs] == [2, 3, 2]


def test_settings_that_mean_the_same_are_one_run():
    same = {**SPEC, "recipes": "beta_vae", "seeds": 0, "grid": {"beta": [1, 1.0, "1", "1e0"]}}
    assert len(planned(same).runs) == 1


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        ("0:3", [0, 1, 2]),
        ("5", [5]),
        (5, [5]),
        ([1, 7], [1, 7]),
        ("1,4:6", [1, 4, 5]),
        (":2", [0, 1]),
    ],
)
def test_seeds(given, seeds):
    assert seeds_of(given) == seeds


@pytest.mark.parametrize("given", ["", "a", "1.5", "3:3", [1, "x"], 1.5, [], {}])
def test_what_are_no_seeds(given):
    with pytest.raises(VaekitError, match="seeds are whole numbers"):
        seeds_of(given)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"grid": {"betta": [1]}}, "Did you mean 'beta'"),
        ({"settings": {"epoch": 1}}, "Did you mean 'epochs'"),
        ({"points": [{"sizes": 2}]}, "unknown setting of any of ae, beta_vae"),
        ({"recipes": ["vaee"]}, "Did you mean 'vae'"),
        ({"recipes": []}, "a study needs recipes"),
        ({"data": None}, "say what to train on"),
        (
            {"data": "nosuch"},
            "unknown data set 'nosuch', and there is no file or folder of that name",
        ),
        ({"evaluate": {"metrcs": "mig"}}, "Did you mean 'metrics'"),
        ({"settings": {"epochs": 0}}, "epochs must be ≥ 1"),
        ({"settings": {"recipe": "vae"}}, "write recipes"),
        ({"evaluate": {"metrics": "bogus"}}, "unknown score"),
        ({"evaluate": {"n": 0}}, "n must be ≥ 1"),
        ({"evaluate": {"information": "yes"}}, "information must be True or False"),
        ({"evaluate": {"data": "digits"}}, "unknown option of evaluate"),
        ({"grid": {"beta": []}}, "beta has no values"),
        ({"points": [{"beta": 1}]}, "in the grid and in points"),
        ({"settings": {"seed": 3}}, "seed stands among the settings, and seeds: at the top"),
        ({"runs": [{"recipes": "vae"}]}, "each of runs has its own"),
        ({"seeds": "0:1000000000"}, "0:1000000000 are more than a study takes"),
        ({"recipes": {"beta_vae": {"beta": 77}}}, "recipes are named by a text, or a list"),
        ({"recipes": 3}, "recipes are named by"),
        ({"data": {"sprites": {"scales": 1}}}, "data are named by"),
        ({"data": 3}, "data are named by"),
        ({"data": []}, "say what to train on"),
        ({"settings": {"processes": 2}}, "each in one process: leave processes out"),
        ({"settings": {"data": "mnist"}}, "data stands among the settings, and data: at the top"),
        ({"runs": [{"grid": {"data": ["mnist"]}}]}, "data stands among the settings"),
        ({"checkpoint_minutes": 0}, None),
    ],
)
def test_bad_studies(changed, said):
    if said is None:
        assert planned({**SPEC, **changed}).checkpoint_minutes > 0
        return
    with pytest.raises(VaekitError, match=said):
        planned({**SPEC, **changed})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe: vae", "Did you mean 'recipes'"),
        ("recipes: vae\nrecipes: ae", "stands there twice"),
        ("- vae", "name: value"),
        ("grid: 3", "grid should be"),
        ("runs: [{recipe: vae}]", "Did you mean 'recipes'"),
        ("points: {beta: 1}", "points should be a list"),
        ("{", "not readable YAML"),
    ],
)
def test_bad_files(tmp_path, text, said):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(VaekitError, match=said):
        read_study(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(VaekitError, match="there is no study file"):
        read_study(tmp_path / "none.yaml")


# ---- one process


def test_a_study_has_a_row_a_run_and_goes_on(tmp_path):
    out, told = tmp_path / "s", Told()
    table = run_study(SPEC, out, Here(), follower=told)
    assert (told.left, len(told.rows), len(table)) == (6, 6, 6)
    assert table["state"].unique().to_list() == ["finished"]
    run = Run(out / "runs" / table["run"][0])
    assert table["elbo"].drop_nulls().len() == 4  # an autoencoder has none
    number = run.metrics["distortion"]
    assert table["distortion"][0] == number["value"]
    assert table["distortion.n"][0] == number["n"] == 50
    assert table["distortion.estimator"][0] == number["estimator"]
    assert table["seed"].to_list() == [run_.config.training.seed for run_ in _runs(out, table)]
    assert table.equals(pl.read_parquet(out / "results.parquet"))
    assert pl.read_csv(out / "results.csv")["run"].to_list() == table["run"].to_list()
    # nothing is left
    told = Told()
    before = weights(run.folder)
    assert run_study(SPEC, out, follower=told).equals(table)
    assert told.left == 0 and not told.rows
    # more seeds and values are added; judging in another way trains nothing
    more = {**SPEC, "seeds": "0:3", "grid": {"beta": [1, 4, 2]}}
    told = Told()
    table = run_study(more, out, follower=told)
    assert (told.left, len(table)) == (6, 12)
    told = Told()
    table = run_study({**more, "evaluate": {"n": 60}}, out, follower=told)
    assert (told.left, len(table)) == (12, 12)
    assert table["distortion.n"].unique().to_list() == [60]
    assert weights(run.folder) == before


def _runs(out, table):
    return [Run(out / "runs" / name) for name in table["run"]]


def test_failures_are_recorded_and_the_rest_goes_on(tmp_path):
    spec = {
        **SPEC,
        "recipes": "beta_vae",
        "seeds": 0,
        "grid": {"beta": [-1, 1], "lr": [1e-3, 1e30]},
    }
    with pytest.warns(VaekitWarning, match=r"3 of 4 runs failed, .*(finite number|diverged)"):
        table = run_study(spec, tmp_path / "s")
    states = {(row["beta"], row["lr"]): (row["state"], row["reason"]) for row in table.to_dicts()}
    assert (
        states[1.0, "0.001"][0] if (1.0, "0.001") in states else states[1.0, 1e-3][0] == "finished"
    )
    by = table.group_by("state").len().to_dicts()
    assert {each["state"]: each["len"] for each in by} == {
        "finished": 1,
        "failed": 2,
        "diverged": 1,
    }
    failed = table.filter(pl.col("state") == "failed")
    assert all("a weight must be a finite number" in reason for reason in failed["reason"])
    told = Told()
    with pytest.warns(VaekitWarning, match="3 of 4 runs failed"):
        run_study(spec, tmp_path / "s", follower=told)
    assert told.left == 0
    told = Lines()  # which says it at the end itself, as the command line does
    run_study(spec, tmp_path / "s", again=True, follower=told)
    assert told.failed == 3 and len(told.times) == 0


def test_a_fault_of_own_code_leaves_its_trace(tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise KeyError("mine")

    monkeypatch.setattr(recipes.find("vae").make, "__wrapped__", broken, raising=False)
    monkeypatch.setattr("vaekit.runs.config.Config.build", broken)
    with pytest.warns(VaekitWarning, match="1 of 1 runs failed"):
        table = run_study({**SPEC, "recipes": "vae", "seeds": 0, "grid": {}}, tmp_path / "s")
    assert table["state"].to_list() == ["failed"] and "KeyError" in table["reason"][0]
    trace = (tmp_path / "s" / "failures" / f"{table['run'][0]}.txt").read_text()
    assert "raise KeyError" in trace


def test_the_folder_of_another_study(tmp_path):
    spec = {**SPEC, "recipes": "vae", "seeds": 0, "grid": {}}
    run_study(spec, tmp_path / "s")
    with pytest.raises(VaekitError, match="holds another study, of which 1 runs are not in this"):
        run_study({**spec, "recipes": "ae"}, tmp_path / "s")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    with pytest.raises(VaekitError, match=r"holds something else \(a.txt\)"):
        run_study(spec, tmp_path / "full")
    with pytest.raises(VaekitError, match="no folder"):
        run_study(spec, tmp_path / "full" / "a.txt")


def test_a_study_of_another_form(tmp_path):
    spec = {**SPEC, "recipes": "vae", "seeds": 0, "grid": {}}
    run_study(spec, tmp_path / "s")
    about = yaml.safe_load((tmp_path / "s" / "study.yaml").read_text())
    (tmp_path / "s" / "study.yaml").write_text(yaml.safe_dump({**about, "format": 0}))
    with pytest.raises(VaekitError, match=r"made by vaekit .* in another form"):
        run_study(spec, tmp_path / "s")
    with pytest.raises(VaekitError, match="in another form"):
        results(tmp_path / "s")
    with pytest.raises(VaekitError, match="is no study"):
        results(tmp_path)


def test_half_a_line_costs_its_run_alone(tmp_path):
    store.append_row(tmp_path, {"run": "a", "state": "finished", "x": 1.5})
    store.append_row(tmp_path, {"run": "b", "state": "failed", "x": float("nan")})
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"run": "c", "sta')
    store.append_row(tmp_path, {"run": "a", "state": "finished", "x": 2})
    with pytest.warns(VaekitWarning, match="1 damaged lines"):
        rows = store.rows(tmp_path)
    assert {name: row["x"] for name, row in rows.items()} == {"b": None, "a": 2}
    table = store.table_of(rows)
    assert table["run"].to_list() == ["a", "b"] and table["x"].to_list() == [2, None]


def test_columns_of_several_types_are_text():
    rows = {
        "a": {"run": "a", "size": [2, 3], "lr": 1e-3, "k": 1},
        "b": {"run": "b", "size": 4, "lr": "linear(0, 1)", "k": 2.5},
    }
    table = store.table_of(rows)
    assert table["size"].to_list() == ["[2, 3]", "4"]
    assert table["lr"].to_list() == ["0.001", "linear(0, 1)"]
    assert table["k"].to_list() == [1.0, 2.5]


# ---- several processes, and the shell


@pytest.fixture
def shell(tmp_path):
    """Start studies as commands, what they say in a file; none outlives the test."""
    started, log = [], (tmp_path / "said.txt").open("w+")

    def start(*words):
        command = [sys.executable, "-m", "vaekit", "study", *map(str, words)]
        started.append(subprocess.Popen(command, stderr=log, stdout=log))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
    log.close()


def workers_of(study):
    """Return the processes that make the runs of a study."""
    with suppress(psutil.Error):
        children = psutil.Process(study.pid).children()
        return [c.pid for c in children if "popen_loky" in " ".join(c.cmdline())]
    return []


LONG = ("vae", "--data", "digits", "--latent", 2, "--network", "mlp(64)", "--batch", 20)
LONG = (
    *LONG,
    "--epochs",
    8,
    "--seeds",
    "0:4",
    "--evaluate",
    "n=50",
    "--checkpoint-minutes",
    0.005,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Make the study in this process, from one end to the other."""
    folder = tmp_path_factory.mktemp("study") / "whole"
    main(["study", *map(str, LONG), "--workers", "1", "--out", str(folder)])
    return folder


def test_killed_studies_end_with_the_same_weights(tmp_path, shell, undisturbed):
    """Kill a worker, then the driver, then stop by SIGTERM; the same command ends it."""
    out = tmp_path / "hit"
    study = shell(*LONG, "--workers", 2, "--out", out)
    _await(lambda: list(out.glob("runs/*/history.csv")))
    os.kill(workers_of(study)[0], signal.SIGKILL)
    _await(lambda: len(list(out.glob("runs/*/history.csv"))) > 1)
    study.kill()
    study = shell(*LONG, "--workers", 2, "--out", out)
    _await(lambda: study.poll() is not None or workers_of(study))
    study.send_signal(signal.SIGTERM)
    assert study.wait(60) in (143, 0)
    assert shell(*LONG, "--workers", 2, "--out", out).wait(300) == 0
    table = results(out)
    assert table["run"].n_unique() == len(table) == 4
    assert set(table["state"]) == {"finished"}
    for name in table["run"]:
        assert weights(out / "runs" / name) == weights(undisturbed / "runs" / name)


def _await(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)


def test_a_run_that_kills_its_process_is_given_up(tmp_path, shell):
    own = tmp_path / "deadly.py"
    own.write_text(DEADLY)
    words = ["--import", own, "vae", "deadly", "--data", "digits", *sum(TINY_WORDS, ())]
    study = shell(*words, "--workers", 2, "--out", tmp_path / "s")
    assert study.wait(300) == 1
    rows = {row["recipe"]: row for row in results(tmp_path / "s").to_dicts()}
    assert rows["vae"]["state"] == "finished"
    assert rows["deadly"]["state"] == "failed"
    assert "killed 3 times" in rows["deadly"]["reason"]


DEADLY = """
import os
from vaekit.recipes.base import System, recipe
from vaekit.networks import Shape

@recipe(paper="none")
def deadly(shape: Shape, latent: int = 2, network: str = "mlp()") -> System:
    os._exit(9)
"""
TINY_WORDS = tuple((f"--{name}", value) for name, value in TINY.items())


def test_only_one_works_in_a_folder(tmp_path):
    from vaekit.system import locks

    spec = {**SPEC, "recipes": "vae", "seeds": 0, "grid": {}}
    run_study(spec, tmp_path / "s")
    with locks.locked(tmp_path / "s" / ".lock"):
        code = f"from vaekit.study import run_study; run_study({spec!r}, {str(tmp_path / 's')!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "another study (process" in done.stderr


def test_processes_share_large_pixels(tmp_path, monkeypatch):
    from vaekit.data.cache import is_mapped
    from vaekit.study import task

    monkeypatch.setattr(task, "_MAPPED", 1)
    monkeypatch.setattr(task, "_sets", {})
    config = planned({**SPEC, "recipes": "vae", "seeds": 0, "grid": {}}).runs[0].config
    (shared, checksum), own = task.sets_of(config), config.load_data()
    assert task.sets_of(config)[0] is shared
    assert shared.train.checksum() == own.train.checksum() == checksum
    assert shared.train.images is shared.test.images
    assert is_mapped(shared.train.images) or not Path("/proc/self/maps").exists()
    assert not is_mapped(own.train.images)


def test_a_cluster_that_loses_and_gets_workers(tmp_path, shell, undisturbed):
    """Kill one of two workers in the middle of a run, and add another."""
    pytest.importorskip("distributed", reason="clusters need vaekit[cluster]")
    port = 20_000 + os.getpid() % 20_000
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    worker = [*dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    started = [
        subprocess.Popen([*dask, "scheduler", "--port", str(port), "--no-dashboard"], **quiet)
    ]
    out, lasting = tmp_path / "hit", [str(word) for word in LONG]
    try:
        for _ in range(2):
            started.append(subprocess.Popen(worker, cwd=tmp_path, **quiet))
        study = shell(*lasting, "--scheduler", address, "--out", out)
        _await(lambda: len(list(out.glob("runs/*/history.csv"))) > 1)
        started[1].kill()
        started.append(subprocess.Popen(worker, cwd=tmp_path, **quiet))
        assert study.wait(300) == 0, (tmp_path / "said.txt").read_text()
    finally:
        for each in started:
            each.kill()
            each.wait()
    table = results(out)
    assert table["run"].n_unique() == len(table) == 4
    assert set(table["state"]) == {"finished"}
    for name in table["run"]:
        assert weights(out / "runs" / name) == weights(undisturbed / "runs" / name)


@pytest.mark.filterwarnings(  # a client that got no answer leaves things open
    "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_scheduler_that_does_not_answer(tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="clusters need vaekit[cluster]")
    from vaekit.study.engines import cluster

    monkeypatch.setattr(cluster, "_ANSWER", 0.5)
    with pytest.raises(VaekitError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        cluster.Dask("tcp://127.0.0.1:9")
    with pytest.raises(VaekitError, match="not both"):
        cluster.Dask("tcp://127.0.0.1:9", {"kind": "local"})
    with pytest.raises(VaekitError, match="Did you mean 'slurm'"):
        cluster.Dask(cluster={"kind": "slrum"})
    with pytest.raises(VaekitError, match=r"cluster slurm: .*colour"):
        cluster.Dask(cluster={"kind": "slurm", "cores": 1, "memory": "1GB", "colour": "red"})


# ---- search

pytestmark = pytest.mark.filterwarnings("ignore:trials are judged by the test part")

SEARCH = {"trials": 4, "maximise": "elbo", "space": {"beta": "0.1:10:log", "latent": [2, 3]}}
ONE = {**SPEC, "recipes": "beta_vae", "seeds": 0, "grid": {}}


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna", reason="a search needs vaekit[search]")


def test_a_search_tries_and_goes_on(tmp_path, optuna):
    out = tmp_path / "s"
    table = run_study({**ONE, "search": SEARCH}, out)
    assert len(table) == 4 and set(table["state"]) == {"finished"}
    assert table["beta"].is_between(0.1, 10).all() and set(table["latent"]) <= {2, 3}
    told = Told()
    table = run_study({**ONE, "search": {**SEARCH, "trials": 6}}, out, follower=told)
    assert told.left == 2 and len(table) >= 5
    storage = f"sqlite:///{out / 'search.db'}"
    study = optuna.load_study(study_name="vaekit", storage=storage)
    assert study.best_value == max(table["elbo"])


def test_a_search_counts_what_it_asks_for_again(tmp_path, optuna):
    told, again = Told(), []
    told.known = again.append
    search = {"trials": 5, "maximise": "elbo", "space": {"latent": [2, 3]}}
    table = run_study({**ONE, "search": search}, tmp_path / "s", follower=told)
    assert len(table) + len(again) == 5 and len(table) <= 2


def test_real_settings_are_searched_between_whole_bounds(tmp_path, optuna):
    space = {"beta": "1:8", "latent": "2:4"}
    table = run_study({**ONE, "search": {**SEARCH, "space": space}}, tmp_path / "s")
    assert any(beta != int(beta) for beta in table["beta"])
    assert table["latent"].dtype.is_integer()


def test_a_search_with_validation_leaves_the_test_part_out(tmp_path, optuna):
    settings = {**TINY, "validation": 0.2}
    spec = {**ONE, "settings": settings, "search": {**SEARCH, "prune": False}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = run_study(spec, tmp_path / "s")
    study = optuna.load_study(study_name="vaekit", storage=f"sqlite:///{tmp_path}/s/search.db")
    assert study.best_value == max(table["validation.elbo"]) != max(table["elbo"])


def test_own_code_of_a_study_is_asked_for(tmp_path, monkeypatch):
    from vaekit.system import own_code

    spec = {**SPEC, "recipes": "vae", "seeds": 0, "grid": {}}
    monkeypatch.setattr(own_code, "IMPORTED", ["mine"])
    run_study(spec, tmp_path / "s")
    monkeypatch.setattr(own_code, "IMPORTED", [])
    with pytest.raises(VaekitError, match="--import mine"):
        run_study(store.read_spec(tmp_path / "s"), tmp_path / "s")


def test_a_trial_that_was_under_way_is_tried_again(tmp_path, optuna):
    out = tmp_path / "s"
    run_study({**ONE, "search": {**SEARCH, "trials": 1}}, out)
    study = optuna.load_study(study_name="vaekit", storage=f"sqlite:///{out / 'search.db'}")
    lost = study.ask()
    given = (
        lost.suggest_float("beta", 0.1, 10, log=True),
        lost.suggest_categorical("latent", [2, 3]),
    )
    table = run_study({**ONE, "search": {**SEARCH, "trials": 2}}, out)
    assert given in list(zip(table["beta"], table["latent"], strict=True))


def test_trials_that_fall_behind_are_pruned(tmp_path, optuna):
    settings = {**TINY, "epochs": 3, "validation": 0.2}
    search = {"trials": 9, "minimise": "objective", "space": {"lr": [1e-9, 3e-3, 2e-3, 1e-3]}}
    search |= {"space": {"lr": "1e-9:1e-2:log"}, "sampler": "random", "seed": 3}
    table = run_study({**ONE, "settings": settings, "search": search}, tmp_path / "s")
    assert set(table["state"]) == {"failed"} or "pruned" in set(table["state"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trial": 3}, "Did you mean 'trials'"),
        ({"maximise": ""}, "one number to maximise or to minimise"),
        ({"minimise": "rate"}, "one number to maximise or to minimise"),
        ({"space": {}}, "needs a space"),
        ({"space": {"beta": "3:1"}}, "with low < high"),
        ({"space": {"beta": {"low": 0, "high": 1, "log": True}}}, "low > 0 under log"),
        ({"space": {"beta": []}}, "should be values"),
        ({"space": {"beta": "1:2:lin"}}, "beta should be values"),
        ({"space": {"latent": "2:4:6"}}, "latent should be values"),
        ({"space": {"betta": [1]}}, "Did you mean 'beta'"),
        ({"maximise": "bogus"}, "unknown number to search for 'bogus'"),
        ({"trials": 0}, "trials must be ≥ 1"),
        ({"trials": "many"}, "trials must be a whole number"),
        ({"sampler": "tpee"}, "Did you mean 'tpe'"),
    ],
)
def test_bad_searches(changed, said, tmp_path, optuna):
    with pytest.raises(VaekitError, match=said):
        run_study({**ONE, "search": {**SEARCH, **changed}}, tmp_path / "s")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"space": {**SEARCH["space"], "latent": [2, 3, 4]}}, "tries latent in 2, 3:"),
        ({"space": {"beta": "0.1:10"}}, "tries beta in 0.1 to 10, log:"),
        ({"space": {"beta": [1, 2]}}, "tries beta in 0.1 to 10, log:"),
        ({"maximise": None, "minimise": "elbo"}, "maximises elbo"),
        ({"maximise": "rate"}, "maximises elbo"),
        ({"minimise": "rate"}, "one number to maximise or to minimise"),
    ],
)
def test_a_search_that_cannot_go_on_leaves_the_study_as_it_was(changed, said, tmp_path):
    out = tmp_path / "s"
    run_study({**ONE, "search": {**SEARCH, "trials": 1}}, out)
    before = store.read_spec(out)
    with pytest.raises(VaekitError, match=said):
        run_study({**ONE, "search": {**SEARCH, **changed}}, out)
    assert store.read_spec(out) == before
    wider = {"space": {**SEARCH["space"], "beta": "0.01:20:log"}, "trials": 2}
    assert len(run_study({**ONE, "search": {**SEARCH, **wider}}, out)) == 2


def test_a_search_is_planned_with_all_its_trials(tmp_path, capsys):
    search = ["--search", "trials=7", "--space", "beta=0.1:10:log", "--maximise", "elbo"]
    main(["study", "plan", "beta_vae", "--data", "digits", *search])
    said = capsys.readouterr().out
    assert "7 runs, 7 of them left" in said
    assert said.splitlines()[1] == "beta     0.1 to 10, log"


def test_a_study_means_the_same_from_anywhere(tmp_path, monkeypatch):
    """The path of a table is kept whole, so another one of its name is not trained on."""
    for number, name in enumerate("ab"):
        (tmp_path / name).mkdir()
        rows = pl.DataFrame({"x": [0.1 * k + number for k in range(60)], "y": [0.5, 1.5] * 30})
        rows.write_csv(tmp_path / name / "t.csv")
    settings = {
        "epochs": 1,
        "likelihood": "squared_error",
        "network": "mlp(2)",
        "latent": 1,
        "batch": 20,
    }
    spec = {"recipes": "vae", "data": "table('t.csv', header=true)", "settings": settings}
    monkeypatch.chdir(tmp_path / "a")
    run_study(spec, "s")
    monkeypatch.chdir(tmp_path / "b")
    for _ in range(2):
        assert len(run_study(store.read_spec(tmp_path / "a" / "s"), "../a/s")) == 1
        (tmp_path / "b" / "t.csv").unlink(missing_ok=True)


def test_scores_that_do_not_apply_are_said_before_training(tmp_path, capsys):
    spec = {**ONE, "evaluate": {"metrics": "mig"}}
    with pytest.warns(VaekitWarning, match="digits has no factors"):
        run_study(spec, tmp_path / "s")
    assert not (tmp_path / "s" / "runs").exists()
    with pytest.raises(SystemExit):
        main(["study", "plan", "vae", "--data", "digits", "--evaluate", "metrics=mig"])
    assert "digits has no factors" in capsys.readouterr().err


def test_numbers_with_colons_are_text(tmp_path):
    """YAML 1.1 reads 5:8 as 308."""
    (tmp_path / "s.yaml").write_text("recipes: vae\ndata: digits\nseeds: 5:8\n")
    spec = read_study(tmp_path / "s.yaml")
    assert [run.config.training.seed for run in planned(spec).runs] == [5, 6, 7]
    (tmp_path / "s.yaml").write_text("recipes: vae\ndata: digits\nsettings: {batch: 6:40}\n")
    with pytest.raises(VaekitError, match=r"batch must be a whole number.*got '6:40'"):
        planned(read_study(tmp_path / "s.yaml"))


def test_a_search_over_several_runs_is_refused(tmp_path, optuna):
    with pytest.raises(VaekitError, match="has 6 runs"):
        run_study({**SPEC, "search": SEARCH}, tmp_path / "s")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study"], "name a file, recipes, or the folder"),
        (["study", "vae", "--data", "digits"], "--out DIR"),
        (["study", "vae", "--data", "digits", "--grid", "beta", "--out", "s"], "takes name=value"),
        (["study", "vae", "--grid", "bta=1", "--out", "s"], "Did you mean"),
        (["study", "vae", "--data", "digits", "--workers", "0", "--out", "s"], "--workers must be"),
        (
            ["study", "vae", "--data", "digits", "--worker-threads", "0", "--out", "s"],
            "must be ≥ 1",
        ),
        (["study", "none.yaml", "--out", "s"], "there is no study file"),
        (["study", "s/none", "--out", "s"], "there is no study file"),
        (["study", "vae", "--data", "digits", "--grid", "beta=1,,2", "--out", "s"], "name=value"),
        (["study", "vaee", "--data", "digits", "--out", "s"], "Did you mean 'vae'"),
        (["study", ".", "--out", "s"], ". is no study"),
        (["study", "beta_vae", "--grid", "beta=1", "--grid", "beta=2", "--out", "s"], "beta twice"),
        (["study", "beta_vae", "--beta", "4", "--grid", "beta=1", "--out", "s"], "and in --grid"),
        (["study", "plan", "vae", "--data", "digits", "--epoch", "3"], "Did you mean 'epochs'"),
    ],
)
def test_bad_words(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    text = capsys.readouterr().err
    assert ended.value.code == 2 and said in text and "Traceback" not in text
    assert not (tmp_path / "s").exists()


def test_plan_says_what_it_takes(capsys):
    main(["study", "plan", "beta_vae", "--data", "digits", "--grid", "beta=1,2", "--seeds", "0:3"])
    text = capsys.readouterr().out
    assert "6 runs, 6 of them left" in text and "ms a step" in text and "of disk" in text
    assert "beta  runs\n1     3\n2     3" in text


def test_an_engine_is_closed_where_the_study_is_refused(tmp_path):
    class Kept(Here):
        closed = False

        def close(self):
            self.closed = True

    engine = Kept()
    with pytest.raises(VaekitError, match="unknown recipe"):
        run_study({**SPEC, "recipes": "vaee"}, tmp_path / "s", engine)
    assert engine.closed


def test_a_plan_starts_no_cluster(tmp_path, capsys):
    path = tmp_path / "a.yaml"
    cluster = {"kind": "slurm", "jobs": 3, "colour": "none that SLURM has"}
    path.write_text(yaml.safe_dump({**SPEC, "recipes": "vae", "grid": {}, "cluster": cluster}))
    main(["study", "plan", str(path)])
    assert "on 3 workers" in capsys.readouterr().out


def test_a_file_and_words_on_top(tmp_path, capsys):
    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump({**SPEC, "recipes": "beta_vae"}))
    words = ["study", str(path), "--seeds", "0", "--grid", "beta=2", "--workers", "1"]
    main([*words, "--out", str(tmp_path / "s")])
    table = results(tmp_path / "s")
    assert table["beta"].to_list() == [2.0] and table["seed"].to_list() == [0]
    # a folder names its own study
    main(["study", str(tmp_path / "s"), "--workers", "1"])
    assert "1 runs, 0 of them left" in capsys.readouterr().err
    assert json.loads((tmp_path / "s" / "rows.jsonl").read_text())["run"] == table["run"][0]


def test_check_spec_takes_mappings_only():
    with pytest.raises(VaekitError, match="name: value"):
        check_spec(["vae"], "the study")


def test_processes_say_what_they_are():
    assert Processes(2).about == "2 processes, one thread each"


MARKS = ("9abc47595d", "964433206c")


def test_marks_are_those_of_before():
    """A setting that is added must not make studies of before train all their runs anew."""
    first = Config("beta_vae", {"beta": 4, "latent": 2}, "digits", Training(epochs=5, beta1=0.5))
    second = Config("joint_vae", {}, "mnist", Training(epochs=10, seed=3))
    assert (mark_of(first), mark_of(second)) == MARKS  # as they were when marks began
    for name in ADDED:
        other = {"critics": "first"}[name]
        changed = replace(second, training=replace(second.training, **{name: other}))
        assert mark_of(changed) != MARKS[1]
