"""Every Python block of the README and the docs runs, in the order of its page."""

import importlib
import inspect
import math
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pooch
import pytest
import torch
from parts import same
from PIL import Image

from vaekit import cli, information, metrics
from vaekit.networks import NETWORKS
from vaekit.objectives import TERMS
from vaekit.recipes import RECIPES
from vaekit.runs import Run
from vaekit.training import Training, fit

ROOT = Path(__file__).parents[1]
DOCS = [p for p in sorted((ROOT / "docs").rglob("*.md")) if not {"_build", "pages"} & set(p.parts)]
PAGES = [ROOT / "README.md", *DOCS]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
START = ROOT / "docs" / "start"  # whose commands run too, in the order of the page
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]
WITH_CODE = [page for page in WITH_CODE if page.parent != START]
STEP = re.compile(r"^```(python|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_there_are_blocks():
    assert ROOT / "README.md" in WITH_CODE


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_blocks_run(page, tmp_path, monkeypatch):
    if page.name == "export.md":
        pytest.importorskip("onnxruntime", reason="the page of exports needs vaekit[onnx]")
    monkeypatch.chdir(tmp_path)
    if page.name == "large-data.md":  # which writes into the cache
        monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    names: dict[str, object] = {"__name__": "a_document"}
    before = [(registry, dict(registry)) for registry in (NETWORKS, TERMS)]
    try:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            exec(compile(block, str(page), "exec"), names)
    finally:  # what a page enters is for no other test
        for registry, old in before:
            registry.clear()
            registry.update(old)


@pytest.mark.parametrize("page", sorted(START.glob("*.md")), ids=lambda page: page.name)
def test_the_first_pages_run_word_for_word(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _write_photos(tmp_path / "photos")
    names: dict[str, object] = {"__name__": "a_document"}
    for kind, block in STEP.findall(page.read_text(encoding="utf-8")):
        if kind == "python":
            exec(compile(block, str(page), "exec"), names)
            continue
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "))
            if words[0] == "vaekit" and words[1] != "--version":
                short = words[1] in ("train", "study")  # an epoch says as much
                cli.main([*words[1:], *(["--epochs", "1"] if short else [])])


@pytest.mark.filterwarnings("default")  # of Jupyter's own packages
@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").glob("*.ipynb")), ids=lambda path: path.name
)
def test_notebooks_run(path, tmp_path):
    nbclient = pytest.importorskip("nbclient", reason="notebooks run through nbclient")
    nbformat = pytest.importorskip("nbformat", reason="notebooks run through nbclient")
    notebook = nbformat.read(path, 4)
    where = {"metadata": {"path": str(tmp_path)}}
    done = nbclient.NotebookClient(notebook, timeout=300, resources=where).execute()
    assert any(cell.get("outputs") for cell in done.cells)


def _write_photos(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for k in range(40):
        size = rng.integers(40, 60, 2)
        pixels = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")


def test_what_contributing_points_to_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = "\n".join(line for line in text.splitlines() if line.startswith("| "))
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+(?:/|\.py|\.js|\.html))`", table)
    assert len(named) > 40
    places = [ROOT / "src" / "vaekit", ROOT / "src" / "vaekit" / "report", ROOT]
    assert not [name for name in named if not any((place / name).exists() for place in places)]


def test_the_examples_of_contributing_work_together():
    before = [(registry, dict(registry)) for registry in (RECIPES, metrics.METRICS, TERMS)]
    names: dict[str, Any] = {"__name__": "a_document"}
    try:
        for block in BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
            exec(compile(block, "CONTRIBUTING.md", "exec"), names)
        assert "warm_vae" in RECIPES and "widest" in metrics.METRICS and "code_size" in TERMS
        assert RECIPES["warm_vae"].composition().sum() == "distortion + linear(0, 1)*kl"
        _train_with_all(names)
    finally:
        for registry, old in before:
            registry.clear()
            registry.update(old)


def _train_with_all(names: dict[str, Any]) -> None:
    """Train the recipe with each part, and all of them at once; judge it with the metric."""
    data, make = names["sets"], names["warm_vae"]
    parts = {
        "posterior": names["GumbelPosterior"],
        "prior": names["LaplacePrior"](4),
        "likelihood": names["LaplaceNoise"],
        "network": names["Linear"](),
    }
    for some in [parts, *({name: part} for name, part in parts.items())]:
        torch.manual_seed(0)
        model, objective = make(data.shape, latent=4, **some)
        whole = objective + 0.1 * names["CodeSize"]()
        going = fit(model, whole, data, Training(epochs=1, batch=16, device="cpu"))
        for _ in going:
            assert all(math.isfinite(value) for value in going.means().values())
        assert information.evaluate(model, data)["rate"]["value"] > 0
    score = information.score(model, data, ("widest",))["widest"]["value"]
    assert 0.25 <= score <= 1


def test_the_readme_trains_the_same_weights_in_python_as_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "a_document"}
    for block in BLOCK.findall(text)[:2]:
        exec(block, names)
    (command,) = re.findall(r"`(vaekit\s+train beta_vae --data digits .*?)`", text, re.DOTALL)
    cli.main([*shlex.split(command)[1:], "--out", str(tmp_path / "run")])
    theirs, ours = Run(tmp_path / "run").model.state_dict(), names["model"].state_dict()
    assert same(theirs, ours) and same(names["run"].model.state_dict(), ours)


def test_named_commands_exist():
    """Recipes that a page trains and flags that it uses are known to the command line."""
    from vaekit.recipes import RECIPES

    for page in PAGES:
        for word in re.findall(r"vaekit train (\w+) ", page.read_text(encoding="utf-8")):
            assert word in RECIPES or word == "RECIPE", (page.name, word)


def test_the_readme_lists_every_recipe():
    from vaekit.recipes import RECIPES

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not {name for name in RECIPES if f"`{name}`" not in text}


PACKAGES = (
    "recipes",
    "networks",
    "posteriors",
    "priors",
    "likelihoods",
    "objectives",
    "training",
    "information",
)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_reference_names_every_part(package):
    pages = (ROOT / "docs" / "reference").glob("*.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(rf"^\.\. auto\w+:: vaekit\.{package}\.([\w.]+)$", text, re.MULTILINE))
    named |= set(RECIPES) if package == "recipes" else set()  # each has a page
    found = importlib.import_module(f"vaekit.{package}")
    parts = {name for name in found.__all__ if inspect.isroutine(getattr(found, name))}
    parts |= {name for name in found.__all__ if inspect.isclass(getattr(found, name))}
    assert parts <= named, parts - named


@pytest.mark.parametrize("kind", ["posteriors", "priors", "likelihoods", "networks"])
def test_the_page_of_parts_has_every_name(kind):
    (row,) = re.findall(
        rf"^\| {kind} \|.*$", (ROOT / "docs" / "parts.md").read_text("utf-8"), re.MULTILINE
    )
    catalogue = getattr(importlib.import_module(f"vaekit.{kind}"), kind.upper())
    assert set(catalogue) <= set(re.findall(r"`(\w+)", row))


def test_the_page_of_parts_has_every_term():
    from vaekit import objectives

    text = (ROOT / "docs" / "parts.md").read_text(encoding="utf-8")
    bases = {"Term", "Adversarial", "Objective"}
    terms = {n for n in objectives.__all__ if inspect.isclass(getattr(objectives, n))} - bases
    assert all(f"`{name}`" in text for name in terms), terms


def test_every_recipe_has_a_page_and_every_command_its_help(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    pages = runpy.run_path(str(ROOT / "docs" / "recipe_pages.py"))
    assert not pages["stale"](), "run python docs/recipe_pages.py"
    (_, known), rows = pages["about"](), pages["measured"]()
    for name, recipe in RECIPES.items():
        text = pages["_page"](name, known[name], rows)
        assert recipe.summary in text and known[name]["objective"] in text
        assert set(known[name]["settings"]) <= {*recipe.arguments, *vars(Training())}, name
        assert name == "compose" or (name in rows and "What we measured" in text)
        assert name == "compose" or (ROOT / "docs/pictures/recipes" / f"{name}.png").is_file()
    helps = runpy.run_path(str(ROOT / "docs" / "commands.py"))["helps"]()
    assert all(f"## vaekit {name}" in helps for name in cli.COMMANDS)
    spelled = helps.replace("_", "-")
    assert all(f"--{name.replace('_', '-')} " in spelled for name in vars(Training()))


def test_the_pages_name_every_metric_from_its_record():
    conf = runpy.run_path(str(ROOT / "docs" / "conf.py"))
    table, reference = conf["metrics_table"](), conf["metrics_reference"]()
    for metric in metrics.METRICS.values():
        assert f"`{metric.name}`" in table
        assert all(f"`{row.name}`" in table and row.asks for row in metric.rows)
    for name in metrics.__all__:
        it = getattr(metrics, name)
        named = re.search(rf"^\.\. auto\w+:: vaekit\.metrics\.{name}$", reference, re.MULTILINE)
        assert named or not (inspect.isroutine(it) or inspect.isclass(it)), name
    assert "<!-- metrics -->" in (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    pages = [ROOT / "docs" / "reference" / f"{name}.md" for name in ("metrics", "metrics-more")]
    shown = [conf["METRICS"].search(page.read_text("utf-8")).groups() for page in pages]
    assert shown == [("a", "h"), ("i", "z")]
