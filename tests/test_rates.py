"""What `evaluate` says of blocks and categories, and text with words that Python keeps."""

import math
from typing import Any

import pytest
import torch
from parts import noise_model, small

from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import aggregate, evaluate
from vaekit.latents import Latents, latents
from vaekit.model import Model
from vaekit.objectives import KL, Distortion, RateTarget
from vaekit.posteriors import Dirac, Gaussian, Posterior, Product, RelaxedOneHot
from vaekit.priors import Categorical, Normal, Prior, prior
from vaekit.priors import Product as ProductPrior
from vaekit.recipes import isa_vae, joint_vae
from vaekit.schedules import Linear
from vaekit.text import parse
from vaekit.training import Training, fit

X = torch.rand(60, 6, generator=torch.Generator().manual_seed(3))
DATA = Dataset.from_array(X.numpy())


def model_of(posterior: Posterior, p: Prior) -> Model:
    likelihood = noise_model("bernoulli", small(), (6,), posterior.latent)
    return Model(posterior, likelihood, p).eval()


def joint() -> Any:
    torch.manual_seed(0)
    return joint_vae((6,), style=2, categories=3, network="mlp(8)").model.eval()


def one_hot(categories: int = 4) -> Model:
    torch.manual_seed(0)
    encoder = small().encoder((6,), categories)
    return model_of(RelaxedOneHot(encoder, categories), Categorical(categories))


def test_an_exact_rate_is_called_analytic():
    for found in (evaluate(joint(), DATA), evaluate(one_hot(), DATA)):
        assert found["rate"]["estimator"].startswith("analytic")
    torch.manual_seed(0)
    found = evaluate(isa_vae((6,), 4, size=2, network="mlp(8)").model, DATA)
    assert "Monte Carlo" in found["rate"]["estimator"]


def test_rates_of_blocks_add_up():
    torch.manual_seed(0)
    blocks = {"a": ["gaussian", 2], "b": ["relaxed_one_hot", 3], "c": ["gaussian", 2, "logistic"]}
    z = Latents(blocks)
    model = model_of(z.posterior(small().encoder((6,), z.width)), z.prior())
    found = evaluate(model, DATA)
    parts = [found[f"rate_{name}"] for name in blocks]
    assert sum(part["value"] for part in parts) == pytest.approx(found["rate"]["value"], rel=1e-6)
    said = ["Monte Carlo" in part["estimator"] for part in parts]
    assert said == [False, False, True] and "I(x; z_b)" in parts[1]["estimator"]
    assert "rate_a" not in evaluate(one_hot(), DATA)


def test_entries_of_one_hots_are_no_units():
    """Sure categories vary a lot, and yet the code has two units."""
    model = joint()
    with torch.no_grad():
        model.posterior.network[-1].weight[4:] *= 50
    found = evaluate(model, DATA)
    assert found["active_units"]["unit"] == found["normal_variance_units"]["unit"] == "units of 2"
    assert found["active_units"]["value"] <= 2
    assert not {"active_units", "normal_variance_units"} & set(evaluate(one_hot(), DATA))


def test_a_block_without_density():
    """A rate of what has none is left out; what needs a density says which block is to blame."""
    torch.manual_seed(0)
    kinds = {"style": (Gaussian, 2), "sure": (Dirac, 2)}
    both = ProductPrior({"style": Normal(2), "sure": Normal(2)})
    model = model_of(Product(small().encoder((6,), 6), kinds), both)
    assert {"rate", "elbo"}.isdisjoint(evaluate(model, DATA))
    assert math.isfinite(evaluate(model, DATA)["distortion"]["value"])
    with pytest.raises(VaekitError, match="a block of this model's code is deterministic"):
        aggregate(model, DATA)


def test_broken_blocks_are_noticed():
    model = joint()
    with torch.no_grad():
        model.posterior.network[-1].bias[-1] = math.nan
    with pytest.raises(VaekitError, match="NaN or infinite"):
        aggregate(model, DATA)


@pytest.mark.parametrize("target", [1.2, Linear(0, 1.2), Linear(1.2, 0)])
def test_a_target_that_categories_cannot_reach(target):
    objective = Distortion() + RateTarget(target, on="class")
    with pytest.raises(VaekitError, match=r"ln 3 = 1.099 at most"):
        for _ in fit(joint().train(), objective, DATA, Training(epochs=1, batch=60)):
            pass
    with pytest.raises(VaekitError, match=r"ln 4 = 1.386 at most"):
        RateTarget(1.4)(one_hot()(X))
    assert RateTarget(1.38)(one_hot()(X)) > 0
    assert RateTarget(50)(joint()(X)) > 0  # the style may
    assert RateTarget(1.0, on="class")(joint()(X)) == abs(KL(on="class")(joint()(X)) - 1.0)


def test_words_that_python_keeps_are_names():
    z = latents("product(style=[gaussian, 4], class=['relaxed_one_hot(temperature=0.5)', 10])")
    assert list(z.blocks) == ["style", "class"] and z.latent == 14
    assert list(prior("product(class=[categorical, 3], lambda=[normal, 2])", 5).blocks) == [
        "class",
        "lambda",
    ]
    assert parse("f(class, [if, true], on=class, is='class=1')") == (
        "f",
        ["class", ["if", True]],
        {"on": "class", "is": "class=1"},
    )
    for text in ("f(lambda: 0)", "f(a if b else c)", "f(not a)", "f(class=1, class=2)", "f('a)"):
        with pytest.raises(VaekitError, match="cannot read"):
            parse(text)
    with pytest.raises(VaekitError, match="a block is written"):
        latents("product(class=3)")


def test_a_named_block_of_text_trains():
    torch.manual_seed(0)
    z = latents("product(class=[relaxed_one_hot, 3], rest=[gaussian, 2])")
    model = model_of(z.posterior(small().encoder((6,), z.width)), z.prior()).train()
    for _ in fit(model, Distortion() + KL(), DATA, Training(epochs=2, batch=30)):
        pass
    assert evaluate(model, DATA)["rate_class"]["value"] <= math.log(3)
