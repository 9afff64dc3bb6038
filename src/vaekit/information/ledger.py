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
is too small and the KLs are too large (see `vaekit.information.aggregated`), which the relations ≥
and ≤ say. Near ln N, I(x; z) is a mere bound. Rates have closed forms where there are any, and
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
from dataclasses import replace

from torch import Tensor

from vaekit.apply import sample_rows
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.information.accounts import Account, Books, account, gaussian_fit
from vaekit.information.bound import Trained, mutual_information_bound
from vaekit.information.encoding import check_counts, rows_of
from vaekit.information.entries import Check, Ledger, Row, at_most, below, equal
from vaekit.information.importance import EXAMPLES, log_likelihood
from vaekit.information.parts import CODES, Part, entropy, parts_of
from vaekit.information.rates import Direction, Number, mean_of
from vaekit.model import Model
from vaekit.one_hots import OneHots

WHOLE, ALL, BITS = "whole code", "blocks together", "bits per dimension"
_SATURATED = 0.5  # nats below ln N, as for `aggregate`


def ledger(
    model: Model | Trained,
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
    lower bound of another kind. Generators and the model are left as they were. Raises
    `VaekitError` for models without a prior, codes that are deterministic or neither Gaussian nor
    one-hot, fewer than two examples, and a bound without examples to learn from.
    """
    model = model if isinstance(model, Model) else model.model
    check_counts(samples=samples)
    chosen = data.subset(rows_of(data, n))
    _check(model, chosen, bound, train)
    blocks = parts_of(model)
    whole = Part(WHOLE, list(range(model.posterior.latent)))
    parts = [whole, *(blocks if len(blocks) > 1 else [])]
    books = account(model, chosen, rows_of(chosen, n), parts, seed)
    found = [_distortion(books)]
    for one in books.accounts:
        read = None
        if bound:
            on = None if one.part is whole else one.part.name
            given = {"again": True, "drawn": False, "reader": reader, "steps": bound, "seed": seed}
            read = mutual_information_bound(model, chosen, on, train, n=n, **given).number
        found += _of_part(one, books.conditional, read)
        if one.part is whole:
            found += _likelihood(model, chosen, books, samples, seed)
    found += _together(books.accounts)
    found += _bits(found, math.prod(data.shape))
    sizes = {part.name: len(part.places) for part in parts}
    return Ledger(tuple(found), sizes, tuple(_notes(books)))


def _check(model: Model, data: Dataset, bound: int, train: Dataset | None) -> None:
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


def _row(
    part: str,
    key: str,
    name: str,
    values: Tensor,
    how: str,
    direction: Direction = "consistent",
    *checks: Check,
    depth: int = 0,
) -> Row:
    return Row(part, key, name, mean_of(values, how, direction=direction), checks, depth)


# ---- the code and its blocks


def _distortion(books: Books) -> Row:
    how = f"−mean log p(x|z), {_codes(books.codes)} each"
    return _row(WHOLE, "distortion", "distortion", books.distortion, how)


def _codes(count: int) -> str:
    return "one code" if count == 1 else f"{count} codes"


def _of_part(one: Account, conditional: bool, read: Number | None) -> Iterator[Row]:
    """Yield the rows of the whole code, or of a block."""
    z = "z" if one.part.name == WHOLE else f"z_{one.part.name}"
    if one.rate is not None:
        yield _rate(one, z, conditional)
    yield _information(one, z, conditional, read)
    yield from _sides(one, z, read)
    if one.kl is not None:
        yield from _aggregate(one, one.kl, z)


def _rate(one: Account, z: str, conditional: bool) -> Row:
    assert one.rate is not None
    checks = []
    if one.kl is not None:
        off = one.rate - one.information - one.kl
        checks.append(equal(f"rate = I(x; {z}) + KL(q({z})‖p({z}))", off))
    if one.categories and not conditional:
        top = one.rate - math.log(one.categories)
        checks.append(at_most(f"rate of {z} ≤ ln {one.categories}", top))
    how = "closed form" if one.exact else f"{CODES} other codes each"
    how = f"KL(q({z}|x)‖{'p(' + z + '|c)' if conditional else 'p(' + z + ')'}), {how}"
    return _row(one.part.name, "rate", "rate", one.rate, how, "consistent", *checks)


def _information(one: Account, z: str, conditional: bool, read: Number | None) -> Row:
    name, values, n = f"I(x; {z})", one.information, len(one.information)
    checks = [
        at_most(f"0 ≤ {name}", -values),
        at_most(f"{name} ≤ ln N", values - math.log(n)),
    ]
    if one.rate is not None and not conditional:
        checks.append(at_most(f"{name} ≤ rate", values - one.rate))
    how = "π ln π/π̄ over the categories" if one.categories else "all pairs of codes and examples"
    near = math.log(n) - float(values.mean()) < _SATURATED
    how += f"; near ln N = {math.log(n):.2f}, so it may be much more" if near else ""
    own = one.part.name
    return _row(own, "information", name, values, how, "lower bound", *checks, depth=1)


def _sides(one: Account, z: str, read: Number | None) -> Iterator[Row]:
    """Yield the bounds on I(x; z) from below and from above."""
    name, own, n = f"I(x; {z})", one.part.name, len(one.information)
    middle = mean_of(one.information, "")
    if read is not None:
        under = below(f"{name} by the reader ≤ all pairs", read, middle)
        how = "a reader of the decoder's mean, the code drawn again"
        yield Row(own, "information_read", name, replace(read, estimator=how), (under,), 2)
    if isinstance(one.q, DiagonalGaussian):
        values = gaussian_fit(one.q)
        over = at_most(f"{name} ≤ that of a Gaussian q({z})", one.information - values)
        how = "½ ln det Σ − mean Σ ln s, Σ of all codes"
        yield _row(own, "information_gaussian", name, values, how, "upper bound", over, depth=2)
    if isinstance(one.q, OneHots):
        values = entropy(one.q)
        over = at_most(f"{name} ≤ H(q({z}))", one.information - values)
        top = at_most(f"H(q({z})) ≤ ln K", values - math.log(one.q.event_shape[-1]))
        how = f"H(q({z})), ln K = {math.log(one.q.event_shape[-1]):.3f}"
        yield _row(own, "entropy", name, values, how, "upper bound", over, top, depth=2)
    if own == WHOLE:
        number = Number(math.log(n), "ln N", n, direction="upper bound")
        yield Row(own, "ln_n", name, number, (), 2)


def _aggregate(one: Account, kl: Tensor, z: str) -> Iterator[Row]:
    """Yield KL(q(z)‖p(z)) and its parts."""
    own, name, checks = one.part.name, f"KL(q({z})‖p({z}))", [at_most("0 ≤ KL", -kl)]
    if one.correlation is not None and one.dimensions is not None:
        off = kl - one.correlation - one.dimensions
        checks.append(equal(f"{name} = total correlation + dimension-wise KL", off))
    how = "π̄ ln π̄/p over the categories" if one.categories else "the same codes"
    yield _row(own, "aggregate_kl", name, kl, how, "upper bound", *checks, depth=1)
    if one.correlation is not None:
        check = at_most("0 ≤ total correlation", -one.correlation)
        how, key = "mean log q(z) − Σ log q(z_h), rather too large", "total_correlation"
        yield _row(
            own, key, "total correlation", one.correlation, how, "consistent", check, depth=2
        )
    if one.dimensions is not None:
        check = at_most("0 ≤ dimension-wise KL", -one.dimensions)
        how, key = "mean Σ log q(z_h) − log p(z_h)", "dimension_wise_kl"
        yield _row(
            own, key, "dimension-wise KL", one.dimensions, how, "upper bound", check, depth=2
        )


def _together(accounts: list[Account]) -> Iterator[Row]:
    """Yield sums over blocks, and what makes them the whole."""
    whole, *blocks = accounts
    if not blocks:
        return
    shared = whole.joint - sum(block.joint for block in blocks)
    rates = [block.rate for block in blocks if block.rate is not None]
    if whole.rate is not None and len(rates) == len(blocks):
        total = _sum(rates)
        check = equal("rate = Σ rates of blocks", whole.rate - total)
        yield _row(ALL, "rates", "Σ rates", total, "sum of the blocks'", "consistent", check)
    told = _sum([block.information for block in blocks])
    how = "sum of the blocks'; what they share counts twice"
    yield _row(ALL, "informations", "Σ I(x; z_b)", told, how, "lower bound")
    how = "sum of the blocks'"
    kls = [block.kl for block in blocks if block.kl is not None]
    if len(kls) == len(blocks):
        yield _row(ALL, "aggregate_kls", "Σ KL(q(z_b)‖p(z_b))", _sum(kls), how, "upper bound")
    checks = [
        at_most("0 ≤ dependence of blocks", -shared),
        equal("I(x; z) = Σ I(x; z_b) − dependence", whole.information - told + shared),
    ]
    if whole.kl is not None and len(kls) == len(blocks):
        off = whole.kl - _sum(kls) - shared
        checks.append(equal("KL(q(z)‖p(z)) = Σ KL(q(z_b)‖p(z_b)) + dependence", off))
    inner = [block.correlation for block in blocks if block.correlation is not None]
    if whole.correlation is not None and inner:
        off = whole.correlation - _sum(inner) - shared
        checks.append(equal("total correlation = Σ within blocks + dependence", off))
    how = "KL(q(z)‖Π q(z_b)), the same codes"
    yield _row(ALL, "dependence", "dependence of blocks", shared, how, "consistent", *checks)


def _sum(columns: list[Tensor]) -> Tensor:
    return sum(columns[1:], columns[0])


# ---- log p(x)


def _likelihood(
    model: Model, data: Dataset, books: Books, samples: int, seed: int
) -> Iterator[Row]:
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
    yield _row(WHOLE, "elbo", name, elbo, how, "lower bound", same)
    over = at_most("ELBO ≤ importance-weighted bound", -gap)
    how = f"importance weights of {samples:,} codes each"
    yield _row(WHOLE, "log_likelihood", name, many, how, "lower bound", over)
    how = f"that less the ELBO of the same {len(rows):,}"
    yield _row(WHOLE, "gap", "gap: KL(q(z|x)‖p(z|x))", gap, how, "lower bound")


def _bits(rows: list[Row], size: int) -> Iterator[Row]:
    """Yield −log₂ p(x) by entry of x, from the two bounds."""
    for key, what in (("elbo", "ELBO"), ("log_likelihood", "importance weights")):
        (number,) = (row.number for row in rows if row.key == key)
        scale = 1 / (size * math.log(2))
        se = None if number.se is None else number.se * scale
        how = f"by the {what}, {size:,} dimensions, in the scale of the data"
        bits = Number(-number.value * scale, how, number.n, se, "bits per dimension", "upper bound")
        yield Row(BITS, f"bits_{key}", "−log₂ p(x) / D", bits)


def _notes(books: Books) -> Iterator[str]:
    whole = books.accounts[0]
    if books.conditional:
        yield "p(z|c) is no prior of q(z): the rate is not split, and is one of I(x; z|c)"
    n = len(whole.information)
    if math.log(n) - float(whole.information.mean()) < _SATURATED:
        yield f"I(x; z) is near ln N: of {n:,} examples no more can be seen, q(z) is mostly its own"
    if whole.kl is not None and whole.dimensions is None:
        yield "coordinates are not independent under this prior: KL(q(z)‖p(z)) is not split by them"
