"""Sets larger than memory: mapped from the cache they are what they are in memory."""

import errno
import json
import shutil
import warnings
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vaekit.data import Dataset, load
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.system import memory

DISK = namedtuple("DISK", "total used free")


def photo(path: Path, seed: int, size: tuple[int, int] = (9, 7), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size[::-1], len(mode)) if len(mode) > 1 else size[::-1]
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode).save(path)


def classes(root: Path) -> dict[str, Any]:
    for k in range(12):
        photo(root / ("cat", "dog", "eel")[k % 3] / f"{k}.png", k)
    return {}


def gray_of_sixteen_bits(root: Path) -> dict[str, Any]:
    root.mkdir()
    for k in range(5):
        pixels = np.random.default_rng(k).integers(0, 65536, (6, 5), dtype=np.uint16)
        Image.fromarray(pixels).save(root / f"{k}.png")
    photo(root / "x.png", 9, (5, 6), "L")
    return {}


def pages(root: Path) -> dict[str, Any]:
    root.mkdir()
    one, *others = [Image.new("L", (6, 6), k) for k in range(12)]
    one.save(root / "stack.tif", save_all=True, append_images=others)
    photo(root / "one.png", 1, (6, 6), "L")
    return {}


def sizes_that_differ(root: Path) -> dict[str, Any]:
    for k in range(8):
        photo(root / f"{k}.png", k, (9 + k, 12 - k), "RGBA" if k % 2 else "RGB")
    return {"size": 6, "ground": "black"}


def a_broken_one(root: Path) -> dict[str, Any]:
    for k in range(40):
        photo(root / f"{k}.png", k)
    (root / "7.png").write_bytes(b"no picture")
    whole = (root / "30.png").read_bytes()
    (root / "30.png").write_bytes(whole[:100])  # its head is sound
    return {"skip": True}


def own_parts(root: Path) -> dict[str, Any]:
    for k in range(8):
        photo(root / ("train", "test")[k % 4 == 0] / "ab"[k % 8 > 3] / f"{k}.png", k)
    return {"gray": True}


FOLDERS = [classes, gray_of_sixteen_bits, pages, sizes_that_differ, a_broken_one, own_parts]


def loaded(what: Any, **options: Any) -> tuple[list[Dataset], list[str]]:
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        parts = list(load(what, **options))
    return parts, sorted(str(note.message) for note in notes)


def assert_same(own: Dataset, mapped: Dataset) -> None:
    assert mapped.checksum() == own.checksum() and mapped.range == own.range
    assert torch.equal(mapped.images, own.images) and mapped.images.dtype == own.images.dtype
    assert (own.labels is None) == (mapped.labels is None)
    if own.labels is not None and mapped.labels is not None:
        assert torch.equal(own.labels, mapped.labels)
    for key in ("name", "label_names", "files"):
        assert getattr(own, key) == getattr(mapped, key)
    rows = torch.arange(len(own))
    assert own.names_of(rows) == mapped.names_of(rows)
    assert repr(own) == repr(mapped)


@pytest.mark.parametrize("make", FOLDERS)
def test_a_mapped_folder_is_the_same(own_cache, tmp_path, make):
    options = make(tmp_path / "pics")
    own, notes = loaded(tmp_path / "pics", **options)
    for _ in range(2):  # made, and read again
        mapped, notes_mapped = loaded(tmp_path / "pics", mmap=True, **options)
        assert notes_mapped == notes
        for one, other in zip(own, mapped, strict=True):
            assert_same(one, other)
    assert list(own_cache.glob("folder/*/images.npy"))


def test_pictures_that_changed_are_decoded_anew(own_cache, tmp_path):
    classes(tmp_path / "pics")
    before = load(tmp_path / "pics", mmap=True, holdout=0).train
    photo(tmp_path / "pics" / "cat" / "0.png", 99)
    after = load(tmp_path / "pics", mmap=True, holdout=0).train
    assert after.checksum() != before.checksum()
    assert_same(load(tmp_path / "pics", holdout=0).train, after)


def test_pictures_that_change_meanwhile_are_refused(own_cache, tmp_path, monkeypatch):
    classes(tmp_path / "pics")
    from vaekit.data.files import folder_reader

    decode = folder_reader.decode_page

    def decode_and_change(*given: Any) -> np.ndarray:
        (tmp_path / "pics" / "cat" / "0.png").touch()
        return decode(*given)

    monkeypatch.setattr(folder_reader, "decode_page", decode_and_change)
    with pytest.raises(VaekitError, match="changed while they were read: load them again"):
        load(tmp_path / "pics", mmap=True)
    assert not list(own_cache.glob("folder/*"))


def test_a_broken_picture_leaves_nothing(own_cache, tmp_path):
    a_broken_one(tmp_path / "pics")
    with pytest.raises(VaekitError, match="pass over such files with skip=true"):
        load(tmp_path / "pics", mmap=True)
    assert not list(own_cache.glob("folder/*"))


def test_a_damaged_cache_is_said(own_cache, tmp_path):
    classes(tmp_path / "pics")
    load(tmp_path / "pics", mmap=True)
    (place,) = own_cache.glob("folder/*")
    record = json.loads((place / "source.json").read_text())
    (place / "source.json").write_text(json.dumps({**record, "names": record["names"][1:]}))
    with pytest.raises(VaekitError, match="delete that folder, and they are made anew"):
        load(tmp_path / "pics", mmap=True)
    (place / "images.npy").write_bytes((place / "images.npy").read_bytes()[:-7])
    with pytest.raises(VaekitError, match="delete that folder, and they are made anew"):
        load(tmp_path / "pics", mmap=True)
    shutil.rmtree(place)
    load(tmp_path / "pics", mmap=True)


def test_a_cache_without_room_is_said(own_cache, tmp_path, monkeypatch):
    classes(tmp_path / "pics")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DISK(10, 10, 100))
    with pytest.raises(VaekitError, match=r"needs 0\.0 GiB, but 0\.0 GiB are free"):
        load(tmp_path / "pics", mmap=True)
    assert not list(own_cache.glob("folder/*"))


def test_a_full_disk_is_said(own_cache, tmp_path, monkeypatch):
    classes(tmp_path / "pics")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(VaekitError, match="no space left on the disk: free some"):
        load(tmp_path / "pics", mmap=True)


def test_a_cache_that_cannot_be_written_is_said(own_cache, tmp_path):
    classes(tmp_path / "pics")
    own_cache.write_text("a file")
    with pytest.raises(VaekitError, match="cannot write"):
        load(tmp_path / "pics", mmap=True)


def test_too_much_for_memory_is_said_before(tmp_path, monkeypatch):
    classes(tmp_path / "pics")
    monkeypatch.setattr(memory, "free_memory", lambda: 100)
    with pytest.warns(VaekitWarning, match=r"12 pictures of 7 x 9 .* mmap=true"):
        load(tmp_path / "pics")


def test_free_memory_is_that_of_the_container(tmp_path, monkeypatch):
    assert memory.free_memory() is None or memory.free_memory() > 2**20  # pyright: ignore[reportOptionalOperand]
    for name, text in {"_MACHINE": "MemAvailable: 10 kB", "_LIMIT": "4096", "_USED": "96"}.items():
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(memory, name, tmp_path / name)
    assert memory.free_memory() == 4000
    (tmp_path / "_LIMIT").write_text("max")
    assert memory.free_memory() == 10240
    monkeypatch.setattr(memory, "_MACHINE", tmp_path / "none")
    assert memory.free_memory() is None
