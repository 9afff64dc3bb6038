"""Files of a run folder that were damaged: named with a cure, or made anew; never a traceback."""

import re
import shutil
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, safe_open, save_file

from vaekit import cli
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.estimators import VAE
from vaekit.estimators import load as load_estimator
from vaekit.information import FeatureNetwork
from vaekit.report import plots
from vaekit.runs import Run, history
from vaekit.runs.run_file import read_config


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """Make a run with all its results, and another one beside it."""
    folder = tmp_path_factory.mktemp("sound")
    np.save(folder / "x.npy", np.random.default_rng(0).random((60, 1, 4, 4), np.float32))
    small = ["--network", "mlp(4)", "--latent", "2", "--epochs", "3", "--batch", "18"]
    words = ["train", "vae", "--data", str(folder / "x.npy"), *small, "--device", "cpu"]
    for seed, name in enumerate(("run", "other")):
        cli.main([*words, "--seed", str(seed), "--out", str(folder / name)])
    cli.main(["ledger", str(folder / "run"), "--samples", "2"])
    cli.main(["refit", str(folder / "run"), "--noise", "gaussian"])
    return folder


@pytest.fixture
def there(sound, tmp_path, monkeypatch) -> Path:
    """Copy the runs; draw nothing, which is most of a page's time."""
    monkeypatch.setattr(plots, "_svg", lambda figure: "<svg></svg>")
    for name in ("run", "other"):
        shutil.copytree(sound / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ended(capsys, *words: str) -> tuple[int, str, str]:
    """Run a command, however it ends: exit status and what it said."""
    status = 0
    try:
        cli.main(words)
    except SystemExit as caught:
        status = int(caught.code or 0)
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return status, said.out, said.err


COMMANDS = {
    "resume": ["train", "run", "--resume"],
    "evaluate": ["evaluate", "run"],
    "ledger": ["ledger", "run", "--samples", "2"],
    "refit": ["refit", "run", "--noise", "mixture(2)"],
    "report": ["report", "run"],
    "compare": ["compare", "run", "other"],
    "encode": ["encode", "run", "--force"],
    "sample": ["sample", "run", "--force"],
}
DEEP = "[" * 100_000
JSON = {
    "empty": b"",
    "cut short": b'{"elbo": {"value": -1.0, "n',
    "not UTF-8": b'{"elbo\xff": 1}',
    "a list": b"[1, 2]",
    "a number": b"3",
    "text": b'"fine"',
    "too deep": DEEP.encode(),
    "wrong types": b'{"elbo": {"value": "high"}, "rows": 3, "gaussian": {"noise": 2}}',
    "no mapping inside": b'{"elbo": 3, "rows": [4], "parts": [], "notes": {}}',
    "NaN": b'{"elbo": {"value": NaN}, "rows": [{"value": NaN}], "a": {"noise": {"s": NaN}}}',
    "huge": b'{"elbo": {"value": 1e999, "n": 1' + b"0" * 400 + b"}}",
    "more digits than Python reads": b'{"elbo": {"n": 1' + b"0" * 5000 + b"}}",
    "twice": b'{"elbo": {"value": 1.0}, "elbo": {"value": 2.0}}',
}
# Who reads each file, and so says that it is damaged.
READ_BY = {
    "metrics.json": ("resume", "evaluate", "report", "compare"),
    "refits.json": ("refit",),
    "ledger.json": ("report",),
}
ROWS = [(f, d, c) for f, readers in READ_BY.items() for d, c in product(JSON, readers)]


@pytest.mark.parametrize(("file", "damage", "command"), ROWS)
def test_damaged_results_are_made_anew_or_left_out(file, damage, command, there, capsys):
    (there / "run" / file).write_bytes(JSON[damage])
    status, _, err = ended(capsys, *COMMANDS[command])
    notes = [line for line in err.splitlines() if line.startswith("vaekit: note: ")]
    assert status == 0, err
    assert len(notes) == 1 and f"run/{file} is damaged and left out (" in notes[0]
    if file != "ledger.json":
        assert (there / "run" / file).read_bytes() != JSON[damage]
        assert Run("run").metrics  # which would warn


@pytest.mark.parametrize("command", ["ledger", "encode", "sample"])
@pytest.mark.parametrize("file", ["metrics.json", "refits.json"])
def test_who_does_not_need_a_file_does_not_mind(file, command, there, capsys):
    (there / "run" / file).write_bytes(b"{")
    status, _, err = ended(capsys, *COMMANDS[command])
    assert (status, err) == (0, "")


@pytest.mark.parametrize("damage", JSON)
def test_a_run_in_python_warns_of_damaged_numbers(damage, there):
    (there / "run" / "metrics.json").write_bytes(JSON[damage])
    with pytest.warns(VaekitWarning, match=r"run/metrics\.json is damaged and left out"):
        assert Run("run").metrics == {}


def test_numbers_of_older_versions_are_read(there):
    text = '{"elbo": {"value": -3.5, "estimator": "lower bound", "n": 6, "se": null}}'
    (there / "run" / "metrics.json").write_text(text)
    run = Run("run")
    assert run.metrics["elbo"]["value"] == -3.5
    assert run.judged()


def test_numbers_that_are_not_finite_are_written_so_that_they_are_read(there):
    run = Run("run")
    number = {"value": float("inf"), "estimator": "exact", "n": 3, "se": float("nan")}
    run.save_metrics({"elbo": number})
    assert run.metrics == {"elbo": {**number, "value": None, "se": None}}


# ---- run.yaml


def changed(text: str, **new: object) -> str:
    """Replace entries of a run file, by their last name."""
    import yaml

    found = yaml.safe_load(text)
    for place, value in new.items():
        inner, *rest = found, *place.split("__")
        for name in rest[:-1]:
            inner = inner[name]
        inner[rest[-1]] = value
    return yaml.safe_dump(found)


BOMB = "a: &a [x, x, x, x]\n" + "".join(
    f"{chr(98 + k)}: &{chr(98 + k)} [*{chr(97 + k)}, *{chr(97 + k)}, *{chr(97 + k)}]\n"
    for k in range(20)
)
YAML = {
    "empty": (lambda text: "", "not a run file"),
    "cut short": (lambda text: text[: text.index("epochs:") + 3], "training"),
    "not UTF-8": (lambda text: text.replace("vae", "va\udcff", 1), "not readable YAML"),
    "a list": (lambda text: "- recipe\n- vae\n", "not a run file"),
    "too deep": (lambda text: text + "more: " + DEEP, "not readable YAML"),
    "aliases": (lambda text: BOMB + text, "aliases are not read"),
    "a name twice": (lambda text: text + "recipe: ae\n", "recipe stands there twice"),
    "a name twice inside": (lambda text: text.replace("notes:", "notes:\n  train: 3"), "twice"),
    "an unknown name": (lambda text: text + "colour: red\n", "unknown keys ['colour']"),
    "a number as name": (lambda text: text + "3: red\n", "unknown keys ['3']"),
    "Python": (lambda text: text + "x: !!python/object/apply:os.getcwd []\n", "not readable"),
    "a tab": (lambda text: "\t" + text, "not readable YAML (line 1"),
    "a date": (lambda text: changed(text, data="2020-13-45").replace("'", ""), "not readable YAML"),
    "digits": (lambda text: text + "holdout: 1" + "0" * 5000 + "\n", "not readable YAML"),
    "another recipe": (lambda text: changed(text, recipe="vea"), "Did you mean 'vae'"),
    "no training": (lambda text: changed(text, training=5), "training"),
    "epochs": (lambda text: changed(text, training__epochs=0), "epochs must be"),
    "lr": (lambda text: changed(text, training__lr="fast"), "lr must be a number"),
    "lr not finite": (lambda text: changed(text, training__lr=float("nan")), "lr must be"),
    "an argument": (lambda text: changed(text, arguments__latent="two"), "latent"),
    "a share": (lambda text: changed(text, holdout=float("nan")), "holdout"),
    "data": (lambda text: changed(text, data=[1]), "data should be text"),
    "data_dir": (lambda text: changed(text, data_dir=3), "data_dir should be text"),
    "checksum": (lambda text: changed(text, data_checksum=3), "data_checksum should be text"),
    "notes": (lambda text: changed(text, notes="none"), "notes should be `name: value`"),
    "shape": (lambda text: changed(text, notes__shape="4x4"), "notes.shape should be a list"),
    "shape of two": (lambda text: changed(text, notes__shape=[4, 4]), "notes.shape"),
    "shape of 0": (lambda text: changed(text, notes__shape=[1, 0, 4]), "notes.shape"),
    "known": (lambda text: changed(text, notes__known={}), "notes.known lacks range"),
    "range": (lambda text: changed(text, notes__known__range=[0.0]), "notes.known.range"),
    "range not finite": (
        lambda text: changed(text, notes__known__range=[0.0, float("inf")]),
        "notes.known.range[1] should be a finite number",
    ),
    "columns": (
        lambda text: changed(
            text, notes__known__columns={"names": ["a"], "shift": [0.0, 1.0], "width": [1.0]}
        ),
        "notes.known.columns should be of 1 columns",
    ),
}


@pytest.mark.parametrize("command", ["resume", "evaluate", "report", "encode"])
@pytest.mark.parametrize("damage", YAML)
def test_a_damaged_run_file_is_named(damage, command, there, capsys):
    path = there / "run" / "run.yaml"
    change, said = YAML[damage]
    text = change(path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    status, out, err = ended(capsys, *COMMANDS[command])
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1 and "run/run.yaml" in err and said in err, err


def test_a_damaged_run_is_skipped_in_a_comparison(there, capsys):
    (there / "run" / "run.yaml").write_text("recipe: [")
    status, _, err = ended(capsys, *COMMANDS["compare"])
    assert status == 2 and "skipped: run/run.yaml is not readable YAML (line " in err


def test_a_run_file_of_more_than_memory_holds(there, capsys):
    path = there / "run" / "run.yaml"
    path.write_text(changed(path.read_text(), arguments__latent=10**15))
    for command in ("evaluate", "report", "encode"):
        status, _, err = ended(capsys, *COMMANDS[command])
        assert status == 2 and "more memory than there is" in err and len(err.splitlines()) == 1


def test_weights_without_the_shape_of_examples(there, capsys):
    path = there / "run" / "run.yaml"
    path.write_text("recipe: vae\ndata: digits\narguments: {network: mlp(4), latent: 2}\n")
    status, _, err = ended(capsys, *COMMANDS["sample"])
    assert status == 2 and "run/run.yaml lacks the shape" in err


def test_what_a_run_file_may_hold(tmp_path):
    (tmp_path / "r.yaml").write_text("recipe: vae\ndata:\nnotes:\narguments:\ntraining:\n")
    assert read_config(tmp_path / "r.yaml").arguments == {}


# ---- history.csv

HEAD = "step,epoch,objective,distortion,kl,weight_distortion,weight_kl,images_per_second\n"
ROW = "3,1.0,11.0,10.9,.1,1.0,1.0,800\n"
CSV = {
    "empty": (b"", 0),
    "no header": (ROW.encode(), 0),
    "no step": ((HEAD + ROW).replace("step", "stop").encode(), 0),
    "binary": (bytes(range(256)) * 20, 0),
    "not UTF-8": (HEAD.encode() + b"\xff\xfe\n" + ROW.encode(), 1),
    "half a line": ((HEAD + ROW).encode() + b"6,2.0,10", 1),
    "half a number": ((HEAD + ROW).encode() + b"6,2.0,11.0,10.9,.1,1.0,1.0,80", 1),
    "NaN": ((HEAD + ROW.replace("11.0", "nan") + ROW).encode(), 1),
    "infinite step": ((HEAD + ROW.replace("3", "inf", 1) + ROW).encode(), 1),
    "negative step": ((HEAD + ROW.replace("3", "-3", 1) + ROW).encode(), 1),
    "text": ((HEAD + ROW.replace("11.0", "low") + ROW).encode(), 1),
    "a quote": ((HEAD + '"' + ROW + ROW).encode(), 1),
    "a line without end": ((HEAD + '"' + "9" * 200_000 + "\n" + ROW).encode(), 1),
    "a cell too many": ((HEAD + ROW.strip() + ",7\n" + ROW).encode(), 1),
    "a name twice": ((HEAD.replace("epoch", "step") + ROW).encode(), 0),
    "NUL": (HEAD.encode() + bytes(10) + ROW.encode(), 1),
}


@pytest.mark.parametrize("damage", CSV)
def test_damaged_lines_of_the_curve_are_left_out(damage, there, capsys):
    content, rows = CSV[damage]
    (there / "run" / "history.csv").write_bytes(content)
    assert len(history.look(Path("run/history.csv")).rows) == rows
    whole = damage in ("empty", "half a line", "half a number", "NUL")  # or still being written
    for command in ("report", "evaluate", "resume"):
        status, _, err = ended(capsys, *COMMANDS[command])
        assert status == 0
        assert err == "" if whole else "note: run/history.csv " in err
        assert "left out" in err or whole
        (there / "run" / "history.csv").write_bytes(content)


def test_a_folder_in_place_of_the_curve(there, capsys):
    (there / "run" / "history.csv").unlink()
    (there / "run" / "history.csv").mkdir()
    for command in ("report", "evaluate"):
        status, _, err = ended(capsys, *COMMANDS[command])
        assert status == 0
        assert "note: run/history.csv cannot be read and is left out" in err
    assert "Mind that history.csv cannot be read" in (there / "run" / "report.html").read_text()
    (there / "run" / "model.safetensors").unlink()
    status, _, err = ended(capsys, *COMMANDS["resume"])
    assert status == 2
    assert "history.csv is a folder, where training writes its curve: remove it" in err


@pytest.mark.parametrize("name", ["metrics.json", "ledger.json"])
def test_an_error_below_zero_is_damage(name, there, capsys):
    path = there / "run" / name
    path.write_text(re.sub(r'"se": [\d.e-]+', '"se": -5', path.read_text(), count=1))
    status, _, err = ended(capsys, *COMMANDS["report"])
    assert status == 0
    assert f"run/{name} is damaged" in err
    assert "se should be 0 or more, got -5" in err


def test_a_resumed_run_says_which_lines_it_leaves_out(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(HEAD + "1,nothing\n" + ROW)
    with pytest.warns(VaekitWarning, match=r"history\.csv had 1 damaged line"):
        history.start(path, 3)
    assert len(history.read(path)) == 1


# ---- weights


def rewritten(path: Path, change) -> None:
    """Change the tensors of a safetensors file."""
    with safe_open(path, "pt") as file:
        about = file.metadata()
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, about)


def spoiled(value: float):
    def change(tensors: dict[str, torch.Tensor]) -> None:
        next(t for k, t in sorted(tensors.items()) if _of_model(k, t)).view(-1)[0] = value

    return change


def halved(tensors: dict[str, torch.Tensor]) -> None:
    name = next(k for k, t in sorted(tensors.items()) if _of_model(k, t))
    tensors[name] = tensors[name].half()


def longer(tensors: dict[str, torch.Tensor]) -> None:
    name = next(k for k, t in sorted(tensors.items()) if _of_model(k, t))
    tensors[name] = torch.cat([tensors[name], tensors[name]])


def fewer(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[next(k for k, t in sorted(tensors.items()) if _of_model(k, t))]


def _of_model(name: str, tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and not name.startswith(("optimiser", "random", "moments"))


CHANGES = {
    "NaN": (spoiled(float("nan")), "not finite"),
    "infinite": (spoiled(float("inf")), "not finite"),
    "another type": (halved, "torch.float16 there and torch.float32 here"),
    "another shape": (longer, "there and"),
    "one less": (fewer, "lacks"),
}


@pytest.fixture(params=CHANGES)
def change(request):
    return CHANGES[request.param]


def test_weights_of_a_run_that_do_not_serve(change, there, capsys):
    rewritten(there / "run" / "model.safetensors", change[0])
    for command in ("evaluate", "report", "encode", "sample", "ledger"):
        status, _, err = ended(capsys, *COMMANDS[command])
        assert status == 2 and len(err.splitlines()) == 1
        assert "run/model.safetensors is not of this run's model" in err and change[1] in err
    with pytest.raises(VaekitError, match=r"model\.safetensors"):
        _ = Run("run").model


@pytest.fixture(scope="module")
def begun(sound, tmp_path_factory) -> Path:
    """Break a run off, so that it has a checkpoint."""
    from vaekit.runs import Watcher, train

    class Break(Watcher):
        def look(self, step, steps, epoch, row):
            if step == 6:
                raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("begun") / "run"
    config = read_config(sound / "run" / "run.yaml")
    with pytest.raises(KeyboardInterrupt):
        train(config, folder, checkpoint_steps=2, watcher=Break())
    return folder


def test_a_checkpoint_that_does_not_serve(change, begun, tmp_path, monkeypatch, capsys):
    shutil.copytree(begun, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    rewritten(tmp_path / "run" / "checkpoint" / "last.safetensors", change[0])
    status, _, err = ended(capsys, *COMMANDS["resume"])
    assert status == 2 and "checkpoint/last.safetensors" in err and change[1] in err, err
    assert len(err.splitlines()) == 1


def _dropped(name: str):
    return lambda tensors: tensors.pop(next(k for k in tensors if name in k))


@pytest.mark.parametrize(
    "change",
    [
        _dropped("random.now.cpu"),
        _dropped("exp_avg_sq"),
        lambda tensors: tensors.update({"random.now.cpu": torch.zeros(1, 3, dtype=torch.uint8)}),
        lambda tensors: tensors.update({"optimiser.0.exp_avg": torch.zeros(3)}),
        lambda tensors: tensors.update({"optimiser.99.exp_avg": torch.zeros(3)}),
        lambda tensors: tensors.update({"optimiser.x.exp_avg": torch.zeros(3)}),
    ],
)
def test_a_checkpoint_with_a_damaged_rest(change, begun, tmp_path, monkeypatch, capsys):
    shutil.copytree(begun, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    rewritten(tmp_path / "run" / "checkpoint" / "last.safetensors", change)
    status, _, err = ended(capsys, *COMMANDS["resume"])
    assert status == 2 and "last.safetensors is damaged" in err and "--resume trains" in err
    assert len(err.splitlines()) == 1
    shutil.rmtree(tmp_path / "run" / "checkpoint")  # the cure that it names
    assert ended(capsys, *COMMANDS["resume"])[0] == 0


def test_an_estimator_that_does_not_serve(change, tmp_path):
    x = np.random.default_rng(0).random((40, 6))
    VAE(latent=2, network="mlp(4)", epochs=1, device="cpu").fit(x).save(tmp_path / "a")
    rewritten(tmp_path / "a", change[0])
    with pytest.raises(VaekitError):
        load_estimator(tmp_path / "a")


def test_a_feature_network_that_does_not_serve(change, tmp_path):
    FeatureNetwork("mlp(4)", (1, 4, 4), 3).save(tmp_path / "a")
    assert FeatureNetwork.load(tmp_path / "a").classes == 3
    rewritten(tmp_path / "a", change[0])
    with pytest.raises(VaekitError, match=r"is damaged .*make it anew"):
        FeatureNetwork.load(tmp_path / "a")


@pytest.mark.parametrize("about", ["{", "3", '{"network": "mlp(4)"}', DEEP])
def test_a_feature_network_with_a_damaged_head(about, tmp_path):
    head = {"format": "vaekit-features-1", "about": about, "notes": "{}"}
    save_file({"a": torch.zeros(1)}, tmp_path / "a", head)
    with pytest.raises(VaekitError, match=r"is damaged .*make it anew"):
        FeatureNetwork.load(tmp_path / "a")
