"""The network whose features the Fréchet distance reads."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vaekit import data
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import FeatureNetwork, feature_network, features_of
from vaekit.information.scores import features
from vaekit.metrics import fid


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


@pytest.fixture(scope="module")
def made(digits):
    return feature_network(digits.train, 10, held=digits.test, size=16)


def test_it_tells_the_classes(made, digits):
    assert made.accuracy > 0.85 and not made.training
    rows = torch.arange(len(digits.test))
    right = made.logits(digits.test.batch(rows)).argmax(1) == digits.test.batch_labels(rows)
    assert right.float().mean().item() == pytest.approx(made.accuracy)
    assert made.title.startswith("conv(32, 64, hidden=[]) ")
    assert "10 epoch(s) on 1,617 of digits, seed 0" in made.title
    assert f"held-out accuracy {made.accuracy:.3f}" in made.title


def test_features(made, digits):
    found = features_of(made, digits.test)
    assert found.shape == (180, 16) and found.dtype == np.float64 and found.min() >= 0
    whole = digits.test.batch(torch.arange(180))
    assert (features_of(made, whole) == found).all()
    own = features_of(lambda x: x.flatten(1).numpy(), whole)  # a network of one's own
    assert own == pytest.approx(whole.flatten(1).numpy())


def test_the_distance_grows_with_the_harm(made, digits):
    rows = torch.randperm(1617, generator=torch.Generator().manual_seed(0))  # writers are in order
    x, labels = digits.train.batch(rows), digits.train.batch_labels(rows)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    real = features_of(made, x[:800])
    near, far = (fid(real, features_of(made, x[800:] + s * noise[800:])) for s in (0.1, 0.5))
    none = fid(real, features_of(made, x[800:]))
    assert none.shuffled is not None and none < near < far and none < none.shuffled
    assert fid(real, features_of(made, x[labels == 7])) > 10 * none


def test_the_same_seed_gives_the_same_network(made, digits):
    before = torch.get_rng_state()
    again = feature_network(digits.train, 10, held=digits.test, size=16)
    other = feature_network(digits.train, 10, seed=1, held=digits.test, size=16)
    assert again.mark == made.mark != other.mark and len(made.mark) == 8
    assert torch.equal(before, torch.get_rng_state())


def test_save_and_load(made, digits, tmp_path):
    made.save(tmp_path / "net.safetensors")
    again = FeatureNetwork.load(tmp_path / "net.safetensors")
    assert again.title == made.title and not again.training
    assert (features_of(again, digits.test) == features_of(made, digits.test)).all()
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    said = {"other": "is no feature network", "text": "cannot read", "gone": "there is no file"}
    for name, message in said.items():
        with pytest.raises(VaekitError, match=message):
            FeatureNetwork.load(tmp_path / f"{name}.safetensors")


def test_sets_of_other_kinds(digits, monkeypatch):
    table = Dataset.from_array(np.eye(4)[[0, 1, 2, 3] * 30], [0, 1, 0, 1] * 30)
    monkeypatch.setattr(features, "_STEPS", 99)
    found = feature_network(table, size=3)
    assert found.network == "mlp(128)" and found.accuracy == 1.0
    assert "50 epoch(s) on 108" in found.title  # of two batches
    plain = Dataset(digits.train.images)
    with pytest.raises(VaekitError, match=r"no labels .*: give a network of your own"):
        feature_network(plain)
    with pytest.raises(VaekitError, match="has one class"):
        feature_network(Dataset.from_array(np.eye(4), [0] * 4))
    with pytest.raises(VaekitError, match="epochs must be ≥ 1"):
        feature_network(digits.train, 0)
    with pytest.raises(VaekitError, match="diverge: bring the images near"):
        feature_network(Dataset.from_array(np.full((27, 4), 3e38), [0, 1, 0] * 9), 1)


def test_a_network_that_returns_maps(digits):
    with pytest.raises(VaekitError, match=r"to \(180, D\), got \(180, 1, 8, 8\): flatten"):
        features_of(lambda x: x, digits.test)
