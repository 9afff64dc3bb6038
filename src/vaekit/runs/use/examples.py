"""Single examples of a run: how well it explains each, and the way from one to another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from vaekit import apply
from vaekit.apply import Stream
from vaekit.arguments import check_counts, fits
from vaekit.brief import brief_repr
from vaekit.data import Dataset, RowNames
from vaekit.errors import VaekitError
from vaekit.information import score_batches as scores_of
from vaekit.information import score_examples
from vaekit.runs.use import inputs
from vaekit.runs.use.coding import Input, admitted_examples, prepared, read_examples
from vaekit.runs.use.inputs import Examples

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

REFERENCE = 1000  # training examples that others are compared with, by default


@dataclass(frozen=True)
class NamedScores:
    """Hold the scores of examples in their order, each float64 (n,), by name of the score.

    `names` are those of the examples, files where `files`, else row numbers. `percentiles` (n,) say
    how many percent of `reference` training examples score lower; without these it is empty.
    `absent` says why a model has not a score. `worst_columns` name for each row of a table the
    column that has the largest part in its squared error, of scaled columns; empty of others.
    """

    names: Sequence[str]
    values: dict[str, np.ndarray]
    percentiles: dict[str, np.ndarray]
    absent: dict[str, str]
    samples: int
    reference: int
    files: bool = False
    worst_columns: Sequence[str] = ()

    def table(self) -> pl.DataFrame:
        """Return a row for each example: name or row, scores, their percentiles, worst column."""
        label = {"name": self.names} if self.files else {"row": [int(name) for name in self.names]}
        ranks = {f"percentile_{name}": ranks for name, ranks in self.percentiles.items()}
        worst = {"worst_column": self.worst_columns} if self.worst_columns else {}
        return pl.DataFrame({**label, **self.values, **ranks, **worst})

    __repr__ = brief_repr


def score_each(
    run: "Run",
    x: "Input | Examples" = None,
    condition: Any = None,
    samples: int = 100,
    seed: int = 0,
    reference: int = REFERENCE,
) -> NamedScores:
    """Score each example: squared error, distortion, rate, ELBO and log p(x), in nats.

    Args:
        run: the run itself
        x: examples as for `encode`; None: the run's own test set
        condition: for conditional models, as for `encode`
        samples: codes drawn of each example, from a seed made of its values and `seed`
        seed: another one draws other codes
        reference: training examples that give the percentiles, always the same; 0: none

    Squared error and distortion are means over the codes, log p(x) is bounded from below by
    importance weights (see `information.score_examples`). Raises `VaekitError` as `encode` does,
    for samples < 1, and where the training data are not to be had.
    """
    parts = list(score_each_batch(run, x, condition, samples, seed, reference))
    first = parts[0]
    values, ranks = (
        {name: np.concatenate([each[name] for each in several]) for name in several[0]}
        for several in ([p.values for p in parts], [p.percentiles for p in parts])
    )
    names = [name for part in parts for name in part.names]
    worst = [name for part in parts for name in part.worst_columns]
    return replace(first, names=names, values=values, percentiles=ranks, worst_columns=worst)


def score_each_batch(
    run: "Run",
    x: "Input | Examples" = None,
    condition: Any = None,
    samples: int = 100,
    seed: int = 0,
    reference: int = REFERENCE,
) -> Iterator[NamedScores]:
    """Yield what `score` returns batch by batch."""
    check_counts(samples=samples)
    if not fits(reference, int) or reference < 0:
        raise VaekitError(f"reference must be a whole number ≥ 0, got {reference!r}")
    given, known, _, files = _named(run, x)
    data, c = prepared(run, given, condition)
    train = training_sample(run, reference) if reference else None
    others = None
    if train is not None:
        others = score_examples(run.model, *prepared(run, train, None), samples, seed)
    start, count, columns = 0, 0 if train is None else len(train), run.schema.columns
    for part in scores_of(run.model, data, c, samples, seed):
        stop = start + len(part.values["distortion"])
        ranks = {} if others is None else part.percentiles(others)
        names = known[start:stop] if known else RowNames(range(start, stop))
        worst = [columns.names[entry] for entry in part.worst_entry] if columns else []
        about = samples, count, files, worst
        yield NamedScores(names, part.values, ranks, part.absent, *about)
        start = stop


def _named(run: "Run", x: Any) -> tuple[Dataset | Stream, Sequence[str], str, bool]:
    """Return examples, their names, what they are, and whether these names are of files.

    Of a loader there are no names before it is read.
    """
    if x is None or isinstance(x, str | Path):
        x = read_examples(run, x)
    if isinstance(x, Examples):
        return x.data, x.names, x.what, x.files
    data = admitted_examples(run, x)
    if isinstance(data, Stream):
        return data, (), data.name, False
    return data, data.all_names(), data.name, bool(data.names)


def training_sample(run: "Run", count: int) -> Dataset:
    """Return up to `count` training examples, always the same ones.

    Raises `VaekitError` where the training data are not to be had.
    """
    try:
        train = run.schema.admitted(run.data.train)
    except VaekitError as error:
        raise VaekitError(
            f"percentiles need the training data: {error}; or leave them out with --reference 0"
        ) from None
    return train.subset(apply.sample_rows(len(train), count))


class Summary:
    """Gather from batches how examples score, and how many worse than most of the training."""

    def __init__(self):
        self.count, self.total, self.worse, self.reference = 0, 0.0, 0, 0
        self.worst: tuple[float, str] | None = None
        self.absent: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Return the score that is summed up."""
        return "distortion" if self.absent else "log_likelihood"

    def add(self, scores: NamedScores) -> NamedScores:
        """Take the scores of a batch, and return them."""
        self.absent, self.reference = scores.absent, scores.reference
        values = scores.values[self.name]
        row = int(values.argmax() if self.absent else values.argmin())
        worse = self.worst is None or (values[row] > self.worst[0]) == bool(self.absent)
        if worse and (self.worst is None or values[row] != self.worst[0]):
            which = scores.names[row] if scores.files else f"row {scores.names[row]}"
            self.worst = float(values[row]), which
        self.count, self.total = self.count + len(values), self.total + float(values.sum())
        if scores.reference:
            ranks = scores.percentiles[self.name]
            self.worse += int((ranks > 95 if self.absent else ranks < 5).sum())
        return scores

    def said(self, what: str) -> str:
        """Say it in a line."""
        assert self.worst is not None
        said = (
            f"scores of {self.count} example{'s' * (self.count != 1)} of {what}, {self.name} "
            f"{self.total / self.count:.2f} nats on average, worst {self.worst[0]:.2f} "
            f"({self.worst[1]})"
        )
        if not self.reference:
            return said
        return f"{said}; {self.worse} worse than 95 % of {self.reference:,} training examples"


def interpolate(
    run: "Run",
    a: int | np.ndarray | Tensor | Path | str,
    b: int | np.ndarray | Tensor | Path | str,
    steps: int = 8,
    condition: Any = None,
) -> np.ndarray:
    """Decode along the straight line between the mean codes of two examples, (steps, *shape).

    An example is its number in the run's test set, an array of one, or a file of one. The ends are
    the reconstructions of the two. Of codes that are directions it goes along the sphere. A
    condition that differs between the two moves along a line too. Raises `VaekitError` for
    steps < 2, examples that are not there or more than one, and as `encode` does.
    """
    if not fits(steps, int) or steps < 2:
        raise VaekitError(f"a line has both ends, so steps must be a whole number ≥ 2: {steps!r}")
    ends = [prepared(run, _one(run, each), condition) for each in (a, b)]
    codes = [apply.encode_set(run.model, data, c).mean for data, c in ends]
    z = _line(codes[0], codes[1], steps)
    told = [_condition_of(run, *end) for end in ends]
    c = None if told[0] is None or told[1] is None else _line(told[0], told[1], steps)
    return run.schema.own(apply.decode(run.model, z, c))


def _condition_of(run: "Run", data: Any, c: Tensor | None) -> Tensor | None:
    own = apply.condition_of(run.model, data, torch.arange(1)) if c is None else c
    return None if own is None else own.cpu()


def _line(start: Tensor, end: Tensor, steps: int) -> Tensor:
    return torch.lerp(start, end, torch.linspace(0, 1, steps)[:, None])


def _one(run: "Run", what: Any) -> Dataset:
    """Return an example that a user names, as a set of one."""
    if (number := inputs.number_of(what)) is not None:
        return inputs.numbered(run, number)[0]
    if not isinstance(what, str | Path) and tuple(np.shape(what)) == run.schema.shape:
        what = what[None]
    data, _, name, _ = _named(run, what)
    count = len(data) if isinstance(data, Dataset) else "several"
    if isinstance(data, Stream) or count != 1:
        raise VaekitError(
            f"{name} holds {count} examples, but an end of the line is one: name a file of "
            "one, or the number of an example of the run's test part"
        )
    return data
