"""Pages as a browser shows them: on a phone, in the dark, by keyboard, under a strict policy."""

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any

import browser
import numpy as np
import polars as pl
import pytest
from test_study_analysis import grid, noise

import vaekit
from vaekit import report
from vaekit.study import page as study_page

SMALL = {"network": "mlp(16)", "device": "cpu", "verbose": False, "epochs": 2, "batch": 50}
KINDS = ("images", "table", "comparison", "study")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Write the page of a run of images, of a table, of a comparison and of a study."""
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(0)
    names = [f"a rather long name of column {i}" for i in range(9)]
    frame = pl.DataFrame(rng.normal(size=(120, 9)), schema=names)
    frame.with_columns(kind=pl.Series(["u", "v", "w"] * 40)).write_csv(folder / "t.csv")
    sprites = {**SMALL, "data": "sprites(scales=2, rotations=2, positions=4, size=16)"}
    runs = [
        vaekit.train("beta_vae", folder / f"run{i}", **sprites, latent=4, beta=beta)
        for i, beta in enumerate((1.0, 4.0, 16.0))
    ]
    for run in runs:
        run.evaluate(metrics="mig,sap,dci", information=True, importance_samples=2)
    runs[0].ledger(n=60, samples=2)
    table = {"data": f"table('{folder / 't.csv'}', label=kind)", "likelihood": "gaussian(sigma=1)"}
    rows = vaekit.train("vae", folder / "rows", **SMALL, **table, latent=3)
    known = study_page.compared(grid(noise(), sets=("digits", "mnist")))
    return {
        "images": runs[0].report(),
        "table": rows.report(),
        "comparison": report.compare(runs, folder / "compare.html"),
        "study": study_page.write_comparison(known, folder / "study.html"),
    }


def violations(seen: browser.Seen) -> list[str]:
    """Return what axe finds serious or critical on the page that is open."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    results = axe.Axe().run(seen.page).response["violations"]
    grave = [each for each in results if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in grave]


def look(seen: browser.Seen, path: Path) -> Any:
    """Open a page, every fold of it too."""
    seen.page.goto(path.as_uri())
    seen.page.evaluate("document.querySelectorAll('details').forEach((fold) => fold.open = true)")
    return seen.page


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(kind, scheme, pages):
    with browser.opened(color_scheme=scheme) as seen:
        look(seen, pages[kind])
        assert violations(seen) == []
    assert not seen.errors and not seen.outside


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_phone(kind, pages):
    with browser.opened(width=420, height=800) as seen:
        page = look(seen, pages[kind])
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 420
        heights = page.evaluate(
            "Array.from(document.querySelectorAll('table.numbers tbody tr'),"
            " (row) => [row.getBoundingClientRect().height, row.textContent.slice(0, 80)])"
        )
        assert heights and max(heights)[0] <= 100, max(heights)
        assert violations(seen) == []
    assert not seen.errors and not seen.outside


@pytest.mark.parametrize("kind", KINDS)
def test_the_way_by_keyboard(kind, pages):
    with browser.opened(width=420) as seen:
        page = look(seen, pages[kind])
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        levels = page.evaluate(
            "Array.from(document.querySelectorAll('h1,h2,h3,h4'), (head) => +head.tagName[1])"
        )
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(b - a <= 1 for a, b in pairwise(levels))
        boxes = page.locator(".wide")
        assert all(boxes.nth(i).get_attribute("tabindex") == "0" for i in range(boxes.count()))


def test_the_policy_lets_nothing_else_run(pages):
    with browser.opened() as seen:
        page = look(seen, pages["images"])
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'),"
            " {textContent: 'window.ran = 1'}))"
        )
        assert page.evaluate("window.ran") is None
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('img'),"
            " {src: 'http://example.com/a.png'}))"
        )
        page.wait_for_timeout(100)
    assert len(seen.errors) == 2 and all("Content Security Policy" in e for e in seen.errors)


def test_in_print_all_is_there(pages):
    with browser.opened() as seen:
        seen.page.goto(pages["images"].as_uri())
        estimators = seen.page.locator("#numbers details table")
        assert not estimators.is_visible()
        seen.page.emulate_media(media="print")
        assert estimators.is_visible()
        assert not seen.page.locator("nav").is_visible()


def test_the_summary_comes_first(pages):
    with browser.opened() as seen:
        page = look(seen, pages["images"])
        assert page.locator("main > section").first.get_attribute("id") == "summary"
        assert page.locator("#summary h3").all_inner_texts()[0] == "How good"
        assert "estimator" not in page.locator("#numbers > .wide thead").inner_text()


def test_runs_and_numbers_are_chosen(pages):
    with browser.opened() as seen:
        page = look(seen, pages["comparison"])
        row = page.locator("#numbers tr[data-runs='1']")
        line = page.locator("#settings-varied g[data-line]").first
        mark = page.locator("#settings-varied g[data-runs='1']").first
        picture = page.locator("#pictures img[data-runs='1']")
        assert row.count() == 3 and row.first.is_visible() and picture.is_visible()
        assert line.is_visible() and mark.count()
        page.locator(".chooser [data-of=runs] input").nth(1).uncheck()
        assert not row.first.is_visible() and not picture.is_visible()
        assert not mark.is_visible() and not line.is_visible()
        page.locator(".chooser [data-of=number] input[value=elbo]").uncheck()
        assert not page.locator("[data-number=elbo]").first.is_visible()
        assert page.locator("[data-number=rate]").first.is_visible()
        page.locator(".chooser [data-of=number] input[value=elbo]").check()
        page.locator(".chooser [data-of=runs] input").nth(1).check()
        assert row.first.is_visible() and line.is_visible()
    assert not seen.errors


def test_without_scripts_there_is_nothing_to_choose(pages):
    with browser.opened(java_script_enabled=False) as seen:
        seen.page.goto(pages["comparison"].as_uri())
        assert not seen.page.locator(".chooser").is_visible()
        assert seen.page.locator("#numbers tr[data-runs='1']").first.is_visible()


def test_scores_are_reached_and_the_first_column_stays(pages):
    with browser.opened(width=420) as seen:
        page = look(seen, pages["comparison"])
        box = page.locator(".wide:has(> .numbers.many.fixed)").first
        before = box.locator("tbody .label").first.bounding_box()
        box.evaluate("(box) => box.scrollTo(box.scrollWidth, 0)")
        after, frame = box.locator("tbody .label").first.bounding_box(), box.bounding_box()
        assert before["x"] == pytest.approx(after["x"], abs=1)
        last = box.locator("tbody tr").first.locator("td").last.bounding_box()
        assert last["x"] + last["width"] <= frame["x"] + frame["width"] + 1


def test_tables_are_taken_away_as_csv(pages, tmp_path):
    with browser.opened(accept_downloads=True) as seen:
        page = look(seen, pages["comparison"])
        names = page.locator("a.csv").all_inner_texts()
        assert names == ["runs.csv", "numbers.csv", "scores.csv", "ranking.csv"]
        for name in names:
            with page.expect_download() as waiting:
                page.get_by_role("link", name=name).click()
            assert waiting.value.suggested_filename == name
            waiting.value.save_as(tmp_path / name)
    tables = {
        name: list(csv.DictReader((tmp_path / name).read_text(encoding="utf-8").splitlines()))
        for name in names
    }
    assert [row["beta"] for row in tables["runs.csv"]] == ["1.0", "4.0", "16.0"]
    first = tables["numbers.csv"][0]
    run = vaekit.Run(pages["images"].parent)
    assert float(first["elbo"]) == run.metrics["elbo"]["value"]
    assert float(first["elbo standard error"]) == run.metrics["elbo"]["se"]
    assert "mig shuffled" in tables["scores.csv"][0]
    assert {"name", "better", "estimator"} <= tables["ranking.csv"][0].keys()
