"""Networks x → features and z → x, by name, with the papers' own shapes."""

from collections.abc import Callable

from torch import nn

from vaekit.arguments import expect, told
from vaekit.errors import VaekitError
from vaekit.networks.base import ACTIVATIONS, Networks, Shape
from vaekit.networks.conv import Conv
from vaekit.networks.conv1d import Conv1d
from vaekit.networks.joined import Joined
from vaekit.networks.mlp import Mlp, stack
from vaekit.networks.pair import Pair
from vaekit.networks.resnet import Resnet
from vaekit.networks.tied import Tied, Transposed
from vaekit.text import build

NetworkLike = str | Networks | tuple[nn.Module, nn.Module]
NO_PAIR = "one network is no pair: give (encoder, decoder)"

NETWORKS: dict[str, Callable[..., Networks]] = {
    "mlp": Mlp,
    "conv": Conv,
    "conv1d": Conv1d,
    "resnet": Resnet,
    "tied": Tied,
    # [isa] supplementary: the networks of the dSprites experiments.
    "isa": lambda: Mlp(1200, 1200, decoder=(1200, 1200, 1200), decoder_activation="tanh"),
    # [noise] Table of networks: MNIST, then CelebA and Yale B.
    "noise_small": lambda: Conv(32, 32),
    "noise_large": lambda: Conv(32, 32, 64, 64),
    # [vimae] Appendix: Figure 1, MNIST and Omniglot, CelebA and CIFAR10.
    "vimae_plane": lambda: Mlp(256, 256, 256),
    "vimae_small": lambda: Conv(
        128, 256, 512, 1024, hidden=(), up=(1024, 512, 256), tail=True, batch_norm=True
    ),
    "vimae_large": lambda: Conv(
        128,
        256,
        512,
        1024,
        hidden=(),
        kernel=5,
        up=(1024, 512, 256, 128),
        tail=True,
        batch_norm=True,
    ),
}


def networks(text: NetworkLike) -> Networks:
    """Build the networks that `text` names, for example `mlp(512, 256, activation=tanh)`.

    `Networks` are taken as they are, and so is a pair of modules (encoder, decoder). Raises
    `VaekitError` for what is neither, an unknown name and arguments that do not fit.
    """
    if isinstance(text, Networks):
        return text
    if isinstance(text, tuple | list) and all(isinstance(each, nn.Module) for each in text):
        if len(text) != 2:
            raise VaekitError(f"networks are a pair (encoder, decoder), got {len(text)} of them")
        return Pair(*text)
    if isinstance(text, tuple | list):
        wrong = next(each for each in text if not isinstance(each, nn.Module))
        raise VaekitError(f"networks are a pair of modules (encoder, decoder), got {told(wrong)}")
    if not isinstance(text, str):
        wanted = "networks by text, such as 'mlp(400)', Networks, or (encoder, decoder)"
        expect(text, str, wanted, [(nn.Module, NO_PAIR)])
    return build(str(text), NETWORKS, "network")


__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "Conv",
    "Conv1d",
    "Joined",
    "Mlp",
    "NetworkLike",
    "Networks",
    "Pair",
    "Resnet",
    "Shape",
    "Tied",
    "Transposed",
    "networks",
    "stack",
]
