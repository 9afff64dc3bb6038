"""Time a slider's move of `vaekit explore` to the picture that it makes, in a headless chromium.

    python benchmarks/explore.py RUN [MOVES]

Each move waits for the picture of the one before. The time is taken in the page, from the event of
the slider to the first frame in which the picture is loaded. Needs playwright, and chromium.
"""

import shutil
import statistics
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from vaekit.explore import Explorer, Server
from vaekit.runs import Run

MOVE = """async (moves) => {
  const slider = document.querySelector(".first input[type=range]");
  const picture = document.querySelector(".decoded");
  const [low, high] = [Number(slider.min), Number(slider.max)];
  const times = [];
  for (let i = 0; i < moves; i++) {
    const shown = new Promise((done) => picture.addEventListener("load", done, { once: true }));
    slider.value = low + (high - low) * ((i * 0.618) % 1);
    const begin = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await shown;
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - begin);
  }
  return times;
}"""


def measure(run: Path, moves: int = 200) -> list[float]:
    """Return the milliseconds of each move of the first slider of a run of images."""
    with Server([Explorer(Run(run))]) as server, sync_playwright() as playwright:
        path = shutil.which("chromium")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(server.address)
        page.wait_for_selector("body[data-ready]")
        page.wait_for_selector(".score tbody tr")  # so that nothing else is computed
        times = page.evaluate(MOVE, moves)
        chromium.close()
    return times


def main() -> None:
    run, moves = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200
    times = sorted(measure(run, moves))
    print(
        f"{run}: slider to picture over {moves} moves: median {statistics.median(times):.1f} ms, "
        f"90 % within {times[int(0.9 * moves)]:.1f} ms"
    )


if __name__ == "__main__":
    main()
