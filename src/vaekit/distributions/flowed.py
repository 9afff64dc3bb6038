"""Normalising flows: z = f(e) with e of a simple law, so that log p(z) = log p(e) − ln |det f′(e)|.

The transformations are those of zuko (Rozet et al.), an extra. Each is autoregressive: entry h of
its output depends on the first h entries of its input. One way it takes one pass, the other as many
as z has entries. An inverse autoregressive flow (Kingma et al. 2016) draws the fast way, a masked
one (Papamakarios et al. 2017) gives densities the fast way.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Normal

from vaekit.arguments import check_counts
from vaekit.distributions.base import Density
from vaekit.errors import VaekitError, nearest
from vaekit.system.extras import needed

FLOWS = {"maf": "MAF", "nsf": "NSF"}  # affine steps, and monotonic splines on [−5, 5]
EVEN_DRAWS = 256  # for mean and variance
Change = Callable[[Tensor], tuple[Tensor, Tensor]]  # x → y and ln |det dy/dx|


class Flowed(Density):
    """Describe z = f(e), e ~ `base`: `outward` is f with its ln |det|, `inward` its inverse.

    A z just drawn is not taken back: its log-density is known from the draw. Mean and variance have
    no closed form, and are those of draws with the normal numbers `even` (draws, H), the same for
    every batch.
    """

    def __init__(self, base: Density, outward: Change, inward: Change, even: Tensor):
        self.base, self.outward, self.inward, self.even = base, outward, inward, even
        self._known_draw: tuple[Tensor, Tensor, bool] | None = None
        super().__init__(base.batch_shape, base.event_shape)

    @property
    def mean(self) -> Tensor:
        """Return the mean of even draws, (..., H)."""
        return self._even().mean(0)

    @property
    def variance(self) -> Tensor:
        """Return the variance of even draws, (..., H)."""
        return self._even().var(0, correction=0)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw reparameterised samples, (*sample_shape, ..., H)."""
        e = self.base.rsample(torch.Size(sample_shape))
        z, stretched = self.outward(e)
        self._known_draw = z, self.base.log_prob(e) - stretched, torch.is_grad_enabled()
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of every code in nats, (...)."""
        if self._known_draw is not None:
            z, log_density, differentiable = self._known_draw
            if value is z and (differentiable or not torch.is_grad_enabled()):
                return log_density
        e, stretched = self.inward(value)
        return self.base.log_prob(e) + stretched

    def _even(self) -> Tensor:
        noise = self.even.view(len(self.even), *[1] * len(self.batch_shape), -1)
        return self.outward(self.base.mean + self.base.variance.sqrt() * noise)[0]


class Steps(nn.Module):
    """Hold the learned steps of a flow of z (..., size), each told `context` numbers.

    They begin near the identity. `kind` is maf or nsf, `hidden` are the widths of the networks of
    each step. Raises `VaekitError` for an unknown kind, numbers < 1, and without the extra.
    """

    def __init__(self, size: int, context: int, kind: str, transforms: int, hidden: Sequence[int]):
        super().__init__()
        check_counts(transforms=transforms)
        if kind not in FLOWS:
            raise nearest(str(kind), FLOWS, "kind of flow")
        listed = isinstance(hidden, Sequence) and not isinstance(hidden, str) and len(hidden)
        if not listed or not all(isinstance(n, int) and n >= 1 for n in hidden):
            raise VaekitError(f"the hidden widths of a flow are a list of numbers ≥ 1: {hidden!r}")
        make = getattr(_zuko_flows(), FLOWS[kind])
        how = {"transforms": transforms, "hidden_features": tuple(hidden)}
        self.lazy = make(size, context, **how).transform
        uniform = torch.quasirandom.SobolEngine(size, scramble=True, seed=0).draw(EVEN_DRAWS // 2)
        half = torch.special.ndtri(uniform.clamp(1e-6, 1 - 1e-6))
        even = torch.cat([half, -half]) / half.square().mean(0).sqrt()  # of mean 0, variance 1
        self.register_buffer("even", even, persistent=False)
        self.even: Tensor
        with torch.no_grad():
            for step in self.lazy.transforms:
                last = step.hyper[-1] if hasattr(step, "hyper") else step
                for weight in last.parameters():
                    weight.mul_(0.1)

    def forward(self, context: Tensor | None = None) -> tuple[Change, Change]:
        """Return the change that takes one pass, and its inverse, which takes one for each entry.

        Both are computed in full precision, as logarithms of determinants need it.
        """
        made = self.lazy(context)
        exact = torch.autocast(self.even.device.type, enabled=False)
        return exact(made.call_and_ladj), exact(made.inv.call_and_ladj)


def _zuko_flows() -> Any:
    """Import zuko's flows; on import it turns off PyTorch's checks of arguments for everyone."""
    try:
        checked = Normal(0.0, -1.0) is None  # without checks it is made
    except ValueError:
        checked = True
    flows = needed("zuko.flows", "flows", "a flow")
    Distribution.set_default_validate_args(checked)
    return flows
