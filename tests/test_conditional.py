"""Models that are told something of each example: whom it reaches, and what is refused."""

import pytest
import torch
from laws import gradients_reach_all
from parts import assemble, noise_model, same, small, weights
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from vaekit import recipes
from vaekit.apply import condition_of, decode, encode, reconstruct, sample, sample_codes
from vaekit.data import Dataset, Factors, one_hot
from vaekit.distributions import StandardNormal
from vaekit.distributions.divergences import kl, kl_by_samples
from vaekit.errors import VaekitError
from vaekit.information import evaluate
from vaekit.model import Condition, Model
from vaekit.networks import stack
from vaekit.objectives import KL, Distortion
from vaekit.posteriors import Gaussian
from vaekit.priors import Conditional, Normal
from vaekit.runs import Config, Run, train
from vaekit.training import Training, checkpoint, fit

X = torch.rand(47, 6, generator=torch.Generator().manual_seed(5))
CLASSES = torch.arange(47) % 3
DATA = Dataset.from_array(X, CLASSES)
C = one_hot(CLASSES, 3)
QUICK = Training(epochs=3, batch=10, lr=0.01, device="cpu")


def cvae(prior: str = "conditional", width: int | None = 3, seed: int = 0, **options):
    torch.manual_seed(seed)
    options = {"latent": 2, "network": "mlp(16, activation=tanh)", **options}
    return recipes.cvae((6,), prior=prior, width=width, **options)


def trained(data=DATA, training=QUICK, **options) -> Model:
    model, objective = cvae(**options)
    for _ in fit(model, objective, data, training):
        pass
    return model


def stirred(model: nn.Module) -> nn.Module:
    """Give every weight a value that is not what it starts with."""
    torch.manual_seed(3)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return model


# ---- the prior


def prior(width: int = 3, latent: int = 2) -> Conditional:
    torch.manual_seed(0)
    return Conditional(nn.Sequential(*stack((width, 8, 2 * latent), "tanh")), latent)


def test_the_prior_starts_at_the_standard_normal():
    p = prior()(C)
    assert torch.equal(p.mean, torch.zeros(47, 2))
    assert torch.equal(p.variance, torch.ones(47, 2))
    model = assemble("gaussian", "conditional", "bernoulli", width=3)
    run = model(X, C)
    model.prior = Normal(2)
    torch.testing.assert_close(KL()(run), KL()(model(X, C)))


def test_the_prior_is_its_networks_mean_and_log_variance():
    made = stirred(prior())
    features = made.network(C)
    p = made(C)
    torch.testing.assert_close(p.mean, features[:, :2])
    torch.testing.assert_close(p.variance, features[:, 2:].exp())


def test_its_kl_is_that_of_samples():
    made = stirred(prior())
    torch.manual_seed(1)
    q = Gaussian(nn.Linear(6, 4), 2)(X[:5])
    p = made(C[:5])
    z = q.rsample((40_000,))
    each = q.log_prob(z) - p.log_prob(z)
    assert kl(q, p, z).min() > 0
    assert torch.all((kl_by_samples(q, p, z) - kl(q, p, z)).abs() < 4 * each.std(0) / 200)


def test_the_prior_needs_a_condition_and_a_latent():
    with pytest.raises(VaekitError, match=r"needs a condition \(batch, width\)"):
        prior()()
    with pytest.raises(VaekitError, match="at least one latent, got latent=0"):
        Conditional(nn.Linear(3, 2), 0)


def test_a_trained_prior_follows_the_classes():
    """Two classes, each a cluster: what the encoder finds, the prior knows beforehand."""
    torch.manual_seed(0)
    y = torch.arange(400) % 2
    x = torch.where(y[:, None] == 1, 0.9, 0.1) + 0.03 * torch.randn(400, 6)
    model = Model(  # an encoder that sees x alone, so that its code must hold the class
        _Deaf(nn.Linear(6, 2)),
        noise_model("gaussian(sigma=0.1)", small(), (6,), 1),
        prior(2, 1),
        condition=Condition("labels", 2),
    )
    model.likelihood.forward = lambda z, c, own=model.likelihood.forward: own(z)
    data = Dataset.from_array(x, y)
    for _ in fit(model, Distortion() + KL(), data, Training(80, 100, 0.02, device="cpu")):
        pass
    p = model.prior(torch.eye(2))
    run = model(x, one_hot(y, 2))
    gap = (run.q.mean[y == 1].mean() - run.q.mean[y == 0].mean()).abs()
    assert gap > 1
    torch.testing.assert_close((p.mean[1] - p.mean[0]).abs()[0], gap, rtol=0.1, atol=0)
    with torch.no_grad():
        alone = kl(run.q, Normal(1)(run.z), run.z).mean()
        assert KL()(run) < 0.8 * alone


class _Deaf(Gaussian):
    """A posterior that is not told the condition."""

    def __init__(self, network):
        super().__init__(network, 1)

    def forward(self, x, c=None):
        return super().forward(x)


# ---- whom a condition reaches


@pytest.mark.parametrize("shape", [(6,), (1, 16, 16)], ids=str)
def test_the_condition_reaches_every_part(shape):
    torch.manual_seed(0)
    network = "mlp(16)" if len(shape) == 1 else "conv(4, 4, hidden=[8])"
    model = stirred(recipes.cvae(shape, 2, width=3, network=network).model)
    x, c = torch.rand(5, *shape), one_hot(torch.arange(5) % 3, 3)
    other = c.roll(1, 0)
    z = torch.randn(4, 5, 2)
    for part in (
        lambda c: model.posterior(x, c).mean,
        lambda c: model.posterior(x, c).variance,
        lambda c: model.likelihood(z, c).mean.movedim(1, 0),
        lambda c: model.prior(c).mean,
        lambda c: model.prior(c).variance,
    ):
        with torch.no_grad():
            told, told_other = part(c), part(other)
            changed = (told != told_other).flatten(1).any(1)
            assert changed.all()
            # And each example has its own: that of the others does not matter.
            mixed = torch.cat([c[:2], other[2:]])
            torch.testing.assert_close(part(mixed)[:2], told[:2])
            torch.testing.assert_close(part(mixed)[2:], told_other[2:])
    assert model(x, c, samples=4).condition is c


@pytest.mark.parametrize("chosen", ["conditional", "normal"])
def test_gradients_reach_every_part(chosen):
    model, objective = cvae(chosen)
    stirred(model)  # at its start the prior's last layer is 0, and no gradient goes through it
    gradients_reach_all(model, torch.stack(objective.values(model(X, C))).sum())


def test_training_moves_every_part():
    before = weights(cvae().model)
    after = weights(trained())
    unmoved = [name for name in before if torch.equal(before[name], after[name])]
    assert not unmoved


def test_conditions_help():
    """What c says needs no nats of the code."""
    y = torch.arange(200) % 4
    x = torch.eye(6)[y] * 0.9 + 0.05
    data, blind = Dataset.from_array(x, y), Dataset.from_array(x, torch.zeros_like(y))
    training = Training(60, 50, 0.01, device="cpu")
    told, not_told = (
        evaluate(trained(d, training, width=4), d)["elbo"]["value"] for d in (data, blind)
    )
    assert told > not_told + 0.5


# ---- what is refused


def test_conditions_that_do_not_fit_the_model():
    model = cvae().model
    with pytest.raises(VaekitError, match=r"conditioned on labels: give a condition \(batch, 3\)"):
        model(X)
    with pytest.raises(VaekitError, match=r"got float32 \(\d+, 4\)"):
        model(X, torch.zeros(47, 4))
    for c in (C[:46], C[:1], C[0], C[:, None]):
        with pytest.raises(VaekitError, match=r"conditions \((47, width|batch, 3)\).* got"):
            model(X, c)
    plain = assemble("gaussian", "normal", "bernoulli")
    with pytest.raises(VaekitError, match="takes no condition: leave it out"):
        plain(X, C)
    for use in (encode, reconstruct):
        with pytest.raises(VaekitError, match="give a condition"):
            use(model, X)
        with pytest.raises(VaekitError, match="leave it out"):
            use(plain, X, C)
        with pytest.raises(VaekitError, match="47 examples need as many conditions, got 46"):
            use(model, X, C[:46])
    with pytest.raises(VaekitError, match="give a condition"):
        sample(model, 5)
    with pytest.raises(VaekitError, match="5 samples need as many conditions, got 4"):
        sample(model, 5, C[:4])


@pytest.mark.parametrize("width", [None, 0, -1])
def test_a_recipe_without_a_width(width):
    with pytest.raises(VaekitError, match=f"needs the width of its condition.*width={width}"):
        cvae(width=width)


def test_a_recipe_of_an_unknown_prior():
    with pytest.raises(VaekitError, match="conditional"):
        cvae("conditionl")


def test_data_without_what_the_model_is_told():
    for kind in ("labels", "factors", "attributes"):
        model, objective = cvae(condition=kind)
        with pytest.raises(VaekitError, match=f"has no {kind}, which the condition needs"):
            next(iter(fit(model, objective, Dataset.from_array(X), QUICK)))


def test_a_class_that_training_did_not_have():
    model = trained()
    strange = Dataset.from_array(X, CLASSES + 1)
    with pytest.raises(VaekitError, match=r"class 3, which was not seen in training.*0 to 2"):
        evaluate(model, strange)
    with pytest.raises(VaekitError, match="class 3"):
        next(iter(fit(model, Distortion(), strange, QUICK)))


# ---- loaders


def loader(c, **options) -> DataLoader:
    return DataLoader(TensorDataset(X, c), batch_size=10, **options)


def test_a_loader_of_classes_or_of_vectors():
    found = [
        weights(trained(loader(c)))
        for c in (CLASSES, CLASSES.int(), CLASSES.to(torch.uint8), C, C.double(), C.long())
    ]
    assert all(same(found[0], other) for other in found[1:])
    assert not same(found[0], weights(trained(loader(CLASSES.flip(0)))))


def test_a_loader_of_classes_is_a_data_set_of_them():
    one = Training(1, batch=47, lr=0.01, device="cpu")
    order = torch.randperm(47, generator=torch.Generator().manual_seed(0))
    pairs = TensorDataset(X[order], CLASSES[order])  # own generator: else a loader's seed is drawn
    whole = DataLoader(pairs, batch_size=47, generator=torch.Generator())
    assert same(weights(trained(DATA, one)), weights(trained(whole, one)))


def test_a_loader_of_one_number_each():
    numbers = torch.rand(47)
    a, b = (weights(trained(loader(c), width=1)) for c in (numbers, numbers[:, None]))
    assert same(a, b)
    with pytest.raises(VaekitError, match=r"got float32 \(\d+, 1\)"):
        trained(loader(numbers))


@pytest.mark.parametrize(
    ("classes", "said"),
    [(CLASSES + 1, "from 1 to 3"), (CLASSES - 1, "from -1 to 1"), (CLASSES * 50, "from 0 to 100")],
)
def test_a_loader_of_classes_that_the_model_does_not_know(classes, said):
    with pytest.raises(VaekitError, match=f"gave classes {said}.*knows the classes 0 to 2"):
        trained(loader(classes))


@pytest.mark.parametrize("data", [X, TensorDataset(X)], ids=["tensors", "tuples of one"])
def test_a_loader_that_gives_x_alone(data):
    with pytest.raises(VaekitError, match=r"gives x alone: let it give pairs \(x, condition\)"):
        trained(DataLoader(data, batch_size=10))


def test_a_model_without_a_condition_ignores_the_second_of_a_pair():
    going = fit(assemble("gaussian", "normal", "bernoulli"), Distortion(), loader(C), QUICK)
    for _ in going:
        pass
    assert going.step == 15


# ---- resuming


def resumed(data, at: int, path, **options) -> dict:
    first = fit(*cvae(**options), data(), QUICK)
    for now in first:
        if now.step == at:
            checkpoint.save_checkpoint(first, path)
            break
    torch.rand(100)
    second = fit(*cvae(seed=9, **options), data(), QUICK)
    checkpoint.load_checkpoint(second, path)
    for _ in second:
        pass
    return weights(second.parts.model)


@pytest.mark.parametrize("at", [1, 4, 7])
@pytest.mark.parametrize("prior", ["conditional", "normal"])
def test_a_resumed_fit_ends_in_the_same_bits(prior, at, tmp_path):
    found = resumed(lambda: DATA, at, tmp_path / "c", prior=prior)
    assert same(weights(trained(prior=prior)), found)


@pytest.mark.parametrize("at", [1, 5, 8])
def test_a_resumed_loader_ends_in_the_same_bits(at, tmp_path):
    def own() -> DataLoader:
        return loader(CLASSES, shuffle=True, generator=torch.Generator().manual_seed(3))

    assert same(weights(trained(own())), resumed(own, at, tmp_path / "c"))


# ---- other conditions


def test_factors_as_conditions():
    grid = Factors(("shape", "size"), (3, 4), (torch.arange(3).numpy(), torch.arange(4).numpy()))
    data = Dataset(torch.rand(12, 6), factors=grid)
    model = trained(data, Training(2, batch=6, device="cpu"), condition="factors", width=7)
    c = condition_of(model, data, torch.tensor([0, 5, 11]))
    assert c.tolist() == [
        [1, 0, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 0, 1],
    ]
    assert "elbo" in evaluate(model, data)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.uint8, torch.int64])
def test_attributes_as_conditions(kind):
    attributes = (10 * torch.rand(47, 4, generator=torch.Generator().manual_seed(1))).to(kind)
    data = Dataset(X, attributes=attributes)
    model = trained(data, condition="attributes", width=4)
    assert torch.equal(condition_of(model, data, torch.arange(47)), attributes.float())
    assert "elbo" in evaluate(model, data)


# ---- use


def test_codes_are_drawn_from_the_prior_of_the_condition():
    model = stirred(cvae().model)
    c = torch.eye(3)[[0, 2]].repeat_interleave(4000, 0)
    drawn = sample_codes(model, 8000, c)
    p = model.prior(torch.eye(3)[[0, 2]])
    for half, mean, variance in zip(drawn.split(4000), p.mean, p.variance, strict=True):
        assert torch.all((half.mean(0) - mean).abs() < 4 * (variance / 4000).sqrt())
        torch.testing.assert_close(half.var(0), variance, rtol=0.15, atol=0)
    assert sample(model, 8000, c).shape == (8000, 6)
    z = torch.zeros(2, 2)
    assert not torch.equal(*decode(model, z, torch.eye(3)[[0, 1]]))


def test_a_run_knows_the_width_and_what_was_seen(tmp_path):
    arguments = {"latent": 2, "network": "mlp(16)"}
    made = train(
        Config("cvae", arguments, "digits", Training(epochs=1, batch=400, device="cpu")),
        tmp_path / "a",
    )
    again = Run(made.folder)
    assert again.config.arguments["width"] == 10
    assert again.config.notes["classes"] == list(range(10))
    x, c = again.data.test.batch(torch.arange(5)), torch.eye(10)[:5]
    assert torch.equal(encode(again.model, x, c), encode(made.model, x, c))


def test_normal_variance_is_that_of_the_conditional_prior():
    """Codes that follow p(z|c) are as wide as the prior, wherever it lies, however narrow."""
    torch.manual_seed(0)
    model, _ = recipes.cvae((5,), 2, width=2, network="mlp(8)", likelihood="squared_error")
    data = Dataset(torch.randn(400, 5), torch.arange(400) % 2)
    assert model.prior is not None and model.eval()
    (last,) = [m for m in model.prior.modules() if isinstance(m, nn.Linear)][-1:]
    (out,) = [m for m in model.posterior.modules() if isinstance(m, nn.Linear)][-1:]
    with torch.no_grad():
        last.bias.copy_(torch.tensor([3.0, 0.0, -4.0, 4.0]))  # means 3 and 0, ln t² −4 and 4
        out.weight.zero_()
        for moved, count in (((3, 0, -4, 4), 2), ((3, 0, -4, 0), 1), ((0, 0, -8, 0), 1)):
            out.bias.copy_(torch.tensor(moved).float())
            number = evaluate(model, data)["normal_variance_units"]
            assert number["value"] == count and "of the prior" in number["estimator"]


def test_normal_variance_without_moments_of_the_prior_is_left_out(monkeypatch):
    made, _ = recipes.vae((5,), 2, "mlp(8)", "squared_error")
    data = Dataset(torch.randn(40, 5))
    assert "≥ 0.8" in evaluate(made, data)["normal_variance_units"]["estimator"]

    def unknown(self):
        raise NotImplementedError

    monkeypatch.setattr(StandardNormal, "variance", property(unknown))
    assert "normal_variance_units" not in evaluate(made, data)
