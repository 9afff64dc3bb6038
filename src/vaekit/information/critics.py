"""A reader Q(c|x′) of a frozen model: what it is made of, and how it learns.

Q sees pictures x′ = what the decoder makes of codes, and answers with a Gaussian for coordinates,
with a category for one-hots, and with the product of these for a code of several blocks, as the
readers do that models are trained with. It is trained on −log Q(c|x′) with fresh draws in every
step, and is left as it was where a held-out tenth of its examples liked it best. It looks through
the units of the first thousand examples: x′ less its mean by its spread, and coordinates likewise,
so that codes of any scale are read as well, to a thousandth of their spread.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import Density, OneHots
from vaekit.faults import check_finite_values
from vaekit.information.aggregated.parts import Part
from vaekit.information.encoding import encoded
from vaekit.model import Model
from vaekit.networks import networks
from vaekit.objectives.aggregate.mutual_information import log_read

_LOOKS, _FIRST = 10, 1000


class Pairs(NamedTuple):
    """Hold what a reader is shown, x′ (n, *shape), what it is to tell, c (n, k), and q(c|x)."""

    shown: Tensor
    c: Tensor
    q: Density

    __repr__ = brief_repr


class PairSource(NamedTuple):
    """Draw pairs of a frozen model: which part of its code, and of what kind."""

    model: Model
    part: Part
    again: bool
    drawn: bool

    def pairs(self, data: Dataset, rows: Tensor) -> Pairs:
        """Draw one pair for each of `rows`; raise `VaekitError` as `encoded` does."""
        ((x, told, q, _),) = encoded(self.model, data, rows, len(rows))
        z = q.rsample((1,))
        p = self.model.decode(z, told, x.shape)
        check_finite_values(self.model, data, rows, "what the decoder gives", p.mean[0])
        own = q.marginal(self.part.places)
        c = z[0][:, self.part.places]
        if self.again:  # of a one-hot its mean, for log Q is linear in it and so has no noise
            c = own.mean if isinstance(own, OneHots) else own.rsample()
        return Pairs((p.sample() if self.drawn else p.mean)[0], c, own)


class InformationReader(nn.Module):
    """Tell c from x′ by a network named by text, of which `first` pairs show shapes and units."""

    def __init__(self, text: str, first: Pairs):
        super().__init__()
        self.parts = first.q.parts
        self.sizes = [part.event_shape[-1] for part in self.parts]
        each = zip(self.parts, self.sizes, strict=True)
        self.widths = [size if isinstance(part, OneHots) else 2 * size for part, size in each]
        self.network = networks(text).encoder(tuple(first.shown.shape[1:]), sum(self.widths))
        self.network.to(first.shown.device)
        self.units = _image_units(first.shown)
        blocks = zip(first.c.split(self.sizes, -1), self.parts, strict=True)
        self.moments = [_mean_and_scale(c, isinstance(part, OneHots)) for c, part in blocks]

    def forward(self, shown: Tensor, c: Tensor) -> Tensor:
        """Return log Q(c|x′) of each pair in nats, (n,)."""
        mean, wide = self.units
        features = self.network((shown - mean) / wide).split(self.widths, -1)
        each = zip(features, self.parts, c.split(self.sizes, -1), self.moments, strict=True)
        return torch.stack(
            [log_read(f, q, (c - at) / wide) - wide.log().sum() for f, q, c, (at, wide) in each]
        ).sum(0)


def _mean_and_scale(c: Tensor, category: bool) -> tuple[Tensor, Tensor]:
    if category:  # its entries have their unit
        return c.new_zeros(c.shape[-1]), c.new_ones(c.shape[-1])
    return c.mean(0), _positive_widths(c.std(0, correction=0))


def _image_units(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(), _positive_widths(x.std(correction=0))


def _positive_widths(std: Tensor) -> Tensor:
    return std.where(std > 0, torch.ones_like(std))


def trained(
    source: PairSource, data: Dataset, text: str, steps: int, batch: int, lr: float
) -> InformationReader:
    """Train a fresh reader on pairs of a set's examples, with the global generator."""
    order = torch.randperm(len(data))
    kept = order[: max(1, min(len(data) // 10, _FIRST))]
    rows = order[len(kept) :]
    reader = InformationReader(text, source.pairs(data, rows[:_FIRST]))
    stepping = torch.optim.Adam(reader.parameters(), lr)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(stepping, steps)
    judged, best, state = source.pairs(data, kept), -torch.inf, reader.state_dict()
    for step in range(1, steps + 1):
        pairs = source.pairs(data, rows[torch.randint(len(rows), (min(batch, len(rows)),))])
        with torch.enable_grad():
            stepping.zero_grad()
            (-reader(pairs.shown, pairs.c).mean()).backward()
        stepping.step()
        falling.step()
        if step % max(1, steps // _LOOKS) == 0 or step == steps:
            told = float(reader.eval()(judged.shown, judged.c).mean())
            reader.train()
            if told > best:
                best, state = told, copy.deepcopy(reader.state_dict())
    reader.load_state_dict(state)
    return reader.eval()
