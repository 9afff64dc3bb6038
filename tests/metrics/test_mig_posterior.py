"""The MIG by densities of q(z|x), on codes whose informations are known."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from test_information import Fixed

from vaekit.data import Dataset, Factors
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.information import mig_by_posterior, score
from vaekit.likelihoods import Gaussian
from vaekit.model import Model
from vaekit.networks import networks
from vaekit.posteriors import Dirac, Laplace
from vaekit.priors import Normal


def levels_as_data(n: int = 2000) -> Dataset:
    """Two independent factors of two levels, as the two entries of an example, −1 or 1."""
    levels = np.stack([np.arange(n) % 2, np.arange(n) // 2 % 2], 1)
    factors = Factors.of(("a", "b"), list(levels.T))
    return Dataset(torch.from_numpy(2.0 * levels - 1).float(), name="signs", factors=factors)


def model_of(posterior) -> Model:
    decoder = networks("mlp(4)").decoder(posterior.latent, (2,))
    return Model(posterior, Gaussian(decoder, 0.5), Normal(posterior.latent)).eval()


def gaussian(a: torch.Tensor, std: float = 1.0) -> Model:
    """q(z|x) = N(A x, std² I), A (H, 2)."""
    log_std = math.log(std)
    return model_of(
        Fixed(lambda x: DiagonalGaussian(x @ a.T, torch.full((len(x), len(a)), log_std)), len(a))
    )


def two_points(a: float) -> float:
    """I of a fair sign and z = a · sign + N(0, 1), by quadrature."""

    def density(z: float) -> float:
        return 0.5 * (stats.norm.pdf(z, a) + stats.norm.pdf(z, -a))

    entropy = integrate.quad(lambda z: -density(z) * math.log(density(z)), -10 - a, 10 + a)[0]
    return entropy - 0.5 * math.log(2 * math.pi * math.e)


def test_informations_by_quadrature():
    model = gaussian(torch.tensor([[1.5, 0.0], [0.0, 0.7], [0.4, 0.0]]))
    score = mig_by_posterior(model, levels_as_data(), seed=1)
    known = score.parts["mutual_information"]
    wanted = [[two_points(1.5), 0], [0, two_points(0.7)], [two_points(0.4), 0]]
    assert known == pytest.approx(np.array(wanted), abs=0.03)
    gaps = [two_points(1.5) - two_points(0.4), two_points(0.7)]
    assert float(score) == pytest.approx(np.mean(gaps) / math.log(2), abs=0.04)
    assert score.parts["entropy"] == pytest.approx(math.log(2))
    assert score.shuffled == pytest.approx(0, abs=0.01)


def test_a_collapsed_latent_tells_by_its_mean_and_not_by_draws():
    model = gaussian(torch.tensor([[0.01, 0.0], [0.0, 0.01]]))
    data = levels_as_data(500)
    both = score(model, data, ("mig", "mig_posterior"))
    assert both["mig"]["value"] == pytest.approx(1)
    assert both["mig_posterior"]["value"] == pytest.approx(0, abs=0.01)
    assert both["mig_posterior"]["factors"] == ["a", "b"]


def test_narrow_posteriors_tell_everything_and_shuffled_factors_say_so():
    rng = torch.Generator().manual_seed(0)
    places = torch.randn(400, 3, generator=rng)

    def apart(x: torch.Tensor) -> DiagonalGaussian:
        return DiagonalGaussian(places[: len(x)], torch.full((len(x), 3), -12.0))

    found = mig_by_posterior(model_of(Fixed(apart, 3)), levels_as_data(400))
    for name in ("mutual_information", "mutual_information_shuffled"):
        assert found.parts[name] == pytest.approx(np.full((3, 2), math.log(2)), abs=0.01)
    assert float(found) == pytest.approx(0, abs=0.01)


def test_other_posteriors_and_what_has_no_density():
    torch.manual_seed(0)
    data = levels_as_data(300)
    laplace = model_of(Laplace(networks("mlp(4)").encoder((2,), 6), 3))
    found = mig_by_posterior(laplace, data)
    assert 0 <= float(found) <= 1 and found == mig_by_posterior(laplace, data)
    code = model_of(Dirac(networks("mlp(4)").encoder((2,), 3), 3))
    with pytest.raises(VaekitError, match="deterministic and has no density"):
        mig_by_posterior(code, data)
    plain = Dataset(data.images, name="plain")
    with pytest.raises(VaekitError, match="plain has no factors"):
        mig_by_posterior(gaussian(torch.eye(2)), plain)
    with pytest.warns(UserWarning, match="mig_posterior is left out: this model's code is det"):
        assert set(score(code, data, ("mig", "mig_posterior"))) == {"mig"}
