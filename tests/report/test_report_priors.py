"""Pictures of priors, by what they must show."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from vaekit.errors import VaekitError
from vaekit.priors import LpNested, isa, prior
from vaekit.report.codes import encode_items
from vaekit.report.section import View
from vaekit.report.sections import priors

FILE = Path(__file__).parents[2] / "examples" / "priors.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("priors_example", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["priors_example"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["priors_example"]


@pytest.fixture(scope="module")
def structured(make):
    data = "sprites(scales=2, rotations=3, positions=5, size=32)"
    return make("isa_vae", data, latent=8, size=4, learned="inner")


def axes():
    return Figure().subplots()


def test_contours_of_the_normal_are_circles_around_their_share():
    """95 % of N(0, I) over the plane lie within r² = −2 ln 0.05."""
    drawn = axes()
    state = torch.get_rng_state()
    priors.contours(drawn, prior("normal", 2).double()())
    assert torch.equal(state, torch.get_rng_state())
    (lines,) = [c for c in drawn.collections if hasattr(c, "levels")]
    radii = [np.linalg.norm(path.vertices, axis=1) for path in lines.get_paths()]
    assert [r.mean() for r in radii] == pytest.approx(
        [np.sqrt(-2 * np.log(1 - share)) for share in priors.SHARES], rel=0.03
    )
    assert max(np.ptp(r) for r in radii) < 0.02


def test_a_tree_shows_its_exponents_and_leaves():
    drawn = axes()
    priors.tree(drawn, LpNested([2.1, 1, [1.7, 2, [3.5, 2]]]))
    said = [text.get_text() for text in drawn.texts]
    assert sorted(said) == ["1.7", "2.1", "3.5", "z0", "z1", "z2", "z3", "z4"]
    assert len(drawn.lines) == 7


def test_exponents_are_compared_by_rank():
    drawn = axes()
    priors.exponents(drawn, np.array([[2.2, 1.9], [1.9, 2.2], [2.2, 1.9]]), p0=2.1)
    first, second = (np.array([bar.get_height() for bar in c]) for c in drawn.containers)
    assert first[0] == 3 and second[-1] == 3
    assert first.sum() == second.sum() == 3


def test_a_page_shows_the_prior(structured, page_of, tmp_path):
    model, test = structured.model, structured.data.test
    found = next(priors.sections(View(model, test, encode_items(model, test), tmp_path)), None)
    assert found is not None and len(found.figures) == 3
    assert "learned but for the root's" in found.caption
    assert "subspace1 · z4–z7" in found.figures[1]
    assert 'id="prior"' in page_of(structured, tmp_path)


def test_a_normal_prior_needs_no_section(sprites, tmp_path):
    codes = encode_items(sprites.model, sprites.data.test)
    assert not list(priors.sections(View(sprites.model, sprites.data.test, codes, tmp_path)))


def test_surfaces_have_norm_one(example):
    for p0, p1 in [(1.0, 9.0), (2.0, 2.0), (9.0, 1.0)]:
        x, y, z = np.abs(example.surface(p0, p1, 9))
        assert (x**p0 + (y**p1 + z**p1) ** (p0 / p1)) ** (1 / p0) == pytest.approx(1.0)


def test_the_example_writes_its_pictures(example, tmp_path, structured, monkeypatch):
    coarse = example.norms
    monkeypatch.setattr(example, "norms", lambda path: coarse(path, 9))
    example.main(["--out", str(tmp_path), "--runs", str(structured.folder)])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"norms.png", "priors.png", "tree.png", "exponents.png"}


def test_p0_is_marked_where_the_runs_share_it(example, monkeypatch):
    roots = {"a": 2.0, "b": 2.0, "c": 3.0}

    def run(folder: Path) -> SimpleNamespace:
        made = isa(roots[folder.name], [(2.2, 2)] * 2, learned="all")
        return SimpleNamespace(model=SimpleNamespace(prior=made))

    monkeypatch.setattr(example, "Run", run)
    values, p0 = example.learned(["a", "b"])
    assert values.shape == (2, 2) and p0 == pytest.approx(2)
    assert example.learned(["a", "c"])[1] is None


def test_runs_without_exponents_are_refused(example, sprites, tmp_path):
    with pytest.raises(VaekitError, match="no L"):
        example.learned([str(sprites.folder)])
    words = ["--out", str(tmp_path), "--runs", str(sprites.folder)]
    done = subprocess.run([sys.executable, str(FILE), *words], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("priors.py: ")
