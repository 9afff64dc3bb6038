"""The variational bound on mutual information, its reader, and the recipes that use it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from parts import same, small, vae, weights
from torch import nn

from vaekit import cli, recipes
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, GaussianEntries
from vaekit.errors import VaekitError
from vaekit.estimators import VmiVAE
from vaekit.model import Pass
from vaekit.objectives import KL, MutualInformation
from vaekit.runs import Run
from vaekit.schedules import Progress
from vaekit.training import Training, fit

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(5))
QUICK = Training(epochs=3, batch=20, lr=0.01, device="cpu")


def joint(seed: int = 0, **more):
    torch.manual_seed(seed)
    own = {"style": 2, "categories": 3, "network": "mlp(8)", "reader": "mlp(8)"} | more
    return recipes.vmi_joint_vae((6,), **own)


@pytest.mark.parametrize("reader", ["mlp(8)", "shared"])
def test_neither_the_reader_nor_the_model_reaches_the_other(reader):
    model, objective = joint(reader=reader)
    (term,) = objective.critics
    run = model(X)
    term(run).backward(retain_graph=True)
    assert all(p.grad is None for p in term.parameters())
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    term.loss(run).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in term.parameters())
    assert all(p.grad is None for p in model.parameters())


def test_a_shared_trunk_reads_with_the_layers_of_the_encoder_and_owns_none_of_them():
    model, objective = joint(reader="shared")
    (term,) = objective.critics
    assert [tuple(p.shape) for p in term.parameters()] == [(3, 8), (3,)]
    run = model(X)
    layers: Any = model.posterior.network
    read = term.network(layers[:-1](run.p.mean[0])).log_softmax(-1)
    wanted = -(run.z[0, :, 2:] * read).sum(-1).mean()
    assert float(term.loss(run).detach()) == pytest.approx(float(wanted.detach()), abs=1e-6)
    with torch.no_grad():
        layers[1].weight.mul_(2)  # the trunk is the encoder's, not a copy
    moved = model(X)
    read = term.network(layers[:-1](moved.p.mean[0])).log_softmax(-1)
    wanted = -(moved.z[0, :, 2:] * read).sum(-1).mean()
    assert float(term.loss(moved).detach()) == pytest.approx(float(wanted.detach()), abs=1e-6)


@pytest.mark.parametrize("reader", ["mlp(8)", "shared"])
def test_a_share_of_the_images_is_read_and_the_entropy_is_that_of_all(reader):
    model, objective = joint(reader=reader, share=0.3)
    (term,) = objective.critics
    run = model(X)
    seen = run.p.mean[0] if reader == "mlp(8)" else model.posterior.network[:-1](run.p.mean[0])
    read = (run.z[0, :, 2:] * term.network(seen).log_softmax(-1)).sum(-1)
    told, share = read[:18].mean(), run.q.parts[1].mean.mean(0)
    assert float(term.loss(run).detach()) == pytest.approx(-float(told.detach()), abs=1e-6)
    bound = told - (share * share.log()).sum()
    assert float(term(run).detach()) == pytest.approx(-float(bound.detach()), abs=1e-6)
    assert float(read.mean().detach()) != pytest.approx(float(told.detach()), abs=1e-4)


def test_a_shared_trunk_leaves_running_means_to_what_the_encoder_sees():
    torch.manual_seed(0)
    own = {"style": 2, "categories": 3, "network": "conv(4, batch_norm=True)", "reader": "shared"}
    model, objective = recipes.vmi_joint_vae((1, 8, 8), **own)
    run = model(torch.rand(20, 1, 8, 8))
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    assert before
    objective.values(run)
    assert same(before, dict(model.named_buffers()))


def test_a_shared_trunk_and_its_head_are_both_trained():
    model, objective = joint(reader="shared")
    (term,) = objective.critics
    model_before, head_before = weights(model), weights(term)
    for _ in fit(model, objective, Dataset.from_array(X), QUICK):
        pass
    assert not same(model_before, weights(model))
    assert not same(head_before, weights(term))


def test_style_and_category_have_weights_of_their_own():
    own = {"beta": 2.0, "class_beta": 0.5, "information": 3.0}
    model, objective = joint(**own)
    run = model(X)
    terms = dict(zip(objective.names, objective.values(run), strict=True))
    style, category = (KL(on=name)(run) for name in ("style", "class"))
    assert torch.equal(terms["kl_style"], style) and torch.equal(terms["kl_class"], category)
    assert objective.weights(Progress(0, 1, 1)) == [1.0, 2.0, 0.5, 3.0]
    objective = joint(capacity="linear(0, 4)", **own)[1]
    assert joint(corruption="masking(p=0.5)")[0].corruption is not None
    assert objective.names[1:3] == ("rate_off_target_style", "kl_class")


def test_without_weight_it_is_the_joint_vae():
    found = []
    for name, own in (("joint_vae", {}), ("vmi_joint_vae", {"information": 0, "reader": "mlp(8)"})):
        torch.manual_seed(0)
        shape = {"style": 2, "categories": 3, "network": "mlp(8)"}
        model, objective = recipes.find(name).make((6,), **shape, **own)
        for _ in fit(model, objective, Dataset.from_array(X), QUICK):
            pass
        found.append(weights(model))
    assert same(*found)


@pytest.mark.parametrize("entropy", ["aggregate", "prior"])
def test_the_bound_is_at_most_ln_k(entropy):
    model, objective = joint(entropy=entropy, information=50.0)
    (term,) = objective.critics
    for _ in fit(model, objective, Dataset.from_array(X), Training(epochs=40, batch=60, lr=0.01)):
        with torch.no_grad():
            assert -float(term(model(X))) <= math.log(3) + 1e-5


def collapsed(entropy: str) -> float:
    """Return the bound of a code that sends every x to one category, read without an error."""
    model, objective = joint(entropy=entropy)
    (term,) = objective.critics
    with torch.no_grad():
        model.posterior.network[-1].weight[4:].zero_()
        model.posterior.network[-1].bias[4:] = torch.tensor([50.0, 0, 0])
        term.network[-1].weight.zero_()
        term.network[-1].bias.copy_(torch.tensor([50.0, 0, 0]))
        return -float(term(model(X)))


def test_a_collapsed_code_earns_ln_k_of_the_thesis_and_nothing_of_the_aggregate():
    assert collapsed("prior") == pytest.approx(math.log(3), abs=1e-4)
    assert collapsed("aggregate") == pytest.approx(0, abs=1e-4)


def linear(n: int, w: float = 1.5, a: float = 0.8, s: float = 0.6, noise: float = 0.7) -> Pass:
    """Encode c = a x + s ε and decode x′ = w c + noise: q(c) is N(0, a² + s²)."""
    mean = a * torch.randn(n, 1)
    q = DiagonalGaussian(mean, torch.full_like(mean, math.log(s)))
    z = q.rsample((1,))
    p = GaussianEntries(w * z, torch.tensor(math.log(noise)), 1)
    return Pass(vae(latent=1, entries=1), mean, q, z, p, None)


def test_the_bound_comes_near_the_information_of_a_linear_model_and_never_above():
    torch.manual_seed(0)
    wanted = 0.5 * math.log(1 + 1.5**2 * (0.8**2 + 0.6**2) / 0.7**2)
    term = MutualInformation(nn.Linear(1, 2), [0], drawn=True)
    stepping = torch.optim.Adam(term.parameters(), 0.03)
    for _ in range(400):
        stepping.zero_grad()
        term.loss(linear(1000)).backward()
        stepping.step()
        with torch.no_grad():
            assert -float(term(linear(20_000))) < wanted + 0.03  # of Monte Carlo
    found = [-float(term(linear(20_000)).detach()) for _ in range(20)]
    assert 0.95 * wanted < sum(found) / 20 < wanted + 0.01


def test_correlated_coordinates_have_the_entropy_of_their_covariance():
    torch.manual_seed(0)
    mean = torch.randn(5000, 2) @ torch.tensor([[1.0, 0.9], [0.0, 0.3]])
    q = DiagonalGaussian(mean, torch.full_like(mean, -1.0))
    z = q.rsample((1,))
    run = Pass(vae(entries=2), mean, q, z, GaussianEntries(z, torch.tensor(0.0), 1), None)
    term = MutualInformation(nn.Linear(2, 4), [0, 1])
    covariance = torch.cov(z[0].mT)
    entropy = 0.5 * torch.logdet(2 * math.pi * math.e * covariance)
    told = -float(term.loss(run).detach())
    assert -float(term(run).detach()) == pytest.approx(told + float(entropy), abs=0.02)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: MutualInformation(nn.Linear(6, 2), [0], "agregate"), "Did you mean 'aggregate'"),
        (lambda: MutualInformation(nn.Linear(6, 2), []), "list different coordinates"),
        (lambda: MutualInformation(nn.Linear(6, 2), [1, 1]), "list different coordinates"),
        (lambda: MutualInformation(nn.Linear(6, 2), [0.5]), r"on=\[0, 1\]"),  # pyright: ignore
        (lambda: MutualInformation(nn.Linear(6, 2), 1), r"got on=1"),  # pyright: ignore
        (lambda: MutualInformation(nn.Linear(6, 2), [5])(vae()(X)), "from 0 to 1"),
        (lambda: MutualInformation(nn.Linear(6, 2), "class")(vae()(X)), "no blocks"),
        (lambda: MutualInformation(nn.Linear(6, 3), [0])(vae()(X)), "needs 2 outputs"),
        (lambda: MutualInformation(nn.Linear(6, 2), [0], drawn=True)(vae()(X)), "no gradient"),
        (lambda: MutualInformation(small().encoder((6,), 3), "clas")(joint().model(X)), "'class'"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=3), "1 to latent=2"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=0), "1 to latent=2"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=-1), "got on=-1"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=[]), r"ones from 0 to 1.*got on=\[\]"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=[1, 1]), "list different"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=[2]), "from 0 to 1"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=[-1]), "from 0 to 1"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=True), "on must be a whole number or a list"),
        (lambda: recipes.vmi_vae((6,), latent=2, on=1.5), "on must be"),  # pyright: ignore
        (lambda: recipes.vmi_vae((6,), latent=2, on=[0.5]), "on must be"),  # pyright: ignore
        (lambda: recipes.vmi_vae((6,), latent=2, on=[True]), "on must be"),
        (lambda: recipes.vmi_vae((6,), latent=2, on="01"), "on must be"),  # pyright: ignore
        (lambda: joint(critic_lr=-1), "critic_lr"),
        (lambda: joint(share=0.0), "share of the batch above 0"),
        (lambda: joint(reader="shared", network="mlp()"), "share its trunk"),
        (lambda: joint(categories=1), "2 categories"),
        (lambda: joint(temperature=0), "temperature"),
    ],
)
def test_bounds_that_cannot_be(make, cause):
    with pytest.raises(VaekitError, match=cause):
        make()


def test_listed_coordinates_are_read(tmp_path, capsys):
    """A number means the first; the command line, a run file and an estimator take lists too."""
    found = []
    for on in (2, [0, 1], [3, 1], np.array([3, 1])):
        torch.manual_seed(0)
        model, objective = recipes.vmi_vae((6,), 4, on, 1.0, reader="mlp(8)", network="mlp(8)")
        for _ in fit(model, objective, Dataset.from_array(X), QUICK):
            pass
        (term,) = objective.critics
        found.append((term.name, weights(model)))
    assert [name for name, _ in found] == [
        *("minus_information_z0_z1", "minus_information_z0_z1"),
        *("minus_information_z3_z1", "minus_information_z3_z1"),
    ]
    assert same(found[0][1], found[1][1]) and same(found[2][1], found[3][1])
    assert not same(found[0][1], found[2][1])
    path, folder = tmp_path / "x.npy", tmp_path / "run"
    np.save(path, X.numpy())
    small_ = ["--latent", "4", "--network", "mlp(8)", "--reader", "mlp(8)", "--epochs", "1"]
    words = ["train", "vmi_vae", "--data", str(path), *small_, "--batch", "9"]
    cli.main([*words, "--on", "[3, 1]", "--out", str(folder)])
    assert Run(folder).config.arguments["on"] == [3, 1]
    cli.main(["train", str(folder / "run.yaml"), "--out", str(tmp_path / "again")])
    for place in (folder, tmp_path / "again"):
        assert "minus_information_z3_z1" in Run(place).history[-1]
    with pytest.raises(SystemExit):
        cli.main([*words, "--on", "three", "--out", str(tmp_path / "none")])
    assert "--on must be a whole number or a list, got three" in capsys.readouterr().err
    own = VmiVAE(latent=4, on=[3, 1], network="mlp(8)", reader="mlp(8)", epochs=1, batch=20)
    assert "minus_information_z3_z1" in own.fit(X.numpy()).history_[-1]


def test_more_weight_more_information():
    """λ raises the bound that a reader reaches on two coordinates of a VAE."""
    torch.manual_seed(0)
    data, found = Dataset.from_array((X > 0.5).float().numpy()), []
    for strength in (0.0, 3.0):
        torch.manual_seed(0)
        system = recipes.vmi_vae(
            (6,), 4, 2, strength, 1.0, reader="mlp(16)", network="mlp(16)", critic_lr=5e-3
        )
        for now in fit(*system, data, Training(epochs=400, batch=60, lr=5e-3)):
            if now.step == 350:
                now.means()
        found.append(-now.means()["minus_information_z0_z1"])
    assert found[1] > found[0] + 0.3
