"""All that is said of a study's results, computed once for the page and the shell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vaekit.errors import VaekitError
from vaekit.study import analysis
from vaekit.study.analysis.fronts import usual_pair
from vaekit.study.udr import Agreement

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Comparison:
    """Hold a table of results with its settings, and what each function of `analysis` says of it.

    `pair` names the numbers (y, x) of the trade-off, None where there are none to trade; `udr` is
    by run, empty where it was not computed.
    """

    table: "pl.DataFrame"
    numbers: Sequence[str]
    summary: "pl.DataFrame"
    shares: "pl.DataFrame"
    over_all: "pl.DataFrame"
    within: "pl.DataFrame"
    choices: "pl.DataFrame"
    pair: tuple[str, str] | None
    front: "pl.DataFrame | None"
    udr: Mapping[str, Agreement]


def compared(
    table: "pl.DataFrame",
    udr: Mapping[str, Agreement] | None = None,
    strengths: Sequence[str] = (),
    pair: tuple[str, str] | None = None,
) -> Comparison:
    """Compute all that a table of results says.

    Raises `VaekitError` for what is no table of results, no finished run or number, names of
    nothing in the table, and a pair that is no trade-off.
    """
    table = analysis.with_settings(table, strengths)
    numbers = analysis.number_names(table)
    if not numbers:
        raise VaekitError("no run of the study has a number: nothing can be compared")
    pair = pair or usual_pair(table)
    return Comparison(
        table,
        numbers,
        analysis.summary(table),
        analysis.variance_shares(table),
        analysis.correlations(table),
        analysis.correlations(table, within=True),
        analysis.choices(table, {name: each.udr for name, each in (udr or {}).items()}),
        pair,
        analysis.front(table, *pair) if pair else None,
        udr or {},
    )
