"""What a model of mixed columns says of entries that are not known: of rows, and of samples.

Codes are weighed by what is known of a row, x_o, and unknown entries follow from the codes
(Rezende et al. 2014, §5.3; Mattei & Frellsen 2019, eq. 10):

    E[x_u | x_o] ≈ Σ_k w̃_k E[x_u | z_k],   w_k = p(x_o|z_k) p(z_k) / ½ (p(z_k) + q(z_k|x_o))

and w̃ = w / Σ w. Half of the codes come from the prior, for an encoder that met few holes is too
sure of rows with many. Of samples one code is drawn for each row, by w̃.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from vaekit.apply import batches, device_of, evaluating
from vaekit.arguments import check_counts
from vaekit.data import Dataset
from vaekit.distributions.columns import ColumnEntries
from vaekit.errors import VaekitError, warn
from vaekit.information.encoding import check_subject, drawing, rows_of
from vaekit.information.importance import spread_codes
from vaekit.model import Model
from vaekit.shapes import log_prob

ROW_CODES = 100  # of a row
CANDIDATES = 10_000  # codes among which those of given entries are chosen
_DECODED_AT_ONCE = 2**24  # that a chunk decodes at once
_FEW = 10  # codes that carry the weight: fewer are too few
_FEW_OF_ROW, _MANY = 3, 0.1  # the same where a row is filled in, and of how many rows it is said


class GivenRows(NamedTuple):
    """Hold rows (n, D), and the effective number of codes (Σ w)² / Σ w² that they come from."""

    x: Tensor
    effective: float


def check_missing(model: Model) -> None:
    """Raise `VaekitError` for a model that knows nothing of missing entries."""
    if not model.likelihood.missing:
        raise VaekitError(
            "this model knows no missing entries: train it on mixed columns, "
            "\"table('FILE', mixed=true)\""
        )


@torch.no_grad()
def imputed(
    model: Model,
    data: Dataset,
    samples: int = ROW_CODES,
    draw: bool = False,
    seed: int = 0,
    c: Tensor | None = None,
) -> Tensor:
    """Return the rows of a set (N, D) with what is missing (NaN) filled in, the rest as it is.

    It is filled with its mean given the rest, of classes their probabilities, by `samples` codes,
    or with `draw` by one draw of p(x|z) at a code chosen by weight. Without a prior or with
    deterministic codes there is one code of each. `c` (N, width) are conditions, where the set has
    none. Rows that lie so far off that no code explains them are warned of, where all codes weigh
    alike, and rows that very few codes explain, where these are many. Raises `VaekitError` for a
    model without missing entries, and for samples < 1.
    """
    check_subject(model, data, samples=samples)
    check_missing(model)
    size = max(1, _DECODED_AT_ONCE // (samples * math.prod(data.shape)))
    parts, far, few, holed = list[Tensor](), 0, 0, 0
    with drawing(seed), evaluating(model):
        for _, _, x, told in batches(model, data, torch.arange(len(data)), size, c):
            q = model.encode(x, told)
            if model.prior is None or q.deterministic:
                z, weights = q.rsample((1,)), torch.zeros(1, len(x), device=x.device)
            else:
                z, weights = spread_codes(q, model.expect(q.mean[None], told), samples)
            p = model.decode(z, told, x.shape)
            log_w = weights + log_prob(p, x, p.batch_shape, "p(x|z)")
            lost, holes = ~log_w.isfinite().any(0), x.isnan().any(1)
            log_w = torch.where(log_w.isfinite() | lost, log_w, -math.inf)
            share = torch.where(lost, 0.0, log_w).softmax(0).to(x.dtype)
            far += int(lost.sum())
            if (z != z[0]).any():  # else the encoder gives a row one code
                few += int((holes & (share.square().sum(0) > 1 / _FEW_OF_ROW)).sum())
            holed += int(holes.sum())
            if draw:
                chosen = torch.multinomial(share.T, 1)[:, 0]
                one = z[chosen, torch.arange(len(x), device=x.device)][None]
                made = model.decode(one, told, x.shape).sample()[0]
            else:
                made = (share[..., None] * p.mean).sum(0)
            parts.append(torch.where(x.isnan(), made, x).cpu())
    if far:
        warn(
            f"{far} of {len(data)} rows lie so far off that no code explains what is known of "
            "them: what is filled in there is worth nothing"
        )
    if samples >= _FEW_OF_ROW and few > _MANY * holed:
        warn(
            f"{few} of {holed} rows with missing cells rest on fewer than {_FEW_OF_ROW} of their "
            f"{samples:,} codes: say --samples {10 * samples} (samples=), or look whether these "
            "rows are like the training data"
        )
    return torch.cat(parts)


@torch.no_grad()
def rows_given(
    model: Model, x: Tensor, n: int, c: Tensor | None = None, seed: int = 0
) -> GivenRows:
    """Draw n rows of p(x) that have the known entries of x (D,), NaN where they are free.

    `c` (width,) is what a conditional model is told. Raises `VaekitError` for a model without
    missing entries or without a prior, and for n < 1.
    """
    check_missing(model)
    check_counts(n=n)
    if model.prior is None:
        raise VaekitError(
            "this model has no prior over its code, so there is nothing to draw from: say "
            "--from codes, or train a vae"
        )
    x = x.to(device_of(model))[None]
    c = None if c is None else c.to(x)[None]
    with drawing(seed), evaluating(model):
        z, log_w = _candidates(model, x, c)
        p = model.decode(z, c, x.shape)
        log_w = (log_w + log_prob(p, x, p.batch_shape, "p(x|z)"))[:, 0]
        if not bool(log_w.isfinite().any()):
            raise VaekitError(
                "what is given lies so far off that no code of the model explains it at all: give "
                "values that the training data have"
            )
        share = torch.where(log_w.isfinite(), log_w, -math.inf).softmax(0)
        chosen = torch.multinomial(share, n, replacement=True)
        made = model.decode(z[chosen], c, x.shape).sample()[:, 0]
    effective = float(1 / share.square().sum())
    if effective < _FEW:
        warn(
            f"what is given is rare to the model: {effective:.1f} of {len(z):,} codes carry the "
            "weight, and rows come from these alone; give less, or train on more such rows"
        )
    return GivenRows(torch.where(x.isnan(), made, x).cpu(), effective)


@torch.no_grad()
def distortion_by_column(model: Model, data: Dataset, n: int = 10_000, seed: int = 0) -> Tensor:
    """Return −E ln p(x_d|z) of every column d in nats (K,), over all rows: 0 where one is missing.

    They add up to the distortion of a row, by one code of each of up to n rows. Raises
    `VaekitError` for a model without columns.
    """
    check_missing(model)
    rows, total = rows_of(model, data, n), torch.zeros(())
    with drawing(seed), evaluating(model):
        for _, _, x, c in batches(model, data, rows):
            z = model.encode(x, c).rsample((1,))
            p = model.decode(z, c, x.shape)
            assert isinstance(p, ColumnEntries)
            total = total - p.log_prob_by_column(x).double().sum((0, 1)).cpu()
    return total / len(rows)


def _candidates(model: Model, x: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return codes (K, 1, H), and ln of what weighs them without p(x|z), (K, 1)."""
    q = model.encode(x, c)
    prior = model.expect(q.mean[None], c)
    if not q.deterministic:
        return spread_codes(q, prior, CANDIDATES)
    z = prior.sample((CANDIDATES, 1) if not prior.batch_shape else (CANDIDATES,))
    return z, torch.zeros(len(z), 1, device=z.device)
