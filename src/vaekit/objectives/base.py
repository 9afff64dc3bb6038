"""Terms and their weighted sum.

    objective = Distortion() + 4.0 * KL() + Linear(0, 1) * Other()

The loop minimises Σ_t w_t(progress) · term_t. A term is a scalar in nats for one example: summed
over the entries of x, averaged over the batch, so that a weight means the same at any image size.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.schedules import Progress, Schedule, Weight, weight, weight_at


class Term(ABC):
    """Measure one thing about a pass.

    To write one: set `name`, and return from `__call__` a scalar tensor in nats for one example,
    computed without asking the device a question (no `.item()`, no branch on data).
    """

    name: str

    @abstractmethod
    def __call__(self, run: Pass) -> Tensor:
        """Return the term's value, a scalar."""

    def __rmul__(self, factor: Weight) -> "Objective":
        return Objective([(weight(factor), self)])

    def __add__(self, other: "Term | Objective") -> "Objective":
        return 1.0 * self + other


class Objective:
    """Sum weighted terms; `+` joins objectives and terms, a number times an objective scales it.

    Raises `VaekitError` where two terms have the same name, for then a curve would show neither.
    """

    def __init__(self, parts: Iterable[tuple[float | Schedule, Term]]):
        self.parts = tuple(parts)
        self.names = tuple(term.name for _, term in self.parts)
        if len(set(self.names)) < len(self.names):
            raise VaekitError(f"two terms of one objective share a name: {', '.join(self.names)}")

    def __add__(self, other: "Term | Objective") -> "Objective":
        more = other if isinstance(other, Objective) else 1.0 * other
        return Objective((*self.parts, *more.parts))

    def __rmul__(self, factor: float) -> "Objective":
        if isinstance(weight(factor), Schedule) or any(
            isinstance(w, Schedule) for w, _ in self.parts
        ):
            raise VaekitError("scale a schedule by its own start and end, not by a number outside")
        factor = float(factor)
        return Objective((factor * weight_at(w, Progress(0, 1, 1)), t) for w, t in self.parts)

    def values(self, run: Pass) -> list[Tensor]:
        """Return every term's value, in the order of `names`."""
        return [term(run) for _, term in self.parts]

    def weights(self, progress: Progress) -> list[float]:
        """Return every term's weight at `progress`."""
        return [weight_at(w, progress) for w, _ in self.parts]

    def check(self, progress: Progress) -> None:
        """Raise `VaekitError` where a schedule would outlast the training."""
        for w, _ in self.parts:
            if isinstance(w, Schedule):
                w.check(progress)
