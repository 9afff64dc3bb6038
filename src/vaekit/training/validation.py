"""Judge a model on examples that it is not trained on, while it is trained.

The noise is the same each time, so that two looks differ by the weights alone. Nothing is corrupted
and nothing changes: weights, generators and the modes of all parts are left as they were. The
objective is that of training without the terms of critics, which move while they learn.
"""

import math
from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader

from vaekit.apply import condition_of, device_of, evaluating, reading_of, seeded
from vaekit.data import Dataset
from vaekit.distributions.divergences import kl
from vaekit.errors import VaekitError, nearest
from vaekit.model import Pass
from vaekit.schedules import Progress
from vaekit.training.batches import FromLoader
from vaekit.training.settings import Training
from vaekit.training.shown import check_support

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vaekit.training.step import Step

HIGHER_IS_BETTER = ("elbo",)  # is better; of all else lower is


class Validation:
    """Hold a validation set and judge by it; `names` are the numbers that `judge` returns."""

    def __init__(self, data: Dataset | DataLoader, parts: "Step", training: Training):
        self.data, self.parts, self.training = data, parts, training
        if isinstance(data, Dataset):
            check_support(data, parts.model)
        self.names: tuple[str, ...] = ()

    def first(self, progress: Progress) -> None:
        """Look for the first time, so that what does not fit is said before training.

        Raises as `judge` does, and for a number to watch that there is not.
        """
        try:
            self.names = tuple(self.judge(progress))
        except VaekitError as error:
            raise VaekitError(f"in validation: {error}") from error
        if self.training.watch not in self.names:
            raise nearest(self.training.watch, self.names, "number to watch")

    def judge(self, progress: Progress) -> dict[str, float]:
        """Return the numbers, means over all examples, in nats for one of them.

        A number that is not finite is NaN. Raises `VaekitError` for examples that the model cannot
        read.
        """
        model, sums, count = self.parts.model, Counter[str](), 0
        with torch.no_grad(), seeded(self.training.seed), evaluating(model):
            for run in self._passes():
                sums.update({k: len(run.x) * v for k, v in self._numbers(run, progress).items()})
                count += len(run.x)
        return {k: v / count if math.isfinite(v) else math.nan for k, v in sums.items()}

    def _passes(self) -> "Iterator[Pass]":
        model, samples = self.parts.model, self.parts.objective.samples
        device = device_of(model)
        if isinstance(self.data, Dataset):
            # Parts of nearly one size, none smaller than a batch: a term may need a pair.
            count = max(1, len(self.data) // self.training.batch)
            for rows in torch.arange(len(self.data)).tensor_split(count):
                x, c = self.data.batch(rows).to(device), condition_of(model, self.data, rows)
                with reading_of(self.data, model):
                    yield model(x, c, samples)
            return
        for x, c in FromLoader(self.data, device, model).epoch(0, 0):
            yield model(x, c, samples)

    def _numbers(self, run: Pass, progress: Progress) -> dict[str, float]:
        objective = self.parts.objective
        terms = {term.name: float(term(run)) for _, term in objective.parts}
        # What a critic says is no measure over time: it learns meanwhile.
        own = [term not in objective.critics for _, term in objective.parts]
        parts = zip(own, objective.weights(progress), terms.values(), strict=True)
        numbers = {"objective": sum(w * value for mine, w, value in parts if mine), **terms}
        numbers["distortion"] = float(-run.log_likelihood.mean())
        if run.prior is not None and not run.q.deterministic:
            numbers["rate"] = float(kl(run.q, run.prior, run.z).mean())
            numbers["elbo"] = -numbers["distortion"] - numbers["rate"]
        return numbers
