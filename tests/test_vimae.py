"""The Variational InfoMax Autoencoders: noise, prior and weight, and what they learn."""

import math

import pytest
import torch

from vaekit import recipes
from vaekit.apply import encode, reconstruct
from vaekit.data import Dataset, load
from vaekit.errors import VaekitError
from vaekit.objectives import MMD, Distortion
from vaekit.schedules import Progress
from vaekit.training import Training, fit

NAMES = ["vimae_n", "vimae_l"]
X = torch.rand(60, 6, generator=torch.Generator().manual_seed(5))


def made(name: str, shape: tuple[int, ...] = (6,), seed: int = 0, **own):
    torch.manual_seed(seed)
    return recipes.find(name).make(shape, **({"latent": 2, "network": "mlp(16)"} | own))


@pytest.mark.parametrize(("name", "entropy"), [("vimae_n", 1.4189), ("vimae_l", 1.4046)])
def test_the_priors_have_mean_0_variance_1_and_the_papers_entropies(name, entropy):
    model, _ = made(name, latent=1)
    assert model.prior is not None
    prior = model.prior()
    z = torch.linspace(-40, 40, 200_001, dtype=torch.float64)[:, None]
    log_p = prior.log_prob(z)
    mass = log_p.exp() * 80 / 200_000
    assert float(mass.sum()) == pytest.approx(1)
    assert float(mass @ z) == pytest.approx(0, abs=1e-9)
    assert float(mass @ z**2) == pytest.approx(1, abs=1e-6)
    assert -float(mass @ log_p) == pytest.approx(entropy, abs=5e-5)


@pytest.mark.parametrize("name", NAMES)
def test_noise_enters_the_encoder_alone(name):
    """The code is that of x + ε, the target is x, ε the noise of at most .01 on every entry."""
    model, _ = made(name)
    seen = []
    model.posterior.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    run = model(X)
    noise = seen[0] - X
    assert 0.009 < float(noise.abs().max()) <= 0.01 + 1e-7
    assert torch.equal(run.x, X)
    torch.testing.assert_close(run.z[0], model.posterior(X + noise).mean)
    squares = ((X - model.likelihood(run.z).mean[0]) ** 2).sum(1).mean()
    torch.testing.assert_close(Distortion()(run), squares + 3 * math.log(math.pi))
    model.eval()
    model(X)
    assert torch.equal(seen[-1], X), "no noise where nothing is trained"


@pytest.mark.parametrize("name", NAMES)
def test_the_objective_is_equation_7(name):
    model, objective = made(name, match=3.0)
    run = model(X)
    torch.manual_seed(1)
    found = torch.tensor(objective.weights(Progress(0, 10, 5))) @ torch.stack(objective.values(run))
    torch.manual_seed(1)
    torch.testing.assert_close(found, Distortion()(run) + 3 * MMD()(run))


def test_the_weight_may_be_a_schedule():
    for name in NAMES:
        _, objective = made(name, match="linear(0, 10, steps=100)")
        weights = [objective.weights(Progress(step, 200, 20))[1] for step in (0, 50, 100, 150)]
        assert weights == pytest.approx([0, 5, 10, 10])


def test_without_noise_it_is_the_wae():
    """At λ = 0, where no draw of the prior counts: the same weights after ten steps."""
    found = []
    for name in ("vimae_n", "wae_mmd"):
        own = {"corruption": "truncated_gaussian(0)"} if name == "vimae_n" else {}
        torch.manual_seed(0)
        model, objective = recipes.find(name).make((6,), latent=2, match=0.0, **own)
        for _ in fit(model, objective, Dataset.from_array(X), Training(10, 60, device="cpu")):
            pass
        found.append(encode(model, X))
    torch.testing.assert_close(found[0], found[1])


def test_the_papers_adam():
    for name in NAMES:
        settings = recipes.find(name).defaults()
        assert (settings.lr, settings.beta1, settings.beta2, settings.batch) == (
            *(1e-3, 0.5, 0.999),
            100,
        )


@pytest.mark.parametrize(
    ("name", "network"), [("vimae_n", "mlp(64)"), ("vimae_l", "conv(4, 8, batch_norm=true)")]
)
def test_it_learns_digits_and_its_codes_follow_the_prior(name, network):
    train, _ = load("digits", holdout=0)
    model, objective = made(name, train.shape, latent=4, network=network)
    x = train.batch(torch.arange(len(train)))
    for _ in fit(model, objective, train, Training(15, 60, 3e-3, device="cpu")):
        pass
    model.eval()
    error = float(((reconstruct(model, x) - x) ** 2).flatten(1).sum(1).mean())
    assert error < 0.6 * float(x.var(0, unbiased=False).sum())
    codes = encode(model, x)
    assert float(codes.mean(0).abs().max()) < 0.3
    assert float((codes.std(0) - 1).abs().max()) < 0.3


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_a_table(name):
    """Two directions of a table of six columns: what two latents can keep is kept."""
    torch.manual_seed(3)
    table = torch.randn(600, 2) @ torch.randn(2, 6)
    model, objective = made(name, match="linear(10, 1, epochs=15)")
    for _ in fit(model, objective, Dataset.from_array(table), Training(40, 50, 5e-3, device="cpu")):
        pass
    left = (reconstruct(model, table) - table).square().sum(1).mean()
    assert float(left / table.var(0).sum()) < 0.05


@pytest.mark.parametrize(
    ("own", "cause"),
    [
        ({"corruption": "truncated_gaussian(sigma=-1)"}, "finite sigma ≥ 0"),
        ({"corruption": "truncated"}, "truncated_gaussian"),
        ({"kernel": "box"}, "kernel"),
        ({"match": "linaer(0, 1)"}, "linear"),
    ],
)
def test_what_cannot_be(own, cause):
    for name in NAMES:
        with pytest.raises(VaekitError, match=cause):
            made(name, **own)
