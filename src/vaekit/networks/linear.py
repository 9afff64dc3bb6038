"""A linear layer that multiplies through oneDNN on a CPU.

PyTorch sends float32 products on a CPU to MKL, which leaves half the speed of AMD's wide vector
units unused; oneDNN does not. The products differ by rounding only. Elsewhere (other devices,
other types, under autocast or `torch.compile`) the layer is `torch.nn.Linear` itself.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(
    torch.ops.mkldnn, "_linear_pointwise"
)


class _Product(Function):
    """Compute a wᵀ + b for a (n, i), w (o, i), b (o,); its own gradient, so it differentiates twice."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(a, w, b, "none", [], "")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor):
        a, w, _ = inputs
        ctx.save_for_backward(a, w)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor):
        (g,) = grads
        a, w = ctx.saved_tensors
        to_a, to_w, to_b = ctx.needs_input_grad
        return (
            _Product.apply(g, w.t(), None) if to_a else None,
            _Product.apply(g.t(), a.t(), None) if to_w else None,
            g.sum(0) if to_b else None,
        )


class Linear(nn.Linear):
    """Act as `torch.nn.Linear`, through oneDNN where that is the faster library."""

    def forward(self, input: Tensor) -> Tensor:
        """Return x Wᵀ + b for x (..., in)."""
        if not self._through_onednn(input):
            return F.linear(input, self.weight, self.bias)
        rows = input.reshape(-1, self.in_features)
        out: Any = _Product.apply(rows, self.weight, self.bias)
        return out.view(*input.shape[:-1], self.out_features)

    def _through_onednn(self, x: Tensor) -> bool:
        if torch.compiler.is_compiling() or not _HAS_ONEDNN or x.numel() == 0:
            return False
        plain = x.device.type == "cpu" and x.dtype == self.weight.dtype == torch.float32
        return plain and not torch.is_autocast_enabled("cpu")
