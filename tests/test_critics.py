"""Critics that step before the model, and those that step together with it."""

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from parts import Told, same, small_arguments, vae, weights
from torch import Tensor, nn

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.estimators import AAE
from vaekit.likelihoods import squared_error
from vaekit.model import Model, Pass
from vaekit.objectives import KL, Distortion
from vaekit.objectives.base import Adversarial
from vaekit.posteriors import Dirac
from vaekit.training import Training, checkpoint, fit
from vaekit.training.step import Step
from vaekit.training.update import Update

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(5))
WITH_CRITICS = ("factor_vae", "aae", "wae_gan", "vmi_vae", "vmi_joint_vae")


def one_weight(weight: float) -> nn.Linear:
    made = nn.Linear(1, 1, bias=False)
    made.weight.data.fill_(weight)
    return made


def value(layer: Any) -> float:
    return float(layer.weight.detach())


def made(name: str, seed: int = 0, **more: Any) -> recipes.System:
    torch.manual_seed(seed)
    arguments = small_arguments(name, latent=3, network="mlp(8)", **more)
    return recipes.find(name).make((6,), **arguments)


def trained(system, data: Any = None, **settings: Any):
    usual = {"epochs": 2, "batch": 20, "lr": 0.01, "device": "cpu"}
    going = fit(*system, data or Dataset.from_array(X), Training(**{**usual, **settings}))
    for _ in going:
        pass
    return going


# ---- what the model meets


@pytest.mark.parametrize(("critics", "met"), [("together", 3.0), ("first", 2.8)])
def test_one_step_by_hand(critics, met):
    """x = 2, z = x/2, D = 3z: the critic's step is .1 (3 − 1) · 1, the model's .01 · D′ · x."""
    model = Model(Dirac(one_weight(0.5), 1), squared_error(one_weight(1.0)))
    term = Told(torch.tensor([[3.0]]))
    data = Dataset(torch.full((4, 1), 2.0), name="twos")
    settings = {"optimiser": "sgd", "lr": 0.01, "batch": 4, "epochs": 1, "critics": critics}
    going = trained((model, 1.0 * term), data, **settings)
    assert value(term.network) == pytest.approx(2.8)
    assert value(model.posterior.network) == pytest.approx(0.5 - 0.01 * met * 2)
    means = going.means()
    assert means["told"] == pytest.approx(met)
    assert means["told_critic"] == pytest.approx(0.5 * (3 - 1) ** 2)  # before the step in both


@pytest.mark.parametrize("critics", ["together", "first"])
@pytest.mark.parametrize("name", WITH_CRITICS)
def test_the_gradient_is_that_against_the_critic_of_the_setting(name, critics):
    """One step of SGD, with the noise of the pass drawn again: the model against old or new."""
    (model, objective), (other, twins) = made(name), made(name)
    settings = {"optimiser": "sgd", "lr": 0.1, "batch": 60, "epochs": 1}
    training = Training(**settings, critics=critics, device="cpu", seed=3)
    going = fit(model, objective, Dataset.from_array(X), training)
    for (_, mine), (_, theirs) in zip(objective.parts, twins.parts, strict=True):
        if isinstance(mine, Adversarial) and isinstance(theirs, Adversarial):
            mine.adam["lr"] = theirs.adam["lr"] = 0.1
    for group in going.optimiser.param_groups:
        group["lr"] = 0.1
    state = going.random_state()
    order = next(going.batches.epoch(0, 0))[0]
    next(iter(going))
    going.set_random_state(state)
    run = other(order, samples=twins.samples)
    if critics == "first":
        losses = twins.losses(run)
        theirs = [p for critic in twins.critics for p in critic.parameters()]
        found = torch.autograd.grad(torch.stack(losses).sum(), theirs)
        with torch.no_grad():
            for weight, gradient in zip(theirs, found, strict=True):
                weight -= 0.1 * gradient
    values = torch.stack([term(run) for _, term in twins.parts])
    total = values @ torch.tensor(twins.weights(going.progress))
    gradients = torch.autograd.grad(total, list(other.parameters()))
    for mine, theirs, gradient in zip(
        model.parameters(), other.parameters(), gradients, strict=True
    ):
        torch.testing.assert_close(mine, theirs - 0.1 * gradient, rtol=1e-4, atol=1e-6)


def test_the_codes_are_drawn_once_and_statistics_count_once():
    network, seen = "conv(4, batch_norm=true)", []
    system = recipes.factor_vae((1, 8, 8), 3, network=network, discriminator="mlp(8)")
    system.model.posterior.register_forward_hook(lambda *_: seen.append(1))
    going = trained(system, Dataset(torch.rand(60, 1, 8, 8), name="noise"), critics="first")
    assert len(seen) == going.step == 6
    counts = [b for n, b in going.parts.named_buffers() if n.endswith("num_batches_tracked")]
    assert counts and {int(count) for count in counts} == {6}


def test_the_noise_of_a_likelihood_is_set_once_before_the_critics():
    made_once = []

    class Watched(Told):
        def loss(self, run: Pass) -> Tensor:
            made_once.append(float(run.p.log_std))  # pyright: ignore[reportAttributeAccessIssue]
            return super().loss(run)

        def forward(self, run: Pass) -> Tensor:
            made_once.append(float(run.p.log_std))  # pyright: ignore[reportAttributeAccessIssue]
            return super().forward(run)

    model = vae(text="gaussian(learned=batch)")
    objective = Distortion() + KL() + 1.0 * Watched(torch.ones(1, 2))
    trained((model, objective), epochs=1, batch=60, critics="first")
    assert len(made_once) == 2 and made_once[0] == made_once[1] != pytest.approx(0)


# ---- beside the other settings


@pytest.mark.parametrize("name", WITH_CRITICS)
def test_critics_first_train_with_all_else(name):
    """Also a reader that looks through the encoder's layers."""
    shared = {"reader": "shared"} if name == "vmi_joint_vae" else {}
    system = made(name, **shared)
    before = weights(system.model)
    critics = weights(nn.ModuleList(system.objective.critics))
    settings = {"clip": 0.5, "ema": 0.9, "keep": "best", "critics": "first"}
    training = Training(3, 20, 0.01, device="cpu", **settings)
    data = Dataset.from_array(X)
    for now in fit(*system, data, training, validation=data):
        assert all(torch.isfinite(torch.tensor(list(now.means().values()))))
        assert now.clipped is not None
    assert not same(before, weights(system.model))
    assert not same(critics, weights(nn.ModuleList(system.objective.critics)))


def test_our_adam_steps_critics_apart_as_pytorchs_does():
    found = []
    for optimiser in ("adam", partial(torch.optim.Adam, fused=True)):
        system = made("factor_vae")
        trained(system, optimiser=optimiser, critics="first")
        found.append(weights(Step(*system)))
    assert same(*found)


def test_a_critic_that_is_clipped_is_clipped_apart():
    """A critic's gradient of 60 and a model's of 3 are each shortened to 1."""
    model = Model(Dirac(one_weight(0.5), 1), squared_error(one_weight(1.0)))
    term = Told(torch.tensor([[61.0]]), lr=1.0)
    data = Dataset(torch.full((4, 1), 2.0), name="twos")
    settings = {"optimiser": "sgd", "lr": 1.0, "clip": 1.0, "batch": 4, "epochs": 1}
    trained((model, 1.0 * term), data, **settings, critics="first")
    assert value(term.network) == pytest.approx(60)
    assert value(model.posterior.network) == pytest.approx(-0.5)


@pytest.mark.parametrize("name", ["factor_vae", "vmi_vae"])
def test_a_resumed_training_ends_in_the_same_bits(name, tmp_path):
    training = Training(3, 20, 0.01, device="cpu", critics="first", clip=1.0, ema=0.9)
    data = Dataset.from_array(X)
    whole = fit(*made(name), data, training)
    for _ in whole:
        pass
    half, again = fit(*made(name), data, training), fit(*made(name), data, training)
    for now in half:
        if now.step == 5:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    checkpoint.load_checkpoint(again, tmp_path / "c")
    for _ in again:
        pass
    assert same(weights(whole.parts), weights(again.parts))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_step_is_the_same():
    """It breaks where the critics step, and the terms go on against those."""
    found = []
    for compiled in (False, True):
        torch._dynamo.reset()
        training = Training(1, 20, 0.01, device="cpu", critics="first")
        going = fit(*made("vmi_vae"), Dataset.from_array(X), training)
        if compiled:
            going._step = torch.compile(going.parts, backend="aot_eager")
        for _ in going:
            pass
        found.append(weights(going.parts))
    for key, value in found[0].items():
        torch.testing.assert_close(found[1][key], value, rtol=1e-4, atol=1e-6, msg=key)


def test_in_bf16_the_terms_see_the_critics_after_their_step():
    model, objective = made("factor_vae")
    going = fit(model, objective, Dataset.from_array(X), Training(1, 60, critics="first"))
    for group in going.optimiser.param_groups:
        group["lr"] = 0.1
    seen: list[Tensor] = []
    (critic,) = objective.critics
    step = Step(model, objective)

    def first(objective, run):
        losses = Update.critics(going._update, objective, run)
        seen.append(run.z)
        return losses

    step.critics = first
    with torch.autocast("cpu", torch.bfloat16):
        values = step(X)
    with torch.autocast("cpu", torch.bfloat16):
        after = critic.network(seen[0].flatten(0, -2)).float().mean()
    torch.testing.assert_close(values[list(objective.names).index(critic.name)], after)


def test_frozen_critics_and_a_frozen_model_leave_the_rest_to_train():
    for held in ("network", "model"):
        system = made("aae")
        critics = nn.ModuleList(system.objective.critics)
        part = critics if held == "network" else system.model
        other = system.model if held == "network" else critics
        part.requires_grad_(False)
        before, free = weights(part), weights(other)
        trained(system, critics="first")
        assert same(before, weights(part)) and not same(free, weights(other))


# ---- several processes


SEVERAL = """
import sys, torch
sys.path.insert(0, {tests!r})
from parts import Told
from vaekit.data import Dataset
from vaekit.objectives import Distortion
from vaekit.training import Training, fit
from vaekit.recipes import ae
torch.manual_seed(0)
model, objective = ae((6,), latent=2, network="mlp(8)")
objective = objective + 3.0 * Told(torch.tensor([[2.0, -1.0]]), lr=0.05)
x = torch.rand(40, 6, generator=torch.Generator().manual_seed(1))
training = Training(epochs=4, batch=20, lr=0.01, device="cpu", processes={count},
    critics="first", clip=5.0)
going = fit(model, objective, Dataset.from_array(x), training)
for now in going:
    pass
if going.fabric.global_rank == 0:
    torch.save(going.parts.state_dict(), sys.argv[1])
"""


def test_two_processes_agree_with_one(tmp_path):
    """The critics' gradients are joined too; nothing is drawn, so both runs are the same."""
    script, out = tmp_path / "script.py", tmp_path / "out"
    tests = str(Path(__file__).parent)
    script.write_text(SEVERAL.format(count=2, tests=tests))
    said = subprocess.run(
        [sys.executable, str(script), str(out)],
        **{"capture_output": True, "text": True, "timeout": 300},
    )
    assert said.returncode == 0, said.stderr[-2000:]
    alone: dict[str, Any] = {}
    exec(SEVERAL.format(count=1, tests=tests).partition("if going.fabric")[0], alone)
    several = torch.load(out)
    for name, value in alone["going"].parts.state_dict().items():
        torch.testing.assert_close(several[name], value, rtol=1e-4, atol=1e-5, msg=name)


# ---- what is refused, and what stays


def test_without_critics_it_is_refused():
    with pytest.raises(VaekitError, match="this objective has none: leave it out"):
        fit(vae(), Distortion() + KL(), Dataset.from_array(X), Training(batch=20, critics="first"))
    with pytest.raises(VaekitError, match="critics must be"):
        Training(critics="last")  # pyright: ignore[reportArgumentType]


def test_an_estimator_takes_it():
    small: dict[str, Any] = {"latent": 2, "network": "mlp(8)", "discriminator": "mlp(8)"}
    found = []
    for critics in ("together", "first"):
        own = AAE(**small, epochs=3, batch=20, random_state=0, critics=critics).fit(X.numpy())
        found.append(weights(own.model_))
    assert not same(*found)
