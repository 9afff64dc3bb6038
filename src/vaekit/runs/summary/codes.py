"""What a summary reads of model and data: the mean codes of some examples, named as latents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from vaekit.apply import CHUNK, encode_set, sample_rows
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information.aggregated.categories import categories_of, other_entries
from vaekit.information.encoding import posterior_of
from vaekit.model import Model

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

_MOST, _LEAST = 10_000, 1000  # examples; those of a test set below which training's are taken


@dataclass(frozen=True)
class MeanCodes:
    """Hold the examples that were encoded and their mean codes (n, H).

    `part` says where these are training examples. `latents` are the places of coordinates, by
    falling variance; `chosen` (n,) is the likeliest value of each category, by the name of its
    block, `sizes` how many values it has.
    """

    model: Model
    data: Dataset
    means: np.ndarray
    part: str
    latents: list[int]
    chosen: dict[str, np.ndarray]
    sizes: list[int]

    @property
    def names(self) -> list[str]:
        """Name the columns of `values`."""
        own = [f"z{h}" for h in self.latents]
        return [*own, *(f"the category {name}".strip() for name in self.chosen)]

    @property
    def values(self) -> np.ndarray:
        """Return latents and categories side by side, (n, L)."""
        return np.column_stack([self.means[:, self.latents], *self.chosen.values()])


def look_at_codes(run: "Run") -> MeanCodes | None:
    """Encode up to 10,000 examples, of the test set unless it is small; None where none can be."""
    try:
        model, (train, test) = run.model, run.data
        small = len(test) < min(_LEAST, len(train))
        whole = train if small else test
        data = whole.subset(sample_rows(len(whole), _MOST))
        means = encode_set(model, data).mean.double().numpy()
        blocks = categories_of(posterior_of(model, data))
    except VaekitError:
        return None
    rest = other_entries(means.shape[1], blocks)
    spread = means.var(axis=0)
    chosen = {name: means[:, place].argmax(1) for name, place in blocks.items()}
    sizes = [place.stop - place.start for place in blocks.values()]
    part = f" (by {len(data):,} training examples)" if small else ""
    order = sorted(rest, key=lambda h: -spread[h])
    return MeanCodes(model, data, means, part, order, chosen, sizes)


def squared_spread(data: Dataset) -> float:
    """Return the mean of ‖x − x̄‖² over a set, which is the squared error of its mean x̄."""
    total, squares = torch.zeros(()), 0.0
    for part in sample_rows(len(data), _MOST).split(CHUNK):
        x = data.batch(part).flatten(1).double().cpu()
        total, squares = total + x.sum(0), squares + float(x.square().sum())
    n = min(len(data), _MOST)
    return squares / n - float((total / n).square().sum())
