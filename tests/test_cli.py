"""The command line as a user meets it: what it says, how it ends, what it leaves behind."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from parts import same
from safetensors.torch import load_file

from vaekit import cli
from vaekit.errors import VaekitError
from vaekit.recipes import RECIPES
from vaekit.report.codes import encode_items
from vaekit.report.section import View
from vaekit.report.sections import ledger
from vaekit.runs import Run

QUICK = ["--network", "mlp(8)", "--latent", "2", "--epochs", "2", "--device", "cpu"]


@pytest.fixture
def there(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ok(capsys, *words: str) -> str:
    """Run a command that should go well; return what it printed."""
    cli.main(words)
    return capsys.readouterr().out


def fails(capsys, *words: str) -> str:
    """Run a command that should fail as users' mistakes do; return its complaint."""
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    said = capsys.readouterr()
    assert caught.value.code == 2
    assert "Traceback" not in said.err
    assert said.err.startswith("vaekit: ")
    assert len(said.err.strip().splitlines()) <= 2, said.err
    return said.err


def npy(name: str, array: np.ndarray) -> str:
    np.save(name, array)
    return name


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    np.save(folder / "x.npy", np.random.default_rng(0).random((60, 1, 4, 4), np.float32))
    cli.main(
        [
            "train",
            "vae",
            "--data",
            str(folder / "x.npy"),
            *QUICK,
            "--batch",
            "10",
            "--out",
            str(folder / "run"),
        ]
    )
    return folder


# ---- what there is


def test_help_and_version(capsys):
    for words in ([], ["--help"], ["-h"], ["help"]):
        said = ok(capsys, *words)
        assert "vaekit COMMAND" in said
        assert all(re.search(rf"^  {command}\b", said, re.MULTILINE) for command in cli.COMMANDS)
    assert re.fullmatch(r"vaekit \d+\.\d+\S*\n", ok(capsys, "--version"))


def test_list_shows_everything(capsys):
    from vaekit.corruptions import CORRUPTIONS
    from vaekit.data import CATALOGUE
    from vaekit.likelihoods import LIKELIHOODS
    from vaekit.networks import NETWORKS
    from vaekit.posteriors import POSTERIORS
    from vaekit.priors import PRIORS
    from vaekit.schedules import SCHEDULES

    out = ok(capsys, "list")
    parts = (*NETWORKS, *PRIORS, *POSTERIORS, *LIKELIHOODS, *CORRUPTIONS, *SCHEDULES)
    for name in (*RECIPES, *CATALOGUE, *parts):
        assert re.search(rf"\b{re.escape(name)}\b", out), name
    for recipe in RECIPES.values():
        assert recipe.paper in out


@pytest.mark.parametrize("name", RECIPES)
def test_help_of_a_recipe(name, capsys):
    import inspect

    with pytest.raises(SystemExit) as caught:
        cli.main(["train", name, "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert not caught.value.code
    assert " ".join(RECIPES[name].paper.split()) in out
    for parameter in list(inspect.signature(RECIPES[name].make).parameters.values())[1:]:
        assert f"--{parameter.name}" in out
        default = "null" if parameter.default is None else parameter.default
        assert f"default: {default})" in out
    assert "type: int" in out
    assert "--shape" not in out
    for other in ("--epochs", "--lr", "--seed", "--precision", "--data", "--out", "--resume"):
        assert other in out


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command, capsys):
    try:
        cli.main([command, "--help"])
    except SystemExit as ended:
        assert not ended.code
    assert capsys.readouterr().out


# ---- what may be mistyped


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "Did you mean 'train'"),
        (["train", "vea"], "Did you mean 'vae'"),
        (["train", "vae", "--data", "digit"], "Did you mean 'digits'"),
        (["train", "vae", "--data", "digits", "--latnet", "3"], "Did you mean --latent"),
        (["train", "ae", "--data", "digits", "--beta", "3"], "unknown argument --beta"),
        (
            ["train", "vae", "--data", "digits", "--latent", "many"],
            "--latent: expected a whole number, got many",
        ),
        (["train", "vae", "--data", "digits", "--latent", "2.5"], "--latent"),
        (["train", "vae", "--data", "digits", "--latent"], "--latent"),
        (["train", "vae", "--data", "digits", "--epochs", "0"], "epochs must be"),
        (["train", "vae", "--data", "digits", "--latent", "0"], "at least one"),
        (
            ["train", "vae", "--data", "digits", "--lr", "fast"],
            "lr must be a number or a schedule: unknown schedule 'fast'",
        ),
        (["train", "vae", "--data", "digits", "--precision", "half"], "--precision"),
        (["train", "vae", "--data", "digits", "--network", "mpl(3)"], "Did you mean 'mlp'"),
        (["train", "vae", "--data", "digits", "--network", "conv"], "cannot be halved"),
        (["train", "vae", "--data", "digits", "--likelihood", "gauss"], "Did you mean 'gaussian'"),
        (
            ["train", "beta_vae", "--data", "digits", "--beta", "liner(0,1)"],
            "Did you mean 'linear'",
        ),
        (
            ["train", "beta_vae", "--data", "digits", "--beta", "linear(0,1,epochs=99)"],
            "ends after",
        ),
        (["train", "vae"], "--data"),
        (["train", "vae", "--data", "digits", "extra"], "extra"),
        (["train", "vae", "--data", "digits", "--resume"], "--resume needs --out"),
        (["train", "vae", "--data", "digits", "--batch", "2000"], "larger than the data (1617"),
        (["train", "vae", "--data", "digits", "--holdout", "1"], "share from 0 to below 1"),
        (["train", "vae", "--data", "nowhere.npy"], "there is no file or folder"),
        (["train", "vae", "--data", "digits", "--data-dir", "nowhere/at/all"], "nowhere/at/all"),
        (["train", "nowhere.yaml"], "no run file"),
        (["train", "--data", "digits"], "recipe before"),
        (["train", "vae", "--data", "digits", "--device", "tpu"], "unknown device"),
        (["train", "vae", "--data", "digits", "--checkpoint-steps", "0"], "interval > 0"),
        (["evaluate"], "--help"),
        (["evaluate", "nowhere"], "not a run folder"),
        (["report", "nowhere"], "not a run folder"),
        (["list", "recipes"], "no arguments"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_a_mistake_is_named_with_its_cure(words, said, capsys, there):
    if words[-2:] == ["--data-dir", "nowhere/at/all"]:
        words = ["train", "vae", "--data", "mnist", *words[-2:]]
    assert said in fails(capsys, *words)
    assert not list(there.iterdir()), "a mistake leaves nothing behind"


def test_debug_shows_the_traceback(there):
    with pytest.raises(VaekitError, match="unknown recipe"):
        cli.main(["train", "vea", "--debug"])
    done = subprocess.run(
        [sys.executable, "-m", "vaekit", "--debug", "trian"], capture_output=True, text=True
    )
    assert "Traceback" in done.stderr
    plain = subprocess.run(
        [sys.executable, "-m", "vaekit", "trian"], capture_output=True, text=True
    )
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr.count("\n") == 1


# ---- data that do not serve


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.linspace(0, 255, 640, dtype=np.float32).reshape(40, 1, 4, 4), "spans [0, 255]"),
        (np.full((40, 4), np.nan, np.float32), "NaN"),
        (np.zeros((1, 1, 4, 4), np.uint8), "holding out"),
        (np.zeros((40, 1, 4, 4, 1), np.uint8), "expected images"),
        (np.zeros((0, 4), np.float32), "none"),
        (np.array([["a", "b"]]), "type <U1"),
    ],
    ids=["0 to 255", "NaN", "one image", "five axes", "none", "text"],
)
def test_data_that_do_not_serve(array, said, capsys, there):
    path = npy("x.npy", array)
    assert said in fails(capsys, "train", "vae", "--data", path, *QUICK, "--out", "run")
    assert not Path("run").exists()


def test_one_image_may_be_learned_by_heart(capsys, there):
    path = npy("x.npy", np.full((1, 1, 4, 4), 7, np.uint8))
    ok(
        capsys,
        "train",
        "vae",
        "--data",
        path,
        *QUICK,
        "--batch",
        "1",
        "--holdout",
        "0",
        "--out",
        "run",
    )
    assert json.loads(Path("run/metrics.json").read_text())["elbo"]["n"] == 1


def test_floats_beyond_one_go_with_squared_error(capsys, there):
    path = npy("x.npy", np.linspace(-3, 255, 240, dtype=np.float32).reshape(40, 6))
    out = ok(
        capsys,
        "train",
        "vae",
        "--data",
        path,
        *QUICK,
        "--batch",
        "10",
        "--likelihood",
        "squared_error",
        "--out",
        "run",
    )
    assert "elbo" in out


# ---- run folders


def test_train_says_what_it_made(trained, capsys):
    out = ok(capsys, "evaluate", str(trained / "run"))
    assert re.search(r"elbo +-\d", out)
    metrics = json.loads((trained / "run" / "metrics.json").read_text())
    for name in ("elbo", "rate", "distortion"):
        number = metrics[name]
        assert number["n"] == 6
        assert number["se"] > 0
        assert number["estimator"]
        assert number["split"] == "test"
    rate, distortion = metrics["rate"]["value"], metrics["distortion"]["value"]
    assert metrics["elbo"]["value"] == pytest.approx(-rate - distortion)
    ok(capsys, "evaluate", str(trained / "run"), "--train-split", "--n", "20", "--samples", "3")
    metrics = json.loads((trained / "run" / "metrics.json").read_text())
    assert (metrics["elbo"]["n"], metrics["elbo"]["split"]) == (20, "training")
    assert "3 sample" in metrics["distortion"]["estimator"]


def test_a_run_file_trains_the_same_again(trained, capsys, there):
    for what in (trained / "run" / "run.yaml", trained / "run"):
        shutil.rmtree("again", ignore_errors=True)
        ok(capsys, "train", str(what), "--out", "again")
        found = load_file("again/model.safetensors")
        assert same(found, load_file(trained / "run" / "model.safetensors"))
    ok(capsys, "train", str(trained / "run"), "--seed", "1", "--out", "other")
    assert not same(found, load_file("other/model.safetensors"))
    assert yaml.safe_load(Path("other/run.yaml").read_text())["training"]["seed"] == 1


def test_the_default_folder_is_a_new_one(trained, capsys, there):
    for n in (1, 2):
        ok(capsys, "train", str(trained / "run"))
        assert Path(f"runs/vae-x-{n}/model.safetensors").exists()


def test_flags_with_either_dash(trained, capsys, there):
    data = str(trained / "x.npy")
    ok(
        capsys,
        "train",
        "vae",
        "--data",
        data,
        *QUICK,
        "--weight-decay=0.5",
        "--batch",
        "10",
        "--checkpoint_steps",
        "3",
        "--out",
        "run",
    )
    assert yaml.safe_load(Path("run/run.yaml").read_text())["training"]["weight_decay"] == 0.5


def test_folders_that_are_taken(trained, capsys, there):
    words = ["train", "vae", "--data", "digits", *QUICK, "--out"]
    assert "holds a run already" in fails(capsys, *words, str(trained / "run"))
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("precious")
    assert "not empty and no run" in fails(capsys, *words, "mine")
    assert "not empty and no run" in fails(capsys, *words, "mine", "--resume")
    assert "is a file" in fails(capsys, *words, "mine/thesis.txt")
    assert "not a run folder" in fails(capsys, "evaluate", "mine")
    assert Path("mine/thesis.txt").read_text() == "precious"
    Path("empty").mkdir()
    ok(capsys, "train", str(trained / "run"), "--out", "empty")


def test_resume_with_other_arguments_names_them(trained, capsys):
    words = ["train", "vae", "--data", str(trained / "x.npy"), *QUICK, "--batch", "10", "--resume"]
    ok(capsys, *words, "--out", str(trained / "run"))
    said = fails(capsys, *words, "--lr", "0.5", "--out", str(trained / "run"))
    assert "training.lr: 0.001 → 0.5" in said
    assert "original arguments" in said


def test_changed_data_under_a_run(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    config = yaml.safe_load(Path("run/run.yaml").read_text())
    x = np.load(trained / "x.npy")
    x[17] *= 0.5
    np.save("x.npy", x)
    config["data"] = str(there / "x.npy")
    Path("run/run.yaml").write_text(yaml.safe_dump(config))
    assert "differ from those of the run" in fails(capsys, "evaluate", "run")
    Path("x.npy").unlink()
    assert "no file or folder" in fails(capsys, "evaluate", "run")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a run file"),
        ("recipe: vea", "Did you mean 'vae'"),
        ("recipe: [", "not readable YAML (line"),
        ("recipe: vae\ncolour: red", "unknown keys ['colour']"),
        ("recipe: vae\ndata: digits\ntraining: {epoch: 3}", "epoch"),
        (
            "recipe: vae\ndata: digits\ntraining: {lr: fast}",
            "lr must be a number",
        ),
        ("recipe: vae\ndata: digits\ntraining: {clip: 1e-3}", "as in clip=0.001"),
        ("recipe: vae\ndata: digits\ntraining: 5", "training"),
        ("recipe: vae\ndata: digits\narguments: {latnet: 3}", "latnet"),
        ("recipe: vae\ndata: digits\narguments: {latent: many}", "latent"),
        ("recipe: vae\ndata: digits\narguments: 5", "arguments"),
        ("recipe: vae\ndata: digits\nholdout: most", "holdout"),
        ("recipe: vae", "--data"),
    ],
)
def test_run_files_that_do_not_serve(text, said, capsys, there):
    Path("r.yaml").write_text(text)
    assert said in fails(capsys, "train", "r.yaml", "--out", "run")
    assert not Path("run").exists()


def test_a_run_file_written_by_hand(capsys, there):
    Path("r.yaml").write_text(
        "recipe: vae\ndata: digits\narguments: {latent: 2, network: mlp(8)}\n"
        "training: {epochs: 1, device: cpu}\n"
    )
    ok(capsys, "train", "r.yaml", "--out", "run")
    found = yaml.safe_load(Path("run/run.yaml").read_text())
    rest = {"likelihood": "bernoulli", "prior": "normal", "corruption": None}
    rest |= {"posterior": "gaussian"}
    assert found["arguments"] == {"latent": 2, "network": "mlp(8)"} | rest
    assert found["training"]["batch"] == 100


def test_a_run_without_weights(capsys, there):
    Path("run").mkdir()
    Path("run/run.yaml").write_text("recipe: vae\ndata: digits\n")
    assert "no weights yet" in fails(capsys, "evaluate", "run")


def test_weights_that_are_damaged(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    weights = Path("run/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:200])
    assert "damaged" in fails(capsys, "evaluate", "run")


def test_weights_of_another_model(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    text = Path("run/run.yaml").read_text()
    Path("run/run.yaml").write_text(text.replace("mlp(8)", "mlp(9)"))
    assert "not of this run's model" in fails(capsys, "evaluate", "run")


def test_a_place_that_cannot_be_written(capsys, there):
    Path("file").write_text("")
    words = ["train", "vae", "--data", "digits", *QUICK, "--out", "file/run"]
    assert "file" in fails(capsys, *words)


def test_a_full_disk(trained, capsys, there):
    """A true one where a small one may be mounted; test_runs has it by other means everywhere."""
    place = there / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(
            "a small tmpfs may not be mounted here: test_runs fills the disk by other means"
        )
    try:
        with pytest.raises(SystemExit) as caught:
            cli.main(
                [
                    "train",
                    "vae",
                    "--data",
                    "digits",
                    "--network",
                    "mlp(400)",
                    "--epochs",
                    "3",
                    "--device",
                    "cpu",
                    "--out",
                    str(place / "run"),
                ]
            )
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert caught.value.code == 2
        assert "no space left" in said
        assert "--resume" in said
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_the_report_is_one_file(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    printed = ok(capsys, "report", "run").strip().splitlines()[-1]
    page = Path(printed).read_text(encoding="utf-8")
    assert "<html" in page
    assert not re.search(r"(src|href)=[\"']https?://", page)


# ---- tables


def test_a_table_trains_from_the_shell(capsys, there):
    x = np.random.default_rng(0).normal(size=(80, 3)) @ np.ones((3, 5))
    header = ",".join("abcde")
    np.savetxt("t.csv", x, delimiter=",", header=header, comments="")
    out = ok(
        capsys,
        "train",
        "vae",
        "--data",
        "t.csv",
        *QUICK,
        "--batch",
        "10",
        "--likelihood",
        "squared_error",
        "--out",
        "run",
    )
    assert "elbo" in out
    assert yaml.safe_load(Path("run/run.yaml").read_text())["notes"]["shape"] == [5]


def test_it_ends_quietly_when_nobody_reads(there):
    """`vaekit list | head -1` is no error worth a traceback."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "vaekit", "list"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_run_is_read_on_any_number_of_threads(trained):
    from vaekit.runs import Run

    run, threads = Run(trained / "run"), torch.get_num_threads()
    x = run.data.test.batch(torch.arange(6))
    try:
        torch.set_num_threads(2)
        two = run.model.posterior(x).mean
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(run.model.posterior(x).mean, two)


# ---- pages


@pytest.mark.parametrize("name", ["model.safetensors", "run.yaml", "history.csv", "new.csv"])
@pytest.mark.parametrize("command", ["report", "compare"])
def test_a_page_overwrites_no_run(name, command, trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    before = Path("run", name).read_bytes() if Path("run", name).exists() else None
    words = [command, "run", *(["run"] if command == "compare" else []), "--out", f"run/{name}"]
    for force in ([], ["--force"]):
        assert "is a place of the run itself" in fails(capsys, *words, *force)
    Path("link.html").symlink_to(Path("run", name))
    fails(capsys, *words[:-1], "link.html")
    assert (Path("run", name).read_bytes() if Path("run", name).exists() else None) == before


def test_a_page_overwrites_pages_and_what_is_forced(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    Path("note.txt").write_text("mine")
    assert "no page of vaekit" in fails(capsys, "report", "run", "--out", "note.txt")
    assert Path("note.txt").read_text() == "mine"
    for _ in range(2):
        ok(capsys, "report", "run", "--out", "page.html")
    assert "FILE.html" in fails(capsys, "report", "run", "--out", "note.txt", "--force")
    assert Path("note.txt").read_text() == "mine"
    Path("note.html").write_text("mine")
    assert "--force" in fails(capsys, "report", "run", "--out", "note.html")
    ok(capsys, "report", "run", "--out", "note.html", "--force")
    assert Path("note.html").read_bytes() == Path("page.html").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["report", ""],
        ["report", "run", "--out", ""],
        ["encode", "run", ""],
        ["evaluate", "run", "--data-dir", ""],
        ["compare", "", "run"],
        ["train", "vae", "--data", "digits", "--out", ""],
        ["train", "vae", "--data", "digits", "--data-dir", ""],
    ],
)
def test_an_empty_word_is_no_place(words, trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    assert re.search("names nothing|empty name", fails(capsys, *words))


def test_a_run_by_a_name_in_other_bytes(trained, there):
    name = os.fsdecode(b"\xff\xfe")
    done = subprocess.run(
        [sys.executable, "-m", "vaekit", "report", name], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    shutil.copytree(trained / "run", name)
    done = subprocess.run(
        [sys.executable, "-m", "vaekit", "report", name], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "\\udcff\\udcfe/report.html\n"), done.stderr


def test_a_report_without_its_folder_of_pictures(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    shutil.rmtree("run/pictures", ignore_errors=True)
    Path("run/pictures").touch()
    cli.main(["report", "run", "--out", "page.html"])
    said = capsys.readouterr()
    assert said.out == "page.html\n"
    assert "note: pictures are on the page alone" in said.err


def test_one_held_out_example_is_reported(capsys, there):
    np.save("x.npy", np.random.default_rng(0).random((12, 1, 4, 4), np.float32))
    words = ["--data", "x.npy", "--latent", "2", "--network", "mlp(4)", "--batch", "5"]
    ok(capsys, "train", "vae", *words, "--epochs", "1", "--out", "run")
    ok(capsys, "report", "run")
    assert "two examples or more" in Path("run/report.html").read_text()


def test_marks_of_weights(trained, capsys, there):
    shutil.copytree(trained / "run", "run")
    ok(capsys, "ledger", "run", "--samples", "2")
    ok(capsys, "refit", "run", "--noise", "gaussian")
    mark = Run("run").stamp.mark
    found = {name: json.loads(Path("run", name).read_text()) for name in RESULTS}
    assert found["ledger.json"]["weights"] == mark
    assert all(next(iter(row.values()))["weights"] == mark for row in found["refits.json"].values())
    assert "other weights" not in said_of(Run("run"))
    found["ledger.json"]["weights"] = "0" * 8
    for row in found["refits.json"].values():
        next(iter(row.values()))["weights"] = "0" * 8
    for name in RESULTS:
        Path("run", name).write_text(json.dumps(found[name]))
    assert "other weights" in said_of(Run("run"))
    out = ok(capsys, "refit", "run", "--noise", "mixture(2)")
    assert "dropped, as of other weights or examples: gaussian" in out
    del found["ledger.json"]["weights"]
    Path("run/ledger.json").write_text(json.dumps(found["ledger.json"]))
    assert "other weights" not in said_of(Run("run"))


RESULTS = ("ledger.json", "refits.json")


def said_of(run: Run) -> str:
    codes = encode_items(run.model, run.data.test, 9)
    view = View(run.model, run.data.test, codes, run.folder, run=run)
    (section,) = ledger.sections(view)
    return section.caption


def test_threads_that_wait_give_up_their_cores(monkeypatch, capsys):
    """Said before PyTorch is loaded, and left alone where the user has said something."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    ok(capsys, "list")
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    code = (
        "import sys, os, vaekit.cli; assert 'torch' not in sys.modules; "
        "vaekit.cli.main(['list']); "
        "print(os.environ['GOMP_SPINCOUNT'])"
    )
    plain = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    done = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True)
    assert done.stdout.strip().splitlines()[-1] == "3000", done.stderr
