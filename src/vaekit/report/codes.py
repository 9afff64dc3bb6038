"""Codes of a set and what each coordinate tells: the numbers behind the pictures.

A latent is worth showing in so far as it carries information. For a posterior with a density this
is its share of the rate, mean_x KL(q(z_h|x) ‖ p(z_h)) in nats (an upper bound on I(x; z_h); the
shares add up to the rate where the prior is a product). Of a Gaussian code under N(0, I) more is
known: the share less KL(q*(z_h)‖p(z_h)), which a latent may have without telling anything of x, is
Ī(x; z_h) (`vaekit.information.aggregated.indicators`). A deterministic code has no
rate, so its latents are ordered by their variance over the set, which depends on the scale of the
code.

The K entries of a one-hot are no latents: they say one category and are shown together. Each is
given a K-th of the block's rate, so that the sum over entries is the rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vaekit.apply import CHUNK, condition_of, device_of, sample_rows
from vaekit.data import Dataset
from vaekit.data.border import evenly_spaced
from vaekit.distributions import Density
from vaekit.distributions.divergences import all_known, kl_by_coordinate, kl_in_closed_form
from vaekit.distributions.product import pairs_of
from vaekit.information.aggregated.categories import categories_of, other_entries
from vaekit.information.aggregated.indicators import INFLUENTIAL, unfit
from vaekit.model import Model

ENOUGH, FEWEST, MOST = 0.05, 5, 20  # nats of a latent that is shown; so many at least, at most


@dataclass(frozen=True)
class ItemCodes:
    """Hold the mean codes (n, H) of the items at `rows` (n,) of a set, and what latents carry.

    `conditions` (n, width) are what a conditional model was told of them, else None; `priors`
    (2, n, H) are mean and standard deviation of p(z|c), where the prior was told too.
    `share` (H,) is the share of the rate in nats where `nats` is true, else the variance of the
    mean code; `information` (H,) is Ī(x; z_h) in nats of a Gaussian code under N(0, I), else None;
    `order` lists the latents from the most informative; `categories` says where one-hots lie.
    """

    rows: Tensor
    means: np.ndarray
    share: np.ndarray
    nats: bool
    conditions: Tensor | None = None
    priors: np.ndarray | None = None
    information: np.ndarray | None = None
    categories: Mapping[str, slice] = field(default_factory=dict)

    @property
    def order(self) -> np.ndarray:
        """Return the latents, the most informative first, without entries of one-hots."""
        order = np.argsort(-self._best, kind="stable")
        return order[np.isin(order, other_entries(len(order), self.categories))]

    @property
    def measure(self) -> str:
        """Say by what latents are ordered."""
        if self.information is not None:
            return "Ī(x; z_h) = mean KL(q(z_h|x)‖N(0, v_h))"
        return "mean KL(q(z|x)‖p(z))" if self.nats else "variance of the mean code"

    @property
    def _best(self) -> np.ndarray:
        return self.share if self.information is None else self.information

    def condition(self, places: np.ndarray | int) -> Tensor | None:
        """Return the conditions of the items at `places` in this list, (places, width), or None."""
        if self.conditions is None:
            return None
        return self.conditions[torch.as_tensor(places).reshape(-1)]

    def label(self, latent: int) -> str:
        """Name a latent with what it carries: `z3 · 2.41 nats`."""
        share = self._best[latent]
        return f"z{latent} · {share:.2f} nats" if self.nats else f"z{latent} · variance {share:.3g}"


@torch.no_grad()
def encode_items(model: Model, data: Dataset, limit: int = 10_000) -> ItemCodes:
    """Encode up to `limit` items of a set, chunk by chunk, without corruption."""
    device, rows = device_of(model), sample_rows(len(data), limit)
    means, parts, conditions, priors = [], [], [], []
    squares, gaussian, places = [], True, {}
    for chunk in rows.split(CHUNK):
        c = condition_of(model, data, chunk)
        q = model.encode(data.batch(chunk).to(device), c)
        means.append(q.mean.double().cpu())
        conditions += [] if c is None else [c.cpu()]
        prior = None if model.prior is None else model.expect(q.mean, c)
        gaussian = gaussian and not unfit(q, prior)
        squares.append((q.mean.double() ** 2 + q.variance.double()).cpu())
        part, places = None if prior is None else _rate_shares(q, prior), categories_of(q)
        parts += [] if part is None else [part.double().cpu()]
        if prior is not None and prior.batch_shape:
            priors.append(torch.stack([prior.mean, prior.variance.sqrt()]).double().cpu())
    codes = torch.cat(means)
    share = torch.cat(parts).mean(0) if parts else codes.var(0, unbiased=False)
    told = torch.cat(conditions) if conditions else None
    spans = torch.cat(priors, 1).numpy() if priors else None
    v = torch.cat(squares).mean(0)
    known = (share - 0.5 * (v - 1 - v.log())).numpy() if gaussian else None
    return ItemCodes(rows, codes.numpy(), share.numpy(), bool(parts), told, spans, known, places)


def _rate_shares(q: Density, p: Density) -> Tensor | None:
    """Return the share of each entry in KL(q‖p), (batch, H), or None where it is not known."""
    pairs = pairs_of(q, p)
    if pairs is None:
        whole = kl_in_closed_form(q, p) if categories_of(q) else None
        size = q.event_shape[-1]
        return kl_by_coordinate(q, p) if whole is None else whole[:, None].expand(-1, size) / size
    known = all_known(_rate_shares(*pair) for pair in pairs)
    return None if known is None else torch.cat(known, -1)


def spread(codes: ItemCodes, count: int) -> np.ndarray:
    """Choose up to `count` items at equal distances through a list of codes, their places."""
    return evenly_spaced(len(codes.rows), count).numpy()


def typical(codes: ItemCodes) -> int:
    """Find the place in `codes` of the item nearest to the mean code, in standard deviations."""
    centred = codes.means - codes.means.mean(axis=0)
    scale = centred.std(axis=0)
    distance = ((centred / np.where(scale > 0, scale, 1.0)) ** 2).sum(axis=1)
    return int(distance.argmin())


def sweep(codes: ItemCodes, latent: int, steps: int, place: int = 0) -> np.ndarray:
    """Return the values of one latent to show, for the item at `place` in `codes`.

    −3 to 3; mean ± 3 sd of p(z|c) under the item's condition, or of deterministic codes, but from
    the least of them to the largest at most: no sigmoid gives −0.5, and what a decoder makes of
    it means nothing.
    """
    span = np.linspace(-3, 3, steps)
    if codes.priors is not None:
        mean, sd = codes.priors[:, place, latent]
        return mean + span * sd
    column = codes.means[:, latent]
    if codes.nats:
        return span
    low, high = column.mean() + span[[0, -1]] * column.std()
    return np.linspace(max(low, column.min()), min(high, column.max()), steps)


def informative(codes: ItemCodes) -> list[int]:
    """Choose the latents to show, the most informative first, 20 at most.

    Of a Gaussian code the influential ones, Ī(x; z_h) > 0.5 nats, or all where none is. Of others
    with a rate those above .05 nats, or the first five; of deterministic ones all.
    """
    order = [int(latent) for latent in codes.order]
    if codes.information is not None:
        return order[: min(_influential(codes) or len(order), MOST)]
    enough = sum(codes.share[order] > ENOUGH) if codes.nats else len(order)
    return order[: min(max(enough, FEWEST), MOST)]


def _influential(codes: ItemCodes) -> int:
    return 0 if codes.information is None else int((codes.information > INFLUENTIAL).sum())


def path(codes: ItemCodes, latent: int, centre: int, steps: int) -> Tensor:
    """Repeat the code at place `centre` with one latent swept through its range, (steps, H)."""
    z = torch.from_numpy(codes.means[centre]).float().repeat(steps, 1)
    z[:, latent] = torch.from_numpy(sweep(codes, latent, steps, centre)).float()
    return z


def each_category(codes: ItemCodes, where: slice, centre: int) -> Tensor:
    """Repeat the code at place `centre` with the one-hot at `where` set to each of K, (K, H)."""
    size = where.stop - where.start
    z = torch.from_numpy(codes.means[centre]).float().repeat(size, 1)
    z[:, where] = torch.eye(size)
    return z


def compared_entries(codes: ItemCodes) -> list[int]:
    """List the entries in which codes are compared: the informative latents, and all one-hots."""
    ones = [i for where in codes.categories.values() for i in range(where.start, where.stop)]
    return sorted(informative(codes) + ones)


def compared_text(codes: ItemCodes) -> str:
    """Say which entries of the code these are."""
    shown = [f"z{latent}" for latent in sorted(informative(codes))]
    named = f": {', '.join(shown)}" if len(shown) < 8 else ""
    parts = [f"the {len(shown)} informative latents{named}"] if shown else []
    parts += [f"the one-hot {name}".rstrip() for name in codes.categories]
    return " and ".join(parts)
