"""All that can be said of a model's information, as far as its parts allow."""

from dataclasses import asdict
from typing import Any

import torch

from vaekit.data import Dataset
from vaekit.information.aggregated.indicators import indicators, unfit
from vaekit.information.aggregated.posterior import aggregate
from vaekit.information.encoding import encoded, posterior_of
from vaekit.information.importance import EXAMPLES, log_likelihood
from vaekit.information.input_noise import first_order, unfit_for_first_order
from vaekit.model import Model


def uninformed(model: Model, data: Dataset) -> str:
    """Say why nothing can be said of a model's information, or nothing."""
    if not posterior_of(model, data).deterministic:
        return ""
    return unfit_for_first_order(model, data)


def summarise(
    model: Model, data: Dataset, n: int = 10_000, samples: int = 100, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Return the numbers of `indicators`, `aggregate` and `log_likelihood`, as `evaluate` does.

    Indicators are left out where posterior and prior are not theirs, log p(x), which is computed
    on 1000 examples at most, without a prior. Deterministic codes of noisy inputs have the numbers
    of `first_order` in their place. Raises `VaekitError` as the four do.
    """
    if not unfit_for_first_order(model, data):
        first = first_order(model, data, n, seed)
        return {} if first is None else {k: asdict(v) for k, v in first.numbers().items()}
    numbers = aggregate(model, data, n, seed).numbers()
    first = next(iter(encoded(model, data, torch.arange(1))))
    if not unfit(first.q, first.prior):
        numbers = indicators(model, data, n).numbers() | numbers
    if model.prior is not None:
        numbers |= log_likelihood(model, data, min(n, EXAMPLES), samples, seed).numbers()
    return {name: asdict(number) for name, number in numbers.items()}
