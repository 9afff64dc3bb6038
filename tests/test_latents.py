"""Categories in the code, and products of named blocks."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from parts import LIKELIHOODS, entries_for, noise_model, small, theta
from scipy import stats
from torch import Tensor, nn

from vaekit import apply
from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, PointMass, StandardNormal
from vaekit.distributions.divergences import (
    kl,
    kl_by_block,
    kl_by_coordinate,
    kl_by_samples,
    kl_in_closed_form,
    kl_of_blocks,
)
from vaekit.distributions.one_hots import OneHots, RelaxedOneHots, hardened
from vaekit.distributions.product import Blocks, block, blocks
from vaekit.errors import VaekitError
from vaekit.information import evaluate
from vaekit.information.importance import log_likelihood
from vaekit.information.ranking import rank
from vaekit.information.summary import summarise
from vaekit.latents import Latents, latents
from vaekit.model import Model
from vaekit.objectives import KL, Distortion, RateTarget
from vaekit.posteriors import Dirac, Gaussian, Product, RelaxedOneHot, posterior
from vaekit.priors import Categorical, Normal, isa, prior
from vaekit.priors import Product as ProductPrior
from vaekit.recipes import joint_vae
from vaekit.schedules import Cyclical, Linear, Progress
from vaekit.training import Training, checkpoint, fit

ZERO = torch.zeros(1, dtype=torch.float64)


def system(
    latent: int = 3,
    categories: int = 4,
    entries: int = 6,
    text: str = "bernoulli",
    seed: int = 0,
    **settings: object,
) -> Model:
    """Build a model of a Gaussian block `style` and a one-hot block `class`."""
    torch.manual_seed(seed)
    one_hot = partial(RelaxedOneHot, **settings)
    kinds = {"style": (Gaussian, latent), "class": (one_hot, categories)}
    encoder = small().encoder((entries,), 2 * latent + categories)
    size = latent + categories
    p = ProductPrior({"style": Normal(latent), "class": Categorical(categories)})
    return Model(Product(encoder, kinds), noise_model(text, small(), (entries,), size), p)


# ---- one-hots


def classes_agree(temperature: float, seed: int) -> float:
    """Test the classes of relaxed samples against π: the p-value of χ²."""
    torch.manual_seed(seed)
    logits = theta(1, 5, seed=seed)[0]
    drawn = RelaxedOneHots(logits, temperature).rsample((2000,))
    counts = hardened(drawn).sum(0).numpy()
    expected = 2000 * logits.softmax(-1).numpy()
    return float(stats.chisquare(counts, expected).pvalue)


@pytest.mark.parametrize("temperature", [1e-3, 0.5, 5.0])
def test_the_largest_entry_has_the_classes_frequencies(temperature):
    """At any temperature: the noise decides the class, and the softmax keeps the order."""
    found = [classes_agree(temperature, seed) for seed in range(60)]
    assert min(found) > 1e-4
    assert stats.kstest(found, "uniform").pvalue > 1e-3


def test_cold_samples_are_one_hots():
    torch.manual_seed(0)
    logits = theta(1, 6)[0].float()
    drawn = RelaxedOneHots(logits, 1e-6).rsample((1000,))
    torch.testing.assert_close(drawn, hardened(drawn))
    for temperature, least in ((0.02, 0.97), (0.1, 0.85)):
        warmer = RelaxedOneHots(logits, temperature).rsample((1000,))
        assert least < float(warmer.max(-1).values.mean()) < 0.9999
        torch.testing.assert_close(warmer.sum(-1), torch.ones(1000))


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_two_relaxed_categories_are_a_logistic_variable(temperature):
    """y_1 = σ((a_1 − a_2 + L)/τ), L logistic, so P(y_1 ≤ t) = σ(τ logit t − a_1 + a_2)."""
    torch.manual_seed(1)
    logits = torch.tensor([0.4, -0.3], dtype=torch.float64)
    drawn = RelaxedOneHots(logits, temperature).rsample((5000,))[:, 0].numpy()

    def below(t):
        return 1 / (1 + np.exp(0.7 - temperature * np.log(t / (1 - t))))

    assert stats.kstest(drawn, below).pvalue > 1e-3


@pytest.mark.parametrize("temperature", [1.0, 1.6])
def test_three_relaxed_categories_follow_the_concrete_density(temperature):
    """Maddison et al. 2017, eq. 10, by quadrature over the simplex, against samples."""
    pi = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    axis = (torch.arange(1200, dtype=torch.float64) + 0.5) / 1200
    y = torch.cartesian_prod(axis, axis)
    y = y[y.sum(-1) < 1 - 1e-9]
    y = torch.cat([y, 1 - y.sum(-1, keepdim=True)], -1)
    scale = math.gamma(3) * temperature**2
    density = (pi * y ** (-temperature - 1)).prod(-1) / (pi * y**-temperature).sum(-1) ** 3
    mass = scale * density / 1200**2
    assert abs(float(mass.sum()) - 1) < 5e-3
    torch.manual_seed(0)
    drawn = RelaxedOneHots(pi.log(), temperature).rsample((100_000,))
    for of in (lambda y: y[:, 0], lambda y: y[:, 1] ** 2, lambda y: y[:, 0] * y[:, 2]):
        each, exact = of(drawn), float((mass * of(y)).sum())
        assert abs(float(each.mean()) - exact) < 4 * float(each.std()) / 100_000**0.5 + 2e-3


def relaxed(logits: Tensor, straight_through: bool = False, temperature: float = 0.7) -> Tensor:
    """Draw with the noise of one seed."""
    torch.manual_seed(3)
    return RelaxedOneHots(logits, temperature, straight_through).rsample((4,))


def test_gradients_of_relaxed_samples():
    logits = theta(1, 3, 5)[0].requires_grad_()
    assert torch.autograd.gradcheck(relaxed, (logits,))
    temperature = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: relaxed(logits.detach(), temperature=t), temperature)


def test_straight_through_goes_forward_hard_and_back_soft():
    logits = theta(1, 3, 5)[0].requires_grad_()
    soft, hard = relaxed(logits), relaxed(logits, straight_through=True)
    assert torch.equal(hard, hardened(soft))
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    weights = theta(1, 4, 3, 5, seed=1)[0]
    (expected,) = torch.autograd.grad((soft * weights).sum(), logits)
    (found,) = torch.autograd.grad((hard * weights).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_the_gradient_of_one_hots_is_that_of_their_probabilities():
    logits = theta(1, 3, 5)[0].requires_grad_()
    weights = theta(1, 3, 5, seed=1)[0]
    drawn = OneHots(logits).rsample()
    assert torch.equal(drawn, hardened(drawn))
    (found,) = torch.autograd.grad((drawn * weights).sum(), logits)
    (expected,) = torch.autograd.grad((logits.softmax(-1) * weights).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_relaxed_gradients_lose_their_bias_as_the_temperature_falls():
    """The gradient of E f(y) tends to that of Σ_k π_k f(e_k), here with f(y) = w·y + (v·y)²."""
    logits = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64, requires_grad=True)
    w, v = torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([1.5, 0.2, -1.0]).double()
    (exact,) = torch.autograd.grad((logits.softmax(-1) * (w + v**2)).sum(), logits)
    errors, n = [], 100_000
    for temperature in (2.0, 0.5, 0.1):
        torch.manual_seed(0)
        many = logits.detach().expand(n, 3).clone().requires_grad_()
        y = RelaxedOneHots(many, temperature).rsample()
        (each,) = torch.autograd.grad(((y * w).sum(-1) + (y * v).sum(-1) ** 2).sum(), many)
        errors.append(float((each.mean(0) - exact).norm()))
        noise = float((each.std(0) / n**0.5).norm())
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 4 * noise + 0.02


def test_far_logits_stay_finite():
    logits = torch.tensor([[0.0, 1e4, -1e4], [200.0, -200.0, 0.0]], requires_grad=True)
    for straight_through in (False, True):
        q = RelaxedOneHots(logits, 0.1, straight_through)
        value = q.rsample((50,)).square().sum() + kl(q, OneHots(torch.zeros(3)), ZERO).sum()
        (gradient,) = torch.autograd.grad(value, logits)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


def test_noise_of_zero_is_no_nan(monkeypatch):
    """Generators that round may draw E = 0; −ln of it is infinite."""
    monkeypatch.setattr(Tensor, "exponential_", lambda self: self.zero_())
    drawn = RelaxedOneHots(torch.zeros(2, 3), 0.5).rsample((4,))
    assert torch.isfinite(drawn).all()


def test_the_relaxed_has_no_density():
    q = RelaxedOneHots(torch.zeros(2, 3), 0.5)
    with pytest.raises(NotImplementedError):
        q.log_prob(q.rsample())


# ---- KL of categories


@pytest.mark.parametrize("size", [2, 5, 40])
def test_kl_to_uniform_is_the_missing_entropy(size):
    p, every = Categorical(size).double()(), torch.eye(size, dtype=torch.float64)
    for spread in (0.0, 0.3, 3.0, 300.0):
        q = RelaxedOneHots(spread * theta(1, 30, size)[0], 0.5)
        found = kl(q, p, q.rsample((1,)))
        entropy = torch.distributions.Categorical(logits=q.log_probs).entropy()
        torch.testing.assert_close(found, math.log(size) - entropy)
        outcomes = OneHots(q.log_probs).log_prob(every[:, None])  # (K, batch)
        counted = (outcomes.exp() * (outcomes - p.log_prob(every)[:, None])).sum(0)
        torch.testing.assert_close(found, counted)
        assert torch.all((found > -1e-12) & (found <= math.log(size) + 1e-12))
    sure = RelaxedOneHots(1e3 * every, 0.5)
    torch.testing.assert_close(kl(sure, p, ZERO), torch.full((size,), math.log(size)).double())


def test_uniform_categories():
    p = Categorical(10).double()()
    one = torch.eye(10, dtype=torch.float64)
    torch.testing.assert_close(p.log_prob(one), torch.full((10,), -math.log(10)).double())
    drawn = p.sample((5000,))
    assert torch.equal(drawn, hardened(drawn))
    assert stats.chisquare(drawn.sum(0).numpy()).pvalue > 1e-3
    assert prior("categorical", 7).latent == 7


def test_samples_of_relaxed_one_hots_change_no_kl():
    """Their KL is summed over outcomes, however it is asked for."""
    q, p = RelaxedOneHots(theta(1, 4, 3)[0], 0.5), OneHots(ZERO.expand(3))
    z = q.rsample((2,))
    for path in (False, True):
        assert torch.equal(kl_by_samples(q, p, z, path), kl(q, p, z))
    hard = OneHots(q.log_probs)
    z = hard.sample((50_000,))
    each = hard.log_prob(z) - p.log_prob(z)
    assert torch.all(
        (kl_by_samples(hard, p, z) - kl(q, p, z)).abs() < 4 * each.std(0) / 50_000**0.5
    )


# ---- temperatures


def test_a_temperature_moves_and_ends():
    made = RelaxedOneHot(nn.Identity(), 4, "linear(1, 0.4, epochs=3)")
    assert float(made.temperature) == pytest.approx(0.4)
    for step, expected in ((0, 1.0), (10, 0.8), (30, 0.4), (99, 0.4)):
        made.set_progress(Progress(step, 100, 10))
        assert float(made.temperature) == pytest.approx(expected)
    assert not made.state_dict()
    assert made(torch.zeros(2, 4)).temperature is made.temperature
    with pytest.raises(VaekitError, match="training has only 20"):
        made.set_progress(Progress(0, 20, 10))


@pytest.mark.parametrize(
    ("temperature", "says"),
    [
        (0, "must be > 0"),
        ("linear(1, 0)", "must be > 0"),
        (-1, "≥ 0"),
        (math.nan, "finite"),
        ("warm", "schedule"),
        (Linear(0.5, 0.5), "start it higher"),
        (Linear(0.5, 1.0), "start it higher"),
        ("cosine(0.3, 0.5)", "start it higher"),
        (Cyclical(0.2, 0.9), "start it higher"),
    ],
)
def test_bad_temperatures_are_refused(temperature, says):
    with pytest.raises(VaekitError, match=says):
        RelaxedOneHot(nn.Identity(), 4, temperature)


@pytest.mark.parametrize("size", [-1, 0, 1])
def test_one_category_is_none(size):
    with pytest.raises(VaekitError, match="2 categories or more"):
        RelaxedOneHot(nn.Identity(), size)
    with pytest.raises(VaekitError, match=r"2 categories or more|at least one latent"):
        Categorical(size)


def test_relaxed_in_training_and_one_hot_after():
    made = RelaxedOneHot(nn.Identity(), 4)
    x = theta(1, 200, 4)[0].float()
    soft, hard = made(x), made.eval()(x)
    assert isinstance(soft, RelaxedOneHots)
    assert not torch.equal(soft.rsample(), hardened(soft.rsample()))
    drawn = hard.rsample((3,))
    assert torch.equal(drawn, hardened(drawn))
    assert torch.equal(soft.mean, hard.mean)
    torch.testing.assert_close(soft.mean, x.softmax(-1))
    torch.testing.assert_close(soft.variance, hard.variance)
    straight = RelaxedOneHot(nn.Identity(), 4, straight_through=True)(x).rsample()
    assert torch.equal(straight, hardened(straight))


def test_features_that_do_not_fit_are_refused():
    x = torch.zeros(2, 5)
    for made in (
        RelaxedOneHot(nn.Identity(), 4),
        Gaussian(nn.Identity(), 2),
        Product(nn.Identity(), {"a": (Gaussian, 1), "b": (RelaxedOneHot, 2)}),
    ):
        with pytest.raises(VaekitError, match=r"the encoder gives 5 features, but .* reads 4"):
            made(x)


# ---- products


def pair(batch: int = 4) -> tuple[Blocks, Blocks]:
    """Return q and p of blocks style (3, Gaussian) and class (5, one-hot), in float64."""
    t = theta(2, batch, 3)
    q = Blocks(
        [DiagonalGaussian(*t), RelaxedOneHots(theta(1, batch, 5, seed=1)[0], 0.5)],
        ("style", "class"),
    )
    return q, ProductPrior({"style": Normal(3), "class": Categorical(5)}).double()()


def test_a_product_reads_its_shares_in_order():
    x = theta(1, 6, 11)[0].float()
    made = Product(nn.Identity(), {"style": (Gaussian, 3), "class": (RelaxedOneHot, 5)})
    assert (made.latent, made.width) == (8, 11)
    assert made.blocks == {"style": slice(0, 3), "class": slice(3, 8)}
    q = made(x)
    assert q.names == ("style", "class")
    alone = Gaussian(nn.Identity(), 3)(x[:, :6])
    torch.testing.assert_close(q.mean[:, :3], alone.mean)
    torch.testing.assert_close(q.variance[:, :3], alone.variance)
    torch.testing.assert_close(q.mean[:, 3:], x[:, 6:].softmax(-1))
    assert q.rsample((7,)).shape == (7, 6, 8)
    assert (q.batch_shape, q.event_shape) == ((6,), (8,))


def test_kl_of_a_product_is_the_sum_over_blocks():
    q, p = pair()
    z = q.rsample((2,))
    style, kind = kl(q.parts[0], p.parts[0], z), kl(q.parts[1], p.parts[1], z)
    torch.testing.assert_close(kl(q, p, z), style + kind)
    torch.testing.assert_close(kl_in_closed_form(q, p), style + kind)
    found = kl_of_blocks(q, p, z)
    assert list(found) == ["style", "class"]
    assert torch.equal(found["style"], style)
    assert torch.equal(found["class"], kind)
    assert torch.equal(kl_by_block(q, p, z), torch.stack([style, kind], -1))
    assert kl_by_coordinate(q, p) is None
    for name, expected in (("style", style), ("class", kind)):
        part = block(q, p, z, name)
        assert torch.equal(kl(*part), expected)
        assert torch.equal(part.z, z[..., :3] if name == "style" else z[..., 3:])
    by_samples = kl_by_samples(q.parts[0], p.parts[0], z[..., :3])
    torch.testing.assert_close(kl_by_samples(q, p, z), by_samples + kind)
    torch.testing.assert_close(kl_by_samples(q, p, z, path=True), by_samples + kind)


def test_blocks_without_a_closed_form_are_drawn():
    q, _ = pair()
    p = ProductPrior({"style": isa(2.1, [(1.5, 3)]), "class": Categorical(5)}).double()()
    z = q.rsample((3,))
    assert kl_in_closed_form(q, p) is None
    expected = kl_by_samples(q.parts[0], p.parts[0], z[..., :3])
    torch.testing.assert_close(kl(q, p, z), expected + kl(q.parts[1], p.parts[1], z))


def test_a_gaussian_comes_apart_into_the_blocks_of_its_prior():
    q = DiagonalGaussian(*theta(2, 4, 5))
    p = ProductPrior({"a": Normal(2), "b": Normal(3)}).double()()
    z = q.rsample((1,))
    exact = kl_by_coordinate(q, StandardNormal(torch.zeros(5, dtype=torch.float64)))
    torch.testing.assert_close(kl(*block(q, p, z, "b")), exact[:, 2:].sum(-1))
    torch.testing.assert_close(kl_of_blocks(q, p, z)["a"], exact[:, :2].sum(-1))


def test_blocks_of_gaussians_are_one_to_any_prior():
    whole = DiagonalGaussian(*theta(2, 4, 5))
    halves = Blocks(
        [
            DiagonalGaussian(whole.mean[:, :2], whole.log_std[:, :2]),
            DiagonalGaussian(whole.mean[:, 2:], whole.log_std[:, 2:]),
        ],
        ("a", "b"),
    )
    z = whole.rsample((3,))
    others = ProductPrior({"c": Normal(4), "d": isa(2.1, [(1.5, 1)])})
    for made in (Normal(5), isa(2.1, [(2.2, 3), (1.5, 2)]), others):
        p = made(ZERO)
        torch.testing.assert_close(kl(halves, p, z), kl(whole, p, z))
        torch.testing.assert_close(kl_by_samples(halves, p, z), kl_by_samples(whole, p, z))
        apart, together = kl_by_block(halves, p, z), kl_by_block(whole, p, z)
        assert (apart is None) == (together is None)
        if apart is not None:
            torch.testing.assert_close(apart, together)
    p = StandardNormal(torch.zeros(5, dtype=torch.float64))
    torch.testing.assert_close(kl_by_coordinate(halves, p), kl_by_coordinate(whole, p))


def test_blocks_that_do_not_fit_are_refused():
    q, p = pair()
    z = q.rsample((1,))
    with pytest.raises(VaekitError, match=r"blocks of 3, 5 needs a prior .* has StandardNormal"):
        kl(q, StandardNormal(torch.zeros(8, dtype=torch.float64)), z)
    other = ProductPrior({"style": Normal(2), "class": Categorical(6)}).double()()
    with pytest.raises(VaekitError, match="has Blocks of 2, 6"):
        kl(q, other, z)
    assert kl_by_coordinate(q, other) is None
    assert kl_by_block(q, other, z) is None
    swapped = ProductPrior({"class": Normal(3), "style": Categorical(5)}).double()()
    with pytest.raises(VaekitError, match="blocks style, class, but the prior class, style"):
        kl(q, swapped, z)
    wrong = ProductPrior({"style": Normal(3), "class": Normal(5)}).double()()
    with pytest.raises(VaekitError, match=r"needs a prior over one-hots.*StandardNormal"):
        kl(q, wrong, z)
    gaussian = DiagonalGaussian(*theta(2, 4, 8))
    with pytest.raises(VaekitError, match=r"needs a posterior over one-hots.*DiagonalGaussian"):
        kl(gaussian, p, z)
    with pytest.raises(VaekitError, match="deterministic"):
        kl(Blocks([PointMass(z[0, :, :3]), q.parts[1]]), p, z)


def test_unknown_blocks_are_named():
    q, p = pair()
    z = q.rsample((1,))
    with pytest.raises(VaekitError, match=r"no block 'digit': the blocks are style, class"):
        block(q, p, z, "digit")
    plain = DiagonalGaussian(*theta(2, 4, 8))
    for unnamed in (StandardNormal(torch.zeros(8, dtype=torch.float64)), Blocks(p.parts)):
        with pytest.raises(VaekitError, match="no named blocks"):
            block(plain, unnamed, z, "style")
    with pytest.raises(VaekitError, match="named blocks"):
        kl_of_blocks(plain, StandardNormal(torch.zeros(8, dtype=torch.float64)), z)
    assert blocks(plain, StandardNormal(torch.zeros(8, dtype=torch.float64)), z) is None


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({}, "at least one block"),
        ({"a.b": (Gaussian, 2)}, "without dots"),
        ({"": (Gaussian, 2)}, "needs a name"),
        ({"a": (Gaussian, 0)}, "at least one latent"),
        ({"a": (Gaussian, 2), "b": (RelaxedOneHot, 1)}, "2 categories or more"),
        ({"a": (Dirac, -1)}, "at least one latent"),
    ],
)
def test_bad_blocks_are_refused(kinds, says):
    with pytest.raises(VaekitError, match=says):
        Product(nn.Identity(), kinds)


def test_a_density_of_a_product_counts_every_block():
    made = system().eval()
    q = made.posterior(torch.rand(5, 6))
    z = q.rsample((4,))
    style, kind = q.parts
    expected = style.log_prob(z[..., :3]) + (z[..., 3:] * kind.log_probs).sum(-1)
    torch.testing.assert_close(q.log_prob(z), expected)
    assert not q.independent


# ---- by text


def test_latents_by_name():
    z = Latents(
        {
            "style": ["gaussian", 4, "isa(size=2)"],
            "class": ["relaxed_one_hot(temperature='linear(1, 0.5)', straight_through=true)", 3],
        }
    )
    assert (z.latent, z.width) == (7, 11)
    q, p = z.posterior(nn.Identity()), z.prior()
    assert q.blocks == p.blocks == {"style": slice(0, 4), "class": slice(4, 7)}
    assert q.parts[1].schedule == Linear(1, 0.5)
    assert q.parts[1].straight_through
    assert isinstance(p.parts[1], Categorical)
    assert z.prior() is not p
    short = latents("product(style=[gaussian, 4], digit=[relaxed_one_hot, 10], more=[dirac, 2])")
    assert (short.latent, short.width) == (16, 20)
    assert [type(part).__name__ for part in short.prior().parts] == [
        "Normal",
        "Categorical",
        "Normal",
    ]
    assert posterior("top_k(k=2)", nn.Identity(), 5).k == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("product()", "at least one block"),
        ("product(a=gaussian)", "written name="),
        ("product(a=[gaussian])", "written name="),
        ("product(a=[gaussian, true])", "written name="),
        ("product(a=[gaussian, 2.5])", "written name="),
        ("product(a=[gaussian, 2, 3])", "written name="),
        ("product(a=[gausian, 2])", "Did you mean 'gaussian'"),
        ("product(a=[gaussian, 0])", "at least one latent"),
        ("product(a=[gaussian, 2, nomal])", "Did you mean 'normal'"),
        ("product(a=['relaxed_one_hot(temprature=1)', 2])", "temprature"),
        ("product(a=[relaxed_one_hot, 1])", "2 categories or more"),
        ("prodct(a=[gaussian, 2])", "Did you mean 'product'"),
    ],
)
def test_bad_texts_are_refused(text, says):
    with pytest.raises(VaekitError, match=says):
        latents(text)


# ---- whole systems


@pytest.mark.parametrize("straight_through", [False, True])
@pytest.mark.parametrize("text", LIKELIHOODS)
def test_trains(text, straight_through):
    made = system(text=text, temperature="linear(1, 0.5)", straight_through=straight_through)
    before = {name: p.detach().clone() for name, p in made.named_parameters()}
    data = Dataset.from_array(entries_for(text, 40, 6))
    going = fit(made, Distortion() + KL(), data, Training(epochs=2, batch=10, device="cpu"))
    for _ in going:
        for name, p in made.named_parameters():
            assert p.grad is not None, name
            assert torch.isfinite(p.grad).all()
    for name, p in made.named_parameters():
        assert not torch.equal(before[name], p), name
    assert float(made.posterior.parts[1].temperature) == pytest.approx(1 - 0.5 * 7 / 8)


def test_a_schedule_that_outlasts_the_training_is_refused():
    made = system(temperature="linear(1, 0.5, epochs=3)")
    data = Dataset.from_array(torch.rand(40, 6))
    with pytest.raises(VaekitError, match="ends after 12 steps, but training has only 8"):
        fit(made, Distortion() + KL(), data, Training(epochs=2, batch=10, device="cpu"))


def test_a_resumed_training_equals_the_uninterrupted_one(tmp_path):
    """Though no temperature is saved: it follows from the step."""
    data = Dataset.from_array(torch.rand(40, 6))

    def going(seed):
        made = system(temperature="cosine(1, 0.5)", seed=seed)
        return made, fit(
            made, Distortion() + KL(), data, Training(epochs=3, batch=10, device="cpu")
        )

    whole, first = going(0)
    for _ in first:
        if first.step == 6:
            checkpoint.save_checkpoint(first, tmp_path / "c")
    again, second = going(1)
    checkpoint.load_checkpoint(second, tmp_path / "c")
    for _ in second:
        pass
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_training_step_compiles_whole_and_once():
    """The temperature is read, not compiled in: a schedule moves it without a second compiling."""
    torch._dynamo.reset()
    made = system(temperature=Linear(1.0, 0.5))
    objective = Distortion() + KL()

    def step(x: Tensor) -> Tensor:
        run = made(x)
        rates = kl_of_blocks(run.q, run.prior, run.z)
        return torch.stack([*objective.values(run), *(rate.mean() for rate in rates.values())])

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    x = torch.rand(8, 6)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for at in (0, 30, 100):
            made.posterior.parts[1].set_progress(Progress(at, 100, 10))
            found = []
            for each in (compiled, step):
                torch.manual_seed(at)
                values = each(x)
                made.zero_grad()
                values[:2].sum().backward()
                found.append([values.detach(), *(p.grad.clone() for p in made.parameters())])
            for one, other in zip(*found, strict=True):
                torch.testing.assert_close(one, other)


def test_a_trained_system_is_used_by_its_blocks():
    made = system()
    data = Dataset.from_array(torch.rand(40, 6))
    codes = apply.encode(made, data.batch(torch.arange(40)))
    torch.testing.assert_close(codes[:, 3:].sum(-1), torch.ones(40))
    drawn = apply.encode_set(made, data, draw=True)
    assert torch.equal(drawn.code[:, 3:], hardened(drawn.code[:, 3:]))
    made_up = apply.sample_codes(made, 200)
    assert torch.equal(made_up[:, 3:], hardened(made_up[:, 3:]))
    assert set(made_up[:, 3:].argmax(-1).tolist()) == {0, 1, 2, 3}
    assert apply.sample(made, 5).shape == apply.reconstruct(made, torch.rand(5, 6)).shape == (5, 6)


@torch.no_grad()
def exactly(made: Model, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sum over all K one-hots: log p(x), the ELBO and how log p(x|z) varies, each (n,)."""
    size = made.posterior.latent
    q = made.posterior(x)
    seen = torch.stack(
        [made.likelihood(one.expand(1, len(x), size)).log_prob(x)[0] for one in torch.eye(size)]
    )
    mean = (q.mean.T * seen).sum(0)
    spread = ((q.mean.T * seen**2).sum(0) - mean**2).sqrt()
    return seen.logsumexp(0) - math.log(size), mean - kl(q, made.prior(), x), spread


def test_what_is_judged_is_the_categorical_model():
    """Bounds on log p(x) are held against the sum over all one-hots; relaxed codes would fail."""
    torch.manual_seed(0)
    encoder, size = nn.Sequential(nn.Linear(6, 5)), 5
    likelihood = noise_model("gaussian(sigma=0.3)", small(), (6,), size)
    made = Model(RelaxedOneHot(encoder, size), likelihood, Categorical(size))
    x = torch.rand(300, 6)
    data = Dataset(x)
    with torch.no_grad():
        for p in made.likelihood.parameters():
            p.mul_(2)
    log_p, elbo, spread = exactly(made.eval(), x)
    made.train()
    numbers = evaluate(made, data, samples=100)
    error = float(spread.square().mean().sqrt()) / (300 * 100) ** 0.5
    assert abs(numbers["elbo"]["value"] - float(elbo.mean())) < 4 * error < 0.5
    assert float(elbo.mean()) < float(log_p.mean()) - 1
    with torch.no_grad():  # the law would notice codes that are relaxed
        run = made(x, samples=100)
        found = float((run.p.log_prob(x) - kl(run.q, run.prior, run.z)).mean())
        assert abs(found - float(elbo.mean())) > 8 * error
    bound = log_likelihood(made, data, samples=500)
    assert abs(bound.mean - float(log_p.mean())) < 0.01
    summary = summarise(made, data, n=300, samples=5)
    assert summary["information"]["value"] <= math.log(size)
    pi = made.eval().posterior(x).mean.detach()
    exact = (pi * (pi.log() - pi.mean(0).log())).sum(-1).mean()
    assert abs(summary["information"]["value"] - float(exact)) < 0.05


def test_blocks_are_ranked_with_one_hots_among_them():
    made = system()
    x = torch.rand(60, 6)
    run = made.eval()(x)
    rates = {name: rate.detach() for name, rate in kl_of_blocks(run.q, run.prior, run.z).items()}
    found = rank(made, Dataset(x))
    for each in found:
        assert each.rate.value == pytest.approx(float(rates[each.name].mean()), rel=1e-4)
    assert {each.name: each.where for each in found} == made.posterior.blocks


@pytest.mark.parametrize("straight_through", [False, True])
def test_categories_find_the_clusters(straight_through):
    """Three clusters, five categories, no other code: I(x; z) is ln 3."""
    torch.manual_seed(0)
    centres = torch.tensor([[0.1, 0.1, 0.9, 0.9], [0.9, 0.1, 0.1, 0.5], [0.5, 0.9, 0.5, 0.1]])
    kind = torch.arange(300) % 3
    data = Dataset((centres[kind] + 0.03 * torch.randn(300, 4)).clamp(0, 1))
    nets = small()
    made = Model(
        RelaxedOneHot(nets.encoder((4,), 5), 5, "linear(1, 0.3)", straight_through),
        noise_model("gaussian(sigma=0.1)", nets, (4,), 5),
        Categorical(5),
    )
    training = Training(epochs=50, batch=100, lr=1e-2, device="cpu")
    for _ in fit(made, Distortion() + KL(), data, training):
        pass
    codes = apply.encode(made, data.batch(torch.arange(300)))
    together = codes.mean(0)
    information = (codes * (codes.clamp_min(1e-12).log() - together.log())).sum(-1).mean()
    assert float(information) == pytest.approx(math.log(3), abs=0.03)
    own = torch.stack([codes[kind == k].mean(0) for k in range(3)])
    assert float((own[0] * own[1]).sum() + (own[0] * own[2]).sum() + (own[1] * own[2]).sum()) < 0.02


# ---- terms of one block


def test_the_rate_of_a_block_is_a_term():
    """The rates of all blocks add up to the whole; each may have a weight and a target."""
    torch.manual_seed(0)
    model, _ = joint_vae((6,), style=2, categories=3, network="mlp(8)")
    run = model(torch.rand(20, 6))
    parts = [KL(on=name)(run) for name in ("style", "class")]
    torch.testing.assert_close(sum(parts), KL()(run))
    off = RateTarget(0.5, on="class")(run)
    torch.testing.assert_close(off, (parts[1] - 0.5).abs())
    objective = Distortion() + 2.0 * KL(on="style") + 30.0 * RateTarget(0.5, on="class")
    named = ("distortion", "kl_style", "rate_off_target_class", "rate_class", "target_class")
    assert objective.names == named
    data = Dataset.from_array(torch.rand(60, 6).numpy())
    for now in fit(model, objective, data, Training(epochs=200, batch=60, lr=0.02)):
        if now.step == 150:
            now.means()
    assert now.means()["rate_off_target_class"] < 0.1
    with pytest.raises(VaekitError, match="class"):
        KL(on="clas")(run)
