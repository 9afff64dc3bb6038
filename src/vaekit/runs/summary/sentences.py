"""The sentences of a summary, and how numbers are written in them."""

import math
from typing import Literal, NamedTuple

Kind = Literal["good", "learned", "wrong", "try"]


class Sentence(NamedTuple):
    """Hold a sentence and its kind: how good, what was learned, what is wrong, what to try.

    One to try belongs to the wrong one before it.
    """

    kind: Kind
    text: str


def amount(value: float, error: float | None = None) -> str:
    """Write a number with three digits, or to the first of its error: −86.5 ± 0.9, −15.4 ± 1.4."""
    if not math.isfinite(value):
        return "infinite"
    of = error / 2 if error else value / 100  # of an error that begins with 1 two digits
    digits = -math.floor(math.log10(abs(of))) if of else 0
    if digits > 5:
        return f"{value:.3g}".replace("-", "−")
    said = f"{value:,.{max(0, digits)}f}".replace("-", "−")
    return f"{said} ± {error:,.{max(0, digits)}f}" if error else said


def percent(share: float) -> str:
    """Write a share in percent."""
    if 0 < share < 0.01:
        return "less than 1 %"
    return f"{100 * share:.0f} %".replace("-", "−")
