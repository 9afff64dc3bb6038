"""What the runs of an item say of the paper's claims."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, stdev

import numpy as np

from vaekit.report.comparison.tradeoffs import WIDE
from vaekit.reproduce.items import Claim, ItemRow

SURE = 2.0  # standard errors from which a difference is told from none
Spreads = Mapping[str, Mapping[str, "SeedSpread"]]  # row → number → its values


@dataclass(frozen=True)
class SeedSpread:
    """Hold the values of a number over the runs of a row."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Return the mean over runs."""
        return mean(self.values)

    @property
    def deviation(self) -> float | None:
        """Return the standard deviation over runs; None of one."""
        return stdev(self.values) if len(self.values) > 1 else None

    @property
    def error(self) -> float | None:
        """Return the standard error of the mean over runs; None of one."""
        return None if self.deviation is None else self.deviation / len(self.values) ** 0.5


@dataclass(frozen=True)
class Verdict:
    """Say what the runs say of a claim.

    `word` is holds, contradicted, not decided, one run each, open (no number of it is known),
    answered (by the note), or not asked (at smoke scale).

    `steps` says in numbers how each pair of rows that follow one another compares.
    """

    claim: Claim
    word: str
    steps: tuple[str, ...] = ()


def judged(claim: Claim, rows: Sequence[ItemRow], spreads: Spreads) -> Verdict:
    """Compare the rows, or the lines of rows, that a claim orders, each with the next one.

    It holds where every difference is above two standard errors, and is contradicted where one is
    below minus two. Runs of one seed have no standard error, and decide nothing.
    """
    if not claim.falling:
        return Verdict(claim, "open" if not claim.note else "answered")
    compared = [
        each
        for order in claim.falling
        for above, below in pairwise(order)
        for each in (
            _compared_lines(claim, above, below, rows, spreads)
            if claim.at
            else [_compared_pair(claim, above, below, spreads)]
        )
    ]
    ranked = ("contradicted", "open", "one run each", "not decided")
    words = {word for word, _ in compared}
    word = next((each for each in ranked if each in words), "holds")
    return Verdict(claim, word, tuple(said for _, said in compared if said))


def _compared_pair(claim: Claim, above: str, below: str, spreads: Spreads) -> tuple[str, str]:
    """Compare two rows."""
    high, low = (spreads.get(name, {}).get(claim.number) for name in (above, below))
    if high is None or low is None:
        return "open", ""
    word, said = _compared(high.mean - low.mean, high.error, low.error)
    return word, f"{above} − {below}: {said}"


def _compared_lines(
    claim: Claim, above: str, below: str, rows: Sequence[ItemRow], spreads: Spreads
) -> list[tuple[str, str]]:
    """Compare the rows of one recipe with the line through those of another, at equal `claim.at`.

    The line is straight between its rows, on the axis of the figure (logarithmic where values span
    a factor of 8), and ends with them: rows outside are not compared. Places are means over seeds.
    """
    high, low = (_points(claim, recipe, rows, spreads) for recipe in (above, below))
    if not high or len(low) < 2:
        return [("open", "")]
    places = [x for _, x, _ in high + low]
    log = min(places) > 0 and max(places) / min(places) >= WIDE
    low.sort(key=lambda point: point[1])
    low_x = [math.log(x) if log else x for _, x, _ in low]
    compared = []
    for name, x, spread in high:
        here = math.log(x) if log else x
        if not low_x[0] <= here <= low_x[-1]:
            continue
        line = float(np.interp(here, low_x, [each.mean for _, _, each in low]))
        known = [each.error for _, _, each in low if each.error is not None]
        error = float(np.interp(here, low_x, known)) if len(known) == len(low) else None
        word, said = _compared(spread.mean - line, spread.error, error)
        compared.append((word, f"{name} − {below} at {x:.3g}: {said}"))
    return compared or [("open", "")]


def _points(
    claim: Claim, recipe: str, rows: Sequence[ItemRow], spreads: Spreads
) -> list[tuple[str, float, SeedSpread]]:
    """Return name, place and value of each row of a recipe that has both numbers."""
    known = [(row.name, spreads.get(row.name, {})) for row in rows if row.recipe == recipe]
    return [
        (name, of[claim.at].mean, of[claim.number])
        for name, of in known
        if claim.at in of and claim.number in of
    ]


def _compared(apart: float, above: float | None, below: float | None) -> tuple[str, str]:
    """Judge a difference by the standard errors of its two sides."""
    if above is None or below is None:
        return "one run each", f"{apart:+.4g}".replace("-", "−")
    error = (above**2 + below**2) ** 0.5
    word = "holds" if apart > SURE * error else "contradicted" if apart < -SURE * error else ""
    return word or "not decided", f"{apart:+.4g} ± {error:.2g}".replace("-", "−")
