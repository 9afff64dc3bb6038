"""The variational bound of a trained model, where the information has a closed form.

With z ~ N(0, 1) as a whole, q(z|x) = N(√(1 − s²) x, s²), and x′ = w z + σ ε,

    I(z; x′) = ½ ln(1 + w²/σ²)        of the z that was decoded
    I(z; x′) = −½ ln(1 − ρ²),  ρ² = (1 − s²)² w²/(w² + σ²)        of a z drawn again
    I(x; z)  = −ln s
"""

import math
from typing import Any

import pytest
import torch
from parts import layer, noise_model, small, white

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import Bound, bound, critics, mutual_information_bound
from vaekit.information.aggregated.parts import part_of
from vaekit.likelihoods import Gaussian as GaussianLikelihood
from vaekit.model import Model
from vaekit.posteriors import Dirac, Gaussian, Product, RelaxedOneHot
from vaekit.priors import Categorical, Normal
from vaekit.priors import Product as ProductPrior
from vaekit.recipes import isa_vae, joint_vae, vmi_joint_vae

W, SIGMA, S = torch.tensor([2.0, 0.8]), 0.5, 0.4
QUICK: dict[str, Any] = {"reader": "mlp(32)", "steps": 400, "lr": 0.01}


def linear(s: float = S, scale: float = 1.0) -> Model:
    """Make the model above for two coordinates; `scale` multiplies the code alone."""
    a = scale * math.sqrt(1 - s**2) * torch.eye(2)
    bias = torch.cat([torch.zeros(2), torch.full((2,), 2 * math.log(s * scale))])
    encoder = layer(torch.cat([a, 0 * a]), bias)
    decoder = layer(W.diag() / scale, torch.zeros(2))
    return Model(Gaussian(encoder, 2), GaussianLikelihood(decoder, SIGMA), Normal(2)).eval()


def decoded(h: int) -> float:
    return 0.5 * math.log(1 + float(W[h] / SIGMA) ** 2)


def again(h: int) -> float:
    square = (1 - S**2) ** 2 * float(W[h]) ** 2 / (float(W[h]) ** 2 + SIGMA**2)
    return -0.5 * math.log(1 - square)


def near(found: Bound, exact: float) -> None:
    """Demand a bound: within 5 % of the exact value, and not above it but by its noise."""
    number = found.number
    assert number.se is not None and number.direction == "lower bound"
    assert 0.95 * exact - number.se < number.value < exact + 3 * number.se


@pytest.mark.parametrize(
    ("on", "scale"), [([0], 1.0), ([1], 1.0), ([1, 0], 1.0), (None, 1.0), (None, 100.0)]
)
def test_the_bound_comes_near_the_information_and_never_above(on, scale):
    found = mutual_information_bound(
        linear(scale=scale), white(4000), on, white(4000, seed=1), **QUICK
    )
    near(found, sum(decoded(h) for h in ([0, 1] if on is None else on)))


def test_a_reader_that_learned_little_gives_less():
    little, much = (
        mutual_information_bound(linear(), white(3000), [0], reader="mlp(32)", steps=steps, lr=0.01)
        for steps in (5, 300)
    )
    assert little.number.value < much.number.value - 0.1 and len(much.told) == 1500


@pytest.mark.parametrize("width", [0.3, -200.0])
def test_a_reader_answers_with_a_gaussian_in_the_units_of_the_code(width):
    """As readers do in training: however narrow it claims to know, it stays finite."""
    source = critics.PairSource(model := linear(scale=100.0), part_of(model, None), False, True)
    shown, c, _ = pairs = source.pairs(white(50), torch.arange(50))
    reader = critics.InformationReader("mlp(4)", pairs)
    reader.network = layer(torch.zeros(4, 2), torch.tensor([0.5, -1.0, width, -width]))
    deviation = 0.001 + torch.tensor([width, -width]).double().exp().log1p().float()
    spread = c.std(0, correction=0)
    wanted = torch.distributions.Normal(
        c.mean(0) + torch.tensor([0.5, -1.0]) * spread, deviation * spread
    )
    found = reader(shown, c)
    assert found.isfinite().all()
    assert torch.allclose(found, wanted.log_prob(c).sum(-1), rtol=1e-4)


def test_a_code_drawn_again_tells_of_the_data():
    model, data, more = linear(), white(4000), white(4000, seed=1)
    for drawn in (True, False):
        found = mutual_information_bound(model, data, [0], more, True, drawn, **QUICK)
        near(found, again(0) if drawn else -0.5 * math.log(1 - (1 - S**2) ** 2))
        upper = {name: number.value for name, number in found.numbers().items()}
        assert found.number.value < upper["rate"] < upper["ln_n"]
        assert upper["rate"] == pytest.approx(-math.log(S), abs=1e-4)
        assert "and on I(z0; x)" in found.number.estimator


def test_noise_can_be_read_though_it_says_nothing():
    """q(c|x) = p(c): the rate is 0, and I(c; x′) is not. Drawn again there is nothing to read."""
    model, data, more = linear(s=0.999999), white(4000), white(4000, seed=1)
    shown = mutual_information_bound(model, data, [0], more, **QUICK)
    near(shown, decoded(0))
    assert "not on I(z0; x′)" in shown.numbers()["rate"].estimator
    assert shown.numbers()["rate"].value < 1e-4
    anew = mutual_information_bound(model, data, [0], more, True, **QUICK).number
    assert anew.se is not None and anew.value < 3 * anew.se


# ---- categories


def categories(sure: float = 20.0, tell: float = 20.0, noise: float = 1.0) -> Model:
    """Encode the largest of three entries as the category, and decode it as such an example."""
    encoder = layer(sure * torch.eye(3), torch.zeros(3))
    decoder = layer(tell * torch.eye(3), torch.zeros(3))
    likelihood = GaussianLikelihood(decoder, noise)
    return Model(RelaxedOneHot(encoder, 3), likelihood, Categorical(3)).eval()


def of_three(n: int = 900, share: tuple[float, ...] = (0.5, 0.3, 0.2)) -> Dataset:
    kind = torch.multinomial(
        torch.tensor(share), n, True, generator=torch.Generator().manual_seed(0)
    )
    return Dataset(torch.eye(3)[kind], name="three")


@pytest.mark.parametrize("anew", [False, True])
def test_an_ideal_category_has_its_entropy_and_not_ln_k(anew):
    found = mutual_information_bound(categories(), of_three(), again=anew, **QUICK)
    numbers = found.numbers()
    assert numbers["bound"].value == pytest.approx(numbers["entropy"].value, abs=0.01)
    assert numbers["entropy"].value < numbers["ln_k"].value - 0.05
    assert numbers["entropy"].direction == "exact" and numbers["ln_k"].value == math.log(3)


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize(("sure", "tell"), [(20.0, 0.0), (0.0, 0.0)])
def test_a_useless_category_has_nothing(anew, sure, tell):
    number = mutual_information_bound(
        categories(sure, tell), of_three(), again=anew, **QUICK
    ).number
    assert number.se is not None and abs(number.value) < 3 * number.se + 0.01


def test_one_category_for_all_has_nothing():
    """What the prior's entropy would have paid with ln K."""
    model = categories()
    with torch.no_grad():
        model.posterior.network.bias[0] = 1000.0  # pyright: ignore[reportIndexIssue]
    found = mutual_information_bound(model, of_three(), **QUICK)
    assert found.number.value == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("sure", [0.5, 2.0])
@pytest.mark.parametrize("tell", [0.5, 2.0, 8.0])
def test_categories_never_exceed_their_entropy(sure, tell):
    for steps in (1, 200):
        found = mutual_information_bound(
            categories(sure, tell), of_three(), reader="mlp(16)", steps=steps, lr=0.01
        )
        assert found.number.value <= float(found.surprise.mean()) + 1e-9 <= math.log(3) + 2e-9


def test_the_bound_of_a_noisy_category_is_near_the_exact_one():
    """x′ = N(2 e_k, I), π = softmax(2 x): I(c; x′) by quadrature over a large sample."""
    model, data = categories(2.0, 2.0), of_three(4000)
    found = mutual_information_bound(model, data, train=of_three(4000), **QUICK)
    torch.manual_seed(0)
    pi = model.posterior(data.images).mean.mean(0).detach()
    kind = torch.multinomial(pi, 200_000, True)
    x = 2 * torch.eye(3)[kind] + torch.randn(200_000, 3)
    logs = -0.5 * torch.cdist(x, 2 * torch.eye(3)) ** 2
    told = logs.gather(1, kind[:, None])[:, 0] - (logs + pi.log()).logsumexp(1)
    near(found, float(told.mean()))


# ---- codes of blocks, and what is left alone


def joint(**own) -> Model:
    torch.manual_seed(0)
    return joint_vae((6,), style=2, categories=3, network="mlp(8)", **own).model


X = Dataset.from_array(torch.rand(120, 6, generator=torch.Generator().manual_seed(1)).numpy())


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("on", ["style", "class", [1], None])
def test_blocks_coordinates_and_all_of_a_joint_code(on, anew):
    found = mutual_information_bound(
        joint(), X, on, again=anew, reader="mlp(8)", steps=20, batch=30
    )
    assert found.values.isfinite().all() and len(found.values) == 60
    assert (found.categories == 3) == (on == "class")
    assert found.rate is not None or on == [1]  # of a coordinate of a product
    assert found.number.value < math.log(60)


def test_a_subspace_by_name():
    torch.manual_seed(0)
    model = isa_vae((6,), 4, size=2, network="mlp(8)").model
    found = mutual_information_bound(model, X, "subspace1", reader="mlp(8)", steps=5)
    assert found.rate is not None and found.name == "subspace1"


def test_the_model_and_the_generators_stay_as_they_were():
    model = joint().train()
    model.likelihood.eval()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    parts: Any = model.posterior.parts
    temperature = parts[1].temperature.clone()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = mutual_information_bound(model, X, "class", steps=3, reader="mlp(8)")
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    assert torch.equal(parts[1].temperature, temperature)
    assert model.training and model.posterior.training and not model.likelihood.training
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    second = mutual_information_bound(model, X, "class", steps=3, reader="mlp(8)")
    assert torch.equal(first.told, second.told)
    other = mutual_information_bound(model, X, "class", steps=3, reader="mlp(8)", seed=1)
    assert not torch.equal(first.told, other.told)


def test_the_reader_is_judged_by_examples_it_never_saw(monkeypatch):
    seen: dict[str, set[float]] = {"learned": set(), "judged": set()}
    pairs, train = critics.PairSource.pairs, bound.trained
    place = ["judged"]

    def noted(self, data, rows):
        seen[place[0]] |= {float(x) for x in data.batch(rows)[:, 0]}
        return pairs(self, data, rows)

    def training(*arguments):
        place[0] = "learned"
        found = train(*arguments)
        place[0] = "judged"
        return found

    monkeypatch.setattr(critics.PairSource, "pairs", noted)
    monkeypatch.setattr(bound, "trained", training)
    mutual_information_bound(joint(), X, "class", steps=50, reader="mlp(8)")
    assert len(seen["judged"]) == 60 and len(seen["learned"]) == 60
    assert not seen["judged"] & seen["learned"]


def sure() -> Model:
    torch.manual_seed(0)
    kinds = {"style": (Gaussian, 2), "sure": (Dirac, 2)}
    both = ProductPrior({"style": Normal(2), "sure": Normal(2)})
    posterior = Product(small().encoder((6,), 6), kinds)
    return Model(posterior, noise_model("bernoulli", small(), (6,), 4), both)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"on": "clas"}, "Did you mean 'class'"),
        ({"on": [5]}, "from 0 to 4"),
        ({"on": [0, 0]}, "list different coordinates"),
        ({"on": []}, "list different coordinates"),
        ({"on": [1, 2]}, "name a whole block"),
        ({"model": linear(), "on": "class", "data": white(9)}, "no blocks"),
        ({"model": sure(), "on": None}, "deterministic"),
        ({"data": X.subset([0, 1, 2])}, "got 1 and 1"),
        ({"n": 1}, "got 1 and 60"),
        ({"on": 3}, "list different coordinates"),
        ({"data": X.subset([0]), "train": X}, "got 1 and 120"),
        ({"train": X.subset([0])}, "got 120 and 1"),
        ({"data": white(9)}, "shapes do not fit"),
        ({"data": X.images}, "expected a Dataset"),
        ({"steps": 0}, "steps"),
        ({"batch": 0}, "batch"),
        ({"n": 0}, "n must"),
        ({"lr": 0.0}, "learning rate"),
        ({"lr": math.inf}, "learning rate"),
        ({"reader": "mpl(8)"}, "Did you mean 'mlp'"),
    ],
)
def test_bounds_that_cannot_be(change, cause):
    settings: dict[str, Any] = {"model": joint(), "data": X, "on": "class", "steps": 2, **change}
    with pytest.raises(VaekitError, match=cause):
        mutual_information_bound(**settings)


def test_a_run_will_do():
    class Run:
        model = vmi_joint_vae((6,), style=2, categories=3, network="mlp(8)").model

    assert mutual_information_bound(Run(), X, "class", steps=2).categories == 3
