"""The page in a browser: it is touched as a reader touches it."""

import time

import browser
import pytest
from asking import picture

from vaekit.explore import Explorer, Server
from vaekit.explore.api import Api

READY = "body[data-ready]"
TIME = """async (moves) => {
  const slider = document.querySelector(".first input[type=range]");
  const picture = document.querySelector(".decoded");
  const times = [];
  for (let i = 0; i < moves; i++) {
    const shown = new Promise((done) => picture.addEventListener("load", done, { once: true }));
    slider.value = -2 + (i % 5);
    const begin = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await shown;
    times.push(performance.now() - begin);
  }
  return times.sort((a, b) => a - b)[moves >> 1];
}"""


def changed(page, selector: str, before: str) -> None:
    """Wait until a picture is another one."""
    page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).getAttribute('src') !== before",
        arg=[selector, before],
    )


def test_the_page_can_be_touched(server, tmp_path):
    for name, content in (("own.png", picture()), ("broken.png", b"no picture")):
        (tmp_path / name).write_bytes(content)
    with browser.opened() as seen:
        page = seen.page
        page.goto(server.address)
        page.wait_for_selector(READY)
        place = page.locator(".panel").first
        page.wait_for_selector(".panel .decoded[src]")  # it comes a moment after the page
        before = place.locator(".decoded").get_attribute("src")
        assert before.startswith("data:image/png")
        place.locator(".first input").first.press("ArrowRight")
        place.locator(".first input").first.press("Home")
        changed(page, ".decoded", before)
        place.locator(".reset").click()
        page.wait_for_function(
            "before => document.querySelector('.decoded').src === before", arg=before
        )
        assert "Squared error at the mean code" in place.locator(".seen").inner_text()

        place.locator(".file").set_input_files(tmp_path / "own.png")
        page.wait_for_function(
            "() => document.querySelector('.examples h3').textContent.includes('own.png')"
        )
        place.locator(".file").set_input_files(tmp_path / "broken.png")
        place.locator(".error").wait_for()
        assert "broken.png" in place.locator(".error").inner_text()
        drop(page, "dropped.png", picture())
        page.wait_for_function(
            "() => document.querySelector('.examples h3').textContent.includes('dropped.png')"
        )
        assert not place.locator(".error").is_visible()
        page.wait_for_function("() => document.querySelectorAll('.score tbody tr').length > 3")

        now = place.locator(".decoded").get_attribute("src")
        place.locator(".draw").click()
        place.locator(".sample").nth(3).click()
        changed(page, ".decoded", now)
        assert "no scores" in place.locator(".said").inner_text()
        place.locator(".keep-a").click()
        place.locator(".sample").nth(5).click()
        place.locator(".keep-b").click()
        place.locator(".along").press("Home")
        with page.expect_download() as waiting:
            place.locator("[data-what=line]").click()
        assert waiting.value.suggested_filename == "line.gif"
        place.locator(".reset").click()  # to the example before
        page.wait_for_function("() => document.querySelectorAll('.score tbody tr').length > 3")
        print(f"slider to picture: median {page.evaluate(TIME, 30):.1f} ms")
        assert not seen.errors and not seen.outside


def drop(page, name: str, content: bytes) -> None:
    """Drop a file onto the first run of the page."""
    page.evaluate(
        """([name, bytes]) => {
          const moved = new DataTransfer();
          moved.items.add(new File([new Uint8Array(bytes)], name));
          const event = new DragEvent("drop", { dataTransfer: moved, bubbles: true });
          document.querySelector(".panel").dispatchEvent(event);
        }""",
        [name, list(content)],
    )


def test_moves_never_queue_up(server, monkeypatch):
    asked = []
    answer = Api.answer

    def slow(self, name, query):
        if name == "decode":
            asked.append(query["z"])
            time.sleep(0.1)
        return answer(self, name, query)

    with browser.opened() as seen:
        page = seen.page
        page.goto(server.address)
        page.wait_for_selector(READY)
        monkeypatch.setattr(Api, "answer", slow)
        page.evaluate("""() => {
          const slider = document.querySelector(".first input[type=range]");
          for (let i = 0; i <= 40; i++) {
            slider.value = i / 20;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }""")
        page.wait_for_function(
            "() => document.querySelector('.first .number').textContent === '2.00'"
        )
        page.wait_for_load_state("networkidle")
    assert 1 <= len(asked) <= 3 and 2.0 in asked[-1]


def test_two_runs_of_a_shape_see_the_same_example(run_of, sprites):
    with Server([sprites, Explorer(run_of("ae"))]) as server, browser.opened() as seen:
        page = seen.page
        page.goto(server.address)
        page.wait_for_selector(READY)
        page.locator(".index").first.fill("2")
        page.locator(".index").first.press("Enter")
        page.wait_for_function(
            """() => [...document.querySelectorAll('.examples h3')]
              .every((each) => each.textContent === 'Example test 2')"""
        )
        assert not page.locator(".picker").nth(1).is_visible()
        assert page.locator(".draw").nth(0).is_visible()
        assert not page.locator(".draw").nth(1).is_visible()  # it has no prior
        assert not seen.errors and not seen.outside


def test_of_three_runs_two_are_chosen(sprites, table, run_of):
    wide = Explorer(run_of("vae", latent=200))
    with Server([sprites, table, wide]) as server, browser.opened() as seen:
        page = seen.page
        page.goto(server.address)
        page.wait_for_selector(READY)
        page.locator("#right").select_option("2")
        page.wait_for_function(
            "() => document.querySelectorAll('.panel')[1]?.querySelectorAll('.slider').length > 200"
        )
        page.locator(".rest summary").nth(1).click()
        last = page.locator(".rest").nth(1).locator("input").last
        last.press("End")
        assert float(last.input_value()) == pytest.approx(wide.latents[-1].high, abs=1e-3)
        assert not seen.errors and not seen.outside


def test_rows_of_a_table_on_a_small_dark_page(table):
    with (
        Server([table]) as server,
        browser.opened(420, 800, color_scheme="dark", has_touch=True) as seen,
    ):
        page = seen.page
        page.goto(server.address)
        page.wait_for_selector(READY)
        cell = page.locator(".columns tbody tr").first.locator("td").nth(1)
        before = cell.inner_text()
        page.locator(".first input").first.press("Home")
        page.wait_for_function(
            "before => document.querySelector('.columns td:nth-child(3)').textContent !== before",
            arg=before,
        )
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 420 and not seen.errors and not seen.outside


def test_the_page_is_for_all(server):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    with browser.opened() as seen:
        seen.page.goto(server.address)
        seen.page.wait_for_selector(READY)
        for scheme in ("light", "dark"):
            seen.page.emulate_media(color_scheme=scheme)
            result = axe.Axe().run(seen.page).response
            serious = [v for v in result["violations"] if v["impact"] in ("serious", "critical")]
            assert not serious, serious
