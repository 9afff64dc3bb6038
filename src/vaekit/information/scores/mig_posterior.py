"""The gap of the MIG by densities of q(z|x), without bins.

Codes are draws of q(z|x), whose densities are known, so that entropies need no histogram (Chen et
al. 2018, eq. 6 and appendix). With one draw z_n for each of N examples, and
q(z_j|v) = mean_m q(z_j|x_m) over the examples of level v,

    I(z_j; v_k) = E log q(z_j|v_k) − E log q(z_j)
    MIG         = 1/K Σ_k (I(z_(1); v_k) − I(z_(2); v_k)) / H(v_k)

as in `metrics.factors.mig`. What the mean of a collapsed latent still moves is lost in its noise
here, and no number of bins decides.

**Posteriors must overlap.** Each mean holds a code's own posterior. Where posteriors are so narrow
that a draw lies under no other, log q(z|v) − log q(z) is ln of N by the examples of the level,
whatever the latent tells: then every I is H(v_k), and the gap closes. The part
`mutual_information_shuffled`, of factors shuffled among the examples, shows how far this goes: 0
where posteriors overlap, H(v_k) where they do not. More examples help.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.distributions import Density
from vaekit.errors import VaekitError
from vaekit.information.aggregated.parts import aggregate_of, join
from vaekit.information.encoding import drawing, encoded, posterior_of, rows_of
from vaekit.metrics import Row, Score, metric
from vaekit.metrics.factors.mig import entropies, gap_parts, gaps
from vaekit.metrics.score import scored
from vaekit.model import Model

_DENSITIES = "one draw of q(z|x) an example; densities over the examples of a level, own included"


@torch.no_grad()
def mig_by_posterior(
    model: Model, data: Dataset, n: int = 10_000, seed: int = 0, shuffles: int = 1
) -> Score:
    """Score how far each factor is held by one latent alone, of draws of q(z|x), in [0, 1].

    Reads up to `n` examples, at n² · H · (1 + Σ_k 1/levels) exponentials for them and for each of
    `shuffles`. `parts` are those of `mig`, and `mutual_information_shuffled` (H, K). Raises
    `VaekitError` for a set without factors, for codes without a density by coordinate, n < 1 and
    shuffles < 0.
    """
    rows = rows_of(model, data, n)
    levels = data.levels(rows)
    lack = unfit_for_gaps(model, data)
    if lack or levels is None:
        raise VaekitError(f"{lack}: give a set with factors and a VAE")
    with drawing(seed):
        q = join([part.q for part in encoded(model, data, rows)]).merged()
        z = q.rsample()
    overall = _log_marginals(z, q)
    shuffled: list[np.ndarray] = []

    def measure(levels: np.ndarray) -> dict[str, Any]:
        known = np.stack([_informations(z, q, overall, each) for each in levels.T], 1)
        shuffled.append(known)
        total = entropies(levels)
        return gap_parts(known, total, gaps(known, total))

    score = scored(
        measure, levels, ("mig",), {"estimator": _DENSITIES, "n": len(z)}, shuffles, seed
    )
    if shuffles:
        score.parts["mutual_information_shuffled"] = np.mean(shuffled[1:], axis=0)
    return score


@metric(
    "mig_posterior",
    Row(
        "mig_posterior",
        "… by draws and densities of q(z|x), without bins?",
        "share of the entropy",
        title="MIG by densities",
        mind="posteriors must overlap; N",
    ),
    needs="posterior",
)
def _mig_posterior(subject: Any) -> Score:
    return mig_by_posterior(subject.model, subject.data, subject.n, subject.seed)


def unfit_for_gaps(model: Model, data: Dataset) -> str:
    """Say why a model's codes on a set have no density beside factors, or nothing."""
    if data.factors is None:
        return f"{data.name} has no factors"
    q = posterior_of(model, data)
    if q.deterministic:
        return "this model's code is deterministic and has no density q(z|x)"
    return "" if q.independent else "the coordinates of this model's q(z|x) are not independent"


def _informations(z: Tensor, q: Density, overall: Tensor, level: np.ndarray) -> np.ndarray:
    """Return I(z_j; v) in nats of each latent, (H,), of one factor's levels (N,)."""
    total = torch.zeros_like(overall[0])
    for value in np.unique(level):
        rows = torch.from_numpy(np.flatnonzero(level == value))
        part = q.changed(lambda parameter, rows=rows: parameter[rows])
        total += (_log_marginals(z[rows], part) - overall[rows]).sum(0)
    return (total / len(z)).clamp_min(0).numpy()


def _log_marginals(z: Tensor, q: Density) -> Tensor:
    """Return ln 1/N Σ_m q(z_j|x_m) in nats of each coordinate, (n, H)."""
    marginals = aggregate_of(z, q)[1]
    assert marginals is not None, "coordinates are independent, as `unfit_for_gaps` asks"
    return marginals
