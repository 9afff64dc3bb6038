"""One look at random examples, which shows what cannot go together before training, or any data.

What a part cannot do another part asks of it at the first pass: a density of a deterministic code,
a block that is not there, a prior where there is none. So a pass and its gradient tell, and no
table of what goes with what has to be kept.
"""

import math
from collections.abc import Sequence
from copy import copy
from typing import Any, cast

import torch
from torch import Tensor

from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import (
    KL,
    Distortion,
    ImportanceWeighted,
    Objective,
    RateConstraint,
    RateTarget,
    Term,
)
from vaekit.schedules import Schedule
from vaekit.shapes import explaining

TRIED = 4
# Of which one suffices: images, rows of a table, and images that the deepest networks can halve.
STAND_INS = ((1, 32, 32), (16,), (1, 256, 256))


def check_together(model: Model, objective: Objective, shape: Sequence[int]) -> None:
    """Raise `VaekitError` where parts and terms of a system do not go together.

    They are shown a few random examples of `shape`; weights, statistics and the generators of noise
    stay as they are. So does what fails for another reason, which training will tell.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with torch.random.fork_rng(devices=[]):
        try:
            _look(model, objective, tuple(shape))
        except VaekitError:
            raise
        except Exception:  # of code of a user's own, that random examples may not suit
            return
        finally:
            for name, buffer in model.named_buffers():
                if name in buffers and buffer.shape == buffers[name].shape:
                    buffer.copy_(buffers[name])


def _look(model: Model, objective: Objective, shape: tuple[int, ...]) -> None:
    low, high = model.likelihood.support or (0.0, 1.0)
    low, high = (low, high) if math.isfinite(high - low) else (0.0, 1.0)
    x = low + (high - low) * torch.rand(TRIED, *shape)
    c = None if model.condition is None else torch.eye(model.condition.width)[_turns(model)]
    terms = Objective([(w, copy(term)) for w, term in objective.parts])
    for _, term in terms.parts:
        if hasattr(term, "set_size"):
            cast(Any, term).set_size(TRIED)
    with explaining(shape):
        values = terms.values(model(x, c, terms.samples))
    weighed = [_is_weighed(w) for w, _ in terms.parts]
    _check_bound([t for on, (_, t) in zip(weighed, terms.parts, strict=True) if on])
    kept = [v for on, v in zip(weighed, values, strict=False) if on] + values[len(weighed) :]
    _check_trained(model, [value for value in kept if value.requires_grad])


def _is_weighed(weight: float | Schedule) -> bool:
    """Tell a weight that is not 0 throughout: a term of weight 0 is only read."""
    return (weight.highest if isinstance(weight, Schedule) else weight) != 0


def _check_bound(terms: list[Term]) -> None:
    """Raise `VaekitError` where importance weights have distortion, or a rate, beside them."""
    if any(isinstance(term, ImportanceWeighted) for term in terms):
        rates = KL | RateTarget | RateConstraint
        twice = [t.name for t in terms if isinstance(t, Distortion | rates)]
        if twice:
            raise VaekitError(
                "importance_weighted stands in place of distortion and rate, which would count "
                f"twice: leave out {' and '.join(twice)}, or importance_weighted"
            )


def _turns(model: Model) -> list[int]:
    assert model.condition is not None
    return [k % model.condition.width for k in range(TRIED)]


def _check_trained(model: Model, values: list[Tensor]) -> None:
    """Raise `VaekitError` where no term has a gradient in the encoder, or in the decoder."""
    for name, what in (("posterior", "encoder"), ("likelihood", "decoder")):
        weights = [w for w in getattr(model, name).parameters() if w.requires_grad]
        if not weights:
            continue
        gradients: Sequence[Tensor | None] = ()
        if values:
            total = torch.stack(values).sum()
            gradients = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
        if all(gradient is None for gradient in gradients):
            raise VaekitError(
                f"no term of this objective trains the {what}: add distortion, or "
                "importance_weighted in place of distortion and kl"
            )
