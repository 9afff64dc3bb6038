"""The aggregate posterior against the prior: MMD and the adversary, each by its definition."""

import math
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from parts import small, vae, weights
from torch import nn

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.model import Model, Pass
from vaekit.objectives import MMD, AdversarialPrior, Distortion, MutualInformation
from vaekit.objectives.aggregate.matching import KERNEL_SCALES, mmd
from vaekit.posteriors import Dirac
from vaekit.priors import Prior
from vaekit.training import Training, fit


def by_loops(z: np.ndarray, other: np.ndarray, name: str) -> float:
    latent = z.shape[1]

    def k(a, b):
        square = ((a - b) ** 2).sum()
        if name == "rbf":
            return math.exp(-2 * square / latent)
        return sum(2 * latent * c / (2 * latent * c + square) for c in KERNEL_SCALES)

    n, m = len(z), len(other)
    own = sum(k(z[i], z[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    theirs = sum(k(other[i], other[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(k(a, b) for a in z for b in other) / (n * m)
    return own + theirs / (m * (m - 1)) - 2 * across


@pytest.mark.parametrize("name", ["imq", "rbf"])
@pytest.mark.parametrize("sizes", [(2, 2), (7, 7), (5, 9)])
@pytest.mark.parametrize("whole", [256, 2])
def test_mmd_is_the_double_loop(name, sizes, whole, monkeypatch):
    monkeypatch.setattr("vaekit.objectives.aggregate.matching.WHOLE", whole)  # 2: halves of halves
    torch.manual_seed(0)
    z, other = (torch.randn(n, 3, dtype=torch.float64) for n in sizes)
    wanted = by_loops(z.numpy(), other.numpy(), name)
    assert float(mmd(z, other, name)) == pytest.approx(wanted, rel=1e-10)


def test_the_derivatives_of_the_kernel_are_its_own():
    torch.manual_seed(0)
    z, other = (torch.randn(n, 3, dtype=torch.float64) for n in (6, 4))
    for name in ("imq", "rbf"):
        for variance in (1.0, torch.tensor(0.4, dtype=torch.float64)):
            assert torch.autograd.gradcheck(
                lambda a, n=name, v=variance: mmd(a, other, n, v), z.requires_grad_()
            )


def test_the_parts_of_a_large_table_are_all_of_it(monkeypatch):
    torch.manual_seed(0)
    z, other = torch.randn(40, 3, requires_grad=True), torch.randn(40, 3)
    whole = torch.autograd.grad(mmd(z, other), z)[0]
    monkeypatch.setattr("vaekit.objectives.aggregate.matching.CACHED", 70)  # a row at a time
    torch.testing.assert_close(torch.autograd.grad(mmd(z, other), z)[0], whole)


def test_codes_far_from_the_prior_are_measured_in_low_precision_too():
    torch.manual_seed(0)
    z, other = 30 + torch.randn(50, 4), torch.randn(50, 4)
    with torch.autocast("cpu", torch.bfloat16):
        found = mmd(z, other)
    assert float(found) == pytest.approx(float(mmd(z.double(), other.double())), abs=1e-4)


@pytest.mark.parametrize("name", ["imq", "rbf"])
def test_mmd_is_unbiased(name):
    """Equal distributions: mean 0 over draws; with the diagonal kept it would be far from it."""
    torch.manual_seed(0)
    found = torch.stack([mmd(*torch.randn(2, 20, 4), name=name) for _ in range(3000)])
    assert abs(float(found.mean())) < 4 * float(found.std()) / 3000**0.5
    assert float(found.min()) < 0
    diagonal = (len(KERNEL_SCALES) if name == "imq" else 1) * 2 / 20
    assert diagonal > 50 * float(found.std()) / 3000**0.5


@pytest.mark.parametrize("name", ["imq", "rbf"])
def test_mmd_grows_with_the_distance(name):
    torch.manual_seed(0)
    z = torch.randn(400, 2)
    found = [float(mmd(z, torch.randn(400, 2) + shift, name)) for shift in (0, 0.5, 1, 2)]
    assert found == sorted(found)
    assert found[-1] > 10 * abs(found[0])


def test_mmd_has_gradients_where_codes_meet():
    z = torch.zeros(4, 2, requires_grad=True)
    mmd(z, torch.zeros(4, 2)).backward()
    assert torch.isfinite(z.grad).all()


def test_mmd_draws_the_codes_to_the_prior():
    """A deterministic encoder of uniform points: its codes become normal."""
    torch.manual_seed(0)
    plain = vae(latent=1, entries=1, text="squared_error")
    model = Model(Dirac(nn.Sequential(nn.Linear(1, 1)), 1), plain.likelihood, plain.prior)
    with torch.no_grad():
        model.posterior.network[0].weight.fill_(3.0)
        model.posterior.network[0].bias.fill_(2.0)
    data = Dataset.from_array(torch.randn(2000, 1).numpy())
    training = Training(epochs=30, batch=200, lr=0.02)
    for _ in fit(model, Distortion() + 100.0 * MMD(), data, training):
        pass
    codes = model.posterior(data.batch(torch.arange(2000))).mean.detach()
    assert float(codes.mean()) == pytest.approx(0, abs=0.1)
    assert float(codes.std()) == pytest.approx(1, abs=0.1)


def test_the_critic_and_the_model_do_not_reach_each_other():
    model, term = vae(), AdversarialPrior(small().encoder((2,), 1))
    run = model(torch.rand(30, 6))
    term(run).backward(retain_graph=True)
    assert all(p.grad is None for p in term.parameters())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.posterior.parameters())
    model.zero_grad()
    term.loss(run).backward()
    assert all(p.grad is not None for p in term.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_the_ratio_is_the_divergence():
    """A trained critic of N(1, ½²) and N(0, 1): E_q(−logit) is KL(q‖p), known in closed form."""
    torch.manual_seed(0)
    width = 64
    layers = [nn.Linear(1, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    term = AdversarialPrior(nn.Sequential(*layers, nn.Linear(width, 1)), ratio=True)
    stepping = torch.optim.Adam(term.parameters(), 2e-3)
    model = vae(latent=1)
    for _ in range(400):
        mean = torch.ones(2000, 1)
        q = DiagonalGaussian(mean, torch.full_like(mean, math.log(0.5)))
        z = q.rsample((1,))
        run = Pass(model, mean, q, z, q, model.prior())
        stepping.zero_grad()
        term.loss(run).backward()
        stepping.step()
    wanted = 0.5 * (0.25 + 1 - 1) - math.log(0.5)
    assert float(term(run).detach()) == pytest.approx(wanted, abs=0.12)


def test_matching_that_cannot_be():
    with pytest.raises(VaekitError, match="Did you mean 'imq'"):
        MMD("imk")
    with pytest.raises(VaekitError, match="one sample is not enough"):
        mmd(torch.zeros(1, 2), torch.zeros(5, 2))
    with pytest.raises(VaekitError, match="one output, this one has 3"):
        AdversarialPrior(nn.Linear(2, 3))(vae()(torch.rand(4, 6)))
    plain = vae()
    bare = Model(plain.posterior, plain.likelihood)
    for term in (MMD(), AdversarialPrior(nn.Linear(2, 1))):
        with pytest.raises(VaekitError, match="needs a prior"):
            (term if isinstance(term, MMD) else term.loss)(bare(torch.rand(4, 6)))


class Own(Prior):
    """Hold a density of the user's own, with samples or without, and no moments."""

    def __init__(self, sampled: bool):
        super().__init__()
        self.latent, self.sampled = 2, sampled

    def forward(self, c=None):
        class Density(torch.distributions.Distribution):
            arg_constraints: ClassVar[dict[str, Any]] = {}

            def log_prob(self, value):
                return -value.square().sum(-1)

        class Sampled(Density):
            def sample(self, sample_shape=()):
                return 2 * torch.randn(*sample_shape, 2)

        kind = Sampled if self.sampled else Density
        return kind(torch.Size(), torch.Size((2,)), validate_args=False)


def test_a_prior_of_ones_own_needs_samples_and_no_moments():
    plain, x = vae(), torch.rand(50, 6)
    run = Model(plain.posterior, plain.likelihood, Own(sampled=True))(x)
    torch.manual_seed(3)
    found = MMD()(run)
    torch.manual_seed(3)
    other = 2 * torch.randn(1, 50, 2)
    wanted = mmd(run.z[0], other[0], variance=float(other.var(1, correction=0).mean()))
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    run = Model(plain.posterior, plain.likelihood, Own(sampled=False))(x)
    for term in (MMD(), AdversarialPrior(nn.Linear(2, 1))):
        with pytest.raises(VaekitError, match="cannot be sampled, which matching it needs"):
            (term if isinstance(term, MMD) else term.loss)(run)


@pytest.mark.parametrize(
    "term",
    [
        lambda: AdversarialPrior(small().encoder((4,), 1)),
        lambda: MutualInformation(small().encoder((9,), 4), [0, 1]),
    ],
)
def test_a_critic_made_for_other_shapes_is_told_apart(term):
    model, data = vae(), Dataset.from_array(torch.rand(40, 6))
    with pytest.raises(VaekitError, match=r"shapes do not fit.*shape \(6,\).*a critic is made for"):
        next(iter(fit(model, Distortion() + 1.0 * term(), data, Training(epochs=1, batch=20))))


# ---- the recipes


X = torch.rand(60, 6, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("beta", [1.0, 3.0])
def test_info_vae_at_equal_weights_is_the_beta_vae(beta):
    """α = λ = β: the MMD has no weight. One step, for its draws move the generator of the next."""
    found = []
    for name, own in (("info_vae", {"alpha": beta, "match": beta}), ("beta_vae", {"beta": beta})):
        torch.manual_seed(0)
        model, objective = recipes.find(name).make((6,), latent=2, network="mlp(8)", **own)
        going = fit(model, objective, Dataset.from_array(X), Training(epochs=1, batch=60))
        next(iter(going))
        found.append((going.interval().objective, weights(model)))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-6)
    for name, value in found[1][1].items():
        torch.testing.assert_close(found[0][1][name], value)


def test_the_rate_is_held_at_its_target():
    torch.manual_seed(0)
    model, objective = recipes.rate_target_vae((6,), 2, rate=1.0, beta=30.0, network="mlp(32)")
    for now in fit(
        model, objective, Dataset.from_array(X), Training(epochs=300, batch=60, lr=5e-3)
    ):
        if now.step == 250:
            now.means()
    assert now.means()["rate_off_target"] < 0.1


def test_an_adversary_matches_the_prior():
    """Codes of one coordinate that start far away end near mean 0 and deviation 1."""
    torch.manual_seed(0)
    data = Dataset.from_array(torch.randn(2000, 4).numpy())
    model, objective = recipes.wae_gan((4,), 1, 5.0, "mlp(32)", 5e-3, network="mlp(16)")
    with torch.no_grad():
        model.posterior.network[-1].bias.fill_(3.0)
    for _ in fit(model, objective, data, Training(epochs=40, batch=200, lr=5e-3)):
        pass
    codes = model.posterior(data.batch(torch.arange(2000))).mean.detach()
    assert abs(float(codes.mean())) < 0.5
    assert 0.5 < float(codes.std()) < 1.6


@pytest.mark.parametrize(
    ("name", "arguments", "cause"),
    [
        ("info_vae", {"alpha": 2.0, "match": 1.0}, "alpha ≤ match"),
        ("info_vae", {"alpha": -1.0}, "alpha ≤ match"),
        ("info_vae", {"kernel": "box"}, "kernel"),
        ("wae_gan", {"critic_lr": 0.0}, "critic_lr"),
        ("rate_target_vae", {"rate": -1}, "finite"),
    ],
)
def test_recipes_that_cannot_be(name, arguments, cause):
    with pytest.raises(VaekitError, match=cause):
        recipes.find(name).make((6,), **({"latent": 2, "network": "mlp(8)"} | arguments))
