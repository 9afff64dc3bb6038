"""Exported models: every recipe as ONNX, as a program of PyTorch, and as a folder of a hub."""

import inspect
import json
import math
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from parts import small_arguments
from sklearn.datasets import load_wine
from test_cli import fails, npy, ok
from torch import nn

import vaekit
from vaekit import export
from vaekit.data import Dataset, Schema
from vaekit.errors import VaekitError
from vaekit.estimators import load
from vaekit.export import hub, programs
from vaekit.likelihoods import Gaussian
from vaekit.recipes import RECIPES
from vaekit.runs import Config, Run

MISSING = [name for name in programs.ONNX if find_spec(name) is None]
onnx = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
NETWORK = {"contractive_ae": "mlp()", "sparse_ae": "mlp(4, activation=sigmoid)"}
QUICK = {"latent": 2, "network": "mlp(8)", "epochs": 1, "device": "cpu"}
GAUSSIAN = {"likelihood": "gaussian(learned=average)", "batch": 10}
BYTES = Schema((1, 6, 6), (0.0, 1.0))


@pytest.fixture(autouse=True, scope="module")
def one_registry():
    """Build PyTorch's table of ONNX operators once: it takes as long as the rest of an export."""
    with pytest.MonkeyPatch.context() as patch:
        try:
            from torch.onnx._internal.exporter._registration import ONNXRegistry

            once = staticmethod(cache(ONNXRegistry.from_torchlib))
            patch.setattr(ONNXRegistry, "from_torchlib", once)
        except (ImportError, AttributeError):  # of another version: each export builds its own
            pass
        yield


def model_of(recipe: str, shape=(1, 6, 6)):
    torch.manual_seed(0)
    known = inspect.signature(RECIPES[recipe].make).parameters
    more = {"network": NETWORK.get(recipe, "mlp(8)")} if "network" in known else {}
    more |= {"width": 3} if "width" in known else {}
    return RECIPES[recipe].make(shape, **more, **small_arguments(recipe)).model


# ---- every recipe


@onnx
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_as_onnx(recipe, tmp_path):
    both = export.graphs(model_of(recipe), BYTES)
    for name, graph in both.items():
        assert programs.write_onnx(graph, tmp_path / f"{name}.onnx") <= programs.MOST_DIFFERENCE
        assert list(tmp_path.glob("*")) and graph.inputs[0] in ("x", "z")


@pytest.mark.parametrize("recipe", ["joint_vae", "cvae", "k_sparse_ae", "vimae_l"])
def test_programs_of_pytorch(recipe, tmp_path):
    for name, graph in export.graphs(model_of(recipe), BYTES).items():
        assert programs.write_torch(graph, tmp_path / f"{name}.pt2") <= programs.MOST_DIFFERENCE


@onnx
@pytest.mark.parametrize(
    "network",
    [
        "conv(4, 8)",
        "conv(4, batch_norm=True, tail=True)",
        "resnet(4, 8, groups=2)",
        "tied",
        "mlp(8, activation=gelu)",
    ],
)
def test_networks_as_onnx(network, tmp_path):
    recipe = "ae" if network == "tied" else "vae"
    model = RECIPES[recipe].make((3, 16, 12), latent=3, network=network).model
    for graph in export.graphs(model, Schema((3, 16, 12), (0.0, 1.0))).values():
        assert programs.write_onnx(graph, tmp_path / "x.onnx") <= programs.MOST_DIFFERENCE


def test_what_a_module_takes_and_gives():
    model = model_of("joint_vae")
    both = export.graphs(model, BYTES)
    encoder = both["encoder"]
    x = torch.randint(0, 256, (4, 1, 6, 6), dtype=torch.uint8)
    mean, std, category = encoder.module(x)
    assert encoder.outputs == ("mean", "std", "probabilities_class")
    assert torch.allclose(category.sum(1), torch.ones(4)) and (std >= 0).all()
    assert torch.equal(mean[:, -category.shape[1] :], category)
    assert torch.allclose(mean, vaekit.apply.encode(model.eval(), x.float() / 255), atol=1e-6)
    made = both["decoder"].module(mean)
    assert torch.allclose(made / 255, vaekit.apply.decode(model, mean), atol=1e-6)
    floats = export.graphs(model, BYTES, "floats")["encoder"]
    assert torch.allclose(floats.module(x.float() / 255)[0], mean, atol=1e-6)
    assert model.posterior.network is not encoder.module.posterior.network


# ---- of a run


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3)) * [1, 1e3, 1e-3] + [0, 1.6e9, 5]
    rows[::7, 1] = np.nan
    kinds = np.array(["owl", "ant"])[rng.integers(0, 2, 60)]
    lines = [
        "a,b,c,d,kind",
        *(
            f"{a!r},{'' if math.isnan(b) else repr(b)},{c!r},3,{k}"
            for (a, b, c), k in zip(rows.tolist(), kinds, strict=True)
        ),
    ]
    (folder / "rows.csv").write_text("\n".join(lines))
    text = f"table('{folder / 'rows.csv'}', label=kind, missing=mean)"
    options = {**QUICK, **GAUSSIAN}
    np.save(folder / "levels.npy", rng.normal(size=(40, 1, 6, 6)).astype(np.float32))
    return {
        "digits": vaekit.train("vae", data="digits", **QUICK, out=folder / "digits"),
        "table": vaekit.train("cvae", data=text, **options, out=folder / "table"),
        "levels": vaekit.train(
            "ae", data=str(folder / "levels.npy"), **QUICK, batch=10, out=folder / "levels"
        ),
    }


def session(path: Path):
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@onnx
def test_a_table_goes_in_and_comes_out_in_its_own_units(runs, tmp_path):
    run = runs["table"]
    done = run.export("onnx", tmp_path / "out")
    assert done.files == ["about.json", "decoder.onnx", "encoder.onnx"] and done.difference < 1e-4
    x = np.array([[0.3, 1.6e9 + 250, 5.0005, 3], [0.1, np.nan, 5, 3]])
    c = np.eye(2, dtype=np.float32)
    mean, std = session(tmp_path / "out" / "encoder.onnx").run(None, {"x": x, "c": c})
    codes = run.codes(x, ["ant", "owl"])
    assert np.allclose(mean, codes.mean, atol=1e-5) and np.allclose(std, codes.std, atol=1e-5)
    (made,) = session(tmp_path / "out" / "decoder.onnx").run(None, {"z": mean, "c": c})
    assert made.dtype == np.float64 and np.allclose(made, run.decode(mean, c), rtol=1e-6)
    assert (made[:, 3] == 3).all() and abs(made[0, 1] - 1.6e9) < 1e4
    about = json.loads((tmp_path / "out" / "about.json").read_text())
    assert about["columns"] == ["a", "b", "c", "d"] and about["label_names"] == ["ant", "owl"]
    assert about["files"]["encoder.onnx"]["inputs"]["x"] == ["float64", ["batch", 4]]


@onnx
def test_pictures_go_in_and_come_out_as_they_were(runs, tmp_path):
    run, levels = runs["digits"], runs["levels"]
    run.export(out=tmp_path / "bytes")
    x = np.random.default_rng(1).integers(0, 256, (5, 1, 8, 8)).astype(np.uint8)
    mean, _ = session(tmp_path / "bytes" / "encoder.onnx").run(None, {"x": x})
    assert np.allclose(mean, run.encode(x), atol=1e-5)
    (made,) = session(tmp_path / "bytes" / "decoder.onnx").run(None, {"z": mean})
    assert np.allclose(made / 255, run.reconstruct(x), atol=1e-5)
    run.export(out=tmp_path / "floats", pixels="floats")
    floats, _ = session(tmp_path / "floats" / "encoder.onnx").run(
        None, {"x": x.astype(np.float32) / 255}
    )
    assert np.allclose(floats, mean, atol=1e-5)
    levels.export(out=tmp_path / "levels")
    raw = np.random.default_rng(1).normal(size=(3, 1, 6, 6)).astype(np.float32)
    code, std = session(tmp_path / "levels" / "encoder.onnx").run(None, {"x": raw})
    assert np.allclose(code, levels.encode(raw), atol=1e-5) and not std.any()


@onnx
def test_the_program_of_the_page_needs_neither_vaekit_nor_pytorch(tmp_path):
    run = vaekit.train("vae", tmp_path / "run", data=_wine(tmp_path), **QUICK, **GAUSSIAN)
    run.export("onnx", tmp_path / "exported")
    page = (Path(__file__).parents[1] / "docs" / "export.md").read_text(encoding="utf-8")
    (program,) = [b for b in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "runtime" in b]
    blocked = "import sys; sys.modules['vaekit'] = sys.modules['torch'] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", blocked + program], cwd=tmp_path, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == load_wine().feature_names


def _wine(folder: Path) -> str:
    wine = load_wine()
    lines = [",".join(wine.feature_names), *(",".join(map(repr, r)) for r in wine.data.tolist())]
    (folder / "wine.csv").write_text("\n".join(lines))
    return str(folder / "wine.csv")


def test_a_program_loads_without_vaekit(runs, tmp_path):
    done = runs["digits"].export("torch", tmp_path / "out")
    assert done.files == ["about.json", "decoder.pt2", "encoder.pt2"]
    code = (
        "import sys; sys.modules['vaekit'] = None\n"
        "import torch\n"
        f"encoder = torch.export.load({str(tmp_path / 'out' / 'encoder.pt2')!r}).module()\n"
        "mean, std = encoder(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))\n"
        "print(mean.tolist())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    mean = np.array(json.loads(said.stdout))
    assert np.allclose(mean, runs["digits"].encode(np.zeros((2, 1, 8, 8), np.uint8)), atol=1e-5)


def test_a_folder_for_a_hub(runs, tmp_path):
    run = runs["table"]
    run.evaluate()
    done = run.export("hub", tmp_path / "hub", license="mit")
    assert set(done.files) == {
        "README.md",
        "history.csv",
        "metrics.json",
        "model.safetensors",
        "run.yaml",
    }
    text = (tmp_path / "hub" / "README.md").read_text()
    head = yaml.safe_load(text.split("---")[1])
    assert head["license"] == "mit" and head["library_name"] == "vaekit"
    assert "| elbo (nats) |" in text and "table('rows.csv', label='kind', missing='mean')" in text
    for file in ("README.md", "run.yaml"):
        assert str(run.folder.parent) not in (tmp_path / "hub" / file).read_text()
    run.export("hub", tmp_path / "hub", license="mit", force=True)
    again = Run.from_pretrained(tmp_path / "hub")
    other = tmp_path / "other"
    shutil.copytree(runs["digits"].folder, other)
    for _ in range(2):
        with pytest.raises(VaekitError, match="is a run, and no export"):
            run.export("hub", other, force=True)
        (other / "README.md").write_text("a run of ours")
    x = np.array([[0.3, 1.6e9 + 250, 5.0005, 3]])
    assert np.array_equal(again.encode(x, "owl"), run.encode(x, "owl"))
    runs["digits"].export("hub", tmp_path / "digits")
    assert "None yet" in (tmp_path / "digits" / "README.md").read_text()
    made = load(Run.from_pretrained(str(tmp_path / "digits")).folder)
    images = np.zeros((2, 8, 8), np.uint8)
    assert np.allclose(made.transform(images), runs["digits"].encode(images), atol=1e-6)


@pytest.mark.parametrize(
    ("data", "public"),
    [
        ("/home/jane/my data/x.npy", "x.npy"),
        ("table('/home/jane/x.csv', label='kind')", "table('x.csv', label='kind')"),
        (r"folder('C:\jane\pictures', size=32)", "folder('pictures', size=32)"),
        ("yale-b(size=[96,84])", "yale-b(size=[96,84])"),
    ],
)
def test_no_folder_of_this_machine_is_shown(data, public):
    config = Config("vae", {}, data, data_dir="/home/jane/data", notes={"files": {data: "1"}})
    shown = hub.public(config)
    assert shown.data == public and shown.data_dir is None and "jane" not in shown.to_yaml()


def test_a_repository_is_downloaded(runs, tmp_path, monkeypatch):
    runs["digits"].export("hub", tmp_path / "there")
    asked = []

    def snapshot_download(name, revision, allow_patterns):
        asked.append((name, revision, sorted(allow_patterns)))
        if name == "some/nothing":
            raise OSError("404, no such repository")
        return str(tmp_path / "there")

    module = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.chdir(tmp_path)
    run = Run.from_pretrained("some/model", revision="main")
    assert run.config.recipe == "vae" and asked[0][:2] == ("some/model", "main")
    with pytest.raises(VaekitError, match="404"):
        Run.from_pretrained("some/nothing")


def test_what_is_no_folder_and_no_repository(tmp_path, monkeypatch):
    with pytest.raises(VaekitError, match="names no repository"):
        Run.from_pretrained(tmp_path / "nothing")
    with pytest.raises(VaekitError, match="not a run folder"):
        Run.from_pretrained(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(VaekitError, match=r"no folder some/model: a repository .*vaekit\[hub\]"):
        Run.from_pretrained("some/model")


# ---- what is refused


class Branching(nn.Module):
    """Ask the data a question, which no traced program can."""

    def forward(self, z):
        return torch.zeros(len(z), 1, 6, 6) if float(z.sum()) > 0 else torch.ones(len(z), 1, 6, 6)


def test_what_cannot_be_exported_is_refused_with_the_reason(tmp_path):
    model = model_of("vae")
    model.likelihood = Gaussian(Branching())
    graph = export.graphs(model, BYTES)["decoder"]
    with pytest.raises(VaekitError, match=r"cannot take this model: .*data"):
        programs.write_torch(graph, tmp_path / "x.pt2")


def test_a_file_that_differs_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(programs, "MOST_DIFFERENCE", -1.0)
    graph = export.graphs(model_of("ae"), BYTES)["encoder"]
    with pytest.raises(VaekitError, match="differs from the model"):
        programs.write_torch(graph, tmp_path / "x.pt2")


def test_missing_packages_are_named(runs, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(VaekitError, match=r"ONNX needs .*onnxscript.*pip install 'vaekit\[onnx\]'"):
        runs["digits"].export("onnx", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command(runs, tmp_path, capsys):
    folder, out = str(runs["digits"].folder), tmp_path / "out"
    said = ok(capsys, "export", folder, "--to", "torch", "--out", str(out))
    assert "about.json, decoder.pt2, encoder.pt2" in said and "relative difference" in said
    assert "exists" in fails(capsys, "export", folder, "--to", "torch", "--out", str(out))
    ok(capsys, "export", folder, "--to", "torch", "--out", str(out), "--force")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--to", "torch"], "not a run folder"),
        (["RUN", "--to", "onxx"], "Did you mean 'onnx'"),
        (["RUN", "--to", "torch", "--out", "a.npy"], "is a file"),
        (["RUN", "--to", "torch", "--out", "RUN"], "is the run itself"),
        (["RUN", "--to", "torch", "--pixels", "ints"], "pixels must be"),
        (["RUN", "--to", "hub", "--pixels", "floats"], "--pixels is of onnx and torch"),
        (["RUN", "--to", "torch", "--license", "mit"], "--license is of the card of a hub"),
        (["RUN", "--to"], "--to"),
    ],
)
def test_bad_input_of_export(runs, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    npy("a.npy", np.zeros(3))
    folder = str(runs["digits"].folder)
    assert said in fails(capsys, "export", *(folder if word == "RUN" else word for word in words))
    assert not (runs["digits"].folder / "torch").exists()


def test_data_of_rows_that_are_as_they_are(tmp_path):
    model = RECIPES["ae"].make((4,), latent=2, network="mlp(8)").model
    schema = Schema.of(Dataset(torch.randn(9, 4)))
    encoder = export.graphs(model, schema)["encoder"]
    assert encoder.such[0].dtype == torch.float32
    assert programs.write_torch(encoder, tmp_path / "e.pt2") <= programs.MOST_DIFFERENCE
