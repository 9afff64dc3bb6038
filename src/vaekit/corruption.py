"""Corruptions x → x̃ of the encoder's input; the target of the likelihood is always the clean x.

A corruption acts while a model trains. In evaluation the encoder sees what it is given, and
`model.corruption(x)` corrupts on demand.
"""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vaekit.errors import VaekitError
from vaekit.text import build


class Corruption(nn.Module):
    """Map x (batch, *shape) to x̃ of the same shape.

    To write one: draw on x's device without asking it a question, and say in `level` how much it
    corrupts; `at(level)` returns the same corruption at another level, for curves over levels.
    Noise that is added to each entry by itself gives its `variance`, in squared units of x. One
    that `hides` entries makes them NaN, which is missing, and needs a likelihood that knows that.
    Where it means a certain scale of x, `check(low, high)` refuses data that span another.
    """

    level: float
    variance: float | None = None
    hides: bool = False

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""

    def at(self, level: float) -> "Corruption":
        """Return this kind of corruption at another level."""
        return type(self)(level)

    def check(self, low: float, high: float) -> None:
        """Raise `VaekitError` for data that span [low, high], where these are not what it means."""


class Masking(Corruption):
    """Set each entry to `value` with probability p (Vincent et al. 2010, §4.1, with 0).

    Raises `VaekitError` for p outside [0, 1], and a value that is not finite.
    """

    def __init__(self, p: float = 0.3, value: float = 0.0):
        super().__init__()
        self.level, self.value = _share(p, "masking"), _check_finite(value, "masking", "value")

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        return x.masked_fill(torch.rand_like(x) < self.level, self.value)

    def at(self, level: float) -> Corruption:
        """Return masking with the same value."""
        return Masking(level, self.value)


class Hidden(Corruption):
    """Hide each column with probability p: its entries are missing, NaN, for the encoder alone.

    `sizes` are the numbers of entries of the columns, as of one-hots; without them each entry is a
    column. An encoder that learns so fills in what is missing better. It needs a likelihood that
    knows missing entries (`columns`). Raises `VaekitError` for p outside [0, 1], and for examples
    that are not of these columns.
    """

    hides = True
    _widths: Tensor

    def __init__(self, p: float = 0.2, sizes: Sequence[int] | None = None):
        super().__init__()
        self.level, self.sizes = _share(p, "hidden"), None if sizes is None else list(sizes)
        if self.sizes is not None:
            self.register_buffer("_widths", torch.tensor(self.sizes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, D)."""
        if self.sizes is None:
            return x.masked_fill(torch.rand_like(x) < self.level, torch.nan)
        if x.shape[1:] != (sum(self.sizes),):
            raise VaekitError(
                f"hidden is of {sum(self.sizes)} entries, got examples of {tuple(x.shape[1:])}: "
                "leave sizes out, they come from the data"
            )
        off = torch.rand(len(x), len(self.sizes), device=x.device) < self.level
        wide = off.repeat_interleave(self._widths, 1, output_size=x.shape[1])
        return x.masked_fill(wide, torch.nan)

    def at(self, level: float) -> Corruption:
        """Return hiding of the same columns."""
        return Hidden(level, self.sizes)


class GaussianNoise(Corruption):
    """Add N(0, σ²) to each entry, unclipped. Raises `VaekitError` for σ that is not finite, ≥ 0."""

    def __init__(self, sigma: float = 0.4):
        super().__init__()
        if not (math.isfinite(sigma) and sigma >= 0):
            raise VaekitError(f"gaussian corruption needs a finite sigma ≥ 0, got {sigma}")
        self.level, self.variance = float(sigma), float(sigma) ** 2

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        return x + self.level * torch.randn_like(x)


class TruncatedGaussian(Corruption):
    """Add ε to each entry, ε ~ N(0, σ²) given |ε| ≤ bound · σ, unclipped ([vimae] appendix).

    The paper's "noise truncated at 0.01", whose σ it does not give, is read as σ = .01 with bound
    1; bound 2 is the usual truncated normal of TensorFlow. Exact, one number drawn for each entry,
    by the inverse of the distribution function with v ~ U(−1, 1):

        ε = σ √2 erf⁻¹(v · erf(bound/√2)),   Var ε = σ² (1 − 2 bound φ(bound)/erf(bound/√2))

    Raises `VaekitError` for σ that is not finite, ≥ 0, and a bound that is not finite, > 0.
    """

    def __init__(self, sigma: float = 0.01, bound: float = 1.0):
        super().__init__()
        if not (math.isfinite(sigma) and sigma >= 0):
            raise VaekitError(f"truncated_gaussian needs a finite sigma ≥ 0, got {sigma}")
        if not 0 < bound < math.inf:
            raise VaekitError(
                f"truncated_gaussian needs a finite bound > 0 in units of sigma, got {bound}: "
                "for noise without a bound use gaussian(sigma=…)"
            )
        self.level, self.bound = float(sigma), float(bound)
        mass, height = math.erf(bound / math.sqrt(2)), math.exp(-0.5 * bound**2)
        share = 1 - math.sqrt(2 / math.pi) * bound * height / mass if bound > 0.01 else bound**2 / 3
        self.variance = sigma**2 * share

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        share = math.erf(self.bound / math.sqrt(2))
        v = (2 * torch.rand_like(x) - 1) * share
        # Rounded to float32 a share near 1 is 1, whose inverse is infinite.
        noise = (math.sqrt(2) * torch.erfinv(v)).clamp(-self.bound, self.bound)
        return x + self.level * noise

    def at(self, level: float) -> Corruption:
        """Return such noise of another σ, cut at as many σ."""
        return TruncatedGaussian(level, self.bound)


class SaltAndPepper(Corruption):
    """Set each entry, with probability p, to `low` or `high` by a fair coin: the ends of the data.

    Raises `VaekitError` for p outside [0, 1], and unless low < high are finite.
    """

    def __init__(self, p: float = 0.3, low: float = 0.0, high: float = 1.0):
        super().__init__()
        self.level = _share(p, "salt_and_pepper")
        self.low = _check_finite(low, "salt_and_pepper", "low")
        self.high = _check_finite(high, "salt_and_pepper", "high")
        if not self.low < self.high:
            raise VaekitError(f"salt_and_pepper needs low < high, got low={low}, high={high}")

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, *shape)."""
        u = torch.rand_like(x)
        salt = self.low + (self.high - self.low) * (u < self.level / 2).to(x.dtype)
        return torch.where(u < self.level, salt, x)

    def at(self, level: float) -> Corruption:
        """Return salt and pepper of the same values."""
        return SaltAndPepper(level, self.low, self.high)

    def check(self, low: float, high: float) -> None:
        """Raise `VaekitError` for data that go beyond `low` and `high`, by more than rounding."""
        room = 1e-3 * (self.high - self.low)
        if low < self.low - room or high > self.high + room:
            raise VaekitError(
                f"salt_and_pepper sets entries to {self.low:g} or {self.high:g}, but the data span "
                f"[{low:.4g}, {high:.4g}]: write low and high, as in "
                f"salt_and_pepper(p={self.level:g}, low={low:.7g}, high={high:.7g}), "
                "or scale the data"
            )


class Affine(Corruption):
    """Turn, scale, slant and move each image by amounts drawn evenly up to the given ones.

    The pixel of x̃ at u, from the middle of the image, is that of x at A u + t, read between pixels
    (bilinear), beyond the border as on it:

        A = (1 + s) (cos α, −sin α; sin α, cos α) + (0, k; 0, 0),   t = (t₁ · width, t₂ · height)

    α is up to `rotate` degrees, s up to `scale`, k up to `shear`, t₁ and t₂ up to `shift`, to both
    sides, all times `level`. An encoder that sees x̃ learns codes that do not tell these apart.
    Raises `VaekitError` for amounts that are not finite, ≥ 0, a level · scale of 1 or more, and
    examples that are no images (C, H, W).
    """

    def __init__(
        self,
        level: float = 1.0,
        rotate: float = 15.0,
        scale: float = 0.15,
        shear: float = 0.3,
        shift: float = 0.075,
    ):
        super().__init__()
        self.amounts = {"rotate": rotate, "scale": scale, "shear": shear, "shift": shift}
        for name, amount in {"level": level, **self.amounts}.items():
            if not 0 <= amount < math.inf:
                raise VaekitError(f"affine needs a finite {name} ≥ 0, got {amount}")
        if level * scale >= 1:
            raise VaekitError(f"affine needs a scale below 1, got {level * scale}")
        self.level = float(level)

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃, (batch, C, H, W)."""
        if x.ndim != 4:
            raise VaekitError(
                f"affine moves images (C, H, W), got examples of shape {tuple(x.shape[1:])}"
            )
        aspect = x.shape[-2] / x.shape[-1]  # affine_grid measures both sides from −1 to 1
        angle = self._drawn(x, math.radians(self.amounts["rotate"]))
        size, slant = (
            1 + self._drawn(x, self.amounts["scale"]),
            self._drawn(x, self.amounts["shear"]),
        )
        moves = [self._drawn(x, 2 * self.amounts["shift"]) for _ in range(2)]
        cos, sin = size * angle.cos(), size * angle.sin()
        rows = [cos, (slant - sin) * aspect, moves[0], sin / aspect, cos, moves[1]]
        maps = torch.stack(rows, -1).unflatten(-1, (2, 3))
        places = F.affine_grid(maps, list(x.shape), align_corners=False)
        return F.grid_sample(x, places, padding_mode="border", align_corners=False)

    def _drawn(self, x: Tensor, most: float) -> Tensor:
        """Draw one amount for each example, (batch,)."""
        u = torch.rand(x.shape[:1], device=x.device, dtype=x.dtype)
        return (2 * u - 1) * (self.level * most)

    def at(self, level: float) -> Corruption:
        """Return the same with all amounts multiplied by another level."""
        return Affine(level, **self.amounts)


def _share(p: float, name: str) -> float:
    if not 0 <= p <= 1:
        raise VaekitError(f"{name} needs a share p from 0 to 1, got p={p}")
    return float(p)


def _check_finite(value: float, name: str, what: str) -> float:
    if not math.isfinite(value):
        raise VaekitError(f"{name} needs a finite {what}, got {value}")
    return float(value)


class Custom(Corruption):
    """Corrupt by any callable x → x̃ of the same shape."""

    level = math.nan

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Return x̃; raise `VaekitError` where the callable returns no tensor or another shape."""
        noisy: Any = self.function(x)
        if not isinstance(noisy, Tensor):
            raise VaekitError(
                f"the corruption made {type(noisy).__name__} of a tensor: return x̃, of x's shape"
            )
        if noisy.shape != x.shape:
            raise VaekitError(
                f"the corruption made {tuple(noisy.shape)} of {tuple(x.shape)}: keep the shape"
            )
        return noisy

    def at(self, level: float) -> Corruption:
        """Return itself: a callable has no level."""
        return self


CORRUPTIONS: dict[str, Callable[..., Corruption]] = {
    "masking": Masking,
    "hidden": Hidden,
    "gaussian": GaussianNoise,
    "truncated_gaussian": TruncatedGaussian,
    "salt_and_pepper": SaltAndPepper,
    "affine": Affine,
}


def corruption(kind: str | Callable[[Tensor], Tensor]) -> Corruption:
    """Read a corruption: its text, such as `masking(p=0.3)`, or any callable x → x̃.

    Raises `VaekitError` for anything else.
    """
    if isinstance(kind, str):
        return build(kind, CORRUPTIONS, "corruption")
    if not callable(kind) or isinstance(kind, type):
        raise VaekitError(
            f"corruption must be text such as 'masking(p=0.3)', or a callable x → x̃, not a "
            f"class of such, got {kind!r}"
        )
    return kind if isinstance(kind, Corruption) else Custom(kind)
