"""A Laplace posterior goes wherever a Gaussian one does; parts serve as objects."""

import math
import re
from functools import partial

import pytest
import torch
from parts import same
from sklearn.base import clone
from torch import distributions as td
from torch import nn

from vaekit import information, recipes
from vaekit.corruptions import Masking
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, Univariates, density
from vaekit.distributions.divergences import kl, kl_by_coordinate, kl_by_samples
from vaekit.errors import VaekitError
from vaekit.estimators import VAE
from vaekit.information.aggregated.pairs import aggregate_of_any, aggregate_of_gaussians
from vaekit.objectives.aggregate.matching import variance_of
from vaekit.posteriors import Laplace, Posterior
from vaekit.priors import GeneralizedNormal, MixtureOfGaussians, Normal, StudentT
from vaekit.training import Training, fit


def laplace(batch: int = 7, latent: int = 3) -> Univariates:
    torch.manual_seed(0)
    scale = (0.3 * torch.randn(batch, latent)).exp().double()
    return Univariates(td.Laplace(torch.randn(batch, latent).double(), scale))


def test_the_second_half_is_the_log_variance():
    q = Laplace(nn.Identity(), 2)(torch.tensor([[1.0, -2.0, math.log(4), math.log(0.25)]]))
    torch.testing.assert_close(q.mean, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(q.variance, torch.tensor([[4.0, 0.25]]))


def test_kl_to_the_normal_is_the_formula_and_the_mean_of_samples():
    q, p = laplace(), Normal(3).double()()
    m, b = q.own.loc, q.own.scale
    exact = (m**2 + 2 * b**2) / 2 - (2 * b).log() - 1 + 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(kl_by_coordinate(q, p), exact)
    z = q.rsample((40_000,))
    torch.testing.assert_close(kl(q, p, z), exact.sum(-1))
    drawn = q.log_prob(z) - p.log_prob(z)
    apart = (kl_by_samples(q, p, z) - exact.sum(-1)).abs()
    assert bool((apart < 5 * drawn.std(0) / 40_000**0.5).all())


def test_kl_to_the_generalised_normal_of_its_own_shape_is_zero_where_they_are_equal():
    one = GeneralizedNormal(3, p=1.0, scale=0.7).double()
    q = Univariates(td.Laplace(torch.zeros(1, 3).double(), torch.full((1, 3), 0.7).double()))
    torch.testing.assert_close(
        kl(q, one(), q.rsample((5,))), torch.zeros(1).double(), atol=1e-6, rtol=0
    )


def test_pieces_and_unions():
    q = laplace()
    z = q.rsample()
    each = q.log_prob_by_coordinate(z)
    torch.testing.assert_close(q.marginal([2, 0]).log_prob(z[:, [2, 0]]), each[:, [2, 0]].sum(1))
    first, second = q.split([1, 2])
    torch.testing.assert_close(second.log_prob(z[:, 1:]), each[:, 1:].sum(1))
    assert isinstance(first, Univariates) and first.is_like(second)
    both = q.concatenated([q])
    torch.testing.assert_close(both.log_prob(torch.cat([z, z])), each.sum(1).repeat(2))
    doubled = q.changed(lambda parameter: 2 * parameter)
    torch.testing.assert_close(doubled.mean, 2 * q.mean)
    torch.testing.assert_close(doubled.variance, 4 * q.variance)


def test_the_aggregate_of_gaussians_is_that_of_any():
    torch.manual_seed(0)
    q = DiagonalGaussian(torch.randn(20, 2).double(), torch.randn(20, 2).double() - 1)
    z, weight = q.rsample(), torch.randn(20).double()
    for log_weight in (None, weight):
        exact = aggregate_of_any(z, [q], log_weight)
        fast = aggregate_of_gaussians(z, q, log_weight=log_weight)
        torch.testing.assert_close(fast, exact, rtol=1e-4, atol=1e-4)


def test_a_law_of_torch_is_read_as_it_is():
    own = density(td.Independent(td.Laplace(torch.zeros(4, 2), torch.ones(4, 2)), 1))
    assert own.independent and isinstance(own.univariate, td.Laplace)
    kinds = td.Categorical(torch.ones(2, 3))  # of coordinates that are mixtures
    members = td.Normal(torch.zeros(2, 3), torch.ones(2, 3))
    mixed = density(td.Independent(td.MixtureSameFamily(kinds, members), 1))
    standard = Normal(2)()
    z = torch.randn(4, 2)
    torch.testing.assert_close(mixed.log_prob(z), standard.log_prob(z))
    whole = density(td.MultivariateNormal(torch.zeros(2), torch.eye(2)))
    assert not whole.independent and whole.univariate is None
    with pytest.raises(VaekitError, match="choosing coordinates needs a posterior"):
        whole.marginal([0])


CASES = {
    "beta_tcvae": {},
    "factor_vae": {"discriminator": "mlp(8)"},
    "info_vae": {"alpha": 1.0},
    "isa_vae": {"path": True, "size": 2},
    "iwae": {"samples": 3},
    "vae": {"prior": "vamp(4)"},
    "vmi_vae": {"on": 2, "reader": "mlp(8)"},
}


@pytest.mark.parametrize("name", CASES)
def test_recipes_train_with_it_and_are_judged(name):
    """Total correlation, path derivative, information of coordinates, bound and ledger."""
    torch.manual_seed(0)
    data = Dataset.from_array(torch.rand(60, 6), name="noise")
    arguments = {"latent": 4, "network": "mlp(8)", "likelihood": "gaussian(0.3)"} | CASES[name]
    system = recipes.find(name).make((6,), posterior="laplace", **arguments)
    going = fit(*system, data, Training(epochs=2, batch=20, device="cpu"))
    for _ in going:
        assert all(math.isfinite(value) for value in going.means().values())
    model = system.model.eval()
    numbers = information.evaluate(model, data)
    assert numbers["rate"]["value"] > 0
    found = information.aggregate(model, data)
    assert found.total_correlation is not None and found.information <= math.log(60)
    book = information.ledger(model, data, samples=3)
    assert not [check for row in book.rows for check in row.checks if not check.holds]
    if name in ("beta_tcvae", "factor_vae", "info_vae", "iwae", "vmi_vae"):  # prior N(0, I)
        kept = information.indicators(model, data)
        torch.testing.assert_close(kept.difference, kept.aggregate_kl, rtol=1e-5, atol=1e-6)
    bound = information.mutual_information_bound(
        model, data, on=[3, 1], again=True, steps=5, reader="mlp(8)"
    )
    number = bound.number
    assert number.se is not None and number.value < math.log(30) + 5 * number.se


def test_a_prior_of_infinite_variance_is_matched():
    """The kernel's width is then that of the normal with the same median of z²."""
    for df in (0.8, 2.0):
        p = StudentT(3, df)()
        width = float(variance_of(p, p.sample((4000,))))
        assert 0.5 < width < 4
    torch.manual_seed(0)
    data = Dataset.from_array(torch.rand(60, 6), name="noise")
    model, objective = recipes.wae_mmd((6,), 3, network="mlp(8)", prior="student_t(df=2)")
    for now in fit(model, objective, data, Training(epochs=1, batch=20, device="cpu")):
        assert now.means()["mmd"] > 0.01
    score = information.score(model, data, ("match",))["mmd"]
    assert math.isfinite(score["value"]) and score["value"] > 0.01


def test_under_dependent_coordinates_the_dimension_wise_part_is_no_bound():
    data = Dataset.from_array(torch.rand(40, 6), name="noise")
    for prior, side in (("mixture(2)", "consistent"), ("normal", "upper bound")):
        model, _ = recipes.vae((6,), 2, network="mlp(8)", prior=prior)
        numbers = information.aggregate(model, data).numbers()
        assert numbers["dimension_wise_kl"].direction == side


class Untrainable(Posterior):
    """Give a distribution without reparameterised draws, or of a scale below 0."""

    def __init__(self, network, latent, law):
        super().__init__()
        self.network, self.latent, self.law = network, latent, law

    def forward(self, x, c=None):
        return td.Independent(self.law(self.features(x, c)), 1)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"posterior": Normal}, "a posterior is its text, such as 'gaussian', its class"),
        ({"posterior": nn.Linear(3, 3)}, "a posterior is its text"),
        ({"likelihood": Laplace}, "a likelihood is its text, such as 'bernoulli', its class"),
        ({"prior": Normal}, "make one"),
        (
            {"prior": td.Independent(td.Normal(torch.zeros(2), 1.0), 1)},
            "write a Prior",
        ),
        ({"prior": Normal(3), "latent": 2}, "over 3 coordinates, but the code has 2"),
        ({"corruption": Masking}, "not a class of such"),
        ({"network": nn.Linear(3, 3)}, "one network is no pair"),
        (
            {"posterior": partial(Untrainable, law=lambda f: td.Poisson(f.exp()))},
            "drawn from Poisson with a gradient, which it has not",
        ),
        (
            {
                "posterior": partial(
                    Untrainable, law=lambda f: td.Normal(f, -1 - f**2, validate_args=True)
                )
            },
            "parameters out of its range",
        ),
    ],
)
def test_parts_of_the_wrong_kind_are_refused(parts, message):
    with pytest.raises(VaekitError, match=re.escape(message)):
        model, objective = recipes.vae((6,), **{"network": "mlp(8)", **parts})
        data = Dataset.from_array(torch.rand(20, 6))
        next(iter(fit(model, objective, data, Training(epochs=1, batch=10, device="cpu"))))


def test_objects_size_the_code_and_estimators_copy_them():
    prior = MixtureOfGaussians(3, 2)
    assert recipes.vae((6,), network="mlp(8)", prior=prior).model.posterior.latent == 3
    before = {name: tensor.clone() for name, tensor in prior.state_dict().items()}
    X = torch.rand(40, 6).numpy()
    made = VAE(latent=3, network="mlp(8)", prior=prior, epochs=3, batch=20, lr=0.1, device="cpu")
    first = made.fit(X).score(X)
    assert same(prior.state_dict(), before)
    assert made.fit(X).score(X) == first == clone(made).fit(X).score(X)
