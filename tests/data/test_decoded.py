"""Shrinking by area, archives, and the cache of decoded pictures."""

import re
import zipfile

import numpy as np
import pytest
import torch
from packing import KINDS, encoded, pack, pgm

from vaekit.data.archives import natural, open_files, stamp
from vaekit.data.area import averaged, box
from vaekit.data.decoding import mapped
from vaekit.data.files.pictures import pixels
from vaekit.errors import VaekitError

PGM = re.compile(r"\.pgm$")


def gray(content: bytes) -> np.ndarray:
    return pixels(content, 1)


def files(n: int = 12, shape: tuple[int, int] = (4, 3)) -> dict[str, bytes]:
    rng = np.random.default_rng(n)
    return {
        f"p{k}.pgm": pgm(rng.integers(0, 256, shape, dtype=np.uint8)) for k in reversed(range(n))
    }


def content_of(made: dict[str, bytes]) -> np.ndarray:
    return np.stack([gray(made[name]) for name in sorted(made, key=natural)])


# ---- shrinking


def test_whole_ratios_are_plain_means(rng):
    images = rng.integers(0, 256, (3, 2, 12, 8), dtype=np.uint8)
    found = averaged(images, (4, 2))  # 3x4 blocks, but the window keeps the shape: 3x3
    inner = images[..., 1:7].astype(float).reshape(3, 2, 4, 3, 2, 3).mean((3, 5))
    assert found.dtype == np.uint8 and np.abs(found - inner).max() <= 0.5 + 1e-4
    assert np.array_equal(averaged(images, (12, 8)), images)
    assert np.array_equal(averaged(images, (6, 4), crop=(6, 4)), images[..., 3:9, 2:6])


def test_any_ratio_keeps_the_mean_and_constants(rng):
    images = rng.integers(0, 256, (20, 37, 37), dtype=np.uint8)
    found = averaged(images, (11, 11))
    assert found.mean() == pytest.approx(images.mean(), abs=0.2)
    assert (averaged(np.full((1, 37, 41), 255, np.uint8), (13, 14)) == 255).all()
    ramp = np.tile(np.arange(0, 210, 3, dtype=np.uint8), (70, 1))  # linear: means are midpoints
    assert averaged(ramp, (28, 28))[0].tolist() == pytest.approx(
        [3 * (2.5 * (k + 0.5) - 0.5) for k in range(28)], abs=0.51
    )


def test_sizes_that_cannot_be():
    images = np.zeros((1, 8, 6), np.uint8)
    for size in ((9, 6), (8, 7)):
        with pytest.raises(VaekitError, match=r"of 8x6 .* never enlarged.*not [89]x[67]"):
            averaged(images, size)
    with pytest.raises(VaekitError, match=r"cannot crop 7x7 from pictures of 8x6"):
        averaged(images, (2, 2), crop=(7, 7))
    assert box(3) == (3, 3) and box([4, 5]) == (4, 5)
    for wrong in ("big", None):
        with pytest.raises(VaekitError, match="crop must be a side"):
            box(wrong, "crop")


# ---- folders and archives


def test_natural_order():
    assert sorted(["s10/1", "s2/10", "s2/9", "s2"], key=natural) == ["s2", "s2/9", "s2/10", "s10/1"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_packing_gives_the_same(own_cache, tmp_path, kind):
    made = files()
    path = pack(tmp_path / "deep" / "set", {**made, "notes.txt": b"no", "a/p0.PGM.bad": b""}, kind)
    with open_files(path, PGM) as source:
        assert source.names == tuple(f"p{k}.pgm" for k in range(12))
        assert source.read("p3.pgm") == made["p3.pgm"]
    read = mapped("toys", path, PGM, gray)
    assert read.images.shape == (12, 1, 4, 3) and read.images.dtype == torch.uint8
    assert np.array_equal(read.images.numpy(), content_of(made))


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("keep", [0, 0.3, 0.8])
def test_truncated_archives(own_cache, tmp_path, kind, keep):
    path = pack(tmp_path / "set", files(40, (30, 30)), kind)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(VaekitError, match=r"cannot read .*set\..* get it again"):
        mapped("toys", path, PGM, gray)


def test_a_damaged_member_is_noticed(own_cache, tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:  # stored
        archive.writestr("p0.pgm", pgm(np.full((30, 30), 77, np.uint8)))
    path.write_bytes(path.read_bytes().replace(b"\x4d" * 50, b"\x4e" * 50))
    with pytest.raises(VaekitError, match=r"cannot read .*set\.zip .*CRC.*get it again"):
        mapped("toys", path, PGM, gray)


def test_stamps_follow_the_files(tmp_path):
    made = files(3)
    path = pack(tmp_path / "set", made, "folder")
    first = stamp(path, PGM)
    (path / "notes.txt").write_text("not wanted")
    assert stamp(path, PGM) == first
    (path / "p1.pgm").write_bytes(made["p2.pgm"])
    assert stamp(path, PGM) != first


# ---- the cache


@pytest.mark.parametrize("kind", ["folder", ".zip", ".tar.xz"])
def test_pictures_are_decoded_once(own_cache, tmp_path, kind, monkeypatch):
    monkeypatch.setattr("vaekit.data.decoding.MANY_PICTURES", 20)
    made, seen = files(23), []

    def decode(content: bytes) -> np.ndarray:
        seen.append(content)
        return gray(content)

    path = pack(tmp_path / "set", made, kind)
    first = mapped("toys", path, PGM, decode)
    again = mapped("toys", path, PGM, decode)
    assert len(seen) == 23 and first.sha256 == again.sha256 and len(first.sha256) == 64
    for read in (first, again):
        assert read.names == tuple(f"p{k}.pgm" for k in range(23))
        assert np.array_equal(read.images.numpy(), content_of(made))
    (folder,) = (own_cache / "toys").iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["images.npy", "source.json"]
    again.images[0] = 0  # stays in memory
    assert np.array_equal(np.load(folder / "images.npy"), content_of(made))
    mapped("toys", path, PGM, decode, "another way")
    assert len(list((own_cache / "toys").iterdir())) == 2 and len(seen) == 46


def test_changed_files_are_decoded_anew(own_cache, tmp_path):
    path = pack(tmp_path / "set", files(3), "folder")
    old = mapped("toys", path, PGM, gray)
    (path / "p1.pgm").write_bytes(pgm(np.full((4, 3), 9, np.uint8)))
    new = mapped("toys", path, PGM, gray)
    assert (new.images[1] == 9).all() and not (old.images[1] == 9).all()
    assert new.sha256 != old.sha256


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p1.pgm", b"", r"p1\.pgm in .*: cannot read the picture"),
        (
            "p1.pgm",
            b"P5\n3 4\n255\n1234",
            r"p1\.pgm in .* cannot read .* get it again",
        ),
        ("p1.pgm", pgm(np.zeros((5, 3), np.uint8)), r"p0\.pgm is 3x4, p1\.pgm is 3x5"),
    ],
)
def test_bad_pictures_leave_nothing_behind(own_cache, tmp_path, name, content, message):
    path = pack(tmp_path / "set", {**files(3), name: content}, ".tar.gz")
    with pytest.raises(VaekitError, match=message):
        mapped("toys", path, PGM, gray)
    assert not [p for p in own_cache.rglob("*") if p.is_file()]


def test_no_pictures(own_cache, tmp_path):
    path = pack(tmp_path / "set", {"notes.txt": b""}, "folder")
    with pytest.raises(VaekitError, match="holds none of the pictures"):
        mapped("toys", path, PGM, gray)


def test_a_damaged_cache(own_cache, tmp_path):
    path = pack(tmp_path / "set", files(3), ".zip")
    mapped("toys", path, PGM, gray)
    (array,) = own_cache.rglob("images.npy")
    array.write_bytes(array.read_bytes()[:-5])
    with pytest.raises(VaekitError, match=r"cannot read .*decoded-\w+ .*delete that folder"):
        mapped("toys", path, PGM, gray)
    array.with_name("source.json").unlink()  # as if the first had been stopped
    assert len(mapped("toys", path, PGM, gray).images) == 3


def test_a_cache_that_cannot_be_written(own_cache, tmp_path):
    path = pack(tmp_path / "set", files(3), ".zip")
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(VaekitError, match=r"cannot write .*images\.npy"):
        mapped("toys", path, PGM, gray)


def test_many_pictures_are_announced(own_cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vaekit.data.decoding.MANY_PICTURES", 2)
    path = pack(tmp_path / "set", files(3), ".zip")
    mapped("toys", path, PGM, gray)
    assert "decoding 3 pictures of set.zip" in capsys.readouterr().err
    mapped("toys", path, PGM, gray)
    assert not capsys.readouterr().err


def test_colour_and_grey(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    png = encoded(picture, "PNG")
    assert np.array_equal(pixels(png, 3), picture.transpose(2, 0, 1))
    assert pixels(png, 1).shape == (1, 5, 4)
