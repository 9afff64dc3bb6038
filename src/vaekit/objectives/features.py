"""A perceptual distance: that of features of x and of the mean x̂ of p(x|z), by a network of users.

It is no likelihood, and so no nats: see `objectives.similarity`.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.networks.frozen import frozen
from vaekit.objectives.base import Term
from vaekit.shapes import float_output


class FeatureDistance(Term):
    """Return ‖φ(x) − φ(x̂)‖² of features φ (n, …), summed over them, averaged over examples.

    φ is a network, or any callable of pictures; gradients flow through it and leave it as it is.
    Enter it by name in a file for `--import`: `TERMS["perceptual"] = lambda: FeatureDistance(net)`.
    """

    name = "feature_distance"

    def __init__(self, features: Callable[[Tensor], Any]):
        if not callable(features):
            raise VaekitError(f"feature_distance needs a network of pictures, got {features!r}")
        self._features = (features,)  # within a tuple: its weights are not the term's

    def __call__(self, run: Pass) -> Tensor:
        """Return the distance, averaged over codes."""
        made = run.p.mean.flatten(0, 1)
        seen, other = self._of(run.x), self._of(made)
        return (other.view(-1, *seen.shape) - seen).square().flatten(2).sum(-1).mean()

    def _of(self, x: Tensor) -> Tensor:
        (features,) = self._features
        out = frozen(features, x) if isinstance(features, nn.Module) else features(x)
        out = float_output(out, "the network of features")
        if out.ndim < 2 or len(out) != len(x):
            raise VaekitError(
                f"the network of features gives shape {tuple(out.shape)} for {len(x)} pictures, "
                f"expected ({len(x)}, …): let it keep the first axis, and give several features"
            )
        return out
