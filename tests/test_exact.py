"""Linear-Gaussian models have closed forms: training must arrive at them.

Probabilistic PCA (Tipping & Bishop 1999): z ~ N(0, I), x|z ~ N(Wz + m, σ² I), so that

    x ~ N(m, C),  C = W Wᵀ + σ² I,   z|x ~ N(M⁻¹ Wᵀ(x − m), σ² M⁻¹),  M = Wᵀ W + σ² I.

The Gaussian encoder has a diagonal covariance, so its bound is tight where M is diagonal, that is
where the columns of W are orthogonal; W is free up to a rotation of z, which the likelihood does
not see, so the best ELBO *is* the best log-likelihood (Lucas et al. 2019, "Don't blame the ELBO").
With σ fixed and the sample covariance S = U diag(λ) Uᵀ, the likelihood is highest at m = mean(x),
W = U_H (diag(λ_1..H) − σ² I)^½ (for those λ > σ²), where C has the eigenvalues λ_1, …, λ_H, σ², …:

    mean log p(x) = −½ [ D ln 2π + Σ_{h ≤ H} (ln λ_h + 1) + (D − H) ln σ² + Σ_{d > H} λ_d / σ² ].

Distortion + β·KL is, up to constants, β times the same problem with βσ² in place of σ², so the
optimum of a β-VAE has the posterior variance of the coordinate h, s_h² = β σ² / λ_h.
"""

import math

import pytest
import torch
from torch import Tensor, nn

from vaekit.data import Dataset
from vaekit.information import evaluate
from vaekit.likelihoods import Gaussian as GaussianLikelihood
from vaekit.model import Model
from vaekit.networks import Mlp
from vaekit.objectives import KL, Distortion
from vaekit.posteriors import Gaussian
from vaekit.priors import Normal
from vaekit.training import Training, fit

D, H, SIGMA, N = 6, 2, 0.5, 1000


def draw() -> Tensor:
    """Draw N examples of a known model whose directions are not those of the axes."""
    seeded = torch.Generator().manual_seed(0)
    loadings = torch.randn(D, H, generator=seeded) * torch.tensor([1.5, 0.8])
    z = torch.randn(N, H, generator=seeded)
    noise = SIGMA * torch.randn(N, D, generator=seeded)
    return z @ loadings.t() + torch.arange(D) / 3 + noise


def spectrum(x: Tensor) -> Tensor:
    """Return the eigenvalues of the sample covariance (1/N), the largest first."""
    return torch.linalg.eigvalsh(torch.cov(x.double().t(), correction=0)).flip(0)


def best_log_likelihood(x: Tensor) -> float:
    """Return the mean log p(x) of the best model with this σ."""
    values = spectrum(x)
    top, rest = values[:H], values[H:]
    assert top.min() > SIGMA**2
    inside = (top.log() + 1).sum() + (D - H) * math.log(SIGMA**2) + rest.sum() / SIGMA**2
    return float(-0.5 * (D * math.log(2 * math.pi) + inside))


def train(x: Tensor, objective, seed: int = 0, repeat: int = 1, steps: int = 1200) -> Model:
    """Train a linear VAE on whole batches, the rate of learning falling twice."""
    torch.manual_seed(seed)
    nets = Mlp()
    encoder, decoder = nets.encoder((D * repeat,), 2 * H), nets.decoder(H, (D * repeat,))
    linear = encoder[-1]
    nn.init.zeros_(linear.weight[H:])  # the posterior's width is the same for all x: so it begins
    model = Model(Gaussian(encoder, H), GaussianLikelihood(decoder, SIGMA), Normal(H))
    data = Dataset.from_array(x.repeat_interleave(repeat, -1))
    for lr in (0.03, 0.005, 0.0005):
        training = Training(epochs=steps // 3, batch=N, lr=lr, device="cpu", beta2=0.99)
        for _ in fit(model, objective, data, training):
            pass
    return model.eval()


def test_the_closed_form_is_that_of_the_density():
    """The formula equals the Gaussian's own log-density at the best W and m."""
    x = draw().double()
    values, vectors = torch.linalg.eigh(torch.cov(x.t(), correction=0))
    top, u = values[-H:], vectors[:, -H:]
    w = u * (top - SIGMA**2).sqrt()
    c = w @ w.t() + SIGMA**2 * torch.eye(D, dtype=torch.float64)
    density = torch.distributions.MultivariateNormal(x.mean(0), c)
    assert float(density.log_prob(x).mean()) == pytest.approx(best_log_likelihood(x), abs=1e-9)


def test_a_linear_vae_reaches_the_exact_likelihood():
    x = draw()
    exact = best_log_likelihood(x)
    model = train(x, Distortion() + 1.0 * KL())
    found = evaluate(model, Dataset.from_array(x), samples=64)["elbo"]
    # A bound: it may pass the exact value by its own noise only. And it arrives.
    assert found["value"] < exact + 3 * 0.01
    assert found["value"] == pytest.approx(exact, rel=0.01)
    # The exact posterior: s_h² = σ²/λ_h, uncorrelated means of variance 1 − s_h².
    top = spectrum(x)[:H]
    q = model.posterior(x)
    s2 = q.variance.mean(0).sort().values.detach().double()
    torch.testing.assert_close(s2, SIGMA**2 / top, rtol=0.05, atol=0)
    spread = q.mean.detach().double()
    covariance = torch.cov(spread.t(), correction=0)
    assert abs(float(covariance[0, 1])) < 0.05
    torch.testing.assert_close(
        covariance.diagonal().sort().values, (1 - SIGMA**2 / top).sort().values, rtol=0.05, atol=0
    )


@pytest.mark.parametrize("beta", [0.5, 4.0])
def test_beta_acts_as_noise(beta):
    """The widths of the β-VAE's posterior are β σ²/λ_h: β means what theory says it means."""
    x = draw()
    top = spectrum(x)[:H]
    assert beta * SIGMA**2 < top.min()
    model = train(x, Distortion() + beta * KL(), steps=3000)
    s2 = model.posterior(x).variance.mean(0).sort().values.detach().double()
    torch.testing.assert_close(s2, beta * SIGMA**2 / top, rtol=0.08, atol=0)


def test_beta_means_the_same_at_every_size():
    """Every entry twice, at half the weight, has the same optimum: same rate, same widths."""
    x = draw()
    once = train(x, Distortion() + 2.0 * KL())
    twice = train(x, 0.5 * Distortion() + 2.0 * KL(), repeat=2)
    plain = train(x, Distortion() + 2.0 * KL(), repeat=2)

    def rate(model: Model, repeat: int) -> float:
        data = Dataset.from_array(x.repeat_interleave(repeat, -1))
        return evaluate(model, data)["rate"]["value"]

    assert rate(twice, 2) == pytest.approx(rate(once, 1), rel=0.01)
    # Twice the evidence at the same weight is another problem: ½ ln 2 nats more by coordinate,
    # exactly so: Σ_h ½ ln(λ_h/βσ²), with 2λ in place of λ.
    assert rate(plain, 2) - rate(once, 1) == pytest.approx(H * 0.5 * math.log(2), rel=0.03)
