"""Validation, early stopping, the best weights, their average, and how a step is made."""

import math
import pickle

import pytest
import torch
from parts import same, small_arguments
from torch.utils.data import DataLoader

from vaekit import estimators, recipes
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import evaluate
from vaekit.objectives import KL, Distortion
from vaekit.schedules import Cosine, Linear, OneCycle, Plateau, Progress, weight
from vaekit.training import Fit, NotFinite, Training, checkpoint, fit
from vaekit.training.settings import OPTIMISERS

torch.manual_seed(0)
TRAIN, HELD_OUT = (Dataset.from_array(torch.rand(n, 1, 4, 4)) for n in (40, 23))


def vae(seed: int = 0, **options):
    torch.manual_seed(seed)
    return recipes.vae((1, 4, 4), 2, "mlp(5)", **options)


def settings(**changed) -> Training:
    return Training(**{"epochs": 4, "batch": 10, "lr": 0.01, "device": "cpu", **changed})


def started(validation=HELD_OUT, data=TRAIN, seed=0, **changed) -> Fit:
    model, objective = vae(seed)
    return fit(model, objective, data, settings(**changed), validation)


def done(fitted: Fit) -> Fit:
    for _ in fitted:
        pass
    return fitted


def weights(fitted: Fit) -> dict[str, torch.Tensor]:
    return {k: v.detach().clone() for k, v in fitted.parts.state_dict().items()}


def judged(fitted: Fit) -> list[tuple[int, dict[str, float]]]:
    return [(now.step, now.judged) for now in fitted if now.judged]


# ---- what is judged


def test_validation_changes_no_weight():
    assert same(weights(done(started(None))), weights(done(started())))
    assert same(weights(done(started(None))), weights(done(started(validate_every=3))))


@pytest.mark.parametrize(
    ("every", "steps"), [(None, [4, 8, 12, 16]), (3, [3, 6, 9, 12, 15, 16]), (99, [16])]
)
def test_the_set_is_judged_every_epoch_or_so_many_steps_and_in_the_end(every, steps):
    assert [step for step, _ in judged(started(validate_every=every))] == steps


def test_what_is_judged_is_by_definition():
    """A deterministic code has no noise: the mean over 23 examples in batches of 10 is exact."""
    torch.manual_seed(0)
    model, objective = recipes.ae((1, 4, 4), 2, "mlp(5)")
    _, numbers = judged(fit(model, objective, TRAIN, settings(), HELD_OUT))[-1]
    found = evaluate(model, HELD_OUT)["distortion"]["value"]
    assert math.isclose(numbers["distortion"], found, rel_tol=1e-6)
    assert numbers["objective"] == numbers["distortion"]
    assert "elbo" not in numbers
    assert "rate" not in numbers


def test_terms_and_bound_agree():
    torch.manual_seed(0)
    model, objective = recipes.beta_vae((1, 4, 4), 2, network="mlp(5)", beta=3.0)
    _, numbers = judged(fit(model, objective, TRAIN, settings(), HELD_OUT))[-1]
    assert math.isclose(numbers["objective"], numbers["distortion"] + 3 * numbers["kl"])
    assert math.isclose(numbers["elbo"], -numbers["distortion"] - numbers["rate"])
    rate = evaluate(model, HELD_OUT)["rate"]["value"]
    assert math.isclose(numbers["rate"], rate, rel_tol=1e-5)


def test_equal_weights_are_judged_equally():
    """Noise does not come into a comparison: it is the same at every look."""
    fitted = started(lr=1e-30, optimiser="sgd")
    values = [numbers["objective"] for _, numbers in judged(fitted)]
    assert max(values) - min(values) < 1e-5


def test_the_clean_input_is_judged():
    torch.manual_seed(0)
    model, objective = recipes.denoising_ae((1, 4, 4), 2, "mlp(5)", corruption="masking(p=0.9)")
    _, numbers = judged(fit(model, objective, TRAIN, settings(), HELD_OUT))[-1]
    found = evaluate(model, HELD_OUT)["distortion"]["value"]
    assert math.isclose(numbers["distortion"], found, rel_tol=1e-6)


def test_loaders_validate_as_sets_do():
    found = []
    for held_out in (HELD_OUT, DataLoader(HELD_OUT.images, batch_size=10)):
        torch.manual_seed(0)
        model, objective = recipes.ae((1, 4, 4), 2, "mlp(5)")
        found.append(judged(fit(model, objective, TRAIN, settings(), held_out)))
    for (_, own), (_, other) in zip(*found, strict=True):
        assert own == pytest.approx(other)


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_every_recipe_is_judged(name):
    data = Dataset.from_array(torch.rand(40, 6), torch.arange(40) % 4)
    recipe = recipes.find(name)
    arguments = small_arguments(name, latent=3, network="mlp(8)")
    torch.manual_seed(0)
    model, objective = recipe.make((6,), **recipe.complete(arguments, data))
    numbers = [n for _, n in judged(fit(model, objective, data, settings(epochs=2), data))]
    assert len(numbers) == 2
    assert all(math.isfinite(value) for value in numbers[-1].values())


# ---- when to stop, what to keep


def test_it_stops_after_patience_without_a_new_best():
    values = iter([5.0, 4.0, 4.5, 4.0, 4.1, 1.0])
    fitted = started(epochs=6, patience=3, keep="best")
    fitted.validation.judge = lambda progress: {"objective": next(values)}
    seen = []
    for now in fitted:
        if now.judged:
            seen.append(weights(now))
    assert fitted.step == 20
    assert fitted.ended
    assert fitted.chosen.best == 8
    assert same(weights(fitted), seen[1])
    assert next(values) == 1.0


def test_more_of_the_bound_is_better():
    values = iter([-5.0, -4.0, -4.5, -6.0])
    fitted = started(watch="elbo", keep="best")
    fitted.validation.judge = lambda progress: {"elbo": next(values)}
    assert done(fitted).chosen.best == 8


def test_numbers_that_are_none_are_never_best():
    values = iter([math.nan, 3.0, math.nan, math.nan])
    fitted = started(keep="best", patience=2)
    fitted.validation.judge = lambda progress: {"objective": next(values)}
    assert done(fitted).chosen.best == 8
    assert fitted.step == 16


def test_numbers_count_once_the_weights_are_constant():
    model, _ = vae()
    objective = Distortion() + Linear(0, 1, epochs=2) * KL()
    fitted = fit(model, objective, TRAIN, settings(epochs=6, keep="best", patience=2), HELD_OUT)
    values = iter([1.0, 9.0, 8.0, 8.5, 8.5, 1.0])
    fitted.validation.judge = lambda progress: {"objective": next(values)}
    assert done(fitted).chosen.best == 12
    assert fitted.step == 20


@pytest.mark.parametrize("asked", [{"patience": 2}, {"keep": "best"}])
def test_numbers_that_never_compare_are_refused(asked):
    model, _ = vae()
    objective = Distortion() + Linear(0, 1) * KL()
    with pytest.raises(VaekitError, match=r"once all weights are constant.*linear"):
        fit(model, objective, TRAIN, settings(**asked), HELD_OUT)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"patience": 3}, "patience reads a validation set, and there is none: add --validation"),
        ({"keep": "best"}, "keep reads a validation set"),
        ({"watch": "elbo"}, "watch reads a validation set"),
        ({"validate_every": 3}, "validate_every reads a validation set"),
        ({"lr": "plateau(0.1)"}, "there is none: add --validation"),
    ],
)
def test_settings_that_need_a_validation_set(changed, cause):
    with pytest.raises(VaekitError, match=cause):
        started(None, **changed)


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (Dataset.from_array(torch.rand(20, 1, 5, 5)), r"5"),
        (Dataset.from_array(torch.rand(20, 1, 4, 4) * 3), r"\[0, 1\]"),
        (torch.rand(20, 1, 4, 4), "Dataset"),
    ],
)
def test_validation_sets_that_do_not_serve_are_refused_at_once(data, cause):
    with pytest.raises(VaekitError, match=cause):
        started(data)


def test_a_number_that_is_not_there():
    with pytest.raises(VaekitError, match=r"number to watch 'elbow'.*Did you mean 'elbo'"):
        started(watch="elbow")


# ---- the average of the weights


def test_the_average_by_its_formula():
    fitted, average = started(None, ema=0.6), None
    own: list[dict] = [weights(fitted)]
    for now in fitted:
        own.append(weights(now))
    average = own[0]
    for step, each in enumerate(own[1:], 1):
        d = min(0.6, (1 + step) / (10 + step))
        average = {k: d * average[k] + (1 - d) * v for k, v in each.items()}
    for name, value in weights(fitted).items():
        torch.testing.assert_close(value, average[name])
    plain = done(started(None))
    assert same(
        {
            k.removeprefix("last."): v
            for k, v in fitted.chosen.tensors().items()
            if k.startswith("last.")
        },
        weights(plain),
    )


def test_the_average_is_what_is_judged():
    seen, fitted = [], started(ema=0.9)
    true = fitted.validation.judge

    def judge(progress):
        seen.append(weights(fitted))
        return true(progress)

    fitted.validation.judge = judge
    done(fitted)
    assert same(seen[-1], weights(fitted))


# ---- the optimiser


@pytest.mark.parametrize("clip", [1e-3, 0.5, 1e6])
def test_clipping_is_pytorchs(clip):
    model, objective = vae()
    (twin, again), seen = vae(), []
    optimiser = torch.optim.Adam(twin.parameters(), lr=0.01)
    torch.manual_seed(1)
    fitted = fit(model, objective, TRAIN, settings(clip=clip, epochs=1))
    state = fitted.random_state()
    batches = list(fitted.batches.epoch(0, 0))
    done(fitted)
    fitted.set_random_state(state)
    for x, _ in batches:
        optimiser.zero_grad()
        run = twin(x)
        sum(w * v for w, v in zip([1.0, 1.0], again.values(run), strict=True)).backward()
        seen.append(float(torch.nn.utils.clip_grad_norm_(twin.parameters(), clip)) > clip)
        optimiser.step()
    for own, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(own, other)
    fitted.means()
    assert fitted.clipped == sum(seen) / len(seen)


def test_a_critic_is_clipped_apart():
    torch.manual_seed(0)
    model, objective = recipes.factor_vae((1, 4, 4), 2, network="mlp(5)")
    fitted = fit(model, objective, TRAIN, settings(clip=1e-3))
    next(iter(fitted))
    for group in fitted.optimiser.param_groups:
        norm = torch.cat([w.grad.flatten() for w in group["params"]]).norm()
        assert float(norm) <= 1.001e-3


def test_a_gradient_that_is_not_finite_is_named():
    class Steep(Distortion):
        def __call__(self, run):
            return (super().__call__(run) * 0).sqrt()  # 0, of infinite slope

    model, _ = vae()
    with pytest.raises(NotFinite, match="the gradient is nan at step 1"):
        done(fit(model, 1.0 * Steep(), TRAIN, settings(clip=1.0)))


def test_one_cycle_is_pytorchs():
    """PyTorch counts to the last step and we to the end: one step more."""
    weights = [torch.nn.Parameter(torch.zeros(1))]
    optimiser = torch.optim.SGD(weights, lr=1.0)
    other = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 0.5, total_steps=101, pct_start=0.3, div_factor=10, final_div_factor=100
    )
    schedule = OneCycle(0.05, 0.0005, peak=0.5)
    for step in range(100):
        own = schedule(Progress(step, 100, 10))
        # its warm-up ends one step before a share of 0.3
        assert abs(own - other.get_last_lr()[0]) < 0.02
        optimiser.step()
        other.step()
    assert schedule(Progress(0, 100, 10)) == 0.05
    assert schedule(Progress(30, 100, 10)) == 0.5
    assert math.isclose(schedule(Progress(100, 100, 10)), 0.0005)


def test_a_plateau_is_pytorchs():
    values = [5.0, 4, 3, 3, 3.1, 3.2, 2, 2.5, 2.5, 2.5, 2.5, 2.5, 2.4, 2.4, 1]
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.5, patience=1, threshold=0, min_lr=0.15
    )
    schedule = Plateau(0.8, 0.15, factor=0.5, patience=2)  # theirs counts from the next
    for n in range(len(values) + 1):
        assert schedule(Progress(0, 1, 1, tuple(values[:n]))) == optimiser.param_groups[0]["lr"]
        if n < len(values):
            other.step(values[n])


@pytest.mark.parametrize(
    "text",
    ["one_cycle(0, 0, peak=0.001)", "plateau(0.001, factor=0.5, patience=3)", "cosine(0.01, 0)"],
)
def test_rates_are_kept_as_text(text):
    made = Training(lr=weight(text))  # pyright: ignore[reportArgumentType]
    assert isinstance(made.lr, str)
    assert Training(lr=made.lr) == made
    assert made.rate == weight(text)


def test_the_rate_follows_its_schedule():
    fitted = started(None, lr=Cosine(0.01, 0.0))
    rates = [now.optimiser.param_groups[0]["lr"] for now in fitted]
    expected = [0.005 * (1 + math.cos(math.pi * step / 16)) for step in range(16)]
    assert all(math.isclose(a, b, abs_tol=1e-12) for a, b in zip(rates, expected, strict=True))


def test_a_critics_own_rate_stays():
    torch.manual_seed(0)
    model, objective = recipes.factor_vae((1, 4, 4), 2, network="mlp(5)")
    fitted = done(fit(model, objective, TRAIN, settings(lr="linear(0.01, 0.001)")))
    first, critic = fitted.optimiser.param_groups
    assert first["lr"] < 0.002
    assert critic["lr"] == 1e-4


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_every_optimiser_steps_as_pytorchs_and_resumes(name, tmp_path):
    whole = weights(done(started(None, optimiser=name)))
    assert all(bool(torch.isfinite(v).all()) for v in whole.values())
    half = started(None, optimiser=name)
    for now in half:
        if now.step == 6:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    again = started(None, seed=3, optimiser=name)
    checkpoint.load_checkpoint(again, tmp_path / "c")
    assert same(weights(done(again)), whole)


def test_optimisers_take_their_arguments():
    fitted = started(None, optimiser="sgd(momentum=0.9, nesterov=true)", weight_decay=0.1)
    group = fitted.optimiser.param_groups[0]
    assert isinstance(fitted.optimiser, torch.optim.SGD)
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.01, 0.9, 0.1)
    fitted = started(None, optimiser="adamw", beta1=0.5)
    group = fitted.optimiser.param_groups[0]
    assert (group["betas"], group["weight_decay"]) == ((0.5, 0.999), 0.01)
    made = Training(optimiser=torch.optim.RMSprop)  # pyright: ignore[reportArgumentType]
    assert made.optimiser == "rmsprop"
    own = started(None, optimiser=lambda params, lr: torch.optim.SGD(params, lr=2 * lr))
    assert own.optimiser.param_groups[0]["lr"] == 0.02


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"optimiser": "adm"}, "unknown optimiser 'adm'. Did you mean 'adam'"),
        ({"optimiser": "sgd(lr=0.1)"}, "the rate is a setting of its own, --lr"),
        ({"optimiser": "sgd(momentum=much)"}, "optimiser 'sgd.*momentum"),
        ({"optimiser": "sgd(momentum=-1)"}, "optimiser 'sgd.*Invalid momentum"),
        ({"optimiser": "sgd(speed=1)"}, "optimiser 'sgd.*speed"),
        ({"optimiser": "sgd(nesterov=true)"}, "Nesterov"),
        ({"optimiser": "rprop", "weight_decay": 0.1}, "takes no weight_decay"),
        ({"optimiser": 3}, "optimiser must be text"),
        ({"optimiser": "SGD"}, "Did you mean 'sgd'"),
        ({"optimiser": "adamw(weight_decay=0.1)", "weight_decay": 0.2}, "give it once"),
        ({"clip": 0}, "clip must be a finite number > 0"),
        ({"clip": math.inf}, "clip must be a finite number > 0"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\)"),
        ({"ema": -0.1}, r"ema must be in \[0, 1\)"),
        ({"patience": 0}, "patience must be ≥ 1"),
        ({"patience": 1.5}, "patience must be a whole number or None"),
        ({"validate_every": 0}, "validate_every must be ≥ 1"),
        ({"keep": "first"}, "keep must be"),
        ({"threads": 0}, "threads must be ≥ 1"),
        ({"lr": "fast"}, "lr must be a number or a schedule.*'fast'"),
        ({"lr": "linear(0, 0)"}, "lr must be a finite number > 0"),
        ({"lr": "one_cycle(0.1, 0, peak=0.01)"}, "peak ≥ start"),
        ({"lr": "one_cycle(0, 0, warm=1)"}, "0 < warm < 1"),
        ({"lr": "plateau(0.1, epochs=3)"}, "leave steps and epochs"),
        ({"lr": "plateau(0.1, factor=2)"}, "0 < factor < 1"),
        ({"lr": "linear(0, 0.1, epochs=9)"}, "ends after 36 steps, but training has only 16"),
    ],
)
def test_settings_that_do_not_fit(changed, cause):
    with pytest.raises(VaekitError, match=cause):
        started(None, **changed)


def test_threads_are_those_asked_for_and_then_as_before():
    before = torch.get_num_threads()
    assert [torch.get_num_threads() for _ in started(None, threads=3, epochs=1)] == [3] * 4
    assert torch.get_num_threads() == before
    for _ in started(None, threads=3):
        break
    assert torch.get_num_threads() == before


# ---- resuming

ALL = {
    "lr": "one_cycle(0, 0, peak=0.02, warm=0.3)",
    "optimiser": "adamw",
    "clip": 0.5,
    "ema": 0.8,
    "keep": "best",
    "validate_every": 3,
    "patience": 4,
}


@pytest.mark.parametrize("changed", [ALL, {**ALL, "lr": "plateau(0.02, patience=1)"}])
@pytest.mark.parametrize("at", [1, 3, 4, 8, 11, 12, 15])
def test_with_everything_a_resumed_fit_ends_in_the_same_bits(at, changed, tmp_path):
    """Values are made to rise and fall, so that the best is neither the first nor the last."""

    def begun(seed: int) -> Fit:
        fitted = started(seed=seed, **changed)
        assert fitted.validation is not None
        true = fitted.validation.judge

        def judge(progress):
            numbers = true(progress)
            return {**numbers, "objective": numbers["objective"] + abs(progress.step - 8)}

        fitted.validation.judge = judge
        return fitted

    whole = done(begun(0))
    assert whole.chosen.best in (6, 9)
    half = begun(0)
    for now in half:
        if now.step == at:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    again = begun(5)
    checkpoint.load_checkpoint(again, tmp_path / "c")
    assert same(weights(done(again)), weights(whole))
    assert again.chosen.judged == whole.chosen.judged
    assert again.step == whole.step


@pytest.mark.parametrize("name", ["average.0", "best.model.prior", "judged.values"])
def test_a_checkpoint_whose_choice_is_damaged(name, tmp_path):
    from safetensors.torch import load_file, save_file

    half = started(**ALL)
    for now in half:
        if now.step == 12:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    tensors = load_file(tmp_path / "c")
    tensors[name] = torch.zeros(77)
    about = {"format": "vaekit-checkpoint-1", "step": "12"}
    save_file(tensors, tmp_path / "c", metadata=about)
    with pytest.raises(VaekitError, match=r"of other weights|of another model|number of steps"):
        checkpoint.load_checkpoint(started(**ALL), tmp_path / "c")


# ---- estimators

X = TRAIN.images.numpy()


def estimator(**changed) -> estimators.VAE:
    small = {"latent": 2, "network": "mlp(5)", "epochs": 4, "batch": 10, "random_state": 0}
    return estimators.VAE(**{**small, **changed})


def codes(fitted) -> list[list[float]]:
    return fitted.transform(X).tolist()


CHANGED = [
    {"ema": 0.8},
    {"optimiser": "sgd(momentum=0.9)"},
    {"lr": "cosine(0.01, 0)", "clip": 0.5},
    {"ema": 0.8, "optimiser": "adamw"},
]


@pytest.mark.parametrize("changed", CHANGED)
def test_partial_fits_add_up(changed, tmp_path):
    whole = estimator(**changed).fit(X)
    parts = estimator(**changed)
    for epoch in range(4):
        parts.partial_fit(X)
        parts.save(tmp_path / f"{epoch}")
        if epoch == 1:
            parts = estimators.load(tmp_path / "1")
        if epoch == 2:
            parts = pickle.loads(pickle.dumps(parts))
    assert codes(parts) == codes(whole)


def test_an_estimator_stops_early_and_keeps_the_best():
    changed = {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 2}
    fitted = estimator(**changed, epochs=200, lr=0.03).fit(X)
    seen = [row["validation_objective"] for row in fitted.history_]
    best = seen.index(min(seen))
    assert fitted.n_iter_ == len(seen) == best + 3 < 200
    again = estimator(**changed, epochs=200, lr=0.03).fit(X)
    assert codes(again) == codes(fitted)
    shorter = estimator(**changed, epochs=best + 1, lr=0.03).fit(X)
    assert codes(shorter) == codes(fitted)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"validation_fraction": 0.0}, "leaves"),
        ({"validation_fraction": 1.5}, "share|leaves"),
        ({"validation_fraction": "a"}, "validation_fraction must be a number"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be ≥ 1"),
        ({"watch": "elbow"}, "Did you mean 'elbo'"),
        ({"lr": "plateau(0.1)", "early_stopping": False}, "there is none"),
    ],
)
def test_early_stops_that_do_not_fit(changed, cause):
    with pytest.raises(ValueError, match=cause):
        estimator(**{"early_stopping": True, **changed}).fit(X)


def test_partial_fit_does_not_stop_early():
    with pytest.raises(ValueError, match="partial_fit cannot stop early"):
        estimator(early_stopping=True).partial_fit(X)


def test_a_plateau_counts_once_the_weights_are_constant():
    model, _ = vae()
    objective = Distortion() + Linear(0, 1, epochs=2) * KL()
    training = settings(epochs=6, lr="plateau(0.01, factor=0.5, patience=1)")
    fitted = fit(model, objective, TRAIN, training, HELD_OUT)
    values = iter([1.0, 9.0, 8.0, 8.5, 8.6, 1.0])
    fitted.validation.judge = lambda progress: {"objective": next(values)}
    rates = [now.optimiser.param_groups[0]["lr"] for now in fitted if now.judged]
    assert rates == [0.01, 0.01, 0.01, 0.01, 0.005, 0.0025]
