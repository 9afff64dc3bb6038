"""Networks with frozen weights: gradients flow through them, and none reaches them."""

from typing import Any

from torch import nn
from torch.func import functional_call

from vaekit.errors import VaekitError


def frozen(network: nn.Module, *inputs: Any) -> Any:
    """Call a network so that gradients reach its inputs, not its weights.

    Its buffers stay too: the running means of a batch norm do not count what is seen this way.
    """
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    buffers = {name: buffer.detach().clone() for name, buffer in network.named_buffers()}
    return functional_call(network, weights | buffers, inputs)


class Trunk:
    """Lend all but the last layer of an encoder, frozen, to a head of another's own.

    It is no module, so that the weights stay the encoder's alone. `width` is the number of features
    it returns. Raises `VaekitError` for a network that does not end in a linear layer after others.
    """

    def __init__(self, network: nn.Module):
        last = network[-1] if isinstance(network, nn.Sequential) and len(network) > 2 else None
        if not isinstance(network, nn.Sequential) or not isinstance(last, nn.Linear):
            raise VaekitError(
                "only a network of layers that ends in a linear one can share its trunk: "
                "give the reader layers of its own, reader=mlp(512)"
            )
        self.layers, self.width = network[:-1], last.in_features

    def __call__(self, *inputs: Any) -> Any:
        """Return the features (batch, width)."""
        return frozen(self.layers, *inputs)
