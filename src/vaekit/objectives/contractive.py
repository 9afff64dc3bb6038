"""The contractive penalty, ‖∂f(x)/∂x‖²_F of the encoder's code f (Rifai et al. 2011, eq. 2)."""

import torch
from torch import Tensor, nn

from vaekit.errors import VaekitError, nearest
from vaekit.model import Model, Pass
from vaekit.objectives.base import Term, projected_slope, uncompiled
from vaekit.posteriors import Dirac

METHODS = ("auto", "exact", "closed", "projections")
_EXACT_UP_TO = 32  # latents; each costs a backward pass


class Contractive(Term):
    """Return the squared Frobenius norm of the Jacobian of the mean code, averaged over the batch.

    `exact` takes one backward pass for each latent; `closed` is the closed form for one layer of
    sigmoids, Σ_j (h_j (1 − h_j))² Σ_i W_ji² (Rifai et al., eq. 4); `projections` is an unbiased
    estimate from `draws` random signs v, E‖vᵀJ‖² = ‖J‖²_F. `auto` takes the closed form where the
    encoder has it, else the exact one up to 32 latents. Raises `VaekitError` for an unknown method.
    """

    name = "contractive"

    def __init__(self, method: str = "auto", draws: int = 1):
        if method not in METHODS:
            raise nearest(method, METHODS, "method")
        if draws < 1:
            raise VaekitError(f"draws must be ≥ 1, got {draws}")
        self.method, self.draws = method, draws

    def __call__(self, run: Pass) -> Tensor:
        """Return ‖J‖²_F of the encoder at the clean x."""
        return uncompiled(self._norm, run)

    def _norm(self, run: Pass) -> Tensor:
        layer = one_sigmoid_layer(run.model)
        method = self.method
        if method == "auto":
            narrow = run.model.posterior.latent <= _EXACT_UP_TO
            method = "closed" if layer is not None else "exact" if narrow else "projections"
        if method == "closed":
            return self._closed(run, layer)
        code, x = _code(run.model, run.x, run.condition)
        if method == "exact":
            squares = (g.square().flatten(1).sum(1) for g in _jacobian_rows(code, x, graph=True))
            return torch.stack(list(squares)).sum(0).mean()
        return projected_slope(code, x, len(x), self.draws)

    def _closed(self, run: Pass, layer: nn.Linear | None) -> Tensor:
        if layer is None:
            raise VaekitError(
                "the closed form needs an encoder of one layer of sigmoids, network=mlp(): "
                "use method=exact or projections"
            )
        h = layer(run.x.flatten(1)).float().sigmoid()
        slope = h * (1 - h)
        # No matrix product: under bf16 its result would have three digits.
        return (slope.square() * layer.weight.square().sum(1)).sum(1).mean()


def jacobian(model: Model, x: Tensor, c: Tensor | None = None) -> Tensor:
    """Return ∂f_h/∂x_d of the mean code, (batch, H, D), for x (batch, *shape)."""
    code, x = _code(model, x, c)
    return torch.stack([g.flatten(1) for g in _jacobian_rows(code, x, graph=False)], 1)


def _code(model: Model, x: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        return model.posterior(model.likelihood.shown(x), c).mean, x


def _jacobian_rows(code: Tensor, x: Tensor, graph: bool):
    """Yield the gradient of each coordinate of the code, (batch, *shape)."""
    for unit in torch.eye(code.shape[-1], device=code.device, dtype=code.dtype):
        along = unit.expand_as(code)
        (g,) = torch.autograd.grad(code, x, along, create_graph=graph, retain_graph=True)
        yield g


def one_sigmoid_layer(model: Model) -> nn.Linear | None:
    """Return the encoder's only layer where it is sigmoid(W x + b), else None."""
    if not isinstance(model.posterior, Dirac):  # others read or keep a part of the features
        return None
    modules = list(model.posterior.network.modules())
    work = [m for m in modules if not isinstance(m, nn.Sequential | nn.Flatten | nn.Identity)]
    if len(work) == 2 and isinstance(work[0], nn.Linear) and isinstance(work[1], nn.Sigmoid):
        return work[0]
    return None
