"""Networks of one's own: any pair of modules, in recipes, estimators and on the command line."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from parts import weights
from torch import nn

from vaekit import cli, recipes
from vaekit.apply import encode, reconstruct
from vaekit.data import load
from vaekit.errors import VaekitError
from vaekit.estimators import CVAE, VAE
from vaekit.networks import Pair, networks
from vaekit.networks.base import Networks
from vaekit.runs import Run
from vaekit.system import own_code
from vaekit.training import Training, fit

SHAPE = (1, 8, 8)
TRAINING = Training(epochs=1, batch=50, device="cpu")


def encoder(width: int = 12) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.ReLU())


def decoder(latent: int = 3) -> nn.Module:
    return nn.Sequential(nn.Linear(latent, 64), nn.Unflatten(1, SHAPE))


def own(name: str) -> bool:
    return name not in ("k_sparse_ae",) and "network" in recipes.find(name).make.__annotations__


@pytest.mark.parametrize("name", ["vae", "ae", "beta_tcvae", "iwae", "factor_vae", "mog_vae"])
def test_a_pair_trains_in_place(name):
    data = load("digits").train
    pair = encoder(), decoder()
    torch.manual_seed(0)
    model, objective = recipes.find(name).make(SHAPE, latent=3, network=pair)
    before = [weights(each) for each in pair]
    for _ in fit(model, objective, data, TRAINING):
        pass
    for old, network in zip(before, pair, strict=True):
        assert not any(torch.equal(v, old[k]) for k, v in weights(network).items() if "weight" in k)
    assert encode(model, data.images[:5]).shape == (5, 3)
    assert reconstruct(model, data.images[:5]).shape == (5, *SHAPE)


def test_an_encoder_of_the_right_width_is_left_as_it_is():
    first = encoder(6)
    assert networks((first, decoder())).encoder(SHAPE, 6) is first
    other = networks((first, decoder())).encoder(SHAPE, 8)
    assert other(torch.zeros(2, *SHAPE)).shape == (2, 8)


def test_what_is_tried_stays_as_it_was():
    network = encoder()
    before, mode = weights(network), network[2].training
    Pair(network, decoder()).encoder(SHAPE, 6)
    assert all(torch.equal(v, before[k]) for k, v in weights(network).items())
    assert network[2].training is mode
    assert int(network[2].num_batches_tracked) == 0


def test_features_of_pictures_are_flattened():
    conv = nn.Sequential(nn.Conv2d(1, 5, 3, stride=2), nn.AdaptiveAvgPool2d(1))
    made = Pair(conv, decoder()).encoder(SHAPE, 6)
    assert made(torch.zeros(3, *SHAPE)).shape == (3, 6)


def test_a_condition_joins_the_features():
    data = load("digits").train
    model, objective = recipes.cvae(SHAPE, 3, network=(encoder(), decoder(13)), width=10)
    for _ in fit(model, objective, data, TRAINING):
        pass
    assert model.condition is not None


def test_estimators_take_a_pair():
    X = load("digits").train.images[:200].numpy()
    pair = encoder(), decoder()
    made = VAE(latent=3, network=pair, epochs=2, random_state=0).fit(X)
    assert made.transform(X).shape == (200, 3)
    again = VAE(latent=3, network=pair, epochs=2, random_state=0).fit(X)
    assert np.array_equal(made.transform(X), again.transform(X))
    y = np.arange(200) % 4
    told = CVAE(latent=3, network=(encoder(), decoder(7)), epochs=1).fit(X, y)
    assert told.transform(X, y).shape == (200, 3)


class Answers(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer


@pytest.mark.parametrize(
    ("pair", "cause"),
    [
        ((nn.Linear(5, 6), decoder()), r"the encoder cannot read \(2, 1, 8, 8\).*in front of it"),
        ((nn.Conv2d(3, 6, 3), decoder()), r"nn.Conv2d\(1, 3, 1\)"),
        ((Answers({"x": 1}), decoder()), "the encoder returns .* a tensor of floats"),
        ((Answers(torch.zeros(2, 3).long()), decoder()), "a tensor of floats"),
        ((Answers(torch.full((2, 6), math.nan)), decoder()), "not finite"),
        ((Answers(torch.zeros(5, 6)), decoder()), r"returns \(5, 6\) for two examples"),
        ((encoder(), decoder(4)), r"the decoder cannot read \(2, 3\).*should take 3 numbers"),
        ((encoder(), nn.Linear(3, 64)), r"end it with nn.Unflatten\(1, \(1, 8, 8\)\)"),
        ((encoder(), nn.Linear(3, 10)), r"the decoder returns \(2, 10\)"),
        ((encoder(),), "a pair .encoder, decoder., got 1"),
        (encoder(), "one network is no pair: give"),
        (5, "network must be text or Networks or a tuple"),
        ((encoder(), "mlp(3)"), "a pair of modules .encoder, decoder., got str"),
    ],
)
def test_pairs_that_do_not_serve(pair, cause):
    with pytest.raises(VaekitError, match=cause):
        recipes.vae(SHAPE, 3, pair)


# ---- by name

FILE = '''
from torch import nn
from vaekit.networks import NETWORKS, Pair
from vaekit.recipes import beta_vae, recipe

def small(width=7, decoder_width=64):
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, width))
    decoder = nn.Sequential(nn.Linear(2, decoder_width), nn.Unflatten(1, (1, 8, 8)))
    return Pair(encoder, decoder)

NETWORKS["small"] = small

@recipe(paper="mine", epochs=1, batch=200)
def warm(shape, latent: int = 2, size: int = 5):
    """Warm VAE of my own.

    Args:
        size: width of the encoder
    """
    return beta_vae(shape, latent, beta=2.0, network=small(size))
'''


@pytest.fixture
def imported(tmp_path, monkeypatch):
    from vaekit.networks import NETWORKS
    from vaekit.recipes import RECIPES

    monkeypatch.setattr(own_code, "IMPORTED", [])
    before = [(registry, dict(registry)) for registry in (NETWORKS, RECIPES)]

    def forget():
        own_code.IMPORTED.clear()
        for registry, old in before:
            registry.clear()
            registry.update(old)

    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    yield forget
    forget()


def command(*words: str) -> None:
    cli.main([*words, "--device", "cpu"] if words[0] == "train" else list(words))


def test_networks_by_name_on_the_command_line(imported, capsys):
    network = ["--network", "small(width=9)", "--latent", "2", "--epochs", "1", "--batch", "200"]
    command("train", "vae", "--data", "digits", *network, "--out", "a", "--import", "mine.py")
    run = Run("a")
    assert run.config.notes["imports"] == [str(Path("mine.py").resolve())]
    assert run.encode().shape == (180, 2)
    imported()
    with pytest.raises(VaekitError, match=r"unknown network 'small'.*--import .*mine.py: give"):
        Run("a").encode()
    with pytest.raises(SystemExit):
        command("encode", "a", "--out", "codes.npz")
    assert "--import" in capsys.readouterr().err
    command("encode", "a", "--out", "codes.npz", "--import=mine.py")
    assert np.load("codes.npz")["mean"].shape == (180, 2)


def test_recipes_of_ones_own_on_the_command_line(imported, capsys):
    command("train", "warm", "--data", "digits", "--size", "6", "--out", "b", "--import", "mine.py")
    assert Run("b").config.arguments["size"] == 6
    command("list", "--import", "mine.py")
    assert "Warm VAE of my own" in capsys.readouterr().out
    imported()
    with pytest.raises(VaekitError, match=r"there is no recipe 'warm' here.*--import .*mine.py"):
        print(Run("b").config)


@pytest.mark.parametrize(
    ("name", "text", "cause"),
    [
        ("gone.py", None, "--import gone.py: there is no such file"),
        ("no_such_module", None, "No module named 'no_such_module'; name a file"),
        ("bad.py", "x = 1\n1/0\n", "--import bad.py, line 2: ZeroDivisionError"),
        ("bad.py", "x = (\n", "--import bad.py, line 1: SyntaxError"),
        ("bad.py", "import no_such_module\n", "No module named 'no_such_module'"),
        ("", None, "--import"),
    ],
)
def test_imports_that_fail(name, text, cause, imported, capsys):
    if text:
        Path(name).write_text(text)
    with pytest.raises(SystemExit) as caught:
        command("list", "--import", name)
    assert caught.value.code == 2
    assert cause in capsys.readouterr().err


def test_pairs_are_networks():
    assert isinstance(networks((encoder(), decoder())), Networks)


# ---- decoders with a last activation


class Squashing(nn.Module):
    """End in a function, which no list of modules shows."""

    def __init__(self, last):
        super().__init__()
        self.layer, self.last = nn.Linear(3, 64), last

    def forward(self, z):
        return self.last(self.layer(z)).view(-1, 1, 8, 8)


def ending(*last: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 64), *last, nn.Unflatten(1, SHAPE))


SIGMOIDS = {
    "a module": ending(nn.Sigmoid()),
    "after the shape": nn.Sequential(decoder(), nn.Sigmoid(), nn.Identity()),
    "a chain in a chain": nn.Sequential(decoder(), nn.Sequential(nn.Sigmoid(), nn.Flatten(2))),
    "a function": Squashing(torch.sigmoid),
    "of tanh": Squashing(lambda x: (torch.tanh(x) + 1) / 2),
    "a clamp": Squashing(lambda x: x.clamp(0, 1)),
}
SIGMOIDS["a chain in a chain"].append(nn.Unflatten(2, (8, 8)))


@pytest.mark.parametrize("name", SIGMOIDS)
def test_a_sigmoid_before_bernoulli_is_said(name):
    pair = (encoder(), SIGMOIDS[name])
    with pytest.raises(VaekitError, match=r"the decoder ends in a sigmoid, .* so leave yours out"):
        recipes.vae(SHAPE, latent=3, network=pair)
    recipes.vae(SHAPE, latent=3, network=pair, likelihood="squared_error")
    with pytest.raises(VaekitError, match="ends in a sigmoid"):
        VAE(latent=3, network=pair, image_shape=SHAPE).fit(np.random.rand(20, 64))


def zeros() -> nn.Module:
    made = decoder()
    nn.init.zeros_(made[0].weight)
    nn.init.zeros_(made[0].bias)
    return made


UNBOUNDED = {
    "linear": decoder(),
    "of zeros": zeros(),
    "positive": ending(nn.Softplus()),
    "rectified": ending(nn.ReLU()),
    "batch norm": ending(nn.BatchNorm1d(64)),
    "tanh": ending(nn.Tanh()),
    "sigmoids within": nn.Sequential(
        nn.Linear(3, 9), nn.Sigmoid(), nn.Linear(9, 64), *decoder()[1:]
    ),
    "small": Squashing(lambda x: 1e-5 * x.abs()),
    "constant": Squashing(lambda x: 0 * x + 0.5),
    "not for such codes": Squashing(lambda x: x / (x.abs().max() < 100)),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_other_decoders_are_no_sigmoids(name):
    recipes.vae(SHAPE, latent=3, network=(encoder(), UNBOUNDED[name]))
