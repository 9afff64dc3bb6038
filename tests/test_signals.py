"""Signals: windows that do not leak into what is held out, and convolutions over time."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

import vaekit
from vaekit import data, pictures
from vaekit.data import Dataset
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.networks import networks
from vaekit.runs import Config
from vaekit.runs import train as train_run
from vaekit.training import Training

TIME = np.arange(1000.0)
TWO = np.stack([TIME, -TIME])  # each sample says where it stood


def samples(part: Dataset) -> set[float]:
    return set(part.batch(range(len(part)))[:, 0].flatten().tolist())


# ---- windows


def test_windows_are_the_recordings_samples():
    for recording in (TWO, TWO.T, TWO.astype(np.int16)):
        made = data.load(recording, holdout=0, window=64, step=48).train
        assert made.shape == (2, 1, 64)
        assert len(made) == (1000 - 64) // 48 + 1
        assert torch.equal(made.batch([3])[0, 0, 0], torch.arange(144.0, 208.0))
        assert torch.equal(made.batch([3])[0, 1, 0], -torch.arange(144.0, 208.0))
        assert made.names_of([0, 3]) == ["0", "144"]
    alone = data.load(TIME, holdout=0, window=100).train
    assert alone.shape == (1, 1, 100) and len(alone) == 10 and not alone.overlap


def test_windows_of_several_recordings_keep_their_labels(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.stack([TWO, TWO + 5000]), y=np.array([1, 0]))
    made = data.load(f"array('{tmp_path / 'x.npz'}', window=400)", holdout=0).train
    assert made.all_names() == ("0:0", "0:400", "1:0", "1:400")
    assert made.batch_labels(torch.arange(4)).tolist() == [1, 1, 0, 0]
    assert made.batch([3])[0, 0, 0, 0] == 5400
    assert set(made.files) == {"x.npz"}


@pytest.mark.parametrize(("window", "step"), [(32, 8), (32, 5), (10, 1), (30, 29), (50, 50)])
def test_what_is_held_out_shares_no_sample_with_what_is_trained_on(window, step):
    for seed in range(5):
        train, test = data.load(TWO, holdout=0.2, seed=seed, window=window, step=step)
        assert not samples(train) & samples(test)
        assert len(test) == round(0.2 * ((1000 - window) // step + 1))
        kept, validation = train.split(0.1, seed=0)  # as --validation parts what is left
        assert not samples(kept) & samples(validation)
        assert len(train) > 5 and len(kept) > 5


def test_parted_at_random_they_would_leak():
    whole = data.load(TWO, holdout=0, window=32, step=8).train
    wrong = Dataset(whole.images).split(0.2)
    assert len(samples(wrong[0]) & samples(wrong[1])) > 0.9 * len(samples(wrong[1]))


def test_stretches_lie_over_the_whole_recording():
    test = data.load(np.arange(1e5), holdout=0.2, window=64, step=32).test
    assert test.rows is not None
    ends = [b - a for a, b in pairwise(test.rows.tolist()) if b - a > 1]
    assert 5 <= len(ends) <= 9


@pytest.mark.parametrize(
    ("array", "options", "cause"),
    [
        (TWO, {"window": 2000}, "none has the 2000 of a window: give a shorter window="),
        (TIME, {"window": 2000}, "1000 samples, fewer than a window of 2000"),
        (np.ones((50, 60)), {"window": 20}, "both may be time: say layout=ct or layout=tc"),
        (TWO, {"window": 0}, "window must be ≥ 1, a whole number"),
        (TWO, {"window": 20, "step": 0}, "step must be ≥ 1, a whole number"),
        (TWO, {"window": 20.5}, "window must be"),
        (TWO, {"step": 20}, "say how long one is"),
        (TWO, {"window": 20, "layout": "nhwc"}, "layout=nhwc is of pictures"),
        (TWO, {"layout": "nct"}, r"is of arrays \(N, C, T\), got shape \(2, 1000\)"),
        (np.ones((2, 2, 2, 9)), {"window": 9}, "got shape"),
        (np.where(TWO == -7, np.nan, TWO), {"window": 9}, "first in channel 1 at sample 7: repair"),
        (np.full((3, 2, 9), np.inf), {"layout": "nct"}, "54 NaN .* signal 0, channel 0 at sample"),
        (TWO, {"window": 9, "scale": 0}, "scale must be a positive number"),
        (TWO, {"window": 500, "step": 100, "holdout": 0.5}, "none to train on.*longer step="),
    ],
)
def test_what_cannot_be_cut(array, options, cause):
    with pytest.raises(VaekitError, match=cause):
        data.load(array, **options)


def test_signals_that_are_cut_already():
    x = np.arange(60, dtype=np.int32).reshape(5, 3, 4)
    made = Dataset.from_array(x, layout="nct")
    assert made.shape == (3, 1, 4) and made.images.dtype == torch.float32
    assert made.range == (0, 59)  # no bytes
    assert torch.equal(
        Dataset.from_array(x.swapaxes(1, 2), layout="ntc", scale=2).images, made.images / 2
    )


def test_pictures_are_no_recordings():
    with pytest.raises(VaekitError, match=r"cut from signals \(C, 1, T\), got examples of \(1, 8"):
        data.windows(Dataset.from_array(torch.rand(3, 8, 8)), 4, 2)


# ---- networks


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 8])
@pytest.mark.parametrize("shape", [(2, 1, 40), (1, 1, 37), (3, 1, 131), (24,)], ids=str)
def test_any_length_comes_back_and_a_gradient_reaches_all(shape, kernel):
    torch.manual_seed(0)
    nets = networks(f"conv1d(6, 7, kernel={kernel}, hidden=[9], activation=silu)")
    encoder, decoder = nets.encoder(shape, 5), nets.decoder(3, shape)
    features, made = encoder(torch.randn(2, *shape)), decoder(torch.randn(2, 3))
    assert features.shape == (2, 5)
    assert made.shape == (2, *shape)
    (features.square().sum() + made.square().sum()).backward()
    for module in (encoder, decoder):
        for name, weight in module.named_parameters():
            assert weight.grad is not None and bool(weight.grad.any()), name


def test_rows_are_cut_into_channels():
    encoder = networks("conv1d(4, channels=3)").encoder((12,), 2)
    assert isinstance(encoder[2], nn.Conv1d) and encoder[2].in_channels == 3
    x = torch.randn(2, 12)
    torch.testing.assert_close(encoder[:2](x), x.view(2, 3, 4))


@pytest.mark.parametrize(
    ("text", "shape", "cause"),
    [
        ("conv1d(4)", (3, 8, 8), "conv1d needs signals .*network=conv"),
        ("conv1d(4, channels=5)", (12,), "no 5 signals of one length"),
        ("conv1d(4, 4, 4)", (1, 1, 4), r"4 samples cannot be halved 3 times.*conv1d\(32,64\)"),
        ("conv1d(4, kernel=0)", (1, 1, 8), "whole numbers"),
        ("conv(4)", (2, 1, 64), "use network=conv1d"),
    ],
)
def test_a_network_that_cannot_be(text, shape, cause):
    with pytest.raises(VaekitError, match=cause):
        networks(text).encoder(shape, 3)


# ---- a run


def test_a_run_of_a_recording(tmp_path):
    wave = np.stack([np.sin(TIME / 9), np.cos(TIME / 9)])
    np.save(tmp_path / "rec.npy", wave)
    config = Config(
        "vae",
        {"latent": 2, "network": "conv1d(4, 8, hidden=[])", "likelihood": "squared_error"},
        f"array('{tmp_path / 'rec.npy'}', window=32, step=8)",
        Training(epochs=8, batch=8, lr=0.02, device="cpu"),
    )
    run = train_run(config, tmp_path / "run")
    assert run.history[-1]["distortion"] < run.history[0]["distortion"]
    codes = run.encode(wave)  # side by side, whatever the step was
    assert codes.shape == (1000 // 32, 2)
    apart = wave[:, : 31 * 32].reshape(2, 31, 32).swapaxes(0, 1)
    np.testing.assert_array_equal(run.encode(apart), codes)
    np.testing.assert_array_equal(run.encode(wave.T), codes)
    np.testing.assert_array_equal(run.encode(apart[:, :, None]), codes)
    with pytest.raises(VaekitError, match="expected examples of 2 × 1 × 32"):
        run.encode(TIME)
    np.save(tmp_path / "other.npy", wave[:, :100])
    assert len(run.encode(str(tmp_path / "other.npy"))) == 3


def test_signals_are_drawn_as_curves():
    step = torch.where(torch.arange(64) < 32, 0.0, 1.0).expand(1, 1, 1, 64)
    (drawn,) = pictures.tiles(step)
    assert drawn.shape == (32, 64, 3)
    lit = (drawn == 0).all(-1)
    assert lit[31, :32].all() and lit[0, 32:].all()
    assert lit[:, 31].all() and lit.sum() == 31 + 32 + 32  # and up between two samples
    long = torch.zeros(1, 2, 1, 1000)
    long[0, 1, 0, 500] = 1.0  # a spike is seen, however many samples share a column
    (drawn,) = pictures.tiles(long)
    assert drawn.shape == (63, 125, 3)
    assert (drawn[:, 62] != 255).any(-1).all() and (drawn[0] != 255).any(-1).sum() <= 2


def test_recordings_as_in_training_are_cut_where_they_are_encoded(tmp_path):
    whole = np.random.default_rng(0).normal(size=(3, 2, 200)).astype(np.float32)
    np.save(tmp_path / "rec.npy", whole)
    given = f"array('{tmp_path / 'rec.npy'}', window=32, step=16)"
    asked = {"likelihood": "squared_error", "latent": 2, "network": "mlp(8)", "epochs": 1}
    run = vaekit.train("vae", data=given, batch=10, out=tmp_path / "r", **asked)
    assert run.encode(str(tmp_path / "rec.npy")).shape == (3 * 6, 2)
    assert run.encode(whole).shape == (3 * 6, 2)


def test_windows_are_cut_as_is_asked_and_spikes_are_scored(tmp_path):
    path = tmp_path / "rec.npy"
    whole = np.sin(np.arange(400) / 5).astype(np.float32)
    np.save(path, whole)
    asked = {"likelihood": "squared_error", "latent": 2, "network": "mlp(8)", "epochs": 1}
    given = f"array('{path}', window=32, step=16)"
    run = vaekit.train("vae", data=given, batch=10, out=tmp_path / "r", **asked)
    assert run.encode(f"array('{path}', step=1)").shape == (400 - 31, 2)
    assert np.array_equal(run.encode(given), run.encode(f"array('{path}', step=16)"))
    with pytest.raises(VaekitError, match="windows have 32 samples"):
        run.encode(f"array('{path}', window=16)")
    whole[200] = 30.0
    np.save(path, whole)
    with pytest.warns(VaekitWarning, match="1 of 12 examples, the first is 192, hold values far"):
        scores = run.score(path)
    assert scores.values["distortion"].argmax() == 6
    np.save(path, 30 * whole)
    with pytest.raises(VaekitError, match="scale them as the training data were"):
        run.score(path)
