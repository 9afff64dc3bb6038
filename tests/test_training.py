import copy
import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from parts import noise_model, same, small, small_arguments, theta, vae, weights
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from vaekit import recipes
from vaekit.apply import condition_of, encode, reconstruct, sample
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.objectives import KL, Distortion, Term
from vaekit.posteriors import Dirac
from vaekit.runs import Config, Run
from vaekit.runs import train as train_run
from vaekit.schedules import Cyclical, Linear, Progress, weight, weight_at
from vaekit.training import NotFinite, Training, checkpoint, fit
from vaekit.training.loop import Fit
from vaekit.training.optimisers import Adam
from vaekit.training.state import save_weights

X = torch.rand(47, 6, generator=torch.Generator().manual_seed(5))
DATA = Dataset.from_array(X)
QUICK = Training(epochs=3, batch=10, lr=0.01, device="cpu")


def elbo():
    return Distortion() + Cyclical(0, 2, epochs=2, cycles=2) * KL()


def train(model, data=DATA, training=QUICK, objective=None) -> Fit:
    going = fit(model, objective or elbo(), data, training)
    for _ in going:
        pass
    return going


# ---- seeds


def test_same_seed_same_weights():
    a, b = vae(), vae()
    train(a)
    torch.rand(17)  # what was drawn before does not matter
    train(b)
    assert same(weights(a), weights(b))
    other = vae()
    train(other, training=Training(epochs=3, batch=10, lr=0.01, device="cpu", seed=1))
    assert not same(weights(a), weights(other))


def test_looking_changes_nothing():
    a, b = vae(), vae()
    train(a)
    for now in fit(b, elbo(), DATA, QUICK):
        now.means()
        assert now.progress.step == now.step
    assert same(weights(a), weights(b))


def test_adam_by_hand():
    """One step of the loop is one step of Adam on the weighted sum of the terms."""
    model, twin = vae(), vae()
    training = Training(epochs=1, batch=47, lr=0.01, device="cpu")
    going = fit(model, Distortion() + 3.0 * KL(), DATA, training)
    noise = torch.get_rng_state()
    next(iter(going))
    optimiser = torch.optim.Adam(twin.parameters(), lr=0.01)
    torch.set_rng_state(noise)
    order = torch.randperm(47, generator=torch.Generator().manual_seed(0))
    run = twin(X[order])
    (Distortion()(run) + 3 * KL()(run)).backward()
    optimiser.step()
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_our_adam_is_pytorchs(weight_decay):
    """Bit for bit, also where a weight has no gradient for a while, and after taking over."""

    def net():
        torch.manual_seed(0)
        conv = torch.nn.Conv2d(2, 3, 4).to(memory_format=torch.channels_last)
        return torch.nn.Sequential(conv, torch.nn.Flatten(), torch.nn.Linear(3, 2))

    training = Training(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=weight_decay)
    mine, theirs = net(), net()
    ours = Adam(mine, training, torch.device("cpu"))
    reference = torch.optim.Adam(
        theirs.parameters(), 0.01, (0.8, 0.95), weight_decay=weight_decay, fused=True
    )
    for step in range(12):
        x = torch.randn(5, 2, 4, 4)
        ours.clear()
        reference.zero_grad()
        for model in (mine, theirs):
            (model[:2] if 3 <= step < 6 else model)(x).square().sum().backward()
        ours.advance()
        reference.step()
        if step == 8:
            ours.load_state_dict(copy.deepcopy(reference.state_dict()))
        assert same(mine.state_dict(), theirs.state_dict()), step
    assert {int(s["step"]) for s in ours.state.values()} == {9, 12}


# ---- held against PyTorch, and against principal components


def plain_vae(channels: int, sizes: tuple[int, int, int], hidden: int, latent: int, leak: float):
    """Build conv(8, 6, hidden=[hidden]) of plain modules: contiguous, nothing in place."""
    big, middle, small_ = sizes

    def rise():
        return nn.LeakyReLU(0.2) if leak else nn.ReLU()

    def up(before: int, after: int, size: int, to: int):
        extra = to - ((size - 1) * 2 - 2 + 4)
        return nn.ConvTranspose2d(before, after, 4, 2, 1, output_padding=extra)

    encoder = nn.Sequential(
        *(nn.Conv2d(channels, 8, 4, 2, 1), rise(), nn.Conv2d(8, 6, 4, 2, 1), rise()),
        *(nn.Flatten(), nn.Linear(6 * small_**2, hidden), rise(), nn.Linear(hidden, 2 * latent)),
    )
    decoder = nn.Sequential(
        *(nn.Linear(latent, hidden), rise(), nn.Linear(hidden, 6 * small_**2), rise()),
        *(nn.Unflatten(1, (6, small_, small_)), up(6, 8, small_, middle), rise()),
        up(8, channels, middle, big),
    )
    return encoder, decoder


@pytest.mark.parametrize(
    ("sizes", "activation"), [((16, 8, 4), "relu"), ((14, 7, 3), "leaky_relu")], ids=str
)
def test_conv_training_is_plain_pytorchs(sizes, activation):
    """Channels last, rectified in place, biases apart, an Adam of our own: the same mathematics."""
    images = torch.rand(50, 2, sizes[0], sizes[0], generator=torch.Generator().manual_seed(1)) / 5
    torch.manual_seed(0)
    model, objective = recipes.beta_vae(
        images.shape[1:], 3, 2.0, f"conv(8, 6, hidden=[20], activation={activation})"
    )
    encoder, decoder = plain_vae(2, sizes, 20, 3, 0.2 if activation == "leaky_relu" else 0.0)
    for mine, theirs in ((model.posterior, encoder), (model.likelihood, decoder)):
        with torch.no_grad():
            for p, q in zip(theirs.parameters(), mine.parameters(), strict=True):
                p.copy_(q)
                assert p.is_contiguous()
    training = Training(epochs=4, batch=10, lr=0.01, device="cpu")
    ours = []
    for now in fit(model, objective, Dataset.from_array(images), training):
        means = now.means()
        ours.append((means["distortion"], means["kl"]))

    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
    theirs, noise = [], torch.Generator().manual_seed(1)
    for epoch in range(4):
        order = torch.randperm(50, generator=torch.Generator().manual_seed(epoch))
        for rows in order.split(10):
            x = images[rows]
            mean, log_variance = encoder(x).chunk(2, 1)
            z = mean + torch.randn(1, 10, 3, generator=noise)[0] * (0.5 * log_variance).exp()
            distortion = nn.functional.binary_cross_entropy_with_logits(
                decoder(z), x, reduction="sum"
            )
            rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
            optimiser.zero_grad()
            ((distortion + 2 * rate) / 10).backward()
            optimiser.step()
            theirs.append((distortion.item() / 10, rate.item() / 10))
    assert len(ours) == len(theirs) == 20
    assert theirs[-1][0] < 0.8 * theirs[0][0]  # something was learned
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("centre", [0.0, 1.0])
def test_a_linear_autoencoder_finds_the_principal_components(centre):
    """Baldi & Hornik 1989: it reaches the error of PCA, and its decoder spans the same space."""
    seeded = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(12, 12, generator=seeded)).Q
    x = torch.randn(500, 12, generator=seeded) * 0.75 ** torch.arange(12) @ turn.T + centre
    _, s, axes = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    least = float((s[3:] ** 2).sum()) / 500
    torch.manual_seed(0)
    model, objective = recipes.ae((12,), 3, "mlp()")
    going = fit(model, objective, Dataset.from_array(x), Training(2000, 500, 0.01, device="cpu"))
    for _ in going:
        pass
    error = float(((reconstruct(model, x) - x) ** 2).sum(1).mean())
    assert least * (1 - 1e-5) < error < 1.01 * least
    decoder = model.likelihood.network[0].weight.detach()  # (12, 3)
    cosines = torch.linalg.svdvals(axes[:3] @ torch.linalg.qr(decoder).Q)
    assert float(cosines.min()) > math.cos(math.radians(2))


# ---- every recipe

CASES = {
    "images": ("digits", "mlp(16)"),
    "images by conv": ("digits", "conv(4, 6, hidden=[8])"),
    "vectors": (None, "mlp(16)"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_trains_and_is_read_back(name, case, tmp_path):
    data, network = CASES[case]
    if data is None:
        np.savez(tmp_path / "x.npz", x=X.repeat(3, 1).numpy(), y=np.arange(141) % 4)
        data = f"array('{tmp_path / 'x.npz'}')"
    arguments = small_arguments(name, latent=5, network=network)
    batch = 500 if case != "vectors" else 42
    config = Config(name, arguments, data, Training(epochs=1, batch=batch, lr=0.01, device="cpu"))
    run = train_run(config, tmp_path / "run")
    assert run.config.notes["step"] == 3
    assert all(math.isfinite(v) for row in run.history for v in row.values())

    splits, again = run.data, Run(tmp_path / "run")
    system = run.config.build(splits.train.shape)  # with what the data told: the same in memory
    before = weights(system.model)
    for _ in fit(*system, splits.train, config.training):
        pass
    after, rows = weights(system.model), torch.arange(20)
    learned = {key for key in before if not torch.equal(before[key], after[key])}
    averages = {  # of noise, and of a codebook
        f"{part}.{key}"
        for part in ("likelihood", "posterior")
        for key, _ in getattr(system.model, part).named_buffers(recurse=False)
    }
    assert learned - averages == {key for key, _ in system.model.named_parameters()}
    x, c = splits.test.batch(rows[:10]), condition_of(system.model, splits.test, rows[:10])
    assert torch.equal(encode(again.model, x, c), encode(system.model, x, c))
    assert torch.equal(reconstruct(again.model, x, c), reconstruct(system.model, x, c))
    if system.model.prior is not None:
        assert torch.equal(sample(again.model, 10, c), sample(system.model, 10, c))


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_at_its_smallest(name):
    """One latent, one example a step, and all examples alike; some need a pair."""
    data = Dataset.from_array(torch.full((3, 4), 0.5), [0, 0, 0])
    arguments = small_arguments(name, latent=1, network="mlp(2)")
    recipe = recipes.find(name)
    torch.manual_seed(0)
    system = recipe.make((4,), **recipe.complete(arguments, data))
    by_pairs = ("beta_tcvae", "isa_tcvae", "info_vae", "wae_mmd", "vimae_n", "vimae_l")
    batch = 2 if name in by_pairs else 1
    going = fit(*system, data, Training(epochs=2, batch=batch, device="cpu"))
    for _ in going:
        assert all(math.isfinite(v) for v in going.means().values())
    assert going.step == 2 * (3 // batch)


# ---- means


class Count(Term):
    """Say the number of the step, which makes means easy."""

    name = "count"

    def __init__(self):
        self.step = 0

    def __call__(self, run):
        self.step += 1
        return torch.tensor(float(self.step))


def test_means_are_of_the_steps_since_the_last_call():
    going = fit(
        vae(), Distortion() + 0.0 * Count(), DATA, Training(epochs=75, batch=10, device="cpu")
    )
    looked, found = [], []
    for now in going:
        if now.step in (1, 4, 5, 250, 300):  # across the folding at every 100 steps too
            looked.append(now.step)
            found.append(now.means()["count"])
    expected = [
        sum(range(a + 1, b + 1)) / (b - a) for a, b in zip([0, *looked], looked, strict=False)
    ]
    assert going.steps == 300
    assert found == pytest.approx(expected)


def test_means_equal_the_terms():
    model = vae()
    seen: list[float] = []

    class Spy(Distortion):
        def __call__(self, run):
            value = super().__call__(run)
            seen.append(value.item())
            return value

    going = train(model, objective=Spy() + 1.0 * KL())
    means = going.means()
    assert means["distortion"] == pytest.approx(sum(seen) / len(seen), rel=1e-6)
    assert list(means) == ["distortion", "kl"]
    with pytest.raises(VaekitError, match="needs a step"):
        going.means()


# ---- not finite


class Broken(Term):
    name = "broken"

    def __init__(self, when: int, value: float):
        self.calls, self.when, self.value = 0, when, value

    def __call__(self, run):
        self.calls += 1
        return torch.tensor(self.value if self.calls >= self.when else 1.0)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("when", [1, 7, 12])
def test_not_finite_names_step_and_term(when, value):
    cure = "no weight was changed before" if when == 1 else "smaller lr"
    with pytest.raises(
        NotFinite, match=rf"broken is -?(inf|nan) at step {when}\b.*{cure}"
    ) as caught:
        train(vae(), objective=Distortion() + 0.0 * Broken(when, value))
    assert (caught.value.step, caught.value.term) == (when, "broken")


def test_a_huge_rate_of_learning_is_stopped():
    wild = Training(epochs=50, batch=10, lr=1e30, device="cpu")
    with pytest.raises(NotFinite, match="at step") as caught:
        train(vae(), training=wild, objective=Distortion() + 1.0 * KL())
    assert caught.value.term in ("distortion", "kl")


def test_nan_from_a_loader_is_stopped():
    """What was shown is blamed, and not the loss that came of it."""
    x = X.clone()
    x[40, 3] = math.nan
    with pytest.raises(VaekitError, match="batch 5 of epoch 1 of the DataLoader holds NaN"):
        train(vae(), DataLoader(TensorDataset(x), batch_size=10))


# ---- data


def test_the_ragged_batch_is_dropped():
    sizes = []

    class Spy(Distortion):
        def __call__(self, run):
            sizes.append(len(run.x))
            return super().__call__(run)

    going = train(vae(), objective=1.0 * Spy())
    assert sizes == [10] * 12
    assert (going.steps, going.epoch) == (12, 3)


def test_an_epoch_shows_no_example_twice_and_all_in_time():
    seen = []

    class Spy(Distortion):
        def __call__(self, run):
            seen.append(run.x)
            return super().__call__(run)

    train(vae(), objective=1.0 * Spy(), training=Training(epochs=20, batch=10, device="cpu"))
    for epoch in range(20):
        rows = torch.cat(seen[4 * epoch : 4 * epoch + 4])
        assert len(rows.unique(dim=0)) == 40
    assert len(torch.cat(seen).unique(dim=0)) == 47
    assert not torch.equal(seen[0], seen[4])


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(VaekitError, match=r"batch of 48 is larger.*47 examples.*set batch to 47"):
        fit(vae(), elbo(), DATA, Training(batch=48, device="cpu"))


def test_too_long_a_schedule_is_refused():
    with pytest.raises(VaekitError, match="ends after 16 steps, but training has only 12"):
        fit(vae(), Distortion() + Linear(0, 1, epochs=4) * KL(), DATA, QUICK)


def test_data_outside_the_support_are_refused():
    with pytest.raises(VaekitError, match=r"needs data in \[0, 1\].*spans.*squared_error"):
        fit(vae(), elbo(), Dataset.from_array(X * 3), QUICK)
    train(vae(text="squared_error"), Dataset.from_array(X * 3))


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch": 0},
        {"lr": 0.0},
        {"lr": math.inf},
        {"lr": math.nan},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"weight_decay": -1.0},
        {"seed": -1},
        {"precision": "fp8"},
        {"processes": 0},
        {"batch": 5, "processes": 2},
    ],
    ids=str,
)
def test_settings_out_of_range(values):
    with pytest.raises(
        VaekitError, match=next(reversed(values)) if "processes" not in values else "process"
    ):
        Training(**values)


@pytest.mark.parametrize(
    ("device", "cause"),
    [
        ("tpu", "unknown device"),
        ("cpu:3", "cpu takes no number"),
        ("cuda:99", "CUDA|no device"),
        ("cpu:x", "cpu takes no number"),
    ],
)
def test_devices_that_are_not_there(device, cause):
    with pytest.raises(VaekitError, match=cause):
        fit(vae(), elbo(), DATA, Training(batch=10, device=device))


# ---- loaders


def loaders(shuffled: bool = True) -> dict[str, DataLoader]:
    def own():
        return torch.Generator().manual_seed(3)

    return {
        "tensors": DataLoader(X, batch_size=10, shuffle=shuffled),
        "tuples": DataLoader(TensorDataset(X, torch.arange(47)), batch_size=10, shuffle=shuffled),
        "uint8": DataLoader(TensorDataset((X > 0.5).byte()), batch_size=10, shuffle=shuffled),
        "dropped": DataLoader(X, batch_size=10, shuffle=shuffled, drop_last=True),
        "float64": DataLoader(X.double(), batch_size=10),
        "own generator": DataLoader(X, batch_size=10, shuffle=True, generator=own()),
        "own generator, no rest": DataLoader(X[:40], batch_size=10, shuffle=True, generator=own()),
        "own generator, dropped": DataLoader(
            X, batch_size=10, shuffle=True, generator=own(), drop_last=True
        ),
        "augmented": DataLoader(Augmented(), batch_size=10, shuffle=True),
        "augmented, own generator": DataLoader(
            Augmented(), batch_size=10, shuffle=True, generator=own()
        ),
    }


class Augmented(TorchDataset):
    """Draw noise for every example from the default generator."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return (X[index] + 0.1 * torch.rand(6)).clamp(0, 1)


@pytest.mark.parametrize("name", loaders())
def test_loaders_train(name):
    loader, model = loaders()[name], vae()
    before = weights(model)
    going = train(model, loader)
    assert going.steps == 3 * len(loader) == going.step
    assert not same(before, weights(model))


def test_a_loader_of_bytes_equals_one_of_floats():
    bytes_ = (X * 255).to(torch.uint8).view(-1, 1, 2, 3)
    found = []
    for x in (bytes_, bytes_.long(), bytes_.float() / 255):
        torch.manual_seed(0)
        model, objective = recipes.vae((1, 2, 3), latent=2, network="mlp(16)")
        train(model, DataLoader(TensorDataset(x), batch_size=10), objective=objective)
        found.append(weights(model))
    assert same(found[0], found[2]) and same(found[1], found[2])


def test_loaders_that_do_not_serve():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(X)

    with pytest.raises(VaekitError, match="needs a length"):
        fit(vae(), elbo(), DataLoader(Stream(), batch_size=10), QUICK)
    with pytest.raises(VaekitError, match="is empty"):
        fit(vae(), elbo(), DataLoader(X, batch_size=100, drop_last=True), QUICK)


def test_a_loader_that_gives_less_than_it_says():
    class Liar(torch.utils.data.IterableDataset):
        def __len__(self):
            return 100

        def __iter__(self):
            return iter(X)

    with pytest.raises(VaekitError, match="gave 5 batches, but says it has 10"):
        train(vae(), DataLoader(Liar(), batch_size=10))


def test_a_table_trains():
    """Vectors (N, D), not in [0, 1], as tables are."""
    rows = theta(1, 200, 6)[0].float()
    rows[:, 3:] = rows[:, :3] * 2
    for data in (Dataset.from_array(rows), DataLoader(rows, batch_size=20, shuffle=True)):
        model = vae(text="squared_error")
        training = Training(epochs=30, batch=20, lr=0.01, device="cpu")
        curve = [now.means()["distortion"] for now in fit(model, elbo(), data, training)]
        assert sum(curve[-10:]) < sum(curve[:10])


# ---- resuming


def resumed(data, at: int, path, training=QUICK, **options) -> dict:
    """Train to step `at`, save, and go on in new objects from the file."""
    first = fit(vae(**options), elbo(), data(), training)
    for now in first:
        if now.step == at:
            checkpoint.save_checkpoint(first, path)
            break
    torch.rand(100)
    second = fit(vae(seed=9, **options), elbo(), data(), training)
    checkpoint.load_checkpoint(second, path)
    assert second.step == at
    for _ in second:
        pass
    return weights(second.parts)


@pytest.mark.filterwarnings("ignore:this processor")  # does not compute in bf16
@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("at", [1, 3, 4, 5, 8, 11, 12])
def test_a_resumed_fit_ends_in_the_same_bits(at, precision, tmp_path):
    training = Training(epochs=3, batch=10, lr=0.01, device="cpu", precision=precision)
    whole = train(vae(), training=training)
    assert same(
        weights(whole.parts), resumed(lambda: DATA, at, tmp_path / "c.safetensors", training)
    )


def test_a_resumed_conv_fit_ends_in_the_same_bits(tmp_path):
    """Its kernels lie channels last in memory, which a file does not keep."""
    images = Dataset.from_array(torch.rand(40, 2, 16, 16))
    training = Training(epochs=3, batch=10, lr=0.01, device="cpu")

    def begun():
        torch.manual_seed(0)
        model, objective = recipes.vae(images.shape, 3, "conv(8,8)")
        return fit(model, objective, images, training)

    whole = begun()
    for _ in whole:
        pass
    half = begun()
    for now in half:
        if now.step == 6:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    again = begun()
    checkpoint.load_checkpoint(again, tmp_path / "c")
    for _ in again:
        pass
    assert same(weights(whole.parts), weights(again.parts))


@pytest.mark.parametrize("at", [1, 3, 4, 5, 8, 9])
@pytest.mark.parametrize("name", loaders())
def test_a_resumed_loader_ends_in_the_same_bits(name, at, tmp_path):
    whole = train(vae(), loaders()[name])
    found = resumed(lambda: loaders()[name], at, tmp_path / "c.safetensors")
    assert same(weights(whole.parts), found)


@pytest.mark.parametrize("at", [3, 4, 5])
def test_a_resumed_loader_with_workers(at, tmp_path):
    def loader():
        own = torch.Generator().manual_seed(3)
        return DataLoader(X, batch_size=10, shuffle=True, generator=own, num_workers=1)

    training = Training(epochs=2, batch=10, lr=0.01, device="cpu")
    whole = train(vae(), loader(), training)
    assert same(weights(whole.parts), resumed(loader, at, tmp_path / "c.safetensors", training))


def test_a_resumed_fit_keeps_the_state_of_batch_norm(tmp_path):
    def model():
        return Model(
            Dirac(torch.nn.Sequential(torch.nn.Linear(6, 2), torch.nn.BatchNorm1d(2)), 2),
            noise_model("squared_error", small(), (6,), 2),
        )

    torch.manual_seed(0)
    a = model()
    torch.manual_seed(0)
    b = model()
    whole = train(a, objective=Distortion())
    half = fit(b, Distortion(), DATA, QUICK)
    for now in half:
        if now.step == 7:
            checkpoint.save_checkpoint(half, tmp_path / "c")
            break
    again = fit(model(), Distortion(), DATA, QUICK)
    checkpoint.load_checkpoint(again, tmp_path / "c")
    for _ in again:
        pass
    assert same(weights(whole.parts), weights(again.parts))


# ---- checkpoints that do not serve


@pytest.fixture
def saved(tmp_path):
    going = fit(vae(), elbo(), DATA, QUICK)
    for now in going:
        if now.step == 5:
            break
    checkpoint.save_checkpoint(going, tmp_path / "c.safetensors")
    return tmp_path / "c.safetensors"


def load(path, model=None):
    checkpoint.load_checkpoint(fit(model or vae(), elbo(), DATA, QUICK), path)


def test_nothing_is_left_beside_a_checkpoint(saved):
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_missing_checkpoint(saved):
    with pytest.raises(VaekitError, match="there is no file"):
        load(saved.parent / "other")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_checkpoint(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(VaekitError, match=r"cannot read.*damaged"):
        load(saved)


def test_a_file_of_another_kind(saved):
    saved.write_bytes(b"\x80\x04" + b"pickle" * 100)
    with pytest.raises(VaekitError, match="damaged or of another kind"):
        load(saved)


@pytest.mark.parametrize("latent", [1, 3])
def test_a_checkpoint_of_another_model(saved, latent):
    with pytest.raises(VaekitError, match="checkpoint of another model"):
        load(saved, vae(latent=latent))


def test_weights_alone_are_no_checkpoint(tmp_path):
    save_weights(vae(), tmp_path / "model.safetensors")
    with pytest.raises(VaekitError, match="no checkpoint"):
        load(tmp_path / "model.safetensors")


def test_a_checkpoint_of_more_processes(saved):
    tensors = load_file(saved)
    twice = {k: torch.cat([v, v]) if k.startswith("random.") else v for k, v in tensors.items()}
    save_file(twice, saved, {"format": checkpoint.FORMAT, "step": "5"})
    with pytest.raises(VaekitError, match="written by 2 processes"):
        load(saved)


def test_a_checkpoint_from_a_gpu_is_read_on_a_cpu(saved):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU: the test is of one that has none")
    tensors = load_file(saved)
    more = {f"random.{w}.cuda": torch.zeros(1, 16, dtype=torch.uint8) for w in ("now", "epoch")}
    save_file(tensors | more, saved, {"format": checkpoint.FORMAT, "step": "5"})
    load(saved)


def test_training_works_where_nobody_looks():
    """As a program of a user: the README's loop in a fresh interpreter."""
    code = """
        import torch
        from vaekit.data import Dataset
        from vaekit.recipes import vae
        from vaekit.training import Training, fit
        model, objective = vae((6,), latent=2, network="mlp(8)")
        data = Dataset.from_array(torch.rand(50, 6))
        for now in fit(model, objective, data, Training(epochs=2, batch=10, device="cpu")):
            pass
        print(now.step, sorted(now.means()))
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("10 ['distortion', 'kl']\n", "")


# ---- what was minimised


@pytest.mark.parametrize("schedule", ["linear(0, 20, epochs=1)", "cyclical(0, 20, cycles=3)", 4.0])
def test_the_objective_is_what_was_minimised(schedule):
    """Under a schedule every step has its own weight; the mean is over the steps' own sums."""
    going = fit(vae(), Distortion() + weight(schedule) * KL(), DATA, QUICK)
    sums, used = [], []
    for now in going:
        used.append(weight_at(weight(schedule), Progress(now.step - 1, now.steps, 4)))
        found = now.interval()
        sums.append(found.means["distortion"] + used[-1] * found.means["kl"])
        assert found.objective == pytest.approx(sums[-1], rel=1e-5)
        assert found.weights == pytest.approx({"distortion": 1.0, "kl": used[-1]})
    whole = fit(vae(), Distortion() + weight(schedule) * KL(), DATA, QUICK)
    for _ in whole:
        pass
    found = whole.interval()
    assert found.objective == pytest.approx(sum(sums) / len(sums), rel=1e-5)
    assert found.weights["kl"] == pytest.approx(sum(used) / len(used), rel=1e-5)
