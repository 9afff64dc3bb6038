"""Terms and their weighted sum.

    objective = Distortion() + 4.0 * KL() + Linear(0, 1) * Other()

The loop minimises Σ_t w_t(progress) · term_t. A term is a scalar in nats for one example: summed
over the entries of x, averaged over the batch, so that a weight means the same at any image size.

A term may own a network that is trained against the model, or to read it: a critic. It has a loss
of its own on what the model made, detached, and the term sees it through `still`, with its weights
held. So one backward pass gives the model its gradient and the critic its own, neither reaches the
other, and one optimiser steps both as two would, since Adam looks at each weight alone. Or the
critic steps first, and the term sees it as it is then (`Training(critics="first")`).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vaekit.arguments import fits, told
from vaekit.brief import brief
from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.networks.frozen import frozen
from vaekit.schedules import Progress, Schedule, Weight, weight, weight_at
from vaekit.shapes import float_output


class Term(ABC):
    """Measure one thing about a pass.

    To write one: set `name`, and return from `__call__` a scalar tensor in nats for one example,
    computed without asking the device a question (no `.item()`, no branch on data). A value that
    does not speak for itself has `readings` beside it: scalars by name that stand in the history
    and train nothing. A term that needs several codes of each example says so by `samples`; all
    terms of an objective are shown as many as the one that needs most, and average over them. What
    a term keeps of the training, a buffer, it changes in `adapt`.
    """

    name: str
    readings: tuple[str, ...] = ()
    samples: int = 1

    @abstractmethod
    def __call__(self, run: Pass) -> Tensor:
        """Return the term's value, a scalar."""

    def read(self, run: Pass) -> list[Tensor]:
        """Return the scalars that `readings` names, detached."""
        return []

    def adapt(self, run: Pass) -> None:  # noqa: B027  (few terms have anything to change)
        """Change what is the term's own after a pass of training, without asking the device."""

    def __rmul__(self, factor: Weight) -> "Objective":
        return Objective([(_factor(factor), self)])

    def __mul__(self, factor: Weight) -> "Objective":
        return self.__rmul__(factor)

    def __add__(self, other: "Term | Objective") -> "Objective":
        return 1.0 * self + other

    def __radd__(self, other: Any) -> "Objective":
        return 1.0 * self if _is_start(other) else _added(other)


class Adversarial(nn.Module, Term, ABC):
    """Measure with the help of a critic, a network of the term's own.

    To write one: register the critic as `network`, return from `loss` what it is to minimise, on
    detached inputs, and call it in `forward` through `still`. `adam` holds settings of the
    optimiser for its weights (`lr`, `betas`), where they differ from the model's.
    """

    adam: dict[str, Any]
    network: nn.Module

    @abstractmethod
    def loss(self, run: Pass) -> Tensor:
        """Return the critic's loss, a scalar, which must not reach the model."""

    def judged(self, logits: Any, count: int) -> Tensor:
        """Return the critic's answers (count, 1) in float32; raise `VaekitError` for others."""
        logits = float_output(logits, f"the critic of {self.name}")
        if logits.shape != (count, 1):
            width = logits.shape[-1] if logits.ndim == 2 else 0
            one = f"a critic has one output, this one has {width}"
            raise VaekitError(
                f"the critic of {self.name} gives shape {tuple(logits.shape)} for {count} codes: "
                + (one if width > 1 else f"it must be ({count}, 1)")
            )
        return logits

    def still(self, *inputs: Tensor) -> Tensor:
        """Call the critic so that gradients flow to its inputs and not to its weights."""
        return frozen(self.network, *inputs)


def uncompiled(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Call a function that differentiates twice, which a compiled graph cannot be."""
    if torch.compiler.is_compiling():
        whole: Any = torch.compiler.disable(function)
        return whole(*arguments)
    return function(*arguments)


def projected_slope(output: Tensor, x: Tensor, count: int, draws: int) -> Tensor:
    """Return ‖∂output/∂x‖²_F averaged over `count` examples, E ‖vᵀJ‖² of random signs v."""
    total = torch.zeros((), device=x.device)
    for _ in range(draws):
        v = torch.randint_like(output, 2) * 2 - 1
        (g,) = torch.autograd.grad(output, x, v, create_graph=True)
        total = total + g.square().reshape(count, -1).sum(1).mean()
    return total / draws


def critic_rate(critic_lr: float) -> float:
    """Return a critic's learning rate; raise `VaekitError` for one that is not finite, > 0."""
    if not 0 < critic_lr < math.inf:
        raise VaekitError(f"critic_lr must be a finite number > 0, got {critic_lr}")
    return critic_lr


def adam_settings(lr: float, betas: tuple[float, float]) -> dict[str, Any]:
    """Return a critic's `adam`; raise `VaekitError` for numbers that Adam cannot take."""
    if not 0 < lr < math.inf:
        raise VaekitError(f"a critic needs a finite lr > 0, got lr={lr}")
    if not all(0 <= beta < 1 for beta in betas):
        raise VaekitError(f"a critic needs betas in [0, 1), got betas={betas}")
    return {"lr": lr, "betas": betas}


class Reader(Protocol):
    """Read scalars off a pass, which stand in the history and train nothing, as a term may."""

    readings: tuple[str, ...]

    def read(self, run: Pass) -> list[Tensor]:
        """Return them, detached."""
        ...


class Objective:
    """Sum weighted terms; `+` joins objectives and terms, a number times an objective scales it.

    The losses of critics follow the terms in `names` and `values`, and readings follow them, those
    of `readers` last; the weight of a critic's loss is always 1, that of a reading 0.
    Raises `VaekitError` where two terms have the same name, for then a curve would show neither.
    """

    def __init__(
        self, parts: Iterable[tuple[float | Schedule, Term]], readers: Sequence[Reader] = ()
    ):
        self.parts, self.readers = tuple(parts), tuple(readers)
        for _, term in self.parts:
            if not isinstance(getattr(term, "name", None), str):
                kind = type(term).__name__
                raise VaekitError(f"{kind} has no name: write name = 'word' in the class")
        self.critics = tuple(t for _, t in self.parts if isinstance(t, Adversarial))
        losses = (f"{critic.name}_critic" for critic in self.critics)
        read: list[Reader] = [*(term for _, term in self.parts), *self.readers]
        self.readings = tuple(name for each in read for name in each.readings)
        self.names = (*(term.name for _, term in self.parts), *losses, *self.readings)
        if len(set(self.names)) < len(self.names):
            raise VaekitError(f"two terms of one objective share a name: {', '.join(self.names)}")

    def __repr__(self) -> str:
        return f"Objective({' + '.join(f'{w} {term.name}' for w, term in self.parts)})"

    def __add__(self, other: "Term | Objective") -> "Objective":
        added = _added(other)
        return Objective((*self.parts, *added.parts), (*self.readers, *added.readers))

    def __radd__(self, other: Any) -> "Objective":
        return self if _is_start(other) else _added(other)

    def __mul__(self, factor: float) -> "Objective":
        return self.__rmul__(factor)

    def __rmul__(self, factor: float) -> "Objective":
        if isinstance(_factor(factor), Schedule) or any(
            isinstance(w, Schedule) for w, _ in self.parts
        ):
            raise VaekitError("scale a schedule by its own start and end, not by a number outside")
        factor = float(factor)
        parts = ((factor * weight_at(w, Progress(0, 1, 1)), t) for w, t in self.parts)
        return Objective(parts, self.readers)

    @property
    def samples(self) -> int:
        """Tell how many codes of each example the terms need."""
        return max((term.samples for _, term in self.parts), default=1)

    def values(self, run: Pass, losses: Sequence[Tensor] | None = None) -> list[Tensor]:
        """Return every term's value in float32, in the order of `names`.

        `losses` are those of the critics where they were computed before.
        Raises `VaekitError` for a value that is no scalar tensor of real numbers.
        """
        terms = [term(run) for _, term in self.parts]
        readings = [values for _, term in self.parts for values in term.read(run)]
        readings += [values for reader in self.readers for values in reader.read(run)]
        values = [*terms, *(self.losses(run) if losses is None else losses), *readings]
        return [_scalar(value, name) for value, name in zip(values, self.names, strict=True)]

    def losses(self, run: Pass) -> list[Tensor]:
        """Return every critic's loss in float32; raises as `values` does."""
        return [_scalar(critic.loss(run), f"{critic.name}_critic") for critic in self.critics]

    def adapt(self, run: Pass) -> None:
        """Have every term change what is its own after a pass of training."""
        with torch.no_grad():
            for _, term in self.parts:
                term.adapt(run)

    def weights(self, progress: Progress) -> list[float]:
        """Return every term's weight at `progress`."""
        return [float(weight_at(w, progress)) for w, _ in self.parts]

    def check(self, progress: Progress) -> None:
        """Raise `VaekitError` where a schedule would outlast the training."""
        for w, _ in self.parts:
            if isinstance(w, Schedule):
                w.check(progress)


def check_samples(samples: Any, name: str = "samples") -> None:
    """Raise `VaekitError` for a number of codes, or of what `name` says, that is none."""
    if not fits(samples, int) or samples < 1:
        raise VaekitError(f"{name} must be a whole number ≥ 1, got {told(samples)}")


def _scalar(value: Any, name: str) -> Tensor:
    """Return a term's value; raise `VaekitError` where it is no scalar."""
    if not isinstance(value, Tensor) or value.ndim or value.is_complex():
        raise VaekitError(
            f"the term {name} returns {brief(value)}, expected a scalar tensor in nats: sum over "
            "the entries of an example, and end with .mean() over examples"
        )
    return value.float()


def _factor(factor: Any) -> float | Schedule:
    if not isinstance(factor, str | Schedule) and not fits(factor, float):
        raise VaekitError(
            f"a term is weighted by a number ≥ 0 or a schedule, got {told(factor)}: terms are "
            "joined by +, as in Distortion() + 4.0 * KL()"
        )
    return weight(factor)


def _is_start(other: Any) -> bool:
    """Tell the 0 that Python's sum begins with."""
    return isinstance(other, int) and other == 0


def _added(other: Any) -> Objective:
    if isinstance(other, Term | Objective):
        return other if isinstance(other, Objective) else 1.0 * other
    raise VaekitError(
        f"an objective is a sum of terms, got {told(other)} among them: write Distortion() + "
        "4.0 * KL()"
    )
