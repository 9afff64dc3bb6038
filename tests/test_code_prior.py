"""Samples from a mixture, or a flow, that is fitted to the codes of a trained model."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from parts import small
from test_cli import fails, ok
from test_information import Fixed
from torch import nn

import vaekit
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.information import score, with_code_prior
from vaekit.information.fitted import code_flow
from vaekit.likelihoods import Gaussian
from vaekit.model import Model
from vaekit.posteriors import Dirac

SETTINGS = {"network": "mlp(32)", "epochs": 3, "device": "cpu", "verbose": False, "data": "digits"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("codes")
    return {
        "ae": vaekit.train("ae", out=out / "ae", latent=4, **SETTINGS),
        "cvae": vaekit.train("cvae", out=out / "cvae", latent=4, **SETTINGS),
        "joint": vaekit.train("joint_vae", out=out / "joint", style=2, categories=3, **SETTINGS),
    }


def identity(latent: int = 2) -> Model:
    return Model(Dirac(nn.Identity(), latent), Gaussian(nn.Identity(), 0.1)).eval()


def test_the_mixture_is_that_of_the_codes():
    """Two clusters far apart, stretched and turned, in units of very different size."""
    torch.manual_seed(0)
    turn = torch.tensor([[1.0, 0.8], [0.0, 0.6]])
    x = torch.cat([torch.randn(3000, 2) @ turn + 8, 0.5 * torch.randn(1000, 2) - 8])
    x *= torch.tensor([1.0, 1e-3])
    prior: Any = with_code_prior(identity(), Dataset(x), components=2).prior
    order = prior.shares.argsort()
    assert prior.shares[order].tolist() == pytest.approx([0.25, 0.75], abs=0.01)
    for k, part in zip(order.tolist(), (x[3000:], x[:3000]), strict=True):
        unit = part.std(0)
        assert (((prior.means[k] - part.mean(0)) / unit).abs() < 0.05).all()
        covariance = prior.roots[k] @ prior.roots[k].T
        torch.testing.assert_close(covariance, torch.cov(part.T), rtol=0.1, atol=0)
    drawn = prior(None).sample((20_000,))
    assert float((drawn[:, 0] > 0).float().mean()) == pytest.approx(0.75, abs=0.02)


def test_a_flow_follows_codes_that_bend(monkeypatch):
    """z₂ = z₁² + .2 e, in other units: no Gaussian, and its entropy is known."""
    monkeypatch.setattr(code_flow, "_STEPS", 400)
    torch.manual_seed(0)
    one = torch.randn(6000)
    two = one**2 + 0.2 * torch.randn(6000)
    unit = torch.tensor([100.0, 0.01])
    x = torch.stack([one, two], 1) * unit
    prior: Any = with_code_prior(identity(), Dataset(x), kind="flow").prior
    log_density = prior(None).log_prob(x).mean() + unit.log().sum()
    entropy = 0.5 * math.log(2 * math.pi * math.e) * 2 + math.log(0.2)
    assert float(log_density) == pytest.approx(-entropy, abs=0.12)
    gaussian: Any = with_code_prior(identity(), Dataset(x), components=1).prior
    assert float(gaussian(None).log_prob(x).mean() + unit.log().sum()) < -entropy - 0.8
    with torch.random.fork_rng():
        drawn = prior(None).sample((20_000,)) / unit
    assert float((drawn[:, 1] - drawn[:, 0] ** 2).abs().median()) < 0.25


def test_a_flow_of_codes_that_stand_still_in_one_latent(monkeypatch):
    monkeypatch.setattr(code_flow, "_STEPS", 100)
    torch.manual_seed(0)
    x = torch.cat([torch.randn(500, 1) + 3, torch.full((500, 1), 2.0)], 1)
    prior: Any = with_code_prior(identity(), Dataset(x), kind="flow").prior
    drawn = prior(None).sample((1000,))
    assert bool(drawn.isfinite().all())
    assert float(drawn[:, 0].mean()) == pytest.approx(3, abs=0.3)
    assert float((drawn[:, 1] - 2).abs().max()) < 0.1
    with pytest.raises(VaekitError, match="20 codes to be fitted to, here are 19"):
        with_code_prior(identity(), Dataset(x[:19]), kind="flow")
    with pytest.raises(VaekitError, match="kind"):
        with_code_prior(identity(), Dataset(x), kind="gan")  # type: ignore[arg-type]


def test_codes_with_noise_are_drawn():
    """q(z|x) = N(0, 3²) for every x: the aggregate has that variance, its means none."""
    q = Fixed(
        lambda x: DiagonalGaussian(torch.zeros(len(x), 2), torch.full((len(x), 2), 3.0).log()), 2
    )
    model = Model(q, Gaussian(small().decoder(2, (2,)), 0.1)).eval()
    prior: Any = with_code_prior(model, Dataset(torch.rand(4000, 2)), components=1).prior
    covariance = prior.roots[0] @ prior.roots[0].T
    torch.testing.assert_close(covariance, 9 * torch.eye(2), rtol=0.1, atol=0.4)


def test_any_autoencoder_has_samples(runs):
    x = runs["ae"].sample(5, source="codes")
    assert x.shape == (5, 1, 8, 8)
    assert np.array_equal(x, runs["ae"].sample(5, source="codes"))
    assert not np.array_equal(x, runs["ae"].sample(5, source="codes", components=2))
    sevens = runs["cvae"].sample(4, 7, source="codes")
    assert sevens.shape == (4, 1, 8, 8)
    made = with_code_prior(runs["ae"].model, runs["ae"].data.train)
    assert made.likelihood is runs["ae"].model.likelihood and runs["ae"].model.prior is None


def test_from_the_command_line(runs, tmp_path, capsys, monkeypatch):
    folder, out = str(runs["ae"].folder), str(tmp_path / "s.npy")
    said = ok(capsys, "sample", folder, "--from", "codes", "--n", "6", "--out", out)
    assert "drawn from a mixture fitted to codes, seed 0" in said
    assert np.load(out).shape == (6, 1, 8, 8)
    assert "no prior over its code" in fails(capsys, "sample", folder)
    assert "give --from codes too" in fails(
        capsys, "sample", str(runs["cvae"].folder), "--condition", "1", "--components", "3"
    )
    monkeypatch.setattr(code_flow, "_STEPS", 50)
    said = ok(capsys, "sample", folder, "--from", "flow", "--n", "6", "--out", out, "--force")
    assert "drawn from a flow fitted to codes, seed 0" in said
    assert np.array_equal(np.load(out), runs["ae"].sample(6, source="flow"))
    assert "give --from codes too" in fails(
        capsys, "sample", folder, "--from", "flow", "--components", "3"
    )
    assert "Did you mean 'codes'" in fails(capsys, "sample", folder, "--from", "code")
    assert "has categories" in fails(capsys, "sample", str(runs["joint"].folder), "--from", "codes")
    wrong = fails(capsys, "sample", folder, "--from", "codes", "--components", "5000")
    assert "5000 components need more codes than" in wrong


def test_distances_stand_side_by_side(runs, monkeypatch):
    monkeypatch.setattr(code_flow, "_STEPS", 50)

    def features(x):
        return x.flatten(1)[:, :6]

    run = runs["cvae"]
    numbers = score(
        run.model,
        run.data.test,
        ("fid", "fid_codes", "fid_flow"),
        train=run.data.train,
        network=features,
    )
    assert {"fid", "fid_codes", "fid_flow"} == set(numbers)
    assert numbers["fid_codes"]["value"] >= 0 and numbers["fid_flow"]["value"] >= 0
    alone = score(
        runs["ae"].model, run.data.test, ("fid_codes",), train=run.data.train, network=features
    )
    assert set(alone) == {"fid_codes"}
    with pytest.raises(VaekitError, match="has categories"):
        joint = runs["joint"]
        score(
            joint.model, joint.data.test, ("fid_codes",), train=joint.data.train, network=features
        )


def test_codes_that_are_one():
    with pytest.raises(VaekitError, match="all codes are one"):
        with_code_prior(identity(), Dataset(torch.zeros(50, 2)), components=2)
