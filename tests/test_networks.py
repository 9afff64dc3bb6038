import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap

from vaekit.errors import VaekitError
from vaekit.networks import ACTIVATIONS, NETWORKS, Conv, Linear, Mlp, networks

IMAGES = [(1, 28, 28), (3, 64, 64), (1, 32, 32), (1, 192, 168), (2, 29, 31)]
BIG = {"vimae_small", "vimae_large"}


def features(encoder: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    return encoder(torch.rand(2, *shape))


@pytest.mark.parametrize("shape", IMAGES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
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


# ---- Linear is nn.Linear


@pytest.fixture(autouse=True)
def _also_small(monkeypatch):
    """Send small layers through oneDNN too, so that the comparisons below can be small."""
    from vaekit.networks import linear

    monkeypatch.setattr(linear, "_WORTH_IT", 1)


@pytest.fixture
def pair() -> tuple[Linear, nn.Linear]:
    torch.manual_seed(0)
    mine = Linear(7, 5)
    theirs = nn.Linear(7, 5)
    theirs.load_state_dict(mine.state_dict())
    return mine, theirs


def all_gradients(layer: nn.Linear, x: torch.Tensor) -> list[torch.Tensor]:
    """Return value, gradients, and gradients of a function of the gradients."""
    x = x.clone().requires_grad_()
    inputs = [x, layer.weight, layer.bias]
    value = layer(x)
    first = torch.autograd.grad(value.float().tanh().sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(g.float().pow(2).sum() for g in first), inputs)
    return [value, *first, *second]


@pytest.mark.parametrize("shape", [(4, 7), (7,), (2, 3, 7), (0, 7)], ids=str)
def test_linear_equals_torchs(pair, shape):
    x = torch.randn(*shape)
    for mine, theirs in zip(*(all_gradients(layer, x) for layer in pair), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_linear_takes_the_fast_road(pair, monkeypatch):
    """The comparison above is of two roads: on a CPU with oneDNN it is not F.linear."""
    from vaekit.networks import linear

    if not linear._HAS_ONEDNN:
        pytest.skip("PyTorch was built without oneDNN here: Linear is nn.Linear")
    called = []
    monkeypatch.setattr(linear, "_multiply", lambda a, w, b=None: called.append(1) or a @ w.t() + b)
    pair[0](torch.randn(4, 7))
    assert called


def test_linear_without_bias():
    torch.manual_seed(0)
    mine, theirs = Linear(7, 5, bias=False), nn.Linear(7, 5, bias=False)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(4, 7)
    torch.testing.assert_close(mine(x), theirs(x))
    for layer in (mine, theirs):
        layer(x).tanh().sum().backward()
    torch.testing.assert_close(mine.weight.grad, theirs.weight.grad)


def test_linear_under_bf16(pair):
    x = torch.randn(64, 7)
    found = []
    for layer in pair:
        with torch.autocast("cpu", torch.bfloat16):
            values = all_gradients(layer, x)
        found.append(values)
        assert values[0].dtype == torch.bfloat16
        assert values[2].dtype == torch.float32  # the weight's gradient keeps its type
    for mine, theirs in zip(*found, strict=True):
        scale = float(theirs.detach().float().abs().max())
        torch.testing.assert_close(mine.float(), theirs.float(), rtol=0.02, atol=0.02 * scale)


def test_linear_in_other_types(pair):
    for layer in pair:
        layer.double()
    x = torch.randn(4, 7, dtype=torch.float64)
    torch.testing.assert_close(pair[0](x), pair[1](x), rtol=0, atol=0)


def test_linear_under_transforms(pair):
    x = torch.randn(4, 7)
    for transform in (vmap, jacrev, lambda f: vmap(jacrev(f)), lambda f: jacrev(jacrev(f))):
        mine, theirs = (transform(lambda v, layer=layer: layer(v).tanh())(x) for layer in pair)
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_linear_under_vmap_over_weights(pair):
    """Many models at once: a stack of weights, one batch for each."""
    x = torch.randn(3, 4, 7)
    found = []
    for layer in pair:
        stacked = {k: torch.stack([v, 2 * v, -v]) for k, v in layer.state_dict().items()}
        found.append(vmap(lambda p, v, layer=layer: functional_call(layer, p, v))(stacked, x))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("twice", [False, True])
def test_linear_with_batched_gradients(pair, twice):
    """As an exact Jacobian of an encoder asks for: one backward pass for all outputs.

    A product without a batching rule warns that it is slow, which is an error here; a custom
    function inside it loses the graph without a word.
    """
    found = []
    for layer in pair:
        x = torch.randn(4, 7, generator=torch.Generator().manual_seed(1)).requires_grad_()
        value = layer(x).tanh()
        directions = torch.eye(5)[:, None].expand(5, 4, 5)
        (rows,) = torch.autograd.grad(
            value, x, directions, is_grads_batched=True, create_graph=twice
        )
        assert rows.shape == (5, 4, 7)
        found.append([rows])
        if twice:
            found[-1] += torch.autograd.grad(rows.pow(2).sum(), [x, layer.weight])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_linear_is_copied_and_frozen(pair):
    mine = copy.deepcopy(pair[0])
    mine.weight.requires_grad_(False)
    x = torch.randn(4, 7, requires_grad=True)
    mine(x).sum().backward()
    assert mine.weight.grad is None
    torch.testing.assert_close(x.grad, mine.weight.sum(0).expand(4, 7))
    with torch.inference_mode():
        torch.testing.assert_close(mine(x), pair[1](x))


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
