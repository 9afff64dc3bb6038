import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes

from vaekit.data import load
from vaekit.data.rendering import clouds
from vaekit.data.rendering import head as model
from vaekit.data.sets.heads import heads
from vaekit.errors import VaekitError

AHEAD = np.array([[0.0, 0.0, 1.0]])
SMALL = {"identities": 2, "azimuths": 3, "elevations": 3, "lights": 5, "size": 32}


@pytest.fixture(scope="module")
def head() -> clouds.Cloud:
    return model.head(model.traits(0, 0))


@pytest.fixture(scope="module")
def small() -> np.ndarray:
    return heads(**SMALL).images.numpy().reshape(2, 3, 3, 5, 32, 32)


def ball(radius: float = 1.0) -> clouds.Cloud:
    return clouds.sample_surface(
        lambda d: (radius * d, np.ones(d.shape[1])), clouds.spiral(200_000)
    )


# ---- the renderer


def test_a_ball_obeys_lamberts_law():
    towards = np.array([[0.6, 0.0, 0.8], [0, 0.6, 0.8], [0, 0, -1]])
    found = clouds.draw_cloud(ball(), np.eye(3), towards, 64) / 255
    x = ((np.arange(64) + 0.5) / 32 - 1) * clouds.REACH
    x, y = np.meshgrid(x, -x)
    inner = x**2 + y**2 < 0.9
    normal = np.stack([x, y, np.sqrt(np.maximum(1 - x**2 - y**2, 0))])
    for image, light in zip(found, towards, strict=True):
        lit = np.maximum(np.einsum("k,kij->ij", light, normal), 0)
        expected = clouds.AMBIENT + (1 - clouds.AMBIENT) * lit
        assert np.abs(image - expected)[inner].max() < 0.03
        assert not image[x**2 + y**2 > 1.1].any()


def test_outlines_are_smooth_and_areas_right():
    for radius in (0.5, 1.0):
        image = clouds.draw_cloud(ball(radius), np.eye(3), -AHEAD, 64)[0]
        covered = image.sum() / (255 * clouds.AMBIENT) * (2 * clouds.REACH / 64) ** 2
        grown = radius + clouds.REACH / (64 * clouds.SAMPLES)  # by half a sample
        assert covered == pytest.approx(np.pi * grown**2, rel=0.01)
        levels = 255 * clouds.AMBIENT * np.arange(10) / 9  # 0 to 9 of 9 samples
        assert len(np.unique(image)) > 6
        assert np.abs(image[..., None] - levels).min(axis=-1).max() <= 0.5 + 1e-6


def test_the_nearest_point_is_seen():
    near, far = ball(0.5), ball(1.0)
    black = near._replace(points=near.points + np.float32([[0], [0], [1]]), tones=0 * near.tones)
    both = clouds.draw_cloud(clouds.join_clouds([black, far]), np.eye(3), AHEAD, 64)[0]
    swapped = clouds.draw_cloud(clouds.join_clouds([far, black]), np.eye(3), AHEAD, 64)[0]
    assert np.array_equal(both, swapped) and both[32, 32] == 0 and both[32, 60 - 6] > 0
    behind = clouds.draw_cloud(
        clouds.join_clouds([black, far]), clouds.rotation(180, 0), AHEAD, 64
    )[0]
    assert behind[32, 32] > 250


def test_gaps_of_one_sample_are_closed():
    found = np.arange(100, 149).reshape(7, 7) << 40
    holed = found.copy()
    holed[3, 3], holed[1, 5] = -1, -1
    closed = clouds._closed(holed)
    assert closed.min() > 0 and (closed != found).sum() == 2
    holed[2:5, 2:5] = -1  # three samples wide: something to be seen through
    assert clouds._closed(holed)[3, 3] == -1


def test_spirals_cover_evenly():
    points = clouds.spiral(2000).T
    apart = np.arccos(np.clip(points @ points.T - 2 * np.eye(2000), -1, 1)).min(axis=1)
    assert apart.min() > 0.6 * np.sqrt(4 * np.pi / 2000) and np.abs(points.mean(0)).max() < 1e-3
    cap = clouds.spiral(500, (3, 0, 4), 0.2)
    assert np.abs((cap**2).sum(0) - 1).max() < 1e-12
    assert (np.array([0.6, 0, 0.8]) @ cap).min() > 0.8 - 1e-9


# ---- the head


def centre(head: clouds.Cloud, azimuth: float, elevation: float) -> tuple[float, float]:
    """Return the column and row where the tip of the nose is seen."""
    tip = head.points[2] > np.quantile(head.points[2], 0.98)
    marked = head._replace(tones=np.float32(tip))
    image = clouds.draw_cloud(marked, clouds.rotation(azimuth, elevation), AHEAD, 64)[0].astype(
        float
    )
    line = np.arange(64)
    return (image @ line).sum() / image.sum(), (line @ image).sum() / image.sum()


def test_azimuth_turns_to_the_right_and_elevation_upwards(head):
    columns = [centre(head, angle, 0)[0] for angle in np.linspace(-90, 90, 21)]
    rows = [centre(head, 0, angle)[1] for angle in np.linspace(-30, 30, 11)]
    assert np.diff(columns).min() > 0.2 and columns[0] < 12 and columns[-1] > 52
    assert np.diff(rows).max() < -0.5
    assert columns[10] == pytest.approx(31.5, abs=0.5)


def test_the_light_goes_from_left_to_right(head):
    towards = np.radians(np.linspace(-75, 75, 11))
    lights = np.stack([np.sin(towards), 0 * towards, np.cos(towards)], axis=1)
    images = clouds.draw_cloud(head, np.eye(3), lights, 64).astype(float)
    right = images[..., 32:].sum(axis=(1, 2)) / images.sum(axis=(1, 2))
    assert np.diff(right).min() > 0.02 and right[5] == pytest.approx(0.5, abs=0.01)


def test_a_head_is_the_mirror_of_itself(head):
    right = np.array([[0.8, 0.0, 0.6]])
    first = clouds.draw_cloud(head, clouds.rotation(40, 10), right, 64)[0].astype(float)
    second = clouds.draw_cloud(head, clouds.rotation(-40, 10), right * [[-1, 1, 1]], 64)[0]
    assert np.abs(first - second[:, ::-1]).mean() < 1.5


@pytest.mark.parametrize("identity", range(3))
def test_surfaces_have_no_holes(identity):
    head = model.head(model.traits(5, identity))
    for azimuth in (-90, -45, 0, 70):
        for elevation in (-30, 0, 30):
            view = clouds.rotation(azimuth, elevation)
            covered = clouds.draw_cloud(head, view, -AHEAD, 64)[0] > 0
            assert np.array_equal(binary_fill_holes(covered), covered)
            assert 0.15 < covered.mean() < 0.6
            assert not covered[0].any() and not covered[:, 0].any() and not covered[:, -1].any()


def test_traits_lie_in_their_ranges_and_differ():
    drawn = [model.traits(1, k) for k in range(20)]
    for name, (low, high) in model.TRAITS.items():
        values = [of[name] for of in drawn]
        assert low <= min(values) < max(values) <= high and len(set(values)) == 20


# ---- the set


def test_the_grid(small):
    data = heads(**SMALL)
    assert data.factors.names == ("identity", "azimuth", "elevation", "lighting")
    assert data.factors.sizes == (2, 3, 3, 5) and len(data) == 90 and data.shape == (1, 32, 32)
    assert data.factors.values[1].tolist() == [-90, 0, 90]
    assert data.factors.values[3].tolist() == [-75, -37.5, 0, 37.5, 75]
    assert np.array_equal(data.labels, data.factors.codes(np.arange(90))[:, 0])
    assert len({image.tobytes() for image in small.reshape(90, -1)}) == 90
    assert small.max() > 150 and small.min() == 0


def test_an_index_tells_its_picture(small):
    data = heads(**SMALL)
    for row in (7, 50, 88):
        levels = data.factors.codes([row])[0]
        who, *angles = (v[k] for v, k in zip(data.factors.values, levels, strict=True))
        alone = heads(2, 1, 1, 1, 32)
        assert alone.factors.values[1:] == ([0], [0], [0])
        a, e = np.radians(angles[2]), np.radians(25)
        light = np.array([[np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)]])
        cloud = model.head(model.traits(0, who), 0.5)
        drawn = clouds.draw_cloud(cloud, clouds.rotation(angles[0], angles[1]), light, 32)[0]
        assert np.array_equal(small[tuple(levels)], drawn)


def test_the_same_bits_in_every_run(small):
    code = f"from vaekit.data.sets.heads import heads; print(heads(**{SMALL}).checksum())"
    known = heads(**SMALL).checksum()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == known
    fewer = heads(**SMALL | {"identities": 1}).images.numpy()
    assert np.array_equal(fewer.reshape(1, 3, 3, 5, 32, 32), small[:1])
    assert heads(**SMALL, seed=1).checksum() != known


def test_many_are_drawn_once_and_mapped(own_cache, small, monkeypatch, capsys):
    monkeypatch.setattr("vaekit.data.sets.heads._IN_MEMORY", 0)
    first = heads(**SMALL)
    assert "drawing 90 heads" in capsys.readouterr().err
    monkeypatch.setattr("vaekit.data.sets.heads.draw_cloud", lambda *_: pytest.fail("drawn again"))
    again = heads(**SMALL)
    assert np.array_equal(first.images.numpy().reshape(small.shape), small)
    assert first.checksum() == again.checksum() and not capsys.readouterr().err
    (array,) = (own_cache / "heads").rglob("images.npy")
    array.write_bytes(array.read_bytes()[:-9])
    with pytest.raises(VaekitError, match=r"cannot read .*delete that folder"):
        heads(**SMALL)


def test_a_stopped_drawing_leaves_nothing(own_cache, monkeypatch):
    monkeypatch.setattr("vaekit.data.sets.heads._IN_MEMORY", 0)
    monkeypatch.setattr("vaekit.data.sets.heads.draw_cloud", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        heads(**SMALL)
    assert not [path for path in own_cache.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("heads(identities=0)", "identities must be ≥ 1, a whole number, got 0"),
        ("heads(lights=2.5)", "lights must be a whole number"),
        ("heads(azimuths=true)", "azimuths must be a whole number"),
        ("heads(size=8)", "size must be a whole number, 16 to 256, got 8"),
        ("heads(identities=100000000)", "would take .* GB, more than 137: ask for fewer levels"),
        ("heads(seed=-1)", "seed must be a whole number ≥ 0"),
        ("heads(lighting=3)", r"it takes heads\(identities=50"),
    ],
)
def test_errors(text, message):
    with pytest.raises(VaekitError, match=message):
        load(text)
