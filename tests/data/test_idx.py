import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from vaekit.data import load
from vaekit.data.paths import sha256
from vaekit.data.sets.mnist import mnist, read_idx
from vaekit.errors import VaekitError

TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def write_set(folder: Path, train: int = 6, test: int = 3, packed: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for part, n in (("train", train), ("t10k", test)):
        images = np.random.default_rng(n).integers(0, 256, (n, 5, 4), dtype=np.uint8)
        for stem, array in (("images-idx3", images), ("labels-idx1", np.arange(n, dtype=np.uint8))):
            name, content = f"{part}-{stem}-ubyte", idx(array)
            target = folder / (name + ".gz" * packed)
            target.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return folder


@pytest.mark.parametrize(
    ("name", "train", "test"), [("mnist", TRAIN, TEST), ("fashion-mnist", [6000] * 10, [1000] * 10)]
)
def test_the_real_sets_have_their_class_counts(real, name, train, test):
    found = load(name, real)
    assert found.train.labels.bincount().tolist() == train
    assert found.test.labels.bincount().tolist() == test
    assert found.train.shape == (1, 28, 28) and found.train.images.dtype == torch.uint8
    assert len(found.train.label_names) == 10 and found.train.name == name
    path = real / name / "t10k-labels-idx1-ubyte.gz"
    assert found.test.files[path.name] == sha256(path)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_files_are_found_in_every_place(offline, tmp_path, monkeypatch, packed, nested):
    below = "mnist" if nested else ""
    write_set(tmp_path / "given" / below, train=1, packed=packed)
    write_set(tmp_path / "shared" / below, train=2, packed=packed)
    write_set(offline / below, train=3, packed=packed)
    monkeypatch.setenv("VAEKIT_DATA", str(tmp_path / "shared"))
    assert len(load("mnist(check=false)", tmp_path / "given").train) == 1
    assert len(mnist(check=False).train) == 2
    monkeypatch.delenv("VAEKIT_DATA")
    assert len(mnist(check=False).train) == 3


def test_a_missing_file_says_where_it_was_looked_for(offline, tmp_path):
    with pytest.raises(VaekitError) as caught:
        load("mnist", tmp_path)
    text = str(caught.value)
    for part in (str(tmp_path), str(offline), "no route to host", "--data-dir", "$VAEKIT_DATA"):
        assert part in text
    with pytest.raises(VaekitError, match=r"data folder .* does not exist"):
        load("mnist", tmp_path / "none")


def test_the_downloaded_file_is_used(offline, tmp_path, monkeypatch):
    made = write_set(tmp_path / "home", train=4)
    asked = []

    def retrieve(url: str, known_hash: str | None, fname: str, path: Path) -> str:
        asked.append((url, known_hash))
        path.mkdir(parents=True, exist_ok=True)
        return str(shutil.copy(made / fname, path / fname))

    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert len(mnist(check=False).train) == 4 and len(asked) == 4
    assert asked[0][0].endswith("/mnist/train-images-idx3-ubyte.gz")
    assert len(mnist(check=False).train) == 4 and len(asked) == 4  # now from the cache


def test_another_content_is_refused(offline, tmp_path):
    write_set(tmp_path / "mnist")
    with pytest.raises(
        VaekitError, match=r"train-images.*md5 is .*, expected 6bbc9ace.*\n.*check=false"
    ):
        load("mnist", tmp_path)


def test_counts_that_differ(offline, tmp_path):
    folder = write_set(tmp_path)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.zeros(2, np.uint8)))
    with pytest.raises(
        VaekitError, match=r"t10k-images.*\(3, 5, 4\).*\(2,\) do not belong together"
    ):
        mnist(folder, check=False)


WHOLE = idx(np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
PACKED = gzip.compress(WHOLE, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"PNG and more", "not an IDX file: it begins with 50 4e 47 20"),
        (b"\0\0\x08\x03\0\0", "truncated within its header"),
        (WHOLE[:-1], r"should hold 28 bytes for shape \(3, 2, 2\), but has 27"),
        (WHOLE + b"x", "but has 29"),
        (idx(np.zeros(3, ">f4"), 13), r"IDX type 0x0d: only uint8"),
        (PACKED[:-9], "cannot read .* as a whole gzip file"),
        (PACKED[:12] + b"\xff\xff\xff" + PACKED[15:], "cannot read .* as a whole gzip file"),
        (PACKED[:-5] + b"\0" + PACKED[-4:], "cannot read .* as a whole gzip file"),
    ],
)
def test_damaged_files(tmp_path, content, message):
    (tmp_path / "x.idx").write_bytes(content)
    with pytest.raises(VaekitError, match=message):
        read_idx(tmp_path / "x.idx")


def test_whole_files(tmp_path):
    for content in (WHOLE, PACKED):
        (tmp_path / "x.idx").write_bytes(content)
        assert read_idx(tmp_path / "x.idx").tolist() == np.arange(12).reshape(3, 2, 2).tolist()
