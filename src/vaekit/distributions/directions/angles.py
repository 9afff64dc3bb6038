"""The angle between a direction and its mean under the von Mises–Fisher law, drawn by inversion.

Of codes of H entries θ has, on [0, π] and up to a constant, the density

    p(θ) = e^{κ cos θ} sin^{H−2} θ

whose distribution function F is integrated in pieces about the mode, by three nodes of Gauss and
Legendre in each, and inverted by Newton's steps within a piece, to 1e-8 of the width: nothing is
rejected, and θ is a smooth function of κ and of one uniform number. The gradient is implicit
(Figurnov, Mohamed & Mnih 2018, eq. 5),

    dθ/dκ = −(∂F/∂κ) / p(θ) = −∫_0^θ (cos t − E cos t) p(t) dt / p(θ)

by the same pieces. How far the pieces reach is read off κ, so that nothing asks the device.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_CELLS, _REACH, _NEWTON = 40, 8.0, 5  # pieces; half their span in widths of the mode; steps
_FEW_ENTRIES = 10  # entries
_GAUSS = ((-(0.6**0.5), 5 / 18), (0.0, 8 / 18), (0.6**0.5, 5 / 18))  # nodes in [−1, 1], weights


@torch.no_grad()
def angles(kappa: Tensor, size: int, sample_shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Draw θ and dθ/dκ, each (*sample_shape, *κ), for codes of `size` entries."""
    shape = (*sample_shape, *kappa.shape)
    kappa, rest = kappa.reshape(-1, 1), size - 2
    a = 0.5 * (rest + (rest**2 + 4 * kappa.square()).sqrt())  # κ / cos of the mode
    mode = torch.atan2((rest / a).sqrt(), kappa / a)
    reach = _REACH / (kappa.square() / a + a).sqrt()
    low, high = (mode - reach).clamp_min(0), (mode + reach).clamp_max(math.pi)
    if size < _FEW_ENTRIES:  # the tail e^{κ cos θ} is longer than that of a normal law
        far = (1 - 0.5 * _REACH**2 / kappa).clamp_min(-1).acos()
        high = torch.maximum(high, far)
    cell = (high - low) / _CELLS
    begin = low + cell * torch.arange(_CELLS, device=kappa.device)
    peak, log_peak = 2 * (0.5 * mode).sin().square(), mode.sin().clamp_min(1e-30).log()

    def tall(angle: Tensor) -> tuple[Tensor, Tensor]:
        """Return 1 − cos θ, and the density up to a constant."""
        short = 2 * (0.5 * angle).sin().square()
        log_sine = angle.sin().clamp_min(1e-30).log() - log_peak
        return short, (rest * log_sine - kappa * (short - peak)).exp()

    def over(first: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
        """Integrate the density, and 1 − cos θ by it."""
        mass, moment = torch.zeros_like(first), torch.zeros_like(first)
        for node, weight in _GAUSS:
            short, each = tall(first + (0.5 + 0.5 * node) * width)
            mass, moment = mass + weight * each, moment + weight * each * short
        return mass * width, moment * width

    masses, moments = over(begin, cell.expand_as(begin))
    below, beneath = masses.cumsum(-1), moments.cumsum(-1)
    whole, mean = below[:, -1:], beneath[:, -1:] / below[:, -1:]
    count = math.prod(sample_shape)
    wanted = whole * torch.rand(len(kappa), count, dtype=kappa.dtype, device=kappa.device)
    place = torch.searchsorted(below, wanted).clamp_max(_CELLS - 1)
    first, mass = begin.gather(-1, place), masses.gather(-1, place)
    rest_of_it = (wanted - (below.gather(-1, place) - mass)).clamp_min(0)
    angle = first + cell * (rest_of_it / mass.clamp_min(1e-300)).clamp_max(1)
    for _ in range(_NEWTON):
        gap = over(first, angle - first)[0] - rest_of_it
        angle = angle - gap / tall(angle)[1].clamp_min(1e-300)
        angle = torch.minimum(torch.maximum(angle, first), first + cell)
    part, moment = over(first, angle - first)
    to = below.gather(-1, place) - mass + part
    under = beneath.gather(-1, place) - moments.gather(-1, place) + moment
    slope = (under - mean * to) / tall(angle)[1].clamp_min(1e-300)
    return angle.T.reshape(shape), slope.T.reshape(shape)
