"""Diagnostics on models whose answers are known."""

import math

import pytest
import torch
from torch import nn

from vaekit.apply import sample_rows
from vaekit.corruptions import Custom, GaussianNoise, Masking
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.information import diagnose
from vaekit.information import diagnostics as measure
from vaekit.likelihoods import squared_error
from vaekit.model import Model
from vaekit.objectives import Contractive, Distortion, Objective, Sparsity
from vaekit.posteriors import Dirac, TopK

ALL = torch.arange(60)
PLAIN = Objective([(1.0, Distortion())])


def vectors(width: int = 5, n: int = 60) -> Dataset:
    x = torch.rand(n, width, generator=torch.Generator().manual_seed(0))
    return Dataset(x, name="uniform")


def linear(weight: torch.Tensor, bias: torch.Tensor | None = None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
    return layer


def coded(network: nn.Module, latent: int, width: int = 5, corruption=None) -> Model:
    decoder = nn.Linear(latent, width)
    return Model(Dirac(network, latent), squared_error(decoder), corruption=corruption)


def identity(width: int, corruption=None) -> Model:
    eye = torch.eye(width)
    return Model(Dirac(linear(eye), width), squared_error(linear(eye)), corruption=corruption)


def test_mean_activations_of_units_that_ignore_their_input():
    wanted = torch.tensor([0.5, 0.05, 1e-4, 0.9])
    bias = (wanted / (1 - wanted)).log()
    network = nn.Sequential(linear(torch.zeros(4, 5), bias), nn.Sigmoid())
    objective = Distortion() + 3.0 * Sparsity(rho=0.05)
    found = diagnose(coded(network, 4), objective, vectors())
    assert found["mean_activation"]["value"] == pytest.approx(float(wanted.mean()))
    assert found["activation_gap"]["value"] == pytest.approx(0.85)
    assert found["dead_units"]["value"] == 0.25
    assert {v["n"] for v in found.values()} == {60}


def test_activations_are_those_of_the_layers_that_are_penalised():
    network = nn.Sequential(nn.Linear(5, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid())
    penalty, model, data = Sparsity(0.1, (network[1], network[3])), coded(network, 2), vectors()
    found = measure.mean_activations(model, penalty, data, ALL)
    with torch.no_grad():
        hidden = network[:2](data.images).double().mean(0)
    assert [len(layer) for layer in found] == [3, 2]
    assert torch.allclose(found[0], hidden, atol=1e-6)
    assert "of 2 layers" in diagnose(model, Distortion() + penalty, data)["dead_units"]["estimator"]


def test_units_that_are_never_among_the_largest_are_unused():
    bias = torch.tensor([9.0, 8.0, 0.0, -1.0])
    posterior = TopK(linear(torch.zeros(4, 5), bias), 4, k=2)
    model = Model(posterior, squared_error(nn.Linear(4, 5)))
    assert measure.use(model, vectors(), ALL).tolist() == [1, 1, 0, 0]
    assert diagnose(model, PLAIN, vectors())["unused_units"]["value"] == 0.5


@pytest.mark.parametrize("latent", [3, 5, 8])
def test_the_spectrum_of_a_linear_encoder_is_that_of_its_matrix(latent):
    weight = torch.randn(latent, 5, generator=torch.Generator().manual_seed(1))
    model = coded(linear(weight), latent)
    found = measure.spectra(model, vectors(), ALL)
    known = torch.linalg.svdvals(weight.double())
    assert found.shape == (60, min(latent, 5))
    assert torch.allclose(found, known.expand_as(found), atol=1e-6)
    number = diagnose(model, Distortion() + 0.1 * Contractive(), vectors())["jacobian_norm"]
    assert number["value"] == pytest.approx(float(weight.norm()), rel=1e-6)
    assert number["se"] == pytest.approx(0, abs=1e-6)


def test_the_spectrum_of_a_sigmoid_layer_by_hand_and_in_chunks(monkeypatch):
    layer, data = nn.Linear(5, 3), vectors()
    model = coded(nn.Sequential(layer, nn.Sigmoid()), 3)
    with torch.no_grad():
        h = layer(data.images).sigmoid()
        known = torch.linalg.svdvals((h * (1 - h))[:, :, None] * layer.weight)
    assert torch.allclose(measure.spectra(model, data, ALL).float(), known, atol=1e-5)
    monkeypatch.setattr(measure, "_JACOBIAN_ENTRIES", 7 * 15)
    assert torch.allclose(measure.spectra(model, data, ALL).float(), known, atol=1e-5)


def test_a_constant_error_has_its_psnr():
    images = torch.zeros(20, 1, 4, 4, dtype=torch.uint8)
    data = Dataset(images, name="black")
    squared = torch.full((20,), 0.01 * 16)  # every pixel is wrong by 0.1
    assert measure.psnr(squared, data) == pytest.approx(20)
    assert measure.psnr(torch.zeros(20), data) == math.inf
    wide = Dataset(torch.tensor([-5.0, 5.0]).repeat(20, 8), name="range 10")
    assert measure.psnr(squared, wide) == pytest.approx(40)


def test_a_model_that_keeps_its_input_denoises_nothing():
    corruption = Custom(lambda x: x + 0.1)
    found = diagnose(identity(5, corruption), PLAIN, vectors())
    assert found["corrupted_squared_error"]["value"] == pytest.approx(0.05, rel=1e-5)
    assert found["denoised_squared_error"]["value"] == pytest.approx(0.05, rel=1e-5)
    assert "level" not in found["denoised_squared_error"]["estimator"]
    assert not any("psnr" in name for name in found)  # of a table it would mean little


def test_noise_has_its_variance_at_every_level_and_a_mask_its_share():
    data, model = vectors(40, n=500), identity(40)
    rows = torch.arange(500)
    for kind in measure.levels(GaussianNoise(0.4)):
        found = measure.denoise(model, data, rows, kind)
        assert float(found.before.mean()) == pytest.approx(40 * kind.level**2, rel=0.03, abs=1e-9)
    masked = measure.denoise(model, data, rows, Masking(1.0))
    assert torch.allclose(masked.before, data.images.double().square().sum(1))


def test_levels_reach_to_twice_the_trained_one_and_not_beyond_what_is_possible():
    assert [k.level for k in measure.levels(GaussianNoise(0.4))] == pytest.approx(
        [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8]
    )
    assert max(k.level for k in measure.levels(Masking(0.6))) == pytest.approx(0.9)
    assert [k.level for k in measure.levels(Masking(0.0))] == [0.0]
    assert len(measure.levels(Custom(lambda x: x))) == 1


def test_no_part_no_number():
    assert diagnose(identity(5), PLAIN, vectors()) == {}


def test_numbers_are_the_same_each_time_and_leave_no_trace():
    model = identity(5, GaussianNoise(0.3)).train()
    objective = Distortion() + 0.1 * Contractive()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = diagnose(model, objective, vectors(), n=40)
    assert torch.equal(before, torch.get_rng_state()) and model.training
    assert first == diagnose(model, objective, vectors(), n=40)
    assert first["corrupted_squared_error"]["n"] == 40


def test_rows_are_few_and_spread():
    assert measure.evenly_spaced(1000, 3).tolist() == [0, 500, 999]
    assert measure.evenly_spaced(2, 100).tolist() == [0, 1]
    assert measure.evenly_spaced(1, 5).tolist() == [0]
    assert len(sample_rows(1000, 10).unique()) == 10


def test_errors():
    with pytest.raises(VaekitError, match="n must be"):
        diagnose(identity(5), PLAIN, vectors(), n=0)
