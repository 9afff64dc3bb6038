"""Residual networks: any side, nearly linear at first, no example sees another."""

import pytest
import torch
from parts import small_arguments
from torch import nn

from vaekit import recipes
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.estimators import CVAE
from vaekit.networks import Resnet, networks
from vaekit.recipes import RECIPES
from vaekit.training import Training, fit

SMALL = "resnet(8, 16, groups=4)"


@pytest.mark.parametrize("size", [(4, 4), (5, 7), (31, 29), (12, 45), (128, 96)], ids=str)
@pytest.mark.parametrize("blocks", [1, 2])
def test_any_side_comes_back_and_a_gradient_reaches_all(size, blocks):
    torch.manual_seed(0)
    nets, shape = Resnet(8, 16, blocks=blocks, groups=4, hidden=(12,)), (3, *size)
    encoder, decoder = nets.encoder(shape, 6), nets.decoder(5, shape)
    features, pictures = encoder(torch.rand(2, *shape)), decoder(torch.randn(2, 5))
    assert features.shape == (2, 6)
    assert pictures.shape == (2, *shape)
    (features.square().sum() + pictures.square().sum()).backward()
    for module in (encoder, decoder):
        for name, weight in module.named_parameters():
            assert weight.grad is not None and bool(weight.grad.any()), name


def test_examples_do_not_see_each_other():
    torch.manual_seed(0)
    nets, x, z = networks(SMALL), torch.rand(4, 1, 9, 9), torch.randn(4, 3)
    for network, given in ((nets.encoder((1, 9, 9), 5), x), (nets.decoder(3, (1, 9, 9)), z)):
        other = torch.cat([given[:1], 7 * torch.randn_like(given[1:])])
        assert network.training
        torch.testing.assert_close(network(given)[0], network(other)[0])
        assert not torch.isclose(network(given)[1:], network(other)[1:]).all()


def test_a_new_block_is_nearly_its_skip():
    torch.manual_seed(0)
    layers = Resnet(16, blocks=2).encoder((3, 32, 32), 4)
    x = torch.randn(8, 16, 16, 16)
    (first, second) = layers[2:4]
    assert 0 < (first(x) - x).square().mean() < 0.02
    assert (second(first(x)) - x).square().mean() < 0.02


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_it(name):
    torch.manual_seed(0)
    conditional = {"condition": "labels", "width": 3} if name != "cvae" else {"width": 3}
    own = small_arguments(name, latent=4, network=SMALL, **conditional)
    model, objective = recipes.find(name).make((1, 9, 7), **own)
    data = Dataset.from_array(torch.rand(6, 1, 9, 7), torch.arange(6) % 3)
    for _ in fit(model, objective, data, Training(1, 6, device="cpu")):
        for key, weight in model.posterior.network.named_parameters():
            assert weight.grad is not None and bool(weight.grad.any()), key
    assert any(isinstance(each, nn.GroupNorm) for each in model.posterior.modules())


def test_it_learns_pictures():
    """Discs of 32 × 32 at random places: the distortion falls to less than half in 40 steps."""
    torch.manual_seed(0)
    axis = torch.linspace(-1, 1, 32)
    centre = 1.2 * torch.rand(32, 2, 1, 1) - 0.6
    far = (axis - centre[:, 0]) ** 2 + (axis[:, None] - centre[:, 1]) ** 2
    data = Dataset.from_array((far < 0.1).float()[:, None])
    model, objective = recipes.ae(data.shape, 4, "resnet(8, 16)", likelihood="bernoulli")
    before = -model(data.images).log_likelihood.mean()
    for _ in fit(model, objective, data, Training(20, 16, lr=1e-2, device="cpu")):
        pass
    assert -model(data.images).log_likelihood.mean() < 0.5 * before


def test_an_estimator_of_pictures_with_classes():
    y = torch.arange(20) % 2
    made = CVAE(latent=2, network=SMALL, epochs=1, batch=10)
    assert made.fit(torch.rand(20, 1, 10, 11).numpy(), y.numpy()).transform is not None
    assert made.sample(3, y=[0, 1, 1]).shape == (3, 1, 10, 11)


@pytest.mark.parametrize(
    ("text", "shape", "cause"),
    [
        ("resnet(12)", (1, 8, 8), r"multiples of 8, or groups=12"),
        ("resnet(8, 20)", (1, 8, 8), r"20 channels .* or groups=4"),
        ("resnet(8, groups=0)", (1, 8, 8), "whole numbers"),
        ("resnet(8, blocks=0)", (1, 8, 8), "whole numbers"),
        ("resnet(8, 8, 8)", (1, 4, 4), r"4 × 4 cannot be halved 3 times.*resnet\(32,64\)"),
        ("resnet(16, 8)", (1, 4, 4), "cannot be halved 2 times"),  # one number in each group: 0
        ("resnet()", (7,), r"needs images \(C, H, W\).*mlp"),
    ],
)
def test_what_cannot_be(text, shape, cause):
    with pytest.raises(VaekitError, match=cause):
        networks(text).encoder(shape, 3)
