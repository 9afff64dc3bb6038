"""What `vaekit evaluate --metrics` says of labels, categories, samples, and of codes and prior."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from vaekit import data
from vaekit.apply import sample, sample_rows
from vaekit.cli import main
from vaekit.corruptions import Corruption
from vaekit.data import Dataset
from vaekit.distributions import density
from vaekit.errors import VaekitError
from vaekit.information import applying, score
from vaekit.information.scores import match as matching
from vaekit.information.scores.downstream import ModelOnSet
from vaekit.information.scores.match import gaussian_entropy, match, prior_entropy
from vaekit.likelihoods import Bernoulli
from vaekit.metrics import METRICS, cluster_accuracy, fid, label_accuracy, parzen
from vaekit.model import Model
from vaekit.networks import networks
from vaekit.objectives.aggregate.matching import mmd
from vaekit.posteriors import Dirac, Gaussian, RelaxedOneHot
from vaekit.posteriors import Product as ProductPosterior
from vaekit.priors import Categorical, LpNested, Normal, Product
from vaekit.priors import prior as prior_of
from vaekit.runs import Config, Run, train
from vaekit.training import Training


def joint(width: int = 64, categories: int = 10) -> Model:
    """A Gaussian block of 3 and a category."""
    torch.manual_seed(0)
    blocks = {"style": (Gaussian, 3), "class": (RelaxedOneHot, categories)}
    posterior = ProductPosterior(
        nn.Sequential(nn.Flatten(), nn.Linear(width, 6 + categories)), blocks
    )
    nets = networks("mlp(8)")
    likelihood = Bernoulli(nets.decoder(3 + categories, (1, 8, 8)))
    prior = Product({"style": Normal(3), "class": Categorical(categories)})
    return Model(posterior, likelihood, prior)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def model():
    return joint()


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("downstream") / "run"
    arguments = {"style": 2, "network": "mlp(32)", "reader": "mlp(16)"}
    return train(
        Config("vmi_joint_vae", arguments, "digits", Training(epochs=2, device="cpu")), folder
    )


def codes_of(model, part):
    with torch.no_grad():
        return model.eval().posterior(part.batch(torch.arange(len(part)))).mean.double().numpy()


def test_accuracies_are_those_of_the_mean_codes(model, digits):
    found = score(model, digits.test, ("svm", "probe", "clusters"), train=digits.train)
    codes, held = codes_of(model, digits.train), codes_of(model, digits.test)
    labels, truth = (
        part.batch_labels(torch.arange(len(part))).numpy() for part in (digits.train, digits.test)
    )
    for name, classifier in (("svm_accuracy", "svm"), ("probe_accuracy", "linear")):
        own = label_accuracy(codes, labels, held, truth, 1000, classifier, repeats=5)
        assert found[name]["value"] == float(own) and found[name]["se"] == own.settings["se"]
        assert found[name]["n"] == 180 and found[name]["labelled"] == 1000
    said = held[:, 3:].argmax(1)
    assert found["cluster_accuracy"]["value"] == float(cluster_accuracy(said, truth))
    assert found["cluster_majority"]["value"] == float(cluster_accuracy(said, truth, "majority"))
    assert np.shape(found["cluster_accuracy"]["parts"]["table"]) == (10, 10)
    json.dumps(found, allow_nan=False)


def test_corrupted_inputs_reach_the_encoder_and_not_the_classifier(model, digits):
    asked = ("masking(p=0)", "masking(p=1)", "gaussian(sigma=0.4)")
    found = score(model, digits.test, ("svm", "clusters"), train=digits.train, corruptions=asked)
    clean = found["svm_accuracy"]
    assert found["svm_accuracy [masking(p=0)]"]["value"] == clean["value"]
    # Of empty images there is one code, and one answer.
    truth = digits.test.batch_labels(torch.arange(180)).bincount().numpy() / 180
    draws = found["svm_accuracy [masking(p=1)]"]["parts"]["draws"]
    assert all(np.isclose(each, truth).any() for each in draws)
    # … and one category, which has the name that it got from clean codes.
    swept = found["cluster_accuracy [masking(p=1)]"]
    (used,) = np.flatnonzero(np.sum(swept["parts"]["table"], axis=1))
    assert swept["value"] == pytest.approx(
        truth[found["cluster_accuracy"]["parts"]["assignment"][used]]
    )
    assert swept["parts"]["assignment"] == found["cluster_accuracy"]["parts"]["assignment"]
    assert "named beforehand, by clean codes; held-out inputs under" in swept["estimator"]
    assert found["svm_accuracy [gaussian(sigma=0.4)]"]["value"] < clean["value"]
    assert (
        "inputs under gaussian(sigma=0.4)"
        in (found["svm_accuracy [gaussian(sigma=0.4)]"]["estimator"])
    )
    again = score(model, digits.test, ("svm",), train=digits.train, corruptions=asked)
    assert (
        again["svm_accuracy [gaussian(sigma=0.4)]"] == found["svm_accuracy [gaussian(sigma=0.4)]"]
    )


class _Swap(Corruption):
    level = 1.0

    def forward(self, x):
        return x.roll(1, -1)


def test_a_corruption_that_swaps_the_classes_makes_errors_and_not_other_names():
    labels = np.arange(300) % 5
    held = Dataset(torch.eye(5)[labels].view(-1, 1, 1, 5), torch.from_numpy(labels))
    reader = nn.Sequential(nn.Flatten(), nn.Linear(5, 5, bias=False))
    with torch.no_grad():
        reader[1].weight.copy_(20 * torch.eye(5).roll(2, 0))
    model = Model(RelaxedOneHot(reader, 5), Bernoulli(nn.Unflatten(-1, (1, 1, 5))), Categorical(5))
    subject = ModelOnSet(model, held, held, corruptions={"swap": _Swap()})
    found = METRICS["clusters"].values(subject)
    for name in ("cluster_accuracy", "cluster_majority"):
        clean, swapped = found[name], found[f"{name} [swap]"]
        assert clean == 1.0 and swapped == 0.0
        assert swapped.parts["assignment"].tolist() == clean.parts["assignment"].tolist()
        assert swapped.parts["adjusted_information"] == pytest.approx(1)
        assert "named beforehand, by clean codes" in swapped.settings["estimator"]


def test_one_set_is_cut_in_two(model, digits):
    found = score(model, digits.test, ("probe",))["probe_accuracy"]
    assert found["n"] == 90 and found["labelled"] == 90
    assert found["se"] == found["parts"]["se_of_examples"] and found["error"] == "over examples"


def test_classes_that_were_never_seen_are_learnt_on_a_part_of_their_own(model, digits):
    old, new = (
        part.subset(np.flatnonzero(keep(part.batch_labels(torch.arange(len(part))).numpy())))
        for part, keep in ((digits.train, lambda c: c < 5), (digits.test, lambda c: c >= 5))
    )
    known = score(model, new, ("probe", "clusters"), train=old)
    own = score(model, new, ("probe",))["probe_accuracy"]
    count = round(0.25 * len(new))
    found = known["probe_accuracy"]
    assert (found["n"], found["labelled"]) == (count, len(new) - count)
    assert own["n"] == len(new) - len(new) // 2, "no training part: halves, as before"
    assert found["value"] > 0.4, "and not 0, as for a reader that knows none of the classes"
    assert sorted(found["parts"]["classes"]) == [5, 6, 7, 8, 9]


def test_distance_and_windows_of_samples(model, digits):
    pool = lambda x: nn.functional.avg_pool2d(x, 4).flatten(1)  # noqa: E731
    asked = ("fid", "parzen")
    found = score(model, digits.test, asked, 150, train=digits.train, network=pool)
    images = sample(model, 150)
    real = digits.test.subset(sample_rows(180, 150)).batch(torch.arange(150))
    own = fid(pool(real).double().numpy(), pool(images).double().numpy())
    assert found["fid"]["value"] == pytest.approx(float(own)) and found["fid"]["n"] == 150
    assert "your own network" in found["fid"]["estimator"]
    assert "Inception" in found["fid"]["estimator"]
    tune = digits.train.subset(sample_rows(1617, 1000)).batch(torch.arange(1000))
    density = parzen(images.numpy(), real.numpy(), None, tune.numpy())
    number = found["parzen_nll"]
    assert number["value"] == pytest.approx(-float(density)) and number["unit"] == "nats"
    assert number["shuffled"] == pytest.approx(-density.shuffled) and number["samples"] == 150
    assert "log_density" not in number["parts"]


def test_all_is_what_applies(model, digits):
    wanted, left = applying(model, digits.test, ("all",))
    assert wanted == ("correlation", "probe", "svm", "clusters", "match")
    assert left["mig"] == "digits has no factors" and "takes a minute" in left["fid"]
    assert applying(model, digits.test) == (wanted, left)
    named, left = applying(model, digits.test, ("parzen", "all"))
    assert set(named) == {*wanted, "parzen"} and "parzen" not in left
    plain = Dataset(digits.train.images)
    wanted, left = applying(model, plain)
    assert wanted == ("correlation", "match")
    assert left["svm"] == "data has no labels" == left["clusters"]
    assert "to learn features by" in left["fid"]
    sprites = data.load("sprites(scales=2, rotations=3, positions=4, size=16)").test
    pixels = nn.Unflatten(1, (1, 16, 16))
    single = Model(Dirac(nn.Flatten(), 256), Bernoulli(nn.Sequential(pixels)))
    wanted, left = applying(single, sprites)
    assert {"mig", "svm"} <= set(wanted) and "fid" not in wanted
    assert left["match"] == "this model has no prior that its codes could match"
    assert left["parzen"] == left["fid"] == "this model has no prior to draw from"
    assert left["clusters"].startswith("this model's code has no categories")


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("mig",), {}, "digits has no factors, which the score 'mig' needs"),
        (("svn",), {}, "unknown score 'svn'. Did you mean 'svm'"),
        (("match",), {"corruptions": ("masking",)}, "ask for probe, svm, tsvm or clusters"),
        (("svm",), {"corruptions": ("mask",)}, "unknown corruption 'mask'"),
        (("svm",), {"n": 0}, "n must be ≥ 1"),
    ],
)
def test_bad_wishes(model, digits, names, options, message):
    with pytest.raises(VaekitError, match=message):
        score(model, digits.test, names, **options)


def test_one_hots_are_no_correlated_latents(model, digits):
    found = score(model, digits.test, ("correlation",))
    assert math.isfinite(found["gaussian_tc_mean"]["value"])  # entries that sum to 1: infinite
    assert np.shape(found["gaussian_tc_mean"]["parts"]["correlation"]) == (3, 3)


# ---- codes beside the prior


def gaussian(scale: float, shift: float = 0.0, std: float = 0.5) -> Model:
    """A model whose code of an example x (2,) is N(scale · x + shift, std²)."""
    posterior = Gaussian(_Fixed(scale, shift, std), 2)
    return Model(posterior, Bernoulli(nn.Identity()), Normal(2))


class _Fixed(nn.Module):
    def __init__(self, scale: float, shift: float, std: float):
        super().__init__()
        self.numbers = nn.Parameter(torch.tensor([scale, shift, 2 * math.log(std)]))

    def forward(self, x):
        scale, shift, log_variance = self.numbers
        return torch.cat([scale * x + shift, log_variance.expand(x.shape)], 1)


POINTS = Dataset(torch.randn(3000, 2, generator=torch.Generator().manual_seed(0)))


def test_entropies_of_a_gaussian_code(monkeypatch):
    """Of x ~ N(0, I) the code is N(shift, scale² + std²), for which the bound is tight."""
    monkeypatch.setattr(matching, "PAIRS", 500)
    found = match(gaussian(0.75**0.5), POINTS)
    normal = 1 + math.log(2 * math.pi)
    assert found["prior_entropy"] == pytest.approx(normal)
    assert found["code_entropy_gaussian"] == pytest.approx(normal, abs=0.05)
    wide = match(gaussian(3.0, 7.0), POINTS)["code_entropy_gaussian"]
    assert wide == pytest.approx(normal + math.log(9.25), abs=0.05)
    value = found["mmd"]
    assert abs(value) < 3 * value.settings["se"]
    assert abs(value.shuffled) < 0.01


def test_the_mmd_is_the_objectives_and_its_error_is_right():
    model = gaussian(0.75**0.5, 0.3)
    value = match(model, POINTS, n=200)["mmd"]
    values = [match(model, POINTS, n=200, seed=s)["mmd"] for s in range(30)]
    assert np.std(values) == pytest.approx(value.settings["se"], rel=0.6)
    assert np.mean(values) > 5 * value.settings["se"] / 30**0.5
    z, other = torch.randn(50, 3), 1 + torch.randn(40, 3)[:50].repeat(2, 1)[:50]
    own = matching._mmd(z.double(), other.double(), 1.0, 0)
    assert float(own) == pytest.approx(float(mmd(z.double(), other.double())))


def test_blocks_of_distances_do_not_change_the_mmd(monkeypatch):
    whole = match(gaussian(1.0), POINTS, n=90)["mmd"]
    monkeypatch.setattr(matching, "_ROWS", 7)
    assert match(gaussian(1.0), POINTS, n=90)["mmd"] == pytest.approx(float(whole))


def test_entropy_of_a_gaussian_fit():
    mean = torch.randn(400, 3, dtype=torch.float64)
    variance = torch.rand(400, 3, dtype=torch.float64)
    total = torch.cov(mean.T, correction=0) + variance.mean(0).diag()
    exact = torch.distributions.MultivariateNormal(torch.zeros(3).double(), total).entropy()
    assert gaussian_entropy(mean, variance) == pytest.approx(float(exact))
    mean[:, 1] = 2.0
    assert gaussian_entropy(mean, 0 * variance) == -math.inf
    assert gaussian_entropy(mean[:, 1:2], variance[:, :1]) > -math.inf


@pytest.mark.parametrize("name", ["normal", "logistic", "isa(p=2, p0=2, scale=2, size=2)"])
def test_prior_entropies(name):
    torch.manual_seed(0)
    prior = prior_of(name, 4)
    with torch.no_grad():
        p = prior()
        found, drawn = prior_entropy(p, 7), -p.log_prob(p.sample((20_000,)))
    exact = 4 * (math.log(3**0.5 / math.pi) + 2 if name == "logistic" else 1.4189385)
    assert found == pytest.approx(exact, abs=0.05)
    assert float(drawn.mean()) == pytest.approx(exact, abs=0.05)
    assert (found.settings["se"] is not None) == isinstance(prior, LpNested)


def test_categories_have_an_exact_entropy(model, digits):
    value = match(model, digits.test)["category_entropy_class"]
    with torch.no_grad():
        p = model.eval().posterior(digits.test.batch(torch.arange(180))).mean[:, 3:].double()
    whole = torch.distributions.Categorical(p.mean(0)).entropy()
    each = torch.distributions.Categorical(p).entropy().mean()
    assert value == pytest.approx(float(whole))
    assert value.parts["information"] == pytest.approx(float(whole - each), abs=1e-6)
    assert value <= value.parts["most"] == math.log(10)


def test_codes_of_categories_alone(digits):
    nets = networks("mlp(8)")
    posterior = RelaxedOneHot(nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), 5)
    only = Model(posterior, Bernoulli(nets.decoder(5, (1, 8, 8))), Categorical(5))
    assert match(only, digits.test).keys() == {"mmd", "category_entropy"}
    assert "correlation" not in applying(only, digits.test)[0]
    found = score(only, digits.test, ("clusters",), train=digits.train)
    assert np.shape(found["cluster_accuracy"]["parts"]["table"]) == (5, 10)


def test_deterministic_codes_may_have_no_entropy():
    flat = Model(Dirac(nn.Linear(2, 3), 3), Bernoulli(nn.Identity()), Normal(3))
    found = score(flat, POINTS, ("match",), n=300)
    assert found["code_entropy_gaussian"]["value"] is None  # a plane in space
    assert found["mmd"]["value"] > 0
    json.dumps(found, allow_nan=False)


class _Unsampled(Normal):
    """A prior of which the density is known and no way to draw from it."""

    def forward(self, c=None):
        return _Density(2)


class _Density(torch.distributions.Distribution):
    def __init__(self, size):
        super().__init__(event_shape=torch.Size([size]), validate_args=False)

    def log_prob(self, value):
        return -value.square().sum(-1)


def test_a_prior_that_cannot_be_sampled():
    model = gaussian(1.0)
    model.prior = _Unsampled(2)
    with pytest.raises(VaekitError, match=r"cannot be sampled, which the MMD needs: give its"):
        match(model, POINTS, 50)
    with pytest.raises(VaekitError, match=r"cannot be sampled, which its entropy needs"):
        prior_entropy(density(_Density(2)), 5)
    with pytest.raises(VaekitError, match=r"cannot be sampled, which a sample of codes needs"):
        ModelOnSet(model, POINTS, POINTS).samples(3)
    wanted, left = applying(model, POINTS)
    assert "match" not in wanted and left["match"] == "this prior cannot be sampled"
    assert left["parzen"] == left["fid"] == "this prior cannot be sampled"
    with pytest.raises(VaekitError, match="cannot be sampled, which the score 'parzen' needs"):
        applying(model, POINTS, ("parzen",))


def test_directions(model, digits):
    found = score(model, digits.test, ("match", "correlation"))
    wanted = {
        "mmd": "consistent",
        "code_entropy_gaussian": "upper bound",
        "prior_entropy": "exact",
        "category_entropy_class": "exact",
        "gaussian_tc_mean": "consistent",
    }
    assert {name: found[name]["direction"] for name in wanted} == wanted
    units = {"mmd": "kernel units", "prior_entropy": "nats", "category_entropy_class": "nats"}
    assert {name: found[name]["unit"] for name in units} == units
    with torch.no_grad():
        drawn = prior_entropy(prior_of("isa(p=2, p0=2, scale=2, size=2)", 4)(), 7)
    assert drawn.settings["direction"] == "consistent"


def test_nothing_to_match():
    told = Model(Gaussian(nn.Linear(2, 2), 1), Bernoulli(nn.Identity()), None)
    with pytest.raises(VaekitError, match="no prior that its codes could match"):
        match(told, POINTS)
    with pytest.raises(VaekitError, match="two examples or more"):
        match(gaussian(1.0), POINTS, n=1)


# ---- the command


def test_the_command(run, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("vaekit.information.scores.features._STEPS", 50)
    features = tmp_path / "features.safetensors"
    words = ["evaluate", str(run.folder), "--metrics", "all, fid", "--features", str(features)]
    words += ["--n", "170"]
    main([*words, "--corrupt", "gaussian(sigma=0.2), salt_and_pepper(p=0.1, low=0)"])
    said = capsys.readouterr()
    assert "left out: beta_vae, dci" in said.out and "digits has no factors" in said.out
    assert "left out: parzen: takes a minute" in said.out and f"training {features}" in said.err
    found = json.loads((run.folder / "metrics.json").read_text())
    wanted = {
        "svm_accuracy", "svm_accuracy [gaussian(sigma=0.2)]", "probe_accuracy",
        "svm_accuracy [salt_and_pepper(p=0.1, low=0)]", "cluster_accuracy", "cluster_majority",
        "fid", "mmd", "code_entropy_gaussian", "prior_entropy", "category_entropy_class",
    }  # fmt: skip
    assert found.keys() >= wanted
    for name in wanted:
        assert name in said.out and found[name]["n"] in (170, 1000)
        assert found[name]["split"] == "test"
    words[3] = "fid"
    main(words)  # read, and not trained again
    assert f"training {features}" not in capsys.readouterr().err
    main(["report", str(run.folder)])
    page = (run.folder / "report.html").read_text()
    assert "SVM accuracy [gaussian(<wbr>sigma=0.2)]" in page  # a long name may break there
    assert "[salt_and_pepper(<wbr>p=0.1,<wbr> low=0)]" in page


def test_commands_that_are_refused(run, capsys):
    def fails(*words: str) -> str:
        with pytest.raises(SystemExit):
            main(["evaluate", str(run.folder), *words])
        return capsys.readouterr().err

    assert "are for scores: give --metrics" in fails("--corrupt", "masking")
    assert "--features is for the score fid" in fails("--features", "a", "--metrics", "svm")
    assert "unknown corruption 'blur'" in fails("--metrics", "svm", "--corrupt", "blur")
    assert "has no factors" in fails("--metrics", "dci")
