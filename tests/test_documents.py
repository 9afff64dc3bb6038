"""Every Python block of the README and the docs runs, in the order of its page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


def test_there_are_blocks():
    assert ROOT / "README.md" in WITH_CODE


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_blocks_run(page):
    names: dict[str, object] = {"__name__": "a_document"}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), names)


def test_named_commands_exist():
    """Recipes that a page trains and flags that it uses are known to the command line."""
    from vaekit.recipes import RECIPES

    for page in PAGES:
        for word in re.findall(r"vaekit train (\w+) ", page.read_text(encoding="utf-8")):
            assert word in RECIPES or word == "RECIPE", (page.name, word)
