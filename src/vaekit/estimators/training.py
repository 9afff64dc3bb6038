"""Training that can be left and taken up again, as `partial_fit` does.

A `Trained` holds everything that decides the rest of a training: weights, moments of the optimiser,
state of the noise, epochs done. Each epoch is the one that a single, longer run of the loop would
have made, so as many calls of `partial_fit` as `fit` has epochs end with the same weights.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vaekit.apply import seeded
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.recipes import Recipe, System
from vaekit.schedules import Progress
from vaekit.training import Fit, Training, optimisers
from vaekit.training.state import joined_state, parted
from vaekit.training.step import Step

TrainedRow = dict[str, float]


@dataclass(eq=False)
class Trained:
    """Hold a system and the state of its training, of which all but the system is empty at first.

    `chosen` is there where the weights that are used are not those that training goes on with.
    """

    system: System
    seed: int
    progress: Progress = Progress(0, 1, 1)  # noqa: RUF009  (frozen)
    moments: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    noise: dict[str, Tensor] = field(default_factory=dict)
    chosen: dict[str, Tensor] = field(default_factory=dict)

    @property
    def parts(self) -> Step:
        """Return everything that has weights: the model, and terms with networks of their own."""
        return Step(*self.system)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a file needs beside seed and progress, named as `training.state` says."""
        random = {name: state[None] for name, state in self.noise.items()}
        return joined_state(self.parts.state_dict(), self.moments, {"now": random}, self.chosen)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` returned; raise `VaekitError` where it is of another system."""
        weights, self.moments, random, self.chosen = parted(tensors)
        try:
            self.parts.load_state_dict(weights)
        except RuntimeError as error:
            cause = str(error).splitlines()[1].strip()
            raise VaekitError(f"the weights are of another model: {cause}") from None
        self.noise = {name: state[0].clone() for name, state in random.get("now", {}).items()}
        self.settle()

    def settle(self) -> None:
        """Give parts that change with training, such as a falling k, the value they have by now."""
        for part in self.parts.modules():
            set_progress: Any = getattr(part, "set_progress", None)
            if set_progress is not None:
                set_progress(self.progress)
        self.system.model.eval()


def begin_system(
    recipe: Recipe, arguments: Mapping[str, Any], shape: tuple[int, ...], seed: int
) -> Trained:
    """Build a recipe's system with the weights of that seed; leave all generators as they were.

    Parts that are given as objects are copied: they stay as they were.
    """
    with seeded(seed):
        return Trained(recipe.make(shape, **copy.deepcopy(dict(arguments))), seed)


def advance(
    trained: Trained,
    data: Dataset,
    training: Training,
    epochs: int,
    show: Callable[[TrainedRow], None],
    validation: Dataset | None = None,
) -> list[TrainedRow]:
    """Train for `epochs` more, in place, and return a row for each: epoch, step, terms in nats.

    There are fewer rows where `training` stops early by the validation set, whose numbers are in
    the rows as well.

    `training.epochs` is the whole that schedules refer to. All generators are left as they were.
    Raises as `vaekit.training.fit` does, and for weights that are not finite; `trained` is then
    as it was before.
    """
    before = trained.tensors()
    try:
        with seeded(training.seed):
            return _advance(trained, data, training, epochs, show, validation)
    except BaseException:  # also where the user stops it half way
        trained.restore(before)
        raise


def _advance(
    trained: Trained,
    data: Dataset,
    training: Training,
    epochs: int,
    show: Callable[[TrainedRow], None],
    validation: Dataset | None,
) -> list[TrainedRow]:
    history: list[TrainedRow] = []
    fit = Fit(*trained.system, data, training, validation)
    done = trained.progress.step // trained.progress.per_epoch
    _resume(fit, trained, done)
    for now in fit:
        if now.step % now.batches.per_epoch == 0:
            history.append(_history_row(now))
            show(history[-1])
            if len(history) == epochs:
                break
    _check_weights(fit)
    _keep(fit, trained)
    return history


def _resume(fit: Fit, trained: Trained, done: int) -> None:
    """Let the loop go on after `done` epochs, of however many steps they were."""
    fit.step = done * fit.batches.per_epoch
    fit.chosen.restore(trained.chosen)
    if trained.moments:
        optimisers.restore(fit.optimiser, trained.moments)
    if trained.noise:
        # A state from another kind of device has no part for this one, which keeps its seed.
        fit.set_random_state({**fit.random_state(), **trained.noise})


def _check_weights(fit: Fit) -> None:
    """Raise `VaekitError` where the last step ruined the weights, which no loss has seen yet."""
    if not all(bool(torch.isfinite(w).all()) for w in fit.parts.state_dict().values()):
        raise VaekitError(
            f"training stopped: weights are not finite after step {fit.step}: try a smaller lr"
        )


def _keep(fit: Fit, trained: Trained) -> None:
    fit.settle()
    trained.chosen = fit.chosen.tensors()
    trained.moments = fit.optimiser.state_dict()["state"]
    trained.noise = fit.random_state()
    trained.progress = replace(fit.progress, judged=None)
    trained.settle()


def _history_row(fit: Fit) -> TrainedRow:
    means, _, total = fit.interval()
    row = {"epoch": round(fit.epoch), "step": fit.step, "objective": total, **means}
    return row | {f"validation_{name}": value for name, value in fit.judged.items()}
