"""CIFAR-10: small batches of the binary layout, pictures, pickles kept shut, the real JPEGs."""

import hashlib
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from packing import KINDS, encoded, pack

from vaekit.data import load
from vaekit.data.sets.cifar10 import CIFAR10, CIFAR_CLASSES, cifar10
from vaekit.errors import VaekitError

STEMS = (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch")


def batches(n: int = 4) -> tuple[dict[str, bytes], np.ndarray]:
    """Return the six files, n records each, and all records (6n, 3073)."""
    records = np.random.default_rng(0).integers(0, 256, (6 * n, 3073), dtype=np.uint8)
    records[:, 0] %= 10
    files = {
        f"{stem}.bin": part.tobytes()
        for stem, part in zip(STEMS, np.split(records, 6), strict=True)
    }
    return {**files, "batches.meta.txt": b"airplane\n", "readme.html": b""}, records


def below(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


@pytest.mark.parametrize("place", ["", "cifar10", "cifar-10"])
@pytest.mark.parametrize("form", ["archive", "folder", "files"])
def test_binary_layouts(offline, tmp_path, place, form):
    files, records = batches()
    folder = tmp_path / "d" / place
    if form == "archive":
        inside = below("cifar-10-batches-bin", files)
        pack(folder / "cifar-10-binary", inside, ".tar.gz")
    else:
        pack(folder / ("cifar-10-batches-bin" if form == "folder" else ""), files, "folder")
    train, test = load("cifar10(check=false)", tmp_path / "d")
    assert (len(train), len(test)) == (20, 4) and train.shape == (3, 32, 32)
    assert train.labels.tolist() == records[:20, 0].tolist() and train.label_names == CIFAR_CLASSES
    assert train.images[7].flatten().tolist() == records[7, 1:].tolist()
    assert test.images[2].flatten().tolist() == records[22, 1:].tolist()
    assert test.images.dtype == torch.uint8 and test.images.is_contiguous()
    assert set(test.files) == ({CIFAR10.file} if form == "archive" else {"test_batch.bin"})
    assert len(train.files) == (1 if form == "archive" else 5) and train.name == "cifar10"


def test_whole_batches_are_checked_by_length_and_classes(offline, tmp_path):
    each = np.zeros((10_000, 3073), np.uint8)
    each[:, 0] = np.arange(10_000) % 10
    path = pack(
        tmp_path / "cifar-10-batches-bin", {f"{s}.bin": each.tobytes() for s in STEMS}, "folder"
    )
    assert [len(part) for part in load("cifar10", tmp_path)] == [50_000, 10_000]
    each[0, 0] = 1
    (path / "data_batch_3.bin").write_bytes(each.tobytes())
    with pytest.raises(VaekitError, match=r"4999 to 5001 images where each should have 5000"):
        load("cifar10", tmp_path)
    (path / "data_batch_3.bin").write_bytes(each[:-1].tobytes())
    with pytest.raises(VaekitError, match=r"data_batch_3\.bin in .* 30730000 bytes.* has 30726927"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data_batch_2.bin", None, r"has no data_batch_2\.bin"),
        ("test_batch.bin", None, r"has no test_batch\.bin"),
        ("data_batch_2.bin", b"", "but has 0: get it again"),
        ("data_batch_2.bin", bytes(3073 + 3000), "but has 6073: get it again"),
        ("data_batch_2.bin", b"\x0b" + bytes(3072), "has the class 11, but CIFAR-10 has 0 to 9"),
    ],
)
@pytest.mark.parametrize("kind", ["folder", ".tar.gz"])
def test_bad_batches(offline, tmp_path, kind, name, content, message):
    files, _ = batches()
    files = {k: v for k, v in files.items() if k != name} | (
        {} if content is None else {name: content}
    )
    path = pack(tmp_path / "copy", files, kind)
    with pytest.raises(VaekitError, match=message):
        cifar10(path=path, check=False)


def test_archives_that_are_not_the_published_one(offline, tmp_path):
    path = pack(tmp_path / "cifar-10-binary", batches()[0], ".tar.gz")
    with pytest.raises(
        VaekitError, match=rf"md5 is \w+, expected {CIFAR10.checksum}.\n.*check=false"
    ):
        load("cifar10", tmp_path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(VaekitError, match=r"cannot read .*cifar-10-binary\.tar\.gz"):
        load("cifar10(check=false)", tmp_path)


def test_download_with_the_published_checksum(offline, tmp_path, monkeypatch):
    made = pack(tmp_path / "home" / "cifar-10-binary", batches()[0], ".tar.gz")
    asked = []

    def retrieve(url: str, known_hash: str | None, fname: str, path: Path) -> str:
        asked.append((url, known_hash))
        path.mkdir(parents=True, exist_ok=True)
        return str(shutil.copy(made, path / fname))

    monkeypatch.setattr("pooch.retrieve", retrieve)
    home = replace(CIFAR10, checksum=hashlib.md5(made.read_bytes()).hexdigest())
    monkeypatch.setattr("vaekit.data.sets.cifar10.CIFAR10", home)
    with pytest.raises(VaekitError, match="30730000 bytes"):
        cifar10()
    assert asked[0][0] == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert asked[0][1].startswith("md5:")
    assert len(cifar10(check=False).train) == 20 and len(asked) == 1  # now from the cache


def test_missing(offline, tmp_path):
    with pytest.raises(VaekitError, match=r"cifar-10-binary\.tar\.gz is not in .*no route to host"):
        load("cifar10", tmp_path)
    pack(tmp_path / "cifar10-jpeg", pictures(), ".zip")
    with pytest.raises(VaekitError, match=r'cifar10-jpeg\.zip: "cifar10\(pictures=true\)"'):
        load("cifar10", tmp_path)


# ---- pickles


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("the pickle was opened",)


PICKLES = {
    **{name: pickle.dumps(Bomb()) for name in STEMS},
    "batches.meta": pickle.dumps(Bomb()),
}


@pytest.mark.parametrize("kind", ["folder", ".tar.gz"])
def test_pickles_are_refused(offline, tmp_path, kind):
    inside = PICKLES if kind == "folder" else below("cifar-10-batches-py", PICKLES)
    name = "cifar-10-batches-py" if kind == "folder" else "cifar-10-python"
    path = pack(tmp_path / "d" / name, inside, kind)
    message = r"pickle, which is never opened.*cifar-10-binary\.tar\.gz"
    with pytest.raises(VaekitError, match=message):
        load("cifar10", tmp_path / "d")
    with pytest.raises(VaekitError, match=message):
        cifar10(path=path)
    with pytest.raises(VaekitError, match=message):  # under another name
        cifar10(path=path.rename(path.with_name("other")))
    with pytest.raises(VaekitError, match="holds none of the pictures"):
        cifar10(path=path.with_name("other"), pictures=True)


def test_pickles_beside_the_binary_version_do_no_harm(offline, tmp_path):
    pack(tmp_path, {**PICKLES, **batches()[0]}, "folder")
    assert len(load("cifar10(check=false)", tmp_path).train) == 20


# ---- pictures


def pictures(train: int = 3, test: int = 1, side: int = 32) -> dict[str, bytes]:
    return {
        f"{part}/{kind}/{k:04d}.png": encoded(
            np.full((side, side, 3), [10 * c, k, int(part == "test")], np.uint8), "PNG"
        )
        for part, n in (("test", test), ("train", train))
        for c, kind in enumerate(CIFAR_CLASSES)
        for k in range(n)
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["cifar10-jpeg", "cifar10/cifar10-png"])
def test_pictures(offline, tmp_path, kind, name):
    folder = tmp_path / "d" / (Path(name).parent if kind != "folder" else Path(name).parts[0])
    pack(folder / (Path(name).name if kind != "folder" else ""), pictures(), kind)
    train, test = load("cifar10(pictures=true, check=false)", tmp_path / "d")
    assert (len(train), len(test)) == (30, 10) and train.images is test.images
    assert train.labels[train.rows].tolist() == [c for c in range(10) for _ in range(3)]
    assert test.images[test.rows][:, :, 5, 5].tolist() == [[10 * c, 0, 1] for c in range(10)]
    assert train.name == "cifar10-pictures" and train.label_names == CIFAR_CLASSES


def test_bad_pictures(offline, tmp_path):
    for number, (files, message) in enumerate(
        [
            (pictures(), "classes have 3 to 3 images where each should have 5000"),
            (pictures(side=8), r"are \(3, 8, 8\), but those of CIFAR-10 \(3, 32, 32\)"),
            ({"train/cat/0.jpg": b"no"}, r"train/cat/0\.jpg in .*: cannot read the picture"),
            (pictures(test=0), "has no pictures in test|each should have 5000"),
            ({"train/lion/0.jpg": b"no"}, "holds none of the pictures"),
        ]
    ):
        path = pack(tmp_path / str(number), files, ".zip")
        with pytest.raises(VaekitError, match=message):
            cifar10(pictures=True, path=path)
    with pytest.raises(VaekitError, match="has no pictures in test"):
        cifar10(pictures=True, path=pack(tmp_path / "x", pictures(test=0), ".zip"), check=False)
    with pytest.raises(VaekitError, match=r"no folder with train/airplane.*path='FOLDER'"):
        cifar10(pictures=True, data_dir=tmp_path)


def test_the_real_jpegs(real, own_cache):
    if not (real / "cifar10-jpeg").is_dir():
        pytest.skip(f"no CIFAR-10 as JPEG in {real}")
    train, test = load("cifar10(pictures=true)", real)
    assert train.labels[train.rows].bincount().tolist() == [5000] * 10
    assert test.labels[test.rows].bincount().tolist() == [1000] * 10
    means = train.images[train.rows[::10]].float().mean((0, 2, 3)).tolist()
    assert means == pytest.approx([125.3, 122.9, 113.9], abs=1)
    assert train.files == {
        "cifar10-jpeg.tar.xz": "28023980c45b22f9faf3e3ecb40404935f3ee8953b87a25ed234284c128cb298"
    }
