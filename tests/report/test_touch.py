"""The page under a reader's hands, in a browser: sliders, the map of codes, tables that sort."""

import json
import os
from pathlib import Path

import browser
import numpy as np
import polars as pl
import pytest
import torch

from vaekit import report
from vaekit.report.codes import encode_items
from vaekit.report.section import View
from vaekit.report.touch.frames import frames_of
from vaekit.runs import Config, Run, train
from vaekit.training import Training

MOST = 5_000_000  # bytes of a page
DATA = Path(os.environ.get("VAEKIT_DATA") or Path(__file__).parents[3] / "shared" / "data")


def view_of(run: Run) -> View:
    model, test = run.model, run.data.test
    return View(model, test, encode_items(model, test), run.folder)


@pytest.fixture(scope="session")
def page_at(tmp_path_factory):
    """Write a run's page once, and say where."""
    pages: dict[Path, Path] = {}

    def write(run: Run) -> Path:
        if run.folder not in pages:
            pages[run.folder] = report.write_report(
                run, tmp_path_factory.mktemp("page") / "page.html"
            )
        return pages[run.folder]

    return write


@pytest.fixture(scope="module")
def table(make, tmp_path_factory) -> Run:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 30)) + rng.normal(size=(300, 30)) / 5
    frame = pl.DataFrame({f"column {i}": numbers[:, i] * 10.0 ** (i - 15) for i in range(30)})
    kind = pl.Series("kind", np.where(numbers[:, 0] > 0, "up", "down"))
    path = tmp_path_factory.mktemp("table") / "t.csv"
    frame.with_columns(kind, pl.lit(1.5).alias("constant")).write_csv(path)
    data = f"table('{path}', label=kind, scale=standard)"
    return make("vae", data, latent=3, likelihood="gaussian(sigma=0.3)")


def test_sliders_move_and_change_the_picture(sprites, page_at):
    view, path = view_of(sprites), page_at(sprites)
    frames = frames_of(view)
    latent, (first, second) = frames.latents[0], frames.starts[:2]
    tiles = {start: view.decoded(*frames.of(start)) for start in (first, second)}
    with browser.opened() as seen:
        seen.page.goto(path.as_uri())
        slider = seen.page.get_by_role("slider").first
        before = pixels(seen.page)
        assert shows(before, tiles[first], 0)
        slider.focus()
        for _ in range(30):  # to the end, and no further
            slider.press("ArrowRight")
        end = pixels(seen.page)
        assert apart(before, end) > 0.5 and shows(end, tiles[first], 25)
        assert slider.get_attribute("aria-valuetext") == "3"
        assert seen.page.locator(".slider.moved").count() == 1
        assert seen.page.locator("[data-part=said]").first.inner_text() == f"z{latent} = 3"
        seen.page.get_by_text("Back to the code itself").click()
        assert apart(pixels(seen.page), before) == 0
        seen.page.locator(".starts label").nth(1).click()
        assert shows(pixels(seen.page), np.concatenate([tiles[second], tiles[first]]), 0)
    assert not seen.errors and not seen.outside


def test_two_latents_move_together(sprites, page_at):
    view = view_of(sprites)
    frames = frames_of(view)
    grid = view.decoded(*frames.grid(frames.starts[0]))
    with browser.opened(420, 800, has_touch=True) as seen:
        seen.page.goto(page_at(sprites).as_uri())
        square = seen.page.locator("[data-part=grid]")
        square.scroll_into_view_if_needed()
        box = square.bounding_box()
        seen.page.touchscreen.tap(box["x"] + 3, box["y"] + 3)  # the upper left corner
        assert shows(pixels(seen.page), grid, 0)
        said = seen.page.locator("[data-part=said]").first
        a, b = frames.latents[:2]
        assert said.inner_text() == f"z{a} = −3, z{b} = 3"
        square.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
            seen.page.keyboard.press(key)
        assert shows(pixels(seen.page), grid, 2 * 11 + 1)
        assert said.inner_text() == f"z{a} = −2.4, z{b} = 1.8"
        assert seen.page.locator(".explorer").bounding_box()["width"] <= 420
    assert not seen.errors and not seen.outside


def test_the_map_shows_the_item_pointed_at(sprites, page_at):
    view = view_of(sprites)
    with browser.opened() as seen:
        page = seen.page
        page.goto(page_at(sprites).as_uri())
        data = json.loads(page.locator(".map script").inner_text())
        svg, said = page.locator(".map svg"), page.locator(".map [data-part=said]")
        svg.scroll_into_view_if_needed()
        points = np.array(data["points"][0]).reshape(-1, 2)
        alone = min(range(len(points)), key=lambda i: points[i].sum())
        place = svg.bounding_box()
        scale = place["width"] / 1000
        page.mouse.move(*(place[k] + v * scale for k, v in zip("xy", points[alone], strict=True)))
        name, *known = said.inner_text().split(" · ")
        assert name == data["names"][alone]
        row = view.codes.rows[[view.judged[alone]]]
        label = view.class_name(int(view.data.batch_labels(row)))
        assert known[0] == f"class {label}" and known[-1].startswith("squared error")
        assert float(known[-1].split()[-1]) == pytest.approx(view.errors[alone], rel=1e-2)
        item = page.locator(".map canvas")
        before = pixels(page, ".map canvas")
        shown = view.tiles(view.data.batch(row))[0]
        assert apart(before[:, :32], shown) < 8 and item.get_attribute("data-place")
        page.locator("[data-part=frame]").focus()
        page.keyboard.press("ArrowRight")
        assert said.inner_text().split(" · ")[0] != name
        colours = set(strokes(page))
        page.locator("[data-part=field]").select_option(label="squared error")
        assert not colours & set(strokes(page)) and len(strokes(page)) > 3
    assert not seen.errors and not seen.outside


def test_tables_sort_by_their_heads(table, page_at):
    with browser.opened() as seen:
        page = seen.page
        page.goto(page_at(table).as_uri())
        errors = page.locator("#errors table")
        names = [f"column {i}" for i in range(30)]
        assert errors.locator("tbody th").all_inner_texts() == [*names, "constant"]
        head = errors.locator("thead th", has_text="RMSE")
        head.get_by_role("button").press("Enter")
        values = [number(text) for text in errors.locator("td:nth-child(2)").all_inner_texts()]
        assert values == sorted(values) and max(values) > 1000
        assert head.get_attribute("aria-sort") == "ascending"
        head.get_by_role("button").click()
        again = [number(text) for text in errors.locator("td:nth-child(2)").all_inner_texts()]
        assert again == sorted(values, reverse=True)
        assert head.get_attribute("aria-sort") == "descending"
        errors.locator("thead th", has_text="R²").get_by_role("button").click()
        assert errors.locator("tbody th").last.inner_text() == "constant"  # which has no R²
        errors.locator("thead th", has_text="column").get_by_role("button").click()
        assert errors.locator("tbody th").all_inner_texts() == [*names, "constant"]
        assert page.locator("#errors [aria-sort]").count() == 1
    assert not seen.errors and not seen.outside


def test_columns_of_a_table_follow_the_sliders(table, page_at):
    view = view_of(table)
    frames = frames_of(view)
    z, c = frames.of(frames.starts[0])
    with torch.no_grad():
        rows = view.own(view.model.likelihood(z[None], c).mean[0].numpy())
    with browser.opened(420, 900) as seen:
        page = seen.page
        page.goto(page_at(table).as_uri())
        bars = page.locator(".bars tr")
        assert bars.count() == 30 and "The 30 of 31 columns that move most" in page.inner_text(
            "body"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        last = page.get_by_role("slider").nth(1)
        last.press("End")
        shown = dict(zip(*(bars.locator(part).all_inner_texts() for part in ("th", "output")),
                         strict=True))  # fmt: skip
        for name, value in shown.items():
            own = rows[2 * 25, int(name.removeprefix("column "))]
            assert number(value) == pytest.approx(own, rel=2e-3), name
        left = [bars.first.locator("i").nth(k).evaluate("e => e.style.left") for k in (0, 1)]
        assert left[0] != left[1]
        page.locator("[data-part=frame]").focus()
        page.keyboard.press("ArrowLeft")
        assert page.locator("[data-part=rows] td").first.inner_text()
    assert not seen.errors and not seen.outside


@pytest.mark.parametrize(
    ("recipe", "arguments", "name"),
    [
        ("vmi_joint_vae", {"style": 3, "categories": 6, "reader": "mlp(8)"}, "class"),
        ("cvae", {"latent": 3}, "class c"),
    ],
)
def test_categories_and_classes_are_buttons(recipe, arguments, name, make, page_at):
    run = make(recipe, "digits", **arguments)
    view = view_of(run)
    frames = frames_of(view)
    tiles = view.decoded(*frames.of(frames.starts[0]))
    with browser.opened() as seen:
        seen.page.goto(page_at(run).as_uri())
        button = seen.page.get_by_role("button", name=f"{name} 2", exact=True)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert shows(pixels(seen.page), tiles, 1 + 25 * len(frames.latents) + 2)
        seen.page.get_by_role("slider").first.press("ArrowLeft")
        assert button.get_attribute("aria-pressed") == "false"
    assert not seen.errors and not seen.outside


@pytest.mark.parametrize("dark", ["light", "dark"])
def test_without_a_script_the_static_pictures_are_there(dark, sprites, table, page_at):
    how = {"java_script_enabled": False, "color_scheme": dark}
    with browser.opened(**how) as seen:
        seen.page.goto(page_at(sprites).as_uri())
        for part in ("[data-part=grid] img", ".strips img", ".map svg path", ".gallery img"):
            assert seen.page.locator(part).first.is_visible(), part
        seen.page.goto(page_at(table).as_uri())
        assert seen.page.locator("#traversals .plot svg").is_visible()
        assert seen.page.locator("#errors tbody tr").count() == 31
        for each in seen.page.locator("[data-touch]").all():
            assert not each.is_visible()
    assert not seen.errors and not seen.outside


def test_in_print_there_are_no_controls(sprites, page_at):
    with browser.opened() as seen:
        seen.page.goto(page_at(sprites).as_uri())
        seen.page.emulate_media(media="print")
        assert not any(each.is_visible() for each in seen.page.locator("[data-touch]").all())
        assert seen.page.locator(".strips img").first.is_visible()


@pytest.mark.parametrize("data", ["mnist", "yale-b(size=[96,84])"])
def test_pages_of_real_pictures_are_small_enough(data, tmp_path, page_at):
    folder = {"mnist": "mnist"}.get(data, "extended-yale-b-cropped")
    if not (DATA / folder).exists():
        pytest.skip(f"no real image sets in {DATA}: set VAEKIT_DATA to run this")
    training = Training(epochs=1, batch=500, device="cpu")
    arguments = {"network": "mlp(64)", "latent": 10}
    run = train(Config("vae", arguments, data, training, data_dir=str(DATA)), tmp_path / "run")
    path = page_at(run)
    assert 100_000 < path.stat().st_size < MOST
    with browser.opened() as seen:
        seen.page.goto(path.as_uri())
        before = pixels(seen.page)
        seen.page.get_by_role("slider").first.press("Home")
        assert apart(pixels(seen.page), before) > 0.2
    assert not seen.errors and not seen.outside


def test_pages_are_small_enough(sprites, table, page_at):
    for run in (sprites, table):
        assert page_at(run).stat().st_size < MOST


def pixels(page, where: str = ".explorer canvas") -> np.ndarray:
    """Read a canvas (H, W, 3) once it is drawn."""
    canvas = page.locator(where)
    page.wait_for_function("c => c.dataset.place !== undefined", arg=canvas.element_handle())
    page.wait_for_timeout(50)
    read = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    width, height = (int(canvas.get_attribute(k)) for k in ("width", "height"))
    return np.array(canvas.evaluate(read)).reshape(height, width, 4)[..., :3]


def shows(shown: np.ndarray, tiles: np.ndarray, place: int) -> bool:
    """Tell whether a picture is that frame of (n, H, W, 3), of which a WebP loses a little."""
    distances = [apart(shown, tile) for tile in tiles]
    return distances[place] < min(12, min(distances) + 0.5)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean distance of pixels, in levels of 255."""
    return float(abs(one.astype(float) - other.astype(float)).mean())


def strokes(page) -> list[str]:
    """List the colours of the map's dots."""
    return page.locator("[data-part=dots] path").evaluate_all("e => e.map((p) => p.style.stroke)")


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))
