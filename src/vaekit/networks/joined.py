"""An encoder that also reads a condition: features of x, beside c, through a dense head."""

from torch import Tensor, cat, nn

from vaekit.networks.base import Networks, Shape
from vaekit.networks.mlp import stack


class Joined(nn.Module):
    """Map x (batch, *shape) and c (batch, width) to features (batch, features).

    The networks' own encoder takes x to `hidden` features; c joins it there, which serves images
    and vectors alike, and one hidden layer mixes the two.
    """

    def __init__(
        self, networks: Networks, shape: Shape, width: int, features: int, hidden: int = 256
    ):
        super().__init__()
        self.body = networks.encoder(shape, hidden)
        self.head = nn.Sequential(nn.ReLU(), *stack((hidden + width, hidden, features), "relu"))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        """Return the features, (batch, features)."""
        features = self.body(x)
        return self.head(cat([features, c.to(features.dtype)], -1))
