"""`vaekit list`: what there is, and what the recipes are made of."""

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

from vaekit.errors import VaekitError

WIDE = 100  # columns of the table of recipes
_MOST = {"recipe": 17, "posterior": 9, "prior": 11, "likelihood": 13, "corruption": 10}
_BETWEEN = "  "


def list_command(words: list[str]) -> None:
    """List recipes, data sets, parts and terms."""
    if words and words[0] not in ("-h", "--help"):
        raise VaekitError(f"list takes no arguments, got {words[0]!r}")
    from vaekit.corruptions import CORRUPTIONS
    from vaekit.data import CATALOGUE
    from vaekit.information import scores  # noqa: F401  with it come the metrics of the prior
    from vaekit.likelihoods import LIKELIHOODS
    from vaekit.metrics import listed_metrics
    from vaekit.networks import NETWORKS
    from vaekit.objectives import TERMS
    from vaekit.posteriors import POSTERIORS
    from vaekit.priors import PRIORS
    from vaekit.recipes import RECIPES
    from vaekit.schedules import SCHEDULES

    _print_table("recipes", {name: f"{r.summary} [{r.paper}]" for name, r in RECIPES.items()})
    print("what they are made of (`vaekit show RECIPE` has it as a command; `compose` takes any)")
    print("\n".join(design(RECIPES.values())), end="\n\n")
    _print_table(
        "data sets (--data NAME, or a path)", {k: _first_line(v) for k, v in CATALOGUE.items()}
    )
    print(f"networks (--network): {', '.join(NETWORKS)}")
    print(f"priors (--prior): {', '.join(PRIORS)}")
    print(f"posteriors (--posterior): {', '.join(POSTERIORS)}, product")
    print(f"corruptions (--corruption): {', '.join(CORRUPTIONS)}")
    print(f"likelihoods (--likelihood): {', '.join(LIKELIHOODS)}")
    print(f"terms (compose --objective): {', '.join(TERMS)}")
    print(f"metrics (evaluate --metrics): {listed_metrics()}")
    print(f"schedules (for any weight): {', '.join(SCHEDULES)}")


def design(recipes: Iterable[Any]) -> list[str]:
    """Return the lines of a table of recipes: the parts by name, and the objective."""
    rest = WIDE - sum(map(len, [_BETWEEN] * len(_MOST))) - sum(_MOST.values())
    widths = [*_MOST.values(), rest]
    lines = _lines([*_MOST, "objective"], widths)
    for recipe in recipes:
        try:
            texts = recipe.composition().texts()
        except VaekitError:  # which makes its system itself
            texts = {"objective": "(of its own function)"}
        cells = [texts.get(name, "").partition("(")[0] for name in list(_MOST)[1:]]
        cells = [recipe.name, *("-" if cell == "none" else cell for cell in cells)]
        lines += _lines([*cells, texts["objective"]], widths)
    return lines


def _lines(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Lay cells side by side, each on as many lines as its width asks for."""
    columns = [_folded(cell, width) for cell, width in zip(cells, widths, strict=True)]
    rows = zip_longest(*columns, fillvalue="")
    return [
        _BETWEEN.join(f"{part:<{w}}" for part, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _folded(text: str, width: int) -> list[str]:
    """Break text into lines of a width, at blanks, else behind _ or (."""
    lines = []
    while len(text) > width:
        start = text[: width + 1]
        at = start.rfind(" ") + 1 or max(start[:width].rfind(c) for c in "_(") + 1 or width
        lines.append(text[:at].rstrip())
        text = text[at:]
    return [*lines, text]


def _print_table(title: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    print(title)
    for name, text in rows.items():
        print(f"  {name:<{width}}  {text}")
    print()


def _first_line(thing: Callable[..., Any]) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]
