"""Flows: exact densities both ways, the Gaussian where they do nothing, curved codes."""

import sys

import numpy as np
import pytest
import torch
from scipy import stats
from torch import distributions as td
from torch import nn

from vaekit import posteriors, priors, recipes
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, Flowed, StandardNormal
from vaekit.distributions.divergences import kl, kl_by_samples, log_ratio
from vaekit.distributions.flowed import Steps
from vaekit.errors import VaekitError
from vaekit.posteriors import posterior
from vaekit.priors import prior
from vaekit.training import Training, fit


def still(module, std=0.0, seed=0):
    """Give the steps of a flow weights of that deviation, 0: the identity."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in module.steps.parameters():
            weight.normal_(0, std)
    return module


def counted(flow):
    """Count the passes through the networks of a flow's steps."""
    seen = []
    for step in flow.steps.lazy.transforms:
        step.hyper.register_forward_hook(lambda *_: seen.append(1))
    return seen


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_without_steps_taken_they_are_the_gaussian_and_the_normal(kind):
    features, z = torch.randn(5, 9), torch.randn(4, 5, 3)
    made = still(posteriors.Flow(nn.Identity(), 3, kind))
    q, plain = made(features), DiagonalGaussian(features[:, :3], 0.5 * features[:, 3:6])
    torch.testing.assert_close(q.log_prob(z), plain.log_prob(z))
    torch.testing.assert_close(q.mean, plain.mean)
    torch.testing.assert_close(q.variance, plain.variance)
    p = still(priors.Flow(3, kind))()
    torch.testing.assert_close(p.log_prob(z), StandardNormal(torch.zeros(3)).log_prob(z))


@pytest.mark.parametrize("kind", ["maf", "nsf"])
@pytest.mark.parametrize("part", ["posterior", "prior"])
def test_the_density_of_two_entries_integrates_to_one_and_is_that_of_the_draws(part, kind):
    axis = torch.linspace(-9, 9, 301)
    points = torch.cartesian_prod(axis, axis)
    if part == "prior":
        d = still(priors.Flow(2, kind, 2, [8]), 0.4, seed=1)()
    else:
        flow = still(posteriors.Flow(nn.Identity(), 2, kind, 2, [8]), 0.3, seed=1)
        d = flow(torch.tensor([[0.3, -0.5, 0.2, -0.4, 1.0, -1.0]]))
    with torch.no_grad():
        shape = (len(points), *d.batch_shape, 2)
        mass = d.log_prob(points.view(shape)).exp().view(301, 301) * float(axis[1] - axis[0]) ** 2
        drawn = d.sample((5000,)).view(-1, 2)
    assert abs(float(mass.sum()) - 1) < 4e-3
    for h in (0, 1):  # each marginal
        below = mass.sum(1 - h).cumsum(0) - mass.sum(1 - h) / 2
        with_grid = lambda v, below=below: np.interp(v, axis.numpy(), below.numpy())  # noqa: E731
        assert stats.kstest(drawn[:, h].numpy(), with_grid).pvalue > 1e-4
    gaussian = td.MultivariateNormal(drawn.mean(0), drawn.T.cov())
    far = mass / float(axis[1] - axis[0]) ** 2 - gaussian.log_prob(points).exp().view(301, 301)
    assert float(far.abs().max()) > 0.01  # and no Gaussian


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_what_was_drawn_is_not_taken_back(kind):
    flow = still(posteriors.Flow(nn.Identity(), 4, kind, 2, [8]), 0.3)
    features, seen = torch.randn(6, 12, requires_grad=True), counted(flow)
    q = flow(features)
    z = q.rsample((3,))
    assert len(seen) == 2
    known = q.log_prob(z)
    assert len(seen) == 2  # from the draw
    inverted = q.log_prob(z.clone())
    assert len(seen) == 2 + 2 * (4 + 1)
    torch.testing.assert_close(known, inverted, rtol=1e-4, atol=1e-4)
    noise = torch.randn_like(known)
    found = torch.autograd.grad((known * noise).sum(), features, retain_graph=True)
    again = torch.autograd.grad((inverted * noise).sum(), features)
    torch.testing.assert_close(found, again, rtol=1e-3, atol=1e-4)
    assert flow(features).log_prob(z.detach()).requires_grad


def test_a_draw_without_a_gradient_does_not_hide_that_of_its_density():
    flow = still(posteriors.Flow(nn.Identity(), 2), 0.3)
    q = flow(torch.randn(3, 6))
    z = q.sample()
    assert q.log_prob(z).requires_grad
    p = still(priors.Flow(2), 0.3)()
    assert p.log_prob(p.sample((4,))).requires_grad


def test_a_prior_gives_densities_in_one_pass_and_draws_in_many():
    flow = priors.Flow(5, transforms=2, hidden=[8])
    seen, p = counted(flow), flow()
    p.log_prob(torch.randn(7, 5))
    assert len(seen) == 2
    p.sample((3,))
    assert len(seen) == 2 + 2 * (5 + 1)


def test_the_kl_is_that_of_samples():
    torch.manual_seed(0)
    flow = still(posteriors.Flow(nn.Identity(), 2, transforms=1, hidden=[8]), 0.3)
    q, p = flow(0.3 * torch.randn(2, 6)), StandardNormal(torch.zeros(2))
    axis = torch.linspace(-9, 9, 401)
    points = torch.cartesian_prod(axis, axis)[:, None].expand(-1, 2, 2)
    with torch.no_grad():
        own, other = q.log_prob(points), p.log_prob(points)
        exact = (own.exp() * (own - other)).sum(0) * float(axis[1] - axis[0]) ** 2
        z = q.rsample((20_000,))
        each = log_ratio(q, p, z)
    assert torch.all((kl(q, p, z) - exact).abs() < 5 * each.std(0) / 20_000**0.5 + 1e-3)
    with pytest.raises(VaekitError, match="does not show its parameters"):
        kl_by_samples(q, p, z, path=True)


def moons(n, seed=0):
    turned = np.random.default_rng(seed)
    angle, which = np.pi * turned.random(n), turned.integers(0, 2, n)
    x = np.where(which, 1 - np.cos(angle), np.cos(angle)) - 0.5
    y = np.where(which, 0.5 - np.sin(angle), np.sin(angle)) - 0.25
    noise = 0.08 * turned.standard_normal((n, 2))
    return torch.from_numpy(1.5 * np.stack([x, y], 1) + noise).float()


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_a_prior_learns_two_moons(kind):
    torch.manual_seed(0)
    p, codes = priors.Flow(2, kind, transforms=3, hidden=[32]), moons(500)
    adam = torch.optim.Adam(p.parameters(), 0.01)
    for _ in range(120):
        loss = -p().log_prob(codes).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    held_out = moons(1000, seed=1)
    mean, std = codes.mean(0), codes.std(0)
    gaussian = DiagonalGaussian(mean, std.log()).log_prob(held_out).mean()
    assert p().log_prob(held_out).mean() > gaussian + 0.4


def test_a_vae_of_moons_gains_by_a_flow():
    """Codes of data that are two moons: with a flow as prior the rate is less, the ELBO higher."""
    data, elbo = Dataset.from_array(moons(400).numpy()), {}
    for text in ("normal", "flow(transforms=2, hidden=[32])"):
        torch.manual_seed(0)
        model, objective = recipes.vae(
            (2,), 2, "mlp(32)", likelihood="gaussian(sigma=0.2)", prior=text
        )
        for _ in fit(model, objective, data, Training(30, 100, lr=0.01, device="cpu")):
            pass
        with torch.no_grad():
            run = model(data.images, samples=20)
            weight = run.log_likelihood - log_ratio(run.q, run.prior, run.z)
        elbo[text.partition("(")[0]] = float(weight.mean())
    assert elbo["flow"] > elbo["normal"] + 0.1


def test_arguments_by_text():
    made = posterior("flow(kind=nsf, transforms=2, hidden=[8, 8])", nn.LazyLinear, 3)
    assert isinstance(made, posteriors.Flow) and made.width == 9
    assert len(made.steps.lazy.transforms) == 2
    assert prior("flow", 4).latent == 4
    assert isinstance(prior("flow", 1)(), Flowed)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("flow(kind=naf)", "kind of flow"),
        ("flow(transforms=0)", "transforms must be ≥ 1"),
        ("flow(hidden=[])", "hidden widths of a flow"),
        ("flow(hidden=[0])", "hidden widths of a flow"),
    ],
)
def test_what_cannot_be(text, cause):
    with pytest.raises(VaekitError, match=cause):
        prior(text, 2)


def test_without_the_package_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "zuko"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(VaekitError, match=r"pip install 'vaekit\[flows\]'"):
        prior("flow", 2)


def test_pytorchs_own_checks_stay_on():
    Steps(2, 0, "maf", 1, [4])
    with pytest.raises(ValueError, match="scale"):
        td.Normal(0.0, -1.0)
