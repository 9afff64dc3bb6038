"""A linear layer that multiplies through oneDNN on a CPU.

PyTorch sends float32 products on a CPU to MKL, which leaves half the speed of AMD's wide vector
units unused; oneDNN does not. The products differ by rounding only. Under bf16 autocast PyTorch
lays the weights' gradients out across, and converting them back costs more than the product; here
they are formed along. Elsewhere (other devices, other types, under `torch.compile`) the layer is
`torch.nn.Linear` itself.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F

_HAS_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(
    torch.ops.mkldnn, "_linear_pointwise"
)

_BATCHED: Any = torch._C._parse_dispatch_key("Batched")  # gradients under is_grads_batched

# Below this many weights oneDNN's set-up (20 to 50 µs) outweighs its speed: 512 × 128 at batch 100
# takes 51 µs against MKL's 80, 512 × 32 takes 21 against 22, and the way there costs as much again.
_WORTH_IT = 1 << 16


def _multiply(a: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
    if _under_transform():  # as when gradients are batched: oneDNN's operator has no rule for it
        return F.linear(a, w, b)
    return torch.ops.mkldnn._linear_pointwise(a, w, b, "none", [], "")


def _under_transform() -> bool:
    return torch._C._are_functorch_transforms_active()


class _Product(Function):
    """Compute a wᵀ + b for a (n, i), w (o, i), b (o,) in a's type; it differentiates twice.

    The older form of `Function` (one `forward` with `ctx`): the newer one inspects its signature
    in every call, which costs as much as a small product.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, w: Tensor, b: Tensor | None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(a, w)
        ctx.low = w.to(a.dtype)
        return _multiply(a, ctx.low, b if b is None else b.to(a.dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,), (a, w) = grads, ctx.saved_tensors
        to_a, to_w, to_b = ctx.needs_input_grad
        weights = w if torch.is_grad_enabled() else ctx.low
        return (
            _product(g, weights.t()) if to_a else None,
            _across(g, a).to(w.dtype) if to_w else None,
            g.sum(0, dtype=w.dtype) if to_b else None,
        )


def _across(g: Tensor, a: Tensor) -> Tensor:
    """Return gᵀ a, the gradient of the weights, laid out as they are."""
    if a.dtype == torch.float32:
        return _product(g.t(), a.t())
    return torch.mm(g.t(), a)


def _product(a: Tensor, w: Tensor) -> Tensor:
    if _under_transform() or torch._C._dispatch_keys(a).has(_BATCHED):
        return F.linear(a, w.to(a.dtype))  # a Function would lose the graph without a word
    if torch.is_grad_enabled():  # a gradient of the gradient is asked for
        out: Any = _Product.apply(a, w, None)
        return out
    return _multiply(a, w.to(a.dtype))


class Linear(nn.Linear):
    """Act as `torch.nn.Linear`, through oneDNN where that is the faster library."""

    def forward(self, input: Tensor) -> Tensor:
        """Return x Wᵀ + b for x (..., in)."""
        if not self._through_onednn(input):
            return F.linear(input, self.weight, self.bias)
        low = torch.is_autocast_enabled("cpu")
        kind = torch.get_autocast_dtype("cpu") if low else torch.float32
        rows = input.reshape(-1, self.in_features).to(kind)
        out: Any = _Product.apply(rows, self.weight, self.bias)
        return out.view(*input.shape[:-1], self.out_features)

    def _through_onednn(self, x: Tensor) -> bool:
        if torch.compiler.is_compiling() or not _HAS_ONEDNN or x.numel() == 0:
            return False
        if _under_transform():
            return False
        if self.weight.numel() < _WORTH_IT:
            return False
        ours = x.device.type == "cpu" and self.weight.dtype == torch.float32
        return ours and x.dtype in (torch.float32, torch.bfloat16)
