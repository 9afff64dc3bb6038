"""The ledger of a model: where its nats go, for the whole code and for each block of it.

Codes z are drawn from q(z|x) for each of n examples. With means over them,

    −log p(x) ≤ distortion + rate                      ELBO = −(distortion + rate), at weight 1
    rate      = I(x; z) + KL(q(z)‖p(z))                (Hoffman & Johnson 2016)
    KL(q(z)‖p(z)) = total correlation + Σ_h KL(q(z_h)‖p(z_h))          where the prior factorises

and of blocks z = (z_1, …, z_B) that are independent given x and under the prior, with the
dependence of the blocks KL(q(z)‖Π_b q(z_b)),

    rate = Σ_b rate_b      I(x; z) = Σ_b I(x; z_b) − dependence
    KL(q(z)‖p(z)) = Σ_b KL(q(z_b)‖p(z_b)) + dependence

since what two blocks both tell is counted twice in their sum, and is what they share.

**Where the numbers are from.** q(z) is the mean of q(z|x) over all n, own included. So of these n
examples as the whole world every line is unbiased; of the distribution that they are from, I(x; z)
is too small and the KLs are too large (see `aggregate.posterior`), which the relations ≥ and ≤
say. Near ln N, I(x; z) is a mere bound. Rates have closed forms where there are any, and
otherwise codes of their own. What is known of a category is summed over its K outcomes.

**What is checked.** Identities, by numbers that come about in different ways: closed forms against
draws, the whole against its blocks, a joint log-density against those of coordinates, the ELBO
against weighted draws. And sides: no bound may cross another. I(x; z) lies between what a reader
can tell (`vaekit.information.bound`, with c drawn again) and

    rate      ln N      H(q(z)) of categories      ½ ln det Σ − E Σ_h ln s_h(x)  of Gaussian codes,

the last with Σ the covariance of q(z): no law of that covariance has more entropy than a Gaussian.

**Categories are judged as categories.** A relaxed one-hot trains with mixtures, of which a decoder
can be told more than the rate pays for. In evaluation mode posteriors draw one-hots, so all lines
are of one model, the discrete one, and the ELBO is a bound.
"""

import math
from collections.abc import Iterator

import torch

from vaekit.apply import sample_rows
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information.aggregated.parts import Part, parts_of
from vaekit.information.bound import mutual_information_bound
from vaekit.information.encoding import (
    HasModel,
    check_subject,
    model_of,
    rows_of,
)
from vaekit.information.importance import EXAMPLES, log_likelihood
from vaekit.information.input_noise import first_order, unfit_for_first_order
from vaekit.information.ledger.accounts import Books, account
from vaekit.information.ledger.entries import Ledger, LedgerRow, at_most, equal
from vaekit.information.ledger.lines import SATURATED, WHOLE, block_sums, distortion, of_part, row
from vaekit.information.rates import Number
from vaekit.model import Model

BITS = "bits per dimension"


def ledger(
    model: Model | HasModel,
    data: Dataset,
    n: int = 10_000,
    samples: int = 100,
    bound: int = 0,
    train: Dataset | None = None,
    reader: str = "mlp(512)",
    seed: int = 0,
) -> Ledger:
    """Account for the nats of a model, or of a run's, on up to `n` examples; see the module.

    `samples` codes an example weigh log p(x), of 1000 examples at most. With `bound` steps a
    `reader` is trained on `train` for the whole code and for each block, so that I(x; z) has a
    lower bound of another kind. A deterministic encoder of noisy inputs has numbers to first order
    in the noise (`vaekit.information.input_noise`). Generators and the model are left as they were.
    Raises `VaekitError` for models without a prior, codes that are otherwise deterministic or
    neither Gaussian nor one-hot, fewer than two examples, and a bound without examples to learn
    from.
    """
    model = model_of(model)
    rows = rows_of(model, data, n, samples=samples)
    chosen = data if len(rows) == len(data) else data.subset(rows)
    _check_arguments(model, chosen, bound, train)
    if not unfit_for_first_order(model, chosen):
        return _to_first_order(model, chosen, seed)
    blocks = parts_of(model)
    whole = Part(WHOLE, list(range(model.posterior.latent)))
    parts = [whole, *(blocks if len(blocks) > 1 else [])]
    books = account(model, chosen, torch.arange(len(chosen)), parts, seed)
    lines = [distortion(books)]
    for one in books.accounts:
        read = None
        if bound:
            on = None if one.part is whole else one.part.name
            given = {"again": True, "drawn": False, "reader": reader, "steps": bound, "seed": seed}
            read = mutual_information_bound(model, chosen, on, train, n=n, **given).number
        lines += of_part(one, books.conditional, read)
        if one.part is whole:
            lines += _likelihood(model, chosen, books, samples, seed)
    lines += block_sums(books.accounts)
    lines += _bits(lines, math.prod(data.shape), model.likelihood.measure)
    sizes = {part.name: len(part.places) for part in parts}
    return Ledger(tuple(lines), sizes, tuple(_notes(books)))


def _check_arguments(model: Model, data: Dataset, bound: int, train: Dataset | None) -> None:
    if model.prior is None:
        raise VaekitError("a ledger needs a prior p(z), and this model has none: train a vae")
    if len(data) < 2:
        raise VaekitError("a ledger needs standard errors, so two examples or more: got 1")
    if isinstance(bound, bool) or not isinstance(bound, int) or bound < 0:
        raise VaekitError(f"bound, the steps of a reader, must be a whole number ≥ 0, got {bound}")
    if bound and train is None:
        raise VaekitError(
            "a bound needs examples for the reader to learn from, others than are judged: give "
            "them as train="
        )
    if train is not None:
        check_subject(model, train)


def _to_first_order(model: Model, data: Dataset, seed: int) -> Ledger:
    """Return the ledger of a deterministic encoder with noise on its input."""
    first = first_order(model, data, len(data), seed)
    if first is None:
        raise VaekitError("no ledger of this model on these examples, for the reason above")
    numbers = first.numbers()
    how = "−mean log p(x|z), one code of a noisy input"
    lines = [row(WHOLE, "distortion", "distortion", first.distortion, how)]
    lines.append(LedgerRow(WHOLE, "rate", "rate", numbers["rate_first_order"]))
    lines.append(
        LedgerRow(WHOLE, "information", "I(x; z)", numbers["information_first_order"], (), 1)
    )
    assert first.rate is not None
    how = "rate less I(x; z)"
    kl = first.rate - first.information
    lines.append(row(WHOLE, "aggregate_kl", "KL(q(z)‖p(z))", kl, how, "lower bound", depth=1))
    note = "the code is random by the noise of its input alone: numbers are to first order in it"
    return Ledger(tuple(lines), {WHOLE: model.posterior.latent}, (note,))


# ---- log p(x)


def _likelihood(
    model: Model, data: Dataset, books: Books, samples: int, seed: int
) -> Iterator[LedgerRow]:
    """Yield the bounds on log p(x), of the same examples where they are compared."""
    rate, c = books.accounts[0].rate, "|c" if model.condition is not None else ""
    assert rate is not None
    elbo, name, rows = -books.distortion - rate, f"log p(x{c})", sample_rows(len(data), EXAMPLES)
    some = data.subset(rows)
    once = log_likelihood(model, some, len(rows), 1, seed + 1).values
    many = log_likelihood(model, some, len(rows), samples, seed).values
    gap = many - elbo[rows]
    same = equal("ELBO = mean log p(x|z) p(z)/q(z|x) of other codes", elbo[rows] - once)
    how = "ELBO = −distortion − rate"
    yield row(WHOLE, "elbo", name, elbo, how, "lower bound", same)
    over = at_most("ELBO ≤ importance-weighted bound", -gap)
    how = f"importance weights of {samples:,} codes each"
    yield row(WHOLE, "log_likelihood", name, many, how, "lower bound", over)
    how = f"that less the ELBO of the same {len(rows):,}"
    yield row(WHOLE, "gap", "gap: KL(q(z|x)‖p(z|x))", gap, how, "lower bound")


def _bits(rows: list[LedgerRow], size: int, measure: str) -> Iterator[LedgerRow]:
    """Yield −log₂ p(x) by entry of x, from the two bounds."""
    for key, what in (("elbo", "ELBO"), ("log_likelihood", "importance weights")):
        (number,) = (line.number for line in rows if line.key == key)
        scale = 1 / (size * math.log(2))
        se = None if number.se is None else number.se * scale
        of = "in the scale of the data" if measure == "density" else f"of a {measure}"
        how = f"by the {what}, {size:,} dimensions, {of}"
        bits = Number(-number.value * scale, how, number.n, se, "bits per dimension", "upper bound")
        yield LedgerRow(BITS, f"bits_{key}", "−log₂ p(x) / D", bits)


def _notes(books: Books) -> Iterator[str]:
    whole = books.accounts[0]
    if books.conditional:
        yield "p(z|c) is no prior of q(z): the rate is not split, and is one of I(x; z|c)"
    n = len(whole.information)
    if math.log(n) - float(whole.information.mean()) < SATURATED:
        yield f"I(x; z) is near ln N: of {n:,} examples no more can be seen, q(z) is mostly its own"
    if whole.kl is not None and whole.dimensions is None:
        yield "coordinates are not independent under this prior: KL(q(z)‖p(z)) is not split by them"
