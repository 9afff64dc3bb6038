"""The sparsity penalty on mean activations (Ng 2011, "Sparse autoencoder"; [survey] §3.1)."""

from collections.abc import Iterable

from torch import Tensor, nn

from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term

_EDGE = 1e-6  # keeps the logarithms finite where a unit is off for a whole batch


class Sparsity(Term):
    """Return Σ_j ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)), ρ̂_j the batch mean of unit j.

    It is read from the code z, which must lie in [0, 1] as a sigmoid's output does, or from the
    outputs of the given `layers` (sigmoids of the encoder) in the last pass. Raises `VaekitError`
    for ρ outside (0, 1).
    """

    name = "sparsity"

    def __init__(self, rho: float = 0.05, layers: Iterable[nn.Module] = ()):
        if not 0 < rho < 1:
            raise VaekitError(f"rho, the wanted mean activation, must be in (0, 1), got {rho}")
        self.rho, self._seen = rho, {}
        for number, layer in enumerate(layers):
            layer.register_forward_hook(self._watch(number))

    def _watch(self, number: int):
        def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._seen[number] = output

        return note

    def __call__(self, run: Pass) -> Tensor:
        """Return the penalty, summed over units."""
        outputs = list(self._seen.values()) or [run.z]
        self._seen = {}
        return sum((self._penalty(a.float().flatten(0, -2).mean(0)) for a in outputs), start=0.0)  # pyright: ignore[reportReturnType]

    def _penalty(self, mean: Tensor) -> Tensor:
        rho, mean = self.rho, mean.clamp(_EDGE, 1 - _EDGE)
        return (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()
