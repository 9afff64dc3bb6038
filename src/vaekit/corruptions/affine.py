"""Small turns, moves and changes of size of images."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vaekit.corruptions.base import Corruption
from vaekit.errors import VaekitError


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
