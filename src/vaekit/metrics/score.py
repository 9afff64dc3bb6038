"""A score that remembers how it came about.

The same codes have a MIG of .31, .41 or .27 with 5, 20 or 500 bins, and .27 or .41 with 500 or
10 000 points. A number without its bins, its N and its bias is therefore not comparable with any
other, so a `Score` carries them wherever it goes, and is a plain float to whoever only wants that.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vaekit.arguments import check_counts


class Score(float):
    """Carry a score with what explains it; in arithmetic it is its value.

    `parts` holds what it was made of (arrays, one entry for each latent or factor), `settings` how
    it was computed (always `estimator` and `n`), and `shuffled` the same score where the factors
    are shuffled among the examples: what a code without any information would get, its bias.
    """

    parts: dict[str, Any]
    settings: dict[str, Any]
    shuffled: float | None

    def __new__(
        cls,
        value: float,
        parts: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        shuffled: float | None = None,
    ) -> "Score":
        """Make the score from its value and explanations."""
        score = super().__new__(cls, value)
        score.parts, score.settings = dict(parts or {}), dict(settings or {})
        score.shuffled = shuffled
        return score

    def as_dict(self) -> dict[str, Any]:
        """Return value, settings, shuffled and parts as JSON can hold them, one level deep."""
        parts = {name: _as_json(part) for name, part in self.parts.items()}
        return {"value": float(self), **self.settings, "shuffled": self.shuffled, "parts": parts}


def _as_json(part: Any) -> Any:
    if isinstance(part, np.ndarray | np.generic):
        return part.tolist()
    if isinstance(part, Mapping):
        return {str(key): _as_json(value) for key, value in part.items()}
    return [_as_json(value) for value in part] if isinstance(part, list | tuple) else part


Measure = Callable[[np.ndarray], dict[str, Any]]


def scored(
    measure: Measure,
    levels: np.ndarray,
    names: tuple[str, ...],
    settings: Mapping[str, Any],
    shuffles: int,
    seed: int,
) -> Score:
    """Measure codes against levels (N, K), and against shuffled ones for the bias.

    `measure` gives parts by name. Those in `names` are scores: the first is the value, the others
    become parts that are scores themselves, with the same settings and a bias of their own. The
    factors with one level become the part `constant`. Raises `VaekitError` for shuffles < 0.
    """
    check_counts(shuffles=shuffles)
    rng = np.random.default_rng(seed)
    parts: dict[str, Any] = measure(levels) | {
        "constant": np.flatnonzero(np.ptp(levels, axis=0) == 0)
    }
    again = [measure(rng.permutation(levels)) for _ in range(shuffles)]
    bias = {name: float(np.mean([a[name] for a in again])) if again else None for name in names}
    scores = {name: Score(parts.pop(name), {}, settings, bias[name]) for name in names}
    first, *others = names
    parts |= {name: scores[name] for name in others}
    return Score(scores[first], parts, settings, bias[first])
