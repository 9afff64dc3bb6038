import numpy as np
import pytest
import torch
from torch import nn

from vaekit.errors import VaekitError
from vaekit.networks import ACTIVATIONS, NETWORKS, Conv, Mlp, networks
from vaekit.networks.conv1d import Conv1d
from vaekit.networks.resnet import Resnet

IMAGES = [(1, 28, 28), (3, 64, 64), (1, 32, 32), (1, 192, 168), (2, 29, 31)]
BIG = {"vimae_small", "vimae_large"}


def features(encoder: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    return encoder(torch.rand(2, *shape))


@pytest.mark.parametrize("shape", IMAGES, ids=str)
@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "conv1d"])
def test_every_network_has_the_right_shapes(name, shape):
    if name in BIG and shape == (1, 192, 168):
        shape = (1, 96, 84)  # the same road at a quarter of the arithmetic
    torch.manual_seed(0)
    nets = networks(name)
    latent = 6 if name == "tied" else 3  # one matrix: as many latents as features
    encoder, decoder = nets.encoder(shape, 6), nets.decoder(latent, shape)
    x = torch.rand(2, *shape)
    assert encoder(x).shape == (2, 6)
    out = decoder(torch.randn(2, latent))
    assert out.shape == x.shape
    (encoder(x).sum() + out.pow(2).sum()).backward()
    for module in (encoder, decoder):
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None, key


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (31, 29), (20, 45)], ids=str)
@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6, 7])
def test_any_size_comes_back(size, kernel):
    nets = Conv(4, 5, 6, hidden=(), kernel=kernel)
    assert features(nets.encoder((1, *size), 6), (1, *size)).shape == (2, 6)
    assert nets.decoder(3, (1, *size))(torch.randn(2, 3)).shape == (2, 1, *size)


def test_vectors_go_through_an_mlp():
    nets = Mlp(8, 7)
    assert features(nets.encoder((5,), 6), (5,)).shape == (2, 6)
    assert nets.decoder(3, (5,))(torch.randn(2, 3)).shape == (2, 5)


def test_an_mlp_is_made_as_written():
    def widths(module):
        return [(m.in_features, m.out_features) for m in module.modules() if hasattr(m, "bias")]

    nets = networks("mlp(8, 7)")
    assert widths(nets.encoder((5,), 6)) == [(5, 8), (8, 7), (7, 6)]
    assert widths(nets.decoder(3, (5,))) == [(3, 7), (7, 8), (8, 5)]
    other = networks("mlp(8, decoder=[4, 2], activation=elu, decoder_activation=tanh)")
    assert widths(other.decoder(3, (5,))) == [(3, 4), (4, 2), (2, 5)]
    assert isinstance(other.encoder((5,), 6)[2], nn.ELU)
    assert isinstance(other.decoder(3, (5,))[1], nn.Tanh)


def test_an_mlp_without_widths_is_linear():
    encoder = networks("mlp()").encoder((2, 2, 2), 3)
    a, b = torch.randn(2, 1, 2, 2, 2).unbind()
    zero = encoder(torch.zeros_like(a))
    torch.testing.assert_close(encoder(a + b) + zero, encoder(a) + encoder(b))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 4)], ids=str)
def test_too_small_images_are_refused(shape):
    nets = networks("conv")
    for build in (lambda: nets.encoder(shape, 2), lambda: nets.decoder(2, shape)):
        with pytest.raises(VaekitError, match=r"cannot be halved 4 times.*mlp"):
            build()


def test_conv_refuses_vectors():
    with pytest.raises(VaekitError, match=r"need images \(C, H, W\).*mlp"):
        networks("conv").encoder((7,), 2)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("mlpp(3)", "Did you mean 'mlp'"),
        ("mlp(0)", "whole numbers"),
        ("mlp(1.5)", "a whole number"),
        ("conv(-3)", "whole numbers"),
        ("conv(3, kernel=0)", "whole numbers"),
        ("conv(3, kernels=3)", "it takes conv"),
        ("mlp(3", "cannot read"),
        ("mlp(1)(2)", "cannot read"),
        ("mlp(3, activation=relu, activation=tanh)", "cannot read"),
        ("mlp(**{'activation': 1})", "cannot read"),
        ("conv(3, hidden=8)", "conv"),
    ],
)
def test_a_text_that_makes_no_network(text, cause):
    with pytest.raises(VaekitError, match=cause):
        networks(text)


def test_an_unknown_activation_is_named_with_the_nearest():
    with pytest.raises(VaekitError, match="Did you mean 'tanh'"):
        networks("mlp(3, activation=tahn)").encoder((2,), 2)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    nets = networks(f"mlp(4, activation={name})")
    assert torch.isfinite(features(nets.encoder((5,), 6), (5,))).all()


@pytest.mark.parametrize("size", [(8, 8), (6, 10), (7, 9)], ids=str)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_doubling_is_pytorchs_transposed_convolution(channels, size):
    """Value and gradients, through pixels (few channels) and with the bias apart (many)."""
    torch.manual_seed(0)
    shape = (channels, 2 * size[0], 2 * size[1])
    decoder = Conv(6, hidden=()).decoder(2, shape)
    (ours,) = [m for m in decoder if isinstance(m, nn.ConvTranspose2d)]
    theirs = nn.ConvTranspose2d(6, channels, 4, 2, 1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(3, 6, *size, requires_grad=True)
    g = torch.randn(3, channels, *shape[1:])
    for a, b in zip(
        torch.autograd.grad(ours(x), (x, *ours.parameters()), g),
        torch.autograd.grad(theirs(x), (x, *theirs.parameters()), g),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Conv1d(4, hidden=3),
        lambda: Resnet(8, hidden=None),
        lambda: Mlp(3, decoder=5),
        lambda: Conv(8, up="ab"),
        lambda: Mlp(True),
        lambda: Mlp(2.5),
    ],
)
def test_widths_that_are_none_are_refused(make):
    with pytest.raises(VaekitError, match=r"must be (a list of )?whole numbers ≥ 1, got"):
        make()


def test_widths_of_numpy_are_whole_numbers():
    assert Mlp(np.int64(4)).widths == (4,) and type(Mlp(np.int64(4)).widths[0]) is int
