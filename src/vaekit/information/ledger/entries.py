"""Entries of a ledger: rows that say how they stand to what they are of, and checks between them.

A check compares two numbers by the differences of each example, or by two standard errors where
the two are of different draws. It holds within four standard errors and a thousandth of a nat,
which is float32's share: what is true fails once in 16 000 checks.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from vaekit.faces import face, with_error
from vaekit.information.rates import Number

SIGNS = {"lower bound": "≥", "upper bound": "≤"}
ERRORS, ROUNDING = 4.0, 1e-3  # standard errors; nats
_NAME, _CHECK = 38, 8


@dataclass(frozen=True)
class Check:
    """State a `claim`, left = right or left ≤ right, and by how much left − right is `off`."""

    claim: str
    off: float
    se: float
    equal: bool

    @property
    def holds(self) -> bool:
        """Tell whether the claim holds within its standard errors; NaN never does."""
        off = abs(self.off) if self.equal else self.off
        return off <= ERRORS * self.se + ROUNDING

    def __str__(self) -> str:
        """Return the claim, and what is wrong where it does not hold."""
        if self.holds:
            return self.claim
        return f"broken: {self.claim} is off by {self.off:.3g} ± {self.se:.2g}"


def equal(claim: str, difference: Tensor) -> Check:
    """Check that differences (n,) are 0 in the mean."""
    return Check(claim, *_mean(difference), True)


def at_most(claim: str, difference: Tensor) -> Check:
    """Check that differences left − right (n,) are 0 or less in the mean."""
    return Check(claim, *_mean(difference), False)


def below(claim: str, left: Number, right: Number) -> Check:
    """Check that a number is at most another, of other draws."""
    return Check(claim, left.value - right.value, math.hypot(left.se or 0, right.se or 0), False)


def _mean(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


@dataclass(frozen=True)
class LedgerRow:
    """Hold one line: its `part` of the code, what it is, the number, and what it was checked for.

    `depth` says of how many rows above it is a part.
    """

    part: str
    key: str
    name: str
    number: Number
    checks: tuple[Check, ...] = ()
    depth: int = 0

    @property
    def relation(self) -> str:
        """Return how the row's name stands to its value: = within its error, ≤ or ≥."""
        return SIGNS.get(self.number.direction, "=")

    @property
    def state(self) -> str:
        """Return `ok`, `broken`, or nothing where there was nothing to check."""
        if not self.checks:
            return ""
        return "ok" if all(check.holds for check in self.checks) else "broken"

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        checks = [{**asdict(check), "holds": check.holds} for check in self.checks]
        own = {key: getattr(self, key) for key in ("part", "key", "name", "depth")}
        return {**own, "relation": self.relation, **asdict(self.number), "checks": checks}


@dataclass(frozen=True)
class Ledger:
    """Hold the rows of a model's information, in nats but for the last, with their checks.

    `parts` names the parts of the code and their sizes, `notes` what could not be stated.
    """

    rows: tuple[LedgerRow, ...]
    parts: dict[str, int]
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Ledger({len(self.rows)} rows, {self._held()}: print(ledger.table()) shows them)"

    def _held(self) -> str:
        """Say how many checks hold."""
        return f"{len(self.checks) - len(self.check())} of {len(self.checks)} checks hold"

    def _repr_html_(self) -> str:
        rows = [
            [
                "\u2003" * row.depth + row.name,
                row.relation,
                *with_error(row.number.value, row.number.se),
                row.state,
                row.number.estimator,
            ]
            for row in self.rows
        ]
        heads = ["row", "", "nats", "", "check", "estimator"]
        lines = [self._held(), *map(str, self.check()), *self.notes]
        return face("Ledger", lines, heads=heads, rows=rows)

    def __getitem__(self, place: str | tuple[str, str]) -> Number:
        """Return the number of a key of the whole code, or of (part, key); KeyError for none."""
        part, key = place if isinstance(place, tuple) else ("", place)
        for row in self.rows:
            if row.key == key and part in ("", row.part):
                return row.number
        raise KeyError(place)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Return every check."""
        return tuple(check for row in self.rows for check in row.checks)

    def check(self) -> tuple[Check, ...]:
        """Return the checks that do not hold: nothing, where the ledger adds up."""
        return tuple(check for check in self.checks if not check.holds)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON can hold, and `from_dict` reads."""
        rows = [row.as_dict() for row in self.rows]
        return {"rows": rows, "parts": self.parts, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> "Ledger":
        """Return the ledger that `as_dict` was asked of."""
        return cls(tuple(map(_row_from_dict, saved["rows"])), saved["parts"], tuple(saved["notes"]))

    def table(self) -> str:
        """Return the ledger as text: name, relation, value ± se, check and estimator by row."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        part, n = None, self.rows[0].number.n
        for row in self.rows:
            if row.part != part:
                part = row.part
                size = self.parts.get(part)
                yield part + (f", {size} entries" if size else "")
            number = row.number
            name = "  " * (row.depth + 1) + row.name
            error = "" if number.se is None else f"± {number.se:.3f}"
            count = "" if number.n == n else f", n = {number.n:,}"
            value = f"{number.value:.3f}".replace("-", "−")
            yield (
                f"{name:<{_NAME}}{row.relation} {value:>10} {error:<9} {row.state:<{_CHECK}}"
                f"{number.estimator}{count}"
            )
        yield f"{self._held()} within {ERRORS:g} standard errors"
        yield from map(str, self.check())
        yield from (f"note: {note}" for note in self.notes)


def _row_from_dict(saved: dict[str, Any]) -> LedgerRow:
    number = Number(**{name: saved[name] for name in Number.__dataclass_fields__})
    checks = [{k: v for k, v in check.items() if k != "holds"} for check in saved["checks"]]
    own = {key: saved[key] for key in ("part", "key", "name", "depth")}
    return LedgerRow(number=number, checks=tuple(Check(**check) for check in checks), **own)
