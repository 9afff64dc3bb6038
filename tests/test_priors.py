import copy
import math

import numpy as np
import pytest
import torch
from parts import noise_model, small, vae
from scipy import stats
from torch import distributions as td
from torch import nn

from vaekit.data import Dataset
from vaekit.distributions import DiagonalGaussian, Mixture, PointMass, StandardNormal, Whole
from vaekit.distributions.coordinates import GeneralizedNormals, log_size
from vaekit.distributions.divergences import kl, kl_by_block, kl_by_coordinate, kl_by_samples
from vaekit.distributions.nested.lp_nested import Layout, LpNestedSymmetric
from vaekit.distributions.product import Blocks
from vaekit.errors import VaekitError
from vaekit.information.ranking import rank
from vaekit.model import Model
from vaekit.objectives import KL, Distortion
from vaekit.posteriors import Dirac, Gaussian
from vaekit.priors import (
    Categorical,
    GeneralizedNormal,
    Logistic,
    LpNested,
    MixtureOfGaussians,
    Normal,
    Product,
    StudentT,
    Vamp,
    isa,
    prior,
)
from vaekit.recipes.making.assembly import assembled
from vaekit.training import Training, fit

# Trees of three leaves: flat, two levels, ragged, leaves at three heights, a node of one child.
TREES = {
    "flat": [1.7, 3],
    "isa": [2.1, [1.4, 2], [3.0, 1]],
    "eq 6": [1.5, 1, [4.0, 2]],
    "deep": [2.5, 1, [1.3, 1, [1.8, 1]]],
    "chain": [2.0, [3.0, [1.5, 3]]],
    "cusped": [0.8, [0.6, 2], 1],
}


def encoder(latent, entries=6):
    torch.manual_seed(0)
    return Gaussian(small().encoder((entries,), 2 * latent), latent)


def every(latent):
    """Build a prior of each kind, and of each way to set it."""
    torch.manual_seed(3)
    half = latent // 2
    found = {
        "logistic": Logistic(latent),
        "generalized normal": GeneralizedNormal(latent, 1.3),
        "student t": StudentT(latent, 12.0),
        "generalized normal, light": GeneralizedNormal(latent, 6.0, unit_variance=True),
        "generalized normal, learned": GeneralizedNormal(latent, 2.5, 1.5, learned=True),
        "isa": isa(2.1, [(2.2, half), (1.9, latent - half)]),
        "isa, unit variance": isa(1.5, [(4.0, half), (1.2, latent - half)], unit_variance=True),
        "isa, scaled and learned": isa(2.1, [(2.0, latent)], 1.7, learned="all"),
        "product": Product({"a": Logistic(half), "b": isa(2.1, [(1.5, latent - half)])}),
        "mixture": MixtureOfGaussians(latent, 3),
        "vamp": Vamp(encoder(latent), (6,), 4),
    }
    if latent == 3:
        found |= {f"tree, {name}": LpNested(tree) for name, tree in TREES.items()}
    return found


def doubled(prior):
    """Return a prior in float64; a vamp prior reads an encoder that is not its own."""
    if isinstance(prior, Vamp):
        prior._posterior[0].double()
    return prior.double()


def integral(log_density, n, reach=24.0, points=22, panels=1):
    """Integrate over ±reach in n dimensions, with nodes that crowd at the axes: z = ± reach t³."""
    t, w = np.polynomial.legendre.leggauss(points)
    t = np.concatenate([(t + 1 + 2 * k) / (2 * panels) for k in range(panels)])
    w = np.tile(w / (2 * panels), panels)
    nodes = torch.tensor(np.concatenate([-reach * t**3, reach * t**3]))
    weights = torch.tensor(np.tile(w * 3 * reach * t**2, 2))
    z = torch.cartesian_prod(*[nodes] * n)
    area = torch.cartesian_prod(*[weights] * n).prod(-1)
    return float((log_density(z).exp() * area).sum())


def uniform(p_values):
    assert min(p_values) > 1e-4
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


# ---- densities integrate to one


@pytest.mark.parametrize("name", every(2))
def test_integrates_to_one_in_the_plane(name):
    with torch.no_grad():
        p = doubled(every(2)[name])()
        assert abs(integral(p.log_prob, 2, points=80) - 1) < 1e-4


@pytest.mark.parametrize("name", every(3))
def test_integrates_to_one_in_space(name):
    reach = 60.0 if "cusped" in name else 16.0
    with torch.no_grad():
        p = doubled(every(3)[name])()
        assert abs(integral(p.log_prob, 3, reach, points=44) - 1) < 1e-4


def test_the_integral_would_notice():
    p = LpNested(TREES["deep"]).double()()
    wrong = integral(lambda z: p.log_prob(z) + 2e-4, 3, 16.0, 44)
    assert abs(wrong - 1) > 1e-4


# ---- special cases


def test_all_exponents_two_are_the_standard_normal():
    z = 2 * torch.randn(50, 6, dtype=torch.float64)
    normal = Normal(6).double()().log_prob(z)
    trees = [[2, 6], [2, [2, 3], [2, 3]], [2, 1, [2, 2, [2, 1], [2, 2]]]]
    for tree in trees:
        for made in (LpNested(tree, scale=2), LpNested(tree, unit_variance=True)):
            single = made().log_prob(z.float())
            torch.testing.assert_close(doubled(made)().log_prob(z), normal, rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(single, normal.float(), rtol=1e-6, atol=1e-5)
    gennorm = GeneralizedNormal(6, 2.0, scale=2.0).double()()
    torch.testing.assert_close(gennorm.log_prob(z), normal, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("p", [0.7, 1.0, 1.5, 3.0, 9.0])
def test_equal_exponents_are_the_generalised_normal_and_scipys(p):
    z, s = 1.5 * torch.randn(40, 5, dtype=torch.float64), 1.4
    factorial = GeneralizedNormal(5, p, s).double()()
    for tree in ([p, 5], [p, [p, 2], [p, 3]], [p, 2, [p, 1, [p, 2]]]):
        torch.testing.assert_close(
            LpNested(tree, s).double()().log_prob(z), factorial.log_prob(z), rtol=1e-6, atol=1e-6
        )
    by_scipy = torch.tensor(stats.gennorm(p, scale=s ** (1 / p)).logpdf(z.numpy()))
    torch.testing.assert_close(factorial.log_prob_by_coordinate(z), by_scipy, rtol=1e-6, atol=1e-6)


def test_density_is_equations_7_and_11():
    """The textbook form, with the surface of eq. 8 written out for eq. 6's tree."""
    p0, p1, s = 1.5, 4.0, 1.3
    z = torch.randn(20, 3, dtype=torch.float64)
    f = (z[:, 0].abs() ** p0 + (z[:, 1:].abs() ** p1).sum(-1) ** (p0 / p1)) ** (1 / p0)
    g = math.lgamma
    surface = 3 * math.log(2) + g(1 / p0) + g(2 / p0) - math.log(p0) - g(3 / p0)
    surface += 2 * g(1 / p1) - math.log(p1) - g(2 / p1)
    radial = math.log(p0) + 2 * f.log() - f**p0 / s - g(3 / p0) - 3 / p0 * math.log(s)
    found = LpNested([p0, 1, [p1, 2]], s).double()().log_prob(z)
    torch.testing.assert_close(found, radial - 2 * f.log() - surface, rtol=1e-6, atol=1e-6)


def test_surface_of_the_circle():
    """ln S_f(1) = ln 2π for two coordinates with p = 2: ln p(0) = −ln π at s = 1."""
    assert math.isclose(LpNested([2, 2]).double()().log_constant, -math.log(math.pi))


def test_nodes_of_one_child_change_nothing():
    z = torch.randn(9, 3, dtype=torch.float64)
    plain, wrapped = [1.7, 1, [2.4, 2]], [1.7, [5.0, 1], [0.4, [2.4, [3.0, 1], 1]]]
    one, other = LpNested(plain).double()(), LpNested(wrapped).double()()
    torch.testing.assert_close(one.log_prob(z), other.log_prob(z), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(one.variance, other.variance, rtol=1e-6, atol=1e-6)


def test_logistic():
    p = Logistic(2).double()()
    torch.testing.assert_close(p.variance, torch.ones(2, dtype=torch.float64))
    scale = math.sqrt(3) / math.pi
    z = torch.linspace(-40, 40, 81, dtype=torch.float64)
    by_scipy = torch.tensor(stats.logistic(scale=scale).logpdf(z.numpy()))
    pair = torch.stack([z, z], -1)
    torch.testing.assert_close(p.log_prob_by_coordinate(pair)[:, 0], by_scipy)
    fine = torch.linspace(-40, 40, 20001, dtype=torch.float64)
    log_p = p.log_prob_by_coordinate(torch.stack([fine, fine], -1))[:, 0]
    entropy = -(log_p.exp() * log_p).sum() * (fine[1] - fine[0])
    assert math.isclose(entropy, math.log(scale) + 2, abs_tol=1e-6)
    assert math.isclose(entropy, 1.4046, abs_tol=5e-5)


# ---- finite everywhere

FAR = [0.0, 1e-40, 1e-30, 1e-3, 1.0, 1e3]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", every(3))
def test_values_and_gradients_are_finite(name, kind):
    """At 0, on the axes, near them and far out; also the gradients of learned exponents."""
    made = every(3)[name]
    points = torch.cartesian_prod(*[torch.tensor(FAR, dtype=kind)] * 3)
    z = torch.cat([points, -points]).requires_grad_()
    log_p = doubled(made)().log_prob(z)
    assert torch.isfinite(log_p).all()
    # 1e3 ** 6 nats are a number, but 1e3 ** 20 would leave float32.
    wanted = [z, *(p for p in made.parameters() if p.requires_grad)]
    for gradient in torch.autograd.grad(log_p.sum(), wanted):
        assert torch.isfinite(gradient).all()


def test_steep_subspaces_do_not_overflow_inside():
    """|z|^40 at 1e3 is beyond float32; f^2.1, which the density reads, is not."""
    z = torch.tensor([[1e3, 5.0, 0.0, -1e3]], requires_grad=True)
    log_p = LpNested([2.1, [40.0, 2], [40.0, 2]])().log_prob(z)
    torch.testing.assert_close(log_p, torch.tensor([-2 * 1e3**2.1]), rtol=1e-5, atol=0.0)
    (gradient,) = torch.autograd.grad(log_p.sum(), z)
    slope = 2.1 * 1e3**1.1
    torch.testing.assert_close(
        gradient, torch.tensor([[-slope, 0.0, 0.0, slope]]), rtol=1e-4, atol=0
    )


def test_size_has_no_gradient_at_zero():
    z = torch.zeros(2, requires_grad=True)
    log_size(z).sum().backward()
    assert torch.equal(z.grad, torch.zeros(2))


@pytest.mark.parametrize("name", [n for n in every(3) if n != "vamp"])
def test_gradients_equal_differences(name):
    made = every(3)[name].double()
    z = (torch.randn(4, 3, dtype=torch.float64) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: doubled(made)().log_prob(z), (z,))
    for parameter in made.parameters():

        def density(value, parameter=parameter):
            with torch.no_grad():
                kept = parameter.clone()
            names = {id(p): n for n, p in made.named_parameters()}
            found = torch.func.functional_call(made, {names[id(parameter)]: value}, (z.detach(),))
            assert torch.equal(kept, parameter)
            return found.log_prob(z.detach())

        assert torch.autograd.gradcheck(density, (parameter.detach().clone().requires_grad_(),))


# ---- samples


@pytest.mark.parametrize("name", TREES)
def test_radius_of_samples(name):
    """f^{p0}/s ~ Gamma(n/p0), whatever the tree."""
    tree, found = TREES[name], []
    made = LpNested(tree, scale=1.6)
    for seed in range(30):
        torch.manual_seed(seed)
        p = doubled(made)()
        power = p.log_constant - p.log_prob(p.sample((1000,)))
        found.append(stats.kstest(power.numpy(), stats.gamma(3 / tree[0]).cdf).pvalue)
    uniform(found)


@pytest.mark.parametrize("name", every(2))
def test_samples_follow_the_density_in_the_plane(name):
    """χ² of 8 × 8 cells whose mass is integrated from the density."""
    made = every(2)[name].eval()
    edges = np.array([-np.inf, -1.4, -0.7, -0.25, 0.0, 0.3, 0.8, 1.5, np.inf])
    finite = np.clip(edges, -24, 24)
    found = []
    with torch.no_grad():
        p = doubled(made)()
        mass = np.zeros((8, 8))
        t, w = np.polynomial.legendre.leggauss(40)
        for i in range(8):
            for j in range(8):
                spots = []
                for a, b in ((finite[i], finite[i + 1]), (finite[j], finite[j + 1])):
                    # nodes crowd at the end nearer to 0, in long cells and beside a cusp
                    x = ((t + 1) / 2) ** 3
                    near, far = (a, b) if abs(a) < abs(b) else (b, a)
                    jump = w / 2 * 3 * ((t + 1) / 2) ** 2 * abs(b - a)
                    spots.append((near + (far - near) * x, jump))
                z = torch.cartesian_prod(torch.tensor(spots[0][0]), torch.tensor(spots[1][0]))
                area = np.outer(spots[0][1], spots[1][1]).ravel()
                mass[i, j] = (p.log_prob(z).exp().numpy() * area).sum()
        assert abs(mass.sum() - 1) < 1e-4
        for seed in range(24):
            torch.manual_seed(seed)
            z = p.sample((4000,)).numpy()
            counts = np.histogram2d(z[:, 0], z[:, 1], [edges, edges])[0].ravel()
            expected = (mass / mass.sum()).ravel() * 4000
            keep = expected >= 5
            counts = np.append(counts[keep], counts[~keep].sum())
            expected = np.append(expected[keep], expected[~keep].sum() + 1e-9)
            found.append(stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue)
    uniform(found)


def test_the_goodness_of_fit_would_notice():
    """Samples of p = 2.2 are told from the density of p = 2.6."""
    found = []
    for seed in range(30):
        torch.manual_seed(seed)
        z = isa(2.2, [(2.2, 3)]).double()().sample((1000,))
        p = isa(2.6, [(2.6, 3)]).double()()
        power = p.log_constant - p.log_prob(z)
        found.append(stats.kstest(power.numpy(), stats.gamma(3 / 2.6).cdf).pvalue)
    with pytest.raises(AssertionError):
        uniform(found)


@pytest.mark.parametrize("name", every(3))
def test_moments(name):
    torch.manual_seed(0)
    with torch.no_grad():
        p, n = doubled(every(3)[name])(), 200_000
        z = p.sample((n,))
        assert torch.all((z.mean(0) - p.mean).abs() < 5 * (p.variance / n).sqrt())
        spread = (z - p.mean) ** 2
        assert torch.all((spread.mean(0) - p.variance).abs() < 5 * spread.std(0) / n**0.5)


@pytest.mark.parametrize("learned", ["no", "inner"])
@pytest.mark.parametrize(
    "tree", [[2.1, [2.2, 4], [1.3, 2], 1], [1.2, [5.0, 2], [1.7, 1, [3.0, 2]]]], ids=str
)
def test_unit_variance(tree, learned):
    made = LpNested(tree, unit_variance=True, learned=learned)
    p = doubled(made)()
    torch.testing.assert_close(p.variance, torch.ones_like(p.variance), rtol=1e-6, atol=1e-6)
    torch.manual_seed(0)
    z = p.sample((200_000,)).detach()
    error = 5 * (z**2).std(0) / len(z) ** 0.5
    assert torch.all(((z**2).mean(0) - 1).abs() < error)


def test_subspaces_are_independent_and_coordinates_are_not():
    """Covariance of squares: 0 between the root's children only; the density is their product."""
    torch.manual_seed(0)
    made = isa(1.4, [(4.0, 2), (4.0, 3)])
    p, n = doubled(made)(), 200_000
    squares = p.sample((n,)) ** 2
    centred = squares - squares.mean(0)
    block = torch.tensor([0, 0, 1, 1, 1])
    for i in range(5):
        for j in range(i):
            both = centred[:, i] * centred[:, j]
            scale = both.mean() / (both.std() / n**0.5)
            assert (abs(scale) < 4.5) if block[i] != block[j] else (abs(scale) > 10)
    z = torch.randn(30, 5, dtype=torch.float64)
    parts = p.log_prob_by_block(z)
    torch.testing.assert_close(parts.sum(-1), p.log_prob(z), rtol=1e-6, atol=1e-6)
    alone = LpNested([1.4, [4.0, 3]]).double()()
    torch.testing.assert_close(parts[:, 1], alone.log_prob(z[:, 2:]), rtol=1e-6, atol=1e-6)
    assert made.blocks == {"subspace0": slice(0, 2), "subspace1": slice(2, 5)}


@pytest.mark.parametrize("tree", [[2.1, [1.6, 2], [3.0, 1, [2.2, 2]]]])
def test_samples_carry_the_gradient_in_exponents(tree):
    """d E[z_j²]/dp by reparameterised samples against the closed form of the variance."""
    torch.manual_seed(0)
    layout = Layout(tree)
    p = torch.tensor(layout.exponents, dtype=torch.float64, requires_grad=True)
    exact = torch.autograd.functional.jacobian(lambda p: LpNestedSymmetric(layout, p).variance, p)
    n, found = 2000, []
    for _ in range(40):
        z = LpNestedSymmetric(layout, p).rsample((n,))
        found.append(
            torch.stack([torch.autograd.grad(v, p, retain_graph=True)[0] for v in (z**2).mean(0)])
        )
    each = torch.stack(found)
    error = each.std(0) / len(each) ** 0.5
    assert torch.all((each.mean(0) - exact).abs() < 4.5 * error + 1e-12)
    assert torch.all(error < 0.05)


def test_samples_of_coordinates_carry_gradients():
    torch.manual_seed(0)
    p = torch.tensor([1.3, 2.0, 5.0], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([0.2, -0.5, 0.0], dtype=torch.float64, requires_grad=True)
    d = GeneralizedNormals(p, a)
    exact = torch.autograd.grad(d.variance.sum(), (p, a))
    squares = d.rsample((400_000,)) ** 2
    found = torch.autograd.grad(squares.mean(0).sum(), (p, a))
    for one, other in zip(found, exact, strict=True):
        torch.testing.assert_close(one, other, rtol=0.03, atol=0.01)


def test_a_blend_of_learned_shares_refuses_the_gradient():
    made = MixtureOfGaussians(2, 3)
    p = made(torch.zeros(1))
    assert not p.has_rsample
    with pytest.raises(NotImplementedError):
        p.rsample()
    fixed = Vamp(encoder(2), (6,), 3)()
    assert fixed.has_rsample
    assert fixed.rsample((4, 5)).shape == (4, 5, 2)
    assert fixed.rsample((4,)).requires_grad
    assert not fixed.sample((4,)).requires_grad


# ---- learned exponents


def test_learned_exponents_are_found():
    """Maximum likelihood on samples of p = 1.5 and 4 finds them, from 2."""
    torch.manual_seed(0)
    data = isa(2.1, [(1.5, 3), (4.0, 3)])().sample((2000,))
    made = isa(2.1, [(2.0, 3), (2.0, 3)], learned=True)
    assert [n for n, _ in made.named_parameters()] == ["exponents.free"]
    optimiser = torch.optim.Adam(made.parameters(), 0.1)
    for _ in range(80):
        optimiser.zero_grad()
        (-made(data).log_prob(data).mean()).backward()
        optimiser.step()
    found = made.exponents(torch.float32)
    assert found[0] == 2.1
    torch.testing.assert_close(found[1:].detach(), torch.tensor([1.5, 4.0]), rtol=0.12, atol=0.0)


def test_what_is_learned_has_a_rate_of_its_own():
    made = isa(2.1, [(2.0, 2)] * 2, learned="all", rate=1e-3)
    assert made.exponents.adam == {"lr": 1e-3, "weight_decay": 0.0}
    assert made.exponents.free.shape == (3,)
    assert not hasattr(isa(2.1, [(2.0, 2)]).exponents, "adam")
    assert not list(isa(2.1, [(2.0, 2)]).parameters())
    each = GeneralizedNormal(4, 1.5, learned=True)
    assert each.exponents.free.shape == (4,)
    start = each.exponents(torch.float32).detach()
    torch.testing.assert_close(start, torch.full((4,), 1.5))


def test_learned_exponents_stay_above_one():
    made = GeneralizedNormal(1, 1.5, learned=True)
    with torch.no_grad():
        made.exponents.free.fill_(-30.0)
        assert made.exponents(torch.float64) > 1
        assert torch.isfinite(
            doubled(made)().log_prob(torch.zeros(1, 1, dtype=torch.float64))
        ).all()


# ---- the machine: text, saving, compiling, training


def test_text():
    made = prior("isa(p0=2.1, p=2.2, size=4)", 20)
    assert made.layout.exponents == [2.1, 2.2, 2.2, 2.2, 2.2, 2.2]
    assert made.layout.blocks == [4] * 5
    assert prior("isa(size=[3, 5], p=[1.9, 2.2])", 8).layout.blocks == [3, 5]
    assert isinstance(prior("normal", 3), Normal)
    assert isinstance(prior("logistic", 3), Logistic)
    assert prior("generalized_normal(p=1.2, unit_variance=true)", 3).unit_variance
    assert prior("mixture(7)", 3).means.shape == (7, 3)
    assert prior("lp_nested([2.1, 1, [2.2, 2]])", 3).layout.blocks == [1, 2]
    both = prior("product(style=['isa(size=2)', 4], rest=[normal, 3])", 7)
    assert both.blocks == {"style": slice(0, 4), "rest": slice(4, 7)}
    assert prior("vamp(5)", 3, encoder(3), (6,)).free.shape == (5, 6)


@pytest.mark.parametrize(
    ("text", "latent", "says"),
    [
        ("isaa", 4, "Did you mean 'isa'"),
        ("gaussian", 4, "unknown prior"),
        ("isa(size=3)", 4, "do not fill 4 latents"),
        ("isa(size=0)", 4, "do not fill 4 latents"),
        ("isa(size=[2, 2], p=[2.2])", 4, "2 subspaces need as many exponents"),
        ("isa(size=[2, 3])", 4, "over 5 coordinates, but the code has 4"),
        ("isa(size=[4, 0])", 4, "at least one coordinate"),
        ("isa(p0=0)", 4, "exponent must be a finite number > 0"),
        ("isa(p=-1)", 4, "exponent must be a finite number > 0"),
        ("isa(p=inf)", 4, "exponent must be a finite number > 0"),
        ("isa(scale=0)", 4, "scale > 0"),
        ("isa(scale=2, unit_variance=true)", 4, "leave out scale"),
        ("isa(learned=inne)", 4, "Did you mean 'inner'"),
        ("isa(p=0.9, learned=true)", 4, "stays above 1"),
        ("isa(learned=true, rate=0)", 4, "rate must be"),
        ("lp_nested([2.1, 2])", 4, "over 2 coordinates, but the code has 4"),
        ("lp_nested([2.1])", 4, "is empty"),
        ("lp_nested([])", 4, "a tree is"),
        ("lp_nested(4)", 4, "a tree is"),
        ("lp_nested([2.1, [2.2, 0]])", 4, "at least one leaf"),
        ("lp_nested([2.1, 2.5])", 4, "a tree is"),
        ("lp_nested([true, 4])", 4, "exponent must be"),
        ("generalized_normal(p=0)", 4, "exponent must be a finite number > 0"),
        ("generalized_normal(scale=-1)", 4, "scale > 0"),
        ("logistic(scale=0)", 4, "scale > 0"),
        ("mixture(0)", 4, "1 component or more"),
        ("vamp(5)", 4, "needs the encoder"),
        ("product(a=3)", 4, "written name="),
        ("product(a=[normal, 3])", 4, "over 3 coordinates, but the code has 4"),
        ("product()", 4, "at least one block"),
        ("normal", 0, "at least one latent"),
        ("logistic", 0, "at least one latent"),
        ("generalized_normal", 0, "at least one latent"),
        ("mixture(3)", 0, "at least one latent"),
    ],
)
def test_bad_text_is_refused(text, latent, says):
    with pytest.raises(VaekitError, match=says):
        prior(text, latent)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GeneralizedNormal(2.5), "latent must be a whole number"),
        (lambda: Normal("8"), "latent must be a whole number, as in latent=8"),
        (lambda: Categorical(2.5), "latent must be a whole number"),
        (lambda: Dirac(nn.Identity(), 2.5), "latent must be a whole number"),
        (lambda: GeneralizedNormal(3, learned="inner"), "learned must be True or False"),
        (lambda: LpNested([2, 3], unit_variance="no"), "unit_variance must be True or False"),
        (lambda: LpNested([2, 3], scale="a"), "scale must be a number"),
        (lambda: isa(subspaces=[3]), "a subspace is a pair"),
        (lambda: Product([Normal(3)]), "blocks have names"),
    ],
)
def test_what_is_of_another_kind_is_refused(make, said):
    with pytest.raises(VaekitError, match=said):
        make()


def test_bad_parts_are_refused():
    with pytest.raises(VaekitError, match="at least one subspace"):
        isa(2.1, [])
    with pytest.raises(VaekitError, match="3 leaves, but the code has 4"):
        LpNested([2, 3])().log_prob(torch.zeros(2, 4))
    with pytest.raises(VaekitError, match="without dots"):
        Product({"a.b": Normal(2)})
    with pytest.raises(VaekitError, match="1 pseudo-input or more"):
        Vamp(encoder(2), (6,), 0)
    with pytest.raises(VaekitError, match="low < high"):
        Vamp(encoder(2), (6,), 2, low=1.0)
    with pytest.raises(VaekitError, match="no condition"):
        Vamp(encoder(2), (6,), 2)(torch.zeros(1, 3))
    with pytest.raises(VaekitError, match="PointMass"):
        Vamp(Dirac(small().encoder((6,), 2), 2), (6,), 2)()
    with pytest.raises(VaekitError, match="the examples"):
        Vamp(encoder(2), (6,), 2).start(torch.zeros(3, 6))


@pytest.mark.parametrize("name", every(4))
def test_compiles_whole(name):
    torch._dynamo.reset()
    made = every(4)[name]
    z = torch.randn(8, 4)

    def density(z):
        return made().log_prob(z)

    compiled = torch.compile(density, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(z), density(z))
    one, other = z.clone().requires_grad_(), z.clone().requires_grad_()
    compiled(one).sum().backward()
    density(other).sum().backward()
    torch.testing.assert_close(one.grad, other.grad)


def test_a_vamp_prior_is_the_encoder_at_its_pseudo_inputs():
    q = encoder(2)
    made = Vamp(q, (6,), 3)
    assert [n for n, _ in made.named_parameters()] == ["free"]
    u = made.pseudo_inputs()
    assert bool(((u > 0) & (u < 1)).all())
    z = torch.randn(7, 2)
    members = [DiagonalGaussian(q(u).mean[k], q(u).log_std[k]) for k in range(3)]
    expected = torch.stack([m.log_prob(z) for m in members]).logsumexp(0) - math.log(3)
    torch.testing.assert_close(made().log_prob(z), expected)
    x = torch.rand(3, 6) * 0.9 + 0.05
    made.start(x)
    torch.testing.assert_close(made.pseudo_inputs(), x)


def test_a_vamp_prior_asks_for_the_range_of_the_data():
    def made(text: str) -> Model:
        return assembled((3,), 2, "mlp(8)", "squared_error", prior=text)

    wide = Dataset.from_array(torch.linspace(-1.5, 2.5, 30).reshape(10, 3))
    with pytest.raises(VaekitError, match=r"span \[-1.5, 2.5\]: write vamp\(4, low=-2, high=3\)"):
        fit(made("vamp(4)"), Distortion(), wide, Training(batch=5, epochs=1))
    for _ in fit(made("vamp(4, low=-2, high=3)"), Distortion(), wide, Training(batch=5, epochs=1)):
        pass
    fit(made("vamp(4)"), Distortion(), Dataset.from_array(torch.rand(10, 3)), Training(batch=5))
    fit(made("normal"), Distortion(), wide, Training(batch=5))


def test_a_vamp_model_saves_its_encoder_once_and_copies_whole():
    q = encoder(2)
    model = Model(q, noise_model("bernoulli", small(), (6,), 2), Vamp(q, (6,), 3))
    names = [n for n in model.state_dict() if n.startswith("prior")]
    assert names == ["prior.free"]
    twin = copy.deepcopy(model)
    assert twin.prior._posterior[0] is twin.posterior
    assert twin.prior._posterior[0] is not q
    twin.double()
    z = torch.zeros(1, 2, dtype=torch.float64)
    assert twin.prior().log_prob(z).dtype == torch.float64


PRIOR_TEXTS = [
    "logistic",
    "generalized_normal(p=1.5, learned=true)",
    "isa(size=2, learned=true)",
    "isa(size=2, unit_variance=true)",
    "mixture(3)",
    "vamp(4)",
    "product(a=['isa(size=2)', 2], b=[normal, 2])",
]


@pytest.mark.parametrize("analytic", [True, False])
@pytest.mark.parametrize("text", PRIOR_TEXTS)
def test_trains(text, analytic):
    torch.manual_seed(0)
    q = encoder(4)
    model = Model(q, noise_model("bernoulli", small(), (6,), 4), prior(text, 4, q, (6,)))
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    data = Dataset.from_array(torch.rand(60, 6))
    training = Training(epochs=3, batch=20, device="cpu")
    going = fit(model, Distortion() + KL(analytic), data, training)
    for _ in going:
        pass
    assert all(math.isfinite(v) for v in going.means().values())
    for name, parameter in model.named_parameters():
        assert not torch.equal(before[name], parameter), name
        assert torch.isfinite(parameter).all()


# ---- divergences


def gaussians(*shape, seed=0):
    seeded = torch.Generator().manual_seed(seed)
    draw = 0.5 * torch.randn(2, *shape, generator=seeded, dtype=torch.float64)
    return [t.requires_grad_() for t in draw]


def test_the_path_derivative_is_unbiased_and_has_less_noise():
    """Both forms have the mean gradient of the closed KL; the path form has less noise."""
    mean, log_std = gaussians(1, 3)
    p = StandardNormal(torch.zeros(3, dtype=torch.float64))
    exact = torch.autograd.grad(kl(DiagonalGaussian(mean, log_std), p, mean), (mean, log_std))
    torch.manual_seed(0)
    noise = {}
    for path in (False, True):
        many = [t.detach().expand(20_000, 3).clone().requires_grad_() for t in (mean, log_std)]
        q = DiagonalGaussian(*many)
        z = q.rsample((1,))
        value = kl_by_samples(q, p, z, path)
        torch.testing.assert_close(value, (q.log_prob(z) - p.log_prob(z)).mean(0))
        found = torch.autograd.grad(value.sum(), many)
        for each, whole in zip(found, exact, strict=True):
            error = each.std(0) / len(each) ** 0.5
            assert torch.all((each.mean(0) - whole[0]).abs() < 4.5 * error)
        noise[path] = torch.cat([each.var(0) for each in found])
    # Near the prior; in μ alone a wide q may have more.
    assert noise[True].sum() < noise[False].sum()


def test_the_path_derivative_has_no_noise_at_the_prior():
    zero = [torch.zeros(50, 3, requires_grad=True) for _ in range(2)]
    q = DiagonalGaussian(*zero)
    value = kl_by_samples(
        q, StandardNormal(torch.zeros(3, dtype=torch.float64)), q.rsample((1,)), path=True
    )
    for gradient in torch.autograd.grad(value.sum(), zero):
        torch.testing.assert_close(gradient, torch.zeros(50, 3))
    q = DiagonalGaussian(*zero)
    plain = kl_by_samples(q, StandardNormal(torch.zeros(3, dtype=torch.float64)), q.rsample((1,)))
    assert torch.autograd.grad(plain.sum(), zero[1])[0].abs().max() > 0.5


def test_the_path_needs_parameters():
    q = Whole(td.Independent(td.Normal(torch.zeros(1, 2), 1.0), 1))
    with pytest.raises(VaekitError, match="does not show its parameters"):
        kl_by_samples(q, Normal(2)(), q.rsample((1,)), path=True)
    q = PointMass(torch.zeros(3, 2))
    with pytest.raises(VaekitError, match="deterministic"):
        kl(q, Logistic(2)(), q.rsample((1,)), path=True)


def test_kl_to_a_product_is_closed_where_its_blocks_are():
    q = DiagonalGaussian(*gaussians(5, 4))
    whole = Product({"a": Normal(1), "b": Product({"c": Normal(1), "d": Normal(2)})}).double()()
    torch.manual_seed(0)
    z = q.rsample((3,))
    normal = StandardNormal(torch.zeros(4, dtype=torch.float64))
    torch.testing.assert_close(kl(q, whole, z), kl(q, normal, z))
    torch.testing.assert_close(kl_by_coordinate(q, whole), kl_by_coordinate(q, normal))
    mixed = Product({"a": Normal(2), "b": isa(2.1, [(2.2, 2)])}).double()()
    assert kl_by_coordinate(q, mixed) is None
    half = DiagonalGaussian(q.mean[:, :2], q.log_std[:, :2])
    rest = DiagonalGaussian(q.mean[:, 2:], q.log_std[:, 2:])
    expected = kl(half, StandardNormal(torch.zeros(2, dtype=torch.float64)), z[..., :2])
    expected = expected + kl_by_samples(rest, isa(2.1, [(2.2, 2)]).double()(), z[..., 2:])
    torch.testing.assert_close(kl(q, mixed, z), expected)


def test_kl_to_the_isa_prior_by_quadrature():
    """E_q log p of one coordinate, against the Monte-Carlo KL over many samples."""
    torch.manual_seed(0)
    q = DiagonalGaussian(*(t.detach() for t in gaussians(1, 2)))
    p = isa(2.1, [(1.5, 2)]).double()()
    n = 200_000
    z = q.rsample((n,))
    each = q.log_prob(z) - p.log_prob(z)
    exact = 0.0
    t, w = np.polynomial.hermite_e.hermegauss(200)
    nodes = torch.tensor(t)
    grid = torch.cartesian_prod(nodes, nodes) * q.std + q.mean
    weights = torch.tensor(np.outer(w, w).ravel() / (2 * np.pi))
    exact = float((weights * (q.log_prob(grid) - p.log_prob(grid))).sum())
    assert abs(float(kl(q, p, z)) - exact) < 4 * float(each.std()) / n**0.5 + 1e-3


def test_a_product_knows_coordinates_where_all_its_blocks_do():
    z = torch.randn(4, 3)
    known = Product({"a": Logistic(1), "b": GeneralizedNormal(2)}).double()()
    torch.testing.assert_close(known.log_prob_by_coordinate(z).sum(-1), known.log_prob(z))
    assert (
        known.independent and not Product({"a": Normal(1), "b": isa(2.1, [(2.2, 2)])})().independent
    )
    pair = DiagonalGaussian(torch.zeros(5, 2), torch.zeros(5, 2)), StandardNormal(torch.zeros(1))
    batch = Blocks(pair)
    assert batch.batch_shape == (5,)
    assert batch.sample((4,)).shape == (4, 5, 3)
    assert batch.mean.shape == batch.variance.shape == (5, 3)
    assert batch.log_prob(batch.rsample((4,))).shape == (4, 5)


def test_a_blend_of_one_is_its_member():
    mean, log_std = (t.detach() for t in gaussians(1, 3))
    one = Mixture(DiagonalGaussian(mean, log_std), torch.zeros(1, dtype=torch.float64))
    z = torch.randn(6, 3, dtype=torch.float64)
    torch.testing.assert_close(one.log_prob(z), DiagonalGaussian(mean[0], log_std[0]).log_prob(z))


# ---- which subspaces are used


class Known(nn.Module):
    """Encode the first two entries sharply into z0, z1, and leave the rest at the prior."""

    def forward(self, x):
        mean = torch.cat([2 * x[:, :2] - 1, torch.zeros(len(x), 4)], 1)
        log_variance = torch.full((6,), -0.5)
        log_variance[:2] = -6.0
        return torch.cat([mean, log_variance.expand(len(x), 6)], 1)


def test_blocks_are_ranked_by_rate():
    torch.manual_seed(0)
    likelihood = noise_model("bernoulli", small(), (6,), 6)
    model = Model(Gaussian(Known(), 6), likelihood, isa(2.1, [(2.2, 2)] * 3))
    data = Dataset.from_array(torch.rand(300, 6))
    state = torch.get_rng_state()
    found = rank(model, data)
    assert torch.equal(torch.get_rng_state(), state)
    assert found[0].name == "subspace0"
    assert found[0].where == slice(0, 2)
    assert found[0].rate.value > 3
    assert found[1].rate.value < 0.5
    run = model(data.batch(torch.arange(300)), samples=200)
    whole = kl(run.q, run.prior, run.z).mean()
    assert abs(sum(b.rate.value for b in found) - float(whole)) < 0.05
    assert kl_by_block(run.q, StandardNormal(torch.zeros(6, dtype=torch.float64)), run.z) is None
    with pytest.raises(VaekitError, match="no blocks"):
        rank(vae(), Dataset.from_array(torch.rand(10, 6)))


def test_blocks_of_normals_have_closed_rates():
    torch.manual_seed(0)
    product = Product({"a": Normal(2), "b": Normal(4)})
    model = Model(Gaussian(Known(), 6), noise_model("bernoulli", small(), (6,), 6), product)
    data = Dataset.from_array(torch.rand(50, 6))
    first, second = rank(model, data)
    q = model.posterior(data.batch(torch.arange(50)))
    exact = kl_by_coordinate(q, StandardNormal(torch.zeros(6, dtype=torch.float64))).mean(0)
    assert math.isclose(first.rate.value, float(exact[:2].sum()), rel_tol=1e-5)
    assert math.isclose(second.rate.value, float(exact[2:].sum()), rel_tol=1e-5)


def test_student_t_is_scipys_and_tends_to_the_normal():
    z = torch.linspace(-8, 8, 41, dtype=torch.float64)[:, None]
    heavy = doubled(StudentT(1, 3.0, 0.7))().log_prob(z)
    expected = torch.from_numpy(stats.t.logpdf(z[:, 0].numpy(), 3.0, scale=0.7))
    torch.testing.assert_close(heavy, expected, rtol=1e-6, atol=1e-6)
    normal = Normal(1).double()().log_prob(z)
    torch.testing.assert_close(doubled(StudentT(1, 1e7))().log_prob(z), normal, rtol=1e-3, atol=0)
    for df in (0.5, 3.0, 100.0, 1e4, 3e4, 1e6, 1e8, 1e12):
        at = torch.tensor([[0.0], [0.3], [-2.0], [50.0], [1e20]])
        ours = StudentT(1, df)().log_prob(at)
        theirs = torch.from_numpy(stats.t.logpdf(at[:, 0].double().numpy(), df)).float()
        known = theirs.isfinite()  # scipy's overflows where ours is the normal's, −z²/2
        torch.testing.assert_close(ours[known], theirs[known], rtol=2e-5, atol=2e-5)
    unit = StudentT(2, 4.0, unit_variance=True)()
    torch.testing.assert_close(unit.variance, torch.ones(2))
    assert StudentT(1, 1.5)().variance.isinf().all()


def test_student_t_is_robust_where_the_normal_is_not():
    """A code far out costs (df + 1) ln |z| nats, not z²/2."""
    far = torch.tensor([[30.0]], dtype=torch.float64)
    q = DiagonalGaussian(far, torch.zeros(1, 1, dtype=torch.float64))
    z = q.rsample((1000,))
    assert float(kl(q, StudentT(1).double()(), z)) < 20
    assert float(kl(q, Normal(1)(), z)) > 400


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"df": 0.0}, "finite df > 0"),
        ({"df": math.inf}, "finite df > 0"),
        ({"scale": -1.0}, "finite scale > 0"),
        ({"df": 2.0, "unit_variance": True}, "needs df > 2"),
        ({"scale": 2.0, "unit_variance": True}, "sets the scale"),
        ({"df": "five"}, "df must be a number"),
    ],
)
def test_student_t_refuses(arguments, message):
    with pytest.raises(VaekitError, match=message):
        StudentT(2, **arguments)
