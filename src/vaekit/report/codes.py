"""Codes of a set and what each coordinate tells: the numbers behind the pictures.

A latent is worth showing in so far as it carries information. For a posterior with a density this
is its share of the rate, mean_x KL(q(z_h|x) ‖ p(z_h)) in nats (an upper bound on I(x; z_h); the
shares add up to the rate where the prior is a product). A deterministic code has no rate, so its
latents are ordered by their variance over the set, which depends on the scale of the code.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vaekit.data import Dataset
from vaekit.divergences import kl_by_coordinate
from vaekit.model import Model

CHUNK = 500


@dataclass(frozen=True)
class Codes:
    """Hold the mean codes (n, H) of the items at `rows` (n,) of a set, and their worth by latent.

    `worth` (H,) is in nats where `nats` is true, else the variance of the mean code; `order` (H,)
    lists the latents from the worthiest.
    """

    rows: Tensor
    means: np.ndarray
    worth: np.ndarray
    nats: bool

    @property
    def order(self) -> np.ndarray:
        """Return the latents, the most informative first, (H,)."""
        return np.argsort(-self.worth, kind="stable")

    def label(self, latent: int) -> str:
        """Name a latent with its worth: `z3 · 2.41 nats`."""
        worth = self.worth[latent]
        return f"z{latent} · {worth:.2f} nats" if self.nats else f"z{latent} · variance {worth:.3g}"


def sample_rows(count: int, limit: int) -> Tensor:
    """Choose up to `limit` of `count` rows, in order, always the same ones, (n,) int64."""
    if count <= limit:
        return torch.arange(count)
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:limit]
    return chosen.sort().values


@torch.no_grad()
def encode(model: Model, data: Dataset, limit: int = 10_000) -> Codes:
    """Encode up to `limit` items of a set, chunk by chunk, without corruption."""
    device, rows = device_of(model), sample_rows(len(data), limit)
    means, parts = [], []
    for chunk in rows.split(CHUNK):
        q = model.posterior(data.batch(chunk).to(device))
        means.append(q.mean.double().cpu())
        prior = None if model.prior is None else model.prior(q.mean[None])
        part = None if prior is None else kl_by_coordinate(q, prior)
        parts += [] if part is None else [part.double().cpu()]
    found = torch.cat(means)
    worth = torch.cat(parts).mean(0) if parts else found.var(0, unbiased=False)
    return Codes(rows, found.numpy(), worth.numpy(), bool(parts))


@torch.no_grad()
def decode(model: Model, z: Tensor) -> Tensor:
    """Return the mean of p(x|z) for codes (n, H), on the CPU, (n, *shape)."""
    device = device_of(model)
    chunks = [model.likelihood(part[None].to(device)).mean[0].cpu() for part in z.split(CHUNK)]
    return torch.cat(chunks).float()


@torch.no_grad()
def draw(model: Model, count: int, latent: int) -> Tensor | None:
    """Draw `count` codes from the prior, (count, H), the same each time; None without a prior."""
    if model.prior is None:
        return None
    device = device_of(model)
    like = torch.zeros(1, 1, latent, device=device)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(0)
        return model.prior(like).rsample((count,)).cpu()


def typical(codes: Codes) -> int:
    """Find the place in `codes` of the item nearest to the mean code, in standard deviations."""
    centred = codes.means - codes.means.mean(axis=0)
    scale = centred.std(axis=0)
    distance = ((centred / np.where(scale > 0, scale, 1.0)) ** 2).sum(axis=1)
    return int(distance.argmin())


def sweep(codes: Codes, latent: int, steps: int) -> np.ndarray:
    """Return the values of one latent to show: −3 to 3, or mean ± 3 sd for deterministic codes."""
    span = np.linspace(-3, 3, steps)
    column = codes.means[:, latent]
    return span if codes.nats else column.mean() + span * column.std()


def device_of(model: Model) -> torch.device:
    """Tell the device on which a model's weights lie."""
    return next(model.parameters()).device
