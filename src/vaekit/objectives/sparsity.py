"""The sparsity penalty on mean activations (Ng 2011, "Sparse autoencoder"; [survey] §3.2)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from vaekit.errors import VaekitError, nearest
from vaekit.model import Model, Pass
from vaekit.objectives.base import Term
from vaekit.posteriors import Dirac

_EDGE = 1e-6  # ρ̂ is drawn in by it: finite where a unit is off for a whole batch, and no flat end


class Sparsity(Term):
    """Return Σ_j ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)), ρ̂_j the batch mean of unit j.

    It is read from the code z, which must lie in [0, 1] as a sigmoid's output does, or from the
    outputs (batch, …) of the given `layers` (sigmoids of the encoder) in the last pass, each entry
    a unit. Raises `VaekitError` for ρ outside (0, 1), and for layers that no pass has gone through.
    """

    name = "sparsity"

    def __init__(self, rho: float = 0.05, layers: Iterable[nn.Module] = ()):
        if not 0 < rho < 1:
            raise VaekitError(f"rho, the wanted mean activation, must be in (0, 1), got {rho}")
        self.rho, self._layers, self._seen = rho, tuple(layers), {}
        for number, layer in enumerate(self._layers):
            layer.register_forward_hook(self._watch(number))

    def _watch(self, number: int):
        def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            self._seen[number] = output

        return note

    def __call__(self, run: Pass) -> Tensor:
        """Return the penalty, summed over units."""
        return torch.stack([self._penalty(a.mean(0)) for a in self.activations(run)]).sum()

    def activations(self, run: Pass) -> list[Tensor]:
        """Return what the penalty watches in the last pass, (examples, units) for each layer."""
        if not self._layers:
            return [run.z.flatten(0, -2)]
        if len(self._seen) < len(self._layers):
            raise VaekitError(
                "the layers of the sparsity term saw no data: give layers of the model"
            )
        return [a.float().flatten(1) for a in self._seen.values()]

    def _penalty(self, mean: Tensor) -> Tensor:
        rho, mean = self.rho, _EDGE + (1 - 2 * _EDGE) * mean
        return (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()


def sparsity(model: Model, rho: float = 0.05, layers: str = "code") -> Sparsity:
    """Build the penalty on the sigmoids of the code, or with `all` on those of the whole encoder.

    Raises `VaekitError` for other layers, and a model whose code, or encoder, has no sigmoids.
    """
    if layers not in ("code", "all"):
        raise nearest(layers, ("code", "all"), "choice of layers")
    modules = list(model.posterior.modules())
    units = [module for module in modules if isinstance(module, nn.Sigmoid)]
    if layers == "code":
        of_code = isinstance(model.posterior, Dirac) and modules[-1] in units
        units = units[-1:] if of_code else []
    if not units:
        raise VaekitError(
            "sparsity is a penalty on sigmoids, of which there are none here: use posterior "
            "dirac(activation=sigmoid)"
        )
    return Sparsity(rho, units)
