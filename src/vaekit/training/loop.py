"""The one training loop.

    for progress in fit(model, objective, data):
        if progress.step % 100 == 0:
            print(progress.step, progress.means())

It yields itself after every step and knows nothing of files, bars or clocks: those read it. The
step never asks the device a question. The terms of recent steps stay on the device until
`means()` is asked for, at the latest every 100 steps (`means`).
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit.arguments import expect
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.given import check_model, check_objective, check_training_data
from vaekit.model import Model
from vaekit.objectives.base import Objective, Term
from vaekit.schedules import Progress, Schedule
from vaekit.shapes import explaining
from vaekit.training import fabric as devices
from vaekit.training import optimisers
from vaekit.training.batches import Batch, batches_of
from vaekit.training.chosen import Chosen
from vaekit.training.means import Interval, Means
from vaekit.training.settings import Training
from vaekit.training.step import Step, hold_still
from vaekit.training.update import Update
from vaekit.training.validation import Validation

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class Fit:
    """Iterate over training steps; read `step`, `epoch`, `steps`, `means()` on the way.

    `judged` holds the numbers of the validation set after a step at which it was looked at. When
    all steps are done, the weights that `training` asks for are in the model (`chosen`); `settle`
    puts them there where one stops before. The noise comes from the device's default generator,
    which is seeded here. Raises `VaekitError` where data and settings do not fit, and `NotFinite`
    during training.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective | Term,
        data: Dataset | DataLoader,
        training: Training | None = None,
        validation: Dataset | DataLoader | None = None,
        fabric: "Fabric | None" = None,
    ):
        check_model(model)
        check_objective(objective)
        check_training_data(data)
        expect(
            training, Training | None, "Training(...)", [(Mapping, "write Training(**settings)")]
        )
        self.training = training or Training()
        self.objective = 1.0 * objective if isinstance(objective, Term) else objective
        self.fabric = fabric or devices.make_fabric(self.training)
        self.batches = batches_of(data, model, self.training, self.fabric)
        self.steps = self.training.epochs * self.batches.per_epoch
        self.step = 0
        self.validation: Validation | None = None
        self.parts = Step(model, self.objective)
        if not any(weight.requires_grad for weight in self.parts.parameters()):
            raise VaekitError(
                "nothing can be trained: all weights are frozen, so free some, "
                "part.requires_grad_(True)"
            )
        terms = [term for _, term in self.objective.parts]
        everything: list[Any] = list(dict.fromkeys([*self.parts.modules(), *terms]))
        self._scheduled = [part for part in everything if hasattr(part, "set_progress")]
        for part in everything:
            if hasattr(part, "set_size"):
                part.set_size(self.batches.size)
            if hasattr(part, "set_batch"):
                part.set_batch(self.batches.batch_of_process)
        schedules = [w for w, _ in self.objective.parts]
        schedules += [value for part in everything for value in vars(part).values()]
        ends = [s.horizon(self.progress) for s in schedules if isinstance(s, Schedule)]
        self.chosen = Chosen(self.parts, self.training, max(ends, default=0))
        self._prepare()
        advice, clip = model.likelihood.advice, self.training.clip
        self._means = Means(self.objective, self.fabric, advice, clip)
        self._weights: tuple[list[float], Tensor] = ([], torch.empty(0))
        self.judged: dict[str, float] = {}
        self.validation = self._validation(validation)
        self.objective.check(self.progress)
        rate = self.training.rate
        self._rate = rate if isinstance(rate, Schedule) else None
        if self._rate is not None:
            self._rate.check(self.progress)
        self._announce()
        if self.validation is not None:
            self.validation.first(self.progress)
        # Apart from the seed that drew the weights, and apart in every process.
        torch.manual_seed(self.training.seed * 1_000_003 + self.fabric.global_rank + 1)
        self.epoch_state = self.random_state()

    def _validation(self, data: Dataset | DataLoader | None) -> Validation | None:
        """Return what validates; raise `VaekitError` where settings need it, or never use it."""
        asked = {"patience": None, "keep": "last", "validate_every": None, "watch": "objective"}
        changed = [n for n, default in asked.items() if getattr(self.training, n) != default]
        if data is None and changed:
            raise VaekitError(
                f"{changed[0]} reads a validation set, and there is none: add --validation 0.1 "
                "(validation=), or leave it out"
            )
        if data is None:
            return None
        check_training_data(data)
        best = [name for name in changed if name in ("patience", "keep")]
        if best and self.chosen.start >= self.steps:
            raise VaekitError(
                f"{best[0]} compares numbers once all weights are constant, but a schedule lasts "
                "as long as the training: give it a length, as in linear(0, 4, epochs=5)"
            )
        return Validation(data, self.parts, self.training)

    def _prepare(self) -> None:
        compiled: Any = self.parts
        if self.training.compile:  # with PyTorch's own noise: inductor's costs a call and a seed
            compiled = torch.compile(self.parts, options={"fallback_random": True})
        self.optimiser = optimisers.make(self.parts, self.training, self.fabric.device)
        self._update = Update(self.optimiser, self.training, self.fabric)
        if self.training.critics == "first":
            if not self.objective.critics:
                raise VaekitError(
                    "critics='first' steps critics before the model, but this objective has none: "
                    "leave it out (--critics together)"
                )
            apart: Any = torch.compiler.disable(self._update.critics)  # a step within the pass
            self.parts.critics = apart
        wrapped, _ = self.fabric.setup(compiled, self.optimiser)
        # One process needs no wrapper's synchronisation, only its precision, which costs less.
        self._step = wrapped if self.fabric.world_size > 1 else compiled
        self.parts.train()
        hold_still(self.parts)

    @property
    def progress(self) -> Progress:
        """Return the point that training has reached, as schedules read it."""
        judged = None if self.validation is None else self.chosen.counted
        return Progress(self.step, self.steps, self.batches.per_epoch, judged)

    @property
    def epoch(self) -> float:
        """Return the number of epochs done."""
        return self.step / self.batches.per_epoch

    def __repr__(self) -> str:
        return f"Fit(step {self.step} of {self.steps}, epoch {self.epoch:.2f})"

    @property
    def ended(self) -> bool:
        """Say whether no step is left: all are done, or validation has stopped them."""
        return self.step >= self.steps or self.chosen.stopped

    def __iter__(self) -> Iterator["Fit"]:
        with devices.threads(self.training.threads):
            while not self.ended:
                number, skip = divmod(self.step, self.batches.per_epoch)
                for x, c in self._epoch(number, skip):
                    self._advance(x, c)
                    yield self
                    if self.judged and self.ended:
                        break
        self._check()
        self.settle()

    def settle(self) -> None:
        """Put the weights that training ends with into the model; `chosen` keeps the last ones."""
        self.chosen.settle()

    def _epoch(self, number: int, skip: int) -> Iterator[Batch]:
        if not skip:
            self.epoch_state = self.random_state()
            return self.batches.epoch(number, 0)
        return self._replayed(number, skip)

    def _replayed(self, number: int, skip: int) -> Iterator[Batch]:
        """Start the epoch where it was started, skip what was seen, go on with today's noise."""
        now = self.random_state()
        self.set_random_state(self.epoch_state)
        rest = self.batches.epoch(number, skip)
        self.set_random_state(now)
        return rest

    def _advance(self, x: Tensor, c: Tensor | None) -> None:
        self._announce()
        if not self.step:
            self.parts.model.likelihood.begin(x)
        with self.fabric.autocast(), explaining(x.shape[1:]):
            values = self._step(x, c)
        norm, values = self._update(values @ self._weight_tensor(values)), values.detach()
        if norm is not None:
            values = torch.cat([values, norm[None]])
        self.step += 1
        self.chosen.update(self.step)
        if self._means.add(self.step, values, self._weights[0], len(x)):
            self._check()
        self.judged = self._validate() if self._due() else {}

    def _due(self) -> bool:
        if self.validation is None:
            return False
        every = self.training.validate_every or self.batches.per_epoch
        return self.step % every == 0 or self.step == self.steps

    def _validate(self) -> dict[str, float]:
        assert self.validation is not None
        self._check()
        self._announce()
        with self.chosen.shown():
            numbers = self.validation.judge(self.progress)
            if self.fabric.world_size > 1:  # what they decide, all processes decide alike
                numbers = self.fabric.broadcast(numbers)
            self.chosen.note(self.step, numbers)
        return numbers

    def _announce(self) -> None:
        for part in self._scheduled:
            part.set_progress(self.progress)
        if self._rate is not None:
            optimisers.set_rate(self.optimiser, self._rate(self.progress))

    def _weight_tensor(self, like: Tensor) -> Tensor:
        weights = self.objective.weights(self.progress)
        weights += [1.0] * len(self.objective.critics) + [0.0] * len(self.objective.readings)
        if weights != self._weights[0]:
            self._weights = weights, torch.tensor(weights, device=like.device)
        return self._weights[1]

    def _check(self) -> None:
        """Raise `NotFinite` at the first bad term since the last look.

        What was shown is blamed, by `VaekitError`, before what came of it.
        """
        if self.batches.shown is not None:
            self.batches.shown.check(self.fabric)
        self._means.fold(self.step)

    def means(self) -> dict[str, float]:
        """Return the mean of every term since the last call, in nats for one example."""
        return self.interval().means

    @property
    def clipped(self) -> float | None:
        """Return the share of steps of the last interval whose gradient was shortened, or None."""
        return self._means.clipped

    def interval(self) -> Interval:
        """Return what `means` does, with the weights that were used and the sum they made."""
        self._check()
        return self._means.interval()

    def random_state(self) -> dict[str, Tensor]:
        """Return the state of every generator that training draws from, by device."""
        state = {"cpu": torch.get_rng_state()}
        if self.batches.generator is not None:
            state["loader"] = self.batches.generator.get_state()
        if self.fabric.device.type == "cuda":
            state["cuda"] = torch.cuda.get_rng_state(self.fabric.device)
        return state

    def set_random_state(self, state: dict[str, Tensor]) -> None:
        """Put every generator into the state that `random_state` returned."""
        torch.set_rng_state(state["cpu"])
        if "loader" in state and self.batches.generator is not None:
            self.batches.generator.set_state(state["loader"])
        if "cuda" in state and self.fabric.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.fabric.device)


def fit(
    model: Model,
    objective: Objective | Term,
    data: Dataset | DataLoader,
    training: Training | None = None,
    validation: Dataset | DataLoader | None = None,
) -> Fit:
    """Return an iterator that trains `model` in place, one step at a time.

    `data` is a `Dataset` or any `DataLoader`; a loader's own batches take the place of
    `training.batch`. `validation` is judged every epoch, or as `training` says. Raises
    `VaekitError` for what is none of these, where data and settings do not fit each other, for
    shapes that would be broadcast and values outside the likelihood's support, and `NotFinite` for
    a loss that is no number.
    """
    return Fit(model, objective, data, training, validation)
