"""A bound on the rate, and the multiplier that holds it."""

import copy
import math
from typing import Any

import pytest
import torch
from parts import same, vae, weights

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.objectives import KL, Distortion, RateConstraint
from vaekit.objectives.kl import MULTIPLIERS
from vaekit.training import Training, checkpoint, fit

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(5))
DATA = Dataset.from_array((X > 0.5).float().numpy())


def trained(rate: float, steps: int = 400, **settings: Any):
    """Train on a toy; return the fit, and the means of the last fifty steps."""
    torch.manual_seed(0)
    system = recipes.constrained_vae((6,), 2, rate, 0.03, network="mlp(32)")
    training = Training(epochs=steps, batch=60, lr=1e-2, device="cpu", **settings)
    going = fit(*system, DATA, training)
    for now in going:
        if now.step == steps - 50:
            now.means()
    return going, going.means()


# ---- the formulas


def test_the_value_is_the_multiplier_times_what_is_above_the_bound():
    torch.manual_seed(0)
    run = vae()(X)
    term, rate = RateConstraint(0.1), KL()(run)
    torch.testing.assert_close(term(run), rate - 0.1)  # the multiplier begins at 1
    term.log_multiplier.fill_(math.log(3))
    torch.testing.assert_close(term(run), 3 * (rate - 0.1))
    (gradient,) = torch.autograd.grad(term(run), run.q.mean, retain_graph=True)
    torch.testing.assert_close(gradient, torch.autograd.grad(3 * rate, run.q.mean)[0])
    assert term.readings == ("rate", "multiplier")
    read = term.read(run)
    assert [float(x) for x in read] == pytest.approx([float(rate.detach()), 3.0])
    assert not any(x.requires_grad for x in read)


def test_the_multiplier_moves_by_hand():
    torch.manual_seed(0)
    run = vae()(X)
    rate = float(KL()(run).detach())
    for bound, most in ((rate / 1.5, 0.5), (rate / 10, 1), (2 * rate, -0.5)):
        term = RateConstraint(bound, speed=0.1, average=0.0)
        term.adapt(run)
        assert float(term.log_multiplier) == pytest.approx(0.1 * most, rel=1e-4)
    term = RateConstraint(2 * rate, speed=0.1, average=0.75)
    recent, wanted = 2 * rate, 0.0
    for _ in range(3):
        term.adapt(run)
        recent = 0.75 * recent + 0.25 * rate
        wanted += 0.1 * (recent / (2 * rate) - 1)
    assert float(term.log_multiplier) == pytest.approx(wanted, rel=1e-4)
    term.log_multiplier.fill_(-50.0)
    term.adapt(run)
    assert float(term.log_multiplier.exp()) == pytest.approx(MULTIPLIERS[0])


def test_only_training_moves_the_multiplier():
    system = recipes.constrained_vae((6,), 2, 0.5, network="mlp(8)")
    (_, term) = system.objective.parts[1]
    assert isinstance(term, RateConstraint)
    system.objective.values(system.model(X))
    assert float(term.log_multiplier) == 0
    training = Training(3, 20, 0.01, device="cpu", validate_every=1)
    going = fit(*system, DATA, training, validation=DATA)
    before = float(term.log_multiplier)
    assert before == 0  # after the first look
    next(iter(going))
    moved = copy.deepcopy(term.state_dict())
    assert moved["log_multiplier"] != 0 and going.judged
    assert going.validation is not None
    going.validation.judge(going.progress)
    assert same(moved, term.state_dict())
    recipes.compose((6,), 2, "distortion + rate_constraint(1)", network="mlp(8)")  # tries it out


# ---- what it is for


def test_the_rate_ends_at_its_bound():
    going, means = trained(1.0)
    assert means["rate"] == pytest.approx(1.0, rel=0.03)
    assert 0.1 < means["multiplier"] < 10
    model = going.parts.model.eval()
    assert float(KL()(model(DATA.batch(torch.arange(60)))).detach()) == pytest.approx(1.0, rel=0.1)
    assert list(means) == ["distortion", "rate_constraint", "rate", "multiplier"]


def test_a_slack_bound_leaves_the_distortion_alone():
    """Of two latents on 60 examples ln 60 = 4.1 nats tell all, and 60 are never wanted."""
    _, means = trained(60.0)
    assert means["rate"] < 60
    assert means["multiplier"] == pytest.approx(MULTIPLIERS[0], rel=1e-3)


def test_the_found_weight_is_that_of_a_beta_vae():
    """Where the rate is δ, the gradient is that of the distortion + β · KL at the multiplier."""
    going, _ = trained(1.0, 100)
    model, objective = going.parts.model, going.objective
    term = objective.parts[1][1]
    assert isinstance(term, RateConstraint)
    run = model(X)
    own = torch.autograd.grad(objective.values(run)[1], run.q.mean, retain_graph=True)[0]
    beta = float(term.log_multiplier.exp())
    torch.testing.assert_close(own, torch.autograd.grad(beta * KL()(run), run.q.mean)[0])


def test_a_resumed_training_ends_in_the_same_bits(tmp_path):
    whole, _ = trained(1.0, 80, ema=0.9)
    torch.manual_seed(0)
    training = Training(epochs=80, batch=60, lr=1e-2, device="cpu", ema=0.9)
    made = [recipes.constrained_vae((6,), 2, 1.0, 0.03, network="mlp(32)") for _ in range(2)]
    torch.manual_seed(0)
    made[0] = recipes.constrained_vae((6,), 2, 1.0, 0.03, network="mlp(32)")
    half, again = (fit(*system, DATA, training) for system in made)
    for now in half:
        if now.step == 30:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    checkpoint.load_checkpoint(again, tmp_path / "c")
    assert "log_multiplier" in str(list(weights(again.parts)))
    for _ in again:
        pass
    assert same(weights(whole.parts), weights(again.parts))


def test_a_block_may_be_bound():
    model, objective = recipes.compose(
        (6,),
        objective="distortion + rate_constraint(0.5, on=style) + kl(on=class)",
        posterior="product(style=[gaussian, 2], class=[relaxed_one_hot, 3])",
        network="mlp(8)",
    )
    assert objective.names == (
        *("distortion", "rate_constraint_style", "kl_class"),
        *("rate_style", "multiplier_style"),
        *("share_class_0", "share_class_1", "share_class_2"),
    )
    assert all(value.isfinite() for value in objective.values(model(X)))


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"rate": 0.0}, "finite number > 0"),
        ({"rate": -1.0}, "finite number > 0"),
        ({"rate": math.inf}, "finite number > 0"),
        ({"rate": "x"}, "rate must be a number"),
        ({"rate": 1.0, "speed": 0.0}, r"speed.*in \(0, 1\)"),
        ({"rate": 1.0, "speed": 1.0}, r"speed.*in \(0, 1\)"),
        ({"rate": 1.0, "average": 1.0}, r"average.*in \[0, 1\)"),
    ],
)
def test_bounds_that_cannot_be(arguments, cause):
    with pytest.raises(VaekitError, match=cause):
        RateConstraint(**arguments)
    with pytest.raises(VaekitError, match=cause):
        recipes.constrained_vae((6,), 2, network="mlp(8)", **arguments)


def test_it_needs_a_rate():
    with pytest.raises(VaekitError, match="KL needs a prior"):
        RateConstraint(1.0)(recipes.ae((6,), 2, network="mlp(8)").model(X))
    with pytest.raises(VaekitError, match="count twice: leave out rate_constraint"):
        recipes.compose((6,), 2, "importance_weighted + rate_constraint(2)", network="mlp(8)")


def test_distortion_and_bound_may_be_joined_by_hand():
    going = fit(vae(), Distortion() + RateConstraint(1.0), DATA, Training(2, 20, device="cpu"))
    for _ in going:
        pass
    assert going.means()["multiplier"] > 0
