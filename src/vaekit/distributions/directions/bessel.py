"""The modified Bessel function I_ν(κ) of the sphere: its logarithm and ratio, stable throughout.

Asked for are, of orders ν ≥ 0,

    f_ν(κ) = ln [Γ(ν + 1) (2/κ)^ν I_ν(κ)]            0 at κ = 0, about κ for large κ
    A_ν(κ) = I_{ν+1}(κ) / I_ν(κ) = f_ν′(κ)           from 0 to 1

At an order N ≥ 16 Debye's uniform expansion (Abramowitz & Stegun 9.7.7) gives f to 4e-8 for all κ,

    f_N = s − N − N ln((N + s)/2N) − ½ ln(s/N) + ln Σ_k u_k(t)/N^k − ln Σ_k u_k(1)/N^k

with s² = N² + κ² and t = N/s, and its derivative A_N. From there one descends without cancellation,

    A_ν = κ / (2(ν + 1) + κ A_{ν+1})        f_ν = f_{ν+1} + ln(1 + κ A_{ν+1} / 2(ν + 1)).

A′ comes down likewise, A_ν′ = A_ν² (2(ν + 1)/κ² − A_{ν+1}′), for 1 − A² − (2ν + 1) A/κ, which it
is, would cancel where κ is large. Nothing asks the device, as ν is known beforehand.
"""

from fractions import Fraction

import torch
from torch import Tensor

_ORDER, _TERMS = 16, 6


def _debye(terms: int) -> list[list[float]]:
    """Return the coefficients of u_0 … u_{terms−1} by powers of t (A & S 9.3.10).

    u_{k+1} = ½ t² (1 − t²) u_k′ + ⅛ ∫_0^t (1 − 5 s²) u_k ds.
    """
    found = [[Fraction(1)]]
    for _ in range(terms - 1):
        following = [Fraction(0)] * (len(found[-1]) + 3)
        for power, value in enumerate(found[-1]):
            following[power + 1] += value * (Fraction(power, 2) + Fraction(1, 8 * (power + 1)))
            following[power + 3] -= value * (Fraction(power, 2) + Fraction(5, 8 * (power + 3)))
        found.append(following)
    return [[float(value) for value in each] for each in found]


_U = _debye(_TERMS)


def growth(order: float, kappa: Tensor) -> tuple[Tensor, Tensor]:
    """Return f_ν(κ) and A_ν(κ), each in the shape of κ > 0 and with its gradient.

    In float64 they are good to 4e-9; in float32 to that of κ, 6e-8 of itself.
    """
    still = kappa.detach()
    f, ratio, slope = _growth(order, still)
    moved = kappa - still  # 0, with the gradient of κ
    ratio = ratio + slope * moved
    return f + ratio * moved, ratio


@torch.no_grad()
def _growth(order: float, kappa: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return f, f′ and f″."""
    steps = max(0, -int(-(_ORDER - order) // 1))
    f, ratio, slope = _uniform(order + steps, kappa)
    for lower in range(steps - 1, -1, -1):
        twice = 2 * (order + lower + 1)
        grown = kappa * ratio
        f, share = f + torch.log1p(grown / twice), 1 / (twice + grown)
        ratio, slope = kappa * share, share * share * (twice - kappa.square() * slope)
    return f, ratio, slope


def _uniform(order: float, kappa: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the same at an order that is large."""
    s = (kappa.square() + order**2).sqrt()
    t, rest, square = order / s, kappa.square() / (s + order), s.square()  # rest = s − N
    # Σ_k u_k(t)/N^k as one polynomial in t, by Horner with two derivatives.
    most = len(_U[-1])
    poly = [sum(u[p] / order**k for k, u in enumerate(_U) if p < len(u)) for p in range(most)]
    value, first, half = (torch.zeros_like(t) for _ in range(3))
    for coefficient in reversed(poly):
        value, first, half = value * t + coefficient, first * t + value, half * t + first
    part = t * first / value  # d ln Σ / d ln t
    curve = part + t * t * 2 * half / value - part.square()  # and its own, d part / d ln t
    f = (
        rest
        - order * torch.log1p(rest / (2 * order))
        - 0.25 * torch.log1p((kappa / order).square())
    )
    ratio = kappa * (1 / (order + s) - (0.5 + part) / square)
    slope = (
        order / (s * (order + s)) + ((0.5 + part) * (kappa.square() - order**2)) / square.square()
    )
    slope = slope + curve * (kappa / square).square()
    return f + (value / sum(poly)).log(), ratio, slope
