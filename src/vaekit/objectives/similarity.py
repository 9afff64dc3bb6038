"""MS-SSIM: a distance between x and the mean x̂ of p(x|z) that is no likelihood, and so no nats.

An objective that has it in place of the distortion bounds nothing; all that is measured of the
model stays what it is, by the likelihood that the model has beside it.

    1 − l_M(x, x̂)^{w_M} Π_j cs_j(x, x̂)^{w_j},   l cs = SSIM at scale j

(Wang, Simoncelli & Bovik 2003, eq. 7), by windows that are Gaussian, of 11 pixels.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from vaekit.arguments import fits
from vaekit.errors import VaekitError
from vaekit.model import Pass
from vaekit.objectives.base import Term

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of scales, from the finest on
WINDOW, SIGMA = 11, 1.5
_LEAST = 1e-6  # of what is raised to a power below 1, whose slope at 0 is infinite


class StructuralSimilarity(Term):
    """Return 1 − MS-SSIM of pictures and the mean of p(x|z), from 0 for equal ones to 1.

    `span` is the range of the pixels, from black to white. Each scale halves the sides; scales
    that are smaller than the window are left out, and the weights of the others add up to 1.
    Raises `VaekitError` for examples that are no pictures or smaller than the window.
    """

    name = "ms_ssim"

    def __init__(self, span: float = 1.0):
        if not (fits(span, float) and 0 < span < math.inf):
            raise VaekitError(f"ms_ssim needs a finite span > 0, from black to white, got {span!r}")
        self.span = float(span)

    def __call__(self, run: Pass) -> Tensor:
        """Return the mean of 1 − MS-SSIM over codes and examples."""
        made = run.p.mean
        x = run.x.expand_as(made)
        return (1 - ms_ssim(x.flatten(0, 1), made.flatten(0, 1), self.span)).mean()


def ms_ssim(x: Tensor, y: Tensor, span: float = 1.0) -> Tensor:
    """Return MS-SSIM of pictures x and y (n, C, H, W), (n,), over their channels' mean.

    Raises `VaekitError` for what are no pictures as large as the window.
    """
    side = min(x.shape[-2:]) if x.dim() == 4 else 0
    if side < WINDOW:
        raise VaekitError(
            f"ms_ssim compares pictures of {WINDOW} pixels or more, got examples of shape "
            f"{tuple(x.shape[1:])}: use distortion"
        )
    scales = next((k for k in range(1, len(WEIGHTS)) if side >> k < WINDOW), len(WEIGHTS))
    weights = x.new_tensor(WEIGHTS[:scales])
    found = 1.0
    for scale, weight in enumerate(weights / weights.sum()):
        light, contrast = _ssim(x, y, span)
        last = scale == scales - 1
        each = (light * contrast if last else contrast).flatten(1).mean(1)
        found = found * each.clamp_min(_LEAST) ** weight
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    assert isinstance(found, Tensor)
    return found


def _ssim(x: Tensor, y: Tensor, span: float) -> tuple[Tensor, Tensor]:
    """Return luminance and contrast-structure of every window, each (n, C, H', W')."""
    places = torch.arange(WINDOW, device=x.device, dtype=x.dtype) - WINDOW // 2
    line = (-(places**2) / (2 * SIGMA**2)).softmax(0)
    channels = x.shape[1]

    def blurred(t: Tensor) -> Tensor:
        for kernel in (line[:, None], line[None]):
            t = F.conv2d(t, kernel.expand(channels, 1, *kernel.shape), groups=channels)
        return t

    # Differences from the middle of the picture: in x² − μ² float32 would lose narrow ones.
    middle = x.mean((2, 3), keepdim=True)
    a, b = x - middle, y - middle
    mean_a, mean_b = blurred(a), blurred(b)
    var_a, var_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    both = blurred(a * b) - mean_a * mean_b
    one, two = (0.01 * span) ** 2, (0.03 * span) ** 2
    mean_x, mean_y = mean_a + middle, mean_b + middle
    light = (2 * mean_x * mean_y + one) / (mean_x**2 + mean_y**2 + one)
    return light, (2 * both + two) / (var_a + var_b + two)
