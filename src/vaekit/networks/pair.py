"""An encoder and a decoder of one's own: any two modules that fit the data."""

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaekit.brief import brief
from vaekit.errors import VaekitError
from vaekit.networks.base import Networks, Shape


@dataclass(frozen=True, eq=False)
class Pair(Networks):
    """Take two modules as networks, as they are: they are trained in place.

    The encoder maps x (batch, *shape) to features (batch, n) of any width n: where the posterior
    needs another one, a linear layer follows. So a pretrained encoder serves without its last
    layer. The decoder maps z (batch, latent) to (batch, *shape), unbounded. Both are tried once on
    zeros; `VaekitError` says what they return in place of that.
    """

    own_encoder: nn.Module
    own_decoder: nn.Module

    def encoder(self, shape: Shape, features: int) -> nn.Module:
        """Return the encoder, with a linear layer to `features` where it has another width."""
        cure = "put a layer in front of it, as in nn.Sequential(nn.Conv2d(1, 3, 1), encoder)"
        made = _tried(self.own_encoder, torch.zeros(2, *shape), "encoder", cure)
        if made.ndim < 2 or len(made) != 2 or not made[0].numel():
            raise VaekitError(
                f"the encoder returns {tuple(made.shape)} for two examples of shape {shape}: it "
                "should return features (batch, n)"
            )
        width = made[0].numel()
        if made.ndim == 2 and width == features:
            return self.own_encoder
        return nn.Sequential(self.own_encoder, nn.Flatten(1), nn.Linear(width, features))

    def decoder(self, latent: int, shape: Shape) -> nn.Module:
        """Return the decoder."""
        cure = f"its first layer should take {latent} numbers"
        made = _tried(self.own_decoder, torch.zeros(2, latent), "decoder", cure)
        if made.shape != (2, *shape):
            flat = made.shape[:1] == (2,) and made[0].numel() == torch.Size(shape).numel()
            cure = f": end it with nn.Unflatten(1, {tuple(shape)})" if flat else ""
            raise VaekitError(
                f"the decoder returns {tuple(made.shape)} for two codes of {latent}, the "
                f"likelihood needs {(2, *shape)}{cure}"
            )
        return self.own_decoder

    @torch.no_grad()
    def squashed(self, inputs: int) -> bool:
        """Say whether the decoder, of so many inputs, ends in a sigmoid.

        By its last module, or because codes far out drive its outputs to 0 and to 1 and never past
        them, which no layer without a bound does.
        """
        if isinstance(_last(self.own_decoder), nn.Sigmoid | nn.Hardsigmoid):
            return True
        far = 1e4 * torch.randn(64, inputs, generator=torch.Generator().manual_seed(0))
        with suppress(VaekitError):  # it may not be made for such
            low, high = torch.aminmax(_tried(self.own_decoder, far, "decoder", ""))
            return bool((low >= 0) & (low < 0.01) & (high > 0.99) & (high <= 1))
        return False


def _last(network: nn.Module) -> nn.Module:
    """Return the last module of a chain that changes values."""
    shapes = nn.Flatten | nn.Unflatten | nn.Identity
    while isinstance(network, nn.Sequential):
        steps = [each for each in network if not isinstance(each, shapes)]
        if not steps:
            break
        network = steps[-1]
    return network


@torch.no_grad()
def _tried(network: nn.Module, x: Tensor, what: str, cure: str) -> Tensor:
    """Return what a network makes of x, such as zeros; raise `VaekitError` for no numbers."""
    shape = tuple(x.shape)
    modes = [(module, module.training) for module in network.modules()]
    weight = next(network.parameters(), torch.empty(0))
    if weight.is_meta:
        raise VaekitError(f"the {what} has no weights yet (device meta): load them first")
    try:
        made = network.eval()(x.to(weight.device))
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        why = str(error).splitlines()[0][:150]
        if weight.dtype != torch.float32:
            cure = f"its weights are {weight.dtype}, write {what}.float()"
        raise VaekitError(f"the {what} cannot read {shape} ({why}): {cure}") from error
    finally:
        for module, training in modes:
            module.training = training
    if not isinstance(made, Tensor) or not made.is_floating_point():
        raise VaekitError(
            f"the {what} returns {brief(made)}: it should return a tensor of floats, wrap it in a "
            "module that returns one"
        )
    if not bool(torch.isfinite(made).all()):
        raise VaekitError(f"the {what} returns numbers that are not finite for zeros {shape}")
    return made
