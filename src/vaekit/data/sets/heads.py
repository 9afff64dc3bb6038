r"""Rendered heads on a full grid: who it is, how the head is turned, where the light comes from.

Four factors: the identity (a head of random proportions and tones, see `rendering.head`); the
azimuth, from the left of the picture (−90°, the left profile) to the right (90°); the elevation,
from a bowed head (−30°) to one that looks up (30°); and the light's azimuth, from the left (−75°)
to the right (75°), 25° above the camera, with which it stays when the head turns. Turning comes
first:

    x = E(elevation) A(azimuth) p,      l = (cos 25° sin λ, sin 25°, cos 25° cos λ).

The grid, 50 x 21 x 11 x 11, has the sizes and the order of the 3-D faces on which disentanglement
has been scored. The pictures have nothing to do with those, which show scans of people and are not
free: these are drawn from formulas (see `rendering`), and no number found on the one set may
stand for the other. Heads are alike up to their traits, matt, without shadows, expression or
background; azimuth and light are mostly seen in the same places, but are not confounded.

The default set is 520 MB. What takes more than a moment is drawn once, stored in the cache and then
mapped from the disk.
"""

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vaekit.arguments import check_counts, fits
from vaekit.data.cache import cached, store
from vaekit.data.dataset import Dataset
from vaekit.data.factors import Factors
from vaekit.data.rendering.clouds import Cloud, draw_cloud, rotation
from vaekit.data.rendering.head import head, traits
from vaekit.errors import VaekitError

_WIDEST = {"azimuth": 90.0, "elevation": 30.0, "lighting": 75.0}
_ABOVE = 25.0  # degrees that the light stands above the camera
_SMALLEST, _LARGEST = 16, 256
_LARGEST_SET = 1 << 37  # bytes of pictures
_IN_MEMORY = 1 << 22  # bytes of pictures that are drawn in memory each time, in a second


def heads(
    identities: int = 50,
    azimuths: int = 21,
    elevations: int = 11,
    lights: int = 11,
    size: int = 64,
    seed: int = 0,
) -> Dataset:
    """Render 127 050 grey heads, 64x64: 50 identities, 21 azimuths, 11 elevations, 11 lights.

    Gives (identities · azimuths · elevations · lights, 1, size, size) uint8 images, labelled by
    identity, with factors identity, azimuth, elevation and lighting, in degrees. Fewer levels
    spread over the same range, one is its middle; fewer identities are the first of more; `seed`
    draws other people. Raises `VaekitError` for levels or sizes that cannot be.
    """
    counts = (identities, azimuths, elevations, lights)
    check_counts(identities=identities, azimuths=azimuths, elevations=elevations, lights=lights)
    if not fits(size, int) or not _SMALLEST <= size <= _LARGEST:
        raise VaekitError(f"size must be a whole number, {_SMALLEST} to {_LARGEST}, got {size!r}")
    if not fits(seed, int) or seed < 0:
        raise VaekitError(f"seed must be a whole number ≥ 0, got {seed!r}")
    if (room := math.prod(counts) * size**2) > _LARGEST_SET:
        raise VaekitError(
            f"heads: {math.prod(counts):,} pictures of {size}x{size} would take {room / 1e9:,.0f} "
            f"GB, more than {_LARGEST_SET / 1e9:,.0f}: ask for fewer levels"
        )
    angles = [
        np.linspace(-widest, widest, n) if n > 1 else np.zeros(1)
        for widest, n in zip(_WIDEST.values(), counts[1:], strict=True)
    ]
    factors = Factors(("identity", *_WIDEST), counts, (np.arange(identities), *angles))
    labels = torch.arange(identities).repeat_interleave(len(factors) // identities)
    names = tuple(f"head {k}" for k in range(identities))
    return Dataset(_draw_heads(factors, size, seed), labels, factors, "heads", label_names=names)


def _draw_heads(factors: Factors, size: int, seed: int) -> Tensor:
    """Draw the pictures (N, 1, size, size) in memory where they are few, else map them."""
    if len(factors) * size * size <= _IN_MEMORY:
        return torch.from_numpy(np.concatenate(list(_head_pieces(factors, size, seed))))
    levels = "x".join(map(str, factors.sizes))

    def make(folder: Path) -> None:
        record = {"sizes": factors.sizes, "size": size, "seed": seed}
        about = f"drawing {len(factors)} heads"
        store(folder, len(factors), _head_pieces(factors, size, seed), lambda: record, about)

    return cached("heads", f"rendered-1-{levels}-{size}px-seed{seed}", make).images


def _head_pieces(factors: Factors, size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the pictures in the order of the grid, (elevations · lights, 1, size, size) a piece."""
    _, azimuths, elevations, lights = factors.values
    towards = _directions(lights)
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for identity in range(factors.sizes[0]):
            seen = head(traits(seed, identity), size / 64)
            turned = partial(_turned, seen, elevations, towards, size)
            yield from pool.map(turned, azimuths)


def _turned(
    seen: Cloud, elevations: np.ndarray, towards: np.ndarray, size: int, azimuth: float
) -> np.ndarray:
    views = (rotation(azimuth, elevation) for elevation in elevations)
    return np.concatenate([draw_cloud(seen, view, towards, size) for view in views])[:, None]


def _directions(azimuths: np.ndarray) -> np.ndarray:
    """Return the unit vectors (L, 3) towards lights at these azimuths, in degrees."""
    a, e = np.radians(azimuths), np.radians(_ABOVE)
    ones = np.ones_like(a)
    return np.stack([np.cos(e) * np.sin(a), np.sin(e) * ones, np.cos(e) * np.cos(a)], axis=1)
