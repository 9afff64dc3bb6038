"""Numbers that change with training: constant, linear, cosine, cyclical, one-cycle, plateau.

A weight, or the learning rate, is a number or a schedule, a function of `Progress`. A schedule that
would not finish within the training is refused: a warm-up longer than the run is a smaller weight
without a word.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from vaekit.errors import VaekitError
from vaekit.text import build


@dataclass(frozen=True)
class Progress:
    """Say where training stands: `step` of `steps`, `per_epoch` steps an epoch.

    `judged` are the numbers that validation gave so far, lower is better; None: there is none.
    """

    step: int
    steps: int
    per_epoch: int
    judged: tuple[float, ...] | None = None


class Schedule(ABC):
    """Map progress to a weight, over a horizon given in steps or epochs (the whole run if neither).

    To write one: subclass as a frozen dataclass with the fields below and your own, and return
    from `shape` the share (0 … 1) of the way from `start` to `end` at the share t of the horizon.
    """

    start: float
    end: float
    steps: float | None
    epochs: float | None

    @abstractmethod
    def shape(self, t: float) -> float:
        """Return the share of the way from start to end at the share t ∈ [0, 1] of the horizon."""

    @property
    def highest(self) -> float:
        """Return the largest value it takes."""
        return max(self.start, self.end)

    def horizon(self, progress: Progress) -> float:
        """Return the number of steps after which the schedule rests at its end."""
        if self.epochs is not None:
            return self.epochs * progress.per_epoch
        return progress.steps if self.steps is None else self.steps

    def share(self, progress: Progress) -> float:
        """Return the share of the horizon that is done, at most 1."""
        return min(progress.step / max(self.horizon(progress), 1), 1.0)

    def __call__(self, progress: Progress) -> float:
        """Return the weight at `progress`."""
        return self.start + (self.end - self.start) * self.shape(self.share(progress))

    def check(self, progress: Progress) -> None:
        """Raise `VaekitError` where the schedule would not finish within the run."""
        if self.horizon(progress) > progress.steps:
            raise VaekitError(
                f"the schedule {self} ends after {self.horizon(progress):g} steps, but training "
                f"has only {progress.steps}: shorten the schedule or train longer"
            )


@dataclass(frozen=True)
class _Between(Schedule):
    start: float
    end: float
    steps: float | None = None
    epochs: float | None = None

    def __post_init__(self):
        numbers = [getattr(self, f) for f in self.__dataclass_fields__]
        if not all(n is None or _finite(n) for n in numbers) or None in (self.start, self.end):
            raise VaekitError(f"{self}: a schedule is made of finite numbers")
        if self.steps is not None and self.epochs is not None:
            raise VaekitError(f"{self}: give steps= or epochs=, not both")
        if not all(math.isfinite(end) and end >= 0 for end in (self.start, self.end)):
            raise VaekitError(f"{self}: start and end must be finite numbers ≥ 0")
        if (self.steps is not None and self.steps <= 0) or (
            self.epochs is not None and self.epochs <= 0
        ):
            raise VaekitError(f"{self}: a schedule needs a length > 0")

    def __str__(self) -> str:
        names = [f for f in self.__dataclass_fields__ if getattr(self, f) is not None]
        inside = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        known = (name for name, kind in SCHEDULES.items() if kind is type(self))
        return f"{next(known, type(self).__name__)}({inside})"


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True)
class Linear(_Between):
    """Go from `start` to `end` in a straight line."""

    def shape(self, t: float) -> float:
        """Return t."""
        return t


@dataclass(frozen=True)
class Cosine(_Between):
    """Go from `start` to `end` along half a cosine: gently off, gently there."""

    def shape(self, t: float) -> float:
        """Return (1 − cos πt)/2."""
        return 0.5 * (1 - math.cos(math.pi * t))


@dataclass(frozen=True)
class Cyclical(_Between):
    """Ramp linearly `cycles` times, resting at `end` for the last 1 − `ramp` of each cycle.

    Fu et al. 2019, "Cyclical annealing schedule", eqs. 6–7 (their M cycles, proportion R).
    """

    cycles: int = 4
    ramp: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.cycles < 1 or self.cycles != int(self.cycles) or not 0 < self.ramp <= 1:
            raise VaekitError(f"{self}: needs a whole number of cycles ≥ 1 and 0 < ramp ≤ 1")

    def check(self, progress: Progress) -> None:
        """Raise `VaekitError` where the schedule would not finish, or a cycle has no two steps."""
        super().check(progress)
        if 2 * self.cycles > self.horizon(progress):
            raise VaekitError(
                f"the schedule {self} has {self.cycles} cycles in {self.horizon(progress):g} "
                "steps: a cycle needs two at least, write fewer cycles or train longer"
            )

    def shape(self, t: float) -> float:
        """Return min(1, the share of the cycle / ramp)."""
        if t >= 1:
            return 1.0
        place = round(t * self.cycles, 9) % 1  # 2.9999999999999996 is the start of a cycle
        return min(1.0, place / self.ramp)


@dataclass(frozen=True)
class OneCycle(Cosine):
    """Go from `start` up to `peak` in the share `warm` of the time, and down to `end` in the rest.

    Both ways are half cosines. Smith & Topin 2018, "Super-convergence"; with `start=0` and a small
    `warm` it is the usual warm-up before a decay.
    """

    peak: float = 1e-3
    warm: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.warm < 1 or not self.peak >= max(self.start, self.end):
            raise VaekitError(f"{self}: needs 0 < warm < 1 and a peak ≥ start and end")

    def __call__(self, progress: Progress) -> float:
        """Return the value at `progress`."""
        t = self.share(progress)
        if t < self.warm:
            return self.start + (self.peak - self.start) * self.shape(t / self.warm)
        return self.peak + (self.end - self.peak) * self.shape((t - self.warm) / (1 - self.warm))

    @property
    def highest(self) -> float:
        """Return the peak."""
        return self.peak


@dataclass(frozen=True)
class Plateau(_Between):
    """Fall from `start` by `factor` whenever validation has seen no new best `patience` times.

    It never falls below `end`. Raises `VaekitError` for training without validation.
    """

    end: float = 0.0
    factor: float = 0.5
    patience: int = 5

    def __post_init__(self):
        super().__post_init__()
        if (self.steps, self.epochs) != (None, None):
            raise VaekitError(f"{self}: it falls by what validation says, leave steps and epochs")
        if not 0 < self.factor < 1 or self.patience < 1 or self.patience != int(self.patience):
            raise VaekitError(f"{self}: needs 0 < factor < 1 and a whole patience ≥ 1")

    def horizon(self, progress: Progress) -> float:
        """Return 0: it has no end that is known before."""
        return 0

    def check(self, progress: Progress) -> None:
        """Raise `VaekitError` where no validation says when to fall."""
        if progress.judged is None:
            raise VaekitError(
                f"the schedule {self} falls when validation sees no new best, but there is none: "
                "add --validation 0.1 (validation=; for estimators early_stopping=True)"
            )

    def __call__(self, progress: Progress) -> float:
        """Return the value after the falls so far."""
        falls, best, waited = 0, math.inf, 0
        for value in progress.judged or ():
            waited = 0 if value < best else waited + 1
            best = min(best, value)
            if waited == self.patience:
                falls, waited = falls + 1, 0
        return max(self.start * self.shape(falls), self.end)

    def shape(self, t: float) -> float:
        """Return the share that is left after t falls."""
        return self.factor**t


def constant(value: float) -> float:
    """Return the number itself, so that `constant(4)` may be written where a schedule may."""
    if not _finite(value):
        raise VaekitError(f"a weight must be a finite number or a schedule, got {value}")
    return float(value)


Weight = float | str | Schedule
SCHEDULES: dict[str, Callable[..., float | Schedule]] = {
    "constant": constant,
    "linear": Linear,
    "cosine": Cosine,
    "cyclical": Cyclical,
    "one_cycle": OneCycle,
    "plateau": Plateau,
}


def weight(value: Weight) -> float | Schedule:
    """Read a weight: a number, a schedule, or the text of either, `linear(0, 4, epochs=10)`.

    Raises `VaekitError` for text that is neither, and for numbers below 0 or not finite: training
    minimises every term, so a negative weight asks for a bound that does not exist.
    """
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return build(value, SCHEDULES, "schedule")
    if not isinstance(value, Schedule) and not (math.isfinite(value) and value >= 0):
        raise VaekitError(f"a weight must be a finite number ≥ 0 or a schedule, got {value}")
    return value


def weight_at(value: float | Schedule, progress: Progress) -> float:
    """Return the number that `value` has at `progress`."""
    return value(progress) if isinstance(value, Schedule) else value
