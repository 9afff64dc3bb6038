"""`vaekit list`: what there is."""

from collections.abc import Callable
from typing import Any

from vaekit.errors import VaekitError


def list_command(words: list[str]) -> None:
    """List recipes, data sets and parts."""
    if words and words[0] not in ("-h", "--help"):
        raise VaekitError(f"list takes no arguments, got {words[0]!r}")
    from vaekit.corruption import CORRUPTIONS
    from vaekit.data import CATALOGUE
    from vaekit.information import scores  # noqa: F401  with it come the metrics of the prior
    from vaekit.likelihoods import LIKELIHOODS
    from vaekit.metrics import listed
    from vaekit.networks import NETWORKS
    from vaekit.posteriors import POSTERIORS
    from vaekit.priors import PRIORS
    from vaekit.recipes import RECIPES
    from vaekit.schedules import SCHEDULES

    _print_table("recipes", {name: f"{r.summary} [{r.paper}]" for name, r in RECIPES.items()})
    _print_table(
        "data sets (--data NAME, or a path)", {k: _first_line(v) for k, v in CATALOGUE.items()}
    )
    print(f"networks (--network): {', '.join(NETWORKS)}")
    print(f"priors (--prior): {', '.join(PRIORS)}")
    print(f"posteriors (--posterior): {', '.join(POSTERIORS)}")
    print(f"corruptions (--corruption): {', '.join(CORRUPTIONS)}")
    print(f"likelihoods (--likelihood): {', '.join(LIKELIHOODS)}")
    print(f"metrics (evaluate --metrics): {listed()}")
    print(f"schedules (for any weight): {', '.join(SCHEDULES)}")


def _print_table(title: str, rows: dict[str, str]) -> None:
    width = max(map(len, rows))
    print(title)
    for name, text in rows.items():
        print(f"  {name:<{width}}  {text}")
    print()


def _first_line(thing: Callable[..., Any]) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]
