r"""Rendered sprites: the factor grid of dSprites, drawn here in a fraction of a second.

Five factors on a full grid: shape (square, ellipse, heart), scale (.5 to 1), rotation (the circle,
2π left out since it equals 0), and the position x (column) and y (row, downwards). The images are
not those of dSprites, only the grid is; they are drawn from three formulas.

All shapes turn about their centroid and have, at scale s, the same area 2R²s², so that the number
of white pixels tells the scale and nothing about the shape. With (u, v) the coordinates along axes
at 45°, and R a quarter of the image:

    square    max(|x|, |y|) ≤ R/√2
    ellipse   (x/R)² + (y/b)² ≤ 1,  area πRb  ⇒  b = 2R/π
    heart     a square max(|u|, |v|) ≤ r and two discs of radius r about the middles of its upper
              sides, area (4 + π)r²  ⇒  r = R√(2/(4+π)).  Each half disc beyond the square has its
              centroid 4r/3π from its side, so the heart's lies r(π + 4/3)/(√2(4 + π)) above the
              middle of the square; no point is farther from it than .983 R.

So every sprite fits in a box of 2R pixels: a pixel is white where its centre is inside, 720 masks
are drawn once, and the positions are shifts of a mask by a whole number of pixels (the largest
pitch that keeps all boxes inside the image). As in dSprites the square looks the same after a
quarter turn and the ellipse after a half turn: rotation levels are not all distinct pictures.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.lib.stride_tricks import as_strided

from vaekit.arguments import check_counts
from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.errors import VaekitError

SHAPES = ("square", "ellipse", "heart")
_SMALLEST = 16
_OUTLINE = 1 + 1e-9  # a pixel centre on the outline is inside, at every quarter turn alike
_Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


def sprites(
    shapes: int = 3, scales: int = 6, rotations: int = 40, positions: int = 32, size: int = 64
) -> Dataset:
    """Render squares, ellipses and hearts on the factor grid of dSprites.

    Gives (shapes · scales · rotations · positions², 1, size, size) uint8 images of 0 and 255,
    labelled by shape, with factors shape, scale, rotation, x, y; 737 280 images (3 GB) by default.
    Fewer levels spread over the same range. Raises `VaekitError` for levels that are too few or do
    not fit.
    """
    counts = {"shapes": shapes, "scales": scales, "rotations": rotations, "positions": positions}
    box = _check_counts(counts, size)
    factors = _sprite_factors(shapes, scales, rotations, positions)
    masks = _masks(factors, box)
    images = np.zeros((len(masks), positions, positions, size, size), np.uint8)
    _draw_at_positions(masks, images)
    labels = torch.arange(shapes).repeat_interleave(len(factors) // shapes)
    pixels = torch.from_numpy(images).reshape(-1, 1, size, size)
    return Dataset(pixels, labels, factors, name="sprites", label_names=SHAPES[:shapes])


def _check_counts(counts: dict[str, int], size: int) -> int:
    check_counts(**counts, size=size)
    if counts["shapes"] > len(SHAPES):
        raise VaekitError(
            f"sprites: there are 3 shapes ({', '.join(SHAPES)}), not {counts['shapes']}"
        )
    if size < _SMALLEST:
        raise VaekitError(
            f"sprites: a size of {size} is too small to draw them: at least {_SMALLEST}"
        )
    box = 2 * (size // 4)
    if counts["positions"] > size - box + 1:
        raise VaekitError(
            f"sprites: images of size {size} have room for {size - box + 1} positions, not "
            f"{counts['positions']}: take fewer, or a larger size"
        )
    return box


def _sprite_factors(shapes: int, scales: int, rotations: int, positions: int) -> Factors:
    place = np.linspace(0.0, 1.0, positions) if positions > 1 else np.array([0.5])
    values = (
        np.arange(1, shapes + 1),
        np.linspace(0.5, 1.0, scales) if scales > 1 else np.array([1.0]),
        np.arange(rotations) * (2 * np.pi / rotations),
        place,
        place,
    )
    names = ("shape", "scale", "rotation", "x", "y")
    return Factors(names, (shapes, scales, rotations, positions, positions), values)


def _in_square(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(abs(x), abs(y)) <= math.sqrt(0.5)


def _in_ellipse(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return x**2 + (y * (math.pi / 2)) ** 2 <= 1


def _in_heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    r = math.sqrt(2 / (4 + math.pi))
    y = y + r * (math.pi + 4 / 3) / (math.sqrt(2) * (4 + math.pi))
    u, v = (y + x) / math.sqrt(2), (y - x) / math.sqrt(2)
    square = np.maximum(abs(u), abs(v)) <= r
    return square | ((u - r) ** 2 + v**2 <= r**2) | (u**2 + (v - r) ** 2 <= r**2)


_IN_SHAPES: tuple[_Inside, ...] = (_in_square, _in_ellipse, _in_heart)


def _masks(factors: Factors, box: int) -> np.ndarray:
    _, scale, angle, _, _ = factors.values
    across = (np.arange(box) + 0.5) / (box / 2) - 1  # pixel centres, in units of R
    x, y = across[None, :], -across[:, None]  # y upwards, as in the formulas
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    turned_x, turned_y = cos * x + sin * y, cos * y - sin * x
    masks = [
        inside(turned_x / s, turned_y / s)
        for inside in _IN_SHAPES[: factors.sizes[0]]
        for s in scale * _OUTLINE
    ]
    return np.concatenate(masks).astype(np.uint8) * np.uint8(255)


def _draw_at_positions(masks: np.ndarray, images: np.ndarray) -> None:
    """Write masks (M, b, b) at every position of the empty images (M, P, P, size, size)."""
    positions, size, box = images.shape[1], images.shape[-1], masks.shape[-1]
    room = size - box
    pitch = room // (positions - 1) if positions > 1 else 0
    start = (room - pitch * (positions - 1)) // 2
    x, y, row, column = images.strides[1:]
    strides = (x + pitch * column, y + pitch * row, row, column)  # the next image, one pitch on
    for mask, block in zip(masks, images[..., start:, start:], strict=True):
        as_strided(block, (positions, positions, box, box), strides)[...] = mask
