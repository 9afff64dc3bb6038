"""The table of parts: a new part is one row here, and inherits every law of `laws.py`."""

import inspect
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from scipy.special import ive
from torch import Tensor, nn
from torch import distributions as td
from torch.distributions import Distribution

from vaekit import posteriors, priors
from vaekit.data import Dataset
from vaekit.distributions import (
    BernoulliEntries,
    Blocks,
    DiagonalGaussian,
    Flowed,
    GaussianEntries,
    Mixture,
    MixtureEntries,
    StandardNormal,
    UniformSphere,
    Univariates,
    VonMisesFisherLaw,
    Whole,
)
from vaekit.distributions.coordinates import GeneralizedNormals, Logistics
from vaekit.distributions.flowed import Steps
from vaekit.distributions.nested.lp_nested import Layout, LpNestedSymmetric
from vaekit.distributions.one_hots import OneHots, RelaxedOneHots
from vaekit.likelihoods import Likelihood, likelihood
from vaekit.model import Condition, Model, Pass
from vaekit.networks import Joined, Networks, Shape, networks, stack
from vaekit.objectives import (
    KL,
    MMD,
    AdversarialPrior,
    AdversarialTC,
    CodeNorm,
    Commitment,
    Contractive,
    Correlated,
    DecoderNorm,
    DecoderSlope,
    DimensionwiseKL,
    Distortion,
    ImportanceWeighted,
    IndexCodeMI,
    MutualInformation,
    RateConstraint,
    RateTarget,
    Sparsity,
    Spread,
    Term,
    TotalCorrelation,
)
from vaekit.objectives.base import Adversarial
from vaekit.posteriors import (
    Dirac,
    Gaussian,
    Laplace,
    Posterior,
    RelaxedOneHot,
    TopK,
    VectorQuantised,
)
from vaekit.priors import (
    Categorical,
    Conditional,
    GeneralizedNormal,
    Logistic,
    LpNested,
    MixtureOfGaussians,
    Normal,
    Prior,
    Product,
    Sphere,
    StudentT,
)
from vaekit.recipes import find


@dataclass(frozen=True)
class Row:
    """A distribution of n entries, made from one tensor `theta` of (rows, *batch, n)."""

    rows: int
    make: Callable[[Tensor], Distribution]
    outcomes: Callable[[int], Tensor] | None = None  # all there are, where they can be listed
    reparameterised: bool = True
    independent: bool = True  # its entries
    sphere: bool = False  # over directions


def nested(like: Tensor) -> LpNestedSymmetric:
    """Build an L^p-nested law of like's entries, of two levels where there are two."""
    n = like.shape[-1]
    layout = Layout([2.1, 1, [1.6, n - 1]] if n > 1 else [2.1, 1])
    return LpNestedSymmetric(layout, like.new_tensor(layout.exponents), 0.2)


def mixture(like: Tensor) -> Mixture:
    """Build a mixture of three Gaussians over like's entries."""
    n = like.shape[-1]
    mean = torch.linspace(-1.5, 1.5, 3 * n).to(like).view(3, n)
    members = DiagonalGaussian(mean, like.new_tensor([[-0.5], [0.0], [-1.0]]).expand(3, n))
    return Mixture(members, like.new_tensor([0.5, 0.3, 0.2]).log())


def flowed(t: Tensor) -> Flowed:
    """Build a flow of two steps, of fixed weights far from the identity, told t[0]."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        steps = Steps(t.shape[-1], t.shape[-1], "maf", 2, [8]).to(t).requires_grad_(False)
        for weight in steps.parameters():
            weight.normal_(0, 0.2)
    return Flowed(DiagonalGaussian(t[0], 0.3 * t[1]), *steps(t[0]), steps.even)


def directed(t: Tensor) -> tuple[Tensor, Tensor]:
    """Read (2, ..., n) as directions (..., n) and concentrations (...)."""
    return nn.functional.normalize(t[0], dim=-1), 3 * t[1, ..., 0].exp()


def halves(t: Tensor) -> Blocks:
    """Build two blocks of Gaussians, the second of none where there is one entry."""
    cut = (t.shape[-1] + 1) // 2
    return Blocks([DiagonalGaussian(p[0], p[1]) for p in (t[..., :cut], t[..., cut:])])


def binary(n: int) -> Tensor:
    """List all binary vectors of n entries, (2ⁿ, n)."""
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)), dtype=torch.float64)


def one_of(n: int) -> Tensor:
    """List all one-hots of n entries, (n, n)."""
    return torch.eye(n, dtype=torch.float64)


DENSITIES: dict[str, Row] = {
    "DiagonalGaussian": Row(2, lambda t: DiagonalGaussian(t[0], t[1])),
    "StandardNormal": Row(
        1, lambda t: StandardNormal(t.new_zeros(t.shape[-1])), reparameterised=False
    ),
    "GaussianEntries": Row(1, lambda t: GaussianEntries(t[0], torch.tensor(-0.3).to(t), 1)),
    "GaussianEntries, σ by entry": Row(2, lambda t: GaussianEntries(t[0], t[1], 1)),
    "MixtureEntries": Row(
        1,
        lambda t: MixtureEntries(
            t[0], torch.tensor([-1.0, 0.3]).to(t), torch.tensor([0.3, 0.7]).to(t).log(), 1
        ),
        reparameterised=False,
    ),
    "GeneralizedNormals": Row(
        2, lambda t: GeneralizedNormals(1.2 + t[0].exp(), 0.4 * t[1]), reparameterised=False
    ),  # by rejection: its gradient is implicit, and tested in test_priors.py
    "Logistics": Row(1, lambda t: Logistics(t.new_full(t.shape[-1:], 0.55)), reparameterised=False),
    "LpNestedSymmetric": Row(1, lambda t: nested(t[0]), reparameterised=False, independent=False),
    "Univariates": Row(2, lambda t: Univariates(td.Normal(t[0], t[1].exp(), validate_args=False))),
    "Univariates, Student-t": Row(
        2,
        lambda t: Univariates(
            td.StudentT(30 + t[1].exp(), t[0], (0.3 * t[1]).exp(), validate_args=False)
        ),
        reparameterised=False,
    ),  # its gradient in the degrees of freedom is implicit
    "Flowed": Row(2, flowed, independent=False),
    "Whole": Row(2, lambda t: Whole(td.Independent(td.Normal(t[0], t[1].exp()), 1))),
    "Blocks": Row(2, halves),
    "Mixture": Row(1, lambda t: mixture(t[0]), reparameterised=False, independent=False),
    "BernoulliEntries": Row(
        1, lambda t: BernoulliEntries(t[0], 1), outcomes=binary, reparameterised=False
    ),
    "OneHots": Row(
        1, lambda t: OneHots(t[0]), outcomes=one_of, reparameterised=False, independent=False
    ),  # its gradient is straight through, and tested in test_latents.py
}


DENSITIES |= {
    "VonMisesFisherLaw": Row(
        2, lambda t: VonMisesFisherLaw(*directed(t)), independent=False, sphere=True
    ),
    "UniformSphere": Row(
        1,
        lambda t: UniformSphere(t.new_zeros(t.shape[-1])),
        reparameterised=False,
        independent=False,
        sphere=True,
    ),
}


@dataclass(frozen=True)
class Pair:
    """A closed-form KL: q from `theta` (rows, batch, n), p, and what they are held against."""

    rows: int
    q: Callable[[Tensor], Distribution]
    p: Callable[[Tensor], Distribution]
    reference: Callable[[Tensor], Tensor]  # (batch,)
    gradient: Callable[[Tensor], Tensor]  # hand-derived, of the sum, in theta's shape
    equal: Callable[[int], Tensor]  # n → theta (rows, 1, n) where q = p
    by_coordinate: bool = True
    dense: bool = True  # q, so that its samples give the KL too


PAIRS: dict[str, Pair] = {
    "DiagonalGaussian-StandardNormal": Pair(
        rows=2,
        q=lambda t: DiagonalGaussian(t[0], t[1]),
        p=lambda t: StandardNormal(torch.zeros_like(t[0])),
        reference=lambda t: td.kl_divergence(
            td.Normal(t[0], t[1].exp()), td.Normal(torch.zeros_like(t[0]), torch.ones_like(t[0]))
        ).sum(-1),
        gradient=lambda t: torch.stack([t[0], (2 * t[1]).exp() - 1]),
        equal=lambda n: torch.zeros(2, 1, n, dtype=torch.float64),
    ),
    "DiagonalGaussian-DiagonalGaussian": Pair(
        rows=4,
        q=lambda t: DiagonalGaussian(t[0], t[1]),
        p=lambda t: DiagonalGaussian(t[2], t[3]),
        reference=lambda t: td.kl_divergence(
            td.Normal(t[0], t[1].exp()), td.Normal(t[2], t[3].exp())
        ).sum(-1),
        gradient=lambda t: _gradient_of_two_gaussians(*t),
        equal=lambda n: theta(2, 1, n).repeat(2, 1, 1),
    ),
    "OneHots-OneHots": Pair(
        rows=2,
        q=lambda t: OneHots(t[0]),
        p=lambda t: OneHots(t[1]),
        reference=lambda t: _kl_of_categories(t),
        gradient=lambda t: _gradient_of_two_categories(*t),
        equal=lambda n: theta(1, 1, n).repeat(2, 1, 1),
        by_coordinate=False,
    ),
    "VonMisesFisherLaw-UniformSphere": Pair(
        rows=2,
        q=lambda t: VonMisesFisherLaw(*directed(t)),
        p=lambda t: UniformSphere(t.new_zeros(t.shape[-1])),
        reference=lambda t: _kl_of_directions(t),
        gradient=lambda t: _gradient_of_directions(t),
        equal=lambda n: torch.full((2, 1, n), -60, dtype=torch.float64),
        by_coordinate=False,
    ),
    "RelaxedOneHots-OneHots": Pair(
        rows=2,
        q=lambda t: RelaxedOneHots(t[0], 0.5),
        p=lambda t: OneHots(t[1]),
        reference=lambda t: _kl_of_categories(t),
        gradient=lambda t: _gradient_of_two_categories(*t),
        equal=lambda n: theta(1, 1, n).repeat(2, 1, 1),
        by_coordinate=False,
        dense=False,
    ),
}


def _kl_of_categories(t: Tensor) -> Tensor:
    return td.kl_divergence(td.Categorical(logits=t[0]), td.Categorical(logits=t[1]))


def _gradient_of_two_categories(a: Tensor, b: Tensor) -> Tensor:
    """Of KL(π‖p) = Σ π (ln π − ln p) in the logits a of π and b of p."""
    pi, p = a.softmax(-1), b.softmax(-1)
    apart = pi.log() - p.log()
    return torch.stack([pi * (apart - (pi * apart).sum(-1, keepdim=True)), p - pi])


def _ratio_of_bessel(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return κ, e^{−κ} I_ν(κ) and A(κ) by SciPy."""
    kappa, order = directed(t.detach())[1], t.shape[-1] / 2 - 1
    low, high = (torch.from_numpy(ive(order + k, kappa.numpy())) for k in (0, 1))
    return kappa, low, high / low


def _kl_of_directions(t: Tensor) -> Tensor:
    kappa, low, ratio = _ratio_of_bessel(t)
    order = t.shape[-1] / 2 - 1
    rest = order * (kappa / 2).log() - low.log() - kappa - math.lgamma(order + 1)
    return kappa * ratio + rest


def _gradient_of_directions(t: Tensor) -> Tensor:
    """Of κ A(κ) − … in ln κ/3, the first of the second row: κ² A′, A′ = 1 − A² − (n − 1) A/κ."""
    kappa, _, ratio = _ratio_of_bessel(t)
    found = torch.zeros_like(t)
    found[1, ..., 0] = kappa**2 * (1 - ratio**2 - (t.shape[-1] - 1) * ratio / kappa)
    return found


def _gradient_of_two_gaussians(m: Tensor, s: Tensor, n: Tensor, t: Tensor) -> Tensor:
    """Of KL(N(m, e²ˢ)‖N(n, e²ᵗ)) = ½ ((m − n)² + e²ˢ) e⁻²ᵗ − ½ + t − s in m, s, n, t."""
    precision, apart = (-2 * t).exp(), m - n
    wide = (2 * s).exp()
    return torch.stack(
        [
            apart * precision,
            wide * precision - 1,
            -apart * precision,
            1 - (apart**2 + wide) * precision,
        ]
    )


@dataclass(frozen=True)
class Encoding:
    """A posterior on an encoder of `features` · latent + `extra` outputs.

    `dense` where it has a density, by coordinate where `independent`, `one_hot` where over those,
    `codebook` where it has one, `sphere` where over directions.
    """

    make: Callable[[nn.Module, int], Posterior]
    features: int = 1
    extra: int = 0
    dense: bool = True
    independent: bool = True
    one_hot: bool = False
    codebook: bool = False
    sphere: bool = False

    def on(self, nets: Networks, shape: Shape, latent: int, width: int = 0) -> Posterior:
        """Build it on the encoder of some networks, with a condition of `width` where there is."""
        features = self.features * latent + self.extra
        encoder = (
            Joined(nets, shape, width, features, 8) if width else nets.encoder(shape, features)
        )
        return self.make(encoder, latent)


POSTERIORS: dict[str, Encoding] = {
    "dirac": Encoding(Dirac, dense=False, independent=False),
    "flow": Encoding(
        lambda network, n: posteriors.Flow(network, n, transforms=2, hidden=[8]),
        features=3,
        independent=False,
    ),
    "gaussian": Encoding(Gaussian, features=2),
    "laplace": Encoding(Laplace, features=2),
    "product": Encoding(
        lambda network, n: posteriors.Product(
            network, {"a": (Gaussian, 1), "b": (Gaussian, n - 1)}
        ),
        features=2,
    ),  # with one-hots beside Gaussians: test_latents.py
    "relaxed_one_hot": Encoding(RelaxedOneHot, independent=False, one_hot=True),
    "top_k": Encoding(lambda network, n: TopK(network, n, k=1), dense=False, independent=False),
    "vector_quantised": Encoding(
        lambda network, n: VectorQuantised(network, n, groups=n),
        dense=False,
        independent=False,
        codebook=True,
    ),
    "von_mises_fisher": Encoding(
        posteriors.VonMisesFisher, extra=1, independent=False, sphere=True
    ),
}


@dataclass(frozen=True)
class Expectation:
    """A prior of some latents, and of the width of a condition where it `needs_condition`."""

    make: Callable[[int, int], Prior]
    needs_condition: bool = False
    one_hot: bool = False  # over those
    sphere: bool = False  # over directions


PRIORS: dict[str, Expectation] = {
    "normal": Expectation(lambda n, width: Normal(n)),
    "conditional": Expectation(
        lambda n, width: Conditional(nn.Sequential(*stack((width, 8, 2 * n), "tanh")), n),
        needs_condition=True,
    ),
    "categorical": Expectation(lambda n, width: Categorical(n), one_hot=True),
    "flow": Expectation(lambda n, width: priors.Flow(n, transforms=2, hidden=[8])),
    "generalized_normal": Expectation(lambda n, width: GeneralizedNormal(n, 1.5, learned=True)),
    "logistic": Expectation(lambda n, width: Logistic(n)),
    "lp_nested": Expectation(lambda n, width: LpNested([2.1, 1, [1.6, n - 1]], learned="all")),
    "mixture_of_gaussians": Expectation(lambda n, width: MixtureOfGaussians(n, 3)),
    "sphere": Expectation(lambda n, width: Sphere(n), sphere=True),
    "student_t": Expectation(lambda n, width: StudentT(n, unit_variance=True)),
    "product": Expectation(
        lambda n, width: Product({"a": LpNested([1.8, 1], unit_variance=True), "b": Normal(n - 1)})
    ),
}  # vamp, which reads the model's own encoder, has its laws in test_priors.py
COUNTS = ["poisson", "negative_binomial", "zero_inflated_negative_binomial"]
PLAIN_LAWS = [
    "laplace",
    "student_t(df=5, learned=false)",
    "continuous_bernoulli",
    "discretised_logistic(levels=16)",
    *COUNTS,
]
# Laws of six entries; `columns` is built of as many as the shape asks for.
COLUMN_LAWS = ["gaussian", "categorical(2)", "bernoulli", "negative_binomial", "student_t"]
LIKELIHOODS = [
    "bernoulli",
    "squared_error",
    "gaussian(sigma=0.3)",
    "gaussian(learned=batch)",
    "gaussian(learned=average)",
    "gaussian(learned=gradient)",
    "mixture(2)",
    "mixture(3, learned=gradient)",
    "network_gaussian",
    "columns",
    *PLAIN_LAWS,
]


@dataclass(frozen=True)
class Measure:
    """A term for a model, and whether it needs a posterior with a density, and a prior.

    A density is needed of each coordinate alone where it is `by_coordinate`, and one that relaxed
    one-hots lack where it is not `relaxed`.
    """

    make: Callable[[Model], Term]
    needs_density: bool = False
    by_coordinate: bool = False
    needs_prior: bool = False
    relaxed: bool = True
    needs_codebook: bool = False


def hidden_sigmoids(model: Model) -> list[nn.Module]:
    """List the layers of sigmoids in a model's encoder."""
    return [m for m in model.posterior.modules() if isinstance(m, nn.Sigmoid)]


def discriminator(model: Model) -> nn.Module:
    """Build a small critic of a model's codes."""
    return small().encoder((model.posterior.latent,), 1)


TERMS: dict[str, Measure] = {
    "distortion": Measure(lambda model: Distortion()),
    "kl": Measure(lambda model: KL(), needs_density=True, needs_prior=True),
    "kl by samples": Measure(
        lambda model: KL(analytic=False), needs_density=True, needs_prior=True
    ),
    "importance weighted": Measure(
        lambda model: ImportanceWeighted(3), needs_density=True, needs_prior=True, relaxed=False
    ),
    "importance weighted, doubly": Measure(
        lambda model: ImportanceWeighted(3, gradient="doubly"),
        needs_density=True,
        needs_prior=True,
        relaxed=False,
    ),
    "rate target": Measure(lambda model: RateTarget(0.3), needs_density=True, needs_prior=True),
    "rate constraint": Measure(
        lambda model: RateConstraint(0.3), needs_density=True, needs_prior=True
    ),
    "mutual information": Measure(
        lambda model: IndexCodeMI(), needs_density=True, by_coordinate=True
    ),
    "total correlation": Measure(
        lambda model: TotalCorrelation(), needs_density=True, by_coordinate=True
    ),
    "weighted total correlation": Measure(
        lambda model: TotalCorrelation("weighted"), needs_density=True, by_coordinate=True
    ),
    "dimension-wise kl": Measure(
        lambda model: DimensionwiseKL(),
        needs_density=True,
        by_coordinate=True,
        needs_prior=True,
    ),
    "adversarial total correlation": Measure(lambda model: AdversarialTC(discriminator(model))),
    "mutual information by a reader": Measure(
        lambda model: MutualInformation(small().encoder((6,), 4), [0, 1]),
        needs_density=True,
        by_coordinate=True,
    ),
    "mmd": Measure(lambda model: MMD(), needs_prior=True),
    "adversarial prior": Measure(
        lambda model: AdversarialPrior(discriminator(model)), needs_prior=True
    ),
    "off-diagonal moments": Measure(lambda model: Correlated("means")),
    "diagonal moments": Measure(lambda model: Spread("samples")),
    "sparsity": Measure(lambda model: Sparsity(0.1, hidden_sigmoids(model))),
    "contractive": Measure(lambda model: Contractive()),
    "contractive by projections": Measure(lambda model: Contractive("projections", draws=2)),
    "commitment": Measure(lambda model: Commitment(), needs_codebook=True),
    "norm of the code": Measure(lambda model: CodeNorm()),
    "norm of the decoder": Measure(lambda model: DecoderNorm()),
    "slope of the decoder": Measure(lambda model: DecoderSlope()),
}


class Told(Adversarial):
    """Ask a critic without noise, D(z) = w z, whose loss is (D − 1)²/2; the term is its mean."""

    name = "told"

    def __init__(self, weight: Tensor, lr: float = 0.1):
        super().__init__()
        self.network = nn.Linear(weight.shape[1], 1, bias=False)
        self.network.weight.data.copy_(weight)
        self.adam = {"lr": lr}

    def forward(self, run: Pass) -> Tensor:
        """Return the mean of D."""
        return self.still(run.z.flatten(0, -2)).mean()

    def loss(self, run: Pass) -> Tensor:
        """Return the critic's loss."""
        return 0.5 * (self.network(run.z.detach().flatten(0, -2)) - 1).square().mean()


# Arguments of recipes with which they cost nothing, beside the latents and networks.
LEAST: dict[str, object] = {
    "k": 1,
    "size": 1,
    "on": 1,
    "discriminator": "mlp(8)",
    "reader": "mlp(8)",
}


def small_arguments(recipe: str, **more: object) -> dict[str, object]:
    """Return arguments with which a recipe costs nothing, and what it knows of `more`."""
    known = inspect.signature(find(recipe).make).parameters
    return {name: value for name, value in (LEAST | more).items() if name in known}


def entries_for(name: str, *shape: int) -> Tensor:
    """Draw data that a likelihood can do with: whole numbers for counts, else within [0, 1]."""
    most = 2 if name == "columns" else 4 if name in COUNTS else 0
    return torch.randint(most, shape).float() if most else torch.rand(shape)


def noise_model(name: str, nets: Networks, shape: Shape, latent: int, width: int = 0) -> Likelihood:
    """Build a likelihood by its text on the decoder of some networks."""
    if name == "columns":
        more = ["laplace"] * (shape[0] - 6)
        name = f"columns({[*COLUMN_LAWS, *more]})"
    return likelihood(name, nets, latent + width, shape)


def assemble(
    posterior: str, prior: str | None, text: str, latent: int = 2, width: int = 0, entries: int = 6
) -> Model:
    """Build a model of parts by name, each told the condition where there is one."""
    nets, shape = small("sigmoid"), (entries,)
    return Model(
        POSTERIORS[posterior].on(nets, shape, latent, width),
        noise_model(text, nets, shape, latent, width),
        None if prior is None else PRIORS[prior].make(latent, width),
        condition=Condition("labels", width) if width else None,
    )


def small(activation: str = "tanh") -> Networks:
    """Build networks that cost nothing."""
    return networks(f"mlp(16, activation={activation})")


def theta(rows: int, *shape: int, seed: int = 0) -> Tensor:
    """Draw moderate parameters in float64, (rows, *shape)."""
    seeded = torch.Generator().manual_seed(seed)
    return 0.7 * torch.randn(rows, *shape, generator=seeded, dtype=torch.float64)


def vae(latent: int = 2, entries: int = 6, seed: int = 0, text: str = "bernoulli") -> Model:
    """Build a small VAE with the weights of that seed."""
    torch.manual_seed(seed)
    nets, shape = small(), (entries,)
    posterior = POSTERIORS["gaussian"].on(nets, shape, latent)
    return Model(posterior, noise_model(text, nets, shape, latent), Normal(latent))


def weights(model: torch.nn.Module) -> dict[str, Tensor]:
    """Copy a model's state."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Say whether two states are equal bit for bit."""
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def white(n: int, width: int = 2, seed: int = 0) -> Dataset:
    """Return n examples with mean 0 and covariance I, exactly."""
    x = torch.randn(n, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    root = torch.linalg.cholesky(torch.cov(x.T, correction=0))
    x = torch.linalg.solve_triangular(root, (x - x.mean(0)).T, upper=False).T
    return Dataset(x.float(), name="white")


def layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Return a linear layer of given weights."""
    made = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.copy_(bias)
    return made
