import copy
import math
from dataclasses import replace

import pytest
import torch
from parts import LIKELIHOODS, noise_model, small
from torch import nn

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import (
    KL,
    DimensionwiseKL,
    Distortion,
    IndexCodeMI,
    Objective,
    Term,
    TotalCorrelation,
)
from vaekit.posteriors import Gaussian
from vaekit.priors import Normal
from vaekit.recipes import vae
from vaekit.schedules import SCHEDULES, Cosine, Cyclical, Linear, Progress, weight, weight_at
from vaekit.text import parse
from vaekit.training import Training, fit

START = Progress(0, 100, 10)


class Constant(Term):
    def __init__(self, name: str, value: float = 0.0):
        self.name, self.value = name, value

    def __call__(self, run) -> torch.Tensor:
        return torch.tensor(self.value)


@pytest.fixture
def run():
    torch.manual_seed(0)
    nets = small()
    model = Model(
        Gaussian(nets.encoder((6,), 4), 2), noise_model("bernoulli", nets, (6,), 2), Normal(2)
    )
    return model(torch.rand(5, 6), samples=3)


# ---- the algebra


def test_sums_and_products():
    a, b, c = Constant("a"), Constant("b"), Constant("c")
    objective = a + 2.0 * b + Linear(0, 1) * c
    assert objective.names == ("a", "b", "c")
    assert objective.weights(START) == [1.0, 2.0, 0.0]
    assert (3.0 * (a + 2.0 * b)).weights(START) == [3.0, 6.0]
    assert ((a + b) + (0.5 * c)).weights(START) == [1.0, 1.0, 0.5]
    assert (a + (b + c)).names == ("a", "b", "c")
    assert ("linear(2, 4)" * a).weights(START) == [2.0]
    assert (2 * a).weights(START) == [2.0]


def test_the_total_is_the_weighted_sum():
    objective = Constant("a", 3.0) + 2.0 * Constant("b", 5.0)
    values = torch.stack(objective.values(None))
    assert float(values @ torch.tensor(objective.weights(START))) == 13.0


def test_a_term_without_a_name_is_named():
    class Nameless(Term):
        def __call__(self, run):
            return torch.zeros(())

    with pytest.raises(VaekitError, match="Nameless has no name: write name = 'word'"):
        KL() + Nameless()


def test_two_terms_of_one_name_are_refused():
    for build in (
        lambda: KL() + KL(),
        lambda: Distortion() + (1.0 * KL() + 2.0 * Distortion()),
        lambda: Objective([(1.0, Constant("a")), (1.0, Constant("a"))]),
    ):
        with pytest.raises(VaekitError, match="share a name"):
            build()


@pytest.mark.parametrize("factor", [math.nan, math.inf, "nan", "1e999"])
def test_a_weight_is_finite(factor):
    with pytest.raises(VaekitError, match="finite"):
        factor * Constant("a")
    with pytest.raises(VaekitError, match="finite"):
        factor * (1.0 * Constant("a"))


def test_schedules_are_not_scaled_from_outside():
    for build in (
        lambda: 2.0 * (Linear(0, 1) * Constant("a")),
        lambda: Linear(0, 1) * (2.0 * Constant("a")),
    ):
        with pytest.raises(VaekitError, match="scale a schedule by its own"):
            build()


# ---- terms


def test_terms_by_hand(run):
    log_p = torch.distributions.Bernoulli(logits=run.p.logits)
    each = run.x * log_p.probs.log() + (1 - run.x) * (1 - log_p.probs).log()
    torch.testing.assert_close(Distortion()(run), -each.sum(-1).mean())
    mean, std = run.q.mean, run.q.std
    rate = 0.5 * (mean**2 + std**2 - 1 - 2 * std.log()).sum(-1).mean()
    torch.testing.assert_close(KL()(run), rate)


def test_kl_needs_a_prior(run):
    model = Model(run.model.posterior, run.model.likelihood)
    with pytest.raises(VaekitError, match=r"KL needs a prior.*Normal"):
        KL()(model(run.x))


# ---- β means the same at every size


class Twice(nn.Module):
    """Show every entry of a network's output twice."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, z):
        return self.network(z).repeat_interleave(2, -1)


class Halve(nn.Module):
    """Read every second entry."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x[..., ::2])


ALIKE = [text for text in LIKELIHOODS if text != "columns"]  # one law for all entries


@pytest.mark.parametrize("text", ALIKE)
def test_every_entry_twice_at_half_weight_is_the_same_objective(text):
    """Averaging over pixels fails here: it would halve nothing, and β would mean 2β."""
    torch.manual_seed(0)
    nets = small()
    once = Model(Gaussian(nets.encoder((6,), 4), 2), noise_model(text, nets, (6,), 2), Normal(2))
    noise = copy.deepcopy(once.likelihood)
    noise.network = Twice(once.likelihood.network)
    twice = Model(Gaussian(Halve(once.posterior.network), 2), noise, Normal(2))
    x, beta = torch.rand(5, 6), 3.0

    def gradients(model, objective, x):
        torch.manual_seed(7)
        model.zero_grad()
        values = objective.values(model(x))
        total = torch.stack(values) @ torch.tensor(objective.weights(START))
        total.backward()
        return total.detach(), [p.grad.clone() for p in model.parameters()]

    value, grads = gradients(once, Distortion() + beta * KL(), x)
    other, others = gradients(twice, 0.5 * Distortion() + beta * KL(), x.repeat_interleave(2, -1))
    torch.testing.assert_close(value, other)
    for mine, theirs in zip(grads, others, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("text", ALIKE)
@pytest.mark.parametrize("shape", [(1,), (12,), (1, 4, 6), (3, 8, 8)], ids=str)
def test_distortion_sums_over_entries(text, shape):
    """Equal entries cost equally: the distortion is the number of entries times that of one."""
    likelihood = noise_model(text, small(), shape, 2)
    nn.init.zeros_(likelihood.network[-2].weight)
    nn.init.zeros_(likelihood.network[-2].bias)
    one = noise_model(text, small(), (1,), 2)
    one.network = likelihood.network[:-2].append(nn.Linear(16, one.heads))
    nn.init.zeros_(one.network[-1].weight)
    nn.init.zeros_(one.network[-1].bias)
    posterior = Gaussian(nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), 2)
    whole = Distortion()(Model(posterior, likelihood)(torch.full((5, *shape), 0.25)))
    posterior = Gaussian(nn.Linear(1, 4), 2)
    single = Distortion()(Model(posterior, one)(torch.full((5, 1), 0.25)))
    torch.testing.assert_close(whole, math.prod(shape) * single)


# ---- schedules


def at(schedule, step, steps=100, per_epoch=10):
    return weight_at(schedule, Progress(step, steps, per_epoch))


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Linear(0, 4), {0: 0, 25: 1, 50: 2, 100: 4}),
        (Linear(4, 1, steps=30), {0: 4, 10: 3, 30: 1, 99: 1}),
        (Linear(0, 1, epochs=5), {0: 0, 25: 0.5, 50: 1, 51: 1}),
        (Linear(0, 1, epochs=0.5), {0: 0, 1: 0.2, 5: 1, 90: 1}),
        (Cosine(0, 2), {0: 0, 25: 1 - math.sqrt(0.5), 50: 1, 100: 2}),
        (Cosine(1, 3, steps=10), {0: 1, 5: 2, 10: 3, 60: 3}),
        (Cyclical(0, 1), {0: 0, 5: 0.4, 13: 1, 24: 1, 25: 0, 30: 0.4, 100: 1}),
        (Cyclical(0, 2, steps=40, cycles=2, ramp=1.0), {0: 0, 10: 1, 20: 0, 30: 1, 40: 2, 70: 2}),
        (Cyclical(1, 2, cycles=1, ramp=0.25), {0: 1, 5: 1.2, 25: 2, 60: 2}),
        (weight("constant(3)"), {0: 3, 100: 3}),
    ],
    ids=str,
)
def test_schedules_by_hand(schedule, values):
    for step, value in values.items():
        assert at(schedule, step) == pytest.approx(value), step


@pytest.mark.parametrize("cycles", range(1, 40))
def test_every_cycle_begins_at_the_start(cycles):
    for length in (1, 3, 7, 10):
        schedule = Cyclical(0.0, 1.0, cycles=cycles)
        for k in range(cycles):
            assert at(schedule, k * length, cycles * length) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    "schedule",
    [
        Linear(0, 4.5),
        Linear(1e-05, 4, epochs=10),
        Cosine(1, 0, steps=7),
        Cyclical(0, 1, epochs=2.5, cycles=3, ramp=0.25),
    ],
    ids=str,
)
def test_text_round_trip(schedule):
    again = weight(str(schedule))
    assert again == schedule
    assert type(again) is type(schedule)


def test_text_of_weights():
    assert weight("4") == 4.0
    assert weight("1e-3") == 0.001
    assert weight(2) == 2
    assert weight("linear(0, 4, epochs=10)") == Linear(0, 4, epochs=10)
    assert weight("cyclical(0, 1, cycles=2)") == Cyclical(0, 1, cycles=2)
    assert set(SCHEDULES) == {"constant", "linear", "cosine", "cyclical", "one_cycle", "plateau"}


def test_more_cycles_than_steps_can_show_are_refused():
    """Of 100 cycles in 15 steps, every weight that is seen would be one of a few by chance."""
    for cycles, steps, epochs in ((100, None, None), (8, None, None), (6, 10, None), (11, None, 2)):
        schedule = Cyclical(0.0, 4.0, steps, epochs, cycles)
        with pytest.raises(VaekitError, match=f"{cycles} cycles in .* two at least"):
            schedule.check(Progress(0, 15, 10) if epochs is None else Progress(0, 30, 10))
    Cyclical(0.0, 4.0, cycles=7).check(Progress(0, 15, 10))
    Cyclical(0.0, 4.0, steps=10, cycles=5).check(Progress(0, 15, 10))
    with pytest.raises(VaekitError, match="train longer"):
        Cyclical(0.0, 4.0, steps=20, cycles=5).check(Progress(0, 15, 10))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("liner(0, 1)", "Did you mean 'linear'"),
        ("linear", "missing a required argument.*it takes linear"),
        ("linear(0, 1, epoch=3)", "epoch"),
        ("linear(0, 1, steps=3, epochs=3)", "not both"),
        ("linear(0, 1, steps=0)", "length > 0"),
        ("linear(0, 1, epochs=-1)", "length > 0"),
        ("linear(zero, 1)", "start must be a number"),
        ("linear(0, none)", "end must be a number"),
        ("linear(0, 1e999)", "finite numbers"),
        ("linear(0, 1, epochs=ten)", "epochs must be a number or None"),
        ("constant(x)", "value must be a number"),
        ("cyclical(0, 1, cycles=0)", "cycles"),
        ("cyclical(0, 1, ramp=0)", "ramp"),
        ("cyclical(0, 1, ramp=1.5)", "ramp"),
        ("nan", "finite"),
        ("inf", "finite"),
        ("", "cannot read"),
        ("4 + 4", "cannot read"),
    ],
)
def test_text_that_is_no_weight(text, cause):
    with pytest.raises(VaekitError, match=cause):
        weight(text)


@pytest.mark.parametrize(
    "schedule",
    [Linear(0, 1, steps=101), Linear(0, 1, epochs=10.5), Cosine(0, 1, epochs=11)],
    ids=str,
)
def test_a_schedule_longer_than_the_training_is_refused(schedule):
    with pytest.raises(VaekitError, match="training has only 100"):
        (schedule * Constant("a")).check(START)


@pytest.mark.parametrize(
    "schedule", [Linear(0, 1), Linear(0, 1, steps=100), Cosine(0, 1, epochs=10)]
)
def test_a_schedule_as_long_as_the_training_is_let_be(schedule):
    (schedule * Constant("a")).check(START)
    assert at(schedule, 100) == 1


def test_the_language_of_parts():
    assert parse("mlp") == ("mlp", [], {})
    assert parse(" mlp() ") == ("mlp", [], {})
    assert parse("f(1, -2.5, [a, 2], k=true, none=none)") == (
        "f",
        [1, -2.5, ["a", 2]],
        {"k": True, "none": None},
    )
    assert parse("f('a b', x=\"c,d\")") == ("f", ["a b"], {"x": "c,d"})
    assert parse("f(a.b)") == ("f", ["a.b"], {})  # a file of that name
    for text in (
        "",
        "1f(2)",
        "f(g(1))",
        "f(1; 2)",
        "f(__import__('os'))",
        "f(*x)",
        "f(1)(2)",
    ):
        with pytest.raises(VaekitError, match="cannot read"):
            parse(text)


# ---- several codes of each example

TERMS = [
    Distortion(3),
    KL(),
    KL(analytic=False),
    KL(analytic=False, path=True),
    IndexCodeMI(size=100),
    TotalCorrelation(size=100),
    DimensionwiseKL(size=100),
]


@pytest.mark.parametrize("term", TERMS, ids=lambda term: type(term).__name__)
def test_a_term_averages_over_all_codes(term):
    """What is shown several codes of each example has the mean of what one code each gives."""
    torch.manual_seed(0)
    model, _ = vae((6,), latent=3, network="mlp(8)")
    x = torch.rand(8, 6)
    with torch.no_grad():
        run = model(x, samples=5)
    alone = [
        replace(run, z=run.z[k : k + 1], p=model.decode(run.z[k : k + 1], None, x.shape), _found={})
        for k in range(5)
    ]
    with torch.no_grad():
        values = [float(term(one)) for one in alone]
        assert float(term(run)) == pytest.approx(sum(values) / 5, rel=1e-5)


def test_the_loop_draws_as_many_codes_as_the_term_that_needs_most(monkeypatch):
    shown = []

    class Count(Term):
        name = "count"

        def __init__(self, samples: int = 1):
            self.samples = samples

        def __call__(self, run):
            shown.append(run.z.shape[0])
            return run.z.square().mean()

    model, _ = vae((6,), latent=3, network="mlp(8)")
    data = Dataset.from_array(torch.rand(20, 6))
    for objective, wanted in (
        (Distortion() + KL() + Count(), 1),
        (Distortion(4) + KL() + Count(), 4),
        (Distortion(2) + KL() + Count(7), 7),
    ):
        assert objective.samples == wanted
        next(iter(fit(model, objective, data, Training(epochs=1, batch=10, device="cpu"))))
        assert shown.pop() == wanted


@pytest.mark.parametrize("samples", [0, -1, 2.0, "3", None, True])
def test_samples_that_are_no_number_of_codes(samples):
    with pytest.raises(VaekitError, match="samples must be a whole number ≥ 1"):
        Distortion(samples)


def test_more_codes_make_the_gradient_less_noisy():
    def spread(samples: int) -> float:
        torch.manual_seed(0)
        model, _ = vae((6,), latent=3, network="mlp(8)")
        x, term, found = torch.rand(4, 6), Distortion(samples), []
        weights = next(model.posterior.parameters())
        for _ in range(200):
            (grad,) = torch.autograd.grad(term(model(x, samples=samples)), weights)
            found.append(grad.flatten())
        return float(torch.stack(found).var(0).sum())

    assert spread(16) < spread(1) / 8  # a sixteenth, in expectation
