"""What corruptions do to x, when, and that the target stays as it was."""

import math

import pytest
import torch
from parts import noise_model, small
from scipy import stats

from vaekit import recipes
from vaekit.apply import encode
from vaekit.corruptions import CORRUPTIONS, Affine, Corruption, Custom, GaussianNoise, corruption
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import Distortion
from vaekit.posteriors import Dirac
from vaekit.training import Training, fit

TEXTS = [
    "masking(p=0.3)",
    "gaussian(sigma=0.4)",
    "truncated_gaussian(sigma=0.4)",
    "salt_and_pepper(p=0.3)",
]
OF_IMAGES = ["affine(level=1)"]
X = 0.2 + 0.6 * torch.rand(400, 100, generator=torch.Generator().manual_seed(1))


def corrupted(text: str, x: torch.Tensor = X, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return corruption(text)(x)


def model(kind, latent: int = 2, entries: int = 6) -> Model:
    torch.manual_seed(0)
    nets, shape = small(), (entries,)
    return Model(
        Dirac(nets.encoder(shape, latent), latent),
        noise_model("squared_error", nets, shape, latent),
        corruption=corruption(kind),
    )


def test_every_corruption_is_tested():
    assert {text.split("(")[0] for text in TEXTS + OF_IMAGES} == set(CORRUPTIONS) - {"hidden"}


# ---- statistics


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.95])
def test_masking(p):
    found = corrupted(f"masking(p={p})")
    masked = found == 0
    assert torch.equal(found[~masked], X[~masked])
    assert stats.binomtest(int(masked.sum()), X.numel(), p).pvalue > 1e-3
    # Each entry on its own: the counts of rows and of columns are binomial.
    for axis in (0, 1):
        counts = masked.sum(axis).double()
        variance = X.shape[axis] * p * (1 - p)
        spread = float(((counts - counts.mean()) ** 2).sum() / variance)
        assert 1e-3 < stats.chi2.cdf(spread, len(counts) - 1) < 1 - 1e-3


@pytest.mark.parametrize("sigma", [0.1, 0.4, 2.0])
def test_gaussian_noise(sigma):
    noise = (corrupted(f"gaussian(sigma={sigma})") - X).double()
    assert stats.kstest(noise.flatten()[:10_000].numpy(), "norm", (0, sigma)).pvalue > 1e-3
    spread = float((noise**2).sum() / sigma**2)
    assert 1e-3 < stats.chi2.cdf(spread, noise.numel()) < 1 - 1e-3


@pytest.mark.parametrize("bound", [0.3, 1, 2, 4, 9])
@pytest.mark.parametrize("sigma", [0.01, 0.4])
def test_truncated_gaussian(sigma, bound):
    """Against SciPy's truncated normal: the law, its ends, and its variance."""
    x = torch.zeros(400, 100, dtype=torch.float64)
    noise = corrupted(f"truncated_gaussian(sigma={sigma}, bound={bound})", x)
    law = stats.truncnorm(-bound, bound, scale=sigma)
    assert stats.kstest(noise.flatten()[:10_000].numpy(), law.cdf).pvalue > 1e-3
    assert noise.abs().max() <= sigma * bound
    if bound <= 2:
        assert noise.abs().max() > 0.99 * sigma * bound, "the noise reaches its bound"
    density = stats.norm.pdf(bound) / math.erf(bound / 2**0.5)
    stated = sigma**2 * (1 - 2 * bound * density)
    assert law.var() == pytest.approx(stated)
    scatter = float((noise**2).std()) / noise.numel() ** 0.5
    assert abs(float((noise**2).mean()) - stated) < 4 * scatter
    assert abs(float(noise.mean())) < 4 * (stated / noise.numel()) ** 0.5


def test_the_papers_noise_is_the_default():
    """Every entry moves by at most .01, and most nearly evenly: a normal law of .01 does not."""
    noise = corrupted("truncated_gaussian", torch.zeros(400, 100)).double()
    assert 0.0099 < noise.abs().max() <= 0.01
    assert stats.kstest(noise.flatten()[:10_000].numpy(), "norm", (0, 0.01)).pvalue < 1e-6


def test_truncated_noise_stays_finite_at_the_ends_of_the_uniform(monkeypatch):
    """A draw of exactly 0, whose inverse is infinite once the share has rounded to 1."""
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    for bound in (1, 8, 40):
        found = corrupted(f"truncated_gaussian(sigma=2, bound={bound})", torch.ones(3, 4))
        torch.testing.assert_close(found, torch.full((3, 4), 1.0 - 2 * bound))


@pytest.mark.parametrize("p", [0.05, 0.3, 1.0])
def test_salt_and_pepper(p):
    found = corrupted(f"salt_and_pepper(p={p})")
    salt, pepper = found == 1, found == 0
    kept = ~(salt | pepper)
    assert torch.equal(found[kept], X[kept])
    counts = [int(salt.sum()), int(pepper.sum()), int(kept.sum())]
    n = X.numel()
    expected = [n * p / 2, n * p / 2, n * (1 - p)]
    seen = 2 if p == 1 else 3
    assert sum(counts[:seen]) == n
    assert stats.chisquare(counts[:seen], expected[:seen]).pvalue > 1e-3


def test_the_statistics_would_notice():
    """A share of .31 is not taken for .3."""
    with pytest.raises(AssertionError):
        masked = corrupted("masking(p=0.32)") == 0
        assert stats.binomtest(int(masked.sum()), X.numel(), 0.3).pvalue > 1e-3


@pytest.mark.parametrize("text", TEXTS)
def test_draws_differ_and_follow_the_seed(text):
    first = corrupted(text)
    assert torch.equal(first, corrupted(text))
    assert not torch.equal(first, corrupted(text, seed=1))
    torch.manual_seed(0)
    drawn = corruption(text)
    assert not torch.equal(drawn(X), drawn(X)), "every batch has noise of its own"


@pytest.mark.parametrize("text", TEXTS)
def test_shape_and_type_stay(text):
    for x in (torch.rand(3, 1, 4, 5), torch.rand(1, 7), torch.rand(2, 3).double()):
        found = corrupted(text, x)
        assert (found.shape, found.dtype) == (x.shape, x.dtype)


# ---- levels


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "affine"])
def test_level_zero_changes_nothing(name):
    x = torch.randn(50, 20)  # negative values too
    nothing = corruption(f"{name}(0)")
    assert nothing.level == 0
    assert torch.equal(nothing(x), x)


# ---- images that move


def moved(n: int, height: int = 24, width: int = 36, **amounts: float) -> dict[str, torch.Tensor]:
    """Read α in degrees, s, k, t₁, t₂ of n draws off images of the places of their own pixels."""
    y = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
    x = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
    places = torch.stack(torch.meshgrid(x, y, indexing="xy"))
    torch.manual_seed(0)
    found = Affine(**amounts)(places.expand(n, -1, -1, -1))
    inner = (..., slice(8, -8), slice(14, -14))  # what no draw reads from the border
    basis = places[inner].flatten(1)
    basis, seen = torch.cat([basis, torch.ones_like(basis[:1])]).mT, found[inner].flatten(2).mT
    maps = (torch.linalg.pinv(basis) @ seen).mT
    assert torch.allclose(basis @ maps.mT, seen, atol=1e-9)
    cos, sin = maps[:, 1, 1], maps[:, 1, 0]
    assert torch.allclose(maps[:, 0, 0], cos)
    return {
        "rotate": torch.atan2(sin, cos).rad2deg(),
        "scale": torch.hypot(sin, cos) - 1,
        "shear": maps[:, 0, 1] + sin,
        "across": maps[:, 0, 2] / width,
        "down": maps[:, 1, 2] / height,
    }


def test_the_amounts_of_affine_are_even_up_to_what_is_asked():
    amounts = {"rotate": 20.0, "scale": 0.1, "shear": 0.2, "shift": 0.05}
    found = moved(3000, **amounts)
    for name, drawn in found.items():
        most = amounts.get(name, amounts["shift"])
        assert drawn.abs().max() <= most + 1e-9
        assert stats.kstest(drawn.numpy(), stats.uniform(-most, 2 * most).cdf).pvalue > 1e-3, name
    both = torch.corrcoef(torch.stack(list(found.values()))) - torch.eye(5)
    assert both.abs().max() < 0.08  # 4.4 standard errors


def test_half_the_level_is_half_of_everything():
    whole = moved(50, rotate=20.0, scale=0.1, shear=0.2, shift=0.05)
    half = moved(50, level=0.5, rotate=20.0, scale=0.1, shear=0.2, shift=0.05)
    for name in whole:
        torch.testing.assert_close(half[name], whole[name] / 2)


def test_affine_leaves_images_when_nothing_is_asked_and_tables_never_reach_it():
    x = torch.rand(3, 2, 9, 7, dtype=torch.float64)
    torch.testing.assert_close(corruption("affine(0)")(x), x)
    again = Affine(0.5, rotate=3).at(0.25)
    assert (again.level, again.amounts["rotate"]) == (0.25, 3)  # pyright: ignore
    with pytest.raises(VaekitError, match=r"images \(C, H, W\), got examples of shape \(7,\)"):
        Affine()(torch.rand(3, 7))


def test_affine_stays_in_the_range_of_the_image_and_draws_afresh():
    x = torch.rand(40, 1, 8, 8)
    torch.manual_seed(0)
    first, second = Affine()(x), Affine()(x)
    assert x.min() <= first.min() and first.max() <= x.max()
    assert not torch.equal(first, second)


def test_masking_sets_its_value():
    found = corrupted("masking(p=0.3, value=-2)")
    masked = found == -2
    assert torch.equal(masked, corrupted("masking(p=0.3)") == 0)
    assert torch.equal(found[~masked], X[~masked])


def test_salt_and_pepper_set_the_ends_of_the_data():
    found = corrupted("salt_and_pepper(p=0.3, low=-3, high=5)", 8 * X - 3)
    usual = corrupted("salt_and_pepper(p=0.3)")
    torch.testing.assert_close(found, 8 * usual - 3)
    assert {-3.0, 5.0} <= set(found.flatten().tolist())


@pytest.mark.parametrize(
    "text", ["masking(p=0.5, value=-2)", "salt_and_pepper(p=0.5, low=-2, high=2)"]
)
def test_values_stay_at_another_level(text):
    torch.manual_seed(0)
    found = corruption(text).at(0.1)(X)
    assert found.min() == -2
    assert torch.equal(found, corrupted(text.replace("0.5", "0.1")))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("salt_and_pepper(p=0.3)", 0, 16),
        ("salt_and_pepper(p=0.3)", -3.3, 0.5),
        ("salt_and_pepper(p=0.3, low=-1, high=1)", -1, 1.01),
    ],
)
def test_data_beyond_salt_and_pepper_are_refused_with_a_text_that_serves(text, low, high):
    with pytest.raises(VaekitError, match=r"span \[.*\]: write low and high, as in") as caught:
        corruption(text).check(low, high)
    cure = str(caught.value).split("as in ")[1].split(", or scale")[0]
    corruption(cure).check(low, high)


@pytest.mark.parametrize("text", [*TEXTS, "salt_and_pepper(p=0.3, low=-9, high=9)"])
def test_data_on_its_scale_are_not(text):
    corruption(text).check(0.1, 1.00001)
    if "salt_and_pepper(p=0.3)" not in text:
        corruption(text).check(-5, 5)
    corruption(lambda x: x).check(-5, 5)


def test_the_bound_grows_with_sigma():
    torch.manual_seed(0)
    found = corruption("truncated_gaussian(sigma=0.01, bound=2)").at(0.3)(X) - X
    assert 0.59 < found.abs().max() <= 0.6 + 1e-6
    usual = corrupted("truncated_gaussian(sigma=0.3, bound=2)") - X
    torch.testing.assert_close(found, usual)


def test_whole_levels():
    assert not corrupted("masking(p=1)").any()
    assert set(corrupted("salt_and_pepper(p=1)").unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("text", TEXTS)
def test_another_level(text):
    first = corruption(text)
    other = first.at(0.15)
    assert type(other) is type(first)
    assert (other.level, first.level) == (0.15, float(text.split("=")[1][:-1]))
    torch.manual_seed(0)
    found = other(X)
    again = corrupted(text.split("(")[0] + "(0.15)")
    assert torch.equal(found, again)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("masking(p=1.1)", "masking needs a share p from 0 to 1, got p=1.1"),
        ("masking(p=-0.1)", "from 0 to 1"),
        ("masking(p=nan)", "from 0 to 1"),
        ("salt_and_pepper(p=2)", "salt_and_pepper needs a share p from 0 to 1"),
        ("gaussian(sigma=-1)", "finite sigma ≥ 0, got -1"),
        ("gaussian(sigma=nan)", "finite sigma ≥ 0"),
        ("gaussian(sigma=inf)", "finite sigma ≥ 0"),
        ("truncated_gaussian(sigma=-1)", "truncated_gaussian needs a finite sigma ≥ 0, got -1"),
        ("truncated_gaussian(sigma=nan)", "finite sigma ≥ 0"),
        ("truncated_gaussian(bound=0)", "finite bound > 0 in units of sigma, got 0"),
        ("truncated_gaussian(bound=nan)", "finite bound > 0"),
        ("truncated_gaussian(bound=inf)", r"use gaussian\(sigma=…\)"),
        ("masking(p=many)", "masking"),
        ("masking(value=inf)", "masking needs a finite value, got inf"),
        ("salt_and_pepper(low=nan)", "needs a finite low"),
        ("salt_and_pepper(low=1)", "low < high, got low=1, high=1"),
        ("masking(q=0.1)", r"unexpected.*'q'.*masking\(p=0.3, value=0.0\)"),
        ("maskin(p=0.1)", "masking"),
        ("affine(rotate=-1)", "affine needs a finite rotate ≥ 0, got -1"),
        ("affine(shift=nan)", "finite shift"),
        ("affine(level=inf)", "finite level"),
        ("affine(scale=1)", "scale below 1"),
    ],
)
def test_levels_that_do_not_serve(text, cause):
    with pytest.raises(VaekitError, match=cause):
        corruption(text)


# ---- in a model


@pytest.mark.parametrize("kind", [*TEXTS, torch.zeros_like])
def test_the_encoder_sees_the_corrupted_and_the_target_is_clean(kind):
    made, x = model(kind), torch.rand(50, 6) + 0.1
    before = x.clone()
    torch.manual_seed(7)
    run = made(x)
    torch.manual_seed(7)
    seen = made.corruption(x)
    assert not torch.equal(seen, x)
    torch.testing.assert_close(run.q.mean, made.posterior(seen).mean)
    assert torch.equal(run.x, before), "corrupting changed the data in place"
    expected = ((before - run.p.mean) ** 2).sum(-1).mean() + 3 * torch.log(torch.tensor(torch.pi))
    torch.testing.assert_close(Distortion()(run), expected)


@pytest.mark.parametrize("text", TEXTS)
def test_it_acts_only_while_training(text):
    made, x = model(text), torch.rand(50, 6)
    clean = made.posterior(x).mean
    assert not torch.allclose(made(x).q.mean, clean)
    torch.testing.assert_close(encode(made, x), clean)
    assert made.training
    made.eval()
    torch.testing.assert_close(made(x).q.mean, clean)


def test_the_loop_draws_afresh_for_each_batch():
    seen = []

    def note(x):
        seen.append(x + torch.rand_like(x))
        return seen[-1]

    same = torch.full((20, 6), 0.5)
    going = fit(
        model(note), Distortion(), Dataset.from_array(same), Training(2, batch=10, device="cpu")
    )
    for _ in going:
        pass
    assert len(seen) == 4
    assert len(torch.cat(seen).unique(dim=0)) == 40


@pytest.mark.parametrize("wrong", [None, 3, ("masking",)])
def test_what_is_no_corruption(wrong):
    with pytest.raises(VaekitError, match="corruption must be text such as 'masking"):
        corruption(wrong)


# ---- one's own


def test_a_custom_corruption():
    made = corruption(lambda x: 1 - x)
    assert isinstance(made, Custom)
    assert torch.equal(made(X), 1 - X)
    assert made.at(0.5) is made
    assert corruption(made) is made


@pytest.mark.parametrize("wrong", [lambda x: x[:, :3], lambda x: x[0], lambda x: x[..., None]])
def test_a_custom_corruption_keeps_the_shape(wrong):
    with pytest.raises(VaekitError, match=r"made \(.*of \(5, 6\): keep the shape"):
        model(wrong)(torch.rand(5, 6))


@pytest.mark.parametrize("wrong", [lambda x: None, lambda x: x.numpy(), lambda x: (x,)])
def test_a_custom_corruption_returns_a_tensor(wrong):
    with pytest.raises(VaekitError, match="of a tensor: return"):
        model(wrong)(torch.rand(5, 6))


def test_a_corruption_of_ones_own_class():
    class Blank(Corruption):
        def __init__(self, level: float):
            super().__init__()
            self.level = level

        def forward(self, x):
            return x * (1 - self.level)

    made = corruption(Blank(1.0))
    assert torch.equal(made.at(0.25)(X), 0.75 * X)


# ---- what it is for


def test_denoising_learns_to_denoise():
    """Data on a line in 12 dimensions: noise off the line is removed, by far the most of it."""
    torch.manual_seed(0)
    along = torch.randn(600, 1)
    direction = torch.nn.functional.normalize(torch.randn(1, 12))
    x = 2 * along * direction
    made, objective = recipes.denoising_ae(
        (12,), 1, corruption="gaussian(sigma=0.4)", network="mlp()"
    )
    for _ in fit(made, objective, Dataset.from_array(x), Training(60, 50, 0.01, device="cpu")):
        pass
    made.eval()
    torch.manual_seed(1)
    noisy = GaussianNoise(0.4)(x)
    with torch.no_grad():
        cleaned = made(noisy).p.mean[0]
    error, left = float(((cleaned - x) ** 2).sum(1).mean()), 12 * 0.4**2
    # Wiener: along the line s² = 4 is kept by s²/(s² + σ²), whose error is s² σ²/(s² + σ²).
    assert error == pytest.approx(4 * 0.16 / 4.16, rel=0.15)
    assert error < left / 10
