"""`vaekit reproduce`."""

import sys
import textwrap
from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import parse_words, parser
from vaekit.cli.studying import Lines
from vaekit.errors import VaekitError, nearest

if TYPE_CHECKING:
    from vaekit.reproduce import Item
    from vaekit.study import Engine, Plan

_LINE_WIDTH = 98


def reproduce_command(words: list[str]) -> None:
    """Measure tables and figures of the papers beside what is published."""
    options = _reproduce_options(words)
    if options.list:
        _print_list(options.item)
        return
    if options.item is None:
        raise VaekitError("name a paper or PAPER/ITEM; `vaekit reproduce --list` shows all")
    from vaekit.reproduce import SCALES, chosen_items, reproduce
    from vaekit.study import Here, Processes

    items = chosen_items(options.item)
    if options.scale not in SCALES:
        raise nearest(options.scale, SCALES, "scale")
    if len(items) == 1:
        items[0].study(options.scale)  # refused before anything is trained
    if options.workers is not None and options.workers < 1:
        raise VaekitError(f"--workers must be ≥ 1, got {options.workers}")
    for item in items:
        if options.scale not in item.scales:
            print(f"{item.key} has no scale {options.scale}: {item.measured}")
            continue
        engine = Here() if options.workers == 1 else Processes(options.workers)
        shown = reproduce(
            item.key,
            options.scale,
            options.out,
            engine,
            options.data_dir,
            _Titled(item),
            options.force,
        )
        for verdict in shown.verdicts:
            print(f"  {verdict.word}: {verdict.claim.says}")
        print(f"{shown.page}")


def _reproduce_options(words: list[str]) -> Any:
    made = parser(
        "reproduce",
        "PAPER[/ITEM] | --list",
        "Measure a table, a figure or a claim of one of the five papers, and write a page with "
        "published and measured side by side. Each is a study in OUT/PAPER-ITEM-SCALE, which goes "
        "on where it was stopped. Papers: noise, vmi, isa, vimae, survey.",
        "vaekit reproduce vimae/table-3 --scale small --data-dir data --out reproduced",
    )
    made.add_argument("item", type=str, nargs="?", default=None, help="a paper, or PAPER/ITEM")
    made.add_argument("--list", action="store_true", help="list all items, and what was measured")
    made.add_argument(
        "--scale",
        type=str,
        default="smoke",
        help="smoke: a minute at most, says only that it runs; small: hours on two cores; paper: "
        "the paper's data, networks and steps",
    )
    made.add_argument("--out", type=str, default="reproduced", help="the folder of all items")
    made.add_argument(
        "--data-dir", type=str, default=None, help="where the files of public sets lie"
    )
    made.add_argument(
        "--workers", type=int, default=None, help="processes, each with one run; default one a core"
    )
    made.add_argument("--force", action="store_true", help="overwrite what is no page")
    return parse_words(made, words)


class _Titled(Lines):
    """Name the item before its runs."""

    def __init__(self, item: "Item") -> None:
        super().__init__()
        self.item = item

    def begin(self, plan: "Plan", left: int, engine: "Engine") -> None:
        """Say which item it is, and what is left of it."""
        print(f"{self.item.key}: {self.item.title}", file=sys.stderr, flush=True)
        super().begin(plan, left, engine)


def _print_list(paper: str | None) -> None:
    """Print the items of all papers or of one, each with its scales and what was measured."""
    from vaekit.reproduce import catalogue, chosen_items
    from vaekit.reproduce.items import elsewhere

    items = list(catalogue().values()) if paper is None else chosen_items(paper)
    for item in items:
        print(f"{item.key}  {item.title}")
        also = f" Also: {', '.join(item.also)}." if item.also else ""
        _say(f"scales: {', '.join(item.scales)}.{also} Measured: {item.measured}")
    for key, where in elsewhere().items():
        if paper is None or key.startswith(f"{paper.partition('/')[0]}/"):
            print(f"{key}  no study of its own")
            _say(where)


def _say(text: str) -> None:
    print(textwrap.fill(text, _LINE_WIDTH, initial_indent="    ", subsequent_indent="    "))
