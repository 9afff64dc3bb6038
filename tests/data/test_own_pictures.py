"""Pictures that users bring: each kind means what it shows, or is refused with the reason."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vaekit.data import Dataset, Splits, load
from vaekit.errors import VaekitError, VaekitWarning

quiet = pytest.mark.filterwarnings("ignore::vaekit.errors.VaekitWarning")
RAMP = np.linspace(0, 65535, 64).reshape(8, 8).round()


def whole(folder: Path, **options) -> Dataset:
    return load(folder, holdout=0, **options).train


def means(data: Dataset) -> list[float]:
    return data.batch(torch.arange(len(data))).mean((1, 2, 3)).tolist()


def plain(path: Path, value: int = 100, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, (value,) * len(mode) if len(mode) > 1 else value).save(path)
    return path


def spot(mode: str = "RGBA") -> Image.Image:
    """Draw a black spot on transparent ground: a quarter of the picture is opaque."""
    pixels = np.zeros((8, 8, len(mode)), np.uint8)
    pixels[2:6, 2:6, -1] = 255
    return Image.fromarray(pixels, mode)


def palette(transparent: bool) -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.paste(0, (2, 2, 6, 6))
    if transparent:
        image.info["transparency"] = 1
    return image


# ---- one picture of each kind, with the mean that it shows: black is 0, white is 1


def save_16_bits(path: Path) -> None:
    Image.fromarray(RAMP.astype(np.uint16)).save(path)


def pgm_16_bits(path: Path) -> None:
    path.write_bytes(b"P5\n8 8\n65535\n" + RAMP.astype(">u2").tobytes())


def big_endian_tiff(path: Path) -> None:
    Image.frombytes("I;16B", (8, 8), RAMP.astype(">u2").tobytes()).save(path)


def png_16_bits(path: Path, kind: int, channels: int) -> None:
    """Write a PNG of 16 bits a channel, which Pillow itself cannot save but in grey."""
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        seal = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", seal)

    pixels = np.repeat(RAMP[..., None], channels, -1)
    if channels in (2, 4):
        pixels[..., -1] = 65535
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", 8, 8, 16, kind, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def colour_16_bits(path: Path) -> None:
    png_16_bits(path, 2, 3)


GRAY = {"gray": True}
KINDS: dict[str, tuple[str, Callable[[Path], object], dict, float]] = {
    "16 bits png": ("a.png", save_16_bits, {}, 0.5),
    "16 bits png, grey": ("a.png", save_16_bits, {"gray": True}, 0.5),
    "16 bits png, resized": ("a.png", save_16_bits, {"size": 4}, 0.5),
    "16 bits tiff": ("a.tif", save_16_bits, {}, 0.5),
    "16 bits tiff, big endian": ("a.tiff", big_endian_tiff, {}, 0.5),
    "16 bits pgm": ("a.pgm", pgm_16_bits, {}, 0.5),
    "16 bits colour": ("a.png", colour_16_bits, {}, 0.5),
    "1 bit": ("a.png", lambda p: Image.fromarray(np.eye(8) > 0).save(p), {}, 0.125),
    "bmp": ("a.bmp", lambda p: plain(p, 51), {}, 0.2),
    "grey jpeg": ("a.jpg", lambda p: plain(p, 51, "L"), {}, 0.2),
    "jfif": ("a.jfif", lambda p: Image.new("L", (8, 8), 51).save(p, "JPEG"), {}, 0.2),
    "cmyk": ("a.jpg", lambda p: Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(p), {}, 1.0),
    "lab": ("a.tif", lambda p: Image.new("LAB", (8, 8), (255, 128, 128)).save(p), {}, 1.0),
    "lab, grey": ("a.tif", lambda p: Image.new("LAB", (8, 8), (255, 128, 128)).save(p), GRAY, 1.0),
    "webp": ("a.webp", lambda p: Image.new("RGB", (8, 8), "white").save(p, lossless=True), {}, 1.0),
    "palette": ("a.png", lambda p: palette(False).save(p), {}, 0.25),
    "palette, transparent": ("a.png", lambda p: palette(True).save(p, transparency=1), {}, 0.75),
    "gif, transparent": ("a.gif", lambda p: palette(True).save(p, transparency=1), {}, 0.75),
    "rgba": ("a.png", lambda p: spot().save(p), {}, 0.75),
    "rgba, black ground": ("a.png", lambda p: spot().save(p), {"ground": "black"}, 0.0),
    "rgba webp": ("a.webp", lambda p: spot().save(p, lossless=True), {}, 0.75),
    "rgba tiff": ("a.tif", lambda p: spot().save(p), {"gray": True}, 0.75),
    "grey and alpha": ("a.png", lambda p: spot("LA").save(p), {}, 0.75),
    "grey with a transparent level": (
        "a.png",
        lambda p: Image.fromarray(np.eye(8, dtype=np.uint8) * 9).save(p, transparency=0),
        {},
        0.875 + 0.125 * 9 / 255,
    ),
    "nothing but transparent": ("a.png", lambda p: Image.new("RGBA", (8, 8)).save(p), {}, 1.0),
}


@pytest.mark.filterwarnings("ignore:.* 16 bits in colour")
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_shows_what_it_shows(kind, tmp_path):
    name, save, options, mean = KINDS[kind]
    save(tmp_path / name)
    data = whole(tmp_path, **options)
    assert data.names == (name,) and data.range[0] >= 0 and data.range[1] <= 1
    assert means(data) == [pytest.approx(mean, abs=0.01)]


def test_16_bits_beside_8_keep_their_depth(tmp_path):
    plain(tmp_path / "a.png", 51)
    save_16_bits(tmp_path / "b.png")
    data = whole(tmp_path)
    assert data.shape == (3, 8, 8) and data.images.dtype == torch.float32
    assert means(data) == [pytest.approx(0.2), pytest.approx(0.5, abs=1e-3)]
    assert len(data.images[1, 0].unique()) == 64
    np.testing.assert_allclose(data.images[1, 2], RAMP / 65535, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "save", "channels"),
    [
        ("a.png", colour_16_bits, 3),
        ("a.png", lambda p: png_16_bits(p, 4, 2), 1),
        ("a.png", lambda p: png_16_bits(p, 6, 4), 3),
        ("a.ppm", lambda p: p.write_bytes(b"P6\n8 8\n65535\n" + bytes(384)), 3),
    ],
    ids=["colour", "grey and alpha", "colour and alpha", "ppm"],
)
def test_bits_that_are_cut_are_said(name, save, channels, tmp_path):
    save(tmp_path / name)
    with pytest.warns(VaekitWarning, match=f"1 of 1 pictures have 16 bits .*: {name} is the first"):
        assert whole(tmp_path).shape == (channels, 8, 8)


SQUARE = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
TURNED = {
    1: SQUARE,
    2: SQUARE[:, ::-1],
    3: SQUARE[::-1, ::-1],
    4: SQUARE[::-1],
    5: SQUARE.T,
    6: np.rot90(SQUARE, -1),
    7: np.rot90(SQUARE, 2).T,
    8: np.rot90(SQUARE),
}


@pytest.mark.parametrize("packed", [None, "tiff_lzw", "packbits"])
@pytest.mark.parametrize("kind", ["L", "RGB", "I;16"])
def test_tiffs_are_set_upright(kind, packed, tmp_path):
    stored = {"L": SQUARE, "RGB": np.stack([SQUARE] * 3, -1), "I;16": SQUARE.astype("u2") * 257}
    for turn, upright in TURNED.items():
        path = tmp_path / str(turn) / "a.tif"
        path.parent.mkdir()
        Image.fromarray(stored[kind]).save(path, tiffinfo={274: turn}, compression=packed)
        pixels = whole(path.parent).batch(torch.arange(1)).mul(255).round()
        np.testing.assert_array_equal(pixels[0, 0], upright)


def test_later_pages_are_no_deeper_than_is_read(tmp_path):
    deep = Image.fromarray(SQUARE.astype(np.float32))
    Image.fromarray(SQUARE).save(tmp_path / "a.tif", save_all=True, append_images=[deep])
    with pytest.raises(VaekitError, match=r"a\.tif \(it has more than 16 bits"):
        whole(tmp_path)


@pytest.mark.parametrize(
    ("name", "save", "says"),
    [
        ("a.tif", lambda p: Image.fromarray(np.ones((4, 4), np.int32)).save(p), "than 16 bits"),
        ("a.tif", lambda p: Image.fromarray(np.ones((4, 4), np.float32)).save(p), "than 16 bits"),
        ("a.png", lambda p: p.write_text("%!PS-Adobe-3.0 EPSF-3.0\nshowpage\n"), "none of PNG"),
        ("a.jpg", lambda p: p.write_bytes(b"\xd7\xcd\xc6\x9a" + bytes(60)), "none of PNG"),
        ("a.gif", lambda p: p.write_bytes(b""), "none of PNG"),
        ("a.png", lambda p: p.symlink_to(p.parent / "gone.png"), "No such file"),
        ("a.png", os.mkfifo, "no regular file"),
        ("a.png", lambda p: p.symlink_to("/dev/zero"), "no regular file"),
        ("a.png", lambda p: Image.new("1", (20000, 20000)).save(p), "more pixels than a"),
        ("a.bmp", lambda p: p.write_bytes(plain(p).read_bytes()[:60]), "truncated"),
        ("a.tif", lambda p: p.write_bytes(b"II*\0\xff\xff\xff\xff"), ""),
    ],
    ids=[
        *("int32", "float", "postscript", "wmf", "empty", "dangling", "pipe", "device"),
        *("bomb", "cut", "tiff header"),
    ],
)
@quiet
def test_what_cannot_be_read_is_named_or_skipped(name, save, says, tmp_path):
    save(tmp_path / name)
    plain(tmp_path / "z.png")
    for options in ({}, {"gray": True}, {"size": 4}):
        with pytest.raises(VaekitError, match=rf"{name} \(.*{says}.*skip=true"):
            whole(tmp_path, **options)
    with pytest.warns(VaekitWarning, match=rf"1 of 2 pictures are skipped: {name} \(.*{says}"):
        data = whole(tmp_path, skip=True)
    assert data.names == ("z.png",) and len(data) == 1
    (tmp_path / "z.png").unlink()
    with pytest.raises(VaekitError, match=r"none of 1 pictures can be read"):
        whole(tmp_path, skip=True)


def test_no_other_program_is_started(tmp_path):
    (tmp_path / "set").mkdir()
    text = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\nshowpage\n"
    for ending in ("png", "jpg", "tif", "gif", "bmp", "webp", "pgm"):
        (tmp_path / "set" / f"a.{ending}").write_text(text)
    for program in ("gs", "gswin64c", "djpeg"):
        fake = tmp_path / program
        fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
        fake.chmod(0o755)
    code = f"from vaekit.data import load\nload({str(tmp_path / 'set')!r}, skip=True)"
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "none of 7 pictures can be read" in done.stderr
    assert not (tmp_path / "started").exists()


# ---- pages and frames


def pages(n: int, **sizes) -> list[Image.Image]:
    return [Image.new("L", (8 + k * sizes.get("growth", 0), 8), 20 * (k + 1)) for k in range(n)]


@pytest.mark.parametrize("name", ["s.tif", "s.gif", "s.webp", "s.png"])
def test_every_page_is_an_example(name, tmp_path):
    first, *rest = pages(5)
    options = {"lossless": True} if "webp" in name else {}
    first.save(tmp_path / name, save_all=True, append_images=rest, **options)
    data = whole(tmp_path)
    assert data.names == tuple(f"{name}#{k}" for k in range(5))
    assert means(data) == pytest.approx([20 * (k + 1) / 255 for k in range(5)], abs=0.01)


def test_pages_of_differing_sizes_are_named(tmp_path):
    first, *rest = pages(2, growth=3)
    first.save(tmp_path / "s.tif", save_all=True, append_images=rest)
    with pytest.raises(VaekitError, match=r"s.tif#0 is 8x8, s.tif#1 is 11x8 .*size=8"):
        whole(tmp_path)
    assert whole(tmp_path, size=6).shape == (1, 6, 6)


def test_previews_of_a_camera_are_no_examples(tmp_path):
    first, *rest = pages(3)
    first.convert("RGB").save(
        tmp_path / "a.jpg", "MPO", save_all=True, append_images=[p.convert("RGB") for p in rest]
    )
    assert whole(tmp_path).names == ("a.jpg",)


# ---- what lies in a folder


def names(found: Dataset | Splits) -> list[str]:
    return list(found.names) if isinstance(found, Dataset) else []


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train", "test"),
        ("Train", "Test"),
        ("TRAIN", "VAL"),
        ("training", "testing"),
        ("Training_Set", "Test-Set"),
        ("train_images", "valid"),
        ("train2017", "val2017"),
    ],
)
def test_parts_in_any_spelling(train, test, tmp_path):
    for part, n in ((train, 3), (test, 2)):
        for kind in ("cat", "dog"):
            for k in range(n):
                plain(tmp_path / part / kind / f"{k}.png")
    (tmp_path / "README.txt").touch()
    (tmp_path / "docs").mkdir()
    found = load(tmp_path)
    assert [len(part) for part in found] == [6, 4]
    assert found.train.label_names == found.test.label_names == ("cat", "dog")
    assert found.train.names[0] == f"{train}/cat/0.png"


@pytest.mark.parametrize("besides", ["val/cat/0.png", "extra/0.png", "cover.png"])
def test_what_is_left_beside_the_parts_is_said(besides, tmp_path):
    for part in ("train", "test"):
        plain(tmp_path / part / "cat" / "0.png")
    plain(tmp_path / besides)
    with pytest.warns(
        VaekitWarning, match=f"1 pictures beside train and test .*: {besides.split('/')[0]}"
    ):
        found = load(tmp_path)
    assert [len(part) for part in found] == [1, 1]


@pytest.mark.parametrize("wrapper", ["animals", "zip/animals"])
def test_wrapper_folders_are_looked_through(wrapper, tmp_path):
    for kind in ("cat", "dog"):
        plain(tmp_path / wrapper / kind / "0.png")
    plain(tmp_path / "__MACOSX" / wrapper / "cat" / "._0.png")
    data = whole(tmp_path)
    assert data.label_names == ("cat", "dog")
    assert data.names == (f"{wrapper}/cat/0.png", f"{wrapper}/dog/0.png")
    for part in ("train", "test"):
        plain(tmp_path / "more" / wrapper / part / "cat" / "0.png")
    assert [len(p) for p in load(tmp_path / "more")] == [1, 1]


def test_one_class_is_no_wrapper(tmp_path):
    plain(tmp_path / "cat" / "0.png")
    assert whole(tmp_path).label_names == ("cat",)


def test_links_are_followed_and_circles_end(tmp_path):
    plain(tmp_path / "set" / "cat" / "0.png")
    plain(tmp_path / "elsewhere" / "0.png")
    (tmp_path / "set" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "cat" / "1.png").symlink_to(tmp_path / "elsewhere" / "0.png")
    (tmp_path / "set" / "cat" / "again").symlink_to(tmp_path / "set")
    data = whole(tmp_path / "set")
    assert data.label_names == ("cat", "dog")
    assert sorted(data.names)[:2] == ["cat/0.png", "cat/1.png"] and "dog/0.png" in data.names
    (tmp_path / "link").symlink_to(tmp_path / "set")
    assert len(whole(tmp_path / "link")) == len(data)
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(VaekitError, match="no pictures in"):
        whole(tmp_path / "loop")


def test_hidden_files_are_passed_over(tmp_path):
    plain(tmp_path / "a.PNG")
    for name in (".b.png", "._a.PNG", ".cache/c.png", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    assert whole(tmp_path).names == ("a.PNG",)


def test_usual_endings_that_are_skipped_are_named(tmp_path):
    for name in ("a.heic", "b.HEIC", "c.svg"):
        (tmp_path / name).touch()
    with pytest.raises(VaekitError, match=r"no pictures in .*2 .heic, 1 .svg, which are not read"):
        whole(tmp_path)
    plain(tmp_path / "d.png")
    with pytest.warns(VaekitWarning, match=r"2 .heic, 1 .svg are left out"):
        assert len(whole(tmp_path)) == 1


def test_names_of_any_kind(tmp_path):
    given = ["a b.png", "ä.png", "x#1.png", "100%.png", "'q'.png", "$x$.png"]
    for name in given:
        plain(tmp_path / name)
    data = whole(tmp_path)
    assert sorted(data.names) == sorted(given)
    train, test = data.split(0.5)
    both = [*train.names_of(torch.arange(3)), *test.names_of(torch.arange(3))]
    assert sorted(both) == sorted(given)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ground": "blue"}, "ground must be white or black|ground must be"),
        ({"size": 0}, "size must be"),
        ({"size": 10**9}, "size must be at most 8192 pixels a side, got 1000000000: networks"),
        ({"size": [8, 8193]}, "at most 8192"),
        ({"skip": "yes"}, "skip must be True or False"),
        ({"gray": 1}, "gray must be True or False"),
        ({"colour": True}, "it takes folder"),
    ],
)
def test_options_that_do_not_serve(options, says, tmp_path):
    plain(tmp_path / "a.png")
    with pytest.raises(VaekitError, match=says):
        whole(tmp_path, **options)


def test_a_single_picture_is_no_set(tmp_path):
    with pytest.raises(VaekitError, match="single picture: name the folder"):
        load(plain(tmp_path / "a.png"))


def test_the_memory_of_a_picture_is_its_own(tmp_path):
    """What was decoded first is not overwritten by what comes next."""
    for k in range(3):
        plain(tmp_path / f"{k}.png", 51 * (k + 1), "L")
    assert means(whole(tmp_path)) == pytest.approx([0.2, 0.4, 0.6])
