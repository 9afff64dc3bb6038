"""Which group of runs has the best of each number, where that can be said at all.

Two means are told apart where they differ by more than 2 √(e₁² + e₂²), e their standard errors.
Errors over examples are of the same examples in both, so they exaggerate the doubt; errors over
seeds do not. Of an accuracy from few labels the error is over examples and over draws of labels.
What is named are the groups that this cannot tell from the best.

No best is named for a number that is no merit in itself (a rate, a count of units), nor where the
groups' values are no common measure: other test items, another estimator, a probability of x here
and a density there, or one of x given what another has to find out. A score that is not clearly
above its value on shuffled factors says nothing of a code, and is not the best of any: it must lie
above it by a twentieth and by 2 √(e² + e_shuffled²).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaekit.report import tables
from vaekit.report.comparison.groups import Group, Value

OF_X = ("elbo", "distortion", "log_likelihood")  # logarithms of p(x): its measure matters
CLEAR = 0.05  # above the shuffled value, for scores are 1 at best
UNBIASED = ("distortion", "squared_error")  # the same quantity, whatever n and draws


@dataclass(frozen=True)
class Ranking:
    """Say of a number which way is `better`, the `best` group, those `near` it, or `why` none."""

    name: str
    better: str = ""
    best: int | None = None
    near: tuple[int, ...] = ()
    why: str = ""


def ranking(name: str, groups: Sequence[Group], measures: Sequence[str | None]) -> Ranking:
    """Find the best of a number; `measures` say of each group what its log p is of."""
    means = [group.number(name) for group in groups]
    known = [i for i, mean in enumerate(means) if mean is not None]
    why = _obstacle(name, [groups[i] for i in known], [measures[i] for i in known])
    ranked, why = ranks(name, means, [group.shuffled(name) for group in groups], why)
    marks = [mark for _, mark in ranked]
    best = marks.index("best") if "best" in marks else None
    near = tuple(i for i, mark in enumerate(marks) if mark == "near")
    better = tables.better(name)
    return Ranking(name, better, best, near, why if better else "")


def ranks(
    name: str, means: Sequence[Value | None], shuffled: Sequence[Value | None], why: str = ""
) -> tuple[list[tuple[int | None, str | None]], str]:
    """Rank means with ties, and mark the best and what cannot be told from it; or say `why` not.

    Returns (rank, mark) of each, None where it has no value or none are ranked. A number that is
    no merit in itself is not ranked; a score that is not clearly above its shuffled value is not
    the best of any.
    """
    better = tables.better(name)
    blank: list[tuple[int | None, str | None]] = [(None, None)] * len(means)
    known = {i: mean for i, mean in enumerate(means) if mean is not None}
    if not better:
        return blank, "no merit in itself"
    if why or len(known) < 2:
        return blank, why or "one setting has it only"
    sign = 1 if better == "higher" else -1
    fit = [i for i in known if better == "lower" or is_clear(known[i], shuffled[i])]
    if not fit:
        return blank, "none is clearly above its shuffled value"
    best = max(fit, key=lambda i: sign * known[i].value)
    values = np.array([sign * each.value for each in known.values()])
    errors = np.array([each.se or 0.0 for each in known.values()])
    doubt = 2 * np.hypot(errors[:, None], errors)
    ahead = dict(zip(known, (values - values[:, None] > doubt).sum(1).tolist(), strict=True))
    marked: list[tuple[int | None, str | None]] = []
    for i in range(len(means)):
        if i not in known:
            marked.append((None, None))
            continue
        near = i in fit and not differ(known[i], known[best])
        marked.append((1 + ahead[i], "best" if i == best else "near" if near else ""))
    return marked, ""


def differ(a: Value, b: Value) -> bool:
    """Tell whether two means differ by more than twice the standard error of their difference."""
    return abs(a.value - b.value) > 2 * math.hypot(a.se or 0.0, b.se or 0.0)


def is_clear(score: Value, shuffled: Value | None) -> bool:
    """Tell whether a score says more than it says of shuffled factors; others always do."""
    if shuffled is None:
        return True
    return score.value - shuffled.value > CLEAR and differ(score, shuffled)


def _obstacle(name: str, groups: Sequence[Group], measures: Sequence[str | None]) -> str:
    entries = [e for group in groups for e in group.entries if name in e.numbers]
    if len({entry.data for entry in entries}) > 1:
        return "judged on different data"
    kinds = dict.fromkeys(kind for kind in measures if kind)
    if name in OF_X and len(kinds) > 1:
        return f"no common scale: {', '.join(kinds)}"
    keys = ("split",) if name in UNBIASED else ("split", "estimator", "n", "bins")
    for key in keys:
        ways = dict.fromkeys(str(entry.numbers[name].get(key, "")) for entry in entries)
        if len(ways) > 1:
            return f"judged in different ways: {key} {', '.join(ways)}"
    return ""
