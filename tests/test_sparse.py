"""The k-sparse posterior and the sparsity penalty, by their definitions."""

import pytest
import torch
from parts import noise_model, same, small, weights
from safetensors.torch import load_file
from torch import nn

from vaekit import cli, recipes
from vaekit.apply import encode
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import Distortion, Sparsity
from vaekit.posteriors import Dirac, TopK
from vaekit.runs import Run, Watcher, train
from vaekit.runs.run_file import read_config
from vaekit.schedules import Linear
from vaekit.training import Training, fit

X = torch.rand(40, 12, generator=torch.Generator().manual_seed(2))
DATA = Dataset.from_array(X)


def k_sparse(k=3, latent=8, alpha=1.0):
    torch.manual_seed(0)
    made = recipes.k_sparse_ae((12,), latent, k, alpha)
    made.model(X)  # its encoder takes off the mean of what it has seen
    return made


# ---- the k largest


@pytest.mark.parametrize("k", [1, 3, 7, 8])
def test_the_k_largest_pass_as_they_are(k):
    made = k_sparse(k).model
    code, found = made.posterior.network(X), made(X).z[0]
    assert torch.equal((found != 0).sum(1), torch.full((40,), k))
    for linear, sparse in zip(code, found, strict=True):
        by_hand = torch.zeros(8)
        for j in sorted(range(8), key=lambda j: -linear[j])[:k]:  # by value, not by magnitude
            by_hand[j] = linear[j]
        torch.testing.assert_close(sparse, by_hand)


def test_ties_pass_exactly_k():
    posterior = TopK(nn.Identity(), 6, k=2)
    found = posterior(torch.full((3, 6), 0.7)).mean
    assert torch.equal((found != 0).sum(1), torch.full((3,), 2))


def test_gradients_flow_through_the_k_largest_alone():
    made = k_sparse(2, latent=50).model
    x = X[:1]
    made.zero_grad()
    run = made(x)
    Distortion()(run).backward()
    (layer,) = [m for m in made.posterior.modules() if isinstance(m, nn.Linear)]
    chosen = run.z[0, 0] != 0
    assert int(chosen.sum()) == 2
    assert layer.weight.grad[chosen].abs().sum(1).gt(0).all()
    assert not layer.weight.grad[~chosen].any()
    assert not layer.bias.grad[~chosen].any()
    # And there they are those of the linear code (in evaluation its centre rests).
    made.eval()
    code = made.posterior.network(x)
    (through,) = torch.autograd.grad(code[0, chosen].square().sum(), layer.weight)
    made.zero_grad()
    made(x).z.square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, through)


@pytest.mark.parametrize(("alpha", "kept"), [(1.0, 3), (1.5, 4), (2.0, 6), (3.0, 8), (99.0, 8)])
def test_alpha_k_pass_in_evaluation(alpha, kept):
    """round(1.5 · 3) is 4: Python rounds a half to the even side; beyond the width all pass."""
    made = k_sparse(3, alpha=alpha).model
    assert torch.equal((made(X).z[0] != 0).sum(1), torch.full((40,), 3))
    assert torch.equal((encode(made, X) != 0).sum(1), torch.full((40,), kept))


@pytest.mark.parametrize(
    ("k", "cause"),
    [
        (9, "whole number from 1 to latent=8, got k=9"),
        (0, "got k=0"),
        (2.5, r"k must be a whole number.* got 2\.5"),
        ("linear(8, 2.5)", r"got k=2\.5"),
        ("linear(9, 2)", "got k=9"),
        ("linear(3, 0)", "got k=0"),
        ("many", "many"),
        (-1, "≥ 0"),
        (float("nan"), "k must be a whole number.* got nan"),
    ],
)
def test_k_that_does_not_serve(k, cause):
    with pytest.raises(VaekitError, match=cause):
        k_sparse(k)


@pytest.mark.parametrize("alpha", [0.5, 0.0, -1.0, float("nan"), float("inf")])
def test_alpha_that_does_not_serve(alpha):
    with pytest.raises(VaekitError, match=r"alpha.*must be ≥ 1"):
        k_sparse(3, alpha=alpha)


# ---- its schedule


def test_k_follows_its_schedule():
    made, objective = k_sparse("linear(8, 2, epochs=2)")
    training = Training(epochs=4, batch=10, device="cpu")
    seen = []
    for now in fit(made, objective, DATA, training):
        seen.append((made.posterior.k, now.step - 1))
    assert [k for k, _ in seen] == [
        round(Linear(8, 2, steps=8).start - 6 * min(step / 8, 1)) for _, step in seen
    ]
    assert [k for k, _ in seen][-1] == 2


def test_a_trained_model_has_the_last_k():
    """Also where the schedule lasts all of the training, whose last step is one before its end."""
    made, objective = k_sparse("linear(8, 2)")
    for _ in fit(made, objective, DATA, Training(epochs=1, batch=10, device="cpu")):
        pass
    assert torch.equal((encode(made, X) != 0).sum(1), torch.full((40,), 2))
    again = k_sparse("linear(8, 2)").model  # as a run folder reads it
    again.load_state_dict(made.state_dict())
    assert torch.equal(encode(made, X), encode(again, X))


def test_a_schedule_of_k_that_outlasts_the_training():
    made, objective = k_sparse("linear(8, 2, epochs=5)")
    with pytest.raises(VaekitError, match="ends after 20 steps, but training has only 16"):
        next(iter(fit(made, objective, DATA, Training(epochs=4, batch=10, device="cpu"))))


class Stop(Watcher):
    """Break off a run at a step, as a crash would."""

    def look(self, step, steps, epoch, row):
        if step == 3:
            raise RuntimeError("stopped here")


def test_a_k_sparse_run_resumes_bit_for_bit(tmp_path):
    words = ["train", "k_sparse_ae", "--data", "digits", "--latent", "30", "--batch", "400"]
    words += ["--k", "linear(20, 5, epochs=1)", "--alpha", "2", "--epochs", "2", "--device", "cpu"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cli.main([*words, "--out", str(whole)])
    with pytest.raises(RuntimeError, match="stopped here"):
        train(read_config(whole / "run.yaml"), cut, checkpoint_steps=1, watcher=Stop())
    assert Run(cut).config.notes["state"] == "unfinished"
    cli.main([*words, "--out", str(cut), "--resume"])
    files = [load_file(folder / "model.safetensors") for folder in (whole, cut)]
    assert same(*files)
    codes = encode(Run(cut).model, Run(cut).data.test.batch(torch.arange(50)))
    assert torch.equal((codes != 0).sum(1).cpu(), torch.full((50,), 10))  # α · the last k


# ---- the penalty


class Given(nn.Module):
    """An encoder that gives the activations it was given."""

    def forward(self, x):
        return x


def penalty(h: torch.Tensor, rho: float) -> torch.Tensor:
    """Hold the penalty on activations h (batch, units)."""
    units = h.shape[1]
    model = Model(Dirac(Given(), units), noise_model("squared_error", small(), (units,), units))
    return Sparsity(rho)(model(h))


@pytest.mark.parametrize("rho", [0.05, 0.3, 0.9])
def test_the_penalty_is_its_formula(rho):
    h = torch.rand(20, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    found = penalty(h, rho)
    mean = h.detach().double().mean(0)
    by_hand = rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))
    torch.testing.assert_close(found.double(), by_hand.sum(), rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(found, h)
    slope = (-rho / mean + (1 - rho) / (1 - mean)) / 20
    torch.testing.assert_close(gradient.double(), slope.expand(20, 5), rtol=1e-4, atol=1e-7)


def test_the_penalty_of_one_example_and_of_equal_data():
    h = torch.tensor([[0.2, 0.7]])
    by_hand = sum(
        0.1 * torch.log(torch.tensor(0.1 / m)) + 0.9 * torch.log(torch.tensor(0.9 / (1 - m)))
        for m in (0.2, 0.7)
    )
    torch.testing.assert_close(penalty(h, 0.1), by_hand)
    torch.testing.assert_close(penalty(h.expand(30, 2), 0.1), by_hand)


@pytest.mark.parametrize("rho", [0.01, 0.05, 0.5, 0.95])
def test_the_penalty_is_least_at_rho(rho):
    def at(mean: float) -> float:
        return float(penalty(torch.full((4, 1), mean, dtype=torch.float64), rho))

    assert abs(at(rho)) < 1e-6  # float32
    step = 0.1 * min(rho, 1 - rho)
    around = [at(rho + d) for d in (-0.9 * rho, -step, step, 0.9 * (1 - rho))]
    assert min(around) > 2e-5
    assert around[0] > around[1]
    assert around[-1] > around[-2]


@pytest.mark.parametrize("value", [0.0, 1.0, 1e-30, 1e-9])
def test_saturated_units_stay_finite_and_have_a_way_back(value):
    """A unit that is off for every example is told to be on, one that is on to be off."""
    h = torch.full((6, 3), value).requires_grad_()
    found = penalty(h, 0.05)
    (gradient,) = torch.autograd.grad(found, h)
    assert torch.isfinite(found)
    assert torch.isfinite(gradient).all()
    assert found.item() > 0.04
    assert torch.all(gradient < -1e3 if value < 0.5 else gradient > 1e3)


def test_a_unit_that_is_almost_off_comes_back():
    """At logits of −16 the mean is 1e-7: what is learned must not stop there."""
    logits = torch.full((6, 3), -16.0).requires_grad_()
    (gradient,) = torch.autograd.grad(penalty(logits.sigmoid(), 0.05), logits)
    # −ρ h (1 − h)/(n (ε + h)) with ε = 1e-6 and h = 1.1e-7: a tenth of the slope −ρ/n without ε
    assert torch.all((gradient < -0.05 / 6 * 0.09) & (gradient > -0.05 / 6 * 0.11))


@pytest.mark.parametrize("rho", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_rho_that_does_not_serve(rho):
    with pytest.raises(VaekitError, match=r"rho.*must be in \(0, 1\)"):
        Sparsity(rho)


# ---- layers


def kl(rho: float, mean: torch.Tensor) -> torch.Tensor:
    return (
        rho * torch.log(rho / mean) + (1 - rho) * torch.log((1 - rho) / (1 - mean))
    ).sum()  # of a vector of means


def test_all_layers_are_hidden_sigmoids_and_the_code():
    torch.manual_seed(0)
    made, objective = recipes.sparse_ae(
        (12,), 4, layers="all", network="mlp(9, activation=sigmoid)"
    )
    term = objective.parts[1][1]
    found = objective.values(made(X))[1]
    hidden = made.posterior.network[0][:3](X)
    assert hidden.shape == (40, 9)
    code = made.posterior(X).mean
    torch.testing.assert_close(found, kl(0.05, hidden.mean(0)) + kl(0.05, code.mean(0)))
    only = recipes.sparse_ae((12,), 4, network="mlp(9, activation=sigmoid)")
    only.model.load_state_dict(made.state_dict())
    torch.testing.assert_close(only.objective.values(only.model(X))[1], kl(0.05, code.mean(0)))
    gradients = torch.autograd.grad(term(made(X)), made.posterior.network[0][1].weight)
    assert gradients[0].abs().sum() > 0


def test_the_maps_of_a_convolution_are_units_by_place():
    """ρ̂_j is a mean over examples, not over places of an image."""
    layer = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sigmoid(), nn.Flatten(), nn.Linear(32, 2))
    model = Model(Dirac(layer, 2), noise_model("squared_error", small(), (1, 6, 6), 2))
    x = torch.rand(7, 1, 6, 6)
    found = Sparsity(0.2, [layer[1]])(model(x))
    maps = layer[:2](x)
    assert maps.shape == (7, 2, 4, 4)
    torch.testing.assert_close(found, kl(0.2, maps.mean(0)))


def test_layers_are_read_anew_in_every_pass():
    torch.manual_seed(0)
    made, objective = recipes.sparse_ae((12,), 4)
    first = objective.values(made(X))[1]
    second = objective.values(made(X * 3))[1]
    assert not torch.isclose(first, second)
    torch.testing.assert_close(second, kl(0.05, made.posterior(X * 3).mean.mean(0)))


def test_layers_of_another_model():
    model = Model(Dirac(nn.Linear(12, 2), 2), noise_model("squared_error", small(), (12,), 2))
    with pytest.raises(VaekitError, match="saw no data: give layers of the model"):
        Sparsity(0.05, [nn.Sigmoid()])(model(X))


def test_a_choice_of_layers_that_is_not_there():
    with pytest.raises(VaekitError, match="cod"):
        recipes.sparse_ae((12,), 4, layers="cods")


# ---- what it is for


@pytest.mark.parametrize("layers", ["code", "all"])
def test_units_are_active_rho_of_the_time(layers):
    torch.manual_seed(0)
    x = (torch.rand(200, 12) < 0.3).float()
    made, objective = recipes.sparse_ae(
        (12,), 10, rho=0.05, layers=layers, network="mlp(20, activation=sigmoid)"
    )
    before = encode(made, x).mean(0)
    assert torch.all((before - 0.05).abs() > 0.2)
    for _ in fit(made, objective, Dataset.from_array(x), Training(400, 100, 0.01, device="cpu")):
        pass
    assert torch.all((encode(made, x).mean(0) - 0.05).abs() < 0.02)
    hidden = made.posterior.network[0][:3](x).mean(0)
    assert bool(((hidden - 0.05).abs() < 0.02).all()) == (layers == "all")


def test_watching_a_model_changes_nothing():
    """Two models of the same weights, one watched, give the same codes and gradients."""
    a, b = recipes.sparse_ae((12,), 4).model, recipes.ae((12,), 4, "mlp()").model
    b.posterior.network = nn.Sequential(b.posterior.network, nn.Sigmoid())
    b.load_state_dict(weights(a))
    assert torch.equal(a(X).z, b(X).z)
