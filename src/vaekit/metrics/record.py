"""What a metric is: one record, beside its score, that all that names metrics reads.

The command line offers the metrics of `METRICS`, a run's results and reports take units, titles
and directions from their rows, the documentation lists them. To add one, write a module with a
function of arrays, and a record below it::

    @metric("mig", Row("mig", "is each factor held by one latent alone?", title="MIG"))
    def _score(subject: Subject) -> Score:
        return mig(subject.mean, subject.levels, subject.bins, seed=subject.seed)

and import the function in `vaekit/metrics/__init__.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from vaekit.metrics.score import Score

Need = Literal[
    "factors",
    "posterior",
    "latents",
    "labels",
    "categories",
    "features",
    "codes",
    "samples",
    "prior",
]
Fitted = Literal["mixture", "flow"]
Values = Mapping[str, Score | float]
NEEDS: dict[Need, str] = {
    "factors": "of a set with known factors",
    "posterior": "of draws of q(z|x), and known factors",
    "latents": "of the latents alone",
    "labels": "of a set with labels",
    "categories": "of a code with categories, and labels",
    "features": "of samples, by features",
    "codes": "of samples from what is fitted to the codes, by features",
    "samples": "of samples",
    "prior": "of the codes beside the prior",
}
"""What a metric is of; `evaluate` says why a model or a set lacks it."""
OF_CODES: tuple[Need, ...] = ("factors", "labels", "categories")
"""What metrics read from codes alone, means or draws; others draw for themselves."""


class Subject(Protocol):
    """What a metric may ask of a model that is judged on a set, as arrays.

    Codes and factors are those of up to n examples of the set. What learns from labels does so on
    other examples than it is judged on, whose codes and labels come by themselves.
    """

    mean: np.ndarray  # mean codes (n, H)
    drawn: np.ndarray | None  # codes drawn from q(z|x), (n, H); None of a deterministic code
    levels: np.ndarray  # levels of the factors, (n, K)
    factors: tuple[str, ...]  # names of the factors, K
    free: list[int]  # entries of the code that are no one-hots'
    one_hots: dict[str, slice]  # entries of each one-hot of the code, by the name of its block
    bins: int  # bins to cut codes into
    seed: int  # seed of all that is drawn
    labelled: tuple[np.ndarray, np.ndarray]  # codes (N, H) and labels (N,) to learn from
    held_codes: dict[str, np.ndarray]  # held-out codes (n, H), of clean inputs (""), by corruption
    held_labels: np.ndarray  # labels (n,) of the held-out examples
    n: int  # examples at most, and samples where as many are drawn
    held_images: np.ndarray  # held-out examples (n, *shape)

    def learn_images(self, count: int) -> np.ndarray:
        """Return up to `count` of the examples to learn from, (count, *shape)."""
        ...

    def samples(self, count: int) -> np.ndarray:
        """Return means of p(x|z) at draws of the prior, (count, *shape)."""
        ...

    def features(self) -> tuple[np.ndarray, np.ndarray, str]:
        """Return features (n, D) of held-out examples and of samples, and the network's name."""
        ...

    def features_from_codes(self, kind: Fitted) -> tuple[np.ndarray, np.ndarray, str]:
        """Return the same of samples from a mixture, or a flow, fitted to the codes."""
        ...


@dataclass(frozen=True)
class Row:
    """Describe a number that a metric gives, under its `name` in metrics.json.

    `asks` is the question that it answers; `better` says which way it is better, "" of a number
    that is no merit in itself; `ideal` and `chance` are its values for a perfect code and for one
    without information, `mind` what to mind in reading it. `part` is where a score has it among
    its parts. With `blocks` there may be one for each block of the code, whose name is added.
    """

    name: str
    asks: str
    unit: str = "in [0, 1]"
    better: Literal["higher", "lower", ""] = "higher"
    title: str = ""
    part: str = ""
    ideal: str = "1"
    chance: str = "0"
    mind: str = ""
    blocks: bool = False


@dataclass(frozen=True)
class Metric:
    """Hold the name of a metric, its rows, and the function of a subject that gives their values.

    The function returns one score, or values by row. `needs` says what the metric is of; `cost`,
    where it is not nothing, keeps it out of `all`; `takes` names options of `evaluate` that it
    reads, `corrupt` or `features`; `shuffled` says what is shuffled in its shuffled value.
    """

    name: str
    rows: tuple[Row, ...]
    score: Callable[[Subject], Score | Values]
    needs: Need = "factors"
    cost: str = ""
    takes: tuple[str, ...] = ()
    shuffled: str = "for shuffled factors"

    @property
    def of_codes(self) -> bool:
        """Say whether it reads the codes of all examples, in the order of their factors."""
        return self.needs in ("factors", "posterior", "latents")

    def values(self, subject: Subject) -> Values:
        """Return the value of each row, by its name in metrics.json."""
        score = self.score(subject)
        if isinstance(score, Mapping):
            return score
        return {row.name: score.parts[row.part] if row.part else score for row in self.rows}

    def row(self, name: str) -> Row | None:
        """Return the row of a number, also of one of a block or under a [corruption], or None."""
        plain = name.partition(" [")[0]
        for row in self.rows:
            if plain == row.name or (row.blocks and plain.startswith(f"{row.name}_")):
                return row
        return None


METRICS: dict[str, Metric] = {}


def metric(name: str, *rows: Row, **more: Any) -> Callable[[Callable[[Any], Any]], Metric]:
    """Enter a function of a subject into the metrics, which are in order of need and name."""

    def enter(score: Callable[[Subject], Score | Values]) -> Metric:
        made, order = Metric(name, rows, score, **more), list(NEEDS)
        every = sorted(
            [*METRICS.values(), made], key=lambda each: (order.index(each.needs), each.name)
        )
        METRICS.clear()
        METRICS.update({each.name: each for each in every})
        return made

    return enter


def described(name: str) -> tuple[Metric, Row] | None:
    """Return the metric and the row of a number by its name; None where it is no metric's."""
    for metric in METRICS.values():
        if (row := metric.row(name)) is not None:
            return metric, row
    return None


def listed_metrics() -> str:
    """Name all metrics by what they are of, as the help of the command line does."""
    parts = []
    for need, what in NEEDS.items():
        names = [metric.name for metric in METRICS.values() if metric.needs == need]
        parts += [f"{what} {', '.join(names)}"] if names else []
    return "; ".join(parts)


def row_under(name: str, corruption: str) -> str:
    """Return the name of a row of corrupted inputs; that of clean ones ("") stays."""
    return f"{name} [{corruption}]" if corruption else name


def row_of_codes(name: str, kind: str) -> str:
    """Return the name of a row that is read from codes of a kind, such as drawn; mean stays."""
    if kind == "mean":
        return name
    return f"{name[:-1]}, {kind}]" if name.endswith("]") else f"{name} [{kind}]"


def under(score: Score, corruption: str) -> Score:
    """Say in a score's estimator that held-out inputs were corrupted, where they were."""
    score.settings["estimator"] += f"; held-out inputs under {corruption}" if corruption else ""
    return score
