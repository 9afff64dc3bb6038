"""What lies in a folder of pictures: parts, classes, wrappers, and what is left out with a note."""

import os
import socket
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vaekit.data import Splits, load
from vaekit.data.files import layout, tree
from vaekit.errors import VaekitError, VaekitWarning


def made(root: Path, spec: str) -> Path:
    """Write what a text says: `cat*3` is three pictures in cat, `cat/a.png` one, else a text."""
    for word in spec.split():
        name, _, count = word.partition("*")
        paths = [f"{name}/{k}.png" for k in range(int(count))] if count else [name]
        for path in (root / "ds" / each for each in paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png":
                Image.fromarray(np.zeros((4, 4), np.uint8)).save(path)
            else:
                path.write_text("no picture")
    return root / "ds"


def told(found: Splits) -> str:
    """Tell the size and the classes of the parts, as in «4 a b | 2»."""
    parts = [found.train] if found.train is found.test else [found.train, found.test]
    assert all((part.labels is None) == (not part.label_names) for part in parts)
    return " | ".join(" ".join([str(len(part)), *part.label_names]) for part in parts)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("images/001.a*3 images/002.b*2 parts/x.txt", "5 001.a 002.b"),
        ("images/train*3 images/val*2 labels/train/x.txt labels/val/x.txt", "3 | 2"),
        ("train/images*3 train/labels/x.txt val/images*2 val/labels/x.txt", "3 | 2"),
        ("train/a*2 train/b*2 val/x.txt", "4 a b"),
        ("train/a*2 train/b*2 test/deep/x.txt", "4 a b"),
        ("train*3 test/x.txt", "3"),
        ("cat*2 dog*2 notes/a/b/x.txt", "4 cat dog"),
        (
            "seg_train/seg_train/x*2 seg_train/seg_train/y*2 seg_test/seg_test/x*1 seg_test/y/y*1",
            "",
        ),
        ("mnist_train/0*2 mnist_train/1*2 mnist_test/0*2 mnist_test/1*2", "4 0 1 | 4 0 1"),
        ("MNISTTrain*3 MNISTTest*2", "3 | 2"),
        ("X-train*3 X-test*2", "3 | 2"),
        ("trainset/a*2 testset/a*1", "2 a | 1 a"),
        ("TrainingData/a*2 ValidationData/a*1", "2 a | 1 a"),
        ("train_images*3 test_images*2", "3 | 2"),
        ("trainval*3 test*2", "3 | 2"),
        ("train*3 eval*2", "3 | 2"),
        ("train*3 evaluation*2", "3 | 2"),
        ("train*3 hold-out*2", "3 | 2"),
        ("train*3 Holdout_Set*2", "3 | 2"),
        ("train/cat/x*2 train/cat/y*2 test/cat/x*1 test/cat/y*1", "4 x y | 2 x y"),
        ("train/a/deep*2 train/b/deep*2 test/a/deep*1 test/b/deep*1", "4 a b | 2 a b"),
    ],
)
def test_layouts(spec, wanted, tmp_path):
    if not wanted:
        with pytest.raises(VaekitError, match="train and test differ"):
            load(made(tmp_path, spec), holdout=0)
        return
    assert told(load(made(tmp_path, spec), holdout=0)) == wanted


@pytest.mark.parametrize(
    ("spec", "wanted", "says"),
    [
        (
            "seg_train/seg_train/x*2 seg_test/seg_test/x*1 seg_pred/seg_pred*3",
            "2 x | 1 x",
            "3 .*seg_p",
        ),
        (
            "train*3 test*2 holdout*1 val*1",
            "3 | 2",
            "2 pictures beside train and test .*holdout, val",
        ),
        ("train*3 test*2 syn_train*1 syn_test*1", "3 | 2", "2 pictures .*syn_test, syn_train"),
        ("train/a*2 train/b*2 test/a*1", "4 a b | 1 a b", "test has no pictures of the classes b"),
        ("train/a*2 train/b*2 test*3", "4 a b | 3", "those to test on are read without classes"),
        ("train/a*2 train/b*2 test/test*3", "4 a b | 3", "read without classes"),
        ("train/a*2 train/b*2 test/images*3", "4 a b | 3", "read without classes"),
        ("train*3 test/a*1 test/b*1", "3 | 2", "pictures of train lie in no folders"),
        ("train/a*2 train/b*2 val/x.heic", "4 a b", "1 .heic are left out"),
        ("car*1 plane*1 train*1", "3 car plane train", "as classes: train beside car, plane"),
        ("bullet_train*1 cat*1", "2 bullet_train cat", "as classes: bullet_train beside cat"),
        ("bullet_train*1 test_tube*1", "2 bullet_train test_tube", "as classes"),
        ("cat*2 dog*2 preview0.png", "4 cat dog", "1 pictures beside cat, dog .*out: preview0.png"),
        ("cat/0.png dog/0.png a.png", "2 cat dog", "left out: a.png"),
        ("cat/0.png dog/0.png a.png b.png", "4", "cat, dog are not read as classes, since 2 "),
        ("zip/cat*2 zip/dog*2 a.png", "4 cat dog", "1 pictures beside zip are left out: a.png"),
        ("train/a*3 train/b*3 train/c.png test/a*1 test/b*1", "6 a b | 2 a b", "out: train/c.png"),
        ("images*4 cover.png", "4", "left out: cover.png"),
        ("more*4 a.png", "5", "the folders more are not read as classes"),
        ("a*1 IM0001 b.0017 README LICENSE x.txt", "1 a", "2 without an ending are left out"),
    ],
)
def test_what_may_be_meant_otherwise_is_said(spec, wanted, says, tmp_path):
    with pytest.warns(VaekitWarning, match=says):
        assert told(load(made(tmp_path, spec), holdout=0)) == wanted


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("train*3 public*2", "holds train beside public: are these classes, or parts"),
        ("train/a*1 train/b*1 x/a*1 y/a*1", "holds train beside x, y"),
        ("cat*3 dog*3 test*2", "holds test beside cat, dog"),
        ("val*3 test*2", "holds test, val: "),
        ("mnist_train*3 test*2", "holds mnist_train, test: "),
        ("test*2 a.png b.png c.png", "holds test beside a.png, b.png, c.png"),
        ("test*4 a.png", "holds test beside a.png"),
        (
            "cat/train*2 cat/test*1 dog/train*2 dog/test*1",
            r"train and test lie within .*\(cat, dog",
        ),
        ("cat/x/train*2 cat/x/val*1 dog/x*2", r"train and val lie within other folders \(cat/x\)"),
        ("images/train*2 images/val*1 masks/train*2 masks/val*1", "name one of these"),
        ("trainA*1 trainB*1 testA*1 testB*1", "trainA and testA; trainB and testB: put those"),
        ("train/a*1 train/b*1 test/a*1 test/c*1", "classes a, b and a, c: add pictures of c to"),
        ("IM0001 a.heic", "no pictures in .*there are .*1 without an ending"),
    ],
)
def test_what_might_mix_is_refused(spec, says, tmp_path):
    with warnings.catch_warnings(), pytest.raises(VaekitError, match=says):
        warnings.simplefilter("ignore", VaekitWarning)
        load(made(tmp_path, spec), holdout=0)


def test_a_wrapper_with_the_name_of_a_class_is_one(tmp_path):
    """MVTec: one class to train on, of which the part to test on has more."""
    root = made(tmp_path, "train/good/x*2 test/good/x*1 test/bad/x*1")
    with pytest.raises(VaekitError, match="classes good and bad, good: add pictures of bad"):
        load(root)


def test_parts_of_other_sizes_or_colours(tmp_path):
    root = made(tmp_path, "train*2 test*2")
    for pixels, cure in (((4, 4, 3), "gray=true makes both grey"), ((6, 5), "size=4 makes them")):
        for path in (root / "test").iterdir():
            Image.fromarray(np.zeros(pixels, np.uint8)).save(path)
        with pytest.raises(VaekitError, match=f"train and test differ: images .*{cure}"):
            load(root)


def test_a_link_to_a_class_is_a_class(tmp_path):
    root = made(tmp_path, "cat*2 dog*1")
    (root / "zebra").symlink_to("cat")
    (root / "cat" / "up").symlink_to(root)
    (root / "cat" / "self").symlink_to(".")
    assert told(load(root, holdout=0)) == "5 cat dog zebra"


def test_links_that_multiply_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tree, "_WAYS", 50)
    for a in range(6):
        (tmp_path / str(a)).mkdir()
        for b in range(6):
            (tmp_path / str(a) / f"to{b}").symlink_to(tmp_path / str(b))
    with pytest.raises(VaekitError, match="in more than 50 ways: remove them"):
        load(tmp_path)


def test_what_is_no_file_does_not_block(tmp_path):
    root = made(tmp_path, "cat*1")
    os.mkfifo(root / "cat" / "p.png")
    with socket.socket(socket.AF_UNIX) as held:
        held.bind(str(root / "cat" / "s.png"))
        with pytest.warns(VaekitWarning, match="2 of 3 pictures are skipped"):
            assert len(load(root, holdout=0, skip=True).train) == 1
    with pytest.raises(VaekitError, match=r"[ps]\.png \(it is no regular file.*skip=true"):
        load(root)


def test_a_folder_that_is_closed_is_said(tmp_path, monkeypatch):
    root, scan = made(tmp_path, "cat*1 dog*1"), os.scandir

    def scandir(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.warns(VaekitWarning, match=r"cannot look into .*dog \(.*Permission denied"):
        assert told(load(root, holdout=0)) == "1 cat"


def test_all_parts_are_listed(tmp_path):
    root = made(tmp_path, "train/a*2 test/a*1")
    names = [file.path.relative_to(root).as_posix() for file in layout.list_pictures(root)]
    assert names == ["train/a/0.png", "train/a/1.png", "test/a/0.png"]


@pytest.mark.parametrize("spec", [b"a/\xff.png", b"\xff/1.png"])
def test_names_that_are_no_text_are_refused(spec, tmp_path):
    root = made(tmp_path, "a/0.png a/1.png b/2.png")
    path = os.path.join(os.fsencode(root), spec)  # noqa: PTH118 (of bytes)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        os.link(root / "a" / "0.png", path)
    except OSError:
        pytest.skip("this file system takes names of text alone")
    with pytest.raises(VaekitError, match=r"xff.* is a name that is no UTF-8: rename it"):
        load(root)
