"""The ledger adds up: on models with closed forms, on recipes as they are trained, and not by luck.

Linear-Gaussian models, z ~ N(0, Σ) as a whole, and categories whose outcomes can be summed say what
each line is to be; broken models and estimators say that a check can fail.
"""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from parts import layer, noise_model, small, white
from torch import Tensor, nn

from vaekit import recipes
from vaekit.cli import main
from vaekit.data import Dataset, Splits, load
from vaekit.distributions import DiagonalGaussian, StandardNormal
from vaekit.distributions.one_hots import OneHots, RelaxedOneHots
from vaekit.distributions.product import Blocks
from vaekit.errors import VaekitError
from vaekit.information import Check, Ledger, LedgerRow, Number, ledger
from vaekit.information.aggregated.pairs import aggregate_of_any, aggregate_of_gaussians
from vaekit.information.aggregated.parts import aggregated
from vaekit.information.ledger import accounts
from vaekit.information.ledger.entries import at_most, below, equal
from vaekit.latents import Latents
from vaekit.likelihoods import Gaussian as GaussianLikelihood
from vaekit.model import Model
from vaekit.posteriors import Dirac, Gaussian, RelaxedOneHot
from vaekit.priors import Categorical, Normal, isa
from vaekit.recipes import cvae, joint_vae, vae
from vaekit.report import write_report
from vaekit.runs import Config, Run, train
from vaekit.training import Training, fit

WHOLE, ALL = "whole code", "blocks together"


def linear(a: Tensor, s: Tensor, w: Tensor, sigma: float = 0.5, prior: Any = None) -> Model:
    """Make q(z|x) = N(A x, diag s²) for A (H, D) and p(x|z) = N(W z, σ² I)."""
    encoder = layer(torch.cat([a, 0 * a]), torch.cat([0 * s, 2 * s.log()]))
    likelihood = GaussianLikelihood(layer(w, torch.zeros(len(w))), sigma)
    return Model(Gaussian(encoder, len(a)), likelihood, prior or Normal(len(a))).eval()


def correlated(rho: float = 0.9, s: float = 0.3, prior: Any = None) -> Model:
    """Make an aggregate of two standard normal coordinates with correlation ρ."""
    sigma = torch.tensor([[1.0, rho], [rho, 1.0]])
    root = torch.linalg.cholesky(sigma - s**2 * torch.eye(2))
    return linear(root, torch.full((2,), s), torch.eye(2), prior=prior)


def close(found: Ledger, place: Any, wanted: float, slack: float = 0.0) -> None:
    number = found[place]
    assert abs(number.value - wanted) < 4 * (number.se or 0) + slack, (place, number, wanted)


# ---- closed forms


def test_a_gaussian_aggregate_has_its_closed_forms():
    found = ledger(correlated(), white(4000, 2), samples=20)
    assert not found.check() and len(found.checks) == 11
    correlation = -0.5 * math.log(1 - 0.81)
    information = -2 * math.log(0.3) - correlation
    close(found, "information", information, 0.02)
    close(found, "information_gaussian", information, 1e-4)
    close(found, "total_correlation", correlation, 0.02)
    close(found, "aggregate_kl", correlation, 0.02)
    close(found, "dimension_wise_kl", 0, 0.02)
    close(found, "rate", -2 * math.log(0.3))
    assert found["ln_n"].value == math.log(4000)
    assert not found.notes and found.parts == {WHOLE: 2}


def test_the_exact_posterior_leaves_no_gap():
    """Orthogonal columns: q(z|x) = p(z|x), and every weight is p(x)."""
    w = torch.linalg.qr(torch.randn(6, 2, generator=torch.Generator().manual_seed(4))).Q
    w, sigma = w * torch.tensor([1.5, 0.8]), 0.5
    precision = torch.eye(2) + w.T @ w / sigma**2
    model = linear(
        torch.linalg.solve(precision, w.T) / sigma**2, precision.diagonal().rsqrt(), w, sigma
    )
    p = torch.distributions.MultivariateNormal(torch.zeros(6), w @ w.T + sigma**2 * torch.eye(6))
    torch.manual_seed(0)
    data = Dataset(p.sample((800,)), name="drawn")
    exact = float(p.log_prob(data.images).mean())
    found = ledger(model, data, samples=5)
    assert not found.check()
    assert found["log_likelihood"].value == pytest.approx(exact, abs=1e-3)
    assert found["elbo"].value == pytest.approx(exact, abs=0.1)
    close(found, "gap", 0)
    bits = found["bits_log_likelihood"]
    assert bits.value == pytest.approx(-exact / 6 / math.log(2), abs=1e-3)
    assert bits.unit == "bits per dimension" and bits.direction == "upper bound"


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_what_blocks_share_makes_their_sums_the_whole(rho):
    """Two blocks of one coordinate each, whose dependence is the total correlation."""
    blocks = Latents({"a": ["gaussian", 1], "b": ["gaussian", 1]})
    found = ledger(correlated(rho, prior=blocks.prior()), white(4000, 2), samples=20)
    assert not found.check()
    close(found, ("a", "information"), -math.log(0.3), 0.02)
    close(found, "informations", -2 * math.log(0.3), 0.02)
    close(found, "dependence", -0.5 * math.log(1 - rho**2), 0.02)
    shared = found["dependence"].value
    assert found["informations"].value - shared == pytest.approx(found["information"].value)
    assert found["aggregate_kls"].value + shared == pytest.approx(found["aggregate_kl"].value)
    assert found["rates"].value == pytest.approx(found["rate"].value)
    with pytest.raises(KeyError):
        found["a", "total_correlation"]  # of one coordinate


# ---- categories: the discrete model, exactly


def three(n: int = 300) -> Dataset:
    torch.manual_seed(1)
    return Dataset((torch.rand(n, 4) < 0.4).float(), name="bits")


def categories(temperature: float = 2.0, sure: float = 3.0) -> Model:
    """A category of three alone, trained with relaxed one-hots that are far from one-hot."""
    torch.manual_seed(0)
    network = nn.Linear(4, 3)
    posterior = RelaxedOneHot(network, 3, temperature)
    with torch.no_grad():
        network.weight.mul_(sure)
    return Model(posterior, noise_model("bernoulli", small(), (4,), 3), Categorical(3)).train()


def exactly(model: Model, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sum over the three categories: distortion, rate and log p(x) of each example."""
    model.eval()
    with torch.no_grad():
        pi = model.posterior(x).mean
        z = torch.eye(3).unsqueeze(1).expand(3, len(x), 3)
        logs = model.likelihood(z).log_prob(x).T  # (n, 3)
    rate = (pi * (pi * 3).log()).sum(-1)
    return -(pi * logs).sum(-1), rate, logs.logsumexp(-1) - math.log(3)


@pytest.mark.parametrize("temperature", [0.1, 2.0])
def test_the_ledger_is_of_the_discrete_model(temperature):
    data = three()
    model = categories(temperature)
    found = ledger(model, data, samples=2000)
    assert model.training and not found.check()
    distortion, rate, likelihood = exactly(model, data.images)
    for key, exact in (
        ("distortion", distortion),
        ("rate", rate),
        ("elbo", -distortion - rate),
        ("log_likelihood", likelihood),
    ):
        assert found[key].value == pytest.approx(float(exact.mean()), abs=0.02), key
    pi = model.eval().posterior(data.images).mean.detach()
    entropy = -float((pi.mean(0) * pi.mean(0).log()).sum())
    told = float((pi * (pi / pi.mean(0)).log()).sum(-1).mean())
    assert found["information"].value == pytest.approx(told, abs=1e-6)
    assert found["entropy"].value == pytest.approx(entropy, abs=1e-6)
    assert found["aggregate_kl"].value == pytest.approx(math.log(3) - entropy, abs=1e-6)


def test_relaxed_codes_are_not_judged(monkeypatch):
    """What made an ELBO nats too good: the decoder sees mixtures, the rate is the categories'."""
    model, data = categories(), three()
    relaxed = lambda self, x, c=None: RelaxedOneHots(self.features(x, c), self.temperature)  # noqa: E731
    monkeypatch.setattr(RelaxedOneHot, "forward", relaxed)
    with pytest.raises(VaekitError, match="RelaxedOneHots does not show its parameters"):
        ledger(model, data)


# ---- the aggregate of products


def product(n: int = 150, kinds: int = 1) -> tuple[Tensor, Blocks]:
    torch.manual_seed(3)
    parts = [DiagonalGaussian(torch.randn(n, 2).double(), -torch.rand(n, 2).double())]
    parts += [OneHots(2 * torch.randn(n, 3).double()) for _ in range(kinds)]
    parts += [DiagonalGaussian(torch.randn(n, 1).double(), -torch.rand(n, 1).double())]
    q = Blocks(parts)
    return q.rsample(), q


@pytest.mark.parametrize("kinds", [1, 2])
def test_the_aggregate_of_a_product_against_the_sum_over_all(kinds):
    z, q = product(kinds=kinds)
    whole, apart = aggregated(z, q)
    torch.testing.assert_close(whole, aggregate_of_any(z, [q])[0], atol=1e-4, rtol=0)
    places = [0, 1, z.shape[1] - 1]
    alone = sum(
        aggregated(z[:, [h]], DiagonalGaussian(q.mean[:, [h]], q.variance[:, [h]].sqrt().log()))[0]
        for h in places
    )
    kept = zip(z.split(q.sizes, -1), q.parts, strict=True)
    alone += sum(aggregate_of_any(c, [p])[0] for c, p in kept if isinstance(p, OneHots))
    assert apart is not None
    torch.testing.assert_close(apart, alone, atol=1e-4, rtol=0)
    hot = Blocks(q.parts[1:-1])
    c = z[:, 2:-1]
    torch.testing.assert_close(aggregated(c, hot)[0], aggregate_of_any(c, [hot])[0])


def test_weighted_posteriors():
    z, q = product()
    gaussian = DiagonalGaussian(q.parts[0].mean, q.parts[0].log_std)  # pyright: ignore[reportAttributeAccessIssue]
    weight = torch.randn(len(z)).double()
    found = aggregate_of_gaussians(z[:, :2], gaussian, log_weight=weight)
    wanted = (gaussian.log_prob(z[:, None, :2]) + weight).logsumexp(1) - math.log(len(z))
    torch.testing.assert_close(found[0], wanted, atol=1e-4, rtol=0)
    plain = aggregate_of_gaussians(z[:, :2], gaussian)
    torch.testing.assert_close(found[1], plain[1])


# ---- recipes


DIGITS = load("digits")
RECIPES: dict[str, dict[str, Any]] = {
    "vae": {"latent": 4, "prior": "mixture(3)"},
    "beta_vae": {"latent": 5, "beta": 0.5},
    "joint_vae": {"style": 3, "categories": 5},
    "vmi_joint_vae": {"style": 2, "categories": 5, "reader": "mlp(16)"},
    "isa_vae": {"latent": 4, "size": 2},
    "info_vae": {"latent": 3, "alpha": 0.3},
    "noise_vae": {"latent": 4},
    "rate_target_vae": {"latent": 4, "rate": 3.0},
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_ledger_of_a_recipe_adds_up(name):
    torch.manual_seed(0)
    shape = DIGITS.train.shape
    system = recipes.find(name).make(shape, network="mlp(32)", **RECIPES[name])
    for _ in fit(*system, DIGITS.train, Training(epochs=20, batch=100, lr=3e-3, device="cpu")):
        pass
    bound = 60 if name == "vmi_joint_vae" else 0
    found = ledger(
        system.model, DIGITS.test, samples=20, bound=bound, train=DIGITS.train, reader="mlp(32)"
    )
    assert not found.check(), found.table()
    value = {key: found[key].value for key in ("rate", "distortion", "elbo", "information")}
    assert value["elbo"] == pytest.approx(-value["distortion"] - value["rate"], abs=1e-6)
    total = value["information"] + found["aggregate_kl"].value
    assert total == pytest.approx(value["rate"], abs=0.1)
    assert value["rate"] > 0.3  # or the sums would say nothing
    if len(found.parts) > 1:
        rates = [found[part, "rate"].value for part in list(found.parts)[1:]]
        assert sum(rates) == pytest.approx(value["rate"], rel=1e-6)
    read = [row.part for row in found.rows if row.key == "information_read"]
    assert read == ([WHOLE, "style", "class"] if bound else [])
    json.dumps(found.as_dict())


# ---- checks can fail


def broken(found: Ledger) -> str:
    assert found.check() and "broken" in found.table()
    return "; ".join(check.claim for check in found.check())


def test_a_wrong_density_breaks_the_rate(monkeypatch):
    right = StandardNormal.log_prob
    monkeypatch.setattr(StandardNormal, "log_prob", lambda self, z: right(self, z) + 0.3)
    found = ledger(correlated(), white(1000, 2), samples=5)
    wrong = broken(found)
    assert (
        "rate = I(x; z) + KL(q(z)‖p(z))" in wrong and "dimension-wise" in wrong and "ELBO" in wrong
    )
    (row,) = [row for row in found.rows if row.key == "rate"]
    assert row.state == "broken" and "is off by 0.3" in str(row.checks[0])


def test_a_wrong_aggregate_breaks_the_sides(monkeypatch):
    """Sums carry an error of log q(z) unseen, but the bounds on I(x; z) do not."""
    monkeypatch.setattr(
        accounts,
        "aggregated",
        lambda z, q: tuple(t if t is None else t - 1.0 for t in aggregated(z, q)),
    )
    wrong = broken(ledger(correlated(rho=0.0), white(1000, 2), samples=5))
    assert "I(x; z) ≤ rate" in wrong and "Gaussian" in wrong and "rate = " not in wrong


def test_a_constant_in_the_total_correlation_is_found(monkeypatch):
    """That of minibatch-weighted sampling, (H − 1) ln N, were it reported."""

    def wrong(z: Tensor, q: Any) -> tuple[Tensor, Tensor | None]:
        joint, alone = aggregated(z, q)
        return joint, None if alone is None else alone + math.log(1000)

    monkeypatch.setattr(accounts, "aggregated", wrong)
    assert "0 ≤ total correlation" in broken(ledger(correlated(), white(1000, 2), samples=5))


def test_blocks_that_are_not_the_whole_are_found(monkeypatch):
    right = accounts._account

    def wrong(part, *rest):
        found = right(part, *rest)
        if part.name != "a" or found.rate is None:
            return found
        return found._replace(rate=found.rate + 0.2, information=found.information + 0.2)

    monkeypatch.setattr(accounts, "_account", wrong)
    blocks = Latents({"a": ["gaussian", 1], "b": ["gaussian", 1]})
    said = broken(ledger(correlated(prior=blocks.prior()), white(1000, 2), samples=5))
    assert "rate = Σ rates" in said and "I(x; z) = Σ I(x; z_b) − dependence" in said


def test_what_a_check_is():
    close_to, off = torch.tensor([0.1, -0.1, 0.0]), torch.full((100,), 0.2)
    assert equal("a", close_to).holds and not equal("a", off).holds and not equal("a", -off).holds
    assert at_most("a", -off).holds and not at_most("a", off).holds
    assert not equal("a", close_to * math.nan).holds and not at_most("a", off * math.nan).holds
    assert at_most("a", torch.zeros(5)).holds and equal("a", torch.full((5,), 1e-4)).holds
    one, two = Number(1.0, "", 9, 0.3), Number(0.0, "", 9, 0.1)
    assert below("a", one, two).holds and not below("a", Number(2.0, "", 9, 0.1), two).holds
    assert "broken: a is off by 0.2" in str(equal("a", off)) and str(at_most("b", -off)) == "b"


def test_relations():
    for direction, sign in (("lower bound", "≥"), ("upper bound", "≤"), ("exact", "=")):
        number = Number(1.0, "", 1, direction=direction)  # pyright: ignore[reportArgumentType]
        assert LedgerRow("", "", "", number).relation == sign
    assert LedgerRow("", "", "", Number(1.0, "", 1)).state == ""


# ---- what cannot be stated, and what stays


def test_a_conditional_prior_is_not_split():
    torch.manual_seed(0)
    data = white(200, 6)
    data = Dataset(data.images, labels=torch.arange(200) % 3, name="labelled")
    made = partial(cvae, (6,), latent=2, width=3, network="mlp(8)", likelihood="squared_error")
    found = ledger(made(prior="conditional").model, data, samples=5)
    assert not found.check() and "p(z|c)" in found.notes[0]
    keys = {row.key for row in found.rows}
    assert "aggregate_kl" not in keys and {"rate", "information", "elbo"} <= keys
    plain = ledger(made(prior="normal").model, data, samples=5)
    assert not plain.check() and {row.key for row in plain.rows} > keys


def test_near_ln_n_it_says_so():
    model = linear(torch.eye(3), torch.full((3,), 1e-4), torch.eye(3))
    found = ledger(model, white(100, 3), samples=2)
    assert "near ln N" in found.notes[0] and "near ln N" in found["information"].estimator
    assert found["information"].value <= found["ln_n"].value + 1e-6


def test_a_prior_of_subspaces():
    prior = isa(subspaces=[(2.2, 1), (1.8, 1)])
    found = ledger(correlated(prior=prior), white(1500, 2), samples=5)
    assert not found.check() and found.parts == {WHOLE: 2, "subspace0": 1, "subspace1": 1}
    assert "not independent" in found.notes[0]
    close(found, "dependence", -0.5 * math.log(1 - 0.81), 0.03)


@pytest.mark.parametrize(
    ("p", "names"),
    [
        (Normal(3), ["a", "b"]),  # the posterior's blocks
        (isa(subspaces=[(2.2, 2), (1.8, 1)]), ["subspace0", "subspace1"]),
        (isa(subspaces=[(2.2, 3)]), []),
        (Latents({"c": ["gaussian", 2, "mixture(2)"], "d": ["gaussian", 1]}).prior(), ["c", "d"]),
    ],
)
def test_a_prior_that_is_cut_in_another_way(p, names):
    torch.manual_seed(0)
    z = Latents({"a": ["gaussian", 1], "b": ["gaussian", 2]})
    model = Model(
        z.posterior(small().encoder((6,), 6)), noise_model("bernoulli", small(), (6,), 3), p
    )
    found = ledger(model, Dataset(white(300, 6).images.sigmoid(), name="made"), samples=5)
    assert not found.check() and list(found.parts) == [WHOLE, *names]
    assert sum(found[name, "rate"].value for name in names) == pytest.approx(
        found["rate"].value if names else 0, abs=1e-5
    )


def test_the_same_seed_gives_the_same_and_leaves_no_trace():
    torch.manual_seed(0)
    model = joint_vae((4,), style=2, categories=3, network="mlp(8)").model.train()
    model.likelihood.eval()
    data, state = three(60), torch.get_rng_state()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    found = [
        ledger(model, data, samples=5, bound=3, train=data, reader="mlp(8)", seed=seed)
        for seed in (0, 0, 1)
    ]
    assert found[0].rows == found[1].rows != found[2].rows
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert model.training and not model.likelihood.training


def test_it_can_be_written_and_read():
    found = ledger(correlated(), white(100, 2), samples=2)
    again = Ledger.from_dict(json.loads(json.dumps(found.as_dict())))
    assert again == found and again.table() == found.table()


def without_prior() -> Model:
    model = correlated()
    return Model(model.posterior, model.likelihood, None)


@pytest.mark.parametrize(
    ("model", "settings", "cause"),
    [
        (without_prior, {}, "needs a prior"),
        (correlated, {"data": Splits(white(9, 2), white(9, 2))}, "take its .train or its .test"),
        (
            lambda: Model(Dirac(nn.Linear(2, 2), 2), correlated().likelihood, Normal(2)),
            {},
            "deterministic",
        ),
        (correlated, {"n": 1}, "two examples"),
        (correlated, {"n": 0}, "n must be"),
        (correlated, {"samples": 0}, "samples must be"),
        (correlated, {"bound": -1}, "whole number ≥ 0"),
        (correlated, {"bound": True}, "whole number ≥ 0"),
        (correlated, {"bound": 5}, "train="),
        (correlated, {"data": white(9, 3)}, "shapes do not fit"),
    ],
)
def test_ledgers_that_cannot_be(model, settings, cause):
    with pytest.raises(VaekitError, match=cause):
        ledger(model(), **{"data": white(50, 2), **settings})


# ---- the command and the page


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("ledger") / "run"
    own = {"style": 2, "categories": 4, "network": "mlp(16)", "reader": "mlp(16)"}
    train(Config("vmi_joint_vae", own, "digits", Training(epochs=2, device="cpu")), there)
    return there


def test_the_command_and_the_page(folder, capsys):
    page = write_report(Run(folder)).read_text(encoding="utf-8")
    assert 'id="ledger"' not in page
    main(["ledger", str(folder), "--samples", "5", "--bound", "20", "--reader", "mlp(16)"])
    out = capsys.readouterr().out
    assert "test set of digits, n = 180, nats" in out and "checks hold" in out
    assert out.count("a reader of the decoder's mean") == 3
    saved = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    assert saved["split"] == "test" and saved["n"] == 180 and saved["step"] > 0
    page = write_report(Run(folder)).read_text(encoding="utf-8")
    assert 'id="ledger"' in page and "dependence of blocks" in page and "class, 4 entries" in page
    saved |= {"step": 7, "weights": "those of another training"}
    saved["rows"][1]["checks"][0]["off"] = 9.0
    (folder / "ledger.json").write_text(json.dumps(saved), encoding="utf-8")
    page = write_report(Run(folder)).read_text(encoding="utf-8")
    assert "it is of step 7, other weights than these of 32" in page
    assert "broken: rate = I(x; z)" in page


def test_a_reader_comes_with_recipes_that_have_one(folder, capsys):
    main(["ledger", str(folder), "--samples", "2", "--n", "40", "--bound", "0"])
    assert "a reader" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["ledger", str(folder), "--bound", "-3"])
    assert "whole number" in capsys.readouterr().err


def test_a_check_in_json_is_plain():
    row = LedgerRow("p", "k", "n", Number(1.0, "e", 3, 0.1), (Check("c", 0.0, 0.1, True),))
    assert row.as_dict()["checks"] == [
        {"claim": "c", "off": 0.0, "se": 0.1, "equal": True, "holds": True}
    ]
    assert vae((6,)).model.prior is not None
