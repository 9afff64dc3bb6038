"""Any parts with any terms: refused with a reason, or trained; by text, by objects, from a file."""

import inspect
import math
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from parts import same, small_arguments
from torch import nn

from vaekit import VaekitError, cli, recipes
from vaekit.data import Dataset
from vaekit.distributions.base import density
from vaekit.distributions.product import block
from vaekit.latents import latents
from vaekit.likelihoods import Bernoulli, Gaussian, GaussianMixture, NetworkGaussian, squared_error
from vaekit.networks import Mlp, networks
from vaekit.objectives import (
    KL,
    MMD,
    TERMS,
    AdversarialPrior,
    AdversarialTC,
    Contractive,
    Correlated,
    DimensionwiseKL,
    Distortion,
    ImportanceWeighted,
    IndexCodeMI,
    MutualInformation,
    Objective,
    RateTarget,
    Spread,
    Term,
    TotalCorrelation,
)
from vaekit.posteriors import Dirac, Laplace, RelaxedOneHot, TopK, VectorQuantised, VonMisesFisher
from vaekit.posteriors import Gaussian as GaussianPosterior
from vaekit.posteriors import Product as ProductPosterior
from vaekit.priors import (
    Categorical,
    Conditional,
    GeneralizedNormal,
    Logistic,
    LpNested,
    MixtureOfGaussians,
    Normal,
    StudentT,
    subspaces,
)
from vaekit.priors import Product as ProductPrior
from vaekit.priors import prior as prior_of
from vaekit.recipes import RECIPES, Composition
from vaekit.runs import Run
from vaekit.schedules import Linear
from vaekit.system import own_code
from vaekit.text import Written, parse, shortest, summed
from vaekit.training import Training, fit

ROOT = Path(__file__).parents[1]
SHAPE = (1, 8, 8)
torch.manual_seed(0)
DATA = Dataset.from_array(torch.rand(32, *SHAPE), torch.arange(32) % 4)
TRAINING = Training(epochs=10, batch=16, device="cpu")
READS_THE_PRIOR = ("kl", "rate_", "dimensionwise_kl", "importance_weighted")

# ---- 300 combinations

TEXTS: dict[str, list[str]] = {
    "posterior": [
        *["gaussian"] * 6,
        *("vector_quantised(codes=8, groups=2)", "von_mises_fisher"),
        *["laplace"] * 2,
        *["flow(transforms=1, hidden=[8])"] * 2,
        *("dirac", "dirac(activation=sigmoid)", "top_k(2)", "relaxed_one_hot(temperature=0.5)"),
        "product(style=[gaussian, 4], class=[relaxed_one_hot, 3])",
        "product(style=[gaussian, 4], class=[relaxed_one_hot, 3])",
        "product(style=[gaussian, 2, 'isa(size=2)'], class=[laplace, 3])",
        "product(style=[gaussian, 4], class=[dirac, 2])",
    ],
    "prior": [
        *["own"] * 5,
        "sphere",
        *("normal", "normal", "none", "logistic", "generalized_normal(p=1.5)"),
        "flow(kind=nsf, transforms=1, hidden=[8])",
        *("student_t(df=5)", "categorical", "isa(p=2.2, size=2)", "isa(size=3, learned=all)"),
        *("lp_nested([2.1, 1, [2.2, 3]])", "mixture(3)", "vamp(3)", "conditional"),
        "product(style=[normal, 4], class=[categorical, 3])",
    ],
    "likelihood": [
        *("bernoulli", "squared_error", "gaussian(sigma=0.2)", "gaussian(learned=average)"),
        *("gaussian(learned=gradient)", "mixture(2)", "mixture(2, learned=gradient)"),
        "network_gaussian",
        *("laplace", "student_t(df=5)", "continuous_bernoulli", "discretised_logistic(levels=16)"),
    ],
    "network": [
        *["mlp(8)"] * 6,
        *("mlp", "mlp(8, activation=sigmoid)", "tied", "conv(2, 3)", "conv(2, 3)"),
        "resnet(2, 4, groups=2)",
    ],
    "corruption": ["none", "none", "masking(p=0.3)", "gaussian(sigma=0.2)", "affine"],
}
SUMMANDS = [
    *["kl"] * 4,
    "commitment",
    *("kl(analytic=false)", "kl(analytic=false, path=true)", "kl(on=style)"),
    *("kl(on=class)", "rate_target(0.5)", "rate_target('linear(0, 1)', on=class)"),
    "rate_constraint(0.5, speed=0.1)",
    *("importance_weighted(samples=3, gradient=doubly)", "index_code_mi", "total_correlation"),
    *("total_correlation(sampling=weighted)", "dimensionwise_kl", "mmd", "mmd(kernel=rbf)"),
    *("correlated", "correlated(of=samples)", "spread", "spread(of=samples)", "contractive"),
    *("contractive(method=closed)", "sparsity", "sparsity(layers=all)"),
    *("code_norm", "decoder_norm", "decoder_slope(draws=2)"),
    *("mutual_information(on=[0, 1], reader='mlp(8)')", "mutual_information(on=[0, 7])"),
    *("mutual_information(on=class, reader='mlp(8)')", "mutual_information(on=[1], reader=shared)"),
    "mutual_information(on=style, reader='mlp(8)', entropy=prior, drawn=true, share=0.5)",
    "adversarial_total_correlation(discriminator='mlp(8)')",
    "adversarial_prior(discriminator='mlp(8)', ratio=true)",
]
WEIGHTS = ["", "", "4*", "0.1*", "linear(0, 2)*", "cosine(0, 1, steps=10)*"]


def by_text(rng: random.Random) -> dict[str, Any]:
    """Draw the arguments of `compose` as text."""
    drawn: dict[str, Any] = {name: rng.choice(texts) for name, texts in TEXTS.items()}
    drawn["latent"] = None if "product" in drawn["posterior"] else rng.choice([4, 6])
    if rng.random() < 0.25:
        drawn |= {"condition": "labels", "width": 4}
    terms = rng.sample(SUMMANDS, rng.choice([1, 1, 2]))
    weighs = any(term.startswith("importance") for term in terms)
    first = [] if weighs or rng.random() < 0.05 else ["distortion"]
    sums = [*first, *(rng.choice(WEIGHTS) + term for term in terms)]
    return drawn | {"objective": " + ".join(sums)}


def encoder(features: int) -> nn.Module:
    return Mlp(8).encoder(SHAPE, features)


def critic(latent: int) -> nn.Module:
    return networks("mlp(8)").encoder((latent,), 1)


POSTERIORS: list[Callable[[int], Any]] = [
    *[lambda h: GaussianPosterior] * 2,
    lambda h: VonMisesFisher,
    lambda h: partial(VectorQuantised, codes=8, groups=2),
    *[lambda h: Laplace] * 2,
    lambda h: Dirac,
    lambda h: partial(TopK, k=2),
    lambda h: partial(RelaxedOneHot, temperature=0.5),
    lambda h: GaussianPosterior(encoder(2 * h), h),
    lambda h: ProductPosterior(
        encoder(2 * (h - 2) + 2), {"style": (GaussianPosterior, h - 2), "class": (RelaxedOneHot, 2)}
    ),
]
PRIORS: list[Callable[[int], Any]] = [
    *[Normal] * 3,
    Logistic,
    lambda h: GeneralizedNormal(h, 1.5, learned=True),
    lambda h: StudentT(h, df=5),
    Categorical,
    lambda h: subspaces(h, size=2),
    lambda h: LpNested([2.1, 1, [2.2, h - 1]]),
    lambda h: MixtureOfGaussians(h, 3),
    lambda h: ProductPrior({"style": Normal(h - 2), "class": Categorical(2)}),
    lambda h: None,
    lambda h: "own",
]
LIKELIHOODS: list[Any] = [
    *(Bernoulli, partial(Gaussian, sigma=0.2), squared_error, GaussianMixture, NetworkGaussian),
]
OBJECTS: list[Callable[[int], Term]] = [
    lambda h: KL(),
    lambda h: KL(on="style"),
    lambda h: RateTarget(Linear(0, 1)),
    lambda h: ImportanceWeighted(3),
    lambda h: IndexCodeMI(),
    lambda h: TotalCorrelation("weighted"),
    lambda h: DimensionwiseKL(),
    lambda h: MMD(),
    lambda h: Correlated("samples"),
    lambda h: Spread(),
    lambda h: Contractive(),
    lambda h: AdversarialTC(critic(h)),
    lambda h: AdversarialPrior(critic(h)),
    lambda h: MutualInformation(Mlp(8).encoder(SHAPE, 4), [0, 1]),
    lambda h: MutualInformation(Mlp(8).encoder(SHAPE, 2), "class"),
    lambda h: MutualInformation(Mlp(8).encoder(SHAPE, 3), [0, 1]),
]


def by_objects(rng: random.Random) -> dict[str, Any]:
    """Draw the arguments of `compose` as objects."""
    latent = rng.choice([4, 6])
    terms = [make(latent) for make in rng.sample(OBJECTS, rng.choice([1, 1, 2]))]
    weighs = any(isinstance(term, ImportanceWeighted) for term in terms)
    objective = Objective([] if weighs else [(1.0, Distortion())])
    for term in terms:
        objective = objective + rng.choice([1.0, 0.1, Linear(0, 2)]) * term
    return {
        "latent": latent,
        "posterior": rng.choice(POSTERIORS)(latent),
        "prior": rng.choice(PRIORS)(latent),
        "likelihood": rng.choice(LIKELIHOODS),
        "network": rng.choice(
            [Mlp(8), Mlp(8, activation="tanh"), "conv(2, 3)", "resnet(4, groups=2)"]
        ),
        "corruption": rng.choice([None, nn.Identity(), "masking"]),
        "objective": objective,
    }


def train(arguments: dict[str, Any]) -> str:
    """Train 20 steps and hold what is to hold; or return why the combination is refused."""
    torch.manual_seed(0)
    try:
        model, objective = recipes.compose(SHAPE, **arguments)
    except VaekitError as refusal:
        return str(refusal)
    going, reached = fit(model, objective, DATA, TRAINING), set()
    weights = dict(going.parts.named_parameters())
    for _ in going:
        for name, weight in weights.items():
            if weight.grad is not None and bool(weight.grad.any()):
                assert bool(weight.grad.isfinite().all()), name
                reached.add(name)
    assert going.step == 20
    assert all(math.isfinite(value) for value in going.means().values())
    if not any(name.startswith(READS_THE_PRIOR) for name in objective.names):
        weights = {name: w for name, w in weights.items() if not name.startswith("model.prior.")}
    assert reached >= weights.keys(), weights.keys() - reached
    return ""


def kinds() -> dict[str, re.Pattern[str]]:
    """Read the table of refused kinds: what, and a pattern of what is said."""
    page = (ROOT / "docs" / "compose.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| refused \|.*?\n((?:\|.*\n)+)", page, re.MULTILINE)
    rows = [row.strip("|").split(" | ") for row in table.splitlines()[1:]]
    said = [(what.strip(), re.escape(words.strip().strip("`"))) for what, words in rows]
    return {what: re.compile(words.replace("…", ".*")) for what, words in said}


@pytest.mark.parametrize("chunk", range(12))
def test_any_combination_is_refused_with_a_reason_or_trains(chunk):
    draw, known, trained = by_objects if chunk % 2 else by_text, kinds().values(), 0
    for number in range(25):
        arguments = draw(random.Random(1000 * chunk + number))
        try:
            why = train(arguments)
        except Exception as error:
            raise AssertionError(f"{arguments}: {error}") from error
        assert not why or any(kind.search(why) for kind in known), (arguments, why)
        trained += not why
    assert 5 <= trained <= 22


REFUSED: dict[str, dict[str, Any]] = {
    "a rate under a deterministic code": {"posterior": "dirac"},
    "a rate of a code that has a deterministic block": {
        "posterior": "product(style=[gaussian, 4], class=[dirac, 2])"
    },
    "a rate, or a match, without a prior": {"prior": "none"},
    "importance weights of a code without a density": {
        "posterior": "relaxed_one_hot",
        "objective": "importance_weighted",
    },
    "one-hots under another prior": {"posterior": "relaxed_one_hot", "prior": "normal"},
    "a categorical prior over another code": {"prior": "categorical"},
    "the path derivative of a code that does not show its parameters, such as a flow": {
        "posterior": "flow(hidden=[8])",
        "objective": "distortion + kl(path=true, analytic=false)",
    },
    "directions under another prior": {"posterior": "von_mises_fisher", "prior": "normal"},
    "a prior of directions over another code": {"prior": "sphere"},
    "blocks under a prior of none, or of others": {
        "posterior": "product(style=[gaussian, 4], class=[relaxed_one_hot, 3])",
        "prior": "normal",
    },
    "blocks and a prior with other names, another order or other sizes": {
        "posterior": "product(style=[gaussian, 4], class=[relaxed_one_hot, 3])",
        "prior": "product(a=[normal, 4], b=[categorical, 3])",
    },
    "total correlation, or its like, without a density by coordinate": {
        "posterior": "dirac",
        "objective": "distortion + total_correlation",
    },
    "a vamp prior beside a code without a density by coordinate": {
        "posterior": "dirac",
        "prior": "vamp(3)",
        "objective": "distortion + mmd",
    },
    "a vamp prior under a condition": {"prior": "vamp(3)", "condition": "labels", "width": 4},
    "coordinates of a code without a density by coordinate": {
        "posterior": "relaxed_one_hot",
        "objective": "distortion + mutual_information(on=[0, 1])",
    },
    "a block that the prior has not": {"objective": "distortion + kl(on=style)"},
    "a block that the code has not": {"objective": "distortion + mutual_information(on=style)"},
    "a block by a wrong name": {
        "posterior": "product(style=[gaussian, 4])",
        "objective": "distortion + mutual_information(on=class)",
    },
    "coordinates outside the code": {
        "latent": 6,
        "objective": "distortion + mutual_information(on=[0, 6])",
    },
    "subspaces that do not fill the code": {"prior": "isa(size=4)"},
    "a part of another size than the code": {"prior": "lp_nested([2, 1, 1])"},
    "a conditional prior without a condition": {"prior": "conditional"},
    "a rate asked for that categories cannot have": {
        "posterior": "relaxed_one_hot",
        "objective": "distortion + rate_target(5)",
    },
    "a reader of draws without a gradient": {
        "objective": "distortion + mutual_information(on=[0], drawn=true)"
    },
    "a reader with another number of outputs": {
        "objective": Distortion() + MutualInformation(Mlp(8).encoder(SHAPE, 3), [0, 1])
    },
    "a shared reader of an encoder that ends otherwise": {
        "network": "mlp",
        "objective": "distortion + mutual_information(on=[0], reader=shared)",
    },
    "sparsity of what is no sigmoid": {"objective": "distortion + sparsity"},
    "a commitment of a code without a codebook": {"objective": "distortion + commitment"},
    "the closed form of another encoder's Jacobian": {
        "objective": "distortion + contractive(method=closed)"
    },
    "a tied decoder of another width than the encoder's features": {"network": "tied"},
    "importance weights beside what they stand for": {"objective": "importance_weighted + kl"},
    "two terms of one name": {"objective": "distortion + kl + 2*kl"},
    "nothing that trains the decoder": {"objective": "kl"},
    "a negative weight": {"objective": "distortion - 0.1*kl"},
    "a weight behind its term": {"objective": "distortion + kl*4"},
    "what is no sum of terms": {"objective": "distortion + 2*3*kl"},
    "an unknown term": {"objective": "distortion + klx"},
    "an unknown schedule": {"objective": "distortion + linea(0, 1)*kl"},
    "an argument that a term does not take": {"objective": "distortion + kl(of=style)"},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_kinds_say_why(kind):
    assert kind in kinds(), f"docs/compose.md lacks {kind}"
    said = train({"network": "mlp(8)", **REFUSED[kind]})
    assert kinds()[kind].search(said), said


BLOCKS = "product(a=[gaussian, 2], b=[gaussian, 3])"


@pytest.mark.parametrize(
    "prior",
    [
        "product(b=[normal, 3], a=[normal, 2])",
        "product(a=[normal, 3], b=[normal, 2])",
        "product(x=[normal, 2], y=[normal, 3])",
        "product(x=[normal, 1], y=[normal, 4])",
        "product(all=[normal, 5])",
    ],
)
def test_a_prior_of_other_blocks_than_the_posterior_is_refused(prior):
    why = "the posterior has blocks a.*, b.*, but the prior .*: give both the same names"
    what = {"network": "mlp(8)", "posterior": BLOCKS}
    for objective in ("distortion + kl", "distortion + kl(on=a)", "distortion"):
        for given in (prior, prior_of(prior, 5)):
            with pytest.raises(VaekitError, match=why):
                recipes.compose(SHAPE, prior=given, objective=objective, **what)
    q = latents(BLOCKS).posterior(encoder(10))
    code, p = q(torch.rand(4, *SHAPE)), prior_of(prior, 5)()
    with pytest.raises(VaekitError, match=why):
        block(density(code), density(p), code.sample(torch.Size((1,))), "a")


@pytest.mark.parametrize("weight", ["0", "linear(0, 0)"])
def test_a_term_of_weight_0_counts_for_none(weight):
    why = train({"network": "mlp(8)", "objective": f"{weight}*distortion + kl"})
    assert "no term of this objective trains the decoder" in why
    read = f"distortion + kl + {weight}*importance_weighted"
    recipes.compose(SHAPE, network="mlp(8)", objective=read)
    recipes.compose(SHAPE, network="mlp(8)", objective="linear(0, 1)*distortion + kl")


@pytest.mark.parametrize(
    "objective",
    [
        "distortion + importance_weighted",
        "importance_weighted(5) + kl",
        "importance_weighted + rate_target(2)",
        Distortion() + ImportanceWeighted() + KL(),
    ],
)
def test_importance_weights_stand_alone(objective):
    why = train({"network": "mlp(8)", "objective": objective})
    assert "importance_weighted stands in place of distortion and rate" in why
    recipes.compose(SHAPE, network="mlp(8)", objective="importance_weighted + total_correlation")


def test_under_a_condition_the_prior_is_conditional_unless_one_is_named():
    def prior(**parts: Any) -> Any:
        known: dict[str, Any] = {"condition": "labels", "width": 4}
        return recipes.compose(SHAPE, network="mlp(8)", **parts, **known).model.prior

    for own in ("gaussian", "laplace", GaussianPosterior):
        assert isinstance(prior(posterior=own), Conditional)
    assert isinstance(prior(prior="normal"), Normal)
    assert isinstance(prior(prior=Normal(10)), Normal)
    assert isinstance(prior(posterior="relaxed_one_hot"), Categorical)
    assert isinstance(prior(posterior=BLOCKS), ProductPrior)
    assert prior(prior="none", objective="distortion") is None
    assert isinstance(recipes.compose(SHAPE, network="mlp(8)").model.prior, Normal)


def test_every_refused_kind_of_the_page_has_an_example():
    assert kinds().keys() == REFUSED.keys()


def test_the_page_has_every_term_with_its_arguments():
    page = (ROOT / "docs" / "compose.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ((?:`\w+`(?:, )?)+|–) \|", page, re.MULTILINE)
    named = {
        term: set(re.findall(r"`(\w+)`", known))
        for terms, known in rows
        for term in re.findall(r"`(\w+)`", terms)
    }
    own = {name: set(inspect.signature(make).parameters) for name, make in TERMS.items()}
    assert named == {name: known - {"model", "shape"} for name, known in own.items()}


# ---- the language of sums


def test_sums_come_apart_at_their_own_signs():
    assert summed("distortion") == [("1", "distortion")]
    assert summed(
        "a + 1e-3*b(x=[1, 2], c='d + 2*e') + linear(0, 4, epochs=5)*class(on=lambda)"
    ) == [
        ("1", "a"),
        ("0.001", "b(x=[1, 2], c='d + 2*e')"),
        ("linear(0, 4, epochs=5)", "class(on=lambda)"),
    ]
    assert summed("a\n  + 4*b\n") == [("1", "a"), ("4", "b")]
    for text in ("", "+", "a +", "a b", "a, b", "2*3*a", "(a + b)*2", "4", "a.b", "a/2", "'a'"):
        with pytest.raises(VaekitError):
            summed(text)
    for text in ("a - b", "-a", "-0.1*a", "a + -1*b"):
        with pytest.raises(VaekitError, match="weights are ≥ 0"):
            summed(text)


def test_texts_without_end_are_refused_as_unreadable():
    for text in ("distortion + " * 3000 + "kl", "a(" * 300 + ")" * 300, "a + " * 200_000 + "b"):
        with pytest.raises(VaekitError, match="cannot read") as refusal:
            summed(text)
        assert len(str(refusal.value)) < 500
    for inside in ("[" * 3000 + "]" * 3000, "-" * 100_000 + "1", "1+" * 100_000 + "1"):
        with pytest.raises(VaekitError, match="cannot read the arguments"):
            parse(f"a({inside})")


def test_slips_in_a_text_are_named():
    for text in ("a ++ b", "+ a + b", "a + +b", "+2*a"):
        with pytest.raises(VaekitError, match="there is a plus too many"):
            summed(text)
    for text in ("product(a=[gaussian, 2], a=[laplace, 3])", "product(class=1, class=2)"):
        with pytest.raises(VaekitError, match=r"two of the name '(a|class)'"):
            parse(text)
    for text in ("mlp(4", "mlp([4)", "product(a=[gaussian, 2)", "product(a=[gaussian, 2]"):
        with pytest.raises(VaekitError, match=r"the bracket [\[(] is not closed|closes none"):
            parse(text)
    for text in ("a + b(c=[1)", "a + b(", "a + b)"):
        with pytest.raises(VaekitError, match=r"the bracket"):
            summed(text)
    with pytest.raises(
        VaekitError, match=r"unknown posterior 'gausian'.*laplace, product, relaxed"
    ):
        recipes.compose(SHAPE, posterior="gausian")
    with pytest.raises(VaekitError, match="Did you mean 'product'"):
        recipes.compose(SHAPE, posterior="produkt(a=[gaussian, 2])")
    with pytest.raises(VaekitError, match="list all blocks side by side"):
        recipes.compose(SHAPE, posterior="product(a=['product(b=[gaussian, 2])', 2])")


def test_what_is_written_is_read_again():
    line = Linear(0, 25)
    text = Written(
        "rate_target", line, on="class", share=1.0, none="none", off=None, p=[2.0, "a b"]
    )
    assert text == (
        "rate_target('linear(start=0, end=25)', on=class, share=1, none='none', off=none, "
        "p=[2, 'a b'])"
    )
    assert parse(text)[1] == [line]
    assert parse(str(text)) == (
        "rate_target",
        ["linear(start=0, end=25)"],
        {"on": "class", "share": 1, "none": "none", "off": None, "p": [2, "a b"]},
    )
    assert shortest("kl(path=false, on=style)", TERMS) == "kl(on=style)"
    assert shortest("own", TERMS) == "own"


# ---- recipes are compositions

CHANGED: list[tuple[str, dict[str, Any]]] = [
    (
        "beta_vae",
        {"beta": "linear(0, 2, epochs=2)", "prior": "mixture(3)", "corruption": "masking"},
    ),
    ("beta_vae", {"beta": Linear(0, 2, epochs=2), "posterior": "laplace"}),
    ("capacity_vae", {"capacity": Linear(0, 1), "gamma": 3}),
    ("cvae", {"prior": "normal", "beta": 0.1 + 0.2}),
    ("isa_vae", {"size": [1, 3], "p": [2.2, 1.9], "learned": "inner", "path": True}),
    ("joint_vae", {"capacity": "linear(0, 1)", "temperature": Linear(1, 0.5), "class_beta": 2}),
    ("k_sparse_ae", {"k": "linear(3, 1)"}),
    ("mog_vae", {"components": 3, "learned": "gradient"}),
    ("noise_vae", {"learned": "gradient", "sigma": 1 / 3}),
    ("sparse_ae", {"layers": "all", "rho": 0.1}),
    ("vmi_joint_vae", {"reader": "shared", "network": "mlp(8, 8)", "entropy": "prior"}),
    ("vmi_vae", {"on": 2, "share": 0.5}),
]


def losses(name: str, arguments: dict[str, Any]) -> list[dict[str, float]]:
    """Return the terms of three epochs of a recipe, in every step."""
    recipe = recipes.find(name)
    torch.manual_seed(0)
    system = recipe.make(SHAPE, **recipe.complete(arguments, DATA))
    training = Training(epochs=3, batch=16, lr=0.01, device="cpu")
    return [going.means() for going in fit(*system, DATA, training)]


@pytest.mark.parametrize(
    ("name", "changed"), [*((name, {}) for name in sorted(RECIPES)), *CHANGED], ids=str
)
def test_a_recipe_and_its_composition_train_alike(name, changed):
    arguments = small_arguments(name, latent=4, network="mlp(8)") | changed
    texts = recipes.find(name).composition(**arguments).texts()
    assert all(type(text) is str for text in texts.values())
    assert losses(name, arguments) == losses("compose", {**texts, "latent": int(texts["latent"])})


def test_a_recipe_of_objects_says_that_it_is_no_composition():
    def own_ae(shape: tuple[int, ...], latent: int = 3) -> recipes.System:
        """Own model."""
        return recipes.ae(shape, latent)

    recipes.recipe(paper="none")(own_ae)
    try:
        with pytest.raises(VaekitError, match="own_ae is no composition: its function builds"):
            RECIPES["own_ae"].composition()
    finally:
        del RECIPES["own_ae"]
    with pytest.raises(VaekitError, match="prior is an object, Normal"):
        RECIPES["vae"].composition(latent=3, prior=Normal(3)).texts()
    with pytest.raises(VaekitError, match="objective is an object"):
        RECIPES["compose"].composition(objective=Distortion()).texts()


def said_by(capsys: Any, *words: str) -> str:
    try:
        cli.main(words)
    except SystemExit as end:
        if end.code:
            return f"{end.code}: {capsys.readouterr().err}"
    return capsys.readouterr().out


def test_show_prints_a_command_that_trains_the_same_weights(capsys, tmp_path):
    more = ["--latent", "4", "--network", "mlp(8)", "--batch", "500"]
    shown = said_by(capsys, "show", "vmi_vae", "--information", "0.3", *more)
    assert shown.startswith("vmi_vae: VMI-VAE: some coordinates")
    assert f"paper: {RECIPES['vmi_vae'].paper}" in shown
    command = shown[shown.index("vaekit train") :].replace("\\\n", "").replace("DATA", "digits")
    flags = ["--epochs", "1", "--device", "cpu", "--out"]
    cli.main([*shlex.split(command)[1:], *flags, str(tmp_path / "a")])
    recipe = ["train", "vmi_vae", "--data", "digits", "--information", "0.3", *more]
    cli.main([*recipe, *flags, str(tmp_path / "b")])
    ours, theirs = Run(tmp_path / "a"), Run(tmp_path / "b")
    assert ours.config.recipe == "compose" and theirs.config.recipe == "vmi_vae"
    assert same(ours.model.state_dict(), theirs.model.state_dict())
    assert "--batch 64" in said_by(capsys, "show", "factor_vae")
    assert "usage: vaekit show RECIPE" in said_by(capsys, "show")
    assert "Did you mean 'beta_vae'" in said_by(capsys, "show", "beta_va")
    assert "unknown argument --gama" in said_by(capsys, "show", "factor_vae", "--gama", "3")


def test_show_refuses_what_training_does(capsys):
    for objective in ("distortion + nan*kl", "distortion + inf*kl", "kl", "distortion + klx"):
        words = ["compose", "--objective", objective]
        shown = said_by(capsys, "show", *words)
        assert shown.startswith("2: vaekit: ") and "vaekit train compose --data DATA" not in shown
        assert shown == said_by(capsys, "train", *words, "--data", "digits")


def test_words_are_quoted_for_the_shell():
    from vaekit.text.shell import quoted

    for text in ("own", "f(a, 'b')", 'f("a")', "f('$a')", "a'b\"c", "x!", "back\\slash"):
        assert shlex.split(quoted(text)) == [text]
    assert (quoted("0.5"), quoted("f(a='b')")) == ("0.5", "\"f(a='b')\"")
    assert (quoted("-r"), quoted(Path("-r"))) == ("-r", "./-r")  # a value, and a path


def test_the_list_has_a_table_of_what_recipes_are_made_of(capsys):
    shown = said_by(capsys, "list")
    table = shown[shown.index("recipe  ") : shown.index("data sets (")].splitlines()
    assert max(map(len, table)) <= 100
    rows = {line.split()[0]: line.split() for line in table if line and line[0] != " "}
    assert rows.keys() == {"recipe", *RECIPES}
    assert rows["beta_vae"][1:] == [
        *("gaussian", "normal", "bernoulli", "-", "distortion", "+", "4*kl"),
    ]
    assert all(term in shown for term in TERMS)


# ---- runs


def test_what_cannot_be_is_refused_before_data_are_read(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vaekit.runs.config.Config.load_data", lambda _: 1 / 0)
    for words, why in (
        (["--posterior", "dirac"], "KL needs a posterior with a density"),
        (["--objective", "distortion + kl(on=style)"], "there is no block 'style'"),
        (["--objective", "distortion + klx"], "Did you mean 'kl'"),
        (["--prior", "conditional"], "needs a condition"),
        (["--prior", "isa(size=3)", "--latent", "4"], "do not fill 4 latents"),
        (["--network", "conv(8, 8, 8, 8, 8, 8)", "--objective", "kl"], "trains the decoder"),
        (["--condition", "labels", "--prior", "vamp(2)"], "have no condition"),
        (["--network", "mlp(32)", "--latent", "-1"], "needs at least one latent, got latent=-1"),
        (["--latent", "0"], "needs at least one latent, got latent=0"),
        (["--latent", "abc"], "--latent must be a whole number, got abc. `vaekit train"),
        (["--latent", "1.5"], "--latent must be a whole number, got 1.5. `vaekit train"),
    ):
        said = said_by(capsys, "train", "compose", "--data", "digits", *words)
        assert said.startswith("2: vaekit: ") and why in said
        assert len(said.strip().splitlines()) == 1
    said = said_by(capsys, "train", "isa_vae", "--data", "digits", "--size", "abc")
    assert "--size must be a whole number or a list, got abc." in said
    fits = ["--network", "conv(8, 8, 8, 8, 8, 8)", "--condition", "labels"]
    with pytest.raises(ZeroDivisionError):  # for images of 64 × 64, say: the data will tell
        cli.main(["train", "compose", "--data", "digits", *fits])
    assert not list(tmp_path.rglob("*.yaml"))


def test_trying_parts_leaves_weights_statistics_and_noise_as_they_are():
    def built(**more: Any) -> tuple[recipes.System, torch.Tensor]:
        torch.manual_seed(0)
        parts = {
            "network": "conv(2, 3, batch_norm=true)",
            "likelihood": "gaussian(learned=average)",
        }
        what = Composition(SHAPE, 4, "distortion + total_correlation + mmd", **parts, **more)
        return what.system(), torch.get_rng_state()

    (plain, noise), (tried, after) = built(prior="normal"), built(prior="normal", tried=True)
    assert same(plain.model.state_dict(), tried.model.state_dict())
    assert torch.equal(noise, after)
    (_, _), (_, term), _ = tried.objective.parts
    assert isinstance(term, TotalCorrelation) and term.size is None
    assert all(weight.grad is None for weight in tried.model.parameters())
    Composition((), None, "distortion + kl", prior="own").try_out()
    assert torch.equal(noise, torch.get_rng_state())


WORDS = ["--epochs", "1", "--device", "cpu"]
WHOLE = [
    *("--posterior", "gaussian", "--prior", "isa(p=2.2, size=4)", "--likelihood", "mixture(2)"),
    *("--corruption", "none", "--objective"),
    "distortion + 4*kl + 3*total_correlation + 0.1*mutual_information(on=[0, 1])",
]


def judged(run: Run) -> None:
    """Hold that a run of all these parts has a ledger, and a page that names its terms."""
    ledger = run.ledger(n=40, samples=3, bound=3, reader="mlp(8)")
    assert len(ledger.rows) > 10
    assert all(math.isfinite(row.number.value) for row in ledger.rows)
    page = run.report().read_text(encoding="utf-8")
    assert "minus information z0 z1" in page
    assert run.metrics["elbo"]["value"] == pytest.approx(
        -run.metrics["distortion"]["value"] - run.metrics["rate"]["value"]
    )


def test_a_whole_composition_on_tiny_images(tmp_path):
    small = ["--latent", "8", "--network", "conv(4, 6)", "--batch", "200"]
    cli.main(
        ["train", "compose", "--data", "digits", *small, *WHOLE, *WORDS, "--out", str(tmp_path)]
    )
    judged(Run(tmp_path))


@pytest.mark.slow
def test_a_whole_composition_on_faces(tmp_path):
    from vaekit import data

    faces = "yale-b(size=[48, 42])"
    try:
        data.load(faces)
    except VaekitError as why:
        pytest.skip(f"the faces are not here: {why}")
    large = ["--latent", "16", "--network", "noise_large", "--batch", "200"]
    cli.main(["train", "compose", "--data", faces, *large, *WHOLE, *WORDS, "--out", str(tmp_path)])
    judged(Run(tmp_path))


def test_a_run_file_says_a_composition(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("""
recipe: compose
data: digits
arguments:
  posterior: product(style=[gaussian, 3], class=[relaxed_one_hot, 10])
  network: mlp(16)
  objective: >
    distortion + linear(0, 4, epochs=1)*kl(on=style)
    + 2*kl(on=class) + 20*mutual_information(on=class, reader='mlp(8)')
training: {epochs: 1, batch: 500, device: cpu}
""")
    cli.main(["train", str(tmp_path / "mine.yaml"), "--out", str(tmp_path / "a")])
    run = Run(tmp_path / "a")
    assert run.model.posterior.latent == 13 and run.encode().shape[1] == 13
    assert {"kl_style", "kl_class", "minus_information_class"} <= run.history[-1].keys()
    import vaekit

    again = vaekit.train(
        tmp_path / "mine.yaml", tmp_path / "b", objective="distortion + kl", verbose=False
    )
    assert again.config.arguments["objective"] == "distortion + kl"
    with pytest.raises(
        VaekitError, match="a run file holds numbers, texts and lists, got Objective"
    ):
        vaekit.train("compose", data="digits", objective=Distortion() + 4.0 * KL())


def test_a_condition_is_told_to_all_parts(tmp_path):
    words = ["--condition", "labels", "--prior", "conditional", "--network", "mlp(8)"]
    cli.main(["train", "compose", "--data", "digits", *words, *WORDS, "--out", str(tmp_path)])
    run = Run(tmp_path)
    assert run.config.arguments["width"] == 10
    assert run.sample(4, "7").shape == (4, 1, 8, 8)


# ---- code of one's own

MINE = '''
"""Parts, terms and more of my own."""

import torch
from torch import nn

from vaekit.corruptions import CORRUPTIONS, Masking
from vaekit.data import CATALOGUE, Dataset
from vaekit.metrics.record import Row, metric
from vaekit.model import Model, Pass
from vaekit.networks import Shape
from vaekit.objectives import TERMS, Adversarial, Term
from vaekit.posteriors import POSTERIORS, Gaussian
from vaekit.schedules import SCHEDULES, Linear


class CodeSize(Term):
    """Return the mean square of the code."""

    def __init__(self, power: float = 2.0):
        self.name, self.power = "code_size", power

    def __call__(self, run: Pass):
        """Return the mean."""
        return run.z.abs().pow(self.power).mean()


class Read(Adversarial):
    """Read the first coordinate from the decoder's picture."""

    name = "read"
    adam = {"lr": 0.01}

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, run: Pass):
        """Return the error, which the decoder lowers."""
        return (self.still(run.p.mean[0])[:, 0] - run.z[0, :, 0]).square().mean()

    def loss(self, run: Pass):
        """Return the reader's own error."""
        seen = self.network(run.p.mean[0].detach())
        return (seen[:, 0] - run.z[0, :, 0].detach()).square().mean()


def read(model: Model, shape: Shape, units: int = 4) -> Read:
    """Build the reader."""
    pixels = torch.Size(shape).numel()
    layers = nn.Linear(pixels, units), nn.ReLU(), nn.Linear(units, model.posterior.latent)
    return Read(nn.Sequential(nn.Flatten(), *layers))


def stripes(size: int = 8) -> Dataset:
    """Make stripes of my own."""
    rows = torch.arange(size * size).reshape(size, 1, 1, size) / size**2
    x = rows.expand(size, 1, size, size).repeat(10, 1, 1, 1)
    return Dataset(x, torch.arange(size).repeat(10), name="stripes")


def doubled(start: float, end: float) -> Linear:
    """Go from start to twice the end."""
    return Linear(start, 2 * end)


ROW = Row("widest", "does one latent hold all?", better="", title="Widest")


@metric("widest", ROW, needs="latents")
def score_widest(subject):
    """Score the latents."""
    return float(subject.mean.var(0).max())


TERMS |= {"code_size": CodeSize, "read": read}
CATALOGUE["stripes"] = stripes
SCHEDULES["doubled"] = doubled
CORRUPTIONS["holes"] = lambda p=0.1: Masking(p)
POSTERIORS["mine"] = Gaussian
'''
NAMES = ("code_size", "read", "stripes", "doubled", "holes", "mine", "widest")
OWN = [
    *("--data", "stripes(size=6)", "--posterior", "mine", "--corruption", "holes(p=0.2)"),
    *("--network", "mlp(8)", "--latent", "3", "--batch", "10", "--epochs", "2"),
    *("--objective", "distortion + doubled(0, 1)*kl + 0.1*code_size(power=1) + read(units=5)"),
]


@pytest.fixture
def forgotten(monkeypatch, tmp_path):
    """Forget what a test imports and enters."""
    from vaekit import data, metrics, posteriors, schedules
    from vaekit.corruptions import CORRUPTIONS

    monkeypatch.setattr(own_code, "IMPORTED", [])
    registries: list[dict[str, Any]] = [
        *(TERMS, data.CATALOGUE, metrics.METRICS, posteriors.POSTERIORS),
        *(schedules.SCHEDULES, CORRUPTIONS),
    ]
    before = [dict(registry) for registry in registries]

    def forget() -> None:
        own_code.IMPORTED.clear()
        for registry, old in zip(registries, before, strict=True):
            registry.clear()
            registry.update(old)

    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    yield forget
    forget()


def test_what_is_entered_by_name_is_known_everywhere(forgotten, capsys):
    cli.main(["train", "compose", *OWN, "--device", "cpu", "--out", "a", "--import", "mine.py"])
    run = Run("a")
    assert {"code_size", "read", "read_critic"} <= run.history[-1].keys()
    assert run.history[-1]["weight_kl"] == pytest.approx(2, abs=0.5)
    said = said_by(capsys, "list", "--import", "mine.py")
    assert all(re.search(rf"\b{name}\b", said) for name in NAMES)
    assert "stripes" in said_by(capsys, "train", "vae", "--help", "--import", "mine.py")
    said_by(capsys, "evaluate", "a", "--metrics", "widest", "--import", "mine.py")
    page = Run("a").report().read_text(encoding="utf-8")
    assert all(word in page for word in ("code size", "read critic", "Widest"))
    forgotten()
    said = said_by(capsys, "encode", "a", "--out", "codes.npz")
    assert said.startswith("2: ") and f"--import {Path('mine.py').resolve()}" in said
    assert "stripes" not in said_by(capsys, "list")


def test_a_term_of_ones_own_is_refused_like_any(forgotten, capsys):
    flags = ["--data", "stripes", "--import", "mine.py", "--device", "cpu"]
    said = said_by(capsys, "train", "compose", *flags, "--objective", "distortion + read(unit=5)")
    assert "it takes read(units=4)" in said
    said = said_by(capsys, "train", "compose", *flags, "--objective", "code_size")
    assert "no term of this objective trains the decoder" in said


def installed(folder: Path, name: str, code: str) -> None:
    """Lay a package with a plugin where Python looks for packages."""
    (folder / f"{name}_parts.py").write_text(code)
    about = folder / f"{name}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[vaekit.plugins]\n{name} = {name}_parts\n")


def vaekit_with(folder: Path, *words: str) -> Any:
    paths = os.pathsep.join([str(folder), str(ROOT / "src")])
    return subprocess.run(
        [sys.executable, "-m", "vaekit", *words],
        **{"capture_output": True, "text": True, "timeout": 300, "cwd": folder},
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )


def test_installed_plugins_enter_what_they_have(tmp_path):
    installed(tmp_path, "good", MINE)
    installed(tmp_path, "broken", "import no_such_module\n")
    done = vaekit_with(tmp_path, "list")
    assert done.returncode == 0
    assert all(re.search(rf"\b{name}\b", done.stdout) for name in NAMES)
    assert done.stderr == (
        "vaekit: note: the plugin broken (broken_parts) is left out, it fails: "
        "ModuleNotFoundError: No module named 'no_such_module'\n"
    )
    done = vaekit_with(tmp_path, "train", "compose", *OWN, "--device", "cpu", "--out", "a")
    assert done.returncode == 0, done.stderr
    assert "good_parts" in (tmp_path / "a" / "run.yaml").read_text()
    for file in tmp_path.glob("good*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    done = vaekit_with(tmp_path, "encode", "a")
    assert done.returncode == 2 and "--import good_parts" in done.stderr


def test_help_waits_for_no_plugin(tmp_path):
    installed(tmp_path, "good", "raise SystemExit('imported')\n")
    for words in (["--help"], ["--version"]):
        done = vaekit_with(tmp_path, *words)
        assert (done.returncode, done.stderr) == (0, "")
    code = "import vaekit; vaekit.load('digits'); print('went on')"
    paths = os.pathsep.join([str(tmp_path), str(ROOT / "src")])
    done = subprocess.run(
        [sys.executable, "-c", code],
        **{"capture_output": True, "text": True, "timeout": 300},
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.stdout == "went on\n" and "it fails: SystemExit: imported" in done.stderr


def test_what_an_own_file_lacks_is_told_by_its_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import math\nimport no_such_module\n")
    with pytest.raises(VaekitError, match="line 2: ModuleNotFoundError: No module named 'no_such"):
        own_code.take(str(path))
    with pytest.raises(VaekitError, match="name a file"):
        own_code.take("no_such_module")
