"""The β-VAE score on codes whose score is known: ideal, useless, duplicated, rotated, constant."""

import json
import random

import numpy as np
import pytest
import torch

from vaekit.data import Dataset, Factors, load
from vaekit.errors import VaekitError
from vaekit.metrics import Score, beta_vae_score

SIZES = (5, 6, 7)
FEW = {"train": 600, "test": 600, "shuffles": 2}


def grid(*sizes: int) -> Dataset:
    """A set whose images (N, K) are the levels themselves."""
    names = tuple(f"v{k}" for k in range(len(sizes)))
    factors = Factors(names, sizes, tuple(np.arange(s) for s in sizes))
    levels = factors.codes(np.arange(len(factors)))
    return Dataset(torch.from_numpy(levels).float(), factors=factors)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return grid(*SIZES)


def normal(n, rng, factors=2):
    return rng.normal(size=(n, factors))


def three(n, rng):
    return normal(n, rng, 3)


MIXED = np.full((3, 3), 0.7) + 0.3 * np.eye(3)


def noise(data, latents=4, seed=0):
    """Codes that are a draw for each image, whatever it shows; found by the level's digits."""
    table = np.random.default_rng(seed).normal(size=(len(data), latents))
    return lambda x: table[data.factors.index(x.numpy().astype(int))]


def near(score: Score, value: float, ses: float = 4) -> bool:
    """Whether a score lies within its sampling error of a value between 0 and 1."""
    return abs(score - value) < ses * np.sqrt(value * (1 - value) / score.settings["n"])


def test_ideal_codes_score_one(data):
    score = beta_vae_score(lambda x: -2.5 * x + 7, data, **FEW)
    assert score == 1.0 and score.parts["accuracy"].tolist() == [1, 1, 1]
    assert (score.parts["confusion"] == np.eye(3)).all()
    assert np.diag(score.parts["z_diff"]).tolist() == [0, 0, 0]
    # The smaller its own entry, the surer the factor.
    assert (score.parts["weights"].argmin(axis=1) == np.arange(3)).all()


def test_mean_difference_of_uniform_levels(data):
    """E|a − b| of two independent levels 0 … S − 1 is (S² − 1) / 3S."""
    found = beta_vae_score(lambda x: x, data, **FEW).parts["z_diff"]
    sizes = np.array(SIZES)
    wanted = (1 - np.eye(3)) * (sizes**2 - 1) / (3 * sizes)
    assert found == pytest.approx(wanted, abs=0.05)


def test_useless_codes_score_chance(data):
    score = beta_vae_score(noise(data), data, **FEW)
    # Some pairs are an image with itself, which tells a little.
    assert near(score, 1 / 3, ses=6) and near(score, score.shuffled, ses=8)
    assert score.parts["repeats"] == pytest.approx([1 / 42, 1 / 35, 1 / 30])
    large = grid(20, 21, 22)
    assert near(beta_vae_score(noise(large), large, **FEW), 1 / 3)


def test_shuffled_factors_score_chance(data):
    score = beta_vae_score(lambda x: x, data, train=600, test=600, shuffles=10)
    assert score.settings["chance"] == 1 / 3
    assert score.shuffled == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 6000))
    assert beta_vae_score(lambda x: x, data, **{**FEW, "shuffles": 0}).shuffled is None


def test_duplicated_codes_score_one(data):
    assert beta_vae_score(lambda x: torch.cat([x, x, -x], 1), data, **FEW) == 1.0


def test_rotated_codes_score_chance():
    square = grid(12, 12)
    turn = torch.tensor([[1.0, -1], [1, 1]]) / 2**0.5
    assert beta_vae_score(lambda x: x, square, **FEW) == 1.0
    assert near(beta_vae_score(lambda x: (x - 5.5) @ turn, square, **FEW), 1 / 2)


def test_constant_codes_score_exactly_chance(data):
    for size in (1, 3):
        dead = beta_vae_score(lambda x, s=size: torch.full((len(x), s), 0.3), data, **FEW)
        assert dead == pytest.approx(1 / 3, abs=1e-15) and dead.shuffled == pytest.approx(1 / 3)
        assert not dead.parts["z_diff"].any() and not dead.parts["weights"].any()
    two = beta_vae_score(lambda x: x[:, :1] * 0, grid(4, 5), **FEW)
    assert two == 0.5 and two.parts["weights"].shape == (2, 1)


def test_dead_latents_change_nothing(data):
    mixed = torch.tensor([[1.0, 0.4], [0.9, 0.5], [0.2, 1.0]])
    one = beta_vae_score(lambda x: x @ mixed, data, **FEW)
    more = beta_vae_score(
        lambda x: torch.cat([x @ mixed, torch.full((len(x), 1), -4.0)], 1), data, **FEW
    )
    assert 1 / 3 < one < 1 and more == one and more.parts["weights"][:, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("scale", [1e-150, 1e-3, 1e150])
def test_scale_and_shift_of_a_latent_change_nothing(data, scale):
    mixed = np.array([[1.0, 0.4], [0.9, 0.5], [0.2, 1.0]])
    one = beta_vae_score(lambda x: x.numpy() @ mixed, data, **FEW)
    other = beta_vae_score(lambda x: x.numpy() @ mixed * [scale, 1] + [0, 9], data, **FEW)
    assert other == pytest.approx(one, abs=0.005)
    assert np.isfinite([*other.parts["z_diff"].flat, *other.parts["weights"].flat]).all()


def test_constant_factors_are_left_out_and_named():
    score = beta_vae_score(lambda x: x, grid(5, 1, 6), **FEW)
    assert score == 1.0
    assert score.parts["names"] == ["v0", "v2"] and score.parts["constant"] == ["v1"]
    assert score.parts["z_diff"].shape == (2, 3) and score.settings["chance"] == 0.5


def test_a_part_of_a_set_is_judged_by_its_own_images(data):
    seen = []

    def encode(x):
        seen.append(x)
        return x

    part = data.split(0.5)[1]
    score = beta_vae_score(encode, part, **FEW)
    encoded = {tuple(row) for row in torch.cat(seen).int().tolist()}
    own = {tuple(row) for row in part.batch(torch.arange(len(part))).int().tolist()}
    assert score == 1.0 and encoded == own
    # Where only one level of a factor is left, that factor is constant.
    first = data.subset(np.arange(6 * 7))
    assert beta_vae_score(encode, first, **FEW).parts["constant"] == ["v0"]


def test_each_image_is_encoded_once_in_chunks(data):
    sizes = []

    def encode(x):
        sizes.append(len(x))
        return x

    score = beta_vae_score(encode, data, chunk=50, **FEW)
    assert score.settings["encoded"] == sum(sizes) == len(data) == 210 and max(sizes) == 50
    sizes.clear()
    few = beta_vae_score(encode, grid(40, 40, 40), train=3, test=3, pairs=8, shuffles=0)
    assert few.settings["encoded"] == sum(sizes) <= 2 * 6 * 8


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.bfloat16, torch.int32])
def test_codes_of_any_kind(data, kind):
    assert beta_vae_score(lambda x: x.to(kind), data, **FEW) == 1.0
    assert beta_vae_score(lambda x: x.clone().requires_grad_(), data, **FEW) == 1.0
    assert beta_vae_score(lambda x: x.tolist(), data, **FEW) == 1.0


def test_votes_are_shared_out_equally(data):
    score = beta_vae_score(lambda x: x, data, train=100, test=50, pairs=7, seed=3)
    settings = score.settings
    assert (settings["train"], settings["n"], settings["pairs"], settings["seed"]) == (
        102,
        51,
        7,
        3,
    )
    assert "logistic" in settings["classifier"] and settings["estimator"].startswith("held-out")
    assert settings["se"] == 0.0
    assert json.loads(json.dumps(score.as_dict()))["parts"]["names"] == ["v0", "v1", "v2"]


def test_standard_error_is_the_spread_over_votes():
    options = {"pairs": 2, "train": 3000, "test": 300, "shuffles": 0}
    found = [beta_vae_score(lambda y: y @ MIXED, three, seed=s, **options) for s in range(30)]
    assert 0.4 < found[0] < 0.9 and min(found) < max(found)
    assert np.std(found, ddof=1) == pytest.approx(found[0].settings["se"], rel=0.4)


def test_same_seed_same_score(data):
    encode = noise(data)
    before = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    one, two = (beta_vae_score(encode, data, seed=4, **FEW) for _ in range(2))
    after = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    assert one.as_dict() == two.as_dict()
    assert one.as_dict() == beta_vae_score(encode, data, seed=4, chunk=13, **FEW).as_dict()
    assert one.as_dict() != beta_vae_score(encode, data, seed=5, **FEW).as_dict()
    assert before[0] == after[0] and torch.equal(before[2], after[2])
    assert all(np.array_equal(a, b) for a, b in zip(before[1], after[1], strict=True))


def test_more_pairs_tell_more():
    found = [beta_vae_score(lambda y: y @ MIXED, three, pairs=n, shuffles=0) for n in (1, 8, 64)]
    assert 1 / 3 < found[0] < found[1] < found[2]


@pytest.mark.parametrize(("degrees", "value"), [(20, 1.0), (40, 1.0), (45, 0.5)])
def test_two_factors_are_told_apart_at_every_angle_but_one(degrees, value):
    turn = np.exp(1j * np.deg2rad(degrees))
    q = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    score = beta_vae_score(lambda y: y @ q.T, normal, pairs=1, **FEW)
    assert score > 0.97 if value == 1 else near(score, value)


def test_continuous_factors():
    score = beta_vae_score(lambda y: y, normal, **FEW)
    assert score == 1.0 and score.parts["names"] == ["factor 0", "factor 1"]
    wanted = (1 - np.eye(2)) * 2 / np.sqrt(np.pi)  # E|a − b| of two standard normal numbers
    assert score.parts["z_diff"] == pytest.approx(wanted, abs=0.02)

    def with_a_constant(n, rng):
        return np.insert(rng.normal(size=(n, 2)), 1, 5.0, axis=1)

    assert beta_vae_score(lambda y: y, with_a_constant, **FEW).parts["constant"] == ["factor 1"]


def test_sprites():
    sprites = load("sprites(scales=3, rotations=4, positions=6, size=16)").train
    levels = torch.from_numpy(sprites.levels(torch.arange(len(sprites))))
    flat = {tuple(v): k for k, v in enumerate(levels.tolist())}
    assert len(flat) == len(sprites)

    def centre(x):
        """Mean column, mean row, and area: what pixels say of x, y and the scale."""
        mass = x.sum((1, 2, 3)).clamp(min=1)
        at = torch.arange(16.0)
        column, row = (x.sum((1, 2)) * at).sum(1) / mass, (x.sum((1, 3)) * at).sum(1) / mass
        return torch.stack([column, row, mass], 1)

    score = beta_vae_score(centre, sprites, **FEW)
    at = {name: k for k, name in enumerate(score.parts["names"])}
    assert score.parts["accuracy"][[at["x"], at["y"], at["scale"]]].min() > 0.9
    assert 3 / 5 < score < 1


@pytest.mark.parametrize(
    ("encode", "source", "options", "message"),
    [
        (lambda x: x, Dataset(torch.zeros(4, 2)), {}, "has no factors"),
        (lambda x: x, grid(1, 5), {}, "1 of 2 factors vary"),
        (lambda x: x[:, 0], grid(2, 3), {}, r"must return codes \(\d, H\)"),
        (lambda x: x[:1], grid(2, 3), {}, "must return codes"),
        (lambda x: x.numpy().astype(str), grid(2, 3), {}, "of numbers"),
        (lambda x: x / 0, grid(2, 3), {}, r"latents \[0, 1\] hold NaN or infinite"),
        (lambda x: x, grid(2, 3), {"pairs": 0}, "must be ≥ 1"),
        (lambda x: x, grid(2, 3), {"test": 0}, "must be ≥ 1"),
        (lambda x: x, grid(2, 3), {"shuffles": -1}, "shuffles ≥ 0"),
        (lambda x: x, lambda n, rng: rng.normal(size=n), {}, r"drawn values \(100, K\)"),
    ],
)
def test_errors(encode, source, options, message):
    with pytest.raises(VaekitError, match=message):
        beta_vae_score(encode, source, **options)
