import numpy as np
import pytest

from vaekit.data import load
from vaekit.data.sets.sprites import sprites
from vaekit.errors import VaekitError


@pytest.fixture(scope="module")
def all_masks() -> np.ndarray:
    """Every shape, scale and rotation of the default grid, in the middle: (3, 6, 40, 64, 64)."""
    return sprites(positions=1).images.numpy().reshape(3, 6, 40, 64, 64)


def test_default_grid_is_that_of_dsprites():
    data = sprites(scales=2, rotations=3, positions=4)
    assert data.factors.names == ("shape", "scale", "rotation", "x", "y")
    assert data.factors.sizes == (3, 2, 3, 4, 4) and len(data) == 288 == len(data.factors)
    assert data.images.unique().tolist() == [0, 255] and data.shape == (1, 64, 64)
    assert data.labels.bincount().tolist() == [96] * 3
    assert np.array_equal(data.labels, data.factors.codes(np.arange(288))[:, 0])
    assert data.factors.values[1].tolist() == [0.5, 1.0]
    assert data.factors.values[2] == pytest.approx([0, 2 * np.pi / 3, 4 * np.pi / 3])


def test_area_is_twice_the_square_of_the_radius_for_each_shape(all_masks):
    scales = np.linspace(0.5, 1, 6)
    area = (all_masks > 0).sum(axis=(-2, -1)).mean(axis=2)
    assert area / (2 * (16 * scales) ** 2) == pytest.approx(1, abs=0.04)


def test_centroid_stays_in_the_middle(all_masks):
    white = (all_masks > 0).astype(float)
    mass, line = white.sum(axis=(-2, -1)), np.arange(64) - 31.5
    for axis in (-1, -2):
        assert abs((white.sum(axis=axis) @ line) / mass).max() < 0.35


def test_symmetries(all_masks):
    square, ellipse, heart = all_masks
    assert np.array_equal(square, np.roll(square, 10, axis=1))
    assert np.array_equal(ellipse, np.roll(ellipse, 20, axis=1))
    assert np.array_equal(heart[:, 0], heart[:, 0, :, ::-1])
    upright = heart[-1, 0] > 0
    assert upright[:32].sum() > upright[32:].sum()  # lobes above, the tip below
    assert not upright[:22, 31:33].any() or upright[22:, 31:33].sum() > 20


def test_rotation_turns_counter_clockwise_by_equal_steps(all_masks):
    for shape in all_masks:
        assert np.array_equal(np.rot90(shape, axes=(-2, -1)), np.roll(shape, -10, axis=1))
    heart = all_masks[2] > 0
    distinct = {picture.tobytes() for picture in heart.reshape(240, -1)}
    assert len(distinct) == 240
    step = (heart != np.roll(heart, 1, axis=1)).sum(axis=(-2, -1)) / heart.sum(axis=(-2, -1))
    assert step.max() < 0.25  # continuous: neighbours differ little, the last and first too


@pytest.mark.parametrize(("positions", "pitch"), [(32, 1), (16, 2), (5, 8), (33, 1), (2, 32)])
def test_positions_are_equal_shifts_inside_the_image(positions, pitch):
    data = sprites(scales=1, rotations=3, positions=positions)
    images = data.images.numpy().reshape(9, positions, positions, 64, 64)
    white = (images > 0).sum(axis=(-2, -1))
    assert (white == white[:, :1, :1]).all()  # none is cut off
    assert np.array_equal(images[:, 1:, :, :, pitch:], images[:, :-1, :, :, :-pitch])
    assert np.array_equal(images[:, :, 1:, pitch:], images[:, :, :-1, :-pitch])


def test_other_sizes_scale_the_sprites(all_masks):
    large = sprites(positions=1, size=128).images.numpy().reshape(3, 6, 40, 128, 128)
    ratio = (large > 0).sum(axis=(2, 3, 4)) / (all_masks > 0).sum(axis=(2, 3, 4))
    assert ratio == pytest.approx(4, rel=0.05)
    assert sprites(shapes=1, scales=1, rotations=1, positions=9, size=17).shape == (1, 17, 17)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sprites(scales=0)", "scales must be ≥ 1, a whole number, got 0"),
        ("sprites(rotations=2.5)", "rotations must be a whole number"),
        ("sprites(shapes=4)", "there are 3 shapes"),
        ("sprites(size=15)", "too small"),
        ("sprites(size=32, positions=32)", "room for 17 positions"),
        ("sprites(scale=2)", r"it takes sprites\(shapes=3"),
    ],
)
def test_errors(text, message):
    with pytest.raises(VaekitError, match=message):
        load(text)


@pytest.mark.slow
def test_the_whole_grid():
    data = sprites()
    assert len(data) == 737_280 and data.images.nbytes == 737_280 * 64 * 64
    rows = np.random.default_rng(0).integers(0, len(data), 200)
    small = sprites(positions=1).images.numpy().reshape(3, 6, 40, 64, 64)
    for row, (shape, scale, turn, x, y) in zip(rows, data.factors.codes(rows), strict=True):
        moved = np.roll(
            small[shape, scale, turn], (y - 16, x - 16), axis=(0, 1)
        )  # level 16 is the middle
        assert np.array_equal(data.images[row, 0].numpy(), moved)
