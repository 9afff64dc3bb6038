"""The variational bound on what a trained model's code tells, by a reader that is trained for it.

    I(c; x′) ≥ E[log Q(c|x′)] + H(c)                                              ([vmi] eq. 4.9)

c is a part of the code, x an example of the data, z ~ q(z|x), and x′ what the decoder makes of z: a
draw of p(x|z), or its mean. The model stays as it is; the reader Q is new, trained on −log Q(c|x′)
with some examples and judged by others (Barber & Agakov 2003, eq. 3).

**Of which information.** Usually c is the part of the very z that was decoded. Then the bound is
one on I(c; x′), how well a code can be read from its picture, and not on I(x; c): a block of noise
that says nothing of x, q(c|x) = p(c), can be read as well where the decoder draws it. So neither
the rate of c nor ln N is above it; ln K is, and H(c), where c is one of K categories. With the mean
for x′ and continuous c it has no bound at all: a picture without noise may tell c to any digit.

With `again`, c is drawn from q(c|x) once more. Then c – x – z – x′ is a Markov chain and

    E[log Q(c|x′)] + H(c) ≤ I(c; x′) ≤ I(x; c) ≤ KL(q(c|x)‖p(c))

also bounds what c tells of the data, from x′ of either kind. For narrow Gaussian posteriors it
cannot come nearer to I(x; c) than ½ ln 2 nats for each coordinate, which is what the noise of two
draws costs more than that of one.

**Which entropy.** H(c) is that of the aggregate posterior q(c) over the n examples that are judged:
of categories exact, −Σ_k π̄_k ln π̄_k, of coordinates −E ln 1/n Σ_m q(c|x_m) with c's own among
them. Taken for more examples than these it is too small on average, never too large, so the bound
stays one. A Gaussian of the same covariance would have more entropy, and would not do.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaekit.apply import CHUNK, evaluating
from vaekit.arguments import check, check_counts
from vaekit.brief import brief_repr
from vaekit.data import Dataset
from vaekit.distributions import Density, OneHots
from vaekit.errors import VaekitError
from vaekit.faults import check_finite_values
from vaekit.information.aggregated.parts import (
    RATE_CODES,
    On,
    aggregated,
    category_entropy,
    join,
    part_of,
    rate_of,
)
from vaekit.information.critics import Pairs, PairSource, trained
from vaekit.information.encoding import HasModel, check_subject, drawing, encoded, model_of, rows_of
from vaekit.information.rates import Number, mean_number
from vaekit.model import Model

LEAST = 2  # examples to learn from, and to be judged by


@dataclass(frozen=True)
class Bound:
    """Hold the bound of each of n examples that the reader never saw, in nats, float64 (n,).

    `told` is log Q(c|x′), `surprise` −log q(c); `rate` KL(q(c|x)‖p(c)) where the prior comes apart
    there; `categories` K where c is one of K. `again` and `drawn` say which c and which x′.
    """

    name: str
    told: Tensor
    surprise: Tensor
    rate: Tensor | None
    categories: int | None
    again: bool
    drawn: bool

    __repr__ = brief_repr

    @property
    def values(self) -> Tensor:
        """Return log Q(c|x′) − log q(c) of each example, whose mean is the bound."""
        return self.told + self.surprise

    @property
    def number(self) -> Number:
        """Return the bound with its standard error, q(c) held fixed."""
        c = f"{self.name} drawn again from q(·|x)" if self.again else self.name
        seen = "a draw of p(x|z)" if self.drawn else "the mean of p(x|z)"
        of = f"I({self.name}; x′)" + (f" and on I({self.name}; x)" if self.again else "")
        how = f"lower bound on {of}: mean of log Q(c|x′) + H(c), c = {c}, x′ = {seen}, fresh reader"
        return mean_number(self.values, how, direction="lower bound")

    def numbers(self) -> dict[str, Number]:
        """Return the bound, H(c), and what it cannot exceed, each with what it is a bound on."""
        n, k, numbers = len(self.told), self.categories, {"bound": self.number}
        exact = "−Σ π̄_k ln π̄_k" if k else "−mean log q(c), q(c) over all examples, own included"
        how = f"H({self.name}) of the aggregate posterior: {exact}"
        numbers["entropy"] = mean_number(
            self.surprise, how, direction="exact" if k else "lower bound"
        )
        if k:
            how = f"upper bound on I({self.name}; ·): ln K, K = {k}"
            numbers["ln_k"] = Number(math.log(k), how, n, direction="upper bound")
        beside = "" if self.again else f", not on I({self.name}; x′)"
        if self.rate is not None:
            how = f"upper bound on I({self.name}; x){beside}: KL(q(c|x)‖p(c))"
            numbers["rate"] = mean_number(self.rate, how, direction="upper bound")
        how = f"upper bound on I({self.name}; x){beside} of these {n:,} examples: ln N"
        numbers["ln_n"] = Number(math.log(n), how, n, direction="upper bound")
        return numbers


@torch.no_grad()
def mutual_information_bound(
    model: Model | HasModel,
    data: Dataset,
    on: On = None,
    train: Dataset | None = None,
    again: bool = False,
    drawn: bool = True,
    reader: str = "mlp(512)",
    steps: int = 1000,
    batch: int = 128,
    lr: float = 1e-3,
    n: int = 10_000,
    seed: int = 0,
) -> Bound:
    """Bound I(c; x′) of a trained model from below: E log Q(c|x′) + H(c) in nats ([vmi] eq. 4.9).

    `model` is one or a run, `on` a block by name, a list of coordinates, or None for the whole
    code. Q, a network named by `reader`, learns from `train`, and up to `n` examples of `data` are
    judged; without `train` the first half of `data`, shuffled, is learned from. Which information
    that is, and what `again` and `drawn` change, says the module. Weights, buffers and modes of the
    model and all generators are left as they were. Raises `VaekitError` for blocks and coordinates
    that the code has not, deterministic codes, fewer examples than two for each, and settings that
    are none.
    """
    model = model_of(model)
    check_counts(steps=steps, batch=batch)
    check("lr", lr, float)
    check("reader", reader, str, "mlp(512)")
    if not 0 < lr < math.inf:
        raise VaekitError(f"lr, the learning rate of the reader, must be finite and > 0, got {lr}")
    part = part_of(model, on)
    learned, judged = _reader_sets(model, data, train, n, seed)
    source = PairSource(model, part, again, drawn)
    with drawing(seed), evaluating(model):
        look = trained(source, learned, reader, steps, batch, lr)
        rows = rows_of(model, judged, n)
        pairs = [source.pairs(judged, some) for some in rows.split(CHUNK)]
        told = torch.cat([look(one.shown, one.c).cpu().double() for one in pairs])
        rate = _block_rates(model, judged, rows, part.places)
    surprise, categories = _surprise(pairs)
    check_finite_values(model, judged, rows, "the bound", told, surprise, rate)
    return Bound(part.name, told, surprise, rate, categories, again, drawn)


def _reader_sets(
    model: Model, data: Dataset, train: Dataset | None, n: int, seed: int
) -> tuple[Dataset, Dataset]:
    """Return what the reader learns from, and what it is judged by."""
    check_subject(model, data, n=n)
    if train is not None:
        check_subject(model, train)
    half = len(data) // 2
    judged, learned = (half, half) if train is None else (len(data), len(train))
    if min(judged, n, learned) < LEAST:
        raise VaekitError(
            "the bound needs 2 examples that the reader is judged by and 2 others that it learns "
            f"from, got {min(judged, n)} and {learned}: give more"
        )
    return data.split(0.5, seed) if train is None else (train, data)


def _block_rates(model: Model, data: Dataset, rows: Tensor, places: list[int]) -> Tensor | None:
    rates = []
    for part in encoded(model, data, rows):
        if part.prior is None:
            return None
        rate = rate_of(part.q, part.prior, part.q.rsample((RATE_CODES,)), places)
        if rate is None:
            return None
        rates.append(rate[0].cpu().double())
    return torch.cat(rates)


def _surprise(pairs: list[Pairs]) -> tuple[Tensor, int | None]:
    """Return −log q(c) of each example, of categories its mean under q(c|x), and how many."""
    q: Density = join([one.q for one in pairs])
    if isinstance(q, OneHots):
        return category_entropy(q), q.event_shape[-1]
    c = torch.cat([one.c for one in pairs]).cpu().double()
    return -aggregated(c, q)[0], None
