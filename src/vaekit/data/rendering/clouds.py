r"""Surfaces as clouds of points, and their pictures under many lights: fast without a mesh.

A surface is sampled so densely that its nearest points are less than a sample apart in the picture;
it is then drawn by its points alone. Seen along z after the rotation V (orthographic, y upwards),

    a point falls on the sample at   (V p)₁, (V p)₂          where its normal faces us, (V n)₃ > 0,
    of all that fall on one sample the nearest is seen:      the greatest (V p)₃,
    and it shines under light l with   ρ (a + (1 − a) max(0, n · l)),

Lambert's law for a matt surface of reflectance ρ, with a share a of light from all sides. There are
3 x 3 samples to a pixel, averaged as light, which smooths the outlines; a sample is covered where
any point falls on it, so that outlines lie half a sample too far out. What is seen is found once
for a view; another light costs a product of matrices. No light is blocked: there are no shadows.

The nearest point is found by the greatest of the whole numbers (depth · 2²⁴ + index of the point),
which is the same in any order. All else is done number by number on coordinates that were rounded
to 2⁻¹⁶, without sums whose order a library chooses: the same picture comes out bit for bit.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SAMPLES = 3  # to a pixel, across and down
AMBIENT = 0.15
REACH = 1.3  # from the middle of the picture to its edge
_STEP = 1e-4  # of the differences that give the normals: half the digits of a float64
_GRAIN = 2.0**16
_GAP = 0.05  # in depth; features of a surface are finer, or wider than a sample
_INDEX_BITS, _DEPTH_BITS, _DEEPEST = 24, 20, 8.0
Surface = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Cloud(NamedTuple):
    """Hold points (3, n), outward normals (3, n) and reflectances (n,), float32."""

    points: np.ndarray
    normals: np.ndarray
    tones: np.ndarray


def spiral(n: int, axis: tuple[float, float, float] = (0, 0, 1), cap: float = 2.0) -> np.ndarray:
    """Spread n unit vectors (3, n) evenly over the part of the sphere with 1 − d · axis < cap.

    Steps by the golden angle along a spiral about the axis: no two come close (Vogel 1979).
    """
    turn = np.arange(n) + 0.5
    along = 1 - cap * turn / n
    across, angle = np.sqrt(1 - along**2), turn * np.pi * (3 - 5**0.5)
    pole = _unit(np.array(axis, float)[:, None])
    first, second = _tangents(pole)
    return along * pole + across * (np.cos(angle) * first + np.sin(angle) * second)


def sample_surface(surface: Surface, directions: np.ndarray) -> Cloud:
    """Sample a surface, a map from directions (3, n) to points (3, n) and reflectances (n,).

    The normal is the cross product of the differences of the points along two tangents.
    """
    points, tones = surface(directions)
    along = []
    for tangent in _tangents(directions):
        ahead, behind = (_unit(directions + step * tangent) for step in (_STEP, -_STEP))
        along.append(surface(ahead)[0] - surface(behind)[0])
    return cloud(points, _unit(np.cross(*along, axis=0)), tones)


def cloud(points: np.ndarray, normals: np.ndarray, tones: np.ndarray) -> Cloud:
    """Round what makes a cloud, so that last digits of sines and exponentials do not matter."""
    return Cloud(_grained(points), _grained(normals), _grained(np.clip(tones, 0, 1)))


def join_clouds(clouds: list[Cloud]) -> Cloud:
    """Join clouds into one; what lies inside another is hidden by it."""
    return Cloud(*(np.concatenate(parts, axis=-1) for parts in zip(*clouds, strict=True)))


def rotation(azimuth: float, elevation: float) -> np.ndarray:
    """Return the rotation (3, 3) that turns the front to the right, then upwards, in degrees."""
    (ca, ce), (sa, se) = (f(np.radians([azimuth, elevation])) for f in (np.cos, np.sin))
    turn = np.array([[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]])
    return np.array([[1, 0, 0], [0, ce, se], [0, -se, ce]]) @ turn


def draw_cloud(seen: Cloud, view: np.ndarray, lights: np.ndarray, size: int) -> np.ndarray:
    """Draw a cloud under the rotation `view` (3, 3) and each of `lights` (L, 3), unit vectors.

    Returns (L, size, size) uint8 on black.
    """
    side = SAMPLES * size
    nearest = _nearest(seen, _grained(view), side)
    hit = nearest >= 0
    normals = seen.normals.take(nearest, 1, mode="clip")  # -1, nothing, becomes any point,
    tones = np.where(hit, seen.tones.take(nearest, mode="clip"), np.float32(0))  # and is black
    images = np.empty((len(lights), size, size), np.uint8)
    for image, light in zip(images, _grained(lights @ view), strict=True):
        bright = np.maximum(_dot(light, normals), 0) * np.float32(1 - AMBIENT)
        bright = (bright + np.float32(AMBIENT)) * tones
        image[:] = np.rint(255 * _pooled(bright.reshape(side, side)))
    return images


def _nearest(seen: Cloud, view: np.ndarray, side: int) -> np.ndarray:
    """Find the point that is seen at each of side² samples, -1 for none."""
    front = np.flatnonzero(_dot(view[2], seen.normals) > 0)
    points = seen.points.take(front, 1)
    across, up, near = (_dot(row, points) for row in view)
    scale, middle = np.float32(side / (2 * REACH)), np.float32(side / 2)
    column = np.floor(across * scale + middle).astype(np.int32)
    row = np.floor(middle - up * scale).astype(np.int32)
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    cell = np.where(inside, row * side + column, side * side)
    depth = np.int64((near + np.float32(_DEEPEST / 2)) * np.float32(2**_DEPTH_BITS))
    nearest = np.full(side * side + 1, -1, np.int64)
    np.maximum.at(nearest, cell, (depth << _INDEX_BITS) | front)
    closed = _closed(nearest[:-1].reshape(side, side)).reshape(-1)
    return np.where(closed < 0, -1, closed & (2**_INDEX_BITS - 1))


def _closed(nearest: np.ndarray) -> np.ndarray:
    """Close gaps one sample wide: far behind both neighbours in its row, or in its column."""
    closed = nearest.copy()
    for new, old in ((closed, nearest), (closed.T, nearest.T)):
        sides = np.minimum(old[:-2], old[2:])
        gap = sides - old[1:-1] > int(_GAP * 2**_DEPTH_BITS) << _INDEX_BITS
        new[1:-1][gap] = sides[gap]
    return closed


def _pooled(samples: np.ndarray) -> np.ndarray:
    """Average the samples (S · size, S · size) of each pixel, float32, in a fixed order."""
    for axis in (0, 1):
        parts = [samples.swapaxes(0, axis)[k::SAMPLES] for k in range(SAMPLES)]
        samples = (parts[0] + parts[1] + parts[2]).swapaxes(0, axis)
    return samples / np.float32(SAMPLES**2)


def _grained(numbers: np.ndarray) -> np.ndarray:
    return (np.rint(numbers * _GRAIN) / _GRAIN).astype(np.float32)


def _dot(row: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return row[0] * columns[0] + row[1] * columns[1] + row[2] * columns[2]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.sqrt((vectors**2).sum(0)), 1e-30)


def _tangents(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two unit vectors (3, n) at right angles to each direction (3, n) and to each other."""
    steep = np.abs(directions[1]) > 0.9
    other = np.stack([steep, ~steep, np.zeros_like(steep)]).astype(float)
    first = _unit(np.cross(other, directions, axis=0))
    return first, np.cross(directions, first, axis=0)
