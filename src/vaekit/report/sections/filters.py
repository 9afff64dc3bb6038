"""Filters of models with one linear layer, as images: what each unit looks for or draws.

Units are shown at equal distances from the most used to the least, so that the picture shows what
is typical and not what is best. Those that a top-k code never uses have learned nothing: they are
counted, not shown.
"""

import math
from collections.abc import Iterator

import numpy as np
from torch import Tensor, nn

from vaekit import pictures
from vaekit.data import Dataset
from vaekit.information import diagnostics as measure
from vaekit.model import Model
from vaekit.networks import Transposed
from vaekit.objectives import Sparsity
from vaekit.posteriors import TopK
from vaekit.report.codes import ItemCodes
from vaekit.report.section import Section, View, strips

FILTERS, WIDE, NARROW = 100, 20, 10
_SMALL_FILTER = 32  # pixels: 20 such filters fit into one row of the page


def linear(model: Model, data: Dataset) -> dict[str, Tensor]:
    """Find filters (H, *shape) by name: columns of a decoder, rows of an encoder of one layer.

    `both` where the decoder is the encoder's transpose; empty where neither is one linear layer
    (an encoder may have an activation behind it).
    """
    size, latent, layers = math.prod(data.shape), model.posterior.latent, {}
    decoder, encoder = _only_layer(model.likelihood.network), _only_layer(model.posterior.network)
    if decoder is not None and decoder.out_features == size and decoder.in_features >= latent:
        # A condition stands behind the code in the decoder's input.
        layers["decoder"] = decoder.weight.detach()[:, :latent].T
    if encoder is not None and encoder.weight.shape == (latent, size):
        tied = any(isinstance(m, Transposed) for m in model.likelihood.network.modules())
        layers["both" if tied else "encoder"] = encoder.weight.detach()
    return {name: w.float().cpu().reshape(latent, *data.shape) for name, w in layers.items()}


def _only_layer(network: nn.Module) -> nn.Linear | None:
    owners = [m for m in network.modules() if any(True for _ in m.parameters(recurse=False))]
    return owners[0] if len(owners) == 1 and isinstance(owners[0], nn.Linear) else None


def sections(view: View) -> Iterator[Section]:
    """Yield the filters of an image model with a linear layer."""
    if view.image and (filters := linear(view.model, view.data)):
        yield _filter_section(view, filters)


def _filter_section(view: View, filters: dict[str, Tensor]) -> Section:
    """Show filters at equal distances through the units, from the most used to the least."""
    sparse = view.objective is not None and measure.term_of(view.objective, Sparsity) is not None
    order, how = _by_use(view.model, view.codes, sparse)
    dead = view.model.posterior.latent - len(order)
    places = measure.evenly_spaced(len(order), FILTERS).numpy()
    columns = WIDE if view.data.shape[-1] <= _SMALL_FILTER else NARROW
    rows = [(n, pictures.grid(filter_tiles(w[order[places]]), columns)) for n, w in filters.items()]
    view.save("filters", [sheet for _, sheet in rows])
    parts = {
        "decoder": "columns of the decoder's",
        "encoder": "rows of the encoder's",
        "both": "rows of the encoder's, which are the columns of the decoder's,",
    }
    which = " and ".join(parts[name] for name in filters)
    some = (
        f"{len(places)} of {len(order):,}, at equal distances"
        if len(places) < len(order)
        else "all"
    )
    caption = (
        f"The {which} one linear layer, one image a unit, {some} from first to last by {how}. "
        "Grey is 0; each image has its own symmetric scale, to its largest weight."
    )
    caption += f" {dead:,} units that are never used are left out." if dead else ""
    return Section("filters", "Filters", caption, [strips([row]) for row in rows])


def _by_use(model: Model, codes: ItemCodes, active: bool) -> tuple[np.ndarray, str]:
    """Order the units, the most used first and those never used left out; say by what."""
    n = f"over {len(codes.rows):,} test items"
    if isinstance(model.posterior, TopK):
        on = codes.means != 0
        k, often = int(on.sum(1).max()), on.mean(0)
        order = np.argsort(-often, kind="stable")[: int((often > 0).sum())]
        return order, f"how often they are among the k = {k} largest {n}"
    if active:
        return np.argsort(-codes.means.mean(0), kind="stable"), f"mean activation {n}"
    return codes.order, f"{codes.measure} {n}"


def filter_tiles(weights: Tensor) -> np.ndarray:
    """Turn filters (n, C, H, W) into bytes (n, H, W, 3), each from −max|w| to max|w|, 0 grey."""
    largest = weights.abs().amax((1, 2, 3), keepdim=True)
    return pictures.tiles(weights / largest.clamp_min(1e-30), -1, 1)
