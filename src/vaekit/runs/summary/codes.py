"""What a summary reads of model and data: the mean codes of some examples, named as latents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from vaekit.apply import CHUNK, encode_set, sample_rows
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information.categories import categories, other_entries
from vaekit.model import Model

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

_MOST = 10_000  # examples


@dataclass(frozen=True)
class MeanCodes:
    """Hold the examples that were encoded and their mean codes (n, H).

    `latents` are the places of coordinates, by falling variance; `chosen` (n,) is the likeliest
    value of each category, by the name of its block, `sizes` how many values it has.
    """

    model: Model
    data: Dataset
    means: np.ndarray
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

    def squared_spread(self) -> float:
        """Return the mean of ‖x − x̄‖², the squared error of the mean of the examples."""
        total, squares = torch.zeros(()), 0.0
        for part in torch.arange(len(self.data)).split(CHUNK):
            x = self.data.batch(part).flatten(1).double().cpu()
            total, squares = total + x.sum(0), squares + float(x.square().sum())
        return squares / len(self.data) - float((total / len(self.data)).square().sum())


def look(run: "Run") -> MeanCodes | None:
    """Encode up to 10,000 of the examples that a run is judged on; None where that cannot be."""
    try:
        model, whole = run.model, run.data.test
        data = whole.subset(sample_rows(len(whole), _MOST))
        means = encode_set(model, data).mean.double().numpy()
        blocks = categories(model, data)
    except VaekitError:
        return None
    rest = other_entries(means.shape[1], blocks)
    spread = means.var(axis=0)
    chosen = {name: means[:, place].argmax(1) for name, place in blocks.items()}
    sizes = [place.stop - place.start for place in blocks.values()]
    return MeanCodes(model, data, means, sorted(rest, key=lambda h: -spread[h]), chosen, sizes)
