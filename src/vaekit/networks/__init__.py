"""Networks x → features and z → x, by name, with the papers' own shapes."""

from collections.abc import Callable

from torch import nn

from vaekit.arguments import expect
from vaekit.networks.base import ACTIVATIONS, Networks, Shape
from vaekit.networks.conv import Conv
from vaekit.networks.joined import Joined
from vaekit.networks.mlp import Mlp, stack
from vaekit.networks.tied import Tied, Transposed
from vaekit.text import build

NO_PAIR = "one network is no pair: make a posterior and a likelihood of yours"

NETWORKS: dict[str, Callable[..., Networks]] = {
    "mlp": Mlp,
    "conv": Conv,
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


def networks(text: str | Networks) -> Networks:
    """Build the networks that `text` names, for example `mlp(512, 256, activation=tanh)`.

    `Networks` are taken as they are. Raises `VaekitError` for what is neither, an unknown name and
    arguments that do not fit.
    """
    if isinstance(text, Networks):
        return text
    expect(text, str, "networks by text, such as 'mlp(400)', or Networks", [(nn.Module, NO_PAIR)])
    return build(text, NETWORKS, "network")


__all__ = [
    "ACTIVATIONS",
    "NETWORKS",
    "Conv",
    "Joined",
    "Mlp",
    "Networks",
    "Shape",
    "Tied",
    "Transposed",
    "networks",
    "stack",
]
