"""Directions: Bessel functions against SciPy, angles against quadrature, and a whole model."""

import math

import numpy as np
import pytest
import torch
from parts import assemble
from scipy import integrate
from scipy.special import gammaln, ive
from torch import Tensor

from vaekit import apply, information, recipes
from vaekit.data import Dataset
from vaekit.distributions import UniformSphere, VonMisesFisherLaw
from vaekit.distributions.directions.angles import angles
from vaekit.distributions.directions.bessel import growth
from vaekit.distributions.directions.sphere import log_area
from vaekit.distributions.divergences import kl
from vaekit.errors import VaekitError
from vaekit.likelihoods import Bernoulli
from vaekit.model import Model
from vaekit.objectives import Distortion, ImportanceWeighted
from vaekit.posteriors import VonMisesFisher as Posterior
from vaekit.priors import Sphere
from vaekit.training import Training, fit

SIZES = [2, 3, 5, 16, 50, 300]


def known(size: int, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return f, A and A′ by SciPy; A′ = 1 − A² − (H − 1) A/κ."""
    order = size / 2 - 1
    low, high = ive(order, kappa), ive(order + 1, kappa)
    ratio = high / low
    f = np.log(low) + kappa + gammaln(order + 1) + order * np.log(2 / kappa)
    return f, ratio, 1 - ratio**2 - (size - 1) * ratio / kappa


@pytest.mark.parametrize("size", SIZES)
def test_bessel_functions_and_their_slopes(size):
    kappa = np.logspace(0 if size < 100 else 1.5, 4, 40)  # below SciPy's I is 0
    asked = torch.tensor(kappa, requires_grad=True)
    f, ratio = growth(size / 2 - 1, asked)
    want_f, want_ratio, want_slope = map(torch.from_numpy, known(size, kappa))
    torch.testing.assert_close(f, want_f, rtol=1e-10, atol=1e-8)
    torch.testing.assert_close(ratio, want_ratio, rtol=1e-8, atol=0)
    (of_f,) = torch.autograd.grad(f.sum(), asked, retain_graph=True)
    torch.testing.assert_close(of_f, ratio)
    (slope,) = torch.autograd.grad(ratio.sum(), asked)
    torch.testing.assert_close(slope, want_slope, rtol=1e-6, atol=1e-12)
    single = growth(size / 2 - 1, asked.detach().float())[1]  # as a device without float64 has it
    torch.testing.assert_close(single.double(), want_ratio, rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kappa", [1e-6, 1e-2, 1e4])
def test_rates_at_both_ends(size, kappa):
    """κ²/2H for small κ, (H − 1)/2 · ln κ and a constant for large, in float32, with a gradient."""
    asked = torch.tensor([kappa], requires_grad=True)
    q = VonMisesFisherLaw(torch.eye(size)[:1], asked)
    rate = kl(q, UniformSphere(torch.zeros(size)), q.rsample((1,)))
    (slope,) = torch.autograd.grad(rate.sum(), asked)
    if kappa < 1:
        want, rise = kappa**2 / (2 * size), kappa / size
    else:
        (f,), (ratio,), (second,) = known(size, np.array([kappa]))
        want, rise = kappa * ratio - f, kappa * second
    assert rate.item() == pytest.approx(want, rel=1e-4)
    assert slope.item() == pytest.approx(rise, rel=1e-4)


def inverse(size: int, kappa: float, u: np.ndarray) -> np.ndarray:
    """Return θ of F(θ) = u from 100 000 points."""
    middle = math.atan2(math.sqrt(size - 2), kappa**0.5) if size > 2 else 0.0
    wide = 14 / math.sqrt(kappa + size)
    low, high = max(0.0, middle - wide), min(math.pi, max(middle + wide, 4 * wide / 3))
    t = np.linspace(low, high, 100_001)
    with np.errstate(divide="ignore"):
        log = kappa * np.cos(t) + ((size - 2) * np.log(np.sin(t)) if size > 2 else 0)
    density = np.exp(log - log.max())
    below = integrate.cumulative_simpson(density, x=t, initial=0)
    return np.interp(u, below / below[-1], t)


@pytest.mark.parametrize(("size", "kappa"), [(2, 3.0), (2, 200.0), (3, 5.0), (4, 0.2), (30, 40.0)])
def test_angles_and_their_slopes_by_quadrature(size, kappa):
    torch.manual_seed(0)
    found, slope = angles(torch.full((60,), kappa, dtype=torch.float64), size, (1,))
    torch.manual_seed(0)
    u = torch.rand(60, 1, dtype=torch.float64)[:, 0].numpy()
    h = 1e-3 * kappa
    by_hand = (inverse(size, kappa + h, u) - inverse(size, kappa - h, u)) / (2 * h)
    np.testing.assert_allclose(found[0], inverse(size, kappa, u), rtol=1e-5)
    np.testing.assert_allclose(slope[0], by_hand, atol=1e-3 * np.abs(by_hand).max())


def slopes(size: int, kappa: float, n: int = 20_000) -> tuple[Tensor, float]:
    """Return dw/dκ of samples, w = μᵀz, and A′(κ)."""
    torch.manual_seed(0)
    asked = torch.full((n,), kappa, requires_grad=True)
    direction = torch.nn.functional.normalize(torch.ones(n, size), dim=-1)
    w = (VonMisesFisherLaw(direction, asked).rsample() * direction).sum(-1)
    (found,) = torch.autograd.grad(w.sum(), asked)
    return found.double(), float(known(size, np.array([kappa]))[2][0])


@pytest.mark.parametrize(("size", "kappa"), [(2, 1.0), (3, 10.0), (10, 5.0), (100, 50.0)])
def test_the_gradient_of_samples_is_that_of_their_mean(size, kappa):
    found, want = slopes(size, kappa)
    error = float(found.std()) / len(found) ** 0.5
    assert abs(float(found.mean()) - want) < 4 * error


def test_accepted_proposals_held_still_have_another_gradient():
    """Wood's rejection, differentiated through its proposal alone, as if κ accepted nothing."""
    torch.manual_seed(0)
    kappa, m, n = torch.full((200_000,), 5.0, dtype=torch.float64, requires_grad=True), 9, 200_000
    b = (torch.hypot(2 * kappa, torch.full_like(kappa, m)) - 2 * kappa) / m
    share = torch.distributions.Beta(m / 2, m / 2).sample((n,)).double()
    w = (1 - (1 + b) * share) / (1 - (1 - b) * share)
    x = (1 - b) / (1 + b)
    log = kappa * (w - x) + m * torch.log((1 - x * w) / (1 - x * x))
    kept = log >= torch.rand(n, dtype=torch.float64).log()
    (found,) = torch.autograd.grad(w[kept].sum(), kappa)
    found, want = found[kept], slopes(10, 5.0, 2)[1]
    mean = float(w[kept].detach().mean())
    assert mean == pytest.approx(known(10, np.array([5.0]))[1][0], abs=0.005)  # samples are right
    assert abs(float(found.mean()) - want) > 10 * float(found.std()) / len(found) ** 0.5


def test_samples_lie_on_the_sphere_with_the_right_spread():
    torch.manual_seed(0)
    for size in (2, 3, 40):
        direction = torch.nn.functional.normalize(torch.randn(size), dim=-1)
        for kappa in (1e-4, 7.0, 1e4):
            q = VonMisesFisherLaw(direction, torch.tensor(kappa))
            z = q.rsample((20_000,)).double()
            assert float((z.norm(dim=-1) - 1).abs().max()) < 1e-6
            error = z.std(0) / 20_000**0.5
            assert torch.all((z.mean(0) - q.mean).abs() < 5 * error)
            # The entropy by the samples is ln |S| less the rate.
            logs = q.log_prob(z.float()).double()
            want = float(q.information()) - log_area(size)
            assert abs(float(logs.mean()) - want) < 5 * float(logs.std()) / 20_000**0.5 + 1e-4


@pytest.mark.parametrize(
    ("posterior", "prior"), [("von_mises_fisher", "normal"), ("gaussian", "sphere")]
)
def test_a_density_on_the_sphere_is_none_in_space(posterior, prior):
    run = assemble(posterior, prior, "bernoulli")(torch.rand(4, 6))
    with pytest.raises(VaekitError, match=r"directions needs? a (prior|posterior) of directions"):
        kl(run.q, run.prior, run.z)  # pyright: ignore


def test_a_model_of_directions_is_trained_and_judged():
    """Data are directions of a circle: codes find it, and log p(x) is above its bound."""
    torch.manual_seed(0)
    angle = 2 * math.pi * torch.rand(600)
    x = torch.stack([angle.cos(), angle.sin(), (2 * angle).cos()], 1) / 2 + 0.5
    data = Dataset.from_array(x)
    settings = {"network": "mlp(32)", "likelihood": "gaussian(sigma=0.1)"}
    made = recipes.vae((3,), 2, posterior="von_mises_fisher", prior="own", **settings)
    assert isinstance(made.model.posterior, Posterior)
    assert isinstance(made.model.prior, Sphere)
    for _ in fit(*made, data, Training(epochs=30, batch=100, lr=1e-2, device="cpu")):
        pass
    numbers = information.summarise(made.model, data, n=300, samples=50)
    told = numbers["information"]["value"]
    assert 1 < told < math.log(300)
    whole = numbers["log_likelihood"]["value"]
    with torch.no_grad():
        run = made.model.eval()(x, samples=50)
        elbo = -float(Distortion()(run) + kl(run.q, run.prior, run.z).mean())  # pyright: ignore
        bound = -float(ImportanceWeighted(50)(run))
    assert elbo < bound
    assert whole == pytest.approx(bound, abs=0.1)
    drawn = made.model.prior().sample((500,))  # pyright: ignore
    torch.testing.assert_close(drawn.norm(dim=-1), torch.ones(500))


@pytest.mark.parametrize("make", [Sphere, lambda n: Posterior(torch.nn.Identity(), n)])
def test_one_entry_has_no_direction(make):
    with pytest.raises(VaekitError, match="2 entries or more"):
        make(1)


def test_the_length_of_a_direction_does_not_count():
    made = recipes.beta_vae((6,), latent=4, network="mlp(8)", posterior="von_mises_fisher").model
    z = torch.randn(5, 4)
    torch.testing.assert_close(apply.decode(made, z), apply.decode(made, 0.1 * z))
    x = torch.rand(5, 6)
    whole = torch.cat(list(apply.reconstruct_batches(made, Dataset(x))))
    torch.testing.assert_close(apply.decode(made, apply.encode(made, x)), whole)
    with pytest.raises(VaekitError, match="directions, which no mixture of Gaussians"):
        information.with_code_prior(made, Dataset(torch.rand(50, 6)))


def test_active_directions_are_counted_in_many_latents():
    """Each entry of 200 has a variance of 1/200 at most in the mean, below .01."""
    features = torch.cat([10 * torch.randn(300, 200), torch.full((300, 1), 6.0)], 1)
    decoder = torch.nn.Linear(200, 6)
    model = Model(Posterior(Rows(features), 200), Bernoulli(decoder), Sphere(200))
    found = information.evaluate(model, Dataset(torch.rand(300, 6)), 300)["active_units"]
    assert found["value"] == 200 and "0.01/H" in found["estimator"]


class Rows(torch.nn.Module):
    """Give the features of row after row, whatever x."""

    def __init__(self, features: Tensor):
        super().__init__()
        self.features, self.at = features, 0

    def forward(self, x: Tensor) -> Tensor:
        self.at += len(x)
        return self.features[self.at - len(x) : self.at] + 0 * x.sum()
