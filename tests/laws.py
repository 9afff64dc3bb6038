"""The laws that every part of a kind obeys, written once."""

import numpy as np
import torch
from parts import Pair, Row, theta
from scipy import stats
from torch import Tensor, nn

from vaekit.distributions.divergences import kl, kl_by_coordinate, kl_by_samples, kl_in_closed_form

WIDE = 12.0  # beyond it no density of the table has mass that float64 could show


def grid(points: int, dimensions: int) -> tuple[Tensor, float]:
    """Lay a grid over [−WIDE, WIDE]^dimensions; return its points (n, dimensions) and cell size."""
    axis = torch.linspace(-WIDE, WIDE, points, dtype=torch.float64)
    cell = float(axis[1] - axis[0]) ** dimensions
    return torch.cartesian_prod(*[axis] * dimensions).view(-1, dimensions), cell


def circle(n: int = 4001) -> tuple[Tensor, Tensor, float]:
    """Lay points on the circle; return their angles (n,), the points (n, 2), what each spans."""
    angles = (torch.arange(n, dtype=torch.float64) + 0.5) * 2 * torch.pi / n - torch.pi
    return angles, torch.stack([angles.cos(), angles.sin()], 1), 2 * torch.pi / n


def directions(n: int) -> tuple[Tensor, Tensor | float]:
    """Lay directions of n + 1 entries, n = 1 or 2; return these, and the surface each spans."""
    _, around, span = circle(200)
    if n == 1:
        return around, span
    heights, weights = map(torch.from_numpy, np.polynomial.legendre.leggauss(200))
    ring = (1 - heights**2).sqrt()[:, None, None] * around
    up = heights[:, None, None].expand(*ring.shape[:2], 1)
    area = span * weights[:, None].expand(ring.shape[:2])
    return torch.cat([ring, up], -1).flatten(0, 1), area.flatten()


def integrates_to_one(row: Row, n: int) -> None:
    for seed in range(3):
        if row.sphere:
            points, area = directions(n)
            density = row.make(theta(row.rows, n + 1, seed=seed)).log_prob(points).exp()
            assert abs(float((density * area).sum()) - 1) < 1e-4
            continue
        d = row.make(theta(row.rows, n, seed=seed))
        if row.outcomes:
            total = d.log_prob(row.outcomes(n)).exp().sum()
        else:
            points, cell = grid(4001 if n == 1 else 601, n)
            total = d.log_prob(points).exp().sum() * cell
        assert abs(float(total) - 1) < 1e-4


def p_value(row: Row, seed: int) -> float:
    """Test the samples of one seed against the density: Kolmogorov-Smirnov, or χ² of outcomes."""
    torch.manual_seed(seed)
    d = row.make(theta(row.rows, 4 if row.outcomes else 2 if row.sphere else 1, seed=seed))
    drawn = d.sample((2000,))
    if row.outcomes:
        every = row.outcomes(4)
        counts = (drawn[:, None] == every).all(-1).sum(0).numpy()
        assert counts.sum() == 2000
        expected = d.log_prob(every).exp().numpy()
        return float(stats.chisquare(counts, expected / expected.sum() * 2000).pvalue)
    if row.sphere:
        axis, points, cell = circle()
        drawn = torch.atan2(drawn[:, 1:], drawn[:, :1])
    else:
        points, cell = grid(4001, 1)
        axis = points[:, 0]
    mass = d.log_prob(points).exp().numpy() * cell
    below = np.cumsum(mass) - mass / 2
    drawn, axis = drawn[:, 0].numpy(), axis.numpy()
    return float(stats.kstest(drawn, lambda v: np.interp(v, axis, below)).pvalue)


def samples_agree_with_density(row: Row) -> None:
    """p-values of many seeds are uniform where samples follow the density."""
    found = [p_value(row, seed) for seed in range(60)]
    assert min(found) > 1e-4
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def moments_agree_with_samples(row: Row) -> None:
    torch.manual_seed(1)
    d, n = row.make(theta(row.rows, 5)), 40_000
    drawn = d.sample((n,)).double()
    mean, variance = d.mean.double().expand(5), d.variance.double().expand(5)
    assert torch.all((drawn.mean(0) - mean).abs() < 5 * (variance / n).sqrt())
    spread = (drawn - mean) ** 2
    assert torch.all((spread.mean(0) - variance).abs() < 5 * spread.std(0) / n**0.5 + 1e-12)


def log_prob_sums_over_entries(row: Row) -> None:
    many = theta(row.rows, 6)
    value = row.make(theta(row.rows, 3, 5, 6, seed=2)).sample().double()
    if value.dim() == 1:  # no batch of its own: a prior
        value = row.make(many).sample((3, 5))
    whole = row.make(many).log_prob(value)
    parts = [row.make(many[:, i : i + 1]).log_prob(value[..., i : i + 1]) for i in range(6)]
    assert whole.shape == (3, 5)
    torch.testing.assert_close(whole, torch.stack(parts).sum(0))


def batches_keep_apart(row: Row) -> None:
    """An example's density depends on its own parameters only, with samples in front."""
    many = theta(row.rows, 5, 4)
    torch.manual_seed(0)
    batched = row.make(many)
    value = batched.sample((3, *(() if batched.batch_shape else (5,))))
    assert value.shape == (3, 5, 4)
    assert batched.event_shape == (4,)
    whole = batched.log_prob(value)
    alone = [row.make(many[:, b]).log_prob(value[:, b]) for b in range(5)]
    torch.testing.assert_close(whole, torch.stack(alone, 1))


def rsample_is_differentiated(row: Row) -> None:
    """The gradient through samples equals finite differences with the noise held still."""

    def drawn(t: Tensor) -> Tensor:
        torch.manual_seed(3)
        return row.make(t).rsample((4,))

    assert torch.autograd.gradcheck(drawn, (theta(row.rows, 2, 3).requires_grad_(),))


# ---- divergences


def kl_equals_its_samples(pair: Pair) -> None:
    torch.manual_seed(0)
    if not pair.dense:
        return
    t = theta(pair.rows, 4, 3)
    q, p, n = pair.q(t), pair.p(t), 50_000
    z = q.sample((n,))
    each = q.log_prob(z) - p.log_prob(z)
    exact = kl(q, p, z)
    assert exact.shape == (4,)
    assert torch.all((each.mean(0) - exact).abs() < 4 * each.std(0) / n**0.5)
    torch.testing.assert_close(kl_by_samples(q, p, z), each.mean(0))


def kl_is_right(pair: Pair) -> None:
    for seed in range(20):
        t = theta(pair.rows, 4, 3, seed=seed).requires_grad_()
        found = kl(pair.q(t), pair.p(t), pair.q(t).rsample((1,)))
        assert torch.all(found >= 0)
        torch.testing.assert_close(found, pair.reference(t))
        (gradient,) = torch.autograd.grad(found.sum(), t)
        torch.testing.assert_close(gradient, pair.gradient(t.detach()))
        torch.testing.assert_close(kl_in_closed_form(pair.q(t), pair.p(t)), found)
        parts = kl_by_coordinate(pair.q(t), pair.p(t))
        assert (parts is not None) == pair.by_coordinate
        if parts is None:
            continue
        assert parts.shape == (4, 3)
        torch.testing.assert_close(parts.sum(-1), found)


def kl_vanishes_at_equality(pair: Pair) -> None:
    t = pair.equal(5)
    q, p = pair.q(t), pair.p(t)
    torch.testing.assert_close(kl(q, p, q.rsample((2,))), torch.zeros(1, dtype=torch.float64))


# ---- modules


def gradients_reach_all(
    module: nn.Module, loss: Tensor, expected: dict[str, nn.Parameter] | None = None
) -> None:
    """Every parameter, or the expected ones by name, has a gradient that is finite and not zero."""
    module.zero_grad()
    loss.backward()
    assert torch.isfinite(loss)
    for name, parameter in (expected or dict(module.named_parameters())).items():
        assert parameter.grad is not None, f"no gradient reaches {name}"
        assert torch.isfinite(parameter.grad).all(), f"the gradient of {name} is not finite"
        assert parameter.grad.abs().sum() > 0, f"the gradient of {name} is zero"


def log_prob_is_per_example(p: torch.distributions.Distribution, x: Tensor, samples: int) -> None:
    """(samples, batch): sums over entries, and every example counts on its own."""
    whole = p.log_prob(x)
    assert whole.shape == (samples, len(x))
    assert p.mean.shape == (samples, *x.shape)
    assert p.sample().shape == (samples, *x.shape)
    swapped = x.clone()
    swapped[0] = x[1] if not torch.equal(x[0], x[1]) else 1 - x[0]
    other = p.log_prob(swapped)
    assert torch.equal(whole[:, 1:], other[:, 1:])
    assert not torch.equal(whole[:, 0], other[:, 0])
