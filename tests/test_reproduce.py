"""Items of the papers: what they hold, what smoke gives, claims, bad input."""

import base64
import csv
import json
import os
import re
from pathlib import Path

import pytest
import yaml
from test_cli import fails, ok

from vaekit import recipes
from vaekit.errors import VaekitError
from vaekit.reproduce import SCALES, catalogue, chosen_items, find_item
from vaekit.reproduce import reproduce as make
from vaekit.reproduce.claims import SeedSpread, judged
from vaekit.reproduce.items import Claim, ItemRow, elsewhere
from vaekit.reproduce.make import representative
from vaekit.study import planned
from vaekit.study.plan import settings_of

ITEMS = list(catalogue())
PUBLISHED = {  # what stands in the papers with numbers, and where it is here
    "noise": ["figure-4-5-8", "table-1", "table-2"],
    "vmi": ["gaussian", "joint", "categorical-accuracy", "categorical-kl"],
    "isa": ["dsprites", "faces3d", "cars3d", "figures-8-to-16", "figure-7", "claims", "toys"],
    "vimae": ["figure-1", *(f"table-{k}" for k in range(1, 6))],
}
NETWORK = ("Network", "Network(MoG-2)")
FID = ("vimae/table-5", "vimae/table-5-faces")  # trains a network of features for each run


@pytest.mark.parametrize("key", ITEMS)
def test_every_scale_is_a_study(key):
    item = find_item(key)
    assert set(item.scales) <= set(SCALES) and {"smoke", "paper"} <= set(item.scales)
    for scale in item.scales:
        runs = planned(item.study(scale)).runs
        rows = [row for row in item.at(scale).rows if not row.refit]
        assert len(runs) >= len(rows) > 1, scale
    for row in item.rows:
        assert set(row.settings) <= settings_of(row.recipe), row.name
        assert set(row.published) <= set(item.numbers), row.name
        assert row.recipe in recipes.RECIPES


def test_all_papers_are_there():
    assert list(dict.fromkeys(key.split("/")[0] for key in ITEMS)) == [
        "isa",
        "noise",
        "survey",
        "vimae",
        "vmi",
    ]
    kept = {f"{item.paper}/{name}" for item in catalogue().values() for name in item.also}
    assert not kept & {*ITEMS, *elsewhere()} and not {*ITEMS} & {*elsewhere()}
    known = {*ITEMS, *elsewhere(), *kept}
    for paper, names in PUBLISHED.items():
        assert {f"{paper}/{name}" for name in names} <= known


@pytest.fixture(scope="module")
def told():
    """Return the numbers of the papers, which are not in the repository."""
    path = Path(os.environ.get("VAEKIT_DATA", "")).parent / "reference" / "published.yaml"
    if not path.is_file():
        pytest.skip("published.yaml is not beside the data")
    return yaml.safe_load(path.read_text())


def test_the_papers_say_no_more(told):
    settings = {"networks", "network"}
    assert {paper: {*names} - settings for paper, names in told.items()} == {
        paper: {*names} for paper, names in PUBLISHED.items()
    }


def test_numbers_are_those_of_the_papers(told):
    for k in range(1, 6):
        table = told["vimae"][f"table-{k}"]
        for place, (model, *values) in enumerate(table["rows"]):
            items = ["table-5-faces", "table-5"] if k == 5 else [f"table-{k}"]
            rows = [r for i in items for r in find_item(f"vimae/{i}").rows]
            row = [r for r in rows if _same(r.name, model)]
            shown = [v for r in row for v in r.published.values()]
            scale = 100 if k in (2, 3, 4) else 1
            assert [v * scale for v in shown] == pytest.approx([v for v in values if v]), place
    for k in (1, 2):
        rows = find_item(f"noise/table-{k}").rows
        for row, values in zip(rows, told["noise"][f"table-{k}"]["rows"], strict=True):
            beta, noise, variances, shares, *indicators = values[:8]
            assert row.name == f"β = {beta}, {noise}"
            assert list(row.published.values())[-4:] == indicators
            names = ["noise_variance_0", "noise_variance_1"][: len(variances or ())]
            names = names if len(names) > 1 else ["noise_variance"][: len(names)]
            assert [row.published[name] for name in names] == (variances or [])
            assert row.published.get("noise_share_0", 1) == (shares or [1])[0]
    rows = find_item("isa/figures-8-to-16").rows
    for row, values in zip(rows, told["isa"]["figures-8-to-16"]["rows"], strict=True):
        assert [row.published["mig"], -row.published["distortion"]] == values[2:]
    accuracy = [row.published["cluster_accuracy"] for row in find_item("vmi/categories").rows]
    assert accuracy == list(told["vmi"]["categorical-accuracy"].values())[1:]


def _same(name, model):
    return name.replace("β", "beta").lower() == model.lower()


def test_settings_are_those_of_the_papers(told):
    asked = told["noise"]["figure-4-5-8"]
    rows = find_item("noise/figures-4-5-8").at("paper").rows
    betas = [row.settings["beta"] for row in rows if "beta" in row.settings]
    assert betas == asked["learned_noise_beta"]
    sigmas = [float(row.settings["likelihood"][15:-1]) for row in rows[: -len(betas)]]
    assert [s**2 for s in sigmas] == pytest.approx(asked["fixed_sigma2"], rel=5e-3)
    sprites = told["isa"]["dsprites"]
    rows = find_item("isa/figure-5").at("paper").rows
    assert [row.settings["beta"] for row in rows if row.recipe == "isa_vae"] == sprites["beta"]
    gammas = [row.settings["gamma"] for row in rows if row.recipe == "factor_vae"]
    assert gammas == sprites["gamma_factorvae"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("reproduced")


@pytest.mark.parametrize("key", ITEMS)
def test_smoke_ends_with_a_page_that_has_every_number(key, out):
    if key in FID:
        pytest.skip("trains a network of features for each run: metrics/test_frechet.py has fid")
    made = make(key, out=out)
    page = made.page.read_text()
    assert made.failed == 0 and all(made.runs.values())
    assert made.page == out / f"{key.replace('/', '-')}-smoke" / "page.html"
    measured = {name for known in made.spreads.values() for name in known}
    assert measured == set(made.item.numbers)
    for text in (made.item.title, made.item.setting, "Smoke: a few steps", "not asked"):
        assert text in page or text.replace("'", "&#39;") in page, text
    for kind in made.item.pictures:
        assert f'id="{kind}"' in page and "Left out" not in page
    assert ('id="figure"' in page) == bool(made.item.along)
    assert 'src="http' not in page
    seeds = made.item.study("smoke")["seeds"]
    assert all(len(runs) == (1 if seeds == 0 else 2) for runs in made.runs.values())


def test_published_stands_below_measured_and_in_the_table(out):
    item = find_item("noise/table-1")
    made = make(item.key, out=out)
    page = made.page.read_text()
    assert "published 76,892" in page and page.count("published ") >= 30
    again = make(item.key, out=out)  # nothing is trained anew
    assert again.page.stat().st_mtime >= made.page.stat().st_mtime
    assert again.spreads == made.spreads
    trained, refitted = (made.spreads[f"β = 1, {name}"] for name in NETWORK)
    folders = {tuple(run.folder for run in made.runs[f"β = 1, {name}"]) for name in NETWORK}
    assert len(folders) == 1, "refits are not trained"
    told = [
        json.loads((run.folder / "refits.json").read_text())["mixture(2)"]
        for run in made.runs["β = 1, Network(MoG-2)"]
    ]
    assert refitted["elbo"].values == tuple(each["elbo"]["value"] for each in told)
    assert refitted["noise_share_0"].mean == pytest.approx(
        sum(each["noise"]["noise_share_0"] for each in told) / 2
    )
    assert refitted["squared_error"] == trained["squared_error"] and "noise_share_0" not in trained
    encoded = re.search(
        r'download="table-1.csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page
    )
    assert encoded

    rows = list(csv.DictReader(base64.b64decode(encoded[1]).decode().splitlines()))
    assert len(rows) == len(item.rows)
    assert float(rows[0]["elbo published"]) == 76892
    assert float(rows[0]["elbo"]) == pytest.approx(made.spreads["β = 1, G"]["elbo"].mean)
    assert rows[0]["elbo runs"] == "2"


def spreads(**values):
    return {name: {"mig": SeedSpread(tuple(each))} for name, each in values.items()}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"a": [0.5, 0.51, 0.52], "b": [0.1, 0.11, 0.12]}, "holds"),
        ({"a": [0.1, 0.11, 0.12], "b": [0.5, 0.51, 0.52]}, "contradicted"),
        ({"a": [0.1, 0.5, 0.9], "b": [0.1, 0.5, 0.8]}, "not decided"),
        ({"a": [0.9], "b": [0.1]}, "one run each"),
        ({"a": [0.9, 0.9]}, "open"),
    ],
)
def test_a_claim_is_judged_by_differences_over_seeds(values, word):
    verdict = judged(Claim("a above b", "mig", [["a", "b"]]), [], spreads(**values))
    assert verdict.word == word


def test_a_claim_fails_with_its_weakest_step():
    values = {"a": [0.9, 0.91], "b": [0.5, 0.51], "c": [0.7, 0.71]}
    verdict = judged(Claim("a, b, c", "mig", [["a", "b", "c"]]), [], spreads(**values))
    assert verdict.word == "contradicted" and len(verdict.steps) == 2
    assert verdict.steps[0] == "a − b: +0.4 ± 0.0071"
    assert judged(Claim("so it is", note="see there"), [], {}).word == "answered"


LINE = {"x": 1.0, "y": 0.0}, {"x": 4.0, "y": 6.0}, {"x": 3.0, "y": 4.0}  # y = 2 (x − 1)


@pytest.mark.parametrize(
    ("above", "word", "said"),
    [
        ([{"x": 2.0, "y": 2.5}], "holds", ["above 0 − low at 2: +0.5 ± 0"]),
        ([{"x": 2.0, "y": 2.5}, {"x": 5.0, "y": 0.0}], "holds", ["above 0 − low at 2: +0.5 ± 0"]),
        ([{"x": 2.0, "y": 1.0}, {"x": 3.5, "y": 9.0}], "contradicted", 2),
        ([{"x": 0.5, "y": 9.0}], "open", []),
        ([{"x": 2.0}], "open", []),
    ],
)
def test_lines_are_compared_at_equal_places(above, word, said):
    names = [f"above {i}" for i in range(len(above))] + ["low 0", "low 1", "low 2"]
    numbers = dict(zip(names, [*above, *LINE], strict=True))
    rows = [ItemRow(name, name.split()[0], {}) for name in names]
    seeds = {k: {n: SeedSpread((v, v)) for n, v in each.items()} for k, each in numbers.items()}
    claim = Claim("above is higher at equal x", "y", [["above", "low"]], at="x")
    verdict = judged(claim, rows, seeds)
    assert verdict.word == word
    assert list(verdict.steps) == said or len(verdict.steps) == said
    once = {k: {n: SeedSpread((v,)) for n, v in each.items()} for k, each in numbers.items()}
    assert judged(claim, rows, once).word == ("open" if word == "open" else "one run each")


def test_lines_over_a_wide_range_are_straight_on_its_logarithm():
    rows = [ItemRow(name, name, {}) for name in ("a", "b", "c")]
    rows[2] = ItemRow("c", "b", {})
    numbers = {"a": (1.0, 1.5), "b": (0.1, 0.0), "c": (10.0, 2.0)}
    seeds = {k: {"x": SeedSpread((x,)), "y": SeedSpread((y, y))} for k, (x, y) in numbers.items()}
    claim = Claim("equal", "y", [["a", "b"]], at="x")
    assert judged(claim, rows, seeds).steps == ("a − b at 1: +0.5 ± 0",)


def test_the_list_names_every_item(capsys):
    said = ok(capsys, "reproduce", "--list")
    assert all(key in said for key in (*ITEMS, *elsewhere()))
    assert all(name in said for item in catalogue().values() for name in item.also)
    only = ok(capsys, "reproduce", "vimae", "--list")
    assert "vimae/table-3" in only and "noise/" not in only


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a paper or PAPER/ITEM"),
        (("nois",), "Did you mean 'noise'?"),
        (("noise/table-9",), "Did you mean 'noise/table-"),
        (("isa/toys",), "is no study of its own"),
        (("noise/table-1", "--scale", "tiny"), "unknown scale"),
        (("vimae", "--scale", "huge"), "unknown scale"),
        (("noise/table-2", "--scale", "small"), "scale of noise/table-2"),
        (("noise/table-1", "--workers", "0"), "≥ 1"),
        (("noise/table-1", "--data-dir", "nowhere"), "nowhere"),
        (("noise/table-1", "--out", "taken"), "taken"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("x")
    assert said in fails(capsys, "reproduce", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_paper_is_all_its_items():
    assert [item.name for item in chosen_items("vmi")] == ["categories", "fashion", "coordinates"]
    assert chosen_items("noise/figure-13") == [find_item("noise/figures-4-5-8")]
    with pytest.raises(VaekitError, match="Did you mean"):
        find_item("isa/figure-8")


def test_the_run_that_stands_for_a_row():
    """The nearest to the mean of the upper half by the first number, each by its own variance."""
    rows = [
        {"mig": 0.01, "distortion": 500.0},
        {"mig": 0.30, "distortion": 25.0},
        {"mig": 0.40, "distortion": 20.0},
        {"mig": 0.02, "distortion": 22.0},
        {"mig": 0.36, "distortion": 22.4},
        {"mig": 0.03, "distortion": 22.0},
    ]
    assert representative(rows, ("mig", "distortion")) == 4
    assert representative(rows, ("distortion", "mig")) == 1  # another half: 500, 25, 22.4
    assert representative([{"mig": None}, {"mig": 0.2}], ("mig",)) == 1
    assert representative([{}], ("mig",)) == 0
