"""Small NORB, on small matrices of its format."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from vaekit.data import Splits, load
from vaekit.data.area import averaged
from vaekit.data.paths import unpacked
from vaekit.data.sets.smallnorb import (
    CATEGORIES,
    NORB_FILES,
    TOY_FACTORS,
    norb_matrix,
    smallnorb,
)
from vaekit.errors import VaekitError

MAGIC = {"f4": 0x1E3D4C51, "i4": 0x1E3D4C54, "u1": 0x1E3D4C55}
TOYS = ((4, 6), (0, 5))
LEVELS = (2, 3, 4, 2)  # of elevation, azimuth, light, and of the categories


def norb(array: np.ndarray) -> bytes:
    sizes = (*array.shape, *[1] * (3 - array.ndim))
    header = struct.pack(f"<{2 + len(sizes)}i", MAGIC[array.dtype.str[1:]], array.ndim, *sizes)
    return header + array.tobytes()


def part(which: int) -> dict[str, np.ndarray]:
    """Make a part of 2 categories x 2 toys x 2 elevations x 3 azimuths x 4 lights, shuffled."""
    rng = np.random.default_rng(which)
    rows = np.array(list(np.ndindex(2, 2, 2, 3, 4)))[rng.permutation(96)]
    cat, toy, elevation, azimuth, light = rows.T
    info = np.stack([np.array(TOYS[which])[toy], elevation, 2 * azimuth, light], axis=1)
    images = rng.integers(0, 256, (96, 2, 6, 6), dtype=np.uint8)
    return {"dat": images, "cat": cat.astype(np.int32), "info": info.astype(np.int32)}


def write(
    folder: Path, packed: bool = False, which: int = 0, **changes: np.ndarray | bytes
) -> Path:
    """Write the six files, with changes to those of one part."""
    folder.mkdir(exist_ok=True)
    for k, name in enumerate(NORB_FILES):
        kind = name.split("-")[-1].removesuffix(".mat")
        arrays = part(k // 3) | (changes if k // 3 == which else {})
        found = arrays[kind]
        content = found if isinstance(found, bytes) else norb(found)
        path = folder / (name + ".gz" * packed)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


# ---- the format


@pytest.mark.parametrize("kind", ["i4", "u1"])
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (2, 1, 3, 2)])
def test_matrices(rng, tmp_path, kind, shape):
    array = rng.integers(0, 100, shape).astype(kind)
    assert np.array_equal(norb_matrix(norb(array), tmp_path), array)


def test_damaged_matrices(tmp_path):
    whole = norb(np.arange(12, dtype=np.int32).reshape(3, 4))
    for content in (whole[:-1], whole + b"0"):
        with pytest.raises(VaekitError, match=r"a matrix \(3, 4\) takes 68 bytes, but"):
            norb_matrix(content, tmp_path)
    for content in (b"", whole[:19], b"\0" * 40):
        with pytest.raises(VaekitError, match="no matrix in NORB's binary format"):
            norb_matrix(content, tmp_path)
    for many in (0, 9, -1):
        with pytest.raises(VaekitError, match=f"says {many} dimensions"):
            norb_matrix(struct.pack("<2i", MAGIC["u1"], many) + bytes(60), tmp_path)
    with pytest.raises(VaekitError, match="damaged"):
        norb_matrix(struct.pack("<5i", MAGIC["u1"], 2, -1, -3, 1) + bytes(3), tmp_path)


def test_unpacked(tmp_path):
    path = tmp_path / "x"
    for content in (b"plain", gzip.compress(b"plain")):
        path.write_bytes(content)
        assert unpacked(path) == b"plain"
    path.write_bytes(gzip.compress(bytes(1000))[:-6])
    with pytest.raises(VaekitError, match=r"cannot read .*get it again"):
        unpacked(path)


# ---- the set


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("camera", [0, 1])
def test_both_parts_make_a_grid(offline, tmp_path, packed, camera, monkeypatch):
    write(tmp_path / "small_norb", packed)
    text = f"smallnorb(size=6, camera={camera}, check=false)"
    data = load(text, tmp_path, holdout=0).train
    assert data.factors.names == TOY_FACTORS and data.factors.sizes == (2, 4, 2, 3, 4)
    assert [v.tolist() for v in data.factors.values[1:4]] == [[0, 4, 5, 6], [30, 35], [0, 20, 40]]
    images = data.images.numpy()
    for which in (0, 1):
        made = part(which)
        toy = np.searchsorted([0, 4, 5, 6], made["info"][:, 0])
        levels = np.stack([made["cat"], toy, *made["info"][:, 1:].T // [[1], [2], [1]]], axis=1)
        assert np.array_equal(images[data.factors.index(levels), 0], made["dat"][:, camera])
    assert np.array_equal(data.labels, data.factors.codes(np.arange(192))[:, 0])
    assert data.label_names == CATEGORIES and len(data.files) == 6
    monkeypatch.setattr("vaekit.data.sets.smallnorb.unpacked", lambda *_: pytest.fail("read again"))
    assert load(text, tmp_path, holdout=0).train.checksum() == data.checksum()


def test_the_published_parts(offline, tmp_path):
    splits = load("smallnorb(size=3, official=true, check=false)", write(tmp_path / "norb").parent)
    assert isinstance(splits, Splits) and [len(data) for data in splits] == [96, 96]
    for data, toys in zip(splits, TOYS, strict=True):
        levels = data.levels(torch.arange(96))
        assert set(data.factors.values[1][levels[:, 1]]) == set(toys)
    assert splits.train.images is splits.test.images
    made = part(0)
    row = int(splits.train.factors.index([[*made["cat"][:1], 1, 0, 0, 0]])[0])
    where = (made["info"] == [4, 0, 0, 0]).all(axis=1) & (made["cat"] == made["cat"][0])
    expected = averaged(made["dat"][where, 0], (3, 3))[0]
    assert np.array_equal(splits.train.images[row, 0], expected)


def test_found_and_checked(offline, tmp_path):
    write(tmp_path / "smallnorb", True)
    load("smallnorb(size=4, check=false)", tmp_path)
    with pytest.raises(VaekitError, match=r"md5 is .* expected 8138a0902307b32dfa0025a36dfa45ec"):
        load("smallnorb(size=4)", tmp_path)  # not from what was kept unchecked
    (tmp_path / "smallnorb" / f"{NORB_FILES[4]}.gz").unlink()
    with pytest.raises(VaekitError, match=r"testing-cat\.mat\.gz is not in .*failed"):
        load("smallnorb(size=4)", tmp_path)
    with pytest.raises(VaekitError, match="camera must be 0 or 1, got"):
        load("smallnorb(camera=2)", tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dat": part(0)["dat"][:, 0]}, r"training-dat\.mat: expected \(N, 2, H, W\) uint8"),
        ({"dat": part(0)["dat"].astype(np.int32)}, r"expected \(N, 2, H, W\) uint8, got .*int32"),
        ({"dat": part(0)["dat"][:, :1]}, r"expected two cameras, got \(96, 1, 6, 6\)"),
        ({"dat": part(0)["dat"][:0]}, r"got \(0, 2, 6, 6\)"),
        ({"cat": part(0)["cat"][:-1]}, r"training-cat\.mat: expected \(96,\) whole .*\(95,\)"),
        ({"cat": part(0)["cat"] + np.int32(4)}, "whole numbers 0 to 4"),
        ({"cat": part(0)["cat"].astype(np.uint8)}, "whole numbers 0 to 4, got .* uint8"),
        ({"cat": part(0)["cat"].astype(np.float32)}, "no matrix in NORB's"),
        ({"info": part(0)["info"][:, :3]}, r"training-info\.mat: expected \(96, 4\)"),
        ({"info": part(1)["info"]}, "192 images .* there more than once: get the six files"),
        ({"info": part(0)["info"] * 0}, "not each combination"),
        ({"dat": norb(part(0)["dat"])[:-7]}, r"training-dat\.mat is damaged or truncated"),
        ({"cat": b"nothing"}, "no matrix in NORB's"),
    ],
)
def test_other_layouts(offline, tmp_path, changes, message):
    write(tmp_path, **changes)
    with pytest.raises(VaekitError, match=message):
        smallnorb(6, data_dir=tmp_path, check=False)
    assert not [p for p in offline.rglob("*") if p.is_file()]


def test_a_damaged_cache(offline, tmp_path):
    write(tmp_path)
    smallnorb(6, data_dir=tmp_path, check=False)
    (record,) = offline.rglob("source.json")
    record.write_text("{}")
    with pytest.raises(VaekitError, match=r"cannot read .*delete that folder"):
        smallnorb(6, data_dir=tmp_path, check=False)
