r"""A head from formulas: a skull with a face, eyes, ears and a neck, of shapes drawn at random.

Coordinates: x to the right of the picture, y upwards, z to the viewer of a face seen from the
front; the crown is at y = 1, the chin near y = −1, the eyes at y = 0. The skull is an ellipsoid,
another one behind than in front, whose lower half is drawn forward to the jaw. On it features stand
out along z, as sums of Gaussian bumps and hollows in the plane of the face,

    z(x, y) + Σᵢ hᵢ exp(−((x − xᵢ)/aᵢ)² − ((y − yᵢ)/bᵢ)²):

brows, sockets, cheeks, lips with a groove between them, and a chin; a nose whose ridge grows and
widens downwards; hair, thick and of another tone, above a plane that rises to the front. Eyes are
balls in the sockets with lids, an iris and a bright ground; ears are flat ellipsoids with a hollow;
the neck is a cylinder. Parts overlap, and what is inside is not seen.

`TRAITS` has the range of each number that differs between heads; they are drawn independently and
uniformly, so that the k-th head of a seed is the same however many are drawn.
"""

from collections.abc import Callable, Mapping

import numpy as np

from vaekit.data.rendering.clouds import Cloud, Surface, cloud, join_clouds, sample_surface, spiral

Traits = Mapping[str, float]
TRAITS = {
    "width": (0.62, 0.82),  # half of it, at the temples
    "front": (0.80, 0.90),  # from the middle to the face
    "back": (0.85, 1.00),
    "jaw": (0.00, 0.22),  # how much narrower than an ellipsoid at the chin
    "jut": (0.20, 0.30),  # how far the lower face comes forward
    "chin": (0.03, 0.10),
    "chin_width": (0.12, 0.24),
    "nose": (0.15, 0.25),  # how far it stands out
    "nose_length": (0.34, 0.46),
    "nose_width": (0.06, 0.10),
    "brow": (0.03, 0.09),
    "eyes_apart": (0.25, 0.31),
    "eye": (0.095, 0.125),
    "cheek": (0.01, 0.09),
    "lips": (0.03, 0.07),
    "mouth": (0.15, 0.24),
    "ear": (0.80, 1.20),
    "hairline": (0.05, 0.30),
    "hair_thick": (0.02, 0.10),
    "hair_tone": (0.15, 0.75),
    "skin_tone": (0.70, 1.00),
    "brow_tone": (0.25, 0.70),
}
_SIGHT = 0.12  # height of the root of the nose
_SURFACE_POINTS = {"skull": 150_000, "face": 90_000, "eye": 3_000, "ear": 9_000, "neck": 50_000}
_FACE = ((0.0, -0.32, 0.95), 0.09)  # a cap that holds nose and mouth, where slopes are steep


def traits(seed: int, identity: int) -> Traits:
    """Draw the numbers that make one head."""
    draws = np.random.default_rng((seed, identity)).random(len(TRAITS))
    return {
        name: low + (high - low) * u
        for (name, (low, high)), u in zip(TRAITS.items(), draws, strict=True)
    }


def head(of: Traits, fineness: float = 1.0) -> Cloud:
    """Build a head as a cloud, `fineness` times as many points along a line as 64 pixels need."""
    count = {name: int(n * fineness**2) for name, n in _SURFACE_POINTS.items()}
    skull = _skull(of)
    level = np.sqrt(1 - (of["eyes_apart"] / of["width"]) ** 2)
    socket = skull(np.array([[of["eyes_apart"] / of["width"]], [0.0], [level]]))[0][2, 0]
    parts = [
        sample_surface(skull, spiral(count["skull"])),
        sample_surface(skull, spiral(count["face"], *_FACE)),
    ]
    for side in (-1, 1):
        parts.append(sample_surface(_eye(of, side, socket), spiral(count["eye"])))
        parts.append(sample_surface(_ear(of, side), spiral(count["ear"])))
    return join_clouds([*parts, _neck(of, count["neck"])])


def _skull(of: Traits) -> Surface:
    def surface(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, z = directions
        low = _rise(y, 0, -0.95)
        facing = _rise(z, -0.1, 0.4)
        x = of["width"] * x * (1 - of["jaw"] * low)
        z = np.where(z > 0, of["front"], of["back"] - 0.42 * _rise(y, 0.1, -0.9)) * z
        z = z + of["jut"] * low
        relief, tone = _face(of, x, y)
        z = z + facing * relief
        skin = of["skin_tone"] * (1 - facing * (1 - tone))
        line = of["hairline"] + 0.62 * z + 0.25 * np.exp(-(((z - 0.2) / 0.2) ** 2))
        hair = _rise(y - line, -0.04, 0.04)
        points = np.stack([x, y, z]) * (1 + of["hair_thick"] * hair)
        return points, skin + (of["hair_tone"] - skin) * hair

    return surface


def _face(of: Traits, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the face stands out at (x, y), and its tone as a share of the skin's."""
    bump = _bumps(x, y)
    eye, wide, mouth = of["eyes_apart"], of["nose_width"], of["mouth"]
    tip = _SIGHT - of["nose_length"]
    lip = tip - 0.22
    socket = bump(eye, 0, 0.17, 0.10)
    lips = bump(0, lip + 0.045, mouth, 0.04) + 1.2 * bump(0, lip - 0.05, 0.8 * mouth, 0.045)
    between = bump(0, lip, 1.05 * mouth, 0.016)
    relief = (
        _nose(of, x, y, tip)
        + 0.07 * bump(1.3 * wide, tip + 0.02, 0.055, 0.05)  # nostrils
        + of["brow"] * bump(eye, 0.15, 0.22, 0.07)
        + 0.03 * bump(0, _SIGHT, 0.12, 0.10)
        - 0.12 * socket
        + of["cheek"] * bump(0.42, -0.2, 0.20, 0.16)
        + 0.03 * bump(0, lip, 0.30, 0.16)
        + of["lips"] * lips
        - 0.05 * between
        - 0.03 * bump(0, lip - 0.13, 0.14, 0.04)
        + of["chin"] * bump(0, -0.86, of["chin_width"], 0.10)
    )
    hairs = _rise(bump(eye, 0.155, 0.17, 0.04), 0.45, 0.8)
    shade = (1 - 0.3 * socket) * (1 - 0.25 * np.minimum(lips, 1)) * (1 - 0.5 * between)
    return relief, shade * (1 - (1 - of["brow_tone"]) * hairs)


def _nose(of: Traits, x: np.ndarray, y: np.ndarray, tip: float) -> np.ndarray:
    down = np.clip((_SIGHT - y) / of["nose_length"], 0, 1)  # 0 at the root, 1 at the tip
    high = of["nose"] * (0.15 + 0.85 * down**1.3) * _rise(down, 0, 0.25)
    return (
        high
        * _rise(y, tip - 0.10, tip + 0.02)
        * np.exp(-((x / (0.05 + 0.6 * of["nose_width"] * down)) ** 2))
    )


def _eye(of: Traits, side: int, socket: float) -> Surface:
    middle = np.array([[side * of["eyes_apart"]], [0.0], [socket + 0.045 - of["eye"]]])

    def surface(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, up, ahead = directions
        lid = np.maximum(_rise(up, 0.28, 0.42), _rise(up, -0.38, -0.50))
        ball = 0.95 - 0.8 * _rise(ahead, 0.86, 0.90)
        tone = ball + (0.85 * of["skin_tone"] - ball) * _rise(lid, 0.3, 0.6)
        return middle + of["eye"] * (1 + 0.07 * lid) * directions, tone

    return surface


def _ear(of: Traits, side: int) -> Surface:
    def surface(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y, z = directions
        hollow = _rise(side * x, 0.1, 0.6) * np.exp(-(((z - 0.15) / 0.5) ** 2) - (y / 0.5) ** 2)
        x = 0.055 * x - side * 0.07 * hollow
        y = 0.24 * y * (1 + 0.15 * y)
        z = 0.14 * z * (1 + 0.2 * y)
        out = side * 0.985 * of["width"] + of["ear"] * (x - side * 0.35 * z)  # open to the front
        points = np.stack([out, of["ear"] * y - 0.03, of["ear"] * z - 0.08 - 0.15 * y])
        return points, of["skin_tone"] * (1 - 0.3 * hollow)

    return surface


def _neck(of: Traits, n: int) -> Cloud:
    """Wind points around a cylinder from inside the head to below the picture."""
    turn = np.arange(n) + 0.5
    angle, down = turn * np.pi * (3 - 5**0.5), 1.6 * turn / n
    wide, deep, back = 0.57 * of["width"], 0.38, 0.15
    cos, sin = np.cos(angle), np.sin(angle)
    points = np.stack([wide * cos, -0.3 - down, deep * sin - 0.06 - back * down])
    normals = np.stack([cos / wide, -back * sin / deep, sin / deep])
    normals /= np.sqrt((normals**2).sum(0))
    return cloud(points, normals, np.full(n, 0.95 * of["skin_tone"]))


def _bumps(x: np.ndarray, y: np.ndarray) -> Callable[[float, float, float, float], np.ndarray]:
    """Return a function (at x, at y, width, height) → a Gaussian bump, on both sides of x = 0."""
    x = np.abs(x)
    return lambda at_x, at_y, wide, tall: np.exp(
        -(((x - at_x) / wide) ** 2) - ((y - at_y) / tall) ** 2
    )


def _rise(x: np.ndarray, start: float, end: float) -> np.ndarray:
    """Go smoothly from 0 at `start` to 1 at `end`, 3t² − 2t³, and stay there."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)
