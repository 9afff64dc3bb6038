"""The lines of a ledger: what the accounts of the code and of its blocks say, and their checks."""

import math
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from vaekit.distributions import DiagonalGaussian, OneHots
from vaekit.information.aggregated.parts import RATE_CODES, category_entropy
from vaekit.information.ledger.accounts import Account, Books, gaussian_fit
from vaekit.information.ledger.entries import Check, LedgerRow, at_most, below, equal
from vaekit.information.rates import Direction, Number, mean_number

WHOLE, ALL = "whole code", "blocks together"
SATURATED = 0.5  # nats below ln N, as for `aggregate`


def row(
    part: str,
    key: str,
    name: str,
    values: Tensor,
    how: str,
    direction: Direction = "consistent",
    *checks: Check,
    depth: int = 0,
) -> LedgerRow:
    """Return the line of a mean over examples, values (n,)."""
    return LedgerRow(part, key, name, mean_number(values, how, direction=direction), checks, depth)


def distortion(books: Books) -> LedgerRow:
    """Return the line of the distortion."""
    how = f"−mean log p(x|z), {_codes(books.codes)} each"
    return row(WHOLE, "distortion", "distortion", books.distortion, how)


def _codes(count: int) -> str:
    return "one code" if count == 1 else f"{count} codes"


def of_part(one: Account, conditional: bool, read: Number | None) -> Iterator[LedgerRow]:
    """Yield the rows of the whole code, or of a block."""
    z = "z" if one.part.name == WHOLE else f"z_{one.part.name}"
    if one.rate is not None:
        yield _rate(one, z, conditional)
    yield _information_row(one, z, conditional)
    yield from _sides(one, z, read)
    if one.kl is not None:
        yield from _aggregate_rows(one, one.kl, z)


def _rate(one: Account, z: str, conditional: bool) -> LedgerRow:
    assert one.rate is not None
    checks = []
    if one.kl is not None:
        off = one.rate - one.information - one.kl
        checks.append(equal(f"rate = I(x; {z}) + KL(q({z})‖p({z}))", off))
    if one.categories and not conditional:
        top = one.rate - math.log(one.categories)
        checks.append(at_most(f"rate of {z} ≤ ln {one.categories}", top))
    how = "closed form" if one.exact else f"{RATE_CODES} other codes each"
    how = f"KL(q({z}|x)‖p({z}{'|c' if conditional else ''})), {how}"
    return row(one.part.name, "rate", "rate", one.rate, how, "consistent", *checks)


def _information_row(one: Account, z: str, conditional: bool) -> LedgerRow:
    name, values, n = f"I(x; {z})", one.information, len(one.information)
    checks = [
        at_most(f"0 ≤ {name}", -values),
        at_most(f"{name} ≤ ln N", values - math.log(n)),
    ]
    if one.rate is not None and not conditional:
        checks.append(at_most(f"{name} ≤ rate", values - one.rate))
    how = "π ln π/π̄ over the categories" if one.categories else "all pairs of codes and examples"
    near = math.log(n) - float(values.mean()) < SATURATED
    how += f"; near ln N = {math.log(n):.2f}, so it may be much more" if near else ""
    own = one.part.name
    return row(own, "information", name, values, how, "lower bound", *checks, depth=1)


def _sides(one: Account, z: str, read: Number | None) -> Iterator[LedgerRow]:
    """Yield the bounds on I(x; z) from below and from above."""
    name, own, n = f"I(x; {z})", one.part.name, len(one.information)
    middle = mean_number(one.information, "")
    if read is not None:
        under = below(f"{name} by the reader ≤ all pairs", read, middle)
        how = "a reader of the decoder's mean, the code drawn again"
        yield LedgerRow(own, "information_read", name, replace(read, estimator=how), (under,), 2)
    if isinstance(one.q, DiagonalGaussian):
        values = gaussian_fit(one.q)
        over = at_most(f"{name} ≤ that of a Gaussian q({z})", one.information - values)
        how = "½ ln det Σ − mean Σ ln s, Σ of all codes"
        yield row(own, "information_gaussian", name, values, how, "upper bound", over, depth=2)
    if isinstance(one.q, OneHots):
        values = category_entropy(one.q)
        over = at_most(f"{name} ≤ H(q({z}))", one.information - values)
        top = at_most(f"H(q({z})) ≤ ln K", values - math.log(one.q.event_shape[-1]))
        how = f"H(q({z})), ln K = {math.log(one.q.event_shape[-1]):.3f}"
        yield row(own, "entropy", name, values, how, "upper bound", over, top, depth=2)
    if own == WHOLE:
        number = Number(math.log(n), "ln N", n, direction="upper bound")
        yield LedgerRow(own, "ln_n", name, number, (), 2)


def _aggregate_rows(one: Account, kl: Tensor, z: str) -> Iterator[LedgerRow]:
    """Yield KL(q(z)‖p(z)) and its parts."""
    own, name, checks = one.part.name, f"KL(q({z})‖p({z}))", [at_most("0 ≤ KL", -kl)]
    if one.correlation is not None and one.dimensions is not None:
        off = kl - one.correlation - one.dimensions
        checks.append(equal(f"{name} = total correlation + dimension-wise KL", off))
    how = "π̄ ln π̄/p over the categories" if one.categories else "the same codes"
    yield row(own, "aggregate_kl", name, kl, how, "upper bound", *checks, depth=1)
    if one.correlation is not None:
        check = at_most("0 ≤ total correlation", -one.correlation)
        how, key = "mean log q(z) − Σ log q(z_h), rather too large", "total_correlation"
        yield row(own, key, "total correlation", one.correlation, how, "consistent", check, depth=2)
    if one.dimensions is not None:
        check = at_most("0 ≤ dimension-wise KL", -one.dimensions)
        how, key = "mean Σ log q(z_h) − log p(z_h)", "dimension_wise_kl"
        yield row(own, key, "dimension-wise KL", one.dimensions, how, "upper bound", check, depth=2)


def block_sums(accounts: list[Account]) -> Iterator[LedgerRow]:
    """Yield sums over blocks, and what makes them the whole."""
    whole, *blocks = accounts
    if not blocks:
        return
    shared = whole.joint - sum(block.joint for block in blocks)
    rates = [block.rate for block in blocks if block.rate is not None]
    if whole.rate is not None and len(rates) == len(blocks):
        total = _sum_of(rates)
        check = equal("rate = Σ rates of blocks", whole.rate - total)
        yield row(ALL, "rates", "Σ rates", total, "sum of the blocks'", "consistent", check)
    told = _sum_of([block.information for block in blocks])
    how = "sum of the blocks'; what they share counts twice"
    yield row(ALL, "informations", "Σ I(x; z_b)", told, how, "lower bound")
    how = "sum of the blocks'"
    kls = [block.kl for block in blocks if block.kl is not None]
    if len(kls) == len(blocks):
        yield row(ALL, "aggregate_kls", "Σ KL(q(z_b)‖p(z_b))", _sum_of(kls), how, "upper bound")
    checks = [
        at_most("0 ≤ dependence of blocks", -shared),
        equal("I(x; z) = Σ I(x; z_b) − dependence", whole.information - told + shared),
    ]
    if whole.kl is not None and len(kls) == len(blocks):
        off = whole.kl - _sum_of(kls) - shared
        checks.append(equal("KL(q(z)‖p(z)) = Σ KL(q(z_b)‖p(z_b)) + dependence", off))
    inner = [block.correlation for block in blocks if block.correlation is not None]
    if whole.correlation is not None and inner:
        off = whole.correlation - _sum_of(inner) - shared
        checks.append(equal("total correlation = Σ within blocks + dependence", off))
    how = "KL(q(z)‖Π q(z_b)), the same codes"
    yield row(ALL, "dependence", "dependence of blocks", shared, how, "consistent", *checks)


def _sum_of(columns: list[Tensor]) -> Tensor:
    return sum(columns[1:], columns[0])
