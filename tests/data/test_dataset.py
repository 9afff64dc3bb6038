import numpy as np
import pytest
import torch

from vaekit.data import Dataset, Factors, Splits, load
from vaekit.errors import VaekitError


def bytes_(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(5, 4, 4), (5, 1, 4, 4), (5, 3, 4, 6), (1, 1, 4, 4), (5, 7)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64, np.int64])
def test_accepted_shapes_and_types(shape, kind):
    raw = bytes_(*shape).astype(kind)
    raw.flat[0] = 255
    data = Dataset.from_array(raw)
    pictures = raw.dtype.kind != "f" and len(shape) > 2
    assert data.images.dtype == (torch.uint8 if pictures else torch.float32)
    assert data.shape == ((1, 4, 4) if shape == (5, 4, 4) else shape[1:]) and len(data) == shape[0]
    batch = data.batch(torch.tensor([0]))
    assert batch.dtype == torch.float32 and batch.shape == (1, *data.shape)
    assert float(batch.flatten()[0]) == (1 if pictures else 255)


def test_bool_becomes_black_and_white_and_scale_divides():
    mask = bytes_(3, 4, 4) > 127
    assert Dataset.from_array(mask).images.unique().tolist() == [0, 255]
    assert Dataset.from_array(mask.astype(int), scale=1).range == (0, 1)
    deep = np.full((2, 4, 4), 65535, np.uint16)
    assert Dataset.from_array(deep, scale=65535).range == (1, 1)
    assert Dataset.from_array(torch.ones(2, 3, dtype=torch.bfloat16) * 2).range == (2, 2)


def test_layout_and_odd_memory():
    raw = bytes_(4, 8, 9, 3)
    data = Dataset.from_array(raw, layout="nhwc")
    assert data.shape == (3, 8, 9)
    assert np.array_equal(data.images.numpy(), raw.transpose(0, 3, 1, 2))
    assert Dataset.from_array(raw, layout="nchw").shape == (8, 9, 3)
    backwards = raw[::-1, :, :, 0].astype(">f4")
    assert np.array_equal(Dataset.from_array(backwards).images.numpy()[:, 0], raw[::-1, :, :, 0])
    raw.flags.writeable = False
    assert Dataset.from_array(raw[..., 0]).shape == (1, 8, 9)  # no warning


NAN = np.ones((4, 2, 2), np.float32)
NAN[2, 0, 1], NAN[3, 1, 1] = np.nan, np.inf


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros(4), {}, r"expected images \(N, C, H, W\) or .* table \(N, D\), got shape \(4,\)"),
        (np.zeros((0, 3, 3)), {}, r"got none: shape \(0, 3, 3\)"),
        (np.zeros((2, 3, 3, 3, 3)), {}, r"got shape \(2, 3, 3, 3, 3\)"),
        (bytes_(4, 32, 32, 3), {}, r"\(N, H, W, C\), .*pass layout='nhwc'"),
        (bytes_(4, 3), {"layout": "hwc"}, "layout must be"),
        (NAN, {}, r"2 NaN or infinite values .*, the first in image 2"),
        (np.array([[1e300, 0]]), {}, "1 NaN or infinite"),
        (np.array([[[0, 300]]]), {}, r"\(int64\).* 0 to 255, .* got 0 to 300: pass scale=300"),
        (np.array([[[-1, 3]]]), {}, "got -1 to 3"),
        (np.array([[[0, 1]]], np.uint8), {}, "0 and 1 alone.*pass bool"),
        (np.array([["a"]]), {}, "cannot read numbers of type <U1"),
        (np.array([[1j]]), {"scale": 2}, "cannot read numbers of type complex"),
        (bytes_(2, 3), {"scale": 0}, "scale must be a positive number"),
        (bytes_(2, 3), {"labels": [1, 2, 3]}, "expected 2 whole-number labels"),
        (bytes_(2, 3), {"labels": [0.5, 1]}, "expected 2 whole-number labels"),
        (bytes_(2, 3), {"labels": ["a", "b"]}, "expected 2 whole-number labels"),
    ],
)
def test_refused(images, options, message):
    with pytest.raises(VaekitError, match=message):
        Dataset.from_array(images, **options)


def test_parts_that_do_not_fit():
    images = torch.zeros(4, 1, 2, 2)
    with pytest.raises(VaekitError, match=r"use Dataset\.from_array"):
        Dataset(images.double())
    with pytest.raises(VaekitError, match="expected 4 labels"):
        Dataset(images, torch.zeros(3))
    with pytest.raises(VaekitError, match="span 3 images, but there are 4"):
        Dataset(images, factors=Factors(("a",), (3,), (np.arange(3),)))


@pytest.fixture
def numbered() -> Dataset:
    factors = Factors(("a", "b"), (4, 5), (np.arange(4), np.arange(5)))
    return Dataset(torch.arange(20.0)[:, None], torch.arange(20) % 3, factors)


def test_subsets_are_views_and_nest(numbered):
    part = numbered.subset([19, 3, 3, 7]).subset(torch.tensor([3, 0]))
    assert part.images is numbered.images and len(part) == 2
    both = torch.tensor([0, 1])
    assert part.batch(both).flatten().tolist() == [7, 19]
    labels, levels = part.batch_labels(both), part.levels(both)
    assert labels is not None and labels.tolist() == [1, 1]
    assert levels is not None and levels.tolist() == [[1, 2], [3, 4]]
    assert part.range == (7, 19) and numbered.range == (0, 19)
    bare = Dataset(numbered.images)
    assert bare.batch_labels(both) is None and bare.levels(both) is None


@pytest.mark.parametrize("rows", [[], [20], [-1], [[1]]])
def test_bad_rows(numbered, rows):
    with pytest.raises(VaekitError, match="rows"):
        numbered.subset(rows)


def test_split_parts_the_set_and_repeats(numbered):
    train, test = numbered.split(0.25, seed=3)
    assert len(train) == 15 and len(test) == 5
    assert sorted([*train.rows.tolist(), *test.rows.tolist()]) == list(range(20))
    assert numbered.split(0.25, seed=3)[1].rows.equal(test.rows)
    assert not numbered.split(0.25, seed=4)[1].rows.equal(test.rows)
    inner = train.split(0.2)[1]
    assert set(inner.rows.tolist()) <= set(train.rows.tolist())
    for share in (0.0, 0.01, 1.0, -1.0, 2.0):
        with pytest.raises(VaekitError, match="holding out"):
            numbered.split(share)


def test_moving_shares_the_pixels(numbered):
    parts = Splits(*numbered.split(0.5)).to("meta")
    assert parts.train.images is parts.test.images and parts.test.images.device.type == "meta"
    assert numbered.to("cpu").labels is not None


def test_checksum_is_of_the_content(numbered):
    copy = Dataset(numbered.images.clone())
    assert copy.checksum() == numbered.checksum() and len(copy.checksum()) == 64
    assert numbered.subset([1, 2]).checksum() != numbered.subset([2, 1]).checksum()
    copy.images[3] += 1
    assert copy.checksum() != numbered.checksum()
    permuted = Dataset(torch.from_numpy(bytes_(2, 4, 4, 3)).permute(0, 3, 1, 2))
    assert permuted.checksum() == Dataset(permuted.images.contiguous()).checksum()


def test_pieces_cover_a_set_larger_than_one(monkeypatch):
    monkeypatch.setattr("vaekit.data.border._PIECE", 8)
    images = np.ones((5, 3), np.float32)
    images[3, 1] = 7
    assert Dataset.from_array(images).range == (1, 7)
    assert Dataset.from_array(images).subset([0, 1, 3]).range == (1, 7)
    one_piece = Dataset.from_array(images).checksum()
    monkeypatch.undo()
    assert Dataset.from_array(images).checksum() == one_piece
    images[4] = np.nan
    with pytest.raises(VaekitError, match=r"3 NaN .* row 4"):
        Dataset.from_array(images)


def test_load_takes_arrays_and_sets(numbered):
    assert load(bytes_(10, 3)).train.name == "array"
    assert len(load(torch.zeros(10, 3)).test) == 1
    assert load(numbered, holdout=0).train is numbered
    parts = load(numbered, holdout=0.5, seed=1)
    assert load(parts) is parts and parts.train.images is numbered.images
    with pytest.raises(VaekitError, match="cannot load data from list"):
        load([1, 2])
