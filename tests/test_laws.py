import inspect
import itertools
import re

import laws
import pytest
import torch
from parts import (
    DENSITIES,
    LIKELIHOODS,
    PAIRS,
    PLAIN_LAWS,
    POSTERIORS,
    PRIORS,
    TERMS,
    Row,
    assemble,
    entries_for,
    noise_model,
    small,
    theta,
)
from torch import distributions as td

from vaekit import distributions, likelihoods, objectives, posteriors, priors
from vaekit.data import Dataset
from vaekit.distributions import (
    BernoulliEntries,
    DiagonalGaussian,
    GaussianEntries,
    PointMass,
    StandardNormal,
    divergences,
)
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import KL, Distortion, Term
from vaekit.posteriors import Dirac, Gaussian
from vaekit.priors import Normal
from vaekit.training import Training, fit

# ---- the table is whole


def public(module, base):
    found = vars(module).values()
    classes = [c for c in found if inspect.isclass(c) and issubclass(c, base) and c != base]
    return {c.__name__ for c in classes if not inspect.isabstract(c)}


def snake(name):
    return re.sub("(?<!^)(?=[A-Z])", "_", name).lower()


def test_every_part_has_a_row():
    classes = public(distributions, td.Distribution)
    assert classes == {name.split(",")[0] for name in DENSITIES} | {
        *("PointMass", "Quantised", "RelaxedOneHots"),  # without a density
        *("Density", "Factorised"),  # what one is
    }
    known = [*divergences._BY_COORDINATE, *divergences._WHOLE]
    closed = {f"{q.__name__}-{p.__name__}" for q, p in known}
    assert closed == set(PAIRS)
    assert {snake(n) for n in public(posteriors, posteriors.Posterior)} == set(POSTERIORS)
    assert {snake(n) for n in public(priors, priors.Prior)} == {*PRIORS, "vamp"}
    assert set(likelihoods.LIKELIHOODS) == {text.split("(")[0] for text in LIKELIHOODS}
    model = assemble("gaussian", "normal", "bernoulli")
    of_pictures = {"StructuralSimilarity", "FeatureDistance"}  # tests/test_similarity.py
    made = {type(TERMS[t].make(model)).__name__ for t in TERMS}
    assert public(objectives, Term) == made | of_pictures


# ---- distributions


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("name", DENSITIES)
def test_integrates_to_one(name, n):
    laws.integrates_to_one(DENSITIES[name], n)


def test_bernoulli_sums_to_one_over_many_entries():
    laws.integrates_to_one(DENSITIES["BernoulliEntries"], 8)


@pytest.mark.parametrize("name", DENSITIES)
@pytest.mark.parametrize(
    "law",
    [
        laws.samples_agree_with_density,
        laws.moments_agree_with_samples,
        laws.log_prob_sums_over_entries,
        laws.batches_keep_apart,
    ],
    ids=lambda law: law.__name__,
)
def test_distribution(law, name):
    if DENSITIES[name].independent or law is not laws.log_prob_sums_over_entries:
        law(DENSITIES[name])


@pytest.mark.parametrize("name", [n for n, row in DENSITIES.items() if row.reparameterised])
def test_rsample_gradient(name):
    laws.rsample_is_differentiated(DENSITIES[name])


def test_the_goodness_of_fit_would_notice():
    """A law that cannot fail is none: samples 10 % too wide are seen."""

    class Wrong(DiagonalGaussian):
        def rsample(self, sample_shape=()):
            return self.mean + 1.1 * (super().rsample(sample_shape) - self.mean)

    row = Row(2, lambda t: Wrong(t[0], t[1]))
    with pytest.raises(AssertionError):
        laws.samples_agree_with_density(row)


def test_densities_equal_torch():
    t, x = theta(2, 5, 4), theta(1, 3, 5, 4, seed=9)[0]
    normal = td.Independent(td.Normal(t[0], t[1].exp()), 1)
    for mine in (DiagonalGaussian(t[0], t[1]), GaussianEntries(t[0], t[1], 1)):
        torch.testing.assert_close(mine.log_prob(x), normal.log_prob(x))
        torch.testing.assert_close(mine.variance, normal.variance)
    standard = td.Independent(td.Normal(torch.zeros(4), torch.ones(4)), 1)
    torch.testing.assert_close(
        StandardNormal(torch.zeros(4, dtype=torch.float64)).log_prob(x),
        standard.log_prob(x),
        check_dtype=False,
    )
    binary = (x > 0).double()
    bernoulli = td.Independent(td.Bernoulli(logits=t[0]), 1)
    torch.testing.assert_close(
        BernoulliEntries(t[0], 1).log_prob(binary), bernoulli.log_prob(binary)
    )


def test_images_are_one_event():
    mean, x = torch.zeros(2, 3, 1, 4, 4), torch.ones(3, 1, 4, 4)
    for d in (BernoulliEntries(mean, 3), GaussianEntries(mean, torch.tensor(0.0), 3)):
        assert d.batch_shape == (2, 3)
        assert d.event_shape == (1, 4, 4)
        assert d.log_prob(x).shape == (2, 3)


def test_point_mass():
    value = theta(1, 5, 4)[0].requires_grad_()
    d = PointMass(value)
    assert torch.equal(d.rsample((3,)), value.expand(3, 5, 4))
    assert not d.variance.any()
    (gradient,) = torch.autograd.grad(d.rsample((3,)).sum(), value)
    assert torch.equal(gradient, torch.full_like(value, 3.0))


def test_grey_pixels_are_expected_log_likelihood():
    logits, x = torch.tensor([[0.3, -2.0]]), torch.tensor([[0.25, 0.9]])
    p = torch.sigmoid(logits)
    by_hand = (x * p.log() + (1 - x) * (1 - p).log()).sum(-1)
    torch.testing.assert_close(BernoulliEntries(logits, 1).log_prob(x), by_hand)


def test_logits_far_out_stay_finite():
    d = BernoulliEntries(torch.tensor([[200.0, -200.0]]), 1)
    torch.testing.assert_close(d.log_prob(torch.tensor([[0.0, 0.0]])), torch.tensor([-200.0]))


# ---- divergences


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(
    "law",
    [laws.kl_equals_its_samples, laws.kl_is_right, laws.kl_vanishes_at_equality],
    ids=lambda law: law.__name__,
)
def test_kl(law, name):
    law(PAIRS[name])


def test_kl_without_a_closed_form_is_monte_carlo():
    torch.manual_seed(0)
    q = DiagonalGaussian(torch.ones(3, 2), torch.zeros(3, 2))
    p = td.MultivariateNormal(torch.zeros(2), torch.eye(2))
    z = q.rsample((20_000,))
    assert divergences.kl_by_coordinate(q, p) is None
    known = td.Independent(td.Normal(torch.zeros(2), torch.ones(2)), 1)
    torch.testing.assert_close(divergences.kl(q, known, z), torch.ones(3))
    found = divergences.kl(q, p, z)
    # KL = ½ |μ|² = 1 for each example; log q − log p = ½ − ε·μ… has standard deviation √2
    assert torch.all((found - 1).abs() < 4 * (2 / 20_000) ** 0.5)


def test_kl_of_a_point_mass_is_refused():
    q = PointMass(torch.zeros(3, 2))
    with pytest.raises(VaekitError, match="deterministic"):
        divergences.kl(q, StandardNormal(torch.zeros(2)), q.rsample((1,)))


# ---- posteriors, priors, likelihoods

SHAPES = [(1, 6, 6), (7,)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("width", [0, 4])
@pytest.mark.parametrize("name", POSTERIORS)
def test_posterior(name, width, shape):
    torch.manual_seed(0)
    posterior = POSTERIORS[name].on(small(), shape, 3, width)
    x, c = torch.rand(5, *shape), torch.eye(5, width) if width else None
    q = posterior(x, c)
    assert (posterior.latent, q.batch_shape, q.event_shape) == (3, (5,), (3,))
    assert q.rsample((4,)).shape == (4, 5, 3)
    assert q.mean.dtype == torch.float32
    laws.gradients_reach_all(posterior, (q.rsample((4,)) ** 2).sum())
    with torch.autocast("cpu", torch.bfloat16):
        assert posterior(x, c).mean.dtype == torch.float32
    if width:
        other = posterior(x, c.roll(1, 0)).mean
        assert not torch.isclose(other, q.mean).all(1).any(), "c does not reach the code"


@pytest.mark.parametrize("name", PRIORS)
def test_prior(name):
    torch.manual_seed(0)
    prior = PRIORS[name].make(3, 2).double()
    z, c = torch.randn(4, 5, 3, dtype=torch.float64), torch.rand(5, 2, dtype=torch.float64)
    p = prior(c)
    assert p.log_prob(z).shape == (4, 5)
    draw = p.rsample if p.has_rsample else p.sample
    assert draw((4, *(() if p.batch_shape else (5,)))).shape == (4, 5, 3)
    assert draw().dtype == torch.float64
    assert p.event_shape == (3,)
    assert p.batch_shape == ((5,) if PRIORS[name].needs_condition else ())
    with torch.autocast("cpu", torch.bfloat16):
        assert prior(c).mean.dtype == torch.float64


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("width", [0, 2])
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_likelihood(name, width, shape):
    if name == "columns" and len(shape) > 1:
        with pytest.raises(VaekitError, match="the laws are of"):
            noise_model(name, small(), shape, 3, width)(torch.zeros(1, 1, 3 + width))
        return
    torch.manual_seed(0)
    likelihood = noise_model(name, small(), shape, 3, width)
    x, z = entries_for(name, 5, *shape), torch.randn(4, 5, 3)
    c = torch.rand(5, width) if width else None
    laws.log_prob_is_per_example(likelihood(z, c), x, samples=4)
    laws.gradients_reach_all(likelihood, -likelihood(z, c).log_prob(x).mean())
    with torch.autocast("cpu", torch.bfloat16):
        assert likelihood(z, c).log_prob(x).dtype == torch.float32
    if c is not None:  # the same for every sample, each example its own, behind z
        alone = [likelihood(torch.cat([z[s], c], 1)[None]).mean[0] for s in range(4)]
        torch.testing.assert_close(likelihood(z, c).mean, torch.stack(alone))


def test_squared_error_is_gaussian_of_half_variance():
    torch.manual_seed(0)
    likelihood = noise_model("squared_error", small(), (7,), 3)
    x, z = torch.rand(5, 7), torch.randn(2, 5, 3)
    p = likelihood(z)
    by_hand = ((x - p.mean) ** 2).sum(-1) + 3.5 * torch.log(torch.tensor(torch.pi))
    torch.testing.assert_close(-p.log_prob(x), by_hand)


@pytest.mark.parametrize(
    "text", ["gaussian(sigma=0)", "gaussian(sigma=-1)", "gaussian(sigma=1e999)"]
)
def test_impossible_noise_is_refused(text):
    with pytest.raises(VaekitError, match="sigma > 0"):
        noise_model(text, small(), (7,), 3)


@pytest.mark.parametrize("make", [Dirac, Gaussian], ids=lambda c: c.__name__)
def test_no_latents_is_refused(make):
    with pytest.raises(VaekitError, match="at least one latent"):
        make(torch.nn.Identity(), 0)
    with pytest.raises(VaekitError, match="at least one latent"):
        Normal(0)


# ---- any posterior × prior × likelihood × term trains


FEW = (
    "vector_quantised",
    "von_mises_fisher",
)  # posteriors that stand beside few priors here, for time's sake


def combinations():
    """List posterior × prior × term, likelihoods and widths in turn, and KL with all of these."""
    slow = {"normal", "conditional", None, "gaussian", "flow"}  # what flows stand beside

    def meant(posterior, prior, term):
        if "flow" in (posterior, prior) and not {posterior, prior} <= slow:
            return False
        if posterior == "von_mises_fisher":
            return prior == ("normal" if term == "kl" else "sphere")
        if posterior in FEW or TERMS[term].needs_codebook:
            return prior in ("normal", None) and (posterior in FEW or prior == "normal")
        if term.endswith("doubly") and (prior != "normal" or posterior == "flow"):
            return False  # a flow does not show its parameters
        if prior == "sphere":
            return posterior == "gaussian" and TERMS[term].needs_prior
        narrow = TERMS[term].by_coordinate and prior == "categorical"
        return (TERMS[term].needs_prior and not narrow) or prior in ("normal", "conditional", None)

    wide = [
        parts for parts in itertools.product(POSTERIORS, [*PRIORS, None], TERMS) if meant(*parts)
    ]
    turns, widths = itertools.cycle(LIKELIHOODS), itertools.cycle([0, 3, 3, 0])
    found = {(*parts[:2], next(turns), *parts[2:], next(widths)) for parts in wide}
    by_entry = [*PLAIN_LAWS, "columns"]
    noises = [name for name in LIKELIHOODS if name not in by_entry]
    many = [posterior for posterior in POSTERIORS if posterior not in FEW]
    found |= set(itertools.product(many, ["normal", None], noises, ["kl"], [0, 3]))
    found |= set(itertools.product(many, ["normal"], by_entry, ["kl"], [3]))
    return sorted(found, key=str)


def refused(posterior, prior, measure):
    """Say whether a term makes no sense for this posterior and prior."""
    if measure.needs_prior and prior is None:
        return True
    if measure.needs_codebook and not posterior.codebook:
        return True
    if not measure.needs_density:
        return False
    if not posterior.dense or (measure.by_coordinate and not posterior.independent):
        return True
    if posterior.one_hot and not measure.relaxed:
        return True
    kinds = [(each.one_hot, each.sphere) for each in (posterior, prior)] if prior else []
    return measure.needs_prior and kinds[0] != kinds[1]


@pytest.mark.parametrize(("posterior", "prior", "likelihood", "term", "width"), combinations())
def test_any_combination_trains(posterior, prior, likelihood, term, width):
    torch.manual_seed(0)
    if prior and PRIORS[prior].needs_condition and not width:
        unasked = assemble(posterior, None, likelihood)
        unasked.prior = PRIORS[prior].make(2, 3)
        with pytest.raises(VaekitError, match="needs a condition"):
            unasked(torch.rand(4, 6))
        return
    model, measure = assemble(posterior, prior, likelihood, width=width), TERMS[term]
    labels = torch.arange(40) % width if width else None
    data = Dataset.from_array(entries_for(likelihood, 40, 6), labels)
    other = measure.make(model)
    other.name = "other" if term == "distortion" else other.name
    objective = Distortion() + 0.5 * other
    training = Training(epochs=2, batch=10, device="cpu")
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    if refused(POSTERIORS[posterior], PRIORS[prior] if prior else None, measure):
        with pytest.raises(VaekitError, match=r"needs a (prior|posterior)"):
            next(iter(fit(model, objective, data, training)))
        return
    going = fit(model, objective, data, training)
    learning = {  # nothing but a KL reads the prior
        name: p
        for name, p in model.named_parameters()
        if (measure.needs_prior and measure.needs_density) or not name.startswith("prior.")
    }
    for _ in going:
        for name, p in learning.items():
            assert p.grad is not None, f"no gradient reaches {name}"
            assert torch.isfinite(p.grad).all()
    assert going.step == 8
    for name, p in learning.items():
        assert not torch.equal(before[name], p), f"{name} did not learn"
    rows = torch.arange(40)
    c = data.condition(rows, "labels", width) if width else None
    loss = torch.stack(objective.values(model(data.batch(rows), c))).sum()
    laws.gradients_reach_all(model, loss, learning)


def test_monte_carlo_and_analytic_kl_agree():
    torch.manual_seed(0)
    model = Model(
        POSTERIORS["gaussian"].on(small(), (6,), 2),
        noise_model("bernoulli", small(), (6,), 2),
        Normal(2),
    )
    run = model(torch.rand(50, 6), samples=4000)
    with torch.no_grad():
        each = (run.q.log_prob(run.z) - run.prior.log_prob(run.z)).mean(1)
        assert abs(KL()(run) - KL(analytic=False)(run)) < 4 * each.std() / 4000**0.5


def test_a_corrupted_model_is_judged_on_clean_data():
    model = Model(
        POSTERIORS["dirac"].on(small(), (6,), 2),
        noise_model("squared_error", small(), (6,), 2),
        corruption=torch.zeros_like,
    )
    x = torch.rand(5, 6)
    run = model(x)
    assert torch.equal(run.x, x)
    torch.testing.assert_close(run.z[0], model.posterior(torch.zeros(5, 6)).mean)
