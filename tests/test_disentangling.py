"""The parts of the rate, the adversary, the moments and the target, each by its definition."""

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from parts import assemble, same, small, vae, weights
from torch import nn

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian
from vaekit.errors import VaekitError
from vaekit.information import aggregate
from vaekit.model import Pass
from vaekit.objectives import (
    KL,
    Adversarial,
    AdversarialPrior,
    AdversarialTC,
    Correlated,
    DimensionwiseKL,
    Distortion,
    IndexCodeMI,
    RateTarget,
    Spread,
    TotalCorrelation,
)
from vaekit.objectives.adversarial import permuted
from vaekit.objectives.aggregate.moments import covariance
from vaekit.objectives.aggregate.total_correlation import log_weights
from vaekit.schedules import Linear, Progress
from vaekit.training import Fit, Training, checkpoint, fit

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(5))
QUICK = Training(epochs=3, batch=10, lr=0.01, device="cpu")


def codes(mean, log_std, samples: int = 1) -> Pass:
    """Make a pass of which only the codes are of interest."""
    model = vae(latent=mean.shape[-1])
    q = DiagonalGaussian(mean, log_std)
    z = q.rsample((samples,))
    return Pass(model, mean, q, z, q, model.prior())


def correlated(rho: float, n: int, narrow: float = 0.2) -> Pass:
    """Encode n examples so that q(z) is close to N(0, [[1, ρ], [ρ, 1]])."""
    torch.manual_seed(0)
    left = torch.tensor([[1.0, rho], [rho, 1.0]]) - narrow**2 * torch.eye(2)
    means = torch.randn(n, 2) @ torch.linalg.cholesky(left).mT
    return codes(means, torch.full((n, 2), math.log(narrow)))


def known(rho: float) -> float:
    """Return the total correlation of two normals: −½ ln(1 − ρ²)."""
    return -0.5 * math.log(1 - rho**2)


# ---- the split


@pytest.mark.parametrize("sampling", ["stratified", "weighted"])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_parts_sum_to_the_monte_carlo_rate(sampling, samples):
    run = codes(torch.randn(8, 5), 0.3 * torch.randn(8, 5), samples)
    parts = [t(sampling, 1000)(run) for t in (IndexCodeMI, TotalCorrelation, DimensionwiseKL)]
    torch.testing.assert_close(sum(parts), KL(analytic=False)(run))


def densities_of_all(n: int = 5) -> torch.Tensor:
    """Return a positive matrix of made-up densities q(z_i|x_j)."""
    return torch.rand(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("batch", [2, 3, 4, 5])
def test_stratified_weights_are_exact_in_expectation(batch):
    """Over all batches of distinct examples that begin with n, Σ_j w_j q(z|x_j) averages q(z)."""
    size, each = 5, densities_of_all()
    w = log_weights(batch, size, "stratified").double().exp()
    for n in range(size):
        others = [j for j in range(size) if j != n]
        found = [w[0] @ each[n, [n, *rest]] for rest in itertools.permutations(others, batch - 1)]
        torch.testing.assert_close(torch.stack(found).mean(), each[n].mean(), rtol=1e-6, atol=0)


def test_one_over_n_in_a_column_is_not_exact():
    """What public code does: 1/N for the first of the batch, the same for all rows."""
    size, batch, each = 5, 3, densities_of_all()
    wrong = log_weights(batch, size, "stratified").double().exp()
    wrong = wrong[0].expand(batch, batch)
    for row in (0, 1):
        errors = []
        for n in range(size):
            others = [j for j in range(size) if j != n]
            found = []
            for rest in itertools.permutations(others, batch - 1):
                members = [*rest[:row], n, *rest[row:]]
                found.append(wrong[row] @ each[n, members])
            errors.append(float(torch.stack(found).mean() / each[n].mean() - 1))
        assert (max(map(abs, errors)) < 1e-6) == (row == 0)


def test_weights_are_added_once():
    """Equal posteriors: q(z) is each of them, and every part of the split is known."""
    run = codes(torch.zeros(6, 3), torch.zeros(6, 3))
    for size in (6, 100, 10**6):
        assert float(IndexCodeMI(size=size)(run)) == pytest.approx(0, abs=1e-5)
        assert float(TotalCorrelation(size=size)(run)) == pytest.approx(0, abs=1e-5)
        weighted = float(TotalCorrelation("weighted", size)(run))
        assert weighted == pytest.approx(2 * math.log(size), rel=1e-4)  # (H − 1) ln N
    # So narrow that each meets itself alone: (H − 1) ln M above the stratified estimate.
    apart = codes(100.0 * torch.arange(6.0)[:, None].repeat(1, 3), torch.zeros(6, 3))
    for size in (6, 100, 10**6):
        more = TotalCorrelation("weighted", size)(apart) - TotalCorrelation(size=size)(apart)
        assert float(more) == pytest.approx(2 * math.log(6), rel=1e-4)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_total_correlation_of_normals(rho):
    run = correlated(rho, 3000)
    found = float(TotalCorrelation(size=3000)(run))  # the batch is the data: nothing is estimated
    assert found == pytest.approx(known(rho), abs=0.04)
    assert known(0.9) == pytest.approx(0.8304, abs=1e-4)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_total_correlation_of_normals_from_batches(rho):
    run = correlated(rho, 20_000)
    found = []
    for start in range(0, 20_000, 500):
        part = slice(start, start + 500)
        q = DiagonalGaussian(run.q.mean[part], run.q.log_std[part])
        piece = Pass(run.model, run.x[part], q, run.z[:, part], q, run.prior)
        found.append(float(TotalCorrelation(size=20_000)(piece)))
        constant = math.log(20_000 * 500)
        weighted = float(TotalCorrelation("weighted", 20_000)(piece))
        assert weighted > known(rho) + 0.5 * constant  # never to be reported
    assert np.mean(found) == pytest.approx(known(rho), abs=0.08)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_the_reported_estimate_is_right_and_named(rho):
    """`information.aggregate` reads a model: here one whose encoder is the identity."""
    model = vae(latent=2, entries=2, text="gaussian")
    narrow = 0.2
    first = nn.Linear(2, 4)
    with torch.no_grad():
        first.weight.copy_(torch.cat([torch.eye(2), torch.zeros(2, 2)]))
        first.bias.copy_(torch.tensor([0, 0, 2 * math.log(narrow), 2 * math.log(narrow)]))
    model.posterior.network = first
    data = Dataset.from_array(correlated(rho, 3000, narrow).q.mean.numpy(), name="normals")
    found = aggregate(model, data)
    assert found.total_correlation == pytest.approx(known(rho), abs=0.04)
    named = found.numbers()["total_correlation"]
    assert (named.direction, named.unit) == ("consistent", "nats")
    assert "Σ_h log q(z_h)" in named.estimator


def test_mutual_information_is_at_most_ln_n():
    run = codes(100 * torch.randn(20, 2), torch.full((20, 2), -3.0))
    assert float(IndexCodeMI(size=20)(run)) == pytest.approx(math.log(20), abs=1e-4)
    assert float(IndexCodeMI(size=1000)(run)) <= math.log(1000) + 1e-4


def test_densities_are_shared_by_the_parts(monkeypatch):
    from vaekit.objectives.aggregate import total_correlation as module

    calls = []
    found = module.log_weights
    monkeypatch.setattr(module, "log_weights", lambda *a: calls.append(a) or found(*a))
    model, objective = recipes.beta_tcvae((6,), 3, network="mlp(8)")
    for _ in fit(model, objective, Dataset.from_array(X), Training(epochs=1, batch=60)):
        pass
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda: TotalCorrelation("stratifed"), "Did you mean 'stratified'"),
        (lambda: TotalCorrelation(size=0), "whole number ≥ 1"),
        (lambda: TotalCorrelation(size=2.5), "whole number ≥ 1"),
        (lambda: IndexCodeMI()(codes(torch.zeros(4, 2), torch.zeros(4, 2))), "needs the size"),
        (lambda: IndexCodeMI(size=3)(codes(torch.zeros(4, 2), torch.zeros(4, 2))), "2 to 3"),
        (lambda: IndexCodeMI(size=9)(codes(torch.zeros(1, 2), torch.zeros(1, 2))), "2 to 9"),
    ],
)
def test_splits_that_cannot_be(make, cause):
    with pytest.raises(VaekitError, match=cause):
        make()


def test_a_loader_tells_the_size_where_it_can():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from X

    model, objective = recipes.beta_tcvae((6,), 3, network="mlp(8)")
    loader = torch.utils.data.DataLoader(X, batch_size=10)
    going = fit(model, objective, loader, QUICK)
    next(iter(going))
    assert {term.size for _, term in objective.parts if hasattr(term, "size")} == {60}
    own = TotalCorrelation(size=99)
    fit(model, Distortion() + own, loader, QUICK)
    assert own.size == 99


# ---- critics


def losses(model, term):
    """Return the gradients of the model and of the critic from the term, and from its loss."""
    torch.manual_seed(1)
    run = model(X[:30])
    found = []
    for value in (term(run), term.loss(run)):
        model.zero_grad()
        term.zero_grad()
        value.backward(retain_graph=True)
        own = [p.grad for p in term.parameters()]
        found.append(([p.grad for p in model.parameters()], own))
    return found


def test_neither_the_critic_nor_the_model_reaches_the_other():
    model = vae()
    term = AdversarialTC(small().encoder((2,), 1))
    (to_model, to_critic), (from_critic, own) = losses(model, term)
    assert any(g is not None and g.abs().sum() > 0 for g in to_model)
    assert all(g is None for g in to_critic)
    assert all(g is None for g in from_critic)
    assert all(g is not None and g.abs().sum() > 0 for g in own)


def test_the_encoders_gradient_is_that_without_the_critics_step():
    """One backward pass for both gives what two passes with two optimisers give."""
    torch.manual_seed(0)
    model, objective = recipes.factor_vae((6,), 2, discriminator="mlp(8)", network="mlp(8)")
    twin_model, twin = copy.deepcopy((model, objective))
    going = Fit(model, objective, Dataset.from_array(X), Training(epochs=1, batch=60, device="cpu"))
    (critic,), (other,) = objective.critics, twin.critics
    noise = going.random_state()
    x, _ = next(iter(going.batches.epoch(0, 0)))
    run = twin_model(x)
    stepping = torch.optim.Adam(other.parameters(), 1e-4, betas=(0.5, 0.9))
    values = [term(run) for _, term in twin.parts]
    loss = other.loss(run)
    (values[0] + values[1] + 10 * values[2]).backward()
    assert all(p.grad is None for p in other.parameters())
    loss.backward()
    stepping.step()
    going.set_random_state(noise)
    next(iter(going))
    for mine, theirs in zip(model.parameters(), twin_model.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(critic.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_critic_has_its_own_learning_rate():
    model, objective = recipes.factor_vae(
        (6,), 2, discriminator="mlp(8)", critic_lr=0.05, network="mlp(8)"
    )
    before = weights(objective.critics[0])
    going = fit(model, objective, Dataset.from_array(X), Training(epochs=1, batch=60, lr=1e-5))
    next(iter(going))
    moved = [(weights(objective.critics[0])[k] - v).abs().max() for k, v in before.items()]
    assert max(moved) == pytest.approx(0.05, rel=1e-3)  # Adam's first step is lr
    assert going.means().keys() >= {"total_correlation_adversarial_critic"}


def test_each_coordinate_is_shuffled_over_the_batch_by_itself():
    z = torch.arange(300.0).view(100, 3)
    mixed = permuted(z)
    assert torch.equal(mixed.sort(0).values, z)
    order = mixed // 3
    assert not torch.equal(order[:, 0], order[:, 1])
    assert not torch.equal(order[:, 1], order[:, 2])


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_a_trained_discriminator_tells_the_total_correlation(rho):
    torch.manual_seed(0)
    term = AdversarialTC(
        nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    )
    stepping = torch.optim.Adam(term.parameters(), 3e-3)
    for step in range(400):
        if step == 300:
            stepping = torch.optim.Adam(term.parameters(), 3e-4)
        both = torch.randn(2000, 2)
        z = both @ torch.linalg.cholesky(torch.tensor([[1, rho], [rho, 1.0]])).mT
        q = DiagonalGaussian(z, torch.full_like(z, -20.0))
        run = Pass(vae(), z, q, z[None], q, None)
        stepping.zero_grad()
        term.loss(run).backward()
        stepping.step()
    assert float(term(run)) == pytest.approx(known(rho), abs=0.1)


def test_a_discriminator_has_one_output():
    with pytest.raises(VaekitError, match="one output, this one has 2"):
        AdversarialTC(nn.Linear(2, 2))(vae()(X))
    with pytest.raises(VaekitError, match="critic_lr"):
        recipes.factor_vae((6,), 2, critic_lr=0)


def test_a_run_with_a_critic_resumes_to_the_same_bits(tmp_path):
    def begun():
        torch.manual_seed(0)
        model, objective = recipes.factor_vae((6,), 2, discriminator="mlp(8)", network="mlp(8)")
        return fit(model, objective, Dataset.from_array(X), QUICK)

    whole = begun()
    for _ in whole:
        pass
    half = begun()
    for now in half:
        if now.step == 7:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    again = begun()
    checkpoint.load_checkpoint(again, tmp_path / "c")
    for _ in again:
        pass
    assert same(weights(whole.parts), weights(again.parts))
    assert any(name.startswith("parts.") for name in weights(whole.parts))


def test_critics_are_no_part_of_the_objective_that_is_reported():
    _, objective = recipes.factor_vae((6,), 2, discriminator="mlp(8)")
    assert [isinstance(t, Adversarial) for _, t in objective.parts] == [False, False, True]
    assert len(objective.weights(Progress(0, 1, 1))) == 3
    assert len(objective.names) == 4


# ---- moments


@pytest.mark.parametrize(
    ("matrix", "penalty"),
    [
        (torch.ones(10, 10), 90),
        (torch.zeros(10, 10), 10),
        (torch.eye(10), 0),
        (2 * torch.eye(10), 10),
    ],
)
def test_penalties_of_known_covariances(matrix, penalty):
    run = codes(torch.zeros(4, 10), torch.zeros(4, 10))
    run._found[covariance, ("means",)] = matrix
    assert float(Correlated()(run) + Spread()(run)) == penalty


def test_covariances_by_hand():
    run = codes(torch.randn(50, 4) * torch.tensor([1.0, 2, 3, 4]) + 7, 0.2 * torch.randn(50, 4))
    means = np.cov(run.q.mean.numpy().T, ddof=0)
    torch.testing.assert_close(covariance(run, "means"), torch.tensor(means, dtype=torch.float32))
    both = means + np.diag((run.q.log_std.exp() ** 2).mean(0).numpy())
    torch.testing.assert_close(covariance(run, "samples"), torch.tensor(both, dtype=torch.float32))
    for of, found in (("means", means), ("samples", both)):
        off = found - np.diag(np.diag(found))
        assert float(Correlated(of)(run)) == pytest.approx((off**2).sum(), rel=1e-5)
        assert float(Spread(of)(run)) == pytest.approx(((np.diag(found) - 1) ** 2).sum(), rel=1e-5)


@torch.no_grad()
def penalties(model, objective) -> float:
    return sum(float(term(model(X))) for _, term in objective.parts[2:])


def test_moments_pull_the_covariance_to_the_identity():
    data = Dataset.from_array(X)
    for name in ("dip_vae_i", "dip_vae_ii"):
        torch.manual_seed(0)
        model, objective = recipes.find(name).make((6,), 2, network="mlp(32)")
        before = penalties(model, objective)
        for _ in fit(model, objective, data, Training(epochs=300, batch=60, lr=1e-2)):
            pass
        assert penalties(model, objective) < 0.05, name
        assert before > 0.1, name
    with pytest.raises(VaekitError, match="of='means'"):
        Correlated("codes")


# ---- the target


def test_the_bars_go_around_the_mean():
    """Rates of 0 and 50 at C = 25: at the target, not 25 nats off."""
    off = math.sqrt(2 * 50)
    run = codes(torch.tensor([[0.0], [off]]), torch.zeros(2, 1))
    assert float(KL()(run)) == pytest.approx(25)
    assert float(RateTarget(25)(run)) == pytest.approx(0, abs=1e-5)
    assert float(RateTarget(20)(run)) == pytest.approx(5, rel=1e-5)
    assert float(RateTarget(32)(run)) == pytest.approx(7, rel=1e-5)


def test_the_target_moves_with_the_training():
    term = RateTarget(Linear(0, 10))
    assert float(term.target) == 10
    term.set_progress(Progress(25, 100, 10))
    assert float(term.target) == pytest.approx(2.5)
    with pytest.raises(VaekitError, match="ends after"):
        fit(
            vae(), Distortion() + RateTarget("linear(0, 1, epochs=9)"), Dataset.from_array(X), QUICK
        )
    with pytest.raises(VaekitError, match="finite"):
        RateTarget(-1)


def test_the_rate_is_read_beside_its_distance_and_trains_nothing():
    torch.manual_seed(0)
    model = vae()
    run = model(X)
    values = dict(zip(RateTarget(3).readings, RateTarget(3).read(run), strict=True))
    assert values["target"] == 3 and not values["rate"].requires_grad
    torch.testing.assert_close(values["rate"], KL()(run).detach())
    objective = 2.0 * RateTarget(3) + Distortion()
    names = ("rate_off_target", "distortion", "rate", "target")
    assert objective.names == names and len(objective.values(run)) == 4
    assert len(objective.weights(Progress(0, 9, 9))) == 2


@pytest.mark.parametrize("wrong", [{"lr": -1}, {"lr": float("nan")}, {"betas": (2, 3)}])
@pytest.mark.parametrize("term", [AdversarialTC, AdversarialPrior])
def test_a_critic_needs_numbers_that_adam_can_take(term, wrong):
    with pytest.raises(VaekitError, match=f"a critic needs .*{next(iter(wrong))}="):
        term(torch.nn.Linear(2, 1), **wrong)


def test_the_rate_reaches_its_capacity():
    torch.manual_seed(0)
    model, objective = recipes.capacity_vae((6,), 2, 30.0, "linear(0, 1.5, steps=200)", "mlp(32)")
    for now in fit(
        model, objective, Dataset.from_array(X), Training(epochs=400, batch=60, lr=5e-3)
    ):
        if now.step == 350:
            now.means()
    means, weights, total = now.interval()
    assert means["rate_off_target"] < 0.1
    assert means["target"] == pytest.approx(1.5) and means["rate"] == pytest.approx(1.5, abs=0.1)
    assert total == pytest.approx(means["distortion"] + 30 * means["rate_off_target"], rel=1e-5)
    assert set(weights) == {"distortion", "rate_off_target"}  # readings train nothing
    assert float(KL()(model(X)).detach()) == pytest.approx(1.5, abs=0.15)


# ---- the recipes


def test_parts_at_weight_one_are_the_vae():
    """α = β = γ = 1 is the VAE with a Monte-Carlo rate: the same weights from the same noise."""
    data, found = Dataset.from_array(X), []
    for objective in (
        Distortion() + KL(analytic=False),
        Distortion() + IndexCodeMI() + TotalCorrelation() + DimensionwiseKL(),
    ):
        model = assemble("gaussian", "normal", "bernoulli")
        torch.manual_seed(0)
        for p in model.parameters():
            nn.init.normal_(p, std=0.3)
        for _ in fit(model, objective, data, QUICK):
            pass
        found.append(weights(model))
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-3, atol=1e-5)


def test_isa_at_exponent_two_is_the_vae():
    """All exponents 2 and scale 2: the weights of a VAE whose rate is by Monte Carlo."""
    data, found = Dataset.from_array(X), []
    for name, own in (("isa_vae", {"p0": 2, "p": 2, "size": 2, "scale": 2}), ("vae", {})):
        torch.manual_seed(0)
        model, objective = recipes.find(name).make((6,), latent=4, network="mlp(8)", **own)
        if name == "vae":
            objective = Distortion() + KL(analytic=False)
        for _ in fit(model, objective, data, QUICK):
            pass
        found.append(weights(model))
    assert found[0].keys() == found[1].keys()
    for name, value in found[1].items():
        torch.testing.assert_close(found[0][name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("prior", ["isa(size=2)", "logistic", "mixture(3)", "vamp(4)"])
def test_any_prior_under_any_objective(prior):
    data = Dataset.from_array(X)
    for name in ("vae", "beta_tcvae", "dip_vae_ii", "capacity_vae", "mog_vae", "factor_vae"):
        small_critic = {"discriminator": "mlp(4)"} if name == "factor_vae" else {}
        torch.manual_seed(0)
        system = recipes.find(name).make(
            (6,), latent=4, network="mlp(8)", prior=prior, **small_critic
        )
        for now in fit(*system, data, Training(epochs=1, batch=10)):
            assert all(math.isfinite(v) for v in now.means().values())


def test_learned_exponents_have_their_own_rate():
    torch.manual_seed(0)
    model, objective = recipes.isa_vae((6,), 4, size=2, learned="inner", network="mlp(8)")
    (free,) = [p for n, p in model.named_parameters() if n.startswith("prior.")]
    before = free.detach().clone()
    next(iter(fit(model, objective, Dataset.from_array(X), Training(epochs=1, batch=60, lr=0.1))))
    assert float((free - before).detach().abs().max()) == pytest.approx(5e-4, rel=1e-2)


@pytest.mark.parametrize(
    ("name", "arguments", "cause"),
    [
        ("isa_vae", {"p": 0}, "exponent must be"),
        ("isa_vae", {"p0": -1}, "exponent must be"),
        ("isa_vae", {"size": 3}, "do not fill 4 latents"),
        ("isa_vae", {"size": 0}, "do not fill 4 latents"),
        ("ica_vae", {"p": "x"}, "p must be a number, as in p=1.5"),
        ("beta_tcvae", {"prior": "norml"}, "Did you mean 'normal'"),
        ("beta_tcvae", {"sampling": "none"}, "sampling"),
        ("capacity_vae", {"capacity": "linear(0)"}, "end"),
    ],
)
def test_recipes_that_cannot_be(name, arguments, cause):
    with pytest.raises(VaekitError, match=cause):
        recipes.find(name).make((6,), **({"latent": 4, "network": "mlp(8)"} | arguments))
