"""The one training loop.

    for progress in fit(model, objective, data):
        if progress.step % 100 == 0:
            print(progress.step, progress.means())

It yields itself after every step and knows nothing of files, bars or clocks: those read it. The
step never asks the device a question. The terms of recent steps stay on the device until
`means()` is asked for, at the latest every 100 steps, and there they are checked to be finite; so
are those of the first step at once, since what is wrong from the start is no matter of training.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from vaekit.arguments import expect
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.given import check_model, check_objective, check_training_data
from vaekit.model import Model
from vaekit.objectives.base import Objective, Term
from vaekit.schedules import Progress
from vaekit.shapes import explaining
from vaekit.training import fabric as devices
from vaekit.training.adam import Adam
from vaekit.training.batches import Batch, Batches, FromDataset, FromLoader
from vaekit.training.settings import Training
from vaekit.training.shown import check_support

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CHECK_EVERY = 100


class NotFinite(VaekitError):
    """Report the first step and term that were not finite."""

    def __init__(self, step: int, term: str, value: float, advice: str = ""):
        self.step, self.term = step, term
        first = (
            "no weight was changed before, so look at what the networks and the term itself return"
            ", and at the scale of the data"
        )
        later = (
            "try a smaller lr, check the scale of the data, or begin with a smaller weight (a "
            "linear schedule)"
        )
        remedy = f"{advice}, or try a smaller lr" if advice else first if step == 1 else later
        super().__init__(f"training stopped: {term} is {value} at step {step}: {remedy}")


class Interval(NamedTuple):
    """Hold means over some steps: of every term in nats, of their weights, of the weighted sum."""

    means: dict[str, float]
    weights: dict[str, float]
    objective: float


class Step(nn.Module):
    """Compute the terms of one batch: the unit that is wrapped for precision and processes."""

    def __init__(self, model: Model, objective: Objective):
        super().__init__()
        self.model, self.objective = model, objective
        # Terms with networks of their own are registered so that they move and train with the rest.
        self.parts = nn.ModuleList(t for _, t in objective.parts if isinstance(t, nn.Module))

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the values of all terms, (terms,), under the best noise where it is learned."""
        run = self.model(x, c, self.objective.samples)
        if self.training:
            self.model.likelihood.maximise(run.x, run.p)
        return torch.stack(self.objective.values(run))


class Fit:
    """Iterate over training steps; read `step`, `epoch`, `steps`, `means()` on the way.

    The noise comes from the device's default generator, which is seeded here. Raises `VaekitError`
    where data and settings do not fit, and `NotFinite` during training.
    """

    def __init__(
        self,
        model: Model,
        objective: Objective | Term,
        data: Dataset | DataLoader,
        training: Training | None = None,
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
        self.fabric = fabric or devices.make(self.training)
        self.batches = _batches(data, model, self.training, self.fabric)
        self.steps = self.training.epochs * self.batches.per_epoch
        self.step = 0
        self.objective.check(self.progress)
        self._advice = model.likelihood.advice
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
        self._announce()
        self._prepare()
        self._looked = False  # at the values of the first step
        self._recent: list[Tensor] = []
        self._used: list[list[float]] = []  # the weights of those steps
        self._folded: list[tuple[int, Tensor]] = []
        self._weights: tuple[list[float], Tensor] = ([], torch.empty(0))
        # Apart from the seed that drew the weights, and apart in every process.
        torch.manual_seed(self.training.seed * 1_000_003 + self.fabric.global_rank + 1)
        self.epoch_state = self.random_state()

    def _prepare(self) -> None:
        compiled: Any = self.parts
        if self.training.compile:  # with PyTorch's own noise: inductor's costs a call and a seed
            compiled = torch.compile(self.parts, options={"fallback_random": True})
        self.optimiser = Adam(self.parts, self.training, self.fabric.device)
        wrapped, _ = self.fabric.setup(compiled, self.optimiser)
        # One process needs no wrapper's synchronisation, only its precision, which costs less.
        self._step = wrapped if self.fabric.world_size > 1 else compiled
        self.parts.train()

    @property
    def progress(self) -> Progress:
        """Return the point that training has reached, as schedules read it."""
        return Progress(self.step, self.steps, self.batches.per_epoch)

    @property
    def epoch(self) -> float:
        """Return the number of epochs done."""
        return self.step / self.batches.per_epoch

    def __repr__(self) -> str:
        return f"Fit(step {self.step} of {self.steps}, epoch {self.epoch:.2f})"

    def __iter__(self) -> Iterator["Fit"]:
        while self.step < self.steps:
            number, skip = divmod(self.step, self.batches.per_epoch)
            for x, c in self._epoch(number, skip):
                self._advance(x, c)
                yield self
        self._check()

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
        with self.fabric.autocast(), explaining(x.shape[1:]):
            values = self._step(x, c)
        self.optimiser.clear()
        self.fabric.backward(values @ self._weight_tensor(values))
        self.optimiser.advance()
        self._recent.append(values.detach())
        self._used.append(self._weights[0])
        self.step += 1
        if not self._looked:  # what was wrong from the start is said at once
            self._rows()
            self._looked = True
        if len(self._recent) >= CHECK_EVERY:
            self._check()

    def _announce(self) -> None:
        for part in self._scheduled:
            part.set_progress(self.progress)

    def _weight_tensor(self, like: Tensor) -> Tensor:
        weights = self.objective.weights(self.progress)
        weights += [1.0] * len(self.objective.critics) + [0.0] * len(self.objective.readings)
        if weights != self._weights[0]:
            self._weights = weights, torch.tensor(weights, device=like.device)
        return self._weights[1]

    def _check(self) -> None:
        """Fold the recent terms into their mean; raise `NotFinite` at the first bad one.

        What was shown is blamed, by `VaekitError`, before what came of it.
        """
        if not self._recent:
            return
        if self.batches.shown is not None:
            self.batches.shown.check(self.fabric)
        rows = self._rows()
        weights = torch.tensor(self._used)
        kept = weights[:, : len(self.objective.parts)]  # a critic's loss is no part of the sum
        total = (rows[:, : kept.shape[1]] * kept).sum(1, keepdim=True)
        self._folded.append((len(rows), torch.cat([rows, kept, total], 1).double().mean(0)))
        self._recent, self._used = [], []

    def _rows(self) -> Tensor:
        """Return the recent terms, (steps, terms); raise `NotFinite` at the first bad one."""
        rows: Any = torch.stack(self._recent)
        if self.fabric.world_size > 1:
            rows = self.fabric.all_reduce(rows, reduce_op="mean")
        rows = rows.cpu()
        bad = (~torch.isfinite(rows)).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            step = self.step - len(rows) + row + 1
            raise NotFinite(
                step, self.objective.names[column], rows[row, column].item(), self._advice
            )
        return rows

    def means(self) -> dict[str, float]:
        """Return the mean of every term since the last call, in nats for one example."""
        return self.interval().means

    def interval(self) -> Interval:
        """Return what `means` does, with the weights that were used and the sum they made."""
        self._check()
        if not self._folded:
            raise VaekitError("means() needs a step since it was last asked")
        folded, self._folded = self._folded, []
        total = sum(n for n, _ in folded)
        mean = (torch.stack([n * m for n, m in folded]).sum(0) / total).tolist()
        names = self.objective.names
        weights = dict(zip(names, mean[len(names) : -1], strict=False))
        return Interval(dict(zip(names, mean, strict=False)), weights, mean[-1])

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
) -> Fit:
    """Return an iterator that trains `model` in place, one step at a time.

    `data` is a `Dataset` or any `DataLoader`; a loader's own batches take the place of
    `training.batch`. Raises `VaekitError` for what is none of these, where data and settings do not
    fit each other, for shapes that would be broadcast and values outside the likelihood's support,
    and `NotFinite` for a loss that is no number.
    """
    return Fit(model, objective, data, training)


def _batches(
    data: Dataset | DataLoader, model: Model, training: Training, fabric: "Fabric"
) -> Batches:
    if isinstance(data, DataLoader):
        prepared = (
            fabric.setup_dataloaders(data, move_to_device=False) if fabric.world_size > 1 else data
        )
        return FromLoader(prepared, fabric.device, model)  # pyright: ignore[reportArgumentType]
    check_support(data, model)
    rank, world = fabric.global_rank, fabric.world_size
    where = training.seed, fabric.device, rank, world
    return FromDataset(data, training.batch, *where, model.condition)
