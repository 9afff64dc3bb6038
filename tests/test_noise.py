"""Noise that is learned: by its definition, against reference fits, on data of known noise."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from parts import noise_model, same, small, vae, weights
from sklearn.mixture import GaussianMixture as Reference
from torch import nn

from vaekit import information, recipes
from vaekit.cli import main
from vaekit.data import Dataset
from vaekit.distributions import residuals
from vaekit.distributions.residuals import Components
from vaekit.errors import VaekitError
from vaekit.likelihoods import Gaussian, GaussianMixture, NetworkGaussian
from vaekit.runs import Config, Run, train
from vaekit.training import NotFinite, Training, fit

WAYS = ["gaussian(learned=batch)", "gaussian(learned=average)", "gaussian(learned=gradient)"]


class Fixed(nn.Module):
    """Decode to given numbers, whatever z is."""

    def __init__(self, mean):
        super().__init__()
        self.mean = nn.Parameter(mean)

    def forward(self, z):
        return self.mean


def two_kinds(n, seed=0):
    """Draw residuals of variances .0009 and .03, 3 : 7, in float64."""
    rng = np.random.default_rng(seed)
    wide = rng.random(n) < 0.3
    return torch.tensor(rng.normal(size=n) * np.sqrt(np.where(wide, 0.03, 0.001)))


# ---- the mixture


def test_one_component_is_the_learned_gaussian():
    torch.manual_seed(0)
    x, mean, z = torch.rand(6, 5), torch.rand(6, 5), torch.zeros(1, 6, 2)
    values, gradients = [], []
    for kind in (
        Gaussian(Fixed(mean.clone()), learned="batch"),
        GaussianMixture(Fixed(mean.clone()), 1, decay=0.0),
    ):
        kind.maximise(x, kind(z))
        value = kind(z).log_prob(x)
        (gradient,) = torch.autograd.grad(value.sum(), kind.network.mean)
        values.append(value)
        gradients.append(gradient)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)


def test_the_e_step_is_the_reference():
    r = two_kinds(4000)
    model = Reference(2, covariance_type="spherical", tol=1e-9, max_iter=1000, random_state=0)
    model.fit(np.concatenate([r.numpy(), -r.numpy()])[:, None])  # symmetric: the means stay near 0
    model.means_[:] = 0.0
    ours = Components(
        torch.tensor(0.5 * np.log(model.covariances_)), torch.tensor(np.log(model.weights_))
    )
    found = residuals.responsibilities(r.square(), ours)
    expected = torch.tensor(model.predict_proba(r.numpy()[:, None])).T
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_em_ends_where_the_reference_does():
    r = two_kinds(20_000)
    found, ended = residuals.converged(r.square(), 2, 1e-6, tolerance=1e-12)
    assert ended.startswith("EM converged after ")
    assert "stopped after 3 steps" in residuals.converged(r.square(), 2, 1e-6, most=3)[1]
    both = np.concatenate([r.numpy(), -r.numpy()])[:, None]
    model = Reference(2, covariance_type="spherical", tol=1e-12, max_iter=5000, reg_covar=1e-12)
    model.fit(both)
    order = model.covariances_.argsort()
    np.testing.assert_allclose((2 * found.log_std).exp(), model.covariances_[order], rtol=2e-3)
    np.testing.assert_allclose(found.log_share.exp(), model.weights_[order], rtol=2e-3)


def test_the_bound_never_falls():
    squares = two_kinds(3000).square()
    now, before = residuals.start_mixture(1.0, 4), -torch.inf
    now = Components(*(t.double() for t in now))
    for _ in range(100):
        level = float(residuals.joint(squares, now).logsumexp(0).sum())
        assert level >= before - 1e-9 * abs(level)
        now, before = residuals.maximised(residuals.moments(squares, now), 1e-9), level


def test_fishers_identity():
    torch.manual_seed(0)
    x, mean = torch.rand(7, dtype=torch.float64), torch.rand(7, dtype=torch.float64)
    mean.requires_grad_()
    at = Components(torch.tensor([-2.0, 0.1]).double(), torch.tensor([0.4, 0.6]).double().log())
    squares = (x - mean).square()
    gamma = residuals.responsibilities(squares, at).detach()
    (of_expected,) = torch.autograd.grad((gamma * residuals.joint(squares, at)).sum(), mean)
    squares = (x - mean).square()
    (of_marginal,) = torch.autograd.grad(residuals.joint(squares, at).logsumexp(0).sum(), mean)
    torch.testing.assert_close(of_expected, of_marginal, rtol=1e-9, atol=1e-9)


def test_the_denominator_sums_over_components():
    at = Components(torch.tensor([-2.0, 0.1]).double(), torch.tensor([0.4, 0.6]).double().log())
    gamma = residuals.responsibilities(two_kinds(50).square().view(5, 10), at)
    assert gamma.shape == (2, 5, 10)
    torch.testing.assert_close(gamma.sum(0), torch.ones(5, 10, dtype=torch.float64))


def test_no_component_leaves_for_good_and_the_floor_holds():
    best = residuals.maximised(
        residuals.Moments(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1e-9])), 1e-4
    )
    assert float(best.log_share.exp().min()) == pytest.approx(1e-6, rel=1e-3)
    torch.testing.assert_close((2 * best.log_std).exp(), torch.full((2,), 1e-4))


def test_fitting_nothing_is_refused():
    with pytest.raises(VaekitError, match="no residuals"):
        residuals.converged(torch.zeros(0), 2, 1e-4)


# ---- learning


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_the_average_forgets_at_its_rate(decay):
    kind = Gaussian(Fixed(torch.zeros(4, 3)), learned="average", decay=decay)
    z, seen = torch.zeros(1, 4, 2), []
    for value in (0.3, 0.5, 0.2):
        kind.maximise(torch.full((4, 3), value), kind(z))
        seen.append(value**2)
    shares = np.array([decay**2, decay, 1.0])
    expected = float((shares * seen).sum() / shares.sum())
    assert kind.noise()["noise_variance"] == pytest.approx(expected, rel=1e-5)


def test_batch_is_an_average_that_forgets_at_once():
    kind = Gaussian(Fixed(torch.zeros(4, 3)), learned="batch")
    for value in (0.3, 0.5):
        kind.maximise(torch.full((4, 3), value), kind(torch.zeros(1, 4, 2)))
    assert kind.noise()["noise_variance"] == pytest.approx(0.25, rel=1e-5)


def test_all_samples_count():
    torch.manual_seed(0)
    kind, x = noise_model("gaussian(learned=batch)", small(), (7,), 3), torch.rand(5, 7)
    z = torch.randn(4, 5, 3)
    p = kind(z)
    kind.maximise(x, p)
    expected = float((x - p.mean.detach()).square().mean())
    assert kind.noise()["noise_variance"] == pytest.approx(expected, rel=1e-5)


def known_noise(sigmas, shares, n=2000, entries=12, seed=0):
    """Make data on a plane in many dimensions, with noise of known widths."""
    rng = np.random.default_rng(seed)
    clean = 0.3 * rng.normal(size=(n, 2)) @ rng.normal(size=(2, entries))
    kinds = rng.choice(len(sigmas), size=clean.shape, p=shares)
    noise = rng.normal(size=clean.shape) * np.array(sigmas)[kinds]
    return Dataset.from_array((clean + noise).astype("float32"))


def learned(data, text, lr=2e-2):
    torch.manual_seed(0)
    model, objective = recipes.beta_vae(data.shape, 2, 1.0, "mlp()", text)
    for epochs, rate in ((300, lr), (60, 2e-3)):  # far, then near
        settings = Training(epochs=epochs, batch=500, lr=rate, device="cpu")
        for _ in fit(model, objective, data, settings):
            pass
    return model.likelihood.noise()


@pytest.mark.parametrize("text", WAYS)
def test_a_known_variance_is_found(text):
    """Two of 60 entries' worth of variance go to the linear decoder, the noise keeps the rest."""
    data = known_noise([0.2], [1.0], entries=60)
    rate = 5e-2 if "gradient" in text else 2e-2
    assert learned(data, text, rate)["noise_variance"] == pytest.approx(0.04, rel=0.03)


@pytest.mark.parametrize(
    ("text", "near"), [("mixture(2)", 0.1), ("mixture(2, learned=gradient)", 0.2)]
)
def test_a_known_mixture_is_found(text, near):
    """Variances 1 : 30, shares .7 and .3.

    With 400 entries, since what z cannot know of its two dimensions adds to the narrow noise.
    """
    data = known_noise([0.05, 0.05 * 30**0.5], [0.7, 0.3], entries=400)
    found = learned(data, text)
    assert found["noise_variance_0"] == pytest.approx(0.0025, rel=near)
    assert found["noise_variance_1"] == pytest.approx(0.075, rel=near)
    assert found["noise_share_0"] == pytest.approx(0.7, rel=near)


@pytest.mark.parametrize("text", ["gaussian(learned=average)", "mixture(2)"])
def test_noise_moves_in_training_only(text):
    model = vae(text=text)
    before = weights(model)
    information.evaluate(model, Dataset.from_array(np.random.default_rng(0).random((50, 6))))
    assert same(before, weights(model))


def test_noise_goes_on_where_a_checkpoint_left_it(tmp_path):
    data = str(tmp_path / "x.npy")
    np.save(data, known_noise([0.2], [1.0], 300).images.numpy())
    arguments = {"network": "mlp(8)", "latent": 2}
    config = Config("mog_vae", arguments, data, Training(epochs=2, batch=50, device="cpu"))
    run = train(config, tmp_path / "a")
    again = Run(tmp_path / "a").system.model
    assert again.likelihood.noise() == run.system.model.likelihood.noise()
    rows = run.history
    assert {"noise_variance_0", "noise_share_1"} <= set(rows[-1])
    assert float(rows[0]["noise_variance_1"]) != float(rows[-1]["noise_variance_1"])


def test_a_dead_component_is_reported(tmp_path):
    """Residuals of one width, a second component that was too narrow from the start."""
    kind = GaussianMixture(nn.Identity(), 2)
    assert not kind.warning()
    kind.log_share.copy_(torch.tensor([1e-6, 1 - 1e-6]).log())
    assert "component 0 of the noise mixture has died" in kind.warning()
    assert "fewer than 2 components" in kind.warning()
    kind.log_std.copy_(torch.tensor([-1.0, -1.0 + 1e-3]))
    kind.log_share.copy_(torch.tensor([0.5, 0.5]).log())
    assert "components 0 and 1 of the noise mixture have the same σ² and are one" in kind.warning()
    kind.log_std.copy_(torch.tensor([-1.0, -0.9]))
    assert not kind.warning()


def test_training_says_once_that_a_component_has_died(tmp_path, monkeypatch):
    monkeypatch.setattr(GaussianMixture, "warning", lambda self: "component 1 has died")
    data = Dataset.from_array(np.random.default_rng(0).random((60, 6)).astype("float32"))
    np.save(tmp_path / "x.npy", data.images.numpy())
    settings = Training(epochs=5, batch=20, device="cpu")
    config = Config("mog_vae", {"network": "mlp(4)"}, str(tmp_path / "x.npy"), settings)
    with pytest.warns(UserWarning, match="step 1: component 1 has died") as seen:
        train(config, tmp_path / "a")
    assert len(seen) == 1


def test_an_unstable_variance_head_ends_with_its_floor(tmp_path):
    """Corners of digits never change: without a floor σ² → 0 there, and a small error overflows.

    Which of these large learning rates does it, and when, hangs on rounding.
    """
    ended = []
    for lr in (0.2, 0.3, 0.5, 0.6, 0.7):
        arguments = {"network": "mlp()", "latent": 4, "floor": 0.0}
        settings = Training(epochs=60, batch=100, lr=lr, device="cpu")
        config = Config("network_noise_vae", arguments, "digits", settings)
        try:
            train(config, tmp_path / str(lr), checkpoint_steps=5)
        except NotFinite as error:
            assert "the variance head σ²(z) has a floor of 0; set a larger one" in str(error)
            if "is from before and usable" in str(error):
                ended.append(Run(tmp_path / str(lr)))
    assert ended
    for run in ended:
        assert np.isfinite(run.reconstruct(run.data.test)).all()


def test_the_floor_holds_a_variance_head():
    torch.manual_seed(0)
    model, objective = recipes.network_noise_vae((6,), 2, network="mlp(16)", floor=1e-3)
    data = Dataset.from_array(np.zeros((100, 6), "float32"))
    now = fit(model, objective, data, Training(epochs=300, batch=50, lr=1e-2, device="cpu"))
    for _ in now:
        pass
    best = -3 * np.log(2 * np.pi * 1e-3)
    assert best * 0.9 < -now.means()["distortion"] <= best + 1e-3


def test_a_variance_head_follows_the_noise_of_each_entry():
    torch.manual_seed(0)
    wide = torch.tensor([0.05, 0.3, 0.05, 0.3, 0.05, 0.3])
    x = 0.5 + torch.randn(4000, 6) * wide
    model, objective = recipes.network_noise_vae((6,), 1, network="mlp(16)")
    data = Dataset.from_array(x.numpy())
    for _ in fit(model, objective, data, Training(epochs=30, batch=200, lr=5e-3, device="cpu")):
        pass
    spread = model.likelihood(torch.zeros(1, 1, 1)).variance[0, 0].sqrt()
    torch.testing.assert_close(spread, wide, rtol=0.2, atol=0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gaussian(learned=guess)", "way to learn sigma"),
        ("gaussian(learned=[1])", "learned must be text or True or False"),
        ("gaussian(sigma=abc)", "sigma must be a number, as in sigma=0.1; got 'abc'"),
        ("gaussian(sigma=true)", "sigma must be a number, as in sigma=0.1; got True"),
        ("gaussian(sigma=nan)", "finite sigma > 0"),
        ("mixture(0)", "a whole number of components from 1 to 100, got components=0"),
        ("mixture(2.5)", "components must be a whole number, as in components=2; got 2.5"),
        ("mixture(true)", "components must be a whole number, as in components=2; got True"),
        ("mixture(1000000)", "a whole number of components from 1 to 100"),
        ("mixture(2, learned=magic)", "way to learn a mixture"),
        ("mixture(2, decay=1)", "0 ≤ decay < 1"),
        ("mixture(2, decay=none)", "decay must be a number, as in decay=0.9; got None"),
        ("mixture(2, floor='a')", "floor must be a number, as in floor=0.0001; got 'a'"),
        ("gaussian(learned=batch, floor=inf)", "finite floor ≥ 0"),
        ("network_gaussian(floor=-1)", "finite floor ≥ 0"),
        ("mixture(sigma=0)", "sigma > 0"),
    ],
)
def test_impossible_noise_is_refused(text, said):
    with pytest.raises(VaekitError, match=re.escape(said)):
        noise_model(text, small(), (7,), 3)


# ---- floors and scales


@pytest.mark.parametrize("learned", ["em", "gradient"])
@pytest.mark.parametrize(("components", "floor"), [(2, 0.5), (10, 0.005), (3, 0.0)])
def test_a_mixture_begins_above_its_floor_with_widths_apart(learned, components, floor):
    kind = GaussianMixture(nn.Identity(), components, learned=learned, floor=floor)
    variance = (2 * kind.mixture().log_std.detach()).exp()
    assert float(variance.min()) >= 1.99 * floor and not kind.warning()
    assert (variance.diff() > 0.1 * variance[0]).all()


@pytest.mark.parametrize("name", ["noise_vae", "mog_vae", "network_noise_vae"])
def test_a_floor_above_the_first_sigma_is_no_hindrance(name):
    model = recipes.find(name).make((6,), 2, network="mlp(4)", floor=0.5).model
    p = model.likelihood(torch.zeros(1, 1, 2))
    assert bool(torch.isfinite(p.log_prob(torch.zeros(6))).all())
    assert float(p.variance.detach().min()) >= 0.5


def test_a_variance_at_its_floor_is_reported():
    torch.manual_seed(0)
    x = torch.full((4, 3), 1e-3)
    for text in ("gaussian(learned=average)", "mixture(1)", "mixture(2)", "network_gaussian"):
        kind = noise_model(text, small(), (3,), 2)
        kind.maximise(x, kind(torch.zeros(1, 4, 2)))
        assert not kind.warning(), text
    for kind, said in (
        (Gaussian(Fixed(torch.zeros(4, 3)), learned="average"), "the variance of the noise"),
        (GaussianMixture(Fixed(torch.zeros(4, 3)), 1), "the variance of component 0 of the noise"),
        (NetworkGaussian(Fixed(torch.tensor([0.0, 0.0, 0.0, -10.0, -10.0, 0.0]).expand(4, 6))), ""),
    ):
        for _ in range(2):
            kind.maximise(x, kind(torch.zeros(1, 4, 2)))
        said = f"{said or 'σ² of 67% of the entries'} is at the floor of 0.0001, which limits the"
        assert kind.warning().startswith(said)
        assert kind.warning().endswith("lower floor, or scale the data up")
    free = Gaussian(Fixed(torch.zeros(4, 3)), 1e-4, learned="gradient", floor=0.0)
    fixed = Gaussian(Fixed(torch.zeros(4, 3)), 1e-2)
    assert not free.warning() and not fixed.warning()


def test_a_variance_head_has_no_ceiling():
    """σ² = e^raw σ₀² + floor, its gradient ½ (1 − r²/σ²) whatever the scale."""
    raw = torch.tensor([[[0.0, -40.0], [0.0, 0.0], [0.0, 12.0], [0.0, 200.0]]], requires_grad=True)
    p = NetworkGaussian(nn.Identity(), sigma=0.1, floor=1e-4)(raw)
    expected = (1e-4 + 0.01 * raw[..., 1:].detach().double().exp()).log() / 2
    torch.testing.assert_close(p.log_std.detach().double(), expected)
    (gradient,) = torch.autograd.grad(p.log_prob(torch.zeros(4, 1)).sum(), raw)
    torch.testing.assert_close(gradient[0, 2:, 1], torch.full((2,), -0.5))


def test_a_variance_head_finds_residuals_far_from_its_first_sigma():
    x, zeros = torch.tensor([[0.1], [3.0], [50.0], [500.0]]), torch.zeros(4, 1)
    raw = nn.Parameter(torch.zeros(4, 1))
    kind = NetworkGaussian(nn.Flatten(0, 0), sigma=0.1)
    adam = torch.optim.Adam([raw], lr=0.1, betas=(0.5, 0.9))
    for _ in range(1000):
        adam.zero_grad()
        p = kind(torch.cat([zeros, raw], 1)[None])
        (-p.log_prob(x).sum()).backward()
        adam.step()
    spread = kind(torch.cat([zeros, raw], 1)[None]).variance.detach().sqrt()
    torch.testing.assert_close(spread[0], x, rtol=0.02, atol=0)


def test_a_variance_head_of_another_scale_is_reported():
    x = 50 * torch.rand(100, 6)
    for sigma, said in ((0.1, "set sigma to 3e+01 or so"), (5.0, "")):
        kind = noise_model(f"network_gaussian(sigma={sigma})", small(), (6,), 2)
        kind.maximise(x, kind(torch.zeros(1, 100, 2)))
        assert (said in kind.warning()) if said else not kind.warning()


# ---- several processes

SHARES = """
import sys, torch
from torch import distributed, nn
from vaekit.likelihoods import Gaussian, GaussianMixture

rank, world, store, text = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
if world > 1:
    distributed.init_process_group("gloo", f"file://{store}", rank=rank, world_size=world)
torch.manual_seed(0)
kind = Gaussian(nn.Identity(), learned="average") if text == "gaussian" else GaussianMixture(
    nn.Identity(), 3)
for batch in torch.randn(5, 8, 4) * torch.rand(5, 8, 4):
    mine = batch.chunk(world)[rank]
    kind.maximise(mine, kind(torch.zeros(1, *mine.shape)))
print([round(v, 5) for v in kind.noise().values()])
"""


@pytest.mark.parametrize("text", ["gaussian", "mixture"])
def test_processes_learn_from_the_whole_batch(tmp_path, text):
    (tmp_path / "shares.py").write_text(SHARES)

    def run(rank, world):
        words = [tmp_path / "shares.py", str(rank), str(world), tmp_path / "store", text]
        return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True)

    started = [run(0, 1), run(0, 2), run(1, 2)]
    alone, first, second = (p.communicate(timeout=120)[0] for p in started)
    assert alone.startswith("[0.") and alone == first == second


# ---- refitting


def test_refitting_a_gaussian_takes_the_mean_square():
    data = known_noise([0.2], [1.0], 500)
    model = vae(entries=12, text="network_gaussian")
    found = information.refit(model, data, "gaussian")
    squares = information.residuals(model, data)
    assert found.likelihood.noise()["noise_variance"] == pytest.approx(float(squares.mean()))
    z = torch.randn(3, 5, 2)
    torch.testing.assert_close(found.likelihood(z).mean, model.likelihood(z).mean)


@pytest.mark.parametrize("text", ["gaussian", "mixture(2)", "mixture(3, learned=gradient)"])
def test_a_refit_is_never_worse_than_a_guess(text):
    data = known_noise([0.05, 0.3], [0.7, 0.3], 1000)
    model = vae(entries=12, text="gaussian(sigma=0.9)")
    before = information.evaluate(model, data)["elbo"]["value"]
    after = information.evaluate(information.refit(model, data, text), data)["elbo"]["value"]
    assert after > before + 1


def test_a_refit_mixture_beats_a_refit_gaussian_where_noise_is_mixed():
    data = known_noise([0.05, 0.3], [0.7, 0.3], 1000)
    model, objective = recipes.noise_vae(data.shape, 2, network="mlp()")
    for _ in fit(model, objective, data, Training(epochs=40, batch=100, lr=5e-3, device="cpu")):
        pass
    elbos = [
        information.evaluate(information.refit(model, data, text), data)["elbo"]["value"]
        for text in ("gaussian", "mixture(1)", "mixture(2)")
    ]
    assert elbos[0] == pytest.approx(elbos[1], abs=0.01)
    assert elbos[2] > elbos[0] + 0.5


@pytest.mark.parametrize("text", ["bernoulli", "network_gaussian", "squared_error"])
def test_a_noise_without_closed_form_is_refused(text):
    with pytest.raises(VaekitError, match="gaussian or mixture"):
        information.refit(vae(), Dataset.from_array(np.zeros((5, 6), "float32")), text)


def test_network_gaussian_reads_two_halves():
    kind = NetworkGaussian(nn.Flatten(0, 0), sigma=1.0, floor=0.0)
    p = kind(torch.tensor([[[0.5, 2.0]]]))
    assert p.mean.tolist() == [[[0.5]]]
    assert float(p.log_prob(torch.tensor([[1.5]]))) == pytest.approx(
        -0.5 / np.e**2 - 1 - 0.5 * np.log(2 * np.pi), abs=1e-5
    )


# ---- the command


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Train one run of each kind of likelihood."""
    folder, settings = tmp_path_factory.mktemp("runs"), Training(epochs=1, device="cpu")
    for name, recipe, more in (
        ("plain", "ae", {}),
        ("grey", "vae", {}),
        ("noisy", "vae", {"likelihood": "gaussian(0.3)"}),
    ):
        train(Config(recipe, {"network": "mlp(8)", **more}, "digits", settings), folder / name)
    return folder


def refits(folder, *words):
    main(["refit", str(folder), *words])
    return json.loads((folder / "refits.json").read_text(encoding="utf-8"))


def test_refits_are_ordered_by_their_bound(runs, capsys):
    found, out = refits(runs / "noisy"), capsys.readouterr().out
    assert "ELBO (nats, higher is better) on 180 test examples" in out
    assert "note on mixture(2): EM converged after " in out and out.count("note") == 1
    own, gaussian, mixed = (found[k]["elbo"]["value"] for k in found)
    assert own < gaussian < mixed
    assert list(found) == ["gaussian(0.3) (as trained)", "gaussian", "mixture(2)"]


def test_without_a_prior_distortions_are_compared(runs, capsys):
    found, out = refits(runs / "plain"), capsys.readouterr().out
    assert "distortion (nats, lower is better" in out
    assert all("distortion" in row and "elbo" not in row for row in found.values())
    assert found["mixture(2)"]["distortion"]["value"] < found["gaussian"]["distortion"]["value"]


def test_probabilities_of_pixels_are_not_compared_with_densities(runs, capsys):
    found, out = refits(runs / "grey"), capsys.readouterr().out
    assert "not comparable" in out and "not comparable" in next(iter(found.values()))["note"]
    assert "note" not in found["gaussian"]


def test_one_example_has_no_error(runs, capsys):
    found, out = refits(runs / "noisy", "--n", "1", "--noise", "gaussian"), capsys.readouterr().out
    assert "on 1 test example," in out and "±" not in out
    assert found["gaussian"]["elbo"]["se"] is None


def test_refits_of_the_same_weights_and_examples_stay(runs, capsys):
    refits(runs / "noisy", "--noise", "gaussian")
    found = refits(runs / "noisy", "--noise", "mixture(3)")
    assert {"gaussian", "mixture(3)"} < set(found)
    found, out = (
        refits(runs / "noisy", "--noise", "mixture(2)", "--n", "50"),
        capsys.readouterr().out,
    )
    assert "dropped, as of other weights or examples: gaussian, mixture(3)" in out
    assert set(found) == {"gaussian(0.3) (as trained)", "mixture(2)"}


def test_gains_stand_beside_bounds_and_choose_the_components(runs, capsys):
    rows = refits(runs / "noisy", "--noise", "gaussian", "--components", "4")
    out = capsys.readouterr().out
    own = rows["gaussian(0.3) (as trained)"]
    assert set(rows) == {
        "gaussian(0.3) (as trained)",
        "gaussian",
        *(f"mixture({k})" for k in (2, 3, 4)),
    }
    for name in rows.keys() - {"gaussian(0.3) (as trained)"}:
        gain, difference = rows[name]["gain"], rows[name]["elbo"]["value"] - own["elbo"]["value"]
        assert gain["value"] == pytest.approx(difference)  # as the bounds beside it say
        assert gain["se"] > 0 and gain["n"] == 180
    (best,) = (name for name, row in rows.items() if row.get("chosen"))
    ahead = max(row["gain"]["value"] for row in rows.values() if "gain" in row)
    assert rows[best]["gain"]["value"] > ahead - 0.5
    assert "^ the fewest components within a standard error of the best" in out and "gain" in out
    again = refits(runs / "noisy", "--noise", "gaussian")  # the choice is among all there are
    assert [name for name, row in again.items() if row.get("chosen")] == [best]
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["refit", str(runs / "noisy"), "--components", "1"])
    assert "components, of the largest mixture, must be 2 to 100, got 1" in capsys.readouterr().err


def test_a_mixture_that_is_known_is_chosen():
    data = known_noise([0.05, 0.3], [0.7, 0.3], 1500)
    model = vae(entries=12, text="gaussian(sigma=0.9)")
    squares = information.residuals(model, data)
    assert len(squares)
    fitted = information.refit(model, data, "mixture(2)")
    again = information.with_noise(model, fitted.likelihood.noise())
    z = torch.randn(3, 5, 2)
    x = torch.rand(5, 12)
    torch.testing.assert_close(again.likelihood(z).log_prob(x), fitted.likelihood(z).log_prob(x))
    gains = information.noise_gains(model, {"two": fitted, "own": model}, data)
    assert float(gains["own"].abs().max()) == 0 and float(gains["two"].mean()) > 1
    with pytest.raises(VaekitError, match="not σ² and π of Gaussian noise"):
        information.with_noise(model, {"noise_share_0": 1.0})


def test_refits_stand_on_the_pages(runs, capsys):
    for name in ("noisy", "grey"):
        refits(runs / name, "--noise", "gaussian", "--noise", "mixture(2)")
    main(["report", str(runs / "noisy")])
    page = (runs / "noisy" / "report.html").read_text(encoding="utf-8")
    assert "Other noise models" in page and "which pixels of 8 items belong" in page
    main(["compare", str(runs / "noisy"), str(runs / "grey"), "--out", str(runs / "c.html")])
    page = (runs / "c.html").read_text(encoding="utf-8")
    assert page.count("mixture(2)") >= 2 and "Other noise models" in page
    assert "which pixels belong to which component" in page
    capsys.readouterr()


@pytest.mark.parametrize("kind", ["gaussian(sigma=0.3, learned=average)", "mixture(2)"])
def test_a_ragged_batch_counts_by_its_size(kind):
    """With a slow decay every example weighs alike, whichever batch it was in."""
    text = kind[:-1] + ", decay=0.999)"
    whole, ragged = vae(text=text), vae(text=text)
    torch.manual_seed(0)
    x = torch.rand(110, 6)
    with torch.no_grad():
        ragged.likelihood.set_batch(100)
        for part in (x[:100], x[100:]):
            p = ragged.likelihood(torch.zeros(1, len(part), 2))
            ragged.likelihood.maximise(part, p)
        one = (x[:100] - p.mean[0, :1]).square().mean()
        two = (x[100:] - p.mean[0, :1]).square().mean()
        whole.likelihood.maximise(x, whole.likelihood(torch.zeros(1, 110, 2)))
    assert not torch.isclose(one, two, rtol=0.01)

    def variance(model):
        noise = model.likelihood.noise()
        if "noise_variance" in noise:
            return noise["noise_variance"]
        return sum(noise[f"noise_variance_{k}"] * noise[f"noise_share_{k}"] for k in range(2))

    wanted = float((100 * one + 10 * two) / 110)
    if "mixture" not in kind:
        assert variance(ragged) == pytest.approx(wanted, rel=1e-3)
    assert variance(ragged) == pytest.approx(variance(whole), rel=0.05)
