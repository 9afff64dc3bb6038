"""The scores of an example, and where it stands among examples of the training.

They are those of `vaekit score`, by fewer codes and training examples, so that one waits seconds:
the training examples are scored a few at a time, and whoever holds a lock can let others in.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import score_examples
from vaekit.information.scores.examples import ExampleScores
from vaekit.runs import Run
from vaekit.runs.use.coding import prepared
from vaekit.runs.use.examples import training_sample

CODES, REFERENCE, _STEP = 20, 200, 4


@dataclass(frozen=True)
class ScoreRow:
    """Hold a score of an example, and the percentage of training examples that score lower."""

    name: str
    value: float
    percentile: float | None = None


class Scorer:
    """Score examples of a run by `CODES` codes, against up to `REFERENCE` training examples."""

    def __init__(self, run: Run):
        self.run = run
        self.absent = ""
        self.sample: Dataset | None = None
        self._parts = list[ExampleScores]()
        self.ready = False

    @property
    def count(self) -> int:
        """Return how many training examples are scored by now."""
        return sum(len(part.values["distortion"]) for part in self._parts)

    def advance(self) -> None:
        """Score a few more of the training examples, until it is `ready`.

        Without the training data it is ready at once, and `absent` says why there are none.
        """
        if self.ready:
            return
        try:
            if self.sample is None:
                self.sample = training_sample(self.run, REFERENCE)
            rows = torch.arange(self.count, min(self.count + _STEP, len(self.sample)))
            data, c = prepared(self.run, self.sample.subset(rows), None)
            self._parts.append(score_examples(self.run.model, data, c, CODES))
            self.ready = self.count == len(self.sample)
        except VaekitError as error:
            self.absent, self.ready, self._parts = str(error), True, []

    def score(
        self, data: Dataset, c: Tensor | None = None
    ) -> tuple[list[ScoreRow], dict[str, str]]:
        """Return the scores of a set of one example, and why the model has not the others.

        c (width,) is its condition, where the set has none. Raises `VaekitError` as `Run.score`.
        """
        scores = score_examples(self.run.model, data, None if c is None else c[None], CODES)
        ranks = scores.percentiles(ExampleScores.joined(self._parts)) if self._parts else {}
        rows = [
            ScoreRow(name, float(value[0]), float(ranks[name][0]) if ranks else None)
            for name, value in scores.values.items()
        ]
        return rows, scores.absent
